//! Which types and attributes there are (ETSI GS CIM 009, clauses 5.7.5 to 5.7.10), and who we are (5.15.1).
use super::{Answer, Asked, Problem, index, name};
use crate::http::Shared;
use crate::mapping::ngsi::{self, Kind};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value as Json, json};

/// The attributes that entities of a type have, with what each is.
fn of_type(all: &[(&'static str, Vec<(Kind, u64)>)], kind: Kind) -> Vec<&'static str> {
    let has = |counts: &[(Kind, u64)]| counts.iter().any(|(k, _)| *k == kind);
    let found = all.iter().filter(|(_, counts)| has(counts));
    found.map(|(name, _)| *name).collect()
}

/// `GET /types`.
pub async fn types(State(catalogue): Shared, asked: Asked) -> Answer {
    asked.only(&["details", "local"])?;
    let media = asked.media(false)?;
    let details = asked.flag("details")?;
    let held = index(&catalogue).await?;
    let kinds = held.kinds();
    let context = &asked.context;
    if details {
        let attributes: Vec<_> = held.attributes().collect();
        let each = kinds.iter().map(|(kind, _)| {
            let names = of_type(&attributes, *kind).into_iter();
            let names: Vec<String> = names.map(|n| context.compact(n)).collect();
            json!({
                "id": ngsi::context::iri(kind.name()),
                "type": "EntityType",
                "typeName": context.compact(kind.name()),
                "attributeNames": names,
            })
        });
        let all: Json = each.collect();
        return Ok(asked.answer(StatusCode::OK, all, media));
    }
    let names: Vec<String> = kinds
        .iter()
        .map(|(k, _)| context.compact(k.name()))
        .collect();
    let body = json!({
        "id": format!("urn:ngsi-ld:EntityTypeList:{}", held.settings().prefix),
        "type": "EntityTypeList",
        "typeList": names,
    });
    Ok(asked.answer(StatusCode::OK, body, media))
}

/// `GET /types/{type}`.
pub async fn one_type(
    State(catalogue): Shared,
    Path(wanted): Path<String>,
    asked: Asked,
) -> Answer {
    asked.only(&["local"])?;
    let media = asked.media(false)?;
    let ours = named(&asked, &wanted)?;
    let held = index(&catalogue).await?;
    let found = held
        .kinds()
        .into_iter()
        .find(|(k, _)| Some(k.name()) == ours);
    let Some((kind, count)) = found else {
        return Err(Problem::not_found(format!(
            "there is no entity of the type {wanted}"
        )));
    };
    let attributes: Vec<_> = held.attributes().collect();
    let details = of_type(&attributes, kind).into_iter().map(|name| {
        json!({
            "id": ngsi::context::iri(name),
            "type": "Attribute",
            "attributeName": asked.context.compact(name),
            "attributeTypes": [ngsi::sort_of(name)],
        })
    });
    let body = json!({
        "id": ngsi::context::iri(kind.name()),
        "type": "EntityTypeInfo",
        "typeName": asked.context.compact(kind.name()),
        "entityCount": count,
        "attributeDetails": details.collect::<Json>(),
    });
    Ok(asked.answer(StatusCode::OK, body, media))
}

/// `GET /attributes`.
pub async fn attributes(State(catalogue): Shared, asked: Asked) -> Answer {
    asked.only(&["details", "local"])?;
    let media = asked.media(false)?;
    let details = asked.flag("details")?;
    let held = index(&catalogue).await?;
    let context = &asked.context;
    if details {
        let each = held.attributes().map(|(name, counts)| {
            let types = counts.iter().map(|(k, _)| context.compact(k.name()));
            json!({
                "id": ngsi::context::iri(name),
                "type": "Attribute",
                "attributeName": context.compact(name),
                "typeNames": types.collect::<Vec<_>>(),
            })
        });
        let all: Json = each.collect();
        return Ok(asked.answer(StatusCode::OK, all, media));
    }
    let names: Vec<String> = held.attributes().map(|(n, _)| context.compact(n)).collect();
    let body = json!({
        "id": format!("urn:ngsi-ld:AttributeList:{}", held.settings().prefix),
        "type": "AttributeList",
        "attributeList": names,
    });
    Ok(asked.answer(StatusCode::OK, body, media))
}

/// `GET /attributes/{attribute}`.
pub async fn one_attribute(
    State(catalogue): Shared,
    Path(wanted): Path<String>,
    asked: Asked,
) -> Answer {
    asked.only(&["local"])?;
    let media = asked.media(false)?;
    let ours = named(&asked, &wanted)?;
    let held = index(&catalogue).await?;
    let found = held.attributes().find(|(name, _)| Some(*name) == ours);
    let Some((name, counts)) = found else {
        return Err(Problem::not_found(format!(
            "no entity has the attribute {wanted}"
        )));
    };
    let types = counts.iter().map(|(k, _)| asked.context.compact(k.name()));
    let body = json!({
        "id": ngsi::context::iri(name),
        "type": "Attribute",
        "attributeName": asked.context.compact(name),
        "attributeCount": counts.iter().map(|(_, n)| n).sum::<u64>(),
        "attributeTypes": [ngsi::sort_of(name)],
        "typeNames": types.collect::<Vec<_>>(),
    });
    Ok(asked.answer(StatusCode::OK, body, media))
}

fn named(asked: &Asked, wanted: &str) -> Result<Option<&'static str>, Problem> {
    match super::ours(asked, wanted)?[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(Problem::data(format!("{wanted:?} is more than one name"))),
    }
}

/// `GET /info/sourceIdentity`.
pub async fn identity(State(catalogue): Shared, asked: Asked) -> Answer {
    asked.only(&[])?;
    let media = asked.media(false)?;
    let held = index(&catalogue).await?;
    let now = crate::catalogue::now();
    let body = json!({
        "id": held.settings().instance,
        "type": "ContextSourceIdentity",
        "contextSourceAlias": name(&held),
        "contextSourceUptime": format!("PT{}S", (now - asked.face.began) / 1_000_000),
        "contextSourceTimeAt": ngsi::time(now),
    });
    Ok(asked.answer(StatusCode::OK, body, media))
}
