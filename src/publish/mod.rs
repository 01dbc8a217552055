//! Feeds context brokers: each target follows the ledger from a cursor of its own that outlives the process.
//!
//! Entities are sent whole, by batches of upserts and deletes (ETSI GS CIM 009, clauses 5.6.8 and 5.6.10), so
//! a batch that is sent twice does no harm: the cursor moves when all before it was taken, or lies in the
//! list of what was not. At the first time, and when settings change, all is compared with what the
//! target holds instead.
mod answer;
mod doctor;
mod register;
mod target;

pub use answer::{Action, Answer, Refusal, Verdict, read};
pub use doctor::{Finding, examine};
pub use register::{Registration, register};
pub use target::Target;

use crate::catalogue::{Catalogue, now};
use crate::error::{Error, Kind as Fault, Result};
use crate::mapping::ngsi::form::Form;
use crate::mapping::ngsi::profile::{Model, Profile};
use crate::mapping::ngsi::{self, Content, Entity, KINDS, Kind, Origin, Scalar, context, idra};
use crate::record::{Record, hash};
use crate::store::entities::{Entities, Settings};
use crate::store::targets::{Progress, Undelivered};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use target::Line;

/// Records that are looked at in one go, and how often a target looks whether there are some.
const WINDOW: i64 = 100;
const LOOK: Duration = Duration::from_millis(500);

/// Records that a comparison reads in one go.
const LOAD: i64 = 500;

/// The first and the longest pause after a target failed, and failures before a batch is taken apart.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
const PATIENCE: u32 = 3;

/// An entity that failed for a moment is tried again after this time, then twice as long, and so on.
const AGAIN: i64 = 60_000_000;
const RARELY: i64 = 6 * 3_600_000_000;

/// The size below which a body is never split for its size.
const SMALLEST: usize = 4 << 10;

/// What is to be done with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// Follow to the ledger's end.
    Once,
    /// Compare all, send what differs, delete what is too much.
    Reconcile,
    /// Compare all and say what would be done.
    DryRun,
    /// Try again what was not taken.
    Retry,
}

/// What was done, or would be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    pub sent: usize,
    pub deleted: usize,
    /// Compared and found as they should be.
    pub same: usize,
    /// Not taken, by now; each is listed.
    pub refused: usize,
    /// Some ids of what would be sent and deleted.
    pub examples: Vec<String>,
}

/// Why a target does not follow, and how long it wants to be left alone.
#[derive(Clone, Debug)]
struct Stop {
    why: String,
    after: Option<Duration>,
}

/// An error of ours, or a stop of the target's.
enum Trouble {
    Ours(Error),
    Theirs(Stop),
}

impl From<Error> for Trouble {
    fn from(e: Error) -> Self {
        Self::Ours(e)
    }
}

fn theirs(why: impl Into<String>) -> Trouble {
    let why = why.into();
    Trouble::Theirs(Stop { why, after: None })
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Ours(e) => e,
            Trouble::Theirs(stop) => Error::new(Fault::Unreachable, stop.why),
        }
    }
}

type Way<T> = std::result::Result<T, Trouble>;

/// An entity on its way: its document, or none where it is to be deleted.
struct Item {
    id: String,
    kind: Kind,
    record: i64,
    hash: String,
    document: Option<String>,
}

/// Follows the ledger for a target until the process ends.
pub async fn follow(catalogue: Arc<Catalogue>, target: Target) {
    let mut failures = 0;
    loop {
        let turn = catalogue.publishing(&target.name);
        let held = turn.lock().await;
        let done = match Follower::of(&catalogue, &target).await {
            Ok(mut follower) => {
                follower.failures = failures;
                let done = follower.catch_up().await;
                follower.close(done).await
            }
            Err(e) => Err(Trouble::Ours(e)),
        };
        drop(held);
        let pause = match done {
            Ok(()) => {
                failures = 0;
                LOOK
            }
            Err(trouble) => {
                failures += 1;
                let asked = match &trouble {
                    Trouble::Theirs(stop) => stop.after,
                    Trouble::Ours(_) => None,
                };
                let e = Error::from(trouble);
                tracing::warn!(target = target.name, error = %e, failures, "a target does not follow");
                let doubled = FIRST.saturating_mul(1 << failures.min(16)).min(LONGEST);
                // Jitter, so that many catalogues do not come back at the same moment.
                let jitter = 0.5 + rand::random::<f64>() / 2.0;
                asked.unwrap_or(doubled.mul_f64(jitter)).min(LONGEST)
            }
        };
        tokio::time::sleep(pause).await;
        // A target that is up to date waits for the next change.
        while failures == 0 && !is_behind(&catalogue, &target).await {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Whether the ledger went on, or something is to be tried again.
async fn is_behind(catalogue: &Catalogue, target: &Target) -> bool {
    let ledger = &catalogue.ledger;
    let Ok(progress) = ledger.progress(&target.name).await else {
        return true;
    };
    let due = ledger.due(&target.name, now(), 1).await;
    progress.cursor < catalogue.extent().seq || due.is_ok_and(|d| !d.is_empty())
}

/// Does what is wished with a target, once.
///
/// # Errors
/// A setting is wrong; the target does not answer; the ledger fails.
pub async fn once(catalogue: &Catalogue, target: &Target, wish: Wish) -> Result<Report> {
    let turn = catalogue.publishing(&target.name);
    let _held = turn.lock().await;
    let mut follower = Follower::of(catalogue, target).await?;
    // Nobody waits for a command that waits: a batch is taken apart at once.
    follower.failures = PATIENCE;
    let done = match wish {
        Wish::Once => follower.catch_up().await,
        Wish::Reconcile => follower.reconcile(false).await,
        Wish::DryRun => {
            follower.reconcile(true).await.map_err(Error::from)?;
            return Ok(follower.report);
        }
        Wish::Retry => {
            let ledger = &catalogue.ledger;
            {
                let _turn = catalogue.turn().await;
                ledger.retry_undelivered(&target.name).await?;
            }
            follower.retry().await
        }
    };
    let mut report = std::mem::take(&mut follower.report);
    follower.close(done).await.map_err(Error::from)?;
    let waiting = catalogue.ledger.undelivered_count(&target.name).await?;
    report.refused = usize::try_from(waiting).unwrap_or_default();
    Ok(report)
}

/// Waits until it is known which entities there are.
async fn entities(catalogue: &Catalogue) -> tokio::sync::RwLockReadGuard<'_, Option<Entities>> {
    loop {
        let held = catalogue.entities.read().await;
        if held.is_some() {
            return held;
        }
        drop(held);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

struct Follower<'c> {
    catalogue: &'c Catalogue,
    line: Line,
    profile: Profile,
    form: Form,
    /// As the index of entities has it, and with the target's prefix.
    known: Settings,
    prefix: String,
    progress: Progress,
    report: Report,
    /// How often the target failed in a row, before this.
    failures: u32,
    /// Entities and bytes of a batch, for now.
    most: usize,
    bytes: usize,
    began: Instant,
}

impl<'c> Follower<'c> {
    async fn of(catalogue: &'c Catalogue, target: &Target) -> Result<Self> {
        let profile = target.profile()?;
        let known = match entities(catalogue).await.as_ref() {
            Some(entities) => entities.settings().clone(),
            None => return Err(Error::internal("the entities are gone")),
        };
        let prefix = match target.prefix.as_str() {
            "" => known.prefix.clone(),
            own => own.to_owned(),
        };
        Ok(Self {
            line: Line::new(target, &catalogue.public_url)?,
            form: profile.form(),
            most: profile.batch,
            bytes: profile.kilobytes * 1_000,
            progress: catalogue.ledger.progress(&target.name).await?,
            report: Report::default(),
            failures: 0,
            began: Instant::now(),
            catalogue,
            profile,
            known,
            prefix,
        })
    }

    fn target(&self) -> &Target {
        &self.line.target
    }

    /// The entities of a version of a record, under the ids that they have there.
    fn of_record(&self, record: &Record) -> Vec<Entity> {
        self.wanted(ngsi::entities(record, &self.origin()))
    }

    /// Those of the catalogue itself.
    fn own(&self, issued: i64, modified: i64) -> Vec<Entity> {
        let about = &self.catalogue.about;
        self.wanted(ngsi::catalogue(about, issued, modified, &self.origin()))
    }

    fn wanted(&self, mut entities: Vec<Entity>) -> Vec<Entity> {
        if self.profile.model == Model::Idra {
            entities.retain_mut(|e| idra::id(&e.id).map(|id| e.id = id).is_some());
        }
        entities
    }

    /// The id that an entity of ours has there.
    fn theirs(&self, id: &str) -> Option<String> {
        let id = renamed(id, &self.known.prefix, &self.prefix);
        match self.profile.model {
            Model::DcatAp => Some(id),
            Model::Idra => idra::id(&id),
        }
    }

    /// What we call the entity that has such an id there.
    fn ours(&self, id: &str) -> Option<String> {
        let id = match self.profile.model {
            Model::DcatAp => id.to_owned(),
            Model::Idra => idra::ours(id)?,
        };
        Some(renamed(&id, &self.prefix, &self.known.prefix))
    }

    fn origin(&self) -> Origin<'_> {
        Origin {
            prefix: &self.prefix,
            ..self.known.origin()
        }
    }

    /// What, when it is another, gives entities other documents or other ids.
    fn spoken(&self) -> String {
        let Target {
            kind,
            url,
            tenant,
            types,
            ..
        } = self.target();
        let Profile {
            languages, model, ..
        } = self.profile;
        hash(&format!(
            "{kind} {url} {tenant} {types:?} {languages:?} {model:?} {} {} {}",
            self.prefix,
            self.known.public_url,
            context::file()
        ))
    }

    /// Keeps where the target stands, also when it stopped.
    async fn close(mut self, done: Way<()>) -> Way<()> {
        let moved = self.report.sent + self.report.deleted;
        let took = self.began.elapsed().as_secs_f64();
        if moved > 0 {
            self.progress.rate = moved as f64 / took.max(0.001);
        }
        let error = match &done {
            Ok(()) => String::new(),
            Err(Trouble::Theirs(stop)) => stop.why.clone(),
            Err(Trouble::Ours(e)) => e.message.clone(),
        };
        if done.is_ok() {
            self.progress.at = now();
        }
        if moved > 0 || error != self.progress.error || done.is_ok() {
            self.progress.error = error;
            self.keep().await?;
        }
        done
    }

    async fn keep(&self) -> Result<()> {
        let _turn = self.catalogue.turn().await;
        let name = &self.target().name;
        self.catalogue
            .ledger
            .set_progress(name, &self.progress)
            .await
    }

    /// Sends what the ledger holds beyond the cursor, then what is to be tried again.
    async fn catch_up(&mut self) -> Way<()> {
        if self.progress.spoken != self.spoken() {
            self.reconcile(false).await?;
        }
        let mut erased = false;
        loop {
            let end = self.catalogue.ledger.extent().await?.seq;
            let records = self
                .catalogue
                .ledger
                .moved_since(self.progress.cursor, WINDOW)
                .await?;
            let Some(last) = records.last().map(|r| r.seq) else {
                self.progress.cursor = self.progress.cursor.max(end);
                break;
            };
            let (mut wanted, mut gone) = (BTreeMap::new(), HashSet::new());
            for record in &records {
                let versions = self
                    .catalogue
                    .ledger
                    .versions_from(record, self.progress.base)
                    .await?;
                let mut hashes: HashMap<String, HashSet<String>> = HashMap::new();
                for version in &versions {
                    // What was erased does not tell which entities it was.
                    erased |= version.content.is_empty();
                    for entity in self.of_record(version) {
                        hashes
                            .entry(entity.id.clone())
                            .or_default()
                            .insert(digest(&entity));
                    }
                }
                let now = self.of_record(record);
                // A target has what was the same in every version since it had all.
                let base = versions.first().filter(|v| v.seq <= self.progress.base);
                let before: HashSet<String> = base
                    .map(|v| self.of_record(v).into_iter().map(|e| e.id).collect())
                    .unwrap_or_default();
                for entity in now {
                    let known = hashes.remove(&entity.id).unwrap_or_default();
                    let same = before.contains(&entity.id) && known.len() == 1;
                    gone.remove(&entity.id);
                    if !same && self.target().wants(entity.kind) {
                        wanted.insert(entity.id.clone(), (record.id, entity));
                    }
                }
                gone.extend(hashes.into_keys().filter(|id| !wanted.contains_key(id)));
            }
            let mut items = self.written(wanted.into_values()).await;
            items.extend(self.unwanted(gone).await);
            self.deliver(items).await?;
            self.progress.cursor = last;
            self.keep().await?;
        }
        if erased {
            return self.reconcile(false).await;
        }
        let extent = self.catalogue.extent();
        if self.progress.base < self.progress.cursor {
            // The catalogue itself tells when it changed last.
            let own = self.own(extent.issued, extent.modified);
            let own = own.into_iter().filter(|e| self.target().wants(e.kind));
            let own: Vec<(i64, Entity)> = own.map(|e| (0, e)).collect();
            let items = self.written(own).await;
            self.deliver(items).await?;
            self.progress.base = self.progress.cursor;
        }
        self.retry().await
    }

    /// Entities as the target wants them.
    async fn written(&self, entities: impl IntoIterator<Item = (i64, Entity)>) -> Vec<Item> {
        let index = self::entities(self.catalogue).await;
        let id_of = |iri: &str| {
            let id = index.as_ref()?.id_of(iri)?;
            self.theirs(&id)
        };
        let write = |(record, entity): (i64, Entity)| {
            let document = match self.profile.model {
                Model::DcatAp => self.form.entity(&entity, &id_of, &self.known.public_url),
                Model::Idra => idra::entity(&entity, &id_of),
            };
            Item {
                hash: digest(&entity),
                document: serde_json::to_string(&document).ok(),
                id: entity.id,
                kind: entity.kind,
                record,
            }
        };
        let mut items: Vec<Item> = entities.into_iter().map(write).collect();
        // Who is woken by a Dataset finds its Distributions.
        items.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
        items
    }

    /// Of ids that a record no longer has, those that none has.
    async fn unwanted(&self, ids: HashSet<String>) -> Vec<Item> {
        let index = self::entities(self.catalogue).await;
        let still = |id: &String| {
            let (Some(id), Some(index)) = (self.ours(id), index.as_ref()) else {
                return false;
            };
            index.record_of(&id).is_some()
        };
        let mut gone: Vec<Item> = ids
            .into_iter()
            .filter(|id| !still(id))
            .map(deletion)
            .collect();
        gone.sort_by(|a, b| (b.kind, &b.id).cmp(&(a.kind, &a.id)));
        gone
    }

    /// Tries again what is due.
    async fn retry(&mut self) -> Way<()> {
        let name = self.target().name.clone();
        let until = now();
        loop {
            let due = self.catalogue.ledger.due(&name, until, WINDOW).await?;
            if due.is_empty() {
                return Ok(());
            }
            let (mut wanted, mut gone) = (Vec::new(), HashSet::new());
            for waiting in due {
                let record = self.catalogue.ledger.by_ids(&[waiting.record]).await?.pop();
                let entities = match &record {
                    Some(record) => self.of_record(record),
                    None => {
                        let extent = self.catalogue.extent();
                        self.own(extent.issued, extent.modified)
                    }
                };
                match entities.into_iter().find(|e| e.id == waiting.entity) {
                    Some(entity) => wanted.push((waiting.record, entity)),
                    None => {
                        gone.insert(waiting.entity);
                    }
                }
            }
            let mut items = self.written(wanted).await;
            items.extend(gone.into_iter().map(deletion));
            self.deliver(items).await?;
        }
    }

    /// Sends upserts and deletes by batches, until each was taken or is listed.
    async fn deliver(&mut self, items: Vec<Item>) -> Way<()> {
        for action in [Action::Upsert, Action::Delete] {
            let mut waiting: VecDeque<&Item> = items
                .iter()
                .filter(|i| i.document.is_some() == (action == Action::Upsert))
                .collect();
            while !waiting.is_empty() {
                let mut batch = Vec::new();
                let mut size = 0;
                while let Some(item) = waiting.front() {
                    size += item
                        .document
                        .as_ref()
                        .map_or(item.id.len() + 3, |d| d.len() + 1);
                    if !batch.is_empty() && (batch.len() == self.most || size > self.bytes) {
                        break;
                    }
                    batch.extend(waiting.pop_front());
                }
                self.batch(action, batch).await?;
            }
        }
        Ok(())
    }

    async fn batch(&mut self, action: Action, items: Vec<&Item>) -> Way<()> {
        let mut parts = vec![items];
        while let Some(part) = parts.pop() {
            let (path, body) = match action {
                Action::Upsert => {
                    let all: Vec<&str> =
                        part.iter().filter_map(|i| i.document.as_deref()).collect();
                    ("entityOperations/upsert", format!("[{}]", all.join(",")))
                }
                Action::Delete => {
                    let all: Vec<&str> = part.iter().map(|i| i.id.as_str()).collect();
                    let body = serde_json::to_string(&all).map_err(Error::internal)?;
                    ("entityOperations/delete", body)
                }
            };
            let size = body.len();
            let said = self.line.ask(Method::POST, path, Some(body)).await;
            let ids: Vec<&str> = part.iter().map(|i| i.id.as_str()).collect();
            let answer = match said {
                Ok(said) => read(action, said.status, said.after, &said.body, &ids),
                Err(why) => Answer::Later(
                    Refusal {
                        status: 0,
                        kind: String::new(),
                        why,
                    },
                    None,
                ),
            };
            match answer {
                Answer::Each(verdicts) => {
                    self.settle(action, &part, verdicts).await?;
                    self.most = (self.most + 1 + self.most / 10).min(self.profile.batch);
                    self.bytes = (self.bytes + self.bytes / 10).min(self.profile.kilobytes * 1_000);
                }
                Answer::Setting(r) => return Err(theirs(format!("{} ({})", r.why, r.status))),
                Answer::Halve(refusal) if part.len() > 1 => {
                    if refusal.status == 413 {
                        self.bytes = (size / 2).max(SMALLEST);
                    }
                    parts.extend(halves(part));
                }
                Answer::Halve(refusal) => {
                    self.settle(action, &part, vec![Verdict::Refused(refusal)])
                        .await?;
                }
                Answer::Later(r, after) => {
                    let stop = Stop {
                        why: match r.status {
                            0 => r.why.clone(),
                            status => format!("{} ({status})", r.why),
                        },
                        after: after.map(Duration::from_secs),
                    };
                    // Is it ill, or is it one entity that makes it so?
                    if self.failures < PATIENCE || after.is_some() || !self.answers().await {
                        return Err(Trouble::Theirs(stop));
                    }
                    match part.len() {
                        1 => {
                            self.settle(action, &part, vec![Verdict::Refused(r)])
                                .await?
                        }
                        _ => parts.extend(halves(part)),
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the target answers a question.
    async fn answers(&mut self) -> bool {
        let path = "entities?type=Catalogue&limit=1";
        let said = self.line.ask(Method::GET, path, None).await;
        said.is_ok_and(|s| s.status < 500)
    }

    /// Keeps what became of each.
    async fn settle(&mut self, action: Action, items: &[&Item], verdicts: Vec<Verdict>) -> Way<()> {
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for (item, verdict) in items.iter().zip(verdicts) {
            match verdict {
                Verdict::Done => taken.push(item.id.clone()),
                Verdict::Refused(r) => refused.push((item, r)),
                Verdict::Unknown => {
                    let found = self.held(&item.id).await?;
                    let right = match action {
                        Action::Upsert => found.as_deref() == Some(item.hash.as_str()),
                        Action::Delete => found.is_none(),
                    };
                    match right {
                        true => taken.push(item.id.clone()),
                        false => {
                            let why = "its answer does not say what became of it".to_owned();
                            refused.push((
                                item,
                                Refusal {
                                    status: 500,
                                    kind: String::new(),
                                    why,
                                },
                            ));
                        }
                    }
                }
            }
        }
        let count = taken.len();
        match action {
            Action::Upsert => {
                self.report.sent += count;
                self.progress.sent += i64::try_from(count).unwrap_or_default();
            }
            Action::Delete => {
                self.report.deleted += count;
                self.progress.deleted += i64::try_from(count).unwrap_or_default();
            }
        }
        if refused.is_empty()
            && self
                .catalogue
                .ledger
                .undelivered_count(&self.target().name)
                .await?
                == 0
        {
            return Ok(());
        }
        let name = self.target().name.clone();
        let ledger = &self.catalogue.ledger;
        let _turn = self.catalogue.turn().await;
        ledger.delivered(&name, &taken).await?;
        for (item, r) in refused {
            tracing::warn!(
                target = name,
                entity = item.id,
                status = r.status,
                why = r.why,
                "an entity was not taken"
            );
            let before = ledger.undelivered_entity(&name, &item.id).await?;
            let tries = before.map_or(0, |u| u.tries) + 1;
            // What it says of an entity does not change by asking again; a failure may pass.
            let passes = r.status >= 500 || r.status == 0;
            let wait = AGAIN.saturating_mul(1 << tries.clamp(1, 20)).min(RARELY);
            let undelivered = Undelivered {
                entity: item.id.clone(),
                record: item.record,
                status: i64::from(r.status),
                why: r.why,
                tries,
                at: now(),
                next: passes.then(|| now() + wait),
            };
            ledger.put_undelivered(&name, &undelivered).await?;
        }
        Ok(())
    }

    /// The hash of an entity that the target holds.
    async fn held(&mut self, id: &str) -> Way<Option<String>> {
        let path = format!("entities/{id}?attrs=contentHash&options=keyValues");
        let said = self
            .line
            .ask(Method::GET, &path, None)
            .await
            .map_err(theirs)?;
        match said.status {
            404 => Ok(None),
            _ if said.is_good() => Ok(Some(held_hash(&said.json()).unwrap_or_default())),
            _ => Err(theirs(format!("{} ({})", said.refusal().why, said.status))),
        }
    }

    /// All ids of ours that the target holds, each with its hash.
    async fn inventory(&mut self) -> Way<HashMap<String, String>> {
        let mut all = HashMap::new();
        let page = self.profile.page;
        let types: Vec<&str> = match self.profile.model {
            Model::DcatAp => KINDS.iter().map(|k| k.1).collect(),
            Model::Idra => idra::TYPES.iter().map(|t| t.1).collect(),
        };
        for kind in types {
            let query = format!("managedBy==\"{}\"", self.known.instance);
            let query =
                percent_encoding::utf8_percent_encode(&query, percent_encoding::NON_ALPHANUMERIC)
                    .to_string();
            let mut offset = 0;
            loop {
                let path = format!(
                    "entities?type={kind}&q={query}&attrs=contentHash,managedBy&options=keyValues&limit={page}&offset={offset}"
                );
                let said = self
                    .line
                    .ask(Method::GET, &path, None)
                    .await
                    .map_err(theirs)?;
                // A tenant that nothing was written to is not there yet.
                if said.status == 404 {
                    break;
                }
                let json = said.json();
                let Some(entities) = json.as_array().filter(|_| said.is_good()) else {
                    return Err(theirs(format!("{} ({})", said.refusal().why, said.status)));
                };
                for entity in entities {
                    let id = entity
                        .get("id")
                        .and_then(|i| i.as_str())
                        .unwrap_or_default();
                    // Another catalogue's, or of another prefix of ours, is left alone.
                    let local = self.ours(id);
                    let local = local.as_deref().and_then(local_part);
                    if local.is_some_and(|l| begins(l, &self.known.prefix)) {
                        all.insert(id.to_owned(), held_hash(entity).unwrap_or_default());
                    }
                }
                if entities.len() < page {
                    break;
                }
                offset += page;
            }
        }
        Ok(all)
    }

    /// Compares all with what the target holds, and makes it right unless it is a dry run.
    async fn reconcile(&mut self, dry: bool) -> Way<()> {
        let start = self.catalogue.ledger.extent().await?;
        if !dry {
            // What is refused now is found again.
            let _turn = self.catalogue.turn().await;
            let name = &self.line.target.name;
            self.catalogue.ledger.forget_undelivered(name).await?;
        }
        let mut there = self.inventory().await?;
        let mut seen: HashSet<String> = HashSet::new();
        let own = self.own(start.issued, start.modified);
        let mut entities: Vec<(i64, Entity)> = own.into_iter().map(|e| (0, e)).collect();
        let mut after = 0;
        loop {
            let mut wanted = BTreeMap::new();
            for (record, entity) in entities.drain(..) {
                if !self.target().wants(entity.kind) {
                    continue;
                }
                let right = there.get(&entity.id).is_some_and(|h| *h == digest(&entity));
                if right || seen.contains(&entity.id) {
                    self.report.same += usize::from(seen.insert(entity.id));
                } else {
                    seen.insert(entity.id.clone());
                    wanted.insert(entity.id.clone(), (record, entity));
                }
            }
            if dry {
                self.report.sent += wanted.len();
                let room = 20_usize.saturating_sub(self.report.examples.len());
                let some = wanted.into_keys().take(room).map(|id| format!("send {id}"));
                self.report.examples.extend(some);
            } else {
                let items = self.written(wanted.into_values()).await;
                self.deliver(items).await?;
            }
            if after >= start.last {
                break;
            }
            let records = self
                .catalogue
                .ledger
                .shown_between(after, after + LOAD)
                .await?;
            after += LOAD;
            for record in records {
                let of = self.of_record(&record);
                entities.extend(of.into_iter().map(|e| (record.id, e)));
            }
        }
        there.retain(|id, _| !seen.contains(id));
        let gone: Vec<Item> = there.into_keys().map(deletion).collect();
        if dry {
            self.report.deleted = gone.len();
            let some = gone.iter().take(20).map(|i| format!("delete {}", i.id));
            self.report.examples.extend(some);
            return Ok(());
        }
        self.deliver(gone).await?;
        // What changed meanwhile comes next.
        self.progress.spoken = self.spoken();
        self.progress.base = start.seq;
        self.progress.cursor = start.seq;
        self.keep().await?;
        Ok(())
    }
}

fn halves<T>(mut items: Vec<T>) -> [Vec<T>; 2] {
    let second = items.split_off(items.len() / 2);
    // The last part is taken first.
    [second, items]
}

fn deletion(id: String) -> Item {
    Item {
        kind: Kind::of_id(&id),
        record: 0,
        hash: String::new(),
        document: None,
        id,
    }
}

/// The hash of what an entity says, as the attribute `contentHash` has it.
fn digest(entity: &Entity) -> String {
    match entity.get("contentHash") {
        Some(Content::Values { values, .. }) => match values.first() {
            Some(Scalar::Text(text)) => text.clone(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// The same of what a target holds, whatever form it answers in.
fn held_hash(entity: &serde_json::Value) -> Option<String> {
    let short = entity.get("contentHash");
    let said = short.or_else(|| entity.get(context::iri("contentHash")))?;
    let said = said.get("value").unwrap_or(said);
    said.as_str().map(str::to_owned)
}

/// What follows the type in an id of ours.
fn local_part(id: &str) -> Option<&str> {
    id.strip_prefix("urn:ngsi-ld:")?
        .split_once(':')
        .map(|i| i.1)
}

fn begins(local: &str, prefix: &str) -> bool {
    let rest = local.strip_prefix(prefix);
    rest.is_some_and(|r| r.is_empty() || r.starts_with('.'))
}

/// An id with another prefix.
fn renamed(id: &str, from: &str, to: &str) -> String {
    match local_part(id).filter(|l| from != to && begins(l, from)) {
        Some(found) => {
            let (start, rest) = (id.len() - found.len(), &found[from.len()..]);
            format!("{}{to}{rest}", &id[..start])
        }
        None => id.to_owned(),
    }
}
