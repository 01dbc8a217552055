//! What is asked for, as a tree that is parsed once: it matches an entity in memory, and the index plans a
//! search over all by it. The query language (ETSI GS CIM 009, clause 4.9), geo queries (4.10), selection
//! of types (4.17) and scopes (4.19).
use super::context::Context;
use super::geometry::{self, Relation};
use super::{Content, Entity, KINDS, Kind, Scalar, micros};
use geo::Geometry;
use regex::{Regex, RegexBuilder};
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::sync::Arc;

/// Longest expression, in bytes, and how many comparisons and brackets it may hold.
const LENGTH: usize = 8_192;
const TESTS: usize = 200;
const DEPTH: usize = 20;

/// All conditions of a request; those that are not given let everything through.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Any of these; none are asked for where it is empty.
    pub ids: Vec<String>,
    pub kinds: Option<Vec<Kind>>,
    pub pattern: Option<Regex>,
    /// At least one of these attributes; an unknown one is none.
    pub any: Option<Vec<&'static str>>,
    pub filter: Option<Filter>,
    pub place: Option<Place>,
    /// A scope is asked for, and no entity of ours has one.
    pub scoped: bool,
}

#[derive(Clone, Debug)]
pub enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Has(Path),
    Lacks(Path),
    Compare(Path, Comparison),
}

/// Which value is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    pub source: Source,
    /// The language of a text.
    pub language: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Attribute(&'static str),
    Created,
    Modified,
    /// Nothing that an entity of ours has.
    Nothing,
}

#[derive(Clone, Debug)]
pub enum Comparison {
    /// One of these.
    Equal(Vec<Operand>),
    Unequal(Vec<Operand>),
    Less(Key),
    AtMost(Key),
    Greater(Key),
    AtLeast(Key),
    Matches(Regex),
    Differs(Regex),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    One(Key),
    /// From, to, both included.
    Range(Key, Key),
}

/// A value as it is compared: values of different sorts are never equal and in no order.
#[derive(Clone, Debug)]
pub enum Key {
    Number(f64),
    /// Microseconds since the epoch.
    Time(i64),
    Text(Arc<str>),
    /// The IRI of what is pointed at, own ones below the base of the ledger.
    Target(Arc<str>),
}

impl Key {
    fn sort(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Time(_) => 1,
            Self::Text(_) => 2,
            Self::Target(_) => 3,
        }
    }

    pub fn is_like(&self, other: &Self) -> bool {
        self.sort() == other.sort()
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Target(text) => Some(text),
            Self::Number(_) | Self::Time(_) => None,
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) | (Self::Target(a), Self::Target(b)) => a.cmp(b),
            _ => self.sort().cmp(&other.sort()),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

/// A geo query.
#[derive(Clone, Debug)]
pub struct Place {
    pub relation: Relation,
    pub geometry: Geometry<f64>,
    /// Our name of the GeoProperty, where it is one.
    pub attribute: Option<&'static str>,
}

/// The comparable values of an attribute.
pub fn keys(content: &Content, language: Option<&str>) -> Vec<Key> {
    match (content, language) {
        (Content::Texts(texts), tag) => {
            let of = |t: &&super::Text| tag.is_none() || t.language.as_deref() == tag;
            let texts = texts.iter().filter(of);
            texts.map(|t| Key::Text(t.text.as_str().into())).collect()
        }
        (_, Some(_)) | (Content::Place(_), _) => Vec::new(),
        (Content::Values { values, .. }, None) => values.iter().map(key).collect(),
        (Content::Links { targets, .. }, None) => {
            let targets = targets.iter();
            targets.map(|t| Key::Target(t.as_str().into())).collect()
        }
    }
}

fn key(scalar: &Scalar) -> Key {
    match scalar {
        Scalar::Text(text) => Key::Text(text.as_str().into()),
        // -0 is 0.
        Scalar::Number(n) => Key::Number(n + 0.0),
        Scalar::Time(at) => Key::Time(*at),
        Scalar::Pointer(iri) => Key::Target(iri.as_str().into()),
    }
}

impl Query {
    /// Whether an entity is one of those asked for.
    pub fn matches(&self, entity: &Entity) -> bool {
        !self.scoped
            && (self.ids.is_empty() || self.ids.contains(&entity.id))
            && self.kinds.as_ref().is_none_or(|k| k.contains(&entity.kind))
            && self.pattern.as_ref().is_none_or(|p| p.is_match(&entity.id))
            && self
                .any
                .as_ref()
                .is_none_or(|any| any.iter().any(|name| entity.get(name).is_some()))
            && self.filter.as_ref().is_none_or(|f| f.matches(entity))
            && self.place.as_ref().is_none_or(|p| p.matches(entity))
    }
}

impl Place {
    pub fn matches(&self, entity: &Entity) -> bool {
        let content = self.attribute.and_then(|name| entity.get(name));
        match content {
            Some(Content::Place(json)) => geometry::parse(json)
                .is_ok_and(|target| self.relation.holds(&target, &self.geometry)),
            _ => false,
        }
    }
}

impl Filter {
    pub fn matches(&self, entity: &Entity) -> bool {
        match self {
            Self::All(all) => all.iter().all(|f| f.matches(entity)),
            Self::Any(any) => any.iter().any(|f| f.matches(entity)),
            Self::Has(path) => path.is_in(entity),
            Self::Lacks(path) => !path.is_in(entity),
            Self::Compare(path, comparison) => {
                let keys = path.keys(entity);
                !keys.is_empty() && comparison.holds(&keys)
            }
        }
    }
}

impl Path {
    fn is_in(&self, entity: &Entity) -> bool {
        match self.source {
            Source::Attribute(name) if self.language.is_none() => entity.get(name).is_some(),
            _ => !self.keys(entity).is_empty(),
        }
    }

    fn keys(&self, entity: &Entity) -> Vec<Key> {
        let time = |at: i64| {
            if at > 0 {
                vec![Key::Time(at)]
            } else {
                Vec::new()
            }
        };
        match self.source {
            Source::Attribute(name) => {
                let content = entity.get(name);
                content.map_or(Vec::new(), |c| keys(c, self.language.as_deref()))
            }
            Source::Created => time(entity.created),
            Source::Modified => time(entity.modified),
            Source::Nothing => Vec::new(),
        }
    }
}

impl Operand {
    pub fn holds(&self, key: &Key) -> bool {
        match self {
            Self::One(wanted) => key == wanted,
            Self::Range(from, to) => key.is_like(from) && from <= key && key <= to,
        }
    }
}

impl Comparison {
    /// Whether some values, of which there is one, are as they should be.
    pub fn holds(&self, keys: &[Key]) -> bool {
        let equal = |all: &[Operand]| keys.iter().any(|k| all.iter().any(|o| o.holds(k)));
        let ordered = |bound: &Key, wanted: &[Ordering]| {
            let like = keys.iter().filter(|k| k.is_like(bound));
            like.into_iter().any(|k| wanted.contains(&k.cmp(bound)))
        };
        let found = |pattern: &Regex| {
            let texts = keys.iter().filter_map(Key::text);
            texts.into_iter().any(|t| pattern.is_match(t))
        };
        match self {
            Self::Equal(all) => equal(all),
            Self::Unequal(all) => !equal(all),
            Self::Less(bound) => ordered(bound, &[Ordering::Less]),
            Self::AtMost(bound) => ordered(bound, &[Ordering::Less, Ordering::Equal]),
            Self::Greater(bound) => ordered(bound, &[Ordering::Greater]),
            Self::AtLeast(bound) => ordered(bound, &[Ordering::Greater, Ordering::Equal]),
            Self::Matches(pattern) => found(pattern),
            Self::Differs(pattern) => !found(pattern),
        }
    }
}

/// A regular expression, as large as one may be; matching takes time in the length of the text alone.
///
/// # Errors
/// Says what of it is wrong.
pub fn pattern(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).size_limit(1 << 20).build();
    built.map_err(|e| format!("{text:?} is no pattern: {e}"))
}

/// Reads a selection of types: names, `|` or `,` for any, `;` for all, brackets. `None` is any type.
///
/// # Errors
/// Says what of it is wrong.
pub fn kinds(text: &str, context: &Context) -> Result<Option<Vec<Kind>>, String> {
    let mut parser = Parser::new(text, context, &|_| None)?;
    if text.trim() == "*" {
        return Ok(None);
    }
    let mut found = Vec::new();
    for (kind, name, _) in KINDS {
        parser.at = 0;
        let any = parser.types(name, 0)?;
        if !parser.rest().is_empty() {
            return Err(format!("type: {:?} is not understood", parser.rest()));
        }
        if any {
            found.push(kind);
        }
    }
    Ok(Some(found))
}

/// Finds the IRI that a request means by the id of an entity or by an address of ours.
pub type Targets<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads `q`.
///
/// # Errors
/// Says where it is wrong and what would be right.
pub fn filter(text: &str, context: &Context, targets: Targets<'_>) -> Result<Filter, String> {
    let mut parser = Parser::new(text, context, targets)?;
    let filter = parser.any(0)?;
    match parser.rest() {
        "" => Ok(filter),
        rest => Err(format!("q: {rest:?} is not understood")),
    }
}

/// Reads a geo query. `coordinates` is JSON.
///
/// # Errors
/// Says which part is wrong.
pub fn place(
    georel: &str,
    kind: &str,
    coordinates: &Json,
    property: Option<&str>,
    context: &Context,
) -> Result<Place, String> {
    Ok(Place {
        relation: Relation::parse(georel).map_err(|e| format!("georel: {e}"))?,
        geometry: geometry::shape(kind, coordinates).map_err(|e| format!("geometry: {e}"))?,
        attribute: context.ours_of(property.unwrap_or("location")),
    })
}

/// Reads `scopeQ`, which no entity of ours fulfils: none has a scope.
///
/// # Errors
/// It is no scope query.
pub fn scope(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_alphanumeric() || "/_-+#".contains(c);
    let all = text
        .split([';', '|', ','])
        .map(|s| s.trim_matches(['(', ')']));
    for one in all {
        if one.is_empty() || !one.chars().all(plain) {
            return Err(format!(
                "scopeQ: {one:?} is no scope; /a/b, /a/+ or /a/# is wanted"
            ));
        }
    }
    Ok(())
}

struct Parser<'p> {
    text: &'p str,
    at: usize,
    context: &'p Context,
    targets: Targets<'p>,
    tests: usize,
}

impl<'p> Parser<'p> {
    fn new(text: &'p str, context: &'p Context, targets: Targets<'p>) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("an expression is empty".into());
        }
        if text.len() > LENGTH {
            return Err(format!("an expression is longer than {LENGTH} bytes"));
        }
        Ok(Self {
            text,
            at: 0,
            context,
            targets,
            tests: 0,
        })
    }

    fn rest(&self) -> &'p str {
        &self.text[self.at..]
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// What stands before the first of some characters.
    fn until(&mut self, stop: impl Fn(char) -> bool) -> &'p str {
        let rest = self.rest();
        let end = rest.find(stop).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn deeper(&self, depth: usize) -> Result<usize, String> {
        if depth >= DEPTH {
            return Err(format!("brackets lie more than {DEPTH} deep"));
        }
        Ok(depth + 1)
    }

    /// Whether the type called `kind` is selected.
    fn types(&mut self, kind: &str, depth: usize) -> Result<bool, String> {
        let mut any = false;
        loop {
            let mut all = true;
            loop {
                let one = if self.take("(") {
                    let inner = self.types(kind, self.deeper(depth)?)?;
                    if !self.take(")") {
                        return Err("type: a bracket is not closed".into());
                    }
                    inner
                } else {
                    let name = self.until(|c| "|,;()".contains(c)).trim();
                    if name.is_empty() {
                        return Err("type: a name is missing".into());
                    }
                    if name == "*" || name.contains(char::is_whitespace) {
                        return Err(format!("type: {name:?} is no name of a type here"));
                    }
                    self.context.ours_of(name) == Some(kind)
                };
                all &= one;
                if !self.take(";") {
                    break;
                }
            }
            any |= all;
            if !self.take("|") && !self.take(",") {
                return Ok(any);
            }
        }
    }

    fn any(&mut self, depth: usize) -> Result<Filter, String> {
        let mut some = vec![self.all(depth)?];
        while self.take("|") {
            some.push(self.all(depth)?);
        }
        Ok(match some.len() {
            1 => some.remove(0),
            _ => Filter::Any(some),
        })
    }

    fn all(&mut self, depth: usize) -> Result<Filter, String> {
        let mut some = vec![self.one(depth)?];
        while self.take(";") {
            some.push(self.one(depth)?);
        }
        Ok(match some.len() {
            1 => some.remove(0),
            _ => Filter::All(some),
        })
    }

    fn one(&mut self, depth: usize) -> Result<Filter, String> {
        if self.take("(") {
            let inner = self.any(self.deeper(depth)?)?;
            if !self.take(")") {
                return Err("q: a bracket is not closed".into());
            }
            return Ok(inner);
        }
        self.tests += 1;
        if self.tests > TESTS {
            return Err(format!("q: there are more than {TESTS} comparisons"));
        }
        let lacks = self.take("!");
        let path = self.path()?;
        if lacks {
            return Ok(Filter::Lacks(path));
        }
        let signs = ["==", "!=", ">=", "<=", "!~=", "~=", ">", "<"];
        let Some(sign) = signs.into_iter().find(|s| self.take(s)) else {
            return match self.rest().chars().next() {
                None | Some(';' | '|' | ')') => Ok(Filter::Has(path)),
                Some(c) => Err(format!(
                    "q: {c:?} stands where ==, !=, >, >=, <, <=, ~= or !~= is wanted"
                )),
            };
        };
        let comparison = match sign {
            "~=" => Comparison::Matches(self.pattern()?),
            "!~=" => Comparison::Differs(self.pattern()?),
            "==" => Comparison::Equal(self.operands()?),
            "!=" => Comparison::Unequal(self.operands()?),
            _ => {
                let bound = self.value()?;
                match sign {
                    "<" => Comparison::Less(bound),
                    "<=" => Comparison::AtMost(bound),
                    ">" => Comparison::Greater(bound),
                    _ => Comparison::AtLeast(bound),
                }
            }
        };
        Ok(Filter::Compare(path, comparison))
    }

    /// An attribute, with the language of a text in brackets.
    fn path(&mut self) -> Result<Path, String> {
        let name = self.until(|c| "=!<>~;|()[]\"".contains(c) || c.is_whitespace());
        if name.is_empty() {
            return Err(match self.rest() {
                "" => "q: a name is missing at the end".into(),
                rest => format!("q: {rest:?} stands where a name is wanted"),
            });
        }
        if let Some(c) = name.chars().find(|c| "%{},".contains(*c)) {
            return Err(format!(
                "q: {c:?} is in the name {name:?}, and in no name of an attribute"
            ));
        }
        let language = if self.take("[") {
            let inner = self.until(|c| c == ']');
            if !self.take("]") || inner.is_empty() {
                return Err("q: a square bracket is not closed".into());
            }
            Some(inner.to_owned()).filter(|tag| tag != "*")
        } else {
            None
        };
        let source = match (name, self.context.ours_of(name)) {
            ("createdAt", _) => Source::Created,
            ("modifiedAt", _) => Source::Modified,
            (_, Some(ours)) => Source::Attribute(ours),
            _ => Source::Nothing,
        };
        Ok(Path { source, language })
    }

    fn pattern(&mut self) -> Result<Regex, String> {
        let text = match self.quoted()? {
            Some(text) => text,
            // A bracket in the pattern closes none outside it.
            None => {
                let rest = self.rest();
                let (mut open, mut end) = (0_usize, rest.len());
                for (at, c) in rest.char_indices() {
                    match c {
                        '(' => open += 1,
                        ')' if open > 0 => open -= 1,
                        ')' | ';' => {
                            end = at;
                            break;
                        }
                        '|' if open == 0 => {
                            end = at;
                            break;
                        }
                        _ => {}
                    }
                }
                self.at += end;
                rest[..end].to_owned()
            }
        };
        if text.is_empty() {
            return Err("q: a pattern is missing".into());
        }
        pattern(&text).map_err(|e| format!("q: {e}"))
    }

    fn operands(&mut self) -> Result<Vec<Operand>, String> {
        let mut all = Vec::new();
        loop {
            let from = self.value()?;
            if self.take("..") {
                let to = self.value()?;
                if !from.is_like(&to) {
                    return Err("q: a range has two ends of one sort".into());
                }
                all.push(Operand::Range(from, to));
            } else {
                if let Key::Text(text) = &from
                    && let Some(target) = (self.targets)(text)
                {
                    all.push(Operand::One(Key::Target(target.into())));
                }
                all.push(Operand::One(from));
            }
            if !self.take(",") {
                return Ok(all);
            }
        }
    }

    /// A text in quotes, with `\` before a quote or another `\`.
    fn quoted(&mut self) -> Result<Option<String>, String> {
        if !self.take("\"") {
            return Ok(None);
        }
        let mut out = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(Some(out));
                }
                '\\' => match chars.next() {
                    Some((_, next @ ('"' | '\\'))) => out.push(next),
                    Some((_, next)) => out.extend(['\\', next]),
                    None => break,
                },
                c => out.push(c),
            }
        }
        Err("q: a text in quotes does not end".into())
    }

    fn value(&mut self) -> Result<Key, String> {
        if let Some(text) = self.quoted()? {
            return Ok(Key::Text(text.into()));
        }
        let rest = self.rest();
        let end = rest.find(|c| ";|(),\"".contains(c)).unwrap_or(rest.len());
        let end = rest[..end].find("..").unwrap_or(end);
        self.at += end;
        let text = &rest[..end];
        if text.is_empty() {
            return Err("q: a value is missing".into());
        }
        let begins = |c: char| c.is_ascii_digit() || c == '-' || c == '+' || c == '.';
        if text.starts_with(begins)
            && let Ok(number) = text.parse::<f64>()
            && number.is_finite()
        {
            return Ok(Key::Number(number + 0.0));
        }
        let dated = text.len() >= 10 && text.as_bytes()[4] == b'-';
        if dated && let Some(at) = micros(text) {
            return Ok(Key::Time(at));
        }
        // A scheme begins with a letter (RFC 3986, section 3.1): what begins otherwise is a date that is none.
        let schemed = text.starts_with(|c: char| c.is_ascii_alphabetic());
        let absolute = schemed && text.contains(':') && !text.contains(char::is_whitespace);
        if text == "true" || text == "false" || absolute {
            return Ok(Key::Text(text.into()));
        }
        Err(format!(
            "q: {text:?} is no value; a number, a date and time, an absolute URI or a \"text\" in quotes is wanted"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Attribute, Text};
    use super::*;

    fn entity() -> Entity {
        let text = |language: &str, text: &str| Text {
            language: Some(language.into()),
            text: text.into(),
        };
        let attributes = [
            (
                "title",
                Content::Texts(vec![text("en", "Air"), text("de", "Luft (neu)")]),
            ),
            (
                "theme",
                Content::Values {
                    values: vec![Scalar::Text("http://a.example/ENVI".into())],
                    list: true,
                },
            ),
            (
                "byteSize",
                Content::Values {
                    values: vec![Scalar::Number(5.0)],
                    list: false,
                },
            ),
            (
                "issued",
                Content::Values {
                    values: vec![Scalar::Time(micros("2026-01-02").expect("a date"))],
                    list: false,
                },
            ),
            (
                "uses",
                Content::Links {
                    targets: vec!["https://catalogue.invalid/resource/x".into()],
                    list: true,
                },
            ),
        ];
        Entity {
            id: "urn:ngsi-ld:Dataset:a.b".into(),
            kind: Kind::Dataset,
            attributes: attributes
                .map(|(name, content)| Attribute { name, content })
                .into(),
            created: 1_000_000,
            modified: 2_000_000,
        }
    }

    #[test]
    fn an_expression_matches_what_it_says() {
        let context = Context::ours();
        let targets = |t: &str| {
            (t == "urn:ngsi-ld:Dataset:a.x")
                .then(|| "https://catalogue.invalid/resource/x".to_owned())
        };
        let entity = entity();
        for (q, wanted) in [
            ("title==\"Air\"", true),
            ("title==\"Air\",\"Water\"", true),
            ("title!=\"Air\"", false),
            ("title!=\"Water\"", true),
            ("keyword!=\"Water\"", false),
            ("title[de]==\"Luft (neu)\"", true),
            ("title[de]==\"Air\"", false),
            ("title~=^L.*neu", true),
            ("(title~=(Air|Water));byteSize==5", true),
            ("title!~=Air", false),
            ("theme==http://a.example/ENVI", true),
            ("byteSize==1..5", true),
            ("byteSize==6..9", false),
            ("byteSize>5", false),
            ("byteSize>=5;byteSize<6", true),
            ("byteSize==\"5\"", false),
            ("issued==2026-01-02T00:00:00Z", true),
            (
                "issued<2026-01-02T00:00:00Z|issued>2026-01-01T23:59:59Z",
                true,
            ),
            ("uses==urn:ngsi-ld:Dataset:a.x", true),
            ("uses==urn:ngsi-ld:Dataset:a.y", false),
            ("uses", true),
            ("!uses", false),
            ("!license;title", true),
            ("license|(title;keyword)", false),
            ("createdAt<1970-01-01T00:00:02Z", true),
            ("modifiedAt<1970-01-01T00:00:02Z", false),
            ("nothing==5", false),
            ("!nothing", true),
        ] {
            let filter = filter(q, &context, &targets).unwrap_or_else(|e| panic!("{q}: {e}"));
            assert_eq!(filter.matches(&entity), wanted, "{q}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused_with_what_would_be_right() {
        let context = Context::ours();
        let deep = "(".repeat(30) + "title" + &")".repeat(30);
        let many = vec!["title"; 300].join(";");
        for q in [
            "",
            "title=",
            "title==",
            "title=5",
            "==5",
            "title==\"Air",
            "(title",
            "title)",
            "title;",
            "title==Air",
            "title~=",
            "title~=[",
            "byteSize==1..\"a\"",
            "title[",
            "title[]==\"a\"",
            &deep,
            &many,
        ] {
            let refused = filter(q, &context, &|_| None).expect_err(q);
            assert!(!refused.is_empty());
        }
    }

    #[test]
    fn types_are_selected_by_expressions() {
        let context = Context::ours();
        let all = |text: &str| kinds(text, &context).expect(text).map(|k| k.len());
        assert_eq!(all("*"), None);
        assert_eq!(all("Dataset,Agent"), Some(2));
        assert_eq!(all("(Dataset|Agent);Dataset"), Some(1));
        assert_eq!(all("Dataset;Agent"), Some(0));
        assert_eq!(all("Vehicle"), Some(0));
        for wrong in ["", "Dataset,", "(Dataset", "Dataset)", "A B"] {
            assert!(kinds(wrong, &context).is_err(), "{wrong}");
        }
    }
}
