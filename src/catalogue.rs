//! The one write door: decides what a draft changes, appends to the ledger, applies the graph,
//! and only then answers.
use crate::error::Result;
use crate::mapping::sheet::{Finding, Parsed};
use crate::record::{Draft, Record, State, canonical, hash};
use crate::store::graph::Graph;
use crate::store::ledger::Ledger;
use serde::Serialize;
use sqlx::Row;
use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, RwLock};

pub struct Catalogue {
    pub ledger: Ledger,
    /// `None` until the graph has caught up with the ledger.
    pub graph: RwLock<Option<Graph>>,
    /// Held while changes are numbered: there is one writer.
    writer: Mutex<()>,
    /// Ends in a slash.
    pub public_url: String,
}

/// How an import decides.
#[derive(Clone, Debug)]
pub struct Options {
    pub source: String,
    pub author: String,
    /// The state that new records get.
    pub state: State,
    pub dry_run: bool,
    /// Withdraw what the source no longer names, at most a tenth unless `force`.
    pub prune: bool,
    pub force: bool,
}

/// What an import did, or would do.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub unchanged: usize,
    pub withdrawn: Vec<String>,
    /// Named by an earlier import of this source and not by this one.
    pub missing: Vec<String>,
    pub findings: Vec<Finding>,
}

/// Rows of a batch share one synced transaction.
const BATCH: usize = 500;

impl Catalogue {
    /// # Errors
    /// The ledger cannot be opened.
    pub async fn open(ledger: Ledger, public_url: &str) -> Result<Self> {
        let public_url = format!("{}/", public_url.trim_end_matches('/'));
        Ok(Self {
            ledger,
            graph: RwLock::new(None),
            writer: Mutex::new(()),
            public_url,
        })
    }

    /// Makes the graph anew from the ledger.
    pub async fn rebuild(&self) -> Result<()> {
        let _held = self.writer.lock().await;
        let mut graph = Graph::new()?;
        for record in self.ledger.published().await? {
            graph.replace(None, Some(&record), &self.public_url)?;
        }
        *self.graph.write().await = Some(graph);
        Ok(())
    }

    /// Brings in what a source says. A draft that changes nothing is not written.
    pub async fn import(&self, parsed: Parsed, options: &Options) -> Result<Report> {
        let _held = self.writer.lock().await;
        let mut report = Report {
            findings: parsed.findings,
            ..Report::default()
        };
        let mut seen = HashSet::new();
        for batch in parsed.drafts.chunks(BATCH) {
            let mut transaction = self.ledger.pool.begin().await?;
            let mut applied: Vec<(Option<Record>, Record)> = Vec::new();
            for draft in batch {
                seen.insert(draft.key.clone());
                self.take(&mut transaction, draft, options, &mut report, &mut applied)
                    .await?;
            }
            if options.dry_run {
                transaction.rollback().await?;
                continue;
            }
            transaction.commit().await?;
            self.apply(&applied).await?;
        }
        self.missing(&seen, options, &mut report).await?;
        Ok(report)
    }

    async fn apply(&self, applied: &[(Option<Record>, Record)]) -> Result<()> {
        if let Some(graph) = self.graph.write().await.as_mut() {
            for (old, new) in applied {
                let shown = |r: &Record| r.state == State::Published;
                graph.replace(
                    old.as_ref().filter(|r| shown(r)),
                    Some(new).filter(|r| shown(r)),
                    &self.public_url,
                )?;
            }
        }
        Ok(())
    }

    async fn take(
        &self,
        transaction: &mut sqlx::Transaction<'_, sqlx::Any>,
        draft: &Draft,
        options: &Options,
        report: &mut Report,
        applied: &mut Vec<(Option<Record>, Record)>,
    ) -> Result<()> {
        // The same content whatever slug the record ends up with: hash before renaming.
        let content = canonical(&draft.graph);
        let source_hash = hash(&content);
        let known = sqlx::query("SELECT slug, source_hash, source, source_key FROM record WHERE (source = $1 AND source_key = $2) OR iri = $3")
            .bind(&options.source)
            .bind(&draft.key)
            .bind(draft.iri.as_str())
            .fetch_all(&mut **transaction)
            .await?;
        let mine = known.iter().find(|r| {
            r.try_get::<String, _>(2).is_ok_and(|s| s == options.source)
                && r.try_get::<String, _>(3).is_ok_and(|k| k == draft.key)
        });
        let Some(row) = mine else {
            if let Some(other) = known.first() {
                let (slug, source): (String, String) = (other.try_get(0)?, other.try_get(2)?);
                let same: String = other.try_get(1)?;
                if same == source_hash {
                    report.unchanged += 1;
                } else {
                    report.findings.push(Finding {
                        line: draft.line.unwrap_or(0),
                        entry: draft.iri.as_str().to_owned(),
                        outcome: "skipped",
                        reason: format!("{slug} belongs to the source {source:?}; another source cannot change it"),
                    });
                }
                return Ok(());
            }
            let slug = free_slug(transaction, &draft.slug).await?;
            let (iri, content) = renamed(draft, &slug, content);
            let record = write(
                transaction,
                None,
                &slug,
                &iri,
                options.state,
                content,
                options,
            )
            .await?;
            sqlx::query(
                "UPDATE record SET source = $1, source_key = $2, source_hash = $3 WHERE id = $4",
            )
            .bind(&options.source)
            .bind(&draft.key)
            .bind(&source_hash)
            .bind(record.id)
            .execute(&mut **transaction)
            .await?;
            report.added.push(slug);
            applied.push((None, record));
            return Ok(());
        };
        let (slug, before): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if before == source_hash {
            report.unchanged += 1;
            return Ok(());
        }
        let (iri, content) = renamed(draft, &slug, content);
        let old = current(transaction, &slug).await?;
        let record = write(
            transaction,
            Some(&old),
            &slug,
            &iri,
            old.state,
            content,
            options,
        )
        .await?;
        sqlx::query("UPDATE record SET source_hash = $1 WHERE id = $2")
            .bind(&source_hash)
            .bind(record.id)
            .execute(&mut **transaction)
            .await?;
        report.changed.push(slug);
        applied.push((Some(old), record));
        Ok(())
    }

    async fn missing(
        &self,
        seen: &HashSet<String>,
        options: &Options,
        report: &mut Report,
    ) -> Result<()> {
        let rows = sqlx::query("SELECT slug, source_key FROM record WHERE source = $1 AND state = 'published' ORDER BY slug")
            .bind(&options.source)
            .fetch_all(&self.ledger.pool)
            .await?;
        for row in &rows {
            if !seen.contains(&row.try_get::<String, _>(1)?) {
                report.missing.push(row.try_get(0)?);
            }
        }
        if !options.prune || options.dry_run || report.missing.is_empty() {
            return Ok(());
        }
        if report.missing.len() * 10 > rows.len() && !options.force {
            report.findings.push(Finding {
                line: 0,
                entry: options.source.clone(),
                outcome: "skipped",
                reason: format!(
                    "{} of {} records would be withdrawn, more than a tenth; --force does it",
                    report.missing.len(),
                    rows.len()
                ),
            });
            return Ok(());
        }
        let mut transaction = self.ledger.pool.begin().await?;
        let mut applied = Vec::new();
        for slug in &report.missing {
            let old = current(&mut transaction, slug).await?;
            let new = write(
                &mut transaction,
                Some(&old),
                slug,
                &old.iri,
                State::Withdrawn,
                old.content.clone(),
                options,
            )
            .await?;
            applied.push((Some(old), new));
        }
        transaction.commit().await?;
        self.apply(&applied).await?;
        report.withdrawn.clone_from(&report.missing);
        Ok(())
    }
}

async fn current(transaction: &mut sqlx::Transaction<'_, sqlx::Any>, slug: &str) -> Result<Record> {
    crate::store::ledger::current(transaction, slug).await
}

/// The wish, or the first of `-2`, `-3` … that no record has or had.
async fn free_slug(
    transaction: &mut sqlx::Transaction<'_, sqlx::Any>,
    wish: &str,
) -> Result<String> {
    let mut slug = wish.to_owned();
    let mut n = 2;
    while sqlx::query("SELECT 1 FROM record WHERE slug = $1")
        .bind(&slug)
        .fetch_optional(&mut **transaction)
        .await?
        .is_some()
    {
        slug = format!("{}-{n}", &wish[..wish.len().min(76)]);
        n += 1;
    }
    Ok(slug)
}

/// The IRI and content under the slug that the record really has; a foreign IRI stays.
fn renamed(draft: &Draft, slug: &str, content: String) -> (String, String) {
    let base = crate::record::vocab::BASE;
    let iri = draft.iri.as_str();
    let own = format!("{base}resource/{slug}");
    if iri == own || !iri.starts_with(base) {
        return (iri.to_owned(), content);
    }
    let mut lines: Vec<String> = content
        .lines()
        .map(|l| {
            l.replace(&format!("<{iri}>"), &format!("<{own}>"))
                .replace(&format!("<{iri}#"), &format!("<{own}#"))
                + "\n"
        })
        .collect();
    lines.sort_unstable();
    (own, lines.concat())
}

async fn write(
    transaction: &mut sqlx::Transaction<'_, sqlx::Any>,
    old: Option<&Record>,
    slug: &str,
    iri: &str,
    state: State,
    content: String,
    options: &Options,
) -> Result<Record> {
    let row = sqlx::query(
        "SELECT (SELECT COALESCE(MAX(seq), 0) FROM change), (SELECT COALESCE(MAX(at), 0) FROM change), \
         (SELECT COALESCE(MAX(id), 0) FROM record), (SELECT COALESCE(MAX(publication), 0) FROM record)",
    )
    .fetch_one(&mut **transaction)
    .await?;
    let (seq, last, id, publication): (i64, i64, i64, i64) = (
        row.try_get(0)?,
        row.try_get(1)?,
        row.try_get(2)?,
        row.try_get(3)?,
    );
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
    // A clock that steps back must not reorder the ledger.
    let at = now.max(last + 1);
    let seq = seq + 1;
    let record = Record {
        id: old.map_or(id + 1, |o| o.id),
        slug: slug.to_owned(),
        iri: iri.to_owned(),
        state,
        seq,
        publication: old
            .and_then(|o| o.publication)
            .or((state == State::Published).then_some(publication + 1)),
        issued: old.map_or(at, |o| o.issued),
        modified: at,
        hash: hash(&content),
        content,
    };
    sqlx::query("INSERT INTO change (seq, at, record, state, content, hash, author, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(seq)
        .bind(at)
        .bind(record.id)
        .bind(state.to_string())
        .bind(&record.content)
        .bind(&record.hash)
        .bind(&options.author)
        .bind(format!("import of {}", options.source))
        .execute(&mut **transaction)
        .await?;
    let statement = if old.is_some() {
        "UPDATE record SET slug = $2, iri = $3, state = $4, seq = $5, publication = $6, issued = $7, modified = $8 WHERE id = $1"
    } else {
        "INSERT INTO record (id, slug, iri, state, seq, publication, issued, modified, source, source_key, source_hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $2, '')"
    };
    sqlx::query(statement)
        .bind(record.id)
        .bind(&record.slug)
        .bind(&record.iri)
        .bind(state.to_string())
        .bind(seq)
        .bind(record.publication)
        .bind(record.issued)
        .bind(record.modified)
        .execute(&mut **transaction)
        .await?;
    Ok(record)
}
