//! What visitors suggest, until a moderator has decided. Nothing of it is a record before that, and
//! how to reach the visitor is kept in a table of its own, which no copy of the ledger takes along.
use super::ledger::Ledger;
use crate::error::Result;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A suggestion of a visitor.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub id: i64,
    /// The record that is to be corrected; none for a new entry.
    pub slug: Option<String>,
    /// Cells of the sheet by their column, as a JSON object.
    pub cells: String,
    /// What the visitor tells the moderators.
    pub note: String,
    /// Microseconds since the epoch.
    pub at: i64,
    /// `waiting`, `accepted` or `rejected`.
    pub state: String,
    pub decided: Option<i64>,
    pub decided_by: Option<String>,
    pub reason: Option<String>,
    /// The record that came of it.
    pub result: Option<String>,
}

/// A decision on a proposal.
pub struct Decision<'a> {
    pub accepted: bool,
    pub by: &'a str,
    pub reason: &'a str,
    pub result: Option<&'a str>,
    pub at: i64,
    /// When the contact is erased.
    pub erase: i64,
}

const COLUMNS: &str = "id, slug, cells, note, at, state, decided, decided_by, reason, result";

fn proposal(row: &AnyRow) -> Result<Proposal> {
    Ok(Proposal {
        id: row.try_get(0)?,
        slug: row.try_get(1)?,
        cells: row.try_get(2)?,
        note: row.try_get(3)?,
        at: row.try_get(4)?,
        state: row.try_get(5)?,
        decided: row.try_get(6)?,
        decided_by: row.try_get(7)?,
        reason: row.try_get(8)?,
        result: row.try_get(9)?,
    })
}

impl Ledger {
    /// Keeps a proposal under the hash of its token, and its contact apart. The writer's turn is
    /// held by the caller, who gives the numbers.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn propose(
        &self,
        token: &str,
        slug: Option<&str>,
        cells: &str,
        note: &str,
        contact: &str,
        now: i64,
    ) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        let id: i64 = sqlx::query("SELECT COALESCE(MAX(id), 0) + 1 FROM proposal")
            .fetch_one(&mut *transaction)
            .await?
            .try_get(0)?;
        sqlx::query(
            "INSERT INTO proposal (id, token, slug, cells, note, at, state) VALUES ($1, $2, $3, $4, $5, $6, 'waiting')",
        )
        .bind(id)
        .bind(token)
        .bind(slug)
        .bind(cells)
        .bind(note)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        if !contact.is_empty() {
            sqlx::query("INSERT INTO contact (proposal, address) VALUES ($1, $2)")
                .bind(id)
                .bind(contact)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// How many proposals wait.
    ///
    /// # Errors
    /// The database fails.
    pub async fn waiting(&self) -> Result<i64> {
        let row = sqlx::query("SELECT COUNT(*) FROM proposal WHERE state = 'waiting'")
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Those that wait, oldest first, then the last that were decided: at most `limit` of each.
    ///
    /// # Errors
    /// The database fails.
    pub async fn proposals(&self, limit: i64) -> Result<Vec<Proposal>> {
        let mut out = Vec::new();
        for rest in [
            "state = 'waiting' ORDER BY id LIMIT $1",
            "state <> 'waiting' ORDER BY decided DESC LIMIT $1",
        ] {
            let sql = format!("SELECT {COLUMNS} FROM proposal WHERE {rest}");
            for row in sqlx::query(&sql).bind(limit).fetch_all(&self.pool).await? {
                out.push(proposal(&row)?);
            }
        }
        Ok(out)
    }

    /// A proposal by its number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn proposal(&self, id: i64) -> Result<Option<Proposal>> {
        let sql = format!("SELECT {COLUMNS} FROM proposal WHERE id = $1");
        let row = sqlx::query(&sql)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(proposal).transpose()
    }

    /// A proposal by the hash of its token.
    ///
    /// # Errors
    /// The database fails.
    pub async fn proposal_of(&self, token: &str) -> Result<Option<Proposal>> {
        let sql = format!("SELECT {COLUMNS} FROM proposal WHERE token = $1");
        let row = sqlx::query(&sql)
            .bind(token)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(proposal).transpose()
    }

    /// How to reach the one who proposed it, until that is erased.
    ///
    /// # Errors
    /// The database fails.
    pub async fn contact(&self, id: i64) -> Result<Option<String>> {
        let row = sqlx::query("SELECT address FROM contact WHERE proposal = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|r| r.try_get(0)).transpose()?)
    }

    /// Keeps a decision; false where another came first.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn decided(&self, id: i64, decision: &Decision<'_>) -> Result<bool> {
        let state = if decision.accepted {
            "accepted"
        } else {
            "rejected"
        };
        let mut transaction = self.pool.begin().await?;
        let changed = sqlx::query(
            "UPDATE proposal SET state = $1, decided = $2, decided_by = $3, reason = $4, result = $5 WHERE id = $6 AND state = 'waiting'",
        )
        .bind(state)
        .bind(decision.at)
        .bind(decision.by)
        .bind(decision.reason)
        .bind(decision.result)
        .bind(id)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        sqlx::query("UPDATE contact SET erase = $1 WHERE proposal = $2 AND erase IS NULL")
            .bind(decision.erase)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(changed == 1)
    }

    /// Erases the contacts whose time has come.
    ///
    /// # Errors
    /// The database fails.
    pub async fn erase_contacts(&self, now: i64) -> Result<u64> {
        let done = sqlx::query("DELETE FROM contact WHERE erase <= $1")
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected())
    }
}
