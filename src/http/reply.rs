//! What every answer shares: negotiation (RFC 9110 section 12.5.1), conditional requests (section
//! 13), problem documents (RFC 9457) and the request id.
use super::frame::Frame;
use crate::error::{Error, Kind};
use crate::record::hash;
use axum::extract::{Request, State};
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
    // A parameter may hold a comma in quotes.
    let mut quoted = false;
    let ranges: Vec<(&str, f32)> = accept
        .split(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        })
        .map(|part| {
            let mut pieces = part.split(';').map(str::trim);
            let range = pieces.next().unwrap_or_default();
            let q = pieces
                .find_map(|p| p.strip_prefix(['q', 'Q'])?.strip_prefix('='))
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

/// Says under which address this is followed, and which hub tells of its changes (W3C WebSub, section 4).
pub fn followed(headers: &mut HeaderMap, hub: Option<&str>, topic: &str) {
    let hub = hub.map(|hub| format!("<{hub}>; rel=\"hub\""));
    for link in hub.into_iter().chain([format!("<{topic}>; rel=\"self\"")]) {
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.append(header::LINK, link);
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
    kind: &'static str,
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
    let later = match kind {
        Kind::Busy => Some("5"),
        Kind::TooMany => Some("3600"),
        _ => None,
    };
    if let Some(seconds) = later.map(HeaderValue::from_static) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    if kind == Kind::Unauthorised {
        let how = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    }
    response.extensions_mut().insert(Wrong {
        status,
        kind: kind.name(),
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

/// The `Content-Security-Policy`: pages load nothing from elsewhere, run no script but the service's own
/// files, and are framed by those who are named alone.
///
/// # Errors
/// `frame_ancestors` is empty or would say more than that.
pub fn policy(frame_ancestors: &str) -> crate::error::Result<HeaderValue> {
    let named = frame_ancestors.trim();
    let text = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors {named}"
    );
    match HeaderValue::from_str(&text) {
        Ok(policy) if named.is_ascii() && !named.is_empty() && !named.contains([';', ',']) => {
            Ok(policy)
        }
        _ => Err(Error::bad_input(format!(
            "frame_ancestors is {frame_ancestors:?}; 'none', 'self' or addresses apart by spaces are wanted"
        ))),
    }
}

/// What every answer carries beside the policy.
const SECURITY: [(header::HeaderName, &str); 2] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
];

/// The header that carries a request's id.
pub const REQUEST_ID: header::HeaderName = header::HeaderName::from_static("x-request-id");

/// Gives errors that the framework words in plain text the form of all others, and shows a page to
/// a browser that meets an error.
pub async fn problems(State(catalogue): super::Shared, request: Request, next: Next) -> Response {
    let browser = super::accept(request.headers())
        .contains("text/html")
        .then(|| Frame::of(&catalogue, &request));
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|v| v.as_bytes().starts_with(b"text/plain"));
    if plain && let Some(kind) = Kind::of_status(response.status().as_u16()) {
        let body = axum::body::to_bytes(response.into_body(), 4_096).await;
        response = problem(kind, &String::from_utf8_lossy(&body.unwrap_or_default()));
    }
    let Some(wrong) = response.extensions_mut().remove::<Wrong>() else {
        return response;
    };
    let status = wrong.status.as_u16();
    let id = REQUEST.try_with(Clone::clone).unwrap_or_default();
    let of_face = super::dsp::problem(&catalogue, &path, status, &wrong.detail, &id)
        .or_else(|| super::ngsi::problem(&catalogue, &path, wrong.status, &wrong.detail));
    if let Some(error) = of_face {
        *response.body_mut() = error.into();
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        return response;
    }
    if let Some(frame) = browser {
        let page = super::pages::problem(&frame, status, wrong.kind, &wrong.detail);
        *response.body_mut() = page.into();
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, html);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let by_form = HeaderValue::from_static("accept");
    response.headers_mut().append(header::VARY, by_form);
    response
}

/// Gives each request an id, in the log and in the answer, and counts it.
pub async fn request_id(
    State(policy): State<HeaderValue>,
    mut request: Request,
    next: Next,
) -> Response {
    // A list may stand on several lines (RFC 9110, section 5.3); from here on it stands on one.
    for name in [
        header::ACCEPT,
        header::ACCEPT_ENCODING,
        header::IF_NONE_MATCH,
    ] {
        let lines: Vec<&[u8]> = request
            .headers()
            .get_all(&name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if lines.len() > 1
            && let Ok(line) = HeaderValue::from_bytes(&lines.join(&b", "[..]))
        {
            request.headers_mut().insert(name, line);
        }
    }
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let id = format!(
        "{:08x}-{:06x}",
        rand::random::<u32>(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or("none".to_owned(), |m| m.as_str().to_owned());
    // Who holds such an address may read what is there: it is in no log.
    let path = if route.contains("{token}") {
        route.clone()
    } else {
        path
    };
    let began = Instant::now();
    let mut response = REQUEST.scope(id.clone(), next.run(request)).await;
    let (status, time) = (response.status().as_u16(), began.elapsed());
    crate::telemetry::answered(method.as_str(), &route, status, time);
    let milliseconds = time.as_secs_f64() * 1e3;
    tracing::info!(%id, %method, path, status, milliseconds, "request");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
