//! `/ngsi-ld/v1`: the catalogue as a context source (ETSI GS CIM 009, clause 6). It reads the index of
//! entities and makes each entity from its record; what contributors write goes through the catalogue.
mod contexts;
mod entities;
mod subscriptions;
mod temporal;
mod types;
mod write;

use super::reply;
use crate::catalogue::Catalogue;
use crate::config::Ngsi;
use crate::error::{Error, Kind};
use crate::mapping::ngsi::context::{self, Context};
use crate::store::entities::Entities;
use axum::Router;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::RwLockReadGuard;

pub use contexts::served;

/// What the face knows beside the catalogue.
pub struct Face {
    settings: Ngsi,
    contexts: contexts::Cache,
    /// Since when it is there, in microseconds since the epoch.
    began: i64,
}

/// The routes, each with and without a slash at its end.
pub fn router(settings: &Ngsi) -> Router<Arc<Catalogue>> {
    let face = Arc::new(Face {
        settings: settings.clone(),
        contexts: contexts::Cache::default(),
        began: crate::catalogue::now(),
    });
    let routes: [(&str, MethodRouter<Arc<Catalogue>>); 18] = [
        ("/entities", get(entities::list).post(write::create)),
        ("/entities/{id}", get(entities::one)),
        ("/entityOperations/query", post(entities::query)),
        ("/entityOperations/create", post(write::create_some)),
        ("/entityOperations/upsert", post(write::upsert_some)),
        ("/entityOperations/update", post(write::update_some)),
        (
            "/subscriptions",
            get(subscriptions::list).post(subscriptions::create),
        ),
        (
            "/subscriptions/{id}",
            get(subscriptions::one)
                .patch(subscriptions::amend)
                .delete(subscriptions::delete),
        ),
        (
            "/subscriptions/{id}/undelivered",
            get(subscriptions::undelivered).post(subscriptions::replay),
        ),
        ("/types", get(types::types)),
        ("/types/{name}", get(types::one_type)),
        ("/attributes", get(types::attributes)),
        ("/attributes/{name}", get(types::one_attribute)),
        ("/jsonldContexts", get(contexts::list).post(contexts::add)),
        (
            "/jsonldContexts/{id}",
            get(contexts::one).delete(contexts::delete),
        ),
        ("/temporal/entities", get(temporal::list)),
        ("/temporal/entities/{id}", get(temporal::one)),
        ("/info/sourceIdentity", get(types::identity)),
    ];
    let mut router = Router::new();
    for (path, methods) in routes {
        router = router
            .route(&format!("/ngsi-ld/v1{path}/"), methods.clone())
            .route(&format!("/ngsi-ld/v1{path}"), methods);
    }
    router
        .route("/ngsi-ld/v1/{*rest}", axum::routing::any(nothing))
        .method_not_allowed_fallback(|method: Method| async move { not_taken(&method) })
        .layer(axum::middleware::from_fn(speak))
        .layer(axum::Extension(face))
}

async fn nothing(method: Method) -> Problem {
    match method {
        Method::GET | Method::HEAD | Method::OPTIONS => {
            Problem::not_found("nothing has this address below /ngsi-ld/v1")
        }
        other => not_taken(&other),
    }
}

/// Entities are written whole, and go when their records are withdrawn.
fn not_taken(method: &Method) -> Problem {
    let why = format!(
        "{method} is not taken here: entities are written whole, by POST to entities or entityOperations/create, upsert or \
         update; DELETE /api/resources withdraws what they are of"
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "OperationNotSupported", why)
}

/// What went wrong, in the specification's words (clauses 5.5.2 and 5.5.3). It is sent as
/// `application/json`, as 5.5.3 wants.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            detail: detail.into(),
        }
    }

    /// The request cannot be understood.
    fn request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidRequest", detail)
    }

    /// What it says is wrong.
    fn data(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestData", detail)
    }

    fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", detail)
    }

    fn unsupported(detail: impl Into<String>) -> Self {
        let status = StatusCode::NOT_IMPLEMENTED;
        Self::new(status, "OperationNotSupported", detail)
    }

    fn title(&self) -> &'static str {
        match self.kind {
            "InvalidRequest" => "Invalid request",
            "BadRequestData" => "Bad request data",
            "ResourceNotFound" => "Resource not found",
            "OperationNotSupported" => "Operation not supported",
            "LdContextNotAvailable" => "@context not available",
            "NonexistentTenant" => "No such tenant",
            "TooManyResults" => "Too many results",
            "TooComplexQuery" => "Query too complex",
            "AlreadyExists" => "Already exists",
            "LoopDetected" => "Loop detected",
            _ => "Internal error",
        }
    }

    fn json(&self) -> Json {
        json!({
            "type": format!("https://uri.etsi.org/ngsi-ld/errors/{}", self.kind),
            "title": self.title(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        })
    }
}

impl From<Error> for Problem {
    fn from(e: Error) -> Self {
        let status = StatusCode::from_u16(e.kind.status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = match e.kind {
            Kind::NotFound | Kind::Gone => "ResourceNotFound",
            Kind::Conflict => "AlreadyExists",
            Kind::Internal | Kind::Busy => "InternalError",
            Kind::MethodNotAllowed => "OperationNotSupported",
            Kind::BadInput => "BadRequestData",
            _ => "InvalidRequest",
        };
        let detail = match e.kind {
            Kind::Internal => {
                tracing::error!(error = %e.message, "an NGSI-LD request failed");
                "an error of ours; the log has it under the request id".to_owned()
            }
            _ => e.message,
        };
        Self::new(status, kind, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let media = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (self.status, media, self.json().to_string()).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let how = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, how);
        }
        response
    }
}

/// What the service refused before it came to this face, such as a body that is too long, as its clients read it; `None` at
/// other paths.
pub fn problem(
    catalogue: &Catalogue,
    path: &str,
    status: StatusCode,
    detail: &str,
) -> Option<String> {
    let root = super::pages::root(&catalogue.public_url).trim_end_matches('/');
    path.strip_prefix(root)?.strip_prefix("/ngsi-ld/")?;
    let kind = match status {
        StatusCode::NOT_FOUND => "ResourceNotFound",
        _ if status.is_server_error() => "InternalError",
        _ => "InvalidRequest",
    };
    Some(Problem::new(status, kind, detail).json().to_string())
}

pub type Answer = Result<Response, Problem>;

/// How many entities there are in all, where `count` asks for it.
pub const COUNT: header::HeaderName = header::HeaderName::from_static("ngsild-results-count");

const TENANT: header::HeaderName = header::HeaderName::from_static("ngsild-tenant");

/// There is one tenant, without a name (clause 4.14).
async fn speak(request: Request, next: Next) -> Response {
    if let Some(tenant) = request.headers().get(TENANT).filter(|t| !t.is_empty()) {
        let name = String::from_utf8_lossy(tenant.as_bytes());
        let why = format!("there is no tenant {name:?}: the catalogue has one, without a name");
        return Problem::new(StatusCode::NOT_FOUND, "NonexistentTenant", why).into_response();
    }
    next.run(request).await
}

/// Forms in which entities are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    Json,
    Linked,
    Geo,
}

const MEDIA: [(&str, Media); 3] = [
    ("application/json", Media::Json),
    ("application/ld+json", Media::Linked),
    ("application/geo+json", Media::Geo),
];

/// A request that asks: its parameters, the @context in which names are meant, and the form of the answer.
pub struct Asked {
    pub face: Arc<Face>,
    parameters: BTreeMap<String, String>,
    pub headers: HeaderMap,
    /// What came with it, or the core context.
    pub context: Context,
    /// What the answer's names are of: the context that `link` names, and nothing that only the body held.
    pub shown: Context,
    /// The address that the answer names.
    pub link: String,
    pub path: String,
}

impl FromRequestParts<Arc<Catalogue>> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        catalogue: &Arc<Catalogue>,
    ) -> Result<Self, Problem> {
        let face = parts.extensions.get::<Arc<Face>>().cloned();
        let face = face.ok_or_else(|| Error::internal("the NGSI-LD routes lack their settings"))?;
        let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let query = query.map_err(|e| Problem::request(e.body_text()))?;
        let mut parameters = BTreeMap::new();
        for (name, value) in query.0 {
            if let Some(twice) = parameters.insert(name.clone(), value) {
                let why = format!("{name} is given twice, first as {twice:?}");
                return Err(Problem::request(why));
            }
        }
        let (context, link) = match linked(&parts.headers)? {
            Some(url) => (contexts::known(catalogue, &face, &url).await?, url),
            None => (Context::default(), context::CORE.to_owned()),
        };
        Ok(Self {
            face,
            parameters,
            headers: parts.headers.clone(),
            shown: context.clone(),
            context,
            link,
            path: parts.uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// The address in the `Link` header to an @context (JSON-LD 1.1, section 6.1).
fn linked(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut found: Vec<String> = Vec::new();
    for value in headers.get_all(header::LINK) {
        let text = value
            .to_str()
            .map_err(|_| Problem::request("Link holds what no header may"))?;
        let mut rest = text;
        while let Some(start) = rest.find('<') {
            let end = rest[start..].find('>').map(|n| start + n);
            let end = end.ok_or_else(|| Problem::request(format!("Link: {text:?} lacks a >")))?;
            let next = rest[end..].find('<').map_or(rest.len(), |n| end + n);
            if rest[end..next].contains(context::RELATION) {
                found.push(rest[start + 1..end].to_owned());
            }
            rest = &rest[next..];
        }
    }
    match found.len() {
        0 | 1 => Ok(found.pop()),
        n => Err(Problem::data(format!(
            "Link names {n} contexts; one is wanted"
        ))),
    }
}

/// What a broker that passes a request on calls itself.
fn via(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::VIA).iter();
    let parts = lines
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','));
    parts.filter_map(|part| part.split_whitespace().nth(1))
}

impl Asked {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Whether the request comes from a broker.
    pub fn is_passed_on(&self) -> bool {
        self.headers.contains_key(header::VIA)
    }

    /// Whether it has been here before (clause 4.3.6.4).
    pub fn is_loop(&self, entities: &Entities) -> bool {
        let own = name(entities);
        via(&self.headers).any(|v| v.split(':').next() == Some(own.as_str()))
    }

    /// Refuses parameters that are not known here; one that a broker sends along is ignored.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        for name in self.parameters.keys() {
            if known.contains(&name.as_str()) {
                continue;
            }
            if self.is_passed_on() {
                tracing::info!(name, "a broker sent a parameter that is not known");
                continue;
            }
            let known = known.join(", ");
            return Err(Problem::request(format!(
                "{name:?} is no parameter here; known are {known}"
            )));
        }
        Ok(())
    }

    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Problem::request(format!(
                "{name} is {other:?}; true or false is wanted"
            ))),
        }
    }

    pub fn number(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let number: usize = text.parse().map_err(|_| {
            Problem::data(format!(
                "{name} is {text:?}; a whole number from {least} is wanted"
            ))
        })?;
        if number < least {
            return Err(Problem::data(format!(
                "{name} is {number}; {least} is the least"
            )));
        }
        if number > most {
            let why = format!("{name} is {number}; {most} is the most");
            return Err(Problem::new(StatusCode::FORBIDDEN, "TooManyResults", why));
        }
        Ok(Some(number))
    }

    /// The form of the answer by `Accept`; GeoJSON where it can be.
    pub fn media(&self, geo: bool) -> Result<Media, Problem> {
        let offered = &MEDIA[..if geo { 3 } else { 2 }];
        let accept = super::accept(&self.headers);
        let found = reply::negotiate(accept, offered).map(|m| m.1);
        found.ok_or_else(|| {
            let names: Vec<&str> = offered.iter().map(|m| m.0).collect();
            let why = format!("{accept:?} is not answered; {} are", names.join(", "));
            Problem::new(StatusCode::NOT_ACCEPTABLE, "InvalidRequest", why)
        })
    }

    /// The value of `@context` in an answer.
    pub fn contexts(&self) -> Json {
        match context::is_core(&self.link) {
            true => self.link.as_str().into(),
            false => json!([self.link, context::CORE]),
        }
    }

    /// An answer in JSON with a Link to the context, or in JSON-LD with the context in it.
    pub fn answer(&self, status: StatusCode, mut body: Json, media: Media) -> Response {
        let context = || self.contexts();
        let mut link = None;
        match (media, &mut body) {
            (Media::Linked, Json::Object(one)) => {
                one.insert("@context".into(), context());
            }
            (Media::Linked, Json::Array(all)) => {
                for one in all.iter_mut().filter_map(Json::as_object_mut) {
                    one.insert("@context".into(), context());
                }
            }
            (Media::Geo, Json::Object(one)) if !self.prefers_json() => {
                one.insert("@context".into(), context());
            }
            _ => link = Some(context::link(&self.link)),
        }
        let kind = MEDIA.iter().find(|m| m.1 == media).map_or("", |m| m.0);
        let media = [(header::CONTENT_TYPE, kind)];
        let mut response = (status, media, body.to_string()).into_response();
        let link = link.and_then(|l| HeaderValue::from_str(&l).ok());
        if let Some(link) = link {
            response.headers_mut().append(header::LINK, link);
        }
        let vary = HeaderValue::from_static("accept, link");
        response.headers_mut().insert(header::VARY, vary);
        response
    }

    /// Whether a GeoJSON answer names its context in a header alone (clause 6.3.15).
    fn prefers_json(&self) -> bool {
        let prefer = self.headers.get("prefer").and_then(|v| v.to_str().ok());
        prefer.is_some_and(|p| p.split([',', ';']).any(|p| p.trim() == "body=json"))
    }
}

/// What we call ourselves among brokers.
fn name(entities: &Entities) -> String {
    format!("ldt-catalogue-{}", entities.settings().prefix)
}

/// The index, where it is there already.
async fn index(catalogue: &Catalogue) -> Result<RwLockReadGuard<'_, Entities>, Problem> {
    let held = catalogue.entities.read().await;
    RwLockReadGuard::try_map(held, Option::as_ref).map_err(|_| {
        let why = "the entities are still being loaded; /readyz says when they are there";
        Problem::from(Error::new(Kind::Busy, why))
    })
}

/// The media type of a body, without parameters.
fn sent(headers: &HeaderMap) -> String {
    let media = headers.get(header::CONTENT_TYPE);
    let media = media.and_then(|v| v.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default();
    media.trim().to_ascii_lowercase()
}

/// A JSON body with the @context in which its names are meant (clause 6.3.5): in a Link header beside
/// `application/json`, in the body of `application/ld+json`.
async fn body(catalogue: &Catalogue, asked: &mut Asked, bytes: &[u8]) -> Result<Json, Problem> {
    let media = sent(&asked.headers);
    if bytes.is_empty() {
        return Err(Problem::request(
            "a body is missing; a JSON document is wanted",
        ));
    }
    let linked = match media.as_str() {
        "application/json" => false,
        "application/ld+json" => true,
        other => {
            let why =
                format!("{other:?} is not read here; application/json and application/ld+json are");
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "InvalidRequest",
                why,
            ));
        }
    };
    let mut json: Json = serde_json::from_slice(bytes)
        .map_err(|e| Problem::request(format!("the body is no JSON: {e}")))?;
    let items: Vec<&mut Json> = match &mut json {
        Json::Array(all) => all.iter_mut().collect(),
        one => vec![one],
    };
    let mut inside: Vec<Json> = Vec::new();
    for item in items {
        match (
            item.as_object_mut().and_then(|o| o.remove("@context")),
            linked,
        ) {
            (Some(_), false) => {
                let why = "the body holds @context; application/ld+json says so, or a Link header names it";
                return Err(Problem::data(why));
            }
            (None, true) => {
                let why = "the body lacks @context; application/json goes without";
                return Err(Problem::data(why));
            }
            (Some(context), true) => inside.push(context),
            (None, false) => {}
        }
    }
    if linked {
        if asked.headers.contains_key(header::LINK) && self::linked(&asked.headers)?.is_some() {
            let why =
                "a context is named by Link beside application/ld+json; the body alone names it";
            return Err(Problem::data(why));
        }
        let mut distinct: BTreeSet<String> = BTreeSet::new();
        for context in &inside {
            distinct.insert(context.to_string());
        }
        if distinct.len() > 1 {
            let why = "the items of one body name several contexts; one is wanted";
            return Err(Problem::data(why));
        }
        if let Some(context) = inside.into_iter().next() {
            asked.context = contexts::read(catalogue, &asked.face, &context).await?;
            asked.link = Context::named(&context)
                .into_iter()
                .find(|url| !context::is_core(url))
                .unwrap_or(context::CORE)
                .to_owned();
            asked.shown = contexts::known(catalogue, &asked.face, &asked.link).await?;
        }
    }
    Ok(json)
}

/// The names that a list of names of a request means; one that is none of ours means none.
fn ours(asked: &Asked, list: &str) -> Result<Vec<&'static str>, Problem> {
    let mut out = Vec::new();
    for name in list.split(',').map(str::trim) {
        if name.is_empty() {
            return Err(Problem::data(format!("{list:?} holds an empty name")));
        }
        let plain = |c: char| !c.is_whitespace() && !"<>\"'=;()[]{}|".contains(c);
        if !name.chars().all(plain) {
            return Err(Problem::data(format!("{name:?} is no name")));
        }
        out.extend(asked.context.ours_of(name));
    }
    Ok(out)
}
