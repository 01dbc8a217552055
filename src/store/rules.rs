//! The rules of matching that moderators wrote: every table that stood, with who, when and why. They go into
//! backups, and where there is none the bundled rules stand.
use super::ledger::Ledger;
use crate::error::Result;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A table of rules that was kept, or the return to the bundled ones.
#[derive(Clone, Debug)]
pub struct Kept {
    pub id: i64,
    /// Microseconds since the epoch.
    pub at: i64,
    pub author: String,
    pub reason: String,
    /// Empty where the bundled rules were taken back.
    pub content: String,
}

const COLUMNS: &str = "id, at, author, reason, content";

fn kept(row: &AnyRow) -> Result<Kept> {
    Ok(Kept {
        id: row.try_get(0)?,
        at: row.try_get(1)?,
        author: row.try_get(2)?,
        reason: row.try_get(3)?,
        content: row.try_get(4)?,
    })
}

impl Ledger {
    /// The last tables that were kept, the latest first.
    pub async fn rules(&self, limit: i64) -> Result<Vec<Kept>> {
        let sql = format!("SELECT {COLUMNS} FROM rules ORDER BY id DESC LIMIT $1");
        let rows = sqlx::query(&sql).bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(kept).collect()
    }

    pub(crate) async fn add_rules(&self, new: &Kept) -> Result<()> {
        let sql = format!("INSERT INTO rules ({COLUMNS}) VALUES ($1, $2, $3, $4, $5)");
        let query = sqlx::query(&sql)
            .bind(new.id)
            .bind(new.at)
            .bind(&new.author)
            .bind(&new.reason)
            .bind(&new.content);
        query.execute(&self.pool).await?;
        Ok(())
    }
}
