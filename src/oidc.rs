//! OpenID Connect: who people are, by the code flow with PKCE (OpenID Connect Core 1.0, section 3.1; RFC 7636),
//! and what the tokens of programs say (RFC 9068), as the one provider of the settings has it.
use crate::client;
use crate::config::SignIn;
use crate::error::{Error, Kind, Result};
use crate::record::{Role, hash};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::{Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, RwLock};

/// How long what the provider says of itself counts without asking again, how long it counts where the
/// provider does not answer, and how long it is left alone when a token names a key that is not known.
const FRESH: Duration = Duration::from_secs(600);
const STALE: Duration = Duration::from_secs(24 * 3_600);
const PAUSE: Duration = Duration::from_secs(10);

/// Longest answer of the provider, in bytes.
const LIMIT: usize = 1 << 20;

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 16 << 10;

/// Clocks may differ by this much, in seconds.
const LEEWAY: u64 = 60;

/// Where the provider sends people back to, below the public URL.
pub const CALLBACK: &str = "sign-in/callback";

/// Someone whom the provider knows.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Stands in the ledger as the author of what they do.
    pub name: String,
    /// Reader, where none of their roles counts here.
    pub role: Role,
    /// All that the provider says of them.
    pub claims: Value,
}

/// The provider of the settings. What it says of itself and its keys are kept in memory.
pub struct Provider {
    settings: SignIn,
    /// Where it sends people back to.
    callback: String,
    /// Whom tokens of programs have to be meant for.
    audience: String,
    http: reqwest::Client,
    known: RwLock<Option<Arc<Known>>>,
    /// When it was last asked; one asks at a time.
    asked: Mutex<Option<Instant>>,
}

/// OpenID Connect Discovery 1.0, section 3.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

struct Known {
    metadata: Metadata,
    keys: Vec<Jwk>,
    since: Instant,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    #[serde(default)]
    access_token: String,
}

impl Provider {
    /// None where the settings name no issuer.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    pub fn of(settings: &SignIn, public_url: &str) -> Result<Option<Arc<Self>>> {
        if settings.issuer.is_empty() {
            return Ok(None);
        }
        let url = Url::parse(&settings.issuer).ok();
        if !url.is_some_and(|u| matches!(u.scheme(), "http" | "https") && u.query().is_none()) {
            let found = &settings.issuer;
            let why = format!("sign_in.issuer is {found:?}; an https address is wanted");
            return Err(Error::bad_input(why));
        }
        let signed = settings.signed_with.as_str();
        if !["keys", "secret"].contains(&signed) {
            let why = format!("sign_in.signed_with is {signed:?}; keys or secret is wanted");
            return Err(Error::bad_input(why));
        }
        if signed == "secret" && settings.client_secret.len() < 16 {
            let why = "sign_in.signed_with is secret; sign_in.client_secret has to be set then, with \
                       16 characters at least";
            return Err(Error::bad_input(why));
        }
        let audience = match settings.audience.as_str() {
            "" => public_url.trim_end_matches('/'),
            set => set,
        };
        // What it says of itself stands at its own address; to be led elsewhere would be odd.
        let http = client::client()?
            .timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(Error::internal)?;
        Ok(Some(Arc::new(Self {
            settings: settings.clone(),
            callback: format!("{public_url}{CALLBACK}"),
            audience: audience.to_owned(),
            http,
            known: RwLock::default(),
            asked: Mutex::default(),
        })))
    }

    /// What people know the provider by.
    pub fn name(&self) -> String {
        match self.settings.name.as_str() {
            "" => Url::parse(&self.settings.issuer)
                .ok()
                .and_then(|u| u.host_str().map(str::to_owned))
                .unwrap_or_default(),
            name => name.to_owned(),
        }
    }

    /// Where a browser goes to sign in; `secret` is what it keeps until it comes back.
    ///
    /// # Errors
    /// [`Kind::Unreachable`] if the provider does not answer.
    pub async fn door(&self, secret: &str) -> Result<Url> {
        let known = self.known(None).await?;
        let mut url =
            Url::parse(&known.metadata.authorization_endpoint).map_err(Error::internal)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(part(secret, "verifier")));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.callback)
            .append_pair("scope", &self.settings.scopes)
            .append_pair("state", &part(secret, "state"))
            .append_pair("nonce", &part(secret, "nonce"))
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// Who came back from the provider with a code. Roles are looked for in the ID token, then in the
    /// access token, where Keycloak puts them, then in what the provider says of the user.
    ///
    /// # Errors
    /// [`Kind::Unauthorised`] says what is wrong with the answer; [`Kind::Unreachable`] if the provider
    /// does not answer.
    pub async fn identify(&self, secret: &str, code: &str, state: &str) -> Result<Identity> {
        if hash(&part(secret, "state")) != hash(state) {
            return Err(refused("it was not begun in this browser; begin again"));
        }
        let known = self.known(None).await?;
        let tokens = self.exchange(&known, secret, code).await?;
        let client = self.settings.client_id.as_str();
        let mut claims = self.claims(&tokens.id_token, Some(client)).await?;
        if claims.get("nonce").and_then(Value::as_str) != Some(&part(secret, "nonce")) {
            return Err(refused("its ID token answers another request"));
        }
        let several = claims
            .get("aud")
            .is_some_and(|a| a.as_array().is_some_and(|a| a.len() > 1));
        if several && claims.get("azp").and_then(Value::as_str) != Some(client) {
            return Err(refused("its ID token was made for another client"));
        }
        if roles(&claims, &self.settings.role_claim).is_empty() {
            // The token comes from the provider itself, for us, whomever it is meant for.
            let access = self.claims(&tokens.access_token, None).await.ok();
            let told = match access.filter(|c| !roles(c, &self.settings.role_claim).is_empty()) {
                Some(claims) => Some(claims),
                None => self.user(&known, &tokens.access_token).await?,
            };
            if let (Some(Value::Object(told)), Value::Object(all)) = (told, &mut claims)
                && told.get("sub") == all.get("sub")
            {
                for (name, value) in told {
                    all.entry(name).or_insert(value);
                }
            }
        }
        Ok(self.identity(&claims))
    }

    /// Whom a program's token speaks for.
    ///
    /// # Errors
    /// [`Kind::Unauthorised`] says what is wrong with it; [`Kind::Unreachable`] if the provider does not answer.
    pub async fn bearer(&self, token: &str) -> Result<Identity> {
        Ok(self.identity(&self.claims(token, Some(&self.audience)).await?))
    }

    /// What a token says that the provider signed and that is in time; meant for `audience`, if that
    /// is given.
    async fn claims(&self, token: &str, audience: Option<&str>) -> Result<Value> {
        let wrong =
            |e: jsonwebtoken::errors::Error| refused(&format!("its token is not good: {e}"));
        if token.len() > LONGEST {
            return Err(refused(&format!("its token has more than {LONGEST} bytes")));
        }
        let header = decode_header(token).map_err(wrong)?;
        let by_secret = matches!(
            header.alg,
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512
        );
        if by_secret != (self.settings.signed_with == "secret") {
            let why = format!(
                "its token is signed with {:?}, which is not taken here",
                header.alg
            );
            return Err(refused(&why));
        }
        let known = self.known(header.kid.as_deref()).await?;
        let key = match by_secret {
            true => DecodingKey::from_secret(self.settings.client_secret.as_bytes()),
            false => {
                let key = known.key(header.kid.as_deref(), header.alg).ok_or_else(|| {
                    let kid = header.kid.as_deref().unwrap_or("without a name");
                    let alg = header.alg;
                    refused(&format!("its token is signed with a key ({kid}, {alg:?}) that it does not publish"))
                })?;
                DecodingKey::from_jwk(key).map_err(wrong)?
            }
        };
        let mut rules = Validation::new(header.alg);
        rules.leeway = LEEWAY;
        rules.validate_nbf = true;
        let issuer = match self.settings.token_issuer.as_str() {
            "" => known.metadata.issuer.as_str(),
            set => set,
        };
        rules.set_issuer(&[issuer]);
        let mut wanted = vec!["exp", "iss"];
        match audience {
            Some(audience) => {
                rules.set_audience(&[audience]);
                wanted.push("aud");
            }
            None => rules.validate_aud = false,
        }
        rules.set_required_spec_claims(&wanted);
        Ok(decode::<Value>(token, &key, &rules).map_err(wrong)?.claims)
    }

    /// Gives the code for tokens (OpenID Connect Core 1.0, section 3.1.3).
    async fn exchange(&self, known: &Known, secret: &str, code: &str) -> Result<Tokens> {
        let verifier = part(secret, "verifier");
        let SignIn {
            client_id,
            client_secret,
            ..
        } = &self.settings;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", self.callback.as_str()),
            ("code_verifier", verifier.as_str()),
        ];
        let methods = &known.metadata.token_endpoint_auth_methods_supported;
        // Basic is what counts where nothing is said.
        let basic = methods.is_empty() || methods.iter().any(|m| m == "client_secret_basic");
        let mut request = self.http.post(&known.metadata.token_endpoint);
        match client_secret.as_str() {
            "" => form.push(("client_id", client_id)),
            // RFC 6749, section 2.3.1: both are encoded as in a form first.
            secret if basic => {
                request = request.basic_auth(encoded(client_id), Some(encoded(secret)))
            }
            secret => form.extend([("client_id", client_id.as_str()), ("client_secret", secret)]),
        }
        let body: String = form
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect::<Vec<_>>()
            .join("&");
        let answer = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(body)
            .send()
            .await
            .map_err(silent)?;
        let status = answer.status();
        if status.is_server_error() {
            return Err(silent(format!("its token endpoint answered {status}")));
        }
        let said: Value = read(answer).await?;
        if !status.is_success() {
            let error = said
                .get("error")
                .and_then(Value::as_str)
                .unwrap_or("no reason");
            let error: String = error.chars().take(100).collect();
            return Err(refused(&format!(
                "it took no code from us ({status}, {error})"
            )));
        }
        serde_json::from_value(said)
            .map_err(|_| refused("it sent no ID token; sign_in.scopes needs openid"))
    }

    /// What the provider says of the user (OpenID Connect Core 1.0, section 5.3); nothing where it does
    /// not say that in JSON.
    async fn user(&self, known: &Known, token: &str) -> Result<Option<Value>> {
        let Some(url) = &known.metadata.userinfo_endpoint else {
            return Ok(None);
        };
        let answer = self
            .http
            .get(url)
            .bearer_auth(token)
            .send()
            .await
            .map_err(silent)?;
        match answer.status().is_success() {
            true => Ok(read(answer).await.ok()),
            false => Ok(None),
        }
    }

    fn identity(&self, claims: &Value) -> Identity {
        let text = |name: &str| {
            claims
                .get(name)
                .and_then(Value::as_str)
                .filter(|v| !v.is_empty())
        };
        let name = [self.settings.name_claim.as_str(), "client_id", "azp", "sub"];
        let name = name
            .into_iter()
            .find_map(text)
            .unwrap_or("someone without a name");
        let name = name.chars().filter(|c| !c.is_control()).take(100).collect();
        let held = roles(claims, &self.settings.role_claim);
        let SignIn {
            contributor,
            moderator,
            administrator,
            ..
        } = &self.settings;
        let counts = |names: &str| {
            let mut names = names.split(',').map(str::trim).filter(|n| !n.is_empty());
            names.any(|n| held.contains(&n))
        };
        let role = match () {
            () if counts(administrator) => Role::Administrator,
            () if counts(moderator) => Role::Moderator,
            () if counts(contributor) => Role::Contributor,
            () => Role::Reader,
        };
        Identity {
            name,
            role,
            claims: claims.clone(),
        }
    }

    /// What the provider says of itself, asked for again when it is old or lacks the key that is
    /// wanted. What was known stands in where the provider does not answer.
    async fn known(&self, kid: Option<&str>) -> Result<Arc<Known>> {
        let enough = |known: &Known| {
            let has = kid.is_none_or(|kid| known.keys.iter().any(|k| named(k, kid)));
            known.since.elapsed() < FRESH && (has || self.settings.signed_with == "secret")
        };
        let kept = async || self.known.read().await.clone();
        if let Some(known) = kept().await.filter(|k| enough(k)) {
            return Ok(known);
        }
        // Who has something to go by does not wait for an answer that another waits for.
        let mut asked = match self.asked.try_lock() {
            Ok(turn) => turn,
            Err(_) => match kept().await.filter(|k| k.since.elapsed() < STALE) {
                Some(known) => return Ok(known),
                None => self.asked.lock().await,
            },
        };
        let known = kept().await;
        let just = asked.is_some_and(|at| at.elapsed() < PAUSE);
        if let Some(known) = known.clone().filter(|k| just || enough(k)) {
            return Ok(known);
        }
        *asked = Some(Instant::now());
        match self.ask().await {
            Ok(new) => {
                let new = Arc::new(new);
                *self.known.write().await = Some(new.clone());
                Ok(new)
            }
            Err(e) => match known.filter(|k| k.since.elapsed() < STALE) {
                Some(known) => {
                    tracing::warn!(error = %e, "the sign-in provider does not answer; what it said before counts");
                    Ok(known)
                }
                None => Err(e),
            },
        }
    }

    async fn ask(&self) -> Result<Known> {
        let issuer = self.settings.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Metadata = self.get(&url).await?;
        if metadata.issuer.trim_end_matches('/') != issuer {
            let found = &metadata.issuer;
            return Err(silent(format!(
                "{url} speaks for {found:?}; sign_in.issuer is to be exactly that"
            )));
        }
        let used = [
            &metadata.authorization_endpoint,
            &metadata.token_endpoint,
            &metadata.jwks_uri,
        ];
        for address in used.into_iter().chain(&metadata.userinfo_endpoint) {
            let url = Url::parse(address).ok();
            let scheme = url.as_ref().map_or("", |u| u.scheme());
            if scheme != "https" && !(scheme == "http" && issuer.starts_with("http:")) {
                let why = format!("it names {address:?}, which is no https address");
                return Err(silent(why));
            }
        }
        let Keys { keys } = self.get(&metadata.jwks_uri).await?;
        // A key of a kind that is not known is no reason to do without the others.
        let keys = keys
            .into_iter()
            .filter_map(|k| serde_json::from_value(k).ok());
        let keys = keys
            .filter(|k: &Jwk| !matches!(k.common.public_key_use, Some(PublicKeyUse::Encryption)));
        Ok(Known {
            metadata,
            keys: keys.collect(),
            since: Instant::now(),
        })
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T> {
        let answer = self
            .http
            .get(url)
            .header("accept", "application/json")
            .send()
            .await;
        let answer = answer.map_err(silent)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(silent(format!("{url} answered {status}")));
        }
        read(answer).await
    }
}

impl Known {
    /// The key of a name; a token that names none means the one key that fits.
    fn key(&self, kid: Option<&str>, alg: Algorithm) -> Option<&Jwk> {
        let fits = |key: &&Jwk| {
            let own = key.common.key_algorithm;
            own.is_none_or(|own| own.to_string() == format!("{alg:?}"))
        };
        match kid {
            Some(kid) => self.keys.iter().find(|k| named(k, kid)).filter(fits),
            None => {
                let mut all = self.keys.iter().filter(fits);
                all.next().filter(|_| all.next().is_none())
            }
        }
    }
}

fn named(key: &Jwk, kid: &str) -> bool {
    key.common.key_id.as_deref() == Some(kid)
}

/// What is derived from the secret that a browser keeps: 64 characters, of which none tells another.
fn part(secret: &str, what: &str) -> String {
    hash(&format!("{what} {secret}"))
}

/// The roles that a claim holds: a claim of that name, or a way into one with dots; texts, a text with
/// spaces between them, or objects with a `name` (Keyrock).
fn roles<'a>(claims: &'a Value, claim: &str) -> Vec<&'a str> {
    let way = || claim.split('.').try_fold(claims, |at, name| at.get(name));
    match claims.get(claim).or_else(way) {
        Some(Value::String(text)) => text.split_whitespace().collect(),
        Some(Value::Array(all)) => {
            let name = |v: &'a Value| v.as_str().or_else(|| v.get("name")?.as_str());
            all.iter().filter_map(name).collect()
        }
        _ => Vec::new(),
    }
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

async fn read<T: DeserializeOwned>(mut answer: Response) -> Result<T> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(silent)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LIMIT {
            return Err(silent(format!("an answer has more than {LIMIT} bytes")));
        }
    }
    serde_json::from_slice(&bytes).map_err(|e| silent(format!("an answer cannot be read: {e}")))
}

fn refused(why: &str) -> Error {
    Error::new(Kind::Unauthorised, format!("the sign-in provider: {why}"))
}

fn silent(why: impl std::fmt::Display) -> Error {
    Error::new(Kind::Unreachable, format!("the sign-in provider: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn roles_are_found_where_providers_put_them() {
        for (claims, claim) in [
            (json!({"roles": ["a", "b"]}), "roles"),
            (
                json!({"roles": [{"id": 1, "name": "a"}, {"name": "b"}]}),
                "roles",
            ),
            (
                json!({"realm_access": {"roles": ["a", "b"]}}),
                "realm_access.roles",
            ),
            (
                json!({"https://city.example/roles": "a b"}),
                "https://city.example/roles",
            ),
        ] {
            assert_eq!(roles(&claims, claim), ["a", "b"], "{claims}");
        }
        assert!(roles(&json!({"roles": 7}), "roles").is_empty());
        assert!(roles(&json!({}), "realm_access.roles").is_empty());
    }
}
