//! Who may do what: tokens of programs and people, and the sessions of those who signed in. Of both
//! only hashes are kept, and no copy of the ledger takes them along.
use super::ledger::Ledger;
use crate::error::{Error, Kind, Result};
use crate::record::{Role, hash, hex};
use serde::{Deserialize, Serialize};
use sqlx::Row;

/// What our tokens begin with, so that one that lies about is recognised.
pub const PREFIX: &str = "ldt_";

/// How long a session lasts after it was last used, and at all, in microseconds.
const IDLE: i64 = 2 * 3_600_000_000;
const LONGEST: i64 = 12 * 3_600_000_000;

/// How often use of a session is written down.
const NOTED: i64 = 60_000_000;

/// A token without what is secret of it. Times are microseconds since the epoch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    pub id: i64,
    pub name: String,
    pub role: Role,
    pub created: i64,
    pub expires: Option<i64>,
    pub revoked: Option<i64>,
}

/// Someone who signed in.
#[derive(Clone, Debug)]
pub struct Session {
    pub name: String,
    pub role: Role,
    /// What forms of this session carry.
    pub csrf: String,
}

/// 256 random bits, hexadecimal.
fn secret() -> String {
    hex(&rand::random::<[u8; 32]>())
}

fn role(text: &str) -> Result<Role> {
    let unknown = || Error::internal(format!("unknown role {text} in the ledger"));
    Role::parse(text).ok_or_else(unknown)
}

impl Ledger {
    /// Makes a token and gives it away: this is the one time that it is seen.
    ///
    /// # Errors
    /// The name is empty or too long, or the database fails.
    pub async fn add_token(
        &self,
        name: &str,
        role: Role,
        expires: Option<i64>,
        now: i64,
    ) -> Result<(i64, String)> {
        let length = name.chars().count();
        if !(1..=100).contains(&length) || name.chars().any(char::is_control) {
            let why = format!("a token's name has 1 to 100 characters in one line, not {length}");
            return Err(Error::bad_input(why));
        }
        let token = format!("{PREFIX}{}", secret());
        let mut transaction = self.pool.begin().await?;
        let id: i64 = sqlx::query("SELECT COALESCE(MAX(id), 0) + 1 FROM token")
            .fetch_one(&mut *transaction)
            .await?
            .try_get(0)?;
        sqlx::query(
            "INSERT INTO token (id, hash, name, role, created, expires) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id)
        .bind(hash(&token))
        .bind(name)
        .bind(role.to_string())
        .bind(now)
        .bind(expires)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok((id, token))
    }

    /// All tokens, also those that are of no use any more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let sql = "SELECT id, name, role, created, expires, revoked FROM token ORDER BY id";
        let rows = sqlx::query(sql).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(Token {
                    id: row.try_get(0)?,
                    name: row.try_get(1)?,
                    role: role(row.try_get::<&str, _>(2)?)?,
                    created: row.try_get(3)?,
                    expires: row.try_get(4)?,
                    revoked: row.try_get(5)?,
                })
            })
            .collect()
    }

    /// Ends a token, and the sessions that were begun with it.
    ///
    /// # Errors
    /// There is none, or it was ended before.
    pub async fn revoke_token(&self, id: i64, now: i64) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        let changed =
            sqlx::query("UPDATE token SET revoked = $1 WHERE id = $2 AND revoked IS NULL")
                .bind(now)
                .bind(id)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
        if changed == 0 {
            let why = format!("no token that is in use has the number {id}");
            return Err(Error::new(Kind::NotFound, why));
        }
        sqlx::query("DELETE FROM session WHERE token = $1")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The token in use that this is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn token(&self, token: &str, now: i64) -> Result<Option<Token>> {
        if !token.starts_with(PREFIX) {
            return Ok(None);
        }
        let sql = "SELECT id, name, role, created, expires FROM token \
                   WHERE hash = $1 AND revoked IS NULL AND (expires IS NULL OR expires > $2)";
        let row = sqlx::query(sql)
            .bind(hash(token))
            .bind(now)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| {
            Ok(Token {
                id: row.try_get(0)?,
                name: row.try_get(1)?,
                role: role(row.try_get::<&str, _>(2)?)?,
                created: row.try_get(3)?,
                expires: row.try_get(4)?,
                revoked: None,
            })
        })
        .transpose()
    }

    /// Begins a session and gives what the cookie holds. With a token of ours it ends with that.
    ///
    /// # Errors
    /// The database fails.
    pub async fn begin_session(
        &self,
        name: &str,
        role: Role,
        token: Option<&Token>,
        now: i64,
    ) -> Result<String> {
        let key = secret();
        let ends = now + LONGEST;
        // Those that ended are of no use to anyone.
        sqlx::query("DELETE FROM session WHERE expires <= $1 OR seen <= $2")
            .bind(now)
            .bind(now - IDLE)
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "INSERT INTO session (hash, token, name, role, csrf, seen, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(hash(&key))
        .bind(token.map(|t| t.id))
        .bind(name)
        .bind(role.to_string())
        .bind(secret())
        .bind(now)
        .bind(token.and_then(|t| t.expires).map_or(ends, |e| e.min(ends)))
        .execute(&self.pool)
        .await?;
        Ok(key)
    }

    /// The session under way that a cookie holds.
    ///
    /// # Errors
    /// The database fails.
    pub async fn session(&self, key: &str, now: i64) -> Result<Option<Session>> {
        let found = sqlx::query(
            "SELECT name, role, csrf, seen FROM session WHERE hash = $1 AND expires > $2 AND seen > $3 \
             AND NOT EXISTS (SELECT 1 FROM token WHERE token.id = session.token AND token.revoked IS NOT NULL)",
        )
        .bind(hash(key))
        .bind(now)
        .bind(now - IDLE)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = found else { return Ok(None) };
        let seen: i64 = row.try_get(3)?;
        if seen < now - NOTED {
            sqlx::query("UPDATE session SET seen = $1 WHERE hash = $2")
                .bind(now)
                .bind(hash(key))
                .execute(&self.pool)
                .await?;
        }
        Ok(Some(Session {
            name: row.try_get(0)?,
            role: role(row.try_get::<&str, _>(1)?)?,
            csrf: row.try_get(2)?,
        }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_session(&self, key: &str) -> Result<()> {
        sqlx::query("DELETE FROM session WHERE hash = $1")
            .bind(hash(key))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
