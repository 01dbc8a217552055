//! Validation on the command line and over HTTP, and what the bundled library itself is worth.
use crate::official::{background, official, specification, turtle};
use crate::support::{directory, start};
use ldt_catalogue::record::shacl::{Candidate, Finding, Profile, Severity, door, validate};
use oxigraph::io::{RdfFormat, RdfParser};
use oxigraph::model::Triple;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs `validate` and gives its exit status, standard output and standard error.
fn run(arguments: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_ldt-catalogue"))
        .arg("validate")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut pipe = process.stdin.take().expect("piped");
    // Wrong usage ends the program before it reads.
    let _ = pipe.write_all(input);
    drop(pipe);
    let done = process.wait_with_output().expect("ends");
    (
        done.status.code().expect("a status"),
        String::from_utf8_lossy(&done.stdout).into_owned(),
        String::from_utf8_lossy(&done.stderr).into_owned(),
    )
}

const PREFIXES: &str = "@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix ldt: <https://w3id.org/ldt-catalogue/ns#> .
";

const GOOD: &str = "<https://a.example/x> a dcat:Dataset ;
    dct:title \"Context broker\"@en ;
    dct:description \"Keeps the current state of the things in a city and tells others.\"@en ;
    ldt:layer ldt:layer-data-management ;
    ldt:mim ldt:mim-1 ;
    dcat:landingPage <https://a.example/> .
<https://a.example/> a foaf:Document .
";

fn good() -> String {
    format!("{PREFIXES}{GOOD}")
}

/// The good entry without its title, which stands on line 6.
fn untitled() -> String {
    good().replace("    dct:title \"Context broker\"@en ;\n", "")
}

fn graph(text: &str) -> Vec<Triple> {
    RdfParser::from_format(RdfFormat::Turtle)
        .for_slice(text)
        .map(|q| q.expect("the test is Turtle").into())
        .collect()
}

#[test]
fn the_exit_status_says_whether_the_input_conforms() {
    let arguments = ["-", "--input-format", "ttl", "--profile", "base,ldt"];
    let (status, out, _) = run(&arguments, good().as_bytes());
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("conforms: 0 violations, 0 warnings"), "{out}");
    let (status, out, _) = run(&arguments, untitled().as_bytes());
    assert_eq!(status, 1, "{out}");
    assert!(
        out.contains("     5  violation") && out.contains("A dataset has at least one title"),
        "{out}"
    );
    let warned = good().replace("ldt:mim ldt:mim-1 ;", "");
    let (status, out, _) = run(&arguments, warned.as_bytes());
    assert!(status == 0 && out.contains("1 warnings"), "{out}");
}

#[test]
fn wrong_usage_is_told_apart_from_a_bad_input() {
    let (status, _, error) = run(&["-", "--input-format", "ttl", "--profile", "dcat"], b"");
    assert_eq!(status, 2);
    for name in ["dcat", "base", "range", "recommended", "codelists", "ldt"] {
        assert!(error.contains(name), "{error}");
    }
    let (status, _, error) = run(&["-"], b"");
    assert!(status == 2 && error.contains("--input-format"), "{error}");
    let (status, _, error) = run(&["-", "--input-format", "docx"], b"");
    assert!(status == 2 && error.contains("jsonld"), "{error}");
    let broken = format!("{PREFIXES}<https://a.example/x> a dcat:Dataset ;;; oops");
    let (status, _, error) = run(&["-", "--input-format", "ttl"], broken.as_bytes());
    assert!(status == 2 && error.contains("line 5"), "{error}");
    let (status, _, error) = run(&["/nowhere/at-all.ttl"], b"");
    assert!(status == 2 && error.contains("at-all.ttl"), "{error}");
}

#[test]
fn validating_touches_no_data_directory() {
    let dir = directory("validate-nothing");
    let text = dir.to_string_lossy().into_owned();
    let arguments = ["-", "--input-format", "ttl", "--data-dir", &text];
    let (status, ..) = run(&arguments, good().as_bytes());
    assert_eq!(status, 0);
    assert!(!dir.exists(), "validate has made {text}");
}

#[test]
fn a_line_is_that_of_the_statement_or_of_its_node() {
    let faults = project("tests/data/faults.ttl");
    let text = std::fs::read_to_string(&faults).expect("reads");
    let (status, out, _) = run(
        &[
            &faults.to_string_lossy(),
            "--profile",
            "base",
            "--format",
            "json",
        ],
        b"",
    );
    assert_eq!(status, 1);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    let lines: Vec<&str> = text.lines().collect();
    let mut checked = 0;
    for f in report["results"].as_array().expect("results") {
        let line = f["line"].as_u64().expect("Turtle has lines") as usize;
        if let Some(value) = f["value"].as_str().filter(|v| !v.contains("://")) {
            assert!(lines[line - 1].contains(value), "{line}: {f}");
            checked += 1;
        }
    }
    assert!(checked > 8, "{checked} values are checked: {out}");
    // The same graph as N-Triples, where each statement has a line of its own.
    let triples: Vec<String> = graph(&text).iter().map(|t| format!("{t} .\n")).collect();
    let (_, out, _) = run(
        &[
            "-",
            "--input-format",
            "nt",
            "--profile",
            "base",
            "--format",
            "json",
        ],
        triples.concat().as_bytes(),
    );
    let report: Value = serde_json::from_str(&out).expect("JSON");
    for f in report["results"].as_array().expect("results") {
        let line = f["line"].as_u64().expect("N-Triples has lines") as usize;
        let statement = &triples[line - 1];
        assert!(
            statement.contains(f["focusNode"].as_str().expect("a node")),
            "{f}"
        );
        if let Some(value) = f["value"].as_str() {
            assert!(statement.contains(value), "{statement}: {f}");
        }
    }
}

#[test]
fn lines_are_right_however_the_turtle_is_laid_out() {
    let text = "PREFIX dcat: <http://www.w3.org/ns/dcat#>
PREFIX dct: <http://purl.org/dc/terms/>
<https://a.example/x> a dcat:Dataset
    ; dct:title <https://a.example/title>
    ; dct:description \"\"\"Two
lines\"\"\"
    ; dct:publisher \"Somebody\"
    ; dct:issued
        \"yesterday\"
    ; dct:modified \"today\" , \"tomorrow\" .
<https://a.example/y>
    a
        dcat:Dataset .
";
    let report: Value = {
        let arguments = [
            "-",
            "--input-format",
            "ttl",
            "--profile",
            "base",
            "--format",
            "json",
        ];
        let (_, out, error) = run(&arguments, text.as_bytes());
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {error}"))
    };
    let line = |node: &str, property: &str, value: Option<&str>| {
        let found = report["results"]
            .as_array()
            .expect("results")
            .iter()
            .find(|f| {
                f["focusNode"].as_str().is_some_and(|n| n.ends_with(node))
                    && f["path"].as_str().is_some_and(|p| p.ends_with(property))
                    && f["value"].as_str() == value
            });
        found.unwrap_or_else(|| panic!("{node} {property}: {report}"))["line"].as_u64()
    };
    assert_eq!(
        line("/x", "title", Some("https://a.example/title")),
        Some(4)
    );
    assert_eq!(line("/x", "publisher", Some("Somebody")), Some(7));
    assert_eq!(line("/x", "issued", Some("yesterday")), Some(9));
    assert_eq!(line("/x", "modified", Some("tomorrow")), Some(10));
    assert_eq!(line("/x", "modified", None), Some(10), "too many of them");
    assert_eq!(line("/y", "title", None), Some(13), "the first statement");
}

#[test]
fn a_sheet_is_validated_by_its_rows() {
    let sheet = std::fs::read_to_string(project("data/resources.csv")).expect("reads");
    let header = sheet.lines().next().expect("a header");
    let row = "x1,Short,A long name,Somebody,1.0,Tool/Implementation,Nowhere,,,MIM1,Too short.,,,,,,,,,,,Y";
    let (status, out, _) = run(
        &[
            "-",
            "--input-format",
            "csv",
            "--profile",
            "ldt",
            "--format",
            "json",
        ],
        format!("{header}\n{row}\n").as_bytes(),
    );
    assert_eq!(status, 1, "{out}");
    let report: Value = serde_json::from_str(&out).expect("JSON");
    let results = report["results"].as_array().expect("results");
    assert!(results.iter().all(|f| f["line"] == 2), "{out}");
    for words in ["exactly one layer", "at least 50 characters"] {
        assert!(
            results
                .iter()
                .any(|f| f["message"].as_str().expect("text").contains(words)),
            "{words}: {out}"
        );
    }
}

#[test]
fn the_four_forms_of_a_report_say_the_same() {
    let server = start(&directory("validate-http"));
    let ask = |accept: &str| {
        let answer = server.post(
            "/validate?profile=base,ldt",
            accept,
            "text/turtle; charset=utf-8",
            untitled().as_bytes(),
        );
        let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
        assert!(head.contains(" 200 OK"), "{accept}: {answer}");
        (head.to_ascii_lowercase(), body.to_owned())
    };
    let message = "A dataset has at least one title";

    let (head, body) = ask("application/json");
    assert!(head.contains("application/json"), "{head}");
    let report: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(report["conforms"], false);
    assert_eq!(report["violations"], 1);
    let found = &report["results"][0];
    assert_eq!(found["severity"], "violation");
    assert_eq!(found["focusNode"], "https://a.example/x");
    assert_eq!(found["path"], "http://purl.org/dc/terms/title");
    assert_eq!(found["value"], Value::Null);
    assert_eq!(found["profile"], "base");
    assert_eq!(found["line"], 5);
    assert!(found["message"].as_str().expect("text").contains(message));

    let (head, turtle) = ask("text/turtle, text/html;q=0.5");
    assert!(head.contains("text/turtle"), "{head}");
    let triples = graph(&turtle);
    assert_eq!(turtle, ask("text/turtle").1, "the same report twice");
    let says = |p: &str, o: &str| {
        triples
            .iter()
            .any(|t| t.predicate.as_str().ends_with(p) && t.object.to_string().contains(o))
    };
    assert!(says("shacl#focusNode", "<https://a.example/x>"), "{turtle}");
    assert!(says("shacl#resultPath", "terms/title"), "{turtle}");
    assert!(says("shacl#resultSeverity", "shacl#Violation"), "{turtle}");
    assert!(says("shacl#resultMessage", message), "{turtle}");
    assert!(says("shacl#conforms", "false"), "{turtle}");
    assert!(!triples.iter().any(|t| t.subject.is_blank_node()));

    let (head, body) = ask("application/ld+json");
    assert!(head.contains("application/ld+json"), "{head}");
    let format = RdfFormat::from_media_type("application/ld+json").expect("known");
    let mut again: Vec<String> = RdfParser::from_format(format)
        .for_slice(&body)
        .map(|q| Triple::from(q.expect("JSON-LD")).to_string())
        .collect();
    let mut wanted: Vec<String> = triples.iter().map(ToString::to_string).collect();
    again.sort();
    wanted.sort();
    assert_eq!(again, wanted, "JSON-LD and Turtle are the same graph");

    for accept in ["text/html", "*/*"] {
        let (head, body) = ask(accept);
        assert!(head.contains("text/html"), "{head}");
        assert!(body.contains("does not conform"), "{body}");
        assert!(body.contains("https://a.example/x") && body.contains(message));
    }
}

#[test]
fn the_form_takes_text_or_a_file() {
    let server = start(&directory("validate-form"));
    let page = server.get("/validate", "text/html");
    assert!(page.contains("<form") && page.contains("multipart/form-data"));
    let field = |name: &str, value: &str| {
        format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let media = "multipart/form-data; boundary=cut";
    let text = untitled().replace("Keeps", "<script>Keeps");
    let body =
        field("text", &text) + &field("input", "ttl") + &field("profile", "ldt") + "--cut--\r\n";
    let answer = server.post("/validate", "text/html", media, body.as_bytes());
    assert!(answer.contains("The input conforms"), "{answer}");
    assert!(!answer.contains("<script>Keeps"), "text is escaped");
    assert!(answer.contains("value=\"ldt\" selected"), "{answer}");
    let file = format!(
        "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.nt\"\r\nContent-Type: text/plain\r\n\r\n{}\r\n",
        "<https://a.example/x> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://www.w3.org/ns/dcat#Dataset> ."
    );
    let body = field("profile", "base") + &file + "--cut--\r\n";
    let answer = server.post("/validate", "text/html", media, body.as_bytes());
    assert!(answer.contains("does not conform"), "{answer}");
    let empty = field("text", " ") + "--cut--\r\n";
    let answer = server.post("/validate", "text/html", media, empty.as_bytes());
    assert!(answer.contains(" 400 "), "{answer}");
}

#[test]
fn what_cannot_be_validated_is_refused_with_the_reason() {
    let server = start(&directory("validate-refused"));
    let post =
        |path: &str, accept: &str, media: &str, body: &[u8]| server.post(path, accept, media, body);
    let answer = post("/validate", "*/*", "application/pdf", b"%PDF");
    assert!(
        answer.contains(" 415 ") && answer.contains("text/turtle"),
        "{answer}"
    );
    assert!(answer.contains("application/problem+json"), "{answer}");
    let broken = format!("{PREFIXES}<https://a.example/x> a dcat:Dataset ;;; oops");
    let answer = post("/validate", "*/*", "text/turtle", broken.as_bytes());
    assert!(
        answer.contains(" 400 ") && answer.contains("line 5"),
        "{answer}"
    );
    let answer = post("/validate?profile=none", "*/*", "text/turtle", b"");
    assert!(
        answer.contains(" 400 ") && answer.contains("codelists"),
        "{answer}"
    );
    let answer = post("/validate", "image/png", "text/turtle", b"");
    assert!(answer.contains(" 406 "), "{answer}");
    let large = vec![b' '; (8 << 20) + 1];
    let answer = post("/validate", "*/*", "text/turtle", &large);
    assert!(answer.contains(" 413 "), "{answer:.300}");
    let many: String = (0..20_001)
        .map(|n| format!("<https://a.example/{n}> a <http://www.w3.org/ns/dcat#Dataset> .\n"))
        .collect();
    let answer = post("/validate", "*/*", "text/turtle", many.as_bytes());
    assert!(
        answer.contains(" 413 ") && answer.contains("20001 classes"),
        "{answer:.300}"
    );
    let about = "<https://a.example/x> <https://a.example/p> <<( <https://a.example/x> <https://a.example/p> 1 )>> .";
    let answer = post("/validate", "*/*", "text/turtle", about.as_bytes());
    assert!(
        answer.contains(" 400 ") && answer.contains("RDF 1.2"),
        "{answer}"
    );
}

#[test]
fn each_rule_of_the_librarys_profile_fires_on_its_fault_alone() {
    let clean = validate(&graph(&good()), &[Profile::Ldt], None).expect("runs");
    assert!(clean.results.is_empty(), "{}", clean.text());
    for (from, to, severity, words) in [
        (
            "ldt:layer-data-management",
            "ldt:layer-cloud",
            Severity::Violation,
            "one of the seven",
        ),
        (
            "    ldt:layer ldt:layer-data-management ;\n",
            "",
            Severity::Violation,
            "exactly one layer",
        ),
        (
            "ldt:layer-data-management",
            "ldt:layer-data-management , ldt:layer-analytics",
            Severity::Violation,
            "exactly one layer",
        ),
        (
            "ldt:mim-1",
            "ldt:mim-99",
            Severity::Violation,
            "MIM0 to MIM8",
        ),
        (
            "Keeps the current state of the things in a city and tells others.",
            "A context broker.",
            Severity::Violation,
            "at least 50 characters",
        ),
        (
            "    dcat:landingPage <https://a.example/> .\n",
            "    .\n",
            Severity::Warning,
            "lead somewhere",
        ),
        (
            "    ldt:mim ldt:mim-1 ;\n",
            "",
            Severity::Warning,
            "name the MIMs",
        ),
    ] {
        let text = good().replace(from, to);
        assert_ne!(text, good(), "{from:?} stands in the good entry");
        let report = validate(&graph(&text), &[Profile::Ldt], None).expect("runs");
        let [
            Finding {
                severity: found,
                message,
                ..
            },
        ] = report.results.as_slice()
        else {
            panic!("{to:?}: one finding is wanted: {}", report.text());
        };
        assert!(*found == severity && message.contains(words), "{message}");
    }
}

#[test]
fn high_value_rules_are_for_entries_that_claim_it() {
    let plain = validate(&graph(&good()), &[Profile::Hvd], None).expect("runs");
    assert!(plain.results.is_empty(), "{}", plain.text());
    let claims = good().replace(
        "    ldt:mim",
        "    <http://data.europa.eu/r5r/hvdCategory> \"Mobility\" ;\n    ldt:mim",
    );
    let report = validate(&graph(&claims), &[Profile::Hvd], None).expect("runs");
    let said = report.text();
    for words in ["by its IRI", "2023/138", "at least one distribution"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let right = claims
        .replace("\"Mobility\"", "<http://data.europa.eu/bna/c_b79e35eb>")
        .replace(
            "    ldt:mim",
            "    <http://data.europa.eu/r5r/applicableLegislation> <http://data.europa.eu/eli/reg_impl/2023/138/oj> ;\n    dcat:distribution <https://a.example/file> ;\n    ldt:mim",
        )
        + "<https://a.example/file> <http://data.europa.eu/r5r/applicableLegislation> <http://data.europa.eu/eli/reg_impl/2023/138/oj> .";
    let report = validate(&graph(&right), &[Profile::Hvd], None).expect("runs");
    assert!(report.results.is_empty(), "{}", report.text());
}

#[test]
fn the_door_tells_the_records_of_a_batch_apart() {
    let (own, bad) = (graph(&good()), graph(&untitled().replace("/x>", "/y>")));
    let foreign = graph(&format!(
        "{PREFIXES}<https://b.example/z> a dcat:Dataset ; dct:title \"Z\" ; dct:description \"Z\" ; dct:conformsTo <https://a.example/x> ."
    ));
    let candidates = [
        Candidate {
            graph: &own,
            own: true,
        },
        Candidate {
            graph: &bad,
            own: true,
        },
        Candidate {
            graph: &foreign,
            own: false,
        },
    ];
    let reports = door(&candidates, &[]).expect("runs");
    assert!(reports[0].results.is_empty(), "{}", reports[0].text());
    assert_eq!(
        reports[1].count(Severity::Violation),
        1,
        "{}",
        reports[1].text()
    );
    assert!(reports[1].text().contains("title"));
    // Foreign records are not measured by the library's own profile, only by DCAT-AP.
    let said = reports[2].text();
    assert!(
        said.contains("[range]") && !said.contains("[ldt]"),
        "{said}"
    );
    let known = graph("<https://a.example/x> a <http://purl.org/dc/terms/Standard> .");
    let reports = door(&candidates, &known).expect("runs");
    assert!(reports[2].conforms(), "{}", reports[2].text());
}

/// Entries of the sheet that say too little of themselves: they cannot conform until they do.
fn without_description() -> usize {
    let mut rows = csv::Reader::from_path(project("data/resources.csv")).expect("reads");
    let headers = rows.headers().expect("a header").clone();
    let column = headers
        .iter()
        .position(|h| h == "Description")
        .expect("has");
    rows.records()
        .filter(|r| r.as_ref().expect("a row")[column].chars().count() < 50)
        .count()
}

#[test]
fn the_bundled_library_breaks_no_rule_of_ours_nor_of_the_official_shapes() {
    let server = start(&directory("validate-bundled"));
    let dump = server.body("/catalog/dump.nt");
    let graph: Vec<Triple> = RdfParser::from_format(RdfFormat::NTriples)
        .for_slice(&dump)
        .map(|q| q.expect("N-Triples").into())
        .collect();
    assert!(graph.len() > 4_000, "the library is served");
    let silent = without_description();
    let violations = |report: ldt_catalogue::record::shacl::Report| -> Vec<String> {
        let (about, other): (Vec<_>, Vec<_>) = report
            .results
            .into_iter()
            .filter(|f| f.severity == Severity::Violation)
            .partition(|f| f.path_short() == "dct:description");
        assert!(about.len() <= silent, "{} descriptions", about.len());
        other
            .iter()
            .map(|f| format!("{} {} {}", f.focus_text(), f.path_short(), f.message))
            .collect()
    };
    for profile in Profile::ALL {
        let found = violations(validate(&graph, &[profile], None).expect("runs"));
        assert!(found.is_empty(), "{}: {}", profile.name(), found.join("\n"));
    }
    let Some(spec) = specification("the bundled library under the official shapes") else {
        return;
    };
    let background = background(&spec);
    for file in [
        "shapes.ttl",
        "range.ttl",
        "shapes_recommended.ttl",
        "mdr-vocabularies.shape.ttl",
    ] {
        let shapes = official(&spec, file);
        let found = violations(shapes.run(&graph, background.iter(), None).expect("runs"));
        assert!(found.is_empty(), "{file}: {}", found.join("\n"));
    }
}

#[test]
fn an_example_of_the_specification_is_the_same_in_every_syntax() {
    let Some(spec) = specification("syntaxes") else {
        return;
    };
    let sample = turtle(&spec.join("dcat-ap/sample-invalid-3.ttl"));
    let count = |extension: &str, syntax: ldt_catalogue::mapping::syntax::Syntax| {
        let text = syntax.write(&sample).expect("writes");
        let (status, out, error) = run(
            &["-", "--input-format", extension, "--format", "json"],
            &text,
        );
        assert_eq!(status, 1, "{extension}: {error}");
        let report: Value = serde_json::from_str(&out).expect("JSON");
        (report["violations"].clone(), report["warnings"].clone())
    };
    use ldt_catalogue::mapping::syntax::Syntax;
    let turtle = count("ttl", Syntax::Turtle);
    assert_eq!(turtle.0, 3);
    assert_eq!(turtle, count("nt", Syntax::NTriples));
    assert_eq!(turtle, count("rdf", Syntax::RdfXml));
    assert_eq!(turtle, count("jsonld", Syntax::JsonLd));
    assert_eq!(turtle, count("trig", Syntax::TriG));
}
