//! How entities changed: the published versions in the ledger (ETSI GS CIM 009, clauses 5.7.3, 5.7.4, 6.18,
//! 6.19). An instance of an attribute is observed when the version that says it was kept.
use super::entities::{form, made};
use super::{Answer, Asked, Problem, index};
use crate::catalogue::Catalogue;
use crate::http::Shared;
use crate::mapping::ngsi::form::{Form, Shape};
use crate::mapping::ngsi::query::{self, Query};
use crate::mapping::ngsi::{self, Entity, is_uri, micros, time};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode};
use serde_json::{Map, Value as Json, json};

const KNOWN: [&str; 15] = [
    "aggrMethods",
    "aggrPeriodDuration",
    "timerel",
    "timeAt",
    "endTimeAt",
    "timeproperty",
    "lastN",
    "attrs",
    "pick",
    "omit",
    "options",
    "format",
    "lang",
    "local",
    "type",
];
const SELECTING: [&str; 6] = ["id", "idPattern", "q", "limit", "offset", "count"];

/// Entities on a page, at most: each has its whole history.
const PAGE: usize = 100;

/// Which versions are asked for, in microseconds since the epoch: both ends are left out, as in clause
/// 4.11, but the beginning of `between`.
struct Span {
    from: i64,
    before: i64,
    last: Option<usize>,
    values: bool,
}

fn span(asked: &Asked, needed: bool) -> Result<Span, Problem> {
    let at = |name: &str| -> Result<Option<i64>, Problem> {
        let text = asked.get(name);
        let read = text.map(|text| {
            micros(text).filter(|_| text.len() > 10).ok_or_else(|| {
                Problem::data(format!(
                    "{name} is {text:?}; a date and time such as 2026-01-02T03:04:05Z is wanted"
                ))
            })
        });
        read.transpose()
    };
    let (start, end) = (at("timeAt")?, at("endTimeAt")?);
    let mut span = Span {
        from: i64::MIN,
        before: i64::MAX,
        last: asked.number("lastN", 1, usize::MAX)?,
        values: false,
    };
    for option in asked.get("options").into_iter().flat_map(|o| o.split(',')) {
        match option {
            "temporalValues" => span.values = true,
            "aggregatedValues" => {
                return Err(Problem::unsupported("aggregatedValues is not done here"));
            }
            _ => {}
        }
    }
    if let Some(name) = ["aggrMethods", "aggrPeriodDuration"]
        .iter()
        .find(|n| asked.get(n).is_some())
    {
        return Err(Problem::unsupported(format!(
            "{name}: nothing is aggregated here"
        )));
    }
    match asked.get("format") {
        Some("temporalValues") => span.values = true,
        Some("aggregatedValues") => {
            return Err(Problem::unsupported("aggregatedValues is not done here"));
        }
        _ => {}
    }
    if let Some(other) = asked.get("timeproperty")
        && !["observedAt", "modifiedAt", "createdAt"].contains(&other)
    {
        return Err(Problem::data(format!(
            "timeproperty is {other:?}; observedAt, modifiedAt or createdAt is wanted"
        )));
    }
    match (asked.get("timerel"), start, end) {
        (None, None, None) if !needed => {}
        (None, ..) => {
            return Err(Problem::data(
                "timerel is missing; before, after or between is wanted, with timeAt",
            ));
        }
        (Some("before"), Some(at), None) => span.before = at,
        (Some("after"), Some(at), None) => span.from = at.saturating_add(1),
        (Some("between"), Some(from), Some(to)) if from < to => {
            (span.from, span.before) = (from, to)
        }
        (Some("between"), Some(_), Some(_)) => {
            return Err(Problem::data("endTimeAt is not after timeAt"));
        }
        (Some("before" | "after"), ..) => {
            return Err(Problem::data(
                "timerel before and after have a timeAt and no endTimeAt",
            ));
        }
        (Some("between"), ..) => {
            return Err(Problem::data("timerel between has timeAt and endTimeAt"));
        }
        (Some(other), ..) => {
            return Err(Problem::data(format!(
                "timerel is {other:?}; before, after or between is wanted"
            )));
        }
    }
    Ok(span)
}

/// The form of each instance: `temporalValues` is a form of the whole.
fn instances(asked: &Asked) -> Result<(Form, Option<Vec<&'static str>>), Problem> {
    let mut plain = Asked {
        face: asked.face.clone(),
        parameters: asked.parameters.clone(),
        headers: asked.headers.clone(),
        context: asked.context.clone(),
        shown: asked.shown.clone(),
        link: asked.link.clone(),
        path: asked.path.clone(),
    };
    for name in ["options", "format"] {
        if let Some(given) = plain.parameters.remove(name) {
            let kept: Vec<&str> = given
                .split(',')
                .filter(|o| *o != "temporalValues")
                .collect();
            if !kept.is_empty() {
                plain.parameters.insert(name.to_owned(), kept.join(","));
            }
        }
    }
    let (form, attrs) = form(&plain)?;
    if form.shape == Shape::Simplified {
        return Err(Problem::data(
            "simplified is temporalValues where time is asked for",
        ));
    }
    Ok((form, attrs))
}

/// The versions of an entity with their times, oldest first.
async fn versions(catalogue: &Catalogue, now: Entity) -> Result<Vec<(i64, Entity)>, Problem> {
    let held = index(catalogue).await?;
    let settings = held.settings().clone();
    let record = held.record_of(&now.id).unwrap_or(0);
    drop(held);
    let latest = catalogue.ledger.by_ids(&[record]).await?.pop();
    let Some(latest) = latest else {
        // The catalogue's own has no versions in the ledger.
        let at = now.modified.max(catalogue.extent().issued);
        return Ok(vec![(at, now)]);
    };
    let mut out = Vec::new();
    for version in catalogue.ledger.versions(&latest).await? {
        let at = version.modified;
        let made = ngsi::entities(&version, &settings.origin());
        out.extend(made.into_iter().find(|e| e.id == now.id).map(|e| (at, e)));
    }
    Ok(out)
}

/// An entity with the instances of its attributes; `None` where none lies in the span.
async fn evolution(
    catalogue: &Catalogue,
    entity: Entity,
    form: &Form,
    span: &Span,
) -> Result<Option<Json>, Problem> {
    let head = {
        let mut bare = entity.clone();
        bare.attributes.clear();
        bare
    };
    let versions = versions(catalogue, entity).await?;
    let held = index(catalogue).await?;
    let names = |iri: &str| held.id_of(iri);
    let url = &catalogue.public_url;
    let mut out = form.entity(&head, &names, url);
    let members: Vec<String> = out.keys().cloned().collect();
    // Of each attribute, what was said last and its instances.
    let mut said: Map<String, Json> = Map::new();
    let mut all: Map<String, Json> = Map::new();
    for (at, version) in versions {
        for (name, value) in form.entity(&version, &names, url) {
            if members.contains(&name) || said.get(&name) == Some(&value) {
                continue;
            }
            said.insert(name.clone(), value.clone());
            if at < span.from || at >= span.before {
                continue;
            }
            let mut instance = match value {
                Json::Object(members)
                    if members.contains_key("type")
                        || members.contains_key("value")
                        || members.contains_key("object") =>
                {
                    members
                }
                other => Map::from_iter([("value".to_owned(), other)]),
            };
            instance.insert("observedAt".into(), time(at).into());
            let list = all.entry(name).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(Json::Object(instance));
            }
        }
    }
    for list in all.values_mut().filter_map(Json::as_array_mut) {
        // The latest first (clause 6.3.10 counts from there).
        list.reverse();
        list.truncate(span.last.unwrap_or(usize::MAX));
    }
    if all.is_empty() {
        return Ok(None);
    }
    for (name, list) in all {
        out.insert(name, if span.values { pairs(&list) } else { list });
    }
    Ok(Some(Json::Object(out)))
}

/// Instances as pairs of value and time (clause 4.5.8).
fn pairs(list: &Json) -> Json {
    let all = list.as_array().map_or(&[][..], Vec::as_slice);
    let member = |i: &Json| {
        let mut members = ["value", "object", "languageMap"].into_iter();
        members.find(|m| !i[m].is_null()).unwrap_or("value")
    };
    let first = all.first().unwrap_or(&Json::Null);
    let (name, kind) = match member(first) {
        "object" => ("objects", "Relationship"),
        "languageMap" => ("languageMaps", "LanguageProperty"),
        _ => ("values", first["type"].as_str().unwrap_or("Property")),
    };
    let pairs = all.iter().map(|i| json!([i[member(i)], i["observedAt"]]));
    let pairs: Json = pairs.collect();
    json!({ "type": kind, name: pairs })
}

/// `GET /temporal/entities/{id}`.
pub async fn one(State(catalogue): Shared, Path(id): Path<String>, asked: Asked) -> Answer {
    asked.only(&KNOWN)?;
    let media = asked.media(false)?;
    let span = span(&asked, false)?;
    let (form, attrs) = instances(&asked)?;
    if !is_uri(&id) {
        return Err(Problem::data(format!("{id:?} is no absolute URI")));
    }
    let query = Query {
        ids: vec![id.clone()],
        any: attrs,
        ..Query::default()
    };
    let row = index(&catalogue).await?.plan(&query).rows.min();
    let nothing = || {
        Problem::not_found(format!(
            "there is no entity {id}, or nothing of it at that time"
        ))
    };
    let made = made(&catalogue, &[row.ok_or_else(nothing)?]).await?;
    let (_, entity) = made.into_iter().next().ok_or_else(nothing)?;
    let found = evolution(&catalogue, entity, &form, &span).await?;
    Ok(asked.answer(StatusCode::OK, found.ok_or_else(nothing)?, media))
}

/// `GET /temporal/entities`.
pub async fn list(State(catalogue): Shared, asked: Asked) -> Answer {
    asked.only(&[&KNOWN[..], &SELECTING].concat())?;
    let media = asked.media(false)?;
    let span = span(&asked, true)?;
    let (form, attrs) = instances(&asked)?;
    let selects = ["id", "type", "attrs", "q"];
    if !asked.flag("local")? && !selects.iter().any(|name| asked.get(name).is_some()) {
        return Err(Problem::data(
            "nothing says which entities: id, type, attrs or q is wanted",
        ));
    }
    let limit = asked.number("limit", 1, PAGE)?.unwrap_or(20);
    let offset = asked.number("offset", 0, usize::MAX)?.unwrap_or(0);
    let mut query = Query {
        any: attrs,
        ..Query::default()
    };
    if let Some(ids) = asked.get("id") {
        query.ids = ids.split(',').map(|id| id.trim().to_owned()).collect();
        if let Some(wrong) = query.ids.iter().find(|id| !is_uri(id)) {
            return Err(Problem::data(format!("{wrong:?} is no absolute URI")));
        }
    }
    if let Some(kinds) = asked.get("type") {
        query.kinds = query::kinds(kinds, &asked.context).map_err(Problem::data)?;
    }
    if let Some(text) = asked.get("idPattern") {
        query.pattern = Some(query::pattern(text).map_err(Problem::data)?);
    }
    let held = index(&catalogue).await?;
    if let Some(q) = asked.get("q") {
        super::entities::follows(q)?;
        let target = |text: &str| held.target(text);
        query.filter = Some(query::filter(q, &asked.context, &target).map_err(Problem::data)?);
    }
    let plan = held.plan(&query);
    drop(held);
    let rows = match plan.exact {
        true => plan.rows,
        false => {
            super::entities::sift(&catalogue, std::slice::from_ref(&query), &plan.rows, None)
                .await?
        }
    };
    let start = u32::try_from(offset).ok().and_then(|n| rows.select(n));
    let page: Vec<u32> = start.map_or(Vec::new(), |s| rows.range(s..).take(limit).collect());
    let mut out = Vec::new();
    for (_, entity) in made(&catalogue, &page).await? {
        out.extend(evolution(&catalogue, entity, &form, &span).await?);
    }
    let mut response = asked.answer(StatusCode::OK, Json::Array(out), media);
    if asked.flag("count")? {
        let total = HeaderValue::from(rows.len());
        response.headers_mut().insert(super::COUNT, total);
    }
    Ok(response)
}
