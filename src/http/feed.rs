//! The feed: what changed for everyone, for those who keep a copy. Changes are numbered, and page n holds
//! those with numbers in (100(n−1), 100n], so that a page is full once and for all. The root leads to indexes
//! and these to pages, a hundred each, by the time of their changes.
use super::document::RENDERER;
use super::reply::{self, Parts};
use super::{Shared, accept};
use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use crate::mapping::ldes::{self, Child, Member, STREAM};
use crate::mapping::syntax::Syntax;
use crate::record::hash;
use crate::store::ledger::Extent;
use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use std::sync::{Arc, Mutex};

/// Changes on a page, and pages below an index.
const PAGE: i64 = 100;
const INDEX: i64 = 100;

/// What holds graphs: `application/trig` and `application/ld+json` are those of DCAT-AP Feeds.
const FORMS: [(&str, (Syntax, &str)); 3] = [
    ("application/trig", (Syntax::TriG, "trig")),
    ("application/ld+json", (Syntax::JsonLd, "jsonld")),
    ("application/n-quads", (Syntax::NTriples, "nq")),
];

/// How a page that never changes may be kept: a week, and nobody asks again meanwhile.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=604800, immutable");

pub fn router() -> Router<Arc<Catalogue>> {
    Router::new()
        .route("/feed", get(root))
        .route("/feed.trig", get(root))
        .route("/feed.jsonld", get(root))
        .route("/feed.nq", get(root))
        .route("/feed/{name}", get(below))
        .layer(Extension(Unsaid::default()))
}

/// A node of the tree, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Root,
    Index(i64),
    Page(i64),
}

impl Node {
    /// The name without edition and extension, below the public URL.
    fn name(self) -> String {
        match self {
            Self::Root => STREAM.to_owned(),
            Self::Index(n) => format!("{STREAM}/index-{n}"),
            Self::Page(n) => format!("{STREAM}/page-{n}"),
        }
    }

    /// The changes that it holds: past the first number, up to the second.
    fn range(self) -> (i64, i64) {
        let of = |n: i64, size: i64| ((n - 1) * size, n * size);
        match self {
            Self::Root => (0, i64::MAX),
            Self::Index(n) => of(n, PAGE * INDEX),
            Self::Page(n) => of(n, PAGE),
        }
    }

    /// Whether all its changes were made.
    fn is_closed(self, extent: Extent) -> bool {
        extent.seq >= self.range().1
    }

    /// The nodes below it that hold changes.
    fn children(self, extent: Extent) -> Vec<Self> {
        let reached = |size: i64| (extent.seq + size - 1) / size;
        match self {
            Self::Root => (1..=reached(PAGE * INDEX)).map(Self::Index).collect(),
            Self::Index(n) => ((n - 1) * INDEX + 1..=(n * INDEX).min(reached(PAGE)))
                .map(Self::Page)
                .collect(),
            Self::Page(_) => Vec::new(),
        }
    }

    /// What a closed node is called after what it holds, as it was made last at `time`: another name when one
    /// of its versions may no longer be told, and when a restored ledger went on otherwise. So what caches
    /// keep under the old name is led to by nothing.
    fn edition(self, time: i64, unsaid: &[i64]) -> String {
        let (after, upto) = self.range();
        let left_out: Vec<i64> = within(unsaid, after, upto).to_vec();
        hash(&format!("{time} {left_out:?}"))[..8].to_owned()
    }
}

/// The numbers of a sorted list that lie in `(after, upto]`.
fn within(all: &[i64], after: i64, upto: i64) -> &[i64] {
    let at = |n: i64| all.partition_point(|x| *x <= n);
    &all[at(after)..at(upto)]
}

/// Changes whose versions may no longer be told, as they were at a state of the catalogue.
#[derive(Clone, Default)]
struct Unsaid(Arc<Mutex<(String, Arc<[i64]>)>>);

impl Unsaid {
    async fn now(&self, catalogue: &Catalogue, extent: Extent) -> Result<Arc<[i64]>> {
        let state = extent.to_string();
        {
            let kept = self.0.lock().map_err(Error::internal)?;
            if kept.0 == state {
                return Ok(kept.1.clone());
            }
        }
        let found: Arc<[i64]> = catalogue.ledger.unsaid().await?.into();
        *self.0.lock().map_err(Error::internal)? = (state, found.clone());
        Ok(found)
    }
}

/// `/feed`, with an extension to force a syntax.
async fn root(
    catalogue: Shared,
    unsaid: Extension<Unsaid>,
    uri: axum::http::Uri,
    headers: HeaderMap,
) -> Result<Response> {
    let extension = uri.path().rsplit_once('.').map(|(_, e)| e);
    node(catalogue, unsaid, Node::Root, "", extension, &headers).await
}

/// `/feed/index-{n}` and `/feed/page-{n}`, with an edition and an extension where they are said.
async fn below(
    catalogue: Shared,
    unsaid: Extension<Unsaid>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) => (stem, Some(extension)),
        None => (name.as_str(), None),
    };
    let mut parts = stem.splitn(3, '-');
    let kind = parts.next().unwrap_or_default();
    let number = parts.next().and_then(|n| n.parse::<i64>().ok());
    let number = number.filter(|n| (1..=i64::MAX / PAGE / INDEX).contains(n));
    let found = match (kind, number) {
        ("index", Some(n)) => Node::Index(n),
        ("page", Some(n)) => Node::Page(n),
        _ => return Err(nowhere(&name)),
    };
    let edition = parts.next().unwrap_or_default();
    let plain = |c: u8| c.is_ascii_digit() || matches!(c, b'a'..=b'f');
    if !(edition.is_empty() || edition.len() == 8 && edition.bytes().all(plain)) {
        return Err(nowhere(&name));
    }
    node(catalogue, unsaid, found, edition, extension, &headers).await
}

fn nowhere(name: &str) -> Error {
    let why = format!("the feed has no node {name:?}; /feed leads to those that there are");
    Error::new(Kind::NotFound, why)
}

async fn node(
    State(catalogue): Shared,
    Extension(unsaid): Extension<Unsaid>,
    node: Node,
    edition: &str,
    extension: Option<&str>,
    headers: &HeaderMap,
) -> Result<Response> {
    let (media, syntax) = match extension {
        Some(extension) => FORMS
            .iter()
            .find(|(_, (_, e))| *e == extension)
            .map(|(media, (syntax, _))| (*media, *syntax))
            .ok_or_else(|| nowhere(&format!("{}.{extension}", node.name())))?,
        None => reply::negotiate(accept(headers), &FORMS)
            .map(|(media, (syntax, _))| (*media, *syntax))
            .ok_or_else(|| {
                let offered = FORMS.map(|f| f.0).join(", ");
                Error::new(Kind::NotAcceptable, format!("offered here: {offered}"))
            })?,
    };
    let extent = catalogue.extent();
    let (after, upto) = node.range();
    if node != Node::Root && after >= extent.seq {
        return Err(nowhere(&node.name()));
    }
    let unsaid = unsaid.now(&catalogue, extent).await?;
    // The first and the last change of each child, and the last of this one.
    let children = node.children(extent);
    let closed = node.is_closed(extent);
    let mut ends: Vec<i64> = children
        .iter()
        .flat_map(|c| [c.range().0 + 1, c.range().1])
        .collect();
    if closed {
        ends.push(upto);
    }
    let times = catalogue.ledger.times(&ends).await?;
    let time = |seq: i64| times.get(&seq).copied().unwrap_or_default();
    let current = closed.then(|| node.edition(time(upto), &unsaid));
    let suffix = extension.map_or(String::new(), |e| format!(".{e}"));
    let name = match edition {
        "" => format!("{}{suffix}", node.name()),
        said => format!("{}-{said}{suffix}", node.name()),
    };
    let parts = Parts::new(headers, media)
        .with(RENDERER)
        .with(&catalogue.public_url)
        .with(&name);
    let own = (node == Node::Root).then(|| Member::catalogue(&catalogue.about, extent.issued));
    let (parts, modified) = match (&current, &own) {
        (Some(current), _) => (parts.with(current), 0),
        (None, Some(own)) => (parts.with(extent).with(&own.name), extent.modified),
        (None, None) => (parts.with(extent), extent.modified),
    };
    let mut response = reply::conditional(parts, modified, async {
        let page = node.name();
        let mut members: Vec<Member> = own.into_iter().collect();
        if let Node::Page(_) = node {
            let activities = catalogue.ledger.activities(after, upto).await?;
            members.extend(activities.iter().map(|a| Member::of(&page, a)));
        }
        let children: Vec<Child> = children
            .iter()
            .map(|c| {
                let (before, last) = c.range();
                let to = c.is_closed(extent).then(|| time(last));
                let edition = to.map_or(String::new(), |at| format!("-{}", c.edition(at, &unsaid)));
                Child {
                    name: format!("{}{edition}{suffix}", c.name()),
                    from: time(before + 1),
                    to,
                }
            })
            .collect();
        ldes::write(
            syntax,
            &catalogue.public_url,
            &name,
            &page,
            &children,
            &members,
        )
        .map_err(Error::internal)
    })
    .await?;
    // Only the name of what it is now: under an older one caches would go on with what it was.
    if current.is_some_and(|c| c == edition) {
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, FOREVER);
    }
    if node == Node::Root {
        let topic = format!("{}{name}", catalogue.public_url);
        reply::followed(response.headers_mut(), catalogue.hub.as_deref(), &topic);
    }
    Ok(response)
}
