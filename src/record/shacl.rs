//! Validation against our SHACL shapes: which rules a graph breaks, in words for people, and the
//! same as a SHACL validation report. No IO; the engine is the `shacl` crate and stays in here.
//!
//! Shapes look values up (a concept's scheme, a licence's class), so each run sees the data and
//! the concepts that it names out of the bundled vocabularies; results are kept for the data's
//! own subjects only. Without that context every use of a code list would be reported.
use super::vocab::{LDT_TTL, PREFIXES, ldt};
use crate::error::{Error, Kind, Result};
use oxigraph::io::{RdfFormat, RdfParser};
use oxigraph::model::vocab::{rdf, xsd};
use oxigraph::model::{Literal, NamedNode, NamedOrBlankNode, Term, Triple};
use rudof_rdf::rdf_core::{RDFFormat as Syntax, SHACLPath};
use rudof_rdf::rdf_impl::{OxigraphInMemory, ReaderMode};
use serde::Serialize;
use serde_json::{Value, json};
use shacl::ir::IRSchema;
use shacl::types::Severity as Level;
use shacl::validator::processor::{GraphValidation, ShaclProcessor};
use shacl::validator::store::Graph;
use shacl::validator::{ShaclConfig, ShaclValidationMode};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock};

const SH: &str = "http://www.w3.org/ns/shacl#";

/// Records validated together. Each run indexes its graph once, and results that repeat across
/// records are looked up in one cache.
const BATCH: usize = 100;

/// A set of rules that can be asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// DCAT-AP 3.0.1: mandatory properties, cardinalities, node kinds.
    Base,
    /// DCAT-AP 3.0.1: the classes of values.
    Range,
    /// DCAT-AP 3.0.1: recommended properties, as warnings.
    Recommended,
    /// DCAT-AP 3.0.1: controlled vocabularies.
    CodeLists,
    /// The annex for high-value datasets, for entries that say they are one.
    Hvd,
    /// What this library asks of its own entries.
    Ldt,
}

/// The names that [`Profile::named`] knows besides those of single profiles.
const SETS: [(&str, &[Profile]); 2] = [
    (
        "dcat-ap",
        &[
            Profile::Base,
            Profile::Range,
            Profile::Recommended,
            Profile::CodeLists,
        ],
    ),
    ("all", &Profile::ALL),
];

impl Profile {
    pub const ALL: [Self; 6] = [
        Self::Base,
        Self::Range,
        Self::Recommended,
        Self::CodeLists,
        Self::Hvd,
        Self::Ldt,
    ];

    /// What the write door asks of every record; [`Profile::Ldt`] comes on top for our own.
    pub const DOOR: [Self; 2] = [Self::Base, Self::Range];

    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Range => "range",
            Self::Recommended => "recommended",
            Self::CodeLists => "codelists",
            Self::Hvd => "hvd",
            Self::Ldt => "ldt",
        }
    }

    fn turtle(self) -> &'static str {
        match self {
            Self::Base => include_str!("../../shapes/dcat-ap.ttl"),
            Self::Range => include_str!("../../shapes/dcat-ap-range.ttl"),
            Self::Recommended => include_str!("../../shapes/dcat-ap-recommended.ttl"),
            Self::CodeLists => include_str!("../../shapes/dcat-ap-codelists.ttl"),
            Self::Hvd => include_str!("../../shapes/dcat-ap-hvd.ttl"),
            Self::Ldt => include_str!("../../shapes/ldt.ttl"),
        }
    }

    /// Its shapes as canonical statements.
    pub fn statements(self) -> String {
        super::vocab::bundled(self.turtle())
    }

    /// All names that can be asked for, sets first.
    pub fn names() -> Vec<&'static str> {
        let sets = SETS.iter().map(|s| s.0);
        sets.chain(Self::ALL.map(Self::name)).collect()
    }

    /// The profiles meant by a name, or by several with commas between them; nothing at all is
    /// `dcat-ap`.
    ///
    /// # Errors
    /// A name that is not known; the message lists those that are.
    pub fn named(names: &str) -> Result<Vec<Self>> {
        let names = if names.trim().is_empty() {
            SETS[0].0
        } else {
            names
        };
        let mut out = BTreeSet::new();
        for name in names.split(',').map(str::trim) {
            if let Some((_, set)) = SETS.iter().find(|s| s.0 == name) {
                out.extend(set.iter().copied());
            } else if let Some(one) = Self::ALL.into_iter().find(|p| p.name() == name) {
                out.insert(one);
            } else {
                return Err(Error::bad_input(format!(
                    "no profile is called {name:?}; known are {}",
                    Self::names().join(", ")
                )));
            }
        }
        Ok(out.into_iter().collect())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Violation,
    Warning,
    Info,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Violation => "violation",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }

    fn iri(self) -> NamedNode {
        sh(match self {
            Self::Violation => "Violation",
            Self::Warning => "Warning",
            Self::Info => "Info",
        })
    }
}

/// One rule that one node breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub focus: NamedOrBlankNode,
    pub path: Option<SHACLPath>,
    /// The value that breaks the rule; none where one is missing or there are too many.
    pub value: Option<Term>,
    pub message: String,
    pub shape: String,
    /// The constraint component's IRI, such as `sh:MinCountConstraintComponent`.
    pub constraint: String,
    /// `None` for shapes that are not ours.
    pub profile: Option<Profile>,
    /// Line in the input, 1-based, where it is known for sure.
    pub line: Option<u64>,
}

impl Finding {
    /// The single property that the rule is about, if it is one.
    pub fn property(&self) -> Option<&str> {
        match &self.path {
            Some(SHACLPath::Predicate { pred }) => Some(pred.as_str()),
            _ => None,
        }
    }

    /// The path as SPARQL writes it, with full IRIs; a single property is its bare IRI.
    pub fn path_iri(&self) -> Option<String> {
        self.path.as_ref().map(|p| match p {
            SHACLPath::Predicate { pred } => pred.as_str().to_owned(),
            other => path_text(other, &|iri| format!("<{iri}>")),
        })
    }

    /// The path in prefixed names, for people.
    pub fn path_short(&self) -> String {
        self.path
            .as_ref()
            .map(|p| path_text(p, &short))
            .unwrap_or_default()
    }

    /// The value for people: text as it is, a resource in its prefixed name.
    pub fn value_short(&self) -> String {
        self.value.as_ref().map(term_short).unwrap_or_default()
    }

    pub fn focus_text(&self) -> String {
        match &self.focus {
            NamedOrBlankNode::NamedNode(n) => n.as_str().to_owned(),
            NamedOrBlankNode::BlankNode(b) => b.to_string(),
        }
    }

    /// What tells two findings apart, in the order of a report.
    fn rank(&self) -> impl Ord + use<> {
        (
            self.severity,
            self.line,
            self.focus.to_string(),
            self.path_short(),
            self.value.as_ref().map(ToString::to_string),
            self.shape.clone(),
            self.constraint.clone(),
        )
    }
}

fn term_short(term: &Term) -> String {
    match term {
        Term::NamedNode(n) => short(n.as_str()),
        Term::Literal(l) => l.value().to_owned(),
        other => other.to_string(),
    }
}

/// `dct:title` where we have a prefix for it, else the IRI.
fn short(iri: &str) -> String {
    PREFIXES
        .iter()
        .find_map(|(p, ns)| {
            let local = iri.strip_prefix(ns)?;
            (!local.is_empty() && !local.contains(['/', '#'])).then(|| format!("{p}:{local}"))
        })
        .unwrap_or_else(|| iri.to_owned())
}

fn path_text(path: &SHACLPath, name: &dyn Fn(&str) -> String) -> String {
    let join = |paths: &[SHACLPath], with: &str| {
        let parts: Vec<String> = paths.iter().map(|p| path_text(p, name)).collect();
        format!("({})", parts.join(with))
    };
    match path {
        SHACLPath::Predicate { pred } => name(pred.as_str()),
        SHACLPath::Alternative { paths } => join(paths, "|"),
        SHACLPath::Sequence { paths } => join(paths, "/"),
        SHACLPath::Inverse { path } => format!("^{}", path_text(path, name)),
        SHACLPath::ZeroOrMore { path } => format!("{}*", path_text(path, name)),
        SHACLPath::OneOrMore { path } => format!("{}+", path_text(path, name)),
        SHACLPath::ZeroOrOne { path } => format!("{}?", path_text(path, name)),
    }
}

/// What a validation found, violations first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub results: Vec<Finding>,
}

impl Report {
    fn new(mut results: Vec<Finding>) -> Self {
        results.sort_by_cached_key(Finding::rank);
        results.dedup();
        Self { results }
    }

    /// One finding for each rule and value: a rule that is broken in two ways is said once.
    fn for_people(mut self) -> Self {
        self.results.dedup_by(|b, a| {
            (&a.focus, &a.path, &a.value, &a.shape) == (&b.focus, &b.path, &b.value, &b.shape)
        });
        self
    }

    /// Warnings do not stand in the way.
    pub fn conforms(&self) -> bool {
        self.count(Severity::Violation) == 0
    }

    pub fn count(&self, severity: Severity) -> usize {
        self.results
            .iter()
            .filter(|f| f.severity == severity)
            .count()
    }

    /// Sets each finding's line by `line` and puts the findings in the order of the input.
    pub fn locate(&mut self, line: impl Fn(&Finding) -> Option<u64>) {
        for finding in &mut self.results {
            finding.line = line(finding);
        }
        self.results.sort_by_cached_key(Finding::rank);
    }

    pub fn json(&self) -> Value {
        let results: Vec<Value> = self
            .results
            .iter()
            .map(|f| {
                json!({
                    "severity": f.severity,
                    "focusNode": f.focus_text(),
                    "path": f.path_iri(),
                    "value": f.value.as_ref().map(|v| match v {
                        Term::NamedNode(n) => n.as_str().to_owned(),
                        Term::Literal(l) => l.value().to_owned(),
                        other => other.to_string(),
                    }),
                    "message": f.message,
                    "shape": f.shape,
                    "profile": f.profile,
                    "line": f.line,
                })
            })
            .collect();
        json!({
            "conforms": self.conforms(),
            "violations": self.count(Severity::Violation),
            "warnings": self.count(Severity::Warning),
            "infos": self.count(Severity::Info),
            "results": results,
        })
    }

    /// The report as SHACL (section 3.6) writes it. Nodes without a name of their own get IRIs
    /// below `base` (RDF 1.1 section 3.5), numbered in report order: the same report is the same
    /// graph.
    pub fn triples(&self, base: &str) -> Vec<Triple> {
        let node = |name: &str| NamedNode::new_unchecked(format!("{base}.well-known/genid/{name}"));
        let report = node("report");
        let mut out = Vec::new();
        let mut say = |s: &NamedNode, p: NamedNode, o: Term| {
            out.push(Triple::new(s.clone(), p, o));
        };
        let named = |term: &Term| match term {
            Term::BlankNode(b) => node(b.as_str()).into(),
            other => other.clone(),
        };
        say(&report, rdf::TYPE.into(), sh("ValidationReport").into());
        // SHACL's sh:conforms is false for any result, warnings too; people read `conforms` of
        // the other forms, machines that know SHACL read this.
        let conforms = Literal::from(self.results.is_empty());
        say(&report, sh("conforms"), conforms.into());
        for (n, f) in self.results.iter().enumerate() {
            let result = node(&format!("result-{:04}", n + 1));
            say(&report, sh("result"), result.clone().into());
            say(&result, rdf::TYPE.into(), sh("ValidationResult").into());
            say(&result, sh("resultSeverity"), f.severity.iri().into());
            say(&result, sh("focusNode"), named(&f.focus.clone().into()));
            let message = Literal::new_language_tagged_literal_unchecked(&f.message, "en");
            say(&result, sh("resultMessage"), message.into());
            say(
                &result,
                sh("sourceConstraintComponent"),
                NamedNode::new_unchecked(&f.constraint).into(),
            );
            say(
                &result,
                sh("sourceShape"),
                NamedNode::new_unchecked(&f.shape).into(),
            );
            if let Some(value) = &f.value {
                say(&result, sh("value"), named(value));
            }
            if let Some(line) = f.line {
                let line = Literal::new_typed_literal(line.to_string(), xsd::INTEGER);
                say(&result, ldt("line"), line.into());
            }
            if let Some(path) = &f.path {
                let prefix = format!("{base}.well-known/genid/path-{:04}", n + 1);
                let top = path_triples(path, &prefix, &mut say);
                say(&result, sh("resultPath"), top.into());
            }
        }
        out
    }

    /// Lines for a terminal, one finding each, and a sum.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for f in &self.results {
            let line = f.line.map_or_else(|| "-".to_owned(), |l| l.to_string());
            let value = match f.value_short() {
                v if v.is_empty() => v,
                v => format!(" = {v}"),
            };
            out.push_str(&format!(
                "{line:>6}  {:<9}  {}  {}{value}\n{:>19}{} [{}]\n",
                f.severity.name(),
                f.focus_text(),
                f.path_short(),
                "",
                f.message,
                f.profile.map_or("", Profile::name),
            ));
        }
        out.push_str(&format!(
            "{}: {} violations, {} warnings, {} infos\n",
            if self.conforms() {
                "conforms"
            } else {
                "does not conform"
            },
            self.count(Severity::Violation),
            self.count(Severity::Warning),
            self.count(Severity::Info),
        ));
        out
    }
}

/// Writes a path's structure and gives its top node.
fn path_triples(
    path: &SHACLPath,
    name: &str,
    say: &mut dyn FnMut(&NamedNode, NamedNode, Term),
) -> NamedNode {
    let node = NamedNode::new_unchecked(name);
    let list = |paths: &[SHACLPath], say: &mut dyn FnMut(&NamedNode, NamedNode, Term)| {
        let mut rest = NamedNode::from(rdf::NIL);
        for (n, path) in paths.iter().enumerate().rev() {
            let cell = NamedNode::new_unchecked(format!("{name}-{n}"));
            let first = path_triples(path, &format!("{name}-{n}-path"), say);
            say(&cell, rdf::FIRST.into(), first.into());
            say(&cell, rdf::REST.into(), rest.into());
            rest = cell;
        }
        rest
    };
    let (kind, inner) = match path {
        SHACLPath::Predicate { pred } => return NamedNode::new_unchecked(pred.as_str()),
        SHACLPath::Sequence { paths } => return list(paths, say),
        SHACLPath::Alternative { paths } => ("alternativePath", list(paths, say)),
        SHACLPath::Inverse { path } => (
            "inversePath",
            path_triples(path, &format!("{name}-path"), say),
        ),
        SHACLPath::ZeroOrMore { path } => (
            "zeroOrMorePath",
            path_triples(path, &format!("{name}-path"), say),
        ),
        SHACLPath::OneOrMore { path } => (
            "oneOrMorePath",
            path_triples(path, &format!("{name}-path"), say),
        ),
        SHACLPath::ZeroOrOne { path } => (
            "zeroOrOnePath",
            path_triples(path, &format!("{name}-path"), say),
        ),
    };
    say(&node, sh(kind), inner.into());
    node
}

fn sh(local: &str) -> NamedNode {
    NamedNode::new_unchecked(format!("{SH}{local}"))
}

/// Shapes made ready to run.
pub struct Shapes {
    schema: IRSchema,
    /// What each shape says to people; the engine leaves some of it out of its results.
    messages: HashMap<String, String>,
    profiles: HashMap<String, Profile>,
}

impl Shapes {
    /// # Errors
    /// The text is no Turtle, or no shapes graph.
    pub fn read(turtle: &str) -> Result<Self> {
        let schema = IRSchema::from_str(turtle, &Syntax::Turtle, None, &ReaderMode::Strict)
            .map_err(|e| Error::internal(format!("shapes: {e}")))?;
        let message = sh("message");
        let messages = turtle_triples(turtle)?
            .into_iter()
            .filter(|t| t.predicate == message)
            .filter_map(|t| match (t.subject, t.object) {
                (NamedOrBlankNode::NamedNode(s), Term::Literal(l))
                    if l.language().is_none_or(|x| x.starts_with("en")) =>
                {
                    Some((s.into_string(), l.value().to_owned()))
                }
                _ => None,
            })
            .collect();
        Ok(Self {
            schema,
            messages,
            profiles: HashMap::new(),
        })
    }

    /// Our own shapes of these profiles; each combination is made ready once.
    ///
    /// # Errors
    /// The bundled shapes are broken, which the tests would have shown.
    pub fn of(profiles: &[Profile]) -> Result<Arc<Self>> {
        static READY: OnceLock<Mutex<BTreeMap<Vec<Profile>, Arc<Shapes>>>> = OnceLock::new();
        let mut key = profiles.to_vec();
        key.sort_unstable();
        key.dedup();
        let mut ready = READY
            .get_or_init(Mutex::default)
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(shapes) = ready.get(&key) {
            return Ok(shapes.clone());
        }
        let text: String = key.iter().map(|p| p.turtle()).collect();
        let mut shapes = Self::read(&text)?;
        for profile in &key {
            for t in turtle_triples(profile.turtle())? {
                if let NamedOrBlankNode::NamedNode(s) = t.subject {
                    shapes.profiles.insert(s.into_string(), *profile);
                }
            }
        }
        let shapes = Arc::new(shapes);
        ready.insert(key, shapes.clone());
        Ok(shapes)
    }

    /// Validates `graph` seen together with `context`; results about the context are left out.
    /// The engine holds whatever it does in memory, so input from strangers needs a `limit`: on
    /// the classes of nodes, and on the results that a single shape may give.
    ///
    /// # Errors
    /// [`Kind::TooLarge`] past the limit.
    pub fn run<'a>(
        &self,
        graph: &'a [Triple],
        context: impl Iterator<Item = &'a Triple>,
        limit: Option<usize>,
    ) -> Result<Report> {
        let subjects: HashSet<&NamedOrBlankNode> = graph.iter().map(|t| &t.subject).collect();
        // A node is checked once for each of its classes.
        let nodes = graph.iter().filter(|t| t.predicate == rdf::TYPE).count();
        if let Some(limit) = limit.filter(|l| nodes > *l) {
            return Err(Error::new(
                Kind::TooLarge,
                format!(
                    "{nodes} classes of nodes are stated, at most {limit} are validated at once; send a part of the input"
                ),
            ));
        }
        let mut data = OxigraphInMemory::new();
        for t in graph.iter().chain(context) {
            data.add_triple_ref(&t.subject, &t.predicate, &t.object)
                .map_err(Error::internal)?;
        }
        let config = ShaclConfig::default().with_max_results(limit);
        let report = GraphValidation::new(Graph::from(data))
            .validate(&self.schema, &ShaclValidationMode::Native, &config)
            .map_err(|e| match limit {
                Some(limit) if e.to_string().contains("max_results") => Error::new(
                    Kind::TooLarge,
                    format!(
                        "one rule alone is broken more than {limit} times; send a part of the input"
                    ),
                ),
                _ => Error::internal(format!("validation: {e}")),
            })?;
        let mut results = Vec::new();
        for r in report.results() {
            let focus = match Term::from(r.focus_node().clone()) {
                Term::NamedNode(n) => NamedOrBlankNode::from(n),
                Term::BlankNode(b) => b.into(),
                _ => continue,
            };
            if !subjects.contains(&focus) {
                continue;
            }
            let name = |o: &rudof_rdf::rdf_core::term::Object| match Term::from(o.clone()) {
                Term::NamedNode(n) => n.into_string(),
                other => other.to_string(),
            };
            let shape = r.source().map(name).unwrap_or_default();
            let said = || {
                let said = r.message().iter().map(|(_, text)| text.as_str());
                said.min().unwrap_or("The rule is broken.").to_owned()
            };
            results.push(Finding {
                severity: match r.severity() {
                    Level::Violation | Level::Generic(_) => Severity::Violation,
                    Level::Warning => Severity::Warning,
                    Level::Info | Level::Debug | Level::Trace => Severity::Info,
                },
                focus,
                path: r.path().cloned(),
                value: r.value().cloned().map(Term::from),
                message: self.messages.get(&shape).cloned().unwrap_or_else(said),
                profile: self.profiles.get(&shape).copied(),
                constraint: name(r.constraint_component()),
                shape,
                line: None,
            });
        }
        Ok(Report::new(results))
    }
}

fn turtle_triples(text: &str) -> Result<Vec<Triple>> {
    RdfParser::from_format(RdfFormat::Turtle)
        .for_slice(text)
        .map(|q| q.map(Triple::from).map_err(Error::internal))
        .collect()
}

/// The bundled vocabularies, by subject.
fn vocabularies() -> &'static HashMap<NamedOrBlankNode, Vec<Triple>> {
    static BY_SUBJECT: OnceLock<HashMap<NamedOrBlankNode, Vec<Triple>>> = OnceLock::new();
    BY_SUBJECT.get_or_init(|| {
        let mut out: HashMap<_, Vec<_>> = HashMap::new();
        for text in [include_str!("../../data/vocabulary/eu.ttl"), LDT_TTL] {
            for t in turtle_triples(text).expect("the bundled vocabularies are Turtle") {
                out.entry(t.subject.clone()).or_default().push(t);
            }
        }
        out
    })
}

/// What the vocabularies say of the concepts that `graph` names, and of what those name.
fn background(graph: &[Triple]) -> Vec<&'static Triple> {
    let known = vocabularies();
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    let mut open: Vec<NamedOrBlankNode> = Vec::new();
    let mut meet = |object: &Term, open: &mut Vec<NamedOrBlankNode>| {
        if let Term::NamedNode(n) = object {
            let n = NamedOrBlankNode::from(n.clone());
            if known.contains_key(&n) && seen.insert(n.clone()) {
                open.push(n);
            }
        }
    };
    for t in graph {
        meet(&t.object, &mut open);
    }
    while let Some(node) = open.pop() {
        for t in &known[&node] {
            out.push(t);
            meet(&t.object, &mut open);
        }
    }
    out
}

/// Validates a graph against the profiles given; see [`Shapes::run`] for `limit`.
///
/// # Errors
/// See [`Shapes::run`].
pub fn validate(graph: &[Triple], profiles: &[Profile], limit: Option<usize>) -> Result<Report> {
    let found = Shapes::of(profiles)?.run(graph, background(graph).into_iter(), limit)?;
    Ok(found.for_people())
}

/// A record that wants to be published.
pub struct Candidate<'a> {
    /// The record's statements as they would be published, derived ones included.
    pub graph: &'a [Triple],
    /// One of this library's own entries, which [`Profile::Ldt`] is for.
    pub own: bool,
}

/// Checks records at the write door: base and range, and the library's own profile for our own.
/// `context` is what is known of other entries that they point at (their classes suffice).
/// Reports come in the order of the candidates; a node that several records describe is reported
/// to each of them.
///
/// # Errors
/// See [`Shapes::run`].
pub fn door(candidates: &[Candidate<'_>], context: &[Triple]) -> Result<Vec<Report>> {
    let mut out = Vec::with_capacity(candidates.len());
    for batch in candidates.chunks(BATCH) {
        let mut profiles = Profile::DOOR.to_vec();
        if batch.iter().any(|c| c.own) {
            profiles.push(Profile::Ldt);
        }
        let merged: Vec<Triple> = batch.iter().flat_map(|c| c.graph).cloned().collect();
        let found = Shapes::of(&profiles)?.run(
            &merged,
            background(&merged).into_iter().chain(context.iter()),
            None,
        )?;
        let mut of: HashMap<&NamedOrBlankNode, Vec<&Finding>> = HashMap::new();
        for f in &found.results {
            of.entry(&f.focus).or_default().push(f);
        }
        for c in batch {
            let subjects: HashSet<&NamedOrBlankNode> = c.graph.iter().map(|t| &t.subject).collect();
            let results = subjects
                .iter()
                .filter_map(|s| of.get(*s))
                .flatten()
                .filter(|f| c.own || f.profile != Some(Profile::Ldt))
                .map(|f| (*f).clone())
                .collect();
            out.push(Report::new(results).for_people());
        }
    }
    Ok(out)
}
