//! Entities one by one and by query (ETSI GS CIM 009, clauses 5.7.1, 5.7.2, 6.4, 6.5 and 6.23).
use super::{Answer, Asked, Media, Problem, body, index, ours};
use crate::catalogue::Catalogue;
use crate::http::Shared;
use crate::mapping::ngsi::form::{Form, Shape, languages};
use crate::mapping::ngsi::query::{self, Query};
use crate::mapping::ngsi::{self, Entity, is_uri};
use crate::store::entities::{Entities, Plan};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use roaring::RoaringBitmap;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap};

/// Entities on a page: by default, and at most.
const PAGE: usize = 20;
pub const LONGEST: usize = 1_000;

/// Entities that are looked at one by one for a query that the index cannot answer alone.
const LOOKED_AT: u64 = 20_000;

/// How many of them at a time.
const AT_A_TIME: usize = 200;

const SELECTING: [&str; 12] = [
    "id",
    "type",
    "idPattern",
    "attrs",
    "q",
    "scopeQ",
    "georel",
    "geometry",
    "coordinates",
    "geoproperty",
    "local",
    "csf",
];
const WRITING: [&str; 6] = [
    "pick",
    "omit",
    "options",
    "format",
    "lang",
    "geometryProperty",
];
const PAGING: [&str; 4] = ["limit", "offset", "count", "onlyIds"];
/// Known to the specification, and not done here.
const UNDONE: [&str; 6] = [
    "join",
    "joinLevel",
    "containedBy",
    "orderBy",
    "datasetId",
    "entityMap",
];

/// What `attrs`, `pick` and so on choose, and in which form it is written.
pub(super) fn form(asked: &Asked) -> Result<(Form, Option<Vec<&'static str>>), Problem> {
    let mut form = Form {
        context: asked.shown.clone(),
        maps: asked.face.settings.language_maps,
        ..Form::default()
    };
    let shape = |name: &str| match name {
        "normalized" => Some(Shape::Normalized),
        "concise" => Some(Shape::Concise),
        "simplified" | "keyValues" => Some(Shape::Simplified),
        _ => None,
    };
    for option in asked.get("options").into_iter().flat_map(|o| o.split(',')) {
        match (option.trim(), shape(option.trim())) {
            (_, Some(shape)) => form.shape = shape,
            ("sysAttrs", _) => form.times = true,
            // How `count` was asked for once.
            ("count" | "", _) => {}
            (other, _) => {
                return Err(Problem::request(format!(
                    "options holds {other:?}; normalized, concise, simplified, keyValues, sysAttrs and count are known"
                )));
            }
        }
    }
    if let Some(name) = asked.get("format") {
        form.shape = shape(name).ok_or_else(|| {
            Problem::request(format!(
                "format is {name:?}; normalized, concise, simplified or keyValues is wanted"
            ))
        })?;
    }
    if let Some(lang) = asked.get("lang") {
        form.languages = languages(lang);
    }
    let attrs = asked
        .get("attrs")
        .map(|list| ours(asked, list))
        .transpose()?;
    choose(
        &mut form,
        attrs.clone(),
        asked
            .get("pick")
            .map(|list| ours_or_members(asked, list))
            .transpose()?,
        asked
            .get("omit")
            .map(|list| ours_or_members(asked, list))
            .transpose()?,
    )?;
    Ok((form, attrs))
}

/// Sets what is written: `attrs` leaves id and type where they are, `pick` does not (clause 4.21).
fn choose(
    form: &mut Form,
    attrs: Option<Vec<&'static str>>,
    pick: Option<Vec<String>>,
    omit: Option<Vec<String>>,
) -> Result<(), Problem> {
    if attrs.is_some() && (pick.is_some() || omit.is_some()) {
        let why = "attrs is given beside pick or omit; one of them says what is written";
        return Err(Problem::data(why));
    }
    if let (Some(pick), Some(omit)) = (&pick, &omit)
        && let Some(both) = pick.iter().find(|p| omit.contains(p))
    {
        return Err(Problem::data(format!(
            "{both:?} is both picked and omitted"
        )));
    }
    form.without = omit.unwrap_or_default();
    form.only = pick.or_else(|| {
        let always = ["id", "type", "createdAt", "modifiedAt"].map(str::to_owned);
        attrs.map(|names| names.into_iter().map(str::to_owned).chain(always).collect())
    });
    Ok(())
}

/// Names of attributes, or `id`, `type` and the times.
fn ours_or_members(asked: &Asked, list: &str) -> Result<Vec<String>, Problem> {
    let members = ["id", "type", "scope", "createdAt", "modifiedAt"];
    let named = |name: &&str| members.contains(name);
    let own = list
        .split(',')
        .map(str::trim)
        .filter(named)
        .map(str::to_owned);
    let own: Vec<String> = own.collect();
    Ok(ours(asked, list)?
        .into_iter()
        .map(str::to_owned)
        .chain(own)
        .collect())
}

fn undone(asked: &Asked) -> Result<(), Problem> {
    match UNDONE.iter().find(|name| asked.get(name).is_some()) {
        Some(name) if !asked.is_passed_on() => {
            Err(Problem::unsupported(format!("{name} is not done here")))
        }
        _ => Ok(()),
    }
}

/// One selector: id, type and idPattern, each of which may be missing.
fn selector(
    asked: &Asked,
    ids: Option<&str>,
    kinds: Option<&str>,
    pattern: Option<&str>,
) -> Result<Query, Problem> {
    let mut query = Query::default();
    for id in ids
        .into_iter()
        .flat_map(|ids| ids.split(','))
        .map(str::trim)
    {
        if !is_uri(id) {
            return Err(Problem::data(format!("{id:?} is no absolute URI")));
        }
        query.ids.push(id.to_owned());
    }
    if query.ids.len() > LONGEST {
        return Err(Problem::data(format!(
            "at most {LONGEST} ids are asked for"
        )));
    }
    if let Some(kinds) = kinds {
        query.kinds = query::kinds(kinds, &asked.context).map_err(Problem::data)?;
    }
    if let Some(text) = pattern {
        query.pattern = Some(query::pattern(text).map_err(Problem::data)?);
    }
    Ok(query)
}

/// The texts of `georel`, `geometry`, `coordinates` and `geoproperty`.
struct Geo<'q> {
    georel: Option<&'q str>,
    geometry: Option<&'q str>,
    coordinates: Option<Json>,
    property: Option<&'q str>,
}

/// Refuses a q that follows relationships (`uses{Dataset}.title`), which is not done here.
pub(super) fn follows(q: &str) -> Result<(), Problem> {
    // What stands in quotes is a text.
    match q.split('"').step_by(2).any(|part| part.contains('{')) {
        true => Err(Problem::unsupported(
            "q: no relationship is followed here; { and } are not taken",
        )),
        false => Ok(()),
    }
}

/// Conditions that all selectors share.
fn conditions(
    asked: &Asked,
    entities: &Entities,
    q: Option<&str>,
    scope: Option<&str>,
    geo: &Geo<'_>,
) -> Result<Query, Problem> {
    let mut query = Query::default();
    if let Some(q) = q {
        follows(q)?;
        let target = |text: &str| entities.target(text);
        let filter = query::filter(q, &asked.context, &target).map_err(Problem::data)?;
        query.filter = Some(filter);
    }
    if let Some(scope) = scope {
        query::scope(scope).map_err(Problem::data)?;
        query.scoped = true;
    }
    query.place = match (geo.georel, geo.geometry, &geo.coordinates) {
        (None, None, None) => None,
        (Some(georel), Some(kind), Some(coordinates)) => Some(
            query::place(georel, kind, coordinates, geo.property, &asked.context)
                .map_err(Problem::data)?,
        ),
        _ => {
            let why = "a geo query has georel, geometry and coordinates, all three";
            return Err(Problem::data(why));
        }
    };
    Ok(query)
}

/// `GET /entities`.
pub async fn list(State(catalogue): Shared, asked: Asked) -> Answer {
    let known: Vec<&str> = [&SELECTING[..], &WRITING, &PAGING, &UNDONE].concat();
    asked.only(&known)?;
    undone(&asked)?;
    let media = asked.media(true)?;
    let (form, attrs) = form(&asked)?;
    let local = asked.flag("local")?;
    let selects = ["id", "type", "attrs", "q", "georel", "scopeQ"];
    if !local && !selects.iter().any(|name| asked.get(name).is_some()) {
        let why = "nothing says which entities: id, type, attrs, q, georel or local=true is wanted";
        return Err(Problem::data(why));
    }
    let coordinates = asked.get("coordinates").map(|text| {
        serde_json::from_str(text)
            .map_err(|e| Problem::data(format!("coordinates is {text:?}, which is no JSON: {e}")))
    });
    let geo = Geo {
        georel: asked.get("georel"),
        geometry: asked.get("geometry"),
        coordinates: coordinates.transpose()?,
        property: asked.get("geoproperty"),
    };
    let mut query = selector(
        &asked,
        asked.get("id"),
        asked.get("type"),
        asked.get("idPattern"),
    )?;
    let held = index(&catalogue).await?;
    let shared = conditions(&asked, &held, asked.get("q"), asked.get("scopeQ"), &geo)?;
    drop(held);
    query = Query {
        any: attrs,
        filter: shared.filter,
        place: shared.place,
        scoped: shared.scoped,
        ..query
    };
    answer(&catalogue, &asked, &[query], &form, media).await
}

/// `POST /entityOperations/query` (clause 5.2.23).
pub async fn query(State(catalogue): Shared, mut asked: Asked, bytes: Bytes) -> Answer {
    let known: Vec<&str> = [
        &PAGING[..],
        &["options", "format", "local", "geometryProperty"],
    ]
    .concat();
    asked.only(&known)?;
    let media = asked.media(true)?;
    let body = body(&catalogue, &mut asked, &bytes).await?;
    let body = body
        .as_object()
        .ok_or_else(|| Problem::request("the body is no object; a Query is wanted"))?;
    if body.get("type") != Some(&json!("Query")) {
        return Err(Problem::data("type is not Query"));
    }
    let members = [
        "type", "entities", "attrs", "pick", "omit", "q", "geoQ", "scopeQ", "lang", "csf", "id",
    ];
    for name in body.keys() {
        if UNDONE.contains(&name.as_str()) || name == "temporalQ" {
            return Err(Problem::unsupported(format!("{name} is not done here")));
        }
        if !members.contains(&name.as_str()) {
            return Err(Problem::data(format!("{name:?} is no member of a Query")));
        }
    }
    let text = |name: &str| -> Result<Option<&str>, Problem> {
        match body.get(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(Problem::data(format!(
                "{name} is {other}; a text is wanted"
            ))),
        }
    };
    let names = |name: &str| -> Result<Option<String>, Problem> {
        let Some(list) = body.get(name) else {
            return Ok(None);
        };
        let all = list.as_array().filter(|all| !all.is_empty());
        let all = all.map(|all| all.iter().filter_map(Json::as_str).collect::<Vec<_>>());
        let given = list.as_array().map_or(0, Vec::len);
        match all.filter(|all| all.len() == given) {
            Some(all) => Ok(Some(all.join(","))),
            None => Err(Problem::data(format!(
                "{name} is {list}; a list of names is wanted"
            ))),
        }
    };
    let (mut form, _) = form(&asked)?;
    if let Some(lang) = text("lang")? {
        form.languages = languages(lang);
    }
    let attrs = names("attrs")?
        .map(|list| ours(&asked, &list))
        .transpose()?;
    let pick = names("pick")?
        .map(|list| ours_or_members(&asked, &list))
        .transpose()?;
    let omit = names("omit")?
        .map(|list| ours_or_members(&asked, &list))
        .transpose()?;
    choose(&mut form, attrs.clone(), pick, omit)?;
    let geo_q = match body.get("geoQ") {
        None => serde_json::Map::new(),
        Some(Json::Object(geo)) => geo.clone(),
        Some(other) => {
            return Err(Problem::data(format!(
                "geoQ is {other}; an object is wanted"
            )));
        }
    };
    let geo_text = |name: &str| geo_q.get(name).and_then(Json::as_str);
    let geo = Geo {
        georel: geo_text("georel"),
        geometry: geo_text("geometry"),
        // Some clients write the list as a text.
        coordinates: match geo_q.get("coordinates") {
            Some(Json::String(text)) => serde_json::from_str(text).ok(),
            other => other.cloned(),
        },
        property: geo_text("geoproperty"),
    };
    if !geo_q.is_empty()
        && (geo.georel.is_none() || geo.geometry.is_none() || geo.coordinates.is_none())
    {
        return Err(Problem::data(
            "geoQ has georel, geometry and coordinates, all three",
        ));
    }
    let mut selectors = Vec::new();
    match body.get("entities") {
        None => selectors.push(Query::default()),
        Some(Json::Array(all)) if !all.is_empty() => {
            for one in all {
                let of = |name: &str| one[name].as_str();
                if !one.is_object() || (of("type").is_none() && of("id").is_none()) {
                    return Err(Problem::data(format!(
                        "entities holds {one}; an object with type or id is wanted"
                    )));
                }
                // Several ids in one selector are a list.
                let ids = match &one["id"] {
                    Json::Array(ids) => {
                        let ids: Vec<&str> = ids.iter().filter_map(Json::as_str).collect();
                        Some(ids.join(","))
                    }
                    other => other.as_str().map(str::to_owned),
                };
                selectors.push(selector(
                    &asked,
                    ids.as_deref(),
                    of("type"),
                    of("idPattern"),
                )?);
            }
        }
        Some(other) => {
            return Err(Problem::data(format!(
                "entities is {other}; a list of selectors is wanted"
            )));
        }
    }
    let (q, scope) = (text("q")?, text("scopeQ")?);
    let selects =
        body.contains_key("entities") || attrs.is_some() || q.is_some() || scope.is_some();
    if !selects && geo.georel.is_none() && !asked.flag("local")? {
        return Err(Problem::data(
            "nothing says which entities: entities, attrs, q or geoQ is wanted",
        ));
    }
    let held = index(&catalogue).await?;
    let shared = conditions(&asked, &held, q, scope, &geo)?;
    drop(held);
    let queries: Vec<Query> = selectors
        .into_iter()
        .map(|s| Query {
            ids: s.ids,
            kinds: s.kinds,
            pattern: s.pattern,
            any: attrs.clone(),
            ..shared.clone()
        })
        .collect();
    answer(&catalogue, &asked, &queries, &form, media).await
}

/// Rows that any of some queries means.
fn plan(entities: &Entities, queries: &[Query]) -> Plan {
    let mut all = Plan {
        rows: RoaringBitmap::new(),
        exact: true,
    };
    for query in queries {
        let one = entities.plan(query);
        all.rows |= one.rows;
        all.exact &= one.exact;
    }
    all
}

/// Looks at entities one by one and keeps the rows that are meant.
pub(super) async fn sift(
    catalogue: &Catalogue,
    queries: &[Query],
    rows: &RoaringBitmap,
    enough: Option<usize>,
) -> Result<RoaringBitmap, Problem> {
    if rows.len() > LOOKED_AT {
        let why = format!(
            "{} entities would have to be looked at one by one, {LOOKED_AT} are; type, id or another condition narrows it",
            rows.len()
        );
        return Err(Problem::new(StatusCode::FORBIDDEN, "TooComplexQuery", why));
    }
    let mut found = RoaringBitmap::new();
    let rows: Vec<u32> = rows.iter().collect();
    for some in rows.chunks(AT_A_TIME) {
        for (row, entity) in made(catalogue, some).await? {
            if queries.iter().any(|q| q.matches(&entity)) {
                found.insert(row);
            }
        }
        if enough.is_some_and(|enough| found.len() as usize >= enough) {
            break;
        }
    }
    Ok(found)
}

/// Makes the entities of some rows, in their order. One that was let go of meanwhile is left out.
pub(super) async fn made(
    catalogue: &Catalogue,
    rows: &[u32],
) -> Result<Vec<(u32, Entity)>, Problem> {
    let held = index(catalogue).await?;
    let settings = held.settings().clone();
    let mut wanted: HashMap<String, u32> = HashMap::new();
    let mut records: Vec<i64> = Vec::new();
    for row in rows {
        if let Some((id, record)) = held.row(*row) {
            wanted.insert(id.to_owned(), *row);
            records.push(record);
        }
    }
    drop(held);
    records.sort_unstable();
    records.dedup();
    let own = records.first() == Some(&0);
    let mut out: BTreeMap<u32, Entity> = BTreeMap::new();
    let mut take = |entities: Vec<Entity>| {
        for entity in entities {
            if let Some(row) = wanted.get(&entity.id) {
                out.entry(*row).or_insert(entity);
            }
        }
    };
    if own {
        let extent = catalogue.extent();
        let (issued, modified) = (extent.issued, extent.modified);
        take(ngsi::catalogue(
            &catalogue.about,
            issued,
            modified,
            &settings.origin(),
        ));
    }
    for some in records.chunks(AT_A_TIME) {
        let records = catalogue.ledger.by_ids(some).await?;
        let make = || {
            let each = records
                .iter()
                .flat_map(|r| ngsi::entities(r, &settings.origin()));
            each.collect::<Vec<_>>()
        };
        // A few are made in less time than another thread takes to begin.
        take(match some.len() {
            0..4 => make(),
            _ => tokio::task::block_in_place(make),
        });
    }
    let order: HashMap<u32, usize> = rows.iter().enumerate().map(|(n, row)| (*row, n)).collect();
    let mut out: Vec<(u32, Entity)> = out.into_iter().collect();
    out.sort_by_key(|(row, _)| order.get(row).copied());
    Ok(out)
}

async fn answer(
    catalogue: &Catalogue,
    asked: &Asked,
    queries: &[Query],
    form: &Form,
    media: Media,
) -> Answer {
    let count = asked.flag("count")?
        || asked
            .get("options")
            .is_some_and(|o| o.split(',').any(|o| o == "count"));
    let only_ids = asked.flag("onlyIds")?;
    let given = asked.number("limit", 0, LONGEST)?;
    let offset = asked.number("offset", 0, usize::MAX)?.unwrap_or(0);
    if given == Some(0) && !count {
        return Err(Problem::data(
            "limit is 0, which asks for nothing but a count; count=true is wanted beside it",
        ));
    }
    // A broker asks for a list of ids without a limit and takes what it gets for all.
    let listed = queries.iter().map(|q| q.ids.len()).max().unwrap_or(0);
    let limit = given.unwrap_or_else(|| {
        if only_ids {
            usize::MAX
        } else {
            PAGE.max(listed)
        }
    });
    let held = index(catalogue).await?;
    let mut plan = match asked.is_loop(&held) {
        true => Plan {
            rows: RoaringBitmap::new(),
            exact: true,
        },
        false => plan(&held, queries),
    };
    drop(held);
    if !plan.exact {
        let enough = (!count).then(|| offset.saturating_add(limit).saturating_add(1));
        plan.rows = sift(catalogue, queries, &plan.rows, enough).await?;
    }
    let total = plan.rows.len();
    let start = u32::try_from(offset).ok().and_then(|n| plan.rows.select(n));
    let page: Vec<u32> = match start {
        Some(start) => plan.rows.range(start..).take(limit).collect(),
        None => Vec::new(),
    };
    let body = if only_ids {
        let held = index(catalogue).await?;
        let ids = page.iter().filter_map(|row| held.row(*row));
        ids.map(|(id, _)| Json::from(id)).collect()
    } else {
        let entities = made(catalogue, &page).await?;
        let held = index(catalogue).await?;
        let names = |iri: &str| held.id_of(iri);
        let url = &catalogue.public_url;
        if media == Media::Geo {
            let geometry = geometry(asked);
            let features = entities
                .iter()
                .map(|(_, e)| form.feature(e, &names, url, geometry));
            let features: Vec<Json> = features.collect();
            json!({ "type": "FeatureCollection", "features": features })
        } else {
            let all = entities
                .iter()
                .map(|(_, e)| Json::Object(form.entity(e, &names, url)));
            all.collect()
        }
    };
    let mut response = asked.answer(StatusCode::OK, body, media);
    let headers = response.headers_mut();
    if count {
        headers.insert(super::COUNT, HeaderValue::from(total));
    }
    let mut neighbour = |rel: &str, offset: usize| {
        let link = format!("<{}>; rel=\"{rel}\"", asked.at(catalogue, offset, limit));
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.append(header::LINK, link);
        }
    };
    // A page of a query by POST has no address.
    if limit > 0 && !asked.path.ends_with("/query") {
        if (offset as u64).saturating_add(page.len() as u64) < total && !page.is_empty() {
            neighbour("next", offset + limit);
        }
        if offset > 0 {
            neighbour("prev", offset.saturating_sub(limit));
        }
    }
    Ok(response)
}

/// Our name of the attribute that a feature's geometry is taken from.
fn geometry(asked: &Asked) -> &'static str {
    let name = asked.get("geometryProperty").unwrap_or("location");
    asked.context.ours_of(name).unwrap_or_default()
}

impl Asked {
    /// The address of another page of the same list.
    pub(super) fn at(&self, catalogue: &Catalogue, offset: usize, limit: usize) -> String {
        use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
        const KEPT: &AsciiSet = &NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'.')
            .remove(b'_')
            .remove(b'~');
        let root = catalogue.public_url.trim_end_matches('/');
        let path = self
            .path
            .find("/ngsi-ld/")
            .map_or(self.path.as_str(), |n| &self.path[n..]);
        let mut url = format!("{root}{path}?");
        for (name, value) in &self.parameters {
            if name != "offset" && name != "limit" {
                url += &format!("{name}={}&", utf8_percent_encode(value, KEPT));
            }
        }
        url + &format!("limit={limit}&offset={offset}")
    }
}

/// `GET /entities/{id}`.
pub async fn one(State(catalogue): Shared, Path(id): Path<String>, asked: Asked) -> Answer {
    let known: Vec<&str> = [&WRITING[..], &["type", "local", "attrs"], &UNDONE].concat();
    asked.only(&known)?;
    undone(&asked)?;
    let media = asked.media(true)?;
    let (form, attrs) = form(&asked)?;
    let query = selector(&asked, Some(&id), asked.get("type"), None)?;
    let query = Query {
        any: attrs,
        ..query
    };
    let held = index(&catalogue).await?;
    if asked.is_loop(&held) {
        let why = "this request has been here before, by its Via header";
        return Err(Problem::new(StatusCode::LOOP_DETECTED, "LoopDetected", why));
    }
    let row = held.plan(&query).rows.min();
    drop(held);
    let nothing = || {
        Problem::not_found(format!(
            "there is no entity {id}, or none of what is asked of it"
        ))
    };
    let made = made(&catalogue, &[row.ok_or_else(nothing)?]).await?;
    let (_, entity) = made.into_iter().next().ok_or_else(nothing)?;
    let held = index(&catalogue).await?;
    let names = |iri: &str| held.id_of(iri);
    let body = match media {
        Media::Geo => form.feature(&entity, &names, &catalogue.public_url, geometry(&asked)),
        _ => Json::Object(form.entity(&entity, &names, &catalogue.public_url)),
    };
    Ok(asked.answer(StatusCode::OK, body, media))
}
