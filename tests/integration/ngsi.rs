//! NGSI-LD: cases by clause of the specification, entities under their schemas, contexts with others', pages,
//! writes and what brokers send. The cases are folders in `tests/ngsi-ld`, driven by one test.
use crate::support::{Answer, PUBLIC, Server, directory, import, run, start_with};
use regex::Regex;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

const SETTINGS: &str = "[ngsi]\nid_prefix = \"lib\"\n";
const ROOT: &str = "/ngsi-ld/v1";

/// The bundled library under ids that are known, for all tests that only read.
fn library() -> Arc<Server> {
    static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut held = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    held.upgrade().unwrap_or_else(|| {
        let server = Arc::new(start_with(&directory("ngsi"), SETTINGS));
        *held = Arc::downgrade(&server);
        server
    })
}

/// The address of our context.
fn ours(server: &Server) -> String {
    let list = read(&server.ask("GET", "/ngsi-ld/v1/jsonldContexts", &[], b""));
    list[0].as_str().expect("an address").to_owned()
}

fn link(server: &Server) -> String {
    let ours = ours(server);
    format!("<{ours}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\"")
}

fn read(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{e}: {}", answer.text()))
}

/// Asks with our context.
fn get(server: &Server, path: &str) -> Answer {
    let link = link(server);
    server.ask("GET", &format!("{ROOT}{path}"), &[("Link", &link)], b"")
}

fn reference() -> Option<PathBuf> {
    let dir = std::env::var_os("LDT_SPEC_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/spec"),
        PathBuf::from,
    );
    let dir = dir.join("ngsi-ld");
    if !dir.is_dir() {
        eprintln!("NOT RUN: {} is absent", dir.display());
        return None;
    }
    Some(dir)
}

pub fn json_of(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What of an answer is not as a case expects.
pub fn differences(answer: &Answer, expected: &Value, ours: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let fill = |text: &str| text.replace("{ours}", ours);
    if expected["status"] != json!(answer.status) {
        wrong.push(format!(
            "status {}, not {}: {}",
            answer.status,
            expected["status"],
            answer.text()
        ));
        return wrong;
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let value = fill(value.as_str().expect("a text"));
        let found: Vec<&str> = answer
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
            .collect();
        let right = match value.as_str() {
            "" => found.is_empty(),
            value => found.iter().any(|f| f.contains(value)),
        };
        if !right {
            wrong.push(format!("{name}: {found:?}, not {value:?}"));
        }
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if let Some(whole) = expected.get("body")
        && body != serde_json::from_str::<Value>(&fill(&whole.to_string())).expect("JSON")
    {
        wrong.push(format!("body {body}"));
    }
    for (pointer, value) in expected["contains"].as_object().into_iter().flatten() {
        let value: Value = serde_json::from_str(&fill(&value.to_string())).expect("JSON");
        if body.pointer(pointer) != Some(&value) {
            wrong.push(format!(
                "{pointer} is {:?}, not {value}",
                body.pointer(pointer)
            ));
        }
    }
    for pointer in expected["has"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if body.pointer(pointer).is_none() {
            wrong.push(format!("{pointer} is missing in {body}"));
        }
    }
    for pointer in expected["lacks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if let Some(found) = body.pointer(pointer) {
            wrong.push(format!("{pointer} is {found}"));
        }
    }
    for (pointer, length) in expected["length"].as_object().into_iter().flatten() {
        let found = body
            .pointer(pointer)
            .and_then(Value::as_array)
            .map(Vec::len);
        if json!(found) != *length {
            wrong.push(format!("{pointer:?} has {found:?} items, not {length}"));
        }
    }
    for (pointer, value) in expected["each"].as_object().into_iter().flatten() {
        let all = body.as_array().map_or(&[][..], Vec::as_slice);
        if all.is_empty() || all.iter().any(|i| i.pointer(pointer) != Some(value)) {
            wrong.push(format!("{pointer} of each is not {value}: {body}"));
        }
    }
    if let Some(text) = expected["says"].as_str()
        && !answer.text().contains(text)
    {
        wrong.push(format!("nothing says {text:?}: {}", answer.text()));
    }
    wrong
}

/// Folders of cases, named by their clauses.
pub fn cases(wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ngsi-ld");
    let mut cases: Vec<PathBuf> = fs::read_dir(&root)
        .expect("the cases")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.is_dir() && p.file_name().is_some_and(|n| wanted(&n.to_string_lossy())))
        .collect();
    cases.sort();
    cases
}

/// Whether a case is one of clause 5.8, of the data types of subscriptions or of their times.
pub fn is_of_subscriptions(name: &str) -> bool {
    ["5.8.", "5.2.14-", "5.2.15-", "6.3.11-"]
        .iter()
        .any(|c| name.starts_with(c))
}

#[test]
fn each_case_of_the_specification_is_answered_as_it_wants() {
    let server = library();
    let ours = ours(&server);
    let cases = cases(|name| !is_of_subscriptions(name));
    let mut wrong = Vec::new();
    for case in &cases {
        let request = json_of(&case.join("request.json"));
        let expected = json_of(&case.join("expected.json"));
        let headers: Vec<(String, String)> = request["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(n, v)| {
                (
                    n.clone(),
                    v.as_str().expect("a text").replace("{ours}", &ours),
                )
            })
            .collect();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        let body = match &request["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string().replace("{ours}", &ours),
        };
        let method = request["method"].as_str().unwrap_or("GET");
        let path = request["path"].as_str().expect("a path");
        let answer = server.ask(method, &format!("{ROOT}{path}"), &headers, body.as_bytes());
        let name = case
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let found = differences(&answer, &expected, &ours);
        wrong.extend(found.into_iter().map(|w| format!("{name}: {w}")));
    }
    assert!(cases.len() >= 230, "{} cases", cases.len());
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_is_too_long_is_told_in_the_form_of_the_specification() {
    let server = library();
    let long = format!(
        "{{\"type\": \"Query\", \"q\": \"{}\"}}",
        "x".repeat(40 << 20)
    );
    let headers = [("Content-Type", "application/json")];
    for path in ["/entityOperations/query", "/entities", "/subscriptions"] {
        let path = format!("{ROOT}{path}");
        let answer = server.ask("POST", &path, &headers, long.as_bytes());
        assert!(
            matches!(answer.status, 401 | 405 | 413),
            "{}",
            answer.text()
        );
        let problem: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let kind = problem["type"].as_str().unwrap_or_default();
        assert!(
            kind.starts_with("https://uri.etsi.org/ngsi-ld/errors/"),
            "{problem}"
        );
        assert_eq!(problem["status"], json!(answer.status));
    }
}

/// Each pattern is built once.
fn pattern(text: &str) -> Regex {
    static BUILT: Mutex<BTreeMap<String, Regex>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || Regex::new(text).expect("a pattern");
    built.entry(text.to_owned()).or_insert_with(make).clone()
}

/// The parts of JSON Schema that the Smart Data Models use.
struct Schemas {
    common: Value,
}

impl Schemas {
    fn faults(&self, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
        if let Some(target) = schema["$ref"].as_str() {
            let pointer = target.split_once('#').map_or("", |t| t.1);
            let found = self
                .common
                .pointer(pointer)
                .unwrap_or_else(|| panic!("{target} is not there"));
            return self.faults(found, value, at, out);
        }
        let mut fault = |why: String| out.push(format!("{at}: {why}: {value}"));
        let right = match schema["type"].as_str() {
            Some("string") => value.is_string(),
            Some("number") => value.is_number(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        if !right {
            fault(format!("it is no {}", schema["type"]));
        }
        if let Some(all) = schema["enum"].as_array()
            && !all.contains(value)
        {
            fault(format!("it is none of {all:?}"));
        }
        if let Some(text) = value.as_str() {
            let uri = pattern("^[A-Za-z][A-Za-z0-9+.-]*:[^\\s<>\"{}|\\\\^`]+$");
            let right = match schema["format"].as_str() {
                Some("uri") => uri.is_match(text),
                Some("date-time") => text.parse::<jiff::Timestamp>().is_ok(),
                Some("duration") => text.starts_with('P') && text.parse::<jiff::Span>().is_ok(),
                _ => true,
            };
            let wanted = schema["pattern"].as_str();
            let patterned = wanted.is_none_or(|p| pattern(p).is_match(text));
            if !right || !patterned {
                fault(format!(
                    "it is no {} {}",
                    schema["format"], schema["pattern"]
                ));
            }
        }
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if value.get(name).is_none() {
                fault(format!("{name} is missing"));
            }
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.faults(part, value, at, out);
        }
        for one_of in ["anyOf", "oneOf"] {
            let Some(some) = schema[one_of].as_array() else {
                continue;
            };
            let fits = |s: &Value| {
                let mut inner = Vec::new();
                self.faults(s, value, at, &mut inner);
                inner.is_empty()
            };
            if !some.iter().any(fits) {
                out.push(format!("{at}: no choice of {one_of} fits: {value}"));
            }
        }
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(member) = value.get(name) {
                self.faults(inner, member, &format!("{at}/{name}"), out);
            }
        }
        if let (Some(items), Some(all)) = (schema.get("items"), value.as_array()) {
            for (n, item) in all.iter().enumerate() {
                self.faults(items, item, &format!("{at}/{n}"), out);
            }
        }
    }
}

/// A description that has something for nearly every row of the mapping.
const RICH: &str = include_str!("../data/ngsi/rich.ttl");

/// The bundled library and the rich description.
fn rich() -> Arc<Server> {
    static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut held = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    held.upgrade().unwrap_or_else(|| {
        let dir = directory("ngsi-rich");
        let file = dir.with_extension("ttl");
        fs::write(&file, RICH).expect("writes");
        let (done, said) = import(&dir, &file, &["--as", "published"]);
        assert!(done && said.contains("1 added"), "{said}");
        let server = Arc::new(start_with(&dir, SETTINGS));
        *held = Arc::downgrade(&server);
        server
    })
}

/// All entities of a type, simplified.
fn all(server: &Server, kind: &str, options: &str) -> Vec<Value> {
    let answer = get(
        server,
        &format!("/entities?type={kind}&limit=1000&options={options}"),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    read(&answer).as_array().expect("a list").clone()
}

const KINDS: [&str; 6] = [
    "Agent",
    "DataService",
    "Distribution",
    "Dataset",
    "CatalogueRecord",
    "Catalogue",
];

#[test]
fn every_entity_is_valid_under_the_schema_of_its_type() {
    let Some(dir) = reference() else { return };
    let schemas = Schemas {
        common: json_of(&dir.join("schemas/common-schema.json")),
    };
    for (server, none) in [(library(), "DataService"), (rich(), "")] {
        for kind in KINDS {
            let schema = json_of(&dir.join(format!("schemas/{kind}.schema.json")));
            let entities = all(&server, kind, "simplified");
            assert_eq!(entities.is_empty(), kind == none, "{kind}");
            for entity in entities {
                let mut faults = Vec::new();
                schemas.faults(
                    &schema,
                    &entity,
                    entity["id"].as_str().unwrap_or("?"),
                    &mut faults,
                );
                assert!(faults.is_empty(), "{}", faults.join("\n"));
            }
        }
    }
    // The checker sees faults: the samples of the reference are right, and wrong without a title.
    let schema = json_of(&dir.join("schemas/Dataset.schema.json"));
    let mut sample = json_of(&dir.join("samples/minimal-dataset.simplified.json"));
    let check = |sample: &Value| {
        let mut faults = Vec::new();
        schemas.faults(&schema, sample, "sample", &mut faults);
        faults
    };
    assert_eq!(check(&sample), Vec::<String>::new());
    sample["title"] = json!("a text");
    sample["issued"] = json!("yesterday");
    assert_eq!(check(&sample).len(), 2, "{:?}", check(&sample));
}

#[test]
fn the_rich_description_becomes_what_the_mapping_says() {
    let server = rich();
    let expected: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("../data/ngsi/rich.json")).expect("JSON");
    assert_eq!(expected.len(), 5);
    for (id, expected) in &expected {
        let answer = get(&server, &format!("/entities/{id}?options=simplified"));
        assert_eq!(answer.status, 200, "{id}: {}", answer.text());
        let mut found = read(&answer);
        let entity = found.as_object_mut().expect("an object");
        // They differ with the installation and the moment.
        for name in ["contentHash", "managedBy"] {
            assert!(entity.remove(name).is_some(), "{id} lacks {name}");
        }
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(entity.get(name), Some(value), "{id} {name}");
        }
        for name in entity.keys() {
            assert!(
                expected.get(name).is_some() || ["issued", "modified"].contains(&name.as_str()),
                "{id} has {name}: {}",
                entity[name]
            );
        }
    }
}

#[test]
fn names_mean_in_our_tables_what_they_mean_in_the_published_contexts() {
    let Some(dir) = reference() else { return };
    let server = library();
    let own = read(&server.ask(
        "GET",
        &format!(
            "/contexts/{}",
            ours(&server).rsplit('/').next().expect("a name")
        ),
        &[],
        b"",
    ));
    let own = own["@context"].as_object().expect("names").clone();
    let models = json_of(&dir.join("contexts/sdm-dcat-ap-context.jsonld"));
    let mut compared = 0;
    for (name, iri) in models["@context"].as_object().expect("names") {
        if let Some(ours) = own.get(name) {
            assert_eq!(ours, iri, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared}");
    for version in ["v1.8", "v1.9"] {
        let core = json_of(&dir.join(format!("contexts/ngsi-ld-core-context-{version}.jsonld")));
        let core = core["@context"].clone();
        let core = core
            .as_object()
            .cloned()
            .or_else(|| core.as_array()?.iter().find_map(|c| c.as_object().cloned()))
            .expect("names");
        for name in own.keys() {
            assert!(
                !core.contains_key(name),
                "{name} is a name of core {version}"
            );
        }
        // A name of the core context means no attribute of ours by another IRI.
        for (name, meaning) in &core {
            let iri = meaning
                .as_str()
                .or_else(|| meaning["@id"].as_str())
                .unwrap_or_default();
            let iri = iri.replace("ngsi-ld:", "https://uri.etsi.org/ngsi-ld/");
            let full: String = format!("/entities?type=Dataset&limit=1&pick={name}");
            if ["title", "description", "location", "format", "status"].contains(&name.as_str()) {
                let answer = server.ask("GET", &format!("{ROOT}{full}"), &[], b"");
                assert_eq!(answer.status, 200, "{name}");
                assert!(iri.starts_with("http"), "{name}: {iri}");
            }
        }
    }
}

#[test]
fn pages_hold_each_entity_once_and_their_links_lead_from_the_first_to_the_last() {
    let server = library();
    let link = link(&server);
    let mut path =
        format!("{ROOT}/entities?type=Dataset,Agent&limit=50&count=true&attrs=title,name");
    let (mut seen, mut total) = (BTreeSet::new(), 0);
    for _ in 0..20 {
        let answer = server.ask("GET", &path, &[("Link", &link)], b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        total = answer
            .header("ngsild-results-count")
            .parse()
            .expect("a number");
        for entity in read(&answer).as_array().expect("a list") {
            assert!(
                seen.insert(entity["id"].as_str().expect("an id").to_owned()),
                "{entity}"
            );
        }
        let next = answer
            .headers
            .iter()
            .find(|(n, v)| n == "link" && v.contains("rel=\"next\""));
        let Some((_, next)) = next else { break };
        let url = next.split(['<', '>']).nth(1).expect("an address");
        path = url.strip_prefix(PUBLIC).expect("our own").to_owned();
    }
    assert_eq!(seen.len(), total);
    assert!(total > 250, "{total}");
}

#[test]
fn what_the_index_finds_is_what_matches_one_by_one() {
    let server = library();
    let everything: Vec<Value> = KINDS
        .iter()
        .flat_map(|k| all(&server, k, "simplified"))
        .collect();
    let texts = |v: &Value| -> Vec<String> {
        match v {
            Value::Array(all) => all
                .iter()
                .filter_map(|t| t.as_str().map(str::to_owned))
                .collect(),
            Value::String(one) => vec![one.clone()],
            _ => Vec::new(),
        }
    };
    type Test = Box<dyn Fn(&Value) -> bool>;
    let has = move |name: &'static str, test: fn(&str) -> bool| -> Test {
        Box::new(move |e| texts(&e[name]).iter().any(|t| test(t)))
    };
    let queries: Vec<(&str, Test)> = vec![
        ("title~=NGSI", has("title", |t| t.contains("NGSI"))),
        (
            "description~=broker",
            has("description", |t| t.contains("broker")),
        ),
        ("keyword==%22Tool%22", has("keyword", |t| t == "Tool")),
        (
            "ldtMim==%220%22..%222%22",
            has("ldtMim", |t| ("0"..="2").contains(&t)),
        ),
        (
            "ldtLayer!=%22analytics%22",
            Box::new(|e| {
                e.get("ldtLayer").is_some()
                    && !e["ldtLayer"]
                        .as_array()
                        .expect("a list")
                        .contains(&json!("analytics"))
            }),
        ),
        ("!title", Box::new(|e| e.get("title").is_none())),
        (
            "uses==urn:ngsi-ld:Dataset:lib.json-ld",
            has("uses", |t| t == "urn:ngsi-ld:Dataset:lib.json-ld"),
        ),
        (
            "title%3E=%22T%22;title%3C%22W%22",
            Box::new(|e| {
                e["title"].as_array().is_some_and(|all| {
                    all.iter().any(|t| t.as_str() >= Some("T"))
                        && all.iter().any(|t| t.as_str() < Some("W"))
                })
            }),
        ),
        (
            "(ldtKind==%22tool%22%7CldtKind==%22standard%22);ldtScope==%22interoperability%22",
            Box::new(|e| {
                let of = |n: &str, v: &str| e[n].as_array().is_some_and(|a| a.contains(&json!(v)));
                (of("ldtKind", "tool") || of("ldtKind", "standard"))
                    && of("ldtScope", "interoperability")
            }),
        ),
    ];
    for (q, test) in queries {
        let expected: BTreeSet<&str> = everything
            .iter()
            .filter(|e| test(e))
            .filter_map(|e| e["id"].as_str())
            .collect();
        let answer = get(
            &server,
            &format!("/entities?q={q}&limit=1000&count=true&pick=id"),
        );
        assert_eq!(answer.status, 200, "{q}: {}", answer.text());
        let found = read(&answer);
        let found: BTreeSet<&str> = found
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|e| e["id"].as_str())
            .collect();
        assert_eq!(found, expected, "{q}");
        assert_eq!(
            answer.header("ngsild-results-count"),
            expected.len().to_string(),
            "{q}"
        );
        assert!(!expected.is_empty(), "{q} finds nothing");
    }
}

/// A service with tokens of a contributor and a moderator.
struct Written {
    dir: PathBuf,
    server: Server,
    contributor: String,
    moderator: String,
}

fn written(name: &str) -> Written {
    let dir = directory(name);
    let server = start_with(&dir, SETTINGS);
    let token = |role: &str| {
        let (code, said) = run(&dir, &["token", "add", "--role", role, "--name", role]);
        assert_eq!(code, 0, "{said}");
        let token = said
            .lines()
            .find(|l| l.starts_with("ldt_"))
            .expect("a token");
        format!("Bearer {token}")
    };
    let (contributor, moderator) = (token("contributor"), token("moderator"));
    Written {
        dir,
        server,
        contributor,
        moderator,
    }
}

impl Written {
    fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        let link = link(&self.server);
        let headers = [
            ("Authorization", token),
            ("Content-Type", "application/json"),
            ("Link", &link),
        ];
        self.server.ask(
            "POST",
            &format!("{ROOT}{path}"),
            &headers,
            body.to_string().as_bytes(),
        )
    }
}

/// A Dataset that may be published, with members of its own.
fn sensors(id: &str, more: &Value) -> Value {
    let mut entity = json!({
        "id": id, "type": "Dataset", "title": [id], "publisher": "City of Ghent", "ldtLayer": "data-sources",
        "description": ["What the sensors of the city say, hour by hour, and what it was about."],
        "theme": ["http://publications.europa.eu/resource/authority/data-theme/ENVI"],
    });
    for (name, value) in more.as_object().expect("members") {
        entity[name] = value.clone();
    }
    entity
}

#[test]
fn what_waits_has_no_say_about_agents_that_are_shown() {
    let written = written("ngsi-agents");
    let agent = "urn:ngsi-ld:Agent:lib.fiware-foundation";
    let before = read(&get(&written.server, &format!("/entities/{agent}")));
    for (name, how) in [
        (
            "one",
            json!({ "publisherAgent": { "type": "Relationship", "object": agent } }),
        ),
        ("two", json!({ "publisher": "FIWARE Foundation" })),
    ] {
        let entity = sensors(&format!("urn:ngsi-ld:Dataset:{name}"), &how);
        let answer = written.post("/entities", &written.contributor, &entity);
        assert_eq!(answer.status, 202, "{}", answer.text());
    }
    let sheet = written.server.body("/catalog.csv");
    let file = written.dir.with_extension("csv");
    fs::write(
        &file,
        sheet.replace("Orion-LD Context Broker", "Orion-LD broker"),
    )
    .expect("writes");
    let (good, said) = crate::support::import(&written.dir, &file, &["--source-name", "bundled"]);
    assert!(
        good && said.contains("1 changed") && said.contains("0 queued"),
        "{said}"
    );
    let after = read(&get(&written.server, &format!("/entities/{agent}")));
    assert_eq!(before, after);
}

#[test]
fn two_ids_are_never_one_record() {
    let written = written("ngsi-ids");
    let long = "a".repeat(85);
    let ids = [
        "urn:ngsi-ld:Dataset:city-a:pumps".to_owned(),
        "urn:ngsi-ld:Dataset:city-b:pumps".to_owned(),
        "urn:ngsi-ld:Dataset:pumps".to_owned(),
        "urn:ngsi-ld:Dataset:Pumps".to_owned(),
        "urn:ngsi-ld:DataService:pumps".to_owned(),
        "https://data.example/pumps".to_owned(),
        format!("urn:ngsi-ld:Dataset:{long}1"),
        format!("urn:ngsi-ld:Dataset:{long}2"),
    ];
    let all: Value = ids.iter().map(|id| sensors(id, &json!({}))).collect();
    let made = written.post("/entityOperations/upsert", &written.moderator, &all);
    assert_eq!(made.status, 201, "{}", made.text());
    let names: BTreeSet<String> = serde_json::from_slice(&made.body).expect("a list");
    assert_eq!(names.len(), ids.len(), "{names:?}");
    let titles: BTreeSet<String> = names
        .iter()
        .map(|id| {
            read(&get(
                &written.server,
                &format!("/entities/{id}?options=simplified"),
            ))
        })
        .map(|e| e["title"][0].as_str().expect("a title").to_owned())
        .collect();
    assert_eq!(titles, ids.iter().cloned().collect());
    let again = written.post("/entityOperations/upsert", &written.moderator, &all);
    assert_eq!(again.status, 204, "{}", again.text());
}

#[test]
fn each_attribute_that_can_be_written_gives_a_record_that_can_be_shown() {
    let written = written("ngsi-attributes");
    let agent = "urn:ngsi-ld:Agent:lib.fiware-foundation";
    let entry = "urn:ngsi-ld:Dataset:lib.ngsi-ld";
    let more = json!({
        "landingPage": ["https://data.example/landing"],
        "page": ["https://data.example/manual"],
        "spatialPlace": ["http://publications.europa.eu/resource/authority/country/BEL"],
        "provenance": ["Read from the pumps themselves."],
        "wasGeneratedBy": ["https://data.example/reading"],
        "otherIdentifier": ["https://doi.example/10.1/2"],
        "temporalResolution": ["PT1H"],
        "versionInfo": "2",
        "publisherAgent": { "type": "Relationship", "object": agent },
        "uses": { "type": "Relationship", "object": [entry] },
        "qualifiedRelation": [entry],
        "hasVersion": [entry], "isVersionOf": [entry], "source": [entry], "relation": [entry],
        "createdAt": "2026-01-01T00:00:00Z",
    });
    for (name, value) in more.as_object().expect("members") {
        let mut one = json!({ name: value });
        if name == "qualifiedRelation" {
            one["uses"] = more["uses"].clone();
        }
        let id = format!("urn:ngsi-ld:Dataset:one-{}", name.to_ascii_lowercase());
        let made = written.post("/entities", &written.moderator, &sensors(&id, &one));
        assert_eq!(made.status, 201, "{name}: {}", made.text());
    }
    // And what is served comes back as it was.
    let made = written.post(
        "/entities",
        &written.moderator,
        &sensors("urn:ngsi-ld:Dataset:all", &more),
    );
    assert_eq!(made.status, 201, "{}", made.text());
    let path = "/entities/urn:ngsi-ld:Dataset:lib.all?options=sysAttrs";
    let served = read(&get(&written.server, path));
    for name in more.as_object().expect("members").keys() {
        assert!(served.get(name).is_some(), "{name}: {served}");
    }
    let again = written.post(
        "/entityOperations/upsert",
        &written.moderator,
        &json!([served]),
    );
    assert_eq!(again.status, 204, "{}", again.text());
    let mut after = read(&get(&written.server, path));
    for name in ["contentHash", "modified", "modifiedAt"] {
        assert_eq!(served[name].is_null(), after[name].is_null());
        after[name] = served[name].clone();
    }
    for (name, value) in after.as_object().expect("members") {
        assert_eq!(served[name]["value"], value["value"], "{name}");
        assert_eq!(served[name]["object"], value["object"], "{name}");
    }
}

fn pumps() -> Value {
    json!([
        {
            "id": "urn:ngsi-ld:Dataset:pumps", "type": "Dataset",
            "title": { "type": "LanguageProperty", "languageMap": { "en": "Pumps of the city", "it": "Pompe della città" } },
            "description": { "type": "Property", "value": ["Which pumps of the city run, hour by hour, and how much water each of them moves."] },
            "keyword": ["water", "pumps"],
            "publisher": "City of Ghent",
            "theme": ["http://publications.europa.eu/resource/authority/data-theme/ENVI"],
            "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [3.72, 51.05] } },
            "ldtLayer": "data-sources",
            "uses": { "type": "Relationship", "object": "urn:ngsi-ld:Dataset:lib.ngsi-ld" },
            "distribution": { "type": "Relationship", "object": ["urn:ngsi-ld:Distribution:pumps-csv"] },
        },
        {
            "id": "urn:ngsi-ld:Distribution:pumps-csv", "type": "Distribution",
            "accessURL": ["https://data.example/pumps.csv"], "mediaType": "text/csv", "byteSize": 1024,
        },
    ])
}

#[test]
fn a_moderator_writes_entities_and_reads_them_at_once() {
    let written = written("ngsi-write");
    let made = written.post("/entityOperations/create", &written.moderator, &pumps());
    assert_eq!(made.status, 201, "{}", made.text());
    let ids = read(&made);
    assert_eq!(ids[0], "urn:ngsi-ld:Dataset:lib.pumps", "{ids}");
    let entity = read(&get(
        &written.server,
        "/entities/urn:ngsi-ld:Dataset:lib.pumps?options=simplified",
    ));
    assert_eq!(
        entity["title"],
        json!(["Pumps of the city", "Pompe della città"]),
        "{entity}"
    );
    assert_eq!(entity["publisher"], "City of Ghent");
    assert_eq!(entity["location"]["coordinates"], json!([3.72, 51.05]));
    assert_eq!(entity["uses"], json!(["urn:ngsi-ld:Dataset:lib.ngsi-ld"]));
    assert_eq!(entity["ldtLayer"], json!(["data-sources"]));
    let part = entity["distribution"][0].as_str().expect("a distribution");
    let part = read(&get(
        &written.server,
        &format!("/entities/{part}?options=simplified"),
    ));
    assert_eq!(
        part["accessURL"],
        json!(["https://data.example/pumps.csv"]),
        "{part}"
    );
    assert_eq!(
        (&part["mediaType"], &part["byteSize"]),
        (&json!("text/csv"), &json!(1024))
    );
    assert_eq!(part["belongsToDataset"], "urn:ngsi-ld:Dataset:lib.pumps");
    let near = "/entities?type=Dataset&georel=near;maxDistance==2000&geometry=Point&coordinates=%5B3.73,51.05%5D&pick=id";
    assert_eq!(
        read(&get(&written.server, near)),
        json!([{ "id": "urn:ngsi-ld:Dataset:lib.pumps" }])
    );
    assert!(
        written
            .server
            .body("/resource/pumps.ttl")
            .contains("Pompe della città")
    );
    // Again: it is there; upsert replaces it.
    let again = written.post("/entities", &written.moderator, &pumps()[0]);
    assert_eq!(again.status, 409, "{}", again.text());
    let mut other = pumps();
    other[0]["keyword"] = json!(["water"]);
    let changed = written.post("/entityOperations/upsert", &written.moderator, &other);
    assert_eq!(changed.status, 204, "{}", changed.text());
    let entity = read(&get(
        &written.server,
        "/entities/urn:ngsi-ld:Dataset:lib.pumps?options=simplified",
    ));
    assert!(
        entity["keyword"]
            .as_array()
            .expect("a list")
            .contains(&json!("water"))
    );
    assert!(
        !entity["keyword"]
            .as_array()
            .expect("a list")
            .contains(&json!("pumps"))
    );
    // Both versions are told by time.
    let past = read(&get(
        &written.server,
        "/temporal/entities/urn:ngsi-ld:Dataset:lib.pumps?attrs=keyword",
    ));
    assert_eq!(past["keyword"].as_array().map(Vec::len), Some(2), "{past}");
    assert!(past["keyword"][0]["observedAt"].as_str() > past["keyword"][1]["observedAt"].as_str());
    let last = read(&get(
        &written.server,
        "/temporal/entities/urn:ngsi-ld:Dataset:lib.pumps?attrs=keyword&lastN=1&options=temporalValues",
    ));
    assert_eq!(
        last["keyword"]["values"].as_array().map(Vec::len),
        Some(1),
        "{last}"
    );
}

#[test]
fn what_a_contributor_writes_waits_and_what_no_one_may_write_is_refused() {
    let written = written("ngsi-draft");
    let made = written.post("/entityOperations/upsert", &written.contributor, &pumps());
    assert_eq!(made.status, 202, "{}", made.text());
    assert_eq!(
        get(&written.server, "/entities/urn:ngsi-ld:Dataset:lib.pumps").status,
        404
    );
    let nobody = written.post("/entities", "", &pumps()[0]);
    assert_eq!(nobody.status, 405, "{}", nobody.text());
    let mut wrong = pumps();
    for (member, value, says) in [
        ("type", json!("Vehicle"), "Vehicle"),
        ("type", json!("Catalogue"), "makes each Catalogue itself"),
        ("id", json!("pumps"), "absolute URI"),
        ("speed", json!(5), "speed"),
        ("theme", json!("no uri"), "theme"),
        ("ldtLayer", json!("cellar"), "layer"),
        (
            "location",
            json!({ "type": "Point", "coordinates": [300, 0] }),
            "location",
        ),
        (
            "title",
            json!({ "type": "LanguageProperty", "languageMap": { "not a tag": "x" } }),
            "title",
        ),
    ] {
        let before = wrong[0][member].take();
        wrong[0][member] = value;
        let answer = written.post("/entities", &written.moderator, &wrong[0]);
        assert_eq!(answer.status, 400, "{member}: {}", answer.text());
        assert!(answer.text().contains(says), "{member}: {}", answer.text());
        if before.is_null() {
            wrong[0].as_object_mut().expect("an object").remove(member);
        } else {
            wrong[0][member] = before;
        }
    }
    // One that is wrong leaves the others alone.
    let mut both = pumps();
    both[0]["id"] = json!("urn:ngsi-ld:Dataset:valves");
    both[1]["type"] = json!("Vehicle");
    let answer = written.post("/entityOperations/create", &written.moderator, &both);
    assert_eq!(answer.status, 207, "{}", answer.text());
    assert_eq!(
        read(&answer)["errors"][0]["entityId"],
        "urn:ngsi-ld:Distribution:pumps-csv"
    );
    let missing = written.post("/entityOperations/update", &written.moderator, &json!([{
        "id": "urn:ngsi-ld:Dataset:none", "type": "Dataset", "title": "None", "description": "None of it is there.",
    }]));
    assert_eq!(missing.status, 207, "{}", missing.text());
    assert_eq!(
        read(&missing)["errors"][0]["error"]["type"],
        "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound"
    );
}

#[test]
fn contexts_are_hosted_used_and_taken_away() {
    let written = written("ngsi-contexts");
    let server = &written.server;
    let document = json!({ "@context": { "Set": "https://smartdatamodels.org/dataModel.DCAT-AP/Dataset", "label": "http://purl.org/dc/terms/title", "m": "https://smartdatamodels.org/dataModel.DCAT-AP/" } });
    let headers = [
        ("Authorization", written.contributor.as_str()),
        ("Content-Type", "application/ld+json"),
    ];
    let add = |headers: &[(&str, &str)], body: &Value| {
        server.ask(
            "POST",
            "/ngsi-ld/v1/jsonldContexts",
            headers,
            body.to_string().as_bytes(),
        )
    };
    assert_eq!(add(&headers[1..], &document).status, 401);
    assert_eq!(add(&headers, &json!({ "no": "context" })).status, 400);
    let made = add(&headers, &document);
    assert_eq!(made.status, 201, "{}", made.text());
    let url = made.header("location").to_owned();
    let path = url.strip_prefix(PUBLIC).expect("our own");
    let link = format!(
        "<{url}>; rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
    );
    let list = server.ask(
        "GET",
        "/ngsi-ld/v1/entities?type=Set&limit=1",
        &[("Link", &link)],
        b"",
    );
    let entity = &read(&list)[0];
    assert_eq!(entity["type"], "Set", "{entity}");
    // The core context has a name of its own for the title, which wins.
    assert!(
        entity.get("title").is_some() && entity.get("m:theme").is_some(),
        "{entity}"
    );
    assert!(list.header("link").contains(&url));
    assert_eq!(read(&server.ask("GET", path, &[], b"")), document);
    let told = read(&server.ask(
        "GET",
        "/ngsi-ld/v1/jsonldContexts?details=true&kind=Hosted",
        &[],
        b"",
    ));
    assert!(
        told.as_array()
            .expect("a list")
            .iter()
            .any(|c| c["URL"] == url.as_str()),
        "{told}"
    );
    assert_eq!(server.ask("DELETE", path, &headers[..1], b"").status, 204);
    assert_eq!(server.ask("GET", path, &[], b"").status, 404);
    assert_eq!(
        server
            .ask(
                "GET",
                "/ngsi-ld/v1/entities?type=Set",
                &[("Link", &link)],
                b""
            )
            .status,
        504
    );
    let own = ours(server).rsplit('/').next().expect("a name").to_owned();
    assert_eq!(
        server
            .ask(
                "DELETE",
                &format!("/ngsi-ld/v1/jsonldContexts/{own}"),
                &headers[..1],
                b""
            )
            .status,
        400
    );
}

#[test]
fn a_context_from_elsewhere_is_fetched_once_and_never_from_a_private_network_unasked() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(Mutex::new(0));
    std::thread::spawn({
        let asked = asked.clone();
        move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let mut head = [0; 2_048];
                let length = stream.read(&mut head).expect("reads");
                *asked.lock().expect("held by none") += 1;
                let body = match String::from_utf8_lossy(&head[..length]).contains("GET /long") {
                    true => " ".repeat(2_000_000),
                    false => json!({ "@context": { "Daten": "https://smartdatamodels.org/dataModel.DCAT-AP/Dataset" } }).to_string(),
                };
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/ld+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        }
    });
    let ask = |server: &Server, name: &str| {
        let link =
            format!("<http://{address}/{name}>; rel=\"http://www.w3.org/ns/json-ld#context\"");
        server.ask(
            "GET",
            "/ngsi-ld/v1/entities?type=Daten&limit=1",
            &[("Link", &link)],
            b"",
        )
    };
    let careful = library();
    let refused = ask(&careful, "c.jsonld");
    assert_eq!(refused.status, 504, "{}", refused.text());
    assert_eq!(
        read(&refused)["type"],
        "https://uri.etsi.org/ngsi-ld/errors/LdContextNotAvailable"
    );
    assert_eq!(*asked.lock().expect("held by none"), 0);
    let open = start_with(
        &directory("ngsi-private"),
        &format!("{SETTINGS}private = true\n"),
    );
    for _ in 0..3 {
        let answer = ask(&open, "c.jsonld");
        assert_eq!(read(&answer)[0]["type"], "Daten", "{}", answer.text());
    }
    assert_eq!(*asked.lock().expect("held by none"), 1);
    assert_eq!(ask(&open, "long").status, 504);
}

#[test]
fn what_is_withdrawn_is_gone_from_lists_and_an_agent_goes_with_the_last_who_names_it() {
    let written = written("ngsi-withdraw");
    let server = &written.server;
    let made = written.post("/entityOperations/create", &written.moderator, &pumps());
    assert_eq!(made.status, 201, "{}", made.text());
    let agent = "/entities/urn:ngsi-ld:Agent:lib.city-of-ghent";
    assert_eq!(get(server, agent).status, 200);
    let named = read(&get(
        server,
        "/entities/urn:ngsi-ld:Dataset:lib.pumps?attrs=publisherAgent",
    ));
    assert_eq!(
        named["publisherAgent"]["object"],
        "urn:ngsi-ld:Agent:lib.city-of-ghent"
    );
    let tag = server
        .ask("GET", "/api/resources/pumps", &[], b"")
        .header("etag")
        .to_owned();
    let headers = [
        ("Authorization", written.moderator.as_str()),
        ("If-Match", &tag),
    ];
    let gone = server.ask("DELETE", "/api/resources/pumps", &headers, b"");
    assert!(gone.status < 300, "{} {}", gone.status, gone.text());
    assert_eq!(
        get(server, "/entities/urn:ngsi-ld:Dataset:lib.pumps").status,
        404
    );
    assert_eq!(
        read(&get(server, "/entities?q=keyword==%22pumps%22")),
        json!([])
    );
    assert_eq!(get(server, agent).status, 404);
}

#[test]
fn texts_are_language_maps_where_the_operator_wants_them() {
    let settings = format!("{SETTINGS}language_maps = true\n");
    let server = start_with(&directory("ngsi-maps"), &settings);
    let entity = read(&get(
        &server,
        "/entities/urn:ngsi-ld:Dataset:lib.orion-ld?attrs=title",
    ));
    assert_eq!(
        entity["title"],
        json!({ "type": "LanguageProperty", "languageMap": { "en": "Orion-LD Context Broker" } })
    );
    let entity = read(&get(
        &server,
        "/entities/urn:ngsi-ld:Dataset:lib.orion-ld?attrs=title&lang=en",
    ));
    assert_eq!(
        entity["title"],
        json!({ "type": "Property", "value": "Orion-LD Context Broker", "lang": "en" })
    );
}

/// A broker that keeps registrations, and what it was asked.
fn broker() -> (String, Arc<Mutex<Vec<String>>>) {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    std::thread::spawn(move || {
        let mut held: BTreeMap<String, Value> = BTreeMap::new();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).expect("reads");
                if line.trim().is_empty() {
                    break;
                }
                if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().expect("a number");
                }
                head += &line;
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("reads");
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let mut words = head.split(' ');
            let method = words.next().expect("a method").to_owned();
            let path = words.next().expect("a path").to_owned();
            let id = path.rsplit('/').next().expect("an id").to_owned();
            let (status, answer) = match method.as_str() {
                "POST" => {
                    let id = body["id"].as_str().expect("an id").to_owned();
                    let mut kept = body.clone();
                    // As brokers do: one is no list, and there is more.
                    kept["operations"] = kept["operations"].clone();
                    kept["information"] = kept["information"][0].clone();
                    kept["status"] = json!("ok");
                    held.insert(id, kept);
                    ("201 Created", Value::Null)
                }
                "DELETE" if held.remove(&id).is_some() => ("204 No Content", Value::Null),
                "GET" if held.contains_key(&id) => ("200 OK", held[&id].clone()),
                _ => (
                    "404 Not Found",
                    json!({ "type": "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound" }),
                ),
            };
            log.lock()
                .expect("held by none")
                .push(format!("{method} {path}\n{head}\n{body}"));
            let answer = if answer.is_null() {
                String::new()
            } else {
                answer.to_string()
            };
            let _ = write!(
                stream.get_mut(),
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
                answer.len()
            );
        }
    });
    (format!("http://{address}"), asked)
}

#[test]
fn the_catalogue_registers_itself_in_the_form_that_each_broker_needs() {
    let dir = directory("ngsi-register");
    let config = dir.with_extension("toml");
    fs::write(&config, SETTINGS).expect("writes");
    let config = config.to_str().expect("UTF-8").to_owned();
    let samples = reference().map(|dir| json_of(&dir.join("samples/registration.examples.json")));
    for kind in ["orion-ld", "scorpio", "stellio", "generic"] {
        let (address, asked) = broker();
        let register = |more: &[&str]| {
            let base = [
                "--config", &config, "register", &address, "--kind", kind, "--tenant", "citya",
            ];
            run(&dir, &[&base[..], more].concat())
        };
        let id = "urn:ngsi-ld:ContextSourceRegistration:ldt-catalogue-lib";
        let (code, said) = register(&[]);
        assert!(code == 0 && said.contains("created"), "{said}");
        let (code, said) = register(&[]);
        assert!(code == 0 && said.contains("stands"), "{said}");
        let posts = || {
            let all = asked.lock().expect("held by none");
            all.iter()
                .filter(|a| a.starts_with("POST "))
                .cloned()
                .collect::<Vec<_>>()
        };
        let post = posts().pop().expect("a registration");
        assert_eq!(posts().len(), 1);
        let body: Value = serde_json::from_str(post.lines().last().expect("a body")).expect("JSON");
        assert_eq!(
            (&body["id"], &body["endpoint"]),
            (&json!(id), &json!(PUBLIC))
        );
        assert!(
            post.to_lowercase().contains("ngsild-tenant: citya"),
            "{post}"
        );
        assert!(
            post.contains(
                "rel=\"http://www.w3.org/ns/json-ld#context\"; type=\"application/ld+json\""
            ),
            "{post}"
        );
        if let Some(sample) = samples
            .as_ref()
            .map(|s| &s[kind]["body"])
            .filter(|s| s.is_object())
        {
            for name in ["type", "mode", "operations", "management"] {
                assert_eq!(body.get(name), sample.get(name), "{kind} {name}");
            }
            let types = |b: &Value| -> BTreeSet<String> {
                b["information"][0]["entities"]
                    .as_array()
                    .expect("types")
                    .iter()
                    .map(ToString::to_string)
                    .collect()
            };
            assert_eq!(types(&body), types(sample), "{kind}");
        }
        let other = if kind == "orion-ld" {
            "scorpio"
        } else {
            "orion-ld"
        };
        let (code, said) = run(
            &dir,
            &["--config", &config, "register", &address, "--kind", other],
        );
        let changes = kind != "orion-ld";
        assert!(
            code == 0 && said.contains(if changes { "updated" } else { "stands" }),
            "{said}"
        );
        let (code, said) = register(&["--remove"]);
        assert!(code == 0 && said.contains("removed"), "{said}");
        let (code, said) = register(&["--remove"]);
        assert!(code == 0 && said.contains("no registration"), "{said}");
    }
    let (code, said) = run(
        &dir,
        &["register", "http://127.0.0.1:9", "--kind", "orion-ld"],
    );
    assert!(code == 1 && said.contains("127.0.0.1:9"), "{said}");
    let (code, said) = run(&dir, &["register", "http://127.0.0.1:9", "--kind", "kafka"]);
    assert!(code == 1 && said.contains("orion-ld"), "{said}");
}
