//! The hub (W3C WebSub, 2018): tells those who subscribed to a feed when it changes, by sending them what the
//! feed then is. Each listener has a cursor of his own in the ledger that outlives the process; whoever was
//! away is sent the latest state, not every one that he missed.
use crate::catalogue::{Catalogue, now};
use crate::client;
use crate::config::Feeds;
use crate::error::{Error, Result};
use crate::record::hex;
use crate::store::hub::{Intent, Listener};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use reqwest::Url;
use ring::hmac;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// How often it is looked whether somebody is to be told, and how many at a time.
const LOOK: Duration = Duration::from_millis(200);
const AT_ONCE: usize = 16;
const LOAD: i64 = 100;

/// How long a subscriber may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest that a challenge's answer is read, in bytes, and the longest content that is sent.
const ANSWER: usize = 1 << 10;
const CONTENT: usize = 4 << 20;

/// The first and the longest pause after a subscriber did not take something, in microseconds.
const FIRST: i64 = 2_000_000;
const LONGEST: i64 = 3_600_000_000;

/// Serves subscribers until the process ends. `service` answers for the topics.
pub async fn serve(catalogue: Arc<Catalogue>, service: Router, settings: Feeds) {
    // Whoever moved subscribes anew: a redirect is a failure (sections 5.3 and 7).
    let client = match client::direct(settings.private, Some(PATIENCE)) {
        Ok(client) => client,
        Err(e) => {
            tracing::error!(error = %e, "the hub cannot speak");
            return;
        }
    };
    let hub = Arc::new(Hub {
        catalogue,
        service,
        client,
        settings,
        places: Arc::new(Semaphore::new(AT_ONCE)),
        busy: Mutex::default(),
    });
    loop {
        if let Err(e) = hub.look().await {
            tracing::error!(error = %e, "subscribers are not told");
        }
        tokio::time::sleep(LOOK).await;
    }
}

struct Hub {
    catalogue: Arc<Catalogue>,
    service: Router,
    client: reqwest::Client,
    settings: Feeds,
    places: Arc<Semaphore>,
    /// Whom it is speaking to, so that a slow one holds up nobody and hears nothing twice at once.
    busy: Mutex<HashSet<String>>,
}

/// What a topic is now.
struct Topic {
    media: String,
    tag: String,
    content: Vec<u8>,
}

impl Hub {
    /// The change up to which feeds show what there is: the search index follows the ledger a moment later.
    /// None until it is there.
    async fn shown(&self) -> Option<i64> {
        let search = self.catalogue.search.read().await;
        Some(search.as_ref()?.cursor.min(self.catalogue.extent().seq))
    }

    /// Starts what is to be done by now.
    async fn look(self: &Arc<Self>) -> Result<()> {
        let Some(seq) = self.shown().await else {
            return Ok(());
        };
        let ledger = &self.catalogue.ledger;
        for intent in ledger.intents(LOAD).await? {
            self.start(format!("intent {}", intent.id), move |hub| async move {
                hub.verify(&intent, seq).await
            })
            .await;
        }
        for listener in ledger.untold(seq, now(), LOAD).await? {
            let name = format!("{} {}", listener.callback, listener.topic);
            self.start(
                name,
                move |hub| async move { hub.tell(listener, seq).await },
            )
            .await;
        }
        Ok(())
    }

    /// Does something beside what is done already, unless just this is.
    async fn start<F>(self: &Arc<Self>, name: String, work: impl FnOnce(Arc<Self>) -> F)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let busy = |hub: &Self| hub.busy.lock().map(|b| b.contains(&name)).unwrap_or(true);
        if busy(self) {
            return;
        }
        let Ok(place) = self.places.clone().acquire_owned().await else {
            return;
        };
        if let Ok(mut busy) = self.busy.lock() {
            busy.insert(name.clone());
        }
        let (hub, work) = (self.clone(), work(self.clone()));
        tokio::spawn(async move {
            if let Err(e) = work.await {
                tracing::error!(error = %e, "the hub failed");
            }
            if let Ok(mut busy) = hub.busy.lock() {
                busy.remove(&name);
            }
            drop(place);
        });
    }

    /// Asks whoever is said to wish something whether he does (section 5.3), or says why it cannot be (5.2).
    async fn verify(&self, intent: &Intent, seq: i64) -> Result<()> {
        let mut listener = Listener {
            callback: intent.callback.clone(),
            topic: intent.topic.clone(),
            secret: intent.secret.clone(),
            until: now() + intent.lease * 1_000_000,
            cursor: seq,
            ..Listener::default()
        };
        let (mode, lease) = match intent.lease {
            0 => ("unsubscribe", None),
            seconds => (
                "subscribe",
                Some(("hub.lease_seconds", seconds.to_string())),
            ),
        };
        // What the feed is when he begins he reads himself; what it becomes while he is asked, he is told.
        let denied = match lease.is_some() {
            true => match self.topic(&listener).await {
                Ok(topic) => {
                    listener.tag = topic.map_or(String::new(), |t| t.tag);
                    None
                }
                Err(e) => Some(e.message),
            },
            false => None,
        };
        let challenge = hex(&rand::random::<[u8; 16]>());
        let answer = match denied.clone() {
            Some(why) => self.ask(intent, "denied", Some(("hub.reason", why))).await,
            None => {
                let echoed = Some(("hub.challenge", challenge.clone()));
                self.ask(intent, mode, echoed.into_iter().chain(lease))
                    .await
            }
        };
        let confirmed = match answer {
            Ok(echo) => denied.is_none() && echo.trim_ascii() == challenge.as_bytes(),
            Err(why) => {
                tracing::info!(
                    host = client::host(&intent.callback),
                    why,
                    "a wish is not confirmed"
                );
                false
            }
        };
        let verified = confirmed.then_some(listener);
        let _turn = self.catalogue.turn().await;
        let ledger = &self.catalogue.ledger;
        ledger.settle_intent(intent, verified.as_ref()).await
    }

    /// What a callback answers to a request of the hub.
    async fn ask(
        &self,
        intent: &Intent,
        mode: &str,
        more: impl IntoIterator<Item = (&str, String)>,
    ) -> std::result::Result<Vec<u8>, String> {
        let mut url: Url = intent.callback.parse().map_err(|e| format!("{e}"))?;
        client::admit(&url, self.settings.private).map_err(|e| e.message)?;
        url.query_pairs_mut()
            .append_pair("hub.mode", mode)
            .append_pair("hub.topic", &intent.topic)
            .extend_pairs(more);
        let failed = |e: reqwest::Error| client::cause(&e);
        let mut answer = self.client.get(url).send().await.map_err(failed)?;
        if !answer.status().is_success() {
            return Err(format!("it answered {}", answer.status()));
        }
        let mut echo = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            echo.extend_from_slice(&chunk);
            if echo.len() > ANSWER {
                return Err("its answer is no challenge".into());
            }
        }
        Ok(echo)
    }

    /// Sends a listener what his topic is now, if that is another than he was sent last.
    async fn tell(&self, mut l: Listener, seq: i64) -> Result<()> {
        let done = match self.topic(&l).await {
            Ok(Some(topic)) => self.send(&l, topic).await,
            Ok(None) => Ok(l.tag.clone()),
            Err(e) => Err(Refused::Later(e.message)),
        };
        let pause = i64::from(self.settings.pause_seconds) * 1_000_000;
        match done {
            Ok(tag) => {
                l = Listener {
                    cursor: seq,
                    tag,
                    tries: 0,
                    again: now() + pause,
                    ..l
                };
            }
            Err(Refused::Gone) => {
                let _turn = self.catalogue.turn().await;
                self.catalogue.ledger.forget_listener(Some(&l), 0).await?;
                return Ok(());
            }
            Err(Refused::Later(why)) => {
                tracing::info!(
                    host = client::host(&l.callback),
                    why,
                    tries = l.tries + 1,
                    "not told"
                );
                let doubled = FIRST.saturating_mul(1 << l.tries.min(20)).min(LONGEST);
                // Jitter, so that those who failed together do not come back together.
                let wait = doubled / 2 + (rand::random::<f64>() * doubled as f64 / 2.0) as i64;
                l.tries += 1;
                l.again = now() + wait.max(pause);
            }
        }
        let _turn = self.catalogue.turn().await;
        self.catalogue.ledger.set_told(&l).await
    }

    /// What a topic is, as any reader would get it; none where the listener has it already.
    async fn topic(&self, l: &Listener) -> Result<Option<Topic>> {
        let place = l
            .topic
            .find("://")
            .and_then(|at| l.topic[at + 3..].find('/').map(|p| at + 3 + p));
        let path = place.map_or("/", |at| &l.topic[at..]);
        let request = Request::get(path)
            .header(header::IF_NONE_MATCH, &l.tag)
            .body(Body::empty())
            .map_err(Error::internal)?;
        let answer = self
            .service
            .clone()
            .oneshot(request)
            .await
            .map_err(Error::internal)?;
        if answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        if !answer.status().is_success() {
            return Err(Error::internal(format!(
                "the topic answers {}",
                answer.status()
            )));
        }
        let (parts, body) = answer.into_parts();
        let get = |name: header::HeaderName| {
            let value = parts.headers.get(name).and_then(|v| v.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (media, tag) = (get(header::CONTENT_TYPE), get(header::ETAG));
        let content = axum::body::to_bytes(body, CONTENT).await;
        let content = content.map_err(Error::internal)?.to_vec();
        Ok(Some(Topic {
            media,
            tag,
            content,
        }))
    }

    /// Content distribution (section 7), signed where a secret was agreed on (section 7.1).
    /// Gives the entity tag of what was sent.
    async fn send(&self, l: &Listener, topic: Topic) -> std::result::Result<String, Refused> {
        let later = |why: String| Refused::Later(why);
        let url: Url = l.callback.parse().map_err(|e| later(format!("{e}")))?;
        client::admit(&url, self.settings.private).map_err(|e| later(e.message))?;
        let hub = format!("{}hub", self.catalogue.public_url);
        let mut request = self
            .client
            .post(url)
            .header("content-type", &topic.media)
            .header(
                "link",
                format!("<{hub}>; rel=\"hub\", <{}>; rel=\"self\"", l.topic),
            );
        if !l.secret.is_empty() {
            let key = hmac::Key::new(hmac::HMAC_SHA256, l.secret.as_bytes());
            let signature = hex(hmac::sign(&key, &topic.content).as_ref());
            request = request.header("x-hub-signature", format!("sha256={signature}"));
        }
        let answer = request.body(topic.content).send().await;
        match answer.map_err(|e| later(client::cause(&e)))?.status() {
            status if status.is_success() => Ok(topic.tag),
            StatusCode::GONE => Err(Refused::Gone),
            status => Err(later(format!("it answered {status}"))),
        }
    }
}

/// Why a listener was not told.
enum Refused {
    /// He wishes no more.
    Gone,
    Later(String),
}
