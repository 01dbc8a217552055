//! Who asks, and what they may do: roles as arguments of handlers, sign-in and sign-out, and forms that
//! only their own pages can send.
use super::frame::{Frame, cookie};
use super::pages::{self, render};
use super::{Shared, accept};
use crate::catalogue::{Catalogue, Options, Report};
use crate::error::{Error, Kind, Result};
use crate::record::{Draft, Role, State as Stage};
use crate::store::access::Session;
use askama::Template;
use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use std::sync::Arc;

/// Someone who is known.
#[derive(Clone, Debug)]
pub struct Person {
    /// Stands in the ledger as the author of what they do.
    pub name: String,
    pub role: Role,
    /// What forms of their session carry; none for programs, which send a token each time.
    pub csrf: Option<String>,
}

impl Person {
    /// Refuses who has less than a role.
    ///
    /// # Errors
    /// [`Kind::Forbidden`], with the role that is wanted and the one that is there.
    pub fn must(&self, least: Role) -> Result<()> {
        if self.role >= least {
            return Ok(());
        }
        let why = format!("this takes the role {least}; yours is {}", self.role);
        Err(Error::new(Kind::Forbidden, why))
    }
}

impl Person {
    /// Brings drafts in as what the person says through a face: a moderator's are published, a contributor's
    /// wait for one.
    ///
    /// # Errors
    /// The ledger fails. A draft that cannot be used is a finding instead.
    pub async fn bring(
        &self,
        catalogue: &Catalogue,
        face: &str,
        drafts: Vec<Draft>,
        reason: &str,
    ) -> Result<(Report, Stage)> {
        let state = if self.role >= Role::Moderator {
            Stage::Published
        } else {
            Stage::Suggested
        };
        let mut import = catalogue.import(Options {
            source: format!("{face}:{}", self.name),
            author: self.name.clone(),
            reason: reason.to_owned(),
            state,
            dry_run: false,
            prune: false,
            force: false,
        });
        import.take(drafts).await?;
        Ok((import.finish().await?, state))
    }
}

/// A program that may write, with a token: a browser's cookie is not enough, since it is sent without
/// being asked for.
pub struct Contributor(pub Person);

impl FromRequestParts<Arc<Catalogue>> for Contributor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Catalogue>) -> Result<Self> {
        let person = parts.extensions.get::<Person>();
        let person = person.filter(|p| p.csrf.is_none()).ok_or_else(|| {
            let why = "writing takes a token as Authorization: Bearer";
            Error::new(Kind::Unauthorised, why)
        })?;
        person.must(Role::Contributor)?;
        Ok(Self(person.clone()))
    }
}

/// Someone who decides what is published.
pub struct Moderator(pub Person);

impl FromRequestParts<Arc<Catalogue>> for Moderator {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        catalogue: &Arc<Catalogue>,
    ) -> std::result::Result<Self, Response> {
        admit(parts, catalogue, Role::Moderator).map(Self)
    }
}

/// The one who asks, if the role is enough; else 401 or 403, and for a browser that wants to see a
/// page, the way to sign in.
#[expect(clippy::result_large_err, reason = "axum takes an answer as it is")]
fn admit(
    parts: &Parts,
    catalogue: &Catalogue,
    least: Role,
) -> std::result::Result<Person, Response> {
    match parts.extensions.get::<Person>() {
        Some(person) => match person.must(least) {
            Ok(()) => Ok(person.clone()),
            Err(e) => Err(e.into_response()),
        },
        None if parts.method == Method::GET && accept(&parts.headers).contains("text/html") => {
            let root = pages::root(&catalogue.public_url);
            let here = parts.uri.path_and_query().map_or("", |p| p.as_str());
            let here = percent_encoding::utf8_percent_encode(
                here.trim_start_matches('/'),
                percent_encoding::NON_ALPHANUMERIC,
            );
            Err(Redirect::to(&format!("{root}sign-in?to={here}")).into_response())
        }
        None => {
            let why = format!("this takes the role {least}: send a token as Authorization: Bearer");
            Err(Error::new(Kind::Unauthorised, why).into_response())
        }
    }
}

/// A form that a moderator sent from a page of this service: it carries what the page was given for
/// the session, so that no other site can send it in their name.
pub struct Sent {
    pub by: Person,
    pub pairs: Vec<(String, String)>,
}

impl Sent {
    /// The first value of a field, trimmed; empty where it is not there.
    pub fn get(&self, name: &str) -> &str {
        let found = self.pairs.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// All values of a field.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let found = self.pairs.iter().filter(move |(n, _)| n == name);
        found.map(|(_, value)| value.trim())
    }
}

impl FromRequest<Arc<Catalogue>> for Sent {
    type Rejection = Response;

    async fn from_request(
        request: Request,
        catalogue: &Arc<Catalogue>,
    ) -> std::result::Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let by = admit(&parts, catalogue, Role::Moderator)?;
        let request = Request::from_parts(parts, body);
        let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, catalogue)
            .await
            .map_err(IntoResponse::into_response)?;
        let sent = Self { by, pairs };
        // A program shows its token each time; a browser sends its cookie by itself.
        match &sent.by.csrf {
            Some(right) if !same(right, sent.get("csrf")) => {
                let why = "the form does not come from a page of your session; open it again";
                Err(Error::new(Kind::Forbidden, why).into_response())
            }
            _ => Ok(sent),
        }
    }
}

/// Compares without telling by its time where they differ: hashes differ anywhere.
fn same(right: &str, given: &str) -> bool {
    crate::record::hash(right) == crate::record::hash(given)
}

/// The cookie of a session; with HTTPS under a name that no other host can set (RFC 6265bis,
/// section 4.1.3).
fn session_cookie(catalogue: &Catalogue, value: &str, age: u32) -> HeaderValue {
    let root = pages::root(&catalogue.public_url);
    let (name, secure) = match catalogue.public_url.starts_with("https://") {
        true => (session_name(catalogue), "; Secure"),
        false => (session_name(catalogue), ""),
    };
    let path = if name.starts_with("__Host-") {
        "/"
    } else {
        root
    };
    let text =
        format!("{name}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn session_name(catalogue: &Catalogue) -> &'static str {
    if catalogue.public_url.starts_with("https://") {
        "__Host-session"
    } else {
        "session"
    }
}

/// Finds out who asks, by a token or by the cookie of a session, for all that follows; what they are
/// shown is theirs alone.
pub async fn recognise(State(catalogue): Shared, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let bearer = headers.get(header::AUTHORIZATION).map(|v| {
        let text = v.to_str().unwrap_or_default();
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        (
            scheme.eq_ignore_ascii_case("bearer"),
            token.trim().to_owned(),
        )
    });
    let now = crate::catalogue::now();
    let ledger = &catalogue.ledger;
    let person = match bearer {
        Some((true, token)) => match ledger.token(&token, now).await {
            Ok(Some(token)) => Some(Person {
                name: token.name,
                role: token.role,
                csrf: None,
            }),
            Ok(None) => {
                let why = "this token is not known, has ended or was revoked";
                return Error::new(Kind::Unauthorised, why).into_response();
            }
            Err(e) => return e.into_response(),
        },
        // What a proxy in front asks for is not for us.
        Some((false, _)) | None => match cookie(headers, session_name(&catalogue)) {
            None => None,
            Some(key) => match ledger.session(key, now).await {
                Ok(found) => found.map(|Session { name, role, csrf }| Person {
                    name,
                    role,
                    csrf: Some(csrf),
                }),
                Err(e) => return e.into_response(),
            },
        },
    };
    let Some(person) = person else {
        return next.run(request).await;
    };
    request.extensions_mut().insert(person);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let page = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|m| m.as_bytes().starts_with(b"text/html"));
    if page {
        headers.remove(header::ETAG);
        headers.remove(header::LAST_MODIFIED);
        let mine = HeaderValue::from_static("private, no-store");
        headers.insert(header::CACHE_CONTROL, mine);
    }
    response
}

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignIn<'a> {
    to: String,
    failed: bool,
    frame: &'a Frame,
}

#[derive(serde::Deserialize)]
pub struct Wanted {
    #[serde(default)]
    to: String,
    #[serde(default)]
    token: String,
}

/// `/sign-in`: the form.
pub async fn sign_in(Query(wanted): Query<Wanted>, frame: Frame) -> Result<Response> {
    form(&frame, wanted.to, false)
}

fn form(frame: &Frame, to: String, failed: bool) -> Result<Response> {
    let page = render(&SignIn { to, failed, frame })?;
    let status = if failed {
        StatusCode::UNAUTHORIZED
    } else {
        StatusCode::OK
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((status, headers, page).into_response())
}

/// `POST /sign-in`: begins a session for the holder of a token.
pub async fn begin(
    State(catalogue): Shared,
    frame: Frame,
    headers: HeaderMap,
    Form(wanted): Form<Wanted>,
) -> Result<Response> {
    // Another site could sign a visitor in as somebody else.
    let site = headers.get("sec-fetch-site").and_then(|v| v.to_str().ok());
    if site.is_some_and(|site| !["same-origin", "none"].contains(&site)) {
        let why = "the form does not come from a page of this service";
        return Err(Error::new(Kind::Forbidden, why));
    }
    let now = crate::catalogue::now();
    let Some(token) = catalogue.ledger.token(wanted.token.trim(), now).await? else {
        return form(&frame, wanted.to, true);
    };
    // Who signs in anew is no longer who they were.
    if let Some(former) = cookie(&headers, session_name(&catalogue)) {
        catalogue.ledger.end_session(former).await?;
    }
    let key = catalogue.ledger.begin_session(&token, now).await?;
    // Only pages of ours are gone to.
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.~/?=&%+".contains(c);
    let to = match wanted.to.chars().all(inside) && !wanted.to.starts_with('/') {
        true if !wanted.to.is_empty() => wanted.to.as_str(),
        _ => "admin",
    };
    let mut response = Redirect::to(&format!("{}{to}", frame.root)).into_response();
    let kept = session_cookie(&catalogue, &key, 12 * 3_600);
    response.headers_mut().append(header::SET_COOKIE, kept);
    Ok(response)
}

/// `POST /sign-out`: ends the session.
pub async fn end(State(catalogue): Shared, frame: Frame, request: Request) -> Result<Response> {
    let key = cookie(request.headers(), session_name(&catalogue)).map(str::to_owned);
    let person = request.extensions().get::<Person>().cloned();
    if let (Some(key), Some(person)) = (key, person) {
        let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, &catalogue)
            .await
            .map_err(|e| Error::bad_input(e.body_text()))?;
        let given = pairs
            .iter()
            .find(|(n, _)| n == "csrf")
            .map_or("", |(_, v)| v);
        if !same(person.csrf.as_deref().unwrap_or_default(), given) {
            let why = "the form does not come from a page of your session; open it again";
            return Err(Error::new(Kind::Forbidden, why));
        }
        catalogue.ledger.end_session(&key).await?;
    }
    let mut response = Redirect::to(&frame.root).into_response();
    let gone = session_cookie(&catalogue, "", 0);
    response.headers_mut().append(header::SET_COOKIE, gone);
    Ok(response)
}
