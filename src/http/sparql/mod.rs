//! SPARQL 1.1 Protocol, query operation ([section 2.1](https://www.w3.org/TR/sparql11-protocol/#query-operation)):
//! GET and both forms of POST, the description of the service, and a page for people.
//!
//! The dataset is one default graph, named by the catalogue's address, and no named graph. A
//! dataset that a request or query names is honoured if it is just that; any other is refused with
//! 400 (section 2.1.4). Updates and SERVICE are refused.
pub(super) mod admit;
#[cfg(test)]
mod attacks;
mod describe;
mod engine;
mod guard;
mod page;
mod results;
mod terms;

pub use engine::Limits;

use super::frame::Frame;
use super::{Shared, accept, reply};
use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use admit::Admitted;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use engine::{Budget, Engine};
use oxigraph::store::Store;
use results::{Format, Written};
use spargebra::Query;
use spargebra::algebra::QueryDataset;
use std::sync::Arc;

const NO_UPDATES: &str =
    "updates are refused: the graph follows the catalogue, which changes by import";

/// `/sparql`, with places for queries of its own.
pub fn router(limits: Limits) -> Router<Arc<Catalogue>> {
    Router::new()
        .route("/sparql", routing::get(get).post(post))
        .route("/sparql/terms.json", routing::get(terms::get))
        .layer(Extension(Arc::new(Engine::new(limits))))
}

/// What a request asks, gathered from its address and body.
#[derive(Default)]
struct Asked {
    queries: Vec<String>,
    updates: usize,
    default_graphs: Vec<String>,
    named_graphs: Vec<String>,
    /// Instead of `Accept`, for links.
    format: Option<String>,
}

impl Asked {
    /// Takes what `application/x-www-form-urlencoded` says; unknown parameters are passed over.
    fn take(&mut self, form: &str) -> Result<()> {
        let decoded = |piece: &str| {
            percent_encoding::percent_decode_str(&piece.replace('+', " "))
                .decode_utf8()
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| Error::bad_input("a parameter is not UTF-8"))
        };
        for pair in form.split('&').filter(|p| !p.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value)?;
            match decoded(key)?.as_str() {
                "query" => self.queries.push(value),
                "update" => self.updates += 1,
                "default-graph-uri" => self.default_graphs.push(value),
                "named-graph-uri" => self.named_graphs.push(value),
                "format" => self.format = Some(value),
                _ => {}
            }
        }
        Ok(())
    }
}

/// An error with what is needed to tell it: the query it is about, whether to come again.
struct Refused {
    error: Error,
    query: String,
    again: bool,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self {
            error,
            query: String::new(),
            again: false,
        }
    }
}

async fn get(
    State(catalogue): Shared,
    Extension(engine): Extension<Arc<Engine>>,
    RawQuery(form): RawQuery,
    frame: Frame,
    headers: HeaderMap,
) -> Response {
    let mut asked = Asked::default();
    let taken = asked.take(form.as_deref().unwrap_or_default());
    let wanted = wanted(&asked, &headers);
    let answer = match (taken, wanted) {
        (Err(error), wanted) => (Err(error.into()), wanted.unwrap_or_default()),
        (_, Err(error)) => (Err(error.into()), String::new()),
        (Ok(()), Ok(wanted)) => {
            let answer = if asked.queries.is_empty() && asked.updates == 0 {
                description(&frame, &catalogue, &engine, &headers, &wanted)
                    .await
                    .map_err(Refused::from)
            } else {
                run(&frame, &catalogue, &engine, asked, &wanted).await
            };
            (answer, wanted)
        }
    };
    told(answer.0, &answer.1, &frame, &engine)
}

async fn post(
    State(catalogue): Shared,
    Extension(engine): Extension<Arc<Engine>>,
    RawQuery(form): RawQuery,
    frame: Frame,
    headers: HeaderMap,
    body: std::result::Result<Bytes, BytesRejection>,
) -> Response {
    let mut asked = Asked::default();
    let taken = posted(&mut asked, form.as_deref(), &headers, body);
    let wanted = wanted(&asked, &headers);
    let answer = match (taken, wanted) {
        (Err(error), wanted) => (Err(error.into()), wanted.unwrap_or_default()),
        (_, Err(error)) => (Err(error.into()), String::new()),
        (Ok(()), Ok(wanted)) => (
            run(&frame, &catalogue, &engine, asked, &wanted).await,
            wanted,
        ),
    };
    told(answer.0, &answer.1, &frame, &engine)
}

/// Reads a POST by its media type (sections 2.1.2 and 2.1.3).
fn posted(
    asked: &mut Asked,
    form: Option<&str>,
    headers: &HeaderMap,
    body: std::result::Result<Bytes, BytesRejection>,
) -> Result<()> {
    asked.take(form.unwrap_or_default())?;
    let body =
        body.map_err(|e| Error::new(Kind::TooLarge, format!("the body cannot be taken: {e}")))?;
    let text = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let mut pieces = text.split(';').map(str::trim);
    let media = pieces.next().unwrap_or_default().to_ascii_lowercase();
    let charset = pieces
        .filter_map(|p| p.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map_or("utf-8", |(_, value)| value.trim().trim_matches('"'));
    let unsupported = |message| Err(Error::new(Kind::UnsupportedMediaType, message));
    if !["utf-8", "utf8", "us-ascii"]
        .iter()
        .any(|known| charset.eq_ignore_ascii_case(known))
    {
        return unsupported(format!("charset {charset:?} is not read here; send UTF-8"));
    }
    let text = std::str::from_utf8(&body).map_err(|_| Error::bad_input("the body is not UTF-8"))?;
    match media.as_str() {
        "application/sparql-query" => asked.queries.push(text.to_owned()),
        "application/x-www-form-urlencoded" => asked.take(text)?,
        "application/sparql-update" => asked.updates += 1,
        other => {
            return unsupported(format!(
                "{other:?} is neither application/sparql-query nor application/x-www-form-urlencoded"
            ));
        }
    }
    Ok(())
}

/// The media types that the client takes.
fn wanted(asked: &Asked, headers: &HeaderMap) -> Result<String> {
    match &asked.format {
        Some(name) => results::named(name).map(str::to_owned),
        None => Ok(accept(headers).to_owned()),
    }
}

/// Without a query: the page for people, the description for programs.
async fn description(
    frame: &Frame,
    catalogue: &Catalogue,
    engine: &Engine,
    headers: &HeaderMap,
    wanted: &str,
) -> Result<Response> {
    let (media, format) = results::choose_graph(wanted)?;
    let Format::Graph(format) = format else {
        let page = page::Page::empty(frame, &engine.limits).render()?;
        return Ok(reply::body(headers, media, page, 0));
    };
    let store = catalogue
        .graph
        .read()
        .await
        .as_ref()
        .map(|g| g.store.clone());
    let triples = match store {
        // Counting walks over all statements.
        Some(store) => tokio::task::spawn_blocking(move || store.len())
            .await
            .map_err(Error::internal)??,
        None => 0,
    };
    let graph = describe::service(&catalogue.public_url, triples);
    let content = results::write_graph(graph, format, &describe::PREFIXES)?;
    Ok(reply::body(headers, media, content, 0))
}

async fn run(
    frame: &Frame,
    catalogue: &Catalogue,
    engine: &Engine,
    mut asked: Asked,
    wanted: &str,
) -> std::result::Result<Response, Refused> {
    if asked.updates > 0 {
        return Err(Error::bad_input(NO_UPDATES).into());
    }
    let query = match (asked.queries.pop(), asked.queries.is_empty()) {
        (Some(query), true) => query,
        (None, _) => return Err(Error::bad_input("a query is missing").into()),
        (Some(_), false) => {
            return Err(Error::bad_input("exactly one query is taken, not several").into());
        }
    };
    let refused = |error, again| Refused {
        error,
        query: query.clone(),
        again,
    };
    let store = catalogue
        .graph
        .read()
        .await
        .as_ref()
        .map(|g| g.store.clone());
    let Some(store) = store else {
        let message = "the graph is still loading; /readyz says when it is there";
        return Err(refused(Error::new(Kind::Busy, message), true));
    };
    let place = engine.place().await.map_err(|e| refused(e, true))?;
    let work = {
        let text = query.clone();
        let wanted = wanted.to_owned();
        let public_url = catalogue.public_url.clone();
        let frame = frame.clone();
        move |budget: &Arc<Budget>| {
            let mut admitted = admit::admit(&text, budget.limits.query_bytes)?;
            let name = format!("{public_url}catalog");
            dataset(&asked, take_dataset(&mut admitted.query), &name)?;
            let (media, answer) = evaluate(admitted, &wanted, &store, budget)?;
            let body = match answer {
                Written::Body(body) => body,
                Written::Page(shown) => {
                    page::Page::shown(&frame, &text, shown, &budget.limits).render()?
                }
            };
            Ok((media, body))
        }
    };
    let (media, body) = engine
        .run(place, work)
        .await
        .map_err(|e| refused(e, false))?;
    let media = reply::content_type(media);
    Ok((
        [
            (header::CONTENT_TYPE, media.as_str()),
            (header::VARY, "accept"),
        ],
        body,
    )
        .into_response())
}

/// The whole answer and its media type.
fn evaluate(
    admitted: Admitted,
    wanted: &str,
    store: &Store,
    budget: &Arc<Budget>,
) -> Result<(&'static str, Written)> {
    let (media, format) = results::choose(&admitted.query, wanted)?;
    let (evaluator, query) = guard::guarded(admitted, budget);
    let found = evaluator
        .for_query(query)
        .on_store(store)
        .execute()
        .map_err(results::evaluation)?;
    Ok((media, results::write(found, format, budget)?))
}

fn take_dataset(query: &mut Query) -> Option<QueryDataset> {
    let (Query::Select { dataset, .. }
    | Query::Construct { dataset, .. }
    | Query::Describe { dataset, .. }
    | Query::Ask { dataset, .. }) = query;
    dataset.take()
}

/// Refuses any dataset but our own. What the request names stands before what the query names.
fn dataset(asked: &Asked, own: Option<QueryDataset>, name: &str) -> Result<()> {
    let (default, named): (Vec<String>, Vec<String>) =
        if asked.default_graphs.is_empty() && asked.named_graphs.is_empty() {
            let text = |n: oxigraph::model::NamedNode| n.into_string();
            own.map_or_else(Default::default, |d| {
                (
                    d.default.into_iter().map(text).collect(),
                    d.named.into_iter().flatten().map(text).collect(),
                )
            })
        } else {
            (asked.default_graphs.clone(), asked.named_graphs.clone())
        };
    if let Some(graph) = default.iter().find(|g| *g != name) {
        return Err(Error::bad_input(format!(
            "{graph} is no default graph here: the one there is has the name {name}"
        )));
    }
    if let Some(graph) = named.first() {
        return Err(Error::bad_input(format!(
            "{graph} is no named graph here: all statements are in the default graph, {name}"
        )));
    }
    Ok(())
}

/// An error as a problem document, or as the page with the query kept.
fn told(
    answer: std::result::Result<Response, Refused>,
    wanted: &str,
    frame: &Frame,
    engine: &Engine,
) -> Response {
    const OFFERED: [(&str, bool); 3] = [
        ("application/problem+json", false),
        ("application/json", false),
        ("text/html", true),
    ];
    let Refused {
        error,
        query,
        again,
    } = match answer {
        Ok(response) => return response,
        Err(refused) => refused,
    };
    let people = reply::negotiate(wanted, &OFFERED).is_some_and(|o| o.1);
    let status = StatusCode::from_u16(error.kind.status());
    let page = (people && error.kind != Kind::Internal)
        .then(|| page::Page::refused(frame, &query, &error, &engine.limits).render());
    let mut response = match (page, status) {
        (Some(Ok(page)), Ok(status)) => (
            status,
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            page,
        )
            .into_response(),
        _ => error.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if again {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
    } else {
        // What is over its budget once is over it again.
        headers.remove(header::RETRY_AFTER);
    }
    response
}
