//! The library for people: words, facets, orders and areas, all of it in the address; and the same
//! answers as JSON, CSV, RDF and Atom, and as a SPARQL query.
use super::dcat::choose;
use super::frame::Frame;
use super::pages::Text;
use super::{Shared, accept, document, pages, reply};
use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use crate::mapping::syntax::Syntax;
use crate::mapping::{dcat, sheet};
use crate::record::Record;
use crate::record::quality::{DESCRIPTION, Measured, Points, Rating};
use crate::record::statement::{iri, links, literal, objects, text};
use crate::record::vocab::{self, BASE};
use crate::store::search::{FACETS, Found, Marks, NONE, SORTS, Search, Sort, Value, Wish};
use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use jiff::civil::Date;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// Entries on a page, and how many of them can be asked for.
pub const CARDS: usize = 24;
const MOST: usize = 100;

/// Pages that can be asked for: a larger number is a mistake.
const PAGES: usize = 100_000;

/// Values of a facet that are shown at once; the others wait below.
const SHOWN: usize = 10;

/// Entries that went, in a feed of changes.
const GONE: i64 = 100;

/// Longest text to look for, in bytes.
const WORDS: usize = 1_000;

/// What an address asks for.
#[derive(Clone)]
pub(super) struct Asked {
    wish: Wish,
    from: String,
    to: String,
    area: String,
    table: bool,
    page: usize,
    /// Entries on a page.
    limit: usize,
}

impl Asked {
    pub(super) fn read(pairs: &[(String, String)]) -> Result<Self> {
        let wrong = |name: &str, value: &str, wanted: &str| {
            let value: String = value.chars().take(80).collect();
            Error::bad_input(format!("{name} is {value:?}; {wanted}"))
        };
        let mut asked = Self {
            wish: Wish::default(),
            from: String::new(),
            to: String::new(),
            area: String::new(),
            table: false,
            page: 1,
            limit: CARDS,
        };
        for (name, value) in pairs {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            if let Some(n) = FACETS.iter().position(|f| f.name == name) {
                asked.wish.chosen[n].insert(value.to_owned());
                continue;
            }
            match name.as_str() {
                "q" if value.len() > WORDS => {
                    let found = value.len();
                    return Err(Error::bad_input(format!(
                        "q has {found} bytes; at most {WORDS} are looked for"
                    )));
                }
                "q" => value.clone_into(&mut asked.wish.words),
                "sort" => {
                    let names = SORTS.map(|s| s.1).join(", ");
                    asked.wish.sort = SORTS
                        .iter()
                        .find(|s| s.1 == value)
                        .ok_or_else(|| wrong(name, value, &format!("it is one of {names}")))?
                        .0;
                }
                "quality" => {
                    let rating = Rating::named(value);
                    let names = Rating::ALL.map(Rating::name).join(", ");
                    let wanted = format!("it is one of {names}");
                    asked.wish.rating = Some(rating.ok_or_else(|| wrong(name, value, &wanted))?);
                }
                "view" => asked.table = value == "table",
                "open" => asked.wish.open = value != "0",
                "page" | "limit" => {
                    let most = if name == "page" { PAGES } else { MOST };
                    let wanted = format!("a whole number from 1 to {most} is wanted");
                    let number = value.parse().ok().filter(|n| (1..=most).contains(n));
                    let number = number.ok_or_else(|| wrong(name, value, &wanted))?;
                    if name == "page" {
                        asked.page = number;
                    } else {
                        asked.limit = number;
                    }
                }
                "from" | "to" => {
                    let day: Date = value
                        .parse()
                        .map_err(|_| wrong(name, value, "a date such as 2026-01-31 is wanted"))?;
                    let day = if name == "to" {
                        day.tomorrow()
                    } else {
                        Ok(day)
                    };
                    let moment = day
                        .and_then(|d| d.to_zoned(jiff::tz::TimeZone::UTC))
                        .map_err(|_| wrong(name, value, "a date of our time is wanted"))?
                        .timestamp()
                        .as_microsecond();
                    if name == "from" {
                        asked.wish.from = Some(moment);
                        value.clone_into(&mut asked.from);
                    } else {
                        asked.wish.to = Some(moment - 1);
                        value.clone_into(&mut asked.to);
                    }
                }
                "bbox" => {
                    let area = area(value)?;
                    asked.wish.area = Some(area);
                    value.clone_into(&mut asked.area);
                }
                // Other people's marks on an address are none of our business.
                _ => {}
            }
        }
        Ok(asked)
    }

    /// The same as the part of an address after `?`, always in one order.
    fn query(&self) -> String {
        let mut pairs: Vec<(&str, String)> = vec![("q", self.wish.words.clone())];
        for (facet, chosen) in FACETS.iter().zip(&self.wish.chosen) {
            pairs.extend(chosen.iter().map(|c| (facet.name, c.clone())));
        }
        let sort = SORTS.iter().find(|s| s.0 == self.wish.sort);
        let sort = sort.filter(|s| s.0 != Sort::Relevance);
        let unless = |usual: bool, value: String| if usual { String::new() } else { value };
        pairs.extend([
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("bbox", self.area.clone()),
            (
                "quality",
                self.wish.rating.map_or("", Rating::name).to_owned(),
            ),
            ("open", unless(!self.wish.open, "1".into())),
            ("sort", sort.map_or(String::new(), |s| s.1.to_owned())),
            ("view", unless(!self.table, "table".into())),
            ("limit", unless(self.limit == CARDS, self.limit.to_string())),
            ("page", unless(self.page == 1, self.page.to_string())),
        ]);
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let said = pairs.iter().filter(|(_, value)| !value.is_empty());
        let said: Vec<String> = said
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        said.join("&")
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut other = self.clone();
        other.page = 1;
        change(&mut other);
        other
    }

    /// Whether nothing is left out.
    fn is_of_all(&self) -> bool {
        self.with(|a| {
            a.limit = CARDS;
            a.wish.sort = Sort::Relevance;
            a.table = false;
        })
        .query()
        .is_empty()
    }

    fn link(&self, root: &str) -> String {
        match self.query() {
            query if query.is_empty() => root.to_owned(),
            query => format!("{root}?{query}"),
        }
    }

    /// Each filter that is set, in words, and what is asked without it.
    fn filters(&self, frame: &Frame, search: &Search) -> Vec<(String, Self)> {
        let mut out = Vec::new();
        let words = &self.wish.words;
        if !words.is_empty() {
            out.push((format!("“{words}”"), self.with(|a| a.wish.words.clear())));
        }
        for (n, chosen) in self.wish.chosen.iter().enumerate() {
            for key in chosen {
                let label = format!("{}: {}", facet(frame, n), label(frame, search, n, key));
                let without = self.with(|a| {
                    a.wish.chosen[n].remove(key);
                });
                out.push((label, without));
            }
        }
        if self.wish.open {
            out.push((frame.say("search-open"), self.with(|a| a.wish.open = false)));
        }
        if let Some(rating) = self.wish.rating {
            let label = frame.say(&format!("rating-{}", rating.name()));
            let without = self.with(|a| a.wish.rating = None);
            out.push((frame.with("filter-quality", label), without));
        }
        if !self.from.is_empty() {
            let without = self.with(|a| {
                a.from.clear();
                a.wish.from = None;
            });
            out.push((frame.with("filter-from", &self.from), without));
        }
        if !self.to.is_empty() {
            let without = self.with(|a| {
                a.to.clear();
                a.wish.to = None;
            });
            out.push((frame.with("filter-to", &self.to), without));
        }
        if !self.area.is_empty() {
            let without = self.with(|a| {
                a.area.clear();
                a.wish.area = None;
            });
            out.push((frame.with("filter-area", &self.area), without));
        }
        out
    }
}

/// A label that leads somewhere.
struct Link {
    label: String,
    href: String,
    /// Style of its badge.
    style: String,
}

struct Card {
    href: String,
    title: Vec<(bool, String)>,
    title_tag: String,
    short: String,
    description: Vec<(bool, String)>,
    description_tag: String,
    layer_style: String,
    layers: Vec<Link>,
    mims: Vec<Link>,
    kinds: Vec<Link>,
    scopes: Vec<Link>,
    maintainers: Vec<Link>,
    version: String,
    links: Vec<Link>,
}

struct Group {
    name: &'static str,
    title: String,
    first: Vec<Value>,
    rest: Vec<Value>,
    chosen: usize,
    open: bool,
}

struct Removed {
    label: String,
    href: String,
    /// Entries without this filter; counted only where nothing is found.
    count: u64,
}

#[derive(Template)]
#[template(path = "search.html")]
struct Page<'a> {
    heading: &'a str,
    intro: &'a str,
    asked: &'a Asked,
    found: &'a Found,
    whole: i64,
    groups: Vec<Group>,
    filters: Vec<Removed>,
    sorts: Vec<(&'static str, String, bool)>,
    ratings: Vec<(&'static str, String, bool)>,
    cards: Vec<Card>,
    first: usize,
    previous: Option<String>,
    next: Option<String>,
    /// Name and address of the same in other forms.
    forms: Vec<(&'static str, String)>,
    sparql: String,
    here: String,
    frame: &'a Frame,
}

#[derive(Template)]
#[template(path = "search.xml")]
struct Feed<'a> {
    title: &'a str,
    here: String,
    page: String,
    updated: String,
    hub: Option<&'a str>,
    entries: Vec<FeedEntry>,
    /// What went, and when.
    gone: Vec<(String, String)>,
    next: Option<String>,
}

struct FeedEntry {
    id: String,
    href: String,
    title: String,
    summary: String,
    author: String,
    published: String,
    updated: String,
}

type Pairs = Vec<(String, String)>;

/// In what form a search is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Json,
    Csv,
    Atom,
    Feed,
    Sparql,
    Rdf(Syntax),
}

/// Extension and media type.
const FORMS: [(&str, &str, Form); 6] = [
    ("html", "text/html", Form::Html),
    ("json", "application/json", Form::Json),
    ("csv", "text/csv", Form::Csv),
    ("atom", "application/atom+xml", Form::Atom),
    ("feed", "application/feed+json", Form::Feed),
    ("rq", "application/sparql-query", Form::Sparql),
];

/// West, south, east, north, from `bbox` in an address.
///
/// # Errors
/// [`Kind::BadInput`]: they are not four, or not on the globe.
pub fn area(value: &str) -> Result<[f64; 4]> {
    let wanted = "west,south,east,north in degrees is wanted, such as -5,41,10,51";
    let numbers: Vec<f64> = value
        .split(',')
        .filter_map(|n| n.trim().parse().ok())
        .collect();
    <[f64; 4]>::try_from(numbers)
        .ok()
        .filter(|[w, s, e, n]| {
            w.abs() <= 180.0 && e.abs() <= 180.0 && s.abs() <= 90.0 && n.abs() <= 90.0 && s <= n
        })
        .ok_or_else(|| {
            let value: String = value.chars().take(80).collect();
            Error::bad_input(format!("bbox is {value:?}; {wanted}"))
        })
}

/// `/`: the library, as a page.
pub async fn home(
    State(catalogue): Shared,
    Query(pairs): Query<Pairs>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    if let Some(form) = super::dcat::asked_for(&headers) {
        return super::dcat::point(&catalogue, &headers, form).await;
    }
    if catalogue.search.read().await.is_none() {
        // The index is being made; the first entries can be read meanwhile.
        return pages::home(State(catalogue), &frame, headers).await;
    }
    answer(
        &catalogue,
        &frame,
        &pairs,
        Form::Html,
        "text/html",
        &headers,
    )
    .await
}

/// `/search`: the form that the client likes best.
pub async fn negotiated(
    State(catalogue): Shared,
    Query(pairs): Query<Pairs>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    let own = FORMS.map(|(_, media, form)| (media, form));
    let accept = accept(&headers);
    let (media, form) = match reply::negotiate(accept, &own) {
        // RDF is asked for by name alone.
        Some((media, form)) => (*media, *form),
        None => {
            let (syntax, media) = choose(accept, Syntax::Turtle)?;
            (media, syntax.map_or(Form::Html, Form::Rdf))
        }
    };
    answer(&catalogue, &frame, &pairs, form, media, &headers).await
}

/// `/search.{extension}`, a route for each.
pub fn forms() -> Router<Arc<Catalogue>> {
    let rdf = ["ttl", "nt", "rdf", "xml", "jsonld", "trig"]
        .into_iter()
        .filter_map(|e| {
            Syntax::of_extension(e).map(|(syntax, media)| (e, media, Form::Rdf(syntax)))
        });
    FORMS
        .into_iter()
        .chain(rdf)
        .map(|(extension, media, form)| (format!("/search.{extension}"), media, form))
        .chain(FEEDS.map(|(path, media, form)| (path.to_owned(), media, form)))
        .fold(Router::new(), |routes, (path, media, form)| {
            let follows = FEEDS.iter().any(|f| f.0 == path);
            let handler = move |State(catalogue): Shared,
                                Query(mut pairs): Query<Pairs>,
                                frame: Frame,
                                headers: HeaderMap| async move {
                if follows {
                    pairs.retain(|(name, _)| name != "sort");
                    pairs.push(("sort".into(), "changed".into()));
                }
                answer(&catalogue, &frame, &pairs, form, media, &headers).await
            };
            routes.route(&path, get(handler))
        })
}

/// The same, last changed first: what feed readers subscribe to.
const FEEDS: [(&str, &str, Form); 2] = [
    ("/feed.atom", "application/atom+xml", Form::Atom),
    ("/feed.json", "application/feed+json", Form::Feed),
];

async fn answer(
    catalogue: &Catalogue,
    frame: &Frame,
    pairs: &[(String, String)],
    form: Form,
    media: &'static str,
    headers: &HeaderMap,
) -> Result<Response> {
    let asked = Asked::read(pairs)?;
    let size = asked.limit;
    let offset = (asked.page - 1) * size;
    let search = catalogue.search.read().await;
    let Some(search) = search.as_ref() else {
        let why = "the search index is being made; ask again in a moment";
        return Err(Error::new(Kind::Busy, why));
    };
    let found = tokio::task::block_in_place(|| search.find(&asked.wish, offset, size))?;
    let more = offset + size < usize::try_from(found.total).unwrap_or(usize::MAX);
    let next = more.then(|| asked.with(|a| a.page = asked.page + 1));
    let records = catalogue.ledger.by_ids(&found.page).await?;
    let root = pages::root(&catalogue.public_url);
    let content = match form {
        Form::Html => page(
            frame,
            catalogue,
            search,
            &asked,
            &found,
            &records,
            next.as_ref(),
        )?,
        Form::Json => json(catalogue, search, &asked, &found, &records, next.as_ref())?,
        Form::Csv => csv(catalogue, &records)?,
        Form::Atom => {
            pages::render(&feed(catalogue, &asked, &records, next.as_ref(), "atom").await?)?
        }
        Form::Feed => json_feed(&feed(catalogue, &asked, &records, next.as_ref(), "json").await?)?,
        Form::Sparql => sparql(catalogue, search, &asked).into_bytes(),
        Form::Rdf(syntax) => document::render(catalogue, syntax, "", &records).await?.0,
    };
    let mut response = reply::body(headers, media, content, 0);
    if asked.wish.sort == Sort::Changed && matches!(form, Form::Atom | Form::Feed) {
        let extension = if form == Form::Atom { "atom" } else { "json" };
        let topic = followed(catalogue, &asked, extension);
        reply::followed(response.headers_mut(), catalogue.hub.as_deref(), &topic);
    }
    if let Some(next) = next
        && let Ok(link) =
            HeaderValue::from_str(&format!("<{root}search?{}>; rel=\"next\"", next.query()))
    {
        response.headers_mut().append(header::LINK, link);
    }
    Ok(response)
}

/// What a facet is called.
pub fn facet(frame: &Frame, n: usize) -> String {
    frame.say(&format!("facet-{}", FACETS[n].name))
}

/// What a value of a facet is called.
pub fn label(frame: &Frame, search: &Search, n: usize, key: &str) -> String {
    if key == NONE {
        return frame.say(&format!("none-{}", FACETS[n].name));
    }
    search
        .term(n, key)
        .and_then(iri)
        .and_then(|concept| frame.concept(concept))
        .unwrap_or_else(|| search.label(n, key))
}

fn owned(pieces: Vec<(bool, &str)>) -> Vec<(bool, String)> {
    pieces
        .into_iter()
        .map(|(hit, text)| (hit, text.to_owned()))
        .collect()
}

fn card(frame: &Frame, r: &Record, asked: &Asked, search: &Search, marks: &Marks) -> Card {
    let root = &frame.root;
    let get = |p: &str| Text::of(frame, &r.content, &r.iri, p);
    // A badge narrows the search to what it says, or widens it again.
    let badges = |n: usize| -> Vec<Link> {
        let keys: BTreeSet<String> = objects(&r.content, &r.iri, FACETS[n].property)
            .filter_map(|term| search.key(n, &r.content, term))
            .collect();
        keys.into_iter()
            .map(|key| Link {
                label: if n == 1 {
                    format!("MIM{key}")
                } else {
                    label(frame, search, n, &key)
                },
                style: format!("{}-{key}", FACETS[n].name),
                href: asked
                    .with(|a| {
                        if !a.wish.chosen[n].remove(&key) {
                            a.wish.chosen[n].insert(key.clone());
                        }
                    })
                    .link(root),
            })
            .collect()
    };
    let layers = badges(0);
    let title = get("dct:title");
    let description = get("dct:description");
    Card {
        href: format!("{root}resource/{}", r.slug),
        title: owned(marks.pieces(&title.text)),
        short: Some(get("skos:altLabel").text)
            .filter(|s| *s != title.text)
            .unwrap_or_default(),
        title_tag: title.tag,
        description: owned(marks.pieces(&description.text)),
        description_tag: description.tag,
        layer_style: layers
            .first()
            .map_or("layer-none".into(), |l| l.style.clone()),
        layers,
        mims: badges(1),
        kinds: badges(2),
        scopes: badges(3),
        maintainers: badges(7),
        version: get("dcat:version").text,
        links: sheet::labelled_links(&r.iri, &r.content)
            .into_iter()
            .filter(|(_, href)| pages::is_web(href))
            .map(|(label, href)| Link {
                label,
                href,
                style: String::new(),
            })
            .collect(),
    }
}

fn page(
    frame: &Frame,
    catalogue: &Catalogue,
    search: &Search,
    asked: &Asked,
    found: &Found,
    records: &[Record],
    next: Option<&Asked>,
) -> Result<Vec<u8>> {
    let frame = &frame.at(&asked.link(&frame.root));
    let root = frame.root.as_str();
    let groups = FACETS
        .iter()
        .zip(&found.values)
        .enumerate()
        .map(|(n, (facet, values))| {
            let chosen = values.iter().filter(|v| v.chosen).count();
            let (first, rest): (Vec<_>, Vec<_>) = values
                .iter()
                .map(|v| Value {
                    label: label(frame, search, n, &v.key),
                    ..v.clone()
                })
                .enumerate()
                .partition(|(at, v)| *at < SHOWN || v.chosen);
            Group {
                name: facet.name,
                title: self::facet(frame, n),
                first: first.into_iter().map(|(_, v)| v).collect(),
                rest: rest.into_iter().map(|(_, v)| v).collect(),
                chosen,
                open: n < 3 || chosen > 0,
            }
        });
    let mut filters = Vec::new();
    for (label, without) in asked.filters(frame, search) {
        let count = match found.total {
            0 => search.find(&without.wish, 0, 0)?.total,
            _ => 0,
        };
        filters.push(Removed {
            label,
            href: without.link(root),
            count,
        });
    }
    let query = asked.with(|_| {}).query();
    let form = |extension: &str| format!("{root}search.{extension}?{query}");
    // Whoever follows a search wants what changed last, from its beginning.
    let followed = asked.with(|a| {
        a.wish.sort = Sort::Relevance;
        (a.table, a.limit) = (false, CARDS);
    });
    let feed = |extension: &str| followed.link(&format!("{root}feed.{extension}"));
    let previous = (asked.page > 1).then(|| asked.with(|a| a.page = asked.page - 1).link(root));
    pages::render(&Page {
        heading: &catalogue.about.title,
        intro: &catalogue.about.description,
        asked,
        found,
        whole: catalogue.extent().total,
        groups: groups.filter(|g| !g.first.is_empty()).collect(),
        filters,
        sorts: SORTS
            .iter()
            .map(|(s, name)| {
                let title = frame.say(&format!("sort-{name}"));
                (*name, title, *s == asked.wish.sort)
            })
            .collect(),
        ratings: Rating::ALL
            .map(|r| {
                let title = frame.say(&format!("rating-{}", r.name()));
                (r.name(), title, asked.wish.rating == Some(r))
            })
            .into(),
        cards: records
            .iter()
            .map(|r| card(frame, r, asked, search, &found.marks))
            .collect(),
        first: (asked.page - 1) * asked.limit + 1,
        previous,
        next: next.map(|n| n.link(root)),
        forms: vec![
            ("JSON", form("json")),
            ("CSV", form("csv")),
            ("Turtle", form("ttl")),
            ("JSON-LD", form("jsonld")),
            ("Atom", feed("atom")),
            ("JSON Feed", feed("json")),
        ],
        sparql: format!(
            "{root}sparql?query={}",
            percent_encoding::utf8_percent_encode(
                &sparql(catalogue, search, asked),
                percent_encoding::NON_ALPHANUMERIC
            )
        ),
        here: format!("{}?{}", catalogue.public_url, asked.query())
            .trim_end_matches('?')
            .to_owned(),
        frame,
    })
}

/// The answer as JSON. Texts are by their language tag.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    total: u64,
    spelled_alike: bool,
    #[serde(rename = "self")]
    here: String,
    next: Option<String>,
    facets: BTreeMap<&'a str, &'a [Value]>,
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    iri: String,
    page: String,
    title: Texts<'a>,
    short_name: Texts<'a>,
    description: Texts<'a>,
    category: Vec<&'a str>,
    layer: Vec<&'a str>,
    mim: Vec<&'a str>,
    scope: Vec<&'a str>,
    origin: Vec<&'a str>,
    maintainer: Vec<Cow<'a, str>>,
    version: Option<Cow<'a, str>>,
    issued: String,
    modified: String,
    /// Of the description; none of what is no data set.
    quality: Option<Quality>,
}

#[derive(Serialize)]
struct Quality {
    points: u32,
    of: u32,
    rating: &'static str,
}

type Texts<'a> = BTreeMap<&'a str, Cow<'a, str>>;

fn json(
    catalogue: &Catalogue,
    search: &Search,
    asked: &Asked,
    found: &Found,
    records: &[Record],
    next: Option<&Asked>,
) -> Result<Vec<u8>> {
    let address = |asked: &Asked| format!("{}search.json?{}", catalogue.public_url, asked.query());
    let facets = FACETS.iter().zip(&found.values);
    let document = Document {
        total: found.total,
        spelled_alike: found.alike,
        here: address(asked),
        next: next.map(address),
        facets: facets.map(|(f, v)| (f.name, v.as_slice())).collect(),
        entries: records
            .iter()
            .map(|r| entry(catalogue, search, r))
            .collect(),
    };
    serde_json::to_vec(&document).map_err(Error::internal)
}

fn entry<'a>(catalogue: &Catalogue, search: &Search, r: &'a Record) -> Entry<'a> {
    let (content, iri) = (r.content.as_str(), r.iri.as_str());
    let texts = |p: &'static str| -> Texts<'a> {
        let texts = objects(content, iri, p).filter_map(literal);
        texts
            .map(|l| (l.language.unwrap_or("und"), l.value()))
            .collect()
    };
    let labels = |p: &'static str| -> Vec<&'a str> {
        links(content, iri, p).filter_map(vocab::label).collect()
    };
    Entry {
        iri: catalogue.address(iri),
        page: format!("{}resource/{}", catalogue.public_url, r.slug),
        title: texts("dct:title"),
        short_name: texts("skos:altLabel"),
        description: texts("dct:description"),
        category: labels("dct:type"),
        layer: labels("ldt:layer"),
        mim: labels("ldt:mim"),
        scope: labels("ldt:scope"),
        origin: labels("ldt:origin"),
        maintainer: links(content, iri, "dct:publisher")
            .filter_map(|agent| text(content, agent, "foaf:name"))
            .collect(),
        version: text(content, iri, "dcat:version"),
        issued: dcat::date_time(r.issued),
        modified: dcat::date_time(r.modified),
        quality: search
            .measured(r.id)
            .map(Measured::description)
            .and_then(|Points { got, of }| {
                let rating = Points { got, of }.rating()?.name();
                Some(Quality {
                    points: got,
                    of,
                    rating,
                })
            }),
    }
}

fn csv(catalogue: &Catalogue, records: &[Record]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(sheet::HEADER)
        .map_err(Error::internal)?;
    for r in records {
        let row = sheet::row(&r.slug, &r.iri, &r.content);
        let row = row
            .iter()
            .map(|cell| cell.replace(BASE, &catalogue.public_url));
        writer.write_record(row).map_err(Error::internal)?;
    }
    writer.into_inner().map_err(Error::internal)
}

/// The address of a feed of changes, which has an order of its own.
fn followed(catalogue: &Catalogue, asked: &Asked, extension: &str) -> String {
    let mut plain = asked.clone();
    plain.wish.sort = Sort::Relevance;
    plain.link(&format!("{}feed.{extension}", catalogue.public_url))
}

/// A feed of a search. One of all changes also tells what went, as far back as its entries reach.
async fn feed<'a>(
    catalogue: &'a Catalogue,
    asked: &Asked,
    records: &[Record],
    next: Option<&Asked>,
    extension: &str,
) -> Result<Feed<'a>> {
    let changes = asked.wish.sort == Sort::Changed;
    let address = |asked: &Asked| match (changes, extension) {
        (true, _) => followed(catalogue, asked, extension),
        (false, "json") => asked.link(&format!("{}search.feed", catalogue.public_url)),
        (false, _) => asked.link(&format!("{}search.{extension}", catalogue.public_url)),
    };
    let entries: Vec<FeedEntry> = records
        .iter()
        .map(|r| {
            let get = |p: &str| text(&r.content, &r.iri, p).unwrap_or_default().into_owned();
            FeedEntry {
                id: catalogue.address(&r.iri),
                href: format!("{}resource/{}", catalogue.public_url, r.slug),
                title: get("dct:title"),
                summary: get("dct:description"),
                author: links(&r.content, &r.iri, "dct:publisher")
                    .find_map(|a| text(&r.content, a, "foaf:name"))
                    .map_or_else(|| catalogue.about.publisher.clone(), |n| n.into_owned()),
                published: dcat::date_time(r.issued),
                updated: dcat::date_time(r.modified),
            }
        })
        .collect();
    let gone = match changes && asked.is_of_all() && asked.page == 1 {
        true => {
            let oldest = next.and(records.last()).map_or(0, |r| r.modified);
            let gone = catalogue.ledger.gone_since(oldest, GONE).await?;
            gone.iter()
                .map(|r| (catalogue.address(&r.iri), dcat::date_time(r.modified)))
                .collect()
        }
        false => Vec::new(),
    };
    // What changed elsewhere does not change this feed.
    let dates = entries
        .iter()
        .map(|e| &e.updated)
        .chain(gone.iter().map(|g: &(String, String)| &g.1));
    let updated = dates.max().cloned();
    Ok(Feed {
        title: &catalogue.about.title,
        here: address(asked),
        page: asked.link(&catalogue.public_url),
        updated: updated.unwrap_or_else(|| dcat::date_time(catalogue.extent().issued)),
        hub: catalogue.hub.as_deref(),
        entries,
        gone,
        next: next.map(address),
    })
}

/// JSON Feed 1.1; what went has a name of our own, as its section on extensions asks.
fn json_feed(feed: &Feed<'_>) -> Result<Vec<u8>> {
    let items: Vec<_> = feed
        .entries
        .iter()
        .map(|e| {
            serde_json::json!({
                "id": e.id,
                "url": e.href,
                "title": e.title,
                "content_text": e.summary,
                "date_published": e.published,
                "date_modified": e.updated,
                "authors": [{ "name": e.author }],
            })
        })
        .collect();
    let mut document = serde_json::json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.page,
        "feed_url": feed.here,
        "items": items,
    });
    if let Some(hub) = feed.hub {
        document["hubs"] = serde_json::json!([{ "type": "WebSub", "url": hub }]);
    }
    if let Some(next) = &feed.next {
        document["next_url"] = next.as_str().into();
    }
    if !feed.gone.is_empty() {
        let gone = feed.gone.iter();
        document["_deleted"] = gone
            .map(|(id, at)| serde_json::json!({ "id": id, "date_deleted": at }))
            .collect();
    }
    serde_json::to_vec(&document).map_err(Error::internal)
}

/// The same question as a query that can be changed. Words are compared letter by letter there.
fn sparql(catalogue: &Catalogue, search: &Search, asked: &Asked) -> String {
    let mut out = String::from(
        "PREFIX dcat: <http://www.w3.org/ns/dcat#>\nPREFIX dct: <http://purl.org/dc/terms/>\nPREFIX dqv: <http://www.w3.org/ns/dqv#>\nPREFIX foaf: <http://xmlns.com/foaf/0.1/>\nPREFIX geo: <http://www.opengis.net/ont/geosparql#>\nPREFIX geof: <http://www.opengis.net/def/function/geosparql/>\nPREFIX ldt: <https://w3id.org/ldt-catalogue/ns#>\nPREFIX skos: <http://www.w3.org/2004/02/skos/core#>\nPREFIX xsd: <http://www.w3.org/2001/XMLSchema#>\n\nSELECT DISTINCT ?entry ?title WHERE {\n  ?entry a dcat:Dataset ; dct:title ?title .\n",
    );
    let string = |text: &str| oxigraph::model::Literal::new_simple_literal(text).to_string();
    for word in said_words(&asked.wish.words) {
        let _ = writeln!(
            out,
            "  FILTER EXISTS {{ ?entry dct:title|skos:altLabel|dct:description|dcat:keyword|(dct:publisher/foaf:name) ?text FILTER(CONTAINS(LCASE(STR(?text)), {})) }}",
            string(&word)
        );
    }
    let place = |term: &str| match term.strip_prefix(&format!("<{BASE}")) {
        Some(rest) => format!("<{}{rest}", catalogue.public_url),
        None => term.to_owned(),
    };
    for (n, (facet, chosen)) in FACETS.iter().zip(&asked.wish.chosen).enumerate() {
        if chosen.is_empty() {
            continue;
        }
        let terms: Vec<String> = chosen
            .iter()
            .filter_map(|key| search.term(n, key))
            .map(place)
            .collect();
        let mut any = vec![format!(
            "EXISTS {{ ?entry {p} ?value FILTER(?value IN ({})) }}",
            terms.join(", "),
            p = facet.property
        )];
        if chosen.contains(NONE) {
            any.push(format!("NOT EXISTS {{ ?entry {} ?any }}", facet.property));
        }
        let _ = writeln!(out, "  FILTER({})", any.join(" || "));
    }
    if asked.wish.open {
        let terms: Vec<String> = search.open_licences().map(place).collect();
        let _ = writeln!(
            out,
            "  FILTER EXISTS {{ ?entry ldt:licence ?licence FILTER(?licence IN ({})) }}",
            terms.join(", ")
        );
    }
    if let Some(rating) = asked.wish.rating {
        let (least, most) = rating.range(DESCRIPTION).into_inner();
        let _ = writeln!(
            out,
            "  FILTER EXISTS {{ ?entry dqv:hasQualityMeasurement ?score . ?score dqv:isMeasurementOf ldt:descriptionScore ; dqv:value ?points FILTER(?points >= {least} && ?points <= {most}) }}"
        );
    }
    for (moment, sign) in [(asked.wish.from, ">="), (asked.wish.to, "<=")] {
        if let Some(moment) = moment {
            let _ = writeln!(
                out,
                "  FILTER EXISTS {{ ?record foaf:primaryTopic ?entry ; dct:issued ?issued FILTER(?issued {sign} \"{}\"^^xsd:dateTime) }}",
                dcat::date_time(moment)
            );
        }
    }
    if let Some([w, s, e, n]) = asked.wish.area {
        let _ = writeln!(
            out,
            "  FILTER EXISTS {{ ?entry dct:spatial/dcat:centroid ?point FILTER(geof:sfWithin(?point, \"POLYGON(({w} {s}, {e} {s}, {e} {n}, {w} {n}, {w} {s}))\"^^geo:wktLiteral)) }}"
        );
    }
    out.push_str("} ORDER BY ?title\n");
    out
}

/// The words as they were written, in lower case.
fn said_words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect()
}
