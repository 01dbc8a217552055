//! `/hub`: where feeds are subscribed to (W3C WebSub, section 5.1). Whether whoever is named wishes it is asked
//! of him afterwards.
use super::Shared;
use super::client::Client;
use crate::catalogue::{Catalogue, now};
use crate::client::admit;
use crate::config::Feeds;
use crate::error::{Error, Kind, Result};
use crate::store::hub::Intent;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Extension, Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Topics that can be subscribed to, below the public URL; the last two with the parameters of a search.
const TOPICS: [&str; 6] = [
    "feed",
    "feed.trig",
    "feed.jsonld",
    "feed.nq",
    "feed.atom",
    "feed.json",
];

/// Longest address, and longest secret (section 5.1: less than 200 bytes), in bytes.
const ADDRESS: usize = 2_000;
const SECRET: usize = 200;

/// Seconds of a lease: usual, shortest and longest.
const USUAL: i64 = 10 * 86_400;
const SHORTEST: i64 = 60;
const LONGEST: i64 = 30 * 86_400;

/// What one client may wish in an hour.
const PER_HOUR: NonZeroU32 = NonZeroU32::new(60).expect("not zero");

struct Desk {
    settings: Feeds,
    clients: DefaultKeyedRateLimiter<Client>,
}

pub fn router(settings: &Feeds) -> Router<Arc<Catalogue>> {
    if settings.subscribers == 0 {
        return Router::new();
    }
    let desk = Arc::new(Desk {
        settings: settings.clone(),
        clients: RateLimiter::keyed(Quota::per_hour(PER_HOUR)),
    });
    Router::new()
        .route("/hub", post(wish))
        .layer(Extension(desk))
}

async fn wish(
    State(catalogue): Shared,
    Extension(desk): Extension<Arc<Desk>>,
    client: Client,
    form: std::result::Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response> {
    let Form(fields) = form.map_err(|e| Error::bad_input(e.body_text()))?;
    let get = |name: &str| {
        let found = fields.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let subscribes = match get("hub.mode") {
        "subscribe" => true,
        "unsubscribe" => false,
        other => {
            return Err(Error::bad_input(format!(
                "hub.mode is {other:?}; subscribe or unsubscribe is wanted"
            )));
        }
    };
    let callback = get("hub.callback");
    let url = callback.parse().ok().filter(|_| callback.len() <= ADDRESS);
    let url = url.ok_or_else(|| {
        Error::bad_input(format!(
            "hub.callback is no address of at most {ADDRESS} bytes"
        ))
    })?;
    admit(&url, desk.settings.private)
        .map_err(|e| Error::bad_input(format!("hub.callback cannot be asked: {}", e.message)))?;
    let intent = Intent {
        id: 0,
        callback: callback.to_owned(),
        topic: topic(&catalogue, get("hub.topic"))?,
        secret: get("hub.secret").to_owned(),
        lease: lease(get("hub.lease_seconds"))? * i64::from(subscribes),
    };
    if intent.secret.len() >= SECRET {
        return Err(Error::bad_input(format!(
            "hub.secret has {} bytes; less than {SECRET} are wanted",
            intent.secret.len()
        )));
    }
    // Whom it does not know to have come lately it need not know.
    desk.clients.retain_recent();
    if desk.clients.check_key(&client).is_err() {
        let why = format!("at most {PER_HOUR} wishes are taken from one address in an hour");
        return Err(Error::new(Kind::TooMany, why));
    }
    let _turn = catalogue.turn().await;
    catalogue.ledger.forget_listener(None, now()).await?;
    let [listeners, wishes] = catalogue.ledger.listeners().await?;
    let all = wishes + if subscribes { listeners } else { 0 };
    if all >= desk.settings.subscribers {
        let why = "this hub has as many subscribers as it serves; the feeds can be polled";
        return Err(Error::new(Kind::Busy, why));
    }
    catalogue.ledger.wish(&intent).await?;
    let text = "what you wish is done when the callback confirms it\n";
    Ok((StatusCode::ACCEPTED, text).into_response())
}

/// A topic of ours, as it was said.
fn topic(catalogue: &Catalogue, said: &str) -> Result<String> {
    let path = said.strip_prefix(&catalogue.public_url);
    let (name, query) = path
        .map(|p| p.split_once('?').unwrap_or((p, "")))
        .unwrap_or_default();
    let searches = matches!(name, "feed.atom" | "feed.json");
    let plain = said.bytes().all(|b| b.is_ascii_graphic());
    if TOPICS.contains(&name) && (searches || query.is_empty()) && plain && said.len() <= ADDRESS {
        return Ok(said.to_owned());
    }
    let all = TOPICS.map(|t| format!("{}{t}", catalogue.public_url));
    let said: String = said.chars().take(80).collect();
    Err(Error::bad_input(format!(
        "hub.topic is {said:?}; there are {}, the last two with the parameters of a search",
        all.join(", ")
    )))
}

fn lease(said: &str) -> Result<i64> {
    if said.is_empty() {
        return Ok(USUAL);
    }
    let seconds = said.parse::<i64>().map_err(|_| {
        Error::bad_input(format!(
            "hub.lease_seconds is {said:?}; a whole number is wanted"
        ))
    })?;
    // The hub decides, and says in its verification what holds.
    Ok(seconds.clamp(SHORTEST, LONGEST))
}
