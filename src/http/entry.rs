//! An entry for people: its page with what it is related to, how to cite it and how portals see it,
//! and its versions with what changed.
use super::access::Person;
use super::dcat::{choose, split};
use super::frame::Frame;
use super::pages::{Named, Node, Row, Text, is_web, nodes, render, short, value};
use super::quality::{Assessment, measured};
use super::terms::Terms;
use super::{Shared, accept, document, matching, reply, targets};
use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use crate::mapping::syntax::Syntax;
use crate::mapping::{dcat, sheet};
use crate::record::statement::{self, Statement, iri, lines, links, literal, statements, text};
use crate::record::vocab::{self, BASE, expand};
use crate::record::{Record, Role};
use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use oxigraph::model::{NamedNode, NamedOrBlankNode};
use std::collections::BTreeMap;

#[derive(Template)]
#[template(path = "entry.html")]
struct Entry<'a> {
    title: Text,
    short: String,
    slug: String,
    description: Vec<Text>,
    /// What the language is called that the description is in, where it is not the page's.
    foreign: Option<String>,
    facts: Vec<Row>,
    links: Vec<Named>,
    relations: Relations,
    picture: Option<Picture>,
    citation: Citation,
    quality: Option<Assessment>,
    terms: Terms,
    preview: Vec<Row>,
    schema_org: String,
    nodes: Vec<Node>,
    /// How it stands with context brokers, for those who may know.
    targets: Vec<(String, String)>,
    address: String,
    /// Where it is told what a twin could add.
    fitting: Option<String>,
    /// The address that names it for good.
    canonical: String,
    modified: String,
    frame: &'a Frame,
}

/// Relations with the messages that say them from this entry's side and from the other's.
const RELATIONS: [(&str, &str, &str); 9] = [
    (
        "ldt:implements",
        "relation-implements",
        "relation-implemented-by",
    ),
    ("ldt:profiles", "relation-profiles", "relation-profiled-by"),
    ("ldt:uses", "relation-uses", "relation-used-by"),
    ("ldt:tests", "relation-tests", "relation-tested-by"),
    (
        "ldt:considers",
        "relation-considers",
        "relation-considered-by",
    ),
    ("dct:requires", "relation-requires", "relation-required-by"),
    ("dct:isPartOf", "relation-part-of", "relation-has-part"),
    (
        "dct:isReplacedBy",
        "relation-replaced-by",
        "relation-replaces",
    ),
    (
        "dct:conformsTo",
        "relation-conforms-to",
        "relation-followed-by",
    ),
];

/// What an entry says of others, and what others say of it.
struct Relations {
    own: Vec<Row>,
    others: Vec<Row>,
}

/// The relations of an entry with the titles of the other ends.
async fn relations(frame: &Frame, catalogue: &Catalogue, record: &Record) -> Result<Relations> {
    let mut found: Vec<(&str, Vec<String>)> = Vec::new();
    for (property, says, _) in RELATIONS {
        let targets = links(&record.content, &record.iri, property).map(str::to_owned);
        found.push((says, targets.collect()));
    }
    // The other direction is known to the graph; while it loads, this side alone is shown.
    if let Some(graph) = catalogue.graph.read().await.as_ref() {
        let here = NamedNode::new_unchecked(catalogue.address(&record.iri));
        for (property, _, says) in RELATIONS {
            let mut sources = Vec::new();
            for quad in graph.store.quads_for_pattern(
                None,
                Some(expand(property).as_ref()),
                Some(here.as_ref().into()),
                None,
            ) {
                if let NamedOrBlankNode::NamedNode(n) = quad?.subject {
                    sources.push(match n.as_str().strip_prefix(&catalogue.public_url) {
                        Some(own) => format!("{BASE}{own}"),
                        None => n.into_string(),
                    });
                }
            }
            found.push((says, sources));
        }
    }
    let all: Vec<&str> = found
        .iter()
        .flat_map(|(_, t)| t.iter().map(String::as_str))
        .collect();
    let mut known = catalogue.ledger.numbered(&all).await?;
    known.retain(Record::is_shown);
    let root = &frame.root;
    let mut rows = found.into_iter().map(|(says, targets)| {
        let mut values: Vec<Named> = targets
            .iter()
            .map(|t| match known.iter().find(|r| r.iri == *t) {
                Some(r) => Named {
                    label: text(&r.content, &r.iri, "skos:altLabel")
                        .or(text(&r.content, &r.iri, "dct:title"))
                        .unwrap_or_default()
                        .into_owned(),
                    href: format!("{root}resource/{}", r.slug),
                },
                None => value(frame, catalogue, &format!("<{t}>")),
            })
            .collect();
        values.sort_by_key(|v| v.label.to_lowercase());
        // An implemented standard is conformed to as well; once is enough.
        values.dedup_by(|a, b| a.href == b.href);
        Row {
            property: frame.say(says),
            values,
        }
    });
    let own: Vec<Row> = rows.by_ref().take(RELATIONS.len()).collect();
    let told = |rows: Vec<Row>| rows.into_iter().filter(|r| !r.values.is_empty()).collect();
    Ok(Relations {
        others: told(rows.collect()),
        own: told(own),
    })
}

/// The page of an entry: what it is, where it leads, how it is related, and all that is said.
///
/// # Errors
/// The ledger or the graph fails.
pub async fn page(frame: &Frame, catalogue: &Catalogue, record: &Record) -> Result<Vec<u8>> {
    let root = &frame.root;
    let (content, entry) = (record.content.as_str(), record.iri.as_str());
    let get = |p: &str| Text::of(frame, content, entry, p);
    let mut facts = Vec::new();
    for (property, name) in [
        ("dct:type", "facet-kind"),
        ("ldt:layer", "facet-layer"),
        ("ldt:mim", "facet-mim"),
        ("ldt:scope", "facet-scope"),
        ("ldt:origin", "facet-origin"),
        ("ldt:domain", "facet-domain"),
        ("ldt:strand", "fact-strand"),
        ("dcat:version", "fact-version"),
        ("ldt:licence", "facet-licence"),
        ("dct:spatial", "fact-place"),
    ] {
        let values: Vec<Named> = statement::objects(content, entry, property)
            .map(|o| {
                let place = iri(o).and_then(|n| {
                    text(content, n, "skos:prefLabel").or(text(content, n, "dct:title"))
                });
                match place {
                    Some(name) => Named {
                        label: name.into_owned(),
                        href: String::new(),
                    },
                    None => value(frame, catalogue, o),
                }
            })
            .collect();
        if !values.is_empty() {
            facts.push(Row {
                property: frame.say(name),
                values,
            });
        }
    }
    let maintainers: Vec<Named> = links(content, entry, "dct:publisher")
        .map(|a| Named {
            label: text(content, a, "foaf:name").map_or_else(|| short(a), |n| n.into_owned()),
            href: match a.strip_prefix(BASE) {
                Some(own) => format!("{root}{own}"),
                None if is_web(a) => a.to_owned(),
                None => String::new(),
            },
        })
        .collect();
    let maintainer: Vec<&str> = maintainers.iter().map(|m| m.label.as_str()).collect();
    let maintainer = maintainer.join(", ");
    if !maintainers.is_empty() {
        facts.push(Row {
            property: frame.say("facet-maintainer"),
            values: maintainers,
        });
    }
    let relations = relations(frame, catalogue, record).await?;
    let described = get("dct:description").tag;
    let own = described.split('-').next().unwrap_or_default();
    let published = crate::record::sorted(lines(&dcat::published(record)));
    let title = get("dct:title");
    let may = |p: &Person| p.role >= Role::Moderator;
    let targets = match frame.person.as_ref().is_some_and(may) {
        true => targets::of(catalogue, record).await?,
        false => Vec::new(),
    };
    let page = Entry {
        targets: targets
            .into_iter()
            .map(|(name, key, filling)| (name, frame.with(key, filling)))
            .collect(),
        canonical: catalogue.address(entry),
        short: get("skos:altLabel").text,
        slug: record.slug.clone(),
        description: statement::objects(content, entry, "dct:description")
            .filter_map(literal)
            .filter(|l| l.language.unwrap_or_default() == described)
            .map(|l| Text {
                text: l.value().into_owned(),
                tag: described.clone(),
            })
            .collect(),
        foreign: (!own.is_empty() && own != frame.words.tag).then(|| {
            let name = frame.words.known(&format!("language-{own}"));
            name.unwrap_or_else(|| described.clone())
        }),
        facts,
        links: sheet::labelled_links(entry, content)
            .into_iter()
            .filter(|(_, href)| is_web(href))
            .map(|(label, href)| Named { label, href })
            .collect(),
        picture: Picture::of(&title.text, &relations),
        citation: Citation::of(catalogue, record, &title.text, &maintainer),
        quality: Assessment::of(frame, &measured(catalogue, record).await?, false),
        terms: Terms::of(frame, catalogue, record),
        schema_org: schema_org(catalogue, record),
        preview: preview(frame, catalogue, entry, &published),
        relations,
        nodes: nodes(frame, catalogue, entry, &published),
        address: format!("{root}resource/{}", record.slug),
        fitting: matching::of_twin(frame, record),
        title,
        modified: dcat::date_time(record.modified)[..10].to_owned(),
        frame,
    };
    render(&page)
}

/// The neighbours of an entry, drawn: on the left who leads here, on the right where this leads.
struct Picture {
    height: usize,
    middle: usize,
    title: String,
    left: Vec<Neighbour>,
    right: Vec<Neighbour>,
}

/// An entry in the picture.
struct Neighbour {
    /// Its upper edge, and where its line ends.
    top: usize,
    centre: usize,
    relation: String,
    label: String,
    whole: String,
    href: String,
}

/// Neighbours drawn on each side; the list below the picture has all.
const DRAWN: usize = 8;

/// Height of a neighbour with its margin, and without, in units of the picture.
const STEP: usize = 58;
const BOX: usize = 48;

impl Picture {
    fn of(title: &str, relations: &Relations) -> Option<Self> {
        let count = |rows: &[Row]| {
            rows.iter()
                .map(|r| r.values.len())
                .sum::<usize>()
                .min(DRAWN)
        };
        let (left, right) = (count(&relations.others), count(&relations.own));
        let height = left.max(right).max(1) * STEP + STEP - BOX;
        let side = |rows: &[Row], count: usize| -> Vec<Neighbour> {
            let first = (height - count * STEP) / 2 + (STEP - BOX) / 2;
            rows.iter()
                .flat_map(|row| row.values.iter().map(move |v| (row, v)))
                .take(DRAWN)
                .enumerate()
                .map(|(n, (row, v))| Neighbour {
                    top: first + n * STEP,
                    centre: first + n * STEP + BOX / 2,
                    relation: row.property.clone(),
                    label: cut(&v.label),
                    whole: v.label.clone(),
                    href: v.href.clone(),
                })
                .collect()
        };
        (left + right > 0).then(|| Self {
            height,
            middle: height / 2,
            title: cut(title),
            left: side(&relations.others, left),
            right: side(&relations.own, right),
        })
    }
}

/// As much of a text as fits into a box.
pub fn cut(text: &str) -> String {
    const FITS: usize = 24;
    if text.chars().count() <= FITS {
        return text.to_owned();
    }
    let begin: String = text.chars().take(FITS - 1).collect();
    begin.trim_end().to_owned() + "…"
}

/// How to name an entry in a text, and in a list of references.
struct Citation {
    text: String,
    bibtex: String,
}

impl Citation {
    fn of(catalogue: &Catalogue, record: &Record, title: &str, maintainer: &str) -> Self {
        let date = dcat::date_time(record.modified);
        let (year, day) = (&date[..4], &date[..10]);
        let version = text(&record.content, &record.iri, "dcat:version");
        let version = version.map_or(String::new(), |v| format!(", version {v}"));
        let (library, address) = (&catalogue.about.title, catalogue.address(&record.iri));
        // Braces and what TeX reads as commands would end the field or run.
        let plain = |text: &str| -> String {
            let special = |c: char| "\\{}%$&#_^~".contains(c);
            text.chars()
                .map(|c| if special(c) { ' ' } else { c })
                .collect()
        };
        let author = if maintainer.is_empty() {
            &catalogue.about.publisher
        } else {
            maintainer
        };
        Self {
            text: format!("{author} ({year}). {title}{version}. {library}, {day}. {address}"),
            bibtex: format!(
                "@misc{{{},\n  author = {{{{{}}}}},\n  title = {{{}{}}},\n  year = {{{year}}},\n  howpublished = {{{}}},\n  url = {{{address}}},\n}}",
                record.slug,
                plain(author),
                plain(title),
                plain(&version),
                plain(library),
            ),
        }
    }
}

/// What search engines read of an entry: schema.org in JSON-LD, safe between tags of a page.
fn schema_org(catalogue: &Catalogue, record: &Record) -> String {
    let (content, entry) = (record.content.as_str(), record.iri.as_str());
    let get = |p: &'static str| text(content, entry, p);
    let kinds: Vec<&str> = links(content, entry, "dct:type")
        .filter_map(|k| k.strip_prefix(vocab::LDT))
        .collect();
    // Google Dataset Search shows nothing else than data sets, which every entry is to DCAT as well.
    let classes: &[&str] = match kinds.first() {
        Some(&"kind-tool") => &["Dataset", "SoftwareApplication"],
        Some(&"kind-service") => &["Dataset", "WebAPI"],
        Some(&"kind-initiative") => &["Dataset", "Project"],
        _ => &["Dataset"],
    };
    let publishers: Vec<_> = links(content, entry, "dct:publisher")
        .filter_map(|a| text(content, a, "foaf:name"))
        .map(|name| serde_json::json!({ "@type": "Organization", "name": name }))
        .collect();
    let keywords: Vec<&str> = ["dct:type", "ldt:layer", "ldt:mim", "ldt:scope"]
        .iter()
        .flat_map(|p| links(content, entry, p))
        .filter_map(vocab::label)
        .collect();
    let elsewhere: Vec<String> = sheet::labelled_links(entry, content)
        .into_iter()
        .map(|(_, href)| href)
        .filter(|href| is_web(href))
        .collect();
    let (title, description) = (get("dct:title"), get("dct:description"));
    // It takes descriptions of 50 to 5,000 characters.
    let summary: String = match description.as_deref().unwrap_or_default() {
        short if short.chars().count() < 50 => {
            let all = [
                title.as_deref().unwrap_or_default(),
                short,
                &keywords.join(", "),
            ];
            format!("{} ({})", all.join(". "), catalogue.about.title)
        }
        enough => enough.chars().take(5_000).collect(),
    };
    let document = serde_json::json!({
        "@context": "https://schema.org",
        "@type": classes,
        "@id": catalogue.address(entry),
        "url": catalogue.address(entry),
        "identifier": catalogue.address(entry),
        "name": title,
        "alternateName": get("skos:altLabel"),
        "description": summary,
        "version": get("dcat:version"),
        "publisher": publishers,
        "license": links(content, entry, "ldt:licence").find(|l| is_web(l)),
        "keywords": keywords,
        "sameAs": elsewhere,
        "datePublished": dcat::date_time(record.issued),
        "dateModified": dcat::date_time(record.modified),
        "includedInDataCatalog": {
            "@type": "DataCatalog",
            "name": catalogue.about.title,
            "url": catalogue.public_url,
        },
    });
    // Nothing of it may end the element that holds it.
    document.to_string().replace('<', "\\u003c")
}

/// What a portal shows of an entry: the properties it looks for, those that are missing too.
fn preview(frame: &Frame, catalogue: &Catalogue, entry: &str, published: &str) -> Vec<Row> {
    const SHOWN: [&str; 14] = [
        "dct:title",
        "dct:description",
        "dct:identifier",
        "dct:publisher",
        "dcat:contactPoint",
        "dcat:theme",
        "dcat:keyword",
        "dct:spatial",
        "dct:temporal",
        "dct:accessRights",
        "dcat:landingPage",
        "dct:issued",
        "dct:modified",
        "dct:language",
    ];
    const DISTRIBUTION: [&str; 5] = [
        "dct:title",
        "dcat:accessURL",
        "dct:format",
        "dcat:mediaType",
        "dct:license",
    ];
    // A node is shown by its name, as portals do.
    let shown = |term: &str| -> Named {
        let name = iri(term).and_then(|node| {
            ["foaf:name", "vcard:fn", "skos:prefLabel", "dct:title"]
                .iter()
                .find_map(|p| text(published, node, p))
        });
        match name {
            Some(name) => Named {
                label: name.into_owned(),
                href: String::new(),
            },
            None => value(frame, catalogue, term),
        }
    };
    let row = |subject: &str, property: &'static str, before: &str| Row {
        property: format!("{before}{property}"),
        values: statement::objects(published, subject, property)
            .map(shown)
            .collect(),
    };
    let mut rows: Vec<Row> = SHOWN.iter().map(|p| row(entry, p, "")).collect();
    for (n, distribution) in links(published, entry, "dcat:distribution").enumerate() {
        let before = format!("dcat:distribution {} · ", n + 1);
        rows.extend(DISTRIBUTION.iter().map(|p| row(distribution, p, &before)));
    }
    rows
}

#[derive(Template)]
#[template(path = "versions.html")]
struct Versions<'a> {
    title: Text,
    address: String,
    versions: Vec<Version>,
    frame: &'a Frame,
}

#[derive(Template)]
#[template(path = "version.html")]
struct OldVersion<'a> {
    title: Text,
    address: String,
    version: Version,
    newest: usize,
    nodes: Vec<Node>,
    frame: &'a Frame,
}

struct Version {
    number: usize,
    day: String,
    /// What the version before said and this one does not, and what it says instead.
    changes: Vec<Changed>,
}

/// A property that changed.
pub struct Changed {
    /// The node, where it is not the entry itself.
    pub node: String,
    pub property: String,
    pub removed: Vec<Named>,
    pub added: Vec<Named>,
}

/// What a version changed, property by property.
pub fn changes(
    frame: &Frame,
    catalogue: &Catalogue,
    old: Option<&Record>,
    new: &Record,
) -> Vec<Changed> {
    let Some(old) = old else { return Vec::new() };
    let mut found: BTreeMap<(bool, &str, &str), Changed> = BTreeMap::new();
    for (from, to, is_added) in [(old, new, false), (new, old, true)] {
        let kept: std::collections::BTreeSet<Statement<'_>> = statements(&to.content).collect();
        for s in statements(&from.content).filter(|s| !kept.contains(s)) {
            let (subject, predicate) = (
                iri(s.subject).unwrap_or(s.subject),
                iri(s.predicate).unwrap_or(s.predicate),
            );
            let own = subject == new.iri;
            let changed = found
                .entry((!own, subject, predicate))
                .or_insert_with(|| Changed {
                    node: if own {
                        String::new()
                    } else {
                        catalogue.address(subject)
                    },
                    property: short(predicate),
                    removed: Vec::new(),
                    added: Vec::new(),
                });
            let side = if is_added {
                &mut changed.added
            } else {
                &mut changed.removed
            };
            side.push(value(frame, catalogue, s.object));
        }
    }
    found.into_values().collect()
}

/// The shown record and what everyone could read of it, oldest first.
async fn history(catalogue: &Catalogue, slug: &str) -> Result<(Record, Vec<Record>)> {
    let record = catalogue.ledger.by_slug(slug).await?;
    let record = record
        .filter(Record::is_shown)
        .ok_or_else(|| Error::new(Kind::NotFound, format!("no entry is called {slug:?}")))?;
    let versions = catalogue.ledger.versions(&record).await?;
    Ok((record, versions))
}

/// `/resource/{slug}/versions`: what changed, newest first.
pub async fn versions(
    State(catalogue): Shared,
    Path(slug): Path<String>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    let (record, versions) = history(&catalogue, &slug).await?;
    let told = versions.iter().enumerate().rev().map(|(n, v)| Version {
        number: n + 1,
        day: dcat::date_time(v.modified)[..10].to_owned(),
        changes: changes(
            &frame,
            &catalogue,
            n.checked_sub(1).map(|n| &versions[n]),
            v,
        ),
    });
    let page = render(&Versions {
        title: Text::of(&frame, &record.content, &record.iri, "dct:title"),
        address: format!("{}resource/{slug}", frame.root),
        versions: told.collect(),
        frame: &frame,
    })?;
    Ok(reply::body(&headers, "text/html", page, 0))
}

/// `/resource/{slug}/versions/{number}`, counted from 1, with an extension to force a syntax: the
/// entry as it was.
pub async fn version(
    State(catalogue): Shared,
    Path((slug, name)): Path<(String, String)>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    let (number, forced) = split(&name)?;
    let (record, versions) = history(&catalogue, &slug).await?;
    let newest = versions.len();
    let found = number.parse().ok().filter(|n| (1..=newest).contains(n));
    let number: usize = found.ok_or_else(|| {
        let why = format!("{slug} has no version {number:?}; there are 1 to {newest}");
        Error::new(Kind::NotFound, why)
    })?;
    let (syntax, media) = match forced {
        Some(forced) => forced,
        None => choose(accept(&headers), Syntax::Turtle)?,
    };
    let old = &versions[number - 1];
    let content = match syntax {
        Some(syntax) => {
            let old = std::slice::from_ref(old);
            document::render(&catalogue, syntax, "", old).await?.0
        }
        None => {
            let before = number.checked_sub(2).map(|n| &versions[n]);
            let published = crate::record::sorted(lines(&dcat::published(old)));
            render(&OldVersion {
                title: Text::of(&frame, &old.content, &old.iri, "dct:title"),
                address: format!("{}resource/{slug}", frame.root),
                version: Version {
                    number,
                    day: dcat::date_time(old.modified)[..10].to_owned(),
                    changes: changes(&frame, &catalogue, before, old),
                },
                newest,
                nodes: nodes(&frame, &catalogue, &old.iri, &published),
                frame: &frame,
            })?
        }
    };
    let mut response = reply::body(&headers, media, content, 0);
    // RFC 5829: where it stands among its versions.
    let latest = format!(
        "<{}>; rel=\"latest-version\"",
        catalogue.address(&record.iri)
    );
    if let Ok(link) = HeaderValue::from_str(&latest) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}
