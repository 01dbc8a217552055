//! What every answer shares: negotiation (RFC 9110 section 12.5.1), conditional requests (section
//! 13), problem documents (RFC 9457) and the request id.
use crate::error::{Error, Kind};
use crate::record::hash;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::atomic::{AtomicU64, Ordering};

/// Enters every ETag, so that a changed renderer makes caches ask again.
const RENDERER: &str = env!("CARGO_PKG_VERSION");

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

/// A body with its validators, or 304 where the client has it already. `modified` is in
/// microseconds since the epoch.
pub fn body(headers: &HeaderMap, media: &str, content: Vec<u8>, modified: i64) -> Response {
    let encoding = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    // A strong validator names the bytes sent, so the encoding is part of it.
    let tag = format!(
        "\"{}-{}\"",
        &hash(&format!(
            "{RENDERER}{media}{}",
            hash(&String::from_utf8_lossy(&content))
        ))[..24],
        &hash(encoding)[..4]
    );
    let date = http_date(modified);
    let same = match headers
        .get(header::IF_NONE_MATCH)
        .and_then(|v| v.to_str().ok())
    {
        Some(tags) => tags.split(',').any(|t| t.trim() == tag || t.trim() == "*"),
        None => {
            headers
                .get(header::IF_MODIFIED_SINCE)
                .and_then(|v| v.to_str().ok())
                == Some(date.as_str())
        }
    };
    let status = if same {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    let mut response = (
        status,
        if same {
            Body::empty()
        } else {
            Body::from(content)
        },
    )
        .into_response();
    let out = response.headers_mut();
    let text = if media.starts_with("text/") {
        format!("{media}; charset=utf-8")
    } else {
        media.to_owned()
    };
    for (name, value) in [
        (header::CONTENT_TYPE, text),
        (header::ETAG, tag),
        (header::LAST_MODIFIED, date),
        (header::VARY, "accept, accept-encoding".into()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            out.insert(name, value);
        }
    }
    response
}

/// RFC 9110 section 5.6.7, from microseconds since the epoch.
fn http_date(micros: i64) -> String {
    let text = crate::mapping::dcat::date_time(micros);
    let days = micros.div_euclid(86_400_000_000);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        [usize::try_from(days.rem_euclid(7)).unwrap_or(0)];
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = text[5..7]
        .parse::<usize>()
        .ok()
        .and_then(|m| months.get(m - 1))
        .unwrap_or(&"Jan");
    format!(
        "{weekday}, {} {month} {} {} GMT",
        &text[8..10],
        &text[..4],
        &text[11..19]
    )
}

/// A problem document. The detail of an internal error never leaves the log.
pub fn problem(kind: Kind, detail: &str) -> Response {
    let status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let detail = if kind == Kind::Internal {
        "an error of ours; the log has it under the request id"
    } else {
        detail
    };
    let document = serde_json::json!({
        "type": format!("{}problem-{}", crate::record::vocab::LDT, kind.name()),
        "title": kind.name().replace('-', " "),
        "status": kind.status(),
        "detail": detail,
    });
    (
        status,
        [(header::CONTENT_TYPE, "application/problem+json")],
        document.to_string(),
    )
        .into_response()
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.kind == Kind::Internal {
            tracing::error!(error = %self.message, "request failed");
        }
        problem(self.kind, &self.message)
    }
}

/// Gives each request an id, in the log and in the answer.
pub async fn request_id(request: Request, next: Next) -> Response {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let id = format!(
        "{:08x}-{:06x}",
        rand::random::<u32>(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    tracing::info!(%id, %method, path, status = response.status().as_u16(), "request");
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
