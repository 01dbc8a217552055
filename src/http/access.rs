//! Who asks, and what they may do: roles as arguments of handlers, sign-in and sign-out, and forms that
//! only their own pages can send.
use super::dsp::{self, Claims};
use super::frame::{Frame, cookie};
use super::pages::{self, render};
use super::{Shared, accept};
use crate::catalogue::{Catalogue, Options, Report};
use crate::error::{Error, Kind, Result};
use crate::oidc::{Identity, Provider};
use crate::record::{Draft, Role, State as Stage};
use crate::store::access::{PREFIX, Session};
use askama::Template;
use axum::Extension;
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

/// Someone who keeps the house: its texts.
pub struct Administrator(pub Person);

impl FromRequestParts<Arc<Catalogue>> for Administrator {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        catalogue: &Arc<Catalogue>,
    ) -> std::result::Result<Self, Response> {
        admit(parts, catalogue, Role::Administrator).map(Self)
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

/// What the browser of someone who signed in keeps, and what it keeps of who is on their way to it.
const SESSION: &str = "session";
const WAY: &str = "sign-in";

/// How long someone may be at the provider, in seconds.
const ON_THE_WAY: u32 = 900;

/// How long a browser keeps the cookie of a session, in seconds.
const SIGNED_IN: u32 = 12 * 3_600;

/// A cookie of ours; with HTTPS under a name that no other host can set (RFC 6265bis,
/// section 4.1.3).
fn set_cookie(catalogue: &Catalogue, name: &str, value: &str, age: u32) -> HeaderValue {
    let name = cookie_name(catalogue, name);
    let (path, secure) = match name.starts_with("__Host-") {
        true => ("/", "; Secure"),
        false => (pages::root(&catalogue.public_url), ""),
    };
    let text =
        format!("{name}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn cookie_name(catalogue: &Catalogue, name: &str) -> String {
    let secure = catalogue.public_url.starts_with("https://");
    format!("{}{name}", if secure { "__Host-" } else { "" })
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
    let mut claims = None;
    let person = match bearer {
        Some((true, token)) => {
            let found = match request.extensions().get::<Arc<Provider>>() {
                Some(provider) if !token.starts_with(PREFIX) => {
                    let known = provider.bearer(&token).await;
                    known.map(
                        |Identity {
                             name,
                             role,
                             claims: all,
                         }| {
                            claims = Some(Claims(Arc::new(all)));
                            Some((name, role))
                        },
                    )
                }
                _ => {
                    let known = ledger.token(&token, now).await;
                    known.map(|found| found.map(|t| (t.name, t.role)))
                }
            };
            match found {
                Ok(Some((name, role))) => Some(Person {
                    name,
                    role,
                    csrf: None,
                }),
                // Connectors send whatever their data space has agreed upon; who is not known here is anyone.
                _ if dsp::is_below(&catalogue, request.uri().path()) => None,
                Ok(None) => {
                    let why = "this token is not known, has ended or was revoked";
                    return Error::new(Kind::Unauthorised, why).into_response();
                }
                Err(e) => return e.into_response(),
            }
        }
        // What a proxy in front asks for is not for us.
        Some((false, _)) | None => match cookie(headers, &cookie_name(&catalogue, SESSION)) {
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
    if let Some(claims) = claims {
        request.extensions_mut().insert(claims);
    }
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
    /// What went wrong, as a message, and what more there is to say of it.
    failed: Option<(&'a str, String)>,
    /// What people know the provider by, where there is one.
    provider: Option<String>,
    frame: &'a Frame,
}

#[derive(serde::Deserialize)]
pub struct Wanted {
    #[serde(default)]
    to: String,
    #[serde(default)]
    token: String,
}

/// The provider of the settings, an extension of every request where there is one.
type AtProvider = Option<Extension<Arc<Provider>>>;

/// `/sign-in`: the form.
pub async fn sign_in(
    Query(wanted): Query<Wanted>,
    provider: AtProvider,
    frame: Frame,
) -> Result<Response> {
    form(&frame, &provider, wanted.to, None)
}

fn form(
    frame: &Frame,
    provider: &AtProvider,
    to: String,
    failed: Option<(&str, String)>,
) -> Result<Response> {
    let status = match failed {
        Some(_) => StatusCode::UNAUTHORIZED,
        None => StatusCode::OK,
    };
    let provider = provider.as_ref().map(|p| p.name());
    let page = render(&SignIn {
        to,
        failed,
        provider,
        frame,
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((status, headers, page).into_response())
}

/// Another site could sign a visitor in as somebody else.
fn from_here(headers: &HeaderMap) -> Result<()> {
    let site = headers.get("sec-fetch-site").and_then(|v| v.to_str().ok());
    match site.is_some_and(|site| !["same-origin", "none"].contains(&site)) {
        true => {
            let why = "the form does not come from a page of this service";
            Err(Error::new(Kind::Forbidden, why))
        }
        false => Ok(()),
    }
}

/// `POST /sign-in`: begins a session for the holder of a token.
pub async fn begin(
    State(catalogue): Shared,
    provider: AtProvider,
    frame: Frame,
    headers: HeaderMap,
    Form(wanted): Form<Wanted>,
) -> Result<Response> {
    from_here(&headers)?;
    let now = crate::catalogue::now();
    let Some(token) = catalogue.ledger.token(wanted.token.trim(), now).await? else {
        let failed = Some(("sign-in-failed", String::new()));
        return form(&frame, &provider, wanted.to, failed);
    };
    let ledger = &catalogue.ledger;
    let key = ledger
        .begin_session(&token.name, token.role, Some(&token), now)
        .await?;
    enter(&catalogue, &headers, &key, &wanted.to).await
}

/// Leads who signed in to where they wanted to go, if that is a page of ours.
async fn enter(
    catalogue: &Catalogue,
    headers: &HeaderMap,
    key: &str,
    to: &str,
) -> Result<Response> {
    // Who signs in anew is no longer who they were.
    if let Some(former) = cookie(headers, &cookie_name(catalogue, SESSION)) {
        catalogue.ledger.end_session(former).await?;
    }
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.~/?=&%+".contains(c);
    let to = match to.chars().all(inside) && !to.starts_with('/') {
        true if !to.is_empty() => to,
        _ => "admin",
    };
    let root = pages::root(&catalogue.public_url);
    let mut response = Redirect::to(&format!("{root}{to}")).into_response();
    let kept = set_cookie(catalogue, SESSION, key, SIGNED_IN);
    response.headers_mut().append(header::SET_COOKIE, kept);
    Ok(response)
}

fn no_provider() -> Error {
    let why = "no provider is set up to sign in at; the operator names one in [sign_in]";
    Error::new(Kind::NotFound, why)
}

/// `/sign-in/provider`: sends a browser to the provider. Until it comes back it keeps a secret, from
/// which all follows that the provider and we check.
pub async fn leave(
    State(catalogue): Shared,
    provider: AtProvider,
    frame: Frame,
    Query(wanted): Query<Wanted>,
) -> Result<Response> {
    let Some(Extension(at)) = &provider else {
        return Err(no_provider());
    };
    // It goes into a cookie.
    if wanted.to.len() > 1_000 {
        return Err(Error::bad_input("to has more than 1000 bytes"));
    }
    let secret = crate::record::hex(&rand::random::<[u8; 32]>());
    let door = match at.door(&secret).await {
        Ok(door) => door,
        Err(e) => return unknown(&frame, &provider, &wanted.to, e),
    };
    let to = percent_encoding::utf8_percent_encode(&wanted.to, percent_encoding::NON_ALPHANUMERIC);
    let kept = set_cookie(&catalogue, WAY, &format!("{secret}.{to}"), ON_THE_WAY);
    let mut response = Redirect::to(door.as_str()).into_response();
    response.headers_mut().append(header::SET_COOKIE, kept);
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

/// What the provider sends a browser back with (RFC 6749, section 4.1.2).
#[derive(serde::Deserialize)]
pub struct Answer {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
}

/// `/sign-in/callback`: begins a session for someone whom the provider knows and who has a role here.
pub async fn arrive(
    State(catalogue): Shared,
    provider: AtProvider,
    frame: Frame,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Result<Response> {
    let Some(Extension(at)) = &provider else {
        return Err(no_provider());
    };
    let kept = cookie(&headers, &cookie_name(&catalogue, WAY)).unwrap_or_default();
    let (secret, to) = kept.split_once('.').unwrap_or_default();
    let to = percent_encoding::percent_decode_str(to).decode_utf8_lossy();
    let found = match answer.error.as_str() {
        "" => at.identify(secret, &answer.code, &answer.state).await,
        error => {
            let error: String = error.chars().take(100).collect();
            Err(Error::new(Kind::Unauthorised, error))
        }
    };
    let mut response = match found {
        Ok(Identity { name, role, .. }) if role > Role::Reader => {
            let now = crate::catalogue::now();
            let ledger = &catalogue.ledger;
            let key = ledger.begin_session(&name, role, None, now).await?;
            enter(&catalogue, &headers, &key, &to).await?
        }
        Ok(Identity { name, .. }) => {
            let failed = Some(("sign-in-no-role", name));
            form(&frame, &provider, to.into_owned(), failed)?
        }
        Err(e) => unknown(&frame, &provider, &to, e)?,
    };
    // Good once.
    let gone = set_cookie(&catalogue, WAY, "", 0);
    response.headers_mut().append(header::SET_COOKIE, gone);
    Ok(response)
}

/// The form with why the provider's way did not lead in.
fn unknown(frame: &Frame, provider: &AtProvider, to: &str, e: Error) -> Result<Response> {
    if !matches!(e.kind, Kind::Unauthorised | Kind::Unreachable) {
        return Err(e);
    }
    tracing::warn!(error = %e, "nobody signed in");
    let failed = Some(("sign-in-refused", e.message));
    let mut response = form(frame, provider, to.to_owned(), failed)?;
    *response.status_mut() = StatusCode::from_u16(e.kind.status()).map_err(Error::internal)?;
    Ok(response)
}

/// `POST /sign-out`: ends the session.
pub async fn end(State(catalogue): Shared, frame: Frame, request: Request) -> Result<Response> {
    let key = cookie(request.headers(), &cookie_name(&catalogue, SESSION)).map(str::to_owned);
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
    let gone = set_cookie(&catalogue, SESSION, "", 0);
    response.headers_mut().append(header::SET_COOKIE, gone);
    Ok(response)
}
