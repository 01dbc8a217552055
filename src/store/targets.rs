//! How far each target of the publisher has followed the ledger, and what it did not take. No copy of the
//! ledger takes this along: whoever starts from a copy looks first what the targets hold.
use super::ledger::Ledger;
use crate::error::Result;
use crate::record::Record;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

/// Where a target stands. Times are microseconds since the epoch.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Hash of the settings under which entities were sent; under others all is compared anew.
    pub spoken: String,
    /// The change up to which the target holds everything, and the one up to which records were sent since.
    pub base: i64,
    pub cursor: i64,
    /// Entities that were written and deleted in all, and how many each second when there were some last.
    pub sent: i64,
    pub deleted: i64,
    pub rate: f64,
    /// When the target answered last, and why it does not follow; empty when it does.
    pub at: i64,
    pub error: String,
}

/// An entity that a target did not take.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Undelivered {
    pub entity: String,
    pub record: i64,
    /// What the target answered, and its words.
    pub status: i64,
    pub why: String,
    pub tries: i64,
    pub at: i64,
    /// When it is tried again by itself; never, where the entity has to change first.
    pub next: Option<i64>,
}

fn progress(row: &AnyRow) -> Result<Progress> {
    Ok(Progress {
        spoken: row.try_get(0)?,
        base: row.try_get(1)?,
        cursor: row.try_get(2)?,
        sent: row.try_get(3)?,
        deleted: row.try_get(4)?,
        rate: row.try_get(5)?,
        at: row.try_get(6)?,
        error: row.try_get(7)?,
    })
}

fn undelivered(row: &AnyRow) -> Result<Undelivered> {
    Ok(Undelivered {
        entity: row.try_get(0)?,
        record: row.try_get(1)?,
        status: row.try_get(2)?,
        why: row.try_get(3)?,
        tries: row.try_get(4)?,
        at: row.try_get(5)?,
        next: row.try_get(6)?,
    })
}

const PROGRESS: &str = "spoken, base, reached, sent, deleted, rate, at, error";
const UNDELIVERED: &str = "entity, record, status, why, tries, at, again";

impl Ledger {
    /// Where a target stands; at the beginning where it was never heard of.
    ///
    /// # Errors
    /// The database fails.
    pub async fn progress(&self, target: &str) -> Result<Progress> {
        let sql = format!("SELECT {PROGRESS} FROM target WHERE name = $1");
        let row = sqlx::query(&sql).bind(target);
        let row = row.fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(progress).transpose()?.unwrap_or_default())
    }

    /// Keeps where a target stands. The writer's turn is held.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn set_progress(&self, target: &str, p: &Progress) -> Result<()> {
        let sql = format!(
            "INSERT INTO target (name, {PROGRESS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name) DO UPDATE SET \
             spoken = excluded.spoken, base = excluded.base, reached = excluded.reached, sent = excluded.sent, \
             deleted = excluded.deleted, rate = excluded.rate, at = excluded.at, error = excluded.error"
        );
        sqlx::query(&sql)
            .bind(target)
            .bind(&p.spoken)
            .bind(p.base)
            .bind(p.cursor)
            .bind(p.sent)
            .bind(p.deleted)
            .bind(p.rate)
            .bind(p.at)
            .bind(&p.error)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// What a target did not take, those tried last first; of one record where it is given.
    ///
    /// # Errors
    /// The database fails.
    pub async fn undelivered(&self, target: &str, limit: i64) -> Result<Vec<Undelivered>> {
        let sql = format!(
            "SELECT {UNDELIVERED} FROM undelivered WHERE target = $1 ORDER BY at DESC, entity LIMIT $2"
        );
        let rows = sqlx::query(&sql).bind(target).bind(limit);
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(undelivered).collect()
    }

    /// What is to be tried again by now.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due(&self, target: &str, now: i64, limit: i64) -> Result<Vec<Undelivered>> {
        let sql = format!(
            "SELECT {UNDELIVERED} FROM undelivered WHERE target = $1 AND again <= $2 ORDER BY again, entity LIMIT $3"
        );
        let rows = sqlx::query(&sql).bind(target).bind(now).bind(limit);
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(undelivered).collect()
    }

    /// How many entities a target did not take.
    ///
    /// # Errors
    /// The database fails.
    pub async fn undelivered_count(&self, target: &str) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM undelivered WHERE target = $1";
        let row = sqlx::query(sql).bind(target).fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// What a target said of one entity that it did not take.
    ///
    /// # Errors
    /// The database fails.
    pub async fn undelivered_entity(
        &self,
        target: &str,
        entity: &str,
    ) -> Result<Option<Undelivered>> {
        let sql =
            format!("SELECT {UNDELIVERED} FROM undelivered WHERE target = $1 AND entity = $2");
        let row = sqlx::query(&sql).bind(target).bind(entity);
        let row = row.fetch_optional(&self.pool).await?;
        row.as_ref().map(undelivered).transpose()
    }

    /// Which targets did not take entities of a record, and what they said.
    ///
    /// # Errors
    /// The database fails.
    pub async fn undelivered_of(&self, record: i64) -> Result<Vec<(String, Undelivered)>> {
        let sql = format!(
            "SELECT {UNDELIVERED}, target FROM undelivered WHERE record = $1 ORDER BY target, entity LIMIT 100"
        );
        let rows = sqlx::query(&sql).bind(record).fetch_all(&self.pool);
        let rows = rows.await?;
        let read = |row: &AnyRow| Ok((row.try_get(7)?, undelivered(row)?));
        rows.iter().map(read).collect()
    }

    /// Keeps what a target did not take. The writer's turn is held.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn put_undelivered(&self, target: &str, u: &Undelivered) -> Result<()> {
        let sql = format!(
            "INSERT INTO undelivered (target, {UNDELIVERED}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (target, entity) DO UPDATE SET record = excluded.record, status = excluded.status, \
             why = excluded.why, tries = excluded.tries, at = excluded.at, again = excluded.again"
        );
        sqlx::query(&sql)
            .bind(target)
            .bind(&u.entity)
            .bind(u.record)
            .bind(u.status)
            .bind(&u.why)
            .bind(u.tries)
            .bind(u.at)
            .bind(u.next)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Lets go of entities that a target took in the end. The writer's turn is held.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn delivered(&self, target: &str, entities: &[String]) -> Result<()> {
        for some in entities.chunks(500) {
            let marks: Vec<String> = (2..some.len() + 2).map(|n| format!("${n}")).collect();
            let marks = marks.join(", ");
            let sql = format!("DELETE FROM undelivered WHERE target = $1 AND entity IN ({marks})");
            let query = sqlx::query(&sql).bind(target);
            let query = some.iter().fold(query, |query, entity| query.bind(entity));
            query.execute(&self.pool).await?;
        }
        Ok(())
    }

    /// Lets go of all that a target did not take. The writer's turn is held.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn forget_undelivered(&self, target: &str) -> Result<()> {
        let sql = "DELETE FROM undelivered WHERE target = $1";
        sqlx::query(sql).bind(target).execute(&self.pool).await?;
        Ok(())
    }

    /// Makes all that a target did not take due. The writer's turn is held.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn retry_undelivered(&self, target: &str) -> Result<u64> {
        let sql = "UPDATE undelivered SET again = 0 WHERE target = $1";
        let done = sqlx::query(sql).bind(target).execute(&self.pool).await?;
        Ok(done.rows_affected())
    }

    /// The records whose last change came after `cursor`, in the order of it, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn moved_since(&self, cursor: i64, limit: i64) -> Result<Vec<Record>> {
        let rest = format!("WHERE r.seq > $1 ORDER BY r.seq LIMIT {limit}");
        self.select(&rest, None, &[cursor]).await
    }

    /// A record as it was at the change `base`, if it was, and in each version after that.
    ///
    /// # Errors
    /// The database fails.
    pub async fn versions_from(&self, record: &Record, base: i64) -> Result<Vec<Record>> {
        let sql = "SELECT state, audience, seq, at, content, hash FROM change WHERE record = $1 AND seq >= \
                   (SELECT COALESCE(MAX(seq), 0) FROM change WHERE record = $1 AND seq <= $2) ORDER BY seq";
        let rows = sqlx::query(sql).bind(record.id).bind(base);
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(|r| Self::version(r, record)).collect()
    }
}
