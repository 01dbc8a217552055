//! RDF in every syntax, cut into records: a record is its subject and all that is reached from it
//! without passing through another record.
use super::sheet::{Finding, Parsed};
use crate::error::{Error, Result};
use crate::record::vocab::{BASE, expand};
use crate::record::{Draft, hash, slug};
use oxigraph::io::{RdfFormat, RdfParser};
use oxigraph::model::{NamedNode, NamedOrBlankNode, Term, Triple};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Parses triples; relative IRIs are below our own base.
///
/// # Errors
/// Names the position at which the syntax breaks.
pub fn parse(bytes: &[u8], format: RdfFormat) -> Result<Vec<Triple>> {
    RdfParser::from_format(format)
        .with_base_iri(BASE)
        .map_err(Error::internal)?
        .for_slice(bytes)
        .map(|quad| {
            let triple = quad
                .map(Triple::from)
                .map_err(|e| Error::bad_input(format!("{} cannot be read: {e}", format.name())))?;
            plain(triple)
        })
        .collect()
}

/// RDF 1.1 only: the SHACL engine brings the parsers' RDF 1.2 with it, which no harvester reads.
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

/// A graph with blank nodes named after what they say, so that the same input gives the same IRIs.
fn skolemise(graph: Vec<Triple>) -> Vec<Triple> {
    let mut about: HashMap<String, Vec<String>> = HashMap::new();
    for t in &graph {
        if let NamedOrBlankNode::BlankNode(b) = &t.subject {
            let object = if t.object.is_blank_node() {
                "_".to_owned()
            } else {
                t.object.to_string()
            };
            about
                .entry(b.as_str().to_owned())
                .or_default()
                .push(format!("{} {object}", t.predicate));
        }
        if let (Term::BlankNode(b), NamedOrBlankNode::NamedNode(s)) = (&t.object, &t.subject) {
            about
                .entry(b.as_str().to_owned())
                .or_default()
                .push(format!("{s} {}", t.predicate));
        }
    }
    let mut names: BTreeMap<String, NamedNode> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut order: Vec<_> = about.into_iter().collect();
    for (_, facts) in &mut order {
        facts.sort();
    }
    order.sort_by(|a, b| a.1.cmp(&b.1).then(a.0.cmp(&b.0)));
    for (label, facts) in order {
        let mut digest = hash(&facts.concat())[..16].to_owned();
        while !taken.insert(digest.clone()) {
            digest = hash(&digest)[..16].to_owned();
        }
        names.insert(
            label,
            NamedNode::new_unchecked(format!("{BASE}node/{digest}")),
        );
    }
    graph
        .into_iter()
        .map(|t| {
            let subject = match t.subject {
                NamedOrBlankNode::BlankNode(b) => names[b.as_str()].clone().into(),
                named @ NamedOrBlankNode::NamedNode(_) => named,
            };
            let object = match t.object {
                Term::BlankNode(b) => names
                    .get(b.as_str())
                    .map_or_else(
                        || {
                            NamedNode::new_unchecked(format!(
                                "{BASE}node/{}",
                                &hash(b.as_str())[..16]
                            ))
                        },
                        Clone::clone,
                    )
                    .into(),
                other => other,
            };
            Triple {
                subject,
                predicate: t.predicate,
                object,
            }
        })
        .collect()
}

/// Cuts a catalogue graph into drafts. `public_url` (with a trailing slash) is folded back to our
/// own base, so that a dump of this catalogue meets its own records again.
pub fn read(graph: Vec<Triple>, public_url: &str) -> Parsed {
    let own = |n: NamedNode| match n.as_str().strip_prefix(public_url) {
        Some(rest) => NamedNode::new_unchecked(format!("{BASE}{rest}")),
        None => n,
    };
    let graph: Vec<Triple> = skolemise(graph)
        .into_iter()
        .map(|t| Triple {
            subject: match t.subject {
                NamedOrBlankNode::NamedNode(n) => own(n).into(),
                blank => blank,
            },
            predicate: t.predicate,
            object: match t.object {
                Term::NamedNode(n) => own(n).into(),
                other => other,
            },
        })
        .collect();
    let mut by_subject: BTreeMap<&str, Vec<&Triple>> = BTreeMap::new();
    for t in &graph {
        if let NamedOrBlankNode::NamedNode(n) = &t.subject {
            by_subject.entry(n.as_str()).or_default().push(t);
        }
    }
    let (a, dataset, service) = (
        expand("rdf:type"),
        Term::from(expand("dcat:Dataset")),
        Term::from(expand("dcat:DataService")),
    );
    let catalogue = Term::from(expand("dcat:Catalog"));
    let typed = |s: &str, class: &Term| {
        by_subject
            .get(s)
            .is_some_and(|ts| ts.iter().any(|t| t.predicate == a && t.object == *class))
    };
    let records: BTreeSet<&str> = by_subject
        .keys()
        .copied()
        .filter(|s| typed(s, &dataset) && !typed(s, &service))
        .collect();
    let mut parsed = Parsed::default();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for subject in &records {
        let (mut reach, mut queue) = (BTreeSet::from([*subject]), vec![*subject]);
        while let Some(node) = queue.pop() {
            for t in by_subject.get(node).into_iter().flatten() {
                let Term::NamedNode(object) = &t.object else {
                    continue;
                };
                let object = object.as_str();
                let Some((known, _)) = by_subject.get_key_value(object) else {
                    continue;
                };
                if !records.contains(object) && !typed(object, &catalogue) && reach.insert(known) {
                    queue.push(known);
                }
            }
        }
        used.extend(&reach);
        let graph = reach
            .iter()
            .flat_map(|n| &by_subject[n])
            .map(|t| (*t).clone())
            .collect();
        let tail = subject
            .strip_prefix(BASE)
            .map_or(*subject, |r| r.trim_start_matches("resource/"));
        let name = tail
            .trim_end_matches('/')
            .rsplit(['/', '#', ':'])
            .next()
            .unwrap_or(tail);
        parsed.drafts.push(Draft {
            key: (*subject).to_owned(),
            iri: NamedNode::new_unchecked(*subject),
            slug: slug(name),
            graph: super::dcat::strip_derived(subject, graph),
            line: None,
        });
    }
    for subject in by_subject
        .keys()
        .filter(|s| !used.contains(*s) && !typed(s, &catalogue))
    {
        // The record node of one of ours is derived again; everything else unreached is said.
        if !subject.contains("#record") {
            parsed.findings.push(Finding {
                line: 0,
                entry: (*subject).to_owned(),
                outcome: "skipped",
                reason: "neither a dcat:Dataset nor reached from one".into(),
            });
        }
    }
    parsed
}

/// Statements about subjects that are records already (relations kept in a file of their own).
pub fn statements(graph: Vec<Triple>) -> BTreeMap<String, Vec<Triple>> {
    let mut out: BTreeMap<String, Vec<Triple>> = BTreeMap::new();
    for t in skolemise(graph) {
        if let NamedOrBlankNode::NamedNode(n) = &t.subject {
            out.entry(n.as_str().to_owned()).or_default().push(t);
        }
    }
    out
}
