//! A record as it is published: derived statements added, own IRIs moved to the public URL, and
//! written in each syntax. [`strip_derived`] is the way back.
use crate::error::{Error, Result};
use crate::record::vocab::{BASE, LDT, LDT_TTL, PREFIXES, eu, expand};
use crate::record::{Record, is_subject, links};
use oxigraph::io::{RdfFormat, RdfParser, RdfSerializer};
use oxigraph::model::vocab::{rdf, xsd};
use oxigraph::model::{GraphName, Literal, NamedNode, NamedOrBlankNode, Term, Triple};
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

pub const FACETS: [&str; 4] = ["ldt:layer", "ldt:mim", "ldt:scope", "ldt:origin"];

/// English label of each concept of our own vocabulary, and of nothing else.
pub fn labels() -> &'static HashMap<String, String> {
    static LABELS: OnceLock<HashMap<String, String>> = OnceLock::new();
    LABELS.get_or_init(|| {
        vocabulary()
            .iter()
            .filter(|t| t.predicate == expand("skos:prefLabel"))
            .filter_map(|t| match (&t.subject, &t.object) {
                (NamedOrBlankNode::NamedNode(s), Term::Literal(l))
                    if l.language() == Some("en") =>
                {
                    Some((s.as_str().to_owned(), l.value().to_owned()))
                }
                _ => None,
            })
            .collect()
    })
}

/// Our own vocabulary as triples.
pub fn vocabulary() -> &'static [Triple] {
    static TRIPLES: OnceLock<Vec<Triple>> = OnceLock::new();
    TRIPLES.get_or_init(|| {
        RdfParser::from_format(RdfFormat::Turtle)
            .for_slice(LDT_TTL)
            .map(|q| Triple::from(q.expect("the bundled vocabulary is Turtle")))
            .collect()
    })
}

/// Calendar text of microseconds since the epoch, `2026-01-02T03:04:05.000006Z`.
pub fn date_time(micros: i64) -> String {
    let (days, rest) = (
        micros.div_euclid(86_400_000_000),
        micros.rem_euclid(86_400_000_000),
    );
    // Days to civil date: Howard Hinnant's public algorithm, era of 146,097 days.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (
        doy - (153 * mp + 2) / 5 + 1,
        if mp < 10 { mp + 3 } else { mp - 9 },
    );
    let year = yoe + era * 400 + i64::from(month <= 2);
    let seconds = rest / 1_000_000;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        rest % 1_000_000
    )
}

/// The stored statements of a record.
pub fn asserted(content: &str) -> Result<Vec<Triple>> {
    RdfParser::from_format(RdfFormat::NTriples)
        .lenient()
        .for_slice(content)
        .map(|q| q.map(Triple::from).map_err(Error::internal))
        .collect()
}

/// The published statements of a record, own IRIs still below [`BASE`].
pub fn published(record: &Record) -> Result<Vec<Triple>> {
    let mut graph = asserted(&record.content)?;
    graph.extend(derived(
        &record.iri,
        &graph,
        record.issued,
        record.modified,
        &record.slug,
    ));
    Ok(graph)
}

fn derived(iri: &str, graph: &[Triple], issued: i64, modified: i64, slug: &str) -> Vec<Triple> {
    let entry = NamedNode::new_unchecked(iri);
    let page = NamedNode::new_unchecked(format!("{BASE}resource/{slug}"));
    let mut out = facet_statements(&entry, graph);
    let mut say = |s: &NamedNode, p: &str, o: Term| out.push(Triple::new(s.clone(), expand(p), o));
    let has = |p: &str| {
        graph
            .iter()
            .any(|t| is_subject(t, iri) && t.predicate == expand(p))
    };
    let english =
        |text: &str| Term::from(Literal::new_language_tagged_literal_unchecked(text, "en"));
    let time = |t: i64| Term::from(Literal::new_typed_literal(date_time(t), xsd::DATE_TIME));
    if !has("dct:identifier") {
        say(
            &entry,
            "dct:identifier",
            Literal::new_simple_literal(iri).into(),
        );
    }
    if !has("dcat:theme") {
        say(&entry, "dcat:theme", eu("data-theme", "TECH").into());
    }
    if !has("dct:accessRights") {
        say(
            &entry,
            "dct:accessRights",
            eu("access-right", "PUBLIC").into(),
        );
    }
    if !has("dct:issued") {
        say(&entry, "dct:issued", time(issued));
    }
    if !has("dct:modified") {
        say(&entry, "dct:modified", time(modified));
    }
    for (extension, code, media, name) in [
        ("jsonld", "JSON_LD", "application/ld+json", "JSON-LD"),
        ("ttl", "RDF_TURTLE", "text/turtle", "Turtle"),
    ] {
        let node = NamedNode::new_unchecked(format!("{BASE}resource/{slug}#metadata-{extension}"));
        say(&entry, "dcat:distribution", node.clone().into());
        say(&node, "rdf:type", expand("dcat:Distribution").into());
        say(
            &node,
            "dct:title",
            english(&format!("This record as {name}")),
        );
        say(
            &node,
            "dct:description",
            english("The description that this catalogue keeps of the entry, for machines."),
        );
        say(&node, "dcat:accessURL", page.clone().into());
        say(
            &node,
            "dcat:downloadURL",
            NamedNode::new_unchecked(format!("{BASE}resource/{slug}.{extension}")).into(),
        );
        say(&node, "dct:format", eu("file-type", code).into());
        say(
            &node,
            "dcat:mediaType",
            NamedNode::new_unchecked(format!(
                "https://www.iana.org/assignments/media-types/{media}"
            ))
            .into(),
        );
        say(&node, "dct:license", eu("licence", "CC_BY_4_0").into());
        say(
            &node,
            "dcatap:availability",
            eu("planned-availability", "STABLE").into(),
        );
    }
    let node = NamedNode::new_unchecked(format!("{BASE}resource/{slug}#record"));
    say(&node, "rdf:type", expand("dcat:CatalogRecord").into());
    say(&node, "foaf:primaryTopic", entry.clone().into());
    say(&node, "dct:issued", time(issued));
    say(&node, "dct:modified", time(modified));
    say(&node, "dct:conformsTo", profile().into());
    let change = if issued == modified {
        "created"
    } else {
        "updated"
    };
    say(
        &node,
        "adms:status",
        NamedNode::new_unchecked(format!("http://purl.org/adms/changetype/{change}")).into(),
    );
    out
}

/// The profile that every record claims.
pub fn profile() -> NamedNode {
    NamedNode::new_unchecked("https://semiceu.github.io/DCAT-AP/releases/3.0.1/")
}

/// Subjects and keywords that facets and kind imply, so that a client that knows neither still
/// filters by them.
fn facet_statements(entry: &NamedNode, graph: &[Triple]) -> Vec<Triple> {
    let mut out = Vec::new();
    for predicate in FACETS.iter().map(|f| expand(f)).chain([expand("dct:type")]) {
        for concept in links(graph, entry.as_str(), &predicate) {
            if predicate != expand("dct:type") {
                out.push(Triple::new(
                    entry.clone(),
                    expand("dct:subject"),
                    concept.clone(),
                ));
            }
            if let Some(label) = labels().get(concept.as_str()) {
                out.push(Triple::new(
                    entry.clone(),
                    expand("dcat:keyword"),
                    Literal::new_language_tagged_literal_unchecked(label, "en"),
                ));
            }
        }
    }
    out
}

/// Removes what [`published`] adds, so that importing our own dump changes nothing.
pub fn strip_derived(iri: &str, graph: Vec<Triple>) -> Vec<Triple> {
    let entry = NamedNode::new_unchecked(iri);
    let implied: BTreeSet<String> = facet_statements(&entry, &graph)
        .iter()
        .map(ToString::to_string)
        .collect();
    let own_node = |n: &NamedNode| {
        n.as_str().strip_prefix(BASE).is_some_and(|r| {
            r.starts_with("resource/") && (r.ends_with("#record") || r.contains("#metadata-"))
        })
    };
    let ours = iri.starts_with(BASE);
    graph
        .into_iter()
        .filter(|t| {
            let subject_is_ours =
                matches!(&t.subject, NamedOrBlankNode::NamedNode(n) if own_node(n));
            let object_is_ours = matches!(&t.object, Term::NamedNode(n) if own_node(n));
            let default = is_subject(t, iri) && ours && is_default(t, iri);
            !(subject_is_ours || object_is_ours || default || implied.contains(&t.to_string()))
        })
        .collect()
}

fn is_default(t: &Triple, iri: &str) -> bool {
    let p = &t.predicate;
    (*p == expand("dct:identifier")
        && matches!(&t.object, Term::Literal(l) if l.value().ends_with(&iri[BASE.len()..])))
        || (*p == expand("dct:accessRights")
            && t.object == Term::from(eu("access-right", "PUBLIC")))
        || (*p == expand("dcat:theme") && t.object == Term::from(eu("data-theme", "TECH")))
        || ((*p == expand("dct:issued") || *p == expand("dct:modified"))
            && matches!(&t.object, Term::Literal(l) if l.value().ends_with('Z') && l.value().len() == 27))
}

/// The catalogue's own description with links to the entries given.
pub fn catalogue<'a>(entries: impl Iterator<Item = &'a Record>, modified: i64) -> Vec<Triple> {
    let node = NamedNode::new_unchecked(format!("{BASE}catalog"));
    let team = NamedNode::new_unchecked(format!("{BASE}agent/catalogue-team"));
    let home = NamedNode::new_unchecked(BASE);
    let mut out = Vec::new();
    let mut say = |s: &NamedNode, p: &str, o: Term| out.push(Triple::new(s.clone(), expand(p), o));
    let english =
        |text: &str| Term::from(Literal::new_language_tagged_literal_unchecked(text, "en"));
    say(&node, "rdf:type", expand("dcat:Catalog").into());
    say(&node, "dct:title", english("Local Digital Twin resources"));
    say(
        &node,
        "dct:description",
        english(
            "Standards, protocols, frameworks, tools, data models and example twins for cities that build Local Digital Twins.",
        ),
    );
    say(&node, "dct:publisher", team.clone().into());
    say(&node, "dct:language", eu("language", "ENG").into());
    say(&node, "dct:license", eu("licence", "CC_BY_4_0").into());
    say(&node, "dct:spatial", eu("continent", "EUROPE").into());
    say(&node, "foaf:homepage", home.clone().into());
    say(
        &node,
        "dct:modified",
        Literal::new_typed_literal(date_time(modified), xsd::DATE_TIME).into(),
    );
    say(
        &node,
        "dcat:themeTaxonomy",
        NamedNode::new_unchecked("http://publications.europa.eu/resource/authority/data-theme")
            .into(),
    );
    for scheme in ["layer", "mim", "scope", "origin", "kind"] {
        say(
            &node,
            "dcat:themeTaxonomy",
            NamedNode::new_unchecked(format!("{LDT}scheme-{scheme}")).into(),
        );
    }
    say(&home, "rdf:type", expand("foaf:Document").into());
    say(&team, "rdf:type", expand("foaf:Agent").into());
    say(&team, "foaf:name", english("Catalogue team"));
    say(&profile(), "rdf:type", expand("dct:Standard").into());
    say(&profile(), "dct:title", english("DCAT-AP 3.0.1"));
    for record in entries {
        say(
            &node,
            "dcat:dataset",
            NamedNode::new_unchecked(&record.iri).into(),
        );
        say(
            &node,
            "dcat:record",
            NamedNode::new_unchecked(format!("{BASE}resource/{}#record", record.slug)).into(),
        );
    }
    out
}

/// Moves own IRIs (and an identifier that repeats one) below `public_url`, which ends in a slash.
pub fn absolute(graph: Vec<Triple>, public_url: &str) -> Vec<Triple> {
    let at = |iri: &str| {
        iri.strip_prefix(BASE)
            .map(|rest| format!("{public_url}{rest}"))
    };
    graph
        .into_iter()
        .map(|mut t| {
            if let NamedOrBlankNode::NamedNode(n) = &t.subject
                && let Some(iri) = at(n.as_str())
            {
                t.subject = NamedNode::new_unchecked(iri).into();
            }
            match &t.object {
                Term::NamedNode(n) => {
                    if let Some(iri) = at(n.as_str()) {
                        t.object = NamedNode::new_unchecked(iri).into();
                    }
                }
                Term::Literal(l) if t.predicate == expand("dct:identifier") => {
                    if let Some(iri) = at(l.value()) {
                        t.object = Literal::new_simple_literal(iri).into();
                    }
                }
                _ => {}
            }
            t
        })
        .collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    Turtle,
    NTriples,
    RdfXml,
    JsonLd,
    TriG,
}

impl Syntax {
    /// The syntax a file name extension forces, and the media type to answer with.
    pub fn of_extension(extension: &str) -> Option<(Self, &'static str)> {
        Some(match extension {
            "ttl" => (Self::Turtle, "text/turtle"),
            "nt" => (Self::NTriples, "application/n-triples"),
            "rdf" | "xml" => (Self::RdfXml, "application/rdf+xml"),
            "jsonld" => (Self::JsonLd, "application/ld+json"),
            "json" => (Self::JsonLd, "application/json"),
            "trig" => (Self::TriG, "application/trig"),
            _ => return None,
        })
    }

    pub fn write(self, graph: &[Triple]) -> Result<Vec<u8>> {
        match self {
            Self::RdfXml => rdf_xml(graph),
            Self::JsonLd => Ok(json_ld(graph).to_string().into_bytes()),
            Self::NTriples => Ok(crate::record::canonical(graph).into_bytes()),
            Self::Turtle | Self::TriG => {
                let format = if self == Self::Turtle {
                    RdfFormat::Turtle
                } else {
                    RdfFormat::TriG
                };
                let mut serializer = RdfSerializer::from_format(format);
                for (prefix, iri) in PREFIXES {
                    serializer = serializer
                        .with_prefix(*prefix, *iri)
                        .map_err(Error::internal)?;
                }
                let mut writer = serializer.for_writer(Vec::new());
                let mut sorted: Vec<_> = graph.iter().collect();
                sorted.sort_by_cached_key(|t| {
                    (
                        t.subject.to_string(),
                        t.predicate != rdf::TYPE,
                        t.predicate.to_string(),
                        t.object.to_string(),
                    )
                });
                sorted.dedup();
                for t in sorted {
                    writer
                        .serialize_quad(t.clone().in_graph(GraphName::DefaultGraph).as_ref())
                        .map_err(Error::internal)?;
                }
                writer.finish().map_err(Error::internal)
            }
        }
    }
}

fn compact(iri: &str) -> Option<String> {
    PREFIXES.iter().find_map(|(p, ns)| {
        let local = iri.strip_prefix(ns)?;
        let name = local.starts_with(|c: char| c.is_ascii_alphabetic())
            && local
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        name.then(|| format!("{p}:{local}"))
    })
}

fn json_ld(graph: &[Triple]) -> Value {
    let context: Map<String, Value> = PREFIXES
        .iter()
        .map(|(p, ns)| ((*p).to_owned(), json!(ns)))
        .collect();
    let mut nodes: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for t in graph {
        if !seen.insert(t.to_string()) {
            continue;
        }
        let id = match &t.subject {
            NamedOrBlankNode::NamedNode(n) => n.as_str().to_owned(),
            NamedOrBlankNode::BlankNode(b) => b.to_string(),
        };
        let node = nodes
            .entry(id.clone())
            .or_insert_with(|| Map::from_iter([("@id".to_owned(), json!(id))]));
        let (key, value) = match &t.object {
            Term::NamedNode(n) if t.predicate == rdf::TYPE => (
                "@type".to_owned(),
                json!(compact(n.as_str()).unwrap_or_else(|| n.as_str().to_owned())),
            ),
            object => {
                let key = compact(t.predicate.as_str())
                    .unwrap_or_else(|| t.predicate.as_str().to_owned());
                let value = match object {
                    Term::NamedNode(n) => json!({"@id": n.as_str()}),
                    Term::BlankNode(b) => json!({"@id": b.to_string()}),
                    // Refused when read; JSON-LD 1.1 cannot say it.
                    Term::Triple(_) => continue,
                    Term::Literal(l) => match (l.language(), l.datatype()) {
                        (Some(language), _) => json!({"@language": language, "@value": l.value()}),
                        (None, d) if d == xsd::STRING => json!(l.value()),
                        (None, d) => {
                            json!({"@type": compact(d.as_str()).unwrap_or_else(|| d.as_str().to_owned()), "@value": l.value()})
                        }
                    },
                };
                (key, value)
            }
        };
        match node.get_mut(&key) {
            None => {
                node.insert(key, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(single) => *single = json!([single.take(), value]),
        }
    }
    json!({"@context": context, "@graph": nodes.into_values().collect::<Vec<_>>()})
}

/// RDF/XML with one element per subject, named by its first class (`dcat:Dataset` …) and, below a
/// record, its distributions nested, as harvesters that read the text expect.
fn rdf_xml(graph: &[Triple]) -> Result<Vec<u8>> {
    let mut subjects: BTreeMap<String, Vec<&Triple>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for t in graph {
        if seen.insert(t.to_string()) {
            let NamedOrBlankNode::NamedNode(n) = &t.subject else {
                continue;
            };
            subjects.entry(n.as_str().to_owned()).or_default().push(t);
        }
    }
    let nested = [expand("dcat:distribution")];
    let inner: BTreeSet<&str> = graph
        .iter()
        .filter(|t| nested.contains(&t.predicate))
        .filter_map(|t| match &t.object {
            Term::NamedNode(n) => Some(n.as_str()),
            _ => None,
        })
        .collect();
    let mut writer = quick_xml::Writer::new_with_indent(Vec::new(), b' ', 1);
    let put = |w: &mut quick_xml::Writer<Vec<u8>>, e: Event<'_>| {
        w.write_event(e).map_err(Error::internal)
    };
    put(
        &mut writer,
        Event::Decl(quick_xml::events::BytesDecl::new(
            "1.0",
            Some("UTF-8"),
            None,
        )),
    )?;
    let mut root = BytesStart::new("rdf:RDF");
    let spaces: Vec<(String, &str)> = PREFIXES
        .iter()
        .map(|(p, ns)| (format!("xmlns:{p}"), *ns))
        .collect();
    for (name, ns) in &spaces {
        root.push_attribute((name.as_str(), *ns));
    }
    put(&mut writer, Event::Start(root))?;
    let mut done = BTreeSet::new();
    for (subject, statements) in subjects.iter().filter(|(s, _)| !inner.contains(s.as_str())) {
        element(
            &mut writer,
            subject,
            statements,
            &subjects,
            &inner,
            &mut done,
        )?;
    }
    put(&mut writer, Event::End(BytesEnd::new("rdf:RDF")))?;
    Ok(writer.into_inner())
}

fn element<'g>(
    writer: &mut quick_xml::Writer<Vec<u8>>,
    subject: &'g str,
    statements: &[&'g Triple],
    subjects: &'g BTreeMap<String, Vec<&'g Triple>>,
    inner: &BTreeSet<&str>,
    done: &mut BTreeSet<&'g str>,
) -> Result<()> {
    if !done.insert(subject) {
        return Ok(());
    }
    let classes: Vec<String> = statements
        .iter()
        .filter(|t| t.predicate == rdf::TYPE)
        .filter_map(|t| match &t.object {
            Term::NamedNode(n) => compact(n.as_str()),
            _ => None,
        })
        .collect();
    let name = classes
        .iter()
        .find(|c| c.starts_with("dcat:"))
        .or(classes.first())
        .cloned()
        .unwrap_or_else(|| "rdf:Description".into());
    let put = |w: &mut quick_xml::Writer<Vec<u8>>, e: Event<'_>| {
        w.write_event(e).map_err(Error::internal)
    };
    let mut start = BytesStart::new(name.as_str());
    start.push_attribute(("rdf:about", subject));
    put(writer, Event::Start(start))?;
    for t in statements {
        // A predicate without an XML name cannot be said in RDF/XML (RDF 1.1 XML Syntax, section 5.2).
        let Some((prefix, local)) = compact(t.predicate.as_str()).map_or_else(
            || split_name(t.predicate.as_str()).map(|(ns, l)| (Some(ns), l.to_owned())),
            |c| Some((None, c)),
        ) else {
            continue;
        };
        if t.predicate == rdf::TYPE
            && matches!(&t.object, Term::NamedNode(n) if compact(n.as_str()).as_deref() == Some(name.as_str()))
        {
            continue;
        }
        let tag = if prefix.is_some() {
            format!("x:{local}")
        } else {
            local
        };
        let mut property = BytesStart::new(tag.as_str());
        if let Some(ns) = prefix {
            property.push_attribute(("xmlns:x", ns));
        }
        match &t.object {
            Term::NamedNode(n)
                if inner.contains(n.as_str())
                    && !done.contains(n.as_str())
                    && subjects.contains_key(n.as_str())
                    && t.predicate == expand("dcat:distribution") =>
            {
                put(writer, Event::Start(property))?;
                let (key, below) = subjects.get_key_value(n.as_str()).expect("checked above");
                element(writer, key, below, subjects, inner, done)?;
                put(writer, Event::End(BytesEnd::new(tag.as_str())))?;
            }
            Term::NamedNode(n) => {
                property.push_attribute(("rdf:resource", n.as_str()));
                put(writer, Event::Empty(property))?;
            }
            Term::BlankNode(_) | Term::Triple(_) => {}
            Term::Literal(l) => {
                if let Some(language) = l.language() {
                    property.push_attribute(("xml:lang", language));
                } else if l.datatype() != xsd::STRING {
                    property.push_attribute(("rdf:datatype", l.datatype().as_str()));
                }
                put(writer, Event::Start(property))?;
                put(writer, Event::Text(BytesText::new(l.value())))?;
                put(writer, Event::End(BytesEnd::new(tag.as_str())))?;
            }
        }
    }
    put(writer, Event::End(BytesEnd::new(name.as_str())))
}

fn split_name(iri: &str) -> Option<(&str, &str)> {
    let at = iri.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))? + 1;
    let local = &iri[at..];
    local
        .starts_with(|c: char| c.is_ascii_alphabetic())
        .then_some((&iri[..at], local))
}
