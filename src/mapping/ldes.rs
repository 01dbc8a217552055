//! The catalogue's changes as a Linked Data Event Stream after the DCAT-AP Feeds specification: members are
//! activities (ActivityStreams 2.0) whose payload is a named graph, pages hang in a tree by time (TREE).
use super::dcat::{self, About, Lines, time};
use super::syntax::{Syntax, Writer};
use crate::record::statement::{lines, statements};
use crate::record::vocab::{BASE, expand};
use crate::record::{Record, hash, sorted};
use std::io::Result;

/// The shape that members have.
const SHAPE: &str = "https://semiceu.github.io/LDES-DCAT-AP-feeds/shape.ttl#ActivityShape";

/// The stream, which is its own view.
pub const STREAM: &str = "feed";

/// What a change did to what everyone may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Create,
    Update,
    Delete,
}

/// A change that everyone may know of. `record` is the version that it made: of a deletion only its
/// names mean something.
pub struct Activity {
    pub deed: Deed,
    pub record: Record,
}

/// A page or a group of pages, as the node above it tells of it.
pub struct Child {
    /// Below [`BASE`].
    pub name: String,
    /// When its first change was made.
    pub from: i64,
    /// When its last was; none where more may come.
    pub to: Option<i64>,
}

/// An activity with its payload, which is empty for a deletion.
pub struct Member {
    pub name: String,
    deed: Deed,
    object: String,
    at: i64,
    payload: String,
}

impl Member {
    /// A change, as the page of this name tells it. The time is part of its name: after a restore a number may
    /// come again with another change.
    pub fn of(page: &str, Activity { deed, record }: &Activity) -> Self {
        let payload = match deed {
            Deed::Delete => String::new(),
            Deed::Create | Deed::Update => {
                let listed = dcat::listing(std::iter::once(record));
                sorted(lines(&dcat::published(record)).chain(lines(&listed)))
            }
        };
        Self {
            name: format!("{BASE}{page}#change-{}-{:x}", record.seq, record.modified),
            deed: *deed,
            object: record.iri.clone(),
            at: record.modified,
            payload,
        }
    }

    /// The catalogue itself, from the settings: no change made it, so the root tells it, under a name that
    /// follows from what is said.
    pub fn catalogue(about: &About, at: i64) -> Self {
        let (own, shared) = (dcat::catalogue(about, 0, 0), dcat::catalogue_shared(about));
        let payload = sorted(lines(&own).chain(lines(&shared)));
        Self {
            name: format!("{BASE}{STREAM}#catalogue-{}", &hash(&payload)[..16]),
            deed: Deed::Update,
            object: format!("{BASE}catalog"),
            at,
            payload,
        }
    }
}

/// Writes a node of the tree: its children, and its members with their payloads. `page` is its name without
/// edition and extension.
///
/// # Errors
/// The syntax knows no graphs.
pub fn write(
    syntax: Syntax,
    public_url: &str,
    node: &str,
    page: &str,
    children: &[Child],
    members: &[Member],
) -> Result<Vec<u8>> {
    let (stream, here) = (format!("{BASE}{STREAM}"), format!("{BASE}{node}"));
    let mut out = Lines::default();
    out.say(&stream, "rdf:type", expand("ldes:EventStream"));
    out.link(&stream, "tree:shape", SHAPE);
    out.say(&stream, "ldes:timestampPath", expand("as:published"));
    out.say(&stream, "ldes:versionOfPath", expand("as:object"));
    out.say(&here, "rdf:type", expand("tree:Node"));
    // All members are found from the root alone.
    if page == STREAM {
        out.link(&stream, "tree:view", &here);
    } else {
        out.link(&here, "dct:isPartOf", &stream);
    }
    for child in children {
        let leads_to = format!("{BASE}{}", child.name);
        let ends = child
            .to
            .map(|to| ("to", "tree:LessThanOrEqualToRelation", to));
        let begins = ("from", "tree:GreaterThanOrEqualToRelation", child.from);
        for (end, class, at) in [begins].into_iter().chain(ends) {
            let name = child.name.rsplit('/').next().unwrap_or_default();
            let relation = format!("{here}#{name}-{end}");
            out.link(&here, "tree:relation", &relation);
            out.say(&relation, "rdf:type", expand(class));
            out.say(&relation, "tree:path", expand("as:published"));
            out.say(&relation, "tree:value", time(at));
            out.link(&relation, "tree:node", &leads_to);
        }
    }
    for m in members {
        let class = match m.deed {
            Deed::Create => "as:Create",
            Deed::Update => "as:Update",
            Deed::Delete => "as:Delete",
        };
        out.link(&stream, "tree:member", &m.name);
        out.say(&m.name, "rdf:type", expand(class));
        out.link(&m.name, "as:object", &m.object);
        out.say(&m.name, "as:published", time(m.at));
    }
    let head = sorted(out.0);
    let mut writer = Writer::begin(Vec::new(), syntax, public_url)?;
    writer.nodes(statements(&head))?;
    for m in members.iter().filter(|m| !m.payload.is_empty()) {
        writer.graph(&m.name, statements(&m.payload))?;
    }
    writer.end()
}
