//! What an editor of queries completes: the names of the graph's own vocabulary.
use crate::record::shacl::Profile;
use crate::record::statement::{self, TYPE, iri, statements};
use crate::record::vocab;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Properties and classes in the order of their IRIs, and the prefixes that queries have for them: those that
/// the rules for entries speak of, and those of our own vocabulary.
fn list() -> &'static str {
    static LIST: OnceLock<String> = OnceLock::new();
    LIST.get_or_init(|| {
        let (mut properties, mut classes) = (BTreeSet::new(), BTreeSet::new());
        let rules: Vec<String> = Profile::ALL.iter().map(|p| p.statements()).collect();
        for s in rules.iter().flat_map(|r| statements(r)) {
            let list = match iri(s.predicate)
                .and_then(|p| p.strip_prefix("http://www.w3.org/ns/shacl#"))
            {
                Some("path") => &mut properties,
                Some("class" | "targetClass") => &mut classes,
                _ => continue,
            };
            list.extend(s.target().map(str::to_owned));
        }
        for s in statements(vocab::own()).filter(|s| s.predicate == TYPE) {
            let list = match s.target().and_then(|t| t.rsplit('#').next()) {
                Some("Property" | "ObjectProperty" | "DatatypeProperty") => &mut properties,
                Some("Class") => &mut classes,
                _ => continue,
            };
            list.extend(iri(s.subject).map(str::to_owned));
        }
        properties.insert(statement::iri(TYPE).unwrap_or_default().to_owned());
        let prefixes: serde_json::Map<String, serde_json::Value> = vocab::PREFIXES
            .iter()
            .map(|(name, iri)| ((*name).to_owned(), (*iri).into()))
            .collect();
        json!({ "prefixes": prefixes, "properties": properties, "classes": classes }).to_string()
    })
}

/// `/sparql/terms.json`.
pub async fn get() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, list()).into_response()
}
