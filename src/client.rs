//! The one door for outgoing HTTP: time and size are bounded, only http and https are spoken, and
//! a source that fails for a moment is asked again. Addresses from the operator are asked as they are;
//! those that records or readers bring go through [`admit`] and a [`guarded`] client, which lead
//! into no private network.
use crate::error::{Error, Kind, Result};
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// What an address answered.
pub struct Fetched {
    pub bytes: Vec<u8>,
    /// The media type without parameters, in lower case; empty where none was said.
    pub media: String,
}

/// Attempts after the first.
const RETRIES: u32 = 2;

/// Redirects that are followed.
const HOPS: usize = 5;

/// Fetches an address whole.
///
/// # Errors
/// Names the address, and what it answered or which limit it passed.
pub async fn fetch(url: &str, limit: u64, time: Duration) -> Result<Fetched> {
    let client = client()?
        .timeout(time)
        .connect_timeout(Duration::from_secs(10))
        .redirect(Policy::limited(HOPS))
        .build()
        .map_err(Error::internal)?;
    let mut attempt = 0;
    loop {
        match once(&client, url, limit).await {
            Err(e) if e.kind == Kind::Busy && attempt < RETRIES => {
                attempt += 1;
                // Jitter, so that many catalogues do not come back at the same moment.
                let wait = 500 * u64::from(attempt) + rand::random::<u64>() % 500;
                tracing::warn!(host = host(url), attempt, "a source is asked again");
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            other => return other,
        }
    }
}

async fn once(client: &reqwest::Client, url: &str, limit: u64) -> Result<Fetched> {
    let busy = |e: reqwest::Error| {
        let cause = std::error::Error::source(&e).map_or(String::new(), |s| format!(": {s}"));
        // Asked again, it would lead in a circle again.
        let kind = match e.is_redirect() {
            true => Kind::BadInput,
            false => Kind::Busy,
        };
        Error::new(kind, format!("{url}: {}{cause}", e.without_url()))
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

/// A client for addresses that the operator did not choose: each name is looked up, and each hop of
/// a redirect checked, so that none leads into a private network unless `private` allows it.
///
/// # Errors
/// As [`client`].
pub fn guarded(private: bool, time: Duration) -> Result<reqwest::Client> {
    let follow = Policy::custom(move |attempt| {
        if attempt.previous().len() > HOPS {
            return attempt.error(format!("more than {HOPS} redirects"));
        }
        match admit(attempt.url(), private) {
            Ok(()) => attempt.follow(),
            Err(e) => attempt.error(e.message),
        }
    });
    let builder = screened(private)?.timeout(time).redirect(follow);
    builder.build().map_err(Error::internal)
}

/// As [`guarded`], for those who speak to one place alone: a redirect is an answer like others. Without a time it
/// waits as long as each request says.
///
/// # Errors
/// As [`client`].
pub fn direct(private: bool, time: Option<Duration>) -> Result<reqwest::Client> {
    let mut builder = screened(private)?.redirect(Policy::none());
    if let Some(time) = time {
        builder = builder.timeout(time);
    }
    builder.build().map_err(Error::internal)
}

fn screened(private: bool) -> Result<reqwest::ClientBuilder> {
    // A proxy would look names up by itself.
    let builder = client()?.no_proxy();
    Ok(match private {
        true => builder,
        false => builder.dns_resolver(Arc::new(PublicOnly)),
    })
}

/// Where a host can be reached, by the rule of [`guarded`].
///
/// # Errors
/// It is not found, or in a private network alone.
pub async fn addresses(host: &str, port: u16, private: bool) -> Result<Vec<SocketAddr>> {
    let host = host.trim_matches(['[', ']']);
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map_err(|e| Error::new(Kind::Unreachable, format!("{host}: {e}")))?;
    let open: Vec<SocketAddr> = found.filter(|a| private || is_public(a.ip())).collect();
    match open.is_empty() {
        true => Err(Error::bad_input(PRIVATE)),
        false => Ok(open),
    }
}

/// Whether an address may be asked: by http or https, and no number in a private network unless
/// `private` allows it. Names are looked at when they are resolved.
///
/// # Errors
/// Says which of it is wrong.
pub fn admit(url: &Url, private: bool) -> Result<()> {
    if !matches!(url.scheme(), "http" | "https") {
        let found = url.scheme();
        let why = format!("its scheme is {found}; http or https is wanted");
        return Err(Error::bad_input(why));
    }
    admit_host(url.host_str().unwrap_or_default(), private)
}

/// The part of [`admit`] that looks at the host, for what is no web address.
///
/// # Errors
/// It is a number in a private network.
pub fn admit_host(host: &str, private: bool) -> Result<()> {
    let number: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    if number.is_some_and(|ip| !private && !is_public(ip)) {
        return Err(Error::bad_input(PRIVATE));
    }
    Ok(())
}

const PRIVATE: &str = "it is in a private network";

/// Why a request failed, without the address, which its reader knows.
pub fn cause(e: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = e;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// What a log may say of an address that somebody gave us: its path and query may hold secrets.
pub fn host(address: &str) -> String {
    let url = Url::parse(address).ok();
    let host = url.as_ref().and_then(Url::host_str);
    host.unwrap_or("?").to_owned()
}

/// Finds the public addresses of a name.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|a| is_public(a.ip())).collect();
            if public.is_empty() {
                return Err(PRIVATE.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the internet at large (the special-purpose registries of IANA, RFC 6890,
/// list those that are not).
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        // This network, and what is reserved.
        || matches!(a, 0 | 240..)
        // Shared by customers of a provider (RFC 6598), for protocols, and for measurements.
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a == 198 && matches!(b, 18 | 19));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    // Global unicast, but for special protocols, documentation, and addresses that hold one of IPv4.
    (0x2000..0x4000).contains(&a)
        && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_at_large_are_public() {
        let is_public = |text: &str| is_public(text.parse().expect(text));
        for public in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "2a00::1",
        ] {
            assert!(is_public(public), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(private), "{private}");
        }
    }

    #[test]
    fn an_address_in_any_disguise_is_seen_for_what_it_is() {
        for wrong in [
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://[::1]:80/",
            "http://[::ffff:10.0.0.1]/",
            "ftp://a.example/",
            "file:///etc/passwd",
        ] {
            let url: Url = wrong.parse().expect(wrong);
            assert!(admit(&url, false).is_err(), "{wrong}");
        }
        assert!(admit(&"https://a.example/".parse().expect("a URL"), false).is_ok());
        assert!(admit(&"http://127.0.0.1/".parse().expect("a URL"), true).is_ok());
    }
}
