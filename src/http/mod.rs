//! The faces, one list of routes. Handlers read; only the catalogue writes.
pub mod access;
mod admin;
mod api;
mod assets;
mod client;
mod dcat;
pub mod document;
mod dsp;
#[cfg(any(test, fuzzing))]
pub mod edges;
mod entry;
mod feed;
pub mod frame;
mod hub;
mod matching;
mod ngsi;
mod oai;
pub mod pages;
mod quality;
pub mod reply;
mod search;
pub mod server;
mod sitemap;
mod sparql;
mod stats;
mod suggest;
mod targets;
mod terms;
mod texts;
mod themes;
pub mod validate;
pub mod words;

pub use sparql::Limits;

use crate::catalogue::Catalogue;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::oidc::Provider;
use crate::telemetry::{self, Holdings};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::cors::{Any, CorsLayer};

pub type Shared = State<Arc<Catalogue>>;

/// The whole URL space, below the path of the public URL.
///
/// # Errors
/// A setting is wrong.
pub fn router(catalogue: Arc<Catalogue>, config: &Config) -> crate::error::Result<Router> {
    let proxies = client::Proxies(Arc::new(config.proxies()?));
    let policy = reply::policy(&config.server.frame_ancestors)?;
    let base = pages::root(&catalogue.public_url)
        .trim_end_matches('/')
        .to_owned();
    let signs_in = !config.sign_in.issuer.is_empty();
    let dsp = dsp::routes(&catalogue, &config.dsp, signs_in)?;
    let routes = Router::new()
        .route("/", get(search::home))
        .route("/search", get(search::negotiated))
        .route("/resource/{name}", get(dcat::resource))
        .route("/resource/{name}/versions", get(entry::versions))
        .route("/resource/{name}/versions/{number}", get(entry::version))
        .route("/agent/{name}", get(dcat::agent))
        .route("/ns", get(dcat::namespace))
        .route("/assets/{name}", get(assets::get))
        .route("/layer/{key}", get(themes::layer))
        .route("/mim/{number}", get(themes::mim))
        .route("/stats", get(stats::page))
        .route("/twins", get(themes::map))
        .route("/about", get(texts::about))
        .route("/about/{part}", get(texts::part))
        .route("/sign-in", get(access::sign_in).post(access::begin))
        .route("/sign-in/provider", get(access::leave))
        .route("/sign-in/callback", get(access::arrive))
        .route("/sign-out", axum::routing::post(access::end))
        .route("/catalog", get(dcat::catalogue))
        .route("/{file}", get(dcat::catalogue_file))
        .route("/catalog/{file}", get(dcat::dump))
        .merge(sparql::router(Limits::from(&config.sparql)))
        .merge(suggest::router(&config.suggestions)?)
        .merge(admin::router(&config.suggestions))
        .merge(texts::router())
        .merge(targets::router())
        .merge(api::router())
        .merge(search::forms())
        .merge(quality::router())
        .merge(feed::router())
        .merge(oai::router(&config.feeds))
        .merge(hub::router(&config.feeds))
        .merge(sitemap::router())
        .merge(matching::router())
        .merge(ngsi::router(&config.ngsi))
        .merge(dsp.inside)
        .route("/contexts/{name}", get(ngsi::served))
        .route(
            "/validate",
            get(validate::get)
                .post(validate::post)
                .layer(axum::extract::DefaultBodyLimit::max(validate::LIMIT)),
        )
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(|method: Method| async move {
            let why = format!(
                "{method} is not taken here: GET and HEAD read, and the Allow header lists what else there is"
            );
            Error::new(Kind::MethodNotAllowed, why)
        })
        .fallback(|| async {
            Error::new(
                Kind::NotFound,
                "no page has this address; the library starts at /",
            )
        });
    let routes = if base.is_empty() {
        routes
    } else {
        let outside = format!("nothing is here; the library starts at {base}/");
        // Probes ask the host itself, whatever path the readers use.
        Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .merge(dsp.at_root)
            .route(&format!("{base}/"), get(search::home))
            .nest(&base, routes)
            .fallback(|| async { Error::new(Kind::NotFound, outside) })
    };
    // From the inside out: each sees what those above it answered.
    let patience = std::time::Duration::from_secs(config.server.patience_seconds.max(1));
    let mut routes = routes
        .layer(tower_http::limit::RequestBodyLimitLayer::new(
            config.server.body_megabytes << 20,
        ))
        .layer(tower_http::timeout::RequestBodyTimeoutLayer::new(patience));
    if let Some(rates) = server::Rates::of(&config.server) {
        routes = routes
            .layer(axum::middleware::from_fn(server::limit))
            .layer(axum::Extension(rates));
    }
    let mut routes = routes
        .layer(axum::middleware::from_fn_with_state(
            catalogue.clone(),
            reply::problems,
        ))
        .layer(axum::middleware::from_fn_with_state(
            catalogue.clone(),
            frame::speak,
        ))
        .layer(axum::middleware::from_fn_with_state(
            catalogue.clone(),
            access::recognise,
        ))
        .layer(
            CorsLayer::new()
                .allow_origin(Any)
                .allow_methods([Method::GET, Method::HEAD, Method::POST])
                .allow_headers([
                    header::ACCEPT,
                    header::CONTENT_TYPE,
                    header::IF_MODIFIED_SINCE,
                    header::IF_NONE_MATCH,
                    header::IF_RANGE,
                    header::LINK,
                    header::RANGE,
                ])
                .expose_headers([
                    header::ACCEPT_RANGES,
                    header::CONTENT_RANGE,
                    header::ETAG,
                    header::LAST_MODIFIED,
                    header::LINK,
                    header::RETRY_AFTER,
                    reply::REQUEST_ID,
                    ngsi::COUNT,
                ]),
        )
        .layer(CompressionLayer::new().compress_when(
            // What is packed already is sent as it is.
            DefaultPredicate::new().and(NotForContentType::const_new("application/gzip")),
        ))
        .layer(axum::middleware::from_fn_with_state(
            policy,
            reply::request_id,
        ))
        .layer(axum::Extension(proxies));
    if let Some(provider) = Provider::of(&config.sign_in, &catalogue.public_url)? {
        routes = routes.layer(axum::Extension(provider));
    }
    Ok(routes.with_state(catalogue))
}

async fn ready(State(catalogue): Shared) -> Response {
    let indexed = catalogue.search.read().await.is_some();
    if catalogue.entities.read().await.is_none() {
        let text = "loading: NGSI-LD entities; entries, DCAT and the first page answer already\n";
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    } else if !indexed {
        let text = "loading: search; entries, DCAT and the first page answer already\n";
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    } else if catalogue.graph.read().await.is_some() {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        let (done, all) = catalogue.progress();
        let text =
            format!("loading: graph, {done} of {all} records; pages and DCAT answer already\n");
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    }
}

async fn metrics(State(catalogue): Shared) -> crate::error::Result<Response> {
    let (cursor, live, dead) = match catalogue.graph.read().await.as_ref() {
        Some(graph) => (graph.cursor, graph.live, graph.dead),
        None => (0, 0, 0),
    };
    let mut targets = Vec::new();
    for target in &catalogue.targets {
        let progress = catalogue.ledger.progress(&target.name).await?;
        let undelivered = catalogue.ledger.undelivered_count(&target.name).await?;
        targets.push((target.name.clone(), progress, undelivered));
    }
    let text = telemetry::exposition(&Holdings {
        targets,
        states: catalogue.ledger.states().await?,
        links: catalogue.ledger.link_states().await?,
        listeners: catalogue.ledger.listeners().await?,
        seq: catalogue.extent().seq,
        cursor,
        live,
        dead,
    })?;
    let media = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, media)], text).into_response())
}

/// The `Accept` header, empty where there is none.
fn accept(headers: &HeaderMap) -> &str {
    headers
        .get("accept")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
}
