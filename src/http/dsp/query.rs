//! What a connector asks for: a catalogue request with a `QuerySpec`, as Eclipse EDC serialises it in either
//! version of the protocol. Nothing that is asked for is ignored in silence.
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Namespaces of members, and prefixes that stand for them.
const NAMESPACES: [&str; 6] = [
    "https://w3id.org/edc/v0.0.1/ns/",
    "https://w3id.org/dspace/2025/1/",
    "https://w3id.org/dspace/2024/1/",
    "https://w3id.org/dspace/v0.8/",
    "edc:",
    "dspace:",
];

const EDC_ID: &str = "https://w3id.org/edc/v0.0.1/ns/id";

/// Most criteria of a filter, values of one and bytes of all texts in it.
const CRITERIA: usize = 20;
const VALUES: usize = 100;
const TEXTS: usize = 4_096;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    pub offset: usize,
    /// `None`: a page of the size that is configured.
    pub limit: Option<usize>,
    pub criteria: Vec<Criterion>,
    /// By which values, and whether the largest come first.
    pub sort: Option<(Path, bool)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    pub left: Path,
    pub operator: Operator,
    pub right: Vec<String>,
}

/// Which values are meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Path {
    Id,
    /// The IRI of a property; of its values all, those that are IRIs or those that are none.
    Property(String, Option<bool>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    Equal,
    Unequal,
    In,
    NotIn,
    Like,
    Ilike,
    Contains,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

const OPERATORS: [(&str, Operator); 11] = [
    ("=", Operator::Equal),
    ("!=", Operator::Unequal),
    ("in", Operator::In),
    ("not in", Operator::NotIn),
    ("like", Operator::Like),
    ("ilike", Operator::Ilike),
    ("contains", Operator::Contains),
    ("<", Operator::Less),
    ("<=", Operator::AtMost),
    (">", Operator::Greater),
    (">=", Operator::AtLeast),
];

fn bare(key: &str) -> &str {
    NAMESPACES
        .iter()
        .find_map(|ns| key.strip_prefix(ns))
        .unwrap_or(key)
}

fn wrong(why: impl Into<String>) -> Error {
    Error::bad_input(why)
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}

/// The one value of a list of one, and what a node stands for.
fn one(value: &Value) -> &Value {
    match value {
        Value::Array(all) if all.len() == 1 => one(&all[0]),
        Value::Object(node) => node
            .get("@value")
            .or_else(|| node.get("@id"))
            .unwrap_or(value),
        other => other,
    }
}

fn several(value: &Value) -> &[Value] {
    match value {
        Value::Array(all) => all,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

impl Spec {
    /// Reads the body of a catalogue request.
    ///
    /// # Errors
    /// What was found, and what is wanted.
    pub fn of(body: &[u8]) -> Result<Self> {
        let message: Value =
            serde_json::from_slice(body).map_err(|e| wrong(format!("the body is no JSON: {e}")))?;
        let Value::Object(message) = &message else {
            return Err(wrong(
                "the body is no object; a CatalogRequestMessage is wanted",
            ));
        };
        let class = message.get("@type").map(one).and_then(Value::as_str);
        if class.map(bare) != Some("CatalogRequestMessage") {
            let found = class.map_or("nothing".to_owned(), |c| format!("{c:?}"));
            return Err(wrong(format!(
                "@type is {found}; CatalogRequestMessage is wanted"
            )));
        }
        if !message.contains_key("@context") {
            return Err(wrong(
                "@context is missing; an array with https://w3id.org/dspace/2025/1/context.jsonld is wanted",
            ));
        }
        let mut spec = Self::default();
        for (key, value) in message {
            // What a callback or a protocol is called changes no list.
            if bare(key) != "filter" {
                continue;
            }
            match several(value) {
                [] => {}
                [Value::Object(object)] => spec = Self::read(object)?,
                [other] => {
                    return Err(wrong(format!(
                        "filter holds {}; a QuerySpec is wanted",
                        short(other)
                    )));
                }
                all => {
                    let why = format!(
                        "filter holds {} objects; one QuerySpec is wanted",
                        all.len()
                    );
                    return Err(wrong(why));
                }
            }
        }
        Ok(spec)
    }

    fn read(object: &Map<String, Value>) -> Result<Self> {
        let mut spec = Self::default();
        let mut field = None;
        let mut descending = false;
        for (key, value) in object {
            let value = match bare(key) {
                "filterExpression" => value,
                _ => one(value),
            };
            match bare(key) {
                "@type" | "type" => {
                    let class = value.as_str().map(bare);
                    if class != Some("QuerySpec") && class != Some("QuerySpecDto") {
                        return Err(wrong(format!(
                            "filter has the @type {}; QuerySpec is wanted",
                            short(value)
                        )));
                    }
                }
                "@context" | "@id" => {}
                "offset" => spec.offset = number("offset", value, 0)?,
                "limit" => spec.limit = Some(number("limit", value, 1)?),
                "sortOrder" => {
                    descending = match value.as_str() {
                        Some("ASC") => false,
                        Some("DESC") => true,
                        _ => {
                            return Err(wrong(format!(
                                "sortOrder is {}; ASC or DESC is wanted",
                                short(value)
                            )));
                        }
                    }
                }
                "sortField" => {
                    field = match value {
                        Value::Null => None,
                        Value::String(text) => Some(Path::of(text)?),
                        other => {
                            return Err(wrong(format!(
                                "sortField is {}; a property is wanted",
                                short(other)
                            )));
                        }
                    }
                }
                "filterExpression" => {
                    for criterion in several(value) {
                        spec.criteria.push(Criterion::read(criterion)?);
                    }
                }
                other => {
                    return Err(wrong(format!(
                        "filter holds {other:?}; a QuerySpec has offset, limit, sortOrder, sortField and filterExpression"
                    )));
                }
            }
        }
        if !spec.is_bounded() {
            return Err(wrong(format!(
                "filterExpression has more than {CRITERIA} criteria or {TEXTS} bytes of values"
            )));
        }
        spec.sort = field.map(|f| (f, descending));
        Ok(spec)
    }

    /// What leads to another page; it says all that was asked for.
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// # Errors
    /// The token is none of ours.
    pub fn of_token(token: &str) -> Result<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let spec: Option<Self> = bytes.and_then(|b| serde_json::from_slice(&b).ok());
        spec.filter(|s| s.limit != Some(0) && s.is_bounded()).ok_or_else(|| {
            wrong("page is no token of this catalogue; Link headers hold them, and the first page needs none")
        })
    }

    fn is_bounded(&self) -> bool {
        let texts = self.criteria.iter().flat_map(|c| &c.right).map(String::len);
        self.criteria.len() <= CRITERIA && texts.sum::<usize>() <= TEXTS
    }

    /// Whether nothing has to be looked at to know what is in the list.
    pub fn is_plain(&self) -> bool {
        self.criteria.is_empty() && self.sort.is_none()
    }
}

fn number(name: &str, value: &Value, least: usize) -> Result<usize> {
    let found = match value {
        Value::Number(n) => n.as_u64().or_else(|| {
            let n = n.as_f64()?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number in its range"
            )]
            (n.fract() == 0.0 && (0.0..9e15).contains(&n)).then_some(n as u64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let found = found
        .and_then(|n| usize::try_from(n).ok())
        .filter(|n| *n >= least);
    found.ok_or_else(|| {
        wrong(format!(
            "{name} is {}; a whole number from {least} is wanted",
            short(value)
        ))
    })
}

impl Path {
    fn of(text: &str) -> Result<Self> {
        let bad = || {
            wrong(format!(
                "{text:?} is no path: id, an IRI, 'IRI', 'IRI'.'@id', 'IRI'.'@value' or a name such as dct:title is one"
            ))
        };
        if text.len() > 1_000 {
            return Err(wrong("a path has more than 1000 bytes"));
        }
        let mut parts: Vec<&str> = Vec::new();
        if text.starts_with('\'') {
            let mut rest = text;
            loop {
                let inner = rest.strip_prefix('\'').ok_or_else(bad)?;
                let end = inner.find('\'').ok_or_else(bad)?;
                parts.push(&inner[..end]);
                rest = &inner[end + 1..];
                if rest.is_empty() {
                    break;
                }
                rest = rest.strip_prefix('.').ok_or_else(bad)?;
            }
        } else {
            parts.push(text);
        }
        if parts.first() == Some(&"properties") && parts.len() > 1 {
            parts.remove(0);
        }
        let (name, kind) = match parts[..] {
            [name] => (name, None),
            [name, "@id"] => (name, Some(true)),
            [name, "@value"] => (name, Some(false)),
            _ => return Err(bad()),
        };
        if matches!(name, "id" | "@id" | EDC_ID | "edc:id") {
            return Ok(Self::Id);
        }
        let known = crate::record::vocab::PREFIXES.iter();
        let expanded = known
            .filter_map(|(prefix, ns)| {
                let local = name.strip_prefix(prefix)?.strip_prefix(':')?;
                (!local.starts_with("//")).then(|| format!("{ns}{local}"))
            })
            .next();
        let iri = expanded.unwrap_or_else(|| name.to_owned());
        match oxigraph::model::NamedNode::new(iri.as_str()) {
            Ok(_) => Ok(Self::Property(iri, kind)),
            Err(_) => Err(bad()),
        }
    }
}

impl Criterion {
    fn read(value: &Value) -> Result<Self> {
        let Value::Object(object) = value else {
            return Err(wrong(format!(
                "filterExpression holds {}; criteria are wanted",
                short(value)
            )));
        };
        let (mut left, mut operator, mut right) = (None, None, None);
        for (key, value) in object {
            match bare(key) {
                "@type" | "type" | "@context" | "@id" => {}
                "operandLeft" => {
                    let text = one(value).as_str();
                    let text = text.ok_or_else(|| {
                        wrong(format!("operandLeft is {}; a path is wanted", short(value)))
                    })?;
                    left = Some(Path::of(text)?);
                }
                "operator" => {
                    let text = one(value).as_str().unwrap_or_default();
                    let lower = text.trim().to_lowercase();
                    let known = OPERATORS.iter().find(|(name, _)| *name == lower);
                    let (_, known) = known.ok_or_else(|| {
                        let all = OPERATORS.map(|o| o.0).join(", ");
                        wrong(format!("operator is {}; there are {all}", short(value)))
                    })?;
                    operator = Some(*known);
                }
                "operandRight" => {
                    right = Some(
                        several(value)
                            .iter()
                            .map(text)
                            .collect::<Result<Vec<_>>>()?,
                    )
                }
                other => {
                    return Err(wrong(format!(
                        "a criterion holds {other:?}; it has operandLeft, operator and operandRight"
                    )));
                }
            }
        }
        let lacks = |name: &str| wrong(format!("a criterion lacks {name}"));
        let left = left.ok_or_else(|| lacks("operandLeft"))?;
        let operator = operator.ok_or_else(|| lacks("operator"))?;
        let right = right.ok_or_else(|| lacks("operandRight"))?;
        let many = matches!(operator, Operator::In | Operator::NotIn);
        if right.is_empty() || right.len() > VALUES {
            return Err(wrong(format!(
                "operandRight has {} values; 1 to {VALUES} are wanted",
                right.len()
            )));
        }
        if !many && right.len() != 1 {
            let why = format!(
                "operandRight has {} values; this operator takes one",
                right.len()
            );
            return Err(wrong(why));
        }
        Ok(Self {
            left,
            operator,
            right,
        })
    }

    /// Whether some values fulfil it. What lacks the property never does.
    pub fn holds(&self, values: &[(Cow<'_, str>, bool)]) -> bool {
        let kind = match &self.left {
            Path::Id => None,
            Path::Property(_, kind) => *kind,
        };
        let values: Vec<&str> = values
            .iter()
            .filter(|(_, is_iri)| kind.is_none_or(|k| k == *is_iri))
            .map(|(text, _)| text.as_ref())
            .collect();
        let equal = |v: &&str| self.right.iter().any(|r| same(v, r));
        let ordered = |fits: fn(std::cmp::Ordering) -> bool| {
            values.iter().any(|v| fits(compare(v, &self.right[0])))
        };
        match self.operator {
            Operator::Equal | Operator::In | Operator::Contains => values.iter().any(equal),
            Operator::Unequal | Operator::NotIn => !values.is_empty() && !values.iter().any(equal),
            Operator::Like | Operator::Ilike => {
                let any = self.operator == Operator::Ilike;
                pattern(&self.right[0], any).is_some_and(|p| values.iter().any(|v| p.is_match(v)))
            }
            Operator::Less => ordered(std::cmp::Ordering::is_lt),
            Operator::AtMost => ordered(std::cmp::Ordering::is_le),
            Operator::Greater => ordered(std::cmp::Ordering::is_gt),
            Operator::AtLeast => ordered(std::cmp::Ordering::is_ge),
        }
    }
}

fn text(value: &Value) -> Result<String> {
    match one(value) {
        Value::String(text) => Ok(text.clone()),
        Value::Number(n) => Ok(n.to_string()),
        Value::Bool(yes) => Ok(yes.to_string()),
        other => Err(wrong(format!(
            "operandRight holds {}; texts and numbers are wanted",
            short(other)
        ))),
    }
}

fn same(a: &str, b: &str) -> bool {
    a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

/// Numbers by their size, texts by their code points.
pub fn compare(a: &str, b: &str) -> std::cmp::Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.cmp(b),
    }
}

/// `%` is any run of characters, `_` one; the whole text has to fit.
fn pattern(like: &str, any_case: bool) -> Option<Regex> {
    let mut out = String::from("(?s)^");
    if any_case {
        out.insert_str(0, "(?i)");
    }
    for c in like.chars() {
        match c {
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    Regex::new(&(out + "$")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(filter: Value) -> Result<Spec> {
        let body = json!({"@context": [], "@type": "CatalogRequestMessage", "filter": filter});
        Spec::of(body.to_string().as_bytes())
    }

    #[test]
    fn a_filter_is_read_however_it_is_written() {
        let plain = json!([{"@type": "QuerySpec", "offset": 5, "limit": 7, "sortOrder": "DESC", "sortField": "dct:title",
            "filterExpression": [{"operandLeft": "'http://purl.org/dc/terms/type'.'@id'", "operator": "IN", "operandRight": ["a", "b"]}]}]);
        let prefixed = json!({"@type": "edc:QuerySpec", "edc:offset": {"@value": 5}, "https://w3id.org/edc/v0.0.1/ns/limit": [7],
            "edc:sortOrder": "DESC", "edc:sortField": "http://purl.org/dc/terms/title",
            "edc:filterExpression": {"edc:operandLeft": "'http://purl.org/dc/terms/type'.'@id'", "edc:operator": "in", "edc:operandRight": ["a", {"@value": "b"}]}});
        let spec_of_plain = spec(plain).expect("plain");
        assert_eq!(spec_of_plain, spec(prefixed).expect("prefixed"));
        assert_eq!((spec_of_plain.offset, spec_of_plain.limit), (5, Some(7)));
        assert_eq!(
            spec_of_plain,
            Spec::of_token(&spec_of_plain.token()).expect("a token")
        );
        assert_eq!(spec(json!([])).expect("none"), Spec::default());
        assert_eq!(
            spec(json!([{"limit": 2_147_483_646}])).expect("all").limit,
            Some(2_147_483_646)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let criterion = |left: &str, operator: &str, right: Value| json!([{"filterExpression": [{"operandLeft": left, "operator": operator, "operandRight": right}]}]);
        for (filter, said) in [
            (json!([{"offset": -1}]), "offset is -1"),
            (json!([{"limit": 0}]), "limit is 0; a whole number from 1"),
            (json!([{"limit": 1.5}]), "limit is 1.5"),
            (json!([{"sortOrder": "UP"}]), "ASC or DESC"),
            (json!([{"maximum": 3}]), "\"maximum\""),
            (json!([{}, {}]), "2 objects"),
            (json!(["all"]), "a QuerySpec is wanted"),
            (json!([{"filterExpression": ["x"]}]), "criteria are wanted"),
            (
                json!([{"filterExpression": [{"operandLeft": "id", "operator": "="}]}]),
                "lacks operandRight",
            ),
            (criterion("id", "~", json!("x")), "operator is \"~\""),
            (criterion("title", "=", json!("x")), "is no path"),
            (
                criterion("'http://x.example/a", "=", json!("x")),
                "is no path",
            ),
            (
                criterion("'http://x.example/a'.'b'.'c'", "=", json!("x")),
                "is no path",
            ),
            (criterion("id", "=", json!(["x", "y"])), "takes one"),
            (criterion("id", "in", json!([])), "0 values"),
            (criterion("id", "=", json!({"a": 1})), "texts and numbers"),
        ] {
            let error = spec(filter).expect_err(said).message;
            assert!(error.contains(said), "{error}\nwanted: {said}");
        }
        for (body, said) in [
            ("", "no JSON"),
            ("[]", "no object"),
            ("{\"@context\": []}", "@type is nothing"),
            (
                "{\"@type\": \"CatalogRequestMessage\"}",
                "@context is missing",
            ),
        ] {
            let error = Spec::of(body.as_bytes()).expect_err(said).message;
            assert!(error.contains(said), "{error}");
        }
        assert!(Spec::of_token("nonsense").is_err());
    }

    #[test]
    fn values_are_compared_as_connectors_expect() {
        let holds = |operator: &str, right: Value, values: &[&str]| {
            let filter = json!([{"filterExpression": [{"operandLeft": "dct:x", "operator": operator, "operandRight": right}]}]);
            let values: Vec<_> = values.iter().map(|v| (Cow::Borrowed(*v), false)).collect();
            spec(filter).expect("a filter").criteria[0].holds(&values)
        };
        for (operator, right, values, yes) in [
            ("=", json!("a"), &["b", "a"][..], true),
            ("=", json!(5), &["5.0"], true),
            ("!=", json!("a"), &["b"], true),
            ("!=", json!("a"), &["a", "b"], false),
            ("!=", json!("a"), &[], false),
            ("not in", json!(["a"]), &["b"], true),
            ("not in", json!(["a"]), &[], false),
            ("like", json!("%air_quality"), &["the air quality"], true),
            ("like", json!("air"), &["fair"], false),
            ("like", json!("a.c"), &["abc"], false),
            ("like", json!("A%"), &["abc"], false),
            ("ilike", json!("A%"), &["abc"], true),
            ("contains", json!("a"), &["abc"], false),
            ("contains", json!("a"), &["abc", "a"], true),
            ("<", json!(10), &["9"], true),
            ("<", json!("10"), &["9"], true),
            (">=", json!("2026-01-01"), &["2026-02-01"], true),
        ] {
            assert_eq!(
                holds(operator, right.clone(), values),
                yes,
                "{values:?} {operator} {right}"
            );
        }
    }
}
