//! The library's sheet, 22 columns read by name, into drafts: what the existing page does with a
//! row, except that nothing vanishes silently.
use crate::error::{Error, Result};
use crate::record::vocab::{BASE, eu, expand, ldt};
use crate::record::{Draft, hash, slug};
use oxigraph::model::vocab::rdf;
use oxigraph::model::{Literal, NamedNode, Term, Triple};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// The header of the real sheet, in the order we write it.
pub const HEADER: [&str; 22] = [
    "Index",
    "Short name",
    "Long name",
    "Maintainer",
    "Version",
    "Category",
    "Layer",
    "Scope",
    "Origin",
    "MIMs",
    "Description",
    "A Resource",
    "A Link",
    "B Resource",
    "B Link",
    "C Resource",
    "C Link",
    "D Resource",
    "D Link",
    "E Resource",
    "E Link",
    "KH?",
];

/// Something a source said that did not enter the catalogue, and why.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Finding {
    /// 1-based line in the source; 0 where it cannot be known.
    pub line: u64,
    pub entry: String,
    /// `skipped` for a whole row or record, `dropped` for one value.
    pub outcome: &'static str,
    pub reason: String,
}

#[derive(Debug, Default)]
pub struct Parsed {
    pub drafts: Vec<Draft>,
    pub findings: Vec<Finding>,
}

const LAYERS: [&str; 7] = [
    "Data sources",
    "Data acquisition",
    "Connectivity",
    "Data management",
    "Analytics",
    "Decision-making",
    "Visualisation",
];
const SCOPES: [&str; 4] = [
    "Data Spaces",
    "AI for Smart Cities",
    "Interoperability",
    "Local Digital Twins",
];
const ORIGINS: [&str; 7] = [
    "LDT4SSC",
    "Data Spaces",
    "AI for Smart Cities",
    "Local Digital Twins",
    "CitiVERSE",
    "Interoperability & MIMs",
    "Cities Network",
];
/// Category of the sheet, local name of the kind, further classes (briefs: every entry is a
/// `dcat:Dataset` first).
const KINDS: [(&str, &str, &[&str]); 9] = [
    ("Standard", "kind-standard", &["dct:Standard"]),
    ("Protocol", "kind-protocol", &["dct:Standard"]),
    ("Framework", "kind-framework", &["dct:Standard"]),
    (
        "Tool/Implementation",
        "kind-tool",
        &["schema:SoftwareApplication"],
    ),
    (
        "Data model",
        "kind-data-model",
        &["prof:Profile", "dct:Standard"],
    ),
    ("Guide", "kind-guide", &["foaf:Document"]),
    ("Initiative", "kind-initiative", &[]),
    ("Example twin", "kind-twin", &[]),
    ("Service", "kind-service", &[]),
];

/// SPDX identifier and EU licence code.
const LICENCES: [(&str, &str); 18] = [
    ("Apache-2.0", "APACHE_2_0"),
    ("MIT", "MIT"),
    ("CC-BY-4.0", "CC_BY_4_0"),
    ("CC0-1.0", "CC0"),
    ("CC-BY-SA-4.0", "CC_BYSA_4_0"),
    ("CC-BY-NC-SA-4.0", "CC_BYNCSA_4_0"),
    ("ODbL-1.0", "ODC_BL"),
    ("BSD-2-Clause", "BSD_2_CLAUSE"),
    ("BSD-3-Clause", "BSD_3_CLAUSE"),
    ("GPL-2.0-or-later", "GPL_2_0_OR_LATER"),
    ("GPL-2.0-only", "GPL_2_0_ONLY"),
    ("GPL-3.0-or-later", "GPL_3_0_OR_LATER"),
    ("GPL-3.0-only", "GPL_3_0_ONLY"),
    ("AGPL-3.0-or-later", "AGPL_3_0_OR_LATER"),
    ("AGPL-3.0-only", "AGPL_3_0_ONLY"),
    ("EUPL-1.2", "EUPL_1_2"),
    ("LGPL-2.1-or-later", "LGPL_2_1_OR_LATER"),
    ("MPL-2.0", "MPL_2_0"),
];

/// The concept a label of the sheet stands for.
fn concept(prefix: &str, label: &str) -> NamedNode {
    let local = match label {
        "Interoperability & MIMs" => "interoperability-mims".to_owned(),
        _ => slug(label),
    };
    ldt(&format!("{prefix}-{local}"))
}

/// Reads a sheet.
///
/// # Errors
/// HTML, a header without `Short name` or `KH?`, or no row at all: nothing can be used then. A
/// bad row is a [`Finding`] instead.
pub fn read(bytes: &[u8]) -> Result<Parsed> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        Error::bad_input(format!(
            "not UTF-8: byte {} cannot be read; save the sheet as CSV UTF-8",
            e.valid_up_to()
        ))
    })?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('<') {
        return Err(Error::bad_input(
            "HTML or XML where CSV was expected; a published sheet needs its CSV export address",
        ));
    }
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .map_err(|e| Error::bad_input(format!("no CSV header: {e}")))?
        .clone();
    let columns: HashMap<&str, usize> = header
        .iter()
        .enumerate()
        .map(|(i, h)| (h.trim(), i))
        .collect();
    let missing: Vec<_> = HEADER
        .iter()
        .filter(|h| !columns.contains_key(*h))
        .collect();
    if !missing.is_empty() {
        return Err(Error::bad_input(format!(
            "wrong header: found {:?}, missing {missing:?}",
            header.iter().collect::<Vec<_>>()
        )));
    }
    let mut parsed = Parsed::default();
    let (mut rows, mut kept, mut keys) = (0u64, 0u64, HashSet::new());
    for row in reader.records() {
        rows += 1;
        let row = match row {
            Ok(row) => row,
            Err(e) => {
                let line = e.position().map_or(0, csv::Position::line);
                parsed.findings.push(Finding {
                    line,
                    entry: String::new(),
                    outcome: "skipped",
                    reason: e.to_string(),
                });
                continue;
            }
        };
        let line = row.position().map_or(0, csv::Position::line);
        let get = |name: &str| columns.get(name).and_then(|&i| row.get(i)).unwrap_or("");
        let short = get("Short name").trim().to_owned();
        let skip = |reason: String| Finding {
            line,
            entry: short.clone(),
            outcome: "skipped",
            reason,
        };
        if get("KH?") != "Y" {
            parsed.findings.push(skip(format!(
                "KH? is {:?}; only rows with exactly \"Y\" are shown",
                get("KH?")
            )));
            continue;
        }
        kept += 1;
        if short.is_empty() {
            parsed.findings.push(skip("no Short name".into()));
            continue;
        }
        if row.len() > header.len() {
            parsed.findings.push(skip(format!(
                "{} cells under {} headings; a comma inside a cell needs quotes",
                row.len(),
                header.len()
            )));
            continue;
        }
        let index = get("Index").trim();
        let key = if index.is_empty() {
            format!("r{kept:03}")
        } else {
            index.to_owned()
        };
        // A generated Index shifts when rows move, so identity rests on the name then.
        let identity = if index.is_empty() {
            format!("name:{}", short.to_lowercase())
        } else {
            format!("index:{index}")
        };
        if !keys.insert(identity.clone()) {
            parsed
                .findings
                .push(skip(format!("{key} is there twice; the first row is kept")));
            continue;
        }
        let name = slug(&short);
        let mut entry = Entry {
            subject: NamedNode::new_unchecked(format!("{BASE}resource/{name}")),
            graph: Vec::new(),
            findings: &mut parsed.findings,
            line,
            short: short.clone(),
        };
        entry.fill(&get);
        let (graph, iri) = (entry.graph, entry.subject);
        parsed.drafts.push(Draft {
            key: identity,
            iri,
            slug: name,
            graph,
            line: Some(line),
        });
    }
    if rows == 0 {
        return Err(Error::bad_input(
            "an empty sheet: a header and no row below it",
        ));
    }
    Ok(parsed)
}

struct Entry<'a> {
    subject: NamedNode,
    graph: Vec<Triple>,
    findings: &'a mut Vec<Finding>,
    line: u64,
    short: String,
}

impl Entry<'_> {
    fn add(&mut self, predicate: &str, object: impl Into<Term>) {
        let subject = self.subject.clone();
        self.say(&subject, predicate, object);
    }

    fn say(&mut self, subject: &NamedNode, predicate: &str, object: impl Into<Term>) {
        self.graph
            .push(Triple::new(subject.clone(), expand(predicate), object));
    }

    fn english(&mut self, predicate: &str, text: &str) {
        if !text.is_empty() {
            self.add(
                predicate,
                Literal::new_language_tagged_literal_unchecked(text, "en"),
            );
        }
    }

    fn drop_value(&mut self, reason: String) {
        self.findings.push(Finding {
            line: self.line,
            entry: self.short.clone(),
            outcome: "dropped",
            reason,
        });
    }

    fn fill<'r>(&mut self, get: &impl Fn(&str) -> &'r str) {
        for class in ["dcat:Dataset", "dcat:Resource", "adms:Asset"] {
            self.add("rdf:type", expand(class));
        }
        let short = self.short.clone();
        let long = get("Long name").trim();
        self.english("dct:title", if long.is_empty() { &short } else { long });
        self.english("skos:altLabel", &short);
        self.english("dct:description", get("Description").trim());
        let version = get("Version").trim();
        if !version.is_empty() {
            self.add("dcat:version", Literal::new_simple_literal(version));
        }
        let category = get("Category").trim();
        match KINDS.iter().find(|(label, ..)| *label == category) {
            Some((_, kind, classes)) => {
                self.add("dct:type", ldt(kind));
                for class in *classes {
                    self.add("rdf:type", expand(class));
                }
            }
            None => self.drop_value(format!(
                "Category {category:?} is none of {:?}",
                KINDS.map(|k| k.0)
            )),
        }
        self.facet("Layer", "layer", get("Layer"), &LAYERS);
        for scope in list(get("Scope")) {
            self.facet("Scope", "scope", scope, &SCOPES);
        }
        for origin in list(get("Origin")) {
            self.facet("Origin", "origin", origin, &ORIGINS);
        }
        for mim in list(get("MIMs")) {
            match mim.strip_prefix("MIM").map(str::as_bytes) {
                Some([digit @ b'0'..=b'8']) => {
                    self.add("ldt:mim", ldt(&format!("mim-{}", *digit as char)))
                }
                _ => self.drop_value(format!("MIM {mim:?} is none of MIM0 to MIM8")),
            }
        }
        let maintainer = get("Maintainer").trim();
        if !maintainer.is_empty() {
            let agent = NamedNode::new_unchecked(format!("{BASE}agent/{}", slug(maintainer)));
            self.add("dct:publisher", agent.clone());
            self.say(&agent, "rdf:type", expand("foaf:Agent"));
            self.say(&agent, "foaf:name", Literal::new_simple_literal(maintainer));
        }
        let country = get("Country").trim();
        if !country.is_empty() {
            if country.len() == 3 && country.bytes().all(|b| b.is_ascii_uppercase()) {
                self.add("dct:spatial", eu("country", country));
            } else {
                self.drop_value(format!(
                    "Country {country:?} is no three-letter code such as ITA"
                ));
            }
        }
        let licence = self.licence(get("License").trim());
        for letter in ["A", "B", "C", "D", "E"] {
            let (label, url) = (
                get(&format!("{letter} Resource")).trim(),
                get(&format!("{letter} Link")).trim(),
            );
            match (label.is_empty(), url.is_empty()) {
                (true, true) => {}
                (false, false) => self.link(label, url, licence.as_ref()),
                _ => self.drop_value(format!(
                    "link {letter} has {label:?} and {url:?}; it needs a label and an address"
                )),
            }
        }
    }

    fn facet(&mut self, column: &str, name: &str, value: &str, known: &[&str]) {
        let value = value.trim();
        if known.contains(&value) {
            self.add(&format!("ldt:{name}"), concept(name, value));
        } else if !value.is_empty() {
            self.drop_value(format!("{column} {value:?} is none of {known:?}"));
        }
    }

    fn licence(&mut self, spdx: &str) -> Option<NamedNode> {
        if spdx.is_empty() {
            return None;
        }
        let found = LICENCES
            .iter()
            .find(|(id, _)| *id == spdx)
            .map(|(_, code)| eu("licence", code));
        if found.is_none() {
            self.drop_value(format!(
                "License {spdx:?} has no value in the EU licence list"
            ));
        }
        found
    }

    fn link(&mut self, label: &str, url: &str, licence: Option<&NamedNode>) {
        let target = match NamedNode::new(url) {
            Ok(n) if url.starts_with("http://") || url.starts_with("https://") => n,
            _ => {
                return self.drop_value(format!(
                    "link {label:?}: {url:?} is no http or https address"
                ));
            }
        };
        let predicate = match label {
            "Website" => "dcat:landingPage",
            "Documentation" | "Installation guide" | "User manual" | "Guideline" => "foaf:page",
            _ => "dcat:distribution",
        };
        if predicate != "dcat:distribution" {
            self.add(predicate, target.clone());
            return self.say(&target, "rdf:type", expand("foaf:Document"));
        }
        if label == "Git" {
            self.add("schema:codeRepository", target.clone());
        }
        let node = NamedNode::new_unchecked(format!(
            "{}#distribution-{}",
            self.subject.as_str(),
            &hash(url)[..12]
        ));
        self.add("dcat:distribution", node.clone());
        self.say(&node, "rdf:type", expand("dcat:Distribution"));
        self.say(&node, "rdf:type", expand("adms:AssetDistribution"));
        self.say(
            &node,
            "dct:title",
            Literal::new_language_tagged_literal_unchecked(label, "en"),
        );
        self.say(&node, "dcat:accessURL", target);
        if let Some(licence) = licence {
            self.say(&node, "dct:license", licence.clone());
        }
        let format = [
            (".pdf", "PDF", "application/pdf"),
            (".jsonld", "JSON_LD", "application/ld+json"),
            (".json", "JSON", "application/json"),
            (".ttl", "RDF_TURTLE", "text/turtle"),
        ]
        .into_iter()
        .find(|(ending, ..)| url.ends_with(ending));
        if let Some((_, code, media)) = format {
            self.say(&node, "dct:format", eu("file-type", code));
            self.say(
                &node,
                "dcat:mediaType",
                NamedNode::new_unchecked(format!(
                    "https://www.iana.org/assignments/media-types/{media}"
                )),
            );
        }
    }
}

fn list(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(',').map(str::trim).filter(|s| !s.is_empty())
}

/// The 22 columns back from a record's graph; the inverse of [`read`] but for dropped values.
pub fn row(key: &str, subject: &str, graph: &[Triple]) -> Vec<String> {
    let one = |p: &str| {
        crate::record::text(graph, subject, &expand(p))
            .unwrap_or_default()
            .to_owned()
    };
    let facet = |p: &str, prefix: &str, labels: &[&str]| {
        let predicate = expand(p);
        let found: Vec<_> = crate::record::links(graph, subject, &predicate)
            .cloned()
            .collect();
        labels
            .iter()
            .filter(|l| found.contains(&concept(prefix, l)))
            .copied()
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mims: Vec<String> = (0..9).map(|n| format!("MIM{n}")).collect();
    let mims: Vec<&str> = mims.iter().map(String::as_str).collect();
    let (kind, mim) = (expand("dct:type"), expand("ldt:mim"));
    let category = crate::record::links(graph, subject, &kind)
        .find_map(|n| KINDS.iter().find(|k| ldt(k.1) == *n))
        .map_or("", |k| k.0);
    let found: Vec<_> = crate::record::links(graph, subject, &mim)
        .cloned()
        .collect();
    let mims = mims
        .iter()
        .filter(|m| found.contains(&ldt(&format!("mim-{}", &m[3..]))))
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    let publisher = expand("dct:publisher");
    let maintainer = crate::record::links(graph, subject, &publisher)
        .find_map(|a| crate::record::text(graph, a.as_str(), &expand("foaf:name")))
        .unwrap_or_default();
    let mut links: Vec<(String, String)> = Vec::new();
    for (p, label) in [
        ("dcat:landingPage", "Website"),
        ("foaf:page", "Documentation"),
    ] {
        links.extend(
            crate::record::links(graph, subject, &expand(p))
                .map(|n| (label.to_owned(), n.as_str().to_owned())),
        );
    }
    for d in crate::record::links(graph, subject, &expand("dcat:distribution")) {
        let title = crate::record::text(graph, d.as_str(), &expand("dct:title"))
            .unwrap_or("Link")
            .to_owned();
        links.extend(
            crate::record::links(graph, d.as_str(), &expand("dcat:accessURL"))
                .map(|n| (title.clone(), n.as_str().to_owned())),
        );
    }
    let index = key.strip_prefix("index:").unwrap_or_default().to_owned();
    let mut row = vec![
        index,
        one("skos:altLabel"),
        one("dct:title"),
        maintainer.to_owned(),
        one("dcat:version"),
        category.to_owned(),
        facet("ldt:layer", "layer", &LAYERS),
        facet("ldt:scope", "scope", &SCOPES),
        facet("ldt:origin", "origin", &ORIGINS),
        mims,
        one("dct:description"),
    ];
    links.resize(5, (String::new(), String::new()));
    row.extend(links.into_iter().flat_map(|(label, url)| [label, url]));
    row.push("Y".into());
    row
}

/// Classes that follow from a kind, so that readers can tell what was asserted.
pub fn is_typed(graph: &[Triple], subject: &str, class: &NamedNode) -> bool {
    graph.iter().any(|t| {
        crate::record::is_subject(t, subject)
            && t.predicate == rdf::TYPE
            && t.object == Term::from(class.clone())
    })
}
