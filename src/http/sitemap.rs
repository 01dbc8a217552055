//! What search engines are told (<https://www.sitemaps.org/protocol.html>): robots.txt, and an index of site
//! maps, of which each holds the pages of a range of entries.
use super::document::RENDERER;
use super::reply::{self, Parts};
use super::{Shared, themes};
use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use crate::mapping::dcat::date_time;
use crate::mapping::syntax::xml;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

/// Addresses in a file: the most that the protocol allows.
const FILE: i64 = 50_000;

const NAMESPACE: &str = "http://www.sitemaps.org/schemas/sitemap/0.9";

/// Pages beside those of entries, layers and MIMs.
const PAGES: [&str; 6] = ["", "catalog", "stats", "twins", "about", "ns"];

/// What there is no use in reading page by page.
const LEFT_OUT: [&str; 9] = [
    "admin", "oai", "search", "sign-in", "sparql", "suggest", "validate", "ngsi-ld/", "feed/",
];

pub fn router() -> Router<Arc<Catalogue>> {
    Router::new()
        .route("/robots.txt", get(robots))
        .route("/sitemap.xml", get(index))
}

/// `/robots.txt`. Where the public URL has a path, its host's own file has to say the same.
async fn robots(State(catalogue): Shared) -> Response {
    let root = super::pages::root(&catalogue.public_url);
    let left_out: String = LEFT_OUT
        .iter()
        .map(|p| format!("Disallow: {root}{p}\n"))
        .collect();
    let public = &catalogue.public_url;
    let text = format!("User-agent: *\n{left_out}\nSitemap: {public}sitemap.xml\n");
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// `/sitemap.xml`: `sitemap-0.xml` has the pages that are no entries, the others 50,000 entries each.
async fn index(State(catalogue): Shared, headers: HeaderMap) -> Result<Response> {
    answer(&catalogue, &headers, "", async {
        let mut out = format!("<sitemapindex xmlns=\"{NAMESPACE}\">\n");
        let modified = catalogue.extent().modified;
        let ranges = catalogue.ledger.ranges(FILE).await?;
        for (n, modified) in [(0, modified)].into_iter().chain(ranges) {
            let place = format!("{}sitemap-{n}.xml", catalogue.public_url);
            out.push_str(&entry("sitemap", &place, modified));
        }
        Ok(out + "</sitemapindex>\n")
    })
    .await
}

/// `/sitemap-{n}.xml`.
pub async fn file(catalogue: &Catalogue, number: &str, headers: &HeaderMap) -> Result<Response> {
    let extent = catalogue.extent();
    let most = (extent.numbered + FILE - 1) / FILE;
    let found = number
        .parse::<i64>()
        .ok()
        .filter(|n| (0..=most).contains(n));
    let number = found.ok_or_else(|| {
        let why = format!("no site map has the number {number:?}; /sitemap.xml names all");
        Error::new(Kind::NotFound, why)
    })?;
    answer(catalogue, headers, &number.to_string(), async {
        let mut out = format!("<urlset xmlns=\"{NAMESPACE}\">\n");
        let mut say = |path: &str, modified: i64| {
            let place = format!("{}{path}", catalogue.public_url);
            out.push_str(&entry("url", &place, modified));
        };
        if number == 0 {
            PAGES.iter().for_each(|p| say(p, 0));
            for facet in ["layer", "mim"] {
                for key in themes::keys(facet) {
                    say(&format!("{facet}/{key}"), 0);
                }
            }
        } else {
            let entries = catalogue.ledger.places((number - 1) * FILE, number * FILE);
            for (slug, modified) in entries.await? {
                say(&format!("resource/{slug}"), modified);
            }
        }
        Ok(out + "</urlset>\n")
    })
    .await
}

/// An address with its last change, where one is known.
fn entry(element: &str, place: &str, modified: i64) -> String {
    let place = xml(place);
    let modified = match modified {
        0 => String::new(),
        at => format!("<lastmod>{}</lastmod>", date_time(at)),
    };
    format!("<{element}><loc>{place}</loc>{modified}</{element}>\n")
}

async fn answer(
    catalogue: &Catalogue,
    headers: &HeaderMap,
    name: &str,
    content: impl Future<Output = Result<String>>,
) -> Result<Response> {
    let extent = catalogue.extent();
    let parts = Parts::new(headers, "application/xml")
        .with(RENDERER)
        .with(&catalogue.public_url)
        .with(extent)
        .with(name);
    reply::conditional(parts, extent.modified, async {
        let declared = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
        Ok((declared + &content.await?).into_bytes())
    })
    .await
}
