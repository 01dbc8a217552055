//! What operators may do, as HTTP over a Unix socket in the data directory (mode 0600, so whoever
//! may read the ledger may use it and nobody else). Every command goes this way, to the running
//! service or to itself where none runs, so that there is one way to write.
use crate::catalogue::{Catalogue, Options, Report};
use crate::config::Links;
use crate::error::{Error, Result};
use crate::http::document;
use crate::links;
use crate::publish::{self, Registration, Target, Wish};
use crate::record::{Draft, Finding, Role, Step};
use crate::store::ledger;
use crate::store::targets::{Progress, Undelivered};
use axum::body::Body;
use axum::extract::{Path as Part, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_util::io::{ReaderStream, StreamReader};

/// Who acts through the socket: whoever may open it.
const OPERATOR: &str = "operator";

type Control = State<Arc<Catalogue>>;

/// A step of a record's life cycle.
#[derive(Debug, Serialize, Deserialize)]
pub struct Decision {
    pub slug: String,
    pub step: Step,
    pub into: Option<String>,
    pub reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Edit {
    pub draft: Draft,
    pub reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Audience {
    pub slug: String,
    pub audience: String,
}

/// A moderator's word on a suggestion.
#[derive(Debug, Serialize, Deserialize)]
pub struct Verdict {
    pub suggestion: i64,
    pub accept: bool,
}

/// One line of what an import sends after its options.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sent {
    Draft(Draft),
    Finding(Finding),
    /// The source was read to its end: a list that breaks off before this is not finished.
    End,
}

/// One line of what an import answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Heard {
    /// So many entries are kept and synced.
    Kept(usize),
    Report(Report),
    Failed(String),
}

/// Serves the socket until the process ends.
///
/// # Errors
/// The socket cannot be made.
pub fn serve(catalogue: Arc<Catalogue>, dir: &Path) -> Result<()> {
    let path = socket(dir);
    // The lock says that nobody else listens, so what is there is left over.
    let _ = std::fs::remove_file(&path);
    let failed = |e: std::io::Error| Error::bad_input(format!("{}: {e}", path.display()));
    let listener = tokio::net::UnixListener::bind(&path).map_err(failed)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let router = Router::new()
        .route("/public-url", get(public_url))
        .route("/import", post(import))
        .route("/decide", post(decide))
        .route("/edit", post(edit))
        .route("/restrict", post(restrict))
        .route("/settle", post(settle))
        .route("/purge/{slug}", post(purge))
        .route("/rebuild", post(rebuild))
        .route("/tokens", get(tokens).post(add_token))
        .route("/tokens/{id}", axum::routing::delete(revoke_token))
        .route("/queue", get(queue))
        .route("/check-links", post(check_links))
        .route("/publish", post(publish))
        .route("/targets", post(targets))
        .route("/doctor", post(doctor))
        .route("/register", post(register))
        .route("/export/{kind}", get(export))
        .route("/backup", get(backup))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn(to_the_end))
        .with_state(catalogue);
    tokio::spawn(async move {
        if let Err(e) = axum::serve(listener, router).await {
            tracing::error!(error = %e, "the command socket is gone");
        }
    });
    Ok(())
}

/// A command that began goes on when whoever sent it goes away: it is done, or it failed.
async fn to_the_end(request: Request, next: axum::middleware::Next) -> Response {
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(e) => Error::internal(e).into_response(),
    }
}

/// Where the socket is.
pub fn socket(dir: &Path) -> PathBuf {
    dir.join("socket")
}

async fn public_url(State(catalogue): Control) -> Json<String> {
    Json(catalogue.public_url.clone())
}

async fn import(State(catalogue): Control, request: Request) -> Response {
    let (send, receive) = tokio::sync::mpsc::channel::<Heard>(16);
    tokio::spawn(async move {
        let answer = match take_in(&catalogue, request, &send).await {
            Ok(report) => Heard::Report(report),
            Err(e) => Heard::Failed(e.message),
        };
        // A client that went away hears nothing; what is kept is kept.
        let _ = send.send(answer).await;
    });
    let lines = futures_util::stream::unfold(receive, |mut receive| async {
        let heard = receive.recv().await?;
        let line = serde_json::to_string(&heard).unwrap_or_default() + "\n";
        Some((Ok::<_, std::convert::Infallible>(line), receive))
    });
    Body::from_stream(lines).into_response()
}

async fn take_in(
    catalogue: &Catalogue,
    request: Request,
    heard: &tokio::sync::mpsc::Sender<Heard>,
) -> Result<Report> {
    let body = request
        .into_body()
        .into_data_stream()
        .map(|c| c.map_err(std::io::Error::other));
    let mut lines = BufReader::new(StreamReader::new(body)).lines();
    let broken = |e: &dyn std::fmt::Display| Error::bad_input(format!("the import broke off: {e}"));
    let first = lines.next_line().await.map_err(|e| broken(&e))?;
    let options: Options =
        serde_json::from_str(&first.unwrap_or_default()).map_err(|e| broken(&e))?;
    let mut import = catalogue.import(options);
    let (mut batch, mut findings, mut ended) = (Vec::new(), Vec::new(), false);
    while let Some(line) = lines.next_line().await.map_err(|e| broken(&e))? {
        match serde_json::from_str(&line).map_err(|e| broken(&e))? {
            Sent::Draft(draft) => batch.push(draft),
            Sent::Finding(finding) => findings.push(finding),
            Sent::End => ended = true,
        }
        if batch.len() == crate::catalogue::BATCH {
            import.take(std::mem::take(&mut batch)).await?;
            let _ = heard.send(Heard::Kept(import.taken())).await;
        }
    }
    if !ended {
        return Err(broken(&"the sender went away"));
    }
    import.take(batch).await?;
    let _ = heard.send(Heard::Kept(import.taken())).await;
    import.note(findings);
    import.finish().await
}

async fn decide(State(catalogue): Control, Json(decision): Json<Decision>) -> Result<Json<String>> {
    let record = catalogue
        .decide(
            &decision.slug,
            decision.step,
            decision.into.as_deref(),
            Role::Administrator,
            OPERATOR,
            &decision.reason,
        )
        .await?;
    Ok(Json(format!("{} is {}", record.slug, record.state)))
}

async fn edit(State(catalogue): Control, Json(edit): Json<Edit>) -> Result<Json<String>> {
    let record = catalogue
        .edit(edit.draft, None, OPERATOR, &edit.reason)
        .await?;
    Ok(Json(format!(
        "{} has version {}",
        record.slug,
        &record.hash[..12]
    )))
}

async fn restrict(State(catalogue): Control, Json(wish): Json<Audience>) -> Result<Json<String>> {
    let record = catalogue
        .restrict(&wish.slug, &wish.audience, OPERATOR)
        .await?;
    Ok(Json(format!("{} is for {}", record.slug, record.audience)))
}

async fn settle(State(catalogue): Control, Json(verdict): Json<Verdict>) -> Result<Json<String>> {
    let Verdict { suggestion, accept } = verdict;
    catalogue.settle(suggestion, accept, OPERATOR).await?;
    let word = if accept { "accepted" } else { "rejected" };
    Ok(Json(format!("suggestion {suggestion} is {word}")))
}

async fn purge(State(catalogue): Control, Part(slug): Part<String>) -> Result<Json<String>> {
    catalogue.purge(&slug, OPERATOR).await?;
    // Dumps that were made before still hold it.
    document::forget(&catalogue.dir)?;
    Ok(Json(format!(
        "{slug} is erased; its number and tombstone stay"
    )))
}

/// A token to be made.
#[derive(Debug, Serialize, Deserialize)]
pub struct NewToken {
    pub name: String,
    pub role: Role,
    /// How long it is of use; without end where there is none.
    pub days: Option<u32>,
}

async fn add_token(State(catalogue): Control, Json(new): Json<NewToken>) -> Result<Json<String>> {
    let now = crate::catalogue::now();
    let expires = new.days.map(|d| now + i64::from(d) * 86_400_000_000);
    let ledger = &catalogue.ledger;
    let (id, token) = ledger.add_token(&new.name, new.role, expires, now).await?;
    let (name, role) = (new.name, new.role);
    let ends = expires.map_or("without end".into(), |e| {
        format!("until {}", &crate::mapping::dcat::date_time(e)[..10])
    });
    Ok(Json(format!(
        "{token}\ntoken {id}, {name}, {role}, {ends}; it is shown this once"
    )))
}

async fn tokens(State(catalogue): Control) -> Result<Json<Vec<crate::store::access::Token>>> {
    Ok(Json(catalogue.ledger.tokens().await?))
}

async fn revoke_token(State(catalogue): Control, Part(id): Part<i64>) -> Result<Json<String>> {
    let now = crate::catalogue::now();
    catalogue.ledger.revoke_token(id, now).await?;
    Ok(Json(format!("token {id} is revoked")))
}

async fn rebuild(State(catalogue): Control) -> Result<Json<String>> {
    document::forget(&catalogue.dir)?;
    catalogue.rebuild().await?;
    let graph = catalogue.graph.read().await;
    let live = graph.as_ref().map_or(0, |g| g.live);
    Ok(Json(format!(
        "the graph holds {live} triples of {} records",
        catalogue.extent().total
    )))
}

/// Addresses to be asked.
#[derive(Debug, Serialize, Deserialize)]
pub struct CheckLinks {
    pub settings: Links,
    pub limit: u32,
}

async fn check_links(
    State(catalogue): Control,
    Json(wish): Json<CheckLinks>,
) -> Result<Json<links::Report>> {
    let now = crate::catalogue::now();
    let limit = i64::from(wish.limit);
    let report = links::check(&catalogue, &wish.settings, limit, now).await?;
    Ok(Json(report))
}

/// A target to be fed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Feed {
    pub target: Target,
    pub wish: Wish,
}

async fn publish(
    State(catalogue): Control,
    Json(feed): Json<Feed>,
) -> Result<Json<publish::Report>> {
    Ok(Json(
        publish::once(&catalogue, &feed.target, feed.wish).await?,
    ))
}

/// Where targets stand.
#[derive(Debug, Serialize, Deserialize)]
pub struct Standing {
    pub progress: Progress,
    /// Changes that it does not have yet.
    pub lag: i64,
    pub undelivered: Vec<Undelivered>,
}

async fn targets(
    State(catalogue): Control,
    Json(names): Json<Vec<String>>,
) -> Result<Json<Vec<Standing>>> {
    let mut all = Vec::new();
    for name in names {
        let progress = catalogue.ledger.progress(&name).await?;
        all.push(Standing {
            lag: catalogue.extent().seq - progress.cursor,
            undelivered: catalogue.ledger.undelivered(&name, 100).await?,
            progress,
        });
    }
    Ok(Json(all))
}

async fn doctor(
    State(catalogue): Control,
    Json(target): Json<Target>,
) -> Result<Json<Vec<publish::Finding>>> {
    Ok(Json(publish::examine(&catalogue, &target).await?))
}

async fn register(
    State(catalogue): Control,
    Json(registration): Json<Registration>,
) -> Result<Json<String>> {
    Ok(Json(publish::register(&catalogue, &registration).await?))
}

async fn queue(State(catalogue): Control) -> Result<Json<Vec<Waiting>>> {
    let mut waiting = Vec::new();
    for (r, reason) in catalogue.ledger.queue().await? {
        let title = crate::record::statement::text(&r.content, &r.iri, "dct:title");
        waiting.push(Waiting {
            number: None,
            reason: format!("{}: {reason}", title.unwrap_or_default()),
            what: r.state.to_string(),
            slug: r.slug,
        });
    }
    for s in catalogue.ledger.suggestions().await? {
        waiting.push(Waiting {
            number: Some(s.id),
            slug: s.slug,
            what: "change".into(),
            reason: s.reason,
        });
    }
    Ok(Json(waiting))
}

/// Something that waits for a moderator.
#[derive(Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// Number of the suggestion; a record that waits has none.
    pub number: Option<i64>,
    pub slug: String,
    /// A record's state, or `change` for a suggestion.
    pub what: String,
    pub reason: String,
}

async fn export(State(catalogue): Control, Part(kind): Part<String>) -> Result<Response> {
    let kind = document::Kind::of_extension(&kind)
        .ok_or_else(|| Error::bad_input(format!("no export is called {kind:?}")))?;
    loop {
        let (path, _) = document::file(&catalogue, kind).await?;
        match tokio::fs::File::open(path).await {
            Ok(file) => return Ok(send(file)),
            // The file of a newer version took its place.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::internal(e)),
        }
    }
}

async fn backup(State(catalogue): Control) -> Result<Response> {
    let name = format!("backup-{:016x}.tmp", rand::random::<u64>());
    let path = catalogue.dir.join(name);
    let digest = catalogue.ledger.copy_to(&path).await;
    let answer = match digest {
        Ok(_) => tokio::fs::File::open(&path)
            .await
            .map(send)
            .map_err(Error::internal),
        Err(e) => Err(e),
    };
    // The open file outlives its name.
    ledger::remove(&path);
    answer
}

fn send(file: tokio::fs::File) -> Response {
    Body::from_stream(ReaderStream::with_capacity(file, 256 << 10)).into_response()
}
