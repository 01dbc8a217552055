//! The SPARQL graph: a projection of the ledger, in memory, rebuilt at start. Its default graph is
//! the merge of all published records, each triple once.
use crate::error::{Error, Result};
use crate::mapping::dcat;
use crate::record::Record;
use oxigraph::model::{GraphName, Triple};
use oxigraph::store::Store;
use std::collections::HashMap;

/// The store and, for statements that several records make (agents, documents), how many do.
pub struct Graph {
    pub store: Store,
    stated_by: HashMap<Triple, usize>,
}

impl Graph {
    /// A graph that holds our vocabulary and nothing else.
    pub fn new() -> Result<Self> {
        let mut graph = Self {
            store: Store::new()?,
            stated_by: HashMap::new(),
        };
        graph.change(&[], dcat::vocabulary().to_vec())?;
        Ok(graph)
    }

    /// Replaces the statements of one record by others; only what differs touches the store.
    pub fn replace(
        &mut self,
        old: Option<&Record>,
        new: Option<&Record>,
        public_url: &str,
    ) -> Result<()> {
        let statements = |r: Option<&Record>| -> Result<Vec<Triple>> {
            let mut graph = r.map_or_else(
                || Ok(Vec::new()),
                |r| Ok::<_, Error>(dcat::absolute(dcat::published(r)?, public_url)),
            )?;
            graph.sort_by_cached_key(ToString::to_string);
            graph.dedup();
            Ok(graph)
        };
        self.change(&statements(old)?, statements(new)?)
    }

    fn change(&mut self, old: &[Triple], new: Vec<Triple>) -> Result<()> {
        let mut transaction = self.store.start_transaction()?;
        for t in new {
            let count = self.stated_by.entry(t.clone()).or_default();
            *count += 1;
            if *count == 1 {
                transaction.insert(t.in_graph(GraphName::DefaultGraph).as_ref());
            }
        }
        for t in old {
            if let Some(count) = self.stated_by.get_mut(t) {
                *count -= 1;
                if *count == 0 {
                    self.stated_by.remove(t);
                    transaction.remove(t.clone().in_graph(GraphName::DefaultGraph).as_ref());
                }
            }
        }
        Ok(transaction.commit()?)
    }
}
