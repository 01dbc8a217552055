//! Subscriptions (ETSI GS CIM 009, clauses 5.2.12, 5.2.14, 5.2.15 and 5.8): what one asks for, whether a step of
//! an entity from one version to the next raises a notification, and what that says.
use super::context::{self, Context};
use super::form::{Form, Names, Shape, languages};
use super::query::{self, Query, Targets};
use super::{Content, Entity, KINDS, Kind, is_uri, micros, sort_of, time};
use serde_json::{Map, Value as Json, json};
use std::time::Duration;

/// Most selectors, names in a list, and pairs of texts; longest text, in bytes.
const MOST: usize = 100;
const LENGTH: usize = 4_096;

/// Longest time that an endpoint is waited for, and the one by default.
const LONGEST: Duration = Duration::from_secs(600);
const USUAL: Duration = Duration::from_secs(30);

/// What an attribute that went away says (clause 4.5.0).
pub const NULL: &str = "urn:ngsi-ld:null";

/// Levels of linked entities that are sent along.
const LEVELS: u64 = 5;

/// Why a subscription is refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What it says is wrong.
    Data(String),
    /// It asks for what is not offered.
    Unsupported(String),
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self::Data(why)
    }
}

type Read<T> = Result<T, Refusal>;

fn wrong<T>(why: impl Into<String>) -> Read<T> {
    Err(Refusal::Data(why.into()))
}

/// What raises a notification; `entityUpdated` is the three about attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Triggers {
    pub entity_created: bool,
    pub entity_deleted: bool,
    pub attribute_created: bool,
    pub attribute_updated: bool,
    pub attribute_deleted: bool,
}

/// The form of a notification (clause 5.2.15, `accept`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    Json,
    Linked,
    Geo,
}

impl Media {
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Linked => "application/ld+json",
            Self::Geo => "application/geo+json",
        }
    }
}

/// Where notifications go, and how.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub uri: String,
    pub media: Media,
    pub timeout: Duration,
    /// The pause after a failure, where one is wished.
    pub cooldown: Option<Duration>,
    /// Headers, or what metadata holds beside them (clause 7.2).
    pub receiver: Vec<(String, String)>,
    pub mqtt: Mqtt,
}

/// How MQTT is spoken (clause 7.2): version 5 unless 3.1.1 is wished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mqtt {
    pub version: u8,
    pub qos: u8,
}

impl Endpoint {
    pub fn is_mqtt(&self) -> bool {
        self.uri.starts_with("mqtt")
    }
}

/// Entities that are linked are sent along: within, or beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    pub inline: bool,
    pub level: u64,
}

/// A subscription as it is matched.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub selectors: Vec<Query>,
    pub triggers: Triggers,
    /// Changes of these alone count.
    pub watched: Option<Vec<&'static str>>,
    /// Seconds between notifications of all that matches, whatever changes.
    pub interval: Option<f64>,
    /// Least seconds between two notifications.
    pub throttling: Option<f64>,
    /// Microseconds since the epoch.
    pub expires: Option<i64>,
    pub active: bool,
    pub form: Form,
    pub changes: bool,
    pub join: Option<Join>,
    pub endpoint: Endpoint,
}

/// A member that may be missing.
struct Members<'m> {
    of: &'static str,
    map: &'m Map<String, Json>,
}

impl<'m> Members<'m> {
    fn new(of: &'static str, json: &'m Json, known: &[&str]) -> Read<Self> {
        let Some(map) = json.as_object() else {
            return wrong(format!("{of} is {json}; an object is wanted"));
        };
        match map.keys().find(|k| !known.contains(&k.as_str())) {
            Some(name) => wrong(format!(
                "{name:?} is no member of {of}; known are {}",
                known.join(", ")
            )),
            None => Ok(Self { of, map }),
        }
    }

    fn read<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl Fn(&'m Json) -> Option<T>,
    ) -> Read<Option<T>> {
        let Some(json) = self.map.get(name) else {
            return Ok(None);
        };
        match read(json) {
            Some(value) => Ok(Some(value)),
            None => wrong(format!(
                "{name} of {} is {json}; {wanted} is wanted",
                self.of
            )),
        }
    }

    fn text(&self, name: &str) -> Read<Option<&'m str>> {
        let short = |j: &'m Json| j.as_str().filter(|t| t.len() <= LENGTH);
        self.read(name, "a text", short)
    }

    fn flag(&self, name: &str) -> Read<Option<bool>> {
        self.read(name, "true or false", Json::as_bool)
    }

    fn above(&self, name: &str, least: f64) -> Read<Option<f64>> {
        let wanted = format!("a number from {least}");
        // More than a century is a slip.
        let fits = |n: &f64| *n >= least && *n <= 4e12;
        self.read(name, &wanted, |j| j.as_f64().filter(fits))
    }

    fn names(&self, name: &str) -> Read<Option<Vec<&'m str>>> {
        let list = |json: &'m Json| {
            let all = json.as_array()?;
            let names = all.iter().map(|n| n.as_str().filter(|n| is_name(n)));
            (1..=MOST).contains(&all.len()).then_some(())?;
            names.collect()
        };
        self.read(name, "a list of one name or more", list)
    }

    fn pairs(&self, name: &str) -> Read<Vec<(String, String)>> {
        let list = |json: &'m Json| {
            let all = json.as_array().filter(|all| all.len() <= MOST)?;
            let pair = |pair: &Json| {
                let of = |name: &str| Some(pair.get(name)?.as_str()?.to_owned());
                let (key, value) = (of("key")?, of("value")?);
                (pair.as_object()?.len() == 2 && value.len() <= LENGTH).then_some((key, value))
            };
            all.iter().map(pair).collect()
        };
        let wanted = "a list of objects with key and value, both texts,";
        Ok(self.read(name, wanted, list)?.unwrap_or_default())
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !"<>\"'=;()[]{}|,".contains(c);
    !text.is_empty() && text.len() <= LENGTH && text.chars().all(plain)
}

/// Members of a subscription, and those that are said by us alone.
const MEMBERS: [&str; 22] = [
    "id",
    "type",
    "subscriptionName",
    "description",
    "entities",
    "watchedAttributes",
    "notificationTrigger",
    "timeInterval",
    "q",
    "geoQ",
    "scopeQ",
    "csf",
    "temporalQ",
    "lang",
    "datasetId",
    "jsonldContext",
    "isActive",
    "expiresAt",
    "throttling",
    "notification",
    "local",
    "@context",
];
pub const OURS: [&str; 3] = ["status", "createdAt", "modifiedAt"];
const NOTIFICATION: [&str; 9] = [
    "attributes",
    "pick",
    "omit",
    "format",
    "sysAttrs",
    "showChanges",
    "join",
    "joinLevel",
    "endpoint",
];
pub const COUNTED: [&str; 7] = [
    "status",
    "timesSent",
    "timesFailed",
    "lastNotification",
    "lastSuccess",
    "lastFailure",
    "lastErrorReason",
];

/// Leaves out what only we say (clause 5.2.12): a client may send back what it read.
pub fn strip(json: &mut Json) {
    if let Some(members) = json.as_object_mut() {
        members.retain(|name, _| !OURS.contains(&name.as_str()));
    }
    if let Some(members) = json.get_mut("notification").and_then(Json::as_object_mut) {
        members.retain(|name, _| !COUNTED.contains(&name.as_str()));
    }
}

/// Puts a fragment over a document (RFC 7396): null removes.
pub fn merge(document: &mut Json, fragment: &Json) {
    let Json::Object(fragment) = fragment else {
        *document = fragment.clone();
        return;
    };
    if !document.is_object() {
        *document = json!({});
    }
    let Json::Object(members) = document else {
        return;
    };
    for (name, value) in fragment {
        match value {
            Json::Null => {
                members.remove(name);
            }
            value => merge(members.entry(name).or_insert(Json::Null), value),
        }
    }
}

/// In which @context names of a subscription are meant, and in which those of its notifications are written.
pub struct Contexts<'c> {
    pub meant: &'c Context,
    pub written: &'c Context,
    pub maps: bool,
}

impl Subscription {
    /// Reads a subscription as a client writes it, without what only we say. `targets` finds what comparisons
    /// with ids of entities mean.
    ///
    /// # Errors
    /// Says what of it is wrong, or not offered.
    pub fn read(json: &Json, contexts: &Contexts<'_>, targets: Targets<'_>) -> Read<Self> {
        let members = Members::new("a Subscription", json, &MEMBERS)?;
        if members.map.get("type").and_then(Json::as_str) != Some("Subscription") {
            return wrong("type is not Subscription");
        }
        for name in ["csf", "temporalQ"] {
            if members.map.contains_key(name) {
                return Err(Refusal::Unsupported(format!("{name} is not done here")));
            }
        }
        if let Some(id) = members.map.get("id")
            && !id.as_str().is_some_and(is_uri)
        {
            return wrong(format!("id is {id}; an absolute URI is wanted"));
        }
        for name in ["subscriptionName", "description", "jsonldContext"] {
            members.text(name)?;
        }
        members.flag("local")?;
        let watched = members.names("watchedAttributes")?;
        let interval = members.above("timeInterval", 1.0)?;
        let throttling = members.above("throttling", 1.0)?;
        if interval.is_some() && (watched.is_some() || throttling.is_some()) {
            return wrong(
                "timeInterval stands beside watchedAttributes or throttling; one is wanted",
            );
        }
        let expires = members.read("expiresAt", "a date and time", |j| micros(j.as_str()?))?;
        let Some(notification) = members.map.get("notification") else {
            return wrong("notification is missing; it says where to");
        };
        let notification = Members::new("notification", notification, &NOTIFICATION)?;
        let Some(endpoint) = notification.map.get("endpoint") else {
            return wrong("endpoint of notification is missing");
        };
        let shape = match notification.text("format")? {
            None | Some("normalized") => Shape::Normalized,
            Some("concise") => Shape::Concise,
            Some("simplified" | "keyValues") => Shape::Simplified,
            Some(other) => {
                return wrong(format!(
                    "format is {other:?}; normalized, concise, simplified or keyValues is wanted"
                ));
            }
        };
        let changes = notification.flag("showChanges")?.unwrap_or(false);
        if changes && shape == Shape::Simplified {
            return wrong("showChanges needs normalized or concise; simplified has no room for it");
        }
        let mut form = Form {
            shape,
            context: contexts.written.clone(),
            times: notification.flag("sysAttrs")?.unwrap_or(false),
            languages: members.text("lang")?.map(languages).unwrap_or_default(),
            maps: contexts.maps,
            ..Form::default()
        };
        choose(&mut form, &notification, contexts.meant)?;
        // No attribute of ours has a datasetId.
        let data_set = members.map.get("datasetId").map(|d| match d {
            Json::Array(all) => all.iter().collect(),
            one => vec![one],
        });
        if data_set.is_some_and(|all: Vec<&Json>| !all.contains(&&json!("@none"))) {
            form.only = Some(["id", "type"].map(str::to_owned).into());
        }
        Ok(Self {
            selectors: selectors(&members, watched.is_some(), contexts.meant, targets)?,
            triggers: triggers(&members)?,
            watched: watched.map(|all| {
                all.iter()
                    .filter_map(|n| contexts.meant.ours_of(n))
                    .collect()
            }),
            interval,
            throttling,
            expires,
            active: members.flag("isActive")?.unwrap_or(true),
            form,
            changes,
            join: join(&notification)?,
            endpoint: Endpoint::read(endpoint)?,
        })
    }

    pub fn is_running(&self, now: i64) -> bool {
        self.active && self.expires.is_none_or(|at| at > now)
    }

    /// The types, where it asks for some.
    pub fn kinds(&self) -> Vec<Kind> {
        let all = KINDS.iter().map(|k| k.0);
        let of = |q: &Query, kind| q.kinds.as_ref().is_none_or(|k| k.contains(&kind));
        all.filter(|kind| self.selectors.iter().any(|q| of(q, *kind)))
            .collect()
    }

    /// The ids, where it asks for nothing else.
    pub fn ids(&self) -> Option<Vec<&str>> {
        let named = |q: &Query| !q.ids.is_empty();
        let all = || self.selectors.iter().flat_map(|q| &q.ids);
        let only = self.selectors.iter().all(named);
        only.then(|| all().map(String::as_str).collect())
    }

    /// Whether a step raises a notification.
    pub fn wants(&self, step: &Step<'_>) -> bool {
        let counts = |names: &[&'static str]| match &self.watched {
            None => !names.is_empty(),
            Some(watched) => names.iter().any(|n| watched.contains(n)),
        };
        let t = &self.triggers;
        let raised = match (step.old, step.new) {
            (None, Some(_)) => (t.entity_created || t.attribute_created) && counts(&step.added),
            // Of what was purged, no attribute is known.
            (Some(_), None) => t.entity_deleted && (self.watched.is_none() || counts(&step.lost)),
            _ => {
                (t.attribute_created && counts(&step.added))
                    || (t.attribute_updated && counts(&step.altered))
                    || (t.attribute_deleted && counts(&step.lost))
            }
        };
        raised
            && (step.new.or(step.old))
                .is_some_and(|entity| self.selectors.iter().any(|q| q.matches(entity)))
    }

    /// What a notification says of a step.
    pub fn told(&self, step: &Step<'_>, names: Names<'_>, public_url: &str) -> Json {
        let form = &self.form;
        let mut out = match (step.new, step.old) {
            (Some(new), _) => form.entity(new, names, public_url),
            (None, Some(old)) => {
                let bare = Form {
                    only: Some(
                        ["id", "type", "createdAt", "modifiedAt"]
                            .map(str::to_owned)
                            .into(),
                    ),
                    without: Vec::new(),
                    ..form.clone()
                };
                let mut out = bare.entity(old, names, public_url);
                out.insert("deletedAt".into(), time(step.at).into());
                out
            }
            (None, None) => Map::new(),
        };
        let Some(old) = step.old else {
            return self.finished(out, step.new);
        };
        let before = Form {
            shape: Shape::Normalized,
            times: false,
            ..form.clone()
        };
        let before = before.entity(old, names, public_url);
        let lost = match step.new {
            Some(_) => self.triggers.attribute_deleted,
            // Of an entity that went, its attributes are told where changes are.
            None => self.changes,
        };
        for name in step.lost.iter().filter(|_| lost) {
            let key = form.context.compact(name);
            if !before.contains_key(&key) {
                continue;
            }
            let gone = self.gone(name, old, step.at);
            out.insert(key, gone);
        }
        if self.changes {
            for name in step.altered.iter().chain(&step.lost) {
                let key = form.context.compact(name);
                let was = before.get(&key).and_then(previous);
                let (Some((member, was)), Some(now)) = (was, out.get_mut(&key)) else {
                    continue;
                };
                if now.get("type").is_none_or(Json::is_null) && !is_attribute(now) {
                    // A value that stands alone makes room.
                    *now = json!({ "value": now.take() });
                }
                now[member] = was;
            }
        }
        self.finished(out, step.new)
    }

    /// What a notification says of an entity that just matches.
    pub fn shown(&self, entity: &Entity, names: Names<'_>, public_url: &str) -> Json {
        self.finished(self.form.entity(entity, names, public_url), Some(entity))
    }

    /// As a GeoJSON feature where that is wished.
    fn finished(&self, mut out: Map<String, Json>, entity: Option<&Entity>) -> Json {
        if self.endpoint.media != Media::Geo {
            return Json::Object(out);
        }
        let place = match entity.and_then(|e| e.get("location")) {
            Some(Content::Place(place)) => place.clone(),
            _ => Json::Null,
        };
        let id = out.remove("id");
        json!({ "id": id, "type": "Feature", "geometry": place, "properties": out })
    }

    /// An attribute that went.
    fn gone(&self, name: &str, old: &Entity, at: i64) -> Json {
        let form = &self.form;
        let is_map = form.maps
            && form.languages.is_empty()
            && matches!(old.get(name), Some(Content::Texts(_)));
        let (kind, member, value) = match sort_of(name) {
            _ if is_map => ("LanguageProperty", "languageMap", json!({ "@none": NULL })),
            "Relationship" => ("Relationship", "object", NULL.into()),
            kind => (kind, "value", NULL.into()),
        };
        if form.shape == Shape::Simplified {
            return NULL.into();
        }
        let mut out = Map::new();
        if form.shape == Shape::Normalized {
            out.insert("type".into(), kind.into());
        }
        out.insert(member.into(), value);
        if form.times {
            out.insert("deletedAt".into(), time(at).into());
        }
        Json::Object(out)
    }
}

fn is_attribute(json: &Json) -> bool {
    let has = |m: &str| json.get(m).is_some();
    has("value") || has("object") || has("languageMap")
}

/// The member that tells what an attribute said before, and what that was (clause 5.2.14, `showChanges`).
fn previous(attribute: &Json) -> Option<(&'static str, Json)> {
    [
        ("value", "previousValue"),
        ("object", "previousObject"),
        ("languageMap", "previousLanguageMap"),
    ]
    .into_iter()
    .find_map(|(now, then)| Some((then, attribute.get(now)?.clone())))
}

fn triggers(members: &Members<'_>) -> Read<Triggers> {
    let Some(names) = members.names("notificationTrigger")? else {
        return Ok(Triggers {
            attribute_created: true,
            attribute_updated: true,
            ..Triggers::default()
        });
    };
    let mut t = Triggers::default();
    for name in names {
        match name {
            "entityCreated" => t.entity_created = true,
            "entityDeleted" => t.entity_deleted = true,
            "attributeCreated" => t.attribute_created = true,
            "attributeUpdated" => t.attribute_updated = true,
            "attributeDeleted" => t.attribute_deleted = true,
            "entityUpdated" => {
                t.attribute_created = true;
                t.attribute_updated = true;
                t.attribute_deleted = true;
            }
            other => {
                return wrong(format!(
                    "notificationTrigger holds {other:?}; entityCreated, entityUpdated, entityDeleted, attributeCreated, attributeUpdated and attributeDeleted are known"
                ));
            }
        }
    }
    Ok(t)
}

fn selectors(
    members: &Members<'_>,
    watches: bool,
    context: &Context,
    targets: Targets<'_>,
) -> Read<Vec<Query>> {
    let mut shared = Query::default();
    if let Some(q) = members.text("q")? {
        shared.filter = Some(query::filter(q, context, targets)?);
    }
    if let Some(scope) = members.text("scopeQ")? {
        query::scope(scope)?;
        shared.scoped = true;
    }
    if let Some(geo) = members.map.get("geoQ") {
        let known = ["georel", "geometry", "coordinates", "geoproperty"];
        let geo = Members::new("geoQ", geo, &known)?;
        // Some clients write the list as a text.
        let coordinates = match geo.map.get("coordinates") {
            Some(Json::String(text)) => serde_json::from_str(text).ok(),
            other => other.cloned(),
        };
        let (georel, geometry) = (geo.text("georel")?, geo.text("geometry")?);
        let (Some(georel), Some(geometry), Some(coordinates)) = (georel, geometry, coordinates)
        else {
            return wrong("geoQ has georel, geometry and coordinates, all three");
        };
        let property = geo.text("geoproperty")?;
        let place = query::place(georel, geometry, &coordinates, property, context)?;
        shared.place = Some(place);
    }
    let Some(entities) = members.map.get("entities") else {
        if !watches {
            return wrong("nothing says which entities: entities or watchedAttributes is wanted");
        }
        return Ok(vec![shared]);
    };
    let all = entities
        .as_array()
        .filter(|a| (1..=MOST).contains(&a.len()));
    let Some(all) = all else {
        return wrong(format!(
            "entities is {entities}; a list of 1 to {MOST} selectors is wanted"
        ));
    };
    let mut out = Vec::new();
    for one in all {
        let one = Members::new("entities", one, &["id", "idPattern", "type"])?;
        let mut query = shared.clone();
        let ids = one.read("id", "an absolute URI", |json| match json {
            Json::Array(all) if (1..=MOST).contains(&all.len()) => {
                all.iter().map(Json::as_str).collect::<Option<Vec<_>>>()
            }
            one => Some(vec![one.as_str()?]),
        })?;
        for id in ids.into_iter().flatten() {
            if !is_uri(id) {
                return wrong(format!(
                    "id of entities is {id:?}; an absolute URI is wanted"
                ));
            }
            query.ids.push(id.to_owned());
        }
        let Some(kinds) = one.text("type")? else {
            return wrong("type of entities is missing; * is any");
        };
        query.kinds = query::kinds(kinds, context)?;
        if let Some(pattern) = one.text("idPattern")? {
            query.pattern = Some(query::pattern(pattern)?);
        }
        out.push(query);
    }
    Ok(out)
}

/// Sets what is written: `attributes` leaves id and type where they are, `pick` does not (clause 4.21).
fn choose(form: &mut Form, notification: &Members<'_>, context: &Context) -> Read<()> {
    let attributes = notification.names("attributes")?;
    let (pick, omit) = (notification.names("pick")?, notification.names("omit")?);
    if attributes.is_some() && (pick.is_some() || omit.is_some()) {
        return wrong("attributes stands beside pick or omit; one of them says what is written");
    }
    if let (Some(pick), Some(omit)) = (&pick, &omit)
        && let Some(both) = pick.iter().find(|p| omit.contains(p))
    {
        return wrong(format!("{both:?} is both picked and omitted"));
    }
    let members = ["id", "type", "createdAt", "modifiedAt"];
    let ours = |name: &&str| match members.iter().find(|m| *m == name) {
        Some(member) => Some((*member).to_owned()),
        None => context.ours_of(name).map(str::to_owned),
    };
    let all = |names: Vec<&str>| names.iter().filter_map(ours).collect::<Vec<_>>();
    let with_members = |names| {
        let mut all = all(names);
        all.extend(members.map(str::to_owned));
        all
    };
    form.only = pick.map(&all).or_else(|| attributes.map(with_members));
    form.without = omit.map(&all).unwrap_or_default();
    Ok(())
}

fn join(notification: &Members<'_>) -> Read<Option<Join>> {
    let wanted = format!("a whole number from 1 to {LEVELS}");
    let fits = |n: &u64| (1..=LEVELS).contains(n);
    let level = notification.read("joinLevel", &wanted, |j| j.as_u64().filter(fits))?;
    let level = level.unwrap_or(1);
    match notification.text("join")? {
        None | Some("@none") => Ok(None),
        Some("inline") => Ok(Some(Join {
            inline: true,
            level,
        })),
        Some("flat") => Ok(Some(Join {
            inline: false,
            level,
        })),
        Some(other) => wrong(format!(
            "join is {other:?}; flat, inline or @none is wanted"
        )),
    }
}

/// Headers that are the transport's own.
const TRANSPORT: [&str; 12] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "link",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "ngsild-attribute-format",
];

impl Endpoint {
    fn read(json: &Json) -> Read<Self> {
        let known = [
            "uri",
            "accept",
            "timeout",
            "cooldown",
            "receiverInfo",
            "notifierInfo",
        ];
        let members = Members::new("endpoint", json, &known)?;
        let Some(uri) = members.text("uri")? else {
            return wrong("uri of endpoint is missing");
        };
        let scheme = uri.split("://").next().unwrap_or_default();
        if !["http", "https", "mqtt", "mqtts"].contains(&scheme) || uri.len() == scheme.len() {
            return wrong(format!(
                "uri of endpoint is {uri:?}; an address with http, https, mqtt or mqtts is wanted"
            ));
        }
        let media = match members.text("accept")? {
            None | Some("application/json") => Media::Json,
            Some("application/ld+json") => Media::Linked,
            Some("application/geo+json") => Media::Geo,
            Some(other) => {
                return wrong(format!(
                    "accept is {other:?}; application/json, application/ld+json or application/geo+json is wanted"
                ));
            }
        };
        let milliseconds = |name: &str| {
            let found = members.above(name, 1.0)?;
            Ok::<_, Refusal>(found.map(|n| Duration::from_secs_f64(n / 1_000.0)))
        };
        let receiver = members.pairs("receiverInfo")?;
        for (name, value) in &receiver {
            let token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
            let named = !name.is_empty() && name.len() <= 100 && name.bytes().all(token);
            if !named || value.bytes().any(|c| c < b' ' || c == 127) {
                return wrong(format!(
                    "receiverInfo holds {name:?}, which makes no header"
                ));
            }
            if TRANSPORT.contains(&name.to_ascii_lowercase().as_str()) {
                return wrong(format!("receiverInfo holds {name}, which is set by us"));
            }
        }
        let mut mqtt = Mqtt { version: 5, qos: 0 };
        for (key, value) in members.pairs("notifierInfo")? {
            match (key.as_str(), value.as_str()) {
                ("MQTT-Version", "mqtt5.0") => mqtt.version = 5,
                ("MQTT-Version", "mqtt3.1.1") => mqtt.version = 4,
                ("MQTT-QoS", "0") => mqtt.qos = 0,
                ("MQTT-QoS", "1") => mqtt.qos = 1,
                ("MQTT-QoS", "2") => mqtt.qos = 2,
                ("MQTT-Version", other) => {
                    return wrong(format!(
                        "MQTT-Version is {other:?}; mqtt3.1.1 or mqtt5.0 is wanted"
                    ));
                }
                ("MQTT-QoS", other) => {
                    return wrong(format!("MQTT-QoS is {other:?}; 0, 1 or 2 is wanted"));
                }
                // Others are for other ways.
                _ => {}
            }
        }
        Ok(Self {
            uri: uri.to_owned(),
            media,
            timeout: milliseconds("timeout")?.unwrap_or(USUAL).min(LONGEST),
            cooldown: milliseconds("cooldown")?,
            receiver,
            mqtt,
        })
    }
}

/// An entity from one version to the next: there was none, or there is none any more.
pub struct Step<'s> {
    pub old: Option<&'s Entity>,
    pub new: Option<&'s Entity>,
    /// Microseconds since the epoch.
    pub at: i64,
    pub added: Vec<&'static str>,
    pub altered: Vec<&'static str>,
    pub lost: Vec<&'static str>,
}

impl<'s> Step<'s> {
    pub fn between(old: Option<&'s Entity>, new: Option<&'s Entity>, at: i64) -> Self {
        let (mut added, mut altered, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for attribute in new.iter().flat_map(|e| &e.attributes) {
            match old.and_then(|o| o.get(attribute.name)) {
                None => added.push(attribute.name),
                Some(was) if *was != attribute.content => altered.push(attribute.name),
                Some(_) => {}
            }
        }
        for attribute in old.iter().flat_map(|e| &e.attributes) {
            if new.is_none_or(|n| n.get(attribute.name).is_none()) {
                lost.push(attribute.name);
            }
        }
        Self {
            old,
            new,
            at,
            added,
            altered,
            lost,
        }
    }
}

/// A notification, ready to be sent (clauses 5.3.1 and 7.2).
pub struct Notification<'n> {
    pub id: &'n str,
    pub subscription: &'n str,
    pub at: i64,
    pub data: Vec<Json>,
}

impl Notification<'_> {
    /// Its body, and the headers that go with it. `link` is the address of the @context.
    pub fn written(
        self,
        endpoint: &Endpoint,
        shape: Shape,
        link: &str,
    ) -> (Json, Vec<(String, String)>) {
        let media = endpoint.media;
        let mut body = json!({
            "id": self.id,
            "type": "Notification",
            "subscriptionId": self.subscription,
            "notifiedAt": time(self.at),
        });
        body["data"] = match media {
            Media::Geo => json!({ "type": "FeatureCollection", "features": self.data }),
            _ => Json::Array(self.data),
        };
        let prefers = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("prefer") && value.contains("body=json")
        };
        let inside = match media {
            Media::Json => false,
            Media::Linked => true,
            Media::Geo => !endpoint.receiver.iter().any(prefers),
        };
        let shape = match shape {
            Shape::Normalized => "Normalized",
            Shape::Concise => "Concise",
            Shape::Simplified => "Simplified",
        };
        let mut headers = vec![("Content-Type".to_owned(), media.name().to_owned())];
        if inside {
            body["@context"] = match context::is_core(link) {
                true => link.into(),
                false => json!([link, context::CORE]),
            };
        } else {
            headers.push(("Link".into(), context::link(link)));
        }
        headers.push(("Ngsild-Attribute-Format".into(), shape.into()));
        // What was sent with a change is nobody else's to see.
        let own = endpoint.receiver.iter();
        headers.extend(own.filter(|(_, v)| v != "urn:ngsi-ld:request").cloned());
        (body, headers)
    }
}
