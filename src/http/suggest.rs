//! Suggestions: anyone may propose an entry or a correction; a moderator decides. A suggestion is a
//! row of the sheet, read as the sheet is read, so that there is one way in.
use super::client::Client;
use super::frame::Frame;
use super::pages::{Named, Node, nodes, render};
use super::{Shared, entry};
use crate::catalogue::Catalogue;
use crate::config::Suggestions;
use crate::error::{Error, Kind, Result};
use crate::mapping::dcat;
use crate::mapping::sheet::{self, HEADER};
use crate::record::statement::text;
use crate::record::vocab::BASE;
use crate::record::{Draft, Outcome, Record, slug};
use crate::store::search::Wish;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Extension, Form, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use governor::{Quota, RateLimiter};
use oxigraph::model::{NamedNode, NamedOrBlankNode};
use ring::hmac;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longest form, in bytes, and longest field.
const FORM: usize = 256 << 10;
const FIELD: usize = 300;
const LONG: usize = 4_000;
const ADDRESS: usize = 2_000;

/// A form is sent by a person, who takes a while to fill it in, on the day it was opened.
const SOONEST: Duration = Duration::from_secs(2);
const LATEST: Duration = Duration::from_secs(12 * 3_600);

/// Entries that may be meant already, at most this many.
const ALIKE: usize = 5;

/// Cells of a row by their column.
pub type Cells = BTreeMap<String, String>;

/// What the form needs beside the catalogue.
struct Desk {
    settings: Suggestions,
    /// Signs forms, so that only those that were opened here are taken.
    key: hmac::Key,
    clients: governor::DefaultKeyedRateLimiter<Client>,
    /// Forms that were sent, until they are too old anyway.
    sent: Mutex<HashMap<String, Instant>>,
}

/// The routes below `/suggest`.
///
/// # Errors
/// The system has no random numbers.
pub fn router(settings: &Suggestions) -> Result<Router<Arc<Catalogue>>> {
    let random = ring::rand::SystemRandom::new();
    let key = hmac::Key::generate(hmac::HMAC_SHA256, &random)
        .map_err(|_| Error::internal("no random numbers"))?;
    let quota = NonZeroU32::new(settings.per_hour).unwrap_or(NonZeroU32::MIN);
    let desk = Arc::new(Desk {
        settings: settings.clone(),
        key,
        clients: RateLimiter::keyed(Quota::per_hour(quota)),
        sent: Mutex::default(),
    });
    Ok(Router::new()
        .route(
            "/suggest",
            get(open)
                .post(send)
                .layer(axum::extract::DefaultBodyLimit::max(FORM)),
        )
        .route("/suggest/duplicates", get(duplicates))
        .route("/suggest/status/{token}", get(status))
        .layer(Extension(desk)))
}

impl Desk {
    /// A sign that a form was opened now.
    fn sign(&self) -> String {
        let nonce: [u8; 12] = rand::random();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let text = format!(
            "{:x}-{}",
            now.map_or(0, |t| t.as_millis()),
            crate::record::hex(&nonce)
        );
        let tag = hmac::sign(&self.key, text.as_bytes());
        format!("{text}-{}", crate::record::hex(tag.as_ref()))
    }

    /// Whether a form was opened here a while ago and was not sent before.
    fn accepts(&self, sign: &str) -> bool {
        let Some((text, tag)) = sign.rsplit_once('-') else {
            return false;
        };
        let pairs = tag.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        let bytes = bytes.unwrap_or_default();
        if hmac::verify(&self.key, text.as_bytes(), &bytes).is_err() {
            return false;
        }
        let opened = text.split('-').next().unwrap_or_default();
        let opened = u64::from_str_radix(opened, 16).unwrap_or(0);
        let opened = UNIX_EPOCH + Duration::from_millis(opened);
        let age = SystemTime::now().duration_since(opened).unwrap_or_default();
        (SOONEST..LATEST).contains(&age)
    }

    /// A visitor's form.
    fn visitor(&self, frame: &Frame, entry: &str) -> Purpose {
        let mut hidden = vec![("sign", self.sign())];
        if !entry.is_empty() {
            hidden.push(("entry", entry.to_owned()));
        }
        Purpose {
            action: format!("{}suggest", frame.root),
            hidden,
            contact_days: Some(self.settings.contact_days),
            before: String::new(),
        }
    }

    /// Takes a form once.
    fn takes(&self, sign: &str) -> bool {
        let mut sent = self.sent.lock().expect("no holder panics");
        sent.retain(|_, at| at.elapsed() < LATEST);
        sent.insert(sign.to_owned(), Instant::now()).is_none()
    }
}

/// A field with a line of text.
struct Line {
    name: &'static str,
    label: String,
    hint: String,
    value: String,
    wrong: Vec<String>,
    required: bool,
    long: bool,
}

/// A field with choices.
struct Choices {
    name: &'static str,
    label: String,
    many: bool,
    required: bool,
    /// Label in the sheet, label for people, whether it is chosen.
    of: Vec<(&'static str, String, bool)>,
    wrong: Vec<String>,
}

struct Link {
    letter: &'static str,
    label: String,
    address: String,
    wrong: Vec<String>,
}

/// An entry that may be meant already.
#[derive(serde::Serialize)]
pub struct Alike {
    pub why: String,
    pub title: String,
    pub href: String,
}

#[derive(Template)]
#[template(path = "suggest.html")]
struct Page<'a> {
    /// The entry that is to be corrected.
    corrects: Option<Named>,
    lines: Vec<Line>,
    choices: Vec<Choices>,
    links: Vec<Link>,
    contact: String,
    contact_wrong: Vec<String>,
    note: String,
    reason: String,
    reason_wrong: Vec<String>,
    purpose: Purpose,
    /// What is wrong with no field of its own.
    wrong: Vec<String>,
    failed: bool,
    alike: Vec<Alike>,
    preview: Option<Vec<Node>>,
    changes: Vec<entry::Changed>,
    script: String,
    frame: &'a Frame,
}

#[derive(Template)]
#[template(path = "status.html")]
struct Status<'a> {
    title: String,
    day: String,
    state: String,
    reason: String,
    result: Option<String>,
    address: String,
    frame: &'a Frame,
}

/// Field of the form, column of the sheet, whether it is long.
const LINES: [(&str, &str, bool); 7] = [
    ("short", "Short name", false),
    ("long", "Long name", false),
    ("description", "Description", true),
    ("maintainer", "Maintainer", false),
    ("version", "Version", false),
    ("licence", "License", false),
    ("country", "Country", false),
];

/// Field of the form, column of the sheet, whether several can be chosen.
const CHOICES: [(&str, &str, bool); 5] = [
    ("kind", "Category", false),
    ("layer", "Layer", false),
    ("mim", "MIMs", true),
    ("scope", "Scope", true),
    ("origin", "Origin", true),
];

const LETTERS: [&str; 5] = ["A", "B", "C", "D", "E"];

/// What was filled in.
#[derive(Default)]
pub struct Filled {
    /// The slug of the entry that is to be corrected; empty for a new one.
    pub entry: String,
    pub cells: Cells,
    contact: String,
    note: String,
    sign: String,
    /// A field that people do not see.
    trap: String,
    pub previews: bool,
    /// The version that was there when a moderator opened the form.
    pub base: String,
    /// Why a moderator changes it.
    reason: String,
}

impl Filled {
    pub fn read(pairs: Vec<(String, String)>) -> Self {
        let mut filled = Self::default();
        for (name, value) in pairs {
            let value = value.trim().replace("\r\n", "\n");
            if let Some((_, column, _)) = LINES.iter().find(|f| f.0 == name) {
                filled.cells.insert((*column).to_owned(), value);
            } else if let Some((_, column, many)) = CHOICES.iter().find(|f| f.0 == name) {
                let cell = filled.cells.entry((*column).to_owned()).or_default();
                if *many && !cell.is_empty() {
                    cell.push_str(", ");
                    cell.push_str(&value);
                } else {
                    *cell = value;
                }
            } else if let Some((letter, part)) = name.split_once('-')
                && LETTERS.contains(&letter)
            {
                let part = if part == "link" { "Link" } else { "Resource" };
                filled.cells.insert(format!("{letter} {part}"), value);
            } else {
                match name.as_str() {
                    "entry" => filled.entry = value,
                    "contact" => filled.contact = value,
                    "note" => filled.note = value,
                    "sign" => filled.sign = value,
                    "homepage" => filled.trap = value,
                    "preview" => filled.previews = true,
                    "base" => filled.base = value,
                    "reason" => filled.reason = value,
                    _ => {}
                }
            }
        }
        filled.cells.retain(|_, value| !value.is_empty());
        filled
    }

    /// What the form begins with when an entry is to be corrected.
    pub fn of(record: &Record) -> Self {
        let row = sheet::row(&record.slug, &record.iri, &record.content);
        let cells = HEADER.iter().map(|h| (*h).to_owned()).zip(row);
        Self {
            entry: record.slug.clone(),
            base: record.hash.clone(),
            cells: cells
                .filter(|(column, value)| {
                    !value.is_empty() && !["Index", "KH?"].contains(&column.as_str())
                })
                .collect(),
            ..Self::default()
        }
    }

    fn cell(&self, column: &str) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }
}

/// A row read as the sheet is read, with what is wrong about it by field; `""` is the whole.
pub struct Reading {
    pub draft: Option<Draft>,
    pub wrong: Vec<(String, String)>,
}

impl Reading {
    /// What is wrong, in sentences.
    pub fn sentences(&self) -> Vec<String> {
        self.wrong.iter().map(|(_, why)| why.clone()).collect()
    }
}

/// Reads cells as a row of the sheet. `corrects` is the slug of the entry that they are about.
///
/// # Errors
/// None is expected: what is wrong with the cells is told in the reading.
pub fn read(cells: &Cells, corrects: Option<&str>) -> Result<Reading> {
    let index = corrects.unwrap_or_default();
    let own = [("Index", index), ("KH?", "Y")];
    let columns = HEADER
        .iter()
        .copied()
        // A column that is not there says nothing of what is known already.
        .chain(
            ["License", "Country"]
                .into_iter()
                .filter(|c| cells.contains_key(*c)),
        );
    let row = columns.clone().map(|column| {
        let own = own.iter().find(|(name, _)| *name == column);
        own.map_or_else(
            || cells.get(column).map_or("", String::as_str),
            |(_, value)| value,
        )
    });
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(columns.clone())
        .and_then(|()| writer.write_record(row))
        .map_err(Error::internal)?;
    let bytes = writer.into_inner().map_err(Error::internal)?;
    let parsed = sheet::read(&bytes, &sheet::Licences::new())?;
    let field = |reason: &str| -> String {
        let begins = |name: &str| reason.starts_with(name);
        if let Some(letter) = LETTERS.iter().find(|l| begins(&format!("link {l} "))) {
            return (*letter).to_owned();
        }
        if begins("link ") {
            // Named by its label.
            let of = |l: &&&str| {
                let label = cells.get(&format!("{l} Resource"));
                label.is_some_and(|label| begins(&format!("link {label:?}")))
            };
            return LETTERS.iter().find(of).map_or("", |l| l).to_owned();
        }
        let named = [
            ("Category", "kind"),
            ("Layer", "layer"),
            ("Scope", "scope"),
            ("Origin", "origin"),
            ("MIM", "mim"),
            ("Country", "country"),
            ("License", "licence"),
            ("no Short name", "short"),
        ];
        let named = named.iter().find(|(begin, _)| begins(begin));
        named.map_or("", |(_, field)| field).to_owned()
    };
    let wrong = parsed
        .findings
        .iter()
        .filter(|f| f.outcome != Outcome::Noted);
    let mut wrong: Vec<(String, String)> = wrong
        .map(|f| (field(&f.reason), f.reason.clone()))
        .collect();
    let texts = LINES.iter().map(|(name, column, long)| {
        let most = if *long { LONG } else { FIELD };
        ((*name).to_owned(), *column, most)
    });
    for (name, column, most) in texts {
        let long = cells.get(column).map_or(0, |c| c.chars().count());
        if long > most {
            wrong.push((name, format!("{long} characters; at most {most} are taken")));
        }
    }
    for letter in LETTERS {
        let long = |part: &str| {
            cells
                .get(&format!("{letter} {part}"))
                .map_or(0, String::len)
        };
        if long("Link") > ADDRESS || long("Resource") > FIELD {
            let why = format!("an address has at most {ADDRESS} characters, its label {FIELD}");
            wrong.push((letter.to_owned(), why));
        }
    }
    Ok(Reading {
        draft: parsed.drafts.into_iter().next(),
        wrong,
    })
}

/// The record that a reading would make or leave.
pub fn wanted(reading: &Reading, corrects: Option<&Record>) -> Option<Record> {
    let draft = reading.draft.clone()?;
    Some(match corrects {
        Some(old) => crate::catalogue::corrected(old, draft),
        None => Record::from(draft),
    })
}

/// Entries that may be meant already: of the same name, with the same address, of a similar title.
async fn alike(
    frame: &Frame,
    catalogue: &Catalogue,
    cells: &Cells,
    but: &str,
) -> Result<Vec<Alike>> {
    let cell = |column: &str| cells.get(column).map_or("", String::as_str);
    let mut found: Vec<(&str, Record)> = Vec::new();
    if !cell("Short name").is_empty() {
        let same = catalogue.ledger.by_slug(&slug(cell("Short name"))).await?;
        found.extend(same.map(|r| ("suggest-same-name", r)));
    }
    let mut iris: Vec<String> = Vec::new();
    if let Some(graph) = catalogue.graph.read().await.as_ref() {
        for letter in LETTERS {
            let address = cell(&format!("{letter} Link"));
            let Ok(address) = NamedNode::new(address) else {
                continue;
            };
            let uses = graph
                .store
                .quads_for_pattern(None, None, Some(address.as_ref().into()), None)
                .take(4 * ALIKE);
            for quad in uses {
                if let NamedOrBlankNode::NamedNode(n) = quad?.subject {
                    let entry = n.as_str().split('#').next().unwrap_or_default();
                    iris.push(entry.replace(&catalogue.public_url, BASE));
                }
            }
        }
    }
    iris.sort();
    iris.dedup();
    let iris: Vec<&str> = iris.iter().map(String::as_str).collect();
    let same = catalogue.ledger.numbered(&iris).await?;
    found.extend(same.into_iter().map(|r| ("suggest-same-address", r)));
    let words = [cell("Long name"), cell("Short name")]
        .into_iter()
        .find(|w| !w.is_empty());
    if let (Some(words), Some(search)) = (words, catalogue.search.read().await.as_ref()) {
        let wish = Wish {
            words: words.to_owned(),
            ..Wish::default()
        };
        let near = tokio::task::block_in_place(|| search.find(&wish, 0, ALIKE))?;
        let named = |r: &Record| {
            let names = ["dct:title", "skos:altLabel"].map(|p| text(&r.content, &r.iri, p));
            let names = names.into_iter().flatten();
            names
                .into_iter()
                .any(|name| near.marks.pieces(&name).iter().any(|(hit, _)| *hit))
        };
        let similar = catalogue.ledger.by_ids(&near.page).await?;
        let similar = similar.into_iter().filter(named);
        found.extend(similar.map(|r| ("suggest-similar", r)));
    }
    let mut seen = vec![but.to_owned()];
    let mut out = Vec::new();
    for (why, r) in found.into_iter().filter(|(_, r)| r.is_shown()) {
        if out.len() < ALIKE && !seen.contains(&r.slug) {
            out.push(Alike {
                why: frame.say(why),
                title: text(&r.content, &r.iri, "dct:title")
                    .unwrap_or_default()
                    .into_owned(),
                href: format!("{}resource/{}", frame.root, r.slug),
            });
            seen.push(r.slug);
        }
    }
    Ok(out)
}

/// What is told about a form that was sent or opened.
#[derive(Default)]
pub struct Told {
    pub wrong: Vec<(String, String)>,
    pub alike: Vec<Alike>,
    pub preview: Option<Vec<Node>>,
    pub changes: Vec<entry::Changed>,
}

/// What a form is for: a visitor's suggestion, or a moderator's edit.
pub struct Purpose {
    pub action: String,
    pub hidden: Vec<(&'static str, String)>,
    /// For how long a visitor's contact is kept; a moderator gives a reason instead.
    pub contact_days: Option<u32>,
    /// What stands above the form, as HTML.
    pub before: String,
}

pub async fn page(
    frame: &Frame,
    purpose: Purpose,
    old: Option<&Record>,
    filled: &Filled,
    told: Told,
) -> Result<Vec<u8>> {
    let of = |field: &str| -> Vec<String> {
        let wrong = told.wrong.iter().filter(|(f, _)| f == field);
        wrong.map(|(_, why)| why.clone()).collect()
    };
    let required = |name: &str| ["short", "description", "layer", "kind"].contains(&name);
    let lines = LINES
        .iter()
        // What a correction does not ask for stays as it is.
        .filter(|(name, ..)| old.is_none() || !["licence", "country"].contains(name))
        .map(|(name, column, long)| Line {
            name,
            label: frame.say(&format!("suggest-{name}")),
            hint: frame
                .words
                .known(&format!("suggest-{name}-hint"))
                .unwrap_or_default(),
            value: filled.cell(column).to_owned(),
            wrong: of(name),
            required: required(name),
            long: *long,
        });
    let choices = CHOICES.iter().map(|(name, column, many)| {
        let chosen: Vec<&str> = filled.cell(column).split(", ").collect();
        let label = |(label, concept): (&'static str, String)| {
            let shown = frame.concept(&concept).unwrap_or_else(|| label.to_owned());
            (label, shown, chosen.contains(&label))
        };
        Choices {
            name,
            label: frame.say(&format!("facet-{name}")),
            many: *many,
            required: required(name),
            of: sheet::choices(column).into_iter().map(label).collect(),
            wrong: of(name),
        }
    });
    let links = LETTERS.map(|letter| Link {
        letter,
        label: filled.cell(&format!("{letter} Resource")).to_owned(),
        address: filled.cell(&format!("{letter} Link")).to_owned(),
        wrong: of(letter),
    });
    render(&Page {
        corrects: old.map(|r| Named {
            label: text(&r.content, &r.iri, "dct:title")
                .unwrap_or_default()
                .into_owned(),
            href: format!("{}resource/{}", frame.root, r.slug),
        }),
        lines: lines.collect(),
        choices: choices.collect(),
        links: links.into(),
        contact: filled.contact.clone(),
        contact_wrong: of("contact"),
        note: filled.note.clone(),
        reason: filled.reason.clone(),
        reason_wrong: of("reason"),
        purpose,
        wrong: of(""),
        failed: !told.wrong.is_empty(),
        alike: told.alike,
        preview: told.preview,
        changes: told.changes,
        script: format!("{}{}", frame.root, super::assets::suggest().path),
        frame,
    })
}

/// The shown record that a form is about.
async fn corrects(catalogue: &Catalogue, slug: &str) -> Result<Option<Record>> {
    if slug.is_empty() {
        return Ok(None);
    }
    let record = catalogue.ledger.by_slug(slug).await?;
    let record = record.filter(Record::is_shown);
    record
        .map(Some)
        .ok_or_else(|| Error::new(Kind::NotFound, format!("no entry is called {slug:?}")))
}

#[derive(serde::Deserialize)]
struct Wanted {
    #[serde(default)]
    entry: String,
}

/// `/suggest?entry=`: the form, empty or with the entry that is to be corrected.
async fn open(
    State(catalogue): Shared,
    Extension(desk): Extension<Arc<Desk>>,
    Query(wanted): Query<Wanted>,
    frame: Frame,
) -> Result<Response> {
    let old = corrects(&catalogue, &wanted.entry).await?;
    let filled = old.as_ref().map_or_else(Filled::default, Filled::of);
    let purpose = desk.visitor(&frame, &filled.entry);
    let page = page(&frame, purpose, old.as_ref(), &filled, Told::default()).await?;
    Ok(private(StatusCode::OK, page))
}

/// A page that is nobody else's.
fn private(status: StatusCode, page: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, page).into_response()
}

/// `POST /suggest`: shows what would come of it, or takes it.
async fn send(
    State(catalogue): Shared,
    Extension(desk): Extension<Arc<Desk>>,
    client: Client,
    frame: Frame,
    form: std::result::Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response> {
    let Form(pairs) = form.map_err(|e| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(
            Kind::TooLarge,
            format!("a suggestion has at most {FORM} bytes"),
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::new(
            Kind::UnsupportedMediaType,
            "a form is taken here; programs write to /api/resources",
        ),
        _ => Error::bad_input(format!("the form cannot be read: {}", e.body_text())),
    })?;
    if desk.settings.per_hour == 0 {
        let why = "this catalogue takes no suggestions through its page";
        return Err(Error::new(Kind::NotFound, why));
    }
    let filled = Filled::read(pairs);
    let old = corrects(&catalogue, &filled.entry).await?;
    let reading = read(&filled.cells, old.as_ref().map(|r| r.slug.as_str()))?;
    let mut wrong = reading.wrong.clone();
    for (name, column) in [
        ("short", "Short name"),
        ("description", "Description"),
        ("kind", "Category"),
        ("layer", "Layer"),
    ] {
        if filled.cell(column).is_empty() {
            wrong.retain(|(field, _)| field != name);
            wrong.push((name.to_owned(), frame.say("suggest-required")));
        }
    }
    if !filled.contact.is_empty() && !is_address(&filled.contact) {
        wrong.push(("contact".to_owned(), frame.say("suggest-no-address")));
    }
    if filled.note.chars().count() > LONG {
        wrong.push((
            String::new(),
            format!("a note has at most {LONG} characters"),
        ));
    }
    let record = wanted(&reading, old.as_ref());
    if wrong.is_empty()
        && let Some(record) = &record
    {
        let rules = catalogue.check(record.clone()).await?;
        wrong.extend(rules.into_iter().map(|why| (String::new(), why)));
        if old
            .as_ref()
            .is_some_and(|old| old.content == record.content)
        {
            wrong.push((String::new(), frame.say("suggest-nothing-new")));
        }
    }
    if wrong.is_empty() && !filled.previews && !desk.accepts(&filled.sign) {
        wrong.push((String::new(), frame.say("suggest-again")));
    }
    if filled.previews || !wrong.is_empty() {
        let alike = alike(&frame, &catalogue, &filled.cells, &filled.entry).await?;
        let published = record.as_ref().map(|r| {
            let lines = dcat::published(r);
            crate::record::sorted(crate::record::statement::lines(&lines))
        });
        let shown = wrong
            .is_empty()
            .then_some(())
            .and(record.as_ref().zip(published.as_ref()));
        let told = Told {
            preview: shown.map(|(r, p)| nodes(&frame, &catalogue, &r.iri, p)),
            changes: record.as_ref().map_or_else(Vec::new, |r| {
                entry::changes(&frame, &catalogue, old.as_ref(), r)
            }),
            alike,
            wrong,
        };
        let status = if told.wrong.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        let purpose = desk.visitor(&frame, &filled.entry);
        let page = page(&frame, purpose, old.as_ref(), &filled, told).await?;
        return Ok(private(status, page));
    }
    let token = crate::record::hex(&rand::random::<[u8; 16]>());
    let address = format!("{}suggest/status/{token}", frame.root);
    if !filled.trap.is_empty() {
        // A program that fills in everything is told what it wants to hear.
        return Ok(Redirect::to(&address).into_response());
    }
    if desk.clients.check_key(&client).is_err() {
        let most = desk.settings.per_hour;
        return Err(Error::new(
            Kind::TooMany,
            format!(
                "{most} suggestions in an hour are taken from one client; please come back later"
            ),
        ));
    }
    desk.clients.retain_recent();
    if !desk.takes(&filled.sign) {
        let told = Told {
            wrong: vec![(String::new(), frame.say("suggest-sent-before"))],
            ..Told::default()
        };
        let purpose = desk.visitor(&frame, &filled.entry);
        let page = page(&frame, purpose, old.as_ref(), &filled, told);
        return Ok(private(StatusCode::CONFLICT, page.await?));
    }
    let cells = serde_json::to_string(&filled.cells).map_err(Error::internal)?;
    let suggestion = crate::catalogue::Suggested {
        token: &crate::record::hash(&token),
        slug: old.as_ref().map(|r| r.slug.as_str()),
        cells: &cells,
        note: &filled.note,
        contact: &filled.contact,
        most: desk.settings.waiting,
    };
    catalogue.suggest(&suggestion).await?;
    Ok(Redirect::to(&address).into_response())
}

/// Whether it has the form of a mail address: the mail system alone knows more.
fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    text.len() <= 254
        && !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c))
        && parts.is_some_and(|(user, host)| {
            !user.is_empty() && host.contains('.') && !host.contains('@')
        })
}

/// `/suggest/duplicates`: what may be meant already, while the form is filled in.
async fn duplicates(
    State(catalogue): Shared,
    Query(pairs): Query<Vec<(String, String)>>,
    frame: Frame,
) -> Result<Json<Vec<Alike>>> {
    let mut filled = Filled::read(pairs);
    let most = |cell: &String| cell.len() <= ADDRESS;
    filled.cells.retain(|_, cell| most(cell));
    let but = filled.entry.clone();
    Ok(Json(alike(&frame, &catalogue, &filled.cells, &but).await?))
}

/// `/suggest/status/{token}`: what became of a suggestion.
async fn status(
    State(catalogue): Shared,
    Path(token): Path<String>,
    frame: Frame,
) -> Result<Response> {
    let found = catalogue
        .ledger
        .proposal_of(&crate::record::hash(&token))
        .await?;
    let found = found.ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            "no suggestion has this address; was it copied whole?",
        )
    })?;
    let cells: Cells = serde_json::from_str(&found.cells).map_err(Error::internal)?;
    let name = ["Long name", "Short name"]
        .iter()
        .find_map(|c| cells.get(*c));
    let page = render(&Status {
        title: name.cloned().unwrap_or_default(),
        day: dcat::date_time(found.at)[..10].to_owned(),
        state: frame.say(match found.state.as_str() {
            "accepted" => "status-accepted",
            "rejected" => "status-rejected",
            _ => "status-waiting",
        }),
        reason: found.reason.unwrap_or_default(),
        result: found
            .result
            .map(|slug| format!("{}resource/{slug}", frame.root)),
        address: format!("{}suggest/status/{token}", catalogue.public_url),
        frame: &frame,
    })?;
    Ok(private(StatusCode::OK, page))
}
