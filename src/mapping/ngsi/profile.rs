//! What kinds of brokers can hold and how they want to be spoken to, from `data/ngsi/brokers.toml`.
use super::context;
use super::{KINDS, form::Form};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::OnceLock;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Languages {
    Array,
    Map,
}

/// By which names and ids entities are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    #[default]
    DcatAp,
    /// As [`super::idra`] has them.
    Idra,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Tenants {
    Broker,
    Operator,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub languages: Languages,
    /// A Relationship may have several objects.
    pub several: bool,
    /// Entities and kilobytes of one request, and entities of one page of an answer, at most.
    pub batch: usize,
    pub kilobytes: usize,
    pub page: usize,
    pub tenants: Tenants,
    /// It takes @contexts by `POST /jsonldContexts`.
    pub hosted: bool,
    /// A registration asks for no further forwarding.
    pub local_only: bool,
    /// It can hold what Idra reads.
    pub idra: bool,
    /// What the target wants.
    #[serde(skip)]
    pub model: Model,
    /// Seconds that a registration allows for an answer; 0 says nothing.
    pub timeout: u64,
}

/// All profiles by name.
pub fn all() -> &'static BTreeMap<String, Profile> {
    static ALL: OnceLock<BTreeMap<String, Profile>> = OnceLock::new();
    ALL.get_or_init(|| {
        let text = include_str!("../../../data/ngsi/brokers.toml");
        toml::from_str(text).expect("the profiles are complete")
    })
}

impl Profile {
    /// How entities are written for it.
    pub fn form(&self) -> Form {
        Form {
            context: context::Context::ours(),
            maps: self.languages == Languages::Map,
            single: !self.several,
            ..Form::default()
        }
    }

    /// The registration of a context source at `endpoint` (ETSI GS CIM 009, clause 5.2.9): inclusive, for
    /// reading entities alone.
    pub fn registration(&self, id: &str, endpoint: &str) -> Json {
        let types: Vec<Json> = KINDS.iter().map(|k| json!({ "type": k.1 })).collect();
        let mut out = json!({
            "id": id,
            "type": "ContextSourceRegistration",
            "mode": "inclusive",
            "operations": ["retrieveEntity", "queryEntity"],
            "information": [{ "entities": types }],
            "endpoint": endpoint,
        });
        if self.local_only {
            out["management"]["localOnly"] = true.into();
        }
        if self.timeout > 0 {
            out["management"]["timeout"] = self.timeout.into();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Attribute, Content, Entity, Kind, Text};
    use super::*;

    #[test]
    fn an_entity_is_written_as_a_broker_can_hold_it() {
        let texts = [("en", "Air"), ("de", "Luft"), ("en", "Sky")].map(|(tag, text)| Text {
            language: Some(tag.into()),
            text: text.into(),
        });
        let links = |n: usize| Content::Links {
            targets: (0..n).map(|n| format!("https://a.example/{n}")).collect(),
            list: true,
        };
        let attributes = [
            ("title", Content::Texts(texts.into())),
            ("uses", links(2)),
            ("distribution", links(1)),
        ];
        let entity = Entity {
            id: "urn:ngsi-ld:Dataset:a.b".into(),
            kind: Kind::Dataset,
            attributes: attributes
                .map(|(name, content)| Attribute { name, content })
                .into(),
            created: 0,
            modified: 0,
        };
        let written = |profile: &Profile| {
            Json::Object(
                profile
                    .form()
                    .entity(&entity, &|_| None, "https://library.example/"),
            )
        };
        for name in ["generic", "orion-ld", "scorpio", "stellio"] {
            let profile = &all()[name];
            assert!(profile.batch <= 100 && profile.kilobytes <= 900, "{name}");
            let entity = written(profile);
            assert_eq!(
                entity["title"]["value"],
                json!(["Air", "Luft", "Sky"]),
                "{name}"
            );
            assert_eq!(entity["uses"]["object"].as_array().map(Vec::len), Some(2));
        }
        let narrow = Profile {
            languages: Languages::Map,
            several: false,
            ..all()["generic"].clone()
        };
        let entity = written(&narrow);
        let map = json!({ "en": ["Air", "Sky"], "de": "Luft" });
        assert_eq!(
            entity["title"],
            json!({ "type": "LanguageProperty", "languageMap": map })
        );
        assert!(entity.get("uses").is_none());
        assert_eq!(
            entity["distribution"]["object"],
            json!(["https://a.example/0"])
        );
    }
}
