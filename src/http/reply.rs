//! What every answer shares: negotiation (RFC 9110 section 12.5.1), conditional requests (section
//! 13), problem documents (RFC 9457) and the request id.
use crate::error::{Error, Kind};
use crate::record::hash;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The offered media type that `accept` likes best; the first offered for `*/*` or no header.
/// `None` if nothing at all matches.
pub fn negotiate<'a, T>(
    accept: &str,
    offered: &'a [(&'static str, T)],
) -> Option<&'a (&'static str, T)> {
    if accept.trim().is_empty() {
        return offered.first();
    }
    let ranges: Vec<(&str, f32)> = accept
        .split(',')
        .map(|part| {
            let mut pieces = part.split(';').map(str::trim);
            let range = pieces.next().unwrap_or_default();
            let q = pieces
                .find_map(|p| p.strip_prefix("q="))
                .and_then(|q| q.parse().ok())
                .unwrap_or(1.0);
            (range, q)
        })
        .collect();
    let weight = |media: &str| {
        let family = format!("{}/*", media.split('/').next().unwrap_or_default());
        [media, &family, "*/*"]
            .iter()
            .find_map(|wanted| {
                ranges
                    .iter()
                    .find(|(r, _)| r.eq_ignore_ascii_case(wanted))
                    .map(|(_, q)| *q)
            })
            .unwrap_or(0.0)
    };
    let mut best: Option<(&(&'static str, T), f32)> = None;
    for offer in offered {
        let q = weight(offer.0);
        if q > best.map_or(0.0, |b| b.1) {
            best = Some((offer, q));
        }
    }
    best.map(|b| b.0)
}

/// What makes a representation the one it is; their hash is its strong validator.
pub struct Parts<'h> {
    headers: &'h HeaderMap,
    media: &'static str,
    text: String,
}

impl<'h> Parts<'h> {
    pub fn new(headers: &'h HeaderMap, media: &'static str) -> Self {
        // The validator names the bytes sent, so the encoding is part of it.
        let encoding = headers
            .get(header::ACCEPT_ENCODING)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        let text = format!("{media}\n{encoding}");
        Self {
            headers,
            media,
            text,
        }
    }

    pub fn with(mut self, part: impl std::fmt::Display) -> Self {
        use std::fmt::Write;
        let _ = write!(self.text, "\n{part}");
        self
    }

    /// The entity tag, quoted.
    pub fn tag(&self) -> String {
        format!("\"{}\"", &hash(&self.text)[..32])
    }

    /// Whether the client has this representation already (RFC 9110 section 13.2.2). `modified`
    /// is in microseconds since the epoch; 0 where nothing is known of it.
    pub fn is_fresh(&self, modified: i64) -> bool {
        let get = |name| self.headers.get(name).and_then(|v| v.to_str().ok());
        if let Some(tags) = get(header::IF_NONE_MATCH) {
            let tag = self.tag();
            return tags.split(',').any(|t| {
                let t = t.trim();
                t == "*" || t.strip_prefix("W/").unwrap_or(t) == tag
            });
        }
        let since = get(header::IF_MODIFIED_SINCE).and_then(|v| httpdate::parse_http_date(v).ok());
        since.is_some_and(|since| modified > 0 && instant(modified) <= since)
    }
}

/// Answers 304 where the client has it already, and else what `content` makes.
///
/// # Errors
/// Those of `content`.
pub async fn conditional(
    parts: Parts<'_>,
    modified: i64,
    content: impl Future<Output = crate::error::Result<Vec<u8>>>,
) -> crate::error::Result<Response> {
    let tag = parts.tag();
    if parts.is_fresh(modified) {
        return Ok(not_modified(&tag, modified));
    }
    let media = content_type(parts.media);
    let mut response = ([(header::CONTENT_TYPE, media)], content.await?).into_response();
    validators(response.headers_mut(), &tag, modified);
    Ok(response)
}

/// A body whose bytes are its validator, or 304.
pub fn body(headers: &HeaderMap, media: &'static str, content: Vec<u8>, modified: i64) -> Response {
    use sha2::Digest;
    let digest = crate::record::hex(&sha2::Sha256::digest(&content));
    let parts = Parts::new(headers, media).with(digest);
    let tag = parts.tag();
    if parts.is_fresh(modified) {
        return not_modified(&tag, modified);
    }
    let mut response = ([(header::CONTENT_TYPE, content_type(media))], content).into_response();
    validators(response.headers_mut(), &tag, modified);
    response
}

pub fn not_modified(tag: &str, modified: i64) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    validators(response.headers_mut(), tag, modified);
    response
}

/// Sets entity tag, date and what the answer depends on.
pub fn validators(headers: &mut HeaderMap, tag: &str, modified: i64) {
    let date = (modified > 0).then(|| httpdate::fmt_http_date(instant(modified)));
    for (name, value) in [
        (header::ETAG, Some(tag.to_owned())),
        (header::LAST_MODIFIED, date),
        (header::VARY, Some("accept, accept-encoding".into())),
        (header::CACHE_CONTROL, Some("no-cache".into())),
    ] {
        if let Some(value) = value.and_then(|v| HeaderValue::from_str(&v).ok()) {
            headers.insert(name, value);
        }
    }
}

/// The whole second that a time lies in: HTTP dates know no more.
fn instant(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(micros / 1_000_000).unwrap_or(0))
}

/// The media type with its character set, where it is text.
pub fn content_type(media: &str) -> String {
    if media.starts_with("text/") {
        format!("{media}; charset=utf-8")
    } else {
        media.to_owned()
    }
}

/// What went wrong, kept beside a problem document so that a browser can be shown a page instead.
#[derive(Clone)]
struct Wrong {
    status: StatusCode,
    title: String,
    detail: String,
}

tokio::task_local! {
    /// The id of the request under way.
    static REQUEST: String;
}

/// A problem document (RFC 9457). The detail of an internal error never leaves the log; the
/// request's id leads there.
pub fn problem(kind: Kind, detail: &str) -> Response {
    let status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let detail = if kind == Kind::Internal {
        "an error of ours; the log has it under the request id"
    } else {
        detail
    };
    let mut document = serde_json::json!({
        "type": format!("{}problem-{}", crate::record::vocab::LDT, kind.name()),
        "title": kind.name().replace('-', " "),
        "status": kind.status(),
        "detail": detail,
    });
    if let Ok(id) = REQUEST.try_with(Clone::clone) {
        document["instance"] = format!("urn:request:{id}").into();
    }
    let mut response = (
        status,
        [(header::CONTENT_TYPE, "application/problem+json")],
        document.to_string(),
    )
        .into_response();
    if kind == Kind::Busy {
        let soon = HeaderValue::from_static("5");
        response.headers_mut().insert(header::RETRY_AFTER, soon);
    }
    response.extensions_mut().insert(Wrong {
        status,
        title: kind.name().replace('-', " "),
        detail: detail.to_owned(),
    });
    response
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.kind == Kind::Internal {
            let id = REQUEST.try_with(Clone::clone).unwrap_or_default();
            tracing::error!(id, error = %self.message, "request failed");
        }
        problem(self.kind, &self.message)
    }
}

/// Pages load nothing from elsewhere, run no script, and are framed by nobody.
const SECURITY: [(header::HeaderName, &str); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
];

/// Gives each request an id, in the log and in the answer, and counts it. A browser that meets an
/// error is shown a page.
pub async fn request_id(request: Request, next: Next) -> Response {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let id = format!(
        "{:08x}-{:06x}",
        rand::random::<u32>(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let browser = super::accept(request.headers()).contains("text/html");
    let route = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or("none".to_owned(), |m| m.as_str().to_owned());
    let began = Instant::now();
    let mut response = REQUEST.scope(id.clone(), next.run(request)).await;
    if browser && let Some(wrong) = response.extensions_mut().remove::<Wrong>() {
        let page = super::pages::problem(wrong.status.as_u16(), &wrong.title, &wrong.detail);
        let mut shown = (
            wrong.status,
            [(header::CONTENT_TYPE, content_type("text/html"))],
            page,
        )
            .into_response();
        if let Some(soon) = response.headers_mut().remove(header::RETRY_AFTER) {
            shown.headers_mut().insert(header::RETRY_AFTER, soon);
        }
        response = shown;
    }
    let (status, time) = (response.status().as_u16(), began.elapsed());
    crate::telemetry::answered(method.as_str(), &route, status, time);
    let milliseconds = time.as_secs_f64() * 1e3;
    tracing::info!(%id, %method, path, status, milliseconds, "request");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", value);
    }
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
