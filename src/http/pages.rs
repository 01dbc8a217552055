//! Plain, complete, linked HTML pages. Every value is escaped by the template engine.
use super::dcat::Window;
use super::frame::Frame;
use super::reply;
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::mapping::dcat;
use crate::record::statement::{self, Statement, iri, links, literal, statements, text};
use crate::record::vocab::{self, BASE};
use crate::record::{PUBLIC, Record};
use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;

/// A name that may be a link.
pub struct Named {
    pub label: String,
    /// Empty where nothing answers there.
    pub href: String,
}

/// A text and the tag of its language, empty where it is not known.
pub struct Text {
    pub text: String,
    pub tag: String,
}

impl Text {
    /// What a reader is shown of a property, in the language of the page where there is such a text.
    pub fn of(frame: &Frame, content: &str, subject: &str, property: &str) -> Self {
        match statement::text_in(frame.words.tag, content, subject, property) {
            Some(l) => Self {
                text: l.value().into_owned(),
                tag: l.language.unwrap_or_default().to_owned(),
            },
            None => Self {
                text: String::new(),
                tag: String::new(),
            },
        }
    }
}

/// What lists show of an entry.
pub struct Item {
    pub href: String,
    pub title: Text,
    pub short: String,
    pub kind: String,
    pub layer: String,
    pub maintainer: String,
    pub description: Text,
}

#[derive(Template)]
#[template(path = "list.html")]
struct List<'a> {
    heading: &'a str,
    intro: &'a str,
    items: Vec<Item>,
    /// Below the public URL, such as `catalog?page=2`.
    next: Option<String>,
    total: i64,
    frame: &'a Frame,
}

pub struct Row {
    pub property: String,
    pub values: Vec<Named>,
}

pub struct Node {
    pub name: String,
    pub id: String,
    pub rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "agent.html")]
struct Agent<'a> {
    name: String,
    facts: Vec<Row>,
    items: Vec<Item>,
    address: String,
    frame: &'a Frame,
}

#[derive(Template)]
#[template(path = "namespace.html")]
struct Namespace<'a> {
    groups: Vec<Node>,
    frame: &'a Frame,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    status: u16,
    title: &'a str,
    detail: &'a str,
    link: Option<&'a str>,
    frame: &'a Frame,
}

pub fn render(template: &impl Template) -> Result<Vec<u8>> {
    template
        .render()
        .map(String::into_bytes)
        .map_err(Error::internal)
}

/// The path of the public URL, ending in a slash: links stay on the host that was asked.
pub fn root(public_url: &str) -> &str {
    let after = public_url.find("://").map_or(0, |at| at + 3);
    public_url[after..]
        .find('/')
        .map_or("/", |at| &public_url[after + at..])
}

/// What lists of entries show of each.
pub fn items(frame: &Frame, records: &[Record]) -> Vec<Item> {
    records
        .iter()
        .map(|r| {
            let get = |p: &str| Text::of(frame, &r.content, &r.iri, p);
            let label = |p: &str| {
                links(&r.content, &r.iri, p)
                    .find_map(|concept| frame.concept(concept))
                    .unwrap_or_default()
            };
            Item {
                href: format!("{}resource/{}", frame.root, r.slug),
                title: get("dct:title"),
                short: get("skos:altLabel").text,
                kind: label("dct:type"),
                layer: label("ldt:layer"),
                maintainer: links(&r.content, &r.iri, "dct:publisher")
                    .find_map(|a| text(&r.content, a, "foaf:name"))
                    .unwrap_or_default()
                    .into_owned(),
                description: get("dct:description"),
            }
        })
        .collect()
}

/// `/`: what this is, and the first entries.
pub async fn home(
    State(catalogue): State<Arc<Catalogue>>,
    frame: &Frame,
    headers: HeaderMap,
) -> Result<Response> {
    let extent = catalogue.extent();
    let records = catalogue
        .ledger
        .shown_since(0, 0, super::dcat::PAGE)
        .await?;
    let last = records.last().and_then(|r| r.publication).unwrap_or(0);
    let next = catalogue.ledger.next_shown(last).await?;
    let page = List {
        heading: &catalogue.about.title,
        intro: &catalogue.about.description,
        items: items(frame, &records),
        next: next.map(|n| format!("catalog?page={}", (n - 1) / super::dcat::PAGE + 1)),
        total: extent.total,
        frame,
    };
    Ok(reply::body(
        &headers,
        "text/html",
        render(&page)?,
        extent.modified,
    ))
}

/// A page of the catalogue for people.
///
/// # Errors
/// The template cannot be filled.
pub fn catalogue(frame: &Frame, catalogue: &Catalogue, window: &Window) -> Result<Vec<u8>> {
    let page = frame.count("page-number", window.number);
    render(&List {
        heading: &format!("{}, {page}", catalogue.about.title),
        intro: "",
        items: items(frame, &window.records),
        next: window.next.as_ref().map(|n| format!("catalog?{n}")),
        total: window.total,
        frame,
    })
}

/// An IRI as a prefixed name where there is one, else without what all addresses begin with.
pub fn short(iri: &str) -> String {
    match vocab::compact(iri) {
        Some((prefix, local)) => format!("{prefix}:{local}"),
        None => iri.to_owned(),
    }
}

pub fn value(frame: &Frame, catalogue: &Catalogue, term: &str) -> Named {
    if let Some(l) = literal(term) {
        let value = l.value();
        let label = match (l.language, l.datatype) {
            (Some(tag), _) => format!("{value} ({tag})"),
            (None, Some(_)) if value.starts_with(BASE) => catalogue.address(&value),
            _ => value.into_owned(),
        };
        let label = match label.strip_prefix(BASE) {
            Some(rest) => format!("{}{rest}", catalogue.public_url),
            None => label,
        };
        return Named {
            label,
            href: String::new(),
        };
    }
    let name = iri(term).unwrap_or(term);
    if let Some(local) = name.strip_prefix(vocab::LDT) {
        // Our namespace is the same everywhere; this installation explains it.
        return Named {
            label: frame.concept(name).unwrap_or_else(|| local.to_owned()),
            href: format!("{}ns#{local}", frame.root),
        };
    }
    let address = catalogue.address(name);
    let web = address.starts_with("http://") || address.starts_with("https://");
    Named {
        label: frame.concept(name).unwrap_or_else(|| short(&address)),
        href: if web { address } else { String::new() },
    }
}

/// All that is said, node by node, the entry first.
pub fn nodes(frame: &Frame, catalogue: &Catalogue, first: &str, content: &str) -> Vec<Node> {
    let mut out: Vec<(bool, Node)> = Vec::new();
    let mut before: Option<Statement<'_>> = None;
    for s in statements(content) {
        let subject = iri(s.subject).unwrap_or(s.subject);
        if before.is_none_or(|b| b.subject != s.subject) {
            let address = catalogue.address(subject);
            let id = address
                .rsplit_once('#')
                .map_or(String::new(), |(_, id)| id.to_owned());
            out.push((
                subject != first,
                Node {
                    name: address,
                    id,
                    rows: Vec::new(),
                },
            ));
            before = None;
        }
        if let Some((_, node)) = out.last_mut() {
            if before.is_none_or(|b| b.predicate != s.predicate) {
                node.rows.push(Row {
                    property: short(iri(s.predicate).unwrap_or(s.predicate)),
                    values: Vec::new(),
                });
            }
            if let Some(row) = node.rows.last_mut() {
                row.values.push(value(frame, catalogue, s.object));
            }
        }
        before = Some(s);
    }
    out.sort_by_key(|(later, _)| *later);
    out.into_iter().map(|(_, n)| n).collect()
}

/// Whether a page may link there: an imported address can be of any scheme.
pub fn is_web(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://")
}

/// The page of an agent: what is known of it, and the entries that it maintains.
///
/// # Errors
/// The template cannot be filled.
pub fn agent(
    frame: &Frame,
    catalogue: &Catalogue,
    agent: &str,
    about: &str,
    records: &[Record],
) -> Result<Vec<u8>> {
    let facts = nodes(frame, catalogue, agent, about)
        .into_iter()
        .flat_map(|n| n.rows)
        .filter(|row| row.property != "rdf:type" && row.property != "foaf:name")
        .map(|row| Row {
            property: match row.property.as_str() {
                "dct:type" => frame.say("agent-type"),
                "foaf:homepage" => frame.say("agent-homepage"),
                _ => row.property,
            },
            ..row
        })
        .collect();
    render(&Agent {
        name: text(about, agent, "foaf:name").map_or_else(|| short(agent), |n| n.into_owned()),
        facts,
        items: items(frame, records),
        address: format!("{}{}", frame.root, agent.trim_start_matches(BASE)),
        frame,
    })
}

/// `/ns` for people: each scheme with its concepts, then the properties.
///
/// # Errors
/// The template cannot be filled.
pub fn namespace(frame: &Frame) -> Result<Vec<u8>> {
    let subjects: std::collections::BTreeSet<&str> = statements(vocab::own())
        .filter_map(|s| iri(s.subject))
        .collect();
    let groups = subjects
        .into_iter()
        .map(|subject| {
            let rows = vocab::about(subject)
                .iter()
                .map(|s| Row {
                    property: short(iri(s.predicate).unwrap_or_default()),
                    values: vec![match literal(s.object) {
                        Some(l) => Named {
                            label: l.value().into_owned(),
                            href: String::new(),
                        },
                        None => {
                            let name = iri(s.object).unwrap_or(s.object);
                            Named {
                                label: short(name),
                                href: match name.strip_prefix(vocab::LDT) {
                                    Some(local) => format!("#{local}"),
                                    None => name.to_owned(),
                                },
                            }
                        }
                    }],
                })
                .collect();
            Node {
                name: short(subject),
                id: subject
                    .strip_prefix(vocab::LDT)
                    .unwrap_or_default()
                    .to_owned(),
                rows,
            }
        })
        .collect();
    render(&Namespace { groups, frame })
}

/// The page of a withdrawn entry.
///
/// # Errors
/// The template cannot be filled.
pub fn tombstone(frame: &Frame, record: &Record, replaced_by: Option<&str>) -> Result<Vec<u8>> {
    debug_assert_eq!(record.audience, PUBLIC);
    let day = &dcat::date_time(record.modified)[..10];
    render(&Problem {
        status: 410,
        title: &frame.say("problem-gone"),
        detail: &frame.with("problem-withdrawn", format!("{} ({day})", record.slug)),
        link: replaced_by,
        frame,
    })
}

/// An error for people.
pub fn problem(frame: &Frame, status: u16, kind: &str, detail: &str) -> Vec<u8> {
    let title = frame.words.known(&format!("problem-{kind}"));
    render(&Problem {
        status,
        title: &title.unwrap_or_else(|| frame.say("problem-other")),
        detail,
        link: None,
        frame,
    })
    .unwrap_or_default()
}
