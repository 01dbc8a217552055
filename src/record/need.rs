//! A need: what somebody looks for to go with what they have, in the words of the library. Said as JSON,
//! as an address, as RDF (`mapping::need`), or by the example of a twin.
use super::statement::{links, text};
use super::vocab::{self, EU, LDT};
use super::{Record, slug};
use crate::error::{Error, Result};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, OneOf, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Most wishes of a need, most alternatives of a wish, and the longest value, in bytes.
pub const MOST: usize = 32;
const ALTERNATIVES: usize = 20;
const LONGEST: usize = 300;

/// Most entries that a need says are there already.
const HAD: usize = 500;

/// What a wish is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Aspect {
    DataModels,
    Protocols,
    Interfaces,
    Mims,
    Domains,
    Layers,
    Kinds,
    Licence,
    Access,
    Provenance,
    Operators,
    Countries,
}

impl Aspect {
    pub const ALL: [Self; 12] = [
        Self::DataModels,
        Self::Protocols,
        Self::Interfaces,
        Self::Mims,
        Self::Domains,
        Self::Layers,
        Self::Kinds,
        Self::Licence,
        Self::Access,
        Self::Provenance,
        Self::Operators,
        Self::Countries,
    ];

    /// As JSON, addresses and rules call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::DataModels => "dataModels",
            Self::Protocols => "protocols",
            Self::Interfaces => "interfaces",
            Self::Mims => "mims",
            Self::Domains => "domains",
            Self::Layers => "layers",
            Self::Kinds => "kinds",
            Self::Licence => "licence",
            Self::Access => "access",
            Self::Provenance => "provenance",
            Self::Operators => "operators",
            Self::Countries => "countries",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// Whether a wish names an entry of the library.
    pub fn is_entry(self) -> bool {
        matches!(self, Self::DataModels | Self::Protocols | Self::Interfaces)
    }

    /// Whether it is what an entry can do. The others are on which terms it is had.
    pub fn is_substance(self) -> bool {
        self.is_entry() || matches!(self, Self::Mims | Self::Domains)
    }

    /// Whether one of the values that are listed is enough: an entry has one layer and one operator.
    pub fn is_either(self) -> bool {
        !self.is_substance() && self != Self::Licence
    }

    /// The kinds of the entries that are asked for by name, each with the aspect under which a twin, or a
    /// description that follows such an entry, asks for it.
    pub const KINDS: [(&str, Self); 3] = [
        ("data-model", Self::DataModels),
        ("protocol", Self::Protocols),
        ("standard", Self::Interfaces),
    ];

    pub fn of_kind(kind: &str) -> Option<Self> {
        let found = Self::KINDS.iter().find(|(k, _)| *k == kind);
        found.map(|(_, aspect)| *aspect)
    }

    /// What can be chosen from where that is a short list: each key, with its concept where it has one.
    pub fn choices(self) -> Vec<(String, Option<String>)> {
        if self == Self::Licence {
            return GRANTS.map(|g| (g.to_owned(), None)).into();
        }
        let Some(prefix) = self.concepts() else {
            return Vec::new();
        };
        if matches!(self, Self::Operators | Self::Countries) {
            return Vec::new();
        }
        let mut all: Vec<&str> = vocab::starting(&prefix);
        // In the order of their notations, where they have one.
        all.sort_by_key(|iri| {
            let mut said = vocab::about(iri).iter();
            let notation = said.find(|s| s.says("skos:notation")).map(|s| s.object);
            (notation, *iri)
        });
        all.into_iter()
            .map(|iri| (iri[prefix.len()..].to_owned(), Some(iri.to_owned())))
            .collect()
    }

    /// Where the vocabulary keeps what can be asked for: what stands before a key.
    fn concepts(self) -> Option<String> {
        let name = match self {
            Self::Mims => "mim",
            Self::Domains => "domain",
            Self::Layers => "layer",
            Self::Kinds => "kind",
            Self::Provenance => "origin",
            Self::Access => return Some(format!("{EU}access-right/")),
            Self::Countries => return Some(format!("{EU}country/")),
            Self::Operators => return Some("http://purl.org/adms/publishertype/".into()),
            _ => return None,
        };
        Some(format!("{LDT}{name}-"))
    }
}

/// How much a wish matters.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Puts those first who have it.
    Preferred,
    /// An entry without it takes adapting.
    #[default]
    Wanted,
    /// An entry without it is of no use.
    Required,
}

impl Strength {
    pub const ALL: [Self; 3] = [Self::Required, Self::Wanted, Self::Preferred];

    pub fn name(self) -> &'static str {
        match self {
            Self::Preferred => "preferred",
            Self::Wanted => "wanted",
            Self::Required => "required",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// One wish: a value, or several of which one is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub any_of: Vec<String>,
    pub strength: Strength,
}

impl Wish {
    pub fn new(value: impl Into<String>, strength: Strength) -> Self {
        Self {
            any_of: vec![value.into()],
            strength,
        }
    }
}

impl PartialSchema for Wish {
    fn schema() -> RefOr<Schema> {
        let text = || Object::builder().schema_type(Type::String);
        let strength = Strength::ALL.map(Strength::name);
        let whole = Object::builder()
            .property("value", text())
            .property("anyOf", text().to_array_builder())
            .property("strength", text().enum_values(Some(strength)))
            .description(Some(
                "Either `value`, or `anyOf` with several of which one is enough.",
            ));
        OneOf::builder().item(text()).item(whole).into()
    }
}

impl ToSchema for Wish {}

impl<'de> Deserialize<'de> for Wish {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        use serde_json::Value;
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            // MIMs have numbers.
            Value::Number(number) => Ok(number.to_string()),
            other => {
                let found = super::short_json(other);
                Err(D::Error::custom(format!("{found} where a text is wanted")))
            }
        };
        let value = Value::deserialize(deserializer)?;
        let Value::Object(members) = &value else {
            return Ok(Self::new(text(&value)?, Strength::default()));
        };
        let mut wish = Self {
            any_of: Vec::new(),
            strength: Strength::default(),
        };
        for (name, value) in members {
            match (name.as_str(), value) {
                ("value", value) => wish.any_of.push(text(value)?),
                ("anyOf", Value::Array(all)) => {
                    for one in all {
                        wish.any_of.push(text(one)?);
                    }
                }
                ("strength", value) => {
                    let known = value.as_str().and_then(Strength::named);
                    wish.strength = known.ok_or_else(|| {
                        let found = super::short_json(value);
                        D::Error::custom(format!(
                            "strength is {found}; required, wanted or preferred is wanted"
                        ))
                    })?;
                }
                (name, value) => {
                    let found = super::short_json(value);
                    return Err(D::Error::custom(format!(
                        "{name:?} with {found} is not known in a wish; value, anyOf (a list) and strength are"
                    )));
                }
            }
        }
        match wish.any_of.is_empty() {
            true => Err(D::Error::custom(
                "a wish has a value, or anyOf with several",
            )),
            false => Ok(wish),
        }
    }
}

impl Serialize for Wish {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let value = match &self.any_of[..] {
            [one] => serde_json::json!({"value": one, "strength": self.strength}),
            all => serde_json::json!({"anyOf": all, "strength": self.strength}),
        };
        value.serialize(serializer)
    }
}

/// A need. Every list may be left out. A wish is a text, or an object with `value` or `anyOf` and `strength`
/// (`required`, `wanted` or `preferred`; `wanted` where it is left out).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Need {
    /// What the need is called.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The twin that asks: what it uses is there already, and what it asks for follows from it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub twin: String,
    /// Data models, each by the local name, short name or IRI of its entry, or by an IRI that no entry has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data_models: Vec<Wish>,
    /// Protocols, named in the same way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protocols: Vec<Wish>,
    /// Interfaces and formats, named in the same way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<Wish>,
    /// `MIM0` to `MIM8`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mims: Vec<Wish>,
    /// Fields of city life, such as `energy`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<Wish>,
    /// Layers, such as `connectivity`; one of those that are listed is enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Wish>,
    /// Categories, such as `tool`; one is enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<Wish>,
    /// `open`, `commercial-use`, `changes`, `sharing`, `no-share-alike`, an SPDX identifier, or the IRI of a licence or
    /// of an action of ODRL that is to be allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub licence: Vec<Wish>,
    /// `PUBLIC`, `RESTRICTED` or `NON_PUBLIC`; one is enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<Wish>,
    /// Where entries come from: a programme such as `data-spaces`, or a source of the catalogue; one is enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provenance: Vec<Wish>,
    /// Who maintains or operates them: a name, or a kind such as `LocalAuthority`; one is enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<Wish>,
    /// Codes of three letters, such as `LUX`; one is enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub countries: Vec<Wish>,
    /// Entries that are there already: they are left out, and no missing pieces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub have: Vec<String>,
}

/// One thing that is asked of every entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    pub aspect: Aspect,
    /// Of which one is enough: IRIs, or words where the vocabulary has none.
    pub any_of: Vec<String>,
    pub strength: Strength,
}

/// Terms of a licence that can be asked for by name.
pub const GRANTS: [&str; 5] = [
    "open",
    "commercial-use",
    "changes",
    "sharing",
    "no-share-alike",
];

impl Need {
    pub fn wishes(&self, aspect: Aspect) -> &Vec<Wish> {
        match aspect {
            Aspect::DataModels => &self.data_models,
            Aspect::Protocols => &self.protocols,
            Aspect::Interfaces => &self.interfaces,
            Aspect::Mims => &self.mims,
            Aspect::Domains => &self.domains,
            Aspect::Layers => &self.layers,
            Aspect::Kinds => &self.kinds,
            Aspect::Licence => &self.licence,
            Aspect::Access => &self.access,
            Aspect::Provenance => &self.provenance,
            Aspect::Operators => &self.operators,
            Aspect::Countries => &self.countries,
        }
    }

    pub fn wishes_mut(&mut self, aspect: Aspect) -> &mut Vec<Wish> {
        match aspect {
            Aspect::DataModels => &mut self.data_models,
            Aspect::Protocols => &mut self.protocols,
            Aspect::Interfaces => &mut self.interfaces,
            Aspect::Mims => &mut self.mims,
            Aspect::Domains => &mut self.domains,
            Aspect::Layers => &mut self.layers,
            Aspect::Kinds => &mut self.kinds,
            Aspect::Licence => &mut self.licence,
            Aspect::Access => &mut self.access,
            Aspect::Provenance => &mut self.provenance,
            Aspect::Operators => &mut self.operators,
            Aspect::Countries => &mut self.countries,
        }
    }

    /// Wishes for something that is not wished for yet.
    pub fn wish(&mut self, aspect: Aspect, value: impl Into<String>, strength: Strength) {
        let (value, all) = (value.into(), self.wishes_mut(aspect));
        if !all.iter().any(|w| w.any_of.contains(&value)) {
            all.push(Wish::new(value, strength));
        }
    }

    /// Reads the pairs of an address: a name of an aspect with values apart by commas, its name with
    /// `-strength`, `have`, `twin` and `title`. Other names are none of our business.
    ///
    /// # Errors
    /// A strength that is none.
    pub fn of_pairs(pairs: &[(String, String)]) -> Result<Self> {
        let mut need = Self::default();
        let values = |text: &str| -> Vec<String> {
            let values = text.split([',', '\n']).map(str::trim);
            values
                .filter(|v| !v.is_empty())
                .map(str::to_owned)
                .collect()
        };
        for (name, value) in pairs {
            match name.as_str() {
                "title" => value.trim().clone_into(&mut need.title),
                "twin" => value.trim().clone_into(&mut need.twin),
                "have" => need.have.extend(values(value)),
                name => {
                    if let Some(aspect) = Aspect::named(name) {
                        for value in values(value) {
                            need.wish(aspect, value, Strength::default());
                        }
                    }
                }
            }
        }
        for (name, value) in pairs {
            let aspect = name.strip_suffix("-strength").and_then(Aspect::named);
            let Some(aspect) = aspect.filter(|_| !value.is_empty()) else {
                continue;
            };
            let strength = Strength::named(value).ok_or_else(|| {
                let value: String = value.chars().take(80).collect();
                Error::bad_input(format!(
                    "{name} is {value:?}; required, wanted or preferred is wanted"
                ))
            })?;
            for wish in need.wishes_mut(aspect) {
                wish.strength = strength;
            }
        }
        Ok(need)
    }

    /// The pairs of the address that asks for this, as far as an address can: its wishes for an aspect are
    /// all as strong as the strongest.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("title".to_owned(), self.title.clone()),
            ("twin".to_owned(), self.twin.clone()),
        ];
        for aspect in Aspect::ALL {
            let wishes = self.wishes(aspect);
            for value in wishes.iter().flat_map(|w| &w.any_of) {
                pairs.push((aspect.name().to_owned(), value.clone()));
            }
            let strongest = wishes.iter().map(|w| w.strength).max();
            if let Some(strength) = strongest.filter(|s| *s != Strength::default()) {
                let name = format!("{}-strength", aspect.name());
                pairs.push((name, strength.name().to_owned()));
            }
        }
        pairs.extend(self.have.iter().map(|h| ("have".to_owned(), h.clone())));
        pairs.retain(|(_, value)| !value.is_empty());
        pairs
    }

    /// Takes in what another need asks for.
    pub fn join(&mut self, other: Self) {
        for aspect in Aspect::ALL {
            for wish in other.wishes(aspect) {
                let own = self.wishes_mut(aspect);
                if !own.iter().any(|w| w.any_of == wish.any_of) {
                    own.push(wish.clone());
                }
            }
        }
        for had in other.have {
            if !self.have.contains(&had) {
                self.have.push(had);
            }
        }
        if self.title.is_empty() {
            self.title = other.title;
        }
    }

    /// What a twin asks of what is to go with it. What it uses or considers is asked for by its kind
    /// (`kind_of` an IRI, where it is known): models, protocols and interfaces are wanted. Its MIMs are wanted
    /// where it names nothing of these, and preferred else; so are its domains.
    pub fn of_twin(twin: &Record, kind_of: impl Fn(&str) -> Option<String>) -> Self {
        let (content, iri) = (twin.content.as_str(), twin.iri.as_str());
        let title = text(content, iri, "dct:title").unwrap_or_default();
        let mut need = Self {
            title: title.into_owned(),
            twin: twin.slug.clone(),
            ..Self::default()
        };
        for property in [
            "ldt:uses",
            "dct:conformsTo",
            "ldt:considers",
            "ldt:implements",
        ] {
            for other in links(content, iri, property) {
                if property != "ldt:considers" {
                    need.have.push(other.to_owned());
                }
                if let Some(aspect) = kind_of(other).as_deref().and_then(Aspect::of_kind) {
                    need.wish(aspect, other, Strength::Wanted);
                }
            }
        }
        let technical = Aspect::ALL.iter().any(|a| !need.wishes(*a).is_empty());
        let strength = match technical {
            true => Strength::Preferred,
            false => Strength::Wanted,
        };
        for (aspect, property) in [(Aspect::Mims, "ldt:mim"), (Aspect::Domains, "ldt:domain")] {
            // Only twins name domains: nothing lacks one.
            let strength = match aspect {
                Aspect::Mims => strength,
                _ => Strength::Preferred,
            };
            for concept in links(content, iri, property) {
                need.wish(aspect, concept, strength);
            }
        }
        need.have.push(iri.to_owned());
        need
    }

    /// What is asked of every entry, with IRIs in the place of keys and labels of the vocabularies. What
    /// entries are called is looked up by who knows the library.
    ///
    /// # Errors
    /// Names a value that is none, with what would be right; or that nothing, or too much, is asked for.
    pub fn asks(&self) -> Result<Vec<Ask>> {
        let mut asks: Vec<Ask> = Vec::new();
        for aspect in Aspect::ALL {
            for wish in self.wishes(aspect) {
                if wish.any_of.len() > ALTERNATIVES {
                    let found = wish.any_of.len();
                    return Err(Error::bad_input(format!(
                        "{}: a wish has {found} alternatives; {ALTERNATIVES} are the most",
                        aspect.name()
                    )));
                }
                let values = wish.any_of.iter().map(|v| value(aspect, v));
                let ask = Ask {
                    aspect,
                    any_of: values.collect::<Result<_>>()?,
                    strength: wish.strength,
                };
                let beside = asks.iter_mut().find(|a| {
                    aspect.is_either() && a.aspect == aspect && a.strength == ask.strength
                });
                match beside {
                    Some(beside) => beside.any_of.extend(ask.any_of),
                    None => asks.push(ask),
                }
            }
        }
        if asks.is_empty() {
            let names = Aspect::ALL.map(Aspect::name).join(", ");
            return Err(Error::bad_input(format!(
                "the need asks for nothing; at least one of {names} is wanted, or the id of a twin"
            )));
        }
        if asks.len() > MOST || self.have.len() > HAD {
            return Err(Error::bad_input(format!(
                "the need asks for {} things and has {}; {MOST} and {HAD} are the most",
                asks.len(),
                self.have.len()
            )));
        }
        Ok(asks)
    }
}

/// A value as it is compared.
fn value(aspect: Aspect, said: &str) -> Result<String> {
    let said = said.trim();
    if said.is_empty() || said.len() > LONGEST {
        return Err(Error::bad_input(format!(
            "{}: a value has {} bytes; 1 to {LONGEST} are wanted",
            aspect.name(),
            said.len()
        )));
    }
    let is_iri = said.contains("://") || said.starts_with("urn:");
    let Some(prefix) = aspect.concepts().filter(|_| !is_iri) else {
        return Ok(said.to_owned());
    };
    // Concepts of our own are known by keys such as `data-management`, codes of others as they are.
    let key = match prefix.starts_with(LDT) {
        true => {
            let key = slug(said);
            let key = key.strip_prefix("mim").unwrap_or(&key);
            key.trim_start_matches('-').to_owned()
        }
        false => said.to_owned(),
    };
    for key in [key.clone(), key.to_uppercase()] {
        let concept = format!("{prefix}{key}");
        if vocab::label(&concept).is_some() {
            return Ok(concept);
        }
    }
    let all: Vec<(&str, &str)> = vocab::starting(&prefix)
        .into_iter()
        .filter_map(|iri| Some((iri, vocab::label(iri)?)))
        .collect();
    let alike = |label: &str| slug(label) == slug(said);
    if let Some((iri, _)) = all
        .iter()
        .find(|(iri, label)| alike(label) || alike(&iri[prefix.len()..]))
    {
        return Ok((*iri).to_owned());
    }
    match aspect {
        // Names of people and sources are in no vocabulary.
        Aspect::Operators | Aspect::Provenance => Ok(said.to_owned()),
        _ => {
            let mut keys: Vec<&str> = all.iter().map(|(iri, _)| &iri[prefix.len()..]).collect();
            keys.sort_unstable();
            Err(Error::bad_input(format!(
                "{}: {said:?} is not known; one of {} is wanted",
                aspect.name(),
                keys.join(", ")
            )))
        }
    }
}

/// What a value is called: a concept by its label, a licence by its code, all else as it was said.
pub fn label(value: &str) -> String {
    if let Some(label) = vocab::label(value) {
        return label.to_owned();
    }
    let tail = value.trim_end_matches('/').rsplit(['/', '#']).next();
    match (value.contains("://"), tail) {
        (true, Some(tail)) => tail.to_owned(),
        _ => value.to_owned(),
    }
}

/// The kind of a record, as addresses name it.
pub fn kind(record: &Record) -> Option<&str> {
    let mut kinds = links(&record.content, &record.iri, "dct:type");
    kinds.find_map(|k| k.strip_prefix(LDT)?.strip_prefix("kind-"))
}
