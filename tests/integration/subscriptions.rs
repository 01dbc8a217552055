//! Subscriptions: each rule against the real program, with receivers that are real servers, HTTP and MQTT.
use crate::brokers::{Broker, Kind};
use crate::ngsi;
use crate::postgres;
use crate::support::{Answer, PUBLIC, Server, directory, launch_in, ready, run};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const ROOT: &str = "/ngsi-ld/v1";
const SETTINGS: &str = "[ngsi]\nid_prefix = \"lib\"\nprivate_endpoints = true\n";

/// Someone who is notified.
struct Receiver {
    address: String,
    inside: Arc<Mutex<Inside>>,
    runtime: Option<tokio::runtime::Runtime>,
}

#[derive(Default)]
struct Inside {
    got: Vec<Got>,
    /// Answers so, instead of 200; and after this time.
    status: Option<u16>,
    slow: Duration,
}

#[derive(Clone, Debug)]
struct Got {
    path: String,
    headers: HeaderMap,
    body: Value,
    at: Instant,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default()
    }

    /// What it says, and nothing beside.
    fn only(&self) -> &Value {
        let data = self.body["data"].as_array().expect("a list");
        assert_eq!(data.len(), 1, "{}", self.body);
        &data[0]
    }
}

async fn take(
    State(inside): State<Arc<Mutex<Inside>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let (slow, status) = {
        let inside = inside.lock().expect("no holder panics");
        (inside.slow, inside.status)
    };
    tokio::time::sleep(slow).await;
    let mut inside = inside.lock().expect("no holder panics");
    if let Some(status) = status {
        return StatusCode::from_u16(status).expect("a status");
    }
    inside.got.push(Got {
        path: uri.path().to_owned(),
        headers,
        body: serde_json::from_slice(&body).expect("JSON"),
        at: Instant::now(),
    });
    StatusCode::OK
}

impl Receiver {
    fn start() -> Self {
        Self::listen("127.0.0.1:0", Arc::default())
    }

    fn listen(at: &str, inside: Arc<Mutex<Inside>>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let began = Instant::now();
        // The address may be in its last moments of the time before.
        let listener = loop {
            match runtime.block_on(tokio::net::TcpListener::bind(at)) {
                Ok(listener) => break listener,
                Err(e) => assert!(began.elapsed() < Duration::from_secs(10), "{at}: {e}"),
            }
            std::thread::sleep(Duration::from_millis(25));
        };
        let address = listener.local_addr().expect("an address").to_string();
        let router = Router::new().fallback(take).with_state(inside.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            inside,
            runtime: Some(runtime),
        }
    }

    /// Goes away: connections are refused.
    fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    fn come_back(&mut self) {
        self.stop();
        *self = Self::listen(&self.address.clone(), self.inside.clone());
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("no holder panics")
    }

    fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits for as many notifications as that, and gives all.
    fn wait(&self, count: usize) -> Vec<Got> {
        until(&format!("{count} notifications"), || {
            let got = self.inside().got.clone();
            (got.len() >= count).then_some(got)
        })
    }

    fn clear(&self) {
        self.inside().got.clear();
    }

    /// Ids of the entities of all notifications, in order.
    fn ids(&self) -> Vec<String> {
        let got = self.inside().got.clone();
        let data = got.iter().flat_map(|g| g.body["data"].as_array().cloned());
        let id = |e: Value| e["id"].as_str().expect("an id").to_owned();
        data.flatten().map(id).collect()
    }
}

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A service, who writes and who subscribes.
struct House {
    dir: PathBuf,
    server: Option<Server>,
    /// Where readers find it; empty for where it is.
    public: &'static str,
    contributor: String,
    moderator: String,
    environment: Vec<(&'static str, String)>,
}

impl House {
    fn start(name: &str) -> Self {
        Self::start_with(name, SETTINGS)
    }

    fn start_with(name: &str, settings: &str) -> Self {
        Self::start_at(name, settings, PUBLIC)
    }

    fn start_at(name: &str, settings: &str, public: &'static str) -> Self {
        let dir = directory(name);
        std::fs::write(dir.with_extension("toml"), settings).expect("writes");
        let mut house = Self {
            dir,
            server: None,
            public,
            contributor: String::new(),
            moderator: String::new(),
            environment: Vec::new(),
        };
        house.serve();
        house.contributor = house.token("contributor");
        house.moderator = house.token("moderator");
        house
    }

    fn serve(&mut self) {
        let file = self.dir.with_extension("toml");
        let file = file.to_str().expect("UTF-8");
        let public = ["--public-url", self.public];
        let public = &public[..if self.public.is_empty() { 0 } else { 2 }];
        let environment: Vec<_> = self
            .environment
            .iter()
            .map(|(n, v)| (*n, v.as_str()))
            .collect();
        let server = launch_in(
            &self.dir,
            &[&["--config", file, "--no-seed"], public].concat(),
            &environment,
        );
        ready(&server);
        self.server = Some(server);
    }

    fn token(&self, role: &str) -> String {
        self.token_of(role, role)
    }

    fn token_of(&self, role: &str, name: &str) -> String {
        let (code, said) = run_with(self, &["token", "add", "--role", role, "--name", name]);
        assert_eq!(code, 0, "{said}");
        let token = said.lines().find(|l| l.starts_with("ldt_"));
        format!("Bearer {}", token.expect("a token"))
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    fn ours(&self) -> String {
        let file = ldt_catalogue::mapping::ngsi::context::file();
        match self.public {
            "" => format!("http://{}/contexts/{file}", self.server().address),
            public => format!("{public}/contexts/{file}"),
        }
    }

    fn link(&self) -> String {
        let ours = self.ours();
        format!(
            "<{ours}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
        )
    }

    fn ask(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
        let (link, body) = (self.link(), body.map(Value::to_string));
        let mut headers = vec![("Link", link.as_str())];
        if !token.is_empty() {
            headers.push(("Authorization", token));
        }
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        let body = body.unwrap_or_default();
        let path = format!("{ROOT}{path}");
        self.server().ask(method, &path, &headers, body.as_bytes())
    }

    fn subscribe(&self, body: &Value) -> String {
        let made = self.ask("POST", "/subscriptions", &self.contributor, Some(body));
        assert_eq!(made.status, 201, "{body}: {}", made.text());
        let place = made.header("location").to_owned();
        let id = place.rsplit('/').next().expect("an id");
        id.to_owned()
    }

    fn subscription(&self, id: &str) -> Value {
        let path = format!("/subscriptions/{id}");
        let answer = self.ask("GET", &path, &self.contributor, None);
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    fn patch(&self, id: &str, body: &Value) {
        let path = format!("/subscriptions/{id}");
        let answer = self.ask("PATCH", &path, &self.contributor, Some(body));
        assert_eq!(answer.status, 204, "{body}: {}", answer.text());
    }

    fn write(&self, entities: &Value) {
        let path = "/entityOperations/upsert";
        let answer = self.ask("POST", path, &self.moderator, Some(entities));
        assert!(matches!(answer.status, 201 | 204), "{}", answer.text());
    }

    fn withdraw(&self, name: &str) {
        let path = format!("/api/resources/{name}");
        let tag = self.server().ask("GET", &path, &[], b"");
        let headers = [
            ("Authorization", self.moderator.as_str()),
            ("If-Match", tag.header("etag")),
        ];
        let gone = self.server().ask("DELETE", &path, &headers, b"");
        assert!(gone.status < 300, "{} {}", gone.status, gone.text());
    }

    /// Waits until a subscription says so much.
    fn comes_to(&self, id: &str, pointer: &str, wanted: &Value) -> Value {
        until(&format!("{pointer} is {wanted}"), || {
            let found = self.subscription(id);
            (found.pointer(pointer) == Some(wanted)).then_some(found)
        })
    }
}

/// A dataset, with members of its own over those that it needs.
fn dataset(name: &str, more: &Value) -> Value {
    let mut entity = json!({
        "id": format!("urn:ngsi-ld:Dataset:{name}"),
        "type": "Dataset",
        "title": [format!("Data of {name}")],
        "description": ["What the sensors of the city say, hour by hour, and what it was about."],
        "publisher": "City of Ghent",
        "keyword": ["water"],
        "theme": ["http://publications.europa.eu/resource/authority/data-theme/ENVI"],
        "ldtLayer": "data-sources",
    });
    for (key, value) in more.as_object().expect("members") {
        match value {
            Value::Null => {
                entity.as_object_mut().expect("an object").remove(key);
            }
            value => entity[key] = value.clone(),
        }
    }
    entity
}

/// A subscription to datasets, with members of its own; those of `notification` and `endpoint` go there.
fn to(uri: &str, more: &Value) -> Value {
    let mut body = json!({
        "type": "Subscription",
        "entities": [{ "type": "Dataset" }],
        "notification": { "endpoint": { "uri": uri } },
    });
    ldt_catalogue::mapping::ngsi::subscription::merge(&mut body, more);
    body
}

const PUMPS: &str = "urn:ngsi-ld:Dataset:lib.pumps";

#[test]
fn a_change_is_told_under_a_stable_id_with_the_headers_that_are_wished() {
    let house = House::start("subs-first");
    let receiver = Receiver::start();
    let id = house.subscribe(&to(
        &receiver.uri("/hook"),
        &json!({ "notification": { "endpoint": { "receiverInfo": [
            { "key": "X-Portal-Key", "value": "k1" },
            { "key": "X-Trigger", "value": "urn:ngsi-ld:request" },
        ] } } }),
    ));
    house.write(&json!([dataset("pumps", &json!({}))]));
    let got = receiver.wait(1).remove(0);
    assert_eq!(got.path, "/hook");
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("link"), house.link());
    assert_eq!(got.header("ngsild-attribute-format"), "Normalized");
    assert_eq!(got.header("x-portal-key"), "k1");
    for absent in ["x-trigger", "authorization", "x-auth-token"] {
        assert_eq!(got.header(absent), "", "{absent}");
    }
    assert_eq!(got.body["type"], "Notification");
    assert_eq!(got.body["subscriptionId"], json!(id));
    assert!(
        got.body["id"]
            .as_str()
            .is_some_and(|i| i.starts_with("urn:ngsi-ld:Notification:"))
    );
    assert!(
        got.body["notifiedAt"]
            .as_str()
            .is_some_and(|t| t.ends_with('Z'))
    );
    let data = got.only();
    assert_eq!(data["id"], PUMPS);
    assert_eq!(data["title"]["value"], json!(["Data of pumps"]));
    let told = house.comes_to(&id, "/notification/timesSent", &json!(1));
    assert_eq!(told["notification"]["status"], "ok");
    assert_eq!(told["notification"]["timesFailed"], 0);
    assert_eq!(
        told["notification"]["lastSuccess"],
        told["notification"]["lastNotification"]
    );
    assert_eq!(told["notification"].get("lastFailure"), None);
    // The same again says nothing, and neither does what is not asked for.
    house.write(&json!([dataset("pumps", &json!({}))]));
    house.write(&json!([dataset("wells", &json!({}))]));
    receiver.wait(2);
    assert_eq!(receiver.ids(), [PUMPS, "urn:ngsi-ld:Dataset:lib.wells"]);
}

#[test]
fn each_trigger_is_raised_by_what_it_names_and_by_nothing_else() {
    let house = House::start("subs-triggers");
    let receiver = Receiver::start();
    let triggers = [
        "entityCreated",
        "entityUpdated",
        "entityDeleted",
        "attributeCreated",
        "attributeUpdated",
        "attributeDeleted",
    ];
    for name in triggers {
        house.subscribe(&to(
            &receiver.uri(&format!("/{name}")),
            &json!({ "notificationTrigger": [name] }),
        ));
    }
    // One by one: what an attribute does is seen by whoever watches it.
    let watched = json!({
        "notificationTrigger": ["attributeCreated"], "watchedAttributes": ["versionInfo"],
    });
    house.subscribe(&to(&receiver.uri("/watched"), &watched));
    house.subscribe(&to(&receiver.uri("/default"), &json!({})));
    let raised = |expected: &[&str]| {
        let got = receiver.wait(expected.len());
        let mut paths: Vec<&str> = got.iter().map(|g| &g.path[1..]).collect();
        paths.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(paths, expected);
        receiver.clear();
        got
    };
    house.write(&json!([dataset("pumps", &json!({}))]));
    raised(&[
        "entityCreated",
        "entityUpdated",
        "attributeCreated",
        "default",
    ]);
    // An attribute comes: contentHash is another then, too.
    house.write(&json!([dataset("pumps", &json!({ "versionInfo": "1" }))]));
    raised(&[
        "entityUpdated",
        "attributeCreated",
        "attributeUpdated",
        "watched",
        "default",
    ]);
    house.write(&json!([dataset("pumps", &json!({ "versionInfo": "2" }))]));
    raised(&["entityUpdated", "attributeUpdated", "default"]);
    house.write(&json!([dataset("pumps", &json!({}))]));
    let got = raised(&[
        "entityUpdated",
        "attributeUpdated",
        "attributeDeleted",
        "default",
    ]);
    let gone = json!({ "type": "Property", "value": "urn:ngsi-ld:null" });
    for one in &got {
        let told = matches!(one.path.as_str(), "/entityUpdated" | "/attributeDeleted");
        let expected = told.then_some(&gone);
        assert_eq!(one.only().get("versionInfo"), expected, "{}", one.path);
    }
    house.withdraw("pumps");
    let got = raised(&["entityDeleted"]);
    let members: Vec<&String> = got[0]
        .only()
        .as_object()
        .expect("an object")
        .keys()
        .collect();
    assert_eq!(members.len(), 3, "{members:?}");
    assert_eq!(got[0].only()["id"], PUMPS);
    assert_eq!(got[0].only()["type"], "Dataset");
    assert!(got[0].only()["deletedAt"].is_string());
}

#[test]
fn who_asks_for_some_entities_hears_of_these_alone() {
    let house = House::start("subs-select");
    let receiver = Receiver::start();
    let near = |metres: u32| {
        json!({ "geoQ": {
            "georel": format!("near;maxDistance=={metres}"), "geometry": "Point", "coordinates": [3.73, 51.05],
        } })
    };
    for (name, more) in [
        (
            "type",
            json!({ "entities": [{ "type": "Distribution|Agent" }] }),
        ),
        (
            "iri",
            json!({ "entities": [{ "type": "https://smartdatamodels.org/dataModel.DCAT-AP/Dataset" }] }),
        ),
        (
            "id",
            json!({ "entities": [{ "type": "Dataset", "id": PUMPS }] }),
        ),
        (
            "pattern",
            json!({ "entities": [{ "type": "*", "idPattern": ".*wells$" }] }),
        ),
        ("q", json!({ "q": "keyword==\"pumps\"" })),
        ("near", near(2_000)),
        ("far", near(10)),
        ("scope", json!({ "scopeQ": "/a/#" })),
        (
            "watched",
            json!({ "entities": null, "watchedAttributes": ["location"] }),
        ),
        ("unknown", json!({ "entities": [{ "type": "Vehicle" }] })),
    ] {
        house.subscribe(&to(&receiver.uri(&format!("/{name}")), &more));
    }
    let point = json!({ "type": "GeoProperty", "value": { "type": "Point", "coordinates": [3.72, 51.05] } });
    house.write(&json!([
        dataset("pumps", &json!({
            "keyword": ["pumps"], "location": point,
            "distribution": { "type": "Relationship", "object": ["urn:ngsi-ld:Distribution:csv"] },
        })),
        { "id": "urn:ngsi-ld:Distribution:csv", "type": "Distribution", "accessURL": ["https://data.example/pumps.csv"] },
    ]));
    house.write(&json!([dataset("wells", &json!({}))]));
    // The last of all, so that nothing comes after it.
    house.write(&json!([dataset(
        "other-wells",
        &json!({ "keyword": ["pumps"] })
    )]));
    until("the last", || {
        (receiver
            .ids()
            .iter()
            .filter(|i| i.ends_with("other-wells"))
            .count()
            >= 4)
            .then_some(())
    });
    let got = receiver.inside().got.clone();
    let of = |name: &str| -> Vec<String> {
        let own = got.iter().filter(|g| g.path == format!("/{name}"));
        let data = own.flat_map(|g| g.body["data"].as_array().cloned().expect("a list"));
        data.map(|e| e["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    let (wells, other) = (
        "urn:ngsi-ld:Dataset:lib.wells",
        "urn:ngsi-ld:Dataset:lib.other-wells",
    );
    let parts = of("type");
    assert_eq!(
        parts.len(),
        2,
        "an agent once, a distribution once: {parts:?}"
    );
    assert!(
        parts[0].contains(":Agent:") && parts[1].contains(":Distribution:"),
        "{parts:?}"
    );
    assert_eq!(of("iri"), [PUMPS, wells, other]);
    assert_eq!(of("id"), [PUMPS]);
    let matched: Vec<String> = of("pattern")
        .into_iter()
        .filter(|i| i.contains(":Dataset:"))
        .collect();
    assert_eq!(matched, [wells, other]);
    assert_eq!(of("q"), [PUMPS, other]);
    assert_eq!(of("near"), [PUMPS]);
    assert_eq!(of("watched"), [PUMPS]);
    for none in ["far", "scope", "unknown"] {
        assert!(of(none).is_empty(), "{none}");
    }
}

#[test]
fn a_notification_has_the_form_that_is_wished() {
    let house = House::start("subs-forms");
    let receiver = Receiver::start();
    let notification = |name: &str, more: Value| {
        let body = to(&receiver.uri(name), &json!({ "notification": more }));
        house.subscribe(&body)
    };
    notification(
        "/normalized",
        json!({ "sysAttrs": true, "attributes": ["title"] }),
    );
    notification(
        "/concise",
        json!({ "format": "concise", "attributes": ["title", "location"] }),
    );
    notification(
        "/simplified",
        json!({ "format": "keyValues", "pick": ["id", "keyword"] }),
    );
    notification(
        "/omit",
        json!({ "format": "simplified", "omit": ["title", "type"] }),
    );
    notification(
        "/linked",
        json!({ "endpoint": { "accept": "application/ld+json" } }),
    );
    notification(
        "/geo",
        json!({ "endpoint": { "accept": "application/geo+json" } }),
    );
    notification(
        "/prefer",
        json!({ "endpoint": {
        "accept": "application/geo+json", "receiverInfo": [{ "key": "Prefer", "value": "body=json" }],
    } }),
    );
    house.subscribe(&to(
        &receiver.uri("/lang"),
        &json!({ "lang": "it", "notification": { "attributes": ["title"] } }),
    ));
    house.subscribe(&to(
        &receiver.uri("/dataset"),
        &json!({ "datasetId": ["urn:x:y"] }),
    ));
    let core = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld";
    house.subscribe(&to(
        &receiver.uri("/core"),
        &json!({ "jsonldContext": core }),
    ));
    let title =
        json!({ "type": "LanguageProperty", "languageMap": { "en": "Pumps", "it": "Pompe" } });
    let point = json!({ "type": "Point", "coordinates": [3.72, 51.05] });
    let location = json!({ "type": "GeoProperty", "value": point });
    house.write(&json!([dataset(
        "pumps",
        &json!({ "title": title, "location": location })
    )]));
    let got = receiver.wait(10);
    let of = |path: &str| got.iter().find(|g| g.path == path).expect("it came");
    let data = of("/normalized").only();
    assert_eq!(data["title"]["type"], "Property");
    assert!(
        data["createdAt"].is_string() && data["title"]["modifiedAt"].is_string(),
        "{data}"
    );
    assert_eq!(data.get("keyword"), None);
    assert_eq!(
        of("/concise").only(),
        &json!({ "id": PUMPS, "type": "Dataset", "title": ["Pumps", "Pompe"], "location": point })
    );
    assert_eq!(of("/concise").header("ngsild-attribute-format"), "Concise");
    assert_eq!(
        of("/simplified").only(),
        &json!({ "id": PUMPS, "keyword": ["Data sources", "water"] })
    );
    assert_eq!(
        of("/simplified").header("ngsild-attribute-format"),
        "Simplified"
    );
    let data = of("/omit").only();
    assert!(
        data.get("title").is_none() && data.get("type").is_none(),
        "{data}"
    );
    assert_eq!(data["publisher"], "City of Ghent");
    let linked = of("/linked");
    assert_eq!(linked.header("content-type"), "application/ld+json");
    assert_eq!(linked.header("link"), "");
    assert_eq!(linked.body["@context"][0], json!(house.ours()));
    let geo = of("/geo");
    assert_eq!(geo.header("content-type"), "application/geo+json");
    assert_eq!(geo.header("link"), "");
    assert!(geo.body["@context"].is_array());
    let features = &geo.body["data"];
    assert_eq!(features["type"], "FeatureCollection");
    assert_eq!(features["features"][0]["id"], PUMPS);
    assert_eq!(features["features"][0]["geometry"], point);
    assert_eq!(features["features"][0]["properties"]["type"], "Dataset");
    assert_eq!(of("/prefer").header("link"), house.link());
    assert_eq!(of("/prefer").body.get("@context"), None);
    let data = of("/lang").only();
    assert_eq!(
        (&data["title"]["value"], &data["title"]["lang"]),
        (&json!("Pompe"), &json!("it"))
    );
    assert_eq!(
        of("/dataset").only(),
        &json!({ "id": PUMPS, "type": "Dataset" })
    );
    let data = of("/core").only();
    assert_eq!(
        data["type"],
        "https://smartdatamodels.org/dataModel.DCAT-AP/Dataset"
    );
    assert!(of("/core").header("link").contains(core));
}

#[test]
fn changes_are_shown_where_they_are_wished() {
    let house = House::start("subs-changes");
    let receiver = Receiver::start();
    for (name, format, times) in [
        ("/normalized", "normalized", true),
        ("/concise", "concise", false),
    ] {
        house.subscribe(&to(
            &receiver.uri(name),
            &json!({
                "notificationTrigger": ["entityUpdated", "entityDeleted"],
                "notification": {
                    "showChanges": true, "format": format, "sysAttrs": times,
                    "attributes": ["title", "versionInfo", "publisherAgent", "keyword"],
                },
            }),
        ));
    }
    house.write(&json!([dataset("pumps", &json!({ "versionInfo": "1" }))]));
    receiver.wait(2);
    receiver.clear();
    house.write(&json!([dataset(
        "pumps",
        &json!({ "title": ["New"], "publisher": "City of Bruges" })
    )]));
    let got = receiver.wait(2);
    receiver.clear();
    let of = |got: &[Got], path: &str| {
        let found = got.iter().find(|g| g.path == path).expect("it came");
        found.only().clone()
    };
    let data = of(&got, "/normalized");
    assert_eq!(data["title"]["previousValue"], json!(["Data of pumps"]));
    assert_eq!(data["title"]["value"], json!(["New"]));
    assert_eq!(
        data["publisherAgent"]["previousObject"],
        "urn:ngsi-ld:Agent:lib.city-of-ghent"
    );
    assert_eq!(
        data["publisherAgent"]["object"],
        "urn:ngsi-ld:Agent:lib.city-of-bruges"
    );
    assert_eq!(data["versionInfo"]["value"], "urn:ngsi-ld:null");
    assert_eq!(data["versionInfo"]["previousValue"], "1");
    assert!(data["versionInfo"]["deletedAt"].is_string());
    assert_eq!(data["keyword"].get("previousValue"), None, "it stayed");
    let data = of(&got, "/concise");
    assert_eq!(
        data["title"],
        json!({ "value": ["New"], "previousValue": ["Data of pumps"] })
    );
    assert_eq!(data["keyword"], json!(["Data sources", "water"]));
    house.withdraw("pumps");
    let got = receiver.wait(2);
    let data = of(&got, "/normalized");
    assert!(
        data["deletedAt"].is_string() && data["createdAt"].is_string(),
        "{data}"
    );
    assert_eq!(data["publisherAgent"]["object"], "urn:ngsi-ld:null");
    assert_eq!(
        data["publisherAgent"]["previousObject"],
        "urn:ngsi-ld:Agent:lib.city-of-bruges"
    );
    assert_eq!(
        of(&got, "/concise")["title"],
        json!({ "value": "urn:ngsi-ld:null", "previousValue": ["New"] })
    );
}

#[test]
fn what_an_entity_is_linked_to_comes_along() {
    let house = House::start("subs-join");
    let receiver = Receiver::start();
    for join in ["inline", "flat"] {
        house.subscribe(&to(&receiver.uri(&format!("/{join}")), &json!({
            "notification": { "join": join, "format": "concise", "attributes": ["distribution", "accessURL"] },
        })));
    }
    house.write(&json!([
        dataset("pumps", &json!({
            "distribution": { "type": "Relationship", "object": ["urn:ngsi-ld:Distribution:csv"] },
        })),
        { "id": "urn:ngsi-ld:Distribution:csv", "type": "Distribution", "accessURL": ["https://data.example/pumps.csv"] },
    ]));
    let got = receiver.wait(2);
    let of = |path: &str| got.iter().find(|g| g.path == path).expect("it came");
    let part = &of("/inline").only()["distribution"]["entity"];
    assert_eq!(part["type"], "Distribution", "{}", of("/inline").body);
    assert_eq!(part["accessURL"], json!(["https://data.example/pumps.csv"]));
    let data = of("/flat").body["data"].as_array().expect("a list").clone();
    assert_eq!(data.len(), 2);
    assert_eq!(data[0]["distribution"]["object"][0], data[1]["id"]);
}

#[test]
fn a_throttled_subscriber_hears_less_often_and_misses_nothing() {
    let house = House::start("subs-throttled");
    let receiver = Receiver::start();
    let id = house.subscribe(&to(&receiver.uri("/"), &json!({ "throttling": 2 })));
    for (name, version) in [("a", "1"), ("b", "1"), ("c", "1"), ("b", "2")] {
        house.write(&json!([dataset(name, &json!({ "versionInfo": version }))]));
    }
    let got = receiver.wait(2);
    assert!(
        got[1].at - got[0].at >= Duration::from_millis(1_800),
        "{got:?}"
    );
    assert_eq!(got[0].only()["id"], "urn:ngsi-ld:Dataset:lib.a");
    let data = got[1].body["data"].as_array().expect("a list");
    let said: Vec<(&str, &str)> = data
        .iter()
        .map(|e| {
            (
                e["id"].as_str().expect("an id"),
                e["versionInfo"]["value"].as_str().expect("a text"),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("urn:ngsi-ld:Dataset:lib.b", "2"),
            ("urn:ngsi-ld:Dataset:lib.c", "1")
        ]
    );
    house.comes_to(&id, "/notification/timesSent", &json!(2));
}

#[test]
fn by_the_clock_all_that_matches_is_told_each_time() {
    let house = House::start("subs-periodic");
    let receiver = Receiver::start();
    for name in ["a", "b", "c"] {
        let keyword = if name == "c" { "wind" } else { "water" };
        house.write(&json!([dataset(name, &json!({ "keyword": [keyword] }))]));
    }
    let asks =
        json!({ "timeInterval": 1, "q": "keyword==\"water\"", "notification": { "pick": ["id"] } });
    house.subscribe(&to(&receiver.uri("/"), &asks));
    assert!(
        receiver.inside().got.is_empty(),
        "nothing is told for subscribing"
    );
    house.write(&json!([dataset("d", &json!({}))]));
    let got = receiver.wait(3);
    for one in &got[..3] {
        let data = &one.body["data"];
        assert_eq!(data.as_array().map(Vec::len), Some(3), "{data}");
    }
    assert!(got[2].at - got[0].at >= Duration::from_millis(1_800));
}

#[test]
fn who_is_paused_or_whose_time_is_over_hears_nothing() {
    let house = House::start("subs-status");
    let receiver = Receiver::start();
    let id = house.subscribe(&to(&receiver.uri("/"), &json!({ "isActive": false })));
    let soon = house.subscribe(&to(
        &receiver.uri("/soon"),
        &json!({ "expiresAt": in_seconds(2) }),
    ));
    assert_eq!(house.subscription(&id)["status"], "paused");
    assert_eq!(house.subscription(&soon)["status"], "active");
    house.write(&json!([dataset("a", &json!({}))]));
    receiver.wait(1);
    house.comes_to(&soon, "/status", &json!("expired"));
    house.patch(&id, &json!({ "isActive": true }));
    house.write(&json!([dataset("b", &json!({}))]));
    let got = receiver.wait(2);
    let paths: Vec<&str> = got.iter().map(|g| g.path.as_str()).collect();
    assert_eq!(paths, ["/soon", "/"]);
    assert_eq!(got[1].only()["id"], "urn:ngsi-ld:Dataset:lib.b");
    // Taken up again, it hears again.
    house.patch(&soon, &json!({ "expiresAt": "2099-01-01T00:00:00Z" }));
    assert_eq!(house.subscription(&soon)["status"], "active");
    house.patch(&id, &json!({ "isActive": false }));
    house.write(&json!([dataset("c", &json!({}))]));
    assert_eq!(receiver.wait(3)[2].path, "/soon");
}

fn in_seconds(seconds: i64) -> String {
    let at = ldt_catalogue::catalogue::now() + seconds * 1_000_000;
    ldt_catalogue::mapping::ngsi::time(at)
}

#[test]
fn a_dead_endpoint_delays_nobody_and_gets_everything_in_order_when_it_returns() {
    let house = House::start("subs-dead");
    let (mut dead, alive) = (Receiver::start(), Receiver::start());
    let cooldown = json!({ "notification": { "endpoint": { "cooldown": 200 } } });
    let id = house.subscribe(&to(&dead.uri("/"), &cooldown));
    house.subscribe(&to(&alive.uri("/"), &json!({})));
    dead.stop();
    let names: Vec<String> = (0..20).map(|n| format!("d{n:02}")).collect();
    for name in &names {
        house.write(&json!([dataset(name, &json!({}))]));
    }
    let expected: Vec<String> = names
        .iter()
        .map(|n| format!("urn:ngsi-ld:Dataset:lib.{n}"))
        .collect();
    alive.wait(20);
    assert_eq!(alive.ids(), expected);
    let told = house.comes_to(&id, "/notification/status", &json!("failed"));
    assert!(
        told["notification"]["lastErrorReason"].is_string(),
        "{told}"
    );
    assert!(
        told["notification"]["timesFailed"].as_i64() >= Some(1),
        "{told}"
    );
    assert_eq!(told["status"], "active", "never paused silently");
    let listed = house.ask(
        "GET",
        &format!("/subscriptions/{id}/undelivered"),
        &house.contributor,
        None,
    );
    let listed: Value = serde_json::from_slice(&listed.body).expect("JSON");
    assert_eq!(
        (&listed["waiting"], &listed["expired"]),
        (&json!(20), &json!(0))
    );
    assert_eq!(listed["notifications"][0]["state"], "waiting");
    // First it is up and says no, which is no better.
    dead.inside().status = Some(503);
    dead.come_back();
    until("an answer", || {
        let why = house.subscription(&id);
        why["notification"]["lastErrorReason"]
            .as_str()
            .is_some_and(|w| w.contains("503"))
            .then_some(())
    });
    dead.inside().status = None;
    dead.wait(20);
    assert_eq!(dead.ids(), expected);
    let told = house.comes_to(&id, "/notification/status", &json!("ok"));
    assert_eq!(told["notification"].get("lastErrorReason"), None);
}

#[test]
fn a_slow_endpoint_is_given_its_time_and_no_more() {
    let house = House::start("subs-slow");
    let receiver = Receiver::start();
    receiver.inside().slow = Duration::from_secs(3);
    let endpoint = json!({ "notification": { "endpoint": { "timeout": 300, "cooldown": 100 } } });
    let id = house.subscribe(&to(&receiver.uri("/"), &endpoint));
    house.write(&json!([dataset("a", &json!({}))]));
    let told = house.comes_to(&id, "/notification/status", &json!("failed"));
    assert_eq!(told["notification"]["lastErrorReason"], "no answer in time");
    receiver.inside().slow = Duration::ZERO;
    house.comes_to(&id, "/notification/status", &json!("ok"));
    // It may have come more than once, always as the same.
    let got = receiver.inside().got.clone();
    assert!(!got.is_empty() && got.iter().all(|g| g.body["id"] == got[0].body["id"]));
}

#[test]
fn a_notification_that_is_called_wrong_is_given_up_listed_and_sent_after_all() {
    let house = House::start("subs-refused");
    let receiver = Receiver::start();
    receiver.inside().status = Some(400);
    let endpoint = json!({ "notification": { "endpoint": { "cooldown": 1 } } });
    let id = house.subscribe(&to(&receiver.uri("/"), &endpoint));
    house.write(&json!([dataset("a", &json!({}))]));
    let path = format!("/subscriptions/{id}/undelivered");
    let listed = until("it is given up", || {
        let listed = house.ask("GET", &path, &house.contributor, None);
        let listed: Value = serde_json::from_slice(&listed.body).expect("JSON");
        (listed["expired"] == json!(1)).then_some(listed)
    });
    let one = &listed["notifications"][0];
    assert_eq!(one["state"], "expired");
    assert!(
        one["lastErrorReason"]
            .as_str()
            .is_some_and(|w| w.contains("400")),
        "{one}"
    );
    receiver.inside().status = None;
    house.write(&json!([dataset("b", &json!({}))]));
    receiver.wait(1);
    assert_eq!(receiver.ids(), ["urn:ngsi-ld:Dataset:lib.b"]);
    let again = house.ask("POST", &path, &house.contributor, None);
    assert_eq!(
        (again.status, again.text().as_str()),
        (202, "{\"again\":1}")
    );
    let got = receiver.wait(2);
    assert_eq!(got[1].body["id"], one["id"]);
}

#[test]
fn a_killed_service_loses_no_notification() {
    let mut house = House::start("subs-killed");
    let mut receiver = Receiver::start();
    let endpoint = json!({ "notification": { "endpoint": { "cooldown": 100 } } });
    house.subscribe(&to(&receiver.uri("/"), &endpoint));
    receiver.stop();
    let mut expected = Vec::new();
    for round in 0..3 {
        for n in 0..10 {
            let name = format!("r{round}-{n}");
            house.write(&json!([dataset(&name, &json!({}))]));
            expected.push(format!("urn:ngsi-ld:Dataset:lib.{name}"));
        }
        // Dropping it kills it, wherever it is with matching.
        house.server = None;
        if round == 1 {
            receiver.come_back();
        }
        house.serve();
    }
    until("the last", || {
        receiver
            .ids()
            .contains(expected.last().expect("one"))
            .then_some(())
    });
    let mut ids = receiver.ids();
    let got = receiver.inside().got.clone();
    let mut known = std::collections::BTreeMap::new();
    for one in &got {
        let same = known.insert(one.body["id"].to_string(), one.only()["id"].clone());
        assert!(same.is_none_or(|s| s == one.only()["id"]));
    }
    assert_eq!(known.len(), expected.len(), "each was raised once");
    ids.dedup();
    assert_eq!(ids, expected, "in order");
}

#[test]
fn what_is_wrong_with_a_subscription_is_said() {
    let house = House::start("subs-wrong");
    let own = [
        (json!({ "entities": [{ "id": PUMPS }] }), 400, "type"),
        (json!({ "geoQ": { "georel": "near" } }), 400, "geoQ"),
        (json!({ "throttling": 0 }), 400, "throttling"),
        (
            json!({ "notification": { "format": "xml" } }),
            400,
            "format",
        ),
        (json!({ "notification": { "join": "deep" } }), 400, "join"),
        (json!({ "notification": { "colour": 1 } }), 400, "colour"),
        (
            json!({ "notification": { "endpoint": { "accept": "text/csv" } } }),
            400,
            "accept",
        ),
        (
            json!({ "notification": { "endpoint": { "uri": "mqtt://127.0.0.1" } } }),
            400,
            "topic",
        ),
        (
            json!({ "notification": { "endpoint": { "uri": "mqtt://127.0.0.1/a/#" } } }),
            400,
            "topic",
        ),
        (
            json!({ "notification": { "endpoint": { "receiverInfo": [{ "key": "Host", "value": "x" }] } } }),
            400,
            "Host",
        ),
        (
            json!({ "notification": { "endpoint": { "receiverInfo": [{ "key": "A b", "value": "x" }] } } }),
            400,
            "A b",
        ),
        (
            json!({ "notification": { "endpoint": { "receiverInfo": [{ "key": "A", "value": "x\r\nB: y" }] } } }),
            400,
            "header",
        ),
        (
            json!({ "notification": { "endpoint": { "uri": "mqtt://127.0.0.1/t", "notifierInfo": [{ "key": "MQTT-QoS", "value": "3" }] } } }),
            400,
            "MQTT-QoS",
        ),
        (
            json!({ "jsonldContext": "http://127.0.0.1:1/none.jsonld" }),
            504,
            "private",
        ),
        (json!({ "jsonldContext": 7 }), 400, "jsonldContext"),
        (json!({ "csf": "a==1" }), 501, "csf"),
    ];
    for (more, status, word) in own {
        let body = to("http://127.0.0.1:1/", &more);
        let answer = house.ask("POST", "/subscriptions", &house.contributor, Some(&body));
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.text().contains(word), "{word}: {}", answer.text());
    }
    let count = house.ask(
        "GET",
        "/subscriptions?count=true&limit=0",
        &house.contributor,
        None,
    );
    assert_eq!(count.header("ngsild-results-count"), "0");
}

/// Each case makes its `subscription`, where it has one, does its `request`, and then its `change`s of a dataset of its
/// own, of which `notification` lists what is to come. Another subscription at the same address tells when
/// all has come that was to, since an address is told in order.
#[test]
fn each_case_of_the_specification_is_notified_as_it_wants() {
    let house = House::start("subs-cases");
    let receiver = Receiver::start();
    let cases = ngsi::cases(ngsi::is_of_subscriptions);
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let name = format!("case{at}");
        let uri = receiver.uri(&format!("/{name}"));
        let mut id = String::new();
        let part = |file: &str, id: &str| -> Option<Value> {
            let path = case.join(format!("{file}.json"));
            let text = path.is_file().then(|| ngsi::json_of(&path).to_string())?;
            let text = text.replace("{receiver}", &uri).replace("{name}", &name);
            Some(serde_json::from_str(&text.replace("{id}", id)).expect("JSON"))
        };
        if let Some(first) = part("subscription", "") {
            id = house.subscribe(&first);
        }
        let request = part("request", &id).expect("a request");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (method, path) = (text(&request["method"]), text(&request["path"]));
        let body = match &request["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            body => body.to_string(),
        };
        let (path, link) = (format!("{ROOT}{path}"), house.link());
        let mut headers = vec![
            ("Link", link.as_str()),
            ("Authorization", house.contributor.as_str()),
        ];
        if !body.is_empty() {
            headers.push(("Content-Type", "application/json"));
        }
        let answer = house
            .server()
            .ask(&method, &path, &headers, body.as_bytes());
        let said = case
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let expected = part("expected", &id).expect("an expectation");
        let mut found = ngsi::differences(&answer, &expected, &house.ours());
        if answer.status == 201 {
            let place = answer.header("location");
            id = place.rsplit('/').next().unwrap_or_default().to_owned();
        }
        if let (Some(changes), Some(Value::Array(wanted))) =
            (part("change", &id), part("notification", &id))
        {
            let control = house.subscribe(&to(&uri, &json!({
                "entities": [{ "type": "Dataset", "id": format!("urn:ngsi-ld:Dataset:lib.{name}-last") }],
            })));
            for change in changes.as_array().expect("a list") {
                match change.as_str() {
                    Some("withdraw") => house.withdraw(&name),
                    _ => house.write(&json!([dataset(&name, change)])),
                }
            }
            house.write(&json!([dataset(&format!("{name}-last"), &json!({}))]));
            let got = until("the last", || {
                let all = receiver.inside().got.clone();
                let here = |g: &Got| g.path == format!("/{name}");
                let last = all
                    .iter()
                    .any(|g| here(g) && g.body["subscriptionId"] == *control);
                let own = |g: &Got| {
                    let about = g.body.to_string();
                    here(g) && g.body["subscriptionId"] != *control && !about.contains("-last\"")
                };
                last.then(|| all.into_iter().filter(own).collect::<Vec<_>>())
            });
            house.ask(
                "DELETE",
                &format!("/subscriptions/{control}"),
                &house.contributor,
                None,
            );
            if got.len() != wanted.len() {
                let bodies: Vec<String> = got.iter().map(|g| g.body.to_string()).collect();
                found.push(format!("{} notifications came: {bodies:?}", got.len()));
            }
            for (got, mut wanted) in got.iter().zip(wanted) {
                wanted["status"] = json!(200);
                let header = |(n, v): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
                    (n.to_string(), v.to_str().unwrap_or_default().to_owned())
                };
                let told = Answer {
                    status: 200,
                    headers: got.headers.iter().map(header).collect(),
                    body: got.body.to_string().into_bytes(),
                };
                found.extend(ngsi::differences(&told, &wanted, &house.ours()));
            }
        }
        if !id.is_empty() {
            house.ask(
                "DELETE",
                &format!("/subscriptions/{id}"),
                &house.contributor,
                None,
            );
        }
        wrong.extend(found.into_iter().map(|w| format!("{said}: {w}")));
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn the_published_vectors_are_taken_and_refused_as_they_say() {
    let Some(dir) = crate::official::specification("subscriptions") else {
        return;
    };
    let text = std::fs::read_to_string(dir.join("ngsi-ld/samples/subscription.example.json"))
        .expect("reads");
    let vectors: Value = serde_json::from_str(&text).expect("JSON");
    let house = House::start("subs-vectors");
    let body = &vectors["create"]["body"];
    let id = house.subscribe(body);
    assert_eq!(json!(id), body["id"]);
    let told = house.subscription(&id);
    for (name, value) in body.as_object().expect("members") {
        if !["notification", "isActive"].contains(&name.as_str()) {
            assert_eq!(&told[name], value, "{name}");
        }
    }
    let again = house.ask("POST", "/subscriptions", &house.contributor, Some(body));
    assert_eq!(again.status, 409, "{}", again.text());
    assert!(again.text().contains("errors/AlreadyExists"));
    for patch in vectors["patch"].as_array().expect("a list") {
        let path = format!("/subscriptions/{id}");
        let answer = house.ask("PATCH", &path, &house.contributor, Some(&patch["body"]));
        assert_eq!(
            json!(answer.status),
            patch["status"],
            "{}: {}",
            patch["why"],
            answer.text()
        );
        let told = house.subscription(&id);
        for (name, value) in patch["then"].as_object().into_iter().flatten() {
            let found = told.get(name).unwrap_or(&Value::Null);
            // Paused by the first, it is active when that is taken back.
            if name != "status" || value != "active" {
                assert_eq!(found, value, "{}: {told}", patch["why"]);
            }
        }
    }
    for (list, good) in [("valid", true), ("invalid", false)] {
        for one in vectors[list].as_array().expect("a list") {
            let answer = house.ask(
                "POST",
                "/subscriptions",
                &house.contributor,
                Some(&one["body"]),
            );
            let expected = if good {
                json!(201)
            } else {
                one["status"].clone()
            };
            assert_eq!(
                json!(answer.status),
                expected,
                "{}: {}",
                one["why"],
                answer.text()
            );
        }
    }
}

#[test]
fn subscriptions_are_read_by_those_who_may() {
    let house = House::start("subs-who");
    let receiver = Receiver::start();
    let id = house.subscribe(&to(
        &receiver.uri("/"),
        &json!({ "subscriptionName": "mine" }),
    ));
    let path = format!("/subscriptions/{id}");
    let other = house.token_of("contributor", "other");
    for (token, status, listed) in [
        (house.contributor.as_str(), 200, 1),
        (house.moderator.as_str(), 200, 1),
        (other.as_str(), 404, 0),
    ] {
        assert_eq!(house.ask("GET", &path, token, None).status, status);
        let list = house.ask("GET", "/subscriptions", token, None);
        let list: Value = serde_json::from_slice(&list.body).expect("JSON");
        assert_eq!(list.as_array().map(Vec::len), Some(listed));
    }
    let body = to(&receiver.uri("/"), &json!({}));
    for (method, path, body) in [
        ("GET", path.as_str(), None),
        ("GET", "/subscriptions", None),
        ("POST", "/subscriptions", Some(&body)),
        ("DELETE", path.as_str(), None),
    ] {
        assert_eq!(
            house.ask(method, path, "", body).status,
            401,
            "{method} {path}"
        );
    }
    assert_eq!(house.ask("DELETE", &path, &other, None).status, 404);
    assert_eq!(
        house.ask("DELETE", &path, &house.contributor, None).status,
        204
    );
    assert_eq!(
        house.ask("GET", &path, &house.contributor, None).status,
        404
    );
    assert_eq!(
        house
            .ask("GET", "/subscriptions/none", &house.contributor, None)
            .status,
        400
    );
    // Where all may, they see what all made.
    let settings = format!("{SETTINGS}open_subscriptions = true\nsubscriptions = 1\n");
    let open = House::start_with("subs-open", &settings);
    let made = open.ask("POST", "/subscriptions", "", Some(&body));
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!(
        "/subscriptions/{}",
        made.header("location").rsplit('/').next().expect("an id")
    );
    assert_eq!(open.ask("GET", &path, "", None).status, 200);
    let more = open.ask("POST", "/subscriptions", &open.contributor, Some(&body));
    assert_eq!(more.status, 429, "{}", more.text());
}

#[test]
fn names_are_told_in_the_context_of_who_asks_and_a_fragment_in_its_own() {
    let house = House::start("subs-names");
    let receiver = Receiver::start();
    let id = house.subscribe(&to(
        &receiver.uri("/"),
        &json!({
            "entities": [{ "type": "Dataset|Agent" }], "watchedAttributes": ["keyword"],
            "notification": { "attributes": ["title", "keyword"] },
        }),
    ));
    let sdm = "https://smartdatamodels.org/dataModel.DCAT-AP/";
    let bare = |method: &str, body: &[u8], media: &str| {
        let headers = [
            ("Authorization", house.contributor.as_str()),
            ("Content-Type", media),
        ];
        let path = format!("{ROOT}/subscriptions/{id}");
        house.server().ask(method, &path, &headers, body)
    };
    let told: Value = serde_json::from_slice(&bare("GET", b"", "").body).expect("JSON");
    assert_eq!(
        told["entities"][0]["type"],
        format!("{sdm}Dataset|{sdm}Agent")
    );
    assert_eq!(
        told["watchedAttributes"][0],
        format!("{sdm}keyword"),
        "{told}"
    );
    let patch = json!({ "watchedAttributes": [format!("{sdm}versionInfo")] }).to_string();
    let answer = bare("PATCH", patch.as_bytes(), "application/merge-patch+json");
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(
        house.subscription(&id)["watchedAttributes"],
        json!([format!("{sdm}versionInfo")])
    );
    house.write(&json!([dataset("a", &json!({}))]));
    house.write(&json!([dataset("b", &json!({ "versionInfo": "1" }))]));
    assert_eq!(
        receiver.wait(1)[0].only()["id"],
        "urn:ngsi-ld:Dataset:lib.b"
    );
}

#[test]
fn no_notification_goes_into_a_private_network_unasked() {
    let house = House::start_with("subs-private", "[ngsi]\nid_prefix = \"lib\"\n");
    let receiver = Receiver::start();
    for uri in [
        receiver.uri("/"),
        "http://[::1]:80/".into(),
        "http://0x7f000001/".into(),
        "mqtt://127.0.0.1/topic".into(),
        "mqtts://10.0.0.1/topic".into(),
    ] {
        let answer = house.ask(
            "POST",
            "/subscriptions",
            &house.contributor,
            Some(&to(&uri, &json!({}))),
        );
        assert_eq!(answer.status, 400, "{uri}: {}", answer.text());
        assert!(
            answer.text().contains("private network"),
            "{}",
            answer.text()
        );
    }
    // A name says where it leads when it is asked.
    let port = receiver.address.rsplit(':').next().expect("a port");
    for uri in [
        format!("http://localhost:{port}/"),
        format!("mqtt://localhost:{port}/topic"),
    ] {
        let id = house.subscribe(&to(&uri, &json!({})));
        house.write(&json!([dataset(
            &uri.replace(|c: char| !c.is_alphanumeric(), ""),
            &json!({})
        )]));
        let told = house.comes_to(&id, "/notification/status", &json!("failed"));
        let why = told["notification"]["lastErrorReason"]
            .as_str()
            .expect("a reason");
        assert!(why.contains("private network"), "{why}");
    }
    assert!(receiver.inside().got.is_empty());
}

#[test]
fn subscriptions_lie_in_postgresql_as_well() {
    let Some(programs) = postgres::programs() else {
        println!("not run: PostgreSQL is not installed");
        return;
    };
    let cluster = postgres::Cluster::start(programs, "subs-database");
    let ledger = format!(
        "[ledger]\nurl = \"postgres://ldt@127.0.0.1:{}/postgres\"\n",
        cluster.port
    );
    let house = House::start_with("subs-postgres", &format!("{SETTINGS}{ledger}"));
    let mut receiver = Receiver::start();
    let endpoint = json!({ "notification": { "endpoint": { "cooldown": 200 } }, "notificationTrigger": ["entityCreated", "entityDeleted"] });
    let id = house.subscribe(&to(&receiver.uri("/"), &endpoint));
    let slow = house.subscribe(&to(
        &receiver.uri("/throttled"),
        &json!({ "throttling": 1 }),
    ));
    receiver.stop();
    for name in ["a", "b", "c"] {
        house.write(&json!([dataset(name, &json!({}))]));
    }
    let (code, said) = run_with(&house, &["purge", "c"]);
    assert_eq!(code, 0, "{said}");
    house.comes_to(&id, "/notification/status", &json!("failed"));
    let path = format!("/subscriptions/{id}/undelivered");
    until("four that wait", || {
        let listed = house.ask("GET", &path, &house.contributor, None);
        let listed: Value = serde_json::from_slice(&listed.body).expect("JSON");
        (listed["waiting"] == json!(4)).then_some(())
    });
    assert_eq!(
        house.ask("POST", &path, &house.contributor, None).status,
        202
    );
    receiver.come_back();
    let own = until("all of it", || {
        let got = receiver.inside().got.clone();
        let own: Vec<Got> = got.into_iter().filter(|g| g.path == "/").collect();
        (own.len() >= 4).then_some(own)
    });
    let ids: Vec<&str> = own
        .iter()
        .map(|g| g.only()["id"].as_str().expect("an id"))
        .collect();
    let expected = ["a", "b", "c", "c"].map(|n| format!("urn:ngsi-ld:Dataset:lib.{n}"));
    assert_eq!(ids, expected);
    house.comes_to(&slow, "/notification/status", &json!("ok"));
    house.patch(&id, &json!({ "isActive": false }));
    for id in [&id, &slow] {
        let path = format!("/subscriptions/{id}");
        assert_eq!(
            house.ask("DELETE", &path, &house.contributor, None).status,
            204
        );
    }
    let count = house.ask("GET", "/subscriptions?count=true", &house.contributor, None);
    assert_eq!(count.header("ngsild-results-count"), "0");
}

/// A command with the settings of a house.
fn run_with(house: &House, arguments: &[&str]) -> (i32, String) {
    let file = house.dir.with_extension("toml");
    let file = file.to_str().expect("UTF-8");
    run(&house.dir, &[&["--config", file], arguments].concat())
}

#[test]
fn a_subscription_copies_the_catalogue_into_orion() {
    let house = House::start_at("subs-orion", SETTINGS, "");
    let broker = Broker::start(Kind::Orion);
    let all = json!({ "entities": [{ "type": "*" }] });
    let uri = format!("http://{}/ngsi-ld/ex/v1/notify", broker.address);
    house.subscribe(&to(&uri, &all));
    house.write(&json!([
        dataset("pumps", &json!({})),
        dataset("wells", &json!({}))
    ]));
    let hashes = || {
        let link = house.link();
        let mut out = std::collections::BTreeMap::new();
        for kind in ["Agent", "Dataset", "CatalogueRecord", "Catalogue"] {
            let path = format!("{ROOT}/entities?type={kind}&format=simplified&limit=100");
            let answer = house.server().ask("GET", &path, &[("Link", &link)], b"");
            let page: Vec<Value> = serde_json::from_slice(&answer.body).expect("a list");
            for entity in page {
                let text = |name: &str| entity[name].as_str().expect("a text").to_owned();
                out.insert(text("id"), text("contentHash"));
            }
        }
        // The publisher of the catalogue was there before, and is not told again.
        out.retain(|id, _| !id.contains(":Agent:") || id.ends_with("city-of-ghent"));
        out
    };
    let expected = hashes();
    assert!(expected.contains_key(PUMPS), "{expected:?}");
    until("a copy", || (broker.contents() == expected).then_some(()));
    house.write(&json!([dataset("pumps", &json!({ "versionInfo": "2" }))]));
    let changed = hashes();
    assert_ne!(changed, expected);
    until("a copy of the change", || {
        (broker.contents() == changed).then_some(())
    });
}

#[test]
fn an_agent_goes_with_the_last_who_names_it_and_what_is_purged_is_told_by_its_id_alone() {
    let house = House::start("subs-purged");
    let receiver = Receiver::start();
    let asks = json!({
        "entities": [{ "type": "Agent|Dataset" }], "notificationTrigger": ["entityCreated", "entityDeleted"],
        "notification": { "pick": ["id"] },
    });
    house.subscribe(&to(&receiver.uri("/"), &asks));
    house.write(&json!([dataset("a", &json!({}))]));
    house.write(&json!([dataset("b", &json!({}))]));
    house.withdraw("a");
    let (code, said) = run(&house.dir, &["purge", "b"]);
    assert_eq!(code, 0, "{said}");
    receiver.wait(4);
    let (agent, set) = (
        "urn:ngsi-ld:Agent:lib.city-of-ghent",
        "urn:ngsi-ld:Dataset:lib.",
    );
    let expected = [
        agent,
        &format!("{set}a"),
        &format!("{set}b"),
        &format!("{set}a"),
        agent,
        &format!("{set}b"),
    ];
    assert_eq!(receiver.ids(), expected);
    let last = receiver.inside().got[3].body["data"][1].clone();
    assert_eq!(
        last.as_object().map(serde_json::Map::len),
        Some(3),
        "{last}"
    );
    assert!(last["deletedAt"].is_string());
}

#[test]
fn what_waits_too_long_or_is_too_much_is_listed_as_expired() {
    let mut house = House::start_with("subs-expired", &format!("{SETTINGS}notifications = 3\n"));
    let mut receiver = Receiver::start();
    receiver.stop();
    let id = house.subscribe(&to(&receiver.uri("/"), &json!({})));
    for name in ["a", "b", "c", "d", "e"] {
        house.write(&json!([dataset(name, &json!({}))]));
    }
    house.comes_to(&id, "/notification/status", &json!("failed"));
    let listed = |house: &House| -> Value {
        let path = format!("/subscriptions/{id}/undelivered");
        let listed = house.ask("GET", &path, &house.contributor, None);
        serde_json::from_slice(&listed.body).expect("JSON")
    };
    let mut restart = |settings: &str, waiting: i64, expired: i64| {
        std::fs::write(
            house.dir.with_extension("toml"),
            format!("{SETTINGS}{settings}"),
        )
        .expect("writes");
        house.server = None;
        house.serve();
        until("what was given up", || {
            let listed = listed(&house);
            let as_wanted =
                (&listed["waiting"], &listed["expired"]) == (&json!(waiting), &json!(expired));
            as_wanted.then_some(listed)
        })
    };
    let told = restart("notifications = 3\n", 3, 2);
    let state = |n: usize| {
        (
            told["notifications"][n]["state"].clone(),
            told["notifications"][n]["data"][0]["id"].clone(),
        )
    };
    assert_eq!(
        state(0),
        (json!("expired"), json!("urn:ngsi-ld:Dataset:lib.a")),
        "the oldest goes first"
    );
    assert_eq!(
        state(2),
        (json!("waiting"), json!("urn:ngsi-ld:Dataset:lib.c"))
    );
    let told = restart("notification_hours = 0\n", 0, 3);
    let why = told["notifications"][2]["lastErrorReason"]
        .as_str()
        .expect("a reason");
    assert!(why.contains("too old"), "{why}");
}

/// Debian's mosquitto, with a user and a password; nothing where it is not installed.
struct Mosquitto {
    process: std::process::Child,
    dir: PathBuf,
    port: u16,
    /// Where it speaks TLS.
    secure: u16,
}

/// An authority in `ca.pem`, and a certificate of its for 127.0.0.1 in `own.pem`.
fn certify(dir: &std::path::Path) {
    std::fs::write(dir.join("own.ext"), "subjectAltName=IP:127.0.0.1\n").expect("writes");
    for arguments in [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=broker -keyout own.key -out own.csr",
        "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile own.ext -out own.pem",
    ] {
        let made = std::process::Command::new("/usr/bin/openssl")
            .args(arguments.split(' '))
            .current_dir(dir)
            .output()
            .expect("it runs");
        assert!(made.status.success(), "{arguments}: {made:?}");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const BROKER: &str = "/usr/sbin/mosquitto";

impl Mosquitto {
    fn start(name: &str) -> Option<Self> {
        let tools = [
            BROKER,
            "/usr/bin/mosquitto_sub",
            "/usr/bin/mosquitto_passwd",
            "/usr/bin/openssl",
        ];
        if let Some(absent) = tools.iter().find(|t| !std::path::Path::new(t).exists()) {
            println!("not run: {name}: {absent} is not there; make test-tools installs it");
            return None;
        }
        let dir = directory(name);
        std::fs::create_dir_all(&dir).expect("a directory");
        let free = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
        let [port, secure] = free.map(|f| f.local_addr().expect("an address").port());
        certify(&dir);
        let users = dir.join("users");
        let made = std::process::Command::new("/usr/bin/mosquitto_passwd")
            .args(["-b", "-c"])
            .arg(&users)
            .args(["city", "p@ss word"])
            .status();
        assert!(made.expect("it runs").success());
        let settings = format!(
            "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\npersistence false\nuser {}\n\
             listener {secure} 127.0.0.1\ncertfile {}\nkeyfile {}\n",
            users.display(),
            std::env::var("USER").unwrap_or_else(|_| "root".into()),
            dir.join("own.pem").display(),
            dir.join("own.key").display(),
        );
        std::fs::write(dir.join("mosquitto.conf"), settings).expect("writes");
        Some(Self {
            process: Self::run(&dir, port),
            dir,
            port,
            secure,
        })
    }

    fn run(dir: &std::path::Path, port: u16) -> std::process::Child {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(dir.join("log"))
            .expect("a log");
        let process = std::process::Command::new(BROKER)
            .args(["-v", "-c"])
            .arg(dir.join("mosquitto.conf"))
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn()
            .expect("it starts");
        until("the broker", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        process
    }

    /// Writes down all that is published, each with its topic and quality of service.
    fn listen(&self) -> std::process::Child {
        let out = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.join("heard"))
            .expect("a file");
        let listener = std::process::Command::new("/usr/bin/mosquitto_sub")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-u",
                "city",
                "-P",
                "p@ss word",
            ])
            .args([
                "-V", "5", "-i", "listener", "-q", "2", "-t", "#", "-F", "%t %q %p",
            ])
            .stdout(out)
            .spawn()
            .expect("it starts");
        let before = self.log().matches("SUBACK to listener").count();
        until("a subscription", || {
            (self.log().matches("SUBACK to listener").count() > before).then_some(())
        });
        listener
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Topic, quality of service and message of each.
    fn heard(&self) -> Vec<(String, String, Value)> {
        let text = std::fs::read_to_string(self.dir.join("heard")).unwrap_or_default();
        let whole = text.lines().filter(|l| l.ends_with('}'));
        let parts = whole.map(|l| {
            let mut parts = l.splitn(3, ' ').map(str::to_owned);
            let mut next = || parts.next().expect("three parts");
            let (topic, qos) = (next(), next());
            (topic, qos, serde_json::from_str(&next()).expect("JSON"))
        });
        parts.collect()
    }
}

#[test]
fn a_broker_is_told_over_tls_where_its_certificate_is_trusted() {
    let Some(broker) = Mosquitto::start("subs-mqtts") else {
        return;
    };
    let mut listener = broker.listen();
    let authority = broker.dir.join("ca.pem");
    let trusting = [("SSL_CERT_FILE", authority.to_str().expect("UTF-8"))];
    let mut house = House::start("subs-tls");
    let uri = format!(
        "mqtts://city:p%40ss%20word@127.0.0.1:{}/ldt/tls",
        broker.secure
    );
    let more = json!({ "notification": { "endpoint": { "cooldown": 200 } } });
    let id = house.subscribe(&to(&uri, &more));
    house.write(&json!([dataset("pumps", &json!({}))]));
    let told = house.comes_to(&id, "/notification/status", &json!("failed"));
    let why = told["notification"]["lastErrorReason"].as_str();
    assert!(why.is_some_and(|w| w.contains("certificate")), "{why:?}");
    // It waits, and goes out when the operator has it trusted.
    house.server = None;
    house.environment = trusting.map(|(n, v)| (n, v.to_owned())).to_vec();
    house.serve();
    let heard = until("a message", || {
        Some(broker.heard()).filter(|h| !h.is_empty())
    });
    assert_eq!(heard[0].0, "ldt/tls");
    assert_eq!(heard[0].2["body"]["data"][0]["id"], PUMPS);
    house.comes_to(&id, "/notification/status", &json!("ok"));
    let _ = listener.kill();
    let _ = listener.wait();
}

#[test]
fn notifications_go_out_by_mqtt_in_both_versions_and_each_quality_of_service() {
    let Some(mut broker) = Mosquitto::start("subs-mosquitto") else {
        return;
    };
    let mut listener = broker.listen();
    let house = House::start("subs-mqtt");
    let mut last = String::new();
    for (version, short) in [("mqtt3.1.1", "v4"), ("mqtt5.0", "v5")] {
        for qos in ["0", "1", "2"] {
            let uri = format!(
                "mqtt://city:p%40ss%20word@127.0.0.1:{}/ldt/{short}/{qos}",
                broker.port
            );
            last = house.subscribe(&to(&uri, &json!({ "notification": { "endpoint": {
                "cooldown": 200,
                "receiverInfo": [{ "key": "X-Portal-Key", "value": "k1" }],
                "notifierInfo": [{ "key": "MQTT-Version", "value": version }, { "key": "MQTT-QoS", "value": qos }],
            } } })));
        }
    }
    let told = house.subscription(&last);
    let shown = told["notification"]["endpoint"]["uri"]
        .as_str()
        .expect("a text");
    assert!(
        !shown.contains("ss") && shown.contains("city:***@"),
        "{shown}"
    );
    // Sent back as it was read, the password stays what it was.
    house.patch(
        &last,
        &json!({ "notification": { "endpoint": told["notification"]["endpoint"] } }),
    );
    house.write(&json!([dataset("pumps", &json!({}))]));
    let heard = until("six messages", || {
        Some(broker.heard()).filter(|h| h.len() >= 6)
    });
    let mut topics: Vec<(String, String)> =
        heard.iter().map(|h| (h.0.clone(), h.1.clone())).collect();
    topics.sort_unstable();
    let each = ["v4", "v5"]
        .iter()
        .flat_map(|v| (0..3).map(move |q| (format!("ldt/{v}/{q}"), q.to_string())));
    assert_eq!(topics, each.collect::<Vec<_>>());
    for (_, _, message) in &heard {
        assert_eq!(message["metadata"]["Content-Type"], "application/json");
        assert_eq!(message["metadata"]["Link"], json!(house.link()));
        assert_eq!(message["metadata"]["X-Portal-Key"], "k1");
        assert_eq!(message["body"]["type"], "Notification");
        assert_eq!(message["body"]["data"][0]["id"], PUMPS);
    }
    // The broker calls 3.1.1 version 2.
    for protocol in ["(p2,", "(p5,"] {
        let count = broker
            .log()
            .lines()
            .filter(|l| l.contains("as ldt-catalogue-") && l.contains(protocol))
            .count();
        assert_eq!(count, 3, "{protocol}: {}", broker.log());
    }
    house.comes_to(&last, "/notification/status", &json!("ok"));
    // What a broker misses, it gets when it is back.
    let _ = listener.kill();
    let _ = listener.wait();
    let _ = broker.process.kill();
    let _ = broker.process.wait();
    house.write(&json!([dataset("wells", &json!({}))]));
    house.comes_to(&last, "/notification/status", &json!("failed"));
    broker.process = Mosquitto::run(&broker.dir, broker.port);
    house.comes_to(&last, "/notification/status", &json!("ok"));
    house.patch(
        &last,
        &json!({ "notification": { "endpoint": { "uri":
        format!("mqtt://city:wrong@127.0.0.1:{}/ldt/v5/2", broker.port) } } }),
    );
    house.write(&json!([dataset("ponds", &json!({}))]));
    let told = house.comes_to(&last, "/notification/status", &json!("failed"));
    let why = told["notification"]["lastErrorReason"]
        .as_str()
        .expect("a reason");
    assert!(why.contains("refuses"), "{why}");
}
