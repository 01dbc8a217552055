//! The SPARQL graph: a projection of the ledger, in memory, rebuilt at start. Its default graph is
//! the merge of all published records, each triple once, and the vocabularies they use.
use crate::error::Result;
use crate::mapping::dcat::{self, About};
use crate::mapping::dqv;
use crate::mapping::syntax::placed;
use crate::record::statement::{Statement, iri, lines};
use crate::record::vocab::{self, BASE};
use crate::record::{Record, triples};
use oxigraph::model::{GraphName, Quad, Triple};
use oxigraph::store::Store;
use std::collections::{BTreeSet, HashMap, HashSet};

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
pub const SMALL: usize = 20_000;

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

    /// Whether a fresh graph would be much smaller: the store never frees what it removed. Fewer
    /// than `small` removed triples are not worth it.
    pub fn is_worn(&self, small: usize) -> bool {
        self.dead > small && self.dead * 4 > self.live
    }

    /// Adds records that the graph does not hold yet, each with its [`statements`]; much faster than
    /// [`Self::change`].
    ///
    /// # Errors
    /// The store refuses.
    pub fn load(&mut self, records: &[(Record, String)]) -> Result<()> {
        let (mut come, mut soon) = (String::new(), HashSet::new());
        let mut others = Vec::new();
        for (record, content) in records {
            let page = format!("{BASE}resource/{}", record.slug);
            for line in lines(content) {
                if !is_own(record, &page, line) {
                    others.push(line);
                } else if self.comes(line, true, |_| None)? {
                    come.push_str(line);
                    soon.insert(line);
                }
            }
        }
        for line in others {
            if self.comes(line, false, |l| soon.contains(l).then_some(true))? {
                come.push_str(line);
            }
        }
        let quads = quads(&placed(&come, &self.public_url))?;
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
        let (mut gone, mut come) = (BTreeSet::new(), BTreeSet::new());
        for (old, new) in changes {
            let (old, new) = (old.as_ref(), new.as_ref());
            let Some(record) = new.or(old) else { continue };
            let shown = |r: Option<&Record>| r.map(statements).unwrap_or_default();
            let (before, after) = (shown(old), shown(new));
            let before: BTreeSet<&str> = lines(&before).collect();
            let after: BTreeSet<&str> = lines(&after).collect();
            let page = format!("{BASE}resource/{}", record.slug);
            let soon = |l: &str, come: &BTreeSet<String>, gone: &BTreeSet<String>| {
                let there = come.contains(l);
                (there || gone.contains(l)).then_some(there)
            };
            for line in after.difference(&before) {
                if self.comes(line, is_own(record, &page, line), |l| soon(l, &come, &gone))? {
                    come.insert((*line).to_owned());
                }
            }
            for line in before.difference(&after) {
                if self.goes(line, is_own(record, &page, line)) {
                    come.remove(*line);
                    gone.insert((*line).to_owned());
                }
            }
        }
        let [gone, come] = [gone, come].map(|lines| lines.into_iter().collect::<String>());
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

    /// One more record makes a statement, of its own nodes or not; true where the store must take
    /// it in. `soon` tells of a statement that is about to be in the store, or no longer.
    ///
    /// A record's own statements are counted only while others repeat them: there are too many.
    fn comes(
        &mut self,
        line: &str,
        own: bool,
        soon: impl Fn(&str) -> Option<bool>,
    ) -> Result<bool> {
        if let Some(count) = self.stated_by.get_mut(line) {
            *count += 1;
            return Ok(false);
        }
        if own {
            return Ok(true);
        }
        // What a vocabulary says stays, whoever repeats it.
        let known = Statement::parse(line)
            .is_some_and(|s| iri(s.subject).is_some_and(|n| vocab::about(n).contains(&s)));
        if known {
            return Ok(false);
        }
        // Its owner, or the catalogue about itself, may have said it already.
        let there = match soon(line) {
            Some(there) => there,
            None => self.holds(line)?,
        };
        self.stated_by
            .insert(line.into(), if there { 2 } else { 1 });
        Ok(!there)
    }

    /// One record fewer makes a statement; true where the store must let it go.
    fn goes(&mut self, line: &str, own: bool) -> bool {
        match self.stated_by.get_mut(line) {
            Some(count) if *count > 1 => {
                *count -= 1;
                false
            }
            Some(_) => {
                self.stated_by.remove(line);
                true
            }
            None => own,
        }
    }

    fn holds(&self, line: &str) -> Result<bool> {
        for quad in quads(&placed(line, &self.public_url))? {
            if self.store.contains(quad.as_ref())? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a statement is the record's own: of its nodes, or its place in the catalogue.
fn is_own(record: &Record, page: &str, line: &str) -> bool {
    let subject = Statement::parse(line).map_or("", |s| s.subject);
    iri(subject).and_then(|s| s.strip_prefix(BASE)) == Some("catalog")
        || dcat::is_own(record, page, subject)
}

/// What the graph holds because of a record: its own statements, its place in the catalogue and the
/// points of its description.
/// Nothing for one that is not shown.
pub fn statements(record: &Record) -> String {
    if !record.is_shown() {
        return String::new();
    }
    let published = dcat::published(record);
    let score = dqv::score(record, &published);
    published + &dcat::listing(std::iter::once(record)) + &score
}

fn quads(content: &str) -> Result<Vec<Quad>> {
    let triples: Vec<Triple> = triples(content)?;
    Ok(triples
        .into_iter()
        .map(|t| t.in_graph(GraphName::DefaultGraph))
        .collect())
}
