//! SPARQL 1.1 Protocol, query operation (section 2.1): GET and both forms of POST.
use super::{Shared, accept, pages, reply};
use crate::error::{Error, Kind, Result};
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use oxigraph::io::{RdfFormat, RdfSerializer};
use oxigraph::model::{GraphName, NamedNode};
use oxigraph::sparql::results::{QueryResultsFormat, QueryResultsSerializer};
use oxigraph::sparql::{CancellationToken, QueryResults, SparqlEvaluator};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Longest query, bytes.
const QUERY_LENGTH: usize = 64 << 10;
/// Longest answer, bytes: more is refused whole, never cut.
const RESULT_SIZE: usize = 64 << 20;
const TIME: Duration = Duration::from_secs(10);
/// Queries at the same time.
static SLOTS: Semaphore = Semaphore::const_new(4);

type Parameters = Vec<(String, String)>;

const SOLUTIONS: [(&str, QueryResultsFormat); 4] = [
    ("application/sparql-results+json", QueryResultsFormat::Json),
    ("application/sparql-results+xml", QueryResultsFormat::Xml),
    ("text/csv", QueryResultsFormat::Csv),
    ("text/tab-separated-values", QueryResultsFormat::Tsv),
];

pub async fn get(
    shared: Shared,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Result<Response> {
    if parameters.iter().any(|(k, _)| k == "query") {
        return run(shared, parameters, &headers).await;
    }
    if accept(&headers).contains("text/html") {
        return Ok(reply::body(&headers, "text/html", pages::sparql(), 0));
    }
    let description = format!(
        "@prefix sd: <http://www.w3.org/ns/sparql-service-description#> .\n\
         [] a sd:Service ; sd:endpoint <{0}sparql> ; sd:supportedLanguage sd:SPARQL11Query ;\n\
         sd:resultFormat <http://www.w3.org/ns/formats/SPARQL_Results_JSON>, <http://www.w3.org/ns/formats/SPARQL_Results_XML>, \
         <http://www.w3.org/ns/formats/SPARQL_Results_CSV>, <http://www.w3.org/ns/formats/SPARQL_Results_TSV>, \
         <http://www.w3.org/ns/formats/Turtle>, <http://www.w3.org/ns/formats/N-Triples>, <http://www.w3.org/ns/formats/RDF_XML>, <http://www.w3.org/ns/formats/JSON-LD> .\n",
        shared.public_url
    );
    Ok(reply::body(
        &headers,
        "text/turtle",
        description.into_bytes(),
        0,
    ))
}

pub async fn post(
    shared: Shared,
    Query(mut parameters): Query<Parameters>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let media = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    match media {
        "application/sparql-query" => {
            let text = String::from_utf8(body.to_vec())
                .map_err(|_| Error::bad_input("the query is not UTF-8"))?;
            parameters.push(("query".into(), text));
        }
        "application/x-www-form-urlencoded" => {
            let request = axum::http::Request::builder()
                .uri(format!("/?{}", String::from_utf8_lossy(&body)))
                .body(())
                .map_err(|e| Error::bad_input(format!("the form cannot be read: {e}")))?;
            let Query(form) = Query::<Parameters>::try_from_uri(request.uri())
                .map_err(|e| Error::bad_input(format!("the form cannot be read: {e}")))?;
            parameters.extend(form);
        }
        "application/sparql-update" => {
            return Err(Error::bad_input(
                "updates are refused: the graph follows the ledger; change the catalogue by import",
            ));
        }
        other => {
            return Err(Error::new(
                Kind::UnsupportedMediaType,
                format!(
                    "{other:?} is neither application/sparql-query nor application/x-www-form-urlencoded"
                ),
            ));
        }
    }
    run(shared, parameters, &headers).await
}

async fn run(
    State(catalogue): Shared,
    parameters: Parameters,
    headers: &HeaderMap,
) -> Result<Response> {
    if parameters.iter().any(|(k, _)| k == "update") {
        return Err(Error::bad_input(
            "updates are refused: the graph follows the ledger; change the catalogue by import",
        ));
    }
    let mut queries = parameters.iter().filter(|(k, _)| k == "query");
    let (Some((_, text)), None) = (queries.next(), queries.next()) else {
        return Err(Error::bad_input("exactly one query parameter is wanted"));
    };
    if text.len() > QUERY_LENGTH {
        return Err(Error::new(
            Kind::TooLarge,
            format!(
                "the query has {} bytes; at most {QUERY_LENGTH} are taken",
                text.len()
            ),
        ));
    }
    let _slot = SLOTS.try_acquire().map_err(|_| {
        Error::new(
            Kind::Busy,
            "too many queries run now; ask again in a few seconds",
        )
    })?;
    let store = match catalogue.graph.read().await.as_ref() {
        Some(graph) => graph.store.clone(),
        None => {
            return Err(Error::new(
                Kind::Busy,
                "the graph is still loading; /readyz says when it is there",
            ));
        }
    };
    let token = CancellationToken::new();
    let mut evaluator = SparqlEvaluator::new().with_cancellation_token(token.clone());
    for (name, function) in spargeo::GEOSPARQL_EXTENSION_FUNCTIONS {
        evaluator = evaluator.with_custom_function(name.into_owned(), function);
    }
    let mut prepared = evaluator
        .parse_query(text)
        .map_err(|e| Error::bad_input(format!("the query cannot be read: {e}")))?;
    for (key, set) in [("default-graph-uri", true), ("named-graph-uri", false)] {
        let graphs: Vec<NamedNode> = parameters
            .iter()
            .filter(|(k, _)| k == key)
            .map(|(_, v)| {
                NamedNode::new(v).map_err(|e| Error::bad_input(format!("{key} {v:?}: {e}")))
            })
            .collect::<Result<_>>()?;
        if graphs.is_empty() {
            continue;
        }
        if set {
            prepared
                .dataset_mut()
                .set_default_graph(graphs.into_iter().map(GraphName::from).collect());
        } else {
            prepared
                .dataset_mut()
                .set_available_named_graphs(graphs.into_iter().map(Into::into).collect());
        }
    }
    if text.to_ascii_uppercase().contains("SERVICE") && regex_service(text) {
        return Err(Error::bad_input(
            "SERVICE is refused: this endpoint asks no other",
        ));
    }
    let wanted = accept(headers).to_owned();
    let stop = Arc::new(token);
    let timer = tokio::spawn({
        let stop = stop.clone();
        async move {
            tokio::time::sleep(TIME).await;
            stop.cancel();
        }
    });
    let answer = tokio::task::spawn_blocking(move || -> Result<(&'static str, Vec<u8>)> {
        let results = prepared.on_store(&store).execute().map_err(evaluation)?;
        write(results, &wanted)
    })
    .await
    .map_err(Error::internal)?;
    timer.abort();
    let (media, body) = answer?;
    Ok((
        [(header::CONTENT_TYPE, media), (header::VARY, "accept")],
        body,
    )
        .into_response())
}

/// Whether the word stands as a keyword before a group, not inside an IRI or a name.
fn regex_service(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    upper.match_indices("SERVICE").any(|(at, word)| {
        let before = upper[..at].chars().next_back();
        let after = upper[at + word.len()..].trim_start();
        before.is_none_or(|c| c.is_whitespace() || "{}.;".contains(c))
            && (after.starts_with('<')
                || after.starts_with("SILENT")
                || after.starts_with('?')
                || after.starts_with('$')
                || after.contains(':'))
    })
}

fn evaluation(e: oxigraph::sparql::QueryEvaluationError) -> Error {
    use oxigraph::sparql::QueryEvaluationError as E;
    match e {
        E::Cancelled => Error::new(
            Kind::Busy,
            format!(
                "the query ran longer than {} s and was stopped",
                TIME.as_secs()
            ),
        ),
        E::Dataset(e) => Error::internal(e),
        other => Error::bad_input(format!("the query cannot be answered: {other}")),
    }
}

struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > RESULT_SIZE {
            return Err(std::io::Error::other(format!(
                "the answer is longer than {RESULT_SIZE} bytes; ask for less with LIMIT"
            )));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn write(results: QueryResults<'_>, accept: &str) -> Result<(&'static str, Vec<u8>)> {
    let large = |e: std::io::Error| Error::new(Kind::TooLarge, e.to_string());
    let mut out = Bounded(Vec::new());
    if let QueryResults::Graph(triples) = results {
        let offered = [
            ("text/turtle", RdfFormat::Turtle),
            ("application/n-triples", RdfFormat::NTriples),
            ("application/rdf+xml", RdfFormat::RdfXml),
            (
                "application/ld+json",
                RdfFormat::JsonLd {
                    profile: oxigraph::io::JsonLdProfileSet::empty(),
                },
            ),
        ];
        let (media, format) =
            reply::negotiate(accept, &offered).ok_or_else(|| offers(&offered.map(|o| o.0)))?;
        let mut writer = RdfSerializer::from_format(*format).for_writer(&mut out);
        for triple in triples {
            writer
                .serialize_triple(triple.map_err(evaluation)?.as_ref())
                .map_err(large)?;
        }
        writer.finish().map_err(large)?;
        return Ok((media, out.0));
    }
    // A browser form sends text/html first; JSON reads best there.
    let wanted = if accept.contains("text/html") {
        "*/*"
    } else {
        accept
    };
    let mut offered = SOLUTIONS.to_vec();
    offered.push(("application/json", QueryResultsFormat::Json));
    let (media, format) =
        reply::negotiate(wanted, &offered).ok_or_else(|| offers(&SOLUTIONS.map(|o| o.0)))?;
    let serializer = QueryResultsSerializer::from_format(*format);
    match results {
        QueryResults::Boolean(value) => {
            serializer
                .serialize_boolean_to_writer(&mut out, value)
                .map_err(large)?;
        }
        QueryResults::Solutions(solutions) => {
            let mut writer = serializer
                .serialize_solutions_to_writer(&mut out, solutions.variables().to_vec())
                .map_err(large)?;
            for solution in solutions {
                writer
                    .serialize(&solution.map_err(evaluation)?)
                    .map_err(large)?;
            }
            writer.finish().map_err(large)?;
        }
        QueryResults::Graph(_) => unreachable!("answered above"),
    }
    Ok((media, out.0))
}

fn offers(media: &[&str]) -> Error {
    Error::new(
        Kind::NotAcceptable,
        format!("offered here: {}", media.join(", ")),
    )
}
