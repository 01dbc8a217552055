//! The search index: a projection of the ledger, in memory, made at start and kept up with a cursor.
//!
//! Words are looked up with tantivy. Facets are sets of record numbers, so that the count which
//! every value would give costs an intersection and not a walk over what was found; orders are kept
//! sorted for the same reason.
use super::matching::Ties;
use crate::error::{Error, Result};
use crate::mapping::dcat;
use crate::record::quality::{DESCRIPTION, Measured, Rating};
use crate::record::statement::{iri, literal, objects, statements, text};
use crate::record::{Record, slug, vocab};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use roaring::RoaringBitmap;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::Column;
use tantivy::indexer::LogMergePolicy;
use tantivy::query::{AllQuery, BooleanQuery, BoostQuery, FuzzyTermQuery, Query, TermQuery};
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, PreTokenizedString, RemoveLongFilter,
    SimpleTokenizer, Stemmer, TextAnalyzer, Token, TokenStream,
};
use tantivy::{
    DocId, Index, IndexReader, IndexWriter, ReloadPolicy, Score, SegmentOrdinal, SegmentReader,
    TantivyDocument, Term,
};

/// A way to narrow the entries: its name in an address, its title, and the property behind it.
pub struct Facet {
    pub name: &'static str,
    pub title: &'static str,
    pub property: &'static str,
}

/// In the order in which a page shows them.
pub const FACETS: [Facet; 10] = [
    facet("layer", "Layer", "ldt:layer"),
    facet("mim", "MIM", "ldt:mim"),
    facet("kind", "Category", "dct:type"),
    facet("scope", "Scope", "ldt:scope"),
    facet("origin", "Origin", "ldt:origin"),
    facet("domain", "Domain", "ldt:domain"),
    facet("licence", "Licence", "ldt:licence"),
    facet("maintainer", "Maintainer", "dct:publisher"),
    facet("country", "Country", "dct:spatial"),
    facet("source", "Source", "ldt:source"),
];

const fn facet(name: &'static str, title: &'static str, property: &'static str) -> Facet {
    Facet {
        name,
        title,
        property,
    }
}

/// The value of a facet that stands for "has none".
pub const NONE: &str = "none";

/// In which order entries come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Best match first; by title where no words are given.
    #[default]
    Relevance,
    Title,
    /// By the lowest MIM; entries without one last.
    Mim,
    /// In the canonical order of layers.
    Layer,
    /// Newest first.
    Newest,
    /// Best described first; what is no data set last.
    Quality,
    /// Last changed first.
    Changed,
}

/// What each is called in an address.
pub const SORTS: [(Sort, &str); 7] = [
    (Sort::Relevance, "relevance"),
    (Sort::Title, "title"),
    (Sort::Mim, "mim"),
    (Sort::Layer, "layer"),
    (Sort::Newest, "newest"),
    (Sort::Quality, "quality"),
    (Sort::Changed, "changed"),
];

/// What is looked for; everything where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub words: String,
    /// Chosen values of each of [`FACETS`]: one of them, in each.
    pub chosen: [BTreeSet<String>; FACETS.len()],
    /// First published on or after, on or before: microseconds since the epoch.
    pub from: Option<i64>,
    pub to: Option<i64>,
    /// West, south, east, north, in degrees of WGS 84; west of the date line may be above east.
    pub area: Option<[f64; 4]>,
    /// With an open licence alone.
    pub open: bool,
    /// With a description of this quality alone.
    pub rating: Option<Rating>,
    pub sort: Sort,
}

/// A value of a facet, and how many entries it would give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Value {
    #[serde(rename = "value")]
    pub key: String,
    pub label: String,
    pub count: u64,
    pub chosen: bool,
}

/// Values of a facet that are told, those that most entries have first: a list of thousands helps
/// nobody, and words find a maintainer.
pub const VALUES: usize = 100;

/// Entries below which a value's are counted one by one.
const SPARSE: u64 = 1_000;

/// What was found.
pub struct Found {
    pub total: u64,
    /// Numbers of the records of the page that was asked for.
    pub page: Vec<i64>,
    /// For each of [`FACETS`], at most [`VALUES`] that would give something, and the chosen ones.
    pub values: [Vec<Value>; FACETS.len()],
    pub marks: Marks,
    /// Nothing was found as it was written; this is what is spelled alike.
    pub alike: bool,
}

struct Entry {
    keys: [Vec<String>; FACETS.len()],
    places: [String; ORDERS],
    issued: i64,
    points: Vec<[f64; 2]>,
    measured: Measured,
}

/// Orders that are kept: all of [`Sort`] but relevance.
const ORDERS: usize = 6;

/// The index. Records go by their number in the ledger.
pub struct Search {
    /// The last change of the ledger that the index holds.
    pub cursor: i64,
    entries: HashMap<u32, Entry>,
    pub(super) all: RoaringBitmap,
    open: RoaringBitmap,
    pub(super) facets: [BTreeMap<String, RoaringBitmap>; FACETS.len()],
    /// Of each value that was met, what people call it, and the term in a record.
    pub(super) terms: [HashMap<String, (String, String)>; FACETS.len()],
    pub(super) orders: [BTreeSet<(String, u32)>; ORDERS],
    /// Who points where.
    pub(super) ties: Ties,
    fields: Fields,
    writer: IndexWriter,
    reader: IndexReader,
}

#[derive(Clone, Copy)]
struct Fields {
    id: Field,
    /// Words of the names.
    name: Field,
    /// Words of all that is told.
    body: Field,
    /// The same, each word as its stem in the language of its text.
    stem: Field,
}

/// Memory in which tantivy gathers documents before it writes a segment: its least.
const GATHERED: usize = 15_000_000;

/// Share of a segment's documents whose words are kept though they were replaced; a segment with
/// more is written anew.
const WORN: f32 = 0.3;

/// Longest word that is looked for.
const LONGEST: usize = 60;

/// Words of one wish; a description that was pasted is cut.
const WORDS: usize = 16;

const LANGUAGES: [(&str, Language); 5] = [
    ("en", Language::English),
    ("fr", Language::French),
    ("de", Language::German),
    ("it", Language::Italian),
    ("es", Language::Spanish),
];

fn words() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(LONGEST))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

fn stems(language: Language) -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(LONGEST))
        .filter(LowerCaser)
        .filter(Stemmer::new(language))
        .filter(AsciiFoldingFilter)
        .build()
}

fn tokens(analyzer: &mut TextAnalyzer, text: &str) -> Vec<Token> {
    let (mut out, mut stream) = (Vec::new(), analyzer.token_stream(text));
    while stream.advance() {
        out.push(stream.token().clone());
    }
    out
}

impl From<tantivy::TantivyError> for Error {
    fn from(e: tantivy::TantivyError) -> Self {
        Self::internal(format!("search: {e}"))
    }
}

impl Search {
    /// An empty index.
    ///
    /// # Errors
    /// None is expected.
    pub fn new() -> Result<Self> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("words")
            .set_index_option(IndexRecordOption::WithFreqs);
        let told = TextOptions::default().set_indexing_options(indexing);
        let fields = Fields {
            id: schema.add_u64_field("id", INDEXED | FAST),
            name: schema.add_text_field("name", told.clone()),
            body: schema.add_text_field("body", told.clone()),
            stem: schema.add_text_field("stem", told),
        };
        let index = Index::create_in_ram(schema.build());
        index.tokenizers().register("words", words());
        let writer = index.writer_with_num_threads(1, GATHERED)?;
        let mut merges = LogMergePolicy::default();
        merges.set_del_docs_ratio_before_merge(WORN);
        writer.set_merge_policy(Box::new(merges));
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        Ok(Self {
            cursor: 0,
            entries: HashMap::new(),
            all: RoaringBitmap::new(),
            open: RoaringBitmap::new(),
            facets: Default::default(),
            terms: Default::default(),
            orders: Default::default(),
            ties: Ties::default(),
            fields,
            writer,
            reader,
        })
    }

    /// Takes up records as they are now; those that are not shown are let go.
    ///
    /// # Errors
    /// The index fails.
    pub fn take(&mut self, records: &[Record]) -> Result<()> {
        for record in records {
            let Ok(id) = u32::try_from(record.id) else {
                return Err(Error::internal("more records than the index can number"));
            };
            self.drop(id);
            if record.is_shown() {
                self.add(id, record)?;
            }
        }
        Ok(())
    }

    /// Makes what was taken up be found.
    ///
    /// # Errors
    /// The index fails.
    pub fn commit(&mut self, cursor: i64) -> Result<()> {
        self.writer.commit()?;
        self.reader.reload()?;
        self.cursor = cursor;
        Ok(())
    }

    fn drop(&mut self, id: u32) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        self.writer
            .delete_term(Term::from_field_u64(self.fields.id, u64::from(id)));
        self.all.remove(id);
        self.open.remove(id);
        for (facet, keys) in self.facets.iter_mut().zip(entry.keys) {
            for key in keys {
                if let Some(set) = facet.get_mut(&key) {
                    set.remove(id);
                    if set.is_empty() {
                        facet.remove(&key);
                    }
                }
            }
        }
        for (order, place) in self.orders.iter_mut().zip(entry.places) {
            order.remove(&(place, id));
        }
        self.ties.drop(id);
    }

    fn add(&mut self, id: u32, record: &Record) -> Result<()> {
        let (content, subject) = (record.content.as_str(), record.iri.as_str());
        let mut keys: [Vec<String>; FACETS.len()] = Default::default();
        // What is shown was checked when it was written.
        let published = dcat::published(record);
        for (n, facet) in FACETS.iter().enumerate() {
            // Where it comes from is no part of what it says.
            let said = match facet.name {
                "source" => published.as_str(),
                _ => content,
            };
            for term in objects(said, subject, facet.property) {
                let Some((key, label)) = value(facet, content, term) else {
                    continue;
                };
                let known = self.terms[n].entry(key.clone());
                known.or_insert_with(|| (label, term.to_owned()));
                keys[n].push(key);
            }
            keys[n].sort();
            keys[n].dedup();
            if keys[n].is_empty() {
                keys[n].push(NONE.to_owned());
            }
            for key in &keys[n] {
                self.facets[n].entry(key.clone()).or_default().insert(id);
            }
        }
        self.all.insert(id);
        if objects(content, subject, "ldt:licence").any(is_open) {
            self.open.insert(id);
        }
        let get = |p: &str| text(content, subject, p).unwrap_or_default().into_owned();
        let title = get("dct:title");
        let sorted = title.to_lowercase();
        let first = |n: usize, rank: fn(&str) -> usize| {
            keys[n].iter().map(|k| rank(k)).min().unwrap_or(usize::MAX)
        };
        let newest = i64::MAX - record.issued;
        let measured = Measured::of(subject, &published, true);
        let missed = match measured.description() {
            points if points.of == 0 => 999,
            points => DESCRIPTION - points.got,
        };
        let places = [
            sorted.clone(),
            format!("{:03}{sorted}", first(1, rank_of_mim).min(999)),
            format!("{:03}{sorted}", first(0, rank_of_layer).min(999)),
            format!("{newest:020}"),
            format!("{missed:03}{sorted}"),
            format!("{:020}", i64::MAX - record.modified),
        ];
        for (order, place) in self.orders.iter_mut().zip(&places) {
            order.insert((place.clone(), id));
        }
        self.add_words(id, record, &title)?;
        self.ties.add(id, record, &published);
        let entry = Entry {
            keys,
            places,
            issued: record.issued,
            points: points(content),
            measured,
        };
        self.entries.insert(id, entry);
        Ok(())
    }

    fn add_words(&mut self, id: u32, record: &Record, title: &str) -> Result<()> {
        let subject = record.iri.as_str();
        let mut document = TantivyDocument::default();
        document.add_u64(self.fields.id, u64::from(id));
        let (mut body, mut stemmed) = (String::new(), Vec::new());
        for s in statements(&record.content) {
            // What a concept of ours is called is a keyword of the entry that it is published with.
            let concept = iri(s.object).filter(|o| s.about(subject) && o.starts_with(vocab::LDT));
            if let Some(label) = concept.and_then(vocab::label) {
                body.push_str(label);
                body.push('\n');
                stemmed.extend(tokens(&mut stems(Language::English), label));
            }
            let Some(l) = literal(s.object) else { continue };
            let names = ["dct:title", "skos:altLabel"].iter().any(|p| s.says(p));
            let tells = names
                || ["dct:description", "dcat:keyword", "foaf:name"]
                    .iter()
                    .any(|p| s.says(p));
            if !tells {
                continue;
            }
            let value = l.value();
            if names && s.about(subject) {
                document.add_text(self.fields.name, &value);
            }
            body.push_str(&value);
            body.push('\n');
            let tag = l.language.unwrap_or("en");
            let language = LANGUAGES.iter().find(|(t, _)| tag.starts_with(t));
            if let Some((_, language)) = language {
                stemmed.extend(tokens(&mut stems(*language), &value));
            }
        }
        document.add_text(self.fields.body, body);
        for (position, token) in stemmed.iter_mut().enumerate() {
            token.position = position;
        }
        let stemmed = PreTokenizedString {
            text: title.to_owned(),
            tokens: stemmed,
        };
        document.add_pre_tokenized_text(self.fields.stem, stemmed);
        self.writer.add_document(document)?;
        Ok(())
    }

    /// Finds entries, `limit` of them from `offset` on, and counts what each facet would give.
    ///
    /// # Errors
    /// The index fails.
    pub fn find(&self, wish: &Wish, offset: usize, limit: usize) -> Result<Found> {
        let marks = Marks::new(&wish.words);
        let (mut scores, mut alike) = (None, false);
        let mut matched = self.all.clone();
        if !marks.words.is_empty() {
            let mut hits = self.match_words(&marks, false)?;
            if hits.is_empty() {
                hits = self.match_words(&marks, true)?;
                alike = !hits.is_empty();
            }
            matched = hits.iter().map(|(id, _)| *id).collect();
            // What was let go of may still have its words.
            matched &= &self.all;
            scores = Some(hits);
        }
        if wish.open {
            matched &= &self.open;
        }
        if wish.sifts() {
            let keep = |id: &u32| self.entries.get(id).is_some_and(|e| e.fits(wish));
            matched = matched.iter().filter(keep).collect();
        }
        let sets: Vec<Option<RoaringBitmap>> = (0..FACETS.len())
            .map(|n| {
                let chosen = &wish.chosen[n];
                (!chosen.is_empty()).then(|| {
                    let sets = chosen.iter().filter_map(|key| self.facets[n].get(key));
                    sets.fold(RoaringBitmap::new(), |all, set| all | set)
                })
            })
            .collect();
        let without = |left_out: Option<usize>| {
            let others = sets
                .iter()
                .enumerate()
                .filter(|(n, _)| Some(*n) != left_out);
            others
                .filter_map(|(_, set)| set.as_ref())
                .fold(matched.clone(), |all, set| all & set)
        };
        let whole = without(None);
        let whole = (Bits::of(&whole), whole);
        let found = &whole.1;
        let mut values: [Vec<Value>; FACETS.len()] = Default::default();
        for (n, out) in values.iter_mut().enumerate() {
            // What a value would give is counted as if nothing were chosen beside it.
            let wider = sets[n].is_some().then(|| without(Some(n)));
            let wider = wider.map(|set| (Bits::of(&set), set));
            let (bits, among) = wider.as_ref().unwrap_or(&whole);
            *out = self.count(n, among, bits, &wish.chosen[n]);
        }
        let page = match (&scores, wish.sort) {
            (Some(scores), Sort::Relevance) => best(scores, found, offset, limit),
            (_, sort) => self.orders[place(sort)]
                .iter()
                .map(|(_, id)| *id)
                .filter(|id| found.contains(*id))
                .skip(offset)
                .take(limit)
                .map(i64::from)
                .collect(),
        };
        Ok(Found {
            total: found.len(),
            page,
            values,
            marks,
            alike,
        })
    }

    /// The values of a facet that most have, and the chosen ones.
    fn count(
        &self,
        n: usize,
        among: &RoaringBitmap,
        bits: &Bits,
        chosen: &BTreeSet<String>,
    ) -> Vec<Value> {
        let whole = among.len() == self.all.len();
        let mut counted: Vec<(&str, u64)> = self.facets[n]
            .iter()
            .map(|(key, set)| {
                let count = match set.len() {
                    len if whole => len,
                    // Thousands of maintainers have a few entries each; one look for each is
                    // less than a walk over two sets.
                    ..SPARSE => set.iter().filter(|id| bits.has(*id)).count() as u64,
                    _ => set.intersection_len(among),
                };
                (key.as_str(), count)
            })
            .filter(|(key, count)| *count > 0 || chosen.contains(*key))
            .collect();
        if counted.len() > VALUES {
            counted
                .select_nth_unstable_by_key(VALUES, |v| (!chosen.contains(v.0), Reverse(v.1), v.0));
            counted.truncate(VALUES);
        }
        match n {
            0 => counted.sort_by_key(|v| rank_of_layer(v.0)),
            1 => counted.sort_by_key(|v| rank_of_mim(v.0)),
            _ => counted.sort_by_cached_key(|v| (v.0 == NONE, Reverse(v.1), self.label(n, v.0))),
        }
        let values = counted.into_iter().map(|(key, count)| Value {
            label: self.label(n, key),
            count,
            chosen: chosen.contains(key),
            key: key.to_owned(),
        });
        values.collect()
    }

    /// What was measured of an entry's description.
    pub fn measured(&self, id: i64) -> Option<&Measured> {
        let entry = self.entries.get(&u32::try_from(id).ok()?)?;
        Some(&entry.measured)
    }

    /// What was measured of all descriptions together.
    pub fn measured_together(&self) -> Measured {
        let mut sum = Measured::default();
        for entry in self.entries.values() {
            sum.add(&entry.measured);
        }
        sum
    }

    /// How many entries have each rating, the best first, those that have some.
    pub fn ratings(&self) -> Vec<(Rating, u64)> {
        let mut counts: BTreeMap<Rating, u64> = BTreeMap::new();
        for entry in self.entries.values() {
            if let Some(rating) = entry.measured.description().rating() {
                *counts.entry(rating).or_default() += 1;
            }
        }
        counts.into_iter().collect()
    }

    /// How many entries were first published in each month (UTC), the latest first. A month is its
    /// first day.
    pub fn months(&self) -> Vec<(Date, u64)> {
        let mut counts: BTreeMap<Reverse<Date>, u64> = BTreeMap::new();
        for entry in self.entries.values() {
            if let Ok(at) = jiff::Timestamp::from_microsecond(entry.issued) {
                let month = at.to_zoned(TimeZone::UTC).date().first_of_month();
                *counts.entry(Reverse(month)).or_default() += 1;
            }
        }
        counts.into_iter().map(|(month, n)| (month.0, n)).collect()
    }

    /// How many entries have both of each two values of two facets.
    pub fn crossed(&self, facets: [usize; 2]) -> BTreeMap<(&str, &str), u64> {
        let [rows, columns] = facets.map(|n| &self.facets[n]);
        let pairs = rows
            .iter()
            .flat_map(|row| columns.iter().map(move |column| (row, column)));
        pairs
            .map(|((row, a), (column, b))| ((row.as_str(), column.as_str()), a.intersection_len(b)))
            .collect()
    }

    /// What a value is called.
    pub fn label(&self, facet: usize, key: &str) -> String {
        match self.terms[facet].get(key) {
            Some((label, _)) => label.clone(),
            None if key == NONE => format!("No {}", FACETS[facet].title),
            None => key.to_owned(),
        }
    }

    /// The term that a value is in a record.
    pub fn term(&self, facet: usize, key: &str) -> Option<&str> {
        self.terms[facet].get(key).map(|(_, term)| term.as_str())
    }

    /// The key under which a term of a record is found.
    pub fn key(&self, facet: usize, content: &str, term: &str) -> Option<String> {
        value(&FACETS[facet], content, term).map(|(key, _)| key)
    }

    /// The terms of open licences that were met.
    pub fn open_licences(&self) -> impl Iterator<Item = &str> {
        let licences = FACETS.iter().position(|f| f.name == "licence");
        let terms = licences.into_iter().flat_map(|n| self.terms[n].values());
        terms.map(|(_, term)| term.as_str()).filter(|t| is_open(t))
    }

    /// The records that have all words, each with its score.
    fn match_words(&self, marks: &Marks, alike: bool) -> Result<Vec<(u32, Score)>> {
        let Fields {
            name, body, stem, ..
        } = self.fields;
        let last = marks.words.len() - 1;
        let mut all: Vec<Box<dyn Query>> = Vec::new();
        for (n, word) in marks.words.iter().enumerate() {
            let term = |field| Term::from_field_text(field, word);
            let exact = |field| -> Box<dyn Query> {
                Box::new(TermQuery::new(term(field), IndexRecordOption::WithFreqs))
            };
            let boost = |query, by| -> Box<dyn Query> { Box::new(BoostQuery::new(query, by)) };
            let mut any = vec![boost(exact(name), 4.0), exact(body)];
            for stemmed in &marks.stems[n] {
                let term = Term::from_field_text(stem, stemmed);
                let query = TermQuery::new(term, IndexRecordOption::WithFreqs);
                any.push(boost(Box::new(query), 0.8));
            }
            // What is being typed is not finished yet.
            if n == last && word.chars().count() >= 2 {
                let begun = |field| Box::new(FuzzyTermQuery::new_prefix(term(field), 0, true));
                any.push(boost(begun(name), 1.5));
                any.push(boost(begun(body), 0.3));
            }
            let slips = match word.chars().count() {
                _ if !alike => 0,
                0..=3 => 0,
                4..=7 => 1,
                _ => 2,
            };
            if slips > 0 {
                let near = |field| Box::new(FuzzyTermQuery::new(term(field), slips, true));
                any.push(boost(near(name), 1.0));
                any.push(boost(near(body), 0.2));
            }
            all.push(Box::new(BooleanQuery::union(any)));
        }
        let query: Box<dyn Query> = match all.len() {
            0 => Box::new(AllQuery),
            _ => Box::new(BooleanQuery::intersection(all)),
        };
        let mut hits = self.reader.searcher().search(&query, &Everything)?;
        hits.sort_unstable_by_key(|(id, _)| *id);
        Ok(hits)
    }
}

/// A set of numbers, a bit for each.
struct Bits(Vec<u64>);

impl Bits {
    fn of(set: &RoaringBitmap) -> Self {
        let mut bits = vec![0; set.max().map_or(0, |max| max as usize / 64 + 1)];
        for id in set {
            bits[id as usize / 64] |= 1 << (id % 64);
        }
        Self(bits)
    }

    fn has(&self, id: u32) -> bool {
        self.0
            .get(id as usize / 64)
            .is_some_and(|bits| bits >> (id % 64) & 1 == 1)
    }
}

impl Wish {
    /// Whether entries have to be looked at one by one.
    fn sifts(&self) -> bool {
        self.from.is_some() || self.to.is_some() || self.area.is_some() || self.rating.is_some()
    }
}

impl Entry {
    fn fits(&self, wish: &Wish) -> bool {
        let inside = |[west, south, east, north]: [f64; 4]| {
            self.points.iter().any(|[x, y]| {
                let across = if west <= east {
                    west <= *x && *x <= east
                } else {
                    *x >= west || *x <= east
                };
                across && south <= *y && *y <= north
            })
        };
        wish.from.is_none_or(|from| self.issued >= from)
            && wish.to.is_none_or(|to| self.issued <= to)
            && wish.area.is_none_or(inside)
            && (wish.rating.is_none() || wish.rating == self.measured.description().rating())
    }
}

/// Which of the kept orders stands for a wish; where there are no words, relevance is the title.
fn place(sort: Sort) -> usize {
    match sort {
        Sort::Relevance | Sort::Title => 0,
        Sort::Mim => 1,
        Sort::Layer => 2,
        Sort::Newest => 3,
        Sort::Quality => 4,
        Sort::Changed => 5,
    }
}

/// The best of what was found, and equals by their number, so that pages do not overlap.
fn best(scores: &[(u32, Score)], found: &RoaringBitmap, offset: usize, limit: usize) -> Vec<i64> {
    let mut ranked: Vec<(Score, u32)> = scores
        .iter()
        .filter(|(id, _)| found.contains(*id))
        .map(|(id, score)| (*score, *id))
        .collect();
    let order = |a: &(Score, u32), b: &(Score, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    let end = (offset + limit).min(ranked.len());
    if end < ranked.len() {
        ranked.select_nth_unstable_by(end, order);
        ranked.truncate(end);
    }
    ranked.sort_unstable_by(order);
    let page = ranked.into_iter().skip(offset);
    page.map(|(_, id)| i64::from(id)).collect()
}

fn rank_of_layer(key: &str) -> usize {
    const LAYERS: [&str; 7] = [
        "data-sources",
        "data-acquisition",
        "connectivity",
        "data-management",
        "analytics",
        "decision-making",
        "visualisation",
    ];
    LAYERS.iter().position(|l| *l == key).unwrap_or(usize::MAX)
}

fn rank_of_mim(key: &str) -> usize {
    key.parse().unwrap_or(usize::MAX)
}

/// The key and label of a facet's value.
fn value(facet: &Facet, content: &str, term: &str) -> Option<(String, String)> {
    let Some(target) = iri(term) else {
        let label = literal(term)?.value().into_owned();
        return Some((slug(&label), label));
    };
    let tail = target.trim_end_matches('/').rsplit(['/', '#']).next()?;
    match facet.name {
        // Places that are no country have their own filter.
        "country" => target.contains("/authority/country/").then(|| {
            (
                tail.to_owned(),
                vocab::label(target).unwrap_or(tail).to_owned(),
            )
        }),
        "maintainer" => {
            let name = text(content, target, "foaf:name")?.into_owned();
            Some((slug(&name), name))
        }
        _ => {
            let key = tail
                .strip_prefix(facet.name)
                .and_then(|rest| rest.strip_prefix('-'))
                .unwrap_or(tail);
            Some((
                key.to_owned(),
                vocab::label(target).unwrap_or(tail).to_owned(),
            ))
        }
    }
}

/// Whether a licence allows use, change and sharing by anyone, for any purpose: families that the
/// Open Definition or the Open Source Initiative accept, under their SPDX or EU names.
pub(super) fn is_open(term: &str) -> bool {
    const OPEN: [&str; 24] = [
        "MIT",
        "APACHE",
        "BSD",
        "0BSD",
        "GPL",
        "LGPL",
        "AGPL",
        "MPL",
        "EUPL",
        "EPL",
        "ISC",
        "CC0",
        "CC-BY",
        "CCBY",
        "ODBL",
        "ODC-BY",
        "PDDL",
        "OGL",
        "UNLICENSE",
        "ZLIB",
        "W3C",
        "POSTGRESQL",
        "CECILL",
        "DL-DE",
    ];
    let name = iri(term).unwrap_or(term);
    let code = name
        .trim_matches('"')
        .rsplit(['/', '#'])
        .next()
        .unwrap_or(name);
    let code = code.to_ascii_uppercase().replace('_', "-");
    let parts: Vec<&str> = code.split(['-', '.']).collect();
    // Not for business, or not to be changed.
    let closed = parts.iter().any(|p| {
        matches!(
            *p,
            "NC" | "ND" | "BYNC" | "BYND" | "NCSA" | "BYNCSA" | "BYNCND"
        )
    });
    !closed && OPEN.iter().any(|o| code.starts_with(o))
}

/// Points that a record names, longitude first.
pub fn points(content: &str) -> Vec<[f64; 2]> {
    let point = |term: &str| {
        let value = literal(term)?.value().into_owned();
        let inner = value.strip_prefix("POINT")?.trim().strip_prefix('(')?;
        let mut numbers = inner.strip_suffix(')')?.split_whitespace();
        Some([numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?])
    };
    statements(content)
        .filter_map(|s| point(s.object))
        .collect()
}

/// The words that were looked for, to find them again in a text.
pub struct Marks {
    words: Vec<String>,
    /// Of each word, its stems in the languages that we know.
    stems: Vec<Vec<String>>,
}

impl Marks {
    fn new(text: &str) -> Self {
        let mut found: Vec<String> = Vec::new();
        for token in tokens(&mut words(), text) {
            if !found.contains(&token.text) && found.len() < WORDS {
                found.push(token.text);
            }
        }
        let stems = found
            .iter()
            .map(|word| {
                let stems: BTreeSet<String> = LANGUAGES
                    .iter()
                    .flat_map(|(_, language)| tokens(&mut stems(*language), word))
                    .map(|t| t.text)
                    .collect();
                stems.into_iter().collect()
            })
            .collect();
        Self {
            words: found,
            stems,
        }
    }

    /// A text in pieces, each with whether it was looked for.
    pub fn pieces<'t>(&self, text: &'t str) -> Vec<(bool, &'t str)> {
        let (mut out, mut at) = (Vec::new(), 0);
        if self.words.is_empty() {
            return vec![(false, text)];
        }
        let mut stemmer = stems(Language::English);
        let last = self.words.last();
        for (token, stemmed) in tokens(&mut words(), text)
            .iter()
            .zip(tokens(&mut stemmer, text))
        {
            let hit = self.words.contains(&token.text)
                || last.is_some_and(|l| l.len() >= 2 && token.text.starts_with(l))
                || self.stems.iter().flatten().any(|s| *s == stemmed.text);
            if hit {
                out.push((false, &text[at..token.offset_from]));
                out.push((true, &text[token.offset_from..token.offset_to]));
                at = token.offset_to;
            }
        }
        out.push((false, &text[at..]));
        out.retain(|(_, piece)| !piece.is_empty());
        out
    }
}

/// Collects each match with its score by the record's number.
struct Everything;

struct Segment {
    ids: Column<u64>,
    found: Vec<(u32, Score)>,
}

impl Collector for Everything {
    type Fruit = Vec<(u32, Score)>;
    type Child = Segment;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<Segment> {
        Ok(Segment {
            ids: segment.fast_fields().u64("id")?,
            found: Vec::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, found: Vec<Vec<(u32, Score)>>) -> tantivy::Result<Self::Fruit> {
        Ok(found.into_iter().flatten().collect())
    }
}

impl SegmentCollector for Segment {
    type Fruit = Vec<(u32, Score)>;

    fn collect(&mut self, doc: DocId, score: Score) {
        if let Some(id) = self.ids.first(doc).and_then(|id| u32::try_from(id).ok()) {
            self.found.push((id, score));
        }
    }

    fn harvest(self) -> Self::Fruit {
        self.found
    }
}
