//! A target as it is spoken to: where it is, which headers it wants, and its way with requests.
use super::answer::{Refusal, refusal};
use crate::client;
use crate::error::{Error, Result};
use crate::mapping::ngsi::profile::{self, Languages, Model, Profile};
use crate::mapping::ngsi::{KINDS, Kind, context, idra};
use reqwest::{Client, Method, RequestBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Longest answer that is read, in bytes.
const LONGEST: usize = 32 << 20;

/// A context broker that is fed, as the settings have it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What commands, pages and figures call it.
    pub name: String,
    /// A profile: `orion-ld`, `scorpio`, `stellio` or `generic`.
    pub kind: String,
    /// Where its `/ngsi-ld/v1` is.
    pub url: String,
    #[serde(default)]
    pub tenant: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// OAuth 2.0 client credentials (RFC 6749, section 4.4): where a token is got, and with what.
    #[serde(default)]
    pub token_url: String,
    #[serde(default)]
    pub client_id: String,
    #[serde(default)]
    pub client_secret: String,
    #[serde(default)]
    pub token_scope: String,
    /// Begins the local part of ids there; empty for that of `[ngsi]`.
    #[serde(default)]
    pub prefix: String,
    /// `dcat-ap`, or `idra`: the older names that Idra reads from a broker, for Datasets and Distributions alone.
    #[serde(default)]
    pub profile: Option<String>,
    /// Types that are sent; all where none is named.
    #[serde(default)]
    pub types: Vec<String>,
    /// `array` or `map`, instead of what the kind says.
    #[serde(default)]
    pub languages: Option<String>,
    /// How long an answer may take, in seconds.
    #[serde(default = "seconds")]
    pub seconds: u64,
}

fn seconds() -> u64 {
    30
}

impl Target {
    /// A broker that the settings do not name.
    pub fn at(url: &str, kind: &str, tenant: String) -> Self {
        Self {
            name: "broker".into(),
            kind: kind.to_owned(),
            url: url.to_owned(),
            tenant,
            headers: BTreeMap::new(),
            token_url: String::new(),
            client_id: String::new(),
            client_secret: String::new(),
            token_scope: String::new(),
            prefix: String::new(),
            profile: None,
            types: Vec::new(),
            languages: None,
            seconds: seconds(),
        }
    }

    /// How it wants entities.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    pub fn profile(&self) -> Result<Profile> {
        let wrong = |what: &str, found: &str, wanted: &str| {
            let name = &self.name;
            Error::bad_input(format!(
                "publish target {name:?}: {what} is {found:?}; {wanted}"
            ))
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || self.name.len() > 60 || !self.name.chars().all(plain) {
            let wanted = "1 to 60 letters, digits, -, _ or . are wanted";
            return Err(wrong("its name", &self.name, wanted));
        }
        let known: Vec<&str> = profile::all().keys().map(String::as_str).collect();
        let found = profile::all().get(&self.kind).cloned();
        let mut profile = found.ok_or_else(|| {
            wrong(
                "kind",
                &self.kind,
                &format!("one of {} is wanted", known.join(", ")),
            )
        })?;
        let web = |url: &str| {
            let url = reqwest::Url::parse(url).ok();
            url.is_some_and(|u| {
                // Pages and logs show it.
                let open = u.username().is_empty() && u.password().is_none();
                matches!(u.scheme(), "http" | "https") && u.query().is_none() && open
            })
        };
        if !web(&self.url) {
            return Err(wrong(
                "url",
                &self.url,
                "an http or https address without user and query is wanted",
            ));
        }
        if !self.token_url.is_empty() && !web(&self.token_url) {
            return Err(wrong(
                "token_url",
                &self.token_url,
                "an http or https address without user and query is wanted",
            ));
        }
        let local = |c: char| c.is_ascii_alphanumeric() || "_~-".contains(c);
        if !self.prefix.chars().all(local) {
            return Err(wrong(
                "prefix",
                &self.prefix,
                "letters, digits, _, ~ and - are wanted",
            ));
        }
        for kind in &self.types {
            if !KINDS.iter().any(|k| k.1 == kind) {
                let all: Vec<&str> = KINDS.iter().map(|k| k.1).collect();
                return Err(wrong(
                    "types",
                    kind,
                    &format!("some of {} are wanted", all.join(", ")),
                ));
            }
        }
        match self.profile.as_deref() {
            None | Some("dcat-ap") => {}
            Some("idra") if !profile.idra => {
                let wanted =
                    "a broker of this kind does not hold what Idra reads; dcat-ap is wanted";
                return Err(wrong("profile", "idra", wanted));
            }
            Some("idra") => profile.model = Model::Idra,
            Some(other) => return Err(wrong("profile", other, "dcat-ap or idra is wanted")),
        }
        let unread = |t: &&String| !idra::TYPES.iter().any(|k| k.0.name() == t.as_str());
        if profile.model == Model::Idra
            && let Some(unread) = self.types.iter().find(unread)
        {
            let wanted = "Dataset, Distribution or both are wanted with the profile idra";
            return Err(wrong("types", unread, wanted));
        }
        match self.languages.as_deref() {
            None => {}
            Some("array") => profile.languages = Languages::Array,
            Some("map") => profile.languages = Languages::Map,
            Some(other) => return Err(wrong("languages", other, "array or map is wanted")),
        }
        Ok(profile)
    }

    /// Whether entities of a type are sent to it.
    pub fn wants(&self, kind: Kind) -> bool {
        self.types.is_empty() || self.types.iter().any(|t| t == kind.name())
    }
}

/// What a target answered.
pub struct Said {
    pub status: u16,
    /// Seconds after which it wants to be asked again.
    pub after: Option<u64>,
    pub body: String,
}

impl Said {
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// In words, where it is no good.
    pub fn refusal(&self) -> Refusal {
        refusal(Some(&self.json()), self.status)
    }
}

/// The way to a target.
pub struct Line {
    pub target: Target,
    http: Client,
    /// The `Link` header that names our @context, where its names are sent.
    link: Option<String>,
    token: Option<(String, Instant)>,
}

impl Line {
    /// # Errors
    /// A setting is wrong.
    pub fn new(target: &Target, public_url: &str) -> Result<Self> {
        let ours = target.profile()?.model == Model::DcatAp;
        // Where the operator sends it; a redirect would take credentials elsewhere.
        let http = client::client()?
            .timeout(Duration::from_secs(target.seconds.clamp(1, 600)))
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(Error::internal)?;
        Ok(Self {
            target: target.clone(),
            http,
            link: ours.then(|| context::link(&context::address(public_url))),
            token: None,
        })
    }

    /// Whether names are those of our @context.
    pub fn has_context(&self) -> bool {
        self.link.is_some()
    }

    /// Asks for `path` below `/ngsi-ld/v1`, which an answer below 500 ends.
    ///
    /// # Errors
    /// The target, or who gives tokens for it, did not answer: in words.
    pub async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> std::result::Result<Said, String> {
        let base = self.target.url.trim_end_matches('/');
        let base = base.strip_suffix("/ngsi-ld/v1").unwrap_or(base);
        let url = match path.strip_prefix('/') {
            Some(outside) => format!("{base}/{outside}"),
            None => format!("{base}/ngsi-ld/v1/{path}"),
        };
        let link = self.link.clone();
        self.ask_with(method, &url, body, link.as_deref()).await
    }

    /// As [`Self::ask`], with the core context alone.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn ask_plain(&mut self, path: &str) -> std::result::Result<Said, String> {
        let base = self.target.url.trim_end_matches('/');
        let base = base.strip_suffix("/ngsi-ld/v1").unwrap_or(base);
        let url = format!("{base}/ngsi-ld/v1/{path}");
        self.ask_with(Method::GET, &url, None, None).await
    }

    async fn ask_with(
        &mut self,
        method: Method,
        url: &str,
        body: Option<String>,
        link: Option<&str>,
    ) -> std::result::Result<Said, String> {
        let mut renewed = false;
        loop {
            let mut request = self.http.request(method.clone(), url);
            request = request.header("accept", "application/json");
            if let Some(link) = link {
                request = request.header("link", link);
            }
            if !self.target.tenant.is_empty() {
                request = request.header("NGSILD-Tenant", &self.target.tenant);
            }
            for (name, value) in &self.target.headers {
                request = request.header(name, value);
            }
            if let Some(token) = self.token().await? {
                request = request.bearer_auth(token);
            }
            if let Some(body) = &body {
                request = request.header("content-type", "application/json");
                request = request.body(body.clone());
            }
            let said = self.send(request).await?;
            // A token may have been taken back before its time.
            if said.status == 401 && self.token.take().is_some() && !renewed {
                renewed = true;
                continue;
            }
            return Ok(said);
        }
    }

    async fn send(&self, request: RequestBuilder) -> std::result::Result<Said, String> {
        let silent = |e: reqwest::Error| match e.is_timeout() {
            true => "no answer in time".to_owned(),
            false => client::cause(&e),
        };
        let mut answer = request.send().await.map_err(silent)?;
        let after = answer.headers().get("retry-after");
        let after = after.and_then(|v| v.to_str().ok()?.trim().parse().ok());
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(silent)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LONGEST {
                return Err(format!("its answer has more than {LONGEST} bytes"));
            }
        }
        Ok(Said {
            status,
            after,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    /// The token for the target, got anew when it is about to end.
    async fn token(&mut self) -> std::result::Result<Option<String>, String> {
        if self.target.token_url.is_empty() {
            return Ok(None);
        }
        if let Some((token, ends)) = &self.token
            && *ends > Instant::now()
        {
            return Ok(Some(token.clone()));
        }
        let Target {
            token_url,
            client_id,
            client_secret,
            token_scope,
            ..
        } = &self.target;
        let encoded = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let mut form = "grant_type=client_credentials".to_owned();
        if !token_scope.is_empty() {
            form.push_str(&format!("&scope={}", encoded(token_scope)));
        }
        let request = self
            .http
            .post(token_url)
            .basic_auth(encoded(client_id), Some(encoded(client_secret)))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form);
        let said = self.send(request).await;
        let said = said.map_err(|e| format!("{token_url}: {e}"))?;
        let json = said.json();
        let token = json.get("access_token").and_then(Value::as_str);
        let Some(token) = token.filter(|_| said.is_good()) else {
            let error = json
                .get("error")
                .and_then(Value::as_str)
                .unwrap_or("no token");
            return Err(format!("{token_url} answered {}: {error}", said.status));
        };
        let lasts = json.get("expires_in").and_then(Value::as_u64).unwrap_or(60);
        let ends = Instant::now() + Duration::from_secs(lasts.saturating_sub(30).max(1));
        self.token = Some((token.to_owned(), ends));
        Ok(Some(token.to_owned()))
    }
}
