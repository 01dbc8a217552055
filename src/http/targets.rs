//! `/admin/targets`: where the context brokers stand that are fed, what they did not take, and what an
//! administrator has done about it.
use super::Shared;
use super::access::{Moderator, Sent};
use super::frame::Frame;
use super::pages::render;
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::mapping::dcat;
use crate::publish::{self, Wish};
use crate::record::{Record, Role};
use crate::store::targets::{Progress, Undelivered};
use askama::Template;
use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use std::sync::Arc;

/// What a target did not take that a page shows.
const SHOWN: i64 = 100;

pub fn router() -> Router<Arc<Catalogue>> {
    Router::new().route("/admin/targets", get(list).post(act))
}

/// A broker as a page shows it.
struct Standing {
    name: String,
    kind: String,
    url: String,
    progress: Progress,
    lag: i64,
    last: String,
    undelivered: Vec<Refused>,
}

struct Refused {
    entity: String,
    status: i64,
    why: String,
    tries: i64,
    /// Empty where it waits for a change.
    again: String,
}

#[derive(Template)]
#[template(path = "targets.html")]
struct Page<'a> {
    targets: Vec<Standing>,
    /// They may act.
    keeper: bool,
    csrf: String,
    frame: &'a Frame,
}

fn moment(at: i64) -> String {
    match at {
        0 => String::new(),
        at => dcat::date_time(at)[..19].replace('T', " "),
    }
}

async fn list(catalogue: Shared, by: Moderator, frame: Frame) -> Result<Response> {
    let mut targets = Vec::new();
    for target in &catalogue.targets {
        let ledger = &catalogue.ledger;
        let progress = ledger.progress(&target.name).await?;
        let refused = |u: Undelivered| Refused {
            entity: u.entity,
            status: u.status,
            why: u.why,
            tries: u.tries,
            again: u.next.map_or_else(String::new, moment),
        };
        let undelivered = ledger.undelivered(&target.name, SHOWN).await?;
        targets.push(Standing {
            name: target.name.clone(),
            kind: target.kind.clone(),
            url: target.url.clone(),
            lag: catalogue.extent().seq - progress.cursor,
            last: moment(progress.at),
            undelivered: undelivered.into_iter().map(refused).collect(),
            progress,
        });
    }
    let page = render(&Page {
        targets,
        keeper: by.0.role >= Role::Administrator,
        csrf: by.0.csrf.unwrap_or_default(),
        frame: &frame,
    })?;
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    Ok((headers, page).into_response())
}

/// `POST /admin/targets`: has a target tried again or compared. That may take long, so nobody waits for
/// it; what comes of it is in the list and in the log.
async fn act(catalogue: Shared, frame: Frame, sent: Sent) -> Result<Response> {
    sent.by.must(Role::Administrator)?;
    let name = sent.get("target");
    let target = catalogue.targets.iter().find(|t| t.name == name).cloned();
    let target = target.ok_or_else(|| Error::bad_input(format!("there is no target {name:?}")))?;
    let wish = match sent.get("wish") {
        "retry" => Wish::Retry,
        "reconcile" => Wish::Reconcile,
        other => {
            let why = format!("wish is {other:?}; retry or reconcile is wanted");
            return Err(Error::bad_input(why));
        }
    };
    tracing::info!(
        target = name,
        by = sent.by.name,
        ?wish,
        "wished for a target"
    );
    let catalogue = catalogue.0;
    tokio::spawn(async move {
        match publish::once(&catalogue, &target, wish).await {
            Ok(report) => tracing::info!(target = target.name, ?report, "done for a target"),
            Err(e) => tracing::warn!(target = target.name, error = %e, "not done for a target"),
        }
    });
    Ok(Redirect::to(&format!("{}admin/targets", frame.root)).into_response())
}

/// How an entry stands with each broker: the broker's name, and a message with its filling.
pub async fn of(
    catalogue: &Catalogue,
    record: &Record,
) -> Result<Vec<(String, &'static str, String)>> {
    let refused = match catalogue.targets.is_empty() {
        true => Vec::new(),
        false => catalogue.ledger.undelivered_of(record.id).await?,
    };
    let mut all = Vec::new();
    for target in &catalogue.targets {
        let progress = catalogue.ledger.progress(&target.name).await?;
        let not: Vec<&Undelivered> = refused
            .iter()
            .filter(|r| r.0 == target.name)
            .map(|r| &r.1)
            .collect();
        let (key, filling) = match not.first() {
            Some(first) => ("target-refused", format!("{}: {}", first.entity, first.why)),
            None if progress.cursor < record.seq => ("target-waits", progress.error),
            None => ("target-has", moment(progress.at)),
        };
        all.push((target.name.clone(), key, filling));
    }
    Ok(all)
}
