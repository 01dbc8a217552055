//! `/dsp`: the catalogue as the Dataspace Protocol has it (2025-1, and 0.8 for connectors that know no other). It
//! lists what can be had and does not negotiate.
pub(super) mod query;

use super::client::Client;
use super::{Shared, pages};
use crate::catalogue::Catalogue;
use crate::config;
use crate::error::{Error, Kind, Result};
use crate::mapping::dsp::{CONTEXT, Itself, Negotiable, Version, did, name, negotiable};
use crate::record::vocab::BASE;
use crate::record::{PUBLIC, Record, State, audience};
use crate::store::offers::{Listed, Offers};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request, State as Extract};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use query::{Path, Spec};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Semaphore, mpsc};

/// Longest request, in bytes.
const LIMIT: usize = 64 << 10;

/// Records that are read at a time.
const CHUNK: usize = 100;

/// How long a list that was begun stays as it was, and how many are kept.
const KEPT: Duration = Duration::from_secs(300);
const LISTS: usize = 32;

/// Filters that are looked through at the same time, and wait for it.
const SCANS: usize = 2;
const WAITING: usize = 8;

/// What a token says that the provider of the settings signed, an extension of the request.
#[derive(Clone, Debug)]
pub struct Claims(pub Arc<Value>);

/// What the face knows beside the catalogue.
pub struct Face {
    settings: config::Dsp,
    itself: Arc<Itself>,
    /// Whether tokens of a provider count.
    signs_in: bool,
    offers: Mutex<Offers>,
    lists: std::sync::Mutex<Vec<Begun>>,
    scans: Semaphore,
    queue: Semaphore,
}

/// A list that someone pages through. What is withdrawn meanwhile leaves it where they are not yet, so that no
/// border between pages moves.
struct Begun {
    by: Caller,
    at: Instant,
    list: Arc<Vec<Listed>>,
}

/// Who pages through what.
#[derive(Clone, Debug, PartialEq)]
struct Caller {
    client: IpAddr,
    claims: Option<String>,
    version: Version,
    spec: Spec,
}

/// Where the protocol is served.
pub struct Routes {
    /// Below the public URL.
    pub inside: Router<Arc<Catalogue>>,
    /// At the root of the host, where readers look for versions first.
    pub at_root: Router<Arc<Catalogue>>,
}

/// The protocol's routes.
///
/// # Errors
/// A setting is wrong.
pub fn routes(catalogue: &Catalogue, settings: &config::Dsp, signs_in: bool) -> Result<Routes> {
    if !settings.readers.is_empty() {
        audience::check(&settings.readers)
            .map_err(|e| Error::bad_input(format!("dsp.readers: {e}")))?;
        if !signs_in {
            let why = "dsp.readers is set, and nobody can show claims: sign_in.issuer is not";
            return Err(Error::bad_input(why));
        }
    }
    if settings.page == 0 {
        return Err(Error::bad_input(
            "dsp.page is 0; a page has an entry at least",
        ));
    }
    let itself = Arc::new(Itself {
        public_url: catalogue.public_url.clone(),
        participant: match settings.participant.as_str() {
            "" => did(&catalogue.public_url),
            given => given.to_owned(),
        },
        about: catalogue.about.clone(),
    });
    let face = Arc::new(Face {
        settings: settings.clone(),
        offers: Mutex::new(Offers::new(itself.clone())),
        itself,
        signs_in,
        lists: std::sync::Mutex::default(),
        scans: Semaphore::new(SCANS),
        queue: Semaphore::new(WAITING),
    });
    let inside = Router::new()
        .route("/dsp", any(dispatch))
        .route("/dsp/", any(dispatch))
        .route("/dsp/{*rest}", any(dispatch))
        .route(VERSIONS, any(versions))
        .route("/.well-known/did.json", any(identity))
        // Where a did:web with a path leads.
        .route("/did.json", any(identity))
        .layer(Extension(face.clone()));
    let at_root = Router::new()
        .route(VERSIONS, any(versions))
        .layer(Extension(face));
    Ok(Routes { inside, at_root })
}

const VERSIONS: &str = "/.well-known/dspace-version";

type TheFace = Extension<Arc<Face>>;

/// `/.well-known/dspace-version` at the root.
async fn versions(
    Extract(catalogue): Shared,
    Extension(face): TheFace,
    method: Method,
) -> Response {
    let base = pages::root(&catalogue.public_url);
    let told = || face.tell(&Version::ALL, Some(&format!("{base}dsp")));
    read(&method, told)
}

/// `/.well-known/did.json`: who the catalogue is (DID Core 1.0; DSP 2025-1, section 4.3).
async fn identity(Extension(face): TheFace, method: Method) -> Response {
    let (id, url) = (&face.itself.participant, &face.itself.public_url);
    let document = json!({
        "@context": ["https://www.w3.org/ns/did/v1", CONTEXT],
        "id": id,
        "service": [
            {
                "id": format!("{id}#catalog"),
                "type": "CatalogService",
                "serviceEndpoint": format!("{url}dsp/{}/catalog", Version::V2025.name()),
            },
            {
                "id": format!("{id}#dsp"),
                "type": "DataService",
                "serviceEndpoint": format!("{url}{}", VERSIONS.trim_start_matches('/')),
            },
        ],
    });
    read(&method, || {
        let mut response = plain(&document);
        let media = HeaderValue::from_static("application/did+json");
        response.headers_mut().insert(header::CONTENT_TYPE, media);
        response
    })
}

/// The answer to GET and HEAD; others are told so.
fn read(method: &Method, answer: impl FnOnce() -> Response) -> Response {
    match *method {
        Method::GET | Method::HEAD => answer(),
        _ => only(method, "GET, HEAD"),
    }
}

fn only(method: &Method, allowed: &'static str) -> Response {
    let why = format!("{method} is not taken here: {allowed} is");
    let mut response = Error::new(Kind::MethodNotAllowed, why).into_response();
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

fn plain(document: &Value) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        document.to_string(),
    )
        .into_response()
}

impl Face {
    /// Which versions there are, with their paths from where this is asked: below `way`, or there.
    fn tell(&self, versions: &[Version], way: Option<&str>) -> Response {
        let one = |v: &Version| {
            let path = way.map_or("/".to_owned(), |way| format!("{way}/{}", v.name()));
            let mut one = json!({
                "version": v.name(),
                "path": path,
                "binding": "HTTPS",
                "serviceId": format!("{}dsp#service", self.itself.public_url),
                "identifierType": "did:web",
            });
            if self.signs_in {
                let profile = ["client_credentials"];
                one["auth"] = json!({ "protocol": "OAuth", "version": "2", "profile": profile });
            }
            one
        };
        plain(&json!({ "protocolVersions": versions.iter().map(one).collect::<Vec<_>>() }))
    }

    /// Whether someone belongs to an audience.
    fn may(audience: &str, claims: Option<&Claims>) -> bool {
        audience == PUBLIC || claims.is_some_and(|c| audience::admits(audience, &c.0))
    }

    /// Refuses who may not read the catalogue at all.
    fn admit(&self, claims: Option<&Claims>) -> Result<()> {
        match self.settings.readers.as_str() {
            "" => Ok(()),
            readers if Self::may(readers, claims) => Ok(()),
            readers => {
                let why = format!(
                    "this catalogue is for some: a token with the claims {readers} is wanted"
                );
                Err(Error::new(Kind::Unauthorised, why))
            }
        }
    }

    /// The list as it was when the one who asks began with it, or as it is now.
    async fn list(
        &self,
        catalogue: &Arc<Catalogue>,
        caller: Caller,
        claims: Option<&Claims>,
    ) -> Result<Arc<Vec<Listed>>> {
        let begins = caller.spec.offset == 0;
        let caller = Caller {
            spec: Spec {
                offset: 0,
                limit: None,
                ..caller.spec
            },
            ..caller
        };
        if !begins {
            let mut lists = self.lists.lock().expect("no holder panics");
            if let Some(begun) = lists
                .iter_mut()
                .find(|b| b.by == caller && b.at.elapsed() < KEPT)
            {
                begun.at = Instant::now();
                return Ok(begun.list.clone());
            }
        }
        let list = {
            let mut offers = self.offers.lock().await;
            offers
                .catch_up(&catalogue.ledger, catalogue.extent().seq)
                .await?;
            let may = |a: &str| Self::may(a, claims);
            offers.list(self.settings.library, caller.version, &may)
        };
        let list = match caller.spec.is_plain() {
            true => list,
            false => self.find(catalogue, &caller, list).await?,
        };
        let list = Arc::new(list);
        let mut lists = self.lists.lock().expect("no holder panics");
        lists.retain(|b| b.by != caller && b.at.elapsed() < KEPT);
        if lists.len() >= LISTS {
            lists.remove(0);
        }
        lists.push(Begun {
            by: caller,
            at: Instant::now(),
            list: list.clone(),
        });
        Ok(list)
    }

    /// Takes out of a list what was gone when its turn came.
    fn drop_gone(&self, list: &Arc<Vec<Listed>>, gone: &[Listed]) {
        if gone.is_empty() {
            return;
        }
        let mut lists = self.lists.lock().expect("no holder panics");
        if let Some(begun) = lists.iter_mut().find(|b| Arc::ptr_eq(&b.list, list)) {
            let left = begun.list.iter().filter(|l| !gone.contains(l)).copied();
            begun.list = Arc::new(left.collect());
        }
    }

    /// What of a list a filter lets through, in the order that is asked for. Every record is looked at, as it is
    /// in the ledger; those who page go on in what was found.
    async fn find(
        &self,
        catalogue: &Arc<Catalogue>,
        caller: &Caller,
        list: Vec<Listed>,
    ) -> Result<Vec<Listed>> {
        let busy = || Error::new(Kind::Busy, "too many filters are looked through; try again");
        let _place = self.queue.try_acquire().map_err(|_| busy())?;
        let _turn = self.scans.acquire().await.map_err(Error::internal)?;
        let spec = &caller.spec;
        let mut found: Vec<(Option<String>, Listed)> = Vec::new();
        for some in list.chunks(CHUNK * 10) {
            let records = Records::of(catalogue, some).await?;
            let scan = || {
                for listed in some {
                    let Listed::Record(number) = listed else {
                        if spec.criteria.is_empty() {
                            found.push((None, *listed));
                        }
                        continue;
                    };
                    let Some(record) = records.0.get(number) else {
                        continue;
                    };
                    let values = |path: &Path| match path {
                        Path::Id => vec![(Cow::from(self.id(record, caller.version)), true)],
                        Path::Property(iri, _) => self.itself.values(record, iri),
                    };
                    if spec.criteria.iter().all(|c| c.holds(&values(&c.left))) {
                        let key = spec.sort.as_ref().and_then(|(path, _)| {
                            let all = values(path).into_iter().map(|(text, _)| text.into_owned());
                            all.min_by(|a, b| query::compare(a, b))
                        });
                        found.push((key, *listed));
                    }
                }
            };
            tokio::task::block_in_place(scan);
        }
        if let Some((_, descending)) = &spec.sort {
            // What lacks the property is last, whichever way; those alike stay in their order.
            found.sort_by(|(a, _), (b, _)| match (a, b) {
                (Some(a), Some(b)) if *descending => query::compare(b, a),
                (Some(a), Some(b)) => query::compare(a, b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            });
        }
        Ok(found.into_iter().map(|(_, listed)| listed).collect())
    }

    /// What our own connector offers of a record to those who speak a version.
    fn own(&self, record: &Record, version: Version) -> Option<Negotiable> {
        let found = negotiable(record).ok()?;
        let speaks = found.ways.iter().any(|w| w.version == version);
        (speaks && found.participant == self.itself.participant).then_some(found)
    }

    /// The id of a record in the catalogue's own list.
    fn id(&self, record: &Record, version: Version) -> String {
        match self.own(record, version) {
            Some(own) => own.asset,
            None => self.itself.id(record),
        }
    }

    /// A record as it stands there.
    fn shown(&self, record: &Record, version: Version) -> Value {
        let own = self.own(record, version);
        let asset = own.and_then(|own| self.itself.asset(record, &own, version));
        asset.unwrap_or_else(|| self.itself.description(record, version))
    }
}

/// Records of a stretch of the list, by their publication numbers.
struct Records(HashMap<u32, Record>);

impl Records {
    async fn of(catalogue: &Catalogue, listed: &[Listed]) -> Result<Self> {
        let numbers = listed.iter().filter_map(|l| match l {
            Listed::Record(number) => Some(i64::from(*number)),
            Listed::Participant(_) => None,
        });
        Self::numbered(catalogue, &numbers.collect::<Vec<_>>()).await
    }

    async fn numbered(catalogue: &Catalogue, numbers: &[i64]) -> Result<Self> {
        let mut all = HashMap::new();
        for some in numbers.chunks(CHUNK * 5) {
            for record in catalogue.ledger.published(some).await? {
                if let Some(number) = record.publication.and_then(|n| u32::try_from(n).ok()) {
                    all.insert(number, record);
                }
            }
        }
        Ok(Self(all))
    }
}

/// Everything below `/dsp`, by its raw path: ids of others stand in it as they are.
async fn dispatch(
    Extract(catalogue): Shared,
    Extension(face): TheFace,
    client: Client,
    request: Request,
) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let (method, path) = (&parts.method, parts.uri.path());
    let below = path
        .strip_prefix("/dsp")
        .unwrap_or(path)
        .trim_start_matches('/');
    let (first, rest) = below.split_once('/').unwrap_or((below, ""));
    let rest = rest.trim_start_matches('/');
    // Clients join addresses that end and begin with slashes; within an id they mean something.
    let rest = match rest
        .strip_prefix("catalog/")
        .map(|r| r.trim_start_matches('/'))
    {
        Some(rest) => match rest.strip_prefix("datasets/") {
            Some(id) => format!("catalog/datasets/{}", id.trim_start_matches('/')),
            None => format!("catalog/{rest}"),
        },
        None => rest.to_owned(),
    };
    let rest = rest.as_str();
    const TOLD: &str = VERSIONS.split_at(1).1;
    if below.trim_end_matches('/') == TOLD {
        return Ok(read(method, || face.tell(&Version::ALL, Some(""))));
    }
    let Some(version) = Version::of(first) else {
        let why =
            format!("there is no version {first:?} of the protocol here: 2025-1 and v0.8 are");
        return Err(Error::new(Kind::NotFound, why));
    };
    let claims = parts.extensions.get::<Claims>();
    match rest.trim_end_matches('/') {
        TOLD => Ok(read(method, || face.tell(&[version], None))),
        "catalog/request" => {
            face.admit(claims)?;
            let token = parts.uri.query().unwrap_or_default().split('&');
            let token = token.filter_map(|p| p.strip_prefix("page=")).next();
            let spec = match (token, method) {
                (Some(token), &(Method::GET | Method::HEAD | Method::POST)) => {
                    Spec::of_token(token)?
                }
                (None, &Method::POST) => asked(&parts.headers, body).await?,
                _ => return Ok(only(method, "POST")),
            };
            let caller = Caller {
                client: client.0,
                claims: claims.map(|c| format!("{} {}", c.0["iss"], c.0["sub"])),
                version,
                spec,
            };
            face.clone().catalogue(&catalogue, caller, claims).await
        }
        _ if rest
            .strip_prefix("catalog/datasets/")
            .is_some_and(|id| !id.is_empty()) =>
        {
            face.admit(claims)?;
            if !matches!(*method, Method::GET | Method::HEAD) {
                return Ok(only(method, "GET, HEAD"));
            }
            let id = &rest["catalog/datasets/".len()..];
            let found = face
                .dataset(&catalogue, id, parts.uri.query(), version, claims)
                .await?;
            let mut response = plain(&version.message(found));
            cache(response.headers_mut(), claims.is_some());
            Ok(response)
        }
        other => match errors_of(other) {
            Some(kind) => Ok(face.sends_on(kind, version, body).await),
            None => {
                let at = format!("{}dsp/{}", face.itself.public_url, version.name());
                let why = format!(
                    "nothing is at {other:?}: there are catalog/request, catalog/datasets/{{id}} and {TOLD} below {at}"
                );
                Err(Error::new(Kind::NotFound, why))
            }
        },
    }
}

/// The class of errors where negotiations and transfers would be.
fn errors_of(path: &str) -> Option<&'static str> {
    match path.split('/').find(|s| !s.is_empty()) {
        Some("negotiations") => Some("ContractNegotiationError"),
        Some("transfers") => Some("TransferError"),
        _ => None,
    }
}

/// What the body of a catalogue request asks for.
async fn asked(headers: &HeaderMap, body: Body) -> Result<Spec> {
    let media = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let media = media
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    if !["application/json", "application/ld+json"].contains(&media.as_str()) {
        let why =
            format!("the body is {media:?}; application/json or application/ld+json is wanted");
        return Err(Error::new(Kind::UnsupportedMediaType, why));
    }
    let body = axum::body::to_bytes(body, LIMIT).await.map_err(|_| {
        Error::new(
            Kind::TooLarge,
            format!("a catalogue request has at most {LIMIT} bytes"),
        )
    })?;
    Spec::of(&body)
}

impl Face {
    /// Says to who wants to negotiate where that is done.
    async fn sends_on(&self, kind: &'static str, version: Version, body: Body) -> Response {
        let body = axum::body::to_bytes(body, LIMIT).await.unwrap_or_default();
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let pid = ["consumerPid", "dspace:consumerPid"]
            .iter()
            .find_map(|k| said[k].as_str());
        let why = "this service lists offers and holds no negotiations and no transfers: send the request to the \
                   endpointURL of the data set's DataService; what this catalogue offers itself is open, and its \
                   distributions say by dcat:downloadURL where it is";
        let error = failed(kind, StatusCode::NOT_FOUND.as_u16(), why, pid);
        let mut response = plain(&version.message(error));
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }

    /// `catalog/request`: the window that is asked for, written as it is read.
    async fn catalogue(
        self: Arc<Self>,
        catalogue: &Arc<Catalogue>,
        caller: Caller,
        claims: Option<&Claims>,
    ) -> Result<Response> {
        let (version, spec) = (caller.version, caller.spec.clone());
        let private = claims.is_some();
        let list = self.list(catalogue, caller, claims).await?;
        let limit = spec.limit.unwrap_or(self.settings.page);
        let end = spec.offset.saturating_add(limit);
        let mut links: Vec<String> = Vec::new();
        let mut link = |offset: usize, limit: usize, relation: &str| {
            let page = Spec {
                offset,
                limit: Some(limit),
                ..spec.clone()
            }
            .token();
            let url = &self.itself.public_url;
            links.push(format!(
                "<{url}dsp/{}/catalog/request?page={page}>; rel=\"{relation}\"",
                version.name()
            ));
        };
        if end < list.len() {
            link(end, limit, "next");
        }
        if spec.offset > 0 && !list.is_empty() {
            let before = spec.offset.min(list.len());
            let from = before.saturating_sub(limit);
            for relation in ["previous", "prev"] {
                link(from, (before - from).max(1), relation);
            }
        }
        let (parts, body) = mpsc::channel::<std::io::Result<Bytes>>(2);
        let mut window = Window {
            face: self.clone(),
            catalogue: catalogue.clone(),
            version,
            claims: claims.cloned(),
            list,
            next: spec.offset,
            left: limit,
            gone: Vec::new(),
        };
        // What cannot be read at all is an error of ours and not an answer that breaks off.
        let first = window.chunk().await?;
        tokio::spawn(window.write(first, parts));
        let body = Body::from_stream(futures_util::stream::unfold(body, |mut body| async move {
            body.recv().await.map(|part| (part, body))
        }));
        let mut response = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
        let headers = response.headers_mut();
        for link in links {
            if let Ok(value) = HeaderValue::from_str(&link) {
                headers.append(header::LINK, value);
            }
        }
        cache(headers, private);
        Ok(response)
    }

    /// The data set that the rest of a path names: as it stands there, or encoded.
    async fn dataset(
        &self,
        catalogue: &Arc<Catalogue>,
        raw: &str,
        query: Option<&str>,
        version: Version,
        claims: Option<&Claims>,
    ) -> Result<Value> {
        let whole = match query {
            Some(query) => format!("{raw}?{query}"),
            None => raw.to_owned(),
        };
        let decoded = percent_encoding::percent_decode_str(&whole)
            .decode_utf8_lossy()
            .into_owned();
        // Some clients fold two slashes into one.
        let mended = match decoded.split_once(":/") {
            Some((scheme, rest)) if !rest.starts_with('/') => format!("{scheme}://{rest}"),
            _ => decoded.clone(),
        };
        for id in [&whole, &decoded, &mended] {
            for id in [id.as_str(), id.trim_end_matches('/')] {
                if let Some(found) = self.named(catalogue, id, version, claims).await? {
                    return Ok(found);
                }
            }
        }
        Err(Error::new(
            Kind::NotFound,
            format!("no data set has the id {decoded:?}"),
        ))
    }

    /// The data set of an id.
    async fn named(
        &self,
        catalogue: &Arc<Catalogue>,
        id: &str,
        version: Version,
        claims: Option<&Claims>,
    ) -> Result<Option<Value>> {
        let number = {
            let mut offers = self.offers.lock().await;
            offers
                .catch_up(&catalogue.ledger, catalogue.extent().seq)
                .await?;
            offers.find(id)
        };
        let record = match number {
            Some(number) => catalogue.ledger.published(&[number.into()]).await?.pop(),
            None => {
                let own = id
                    .strip_prefix(&self.itself.public_url)
                    .map(|rest| format!("{BASE}{rest}"));
                catalogue
                    .ledger
                    .by_iri(own.as_deref().unwrap_or(id))
                    .await?
            }
        };
        let visible = |r: &Record| r.state == State::Published && Self::may(&r.audience, claims);
        let Some(record) = record.filter(visible) else {
            return Ok(None);
        };
        let found = negotiable(&record).ok();
        let own = found
            .as_ref()
            .is_some_and(|n| n.participant == self.itself.participant);
        // By its own id, what its connector offers; by any of ours, as the list has it.
        if let Some(found) = found.filter(|n| n.asset == id || own)
            && let Some(asset) = self.itself.asset(&record, &found, version)
        {
            return Ok(Some(asset));
        }
        let described = self.settings.library
            && [
                self.itself.id(&record),
                self.itself.address(&record.iri).into_owned(),
            ]
            .iter()
            .any(|n| n == id);
        Ok(described.then(|| self.itself.description(&record, version)))
    }
}

/// An answer with tokens is the asker's alone; others may be kept, and are asked for again.
fn cache(headers: &mut HeaderMap, private: bool) {
    let value = if private {
        "private, no-store"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(value));
}

/// A stretch of the list while it is written.
struct Window {
    face: Arc<Face>,
    catalogue: Arc<Catalogue>,
    version: Version,
    claims: Option<Claims>,
    list: Arc<Vec<Listed>>,
    /// Where to go on, and how many are still wanted.
    next: usize,
    left: usize,
    /// What was listed and is not there any more.
    gone: Vec<Listed>,
}

/// Some of it.
struct Chunk {
    datasets: Vec<Value>,
    participants: Vec<Value>,
    last: bool,
}

impl Window {
    /// The next things of the list, as many as are wanted: for what is gone others are taken, since a reader
    /// takes a short page for the last.
    async fn chunk(&mut self) -> Result<Chunk> {
        let mut chunk = Chunk {
            datasets: Vec::new(),
            participants: Vec::new(),
            last: false,
        };
        let some: Vec<Listed> = self
            .list
            .iter()
            .skip(self.next)
            .take(CHUNK.min(self.left))
            .copied()
            .collect();
        self.next += some.len();
        let records = Records::of(&self.catalogue, &some).await?;
        for listed in &some {
            let written = match listed {
                Listed::Record(number) => records
                    .0
                    .get(number)
                    .filter(|r| Face::may(&r.audience, self.claims.as_ref()))
                    .map(|r| chunk.datasets.push(self.face.shown(r, self.version))),
                Listed::Participant(at) => self
                    .participant(*at)
                    .await?
                    .map(|p| chunk.participants.push(p)),
            };
            match written {
                Some(()) => self.left -= 1,
                None => self.gone.push(*listed),
            }
        }
        chunk.last = some.is_empty() || self.left == 0 || self.next >= self.list.len();
        Ok(chunk)
    }

    /// The catalogue of another participant, with the first of what its connector offers.
    async fn participant(&self, at: u32) -> Result<Option<Value>> {
        let (participant, numbers) = self.face.offers.lock().await.participant(at);
        let (mut assets, mut services) = (Vec::new(), BTreeMap::new());
        let most = self.face.settings.nested;
        for some in numbers.chunks(CHUNK) {
            let some: Vec<i64> = some.iter().map(|n| i64::from(*n)).collect();
            let records = Records::numbered(&self.catalogue, &some).await?;
            let mut records: Vec<&Record> = records.0.values().collect();
            records.sort_by_key(|r| r.publication);
            for record in records {
                let visible = Face::may(&record.audience, self.claims.as_ref());
                let Some(found) = negotiable(record)
                    .ok()
                    .filter(|n| visible && *n.participant == *participant)
                else {
                    continue;
                };
                let spoken = found.services(self.version);
                services.extend(
                    spoken
                        .into_iter()
                        .map(|(id, url)| (self.face.itself.address(&id).into_owned(), url)),
                );
                if assets.len() < most {
                    assets.extend(self.face.itself.asset(record, &found, self.version));
                }
            }
            if assets.len() >= most && !services.is_empty() {
                break;
            }
        }
        let nested = || {
            self.face
                .itself
                .nested(&participant, assets, services.clone())
        };
        Ok((!services.is_empty()).then(nested))
    }

    /// Writes the whole message. Where it cannot go on it breaks off, so that no reader takes it for whole.
    async fn write(mut self, first: Chunk, out: mpsc::Sender<std::io::Result<Bytes>>) {
        let result = self.send(first, &out).await;
        if let Err(e) = result {
            tracing::error!(error = %e, "a DSP catalogue breaks off");
            let _ = out
                .send(Err(std::io::Error::other("the ledger cannot be read")))
                .await;
        }
    }

    async fn send(
        &mut self,
        first: Chunk,
        out: &mpsc::Sender<std::io::Result<Bytes>>,
    ) -> Result<()> {
        let version = self.version;
        let head = version.message(Value::Object(self.face.itself.head()));
        let mut text = head.to_string();
        // What follows stands in the same object.
        text.pop();
        let own = self.face.itself.service(version);
        let mut services = BTreeMap::from([(own["@id"].to_string(), own)]);
        let mut participants: Vec<Value> = Vec::new();
        let mut begun = false;
        let mut chunk = first;
        loop {
            for dataset in chunk.datasets {
                for distribution in dataset["distribution"].as_array().into_iter().flatten() {
                    let service = &distribution["accessService"];
                    services
                        .entry(service["@id"].to_string())
                        .or_insert_with(|| service.clone());
                }
                text.push_str(match begun {
                    true => ",",
                    false => ",\"",
                });
                if !begun {
                    text.push_str(version.member("dataset"));
                    text.push_str("\":[");
                    begun = true;
                }
                text.push_str(&version.write(dataset).to_string());
            }
            participants.append(&mut chunk.participants);
            if chunk.last {
                break;
            }
            if out
                .send(Ok(std::mem::take(&mut text).into()))
                .await
                .is_err()
            {
                // Nobody reads any more.
                return Ok(());
            }
            chunk = self.chunk().await?;
        }
        if begun {
            text.push(']');
        }
        if !participants.is_empty() {
            text.push_str(&format!(
                ",\"{}\":{}",
                version.member("catalog"),
                version.write(participants.into())
            ));
        }
        let services: Vec<Value> = services.into_values().collect();
        text.push_str(&format!(
            ",\"{}\":{}}}",
            version.member("service"),
            version.write(services.into())
        ));
        // Before the reader asks for the next page.
        self.face.drop_gone(&self.list, &self.gone);
        let _ = out.send(Ok(text.into())).await;
        Ok(())
    }
}

/// An error in terms of 2025-1, with the ids that those of negotiations and transfers have.
fn failed(kind: &str, status: u16, reason: &str, consumer: Option<&str>) -> Value {
    let mut out = json!({ "@type": kind, "code": status.to_string(), "reason": [reason] });
    if kind != CATALOG_ERROR {
        let fresh = || name(&format!("{kind} {}", rand::random::<u64>()));
        out["providerPid"] = fresh().into();
        out["consumerPid"] = consumer.map_or_else(fresh, str::to_owned).into();
    }
    out
}

/// Whether a path of the service is of this face.
pub fn is_below(catalogue: &Catalogue, path: &str) -> bool {
    below(catalogue, path).is_some()
}

/// What follows `/dsp` in a path of the service.
fn below<'p>(catalogue: &Catalogue, path: &'p str) -> Option<&'p str> {
    let root = pages::root(&catalogue.public_url).trim_end_matches('/');
    let below = path.strip_prefix(root)?.strip_prefix("/dsp")?;
    (below.is_empty() || below.starts_with('/')).then_some(below)
}

const CATALOG_ERROR: &str = "CatalogError";

/// What went wrong at a path of this face, as its clients read it; `None` elsewhere.
pub fn problem(
    catalogue: &Catalogue,
    path: &str,
    status: u16,
    detail: &str,
    id: &str,
) -> Option<String> {
    let below = below(catalogue, path)?;
    let (first, rest) = below
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or_default();
    let version = Version::of(first).unwrap_or(Version::V2025);
    let kind = errors_of(rest).unwrap_or(CATALOG_ERROR);
    let reason = match status {
        500.. => format!("{detail} ({id})"),
        _ => detail.to_owned(),
    };
    Some(
        version
            .message(failed(kind, status, &reason, None))
            .to_string(),
    )
}
