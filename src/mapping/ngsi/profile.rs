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
    /// Seconds that a registration allows for an answer; 0 says nothing.
    pub timeout: u64,
    /// Old names of types, with a hyphen, can be sent.
    pub legacy: bool,
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
