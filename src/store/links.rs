//! What addresses in shown records answered when they were asked, in a table of its own. It is no part of
//! a record, and no copy of the ledger takes it along: addresses can be asked again.
use super::ledger::{Ledger, SHOWN};
use crate::error::Result;
use crate::record::Record;
use crate::record::quality::Answers;
use crate::record::statement::{iri, statements};
use crate::record::vocab::BASE;
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row};
use std::collections::{BTreeMap, BTreeSet};

/// Longest address that is asked, in bytes.
const LONGEST: usize = 2_000;

/// What an address answers when it leads somewhere: any 2xx, and a 3xx that was not followed.
const ANSWERS: &str = "l.status BETWEEN 200 AND 399";

/// How many distributions of a record name an address, for access and for download.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    pub access: i64,
    pub download: i64,
}

/// The addresses on the web that a record leads to, but for the catalogue's own.
pub fn addresses(content: &str) -> BTreeMap<&str, Uses> {
    let mut out: BTreeMap<&str, Uses> = BTreeMap::new();
    for s in statements(content) {
        let (access, download) = match iri(s.predicate).unwrap_or_default() {
            "http://www.w3.org/ns/dcat#accessURL" => (1, 0),
            "http://www.w3.org/ns/dcat#downloadURL" => (0, 1),
            "http://www.w3.org/ns/dcat#landingPage"
            | "http://www.w3.org/ns/dcat#endpointURL"
            | "http://www.w3.org/ns/dcat#endpointDescription"
            | "http://xmlns.com/foaf/0.1/page"
            | "http://schema.org/codeRepository" => (0, 0),
            _ => continue,
        };
        let web = |t: &&str| {
            (t.starts_with("http://") || t.starts_with("https://"))
                && !t.starts_with(BASE)
                && t.len() <= LONGEST
        };
        if let Some(target) = s.target().filter(web) {
            let uses = out.entry(target).or_default();
            uses.access += access;
            uses.download += download;
        }
    }
    out
}

/// An address that is to be asked.
#[derive(Clone, Debug)]
pub struct Due {
    pub address: String,
    /// The entity tag of what it answered last, empty where it gave none.
    pub tag: String,
}

/// What an address answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Of HTTP; 0 where there was no answer.
    pub status: u16,
    /// Why there was none.
    pub why: String,
    /// Where it led instead.
    pub moved: String,
    pub tag: String,
}

impl Answer {
    pub fn is_good(&self) -> bool {
        (200..400).contains(&self.status)
    }
}

/// A link of a shown record that does not answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Broken {
    /// The record's name in its address.
    pub slug: String,
    pub address: String,
    /// Of HTTP; 0 where there was no answer.
    pub status: i64,
    /// Why there was none.
    pub why: String,
    /// Microseconds since the epoch: when it was asked last, and since when it has failed.
    pub checked: i64,
    pub failing: i64,
}

/// Lets go of what is known of addresses that a record no longer names.
pub(super) async fn forget(connection: &mut AnyConnection, record: &Record) -> Result<()> {
    let named = addresses(&record.content);
    for (address, _) in known(connection, record.id).await? {
        if !named.contains_key(address.as_str()) {
            remove(connection, record.id, &address).await?;
        }
    }
    Ok(())
}

async fn known(connection: &mut AnyConnection, record: i64) -> Result<Vec<(String, Uses)>> {
    let sql = "SELECT address, access, download FROM link WHERE record = $1";
    let rows = sqlx::query(sql).bind(record).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let uses = Uses {
                access: row.try_get(1)?,
                download: row.try_get(2)?,
            };
            Ok((row.try_get(0)?, uses))
        })
        .collect()
}

async fn remove(connection: &mut AnyConnection, record: i64, address: &str) -> Result<()> {
    sqlx::query("DELETE FROM link WHERE record = $1 AND address = $2")
        .bind(record)
        .bind(address)
        .execute(connection)
        .await?;
    Ok(())
}

impl Ledger {
    /// Notes which addresses records name. The writer's turn is held by the caller.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn note_links(&self, records: &[Record]) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for record in records {
            let named = addresses(&record.content);
            let known = known(&mut transaction, record.id).await?;
            for (address, _) in &known {
                if !named.contains_key(address.as_str()) {
                    remove(&mut transaction, record.id, address).await?;
                }
            }
            let known: BTreeSet<(&str, i64, i64)> = known
                .iter()
                .map(|(address, u)| (address.as_str(), u.access, u.download))
                .collect();
            for (address, uses) in named {
                if known.contains(&(address, uses.access, uses.download)) {
                    continue;
                }
                sqlx::query(
                    "INSERT INTO link (record, address, access, download) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (record, address) DO UPDATE SET access = excluded.access, download = excluded.download",
                )
                .bind(record.id)
                .bind(address)
                .bind(uses.access)
                .bind(uses.download)
                .execute(&mut *transaction)
                .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Addresses of shown records that were not asked since a time, those that wait longest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due_links(&self, since: i64, limit: i64) -> Result<Vec<Due>> {
        let sql = format!(
            "SELECT l.address, COALESCE(MAX(l.tag), '') FROM link l JOIN record r ON r.id = l.record WHERE {SHOWN} \
             GROUP BY l.address HAVING MIN(COALESCE(l.checked, 0)) <= $1 \
             ORDER BY MIN(COALESCE(l.checked, 0)), l.address LIMIT $2"
        );
        let rows = sqlx::query(&sql).bind(since).bind(limit);
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(Due {
                    address: row.try_get(0)?,
                    tag: row.try_get(1)?,
                })
            })
            .collect()
    }

    /// Keeps what an address answered, for all records that name it. The writer's turn is held by
    /// the caller.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn heard(&self, address: &str, answer: &Answer, now: i64) -> Result<()> {
        let failing = if answer.is_good() {
            "NULL"
        } else {
            "COALESCE(failing, $5)"
        };
        let sql = format!(
            "UPDATE link SET status = $1, why = $2, moved = $3, tag = $4, checked = $5, failing = {failing} WHERE address = $6"
        );
        sqlx::query(&sql)
            .bind(i64::from(answer.status))
            .bind(&answer.why)
            .bind(&answer.moved)
            .bind(&answer.tag)
            .bind(now)
            .bind(address)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// What the addresses of distributions answered, for access and for download: of one record, or
    /// of all that are shown.
    ///
    /// # Errors
    /// The database fails.
    pub async fn answers(&self, record: Option<i64>) -> Result<(Answers, Answers)> {
        let sum = |uses: &str, of: &str| {
            format!("CAST(COALESCE(SUM(CASE WHEN {of} THEN l.{uses} ELSE 0 END), 0) AS BIGINT)")
        };
        let asked = "l.checked IS NOT NULL";
        let sql = format!(
            "SELECT {}, {}, {}, {} FROM link l JOIN record r ON r.id = l.record WHERE {SHOWN} AND ($1 = 0 OR l.record = $1)",
            sum("access", ANSWERS),
            sum("access", asked),
            sum("download", ANSWERS),
            sum("download", asked),
        );
        // No record has the number 0.
        let row = sqlx::query(&sql).bind(record.unwrap_or(0));
        let row = row.fetch_one(&self.pool).await?;
        let number = |at: usize| -> Result<u32> {
            Ok(u32::try_from(row.try_get::<i64, _>(at)?).unwrap_or(u32::MAX))
        };
        let pair = |at: usize| -> Result<Answers> {
            Ok(Answers {
                answered: number(at)?,
                asked: number(at + 1)?,
            })
        };
        Ok((pair(0)?, pair(2)?))
    }

    /// Links of shown records that do not answer, those that have failed longest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn broken_links(&self, limit: i64) -> Result<Vec<Broken>> {
        let sql = format!(
            "SELECT r.slug, l.address, l.status, l.why, l.checked, l.failing FROM link l JOIN record r ON r.id = l.record \
             WHERE {SHOWN} AND l.failing IS NOT NULL ORDER BY l.failing, r.slug, l.address LIMIT $1"
        );
        let rows = sqlx::query(&sql).bind(limit).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(Broken {
                    slug: row.try_get(0)?,
                    address: row.try_get(1)?,
                    status: row.try_get(2)?,
                    why: row.try_get(3)?,
                    checked: row.try_get(4)?,
                    failing: row.try_get(5)?,
                })
            })
            .collect()
    }

    /// How many links of shown records answer, are broken and were not asked yet.
    ///
    /// # Errors
    /// The database fails.
    pub async fn link_states(&self) -> Result<[(&'static str, i64); 3]> {
        let sql = format!(
            "SELECT COUNT(*), COUNT(l.checked), COUNT(l.failing) FROM link l JOIN record r ON r.id = l.record WHERE {SHOWN}"
        );
        let row = sqlx::query(&sql).fetch_one(&self.pool).await?;
        let (all, asked, broken): (i64, i64, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok([
            ("answers", asked - broken),
            ("broken", broken),
            ("unchecked", all - asked),
        ])
    }
}
