//! The NGSI-LD entities: a projection of the ledger, in memory. It holds which entities there are and
//! sorted values of their attributes, not the entities: those are made from their records when asked for.
//!
//! A row is a number of an entity, never given again while the service runs, so that pages stay as they
//! are while others are added.
use crate::error::{Error, Result};
use crate::mapping::dcat::About;
use crate::mapping::ngsi::geometry;
use crate::mapping::ngsi::query::{
    Comparison, Filter, Key, Operand, Path, Place, Query, Source, keys,
};
use crate::mapping::ngsi::{self, Content, Entity, Kind, Origin};
use crate::record::Record;
use crate::record::vocab::BASE;
use geo::Geometry;
use hashbrown::HashTable;
use regex::Regex;
use roaring::RoaringBitmap;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::ops::Bound;

/// Longest text that is kept whole; of a longer one the beginning is, and what is found by it is looked at.
const TEXT: usize = 128;

/// Attributes whose values nearly nobody asks for: that they are there is kept, what they are is looked up.
const UNSORTED: [&str; 3] = ["description", "contentHash", "rdfDescription"];

/// Attributes that are different for each entity and asked for as a whole: of their values a hash is kept, and
/// what is found by it is looked at.
const DIGESTED: [&str; 5] = [
    "accessURL",
    "belongsToDataset",
    "distribution",
    "identifier",
    "primaryTopic",
];

/// Cells of a degree that a geo query walks over before it takes all places.
const CELLS: f64 = 2_000.0;

/// The entities that are shown.
pub struct Entities {
    /// The last change of the ledger that it holds.
    pub cursor: i64,
    rows: Rows,
    /// Rows by the record that they come from.
    of: HashMap<i64, Vec<u32>>,
    all: RoaringBitmap,
    kinds: [RoaringBitmap; ngsi::KINDS.len()],
    attributes: BTreeMap<&'static str, Column>,
    /// The values of all columns by their numbers.
    values: Vec<Option<(&'static str, Key)>>,
    /// Numbers that are free again.
    free: Vec<u32>,
    /// Hashes of the values of the attributes that are [`DIGESTED`], each with its row.
    digests: BTreeSet<(u32, u32)>,
    created: Values,
    modified: Values,
    cells: HashMap<(i16, i16), RoaringBitmap>,
    places: HashMap<u32, Geometry<f64>>,
    /// Records that name an agent.
    agents: HashMap<Box<str>, BTreeSet<i64>>,
    settings: Settings,
}

/// What entities say of the service that they come from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Ends in a slash.
    pub public_url: String,
    pub prefix: String,
    pub instance: String,
}

impl Settings {
    pub fn origin(&self) -> Origin<'_> {
        Origin {
            public_url: &self.public_url,
            prefix: &self.prefix,
            instance: &self.instance,
        }
    }
}

/// What records become: none for those that are not shown.
pub fn made(records: &[Record], settings: &Settings) -> Vec<(i64, Vec<Entity>)> {
    let origin = settings.origin();
    let each = records.iter();
    each.map(|r| (r.id, ngsi::entities(r, &origin))).collect()
}

/// Rows by their numbers and by the ids of their entities, which are kept once.
#[derive(Default)]
struct Rows {
    /// By number; none for one that went.
    all: Vec<Option<Row>>,
    by_id: HashTable<u32>,
    hasher: RandomState,
}

impl Rows {
    fn get(&self, number: u32) -> Option<&Row> {
        self.all.get(number as usize)?.as_ref()
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut Row> {
        self.all.get_mut(number as usize)?.as_mut()
    }

    fn find(&self, id: &str) -> Option<u32> {
        let is_it = |n: &u32| self.get(*n).is_some_and(|r| *r.id == *id);
        let hash = self.hasher.hash_one(id);
        self.by_id.find(hash, is_it).copied()
    }

    /// The number of the next new row.
    fn next(&self) -> Result<u32> {
        let next = u32::try_from(self.all.len());
        next.map_err(|_| Error::internal("more entities than the index can number"))
    }

    fn insert(&mut self, number: u32, row: Row) {
        let hash = self.hasher.hash_one(&*row.id);
        let at = number as usize;
        if self.all.len() <= at {
            self.all.resize_with(at + 1, || None);
        }
        self.all[at] = Some(row);
        let (all, hasher) = (&self.all, &self.hasher);
        let id = |n: &u32| all[*n as usize].as_ref().map_or("", |r| &*r.id);
        self.by_id
            .insert_unique(hash, number, |n| hasher.hash_one(id(n)));
    }

    fn remove(&mut self, number: u32) -> Option<Row> {
        let row = self.all.get_mut(number as usize)?.take()?;
        let hash = self.hasher.hash_one(&*row.id);
        if let Ok(found) = self.by_id.find_entry(hash, |n| *n == number) {
            found.remove();
        }
        Some(row)
    }
}

struct Row {
    id: Box<str>,
    kind: Kind,
    record: i64,
    /// Numbers of the values that are in the columns because of it: most are of many rows.
    values: Box<[u32]>,
    digests: Box<[u32]>,
    times: [i64; 2],
}

type Values = BTreeMap<Key, Held>;

/// What a column holds of a value: its number, and the rows that have it. Most values are of one.
struct Held {
    number: u32,
    one: u32,
    /// All, once they have been more than one.
    more: Option<Box<RoaringBitmap>>,
}

#[derive(Default)]
struct Column {
    has: RoaringBitmap,
    values: Values,
}

impl Held {
    fn insert(&mut self, row: u32) {
        let one = self.one;
        match &mut self.more {
            Some(more) => {
                more.insert(row);
            }
            None if one == row => {}
            none => *none = Some(Box::new([one, row].into_iter().collect())),
        }
    }

    /// Whether nothing is left.
    fn remove(&mut self, row: u32) -> bool {
        match &mut self.more {
            Some(more) => {
                more.remove(row);
                more.is_empty()
            }
            None => self.one == row,
        }
    }

    fn add_to(&self, set: &mut RoaringBitmap) {
        match &self.more {
            Some(more) => *set |= more.as_ref(),
            None => {
                set.insert(self.one);
            }
        }
    }

    fn first(&self) -> Option<u32> {
        match &self.more {
            Some(more) => more.min(),
            None => Some(self.one),
        }
    }
}

/// What a query comes to: rows, and whether each of them has still to be looked at.
pub struct Plan {
    pub rows: RoaringBitmap,
    pub exact: bool,
}

impl Plan {
    fn exact(rows: RoaringBitmap) -> Self {
        Self { rows, exact: true }
    }
}

/// What is kept of a value of an attribute that is [`DIGESTED`].
fn digest(attribute: &str, key: &Key) -> u32 {
    let mut hasher = DefaultHasher::new();
    attribute.hash(&mut hasher);
    match key {
        Key::Number(number) => number.to_bits().hash(&mut hasher),
        Key::Time(at) => at.hash(&mut hasher),
        Key::Text(text) => (false, text).hash(&mut hasher),
        Key::Target(iri) => (true, iri).hash(&mut hasher),
    }
    // The upper half.
    (hasher.finish() >> 32) as u32
}

/// Of a text, what is kept.
fn cut(key: Key) -> Key {
    cut_at(key, TEXT)
}

fn cut_at(key: Key, most: usize) -> Key {
    match key {
        Key::Text(text) if text.len() > most => {
            let end = (0..=most).rev().find(|n| text.is_char_boundary(*n));
            Key::Text(text[..end.unwrap_or(0)].into())
        }
        other => other,
    }
}

/// Whether a key may be the beginning of a longer text.
fn is_cut(key: &Key) -> bool {
    matches!(key, Key::Text(text) if text.len() > TEXT - 4)
}

/// The number of the value; `new` gives one to a value that was not there.
fn insert(values: &mut Values, key: Key, row: u32, new: impl FnOnce(&Key) -> u32) -> u32 {
    match values.entry(key) {
        Entry::Occupied(mut held) => {
            held.get_mut().insert(row);
            held.get().number
        }
        Entry::Vacant(place) => {
            let number = new(place.key());
            let (one, more) = (row, None);
            place.insert(Held { number, one, more }).number
        }
    }
}

/// Whether the value is of no row any more.
fn remove(values: &mut Values, key: &Key, row: u32) -> bool {
    let last = values.get_mut(key).is_some_and(|held| held.remove(row));
    if last {
        values.remove(key);
    }
    last
}

impl Entities {
    pub fn new(settings: Settings) -> Self {
        Self {
            cursor: 0,
            rows: Rows::default(),
            of: HashMap::new(),
            all: RoaringBitmap::new(),
            kinds: Default::default(),
            attributes: BTreeMap::new(),
            values: Vec::new(),
            free: Vec::new(),
            digests: BTreeSet::new(),
            created: Values::new(),
            modified: Values::new(),
            cells: HashMap::new(),
            places: HashMap::new(),
            agents: HashMap::new(),
            settings,
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Takes up records as they are now, each by its number with what was [`made`] of it.
    ///
    /// # Errors
    /// There are more entities than can be numbered.
    pub fn take(&mut self, made: &[(i64, Vec<Entity>)]) -> Result<()> {
        let mut each = made.iter();
        each.try_for_each(|(record, entities)| self.replace(*record, entities))
    }

    /// Takes up the catalogue itself.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn take_catalogue(&mut self, about: &About, issued: i64, modified: i64) -> Result<()> {
        let entities = ngsi::catalogue(about, issued, modified, &self.settings.origin());
        self.replace(0, &entities)
    }

    fn replace(&mut self, record: i64, entities: &[Entity]) -> Result<()> {
        let old = self.of.remove(&record).unwrap_or_default();
        let mut kept: Vec<u32> = Vec::new();
        for row in old {
            let Some((id, kind)) = self.rows.get(row).map(|r| (r.id.clone(), r.kind)) else {
                continue;
            };
            if entities.iter().any(|e| *e.id == *id) {
                continue;
            }
            if kind == Kind::Agent
                && let Some(others) = self.agents.get_mut(&*id)
            {
                others.remove(&record);
                // Another record tells of the agent now.
                if let Some(other) = others.first().copied() {
                    if let Some(row) = self.rows.get_mut(row) {
                        row.record = other;
                    }
                    continue;
                }
                self.agents.remove(&*id);
            }
            self.forget(row);
        }
        for entity in entities {
            if entity.kind == Kind::Agent {
                let named = self.agents.entry(entity.id.as_str().into()).or_default();
                named.insert(record);
            }
            let row = match self.rows.find(&entity.id) {
                Some(row) => row,
                None => self.rows.next()?,
            };
            self.forget(row);
            self.add(row, record, entity)?;
            kept.push(row);
        }
        if !kept.is_empty() {
            self.of.insert(record, kept);
        }
        Ok(())
    }

    fn forget(&mut self, row: u32) {
        let Some(old) = self.rows.remove(row) else {
            return;
        };
        self.all.remove(row);
        self.kinds[old.kind as usize].remove(row);
        for number in old.values {
            let value = &mut self.values[number as usize];
            if let Some((name, key)) = value
                && let Some(column) = self.attributes.get_mut(name)
                && remove(&mut column.values, key, row)
            {
                *value = None;
                self.free.push(number);
            }
        }
        for hash in old.digests {
            self.digests.remove(&(hash, row));
        }
        self.attributes.retain(|_, column| {
            column.has.remove(row);
            !column.has.is_empty()
        });
        remove(&mut self.created, &Key::Time(old.times[0]), row);
        remove(&mut self.modified, &Key::Time(old.times[1]), row);
        if let Some(place) = self.places.remove(&row) {
            for cell in cells(bounds(&place)) {
                if let Some(rows) = self.cells.get_mut(&cell) {
                    rows.remove(row);
                    if rows.is_empty() {
                        self.cells.remove(&cell);
                    }
                }
            }
        }
    }

    fn add(&mut self, row: u32, record: i64, entity: &Entity) -> Result<()> {
        self.all.insert(row);
        self.kinds[entity.kind as usize].insert(row);
        let mut numbers = Vec::with_capacity(entity.attributes.len());
        let mut digests = Vec::new();
        for attribute in &entity.attributes {
            let column = self.attributes.entry(attribute.name).or_default();
            column.has.insert(row);
            let mut all = Vec::new();
            if !UNSORTED.contains(&attribute.name) {
                all = keys(&attribute.content, None);
            }
            if DIGESTED.contains(&attribute.name) {
                digests.extend(all.drain(..).map(|k| digest(attribute.name, &k)));
            }
            let all: BTreeSet<Key> = all.into_iter().map(cut).collect();
            for key in all {
                numbers.push(insert(&mut column.values, key, row, |key| {
                    let value = Some((attribute.name, key.clone()));
                    if let Some(number) = self.free.pop() {
                        self.values[number as usize] = value;
                        return number;
                    }
                    let at = self.values.len() as u32;
                    self.values.push(value);
                    at
                }));
            }
            if let ("location", Content::Place(json)) = (attribute.name, &attribute.content)
                && let Ok(place) = geometry::parse(json)
            {
                for cell in cells(bounds(&place)) {
                    self.cells.entry(cell).or_default().insert(row);
                }
                self.places.insert(row, place);
            }
        }
        for (values, at) in [
            (&mut self.created, entity.created),
            (&mut self.modified, entity.modified),
        ] {
            if at > 0 {
                insert(values, Key::Time(at), row, |_| 0);
            }
        }
        self.digests.extend(digests.iter().map(|hash| (*hash, row)));
        let row_of = Row {
            id: entity.id.as_str().into(),
            kind: entity.kind,
            record,
            values: numbers.into_boxed_slice(),
            digests: digests.into_boxed_slice(),
            times: [entity.created, entity.modified],
        };
        self.rows.insert(row, row_of);
        Ok(())
    }

    /// The record that an entity comes from; 0 for the catalogue's own.
    pub fn record_of(&self, id: &str) -> Option<i64> {
        Some(self.rows.get(self.rows.find(id)?)?.record)
    }

    /// How many records name each agent.
    pub fn agents(&self) -> impl Iterator<Item = (&str, i64)> {
        self.agents
            .iter()
            .map(|(id, records)| (&**id, records.len() as i64))
    }

    /// The id and the record of a row.
    pub fn row(&self, row: u32) -> Option<(&str, i64)> {
        self.rows.get(row).map(|r| (&*r.id, r.record))
    }

    /// The id of the entity whose RDF has an IRI, own ones below the base of the ledger.
    pub fn id_of(&self, iri: &str) -> Option<String> {
        let address = match iri.strip_prefix(BASE) {
            Some(rest) => format!("{}{rest}", self.settings.public_url),
            None => iri.to_owned(),
        };
        let column = self.attributes.get("rdfResource")?;
        let row = column.values.get(&Key::Text(address.into()))?.first()?;
        self.rows.get(row).map(|r| r.id.to_string())
    }

    /// The IRI of what a request means by the id of an entity or an address of ours.
    pub fn target(&self, text: &str) -> Option<String> {
        let canonical = |address: &str| match address.strip_prefix(&self.settings.public_url) {
            Some(rest) => format!("{BASE}{rest}"),
            None => address.to_owned(),
        };
        let Some(row) = self.rows.find(text).and_then(|row| self.rows.get(row)) else {
            return Some(canonical(text));
        };
        let mut values = row
            .values
            .iter()
            .filter_map(|n| self.values[*n as usize].as_ref());
        let resource = values.find(|(name, _)| *name == "rdfResource");
        Some(canonical(resource?.1.text()?))
    }

    /// How many entities each type has.
    pub fn kinds(&self) -> Vec<(Kind, u64)> {
        let all = ngsi::KINDS.iter().zip(&self.kinds);
        let all = all.map(|(kind, rows)| (kind.0, rows.len()));
        all.filter(|(_, count)| *count > 0).collect()
    }

    /// How many entities of each type have an attribute, by its name.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, Vec<(Kind, u64)>)> {
        self.attributes.iter().map(|(name, column)| {
            let kinds = ngsi::KINDS.iter().zip(&self.kinds);
            let counts = kinds.map(|(kind, rows)| (kind.0, rows.intersection_len(&column.has)));
            (*name, counts.filter(|(_, count)| *count > 0).collect())
        })
    }

    /// Which rows a query may mean, in the order of their numbers.
    pub fn plan(&self, query: &Query) -> Plan {
        if query.scoped {
            return Plan::exact(RoaringBitmap::new());
        }
        let mut plan = Plan::exact(match query.ids.is_empty() {
            true => self.all.clone(),
            false => query
                .ids
                .iter()
                .filter_map(|id| self.rows.find(id))
                .collect(),
        });
        if let Some(kinds) = &query.kinds {
            let sets = kinds.iter().map(|k| &self.kinds[*k as usize]);
            plan.rows &= sets.fold(RoaringBitmap::new(), |all, set| all | set);
        }
        if let Some(names) = &query.any {
            let sets = names.iter().filter_map(|n| self.attributes.get(n));
            plan.rows &= sets.fold(RoaringBitmap::new(), |all, c| all | &c.has);
        }
        if let Some(filter) = &query.filter {
            let found = self.filter(filter);
            plan.rows &= found.rows;
            plan.exact &= found.exact;
        }
        if let Some(place) = &query.place {
            plan.rows = self.placed(place, &plan.rows);
        }
        if let Some(pattern) = &query.pattern {
            let fits = |row: &u32| self.rows.get(*row).is_some_and(|r| pattern.is_match(&r.id));
            plan.rows = plan.rows.iter().filter(fits).collect();
        }
        plan
    }

    fn filter(&self, filter: &Filter) -> Plan {
        match filter {
            Filter::All(all) => {
                let each = all.iter().map(|f| self.filter(f));
                let joined = each.reduce(|a, b| Plan {
                    rows: a.rows & b.rows,
                    exact: a.exact && b.exact,
                });
                joined.unwrap_or_else(|| Plan::exact(self.all.clone()))
            }
            Filter::Any(any) => {
                let each = any.iter().map(|f| self.filter(f));
                let joined = each.reduce(|a, b| Plan {
                    rows: a.rows | b.rows,
                    exact: a.exact && b.exact,
                });
                joined.unwrap_or_else(|| Plan::exact(RoaringBitmap::new()))
            }
            Filter::Has(path) => self.having(path),
            Filter::Lacks(path) => {
                let has = self.having(path);
                match has.exact {
                    true => Plan::exact(&self.all - has.rows),
                    false => Plan {
                        rows: self.all.clone(),
                        exact: false,
                    },
                }
            }
            Filter::Compare(path, comparison) => self.compare(path, comparison),
        }
    }

    fn having(&self, path: &Path) -> Plan {
        let rows = match path.source {
            Source::Attribute(name) => self.attributes.get(name).map(|c| c.has.clone()),
            Source::Created | Source::Modified => Some(self.all.clone()),
            Source::Nothing => None,
        };
        Plan {
            rows: rows.unwrap_or_default(),
            // Languages are not kept, and agents have no times.
            exact: match path.source {
                Source::Attribute(_) => path.language.is_none(),
                Source::Nothing => true,
                Source::Created | Source::Modified => false,
            },
        }
    }

    fn compare(&self, path: &Path, comparison: &Comparison) -> Plan {
        let has = self.having(path);
        let values = match path.source {
            Source::Attribute(name) if !UNSORTED.contains(&name) => {
                match self.attributes.get(name) {
                    Some(column) => &column.values,
                    None => return Plan::exact(RoaringBitmap::new()),
                }
            }
            Source::Attribute(_) => {
                return Plan {
                    rows: has.rows,
                    exact: false,
                };
            }
            Source::Created => &self.created,
            Source::Modified => &self.modified,
            Source::Nothing => return Plan::exact(RoaringBitmap::new()),
        };
        let known = path.language.is_none();
        if let Source::Attribute(name) = path.source
            && DIGESTED.contains(&name)
        {
            return self.digested(name, comparison, has.rows);
        }
        match comparison {
            Comparison::Equal(all) => {
                let found = equal(values, all);
                Plan {
                    rows: found.rows,
                    exact: found.exact && known,
                }
            }
            Comparison::Unequal(all) => {
                let found = equal(values, all);
                let sure = found.exact && known && matches!(path.source, Source::Attribute(_));
                match sure {
                    true => Plan::exact(has.rows - found.rows),
                    false => Plan {
                        rows: has.rows,
                        exact: false,
                    },
                }
            }
            Comparison::Matches(pattern) => {
                let (rows, exact) = matching(values, pattern);
                Plan {
                    rows,
                    exact: exact && known,
                }
            }
            Comparison::Differs(pattern) => {
                let (rows, exact) = matching(values, pattern);
                match exact && known {
                    true => Plan::exact(has.rows - rows),
                    false => Plan {
                        rows: has.rows,
                        exact: false,
                    },
                }
            }
            Comparison::Less(bound) => {
                bounded(values, Bound::Unbounded, Bound::Excluded(bound), known)
            }
            Comparison::AtMost(bound) => {
                bounded(values, Bound::Unbounded, Bound::Included(bound), known)
            }
            Comparison::Greater(bound) => {
                bounded(values, Bound::Excluded(bound), Bound::Unbounded, known)
            }
            Comparison::AtLeast(bound) => {
                bounded(values, Bound::Included(bound), Bound::Unbounded, known)
            }
        }
    }

    /// The rows that may compare so where hashes are kept: those of equal values; for all else each is looked at.
    fn digested(&self, attribute: &str, comparison: &Comparison, has: RoaringBitmap) -> Plan {
        let one = |operand: &Operand| match operand {
            Operand::One(key) => Some(digest(attribute, key)),
            Operand::Range(..) => None,
        };
        let hashes: Option<Vec<u32>> = match comparison {
            Comparison::Equal(all) => all.iter().map(one).collect(),
            _ => None,
        };
        let rows = match hashes {
            Some(hashes) => {
                let found = |hash: u32| self.digests.range((hash, 0)..=(hash, u32::MAX));
                hashes.into_iter().flat_map(found).map(|d| d.1).collect()
            }
            None => has,
        };
        Plan { rows, exact: false }
    }

    /// The rows among some that lie so.
    fn placed(&self, place: &Place, among: &RoaringBitmap) -> RoaringBitmap {
        if place.attribute != Some("location") {
            return RoaringBitmap::new();
        }
        let area = place.relation.area(&place.geometry);
        let few = area.filter(|[w, s, e, n]| (e - w + 2.0) * (n - s + 2.0) < CELLS);
        let near = match few {
            Some(area) => {
                let sets = cells(area).filter_map(|cell| self.cells.get(&cell));
                sets.fold(RoaringBitmap::new(), |all, set| all | set)
            }
            None => self
                .attributes
                .get("location")
                .map_or_else(RoaringBitmap::new, |c| c.has.clone()),
        };
        let lies = |row: &u32| {
            let target = self.places.get(row);
            target.is_some_and(|t| place.relation.holds(t, &place.geometry))
        };
        (near & among).iter().filter(lies).collect()
    }
}

/// The rows whose values are one of some.
fn equal(values: &Values, all: &[Operand]) -> Plan {
    let mut plan = Plan::exact(RoaringBitmap::new());
    for operand in all {
        match operand {
            Operand::One(key) => {
                let kept = cut(key.clone());
                plan.exact &= !is_cut(&kept);
                if let Some(held) = values.get(&kept) {
                    held.add_to(&mut plan.rows);
                }
            }
            Operand::Range(from, to) if from <= to => {
                let found = bounded(values, Bound::Included(from), Bound::Included(to), true);
                plan.rows |= found.rows;
                plan.exact &= found.exact;
            }
            Operand::Range(..) => {}
        }
    }
    plan
}

/// The rows with values of one sort between two bounds.
fn bounded(values: &Values, from: Bound<&Key>, to: Bound<&Key>, known: bool) -> Plan {
    let sort = match (from, to) {
        (Bound::Included(key) | Bound::Excluded(key), _) => key.clone(),
        (_, Bound::Included(key) | Bound::Excluded(key)) => key.clone(),
        _ => return Plan::exact(RoaringBitmap::new()),
    };
    let (least, most) = match &sort {
        Key::Number(_) => (
            Key::Number(f64::NEG_INFINITY),
            Some(Key::Number(f64::INFINITY)),
        ),
        Key::Time(_) => (Key::Time(i64::MIN), Some(Key::Time(i64::MAX))),
        Key::Text(_) => (Key::Text("".into()), Some(Key::Target("".into()))),
        Key::Target(_) => (Key::Target("".into()), None),
    };
    let mut exact = known;
    // A long text is kept by its beginning, which comes before it.
    let from = match from {
        Bound::Unbounded => Bound::Included(least),
        Bound::Included(key) | Bound::Excluded(key) if is_cut(key) => {
            exact = false;
            // Where it is cut depends on the width of its characters.
            Bound::Included(cut_at(key.clone(), TEXT - 4))
        }
        other => other.cloned(),
    };
    let to = match to {
        Bound::Unbounded => most.map_or(Bound::Unbounded, Bound::Included),
        Bound::Included(key) | Bound::Excluded(key) if is_cut(key) => {
            exact = false;
            Bound::Included(key.clone())
        }
        other => other.cloned(),
    };
    let mut rows = RoaringBitmap::new();
    for (key, some) in values.range((from, to)) {
        if key.is_like(&sort) {
            some.add_to(&mut rows);
        }
    }
    Plan { rows, exact }
}

/// The rows with a text that a pattern finds; of a text that was cut it is not known.
fn matching(values: &Values, pattern: &Regex) -> (RoaringBitmap, bool) {
    let (mut rows, mut exact) = (RoaringBitmap::new(), true);
    for (key, some) in values {
        let Some(text) = key.text() else { continue };
        if is_cut(key) {
            exact = false;
            some.add_to(&mut rows);
        } else if pattern.is_match(text) {
            some.add_to(&mut rows);
        }
    }
    (rows, exact)
}

fn bounds(geometry: &Geometry<f64>) -> [f64; 4] {
    use geo::BoundingRect;
    geometry
        .bounding_rect()
        .map_or([0.0; 4], |r| [r.min().x, r.min().y, r.max().x, r.max().y])
}

/// The cells of a degree that an area touches.
fn cells([west, south, east, north]: [f64; 4]) -> impl Iterator<Item = (i16, i16)> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "degrees are at most a few hundred"
    )]
    let whole = |degrees: f64| degrees.clamp(-400.0, 400.0).floor() as i16;
    let (west, east) = (whole(west), whole(east));
    (whole(south)..=whole(north)).flat_map(move |y| (west..=east).map(move |x| (x, y)))
}
