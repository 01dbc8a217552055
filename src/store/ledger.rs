//! The ledger: every change numbered, every version kept, synced before it is acknowledged.
//! SQL through sqlx `Any`: SQLite in WAL mode with `synchronous=FULL`, or PostgreSQL by URL.
use crate::error::{Error, Result};
use crate::record::{Record, State};
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, Executor, Row};
use std::path::Path;

/// The schema this program writes; an older program refuses a newer one.
const SCHEMA_VERSION: &str = "1";

const SCHEMA: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS record (id BIGINT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, iri TEXT NOT NULL UNIQUE, \
     state TEXT NOT NULL, seq BIGINT NOT NULL, publication BIGINT UNIQUE, issued BIGINT NOT NULL, modified BIGINT NOT NULL, \
     source TEXT NOT NULL, source_key TEXT NOT NULL, source_hash TEXT NOT NULL, UNIQUE (source, source_key))",
    "CREATE TABLE IF NOT EXISTS change (seq BIGINT PRIMARY KEY, at BIGINT NOT NULL, record BIGINT NOT NULL, state TEXT NOT NULL, \
     content TEXT NOT NULL, hash TEXT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL)",
];

const COLUMNS: &str =
    "r.id, r.slug, r.iri, r.state, r.seq, r.publication, r.issued, r.modified, c.content, c.hash";

#[derive(Clone)]
pub struct Ledger {
    pub pool: AnyPool,
}

fn record(row: &AnyRow) -> Result<Record> {
    let state: String = row.try_get(3)?;
    Ok(Record {
        id: row.try_get(0)?,
        slug: row.try_get(1)?,
        iri: row.try_get(2)?,
        state: State::parse(&state)
            .ok_or_else(|| Error::internal(format!("unknown state {state} in the ledger")))?,
        seq: row.try_get(4)?,
        publication: row.try_get(5)?,
        issued: row.try_get(6)?,
        modified: row.try_get(7)?,
        content: row.try_get(8)?,
        hash: row.try_get(9)?,
    })
}

impl Ledger {
    /// Opens the ledger in `dir`, or at `url` where one is given.
    ///
    /// # Errors
    /// The database cannot be opened, or was written by a newer program.
    pub async fn open(dir: &Path, url: Option<&str>) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let file = format!("sqlite://{}?mode=rwc", dir.join("ledger.db").display());
        let url = url.unwrap_or(&file).to_owned();
        let embedded = url.starts_with("sqlite:");
        let pool = AnyPoolOptions::new()
            .max_connections(4)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if embedded {
                        connection.execute("PRAGMA journal_mode=WAL").await?;
                        connection.execute("PRAGMA synchronous=FULL").await?;
                        connection.execute("PRAGMA busy_timeout=10000").await?;
                    }
                    Ok(())
                })
            })
            .connect(&url)
            .await?;
        for statement in SCHEMA {
            sqlx::query(statement).execute(&pool).await?;
        }
        sqlx::query(
            "INSERT INTO meta (name, value) VALUES ('schema', $1) ON CONFLICT (name) DO NOTHING",
        )
        .bind(SCHEMA_VERSION)
        .execute(&pool)
        .await?;
        let found: String = sqlx::query("SELECT value FROM meta WHERE name = 'schema'")
            .fetch_one(&pool)
            .await?
            .try_get(0)?;
        if found != SCHEMA_VERSION {
            return Err(Error::bad_input(format!(
                "the ledger has schema {found}; this program writes {SCHEMA_VERSION}: use a newer one"
            )));
        }
        Ok(Self { pool })
    }

    /// The current version of each record that `rest` (a constant of this program) selects.
    async fn select(&self, rest: &str, text: Option<&str>, numbers: &[i64]) -> Result<Vec<Record>> {
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

    /// All published records by publication number.
    pub async fn published(&self) -> Result<Vec<Record>> {
        self.select(
            "WHERE r.state = 'published' ORDER BY r.publication",
            None,
            &[],
        )
        .await
    }

    /// The published records with a publication number in `(after, upto]`.
    pub async fn published_between(&self, after: i64, upto: i64) -> Result<Vec<Record>> {
        self.select(
            "WHERE r.state = 'published' AND r.publication > $1 AND r.publication <= $2 ORDER BY r.publication",
            None,
            &[after, upto],
        )
        .await
    }

    /// How many records are published, their highest publication number, and the time of the last
    /// change to any record, removals included.
    pub async fn extent(&self) -> Result<(i64, i64, i64)> {
        let row = sqlx::query(
            "SELECT COUNT(*), COALESCE(MAX(publication), 0) FROM record WHERE state = 'published'",
        )
        .fetch_one(&self.pool)
        .await?;
        let at: i64 = sqlx::query("SELECT COALESCE(MAX(at), 0) FROM change")
            .fetch_one(&self.pool)
            .await?
            .try_get(0)?;
        Ok((row.try_get(0)?, row.try_get(1)?, at))
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
}

/// The current version of a record, inside a transaction.
pub async fn current(connection: &mut sqlx::AnyConnection, slug: &str) -> Result<Record> {
    let sql =
        format!("SELECT {COLUMNS} FROM record r JOIN change c ON c.seq = r.seq WHERE r.slug = $1");
    record(&sqlx::query(&sql).bind(slug).fetch_one(connection).await?)
}
