//! The one write door: decides what a draft changes, appends to the ledger, applies the graph,
//! and only then answers.
use crate::error::{Error, Kind, Result};
use crate::mapping::dcat::{self, About};
use crate::mapping::{ngsi, sheet, syntax};
use crate::notify::Desk;
use crate::publish::Target;
use crate::record::audience as claims;
use crate::record::matching::{self, Rules, Wrong};
use crate::record::shacl::{self, Candidate, Severity};
use crate::record::statement::{Statement, iri, literal, statements};
use crate::record::vocab::{self, BASE};
use crate::record::{
    Draft, Finding, Outcome, PUBLIC, Record, Role, Says, State, Step, hash, sorted, triples,
};
use crate::store::contexts::Hosted;
use crate::store::entities::{self, Entities};
use crate::store::graph::{self, Graph};
use crate::store::ledger::{self, Extent, Ledger, Origin, SHOWN, Suggestion};
use crate::store::links::Answer;
use crate::store::rules::Kept;
use crate::store::search::Search;
use crate::store::subscriptions;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::RwLock as Latch;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, Notify, RwLock};

pub struct Catalogue {
    pub ledger: Ledger,
    /// `None` until the graph has caught up with the ledger.
    pub graph: RwLock<Option<Graph>>,
    /// `None` until the search index has caught up with the ledger.
    pub search: RwLock<Option<Search>>,
    /// `None` until the NGSI-LD entities have caught up with the ledger.
    pub entities: RwLock<Option<Entities>>,
    /// Told when the ledger is beyond the search index.
    unsearched: Notify,
    /// Held while changes are numbered: there is one writer.
    writer: Mutex<()>,
    /// Ends in a slash.
    pub public_url: String,
    pub about: About,
    /// Where projections are kept as files.
    pub dir: PathBuf,
    /// Held while such a file is made.
    pub documents: Mutex<()>,
    /// Held while addresses are asked.
    pub checking: Mutex<()>,
    /// The context brokers that are fed.
    pub targets: Vec<Target>,
    /// Where feeds are subscribed to, where that can be.
    pub hub: Option<String>,
    /// For each target of the publisher, the turn to speak to it.
    publishing: std::sync::Mutex<HashMap<String, Arc<Mutex<()>>>>,
    /// Tells who matches subscriptions that there is something to do.
    pub desk: Desk,
    extent: Latch<Extent>,
    /// The rules of matching, once they were asked for.
    rules: RwLock<Option<Arc<Standing>>>,
    /// Told when a fresh graph may be much smaller than the one that answers.
    worn: Notify,
    /// Removed triples from which on a graph may be called worn.
    pub worn_from: usize,
    /// Held while a graph is built, which takes its memory: one at a time.
    building: Mutex<()>,
    /// Records purged so far.
    purged: AtomicI64,
    /// Records that a graph under construction holds.
    loaded: AtomicI64,
}

/// The rules of matching that stand.
#[derive(Debug)]
pub struct Standing {
    pub rules: Rules,
    /// As they were written.
    pub text: String,
    /// They are the installation's own.
    pub own: bool,
    /// Number of the change that brought them; 0 where there was none.
    pub change: i64,
    /// Why the installation's own do not stand: they were written for another version of this program.
    pub unfit: Option<String>,
}

impl Standing {
    fn of(kept: Option<Kept>) -> Result<Self> {
        let change = kept.as_ref().map_or(0, |k| k.id);
        let own = kept.map(|k| k.content).filter(|c| !c.is_empty());
        let mut unfit = None;
        if let Some(text) = own {
            match Rules::read(&text) {
                Ok(rules) => {
                    return Ok(Self {
                        rules,
                        text,
                        own: true,
                        change,
                        unfit: None,
                    });
                }
                Err(wrong) => {
                    let why = wrong.first().map_or(String::new(), ToString::to_string);
                    tracing::error!(
                        why,
                        "the rules of matching cannot be read; the bundled ones stand"
                    );
                    unfit = Some(why);
                }
            }
        }
        let wrong = |w: Vec<Wrong>| Error::internal(format!("the bundled rules: {w:?}"));
        Ok(Self {
            rules: Rules::read(matching::BUNDLED).map_err(wrong)?,
            text: matching::BUNDLED.to_owned(),
            own: false,
            change,
            unfit,
        })
    }
}

/// How an import decides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    pub source: String,
    pub author: String,
    /// Stands in the ledger beside the author; that it was an import, where it is empty.
    #[serde(default)]
    pub reason: String,
    /// The state that new records get.
    pub state: State,
    pub dry_run: bool,
    /// Withdraw what the source no longer names, at most a tenth unless `force`.
    pub prune: bool,
    pub force: bool,
}

/// What an import did, or would do.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub unchanged: usize,
    /// Kept for a moderator: the record stands as it was, or is not public yet.
    pub queued: Vec<String>,
    pub withdrawn: Vec<String>,
    /// Named by an earlier import of this source and not by this one.
    pub missing: Vec<String>,
    pub findings: Vec<Finding>,
}

/// Drafts that share one synced transaction.
pub const BATCH: usize = 100;

/// Longest record, in bytes of its canonical form.
const RECORD_SIZE: usize = 1 << 20;

/// Records that the graph takes in at a time while it is built.
const LOAD: i64 = 1_000;

impl Catalogue {
    /// Takes the ledger; the graph is there after [`Self::rebuild`].
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn open(
        ledger: Ledger,
        dir: PathBuf,
        public_url: String,
        about: About,
    ) -> Result<Self> {
        let extent = ledger.extent().await?;
        Ok(Self {
            ledger,
            graph: RwLock::new(None),
            search: RwLock::new(None),
            entities: RwLock::new(None),
            unsearched: Notify::new(),
            writer: Mutex::new(()),
            public_url,
            about,
            dir,
            documents: Mutex::new(()),
            checking: Mutex::new(()),
            targets: Vec::new(),
            hub: None,
            publishing: std::sync::Mutex::default(),
            desk: Desk::default(),
            extent: Latch::new(extent),
            rules: RwLock::new(None),
            worn: Notify::new(),
            worn_from: graph::SMALL,
            building: Mutex::new(()),
            purged: AtomicI64::new(0),
            loaded: AtomicI64::new(0),
        })
    }

    /// How far the catalogue reaches now.
    pub fn extent(&self) -> Extent {
        *self.extent.read().expect("no writer panics")
    }

    /// How many records the graph under construction holds, of how many.
    pub fn progress(&self) -> (i64, i64) {
        (self.loaded.load(Ordering::Relaxed), self.extent().total)
    }

    /// An own IRI where readers find it; a foreign one as it is.
    pub fn address(&self, iri: &str) -> String {
        match iri.strip_prefix(BASE) {
            Some(rest) => format!("{}{rest}", self.public_url),
            None => iri.to_owned(),
        }
    }

    /// Makes the graph anew from the ledger, beside the one that answers meanwhile, and swaps.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn rebuild(&self) -> Result<()> {
        let _one = self.building.lock().await;
        // A graph that took in what was purged meanwhile cannot be told to let it go.
        while !self.build().await? {}
        Ok(())
    }

    /// False where a purge came between.
    async fn build(&self) -> Result<bool> {
        let purged = self.purged.load(Ordering::SeqCst);
        let mut graph = Graph::new(&self.about, &self.public_url)?;
        let start = self.ledger.extent().await?;
        let mut loaded = HashSet::new();
        let mut records = self.shown(0, start.seq).await?;
        for after in (LOAD..start.last + LOAD).step_by(LOAD as usize) {
            loaded.extend(records.iter().map(|(r, _)| r.id));
            // One processor loads while another reads what comes next.
            let load = off_the_runtime(move || {
                graph.load(&records)?;
                Ok(graph)
            });
            (graph, records) = tokio::try_join!(load, self.shown(after, start.seq))?;
            let count = i64::try_from(loaded.len()).unwrap_or(i64::MAX);
            self.loaded.store(count, Ordering::Relaxed);
        }
        let _turn = self.writer.lock().await;
        if self.purged.load(Ordering::SeqCst) != purged {
            return Ok(false);
        }
        let mut changes = self.ledger.changes_since(start.seq).await?;
        for (old, new) in &mut changes {
            if new.as_ref().is_some_and(|n| !loaded.contains(&n.id)) {
                *old = None;
            }
        }
        let extent = self.ledger.extent().await?;
        tokio::task::block_in_place(|| graph.change(&changes, extent.seq))?;
        let old = self.graph.write().await.replace(graph);
        *self.extent.write().expect("no writer panics") = extent;
        // Letting go of millions of triples takes a while, and nobody waits for it.
        drop(tokio::task::spawn_blocking(move || drop(old)));
        Ok(true)
    }

    /// The [`LOAD`] publication numbers above `after`: the records that are shown, each with what the
    /// graph holds because of it. What changed after `seq` is left out; it is taken up at the end.
    async fn shown(&self, after: i64, seq: i64) -> Result<Vec<(Record, String)>> {
        let mut records = self.ledger.shown_between(after, after + LOAD).await?;
        records.retain(|r| r.seq <= seq);
        let stated = move || {
            let stated = records.into_iter().map(|r| {
                let statements = graph::statements(&r);
                (r, statements)
            });
            Ok(stated.collect())
        };
        off_the_runtime(stated).await
    }

    /// Makes the graph, and a fresh one whenever it is worn, until the process ends.
    pub async fn tend(&self) {
        loop {
            if let Err(e) = self.rebuild().await {
                tracing::error!(error = %e, "the graph cannot be built");
            }
            loop {
                self.worn.notified().await;
                let graph = self.graph.read().await;
                if graph.as_ref().is_none_or(|g| g.is_worn(self.worn_from)) {
                    break;
                }
            }
        }
    }

    /// Makes the search index and keeps it with the ledger, until the process ends.
    pub async fn index(&self) {
        loop {
            if let Err(e) = self.search_on().await {
                tracing::error!(error = %e, "the search index does not follow the ledger");
                // What comes next is taken up by a fresh one.
                *self.search.write().await = None;
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
    }

    /// The turn to speak to a target of the publisher: two at once would undo each other's work.
    pub fn publishing(&self, target: &str) -> Arc<Mutex<()>> {
        let mut turns = self.publishing.lock().expect("no holder panics");
        turns.entry(target.to_owned()).or_default().clone()
    }

    /// The turn to write: what is written beside the write door waits for it, since SQLite would refuse
    /// a transaction that began before.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.writer.lock().await
    }

    /// The moment up to which all changes are there to be read: now, or that of the last change while more
    /// are being written.
    pub(crate) fn settled(&self) -> i64 {
        match self.writer.try_lock() {
            Ok(_turn) => now(),
            Err(_) => self.extent().modified,
        }
    }

    /// Makes the index of NGSI-LD entities; from then on the write door keeps it. Their ids begin with a
    /// prefix, by default of the installation.
    pub async fn present(&self, prefix: &str) {
        while let Err(e) = self.present_once(prefix).await {
            tracing::error!(error = %e, "the NGSI-LD entities cannot be made");
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }

    /// What NGSI-LD entities say of this installation.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub async fn presented(&self, prefix: &str) -> Result<entities::Settings> {
        let instance = self.ledger.meta("instance").await?.unwrap_or_default();
        let prefix = match prefix {
            "" => instance.chars().take(8).collect(),
            given => given.to_owned(),
        };
        Ok(entities::Settings {
            public_url: self.public_url.clone(),
            instance: format!("urn:ldt-catalogue:instance:{instance}"),
            prefix,
        })
    }

    async fn present_once(&self, prefix: &str) -> Result<()> {
        let settings = self.presented(prefix).await?;
        let mut entities = Entities::new(settings.clone());
        let start = self.ledger.extent().await?;
        entities.take_catalogue(&self.about, start.issued, start.modified)?;
        for after in (0..start.last).step_by(LOAD as usize) {
            let records = self.ledger.shown_between(after, after + LOAD).await?;
            let settings = settings.clone();
            let take = move || {
                let made = entities::made(&records, &settings);
                entities.take(&made).map(|()| entities)
            };
            entities = off_the_runtime(take).await?;
        }
        let _turn = self.writer.lock().await;
        entities.cursor = start.seq;
        let mut held = self.entities.write().await;
        *held = Some(entities);
        drop(held);
        self.present_changes().await
    }

    /// Takes up in the index of entities what the ledger holds beyond it. The writer's turn is held.
    async fn present_changes(&self) -> Result<()> {
        let known = |e: &Entities| (e.cursor, e.settings().clone());
        let known = self.entities.read().await.as_ref().map(known);
        let extent = self.ledger.extent().await?;
        let Some((cursor, settings)) = known.filter(|(cursor, _)| *cursor < extent.seq) else {
            return Ok(());
        };
        let changed = self.ledger.changed_since(cursor).await?;
        // Readers wait for no more than for what is moved in.
        let made = tokio::task::block_in_place(|| entities::made(&changed, &settings));
        if let Some(entities) = self.entities.write().await.as_mut() {
            tokio::task::block_in_place(|| {
                entities.take(&made)?;
                entities.take_catalogue(&self.about, extent.issued, extent.modified)
            })?;
            entities.cursor = extent.seq;
        }
        Ok(())
    }

    async fn search_on(&self) -> Result<()> {
        let mut search = Search::new()?;
        let start = self.ledger.extent().await?;
        for after in (0..start.last).step_by(LOAD as usize) {
            let records = self.ledger.shown_between(after, after + LOAD).await?;
            search = off_the_runtime(move || search.take(&records).map(|()| search)).await?;
        }
        search.commit(start.seq)?;
        *self.search.write().await = Some(search);
        loop {
            let cursor = match self.search.read().await.as_ref() {
                Some(search) => search.cursor,
                None => return Ok(()),
            };
            let extent = self.ledger.extent().await?;
            if extent.seq > cursor {
                let changed = self.ledger.changed_since(cursor).await?;
                let mut search = self.search.write().await;
                let Some(index) = search.as_mut() else {
                    return Ok(());
                };
                tokio::task::block_in_place(|| {
                    index.take(&changed)?;
                    index.commit(extent.seq)
                })?;
            }
            self.unsearched.notified().await;
            // One commit takes in what a stream of changes brings.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Takes up in the projections what the ledger holds beyond them. The writer's turn is held.
    async fn catch_up(&self) -> Result<()> {
        let mut known = self.graph.read().await.as_ref().map(|g| g.cursor);
        if known.is_none() {
            // The index may be busy with changes of before: no writer waits for it without need.
            known = self.search.read().await.as_ref().map(|s| s.cursor);
        }
        let changes = match known {
            Some(cursor) => self.ledger.changes_since(cursor).await?,
            None => Vec::new(),
        };
        self.apply(&changes).await
    }

    /// Takes up changes with which the projections are where the ledger is. The writer's turn is
    /// held.
    async fn apply(&self, changes: &[graph::Change]) -> Result<()> {
        let extent = self.ledger.extent().await?;
        let mut graph = self.graph.write().await;
        if let Some(graph) = graph.as_mut() {
            tokio::task::block_in_place(|| graph.change(changes, extent.seq))?;
        }
        // What is new is found a moment later; what is hidden is hidden now.
        let hidden: Vec<Record> = changes
            .iter()
            .filter_map(|(_, new)| new.clone().filter(|n| !n.is_shown()))
            .collect();
        if !hidden.is_empty()
            && let Some(search) = self.search.write().await.as_mut()
        {
            tokio::task::block_in_place(|| search.take(&hidden))?;
        }
        self.present_changes().await?;
        self.worn.notify_one();
        self.unsearched.notify_one();
        *self.extent.write().expect("no writer panics") = extent;
        self.desk.changed.notify_one();
        Ok(())
    }

    /// Begins to bring in what a source says. Others may write between its batches.
    pub fn import(&self, options: Options) -> Import<'_> {
        Import {
            catalogue: self,
            options,
            report: Report::default(),
            seen: HashSet::new(),
            taken: 0,
            unusable: 0,
        }
    }

    /// Takes a step of a record's life cycle. `into` names the record that stands for it from now.
    ///
    /// # Errors
    /// There is no such record, the step does not fit its state or the role, or it violates a
    /// mandatory rule and cannot be published.
    pub async fn decide(
        &self,
        slug: &str,
        step: Step,
        into: Option<&str>,
        by: Role,
        author: &str,
        reason: &str,
    ) -> Result<Record> {
        let _turn = self.writer.lock().await;
        let old = self.known(slug).await?;
        let state = old.state.after(step, by).map_err(Error::bad_input)?;
        if let Some(into) = into {
            let other = self.known(into).await?;
            if step != Step::Withdraw || !other.is_shown() || other.id == old.id {
                return Err(Error::bad_input(format!(
                    "a record is merged by withdrawing it into another published one, and {into} is {}",
                    if other.id == old.id {
                        "itself".into()
                    } else {
                        other.state.to_string()
                    }
                )));
            }
        }
        if state == State::Published {
            if old.is_purged() {
                return Err(Error::bad_input(format!(
                    "{slug} was purged: nothing is left of it"
                )));
            }
            let problems = self.violations(vec![old.clone()]).await?;
            if let Some(problem) = problems.into_iter().flatten().next() {
                return Err(Error::bad_input(format!(
                    "{slug} cannot be published: {problem}"
                )));
            }
        }
        let change = ledger::Change {
            state,
            content: old.content.clone(),
            author,
            reason,
            audience: None,
            merged_into: into.map(str::to_owned),
        };
        self.write(&old, change).await
    }

    /// Replaces a record's statements by hand. Imports leave it alone from then on. `version` is the hash
    /// of what the editor saw, where the editor says so.
    ///
    /// # Errors
    /// There is no such record, or the new version violates a mandatory rule.
    pub async fn edit(
        &self,
        draft: Draft,
        version: Option<&str>,
        author: &str,
        reason: &str,
    ) -> Result<Record> {
        let _turn = self.writer.lock().await;
        if let Some(version) = version
            && let Some(now) = self.ledger.by_iri(&draft.iri).await?
            && now.hash != version
        {
            let why = format!(
                "{} was changed meanwhile; its version is now {}",
                now.slug, now.hash
            );
            return Err(Error::new(Kind::Conflict, why));
        }
        self.replace(draft, author, reason, None).await
    }

    /// Keeps an edit, and with it settles the suggestion that it is. The writer's turn is held.
    async fn replace(
        &self,
        draft: Draft,
        author: &str,
        reason: &str,
        settles: Option<&Suggestion>,
    ) -> Result<Record> {
        let old = self.ledger.by_iri(&draft.iri).await?.ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!("no record has the IRI {}", self.address(&draft.iri)),
            )
        })?;
        if old.is_purged() {
            return Err(Error::bad_input(format!(
                "{} was purged: nothing about it is taken in again",
                old.slug
            )));
        }
        let content = dcat::strip_derived(&old.iri, &old.slug, &draft.content, Some(&old));
        fit(&content)?;
        let wanted = Record {
            content: content.clone(),
            ..old.clone()
        };
        if old.state == State::Published {
            let problems = self.violations(vec![wanted]).await?;
            if let Some(problem) = problems.into_iter().flatten().next() {
                return Err(Error::bad_input(format!("{}: {problem}", old.slug)));
            }
        }
        let change = ledger::Change {
            state: old.state,
            content,
            author,
            reason,
            audience: None,
            merged_into: old.merged_into.clone(),
        };
        let mut transaction = self.ledger.pool.begin().await?;
        let record = if hash(&change.content) == old.hash {
            old
        } else {
            ledger::append(&mut transaction, Some(&old), None, change, now()).await?
        };
        if let Some(suggestion) = settles {
            // The record is as its own source has it, so that imports go on from there.
            sqlx::query("UPDATE record SET said = $1 WHERE id = $2 AND source = $3")
                .bind(&record.hash)
                .bind(record.id)
                .bind(&suggestion.source)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("DELETE FROM suggestion WHERE id = $1")
                .bind(suggestion.id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        self.catch_up().await?;
        Ok(record)
    }

    /// Says who may read a record: everyone (`public`), or holders of claims, as [`claims::check`] has them.
    ///
    /// # Errors
    /// There is no such record, or the audience is not written so.
    pub async fn restrict(&self, slug: &str, audience: &str, author: &str) -> Result<Record> {
        let audience = match audience.trim() {
            everyone if everyone.eq_ignore_ascii_case(PUBLIC) => PUBLIC,
            conditions => conditions,
        };
        claims::check(audience).map_err(Error::bad_input)?;
        let _turn = self.writer.lock().await;
        let old = self.known(slug).await?;
        let change = ledger::Change {
            state: old.state,
            content: old.content.clone(),
            author,
            reason: "audience changed",
            audience: Some(audience),
            merged_into: old.merged_into.clone(),
        };
        self.write(&old, change).await
    }

    /// Erases all that was ever kept of a record; its number, name and tombstone stay.
    ///
    /// # Errors
    /// There is no such record.
    pub async fn purge(&self, slug: &str, author: &str) -> Result<()> {
        let _turn = self.writer.lock().await;
        self.catch_up().await?;
        let old = self.known(slug).await?;
        let state = match old.state {
            State::Published | State::Withdrawn => State::Withdrawn,
            _ => State::Rejected,
        };
        let change = ledger::Change {
            state,
            content: String::new(),
            author,
            reason: "purged",
            audience: None,
            merged_into: old.merged_into.clone(),
        };
        let of = |e: &Entities| ngsi::entities(&old, &e.settings().origin());
        let gone = self.entities.read().await.as_ref().map(of);
        let gone: Vec<String> = gone.into_iter().flatten().map(|e| e.id).collect();
        let mut transaction = self.ledger.pool.begin().await?;
        let new = ledger::append(&mut transaction, Some(&old), None, change, now()).await?;
        subscriptions::part(&mut transaction, new.seq, &gone).await?;
        for statement in [
            "UPDATE change SET content = '', hash = '', reason = 'purged' WHERE record = $1",
            "UPDATE record SET publisher = NULL, said = '', heard = '', source_key = 'purged:' || slug WHERE id = $1",
            "DELETE FROM suggestion WHERE record = $1",
        ] {
            sqlx::query(statement)
                .bind(old.id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        self.purged.fetch_add(1, Ordering::SeqCst);
        // The ledger no longer knows what the graph has to let go of.
        self.apply(&[(Some(old), Some(new))]).await?;
        self.ledger.forget_log().await
    }

    /// Accepts or rejects what a source proposed for a record.
    ///
    /// # Errors
    /// There is no such suggestion, or its content violates a mandatory rule.
    pub async fn settle(&self, id: i64, accept: bool, author: &str) -> Result<()> {
        let _turn = self.writer.lock().await;
        let found = self
            .ledger
            .suggestions()
            .await?
            .into_iter()
            .find(|s| s.id == id)
            .ok_or_else(|| {
                Error::new(Kind::NotFound, format!("no suggestion has the number {id}"))
            })?;
        if !accept {
            // Its hash stays, so that the source does not propose the same again.
            sqlx::query("UPDATE suggestion SET content = '' WHERE id = $1")
                .bind(id)
                .execute(&self.ledger.pool)
                .await?;
            return Ok(());
        }
        let record = self.known(&found.slug).await?;
        let draft = Draft {
            key: String::new(),
            iri: record.iri,
            slug: found.slug.clone(),
            content: found.content.clone(),
            line: None,
            says: Says::Everything,
        };
        let reason = format!("suggestion {id} of {} accepted", found.source);
        self.replace(draft, author, &reason, Some(&found)).await?;
        Ok(())
    }

    /// Why a record may not be published: one sentence for each broken rule, none where it may.
    ///
    /// # Errors
    /// The rules cannot be run.
    pub async fn check(&self, record: Record) -> Result<Vec<String>> {
        let problems = self.violations(vec![record]).await?;
        Ok(problems.into_iter().flatten().collect())
    }

    /// Keeps what a visitor suggests, for a moderator.
    ///
    /// # Errors
    /// Too many wait already.
    pub async fn suggest(&self, suggested: &Suggested<'_>) -> Result<()> {
        let _turn = self.writer.lock().await;
        if self.ledger.waiting().await? >= suggested.most {
            let why = "as many suggestions wait as can be looked at; please come back in some days";
            return Err(Error::new(Kind::Busy, why));
        }
        self.ledger
            .propose(
                suggested.token,
                suggested.slug,
                suggested.cells,
                suggested.note,
                suggested.contact,
                now(),
            )
            .await
    }

    /// Decides on a visitor's suggestion. `draft` is what is taken of it, none where it is rejected;
    /// the contact is erased after `days`.
    ///
    /// # Errors
    /// There is none that waits under this number, or what is taken breaks a mandatory rule.
    pub async fn judge(
        &self,
        id: i64,
        draft: Option<Draft>,
        author: &str,
        reason: &str,
        days: u32,
    ) -> Result<Option<String>> {
        let waits = self.ledger.proposal(id).await?;
        let waits = waits.filter(|p| p.state == "waiting").ok_or_else(|| {
            let why = format!("no suggestion waits under the number {id}");
            Error::new(Kind::NotFound, why)
        })?;
        let told = if reason.is_empty() {
            format!("suggestion {id}")
        } else {
            format!("suggestion {id}: {reason}")
        };
        let accepted = draft.is_some();
        let slug = match (draft, &waits.slug) {
            (None, _) => None,
            (Some(draft), Some(slug)) => {
                let old = self.known(slug).await?;
                let content = corrected(&old, draft.clone()).content;
                let whole = Draft {
                    iri: old.iri,
                    slug: old.slug,
                    content,
                    says: Says::Everything,
                    ..draft
                };
                Some(self.edit(whole, None, author, &told).await?.slug)
            }
            (Some(draft), None) => {
                let iri = self.address(&draft.iri);
                if let Some(there) = self.ledger.by_iri(&draft.iri).await? {
                    let why = format!(
                        "{iri} is there already, {}: what is new of it is a correction",
                        there.state
                    );
                    return Err(Error::bad_input(why));
                }
                let mut import = self.import(Options {
                    source: "suggestions".into(),
                    author: author.to_owned(),
                    reason: told,
                    state: State::Published,
                    dry_run: false,
                    prune: false,
                    force: false,
                });
                // Two suggestions of one name are two entries.
                let key = format!("suggestion:{id}");
                import.take(vec![Draft { key, ..draft }]).await?;
                let report = import.finish().await?;
                let Some(slug) = report.added.first() else {
                    let why: Vec<_> = report.findings.iter().map(|f| f.reason.as_str()).collect();
                    let why = format!("{iri} cannot be published: {}", why.join("; "));
                    return Err(Error::bad_input(why));
                };
                Some(slug.clone())
            }
        };
        let at = now();
        let decision = crate::store::proposal::Decision {
            accepted,
            by: author,
            reason,
            result: slug.as_deref(),
            at,
            erase: at + i64::from(days) * 86_400_000_000,
        };
        self.ledger.decided(id, &decision).await?;
        Ok(slug)
    }

    /// Notes which addresses shown records name.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn note_links(&self) -> Result<()> {
        for after in (0..self.extent().last).step_by(BATCH) {
            // What is read must not change before it is noted.
            let _turn = self.writer.lock().await;
            let upto = after + BATCH as i64;
            let records = self.ledger.shown_between(after, upto).await?;
            self.ledger.note_links(&records).await?;
        }
        Ok(())
    }

    /// The rules of matching that stand: what a moderator wrote last, else the bundled ones.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn rules(&self) -> Result<Arc<Standing>> {
        if let Some(standing) = self.rules.read().await.as_ref() {
            return Ok(standing.clone());
        }
        let mut rules = self.rules.write().await;
        let kept = self.ledger.rules(1).await?.pop();
        let standing = Arc::new(Standing::of(kept)?);
        *rules = Some(standing.clone());
        Ok(standing)
    }

    /// Lets other rules of matching stand, the bundled ones where `content` is empty. `was` is the number of the
    /// change that the writer saw.
    ///
    /// # Errors
    /// [`Kind::Conflict`]: they were changed meanwhile. [`Kind::BadInput`]: they are wrong, line by line.
    pub async fn set_rules(
        &self,
        content: &str,
        was: i64,
        author: &str,
        reason: &str,
    ) -> Result<Arc<Standing>> {
        let _turn = self.writer.lock().await;
        let stands = self.rules().await?;
        if stands.change != was {
            let why = format!(
                "the rules were changed meanwhile: they stand at change {} and not {was}",
                stands.change
            );
            return Err(Error::new(Kind::Conflict, why));
        }
        let new = Kept {
            id: was + 1,
            at: now(),
            author: author.to_owned(),
            reason: reason.to_owned(),
            content: content.to_owned(),
        };
        // What is wrong is refused before it is kept.
        if !content.is_empty() {
            Rules::read(content).map_err(|wrong| {
                let lines: Vec<String> = wrong.iter().map(ToString::to_string).collect();
                Error::bad_input(lines.join("; "))
            })?;
        }
        self.ledger.add_rules(&new).await?;
        let standing = Arc::new(Standing::of(Some(new))?);
        *self.rules.write().await = Some(standing.clone());
        Ok(standing)
    }

    /// Keeps an @context that is served from now on.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn host(&self, context: &Hosted) -> Result<()> {
        let _turn = self.writer.lock().await;
        self.ledger.add_hosted(context).await
    }

    /// Serves an @context no longer.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn unhost(&self, name: &str) -> Result<()> {
        let _turn = self.writer.lock().await;
        self.ledger.drop_hosted(name).await
    }

    /// Keeps what an address answered.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn heard(&self, address: &str, answer: &Answer) -> Result<()> {
        let _turn = self.writer.lock().await;
        self.ledger.heard(address, answer, now()).await
    }

    /// Erases contacts of suggesters when their time has come, until the process ends.
    pub async fn forget(&self) {
        loop {
            let erased = async {
                if self.ledger.erase_contacts(now()).await? > 0 {
                    self.ledger.forget_log().await?;
                }
                Ok::<_, Error>(())
            };
            if let Err(e) = erased.await {
                tracing::error!(error = %e, "contacts of suggesters are not erased");
            }
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
    }

    async fn known(&self, slug: &str) -> Result<Record> {
        self.ledger
            .by_slug(slug)
            .await?
            .ok_or_else(|| Error::new(Kind::NotFound, format!("no record is called {slug:?}")))
    }

    async fn write(&self, old: &Record, change: ledger::Change<'_>) -> Result<Record> {
        let mut transaction = self.ledger.pool.begin().await?;
        let record = ledger::append(&mut transaction, Some(old), None, change, now()).await?;
        transaction.commit().await?;
        self.catch_up().await?;
        Ok(record)
    }

    /// For each record, why it must not be published: one sentence for each broken rule.
    async fn violations(&self, records: Vec<Record>) -> Result<Vec<Vec<String>>> {
        let known = self.entries_named(&records).await?;
        off_the_runtime(move || door(&records, &known)).await
    }

    /// Of the entries that records lead to as data sets, those that are here or among them: each with its class, since a
    /// record does not say what another is.
    async fn entries_named(&self, records: &[Record]) -> Result<String> {
        const LINKS: [&str; 5] = [
            "dcat:hasVersion",
            "dcat:isVersionOf",
            "dct:isVersionOf",
            "dct:source",
            "adms:sample",
        ];
        let said = records.iter().flat_map(|r| statements(&r.content));
        let links = said.filter(|s| LINKS.iter().any(|link| s.says(link)));
        let named: BTreeSet<&str> = links.filter_map(|s| s.target()).collect();
        let mut lines = String::new();
        for iri in named {
            let among = records.iter().any(|r| r.iri == iri);
            let sql = format!("SELECT 1 FROM record r WHERE r.iri = $1 AND {SHOWN}");
            let here = sqlx::query(&sql).bind(iri);
            if among || here.fetch_optional(&self.ledger.pool).await?.is_some() {
                let (class, kind) = (vocab::expand("rdf:type"), vocab::expand("dcat:Dataset"));
                lines.push_str(&format!("<{iri}> {class} {kind} .\n"));
            }
        }
        Ok(lines)
    }
}

/// What a visitor suggests.
pub struct Suggested<'a> {
    /// Hash of the token under which the visitor looks at it.
    pub token: &'a str,
    /// The record that is to be corrected.
    pub slug: Option<&'a str>,
    /// Cells of the sheet as a JSON object.
    pub cells: &'a str,
    pub note: &'a str,
    pub contact: &'a str,
    /// How many may wait.
    pub most: i64,
}

/// A record with what a draft says of it.
pub fn corrected(old: &Record, mut draft: Draft) -> Record {
    rename(&mut draft, &old.slug, &old.iri);
    drop_own_index(&mut draft);
    // The form does not ask for the number that a sheet gave it.
    if let Says::Only(properties) = &mut draft.says {
        properties.retain(|p| p != "ldt:index");
    }
    draft.content = dcat::strip_derived(&old.iri, &old.slug, &draft.content, Some(old));
    let content = draft.over(&old.content);
    Record {
        hash: hash(&content),
        content,
        ..old.clone()
    }
}

/// An import under way: [`take`](Import::take) drafts, then [`finish`](Import::finish).
pub struct Import<'a> {
    catalogue: &'a Catalogue,
    options: Options,
    report: Report,
    seen: HashSet<String>,
    taken: usize,
    /// Entries of the source that could not be read: any record may be one of them.
    unusable: usize,
}

/// A record that a draft may be about.
#[derive(Clone)]
struct Known {
    slug: String,
    source: String,
    key: String,
    /// The version that its source last made of it.
    said: String,
    /// Hash of what its source last said.
    heard: String,
}

impl Known {
    fn read(row: &sqlx::any::AnyRow) -> Result<Self> {
        Ok(Self {
            slug: row.try_get(0)?,
            source: row.try_get(1)?,
            key: row.try_get(2)?,
            said: row.try_get(3)?,
            heard: row.try_get(4)?,
        })
    }
}

/// What a draft comes to, once it is known what the ledger holds.
struct Plan {
    draft: Draft,
    /// The record it is about.
    old: Option<Record>,
    /// Hash of what the source says of it, whatever else is known.
    heard: String,
    /// The version that the source last made, where the one that is asked for is not its own.
    said: Option<String>,
    /// The version that is asked for.
    wanted: Record,
}

impl Import<'_> {
    /// Brings in some drafts: all of them are kept and synced when this returns, or none.
    ///
    /// # Errors
    /// The ledger fails. A draft that cannot be used is a finding instead.
    pub async fn take(&mut self, drafts: Vec<Draft>) -> Result<()> {
        let _turn = self.catalogue.writer.lock().await;
        let mut plans = Vec::new();
        let mut slugs = HashSet::new();
        self.taken += drafts.len();
        for draft in drafts {
            if let Some(plan) = self.plan(draft, &mut slugs).await? {
                plans.push(plan);
            }
        }
        self.refuse_foreign(&mut plans).await?;
        let wanted = plans.iter().map(|p| p.wanted.clone()).collect();
        let problems = self.catalogue.violations(wanted).await?;
        let mut transaction = self.catalogue.ledger.pool.begin().await?;
        for (plan, problems) in plans.into_iter().zip(problems) {
            self.keep(&mut transaction, plan, &problems).await?;
        }
        if self.options.dry_run {
            transaction.rollback().await?;
            return Ok(());
        }
        transaction.commit().await?;
        self.catalogue.catch_up().await
    }

    fn find(&mut self, draft: &Draft, outcome: Outcome, reason: String) {
        let entry = match draft.iri.strip_prefix(BASE) {
            Some(own) => own.strip_prefix("resource/").unwrap_or(own),
            None => &draft.iri,
        };
        self.report.findings.push(Finding {
            line: draft.line.unwrap_or(0),
            entry: entry.to_owned(),
            outcome,
            reason,
        });
    }

    /// Finds out what a draft is about and which version it asks for; `None` if it asks nothing.
    async fn plan(
        &mut self,
        mut draft: Draft,
        slugs: &mut HashSet<String>,
    ) -> Result<Option<Plan>> {
        if draft.says != Says::More {
            self.seen.insert(draft.key.clone());
        }
        if draft.content.len() > RECORD_SIZE {
            let reason = format!(
                "{} bytes; a record has at most {RECORD_SIZE}",
                draft.content.len()
            );
            self.find(&draft, Outcome::Skipped, reason);
            return Ok(None);
        }
        if !vocab::about(&draft.iri).is_empty() || draft.iri.starts_with(vocab::LDT) {
            let reason = "a term of a vocabulary; it cannot be a record of its own";
            self.find(&draft, Outcome::Skipped, reason.into());
            return Ok(None);
        }
        self.drop_unfit(&mut draft);
        let pool = &self.catalogue.ledger.pool;
        let rows = sqlx::query(
            "SELECT slug, source, source_key, said, heard FROM record WHERE (source = $1 AND source_key = $2) OR iri = $3 OR slug = $4",
        )
        .bind(&self.options.source)
        .bind(&draft.key)
        .bind(&draft.iri)
        // Our own sheet names an entry that has no Index by its slug.
        .bind(draft.key.strip_prefix("index:").unwrap_or_default())
        .fetch_all(pool)
        .await?;
        let known = rows.iter().map(Known::read).collect::<Result<Vec<_>>>()?;
        let mine = |k: &&Known| k.source == self.options.source;
        let index = draft.key.strip_prefix("index:");
        // Two rows with an Index each, or with a name each, are two entries, whatever their slugs;
        // and no two rows of one document are the same entry.
        let form = |key: &str| ["index:", "name:"].iter().position(|f| key.starts_with(f));
        let other_row = |k: &&Known| {
            let row = form(&draft.key);
            row.is_some() && (row == form(&k.key) || self.seen.contains(&k.key))
        };
        let found = known
            .iter()
            .find(|k| mine(k) && k.key == draft.key)
            .or_else(|| known.iter().find(|k| Some(k.slug.as_str()) == index))
            .or_else(|| known.iter().find(|k| mine(k) && !other_row(k)))
            .or_else(|| known.iter().find(|k| !mine(k)))
            .cloned();
        let Some(known) = found else {
            if draft.says == Says::More {
                let reason =
                    "neither a dcat:Dataset nor reached from one, and no record has this IRI";
                self.find(&draft, Outcome::Skipped, reason.into());
                return Ok(None);
            }
            return self.plan_new(draft, slugs).await.map(Some);
        };
        let Some(old) = self.catalogue.ledger.by_slug(&known.slug).await? else {
            return Err(Error::internal(format!("{} has no version", known.slug)));
        };
        if old.is_purged() {
            let reason = format!(
                "{} was purged: nothing about it is taken in again",
                old.slug
            );
            self.find(&draft, Outcome::Skipped, reason);
            return Ok(None);
        }
        rename(&mut draft, &old.slug, &old.iri);
        drop_own_index(&mut draft);
        draft.content = dcat::strip_derived(&old.iri, &old.slug, &draft.content, Some(&old));
        let heard = hash(&draft.content);
        let content = draft.over(&old.content);
        let version = hash(&content);
        let foreign = known.source != self.options.source;
        let no_row = form(&known.key).is_none();
        self.seen.insert(known.key);
        // A record that another source keeps and that says the same is no news.
        let again = !foreign && draft.says != Says::More && heard == known.heard;
        // Another source that adds but to what several entries name, such as an agent, has no news
        // of this one.
        let elsewhere = || {
            let stated: HashSet<&str> = old.content.lines().collect();
            let now: HashSet<&str> = content.lines().collect();
            let page = format!("{BASE}resource/{}", old.slug);
            stated.is_subset(&now)
                && now.iter().all(|l| {
                    stated.contains(l)
                        || Statement::parse(l)
                            .is_some_and(|s| !dcat::is_own(&old, &page, s.subject))
                })
        };
        let same = version == old.hash
            || again
            || (foreign && elsewhere())
            || (no_row && says_no_more(&old, &draft));
        let edited = old.hash != known.said;
        let publishes = !foreign && self.options.state == State::Published;
        let returns = publishes
            && old.state == State::Withdrawn
            && self.last_author(&old).await? == self.options.author;
        // What was only suggested so far is published now; what a moderator touched waits on.
        let waits = publishes && old.state == State::Suggested && !edited;
        if same && !returns && !waits {
            self.agree(&old).await?;
            self.report.unchanged += 1;
            return Ok(None);
        }
        draft.content = content;
        if foreign {
            let reason = format!(
                "{} belongs to the source {:?}; what {:?} says of it is kept for a moderator (--source-name {} speaks for it)",
                old.slug, known.source, self.options.source, known.source
            );
            self.suggest_alone(&old, &draft, reason).await?;
            return Ok(None);
        }
        let closed = match old.state {
            State::Rejected => Some("was rejected"),
            State::Withdrawn if !returns => Some("was withdrawn"),
            _ => None,
        };
        if let Some(closed) = closed {
            let reason = format!("{} {closed}; this import does not bring it back", old.slug);
            self.find(&draft, Outcome::Skipped, reason);
            return Ok(None);
        }
        if edited && !(returns && same) {
            let reason = format!(
                "{} was edited by hand; the edit stays and this is kept for a moderator",
                old.slug
            );
            self.suggest_alone(&old, &draft, reason).await?;
        } else if old.state == State::Published && self.options.state == State::Suggested {
            let reason = format!("{} is published; this change waits", old.slug);
            self.suggest_alone(&old, &draft, reason).await?;
            return Ok(None);
        }
        if edited {
            if !returns {
                return Ok(None);
            }
            // It comes back as it was left.
            draft.content.clone_from(&old.content);
        }
        let wanted = Record {
            hash: hash(&draft.content),
            content: draft.content.clone(),
            ..old.clone()
        };
        Ok(Some(Plan {
            draft,
            old: Some(old),
            heard,
            said: edited.then_some(known.said),
            wanted,
        }))
    }

    async fn plan_new(&mut self, mut draft: Draft, slugs: &mut HashSet<String>) -> Result<Plan> {
        let mut slug = draft.slug.clone();
        let mut n = 2;
        while slugs.contains(&slug)
            || sqlx::query("SELECT 1 FROM record WHERE slug = $1")
                .bind(&slug)
                .fetch_optional(&self.catalogue.ledger.pool)
                .await?
                .is_some()
        {
            let wish = &draft.slug[..draft.slug.len().min(76)];
            slug = format!("{}-{n}", wish.trim_end_matches('-'));
            n += 1;
        }
        slugs.insert(slug.clone());
        let iri = if draft.iri.starts_with(BASE) {
            format!("{BASE}resource/{slug}")
        } else {
            draft.iri.clone()
        };
        rename(&mut draft, &slug, &iri);
        let wanted = Record {
            state: self.options.state,
            ..Record::from(draft.clone())
        };
        Ok(Plan {
            heard: hash(&draft.content),
            draft,
            old: None,
            said: None,
            wanted,
        })
    }

    async fn last_author(&self, record: &Record) -> Result<String> {
        let row = sqlx::query("SELECT author FROM change WHERE seq = $1")
            .bind(record.seq)
            .fetch_one(&self.catalogue.ledger.pool)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Leaves out statements that must not enter, and says so.
    fn drop_unfit(&mut self, draft: &mut Draft) {
        let (mut kept, mut reasons) = (String::new(), Vec::new());
        for line in draft.content.split_inclusive('\n') {
            let Some(s) = Statement::parse(line) else {
                continue;
            };
            match unfit(&s) {
                Some(reason) => reasons.push((Outcome::Dropped, reason)),
                None => kept.push_str(line),
            }
            let predicate = iri(s.predicate).unwrap_or_default();
            if vocab::compact(predicate).is_none() && syntax::xml_name(predicate).is_none() {
                reasons.push((
                    Outcome::Noted,
                    format!("{} has no XML name and is left out of RDF/XML", s.predicate),
                ));
            }
        }
        draft.content = kept;
        for (outcome, reason) in reasons {
            self.find(draft, outcome, reason);
        }
    }

    /// Refuses statements about subjects that are another's: other records, and agents of ours
    /// that another source described first.
    async fn refuse_foreign(&mut self, plans: &mut [Plan]) -> Result<()> {
        let mut owners: HashMap<String, Option<(String, String)>> = HashMap::new();
        for plan in plans.iter_mut() {
            let page = format!("{BASE}resource/{}", plan.wanted.slug);
            let subjects: BTreeSet<String> = statements(&plan.wanted.content)
                .filter(|s| !dcat::is_own(&plan.wanted, &page, s.subject))
                .filter_map(|s| Some(iri(s.subject)?.to_owned()))
                .collect();
            let mut refused: BTreeMap<String, (String, String, bool)> = BTreeMap::new();
            for subject in subjects {
                let owner = match owners.get(&subject) {
                    Some(owner) => owner.clone(),
                    None => {
                        let owner = self.owner(&subject).await?;
                        owners.insert(subject.clone(), owner.clone());
                        owner
                    }
                };
                let Some((owner, content)) = owner else {
                    continue;
                };
                let about = |l: &&str| Statement::parse(l).is_some_and(|s| s.about(&subject));
                let stated: BTreeSet<&str> = content.lines().filter(about).collect();
                let told: Vec<&str> = plan.wanted.content.lines().filter(about).collect();
                let names = |l: &&str| Statement::parse(l).is_some_and(|s| s.says("foaf:name"));
                // An agent is described here as its owner describes it, or it would lack a name.
                let agent = stated.iter().any(&names);
                let other = told.iter().any(|l| !stated.contains(l));
                if other || agent && !told.iter().any(&names) {
                    let instead = stated.iter().filter(|_| agent).map(|l| format!("{l}\n"));
                    refused.insert(subject.clone(), (owner, instead.collect(), other));
                }
            }
            if refused.is_empty() {
                continue;
            }
            let kept = plan.wanted.content.split_inclusive('\n').filter(|l| {
                Statement::parse(l)
                    .and_then(|s| iri(s.subject))
                    .is_none_or(|s| !refused.contains_key(s))
            });
            let instead = refused.values().flat_map(|r| r.1.split_inclusive('\n'));
            plan.wanted.content = sorted(kept.chain(instead));
            plan.wanted.hash = hash(&plan.wanted.content);
            for (subject, (owner, ..)) in refused.into_iter().filter(|r| r.1.2) {
                let reason = format!(
                    "statements about {} are refused: it belongs to {owner}",
                    self.catalogue.address(&subject)
                );
                self.find(&plan.draft, Outcome::Dropped, reason);
            }
        }
        Ok(())
    }

    /// Who describes a subject, if it is not this source: a name for the reader, and the content.
    async fn owner(&self, subject: &str) -> Result<Option<(String, String)>> {
        if subject.starts_with(vocab::LDT) {
            return Ok(Some((
                "the library's vocabulary".into(),
                vocab::own().to_owned(),
            )));
        }
        let root = subject
            .split_once('#')
            .map_or(subject, |(root, _)| root)
            .to_owned();
        // Of those who name an agent, the first one that is shown describes it: what waits has no say.
        let sql = format!(
            "SELECT r.source, r.slug, CASE WHEN r.iri = $1 OR r.iri = $2 THEN 0 ELSE 1 END FROM record r \
             WHERE r.iri = $1 OR r.iri = $2 OR (r.publisher = $1 AND {SHOWN}) ORDER BY 3, r.id LIMIT 1"
        );
        let row = sqlx::query(&sql)
            .bind(subject)
            .bind(&root)
            .fetch_optional(&self.catalogue.ledger.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (source, slug): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let names: i64 = row.try_get(2)?;
        if names == 1 && source == self.options.source {
            return Ok(None);
        }
        let record = self.catalogue.ledger.by_slug(&slug).await?;
        Ok(record.map(|r| {
            (
                format!("{slug}, of the source {source:?}"),
                dcat::published(&r),
            )
        }))
    }

    async fn suggest_alone(&mut self, old: &Record, draft: &Draft, reason: String) -> Result<()> {
        let mut transaction = self.catalogue.ledger.pool.begin().await?;
        self.suggest(&mut transaction, old, draft, reason).await?;
        Ok(transaction.commit().await?)
    }

    /// Keeps a version for a moderator: at most one of each source for each record.
    async fn suggest(
        &mut self,
        connection: &mut sqlx::AnyConnection,
        old: &Record,
        draft: &Draft,
        reason: String,
    ) -> Result<()> {
        let version = hash(&draft.content);
        let known = sqlx::query(
            "SELECT content FROM suggestion WHERE record = $1 AND source = $2 AND hash = $3",
        )
        .bind(old.id)
        .bind(&self.options.source)
        .bind(&version)
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(row) = known {
            self.report.unchanged += 1;
            match row.try_get::<&str, _>(0)? {
                "" => {
                    let reason = format!("{reason}: a moderator has rejected it before");
                    self.find(draft, Outcome::Noted, reason);
                }
                _ => self.find(draft, Outcome::Queued, reason),
            }
            return Ok(());
        }
        if !self.options.dry_run {
            sqlx::query("DELETE FROM suggestion WHERE record = $1 AND source = $2")
                .bind(old.id)
                .bind(&self.options.source)
                .execute(&mut *connection)
                .await?;
            sqlx::query(
                "INSERT INTO suggestion (id, record, source, content, hash, at, author, reason) \
                 VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM suggestion), $1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(old.id)
            .bind(&self.options.source)
            .bind(&draft.content)
            .bind(&version)
            .bind(now())
            .bind(&self.options.author)
            .bind(&reason)
            .execute(&mut *connection)
            .await?;
        }
        self.report.queued.push(old.slug.clone());
        self.find(draft, Outcome::Queued, reason);
        Ok(())
    }

    /// A source that says again what the record says has taken back what it proposed.
    async fn agree(&self, old: &Record) -> Result<()> {
        if !self.options.dry_run {
            sqlx::query(
                "DELETE FROM suggestion WHERE record = $1 AND source = $2 AND content <> ''",
            )
            .bind(old.id)
            .bind(&self.options.source)
            .execute(&self.catalogue.ledger.pool)
            .await?;
        }
        Ok(())
    }

    async fn keep(
        &mut self,
        transaction: &mut sqlx::AnyConnection,
        plan: Plan,
        problems: &[String],
    ) -> Result<()> {
        let Plan {
            draft,
            old,
            heard,
            said,
            wanted,
        } = plan;
        let before = old.as_ref();
        let waits = !problems.is_empty();
        let same = |state| before.is_some_and(|o| o.hash == wanted.hash && o.state == state);
        if let Some(old) = before.filter(|o| o.state == State::Published && waits) {
            // A version that breaks a rule does not replace one that is public.
            if same(State::Published) {
                self.report.unchanged += 1;
                return Ok(());
            }
            let reason = format!("not published: {}", problems.join(" "));
            let draft = Draft {
                content: wanted.content,
                ..draft
            };
            return self.suggest(transaction, old, &draft, reason).await;
        }
        for problem in problems {
            self.find(&draft, Outcome::Queued, format!("not published: {problem}"));
        }
        let state = match before.map(|o| o.state) {
            _ if waits => State::Suggested,
            Some(State::Accepted) => State::Accepted,
            Some(State::Suggested) if self.options.state == State::Suggested => State::Suggested,
            Some(_) => State::Published,
            None => self.options.state,
        };
        if same(state) {
            // All that was new was refused, or it waits as it did.
            self.report.unchanged += 1;
            return Ok(());
        }
        let mut reason = match self.options.reason.as_str() {
            "" => format!("import of {}", self.options.source),
            reason => reason.to_owned(),
        };
        if waits {
            // The queue shows it.
            reason.push_str(&format!(", not published: {}", problems.join(" ")));
        }
        let change = ledger::Change {
            state,
            content: wanted.content,
            author: &self.options.author,
            reason: &reason,
            audience: None,
            merged_into: None,
        };
        let origin = Origin {
            slug: &wanted.slug,
            iri: &wanted.iri,
            source: &self.options.source,
            key: &draft.key,
        };
        let origin = before.is_none().then_some(&origin);
        let record = ledger::append(transaction, before, origin, change, now()).await?;
        sqlx::query("UPDATE record SET said = $1, heard = $2 WHERE id = $3")
            .bind(said.as_ref().unwrap_or(&record.hash))
            .bind(&heard)
            .bind(record.id)
            .execute(&mut *transaction)
            .await?;
        if state != State::Published {
            self.report.queued.push(record.slug.clone());
        } else if before.is_some_and(|o| o.state == State::Published) {
            self.report.changed.push(record.slug.clone());
        } else {
            self.report.added.push(record.slug.clone());
        }
        Ok(())
    }

    /// Adds what the source's documents were found to hold beside drafts.
    pub fn note(&mut self, findings: Vec<Finding>) {
        let unusable = findings.iter().filter(|f| f.outcome == Outcome::Skipped);
        self.unusable += unusable.count();
        self.report.findings.extend(findings);
    }

    /// How many drafts were taken so far.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Lists what the source no longer names, withdraws it where that was asked for, and reports.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn finish(mut self) -> Result<Report> {
        let _turn = self.catalogue.writer.lock().await;
        let rows = sqlx::query(
            "SELECT slug, source_key FROM record WHERE source = $1 AND state = 'published' ORDER BY slug",
        )
        .bind(&self.options.source)
        .fetch_all(&self.catalogue.ledger.pool)
        .await?;
        // A sheet does not list what came as RDF, nor RDF what came in a sheet.
        let in_sheet = |key: &str| key.starts_with("index:") || key.starts_with("name:");
        let forms: HashSet<bool> = self.seen.iter().map(|k| in_sheet(k)).collect();
        for row in &rows {
            let key: &str = row.try_get(1)?;
            if !self.seen.contains(key) && forms.contains(&in_sheet(key)) {
                self.report.missing.push(row.try_get(0)?);
            }
        }
        self.report.findings.sort_by_key(|f| f.line);
        let missing = self.report.missing.clone();
        if !self.options.prune || missing.is_empty() {
            return Ok(self.report);
        }
        let too_many = missing.len() * 10 > rows.len();
        if (too_many || self.unusable > 0) && !self.options.force {
            let reason = if too_many {
                format!(
                    "{} of {} records would be withdrawn, more than a tenth; --force does it",
                    missing.len(),
                    rows.len()
                )
            } else {
                format!(
                    "nothing is withdrawn: {} entries of the source could not be used, and what is missing may be among them; --force does it",
                    self.unusable
                )
            };
            self.report.findings.push(Finding {
                line: 0,
                entry: self.options.source.clone(),
                outcome: Outcome::Skipped,
                reason,
            });
            return Ok(self.report);
        }
        if !self.options.dry_run {
            let mut transaction = self.catalogue.ledger.pool.begin().await?;
            let reason = format!("no longer named by {}", self.options.source);
            for slug in &missing {
                let Some(old) = ledger::current(&mut transaction, slug).await? else {
                    continue;
                };
                let change = ledger::Change {
                    state: State::Withdrawn,
                    content: old.content.clone(),
                    author: &self.options.author,
                    reason: &reason,
                    audience: None,
                    merged_into: None,
                };
                ledger::append(&mut transaction, Some(&old), None, change, now()).await?;
            }
            transaction.commit().await?;
            self.catalogue.catch_up().await?;
        }
        self.report.withdrawn = missing;
        Ok(self.report)
    }
}

/// Checks records as they would be published, on every processor at once.
fn door(records: &[Record], known: &str) -> Result<Vec<Vec<String>>> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let share = records.len().div_ceil(processors);
    std::thread::scope(|scope| {
        let shares: Vec<_> = records
            .chunks(share)
            .map(|some| scope.spawn(move || check(some, known)))
            .collect();
        let mut out = Vec::with_capacity(records.len());
        for share in shares {
            out.extend(
                share
                    .join()
                    .map_err(|_| Error::internal("validation failed"))??,
            );
        }
        Ok(out)
    })
}

/// For each record, why it must not be published. `known` tells what other entries are.
fn check(records: &[Record], known: &str) -> Result<Vec<Vec<String>>> {
    let published: Vec<String> = records.iter().map(dcat::published).collect();
    let mut assembly = dcat::Assembly::default();
    for (record, content) in records.iter().zip(&published) {
        assembly.own(record, content);
    }
    let context = triples(&(assembly.shared(&BTreeSet::new()) + known))?;
    let graphs = published
        .iter()
        .map(|p| triples(p))
        .collect::<Result<Vec<_>>>()?;
    let candidates: Vec<Candidate<'_>> = records
        .iter()
        .zip(&graphs)
        .map(|(r, graph)| Candidate {
            graph,
            own: r.iri.starts_with(BASE),
        })
        .collect();
    let reports = shacl::door(&candidates, &context)?;
    Ok(reports
        .into_iter()
        .map(|report| {
            let messages: BTreeSet<String> = report
                .results
                .iter()
                .filter(|f| f.severity == Severity::Violation)
                .map(|f| f.message.clone())
                .collect();
            messages.into_iter().collect()
        })
        .collect())
}

/// Moves a draft to the slug and IRI that the record really has; a foreign IRI stays, and nodes
/// below our page of it move along.
fn rename(draft: &mut Draft, slug: &str, iri: &str) {
    let page = format!("{BASE}resource/{}", draft.slug);
    let own = format!("{BASE}resource/{slug}");
    if draft.iri == iri && page == own {
        return;
    }
    let moves = [
        (format!("<{}>", draft.iri), format!("<{iri}>")),
        (format!("<{}#", draft.iri), format!("<{iri}#")),
        (format!("<{page}#"), format!("<{own}#")),
        (format!("\"{page}#"), format!("\"{own}#")),
    ];
    draft.content = sorted(draft.content.split_inclusive('\n').map(|line| {
        moves
            .iter()
            .fold(line.to_owned(), |l, (from, to)| l.replace(from, to))
    }));
    draft.iri = iri.to_owned();
    draft.slug = slug.to_owned();
}

/// An Index that is but the slug of the entry, as our own sheet writes it, is no news of it.
fn drop_own_index(draft: &mut Draft) {
    let value = format!("\"{}\"", draft.slug);
    draft.content = draft
        .content
        .split_inclusive('\n')
        .filter(|l| !Statement::parse(l).is_some_and(|s| s.says("ldt:index") && s.object == value))
        .collect();
}

/// Whether a row says no more of a record than its row in our own sheet does. What came as RDF has
/// other words for it, which a sheet is not to replace.
fn says_no_more(old: &Record, draft: &Draft) -> bool {
    let row = |content| sheet::row(&old.slug, &old.iri, content);
    let kept = |line: &str| {
        Statement::parse(line).is_some_and(|s| s.says("ldt:licence") || s.says("dct:spatial"))
    };
    let stated: HashSet<&str> = old.content.lines().collect();
    matches!(draft.says, Says::Only(_))
        && row(&old.content) == row(&draft.content)
        && draft
            .content
            .lines()
            .all(|l| !kept(l) || stated.contains(l))
}

/// Why a statement must not enter: a syntax of ours could not carry it, or it runs when followed.
fn unfit(s: &Statement<'_>) -> Option<String> {
    if let Some(value) = literal(s.object) {
        let c = value.value().chars().find(|c| !syntax::is_xml(*c))?;
        return Some(format!(
            "{} holds the character U+{:04X}, which XML cannot carry",
            s.predicate, c as u32
        ));
    }
    let link = iri(s.object)?;
    let scheme = link.split_once(':')?.0.to_ascii_lowercase();
    matches!(scheme.as_str(), "javascript" | "vbscript" | "data").then(|| {
        let start: String = link.chars().take(60).collect();
        format!(
            "{} leads to {start:?}, which a browser would run; a link to the web is wanted",
            s.predicate
        )
    })
}

fn fit(content: &str) -> Result<()> {
    match statements(content).find_map(|s| unfit(&s)) {
        Some(reason) => Err(Error::bad_input(reason)),
        None => Ok(()),
    }
}

/// Microseconds since the epoch, UTC.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

/// Runs work that keeps a processor busy where it does not hold up requests.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal)?
}
