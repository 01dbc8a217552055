//! A need from a description: RDF that says what the wanted thing follows, which licence it has and who runs it
//! (DCAT), and what its policy has to allow (ODRL). The description is of one thing.
use super::odrl::{self, ODRL};
use crate::error::{Error, Result};
use crate::record::need::{Aspect, Need, Strength};
use crate::record::statement::{Statement, iri, literal, statements};
use crate::record::vocab::{self, BASE, LDT};
use oxigraph::model::Triple;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Statements that are told as not used.
const UNUSED: usize = 20;

/// Statements of a description.
const MOST: usize = 5_000;

/// A need, and the properties that said nothing to it.
#[derive(Debug)]
pub struct Described {
    pub need: Need,
    pub unused: Vec<String>,
}

/// Classes of what a description may be about.
const CLASSES: [&str; 6] = [
    "dcat:Dataset",
    "dcat:DatasetSeries",
    "dcat:DataService",
    "odrl:Request",
    "odrl:Offer",
    "odrl:Set",
];

/// Properties that name or hold together, and ask for nothing.
const STRUCTURE: [&str; 20] = [
    "rdf:type",
    "dct:title",
    "foaf:name",
    "dcat:distribution",
    "dcat:accessService",
    "dcat:servesDataset",
    "dct:identifier",
    "odrl:hasPolicy",
    "odrl:permission",
    "odrl:action",
    "odrl:constraint",
    "odrl:leftOperand",
    "odrl:operator",
    "odrl:rightOperand",
    "odrl:and",
    "odrl:uid",
    "odrl:profile",
    "skos:prefLabel",
    "skos:altLabel",
    "dct:description",
];

/// Reads a graph. IRIs below `public_url` (with a trailing slash) are ours; `kind_of` is the kind of an entry that
/// the library has.
///
/// # Errors
/// It describes several things, is too long, or asks for nothing.
pub fn read(
    graph: &[Triple],
    public_url: &str,
    kind_of: impl Fn(&str) -> Option<String>,
) -> Result<Described> {
    if graph.len() > MOST {
        let found = graph.len();
        return Err(Error::bad_input(format!(
            "the description has {found} statements; {MOST} are the most"
        )));
    }
    let own = format!("<{public_url}");
    let content: String = graph
        .iter()
        .map(|t| format!("{t} .\n").replace(&own, &format!("<{BASE}")))
        .collect();
    let all: Vec<Statement<'_>> = statements(&content).collect();
    let is_a = |subject: &str, class: &str| {
        let types = all
            .iter()
            .filter(|s| s.subject == subject && s.says("rdf:type"));
        types
            .filter_map(Statement::target)
            .any(|t| vocab::is(t, class))
    };
    let subjects: BTreeSet<&str> = all.iter().map(|s| s.subject).collect();
    let pointed_at: BTreeSet<&str> = all.iter().map(|s| s.object).collect();
    let is_root = |s: &&&str| !pointed_at.contains(**s) && CLASSES.iter().any(|c| is_a(s, c));
    let roots: Vec<&&str> = subjects.iter().filter(is_root).collect();
    if roots.len() > 1 {
        let names: Vec<&str> = roots.iter().take(3).map(|r| **r).collect();
        return Err(Error::bad_input(format!(
            "the description is of {} things ({}); one is wanted",
            roots.len(),
            names.join(", ")
        )));
    }
    let value = |subject: &str, property: &str| {
        let found = all
            .iter()
            .find(|s| s.subject == subject && s.says(property));
        found.map(|s| s.object)
    };
    let plain = |term: &str| match literal(term) {
        Some(l) => l.value().into_owned(),
        None => iri(term).unwrap_or(term).to_owned(),
    };
    let mut need = Need::default();
    if let Some(title) = roots.first().and_then(|r| value(r, "dct:title")) {
        need.title = plain(title);
    }
    let mut unused = BTreeSet::new();
    for s in &all {
        let about_service = is_a(s.subject, "dcat:DataService");
        let says = |names: &[&str]| names.iter().any(|n| s.says(n));
        let concept = |prefix: &str| s.target().filter(|t| t.starts_with(prefix));
        let mut wish = |aspect, strength| {
            need.wish(aspect, plain(s.object), strength);
            true
        };
        let wanted = Strength::Wanted;
        let used = if says(&[
            "dct:conformsTo",
            "ldt:implements",
            "ldt:uses",
            "ldt:profiles",
            "dct:requires",
        ]) {
            let strength = match s.says("dct:requires") {
                true => Strength::Required,
                false => wanted,
            };
            let aspect = match s.target().and_then(&kind_of) {
                Some(kind) => Aspect::of_kind(&kind),
                None if about_service => Some(Aspect::Interfaces),
                None => Some(Aspect::DataModels),
            };
            let asked = s.target().is_some() && aspect.is_some_and(|a| wish(a, strength));
            if let Some(target) = s.target().filter(|_| s.says("ldt:uses")) {
                need.have.push(target.to_owned());
            }
            asked || s.says("ldt:uses")
        } else if let Some((aspect, _)) = [
            (Aspect::Mims, "mim"),
            (Aspect::Layers, "layer"),
            (Aspect::Domains, "domain"),
            (Aspect::Provenance, "origin"),
        ]
        .into_iter()
        .find(|(_, name)| s.says(&format!("ldt:{name}")))
        {
            concept(LDT).is_some() && wish(aspect, wanted)
        } else if s.says("dct:type") {
            concept(&format!("{LDT}kind-")).is_some() && wish(Aspect::Kinds, wanted)
        } else if says(&["dct:license", "ldt:licence"]) {
            s.target().is_some() && wish(Aspect::Licence, wanted)
        } else if s.says("dct:accessRights") {
            s.target().is_some() && wish(Aspect::Access, wanted)
        } else if s.says("dct:spatial") {
            concept(&format!("{}country/", vocab::EU)).is_some() && wish(Aspect::Countries, wanted)
        } else if s.says("dct:publisher") {
            let name = value(s.object, "foaf:name").unwrap_or(s.object);
            let known = !name.starts_with("_:");
            if known {
                need.wish(Aspect::Operators, plain(name), wanted);
            }
            known
        } else if s.says("odrl:permission") {
            let actions = all
                .iter()
                .filter(|a| a.subject == s.object && a.says("odrl:action"));
            for action in actions.filter_map(Statement::target) {
                need.wish(Aspect::Licence, action, wanted);
            }
            true
        } else if s.says("odrl:leftOperand") {
            // Where the thing may be used is where it is looked for; other constraints are for who negotiates.
            let place = value(s.subject, "odrl:rightOperand").map(plain);
            let spatial = s.target().and_then(|t| t.strip_prefix(ODRL)) == Some("spatial");
            match place.filter(|_| spatial) {
                Some(place) => {
                    need.wish(Aspect::Countries, place, wanted);
                    true
                }
                None => {
                    let operand = s.target().and_then(vocab::compact);
                    let name =
                        operand.map_or_else(|| s.object.to_owned(), |(p, l)| format!("{p}:{l}"));
                    unused.insert(format!("a constraint of {name}"));
                    true
                }
            }
        } else {
            says(&STRUCTURE)
        };
        if !used {
            let property = iri(s.predicate).unwrap_or(s.predicate);
            let named = vocab::compact(property).map(|(p, l)| format!("{p}:{l}"));
            unused.insert(named.unwrap_or_else(|| property.to_owned()));
        }
    }
    Ok(Described {
        need,
        unused: unused.into_iter().take(UNUSED).collect(),
    })
}

/// Whether JSON is a policy of ODRL that names a context by its address, which no reader of RDF may fetch.
pub fn is_policy(value: &Value) -> bool {
    let context = value.get("@context");
    let all = context
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let named = all.iter().chain(context).filter_map(Value::as_str);
    named.into_iter().any(odrl::is_context)
}

/// Reads a policy: what its permissions are for has to be allowed.
///
/// # Errors
/// Those of [`odrl::read`], and of [`read`].
pub fn of_policy(mut value: Value, public_url: &str) -> Result<Described> {
    // Between whom and about what it is, is not asked of an entry.
    const PARTIES: [&str; 4] = ["target", "assigner", "assignee", "odrl:target"];
    let mut unused = BTreeMap::new();
    if let Some(members) = value.as_object_mut() {
        for name in PARTIES {
            if members.remove(name).is_some() {
                unused.insert(name, ());
            }
        }
        if let Some(class) = members.get_mut("@type")
            && matches!(class.as_str(), Some("Request" | "odrl:Request"))
        {
            *class = "Set".into();
        }
        for rules in ["permission", "prohibition", "obligation"] {
            let rules = members.get_mut(rules).and_then(Value::as_array_mut);
            for rule in rules.into_iter().flatten().filter_map(Value::as_object_mut) {
                for name in PARTIES {
                    if rule.remove(name).is_some() {
                        unused.insert(name, ());
                    }
                }
            }
        }
    }
    let policy = odrl::read(&value)?;
    let entry = format!("{BASE}need");
    let content = odrl::state(&policy, &entry, &format!("{entry}#policy"));
    let mut described = read(&crate::record::triples(&content)?, public_url, |_| None)?;
    described
        .unused
        .extend(unused.into_keys().map(str::to_owned));
    Ok(described)
}
