//! What HTTP asks of every face: negotiation, conditional requests, ranges, encodings, errors,
//! and addresses that follow the public URL alone.
use crate::support::{Answer, PUBLIC, Server, directory, import, launch, library, ready, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Every kind of address that is read, with a query where it takes one.
const ADDRESSES: [&str; 33] = [
    "/",
    "/resource/ngsi-ld",
    "/resource/ngsi-ld.ttl",
    "/resource/ngsi-ld.nt",
    "/resource/ngsi-ld.rdf",
    "/resource/ngsi-ld.xml",
    "/resource/ngsi-ld.jsonld",
    "/resource/ngsi-ld.json",
    "/resource/ngsi-ld.trig",
    "/resource/ngsi-ld.html",
    "/agent/catalogue-team",
    "/agent/catalogue-team.rdf",
    "/ns",
    "/catalog",
    "/catalog?page=2",
    "/catalog?modified_since=2020-01-01",
    "/catalog.ttl",
    "/catalog.nt?page=3",
    "/catalog.rdf",
    "/catalog.xml",
    "/catalog.jsonld",
    "/catalog.json",
    "/catalog.trig",
    "/catalog.html",
    "/catalog.csv",
    "/catalog/dump.ttl",
    "/catalog/dump.nt",
    "/catalog/dump.rdf",
    "/catalog/dump.jsonld",
    "/catalog/dump.trig",
    "/catalog/dump.nt.gz",
    "/catalog/dump.rdf.gz",
    "/sparql",
];

fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    server.ask("GET", path, headers, b"")
}

/// The media type without its parameters.
fn media(answer: &Answer) -> &str {
    answer
        .header("content-type")
        .split(';')
        .next()
        .unwrap_or_default()
}

/// A problem document (RFC 9457) with this status, whose detail says `why`.
fn problem(answer: &Answer, status: u16, why: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let document: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(document["status"], status);
    assert!(
        document["type"]
            .as_str()
            .is_some_and(|t| t.contains("#problem-"))
    );
    assert!(document["title"].is_string());
    let detail = document["detail"].as_str().expect("a detail");
    assert!(detail.contains(why), "{detail} does not say {why}");
    let id = answer.header("x-request-id");
    assert_eq!(document["instance"], format!("urn:request:{id}"));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

#[test]
fn the_best_accepted_form_is_answered() {
    let server = library();
    // What is accepted, and the answer for a page of the catalogue and for an entry.
    let (rdf, turtle, json) = ("application/rdf+xml", "text/turtle", "application/ld+json");
    for (accept, page, entry) in [
        ("*/*", rdf, turtle),
        ("", rdf, turtle),
        (BROWSER, "text/html", "text/html"),
        ("text/html", "text/html", "text/html"),
        (turtle, turtle, turtle),
        (rdf, rdf, rdf),
        (json, json, json),
        (
            "application/n-triples",
            "application/n-triples",
            "application/n-triples",
        ),
        ("application/trig", "application/trig", "application/trig"),
        ("application/json", "application/json", "application/json"),
        ("application/xml", "application/xml", "application/xml"),
        ("text/xml", "text/xml", "text/xml"),
        ("TEXT/TURTLE", turtle, turtle),
        ("text/turtle;q=0.5, application/ld+json", json, json),
        (
            "application/ld+json;q=0.2,text/turtle;q=0.9,*/*;q=0.1",
            turtle,
            turtle,
        ),
        ("image/png, */*;q=0.1", rdf, turtle),
        ("text/turtle;q=0, application/rdf+xml;q=0, */*", json, json),
        ("application/*", rdf, rdf),
        ("text/*, application/rdf+xml;q=0.9", turtle, turtle),
        (
            "text/turtle;charset=utf-8;q=0.3, application/trig;q=0.4",
            "application/trig",
            "application/trig",
        ),
        (
            "text/turtle;Q=0.3, application/trig;q=0.4",
            "application/trig",
            "application/trig",
        ),
        (
            "application/ld+json;profile=\"http://www.w3.org/ns/json-ld#compacted, and more\"",
            json,
            json,
        ),
    ] {
        for (path, wanted) in [("/catalog", page), ("/resource/ngsi-ld", entry)] {
            let headers = [("Accept", accept)];
            let answer = get(&server, path, &headers[..usize::from(!accept.is_empty())]);
            assert_eq!(answer.status, 200, "{path} for {accept}");
            assert_eq!(media(&answer), wanted, "{path} for {accept}");
            assert!(
                answer.header("vary").contains("accept"),
                "{path} for {accept}"
            );
        }
    }
    // A list may stand on several lines (RFC 9110, section 5.3).
    let answer = get(
        &server,
        "/catalog",
        &[("Accept", "image/png"), ("Accept", turtle)],
    );
    assert_eq!((answer.status, media(&answer)), (200, turtle));
    for accept in [
        "image/png",
        "text/turtle;q=0",
        "application/vnd.api+json, image/*",
    ] {
        for path in [
            "/catalog",
            "/resource/ngsi-ld",
            "/ns",
            "/agent/catalogue-team",
        ] {
            let answer = get(&server, path, &[("Accept", accept)]);
            for offered in [
                "text/html",
                turtle,
                rdf,
                json,
                "application/n-triples",
                "application/trig",
            ] {
                problem(&answer, 406, offered);
            }
        }
    }
}

#[test]
fn an_extension_forces_its_syntax_whatever_is_accepted() {
    let server = library();
    for (extension, wanted, begins) in [
        ("ttl", "text/turtle; charset=utf-8", "@prefix"),
        ("nt", "application/n-triples", "<http"),
        ("rdf", "application/rdf+xml", "<?xml"),
        ("xml", "application/rdf+xml", "<?xml"),
        ("jsonld", "application/ld+json", "{\"@context\":{"),
        ("json", "application/json", "{\"@context\":{"),
        ("trig", "application/trig", "@prefix"),
        ("html", "text/html; charset=utf-8", "<!doctype html>"),
    ] {
        for stem in [
            "/resource/ngsi-ld",
            "/agent/catalogue-team",
            "/catalog",
            "/catalog/dump",
        ] {
            if (stem, extension) == ("/catalog/dump", "html") {
                continue;
            }
            for accept in ["text/html", "image/png", "application/n-triples"] {
                let answer = get(
                    &server,
                    &format!("{stem}.{extension}"),
                    &[("Accept", accept)],
                );
                assert_eq!(answer.status, 200, "{stem}.{extension}");
                assert_eq!(answer.header("content-type"), wanted, "{stem}.{extension}");
                assert!(answer.text().starts_with(begins), "{stem}.{extension}");
            }
        }
    }
    for path in [
        "/resource/ngsi-ld.docx",
        "/resource/ngsi-ld.",
        "/catalog.docx",
        "/catalog/dump.docx",
        "/catalog/dump.csv",
        "/catalog/dump.csv.gz",
        "/catalog.nt.gz",
        "/catalog/nothing",
    ] {
        assert_eq!(get(&server, path, &[]).status, 404, "{path}");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let server = library();
    let others = [
        "/healthz",
        "/readyz",
        "/validate",
        "/resource/nothing",
        "/catalog?page=99",
        "/catalog?page=x",
        "/catalog/nothing",
        "/nothing/at/all",
        "/sparql?query=ASK%7B%7D",
        "/sparql?query=nonsense",
    ];
    for path in ADDRESSES.iter().chain(&others) {
        for headers in [
            vec![],
            vec![("Accept", BROWSER)],
            vec![("Accept-Encoding", "gzip")],
            vec![("Accept-Encoding", "zstd")],
            vec![("Accept", "image/png")],
        ] {
            let (head, whole) = (
                server.ask("HEAD", path, &headers, b""),
                get(&server, path, &headers),
            );
            assert_eq!(head.status, whole.status, "{path} {headers:?}");
            assert!(head.body.is_empty(), "{path} {headers:?}");
            let said = |a: &Answer| -> BTreeSet<(String, String)> {
                a.headers
                    .iter()
                    .map(|(n, v)| (n.to_ascii_lowercase(), v.clone()))
                    .filter(|(n, _)| n != "date" && n != "x-request-id")
                    .collect()
            };
            assert_eq!(said(&head), said(&whole), "{path} {headers:?}");
            let length = whole.header("content-length");
            if !length.is_empty() {
                assert_eq!(length, whole.body.len().to_string(), "{path} {headers:?}");
            }
            assert!(
                !(300..304).contains(&whole.status),
                "{path} leads elsewhere"
            );
        }
    }
}

#[test]
fn what_a_reader_has_already_is_not_sent_again() {
    let server = library();
    for path in ADDRESSES.iter().filter(|p| **p != "/sparql") {
        let first = get(&server, path, &[]);
        assert_eq!(first.status, 200, "{path}");
        let tag = first.header("etag");
        assert!(
            tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20,
            "{path}: {tag}"
        );
        assert_eq!(get(&server, path, &[]).header("etag"), tag, "{path}");
        for tags in [
            tag.to_owned(),
            format!("W/{tag}"),
            format!("\"other\", {tag}"),
            format!("\"a\",W/{tag} , \"b\""),
            "*".into(),
        ] {
            let again = get(&server, path, &[("If-None-Match", &tags)]);
            assert_eq!(again.status, 304, "{path} {tags}");
            assert!(again.body.is_empty(), "{path}");
            assert_eq!(again.header("etag"), tag, "{path}");
            assert!(again.header("vary").contains("accept"), "{path}");
            assert!(!again.header("x-request-id").is_empty(), "{path}");
        }
        let lines = [("If-None-Match", "\"other\""), ("If-None-Match", tag)];
        assert_eq!(
            get(&server, path, &lines).status,
            304,
            "{path}: tags on two lines"
        );
        assert_eq!(
            get(&server, path, &[("If-None-Match", "\"other\"")]).status,
            200,
            "{path}"
        );
        let date = first.header("last-modified");
        // The vocabulary is as old as the program; what a search finds is no older than what it leaves out.
        if !path.starts_with("/ns") && *path != "/" {
            let time = httpdate::parse_http_date(date).expect("a date");
            let (day, since) = (std::time::Duration::from_secs(86_400), "If-Modified-Since");
            let (before, after) = (
                httpdate::fmt_http_date(time - day),
                httpdate::fmt_http_date(time + day),
            );
            assert_eq!(get(&server, path, &[(since, date)]).status, 304, "{path}");
            assert_eq!(get(&server, path, &[(since, &after)]).status, 304, "{path}");
            assert_eq!(
                get(&server, path, &[(since, &before)]).status,
                200,
                "{path}"
            );
            assert_eq!(
                get(&server, path, &[(since, "yesterday")]).status,
                200,
                "{path}"
            );
            // The tag says more than the date (RFC 9110, section 13.2.2).
            let both = [("If-None-Match", "\"other\""), (since, date)];
            assert_eq!(get(&server, path, &both).status, 200, "{path}");
        }
    }
    // Each representation has a tag of its own.
    let tags: BTreeSet<String> = [
        "text/turtle",
        "text/html",
        "application/rdf+xml",
        "application/ld+json",
        "application/json",
        "application/xml",
    ]
    .iter()
    .flat_map(|accept| ["identity", "gzip", "zstd"].map(|encoding| (*accept, encoding)))
    .map(|(accept, encoding)| {
        let headers = [("Accept", accept), ("Accept-Encoding", encoding)];
        get(&server, "/resource/ngsi-ld", &headers)
            .header("etag")
            .to_owned()
    })
    .collect();
    assert_eq!(tags.len(), 18);
}

#[test]
fn texts_are_packed_for_readers_that_can_unpack() {
    let server = library();
    for path in [
        "/",
        "/catalog.ttl",
        "/catalog.nt?page=2",
        "/resource/ngsi-ld.rdf",
        "/catalog.csv",
        "/catalog/dump.jsonld",
    ] {
        let plain = get(&server, path, &[]);
        assert_eq!(plain.header("content-encoding"), "", "{path}");
        let packed = get(&server, path, &[("Accept-Encoding", "gzip, deflate;q=0.5")]);
        assert_eq!(packed.header("content-encoding"), "gzip", "{path}");
        assert!(
            packed
                .header("vary")
                .to_lowercase()
                .contains("accept-encoding"),
            "{path}"
        );
        assert!(packed.body.len() * 2 < plain.body.len(), "{path}");
        assert_eq!(unpacked(&packed.body), plain.body, "{path}");
        let packed = get(&server, path, &[("Accept-Encoding", "gzip;q=0.1, zstd")]);
        assert_eq!(packed.header("content-encoding"), "zstd", "{path}");
        assert_eq!(packed.body[..4], [0x28, 0xb5, 0x2f, 0xfd], "{path}");
        let refused = get(&server, path, &[("Accept-Encoding", "gzip;q=0, identity")]);
        assert_eq!(refused.header("content-encoding"), "", "{path}");
        assert_eq!(refused.body, plain.body, "{path}");
    }
    for extension in ["ttl", "nt", "rdf", "jsonld", "trig"] {
        let plain = get(&server, &format!("/catalog/dump.{extension}"), &[]);
        // What is packed already is not packed again.
        let packed = get(
            &server,
            &format!("/catalog/dump.{extension}.gz"),
            &[("Accept-Encoding", "gzip")],
        );
        assert_eq!(packed.header("content-type"), "application/gzip");
        assert_eq!(packed.header("content-encoding"), "");
        assert_eq!(
            packed.header("content-disposition"),
            format!("attachment; filename=\"catalog.{extension}.gz\"")
        );
        assert!(unpacked(&packed.body) == plain.body, "{extension}");
    }
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes)
        .read_to_end(&mut out)
        .expect("gzip");
    out
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let server = library();
    for path in ["/catalog/dump.nt", "/catalog/dump.nt.gz", "/catalog.csv"] {
        let whole = get(&server, path, &[]);
        let (all, length) = (&whole.body, whole.body.len());
        assert_eq!(whole.header("accept-ranges"), "bytes", "{path}");
        let part = |range: &str, more: &[(&str, &str)]| {
            let headers: Vec<_> = [("Range", range)]
                .into_iter()
                .chain(more.iter().copied())
                .collect();
            get(&server, path, &headers)
        };
        for (range, from, to) in [
            ("bytes=0-99", 0, 100),
            ("bytes=100-", 100, length),
            ("bytes=-50", length - 50, length),
        ] {
            let answer = part(range, &[]);
            assert_eq!(answer.status, 206, "{path} {range}");
            assert_eq!(
                answer.header("content-range"),
                format!("bytes {from}-{}/{length}", to - 1)
            );
            assert!(answer.body == all[from..to], "{path} {range}");
            assert_eq!(answer.header("etag"), whole.header("etag"));
        }
        let beyond = part(&format!("bytes={length}-"), &[]);
        assert_eq!(beyond.status, 416, "{path}");
        assert_eq!(beyond.header("content-range"), format!("bytes */{length}"));
        // Bytes of another version would spoil what the reader has (RFC 9110, section 13.1.5).
        let tag = whole.header("etag").to_owned();
        assert_eq!(
            part("bytes=100-", &[("If-Range", &tag)]).status,
            206,
            "{path}"
        );
        let other = part("bytes=100-", &[("If-Range", "\"another version\"")]);
        assert_eq!(other.status, 200, "{path}");
        assert!(other.body == *all, "{path}");
        assert_eq!(
            part("bytes=100-", &[("If-Range", &format!("W/{tag}"))]).status,
            200,
            "{path}"
        );
        let packed = part("bytes=0-99", &[("Accept-Encoding", "gzip")]);
        assert!(
            packed.status == 206
                && packed.header("content-encoding").is_empty()
                && packed.body == all[..100],
            "{path}"
        );
    }
}

#[test]
fn pages_of_other_origins_may_read() {
    let server = library();
    let origin = ("Origin", "https://elsewhere.example");
    for path in ADDRESSES
        .iter()
        .chain(&["/nothing", "/resource/nothing", "/catalog?page=x"])
    {
        let answer = get(&server, path, &[origin]);
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        let shown = answer
            .header("access-control-expose-headers")
            .to_lowercase();
        for name in [
            "etag",
            "last-modified",
            "link",
            "x-request-id",
            "retry-after",
        ] {
            assert!(shown.contains(name), "{path} hides {name}");
        }
    }
    for (path, method) in [
        ("/catalog", "GET"),
        ("/sparql", "POST"),
        ("/validate", "POST"),
    ] {
        let wish = [
            origin,
            ("Access-Control-Request-Method", method),
            (
                "Access-Control-Request-Headers",
                "content-type,if-none-match,if-modified-since,range",
            ),
        ];
        let answer = server.ask("OPTIONS", path, &wish, b"");
        assert!(answer.status == 200 || answer.status == 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(
            answer
                .header("access-control-allow-methods")
                .contains(method)
        );
        let allowed = answer.header("access-control-allow-headers").to_lowercase();
        for name in [
            "accept",
            "content-type",
            "if-none-match",
            "if-modified-since",
            "range",
        ] {
            assert!(
                allowed.split(',').any(|a| a.trim() == name),
                "{name}: {allowed}"
            );
        }
        assert!(!answer.header("x-request-id").is_empty());
    }
}

#[test]
fn every_error_is_a_problem_document_or_a_page() {
    let server = library();
    let long = format!("/resource/{}", "a".repeat(5_000));
    for (path, status, why) in [
        ("/nothing", 404, "/nothing"),
        ("/nothing/at/all", 404, "/"),
        ("/resource/nothing", 404, "nothing"),
        ("/resource/", 404, ""),
        ("/resource/NGSI-LD", 404, ""),
        ("/resource/ngsi-ld/x", 404, ""),
        ("/resource/..%2F..%2Fetc%2Fpasswd", 404, ""),
        ("/resource/%00", 404, ""),
        ("/resource/%FF%FE", 400, ""),
        ("/resource/%E2%98%83", 404, ""),
        ("/resource/'%20OR%201=1%20--", 404, ""),
        (long.as_str(), 404, ""),
        ("/agent/nobody", 404, "nobody"),
        ("/catalog?page=0", 400, "page"),
        ("/catalog?page=-1", 400, "page"),
        ("/catalog?page=x", 400, "\"x\""),
        ("/catalog?page=", 400, "page"),
        ("/catalog?page=1.5", 400, "page"),
        ("/catalog?page=99999999999999999999", 400, "page"),
        ("/catalog?page=1&page=2", 400, "page"),
        ("/catalog?page=4", 404, "last page, 3"),
        ("/catalog.ttl?page=92233720368547758", 404, "last page"),
        ("/catalog?modified_since=yesterday", 400, "2026-01-31"),
        ("/catalog?modified_since=2026-01-01&after=x", 400, "after"),
        ("/catalog?modified_since=2026-01-01&page=2", 400, "next"),
        ("/catalog?after=3", 400, "modified_since"),
    ] {
        let answer = get(&server, path, &[("Accept", "*/*")]);
        problem(&answer, status, why);
        let page = get(&server, path, &[("Accept", BROWSER)]);
        assert_eq!((page.status, media(&page)), (status, "text/html"), "{path}");
        assert!(page.text().contains("<h1>"), "{path}");
        assert!(page.header("vary").contains("accept"), "{path}");
        assert!(!page.header("x-request-id").is_empty(), "{path}");
    }
    for path in ADDRESSES.iter().filter(|p| **p != "/sparql") {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let answer = server.ask(method, path, &[], b"");
            problem(&answer, 405, "GET");
            let allowed: BTreeSet<&str> =
                answer.header("allow").split(',').map(str::trim).collect();
            assert_eq!(allowed, BTreeSet::from(["GET", "HEAD"]), "{method} {path}");
        }
    }
    let answer = server.ask("DELETE", "/sparql", &[], b"");
    assert!(answer.status == 405 && answer.header("allow").contains("POST"));
    // Longer than any body may be, refused by its length alone.
    let length = (9 << 20).to_string();
    for path in ["/sparql", "/validate"] {
        let answer = server.ask(
            "POST",
            path,
            &[
                ("Content-Length", &length),
                ("Content-Type", "application/sparql-query"),
            ],
            b"",
        );
        problem(&answer, 413, "");
    }
}

/// Serves `dir` with its log in a file beside it.
fn logged(dir: &Path, more: &[&str]) -> Server {
    std::fs::create_dir_all(dir).expect("a directory");
    let log = std::fs::File::create(dir.join("log")).expect("a file");
    let process = Command::new(env!("CARGO_BIN_EXE_ldt-catalogue"))
        .args([
            "serve",
            "--no-seed",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
        ])
        .arg(dir)
        .args(more)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the program starts");
    Server::adopt(process)
}

#[test]
fn the_log_has_a_line_for_each_answer_under_the_id_that_the_reader_has() {
    let dir = directory("log");
    let server = logged(&dir, &[]);
    ready(&server);
    let cors = [
        ("Origin", "https://elsewhere.example"),
        ("Access-Control-Request-Method", "GET"),
    ];
    let asked = [
        ("GET", "/", 200, server.ask("GET", "/", &[], b"")),
        (
            "HEAD",
            "/catalog",
            200,
            server.ask("HEAD", "/catalog", &[], b""),
        ),
        (
            "GET",
            "/resource/nothing",
            404,
            server.ask("GET", "/resource/nothing", &[("Accept", BROWSER)], b""),
        ),
        (
            "GET",
            "/catalog",
            406,
            server.ask("GET", "/catalog?page=1", &[("Accept", "image/png")], b""),
        ),
        ("DELETE", "/ns", 405, server.ask("DELETE", "/ns", &[], b"")),
        (
            "OPTIONS",
            "/ns",
            200,
            server.ask("OPTIONS", "/ns", &cors, b""),
        ),
        (
            "POST",
            "/sparql",
            413,
            server.ask("POST", "/sparql", &[("Content-Length", "99999999")], b""),
        ),
    ];
    let ids: BTreeSet<&str> = asked.iter().map(|a| a.3.header("x-request-id")).collect();
    assert_eq!(
        ids.len(),
        asked.len(),
        "each request has its own id: {ids:?}"
    );
    let text = std::fs::read_to_string(dir.join("log")).expect("reads");
    let lines: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).expect("a line of JSON"))
        .collect();
    for line in &lines {
        for name in ["timestamp", "level", "message"] {
            assert!(line[name].is_string(), "{line} lacks {name}");
        }
    }
    for (method, path, status, answer) in &asked {
        assert_eq!(answer.status, *status, "{method} {path}");
        let id = answer.header("x-request-id");
        let line = lines
            .iter()
            .find(|l| l["id"] == id && l["message"] == "request");
        let line = line.unwrap_or_else(|| panic!("{method} {path} is not in the log"));
        assert_eq!(
            (&line["method"], &line["path"], &line["status"]),
            (&(*method).into(), &(*path).into(), &(*status).into())
        );
        assert!(line["milliseconds"].is_number());
    }
    assert!(!text.contains("\u{1b}"), "colours in a log for machines");
}

#[test]
fn probes_and_figures_are_plain() {
    let server = library();
    for path in ["/healthz", "/readyz"] {
        let answer = get(&server, path, &[]);
        assert!(
            answer.status == 200 && media(&answer) == "text/plain",
            "{path}"
        );
    }
    get(&server, "/resource/ngsi-ld", &[]);
    let answer = get(&server, "/metrics", &[]);
    assert_eq!(
        answer.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = answer.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.last(), Some(&"# EOF"));
    let (mut families, mut found) = (BTreeSet::new(), BTreeSet::new());
    for line in &lines[..lines.len() - 1] {
        if let Some(meta) = line.strip_prefix("# ") {
            let mut words = meta.splitn(3, ' ');
            let (keyword, family) = (words.next(), words.next().expect("a name"));
            assert!(matches!(keyword, Some("HELP" | "TYPE" | "UNIT")), "{line}");
            families.insert(family.to_owned());
            continue;
        }
        // name{label="value",…} number
        let (name, value) = line.rsplit_once(' ').expect("a sample");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let (name, labels) = name.split_once('{').unwrap_or((name, "}"));
        assert!(labels.ends_with('}'), "{line}");
        let of = families.iter().any(|f| {
            name == f
                || ["_total", "_bucket", "_sum", "_count"]
                    .iter()
                    .any(|s| name.strip_suffix(s) == Some(f.as_str()))
        });
        assert!(of, "{line} belongs to no family");
        assert!(
            found.insert(line.rsplit_once(' ').expect("a sample").0.to_owned()),
            "{line} is there twice"
        );
    }
    let value = |start: &str| -> f64 {
        let line = lines
            .iter()
            .find(|l| l.starts_with(start))
            .unwrap_or_else(|| panic!("no {start} in\n{text}"));
        line.rsplit_once(' ')
            .and_then(|l| l.1.parse().ok())
            .expect("a number")
    };
    assert_eq!(
        value("ldt_catalogue_records{state=\"published\"}") as i64,
        204
    );
    assert_eq!(
        value("ldt_catalogue_ledger_changes") as i64,
        value("ldt_catalogue_graph_cursor") as i64
    );
    assert!(value("ldt_catalogue_graph_triples_live") > 10_000.0);
    assert!(
        value(
            "ldt_catalogue_http_requests_total{method=\"GET\",route=\"/resource/{name}\",status=\"200\"}"
        ) >= 1.0
    );
    assert!(
        value("ldt_catalogue_http_request_duration_seconds_count{route=\"/resource/{name}\"}")
            >= 1.0
    );
}

#[test]
fn links_follow_the_public_url_and_never_the_host() {
    let server = library();
    for path in ADDRESSES.iter().filter(|p| !p.ends_with(".gz")) {
        let plain = get(&server, path, &[]);
        for more in [
            ("X-Forwarded-Host", "evil.example"),
            ("Forwarded", "host=evil.example;proto=https"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Prefix", "/evil"),
        ] {
            assert!(
                get(&server, path, &[more]).body == plain.body,
                "{path} {more:?}"
            );
        }
        let text = plain.text();
        assert!(
            !text.contains(&server.address),
            "{path} holds the address it listens on"
        );
        assert!(
            !text.contains("://catalogue/"),
            "{path} holds the host that was asked"
        );
        assert!(
            !text.contains(ldt_catalogue::record::vocab::BASE),
            "{path} holds an IRI of the ledger"
        );
    }
}

#[test]
fn a_public_url_may_have_a_path() {
    let dir = directory("path");
    std::fs::create_dir_all(&dir).expect("a directory");
    let sheet = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/resources.csv");
    let server = logged(&dir, &["--public-url", "https://h.example/ldt"]);
    let (ok, said) = import(&dir, &sheet, &["--source-name", "made-up"]);
    assert!(ok, "{said}");
    ready(&server);
    for path in ADDRESSES {
        let path = path
            .replace("catalogue-team", "etsi-isg-cim")
            .replace("page=3", "page=2");
        let answer = get(&server, &format!("/ldt{path}"), &[]);
        assert_eq!(answer.status, 200, "/ldt{path}");
        // Outside there is nothing of ours.
        problem(&get(&server, &path, &[]), 404, "/ldt/");
        let page = get(&server, &path, &[("Accept", BROWSER)]);
        assert!(
            page.status == 404 && page.text().contains("href=\"/ldt/"),
            "{path}: {}",
            page.text()
        );
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(get(&server, path, &[]).status, 200);
        assert_eq!(get(&server, &format!("/ldt{path}"), &[]).status, 200);
    }
    assert_eq!(
        get(&server, "/ldt", &[]).status,
        200,
        "without the last slash"
    );
    problem(&get(&server, "/ldt/nothing", &[]), 404, "");
    problem(&get(&server, "/ldt/nothing/at/all", &[]), 404, "");
    problem(&server.ask("DELETE", "/ldt/catalog", &[], b""), 405, "");
    let turtle = get(&server, "/ldt/catalog.nt", &[]).text();
    for line in [
        "<https://h.example/ldt/catalog> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://www.w3.org/ns/dcat#Catalog>",
        "<http://www.w3.org/ns/hydra/core#next> <https://h.example/ldt/catalog.nt?page=2>",
        "<http://xmlns.com/foaf/0.1/homepage> <https://h.example/ldt/>",
        "<http://www.w3.org/ns/dcat#dataset> <https://h.example/ldt/resource/ngsi-ld>",
        "<https://h.example/ldt/resource/ngsi-ld> <http://purl.org/dc/terms/identifier> \"https://h.example/ldt/resource/ngsi-ld\"",
    ] {
        assert!(turtle.contains(line), "no {line}");
    }
    // Every link of every page leads below the path.
    for path in [
        "/ldt/",
        "/ldt/catalog",
        "/ldt/resource/ngsi-ld",
        "/ldt/agent/etsi-isg-cim",
        "/ldt/ns",
        "/ldt/nothing",
        "/ldt/sparql",
        "/ldt/validate",
    ] {
        let text = get(&server, path, &[("Accept", BROWSER)]).text();
        for attribute in ["href=\"", "action=\"", "src=\""] {
            for link in text
                .split(attribute)
                .skip(1)
                .filter_map(|t| t.split('"').next())
            {
                assert!(
                    !link.starts_with('/') || link.starts_with("/ldt/"),
                    "{path} leads to {link}"
                );
            }
        }
    }
    assert_eq!(
        run(
            &dir,
            &["decide", "ngsi-ld", "withdraw", "--into", "stellio"]
        )
        .0,
        0
    );
    let gone = get(&server, "/ldt/resource/ngsi-ld", &[("Accept", BROWSER)]);
    assert!(
        gone.status == 410
            && gone
                .text()
                .contains("https://h.example/ldt/resource/stellio"),
        "{}",
        gone.text()
    );
    assert!(!gone.text().contains("href=\"/\""), "{}", gone.text());
}

#[test]
fn a_withdrawn_entry_leaves_a_stone_in_every_syntax() {
    let dir = directory("stone");
    std::fs::create_dir_all(&dir).expect("a directory");
    let sheet = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/resources.csv");
    let (ok, said) = import(&dir, &sheet, &["--source-name", "made-up"]);
    assert!(ok, "{said}");
    for step in [
        vec!["decide", "orion-ld", "withdraw", "--into", "stellio"],
        vec!["purge", "scorpio"],
    ] {
        let (status, said) = run(&dir, &step);
        assert_eq!(status, 0, "{said}");
    }
    let server = launch(&dir, &["--no-seed", "--public-url", PUBLIC]);
    for (extension, wanted) in [
        ("ttl", "text/turtle; charset=utf-8"),
        ("nt", "application/n-triples"),
        ("rdf", "application/rdf+xml"),
        ("jsonld", "application/ld+json"),
        ("trig", "application/trig"),
        ("html", "text/html; charset=utf-8"),
    ] {
        let answer = get(&server, &format!("/resource/orion-ld.{extension}"), &[]);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (410, wanted)
        );
        assert!(
            answer
                .text()
                .contains(&format!("{PUBLIC}/resource/stellio")),
            "{}",
            answer.text()
        );
        assert_eq!(
            answer.header("link"),
            format!("<{PUBLIC}/resource/stellio>; rel=\"successor-version\"")
        );
        assert!(answer.header("vary").contains("accept"));
        assert_eq!(
            server
                .ask("HEAD", &format!("/resource/orion-ld.{extension}"), &[], b"")
                .status,
            410
        );
        let answer = get(&server, &format!("/resource/scorpio.{extension}"), &[]);
        assert_eq!(answer.status, 410);
        assert!(
            !answer.text().contains("ScorpioBroker"),
            "{}",
            answer.text()
        );
    }
    for path in ["/catalog.nt", "/catalog/dump.nt", "/catalog.csv", "/"] {
        let text = get(&server, path, &[]).text();
        assert!(
            !text.contains("resource/orion-ld>") && !text.contains("Scorpio Broker"),
            "{path}"
        );
    }
}

#[test]
fn the_namespace_says_the_same_in_every_syntax() {
    use oxigraph::io::{JsonLdProfileSet, RdfFormat};
    let server = library();
    let forms = [
        ("text/turtle", RdfFormat::Turtle),
        ("application/n-triples", RdfFormat::NTriples),
        ("application/rdf+xml", RdfFormat::RdfXml),
        (
            "application/ld+json",
            RdfFormat::JsonLd {
                profile: JsonLdProfileSet::empty(),
            },
        ),
        ("application/trig", RdfFormat::TriG),
    ];
    for path in ["/ns", "/agent/etsi-isg-cim"] {
        let graphs: Vec<BTreeSet<String>> = forms
            .iter()
            .map(|(accept, format)| {
                crate::harvest::graph(&get(&server, path, &[("Accept", accept)]).body, *format)
            })
            .collect();
        assert!(graphs[0].len() > 5, "{path}");
        for graph in &graphs {
            assert_eq!(*graph, graphs[0], "{path}");
        }
    }
    let page = get(&server, "/ns", &[("Accept", BROWSER)]).text();
    assert!(
        page.contains("id=\"layer-analytics\""),
        "the page has an anchor for each term"
    );
}
