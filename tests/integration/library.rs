//! The bundled library over HTTP, and imports beside it.
use crate::support::{directory, import, start};
use std::path::Path;

#[test]
fn the_bundled_library_is_served_in_every_syntax_and_survives_a_kill() {
    let dir = directory("serve");
    let server = start(&dir);
    for (path, media, holds) in [
        ("/resource/ngsi-ld", "text/turtle", "dcat:Dataset"),
        (
            "/resource/ngsi-ld.rdf",
            "application/rdf+xml",
            "<dcat:Dataset rdf:about=",
        ),
        (
            "/resource/ngsi-ld.jsonld",
            "application/ld+json",
            "\"@context\"",
        ),
        (
            "/resource/ngsi-ld.nt",
            "application/n-triples",
            "<http://www.w3.org/ns/dcat#Dataset>",
        ),
        ("/catalog", "application/rdf+xml", "hydra:nextPage"),
        (
            "/catalog.ttl?page=2",
            "text/turtle",
            "hydra:PartialCollectionView",
        ),
        ("/catalog.csv", "text/csv", "Short name"),
    ] {
        let answer = server.get(path, "*/*");
        assert!(
            answer.contains(" 200 OK") || answer.starts_with("HTTP/1.0 200"),
            "{path}: {answer:.200}"
        );
        assert!(
            answer.contains(media) && answer.contains(holds),
            "{path} lacks {media} or {holds}"
        );
    }
    assert!(
        server
            .get("/resource/ngsi-ld", "text/html")
            .contains("<h1 lang=\"en\">")
    );
    assert!(server.get("/resource/nothing", "*/*").contains(" 404 "));
    assert!(server.get("/catalog", "image/png").contains(" 406 "));
    let before = server.body("/catalog/dump.nt");
    drop(server);
    let server = start(&dir);
    assert_eq!(
        before,
        server.body("/catalog/dump.nt"),
        "a killed server comes back with the same catalogue"
    );
}

#[test]
fn importing_the_same_sheet_twice_changes_nothing_and_a_bad_one_is_refused() {
    let dir = directory("import");
    let sheet = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/resources.csv");
    let (ok, text) = import(&dir, &sheet, &[]);
    assert!(
        ok && text.contains("added, 0 changed, 0 unchanged"),
        "{text}"
    );
    let (ok, text) = import(&dir, &sheet, &[]);
    assert!(ok && text.contains("0 added, 0 changed"), "{text}");
    let html = dir.join("page.csv");
    std::fs::write(&html, "<!doctype html><p>Sign in</p>").expect("writes");
    let (ok, text) = import(&dir, &html, &[]);
    assert!(!ok && text.contains("HTML"), "{text}");
}

/// The threat model names the test that holds each edge: each is one of ours.
#[test]
fn the_tests_that_the_threat_model_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("SECURITY.md")).expect("reads");
    let mut named = 0;
    for quoted in text.split('`').skip(1).step_by(2) {
        if let Some((place, test)) = quoted.split_once("::") {
            let file = match place.ends_with(".rs") {
                true => root.join(place),
                false => root.join(format!("tests/integration/{place}.rs")),
            };
            let source = std::fs::read_to_string(&file).expect(quoted);
            let test = format!("fn {test}() {{");
            let (mark, _) = source.split_once(&test).expect(quoted);
            assert!(
                mark.lines()
                    .rev()
                    .take(2)
                    .any(|l| l.trim().contains("test]")),
                "{quoted}"
            );
            named += 1;
        } else if quoted.starts_with("web/") {
            assert!(root.join(quoted).is_file(), "{quoted}");
            named += 1;
        }
    }
    assert!(named > 25, "{named}");
}
