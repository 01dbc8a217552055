//! The faces, one list of routes. Handlers read; only the catalogue writes.
mod dcat;
mod pages;
mod reply;
mod sparql;
pub mod validate;

use crate::catalogue::Catalogue;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

pub type Shared = State<Arc<Catalogue>>;

/// The whole URL space.
pub fn router(catalogue: Arc<Catalogue>) -> Router {
    Router::new()
        .route("/", get(pages::home))
        .route("/resource/{name}", get(dcat::resource))
        .route("/agent/{slug}", get(dcat::agent))
        .route("/ns", get(dcat::namespace))
        .route("/catalog", get(dcat::catalogue))
        .route("/{file}", get(dcat::catalogue_file))
        .route("/catalog/{file}", get(dcat::dump))
        .route("/sparql", get(sparql::get).post(sparql::post))
        .route(
            "/validate",
            get(validate::get)
                .post(validate::post)
                .layer(axum::extract::DefaultBodyLimit::max(validate::LIMIT)),
        )
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(|| async {
            reply::problem(
                crate::error::Kind::NotFound,
                "no page has this address; the library starts at /",
            )
        })
        .layer(axum::middleware::from_fn(reply::request_id))
        .layer(
            tower_http::cors::CorsLayer::new()
                .allow_origin(tower_http::cors::Any)
                .allow_methods([
                    axum::http::Method::GET,
                    axum::http::Method::HEAD,
                    axum::http::Method::POST,
                ]),
        )
        .layer(tower_http::compression::CompressionLayer::new())
        .layer(tower_http::limit::RequestBodyLimitLayer::new(8 << 20))
        .with_state(catalogue)
}

async fn ready(State(catalogue): Shared) -> Response {
    if catalogue.graph.read().await.is_some() {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "loading: graph\n").into_response()
    }
}

/// The `Accept` header, empty where there is none.
fn accept(headers: &HeaderMap) -> &str {
    headers
        .get("accept")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
}

pub use dcat::whole;

/// The published records as the sheet's 22 columns.
pub async fn sheet(catalogue: &Catalogue) -> crate::error::Result<Vec<u8>> {
    dcat::sheet(&catalogue.ledger.published().await?)
}
