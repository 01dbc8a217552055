//! Rules by which what entries offer is compared with a need: a table that people read and change. What a rule
//! looks at is found by `store::matching`; here is what it says, and what follows from what was found.
use super::need::Aspect;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use toml::Spanned;

/// The rules that come with the program.
pub const BUNDLED: &str = include_str!("../../data/rules.toml");

/// Longest table, in bytes, and most rules.
pub const LONGEST: usize = 128 << 10;
const MOST: usize = 100;

/// Most steps of a path.
const STEPS: usize = 6;

/// How an entry fits a need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Compatible,
    /// Compatible with limited adaptation.
    Adaptable,
    NotCompatible,
}

impl Verdict {
    pub const ALL: [Self; 3] = [Self::Compatible, Self::Adaptable, Self::NotCompatible];

    /// As addresses and JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compatible => "compatible",
            Self::Adaptable => "adaptable",
            Self::NotCompatible => "not-compatible",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.name() == name)
    }
}

/// What a rule makes of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gives {
    /// The entry has what is asked for.
    Fits,
    /// It can be made to have it.
    Adapts,
    /// It has it not.
    Lacks,
    /// It says the contrary.
    Conflicts,
    /// The wish is none of an entry of this kind.
    Passes,
}

impl Gives {
    const ALL: [Self; 5] = [
        Self::Fits,
        Self::Adapts,
        Self::Lacks,
        Self::Conflicts,
        Self::Passes,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Adapts => "adapts",
            Self::Lacks => "lacks",
            Self::Conflicts => "conflicts",
            Self::Passes => "passes",
        }
    }
}

/// Properties between entries that a path may follow, one way or the other.
pub const LINKS: [&str; 15] = [
    "ldt:implements",
    "ldt:profiles",
    "ldt:uses",
    "ldt:tests",
    "ldt:considers",
    "dct:requires",
    "dct:isPartOf",
    "dct:isReplacedBy",
    "dct:conformsTo",
    "prov:wasDerivedFrom",
    "skos:exactMatch",
    "skos:closeMatch",
    "skos:broadMatch",
    "skos:narrowMatch",
    "skos:relatedMatch",
];

/// What else entries say that a path of one step may ask for; the last two are written as what they come to.
pub const FACTS: [&str; 11] = [
    "ldt:mim",
    "ldt:layer",
    "ldt:domain",
    "ldt:origin",
    "ldt:source",
    "dct:type",
    "dct:publisher",
    "dct:spatial",
    "dct:accessRights",
    "dct:publisher/dct:type",
    "odrl:prohibition",
];

/// One step of a path: a place in [`LINKS`], whether it is walked against its direction, and the kind that
/// the entry has to be of to which it leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    pub property: usize,
    pub back: bool,
    pub kind: Option<String>,
}

/// What has to hold for a rule to speak.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// A way through [`LINKS`] leads from the entry to what is asked for; no step: it is what is asked for.
    Path(Vec<Pace>),
    /// One of [`FACTS`] has the value.
    Fact(&'static str),
    /// The entry says something of one of [`FACTS`] or [`LINKS`].
    Says(&'static str),
    /// It says nothing of it.
    Silent(&'static str),
    /// Its licence is known to allow what is asked for, or not to.
    Licence {
        grants: bool,
    },
    /// It has another thing that is asked for, and an entry of one of these kinds has both.
    Bridge(Vec<String>),
    /// It is of one of these kinds.
    Kinds(Vec<String>),
    /// It says what it cannot work without, and not all of that is there already.
    Requires,
    /// Of what is asked for, it has or can be made to have less than this share, in percent.
    Below(u64),
    Always,
}

/// A text in the languages that it was written in; English is always there.
pub type Texts = BTreeMap<String, String>;

/// A text in a language, else in English.
pub fn said<'t>(texts: &'t Texts, tag: &str) -> &'t str {
    let found = texts.get(tag).or_else(|| texts.get("en"));
    found.map_or("", String::as_str)
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    /// Empty where the rule is about the entry as a whole.
    pub aspects: Vec<Aspect>,
    pub when: When,
    /// The condition as it was written.
    pub written: String,
    pub gives: Gives,
    /// Why it gives that: `{asked}` stands for what is asked for, `{via}` for what lies between.
    pub because: Texts,
    /// What has to be had or done.
    pub missing: Option<Texts>,
}

/// Rules in the order in which they are tried: for each wish, the first that holds speaks.
#[derive(Clone, Debug)]
pub struct Rules(pub Vec<Rule>);

/// A mistake in a table of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// From 1.
    pub line: usize,
    pub why: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

/// What a table holds, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    rule: Vec<Spanned<Row>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: Spanned<String>,
    aspects: Spanned<Vec<String>>,
    gives: Spanned<String>,
    because: Spanned<Texts>,
    missing: Option<Spanned<Texts>>,
    is: Option<Spanned<bool>>,
    path: Option<Spanned<String>>,
    says: Option<Spanned<String>>,
    silent: Option<Spanned<String>>,
    licence: Option<Spanned<String>>,
    bridge: Option<Spanned<Vec<String>>>,
    kinds: Option<Spanned<Vec<String>>>,
    requires: Option<Spanned<bool>>,
    below: Option<Spanned<u64>>,
    otherwise: Option<Spanned<bool>>,
}

/// The names of the conditions, of which a rule has one.
const CONDITIONS: &str =
    "is, path, says, silent, licence, bridge, kinds, requires, below or otherwise";

/// The name under which `aspects` stands for the entry as a whole.
const WHOLE: &str = "entry";

/// Names in a text that is filled.
const GAPS: [&str; 2] = ["{asked}", "{via}"];

impl Rules {
    /// Reads a table.
    ///
    /// # Errors
    /// All mistakes, in the order of their lines.
    pub fn read(text: &str) -> Result<Self, Vec<Wrong>> {
        let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        if text.len() > LONGEST {
            let why = format!(
                "the rules have {} bytes; {LONGEST} are the most",
                text.len()
            );
            return Err(vec![Wrong { line: 1, why }]);
        }
        let table: Table = toml::from_str(text).map_err(|e| {
            let at = e.span().map_or(0, |span| span.start);
            let why = e.message().replace('\n', " ");
            vec![Wrong {
                line: line(at),
                why,
            }]
        })?;
        let (mut rules, mut wrong) = (Vec::new(), Vec::new());
        let mut ids = BTreeSet::new();
        for row in table.rule {
            let start = row.span().start;
            let mut reading = Reading {
                line: &line,
                wrong: &mut wrong,
            };
            let rule = reading.rule(row.into_inner(), start);
            if let Some(rule) = &rule
                && !ids.insert(rule.id.clone())
            {
                reading.say(start, format!("two rules have the id {:?}", rule.id));
            }
            rules.extend(rule);
        }
        let last = line(text.len());
        if rules.len() > MOST {
            let why = format!("there are {} rules; {MOST} are the most", rules.len());
            wrong.push(Wrong { line: last, why });
        }
        if wrong.is_empty() {
            let end = |rules: &[Rule], about: &dyn Fn(&Rule) -> bool| {
                rules.iter().any(|r| about(r) && r.when == When::Always)
            };
            for aspect in Aspect::ALL {
                if !end(&rules, &|r| r.aspects.contains(&aspect)) {
                    let why = format!(
                        "no rule with otherwise = true is about {}: an entry might be left without an answer",
                        aspect.name()
                    );
                    wrong.push(Wrong { line: last, why });
                }
            }
        }
        match wrong.is_empty() {
            true => Ok(Self(rules)),
            false => {
                wrong.sort_by_key(|w| w.line);
                Err(wrong)
            }
        }
    }

    /// The rules about an aspect, in their order, each with its place.
    pub fn about(&self, aspect: Aspect) -> impl Iterator<Item = (usize, &Rule)> {
        let all = self.0.iter().enumerate();
        all.filter(move |(_, r)| r.aspects.contains(&aspect))
    }

    /// The rules about the entry as a whole.
    pub fn about_entries(&self) -> impl Iterator<Item = (usize, &Rule)> {
        let all = self.0.iter().enumerate();
        all.filter(|(_, r)| r.aspects.is_empty())
    }
}

struct Reading<'r> {
    line: &'r dyn Fn(usize) -> usize,
    wrong: &'r mut Vec<Wrong>,
}

impl Reading<'_> {
    fn say(&mut self, at: usize, why: impl Into<String>) {
        self.wrong.push(Wrong {
            line: (self.line)(at),
            why: why.into(),
        });
    }

    fn rule(&mut self, row: Row, start: usize) -> Option<Rule> {
        let before = self.wrong.len();
        let id = row.id.get_ref().clone();
        if super::slug(&id) != id {
            let why = format!("id is {id:?}; lower case letters, digits and hyphens are wanted");
            self.say(row.id.span().start, why);
        }
        let whole = row.aspects.get_ref().iter().any(|a| a == WHOLE);
        let mut aspects = Vec::new();
        for name in row.aspects.get_ref() {
            match Aspect::named(name) {
                Some(aspect) => aspects.push(aspect),
                None if name == WHOLE && row.aspects.get_ref().len() == 1 => {}
                None => {
                    let names = Aspect::ALL.map(Aspect::name).join(", ");
                    let why = format!(
                        "{name:?} is no aspect; {names} are, or {WHOLE:?} alone for the entry as a whole"
                    );
                    self.say(row.aspects.span().start, why);
                }
            }
        }
        if row.aspects.get_ref().is_empty() {
            self.say(row.aspects.span().start, "aspects is empty");
        }
        let given = row.gives.get_ref();
        let gives = Gives::ALL.into_iter().find(|g| g.name() == given);
        if gives.is_none() {
            let names = Gives::ALL.map(Gives::name).join(", ");
            let why = format!("gives is {given:?}; one of {names} is wanted");
            self.say(row.gives.span().start, why);
        }
        self.texts("because", &row.because);
        if let Some(missing) = &row.missing {
            self.texts("missing", missing);
        }
        let (because, missing) = (
            row.because.get_ref().clone(),
            row.missing.as_ref().map(|m| m.get_ref().clone()),
        );
        let when = self.when(row, start, whole);
        (self.wrong.len() == before).then_some(())?;
        let (when, written) = when?;
        Some(Rule {
            id,
            aspects,
            when,
            written,
            gives: gives?,
            because,
            missing,
        })
    }

    fn texts(&mut self, name: &str, texts: &Spanned<Texts>) {
        let at = texts.span().start;
        if !texts.get_ref().contains_key("en") {
            self.say(at, format!("{name} lacks its text in English: {name}.en"));
        }
        for (tag, text) in texts.get_ref() {
            if !["en", "fr", "de", "it", "es"].contains(&tag.as_str()) {
                self.say(at, format!("{name}.{tag}: pages have no language {tag:?}"));
            }
            if text.trim().is_empty() || text.len() > 500 {
                let found = text.len();
                self.say(
                    at,
                    format!("{name}.{tag} has {found} bytes; 1 to 500 are wanted"),
                );
            }
            let rest = GAPS.iter().fold(text.clone(), |t, gap| t.replace(gap, ""));
            if rest.contains(['{', '}']) {
                let gaps = GAPS.join(" and ");
                self.say(
                    at,
                    format!("{name}.{tag} has braces; {gaps} alone are filled"),
                );
            }
        }
    }

    /// The one condition of a rule, and how it is written.
    fn when(&mut self, row: Row, start: usize, whole: bool) -> Option<(When, String)> {
        let before = self.wrong.len();
        let mut all: Vec<(usize, bool, When, String)> = Vec::new();
        for (name, value, of_whole) in [
            ("is", &row.is, false),
            ("requires", &row.requires, true),
            ("otherwise", &row.otherwise, false),
        ] {
            let Some(value) = value else { continue };
            let at = value.span().start;
            if !value.get_ref() {
                self.say(at, format!("{name} is false; leave it out"));
            }
            let when = match name {
                "is" => When::Path(Vec::new()),
                "requires" => When::Requires,
                _ => When::Always,
            };
            all.push((at, of_whole, when, name.to_owned()));
        }
        if let Some(path) = &row.path {
            let (at, text) = (path.span().start, path.get_ref());
            if let Some(when) = self.path(at, text) {
                all.push((at, false, when, format!("path {text}")));
            }
        }
        for (name, property) in [("says", &row.says), ("silent", &row.silent)] {
            let Some(property) = property else { continue };
            let (at, text) = (property.span().start, property.get_ref());
            let known = FACTS.into_iter().chain(LINKS).find(|p| p == text);
            let known = known.or_else(|| (text == "ldt:licence").then_some("ldt:licence"));
            match known {
                Some(p) if name == "says" => {
                    all.push((at, whole, When::Says(p), format!("says {p}")))
                }
                Some(p) => all.push((at, whole, When::Silent(p), format!("silent {p}"))),
                None => {
                    let names = [&FACTS[..], &LINKS[..], &["ldt:licence"]]
                        .concat()
                        .join(", ");
                    self.say(at, format!("{name} is {text:?}; one of {names} is wanted"));
                }
            }
        }
        if let Some(licence) = &row.licence {
            let (at, text) = (licence.span().start, licence.get_ref());
            match text.as_str() {
                "grants" | "refuses" => {
                    let grants = text == "grants";
                    all.push((
                        at,
                        false,
                        When::Licence { grants },
                        format!("licence {text}"),
                    ));
                }
                _ => self.say(
                    at,
                    format!("licence is {text:?}; grants or refuses is wanted"),
                ),
            }
        }
        for (name, kinds) in [("bridge", &row.bridge), ("kinds", &row.kinds)] {
            let Some(kinds) = kinds else { continue };
            let (at, names) = (kinds.span().start, kinds.get_ref().clone());
            for kind in &names {
                self.kind(at, name, kind);
            }
            let written = format!("{name} {}", names.join(", "));
            let when = match name {
                "bridge" => When::Bridge(names),
                _ => When::Kinds(names),
            };
            all.push((at, false, when, written));
        }
        if let Some(below) = &row.below {
            let (at, percent) = (below.span().start, *below.get_ref());
            if !(1..=100).contains(&percent) {
                self.say(
                    at,
                    format!("below is {percent}; 1 to 100 percent are wanted"),
                );
            }
            all.push((at, true, When::Below(percent), format!("below {percent} %")));
        }
        if self.wrong.len() > before {
            return None;
        }
        let count = all.len();
        let [(at, of_whole, when, written)] = <[_; 1]>::try_from(all).ok().or_else(|| {
            self.say(
                start,
                format!(
                    "a rule has one condition and this one {count}; one of {CONDITIONS} is wanted"
                ),
            );
            None
        })?;
        if of_whole != whole {
            let wanted = if of_whole {
                format!("it is about the entry as a whole: aspects = [\"{WHOLE}\"]")
            } else {
                "it is about a wish, and not about the entry as a whole".into()
            };
            self.say(at, format!("{written}: {wanted}"));
            return None;
        }
        Some((when, written))
    }

    fn kind(&mut self, at: usize, name: &str, kind: &str) {
        let concept = format!("{}kind-{kind}", super::vocab::LDT);
        if super::vocab::label(&concept).is_none() {
            let why = format!("{name}: {kind:?} is no kind, such as tool or data-model");
            self.say(at, why);
        }
    }

    fn path(&mut self, at: usize, text: &str) -> Option<When> {
        if let Some(fact) = FACTS.into_iter().find(|f| *f == text) {
            return Some(When::Fact(fact));
        }
        let mut steps = Vec::new();
        for step in text.split('/') {
            let (step, kind) = match step.strip_suffix(']').and_then(|s| s.split_once('[')) {
                Some((step, kind)) => (step, Some(kind.to_owned())),
                None => (step, None),
            };
            if let Some(kind) = &kind {
                self.kind(at, "path", kind);
            }
            let (back, name) = match step.strip_prefix('^') {
                Some(name) => (true, name),
                None => (false, step),
            };
            let Some(property) = LINKS.iter().position(|l| *l == name) else {
                let why = format!(
                    "path: {step:?} is no step; {} are, and ^ before one walks it backwards; alone stand {}",
                    LINKS.join(", "),
                    FACTS.join(", ")
                );
                self.say(at, why);
                return None;
            };
            steps.push(Pace {
                property,
                back,
                kind,
            });
        }
        if steps.len() > STEPS {
            self.say(
                at,
                format!("path has {} steps; {STEPS} are the most", steps.len()),
            );
            return None;
        }
        Some(When::Path(steps))
    }
}

/// Fills the gaps of a text.
pub fn filled(text: &str, asked: &str, via: &str) -> String {
    text.replace(GAPS[0], asked).replace(GAPS[1], via)
}
