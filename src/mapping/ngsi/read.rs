//! Entities of others as RDF: the way back of the table, for what contributors write as NGSI-LD. Normalized,
//! concise and simplified are read alike.
use super::context::Context;
use super::{As, INVERSES, KINDS, Kind, OWN, geometry, is_uri, mandatory, micros, table, time};
use crate::record::vocab::{BASE, LDT, expand};
use crate::record::{hash, slug};
use oxigraph::model::vocab::{rdf, xsd};
use oxigraph::model::{Literal, NamedNode, Term, Triple};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

/// An entity of a request: what it is, and the IRI under which the catalogue keeps it.
pub struct Read {
    pub id: String,
    pub kind: Kind,
    pub iri: String,
    pub triples: Vec<Triple>,
}

/// Reads entities that were sent together and may name one another. Each gives its triples or why it
/// cannot be taken, in the order of the request. `targets` finds the IRI of an entity that is here.
pub fn read(
    entities: &[Json],
    context: &Context,
    targets: &dyn Fn(&str) -> Option<String>,
    prefix: &str,
) -> Vec<Result<Read, (String, String)>> {
    let mut iris: HashMap<&str, String> = HashMap::new();
    // Datasets first: the name of a distribution follows from its dataset's.
    for pass in [false, true] {
        for entity in entities {
            let (Some(id), Ok(kind)) = (entity["id"].as_str(), kind_of(entity, context)) else {
                continue;
            };
            if (kind == Kind::Distribution) != pass {
                continue;
            }
            let iri = match kind {
                Kind::Distribution => {
                    let of = dataset_of(id, entity, entities, context);
                    let of = of.and_then(|of| iris.get(of));
                    of.map(|of| format!("{of}#distribution-{}", &hash(id)[..12]))
                }
                _ => Some(iri_of(id, kind, entity, context, targets, prefix)),
            };
            if let Some(iri) = iri {
                iris.insert(id, iri);
            }
        }
    }
    let find = |text: &str| iris.get(text).cloned().or_else(|| targets(text));
    entities
        .iter()
        .map(|entity| {
            let id = entity["id"].as_str().unwrap_or_default().to_owned();
            let wrong = |why: String| (id.clone(), why);
            if !is_uri(&id) {
                return Err(wrong(format!(
                    "id is {}; an absolute URI is wanted",
                    entity["id"]
                )));
            }
            let kind = kind_of(entity, context).map_err(wrong)?;
            let iri = iris.get(id.as_str()).cloned().ok_or_else(|| {
                wrong(
                    "a Distribution comes in one batch with the Dataset that it belongs to".into(),
                )
            })?;
            let triples = Writer {
                kind,
                subject: &iri,
                find: &find,
                out: Vec::new(),
            };
            let triples = triples.entity(entity, context).map_err(wrong)?;
            Ok(Read {
                id: id.clone(),
                kind,
                iri,
                triples,
            })
        })
        .collect()
}

/// The type, where it is one that can be written.
fn kind_of(entity: &Json, context: &Context) -> Result<Kind, String> {
    let name = match &entity["type"] {
        Json::Array(all) if all.len() == 1 => all[0].as_str(),
        other => other.as_str(),
    };
    let name = name.ok_or_else(|| format!("type is {}; one name is wanted", entity["type"]))?;
    let ours = context.ours_of(name);
    match KINDS.iter().find(|k| Some(k.1) == ours).map(|k| k.0) {
        Some(kind @ (Kind::Dataset | Kind::DataService | Kind::Distribution | Kind::Agent)) => {
            Ok(kind)
        }
        Some(kind) => Err(format!("the catalogue makes each {} itself", kind.name())),
        None => Err(format!(
            "the type {name} is {}, which the catalogue does not hold; Dataset, DataService, Distribution and Agent of the Smart Data Models' DCAT-AP are taken",
            context.expand(name)
        )),
    }
}

/// The member of an entity that we call so.
fn member<'e>(entity: &'e Json, name: &str, context: &Context) -> Option<&'e Json> {
    let all = entity.as_object()?.iter();
    let mut found = all.filter(|(key, _)| context.ours_of(key) == Some(name));
    found.next().map(|(_, value)| value)
}

/// The id of the dataset that a distribution belongs to, as either of them says.
fn dataset_of<'e>(
    id: &str,
    entity: &'e Json,
    all: &'e [Json],
    context: &Context,
) -> Option<&'e str> {
    let own = member(entity, "belongsToDataset", context);
    let said = own.and_then(|v| values(v).into_iter().find_map(Json::as_str));
    said.or_else(|| {
        let lists = |e: &&Json| {
            let list = member(e, "distribution", context);
            list.is_some_and(|v| values(v).into_iter().any(|t| t.as_str() == Some(id)))
        };
        all.iter().find(lists)?["id"].as_str()
    })
}

fn iri_of(
    id: &str,
    kind: Kind,
    entity: &Json,
    context: &Context,
    targets: &dyn Fn(&str) -> Option<String>,
    prefix: &str,
) -> String {
    let resource = member(entity, "rdfResource", context);
    let resource = resource.and_then(|v| values(v).into_iter().find_map(Json::as_str));
    if let Some(resource) = resource.filter(|r| r.starts_with("http") && is_uri(r)) {
        return resource.to_owned();
    }
    // An id that is none of ours comes back as it is.
    if let Some(known) = targets(id).filter(|iri| iri != id) {
        return known;
    }
    // What is no name of ours, such as urn:ngsi-ld:Dataset:city-a:pumps, is kept as it is: two are never one.
    let local = id.strip_prefix("urn:ngsi-ld:");
    let local = local.and_then(|l| l.strip_prefix(kind.name())?.strip_prefix(':'));
    let own = local.and_then(|l| l.strip_prefix(prefix)?.strip_prefix('.'));
    let Some(local) = own.or(local).filter(|l| *l == slug(l)) else {
        return id.to_owned();
    };
    let room = if kind == Kind::Agent {
        "agent"
    } else {
        "resource"
    };
    format!("{BASE}{room}/{local}")
}

/// The values of an attribute, whatever form it is in.
fn values(attribute: &Json) -> Vec<&Json> {
    let inner = match attribute {
        Json::Object(members) => ["value", "object", "vocab"]
            .iter()
            .find_map(|m| members.get(*m))
            .unwrap_or(attribute),
        other => other,
    };
    match inner {
        Json::Array(all) => all.iter().collect(),
        one => vec![one],
    }
}

struct Writer<'w> {
    kind: Kind,
    subject: &'w str,
    find: &'w dyn Fn(&str) -> Option<String>,
    out: Vec<Triple>,
}

/// What an attribute is derived from where an entity of ours has it.
fn derived(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "qualifiedRelation" => Some(&["uses", "relation"]),
        "qualifiedAttribution" => Some(&["publisherAgent"]),
        _ => None,
    }
}

/// A text of a value, also of a typed one.
fn text(value: &Json) -> Option<&str> {
    value.as_str().or_else(|| value.get("@value")?.as_str())
}

impl Writer<'_> {
    fn say(&mut self, subject: &str, property: &str, object: impl Into<Term>) {
        let subject = NamedNode::new_unchecked(subject);
        let property = NamedNode::new_unchecked(property);
        self.out.push(Triple::new(subject, property, object));
    }

    fn class(&mut self, node: &str, class: &str) {
        self.say(node, rdf::TYPE.as_str(), expand(class));
    }

    fn entity(mut self, entity: &Json, context: &Context) -> Result<Vec<Triple>, String> {
        let members: &Map<String, Json> = entity.as_object().ok_or("it is no object")?;
        let subject = self.subject.to_owned();
        self.class(
            &subject,
            match self.kind {
                Kind::DataService => "dcat:DataService",
                Kind::Distribution => "dcat:Distribution",
                Kind::Agent => "foaf:Agent",
                _ => "dcat:Dataset",
            },
        );
        let mut named: Vec<&str> = Vec::new();
        let publisher = member(entity, "publisherAgent", context).is_some();
        for (key, value) in members {
            // The broker of who sends it says when it was made; here it is said when it is kept.
            let system = ["createdAt", "modifiedAt", "deletedAt", "expiresAt"];
            if ["id", "type", "@context"].contains(&key.as_str()) || system.contains(&key.as_str())
            {
                continue;
            }
            let name = context.ours_of(key);
            let known = name.filter(|n| OWN.contains(n) || INVERSES.contains(n));
            let rule = name.and_then(|name| {
                let mut rules = table().rules.iter();
                rules.find(|r| r.attribute == name && r.lists[self.kind as usize].is_some())
            });
            let Some(rule) = rule else {
                if known.is_some() {
                    continue;
                }
                return Err(format!(
                    "{key} is {}, which is no attribute of a {} here",
                    context.expand(key),
                    self.kind.name()
                ));
            };
            named.push(rule.attribute);
            // What we derive ourselves comes back with what it is derived from.
            if let Some(from) = derived(rule.attribute) {
                let of = |name: &str| {
                    member(entity, name, context)
                        .map(values)
                        .unwrap_or_default()
                };
                let said: Vec<&Json> = from.iter().flat_map(|name| of(name)).collect();
                if values(value).iter().all(|v| said.contains(v)) {
                    continue;
                }
            }
            // The agent is told by its own attribute.
            if rule.manner == As::Name && publisher && rule.attribute == "publisher" {
                continue;
            }
            let wrong = |why: String| format!("{key}: {why}");
            if let Some(map) = value.get("languageMap").and_then(Json::as_object) {
                for (tag, texts) in map {
                    for one in values(texts) {
                        let said = text(one).ok_or_else(|| wrong(format!("{one} is no text")))?;
                        let literal = match tag.as_str() {
                            "@none" => Literal::new_simple_literal(said),
                            tag => Literal::new_language_tagged_literal(said, tag)
                                .map_err(|e| wrong(format!("{tag:?} is no language: {e}")))?,
                        };
                        self.say(&subject, &rule.property, literal);
                    }
                }
                continue;
            }
            if rule.manner == As::Period {
                self.period(&rule.property, &values(value)).map_err(wrong)?;
                continue;
            }
            for one in values(value) {
                self.value(rule.manner, rule.attribute, &rule.property, one)
                    .map_err(wrong)?;
            }
        }
        if let Some(missing) = mandatory(self.kind).iter().find(|m| !named.contains(m)) {
            return Err(format!(
                "a {} has {missing}, and this one lacks it",
                self.kind.name()
            ));
        }
        Ok(self.out)
    }

    fn value(
        &mut self,
        manner: As,
        name: &str,
        property: &str,
        value: &Json,
    ) -> Result<(), String> {
        let subject = self.subject.to_owned();
        let said = || {
            let found = text(value).filter(|t| !t.trim().is_empty());
            found.ok_or_else(|| format!("{value} is no text"))
        };
        let uri = || {
            let found = said()?;
            let found = is_uri(found).then_some(found);
            found.ok_or_else(|| format!("{value} is no absolute URI"))
        };
        let object: Term = match manner {
            As::Text if name == "temporalResolution" => {
                let kind = xsd::DURATION;
                Literal::new_typed_literal(said()?, kind).into()
            }
            As::Texts | As::Text | As::Local => Literal::new_simple_literal(said()?).into(),
            As::Label => {
                let class = match name {
                    "provenance" => "dct:ProvenanceStatement",
                    _ => "dct:RightsStatement",
                };
                let text = said()?;
                let node = format!("{subject}#{name}-{}", &hash(text)[..12]);
                self.class(&node, class);
                let label = expand("rdfs:label");
                self.say(&node, label.as_str(), Literal::new_simple_literal(text));
                NamedNode::new_unchecked(node).into()
            }
            As::Uri if name == "otherIdentifier" => {
                let other = uri()?;
                self.class(other, "adms:Identifier");
                let notation = Literal::new_typed_literal(other, xsd::ANY_URI);
                self.say(other, expand("skos:notation").as_str(), notation);
                NamedNode::new_unchecked(other).into()
            }
            As::Uri => Literal::new_typed_literal(uri()?, xsd::ANY_URI).into(),
            As::Iri | As::Place => {
                let target = uri()?;
                let class = match name {
                    "landingPage" | "page" | "homepage" => Some("foaf:Document"),
                    "spatialPlace" => Some("dct:Location"),
                    "wasGeneratedBy" => Some("prov:Activity"),
                    _ => None,
                };
                if let Some(class) = class {
                    self.class(target, class);
                }
                NamedNode::new_unchecked(target).into()
            }
            As::Pointer | As::Relation => {
                let target = uri()?;
                let target = (self.find)(target).unwrap_or_else(|| target.to_owned());
                if name == "publisherAgent" {
                    self.class(&target, "foaf:Agent");
                }
                NamedNode::new_unchecked(target).into()
            }
            As::Number => {
                let number = value
                    .as_f64()
                    .ok_or_else(|| format!("{value} is no number"))?;
                let kind = match name {
                    "byteSize" => xsd::NON_NEGATIVE_INTEGER,
                    _ => xsd::DECIMAL,
                };
                Literal::new_typed_literal(number.to_string(), kind).into()
            }
            As::Time => {
                let at = micros(said()?).ok_or_else(|| format!("{value} is no date and time"))?;
                Literal::new_typed_literal(time(at), xsd::DATE_TIME).into()
            }
            As::Name => {
                let name = said()?;
                let agent = format!("{BASE}agent/{}", slug(name));
                self.class(&agent, "foaf:Agent");
                self.say(
                    &agent,
                    expand("foaf:name").as_str(),
                    Literal::new_simple_literal(name),
                );
                NamedNode::new_unchecked(agent).into()
            }
            As::Contact => {
                let how = said()?;
                let node = format!("{subject}#contact-{}", &hash(how)[..12]);
                self.class(&node, "vcard:Kind");
                match (how.starts_with("mailto:"), is_uri(how)) {
                    (true, _) => self.say(
                        &node,
                        expand("vcard:hasEmail").as_str(),
                        NamedNode::new_unchecked(how),
                    ),
                    (_, true) => self.say(
                        &node,
                        expand("vcard:hasURL").as_str(),
                        NamedNode::new_unchecked(how),
                    ),
                    _ => self.say(
                        &node,
                        expand("vcard:fn").as_str(),
                        Literal::new_simple_literal(how),
                    ),
                }
                NamedNode::new_unchecked(node).into()
            }
            As::Geometry => {
                let shape = geometry::parse(value)?;
                let node = format!("{subject}#location");
                self.class(&node, "dct:Location");
                let wkt = wkt::ToWkt::wkt_string(&shape);
                let kind = expand("geosparql:wktLiteral");
                let geometry = expand("locn:geometry");
                self.say(
                    &node,
                    geometry.as_str(),
                    Literal::new_typed_literal(wkt, kind),
                );
                NamedNode::new_unchecked(node).into()
            }
            As::Media => {
                let media = said()?;
                let plain = |c: u8| c.is_ascii_alphanumeric() || b"/.+-_".contains(&c);
                if media.split('/').count() != 2 || !media.bytes().all(plain) {
                    return Err(format!(
                        "{media:?} is no media type; one such as text/csv is wanted"
                    ));
                }
                let iri = format!("https://www.iana.org/assignments/media-types/{media}");
                NamedNode::new_unchecked(iri).into()
            }
            As::Facet => {
                let facet = name.trim_start_matches("ldt").to_ascii_lowercase();
                let iri = format!("{LDT}{facet}-{}", said()?);
                if crate::record::vocab::about(&iri).is_empty() {
                    return Err(format!("{value} is no {facet} that the catalogue knows"));
                }
                NamedNode::new_unchecked(iri).into()
            }
            As::Status => {
                let code = match said()? {
                    "Completed" => "COMPLETED",
                    "Deprecated" => "DEPRECATED",
                    "Under Development" => "DEVELOP",
                    "Withdrawn" => "WITHDRAWN",
                    other => {
                        return Err(format!(
                            "{other:?} is no status; Completed, Deprecated, Under Development or Withdrawn is wanted"
                        ));
                    }
                };
                crate::record::vocab::eu("distribution-status", code).into()
            }
            As::Related | As::Attributed | As::Checksum | As::Period => {
                return Err(
                    "it cannot be written as NGSI-LD; RDF at /api/resources can say it".into(),
                );
            }
        };
        self.say(&subject, property, object);
        Ok(())
    }

    fn period(&mut self, property: &str, ends: &[&Json]) -> Result<(), String> {
        let node = format!("{}#period", self.subject);
        self.class(&node, "dct:PeriodOfTime");
        for (end, name) in ends.iter().zip(["dcat:startDate", "dcat:endDate"]) {
            let at = text(end).and_then(micros);
            let at = at.ok_or_else(|| format!("{end} is no date and time"))?;
            let literal = Literal::new_typed_literal(time(at), xsd::DATE_TIME);
            self.say(&node, expand(name).as_str(), literal);
        }
        let subject = self.subject.to_owned();
        self.say(&subject, property, NamedNode::new_unchecked(node));
        Ok(())
    }
}
