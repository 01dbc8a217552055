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
use regex::Regex;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;

/// Longest text that is kept whole; of a longer one the beginning is, and what is found by it is looked at.
const TEXT: usize = 128;

/// Attributes whose values nearly nobody asks for: that they are there is kept, what they are is looked up.
const UNSORTED: [&str; 3] = ["description", "contentHash", "rdfDescription"];

/// Cells of a degree that a geo query walks over before it takes all places.
const CELLS: f64 = 2_000.0;

/// The entities that are shown.
pub struct Entities {
    /// The last change of the ledger that it holds.
    pub cursor: i64,
    rows: HashMap<u32, Row>,
    ids: HashMap<Box<str>, u32>,
    /// Rows by the record that they come from.
    of: HashMap<i64, Vec<u32>>,
    next: u32,
    all: RoaringBitmap,
    kinds: [RoaringBitmap; ngsi::KINDS.len()],
    attributes: BTreeMap<&'static str, Column>,
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

struct Row {
    id: Box<str>,
    kind: Kind,
    record: i64,
    /// What is in the columns because of it.
    keys: Box<[Kept]>,
    times: [i64; 2],
}

/// The keys of an attribute.
type Kept = (&'static str, Box<[Key]>);

type Values = BTreeMap<Key, Rows>;

#[derive(Default)]
struct Column {
    has: RoaringBitmap,
    values: Values,
}

/// Most values are of one entity.
enum Rows {
    One(u32),
    More(Box<RoaringBitmap>),
}

impl Rows {
    fn insert(&mut self, row: u32) {
        match self {
            Self::One(one) if *one == row => {}
            Self::One(one) => *self = Self::More(Box::new([*one, row].into_iter().collect())),
            Self::More(more) => {
                more.insert(row);
            }
        }
    }

    /// Whether nothing is left.
    fn remove(&mut self, row: u32) -> bool {
        match self {
            Self::One(one) => *one == row,
            Self::More(more) => {
                more.remove(row);
                more.is_empty()
            }
        }
    }

    fn add_to(&self, set: &mut RoaringBitmap) {
        match self {
            Self::One(one) => {
                set.insert(*one);
            }
            Self::More(more) => *set |= more.as_ref(),
        }
    }

    fn first(&self) -> Option<u32> {
        match self {
            Self::One(one) => Some(*one),
            Self::More(more) => more.min(),
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

fn insert(values: &mut Values, key: Key, row: u32) {
    values
        .entry(key)
        .and_modify(|rows| rows.insert(row))
        .or_insert(Rows::One(row));
}

fn remove(values: &mut Values, key: &Key, row: u32) {
    if values.get_mut(key).is_some_and(|rows| rows.remove(row)) {
        values.remove(key);
    }
}

impl Entities {
    pub fn new(settings: Settings) -> Self {
        Self {
            cursor: 0,
            rows: HashMap::new(),
            ids: HashMap::new(),
            of: HashMap::new(),
            next: 0,
            all: RoaringBitmap::new(),
            kinds: Default::default(),
            attributes: BTreeMap::new(),
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
            let Some((id, kind)) = self.rows.get(&row).map(|r| (r.id.clone(), r.kind)) else {
                continue;
            };
            if entities.iter().any(|e| *e.id == *id) {
                continue;
            }
            if kind == Kind::Agent
                && let Some(others) = self.agents.get_mut(&id)
            {
                others.remove(&record);
                // Another record tells of the agent now.
                if let Some(other) = others.first().copied() {
                    if let Some(row) = self.rows.get_mut(&row) {
                        row.record = other;
                    }
                    continue;
                }
                self.agents.remove(&id);
            }
            self.forget(row);
            self.ids.remove(&id);
        }
        for entity in entities {
            if entity.kind == Kind::Agent {
                let named = self.agents.entry(entity.id.as_str().into()).or_default();
                named.insert(record);
            }
            let row = match self.ids.get(entity.id.as_str()) {
                Some(row) => *row,
                None => {
                    let row = self.next;
                    self.next = row.checked_add(1).ok_or_else(|| {
                        Error::internal("more entities than the index can number")
                    })?;
                    self.ids.insert(entity.id.as_str().into(), row);
                    row
                }
            };
            self.forget(row);
            self.add(row, record, entity);
            kept.push(row);
        }
        if !kept.is_empty() {
            self.of.insert(record, kept);
        }
        Ok(())
    }

    fn forget(&mut self, row: u32) {
        let Some(old) = self.rows.remove(&row) else {
            return;
        };
        self.all.remove(row);
        self.kinds[old.kind as usize].remove(row);
        for (name, keys) in &old.keys {
            if let Some(column) = self.attributes.get_mut(name) {
                column.has.remove(row);
                for key in keys {
                    remove(&mut column.values, key, row);
                }
                if column.has.is_empty() {
                    self.attributes.remove(name);
                }
            }
        }
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

    fn add(&mut self, row: u32, record: i64, entity: &Entity) {
        self.all.insert(row);
        self.kinds[entity.kind as usize].insert(row);
        let mut kept = Vec::with_capacity(entity.attributes.len());
        for attribute in &entity.attributes {
            let column = self.attributes.entry(attribute.name).or_default();
            column.has.insert(row);
            let mut all = Vec::new();
            if !UNSORTED.contains(&attribute.name) {
                all = keys(&attribute.content, None);
            }
            let all: BTreeSet<Key> = all.into_iter().map(cut).collect();
            for key in &all {
                insert(&mut column.values, key.clone(), row);
            }
            kept.push((attribute.name, all.into_iter().collect()));
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
                insert(values, Key::Time(at), row);
            }
        }
        let row_of = Row {
            id: entity.id.as_str().into(),
            kind: entity.kind,
            record,
            keys: kept.into_boxed_slice(),
            times: [entity.created, entity.modified],
        };
        self.rows.insert(row, row_of);
    }

    /// The record that an entity comes from; 0 for the catalogue's own.
    pub fn record_of(&self, id: &str) -> Option<i64> {
        let row = self.ids.get(id)?;
        Some(self.rows.get(row)?.record)
    }

    /// The id and the record of a row.
    pub fn row(&self, row: u32) -> Option<(&str, i64)> {
        self.rows.get(&row).map(|r| (&*r.id, r.record))
    }

    /// The id of the entity whose RDF has an IRI, own ones below the base of the ledger.
    pub fn id_of(&self, iri: &str) -> Option<String> {
        let address = match iri.strip_prefix(BASE) {
            Some(rest) => format!("{}{rest}", self.settings.public_url),
            None => iri.to_owned(),
        };
        let column = self.attributes.get("rdfResource")?;
        let row = column.values.get(&Key::Text(address.into()))?.first()?;
        self.rows.get(&row).map(|r| r.id.to_string())
    }

    /// The IRI of what a request means by the id of an entity or an address of ours.
    pub fn target(&self, text: &str) -> Option<String> {
        let canonical = |address: &str| match address.strip_prefix(&self.settings.public_url) {
            Some(rest) => format!("{BASE}{rest}"),
            None => address.to_owned(),
        };
        let Some(row) = self.ids.get(text).and_then(|row| self.rows.get(row)) else {
            return Some(canonical(text));
        };
        let resource = row.keys.iter().find(|k| k.0 == "rdfResource");
        Some(canonical(resource?.1.first()?.text()?))
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
            false => {
                let rows = query.ids.iter().filter_map(|id| self.ids.get(id.as_str()));
                rows.copied().collect()
            }
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
            let fits = |row: &u32| self.rows.get(row).is_some_and(|r| pattern.is_match(&r.id));
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
                if let Some(rows) = values.get(&kept) {
                    rows.add_to(&mut plan.rows);
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
