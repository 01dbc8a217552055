//! The DCAT face: records, catalogue pages and dumps in every syntax.
use super::{Shared, accept, pages, reply};
use crate::error::{Error, Kind, Result};
use crate::mapping::dcat::{self, Syntax};
use crate::record::vocab::{LDT_TTL, expand};
use crate::record::{Record, State};
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use oxigraph::model::vocab::xsd;
use oxigraph::model::{Literal, NamedNode, Triple};
use serde::Deserialize;

/// Entries on a page.
const PAGE: i64 = 100;

const RDF: [(&str, Syntax); 5] = [
    ("application/rdf+xml", Syntax::RdfXml),
    ("text/turtle", Syntax::Turtle),
    ("application/ld+json", Syntax::JsonLd),
    ("application/n-triples", Syntax::NTriples),
    ("application/trig", Syntax::TriG),
];

fn not_acceptable() -> Error {
    Error::new(
        Kind::NotAcceptable,
        format!("offered here: text/html, {}", RDF.map(|r| r.0).join(", ")),
    )
}

/// Picks HTML (`None`) or a syntax, and the media type to answer with.
fn choose(accept: &str, first: Syntax) -> Result<(Option<Syntax>, &'static str)> {
    let mut offered: Vec<(&'static str, Option<Syntax>)> =
        RDF.iter().map(|(m, s)| (*m, Some(*s))).collect();
    offered.sort_by_key(|(_, s)| *s != Some(first));
    // JSON-LD under its general name, for clients that only know JSON.
    offered.extend([
        ("text/html", None),
        ("application/json", Some(Syntax::JsonLd)),
    ]);
    reply::negotiate(accept, &offered)
        .map(|(m, s)| (*s, *m))
        .ok_or_else(not_acceptable)
}

/// `/resource/{slug}`, with an extension to force a syntax.
pub async fn resource(
    Extract(catalogue): Shared,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let (slug, extension) = name
        .rsplit_once('.')
        .map_or((name.as_str(), None), |(s, e)| (s, Some(e)));
    let found = catalogue.ledger.by_slug(slug).await?;
    let Some(record) = found.filter(|r| r.publication.is_some()) else {
        return Err(Error::new(
            Kind::NotFound,
            format!("no entry is called {slug:?}"),
        ));
    };
    if record.state != State::Published {
        return Ok(tombstone(&record));
    }
    let (syntax, media) = match extension {
        Some("html") => (None, "text/html"),
        Some(e) => Syntax::of_extension(e)
            .map(|(s, m)| (Some(s), m))
            .ok_or_else(|| {
                Error::new(Kind::NotFound, format!("no syntax has the extension {e:?}"))
            })?,
        None => choose(accept(&headers), Syntax::Turtle)?,
    };
    let graph = dcat::absolute(dcat::published(&record)?, &catalogue.public_url);
    let content = match syntax {
        Some(syntax) => syntax.write(&graph)?,
        None => pages::entry(&catalogue, &record, &graph).await?,
    };
    Ok(reply::body(&headers, media, content, record.modified))
}

/// 410: the entry was here; nothing but that is said.
fn tombstone(record: &Record) -> Response {
    let mut response = reply::problem(
        Kind::Gone,
        &format!(
            "{} was withdrawn on {}",
            record.slug,
            dcat::date_time(record.modified)
        ),
    );
    *response.status_mut() = StatusCode::GONE;
    response
}

/// `/agent/{slug}`: an agent, as the published records that name it describe it.
pub async fn agent(
    Extract(catalogue): Shared,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let agent = NamedNode::new(format!("{}agent/{slug}", catalogue.public_url))
        .map_err(|_| Error::new(Kind::NotFound, "no such agent"))?;
    let graph = catalogue.graph.read().await;
    let store = &graph
        .as_ref()
        .ok_or_else(|| Error::new(Kind::Busy, "the graph is still loading"))?
        .store;
    let about: Vec<Triple> = store
        .quads_for_pattern(Some(agent.as_ref().into()), None, None, None)
        .chain(store.quads_for_pattern(
            None,
            Some(expand("dct:publisher").as_ref()),
            Some(agent.as_ref().into()),
            None,
        ))
        .map(|q| q.map(Triple::from))
        .collect::<std::result::Result<_, _>>()?;
    if about.is_empty() {
        return Err(Error::new(
            Kind::NotFound,
            format!("no agent is called {slug:?}"),
        ));
    }
    let (syntax, _) = choose(accept(&headers), Syntax::Turtle)?;
    match syntax {
        Some(syntax) => Ok(reply::body(
            &headers,
            RDF.iter()
                .find(|r| r.1 == syntax)
                .map_or("text/turtle", |r| r.0),
            syntax.write(&about)?,
            0,
        )),
        None => Ok(reply::body(
            &headers,
            "text/html",
            pages::agent(&agent, &about),
            0,
        )),
    }
}

/// `/ns`: our vocabulary.
pub async fn namespace(headers: HeaderMap) -> Result<Response> {
    match choose(accept(&headers), Syntax::Turtle)? {
        (Some(Syntax::Turtle) | None, _) => {
            Ok(reply::body(&headers, "text/turtle", LDT_TTL.into(), 0))
        }
        (Some(syntax), media) => Ok(reply::body(
            &headers,
            media,
            syntax.write(dcat::vocabulary())?,
            0,
        )),
    }
}

#[derive(Deserialize)]
pub struct PageQuery {
    page: Option<String>,
}

/// `/catalog?page=n`.
pub async fn catalogue(
    catalogue: Shared,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let (syntax, media) = choose(accept(&headers), Syntax::RdfXml)?;
    page(catalogue, query, headers, syntax, media, "").await
}

/// `/catalog.{extension}?page=n`, and `/catalog.csv`.
pub async fn catalogue_file(
    shared: Shared,
    Path(file): Path<String>,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let Some(extension) = file.strip_prefix("catalog.") else {
        return Err(Error::new(
            Kind::NotFound,
            format!("nothing is at /{file}; the library starts at /"),
        ));
    };
    if extension == "csv" {
        let (_, _, modified) = shared.ledger.extent().await?;
        return Ok(reply::body(
            &headers,
            "text/csv",
            sheet(&shared.ledger.published().await?)?,
            modified,
        ));
    }
    let (syntax, media) = Syntax::of_extension(extension).ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            format!("no syntax has the extension {extension:?}"),
        )
    })?;
    page(
        shared,
        query,
        headers,
        Some(syntax),
        media,
        &format!(".{extension}"),
    )
    .await
}

async fn page(
    Extract(catalogue): Shared,
    query: PageQuery,
    headers: HeaderMap,
    syntax: Option<Syntax>,
    media: &str,
    extension: &str,
) -> Result<Response> {
    let number: i64 = match query.page.as_deref() {
        None => 1,
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (1..=i64::MAX / PAGE).contains(n))
            .ok_or_else(|| {
                Error::bad_input(format!("page is {text:?}; a whole number from 1 is wanted"))
            })?,
    };
    let (total, last, modified) = catalogue.ledger.extent().await?;
    let records = catalogue
        .ledger
        .published_between((number - 1) * PAGE, number * PAGE)
        .await?;
    if number > 1 && (number - 1) * PAGE >= last {
        return Err(Error::new(
            Kind::NotFound,
            format!(
                "page {number} is beyond the last page, {}",
                (last + PAGE - 1) / PAGE
            ),
        ));
    }
    let next = next_page(&catalogue, number, last).await?;
    let Some(syntax) = syntax else {
        return Ok(reply::body(
            &headers,
            "text/html",
            pages::catalogue(&records, number, next, total)?,
            modified,
        ));
    };
    let mut graph = dcat::catalogue(records.iter(), modified);
    for record in &records {
        graph.extend(dcat::published(record)?);
    }
    let mut graph = dcat::absolute(graph, &catalogue.public_url);
    let at = |n: i64| {
        NamedNode::new_unchecked(format!(
            "{}catalog{extension}?page={n}",
            catalogue.public_url
        ))
    };
    let node = at(number);
    let integer = |n: i64| Literal::new_typed_literal(n.to_string(), xsd::INTEGER);
    graph.push(Triple::new(
        node.clone(),
        expand("rdf:type"),
        expand("hydra:PagedCollection"),
    ));
    graph.push(Triple::new(
        node.clone(),
        expand("rdf:type"),
        expand("hydra:PartialCollectionView"),
    ));
    graph.push(Triple::new(
        node.clone(),
        expand("hydra:totalItems"),
        integer(total),
    ));
    graph.push(Triple::new(
        node.clone(),
        expand("hydra:itemsPerPage"),
        integer(PAGE),
    ));
    if let Some(next) = next {
        graph.push(Triple::new(node.clone(), expand("hydra:next"), at(next)));
        graph.push(Triple::new(node, expand("hydra:nextPage"), at(next)));
    }
    Ok(reply::body(
        &headers,
        media,
        syntax.write(&graph)?,
        modified,
    ))
}

/// The next page that is not empty: withdrawals leave gaps, and a client must not meet one.
async fn next_page(
    catalogue: &crate::catalogue::Catalogue,
    number: i64,
    last: i64,
) -> Result<Option<i64>> {
    let mut next = number + 1;
    while (next - 1) * PAGE < last {
        if !catalogue
            .ledger
            .published_between((next - 1) * PAGE, next * PAGE)
            .await?
            .is_empty()
        {
            return Ok(Some(next));
        }
        next += 1;
    }
    Ok(None)
}

/// The 22 columns of the sheet, one row per published record.
pub fn sheet(records: &[Record]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(crate::mapping::sheet::HEADER)
        .map_err(Error::internal)?;
    for record in records {
        let graph = dcat::asserted(&record.content)?;
        writer
            .write_record(crate::mapping::sheet::row("", &record.iri, &graph))
            .map_err(Error::internal)?;
    }
    writer.into_inner().map_err(Error::internal)
}

/// The whole catalogue in one document.
pub async fn whole(catalogue: &crate::catalogue::Catalogue, syntax: Syntax) -> Result<Vec<u8>> {
    let records = catalogue.ledger.published().await?;
    let (_, _, modified) = catalogue.ledger.extent().await?;
    let mut graph = dcat::catalogue(records.iter(), modified);
    for record in &records {
        graph.extend(dcat::published(record)?);
    }
    syntax.write(&dcat::absolute(graph, &catalogue.public_url))
}

/// `/catalog/dump.{extension}` and `.gz`.
pub async fn dump(
    Extract(catalogue): Shared,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let missing = || {
        Error::new(
            Kind::NotFound,
            format!(
                "no dump is called {file:?}; there are dump.ttl, .nt, .rdf, .jsonld, each also with .gz"
            ),
        )
    };
    let name = file.strip_prefix("dump.").ok_or_else(missing)?;
    let (extension, packed) = name
        .strip_suffix(".gz")
        .map_or((name, false), |n| (n, true));
    let (syntax, media) = Syntax::of_extension(extension).ok_or_else(missing)?;
    let content = whole(&catalogue, syntax).await?;
    let (_, _, modified) = catalogue.ledger.extent().await?;
    if !packed {
        return Ok(reply::body(&headers, media, content, modified));
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, &content).map_err(Error::internal)?;
    let packed = encoder.finish().map_err(Error::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/gzip")], packed).into_response())
}
