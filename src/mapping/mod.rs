//! Rows, graphs and records into one another: no IO, no clock.
pub mod dcat;
pub mod dqv;
pub mod dsp;
pub mod ldes;
pub mod lines;
pub mod need;
pub mod ngsi;
pub mod oai;
pub mod odrl;
pub mod rdf;
pub mod sheet;
pub mod syntax;
pub mod validate;

use crate::record::statement::links;
use crate::record::{Draft, Finding, Says, sorted};
use std::collections::{BTreeMap, BTreeSet};

/// What a document says: drafts to bring in, and what could not be read as one.
#[derive(Debug, Default)]
pub struct Parsed {
    pub drafts: Vec<Draft>,
    pub findings: Vec<Finding>,
}

impl Parsed {
    /// Joins documents of one source: additions go to the draft that they are about, or to those
    /// whose publisher or creator they are about, where one of the documents has such.
    pub fn join(documents: Vec<Self>) -> Self {
        let mut all = Self::default();
        for document in documents {
            all.drafts.extend(document.drafts);
            all.findings.extend(document.findings);
        }
        // Rows may share a slug and be two entries; what RDF says of the same IRI is about one.
        let is_row = |d: &Draft| matches!(d.says, Says::Only(_));
        let rows = all.drafts.iter().filter(|d| is_row(d));
        let mut described: BTreeSet<String> = rows.map(|d| d.iri.clone()).collect();
        for draft in &mut all.drafts {
            if draft.says == Says::Everything && !described.insert(draft.iri.clone()) {
                draft.says = Says::More;
            }
        }
        let mut additions: BTreeMap<String, Draft> = BTreeMap::new();
        let (extra, mut drafts): (Vec<Draft>, Vec<Draft>) =
            all.drafts.into_iter().partition(|d| d.says == Says::More);
        for draft in extra {
            match additions.get_mut(&draft.iri) {
                Some(known) => known.content.push_str(&draft.content),
                None => {
                    additions.insert(draft.iri.clone(), draft);
                }
            }
        }
        // Documents that add to entries say, together with the sheet, all that the source has to
        // say: what they no longer add is gone.
        let whole = !additions.is_empty();
        let mut joined: BTreeSet<String> = BTreeSet::new();
        for draft in &mut drafts {
            if let Some(addition) = additions.get(&draft.iri)
                && joined.insert(draft.iri.clone())
            {
                draft.content.push_str(&addition.content);
            }
            // An agent has no entry of its own: whoever names it carries what is said of it.
            let agents: BTreeSet<String> = ["dct:publisher", "dct:creator"]
                .into_iter()
                .flat_map(|p| links(&draft.content, &draft.iri, p))
                .filter(|agent| additions.contains_key(*agent))
                .map(str::to_owned)
                .collect();
            for agent in agents {
                draft.content.push_str(&additions[&agent].content);
                joined.insert(agent);
            }
            draft.content = sorted(draft.content.split_inclusive('\n'));
            if whole {
                draft.says = Says::Everything;
            }
        }
        additions.retain(|iri, _| !joined.contains(iri));
        drafts.extend(additions.into_values());
        all.drafts = drafts;
        all
    }
}
