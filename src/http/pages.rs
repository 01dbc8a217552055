//! Plain, complete, linked HTML pages. Every value is escaped by the template engine.
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::mapping::dcat;
use crate::record::vocab::{PREFIXES, expand};
use crate::record::{Record, text};
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use oxigraph::model::{NamedNode, NamedOrBlankNode, Term, Triple};

struct Item {
    slug: String,
    title: String,
    description: String,
}

#[derive(Template)]
#[template(path = "list.html")]
struct List {
    heading: String,
    items: Vec<Item>,
    next: Option<i64>,
    total: i64,
}

struct Statement {
    node: String,
    property: String,
    value: String,
    link: bool,
}

#[derive(Template)]
#[template(path = "entry.html")]
struct Entry {
    title: String,
    address: String,
    statements: Vec<Statement>,
    formats: bool,
}

#[derive(Template)]
#[template(path = "sparql.html")]
struct Sparql {
    examples: Vec<(String, String)>,
}

fn items(records: &[Record]) -> Result<Vec<Item>> {
    records
        .iter()
        .map(|r| {
            let graph = dcat::asserted(&r.content)?;
            let get = |p: &str| {
                text(&graph, &r.iri, &expand(p))
                    .unwrap_or_default()
                    .to_owned()
            };
            Ok(Item {
                slug: r.slug.clone(),
                title: get("dct:title"),
                description: get("dct:description"),
            })
        })
        .collect()
}

fn render(template: &impl Template) -> Result<Vec<u8>> {
    template
        .render()
        .map(String::into_bytes)
        .map_err(Error::internal)
}

pub async fn home(
    State(catalogue): State<std::sync::Arc<Catalogue>>,
    headers: HeaderMap,
) -> Result<Response> {
    let records = catalogue.ledger.published().await?;
    let (total, _, modified) = catalogue.ledger.extent().await?;
    let mut items = items(&records)?;
    items.sort_by_cached_key(|i| i.title.to_lowercase());
    let page = List {
        heading: "Local Digital Twin resources".into(),
        items,
        next: None,
        total,
    };
    Ok(super::reply::body(
        &headers,
        "text/html",
        render(&page)?,
        modified,
    ))
}

pub fn catalogue(
    records: &[Record],
    number: i64,
    next: Option<i64>,
    total: i64,
) -> Result<Vec<u8>> {
    render(&List {
        heading: format!("Catalogue, page {number}"),
        items: items(records)?,
        next,
        total,
    })
}

fn short(iri: &str) -> String {
    PREFIXES
        .iter()
        .find_map(|(p, ns)| iri.strip_prefix(ns).map(|l| format!("{p}:{l}")))
        .unwrap_or_else(|| iri.to_owned())
}

fn statements(graph: &[Triple]) -> Vec<Statement> {
    let mut out: Vec<Statement> = graph
        .iter()
        .map(|t| {
            let node = match &t.subject {
                NamedOrBlankNode::NamedNode(n) => n.as_str().to_owned(),
                NamedOrBlankNode::BlankNode(b) => b.to_string(),
            };
            let (value, link) = match &t.object {
                Term::NamedNode(n) => (n.as_str().to_owned(), n.as_str().starts_with("http")),
                Term::Literal(l) => (
                    l.language().map_or_else(
                        || l.value().to_owned(),
                        |lang| format!("{} ({lang})", l.value()),
                    ),
                    false,
                ),
                other => (other.to_string(), false),
            };
            Statement {
                node,
                property: short(t.predicate.as_str()),
                value,
                link,
            }
        })
        .collect();
    out.sort_by(|a, b| (&a.node, &a.property, &a.value).cmp(&(&b.node, &b.property, &b.value)));
    out.dedup_by(|a, b| a.node == b.node && a.property == b.property && a.value == b.value);
    out
}

pub async fn entry(catalogue: &Catalogue, record: &Record, graph: &[Triple]) -> Result<Vec<u8>> {
    let iri = dcat::absolute(
        vec![Triple::new(
            NamedNode::new_unchecked(&record.iri),
            expand("rdf:type"),
            expand("dcat:Dataset"),
        )],
        &catalogue.public_url,
    );
    let subject = match &iri[0].subject {
        NamedOrBlankNode::NamedNode(n) => n.as_str().to_owned(),
        NamedOrBlankNode::BlankNode(_) => record.iri.clone(),
    };
    let title = text(graph, &subject, &expand("dct:title"))
        .unwrap_or(&record.slug)
        .to_owned();
    render(&Entry {
        title,
        address: format!("{}resource/{}", catalogue.public_url, record.slug),
        statements: statements(graph),
        formats: true,
    })
}

pub fn agent(agent: &NamedNode, about: &[Triple]) -> Vec<u8> {
    let title = text(about, agent.as_str(), &expand("foaf:name"))
        .unwrap_or(agent.as_str())
        .to_owned();
    render(&Entry {
        title,
        address: agent.as_str().to_owned(),
        statements: statements(about),
        formats: false,
    })
    .unwrap_or_default()
}

/// The worked examples: a comment line with what it asks, then the query, split at blank lines.
pub const EXAMPLES: &str = include_str!("../../data/examples.rq");

pub fn examples() -> Vec<(String, String)> {
    EXAMPLES
        .split("\n\n")
        .filter_map(|e| {
            let (title, query) = e.trim().split_once('\n')?;
            Some((
                title.trim_start_matches(['#', ' ']).to_owned(),
                query.to_owned(),
            ))
        })
        .collect()
}

pub fn sparql() -> Vec<u8> {
    render(&Sparql {
        examples: examples(),
    })
    .unwrap_or_default()
}
