//! Ten thousand inputs that mean harm, into every form and every parameter: none is an error of ours,
//! none is executed or comes back as markup, and nothing is lost.
use crate::moderate::Desk;
use std::sync::atomic::{AtomicUsize, Ordering};

const INPUTS: usize = 10_000;

/// Numbers that look random and are the same each time.
fn random(state: &mut u64) -> usize {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

/// Pieces from which inputs are made, as bytes: some are no UTF-8.
const PIECES: [&[u8]; 36] = [
    b"<script>alert(1)</script>",
    b"\"><img src=x onerror=alert(1)>",
    b"'-alert(1)-'",
    b"</textarea><svg onload=alert(1)>",
    b"</title></script><iframe src=//evil.example>",
    b"javascript:alert(1)",
    b"data:text/html,<script>alert(1)</script>",
    b"{{7*7}}${7*7}<%= 7*7 %>#{7*7}",
    b"'; DROP TABLE record; --",
    b"' OR '1'='1",
    b"\" UNION SELECT hash FROM token --",
    b"1); DELETE FROM change WHERE (1=1",
    b"} ; DROP ALL ; SELECT * WHERE {",
    b"DELETE WHERE { ?s ?p ?o }",
    b"SERVICE <http://127.0.0.1:9/> { ?s ?p ?o }",
    b"../../../../etc/passwd",
    b"..%2f..%2fledger.db",
    b"%00",
    b"\x00",
    b"\xff\xfe",
    b"\xc0\xae\xc0\xae/",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x92\xa9\xf0\x9f",
    "\u{202e}txet desrever\u{202c}".as_bytes(),
    "\u{200b}\u{feff}\u{2066}".as_bytes(),
    "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}".as_bytes(),
    "ﷺ🏳️‍🌈".as_bytes(),
    b"\r\nSet-Cookie: session=evil",
    b"\n\nHTTP/1.1 200 OK",
    b"-1",
    b"99999999999999999999999999",
    b"NaN",
    b"1e999",
    b"0x7fffffff",
    b"&amp;&lt;&#60;",
    b"\\\"\\u0000\\",
];

/// Addresses with the parameters that they take; `{}` is a part of the path.
const ASKED: [(&str, &[&str]); 22] = [
    (
        "/",
        &[
            "q",
            "layer",
            "mim",
            "kind",
            "scope",
            "origin",
            "licence",
            "maintainer",
            "country",
            "sort",
            "view",
            "page",
            "limit",
            "from",
            "to",
            "bbox",
            "open",
            "lang",
        ],
    ),
    (
        "/search.json",
        &["q", "layer", "domain", "page", "limit", "bbox", "sort"],
    ),
    ("/search.atom", &["q", "kind", "from"]),
    ("/search.csv", &["q", "to"]),
    ("/search.rq", &["q", "layer", "maintainer", "bbox"]),
    ("/search.ttl", &["q", "page"]),
    ("/suggest", &["entry", "lang"]),
    (
        "/suggest/duplicates",
        &["short", "long", "A-link", "entry", "description"],
    ),
    ("/suggest/status/{}", &[]),
    ("/sign-in", &["to", "token"]),
    ("/catalog", &["page", "modified_since", "after"]),
    ("/catalog.{}", &["page"]),
    ("/catalog/{}", &[]),
    ("/resource/{}", &["lang"]),
    ("/resource/orion-ld/versions/{}", &[]),
    ("/agent/{}", &[]),
    ("/layer/{}", &[]),
    ("/mim/{}", &[]),
    ("/about/{}", &[]),
    ("/twins", &["bbox", "view", "lang"]),
    (
        "/sparql",
        &["query", "format", "default-graph-uri", "update"],
    ),
    ("/assets/{}", &[]),
];

/// Forms with the fields that they take, for whoever has signed in.
const SENT: [(&str, &[&str]); 5] = [
    (
        "/suggest",
        &[
            "sign",
            "entry",
            "short",
            "long",
            "description",
            "kind",
            "layer",
            "mim",
            "scope",
            "licence",
            "country",
            "A-label",
            "A-link",
            "contact",
            "note",
            "preview",
            "homepage",
        ],
    ),
    ("/sign-in", &["token", "to"]),
    (
        "/admin",
        &["suggestion", "change", "record", "decision", "reason"],
    ),
    (
        "/admin/resource/orion-ld",
        &[
            "action",
            "base",
            "short",
            "description",
            "reason",
            "number",
            "preview",
        ],
    ),
    ("/sparql", &["query", "format"]),
];

fn made(state: &mut u64) -> Vec<u8> {
    let mut input = Vec::new();
    for _ in 0..1 + random(state) % 3 {
        input.extend(PIECES[random(state) % PIECES.len()]);
    }
    match random(state) % 200 {
        // A whole megabyte, and one that is just too long for most fields.
        0 => input.repeat((1 << 20) / input.len().max(1)),
        1 => input.repeat(5_000 / input.len().max(1)),
        _ => input,
    }
}

fn encoded(bytes: &[u8]) -> String {
    percent_encoding::percent_encode(bytes, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// What must not be in a page: markup that came in as text.
fn harm(page: &str) -> Option<&'static str> {
    [
        "<script>alert",
        "<img src=x",
        "<svg onload",
        "<iframe",
        "href=\"javascript:",
        "href=\"data:",
        "src=\"data:text",
    ]
    .into_iter()
    .find(|mark| page.contains(mark))
}

#[test]
fn ten_thousand_inputs_do_no_harm() {
    let desk = Desk::open("hostile");
    let before = desk.server.get("/search.json?limit=1", "*/*");
    let total = |text: &str| text.split("\"total\":").nth(1).map(|t| t[..3].to_owned());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= INPUTS {
                        break;
                    }
                    let mut state = number as u64 + 1;
                    random(&mut state);
                    let sends = number.is_multiple_of(3);
                    let (address, fields) = if sends {
                        SENT[random(&mut state) % SENT.len()]
                    } else {
                        ASKED[random(&mut state) % ASKED.len()]
                    };
                    let mut pairs: Vec<String> = Vec::new();
                    for _ in 0..1 + random(&mut state) % 3 {
                        let Some(field) = fields.get(random(&mut state) % fields.len().max(1))
                        else {
                            break;
                        };
                        pairs.push(format!("{field}={}", encoded(&made(&mut state))));
                    }
                    let part = encoded(&made(&mut state));
                    let mut path = address.replace("{}", &part);
                    let mut headers = vec![("Accept", "text/html, */*;q=0.1")];
                    let signed = random(&mut state).is_multiple_of(2);
                    if signed {
                        headers.push(("Cookie", desk.cookie.as_str()));
                    }
                    let answer = if sends {
                        if signed {
                            pairs.push(format!("csrf={}", desk.csrf));
                        }
                        headers.push(("Content-Type", "application/x-www-form-urlencoded"));
                        desk.server
                            .ask("POST", &path, &headers, pairs.join("&").as_bytes())
                    } else {
                        path = format!("{path}?{}", pairs.join("&"));
                        // Longer heads than the server reads are cut off by it.
                        path.truncate(60_000);
                        desk.server.ask("GET", &path, &headers, b"")
                    };
                    let told: String = path.chars().take(300).collect();
                    // Too many queries at once are asked to come back.
                    let busy = answer.status == 503 && address == "/sparql";
                    assert!(
                        answer.status < 500 || busy,
                        "{number}: {} {told}",
                        answer.status
                    );
                    if answer.header("content-type").starts_with("text/html") {
                        let page = answer.text();
                        assert_eq!(harm(&page), None, "{number}: {told}\n{page}");
                    }
                    let cookie = answer.header("set-cookie");
                    assert!(!cookie.contains("evil"), "{number}: {cookie}");
                    let place = answer.header("location");
                    assert!(
                        place.is_empty() || place.starts_with('/') && !place.starts_with("//"),
                        "{number}: {place}"
                    );
                }
            });
        }
    });
    // All is there that was there, and nothing else.
    let after = desk.server.get("/search.json?limit=1", "*/*");
    assert_eq!(total(&before), total(&after));
    assert!(desk.get("/admin").status == 200);
    let dump = desk.server.ask("GET", "/catalog/dump.nt", &[], b"");
    assert!(dump.status == 200 && !dump.text().contains("alert(1)"));
}
