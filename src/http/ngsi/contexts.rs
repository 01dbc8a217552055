//! @contexts: ours, served under a name that says its content; those that requests name; and those that
//! contributors have us serve (ETSI GS CIM 009, clause 5.13).
use super::{Answer, Asked, Face, Problem, sent};
use crate::catalogue::{Catalogue, now};
use crate::client;
use crate::http::access::Person;
use crate::http::{Shared, reply};
use crate::mapping::ngsi::context::{self, CORE, Context, is_core, is_published};
use crate::mapping::ngsi::time;
use crate::record::Role;
use crate::store::contexts::Hosted;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reqwest::Url;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;

/// Contexts that are kept once they were fetched; the one that was used longest ago goes first.
const KEPT: usize = 100;

/// Contexts that one names, and they in turn.
const DEPTH: usize = 5;

/// Longest context that is hosted, in bytes, and how many are.
const LONGEST: usize = 1 << 20;
const HOSTED: usize = 1_000;

const LINKED: &str = "application/ld+json";

/// Contexts by address.
#[derive(Default)]
pub struct Cache(Mutex<BTreeMap<String, Fetched>>);

#[derive(Clone)]
struct Fetched {
    document: Json,
    context: Context,
    at: i64,
    used: i64,
    hits: u64,
}

impl Cache {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Fetched>) -> T) -> T {
        act(&mut self.0.lock().expect("nothing panics while it is held"))
    }

    fn get(&self, url: &str) -> Option<Context> {
        self.with(|all| {
            let found = all.get_mut(url)?;
            found.used = now();
            found.hits += 1;
            Some(found.context.clone())
        })
    }

    fn put(&self, url: &str, document: Json, context: Context) {
        self.with(|all| {
            let oldest = all.iter().min_by_key(|(_, f)| f.used);
            if all.len() >= KEPT
                && let Some(oldest) = oldest.map(|(url, _)| url.clone())
            {
                all.remove(&oldest);
            }
            let at = now();
            let fetched = Fetched {
                document,
                context,
                at,
                used: at,
                hits: 0,
            };
            all.insert(url.to_owned(), fetched);
        });
    }
}

fn unavailable(why: impl Into<String>) -> Problem {
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "LdContextNotAvailable", why)
}

fn hosted_url(catalogue: &Catalogue, id: &str) -> String {
    format!("{}ngsi-ld/v1/jsonldContexts/{id}", catalogue.public_url)
}

/// The context at an address.
pub async fn known(catalogue: &Catalogue, face: &Face, url: &str) -> Result<Context, Problem> {
    load(catalogue, face, url, 0).await
}

/// The context that a document holds, with those that it names.
pub async fn read(catalogue: &Catalogue, face: &Face, json: &Json) -> Result<Context, Problem> {
    within(catalogue, face, json, 0).await
}

async fn within(
    catalogue: &Catalogue,
    face: &Face,
    json: &Json,
    depth: usize,
) -> Result<Context, Problem> {
    let mut named: BTreeMap<String, Context> = BTreeMap::new();
    for url in Context::named(json) {
        if named.len() >= 20 {
            return Err(Problem::data("a context names more than 20 others"));
        }
        let found = load(catalogue, face, url, depth + 1).await?;
        named.insert(url.to_owned(), found);
    }
    Context::read(json, &|url| named.get(url).cloned())
        .map_err(|e| Problem::data(format!("@context: {e}")))
}

/// Looks a context up among those that are here, and fetches it else.
fn load<'f>(
    catalogue: &'f Catalogue,
    face: &'f Face,
    url: &'f str,
    depth: usize,
) -> Pin<Box<dyn Future<Output = Result<Context, Problem>> + Send + 'f>> {
    Box::pin(async move {
        if is_core(url) {
            return Ok(Context::default());
        }
        // A context of ours is never another one, whatever address we were reached under.
        if is_published(url) || url.ends_with(&format!("/contexts/{}", context::file())) {
            return Ok(Context::ours());
        }
        if depth > DEPTH {
            return Err(unavailable(format!(
                "contexts name one another more than {DEPTH} deep"
            )));
        }
        if let Some(found) = face.contexts.get(url) {
            return Ok(found);
        }
        let hosted = url.strip_prefix(&hosted_url(catalogue, ""));
        let document: Json = match hosted {
            Some(id) => {
                let found = catalogue.ledger.hosted(id).await?;
                let found = found.ok_or_else(|| {
                    unavailable(format!("{url}: no context is hosted here under this name"))
                })?;
                serde_json::from_str(&found.body).map_err(crate::error::Error::internal)?
            }
            None => fetch(face, url).await?,
        };
        let inner = document
            .get("@context")
            .ok_or_else(|| Problem::data(format!("{url} holds no @context")))?;
        let found = within(catalogue, face, inner, depth).await;
        let found = found.map_err(|p| Problem {
            detail: format!("{url}: {}", p.detail),
            ..p
        })?;
        face.contexts.put(url, document, found.clone());
        Ok(found)
    })
}

async fn fetch(face: &Face, url: &str) -> Result<Json, Problem> {
    let settings = &face.settings;
    let failed = |why: String| unavailable(format!("{url}: {why}"));
    let address: Url = url
        .parse()
        .map_err(|e| Problem::data(format!("{url:?} is no address of a context: {e}")))?;
    client::admit(&address, settings.private).map_err(|e| failed(e.message))?;
    let time = Duration::from_secs(settings.context_seconds);
    let client = client::guarded(settings.private, time)?;
    let request = client
        .get(address)
        .header(header::ACCEPT, format!("{LINKED}, application/json;q=0.9"));
    let mut answer = request
        .send()
        .await
        .map_err(|e| failed(client::cause(&e)))?;
    if !answer.status().is_success() {
        return Err(failed(format!("it answered {}", answer.status())));
    }
    let limit = settings.context_kilobytes << 10;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|e| failed(client::cause(&e)))?
    {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > limit {
            return Err(failed(format!("it is longer than {limit} bytes")));
        }
    }
    serde_json::from_slice(&bytes)
        .map_err(|e| Problem::data(format!("{url} is no @context: it is no JSON: {e}")))
}

/// `/contexts/{name}`: ours, for ever the same under its name.
pub async fn served(
    headers: HeaderMap,
    Path(name): Path<String>,
) -> crate::error::Result<Response> {
    if name != context::file() {
        let why = format!("no context has this name; ours is {}", context::file());
        return Err(crate::error::Error::new(crate::error::Kind::NotFound, why));
    }
    let mut response = reply::body(&headers, LINKED, context::document().into(), 0);
    let forever = header::HeaderValue::from_static("public, max-age=31536000, immutable");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, forever);
    Ok(response)
}

/// Someone who may have contexts hosted.
fn contributor(by: Option<axum::Extension<Person>>) -> Result<Person, Problem> {
    let person = by.map(|p| p.0).filter(|p| p.csrf.is_none());
    person
        .filter(|p| p.role >= Role::Contributor)
        .ok_or_else(|| {
            let why = "contexts are added by contributors, with a token as Authorization: Bearer";
            Problem::new(StatusCode::UNAUTHORIZED, "InvalidRequest", why)
        })
}

/// What is told of a context.
struct Told {
    url: String,
    id: String,
    kind: &'static str,
    at: i64,
    used: i64,
    hits: u64,
}

impl Told {
    fn json(&self) -> Json {
        let mut out = json!({
            "URL": self.url,
            "localId": self.id,
            "kind": self.kind,
        });
        if self.at > 0 {
            out["timestamp"] = time(self.at).into();
        }
        if self.kind == "Cached" && self.used > 0 {
            out["lastUsage"] = time(self.used).into();
            out["numberOfHits"] = self.hits.into();
        }
        out
    }
}

/// All contexts that are here.
async fn told(catalogue: &Catalogue, face: &Face) -> Result<Vec<Told>, Problem> {
    let own = |url: String, id: &str| Told {
        url,
        id: id.to_owned(),
        kind: "Hosted",
        at: 0,
        used: 0,
        hits: 0,
    };
    let mut all = vec![own(
        context::address(&catalogue.public_url),
        context::file(),
    )];
    all.push(Told {
        kind: "Cached",
        ..own(CORE.to_owned(), CORE)
    });
    for hosted in catalogue.ledger.all_hosted().await? {
        all.push(Told {
            at: hosted.at,
            ..own(hosted_url(catalogue, &hosted.name), &hosted.name)
        });
    }
    let here = hosted_url(catalogue, "");
    face.contexts.with(|cached| {
        for (url, fetched) in cached.iter().filter(|(url, _)| !url.starts_with(&here)) {
            all.push(Told {
                url: url.clone(),
                id: url.clone(),
                kind: "Cached",
                at: fetched.at,
                used: fetched.used,
                hits: fetched.hits,
            });
        }
    });
    Ok(all)
}

/// `GET /jsonldContexts`.
pub async fn list(State(catalogue): Shared, asked: Asked) -> Answer {
    asked.only(&["details", "kind"])?;
    let media = asked.media(false)?;
    let details = asked.flag("details")?;
    let kind = asked.get("kind");
    if let Some(other) = kind.filter(|k| !["Cached", "Hosted", "ImplicitlyCreated"].contains(k)) {
        return Err(Problem::data(format!(
            "kind is {other:?}; Cached, Hosted or ImplicitlyCreated is wanted"
        )));
    }
    let all = told(&catalogue, &asked.face).await?;
    let all = all.iter().filter(|t| kind.is_none_or(|k| k == t.kind));
    let body: Json = match details {
        true => all.map(Told::json).collect(),
        false => all.map(|t| Json::from(t.url.as_str())).collect(),
    };
    Ok(plain(StatusCode::OK, &body, media == super::Media::Linked))
}

fn plain(status: StatusCode, body: &Json, linked: bool) -> Response {
    let media = if linked { LINKED } else { "application/json" };
    (status, [(header::CONTENT_TYPE, media)], body.to_string()).into_response()
}

/// `GET /jsonldContexts/{id}`.
pub async fn one(State(catalogue): Shared, Path(id): Path<String>, asked: Asked) -> Answer {
    asked.only(&["details"])?;
    let media = asked.media(false)?;
    let all = told(&catalogue, &asked.face).await?;
    let found = all.iter().find(|t| t.id == id || t.url == id);
    let found = found.ok_or_else(|| absent(&id))?;
    let linked = media == super::Media::Linked;
    if asked.flag("details")? {
        return Ok(plain(StatusCode::OK, &found.json(), linked));
    }
    let document = if found.id == context::file() {
        json!({ "@context": context::own() })
    } else if found.url == CORE {
        // Its text is the ETSI's; whoever reads this gets it there.
        json!({ "@context": CORE })
    } else if found.kind == "Hosted" {
        let hosted = catalogue.ledger.hosted(&found.id).await?;
        let hosted = hosted.ok_or_else(|| absent(&id))?;
        serde_json::from_str(&hosted.body).map_err(crate::error::Error::internal)?
    } else {
        let cached = asked.face.contexts.with(|all| all.get(&found.url).cloned());
        cached.ok_or_else(|| absent(&id))?.document
    };
    Ok(plain(StatusCode::OK, &document, linked))
}

fn absent(id: &str) -> Problem {
    Problem::not_found(format!("no context is called {id:?} here"))
}

/// `POST /jsonldContexts`.
pub async fn add(
    State(catalogue): Shared,
    by: Option<axum::Extension<Person>>,
    asked: Asked,
    bytes: Bytes,
) -> Answer {
    asked.only(&[])?;
    let person = contributor(by)?;
    let media = sent(&asked.headers);
    if media != LINKED && media != "application/json" {
        let why =
            format!("{media:?} is not read here; application/json and application/ld+json are");
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "InvalidRequest",
            why,
        ));
    }
    if bytes.len() > LONGEST {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "InvalidRequest",
            format!("a context has at most {LONGEST} bytes"),
        ));
    }
    let document: Json = serde_json::from_slice(&bytes)
        .map_err(|e| Problem::request(format!("the body is no JSON: {e}")))?;
    let inner = document
        .get("@context")
        .filter(|c| c.is_object() || c.is_array() || c.is_string());
    let inner = inner.ok_or_else(|| Problem::data("the body holds no @context"))?;
    read(&catalogue, &asked.face, inner).await?;
    if catalogue.ledger.all_hosted().await?.len() >= HOSTED {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "TooManyResults",
            format!("{HOSTED} contexts are hosted already"),
        ));
    }
    let body = json!({ "@context": inner }).to_string();
    let hosted = Hosted {
        name: crate::record::hash(&body)[..32].to_owned(),
        body,
        at: now(),
    };
    catalogue.host(&hosted).await?;
    tracing::info!(name = hosted.name, by = person.name, "a context is hosted");
    let place = hosted_url(&catalogue, &hosted.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)]).into_response())
}

/// `DELETE /jsonldContexts/{id}`; with `reload=true` a cached one is fetched anew.
pub async fn delete(
    State(catalogue): Shared,
    by: Option<axum::Extension<Person>>,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    asked.only(&["reload"])?;
    contributor(by)?;
    let reload = asked.flag("reload")?;
    let all = told(&catalogue, &asked.face).await?;
    let found = all.iter().find(|t| t.id == id || t.url == id);
    let found = found.ok_or_else(|| absent(&id))?;
    if is_core(&found.url) || found.id == context::file() {
        return Err(Problem::data(format!(
            "{} stays: it belongs to the service",
            found.url
        )));
    }
    if found.kind == "Hosted" {
        if reload {
            return Err(Problem::data(
                "reload is for a cached context; this one is hosted",
            ));
        }
        catalogue.unhost(&found.id).await?;
    }
    asked.face.contexts.with(|all| all.remove(&found.url));
    if reload {
        known(&catalogue, &asked.face, &found.url).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
