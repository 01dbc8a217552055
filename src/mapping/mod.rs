//! Rows, graphs and records into one another: no IO, no clock.
pub mod dcat;
pub mod lines;
pub mod rdf;
pub mod sheet;
pub mod syntax;
pub mod validate;

use crate::record::{Draft, Finding, Says};
use std::collections::BTreeMap;

/// What a document says: drafts to bring in, and what could not be read as one.
#[derive(Debug, Default)]
pub struct Parsed {
    pub drafts: Vec<Draft>,
    pub findings: Vec<Finding>,
}

impl Parsed {
    /// Joins documents of one source: additions go to the draft that they are about, where one of
    /// the documents has it.
    pub fn join(documents: Vec<Self>) -> Self {
        let mut all = Self::default();
        for document in documents {
            all.drafts.extend(document.drafts);
            all.findings.extend(document.findings);
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
        for draft in &mut drafts {
            if let Some(addition) = additions.remove(&draft.iri) {
                draft.content.push_str(&addition.content);
                draft.content = crate::record::sorted(draft.content.split_inclusive('\n'));
                // Together they say all that the source has to say.
                draft.says = Says::Everything;
            }
        }
        drafts.extend(additions.into_values());
        all.drafts = drafts;
        all
    }
}
