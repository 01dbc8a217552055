//! From queues to endpoints: for each endpoint someone who sends what waits, in order, and tries again. A dead one
//! delays nobody else.
use super::mqtt::{self, Connection};
use super::{Board, Known, Shared};
use crate::catalogue::{Catalogue, now};
use crate::client;
use crate::error::{Error, Result};
use crate::mapping::ngsi::subscription::Notification;
use crate::store::subscriptions::{self, Outcome, Waiting};
use reqwest::Url;
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};

/// The first and the longest pause after a failure, where the subscription wishes none, and the shortest it can wish.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
const SHORTEST: Duration = Duration::from_millis(100);

/// How often a notification is tried that its endpoint calls wrong.
const PATIENCE: i64 = 10;

/// How long an endpoint's sender stays when nothing is to be sent.
const IDLE: Duration = Duration::from_secs(60);

/// Longest reason that is kept, in characters.
const REASON: usize = 300;

pub struct Post {
    catalogue: Arc<Catalogue>,
    board: Arc<Shared<Board>>,
    http: reqwest::Client,
    private: bool,
    /// Those who send, by their endpoints.
    lines: Mutex<HashMap<String, Arc<Line>>>,
    /// To who keeps what became of attempts.
    outcomes: mpsc::Sender<(Vec<Outcome>, oneshot::Sender<()>)>,
}

/// How the sender of an endpoint is woken.
#[derive(Default)]
struct Line {
    /// There is more.
    more: Notify,
    /// A pause is over: subscriptions are others, or someone wants it tried again.
    again: Notify,
}

/// Why a notification was not taken.
struct Failure {
    why: String,
    /// The endpoint calls the notification itself wrong.
    theirs: bool,
}

impl Failure {
    fn new(why: impl Into<String>) -> Self {
        let why = why.into();
        Self { why, theirs: false }
    }
}

impl Post {
    pub fn open(
        catalogue: Arc<Catalogue>,
        board: Arc<Shared<Board>>,
        private: bool,
    ) -> Result<Arc<Self>> {
        let (outcomes, heard) = mpsc::channel(1_000);
        tokio::spawn(account(catalogue.clone(), heard));
        Ok(Arc::new(Self {
            http: client::direct(private, None)?,
            catalogue,
            board,
            private,
            lines: Mutex::default(),
            outcomes,
        }))
    }

    /// Has what waits for an endpoint sent; `again` ends its pause.
    pub fn call(self: &Arc<Self>, endpoint: &str, again: bool) {
        let mut lines = self.lines.lock().expect("no holder panics");
        let line = match lines.get(endpoint) {
            Some(line) => line.clone(),
            None => {
                let line = Arc::new(Line::default());
                lines.insert(endpoint.to_owned(), line.clone());
                let (post, endpoint, own) = (self.clone(), endpoint.to_owned(), line.clone());
                tokio::spawn(async move { post.serve(&endpoint, &own).await });
                line
            }
        };
        line.more.notify_one();
        if again {
            line.again.notify_waiters();
        }
    }

    async fn serve(&self, endpoint: &str, line: &Arc<Line>) {
        let mut failures: u32 = 0;
        let mut connection: Option<Connection> = None;
        loop {
            let pause = match self.empty(endpoint, &mut failures, &mut connection).await {
                Ok(pause) => pause,
                Err(e) => {
                    tracing::error!(error = %e, "notifications cannot be read");
                    Some(FIRST)
                }
            };
            if let Some(pause) = pause {
                connection = None;
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = line.again.notified() => {}
                }
                continue;
            }
            let now = now();
            let due = self
                .catalogue
                .ledger
                .next_due(endpoint, now)
                .await
                .ok()
                .flatten();
            let due = due.map(|at| Duration::from_micros((at - now).max(0).unsigned_abs()));
            let called = tokio::select! {
                () = line.more.notified() => true,
                () = tokio::time::sleep(due.unwrap_or(IDLE)) => due.is_some(),
            };
            if !called {
                connection = None;
                // Whoever calls holds the lines, and finds this one gone or has called it before.
                let mut lines = self.lines.lock().expect("no holder panics");
                let is_called = futures_util::FutureExt::now_or_never(line.more.notified());
                if is_called.is_none() {
                    lines.remove(endpoint);
                    return;
                }
            }
        }
    }

    /// Sends until nothing waits, or something fails: then it says how long to pause.
    async fn empty(
        &self,
        endpoint: &str,
        failures: &mut u32,
        connection: &mut Option<Connection>,
    ) -> Result<Option<Duration>> {
        loop {
            let some = self.catalogue.ledger.waiting_for(endpoint, now()).await?;
            let board = self.board.read().expect("no holder panics").clone();
            let mut outcomes = Vec::new();
            let mut pause = None;
            for waiting in some {
                // What belongs to a subscription that is being changed waits for the board.
                let known = board.get(&waiting.subscription);
                let Some(known) = known.filter(|k| k.asks.endpoint.uri == endpoint) else {
                    pause = Some(SHORTEST);
                    break;
                };
                let sent = self.send(known, &waiting, connection).await;
                let mut outcome = Outcome {
                    number: waiting.number,
                    subscription: waiting.subscription,
                    sent: waiting.at,
                    at: now(),
                    why: String::new(),
                    last: false,
                };
                match sent {
                    Ok(()) => *failures = 0,
                    Err(failure) => {
                        *failures += 1;
                        let why = &failure.why;
                        tracing::info!(
                            id = known.id,
                            failures,
                            why,
                            "a notification was not taken"
                        );
                        outcome.last = failure.theirs && waiting.tries + 1 >= PATIENCE;
                        outcome.why = failure.why.chars().take(REASON).collect();
                        let doubled = FIRST.saturating_mul(1 << (*failures - 1).min(16));
                        // Jitter, so that many catalogues do not come back at the same moment.
                        let jitter = 0.5 + rand::random::<f64>() / 2.0;
                        let usual = doubled.min(LONGEST).mul_f64(jitter);
                        let wished = known.asks.endpoint.cooldown.map(|c| c.max(SHORTEST));
                        pause = Some(wished.unwrap_or(usual));
                    }
                }
                outcomes.push(outcome);
                if pause.is_some() {
                    break;
                }
            }
            if outcomes.is_empty() {
                return Ok(pause);
            }
            let (done, kept) = oneshot::channel();
            let said = self.outcomes.send((outcomes, done)).await;
            said.map_err(Error::internal)?;
            kept.await.map_err(Error::internal)?;
            if pause.is_some() {
                return Ok(pause);
            }
        }
    }

    async fn send(
        &self,
        known: &Known,
        waiting: &Waiting,
        connection: &mut Option<Connection>,
    ) -> std::result::Result<(), Failure> {
        let endpoint = &known.asks.endpoint;
        let notification = Notification {
            id: &waiting.id,
            subscription: &waiting.subscription,
            at: waiting.at,
            data: serde_json::from_str(&waiting.data).unwrap_or_default(),
        };
        let (body, headers) = notification.written(endpoint, known.asks.form.shape, &known.link);
        if endpoint.is_mqtt() {
            let metadata: Map<String, Json> = headers
                .into_iter()
                .map(|(n, v)| (n, Json::from(v)))
                .collect();
            let message = json!({ "metadata": metadata, "body": body }).to_string();
            let sending = mqtt::send(connection, endpoint, message, self.private);
            let sent = tokio::time::timeout(endpoint.timeout, sending).await;
            let sent = sent.unwrap_or_else(|_| Err("no answer in time".into()));
            return sent.map_err(Failure::new);
        }
        let url: Url = endpoint
            .uri
            .parse()
            .map_err(|e| Failure::new(format!("{e}")))?;
        client::admit(&url, self.private).map_err(|e| Failure::new(e.message))?;
        let mut request = self.http.post(url).timeout(endpoint.timeout);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.body(body.to_string()).send().await;
        let mut answer = answer.map_err(|e| match e.is_timeout() {
            true => Failure::new("no answer in time"),
            false => Failure::new(client::cause(&e)),
        })?;
        let status = answer.status();
        // Read to its end, a connection can be used again; what goes on and on ends it.
        let mut rest: usize = 64 << 10;
        while let Ok(Some(chunk)) = answer.chunk().await {
            let Some(left) = rest.checked_sub(chunk.len()) else {
                break;
            };
            rest = left;
        }
        match status.is_success() {
            true => Ok(()),
            false => Err(Failure {
                why: format!("it answered {status}"),
                theirs: status.is_client_error() && ![408, 425, 429].contains(&status.as_u16()),
            }),
        }
    }
}

/// Keeps what became of attempts: of all endpoints together, so that one sync of the disk does for many.
async fn account(
    catalogue: Arc<Catalogue>,
    mut heard: mpsc::Receiver<(Vec<Outcome>, oneshot::Sender<()>)>,
) {
    while let Some((mut all, first)) = heard.recv().await {
        let mut waiting = vec![first];
        while let Ok((more, next)) = heard.try_recv() {
            all.extend(more);
            waiting.push(next);
        }
        while let Err(e) = keep(&catalogue, &all).await {
            tracing::error!(error = %e, "what became of notifications cannot be kept");
            tokio::time::sleep(FIRST).await;
        }
        for done in waiting {
            let _ = done.send(());
        }
    }
}

async fn keep(catalogue: &Catalogue, outcomes: &[Outcome]) -> Result<()> {
    let _turn = catalogue.turn().await;
    let mut transaction = catalogue.ledger.pool.begin().await?;
    subscriptions::settle(&mut transaction, outcomes).await?;
    transaction.commit().await.map_err(Error::from)
}
