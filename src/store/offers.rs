//! What data spaces are offered: which records there are, in the order in which they were published first, who
//! may read them, and the ids by which they are asked for. Made when it is first asked for, and kept up from then on.
use super::ledger::Ledger;
use crate::error::Result;
use crate::mapping::dsp::{self, Itself, Version};
use crate::record::{PUBLIC, Record, State};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Records that are read at a time.
const LOAD: i64 = 1_000;

/// One thing in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// The record of a publication number.
    Record(u32),
    /// The catalogue of another participant, by its place among them.
    Participant(u32),
}

struct Item {
    /// `None`: everyone.
    audience: Option<Arc<str>>,
    participant: Option<u32>,
    /// Whether its connector speaks each of [`Version::ALL`].
    speaks: [bool; Version::ALL.len()],
    names: [u64; 2],
}

/// The list.
pub struct Offers {
    itself: Arc<Itself>,
    /// The last change of the ledger that it holds.
    pub cursor: i64,
    items: BTreeMap<u32, Item>,
    /// Publication numbers by hashes of ids. Two ids with one hash are told apart by the record.
    named: HashMap<u64, u32>,
    /// Each with the records that its connector offers; a place is never given again.
    participants: Vec<(Arc<str>, BTreeSet<u32>)>,
    audiences: BTreeSet<Arc<str>>,
}

/// The beginning of a hash.
pub(super) fn short(id: &str) -> u64 {
    let hash = Sha256::digest(id.as_bytes());
    u64::from_be_bytes(std::array::from_fn(|n| hash[n]))
}

impl Offers {
    pub fn new(itself: Arc<Itself>) -> Self {
        Self {
            itself,
            cursor: 0,
            items: BTreeMap::new(),
            named: HashMap::new(),
            participants: Vec::new(),
            audiences: BTreeSet::new(),
        }
    }

    /// Takes up what changed since.
    ///
    /// # Errors
    /// The ledger cannot be read; what was taken up stays.
    pub async fn catch_up(&mut self, ledger: &Ledger, seq: i64) -> Result<()> {
        if self.cursor >= seq {
            return Ok(());
        }
        if self.cursor > 0 {
            let changed = ledger.changed_since(self.cursor).await?;
            changed.iter().for_each(|r| self.take(r));
        } else {
            let last = ledger.extent().await?.numbered;
            for after in (0..last).step_by(LOAD as usize) {
                let records = ledger.published_between(after, after + LOAD).await?;
                records.iter().for_each(|r| self.take(r));
            }
        }
        self.cursor = seq;
        Ok(())
    }

    fn take(&mut self, record: &Record) {
        let Some(number) = record.publication.and_then(|n| u32::try_from(n).ok()) else {
            return;
        };
        if let Some(old) = self.items.remove(&number) {
            for name in old.names {
                if self.named.get(&name) == Some(&number) {
                    self.named.remove(&name);
                }
            }
            if let Some((_, of)) = old
                .participant
                .and_then(|p| self.participants.get_mut(p as usize))
            {
                of.remove(&number);
            }
        }
        if record.state != State::Published {
            return;
        }
        let negotiable = dsp::negotiable(record).ok();
        let id = short(&self.itself.id(record));
        let mut names = [id, id];
        let (mut participant, mut speaks) = (None, [false; Version::ALL.len()]);
        if let Some(found) = negotiable {
            speaks = Version::ALL.map(|v| found.ways.iter().any(|w| w.version == v));
            names[1] = short(&found.asset);
            let owner = found.participant;
            let at = self
                .participants
                .iter()
                .position(|(name, _)| **name == *owner);
            let at = at.unwrap_or_else(|| {
                self.participants.push((owner.into(), BTreeSet::new()));
                self.participants.len() - 1
            });
            self.participants[at].1.insert(number);
            participant = u32::try_from(at).ok();
        }
        for name in names {
            self.named.insert(name, number);
        }
        let audience = (record.audience != PUBLIC).then(|| self.audience(&record.audience));
        self.items.insert(
            number,
            Item {
                audience,
                participant,
                speaks,
                names,
            },
        );
    }

    /// One copy of each, however many records have it.
    fn audience(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.audiences.get(text) {
            return known.clone();
        }
        let new: Arc<str> = text.into();
        self.audiences.insert(new.clone());
        new
    }

    /// All that may be seen by those who speak a version, each participant but the catalogue itself where its first
    /// record is. `may` says whether an audience is one that the reader belongs to.
    pub fn list(&self, library: bool, version: Version, may: &dyn Fn(&str) -> bool) -> Vec<Listed> {
        let seen: BTreeMap<&str, bool> = self.audiences.iter().map(|a| (&**a, may(a))).collect();
        let mut met = BTreeSet::new();
        let mut out = Vec::with_capacity(self.items.len());
        for (number, item) in &self.items {
            if item.audience.as_ref().is_some_and(|a| !seen[&**a]) {
                continue;
            }
            let speaks = Version::ALL.iter().zip(item.speaks);
            let speaks = speaks
                .into_iter()
                .any(|(v, speaks)| *v == version && speaks);
            let offerer = item.participant.filter(|_| speaks);
            let other = offerer.filter(|p| !self.is_itself(*p));
            if library || (offerer.is_some() && other.is_none()) {
                out.push(Listed::Record(*number));
            }
            if let Some(other) = other
                && met.insert(other)
            {
                out.push(Listed::Participant(other));
            }
        }
        out
    }

    fn is_itself(&self, participant: u32) -> bool {
        *self.participants[participant as usize].0 == *self.itself.participant
    }

    /// The name of a participant, and the records that its connector offers.
    pub fn participant(&self, at: u32) -> (Arc<str>, Vec<u32>) {
        let (name, records) = &self.participants[at as usize];
        (name.clone(), records.iter().copied().collect())
    }

    /// The record that may be meant by an id.
    pub fn find(&self, id: &str) -> Option<u32> {
        self.named.get(&short(id)).copied()
    }
}
