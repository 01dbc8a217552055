//! The ledger as those who follow it read it: what changed for everyone, in the order in which it
//! happened, and which of it may no longer be told.
use super::ledger::{Ledger, SHOWN};
use crate::error::Result;
use crate::mapping::ldes::{Activity, Deed};
use crate::record::{PUBLIC, Record, State};
use sqlx::Row;
use std::collections::HashMap;

/// A version that everyone could read once, as a condition on the table `c`.
const TOLD: &str = "c.state = 'published' AND c.audience = 'public'";

/// A record that everyone could read once, as a condition on the table `r`.
const ONCE: &str = "EXISTS (SELECT 1 FROM change t WHERE t.record = r.id AND t.state = 'published' AND t.audience = 'public')";

impl Ledger {
    /// What the changes with numbers in `(after, upto]` did, in that order. A version that was erased, or
    /// is not for everyone any more, is left out; that it is gone is told at the change that took it away.
    ///
    /// # Errors
    /// The database fails.
    pub async fn activities(&self, after: i64, upto: i64) -> Result<Vec<Activity>> {
        let sql = "SELECT c.state, c.audience, c.seq, c.at, CASE WHEN r.audience = 'public' THEN c.content ELSE '' END, c.hash, \
             r.id, r.slug, r.iri, r.publication, r.issued, r.source, r.audience, \
             (SELECT p.state || ' ' || p.audience FROM change p WHERE p.record = c.record AND p.seq < c.seq ORDER BY p.seq DESC LIMIT 1), \
             CASE WHEN c.hash = '' THEN (SELECT MAX(e.seq) FROM change e WHERE e.record = c.record AND e.hash = '') ELSE 0 END, \
             CASE WHEN c.hash = '' THEN (SELECT COUNT(*) FROM change p WHERE p.record = c.record AND p.state = 'published' AND p.audience = 'public') ELSE 0 END \
             FROM change c JOIN record r ON r.id = c.record WHERE c.seq > $1 AND c.seq <= $2 ORDER BY c.seq";
        let rows = sqlx::query(sql).bind(after).bind(upto);
        let mut out = Vec::new();
        for row in rows.fetch_all(&self.pool).await? {
            let now: String = row.try_get(12)?;
            let before: Option<String> = row.try_get(13)?;
            let (last_erased, shown): (i64, i64) = (row.try_get(14)?, row.try_get(15)?);
            let known = Record {
                id: row.try_get(6)?,
                slug: row.try_get(7)?,
                iri: row.try_get(8)?,
                state: State::Withdrawn,
                audience: String::new(),
                seq: 0,
                publication: row.try_get(9)?,
                issued: row.try_get(10)?,
                modified: 0,
                merged_into: None,
                brought_by: row.try_get(11)?,
                content: String::new(),
                hash: String::new(),
            };
            let record = Self::version(&row, &known)?;
            let was_shown = before.is_some_and(|b| b == format!("{} {PUBLIC}", State::Published));
            let erased = record.hash.is_empty();
            let deed = if record.is_shown() {
                if erased || now != PUBLIC {
                    continue;
                }
                if was_shown {
                    Deed::Update
                } else {
                    Deed::Create
                }
            } else if was_shown || (erased && last_erased == record.seq && shown > 0) {
                // Who erases tells it once more to those who have kept what was withdrawn before.
                Deed::Delete
            } else {
                continue;
            };
            out.push(Activity { deed, record });
        }
        Ok(out)
    }

    /// The numbers of changes whose versions everyone could read and may not read any more, in order.
    ///
    /// # Errors
    /// The database fails.
    pub async fn unsaid(&self) -> Result<Vec<i64>> {
        let mut out: Vec<i64> = Vec::new();
        for sql in [
            format!("SELECT c.seq FROM change c WHERE c.hash = '' AND {TOLD}"),
            format!(
                "SELECT c.seq FROM record r JOIN change c ON c.record = r.id WHERE r.audience <> 'public' AND {TOLD}"
            ),
        ] {
            for row in sqlx::query(&sql).fetch_all(&self.pool).await? {
                out.push(row.try_get(0)?);
            }
        }
        out.sort_unstable();
        out.dedup();
        Ok(out)
    }

    /// When the changes with these numbers were made: microseconds since the epoch.
    ///
    /// # Errors
    /// The database fails.
    pub async fn times(&self, changes: &[i64]) -> Result<HashMap<i64, i64>> {
        let mut out = HashMap::with_capacity(changes.len());
        for some in changes.chunks(200) {
            let places: Vec<String> = (1..=some.len()).map(|n| format!("${n}")).collect();
            let sql = format!(
                "SELECT seq, at FROM change WHERE seq IN ({})",
                places.join(", ")
            );
            let query = some.iter().fold(sqlx::query(&sql), |q, n| q.bind(*n));
            for row in query.fetch_all(&self.pool).await? {
                out.insert(row.try_get(0)?, row.try_get(1)?);
            }
        }
        Ok(out)
    }

    /// Records that everyone may read, or could once, past a publication number and changed in
    /// `[from, until)`, whose content is like a pattern of SQL; in the order of these numbers, at most `limit`.
    /// What is gone and has no content for everyone is like any pattern.
    ///
    /// # Errors
    /// The database fails.
    pub async fn told(
        &self,
        pattern: &str,
        after: i64,
        (from, until): (i64, i64),
        limit: i64,
    ) -> Result<Vec<Record>> {
        let rest = format!(
            "WHERE (c.content LIKE $1 OR c.content = '' OR r.audience <> 'public') AND r.publication > $2 AND r.modified >= $3 \
             AND r.modified < $4 AND (({SHOWN}) OR {ONCE}) ORDER BY r.publication LIMIT $5"
        );
        self.select(&rest, Some(pattern), &[after, from, until, limit])
            .await
    }

    /// Slug and last change of the shown records with a publication number in `(after, upto]`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn places(&self, after: i64, upto: i64) -> Result<Vec<(String, i64)>> {
        let sql = format!(
            "SELECT r.slug, r.modified FROM record r WHERE {SHOWN} AND r.publication > $1 AND r.publication <= $2 ORDER BY r.publication"
        );
        let rows = sqlx::query(&sql).bind(after).bind(upto);
        let rows = rows.fetch_all(&self.pool).await?;
        let place = |row: &sqlx::any::AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter().map(place).collect()
    }

    /// For each range of so many publication numbers in which records are shown: its number, counted from 1, and
    /// the last change in it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn ranges(&self, size: i64) -> Result<Vec<(i64, i64)>> {
        let sql = format!(
            "SELECT (r.publication - 1) / $1 + 1 AS place, MAX(r.modified) FROM record r WHERE {SHOWN} GROUP BY place ORDER BY place"
        );
        let rows = sqlx::query(&sql).bind(size).fetch_all(&self.pool).await?;
        let range = |row: &sqlx::any::AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter().map(range).collect()
    }

    /// What everyone could read once and cannot now, as it went at or after a moment: the last to go first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn gone_since(&self, since: i64, limit: i64) -> Result<Vec<Record>> {
        let rest = format!(
            "WHERE r.publication IS NOT NULL AND r.modified >= $1 AND NOT ({SHOWN}) AND {ONCE} ORDER BY r.modified DESC LIMIT $2"
        );
        self.select(&rest, None, &[since, limit]).await
    }
}
