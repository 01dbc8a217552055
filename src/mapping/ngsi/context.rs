//! @contexts as tables of names: which IRI a name means, and the name that a reader gets for an IRI
//! (JSON-LD 1.1; ETSI GS CIM 009, clauses 4.4 and 5.5.7). The core context comes last and always wins.
//! Only what names types and attributes is read; nothing is fetched here.
use super::{KINDS, OWN, attribute_names};
use crate::record::vocab::LDT;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

const NGSI: &str = "https://uri.etsi.org/ngsi-ld/";
/// What names that no context defines mean.
const DEFAULT: &str = "https://uri.etsi.org/ngsi-ld/default-context/";
const MODELS: &str = "https://smartdatamodels.org/dataModel.DCAT-AP/";
const SHARED_MODELS: &str = "https://smartdatamodels.org/";

/// The core context that answers name.
pub const CORE: &str = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld";

/// The context of the Smart Data Models, whose names ours has too.
const PUBLISHED: [&str; 2] = [
    "https://raw.githubusercontent.com/smart-data-models/dataModel.DCAT-AP/master/context.jsonld",
    "https://smart-data-models.github.io/dataModel.DCAT-AP/context.jsonld",
];

/// Names that are in no context of the Smart Data Models.
const OURS: [&str; 12] = [
    "rdfResource",
    "rdfDescription",
    "managedBy",
    "contentHash",
    "publisherAgent",
    "localIdentifier",
    "spatialPlace",
    "ldtLayer",
    "ldtMim",
    "ldtScope",
    "ldtOrigin",
    "ldtKind",
];

/// Whether an address is that of a core context, of any version.
pub fn is_core(url: &str) -> bool {
    let name = url
        .strip_prefix("https://uri.etsi.org/ngsi-ld/v1/")
        .or_else(|| url.strip_prefix("http://uri.etsi.org/ngsi-ld/v1/"));
    name.is_some_and(|n| n.starts_with("ngsi-ld-core-context") && n.ends_with(".jsonld"))
}

/// Whether an address is that of a context whose names are all in ours.
pub fn is_published(url: &str) -> bool {
    PUBLISHED.contains(&url)
}

/// The core context's names.
pub fn core() -> &'static BTreeMap<&'static str, String> {
    static TERMS: OnceLock<BTreeMap<&'static str, String>> = OnceLock::new();
    TERMS.get_or_init(|| {
        let text = include_str!("../../../data/ngsi/core.txt");
        let lines = text.lines().filter(|l| !l.starts_with('#'));
        lines
            .map(|line| match line.split_once(' ') {
                Some((name, iri)) => (name, iri.to_owned()),
                None => (line, format!("{NGSI}{line}")),
            })
            .collect()
    })
}

/// The names of ours, each with its IRI: those of the Smart Data Models and a few of our own. None is a
/// name of the core context.
pub fn own() -> &'static BTreeMap<&'static str, String> {
    static TERMS: OnceLock<BTreeMap<&'static str, String>> = OnceLock::new();
    TERMS.get_or_init(|| {
        let names = attribute_names().into_iter().chain(KINDS.map(|k| k.1));
        let names = names.filter(|n| !core().contains_key(n));
        names
            .map(|name| {
                let iri = match name {
                    _ if OURS.contains(&name) || OWN.contains(&name) => format!("{LDT}{name}"),
                    "uses" => format!("{LDT}uses"),
                    "name" | "contactPoint" | "source" => format!("{SHARED_MODELS}{name}"),
                    // As `dataset` it would be taken for a name of the core context.
                    "datasets" => format!("{MODELS}dataset"),
                    _ => format!("{MODELS}{name}"),
                };
                (name, iri)
            })
            .collect()
    })
}

/// Our context as it is served: flat, not protected, without the core one.
pub fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let text = serde_json::to_string_pretty(&json!({ "@context": own() }));
        text.expect("a table of texts is JSON") + "\n"
    })
}

/// The name of its file: another content has another name.
pub fn file() -> &'static str {
    static FILE: OnceLock<String> = OnceLock::new();
    FILE.get_or_init(|| {
        let digest = &crate::record::hash(document())[..12];
        format!("ldt-catalogue-{digest}.jsonld")
    })
}

/// The address at which a service gives it.
pub fn address(public_url: &str) -> String {
    format!("{public_url}contexts/{}", file())
}

/// What makes a `Link` header name a context.
pub const RELATION: &str = "http://www.w3.org/ns/json-ld#context";

/// The one form of a `Link` header to a context that every broker reads.
pub fn link(url: &str) -> String {
    format!("<{url}>; rel=\"{RELATION}\"; type=\"application/ld+json\"")
}

/// The IRI of one of our types or attributes.
pub fn iri(name: &str) -> &'static str {
    let found = core().get(name).or_else(|| own().get(name));
    found.map_or("", String::as_str)
}

/// Our name of an IRI.
pub fn name(iri: &str) -> Option<&'static str> {
    static NAMES: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let ours = attribute_names().into_iter().chain(KINDS.map(|k| k.1));
        ours.map(|name| (self::iri(name), name)).collect()
    });
    names.get(iri).copied()
}

/// What a request's @context comes to: names beside those of the core context.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Context {
    terms: BTreeMap<String, String>,
}

/// Names that one context may define.
const TERMS: usize = 10_000;

/// Contexts within contexts that are read.
const DEPTH: usize = 8;

impl Context {
    /// Our own.
    pub fn ours() -> Self {
        let own = own().iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
        Self {
            terms: own.collect(),
        }
    }

    /// Adds what another says, which wins.
    pub fn extend(&mut self, other: Self) {
        self.terms.extend(other.terms);
    }

    /// Addresses that a document names and that have to be known to read it.
    pub fn named(json: &Json) -> Vec<&str> {
        match json {
            Json::String(url) => vec![url],
            Json::Array(all) => all.iter().flat_map(Self::named).collect(),
            _ => Vec::new(),
        }
    }

    /// Reads the value of `@context`. `known` gives the context at an address.
    ///
    /// # Errors
    /// Says what of it is no context.
    pub fn read(json: &Json, known: &dyn Fn(&str) -> Option<Self>) -> Result<Self, String> {
        let mut context = Self::default();
        context.add(json, known, 0)?;
        Ok(context)
    }

    fn add(
        &mut self,
        json: &Json,
        known: &dyn Fn(&str) -> Option<Self>,
        depth: usize,
    ) -> Result<(), String> {
        if depth > DEPTH {
            return Err(format!("contexts lie more than {DEPTH} deep"));
        }
        match json {
            Json::Null => self.terms.clear(),
            Json::String(url) => {
                let found = known(url).ok_or_else(|| format!("{url} is not known"))?;
                self.extend(found);
            }
            Json::Array(all) => all
                .iter()
                .try_for_each(|one| self.add(one, known, depth + 1))?,
            Json::Object(terms) => {
                let mut said: BTreeMap<&str, &str> = BTreeMap::new();
                for (name, meaning) in terms {
                    let id = match meaning {
                        Json::String(iri) => Some(iri.as_str()),
                        Json::Object(definition) => definition.get("@id").and_then(Json::as_str),
                        Json::Null | Json::Bool(_) | Json::Number(_) => None,
                        Json::Array(_) => {
                            return Err(format!("{name} is defined by a list; an IRI is wanted"));
                        }
                    };
                    if let Some(id) = id.filter(|_| !name.starts_with('@')) {
                        said.insert(name, id);
                    }
                }
                if self.terms.len() + said.len() > TERMS {
                    return Err(format!("a context has at most {TERMS} names"));
                }
                for (name, id) in &said {
                    let iri = self.resolve(id, &said, 0);
                    self.terms.insert((*name).to_owned(), iri);
                }
            }
            other => return Err(format!("{other} is no @context")),
        }
        Ok(())
    }

    /// The IRI that a definition means: a name or a prefix in it is looked up beside it.
    fn resolve(&self, id: &str, beside: &BTreeMap<&str, &str>, depth: usize) -> String {
        let lookup = |name: &str| {
            if depth > DEPTH {
                return None;
            }
            let core = core().get(name).cloned();
            core.or_else(|| beside.get(name).map(|i| self.resolve(i, beside, depth + 1)))
                .or_else(|| self.terms.get(name).cloned())
        };
        if id.starts_with('@') {
            return id.to_owned();
        }
        match id.split_once(':') {
            Some((_, rest)) if rest.starts_with("//") => id.to_owned(),
            Some((prefix, rest)) => match lookup(prefix) {
                Some(iri) => format!("{iri}{rest}"),
                None => id.to_owned(),
            },
            None => match beside.get(id) == Some(&id) {
                true => id.to_owned(),
                false => lookup(id).unwrap_or_else(|| format!("{DEFAULT}{id}")),
            },
        }
    }

    /// The IRI of a name, as a type or an attribute.
    pub fn expand(&self, name: &str) -> String {
        if let Some(iri) = core().get(name) {
            return iri.clone();
        }
        if let Some(iri) = self.terms.get(name) {
            return iri.clone();
        }
        match name.split_once(':') {
            Some((_, rest)) if rest.starts_with("//") => name.to_owned(),
            Some((prefix, rest)) => {
                let found = core().get(prefix).or_else(|| self.terms.get(prefix));
                found.map_or_else(|| name.to_owned(), |iri| format!("{iri}{rest}"))
            }
            None => format!("{DEFAULT}{name}"),
        }
    }

    /// Our name of what a requester calls so.
    pub fn ours_of(&self, name: &str) -> Option<&'static str> {
        self::name(&self.expand(name))
    }

    /// What a requester calls one of our types or attributes: the shortest name, else a name behind a
    /// prefix, else the IRI.
    pub fn compact(&self, ours: &str) -> String {
        if core().contains_key(ours) {
            return ours.to_owned();
        }
        let iri = self::iri(ours);
        if self.terms.get(ours).is_some_and(|i| i == iri) {
            return ours.to_owned();
        }
        let exact = self
            .terms
            .iter()
            .filter(|(name, i)| i.as_str() == iri && !core().contains_key(name.as_str()));
        if let Some((name, _)) = exact.min_by_key(|(name, _)| (name.len(), name.as_str())) {
            return name.clone();
        }
        let prefixes = self.terms.iter().filter(|(name, i)| {
            // What ends otherwise is no prefix (JSON-LD 1.1, section 4.1.5).
            i.ends_with(['/', '#', ':', '?', '[', ']', '@']) && !core().contains_key(name.as_str())
        });
        let mut named = prefixes.filter_map(|(name, i)| {
            let rest = iri.strip_prefix(i.as_str()).filter(|r| !r.is_empty())?;
            Some(format!("{name}:{rest}"))
        });
        let first = named.next();
        let shorter = |best: String, one: String| if one.len() < best.len() { one } else { best };
        match first {
            Some(first) => named.fold(first, shorter),
            None => iri.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_ours_is_one_of_the_core_context_and_each_goes_there_and_back() {
        for (name, iri) in own() {
            assert!(!core().contains_key(name), "{name}");
            assert_eq!(Context::ours().expand(name), *iri);
            assert_eq!(Context::ours().compact(name), *name);
            assert_eq!(Context::default().compact(name), *iri);
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            assert!(name.chars().all(plain), "{name}");
        }
        assert!(!own().contains_key("dataset"));
    }

    #[test]
    fn prefixes_chains_and_clashes_are_read_as_the_core_context_wants() {
        let none = |_: &str| None;
        let json = json!([
            { "m": "https://smartdatamodels.org/dataModel.DCAT-AP/", "Set": "m:Dataset", "title": "https://a.example/t" },
            { "labels": { "@id": "m:keyword", "@container": "@set" } },
        ]);
        let context = Context::read(&json, &none).expect("a context");
        assert_eq!(context.ours_of("Set"), Some("Dataset"));
        assert_eq!(context.compact("Dataset"), "Set");
        assert_eq!(context.compact("keyword"), "labels");
        assert_eq!(context.compact("theme"), "m:theme");
        assert_eq!(context.ours_of("m:theme"), Some("theme"));
        assert_eq!(context.expand("title"), "http://purl.org/dc/terms/title");
        assert_eq!(context.expand("other"), format!("{DEFAULT}other"));
        assert!(Context::read(&json!("https://a.example/c"), &none).is_err());
        assert!(Context::read(&json!(5), &none).is_err());
        let circle = json!({ "a": "b:x", "b": "a:y" });
        assert!(Context::read(&circle, &none).is_ok());
    }
}
