//! The one door for outgoing HTTP: time and size are bounded, only http and https are spoken, and
//! a source that fails for a moment is asked again. Addresses come from the operator here; those
//! that readers send must be checked against private ranges before they reach this door.
use crate::error::{Error, Kind, Result};
use std::time::Duration;

/// What an address answered.
pub struct Fetched {
    pub bytes: Vec<u8>,
    /// The media type without parameters, in lower case; empty where none was said.
    pub media: String,
}

/// Attempts after the first.
const RETRIES: u32 = 2;

/// Fetches an address whole.
///
/// # Errors
/// Names the address, and what it answered or which limit it passed.
pub async fn fetch(url: &str, limit: u64, time: Duration) -> Result<Fetched> {
    let client = client()?
        .timeout(time)
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::limited(5))
        .build()
        .map_err(Error::internal)?;
    let mut attempt = 0;
    loop {
        match once(&client, url, limit).await {
            Err(e) if e.kind == Kind::Busy && attempt < RETRIES => {
                attempt += 1;
                // Jitter, so that many catalogues do not come back at the same moment.
                let wait = 500 * u64::from(attempt) + rand::random::<u64>() % 500;
                tracing::warn!(url, attempt, error = %e, "asking again");
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            other => return other,
        }
    }
}

async fn once(client: &reqwest::Client, url: &str, limit: u64) -> Result<Fetched> {
    let busy = |e: reqwest::Error| {
        let cause = std::error::Error::source(&e).map_or(String::new(), |s| format!(": {s}"));
        Error::new(Kind::Busy, format!("{url}: {}{cause}", e.without_url()))
    };
    let accept = "text/turtle, application/ld+json;q=0.9, application/rdf+xml;q=0.9, \
                  application/n-triples;q=0.9, text/csv;q=0.8, application/json;q=0.7, */*;q=0.5";
    let mut answer = client
        .get(url)
        .header("accept", accept)
        .send()
        .await
        .map_err(busy)?;
    let status = answer.status();
    if !status.is_success() {
        let again = status.is_server_error() || status.as_u16() == 429;
        let kind = if again { Kind::Busy } else { Kind::BadInput };
        return Err(Error::new(kind, format!("{url} answered {status}")));
    }
    let media = answer
        .headers()
        .get("content-type")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.split(';').next())
        .map(|v| v.trim().to_ascii_lowercase())
        .unwrap_or_default();
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(busy)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > limit {
            return Err(Error::bad_input(format!(
                "{url} is longer than {limit} bytes"
            )));
        }
    }
    Ok(Fetched { bytes, media })
}

/// A client that speaks TLS with ring.
///
/// # Errors
/// None is expected; a second cryptography provider would be a fault of ours.
pub fn client() -> Result<reqwest::ClientBuilder> {
    // The first caller installs it; for the others it is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().user_agent(concat!("ldt-catalogue/", env!("CARGO_PKG_VERSION"))))
}
