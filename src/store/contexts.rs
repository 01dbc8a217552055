//! @contexts that contributors have us serve. They are settings of the service and in no backup.
use super::ledger::Ledger;
use crate::error::Result;
use sqlx::Row;
use sqlx::any::AnyRow;

/// A context as it was given, and when, in microseconds since the epoch.
#[derive(Clone, Debug)]
pub struct Hosted {
    pub name: String,
    pub body: String,
    pub at: i64,
}

fn hosted(row: &AnyRow) -> Result<Hosted> {
    Ok(Hosted {
        name: row.try_get(0)?,
        body: row.try_get(1)?,
        at: row.try_get(2)?,
    })
}

impl Ledger {
    pub async fn hosted(&self, name: &str) -> Result<Option<Hosted>> {
        let query = sqlx::query("SELECT name, body, at FROM context WHERE name = $1").bind(name);
        let row = query.fetch_optional(&self.pool).await?;
        row.as_ref().map(hosted).transpose()
    }

    /// All of them, by name.
    pub async fn all_hosted(&self) -> Result<Vec<Hosted>> {
        let query = sqlx::query("SELECT name, body, at FROM context ORDER BY name");
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(hosted).collect()
    }

    /// Keeps one; the same is kept once.
    pub(crate) async fn add_hosted(&self, new: &Hosted) -> Result<()> {
        let sql = "INSERT INTO context (name, body, at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
        let query = sqlx::query(sql)
            .bind(&new.name)
            .bind(&new.body)
            .bind(new.at);
        query.execute(&self.pool).await?;
        Ok(())
    }

    pub(crate) async fn drop_hosted(&self, name: &str) -> Result<()> {
        let query = sqlx::query("DELETE FROM context WHERE name = $1").bind(name);
        query.execute(&self.pool).await?;
        Ok(())
    }
}
