//! Tells subscribers what changes (ETSI GS CIM 009, clause 5.8.6): a matcher follows the ledger from a cursor that
//! outlives the process, and each endpoint has a queue and someone who empties it.
//!
//! What a change raises is kept in the same transaction as the cursor, so it is raised once, whatever happens in
//! between; it leaves its queue when it was taken, so it is sent at least once, always under the same id.
mod deliver;
mod matcher;
mod mqtt;

pub use matcher::follow;
pub use mqtt::{Address, hidden};

use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use crate::mapping::ngsi::context::Context;
use crate::mapping::ngsi::subscription::{Contexts, Refusal, Subscription};
use crate::store::entities::Entities;
use crate::store::subscriptions::{self, Subscribed};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// How the rest of the house wakes the matcher.
#[derive(Default)]
pub struct Desk {
    /// The ledger went on, or subscriptions are others.
    pub changed: Notify,
    /// Counts changes of subscriptions.
    revision: AtomicU64,
}

/// The @contexts of a subscription.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Spoken {
    /// In which its names are meant, and the address of that.
    pub meant: Context,
    pub named: String,
    /// In which its notifications are written, and the address of that.
    pub written: Context,
    pub link: String,
}

/// Reads a subscription that is kept, or is to be.
///
/// # Errors
/// As [`Subscription::read`].
pub fn read(
    body: &Json,
    spoken: &Spoken,
    entities: &Entities,
    maps: bool,
) -> std::result::Result<Subscription, Refusal> {
    let contexts = Contexts {
        meant: &spoken.meant,
        written: &spoken.written,
        maps,
    };
    Subscription::read(body, &contexts, &|text| entities.target(text))
}

/// A subscription as it is matched and served.
struct Known {
    id: String,
    since: i64,
    due: i64,
    link: String,
    asks: Subscription,
}

/// All subscriptions, and which of them a change can concern.
#[derive(Default)]
struct Board {
    all: Vec<Known>,
    by_id: HashMap<String, usize>,
    /// Those that ask for ids alone, by these; the others by the types that they ask for.
    of_entity: HashMap<String, Vec<usize>>,
    of_kind: [Vec<usize>; crate::mapping::ngsi::KINDS.len()],
}

impl Board {
    fn of(kept: Vec<Subscribed>, entities: &Entities, maps: bool) -> Self {
        let mut board = Self::default();
        for one in kept {
            let spoken: Spoken = serde_json::from_str(&one.context).unwrap_or_default();
            let body: Json = serde_json::from_str(&one.body).unwrap_or_default();
            let asks = match read(&body, &spoken, entities, maps) {
                Ok(asks) => asks,
                Err(why) => {
                    // What was taken once is read again, unless the program changed its mind.
                    tracing::error!(id = one.id, ?why, "a subscription cannot be read");
                    continue;
                }
            };
            let at = board.all.len();
            if asks.interval.is_none() {
                match asks.ids() {
                    Some(ids) => {
                        for id in ids {
                            board.of_entity.entry(id.to_owned()).or_default().push(at);
                        }
                    }
                    None => {
                        for kind in asks.kinds() {
                            board.of_kind[kind as usize].push(at);
                        }
                    }
                }
            }
            board.by_id.insert(one.id.clone(), at);
            board.all.push(Known {
                id: one.id,
                since: one.since,
                due: one.due,
                link: spoken.link,
                asks,
            });
        }
        board
    }

    fn get(&self, id: &str) -> Option<&Known> {
        self.by_id.get(id).map(|at| &self.all[*at])
    }
}

impl Catalogue {
    /// Keeps a new subscription: changes from now on count for it.
    ///
    /// # Errors
    /// There are `most` already; the id is taken; entities are still being loaded; the ledger fails.
    pub async fn subscribe(&self, mut new: Subscribed, most: i64) -> Result<()> {
        let _turn = self.turn().await;
        if self.ledger.subscription(&new.id).await?.is_some() {
            let why = format!("there is a subscription {} already", new.id);
            return Err(Error::new(Kind::Conflict, why));
        }
        if self.ledger.subscription_count(None).await? >= most {
            let why = format!("there are {most} subscriptions, which is the most");
            return Err(Error::new(Kind::TooMany, why));
        }
        let held = self.entities.read().await;
        let entities = held.as_ref().ok_or_else(loading)?;
        let cursor = entities.cursor;
        let first = self.ledger.matched().await?.is_none();
        let agents: BTreeMap<String, i64> = match first {
            true => entities
                .agents()
                .map(|(id, n)| (id.to_owned(), n))
                .collect(),
            false => BTreeMap::new(),
        };
        drop(held);
        new.since = self.ledger.extent().await?.seq;
        let mut transaction = self.ledger.pool.begin().await?;
        if first {
            subscriptions::reach(&mut transaction, cursor, &agents).await?;
        }
        subscriptions::put(&mut transaction, &new).await?;
        transaction.commit().await?;
        self.resubscribed();
        Ok(())
    }

    /// Keeps a subscription that was changed.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn amend(&self, changed: &Subscribed) -> Result<()> {
        let _turn = self.turn().await;
        let mut transaction = self.ledger.pool.begin().await?;
        subscriptions::put(&mut transaction, changed).await?;
        transaction.commit().await?;
        self.resubscribed();
        Ok(())
    }

    /// Lets go of a subscription with all that waits for it, and says whether it was there.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn unsubscribe(&self, id: &str) -> Result<bool> {
        let _turn = self.turn().await;
        let mut transaction = self.ledger.pool.begin().await?;
        let was = subscriptions::drop(&mut transaction, id).await?;
        transaction.commit().await?;
        self.resubscribed();
        Ok(was)
    }

    /// Sends what was given up after all, and says how many that are.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn renotify(&self, id: &str) -> Result<u64> {
        let _turn = self.turn().await;
        let mut transaction = self.ledger.pool.begin().await?;
        let count = subscriptions::replay(&mut transaction, id, crate::catalogue::now()).await?;
        transaction.commit().await?;
        self.resubscribed();
        Ok(count)
    }

    fn resubscribed(&self) {
        self.desk.revision.fetch_add(1, Ordering::SeqCst);
        self.desk.changed.notify_one();
    }
}

fn loading() -> Error {
    let why = "the entities are still being loaded; /readyz says when they are there";
    Error::new(Kind::Busy, why)
}

type Shared<T> = std::sync::RwLock<Arc<T>>;
