//! Our shapes against those that SEMIC publishes, on SEMIC's examples and on samples with known
//! faults. Both run through the same engine; the reference data is read where it lies and the
//! tests say so where it is absent.
use ldt_catalogue::mapping::lines;
use ldt_catalogue::record::shacl::{Profile, Report, Severity, Shapes, validate};
use oxigraph::io::RdfFormat;
use oxigraph::model::Triple;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The reference data, or a word that the test was not run.
pub fn specification(test: &str) -> Option<PathBuf> {
    let dir = std::env::var_os("LDT_SPEC_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/spec"),
        PathBuf::from,
    );
    if dir.join("dcat-ap/expected.tsv").is_file() {
        Some(dir)
    } else {
        println!("not run: {test}: no reference data at {}", dir.display());
        None
    }
}

pub fn turtle(path: &Path) -> Vec<Triple> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    lines::parse(&bytes, RdfFormat::Turtle, "https://example.org/")
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .graph
}

/// The reference vocabularies, which the official shapes look values up in.
pub fn background(spec: &Path) -> Vec<Triple> {
    let mut files: Vec<_> = std::fs::read_dir(spec.join("vocabularies"))
        .expect("reads")
        .map(|f| f.expect("reads").path())
        .filter(|p| p.extension().is_some_and(|e| e == "ttl"))
        .collect();
    files.sort();
    files.iter().flat_map(|f| turtle(f)).collect()
}

pub fn official(spec: &Path, name: &str) -> Shapes {
    let path = spec.join("dcat-ap/shacl").join(name);
    let text = std::fs::read_to_string(&path).expect("reads");
    Shapes::read(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Samples and examples, by the name that `expected.tsv` has for them.
fn files(spec: &Path) -> BTreeMap<String, Vec<Triple>> {
    let table = std::fs::read_to_string(spec.join("dcat-ap/expected.tsv")).expect("reads");
    table
        .lines()
        .filter(|l| l.contains(".ttl\t"))
        .map(|l| {
            let name = l.split('\t').next().expect("a column").to_owned();
            let graph = turtle(&spec.join("dcat-ap").join(&name));
            (name, graph)
        })
        .collect()
}

#[test]
fn the_official_shapes_give_the_expected_figures_in_our_engine() {
    let Some(spec) = specification("official figures") else {
        return;
    };
    let table = std::fs::read_to_string(spec.join("dcat-ap/expected.tsv")).expect("reads");
    let mut rows = table.lines().filter(|l| !l.starts_with('#'));
    let columns: Vec<&str> = rows.next().expect("a header").split('\t').skip(1).collect();
    let background = background(&spec);
    let graphs = files(&spec);
    let mut wrong = Vec::new();
    for (n, column) in columns.iter().enumerate() {
        let file = match *column {
            "mdr-vocabularies" => "mdr-vocabularies.shape.ttl".to_owned(),
            other => format!("{other}.ttl"),
        };
        let shapes = official(&spec, &file);
        for row in table
            .lines()
            .filter(|l| !l.starts_with('#') && l.contains(".ttl\t"))
        {
            let cells: Vec<&str> = row.split('\t').collect();
            let report = shapes
                .run(&graphs[cells[0]], background.iter())
                .expect("runs");
            let found = format!(
                "{}/{}",
                report.count(Severity::Violation),
                report.count(Severity::Warning)
            );
            if found != cells[n + 1] {
                wrong.push(format!(
                    "{column} {}: {found}, expected {}",
                    cells[0],
                    cells[n + 1]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a report says, without the words: severity, node, property. Blank nodes have the same
/// names in every reading.
type Verdicts = BTreeSet<(Severity, String, String)>;

fn verdicts(report: &Report) -> Verdicts {
    report
        .results
        .iter()
        .map(|f| (f.severity, f.focus_text(), f.path_short()))
        .collect()
}

#[test]
fn our_shapes_agree_with_the_official_ones() {
    let Some(spec) = specification("our shapes and the official ones") else {
        return;
    };
    let background = background(&spec);
    let graphs = files(&spec);
    let mut differences = Vec::new();
    for (profile, file) in [
        (Profile::Base, "shapes.ttl"),
        (Profile::Range, "range.ttl"),
        (Profile::Recommended, "shapes_recommended.ttl"),
        (Profile::CodeLists, "mdr-vocabularies.shape.ttl"),
    ] {
        let shapes = official(&spec, file);
        for (name, graph) in &graphs {
            let theirs = verdicts(&shapes.run(graph, background.iter()).expect("runs"));
            let ours = verdicts(&validate(graph, &[profile]).expect("runs"));
            for v in ours.difference(&theirs) {
                differences.push(format!("only ours   {} {name} {v:?}", profile.name()));
            }
            for v in theirs.difference(&ours) {
                differences.push(format!("only theirs {} {name} {v:?}", profile.name()));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
