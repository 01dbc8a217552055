//! Validation as a service: a form for people, and a report in the form that a client asks for.
//! Nothing that is posted here is kept.
use super::frame::Frame;
use super::{Shared, accept, reply};
use crate::error::{Error, Kind, Result};
use crate::mapping::validate::{self, Form, Input};
use crate::record::shacl::{Profile, Report, Severity};
use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Multipart, Query, State};
use axum::http::{HeaderMap, HeaderValue, Request, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Largest input, bytes.
pub const LIMIT: usize = 8 << 20;
/// Validations at the same time: one uses every core already.
static SLOTS: Semaphore = Semaphore::const_new(1);
/// How long a client waits for its turn and its answer. The engine cannot be stopped, but it is
/// linear in an input of bounded size, and its slot stays taken until it is done.
const TIME: Duration = Duration::from_secs(60);
/// Classes of nodes, and how often a single shape may be broken: the engine takes some 30 kB for
/// each at worst.
const NODES: usize = 20_000;
/// Rows on a page; the other forms have all.
const ROWS: usize = 1_000;

const ANSWERS: [(&str, Option<Form>); 4] = [
    ("text/html", None),
    ("text/turtle", Some(Form::Turtle)),
    ("application/ld+json", Some(Form::JsonLd)),
    ("application/json", Some(Form::Json)),
];

const INPUTS: [(&str, &str); 7] = [
    ("ttl", "Turtle"),
    ("nt", "N-Triples"),
    ("nq", "N-Quads"),
    ("trig", "TriG"),
    ("rdf", "RDF/XML"),
    ("jsonld", "JSON-LD"),
    ("csv", "The library's sheet (CSV)"),
];

const PROFILES: [(&str, &str); 8] = [
    ("dcat-ap", "DCAT-AP 3.0.1, all levels"),
    ("base", "DCAT-AP: mandatory properties and cardinalities"),
    ("range", "DCAT-AP: classes of values"),
    ("recommended", "DCAT-AP: recommended properties"),
    ("codelists", "DCAT-AP: code lists"),
    ("hvd", "DCAT-AP: high-value datasets"),
    ("ldt", "This library's own profile"),
    ("all", "Everything"),
];

#[derive(Template)]
#[template(path = "validate.html")]
struct Page<'a> {
    report: Option<Verdict>,
    text: String,
    input: String,
    profile: String,
    inputs: &'static [(&'static str, &'static str)],
    profiles: &'static [(&'static str, &'static str)],
    address: String,
    frame: &'a Frame,
}

struct Verdict {
    conforms: bool,
    violations: usize,
    warnings: usize,
    infos: usize,
    profiles: String,
    rows: Vec<Row>,
    left_out: usize,
}

struct Row {
    line: Option<u64>,
    severity: &'static str,
    node: String,
    path: String,
    value: String,
    message: String,
    profile: &'static str,
}

impl Verdict {
    fn new(report: &Report, profiles: &[Profile]) -> Self {
        let names: Vec<_> = profiles.iter().map(|p| p.name()).collect();
        Self {
            conforms: report.conforms(),
            violations: report.count(Severity::Violation),
            warnings: report.count(Severity::Warning),
            infos: report.count(Severity::Info),
            profiles: names.join(", "),
            left_out: report.results.len().saturating_sub(ROWS),
            rows: report
                .results
                .iter()
                .take(ROWS)
                .map(|f| Row {
                    line: f.line,
                    severity: f.severity.name(),
                    node: f.focus_text(),
                    path: f.path_short(),
                    value: f.value_short(),
                    message: f.message.clone(),
                    profile: f.profile.map_or("", Profile::name),
                })
                .collect(),
        }
    }
}

/// What a page repeats of the question.
#[derive(Default)]
struct Asked {
    text: String,
    input: String,
    profile: String,
}

fn page(frame: &Frame, verdict: Option<Verdict>, asked: Asked, address: &str) -> Result<Vec<u8>> {
    Page {
        report: verdict,
        text: asked.text,
        input: asked.input,
        profile: asked.profile,
        inputs: &INPUTS,
        profiles: &PROFILES,
        address: address.to_owned(),
        frame,
    }
    .render()
    .map(String::into_bytes)
    .map_err(Error::internal)
}

/// A report as a page, with the form below it.
///
/// # Errors
/// The template fails, which would be our fault.
pub fn html(report: &Report, profiles: &[Profile], address: &str) -> Result<Vec<u8>> {
    page(
        &Frame::alone(address),
        Some(Verdict::new(report, profiles)),
        Asked::default(),
        address,
    )
}

pub async fn get(State(catalogue): Shared, frame: Frame, headers: HeaderMap) -> Result<Response> {
    let content = page(&frame, None, Asked::default(), &catalogue.public_url)?;
    Ok(reply::body(&headers, "text/html", content, 0))
}

#[derive(Deserialize)]
pub struct Parameters {
    #[serde(default)]
    profile: String,
}

pub async fn post(
    State(catalogue): Shared,
    Query(parameters): Query<Parameters>,
    frame: Frame,
    headers: HeaderMap,
    body: std::result::Result<Bytes, BytesRejection>,
) -> Result<Response> {
    let body = body.map_err(|e| {
        Error::new(
            Kind::TooLarge,
            format!("at most {LIMIT} bytes are taken: {e}"),
        )
    })?;
    let answer = reply::negotiate(accept(&headers), &ANSWERS).ok_or_else(|| {
        Error::new(
            Kind::NotAcceptable,
            format!("offered here: {}", ANSWERS.map(|a| a.0).join(", ")),
        )
    })?;
    let media = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let (bytes, input, asked) = if media.starts_with("multipart/form-data") {
        form(media, body, &parameters.profile).await?
    } else {
        let asked = Asked {
            profile: parameters.profile,
            ..Asked::default()
        };
        (body, Input::of_media(media)?, asked)
    };
    let profiles = Profile::named(&asked.profile)?;
    let busy = || {
        Error::new(
            Kind::Busy,
            "other validations take all the time there is; try again later",
        )
    };
    let (address, wanted) = (catalogue.public_url.clone(), profiles.clone());
    let report = tokio::time::timeout(TIME, async move {
        let slot = SLOTS.acquire().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(move || {
            let _slot = slot;
            validate::run(&bytes, input, &wanted, &address, Some(NODES))
        })
        .await
        .map_err(Error::internal)?
    })
    .await
    .map_err(|_| busy())??;
    let content = match answer.1 {
        Some(form) => validate::write(&report, form, &catalogue.public_url)?,
        None => page(
            &frame,
            Some(Verdict::new(&report, &profiles)),
            asked,
            &catalogue.public_url,
        )?,
    };
    let media = match answer.0 {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    };
    let mut response = content.into_response();
    let out = response.headers_mut();
    if let Ok(media) = HeaderValue::from_str(&media) {
        out.insert(header::CONTENT_TYPE, media);
    }
    out.insert(header::VARY, HeaderValue::from_static("accept"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The fields of the page's form. A file goes before text, and its name says its format.
async fn form(media: &str, body: Bytes, profile: &str) -> Result<(Bytes, Input, Asked)> {
    let unread =
        |e: &dyn std::fmt::Display| Error::bad_input(format!("the form cannot be read: {e}"));
    let request = Request::builder()
        .header(header::CONTENT_TYPE, media)
        .body(axum::body::Body::from(body))
        .map_err(|e| unread(&e))?;
    let mut fields = Multipart::from_request(request, &())
        .await
        .map_err(|e| unread(&e))?;
    let mut asked = Asked {
        profile: profile.to_owned(),
        ..Asked::default()
    };
    let mut file = None;
    while let Some(field) = fields.next_field().await.map_err(|e| unread(&e))? {
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().unwrap_or_default().to_owned();
        let value = field.bytes().await.map_err(|e| unread(&e))?;
        let text = || String::from_utf8_lossy(&value).into_owned();
        match name.as_str() {
            "file" if !value.is_empty() => file = Some((file_name, value)),
            "text" => asked.text = text(),
            "input" => asked.input = text(),
            "profile" => asked.profile = text(),
            _ => {}
        }
    }
    if let Some((name, bytes)) = file {
        let extension = name.rsplit_once('.').map_or(asked.input.as_str(), |n| n.1);
        return Ok((bytes, Input::of_extension(extension)?, asked));
    }
    if asked.text.trim().is_empty() {
        return Err(Error::bad_input(
            "there is neither a text nor a file to validate",
        ));
    }
    let input = Input::of_extension(if asked.input.is_empty() {
        "ttl"
    } else {
        &asked.input
    })?;
    Ok((Bytes::from(asked.text.clone().into_bytes()), input, asked))
}
