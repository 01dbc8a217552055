//! Settings: the embedded default file, then a file, then the environment, then the command line.
use crate::error::{Error, Result};
use crate::mapping::dcat::About;
use crate::publish::Target;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

/// The manual of all settings.
pub const DEFAULTS: &str = include_str!("../data/config.default.toml");

/// What the name of each environment variable of ours begins with.
const VARIABLE: &str = "LDT_CATALOGUE_";

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub ledger: Ledger,
    pub catalogue: About,
    pub import: Import,
    pub sparql: Sparql,
    pub suggestions: Suggestions,
    pub sign_in: SignIn,
    pub links: Links,
    pub ngsi: Ngsi,
    pub dsp: Dsp,
    pub publish: Publish,
    pub feeds: Feeds,
    pub log: Log,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub listen: String,
    /// As configured; [`Config::public_url`] is what to use.
    pub public_url: String,
    pub body_megabytes: usize,
    pub drain_seconds: u64,
    pub patience_seconds: u64,
    pub connections: usize,
    pub connections_per_client: usize,
    pub requests_per_minute: u32,
    /// Addresses, apart by commas; [`Config::proxies`] is what to use.
    pub trusted_proxies: String,
    /// Sources of the policy's `frame-ancestors`, apart by spaces.
    pub frame_ancestors: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    pub url: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    pub source_megabytes: u64,
    pub fetch_seconds: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sparql {
    pub query_kilobytes: usize,
    pub time_seconds: u64,
    pub memory_megabytes: usize,
    pub result_megabytes: usize,
    pub concurrent: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suggestions {
    pub per_hour: u32,
    pub waiting: i64,
    pub contact_days: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub issuer: String,
    pub name: String,
    pub client_id: String,
    pub client_secret: String,
    pub scopes: String,
    pub name_claim: String,
    pub role_claim: String,
    /// Names of roles at the provider, apart by commas; so are the next two.
    pub contributor: String,
    pub moderator: String,
    pub administrator: String,
    pub audience: String,
    pub token_issuer: String,
    pub signed_with: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Links {
    pub check: bool,
    pub interval_hours: u32,
    pub concurrent: usize,
    pub delay_milliseconds: u64,
    pub seconds: u64,
    /// Addresses in private networks may be asked.
    pub private: bool,
}

/// The catalogue in data spaces.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dsp {
    pub library: bool,
    pub participant: String,
    pub readers: String,
    /// Entries on a page, where a request does not say how many.
    pub page: usize,
    /// Data sets that the catalogue of another participant shows.
    pub nested: usize,
}

/// The context brokers that are fed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Whether a running service follows the ledger for them.
    pub follow: bool,
    pub targets: Vec<Target>,
}

impl Publish {
    /// The target of a name.
    ///
    /// # Errors
    /// None has it; those that are there are named.
    pub fn target(&self, name: &str) -> Result<&Target> {
        self.targets.iter().find(|t| t.name == name).ok_or_else(|| {
            let all: Vec<&str> = self.targets.iter().map(|t| t.name.as_str()).collect();
            Error::bad_input(match all.is_empty() {
                true => format!(
                    "there is no target {name:?}: the settings name none in [[publish.targets]]"
                ),
                false => format!("there is no target {name:?}: there are {}", all.join(", ")),
            })
        })
    }

    /// # Errors
    /// Names the setting of a target that is wrong, or the name that two have.
    pub fn check(&self) -> Result<()> {
        for (n, target) in self.targets.iter().enumerate() {
            target.profile()?;
            if self.targets[..n].iter().any(|t| t.name == target.name) {
                let name = &target.name;
                return Err(Error::bad_input(format!(
                    "two publish targets are called {name:?}"
                )));
            }
        }
        Ok(())
    }
}

/// What those who follow the catalogue are told, and how many of them are told by themselves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feeds {
    /// `adminEmail` of OAI-PMH; empty for the webmaster of the host.
    pub email: String,
    /// At most so many subscriptions; 0 for no hub.
    pub subscribers: i64,
    pub pause_seconds: u32,
    /// Callbacks may be in private networks.
    pub private: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ngsi {
    /// Begins the local part of each entity's id; empty for one of the installation.
    pub id_prefix: String,
    /// Texts are LanguageProperties.
    pub language_maps: bool,
    pub context_seconds: u64,
    pub context_kilobytes: u64,
    /// Contexts may be fetched from private networks.
    pub private: bool,
    /// Whoever is unknown may subscribe, too.
    pub open_subscriptions: bool,
    /// Subscriptions in all.
    pub subscriptions: i64,
    /// Notifications may go into private networks.
    pub private_endpoints: bool,
    /// How long a notification is tried, and how many wait for one endpoint.
    pub notification_hours: u32,
    pub notifications: i64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: String,
    pub format: String,
}

impl Config {
    /// Reads the settings; `variables` are those of the environment.
    ///
    /// # Errors
    /// Names the setting that is unknown or has the wrong type.
    pub fn read(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut settings: Table = DEFAULTS.parse().map_err(Error::internal)?;
        if let Some(path) = file {
            let named =
                |e: &dyn std::fmt::Display| Error::bad_input(format!("{}: {e}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|e| named(&e))?;
            let given: Table = text.parse().map_err(|e| named(&e))?;
            for (section, values) in given {
                let known = settings.get_mut(&section).and_then(Value::as_table_mut);
                let (Some(known), Some(values)) = (known, values.as_table()) else {
                    return Err(named(&format!("there is no section [{section}]")));
                };
                for (name, value) in values {
                    known.insert(name.clone(), value.clone());
                }
            }
        }
        let mut variables: BTreeMap<String, String> = variables
            .into_iter()
            .filter(|(key, _)| key.starts_with(VARIABLE))
            .collect();
        for (section, values) in &mut settings {
            for (name, value) in values.as_table_mut().into_iter().flatten() {
                let key = format!("{VARIABLE}{section}_{name}").to_uppercase();
                if let Some(text) = variables.remove(&key) {
                    *value = match value {
                        Value::Integer(_) => Value::Integer(text.parse().map_err(|_| {
                            Error::bad_input(format!("{key} is {text:?}; a whole number is wanted"))
                        })?),
                        Value::Boolean(_) => Value::Boolean(text.parse().map_err(|_| {
                            Error::bad_input(format!("{key} is {text:?}; true or false is wanted"))
                        })?),
                        _ => Value::String(text),
                    };
                }
            }
        }
        if let Some(key) = variables.keys().next() {
            return Err(Error::bad_input(format!(
                "{key} is the name of no setting; they are {VARIABLE}SECTION_NAME, and `config` prints all"
            )));
        }
        settings
            .try_into()
            .map_err(|e| Error::bad_input(format!("configuration: {e}")))
    }

    /// Addresses of proxies whose word on a client's address is taken.
    ///
    /// # Errors
    /// One of them is no IP address.
    pub fn proxies(&self) -> Result<Vec<std::net::IpAddr>> {
        let all = self.server.trusted_proxies.split(',').map(str::trim);
        all.filter(|p| !p.is_empty())
            .map(|p| {
                p.parse().map_err(|_| {
                    Error::bad_input(format!(
                        "trusted_proxies has {p:?}; an IP address is wanted"
                    ))
                })
            })
            .collect()
    }

    /// What ids of entities begin with.
    ///
    /// # Errors
    /// It holds what an id cannot.
    pub fn id_prefix(&self) -> Result<&str> {
        let prefix = self.ngsi.id_prefix.as_str();
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"_~-".contains(&c);
        if prefix.len() <= 40 && prefix.bytes().all(plain) {
            return Ok(prefix);
        }
        Err(Error::bad_input(format!(
            "id_prefix is {prefix:?}; at most 40 of A-Z, a-z, 0-9, _, ~ and - are wanted"
        )))
    }

    /// The address that readers use, ending in a slash.
    ///
    /// # Errors
    /// It is no http or https address.
    pub fn public_url(&self) -> Result<String> {
        let given = match self.server.public_url.as_str() {
            "" => format!("http://{}", self.server.listen),
            url => url.to_owned(),
        };
        let url = format!("{}/", given.trim_end_matches('/'));
        // Clients write an address in its normal form, and ours has to be what they ask for.
        let normal = reqwest::Url::parse(&url).ok().filter(|u| {
            matches!(u.scheme(), "http" | "https")
                && u.username().is_empty()
                && !u.path().contains("//")
        });
        match normal {
            Some(normal) if normal.as_str() == url && !url.contains(['?', '#']) => Ok(url),
            Some(normal) if !url.contains(['?', '#']) => Err(Error::bad_input(format!(
                "public_url is {given:?}, which clients write as {normal}; use that"
            ))),
            _ => Err(Error::bad_input(format!(
                "public_url is {given:?}; an http or https address without query is wanted"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_holds_every_setting_and_the_environment_wins() {
        let with = |pairs: &[(&str, &str)]| {
            let own = |(k, v): &(&str, &str)| (format!("{VARIABLE}{k}"), (*v).to_owned());
            let other = ("PATH".to_owned(), "/bin".to_owned());
            Config::read(None, pairs.iter().map(own).chain([other]))
        };
        let plain = with(&[]).expect("the defaults are complete");
        assert_eq!(plain.public_url().unwrap(), "http://127.0.0.1:8080/");
        let set = with(&[
            ("SERVER_PUBLIC_URL", "https://library.example/ldt"),
            ("SPARQL_TIME_SECONDS", "3"),
        ]);
        let set = set.expect("both are known");
        assert_eq!(set.public_url().unwrap(), "https://library.example/ldt/");
        assert_eq!(set.sparql.time_seconds, 3);
        for (key, value) in [("SPARQL_CONCURRENT", "many"), ("SPARQL_CONCURENT", "3")] {
            let error = with(&[(key, value)]).expect_err(key);
            assert!(error.message.contains(key), "{error}");
        }
    }

    #[test]
    fn a_public_url_is_what_clients_ask_for() {
        let of = |url: &str| {
            let mut config = Config::read(None, []).expect("the defaults are complete");
            config.server.public_url = url.into();
            config.public_url()
        };
        assert_eq!(of("http://a.example").unwrap(), "http://a.example/");
        assert_eq!(of("https://a.example/x//").unwrap(), "https://a.example/x/");
        for wrong in [
            "ftp://a.example",
            "a.example",
            "http://a.example/x/..//",
            "http://A.example/",
            "http://a.example:80/",
            "http://a.example/?x",
            "http://user@a.example/",
            "http://a b/",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
