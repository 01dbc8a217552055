//! RDF read so that each statement's line in the input is remembered, where that can be known.
//!
//! N-Triples, N-Quads, Turtle and TriG are fed to the parser line by line: a statement comes out
//! with the line that completes it, which is taken only if the object's own text stands there (a
//! parser that looks ahead may be a line late). In RDF/XML and JSON-LD only a subject that is
//! introduced exactly once has a line.
use super::rdf::plain;
use crate::error::{Error, Result};
use crate::record::shacl::Report;
use oxigraph::io::{RdfFormat, RdfParser};
use oxigraph::model::{BlankNode, NamedNode, NamedOrBlankNode, Term, Triple};
use std::collections::HashMap;

/// A graph and where its statements stand. Blank nodes are named `b0`, `b1` … as they come.
#[derive(Default)]
pub struct Located {
    pub graph: Vec<Triple>,
    /// 1-based; first mention wins.
    lines: HashMap<Triple, u64>,
    subjects: HashMap<NamedOrBlankNode, u64>,
}

impl Located {
    fn push(&mut self, triple: Triple, line: Option<u64>) {
        if let Some(line) = line {
            self.lines.entry(triple.clone()).or_insert(line);
            self.subjects.entry(triple.subject.clone()).or_insert(line);
        }
        self.graph.push(triple);
    }

    /// Adds statements that all stand on one line, as those of a sheet's row do.
    pub fn row(&mut self, graph: Vec<Triple>, line: Option<u64>) {
        for triple in graph {
            self.push(triple, line);
        }
    }

    /// Sets the lines of a report about this graph: the statement that breaks a rule, else the
    /// first statement about the node.
    pub fn locate(&self, report: &mut Report) {
        let mut first: HashMap<(&NamedOrBlankNode, &str), u64> = HashMap::new();
        for t in &self.graph {
            if let Some(line) = self.lines.get(t) {
                first
                    .entry((&t.subject, t.predicate.as_str()))
                    .or_insert(*line);
            }
        }
        report.locate(|f| {
            let exact = || {
                let predicate = NamedNode::new_unchecked(f.property()?);
                let value = f.value.clone()?;
                let statement = Triple::new(f.focus.clone(), predicate, value);
                self.lines.get(&statement).copied()
            };
            let property = || first.get(&(&f.focus, f.property()?)).copied();
            let found = if f.value.is_some() {
                exact()
            } else {
                property()
            };
            found.or_else(|| self.subjects.get(&f.focus).copied())
        });
    }
}

/// Reads a graph; relative IRIs are below `base`.
///
/// # Errors
/// Names the position at which the syntax breaks.
pub fn parse(bytes: &[u8], format: RdfFormat, base: &str) -> Result<Located> {
    super::rdf::admit(bytes, format)?;
    let broken = |e: &dyn std::fmt::Display| {
        Error::bad_input(format!("{} cannot be read: {e}", format.name()))
    };
    let mut out = Located::default();
    let mut names = Names::default();
    match format {
        RdfFormat::Turtle => {
            let mut parser = oxttl::TurtleParser::new()
                .with_base_iri(base)
                .map_err(Error::internal)?
                .low_level();
            by_line(bytes, |text, last, emit| {
                parser.extend_from_slice(text);
                if last {
                    parser.end();
                }
                while let Some(t) = parser.parse_next() {
                    emit(t.map_err(|e| broken(&e))?)?;
                }
                Ok(())
            })?
        }
        RdfFormat::NTriples => {
            let mut parser = oxttl::NTriplesParser::new().low_level();
            by_line(bytes, |text, last, emit| {
                parser.extend_from_slice(text);
                if last {
                    parser.end();
                }
                while let Some(t) = parser.parse_next() {
                    emit(t.map_err(|e| broken(&e))?)?;
                }
                Ok(())
            })?
        }
        RdfFormat::TriG => {
            let mut parser = oxttl::TriGParser::new()
                .with_base_iri(base)
                .map_err(Error::internal)?
                .low_level();
            by_line(bytes, |text, last, emit| {
                parser.extend_from_slice(text);
                if last {
                    parser.end();
                }
                while let Some(q) = parser.parse_next() {
                    emit(q.map_err(|e| broken(&e))?.into())?;
                }
                Ok(())
            })?
        }
        RdfFormat::NQuads => {
            let mut parser = oxttl::NQuadsParser::new().low_level();
            by_line(bytes, |text, last, emit| {
                parser.extend_from_slice(text);
                if last {
                    parser.end();
                }
                while let Some(q) = parser.parse_next() {
                    emit(q.map_err(|e| broken(&e))?.into())?;
                }
                Ok(())
            })?
        }
        other => {
            let parser = RdfParser::from_format(other)
                .with_base_iri(base)
                .map_err(Error::internal)?;
            let mut found = Vec::new();
            for quad in parser.for_slice(bytes) {
                found.push((plain(quad.map_err(|e| broken(&e))?.into())?, None));
            }
            found
        }
    }
    .into_iter()
    .for_each(|(t, line)| out.push(names.rename(t), line));
    if out.subjects.is_empty() {
        out.subjects = introduced(bytes, format, &out.graph);
    }
    Ok(out)
}

type Emit<'a> = &'a mut dyn FnMut(Triple) -> Result<()>;

/// Feeds the input to `feed` one line at a time and gives what came out, each with its line.
fn by_line(
    bytes: &[u8],
    mut feed: impl FnMut(&[u8], bool, Emit<'_>) -> Result<()>,
) -> Result<Vec<(Triple, Option<u64>)>> {
    let mut out = Vec::new();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    // The newest line that a statement came from: the next one stands there or below.
    let mut floor = 0;
    for n in 0..=lines.len() {
        let text = lines.get(n).copied().unwrap_or_default();
        feed(text, n == lines.len(), &mut |triple| {
            let triple = plain(triple)?;
            let upper = n.min(lines.len().saturating_sub(1));
            let line = (floor..=upper).rev().take(8).find(|l| {
                lines
                    .get(*l)
                    .is_some_and(|text| shows(text, &triple.object))
            });
            if let Some(line) = line {
                floor = line;
            }
            out.push((triple, line.map(|l| l as u64 + 1)));
            Ok(())
        })?;
    }
    Ok(out)
}

/// Whether a line of input can hold the end of a term: its local name or last word stands there.
fn shows(text: &[u8], object: &Term) -> bool {
    let text = String::from_utf8_lossy(text);
    match object {
        Term::NamedNode(n) => {
            let iri = n.as_str();
            let tail = iri.trim_end_matches(['/', '#']);
            let tail = tail.rsplit(['/', '#', ':']).next().unwrap_or(tail);
            text.contains(tail)
                || (iri == "http://www.w3.org/1999/02/22-rdf-syntax-ns#nil" && text.contains(')'))
        }
        Term::Literal(l) => {
            let word = l.value().lines().last().unwrap_or_default();
            let word = word.split(['"', '\'', '\\', '\t']).next_back();
            let word = word.unwrap_or_default().trim();
            !word.is_empty() && text.contains(word)
        }
        Term::BlankNode(_) => text.contains(['[', ']', '(', ')', '_']),
        Term::Triple(_) => false,
    }
}

/// Subjects that RDF/XML or JSON-LD text introduces exactly once, with the line.
fn introduced(bytes: &[u8], format: RdfFormat, graph: &[Triple]) -> HashMap<NamedOrBlankNode, u64> {
    let text = String::from_utf8_lossy(bytes);
    let mut at: HashMap<&str, Vec<u64>> = HashMap::new();
    let mark = match format {
        RdfFormat::RdfXml => "rdf:about",
        RdfFormat::JsonLd { .. } => "\"@id\"",
        _ => return HashMap::new(),
    };
    for (n, line) in text.lines().enumerate() {
        for (found, _) in line.match_indices(mark) {
            let rest = line[found + mark.len()..].trim_start_matches([' ', ':', '=']);
            let quote = rest.chars().next().unwrap_or(' ');
            if let Some(iri) = rest.get(1..).and_then(|r| r.split(quote).next())
                && matches!(quote, '"' | '\'')
            {
                at.entry(iri).or_default().push(n as u64 + 1);
            }
        }
    }
    graph
        .iter()
        .filter_map(|t| match &t.subject {
            NamedOrBlankNode::NamedNode(n) => match at.get(n.as_str())?.as_slice() {
                [line] => Some((t.subject.clone(), *line)),
                _ => None,
            },
            NamedOrBlankNode::BlankNode(_) => None,
        })
        .collect()
}

/// Blank node labels in the order in which they come: the same input gives the same report.
#[derive(Default)]
struct Names(HashMap<BlankNode, BlankNode>);

impl Names {
    fn name(&mut self, node: BlankNode) -> BlankNode {
        let next = BlankNode::new_unchecked(format!("b{}", self.0.len()));
        self.0.entry(node).or_insert(next).clone()
    }

    fn rename(&mut self, mut triple: Triple) -> Triple {
        if let NamedOrBlankNode::BlankNode(b) = triple.subject {
            triple.subject = self.name(b).into();
        }
        if let Term::BlankNode(b) = triple.object {
            triple.object = self.name(b).into();
        }
        triple
    }
}
