//! The ledger: every change numbered, every version kept, synced before it is acknowledged.
//! SQL through sqlx `Any`: SQLite in WAL mode with `synchronous=FULL`, or PostgreSQL by URL.
use crate::error::{Error, Result};
use crate::record::{PUBLIC, Record, State, hash};
use sha2::{Digest, Sha256};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::{AnyConnection, AnyPool, Connection, Executor, Row};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;

/// The schema this program writes; an older program refuses a newer one.
const SCHEMA_VERSION: &str = "1";

/// Tables in the order in which a copy is written, with their columns and the one that orders them.
const TABLES: &[(&str, &[&str], &str)] = &[
    ("meta", &["name", "value"], "name"),
    (
        "record",
        &[
            "id",
            "slug",
            "iri",
            "state",
            "audience",
            "seq",
            "publication",
            "issued",
            "modified",
            "merged_into",
            "publisher",
            "source",
            "source_key",
            "said",
            "heard",
        ],
        "id",
    ),
    (
        "change",
        &[
            "seq", "at", "record", "state", "audience", "content", "hash", "author", "reason",
        ],
        "seq",
    ),
    (
        "suggestion",
        &[
            "id", "record", "source", "content", "hash", "at", "author", "reason",
        ],
        "id",
    ),
    (
        "proposal",
        &[
            "id",
            "token",
            "slug",
            "cells",
            "note",
            "at",
            "state",
            "decided",
            "decided_by",
            "reason",
            "result",
        ],
        "id",
    ),
    (RULES, &["id", "at", "author", "reason", "content"], "id"),
];

/// A table that older backups lack: it is in their digest only where it holds something.
const RULES: &str = "rules";

/// Columns that hold numbers; all others hold text.
const NUMBERS: &[&str] = &[
    "id",
    "seq",
    "publication",
    "issued",
    "modified",
    "at",
    "record",
    "decided",
];

const SCHEMA: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS record (id BIGINT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, iri TEXT NOT NULL UNIQUE, \
     state TEXT NOT NULL, audience TEXT NOT NULL, seq BIGINT NOT NULL, publication BIGINT UNIQUE, issued BIGINT NOT NULL, \
     modified BIGINT NOT NULL, merged_into TEXT, publisher TEXT, source TEXT NOT NULL, source_key TEXT NOT NULL, \
     said TEXT NOT NULL, heard TEXT NOT NULL, UNIQUE (source, source_key))",
    "CREATE TABLE IF NOT EXISTS change (seq BIGINT PRIMARY KEY, at BIGINT NOT NULL, record BIGINT NOT NULL, state TEXT NOT NULL, \
     audience TEXT NOT NULL, content TEXT NOT NULL, hash TEXT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS suggestion (id BIGINT PRIMARY KEY, record BIGINT NOT NULL, source TEXT NOT NULL, \
     content TEXT NOT NULL, hash TEXT NOT NULL, at BIGINT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, \
     UNIQUE (record, source))",
    "CREATE TABLE IF NOT EXISTS proposal (id BIGINT PRIMARY KEY, token TEXT NOT NULL UNIQUE, slug TEXT, cells TEXT NOT NULL, \
     note TEXT NOT NULL, at BIGINT NOT NULL, state TEXT NOT NULL, decided BIGINT, decided_by TEXT, reason TEXT, result TEXT)",
    "CREATE TABLE IF NOT EXISTS contact (proposal BIGINT PRIMARY KEY, address TEXT NOT NULL, erase BIGINT)",
    "CREATE TABLE IF NOT EXISTS token (id BIGINT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL, \
     created BIGINT NOT NULL, expires BIGINT, revoked BIGINT)",
    "CREATE TABLE IF NOT EXISTS session (hash TEXT PRIMARY KEY, token BIGINT, name TEXT NOT NULL, role TEXT NOT NULL, \
     csrf TEXT NOT NULL, seen BIGINT NOT NULL, expires BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS link (record BIGINT NOT NULL, address TEXT NOT NULL, access BIGINT NOT NULL, \
     download BIGINT NOT NULL, status BIGINT, why TEXT, moved TEXT, tag TEXT, checked BIGINT, failing BIGINT, \
     PRIMARY KEY (record, address))",
    "CREATE TABLE IF NOT EXISTS rules (id BIGINT PRIMARY KEY, at BIGINT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL, \
     content TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS context (name TEXT PRIMARY KEY, body TEXT NOT NULL, at BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS target (name TEXT PRIMARY KEY, spoken TEXT NOT NULL, base BIGINT NOT NULL, reached BIGINT NOT NULL, \
     sent BIGINT NOT NULL, deleted BIGINT NOT NULL, rate DOUBLE PRECISION NOT NULL, at BIGINT NOT NULL, error TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS undelivered (target TEXT NOT NULL, entity TEXT NOT NULL, record BIGINT NOT NULL, status BIGINT NOT NULL, \
     why TEXT NOT NULL, tries BIGINT NOT NULL, at BIGINT NOT NULL, again BIGINT, PRIMARY KEY (target, entity))",
    "CREATE TABLE IF NOT EXISTS listener (callback TEXT NOT NULL, topic TEXT NOT NULL, secret TEXT NOT NULL, until BIGINT NOT NULL, \
     reached BIGINT NOT NULL, tag TEXT NOT NULL, tries BIGINT NOT NULL, again BIGINT NOT NULL, PRIMARY KEY (callback, topic))",
    "CREATE TABLE IF NOT EXISTS intent (id BIGINT PRIMARY KEY, callback TEXT NOT NULL, topic TEXT NOT NULL, secret TEXT NOT NULL, \
     lease BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS subscription (id TEXT PRIMARY KEY, owner TEXT NOT NULL, body TEXT NOT NULL, context TEXT NOT NULL, \
     endpoint TEXT NOT NULL, active BIGINT NOT NULL, since BIGINT NOT NULL, due BIGINT NOT NULL, created BIGINT NOT NULL, \
     modified BIGINT NOT NULL, sent BIGINT NOT NULL, failed BIGINT NOT NULL, last BIGINT NOT NULL, success BIGINT NOT NULL, \
     failure BIGINT NOT NULL, why TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS notification (number BIGINT PRIMARY KEY, id TEXT NOT NULL, subscription TEXT NOT NULL, \
     endpoint TEXT NOT NULL, at BIGINT NOT NULL, due BIGINT NOT NULL, data TEXT NOT NULL, tries BIGINT NOT NULL, \
     expired BIGINT, why TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS matched (one BIGINT PRIMARY KEY, reached BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS parted (seq BIGINT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (seq, id))",
    "CREATE TABLE IF NOT EXISTS matched_agent (id TEXT PRIMARY KEY, records BIGINT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS notification_to ON notification (endpoint, number) WHERE expired IS NULL",
    "CREATE INDEX IF NOT EXISTS notification_of ON notification (subscription, number)",
    "CREATE INDEX IF NOT EXISTS undelivered_of_record ON undelivered (record)",
    "CREATE INDEX IF NOT EXISTS link_address ON link (address)",
    "CREATE INDEX IF NOT EXISTS change_of_record ON change (record, seq)",
    "CREATE INDEX IF NOT EXISTS record_shown ON record (publication) WHERE state = 'published' AND audience = 'public'",
    "CREATE INDEX IF NOT EXISTS record_publisher ON record (publisher)",
    "CREATE INDEX IF NOT EXISTS change_erased ON change (seq) WHERE hash = ''",
    "CREATE INDEX IF NOT EXISTS record_restricted ON record (id) WHERE audience <> 'public'",
];

pub(super) const COLUMNS: &str = "r.id, r.slug, r.iri, r.state, r.audience, r.seq, r.publication, r.issued, r.modified, r.merged_into, \
                       c.content, c.hash, r.source";

/// What everyone may see, as a condition on the table `r`.
pub(crate) const SHOWN: &str = "r.state = 'published' AND r.audience = 'public'";

/// A change, with who made it and why.
pub struct Past {
    pub seq: i64,
    pub at: i64,
    /// The state from then on.
    pub state: String,
    pub author: String,
    pub reason: String,
}

/// Versions of one record that are told.
const VERSIONS: i64 = 1_000;

#[derive(Clone)]
pub struct Ledger {
    pub pool: AnyPool,
}

/// How far the catalogue reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Records that are shown.
    pub total: i64,
    /// The highest publication number that is shown, and the highest that was ever given.
    pub last: i64,
    pub numbered: i64,
    /// Number and time of the last change to any record, removals included; time of the first.
    pub seq: i64,
    pub modified: i64,
    pub issued: i64,
}

/// Names the state of the catalogue: after a restore, a number may come again with other content, at
/// another time.
impl std::fmt::Display for Extent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:012}-{:x}", self.seq, self.modified)
    }
}

/// A version that a source proposed and that is not the record's: for a moderator.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Suggestion {
    pub id: i64,
    pub slug: String,
    pub source: String,
    pub at: i64,
    pub reason: String,
    pub content: String,
}

fn state(text: &str) -> Result<State> {
    State::parse(text).ok_or_else(|| Error::internal(format!("unknown state {text} in the ledger")))
}

pub(super) fn record(row: &AnyRow) -> Result<Record> {
    Ok(Record {
        id: row.try_get(0)?,
        slug: row.try_get(1)?,
        iri: row.try_get(2)?,
        state: state(row.try_get::<&str, _>(3)?)?,
        audience: row.try_get(4)?,
        seq: row.try_get(5)?,
        publication: row.try_get(6)?,
        issued: row.try_get(7)?,
        modified: row.try_get(8)?,
        merged_into: row.try_get(9)?,
        content: row.try_get(10)?,
        hash: row.try_get(11)?,
        brought_by: row.try_get(12)?,
    })
}

/// Makes an empty file that only its owner may read.
///
/// # Errors
/// Those of the file system.
pub fn private(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Removes a database file and what SQLite leaves beside it, where they are there.
pub fn remove(path: &Path) {
    for tail in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(tail);
        let _ = std::fs::remove_file(name);
    }
}

impl Ledger {
    /// Opens the ledger in `dir`, or at `url` where one is given.
    ///
    /// # Errors
    /// The database cannot be opened, or was written by a newer program.
    pub async fn open(dir: &Path, url: &str) -> Result<Self> {
        let url = if url.is_empty() {
            format!("sqlite://{}?mode=rwc", dir.join("ledger.db").display())
        } else {
            url.to_owned()
        };
        Self::at(&url).await
    }

    /// Opens the ledger at a database URL.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn at(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let embedded = url.starts_with("sqlite:");
        let options = AnyConnectOptions::from_str(url)
            .map_err(|e| Error::bad_input(format!("ledger: {e}")))?;
        let unusable = |e: sqlx::Error| match url.strip_prefix("sqlite://") {
            Some(path) => {
                let path = path.split('?').next().unwrap_or_default();
                let cause = e
                    .as_database_error()
                    .map_or(e.to_string(), |d| d.message().to_owned());
                Error::internal(format!("the ledger {path} cannot be used: {cause}"))
            }
            // The address may hold a password.
            None => Error::internal(format!("the ledger cannot be used: {e}")),
        };
        // SQLite gives the files beside it the same rights.
        if let Some((path, "mode=rwc")) = url
            .strip_prefix("sqlite://")
            .and_then(|rest| rest.split_once('?'))
            && !Path::new(path).exists()
        {
            private(Path::new(path))
                .map_err(|e| Error::bad_input(format!("the ledger {path} cannot be made: {e}")))?;
        }
        // A pool goes on trying for a while; one connection says at once what is wrong.
        let mut first = AnyConnection::connect_with(&options)
            .await
            .map_err(unusable)?;
        set_up(&mut first, embedded).await.map_err(unusable)?;
        first.close().await?;
        let pool = AnyPoolOptions::new()
            .max_connections(4)
            .after_connect(move |connection, _| Box::pin(set_up(connection, embedded)))
            .connect_with(options)
            .await?;
        let ledger = Self { pool };
        ledger.prepare().await?;
        Ok(ledger)
    }

    async fn prepare(&self) -> Result<()> {
        let found = sqlx::query("SELECT value FROM meta WHERE name = 'schema'")
            .fetch_optional(&self.pool)
            .await
            .unwrap_or(None);
        if let Some(row) = found {
            let found: String = row.try_get(0)?;
            let newer = found.parse::<u32>().unwrap_or(u32::MAX)
                > SCHEMA_VERSION.parse::<u32>().unwrap_or(0);
            if newer {
                return Err(Error::bad_input(format!(
                    "the ledger has schema {found} and this program knows {SCHEMA_VERSION}: a newer ldt-catalogue wrote it, use that one"
                )));
            }
        }
        for statement in SCHEMA {
            sqlx::query(statement).execute(&self.pool).await?;
        }
        self.set_meta_once("schema", SCHEMA_VERSION).await?;
        let instance: [u8; 16] = rand::random();
        self.set_meta_once("instance", &crate::record::hex(&instance))
            .await
    }

    async fn set_meta_once(&self, name: &str, value: &str) -> Result<()> {
        sqlx::query("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(value)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The current version of each record that `rest` (a constant of this program) selects.
    pub(super) async fn select(
        &self,
        rest: &str,
        text: Option<&str>,
        numbers: &[i64],
    ) -> Result<Vec<Record>> {
        let sql = format!("SELECT {COLUMNS} FROM record r JOIN change c ON c.seq = r.seq {rest}");
        let mut query = sqlx::query(&sql);
        if let Some(text) = text {
            query = query.bind(text);
        }
        for number in numbers {
            query = query.bind(*number);
        }
        query
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(record)
            .collect()
    }

    pub async fn by_slug(&self, slug: &str) -> Result<Option<Record>> {
        Ok(self
            .select("WHERE r.slug = $1", Some(slug), &[])
            .await?
            .pop())
    }

    pub async fn by_iri(&self, iri: &str) -> Result<Option<Record>> {
        Ok(self.select("WHERE r.iri = $1", Some(iri), &[]).await?.pop())
    }

    /// Empties the write-ahead log, which would keep the pages of what was erased.
    pub async fn forget_log(&self) -> Result<()> {
        if self.pool.acquire().await?.backend_name() == "SQLite" {
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }

    /// All that was ever done to a record, newest first: at most the latest thousand.
    pub async fn history(&self, record: i64) -> Result<Vec<Past>> {
        let sql = "SELECT seq, at, state, author, reason FROM change WHERE record = $1 ORDER BY seq DESC LIMIT $2";
        let rows = sqlx::query(sql).bind(record).bind(VERSIONS);
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(Past {
                    seq: row.try_get(0)?,
                    at: row.try_get(1)?,
                    state: row.try_get(2)?,
                    author: row.try_get(3)?,
                    reason: row.try_get(4)?,
                })
            })
            .collect()
    }

    /// What everyone could ever read of a record, oldest first: at most the latest thousand, each
    /// as it was then.
    pub async fn versions(&self, latest: &Record) -> Result<Vec<Record>> {
        let sql = "SELECT c.seq, c.at, c.content, c.hash FROM change c WHERE c.record = $1 AND c.state = 'published' \
                   AND c.audience = 'public' AND c.content <> '' ORDER BY c.seq DESC LIMIT $2";
        let rows = sqlx::query(sql).bind(latest.id).bind(VERSIONS);
        let mut versions: Vec<Record> = Vec::new();
        for row in rows.fetch_all(&self.pool).await?.iter().rev() {
            let version = Record {
                seq: row.try_get(0)?,
                modified: row.try_get(1)?,
                content: row.try_get(2)?,
                hash: row.try_get(3)?,
                ..latest.clone()
            };
            // What was withdrawn and came back is not a new version.
            if versions.last().is_none_or(|v| v.hash != version.hash) {
                versions.push(version);
            }
        }
        Ok(versions)
    }

    /// Those that were ever published among the records that have these IRIs.
    pub async fn numbered(&self, iris: &[&str]) -> Result<Vec<Record>> {
        let mut out = Vec::new();
        for some in iris.chunks(100) {
            let places: Vec<String> = (1..=some.len()).map(|n| format!("${n}")).collect();
            let sql = format!(
                "SELECT {COLUMNS} FROM record r JOIN change c ON c.seq = r.seq WHERE r.publication IS NOT NULL AND r.iri IN ({}) ORDER BY r.iri",
                places.join(", ")
            );
            let query = some.iter().fold(sqlx::query(&sql), |q, iri| q.bind(*iri));
            for row in query.fetch_all(&self.pool).await? {
                out.push(record(&row)?);
            }
        }
        Ok(out)
    }

    /// The shown records of a publisher, at most `limit`, by publication number.
    pub async fn by_publisher(&self, agent: &str, limit: i64) -> Result<Vec<Record>> {
        let rest = format!("WHERE r.publisher = $1 AND {SHOWN} ORDER BY r.publication LIMIT $2");
        self.select(&rest, Some(agent), &[limit]).await
    }

    /// The shown records with a publication number in `(after, upto]`, in that order.
    pub async fn shown_between(&self, after: i64, upto: i64) -> Result<Vec<Record>> {
        let rest = format!(
            "WHERE {SHOWN} AND r.publication > $1 AND r.publication <= $2 ORDER BY r.publication"
        );
        self.select(&rest, None, &[after, upto]).await
    }

    /// The published records with a publication number in `(after, upto]`, also those that only some may read.
    pub async fn published_between(&self, after: i64, upto: i64) -> Result<Vec<Record>> {
        let rest = "WHERE r.state = 'published' AND r.publication > $1 AND r.publication <= $2 ORDER BY r.publication";
        self.select(rest, None, &[after, upto]).await
    }

    /// The published records of some publication numbers, in no order, also those that only some may read.
    pub async fn published(&self, numbers: &[i64]) -> Result<Vec<Record>> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (1..=numbers.len()).map(|n| format!("${n}")).collect();
        let rest = format!(
            "WHERE r.state = 'published' AND r.publication IN ({})",
            places.join(", ")
        );
        self.select(&rest, None, numbers).await
    }

    /// Shown records changed at or after a time, past a publication number, at most `limit`.
    pub async fn shown_since(&self, since: i64, after: i64, limit: i64) -> Result<Vec<Record>> {
        let rest = format!(
            "WHERE {SHOWN} AND r.modified >= $1 AND r.publication > $2 ORDER BY r.publication LIMIT $3"
        );
        self.select(&rest, None, &[since, after, limit]).await
    }

    /// How many shown records changed at or after a time.
    pub async fn count_since(&self, since: i64) -> Result<i64> {
        let sql = format!("SELECT COUNT(*) FROM record r WHERE {SHOWN} AND r.modified >= $1");
        let row = sqlx::query(&sql).bind(since).fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// Records by their numbers, in that order; those that are not shown are left out.
    pub async fn by_ids(&self, ids: &[i64]) -> Result<Vec<Record>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (1..=ids.len()).map(|n| format!("${n}")).collect();
        let rest = format!("WHERE {SHOWN} AND r.id IN ({})", places.join(", "));
        let mut found = self.select(&rest, None, ids).await?;
        found.sort_by_key(|r| ids.iter().position(|id| *id == r.id));
        Ok(found)
    }

    /// The next shown publication number past `after`.
    pub async fn next_shown(&self, after: i64) -> Result<Option<i64>> {
        let sql =
            format!("SELECT MIN(r.publication) FROM record r WHERE {SHOWN} AND r.publication > $1");
        let row = sqlx::query(&sql).bind(after).fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    pub async fn extent(&self) -> Result<Extent> {
        let sql = format!(
            "SELECT COUNT(*), COALESCE(MAX(r.publication), 0), (SELECT COALESCE(MAX(seq), 0) FROM change), \
             (SELECT COALESCE(MAX(publication), 0) FROM record) FROM record r WHERE {SHOWN}"
        );
        let row = sqlx::query(&sql).fetch_one(&self.pool).await?;
        let seq: i64 = row.try_get(2)?;
        let at = |seq: i64| async move {
            let row = sqlx::query("SELECT at FROM change WHERE seq = $1")
                .bind(seq)
                .fetch_optional(&self.pool)
                .await?;
            Ok::<i64, Error>(row.map_or(Ok(0), |r| r.try_get(0))?)
        };
        Ok(Extent {
            total: row.try_get(0)?,
            last: row.try_get(1)?,
            numbered: row.try_get(3)?,
            seq,
            modified: at(seq).await?,
            issued: at(1).await?,
        })
    }

    /// How many records there are in each state.
    pub async fn states(&self) -> Result<Vec<(String, i64)>> {
        sqlx::query("SELECT state, COUNT(*) FROM record GROUP BY state ORDER BY state")
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(|r| Ok((r.try_get(0)?, r.try_get(1)?)))
            .collect()
    }

    /// The records that changed after a change, as they are now.
    pub async fn changed_since(&self, cursor: i64) -> Result<Vec<Record>> {
        let changed = "WHERE r.id IN (SELECT record FROM change WHERE seq > $1) ORDER BY r.seq";
        self.select(changed, None, &[cursor]).await
    }

    /// For each record that changed after `cursor`: its version then, if any, and its version now.
    pub async fn changes_since(&self, cursor: i64) -> Result<Vec<super::graph::Change>> {
        let mut out = Vec::new();
        for new in self.changed_since(cursor).await? {
            let row = sqlx::query(
                "SELECT state, audience, seq, at, content, hash FROM change WHERE record = $1 AND seq <= $2 ORDER BY seq DESC LIMIT 1",
            )
            .bind(new.id)
            .bind(cursor)
            .fetch_optional(&self.pool)
            .await?;
            let old = row.map(|r| Self::version(&r, &new)).transpose()?;
            out.push((old, Some(new)));
        }
        Ok(out)
    }

    /// A version of a record: state, audience, number, time, content and hash of a change.
    pub(super) fn version(row: &AnyRow, record: &Record) -> Result<Record> {
        Ok(Record {
            state: state(row.try_get::<&str, _>(0)?)?,
            audience: row.try_get(1)?,
            seq: row.try_get(2)?,
            modified: row.try_get(3)?,
            content: row.try_get(4)?,
            hash: row.try_get(5)?,
            ..record.clone()
        })
    }

    /// What waits for a moderator's word about records that are there. What was rejected has left
    /// nothing but its hash.
    pub async fn suggestions(&self) -> Result<Vec<Suggestion>> {
        sqlx::query("SELECT s.id, r.slug, s.source, s.at, s.reason, s.content FROM suggestion s JOIN record r ON r.id = s.record WHERE s.content <> '' ORDER BY s.id")
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(|r| {
                Ok(Suggestion {
                    id: r.try_get(0)?,
                    slug: r.try_get(1)?,
                    source: r.try_get(2)?,
                    at: r.try_get(3)?,
                    reason: r.try_get(4)?,
                    content: r.try_get(5)?,
                })
            })
            .collect()
    }

    /// Records that are not published and wait for a moderator, each with the reason of its last
    /// change.
    pub async fn queue(&self) -> Result<Vec<(Record, String)>> {
        let sql = format!(
            "SELECT {COLUMNS}, c.reason FROM record r JOIN change c ON c.seq = r.seq \
             WHERE r.state IN ('suggested', 'accepted') ORDER BY r.seq"
        );
        sqlx::query(&sql)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(|row| Ok((record(row)?, row.try_get("reason")?)))
            .collect()
    }

    pub async fn meta(&self, name: &str) -> Result<Option<String>> {
        let row = sqlx::query("SELECT value FROM meta WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|r| r.try_get(0).map_err(Error::from)).transpose()
    }

    pub async fn set_meta(&self, name: &str, value: &str) -> Result<()> {
        sqlx::query("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(name)
            .bind(value)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Copies the ledger, as it is at one moment, into a new SQLite file, and gives the digest that
    /// the file carries. Readers and the writer go on meanwhile.
    ///
    /// # Errors
    /// The file is there already or cannot be written.
    pub async fn copy_to(&self, file: &Path) -> Result<String> {
        if file.exists() {
            return Err(Error::bad_input(format!(
                "{} is there already; a backup replaces nothing",
                file.display()
            )));
        }
        let copy = Self::at(&format!("sqlite://{}?mode=rwc", file.display())).await?;
        let mut from = self.pool.acquire().await?;
        // One snapshot for all tables: WAL readers keep theirs, PostgreSQL needs to be told.
        let mut from = from.begin().await?;
        let postgres = from.backend_name() == "PostgreSQL";
        if postgres {
            sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                .execute(&mut *from)
                .await?;
        }
        let mut to = copy.pool.begin().await?;
        sqlx::query("DELETE FROM meta").execute(&mut *to).await?;
        for (table, columns, order) in TABLES {
            copy_table(&mut from, &mut to, table, columns, order).await?;
        }
        sqlx::query("DELETE FROM meta WHERE name = 'digest'")
            .execute(&mut *to)
            .await?;
        let digest = digest(&mut to).await?;
        sqlx::query("INSERT INTO meta (name, value) VALUES ('digest', $1)")
            .bind(&digest)
            .execute(&mut *to)
            .await?;
        to.commit().await?;
        copy.close().await?;
        std::fs::File::open(file)
            .and_then(|f| f.sync_all())
            .map_err(Error::internal)?;
        Ok(digest)
    }

    /// Checks that a copy holds what its digest says and that each version has its hash, and gives
    /// the digest.
    ///
    /// # Errors
    /// What does not hold.
    pub async fn verify(&self) -> Result<String> {
        let said = self
            .meta("digest")
            .await?
            .ok_or_else(|| Error::bad_input("it carries no digest: it is no backup"))?;
        let mut connection = self.pool.acquire().await?;
        // The digest does not see indexes, which a damage would make lie.
        let state: String = sqlx::query("PRAGMA integrity_check(1)")
            .fetch_one(&mut *connection)
            .await?
            .try_get(0)?;
        if state != "ok" {
            return Err(Error::bad_input(format!("it is damaged: {state}")));
        }
        let found = digest(&mut connection).await?;
        if found != said {
            return Err(Error::bad_input(format!(
                "it is damaged: its content has the digest {found} and should have {said}"
            )));
        }
        Ok(found)
    }

    /// Writes everything to the main file and lets go of it.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn close(self) -> Result<()> {
        if let Ok(mut connection) = self.pool.acquire().await
            && connection.backend_name() == "SQLite"
        {
            connection
                .execute("PRAGMA wal_checkpoint(TRUNCATE)")
                .await?;
        }
        self.pool.close().await;
        Ok(())
    }
}

/// Makes a connection one that syncs what it commits.
async fn set_up(connection: &mut AnyConnection, embedded: bool) -> sqlx::Result<()> {
    if !embedded {
        return Ok(());
    }
    for pragma in [
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=10000",
        "secure_delete=ON",
        "cache_size=-4000",
    ] {
        connection
            .execute(format!("PRAGMA {pragma}").as_str())
            .await?;
    }
    // Reads the schema, so that a damaged file is noticed here.
    connection
        .execute("SELECT COUNT(*) FROM sqlite_master")
        .await?;
    Ok(())
}

async fn copy_table(
    from: &mut AnyConnection,
    to: &mut AnyConnection,
    table: &str,
    columns: &[&str],
    order: &str,
) -> Result<()> {
    use futures_util::TryStreamExt;
    let list = columns.join(", ");
    let places: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
    let insert = format!(
        "INSERT INTO {table} ({list}) VALUES ({})",
        places.join(", ")
    );
    let select = format!("SELECT {list} FROM {table} ORDER BY {order}");
    let mut rows = sqlx::query(&select).fetch(from);
    while let Some(row) = rows.try_next().await? {
        let mut query = sqlx::query(&insert);
        for (at, column) in columns.iter().enumerate() {
            query = if NUMBERS.contains(column) {
                query.bind(row.try_get::<Option<i64>, _>(at)?)
            } else {
                query.bind(row.try_get::<Option<String>, _>(at)?)
            };
        }
        query.execute(&mut *to).await?;
    }
    Ok(())
}

/// SHA-256 over every row of every table in order, but for the digest itself. The hash of each
/// version is checked on the way.
async fn digest(connection: &mut AnyConnection) -> Result<String> {
    use futures_util::TryStreamExt;
    let mut all = Sha256::new();
    for (table, columns, order) in TABLES {
        let mut named = *table != RULES;
        if named {
            all.update(table.as_bytes());
        }
        let select = format!(
            "SELECT {} FROM {table} ORDER BY {order}",
            columns.join(", ")
        );
        let mut rows = sqlx::query(&select).fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            if !std::mem::replace(&mut named, true) {
                all.update(table.as_bytes());
            }
            if *table == "meta" && row.try_get::<&str, _>(0)? == "digest" {
                continue;
            }
            for (at, column) in columns.iter().enumerate() {
                let text = if NUMBERS.contains(column) {
                    row.try_get::<Option<i64>, _>(at)?.map(|n| n.to_string())
                } else {
                    row.try_get::<Option<String>, _>(at)?
                };
                // Lengths keep neighbouring cells apart.
                let text = text.unwrap_or_default();
                all.update((text.len() as u64).to_be_bytes());
                all.update(text.as_bytes());
            }
            if *table == "change" {
                let (content, said): (String, String) = (row.try_get(5)?, row.try_get(6)?);
                if !said.is_empty() && hash(&content) != said {
                    let seq: i64 = row.try_get(0)?;
                    return Err(Error::bad_input(format!(
                        "change {seq} is damaged: its content does not have its hash"
                    )));
                }
            }
        }
    }
    Ok(crate::record::hex(&all.finalize()))
}

/// The current version of a record, inside a transaction.
pub async fn current(connection: &mut AnyConnection, slug: &str) -> Result<Option<Record>> {
    let sql =
        format!("SELECT {COLUMNS} FROM record r JOIN change c ON c.seq = r.seq WHERE r.slug = $1");
    sqlx::query(&sql)
        .bind(slug)
        .fetch_optional(connection)
        .await?
        .as_ref()
        .map(record)
        .transpose()
}

/// What the write door says about a change.
pub struct Change<'a> {
    pub state: State,
    pub content: String,
    pub author: &'a str,
    pub reason: &'a str,
    pub audience: Option<&'a str>,
    pub merged_into: Option<String>,
}

/// Where a new record comes from.
pub struct Origin<'a> {
    pub slug: &'a str,
    pub iri: &'a str,
    pub source: &'a str,
    pub key: &'a str,
}

/// Appends a change, as the one writer: numbers it, keeps the version, moves the record to it.
///
/// # Errors
/// The database refuses; the transaction is then worth nothing.
pub async fn append(
    connection: &mut AnyConnection,
    old: Option<&Record>,
    origin: Option<&Origin<'_>>,
    change: Change<'_>,
    now: i64,
) -> Result<Record> {
    let row = sqlx::query(
        "SELECT (SELECT COALESCE(MAX(seq), 0) FROM change), (SELECT COALESCE(MAX(id), 0) FROM record), \
         (SELECT COALESCE(MAX(publication), 0) FROM record)",
    )
    .fetch_one(&mut *connection)
    .await?;
    let (seq, id, publication): (i64, i64, i64) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let last: i64 = sqlx::query("SELECT at FROM change WHERE seq = $1")
        .bind(seq)
        .fetch_optional(&mut *connection)
        .await?
        .map_or(Ok(0), |r| r.try_get(0))?;
    // A clock that steps back must not reorder the ledger.
    let (at, seq) = (now.max(last + 1), seq + 1);
    let published = change.state == State::Published;
    let number = old
        .and_then(|o| o.publication)
        .or(published.then_some(publication + 1));
    let first = published && old.is_none_or(|o| o.publication.is_none());
    let (slug, iri) = match (old, origin) {
        (Some(old), _) => (old.slug.clone(), old.iri.clone()),
        (None, Some(origin)) => (origin.slug.to_owned(), origin.iri.to_owned()),
        (None, None) => return Err(Error::internal("a new record needs an origin")),
    };
    let record = Record {
        id: old.map_or(id + 1, |o| o.id),
        slug,
        state: change.state,
        audience: change
            .audience
            .map(str::to_owned)
            .or(old.map(|o| o.audience.clone()))
            .unwrap_or_else(|| PUBLIC.to_owned()),
        seq,
        publication: number,
        issued: if first {
            at
        } else {
            old.map_or(at, |o| o.issued)
        },
        modified: at,
        merged_into: change.merged_into,
        brought_by: match (old, origin) {
            (Some(old), _) => old.brought_by.clone(),
            (None, origin) => origin.map_or_else(String::new, |o| o.source.to_owned()),
        },
        hash: hash(&change.content),
        content: change.content,
        iri,
    };
    sqlx::query("INSERT INTO change (seq, at, record, state, audience, content, hash, author, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(seq)
        .bind(at)
        .bind(record.id)
        .bind(record.state.to_string())
        .bind(&record.audience)
        .bind(&record.content)
        .bind(&record.hash)
        .bind(change.author)
        .bind(change.reason)
        .execute(&mut *connection)
        .await?;
    if let Some(origin) = origin.filter(|_| old.is_none()) {
        sqlx::query(
            "INSERT INTO record (id, slug, iri, state, audience, seq, issued, modified, source, source_key, said, heard) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
        )
        .bind(record.id)
        .bind(&record.slug)
        .bind(&record.iri)
        .bind(record.state.to_string())
        .bind(&record.audience)
        .bind(seq)
        .bind(at)
        .bind(at)
        .bind(origin.source)
        .bind(origin.key)
        .bind(&record.hash)
        .execute(&mut *connection)
        .await?;
    }
    if old.is_some() {
        super::links::forget(connection, &record).await?;
    }
    let publisher =
        crate::record::statement::links(&record.content, &record.iri, "dct:publisher").next();
    sqlx::query(
        "UPDATE record SET state = $2, audience = $3, seq = $4, publication = $5, issued = $6, modified = $7, merged_into = $8, \
         publisher = $9 WHERE id = $1",
    )
    .bind(record.id)
    .bind(record.state.to_string())
    .bind(&record.audience)
    .bind(seq)
    .bind(record.publication)
    .bind(record.issued)
    .bind(record.modified)
    .bind(&record.merged_into)
    .bind(publisher)
    .execute(&mut *connection)
    .await?;
    Ok(record)
}
