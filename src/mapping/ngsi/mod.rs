//! Records as NGSI-LD entities (ETSI GS CIM 009, clause 4.5) in the types of the Smart Data Models'
//! dataModel.DCAT-AP. A projection: each entity carries the IRI of its RDF, which is the truth.
//! What maps to what is `data/ngsi/mapping.csv`; this file interprets it.
pub mod context;
pub mod form;
pub mod geometry;
pub mod idra;
pub mod profile;
pub mod query;
pub mod read;
pub mod subscription;

use super::dcat::{self, About};
use crate::record::statement::{Statement, TYPE, iri, literal, statements};
use crate::record::vocab::{self, BASE, LDT, expand};
use crate::record::{Record, hash};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

/// The types that we have, in the order in which a consumer should learn of them: who is woken by a
/// Dataset finds its Distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Agent,
    DataService,
    Distribution,
    Dataset,
    CatalogueRecord,
    Catalogue,
}

/// Each with its name and what the mapping table calls it.
pub const KINDS: [(Kind, &str, &str); 6] = [
    (Kind::Agent, "Agent", "Ag"),
    (Kind::DataService, "DataService", "Sv"),
    (Kind::Distribution, "Distribution", "Di"),
    (Kind::Dataset, "Dataset", "Ds"),
    (Kind::CatalogueRecord, "CatalogueRecord", "Re"),
    (Kind::Catalogue, "Catalogue", "Ca"),
];

impl Kind {
    pub fn name(self) -> &'static str {
        KINDS[self as usize].1
    }

    /// The type that an id of ours tells.
    pub fn of_id(id: &str) -> Self {
        let name = id.split(':').nth(2).unwrap_or_default();
        let found = KINDS.iter().find(|k| k.1 == name);
        found.map_or(Self::Dataset, |k| k.0)
    }
}

/// An entity, names short as in our @context. Targets of relationships are the IRIs of the RDF, own ones
/// below [`BASE`]: [`form`] names the entity where there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    pub id: String,
    pub kind: Kind,
    pub attributes: Vec<Attribute>,
    /// Microseconds since the epoch.
    pub created: i64,
    pub modified: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    pub name: &'static str,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A Property. `list` where its schema wants a list, also of one.
    Values { values: Vec<Scalar>, list: bool },
    /// Texts with their languages, the default language first: a Property with a list, or a
    /// LanguageProperty for brokers that can have one.
    Texts(Vec<Text>),
    /// A Relationship.
    Links { targets: Vec<String>, list: bool },
    /// A GeoProperty: a GeoJSON geometry.
    Place(Json),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    pub language: Option<String>,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Text(String),
    Number(f64),
    /// Microseconds since the epoch, UTC.
    Time(i64),
    /// The IRI of something that may be an entity.
    Pointer(String),
}

impl Entity {
    pub fn get(&self, name: &str) -> Option<&Content> {
        let found = self.attributes.iter().find(|a| a.name == name);
        found.map(|a| &a.content)
    }
}

/// What entities say of the service they come from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Ends in a slash.
    pub public_url: &'a str,
    /// Begins the local part of each id, so that two catalogues can feed one broker.
    pub prefix: &'a str,
    /// URN of this installation.
    pub instance: &'a str,
}

/// A time as NGSI-LD writes it: UTC, no more digits than needed.
pub fn time(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| String::new(), |t| t.to_string())
}

/// How values of a property become those of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum As {
    Texts,
    Iri,
    Text,
    Number,
    Time,
    Pointer,
    Relation,
    Name,
    Contact,
    Geometry,
    Place,
    Period,
    Label,
    Uri,
    Local,
    Related,
    Attributed,
    Media,
    Checksum,
    Status,
    Facet,
}

const MANNERS: [(&str, As); 21] = [
    ("texts", As::Texts),
    ("iri", As::Iri),
    ("text", As::Text),
    ("number", As::Number),
    ("time", As::Time),
    ("pointer", As::Pointer),
    ("relation", As::Relation),
    ("name", As::Name),
    ("contact", As::Contact),
    ("geometry", As::Geometry),
    ("place", As::Place),
    ("period", As::Period),
    ("label", As::Label),
    ("uri", As::Uri),
    ("local", As::Local),
    ("related", As::Related),
    ("attributed", As::Attributed),
    ("media", As::Media),
    ("checksum", As::Checksum),
    ("status", As::Status),
    ("facet", As::Facet),
];

/// A row of the table.
struct Rule {
    /// IRI of the property.
    property: String,
    attribute: &'static str,
    manner: As,
    /// For each type that has it, whether it is a list there.
    lists: [Option<bool>; KINDS.len()],
}

struct Table {
    rules: Vec<Rule>,
    /// Rules by the term of their property.
    of: HashMap<String, Vec<usize>>,
}

const TABLE: &str = include_str!("../../../data/ngsi/mapping.csv");

/// Attributes of ours that follow from no property.
const OWN: [&str; 4] = ["rdfResource", "rdfDescription", "managedBy", "contentHash"];
/// Inverses, which every consumer can hold.
const INVERSES: [&str; 2] = ["belongsToDataset", "belongsToCatalogue"];

fn table() -> &'static Table {
    static TABLE_READ: OnceLock<Table> = OnceLock::new();
    TABLE_READ.get_or_init(|| {
        let (mut rules, mut of) = (Vec::new(), HashMap::<String, Vec<usize>>::new());
        for line in TABLE.lines().skip(1) {
            let cells: Vec<&'static str> = line.split(',').collect();
            let [property, attribute, manner, types] = cells[..] else {
                panic!("four cells are wanted: {line}");
            };
            let mut lists = [None; KINDS.len()];
            for part in types.split(' ') {
                let code = part.trim_end_matches("[]");
                let at = KINDS.iter().position(|k| k.2 == code);
                lists[at.expect("the table names known types")] = Some(part.ends_with("[]"));
            }
            let manner = MANNERS.iter().find(|m| m.0 == manner);
            let manner = manner.expect("the table names known manners").1;
            let property = match property.contains("://") {
                true => property.to_owned(),
                false => expand(property).into_string(),
            };
            let term = format!("<{property}>");
            of.entry(term).or_default().push(rules.len());
            rules.push(Rule {
                property,
                attribute,
                manner,
                lists,
            });
        }
        Table { rules, of }
    })
}

/// What an attribute is: Relationship, GeoProperty or Property. One that is a Relationship on the catalogue
/// alone is what it is on all others.
pub fn sort_of(name: &str) -> &'static str {
    let rule = table().rules.iter().find(|r| r.attribute == name);
    match rule.map(|r| r.manner) {
        Some(As::Relation) => "Relationship",
        Some(As::Geometry) => "GeoProperty",
        None if INVERSES.contains(&name) => "Relationship",
        _ => "Property",
    }
}

/// The names of all attributes.
pub fn attribute_names() -> Vec<&'static str> {
    let rules = table().rules.iter().map(|r| r.attribute);
    let mut names: Vec<_> = rules.chain(OWN).chain(INVERSES).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Statements by subject.
struct Nodes<'c>(HashMap<&'c str, Vec<Statement<'c>>>);

impl<'c> Nodes<'c> {
    fn of(content: &'c str) -> Self {
        let mut nodes: HashMap<&str, Vec<Statement<'_>>> = HashMap::new();
        for s in statements(content) {
            nodes.entry(s.subject).or_default().push(s);
        }
        Self(nodes)
    }

    fn about(&self, term: &str) -> &[Statement<'c>] {
        self.0.get(term).map_or(&[], Vec::as_slice)
    }

    fn is_a(&self, term: &str, class: &str) -> bool {
        let is = |s: &&Statement<'_>| s.target().is_some_and(|t| vocab::is(t, class));
        self.about(term)
            .iter()
            .filter(|s| s.predicate == TYPE)
            .any(|s| is(&s))
    }

    fn objects<'s>(&'s self, term: &str, property: &'s str) -> impl Iterator<Item = &'c str> + 's {
        let said = self.about(term).iter();
        said.filter(move |s| s.says(property)).map(|s| s.object)
    }

    /// A label of a node, in English where there is one.
    fn label(&self, term: &str, properties: &[&str]) -> Option<String> {
        for property in properties {
            let texts = self.objects(term, property).filter_map(literal);
            let best = texts.min_by_key(|l| (l.language != Some("en"), l.language.unwrap_or("")));
            if let Some(best) = best {
                return Some(best.value().into_owned());
            }
        }
        None
    }
}

/// The entities that a record becomes: itself, its distributions and services, its catalogue record and
/// the agents it names; none where it is not shown. What lacks a mandatory attribute is left out.
pub fn entities(record: &Record, origin: &Origin<'_>) -> Vec<Entity> {
    if !record.is_shown() {
        return Vec::new();
    }
    let published = dcat::published(record);
    let nodes = Nodes::of(&published);
    let map = Map {
        nodes: &nodes,
        origin,
        created: record.issued,
        modified: record.modified,
    };
    let page = format!("{BASE}resource/{}", record.slug);
    let entry = format!("<{}>", record.iri);
    let part = |node: &str| {
        let fragment = [record.iri.as_str(), page.as_str()]
            .iter()
            .find_map(|of| node.strip_prefix(of)?.strip_prefix('#'))
            .filter(|f| is_local(f) && f.len() <= 80)
            .map(str::to_owned);
        let fragment = fragment.unwrap_or_else(|| hash(node)[..12].to_owned());
        format!("{}.{fragment}", record.slug)
    };
    let document = format!("{}resource/{}.ttl", origin.public_url, record.slug);
    let catalogue = format!("{BASE}catalog");
    let mut out = Vec::new();
    let kind = kind_of(&nodes, &entry);
    if let Some(kind) = kind {
        let mut main = map.entity(kind, &entry, &record.slug, &document);
        if matches!(kind, Kind::Dataset | Kind::DataService) {
            main.link("belongsToCatalogue", &catalogue);
        }
        // Two forms of the description itself are no data of the entry.
        for attribute in &mut main.attributes {
            if let ("distribution", Content::Links { targets, .. }) =
                (attribute.name, &mut attribute.content)
            {
                targets.retain(|t| !t.starts_with(&format!("{page}#metadata-")));
            }
        }
        out.push(main);
    }
    for term in nodes.objects(&entry, "dcat:distribution") {
        let Some(node) = iri(term).filter(|n| !n.starts_with(&format!("{page}#metadata-"))) else {
            continue;
        };
        let mut it = map.entity(Kind::Distribution, term, &part(node), &document);
        if kind == Some(Kind::Dataset) {
            it.link("belongsToDataset", &record.iri);
        }
        out.push(it);
    }
    let services = nodes.0.keys().filter(|term| **term != entry);
    let mut services: Vec<&str> = services.copied().collect();
    services.retain(|term| nodes.is_a(term, "dcat:DataService"));
    services.sort_unstable();
    for term in services {
        if let Some(node) = iri(term) {
            let mut it = map.entity(Kind::DataService, term, &part(node), &document);
            it.link("belongsToCatalogue", &catalogue);
            out.push(it);
        }
    }
    let node = format!("<{page}#record>");
    let mut it = map.entity(Kind::CatalogueRecord, &node, &record.slug, &document);
    it.link("belongsToCatalogue", &catalogue);
    out.push(it);
    let agents = ["dct:publisher", "dct:creator"];
    let mut agents: Vec<&str> = agents
        .iter()
        .flat_map(|p| nodes.objects(&entry, p))
        .collect();
    agents.sort_unstable();
    agents.dedup();
    out.extend(agents.into_iter().filter_map(|term| map.agent(term)));
    finish(out)
}

/// The catalogue itself, and its publisher. Without lists of what it holds: those are what
/// `belongsToCatalogue` says.
pub fn catalogue(about: &About, issued: i64, modified: i64, origin: &Origin<'_>) -> Vec<Entity> {
    let content = dcat::catalogue(about, issued, modified) + &dcat::catalogue_shared(about);
    let nodes = Nodes::of(&content);
    let map = Map {
        nodes: &nodes,
        origin,
        created: issued,
        modified,
    };
    let document = format!("{}catalog.ttl", origin.public_url);
    let mut it = map.entity(Kind::Catalogue, &format!("<{BASE}catalog>"), "", &document);
    it.id = format!("urn:ngsi-ld:Catalogue:{}", origin.prefix);
    let team = format!("<{BASE}agent/{}>", crate::record::slug(&about.publisher));
    let mut out = vec![it];
    out.extend(map.agent(&team));
    finish(out)
}

/// Leaves out what lacks a mandatory attribute, and gives each its hash.
fn finish(mut all: Vec<Entity>) -> Vec<Entity> {
    for entity in &mut all {
        let title = entity.get("title").cloned();
        let wants = matches!(entity.kind, Kind::Dataset | Kind::Catalogue);
        if wants
            && entity.get("description").is_none()
            && let Some(title) = title
        {
            entity.put("description", title);
        }
    }
    all.retain(|e| mandatory(e.kind).iter().all(|name| e.get(name).is_some()));
    for entity in &mut all {
        entity.attributes.retain(|a| !a.content.is_empty());
        let said = format!("{:?}", entity.attributes);
        let digest = Content::one(Scalar::Text(format!("sha256:{}", hash(&said))));
        entity.put("contentHash", digest);
    }
    all
}

/// What the schemas of the Smart Data Models require beside id and type.
pub fn mandatory(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Agent => &["name"],
        Kind::DataService => &["title", "endPointURL"],
        Kind::Distribution => &["accessURL"],
        Kind::Dataset => &["title", "description"],
        Kind::CatalogueRecord => &["primaryTopic", "modified"],
        Kind::Catalogue => &["title", "description", "publisher"],
    }
}

/// The type of an entry: what it is, else what it has.
fn kind_of(nodes: &Nodes<'_>, entry: &str) -> Option<Kind> {
    let is = |class: &str| nodes.is_a(entry, class);
    if is("dcat:Catalog") {
        Some(Kind::Catalogue)
    } else if is("dcat:Dataset") || is("dcat:DatasetSeries") {
        Some(Kind::Dataset)
    } else if is("dcat:DataService") || nodes.objects(entry, "dcat:endpointURL").next().is_some() {
        Some(Kind::DataService)
    } else {
        let has = nodes.objects(entry, "dcat:distribution").next().is_some();
        has.then_some(Kind::Dataset)
    }
}

/// Whether a text may stand in the local part of an id.
fn is_local(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"._~-".contains(&c);
    !text.is_empty() && text.bytes().all(plain)
}

impl Content {
    fn one(value: Scalar) -> Self {
        Self::Values {
            values: vec![value],
            list: false,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Values { values, .. } => values.is_empty(),
            Self::Texts(texts) => texts.is_empty(),
            Self::Links { targets, .. } => targets.is_empty(),
            Self::Place(_) => false,
        }
    }
}

impl Entity {
    /// Adds an attribute that is not there yet.
    fn put(&mut self, name: &'static str, content: Content) {
        if self.get(name).is_none() {
            self.attributes.push(Attribute { name, content });
        }
    }

    fn link(&mut self, name: &'static str, target: &str) {
        let content = Content::Links {
            targets: vec![target.to_owned()],
            list: false,
        };
        self.put(name, content);
    }
}

/// One record under way.
struct Map<'m> {
    nodes: &'m Nodes<'m>,
    origin: &'m Origin<'m>,
    created: i64,
    modified: i64,
}

impl Map<'_> {
    fn place(&self, iri: &str) -> String {
        match iri.strip_prefix(BASE) {
            Some(rest) => format!("{}{rest}", self.origin.public_url),
            None => iri.to_owned(),
        }
    }

    fn entity(&self, kind: Kind, term: &str, local: &str, document: &str) -> Entity {
        let mut entity = Entity {
            id: format!("urn:ngsi-ld:{}:{}.{local}", kind.name(), self.origin.prefix),
            kind,
            attributes: Vec::new(),
            created: self.created,
            modified: self.modified,
        };
        let table = table();
        let mut found: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for s in self.nodes.about(term) {
            for rule in table.of.get(s.predicate).into_iter().flatten() {
                if table.rules[*rule].lists[kind as usize].is_some() {
                    found.entry(*rule).or_default().push(s.object);
                }
            }
        }
        for (rule, terms) in found {
            let rule = &table.rules[rule];
            let list = rule.lists[kind as usize] == Some(true);
            if let Some(content) = self.content(rule.manner, &terms, list) {
                entity.put(rule.attribute, content);
            }
        }
        let text = |text: &str| Content::one(Scalar::Text(text.to_owned()));
        if let Some(name) = iri(term) {
            entity.put("rdfResource", text(&self.place(name)));
        }
        entity.put("rdfDescription", text(document));
        entity.put("managedBy", text(self.origin.instance));
        entity
    }

    /// An agent, where it has a name.
    fn agent(&self, term: &str) -> Option<Entity> {
        let node = iri(term)?;
        let own = node
            .strip_prefix(BASE)
            .and_then(|n| n.strip_prefix("agent/"));
        let local = match own.filter(|slug| is_local(slug)) {
            Some(slug) => slug.to_owned(),
            None => hash(node)[..12].to_owned(),
        };
        let document = match own {
            Some(slug) => format!("{}agent/{slug}.ttl", self.origin.public_url),
            None => format!("{}catalog.ttl", self.origin.public_url),
        };
        let mut entity = self.entity(Kind::Agent, term, &local, &document);
        // Many records name it: it is none of theirs alone.
        entity.created = 0;
        entity.modified = 0;
        Some(entity)
    }

    fn content(&self, manner: As, terms: &[&str], list: bool) -> Option<Content> {
        let content = match manner {
            As::Texts => Content::Texts(texts(terms)),
            As::Relation => {
                let targets = terms.iter().filter_map(|t| iri(t)).map(str::to_owned);
                let mut targets: Vec<String> = targets.collect();
                if !list {
                    targets.truncate(1);
                }
                Content::Links { targets, list }
            }
            As::Geometry => Content::Place(terms.iter().find_map(|t| self.geometry(t))?),
            As::Period => {
                let period = terms.iter().find_map(|t| self.period(t))?;
                Content::Values {
                    values: period,
                    list: true,
                }
            }
            _ => {
                let mut values: Vec<Scalar> = Vec::new();
                for value in terms.iter().filter_map(|t| self.scalar(manner, t)) {
                    if !values.contains(&value) {
                        values.push(value);
                    }
                }
                if !list {
                    values.truncate(1);
                }
                Content::Values { values, list }
            }
        };
        (!content.is_empty()).then_some(content)
    }

    fn scalar(&self, manner: As, term: &str) -> Option<Scalar> {
        let text = |text: String| (!text.trim().is_empty()).then_some(Scalar::Text(text));
        let target = iri(term);
        let said = || Some(literal(term)?.value().into_owned());
        match manner {
            As::Iri => text(self.place(target?)),
            As::Pointer => Some(Scalar::Pointer(target?.to_owned())),
            As::Text => text(said()?),
            As::Number => {
                let number: f64 = said()?.trim().parse().ok()?;
                number.is_finite().then_some(Scalar::Number(number))
            }
            As::Time => Some(Scalar::Time(micros(&said()?)?)),
            As::Name => match target {
                Some(target) => text(
                    self.nodes
                        .label(term, &["foaf:name", "vcard:fn"])
                        .unwrap_or_else(|| tail(target).to_owned()),
                ),
                None => text(said()?),
            },
            As::Contact => self.contact(term).map(Scalar::Text),
            As::Place => {
                let target = target?;
                // A place of the entry's own is its geometry.
                let geometry = self.geometry(term).is_some();
                (!geometry).then(|| Scalar::Text(self.place(target)))
            }
            As::Label => match target {
                Some(target) => {
                    let label = self.nodes.label(term, &["rdfs:label", "dct:description"]);
                    text(label.unwrap_or_else(|| self.place(target)))
                }
                None => text(said()?),
            },
            As::Uri => match target {
                Some(target) => text(self.place(target)),
                None => text(self.place(&absolute(&said()?)?)),
            },
            As::Local => {
                let said = said()?;
                absolute(&said).is_none().then_some(Scalar::Text(said))
            }
            As::Related => {
                let other = self.nodes.objects(term, "dct:relation").find_map(iri)?;
                Some(Scalar::Pointer(other.to_owned()))
            }
            As::Attributed => {
                let other = self.nodes.objects(term, "prov:agent").find_map(iri)?;
                Some(Scalar::Pointer(other.to_owned()))
            }
            As::Media => {
                let named = target.map(str::to_owned).or_else(said)?;
                let short = named.split_once("/media-types/").map(|m| m.1.to_owned());
                text(short.unwrap_or(named))
            }
            As::Checksum => {
                let of = |name: &str| {
                    let said = self.nodes.about(term).iter();
                    let mut said = said.filter(|s| iri(s.predicate).is_some_and(|p| p == name));
                    said.next().map(|s| s.object)
                };
                let value = literal(of("http://spdx.org/rdf/terms#checksumValue")?)?;
                let algorithm = iri(of("http://spdx.org/rdf/terms#algorithm")?)?;
                let name = algorithm.rsplit("checksumAlgorithm_").next()?;
                text(format!("{name}:{}", value.value().to_lowercase()))
            }
            As::Status => {
                let known = [
                    ("COMPLETED", "Completed"),
                    ("DEPRECATED", "Deprecated"),
                    ("DEVELOP", "Under Development"),
                    ("WITHDRAWN", "Withdrawn"),
                ];
                let code = tail(target?).to_uppercase();
                let found = known.iter().find(|k| k.0 == code)?;
                text(found.1.to_owned())
            }
            As::Facet => {
                let local = target?.strip_prefix(LDT)?;
                text(local.split_once('-')?.1.to_owned())
            }
            As::Texts | As::Relation | As::Geometry | As::Period => None,
        }
    }

    /// Where a contact can be reached: by mail, else at an address, else its name.
    fn contact(&self, term: &str) -> Option<String> {
        let mails = self.nodes.objects(term, "vcard:hasEmail");
        if let Some(mail) = mails.filter_map(iri).find(|m| m.starts_with("mailto:")) {
            return Some(mail.to_owned());
        }
        let page = self.nodes.objects(term, "vcard:hasURL").find_map(iri);
        let page = page.map(|p| self.place(p));
        page.or_else(|| {
            self.nodes
                .label(term, &["vcard:fn", "vcard:organization-name"])
        })
        .or_else(|| Some(self.place(iri(term)?)))
    }

    /// The geometry of a place, else its bounding box, else its centre.
    fn geometry(&self, term: &str) -> Option<Json> {
        ["locn:geometry", "dcat:bbox", "dcat:centroid"]
            .iter()
            .find_map(|p| {
                let said = self.nodes.objects(term, p).filter_map(literal);
                said.map(|l| l.value().into_owned())
                    .find_map(|text| geometry::read(&text))
            })
    }

    /// Start and end of a period.
    fn period(&self, term: &str) -> Option<Vec<Scalar>> {
        let of = |properties: [&str; 2]| {
            properties.iter().find_map(|p| {
                let said = self.nodes.objects(term, p).find_map(literal)?;
                micros(&said.value())
            })
        };
        let start = of(["dcat:startDate", "schema:startDate"])?;
        let end = of(["dcat:endDate", "schema:endDate"]);
        // In a list, times are plain texts.
        let both = [Some(start), end].into_iter().flatten();
        Some(both.map(|t| Scalar::Text(time(t))).collect())
    }
}

/// Texts, English first, then those of no language, then by tag.
fn texts(terms: &[&str]) -> Vec<Text> {
    let mut all: Vec<Text> = Vec::new();
    for l in terms.iter().filter_map(|t| literal(t)) {
        let text = Text {
            language: l.language.map(str::to_owned),
            text: l.value().into_owned(),
        };
        if !text.text.trim().is_empty() && !all.contains(&text) {
            all.push(text);
        }
    }
    let rank = |t: &Text| match t.language.as_deref() {
        Some("en") => (0, String::new()),
        None => (1, String::new()),
        Some(tag) => (2, tag.to_owned()),
    };
    all.sort_by_key(rank);
    all
}

fn tail(iri: &str) -> &str {
    let iri = iri.trim_end_matches('/');
    iri.rsplit(['/', '#']).next().unwrap_or(iri)
}

/// An identifier as an absolute URI, where it is one or stands for one.
fn absolute(text: &str) -> Option<String> {
    let text = text.trim();
    if text.starts_with("10.") && text.contains('/') && !text.contains(' ') {
        return Some(format!("https://doi.org/{text}"));
    }
    if text.len() == 36 && text.bytes().filter(|c| *c == b'-').count() == 4 {
        let hex = text.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-');
        return hex.then(|| format!("urn:uuid:{}", text.to_lowercase()));
    }
    let (scheme, rest) = text.split_once(':')?;
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"+-.".contains(&c));
    let plain = !rest.is_empty()
        && !rest.contains(|c: char| c.is_whitespace() || "<>\"{}|\\^`".contains(c));
    (named && plain).then(|| text.to_owned())
}

/// Whether a text is an absolute URI.
pub fn is_uri(text: &str) -> bool {
    absolute(text).is_some_and(|same| same == text)
}

/// A date or a time in microseconds since the epoch: a date begins at midnight UTC, and so does a time
/// that names no zone.
pub fn micros(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_microsecond());
    }
    let utc = jiff::tz::TimeZone::UTC;
    let civil = if text.len() == 4 {
        DateTime::from(Date::new(text.parse().ok()?, 1, 1).ok()?)
    } else if text.len() <= 10 {
        DateTime::from(text.parse::<Date>().ok()?)
    } else {
        text.parse::<DateTime>().ok()?
    };
    let at = utc.to_timestamp(civil).ok()?;
    Some(at.as_microsecond())
}

/// An address of ours as the ledger keeps it; another as it is.
pub fn canonical(iri: &str, public_url: &str) -> String {
    match iri.strip_prefix(public_url) {
        Some(rest) => format!("{BASE}{rest}"),
        None => iri.to_owned(),
    }
}
