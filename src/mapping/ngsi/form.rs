//! Entities written out: normalized, concise and simplified (ETSI GS CIM 009, clauses 4.5.4 and 4.5.1),
//! and as GeoJSON features (4.5.16).
use super::context::Context;
use super::{Content, Entity, Scalar, Text, time};
use crate::record::vocab::BASE;
use serde_json::{Map, Value as Json, json};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    #[default]
    Normalized,
    Concise,
    /// Known as `keyValues`, too.
    Simplified,
}

/// How an answer is written.
#[derive(Clone, Debug, Default)]
pub struct Form {
    pub shape: Shape,
    pub context: Context,
    /// With createdAt and modifiedAt.
    pub times: bool,
    /// Texts in one of these languages alone, the best first; `*` is any.
    pub languages: Vec<String>,
    /// Texts as LanguageProperty.
    pub maps: bool,
    /// Relationships to several are left out.
    pub single: bool,
    /// Names of ours that are written; all where there are none.
    pub only: Option<Vec<String>>,
    /// Names of ours that are not.
    pub without: Vec<String>,
}

/// Finds the id of the entity that an IRI names, where there is one.
pub type Names<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a list of languages as in `lang` (RFC 9110, section 12.5.4).
pub fn languages(text: &str) -> Vec<String> {
    let mut all: Vec<(f32, String)> = Vec::new();
    for part in text.split(',') {
        let mut pieces = part.split(';').map(str::trim);
        let tag = pieces.next().unwrap_or_default().to_ascii_lowercase();
        let q = pieces.find_map(|p| p.strip_prefix("q=")?.parse().ok());
        if !tag.is_empty() {
            all.push((q.unwrap_or(1.0), tag));
        }
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().map(|(_, tag)| tag).collect()
}

impl Form {
    fn writes(&self, name: &str) -> bool {
        let wanted = self.only.as_ref();
        wanted.is_none_or(|only| only.iter().any(|n| n == name))
            && !self.without.iter().any(|n| n == name)
    }

    /// An entity as a JSON object, without @context.
    pub fn entity(&self, entity: &Entity, names: Names<'_>, public_url: &str) -> Map<String, Json> {
        let mut out = Map::new();
        if self.writes("id") {
            out.insert("id".into(), entity.id.as_str().into());
        }
        if self.writes("type") {
            let kind = self.context.compact(entity.kind.name());
            out.insert("type".into(), kind.into());
        }
        if self.times {
            for (name, at) in [
                ("createdAt", entity.created),
                ("modifiedAt", entity.modified),
            ] {
                if at > 0 && self.writes(name) {
                    out.insert(name.into(), time(at).into());
                }
            }
        }
        let writer = Writer {
            form: self,
            entity,
            names,
            public_url,
        };
        for attribute in entity.attributes.iter().filter(|a| self.writes(a.name)) {
            if let Some(json) = writer.content(&attribute.content) {
                out.insert(self.context.compact(attribute.name), json);
            }
        }
        out
    }

    /// An entity as a GeoJSON feature; `geometry` is our name of the attribute that tells where it is.
    pub fn feature(
        &self,
        entity: &Entity,
        names: Names<'_>,
        public_url: &str,
        geometry: &str,
    ) -> Json {
        let mut properties = self.entity(entity, names, public_url);
        properties.remove("id");
        let place = match entity.get(geometry) {
            Some(Content::Place(place)) => place.clone(),
            _ => Json::Null,
        };
        json!({
            "id": entity.id,
            "type": "Feature",
            "geometry": place,
            "properties": properties,
        })
    }
}

struct Writer<'w> {
    form: &'w Form,
    entity: &'w Entity,
    names: Names<'w>,
    public_url: &'w str,
}

impl Writer<'_> {
    fn content(&self, content: &Content) -> Option<Json> {
        Some(match content {
            Content::Values { values, list } => {
                let all: Vec<Json> = values.iter().map(|v| self.scalar(v, *list)).collect();
                self.property("Property", "value", some(all, *list)?)
            }
            Content::Texts(texts) if !self.form.languages.is_empty() => self.chosen(texts)?,
            Content::Texts(texts) if self.form.maps => {
                self.property("LanguageProperty", "languageMap", language_map(texts))
            }
            Content::Texts(texts) => {
                // What is said the same way in two languages, or in one and in none, is one value.
                let mut all: Vec<&str> = Vec::new();
                for text in texts {
                    if !all.contains(&text.text.as_str()) {
                        all.push(&text.text);
                    }
                }
                let all = all.into_iter().map(Json::from).collect();
                self.property("Property", "value", some(all, true)?)
            }
            Content::Links { targets, list } => {
                if self.form.single && targets.len() > 1 {
                    return None;
                }
                let all = targets.iter().map(|t| self.target(t).into()).collect();
                self.property("Relationship", "object", some(all, *list)?)
            }
            Content::Place(geometry) => self.property("GeoProperty", "value", geometry.clone()),
        })
    }

    fn property(&self, kind: &str, member: &str, value: Json) -> Json {
        let mut out = Map::new();
        match self.form.shape {
            Shape::Simplified if kind == "LanguageProperty" => {
                return json!({ "languageMap": value });
            }
            Shape::Simplified => return value,
            // What it is can be seen from its value (clause 4.5.4), and so can a geometry.
            Shape::Concise if kind == "GeoProperty" && !self.form.times => return value,
            Shape::Concise if kind == "Property" && !self.form.times && !value.is_object() => {
                return value;
            }
            Shape::Concise => {}
            Shape::Normalized => {
                out.insert("type".into(), kind.into());
            }
        }
        out.insert(member.into(), value);
        if self.form.times {
            for (name, at) in [
                ("createdAt", self.entity.created),
                ("modifiedAt", self.entity.modified),
            ] {
                if at > 0 {
                    out.insert(name.into(), time(at).into());
                }
            }
        }
        Json::Object(out)
    }

    /// The text in the language that is asked for, and which one that is.
    fn chosen(&self, texts: &[Text]) -> Option<Json> {
        let is = |t: &&Text, tag: &str| {
            let own = t.language.as_deref().unwrap_or("en").to_ascii_lowercase();
            let rest = own.strip_prefix(tag);
            tag == "*" || rest.is_some_and(|r| r.is_empty() || r.starts_with('-'))
        };
        let wanted = self.form.languages.iter();
        let best = wanted
            .filter_map(|tag| texts.iter().find(|t| is(t, tag)))
            .next()
            .or(texts.first())?;
        let same = texts.iter().filter(|t| t.language == best.language);
        let all: Vec<Json> = same.map(|t| t.text.as_str().into()).collect();
        let mut json = self.property("Property", "value", some(all, false)?);
        let tag = best.language.as_deref().unwrap_or("en");
        if self.form.shape == Shape::Simplified {
            return Some(json);
        }
        if !json.is_object() {
            json = json!({ "value": json });
        }
        json["lang"] = tag.into();
        Some(json)
    }

    fn scalar(&self, scalar: &Scalar, list: bool) -> Json {
        match scalar {
            Scalar::Text(text) => text.as_str().into(),
            // A whole number is written as one.
            Scalar::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => json!(*n as i64),
            Scalar::Number(n) => json!(n),
            Scalar::Time(at) if list || self.form.shape == Shape::Simplified => time(*at).into(),
            Scalar::Time(at) => json!({ "@type": "DateTime", "@value": time(*at) }),
            Scalar::Pointer(iri) => self.target(iri).into(),
        }
    }

    /// The id of an entity of ours, else the IRI.
    fn target(&self, iri: &str) -> String {
        (self.names)(iri).unwrap_or_else(|| match iri.strip_prefix(BASE) {
            Some(rest) => format!("{}{rest}", self.public_url),
            None => iri.to_owned(),
        })
    }
}

/// One value, or a list where one is wanted or there are more.
fn some(mut all: Vec<Json>, list: bool) -> Option<Json> {
    match all.len() {
        0 => None,
        1 if !list => all.pop(),
        _ => Some(Json::Array(all)),
    }
}

fn language_map(texts: &[Text]) -> Json {
    let mut map: Map<String, Json> = Map::new();
    for text in texts {
        let tag = text.language.as_deref().unwrap_or("@none");
        let value = Json::from(text.text.as_str());
        match map.get_mut(tag) {
            None => {
                map.insert(tag.to_owned(), value);
            }
            Some(Json::Array(all)) => all.push(value),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    Json::Object(map)
}
