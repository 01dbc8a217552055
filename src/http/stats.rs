//! `/stats`: what the library holds, drawn here as SVG, each picture with its table. All numbers are
//! those of the search index, so that each is what its link leads to.
use super::frame::Frame;
use super::pages::render;
use super::search::{facet, label};
use super::themes::keys;
use super::{Shared, reply};
use crate::error::{Error, Kind, Result};
use crate::record::quality::Rating;
use crate::store::search::{FACETS, Search, Wish};
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::civil::Date;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Values of a facet that are drawn; those that most entries have.
const DRAWN: usize = 20;

/// Months that are drawn; what was before is one number.
const MONTHS: usize = 24;

/// Length of the longest bar, in units of the picture.
const LONGEST: u64 = 300;

/// Shades of a field of the matrix.
const SHADES: u64 = 5;

#[derive(Template)]
#[template(path = "stats.html")]
struct Stats<'a> {
    frame: &'a Frame,
    charts: Vec<Chart>,
    matrix: Matrix,
}

/// Numbers drawn as bars.
struct Chart {
    /// What it is called in the page's own links.
    name: &'static str,
    title: String,
    /// What the values are of.
    column: String,
    bars: Vec<Bar>,
}

struct Bar {
    label: String,
    count: u64,
    href: String,
    length: u64,
}

impl Chart {
    fn new(frame: &Frame, name: &'static str, column: String, values: Vec<Number>) -> Self {
        let most = values.iter().map(|v| v.count).max().unwrap_or(0).max(1);
        let bars = values.into_iter().map(|v| Bar {
            length: (v.count * LONGEST).div_ceil(most),
            label: v.label,
            count: v.count,
            href: format!("{}?{}", frame.root, v.query),
        });
        Self {
            name,
            title: frame.say(&format!("stats-{name}")),
            column,
            bars: bars.collect(),
        }
    }

    /// The picture in words.
    fn words(&self) -> String {
        let all = self
            .bars
            .iter()
            .map(|b| format!("{}: {}", b.label, b.count));
        all.collect::<Vec<_>>().join("; ")
    }
}

/// How many entries a search finds.
struct Number {
    label: String,
    count: u64,
    query: String,
}

/// Layers down, MIMs across.
struct Matrix {
    columns: Vec<String>,
    rows: Vec<Line>,
}

struct Line {
    label: String,
    fields: Vec<Field>,
}

struct Field {
    count: u64,
    href: String,
    /// From 0, a gap, to [`SHADES`].
    shade: u64,
}

/// Answers `/stats`.
pub async fn page(State(catalogue): Shared, frame: Frame, headers: HeaderMap) -> Result<Response> {
    let search = catalogue.search.read().await;
    let search = search.as_ref().ok_or_else(|| {
        let why = "the search index is being made; ask again in a moment";
        Error::new(Kind::Busy, why)
    })?;
    let found = tokio::task::block_in_place(|| search.find(&Wish::default(), 0, 0))?;
    let mut charts = Vec::new();
    for name in ["layer", "mim", "kind", "licence"] {
        let Some(n) = FACETS.iter().position(|f| f.name == name) else {
            continue;
        };
        let values = found.values[n].iter().take(DRAWN).map(|v| Number {
            label: label(&frame, search, n, &v.key),
            count: v.count,
            query: narrowed(name, &v.key),
        });
        charts.push(Chart::new(&frame, name, facet(&frame, n), values.collect()));
    }
    let ratings = search.ratings();
    let ratings = ratings
        .into_iter()
        .map(|(rating, count): (Rating, u64)| Number {
            label: frame.say(&format!("rating-{}", rating.name())),
            count,
            query: narrowed("quality", rating.name()),
        });
    let column = frame.say("stats-value");
    charts.push(Chart::new(
        &frame,
        "quality",
        column.clone(),
        ratings.collect(),
    ));
    charts.push(Chart::new(&frame, "months", column, months(&frame, search)));
    let page = Stats {
        charts,
        matrix: matrix(&frame, search),
        frame: &frame,
    };
    Ok(reply::body(&headers, "text/html", render(&page)?, 0))
}

fn narrowed(name: &str, value: &str) -> String {
    format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
}

fn months(frame: &Frame, search: &Search) -> Vec<Number> {
    let mut months = search.months();
    let earlier = months.split_off(months.len().min(MONTHS));
    let mut numbers: Vec<Number> = months
        .iter()
        .map(|(month, count)| Number {
            label: month.strftime("%Y-%m").to_string(),
            count: *count,
            query: format!("from={month}&to={}", month.last_of_month()),
        })
        .collect();
    if let Some((last, _)) = earlier.first() {
        let last: &Date = last;
        numbers.push(Number {
            label: frame.say("stats-earlier"),
            count: earlier.iter().map(|(_, count)| count).sum(),
            query: format!("to={}", last.last_of_month()),
        });
    }
    numbers
}

fn matrix(frame: &Frame, search: &Search) -> Matrix {
    let both = ["layer", "mim"].map(|name| FACETS.iter().position(|f| f.name == name));
    let [layers, mims] = both.map(Option::unwrap_or_default);
    let counts = search.crossed([layers, mims]);
    let most = counts.values().max().copied().unwrap_or(0).max(1);
    let field = |layer: &str, mim: &str| {
        let count = counts.get(&(layer, mim)).copied().unwrap_or(0);
        Field {
            count,
            shade: (count * SHADES).div_ceil(most),
            href: format!(
                "{}?{}&{}",
                frame.root,
                narrowed("layer", layer),
                narrowed("mim", mim)
            ),
        }
    };
    Matrix {
        columns: keys("mim").iter().map(|mim| format!("MIM{mim}")).collect(),
        rows: keys("layer")
            .iter()
            .map(|layer| Line {
                label: label(frame, search, layers, layer),
                fields: keys("mim").iter().map(|mim| field(layer, mim)).collect(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Draft, Record, Says, State};

    #[test]
    fn what_is_older_than_two_years_is_one_number_with_its_own_link() {
        let mut search = Search::new().expect("an index");
        let first: Date = "2023-11-01".parse().expect("a date");
        let records = (0..30_i64).map(|n| {
            let month = first
                .saturating_add(jiff::Span::new().months(n))
                .last_of_month();
            let at = month.at(23, 59, 59, 0).to_zoned(jiff::tz::TimeZone::UTC);
            let draft = Draft {
                key: n.to_string(),
                iri: format!("https://a.example/{n}"),
                slug: n.to_string(),
                content: String::new(),
                line: None,
                says: Says::Everything,
            };
            Record {
                id: n + 1,
                state: State::Published,
                issued: at.expect("a time").timestamp().as_microsecond(),
                ..Record::from(draft)
            }
        });
        search.take(&records.collect::<Vec<_>>()).expect("takes");
        let numbers = months(&Frame::alone("/"), &search);
        let told: Vec<(&str, u64, &str)> = numbers
            .iter()
            .map(|n| (n.label.as_str(), n.count, n.query.as_str()))
            .collect();
        assert_eq!(told.len(), MONTHS + 1);
        assert_eq!(told[0], ("2026-04", 1, "from=2026-04-01&to=2026-04-30"));
        assert_eq!(told[MONTHS - 1].0, "2024-05");
        assert_eq!(told[MONTHS], ("Earlier", 6, "to=2024-04-30"));
    }
}
