//! RDF in every syntax, cut into drafts: a record is its subject and all that is reached from it
//! without passing through another record. Unknown properties survive; blank nodes get names that
//! follow from what they say.
use super::{Parsed, dcat};
use crate::error::{Error, Result};
use crate::record::statement::{Statement, statements, text};
use crate::record::vocab::{self, BASE};
use crate::record::{Draft, Finding, Outcome, Says, hash, slug, sorted};
use oxigraph::io::{RdfFormat, RdfParser};
use oxigraph::model::vocab::xsd;
use oxigraph::model::{Literal, NamedNode, NamedOrBlankNode, Term, Triple};
use sophia_api::term::SimpleTerm;
use sophia_api::term::bnode_id::BnodeId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The RDF syntax of a file name's extension.
pub fn format_of(extension: &str) -> Option<RdfFormat> {
    match extension {
        "jsonld" => RdfFormat::from_extension("jsonld"),
        "json" | "txt" => None,
        other => RdfFormat::from_extension(other),
    }
}

/// The RDF syntax that the first characters show, for input without a name: of two of which one
/// holds the other, the larger.
pub fn guess(bytes: &[u8]) -> Option<RdfFormat> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]);
    let start = start.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with("<?xml")
        || start.starts_with("<rdf:RDF")
        || start.starts_with("<!DOCTYPE rdf")
    {
        return Some(RdfFormat::RdfXml);
    }
    if start.starts_with('{') || start.starts_with('[') {
        return RdfFormat::from_extension("jsonld");
    }
    if !["@prefix", "@base", "prefix", "base", "#", "<", "_:"]
        .iter()
        .any(|s| start.to_ascii_lowercase().starts_with(s))
    {
        return None;
    }
    // The last line may be cut.
    let lines = start.rsplit_once('\n').map_or(start, |(lines, _)| lines);
    let mut statements = RdfParser::from_format(RdfFormat::NQuads).for_slice(lines);
    if statements.by_ref().take(1).any(|s| s.is_ok()) && statements.all(|s| s.is_ok()) {
        return Some(RdfFormat::NQuads);
    }
    Some(RdfFormat::TriG)
}

/// Deepest nesting of JSON that is read; descriptions need less than ten.
const DEPTH: usize = 100;

/// Blank nodes of one entry that may stand in circles.
const CIRCLES: usize = 500;

/// Refuses what is made to exhaust a parser: entities in XML, deep nesting in JSON.
///
/// # Errors
/// Names what was found.
pub fn admit(bytes: &[u8], format: RdfFormat) -> Result<()> {
    match format {
        RdfFormat::RdfXml if bytes.windows(8).any(|w| w == b"<!ENTITY") => Err(Error::bad_input(
            "RDF/XML with entity declarations is not taken; write the IRIs out",
        )),
        RdfFormat::JsonLd { .. } => {
            let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
            for byte in bytes {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if quoted => escaped = true,
                    b'"' => quoted = !quoted,
                    b'{' | b'[' if !quoted => depth += 1,
                    b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if depth > DEPTH {
                    return Err(Error::bad_input(format!(
                        "JSON-LD nested deeper than {DEPTH} levels is not taken"
                    )));
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Parses triples; relative IRIs are below our own base. A statement whose IRI is none is left out
/// and found, so that it does not take its neighbours along. No remote context is fetched.
///
/// # Errors
/// Names the position at which the syntax breaks; nothing can be trusted after it.
pub fn parse(bytes: &[u8], format: RdfFormat) -> Result<(Vec<Triple>, Vec<Finding>)> {
    admit(bytes, format)?;
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).to_lowercase();
    let start = start.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return Err(Error::bad_input(format!(
            "HTML where {} was expected; a portal's page is not its RDF export",
            format.name()
        )));
    }
    let parser = RdfParser::from_format(format)
        .lenient()
        .with_base_iri(BASE)
        .map_err(Error::internal)?;
    let (mut graph, mut findings) = (Vec::new(), Vec::new());
    for quad in parser.for_slice(bytes) {
        let mut triple = Triple::from(
            quad.map_err(|e| Error::bad_input(format!("{} cannot be read: {e}", format.name())))?,
        );
        // Tags mean the same in any case (RDF 1.1 Concepts, section 3.3); parsers differ in it.
        if let Term::Literal(l) = &triple.object
            && let (Some(tag), None) = (l.language(), l.direction())
        {
            let tag = tag.to_ascii_lowercase();
            triple.object = Literal::new_language_tagged_literal_unchecked(l.value(), tag).into();
        }
        match bad_term(&triple) {
            None => graph.push(triple),
            Some(reason) => findings.push(Finding {
                line: 0,
                entry: triple.subject.to_string(),
                outcome: Outcome::Dropped,
                reason,
            }),
        }
    }
    Ok((graph, findings))
}

/// RDF 1.1 only: the SHACL engine brings the parsers' RDF 1.2 with it, which no harvester reads.
///
/// # Errors
/// Names the statement about a statement, or the text with a direction.
pub fn plain(triple: Triple) -> Result<Triple> {
    match &triple.object {
        Term::Triple(t) => Err(Error::bad_input(format!(
            "a statement about a statement (RDF 1.2) is not taken: {t}"
        ))),
        Term::Literal(l) if l.direction().is_some() => Err(Error::bad_input(format!(
            "text with a base direction (RDF 1.2) is not taken: {l}"
        ))),
        _ => Ok(triple),
    }
}

fn bad_term(t: &Triple) -> Option<String> {
    if let Err(e) = plain(t.clone()) {
        return Some(e.message);
    }
    let mut names = vec![t.predicate.as_ref()];
    if let NamedOrBlankNode::NamedNode(n) = &t.subject {
        names.push(n.as_ref());
    }
    match &t.object {
        Term::NamedNode(n) => names.push(n.as_ref()),
        Term::Literal(l) => {
            if let Some(tag) = l.language()
                && let Err(e) = Literal::new_language_tagged_literal("", tag)
            {
                return Some(format!("{tag:?} is no language tag: {e}"));
            }
            names.push(l.datatype());
        }
        _ => {}
    }
    names.into_iter().find_map(|n| {
        NamedNode::new(n.as_str())
            .err()
            .map(|e| format!("{:?} is no IRI: {e}", n.as_str()))
    })
}

/// A node with what it says: its term, and predicate and object terms.
type Nodes = BTreeMap<String, Vec<(String, String)>>;

/// Cuts a catalogue graph into drafts. `public_url` (with a trailing slash) is folded back to our
/// own base, so that a dump of this catalogue meets its own records again.
pub fn read(graph: &[Triple], public_url: &str) -> Parsed {
    let nodes = fold(graph, public_url);
    let typed = |node: &str, class: &str| {
        nodes.get(node).is_some_and(|says| {
            says.iter().any(|(p, o)| {
                p == "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
                    && crate::record::statement::iri(o).is_some_and(|c| vocab::is(c, class))
            })
        })
    };
    // Nodes that describe another one and are reached from it only backwards.
    let mut described_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut accessed: BTreeSet<&str> = BTreeSet::new();
    for (subject, says) in &nodes {
        for (p, o) in says {
            let Some(p) = crate::record::statement::iri(p) else {
                continue;
            };
            if vocab::is(p, "foaf:primaryTopic") || vocab::is(p, "dcat:servesDataset") {
                described_by.entry(o).or_default().push(subject);
            } else if vocab::is(p, "dcat:accessService") {
                accessed.insert(o);
            }
        }
    }
    let is_data = |s: &str| typed(s, "dcat:Dataset") || typed(s, "dcat:DatasetSeries");
    let serves_one = |s: &str| {
        nodes[s].iter().any(|(p, o)| {
            crate::record::statement::iri(p).is_some_and(|p| vocab::is(p, "dcat:servesDataset"))
                && is_data(o)
        })
    };
    let records: BTreeSet<&str> = nodes
        .keys()
        .map(String::as_str)
        .filter(|s| {
            !typed(s, "dcat:Catalog")
                && (is_data(s)
                    || (typed(s, "dcat:DataService") && !accessed.contains(s) && !serves_one(s)))
        })
        .collect();
    let reach = |start: &str, backwards: bool| -> BTreeSet<&str> {
        let Some((start, _)) = nodes.get_key_value(start) else {
            return BTreeSet::new();
        };
        let (mut seen, mut queue) = (BTreeSet::from([start.as_str()]), vec![start.as_str()]);
        while let Some(node) = queue.pop() {
            let behind = described_by
                .get(node)
                .filter(|_| backwards)
                .into_iter()
                .flatten()
                .copied();
            let ahead = nodes[node].iter().map(|(_, o)| o.as_str());
            for next in ahead.chain(behind) {
                let Some((next, _)) = nodes.get_key_value(next) else {
                    continue;
                };
                if !records.contains(next.as_str())
                    && !typed(next, "dcat:Catalog")
                    && seen.insert(next)
                {
                    queue.push(next);
                }
            }
        }
        seen
    };
    let mut parsed = Parsed::default();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let mut wishes: HashSet<String> = HashSet::new();
    // Titles that several entries without a name have.
    let (mut titles, mut alike) = (HashSet::new(), HashSet::new());
    for title in records
        .iter()
        .filter(|s| s.starts_with("_:"))
        .filter_map(|s| titled(&nodes, s))
    {
        if !titles.insert(title.clone()) {
            alike.insert(title);
        }
    }
    for subject in &records {
        let part = reach(subject, true);
        used.extend(&part);
        match draft(&nodes, subject, &part, false, &alike, &mut wishes) {
            Ok(draft) => parsed.drafts.push(draft),
            Err(finding) => parsed.findings.push(finding),
        }
    }
    let catalogues: Vec<&String> = nodes
        .keys()
        .filter(|s| {
            typed(s, "dcat:Catalog")
                || typed(s, "hydra:PagedCollection")
                || typed(s, "hydra:PartialCollectionView")
        })
        .collect();
    for catalogue in catalogues {
        used.extend(reach(catalogue, true));
    }
    // What is left may speak about records that are described elsewhere.
    let mut extra: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for node in nodes.keys().filter(|n| !used.contains(n.as_str())) {
        let Some(name) = crate::record::statement::iri(node) else {
            continue;
        };
        let known = &nodes[node].iter().all(|(p, o)| {
            vocab::about(name)
                .iter()
                .any(|s| s.predicate == p && s.object == o)
        });
        if !known && !is_stub(&nodes[node]) {
            let root = match name.split_once('#') {
                Some((root, _)) if root.starts_with(BASE) => root,
                _ => name,
            };
            // Other entries that it names speak for themselves.
            let below = |n: &&str| {
                n.starts_with("_:") || **n == *node || n.starts_with(&format!("<{root}#"))
            };
            let part = reach(node, false).into_iter().filter(below);
            extra.entry(root).or_default().extend(part);
        }
    }
    for (root, part) in extra {
        match draft(
            &nodes,
            &format!("<{root}>"),
            &part,
            true,
            &alike,
            &mut wishes,
        ) {
            Ok(draft) => parsed.drafts.push(draft),
            Err(finding) => parsed.findings.push(finding),
        }
    }
    parsed
}

/// Whether a node is but a name for something described elsewhere: a class and a title.
fn is_stub(says: &[(String, String)]) -> bool {
    says.iter().all(|(p, o)| {
        let (p, o) = (
            crate::record::statement::iri(p).unwrap_or_default(),
            crate::record::statement::iri(o).unwrap_or_default(),
        );
        vocab::is(p, "dct:title")
            || (vocab::is(p, "rdf:type")
                && (vocab::is(o, "dct:Standard") || vocab::is(o, "foaf:Document")))
    })
}

fn fold(graph: &[Triple], public_url: &str) -> Nodes {
    let own = |term: String| match term
        .strip_prefix('<')
        .and_then(|t| t.strip_prefix(public_url))
    {
        Some(rest) => format!("<{BASE}{rest}"),
        None => term,
    };
    let mut nodes = Nodes::new();
    for t in graph {
        let predicate = own(t.predicate.to_string());
        let identifies = || vocab::is(t.predicate.as_str(), "dct:identifier");
        let object = match &t.object {
            // An identifier of ours is an IRI as a string, and moves with it.
            Term::Literal(l) => match l.value().strip_prefix(public_url) {
                Some(rest) if identifies() && l.datatype() == xsd::STRING => {
                    Literal::new_simple_literal(format!("{BASE}{rest}")).to_string()
                }
                _ => t.object.to_string(),
            },
            _ => own(t.object.to_string()),
        };
        nodes
            .entry(own(t.subject.to_string()))
            .or_default()
            .push((predicate, object));
    }
    nodes
}

/// The slug that a node's title makes.
fn titled(nodes: &Nodes, subject: &str) -> Option<String> {
    let about = subject.trim_matches(['<', '>']);
    let says = nodes.get(subject)?.iter();
    let lines: String = says
        .map(|(p, o)| format!("<{about}> {p} {o} .\n"))
        .collect();
    text(&lines, about, "dct:title").map(|t| slug(&t))
}

fn draft(
    nodes: &Nodes,
    subject: &str,
    part: &BTreeSet<&str>,
    addition: bool,
    alike: &HashSet<String>,
    wishes: &mut HashSet<String>,
) -> std::result::Result<Draft, Finding> {
    let raw: String = part
        .iter()
        .flat_map(|n| {
            nodes[*n]
                .iter()
                .map(move |(p, o)| format!("{n} {p} {o} .\n"))
        })
        .collect();
    let (iri, wish) = match crate::record::statement::iri(subject) {
        Some(name) => match name.strip_prefix(BASE) {
            Some(own) => (
                name.to_owned(),
                slug(own.strip_prefix("resource/").unwrap_or(own)),
            ),
            None => {
                let tail = name.trim_end_matches('/').rsplit(['/', '#', ':']).next();
                (
                    name.to_owned(),
                    titled(nodes, subject).unwrap_or_else(|| slug(tail.unwrap_or(name))),
                )
            }
        },
        None => {
            // An entry without a name gets one of ours, from what it says of itself.
            let names = names(&raw, "").map_err(|reason| Finding {
                line: 0,
                entry: subject.to_owned(),
                outcome: Outcome::Skipped,
                reason,
            })?;
            let digest = &hash(&names[subject])[..12];
            let wish = match titled(nodes, subject) {
                Some(title) if !alike.contains(&title) => title,
                Some(title) => format!("{}-{digest}", &title[..title.len().min(67)]),
                None => format!("entry-{digest}"),
            };
            (format!("{BASE}resource/{wish}"), wish)
        }
    };
    let failed = |reason: String| Finding {
        line: 0,
        entry: iri.clone(),
        outcome: Outcome::Skipped,
        reason,
    };
    let mut names = names(&raw, &format!("{BASE}resource/{wish}")).map_err(failed)?;
    names.insert(subject.to_owned(), format!("<{iri}>"));
    let named = |term: &str| names.get(term).cloned().unwrap_or_else(|| term.to_owned());
    let content = sorted(statements(&raw).map(|s| {
        format!(
            "{} {} {} .\n",
            named(s.subject),
            s.predicate,
            named(s.object)
        )
    }));
    let content = dcat::strip_derived(&iri, &wish, &content, None);
    if !addition && !wishes.insert(iri.clone()) {
        return Err(failed(
            "another entry of this source has the same name".into(),
        ));
    }
    Ok(Draft {
        key: iri.clone(),
        iri,
        slug: wish,
        content,
        line: None,
        says: if addition {
            Says::More
        } else {
            Says::Everything
        },
    })
}

/// A name below `page` for each blank node: a hash of what it says, blank nodes below it included,
/// so that it stays when its neighbours change. Where blank nodes stand in a circle, RDFC-1.0 tells
/// those of the circle apart.
fn names(raw: &str, page: &str) -> std::result::Result<HashMap<String, String>, String> {
    let mut says: BTreeMap<&str, Vec<Statement<'_>>> = BTreeMap::new();
    for s in statements(raw) {
        for term in [s.subject, s.object] {
            if term.starts_with("_:") {
                says.entry(term).or_default();
            }
        }
        if s.subject.starts_with("_:") {
            says.entry(s.subject).or_default().push(s);
        }
    }
    let mut digests = digests(&says);
    let open: BTreeSet<&str> = says
        .keys()
        .copied()
        .filter(|node| !digests.contains_key(node))
        .collect();
    if open.len() > CIRCLES {
        return Err(format!(
            "{} blank nodes stand in circles; at most {CIRCLES} are told apart, so give them IRIs",
            open.len()
        ));
    }
    // Each circle, with what leads into it, is told apart for itself: neighbours do not change it.
    let mut parts: BTreeMap<&str, &str> = open.iter().map(|n| (*n, *n)).collect();
    let edges: Vec<(&str, &str)> = open
        .iter()
        .flat_map(|n| says[n].iter().map(|s| (s.subject, s.object)))
        .filter(|(_, to)| open.contains(to))
        .collect();
    for (from, to) in edges {
        let (one, other) = (parts[from], parts[to]);
        if one != other {
            parts
                .values_mut()
                .filter(|p| **p == other)
                .for_each(|p| *p = one);
        }
    }
    for part in parts.values().copied().collect::<BTreeSet<_>>() {
        let term = |term: &str| match digests.get(term) {
            Some(digest) => format!("\"{digest}\""),
            None => term.to_owned(),
        };
        let lines = open
            .iter()
            .filter(|n| parts[*n] == part)
            .flat_map(|n| &says[n])
            .map(|s| format!("{} {} {} .\n", s.subject, s.predicate, term(s.object)));
        let lines = sorted(lines);
        let labels = canonical_labels(&lines)?;
        let told = sorted(statements(&lines).map(|s| {
            let label = |t: &str| match t.strip_prefix("_:").and_then(|l| labels.get(l)) {
                Some(label) => format!("_:{label}"),
                None => t.to_owned(),
            };
            format!(
                "{} {} {} .\n",
                label(s.subject),
                s.predicate,
                label(s.object)
            )
        }));
        for node in open.iter().filter(|n| parts[*n] == part) {
            digests.insert(node, hash(&format!("{}\n{told}", labels[&node[2..]])));
        }
    }
    Ok(digests
        .into_iter()
        .map(|(node, digest)| (node.to_owned(), format!("<{page}#node-{}>", &digest[..16])))
        .collect())
}

/// The hash of what each blank node says, from the innermost outwards. Those that lead into a circle
/// have none.
fn digests<'a>(says: &BTreeMap<&'a str, Vec<Statement<'a>>>) -> HashMap<&'a str, String> {
    let mut outer: HashMap<&str, Vec<&'a str>> = HashMap::new();
    let mut waits: HashMap<&'a str, usize> = HashMap::new();
    for (node, said) in says {
        let below = said.iter().filter(|s| says.contains_key(s.object));
        waits.insert(node, below.clone().count());
        for s in below {
            outer.entry(s.object).or_default().push(node);
        }
    }
    let mut ready: Vec<&'a str> = says.keys().copied().filter(|n| waits[n] == 0).collect();
    let mut done: HashMap<&'a str, String> = HashMap::new();
    while let Some(node) = ready.pop() {
        let facts = says[node].iter().map(|s| {
            let object = done.get(s.object).map_or(s.object, String::as_str);
            format!("{} {object}\n", s.predicate)
        });
        let mut facts: Vec<String> = facts.collect();
        facts.sort();
        done.insert(node, hash(&facts.concat()));
        for above in outer.get(node).into_iter().flatten() {
            if let Some(left) = waits.get_mut(above) {
                *left -= 1;
                if *left == 0 {
                    ready.push(above);
                }
            }
        }
    }
    done
}

/// Labels by RDFC-1.0 (section 4.4), whose limits stop graphs that are made to be slow.
fn canonical_labels(raw: &str) -> std::result::Result<HashMap<String, String>, String> {
    type Quad = ([SimpleTerm<'static>; 3], Option<SimpleTerm<'static>>);
    let term = |text: &str| -> SimpleTerm<'static> {
        match text.strip_prefix("_:") {
            Some(label) => SimpleTerm::BlankNode(BnodeId::new_unchecked(label.to_owned().into())),
            // The algorithm compares other terms by their bytes alone.
            None => SimpleTerm::LiteralDatatype(
                text.to_owned().into(),
                sophia_api::term::IriRef::new_unchecked(
                    oxigraph::model::vocab::xsd::STRING.as_str().into(),
                ),
            ),
        }
    };
    let predicate = |text: &str| {
        SimpleTerm::Iri(sophia_api::term::IriRef::new_unchecked(
            text.trim_matches(['<', '>']).to_owned().into(),
        ))
    };
    let subject = |text: &str| match text.starts_with("_:") {
        true => term(text),
        false => predicate(text),
    };
    let quads: HashSet<Quad> = statements(raw)
        .map(|s| {
            (
                [subject(s.subject), predicate(s.predicate), term(s.object)],
                None,
            )
        })
        .collect();
    let (_, labels) = sophia_c14n::rdfc10::relabel(&quads)
        .map_err(|e| format!("its blank nodes cannot be told apart: {e}"))?;
    Ok(labels
        .into_iter()
        .map(|(from, to)| (from.to_string(), to.as_str().to_owned()))
        .collect())
}
