//! The catalogue as connectors read it: every answer against the schemas that the Dataspace Protocol publishes and
//! expanded with the contexts that connectors hold, and a client that goes from page to page as theirs do.
use crate::access::keyrock;
use crate::harvest::{Stop, sheet};
use crate::moderate::Desk;
use crate::official::specification;
use crate::support::{Answer, PUBLIC, Server, directory, import, launch, ready, run};
use jsonschema::{Draft, Registry, Validator};
use oxigraph::io::{JsonLdProfileSet, LoadedDocument, RdfFormat, RdfParser};
use oxigraph::model::{NamedOrBlankNode, Quad, Term};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const CONTEXT: &str = "https://w3id.org/dspace/2025/1/context.jsonld";
const ODRL: &str = "http://www.w3.org/ns/odrl/2/";
/// What names that are no IRIs are found below; of those connectors know the formats of transfers alone.
const RELATIVE: &str = "https://relative.invalid/";
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// The published schemas, by the last words of their names.
struct Schemas {
    dir: PathBuf,
    by_name: BTreeMap<&'static str, Validator>,
}

fn read(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files of a folder that end in `.json`, in order.
fn files(dir: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(dir).expect("a folder");
    let mut all: Vec<PathBuf> = all.map(|f| f.expect("reads").path()).collect();
    all.retain(|p| p.extension().is_some_and(|e| e == "json"));
    all.sort();
    all
}

impl Schemas {
    /// `None` where the reference data is absent.
    fn of(test: &str) -> Option<Self> {
        let dir = specification(test)?.join("dsp");
        let mut registry = Registry::new();
        for part in ["catalog", "common", "negotiation"] {
            for file in files(&dir.join("2025-1/schema").join(part)) {
                let schema = read(&file);
                let id = schema["$id"].as_str().expect("a name").to_owned();
                registry = registry.add(id, schema).expect("a schema");
            }
        }
        let registry = registry.prepare().expect("schemas");
        let one = |(name, path): (&'static str, &str)| {
            let schema =
                json!({ "$ref": format!("https://w3id.org/dspace/2025/1/{path}-schema.json") });
            let built = jsonschema::options()
                .with_draft(Draft::Draft201909)
                .with_registry(&registry)
                .build(&schema);
            (name, built.expect("a schema"))
        };
        let by_name = [
            ("catalog", "catalog/catalog"),
            ("catalog-error", "catalog/catalog-error"),
            ("dataset", "catalog/dataset"),
            ("did-service", "common/did-service"),
            (
                "negotiation-error",
                "negotiation/contract-negotiation-error",
            ),
            ("request", "catalog/catalog-request-message"),
            ("version", "common/protocol-version"),
        ];
        Some(Self {
            by_name: by_name.into_iter().map(one).collect(),
            dir,
        })
    }

    /// What a schema has against a document.
    fn faults(&self, name: &str, document: &Value) -> Vec<String> {
        let schema = self.by_name.get(name).expect("a schema of that name");
        schema
            .iter_errors(document)
            .map(|e| e.to_string())
            .collect()
    }

    fn check(&self, name: &str, document: &Value) {
        let faults = self.faults(name, document);
        assert!(faults.is_empty(), "{name}: {faults:#?} in {document:#}");
    }

    /// A document with what connectors have at hand, and nothing fetched.
    fn expand(&self, document: &Value) -> Result<Vec<Quad>, String> {
        let dir = self.dir.clone();
        let format = RdfFormat::JsonLd {
            profile: JsonLdProfileSet::empty(),
        };
        let bytes = document.to_string();
        RdfParser::from_format(format)
            .with_base_iri(RELATIVE)
            .expect("an IRI")
            .for_slice(&bytes)
            .with_document_loader(move |address| {
                let file = match address {
                    CONTEXT => "2025-1/context/dspace.jsonld",
                    "https://w3id.org/dspace/2025/1/odrl-profile.jsonld" => {
                        "2025-1/context/odrl-profile.jsonld"
                    }
                    "https://w3id.org/edc/dspace/v0.0.1" => "edc/dspace-v0.0.1.jsonld",
                    other => return Err(format!("{other} is not at hand").into()),
                };
                Ok(LoadedDocument {
                    url: address.to_owned(),
                    content: std::fs::read(dir.join(file))?,
                    format,
                })
            })
            .map(|quad| quad.map_err(|e| e.to_string()))
            .collect()
    }

    /// Reads a document as a connector does: nothing may be lost on its way into a graph, and what it
    /// cannot make sense of is an error that loses the whole catalogue.
    fn read(&self, document: &Value) -> Result<Vec<Quad>, String> {
        let quads = self.expand(document)?;
        let (mut written, mut values) = (BTreeMap::new(), 0);
        count(document, &mut written, &mut values);
        for (class, wanted) in written {
            let found = quads.iter().filter(|q| {
                q.predicate.as_str().ends_with("#type")
                    && q.object
                        .to_string()
                        .trim_end_matches('>')
                        .ends_with(&format!("/{class}"))
                    || q.predicate.as_str().ends_with("#type")
                        && q.object
                            .to_string()
                            .trim_end_matches('>')
                            .ends_with(&format!("#{class}"))
            });
            let found = found.count();
            if found != wanted {
                return Err(format!(
                    "{wanted} of the class {class} are written, {found} arrive"
                ));
            }
        }
        if values != quads.len() {
            return Err(format!(
                "{values} values are written, {} arrive: {}",
                quads.len(),
                quads.iter().map(|q| format!("\n{q}")).collect::<String>()
            ));
        }
        // A node without a class is none that they read.
        let classed = |node: &str| {
            let is = |q: &&Quad| q.subject.to_string() == node;
            quads
                .iter()
                .filter(is)
                .any(|q| q.predicate.as_str().ends_with("#type"))
        };
        for quad in &quads {
            let wanted = [
                "#hasPolicy",
                "#distribution",
                "#dataset",
                "#service",
                "#catalog",
            ];
            let of_class = quad.predicate.as_str().ends_with("/hasPolicy")
                || wanted.iter().any(|w| quad.predicate.as_str().ends_with(w));
            if of_class && !classed(&quad.object.to_string()) {
                return Err(format!("{} has no class", quad.object));
            }
            let names = [
                quad.subject.to_string(),
                quad.predicate.to_string(),
                quad.object.to_string(),
            ];
            let format = quad.predicate.as_str() == "http://purl.org/dc/terms/format";
            for name in names.iter().filter_map(|n| n.strip_prefix('<')) {
                let left = ["edc:", "dcat:", "dct:", "odrl:", "dspace:", "xsd:"];
                let relative = name.starts_with(RELATIVE) && !format;
                if relative || left.iter().any(|p| name.starts_with(p)) {
                    return Err(format!("{name} is no whole IRI"));
                }
                if name.trim_end_matches('>') == format!("{ODRL}andSequence") {
                    return Err("connectors do not know andSequence".to_owned());
                }
            }
        }
        Ok(quads)
    }
}

/// The objects of each class, and how many statements a document has to become.
fn count(value: &Value, classes: &mut BTreeMap<String, usize>, values: &mut usize) {
    let Value::Object(members) = value else {
        return;
    };
    for (key, member) in members {
        let all = match member {
            Value::Array(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        match key.as_str() {
            "@context" | "@id" | "@value" | "@language" => continue,
            "@type" if members.contains_key("@value") => continue,
            "@type" => {
                let class = member.as_str().unwrap_or_default();
                let class = class.rsplit([':', '/', '#']).next().unwrap_or_default();
                *classes.entry(class.to_owned()).or_default() += 1;
                *values += 1;
            }
            _ => {
                *values += all.len();
                all.iter().for_each(|v| count(v, classes, values));
            }
        }
    }
}

/// A graph of trees as texts that are alike where the graphs are.
fn shape(quads: &[Quad]) -> BTreeSet<String> {
    let mut about: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut pointed = BTreeSet::new();
    for quad in quads {
        let object = quad.object.to_string();
        if matches!(quad.object, Term::BlankNode(_)) {
            pointed.insert(object.clone());
        }
        let said = about.entry(quad.subject.to_string()).or_default();
        said.push((quad.predicate.to_string(), object));
    }
    fn write(node: &str, about: &BTreeMap<String, Vec<(String, String)>>) -> String {
        let mut said: Vec<String> = about[node]
            .iter()
            .map(|(p, o)| match o.starts_with("_:") {
                true => format!("{p} [{}]", write(o, about)),
                false => format!("{p} {o}"),
            })
            .collect();
        said.sort();
        said.dedup();
        said.join("; ")
    }
    let roots = about.keys().filter(|n| !pointed.contains(*n));
    let name = |n: &String| match n.starts_with("_:") {
        true => String::new(),
        false => n.clone(),
    };
    roots
        .map(|n| format!("{} {}", name(n), write(n, &about)))
        .collect()
}

fn request(spec: Value) -> Value {
    json!({ "@context": [CONTEXT], "@type": "CatalogRequestMessage", "filter": [spec] })
}

fn page(offset: usize, limit: usize) -> Value {
    request(json!({
        "@type": "QuerySpec", "offset": offset, "limit": limit, "sortOrder": "ASC", "filterExpression": [],
    }))
}

fn filter(left: &str, operator: &str, right: Value) -> Value {
    let criterion = json!({
        "@type": "Criterion", "operandLeft": left, "operator": operator, "operandRight": right,
    });
    request(json!({ "@type": "QuerySpec", "filterExpression": [criterion] }))
}

fn ask(server: &Server, path: &str, body: &Value) -> Answer {
    server.ask("POST", path, &[JSON], body.to_string().as_bytes())
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{e}: {}", answer.text()))
}

fn catalogue(server: &Server, version: &str, body: &Value) -> Value {
    let answer = ask(server, &format!("/dsp/{version}/catalog/request"), body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    json_of(&answer)
}

/// What lies under a member, as a list.
fn members<'v>(value: &'v Value, name: &str) -> Vec<&'v Value> {
    match &value[name] {
        Value::Array(all) => {
            assert!(!all.is_empty(), "{name} is there and empty");
            all.iter().collect()
        }
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn ids(catalogue: &Value) -> Vec<String> {
    let all = ["dataset", "catalog"].into_iter();
    let all = all.flat_map(|name| members(catalogue, name));
    all.map(|v| v["@id"].as_str().expect("an id").to_owned())
        .collect()
}

/// What a connector's crawler reads: pages by offset, until one has fewer entries than it asked for.
fn crawl(server: &Server, limit: usize, between: impl Fn(usize)) -> Vec<String> {
    let mut found = Vec::new();
    for turn in 0..1_000 {
        let read = ids(&catalogue(server, "2025-1", &page(found.len(), limit)));
        assert!(read.len() <= limit, "{} on a page of {limit}", read.len());
        let last = read.len() < limit;
        found.extend(read);
        if last {
            return found;
        }
        between(turn);
    }
    panic!("the crawler never stops");
}

/// Entries of connectors: two of the port (one in both versions, one only in the older), one of this library's own,
/// and one of the port that has no licence that is known.
const OFFERED: &str = r#"
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix dspace: <https://w3id.org/dspace/2025/1/> .
@prefix ldt: <http://library.example/ns#> .
@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

<https://port.example/catalog> a dcat:Catalog ; dct:title "Port"@en ; dct:description "What the port shares."@en ;
  dcat:dataset <https://port.example/ships>, <https://port.example/berths>, <https://port.example/secret>, <https://port.example/own> .

<https://port.example/ships> a dcat:Dataset ; dct:title "Ships in port"@en, "Schiffe im Hafen"@de ;
  dct:description "Where each ship lies, every minute, as the harbour master sees it."@en ;
  <LDTassetId> "urn:port:ships/now" ; odrl:hasPolicy <urn:port:offer:ships> ;
  dcat:distribution <https://port.example/ships#d> .
<https://port.example/ships#d> a dcat:Distribution ; dct:title "d"@en ; dcat:accessURL <https://port.example/ships> ;
  <LDTtransferFormat> "HttpData-PULL" ; dcat:accessService <urn:port:connector> .
<urn:port:connector> a dcat:DataService ; dct:title "Connector"@en ; dcat:endpointURL <https://connector.port.example/api/dsp/2025-1> ;
  dspace:participantId "did:web:port.example" ; dct:conformsTo <https://w3id.org/dspace/2025/1/>, <https://w3id.org/dspace/v0.8/> .
<urn:port:offer:ships> a odrl:Offer ; odrl:permission [ odrl:action odrl:use ;
  odrl:constraint [ odrl:leftOperand odrl:dateTime ; odrl:operator odrl:lteq ; odrl:rightOperand "2030-12-31"^^xsd:date ] ;
  odrl:duty [ odrl:action odrl:attribute ] ] .

<https://port.example/berths> a dcat:Dataset ; dct:title "Berths"@en ;
  dct:description "The berths of the port with their length, depth and what may be moored there."@en ;
  dcat:distribution <https://port.example/berths#d> .
<https://port.example/berths#d> a dcat:Distribution ; dct:title "d"@en ; dcat:accessURL <https://port.example/berths> ;
  dct:license <http://publications.europa.eu/resource/authority/licence/CC_BY_4_0> ; dcat:accessService <urn:port:old> .
<urn:port:old> a dcat:DataService ; dct:title "Old connector"@en ; dcat:endpointURL <https://old.port.example/api/dsp> ;
  dspace:participantId "did:web:port.example" ; dct:conformsTo <https://w3id.org/dspace/v0.8/> .

<https://port.example/secret> a dcat:Dataset ; dct:title "Dredging"@en ;
  dct:description "Depths after dredging, under terms that nobody has written down so far."@en ;
  dcat:distribution <https://port.example/secret#d> .
<https://port.example/secret#d> a dcat:Distribution ; dct:title "d"@en ; dcat:accessURL <https://port.example/secret> ;
  dct:license <https://port.example/terms> ; dcat:accessService <urn:port:connector2> .
<https://port.example/terms> a dct:LicenseDocument .
<urn:port:connector2> a dcat:DataService ; dct:title "Connector"@en ; dcat:endpointURL <https://connector.port.example/api/dsp/2025-1> ;
  dspace:participantId "did:web:port.example" .

<https://port.example/own> a dcat:Dataset ; dct:title "Counts of cyclists"@en ;
  dct:description "Cyclists that pass the counters of the city, by the hour and the direction."@en ;
  <LDTassetId> "https://city.example/assets/cyclists?year=2026" ; <LDTlicence> <http://publications.europa.eu/resource/authority/licence/CC0> ;
  dcat:distribution <https://port.example/own#d> .
<https://port.example/own#d> a dcat:Distribution ; dct:title "d"@en ; dcat:accessURL <https://port.example/own> ;
  dcat:accessService <urn:city:connector> .
<urn:city:connector> a dcat:DataService ; dct:title "Our connector"@en ; dcat:endpointURL <https://connector.city.example/dsp/2025-1> ;
  dspace:participantId "did:web:library.example" .
"#;

const OWN: &str = "https://city.example/assets/cyclists?year=2026";

/// Serves `dir` without the bundled library.
fn serve(dir: &Path, settings: &str) -> Server {
    let file = dir.with_extension("toml");
    std::fs::write(&file, settings).expect("writes");
    let file = file.to_str().expect("UTF-8");
    let server = launch(
        dir,
        &["--public-url", PUBLIC, "--no-seed", "--config", file],
    );
    ready(&server);
    server
}

fn offered(dir: &Path) {
    let file = dir.with_extension("ttl");
    let text = OFFERED.replace("<LDT", &format!("<{}", ldt_catalogue::record::vocab::LDT));
    std::fs::write(&file, text).expect("writes");
    let (done, said) = import(dir, &file, &[]);
    assert!(done, "{said}");
}

/// A library of rows and offers, for the tests that only read.
fn shared(name: &str) -> (PathBuf, Server) {
    let dir = directory(name);
    let (done, said) = import(&dir, &sheet(&dir.with_extension("csv"), 0..12, 1), &[]);
    assert!(done, "{said}");
    offered(&dir);
    let server = serve(&dir, "");
    (dir, server)
}

#[test]
fn every_answer_is_as_the_protocol_has_it_and_readers_lose_nothing_of_it() {
    let Some(schemas) = Schemas::of("the schemas of the Dataspace Protocol") else {
        return;
    };
    // The measure itself: what is right passes, and each fault is found.
    for (file, schema) in [
        ("minimal-catalog", "catalog"),
        ("empty-catalog", "catalog"),
        ("minimal-dataset", "dataset"),
        ("rich-dataset", "dataset"),
        ("catalog-error", "catalog-error"),
        ("negotiation-error", "negotiation-error"),
        ("dspace-version", "version"),
    ] {
        let document = read(&schemas.dir.join(format!("{file}.json")));
        schemas.check(schema, &document);
        if document.get("@context").is_some() && schema != "negotiation-error" {
            schemas
                .read(&document)
                .unwrap_or_else(|e| panic!("{file}: {e}"));
        }
    }
    for file in files(&schemas.dir.join("negative")) {
        let name = file.file_stem().and_then(|n| n.to_str()).expect("a name");
        let schema = ["catalog-error", "catalog", "dataset", "version"];
        let schema = schema
            .into_iter()
            .find(|s| name.starts_with(s))
            .expect("a schema");
        assert!(
            !schemas.faults(schema, &read(&file)).is_empty(),
            "{name} passes"
        );
    }
    for file in files(&schemas.dir.join("negative/parser")) {
        assert!(
            schemas.read(&read(&file)).is_err(),
            "{} passes",
            file.display()
        );
    }

    let (_dir, server) = shared("dsp-answers");
    let whole = catalogue(&server, "2025-1", &request(json!({ "@type": "QuerySpec" })));
    let past = catalogue(&server, "2025-1", &page(1_000, 100));
    for answer in [&whole, &past, &catalogue(&server, "2025-1", &page(3, 4))] {
        schemas.check("catalog", answer);
        schemas.read(answer).expect("a connector reads it");
    }
    assert!(
        ids(&past).is_empty() && past.get("dataset").is_none(),
        "{past}"
    );
    assert_eq!(
        members(&past, "service").len(),
        1,
        "the catalogue's own service"
    );
    let all = members(&whole, "dataset");
    // Rows, and what the port and the city offer: each is described, one is negotiable by ourselves.
    assert_eq!(all.len(), 16);
    for entry in all {
        let id = entry["@id"].as_str().expect("an id");
        let answer = server.ask(
            "GET",
            &format!("/dsp/2025-1/catalog/datasets/{id}"),
            &[],
            b"",
        );
        assert_eq!(answer.status, 200, "{id}");
        let alone = json_of(&answer);
        schemas.check("dataset", &alone);
        schemas.read(&alone).expect("a connector reads it");
        let mut bare = alone.clone();
        bare.as_object_mut().expect("an object").remove("@context");
        assert_eq!(&bare, entry, "alone and in the list it is the same");
    }
    for (method, path, schema) in [
        ("GET", "/.well-known/dspace-version", "version"),
        ("GET", "/dsp/.well-known/dspace-version", "version"),
        ("GET", "/dsp/2025-1/.well-known/dspace-version/", "version"),
        (
            "GET",
            "/dsp/2025-1/catalog/datasets/urn:nobody",
            "catalog-error",
        ),
        (
            "POST",
            "/dsp/2025-1/negotiations/request",
            "negotiation-error",
        ),
        (
            "GET",
            "/dsp/2025-1/negotiations/urn:uuid:1",
            "negotiation-error",
        ),
    ] {
        let answer = server.ask(method, path, &[], b"");
        schemas.check(schema, &json_of(&answer));
    }
    let transfer = server.ask(
        "POST",
        "/dsp/2025-1/transfers/request",
        &[JSON],
        br#"{"consumerPid":"urn:uuid:7"}"#,
    );
    let said = json_of(&transfer);
    assert_eq!(transfer.status, 404);
    assert_eq!(
        (said["@type"].as_str(), said["consumerPid"].as_str()),
        (Some("TransferError"), Some("urn:uuid:7"))
    );
    assert!(
        said["providerPid"]
            .as_str()
            .is_some_and(|p| p.starts_with("urn:uuid:")),
        "{said}"
    );
    assert!(
        said["reason"][0]
            .as_str()
            .is_some_and(|r| r.contains("endpointURL")),
        "{said}"
    );

    let did = json_of(&server.ask("GET", "/.well-known/did.json", &[], b""));
    assert_eq!(did["id"], "did:web:library.example");
    let services = members(&did, "service");
    let kinds: Vec<_> = services
        .iter()
        .map(|s| s["type"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(kinds, ["CatalogService", "DataService"]);
    // The published schema wants `/catalog` of both, which its own example has not.
    schemas.check("did-service", services[0]);
    assert_eq!(
        services[1]["serviceEndpoint"],
        format!("{PUBLIC}/.well-known/dspace-version")
    );
}

#[test]
fn the_older_version_says_the_same_in_its_own_terms() {
    let Some(schemas) = Schemas::of("the older version of the Dataspace Protocol") else {
        return;
    };
    let (_dir, server) = shared("dsp-old");
    // What a connector of one version alone offers is not in the other's list.
    let old = catalogue(&server, "v0.8", &page(0, 100));
    let new = catalogue(&server, "2025-1", &page(0, 100));
    assert_eq!(old["@context"]["dspace"], "https://w3id.org/dspace/v0.8/");
    let whole = |catalogue: &Value, name: &str| -> BTreeSet<String> {
        let nested = catalogue[name][0].clone();
        let key = name.replace("catalog", "dataset");
        let assets = nested[key].as_array().cloned().unwrap_or_default();
        assets
            .iter()
            .map(|a| a["@id"].as_str().expect("an id").to_owned())
            .collect()
    };
    let (ships, berths) = (
        "urn:port:ships/now".to_owned(),
        "https://port.example/berths".to_owned(),
    );
    assert_eq!(whole(&new, "catalog"), BTreeSet::from([ships.clone()]));
    assert_eq!(whole(&old, "dcat:catalog"), BTreeSet::from([ships, berths]));

    // All that both have is the same graph, but for the names of the versions themselves.
    let body = page(0, 12);
    let old = schemas
        .read(&catalogue(&server, "v0.8", &body))
        .expect("a connector reads it");
    let new = schemas
        .read(&catalogue(&server, "2025-1", &body))
        .expect("a connector reads it");
    let same = |quads: &[Quad]| -> BTreeSet<String> {
        let shapes = shape(quads).into_iter();
        shapes
            .map(|s| {
                s.replace(
                    "https://w3id.org/dspace/v0.8/",
                    "https://w3id.org/dspace/2025/1/",
                )
                .replace("/dsp/v0.8", "/dsp/2025-1")
                .replace("\"did:web:library.example\"", "<did:web:library.example>")
            })
            .collect()
    };
    let (old, new) = (same(&old), same(&new));
    let differ: Vec<_> = old.symmetric_difference(&new).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    let error = json_of(&ask(&server, "/dsp/v0.8/catalog/request", &json!([])));
    let wanted = read(&schemas.dir.join("v0.8/catalog-error.json"));
    let keys = |v: &Value| -> BTreeSet<String> {
        v.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(
        (keys(&error), &error["@type"]),
        (keys(&wanted), &wanted["@type"])
    );
}

#[test]
fn what_is_offered_stands_there_word_for_word_and_never_twice() {
    let (dir, server) = shared("dsp-offers");
    let whole = catalogue(&server, "2025-1", &page(0, 100));
    let nested = members(&whole, "catalog");
    assert_eq!(nested.len(), 1, "one for each participant but ourselves");
    let port = nested[0];
    assert_eq!(port["participantId"], "did:web:port.example");
    assert_eq!(
        port["service"][0]["endpointURL"],
        "https://connector.port.example/api/dsp/2025-1"
    );
    let ships = &port["dataset"][0];
    assert_eq!(
        ships["hasPolicy"],
        json!([{
            "@id": "urn:port:offer:ships", "@type": "Offer",
            "permission": [{
                "action": "use",
                "constraint": [{
                    "leftOperand": "odrl:dateTime", "operator": "lteq",
                    "rightOperand": { "@value": "2030-12-31", "@type": "http://www.w3.org/2001/XMLSchema#date" },
                }],
                "duty": [{ "action": "odrl:attribute" }],
            }],
        }])
    );
    let own: Vec<_> = members(&whole, "dataset")
        .into_iter()
        .filter(|d| d["@id"] == OWN)
        .collect();
    assert_eq!(own.len(), 1, "our own connector's offer is in our own list");
    assert_eq!(
        own[0]["distribution"][0]["accessService"]["endpointURL"],
        "https://connector.city.example/dsp/2025-1"
    );
    assert_eq!(
        own[0]["hasPolicy"][0]["permission"],
        json!([{ "action": "use" }]),
        "CC0 asks for nothing"
    );
    let described = format!("{PUBLIC}/resource/");
    let descriptions = members(&whole, "dataset");
    let open = descriptions.iter().filter(|d| d["@id"] != OWN);
    for entry in open {
        let file = entry["distribution"][0]["dcat:downloadURL"]["@id"]
            .as_str()
            .expect("an address");
        assert!(file.starts_with(&described), "{file}");
        let path = &file[PUBLIC.len()..];
        assert_eq!(server.ask("GET", path, &[], b"").status, 200, "{path}");
    }

    // By any way of writing its id; what is only in another's hands is found by that id, too.
    let found = |path: &str| server.ask("GET", path, &[], b"");
    for id in [
        OWN.to_owned(),
        "https%3A%2F%2Fcity.example%2Fassets%2Fcyclists%3Fyear%3D2026".to_owned(),
        OWN.replace("://", ":/"),
        format!("{OWN}/"),
        "https://port.example/own".to_owned(),
    ] {
        for at in [
            "/dsp/2025-1/catalog/datasets/",
            "/dsp//2025-1//catalog/datasets/",
            "//dsp/2025-1/catalog//datasets//",
        ] {
            let answer = found(&format!("{at}{id}"));
            assert_eq!(answer.status, 200, "{at}{id}: {}", answer.text());
            assert_eq!(json_of(&answer)["@id"], OWN, "{id}");
        }
    }
    assert_eq!(
        json_of(&found("/dsp/2025-1/catalog/datasets/urn:port:ships/now"))["@id"],
        "urn:port:ships/now"
    );
    // A connector of another version does not offer it here; that it is in the library is told all the same.
    let elsewhere = json_of(&found(
        "/dsp/2025-1/catalog/datasets/https://port.example/berths",
    ));
    assert!(
        elsewhere["@id"]
            .as_str()
            .is_some_and(|id| id.starts_with("urn:uuid:")),
        "{elsewhere}"
    );
    for path in [
        "/dsp/2025-1//catalog/request",
        "/dsp/2025-1/catalog/request/",
        "/dsp/2025-1/catalog//request",
        "//dsp/2025-1/catalog/request",
    ] {
        assert_eq!(ask(&server, path, &page(0, 1)).status, 200, "{path}");
    }

    // Only what can be negotiated, where the library is not wanted.
    drop(server);
    let server = serve(&dir, "[dsp]\nlibrary = false\n");
    let offers = ids(&catalogue(&server, "2025-1", &page(0, 100)));
    assert_eq!(offers.len(), 2, "{offers:?}");
    assert_eq!(offers[0], OWN);
    drop(server);
    // Who speaks for the port has its offers in the first list, and no catalogue of itself.
    let server = serve(
        &dir,
        "[dsp]\nlibrary = false\nparticipant = \"did:web:port.example\"\n",
    );
    let whole = catalogue(&server, "2025-1", &page(0, 100));
    assert_eq!(whole["participantId"], "did:web:port.example");
    // What its connector offers in another version alone is not in this one's list.
    assert_eq!(ids(&whole).len(), 2, "{whole}");
    assert_eq!(whole["dataset"][0]["@id"], "urn:port:ships/now");
    assert_eq!(
        whole["catalog"][0]["participantId"],
        "did:web:library.example"
    );
}

#[test]
fn filters_and_orders_mean_what_connectors_mean_by_them() {
    let Some(schemas) = Schemas::of("requests of connectors") else {
        return;
    };
    let (_dir, server) = shared("dsp-filters");
    for file in files(&schemas.dir.join("request")) {
        let name = file
            .file_name()
            .and_then(|n| n.to_str())
            .expect("a name")
            .to_owned();
        let version = match name.contains("v0.8") {
            true => "v0.8",
            false => "2025-1",
        };
        let body = read(&file);
        let answer = catalogue(&server, version, &body);
        if version == "2025-1" {
            schemas.check("catalog", &answer);
        }
        let all = name.contains("default") || name.contains("-all");
        let found = match version {
            "v0.8" => answer["dcat:dataset"].as_array().map_or(0, Vec::len),
            _ => members(&answer, "dataset").len(),
        };
        assert_eq!(found, if all { 16 } else { 0 }, "{name}");
    }
    let title = "http://purl.org/dc/terms/title";
    let found = |left: &str, operator: &str, right: Value| -> usize {
        members(
            &catalogue(&server, "2025-1", &filter(left, operator, right)),
            "dataset",
        )
        .len()
    };
    for (left, operator, right, wanted) in [
        ("id", "=", json!(OWN), 1),
        (
            "https://w3id.org/edc/v0.0.1/ns/id",
            "in",
            json!([OWN, "urn:nobody"]),
            1,
        ),
        (title, "=", json!("Berths"), 1),
        ("dct:title", "=", json!("Schiffe im Hafen"), 1),
        (
            "'http://purl.org/dc/terms/title'",
            "like",
            json!("%Tool%"),
            0,
        ),
        (title, "ilike", json!("%TOOL _"), 10),
        (title, "like", json!("%tool _"), 10),
        (title, "like", json!("tool"), 0),
        (title, "!=", json!("Berths"), 15),
        (title, "NOT IN", json!(["Berths", "Dredging"]), 14),
        (title, "contains", json!("Ships in port"), 1),
        (title, "<", json!("C"), 1),
        (title, ">=", json!("Ships"), 1),
        ("http://www.w3.org/ns/dcat#version", "=", json!("1"), 12),
        ("http://www.w3.org/ns/dcat#version", "<=", json!(1), 12),
        ("http://www.w3.org/ns/dcat#version", ">", json!("0.5"), 12),
        // What lacks the property fulfils nothing.
        ("http://www.w3.org/ns/dcat#version", "!=", json!("2"), 12),
        ("http://purl.org/dc/terms/publisher", "!=", json!("x"), 12),
        (
            "'properties'.'http://purl.org/dc/terms/title'",
            "=",
            json!("Berths"),
            1,
        ),
        (
            "'http://purl.org/dc/terms/title'.'@value'",
            "=",
            json!("Berths"),
            1,
        ),
        (
            "'http://purl.org/dc/terms/title'.'@id'",
            "=",
            json!("Berths"),
            0,
        ),
        ("http://nobody.example/property", "=", json!("x"), 0),
    ] {
        assert_eq!(
            found(left, operator, right.clone()),
            wanted,
            "{left} {operator} {right}"
        );
    }
    // Several are all wanted, values of one may be any.
    let both = request(
        json!({ "@type": "QuerySpec", "sortField": title, "sortOrder": "DESC", "filterExpression": [
            { "operandLeft": title, "operator": "like", "operandRight": "%tool _" },
            { "operandLeft": title, "operator": "in", "operandRight": ["Long name of tool 3", "Long name of tool 7", "Berths"] },
        ]}),
    );
    let answer = catalogue(&server, "2025-1", &both);
    let titles: Vec<_> = members(&answer, "dataset")
        .iter()
        .map(|d| d["dct:title"][0]["@value"].clone())
        .collect();
    assert_eq!(titles, ["Long name of tool 7", "Long name of tool 3"]);

    // What is not understood is said, by its name.
    for (body, word) in [
        (filter(title, "~", json!("x")), "\"~\""),
        (filter(title, "=", json!(["x", "y"])), "2 values"),
        (filter("'half", "=", json!("x")), "'half"),
        (filter("title", "=", json!("x")), "title"),
        (request(json!({ "@type": "QuerySpec", "offset": -1 })), "-1"),
        (
            request(json!({ "@type": "QuerySpec", "limit": 0 })),
            "limit",
        ),
        (
            request(json!({ "@type": "QuerySpec", "sortOrder": "UP" })),
            "UP",
        ),
        (
            request(json!({ "@type": "QuerySpec", "colour": "red" })),
            "colour",
        ),
        (request(json!({ "@type": "Question" })), "Question"),
        (request(json!("everything")), "everything"),
        (json!({ "@type": "CatalogRequestMessage" }), "@context"),
        (
            json!({ "@context": [CONTEXT], "@type": "DatasetRequestMessage" }),
            "DatasetRequestMessage",
        ),
        (json!(7), "object"),
    ] {
        let answer = ask(&server, "/dsp/2025-1/catalog/request", &body);
        assert_eq!(answer.status, 400, "{body}");
        let error = json_of(&answer);
        schemas.check("catalog-error", &error);
        assert_eq!(error["code"], "400");
        let reason = error["reason"].to_string();
        assert!(
            reason.replace('\\', "").contains(word),
            "{word} in {reason}"
        );
    }
    // Without a filter, or with none that says anything, everything is wanted.
    for body in [
        json!({ "@context": [CONTEXT], "@type": "CatalogRequestMessage" }),
        json!({ "@context": [CONTEXT], "@type": "CatalogRequestMessage", "filter": [] }),
        request(json!({ "@type": "QuerySpec", "limit": 2_147_483_646, "offset": 0 })),
        request(json!({ "@type": "QuerySpec", "limit": u64::MAX, "offset": 1 })),
    ] {
        let wanted = if body["filter"][0]["offset"] == 1 {
            16
        } else {
            17
        };
        assert_eq!(
            ids(&catalogue(&server, "2025-1", &body)).len(),
            wanted,
            "{body}"
        );
    }
}

#[test]
fn each_error_is_one_of_the_protocol() {
    let Some(schemas) = Schemas::of("errors of the Dataspace Protocol") else {
        return;
    };
    let (_dir, server) = shared("dsp-errors");
    let body = page(0, 1).to_string();
    let huge = format!("{body}{}", " ".repeat(70_000));
    for (method, path, media, body, status) in [
        (
            "POST",
            "/dsp/2025-1/catalog/request",
            "application/json",
            "{",
            400,
        ),
        (
            "POST",
            "/dsp/2025-1/catalog/request?page=x",
            "application/json",
            body.as_str(),
            400,
        ),
        (
            "POST",
            "/dsp/2025-1/catalog",
            "application/json",
            body.as_str(),
            404,
        ),
        (
            "POST",
            "/dsp/2024-1/catalog/request",
            "application/json",
            body.as_str(),
            404,
        ),
        ("GET", "/dsp", "", "", 404),
        ("GET", "/dsp/2025-1/catalog/datasets/", "", "", 404),
        ("GET", "/dsp/2025-1/catalog/datasets/%FF%00", "", "", 404),
        ("GET", "/dsp/2025-1/catalog/request", "", "", 405),
        ("DELETE", "/dsp/2025-1/catalog/datasets/x", "", "", 405),
        (
            "POST",
            "/dsp/2025-1/.well-known/dspace-version",
            "application/json",
            "{}",
            405,
        ),
        (
            "POST",
            "/dsp/2025-1/catalog/request",
            "application/json",
            huge.as_str(),
            413,
        ),
        (
            "POST",
            "/dsp/2025-1/catalog/request",
            "text/turtle",
            body.as_str(),
            415,
        ),
        (
            "POST",
            "/dsp/2025-1/catalog/request",
            "",
            body.as_str(),
            415,
        ),
    ] {
        let headers: &[(&str, &str)] = match media {
            "" => &[],
            media => &[("Content-Type", media)],
        };
        let answer = server.ask(method, path, headers, body.as_bytes());
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert_eq!(
            answer.header("content-type"),
            "application/json",
            "{method} {path}"
        );
        let error = json_of(&answer);
        schemas.check("catalog-error", &error);
        assert_eq!(error["code"], status.to_string(), "{method} {path}");
        if status == 405 {
            assert!(!answer.header("allow").is_empty(), "{method} {path}");
        }
    }
    // Whatever someone wants to have, and whoever they say they are.
    for headers in [
        &[JSON, ("Accept", "text/html")][..],
        &[("Content-Type", "application/ld+json; charset=utf-8")],
        &[
            JSON,
            (
                "Authorization",
                r#"{"audience":null,"clientId":"consumer"}"#,
            ),
        ],
        &[
            JSON,
            (
                "Authorization",
                "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJub2JvZHkifQ.",
            ),
        ],
        &[JSON, ("Authorization", "Basic Zm9vOmJhcg==")],
        &[JSON, ("Accept-Encoding", "identity")],
    ] {
        let answer = server.ask(
            "POST",
            "/dsp/2025-1/catalog/request",
            headers,
            body.as_bytes(),
        );
        assert_eq!(answer.status, 200, "{headers:?}: {}", answer.text());
        schemas.check("catalog", &json_of(&answer));
    }
}

/// The links of an answer by their relations, as paths.
fn links(answer: &Answer) -> BTreeMap<String, String> {
    let all = answer
        .headers
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case("link"));
    all.map(|(_, link)| {
        let (address, rest) = link.split_once(">; rel=").expect("a link");
        let path = address
            .trim_start_matches('<')
            .strip_prefix(PUBLIC)
            .expect("ours");
        (rest.trim_matches('"').to_owned(), path.to_owned())
    })
    .collect()
}

#[test]
fn a_crawler_finds_each_entry_once_however_many_there_are() {
    let dir = directory("dsp-crawl");
    let file = dir.with_extension("csv");
    // A library without entries is one from which the only entry was withdrawn.
    let (done, said) = import(&dir, &sheet(&file, 0..1, 1), &[]);
    assert!(done, "{said}");
    assert_eq!(run(&dir, &["decide", "tool-0", "withdraw"]).0, 0);
    let server = serve(&dir, "");
    assert_eq!(crawl(&server, 100, |_| ()), Vec::<String>::new());
    assert_eq!(run(&dir, &["decide", "tool-0", "restore"]).0, 0);
    let mut before: Vec<String> = Vec::new();
    for size in [1, 99, 100, 101, 250, 10_000] {
        if size > 1 {
            let (done, said) = import(&dir, &sheet(&file, 0..size, 1), &[]);
            assert!(done, "{said}");
        }
        let found = crawl(&server, 100, |_| ());
        assert_eq!(found.len(), size);
        assert_eq!(
            found.iter().collect::<BTreeSet<_>>().len(),
            size,
            "each once"
        );
        assert_eq!(found[..before.len()], before, "what is new comes last");
        before = found;
    }
    // The same by links, there and back, and in one go.
    let first = ask(&server, "/dsp/2025-1/catalog/request", &page(0, 3_000));
    let (mut read, mut there) = (ids(&json_of(&first)), links(&first));
    assert_eq!(there.keys().collect::<Vec<_>>(), ["next"]);
    while let Some(next) = there.get("next") {
        // The link says all; a body beside it is not asked.
        let answer = ask(&server, next, &page(0, 1));
        read.extend(ids(&json_of(&answer)));
        there = links(&answer);
        assert_eq!(there["prev"], there["previous"]);
    }
    assert_eq!(read, before);
    let back = server.ask("GET", &there["prev"], &[], b"");
    assert_eq!(ids(&json_of(&back)), before[6_000..9_000]);
    let whole = ids(&catalogue(&server, "2025-1", &page(0, 2_147_483_646)));
    assert_eq!(whole, before);
}

#[test]
fn who_pages_misses_nothing_while_entries_come_and_go() {
    let dir = directory("dsp-moving");
    let file = dir.with_extension("csv");
    let (done, said) = import(&dir, &sheet(&file, 0..260, 1), &[]);
    assert!(done, "{said}");
    offered(&dir);
    let server = serve(&dir, "");
    let stays = ids(&catalogue(&server, "2025-1", &page(0, 1_000)));
    let stays: BTreeSet<String> = stays[20..].iter().cloned().collect();
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let _stop = Stop(&over);
        threads.spawn(|| {
            // The first twenty go and come; new ones are added.
            for turn in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let name = format!("tool-{}", turn % 20);
                for decision in ["withdraw", "restore"] {
                    let (code, said) = run(&dir, &["decide", &name, decision]);
                    assert_eq!(code, 0, "{said}");
                }
                let more = 260 + turn;
                let (done, said) = import(&dir, &sheet(&file, more..more + 1, 1), &["--additions"]);
                assert!(done || said.contains("--additions"), "{said}");
            }
        });
        for round in 0..6 {
            let wait = |_| std::thread::sleep(std::time::Duration::from_millis(60));
            let found = crawl(&server, [100, 50, 7][round % 3], wait);
            let once: BTreeSet<String> = found.iter().cloned().collect();
            assert_eq!(once.len(), found.len(), "none twice");
            let missed: Vec<_> = stays.difference(&once).collect();
            assert!(missed.is_empty(), "{missed:?}");
        }
    });
}

#[test]
fn what_is_for_some_is_shown_to_those_whose_token_says_so() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    let issuer = keyrock();
    let secret = "a secret of sixteen and more";
    let dir = directory("dsp-claims");
    let (done, said) = import(&dir, &sheet(&dir.with_extension("csv"), 0..3, 1), &[]);
    assert!(done, "{said}");
    offered(&dir);
    for name in ["tool-1", "ships-in-port"] {
        let (code, said) = run(&dir, &["restrict", name, "membership=port, verified"]);
        assert_eq!(code, 0, "{said}");
    }
    let sign_in = format!(
        "[sign_in]\nissuer = \"{issuer}\"\nclient_secret = \"{secret}\"\nsigned_with = \"secret\"\naudience = \"catalogue\"\n"
    );
    let server = serve(&dir, &sign_in);
    let signed = |key: &str, more: Value| {
        let mut claims = json!({
            "iss": issuer, "aud": "catalogue", "sub": "urn:connector",
            "exp": jsonwebtoken::get_current_timestamp() + 60,
        });
        let more = more.as_object().expect("claims").clone();
        claims.as_object_mut().expect("claims").extend(more);
        let key = EncodingKey::from_secret(key.as_bytes());
        let token = encode(&Header::new(Algorithm::HS256), &claims, &key).expect("signs");
        format!("Bearer {token}")
    };
    let ask = |server: &Server, token: &str, path: &str, body: &Value| {
        let headers: Vec<(&str, &str)> = match token {
            "" => vec![JSON],
            token => vec![JSON, ("Authorization", token)],
        };
        match path {
            "" => server.ask(
                "POST",
                "/dsp/2025-1/catalog/request",
                &headers,
                body.to_string().as_bytes(),
            ),
            id => server.ask(
                "GET",
                &format!("/dsp/2025-1/catalog/datasets/{id}"),
                &headers,
                b"",
            ),
        }
    };
    let member = signed(
        secret,
        json!({ "membership": ["harbour", "port"], "verified": true }),
    );
    let list = |token: &str| {
        let answer = ask(&server, token, "", &page(0, 100));
        assert_eq!(answer.status, 200, "{}", answer.text());
        ids(&json_of(&answer))
    };
    // Seven entries and the port's catalogue; without the ships there is nothing left in it to list.
    assert_eq!(list(&member).len(), 8);
    let restricted = format!("{PUBLIC}/resource/tool-1");
    assert_eq!(ask(&server, &member, &restricted, &Value::Null).status, 200);
    assert_eq!(
        ask(&server, &member, "urn:port:ships/now", &Value::Null).status,
        200
    );
    for token in [
        String::new(),
        "Bearer nonsense".to_owned(),
        signed(secret, json!({ "membership": "port" })),
        signed(secret, json!({ "membership": "airport", "verified": true })),
        signed(secret, json!({ "membership": "port", "verified": false })),
        signed(
            secret,
            json!({ "membership": "port", "verified": true, "exp": 1 }),
        ),
        signed(
            secret,
            json!({ "membership": "port", "verified": true, "aud": "another" }),
        ),
        signed(
            "another secret, as long as it",
            json!({ "membership": "port", "verified": true }),
        ),
    ] {
        assert_eq!(list(&token).len(), 5, "{token}");
        for id in [restricted.as_str(), "urn:port:ships/now"] {
            assert_eq!(
                ask(&server, &token, id, &Value::Null).status,
                404,
                "{token} {id}"
            );
        }
        let spied = filter(
            "http://purl.org/dc/terms/title",
            "=",
            json!("Ships in port"),
        );
        assert!(
            ids(&json_of(&ask(&server, &token, "", &spied))).is_empty(),
            "no count tells of it"
        );
    }
    let private = ask(&server, &member, "", &page(0, 1));
    assert_eq!(private.header("cache-control"), "private, no-store");
    // A link to a page carries no rights.
    let next = links(&private)["next"].clone();
    let page_two = server.ask("GET", &next, &[], b"");
    assert_eq!(page_two.status, 200);
    assert!(
        !page_two.text().contains(&restricted),
        "{}",
        page_two.text()
    );
    drop(server);

    // A catalogue that is not for everyone at all.
    let server = serve(&dir, &format!("{sign_in}[dsp]\nreaders = \"verified\"\n"));
    for id in ["", restricted.as_str()] {
        let refused = ask(&server, "", id, &page(0, 1));
        assert_eq!(refused.status, 401, "{}", refused.text());
        assert_eq!(json_of(&refused)["@type"], "CatalogError");
        assert!(
            refused.header("www-authenticate").starts_with("Bearer"),
            "{:?}",
            refused.headers
        );
        assert_eq!(ask(&server, &member, id, &page(0, 1)).status, 200);
    }
    assert_eq!(
        server
            .ask("GET", "/.well-known/dspace-version", &[], b"")
            .status,
        200,
        "never behind a token"
    );
}

#[test]
fn moderators_attach_policies_and_pages_say_them_in_words() {
    let dir = directory("dsp-policies");
    let (done, said) = import(&dir, &sheet(&dir.with_extension("csv"), 0..3, 1), &[]);
    assert!(done, "{said}");
    offered(&dir);
    let desk = Desk::at(serve(&dir, ""), dir.clone(), "moderator");
    let page = |language: &str, slug: &str| {
        let headers = [("Accept", "text/html"), ("Accept-Language", language)];
        desk.server
            .ask("GET", &format!("/resource/{slug}"), &headers, b"")
            .text()
    };
    // What is known without a policy: nothing, what a licence says, what the provider says.
    for (slug, sentence, offered) in [
        (
            "tool-0",
            "No licence is stated",
            "no connector of a data space is named",
        ),
        (
            "dredging",
            "What its licence allows is not known here",
            "it needs a licence that is known here, or a policy",
        ),
        (
            "berths",
            "May be used by anyone, must attribute: name who made it.",
            "with the connector of did:web:port.example",
        ),
        (
            "counts-of-cyclists",
            "May be used by anyone.",
            "with the connector of did:web:library.example",
        ),
        (
            "ships-in-port",
            "May be used, if the date is at most 2030-12-31, must attribute: name who made it.",
            "with the connector of did:web:port.example",
        ),
    ] {
        let text = page("en", slug);
        assert!(text.contains(sentence), "{slug}: {sentence}");
        assert!(text.contains(offered), "{slug}: {offered}");
    }
    assert!(
        page("de", "berths").contains("Darf genutzt werden, von allen, muss die Urheber nennen.")
    );

    // By program.
    let add = |role: &str| {
        let (code, said) = run(&dir, &["token", "add", "--role", role, "--name", role]);
        assert_eq!(code, 0, "{said}");
        let token = said
            .lines()
            .find(|l| l.starts_with("ldt_"))
            .expect("a token");
        format!("Bearer {token}")
    };
    let (moderator, contributor) = (add("moderator"), add("contributor"));
    let at = "/api/resources/counts-of-cyclists/policies";
    let read = desk.server.ask("GET", at, &[], b"");
    assert_eq!((read.status, read.text().as_str()), (200, "[]"));
    let tag = read.header("etag").to_owned();
    let policy = json!({
        "@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "Offer", "uid": "urn:city:offer:1",
        "permission": [{ "action": "use", "constraint": [{ "or": [
            { "leftOperand": "purpose", "operator": "eq", "rightOperand": "research" },
            { "leftOperand": "count", "operator": "lteq", "rightOperand": 5 },
        ]}], "duty": [{ "action": "inform" }] }],
        "prohibition": [{ "action": "sell" }, { "action": "textToSpeech" }],
    });
    let put = |token: &str, tag: &str, media: &str, body: &str| {
        let mut headers = vec![("Authorization", token), ("Content-Type", media)];
        if !tag.is_empty() {
            headers.push(("If-Match", tag));
        }
        desk.server.ask("PUT", at, &headers, body.as_bytes())
    };
    let ld = "application/ld+json";
    for (token, tag, media, body, status) in [
        ("", tag.as_str(), ld, policy.to_string(), 401),
        (contributor.as_str(), &tag, ld, policy.to_string(), 403),
        (&moderator, "", ld, policy.to_string(), 428),
        (&moderator, "\"another\"", ld, policy.to_string(), 412),
        (&moderator, &tag, "text/turtle", policy.to_string(), 415),
        (&moderator, &tag, ld, "{".to_owned(), 400),
        (
            &moderator,
            &tag,
            ld,
            policy.to_string().replace("sell", "sel"),
            400,
        ),
        (
            &moderator,
            &tag,
            ld,
            json!([policy, policy]).to_string(),
            400,
        ),
        (
            &moderator,
            &tag,
            ld,
            json!(vec![json!({ "permission": [{ "action": "use" }] }); 21]).to_string(),
            400,
        ),
        (
            &moderator,
            &tag,
            ld,
            json!({ "permission": [{ "action": "use", "target": "urn:x" }] }).to_string(),
            400,
        ),
    ] {
        let answer = put(token, tag, media, &body);
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
    let wrong = put(
        &moderator,
        &tag,
        ld,
        &policy.to_string().replace("sell", "sel"),
    );
    assert!(
        wrong.text().contains("/prohibition/0/action") && wrong.text().contains("one is sell"),
        "{}",
        wrong.text()
    );
    let answer = put(&moderator, &tag, ld, &policy.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = page("en", "counts-of-cyclists");
    for sentence in [
        "May be used, if (the purpose is research or the number of times is at most 5), must tell the publisher.",
        "Must not be sold.",
        "Must not: text to speech.",
    ] {
        assert!(text.contains(sentence), "{sentence}");
    }
    let listed = json_of(&desk.server.ask(
        "GET",
        &format!("/dsp/2025-1/catalog/datasets/{OWN}"),
        &[],
        b"",
    ));
    let offer = &listed["hasPolicy"][0];
    assert_eq!(offer["@id"], "urn:city:offer:1");
    assert_eq!(offer["prohibition"][0]["action"], "odrl:sell");
    assert_eq!(
        offer["permission"][0]["constraint"][0]["or"][1]["rightOperand"]["@value"],
        "5"
    );
    if let Some(schemas) = Schemas::of("an attached policy") {
        schemas.check("dataset", &listed);
        schemas.read(&listed).expect("a connector reads it");
    }
    // What is read is what can be sent again; a catalogue that is sent through an import keeps it.
    let read = desk.server.ask("GET", at, &[], b"");
    let again = put(&moderator, read.header("etag"), ld, &read.text());
    assert_eq!(again.status, 200);
    assert_eq!(
        again.header("etag"),
        read.header("etag"),
        "the same policies are no change"
    );
    offered(&dir);
    assert_eq!(
        desk.server.ask("GET", at, &[], b"").text(),
        read.text(),
        "edits by hand stay"
    );

    // By hand.
    let life = "/admin/resource/berths";
    let form = desk.get(life).text();
    let base = form
        .split("name=\"base\" value=\"")
        .nth(1)
        .and_then(|t| t.split('"').next())
        .expect("a version");
    let send = |base: &str, text: &str| {
        desk.send(
            life,
            &[
                ("action", "policies"),
                ("base", base),
                ("policies", text),
                ("reason", "the port says so"),
            ],
        )
    };
    let wrong = send(base, r#"{"permission": [{"action": "eat<b>"}]}"#);
    assert_eq!(wrong.status, 422);
    let told = wrong.text();
    assert!(
        told.contains("/permission/0/action")
            && told.contains("eat&#60;b&#62;")
            && !told.contains("eat<b>"),
        "{told}"
    );
    let own = r#"{"permission": [{"action": "read"}]}"#;
    assert_eq!(send(base, own).status, 303);
    assert!(page("en", "berths").contains("May be read by anyone."));
    let late = send(base, "[]");
    assert_eq!(late.status, 409);
    assert!(
        late.text().contains(">[]</textarea>"),
        "what was written is still there"
    );
    let form = desk.get(life).text();
    assert!(form.contains("odrl:read"), "the form has what stands");
    let now = form
        .split("name=\"base\" value=\"")
        .nth(1)
        .and_then(|t| t.split('"').next())
        .expect("a version");
    assert_eq!(send(now, "[]").status, 303);
    assert!(
        page("en", "berths").contains("must attribute: name who made it."),
        "the licence counts again"
    );
}

#[test]
fn a_catalogue_below_a_path_is_found_from_the_root_of_its_host() {
    let dir = directory("dsp-path");
    let (done, said) = import(&dir, &sheet(&dir.with_extension("csv"), 0..2, 1), &[]);
    assert!(done, "{said}");
    let server = launch(
        &dir,
        &["--public-url", "http://library.example/twin/library"],
    );
    ready(&server);
    let told = |path: &str| json_of(&server.ask("GET", path, &[], b""));
    let at_root = told("/.well-known/dspace-version");
    let way = at_root["protocolVersions"][0]["path"]
        .as_str()
        .expect("a path")
        .to_owned();
    assert_eq!(way, "/twin/library/dsp/2025-1");
    let answer = ask(&server, &format!("{way}/catalog/request"), &page(0, 1));
    assert_eq!(answer.status, 200);
    let link = answer.header("link");
    assert!(
        link.contains("<http://library.example/twin/library/dsp/2025-1/catalog/request?page="),
        "{link}"
    );
    let below = told("/twin/library/dsp/.well-known/dspace-version");
    assert_eq!(below["protocolVersions"][0]["path"], "/2025-1");
    let itself = told("/twin/library/dsp/v0.8/.well-known/dspace-version");
    assert_eq!(
        itself["protocolVersions"],
        json!([{
            "version": "v0.8", "path": "/", "binding": "HTTPS", "identifierType": "did:web",
            "serviceId": "http://library.example/twin/library/dsp#service",
        }])
    );
    assert_eq!(
        told("/twin/library/did.json")["id"],
        "did:web:library.example:twin:library"
    );
}

#[test]
fn blank_nodes_of_trees_have_one_shape() {
    // What the comparison of the two versions stands on.
    let node =
        |n: &str| NamedOrBlankNode::BlankNode(oxigraph::model::BlankNode::new(n).expect("a name"));
    let iri = |n: &str| oxigraph::model::NamedNode::new(n).expect("an IRI");
    let quad = |s: NamedOrBlankNode, o: Term| {
        Quad::new(s, iri("urn:p"), o, oxigraph::model::GraphName::DefaultGraph)
    };
    let tree = |name: &str, leaf: &str| {
        let inner: Term = node(name).into();
        shape(&[
            quad(iri("urn:s").into(), inner),
            quad(node(name), iri(leaf).into()),
        ])
    };
    assert_eq!(tree("a", "urn:x"), tree("b", "urn:x"));
    assert_ne!(tree("a", "urn:x"), tree("a", "urn:y"));
}
