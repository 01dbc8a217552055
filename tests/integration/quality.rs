//! How well entries are described: exact points, the same in every place that tells them.
use crate::import::{csv, row};
use crate::support::{PUBLIC, Server, directory, import, library, start};
use ldt_catalogue::record::canonical;
use ldt_catalogue::record::quality::{Answers, Dimension, Measured, Points, Rating};
use oxigraph::io::{RdfFormat, RdfParser};
use oxigraph::model::{Term, Triple};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const PREFIXES: &str = "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> . \
     @prefix eu: <http://publications.europa.eu/resource/authority/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> . ";

const ENTRY: &str = "https://a.example/x";

/// Two files, a sound one and one of which little is said.
const PARTLY: &str = "<https://a.example/x> a dcat:Dataset ; dct:title \"X\"@en ; dct:description \"What the trees of the city are.\"@en ;
    dcat:keyword \"trees\"@en , \"wood\"@en ; dcat:theme <http://publications.europa.eu/resource/authority/data-theme/ENVI> ;
    dct:publisher <https://a.example/maker> ; dct:accessRights <https://a.example/rights> ; dct:issued \"2024-01-31\"^^xsd:date ;
    dcat:distribution <https://a.example/x#pdf> , <https://a.example/x#csv> .
<https://a.example/x#pdf> a dcat:Distribution ; dcat:accessURL <https://a.example/pdf> ; dcat:downloadURL <https://a.example/x.pdf> ;
    dct:format <http://publications.europa.eu/resource/authority/file-type/PDF> ;
    dcat:mediaType <https://www.iana.org/assignments/media-types/application/pdf> ;
    dct:license <http://publications.europa.eu/resource/authority/licence/CC_BY_4_0> .
<https://a.example/x#csv> a dcat:Distribution ; dcat:accessURL <https://a.example/csv> ;
    dct:format <http://publications.europa.eu/resource/authority/file-type/CSV> ;
    dct:license <https://a.example/licence> ; dcat:byteSize \"12\"^^xsd:nonNegativeInteger .";

fn content(turtle: &str) -> String {
    let text = format!("{PREFIXES}{turtle}");
    let parser = RdfParser::from_format(RdfFormat::Turtle);
    let quads = parser.for_slice(&text);
    let graph: Vec<Triple> = quads.map(|q| q.expect("Turtle").into()).collect();
    canonical(&graph)
}

fn measured(turtle: &str, conforms: bool) -> Measured {
    Measured::of(ENTRY, &content(turtle), conforms)
}

fn dimensions(measured: &Measured) -> [(u32, u32); 5] {
    Dimension::ALL.map(|d| {
        let Points { got, of } = measured.points_of(d);
        (got, of)
    })
}

#[test]
fn a_description_gets_the_points_that_the_assessment_gives() {
    let bare = measured(
        "<https://a.example/x> a dcat:Dataset ; dct:title \"X\"@en .",
        true,
    );
    assert_eq!(
        dimensions(&bare),
        [(0, 100), (0, 20), (30, 110), (0, 75), (0, 20)]
    );
    assert_eq!(bare.points(), Points { got: 30, of: 325 });
    assert_eq!(bare.points().rating(), Some(Rating::Bad));

    let partly = measured(PARTLY, true);
    // Of two distributions: formats 20, media types 5, lists 5, open 10, machine-readable 10; and 30.
    let wanted = [(60, 100), (10, 20), (80, 110), (45, 75), (8, 20)];
    assert_eq!(dimensions(&partly), wanted);
    assert_eq!(partly.points(), Points { got: 203, of: 325 });
    assert_eq!(partly.points().rating(), Some(Rating::Good));
    let broken = measured(PARTLY, false);
    assert_eq!(broken.points(), Points { got: 173, of: 325 });
    assert_eq!(broken.points().rating(), Some(Rating::Sufficient));

    let whole = measured(
        "<https://a.example/x> a dcat:Dataset ; dcat:keyword \"a\" ; dcat:theme eu: ; dct:spatial eu: ; dct:temporal eu: ;
            dct:accessRights <http://publications.europa.eu/resource/authority/access-right/PUBLIC> ; dcat:contactPoint eu: ;
            dct:publisher eu: ; dct:issued \"2024\" ; dct:modified \"2024\" ; dcat:distribution <https://a.example/d> .
        <https://a.example/d> dcat:downloadURL <https://a.example/f> ; dct:rights eu: ; dcat:byteSize 1 ;
            dct:format <http://publications.europa.eu/resource/authority/file-type/JSON_LD> ;
            dcat:mediaType <https://www.iana.org/assignments/media-types/application/ld+json> ;
            dct:license <http://publications.europa.eu/resource/authority/licence/EUPL_1_2> .",
        true,
    );
    assert_eq!(whole.points(), Points { got: 325, of: 325 });
    assert_eq!(whole.points().rating(), Some(Rating::Excellent));

    let service = measured(
        "<https://a.example/x> a dcat:DataService ; dcat:keyword \"a\" .",
        true,
    );
    assert_eq!(service, Measured::default());
    assert_eq!(service.points().rating(), None);
}

#[test]
fn addresses_count_once_they_were_asked_and_not_before() {
    let answers = |answered, asked| Answers { answered, asked };
    let before = measured(PARTLY, true);
    let after = before.answered(answers(2, 3), answers(0, 0));
    // 33 of 50 for access; the downloads were not asked.
    assert_eq!(
        after.points(),
        Points {
            got: 203 + 33,
            of: 375
        }
    );
    assert_eq!(after.description(), before.points());
    let after = before.answered(answers(0, 2), answers(1, 1));
    assert_eq!(
        after.points(),
        Points {
            got: 203 + 30,
            of: 405
        }
    );
    let mut both = before;
    both.add(&measured("<https://a.example/x> a dcat:Dataset .", true));
    // One of two entries has a keyword; both files are of the first.
    assert_eq!(
        both.points_of(Dimension::Findability),
        Points { got: 30, of: 100 }
    );
    assert_eq!(
        both.points_of(Dimension::Contextuality),
        Points { got: 6, of: 20 }
    );
}

/// The triples of a document.
fn graph(server: &Server, path: &str, format: RdfFormat) -> BTreeSet<String> {
    let answer = server.ask("GET", path, &[], b"");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let parser = RdfParser::from_format(format);
    let quads = parser.for_slice(&answer.body);
    quads
        .map(|q| Triple::from(q.expect(path)).to_string())
        .collect()
}

/// The value of each measurement of a document, by the local name of its metric.
fn values(server: &Server, path: &str, about: &str) -> BTreeMap<String, String> {
    const DQV: &str = "http://www.w3.org/ns/dqv#";
    let answer = server.ask("GET", path, &[("Accept", "text/turtle")], b"");
    let parser = RdfParser::from_format(RdfFormat::Turtle);
    let quads = parser.for_slice(&answer.body);
    let all: Vec<Triple> = quads.map(|q| q.expect("Turtle").into()).collect();
    let object = |subject: &str, property: &str| {
        let is = |t: &&Triple| {
            t.subject.to_string() == subject && t.predicate.as_str() == format!("{DQV}{property}")
        };
        let found: Vec<&Term> = all.iter().filter(is).map(|t| &t.object).collect();
        assert_eq!(found.len(), 1, "{subject} {property}");
        found[0].clone()
    };
    let mut out = BTreeMap::new();
    for t in &all {
        if t.predicate.as_str() != format!("{DQV}hasQualityMeasurement") {
            continue;
        }
        assert_eq!(t.subject.to_string(), format!("<{about}>"));
        let node = t.object.to_string();
        assert_eq!(
            object(&node, "computedOn").to_string(),
            format!("<{about}>")
        );
        let Term::Literal(value) = object(&node, "value") else {
            panic!("{node} has no value");
        };
        let metric = object(&node, "isMeasurementOf").to_string();
        let metric = metric.trim_matches(['<', '>']);
        let local = metric.rsplit('#').next().expect("a name").to_owned();
        assert!(node.ends_with(&format!("#quality-{local}>")), "{node}");
        assert!(
            all.iter()
                .any(|t| t.subject.to_string() == format!("<{metric}>")),
            "{metric}"
        );
        let kind = if local.ends_with("coring") || local == "descriptionScore" {
            "integer"
        } else {
            "decimal"
        };
        assert!(value.datatype().as_str().ends_with(kind), "{value}");
        out.insert(local, value.value().to_owned());
    }
    out
}

#[test]
fn a_served_description_is_measured_as_it_is_published_in_every_syntax() {
    let dir = directory("quality-served");
    let server = start(&dir);
    let file = dir.with_extension("ttl");
    std::fs::write(&file, format!("{PREFIXES}{PARTLY}\n<https://a.example/maker> a <http://xmlns.com/foaf/0.1/Agent> ; <http://xmlns.com/foaf/0.1/name> \"<b>M</b>\" . <https://a.example/rights> a dct:RightsStatement . <https://a.example/licence> a dct:LicenseDocument .")).expect("writes");
    let (done, said) = import(&dir, &file, &[]);
    assert!(done && said.contains("1 added"), "{said}");
    let page = "/resource/x";
    // The catalogue adds two distributions of its own, complete but for rights and size, and the
    // date of the last change.
    let found = values(&server, &format!("{page}/quality"), ENTRY);
    let wanted = [
        ("keywordAvailability", "1.0"),
        ("spatialAvailability", "0.0"),
        ("downloadUrlAvailability", "0.75"),
        ("formatAvailability", "1.0"),
        ("mediaTypeAvailability", "0.75"),
        ("byteSizeAvailability", "0.25"),
        ("dcatApCompliance", "1.0"),
        ("findabilityScoring", "60"),
        ("accessibilityScoring", "15"),
        // 20 + 8 + 8 + 15 + 15 + 30, rounded each.
        ("interoperabilityScoring", "96"),
        // 20 + 8 + 10 + 0 + 0 + 10.
        ("reusabilityScoring", "48"),
        ("contextualityScoring", "11"),
        ("scoring", "230"),
        ("descriptionScore", "230"),
    ];
    for (metric, value) in wanted {
        assert_eq!(
            found.get(metric).map(String::as_str),
            Some(value),
            "{metric} in {found:?}"
        );
    }
    assert!(!found.contains_key("accessUrlStatusCode"), "{found:?}");
    let whole = library();
    for (server, path) in [
        (&server, format!("{page}/quality")),
        (&*whole, "/quality".into()),
    ] {
        let turtle = graph(server, &format!("{path}.ttl"), RdfFormat::Turtle);
        assert!(turtle.len() > 100, "{turtle:?}");
        for (extension, format) in [
            ("nt", RdfFormat::NTriples),
            ("rdf", RdfFormat::RdfXml),
            ("trig", RdfFormat::TriG),
            (
                "jsonld",
                RdfFormat::JsonLd {
                    profile: Default::default(),
                },
            ),
        ] {
            let other = graph(server, &format!("{path}.{extension}"), format);
            assert!(turtle == other, "{path}.{extension}");
        }
    }
    let entry = server.ask("GET", page, &[("Accept", "text/turtle")], b"");
    let link = format!("<{PUBLIC}{page}/quality>; rel=\"describedby\"");
    assert_eq!(entry.header("link"), link);
    // Measurements that come back with the record are known to be ours.
    let both = entry.text() + &server.body(&format!("{page}/quality.ttl"));
    std::fs::write(&file, both).expect("writes");
    let name = file.to_str().expect("UTF-8");
    let (done, said) = import(&dir, &file, &["--source-name", name]);
    assert!(
        done && said.contains("0 added, 0 changed, 1 unchanged"),
        "{said}"
    );
    assert_eq!(
        server
            .ask("GET", "/resource/nothing/quality", &[], b"")
            .status,
        404
    );
}

#[test]
fn a_score_is_the_same_in_search_and_graph_and_orders_entries() {
    let server = library();
    let mut listed = Vec::new();
    for page in 1..=3 {
        let path = format!("/search.json?sort=quality&limit=100&page={page}");
        let found: Value = serde_json::from_str(&server.body(&path)).expect("JSON");
        for entry in found["entries"].as_array().expect("a list") {
            let quality = &entry["quality"];
            let points = quality["points"].as_u64().expect("points");
            assert_eq!(quality["of"], 325);
            let title = entry["title"]["en"]
                .as_str()
                .expect("a title")
                .to_lowercase();
            let iri = entry["iri"].as_str().expect("an IRI").to_owned();
            listed.push((std::cmp::Reverse(points), title, iri));
        }
    }
    assert_eq!(listed.len(), 204);
    let mut sorted = listed.clone();
    sorted.sort();
    assert_eq!(listed, sorted);
    let spread: BTreeSet<_> = listed.iter().map(|l| l.0).collect();
    assert!(spread.len() > 5, "{spread:?}");
    let query = "PREFIX dqv: <http://www.w3.org/ns/dqv#> PREFIX ldt: <https://w3id.org/ldt-catalogue/ns#>
        SELECT ?entry ?points { ?entry dqv:hasQualityMeasurement ?m . ?m dqv:isMeasurementOf ldt:descriptionScore ; dqv:value ?points }";
    let answer = server.post(
        "/sparql",
        "text/csv",
        "application/sparql-query",
        query.as_bytes(),
    );
    let (_, rows) = answer.split_once("\r\n\r\n").expect("a body");
    let queried: BTreeSet<&str> = rows.lines().skip(1).collect();
    let listed: Vec<String> = listed
        .iter()
        .map(|(p, _, iri)| format!("{iri},{}", p.0))
        .collect();
    assert_eq!(queried, listed.iter().map(String::as_str).collect());
    let mut all = 0;
    for rating in ["excellent", "good", "sufficient", "bad"] {
        let path = format!("/search.json?quality={rating}&limit=100");
        let found: Value = serde_json::from_str(&server.body(&path)).expect("JSON");
        all += found["total"].as_u64().expect("a number");
        for entry in found["entries"].as_array().expect("a list") {
            assert_eq!(entry["quality"]["rating"], rating);
        }
        // The query that is offered gives the same.
        let query = server.body(&format!("/search.rq?quality={rating}"));
        let answer = server.post(
            "/sparql",
            "text/csv",
            "application/sparql-query",
            query.as_bytes(),
        );
        let rows = answer
            .split_once("\r\n\r\n")
            .expect("a body")
            .1
            .lines()
            .count()
            - 1;
        assert_eq!(found["total"], rows, "{rating}");
    }
    assert_eq!(all, 204);
    let wrong = server.ask("GET", "/search.json?quality=fine", &[], b"");
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.text().contains("excellent, good, sufficient, bad"),
        "{}",
        wrong.text()
    );
}

#[test]
fn the_catalogue_is_measured_by_the_shares_of_its_entries_and_files() {
    let server = library();
    let found = values(&server, "/quality", &format!("{PUBLIC}/catalog"));
    let count = |pattern: &str| -> f64 {
        let query = format!(
            "PREFIX dcat: <http://www.w3.org/ns/dcat#> PREFIX dct: <http://purl.org/dc/terms/> SELECT (COUNT(DISTINCT ?x) AS ?n) {{ {pattern} }}"
        );
        let answer = server.post(
            "/sparql",
            "text/csv",
            "application/sparql-query",
            query.as_bytes(),
        );
        let number = answer.trim().rsplit('\n').next().expect("a number");
        number.trim().parse().expect("a number")
    };
    let entries = count("?x a dcat:Dataset");
    let files = count("?e dcat:distribution ?x");
    for (metric, pattern, of) in [
        (
            "keywordAvailability",
            "?x a dcat:Dataset ; dcat:keyword ?v",
            entries,
        ),
        (
            "spatialAvailability",
            "?x a dcat:Dataset ; dct:spatial ?v",
            entries,
        ),
        (
            "publisherAvailability",
            "?x a dcat:Dataset ; dct:publisher ?v",
            entries,
        ),
        (
            "formatAvailability",
            "?e dcat:distribution ?x . ?x dct:format ?v",
            files,
        ),
        (
            "downloadUrlAvailability",
            "?e dcat:distribution ?x . ?x dcat:downloadURL ?v",
            files,
        ),
        (
            "licenceAvailability",
            "?e dcat:distribution ?x . ?x dct:license ?v",
            files,
        ),
    ] {
        let share: f64 = found[metric].parse().expect("a number");
        let wanted = count(pattern) / of;
        assert!(
            (share - wanted).abs() < 0.0001,
            "{metric}: {share} {wanted}"
        );
    }
    let number = |name: &str| -> u32 { found[name].parse().expect("a number") };
    let sum: u32 = Dimension::ALL
        .map(|d| number(&format!("{}Scoring", d.name())))
        .iter()
        .sum();
    assert_eq!(sum, number("scoring"));
}

#[test]
fn a_reader_is_told_why_and_what_to_do_about_it() {
    let dir = directory("quality-page");
    let server = start(&dir);
    let sheet = dir.with_extension("csv");
    let hostile = "<script>alert(1)</script>\" & more";
    let rows = [row(&[("Short name", "hostile"), ("Long name", hostile)])];
    std::fs::write(&sheet, csv(&rows)).expect("writes");
    let (done, said) = import(&dir, &sheet, &[]);
    assert!(done && said.contains("1 added"), "{said}");
    let page = |path: &str, tag: &str| {
        let headers = [("Accept", "text/html"), ("Accept-Language", tag)];
        let answer = server.ask("GET", path, &headers, b"");
        assert_eq!(answer.status, 200, "{path}");
        answer.text()
    };
    for path in ["/resource/hostile", "/resource/hostile/quality"] {
        let text = page(path, "en");
        assert!(
            text.contains("Say for which country, region or city it is."),
            "{path}"
        );
        assert!(
            text.contains("not checked") && text.contains("/ 325 points"),
            "{text}"
        );
        // What is there already needs no cure.
        assert!(!text.contains("Name who maintains it."), "{path}");
        assert!(!text.contains("<script>alert"), "{path}");
        assert!(page(path, "de").contains("nicht geprüft"), "{path}");
    }
    let answer = library().ask("GET", "/quality?lang=fr", &[("Accept", "text/html")], b"");
    let text = answer.text();
    assert!(
        text.contains("Qualité des descriptions") && text.contains("204 / 204"),
        "{text}"
    );
}
