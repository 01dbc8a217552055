//! The registration of this catalogue as a context source in a broker (ETSI GS CIM 009, clauses 5.9 and
//! 6.8), in the form that each kind of broker needs.
use crate::catalogue::Catalogue;
use crate::client;
use crate::error::{Error, Result};
use crate::mapping::ngsi::{context, profile};
use reqwest::{Method, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::time::Duration;

/// What the operator wants.
#[derive(Debug, Serialize, Deserialize)]
pub struct Wish {
    /// Address of the broker, without `/ngsi-ld/v1`.
    pub target: String,
    /// Name of its profile.
    pub kind: String,
    pub tenant: Option<String>,
    pub remove: bool,
    /// As configured.
    pub prefix: String,
}

/// How long a broker may take to answer.
const TIME: Duration = Duration::from_secs(30);

/// Longest answer that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// Creates, updates or removes the registration, and says which.
///
/// # Errors
/// The broker does not answer or refuses; its own words are told.
pub async fn register(catalogue: &Catalogue, wish: &Wish) -> Result<String> {
    let profile = profile::all().get(&wish.kind).ok_or_else(|| {
        let known: Vec<&str> = profile::all().keys().map(String::as_str).collect();
        Error::bad_input(format!(
            "{:?} is no kind of broker; {} are known",
            wish.kind,
            known.join(", ")
        ))
    })?;
    let settings = catalogue.presented(&wish.prefix).await?;
    let target = wish.target.trim_end_matches('/');
    let target = target.strip_suffix("/ngsi-ld/v1").unwrap_or(target);
    let broker = Broker {
        client: client::client()?
            .timeout(TIME)
            .build()
            .map_err(Error::internal)?,
        list: format!("{target}/ngsi-ld/v1/csourceRegistrations"),
        link: context::link(&context::address(&catalogue.public_url)),
        tenant: wish.tenant.as_deref(),
    };
    let id = format!(
        "urn:ngsi-ld:ContextSourceRegistration:ldt-catalogue-{}",
        settings.prefix
    );
    let item = format!("{}/{id}", broker.list);
    if wish.remove {
        let answer = broker.ask(Method::DELETE, &item, None).await?;
        return match answer.status() {
            StatusCode::NOT_FOUND => Ok(format!("{target} knows no registration {id}")),
            _ => broker
                .done(answer)
                .await
                .map(|_| format!("{id} is removed from {target}")),
        };
    }
    let endpoint = catalogue.public_url.trim_end_matches('/');
    let wanted = profile.registration(&id, endpoint);
    let there = broker.ask(Method::GET, &item, None).await?;
    let known = match there.status() {
        StatusCode::NOT_FOUND => None,
        _ => Some(broker.done(there).await?),
    };
    let became = match &known {
        Some(known) if says(known, &wanted) => {
            return Ok(format!("{id} stands in {target} as it should"));
        }
        // What an update may change differs between brokers; a new one is the same to all.
        Some(_) => {
            let gone = broker.ask(Method::DELETE, &item, None).await?;
            broker.done(gone).await?;
            "updated"
        }
        None => "created",
    };
    let made = broker
        .ask(Method::POST, &broker.list, Some(&wanted))
        .await?;
    broker.done(made).await?;
    Ok(format!("{id} is {became} in {target}"))
}

struct Broker<'w> {
    client: reqwest::Client,
    list: String,
    link: String,
    tenant: Option<&'w str>,
}

impl Broker<'_> {
    async fn ask(&self, method: Method, url: &str, body: Option<&Json>) -> Result<Response> {
        let mut request = self.client.request(method, url);
        request = request
            .header("accept", "application/json")
            .header("link", &self.link);
        if let Some(tenant) = self.tenant {
            request = request.header("NGSILD-Tenant", tenant);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |e: reqwest::Error| Error::bad_input(format!("{url}: {}", client::cause(&e)));
        request.send().await.map_err(failed)
    }

    /// The body of an answer that says yes: any 2xx does.
    async fn done(&self, mut answer: Response) -> Result<Json> {
        let (status, url) = (answer.status(), answer.url().to_string());
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LONGEST {
                return Err(Error::bad_input(format!(
                    "{url} answers more than {LONGEST} bytes"
                )));
            }
        }
        if status.is_success() {
            return Ok(serde_json::from_slice(&bytes).unwrap_or_default());
        }
        let text = String::from_utf8_lossy(&bytes);
        let told: String = text.chars().take(500).filter(|c| !c.is_control()).collect();
        Err(Error::bad_input(format!("{url} answers {status}: {told}")))
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
