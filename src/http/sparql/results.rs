//! Writes results: SPARQL 1.1 Query Results JSON, XML, CSV and TSV; Turtle, N-Triples, RDF/XML and
//! JSON-LD for graphs; and a page for people.
use super::engine::{Budget, size};
use crate::error::{Error, Kind, Result};
use crate::http::reply;
use crate::record::vocab::PREFIXES;
use oxigraph::io::{JsonLdProfileSet, RdfFormat, RdfSerializer};
use oxigraph::model::{BlankNode, NamedOrBlankNode, Term, Triple};
use oxigraph::sparql::results::{QueryResultsFormat, QueryResultsSerializer};
use oxigraph::sparql::{QueryEvaluationError, QueryResults, QuerySolutionIter};
use spargebra::Query;
use std::collections::HashMap;
use std::io::Write;

/// Rows that a page shows; the other formats have all.
pub const ROWS_SHOWN: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Format {
    Solutions(QueryResultsFormat),
    Graph(RdfFormat),
    Page,
}

type Offer = (&'static str, Format);

/// What SELECT and ASK are answered in; the first where the client has no preference.
const SOLUTIONS: [Offer; 7] = [
    (
        "application/sparql-results+json",
        Format::Solutions(QueryResultsFormat::Json),
    ),
    (
        "application/sparql-results+xml",
        Format::Solutions(QueryResultsFormat::Xml),
    ),
    ("text/csv", Format::Solutions(QueryResultsFormat::Csv)),
    (
        "text/tab-separated-values",
        Format::Solutions(QueryResultsFormat::Tsv),
    ),
    (
        "application/json",
        Format::Solutions(QueryResultsFormat::Json),
    ),
    ("text/html", Format::Page),
    (
        "application/xml",
        Format::Solutions(QueryResultsFormat::Xml),
    ),
];

/// What CONSTRUCT and DESCRIBE are answered in.
const GRAPHS: [Offer; 6] = [
    ("text/turtle", Format::Graph(RdfFormat::Turtle)),
    ("application/n-triples", Format::Graph(RdfFormat::NTriples)),
    ("application/rdf+xml", Format::Graph(RdfFormat::RdfXml)),
    ("application/ld+json", JSON_LD),
    ("application/json", JSON_LD),
    ("text/html", Format::Page),
];

const JSON_LD: Format = Format::Graph(RdfFormat::JsonLd {
    profile: JsonLdProfileSet::empty(),
});

/// Names for `?format=`, for links.
const NAMES: [(&str, &str); 9] = [
    ("json", "application/sparql-results+json"),
    ("xml", "application/sparql-results+xml"),
    ("csv", "text/csv"),
    ("tsv", "text/tab-separated-values"),
    ("ttl", "text/turtle"),
    ("nt", "application/n-triples"),
    ("rdf", "application/rdf+xml"),
    ("jsonld", "application/ld+json"),
    ("html", "text/html"),
];

/// The media type that a format's short name stands for; a media type stands for itself.
///
/// # Errors
/// [`Kind::BadInput`] for an unknown name.
pub fn named(name: &str) -> Result<&str> {
    if name.contains('/') {
        return Ok(name);
    }
    NAMES
        .iter()
        .find_map(|(short, media)| (*short == name).then_some(*media))
        .ok_or_else(|| {
            Error::bad_input(format!(
                "format {name:?} is not known here; known: {}",
                NAMES.map(|n| n.0).join(", ")
            ))
        })
}

/// The formats that links on a page offer: short name and what it is called.
pub fn links(graph: bool) -> &'static [(&'static str, &'static str)] {
    if graph {
        &[
            ("ttl", "Turtle"),
            ("nt", "N-Triples"),
            ("rdf", "RDF/XML"),
            ("jsonld", "JSON-LD"),
        ]
    } else {
        &[
            ("json", "JSON"),
            ("xml", "XML"),
            ("csv", "CSV"),
            ("tsv", "TSV"),
        ]
    }
}

/// Picks the format that `accept` likes best, before any work is done.
///
/// # Errors
/// [`Kind::NotAcceptable`], naming what exists.
pub fn choose(query: &Query, accept: &str) -> Result<Offer> {
    let offered: &'static [Offer] = match query {
        Query::Select { .. } | Query::Ask { .. } => &SOLUTIONS,
        Query::Construct { .. } | Query::Describe { .. } => &GRAPHS,
    };
    negotiate(accept, offered)
}

/// A syntax for the description of the service.
///
/// # Errors
/// [`Kind::NotAcceptable`], naming what exists.
pub fn choose_graph(accept: &str) -> Result<Offer> {
    negotiate(accept, &GRAPHS)
}

fn negotiate(accept: &str, offered: &'static [Offer]) -> Result<Offer> {
    reply::negotiate(accept, offered).copied().ok_or_else(|| {
        let names: Vec<_> = offered.iter().map(|o| o.0).collect();
        Error::new(
            Kind::NotAcceptable,
            format!("this query is answered in: {}", names.join(", ")),
        )
    })
}

/// A result as it is shown on a page.
pub struct Shown {
    pub graph: bool,
    /// Rows of a table, statements of a graph.
    pub total: usize,
    pub kind: ShownKind,
}

pub enum ShownKind {
    Table {
        variables: Vec<String>,
        rows: Vec<Vec<Option<Cell>>>,
    },
    Truth(bool),
    Turtle(String),
}

pub struct Cell {
    pub text: String,
    /// Where the text leads.
    pub link: Option<String>,
    /// Language or datatype.
    pub note: String,
}

/// A result as it is sent.
pub enum Written {
    Body(Vec<u8>),
    Page(Shown),
}

/// Writes the whole result, or nothing.
///
/// # Errors
/// [`Kind::Busy`] if it is longer than the budget allows, [`Kind::NotAcceptable`] if the format
/// cannot hold it.
pub fn write(results: QueryResults<'_>, format: Format, budget: &Budget) -> Result<Written> {
    let mut out = Bounded::new(budget.limits.result_bytes);
    match results {
        QueryResults::Boolean(truth) => {
            let Format::Solutions(format) = format else {
                return Ok(Written::Page(Shown {
                    graph: false,
                    total: 1,
                    kind: ShownKind::Truth(truth),
                }));
            };
            QueryResultsSerializer::from_format(format)
                .serialize_boolean_to_writer(&mut out, truth)
                .map_err(|e| unwritten(&e))?;
            out.finish(format == QueryResultsFormat::Xml)
        }
        QueryResults::Solutions(solutions) => match format {
            Format::Solutions(format) => {
                let mut writer = QueryResultsSerializer::from_format(format)
                    .serialize_solutions_to_writer(&mut out, solutions.variables().to_vec())
                    .map_err(|e| unwritten(&e))?;
                for solution in solutions {
                    budget.check();
                    writer
                        .serialize(&solution.map_err(evaluation)?)
                        .map_err(|e| unwritten(&e))?;
                }
                writer.finish().map_err(|e| unwritten(&e))?;
                out.finish(format == QueryResultsFormat::Xml)
            }
            _ => table(solutions, budget),
        },
        QueryResults::Graph(triples) => {
            let mut names = HashMap::new();
            if format == Format::Graph(RdfFormat::NTriples) {
                // The one syntax that needs to know nothing beforehand.
                let mut writer = RdfSerializer::from_format(RdfFormat::NTriples).for_writer(out);
                for triple in triples {
                    budget.check();
                    let mut triple = triple.map_err(evaluation)?;
                    relabel(&mut triple, &mut names);
                    writer
                        .serialize_triple(triple.as_ref())
                        .map_err(|e| unwritten(&e))?;
                }
                return writer.finish().map_err(|e| unwritten(&e))?.finish(false);
            }
            let mut graph = Vec::new();
            for triple in triples {
                budget.check();
                let mut triple = triple.map_err(evaluation)?;
                relabel(&mut triple, &mut names);
                graph.push(triple);
            }
            let written = match format {
                Format::Graph(format) => format,
                _ => RdfFormat::Turtle,
            };
            serialize(&graph, written, &[], &mut out, || budget.check())?;
            if let Format::Graph(_) = format {
                return out.finish(written == RdfFormat::RdfXml);
            }
            Ok(Written::Page(Shown {
                graph: true,
                total: graph.len(),
                kind: ShownKind::Turtle(String::from_utf8_lossy(&out.bytes).into_owned()),
            }))
        }
    }
}

/// Writes a graph of ours, sorted.
///
/// # Errors
/// [`Kind::Internal`]: such a graph fits every syntax.
pub fn write_graph(
    graph: Vec<Triple>,
    format: RdfFormat,
    prefixes: &[(&str, &str)],
) -> Result<Vec<u8>> {
    let mut out = Bounded::new(usize::MAX);
    let mut graph = graph;
    graph.sort_by_cached_key(|t| {
        let rest = t.predicate != oxigraph::model::vocab::rdf::TYPE;
        (
            t.subject.to_string(),
            rest,
            t.predicate.to_string(),
            t.object.to_string(),
        )
    });
    serialize(&graph, format, prefixes, &mut out, || ()).map_err(Error::internal)?;
    Ok(out.bytes)
}

/// Writes in the order given, with the prefixes that are used: a short answer stays short.
fn serialize(
    graph: &[Triple],
    format: RdfFormat,
    prefixes: &[(&str, &str)],
    out: &mut Bounded,
    check: impl Fn(),
) -> Result<()> {
    let mut serializer = RdfSerializer::from_format(format);
    if format != RdfFormat::NTriples {
        for (prefix, iri) in PREFIXES.iter().chain(prefixes) {
            if graph.iter().any(|t| {
                t.predicate.as_str().starts_with(iri)
                    || matches!(&t.subject, NamedOrBlankNode::NamedNode(n) if n.as_str().starts_with(iri))
                    || matches!(&t.object, Term::NamedNode(n) if n.as_str().starts_with(iri))
                    || matches!(&t.object, Term::Literal(l) if l.datatype().as_str().starts_with(iri))
            }) {
                serializer = serializer
                    .with_prefix(*prefix, *iri)
                    .map_err(Error::internal)?;
            }
        }
    }
    let mut writer = serializer.for_writer(out);
    for triple in graph {
        check();
        writer
            .serialize_triple(triple.as_ref())
            .map_err(|e| unwritten(&e))?;
    }
    writer.finish().map_err(|e| unwritten(&e))?;
    Ok(())
}

/// Names blank nodes in the order of their appearance, so that the same query has the same answer.
fn relabel(mut triple: &mut Triple, names: &mut HashMap<BlankNode, BlankNode>) {
    let mut rename = |node: &mut BlankNode| {
        let next = names.len();
        *node = names
            .entry(node.clone())
            .or_insert_with(|| BlankNode::new_unchecked(format!("b{next}")))
            .clone();
    };
    // A triple term is the object of a triple, at any depth.
    loop {
        if let NamedOrBlankNode::BlankNode(node) = &mut triple.subject {
            rename(node);
        }
        match &mut triple.object {
            Term::BlankNode(node) => return rename(node),
            Term::Triple(inner) => triple = inner,
            _ => return,
        }
    }
}

fn table(solutions: QuerySolutionIter<'_>, budget: &Budget) -> Result<Written> {
    let variables = solutions
        .variables()
        .iter()
        .map(|v| v.as_str().to_owned())
        .collect();
    let mut rows = Vec::new();
    let mut total = 0;
    for solution in solutions {
        budget.check();
        let solution = solution.map_err(evaluation)?;
        total += 1;
        if total <= ROWS_SHOWN {
            rows.push(
                solution
                    .values()
                    .iter()
                    .map(|value| value.as_ref().map(cell))
                    .collect(),
            );
        }
    }
    Ok(Written::Page(Shown {
        graph: false,
        total,
        kind: ShownKind::Table { variables, rows },
    }))
}

fn cell(term: &Term) -> Cell {
    match term {
        Term::NamedNode(node) => Cell {
            text: crate::http::pages::short(node.as_str()),
            link: (node.as_str().starts_with("http://") || node.as_str().starts_with("https://"))
                .then(|| node.as_str().to_owned()),
            note: String::new(),
        },
        Term::BlankNode(_) | Term::Triple(_) => Cell {
            text: term.to_string(),
            link: None,
            note: String::new(),
        },
        Term::Literal(literal) => Cell {
            text: literal.value().to_owned(),
            link: None,
            note: match literal.language() {
                Some(language) => language.to_owned(),
                None if literal.datatype() == oxigraph::model::vocab::xsd::STRING => String::new(),
                None => crate::http::pages::short(literal.datatype().as_str()),
            },
        },
    }
}

/// What an evaluation that fails by itself means to the caller.
pub fn evaluation(error: QueryEvaluationError) -> Error {
    match error {
        QueryEvaluationError::Dataset(e) => Error::internal(e),
        QueryEvaluationError::Cancelled => Error::new(Kind::Busy, "the query was stopped"),
        other => Error::bad_input(format!("the query cannot be answered: {other}")),
    }
}

/// A body that ends in an error once it is longer than allowed.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

#[derive(Debug)]
struct Full(usize);

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the result is longer than {}; ask for less, for example with LIMIT",
            size(self.0)
        )
    }
}

impl std::error::Error for Full {}

impl Bounded {
    fn new(most: usize) -> Self {
        Self {
            bytes: Vec::new(),
            most,
        }
    }

    fn finish(self, xml: bool) -> Result<Written> {
        // XML 1.0 section 2.2: it has no way at all to write most control characters.
        let forbidden = |b: &u8| *b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r');
        if xml
            && (self.bytes.iter().any(forbidden)
                || self
                    .bytes
                    .windows(3)
                    .any(|w| w == [0xEF, 0xBF, 0xBE] || w == [0xEF, 0xBF, 0xBF]))
        {
            return Err(Error::new(
                Kind::NotAcceptable,
                "the result holds a character that XML cannot; ask for JSON or N-Triples",
            ));
        }
        Ok(Written::Body(self.bytes))
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(std::io::Error::other(Full(self.most)));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn unwritten(error: &std::io::Error) -> Error {
    if error.get_ref().is_some_and(|e| e.is::<Full>()) {
        Error::new(Kind::Busy, error.to_string())
    } else {
        Error::new(
            Kind::NotAcceptable,
            format!("the result cannot be written in this format: {error}"),
        )
    }
}
