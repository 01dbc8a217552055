//! Settings: the embedded default file, then a file, then the environment, then the command line.
use crate::error::{Error, Result};
use crate::mapping::dcat::About;
use serde::Deserialize;
use std::path::Path;
use toml::{Table, Value};

/// The manual of all settings.
pub const DEFAULTS: &str = include_str!("../data/config.default.toml");

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub ledger: Ledger,
    pub catalogue: About,
    pub import: Import,
    pub sparql: Sparql,
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
pub struct Log {
    pub level: String,
    pub format: String,
}

impl Config {
    /// Reads the settings; `variable` gives an environment variable.
    ///
    /// # Errors
    /// Names the setting that is unknown or has the wrong type.
    pub fn read(file: Option<&Path>, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
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
        for (section, values) in &mut settings {
            for (name, value) in values.as_table_mut().into_iter().flatten() {
                let key = format!("LDT_CATALOGUE_{section}_{name}").to_uppercase();
                if let Some(text) = variable(&key) {
                    *value = match value {
                        Value::Integer(_) => Value::Integer(text.parse().map_err(|_| {
                            Error::bad_input(format!("{key} is {text:?}; a whole number is wanted"))
                        })?),
                        _ => Value::String(text),
                    };
                }
            }
        }
        settings
            .try_into()
            .map_err(|e| Error::bad_input(format!("configuration: {e}")))
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
        let known = url.starts_with("http://") || url.starts_with("https://");
        if !known || oxigraph::model::NamedNode::new(&url).is_err() || url.contains(['?', '#']) {
            return Err(Error::bad_input(format!(
                "public_url is {given:?}; an http or https address without query is wanted"
            )));
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_holds_every_setting_and_the_environment_wins() {
        let plain = Config::read(None, |_| None).expect("the defaults are complete");
        assert_eq!(plain.public_url().unwrap(), "http://127.0.0.1:8080/");
        let set = |key: &str| match key {
            "LDT_CATALOGUE_SERVER_PUBLIC_URL" => Some("https://library.example/ldt".to_owned()),
            "LDT_CATALOGUE_SPARQL_TIME_SECONDS" => Some("3".to_owned()),
            _ => None,
        };
        let set = Config::read(None, set).expect("both are known");
        assert_eq!(set.public_url().unwrap(), "https://library.example/ldt/");
        assert_eq!(set.sparql.time_seconds, 3);
        let wrong = |key: &str| key.ends_with("_CONCURRENT").then(|| "many".to_owned());
        let error = Config::read(None, wrong).expect_err("many is no number");
        assert!(error.message.contains("LDT_CATALOGUE_SPARQL_CONCURRENT"));
    }
}
