//! What fits a need: worked cases on the bundled library, each argued, and the faces that tell them.
use crate::moderate::Desk;
use crate::support::{PUBLIC, Server, directory, library, run, start};
use serde_json::{Value, json};

fn get(server: &Server, path: &str) -> Value {
    let answer = server.ask("GET", path, &[], b"");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    serde_json::from_slice(&answer.body).expect("JSON")
}

fn post(server: &Server, media: &str, body: &str) -> (u16, Value) {
    let headers = [("Content-Type", media)];
    let answer = server.ask("POST", "/api/match?limit=100", &headers, body.as_bytes());
    let value = serde_json::from_slice(&answer.body).unwrap_or_default();
    (answer.status, value)
}

/// An entry of an answer, wherever it stands.
fn entry(server: &Server, need: &str, slug: &str) -> Option<Value> {
    let page = format!("{PUBLIC}/resource/{slug}");
    (1..=3).find_map(|n| {
        let path = format!("/api/match?{need}&limit=100&page={n}");
        let found = get(server, &path);
        let entries = found["entries"].as_array().expect("a list");
        entries.iter().find(|e| e["page"] == page.as_str()).cloned()
    })
}

fn rules(entry: &Value) -> Vec<&str> {
    let reasons = entry["reasons"].as_array().expect("a list");
    reasons.iter().filter_map(|r| r["rule"].as_str()).collect()
}

#[test]
fn worked_cases_come_out_as_argued() {
    let server = library();
    let table = include_str!("../data/match/cases.csv");
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let mut count = 0;
    for row in reader.records() {
        let row = row.expect("a row");
        let need = row[0].replace(' ', "%20");
        let found = entry(&server, &need, &row[1]);
        let found = found.unwrap_or_else(|| panic!("{row:?} is not in the answer"));
        assert_eq!(found["verdict"], &row[2], "{row:?}: {found}");
        assert!(rules(&found).contains(&&row[3]), "{row:?}: {found}");
        let missing = found["missing"].as_array().expect("a list");
        assert!(
            &row[2] != "compatible" || missing.is_empty(),
            "{row:?}: {found}"
        );
        count += 1;
    }
    assert!(count >= 30, "{count}");
}

#[test]
fn a_twin_asks_what_it_could_add_and_is_offered_nothing_that_it_has() {
    let server = library();
    for slug in ["twin-antibes", "stellio", "ngsi-ld", "cesiumjs"] {
        assert!(entry(&server, "twin=antibes", slug).is_none(), "{slug}");
    }
    let found = get(&server, "/api/match?twin=antibes&limit=1");
    let totals = &found["totals"];
    let sum = ["compatible", "adaptable", "notCompatible"]
        .iter()
        .map(|t| totals[t].as_u64().expect("a number"));
    // Antibes itself and the seven entries that it uses are left out.
    assert_eq!(sum.sum::<u64>(), 204 - 8, "{totals}");
    assert!(
        found["next"]
            .as_str()
            .expect("a next page")
            .contains("page=2")
    );
    let missing = server.ask("GET", "/api/match?twin=atlantis", &[], b"");
    assert_eq!(missing.status, 404);
}

#[test]
fn a_need_is_read_from_json_from_dcat_and_from_odrl() {
    let server = library();
    let wish = json!({"interfaces": [{"anyOf": ["ngsi-ld"], "strength": "required"}], "licence": ["open"]});
    let (status, by_json) = post(&server, "application/json", &wish.to_string());
    assert_eq!(status, 200, "{by_json}");
    assert_eq!(by_json["need"]["interfaces"][0]["strength"], "required");
    let turtle = format!(
        "@prefix dct: <http://purl.org/dc/terms/> . @prefix dcat: <http://www.w3.org/ns/dcat#> . \
         <urn:x> a dcat:DataService ; dct:conformsTo <{PUBLIC}/resource/ngsi-ld> ; dct:accrualMethod <urn:y> ."
    );
    let (status, by_dcat) = post(&server, "text/turtle", &turtle);
    assert_eq!(status, 200, "{by_dcat}");
    assert_eq!(
        by_dcat["need"]["interfaces"][0]["value"],
        format!("{PUBLIC}/resource/ngsi-ld")
    );
    assert_eq!(by_dcat["notUsed"], json!(["dct:accrualMethod"]));
    let policy = json!({"@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "Request",
        "permission": [{"action": "derive", "target": "urn:x"}]});
    let (status, by_odrl) = post(&server, "application/ld+json", &policy.to_string());
    assert_eq!(status, 200, "{by_odrl}");
    assert_eq!(
        by_odrl["need"]["licence"][0]["value"],
        "http://www.w3.org/ns/odrl/2/derive"
    );
    assert_eq!(by_odrl["notUsed"], json!(["target"]));
}

#[test]
fn a_need_that_cannot_be_used_is_told_what_would_be_right() {
    let server = library();
    for (body, said) in [
        ("{}", "asks for nothing"),
        (r#"{"dataModel": []}"#, "dataModels"),
        (r#"{"mims": ["9"]}"#, "one of 0, 1"),
        (r#"{"interfaces": ["ngsi-ldd"]}"#, "ngsi-ld"),
        (
            r#"{"mims": [{"value": "1", "strength": "much"}]}"#,
            "required, wanted or preferred",
        ),
    ] {
        let (status, problem) = post(&server, "application/json", body);
        assert_eq!(status, 400, "{body}");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains(said), "{body}: {detail}");
    }
    assert_eq!(post(&server, "text/csv", "a").0, 415);
}

#[test]
fn a_moderator_changes_the_rules_and_a_wrong_table_is_refused_line_by_line() {
    let desk = Desk::open("match-rules");
    let toml = [("Accept", "application/toml")];
    let text = desk
        .server
        .ask("GET", "/api/match/rules", &toml, b"")
        .text();
    let send = |text: &str, was: &str, reason: &str| {
        let fields = [
            ("action", "save"),
            ("text", text),
            ("was", was),
            ("reason", reason),
        ];
        desk.send("/admin/rules", &fields)
    };
    let wrong = send(
        &text.replace("gives = \"fits\"", "gives = \"fit\""),
        "0",
        "a try",
    );
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("line ") && wrong.text().contains("fits, adapts, lacks"));
    let stricter = text.replacen("gives = \"fits\"", "gives = \"lacks\"", 1);
    assert_eq!(send(&stricter, "0", "").status, 422, "a reason is needed");
    assert_eq!(send(&stricter, "0", "itself is no news").status, 200);
    let late = send(&text, "0", "too late");
    assert_eq!(late.status, 409);
    let found = entry(&desk.server, "interfaces=ngsi-ld", "ngsi-ld").expect("it is there");
    assert_eq!(found["verdict"], "not-compatible");
    let page = desk.get("/admin/rules").text();
    assert!(
        page.contains("itself is no news") && page.contains("Ada"),
        "{page}"
    );

    // What they wrote, and why, comes back from a backup.
    let file = desk.dir.join("rules.backup").to_string_lossy().into_owned();
    let (status, said) = run(&desk.dir, &["backup", &file]);
    assert_eq!(status, 0, "{said}");
    let other = directory("match-rules-restored");
    let (status, said) = run(&other, &["restore", &file]);
    assert_eq!(status, 0, "{said}");
    let restored = start(&other);
    let kept = restored.ask("GET", "/api/match/rules", &toml, b"").text();
    assert_eq!(kept, stricter);

    // The bundled ones are a change as well.
    let fields = [("action", "bundled"), ("was", "1"), ("reason", "as it was")];
    assert_eq!(desk.send("/admin/rules", &fields).status, 200);
    let found = entry(&desk.server, "interfaces=ngsi-ld", "ngsi-ld").expect("it is there");
    assert_eq!(found["verdict"], "compatible");
    let rules = desk.server.ask("GET", "/api/match/rules", &toml, b"");
    assert_eq!(rules.text(), text);
}

#[test]
fn the_page_shows_verdicts_reasons_and_missing_pieces_in_five_languages() {
    let server = library();
    for (lang, title) in [
        ("en", "Compatible with limited adaptation"),
        ("fr", "adaptation limitée"),
        ("de", "begrenzter Anpassung"),
        ("it", "adattamento limitato"),
        ("es", "adaptación limitada"),
    ] {
        let path = format!("/match?protocols=mqtt&interfaces=ngsi-ld&lang={lang}");
        let page = server.ask("GET", &path, &[("Accept", "text/html")], b"");
        assert_eq!(page.status, 200);
        let page = page.text();
        assert!(
            page.contains(title) && page.contains("/resource/fiware-idas"),
            "{lang}: {page}"
        );
    }
    let page = server.ask(
        "GET",
        "/match?interfaces=%3Cscript%3E",
        &[("Accept", "text/html")],
        b"",
    );
    assert_eq!(page.status, 400);
    assert!(!page.text().contains("<script>"));
}
