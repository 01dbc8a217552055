//! The library by what orders it: a page for each layer and each MIM, and a map of the entries that
//! have a place. The map is drawn here, without tiles: longitude and latitude are its axes, and a
//! degree of longitude is as wide as it is in the middle of Europe.
use super::frame::Frame;
use super::pages::{Item, Named, Text, items, render};
use super::{Shared, assets, reply, search as forms};
use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use crate::record::statement::{links, literal};
use crate::record::{Record, vocab};
use crate::store::search::{FACETS, Search, Sort, Wish, points};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use std::borrow::Borrow;
use std::collections::BTreeMap;

/// Entries that a theme's page shows; the search has the rest.
const SHOWN: usize = 12;

/// Entries that the map shows.
const PLACED: usize = 500;

/// The part of the globe that the map shows at first: west, south, east, north.
const EUROPE: [f64; 4] = [-25.0, 34.0, 45.0, 70.0];
const WORLD: [f64; 4] = [-180.0, -90.0, 180.0, 90.0];

/// How wide a degree of longitude is drawn: the cosine of 50° north.
const WIDTH: f64 = 0.643;

#[derive(Template)]
#[template(path = "theme.html")]
struct Theme<'a> {
    frame: &'a Frame,
    heading: String,
    /// `layer-connectivity`; gives the colour.
    class: String,
    definition: Text,
    about: Text,
    total: u64,
    items: Vec<Item>,
    search: String,
    below: Option<Named>,
    above: Option<Named>,
    /// All of its scheme.
    siblings: Vec<Named>,
    siblings_title: String,
}

/// `/layer/{key}`.
pub async fn layer(
    catalogue: Shared,
    Path(key): Path<String>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    theme(&catalogue, &frame, &headers, "layer", &key).await
}

/// `/mim/{number}`.
pub async fn mim(
    catalogue: Shared,
    Path(key): Path<String>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    theme(&catalogue, &frame, &headers, "mim", &key).await
}

async fn theme(
    catalogue: &Catalogue,
    frame: &Frame,
    headers: &HeaderMap,
    facet: &str,
    key: &str,
) -> Result<Response> {
    let keys = keys(facet);
    let place = keys.iter().position(|k| *k == key).ok_or_else(|| {
        let why = format!(
            "no {facet} is called {key:?}: there are {}",
            keys.join(", ")
        );
        Error::new(Kind::NotFound, why)
    })?;
    let link = |key: &str| named(frame, facet, key);
    // MIMs stand beside each other, layers on each other.
    let neighbour = |at: Option<usize>| {
        at.filter(|_| facet == "layer")
            .and_then(|at| keys.get(at))
            .map(|k| link(k))
    };
    let (total, records) = found(catalogue, SHOWN, |wish| {
        let column = FACETS.iter().position(|f| f.name == facet);
        if let Some(column) = column {
            wish.chosen[column].insert(key.to_owned());
        }
    })
    .await?;
    let iri = concept(facet, key);
    let page = Theme {
        frame,
        heading: link(key).label,
        class: format!("{facet}-{key}"),
        definition: said(&iri, "skos:definition"),
        about: said(&format!("{}scheme-{facet}", vocab::LDT), "dct:description"),
        total,
        items: items(frame, &records),
        search: format!("{}?{facet}={key}", frame.root),
        below: neighbour(place.checked_sub(1)),
        above: neighbour(Some(place + 1)),
        siblings: keys.iter().map(|k| link(k)).collect(),
        siblings_title: frame.say(&format!("theme-all-{facet}")),
    };
    Ok(reply::body(headers, "text/html", render(&page)?, 0))
}

fn concept(facet: &str, key: &str) -> String {
    format!("{}{facet}-{key}", vocab::LDT)
}

fn named(frame: &Frame, facet: &str, key: &str) -> Named {
    Named {
        label: frame
            .concept(&concept(facet, key))
            .unwrap_or_else(|| key.to_owned()),
        href: format!("{}{facet}/{key}", frame.root),
    }
}

/// The keys of a facet's concepts in the order of their notations.
pub fn keys(facet: &str) -> Vec<&'static str> {
    let scheme = format!("{}scheme-{facet}", vocab::LDT);
    let prefix = format!("{}{facet}-", vocab::LDT);
    let mut keys: Vec<(String, &str)> = vocab::about(&scheme)
        .iter()
        .filter(|s| s.says("skos:hasTopConcept"))
        .filter_map(|s| {
            let iri = s.target()?;
            Some((said(iri, "skos:notation").text, iri.strip_prefix(&prefix)?))
        })
        .collect();
    keys.sort();
    keys.into_iter().map(|(_, key)| key).collect()
}

/// What the vocabulary says of a concept, in the language in which it says it.
fn said(iri: &str, property: &str) -> Text {
    let mut all = vocab::about(iri).iter().filter(|s| s.says(property));
    let l = all.find_map(|s| literal(s.object));
    Text {
        text: l.map_or(String::new(), |l| l.value().into_owned()),
        tag: l.and_then(|l| l.language).unwrap_or_default().to_owned(),
    }
}

/// How many entries are found, and the first ones by title.
async fn found(
    catalogue: &Catalogue,
    limit: usize,
    narrow: impl FnOnce(&mut Wish),
) -> Result<(u64, Vec<Record>)> {
    let mut wish = Wish {
        sort: Sort::Title,
        ..Wish::default()
    };
    narrow(&mut wish);
    let search = catalogue.search.read().await;
    let search: &Search = search.as_ref().ok_or_else(|| {
        let why = "the search index is being made; ask again in a moment";
        Error::new(Kind::Busy, why)
    })?;
    let found = tokio::task::block_in_place(|| search.find(&wish, 0, limit))?;
    Ok((found.total, catalogue.ledger.by_ids(&found.page).await?))
}

#[derive(Deserialize)]
pub struct View {
    bbox: Option<String>,
}

/// An entry with a place.
struct Place {
    item: Item,
    /// In degrees east, and south of the equator, both as drawn.
    x: f64,
    y: f64,
    /// What it uses, as far as the library has it.
    uses: Vec<Named>,
    /// Where it is told what a twin could add.
    fitting: Option<String>,
}

/// A field of the graticule that holds entries.
struct Field {
    west: f64,
    south: f64,
    count: usize,
}

#[derive(Template)]
#[template(path = "twins.html")]
struct Map<'a> {
    frame: &'a Frame,
    places: Vec<Place>,
    total: u64,
    fields: Vec<Field>,
    /// Degrees between the lines of the graticule.
    step: f64,
    meridians: Vec<f64>,
    parallels: Vec<f64>,
    west: f64,
    south: f64,
    east: f64,
    north: f64,
    outlines: Option<String>,
}

impl Map<'_> {
    /// Templates pass numbers and references to them.
    fn x(&self, longitude: impl Borrow<f64>) -> f64 {
        tidy(longitude.borrow() * WIDTH)
    }

    /// What shows the view without distortion.
    fn view(&self) -> String {
        let (wide, high) = (self.x(self.east - self.west), self.north - self.south);
        format!("{} {} {wide} {high}", self.x(self.west), -self.north)
    }

    /// Lengths that look alike whatever the view shows.
    fn dot(&self) -> f64 {
        tidy((self.north - self.south) / 60.0)
    }

    fn bbox(&self) -> String {
        format!("{},{},{},{}", self.west, self.south, self.east, self.north)
    }
}

/// Two decimals: a map of a continent shows no more.
fn tidy(degrees: f64) -> f64 {
    (degrees * 100.0).round() / 100.0
}

/// `/twins`: the entries that have a place, on a map and as a list. `bbox` is what the map shows.
pub async fn map(
    catalogue: Shared,
    Query(view): Query<View>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    let [west, south, east, north] = match view.bbox.as_deref() {
        Some(bbox) => forms::area(bbox)?,
        None => EUROPE,
    };
    if west >= east || south >= north {
        let why = format!(
            "the map cannot show {west},{south},{east},{north}: west has to be less than east, south less than north"
        );
        return Err(Error::bad_input(why));
    }
    let (total, records) = found(&catalogue, PLACED, |wish| wish.area = Some(WORLD)).await?;
    let mut places = Vec::new();
    let step = if east - west > 90.0 { 30.0 } else { 10.0 };
    let mut fields: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    for (record, item) in records.iter().zip(items(&frame, &records)) {
        let Some([longitude, latitude]) = points(&record.content).first().copied() else {
            continue;
        };
        // The end of the globe belongs to its last field.
        let (east_of, north_of) = (longitude.min(179.99), latitude.min(89.99));
        #[expect(clippy::cast_possible_truncation, reason = "degrees are small")]
        let field = (
            (east_of / step).floor() as i64,
            (north_of / step).floor() as i64,
        );
        *fields.entry(field).or_default() += 1;
        let used: Vec<&str> = links(&record.content, &record.iri, "ldt:uses").collect();
        let uses = catalogue.ledger.numbered(&used).await?;
        places.push(Place {
            fitting: super::matching::of_twin(&frame, record),
            item,
            x: tidy(longitude * WIDTH),
            y: tidy(-latitude),
            uses: uses
                .iter()
                .map(|r| Named {
                    label: Text::of(&frame, &r.content, &r.iri, "dct:title").text,
                    href: format!("{}resource/{}", frame.root, r.slug),
                })
                .collect(),
        });
    }
    #[expect(clippy::cast_precision_loss, reason = "degrees are small")]
    let fields = fields
        .into_iter()
        .map(|((x, y), count)| Field {
            west: x as f64 * step,
            south: y as f64 * step,
            count,
        })
        .collect();
    let lines = |from: f64, to: f64| {
        let first = (from / step).ceil() * step;
        std::iter::successors(Some(first), move |at| Some(at + step))
            .take_while(move |at| *at <= to)
            .collect()
    };
    let page = Map {
        places,
        total,
        fields,
        step,
        meridians: lines(west, east),
        parallels: lines(south, north),
        west,
        south,
        east,
        north,
        outlines: assets::outlines().map(|o| format!("{}{}", frame.root, o.path)),
        frame: &frame,
    };
    Ok(reply::body(&headers, "text/html", render(&page)?, 0))
}

/// The layers, from the one that people see down to what is observed, each with its colour.
pub fn layers(frame: &Frame) -> Vec<(String, Named)> {
    let layer = |key: &&str| (format!("layer-{key}"), named(frame, "layer", key));
    keys("layer").iter().rev().map(layer).collect()
}
