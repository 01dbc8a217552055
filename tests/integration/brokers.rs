//! Three context brokers as they behave on the wire, in memory, on real sockets: each refuses, forgets and
//! answers in its own dialect. Where a rule comes from stands beside it.
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Orion,
    Scorpio,
    Stellio,
}

pub const ALL: [Kind; 3] = [Kind::Orion, Kind::Scorpio, Kind::Stellio];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Orion => "orion-ld",
            Self::Scorpio => "scorpio",
            Self::Stellio => "stellio",
        }
    }
}

/// What goes wrong, when a test says so.
#[derive(Default)]
pub struct Faults {
    /// Each request takes this long.
    pub slow: Duration,
    /// Every request is answered so, with these seconds to wait.
    pub down: Option<(u16, Option<u64>)>,
    /// After half of the next batch was stored, the connection breaks.
    pub breaks: bool,
    /// Entities that are refused, and those that make the whole batch fail with 500.
    pub refuses: BTreeSet<String>,
    pub chokes_on: BTreeSet<String>,
    /// A bare list of errors in 207 (Scorpio #466).
    pub bare: bool,
    /// 201 with the ids that were created, instead of 207 with no errors (Orion-LD with -experimental).
    pub experimental: bool,
    /// Only this token is let in.
    pub token: Option<String>,
}

#[derive(Default)]
pub struct Inside {
    /// By tenant and id, with expanded names.
    pub entities: BTreeMap<(String, String), Value>,
    pub faults: Faults,
    /// Context sources, by tenant and id.
    pub registrations: BTreeMap<(String, String), Value>,
    /// Method, path and number of entities of each request.
    pub log: Vec<(String, String, usize)>,
    /// @contexts as they were first read.
    contexts: HashMap<String, Map<String, Value>>,
    pub tenants: BTreeSet<String>,
    /// How often a token was given out.
    pub tokens: usize,
}

pub struct Broker {
    pub kind: Kind,
    pub address: String,
    inside: Arc<Mutex<Inside>>,
    runtime: Option<tokio::runtime::Runtime>,
}

#[derive(Clone)]
struct Shared {
    kind: Kind,
    inside: Arc<Mutex<Inside>>,
}

impl Broker {
    pub fn start(kind: Kind) -> Self {
        Self::listen(kind, "127.0.0.1:0", Arc::default())
    }

    fn listen(kind: Kind, at: &str, inside: Arc<Mutex<Inside>>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        // The address may be in its last moments of the time before.
        let mut tries = 0;
        let listener = loop {
            match runtime.block_on(tokio::net::TcpListener::bind(at)) {
                Ok(listener) => break listener,
                Err(_) if tries < 200 => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(25));
                }
                Err(e) => panic!("{at}: {e}"),
            }
        };
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Shared {
            kind,
            inside: inside.clone(),
        };
        let router = Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(shared);
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            kind,
            address,
            inside,
            runtime: Some(runtime),
        }
    }

    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Goes away: connections are refused.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Comes back at the same address, with what it had.
    pub fn come_back(&mut self) {
        self.stop();
        *self = Self::listen(self.kind, &self.address.clone(), self.inside.clone());
    }

    /// Ids and hashes of what it holds.
    pub fn contents(&self) -> BTreeMap<String, String> {
        let inside = self.inside();
        let hash = |e: &Value| {
            let member = e
                .as_object()?
                .iter()
                .find(|m| m.0.ends_with("#contentHash"))?;
            Some(member.1["value"].as_str()?.to_owned())
        };
        let all = inside.entities.iter();
        all.map(|((_, id), e)| (id.clone(), hash(e).unwrap_or_default()))
            .collect()
    }

    /// The settings of a target that leads here.
    pub fn target(&self, name: &str, more: &str) -> String {
        let (kind, address) = (self.kind.name(), &self.address);
        format!(
            "[[publish.targets]]\nname = \"{name}\"\nkind = \"{kind}\"\nurl = \"http://{address}\"\n{more}\n"
        )
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}

fn problem(status: u16, kind: &str, title: &str) -> Response {
    let body = json!({ "type": format!("https://uri.etsi.org/ngsi-ld/errors/{kind}"), "title": title, "status": status });
    reply(status, Some(body))
}

fn reply(status: u16, body: Option<Value>) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    match body {
        Some(body) => (status, axum::Json(body)).into_response(),
        None => status.into_response(),
    }
}

async fn answer(
    State(shared): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().to_owned();
    let slow = lock(&shared).faults.slow;
    tokio::time::sleep(slow).await;
    if path == "/token" {
        let mut inside = lock(&shared);
        inside.tokens += 1;
        let token = format!("token-{}", inside.tokens);
        inside.faults.token = Some(token.clone());
        return reply(
            200,
            Some(json!({ "access_token": token, "expires_in": 3600 })),
        );
    }
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    {
        let inside = lock(&shared);
        if let Some(token) = &inside.faults.token
            && header("authorization") != format!("Bearer {token}")
        {
            return problem(401, "Unauthorized", "no token, or not the one");
        }
        if let Some((status, after)) = inside.faults.down {
            let mut response = problem(status, "InternalError", "out of order");
            if let Some(after) = after {
                let value = after.to_string().parse().expect("a number");
                response.headers_mut().insert("retry-after", value);
            }
            return response;
        }
    }
    let well = match shared.kind {
        Kind::Orion => "/ngsi-ld/ex/v1/version",
        Kind::Scorpio => "/q/health",
        Kind::Stellio => "/actuator/health",
    };
    if path == well {
        return reply(200, Some(json!({ "status": "UP" })));
    }
    // orionldPostNotify.cpp (#904): what a notification says is upserted.
    let is_notified = shared.kind == Kind::Orion && path == "/ngsi-ld/ex/v1/notify";
    let inside = path.strip_prefix("/ngsi-ld/v1/");
    let Some(path) = inside.or(is_notified.then_some("notify")) else {
        return problem(404, "ResourceNotFound", "no such path");
    };
    let query: HashMap<String, String> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|p| p.split_once('='))
        .map(|(n, v)| {
            let value = percent_encoding::percent_decode_str(v).decode_utf8_lossy();
            (n.to_owned(), value.into_owned())
        })
        .collect();
    // mhdConnectionInit.cpp folds tenants; TenantWebFilter knows those of its settings alone.
    let mut tenant = header("ngsild-tenant").to_owned();
    if shared.kind == Kind::Orion {
        tenant = tenant.to_lowercase();
    }
    let writes = method == Method::POST;
    let there = tenant.is_empty() || lock(&shared).tenants.contains(&tenant);
    if !there {
        match shared.kind {
            Kind::Stellio => return problem(404, "NonexistentTenant", "Tenant does not exist"),
            _ if writes => {
                lock(&shared).tenants.insert(tenant.clone());
            }
            Kind::Orion => return problem(404, "NonExistingTenant", "No such tenant"),
            Kind::Scorpio => return problem(404, "TenantNotFound", "Tenant not found"),
        }
    }
    // ApiUtils wants the header letter by letter.
    let link = header("link");
    let exact = link.strip_prefix('<').and_then(|l| {
        l.split_once(
            ">; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"",
        )
    });
    let url = match (link, exact) {
        ("", _) => String::new(),
        (_, Some((url, ""))) => url.to_owned(),
        _ if shared.kind == Kind::Stellio => {
            return problem(400, "BadRequestData", "Link header is badly formed");
        }
        _ => {
            // Scorpio cuts at the semicolon.
            let url = link.trim_start_matches('<');
            url.split(['>', ';']).next().unwrap_or_default().to_owned()
        }
    };
    let context = match context(&shared, &url).await {
        Ok(context) => context,
        Err(why) => return problem(503, "LdContextNotAvailable", &why),
    };
    let known = [
        "options", "type", "q", "attrs", "limit", "offset", "count", "id",
    ];
    if shared.kind == Kind::Stellio
        && let Some(name) = query.keys().find(|n| !known.contains(&n.as_str()))
    {
        // AllowedParameters.
        return problem(
            400,
            "InvalidRequest",
            &format!("{name} is not an accepted query parameter"),
        );
    }
    if let Some(id) = path.strip_prefix("csourceRegistrations") {
        return registration(&shared, &method, &tenant, id.trim_start_matches('/'), &body);
    }
    let here = lock(&shared).registrations.keys().any(|k| k.0 == tenant);
    if method == Method::GET && here && path.starts_with("entities") {
        return forwarded(&shared, &tenant, path, &query, link).await;
    }
    let call = Call {
        shared: &shared,
        tenant,
        context,
        query,
    };
    match (method.as_str(), path) {
        ("GET", "types") => reply(200, Some(json!([]))),
        ("GET", "entities") => call.list(),
        ("GET", one) if one.starts_with("entities/") => call.one(&one["entities/".len()..]),
        ("POST", "notify") => match serde_json::from_slice::<Value>(&body) {
            Ok(said) if said["type"] == "Notification" && said["data"].is_array() => {
                call.upsert(said["data"].as_array().map_or(&[][..], Vec::as_slice))
            }
            _ => problem(400, "InvalidRequest", "a Notification is wanted"),
        },
        ("POST", "entityOperations/upsert" | "entityOperations/delete") => {
            let media = header("content-type");
            if !media.starts_with("application/json") {
                return problem(415, "InvalidRequest", "application/json is wanted");
            }
            // mhdConnectionInit.cpp: 1 MB unless told otherwise.
            if shared.kind == Kind::Orion && body.len() > 1 << 20 {
                return problem(413, "BadRequestData", "Request Entity too large");
            }
            let Ok(Value::Array(items)) = serde_json::from_slice(&body) else {
                return problem(400, "InvalidRequest", "an array is wanted");
            };
            if items.is_empty() {
                return problem(
                    400,
                    "BadRequestData",
                    "Batch request payload cannot be empty",
                );
            }
            let seen = (method.to_string(), path.to_owned(), items.len());
            lock(&shared).log.push(seen);
            match path.ends_with("upsert") {
                true => call.upsert(&items),
                false => call.delete(&items),
            }
        }
        _ => problem(404, "ResourceNotFound", "no such path"),
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, Inside> {
    shared.inside.lock().unwrap_or_else(|e| e.into_inner())
}

/// Registrations of context sources, as each keeps and shows them.
fn registration(shared: &Shared, method: &Method, tenant: &str, id: &str, body: &[u8]) -> Response {
    let mut inside = lock(shared);
    let seen = (method.to_string(), format!("csourceRegistrations/{id}"), 1);
    inside.log.push(seen);
    let key = |id: &str| (tenant.to_owned(), id.to_owned());
    match method.as_str() {
        "POST" => {
            let Ok(mut wanted) = serde_json::from_slice::<Value>(body) else {
                return problem(400, "InvalidRequest", "no JSON");
            };
            let id = wanted["id"].as_str().unwrap_or_default().to_owned();
            if wanted["type"] != "ContextSourceRegistration" || !wanted["information"].is_array() {
                return problem(400, "BadRequestData", "no registration");
            }
            // pcheckRegistration.cpp: management.cacheDuration is not implemented.
            if shared.kind == Kind::Orion && wanted["management"].get("cacheDuration").is_some() {
                return problem(501, "OperationNotSupported", "Not Implemented");
            }
            // A tenant of 16 characters at most (brief on Orion-LD); Stellio takes no endpoint with a path of ours.
            if shared.kind == Kind::Orion && tenant.len() > 16 {
                return problem(400, "BadRequestData", "tenant name too long");
            }
            let endpoint = wanted["endpoint"].as_str().unwrap_or_default();
            if !endpoint.starts_with("http") || endpoint.contains("/ngsi-ld/") {
                return problem(400, "BadRequestData", "no endpoint");
            }
            if inside.registrations.contains_key(&key(&id)) {
                return problem(
                    409,
                    "AlreadyExists",
                    "Context Source Registration already exists",
                );
            }
            // Scorpio compacts lists of one; the others tell how often they asked.
            match shared.kind {
                Kind::Scorpio => {
                    wanted["information"] = wanted["information"][0].clone();
                }
                _ => wanted["status"] = json!("ok"),
            }
            inside.registrations.insert(key(&id), wanted);
            let place = format!("/ngsi-ld/v1/csourceRegistrations/{id}");
            let mut response = reply(201, None);
            let place = place.parse().expect("a header");
            response.headers_mut().insert("location", place);
            response
        }
        "GET" => match inside.registrations.get(&key(id)) {
            Some(known) => reply(200, Some(known.clone())),
            None => problem(404, "ResourceNotFound", "Entity Not Found"),
        },
        "DELETE" => match inside.registrations.remove(&key(id)) {
            Some(_) => reply(204, None),
            None => problem(404, "ResourceNotFound", "Entity Not Found"),
        },
        _ => problem(405, "BadRequestData", "Method Not Allowed"),
    }
}

/// What the sources of a tenant answer to a request about entities, asked in this broker's way.
async fn forwarded(
    shared: &Shared,
    tenant: &str,
    path: &str,
    query: &HashMap<String, String>,
    link: &str,
) -> Response {
    let sources: Vec<Value> = {
        let inside = lock(shared);
        let own = inside.registrations.iter().filter(|(k, _)| k.0 == tenant);
        own.map(|(_, r)| r.clone()).collect()
    };
    let client = ldt_catalogue::client::client().expect("a client");
    let client = client.build().expect("a client");
    let ask = async |url: String| {
        let mut request = client.get(url).header("accept", "application/json");
        if !link.is_empty() {
            request = request.header("link", link);
        }
        // Stellio sends none.
        if shared.kind != Kind::Stellio {
            request = request.header("via", "1.1 broker-of-the-city");
        }
        let answer = request.send().await.expect("the source answers");
        let status = answer.status().as_u16();
        // Its parser of answers loops on such a header.
        assert!(answer.headers().get("next").is_none());
        let json: Value = answer.json().await.expect("JSON");
        (status, json)
    };
    let mut all: Vec<Value> = Vec::new();
    for source in sources {
        let base = format!("{}/ngsi-ld/v1", source["endpoint"].as_str().expect("text"));
        if let Some(id) = path.strip_prefix("entities/") {
            let options = match shared.kind {
                Kind::Orion => "?options=sysAttrs&local=true",
                Kind::Scorpio => "?options=sysAttrs",
                Kind::Stellio => "",
            };
            let (status, entity) = ask(format!("{base}/entities/{id}{options}")).await;
            if status == 200 {
                return reply(200, Some(entity));
            }
            continue;
        }
        let kind = query.get("type").expect("a type");
        let url = match shared.kind {
            // orionldGetEntitiesDistributed.cpp: all ids first, then the entities of those it wants.
            Kind::Orion => {
                let ids = format!("{base}/entities?onlyIds=true&type={kind}&local=true");
                let (status, ids) = ask(ids).await;
                assert_eq!(status, 200, "anything else may crash it");
                let ids: Vec<&str> = ids
                    .as_array()
                    .expect("a list")
                    .iter()
                    .map(|id| id.as_str().expect("an id"))
                    .collect();
                let ids = ids.join(",");
                format!("{base}/entities?id={ids}&options=sysAttrs&local=true")
            }
            Kind::Scorpio => format!("{base}/entities?type={kind}&limit=1000&options=sysAttrs"),
            Kind::Stellio => format!("{base}/entities?type={kind}&limit=100&count=true"),
        };
        let (status, entities) = ask(url).await;
        assert_eq!(status, 200, "{entities}");
        all.extend(entities.as_array().expect("a list").iter().cloned());
    }
    match path.starts_with("entities/") {
        true => problem(404, "ResourceNotFound", "Entity Not Found"),
        false => reply(200, Some(Value::Array(all))),
    }
}

/// The @context that a request names, as it was when it was first read: orionldContextDownload.cpp keeps
/// it for good, Stellio without an end, Scorpio for five minutes.
async fn context(shared: &Shared, url: &str) -> Result<Map<String, Value>, String> {
    if url.is_empty() {
        return Ok(Map::new());
    }
    if let Some(known) = lock(shared).contexts.get(url) {
        return Ok(known.clone());
    }
    let failed = |e: &dyn std::fmt::Display| format!("Unable to download context {url}: {e}");
    let client = ldt_catalogue::client::client().map_err(|e| failed(&e))?;
    let client = client.redirect(reqwest::redirect::Policy::none()).build();
    let client = client.map_err(|e| failed(&e))?;
    let answer = client
        .get(url)
        .header("accept", "application/ld+json")
        .send()
        .await;
    let answer = answer.map_err(|e| failed(&e))?;
    let media = answer
        .headers()
        .get("content-type")
        .and_then(|v| v.to_str().ok());
    // Stellio #1162: anything else than JSON is no context.
    if answer.status() != 200 || !media.is_some_and(|m| m.contains("json")) {
        return Err(failed(&answer.status()));
    }
    let text = answer.text().await.map_err(|e| failed(&e))?;
    let json: Value = serde_json::from_str(&text).map_err(|e| failed(&e))?;
    let terms = json["@context"]
        .as_object()
        .cloned()
        .ok_or_else(|| failed(&"no terms"))?;
    lock(shared).contexts.insert(url.to_owned(), terms.clone());
    Ok(terms)
}

struct Call<'s> {
    shared: &'s Shared,
    tenant: String,
    context: Map<String, Value>,
    query: HashMap<String, String>,
}

/// Names of the core context that catalogues use.
const CORE: [&str; 9] = [
    "id",
    "type",
    "title",
    "description",
    "format",
    "status",
    "location",
    "createdAt",
    "modifiedAt",
];

const DEFAULT: &str = "https://uri.etsi.org/ngsi-ld/default-context/";

impl Call<'_> {
    fn expand(&self, name: &str) -> String {
        match self.context.get(name).and_then(Value::as_str) {
            _ if CORE.contains(&name) => name.to_owned(),
            Some(iri) => iri.to_owned(),
            None if name.contains("://") => name.to_owned(),
            None => format!("{DEFAULT}{name}"),
        }
    }

    fn compact(&self, iri: &str) -> String {
        let found = self.context.iter().find(|(_, v)| v.as_str() == Some(iri));
        // The core context's `@vocab` makes names short that no context has.
        let short = iri.strip_prefix(DEFAULT).unwrap_or(iri);
        found.map_or_else(|| short.to_owned(), |(name, _)| name.clone())
    }

    /// An error about one entity in the broker's form.
    fn error(&self, action: &str, id: &str, status: u16, kind: &str, title: &str) -> Value {
        let details = json!({ "type": format!("https://uri.etsi.org/ngsi-ld/errors/{kind}"), "title": title, "status": status });
        match self.shared.kind {
            Kind::Scorpio => json!({ "type": action, "id": id, "ProblemDetails": details }),
            _ => json!({ "entityId": id, "error": details }),
        }
    }

    /// What is wrong with an entity, in the eyes of this broker.
    fn wrong(&self, entity: &Map<String, Value>, held: Option<&Value>) -> Option<String> {
        let kind = self.expand(entity["type"].as_str().unwrap_or_default());
        if self.shared.kind == Kind::Orion && held.is_some_and(|h| h["type"] != kind.as_str()) {
            return Some("non-matching entity type".into());
        }
        for (name, value) in entity {
            // DataRepresentationUtils, clause 4.6.2.
            let plain = |c: char| c.is_ascii_alphanumeric() || ":_@".contains(c);
            if self.shared.kind == Kind::Stellio && !name.chars().all(plain) {
                return Some(format!("a member with invalid characters: {name}"));
            }
            if value.is_null() || value.get("value").is_some_and(Value::is_null) {
                return Some("a member with a null value (5.5.4)".into());
            }
            let value = value.get("value").or(value.get("object"));
            if value.is_some_and(|v| *v == json!([]) || *v == json!("") || *v == json!({})) {
                return Some(format!("{name} is empty"));
            }
        }
        None
    }

    fn upsert(&self, items: &[Value]) -> Response {
        let mut inside = lock(self.shared);
        let (mut success, mut created, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        let choked = items.iter().any(|i| {
            let id = i["id"].as_str().unwrap_or_default();
            inside.faults.chokes_on.contains(id)
        });
        if choked {
            return problem(500, "InternalError", "Database Error");
        }
        let ids: BTreeSet<&str> = items.iter().filter_map(|i| i["id"].as_str()).collect();
        assert_eq!(ids.len(), items.len(), "an id twice in one batch");
        for (n, item) in items.iter().enumerate() {
            if inside.faults.breaks && n == items.len() / 2 {
                inside.faults.breaks = false;
                drop(inside);
                // Ends the connection without an answer.
                panic!("the broker falls over in the middle of a batch");
            }
            let Some(entity) = item.as_object().filter(|e| e.contains_key("id")) else {
                errors.push(self.error(
                    "Upsert",
                    "No Entity::id",
                    400,
                    "BadRequestData",
                    "Invalid Entity",
                ));
                continue;
            };
            let id = entity["id"].as_str().unwrap_or_default().to_owned();
            let key = (self.tenant.clone(), id.clone());
            let wrong = match inside.faults.refuses.contains(&id) {
                true => Some("it is not liked".to_owned()),
                false => self.wrong(entity, inside.entities.get(&key)),
            };
            if let Some(why) = wrong {
                errors.push(self.error("Upsert", &id, 400, "BadRequestData", &why));
                continue;
            }
            let mut kept = Map::new();
            for (name, value) in entity {
                let value = match name.as_str() {
                    "type" => self.expand(value.as_str().unwrap_or_default()).into(),
                    _ => reduced(value.clone()),
                };
                kept.insert(self.expand(name), value);
            }
            if inside.entities.insert(key, Value::Object(kept)).is_none() {
                created.push(id.clone());
            }
            success.push(id);
        }
        let experimental = inside.faults.experimental;
        let bare = inside.faults.bare;
        match self.shared.kind {
            _ if bare && !errors.is_empty() => reply(207, Some(Value::Array(errors))),
            // HttpUtils.generateBatchResult.
            Kind::Scorpio if !errors.is_empty() && success.is_empty() => {
                reply(400, Some(json!({ "errors": errors })))
            }
            _ if !errors.is_empty() => {
                reply(207, Some(json!({ "success": success, "errors": errors })))
            }
            // legacyPostBatchUpsert.cpp and orionldPostBatchUpsert.cpp.
            Kind::Orion
                if !experimental && !created.is_empty() && created.len() < success.len() =>
            {
                reply(207, Some(json!({ "success": success, "errors": [] })))
            }
            _ if created.is_empty() => reply(204, None),
            _ => reply(201, Some(json!(created))),
        }
    }

    fn delete(&self, items: &[Value]) -> Response {
        let mut inside = lock(self.shared);
        let (mut success, mut errors) = (Vec::new(), Vec::new());
        for id in items.iter().filter_map(Value::as_str) {
            let key = (self.tenant.clone(), id.to_owned());
            match inside.entities.remove(&key) {
                Some(_) => success.push(id),
                None => errors.push(self.error(
                    "Delete",
                    id,
                    404,
                    "ResourceNotFound",
                    "Entity Not Found",
                )),
            }
        }
        match self.shared.kind {
            _ if errors.is_empty() => reply(204, None),
            Kind::Scorpio if success.is_empty() => reply(404, Some(json!({ "errors": errors }))),
            _ => reply(207, Some(json!({ "success": success, "errors": errors }))),
        }
    }

    fn written(&self, entity: &Value) -> Value {
        let wanted: Option<Vec<String>> = self
            .query
            .get("attrs")
            .map(|a| a.split(',').map(|n| self.expand(n)).collect());
        let simple = self.query.get("options").is_some_and(|o| o == "keyValues");
        let mut out = Map::new();
        for (iri, value) in entity.as_object().into_iter().flatten() {
            let own = ["id", "type"].contains(&iri.as_str());
            if !own && wanted.as_ref().is_some_and(|w| !w.contains(iri)) {
                continue;
            }
            let value = match iri.as_str() {
                "type" => self.compact(value.as_str().unwrap_or_default()).into(),
                _ if own || !simple => value.clone(),
                _ => {
                    let simple = value
                        .get("value")
                        .or(value.get("object"))
                        .or(value.get("languageMap"));
                    simple.cloned().unwrap_or_default()
                }
            };
            out.insert(self.compact(iri), value);
        }
        Value::Object(out)
    }

    fn list(&self) -> Response {
        let number = |name: &str, else_: usize| {
            let given = self.query.get(name).map(|v| v.parse().expect("a number"));
            given.unwrap_or(else_)
        };
        // PaginationQuery and friends.
        let (default, most) = match self.shared.kind {
            Kind::Orion => (20, 1_000),
            Kind::Scorpio => (50, 1_000),
            Kind::Stellio => (30, 100),
        };
        let (limit, offset) = (number("limit", default), number("offset", 0));
        if limit > most {
            return problem(403, "TooManyResults ", "limit");
        }
        let kind = self.query.get("type").map(|t| self.expand(t));
        let managed = self.query.get("q").map(|q| {
            let (name, value) = q
                .split_once("==")
                .expect("the one form of q that is spoken here");
            (self.expand(name), value.trim_matches('"').to_owned())
        });
        let wanted = self.query.get("id");
        let inside = lock(self.shared);
        let found = inside.entities.iter().filter(|((tenant, id), e)| {
            *tenant == self.tenant
                && wanted.is_none_or(|w| w == id)
                && kind.as_ref().is_none_or(|k| e["type"] == k.as_str())
                && managed.as_ref().is_none_or(|(name, value)| {
                    e.get(name).is_some_and(|a| a["value"] == value.as_str())
                })
        });
        let page: Vec<Value> = found
            .skip(offset)
            .take(limit)
            .map(|(_, e)| self.written(e))
            .collect();
        reply(200, Some(Value::Array(page)))
    }

    fn one(&self, id: &str) -> Response {
        let inside = lock(self.shared);
        match inside.entities.get(&(self.tenant.clone(), id.to_owned())) {
            Some(entity) => reply(200, Some(self.written(entity))),
            None => problem(404, "ResourceNotFound", "Entity Not Found"),
        }
    }
}

/// All three give a list of one back as its one value (Orion-LD #310, Scorpio #575, Stellio #419).
fn reduced(mut attribute: Value) -> Value {
    for name in ["value", "object"] {
        if let Some(Value::Array(all)) = attribute.get(name)
            && all.len() == 1
        {
            attribute[name] = all[0].clone();
        }
    }
    attribute
}
