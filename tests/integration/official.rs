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

/// The reference vocabularies, which the official shapes look values up in, and the library's own.
pub fn background(spec: &Path) -> Vec<Triple> {
    let mut files: Vec<_> = std::fs::read_dir(spec.join("vocabularies"))
        .expect("reads")
        .map(|f| f.expect("reads").path())
        .filter(|p| p.extension().is_some_and(|e| e == "ttl"))
        .collect();
    files.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/vocabulary/ldt.ttl"));
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
                .run(&graphs[cells[0]], background.iter(), None)
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

/// What a report says, without the words: severity, node, property, value. Blank nodes have the
/// same names in every reading.
type Verdicts = BTreeSet<(Severity, String, String, String)>;

fn verdicts(report: &Report) -> Verdicts {
    report
        .results
        .iter()
        .map(|f| (f.severity, f.focus_text(), f.path_short(), f.value_short()))
        .collect()
}

/// A place where our verdict is not the official one.
struct Difference {
    profile: &'static str,
    /// Who reports something here that the other does not.
    by: &'static str,
    path: &'static str,
    reason: &'static str,
}

const fn differs(
    profile: &'static str,
    by: &'static str,
    path: &'static str,
    reason: &'static str,
) -> Difference {
    Difference {
        profile,
        by,
        path,
        reason,
    }
}

/// Every one, with its reason. A row that no file needs any more fails the test too.
const DIFFERENCES: &[Difference] = &[
    differs(
        "base",
        "ours",
        "dct:issued",
        "the official file says sh:shape for a Dataset's dates, which is no SHACL term: they go unchecked",
    ),
    differs(
        "base",
        "ours",
        "dct:modified",
        "as for issued; for a CatalogRecord too",
    ),
    differs(
        "base",
        "ours",
        "dcat:startDate",
        "as for issued; both dates of a period",
    ),
    differs(
        "base",
        "official",
        "dct:rights",
        "the specification has 0..n rights for Catalog and Distribution, the official file at most one",
    ),
    differs(
        "base",
        "official",
        "dct:conformsTo",
        "the specification has 0..n profiles for a CatalogRecord, the official file at most one",
    ),
    differs(
        "base",
        "official",
        "dcat:spatialResolutionInMeters",
        "the specification has 0..n for a Dataset, the official file at most one",
    ),
    differs(
        "base",
        "official",
        "^dcat:inSeries",
        "a warning that a series should have members stands among the mandatory rules; ours is in recommended",
    ),
    differs(
        "recommended",
        "ours",
        "^dcat:inSeries",
        "the same warning, in the level of warnings",
    ),
    differs(
        "base",
        "ours",
        "skos:notation",
        "the specification makes the notation of an identifier mandatory, the official file does not ask for it",
    ),
    differs(
        "base",
        "ours",
        "dct:temporal",
        "the official file has no rule for the coverage of a Catalog",
    ),
    differs(
        "range",
        "ours",
        "dct:temporal",
        "the official file has no rule for the coverage of a Catalog",
    ),
    differs(
        "base",
        "ours",
        "foaf:page",
        "the official file has no rule for the documentation of a DataService",
    ),
    differs(
        "range",
        "ours",
        "foaf:page",
        "the official file has no rule for the documentation of a DataService",
    ),
    differs(
        "recommended",
        "ours",
        "dct:spatial",
        "the specification recommends the coverage of a DatasetSeries, the official file leaves it out",
    ),
    differs(
        "codelists",
        "official",
        "dct:publisher",
        "the official file warns for every publisher outside the EU list of bodies; a typed publisher is enough for us, since few are EU bodies",
    ),
    differs(
        "codelists",
        "official",
        "dct:spatial",
        "the official file takes GeoNames by https only, though GeoNames itself names places by both",
    ),
    differs(
        "codelists",
        "official",
        "dct:type",
        "kinds of this library are our own code list: the EU list has none for a standard, protocol or tool",
    ),
    differs(
        "codelists",
        "official",
        "http://spdx.org/rdf/terms#algorithm",
        "the official file wants https, but SPDX names its algorithms by http: every right checksum fails there",
    ),
    differs(
        "codelists",
        "ours",
        "dct:license",
        "the specification recommends the EU licence list, the official file does not check it",
    ),
];

#[test]
fn our_shapes_agree_with_the_official_ones_but_for_listed_differences() {
    let Some(spec) = specification("our shapes and the official ones") else {
        return;
    };
    let background = background(&spec);
    let mut graphs = files(&spec);
    let faults = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/faults.ttl");
    graphs.insert("faults.ttl".into(), turtle(&faults));
    let mut unlisted = Vec::new();
    let mut used = BTreeSet::new();
    for (profile, file) in [
        (Profile::Base, "shapes.ttl"),
        (Profile::Range, "range.ttl"),
        (Profile::Recommended, "shapes_recommended.ttl"),
        (Profile::CodeLists, "mdr-vocabularies.shape.ttl"),
    ] {
        let shapes = official(&spec, file);
        for (name, graph) in &graphs {
            let theirs = verdicts(&shapes.run(graph, background.iter(), None).expect("runs"));
            let ours = verdicts(&validate(graph, &[profile], None).expect("runs"));
            let sides = [
                ("ours", ours.difference(&theirs)),
                ("official", theirs.difference(&ours)),
            ];
            for (by, only) in sides {
                for (severity, focus, path, value) in only {
                    let row = DIFFERENCES.iter().position(|d| {
                        d.profile == profile.name() && d.by == by && d.path == path.as_str()
                    });
                    if let Some(row) = row {
                        used.insert(row);
                    } else {
                        unlisted.push(format!(
                            "{} {by} {path} {} {focus} {value:?} {name}",
                            profile.name(),
                            severity.name()
                        ));
                    }
                }
            }
        }
    }
    assert!(unlisted.is_empty(), "{}", unlisted.join("\n"));
    for (n, d) in DIFFERENCES.iter().enumerate() {
        assert!(
            used.contains(&n),
            "no file shows this any more: {} {} {}: {}",
            d.profile,
            d.by,
            d.path,
            d.reason
        );
    }
}

const SH: &str = "http://www.w3.org/ns/shacl#";

/// A graph by subject, for reading shapes.
struct Index(BTreeMap<String, Vec<(String, String)>>);

impl Index {
    fn new(graph: &[Triple]) -> Self {
        let mut out = BTreeMap::<_, Vec<_>>::new();
        for t in graph {
            let text = |s: String| s.trim_matches(['<', '>']).to_owned();
            let object = match &t.object {
                oxigraph::model::Term::Literal(l) => l.value().to_owned(),
                other => text(other.to_string()),
            };
            out.entry(text(t.subject.to_string()))
                .or_default()
                .push((t.predicate.as_str().to_owned(), object));
        }
        Self(out)
    }

    fn of(&self, subject: &str) -> &[(String, String)] {
        self.0.get(subject).map_or(&[], Vec::as_slice)
    }

    fn get<'a>(&'a self, subject: &'a str, local: &'a str) -> impl Iterator<Item = &'a str> {
        self.of(subject)
            .iter()
            .filter(move |(p, _)| p.strip_prefix(SH) == Some(local))
            .map(|(_, o)| o.as_str())
    }

    /// A path or value with its structure spelt out, and the few names that the two sides give
    /// to the same thing made one.
    fn text(&self, node: &str) -> String {
        if node.ends_with("#DateOrDateTimeDataType_Shape") || node.ends_with("#date-or-time") {
            return "date".into();
        }
        if node.ends_with("#DcatResource_Shape") || node.ends_with("#catalogued-resource") {
            return "resource".into();
        }
        let below = self.of(node);
        if node.starts_with("_:") && !below.is_empty() {
            let parts: BTreeSet<String> = below
                .iter()
                .map(|(p, o)| format!("{}={}", local(p), self.text(o)))
                .collect();
            return format!("[{}]", parts.into_iter().collect::<Vec<_>>().join(";"));
        }
        local(node)
    }

    /// Class, property, constraint and its value, for each constraint on a property of a class.
    fn rules(&self) -> BTreeSet<[String; 4]> {
        const WORDS: [&str; 7] = [
            "path",
            "name",
            "description",
            "message",
            "severity",
            "order",
            "group",
        ];
        let mut out = BTreeSet::new();
        for shape in self.0.keys() {
            for class in self.get(shape, "targetClass") {
                for property in self.get(shape, "property") {
                    let path = self.get(property, "path").next().unwrap_or_default();
                    for (predicate, value) in self.of(property) {
                        let Some(kind) = predicate.strip_prefix(SH) else {
                            continue;
                        };
                        if !WORDS.contains(&kind) {
                            out.insert([
                                local(class),
                                self.text(path),
                                kind.to_owned(),
                                self.text(value),
                            ]);
                        }
                    }
                }
            }
        }
        out
    }
}

fn local(iri: &str) -> String {
    iri.rsplit(['#', '/']).next().unwrap_or(iri).to_owned()
}

/// Rules that stand on one side only: level, side, class, property, constraint (`*` for any), and
/// why.
const RULES: &[[&str; 6]] = &[
    [
        "base",
        "ours",
        "*",
        "*",
        "nodeKind",
        "the specification gives a resource, or text, as the range; the official file leaves the node kind of some properties out",
    ],
    [
        "base",
        "ours",
        "*",
        "*",
        "node",
        "dates that the official file does not check, because it says sh:shape",
    ],
    [
        "base",
        "official",
        "*",
        "*",
        "shape",
        "sh:shape is no SHACL term; ours say sh:node",
    ],
    [
        "base",
        "official",
        "DatasetSeries",
        "*",
        "nodeKind",
        "a date is text anyway; the member warning is in recommended",
    ],
    [
        "base",
        "official",
        "DatasetSeries",
        "[inversePath=inSeries]",
        "minCount",
        "a warning, so ours is in recommended",
    ],
    [
        "base",
        "official",
        "CatalogRecord",
        "primaryTopic",
        "node",
        "the class of a value is a matter of range; ours is there",
    ],
    [
        "base",
        "official",
        "Catalog",
        "rights",
        "maxCount",
        "0..n in the specification",
    ],
    [
        "base",
        "official",
        "Distribution",
        "rights",
        "maxCount",
        "0..n in the specification",
    ],
    [
        "base",
        "official",
        "CatalogRecord",
        "conformsTo",
        "maxCount",
        "0..n in the specification",
    ],
    [
        "base",
        "official",
        "Dataset",
        "spatialResolutionInMeters",
        "maxCount",
        "0..n in the specification",
    ],
    [
        "base",
        "ours",
        "Identifier",
        "notation",
        "minCount",
        "mandatory in the specification",
    ],
    [
        "range",
        "official",
        "Catalog",
        "isPartOf",
        "class",
        "no property of a Catalog since 3.0",
    ],
    [
        "range",
        "ours",
        "Catalog",
        "temporal",
        "class",
        "missing in the official file",
    ],
    [
        "range",
        "ours",
        "DataService",
        "page",
        "class",
        "missing in the official file",
    ],
    [
        "recommended",
        "ours",
        "DatasetSeries",
        "[inversePath=inSeries]",
        "minCount",
        "moved here from the mandatory rules",
    ],
    [
        "recommended",
        "ours",
        "DatasetSeries",
        "spatial",
        "minCount",
        "recommended by the specification",
    ],
];

#[test]
fn no_official_rule_is_missing_but_for_listed_ones() {
    let Some(spec) = specification("rule by rule") else {
        return;
    };
    let shapes = Path::new(env!("CARGO_MANIFEST_DIR")).join("shapes");
    let (mut unlisted, mut used) = (Vec::new(), BTreeSet::new());
    for (level, theirs, ours, least) in [
        ("base", "shapes.ttl", "dcat-ap.ttl", 130),
        ("range", "range.ttl", "dcat-ap-range.ttl", 80),
        (
            "recommended",
            "shapes_recommended.ttl",
            "dcat-ap-recommended.ttl",
            30,
        ),
    ] {
        let theirs = Index::new(&turtle(&spec.join("dcat-ap/shacl").join(theirs))).rules();
        let ours = Index::new(&turtle(&shapes.join(ours))).rules();
        assert!(
            theirs.len() >= least,
            "{level}: the official rules are read"
        );
        for (side, only) in [
            ("official", theirs.difference(&ours)),
            ("ours", ours.difference(&theirs)),
        ] {
            for rule in only {
                let [class, path, kind, value] = rule;
                let row = RULES.iter().position(|r| {
                    let fits = |have: &str, want: &str| want == "*" || have == want;
                    r[0] == level
                        && r[1] == side
                        && fits(class, r[2])
                        && fits(path, r[3])
                        && fits(kind, r[4])
                });
                if let Some(row) = row {
                    used.insert(row);
                } else {
                    unlisted.push(format!("{level} {side} {class} {path} {kind} {value}"));
                }
            }
        }
    }
    assert!(unlisted.is_empty(), "{}", unlisted.join("\n"));
    for (n, row) in RULES.iter().enumerate() {
        assert!(used.contains(&n), "stale: {row:?}");
    }
}

#[test]
fn our_excerpt_of_the_vocabularies_says_what_the_reference_says() {
    let Some(spec) = specification("vocabularies") else {
        return;
    };
    let wanted = [
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#type",
        "http://www.w3.org/2004/02/skos/core#inScheme",
        "http://www.w3.org/2004/02/skos/core#prefLabel",
        "http://www.w3.org/2004/02/skos/core#notation",
        "http://www.w3.org/2004/02/skos/core#exactMatch",
    ];
    let facts = |graph: Vec<Triple>| -> BTreeSet<String> {
        graph
            .into_iter()
            .filter(|t| wanted.contains(&t.predicate.as_str()))
            .map(|t| t.to_string())
            .collect()
    };
    let ours = turtle(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/vocabulary/eu.ttl"));
    let ours = facts(ours);
    let mut missing = Vec::new();
    for file in std::fs::read_dir(spec.join("vocabularies")).expect("reads") {
        let file = file.expect("reads").path();
        if file.extension().is_some_and(|e| e == "ttl") {
            missing.extend(facts(turtle(&file)).difference(&ours).cloned());
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
