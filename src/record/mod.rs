//! The thing itself: a draft as a source gave it, a record as the ledger keeps it. No IO, no clock.
pub mod lifecycle;
pub mod shacl;
pub mod vocab;

use oxigraph::model::{NamedNode, Term, Triple};
use sha2::{Digest, Sha256};

pub use lifecycle::State;

/// What one source says about one resource, before the catalogue has decided anything.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What identifies it inside its source: the Index if given, else the short name or IRI.
    pub key: String,
    /// The subject in `graph`; below [`vocab::BASE`] where the IRI is to be our own.
    pub iri: NamedNode,
    /// The wish for a slug; the ledger makes it unique.
    pub slug: String,
    pub graph: Vec<Triple>,
    /// Line in the source, 1-based, where it can be known.
    pub line: Option<u64>,
}

/// One version of a record as the ledger keeps it.
#[derive(Clone, Debug)]
pub struct Record {
    pub id: i64,
    pub slug: String,
    pub iri: String,
    pub state: State,
    /// Number of the change that made this version.
    pub seq: i64,
    /// Publication number, given once at first publication; pages are ranges of it.
    pub publication: Option<i64>,
    /// Microseconds since the epoch, UTC.
    pub issued: i64,
    pub modified: i64,
    /// Canonical N-Triples, own IRIs below [`vocab::BASE`].
    pub content: String,
    /// SHA-256 of `content`, hexadecimal.
    pub hash: String,
}

/// The canonical form of a graph without blank nodes: its N-Triples lines in code point order,
/// each once. With no blank node to name, RDFC-1.0 (section 4.4) comes to the same bytes.
pub fn canonical(graph: &[Triple]) -> String {
    let mut lines: Vec<String> = graph.iter().map(|t| format!("{t} .\n")).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.concat()
}

pub fn hash(content: &str) -> String {
    hex(&Sha256::digest(content.as_bytes()))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Lower case letters and digits, everything else a single hyphen, at most 80 characters.
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
    }
    out.truncate(80);
    let out = out.trim_end_matches('-');
    if out.is_empty() {
        "entry".into()
    } else {
        out.into()
    }
}

/// The first value of a property of `subject`, English or untagged before other languages.
pub fn text<'a>(graph: &'a [Triple], subject: &str, predicate: &NamedNode) -> Option<&'a str> {
    let mut values: Vec<_> = graph
        .iter()
        .filter(|t| is_subject(t, subject) && t.predicate == *predicate)
        .filter_map(|t| match &t.object {
            Term::Literal(l) => Some(l),
            _ => None,
        })
        .collect();
    values.sort_by_key(|l| {
        (
            l.language().is_some_and(|x| !x.starts_with("en")),
            l.language().map(str::to_owned),
        )
    });
    values.first().map(|l| l.value())
}

pub fn is_subject(triple: &Triple, iri: &str) -> bool {
    matches!(&triple.subject, oxigraph::model::NamedOrBlankNode::NamedNode(n) if n.as_str() == iri)
}

/// The IRIs that `subject` points at by `predicate`.
pub fn links<'a>(
    graph: &'a [Triple],
    subject: &'a str,
    predicate: &'a NamedNode,
) -> impl Iterator<Item = &'a NamedNode> {
    graph.iter().filter_map(move |t| match &t.object {
        Term::NamedNode(n) if is_subject(t, subject) && t.predicate == *predicate => Some(n),
        _ => None,
    })
}
