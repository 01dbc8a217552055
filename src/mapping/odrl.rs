//! Policies: what may be done with an entry, as ODRL 2.2 has it, in the shape that the Dataspace Protocol 2025-1
//! gives an Offer. Read from JSON-LD, kept as statements of a record, and written as JSON again.
use super::dcat::Lines;
use crate::error::{Error, Result};
use crate::record::statement::{Statement, iri, lines, literal, statements};
use crate::record::{hash, short_json as short, vocab};
use oxigraph::model::{Literal, NamedNode, Term};
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

pub const ODRL: &str = "http://www.w3.org/ns/odrl/2/";
pub const CC: &str = "http://creativecommons.org/ns#";

/// Contexts whose terms are known here; a policy may name no other.
const CONTEXTS: [&str; 4] = [
    "https://w3id.org/dspace/2025/1/context.jsonld",
    "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
    "http://www.w3.org/ns/odrl.jsonld",
    "https://www.w3.org/ns/odrl.jsonld",
];

/// Whether the terms of a context are known here.
pub fn is_context(address: &str) -> bool {
    CONTEXTS.contains(&address)
}

/// Actions of the ODRL Vocabulary 2.2, sections 3.1 (core) and 4.5 (common).
const ACTIONS: &str = "use transfer acceptTracking aggregate annotate anonymize archive attribute compensate \
    concurrentUse delete derive digitize display distribute ensureExclusivity execute extract give grantUse include \
    index inform install modify move nextPolicy obtainConsent play present print read reproduce reviewPolicy sell \
    stream synchronize textToSpeech transform translate uninstall watermark";

/// Those of Creative Commons that the vocabulary takes in; the second is written so there.
const CC_ACTIONS: &str = "Attribution CommericalUse DerivativeWorks Distribution Notice Reproduction ShareAlike \
    Sharing SourceCode";

/// Left operands of the ODRL Vocabulary 2.2, section 4.6.
const LEFT: &str = "absolutePosition absoluteSize absoluteSpatialPosition absoluteTemporalPosition count dateTime \
    delayPeriod deliveryChannel elapsedTime event fileFormat industry language media meteredTime payAmount \
    percentage product purpose recipient relativePosition relativeSize relativeSpatialPosition \
    relativeTemporalPosition resolution spatial spatialCoordinates systemDevice timeInterval unitOfCount version \
    virtualLocation";

/// Operators of the ODRL Vocabulary 2.2, section 4.7, as the Dataspace Protocol takes them.
const OPERATORS: &str = "eq neq gt gteq lt lteq hasPart isPartOf isA isAllOf isAnyOf isNoneOf";

/// How constraints are joined. The protocol has `andSequence` too, which its readers do not know.
const JOINS: [&str; 3] = ["and", "or", "xone"];

/// Most rules and constraints of a policy, and how deep constraints lie in each other.
const MOST: usize = 200;
const DEEP: usize = 8;

/// Prefixes that are known without being declared.
const PREFIXES: [(&str, &str); 6] = [
    ("odrl", ODRL),
    ("cc", CC),
    ("dct", "http://purl.org/dc/terms/"),
    ("dcat", "http://www.w3.org/ns/dcat#"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
    ("dspace", "https://w3id.org/dspace/2025/1/"),
];

/// An offer: at least one permission or prohibition.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// As its author wrote it; an IRI, or any other text.
    pub id: String,
    /// IRIs of the profiles that it follows.
    pub profiles: Vec<String>,
    pub rules: Vec<Rule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Permission,
    Prohibition,
    Obligation,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Permission, Self::Prohibition, Self::Obligation];

    pub fn name(self) -> &'static str {
        match self {
            Self::Permission => "permission",
            Self::Prohibition => "prohibition",
            Self::Obligation => "obligation",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub kind: Kind,
    /// An IRI.
    pub action: String,
    pub constraints: Vec<Constraint>,
    /// What has to be done for a permission: rules of the kind [`Kind::Obligation`].
    pub duties: Vec<Rule>,
}

impl Rule {
    pub fn new(kind: Kind, action: &str) -> Self {
        Self {
            kind,
            action: action.to_owned(),
            constraints: Vec::new(),
            duties: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    Compare {
        /// An IRI.
        left: String,
        /// The local name of an ODRL operator.
        operator: String,
        right: Vec<Operand>,
    },
    /// `and`, `or` or `xone`.
    Join(String, Vec<Constraint>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Iri(String),
    Text {
        value: String,
        /// An IRI; none for plain texts.
        datatype: Option<String>,
        language: Option<String>,
    },
}

/// The IRI of a term written in any of the ways of JSON-LD: a bare name of ODRL, a prefixed name or an IRI.
struct Names {
    declared: HashMap<String, String>,
}

impl Names {
    /// Reads `@context`: nothing, addresses of known contexts, and prefixes.
    fn of(context: Option<&Value>) -> Result<Self> {
        let mut declared = HashMap::new();
        let all = match context {
            None => &[][..],
            Some(Value::Array(all)) => all,
            Some(one) => std::slice::from_ref(one),
        };
        for one in all {
            match one {
                Value::String(address) if CONTEXTS.contains(&address.as_str()) => {}
                Value::Object(prefixes) => {
                    for (name, value) in prefixes {
                        let Some(address) = value.as_str() else {
                            let why = format!(
                                "@context: {name:?} is {value}; prefixes with their addresses alone are read"
                            );
                            return Err(Error::bad_input(why));
                        };
                        declared.insert(name.clone(), address.to_owned());
                    }
                }
                other => {
                    let why = format!(
                        "@context is {other}; nothing is fetched for a policy. Known are {}",
                        CONTEXTS.join(", ")
                    );
                    return Err(Error::bad_input(why));
                }
            }
        }
        Ok(Self { declared })
    }

    fn iri(&self, name: &str) -> Option<String> {
        let (prefix, local) = name.split_once(':')?;
        if local.starts_with("//") {
            return Some(name.to_owned());
        }
        let declared = self.declared.get(prefix).map(String::as_str);
        let known = PREFIXES.iter().find(|(p, _)| *p == prefix).map(|p| p.1);
        Some(match declared.or(known) {
            Some(namespace) => format!("{namespace}{local}"),
            None => name.to_owned(),
        })
    }

    /// The key of ODRL that a key is, if it is one.
    fn key<'k>(&self, key: &'k str) -> Option<&'k str> {
        let local = match key.split_once(':') {
            None => return Some(key),
            Some(_) if key.starts_with(ODRL) => &key[ODRL.len()..],
            Some((prefix, local)) => {
                let full = self.iri(key)?;
                let _ = prefix;
                if !full.starts_with(ODRL) {
                    return None;
                }
                local
            }
        };
        Some(local)
    }
}

fn wrong(at: &str, why: impl std::fmt::Display) -> Error {
    Error::bad_input(format!("policy, at {at}: {why}"))
}

/// An object's members by the local names of ODRL; `@type` and `@id` stand for themselves.
fn members<'v>(
    at: &str,
    value: &'v Value,
    names: &Names,
    known: &[&str],
) -> Result<HashMap<String, &'v Value>> {
    let Value::Object(object) = value else {
        return Err(wrong(
            at,
            format!("{} where an object is wanted", short(value)),
        ));
    };
    let mut out = HashMap::new();
    for (key, value) in object {
        let name = names.key(key).filter(|n| known.contains(n));
        let Some(name) = name else {
            let why = format!("{key:?} is not known here; {} are", known.join(", "));
            return Err(wrong(at, why));
        };
        if out.insert(name.to_owned(), value).is_some() {
            return Err(wrong(at, format!("{name:?} stands here twice")));
        }
    }
    Ok(out)
}

fn several(value: &Value) -> &[Value] {
    match value {
        Value::Array(all) => all,
        one => std::slice::from_ref(one),
    }
}

/// A text, alone or as `{"@id": …}`.
fn named(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Object(object) if object.len() == 1 => object.get("@id")?.as_str(),
        _ => None,
    }
}

struct Reader {
    names: Names,
    /// Rules and constraints so far.
    count: usize,
}

impl Reader {
    fn term(&self, at: &str, value: &Value, sort: &str, known: &[&str]) -> Result<String> {
        let name =
            named(value).ok_or_else(|| wrong(at, format!("{} is no {sort}", short(value))))?;
        let full = match self.names.iri(name) {
            Some(iri) => iri,
            None => format!("{ODRL}{name}"),
        };
        let local = full.strip_prefix(ODRL).or_else(|| full.strip_prefix(CC));
        match local {
            Some(local)
                if known
                    .iter()
                    .all(|list| list.split_whitespace().all(|k| k != local)) =>
            {
                let why = format!(
                    "{name:?} is no {sort} of ODRL 2.2; one is {}",
                    close(local, known)
                );
                Err(wrong(at, why))
            }
            None if NamedNode::new(full.as_str()).is_err() => Err(wrong(
                at,
                format!("{name:?} is neither a {sort} of ODRL nor an IRI"),
            )),
            _ => Ok(full),
        }
    }

    fn counted(&mut self, at: &str) -> Result<()> {
        self.count += 1;
        match self.count > MOST {
            true => Err(wrong(at, format!("more than {MOST} rules and constraints"))),
            false => Ok(()),
        }
    }

    fn rule(&mut self, at: &str, value: &Value, kind: Kind, duty: bool) -> Result<Rule> {
        self.counted(at)?;
        let known: &[&str] = match kind == Kind::Permission {
            true => &["@id", "@type", "action", "constraint", "duty"],
            false => &["@id", "@type", "action", "constraint"],
        };
        let members = members(at, value, &self.names, known)?;
        let Some(action) = members.get("action") else {
            return Err(wrong(at, "a rule says by \"action\" what it is about"));
        };
        let [action] = several(action) else {
            return Err(wrong(
                at,
                "a rule has one action; another one is a rule of its own",
            ));
        };
        let actions = [ACTIONS, CC_ACTIONS];
        let mut rule = Rule::new(
            kind,
            &self.term(&format!("{at}/action"), action, "action", &actions)?,
        );
        for (n, one) in members
            .get("constraint")
            .map_or(&[][..], |v| several(v))
            .iter()
            .enumerate()
        {
            let at = format!("{at}/constraint/{n}");
            rule.constraints.push(self.constraint(&at, one, 0)?);
        }
        for (n, one) in members
            .get("duty")
            .map_or(&[][..], |v| several(v))
            .iter()
            .enumerate()
        {
            let at = format!("{at}/duty/{n}");
            debug_assert!(!duty);
            rule.duties
                .push(self.rule(&at, one, Kind::Obligation, true)?);
        }
        Ok(rule)
    }

    fn constraint(&mut self, at: &str, value: &Value, depth: usize) -> Result<Constraint> {
        self.counted(at)?;
        if depth > DEEP {
            return Err(wrong(
                at,
                format!("constraints lie more than {DEEP} deep in each other"),
            ));
        }
        let known = [
            "@id",
            "@type",
            "leftOperand",
            "operator",
            "rightOperand",
            "and",
            "or",
            "xone",
        ];
        let members = members(at, value, &self.names, &known)?;
        let joins: Vec<&str> = JOINS
            .into_iter()
            .filter(|j| members.contains_key(*j))
            .collect();
        if let [join] = joins[..] {
            if members.contains_key("leftOperand") || members.contains_key("rightOperand") {
                return Err(wrong(
                    at,
                    format!("{join:?} and operands stand in one constraint"),
                ));
            }
            let mut all = Vec::new();
            for (n, one) in several(members[join]).iter().enumerate() {
                all.push(self.constraint(&format!("{at}/{join}/{n}"), one, depth + 1)?);
            }
            return match all.is_empty() {
                true => Err(wrong(at, format!("{join:?} joins nothing"))),
                false => Ok(Constraint::Join(join.to_owned(), all)),
            };
        }
        let part = |name: &str| {
            members
                .get(name)
                .copied()
                .ok_or_else(|| wrong(at, format!("a constraint lacks {name:?}")))
        };
        let left = self.term(
            &format!("{at}/leftOperand"),
            part("leftOperand")?,
            "left operand",
            &[LEFT],
        )?;
        let operator = self.term(
            &format!("{at}/operator"),
            part("operator")?,
            "operator",
            &[OPERATORS],
        )?;
        let Some(operator) = operator.strip_prefix(ODRL) else {
            let why = format!("{operator:?} is no operator; there are {OPERATORS}");
            return Err(wrong(&format!("{at}/operator"), why));
        };
        let right = several(part("rightOperand")?)
            .iter()
            .map(|v| self.operand(&format!("{at}/rightOperand"), v))
            .collect::<Result<Vec<_>>>()?;
        if right.is_empty() {
            return Err(wrong(at, "\"rightOperand\" is empty"));
        }
        Ok(Constraint::Compare {
            left,
            operator: operator.to_owned(),
            right,
        })
    }

    fn operand(&self, at: &str, value: &Value) -> Result<Operand> {
        let typed = |value: &str, datatype: &str| Operand::Text {
            value: value.to_owned(),
            datatype: Some(format!("http://www.w3.org/2001/XMLSchema#{datatype}")),
            language: None,
        };
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        Ok(match value {
            Value::String(text) => Operand::Text {
                value: text.clone(),
                datatype: None,
                language: None,
            },
            Value::Bool(yes) => typed(&yes.to_string(), "boolean"),
            Value::Number(n) if n.is_i64() || n.is_u64() => typed(&n.to_string(), "integer"),
            Value::Number(n) => typed(&n.to_string(), "decimal"),
            Value::Object(_) if text("@id").is_some() => {
                let name = text("@id").unwrap_or_default();
                let full = self
                    .names
                    .iri(name)
                    .filter(|i| NamedNode::new(i.as_str()).is_ok());
                Operand::Iri(full.ok_or_else(|| wrong(at, format!("{name:?} is no IRI")))?)
            }
            Value::Object(object) if object.contains_key("@value") => match &object["@value"] {
                Value::String(value) => {
                    let datatype = match text("@type") {
                        None => None,
                        Some(name) => Some(
                            self.names
                                .iri(name)
                                .filter(|i| NamedNode::new(i.as_str()).is_ok())
                                .ok_or_else(|| wrong(at, format!("{name:?} is no data type")))?,
                        ),
                    };
                    let string = "http://www.w3.org/2001/XMLSchema#string";
                    Operand::Text {
                        value: value.clone(),
                        datatype: datatype.filter(|d| d != string),
                        language: text("@language").map(str::to_owned),
                    }
                }
                scalar @ (Value::Bool(_) | Value::Number(_)) => return self.operand(at, scalar),
                other => return Err(wrong(at, format!("{} is no value", short(other)))),
            },
            other => return Err(wrong(at, format!("{} is no operand", short(other)))),
        })
    }
}

/// The known term that is written most like another.
fn close(local: &str, known: &[&str]) -> String {
    let lower = local.to_lowercase();
    let all = known.iter().flat_map(|list| list.split_whitespace());
    let same = |k: &str| {
        let k = k.to_lowercase();
        k.chars()
            .zip(lower.chars())
            .take_while(|(a, b)| a == b)
            .count()
    };
    all.max_by_key(|k| (same(k), usize::MAX - k.len().abs_diff(local.len())))
        .unwrap_or_default()
        .to_owned()
}

/// Reads a policy. It has to be an offer or a set without target and parties: what it is about is the entry that
/// it is attached to, and who offers it is the one who publishes it.
///
/// # Errors
/// Says where in the policy what was found, and what would be right.
pub fn read(value: &Value) -> Result<Policy> {
    let names = Names::of(value.get("@context"))?;
    let known = [
        "@context",
        "@id",
        "uid",
        "@type",
        "profile",
        "permission",
        "prohibition",
        "obligation",
    ];
    let mut reader = Reader { names, count: 0 };
    let members = members("/", value, &reader.names, &known)?;
    if let Some(class) = members.get("@type") {
        let fits = |v: &Value| {
            let name = v.as_str().and_then(|n| reader.names.key(n));
            matches!(name, Some("Offer" | "Set" | "Policy"))
        };
        if !several(class).iter().any(fits) {
            return Err(wrong(
                "/@type",
                format!("{} where Offer is wanted", short(class)),
            ));
        }
    }
    let id = members.get("@id").or_else(|| members.get("uid"));
    let id = match id {
        None => String::new(),
        Some(value) => {
            let id = value.as_str().filter(|t| !t.is_empty() && t.len() <= 2_000);
            id.ok_or_else(|| wrong("/@id", format!("{} where a text is wanted", short(value))))?
                .to_owned()
        }
    };
    let mut profiles = Vec::new();
    for value in members.get("profile").map_or(&[][..], |v| several(v)) {
        let iri = named(value).and_then(|n| reader.names.iri(n));
        let iri = iri.filter(|i| NamedNode::new(i.as_str()).is_ok());
        profiles.push(iri.ok_or_else(|| wrong("/profile", format!("{} is no IRI", short(value))))?);
    }
    let mut rules = Vec::new();
    for kind in Kind::ALL {
        let name = kind.name();
        for (n, one) in members
            .get(name)
            .map_or(&[][..], |v| several(v))
            .iter()
            .enumerate()
        {
            rules.push(reader.rule(&format!("/{name}/{n}"), one, kind, false)?);
        }
    }
    if !rules.iter().any(|r| r.kind != Kind::Obligation) {
        return Err(wrong(
            "/",
            "there is no permission and no prohibition; one is wanted",
        ));
    }
    Ok(Policy {
        id,
        profiles,
        rules,
    })
}

/// Most policies of an entry.
const POLICIES: usize = 20;

/// Reads the policies of an entry: one, or a list of them; an empty list is none.
///
/// # Errors
/// As [`read`]; there are too many, or two have one name.
pub fn read_all(value: &Value) -> Result<Vec<Policy>> {
    let all = several(value);
    if all.len() > POLICIES {
        let why = format!("{} policies; an entry has at most {POLICIES}", all.len());
        return Err(Error::bad_input(why));
    }
    let mut policies: Vec<Policy> = Vec::new();
    for (n, one) in all.iter().enumerate() {
        let policy = read(one).map_err(|e| match value.is_array() {
            true => Error::bad_input(format!("number {}: {}", n + 1, e.message)),
            false => e,
        })?;
        if !policy.id.is_empty() && policies.iter().any(|p| p.id == policy.id) {
            let why = format!("the @id {:?} stands in two policies", policy.id);
            return Err(Error::bad_input(why));
        }
        policies.push(policy);
    }
    Ok(policies)
}

/// The content of an entry with these policies in the place of those that it has.
pub fn attach(content: &str, entry: &str, policies: &[Policy]) -> String {
    let node = format!("{entry}#policy");
    let mut parts: HashMap<&str, Vec<&str>> = HashMap::new();
    for s in statements(content) {
        if let (Some(subject), Some(target)) = (iri(s.subject), s.target())
            && PARTS.iter().any(|p| s.says(p))
        {
            parts.entry(subject).or_default().push(target);
        }
    }
    // All that was said of the old ones goes with them.
    let mut old: HashSet<&str> = HashSet::new();
    let mut next: Vec<&str> = parts.get(entry).cloned().unwrap_or_default();
    while let Some(part) = next.pop() {
        if part != entry && old.insert(part) {
            next.extend(parts.get(part).into_iter().flatten());
        }
    }
    let stays = |line: &&str| {
        Statement::parse(line).is_none_or(|s| {
            let of_old = iri(s.subject).is_some_and(|subject| old.contains(subject));
            !(of_old || s.about(entry) && s.says("odrl:hasPolicy"))
        })
    };
    let kept: String = lines(content).filter(stays).collect();
    let new = policies.iter().map(|p| match p.id.starts_with(&node) {
        // Its name follows from what it says.
        true => state(
            &Policy {
                id: String::new(),
                ..p.clone()
            },
            entry,
            &node,
        ),
        false => state(p, entry, &node),
    });
    let new: String = new.collect();
    crate::record::sorted(lines(&kept).chain(lines(&new)))
}

/// What leads from an entry to its policies and on into their parts.
const PARTS: [&str; 9] = [
    "odrl:hasPolicy",
    "odrl:permission",
    "odrl:prohibition",
    "odrl:obligation",
    "odrl:duty",
    "odrl:constraint",
    "odrl:and",
    "odrl:or",
    "odrl:xone",
];

/// Statements of a policy as one of an entry: `node` is where its parts are, such as
/// `https://…/resource/air-quality#policy`.
pub fn state(policy: &Policy, entry: &str, node: &str) -> String {
    let version = &hash(&format!("{policy:?}"))[..12];
    // An id that no RDF reader takes for a name stands beside it.
    let is_iri = policy.id.contains(':') && NamedNode::new(policy.id.as_str()).is_ok();
    let name = match is_iri {
        true => policy.id.clone(),
        false => format!("{node}-{version}"),
    };
    let mut out = Statements {
        lines: Lines::default(),
        node: format!("{node}-{version}"),
        next: 0,
    };
    out.lines.link(entry, "odrl:hasPolicy", &name);
    out.lines.link(&name, "rdf:type", &format!("{ODRL}Offer"));
    if !is_iri && !policy.id.is_empty() {
        out.lines.say(
            &name,
            "dct:identifier",
            Literal::new_simple_literal(policy.id.as_str()),
        );
    }
    for profile in &policy.profiles {
        out.lines.link(&name, "odrl:profile", profile);
    }
    for rule in &policy.rules {
        out.rule(&name, rule.kind.name(), rule);
    }
    crate::record::sorted(out.lines.0)
}

struct Statements {
    lines: Lines,
    node: String,
    next: usize,
}

impl Statements {
    fn part(&mut self) -> String {
        self.next += 1;
        format!("{}-{:03}", self.node, self.next)
    }

    fn rule(&mut self, parent: &str, property: &str, rule: &Rule) {
        let node = self.part();
        self.lines.link(parent, &format!("odrl:{property}"), &node);
        let class = match property {
            "permission" => "Permission",
            "prohibition" => "Prohibition",
            _ => "Duty",
        };
        self.lines
            .link(&node, "rdf:type", &format!("{ODRL}{class}"));
        self.lines.link(&node, "odrl:action", &rule.action);
        for constraint in &rule.constraints {
            self.constraint(&node, "constraint", constraint);
        }
        for duty in &rule.duties {
            self.rule(&node, "duty", duty);
        }
    }

    fn constraint(&mut self, parent: &str, property: &str, constraint: &Constraint) {
        let node = self.part();
        self.lines.link(parent, &format!("odrl:{property}"), &node);
        match constraint {
            Constraint::Join(join, all) => {
                for one in all {
                    self.constraint(&node, join, one);
                }
            }
            Constraint::Compare {
                left,
                operator,
                right,
            } => {
                self.lines.link(&node, "odrl:leftOperand", left);
                self.lines
                    .link(&node, "odrl:operator", &format!("{ODRL}{operator}"));
                for operand in right {
                    let term: Term = match operand {
                        Operand::Iri(iri) => NamedNode::new_unchecked(iri.as_str()).into(),
                        Operand::Text {
                            value,
                            language: Some(tag),
                            ..
                        } => Literal::new_language_tagged_literal_unchecked(value, tag).into(),
                        Operand::Text {
                            value,
                            datatype: Some(datatype),
                            ..
                        } => {
                            let datatype = NamedNode::new_unchecked(datatype.as_str());
                            Literal::new_typed_literal(value, datatype).into()
                        }
                        Operand::Text { value, .. } => Literal::new_simple_literal(value).into(),
                    };
                    self.lines.say(&node, "odrl:rightOperand", term);
                }
            }
        }
    }
}

/// The policies that an entry's statements hold, those alone that are whole, in the order of their names.
pub fn policies(content: &str, entry: &str) -> Vec<Policy> {
    let mut about: HashMap<&str, Vec<Statement<'_>>> = HashMap::new();
    // Most entries have none, and need not be sorted by subject.
    if !content.contains("<http://www.w3.org/ns/odrl/2/hasPolicy>") {
        return Vec::new();
    }
    for s in statements(content) {
        if let Some(subject) = iri(s.subject) {
            about.entry(subject).or_default().push(s);
        }
    }
    let reader = Kept { about };
    let names = reader.links(entry, "odrl:hasPolicy");
    names
        .iter()
        .filter_map(|name| reader.policy(name))
        .collect()
}

struct Kept<'c> {
    about: HashMap<&'c str, Vec<Statement<'c>>>,
}

impl<'c> Kept<'c> {
    fn links(&self, subject: &str, property: &str) -> Vec<&'c str> {
        let all = self.about.get(subject).into_iter().flatten();
        all.filter(|s| s.says(property))
            .filter_map(Statement::target)
            .collect()
    }

    fn policy(&self, name: &str) -> Option<Policy> {
        let mut rules = Vec::new();
        for kind in Kind::ALL {
            for node in self.links(name, &format!("odrl:{}", kind.name())) {
                rules.push(self.rule(node, kind)?);
            }
        }
        let written = self
            .about
            .get(name)?
            .iter()
            .find(|s| s.says("dct:identifier"));
        let written = written
            .and_then(|s| literal(s.object))
            .map(|l| l.value().into_owned());
        let whole = rules.iter().any(|r| r.kind != Kind::Obligation);
        whole.then(|| Policy {
            id: written.unwrap_or_else(|| name.to_owned()),
            profiles: self
                .links(name, "odrl:profile")
                .into_iter()
                .map(str::to_owned)
                .collect(),
            rules,
        })
    }

    /// Nothing where a part is missing: what is half of a rule could allow too much.
    fn rule(&self, node: &str, kind: Kind) -> Option<Rule> {
        let mut rule = Rule::new(kind, self.links(node, "odrl:action").first()?);
        for constraint in self.links(node, "odrl:constraint") {
            rule.constraints.push(self.constraint(constraint, 0)?);
        }
        if kind == Kind::Permission {
            for duty in self.links(node, "odrl:duty") {
                rule.duties.push(self.rule(duty, Kind::Obligation)?);
            }
        }
        Some(rule)
    }

    fn constraint(&self, node: &str, depth: usize) -> Option<Constraint> {
        if depth > DEEP {
            return None;
        }
        for join in JOINS {
            let all = self.links(node, &format!("odrl:{join}"));
            if !all.is_empty() {
                let all: Option<Vec<_>> =
                    all.iter().map(|n| self.constraint(n, depth + 1)).collect();
                return Some(Constraint::Join(join.to_owned(), all?));
            }
        }
        let left = self.links(node, "odrl:leftOperand").first()?.to_string();
        let operator = self
            .links(node, "odrl:operator")
            .first()?
            .strip_prefix(ODRL)?;
        if OPERATORS.split_whitespace().all(|o| o != operator) {
            return None;
        }
        let all = self.about.get(node).into_iter().flatten();
        let right: Vec<Operand> = all
            .filter(|s| s.says("odrl:rightOperand"))
            .filter_map(|s| match (s.target(), literal(s.object)) {
                (Some(iri), _) => Some(Operand::Iri(iri.to_owned())),
                (None, Some(text)) => Some(Operand::Text {
                    value: text.value().into_owned(),
                    datatype: text.datatype.map(str::to_owned),
                    language: text.language.map(str::to_owned),
                }),
                (None, None) => None,
            })
            .collect();
        let operator = operator.to_owned();
        (!right.is_empty()).then_some(Constraint::Compare {
            left,
            operator,
            right,
        })
    }
}

/// A policy as an `Offer` of the Dataspace Protocol 2025-1, which speaks of no target.
pub fn offer(policy: &Policy) -> Value {
    let mut out = Map::new();
    out.insert("@id".into(), policy.id.as_str().into());
    out.insert("@type".into(), "Offer".into());
    match &policy.profiles[..] {
        [] => {}
        [one] => {
            out.insert("profile".into(), one.as_str().into());
        }
        all => {
            out.insert("profile".into(), json!(all));
        }
    }
    for rule in &policy.rules {
        push(&mut out, rule.kind.name(), written(rule));
    }
    Value::Object(out)
}

fn push(object: &mut Map<String, Value>, name: &str, value: Value) {
    let all = object
        .entry(name)
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(all) = all {
        all.push(value);
    }
}

/// A term as the protocol's context reads it: `use` alone of the actions is a bare name there.
fn term(iri: &str) -> String {
    match iri.strip_prefix(ODRL) {
        Some("use") => "use".to_owned(),
        Some(local) => format!("odrl:{local}"),
        None => iri.to_owned(),
    }
}

fn written(rule: &Rule) -> Value {
    let mut out = Map::new();
    out.insert("action".into(), term(&rule.action).into());
    for constraint in &rule.constraints {
        push(&mut out, "constraint", compared(constraint));
    }
    for duty in &rule.duties {
        push(&mut out, "duty", written(duty));
    }
    Value::Object(out)
}

fn compared(constraint: &Constraint) -> Value {
    match constraint {
        Constraint::Join(join, all) => {
            json!({ join: all.iter().map(compared).collect::<Vec<_>>() })
        }
        Constraint::Compare {
            left,
            operator,
            right,
        } => {
            let right: Vec<Value> = right.iter().map(operand).collect();
            let right = match <[Value; 1]>::try_from(right) {
                Ok([one]) => one,
                Err(all) => Value::Array(all),
            };
            json!({ "leftOperand": term(left), "operator": operator, "rightOperand": right })
        }
    }
}

fn operand(operand: &Operand) -> Value {
    match operand {
        Operand::Iri(iri) => json!({ "@id": iri }),
        Operand::Text {
            value,
            language: Some(tag),
            ..
        } => {
            json!({ "@value": value, "@language": tag })
        }
        Operand::Text {
            value,
            datatype: Some(datatype),
            ..
        } => {
            json!({ "@value": value, "@type": datatype })
        }
        Operand::Text { value, .. } => value.as_str().into(),
    }
}

/// What the licences known here come to: the licence's IRI, what has to be done, what must not be.
type Terms = HashMap<String, (Vec<String>, Vec<String>)>;

const LICENCES: &str = include_str!("../../data/odrl/licences.csv");

fn terms() -> &'static Terms {
    static TERMS: OnceLock<Terms> = OnceLock::new();
    TERMS.get_or_init(|| {
        let names = Names {
            declared: HashMap::new(),
        };
        let all = |text: &str| -> Vec<String> {
            text.split_whitespace()
                .filter_map(|n| names.iri(n))
                .collect()
        };
        let mut reader = csv::Reader::from_reader(LICENCES.as_bytes());
        let mut out = Terms::new();
        for row in reader.records().flatten() {
            let said = (all(&row[2]), all(&row[3]));
            for (space, name) in [
                (format!("{}licence/", vocab::EU), &row[0]),
                ("http://spdx.org/licenses/".into(), &row[1]),
            ] {
                if !name.is_empty() {
                    out.insert(format!("{space}{name}"), said.clone());
                }
            }
        }
        out
    })
}

/// What a licence that is known here asks to be done, and what it prohibits: IRIs of actions.
pub fn licence_terms(licence: &str) -> Option<(&'static [String], &'static [String])> {
    let (duties, prohibitions) = terms().get(licence)?;
    Some((duties, prohibitions))
}

/// The offer that follows from a licence; none where the licence is not known, since nothing may be
/// promised in its owner's name.
pub fn of_licence(licence: &str, id: String) -> Option<Policy> {
    let (duties, prohibitions) = terms().get(licence)?;
    let mut allowed = Rule::new(Kind::Permission, &format!("{ODRL}use"));
    allowed.duties = duties
        .iter()
        .map(|d| Rule::new(Kind::Obligation, d))
        .collect();
    let forbidden = prohibitions.iter().map(|p| Rule::new(Kind::Prohibition, p));
    Some(Policy {
        id,
        profiles: Vec::new(),
        rules: std::iter::once(allowed).chain(forbidden).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "https://catalogue.invalid/resource/air";

    #[test]
    fn a_policy_comes_back_from_its_statements_as_it_was() {
        let value = json!({
            "@context": ["https://w3id.org/dspace/2025/1/context.jsonld", {"city": "https://city.example/terms#"}],
            "@id": "urn:example:offer:1", "@type": "odrl:Offer", "profile": "https://city.example/profile",
            "permission": [{
                "action": "odrl:read",
                "constraint": [
                    {"leftOperand": "purpose", "operator": "isAnyOf", "rightOperand": ["research", {"@id": "city:planning"}]},
                    {"or": [
                        {"leftOperand": "odrl:dateTime", "operator": "lteq", "rightOperand": {"@value": "2027-12-31", "@type": "xsd:date"}},
                        {"leftOperand": "count", "operator": "lt", "rightOperand": 5}]}],
                "duty": {"action": {"@id": "odrl:attribute"}}}],
            "odrl:prohibition": {"odrl:action": "sell"},
        });
        let policy = read(&value).expect("a policy");
        let content = state(&policy, ENTRY, &format!("{ENTRY}#policy"));
        let kept = policies(&content, ENTRY);
        assert_eq!(kept.len(), 1);
        let (mut was, mut is) = (offer(&policy), offer(&kept[0]));
        // Values of a property are in no order.
        for value in [&mut was, &mut is] {
            value.sort_all_objects();
            let operands = &mut value["permission"][0]["constraint"];
            operands
                .as_array_mut()
                .expect("two")
                .sort_by_key(ToString::to_string);
            let right = &mut operands[0]["rightOperand"];
            if let Some(all) = right.as_array_mut() {
                all.sort_by_key(ToString::to_string);
            }
        }
        assert_eq!(was, is);
        assert_eq!(is["prohibition"][0]["action"], "odrl:sell");
        assert_eq!(is["permission"][0]["duty"][0]["action"], "odrl:attribute");
        // What a reader is given can be read again.
        assert!(read(&is).is_ok(), "{is}");
    }

    #[test]
    fn an_id_that_is_no_iri_is_kept_as_it_is() {
        let policy =
            read(&json!({"@id": "offer 1", "permission": [{"action": "use"}]})).expect("a policy");
        let content = state(&policy, ENTRY, &format!("{ENTRY}#policy"));
        assert_eq!(policies(&content, ENTRY)[0].id, "offer 1");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let compare = |left: &str, operator: &str| {
            json!({"permission": [{"action": "use", "constraint": [
                {"leftOperand": left, "operator": operator, "rightOperand": "x"}]}]})
        };
        let mut deep = json!({"leftOperand": "purpose", "operator": "eq", "rightOperand": "x"});
        for _ in 0..20 {
            deep = json!({"and": [deep]});
        }
        for (value, said) in [
            (json!([]), "an object is wanted"),
            (
                json!({"obligation": [{"action": "use"}]}),
                "no permission and no prohibition",
            ),
            (
                json!({"permission": [{}]}),
                "/permission/0: a rule says by \"action\"",
            ),
            (
                json!({"permission": [{"action": "usse"}]}),
                "\"usse\" is no action of ODRL 2.2; one is use",
            ),
            (
                json!({"permission": [{"action": ["use", "read"]}]}),
                "one action",
            ),
            (
                json!({"permission": [{"action": "use"}], "target": "urn:x"}),
                "\"target\" is not known here",
            ),
            (
                json!({"permission": [{"action": "use", "duties": []}]}),
                "\"duties\" is not known here",
            ),
            (
                json!({"@type": "Agreement", "permission": [{"action": "use"}]}),
                "where Offer is wanted",
            ),
            (compare("purpos", "eq"), "one is purpose"),
            (compare("purpose", "equals"), "is no operator of ODRL 2.2"),
            (
                compare("purpose", "https://x.example/eq"),
                "is no operator; there are",
            ),
            (
                json!({"permission": [{"action": "use", "constraint": [{"leftOperand": "purpose", "operator": "eq"}]}]}),
                "lacks \"rightOperand\"",
            ),
            (
                json!({"permission": [{"action": "use", "constraint": [{"andSequence": []}]}]}),
                "\"andSequence\" is not known",
            ),
            (
                json!({"permission": [{"action": "use", "constraint": [deep]}]}),
                "deep in each other",
            ),
            (
                json!({"permission": vec![json!({"action": "use"}); 500]}),
                "more than 200",
            ),
            (
                json!({"@context": "https://elsewhere.example/", "permission": [{"action": "use"}]}),
                "nothing is fetched",
            ),
        ] {
            let error = read(&value).expect_err(said).message;
            assert!(error.contains(said), "{error}\nwanted: {said}");
        }
    }

    #[test]
    fn licences_come_to_duties_and_nothing_is_promised_for_an_unknown_one() {
        let by =
            of_licence(&format!("{}licence/CC_BY_4_0", vocab::EU), "urn:x".into()).expect("known");
        assert_eq!(
            offer(&by)["permission"],
            json!([{"action": "use", "duty": [{"action": "odrl:attribute"}]}])
        );
        let zero = of_licence("http://spdx.org/licenses/CC0-1.0", "urn:x".into()).expect("known");
        assert_eq!(offer(&zero)["permission"], json!([{"action": "use"}]));
        let nc = of_licence(
            &format!("{}licence/CC_BYNCSA_4_0", vocab::EU),
            "urn:x".into(),
        )
        .expect("known");
        assert_eq!(
            offer(&nc)["prohibition"],
            json!([{"action": format!("{CC}CommericalUse")}])
        );
        assert!(of_licence("https://example.org/our-own-terms", "urn:x".into()).is_none());
        // Whatever the table says is a term of the vocabulary.
        for licence in terms().keys() {
            let value = offer(&of_licence(licence, "urn:x".into()).expect("known"));
            assert!(read(&value).is_ok(), "{licence} {value}");
        }
    }
}
