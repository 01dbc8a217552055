//! Who is told when a feed changes, and who wishes to be. No copy of the ledger takes this along: it belongs to
//! the installation, whose address the subscribers know.
use super::ledger::Ledger;
use crate::error::Result;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Someone who is told of a topic, by what the hub knows of him. Times are microseconds since the epoch.
#[derive(Clone, Debug, Default)]
pub struct Listener {
    pub callback: String,
    pub topic: String,
    /// Signs what is sent; empty where none was agreed on.
    pub secret: String,
    /// When his lease ends.
    pub until: i64,
    /// The change that he was told of last, and the entity tag of what he was sent then.
    pub cursor: i64,
    pub tag: String,
    /// How often he did not answer in a row, and when he is tried next.
    pub tries: i64,
    pub again: i64,
}

/// A wish that is not verified yet: to subscribe for so many seconds, or (0) not to be told any more.
#[derive(Clone, Debug)]
pub struct Intent {
    pub id: i64,
    pub callback: String,
    pub topic: String,
    pub secret: String,
    pub lease: i64,
}

const LISTENER: &str = "callback, topic, secret, until, reached, tag, tries, again";

fn listener(row: &AnyRow) -> Result<Listener> {
    Ok(Listener {
        callback: row.try_get(0)?,
        topic: row.try_get(1)?,
        secret: row.try_get(2)?,
        until: row.try_get(3)?,
        cursor: row.try_get(4)?,
        tag: row.try_get(5)?,
        tries: row.try_get(6)?,
        again: row.try_get(7)?,
    })
}

/// Where a callback and a topic stand in one statement.
const PAIR: &str = "callback = $1 AND topic = $2";

impl Ledger {
    /// How many are told of something, and how many wishes are not verified.
    ///
    /// # Errors
    /// The database fails.
    pub async fn listeners(&self) -> Result<[i64; 2]> {
        let sql = "SELECT (SELECT COUNT(*) FROM listener), (SELECT COUNT(*) FROM intent)";
        let row = sqlx::query(sql).fetch_one(&self.pool).await?;
        Ok([row.try_get(0)?, row.try_get(1)?])
    }

    /// Keeps a wish until it is verified. The writer's turn is held, as for all that follows.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn wish(&self, intent: &Intent) -> Result<()> {
        let sql = "INSERT INTO intent (id, callback, topic, secret, lease) \
                   VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM intent), $1, $2, $3, $4)";
        sqlx::query(sql)
            .bind(&intent.callback)
            .bind(&intent.topic)
            .bind(&intent.secret)
            .bind(intent.lease)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The first wishes that are not verified.
    ///
    /// # Errors
    /// The database fails.
    pub async fn intents(&self, limit: i64) -> Result<Vec<Intent>> {
        let sql = "SELECT id, callback, topic, secret, lease FROM intent ORDER BY id LIMIT $1";
        let rows = sqlx::query(sql).bind(limit).fetch_all(&self.pool).await?;
        let intent = |row: &AnyRow| {
            Ok(Intent {
                id: row.try_get(0)?,
                callback: row.try_get(1)?,
                topic: row.try_get(2)?,
                secret: row.try_get(3)?,
                lease: row.try_get(4)?,
            })
        };
        rows.iter().map(intent).collect()
    }

    /// Drops a wish, and does what it says where it was `verified`. Whoever listens already goes on where he is,
    /// with another secret and lease, and is tried at once.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn settle_intent(
        &self,
        intent: &Intent,
        verified: Option<&Listener>,
    ) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM intent WHERE id = $1")
            .bind(intent.id)
            .execute(&mut *transaction)
            .await?;
        match verified {
            Some(l) if intent.lease > 0 => {
                let sql = format!(
                    "INSERT INTO listener ({LISTENER}) VALUES ($1, $2, $3, $4, $5, $6, 0, 0) ON CONFLICT (callback, topic) \
                     DO UPDATE SET secret = excluded.secret, until = excluded.until, tries = 0, again = 0"
                );
                sqlx::query(&sql)
                    .bind(&l.callback)
                    .bind(&l.topic)
                    .bind(&l.secret)
                    .bind(l.until)
                    .bind(l.cursor)
                    .bind(&l.tag)
                    .execute(&mut *transaction)
                    .await?;
            }
            Some(l) => {
                sqlx::query(&format!("DELETE FROM listener WHERE {PAIR}"))
                    .bind(&l.callback)
                    .bind(&l.topic)
                    .execute(&mut *transaction)
                    .await?;
            }
            None => {}
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Who has not been told of the change `seq` and is to be tried by now, those who wait longest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn untold(&self, seq: i64, now: i64, limit: i64) -> Result<Vec<Listener>> {
        let sql = format!(
            "SELECT {LISTENER} FROM listener WHERE reached <> $1 AND again <= $2 AND until > $2 ORDER BY again LIMIT $3"
        );
        let rows = sqlx::query(&sql).bind(seq).bind(now).bind(limit);
        rows.fetch_all(&self.pool)
            .await?
            .iter()
            .map(listener)
            .collect()
    }

    /// Keeps what a listener was told and when he is tried next, where he still listens.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn set_told(&self, l: &Listener) -> Result<()> {
        let sql = format!(
            "UPDATE listener SET reached = $3, tag = $4, tries = $5, again = $6 WHERE {PAIR}"
        );
        sqlx::query(&sql)
            .bind(&l.callback)
            .bind(&l.topic)
            .bind(l.cursor)
            .bind(&l.tag)
            .bind(l.tries)
            .bind(l.again)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Forgets a listener, or those whose lease ended before `now`.
    ///
    /// # Errors
    /// The database fails.
    pub(crate) async fn forget_listener(&self, gone: Option<&Listener>, now: i64) -> Result<u64> {
        let done = match gone {
            Some(l) => {
                let sql = format!("DELETE FROM listener WHERE {PAIR}");
                let query = sqlx::query(&sql).bind(&l.callback).bind(&l.topic);
                query.execute(&self.pool).await?
            }
            None => {
                let sql = "DELETE FROM listener WHERE until <= $1";
                sqlx::query(sql).bind(now).execute(&self.pool).await?
            }
        };
        Ok(done.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn wishes(ledger: &Ledger, lease: i64, until: i64, secret: &str) {
        let intent = Intent {
            id: 0,
            callback: "https://portal.example/told".into(),
            topic: "http://library.example/feed".into(),
            secret: secret.into(),
            lease,
        };
        ledger.wish(&intent).await.unwrap();
        let intent = ledger.intents(10).await.unwrap().remove(0);
        let listener = Listener {
            callback: intent.callback.clone(),
            topic: intent.topic.clone(),
            secret: intent.secret.clone(),
            until,
            cursor: 7,
            tag: "\"a\"".into(),
            ..Listener::default()
        };
        let verified = Some(&listener);
        ledger.settle_intent(&intent, verified).await.unwrap();
        assert!(ledger.intents(10).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_lease_ends_where_it_is_not_renewed_and_renewing_it_forgets_nothing() {
        let dir = std::env::temp_dir().join(format!("ldt-hub-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let ledger = Ledger::open(&dir, "").await.unwrap();
        wishes(&ledger, 60, 1_000, "first").await;
        let told = ledger.untold(7, 500, 10).await.unwrap();
        assert!(told.is_empty(), "nothing is new to him");
        let mut listener = ledger.untold(9, 500, 10).await.unwrap().remove(0);
        assert_eq!((listener.cursor, listener.until), (7, 1_000));
        listener = Listener {
            cursor: 9,
            tries: 3,
            again: 900,
            ..listener
        };
        ledger.set_told(&listener).await.unwrap();
        assert!(ledger.untold(11, 800, 10).await.unwrap().is_empty());
        // Renewed, he is tried at once, from where he is, and for longer.
        wishes(&ledger, 60, 2_000, "second").await;
        let renewed = ledger.untold(11, 800, 10).await.unwrap().remove(0);
        assert_eq!((renewed.cursor, renewed.tries), (9, 0));
        assert_eq!(renewed.secret, "second");
        assert!(ledger.untold(11, 2_000, 10).await.unwrap().is_empty());
        assert_eq!(ledger.forget_listener(None, 1_999).await.unwrap(), 0);
        assert_eq!(ledger.forget_listener(None, 2_000).await.unwrap(), 1);
        assert_eq!(ledger.listeners().await.unwrap(), [0, 0]);
        // And whoever wishes no more is forgotten.
        wishes(&ledger, 60, 3_000, "third").await;
        wishes(&ledger, 0, 0, "").await;
        assert_eq!(ledger.listeners().await.unwrap(), [0, 0]);
        drop(ledger);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
