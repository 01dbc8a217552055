//! NGSI-LD subscriptions, the notifications that wait to be sent, and how far the ledger was matched with
//! them. Like tokens they belong to the installation: no backup takes them along.
use super::ledger::{COLUMNS, Ledger, record};
use crate::error::Result;
use crate::record::Record;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::collections::BTreeMap;

/// Notifications that are read in one go.
const SOME: i64 = 50;

/// A subscription as it was given, and what became of it. Times are microseconds since the epoch.
#[derive(Clone, Debug, Default)]
pub struct Subscribed {
    pub id: String,
    /// Who made it; empty for someone unknown.
    pub owner: String,
    /// What the client said, in JSON.
    pub body: String,
    /// In which @context that is meant and notifications are written, in JSON.
    pub context: String,
    pub endpoint: String,
    pub active: bool,
    /// Changes after this one count.
    pub since: i64,
    /// When the last notification was, or is, to go out; of a periodic one, when the next is.
    pub due: i64,
    pub created: i64,
    pub modified: i64,
    /// Attempts, and those that failed.
    pub sent: i64,
    pub failed: i64,
    /// Times of the last attempt, success and failure; 0 for none.
    pub last: i64,
    pub success: i64,
    pub failure: i64,
    /// Why the last attempt failed; empty when it did not.
    pub why: String,
}

/// A notification that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Gives the order in which an endpoint gets them.
    pub number: i64,
    pub id: String,
    pub subscription: String,
    pub at: i64,
    pub due: i64,
    /// A JSON list.
    pub data: String,
    pub tries: i64,
    /// When it was given up.
    pub expired: Option<i64>,
    pub why: String,
}

/// What became of an attempt.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub number: i64,
    pub subscription: String,
    /// Which state of it was sent: it may have taken in more meanwhile.
    pub sent: i64,
    pub at: i64,
    /// Empty where it was taken.
    pub why: String,
    /// It is not tried again.
    pub last: bool,
}

const SUBSCRIPTION: &str = "id, owner, body, context, endpoint, active, since, due, created, modified, sent, failed, last, success, \
                            failure, why";
const NOTIFICATION: &str =
    "n.number, n.id, n.subscription, n.at, n.due, n.data, n.tries, n.expired, n.why";

fn subscribed(row: &AnyRow) -> Result<Subscribed> {
    Ok(Subscribed {
        id: row.try_get(0)?,
        owner: row.try_get(1)?,
        body: row.try_get(2)?,
        context: row.try_get(3)?,
        endpoint: row.try_get(4)?,
        active: row.try_get::<i64, _>(5)? != 0,
        since: row.try_get(6)?,
        due: row.try_get(7)?,
        created: row.try_get(8)?,
        modified: row.try_get(9)?,
        sent: row.try_get(10)?,
        failed: row.try_get(11)?,
        last: row.try_get(12)?,
        success: row.try_get(13)?,
        failure: row.try_get(14)?,
        why: row.try_get(15)?,
    })
}

fn waiting(row: &AnyRow) -> Result<Waiting> {
    Ok(Waiting {
        number: row.try_get(0)?,
        id: row.try_get(1)?,
        subscription: row.try_get(2)?,
        at: row.try_get(3)?,
        due: row.try_get(4)?,
        data: row.try_get(5)?,
        tries: row.try_get(6)?,
        expired: row.try_get(7)?,
        why: row.try_get(8)?,
    })
}

impl Ledger {
    /// # Errors
    /// The database fails.
    pub async fn subscription(&self, id: &str) -> Result<Option<Subscribed>> {
        let sql = format!("SELECT {SUBSCRIPTION} FROM subscription WHERE id = $1");
        let row = sqlx::query(&sql).bind(id).fetch_optional(&self.pool);
        row.await?.as_ref().map(subscribed).transpose()
    }

    /// All of them, by age.
    ///
    /// # Errors
    /// The database fails.
    pub async fn subscriptions(&self) -> Result<Vec<Subscribed>> {
        let sql = format!("SELECT {SUBSCRIPTION} FROM subscription ORDER BY created, id");
        let rows = sqlx::query(&sql).fetch_all(&self.pool).await?;
        rows.iter().map(subscribed).collect()
    }

    /// A page of those that an owner made, or of all, by age.
    ///
    /// # Errors
    /// The database fails.
    pub async fn subscriptions_of(
        &self,
        owner: Option<&str>,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<Subscribed>> {
        let sql = format!(
            "SELECT {SUBSCRIPTION} FROM subscription WHERE owner = $1 OR CAST($2 AS BIGINT) = 1 ORDER BY created, id LIMIT $3 OFFSET $4"
        );
        let query = sqlx::query(&sql)
            .bind(owner.unwrap_or_default())
            .bind(i64::from(owner.is_none()))
            .bind(limit)
            .bind(offset);
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(subscribed).collect()
    }

    /// How many there are that an owner made, or in all.
    ///
    /// # Errors
    /// The database fails.
    pub async fn subscription_count(&self, owner: Option<&str>) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM subscription WHERE owner = $1 OR CAST($2 AS BIGINT) = 1";
        let query = sqlx::query(sql)
            .bind(owner.unwrap_or_default())
            .bind(i64::from(owner.is_none()));
        Ok(query.fetch_one(&self.pool).await?.try_get(0)?)
    }

    /// How far the ledger was matched; nothing where nobody subscribes.
    ///
    /// # Errors
    /// The database fails.
    pub async fn matched(&self) -> Result<Option<i64>> {
        let row = sqlx::query("SELECT reached FROM matched WHERE one = 1");
        let row = row.fetch_optional(&self.pool).await?;
        Ok(row.map(|r| r.try_get(0)).transpose()?)
    }

    /// How many records name an agent, as far as the ledger was matched.
    ///
    /// # Errors
    /// The database fails.
    pub async fn agent_records(&self, id: &str) -> Result<i64> {
        let row = sqlx::query("SELECT records FROM matched_agent WHERE id = $1").bind(id);
        let row = row.fetch_optional(&self.pool).await?;
        Ok(row.map_or(Ok(0), |r| r.try_get(0))?)
    }

    /// The changes after `cursor`, at most `limit`: each as a version, with the one before it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn steps(&self, cursor: i64, limit: i64) -> Result<Vec<(Option<Record>, Record)>> {
        let columns = COLUMNS
            .replace("r.state", "c.state")
            .replace("r.audience", "c.audience")
            .replace("r.seq", "c.seq")
            .replace("r.modified", "c.at");
        let sql = format!(
            "SELECT {columns} FROM change c JOIN record r ON r.id = c.record WHERE c.seq > $1 ORDER BY c.seq LIMIT {limit}"
        );
        let rows = sqlx::query(&sql).bind(cursor).fetch_all(&self.pool);
        let before = "SELECT state, audience, seq, at, content, hash FROM change WHERE record = $1 AND seq < $2 \
                      ORDER BY seq DESC LIMIT 1";
        let mut out: Vec<(Option<Record>, Record)> = Vec::new();
        for row in rows.await? {
            let new = record(&row)?;
            let row = sqlx::query(before).bind(new.id).bind(new.seq);
            let row = row.fetch_optional(&self.pool).await?;
            let old = row.map(|r| Self::version(&r, &new)).transpose()?;
            out.push((old, new));
        }
        Ok(out)
    }

    /// The ids of the entities that a purge took away, for what it erased does not tell them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn parted(&self, seq: i64) -> Result<Vec<String>> {
        let rows = sqlx::query("SELECT id FROM parted WHERE seq = $1 ORDER BY id").bind(seq);
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(|r| Ok(r.try_get(0)?)).collect()
    }

    /// Where notifications wait to be sent to.
    ///
    /// # Errors
    /// The database fails.
    pub async fn waiting_endpoints(&self) -> Result<Vec<String>> {
        let sql = "SELECT DISTINCT endpoint FROM notification WHERE expired IS NULL";
        let rows = sqlx::query(sql).fetch_all(&self.pool).await?;
        rows.iter().map(|r| Ok(r.try_get(0)?)).collect()
    }

    /// Some of what an endpoint should have by now, in order. What belongs to a paused subscription waits.
    ///
    /// # Errors
    /// The database fails.
    pub async fn waiting_for(&self, endpoint: &str, now: i64) -> Result<Vec<Waiting>> {
        // Crossed, so that the order comes from the index of notifications.
        let sql = format!(
            "SELECT {NOTIFICATION} FROM notification n CROSS JOIN subscription s WHERE n.endpoint = $1 AND n.expired IS NULL \
             AND n.due <= $2 AND s.id = n.subscription AND s.active = 1 ORDER BY n.number LIMIT {SOME}"
        );
        let rows = sqlx::query(&sql).bind(endpoint).bind(now);
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(waiting).collect()
    }

    /// When an endpoint should have the next one that is held back.
    ///
    /// # Errors
    /// The database fails.
    pub async fn next_due(&self, endpoint: &str, now: i64) -> Result<Option<i64>> {
        let sql = "SELECT MIN(n.due) FROM notification n CROSS JOIN subscription s WHERE n.endpoint = $1 AND n.expired IS NULL \
                   AND n.due > $2 AND s.id = n.subscription AND s.active = 1";
        let row = sqlx::query(sql).bind(endpoint).bind(now);
        Ok(row.fetch_one(&self.pool).await?.try_get(0)?)
    }

    /// What a subscriber did not get, oldest first, at most `limit`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn notifications_of(&self, subscription: &str, limit: i64) -> Result<Vec<Waiting>> {
        let sql = format!(
            "SELECT {NOTIFICATION} FROM notification n WHERE n.subscription = $1 ORDER BY n.number LIMIT $2"
        );
        let rows = sqlx::query(&sql).bind(subscription).bind(limit);
        let rows = rows.fetch_all(&self.pool).await?;
        rows.iter().map(waiting).collect()
    }

    /// How many notifications of a subscription wait, and how many were given up.
    ///
    /// # Errors
    /// The database fails.
    pub async fn notification_counts(&self, subscription: &str) -> Result<(i64, i64)> {
        let sql = "SELECT COUNT(*), COUNT(expired) FROM notification WHERE subscription = $1";
        let row = sqlx::query(sql).bind(subscription);
        let row = row.fetch_one(&self.pool).await?;
        let (all, expired): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok((all - expired, expired))
    }

    /// The notification of a subscription that is held back and may still take in more.
    ///
    /// # Errors
    /// The database fails.
    pub async fn open_notification(&self, subscription: &str, now: i64) -> Result<Option<Waiting>> {
        let sql = format!(
            "SELECT {NOTIFICATION} FROM notification n WHERE n.subscription = $1 AND n.due > $2 AND n.expired IS NULL \
             AND n.tries = 0 ORDER BY n.number DESC LIMIT 1"
        );
        let row = sqlx::query(&sql).bind(subscription).bind(now);
        let row = row.fetch_optional(&self.pool).await?;
        row.as_ref().map(waiting).transpose()
    }

    /// The highest number of a notification.
    ///
    /// # Errors
    /// The database fails.
    pub async fn last_notification(&self) -> Result<i64> {
        let sql = "SELECT COALESCE(MAX(number), 0) FROM notification";
        let row = sqlx::query(sql).fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }
}

/// Keeps a subscription, new or changed. What waits for it goes where it says now.
///
/// # Errors
/// The database fails.
pub(crate) async fn put(connection: &mut AnyConnection, s: &Subscribed) -> Result<()> {
    let sql = format!(
        "INSERT INTO subscription ({SUBSCRIPTION}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
         ON CONFLICT (id) DO UPDATE SET body = excluded.body, context = excluded.context, endpoint = excluded.endpoint, \
         active = excluded.active, due = excluded.due, modified = excluded.modified"
    );
    sqlx::query(&sql)
        .bind(&s.id)
        .bind(&s.owner)
        .bind(&s.body)
        .bind(&s.context)
        .bind(&s.endpoint)
        .bind(i64::from(s.active))
        .bind(s.since)
        .bind(s.due)
        .bind(s.created)
        .bind(s.modified)
        .bind(s.sent)
        .bind(s.failed)
        .bind(s.last)
        .bind(s.success)
        .bind(s.failure)
        .bind(&s.why)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE notification SET endpoint = $2 WHERE subscription = $1 AND endpoint <> $2")
        .bind(&s.id)
        .bind(&s.endpoint)
        .execute(connection)
        .await?;
    Ok(())
}

/// Lets go of a subscription and of what waits for it; with the last one, of where matching stands. Says whether
/// it was there.
///
/// # Errors
/// The database fails.
pub(crate) async fn drop(connection: &mut AnyConnection, id: &str) -> Result<bool> {
    let done = sqlx::query("DELETE FROM subscription WHERE id = $1").bind(id);
    let done = done.execute(&mut *connection).await?;
    sqlx::query("DELETE FROM notification WHERE subscription = $1")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    for table in ["matched", "matched_agent", "parted"] {
        let sql = format!("DELETE FROM {table} WHERE NOT EXISTS (SELECT 1 FROM subscription)");
        sqlx::query(&sql).execute(&mut *connection).await?;
    }
    Ok(done.rows_affected() > 0)
}

/// Keeps how far the ledger was matched, and agents that have another number of records now.
///
/// # Errors
/// The database fails.
pub(crate) async fn reach(
    connection: &mut AnyConnection,
    reached: i64,
    agents: &BTreeMap<String, i64>,
) -> Result<()> {
    sqlx::query("INSERT INTO matched (one, reached) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET reached = excluded.reached")
        .bind(reached)
        .execute(&mut *connection)
        .await?;
    let parted = sqlx::query("DELETE FROM parted WHERE seq <= $1").bind(reached);
    parted.execute(&mut *connection).await?;
    for (id, records) in agents {
        let query = match records {
            0 => sqlx::query("DELETE FROM matched_agent WHERE id = $1 AND CAST($2 AS BIGINT) = 0"),
            _ => sqlx::query(
                "INSERT INTO matched_agent (id, records) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET records = excluded.records",
            ),
        };
        let query = query.bind(id).bind(*records);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Keeps which entities a purge takes away, where someone subscribes.
///
/// # Errors
/// The database fails.
pub(crate) async fn part(connection: &mut AnyConnection, seq: i64, ids: &[String]) -> Result<()> {
    let sql = "INSERT INTO parted (seq, id) SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT) WHERE EXISTS (SELECT 1 FROM matched) ON CONFLICT (seq, id) DO NOTHING";
    for id in ids {
        let query = sqlx::query(sql).bind(seq).bind(id);
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Adds a notification, or renews one that is held back, and keeps when its subscription has the next.
///
/// # Errors
/// The database fails.
pub(crate) async fn notify(
    connection: &mut AnyConnection,
    endpoint: &str,
    w: &Waiting,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO notification (number, id, subscription, endpoint, at, due, data, tries, expired, why) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (number) DO UPDATE SET at = excluded.at, data = excluded.data",
    )
    .bind(w.number)
    .bind(&w.id)
    .bind(&w.subscription)
    .bind(endpoint)
    .bind(w.at)
    .bind(w.due)
    .bind(&w.data)
    .bind(w.tries)
    .bind(w.expired)
    .bind(&w.why)
    .execute(&mut *connection)
    .await?;
    set_due(connection, &w.subscription, w.due).await
}

/// # Errors
/// The database fails.
pub(crate) async fn set_due(connection: &mut AnyConnection, id: &str, due: i64) -> Result<()> {
    let query = sqlx::query("UPDATE subscription SET due = $2 WHERE id = $1");
    query.bind(id).bind(due).execute(connection).await?;
    Ok(())
}

/// Keeps what became of attempts.
///
/// # Errors
/// The database fails.
pub(crate) async fn settle(connection: &mut AnyConnection, outcomes: &[Outcome]) -> Result<()> {
    for o in outcomes {
        let good = o.why.is_empty();
        let query = match (good, o.last) {
            (true, _) => sqlx::query("DELETE FROM notification WHERE number = $1 AND at = $2")
                .bind(o.number)
                .bind(o.sent),
            (false, last) => sqlx::query(
                "UPDATE notification SET tries = tries + 1, why = $2, expired = $3 WHERE number = $1 AND expired IS NULL",
            )
            .bind(o.number)
            .bind(&o.why)
            .bind(last.then_some(o.at)),
        };
        query.execute(&mut *connection).await?;
        let sql = match good {
            true => {
                "UPDATE subscription SET sent = sent + 1, last = $2, success = $2, why = $3 WHERE id = $1"
            }
            false => {
                "UPDATE subscription SET sent = sent + 1, failed = failed + 1, last = $2, failure = $2, why = $3 WHERE id = $1"
            }
        };
        let query = sqlx::query(sql).bind(&o.subscription).bind(o.at);
        query.bind(&o.why).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Gives up what is older than `before`, and of each endpoint all but the latest `most`; forgets what was given
/// up before that.
///
/// # Errors
/// The database fails.
pub(crate) async fn give_up(
    connection: &mut AnyConnection,
    now: i64,
    before: i64,
    most: i64,
) -> Result<()> {
    sqlx::query("UPDATE notification SET expired = $1, why = CASE WHEN why = '' THEN 'too old' ELSE 'too old: ' || why END \
                 WHERE expired IS NULL AND at < $2 AND due < $2")
        .bind(now)
        .bind(before)
        .execute(&mut *connection)
        .await?;
    let long = "SELECT endpoint, COUNT(*) FROM notification WHERE expired IS NULL GROUP BY endpoint HAVING COUNT(*) > $1";
    let long = sqlx::query(long).bind(most).fetch_all(&mut *connection);
    for row in long.await? {
        let (endpoint, count): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        sqlx::query("UPDATE notification SET expired = $1, why = 'too many wait for this endpoint' WHERE number IN \
                     (SELECT number FROM notification WHERE endpoint = $2 AND expired IS NULL ORDER BY number LIMIT $3)")
            .bind(now)
            .bind(&endpoint)
            .bind(count - most)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("DELETE FROM notification WHERE expired < $1")
        .bind(before)
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes what was given up due again, as new.
///
/// # Errors
/// The database fails.
pub(crate) async fn replay(
    connection: &mut AnyConnection,
    subscription: &str,
    now: i64,
) -> Result<u64> {
    let sql = "UPDATE notification SET expired = NULL, due = $2, tries = 0 WHERE subscription = $1 AND expired IS NOT NULL";
    let done = sqlx::query(sql).bind(subscription).bind(now);
    Ok(done.execute(connection).await?.rows_affected())
}
