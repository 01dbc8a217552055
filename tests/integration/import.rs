//! What comes in, sentence by sentence: sheets, JSON lists and RDF, from files, addresses and standard
//! input; who wins where two speak about one record; and what goes back out.
use crate::support::{PUBLIC, Server, directory, launch, run};
use ldt_catalogue::mapping::sheet::{self, HEADER, Licences};
use ldt_catalogue::mapping::{Parsed, rdf};
use ldt_catalogue::record::statement::{links, objects, text};
use ldt_catalogue::record::vocab::BASE;
use ldt_catalogue::record::{Draft, Outcome};
use oxigraph::io::{RdfFormat, RdfParser};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Long enough for the library's own rule.
pub const DESCRIPTION: &str =
    "Keeps the current state of the things in a city and tells those who asked for it.";

/// A row of the sheet: what is not given is empty, or a sound value where one is needed.
pub fn row(cells: &[(&str, &str)]) -> Vec<String> {
    HEADER
        .iter()
        .map(|column| {
            let given = cells.iter().find(|(name, _)| name == column);
            let sound = match *column {
                "Category" => "Standard",
                "Layer" => "Data management",
                "Description" => DESCRIPTION,
                "Maintainer" => "ETSI ISG CIM",
                "KH?" => "Y",
                _ => "",
            };
            given.map_or(sound, |(_, value)| value).to_owned()
        })
        .collect()
}

/// A sheet under the real header.
pub fn csv(rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER).expect("writes");
    for row in rows {
        writer.write_record(row).expect("writes");
    }
    String::from_utf8(writer.into_inner().expect("ends")).expect("UTF-8")
}

fn read(text: &str) -> Parsed {
    sheet::read(text.as_bytes(), &Licences::new()).expect("a sheet")
}

/// Line, entry, outcome and reason of each finding.
fn findings(parsed: &Parsed) -> Vec<(u64, String, Outcome, String)> {
    let all = parsed.findings.iter();
    all.map(|f| (f.line, f.entry.clone(), f.outcome, f.reason.clone()))
        .collect()
}

fn contents(parsed: &Parsed) -> BTreeMap<String, String> {
    let drafts = parsed.drafts.iter();
    drafts.map(|d| (d.key.clone(), d.content.clone())).collect()
}

/// What an import did, from its `--report`.
pub struct Done {
    pub ok: bool,
    pub text: String,
    pub report: Value,
}

impl Done {
    /// How many were added, changed, unchanged, queued, withdrawn and missing.
    pub fn counts(&self) -> [usize; 6] {
        let count = |key: &str| {
            let value = &self.report[key];
            value.as_array().map_or_else(
                || {
                    value
                        .as_u64()
                        .map_or(0, |n| usize::try_from(n).unwrap_or(0))
                },
                Vec::len,
            )
        };
        [
            "added",
            "changed",
            "unchanged",
            "queued",
            "withdrawn",
            "missing",
        ]
        .map(count)
    }

    /// The reasons of its findings.
    pub fn reasons(&self) -> String {
        let all = self.report["findings"].as_array().cloned();
        let all = all.unwrap_or_default();
        let lines: Vec<String> = all
            .iter()
            .map(|f| {
                format!(
                    "{} {} {} {}",
                    f["line"], f["outcome"], f["entry"], f["reason"]
                )
            })
            .collect();
        lines.join("\n")
    }
}

/// Imports files that are in `dir`'s sibling `…-in`, written there first, under the source `test`
/// unless `more` names another.
pub fn bring(dir: &Path, files: &[(&str, &str)], more: &[&str]) -> Done {
    let place = dir.with_extension("in");
    std::fs::create_dir_all(&place).expect("makes");
    let paths: Vec<String> = files
        .iter()
        .map(|(name, content)| {
            let path = place.join(name);
            std::fs::write(&path, content).expect("writes");
            path.to_string_lossy().into_owned()
        })
        .collect();
    let report = place.join("report.json");
    let _ = std::fs::remove_file(&report);
    let mut arguments = vec!["import"];
    arguments.extend(paths.iter().map(String::as_str));
    let file = report.to_string_lossy().into_owned();
    arguments.extend(["--report", &file]);
    if !more.contains(&"--source-name") {
        arguments.extend(["--source-name", "test"]);
    }
    arguments.extend(more);
    let (status, text) = run(dir, &arguments);
    let report = std::fs::read(&report).ok();
    Done {
        ok: status == 0,
        text,
        report: report.map_or(Value::Null, |b| serde_json::from_slice(&b).expect("JSON")),
    }
}

/// The whole catalogue as N-Triples lines.
pub fn dump(dir: &Path) -> BTreeSet<String> {
    let (status, text) = run(dir, &["export", "--format", "nt"]);
    assert_eq!(status, 0, "{text}");
    text.lines().map(str::to_owned).collect()
}

/// Whether a statement with this subject's path and the rest of the line is in a dump.
pub fn says(dump: &BTreeSet<String>, path: &str, rest: &str) -> bool {
    dump.contains(&format!("<{PUBLIC}/{path}> {rest} ."))
}

/// Serves `dir` without the bundled library.
pub fn serve(dir: &Path) -> Server {
    let server = launch(dir, &["--public-url", PUBLIC, "--no-seed"]);
    let began = Instant::now();
    while !server.get("/readyz", "*/*").contains(" 200 OK") {
        assert!(began.elapsed() < Duration::from_secs(60), "never ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}

#[test]
fn columns_are_found_by_their_names_in_any_order_behind_a_mark_and_with_windows_line_ends() {
    let rows = [
        row(&[
            ("Index", "7"),
            ("Short name", "NGSI-LD"),
            ("MIMs", "MIM1, MIM2"),
        ]),
        row(&[
            ("Index", "8"),
            ("Short name", "DCAT"),
            ("A Resource", "Website"),
            ("A Link", "https://a.example/"),
        ]),
    ];
    let plain = read(&csv(&rows));
    assert!(plain.findings.is_empty(), "{:?}", plain.findings);
    let order: Vec<usize> = (0..HEADER.len()).rev().collect();
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(vec![0xef, 0xbb, 0xbf]);
    writer
        .write_record(order.iter().map(|i| HEADER[*i]))
        .expect("writes");
    for row in &rows {
        writer
            .write_record(order.iter().map(|i| &row[*i]))
            .expect("writes");
    }
    let other = writer.into_inner().expect("ends");
    let other = sheet::read(&other, &Licences::new()).expect("a sheet");
    assert_eq!(contents(&plain), contents(&other));
    assert_eq!(other.drafts[1].line, Some(3));
}

#[test]
fn a_quoted_cell_holds_commas_quotes_and_line_breaks_and_lines_are_counted_through_it() {
    let wanted =
        "First line, with \"quotes\",\nand a second line that makes it long enough to keep.";
    let parsed = read(&csv(&[
        row(&[("Short name", "One"), ("Description", wanted)]),
        row(&[("Short name", "Two"), ("MIMs", "MIM10")]),
    ]));
    let draft = &parsed.drafts[0];
    let found = text(&draft.content, &draft.iri, "dct:description");
    assert_eq!(found.as_deref(), Some(wanted));
    assert_eq!(
        parsed.drafts[1].line,
        Some(4),
        "the first row takes two lines"
    );
    assert_eq!(findings(&parsed)[0].0, 4);
}

#[test]
fn only_rows_marked_with_exactly_y_are_taken_and_each_other_is_named_with_its_line() {
    let marks = ["Y", "y", " Y", "Y ", "N", "", "Yes"];
    let rows: Vec<_> = marks
        .iter()
        .enumerate()
        .map(|(n, mark)| row(&[("Short name", &format!("Entry {n}")), ("KH?", mark)]))
        .collect();
    let parsed = read(&csv(&rows));
    assert_eq!(parsed.drafts.len(), 1);
    let found = findings(&parsed);
    assert_eq!(found.len(), 6);
    for (n, (line, entry, outcome, reason)) in found.iter().enumerate() {
        assert_eq!((*line, *outcome), (n as u64 + 3, Outcome::Hidden));
        assert_eq!(entry, &format!("Entry {}", n + 1));
        assert!(reason.contains(&format!("{:?}", marks[n + 1])), "{reason}");
    }
}

#[test]
fn a_missing_index_is_counted_over_the_marked_rows_and_identity_rests_on_the_name() {
    let parsed = read(&csv(&[
        row(&[("Short name", "Hidden"), ("KH?", "N")]),
        row(&[("Short name", "")]),
        row(&[("Short name", "Second")]),
        row(&[("Short name", "SECOND")]),
    ]));
    let keys: Vec<&str> = parsed.drafts.iter().map(|d| d.key.as_str()).collect();
    assert_eq!(keys, ["name:second"]);
    let found = findings(&parsed);
    assert!(found[1].3.contains("no Short name"), "{found:?}");
    // The hidden row does not count, the one without a name does.
    assert!(
        found[2].3.starts_with("r003 ") && found[2].0 == 5,
        "{found:?}"
    );
}

#[test]
fn an_index_that_is_there_twice_keeps_its_first_row() {
    let parsed = read(&csv(&[
        row(&[("Index", "r1"), ("Short name", "One")]),
        row(&[("Index", "r1"), ("Short name", "Two")]),
        row(&[("Index", "r2"), ("Short name", "Three")]),
    ]));
    let slugs: Vec<&str> = parsed.drafts.iter().map(|d| d.slug.as_str()).collect();
    assert_eq!(slugs, ["one", "three"]);
    let found = findings(&parsed);
    assert_eq!((found[0].0, found[0].2), (3, Outcome::Skipped));
    assert!(found[0].3.contains("r1 is there twice"), "{found:?}");
}

#[test]
fn a_row_with_too_many_cells_is_skipped_and_stops_no_other() {
    let mut text = csv(&[row(&[("Short name", "One")])]);
    text.push_str(
        &csv(&[row(&[("Short name", "Two")])])
            .lines()
            .nth(1)
            .expect("a row")
            .replace("ETSI ISG CIM", "ETSI, ISG, CIM"),
    );
    text.push('\n');
    text.push_str(
        csv(&[row(&[("Short name", "Three")])])
            .lines()
            .nth(1)
            .expect("a row"),
    );
    let parsed = read(&text);
    assert_eq!(parsed.drafts.len(), 2);
    let found = findings(&parsed);
    // Two commas too many push the mark out of its column.
    assert_eq!(
        (found.len(), found[0].0, found[0].2),
        (1, 3, Outcome::Skipped),
        "{found:?}"
    );
    assert!(
        found[0].3.contains("24 cells under 22 headings"),
        "{found:?}"
    );
}

#[test]
fn every_value_that_is_dropped_is_reported_with_its_line_and_reason() {
    let parsed = read(&csv(&[row(&[
        ("Short name", "One"),
        ("Category", "Gadget"),
        ("Layer", "Cloud"),
        ("Scope", "Interoperability, Sports"),
        ("Origin", "LDT4SSC, Elsewhere"),
        ("MIMs", "MIM1, MIM10, mim1, MIM 1, MIM9, MIM2"),
        ("A Resource", "Website"),
        ("B Link", "https://b.example/"),
        ("C Resource", "Git"),
        ("C Link", "ftp://c.example/"),
        ("D Resource", "Website"),
        ("D Link", "https://d.example/a b"),
    ])]));
    let draft = &parsed.drafts[0];
    let mims: Vec<&str> = links(&draft.content, &draft.iri, "ldt:mim").collect();
    assert_eq!(mims.len(), 2, "MIM1 and MIM2 stay: {mims:?}");
    assert_eq!(links(&draft.content, &draft.iri, "ldt:scope").count(), 1);
    assert_eq!(links(&draft.content, &draft.iri, "ldt:origin").count(), 1);
    let found = findings(&parsed);
    for value in [
        "\"Gadget\"",
        "\"Cloud\"",
        "\"Sports\"",
        "\"Elsewhere\"",
        "\"MIM10\"",
        "\"mim1\"",
        "\"MIM 1\"",
        "\"MIM9\"",
        "link A",
        "link B",
        "ftp://c.example/",
        "https://d.example/a b",
    ] {
        let mine: Vec<_> = found.iter().filter(|f| f.3.contains(value)).collect();
        assert_eq!(mine.len(), 1, "{value}: {found:?}");
        assert_eq!(
            (mine[0].0, mine[0].1.as_str(), mine[0].2),
            (2, "One", Outcome::Dropped)
        );
    }
    assert_eq!(found.len(), 12, "{found:?}");
}

#[test]
fn a_column_that_the_sheet_does_not_have_is_reported_once_and_an_empty_cell_is_no_loss() {
    let text = csv(&[row(&[
        ("Short name", "One"),
        ("Category", ""),
        ("Layer", ""),
    ])]);
    let mut lines = text.lines();
    let text = format!(
        "{},Notes,\n{},see below,\n",
        lines.next().expect("a header"),
        lines.next().expect("a row")
    );
    let parsed = read(&text);
    assert_eq!(parsed.drafts.len(), 1);
    let found = findings(&parsed);
    assert_eq!(
        (found.len(), found[0].0, found[0].2),
        (1, 1, Outcome::Dropped),
        "{found:?}"
    );
    assert!(found[0].3.contains("\"Notes\""), "{found:?}");
}

#[test]
fn the_extra_columns_for_licence_and_country_are_taken() {
    let text = csv(&[row(&[
        ("Short name", "One"),
        ("A Resource", "Git"),
        ("A Link", "https://git.example/one"),
    ])]);
    let mut lines = text.lines();
    let (header, cells) = (
        lines.next().expect("a header"),
        lines.next().expect("a row"),
    );
    let with = |licence: &str, country: &str| {
        read(&format!(
            "{header},License,Country\n{cells},{licence},{country}\n"
        ))
    };
    let parsed = with("Apache-2.0", "ITA");
    assert!(parsed.findings.is_empty(), "{:?}", parsed.findings);
    let draft = &parsed.drafts[0];
    let distribution = links(&draft.content, &draft.iri, "dcat:distribution")
        .next()
        .expect("one");
    let eu = "http://publications.europa.eu/resource/authority/";
    let licence: Vec<&str> = links(&draft.content, distribution, "dct:license").collect();
    assert_eq!(licence, [format!("{eu}licence/APACHE_2_0")]);
    let place: Vec<&str> = links(&draft.content, &draft.iri, "dct:spatial").collect();
    assert_eq!(place, [format!("{eu}country/ITA")]);
    let parsed = with("Apache-2.0 OR MIT", "Italy");
    let found = findings(&parsed);
    assert!(
        found.iter().any(|f| f.3.contains("Apache-2.0 OR MIT"))
            && found.iter().any(|f| f.3.contains("Italy")),
        "{found:?}"
    );
}

#[test]
fn what_is_no_sheet_is_refused_by_naming_what_was_found() {
    let header = HEADER.join(",");
    for (bytes, wanted) in [
        (b"".to_vec(), "wrong header"),
        (b"\xef\xbb\xbf".to_vec(), "wrong header"),
        (format!("{header}\n").into_bytes(), "an empty sheet"),
        (
            b"<!DOCTYPE html><html><body>Sign in</body></html>".to_vec(),
            "HTML",
        ),
        (b"  <html>".to_vec(), "HTML"),
        (
            b"Name,Link\nNGSI-LD,https://a.example/\n".to_vec(),
            "[\"Name\", \"Link\"]",
        ),
        (
            header.replace("MIMs,", "").into_bytes(),
            "missing [\"MIMs\"]",
        ),
        (header.replace(',', ";").into_bytes(), "Index;Short name"),
        (b"Index,Short name\n\xff\xfe".to_vec(), "not UTF-8"),
    ] {
        let error = sheet::read(&bytes, &Licences::new()).expect_err("no sheet");
        assert!(
            error.message.contains(wanted),
            "{wanted}: {}",
            error.message
        );
    }
}

#[test]
fn the_json_list_is_read_with_scope_and_mims_as_text_or_as_a_list() {
    let list = r#"[
  {"id": "a1", "short_name": "One", "long_name": "The first", "thematic_area": "Analytics", "category": "Standard",
   "scope": "Data Spaces", "mims": "MIM1, MIM2", "type": "technical", "tags": ["maps", "x"], "maintainer": "W3C",
   "version": "1.0", "docs": "https://docs.example/", "git": "https://git.example/", "description": "What it is."},
  {"id": "a2", "short_name": "Two", "thematic_area": "Aviation", "scope": ["Data Spaces", "Interoperability"],
   "mims": ["MIM1", "MIM10"], "tags": "maps, plans", "colour": "red", "version": 2},
  "three",
  {"id": "a4", "short_name": "Four", "mims": {"first": "MIM1"}, "scope": ["Data Spaces", 7]},
  {"id": "a1", "short_name": "Five"}
]"#;
    let parsed = sheet::read_json(list.as_bytes()).expect("a list");
    let [one, two, four] = &parsed.drafts[..] else {
        panic!("{:?}", parsed.drafts)
    };
    let count = |d: &Draft, property: &str| links(&d.content, &d.iri, property).count();
    assert_eq!((one.key.as_str(), one.line), ("index:a1", Some(2)));
    assert_eq!(
        text(&one.content, &one.iri, "dct:title").as_deref(),
        Some("The first")
    );
    assert_eq!(
        (
            count(one, "ldt:mim"),
            count(one, "ldt:scope"),
            count(one, "ldt:layer")
        ),
        (2, 1, 1)
    );
    assert_eq!(
        links(&one.content, &one.iri, "foaf:page").collect::<Vec<_>>(),
        ["https://docs.example/"]
    );
    assert_eq!(count(one, "schema:codeRepository"), 1);
    assert_eq!(objects(&one.content, &one.iri, "dcat:keyword").count(), 1);
    assert_eq!((count(two, "ldt:mim"), count(two, "ldt:scope")), (1, 2));
    assert_eq!(objects(&two.content, &two.iri, "dcat:keyword").count(), 2);
    assert_eq!(
        text(&two.content, &two.iri, "dcat:version").as_deref(),
        Some("2")
    );
    assert_eq!((count(four, "ldt:mim"), count(four, "ldt:scope")), (0, 1));
    let found = findings(&parsed);
    for (line, wanted) in [
        (2, "\"x\" is shorter"),
        (5, "Aviation"),
        (5, "MIM10"),
        (5, "\"colour\""),
        (0, "no object"),
        (8, "\"mims\""),
        (8, "\"7\""),
        (9, "a1 is there twice"),
    ] {
        let hit = found.iter().any(|f| f.0 == line && f.3.contains(wanted));
        assert!(hit, "{line} {wanted}: {found:#?}");
    }
    assert_eq!(found.len(), 8, "{found:#?}");
    let wrapped = format!("{{\"resources\": {list}}}");
    let wrapped = sheet::read_json(wrapped.as_bytes()).expect("a list");
    assert_eq!(contents(&parsed), contents(&wrapped));
    for (text, wanted) in [
        ("", "not JSON"),
        ("<html>", "HTML"),
        ("[]", "no list of entries"),
        ("{\"a\": 1}", "no list of entries"),
        ("[{", "not JSON"),
    ] {
        let error = sheet::read_json(text.as_bytes()).expect_err("no list");
        assert!(
            error.message.contains(wanted),
            "{wanted}: {}",
            error.message
        );
    }
}

#[test]
fn a_source_that_cannot_be_used_ends_with_one_and_writes_nothing() {
    let dir = directory("refused");
    let sound = csv(&[row(&[("Short name", "One")])]);
    assert!(bring(&dir, &[("sheet.csv", &sound)], &[]).ok);
    let before = dump(&dir);
    for (name, content, wanted) in [
        ("page.csv", "<!doctype html><p>Sign in</p>", "HTML"),
        (
            "page.ttl",
            "<!DOCTYPE html><p>Portal</p>",
            "HTML where Turtle",
        ),
        ("page.rdf", "<html><p>Portal</p>", "HTML where RDF/XML"),
        ("page.json", "<!doctype html>", "HTML"),
        ("header.csv", "Name,Link\na,b\n", "wrong header"),
        (
            "empty.csv",
            &format!("{}\n", HEADER.join(",")),
            "an empty sheet",
        ),
        ("nothing.csv", "", "wrong header"),
        (
            "broken.ttl",
            "<https://a.example/x> a ",
            "Turtle cannot be read",
        ),
        ("broken.json", "[{]", "not JSON"),
        ("broken.jsonld", "{\"@context\": ", "JSON-LD cannot be read"),
        (
            "remote.jsonld",
            "{\"@context\": \"https://context.example/c.jsonld\", \"@id\": \"https://a.example/x\"}",
            "JSON-LD cannot be read",
        ),
        ("nothing.ttl", "", "no record"),
    ] {
        let done = bring(&dir, &[(name, content)], &[]);
        assert!(!done.ok, "{name}: {}", done.text);
        assert!(
            done.text.contains(wanted) && done.text.contains(name),
            "{name}: {}",
            done.text
        );
        assert!(done.report.is_null(), "{name} leaves no report");
    }
    // One document that is no good keeps the others out as well.
    let done = bring(
        &dir,
        &[
            ("more.csv", &csv(&[row(&[("Short name", "Two")])])),
            ("broken.ttl", "@@"),
        ],
        &[],
    );
    assert!(!done.ok, "{}", done.text);
    for source in [
        "/nowhere/sheet.csv",
        "https://",
        "ftp://a.example/sheet.csv",
    ] {
        let (status, text) = run(&dir, &["import", source]);
        assert_eq!(status, 1, "{text}");
        assert!(text.contains(source), "{text}");
    }
    let (status, _) = run(&dir, &["import"]);
    assert_eq!(status, 2, "wrong usage");
    assert_eq!(before, dump(&dir));
}

#[test]
fn an_import_is_reported_in_a_table_and_as_json() {
    let dir = directory("report");
    let sheet = csv(&[
        row(&[("Index", "r1"), ("Short name", "One"), ("MIMs", "MIM10")]),
        row(&[("Short name", "Hidden"), ("KH?", "")]),
        row(&[("Short name", "Short"), ("Description", "")]),
    ]);
    let done = bring(&dir, &[("sheet.csv", &sheet)], &["--dry-run"]);
    assert!(
        done.ok && done.text.contains("would be: 1 added"),
        "{}",
        done.text
    );
    assert!(
        dump(&dir)
            .iter()
            .all(|l| !l.contains(&format!("{PUBLIC}/resource/"))),
        "nothing is written"
    );
    let (_, queue) = run(&dir, &["queue"]);
    assert!(queue.contains("0 waiting"), "{queue}");
    let done = bring(&dir, &[("sheet.csv", &sheet)], &[]);
    assert!(done.ok, "{}", done.text);
    let found = done.report["findings"].as_array().expect("a list");
    let lines: Vec<_> = found
        .iter()
        .map(|f| f["line"].as_u64().expect("a line"))
        .collect();
    assert_eq!(lines, [2, 3, 4], "{}", done.reasons());
    assert_eq!(found[0]["outcome"], "dropped");
    assert_eq!(found[0]["entry"], "One");
    assert_eq!(found[1]["outcome"], "hidden");
    assert_eq!(found[2]["outcome"], "queued");
    assert_eq!(done.report["added"], serde_json::json!(["one"]));
    assert_eq!(done.report["queued"], serde_json::json!(["short"]));
    for wanted in [
        "line  outcome",
        "     2  dropped  One",
        "     3  hidden   Hidden",
        "1 added",
    ] {
        assert!(done.text.contains(wanted), "{wanted}: {}", done.text);
    }
}

#[test]
fn the_same_input_twice_changes_nothing_and_says_so() {
    let dir = directory("twice");
    let sheet = csv(&[
        row(&[("Index", "r1"), ("Short name", "One")]),
        row(&[
            ("Short name", "Two"),
            ("A Resource", "API"),
            ("A Link", "https://api.example/v1"),
        ]),
        row(&[("Short name", "Short"), ("Description", "")]),
    ]);
    let graph = "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
<https://a.example/x> a dcat:Dataset ; dct:title \"Elsewhere\"@en ; dct:description \"A data set from elsewhere, with a node that has no name of its own.\"@en ;
  dcat:contactPoint [ a <http://www.w3.org/2006/vcard/ns#Kind> ; <http://www.w3.org/2006/vcard/ns#fn> \"Desk\" ] .";
    for (name, content, first) in [
        ("sheet.csv", sheet.as_str(), [2, 0, 0, 1, 0, 0]),
        ("graph.ttl", graph, [1, 0, 0, 0, 0, 0]),
    ] {
        let done = bring(&dir, &[(name, content)], &[]);
        assert_eq!(done.counts(), first, "{}", done.text);
        let before = dump(&dir);
        let done = bring(&dir, &[(name, content)], &[]);
        assert_eq!(
            done.counts(),
            [0, 0, first[0] + first[3], 0, 0, 0],
            "{}",
            done.text
        );
        assert!(
            done.ok && done.text.contains("0 added, 0 changed"),
            "{}",
            done.text
        );
        assert_eq!(before, dump(&dir));
    }
    // What waits says each time why it does.
    let done = bring(&dir, &[("sheet.csv", &sheet)], &[]);
    assert!(done.reasons().contains("description"), "{}", done.text);
}

/// One graph in every syntax, with blank nodes, three languages, a datatype and unknown properties.
const EVERY: [(&str, &str); 6] = [
    ("every.ttl", include_str!("../data/import/every.ttl")),
    ("every.nt", include_str!("../data/import/every.nt")),
    ("every.rdf", include_str!("../data/import/every.rdf")),
    ("every.jsonld", include_str!("../data/import/every.jsonld")),
    ("every.trig", include_str!("../data/import/every.trig")),
    ("every.nq", include_str!("../data/import/every.nq")),
];

fn graph(text: &str, extension: &str) -> Parsed {
    let format = RdfFormat::from_extension(extension).expect("a syntax");
    let (graph, findings) = rdf::parse(text.as_bytes(), format).expect("reads");
    let mut parsed = rdf::read(&graph, &format!("{PUBLIC}/"));
    parsed.findings.extend(findings);
    parsed
}

/// Canonical N-Triples of any document.
fn triples(bytes: &[u8], extension: &str) -> BTreeSet<String> {
    let format = RdfFormat::from_extension(extension).expect("a syntax");
    RdfParser::from_format(format)
        .for_slice(bytes)
        .map(|q| oxigraph::model::Triple::from(q.expect("reads")).to_string())
        .collect()
}

#[test]
fn one_graph_gives_the_same_records_from_every_syntax() {
    let first = contents(&graph(EVERY[0].1, "ttl"));
    assert_eq!(first.len(), 2, "{:?}", first.keys());
    for (name, text) in &EVERY[1..] {
        let extension = name.rsplit('.').next().expect("an extension");
        let parsed = graph(text, extension);
        assert!(parsed.findings.is_empty(), "{name}: {:?}", parsed.findings);
        assert_eq!(first, contents(&parsed), "{name}");
    }
    // Through the program, by extension and by the look of standard input.
    let dir = directory("every");
    let done = bring(&dir, &EVERY[..1], &[]);
    assert_eq!(done.counts(), [2, 0, 0, 0, 0, 0], "{}", done.text);
    for file in &EVERY[1..] {
        let done = bring(&dir, &[*file], &[]);
        assert_eq!(
            done.counts(),
            [0, 0, 2, 0, 0, 0],
            "{}: {}",
            file.0,
            done.text
        );
    }
    for (name, text) in &EVERY[..4] {
        let (ok, said) = pipe(&dir, text, &["--source-name", "test"]);
        assert!(
            ok && said.contains("0 added, 0 changed, 2 unchanged"),
            "{name}: {said}"
        );
    }
}

/// Imports standard input.
fn pipe(dir: &Path, text: &str, more: &[&str]) -> (bool, String) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_ldt-catalogue"))
        .args(["--public-url", PUBLIC, "--data-dir"])
        .arg(dir)
        .args(["import", "-"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = process.stdin.take().expect("piped");
    input.write_all(text.as_bytes()).expect("writes");
    drop(input);
    let done = process.wait_with_output().expect("ends");
    let said =
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.success(), said)
}

#[test]
fn unknown_properties_and_languages_survive_to_every_syntax_out() {
    let dir = directory("survive");
    let more = "<https://open.example/id/harbour> <https://vendor.example/2024/1> \"one\" .\n";
    let text = EVERY[1].1.to_owned() + more;
    let done = bring(&dir, &[("every.nt", &text)], &[]);
    assert!(
        done.ok
            && done
                .reasons()
                .contains("https://vendor.example/2024/1> has no XML name"),
        "{}",
        done.text
    );
    let server = serve(&dir);
    let asked = |extension: &str| {
        let path = format!("/resource/sensors-of-the-harbour.{extension}");
        let answer = server.ask("GET", &path, &[], b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        triples(&answer.body, extension)
    };
    let lines = asked("nt");
    for wanted in [
        "<http://purl.org/dc/terms/title> \"Sensors of the harbour\"@en",
        "<http://purl.org/dc/terms/title> \"Sensoren des Hafens\"@de",
        "<http://purl.org/dc/terms/title> \"Αισθητήρες του λιμανιού\"@el",
        "<http://purl.org/dc/terms/title> \"Harbour sensors\"@en-gb",
        "<https://vendor.example/ns#colour> \"blue\"",
        "<https://vendor.example/ns#depth> \"12.50\"^^<http://www.w3.org/2001/XMLSchema#decimal>",
        "<https://vendor.example/2024/1> \"one\"",
        "<http://purl.org/dc/terms/spatial> <geo:43.58,7.12>",
    ] {
        assert!(
            lines.contains(&format!("<https://open.example/id/harbour> {wanted}")),
            "{wanted}: {lines:#?}"
        );
    }
    for extension in ["ttl", "jsonld", "trig"] {
        assert_eq!(lines, asked(extension), "{extension}");
    }
    let unsayable = lines
        .iter()
        .filter(|l| l.contains("<https://vendor.example/2024/1>"));
    let left: BTreeSet<String> = lines
        .difference(&unsayable.cloned().collect())
        .cloned()
        .collect();
    assert_eq!(left, asked("rdf"));
    assert!(
        lines.iter().all(|l| !l.contains("_:")),
        "no blank node is published"
    );
}

#[test]
fn blank_nodes_are_named_by_what_they_say_alone() {
    let prefixes = "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix v: <https://vendor.example/ns#> . <https://a.example/x> a dcat:Dataset ; dct:title \"X\" ; ";
    let names = |text: &str| -> BTreeMap<String, String> {
        let parsed = graph(&format!("{prefixes}{text}"), "ttl");
        let draft = &parsed.drafts[0];
        assert!(!draft.content.contains("_:"), "{}", draft.content);
        let lines = ldt_catalogue::record::statement::statements(&draft.content);
        lines
            .filter(|s| s.predicate == "<https://vendor.example/ns#is>")
            .map(|s| (s.object.to_owned(), s.subject.to_owned()))
            .collect()
    };
    // The same graph under other labels and in another order.
    let one = names("v:has [ v:is \"a\" ; v:in [ v:is \"b\" ] ], [ v:is \"c\" ] .");
    let two =
        names("v:has _:z, _:y . _:q v:is \"b\" . _:y v:in _:q ; v:is \"a\" . _:z v:is \"c\" .");
    assert_eq!((one.len(), &one), (3, &two));
    // A change to one node changes its name and those of the nodes above it, and no other.
    let three = names("v:has [ v:is \"a\" ; v:in [ v:is \"b\" ] ], [ v:is \"c\" ; v:more 1 ] .");
    assert_eq!(
        (&one["\"a\""], &one["\"b\""]),
        (&three["\"a\""], &three["\"b\""])
    );
    assert_ne!(one["\"c\""], three["\"c\""]);
    // Circles, one beside another and beside what is no circle.
    let circle = "v:has _:a, _:m . _:a v:is \"a\" ; v:next _:b . _:b v:is \"b\" ; v:next _:a . _:m v:is \"m\" ; v:next _:m .";
    let four = names(circle);
    let relabelled = names("v:has _:k, _:a . _:k v:is \"m\" ; v:next _:k . _:b v:next _:c ; v:is \"a\" . _:c v:next _:b ; v:is \"b\" . <https://a.example/x> v:has _:b .".replace("v:has _:k, _:a .", "v:has _:k .").as_str());
    assert_eq!((four.len(), &four), (3, &relabelled));
    let five = names(&format!("{circle} _:a v:knows [ v:is \"new\" ] ."));
    assert_eq!(
        four["\"m\""], five["\"m\""],
        "the other circle keeps its name"
    );
    assert_ne!(four["\"a\""], five["\"a\""]);
    let six = names(&format!(
        "{circle} <https://a.example/x> v:has [ v:is \"new\" ] ."
    ));
    assert!(four.iter().all(|(k, v)| six[k] == *v), "{four:?} {six:?}");
}

#[test]
fn what_cannot_be_carried_is_dropped_alone_and_reported() {
    let dir = directory("dropped");
    let text = "<https://a.example/x> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://www.w3.org/ns/dcat#Dataset> .
<https://a.example/x> <http://purl.org/dc/terms/title> \"Title\" .
<https://a.example/x> <http://purl.org/dc/terms/description> \"A description that is long enough to please the library's own rule.\" .
<https://a.example/x> <http://purl.org/dc/terms/alternative> \"bell\\u0007\" .
<https://a.example/x> <http://purl.org/dc/terms/alternative> \"end\\uFFFF\" .
<https://a.example/x> <http://www.w3.org/ns/dcat#landingPage> <https://a.example/a page> .
<https://a.example/x> <http://xmlns.com/foaf/0.1/page> <a.example> .
<https://a.example/x> <https://vendor.example/{p}> \"curly\" .
<https://a.example/x> <https://vendor.example/ns#size> \"1\"^^<https://vendor.example/a type> .
<https://a.example/x> <https://vendor.example/ns#kept> \"kept\" .
";
    let done = bring(&dir, &[("bad.nt", text)], &[]);
    assert_eq!(done.counts(), [1, 0, 0, 0, 0, 0], "{}", done.text);
    let found = done.reasons();
    for wanted in [
        "U+0007",
        "U+FFFF",
        "https://a.example/a page",
        "https://vendor.example/{p}",
        "https://vendor.example/a type",
    ] {
        let hits: Vec<&str> = found.lines().filter(|l| l.contains(wanted)).collect();
        assert!(
            hits.len() == 1 && hits[0].contains("dropped"),
            "{wanted}: {found}"
        );
    }
    let lines = dump(&dir);
    assert!(lines.iter().any(|l| l.contains("\"kept\"")), "{lines:?}");
    for gone in ["bell", "\"end", "/a page", "curly", "/a type"] {
        assert!(!lines.iter().any(|l| l.contains(gone)), "{gone}");
    }
}

fn path(record: &str) -> String {
    format!("resource/{record}")
}

fn title(record: &str, title: &str) -> (String, String) {
    let predicate = "<http://purl.org/dc/terms/title>";
    (path(record), format!("{predicate} \"{title}\"@en"))
}

fn titled(dump: &BTreeSet<String>, record: &str, wanted: &str) -> bool {
    let (path, rest) = title(record, wanted);
    says(dump, &path, &rest)
}

#[test]
fn a_changed_row_changes_its_record_alone() {
    let dir = directory("changed");
    let sheet = |long: &str| {
        csv(&[
            row(&[("Index", "r1"), ("Short name", "One"), ("Long name", long)]),
            row(&[("Index", "r2"), ("Short name", "Two")]),
        ])
    };
    assert!(bring(&dir, &[("sheet.csv", &sheet("The first"))], &[]).ok);
    let before = dump(&dir);
    let done = bring(&dir, &[("sheet.csv", &sheet("The very first"))], &[]);
    assert_eq!(done.counts(), [0, 1, 1, 0, 0, 0], "{}", done.text);
    let after = dump(&dir);
    assert!(titled(&after, "one", "The very first") && !titled(&after, "one", "The first"));
    let touched: BTreeSet<&String> = before.symmetric_difference(&after).collect();
    assert!(
        touched.iter().all(|l| !l.contains("/resource/two")),
        "{touched:#?}"
    );
}

#[test]
fn a_row_is_known_by_its_index_whatever_its_name_and_by_its_name_without_one() {
    let dir = directory("identity");
    let first = csv(&[
        row(&[("Index", "r1"), ("Short name", "One")]),
        row(&[("Short name", "Two")]),
        row(&[("Short name", "Tw-o")]),
        row(&[("Short name", "tw o")]),
    ]);
    let done = bring(&dir, &[("sheet.csv", &first)], &[]);
    assert_eq!(
        done.report["added"],
        serde_json::json!(["one", "two", "tw-o", "tw-o-2"]),
        "{}",
        done.text
    );
    // Renamed, moved to the end, and one more with the slug of another in front.
    let second = csv(&[
        row(&[("Short name", "TW/O")]),
        row(&[("Short name", "two"), ("Long name", "The second")]),
        row(&[("Short name", "Tw-o")]),
        row(&[("Short name", "tw o")]),
        row(&[("Index", "r1"), ("Short name", "Uno")]),
    ]);
    let done = bring(&dir, &[("sheet.csv", &second)], &[]);
    assert_eq!(
        done.report["added"],
        serde_json::json!(["tw-o-3"]),
        "{}",
        done.text
    );
    assert_eq!(
        done.report["changed"],
        serde_json::json!(["two", "one"]),
        "{}",
        done.text
    );
    let after = dump(&dir);
    assert!(titled(&after, "one", "Uno") && titled(&after, "two", "The second"));
    let done = bring(&dir, &[("sheet.csv", &second)], &[]);
    assert_eq!(done.counts(), [0, 0, 5, 0, 0, 0], "{}", done.text);
    // A row that is given an Index stays the same entry.
    let third = second.replace("\n,two,", "\nr9,two,");
    let done = bring(&dir, &[("sheet.csv", &third)], &[]);
    assert_eq!(done.counts(), [0, 1, 4, 0, 0, 0], "{}", done.text);
}

#[test]
fn foreign_addresses_are_kept_and_described_at_a_page_of_ours() {
    let dir = directory("foreign");
    assert!(
        bring(
            &dir,
            &[("sheet.csv", &csv(&[row(&[("Short name", "Streets")])]))],
            &[]
        )
        .ok
    );
    let dataset = |n: usize| {
        format!(
            "<https://a.example/id/{n}> a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> \"Streets\"@en ; <http://purl.org/dc/terms/description> \"All streets of the town, with the year in which each got its name.\"@en .\n"
        )
    };
    let text = dataset(1) + &dataset(2);
    let done = bring(&dir, &[("portal.ttl", &text)], &["--source-name", "portal"]);
    assert_eq!(
        done.report["added"],
        serde_json::json!(["streets-2", "streets-3"]),
        "{}",
        done.text
    );
    let server = serve(&dir);
    for (slug, n) in [("streets-2", 1), ("streets-3", 2)] {
        let body = server.body(&format!("/resource/{slug}.nt"));
        let subject = format!("<https://a.example/id/{n}>");
        assert!(
            body.contains(&format!(
                "{subject} <http://purl.org/dc/terms/title> \"Streets\"@en ."
            )),
            "{body}"
        );
        assert!(body.contains(&format!("<{PUBLIC}/resource/{slug}#record> <http://xmlns.com/foaf/0.1/primaryTopic> {subject} .")), "{body}");
    }
    let again = bring(
        &dir,
        &[("portal.ttl", &(dataset(2) + &dataset(1)))],
        &["--source-name", "portal"],
    );
    assert_eq!(again.counts(), [0, 0, 2, 0, 0, 0], "{}", again.text);
}

/// Ten rows and more; those that `leave` names are left out.
fn many(leave: &[usize]) -> String {
    let rows = (0..20).filter(|n| !leave.contains(n));
    csv(&rows
        .map(|n| row(&[("Short name", &format!("Entry {n}"))]))
        .collect::<Vec<_>>())
}

#[test]
fn missing_rows_are_listed_and_prune_withdraws_at_most_a_tenth_unless_forced() {
    let dir = directory("prune");
    assert!(bring(&dir, &[("sheet.csv", &many(&[]))], &[]).ok);
    let done = bring(&dir, &[("sheet.csv", &many(&[3, 4]))], &[]);
    assert_eq!(done.counts(), [0, 0, 18, 0, 0, 2], "{}", done.text);
    assert!(done.text.contains("missing  entry-3"), "{}", done.text);
    assert!(
        titled(&dump(&dir), "entry-3", "Entry 3"),
        "listing withdraws nothing"
    );
    let dry = bring(
        &dir,
        &[("sheet.csv", &many(&[3, 4]))],
        &["--prune", "--dry-run"],
    );
    assert_eq!(dry.counts(), [0, 0, 18, 0, 2, 2], "{}", dry.text);
    assert!(
        titled(&dump(&dir), "entry-3", "Entry 3"),
        "a rehearsal withdraws nothing"
    );
    let done = bring(&dir, &[("sheet.csv", &many(&[3, 4, 5]))], &["--prune"]);
    assert!(!done.ok, "what was asked for was not done");
    assert_eq!(done.counts()[4], 0, "{}", done.text);
    assert!(
        done.reasons()
            .contains("3 of 20 records would be withdrawn")
            && done.text.contains("--force"),
        "{}",
        done.text
    );
    // A row that cannot be read may be one that seems to be missing.
    let torn = many(&[3, 4]) + "Entry 3,a,cell,too,many,,,,,,,,,,,,,,,,,,,\n";
    let done = bring(&dir, &[("sheet.csv", &torn)], &["--prune"]);
    assert!(!done.ok && done.counts()[4] == 0, "{}", done.text);
    assert!(
        done.reasons()
            .contains("1 entries of the source could not be used")
    );
    let done = bring(&dir, &[("sheet.csv", &many(&[3, 4]))], &["--prune"]);
    assert!(done.ok);
    assert_eq!(done.counts()[4], 2, "{}", done.text);
    assert!(!titled(&dump(&dir), "entry-3", "Entry 3"));
    let done = bring(
        &dir,
        &[("sheet.csv", &many(&[3, 4, 5, 6, 7, 8]))],
        &["--prune", "--force"],
    );
    assert_eq!(done.counts()[4], 4, "{}", done.text);
    // Another source's records are never missing here.
    let other = csv(&[row(&[("Short name", "Other")])]);
    let done = bring(
        &dir,
        &[("other.csv", &other)],
        &["--source-name", "other", "--prune", "--force"],
    );
    assert_eq!(done.counts(), [1, 0, 0, 0, 0, 0], "{}", done.text);
}

#[test]
fn a_row_that_comes_back_after_prune_is_published_again_and_one_withdrawn_by_hand_is_not() {
    let dir = directory("back");
    let edit = |name: &str, title: &str| {
        let text = format!(
            "<{PUBLIC}/resource/{name}> a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> \"{title}\"@en ; <http://purl.org/dc/terms/description> \"{DESCRIPTION}\"@en ; <https://w3id.org/ldt-catalogue/ns#layer> <https://w3id.org/ldt-catalogue/ns#layer-analytics> ."
        );
        let file = dir.with_extension("edit.ttl");
        std::fs::write(&file, text).expect("writes");
        let (status, text) = run(&dir, &["edit", &file.to_string_lossy()]);
        assert_eq!(status, 0, "{text}");
    };
    assert!(bring(&dir, &[("sheet.csv", &many(&[]))], &[]).ok);
    edit("entry-4", "By hand");
    let (status, text) = run(&dir, &["decide", "entry-5", "withdraw"]);
    assert_eq!(status, 0, "{text}");
    let done = bring(
        &dir,
        &[("sheet.csv", &many(&[3, 4]))],
        &["--prune", "--force"],
    );
    assert_eq!(
        done.report["withdrawn"],
        serde_json::json!(["entry-3", "entry-4"]),
        "{}",
        done.text
    );
    let done = bring(&dir, &[("sheet.csv", &many(&[]))], &["--as", "suggested"]);
    assert_eq!(
        done.counts()[..2],
        [0, 0],
        "queueing publishes nothing: {}",
        done.text
    );
    let done = bring(&dir, &[("sheet.csv", &many(&[]))], &[]);
    assert_eq!(
        done.report["added"],
        serde_json::json!(["entry-3", "entry-4"]),
        "{}",
        done.text
    );
    let lines = dump(&dir);
    assert!(titled(&lines, "entry-3", "Entry 3"));
    assert!(
        titled(&lines, "entry-4", "By hand"),
        "an edit outlives the absence"
    );
    assert!(!titled(&lines, "entry-5", "Entry 5"), "{}", done.text);
    // The row is as it was, so there is nothing to say; a changed one is told why it stays away.
    let changed = many(&[]).replace("Entry 5", "entry 5");
    let done = bring(&dir, &[("sheet.csv", &changed)], &[]);
    assert!(
        done.reasons().contains("entry-5 was withdrawn"),
        "{}",
        done.text
    );
}

/// Lines of `queue`, without the count.
fn queue(dir: &Path) -> Vec<String> {
    let (status, text) = run(dir, &["queue"]);
    assert_eq!(status, 0, "{text}");
    let lines = text.lines().filter(|l| !l.ends_with(" waiting"));
    lines.map(str::to_owned).collect()
}

fn number(line: &str) -> String {
    let first = line.split_whitespace().next();
    first.expect("a number").to_owned()
}

/// Runs a command that must succeed.
fn must(dir: &Path, arguments: &[&str]) -> String {
    let (status, text) = run(dir, arguments);
    assert_eq!(status, 0, "{arguments:?}: {text}");
    text
}

/// Edits a record by hand: its current Turtle with one text for another.
fn edit(dir: &Path, slug: &str, from: &str, to: &str) {
    let subject = format!("<{PUBLIC}/resource/{slug}");
    let maintainer = format!("<{PUBLIC}/agent/etsi-isg-cim>");
    let lines = dump(dir);
    let own = lines.iter().map(String::as_str);
    let own: Vec<&str> = own
        .filter(|l| l.starts_with(&subject) || l.starts_with(&maintainer))
        .collect();
    let text = own.join("\n").replace(from, to);
    let file = dir.with_extension("edit.nt");
    std::fs::write(&file, text).expect("writes");
    must(dir, &["edit", &file.to_string_lossy()]);
}

#[test]
fn a_hand_edit_stays_and_the_sources_change_waits_for_a_moderator() {
    let dir = directory("edited");
    let sheet = |long: &str| {
        csv(&[row(&[
            ("Index", "r1"),
            ("Short name", "One"),
            ("Long name", long),
        ])])
    };
    assert!(bring(&dir, &[("sheet.csv", &sheet("First"))], &[]).ok);
    edit(&dir, "one", "\"First\"@en", "\"By hand\"@en");
    assert!(titled(&dump(&dir), "one", "By hand"));
    // The source has nothing new to say.
    let done = bring(&dir, &[("sheet.csv", &sheet("First"))], &[]);
    assert_eq!(done.counts(), [0, 0, 1, 0, 0, 0], "{}", done.text);
    let done = bring(&dir, &[("sheet.csv", &sheet("Second"))], &[]);
    assert_eq!(done.counts(), [0, 0, 0, 1, 0, 0], "{}", done.text);
    assert!(
        done.reasons().contains("was edited by hand"),
        "{}",
        done.text
    );
    assert!(titled(&dump(&dir), "one", "By hand"));
    let waiting = queue(&dir);
    assert!(
        waiting.len() == 1 && waiting[0].contains("change") && waiting[0].contains("one"),
        "{waiting:?}"
    );
    let done = bring(&dir, &[("sheet.csv", &sheet("Second"))], &[]);
    assert_eq!(done.counts(), [0, 0, 1, 0, 0, 0], "{}", done.text);
    // Taken back by the source: nothing is left to decide.
    let done = bring(&dir, &[("sheet.csv", &sheet("First"))], &[]);
    assert_eq!(done.counts(), [0, 0, 1, 0, 0, 0], "{}", done.text);
    assert!(queue(&dir).is_empty());
    // Rejected: it is not proposed again, but the next change is.
    assert!(bring(&dir, &[("sheet.csv", &sheet("Second"))], &[]).ok);
    must(&dir, &["settle", &number(&queue(&dir)[0]), "reject"]);
    let done = bring(&dir, &[("sheet.csv", &sheet("Second"))], &[]);
    assert_eq!(done.counts(), [0, 0, 1, 0, 0, 0], "{}", done.text);
    assert!(
        queue(&dir).is_empty() && done.reasons().contains("rejected it before"),
        "{}",
        done.text
    );
    assert!(bring(&dir, &[("sheet.csv", &sheet("Third"))], &[]).ok);
    must(&dir, &["settle", &number(&queue(&dir)[0]), "accept"]);
    assert!(titled(&dump(&dir), "one", "Third") && queue(&dir).is_empty());
    // Accepted: the record is the source's again.
    let done = bring(&dir, &[("sheet.csv", &sheet("Fourth"))], &[]);
    assert_eq!(done.counts(), [0, 1, 0, 0, 0, 0], "{}", done.text);
    let (status, text) = run(&dir, &["settle", "99", "accept"]);
    assert!(status == 1 && text.contains("99"), "{text}");
}

#[test]
fn a_second_source_for_one_address_is_shown_in_the_queue_and_never_mixed_in() {
    let dir = directory("second");
    let one = |long: &str| {
        csv(&[row(&[
            ("Index", "r1"),
            ("Short name", "One"),
            ("Long name", long),
        ])])
    };
    assert!(bring(&dir, &[("a.csv", &one("Ours"))], &["--source-name", "a"]).ok);
    let before = dump(&dir);
    let done = bring(&dir, &[("b.csv", &one("Theirs"))], &["--source-name", "b"]);
    assert_eq!(done.counts(), [0, 0, 0, 1, 0, 0], "{}", done.text);
    assert!(
        done.reasons().contains("belongs to the source \\\"a\\\""),
        "{}",
        done.text
    );
    assert_eq!(before, dump(&dir));
    assert_eq!(queue(&dir).len(), 1);
    let done = bring(&dir, &[("b.csv", &one("Theirs"))], &["--source-name", "b"]);
    assert_eq!(done.counts(), [0, 0, 1, 0, 0, 0], "{}", done.text);
    assert_eq!(
        queue(&dir).len(),
        1,
        "one proposal of each source for each record"
    );
    assert!(bring(&dir, &[("c.csv", &one("Third"))], &["--source-name", "c"]).ok);
    assert_eq!(queue(&dir).len(), 2);
    assert!(
        bring(
            &dir,
            &[("a.csv", &one("Ours, again"))],
            &["--source-name", "a"]
        )
        .ok
    );
    assert!(
        titled(&dump(&dir), "one", "Ours, again"),
        "its own source goes on"
    );
}

#[test]
fn statements_about_a_subject_of_another_are_refused_and_reported() {
    let dir = directory("owner");
    let sheet = csv(&[row(&[
        ("Index", "r1"),
        ("Short name", "One"),
        ("Maintainer", "Maker"),
    ])]);
    assert!(bring(&dir, &[("a.csv", &sheet)], &["--source-name", "a"]).ok);
    let before = dump(&dir);
    let text = format!(
        "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> . @prefix foaf: <http://xmlns.com/foaf/0.1/> .
<https://b.example/x> a dcat:Dataset ; dct:title \"Two\"@en ; dct:description \"{DESCRIPTION}\"@en ;
  dct:publisher <{PUBLIC}/agent/maker> ; dct:relation <{PUBLIC}/resource/one#record> .
<{PUBLIC}/agent/maker> a foaf:Agent ; foaf:name \"Somebody else\" ; foaf:homepage <https://b.example/> .
<{PUBLIC}/resource/one#note> <https://b.example/says> \"it is bad\" .
<https://w3id.org/ldt-catalogue/ns#kind-tool> <http://www.w3.org/2004/02/skos/core#definition> \"A hammer\" .
"
    );
    let done = bring(&dir, &[("b.ttl", &text)], &["--source-name", "b"]);
    assert_eq!(done.counts()[0], 1, "{}", done.text);
    let found = done.reasons();
    assert!(
        found.contains(&format!(
            "statements about {PUBLIC}/agent/maker are refused"
        )),
        "{found}"
    );
    let after = dump(&dir);
    for word in [
        "Somebody else",
        "it is bad",
        "A hammer",
        "<https://b.example/>",
    ] {
        assert!(!after.iter().any(|l| l.contains(word)), "{word}");
    }
    for wanted in ["one belongs to the source", "ns#kind-tool"] {
        assert!(found.contains(wanted), "{wanted}: {found}");
    }
    assert!(
        before
            .iter()
            .filter(|l| l.contains("/resource/one"))
            .all(|l| after.contains(l))
    );
    assert!(says(
        &after,
        "agent/maker",
        "<http://xmlns.com/foaf/0.1/name> \"Maker\""
    ));
    // A row that spells the name in another way is as good as any.
    let row = csv(&[row(&[("Short name", "Three"), ("Maintainer", "MAKER")])]);
    let done = bring(&dir, &[("c.csv", &row)], &["--source-name", "c"]);
    assert_eq!(done.counts(), [1, 0, 0, 0, 0, 0], "{}", done.text);
    assert!(
        done.reasons().contains("agent/maker are refused"),
        "{}",
        done.text
    );
}

#[test]
fn additions_come_alone_or_with_the_sheet_and_go_when_the_documents_drop_them() {
    let dir = directory("additions");
    let sheet = csv(&[
        row(&[("Short name", "One"), ("Maintainer", "Maker")]),
        row(&[("Short name", "Two"), ("Maintainer", "Maker")]),
    ]);
    let prefixes = "@prefix dct: <http://purl.org/dc/terms/> . @prefix ldt: <https://w3id.org/ldt-catalogue/ns#> .\n";
    let relation = "<resource/one> ldt:implements <resource/two> .\n";
    let agent = "<agent/maker> dct:type <http://purl.org/adms/publishertype/Company> .\n";
    let relations = [prefixes, relation, agent].concat();
    let implements =
        format!("<https://w3id.org/ldt-catalogue/ns#implements> <{PUBLIC}/resource/two>");
    let company = "<http://purl.org/dc/terms/type> <http://purl.org/adms/publishertype/Company>";
    assert!(bring(&dir, &[("sheet.csv", &sheet)], &[]).ok);
    let done = bring(&dir, &[("alone.ttl", &[prefixes, relation].concat())], &[]);
    assert_eq!(done.counts()[..4], [0, 1, 0, 0], "{}", done.text);
    assert!(says(&dump(&dir), "resource/one", &implements));
    // The sheet alone has no column for it, so it stays.
    let done = bring(&dir, &[("sheet.csv", &sheet)], &[]);
    assert_eq!(done.counts(), [0, 0, 2, 0, 0, 0], "{}", done.text);
    assert!(says(&dump(&dir), "resource/one", &implements));
    for files in [
        [("sheet.csv", sheet.as_str()), ("relations.ttl", &relations)],
        [("relations.ttl", &relations), ("sheet.csv", sheet.as_str())],
    ] {
        let done = bring(&dir, &files, &[]);
        assert!(done.ok && done.counts()[3..] == [0, 0, 0], "{}", done.text);
        let lines = dump(&dir);
        assert!(
            says(&lines, "resource/one", &implements) && says(&lines, "agent/maker", company),
            "{}",
            done.text
        );
        let done = bring(&dir, &files, &[]);
        assert_eq!(done.counts(), [0, 0, 2, 0, 0, 0], "{}", done.text);
    }
    let done = bring(
        &dir,
        &[
            ("sheet.csv", &sheet),
            ("relations.ttl", &[prefixes, agent].concat()),
        ],
        &[],
    );
    assert!(
        done.ok && !says(&dump(&dir), "resource/one", &implements),
        "{}",
        done.text
    );
    let done = bring(
        &dir,
        &[(
            "lost.ttl",
            &[prefixes, "<resource/nobody> ldt:uses <resource/two> .\n"].concat(),
        )],
        &[],
    );
    assert!(
        done.ok && done.reasons().contains("no record has this IRI"),
        "{}",
        done.text
    );
}

#[test]
fn what_is_suggested_is_nowhere_to_be_seen_until_it_is_published() {
    let dir = directory("suggested");
    let sheet = |long: &str| {
        csv(&[row(&[
            ("Index", "r1"),
            ("Short name", "One"),
            ("Long name", long),
        ])])
    };
    let done = bring(
        &dir,
        &[("sheet.csv", &sheet("Secret"))],
        &["--as", "suggested"],
    );
    assert_eq!(done.counts(), [0, 0, 0, 1, 0, 0], "{}", done.text);
    let waiting = queue(&dir);
    assert!(
        waiting.len() == 1 && waiting[0].contains("suggested") && waiting[0].contains("Secret"),
        "{waiting:?}"
    );
    let server = serve(&dir);
    for path in [
        "/",
        "/catalog",
        "/catalog.ttl",
        "/catalog.csv",
        "/catalog/dump.nt",
        "/catalog/dump.jsonld",
    ] {
        assert!(!server.get(path, "*/*").contains("Secret"), "{path}");
    }
    assert_eq!(server.ask("GET", "/resource/one", &[], b"").status, 404);
    let ask = "/sparql?query=SELECT%20*%20WHERE%20%7B%3Fs%20%3Fp%20%3Fo%20FILTER(CONTAINS(STR(%3Fo)%2C%20%22Secret%22))%7D";
    let asked = |server: &Server| server.get(ask, "text/csv");
    assert!(!asked(&server).contains("Secret"));
    must(&dir, &["decide", "one", "publish"]);
    assert!(
        server
            .get("/resource/one", "text/turtle")
            .contains("Secret")
    );
    assert!(
        asked(&server).contains("Secret") && server.body("/catalog/dump.nt").contains("Secret")
    );
    // A change to what is public waits as well, if it is only suggested.
    let done = bring(
        &dir,
        &[("sheet.csv", &sheet("Changed"))],
        &["--as", "suggested"],
    );
    assert_eq!(done.counts(), [0, 0, 0, 1, 0, 0], "{}", done.text);
    assert!(!server.body("/catalog/dump.nt").contains("Changed"));
    must(&dir, &["settle", &number(&queue(&dir)[0]), "accept"]);
    assert!(server.body("/catalog/dump.nt").contains("Changed"));
    // What was suggested is published by an import that publishes.
    let two = csv(&[row(&[("Index", "r2"), ("Short name", "Two")])]);
    assert_eq!(
        bring(&dir, &[("two.csv", &two)], &["--as", "suggested"]).counts()[3],
        1
    );
    assert_eq!(bring(&dir, &[("two.csv", &two)], &[]).counts()[0], 1);
    assert_eq!(server.ask("GET", "/resource/two", &[], b"").status, 200);
}

#[test]
fn importing_our_own_dump_changes_nothing_in_any_syntax_and_under_any_source() {
    let dir = directory("own");
    let sheet = csv(&[
        row(&[
            ("Index", "r1"),
            ("Short name", "One"),
            ("MIMs", "MIM1"),
            ("Scope", "Interoperability"),
            ("Origin", "LDT4SSC"),
            ("Version", "1.0"),
            ("A Resource", "API"),
            ("A Link", "https://api.example/v1"),
            ("B Resource", "Website"),
            ("B Link", "https://one.example/"),
            ("C Resource", "Git"),
            ("C Link", "https://git.example/one"),
            ("D Resource", "Specification"),
            ("D Link", "https://one.example/spec.pdf"),
        ]),
        row(&[("Short name", "Two"), ("Category", "Data model")]),
    ]);
    let relations = "@prefix ldt: <https://w3id.org/ldt-catalogue/ns#> . <resource/one> ldt:uses <resource/two> ; ldt:implements <https://open.example/id/streets> .";
    assert!(
        bring(
            &dir,
            &[
                ("sheet.csv", &sheet),
                ("relations.ttl", relations),
                EVERY[0]
            ],
            &[]
        )
        .ok
    );
    edit(&dir, "two", "\"Two\"@en", "\"Two, by hand\"@en");
    let server = serve(&dir);
    let before = server.body("/catalog/dump.nt");
    for extension in ["nt", "ttl", "rdf", "jsonld", "trig"] {
        let kept = server.body(&format!("/catalog/dump.{extension}"));
        let name = format!("dump.{extension}");
        for source in ["dump", "test"] {
            let done = bring(&dir, &[(&name, &kept)], &["--source-name", source]);
            assert_eq!(
                done.counts()[..5],
                [0, 0, 4, 0, 0],
                "{name} as {source}: {}",
                done.text
            );
            assert!(
                done.ok && !done.reasons().contains("dropped"),
                "{}",
                done.text
            );
        }
        let page = server.body(&format!("/catalog.{extension}?page=1"));
        let done = bring(
            &dir,
            &[(&format!("page.{extension}"), &page)],
            &["--source-name", "page"],
        );
        assert_eq!(done.counts(), [0, 0, 4, 0, 0, 0], "{name}: {}", done.text);
    }
    for source in ["sheet", "test"] {
        let kept = must(&dir, &["export", "--format", "sheet"]);
        let done = bring(&dir, &[("export.csv", &kept)], &["--source-name", source]);
        assert_eq!(
            done.counts()[..5],
            [0, 0, 4, 0, 0],
            "{source}: {}",
            done.text
        );
    }
    assert!(queue(&dir).is_empty());
    assert_eq!(before, server.body("/catalog/dump.nt"));
}

#[test]
fn the_bundled_library_goes_out_as_it_came_in_cell_by_cell() {
    let dir = directory("cells");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/resources.csv");
    let given = std::fs::read_to_string(&file).expect("reads");
    assert!(bring(&dir, &[("resources.csv", &given)], &[]).ok);
    let server = serve(&dir);
    let kept = server.body("/catalog.csv");
    assert_eq!(kept, must(&dir, &["export", "--format", "sheet"]));
    assert!(server.get("/catalog.csv", "*/*").contains("text/csv"));
    let cells = |text: &str| -> Vec<Vec<String>> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().expect("a header"), HEADER.as_slice());
        let rows = reader.records().map(|r| r.expect("a row"));
        rows.map(|r| r.iter().map(str::to_owned).collect())
            .collect()
    };
    let (given, kept) = (cells(&given), cells(&kept));
    assert_eq!(given.len(), kept.len());
    // Links stand in an order of their own, and so do the values of a list.
    let list =
        |cell: &str| -> BTreeSet<String> { cell.split(',').map(|v| v.trim().to_owned()).collect() };
    let pairs = |row: &[String]| -> BTreeSet<(String, String)> {
        let pairs = row[11..21].chunks(2).map(|p| (p[0].clone(), p[1].clone()));
        pairs.filter(|p| !p.0.is_empty()).collect()
    };
    for (given, kept) in given.iter().zip(&kept) {
        for (n, column) in HEADER.iter().enumerate() {
            match n {
                7..=9 => assert_eq!(list(&given[n]), list(&kept[n]), "{column} of {}", given[1]),
                11..=20 => {}
                _ => assert_eq!(given[n].trim(), kept[n], "{column} of {}", given[1]),
            }
        }
        assert_eq!(pairs(given), pairs(kept), "{}", given[1]);
    }
}

/// Answers each connection with the next of these answers, then closes it, and gives what was asked.
fn answering(answers: Vec<Vec<u8>>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    let thread = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            let mut part = [0; 1024];
            while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                let n = stream.read(&mut part).expect("reads");
                request.extend_from_slice(&part[..n]);
            }
            asked.push(String::from_utf8_lossy(&request).into_owned());
            // Who has read enough does not listen to the end.
            let _ = stream.write_all(&answer);
        }
        asked
    });
    (address, thread)
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

#[test]
fn a_source_may_be_an_address() {
    let dir = directory("address");
    let sheet = csv(&[row(&[("Index", "r1"), ("Short name", "One")])]);
    let csv = "Content-Type: text/csv; charset=utf-8\r\n";
    // A spreadsheet's export address redirects and says nothing of its form in its name.
    let (address, server) = answering(vec![
        answer(
            "307 Temporary Redirect",
            "Location: /export?format=csv\r\n",
            "",
        ),
        answer("200 OK", csv, &sheet),
        answer("200 OK", "Content-Type: text/plain\r\n", &sheet),
        answer("200 OK", "Content-Type: text/turtle\r\n", EVERY[0].1),
        answer("200 OK", "Content-Type: application/json\r\n", EVERY[3].1),
    ]);
    let said = must(
        &dir,
        &[
            "import",
            &format!("{address}/sheet"),
            "--source-name",
            "test",
        ],
    );
    assert!(said.contains("1 added"), "{said}");
    let said = must(
        &dir,
        &[
            "import",
            &format!("{address}/plain"),
            "--source-name",
            "test",
        ],
    );
    assert!(said.contains("0 added, 0 changed, 1 unchanged"), "{said}");
    let said = must(&dir, &["import", &format!("{address}/graph")]);
    assert!(said.contains("2 added"), "{said}");
    let said = must(&dir, &["import", &format!("{address}/graph")]);
    assert!(said.contains("2 unchanged"), "{said}");
    let asked = server.join().expect("ends");
    assert!(
        asked[1].starts_with("GET /export?format=csv ") && asked[0].contains("text/turtle"),
        "{asked:?}"
    );
}

#[test]
fn an_address_that_fails_for_a_moment_is_asked_again_and_others_are_told_apart() {
    let dir = directory("fails");
    let sheet = csv(&[row(&[("Index", "r1"), ("Short name", "One")])]);
    let busy = || answer("503 Service Unavailable", "", "");
    let csv = "Content-Type: text/csv\r\n";
    let (address, server) = answering(vec![busy(), busy(), answer("200 OK", csv, &sheet)]);
    let said = must(&dir, &["import", &address]);
    assert!(said.contains("1 added"), "{said}");
    assert_eq!(server.join().expect("ends").len(), 3);
    let before = dump(&dir);
    let html = "Content-Type: text/html\r\n";
    let config = dir.with_extension("toml");
    std::fs::write(&config, "[import]\nsource_megabytes = 1\n").expect("writes");
    let config = config.to_string_lossy().into_owned();
    for (answers, wanted) in [
        (vec![answer("404 Not Found", html, "<p>gone")], "404 Not Found"),
        (vec![answer("200 OK", html, "<!DOCTYPE html><p>Sign in")], "HTML"),
        (vec![busy(), busy(), busy()], "503 Service Unavailable"),
        (vec![answer("200 OK", csv, &"x".repeat(2 << 20))], "longer than 1048576 bytes"),
        ((0..6).map(|_| answer("302 Found", "Location: /again\r\n", "")).collect(), "redirect"),
        // Cut off in the middle, three times.
        ((0..3).map(|_| b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 99999\r\n\r\nIndex".to_vec()).collect(), "/sheet"),
    ] {
        let (address, server) = answering(answers);
        let (status, said) = run(&dir, &["--config", &config, "import", &format!("{address}/sheet")]);
        assert!(status == 1 && said.contains(wanted), "{wanted}: {said}");
        server.join().expect("ends");
    }
    let large = dir.with_extension("csv");
    std::fs::write(&large, "x".repeat(2 << 20)).expect("writes");
    let (status, said) = run(
        &dir,
        &["--config", &config, "import", &large.to_string_lossy()],
    );
    assert!(
        status == 1 && said.contains("longer than 1048576 bytes"),
        "{said}"
    );
    assert_eq!(before, dump(&dir));
}

#[test]
fn an_import_while_the_service_runs_is_visible_at_once() {
    use std::os::unix::fs::PermissionsExt;
    let dir = directory("running");
    let server = serve(&dir);
    let mode = std::fs::metadata(dir.join("socket"))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let tag = |path: &str| server.ask("GET", path, &[], b"").header("etag").to_owned();
    let (page, whole) = (tag("/catalog.ttl"), tag("/catalog/dump.nt"));
    let sheet = csv(&[row(&[
        ("Index", "r1"),
        ("Short name", "One"),
        ("Long name", "Fresh entry"),
    ])]);
    assert!(bring(&dir, &[("sheet.csv", &sheet)], &[]).ok);
    assert!(page != tag("/catalog.ttl") && whole != tag("/catalog/dump.nt"));
    for (path, accept) in [
        ("/catalog", "text/html"),
        ("/catalog.ttl", "*/*"),
        ("/catalog/dump.nt", "*/*"),
        ("/resource/one", "text/html"),
        ("/resource/one", "application/ld+json"),
        ("/catalog.csv", "*/*"),
        (
            "/sparql?query=SELECT%20%3Ft%20%7B%3Fs%20%3Chttp%3A%2F%2Fpurl.org%2Fdc%2Fterms%2Ftitle%3E%20%3Ft%7D",
            "text/csv",
        ),
    ] {
        assert!(server.get(path, accept).contains("Fresh entry"), "{path}");
    }
}

#[test]
fn entries_without_a_name_are_known_by_what_they_say() {
    let prefixes =
        "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .\n";
    let addresses = |text: &str| -> BTreeSet<String> {
        let parsed = graph(&format!("{prefixes}{text}"), "ttl");
        assert!(parsed.findings.is_empty(), "{:?}", parsed.findings);
        parsed.drafts.into_iter().map(|d| d.iri).collect()
    };
    let one = addresses(
        "[] a dcat:Dataset ; dct:title \"Streets\" . [] a dcat:Dataset ; dct:title \"Trees\" ; dct:issued \"2020\" . [] a dcat:Dataset ; dct:title \"Trees\" . [] a dcat:Dataset .",
    );
    let two = addresses(
        "_:a a dcat:Dataset . _:d a dcat:Dataset ; dct:title \"Trees\" . _:c a dcat:Dataset ; dct:title \"Trees\" ; dct:issued \"2020\" . _:z a dcat:Dataset ; dct:title \"Streets\" .",
    );
    assert_eq!((one.len(), &one), (4, &two));
    assert!(one.contains(&format!("{BASE}resource/streets")));
}

#[test]
fn a_record_that_cannot_be_used_stops_no_other() {
    let dir = directory("stops");
    let dataset = |n: usize, more: &str| {
        format!(
            "<https://a.example/{n}> a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> \"Entry {n}\"@en ; <http://purl.org/dc/terms/description> \"{DESCRIPTION}\"@en {more} .\n"
        )
    };
    let large = format!("; <https://a.example/ns#note> \"{}\"", "x".repeat(1 << 20));
    // Every one of these nodes leads to every other, which no algorithm tells apart in time.
    let nodes = 0..14;
    let clique: String = nodes
        .clone()
        .flat_map(|a| {
            nodes
                .clone()
                .filter(move |b| *b != a)
                .map(move |b| format!("_:n{a} <https://a.example/ns#to> _:n{b} .\n"))
        })
        .collect();
    let text = dataset(1, "")
        + &dataset(2, &large)
        + &dataset(3, "; <https://a.example/ns#has> _:n0")
        + &clique
        + &dataset(
            4,
            "; <https://a.example/ns#says> <<( <https://a.example/s> <https://a.example/p> \"o\" )>>",
        )
        + &dataset(5, "");
    let done = bring(&dir, &[("many.ttl", &text)], &[]);
    let found = done.reasons();
    assert_eq!(
        done.report["added"],
        serde_json::json!(["entry-1", "entry-4", "entry-5"]),
        "{}",
        done.text
    );
    for wanted in [
        "a record has at most",
        "cannot be told apart",
        "a statement about a statement",
    ] {
        assert!(found.contains(wanted), "{wanted}: {found}");
    }
    assert_eq!(
        done.report["findings"].as_array().map(Vec::len),
        Some(3),
        "{found}"
    );
}

#[test]
fn commands_take_the_public_url_of_the_service() {
    let dir = directory("public-url");
    let plain = |arguments: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_ldt-catalogue"))
            .arg("--data-dir")
            .arg(&dir)
            .args(arguments)
            .output()
            .expect("the program starts");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{arguments:?}: {said}");
        said
    };
    let own = format!("<{PUBLIC}/resource/ngsi-ld>");
    let file = dir.with_extension("own.nt");
    let file = file.to_str().expect("UTF-8");
    let mut server = Some(launch(&dir, &["--public-url", PUBLIC]));
    for served in ["while it runs", "after it ended"] {
        if served == "after it ended" {
            drop(server.take());
        }
        let text = plain(&["export", "--format", "nt"]);
        assert!(text.contains(&own), "{served}");
        std::fs::write(file, text).expect("writes");
        let said = plain(&["import", file]);
        assert!(
            said.contains("0 added, 0 changed, 204 unchanged, 0 queued"),
            "{served}: {said}"
        );
    }
}

#[test]
fn what_would_exhaust_or_run_something_does_not_enter() {
    let dir = directory("hostile");
    let entry = |n: usize, more: &str| {
        format!(
            "<https://a.example/{n}> a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> \"Entry {n}\"@en ; <http://purl.org/dc/terms/description> \"{DESCRIPTION}\"@en {more} .\n"
        )
    };
    let page = |link: &str| format!("; <http://www.w3.org/ns/dcat#landingPage> <{link}>");
    let nest = |open: &str, close: &str| {
        let deep = format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
        format!("; <http://purl.org/dc/terms/relation> {deep}")
    };
    let concept = "<https://w3id.org/ldt-catalogue/ns#layer-data-management> a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> \"Mine\"@en .\n";
    let text = entry(1, "")
        + &entry(2, &page("javascript:alert(1)"))
        + &entry(3, &page("DATA:text/html,x"))
        + &entry(4, &nest("[ <https://a.example/ns#in> ", " ]"))
        + &entry(5, &nest("( ", " )"))
        + &entry(
            6,
            &format!("; <https://a.example/ns#list> ( {} )", "1 ".repeat(1_500)),
        )
        + concept;
    let done = bring(&dir, &[("hostile.ttl", &text)], &[]);
    assert_eq!(
        done.report["added"],
        serde_json::json!(["entry-1", "entry-2", "entry-3", "entry-6"]),
        "{}",
        done.text
    );
    let found = done.reasons();
    for (wanted, times) in [
        ("which a browser would run", 2),
        ("a record has at most", 2),
        ("a term of a vocabulary", 1),
    ] {
        assert_eq!(found.matches(wanted).count(), times, "{wanted}: {found}");
    }
    let all = dump(&dir);
    assert!(
        !all.iter()
            .any(|l| l.contains("alert(1)") || l.contains("\"Mine\""))
    );
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let json = format!("{{\"https://a.example/ns#in\": {deep}}}");
    let entity = "<!DOCTYPE rdf:RDF [<!ENTITY a \"x\">]><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"/>";
    for (name, text, wanted) in [
        ("deep.jsonld", json.as_str(), "nested deeper"),
        ("entity.rdf", entity, "entity declarations"),
    ] {
        let done = bring(&dir, &[(name, text)], &[]);
        assert!(!done.ok && done.text.contains(wanted), "{}", done.text);
    }
    let circles: String = (0..600)
        .map(|n| format!("_:n{n} <https://a.example/ns#in> _:n{} .\n", (n + 1) % 600))
        .collect();
    let circle = entry(7, "; <https://a.example/ns#in> _:n0") + &circles;
    let done = bring(&dir, &[("circle.ttl", &circle)], &[]);
    assert!(done.reasons().contains("stand in circles"), "{}", done.text);
}

#[test]
fn equal_imports_at_once_write_each_change_once() {
    let dir = directory("equal");
    let _server = serve(&dir);
    let file = dir.with_extension("csv");
    for round in 0..2 {
        let rows: Vec<_> = (0..300)
            .map(|n| {
                row(&[
                    ("Short name", &format!("Entry {n}")),
                    ("Version", &format!("{round}.0")),
                ])
            })
            .collect();
        std::fs::write(&file, csv(&rows)).expect("writes");
        let file = file.to_str().expect("UTF-8");
        let said: Vec<String> = std::thread::scope(|scope| {
            let both = [0, 1].map(|_| scope.spawn(|| must(&dir, &["import", file])));
            both.into_iter().map(|t| t.join().expect("ends")).collect()
        });
        let total = |word: &str| -> usize {
            let count = |text: &String| {
                let at = text.find(&format!(" {word},")).expect("a count");
                let number = text[..at].rsplit([' ', '\n']).next().expect("a number");
                number.parse::<usize>().expect("a number")
            };
            said.iter().map(count).sum()
        };
        let wanted = if round == 0 { [300, 0] } else { [0, 300] };
        assert_eq!([total("added"), total("changed")], wanted, "{said:?}");
        assert_eq!(total("unchanged"), 300, "{said:?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_no_command_badly() {
    let dir = directory("head");
    assert!(bring(&dir, &[("sheet.csv", &many(&[]))], &[]).ok);
    for arguments in [&["export"][..], &["queue"], &["config"]] {
        let mut process = Command::new(env!("CARGO_BIN_EXE_ldt-catalogue"))
            .arg("--data-dir")
            .arg(&dir)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(process.stdout.take());
        let done = process.wait_with_output().expect("ends");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn standard_input_is_known_by_its_look_in_every_syntax() {
    let dir = directory("look");
    let json = r#"[{"id": "r1", "short_name": "Listed", "category": "Standard", "thematic_area": "Data management", "description": "Keeps the current state of the things in a city and tells those who asked for it."}]"#;
    let mut counts = Vec::new();
    for (_, text) in EVERY {
        let (ok, said) = pipe(&dir, text, &["--source-name", "one"]);
        assert!(ok, "{text}: {said}");
        counts.push(
            said.lines()
                .find(|l| l.contains(" added, "))
                .unwrap_or_default()
                .to_owned(),
        );
    }
    assert!(
        counts[0].contains("1 added") || counts[0].contains("2 added"),
        "{counts:?}"
    );
    assert!(
        counts[1..]
            .iter()
            .all(|c| c.starts_with("0 added, 0 changed")),
        "{counts:?}"
    );
    assert!(pipe(&dir, json, &[]).1.contains("1 added"));
    assert!(pipe(&dir, &many(&[]), &[]).1.contains("20 added"));
}
