//! A record as it is published: what follows from its statements is said out loud, since no reader
//! infers. [`strip_derived`] is the way back. DCAT-AP 3.0.1; every entry is a `dcat:Dataset` first.
use crate::record::statement::{Statement, TYPE, iri, lines, links, literal, statements};
use crate::record::vocab::{self, BASE, LDT, eu, expand, ldt};
use crate::record::{Record, hash, sorted};
use oxigraph::model::vocab::xsd;
use oxigraph::model::{Literal, NamedNode, Term, Triple};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Facet properties: each is a `dct:subject` too.
const FACETS: [&str; 4] = ["ldt:layer", "ldt:mim", "ldt:scope", "ldt:origin"];

/// Relations between entries that have a role of their own, and the property that readers without
/// our vocabulary know, if one says the same.
const RELATIONS: [(&str, &str, Option<&str>); 5] = [
    ("ldt:implements", "implements", Some("dct:conformsTo")),
    ("ldt:profiles", "profiles", Some("dct:conformsTo")),
    ("ldt:uses", "uses", None),
    ("ldt:tests", "tests", None),
    ("ldt:considers", "considers", None),
];

const DISTRIBUTION: &str = "<http://www.w3.org/ns/dcat#distribution>";
const ACCESS_SERVICE: &str = "<http://www.w3.org/ns/dcat#accessService>";
const CONFORMS_TO: &str = "<http://purl.org/dc/terms/conformsTo>";
const RELATION: &str = "<http://purl.org/dc/terms/relation>";

/// The profile that every record claims.
pub const PROFILE: &str = "https://semiceu.github.io/DCAT-AP/releases/3.0.1/";

/// The licence of generated descriptions, by its EU code.
pub const DESCRIPTIONS: &str = "CC_BY_4_0";

/// What the catalogue says about itself; from the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    pub title: String,
    pub description: String,
    /// Language tag of title and description, such as `en`.
    pub language: String,
    pub publisher: String,
    /// Local name of the ADMS publisher type, such as `NonProfitOrganisation`.
    pub publisher_type: String,
    /// IRI of the licence of the descriptions.
    pub licence: String,
    /// IRI of the place covered.
    pub spatial: String,
}

/// Date and time of microseconds since the epoch, `2026-01-02T03:04:05.000006Z`.
pub fn date_time(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros)
        .map(|t| format!("{t:.6}"))
        .unwrap_or_default()
}

/// Lines gathered one statement at a time.
#[derive(Default)]
pub(super) struct Lines(pub(super) Vec<String>);

impl Lines {
    pub(super) fn say(&mut self, subject: &str, property: &str, object: impl Into<Term>) {
        let predicate = expand(property);
        let object: Term = object.into();
        self.0.push(format!("<{subject}> {predicate} {object} .\n"));
    }

    pub(super) fn link(&mut self, subject: &str, property: &str, object: &str) {
        self.0
            .push(format!("<{subject}> {} <{object}> .\n", expand(property)));
    }
}

fn english(text: &str) -> Literal {
    Literal::new_language_tagged_literal_unchecked(text, "en")
}

pub(super) fn time(micros: i64) -> Literal {
    Literal::new_typed_literal(date_time(micros), xsd::DATE_TIME)
}

/// The published statements of a record, own IRIs still below [`BASE`]: what it says, then what
/// follows, each statement once.
pub fn published(record: &Record) -> String {
    let said: Vec<Statement<'_>> = statements(&record.content).collect();
    let mut out = String::with_capacity(record.content.len() * 3);
    out.push_str(&record.content);
    for line in derived(record, &said) {
        // Objects differ most, so they are compared first.
        let repeats = |s: Statement<'_>| {
            let same = |k: &&Statement<'_>| k.object == s.object && k.predicate == s.predicate;
            said.iter().filter(same).any(|k| k.subject == s.subject)
        };
        if !Statement::parse(&line).is_some_and(repeats) {
            out.push_str(&line);
        }
    }
    out
}

/// What follows from a record's statements and its place in the ledger.
fn derived(record: &Record, said: &[Statement<'_>]) -> Vec<String> {
    let entry = record.iri.as_str();
    let page = format!("{BASE}resource/{}", record.slug);
    let mut out = Lines(implied(entry, said, &page));
    let is_entry = said
        .iter()
        .any(|s| s.predicate == TYPE && s.about(entry) && is_data(s));
    let said: BTreeSet<&str> = said
        .iter()
        .filter(|s| s.about(entry))
        .map(|s| s.predicate)
        .collect();
    let has = |p: &str| said.contains(expand(p).to_string().as_str());
    if !has("dct:identifier") {
        out.say(entry, "dct:identifier", Literal::new_simple_literal(entry));
    }
    if !has("dcat:theme") {
        out.say(entry, "dcat:theme", eu("data-theme", "TECH"));
    }
    if is_entry {
        if !record.source().is_empty() {
            let source = Literal::new_simple_literal(record.source());
            out.say(entry, "ldt:source", source);
        }
        if !has("dct:accessRights") {
            out.say(entry, "dct:accessRights", eu("access-right", "PUBLIC"));
        }
        if !has("dct:issued") {
            out.say(entry, "dct:issued", time(record.issued));
        }
        if !has("dct:modified") {
            out.say(entry, "dct:modified", time(record.modified));
        }
        for (extension, code, media, name) in [
            ("jsonld", "JSON_LD", "application/ld+json", "JSON-LD"),
            ("ttl", "RDF_TURTLE", "text/turtle", "Turtle"),
        ] {
            let node = format!("{page}#metadata-{extension}");
            out.link(entry, "dcat:distribution", &node);
            out.say(&node, "rdf:type", expand("dcat:Distribution"));
            out.say(
                &node,
                "dct:title",
                english(&format!("This record as {name}")),
            );
            let text = "The description that this catalogue keeps of the entry, for machines.";
            out.say(&node, "dct:description", english(text));
            out.link(&node, "dcat:accessURL", &page);
            out.link(&node, "dcat:downloadURL", &format!("{page}.{extension}"));
            out.say(&node, "dct:format", eu("file-type", code));
            out.link(
                &node,
                "dcat:mediaType",
                &format!("https://www.iana.org/assignments/media-types/{media}"),
            );
            out.say(&node, "dct:license", eu("licence", DESCRIPTIONS));
            out.say(&node, "dct:language", eu("language", "ENG"));
            let stable = eu("planned-availability", "STABLE");
            out.say(&node, "dcatap:availability", stable);
        }
    }
    let node = format!("{page}#record");
    out.say(&node, "rdf:type", expand("dcat:CatalogRecord"));
    out.link(&node, "foaf:primaryTopic", entry);
    out.say(&node, "dct:issued", time(record.issued));
    out.say(&node, "dct:modified", time(record.modified));
    out.say(&node, "dct:language", eu("language", "ENG"));
    out.link(&node, "dct:conformsTo", PROFILE);
    let change = if record.issued == record.modified {
        "created"
    } else {
        "updated"
    };
    out.link(
        &node,
        "adms:status",
        &format!("http://purl.org/adms/changetype/{change}"),
    );
    out.0
}

/// What facets, kind and relations of an entry imply in terms that every reader knows.
fn implied(entry: &str, said: &[Statement<'_>], page: &str) -> Vec<String> {
    let mut out = Lines::default();
    for s in said.iter().filter(|s| s.about(entry)) {
        let Some(target) = s.target() else { continue };
        let facet = FACETS.iter().any(|f| s.says(f));
        if facet {
            out.link(entry, "dct:subject", target);
        }
        if (facet || s.says("dct:type"))
            && target.starts_with(LDT)
            && let Some(label) = vocab::label(target)
        {
            out.say(entry, "dcat:keyword", english(label));
        }
        for (property, role, known_as) in RELATIONS {
            if !s.says(property) {
                continue;
            }
            let node = format!("{page}#relation-{role}-{}", &hash(target)[..12]);
            out.link(entry, "dcat:qualifiedRelation", &node);
            out.say(&node, "rdf:type", expand("dcat:Relationship"));
            out.link(&node, "dct:relation", target);
            out.say(&node, "dcat:hadRole", ldt(&format!("role-{role}")));
            if let Some(known_as) = known_as {
                out.link(entry, known_as, target);
            }
        }
        // A series is a data set (DCAT 3, section 6.7); no reader infers it.
        if s.says("rdf:type") && vocab::is(target, "dcat:DatasetSeries") {
            out.say(entry, "rdf:type", expand("dcat:Dataset"));
        }
    }
    out.0
}

/// Removes what [`published`] adds, so that importing our own dump changes nothing. `now` is the
/// record as it stands, where it is known.
pub fn strip_derived(entry: &str, slug: &str, content: &str, now: Option<&Record>) -> String {
    let page = format!("{BASE}resource/{slug}");
    let said: Vec<Statement<'_>> = statements(content).collect();
    let mut ours: BTreeSet<String> = implied(entry, &said, &page).into_iter().collect();
    if let Some(record) = now {
        let kept: Vec<Statement<'_>> = statements(&record.content).collect();
        ours.extend(derived(record, &kept));
        for line in record.content.split_inclusive('\n') {
            ours.remove(line);
        }
    }
    let own_node = |term: &str| {
        iri(term).is_some_and(|n| {
            n.strip_prefix(&page).is_some_and(|tail| {
                tail == "#record"
                    || tail.starts_with("#metadata-")
                    || tail.starts_with("#relation-")
                    || tail.starts_with("#quality-")
            })
        })
    };
    let by_default = |s: &Statement<'_>| {
        s.about(entry)
            && entry.starts_with(BASE)
            && ((s.says("dct:identifier")
                && literal(s.object).is_some_and(|l| l.escaped.ends_with(&entry[BASE.len()..])))
                || (s.says("dct:accessRights")
                    && s.target() == Some(eu("access-right", "PUBLIC").as_str()))
                || ((s.says("dct:issued") || s.says("dct:modified"))
                    && literal(s.object)
                        .is_some_and(|l| l.escaped.len() == 27 && l.escaped.ends_with('Z'))))
    };
    // The default theme goes only where it stands alone: beside others, someone chose it.
    let themes = links(content, entry, "dcat:theme").count();
    let default_theme = |s: &Statement<'_>| {
        themes == 1
            && s.about(entry)
            && s.says("dcat:theme")
            && s.target() == Some(eu("data-theme", "TECH").as_str())
            && entry.starts_with(BASE)
    };
    let asserted: String = content
        .split_inclusive('\n')
        .filter(|line| {
            let Some(s) = Statement::parse(line) else {
                return false;
            };
            let known_concept =
                iri(s.subject).is_some_and(|n| n != entry && vocab::about(n).contains(&s));
            !(own_node(s.subject)
                || own_node(s.object)
                || by_default(&s)
                || default_theme(&s)
                || known_concept
                || ours.contains(*line))
        })
        .collect();
    reached(entry, asserted)
}

/// Drops nodes to which no statement leads any more, such as what only our own record node named.
fn reached(entry: &str, content: String) -> String {
    let start = format!("<{entry}>");
    let mut next: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut there = false;
    for s in statements(&content) {
        there |= s.subject == start;
        next.entry(s.subject).or_default().push(s.object);
        if describes(&s) {
            next.entry(s.object).or_default().push(s.subject);
        }
    }
    if !there {
        return content;
    }
    let (mut seen, mut queue) = (HashSet::from([start.as_str()]), vec![start.as_str()]);
    while let Some(node) = queue.pop() {
        for node in next.get(node).into_iter().flatten() {
            if seen.insert(node) {
                queue.push(node);
            }
        }
    }
    content
        .split_inclusive('\n')
        .filter(|line| Statement::parse(line).is_some_and(|s| seen.contains(s.subject)))
        .collect()
}

/// Whether a node belongs to the one that it points at.
fn describes(s: &Statement<'_>) -> bool {
    s.says("foaf:primaryTopic") || s.says("dcat:servesDataset")
}

/// Entries that are written together, and the nodes that several of them may name.
///
/// A document holds each entry's own nodes in turn, then each agent, concept and document once, so
/// that it stands alone.
#[derive(Default)]
pub struct Assembly {
    /// Statements about nodes that are nobody's alone.
    shared: BTreeSet<String>,
    /// Concepts that are named.
    concepts: BTreeSet<String>,
    /// Entries that are named, each with the class that the naming asks for.
    entries: BTreeSet<(String, &'static str)>,
}

impl Assembly {
    /// Takes in an entry's published statements and gives back those of its own nodes.
    pub fn own<'c>(&mut self, record: &Record, published: &'c str) -> Vec<Statement<'c>> {
        let page = format!("{BASE}resource/{}", record.slug);
        let said: Vec<(&str, Statement<'_>)> = lines(published)
            .filter_map(|l| Some((l, Statement::parse(l)?)))
            .collect();
        let parts: BTreeSet<&str> = said
            .iter()
            .filter(|(_, s)| s.predicate == DISTRIBUTION || s.predicate == ACCESS_SERVICE)
            .map(|(_, s)| s.object)
            .collect();
        // Each node with its statements, in the order in which they come.
        let mut own: Vec<(&str, Vec<Statement<'_>>)> = Vec::new();
        for (line, s) in said {
            if let Some(target) = s.target().filter(|t| !self.concepts.contains(*t)) {
                let class = match s.predicate {
                    CONFORMS_TO => Some("dct:Standard"),
                    RELATION => Some("dcat:Resource"),
                    _ => None,
                };
                if !vocab::about(target).is_empty() {
                    self.concepts.insert(target.to_owned());
                } else if let Some(class) = class {
                    self.entries.insert((target.to_owned(), class));
                }
            }
            if let Some((_, node)) = own.iter_mut().rev().find(|n| n.0 == s.subject) {
                node.push(s);
            } else if is_own(record, &page, s.subject) || parts.contains(s.subject) {
                own.push((s.subject, vec![s]));
            } else if !self.shared.contains(line) {
                self.shared.insert(line.to_owned());
            }
        }
        // A reader meets the entry before its parts, and the values of a property together.
        own.sort_by_key(|(_, node)| !node[0].about(&record.iri));
        for (_, node) in &mut own {
            node.sort_by_key(|s| s.predicate);
        }
        own.into_iter().flat_map(|(_, node)| node).collect()
    }

    /// IRIs that are named and may be entries elsewhere in the catalogue.
    pub fn named(&self) -> BTreeSet<&str> {
        self.entries.iter().map(|(iri, _)| iri.as_str()).collect()
    }

    /// Gives an entry that is named, and described elsewhere, its title. It is never called a data
    /// set here, or a harvester takes the stub for the entry.
    pub fn stub(&mut self, iri: &str, content: &str) {
        for line in content.split_inclusive('\n') {
            if Statement::parse(line).is_some_and(|s| s.about(iri) && s.says("dct:title")) {
                self.shared.insert(line.to_owned());
            }
        }
    }

    /// What several entries name, each node once, as canonical content.
    pub fn shared(mut self, described: &BTreeSet<String>) -> String {
        let mut out = Lines::default();
        out.say(PROFILE, "rdf:type", expand("dct:Standard"));
        out.say(PROFILE, "dct:title", english("DCAT-AP 3.0.1"));
        for (name, class) in &self.entries {
            if !described.contains(name) {
                out.say(name, "rdf:type", expand(class));
            }
        }
        for name in &self.concepts {
            for s in vocab::about(name) {
                concept(s, &mut self.shared);
                if s.says("skos:inScheme")
                    && let Some(scheme) = s.target()
                {
                    for s in vocab::about(scheme) {
                        concept(s, &mut self.shared);
                    }
                }
            }
        }
        self.shared.extend(out.0);
        self.shared.into_iter().collect()
    }
}

/// A concept's own statements, without the list of all others in its scheme.
fn concept(s: &Statement<'_>, shared: &mut BTreeSet<String>) {
    if !s.says("skos:hasTopConcept") {
        shared.insert(format!("{} {} {} .\n", s.subject, s.predicate, s.object));
    }
}

/// Whether a subject is the record or a node below it.
pub fn is_own(record: &Record, page: &str, subject: &str) -> bool {
    let below = |of: &str| {
        iri(subject).is_some_and(|s| {
            s.strip_prefix(of)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
        })
    };
    below(&record.iri) || below(page)
}

/// The catalogue's own description, without links to entries.
pub fn catalogue(about: &About, issued: i64, modified: i64) -> String {
    let node = format!("{BASE}catalog");
    let team = format!("{BASE}agent/{}", crate::record::slug(&about.publisher));
    let mut out = Lines::default();
    let tagged =
        |text: &str| Literal::new_language_tagged_literal_unchecked(text, about.language.as_str());
    out.say(&node, "rdf:type", expand("dcat:Catalog"));
    out.say(&node, "dct:title", tagged(&about.title));
    out.say(&node, "dct:description", tagged(&about.description));
    out.link(&node, "dct:publisher", &team);
    out.say(&node, "dct:language", language(&about.language));
    out.link(&node, "dct:license", &about.licence);
    out.link(&node, "dct:spatial", &about.spatial);
    out.link(&node, "foaf:homepage", BASE);
    if modified > 0 {
        out.say(&node, "dct:issued", time(issued));
        out.say(&node, "dct:modified", time(modified));
    }
    let themes = "http://publications.europa.eu/resource/authority/data-theme";
    out.link(&node, "dcat:themeTaxonomy", themes);
    for scheme in ["layer", "mim", "scope", "origin", "kind"] {
        out.say(
            &node,
            "dcat:themeTaxonomy",
            ldt(&format!("scheme-{scheme}")),
        );
    }
    sorted(out.0)
}

/// The service as a FAIR Data Point: a container of the catalogue's pages, from each of which its entries are
/// reached.
pub fn point(about: &About, pages: i64) -> String {
    let (catalogue, container) = (format!("{BASE}catalog"), format!("{BASE}#pages"));
    let team = format!("{BASE}agent/{}", crate::record::slug(&about.publisher));
    let mut out = Lines::default();
    let tagged =
        |text: &str| Literal::new_language_tagged_literal_unchecked(text, about.language.as_str());
    for class in [
        "fdp-o:FAIRDataPoint",
        "fdp-o:MetadataService",
        "dcat:DataService",
    ] {
        out.say(BASE, "rdf:type", expand(class));
    }
    out.say(BASE, "dct:title", tagged(&about.title));
    out.say(BASE, "dct:description", tagged(&about.description));
    out.link(BASE, "dct:publisher", &team);
    out.link(BASE, "dct:license", &about.licence);
    out.say(BASE, "dct:language", language(&about.language));
    out.link(
        BASE,
        "dct:conformsTo",
        "https://specs.fairdatapoint.org/fdp-specs-v1.2.html",
    );
    out.link(BASE, "dcat:endpointURL", BASE);
    out.link(BASE, "fdp-o:metadataCatalog", &catalogue);
    out.say(&container, "rdf:type", expand("ldp:DirectContainer"));
    out.link(&container, "ldp:membershipResource", &catalogue);
    out.say(&container, "ldp:hasMemberRelation", expand("hydra:view"));
    for n in 1..=pages {
        out.link(&container, "ldp:contains", &format!("{catalogue}?page={n}"));
    }
    let shared = catalogue_shared(about);
    let of_team = lines(&shared).filter(|l| l.starts_with(&format!("<{team}> ")));
    out.0.extend(of_team.map(str::to_owned));
    sorted(out.0)
}

/// Whether a statement gives the class of a data set or a series of them.
fn is_data(s: &Statement<'_>) -> bool {
    s.target()
        .is_some_and(|t| vocab::is(t, "dcat:Dataset") || vocab::is(t, "dcat:DatasetSeries"))
}

/// The catalogue's links to entries, their services and their records.
pub fn listing<'a>(entries: impl Iterator<Item = &'a Record>) -> String {
    let node = format!("{BASE}catalog");
    let mut out = Lines::default();
    for record in entries {
        let mut listed_as = "dcat:service";
        for s in statements(&record.content).filter(|s| s.predicate == TYPE) {
            if s.about(&record.iri) && is_data(&s) {
                listed_as = "dcat:dataset";
            }
            if s.target().is_some_and(|t| vocab::is(t, "dcat:DataService"))
                && let Some(service) = iri(s.subject)
            {
                out.link(&node, "dcat:service", service);
            }
        }
        out.link(&node, listed_as, &record.iri);
        let page = format!("{BASE}resource/{}#record", record.slug);
        out.link(&node, "dcat:record", &page);
    }
    sorted(out.0)
}

/// Nodes that every document of the catalogue names.
pub fn catalogue_shared(about: &About) -> String {
    let team = format!("{BASE}agent/{}", crate::record::slug(&about.publisher));
    let mut out = Lines::default();
    out.say(BASE, "rdf:type", expand("foaf:Document"));
    out.say(&team, "rdf:type", expand("foaf:Agent"));
    let name = Literal::new_language_tagged_literal_unchecked(
        about.publisher.as_str(),
        about.language.as_str(),
    );
    out.say(&team, "foaf:name", name);
    out.link(
        &team,
        "dct:type",
        &format!(
            "http://purl.org/adms/publishertype/{}",
            about.publisher_type
        ),
    );
    let mut named: BTreeSet<String> = out.0.into_iter().collect();
    let mut concepts: BTreeMap<&str, ()> = BTreeMap::new();
    for name in [
        "http://publications.europa.eu/resource/authority/data-theme",
        about.licence.as_str(),
        about.spatial.as_str(),
    ] {
        concepts.insert(name, ());
    }
    let language = language(&about.language);
    concepts.insert(language.as_str(), ());
    let kind = format!(
        "http://purl.org/adms/publishertype/{}",
        about.publisher_type
    );
    concepts.insert(kind.as_str(), ());
    let schemes: Vec<String> = ["layer", "mim", "scope", "origin", "kind"]
        .iter()
        .map(|s| format!("{LDT}scheme-{s}"))
        .collect();
    for scheme in &schemes {
        concepts.insert(scheme, ());
    }
    for name in concepts.keys() {
        for s in vocab::about(name) {
            concept(s, &mut named);
            if s.says("skos:inScheme")
                && let Some(scheme) = s.target()
            {
                for s in vocab::about(scheme) {
                    concept(s, &mut named);
                }
            }
        }
    }
    named.into_iter().collect()
}

/// The EU language concept of a language tag; English where the list is silent.
pub fn language(tag: &str) -> NamedNode {
    let code = match tag.split('-').next().unwrap_or_default() {
        "bg" => "BUL",
        "cs" => "CES",
        "da" => "DAN",
        "de" => "DEU",
        "el" => "ELL",
        "es" => "SPA",
        "et" => "EST",
        "fi" => "FIN",
        "fr" => "FRA",
        "ga" => "GLE",
        "hr" => "HRV",
        "hu" => "HUN",
        "it" => "ITA",
        "lt" => "LIT",
        "lv" => "LAV",
        "mt" => "MLT",
        "nl" => "NLD",
        "pl" => "POL",
        "pt" => "POR",
        "ro" => "RON",
        "sk" => "SLK",
        "sl" => "SLV",
        "sv" => "SWE",
        _ => "ENG",
    };
    eu("language", code)
}

/// 410: what is said about a record that was withdrawn, and about what stands for it now.
pub fn tombstone(record: &Record, replaced_by: Option<&str>) -> Vec<Triple> {
    let entry = NamedNode::new_unchecked(&record.iri);
    let mut out = vec![
        Triple::new(
            entry.clone(),
            expand("adms:status"),
            NamedNode::new_unchecked("http://purl.org/adms/status/Withdrawn"),
        ),
        Triple::new(entry.clone(), expand("dct:modified"), time(record.modified)),
    ];
    if let Some(other) = replaced_by {
        out.push(Triple::new(
            entry,
            expand("dct:isReplacedBy"),
            NamedNode::new_unchecked(other),
        ));
    }
    out
}
