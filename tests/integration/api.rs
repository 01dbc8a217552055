//! Writing by programs, and the document that describes it.
use crate::support::{Answer, PUBLIC, Server, directory, run, start};
use serde_json::{Value, json};
use std::path::PathBuf;

struct Api {
    server: Server,
    dir: PathBuf,
}

const PUMP: &str = "It describes the pumps of a city so that twins can show which of them run.";

impl Api {
    fn open(name: &str) -> Self {
        let dir = directory(name);
        let server = start(&dir);
        Self { server, dir }
    }

    fn token(&self, role: &str, name: &str) -> String {
        let (code, said) = run(&self.dir, &["token", "add", "--role", role, "--name", name]);
        assert_eq!(code, 0, "{said}");
        let token = said
            .lines()
            .find(|l| l.starts_with("ldt_"))
            .expect("a token");
        format!("Bearer {token}")
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.server.ask(method, path, headers, body.as_bytes())
    }

    fn json(&self, method: &str, path: &str, token: &str, tag: &str, body: &Value) -> Answer {
        let mut headers = vec![
            ("Authorization", token),
            ("Content-Type", "application/json"),
        ];
        if !tag.is_empty() {
            headers.push(("If-Match", tag));
        }
        self.ask(method, path, &headers, &body.to_string())
    }
}

fn read(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{e}: {}", answer.text()))
}

fn pump() -> Value {
    json!({
        "shortName": "City Pump Model", "longName": "Data model of city pumps", "description": PUMP,
        "category": "Data model", "layer": "Data management", "mims": ["MIM2"], "licence": "MIT",
        "country": "ITA", "links": [{ "label": "Git", "href": "https://git.example/pumps" }],
    })
}

#[test]
fn an_entry_is_added_read_replaced_patched_and_withdrawn_each_for_the_version_that_stands() {
    let api = Api::open("api-life");
    let token = api.token("moderator", "Robot");
    let made = api.json("POST", "/api/resources?reason=first", &token, "", &pump());
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(read(&made)["state"], "published");
    assert_eq!(
        made.header("location"),
        format!("{PUBLIC}/api/resources/city-pump-model")
    );
    let path = "/api/resources/city-pump-model";
    let got = api.ask("GET", path, &[], "");
    let first = got.header("etag").to_owned();
    assert_eq!(first, made.header("etag"));
    let mut entry = read(&got);
    for (field, value) in pump().as_object().expect("fields") {
        assert_eq!(&entry[field], value, "{field}");
    }
    assert!(
        api.ask("GET", "/resource/city-pump-model.ttl", &[], "")
            .text()
            .contains("Data model of city pumps")
    );
    // Replaced as it was read, with one thing changed.
    entry["longName"] = "Pumps of a city".into();
    let put = api.json("PUT", path, &token, &first, &entry);
    assert_eq!(put.status, 200, "{}", put.text());
    let second = put.header("etag").to_owned();
    assert_ne!(first, second);
    // The first version stands no more.
    for method in ["PUT", "PATCH"] {
        assert_eq!(api.json(method, path, &token, &first, &entry).status, 412);
        assert_eq!(api.json(method, path, &token, "", &entry).status, 428);
    }
    let patch = json!({ "version": "2.0", "mims": ["MIM1", "MIM2"], "country": null });
    let headers = [
        ("Authorization", token.as_str()),
        ("Content-Type", "application/merge-patch+json"),
        ("If-Match", &second),
    ];
    let patched = api.ask("PATCH", path, &headers, &patch.to_string());
    assert_eq!(patched.status, 200, "{}", patched.text());
    let third = patched.header("etag").to_owned();
    let now = read(&api.ask("GET", path, &[], ""));
    assert_eq!(
        (&now["version"], &now["longName"]),
        (&json!("2.0"), &json!("Pumps of a city"))
    );
    assert_eq!(now["mims"], json!(["MIM1", "MIM2"]));
    // What is left out stays where the sheet has no column for it.
    assert_eq!(
        (&now["licence"], &now["country"]),
        (&json!("MIT"), &json!("ITA"))
    );
    let delete = |tag: &str| {
        let headers = [("Authorization", token.as_str()), ("If-Match", tag)];
        api.ask("DELETE", &format!("{path}?reason=done"), &headers, "")
            .status
    };
    assert_eq!((delete(&second), delete(&third)), (412, 204));
    assert_eq!(
        api.ask("GET", "/resource/city-pump-model", &[], "").status,
        410
    );
    assert_eq!(api.ask("GET", path, &[], "").status, 404);
}

#[test]
fn what_a_contributor_writes_waits_and_who_has_no_token_writes_nothing() {
    let api = Api::open("api-roles");
    let (con, reader) = (api.token("contributor", "Con"), api.token("reader", "Rea"));
    let path = "/api/resources";
    assert_eq!(api.json("POST", path, &reader, "", &pump()).status, 403);
    assert_eq!(
        api.json("POST", path, "Bearer ldt_no", "", &pump()).status,
        401
    );
    let anonymous = api.ask(
        "POST",
        path,
        &[("Content-Type", "application/json")],
        &pump().to_string(),
    );
    assert_eq!(
        (anonymous.status, anonymous.header("www-authenticate")),
        (401, "Bearer")
    );
    let made = api.json("POST", path, &con, "", &pump());
    assert_eq!(made.status, 202, "{}", made.text());
    assert_eq!(read(&made)["state"], "waiting");
    assert_eq!(
        api.ask("GET", "/resource/city-pump-model", &[], "").status,
        404
    );
    assert_eq!(api.json("POST", path, &con, "", &pump()).status, 409);
    let orion = "/api/resources/orion-ld";
    let got = api.ask("GET", orion, &[], "");
    let tag = got.header("etag").to_owned();
    let mut entry = read(&got);
    entry["description"] = format!("{PUMP} Told by a contributor.").into();
    let put = api.json("PUT", orion, &con, &tag, &entry);
    assert_eq!(put.status, 202, "{}", put.text());
    assert_eq!(
        api.ask("GET", orion, &[], "").header("etag"),
        tag,
        "it stands as it was"
    );
    assert_eq!(
        api.ask(
            "DELETE",
            orion,
            &[("Authorization", &con), ("If-Match", &tag)],
            ""
        )
        .status,
        403
    );
    let (_, queue) = run(&api.dir, &["queue"]);
    assert!(
        queue.contains("city-pump-model") && queue.contains("orion-ld"),
        "{queue}"
    );
    // A cookie alone is not enough: browsers send it without being asked.
    let ada = api.token("moderator", "Ada").replace("Bearer ", "");
    let signed = crate::suggest::post(&api.server, "/sign-in", &[("token", &ada)], &[]);
    let cookie = signed
        .header("set-cookie")
        .split(';')
        .next()
        .expect("one")
        .to_owned();
    let headers = [
        ("Cookie", cookie.as_str()),
        ("Content-Type", "application/json"),
    ];
    assert_eq!(
        api.ask("POST", path, &headers, &pump().to_string()).status,
        401
    );
}

#[test]
fn rdf_is_taken_as_well_and_what_cannot_be_used_is_told() {
    let api = Api::open("api-rdf");
    let token = api.token("moderator", "Robot");
    let send = |media: &str, body: &str| {
        let headers = [("Authorization", token.as_str()), ("Content-Type", media)];
        let answer = api.ask("POST", "/api/resources", &headers, body);
        (answer.status, answer.text())
    };
    let turtle = format!(
        "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
         @prefix ldt: <https://w3id.org/ldt-catalogue/ns#> . @prefix foaf: <http://xmlns.com/foaf/0.1/> .
         <{PUBLIC}/resource/pump-rdf> a dcat:Dataset ; dct:title \"Pumps in RDF\"@en ; dct:description \"{PUMP}\"@en ;
         dct:type ldt:kind-data-model ; ldt:layer ldt:layer-data-management ; dct:publisher <{PUBLIC}/agent/p> .
         <{PUBLIC}/agent/p> a foaf:Agent ; foaf:name \"Pumps\" ."
    );
    let (status, said) = send("text/turtle; charset=utf-8", &turtle);
    assert_eq!(status, 201, "{said}");
    assert_eq!(send("text/turtle", &turtle).0, 409);
    for (media, body, status, says) in [
        ("text/turtle", "<a> <b>", 400, ""),
        ("text/turtle", "", 400, "no dcat:Dataset"),
        ("image/png", "x", 415, "application/json or an RDF syntax"),
        ("application/json", "{", 400, "JSON"),
        ("application/json", "[]", 400, ""),
        ("application/json", "{\"colour\": 1}", 400, "colour"),
        (
            "application/json",
            "{\"shortName\": \"x\", \"layer\": \"Nowhere\"}",
            400,
            "Layer \\\"Nowhere\\\" is none of",
        ),
        (
            "application/json",
            "{\"shortName\": \"\"}",
            400,
            "no Short name",
        ),
    ] {
        let (found, said) = send(media, body);
        assert_eq!(found, status, "{body}: {said}");
        assert!(said.contains(says), "{says}: {said}");
    }
    let five = json!({ "shortName": "x", "links": vec![json!({ "label": "a", "href": "https://a.example" }); 6] });
    assert!(
        send("application/json", &five.to_string())
            .1
            .contains("links has 6; at most 5")
    );
    let huge = format!("{{\"shortName\": \"{}\"}}", "x".repeat(9 << 20));
    assert_eq!(send("application/json", &huge).0, 413);
}

#[test]
fn the_document_names_every_route_and_the_page_shows_it() {
    let api = Api::open("api-document");
    let document = read(&api.ask("GET", "/openapi.json", &[], ""));
    assert!(
        document["openapi"]
            .as_str()
            .expect("a version")
            .starts_with("3.1")
    );
    assert_eq!(document["servers"][0]["url"], PUBLIC);
    let page = api
        .ask("GET", "/api", &[("Accept", "text/html")], "")
        .text();
    let mut operations = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            operations += 1;
            assert!(
                page.contains(&format!("{} {path}", method.to_uppercase())),
                "{method} {path}"
            );
            // Each answer of the document is one that the service gives, and the other way round.
            let real = path.replace("{slug}", "nothing-like-it");
            let status = api
                .ask(&method.to_uppercase(), &real, &[], "")
                .status
                .to_string();
            assert!(
                operation["responses"][&status].is_object(),
                "{method} {path} answers {status}"
            );
            // What writes takes a token; comparing with a need writes nothing.
            if method != "get" && path != "/api/match" {
                assert!(operation["security"][0]["token"].is_array());
            }
        }
    }
    assert_eq!(operations, 10);
    for schema in ["Resource", "Link", "Written"] {
        assert!(
            document["components"]["schemas"][schema].is_object(),
            "{schema}"
        );
    }
}
