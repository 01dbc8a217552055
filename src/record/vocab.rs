//! Vocabulary terms, as constants grouped by prefix, and the prefixes that every syntax uses.

/// The namespace of our own terms, the same for all installations and served at `/ns`.
pub const LDT: &str = "https://w3id.org/ldt-catalogue/ns#";
pub const EU: &str = "http://publications.europa.eu/resource/authority/";

/// Own IRIs are kept below this base, which RFC 6761 (section 6.4) guarantees to be nobody's,
/// and are moved to the configured public URL when they are served.
pub const BASE: &str = "https://catalogue.invalid/";

pub const PREFIXES: &[(&str, &str)] = &[
    ("adms", "http://www.w3.org/ns/adms#"),
    ("dcat", "http://www.w3.org/ns/dcat#"),
    ("dcatap", "http://data.europa.eu/r5r/"),
    ("dct", "http://purl.org/dc/terms/"),
    ("foaf", "http://xmlns.com/foaf/0.1/"),
    ("hydra", "http://www.w3.org/ns/hydra/core#"),
    ("ldt", LDT),
    ("locn", "http://www.w3.org/ns/locn#"),
    ("owl", "http://www.w3.org/2002/07/owl#"),
    ("prof", "http://www.w3.org/ns/dx/prof/"),
    ("prov", "http://www.w3.org/ns/prov#"),
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("schema", "http://schema.org/"),
    ("sh", "http://www.w3.org/ns/shacl#"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("vcard", "http://www.w3.org/2006/vcard/ns#"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
];

/// Expands `prefix:local` with [`PREFIXES`].
///
/// # Panics
/// On a prefix that is not in the table: names are written in this program, not read.
pub fn expand(name: &str) -> oxigraph::model::NamedNode {
    let (prefix, local) = name.split_once(':').expect("a prefixed name holds a colon");
    let (_, iri) = PREFIXES
        .iter()
        .find(|(p, _)| *p == prefix)
        .unwrap_or_else(|| panic!("unknown prefix {prefix}"));
    oxigraph::model::NamedNode::new_unchecked(format!("{iri}{local}"))
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
