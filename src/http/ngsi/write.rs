//! Entities that contributors write (ETSI GS CIM 009, clauses 5.6.1, 5.6.7 to 5.6.9): catalogue types become
//! records through the catalogue, a moderator's at once and others' when a moderator has decided.
use super::{Answer, Asked, Problem, body, index};
use crate::catalogue::{Catalogue, Report};
use crate::http::Shared;
use crate::http::access::Person;
use crate::mapping::ngsi::read::{self, Read};
use crate::mapping::ngsi::{Kind, canonical};
use crate::mapping::rdf;
use crate::record::{Draft, Record, Role, State as Stage};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Entities of one batch.
const BATCH: usize = 1_000;

/// What a write does about what is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Create,
    Upsert,
    Update,
}

type Caller = Option<axum::Extension<Person>>;

/// Someone who may write; to all others the catalogue is read alone.
fn contributor(by: Caller) -> Result<Person, Problem> {
    let person = by.map(|p| p.0).filter(|p| p.csrf.is_none());
    person
        .filter(|p| p.role >= Role::Contributor)
        .ok_or_else(|| {
            let why =
                "entities are written by contributors alone, with a token as Authorization: Bearer";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "OperationNotSupported", why)
        })
}

/// What became of one entity.
enum Became {
    Published { id: String, new: bool },
    Waits { id: String, why: String },
    Wrong { id: String, problem: Problem },
}

/// `POST /entities`.
pub async fn create(
    State(catalogue): Shared,
    by: Caller,
    mut asked: Asked,
    bytes: Bytes,
) -> Answer {
    let person = contributor(by)?;
    asked.only(&["local"])?;
    let entity = body(&catalogue, &mut asked, &bytes).await?;
    if !entity.is_object() {
        return Err(Problem::data("the body is no object; one entity is wanted"));
    }
    let became = write(&catalogue, &asked, &person, vec![entity], Manner::Create).await?;
    match became.into_iter().next() {
        Some(Became::Published { id, .. }) => {
            let place = format!("/ngsi-ld/v1/entities/{id}");
            Ok((StatusCode::CREATED, [(header::LOCATION, place)]).into_response())
        }
        Some(Became::Waits { id, why }) => {
            let told = json!({ "id": id, "state": "waiting", "detail": why });
            Ok((StatusCode::ACCEPTED, axum::Json(told)).into_response())
        }
        Some(Became::Wrong { problem, .. }) => Err(problem),
        None => Err(Problem::data("the body holds no entity")),
    }
}

/// `POST /entityOperations/create`.
pub async fn create_some(catalogue: Shared, by: Caller, asked: Asked, bytes: Bytes) -> Answer {
    some(catalogue, by, asked, bytes, Manner::Create).await
}

/// `POST /entityOperations/upsert`.
pub async fn upsert_some(catalogue: Shared, by: Caller, asked: Asked, bytes: Bytes) -> Answer {
    some(catalogue, by, asked, bytes, Manner::Upsert).await
}

/// `POST /entityOperations/update`.
pub async fn update_some(catalogue: Shared, by: Caller, asked: Asked, bytes: Bytes) -> Answer {
    some(catalogue, by, asked, bytes, Manner::Update).await
}

async fn some(
    State(catalogue): Shared,
    by: Caller,
    mut asked: Asked,
    bytes: Bytes,
    manner: Manner,
) -> Answer {
    let person = contributor(by)?;
    asked.only(&["options", "local"])?;
    if let Some(other) = asked.get("options").filter(|o| *o != "replace") {
        return Err(Problem::unsupported(format!(
            "options is {other:?}; whole entities are replaced"
        )));
    }
    let body = body(&catalogue, &mut asked, &bytes).await?;
    let Json::Array(entities) = body else {
        return Err(Problem::data(
            "the body is no list; a list of entities is wanted",
        ));
    };
    if entities.is_empty() || entities.len() > BATCH {
        let found = entities.len();
        return Err(Problem::data(format!(
            "the list has {found} entities; 1 to {BATCH} are taken"
        )));
    }
    let became = write(&catalogue, &asked, &person, entities, manner).await?;
    let (mut done, mut created, mut waits, mut errors) = (vec![], vec![], vec![], vec![]);
    for one in became {
        match one {
            Became::Published { id, new } => {
                if new {
                    created.push(id.clone());
                }
                done.push(id);
            }
            Became::Waits { id, why } => {
                waits.push(json!({ "entityId": id, "detail": why }));
                done.push(id);
            }
            Became::Wrong { id, problem } => {
                errors.push(json!({ "entityId": id, "error": problem.json() }));
            }
        }
    }
    let (status, told) = if !errors.is_empty() {
        (
            StatusCode::MULTI_STATUS,
            json!({ "success": done, "errors": errors }),
        )
    } else if !waits.is_empty() {
        (
            StatusCode::ACCEPTED,
            json!({ "success": done, "waiting": waits }),
        )
    } else if created.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    } else {
        (StatusCode::CREATED, json!(created))
    };
    Ok((status, axum::Json(told)).into_response())
}

async fn write(
    catalogue: &Catalogue,
    asked: &Asked,
    person: &Person,
    entities: Vec<Json>,
    manner: Manner,
) -> Result<Vec<Became>, Problem> {
    let read = {
        let held = index(catalogue).await?;
        let target = |text: &str| held.target(text);
        read::read(&entities, &asked.context, &target, &held.settings().prefix)
    };
    let mut graph = Vec::new();
    let mut ids: BTreeSet<String> = BTreeSet::new();
    let mut entries: Vec<(Read, bool)> = Vec::new();
    let mut became: Vec<Became> = Vec::new();
    let wrong = |id: String, problem: Problem| Became::Wrong { id, problem };
    for one in read {
        let one = match one {
            Ok(one) => one,
            Err((id, why)) => {
                became.push(wrong(id, Problem::data(why)));
                continue;
            }
        };
        if !ids.insert(one.id.clone()) {
            became.push(wrong(one.id, Problem::data("the id is in the list twice")));
            continue;
        }
        let there = catalogue.ledger.by_iri(&one.iri).await?;
        let entry = matches!(one.kind, Kind::Dataset | Kind::DataService);
        match (&there, manner) {
            (Some(_), Manner::Create) if entry => {
                let why = format!("{} is there already", one.id);
                let exists = Problem::new(StatusCode::CONFLICT, "AlreadyExists", why);
                became.push(wrong(one.id, exists));
                continue;
            }
            (None, Manner::Update) if entry => {
                let why = format!("there is no entity {}", one.id);
                became.push(wrong(one.id, Problem::not_found(why)));
                continue;
            }
            _ => {}
        }
        graph.extend(one.triples.iter().cloned());
        let iri = canonical(&one.iri, &catalogue.public_url);
        let known = there.is_some() || index(catalogue).await?.id_of(&iri).is_some();
        entries.push((one, known));
    }
    let parsed = rdf::read(&graph, &catalogue.public_url);
    let drafts: Vec<Draft> = parsed.drafts;
    let told: Vec<(String, String)> = drafts
        .iter()
        .map(|d| (d.iri.clone(), d.slug.clone()))
        .collect();
    let (report, state) = person
        .bring(catalogue, "ngsi", drafts, "written as NGSI-LD")
        .await?;
    for (one, before) in entries {
        // What belongs to an entry goes with it; an agent that nothing names is kept by nobody.
        let entry = match one.kind {
            Kind::Dataset | Kind::DataService => one.iri.clone(),
            Kind::Distribution => one.iri.split('#').next().unwrap_or_default().to_owned(),
            _ => {
                let named = |t: &&(String, String)| {
                    let link = format!("<{}>", one.iri);
                    graph.iter().any(|g| {
                        g.subject.to_string() == format!("<{}>", t.0)
                            && g.object.to_string() == link
                    })
                };
                match told.iter().find(named) {
                    Some((iri, _)) => iri.clone(),
                    None => {
                        let why = "no Dataset or DataService of the same batch names this Agent";
                        became.push(wrong(one.id, Problem::data(why)));
                        continue;
                    }
                }
            }
        };
        let entry = canonical(&entry, &catalogue.public_url);
        let record = catalogue.ledger.by_iri(&entry).await?;
        let queued = |r: &Record| report.queued.contains(&r.slug);
        became.push(match record {
            Some(record) if record.state == Stage::Published && !queued(&record) => {
                let held = index(catalogue).await?;
                let iri = canonical(&one.iri, &catalogue.public_url);
                let id = held.id_of(&iri).unwrap_or(one.id);
                Became::Published { id, new: !before }
            }
            Some(_) if state == Stage::Suggested || record.as_ref().is_some_and(queued) => {
                let why = std::iter::once("a moderator decides".to_owned());
                let why: Vec<String> = why.chain(reasons(&report, &told, &entry)).collect();
                let why = why.join("; ");
                Became::Waits { id: one.id, why }
            }
            _ => {
                let mut why = reasons(&report, &told, &entry).join("; ");
                if why.is_empty() {
                    why = format!(
                        "{} is no entry of its own here",
                        catalogue.address(&one.iri)
                    );
                }
                wrong(one.id, Problem::data(format!("it was not taken: {why}")))
            }
        });
    }
    Ok(became)
}

/// What the catalogue found about an entry, `told` being the IRIs and names of all.
fn reasons(report: &Report, told: &[(String, String)], entry: &str) -> Vec<String> {
    let slug = told.iter().find(|t| t.0 == entry).map(|t| t.1.as_str());
    let all = report.findings.iter();
    let about = all.filter(|f| {
        f.entry.is_empty() || Some(f.entry.as_str()) == slug || f.entry == entry || told.len() == 1
    });
    about.map(|f| f.reason.clone()).collect()
}
