//! The registration of this catalogue as a context source in a broker (ETSI GS CIM 009, clauses 5.9 and
//! 6.8), in the form that each kind of broker needs.
use super::target::{Line, Said, Target};
use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What the operator wants.
#[derive(Debug, Serialize, Deserialize)]
pub struct Registration {
    pub target: Target,
    pub remove: bool,
    /// What ids begin with, as configured.
    pub prefix: String,
}

/// Creates, updates or removes the registration, and says which.
///
/// # Errors
/// The broker does not answer or refuses; its own words are told.
pub async fn register(catalogue: &Catalogue, wish: &Registration) -> Result<String> {
    let profile = wish.target.profile()?;
    let settings = catalogue.presented(&wish.prefix).await?;
    let target = &wish.target.url;
    let mut broker = Broker {
        line: Line::new(&wish.target, &catalogue.public_url)?,
    };
    let id = format!(
        "urn:ngsi-ld:ContextSourceRegistration:ldt-catalogue-{}",
        settings.prefix
    );
    let item = format!("csourceRegistrations/{id}");
    if wish.remove {
        let said = broker.ask(Method::DELETE, &item, None).await?;
        return match said.status {
            404 => Ok(format!("{target} knows no registration {id}")),
            _ => broker
                .done(&said)
                .map(|_| format!("{id} is removed from {target}")),
        };
    }
    let endpoint = catalogue.public_url.trim_end_matches('/');
    let wanted = profile.registration(&id, endpoint);
    let there = broker.ask(Method::GET, &item, None).await?;
    let known = match there.status {
        404 => None,
        _ => Some(broker.done(&there)?),
    };
    let became = match &known {
        Some(known) if says(known, &wanted) => {
            return Ok(format!("{id} stands in {target} as it should"));
        }
        // What an update may change differs between brokers; a new one is the same to all.
        Some(_) => {
            let gone = broker.ask(Method::DELETE, &item, None).await?;
            broker.done(&gone)?;
            "updated"
        }
        None => "created",
    };
    let list = "csourceRegistrations";
    let made = broker
        .ask(Method::POST, list, Some(wanted.to_string()))
        .await?;
    broker.done(&made)?;
    Ok(format!("{id} is {became} in {target}"))
}

struct Broker {
    line: Line,
}

impl Broker {
    async fn ask(&mut self, method: Method, path: &str, body: Option<String>) -> Result<Said> {
        let said = self.line.ask(method, path, body).await;
        said.map_err(|why| {
            Error::new(
                Kind::Unreachable,
                format!("{}: {why}", self.line.target.url),
            )
        })
    }

    /// The body of an answer that says yes: any 2xx does.
    fn done(&self, said: &Said) -> Result<Json> {
        if said.is_good() {
            return Ok(said.json());
        }
        let told = said.refusal().why;
        let url = &self.line.target.url;
        let why = format!("{url} answers {}: {told}", said.status);
        Err(Error::new(Kind::Unreachable, why))
    }
}

/// Whether a registration says what is wanted; a broker may add members and write a list of one as one.
fn says(known: &Json, wanted: &Json) -> bool {
    match (known, wanted) {
        (Json::Array(known), Json::Array(wanted)) => {
            known.len() == wanted.len() && wanted.iter().all(|w| known.iter().any(|k| says(k, w)))
        }
        (one, Json::Array(wanted)) => matches!(&wanted[..], [only] if says(one, only)),
        (Json::Array(known), one) => matches!(&known[..], [only] if says(only, one)),
        (Json::Object(known), Json::Object(wanted)) => wanted
            .iter()
            .all(|(name, w)| known.get(name).is_some_and(|k| says(k, w))),
        (known, wanted) => known == wanted,
    }
}
