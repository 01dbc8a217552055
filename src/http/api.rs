//! Writing by programs: entries as JSON with the fields of the sheet, or as RDF, under the same rules as
//! imports and forms. What contributors write waits for a moderator.
use super::access::{Contributor, Person};
use super::frame::Frame;
use super::pages::render;
use super::suggest::{self, Cells};
use super::terms;
use super::{Shared, reply};
use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use crate::harvest::{Document, Format};
use crate::mapping::sheet::{self, HEADER};
use crate::record::{Draft, Record, Role, Says, State as Stage, Step};
use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, OpenApi, ToSchema};

/// An entry as programs write it: what the columns of the sheet hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Resource {
    /// What people call it; the address of the entry follows from it.
    #[schema(examples("NGSI-LD"))]
    short_name: String,
    long_name: String,
    /// Two to four sentences.
    description: String,
    maintainer: String,
    version: String,
    /// Such as `Standard` or `Tool/Implementation`.
    category: String,
    /// Such as `Data management`.
    layer: String,
    scope: Vec<String>,
    origin: Vec<String>,
    /// `MIM0` to `MIM8`.
    mims: Vec<String>,
    /// An SPDX identifier; one that is left out stays as it is.
    licence: String,
    /// A code of three letters; one that is left out stays as it is.
    country: String,
    /// At most five.
    links: Vec<Link>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Link {
    /// `Website`, `Documentation`, `Git`, `API` or any other word for it.
    label: String,
    href: String,
}

/// What became of what was written.
#[derive(Debug, Serialize, ToSchema)]
struct Written {
    /// The local name of the entry.
    slug: String,
    iri: String,
    /// `published`, or `waiting` where a moderator decides.
    state: &'static str,
    /// Hash of the version that stands now: the entity tag.
    version: String,
    /// What was said and did not enter, or is good to know.
    findings: Vec<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
struct Why {
    /// Stands in the ledger beside the author.
    #[serde(default)]
    reason: String,
}

/// Everything under `/api`, as OpenAPI 3.1.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Local Digital Twin catalogue",
        description = "Entries of the catalogue, written by programs, and what fits a need. Reading needs no token; the DCAT, SPARQL and search faces read more."
    ),
    paths(
        create, read, replace, patch, withdraw, policies, attach,
        super::matching::by_address, super::matching::by_body, super::matching::rules
    ),
    components(schemas(Resource, Link, Written)),
    modifiers(&Bearer)
)]
struct Description;

/// Says how programs show who they are.
struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", scheme);
    }
}

pub fn router() -> Router<Arc<Catalogue>> {
    Router::new()
        .route("/api", get(page))
        .route("/openapi.json", get(description))
        .route("/api/resources", axum::routing::post(create))
        .route(
            "/api/resources/{slug}",
            get(read).put(replace).patch(patch).delete(withdraw),
        )
        .route("/api/resources/{slug}/policies", get(policies).put(attach))
}

/// The document, with this service's address.
fn document(catalogue: &Catalogue) -> utoipa::openapi::OpenApi {
    let mut document = Description::openapi();
    let address = catalogue.public_url.trim_end_matches('/');
    document.servers = Some(vec![utoipa::openapi::Server::new(address)]);
    document
}

async fn description(State(catalogue): Shared, headers: HeaderMap) -> Result<Response> {
    let text = document(&catalogue)
        .to_pretty_json()
        .map_err(Error::internal)?;
    Ok(reply::body(
        &headers,
        "application/json",
        text.into_bytes(),
        0,
    ))
}

/// One operation on the page.
struct Operation {
    method: String,
    path: String,
    summary: String,
    description: String,
    parameters: Vec<(String, String)>,
    answers: Vec<(String, String)>,
}

struct Schema {
    name: String,
    description: String,
    /// Name, type, what it means.
    fields: Vec<(String, String, String)>,
}

#[derive(Template)]
#[template(path = "api.html")]
struct Page<'a> {
    operations: Vec<Operation>,
    schemas: Vec<Schema>,
    address: &'a str,
    frame: &'a Frame,
}

/// `/api`: the document for people.
async fn page(State(catalogue): Shared, frame: Frame, headers: HeaderMap) -> Result<Response> {
    let document = serde_json::to_value(document(&catalogue)).map_err(Error::internal)?;
    let text = |value: &serde_json::Value, key: &str| -> String {
        value[key].as_str().unwrap_or_default().to_owned()
    };
    let pairs = |value: &serde_json::Value| -> Vec<(String, serde_json::Value)> {
        let object = value.as_object().into_iter().flatten();
        object.map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    let mut operations = Vec::new();
    for (path, methods) in pairs(&document["paths"]) {
        for (method, operation) in pairs(&methods) {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                summary: text(&operation, "summary"),
                description: text(&operation, "description"),
                parameters: parameters
                    .map(|p| (text(p, "name"), text(p, "description")))
                    .collect(),
                answers: pairs(&operation["responses"])
                    .into_iter()
                    .map(|(status, answer)| (status, text(&answer, "description")))
                    .collect(),
            });
        }
    }
    let schemas = pairs(&document["components"]["schemas"]);
    let schemas = schemas.into_iter().map(|(name, schema)| Schema {
        name,
        description: text(&schema, "description"),
        fields: pairs(&schema["properties"])
            .into_iter()
            .map(|(name, field)| {
                let of = &field["items"];
                let inner = match of["$ref"].as_str() {
                    Some(name) => name.rsplit('/').next().unwrap_or_default().to_owned(),
                    None => text(of, "type"),
                };
                let kind = text(&field, "type");
                let kind = if inner.is_empty() {
                    kind
                } else {
                    format!("{kind} <{inner}>")
                };
                (name, kind, text(&field, "description"))
            })
            .collect(),
    });
    let page = render(&Page {
        operations,
        schemas: schemas.collect(),
        address: &catalogue.public_url,
        frame: &frame,
    })?;
    Ok(reply::body(&headers, "text/html", page, 0))
}

impl Resource {
    fn of(record: &Record) -> Self {
        let row = sheet::row(&record.slug, &record.iri, &record.content);
        let cell = |column: &str| {
            let at = HEADER.iter().position(|h| *h == column);
            at.map_or(String::new(), |at| row[at].clone())
        };
        let list = |column: &str| -> Vec<String> {
            let cell = cell(column);
            let items = cell.split(',').map(str::trim).filter(|i| !i.is_empty());
            items.map(str::to_owned).collect()
        };
        let links = ["A", "B", "C", "D", "E"].map(|letter| Link {
            label: cell(&format!("{letter} Resource")),
            href: cell(&format!("{letter} Link")),
        });
        let (licence, country) = sheet::licence_and_country(&record.iri, &record.content);
        Self {
            short_name: cell("Short name"),
            long_name: cell("Long name"),
            description: cell("Description"),
            maintainer: cell("Maintainer"),
            version: cell("Version"),
            category: cell("Category"),
            layer: cell("Layer"),
            scope: list("Scope"),
            origin: list("Origin"),
            mims: list("MIMs"),
            licence,
            country,
            links: links.into_iter().filter(|l| !l.href.is_empty()).collect(),
        }
    }

    fn cells(self) -> Result<Cells> {
        if self.links.len() > 5 {
            let found = self.links.len();
            return Err(Error::bad_input(format!(
                "links has {found}; at most 5 are taken"
            )));
        }
        let mut cells: Cells = [
            ("Short name", self.short_name),
            ("Long name", self.long_name),
            ("Description", self.description),
            ("Maintainer", self.maintainer),
            ("Version", self.version),
            ("Category", self.category),
            ("Layer", self.layer),
            ("Scope", self.scope.join(", ")),
            ("Origin", self.origin.join(", ")),
            ("MIMs", self.mims.join(", ")),
            ("License", self.licence),
            ("Country", self.country),
        ]
        .into_iter()
        .map(|(column, cell)| (column.to_owned(), cell))
        .collect();
        for (letter, link) in ["A", "B", "C", "D", "E"].iter().zip(self.links) {
            cells.insert(format!("{letter} Resource"), link.label);
            cells.insert(format!("{letter} Link"), link.href);
        }
        cells.retain(|_, cell| !cell.trim().is_empty());
        Ok(cells)
    }
}

/// The one draft of a body, by its media type; `corrects` is the slug of the entry it is about.
fn draft(
    catalogue: &Catalogue,
    headers: &HeaderMap,
    body: &[u8],
    corrects: Option<&str>,
) -> Result<Draft> {
    let media = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    let media = media
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let media = media.trim().to_ascii_lowercase();
    if media == "application/json" {
        let resource = serde_json::from_slice(body)
            .map_err(|e| Error::bad_input(format!("the JSON cannot be used: {e}")))?;
        return drafted(resource, corrects);
    }
    if oxigraph::io::RdfFormat::from_media_type(&media).is_none() {
        let why = format!("{media:?} is not read here; application/json or an RDF syntax is");
        return Err(Error::new(Kind::UnsupportedMediaType, why));
    }
    let document = Document {
        name: "the body".into(),
        bytes: body.to_vec(),
        media,
    };
    let parsed = document.parse(Some(Format::Rdf), &catalogue.public_url)?;
    let found = parsed.drafts.len();
    let [draft] = <[_; 1]>::try_from(parsed.drafts).map_err(|_| {
        let why: Vec<_> = parsed.findings.iter().map(|f| f.reason.as_str()).collect();
        let why = why.join("; ");
        Error::bad_input(format!(
            "the RDF describes {found} entries; one is wanted. {why}"
        ))
    })?;
    Ok(draft)
}

fn drafted(resource: Resource, corrects: Option<&str>) -> Result<Draft> {
    let reading = suggest::read(&resource.cells()?, corrects)?;
    match (reading.draft.clone(), reading.sentences()) {
        (Some(draft), wrong) if wrong.is_empty() => Ok(draft),
        (_, wrong) => Err(Error::bad_input(wrong.join("; "))),
    }
}

/// The record that a request may see.
async fn visible(catalogue: &Catalogue, slug: &str, by: Option<&Person>) -> Result<Record> {
    let found = catalogue.ledger.by_slug(slug).await?;
    let all = by.is_some_and(|p| p.role >= Role::Moderator);
    let found = found.filter(|r| all || r.is_shown());
    found.ok_or_else(|| Error::new(Kind::NotFound, format!("no entry is called {slug:?}")))
}

/// Refuses what was not written for the version that stands (RFC 9110, section 13.1.1).
fn expected(headers: &HeaderMap, record: &Record) -> Result<()> {
    let Some(tags) = headers.get(header::IF_MATCH) else {
        let why = "If-Match is missing: send the entity tag of the version that you read";
        return Err(Error::new(Kind::PreconditionRequired, why));
    };
    let tags = tags.to_str().unwrap_or_default();
    let is = |tag: &str| tag == "*" || tag.trim_matches('"') == record.hash;
    if tags.split(',').map(str::trim).any(is) {
        return Ok(());
    }
    let why = format!(
        "{} has the version \"{}\" and not {tags}: read it again",
        record.slug, record.hash
    );
    Err(Error::new(Kind::PreconditionFailed, why))
}

fn tagged(mut response: Response, record: &Record) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", record.hash)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// What became of a write, with where it is.
fn written(
    catalogue: &Catalogue,
    record: &Record,
    status: StatusCode,
    state: &'static str,
    findings: Vec<String>,
) -> Response {
    let written = Written {
        slug: record.slug.clone(),
        iri: catalogue.address(&record.iri),
        state,
        version: record.hash.clone(),
        findings,
    };
    let place = format!("{}api/resources/{}", catalogue.public_url, record.slug);
    let response = (status, [(header::LOCATION, place)], Json(written)).into_response();
    tagged(response, record)
}

/// Adds an entry
///
/// A moderator's is published; a contributor's waits for one.
#[utoipa::path(
    post, path = "/api/resources", params(Why), security(("token" = [])),
    request_body(content((Resource = "application/json"), (String = "text/turtle"), (String = "application/ld+json"), (String = "application/rdf+xml"), (String = "application/n-triples"))),
    responses(
        (status = 201, description = "It is published.", body = Written),
        (status = 202, description = "It waits for a moderator.", body = Written),
        (status = 400, description = "It cannot be used; the problem document says what is wrong and what would be right."),
        (status = 401, description = "No token, or one that is of no use."),
        (status = 403, description = "The token's role is not enough."),
        (status = 409, description = "There is an entry of this name already."),
        (status = 413, description = "It is too large."),
        (status = 415, description = "Neither JSON nor RDF.")
    )
)]
async fn create(
    State(catalogue): Shared,
    Contributor(by): Contributor,
    Query(why): Query<Why>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let draft = draft(&catalogue, &headers, &body, None)?;
    if let Some(there) = catalogue.ledger.by_iri(&draft.iri).await? {
        let why = format!(
            "{} is there already, {}: PUT or PATCH changes it",
            catalogue.address(&there.iri),
            there.state
        );
        return Err(Error::new(Kind::Conflict, why));
    }
    let iri = draft.iri.clone();
    let (report, state) = by
        .bring(&catalogue, "api", vec![draft], &why.reason)
        .await?;
    let findings: Vec<String> = report.findings.into_iter().map(|f| f.reason).collect();
    let found = match report.added.first().or(report.queued.first()) {
        Some(slug) => catalogue.ledger.by_slug(slug).await?,
        None => catalogue.ledger.by_iri(&iri).await?,
    };
    let Some(record) = found else {
        return Err(Error::bad_input(findings.join("; ")));
    };
    let (status, state) = match record.state {
        Stage::Published => (StatusCode::CREATED, "published"),
        // A moderator's entry that breaks a rule waits too, and the findings say why.
        _ if state == Stage::Published => (StatusCode::ACCEPTED, "waiting"),
        _ => (StatusCode::ACCEPTED, "waiting"),
    };
    Ok(written(&catalogue, &record, status, state, findings))
}

/// Reads an entry
///
/// As it is written; `/resource/{slug}` has it as RDF, with what follows from it.
#[utoipa::path(
    get, path = "/api/resources/{slug}", params(("slug" = String, Path, description = "The local name of the entry.")),
    responses(
        (status = 200, description = "The entry; its entity tag is what If-Match takes.", body = Resource),
        (status = 404, description = "No entry has this name.")
    )
)]
async fn read(
    State(catalogue): Shared,
    Path(slug): Path<String>,
    by: Option<axum::Extension<Person>>,
) -> Result<Response> {
    let record = visible(&catalogue, &slug, by.as_deref()).await?;
    Ok(tagged(Json(Resource::of(&record)).into_response(), &record))
}

/// Replaces an entry
///
/// A moderator's version stands at once; a contributor's is kept as a change for a moderator.
#[utoipa::path(
    put, path = "/api/resources/{slug}", security(("token" = [])),
    params(("slug" = String, Path, description = "The local name of the entry."), Why, ("If-Match" = String, Header, description = "The entity tag of the version that was read.")),
    request_body(content((Resource = "application/json"), (String = "text/turtle"), (String = "application/ld+json"), (String = "application/rdf+xml"), (String = "application/n-triples"))),
    responses(
        (status = 200, description = "It stands.", body = Written),
        (status = 202, description = "It waits for a moderator.", body = Written),
        (status = 400, description = "It cannot be used; the problem document says what is wrong and what would be right."),
        (status = 401, description = "No token, or one that is of no use."),
        (status = 404, description = "No entry has this name."),
        (status = 412, description = "The entry has another version by now."),
        (status = 428, description = "If-Match is missing.")
    )
)]
async fn replace(
    State(catalogue): Shared,
    Contributor(by): Contributor,
    Path(slug): Path<String>,
    Query(why): Query<Why>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let old = visible(&catalogue, &slug, Some(&by)).await?;
    expected(&headers, &old)?;
    let draft = draft(&catalogue, &headers, &body, Some(&slug))?;
    change(&catalogue, &by, &old, draft, &why.reason).await
}

/// Changes fields of an entry
///
/// By a JSON Merge Patch (RFC 7396) of what GET answers.
#[utoipa::path(
    patch, path = "/api/resources/{slug}", security(("token" = [])),
    params(("slug" = String, Path, description = "The local name of the entry."), Why, ("If-Match" = String, Header, description = "The entity tag of the version that was read.")),
    request_body(content = Resource, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "It stands.", body = Written),
        (status = 202, description = "It waits for a moderator.", body = Written),
        (status = 400, description = "It cannot be used; the problem document says what is wrong and what would be right."),
        (status = 401, description = "No token, or one that is of no use."),
        (status = 404, description = "No entry has this name."),
        (status = 412, description = "The entry has another version by now."),
        (status = 415, description = "No JSON Merge Patch."),
        (status = 428, description = "If-Match is missing.")
    )
)]
async fn patch(
    State(catalogue): Shared,
    Contributor(by): Contributor,
    Path(slug): Path<String>,
    Query(why): Query<Why>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let old = visible(&catalogue, &slug, Some(&by)).await?;
    expected(&headers, &old)?;
    let media = headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], |v| v.as_bytes());
    if !media.starts_with(b"application/merge-patch+json")
        && !media.starts_with(b"application/json")
    {
        let why = "application/merge-patch+json is wanted";
        return Err(Error::new(Kind::UnsupportedMediaType, why));
    }
    let wrong = |e: serde_json::Error| Error::bad_input(format!("the patch cannot be used: {e}"));
    let patch: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&body).map_err(wrong)?;
    let mut now = serde_json::to_value(Resource::of(&old)).map_err(Error::internal)?;
    let fields = now
        .as_object_mut()
        .ok_or_else(|| Error::internal("an entry is an object"))?;
    // All fields are texts or lists, so that nothing is merged deeper.
    for (name, value) in patch {
        match value {
            serde_json::Value::Null => fields.remove(&name),
            value => fields.insert(name, value),
        };
    }
    let resource: Resource = serde_json::from_value(now).map_err(wrong)?;
    change(
        &catalogue,
        &by,
        &old,
        drafted(resource, Some(&slug))?,
        &why.reason,
    )
    .await
}

/// Makes a draft a record's next version, or keeps it for a moderator.
async fn change(
    catalogue: &Catalogue,
    by: &Person,
    old: &Record,
    draft: Draft,
    reason: &str,
) -> Result<Response> {
    if by.role < Role::Moderator {
        let draft = Draft {
            key: format!("index:{}", old.slug),
            iri: old.iri.clone(),
            ..moved(draft, old)
        };
        let (report, _) = by.bring(catalogue, "api", vec![draft], reason).await?;
        let findings = report.findings.into_iter().map(|f| f.reason).collect();
        let status = StatusCode::ACCEPTED;
        return Ok(written(catalogue, old, status, "waiting", findings));
    }
    let whole = Draft {
        key: String::new(),
        iri: old.iri.clone(),
        slug: old.slug.clone(),
        content: crate::catalogue::corrected(old, draft).content,
        line: None,
        says: Says::Everything,
    };
    stand(catalogue, by, old, whole, reason).await
}

/// Makes the next version of a record.
async fn stand(
    catalogue: &Catalogue,
    by: &Person,
    old: &Record,
    whole: Draft,
    reason: &str,
) -> Result<Response> {
    let reason = if reason.is_empty() {
        "written by a program"
    } else {
        reason
    };
    let edited = catalogue
        .edit(whole, Some(&old.hash), &by.name, reason)
        .await;
    let new = edited.map_err(|e| match e.kind {
        Kind::Conflict => Error::new(Kind::PreconditionFailed, e.message),
        _ => e,
    })?;
    Ok(written(
        catalogue,
        &new,
        StatusCode::OK,
        "published",
        Vec::new(),
    ))
}

/// A draft about a record under the record's own name.
fn moved(draft: Draft, old: &Record) -> Draft {
    let wanted = crate::catalogue::corrected(old, draft.clone());
    Draft {
        content: wanted.content,
        slug: old.slug.clone(),
        says: Says::Everything,
        ..draft
    }
}

/// Withdraws an entry
///
/// Its number and a tombstone stay, and a moderator can bring it back.
#[utoipa::path(
    delete, path = "/api/resources/{slug}", security(("token" = [])),
    params(("slug" = String, Path, description = "The local name of the entry."), Why, ("If-Match" = String, Header, description = "The entity tag of the version that was read.")),
    responses(
        (status = 204, description = "It is withdrawn."),
        (status = 401, description = "No token, or one that is of no use."),
        (status = 403, description = "This takes a moderator."),
        (status = 404, description = "No entry has this name."),
        (status = 412, description = "The entry has another version by now."),
        (status = 428, description = "If-Match is missing.")
    )
)]
async fn withdraw(
    State(catalogue): Shared,
    Contributor(by): Contributor,
    Path(slug): Path<String>,
    Query(why): Query<Why>,
    headers: HeaderMap,
) -> Result<Response> {
    by.must(Role::Moderator)?;
    let old = visible(&catalogue, &slug, Some(&by)).await?;
    expected(&headers, &old)?;
    let reason = if why.reason.is_empty() {
        "withdrawn by a program"
    } else {
        &why.reason
    };
    catalogue
        .decide(&slug, Step::Withdraw, None, by.role, &by.name, reason)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Reads the policies of an entry
///
/// As ODRL in JSON-LD, a list of offers: those that are attached to it. What its licence comes to where there are none
/// is told by its page and to connectors.
#[utoipa::path(
    get, path = "/api/resources/{slug}/policies", params(("slug" = String, Path, description = "The local name of the entry.")),
    responses(
        (status = 200, description = "The policies, perhaps none; the entity tag is what If-Match takes.", body = String, content_type = "application/ld+json"),
        (status = 404, description = "No entry has this name.")
    )
)]
async fn policies(
    State(catalogue): Shared,
    Path(slug): Path<String>,
    by: Option<axum::Extension<Person>>,
) -> Result<Response> {
    let record = visible(&catalogue, &slug, by.as_deref()).await?;
    let text = terms::attached(&catalogue, &record);
    let response = ([(header::CONTENT_TYPE, "application/ld+json")], text).into_response();
    Ok(tagged(response, &record))
}

/// Attaches policies to an entry
///
/// In the place of all that it has: one policy of ODRL as JSON-LD, or a list of them; an empty list leaves what the
/// licence comes to. A policy is about the entry that it is attached to, so that it names no target and no parties.
#[utoipa::path(
    put, path = "/api/resources/{slug}/policies", security(("token" = [])),
    params(("slug" = String, Path, description = "The local name of the entry."), Why, ("If-Match" = String, Header, description = "The entity tag of the version that was read.")),
    request_body(content((String = "application/ld+json"), (String = "application/json"))),
    responses(
        (status = 200, description = "They stand.", body = Written),
        (status = 400, description = "They are no policies of ODRL; the problem document says where, and what would be right."),
        (status = 401, description = "No token, or one that is of no use."),
        (status = 403, description = "This takes a moderator."),
        (status = 404, description = "No entry has this name."),
        (status = 412, description = "The entry has another version by now."),
        (status = 415, description = "No JSON."),
        (status = 428, description = "If-Match is missing.")
    )
)]
async fn attach(
    State(catalogue): Shared,
    Contributor(by): Contributor,
    Path(slug): Path<String>,
    Query(why): Query<Why>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    by.must(Role::Moderator)?;
    let old = visible(&catalogue, &slug, Some(&by)).await?;
    expected(&headers, &old)?;
    let media = headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], |v| v.as_bytes());
    if !["application/ld+json", "application/json"]
        .iter()
        .any(|m| media.starts_with(m.as_bytes()))
    {
        let why = "application/ld+json or application/json is wanted";
        return Err(Error::new(Kind::UnsupportedMediaType, why));
    }
    let draft = terms::with_policies(&catalogue, &old, &body)?;
    stand(&catalogue, &by, &old, draft, &why.reason).await
}
