//! What entries say that rules ask for, as sets of record numbers, and the comparison of all entries with a need.
//! A rule is looked up for all entries at once, so that what a request costs follows from what it asks for.
use super::offers::short;
use super::search::{FACETS, NONE, Search, is_open};
use crate::error::{Error, Kind, Result};
use crate::mapping::odrl;
use crate::record::matching::{Gives, LINKS, Pace, Rules, Verdict, When};
use crate::record::need::{Ask, GRANTS, Strength, label};
use crate::record::statement::{links, statements};
use crate::record::{Record, slug};
use roaring::RoaringBitmap;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// What is kept beside [`LINKS`], by the names that rules have for it.
const OWN: [&str; 3] = [
    "dct:accessRights",
    "dct:publisher/dct:type",
    "odrl:prohibition",
];

/// Nodes that the ways of one need may pass.
const REACHED: usize = 4_000_000;

/// Entries that are told as bridges between two things.
const BRIDGES: usize = 3;

type Links = [RoaringBitmap; LINKS.len() + OWN.len()];

/// Who points where. IRIs are kept as hashes.
#[derive(Default)]
pub struct Ties {
    numbers: HashMap<u64, u32>,
    names: HashMap<u32, u64>,
    out: HashMap<u32, Box<[(u8, u64)]>>,
    into: HashMap<(u8, u64), RoaringBitmap>,
    saying: Links,
}

fn place(property: &str) -> Option<u8> {
    let mut all = LINKS.into_iter().chain(OWN);
    all.position(|p| p == property)
        .and_then(|n| u8::try_from(n).ok())
}

impl Ties {
    /// Takes up what a record says, and what it is published with.
    pub fn add(&mut self, id: u32, record: &Record, published: &str) {
        let (content, iri) = (record.content.as_str(), record.iri.as_str());
        let mut out: Vec<(u8, u64)> = Vec::new();
        for s in statements(content).filter(|s| s.about(iri)) {
            let Some(target) = s.target() else { continue };
            let known = LINKS.iter().position(|p| s.says(p));
            out.extend(known.and_then(|n| Some((u8::try_from(n).ok()?, short(target)))));
        }
        let own = |n: usize| u8::try_from(LINKS.len() + n).unwrap_or(u8::MAX);
        out.extend(links(published, iri, OWN[0]).map(|right| (own(0), short(right))));
        for agent in links(content, iri, "dct:publisher") {
            out.extend(links(content, agent, "dct:type").map(|kind| (own(1), short(kind))));
        }
        for policy in odrl::policies(content, iri) {
            let prohibited = policy
                .rules
                .iter()
                .filter(|r| r.kind == odrl::Kind::Prohibition);
            out.extend(prohibited.map(|r| (own(2), short(&r.action))));
        }
        out.sort_unstable();
        out.dedup();
        for (property, target) in &out {
            self.into
                .entry((*property, *target))
                .or_default()
                .insert(id);
            self.saying[usize::from(*property)].insert(id);
        }
        self.numbers.insert(short(iri), id);
        self.names.insert(id, short(iri));
        self.out.insert(id, out.into());
    }

    pub fn drop(&mut self, id: u32) {
        if let Some(name) = self.names.remove(&id) {
            self.numbers.remove(&name);
        }
        for (property, target) in self.out.remove(&id).unwrap_or_default() {
            if let Some(set) = self.into.get_mut(&(property, target)) {
                set.remove(id);
                if set.is_empty() {
                    self.into.remove(&(property, target));
                }
            }
            self.saying[usize::from(property)].remove(id);
        }
    }

    /// Where a record points with a property.
    fn targets(&self, id: u32, property: u8) -> impl Iterator<Item = u64> {
        let out = self.out.get(&id).map_or(&[][..], |out| out);
        let of = out.iter().filter(move |(p, _)| *p == property);
        of.map(|(_, target)| *target)
    }

    /// The nodes from which one step leads to a node.
    fn before(&self, step: &Pace, node: u64, mut take: impl FnMut(u64)) {
        let property = u8::try_from(step.property).unwrap_or(u8::MAX);
        if step.back {
            if let Some(id) = self.numbers.get(&node) {
                self.targets(*id, property).for_each(take);
            }
        } else if let Some(set) = self.into.get(&(property, node)) {
            set.iter()
                .filter_map(|id| self.names.get(&id))
                .for_each(|n| take(*n));
        }
    }
}

/// Why an entry gets what it gets for one wish, or as a whole.
pub struct Reason {
    /// The place of the wish; none for the entry as a whole.
    pub ask: Option<usize>,
    /// The place of the rule.
    pub rule: usize,
    /// Which of the values of the wish it is, where one was found.
    pub value: Option<usize>,
    /// Numbers of the entries that lie between.
    pub via: Vec<u32>,
}

/// All entries compared with a need.
pub struct Fit<'s> {
    search: &'s Search,
    rules: &'s Rules,
    asks: &'s [Ask],
    /// What is there already, by hash and by number.
    had: HashSet<u64>,
    /// For each wish, the rules that spoke, each with the entries for which it did.
    spoke: Vec<Vec<(usize, RoaringBitmap)>>,
    whole: Vec<(usize, RoaringBitmap)>,
    /// For each wish, who has it.
    offers: Vec<RoaringBitmap>,
    /// For each wish and each other one, who has both and can stand between.
    bridges: HashMap<(usize, usize), RoaringBitmap>,
    /// For each wish and rule with a path, the nodes from which the rest of the path leads to what is asked for.
    ways: HashMap<(usize, usize), Vec<HashSet<u64>>>,
    reached: usize,
    /// The best first.
    order: Vec<(Verdict, u32)>,
}

/// How many of the wishes an entry meets.
#[derive(Clone, Copy, Default)]
struct Tally {
    score: u16,
    fits: u8,
    adapts: u8,
    lacks: u8,
    /// Of all wishes that count, those of the terms too.
    open: bool,
    ruled_out: bool,
}

impl Search {
    /// The number of the shown entry with this IRI.
    pub fn number(&self, iri: &str) -> Option<u32> {
        self.ties.numbers.get(&short(iri)).copied()
    }

    /// The kind of the shown entry with this IRI, as addresses name it.
    pub fn kind(&self, iri: &str) -> Option<String> {
        let id = self.number(iri)?;
        let kinds = &self.facets[facet("dct:type")?];
        let found = kinds
            .iter()
            .find(|(key, set)| *key != NONE && set.contains(id));
        found.map(|(key, _)| key.clone())
    }

    /// Compares all entries but those that are there already.
    ///
    /// # Errors
    /// [`Kind::TooLarge`]: what is asked for is tied to too much of the library.
    pub fn fit<'s>(
        &'s self,
        rules: &'s Rules,
        asks: &'s [Ask],
        have: &[String],
    ) -> Result<Fit<'s>> {
        let mut fit = Fit {
            search: self,
            rules,
            asks,
            had: have.iter().map(|iri| short(iri)).collect(),
            spoke: Vec::new(),
            whole: Vec::new(),
            offers: Vec::new(),
            bridges: HashMap::new(),
            ways: HashMap::new(),
            reached: 0,
            order: Vec::new(),
        };
        fit.compare()?;
        Ok(fit)
    }
}

fn facet(property: &str) -> Option<usize> {
    FACETS.iter().position(|f| f.property == property)
}

/// The key of a value in a facet.
fn key(n: usize, value: &str) -> String {
    match FACETS[n].name {
        // People and sources are found by their names.
        "maintainer" | "source" => slug(&label(value)),
        name => {
            let tail = label_free(value);
            let own = tail
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('-'));
            own.unwrap_or(tail).to_owned()
        }
    }
}

/// The last part of an IRI.
fn label_free(value: &str) -> &str {
    let tail = value.trim_end_matches('/').rsplit(['/', '#']).next();
    tail.unwrap_or(value)
}

/// Actions whose prohibition rules out what is asked of a licence.
fn actions(wish: &str) -> Vec<String> {
    const CC: &str = "http://creativecommons.org/ns#";
    let (odrl, cc): (&[&str], &[&str]) = match wish {
        "commercial-use" => (&["sell"], &["CommericalUse"]),
        "changes" => (&["derive", "modify", "transform"], &["DerivativeWorks"]),
        "sharing" => (
            &["distribute", "reproduce"],
            &["Distribution", "Sharing", "Reproduction"],
        ),
        "open" => (
            &["sell", "derive", "modify", "distribute", "reproduce"],
            &[
                "CommericalUse",
                "DerivativeWorks",
                "Distribution",
                "Sharing",
            ],
        ),
        _ => return vec![wish.to_owned()],
    };
    let odrl = odrl.iter().map(|a| format!("{}{a}", odrl::ODRL));
    odrl.chain(cc.iter().map(|a| format!("{CC}{a}"))).collect()
}

/// Whether a licence allows what is asked of it; nothing where that is not known. `term` is as a record has it.
fn grants(term: &str, wish: &str) -> Option<bool> {
    let code = |name: &str| {
        let tail = label_free(name.trim_matches(['<', '>', '"']));
        tail.to_ascii_uppercase().replace(['_', '.'], "-")
    };
    let known = odrl::licence_terms(term.trim_matches(['<', '>']));
    if !GRANTS.contains(&wish)
        && !wish.starts_with(odrl::ODRL)
        && !wish.contains("creativecommons.org/ns#")
    {
        return Some(code(term) == code(wish));
    }
    match wish {
        "open" if is_open(term) => Some(true),
        "open" => known.map(|_| false),
        "no-share-alike" => {
            known.map(|(duties, _)| !duties.iter().any(|d| d.ends_with("ShareAlike")))
        }
        _ if is_open(term) => Some(true),
        wish => known.map(|(_, prohibited)| {
            let ruled_out = actions(wish);
            !prohibited.iter().any(|p| ruled_out.contains(p))
        }),
    }
}

impl Fit<'_> {
    fn compare(&mut self) -> Result<()> {
        let mut rest = self.search.all.clone();
        for had in &self.had {
            if let Some(id) = self.search.ties.numbers.get(had) {
                rest.remove(*id);
            }
        }
        // Who has what is asked for; what is there already can be a bridge.
        for (n, ask) in self.asks.iter().enumerate() {
            let mut offers = RoaringBitmap::new();
            if ask.aspect.is_entry() {
                for (r, rule) in self.rules.about(ask.aspect) {
                    if rule.gives == Gives::Fits {
                        offers |= self.holds(n, r)?;
                    }
                }
            }
            self.offers.push(offers);
        }
        for (n, ask) in self.asks.iter().enumerate() {
            let (mut left, mut spoke) = (rest.clone(), Vec::new());
            for (r, _) in self.rules.about(ask.aspect) {
                let set = self.holds(n, r)? & &left;
                left -= &set;
                if !set.is_empty() {
                    spoke.push((r, set));
                }
            }
            self.spoke.push(spoke);
        }
        let mut below = None;
        for (r, rule) in self.rules.about_entries() {
            let set = match &rule.when {
                When::Requires => {
                    let needy = &self.search.ties.saying[usize::from(REQUIRES)] & &rest;
                    needy
                        .into_iter()
                        .filter(|id| self.lacking(*id).next().is_some())
                        .collect()
                }
                When::Says(property) => self.saying(property) & &rest,
                When::Silent(property) => &rest - self.saying(property),
                When::Always => rest.clone(),
                When::Below(percent) => {
                    below = Some((r, *percent));
                    continue;
                }
                _ => continue,
            };
            self.whole.push((r, set));
        }
        self.judge(&rest, below);
        Ok(())
    }

    /// What an entry cannot work without and is not there.
    fn lacking(&self, id: u32) -> impl Iterator<Item = u64> {
        let needed = self.search.ties.targets(id, REQUIRES);
        needed.filter(|target| !self.had.contains(target))
    }

    fn judge(&mut self, rest: &RoaringBitmap, below: Option<(usize, u64)>) {
        let mut tallies = vec![Tally::default(); rest.max().map_or(0, |max| max as usize + 1)];
        // Where all is but preferred, what is preferred counts.
        let counts = |ask: &Ask| ask.strength > Strength::Preferred;
        let all_preferred = !self.asks.iter().any(counts);
        let counts = |ask: &Ask| all_preferred || counts(ask);
        // What an entry can do decides how much of the need it meets, where that is asked for.
        let substance = self
            .asks
            .iter()
            .any(|a| counts(a) && a.aspect.is_substance());
        for (ask, spoke) in self.asks.iter().zip(&self.spoke) {
            let weighs = counts(ask) && (!substance || ask.aspect.is_substance());
            let worth = if ask.strength == Strength::Preferred {
                1
            } else {
                3
            };
            for (rule, set) in spoke {
                let gives = self.rules.0[*rule].gives;
                for id in set {
                    let t = &mut tallies[id as usize];
                    match gives {
                        Gives::Fits => t.score += 2 * worth,
                        Gives::Adapts => t.score += worth,
                        _ => {}
                    }
                    if weighs {
                        match gives {
                            Gives::Fits => t.fits += 1,
                            Gives::Adapts => t.adapts += 1,
                            Gives::Lacks | Gives::Conflicts => t.lacks += 1,
                            Gives::Passes => {}
                        }
                    }
                    let missing = matches!(gives, Gives::Adapts | Gives::Lacks);
                    t.open |= counts(ask) && missing;
                    t.ruled_out |= counts(ask) && gives == Gives::Conflicts
                        || ask.strength == Strength::Required && gives == Gives::Lacks;
                }
            }
        }
        for (rule, set) in &self.whole {
            let gives = self.rules.0[*rule].gives;
            for id in set {
                let t = &mut tallies[id as usize];
                t.open |= matches!(gives, Gives::Adapts | Gives::Lacks);
                t.ruled_out |= gives == Gives::Conflicts;
            }
        }
        let mut little = RoaringBitmap::new();
        let mut order: Vec<(Verdict, Reverse<u16>, u32)> = Vec::new();
        for (_, id) in &self.search.orders[0] {
            let Some(t) = tallies.get(*id as usize).filter(|_| rest.contains(*id)) else {
                continue;
            };
            let (met, asked) = (
                u64::from(t.fits + t.adapts),
                u64::from(t.fits + t.adapts + t.lacks),
            );
            let share = below.map_or(1, |(_, percent)| percent);
            let is_little = met == 0 || met * 100 < asked * share;
            if is_little {
                little.insert(*id);
            }
            let verdict = match () {
                () if t.ruled_out || is_little => Verdict::NotCompatible,
                () if t.open => Verdict::Adaptable,
                () => Verdict::Compatible,
            };
            order.push((verdict, Reverse(t.score), *id));
        }
        // They came by title, and stay so among equals.
        order.sort_by_key(|(verdict, score, _)| (*verdict, *score));
        self.order = order
            .into_iter()
            .map(|(verdict, _, id)| (verdict, id))
            .collect();
        if let Some((rule, _)) = below {
            self.whole.push((rule, little));
        }
    }

    /// How many entries get a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        let start = self.order.partition_point(|(v, _)| *v < verdict);
        self.order.partition_point(|(v, _)| *v <= verdict) - start
    }

    /// The entries of a verdict, or all, the best first.
    pub fn page(&self, verdict: Option<Verdict>, offset: usize, limit: usize) -> &[(Verdict, u32)] {
        let all = match verdict {
            None => &self.order[..],
            Some(verdict) => {
                let start = self.order.partition_point(|(v, _)| *v < verdict);
                &self.order[start..start + self.count(verdict)]
            }
        };
        let start = offset.min(all.len());
        &all[start..(offset + limit).min(all.len())]
    }

    /// Why an entry gets its verdict: a reason for each wish, in their order, then those about it as a whole.
    pub fn reasons(&self, id: u32) -> Vec<Reason> {
        let mut out = Vec::new();
        for (n, spoke) in self.spoke.iter().enumerate() {
            let Some((rule, _)) = spoke.iter().find(|(_, set)| set.contains(id)) else {
                continue;
            };
            let (value, via) = self.witness(n, *rule, id);
            out.push(Reason {
                ask: Some(n),
                rule: *rule,
                value,
                via,
            });
        }
        for (rule, _) in self.whole.iter().filter(|(_, set)| set.contains(id)) {
            let ties = &self.search.ties;
            let between: Vec<u64> = match &self.rules.0[*rule].when {
                When::Requires => self.lacking(id).collect(),
                When::Says(property) => {
                    let property = place(property);
                    property.map_or(Vec::new(), |p| ties.targets(id, p).collect())
                }
                _ => Vec::new(),
            };
            let via = between.iter().filter_map(|n| ties.numbers.get(n).copied());
            out.push(Reason {
                ask: None,
                rule: *rule,
                value: None,
                via: via.collect(),
            });
        }
        out
    }

    fn of_kinds(&self, kinds: &[String]) -> RoaringBitmap {
        let sets = facet("dct:type").map(|n| &self.search.facets[n]);
        let sets = kinds.iter().filter_map(|k| sets?.get(k));
        sets.fold(RoaringBitmap::new(), |all, set| all | set)
    }

    fn saying(&self, property: &str) -> RoaringBitmap {
        match (facet(property), place(property)) {
            (Some(n), _) => {
                let none = self.search.facets[n].get(NONE);
                none.map_or_else(|| self.search.all.clone(), |none| &self.search.all - none)
            }
            (None, Some(p)) => self.search.ties.saying[usize::from(p)].clone(),
            (None, None) => RoaringBitmap::new(),
        }
    }

    /// The entries for which a rule holds, whoever came before it.
    fn holds(&mut self, n: usize, r: usize) -> Result<RoaringBitmap> {
        let (search, rules, ask) = (self.search, self.rules, &self.asks[n]);
        let any = |sets: &mut dyn Iterator<Item = &RoaringBitmap>| {
            sets.fold(RoaringBitmap::new(), |all, set| all | set)
        };
        Ok(match &rules.0[r].when {
            When::Path(steps) => self.reach(n, r, steps)?,
            When::Fact(property) => {
                let values = ask.any_of.iter();
                match (facet(property), place(property)) {
                    (Some(f), _) => {
                        any(&mut values.filter_map(|v| search.facets[f].get(&key(f, v))))
                    }
                    (None, Some(p)) => {
                        let values = values.flat_map(|v| actions(v));
                        let sets: Vec<&RoaringBitmap> = values
                            .filter_map(|v| search.ties.into.get(&(p, short(&v))))
                            .collect();
                        any(&mut sets.into_iter())
                    }
                    (None, None) => RoaringBitmap::new(),
                }
            }
            When::Says(property) => self.saying(property),
            When::Silent(property) => &search.all - self.saying(property),
            When::Licence { grants: wanted } => {
                let Some(f) = facet("ldt:licence") else {
                    return Ok(RoaringBitmap::new());
                };
                let keys = search.terms[f].iter().filter(|(_, (_, term))| {
                    let judged: Vec<_> = ask.any_of.iter().map(|w| grants(term, w)).collect();
                    match wanted {
                        true => judged.contains(&Some(true)),
                        false => judged.iter().all(|g| *g == Some(false)),
                    }
                });
                any(&mut keys.filter_map(|(key, _)| search.facets[f].get(key)))
            }
            When::Bridge(kinds) => {
                let (kinds, mut all) = (self.of_kinds(kinds), RoaringBitmap::new());
                for (other, beside) in self.asks.iter().enumerate() {
                    if other == n || !beside.aspect.is_entry() {
                        continue;
                    }
                    let both = &self.offers[n] & &self.offers[other] & &kinds;
                    if !both.is_empty() {
                        all |= &self.offers[other];
                        self.bridges.insert((n, other), both);
                    }
                }
                all
            }
            When::Kinds(kinds) => self.of_kinds(kinds),
            When::Always => search.all.clone(),
            When::Requires | When::Below(_) => RoaringBitmap::new(),
        })
    }

    /// The entries from which a path leads to what is asked for.
    fn reach(&mut self, n: usize, r: usize, steps: &[Pace]) -> Result<RoaringBitmap> {
        let ties = &self.search.ties;
        if !self.ways.contains_key(&(n, r)) {
            let mut levels: Vec<HashSet<u64>> =
                vec![self.asks[n].any_of.iter().map(|v| short(v)).collect()];
            for step in steps.iter().rev() {
                let mut after: HashSet<u64> = levels[levels.len() - 1].clone();
                if let Some(kind) = &step.kind {
                    let kinds = self.of_kinds(std::slice::from_ref(kind));
                    after.retain(|n| ties.numbers.get(n).is_some_and(|id| kinds.contains(*id)));
                    let last = levels.len() - 1;
                    levels[last].clone_from(&after);
                }
                let mut before = HashSet::new();
                for node in after {
                    ties.before(step, node, |n| {
                        before.insert(n);
                    });
                }
                self.reached += before.len();
                if self.reached > REACHED {
                    let why = format!(
                        "what is asked for is tied to more than {REACHED} places of the library; ask for less at once"
                    );
                    return Err(Error::new(Kind::TooLarge, why));
                }
                levels.push(before);
            }
            levels.reverse();
            self.ways.insert((n, r), levels);
        }
        let starts = self.ways[&(n, r)][0].iter();
        Ok(starts
            .filter_map(|n| ties.numbers.get(n))
            .copied()
            .collect())
    }

    /// Which value a rule found for an entry, and what lies between.
    fn witness(&self, n: usize, r: usize, id: u32) -> (Option<usize>, Vec<u32>) {
        let (ties, ask) = (&self.search.ties, &self.asks[n]);
        match &self.rules.0[r].when {
            When::Path(steps) => {
                let levels = &self.ways[&(n, r)];
                let Some(mut node) = ties.names.get(&id).copied() else {
                    return (None, Vec::new());
                };
                let mut via = Vec::new();
                for (step, after) in steps.iter().zip(&levels[1..]) {
                    // A step forward is one backwards from where it leads, and the other way round.
                    let turned = Pace {
                        back: !step.back,
                        ..step.clone()
                    };
                    let mut next = None;
                    ties.before(&turned, node, |n| {
                        if after.contains(&n) && next.is_none_or(|found| n < found) {
                            next = Some(n);
                        }
                    });
                    let Some(next) = next else { break };
                    node = next;
                    via.extend(ties.numbers.get(&node));
                }
                via.pop_if(|last| ties.names.get(last) == Some(&node));
                let value = ask.any_of.iter().position(|v| short(v) == node);
                (value, via)
            }
            When::Fact(property) if ask.any_of.len() > 1 => {
                let has = |v: &String| match (facet(property), place(property)) {
                    (Some(f), _) => self.search.facets[f].get(&key(f, v)),
                    (None, Some(p)) => ties.into.get(&(p, short(v))),
                    (None, None) => None,
                };
                let found = |v: &String| has(v).is_some_and(|set| set.contains(id));
                (ask.any_of.iter().position(found), Vec::new())
            }
            When::Bridge(_) => {
                let others = (0..self.asks.len()).filter(|o| self.offers[*o].contains(id));
                let sets = others.filter_map(|o| self.bridges.get(&(n, o)));
                let mut found: Vec<u32> = sets.flatten().filter(|b| *b != id).collect();
                found.sort_unstable();
                found.dedup();
                // What is there already is the best bridge.
                let there = |b: &u32| ties.names.get(b).is_some_and(|n| self.had.contains(n));
                found.sort_by_key(|b| !there(b));
                found.truncate(if found.first().is_some_and(there) {
                    1
                } else {
                    BRIDGES
                });
                (None, found)
            }
            _ => (None, Vec::new()),
        }
    }

    /// Whether an entry is there already.
    pub fn has(&self, id: u32) -> bool {
        let name = self.search.ties.names.get(&id);
        name.is_some_and(|n| self.had.contains(n))
    }
}

/// The place of `dct:requires` in [`LINKS`].
const REQUIRES: u8 = 5;
