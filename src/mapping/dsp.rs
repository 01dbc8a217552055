//! Records as data sets of the Dataspace Protocol (2025-1, and 0.8 for connectors that know no other). Everything
//! is made in the terms of 2025-1; [`Version::write`] says the same in those of 0.8.
use super::dcat::{About, DESCRIPTIONS};
use super::odrl::{self, Policy};
use crate::record::Record;
use crate::record::statement::{Statement, iri, literal, statements};
use crate::record::vocab::{self, BASE, eu, expand};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

pub const CONTEXT: &str = "https://w3id.org/dspace/2025/1/context.jsonld";

const PARTICIPANT: &str = "https://w3id.org/dspace/2025/1/participantId";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    V2025,
    V08,
}

impl Version {
    pub const ALL: [Self; 2] = [Self::V2025, Self::V08];

    /// As connectors write it, and as it stands in paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::V2025 => "2025-1",
            Self::V08 => "v0.8",
        }
    }

    /// By a segment of a path; the specification writes the older one without its letter.
    pub fn of(segment: &str) -> Option<Self> {
        match segment {
            "2025-1" => Some(Self::V2025),
            "v0.8" | "0.8" => Some(Self::V08),
            _ => None,
        }
    }

    /// The namespace that names it; a service says by `dct:conformsTo` which it speaks.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::V2025 => "https://w3id.org/dspace/2025/1/",
            Self::V08 => "https://w3id.org/dspace/v0.8/",
        }
    }

    /// A root message: the object with its context, in the terms of the version.
    pub fn message(self, object: Value) -> Value {
        let mut object = self.write(object);
        if let Value::Object(members) = &mut object {
            members.insert("@context".to_owned(), self.context());
        }
        object
    }

    pub fn context(self) -> Value {
        match self {
            Self::V2025 => json!([CONTEXT]),
            // Connectors hold no document for it, and fetch none.
            Self::V08 => json!({
                "dcat": "http://www.w3.org/ns/dcat#",
                "dct": "http://purl.org/dc/terms/",
                "odrl": odrl::ODRL,
                "dspace": Self::V08.namespace(),
            }),
        }
    }

    /// The name of a member of 2025-1.
    pub fn member(self, name: &'static str) -> &'static str {
        match self {
            Self::V2025 => name,
            Self::V08 => old_name(name).unwrap_or(name),
        }
    }

    /// An object of 2025-1 in the terms of the version.
    pub fn write(self, value: Value) -> Value {
        match self {
            Self::V2025 => value,
            Self::V08 => old("", value),
        }
    }
}

/// Members whose values are terms of the vocabulary or names: 0.8 has them as nodes.
const NODES: [&str; 5] = ["action", "leftOperand", "operator", "format", "profile"];

/// Members of 2025-1 in 0.8.
const OLD: [(&str, &str); 25] = [
    ("accessService", "dcat:accessService"),
    ("action", "odrl:action"),
    ("and", "odrl:and"),
    ("catalog", "dcat:catalog"),
    ("code", "dspace:code"),
    ("constraint", "odrl:constraint"),
    ("consumerPid", "dspace:consumerPid"),
    ("dataset", "dcat:dataset"),
    ("distribution", "dcat:distribution"),
    ("duty", "odrl:duty"),
    ("endpointURL", "dcat:endpointURL"),
    ("format", "dct:format"),
    ("hasPolicy", "odrl:hasPolicy"),
    ("leftOperand", "odrl:leftOperand"),
    ("obligation", "odrl:obligation"),
    ("operator", "odrl:operator"),
    ("or", "odrl:or"),
    ("participantId", "dspace:participantId"),
    ("permission", "odrl:permission"),
    ("profile", "odrl:profile"),
    ("prohibition", "odrl:prohibition"),
    ("providerPid", "dspace:providerPid"),
    ("reason", "dspace:reason"),
    ("rightOperand", "odrl:rightOperand"),
    ("service", "dcat:service"),
];

fn old_name(name: &str) -> Option<&'static str> {
    if name == "xone" {
        return Some("odrl:xone");
    }
    let at = OLD.binary_search_by_key(&name, |(new, _)| new).ok()?;
    Some(OLD[at].1)
}

fn old(name: &str, value: Value) -> Value {
    match value {
        Value::Array(all) => Value::Array(all.into_iter().map(|v| old(name, v)).collect()),
        Value::Object(members) => {
            let one = members.into_iter().map(|(key, value)| {
                let value = old(&key, value);
                // The older readers look for a list here.
                let value = match key.as_str() {
                    "accessService" if value.is_object() => json!([value]),
                    _ => value,
                };
                (old_name(&key).map_or(key.clone(), str::to_owned), value)
            });
            Value::Object(one.collect())
        }
        Value::String(text) if name == "@type" => Value::String(match text.as_str() {
            "Catalog" | "Dataset" | "Distribution" | "DataService" => format!("dcat:{text}"),
            "Offer" => "odrl:Offer".to_owned(),
            _ if text.contains(':') => text,
            _ => format!("dspace:{text}"),
        }),
        Value::String(text) if NODES.contains(&name) => {
            let bare = name != "format" && !text.contains(':');
            json!({ "@id": if bare { format!("odrl:{text}") } else { text } })
        }
        other => other,
    }
}

/// The participant that this catalogue is, by default: its address as a `did:web`.
pub fn did(public_url: &str) -> String {
    let after = public_url
        .split_once("://")
        .map_or(public_url, |(_, rest)| rest);
    let mut parts = after.trim_end_matches('/').split('/');
    let host = parts.next().unwrap_or_default().replace(':', "%3A");
    parts.fold(format!("did:web:{host}"), |did, part| {
        format!("{did}:{part}")
    })
}

/// What the catalogue says of itself in data spaces.
#[derive(Clone, Debug)]
pub struct Itself {
    /// Ends in a slash.
    pub public_url: String,
    pub participant: String,
    pub about: About,
}

impl Itself {
    /// An own IRI as it is served.
    pub fn address<'a>(&self, iri: &'a str) -> Cow<'a, str> {
        match iri.strip_prefix(BASE) {
            Some(rest) => Cow::Owned(format!("{}{rest}", self.public_url)),
            None => Cow::Borrowed(iri),
        }
    }

    fn base(&self, version: Version) -> String {
        format!("{}dsp/{}", self.public_url, version.name())
    }

    /// The service of the catalogue itself. It serves lists and does not negotiate, as its answers say.
    pub fn service(&self, version: Version) -> Value {
        service(
            &format!("{}dsp#service", self.public_url),
            &self.base(version),
        )
    }

    /// The id of the data set that an entry's description is.
    pub fn id(&self, record: &Record) -> String {
        name(&self.address(&record.iri))
    }

    /// The description of an entry as a data set: its distributions are the open documents of this catalogue.
    pub fn description(&self, record: &Record, version: Version) -> Value {
        let id = self.id(record);
        let page = self
            .address(&format!("{BASE}resource/{}", record.slug))
            .into_owned();
        let mut out = self.described(record);
        let licence = eu("licence", DESCRIPTIONS);
        let offer = name(&format!("{id}#offer"));
        // The licence is one of the table.
        let offers: Vec<Value> = odrl::of_licence(licence.as_str(), offer)
            .iter()
            .map(odrl::offer)
            .collect();
        out.insert("@id".into(), id.into());
        out.insert("hasPolicy".into(), offers.into());
        let service = self.service(version);
        let distributions: Vec<Value> = [("jsonld", "JSON_LD"), ("ttl", "RDF_TURTLE")]
            .into_iter()
            .map(|(extension, code)| {
                json!({
                    "@type": "Distribution",
                    "format": eu("file-type", code).as_str(),
                    "accessService": service,
                    "dcat:accessURL": {"@id": page},
                    "dcat:downloadURL": {"@id": format!("{page}.{extension}")},
                    "dct:license": {"@id": licence.as_str()},
                })
            })
            .collect();
        out.insert("distribution".into(), distributions.into());
        Value::Object(out)
    }

    /// An entry as the data set that its connector negotiates, under the id that the connector knows.
    pub fn asset(
        &self,
        record: &Record,
        negotiable: &Negotiable,
        version: Version,
    ) -> Option<Value> {
        let distributions: Vec<Value> = negotiable
            .ways
            .iter()
            .filter(|way| way.version == version)
            .map(|way| {
                json!({
                    "@type": "Distribution",
                    "format": way.format,
                    "accessService": service(&self.address(&way.service), &way.endpoint),
                })
            })
            .collect();
        if distributions.is_empty() {
            return None;
        }
        let mut out = self.described(record);
        out.insert("@id".into(), negotiable.asset.as_str().into());
        let offers = negotiable.offers.iter().map(|policy| {
            let id = self.address(&policy.id).into_owned();
            odrl::offer(&Policy {
                id,
                ..policy.clone()
            })
        });
        out.insert("hasPolicy".into(), offers.collect());
        out.insert("distribution".into(), distributions.into());
        Some(Value::Object(out))
    }

    /// What every reader is told of an entry: DCAT with the prefixes of the protocol's context, else whole IRIs.
    fn described(&self, record: &Record) -> Map<String, Value> {
        let entry = record.iri.as_str();
        let mut out = Map::new();
        out.insert("@type".into(), "Dataset".into());
        out.insert("dct:identifier".into(), self.address(entry).into());
        let mut theme = false;
        let mut publisher = None;
        for s in statements(&record.content).filter(|s| s.about(entry)) {
            let Some(predicate) = iri(s.predicate) else {
                continue;
            };
            let Some(key) = TOLD.iter().find(|t| vocab::is(predicate, t)) else {
                continue;
            };
            theme |= *key == "dcat:theme";
            if *key == "dct:publisher" {
                publisher = s.target();
                continue;
            }
            let key = match key.starts_with("ldt:") {
                true => predicate,
                false => key,
            };
            let value = match (s.target(), literal(s.object)) {
                (Some(target), _) => json!({ "@id": self.address(target) }),
                (None, Some(text)) => {
                    let mut value = Map::new();
                    value.insert("@value".into(), text.value().into());
                    if let Some(tag) = text.language {
                        value.insert("@language".into(), tag.into());
                    }
                    if let Some(datatype) = text.datatype {
                        value.insert("@type".into(), datatype.into());
                    }
                    Value::Object(value)
                }
                (None, None) => continue,
            };
            let all = out.entry(key).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(all) = all {
                all.push(value);
            }
        }
        if !theme {
            let theme = eu("data-theme", "TECH");
            out.insert("dcat:theme".into(), json!([{ "@id": theme.as_str() }]));
        }
        if let Some(agent) = publisher {
            let names = statements(&record.content);
            let names = names.filter(|s| s.about(agent) && s.says("foaf:name"));
            let name = names.filter_map(|s| literal(s.object)).next();
            let mut node = Map::new();
            node.insert("@id".into(), self.address(agent).into());
            node.insert("@type".into(), "http://xmlns.com/foaf/0.1/Agent".into());
            if let Some(name) = name {
                node.insert("http://xmlns.com/foaf/0.1/name".into(), name.value().into());
            }
            out.insert("dct:publisher".into(), Value::Object(node));
        }
        for (key, at) in [
            ("dct:issued", record.issued),
            ("dct:modified", record.modified),
        ] {
            out.entry(key).or_insert_with(|| {
                let date_time = "http://www.w3.org/2001/XMLSchema#dateTime";
                json!({ "@value": super::dcat::date_time(at), "@type": date_time })
            });
        }
        out
    }

    /// The values of a property of an entry's data set, as texts, for filters; whether each is an IRI.
    pub fn values<'r>(&self, record: &'r Record, property: &str) -> Vec<(Cow<'r, str>, bool)> {
        let mut out: Vec<(Cow<'r, str>, bool)> = statements(&record.content)
            .filter(|s| iri(s.predicate) == Some(property) && s.about(&record.iri))
            .filter_map(|s| match s.target() {
                Some(target) => Some((self.address(target), true)),
                None => Some((literal(s.object)?.value(), false)),
            })
            .collect();
        let is = |name: &str| vocab::is(property, name);
        let given = |name: &str| is(name) && out.is_empty();
        if is("dct:identifier") {
            out = vec![(self.address(&record.iri).into_owned().into(), false)];
        } else if given("dct:issued") {
            out.push((super::dcat::date_time(record.issued).into(), false));
        } else if given("dct:modified") {
            out.push((super::dcat::date_time(record.modified).into(), false));
        } else if given("dcat:theme") {
            out.push((eu("data-theme", "TECH").as_str().to_owned().into(), true));
        }
        out
    }

    /// The catalogue without its data sets.
    pub fn head(&self) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("@id".into(), format!("{}catalog", self.public_url).into());
        out.insert("@type".into(), "Catalog".into());
        out.insert("participantId".into(), self.participant.as_str().into());
        for (key, text) in [
            ("dct:title", &self.about.title),
            ("dct:description", &self.about.description),
        ] {
            out.insert(
                key.into(),
                json!([{ "@value": text, "@language": self.about.language }]),
            );
        }
        out.insert("dct:license".into(), json!({ "@id": self.about.licence }));
        out
    }

    /// The catalogue of another participant: where its connector is, and some of what it offers.
    pub fn nested(
        &self,
        participant: &str,
        assets: Vec<Value>,
        services: BTreeMap<String, String>,
    ) -> Value {
        let services: Vec<Value> = services.iter().map(|(id, url)| service(id, url)).collect();
        let first = services.first().cloned().unwrap_or_default();
        let mut out = json!({
            "@id": name(&format!("{}catalog#{participant}", self.public_url)),
            "@type": "Catalog",
            "participantId": participant,
            "distribution": [{ "@type": "Distribution", "format": "Catalog", "accessService": first }],
            "service": services,
        });
        if !assets.is_empty() {
            out["dataset"] = assets.into();
        }
        out
    }
}

/// Properties that a data set shows.
const TOLD: [&str; 17] = [
    "dct:title",
    "dct:description",
    "dcat:keyword",
    "dcat:theme",
    "dcat:version",
    "dct:publisher",
    "dct:type",
    "dct:issued",
    "dct:modified",
    "dct:language",
    "dct:conformsTo",
    "dct:accessRights",
    "dcat:landingPage",
    "ldt:layer",
    "ldt:mim",
    "ldt:scope",
    "ldt:licence",
];

fn service(id: &str, endpoint: &str) -> Value {
    json!({ "@id": id, "@type": "DataService", "endpointURL": endpoint })
}

/// A name-based UUID (RFC 9562, section 5.5) of an address.
pub fn name(address: &str) -> String {
    format!(
        "urn:uuid:{}",
        Uuid::new_v5(&Uuid::NAMESPACE_URL, address.as_bytes())
    )
}

/// What a connector offers of an entry.
#[derive(Clone, Debug)]
pub struct Negotiable {
    pub participant: String,
    /// The id by which the connector knows it.
    pub asset: String,
    pub offers: Vec<Policy>,
    pub ways: Vec<Way>,
}

/// How to get at it.
#[derive(Clone, Debug)]
pub struct Way {
    pub version: Version,
    pub service: String,
    pub endpoint: String,
    pub format: String,
}

impl Negotiable {
    /// The services of a version, by their ids.
    pub fn services(&self, version: Version) -> BTreeMap<String, String> {
        let ways = self.ways.iter().filter(|w| w.version == version);
        ways.map(|w| (w.service.clone(), w.endpoint.clone()))
            .collect()
    }
}

/// Why no connector can negotiate an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unoffered {
    /// None of its distributions names a connector.
    NoConnector,
    /// It has no licence and no policy.
    NoLicence,
    /// What its licence allows is not known here.
    UnknownLicence,
}

/// Whether an entry may be one that a connector negotiates; quickly said.
pub fn names_connector(content: &str) -> bool {
    content.contains(PARTICIPANT)
}

/// What may be done with an entry: the policies that are attached to it, else what its licence says.
///
/// # Errors
/// Why nothing is known of it.
pub fn offers(record: &Record) -> Result<Vec<Policy>, Unoffered> {
    let entry = record.iri.as_str();
    let attached = odrl::policies(&record.content, entry);
    if !attached.is_empty() {
        return Ok(attached);
    }
    let said: Vec<Statement<'_>> = statements(&record.content).collect();
    let links = |subject: &str, property: &str| -> Vec<&str> {
        let found = said.iter().filter(|s| s.about(subject) && s.says(property));
        found.filter_map(Statement::target).collect()
    };
    let mut licences = links(entry, "ldt:licence");
    licences.extend(links(entry, "dct:license"));
    for distribution in links(entry, "dcat:distribution") {
        licences.extend(links(distribution, "dct:license"));
    }
    licences.dedup();
    if licences.is_empty() {
        return Err(Unoffered::NoLicence);
    }
    let id = |licence: &str| name(&format!("{entry}#offer {licence}"));
    let known = licences.iter().find_map(|l| odrl::of_licence(l, id(l)));
    known
        .map(|policy| vec![policy])
        .ok_or(Unoffered::UnknownLicence)
}

/// What a connector offers of an entry.
///
/// # Errors
/// Why there is nothing to negotiate.
pub fn negotiable(record: &Record) -> Result<Negotiable, Unoffered> {
    let entry = record.iri.as_str();
    if !names_connector(&record.content) {
        return Err(Unoffered::NoConnector);
    }
    let mut about: HashMap<&str, Vec<Statement<'_>>> = HashMap::new();
    for s in statements(&record.content) {
        if let Some(subject) = iri(s.subject) {
            about.entry(subject).or_default().push(s);
        }
    }
    let objects = |subject: &str, property: &str| -> Vec<&str> {
        let predicate = expand(property);
        let said = about.get(subject).into_iter().flatten();
        let found = said.filter(|s| iri(s.predicate) == Some(predicate.as_str()));
        found.map(|s| s.object).collect()
    };
    let text = |term: &str| -> Option<String> {
        let plain = literal(term).map(|l| l.value().into_owned());
        plain.or_else(|| iri(term).map(str::to_owned))
    };
    let first =
        |subject: &str, property: &str| objects(subject, property).first().and_then(|t| text(t));
    let mut participant = None;
    let mut ways = Vec::new();
    for distribution in objects(entry, "dcat:distribution")
        .into_iter()
        .filter_map(iri)
    {
        for id in objects(distribution, "dcat:accessService")
            .into_iter()
            .filter_map(iri)
        {
            let (Some(owner), Some(endpoint)) = (
                first(id, "dspace:participantId"),
                first(id, "dcat:endpointURL"),
            ) else {
                continue;
            };
            // One participant offers an entry; what another says of it is an entry of its own.
            if *participant.get_or_insert_with(|| owner.clone()) != owner {
                continue;
            }
            let format = first(distribution, "ldt:transferFormat")
                .or_else(|| first(distribution, "dct:format"))
                .unwrap_or_else(|| "HttpData-PULL".to_owned());
            let spoken: Vec<&str> = objects(id, "dct:conformsTo")
                .into_iter()
                .filter_map(iri)
                .collect();
            let said = |v: &Version| spoken.contains(&v.namespace());
            let mut versions: Vec<Version> = Version::ALL.into_iter().filter(said).collect();
            if versions.is_empty() {
                versions.push(Version::V2025);
            }
            ways.extend(versions.into_iter().map(|version| Way {
                version,
                service: id.to_owned(),
                endpoint: endpoint.clone(),
                format: format.clone(),
            }));
        }
    }
    let participant = participant.ok_or(Unoffered::NoConnector)?;
    Ok(Negotiable {
        participant,
        asset: first(entry, "ldt:assetId").unwrap_or_else(|| entry.to_owned()),
        offers: offers(record)?,
        ways,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_the_older_version_are_found() {
        assert!(OLD.is_sorted_by_key(|m| m.0));
        assert_eq!(old_name("format"), Some("dct:format"));
        assert_eq!(old_name("xone"), Some("odrl:xone"));
        assert_eq!(old_name("dct:title"), None);
    }

    #[test]
    fn the_catalogue_is_a_participant_by_its_address() {
        assert_eq!(
            did("https://catalogue.example/"),
            "did:web:catalogue.example"
        );
        assert_eq!(did("http://127.0.0.1:7400/"), "did:web:127.0.0.1%3A7400");
        assert_eq!(
            did("https://city.example/twin/library/"),
            "did:web:city.example:twin:library"
        );
    }

    #[test]
    fn an_address_always_has_the_same_name() {
        let known = "urn:uuid:b2e85eb1-8b56-559a-a2e8-66d9628ba64f";
        assert_eq!(name("https://catalogue.example/resource/air"), known);
    }
}
