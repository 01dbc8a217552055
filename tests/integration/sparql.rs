//! `/sparql` over HTTP: the forms of the protocol, every format read back, refusals and limits.
use crate::support::{Server, directory, start, start_with};
use oxigraph::io::{JsonLdProfileSet, RdfFormat, RdfParser};
use oxigraph::model::dataset::{CanonicalizationAlgorithm, Dataset};
use oxigraph::sparql::results::{
    QueryResultsFormat, QueryResultsParser, ReaderQueryResultsParserOutput,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

const JSON: &str = "application/sparql-results+json";
const FORM: &str = "application/x-www-form-urlencoded";
const QUERY: &str = "application/sparql-query";
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// One service for all tests that do not need settings of their own. It ends with the last test
/// that holds it, so each holds it from its beginning.
fn server() -> Arc<Server> {
    static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut held = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    held.upgrade().unwrap_or_else(|| {
        let server = Arc::new(start(&directory("sparql")));
        *held = Arc::downgrade(&server);
        server
    })
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn get(query: &str, accept: &str) -> String {
    server().get(&format!("/sparql?query={}", encoded(query)), accept)
}

fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| panic!("a status: {answer:.300}"))
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("a body").1
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split_once("\r\n\r\n")?.0;
    head.lines().find_map(|l| {
        let (key, value) = l.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// A refusal with this status, as a problem document that says `why`.
fn refused(answer: &str, wanted: u16, why: &str) {
    assert_eq!(status(answer), wanted, "{answer:.500}");
    assert_eq!(
        header(answer, "content-type"),
        Some("application/problem+json")
    );
    assert!(body(answer).contains(why), "{why}: {answer:.800}");
}

/// Rows as text, sorted, whatever they were written in.
fn rows(text: &str, format: QueryResultsFormat) -> Vec<String> {
    let parser = QueryResultsParser::from_format(format);
    match parser.for_reader(text.as_bytes()).expect("a result") {
        ReaderQueryResultsParserOutput::Solutions(solutions) => {
            let mut rows: Vec<String> = solutions
                .map(|row| {
                    let row = row.expect("a row");
                    row.iter().map(|(v, t)| format!("{v}={t} ")).collect()
                })
                .collect();
            rows.sort();
            rows
        }
        ReaderQueryResultsParserOutput::Boolean(truth) => vec![truth.to_string()],
    }
}

fn graph(text: &str, format: RdfFormat) -> Dataset {
    let mut dataset: Dataset = RdfParser::from_format(format)
        .for_reader(text.as_bytes())
        .map(|quad| quad.expect("a statement"))
        .collect();
    dataset.canonicalize(CanonicalizationAlgorithm::Unstable);
    dataset
}

const GRAPHS: [(&str, RdfFormat); 4] = [
    ("text/turtle", RdfFormat::Turtle),
    ("application/n-triples", RdfFormat::NTriples),
    ("application/rdf+xml", RdfFormat::RdfXml),
    (
        "application/ld+json",
        RdfFormat::JsonLd {
            profile: JsonLdProfileSet::empty(),
        },
    ),
];

#[test]
fn each_form_of_the_protocol_gives_the_same_answer() {
    let _held = server();
    let query = "SELECT (COUNT(*) AS ?n) (\"ä + & %\" AS ?text) WHERE { ?s ?p ?o }";
    let form = format!("query={}&unknown=1", encoded(query));
    let plain = get(query, JSON);
    assert_eq!(status(&plain), 200, "{plain}");
    assert_eq!(rows(body(&plain), QueryResultsFormat::Json).len(), 1);
    assert!(body(&plain).contains("ä + & %"));
    for (path, media, sent) in [
        ("/sparql", FORM, form.as_str()),
        (
            "/sparql",
            "application/x-www-form-urlencoded; charset=UTF-8",
            &form,
        ),
        ("/sparql", QUERY, query),
        (
            "/sparql",
            "Application/SPARQL-Query;charset=\"utf-8\"",
            query,
        ),
        ("/sparql?unknown=1", QUERY, query),
    ] {
        let answer = server().post(path, JSON, media, sent.as_bytes());
        assert_eq!(status(&answer), 200, "{media}: {answer}");
        assert_eq!(body(&answer), body(&plain), "{media}");
    }
}

#[test]
fn what_is_no_query_is_refused_with_its_reason() {
    let _held = server();
    let post = |path: &str, media: &str, sent: &[u8]| server().post(path, "*/*", media, sent);
    let ask = encoded("ASK {}");
    let insert = "INSERT DATA { <http://a/> <http://a/> <http://a/> }";
    refused(&post("/sparql", FORM, b""), 400, "missing");
    refused(
        &server().get(&format!("/sparql?query={ask}&query={ask}"), "*/*"),
        400,
        "exactly one",
    );
    refused(
        &post(&format!("/sparql?query={ask}"), QUERY, b"ASK {}"),
        400,
        "exactly one",
    );
    refused(
        &server().get("/sparql?query=", "*/*"),
        400,
        "cannot be read",
    );
    refused(&get("SELECT", "*/*"), 400, "cannot be read");
    refused(&post("/sparql", "text/plain", b"ASK {}"), 415, "text/plain");
    refused(
        &post(
            "/sparql",
            "application/sparql-query; charset=latin1",
            b"ASK {}",
        ),
        415,
        "latin1",
    );
    refused(
        &post("/sparql", QUERY, b"ASK { <http://a/\xff> ?p ?o }"),
        400,
        "UTF-8",
    );
    refused(&server().get("/sparql?query=%FF", "*/*"), 400, "UTF-8");
    for answer in [
        post("/sparql", "application/sparql-update", insert.as_bytes()),
        post(
            "/sparql",
            FORM,
            format!("update={}", encoded(insert)).as_bytes(),
        ),
        post("/sparql", QUERY, insert.as_bytes()),
        get(insert, "*/*"),
        get("DROP ALL", "*/*"),
    ] {
        refused(&answer, 400, "updates are refused");
    }
    for query in [
        "SELECT * { SERVICE <http://a/> { ?s ?p ?o } }",
        "SELECT * { ?s ?p ?o OPTIONAL { SERVICE SILENT ?s { ?s ?p ?x } } }",
        "ASK { FILTER NOT EXISTS { { SELECT * { SERVICE SILENT <http://a/> {} } } } }",
    ] {
        refused(&get(query, "*/*"), 400, "SERVICE is refused");
    }
}

#[test]
fn rows_come_back_the_same_in_every_format() {
    let _held = server();
    let query = "SELECT ?s ?label ?size ?none WHERE {
        { ?s a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> ?label }
        UNION { VALUES (?label ?size) { (\"a,\\\"b\\\"\\n\\tc\"@en 1) (\"<&>\" 2.5) (UNDEF true) } } }";
    let json = rows(body(&get(query, JSON)), QueryResultsFormat::Json);
    assert!(json.len() > 100, "{}", json.len());
    for (media, format) in [
        ("application/json", QueryResultsFormat::Json),
        ("application/sparql-results+xml", QueryResultsFormat::Xml),
        ("text/tab-separated-values", QueryResultsFormat::Tsv),
    ] {
        let answer = get(query, media);
        assert!(
            header(&answer, "content-type").is_some_and(|m| m.starts_with(media)),
            "{media}"
        );
        assert_eq!(rows(body(&answer), format), json, "{media}");
    }
    // CSV has values without their types (SPARQL 1.1 CSV and TSV, section 3).
    let csv = get(query, "text/csv");
    let mut reader = csv::Reader::from_reader(body(&csv).as_bytes());
    assert_eq!(
        reader.headers().expect("a header"),
        vec!["s", "label", "size", "none"]
    );
    assert_eq!(reader.records().count(), json.len());
    assert!(body(&csv).contains("\"a,\"\"b\"\"\n\tc\""));

    for (media, format) in [
        (JSON, QueryResultsFormat::Json),
        ("application/sparql-results+xml", QueryResultsFormat::Xml),
    ] {
        assert_eq!(
            rows(body(&get("ASK { ?s ?p ?o }", media)), format),
            ["true"]
        );
        assert_eq!(
            rows(body(&get("ASK { ?s ?s ?s }", media)), format),
            ["false"]
        );
    }
}

#[test]
fn graphs_come_back_the_same_in_every_syntax() {
    let _held = server();
    for query in [
        // Blank nodes, shared and nested, and literals of every kind.
        "PREFIX : <http://a/> CONSTRUCT {
            ?x :knows _:a . _:a :name \"A\", \"Ä\\n\\\"<&>\"@de-AT , 1.50 ; :knows [ :of _:a ; :list ( 1 2 ) ] . ?y a :T
         } WHERE { VALUES (?x ?y) { (:x :y) (:z :y) } }",
        "DESCRIBE ?s WHERE { ?s a <http://www.w3.org/ns/dcat#Dataset> }",
        "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }",
        "CONSTRUCT WHERE { ?s ?s ?s }",
    ] {
        let turtle = graph(body(&get(query, "text/turtle")), RdfFormat::Turtle);
        for (media, format) in GRAPHS {
            let answer = get(query, media);
            assert!(
                header(&answer, "content-type").is_some_and(|m| m.starts_with(media)),
                "{media}: {answer:.300}"
            );
            assert!(graph(body(&answer), format) == turtle, "{media}: {query}");
            assert_eq!(body(&answer), body(&get(query, media)), "{media}: not the same again");
        }
    }
    let blank = get(
        "CONSTRUCT { _:a <http://a/p> _:b . _:b <http://a/p> _:a } {}",
        "text/turtle",
    );
    assert_eq!(graph(body(&blank), RdfFormat::Turtle).len(), 2);
}

#[test]
fn what_xml_cannot_hold_is_said_and_not_written() {
    let _held = server();
    let query = "SELECT (\"\\u0001\" AS ?x) {}";
    refused(&get(query, "application/sparql-results+xml"), 406, "XML");
    assert_eq!(status(&get(query, JSON)), 200);
    let query = "CONSTRUCT { <http://a/s> <http://a/p> \"\\u0001\" } {}";
    refused(&get(query, "application/rdf+xml"), 406, "XML");
    assert_eq!(status(&get(query, "application/n-triples")), 200);
    // A predicate that ends in no XML name.
    let query = "CONSTRUCT { <http://a/s> <http://a/1> 1 } {}";
    let answer = get(query, "application/rdf+xml");
    if status(&answer) == 200 {
        let read = graph(body(&answer), RdfFormat::RdfXml);
        assert!(read == graph(body(&get(query, "text/turtle")), RdfFormat::Turtle));
    } else {
        refused(&answer, 406, "");
    }
}

#[test]
fn the_format_follows_the_preference() {
    let _held = server();
    let select = "SELECT * { ?s ?p ?o } LIMIT 1";
    let construct = "CONSTRUCT { ?s ?p ?o } { ?s ?p ?o } LIMIT 1";
    for (query, accept, media) in [
        (select, "*/*", JSON),
        (select, "", JSON),
        (
            select,
            "text/csv;q=0.5, application/sparql-results+xml;q=0.9",
            "application/sparql-results+xml",
        ),
        (select, "application/*", JSON),
        (
            select,
            "text/*;q=0.3, text/csv;q=0.1",
            "text/tab-separated-values",
        ),
        (select, "text/turtle, */*;q=0.1", JSON),
        (select, BROWSER, "text/html"),
        (construct, "*/*", "text/turtle"),
        (
            construct,
            "application/rdf+xml;q=0.8, application/ld+json",
            "application/ld+json",
        ),
        (construct, "text/csv, */*;q=0.1", "text/turtle"),
        (construct, BROWSER, "text/html"),
        (
            "ASK {}",
            "text/csv;q=0.1, application/sparql-results+xml",
            "application/sparql-results+xml",
        ),
    ] {
        let answer = get(query, accept);
        assert_eq!(status(&answer), 200, "{accept}: {answer:.300}");
        let found = header(&answer, "content-type").unwrap_or_default();
        assert!(found.starts_with(media), "{accept}: {found}");
        assert!(header(&answer, "vary").is_some_and(|v| v.contains("accept")));
    }
    refused(&get(select, "text/turtle"), 406, "text/csv");
    refused(
        &get(construct, "text/csv, application/pdf"),
        406,
        "application/ld+json",
    );
    refused(&server().get("/sparql", "text/csv"), 406, "text/turtle");
    let path = |format| format!("/sparql?format={format}&query={}", encoded(select));
    for (name, media) in [
        ("csv", "text/csv"),
        ("xml", "application/sparql-results+xml"),
        ("html", "text/html"),
    ] {
        let answer = server().get(&path(name), JSON);
        assert!(
            header(&answer, "content-type").is_some_and(|m| m.starts_with(media)),
            "{name}"
        );
    }
    refused(&server().get(&path("docx"), "*/*"), 400, "docx");
    refused(&server().get(&path("ttl"), "*/*"), 406, "text/csv");
}

#[test]
fn people_get_a_page_with_their_query_and_its_result() {
    let _held = server();
    let query = "SELECT ?s ?t { ?s a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> ?t } LIMIT 3";
    let page = get(query, BROWSER);
    for part in [
        "3 rows",
        "<th scope=\"col\">t</th>",
        "LIMIT 3</textarea>",
        "format=csv",
        "<td><a href=\"http",
        "(en)",
    ] {
        assert!(body(&page).contains(part), "{part}: {page}");
    }
    let ask = get("ASK { ?s ?p \"</textarea><script>\" }", BROWSER);
    assert!(body(&ask).contains("<strong>false</strong>") && !body(&ask).contains("<script>"));
    let described = get(
        "DESCRIBE ?s { ?s a <http://www.w3.org/ns/dcat#Catalog> }",
        BROWSER,
    );
    assert!(body(&described).contains("format=jsonld") && body(&described).contains("<pre>"));
    let wrong = get("SELECT * { ?s ?p", BROWSER);
    assert_eq!(status(&wrong), 400);
    assert!(
        body(&wrong).contains("role=\"alert\"")
            && body(&wrong).contains("SELECT * { ?s ?p</textarea>")
    );
    let all = get("SELECT * { ?s ?p ?o }", BROWSER);
    assert_eq!(body(&all).matches("<tr><td>").count(), 1_000);
    assert!(body(&all).contains("The first 1000 are shown"));
}

#[test]
fn the_dataset_is_one_default_graph_and_any_other_is_refused() {
    let _held = server();
    let description = server().get("/sparql", "application/n-triples");
    let endpoint = body(&description)
        .lines()
        .find_map(|l| l.split_once(" <http://www.w3.org/ns/sparql-service-description#endpoint> "))
        .map(|(s, _)| s.trim_matches(['<', '>']).to_owned())
        .expect("an endpoint");
    let own = format!(
        "{}catalog",
        endpoint.strip_suffix("sparql").expect("an address")
    );
    let count = "(COUNT(*) AS ?n)";
    let all = get(&format!("SELECT {count} {{ ?s ?p ?o }}"), JSON);
    let asked = |query: &str, more: &str| {
        server().get(&format!("/sparql?query={}{more}", encoded(query)), JSON)
    };
    let plain = format!("SELECT {count} {{ ?s ?p ?o }}");
    let from = |graph: &str| format!("SELECT {count} FROM <{graph}> {{ ?s ?p ?o }}");
    for same in [
        asked(&plain, &format!("&default-graph-uri={}", encoded(&own))),
        asked(&from(&own), ""),
        // What the request names stands before what the query names.
        asked(
            &from("http://a/other"),
            &format!("&default-graph-uri={}", encoded(&own)),
        ),
    ] {
        assert_eq!(status(&same), 200, "{same}");
        assert_eq!(body(&same), body(&all));
    }
    refused(
        &asked(&plain, "&default-graph-uri=http%3A%2F%2Fa%2Fother"),
        400,
        "http://a/other",
    );
    refused(&asked(&from("http://a/other"), ""), 400, "http://a/other");
    refused(
        &asked(&from(&own), "&named-graph-uri=http%3A%2F%2Fa%2Fother"),
        400,
        "no named graph",
    );
    refused(
        &asked(&format!("SELECT * FROM NAMED <{own}> {{ ?s ?p ?o }}"), ""),
        400,
        "no named graph",
    );
    let named = asked(&format!("SELECT {count} {{ GRAPH ?g {{ ?s ?p ?o }} }}"), "");
    assert!(body(&named).contains("\"value\":\"0\""), "{named}");
}

#[test]
fn the_service_describes_itself_alike_in_every_syntax() {
    let _held = server();
    let turtle = server().get("/sparql", "*/*");
    let described = graph(body(&turtle), RdfFormat::Turtle);
    let lines: BTreeSet<String> = described.iter().map(|q| q.to_string()).collect();
    let holds = |part: &str| lines.iter().any(|l| l.contains(part));
    for part in [
        "#supportedLanguage> <http://www.w3.org/ns/sparql-service-description#SPARQL11Query>",
        "#resultFormat> <http://www.w3.org/ns/formats/SPARQL_Results_TSV>",
        "#resultFormat> <http://www.w3.org/ns/formats/JSON-LD>",
        "#extensionFunction> <http://www.opengis.net/def/function/geosparql/distance>",
        "#defaultEntailmentRegime> <http://www.w3.org/ns/entailment/Simple>",
    ] {
        assert!(holds(part), "{part}");
    }
    assert!(!holds("_:"), "a blank node is published");
    let count = get("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "text/csv");
    let count = body(&count).lines().nth(1).expect("a count").to_owned();
    assert!(holds(&format!("void#triples> \"{count}\"")), "{count}");
    for (media, format) in GRAPHS {
        let answer = server().get("/sparql", media);
        assert!(graph(body(&answer), format) == described, "{media}");
    }
}

#[test]
fn every_worked_query_runs_by_its_link() {
    let _held = server();
    let page = server().get("/sparql", BROWSER);
    for part in [
        "10 s",
        "256 MiB",
        "64 MiB",
        "64 KiB",
        "longitude first",
        "SERVICE",
        "normalises",
    ] {
        assert!(body(&page).contains(part), "{part}");
    }
    let links: Vec<&str> = body(&page)
        .split("href=\"")
        .filter_map(|p| p.split_once('"'))
        .map(|(link, _)| link)
        .filter(|link| link.contains("sparql?query="))
        .collect();
    assert!(links.len() >= 12, "{} worked queries", links.len());
    assert_eq!(body(&page).matches("<pre>").count(), links.len());
    for link in links {
        let answer = server().get(link, "application/sparql-results+json, text/turtle;q=0.9");
        assert_eq!(status(&answer), 200, "{link}: {answer:.500}");
        assert_eq!(status(&server().get(link, BROWSER)), 200, "{link}");
    }
}

#[test]
fn the_measured_queries_all_run() {
    let _held = server();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/queries");
    let mut seen = 0;
    for file in std::fs::read_dir(dir).expect("the folder is there") {
        let path = file.expect("an entry").path();
        let query = std::fs::read(&path).expect("reads");
        let answer = server().post("/sparql", "*/*", QUERY, &query);
        assert_eq!(status(&answer), 200, "{}: {answer:.500}", path.display());
        seen += 1;
    }
    assert!(seen >= 20, "{seen} queries");
}

#[test]
fn places_are_given_longitude_first() {
    let _held = server();
    let distance = |from: &str, to: &str| -> f64 {
        let query = format!(
            "PREFIX geo: <http://www.opengis.net/ont/geosparql#>
             PREFIX geof: <http://www.opengis.net/def/function/geosparql/>
             SELECT (geof:distance(\"{from}\"^^geo:wktLiteral, \"{to}\"^^geo:wktLiteral, <http://www.opengis.net/def/uom/OGC/1.0/metre>) AS ?d) {{}}"
        );
        let answer = get(&query, "text/csv");
        body(&answer)
            .lines()
            .nth(1)
            .expect("a value")
            .parse()
            .expect("metres")
    };
    // Brussels and Paris are 264 km apart; with latitude first they would be 313.
    let metres = distance("POINT(4.35 50.85)", "POINT(2.35 48.85)");
    assert!((262_000.0..267_000.0).contains(&metres), "{metres}");
    let query = "PREFIX geo: <http://www.opengis.net/ont/geosparql#>
        PREFIX geof: <http://www.opengis.net/def/function/geosparql/>
        ASK { FILTER(geof:sfWithin(\"POINT(4.35 50.85)\"^^geo:wktLiteral, \"POLYGON((2 49, 7 49, 7 52, 2 52, 2 49))\"^^geo:wktLiteral)) }";
    assert!(body(&get(query, JSON)).contains("true"));
}

#[test]
fn heads_and_preflights_are_answered() {
    let _held = server();
    let send = |request: &str| {
        let mut stream = TcpStream::connect(&server().address).expect("connects");
        stream.write_all(request.as_bytes()).expect("writes");
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).expect("reads");
        answer
    };
    let head = send(&format!(
        "HEAD /sparql?query={} HTTP/1.0\r\nHost: a\r\n\r\n",
        encoded("ASK {}")
    ));
    assert_eq!((status(&head), body(&head)), (200, ""));
    let preflight = send(
        "OPTIONS /sparql HTTP/1.0\r\nHost: a\r\nOrigin: http://b\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n",
    );
    assert_eq!(status(&preflight), 200, "{preflight}");
    assert_eq!(header(&preflight, "access-control-allow-origin"), Some("*"));
    assert!(
        header(&preflight, "access-control-allow-headers")
            .is_some_and(|h| h.contains("content-type"))
    );
    assert_eq!(
        status(&send("DELETE /sparql HTTP/1.0\r\nHost: a\r\n\r\n")),
        405
    );
}

/// Reads nothing, so only a guard can stop it.
const ENDLESS: &str = "SELECT (COUNT(*) AS ?n) { VALUES ?a { 1 2 3 4 5 6 7 8 9 0 } VALUES ?b { 1 2 3 4 5 6 7 8 9 0 } VALUES ?c { 1 2 3 4 5 6 7 8 9 0 } VALUES ?d { 1 2 3 4 5 6 7 8 9 0 } VALUES ?e { 1 2 3 4 5 6 7 8 9 0 } VALUES ?f { 1 2 3 4 5 6 7 8 9 0 } VALUES ?g { 1 2 3 4 5 6 7 8 9 0 } VALUES ?h { 1 2 3 4 5 6 7 8 9 0 } VALUES ?i { 1 2 3 4 5 6 7 8 9 0 } VALUES ?j { 1 2 3 4 5 6 7 8 9 0 } VALUES ?k { 1 2 3 4 5 6 7 8 9 0 } VALUES ?l { 1 2 3 4 5 6 7 8 9 0 } VALUES ?m { 1 2 3 4 5 6 7 8 9 0 } }";

#[test]
fn what_is_over_a_limit_is_refused_whole_and_the_service_goes_on() {
    let server = start_with(
        &directory("sparql-limits"),
        "[sparql]
time_seconds = 1
memory_megabytes = 32
result_megabytes = 1
query_kilobytes = 8
concurrent = 1
",
    );
    let ask = |query: &str| server.post("/sparql", "*/*", QUERY, query.as_bytes());
    let page = server.get("/sparql", BROWSER);
    for part in ["1 s", "32 MiB", "1 MiB", "8 KiB"] {
        assert!(body(&page).contains(part), "{part}");
    }
    for (query, code, why) in [
        (ENDLESS.to_owned(), 503, "longer than 1 s"),
        (
            "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }".into(),
            503,
            "stopped",
        ),
        (
            "SELECT ?a { ?a ?b ?c . ?d ?e ?f } ORDER BY ?c ?f".into(),
            503,
            "stopped",
        ),
        (
            "SELECT * { ?a (!<http://a/>)* ?c . ?c (!<http://a/>)* ?d }".into(),
            503,
            "",
        ),
        (
            "SELECT (COUNT(*) AS ?n) { ?a (!<http://a/>|^!<http://b/>)* ?c }".into(),
            503,
            "stopped",
        ),
        (
            "SELECT * { ?a ?b ?c . ?d a ?e }".into(),
            503,
            "longer than 1 MiB",
        ),
        (
            "CONSTRUCT { ?a <http://a/> ?d } { ?a ?b ?c . ?d ?e ?f }".into(),
            503,
            "",
        ),
        (
            "SELECT (STRLEN(GROUP_CONCAT(?c)) AS ?n) { ?a ?b ?c . ?d ?e ?f FILTER(isLiteral(?c)) }"
                .into(),
            503,
            "",
        ),
        (format!("ASK {{}} #{}", "x".repeat(9 << 10)), 413, "8192"),
        (
            format!("ASK {}{}", "{".repeat(3000), "}".repeat(3000)),
            413,
            "brackets",
        ),
    ]
    .map(|(query, code, why)| (query, code, why.to_owned()))
    {
        let answer = ask(&query);
        refused(&answer, code, &why);
        // The one place is free again, so this is not turned away.
        let after = ask("ASK { ?s ?p ?o }");
        assert!(body(&after).contains("true"), "{query:.60}: {after}");
    }
    let shown = server.get(&format!("/sparql?query={}", encoded(ENDLESS)), BROWSER);
    assert_eq!(status(&shown), 503);
    assert!(body(&shown).contains("longer than 1 s") && header(&shown, "retry-after").is_none());
}

#[test]
fn a_busy_service_asks_to_come_back_and_a_gone_client_frees_its_place() {
    let server = start_with(
        &directory("sparql-busy"),
        "[sparql]
time_seconds = 3600
concurrent = 1
",
    );
    let mut client = TcpStream::connect(&server.address).expect("connects");
    write!(
        client,
        "POST /sparql HTTP/1.1\r\nHost: a\r\nContent-Type: {QUERY}\r\nContent-Length: {}\r\n\r\n{ENDLESS}",
        ENDLESS.len()
    )
    .expect("writes");
    let ask = || server.post("/sparql", "*/*", QUERY, b"ASK {}");
    // Until the endless query has the place, this one is answered.
    let turned = loop {
        let answer = ask();
        if status(&answer) != 200 {
            break answer;
        }
    };
    refused(&turned, 503, "as many as may");
    assert!(header(&turned, "retry-after").is_some());
    drop(client);
    while status(&ask()) != 200 {}
}

#[test]
fn an_editor_can_complete_the_terms_of_the_graph() {
    let server = crate::support::library();
    let terms: serde_json::Value =
        serde_json::from_str(&server.body("/sparql/terms.json")).expect("JSON");
    let has = |list: &str, iri: &str| {
        terms[list]
            .as_array()
            .expect("a list")
            .iter()
            .any(|t| t == iri)
    };
    assert!(
        has("properties", "https://w3id.org/ldt-catalogue/ns#layer"),
        "{terms}"
    );
    assert!(has("properties", "http://www.w3.org/ns/dcat#accessURL"));
    assert!(has("classes", "http://www.w3.org/ns/dcat#Dataset"));
    assert_eq!(terms["prefixes"]["dct"], "http://purl.org/dc/terms/");
}
