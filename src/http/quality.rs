//! How well entries are described: on the page of an entry, and `/quality` for the catalogue, both also
//! as DQV in every syntax.
use super::dcat::choose;
use super::frame::Frame;
use super::pages::{Named, Text, render};
use super::{Shared, accept, reply};
use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use crate::mapping::syntax::{Syntax, placed};
use crate::mapping::{dcat, dqv};
use crate::record::quality::{Dimension, Measured, Metric, Of, Points, Score};
use crate::record::vocab::BASE;
use crate::record::{Record, triples};
use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use std::sync::Arc;

/// What was measured, in the words of a page.
pub struct Assessment {
    pub rating: String,
    pub points: Points,
    /// Some points could not be had yet.
    pub partly: bool,
    pub dimensions: Vec<Part>,
}

/// A dimension with its metrics.
pub struct Part {
    pub title: String,
    pub points: Points,
    pub lines: Vec<Line>,
}

pub struct Line {
    pub title: String,
    /// As a prefixed name.
    pub property: &'static str,
    pub found: String,
    pub points: Option<Points>,
    /// Empty where nothing is left to gain.
    pub cure: String,
}

impl Assessment {
    /// None where nothing was measured.
    pub fn of(frame: &Frame, measured: &Measured, many: bool) -> Option<Self> {
        let points = measured.points();
        let rating = points.rating()?;
        let dimensions = Dimension::ALL.map(|dimension| Part {
            title: frame.say(&format!("dimension-{}", dimension.name())),
            points: measured.points_of(dimension),
            lines: measured
                .scores()
                .filter(|s| s.metric.dimension() == dimension)
                .map(|score| Line::of(frame, score, many))
                .collect(),
        });
        Some(Self {
            rating: frame.say(&format!("rating-{}", rating.name())),
            points,
            partly: measured.scores().any(|s| s.points().is_none()),
            dimensions: dimensions.into(),
        })
    }
}

impl Line {
    fn of(frame: &Frame, score: Score, many: bool) -> Self {
        let Score { metric, passed, of } = score;
        let points = score.points();
        let found = match (metric.of(), of) {
            (Of::Addresses, 0) => frame.say("quality-unasked"),
            (_, 0) => frame.say("quality-no-files"),
            (Of::Entries, 1) if !many && passed == 1 => frame.say("quality-yes"),
            (Of::Entries, 1) if !many => frame.say("quality-no"),
            _ => format!("{passed} / {of}"),
        };
        let missed = points.is_some_and(|p| p.got < p.of);
        Self {
            title: frame.say(&format!("metric-{}", metric.name())),
            property: metric.property(),
            found,
            points,
            cure: if missed {
                cure(frame, metric)
            } else {
                String::new()
            },
        }
    }
}

fn cure(frame: &Frame, metric: Metric) -> String {
    frame.say(&format!("cure-{}", metric.name()))
}

#[derive(Template)]
#[template(path = "quality.html")]
struct Page<'a> {
    heading: String,
    /// The entry that it is about.
    entry: Option<Named>,
    assessment: Option<Assessment>,
    address: String,
    frame: &'a Frame,
}

/// `/quality` and `/resource/{slug}/quality`, each also with an extension that forces a syntax.
pub fn router() -> Router<Arc<Catalogue>> {
    let rdf = ["ttl", "nt", "rdf", "xml", "jsonld", "json", "trig"];
    let rdf = rdf.into_iter().filter_map(|extension| {
        let (syntax, media) = Syntax::of_extension(extension)?;
        Some((format!(".{extension}"), Some((Some(syntax), media))))
    });
    let page = [
        (String::new(), None),
        (".html".to_owned(), Some((None, "text/html"))),
    ];
    rdf.chain(page)
        .fold(Router::new(), |routes, (extension, forced)| {
            let of_all =
                move |State(catalogue): Shared, frame: Frame, headers: HeaderMap| async move {
                    let (syntax, media) = wanted(forced, &headers)?;
                    let content = of_catalogue(&catalogue, &frame, syntax).await?;
                    Ok::<_, Error>(reply::body(&headers, media, content, 0))
                };
            let of_one = move |State(catalogue): Shared,
                               Path(slug): Path<String>,
                               frame: Frame,
                               headers: HeaderMap| async move {
                let (syntax, media) = wanted(forced, &headers)?;
                let content = of_entry(&catalogue, &frame, &slug, syntax).await?;
                Ok::<Response, Error>(reply::body(&headers, media, content, 0))
            };
            routes
                .route(&format!("/quality{extension}"), get(of_all))
                .route(&format!("/resource/{{name}}/quality{extension}"), get(of_one))
        })
}

type Form = (Option<Syntax>, &'static str);

fn wanted(forced: Option<Form>, headers: &HeaderMap) -> Result<Form> {
    forced.map_or_else(|| choose(accept(headers), Syntax::Turtle), Ok)
}

/// What was measured of an entry.
///
/// # Errors
/// The ledger fails.
pub async fn measured(record: &Record) -> Result<Measured> {
    // What is shown was checked when it was written.
    Ok(Measured::of(&record.iri, &dcat::published(record), true))
}

async fn of_entry(
    catalogue: &Catalogue,
    frame: &Frame,
    slug: &str,
    syntax: Option<Syntax>,
) -> Result<Vec<u8>> {
    let found = catalogue.ledger.by_slug(slug).await?;
    let record = found.filter(Record::is_shown).ok_or_else(|| {
        let why = format!("no entry is called {slug:?}");
        Error::new(Kind::NotFound, why)
    })?;
    let measured = measured(&record).await?;
    let page = format!("resource/{slug}");
    if let Some(syntax) = syntax {
        let content = dqv::document(&record.iri, &format!("{BASE}{page}"), &measured);
        return write(catalogue, &content, syntax);
    }
    let title = Text::of(frame, &record.content, &record.iri, "dct:title").text;
    render(&Page {
        heading: frame.with("quality-of", &title),
        entry: Some(Named {
            label: title,
            href: format!("{}{page}", frame.root),
        }),
        assessment: Assessment::of(frame, &measured, false),
        address: format!("{}{page}/quality", frame.root),
        frame,
    })
}

async fn of_catalogue(
    catalogue: &Catalogue,
    frame: &Frame,
    syntax: Option<Syntax>,
) -> Result<Vec<u8>> {
    let search = catalogue.search.read().await;
    let search = search.as_ref().ok_or_else(|| {
        let why = "descriptions are being measured; ask again in a moment";
        Error::new(Kind::Busy, why)
    })?;
    let measured = search.measured_together();
    if let Some(syntax) = syntax {
        let about = format!("{BASE}catalog");
        return write(catalogue, &dqv::document(&about, &about, &measured), syntax);
    }
    render(&Page {
        heading: frame.say("quality-title"),
        entry: None,
        assessment: Assessment::of(frame, &measured, true),
        address: format!("{}quality", frame.root),
        frame,
    })
}

fn write(catalogue: &Catalogue, content: &str, syntax: Syntax) -> Result<Vec<u8>> {
    syntax.write(&triples(&placed(content, &catalogue.public_url))?)
}
