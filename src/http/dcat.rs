//! The DCAT face: records, agents, catalogue pages and dumps in every syntax.
use super::document::{self, RENDERER};
use super::frame::Frame;
use super::reply::{self, Parts};
use super::{Shared, accept, entry, pages, sitemap};
use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use crate::mapping::dcat;
use crate::mapping::syntax::{Syntax, placed};
use crate::record::vocab::{self, BASE, expand};
use crate::record::{PUBLIC, Record, State};
use crate::store::ledger::Extent;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State as Extract};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use oxigraph::model::vocab::xsd;
use oxigraph::model::{Literal, NamedNode, Triple};
use serde::Deserialize;
use std::io::Read;
use tower::ServiceExt;

/// Entries on a page.
pub const PAGE: i64 = 100;

/// Merges that are followed from one tombstone; a circle of them ends here too.
const MERGES: usize = 32;

const RDF: [(&str, Syntax); 5] = [
    ("application/rdf+xml", Syntax::RdfXml),
    ("text/turtle", Syntax::Turtle),
    ("application/ld+json", Syntax::JsonLd),
    ("application/n-triples", Syntax::NTriples),
    ("application/trig", Syntax::TriG),
];

/// Picks HTML (`None`) or a syntax, and the media type to answer with.
///
/// # Errors
/// Nothing that is offered is accepted; the error lists what is.
pub fn choose(accept: &str, first: Syntax) -> Result<(Option<Syntax>, &'static str)> {
    let mut offered: Vec<(&'static str, Option<Syntax>)> =
        RDF.iter().map(|(m, s)| (*m, Some(*s))).collect();
    offered.sort_by_key(|(_, s)| *s != Some(first));
    // JSON-LD under its general name, for clients that only know JSON; Turtle's second name.
    offered.extend([
        ("text/html", None),
        ("application/json", Some(Syntax::JsonLd)),
        ("application/xml", Some(Syntax::RdfXml)),
        ("text/xml", Some(Syntax::RdfXml)),
    ]);
    reply::negotiate(accept, &offered)
        .map(|(m, s)| (*s, *m))
        .ok_or_else(|| {
            Error::new(
                Kind::NotAcceptable,
                format!("offered here: text/html, {}", RDF.map(|r| r.0).join(", ")),
            )
        })
}

/// A name with an extension that forces a syntax (`Some(None)` for HTML), or without one.
pub type Forced = Option<(Option<Syntax>, &'static str)>;

pub fn split(name: &str) -> Result<(&str, Forced)> {
    let Some((stem, extension)) = name.rsplit_once('.') else {
        return Ok((name, None));
    };
    if extension == "html" {
        return Ok((stem, Some((None, "text/html"))));
    }
    let (syntax, media) = Syntax::of_extension(extension).ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            format!("no syntax has the extension {extension:?}; there are ttl, nt, rdf, jsonld, trig, html"),
        )
    })?;
    Ok((stem, Some((Some(syntax), media))))
}

/// The language of a page; data has none.
fn spoken(frame: &Frame, syntax: Option<Syntax>) -> &'static str {
    syntax.map_or(frame.words.tag, |_| "")
}

/// `/resource/{slug}`, with an extension to force a syntax.
pub async fn resource(
    Extract(catalogue): Shared,
    Path(name): Path<String>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    let (slug, forced) = split(&name)?;
    let extent = catalogue.extent();
    let found = catalogue.ledger.by_slug(slug).await?;
    // What only some may read leaves no tombstone for the others.
    let gone =
        |r: &Record| r.publication.is_some() && r.state == State::Withdrawn && r.audience == PUBLIC;
    let Some(record) = found.filter(|r| r.is_shown() || gone(r)) else {
        return Err(Error::new(
            Kind::NotFound,
            format!("no entry is called {slug:?}"),
        ));
    };
    let (syntax, media) = match forced {
        Some(forced) => forced,
        None => choose(accept(&headers), Syntax::Turtle)?,
    };
    if !record.is_shown() {
        return tombstone(&frame, &catalogue, &record, syntax, media).await;
    }
    let (content, modified) = match syntax {
        Some(syntax) => document::render(&catalogue, syntax, "", &[record]).await?,
        // The page names entries that lead here, also those that no longer do.
        None => (
            entry::page(&frame, &catalogue, &record).await?,
            extent.modified,
        ),
    };
    let mut response = reply::body(&headers, media, content, modified);
    let quality = catalogue.address(&format!("{BASE}resource/{slug}/quality"));
    if let Ok(link) = HeaderValue::from_str(&format!("<{quality}>; rel=\"describedby\"")) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// 410: the entry was here, and what stands for it now.
async fn tombstone(
    frame: &Frame,
    catalogue: &Catalogue,
    record: &Record,
    syntax: Option<Syntax>,
    media: &'static str,
) -> Result<Response> {
    // What stands for it may itself have been merged since, and so on.
    let (mut replaced_by, mut next) = (None, record.merged_into.clone());
    for _ in 0..MERGES {
        let Some(slug) = next.take() else { break };
        let Some(other) = catalogue.ledger.by_slug(&slug).await? else {
            break;
        };
        if other.is_shown() {
            replaced_by = Some(catalogue.address(&other.iri));
        } else {
            next = other.merged_into;
        }
    }
    let placed = Record {
        iri: catalogue.address(&record.iri),
        ..record.clone()
    };
    let body = match syntax {
        Some(syntax) => syntax.write(&dcat::tombstone(&placed, replaced_by.as_deref()))?,
        None => pages::tombstone(frame, record, replaced_by.as_deref())?,
    };
    let mut response = (
        StatusCode::GONE,
        [
            (header::CONTENT_TYPE, reply::content_type(media)),
            (header::VARY, "accept".to_owned()),
        ],
        body,
    )
        .into_response();
    if let Some(link) = replaced_by
        .and_then(|r| HeaderValue::from_str(&format!("<{r}>; rel=\"successor-version\"")).ok())
    {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// `/agent/{slug}`: an agent, as the published records that name it describe it, and its entries.
pub async fn agent(
    Extract(catalogue): Shared,
    Path(name): Path<String>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    let (slug, forced) = split(&name)?;
    let iri = format!("{BASE}agent/{slug}");
    let own = format!(
        "{BASE}agent/{}",
        crate::record::slug(&catalogue.about.publisher)
    );
    let records = catalogue.ledger.by_publisher(&iri, 1_000).await?;
    if records.is_empty() && iri != own {
        return Err(Error::new(
            Kind::NotFound,
            format!("no agent is called {slug:?}"),
        ));
    }
    let (syntax, media) = match forced {
        Some(forced) => forced,
        None => choose(accept(&headers), Syntax::Turtle)?,
    };
    // An entry that is gone changes the page too, and leaves no date of its own there.
    let extent = catalogue.extent();
    let parts = Parts::new(&headers, media)
        .with(RENDERER)
        .with(&catalogue.public_url)
        .with(extent)
        .with(spoken(&frame, syntax));
    reply::conditional(parts, extent.modified, async {
        let mut about = String::new();
        for line in records
            .iter()
            .flat_map(|r| r.content.split_inclusive('\n'))
            .map(str::to_owned)
            .chain(
                dcat::catalogue_shared(&catalogue.about)
                    .split_inclusive('\n')
                    .map(str::to_owned),
            )
        {
            if line.starts_with(&format!("<{iri}> ")) {
                about.push_str(&line);
            }
        }
        let about = crate::record::sorted(about.split_inclusive('\n'));
        match syntax {
            Some(syntax) => {
                let entries: String = records
                    .iter()
                    .map(|r| format!("<{}> {} <{iri}> .\n", r.iri, expand("dct:publisher")))
                    .collect();
                let content = placed(&(about + &entries), &catalogue.public_url);
                syntax.write(&crate::record::triples(&content)?)
            }
            None => pages::agent(&frame, &catalogue, &iri, &about, &records),
        }
    })
    .await
}

/// What RDF a client asks for at `/`, where it likes it better than a page.
pub fn asked_for(headers: &HeaderMap) -> Option<(Syntax, &'static str)> {
    let pages = [("text/html", None), ("application/xhtml+xml", None)];
    let offered: Vec<(&'static str, Option<Syntax>)> = pages
        .into_iter()
        .chain(RDF.map(|(media, syntax)| (media, Some(syntax))))
        .collect();
    let (media, syntax) = reply::negotiate(accept(headers), &offered)?;
    syntax.map(|s| (s, *media))
}

/// `/` as RDF: the service as a FAIR Data Point.
pub async fn point(
    catalogue: &Catalogue,
    headers: &HeaderMap,
    (syntax, media): (Syntax, &'static str),
) -> Result<Response> {
    let extent = catalogue.extent();
    let parts = Parts::new(headers, media)
        .with(RENDERER)
        .with(&catalogue.public_url)
        .with(extent);
    reply::conditional(parts, extent.modified, async {
        let content = dcat::point(&catalogue.about, (extent.last + PAGE - 1) / PAGE);
        let content = placed(&content, &catalogue.public_url);
        syntax.write(&crate::record::triples(&content)?)
    })
    .await
}

/// `/ns`: our vocabulary.
pub async fn namespace(
    Extract(catalogue): Shared,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    let (syntax, media) = choose(accept(&headers), Syntax::Turtle)?;
    let parts = Parts::new(&headers, media)
        .with(RENDERER)
        .with(&catalogue.public_url)
        .with(crate::record::hash(vocab::LDT_TTL))
        .with(spoken(&frame, syntax));
    reply::conditional(parts, 0, async {
        match syntax {
            // As it was written, with its comments.
            Some(Syntax::Turtle) => Ok(vocab::LDT_TTL.into()),
            Some(syntax) => syntax.write(&crate::record::triples(vocab::own())?),
            None => pages::namespace(&frame),
        }
    })
    .await
}

#[derive(Deserialize)]
pub struct PageQuery {
    page: Option<String>,
    modified_since: Option<String>,
    after: Option<String>,
}

/// `/catalog?page=n`.
pub async fn catalogue(
    catalogue: Shared,
    Query(query): Query<PageQuery>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    let (syntax, media) = choose(accept(&headers), Syntax::RdfXml)?;
    page(catalogue, query, &frame, headers, syntax, media, "").await
}

/// `/catalog.{extension}?page=n`, and `/catalog.csv`.
pub async fn catalogue_file(
    shared: Shared,
    Path(file): Path<String>,
    Query(query): Query<PageQuery>,
    frame: Frame,
    request: Request,
) -> Result<Response> {
    let map = file.strip_prefix("sitemap-");
    if let Some(number) = map.and_then(|f| f.strip_suffix(".xml")) {
        return sitemap::file(&shared, number, request.headers()).await;
    }
    let Some(extension) = file.strip_prefix("catalog.") else {
        return Err(Error::new(
            Kind::NotFound,
            format!("nothing is at /{file}; the library starts at /"),
        ));
    };
    if extension == "csv" {
        return whole(shared, "csv", request).await;
    }
    let headers = request.headers().clone();
    let (_, forced) = split(&file)?;
    let (syntax, media) = forced.unwrap_or((None, "text/html"));
    page(
        shared,
        query,
        &frame,
        headers,
        syntax,
        media,
        &format!(".{extension}"),
    )
    .await
}

/// A window on the catalogue: its entries, and the query of this page and of the next.
pub struct Window {
    pub records: Vec<Record>,
    pub total: i64,
    pub number: i64,
    pub here: String,
    pub next: Option<String>,
}

fn whole_number(name: &str, text: &str, least: i64) -> Result<i64> {
    text.parse()
        .ok()
        .filter(|n| (least..=i64::MAX / PAGE).contains(n))
        .ok_or_else(|| {
            Error::bad_input(format!(
                "{name} is {text:?}; a whole number from {least} is wanted"
            ))
        })
}

/// Page n holds the entries with publication numbers in (100(n−1), 100n], so that no write moves an
/// entry to another page. With `modified_since`, `after` says where the page begins.
async fn window(catalogue: &Catalogue, query: &PageQuery) -> Result<Window> {
    let ledger = &catalogue.ledger;
    if let Some(text) = &query.modified_since {
        if query.page.as_deref().is_some_and(|p| p != "1") {
            return Err(Error::bad_input(
                "what changed since a moment has no page numbers; hydra:next leads on",
            ));
        }
        let since = moment(text)?;
        let after = query
            .after
            .as_deref()
            .map_or(Ok(0), |a| whole_number("after", a, 0))?;
        let mut records = ledger.shown_since(since, after, PAGE + 1).await?;
        let more = records.len() > PAGE as usize;
        records.truncate(PAGE as usize);
        let at = |after: i64| {
            let since =
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
            format!("modified_since={since}&after={after}")
        };
        let last = records.last().and_then(|r| r.publication).unwrap_or(after);
        return Ok(Window {
            total: ledger.count_since(since).await?,
            number: 1,
            here: at(after),
            next: more.then(|| at(last)),
            records,
        });
    }
    if query.after.is_some() {
        return Err(Error::bad_input("after goes with modified_since only"));
    }
    let number = query
        .page
        .as_deref()
        .map_or(Ok(1), |p| whole_number("page", p, 1))?;
    let extent = catalogue.extent();
    // A page whose entries are all withdrawn is there, and empty: a reader may be on the way to it.
    if number > 1 && (number - 1) * PAGE >= extent.numbered {
        return Err(Error::new(
            Kind::NotFound,
            format!(
                "page {number} is beyond the last page, {}",
                (extent.numbered + PAGE - 1) / PAGE
            ),
        ));
    }
    let records = ledger
        .shown_between((number - 1) * PAGE, number * PAGE)
        .await?;
    // Withdrawals leave gaps; no reader is sent to an empty page.
    let next = match number * PAGE < extent.last {
        true => ledger.next_shown(number * PAGE).await?,
        false => None,
    };
    Ok(Window {
        records,
        total: extent.total,
        number,
        here: format!("page={number}"),
        next: next.map(|n| format!("page={}", (n - 1) / PAGE + 1)),
    })
}

/// Microseconds of a date, or of a date with time and offset (RFC 3339); UTC where it has none.
fn moment(text: &str) -> Result<i64> {
    // A plus sign that was not encoded arrives as a space.
    let text = &text.replace(' ', "+");
    let instant = text.parse::<jiff::Timestamp>().or_else(|_| {
        let local: jiff::civil::DateTime = text.parse()?;
        Ok::<_, jiff::Error>(local.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp())
    });
    instant.map(|t| t.as_microsecond()).map_err(|_| {
        Error::bad_input(format!(
            "modified_since is {text:?}; a date such as 2026-01-31 or 2026-01-31T12:00:00Z is wanted"
        ))
    })
}

async fn page(
    Extract(catalogue): Shared,
    query: PageQuery,
    frame: &Frame,
    headers: HeaderMap,
    syntax: Option<Syntax>,
    media: &'static str,
    extension: &str,
) -> Result<Response> {
    let extent = catalogue.extent();
    let window = window(&catalogue, &query).await?;
    let parts = Parts::new(&headers, media)
        .with(RENDERER)
        .with(&catalogue.public_url)
        .with(extent)
        .with(&window.here)
        .with(extension)
        .with(spoken(frame, syntax));
    reply::conditional(parts, extent.modified, async {
        let Some(syntax) = syntax else {
            return pages::catalogue(frame, &catalogue, &window);
        };
        let mut head = dcat::catalogue(&catalogue.about, extent.issued, extent.modified)
            + &dcat::listing(window.records.iter());
        for t in page_node(&window, extension) {
            head.push_str(&format!("{t} .\n"));
        }
        let head = crate::record::sorted(head.split_inclusive('\n'));
        let page = document::render(&catalogue, syntax, &head, &window.records).await?;
        Ok(page.0)
    })
    .await
}

/// One node that every family of harvesters reads as its page.
fn page_node(window: &Window, extension: &str) -> Vec<Triple> {
    let at = |query: &str| NamedNode::new_unchecked(format!("{BASE}catalog{extension}?{query}"));
    let node = at(&window.here);
    let integer = |n: i64| Literal::new_typed_literal(n.to_string(), xsd::INTEGER);
    let mut out = vec![
        Triple::new(
            node.clone(),
            expand("rdf:type"),
            expand("hydra:PagedCollection"),
        ),
        Triple::new(
            node.clone(),
            expand("rdf:type"),
            expand("hydra:PartialCollectionView"),
        ),
        Triple::new(
            node.clone(),
            expand("hydra:totalItems"),
            integer(window.total),
        ),
        Triple::new(node.clone(), expand("hydra:itemsPerPage"), integer(PAGE)),
    ];
    if let Some(next) = &window.next {
        out.push(Triple::new(node.clone(), expand("hydra:next"), at(next)));
        out.push(Triple::new(node, expand("hydra:nextPage"), at(next)));
    }
    out
}

/// `/catalog/dump.{extension}` and `.gz`.
pub async fn dump(shared: Shared, Path(file): Path<String>, request: Request) -> Result<Response> {
    match file.strip_prefix("dump.") {
        Some(extension) if !extension.starts_with("csv") => whole(shared, extension, request).await,
        _ => Err(no_dump(&file)),
    }
}

fn no_dump(file: &str) -> Error {
    Error::new(
        Kind::NotFound,
        format!(
            "no dump is called {file:?}; there are dump.ttl, .nt, .rdf, .jsonld and .trig, each also with .gz"
        ),
    )
}

/// What is read of a file at a time, in bytes.
const PIECE: u64 = 512 << 10;

/// A file, each piece of it read while the one before is sent, and copied nowhere in between.
fn pieces(file: std::fs::File) -> Body {
    type Piece = (std::fs::File, std::io::Result<Vec<u8>>);
    let read = |file: std::fs::File| -> Piece {
        let mut piece = Vec::with_capacity(PIECE as usize);
        let taken = (&file).take(PIECE).read_to_end(&mut piece);
        (file, taken.map(|_| piece))
    };
    let first = tokio::task::spawn_blocking(move || read(file));
    let stream = futures_util::stream::try_unfold(first, move |reading| async move {
        let (file, piece) = reading.await?;
        let piece = piece?;
        let next = tokio::task::spawn_blocking(move || read(file));
        Ok::<_, std::io::Error>((!piece.is_empty()).then_some((piece, next)))
    });
    Body::from_stream(stream)
}

async fn whole(Extract(catalogue): Shared, extension: &str, request: Request) -> Result<Response> {
    let kind = document::Kind::of_extension(extension).ok_or_else(|| no_dump(extension))?;
    let headers = request.headers();
    let parts = |extent: Extent| {
        Parts::new(headers, kind.media)
            .with(RENDERER)
            .with(&catalogue.public_url)
            .with(extent)
            .with(extension)
    };
    let extent = catalogue.extent();
    let known = parts(extent);
    if known.is_fresh(extent.modified) {
        return Ok(reply::not_modified(&known.tag(), extent.modified));
    }
    let media = reply::content_type(kind.media)
        .parse()
        .map_err(Error::internal)?;
    let (mut response, tag, extent) = loop {
        let (path, extent) = document::file(&catalogue, kind).await?;
        let opened = tokio::fs::File::open(&path).await;
        let tag = parts(extent).tag();
        // Ranges, so that a broken download goes on where it stopped (RFC 9110, section 14); those
        // of another version than the reader has would spoil both (section 13.1.5).
        let other = |v: &HeaderValue| v.as_bytes() != tag.as_bytes();
        let whole =
            request.method() != Method::GET || headers.get(header::IF_RANGE).is_some_and(other);
        let mut wish = Request::new(Body::empty());
        if let Some(range) = headers.get(header::RANGE).filter(|_| !whole) {
            wish.headers_mut().insert(header::RANGE, range.clone());
        }
        let file = tower_http::services::ServeFile::new_with_mime(path, &media);
        let response = file.oneshot(wish).await.map_err(Error::internal)?;
        match (response.status(), opened) {
            // The file of a newer version may have taken its place before it was opened.
            (StatusCode::NOT_FOUND, _) | (_, Err(_)) => {}
            (StatusCode::OK, Ok(file)) => {
                let file = file.into_std().await;
                break (response.map(|_| pieces(file)), tag, extent);
            }
            _ => break (response.into_response(), tag, extent),
        }
    };
    reply::validators(response.headers_mut(), &tag, extent.modified);
    if kind.packed {
        let name = format!("attachment; filename=\"catalog.{extension}\"");
        if let Ok(value) = HeaderValue::from_str(&name) {
            response
                .headers_mut()
                .insert(header::CONTENT_DISPOSITION, value);
        }
    }
    Ok(response)
}
