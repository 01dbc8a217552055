//! The SPARQL graph: a projection of the ledger, in memory, rebuilt at start. Its default graph is
//! the merge of all published records, each triple once, and the vocabularies they use.
use crate::error::Result;
use crate::mapping::dcat::{self, About};
use crate::mapping::syntax::placed;
use crate::record::statement::Statement;
use crate::record::vocab::{self, BASE};
use crate::record::{Record, triples};
use oxigraph::model::{GraphName, Quad, Triple};
use oxigraph::store::Store;
use std::collections::{BTreeSet, HashMap};

/// The store and, for statements that several records make (agents, documents), how many do.
pub struct Graph {
    pub store: Store,
    /// The last change of the ledger that the graph holds.
    pub cursor: i64,
    /// Triples held now, and removed ones whose memory the store keeps.
    pub live: usize,
    pub dead: usize,
    stated_by: HashMap<Box<str>, u32>,
    public_url: String,
}

/// Removed triples that are not worth a rebuild: a few megabytes.
const SMALL: usize = 20_000;

/// A record's old and new version; either may be absent or not shown.
pub type Change = (Option<Record>, Option<Record>);

impl Graph {
    /// A graph that holds our vocabularies and the catalogue without an entry.
    ///
    /// # Errors
    /// The store cannot be made.
    pub fn new(about: &About, public_url: &str) -> Result<Self> {
        let store = Store::new()?;
        let mut loader = store.bulk_loader();
        let mut live = 0;
        let catalogue = placed(&dcat::catalogue(about, 0, 0), public_url);
        let team = placed(&dcat::catalogue_shared(about), public_url);
        for content in [vocab::own(), vocab::others(), &catalogue, &team] {
            let quads = quads(content)?;
            live += quads.len();
            loader.load_quads(quads)?;
        }
        loader.commit()?;
        Ok(Self {
            store,
            cursor: 0,
            live,
            dead: 0,
            stated_by: HashMap::new(),
            public_url: public_url.to_owned(),
        })
    }

    /// Whether a fresh graph would be much smaller: the store never frees what it removed.
    pub fn is_worn(&self) -> bool {
        self.dead > SMALL && self.dead * 4 > self.live
    }

    /// Adds records that the graph does not hold yet; much faster than [`Self::change`].
    ///
    /// # Errors
    /// The store refuses.
    pub fn load(&mut self, records: &[Record]) -> Result<()> {
        let mut lines = String::new();
        for record in records.iter().filter(|r| r.is_shown()) {
            let content = statements(record);
            let page = format!("{BASE}resource/{}", record.slug);
            for line in content.split_inclusive('\n') {
                let Some(s) = Statement::parse(line) else {
                    continue;
                };
                if dcat::is_own(record, &page, s.subject) || self.count(line, true) {
                    lines.push_str(line);
                }
            }
        }
        let quads = quads(&placed(&lines, &self.public_url))?;
        self.live += quads.len();
        let mut loader = self.store.bulk_loader();
        loader.load_quads(quads)?;
        Ok(loader.commit()?)
    }

    /// Applies changes at once; only what differs touches the store.
    ///
    /// # Errors
    /// The store refuses; nothing is applied then.
    pub fn change(&mut self, changes: &[Change], cursor: i64) -> Result<()> {
        let (mut gone, mut come) = (String::new(), String::new());
        for (old, new) in changes {
            let (old, new) = (old.as_ref(), new.as_ref());
            let shown = |r: Option<&Record>| {
                r.filter(|r| r.is_shown())
                    .map(statements)
                    .unwrap_or_default()
            };
            let (before, after) = (shown(old), shown(new));
            let before: BTreeSet<&str> = before.split_inclusive('\n').collect();
            let after: BTreeSet<&str> = after.split_inclusive('\n').collect();
            let own = |line: &str| {
                let record = new.or(old);
                let subject = Statement::parse(line).map_or("", |s| s.subject);
                record.is_some_and(|r| {
                    dcat::is_own(r, &format!("{BASE}resource/{}", r.slug), subject)
                })
            };
            for line in after.difference(&before) {
                if own(line) || self.count(line, true) {
                    come.push_str(line);
                }
            }
            for line in before.difference(&after) {
                if own(line) || self.count(line, false) {
                    gone.push_str(line);
                }
            }
        }
        let (gone, come) = (
            quads(&placed(&gone, &self.public_url))?,
            quads(&placed(&come, &self.public_url))?,
        );
        let mut transaction = self.store.start_transaction()?;
        for quad in &gone {
            transaction.remove(quad.as_ref());
        }
        for quad in &come {
            transaction.insert(quad.as_ref());
        }
        transaction.commit()?;
        self.live = (self.live + come.len()).saturating_sub(gone.len());
        self.dead += gone.len();
        self.cursor = cursor;
        Ok(())
    }

    /// Counts one more or one fewer record that makes a statement; true where the store must
    /// follow.
    fn count(&mut self, line: &str, more: bool) -> bool {
        // What a vocabulary says stays, whoever repeats it.
        let known = Statement::parse(line).is_some_and(|s| {
            crate::record::statement::iri(s.subject).is_some_and(|n| vocab::about(n).contains(&s))
        });
        if known {
            return false;
        }
        if more {
            let count = self.stated_by.entry(line.into()).or_default();
            *count += 1;
            return *count == 1;
        }
        match self.stated_by.get_mut(line) {
            Some(count) if *count > 1 => {
                *count -= 1;
                false
            }
            Some(_) => {
                self.stated_by.remove(line);
                true
            }
            None => false,
        }
    }
}

/// What the graph holds because of a record: its own statements and its place in the catalogue.
fn statements(record: &Record) -> String {
    dcat::published(record) + &dcat::listing(std::iter::once(record))
}

fn quads(content: &str) -> Result<Vec<Quad>> {
    let triples: Vec<Triple> = triples(content)?;
    Ok(triples
        .into_iter()
        .map(|t| t.in_graph(GraphName::DefaultGraph))
        .collect())
}
