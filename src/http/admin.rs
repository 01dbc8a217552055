//! The moderators' desk: what waits, decided one by one or together, and a record's life: edit,
//! withdraw, merge, bring back an older version. Every decision is in the ledger with who and why.
use super::Shared;
use super::access::{Moderator, Person, Sent};
use super::entry::{self, Changed};
use super::frame::Frame;
use super::pages::{Named, Node, nodes, render};
use super::suggest::{self, Cells, Filled, Purpose, Told};
use super::terms;
use crate::catalogue::Catalogue;
use crate::config::Suggestions;
use crate::error::{Error, Kind, Result};
use crate::mapping::dcat;
use crate::record::statement::{lines, text};
use crate::record::{Draft, Record, Role, Says, State as Stage, Step, sorted};
use askama::Template;
use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use std::sync::Arc;

/// Suggestions that one page shows, and decisions that it remembers.
const SHOWN: i64 = 100;

/// The routes below `/admin`.
pub fn router(settings: &Suggestions) -> Router<Arc<Catalogue>> {
    Router::new()
        .route("/admin", get(queue).post(decide))
        .route("/admin/resource/{slug}", get(record).post(act))
        .layer(Extension(settings.clone()))
}

/// Something that waits.
struct Waiting {
    /// Field of the form and its value.
    field: &'static str,
    value: String,
    title: Named,
    day: String,
    /// What is told about it: its note, the source, the reason.
    told: String,
    contact: String,
    changes: Vec<Changed>,
    preview: Vec<Node>,
    wrong: Vec<String>,
}

/// A link of an entry that does not answer.
struct Dead {
    entry: Named,
    address: String,
    /// What it answered instead.
    found: String,
    since: String,
}

/// A decision that was taken.
struct Past {
    title: String,
    day: String,
    state: String,
    by: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "admin.html")]
struct Queue<'a> {
    suggestions: Vec<Waiting>,
    changes: Vec<Waiting>,
    records: Vec<Waiting>,
    broken: Vec<Dead>,
    decided: Vec<Past>,
    /// They may change the texts, too.
    keeper: bool,
    /// What came of the decisions that were just sent: what, and why not.
    outcome: Vec<(String, Option<String>)>,
    csrf: String,
    frame: &'a Frame,
}

#[derive(Template)]
#[template(path = "record.html")]
struct Life<'a> {
    title: Named,
    slug: String,
    state: Stage,
    versions: usize,
    past: Vec<Past>,
    /// The version that the policies are of, they themselves, and what is wrong with those that were sent.
    base: String,
    policies: String,
    wrong: Vec<String>,
    csrf: String,
    frame: &'a Frame,
}

fn csrf(person: &Person) -> String {
    person.csrf.clone().unwrap_or_default()
}

fn day(at: i64) -> String {
    dcat::date_time(at)[..16].replace('T', " ")
}

fn title(record: &Record) -> String {
    let title = text(&record.content, &record.iri, "dct:title");
    title.map_or_else(|| record.slug.clone(), |t| t.into_owned())
}

/// What a record would show, its own node alone.
fn shown(frame: &Frame, catalogue: &Catalogue, record: &Record) -> Vec<Node> {
    let published = sorted(lines(&dcat::published(record)));
    let mut all = nodes(frame, catalogue, &record.iri, &published);
    all.truncate(1);
    all
}

/// `/admin`: all that waits.
async fn queue(State(catalogue): Shared, by: Moderator, frame: Frame) -> Result<Response> {
    desk(&frame, &catalogue, &by.0, Vec::new()).await
}

async fn desk(
    frame: &Frame,
    catalogue: &Catalogue,
    by: &Person,
    outcome: Vec<(String, Option<String>)>,
) -> Result<Response> {
    let life = |slug: &str| format!("{}admin/resource/{slug}", frame.root);
    let ledger = &catalogue.ledger;
    let (mut suggestions, mut decided) = (Vec::new(), Vec::new());
    for p in ledger.proposals(SHOWN).await? {
        let cells: Cells = serde_json::from_str(&p.cells).map_err(Error::internal)?;
        let name = ["Long name", "Short name"]
            .iter()
            .find_map(|c| cells.get(*c));
        let name = name.cloned().unwrap_or_default();
        if p.state != "waiting" {
            decided.push(Past {
                title: name,
                day: day(p.decided.unwrap_or(p.at)),
                state: frame.say(&format!("status-{}", p.state)),
                by: p.decided_by.unwrap_or_default(),
                reason: p.reason.unwrap_or_default(),
            });
            continue;
        }
        let old = match &p.slug {
            Some(slug) => ledger.by_slug(slug).await?,
            None => None,
        };
        let reading = suggest::read(&cells, p.slug.as_deref())?;
        let wanted = suggest::wanted(&reading, old.as_ref());
        suggestions.push(Waiting {
            field: "suggestion",
            value: p.id.to_string(),
            title: Named {
                label: name,
                href: p.slug.as_deref().map_or_else(String::new, life),
            },
            day: day(p.at),
            told: p.note,
            contact: ledger.contact(p.id).await?.unwrap_or_default(),
            changes: wanted.as_ref().map_or_else(Vec::new, |new| {
                entry::changes(frame, catalogue, old.as_ref(), new)
            }),
            preview: match &wanted {
                Some(new) if old.is_none() => shown(frame, catalogue, new),
                _ => Vec::new(),
            },
            wrong: reading.sentences(),
        });
    }
    let mut changes = Vec::new();
    for s in ledger.suggestions().await? {
        let Some(old) = ledger.by_slug(&s.slug).await? else {
            continue;
        };
        let new = Record {
            content: s.content,
            ..old.clone()
        };
        changes.push(Waiting {
            field: "change",
            value: s.id.to_string(),
            title: Named {
                label: title(&old),
                href: life(&old.slug),
            },
            day: day(s.at),
            told: format!("{}: {}", s.source, s.reason),
            contact: String::new(),
            changes: entry::changes(frame, catalogue, Some(&old), &new),
            preview: Vec::new(),
            wrong: Vec::new(),
        });
    }
    let mut records = Vec::new();
    for (r, reason) in ledger.queue().await? {
        records.push(Waiting {
            field: "record",
            value: r.slug.clone(),
            title: Named {
                label: title(&r),
                href: life(&r.slug),
            },
            day: day(r.modified),
            told: format!("{}: {reason}", r.state),
            contact: String::new(),
            changes: Vec::new(),
            preview: shown(frame, catalogue, &r),
            wrong: Vec::new(),
        });
    }
    let broken = ledger.broken_links(SHOWN).await?.into_iter().map(|l| Dead {
        entry: Named {
            href: life(&l.slug),
            label: l.slug,
        },
        address: l.address,
        found: match l.status {
            0 => l.why,
            status => status.to_string(),
        },
        since: day(l.failing),
    });
    let page = render(&Queue {
        suggestions,
        changes,
        records,
        broken: broken.collect(),
        decided,
        keeper: by.role >= Role::Administrator,
        outcome,
        csrf: csrf(by),
        frame,
    })?;
    Ok(html(StatusCode::OK, page))
}

fn html(status: StatusCode, page: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, headers, page).into_response()
}

/// `POST /admin`: decides on all that was chosen; each for itself, so that one that fails holds up no
/// other.
async fn decide(
    State(catalogue): Shared,
    Extension(settings): Extension<Suggestions>,
    frame: Frame,
    sent: Sent,
) -> Result<Response> {
    let accept = match sent.get("decision") {
        "accept" => true,
        "reject" => false,
        other => {
            let why = format!("decision is {other:?}; accept or reject is wanted");
            return Err(Error::bad_input(why));
        }
    };
    let (by, reason) = (sent.by.name.as_str(), sent.get("reason"));
    if !accept && reason.is_empty() {
        let why = frame.say("admin-reason-needed");
        return desk(
            &frame,
            &catalogue,
            &sent.by,
            vec![(String::new(), Some(why))],
        )
        .await;
    }
    let mut outcome = Vec::new();
    for id in sent.all("suggestion") {
        let done = judge(&catalogue, id, accept, by, reason, settings.contact_days).await;
        outcome.push((format!("{} {id}", frame.say("admin-suggestion")), done));
    }
    for id in sent.all("change") {
        let done = match id.parse() {
            Ok(id) => catalogue.settle(id, accept, by).await,
            Err(_) => Err(Error::bad_input(format!("{id:?} is no number"))),
        };
        outcome.push((format!("{} {id}", frame.say("admin-change")), done));
    }
    for slug in sent.all("record") {
        let step = if accept { Step::Publish } else { Step::Reject };
        let role = sent.by.role;
        let done = catalogue.decide(slug, step, None, role, by, reason).await;
        outcome.push((slug.to_owned(), done.map(drop)));
    }
    let told = outcome.into_iter().map(|(what, done)| match done {
        Err(e) if e.kind == Kind::Internal => Err(e),
        done => Ok((what, done.err().map(|e| e.message))),
    });
    let told = told.collect::<Result<Vec<_>>>()?;
    desk(&frame, &catalogue, &sent.by, told).await
}

async fn judge(
    catalogue: &Catalogue,
    id: &str,
    accept: bool,
    by: &str,
    reason: &str,
    days: u32,
) -> Result<()> {
    let number = id
        .parse()
        .map_err(|_| Error::bad_input(format!("{id:?} is no number")))?;
    let draft = match accept {
        false => None,
        true => {
            let waits = catalogue.ledger.proposal(number).await?;
            let waits = waits.ok_or_else(|| {
                Error::new(Kind::NotFound, format!("no suggestion has the number {id}"))
            })?;
            let cells: Cells = serde_json::from_str(&waits.cells).map_err(Error::internal)?;
            let reading = suggest::read(&cells, waits.slug.as_deref())?;
            if let Some(wrong) = reading.sentences().into_iter().next() {
                return Err(Error::bad_input(wrong));
            }
            reading.draft
        }
    };
    catalogue.judge(number, draft, by, reason, days).await?;
    Ok(())
}

/// Any record, shown or not.
async fn known(catalogue: &Catalogue, slug: &str) -> Result<Record> {
    let found = catalogue.ledger.by_slug(slug).await?;
    found.ok_or_else(|| Error::new(Kind::NotFound, format!("no record is called {slug:?}")))
}

/// `/admin/resource/{slug}`: a record's life, and the form to edit it.
async fn record(
    State(catalogue): Shared,
    Path(slug): Path<String>,
    by: Moderator,
    frame: Frame,
) -> Result<Response> {
    let old = known(&catalogue, &slug).await?;
    let filled = Filled::of(&old);
    life(
        &frame,
        &catalogue,
        &by.0,
        &old,
        &filled,
        Told::default(),
        StatusCode::OK,
    )
    .await
}

async fn life(
    frame: &Frame,
    catalogue: &Catalogue,
    by: &Person,
    old: &Record,
    filled: &Filled,
    told: Told,
    status: StatusCode,
) -> Result<Response> {
    let now = (terms::attached(catalogue, old), Vec::new());
    lived(frame, catalogue, by, old, filled, told, now, status).await
}

/// The same with policies that were sent, and what is wrong with them.
#[expect(clippy::too_many_arguments, reason = "a page of two forms")]
async fn lived(
    frame: &Frame,
    catalogue: &Catalogue,
    by: &Person,
    old: &Record,
    filled: &Filled,
    told: Told,
    (policies, wrong): (String, Vec<String>),
    status: StatusCode,
) -> Result<Response> {
    let past = catalogue.ledger.history(old.id).await?;
    let page = Life {
        title: Named {
            label: title(old),
            href: if old.is_shown() {
                format!("{}resource/{}", frame.root, old.slug)
            } else {
                String::new()
            },
        },
        slug: old.slug.clone(),
        state: old.state,
        versions: catalogue.ledger.versions(old).await?.len(),
        past: past
            .into_iter()
            .map(|p| Past {
                title: p.seq.to_string(),
                day: day(p.at),
                state: p.state,
                by: p.author,
                reason: p.reason,
            })
            .collect(),
        base: old.hash.clone(),
        policies,
        wrong,
        csrf: csrf(by),
        frame,
    };
    let before = render(&page)?;
    let purpose = Purpose {
        action: format!("{}admin/resource/{}", frame.root, old.slug),
        hidden: vec![
            ("csrf", csrf(by)),
            ("base", filled.base.clone()),
            ("action", "edit".into()),
        ],
        contact_days: None,
        before: String::from_utf8_lossy(&before).into_owned(),
    };
    let page = suggest::page(frame, purpose, Some(old), filled, told).await?;
    Ok(html(status, page))
}

/// `POST /admin/resource/{slug}`: edits, withdraws, merges, brings back.
async fn act(
    State(catalogue): Shared,
    Path(slug): Path<String>,
    frame: Frame,
    sent: Sent,
) -> Result<Response> {
    let old = known(&catalogue, &slug).await?;
    let (by, reason) = (sent.by.name.clone(), sent.get("reason").to_owned());
    let role: Role = sent.by.role;
    let action = sent.get("action").to_owned();
    if reason.is_empty() && action != "edit" {
        return Err(Error::bad_input(frame.say("admin-reason-needed")));
    }
    let step = match action.as_str() {
        "withdraw" => Some(Step::Withdraw),
        "restore" => Some(Step::Restore),
        "publish" => Some(Step::Publish),
        "reject" => Some(Step::Reject),
        _ => None,
    };
    if let Some(step) = step {
        let into = Some(sent.get("into")).filter(|into| !into.is_empty());
        catalogue
            .decide(&slug, step, into, role, &by, &reason)
            .await?;
        return Ok(Redirect::to(&format!("{}admin/resource/{slug}", frame.root)).into_response());
    }
    let draft = |record: &Record| Draft {
        key: String::new(),
        iri: record.iri.clone(),
        slug: record.slug.clone(),
        content: record.content.clone(),
        line: None,
        says: Says::Everything,
    };
    match action.as_str() {
        "version" => {
            let versions = catalogue.ledger.versions(&old).await?;
            let number = sent.get("number");
            let found = number
                .parse::<usize>()
                .ok()
                .and_then(|n| versions.get(n.checked_sub(1)?));
            let found = found.ok_or_else(|| {
                Error::bad_input(format!(
                    "{slug} has no version {number:?}; there are 1 to {}",
                    versions.len()
                ))
            })?;
            catalogue
                .edit(draft(found), Some(&old.hash), &by, &reason)
                .await?;
        }
        "policies" => {
            let text = sent.get("policies");
            let made = terms::with_policies(&catalogue, &old, text.as_bytes());
            let kept = match made {
                Ok(draft) => {
                    let base = Some(sent.get("base"));
                    catalogue.edit(draft, base, &by, &reason).await
                }
                Err(e) => Err(e),
            };
            let (why, status) = match kept {
                Ok(_) => {
                    let back = format!("{}admin/resource/{slug}", frame.root);
                    return Ok(Redirect::to(&back).into_response());
                }
                // The page has the version that stands now, so that what was written can be sent again.
                Err(e) if e.kind == Kind::Conflict => {
                    (frame.say("admin-conflict"), StatusCode::CONFLICT)
                }
                Err(e) if e.kind == Kind::BadInput => (e.message, StatusCode::UNPROCESSABLE_ENTITY),
                Err(e) => return Err(e),
            };
            let sent_back = (text.to_owned(), vec![why]);
            let (told, filled) = (Told::default(), Filled::of(&old));
            return lived(
                &frame, &catalogue, &sent.by, &old, &filled, told, sent_back, status,
            )
            .await;
        }
        "edit" => {
            let csrf_of = sent.by.clone();
            let filled = Filled::read(sent.pairs);
            let reading = suggest::read(&filled.cells, Some(&slug))?;
            let wanted = suggest::wanted(&reading, Some(&old));
            let mut told = Told {
                wrong: reading.wrong.clone(),
                ..Told::default()
            };
            if reason.is_empty() {
                told.wrong
                    .push(("reason".into(), frame.say("suggest-required")));
            }
            let Some(wanted) = wanted else {
                return life(
                    &frame,
                    &catalogue,
                    &csrf_of,
                    &old,
                    &filled,
                    told,
                    StatusCode::UNPROCESSABLE_ENTITY,
                )
                .await;
            };
            told.changes = entry::changes(&frame, &catalogue, Some(&old), &wanted);
            if told.wrong.is_empty() {
                let rules = catalogue.check(wanted.clone()).await?;
                told.wrong
                    .extend(rules.into_iter().map(|why| (String::new(), why)));
            }
            if filled.previews && told.wrong.is_empty() {
                told.preview = Some(shown(&frame, &catalogue, &wanted));
                return life(
                    &frame,
                    &catalogue,
                    &csrf_of,
                    &old,
                    &filled,
                    told,
                    StatusCode::OK,
                )
                .await;
            }
            if !told.wrong.is_empty() {
                return life(
                    &frame,
                    &catalogue,
                    &csrf_of,
                    &old,
                    &filled,
                    told,
                    StatusCode::UNPROCESSABLE_ENTITY,
                )
                .await;
            }
            let kept = catalogue
                .edit(draft(&wanted), Some(&filled.base), &by, &reason)
                .await;
            match kept {
                // What the other changed and what this form would make of it, to be sent again.
                Err(e) if e.kind == Kind::Conflict => {
                    let now = known(&catalogue, &slug).await?;
                    let wanted =
                        suggest::wanted(&suggest::read(&filled.cells, Some(&slug))?, Some(&now));
                    told.changes = wanted.map_or_else(Vec::new, |w| {
                        entry::changes(&frame, &catalogue, Some(&now), &w)
                    });
                    told.wrong
                        .push((String::new(), frame.say("admin-conflict")));
                    let mut filled = filled;
                    filled.base = now.hash.clone();
                    return life(
                        &frame,
                        &catalogue,
                        &csrf_of,
                        &now,
                        &filled,
                        told,
                        StatusCode::CONFLICT,
                    )
                    .await;
                }
                kept => kept?,
            };
        }
        other => {
            let why = format!(
                "action is {other:?}; edit, policies, version, withdraw, restore, publish or reject is wanted"
            );
            return Err(Error::bad_input(why));
        }
    }
    Ok(Redirect::to(&format!("{}admin/resource/{slug}", frame.root)).into_response())
}
