//! Subscriptions (ETSI GS CIM 009, clauses 5.8.1 to 5.8.5, 6.10 and 6.11), and beside them what did not reach its
//! subscriber.
use super::{Answer, Asked, Problem, body, contexts, index};
use crate::catalogue::{Catalogue, now};
use crate::client;
use crate::http::Shared;
use crate::http::access::Person;
use crate::mapping::ngsi::context::Context;
use crate::mapping::ngsi::subscription::{self, Refusal, Subscription};
use crate::mapping::ngsi::{is_uri, micros, time};
use crate::notify::{self, Address, Spoken};
use crate::record::Role;
use crate::store::subscriptions::{Subscribed, Waiting};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};

/// Subscriptions on a page, by default and at most; notifications that are listed.
const PAGE: usize = 20;
const LONGEST: usize = 1_000;

/// What of an id can stand in an address as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

type Caller = Option<axum::Extension<Person>>;

/// Someone who may subscribe.
struct Subscriber {
    /// Empty for someone unknown.
    name: String,
    /// Sees what others subscribed to.
    all: bool,
}

impl Subscriber {
    fn of(by: Caller, asked: &Asked) -> Result<Self, Problem> {
        let person = by.map(|p| p.0).filter(|p| p.csrf.is_none());
        match person.filter(|p| p.role >= Role::Contributor) {
            Some(person) => Ok(Self {
                all: person.role >= Role::Moderator,
                name: person.name,
            }),
            None if asked.face.settings.open_subscriptions => Ok(Self {
                name: String::new(),
                all: false,
            }),
            None => {
                let why = "contributors subscribe, with a token as Authorization: Bearer";
                Err(Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "InvalidRequest",
                    why,
                ))
            }
        }
    }

    /// The one of an id, if it may be seen.
    async fn find(&self, catalogue: &Catalogue, id: &str) -> Result<Subscribed, Problem> {
        if !is_uri(id) {
            return Err(Problem::data(format!("{id:?} is no absolute URI")));
        }
        let found = catalogue.ledger.subscription(id).await?;
        found
            .filter(|s| self.all || s.owner == self.name)
            .ok_or_else(|| Problem::not_found(format!("there is no subscription {id}")))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Data(why) => Self::data(why),
            Refusal::Unsupported(why) => Self::unsupported(why),
        }
    }
}

/// Reads a subscription, and looks whether its endpoint may be called.
async fn checked(
    catalogue: &Catalogue,
    asked: &Asked,
    body: &Json,
    spoken: &Spoken,
) -> Result<Subscription, Problem> {
    let settings = &asked.face.settings;
    let held = index(catalogue).await?;
    let read = notify::read(body, spoken, &held, settings.language_maps)?;
    drop(held);
    let endpoint = &read.endpoint;
    let wrong = |why: String| Problem::data(format!("uri of endpoint: {why}"));
    match endpoint.is_mqtt() {
        true => {
            let address = Address::parse(&endpoint.uri).map_err(|e| wrong(e.message))?;
            client::admit_host(&address.host, settings.private_endpoints)
        }
        false => {
            let url = endpoint.uri.parse();
            let url = url.map_err(|e| wrong(format!("{:?}: {e}", endpoint.uri)))?;
            client::admit(&url, settings.private_endpoints)
        }
    }
    .map_err(|e| wrong(e.message))?;
    Ok(read)
}

/// Refuses a time that is over.
fn lasts(body: &Json) -> Result<(), Problem> {
    let expires = body
        .get("expiresAt")
        .and_then(Json::as_str)
        .and_then(micros);
    match expires.is_some_and(|at| at <= now()) {
        true => Err(Problem::data(format!(
            "expiresAt is {}, which is over",
            body["expiresAt"]
        ))),
        false => Ok(()),
    }
}

/// In which @context notifications are written: the one that is wished, else the one that came with the request.
async fn written(
    catalogue: &Catalogue,
    asked: &Asked,
    body: &Json,
    named: &str,
) -> Result<(Context, String), Problem> {
    let wished = body.get("jsonldContext");
    let link = match wished {
        None => named,
        Some(url) => url.as_str().filter(|u| is_uri(u)).ok_or_else(|| {
            Problem::data(format!("jsonldContext is {url}; an address is wanted"))
        })?,
    };
    let context = contexts::known(catalogue, &asked.face, link).await?;
    Ok((context, link.to_owned()))
}

/// `POST /subscriptions`.
pub async fn create(
    State(catalogue): Shared,
    by: Caller,
    mut asked: Asked,
    bytes: Bytes,
) -> Answer {
    let subscriber = Subscriber::of(by, &asked)?;
    asked.only(&["local"])?;
    let mut body = body(&catalogue, &mut asked, &bytes).await?;
    subscription::strip(&mut body);
    lasts(&body)?;
    let (written, link) = written(&catalogue, &asked, &body, &asked.link).await?;
    let spoken = Spoken {
        meant: asked.context.clone(),
        named: asked.link.clone(),
        written,
        link,
    };
    let read = checked(&catalogue, &asked, &body, &spoken).await?;
    let id = match body.get("id").and_then(Json::as_str) {
        Some(id) => id.to_owned(),
        None => {
            let random: [u8; 16] = rand::random();
            let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, &random);
            format!("urn:ngsi-ld:Subscription:{id}")
        }
    };
    body["id"] = id.as_str().into();
    let at = now();
    let new = Subscribed {
        owner: subscriber.name,
        body: body.to_string(),
        context: json!(spoken).to_string(),
        endpoint: read.endpoint.uri,
        active: read.active,
        due: read.interval.map_or(0, |seconds| at + period(seconds)),
        created: at,
        modified: at,
        id,
        ..Subscribed::default()
    };
    let place = format!(
        "/ngsi-ld/v1/subscriptions/{}",
        utf8_percent_encode(&new.id, KEPT)
    );
    catalogue
        .subscribe(new, asked.face.settings.subscriptions)
        .await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, place)]).into_response())
}

/// Seconds in microseconds.
fn period(seconds: f64) -> i64 {
    (seconds * 1e6) as i64
}

/// `GET /subscriptions`.
pub async fn list(State(catalogue): Shared, by: Caller, asked: Asked) -> Answer {
    let subscriber = Subscriber::of(by, &asked)?;
    asked.only(&["limit", "offset", "count", "local", "options"])?;
    let times = times(&asked)?;
    let media = asked.media(false)?;
    let limit = asked.number("limit", 0, LONGEST)?.unwrap_or(PAGE);
    let offset = asked.number("offset", 0, 1 << 40)?.unwrap_or(0);
    let count = asked.flag("count")?;
    if limit == 0 && !count {
        return Err(Problem::data(
            "limit is 0, which asks for nothing but a count; count=true is wanted beside it",
        ));
    }
    let owner = (!subscriber.all).then_some(subscriber.name.as_str());
    let (skip, most) = (offset as i64, limit as i64);
    let page = catalogue.ledger.subscriptions_of(owner, skip, most).await?;
    let total = catalogue.ledger.subscription_count(owner).await?;
    let body: Json = page.iter().map(|s| told(s, &asked, times)).collect();
    let shown = offset + page.len();
    let mut response = asked.answer(StatusCode::OK, body, media);
    let headers = response.headers_mut();
    if count {
        headers.insert(super::COUNT, HeaderValue::from(total));
    }
    let mut neighbour = |rel: &str, offset: usize| {
        let link = format!("<{}>; rel=\"{rel}\"", asked.at(&catalogue, offset, limit));
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.append(header::LINK, link);
        }
    };
    if limit > 0 && (shown as i64) < total && !page.is_empty() {
        neighbour("next", offset + limit);
    }
    if limit > 0 && offset > 0 {
        neighbour("prev", offset.saturating_sub(limit));
    }
    Ok(response)
}

/// `GET /subscriptions/{id}`.
pub async fn one(
    State(catalogue): Shared,
    by: Caller,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let subscriber = Subscriber::of(by, &asked)?;
    asked.only(&["local", "options"])?;
    let times = times(&asked)?;
    let media = asked.media(false)?;
    let found = subscriber.find(&catalogue, &id).await?;
    Ok(asked.answer(StatusCode::OK, told(&found, &asked, times), media))
}

/// `PATCH /subscriptions/{id}`: a fragment over what is there (RFC 7396).
pub async fn amend(
    State(catalogue): Shared,
    by: Caller,
    Path(id): Path<String>,
    mut asked: Asked,
    bytes: Bytes,
) -> Answer {
    let subscriber = Subscriber::of(by, &asked)?;
    asked.only(&["local"])?;
    let mut found = subscriber.find(&catalogue, &id).await?;
    if super::sent(&asked.headers) == "application/merge-patch+json" {
        let json = HeaderValue::from_static("application/json");
        asked.headers.insert(header::CONTENT_TYPE, json);
    }
    let mut fragment = body(&catalogue, &mut asked, &bytes).await?;
    subscription::strip(&mut fragment);
    let Some(members) = fragment.as_object().filter(|m| !m.is_empty()) else {
        return Err(Problem::data(
            "the body changes nothing; an object with members is wanted",
        ));
    };
    if let Some(other) = members.get("id").filter(|other| **other != json!(id)) {
        return Err(Problem::data(format!("id is {other}; it stays {id}")));
    }
    lasts(&fragment)?;
    let stored = |e: serde_json::Error| Problem::from(crate::error::Error::internal(e));
    let mut body: Json = serde_json::from_str(&found.body).map_err(stored)?;
    let mut spoken: Spoken = serde_json::from_str(&found.context).map_err(stored)?;
    // Names of both have to be meant in one @context.
    if asked.context != spoken.meant {
        if members.contains_key("q") {
            rename(&mut body, &|name| spoken.meant.expand(name));
            spoken.meant = asked.context.clone();
        } else {
            rename(&mut fragment, &|name| asked.context.expand(name));
        }
    }
    // The password that is hidden is the one that was there.
    let uri = |json: &Json| json.pointer("/notification/endpoint/uri").cloned();
    if uri(&fragment).is_some_and(|u| u.as_str() == Some(&notify::hidden(&found.endpoint))) {
        fragment["notification"]["endpoint"]["uri"] = found.endpoint.as_str().into();
    }
    subscription::merge(&mut body, &fragment);
    body["id"] = id.as_str().into();
    if fragment.get("jsonldContext").is_some() {
        let named = spoken.named.clone();
        (spoken.written, spoken.link) = written(&catalogue, &asked, &body, &named).await?;
    }
    let read = checked(&catalogue, &asked, &body, &spoken).await?;
    found.modified = now();
    if fragment.get("timeInterval").is_some() {
        found.due = read
            .interval
            .map_or(0, |seconds| found.modified + period(seconds));
    }
    found.body = body.to_string();
    found.context = json!(spoken).to_string();
    found.endpoint = read.endpoint.uri;
    found.active = read.active;
    catalogue.amend(&found).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /subscriptions/{id}`.
pub async fn delete(
    State(catalogue): Shared,
    by: Caller,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let subscriber = Subscriber::of(by, &asked)?;
    asked.only(&["local"])?;
    subscriber.find(&catalogue, &id).await?;
    catalogue.unsubscribe(&id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /subscriptions/{id}/undelivered`: what waits and what was given up, oldest first.
pub async fn undelivered(
    State(catalogue): Shared,
    by: Caller,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let subscriber = Subscriber::of(by, &asked)?;
    asked.only(&["limit"])?;
    subscriber.find(&catalogue, &id).await?;
    let limit = asked.number("limit", 1, LONGEST)?.unwrap_or(PAGE);
    let (waiting, expired) = catalogue.ledger.notification_counts(&id).await?;
    let listed = catalogue.ledger.notifications_of(&id, limit as i64).await?;
    let each = |w: &Waiting| {
        let data: Json = serde_json::from_str(&w.data).unwrap_or_default();
        json!({
            "id": w.id,
            "state": if w.expired.is_some() { "expired" } else { "waiting" },
            "notifiedAt": time(w.at),
            "timesFailed": w.tries,
            "lastErrorReason": w.why,
            "data": data,
        })
    };
    let listed: Json = listed.iter().map(each).collect();
    let body = json!({ "waiting": waiting, "expired": expired, "notifications": listed });
    Ok((StatusCode::OK, axum::Json(body)).into_response())
}

/// `POST /subscriptions/{id}/undelivered`: what was given up is sent after all, and what waits is tried at once.
pub async fn replay(
    State(catalogue): Shared,
    by: Caller,
    Path(id): Path<String>,
    asked: Asked,
) -> Answer {
    let subscriber = Subscriber::of(by, &asked)?;
    asked.only(&[])?;
    subscriber.find(&catalogue, &id).await?;
    let again = catalogue.renotify(&id).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(json!({ "again": again }))).into_response())
}

/// Whether the times of a subscription itself are asked for (clause 6.3.11).
fn times(asked: &Asked) -> Result<bool, Problem> {
    match asked.get("options").unwrap_or_default() {
        "" => Ok(false),
        "sysAttrs" => Ok(true),
        other => Err(Problem::request(format!(
            "options is {other:?}; sysAttrs is known here"
        ))),
    }
}

/// A subscription with what we say of it, names as the asker calls them.
fn told(s: &Subscribed, asked: &Asked, times: bool) -> Json {
    let mut body: Json = serde_json::from_str(&s.body).unwrap_or_default();
    let spoken: Spoken = serde_json::from_str(&s.context).unwrap_or_default();
    if asked.context != spoken.meant {
        let called = |name: &str| match spoken.meant.ours_of(name) {
            Some(ours) => asked.context.compact(ours),
            None => spoken.meant.expand(name),
        };
        rename(&mut body, &called);
    }
    let expires = body["expiresAt"].as_str().and_then(micros);
    body["status"] = match (expires.is_some_and(|at| at <= now()), s.active) {
        (true, _) => "expired",
        (false, false) => "paused",
        (false, true) => "active",
    }
    .into();
    if times {
        body["createdAt"] = time(s.created).into();
        body["modifiedAt"] = time(s.modified).into();
    }
    let notification = &mut body["notification"];
    if notification["endpoint"]["uri"].is_string() {
        notification["endpoint"]["uri"] = notify::hidden(&s.endpoint).into();
    }
    if s.sent > 0 {
        notification["status"] = if s.why.is_empty() { "ok" } else { "failed" }.into();
        notification["timesSent"] = s.sent.into();
        notification["timesFailed"] = s.failed.into();
        for (name, at) in [
            ("lastNotification", s.last),
            ("lastSuccess", s.success),
            ("lastFailure", s.failure),
        ] {
            if at > 0 {
                notification[name] = time(at).into();
            }
        }
        if !s.why.is_empty() {
            notification["lastErrorReason"] = s.why.as_str().into();
        }
    }
    body
}

/// Calls types and attributes in a subscription otherwise; `q` stays as it was said.
fn rename(body: &mut Json, called: &dyn Fn(&str) -> String) {
    const MEMBERS: [&str; 5] = ["id", "type", "scope", "createdAt", "modifiedAt"];
    let each = |list: Option<&mut Json>| {
        for name in list.and_then(Json::as_array_mut).into_iter().flatten() {
            if let Some(text) = name.as_str().filter(|n| !MEMBERS.contains(n)) {
                *name = called(text).into();
            }
        }
    };
    each(body.get_mut("watchedAttributes"));
    for list in ["attributes", "pick", "omit"] {
        each(body.get_mut("notification").and_then(|n| n.get_mut(list)));
    }
    if let Some(name) = body.pointer_mut("/geoQ/geoproperty")
        && let Some(text) = name.as_str()
    {
        *name = called(text).into();
    }
    let entities = body.get_mut("entities").and_then(Json::as_array_mut);
    for entity in entities.into_iter().flatten() {
        let Some(text) = entity["type"].as_str() else {
            continue;
        };
        let mut out = String::new();
        for part in text.split_inclusive(['|', ',', ';', '(', ')']) {
            let name = part.trim_end_matches(['|', ',', ';', '(', ')']);
            out += &match name {
                "" | "*" => name.to_owned(),
                name => called(name.trim()),
            };
            out += &part[name.len()..];
        }
        entity["type"] = out.into();
    }
}
