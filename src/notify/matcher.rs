//! From changes to notifications.
use super::deliver::Post;
use super::{Board, Known, Shared};
use crate::catalogue::{Catalogue, now};
use crate::config::Ngsi;
use crate::error::{Error, Result};
use crate::mapping::ngsi::query::Query;
use crate::mapping::ngsi::subscription::{Join, Step};
use crate::mapping::ngsi::{self, Content, Entity, Kind, Scalar};
use crate::record::{Record, hash};
use crate::store::entities::{Entities, Settings};
use crate::store::subscriptions::{self, Waiting};
use roaring::RoaringBitmap;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::RwLockReadGuard;

/// Changes that are matched in one go.
const WINDOW: i64 = 50;

/// How often it is looked what has become too old, and the longest sleep.
const MINUTE: Duration = Duration::from_secs(60);

/// Entities of one notification that all matching ones go into, or that is held back; and linked ones of one entity.
const DATA: usize = 500;
const LINKED: usize = 100;

const SECOND: f64 = 1e6;

/// Matches and delivers until the process ends.
pub async fn follow(catalogue: Arc<Catalogue>, settings: Ngsi) {
    let board: Arc<Shared<Board>> = Arc::default();
    let post = loop {
        match Post::open(catalogue.clone(), board.clone(), settings.private_endpoints) {
            Ok(post) => break post,
            Err(e) => tracing::error!(error = %e, "notifications cannot be sent"),
        }
        tokio::time::sleep(MINUTE).await;
    };
    let mut matcher = Matcher {
        catalogue: &catalogue,
        settings: &settings,
        post,
        shared: board,
        revision: None,
        number: 0,
        tidied: None,
    };
    loop {
        let pause = matcher.round().await.unwrap_or_else(|e| {
            tracing::error!(error = %e, "subscriptions do not follow the ledger");
            Duration::from_secs(1)
        });
        tokio::select! {
            () = catalogue.desk.changed.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

struct Matcher<'m> {
    catalogue: &'m Catalogue,
    settings: &'m Ngsi,
    post: Arc<Post>,
    shared: Arc<Shared<Board>>,
    /// Which state of the subscriptions is on the board.
    revision: Option<u64>,
    /// Of the last notification.
    number: i64,
    tidied: Option<Instant>,
}

/// What a change says to one subscription.
struct Notice {
    /// On the board.
    to: usize,
    seq: i64,
    at: i64,
    data: Vec<Json>,
    /// Entities whose links are followed.
    join: Vec<Entity>,
}

/// How many records name agents: what the ledger knows, and what is to be kept.
#[derive(Default)]
struct Agents(BTreeMap<String, i64>);

impl Matcher<'_> {
    /// Does what there is to do, and says how long nothing is.
    async fn round(&mut self) -> Result<Duration> {
        if self.catalogue.entities.read().await.is_none() {
            return Ok(Duration::from_millis(50));
        }
        self.renew().await?;
        let Some(mut cursor) = self.catalogue.ledger.matched().await? else {
            return Ok(MINUTE);
        };
        loop {
            let steps = self.catalogue.ledger.steps(cursor, WINDOW).await?;
            let Some(last) = steps.last().map(|(_, new)| new.seq) else {
                break;
            };
            if self.window(cursor, &steps).await? {
                cursor = last;
            } else {
                self.renew().await?;
            }
        }
        let next = self.periodic().await?;
        if self.tidied.is_none_or(|at| at.elapsed() >= MINUTE) {
            self.tidy().await?;
            self.tidied = Some(Instant::now());
        }
        Ok(next.min(MINUTE))
    }

    fn board(&self) -> Arc<Board> {
        self.shared.read().expect("no holder panics").clone()
    }

    async fn entities(&self) -> Result<RwLockReadGuard<'_, Entities>> {
        let held = self.catalogue.entities.read().await;
        RwLockReadGuard::try_map(held, Option::as_ref).map_err(|_| super::loading())
    }

    /// Puts the subscriptions on the board as they are now.
    async fn renew(&mut self) -> Result<()> {
        let revision = self.catalogue.desk.revision.load(Ordering::SeqCst);
        if self.revision == Some(revision) {
            return Ok(());
        }
        let kept = self.catalogue.ledger.subscriptions().await?;
        let held = self.entities().await?;
        let maps = self.settings.language_maps;
        let board = tokio::task::block_in_place(|| Board::of(kept, &held, maps));
        drop(held);
        *self.shared.write().expect("no holder panics") = Arc::new(board);
        if self.revision.is_none() {
            self.number = self.catalogue.ledger.last_notification().await?;
        }
        self.revision = Some(revision);
        for endpoint in self.catalogue.ledger.waiting_endpoints().await? {
            self.post.call(&endpoint, true);
        }
        Ok(())
    }

    /// Keeps what some changes raise. False where the subscriptions are others meanwhile.
    async fn window(&mut self, cursor: i64, steps: &[(Option<Record>, Record)]) -> Result<bool> {
        let board = self.board();
        let mut agents = Agents::default();
        let settings = self.entities().await?.settings().clone();
        let each = steps.iter();
        let made = tokio::task::block_in_place(|| {
            each.map(|(old, new)| pairs(old.as_ref(), new, &settings))
                .collect::<Vec<_>>()
        });
        let mut notices: Vec<Notice> = Vec::new();
        let mut before = match board.of_kind[Kind::Catalogue as usize].is_empty() {
            true => None,
            false => Some(self.time_of(cursor).await?),
        };
        for ((old, new), mut pairs) in steps.iter().zip(made) {
            if new.content.is_empty() && old.as_ref().is_some_and(|o| o.content.is_empty()) {
                let parted = self.catalogue.ledger.parted(new.seq).await?;
                pairs.extend(parted.into_iter().map(|id| (Some(bare(id)), None)));
            }
            self.heed(&mut pairs, &mut agents).await?;
            if let Some(before) = &mut before {
                pairs.extend(self.own(*before, new.modified, &settings));
                *before = new.modified;
            }
            let held = self.entities().await?;
            let raised = tokio::task::block_in_place(|| raised(&board, &pairs, new, &held));
            notices.extend(raised);
        }
        for notice in &mut notices {
            self.join(&board.all[notice.to], notice).await?;
        }
        let cursor = steps.last().map_or(cursor, |(_, new)| new.seq);
        self.keep(&board, notices, Some((cursor, agents))).await
    }

    /// When a change was made.
    async fn time_of(&self, seq: i64) -> Result<i64> {
        use sqlx::Row;
        let row = sqlx::query("SELECT COALESCE(MAX(at), 0) FROM change WHERE seq = $1").bind(seq);
        let row = row.fetch_one(&self.catalogue.ledger.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// The catalogue's own entity tells when it changed last.
    fn own(&self, before: i64, now: i64, settings: &Settings) -> Option<Pair> {
        let issued = self.catalogue.extent().issued;
        let of = |at: i64| {
            let all = ngsi::catalogue(&self.catalogue.about, issued, at, &settings.origin());
            all.into_iter().find(|e| e.kind == Kind::Catalogue)
        };
        Some((of(before), of(now)))
    }

    /// Leaves out agents that were there before, or are there still, because of another record.
    async fn heed(&self, pairs: &mut Vec<Pair>, agents: &mut Agents) -> Result<()> {
        let mut kept = Vec::new();
        for (old, new) in pairs.drain(..) {
            let more = i64::from(new.is_some()) - i64::from(old.is_some());
            let agent = new
                .as_ref()
                .or(old.as_ref())
                .filter(|e| e.kind == Kind::Agent);
            if let Some(agent) = agent.filter(|_| more != 0) {
                let count = match agents.0.get(&agent.id) {
                    Some(count) => *count,
                    None => self.catalogue.ledger.agent_records(&agent.id).await?,
                };
                let then = (count + more).max(0);
                agents.0.insert(agent.id.clone(), then);
                if count > 0 && then > 0 {
                    continue;
                }
            }
            kept.push((old, new));
        }
        *pairs = kept;
        Ok(())
    }

    /// Puts notices into the queues, with how far the ledger was matched.
    async fn keep(
        &mut self,
        board: &Board,
        notices: Vec<Notice>,
        reached: Option<(i64, Agents)>,
    ) -> Result<bool> {
        let ledger = &self.catalogue.ledger;
        let _turn = self.catalogue.turn().await;
        if self.revision != Some(self.catalogue.desk.revision.load(Ordering::SeqCst)) {
            return Ok(false);
        }
        let now = now();
        let mut held: HashMap<usize, Waiting> = HashMap::new();
        let mut last: HashMap<usize, i64> = HashMap::new();
        let mut out: Vec<(usize, Waiting)> = Vec::new();
        for notice in notices {
            let known = &board.all[notice.to];
            let throttled = known.asks.throttling;
            if throttled.is_some() {
                // What is held back takes in what comes meanwhile.
                let open = match held.remove(&notice.to) {
                    Some(open) => Some(open),
                    None => ledger.open_notification(&known.id, now).await?,
                };
                if let Some(mut open) = open {
                    let mut data: Vec<Json> = serde_json::from_str(&open.data).unwrap_or_default();
                    if data.len() < DATA {
                        fold(&mut data, notice.data);
                        open.data = Json::Array(data).to_string();
                        open.at = notice.at.max(open.at + 1);
                        held.insert(notice.to, open);
                        continue;
                    }
                    last.insert(notice.to, open.due);
                    out.push((notice.to, open));
                }
            }
            let due = match throttled {
                None => now,
                Some(seconds) => {
                    let before = match last.get(&notice.to) {
                        Some(due) => *due,
                        None => ledger.subscription(&known.id).await?.map_or(0, |s| s.due),
                    };
                    now.max(before + (seconds * SECOND) as i64)
                }
            };
            self.number += 1;
            let waiting = Waiting {
                number: self.number,
                id: identify(&known.id, notice.seq, self.number),
                subscription: known.id.clone(),
                at: notice.at,
                due,
                data: Json::Array(notice.data).to_string(),
                tries: 0,
                expired: None,
                why: String::new(),
            };
            last.insert(notice.to, due);
            match due > now {
                true => {
                    held.insert(notice.to, waiting);
                }
                false => out.push((notice.to, waiting)),
            }
        }
        out.extend(held);
        let mut transaction = ledger.pool.begin().await?;
        for (to, waiting) in &out {
            let endpoint = &board.all[*to].asks.endpoint.uri;
            subscriptions::notify(&mut transaction, endpoint, waiting).await?;
        }
        if let Some((cursor, agents)) = &reached {
            subscriptions::reach(&mut transaction, *cursor, &agents.0).await?;
        }
        transaction.commit().await?;
        for (to, _) in &out {
            self.post.call(&board.all[*to].asks.endpoint.uri, false);
        }
        Ok(true)
    }

    /// Sends along what matched entities are linked to (clause 4.5.23).
    async fn join(&self, known: &Known, notice: &mut Notice) -> Result<()> {
        let Some(join) = known.asks.join else {
            return Ok(());
        };
        let mut seen: HashSet<String> = notice.join.iter().map(|e| e.id.clone()).collect();
        let mut beside = Vec::new();
        for (item, entity) in notice.data.iter_mut().zip(&notice.join) {
            let mut room = LINKED;
            self.link(
                known,
                join,
                item,
                entity,
                join.level,
                &mut room,
                &mut seen,
                &mut beside,
            )
            .await?;
        }
        notice.data.extend(beside);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    async fn link(
        &self,
        known: &Known,
        join: Join,
        item: &mut Json,
        entity: &Entity,
        level: u64,
        room: &mut usize,
        seen: &mut HashSet<String>,
        beside: &mut Vec<Json>,
    ) -> Result<()> {
        let form = &known.asks.form;
        for attribute in &entity.attributes {
            let Content::Links { targets, .. } = &attribute.content else {
                continue;
            };
            let key = form.context.compact(attribute.name);
            let mut within = Vec::new();
            for target in targets {
                if *room == 0 || item.get(&key).is_none() {
                    break;
                }
                let Some(linked) = self.find(target).await? else {
                    continue;
                };
                *room -= 1;
                if !join.inline && !seen.insert(linked.id.clone()) {
                    continue;
                }
                let held = self.entities().await?;
                let url = &self.catalogue.public_url;
                let mut shown = form.entity(&linked, &|iri| held.id_of(iri), url).into();
                drop(held);
                if level > 1 {
                    let deeper = self.link(
                        known,
                        join,
                        &mut shown,
                        &linked,
                        level - 1,
                        room,
                        seen,
                        beside,
                    );
                    Box::pin(deeper).await?;
                }
                match join.inline {
                    true => within.push(shown),
                    false => beside.push(shown),
                }
            }
            let within = match within.len() {
                0 => continue,
                1 => within.remove(0),
                _ => Json::Array(within),
            };
            match &mut item[&key] {
                Json::Object(members) => {
                    members.insert("entity".into(), within);
                }
                // Simplified, the entity stands for its id.
                simple => *simple = within,
            }
        }
        Ok(())
    }

    /// The entity whose RDF has an IRI, as it is now.
    async fn find(&self, iri: &str) -> Result<Option<Entity>> {
        let held = self.entities().await?;
        let id = held.id_of(iri);
        let record = id.as_ref().and_then(|id| held.record_of(id));
        let settings = held.settings().clone();
        drop(held);
        let (Some(id), Some(record)) = (id, record) else {
            return Ok(None);
        };
        let all = match record {
            0 => {
                let extent = self.catalogue.extent();
                let (about, origin) = (&self.catalogue.about, settings.origin());
                ngsi::catalogue(about, extent.issued, extent.modified, &origin)
            }
            record => {
                let records = self.catalogue.ledger.by_ids(&[record]).await?;
                let each = records.iter();
                each.flat_map(|r| ngsi::entities(r, &settings.origin()))
                    .collect()
            }
        };
        Ok(all.into_iter().find(|e| e.id == id))
    }

    /// Raises what is due by the clock, and says when the next is.
    async fn periodic(&mut self) -> Result<Duration> {
        let board = self.board();
        let mut next = MINUTE;
        for (at, known) in board.all.iter().enumerate() {
            let Some(interval) = known.asks.interval else {
                continue;
            };
            let now = now();
            if !known.asks.is_running(now) {
                continue;
            }
            let stored = self.catalogue.ledger.subscription(&known.id).await?;
            let due = stored.map_or(known.due, |s| s.due);
            if due > now {
                next = next.min(Duration::from_micros((due - now).unsigned_abs()));
                continue;
            }
            let then = now + (interval * SECOND) as i64;
            // Of all that matches, the latest word is enough.
            let waits = self
                .catalogue
                .ledger
                .notification_counts(&known.id)
                .await?
                .0
                > 0;
            if !waits {
                let notices = self.all_of(at, known, now).await?;
                if !self.keep(&board, notices, None).await? {
                    return Ok(Duration::ZERO);
                }
            }
            let _turn = self.catalogue.turn().await;
            let mut connection = self.catalogue.ledger.pool.acquire().await?;
            subscriptions::set_due(&mut connection, &known.id, then).await?;
            next = next.min(Duration::from_secs_f64(interval));
        }
        Ok(next)
    }

    /// All entities that a subscription asks for, in as many notices as they need.
    async fn all_of(&self, to: usize, known: &Known, at: i64) -> Result<Vec<Notice>> {
        let held = self.entities().await?;
        let mut rows = RoaringBitmap::new();
        for query in &known.asks.selectors {
            rows |= held.plan(query).rows;
        }
        let settings = held.settings().clone();
        drop(held);
        let rows: Vec<u32> = rows.iter().collect();
        let mut notices: Vec<Notice> = Vec::new();
        let mut notice = Notice {
            to,
            seq: 0,
            at,
            data: Vec::new(),
            join: Vec::new(),
        };
        for some in rows.chunks(DATA) {
            let held = self.entities().await?;
            let wanted: HashMap<String, i64> = some
                .iter()
                .filter_map(|row| held.row(*row))
                .map(|(id, record)| (id.to_owned(), record))
                .collect();
            drop(held);
            for entity in self
                .some_of(&wanted, &known.asks.selectors, &settings)
                .await?
            {
                let held = self.entities().await?;
                let url = &self.catalogue.public_url;
                notice
                    .data
                    .push(known.asks.shown(&entity, &|iri| held.id_of(iri), url));
                if known.asks.join.is_some() {
                    notice.join.push(entity);
                }
                if notice.data.len() == DATA {
                    let (data, join) = (Vec::new(), Vec::new());
                    notices.push(std::mem::replace(
                        &mut notice,
                        Notice {
                            to,
                            seq: 0,
                            at,
                            data,
                            join,
                        },
                    ));
                }
            }
        }
        if !notice.data.is_empty() {
            notices.push(notice);
        }
        for notice in &mut notices {
            self.join(known, notice).await?;
        }
        Ok(notices)
    }

    /// Entities by their ids, as far as they match.
    async fn some_of(
        &self,
        wanted: &HashMap<String, i64>,
        selectors: &[Query],
        settings: &Settings,
    ) -> Result<Vec<Entity>> {
        let mut records: Vec<i64> = wanted.values().copied().collect();
        records.sort_unstable();
        records.dedup();
        let extent = self.catalogue.extent();
        let about = &self.catalogue.about;
        let mut out = match records.first() {
            Some(0) => ngsi::catalogue(about, extent.issued, extent.modified, &settings.origin()),
            _ => Vec::new(),
        };
        let records = self.catalogue.ledger.by_ids(&records).await?;
        tokio::task::block_in_place(|| {
            out.extend(
                records
                    .iter()
                    .flat_map(|r| ngsi::entities(r, &settings.origin())),
            );
        });
        let mut seen = HashSet::new();
        out.retain(|e| {
            wanted.contains_key(&e.id)
                && selectors.iter().any(|q| q.matches(e))
                && seen.insert(e.id.clone())
        });
        Ok(out)
    }

    /// Gives up what is too old or too much.
    async fn tidy(&self) -> Result<()> {
        let now = now();
        let kept = i64::from(self.settings.notification_hours) * 3_600 * SECOND as i64;
        let _turn = self.catalogue.turn().await;
        let mut transaction = self.catalogue.ledger.pool.begin().await?;
        let most = self.settings.notifications;
        subscriptions::give_up(&mut transaction, now, now - kept, most).await?;
        transaction.commit().await.map_err(Error::from)
    }
}

/// An entity before a change and after it.
type Pair = (Option<Entity>, Option<Entity>);

/// The entities of a record before a change and after it, in the order in which a consumer should learn of them.
fn pairs(old: Option<&Record>, new: &Record, settings: &Settings) -> Vec<Pair> {
    let of = |record: &Record| ngsi::entities(record, &settings.origin());
    let old: Vec<Entity> = old.map(of).unwrap_or_default();
    let mut old: BTreeMap<String, Entity> = old.into_iter().map(|e| (e.id.clone(), e)).collect();
    let mut seen = HashSet::new();
    let mut out: Vec<Pair> = Vec::new();
    for entity in of(new) {
        if seen.insert(entity.id.clone()) {
            out.push((old.remove(&entity.id), Some(entity)));
        }
    }
    out.extend(old.into_values().map(|e| (Some(e), None)));
    let kind = |(old, new): &Pair| new.as_ref().or(old.as_ref()).map(|e| e.kind);
    out.sort_by_key(kind);
    out
}

/// What is known of an entity that was purged.
fn bare(id: String) -> Entity {
    Entity {
        kind: Kind::of_id(&id),
        attributes: Vec::new(),
        created: 0,
        modified: 0,
        id,
    }
}

/// What a change says to whom.
fn raised(board: &Board, pairs: &[Pair], change: &Record, entities: &Entities) -> Vec<Notice> {
    let mut notices: BTreeMap<usize, Notice> = BTreeMap::new();
    let url = &entities.settings().public_url;
    // What went with this change is told by its name still.
    let gone = pairs.iter().filter(|(_, new)| new.is_none());
    let gone = gone.filter_map(|(old, _)| match old.as_ref()?.get("rdfResource")? {
        Content::Values { values, .. } => match values.first()? {
            Scalar::Text(iri) => Some((ngsi::canonical(iri, url), old.as_ref()?.id.clone())),
            _ => None,
        },
        _ => None,
    });
    let gone: HashMap<String, String> = gone.collect();
    let names = |iri: &str| entities.id_of(iri).or_else(|| gone.get(iri).cloned());
    for (old, new) in pairs {
        let Some(entity) = new.as_ref().or(old.as_ref()) else {
            continue;
        };
        let step = Step::between(old.as_ref(), new.as_ref(), change.modified);
        let named = board.of_entity.get(&entity.id).into_iter().flatten();
        for to in named.chain(&board.of_kind[entity.kind as usize]) {
            let known = &board.all[*to];
            let counts = change.seq > known.since && known.asks.is_running(change.modified);
            if !counts || !known.asks.wants(&step) {
                continue;
            }
            let notice = notices.entry(*to).or_insert_with(|| Notice {
                to: *to,
                seq: change.seq,
                at: change.modified,
                data: Vec::new(),
                join: Vec::new(),
            });
            notice.data.push(known.asks.told(&step, &names, url));
            if known.asks.join.is_some() {
                notice.join.push(entity.clone());
            }
        }
    }
    notices.into_values().collect()
}

/// Later words about an entity stand in the place of earlier ones.
fn fold(data: &mut Vec<Json>, later: Vec<Json>) {
    for item in later {
        let id = item.get("id").filter(|id| id.is_string()).cloned();
        let same = data
            .iter()
            .position(|d| id.is_some() && d.get("id") == id.as_ref());
        match same {
            Some(at) => data[at] = item,
            None => data.push(item),
        }
    }
}

/// The id of a notification, the same whenever it is sent.
fn identify(subscription: &str, seq: i64, number: i64) -> String {
    let said = hash(&format!("{subscription} {seq} {number} {}", now()));
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, said.as_bytes());
    format!("urn:ngsi-ld:Notification:{id}")
}
