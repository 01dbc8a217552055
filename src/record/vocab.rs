//! Vocabulary terms, as constants grouped by prefix, and the prefixes that every syntax uses.
use super::statement::{self, Statement};
use std::collections::HashMap;
use std::sync::OnceLock;

/// The namespace of our own terms, the same for all installations and served at `/ns`.
pub const LDT: &str = "https://w3id.org/ldt-catalogue/ns#";
pub const EU: &str = "http://publications.europa.eu/resource/authority/";

/// Own IRIs are kept below this base, which RFC 6761 (section 6.4) guarantees to be nobody's,
/// and are moved to the configured public URL when they are served.
pub const BASE: &str = "https://catalogue.invalid/";

pub const PREFIXES: &[(&str, &str)] = &[
    ("adms", "http://www.w3.org/ns/adms#"),
    ("as", "https://www.w3.org/ns/activitystreams#"),
    ("dcat", "http://www.w3.org/ns/dcat#"),
    ("dcatap", "http://data.europa.eu/r5r/"),
    ("dct", "http://purl.org/dc/terms/"),
    ("dqv", "http://www.w3.org/ns/dqv#"),
    ("dspace", "https://w3id.org/dspace/2025/1/"),
    ("fdp-o", "https://w3id.org/fdp/fdp-o#"),
    ("foaf", "http://xmlns.com/foaf/0.1/"),
    // Not `geo`: JSON-LD would take the addresses of places (RFC 5870) for names of ours.
    ("geosparql", "http://www.opengis.net/ont/geosparql#"),
    ("hydra", "http://www.w3.org/ns/hydra/core#"),
    ("ldes", "https://w3id.org/ldes#"),
    ("ldt", LDT),
    ("ldp", "http://www.w3.org/ns/ldp#"),
    ("locn", "http://www.w3.org/ns/locn#"),
    ("odrl", "http://www.w3.org/ns/odrl/2/"),
    ("owl", "http://www.w3.org/2002/07/owl#"),
    ("piveau", "https://piveau.eu/ns/voc#"),
    ("prof", "http://www.w3.org/ns/dx/prof/"),
    ("prov", "http://www.w3.org/ns/prov#"),
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("schema", "http://schema.org/"),
    ("sh", "http://www.w3.org/ns/shacl#"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("tree", "https://w3id.org/tree#"),
    ("vcard", "http://www.w3.org/2006/vcard/ns#"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
];

/// Expands `prefix:local` with [`PREFIXES`].
///
/// # Panics
/// On a prefix that is not in the table: names are written in this program, not read.
pub fn expand(name: &str) -> oxigraph::model::NamedNode {
    let (prefix, local) = name.split_once(':').expect("a prefixed name holds a colon");
    let iri = namespace(prefix).unwrap_or_else(|| panic!("unknown prefix {prefix}"));
    oxigraph::model::NamedNode::new_unchecked(format!("{iri}{local}"))
}

/// Whether an IRI is the prefixed name; faster than expanding it.
pub fn is(iri: &str, name: &str) -> bool {
    name.split_once(':').is_some_and(|(prefix, local)| {
        iri.strip_suffix(local)
            .is_some_and(|ns| namespace(prefix) == Some(ns))
    })
}

fn namespace(prefix: &str) -> Option<&'static str> {
    PREFIXES
        .iter()
        .find(|(p, _)| *p == prefix)
        .map(|(_, iri)| *iri)
}

/// The prefixed name of an IRI, where its local part is a name in Turtle, XML and JSON-LD alike.
pub fn compact(iri: &str) -> Option<(&'static str, &str)> {
    let cut = iri.bytes().rposition(|b| b == b'#' || b == b'/')? + 1;
    let (namespace, local) = iri.split_at(cut);
    if !local.as_bytes().first()?.is_ascii_alphabetic() {
        return None;
    }
    let (prefix, _) = PREFIXES.iter().find(|(_, ns)| *ns == namespace)?;
    local
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
        .then_some((*prefix, local))
}

/// A concept of an EU authority table, such as `eu("language", "ENG")`.
pub fn eu(list: &str, code: &str) -> oxigraph::model::NamedNode {
    oxigraph::model::NamedNode::new_unchecked(format!("{EU}{list}/{code}"))
}

/// A concept or property of our own namespace.
pub fn ldt(local: &str) -> oxigraph::model::NamedNode {
    oxigraph::model::NamedNode::new_unchecked(format!("{LDT}{local}"))
}

/// Our own vocabulary, as served at `/ns`.
pub const LDT_TTL: &str = include_str!("../../data/vocabulary/ldt.ttl");

/// The EU, ADMS, IANA and SPDX concepts that DCAT-AP draws values from, as far as we use them.
pub const EU_TTL: &str = include_str!("../../data/vocabulary/eu.ttl");

/// Canonical statements of a bundled vocabulary.
pub(super) fn bundled(turtle: &str) -> String {
    let graph: Vec<oxigraph::model::Triple> =
        oxigraph::io::RdfParser::from_format(oxigraph::io::RdfFormat::Turtle)
            .for_slice(turtle)
            .map(|q| oxigraph::model::Triple::from(q.expect("a bundled vocabulary is Turtle")))
            .collect();
    super::canonical(&graph)
}

/// Our own vocabulary, canonical.
pub fn own() -> &'static str {
    static CONTENT: OnceLock<String> = OnceLock::new();
    CONTENT.get_or_init(|| bundled(LDT_TTL))
}

/// The concepts of others that we use, canonical.
pub fn others() -> &'static str {
    static CONTENT: OnceLock<String> = OnceLock::new();
    CONTENT.get_or_init(|| bundled(EU_TTL))
}

/// What the vocabularies say about one concept, scheme or property; empty where they say nothing.
pub fn about(iri: &str) -> &'static [Statement<'static>] {
    known().get(iri).map_or(&[], Vec::as_slice)
}

/// The concepts of the vocabularies whose IRI begins with a prefix, in no order.
pub fn starting(prefix: &str) -> Vec<&'static str> {
    let all = known().keys().copied();
    all.filter(|iri| iri.starts_with(prefix)).collect()
}

fn known() -> &'static HashMap<&'static str, Vec<Statement<'static>>> {
    static ABOUT: OnceLock<HashMap<&'static str, Vec<Statement<'static>>>> = OnceLock::new();
    ABOUT.get_or_init(|| {
        let mut known: HashMap<&'static str, Vec<Statement<'static>>> = HashMap::new();
        for s in statement::statements(own()).chain(statement::statements(others())) {
            if let Some(subject) = statement::iri(s.subject) {
                known.entry(subject).or_default().push(s);
            }
        }
        known
    })
}

/// The English label of a concept of the bundled vocabularies.
pub fn label(iri: &str) -> Option<&'static str> {
    label_in(iri, "en")
}

/// The label of a concept of the bundled vocabularies in a language.
pub fn label_in(iri: &str, tag: &str) -> Option<&'static str> {
    about(iri)
        .iter()
        .filter(|s| s.says("skos:prefLabel"))
        .filter_map(|s| statement::literal(s.object))
        .find(|l| l.language == Some(tag))
        .map(|l| l.escaped)
}
