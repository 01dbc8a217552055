//! RDF written out: Turtle, TriG, N-Triples, RDF/XML and JSON-LD, streamed node by node from
//! canonical statements, so that a page and a whole catalogue are written by the same code in
//! little memory. Own IRIs (and an identifier that repeats one) move below the public URL here.
use crate::record::canonical;
use crate::record::statement::{Literal, Statement, TYPE, iri, literal, statements};
use crate::record::vocab::{BASE, PREFIXES, compact};
use oxigraph::model::Triple;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Result, Write};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    /// A whole graph at once; IRIs stay as they are.
    pub fn write(self, graph: &[Triple]) -> crate::error::Result<Vec<u8>> {
        let content = canonical(graph);
        let document = || -> Result<Vec<u8>> {
            let mut writer = Writer::begin(Vec::new(), self, BASE)?;
            writer.nodes(statements(&content))?;
            writer.end()
        };
        document().map_err(crate::error::Error::internal)
    }
}

/// Canonical content with own IRIs where readers find them.
pub fn placed(content: &str, public_url: &str) -> String {
    let write = || -> Result<Vec<u8>> {
        let out = Vec::with_capacity(content.len());
        let mut writer = Writer::begin(out, Syntax::NTriples, public_url)?;
        writer.nodes(statements(content))?;
        writer.end()
    };
    // Writing to memory does not fail, and what is written is text.
    String::from_utf8(write().unwrap_or_default()).unwrap_or_default()
}

/// Writes one document: [`begin`](Writer::begin), any number of [`nodes`](Writer::nodes),
/// [`end`](Writer::end).
pub struct Writer<'u, W> {
    out: W,
    syntax: Syntax,
    public_url: &'u str,
    first: bool,
    /// The graph that lines are in; none for the default graph.
    graph: Option<String>,
}

impl<'u, W: Write> Writer<'u, W> {
    /// Writes what stands before the first node. `public_url` ends in a slash.
    pub fn begin(mut out: W, syntax: Syntax, public_url: &'u str) -> Result<Self> {
        match syntax {
            Syntax::NTriples => {}
            Syntax::Turtle | Syntax::TriG => {
                for (prefix, namespace) in PREFIXES {
                    writeln!(out, "@prefix {prefix}: <{namespace}> .")?;
                }
            }
            Syntax::JsonLd => {
                out.write_all(b"{\"@context\":{")?;
                for (n, (prefix, namespace)) in PREFIXES.iter().enumerate() {
                    let comma = if n == 0 { "" } else { "," };
                    write!(out, "{comma}\"{prefix}\":\"{namespace}\"")?;
                }
                out.write_all(b"},\"@graph\":[")?;
            }
            Syntax::RdfXml => {
                out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rdf:RDF")?;
                for (prefix, namespace) in PREFIXES {
                    write!(out, "\n  xmlns:{prefix}=\"{namespace}\"")?;
                }
                out.write_all(b">\n")?;
            }
        }
        Ok(Self {
            out,
            syntax,
            public_url,
            first: true,
            graph: None,
        })
    }

    /// Writes whole nodes: every statement of each subject must be among these, and the statements
    /// of one subject must stand together.
    pub fn nodes<'a>(&mut self, all: impl Iterator<Item = Statement<'a>>) -> Result<()> {
        if self.syntax == Syntax::NTriples {
            return all.into_iter().try_for_each(|s| self.line(s));
        }
        let mut nodes: Vec<(&str, Vec<Statement<'a>>)> = Vec::new();
        for s in all {
            match nodes.last_mut() {
                Some((subject, group)) if *subject == s.subject => group.push(s),
                _ => nodes.push((s.subject, vec![s])),
            }
        }
        match self.syntax {
            Syntax::RdfXml => self.elements(&nodes),
            Syntax::JsonLd => nodes.iter().try_for_each(|n| self.object(n.0, &n.1)),
            _ => nodes.iter().try_for_each(|n| self.block(n.0, &n.1)),
        }
    }

    /// Writes a named graph of whole nodes, as TriG, JSON-LD and N-Quads (N-Triples with a fourth
    /// term) have it.
    ///
    /// # Errors
    /// The syntax knows no graphs.
    pub fn graph<'a>(
        &mut self,
        name: &str,
        all: impl Iterator<Item = Statement<'a>>,
    ) -> Result<()> {
        let placed = self.place(name).into_owned();
        match self.syntax {
            Syntax::NTriples => {
                self.graph = Some(placed);
                self.nodes(all)?;
                self.graph = None;
                Ok(())
            }
            Syntax::TriG => {
                write!(self.out, "\n<{placed}> {{")?;
                self.nodes(all)?;
                self.out.write_all(b"}\n")
            }
            Syntax::JsonLd => {
                self.out
                    .write_all(if self.first { b"\n" } else { b",\n" })?;
                write!(self.out, "{{\"@id\":\"{placed}\",\"@graph\":[")?;
                self.first = true;
                self.nodes(all)?;
                self.first = false;
                self.out.write_all(b"]}")
            }
            Syntax::Turtle | Syntax::RdfXml => Err(std::io::ErrorKind::Unsupported.into()),
        }
    }

    /// Writes what stands after the last node.
    pub fn end(mut self) -> Result<W> {
        match self.syntax {
            Syntax::JsonLd => self.out.write_all(b"\n]}\n")?,
            Syntax::RdfXml => self.out.write_all(b"</rdf:RDF>\n")?,
            _ => {}
        }
        Ok(self.out)
    }

    /// An IRI where readers find it.
    fn place<'a>(&self, iri: &'a str) -> Cow<'a, str> {
        match iri.strip_prefix(BASE) {
            Some(rest) => Cow::Owned(format!("{}{rest}", self.public_url)),
            None => Cow::Borrowed(iri),
        }
    }

    /// A literal's text in its escaped form; an identifier of ours is an IRI as a string.
    fn value<'a>(&self, s: &Statement<'_>, literal: &Literal<'a>) -> Cow<'a, str> {
        if literal.escaped.starts_with(BASE) && s.says("dct:identifier") {
            self.place(literal.escaped)
        } else {
            Cow::Borrowed(literal.escaped)
        }
    }

    fn line(&mut self, s: Statement<'_>) -> Result<()> {
        for term in [s.subject, s.predicate, s.object] {
            if let Some(name) = iri(term) {
                self.out.write_all(b"<")?;
                self.put_iri(name)?;
                self.out.write_all(b"> ")?;
            } else if let Some(l) = literal(term).filter(|l| l.escaped.starts_with(BASE)) {
                let value = self.value(&s, &l).into_owned();
                self.put(&["\"", &value, &term[1 + l.escaped.len()..], " "])?;
            } else {
                self.put(&[term, " "])?;
            }
        }
        if let Some(graph) = &self.graph {
            write!(self.out, "<{graph}> ")?;
        }
        self.out.write_all(b".\n")
    }

    /// Writes an IRI where readers find it.
    fn put_iri(&mut self, iri: &str) -> Result<()> {
        match iri.strip_prefix(BASE) {
            Some(rest) => {
                self.out.write_all(self.public_url.as_bytes())?;
                self.out.write_all(rest.as_bytes())
            }
            None => self.out.write_all(iri.as_bytes()),
        }
    }

    /// The same as the value of an XML attribute.
    fn put_xml_iri(&mut self, iri: &str) -> Result<()> {
        if is_plain(iri) {
            return self.put_iri(iri);
        }
        let place = self.place(iri).into_owned();
        self.put_xml(&place)
    }

    /// Text for XML 1.0: markup escaped, characters that it cannot hold replaced.
    fn put_xml(&mut self, text: &str) -> Result<()> {
        if is_plain(text) {
            self.out.write_all(text.as_bytes())
        } else {
            self.out.write_all(xml(text).as_bytes())
        }
    }

    fn put(&mut self, parts: &[&str]) -> Result<()> {
        parts
            .iter()
            .try_for_each(|p| self.out.write_all(p.as_bytes()))
    }

    fn term(&mut self, s: &Statement<'_>, term: &str) -> Result<()> {
        if let Some(name) = iri(term) {
            return match compact(name) {
                Some((prefix, local)) => self.put(&[prefix, ":", local]),
                None => {
                    self.out.write_all(b"<")?;
                    self.put_iri(name)?;
                    self.out.write_all(b">")
                }
            };
        }
        let Some(l) = literal(term) else {
            return self.out.write_all(term.as_bytes());
        };
        write!(self.out, "\"{}\"", self.value(s, &l))?;
        match (l.language, l.datatype) {
            (Some(tag), _) => write!(self.out, "@{tag}"),
            (None, Some(datatype)) => match compact(datatype) {
                Some((prefix, local)) => write!(self.out, "^^{prefix}:{local}"),
                None => write!(self.out, "^^<{datatype}>"),
            },
            (None, None) => Ok(()),
        }
    }

    /// A Turtle block, its classes first.
    fn block(&mut self, subject: &str, group: &[Statement<'_>]) -> Result<()> {
        self.out.write_all(b"\n")?;
        self.term(&group[0], subject)?;
        let classes = group.iter().filter(|s| s.predicate == TYPE);
        let others = group.iter().filter(|s| s.predicate != TYPE);
        let mut before: Option<&str> = None;
        for s in classes.chain(others) {
            if before == Some(s.predicate) {
                self.out.write_all(b" , ")?;
            } else {
                self.out
                    .write_all(if before.is_some() { b" ;\n  " } else { b" " })?;
                if s.predicate == TYPE {
                    self.out.write_all(b"a ")?;
                } else {
                    self.term(s, s.predicate)?;
                    self.out.write_all(b" ")?;
                }
            }
            self.term(s, s.object)?;
            before = Some(s.predicate);
        }
        self.out.write_all(b" .\n")
    }

    /// A JSON-LD node object. N-Triples escapes are those of JSON.
    fn object(&mut self, subject: &str, group: &[Statement<'_>]) -> Result<()> {
        self.out
            .write_all(if self.first { b"\n" } else { b",\n" })?;
        self.first = false;
        write!(
            self.out,
            "{{\"@id\":\"{}\"",
            self.place(iri(subject).unwrap_or(subject))
        )?;
        let mut start = 0;
        while start < group.len() {
            let predicate = group[start].predicate;
            let end = start
                + group[start..]
                    .iter()
                    .take_while(|s| s.predicate == predicate)
                    .count();
            let same = &group[start..end];
            let class = predicate == TYPE;
            if class {
                self.out.write_all(b",\"@type\":")?;
            } else {
                self.out.write_all(b",\"")?;
                self.name(iri(predicate).unwrap_or(predicate))?;
                self.out.write_all(b"\":")?;
            }
            if same.len() > 1 {
                self.out.write_all(b"[")?;
            }
            for (n, s) in same.iter().enumerate() {
                if n > 0 {
                    self.out.write_all(b",")?;
                }
                self.json_value(s, class)?;
            }
            if same.len() > 1 {
                self.out.write_all(b"]")?;
            }
            start = end;
        }
        self.out.write_all(b"}")
    }

    fn name(&mut self, name: &str) -> Result<()> {
        match compact(name) {
            Some((prefix, local)) => write!(self.out, "{prefix}:{local}"),
            None => self.out.write_all(self.place(name).as_bytes()),
        }
    }

    fn json_value(&mut self, s: &Statement<'_>, class: bool) -> Result<()> {
        let Some(l) = literal(s.object) else {
            if class {
                self.out.write_all(b"\"")?;
                self.name(iri(s.object).unwrap_or(s.object))?;
                return self.out.write_all(b"\"");
            }
            let name = iri(s.object).unwrap_or(s.object);
            return write!(self.out, "{{\"@id\":\"{}\"}}", self.place(name));
        };
        let value = self.value(s, &l);
        match (l.language, l.datatype) {
            (Some(tag), _) => write!(
                self.out,
                "{{\"@language\":\"{tag}\",\"@value\":\"{value}\"}}"
            ),
            (None, Some(datatype)) => {
                self.out.write_all(b"{\"@type\":\"")?;
                self.name(datatype)?;
                write!(self.out, "\",\"@value\":\"{value}\"}}")
            }
            (None, None) => write!(self.out, "\"{value}\""),
        }
    }

    /// RDF/XML with parts nested in the node that points at them, as harvesters that read the text
    /// expect (RDF 1.1 XML Syntax, section 2.2).
    fn elements(&mut self, nodes: &[(&str, Vec<Statement<'_>>)]) -> Result<()> {
        let by_subject: BTreeMap<&str, &[Statement<'_>]> =
            nodes.iter().map(|(s, g)| (*s, g.as_slice())).collect();
        let inner: BTreeSet<&str> = by_subject
            .values()
            .flat_map(|g| g.iter())
            .filter(|s| holds_part(s) && s.object != s.subject)
            .map(|s| s.object)
            .collect();
        let mut done = BTreeSet::new();
        for (subject, _) in nodes.iter().filter(|n| !inner.contains(n.0)) {
            self.element(subject, &by_subject, &mut done, 1)?;
        }
        // What is left stands in a circle of parts, or deeper than nesting goes.
        for (subject, _) in nodes {
            self.element(subject, &by_subject, &mut done, 1)?;
        }
        Ok(())
    }

    fn element<'a>(
        &mut self,
        subject: &'a str,
        nodes: &BTreeMap<&'a str, &[Statement<'a>]>,
        done: &mut BTreeSet<&'a str>,
        depth: usize,
    ) -> Result<()> {
        let Some(group) = nodes.get(subject) else {
            return Ok(());
        };
        if !done.insert(subject) {
            return Ok(());
        }
        let classes = group
            .iter()
            .filter(|s| s.predicate == TYPE)
            .filter_map(|s| compact(s.target()?));
        let class = classes
            .clone()
            .find(|c| c.0 == "dcat")
            .or_else(|| classes.clone().next());
        let (prefix, name) = class.unwrap_or(("rdf", "Description"));
        self.indent(depth)?;
        self.put(&["<", prefix, ":", name])?;
        match subject.strip_prefix("_:") {
            Some(label) => self.put(&[" rdf:nodeID=\"", label])?,
            None => {
                self.out.write_all(b" rdf:about=\"")?;
                self.put_xml_iri(iri(subject).unwrap_or(subject))?;
            }
        }
        self.out.write_all(b"\">\n")?;
        for s in *group {
            let said = s.predicate == TYPE && s.target().and_then(compact) == class;
            if !said || class.is_none() {
                self.property(s, nodes, done, depth + 1)?;
            }
        }
        self.indent(depth)?;
        self.put(&["</", prefix, ":", name, ">\n"])
    }

    fn indent(&mut self, depth: usize) -> Result<()> {
        (0..depth).try_for_each(|_| self.out.write_all(b"  "))
    }

    fn property<'a>(
        &mut self,
        s: &Statement<'a>,
        nodes: &BTreeMap<&'a str, &[Statement<'a>]>,
        done: &mut BTreeSet<&'a str>,
        depth: usize,
    ) -> Result<()> {
        let predicate = iri(s.predicate).unwrap_or(s.predicate);
        let (prefix, local, namespace) = match compact(predicate) {
            Some((prefix, local)) => (prefix, local, None),
            None => match xml_name(predicate) {
                Some((namespace, local)) => ("x", local, Some(namespace)),
                // It cannot be said in this syntax; the import reported it.
                None => return Ok(()),
            },
        };
        self.indent(depth)?;
        self.put(&["<", prefix, ":", local])?;
        if let Some(namespace) = namespace {
            self.out.write_all(b" xmlns:x=\"")?;
            self.put_xml(namespace)?;
            self.out.write_all(b"\"")?;
        }
        if let Some(l) = literal(s.object) {
            match (l.language, l.datatype) {
                (Some(tag), _) => self.put(&[" xml:lang=\"", tag, "\""])?,
                (None, Some(datatype)) => {
                    self.out.write_all(b" rdf:datatype=\"")?;
                    self.put_xml(datatype)?;
                    self.out.write_all(b"\"")?;
                }
                (None, None) => {}
            }
            self.out.write_all(b">")?;
            let escaped = &self.value(s, &l);
            self.put_xml(&Literal { escaped, ..l }.value())?;
        } else if let Some(label) = s.object.strip_prefix("_:") {
            return self.put(&[" rdf:nodeID=\"", label, "\"/>\n"]);
        } else if depth < DEEPEST
            && holds_part(s)
            && nodes.contains_key(s.object)
            && !done.contains(s.object)
        {
            self.out.write_all(b">\n")?;
            self.element(s.object, nodes, done, depth + 1)?;
            self.indent(depth)?;
        } else {
            self.out.write_all(b" rdf:resource=\"")?;
            self.put_xml_iri(iri(s.object).unwrap_or(s.object))?;
            return self.out.write_all(b"\"/>\n");
        }
        self.put(&["</", prefix, ":", local, ">\n"])
    }
}

/// How deep elements stand in one another: a chain of parts that someone made long must not use up
/// the stack.
const DEEPEST: usize = 24;

/// Predicates that lead from a whole to a part that is described inside it, as terms.
const PARTS: [&str; 6] = [
    "<http://www.w3.org/ns/dcat#distribution>",
    "<http://www.w3.org/ns/dcat#qualifiedRelation>",
    "<http://www.w3.org/ns/dcat#contactPoint>",
    "<http://purl.org/dc/terms/spatial>",
    "<http://purl.org/dc/terms/temporal>",
    "<http://www.w3.org/ns/adms#identifier>",
];

fn holds_part(s: &Statement<'_>) -> bool {
    PARTS.contains(&s.predicate)
}

/// Whether XML takes the text as it is.
fn is_plain(text: &str) -> bool {
    // U+FFFE and U+FFFF, which XML cannot hold, begin with 0xEF.
    !text
        .bytes()
        .any(|b| b < b' ' || matches!(b, b'<' | b'>' | b'&' | b'"' | b'\'' | 0xef))
}

/// Text for XML 1.0: markup escaped, characters that it cannot hold (section 2.2) replaced.
pub fn xml(text: &str) -> String {
    let clean: Cow<'_, str> = if text.chars().all(is_xml) {
        Cow::Borrowed(text)
    } else {
        let shown = |c| {
            if is_xml(c) {
                c
            } else {
                char::REPLACEMENT_CHARACTER
            }
        };
        Cow::Owned(text.chars().map(shown).collect())
    };
    // A bare carriage return would be read back as a line feed (section 2.11).
    quick_xml::escape::escape(clean).replace('\r', "&#13;")
}

/// Whether XML 1.0 can hold the character (section 2.2).
pub fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Cuts an IRI into namespace and a local part that is an XML name, if it has one.
pub fn xml_name(iri: &str) -> Option<(&str, &str)> {
    let name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let tail = iri.rfind(|c| !name(c)).map_or(0, |at| {
        at + iri[at..].chars().next().map_or(1, char::len_utf8)
    });
    let start = tail + iri[tail..].find(|c: char| c.is_alphabetic() || c == '_')?;
    (start > 0).then(|| iri.split_at(start))
}
