//! What every page has around it: the language, the way to the others, and where it is.
use super::access::Person;
use super::words::{self, Words};
use super::{Shared, assets, pages};
use crate::catalogue::Catalogue;
use crate::record::vocab;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use std::convert::Infallible;
use std::sync::Arc;

/// The frame of a page, an argument of handlers. Templates take it as `frame`.
#[derive(Clone)]
pub struct Frame {
    /// The path of the public URL, ending in a slash.
    pub root: String,
    pub words: &'static Words,
    /// This page's address without its language, ending in `?` or `&`.
    here: String,
    /// The page is a file and has to hold all it needs.
    pub alone: bool,
    /// Who reads it, where that is known.
    pub person: Option<Person>,
}

/// A language that a page can be had in.
pub struct Choice {
    pub tag: &'static str,
    pub name: &'static str,
    pub href: String,
    pub chosen: bool,
}

/// The cookie that keeps the language once it was chosen.
const COOKIE: &str = "lang";

impl Frame {
    /// The language is the one that the address names (`lang`), that was chosen before, or that the
    /// browser asks for.
    pub fn of<B>(catalogue: &Catalogue, request: &axum::http::Request<B>) -> Self {
        let person = request.extensions().get::<Person>().cloned();
        Self::around(catalogue, request.headers(), request.uri(), person)
    }

    fn around(
        catalogue: &Catalogue,
        headers: &HeaderMap,
        uri: &Uri,
        person: Option<Person>,
    ) -> Self {
        let query = uri.query().unwrap_or_default();
        let others = query
            .split('&')
            .filter(|p| !p.is_empty() && !p.starts_with("lang="));
        let mut here = uri.path().to_owned() + "?";
        for pair in others {
            here.push_str(pair);
            here.push('&');
        }
        let text = |name| {
            headers
                .get(name)
                .and_then(|v: &HeaderValue| v.to_str().ok())
        };
        let words = asked(uri)
            .or_else(|| words::tagged(cookie(headers, COOKIE)?))
            .unwrap_or_else(|| words::preferred(text(header::ACCEPT_LANGUAGE).unwrap_or_default()));
        let root = pages::root(&catalogue.public_url);
        // The router takes the public path away from what handlers see.
        if !here.starts_with(root) {
            here = format!("{root}{}", here.trim_start_matches('/'));
        }
        Self {
            root: root.to_owned(),
            words,
            here,
            alone: false,
            person,
        }
    }

    /// Around a page that is kept as a file; its links lead to `address`.
    pub fn alone(address: &str) -> Self {
        Self {
            root: address.to_owned(),
            words: words::preferred(""),
            here: String::new(),
            alone: true,
            person: None,
        }
    }

    /// The same around a page whose own address is this one.
    pub fn at(&self, address: &str) -> Self {
        let joint = if address.contains('?') { '&' } else { '?' };
        Self {
            here: format!("{address}{joint}"),
            ..self.clone()
        }
    }

    /// A message; see [`Words`].
    pub fn say(&self, key: &str) -> String {
        self.words.say(key)
    }

    pub fn count(&self, key: &str, n: impl std::fmt::Display) -> String {
        self.words.count(key, n)
    }

    pub fn with(&self, key: &str, x: impl std::fmt::Display) -> String {
        self.words.with(key, x)
    }

    /// What a concept of the vocabularies is called.
    pub fn concept(&self, iri: &str) -> Option<String> {
        let local = iri.strip_prefix(vocab::LDT);
        local
            .and_then(|local| self.words.known(&format!("concept-{local}")))
            .or_else(|| {
                let own = vocab::label_in(iri, self.words.tag);
                own.or_else(|| vocab::label(iri)).map(str::to_owned)
            })
    }

    /// The languages that this page can be had in.
    pub fn choices(&self) -> Vec<Choice> {
        let choice = |w: &Words| Choice {
            tag: w.tag,
            name: w.name,
            href: format!("{}lang={}", self.here, w.tag),
            chosen: w.tag == self.words.tag,
        };
        words::all().iter().map(choice).collect()
    }

    /// The address of the stylesheet.
    pub fn style(&self) -> String {
        format!("{}{}", self.root, assets::style().path)
    }

    /// The address of the picture beside the page's title.
    pub fn icon(&self) -> String {
        format!("{}{}", self.root, assets::icon().path)
    }

    /// The stylesheet itself.
    pub fn rules(&self) -> &'static str {
        assets::STYLE
    }
}

/// The language that an address names.
fn asked(uri: &Uri) -> Option<&'static Words> {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    words::tagged(pairs.find_map(|p| p.strip_prefix("lang="))?)
}

/// The value of a cookie (RFC 6265, section 5.4).
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE);
    all.iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

impl FromRequestParts<Arc<Catalogue>> for Frame {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        catalogue: &Arc<Catalogue>,
    ) -> Result<Self, Infallible> {
        let person = parts.extensions.get::<Person>().cloned();
        Ok(Self::around(catalogue, &parts.headers, &parts.uri, person))
    }
}

/// Says in which language a page is and what it depends on, and keeps a choice.
pub async fn speak(State(catalogue): Shared, request: Request, next: Next) -> Response {
    let frame = Frame::of(&catalogue, &request);
    let chosen = asked(request.uri());
    let pages = super::accept(request.headers()).contains("text/html");
    let mut response = next.run(request).await;
    let media = response.headers().get(header::CONTENT_TYPE);
    let is_page = media.is_some_and(|m| m.as_bytes().starts_with(b"text/html"));
    let is_known = pages && response.status() == StatusCode::NOT_MODIFIED;
    if !is_page && !is_known {
        return response;
    }
    let headers = response.headers_mut();
    let depends = HeaderValue::from_static("accept-language, cookie");
    headers.append(header::VARY, depends);
    let tag = HeaderValue::from_static(frame.words.tag);
    headers.insert(header::CONTENT_LANGUAGE, tag);
    if let Some(words) = chosen {
        let root = &frame.root;
        let kept = format!(
            "{COOKIE}={}; Path={root}; Max-Age=31536000; SameSite=Lax; HttpOnly",
            words.tag
        );
        if let Ok(kept) = HeaderValue::from_str(&kept) {
            headers.append(header::SET_COOKIE, kept);
        }
    }
    response
}
