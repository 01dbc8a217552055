//! The library's sheet, 22 columns read by name, and the JSON list that stands in for it, into
//! drafts: what the existing page does with a row, except that nothing vanishes silently.
use super::Parsed;
use crate::error::{Error, Result};
use crate::record::statement::{links, text};
use crate::record::vocab::{BASE, eu, expand, ldt};
use crate::record::{Draft, Finding, Outcome, Says, canonical, hash, slug};
use oxigraph::model::{Literal, NamedNode, Term, Triple};
use serde_json::Value;
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

/// Columns that are taken where they are there.
const EXTRA: [&str; 2] = ["License", "Country"];

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
/// Category of the sheet, local name of the kind, further classes (every entry is a
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
    ("GPL-2.0-only", "GPL_2_0"),
    ("GPL-3.0-or-later", "GPL_3_0_OR_LATER"),
    ("GPL-3.0-only", "GPL_3_0"),
    ("AGPL-3.0-or-later", "AGPL_3_0_OR_LATER"),
    ("AGPL-3.0-only", "AGPL_3_0"),
    ("EUPL-1.2", "EUPL_1_2"),
    ("LGPL-2.1-or-later", "LGPL_2_1_OR_LATER"),
    ("MPL-2.0", "MPL_2_0"),
];

/// Link labels of the sheet that stand for a property of the entry; any other label makes a
/// distribution. The first of each property is the label given back.
const LINKS: [(&str, &str); 9] = [
    ("Website", "dcat:landingPage"),
    ("Documentation", "foaf:page"),
    ("Installation guide", "foaf:page"),
    ("User manual", "foaf:page"),
    ("Guideline", "foaf:page"),
    ("API", "dcat:endpointURL"),
    ("Endpoint", "dcat:endpointURL"),
    ("SPARQL endpoint", "dcat:endpointURL"),
    ("Service", "dcat:endpointURL"),
];

/// The properties that a row speaks about; what else is known of an entry stays.
const SPOKEN: [&str; 22] = [
    "rdf:type",
    "dct:title",
    "skos:altLabel",
    "dct:description",
    "dcat:version",
    "ldt:index",
    "dct:type",
    "dcat:keyword",
    "ldt:layer",
    "ldt:scope",
    "ldt:origin",
    "ldt:mim",
    "dct:publisher",
    "dcat:contactPoint",
    "dcat:landingPage",
    "foaf:page",
    "foaf:name",
    "dcat:distribution",
    "schema:codeRepository",
    "ldt:licence",
    "dct:license",
    "dct:spatial",
];

/// What a column takes, where that is a list: each label of the sheet with its concept.
pub fn choices(column: &str) -> Vec<(&'static str, String)> {
    let facet = |name: &str, labels: &[&'static str]| {
        let choice = |label: &&'static str| (*label, concept(name, label).into_string());
        labels.iter().map(choice).collect()
    };
    match column {
        "Category" => {
            let kinds = KINDS.iter().map(|k| (k.0, ldt(k.1).into_string()));
            kinds.collect()
        }
        "Layer" => facet("layer", &LAYERS),
        "Scope" => facet("scope", &SCOPES),
        "Origin" => facet("origin", &ORIGINS),
        "MIMs" => {
            let mims = ["0", "1", "2", "3", "4", "5", "6", "7", "8"];
            let labels = [
                "MIM0", "MIM1", "MIM2", "MIM3", "MIM4", "MIM5", "MIM6", "MIM7", "MIM8",
            ];
            let concepts = mims.map(|n| ldt(&format!("mim-{n}")).into_string());
            labels.into_iter().zip(concepts).collect()
        }
        _ => Vec::new(),
    }
}

/// Licences by short name in lower case, for a sheet that has no column for them.
pub type Licences = HashMap<String, String>;

/// The concept a label of the sheet stands for.
fn concept(prefix: &str, label: &str) -> NamedNode {
    let local = match label {
        "Interoperability & MIMs" => "interoperability-mims".to_owned(),
        _ => slug(label),
    };
    ldt(&format!("{prefix}-{local}"))
}

/// Reads licences: columns `Short name` and `License` (an SPDX identifier).
///
/// # Errors
/// It is no CSV with these columns.
pub fn licences(bytes: &[u8]) -> Result<Licences> {
    let mut reader = csv::Reader::from_reader(bytes);
    reader
        .deserialize()
        .map(|row| {
            let (name, licence): (String, String) =
                row.map_err(|e| Error::bad_input(format!("licences: {e}")))?;
            Ok((name.to_lowercase(), licence))
        })
        .collect()
}

/// Reads a sheet.
///
/// # Errors
/// HTML, a header without one of the 22 columns, or no row at all: nothing can be used then. A
/// bad row is a [`Finding`] instead.
pub fn read(bytes: &[u8], licences: &Licences) -> Result<Parsed> {
    let text = utf8(bytes)?;
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
    let mut rows = Rows::default();
    let mut columns: HashMap<&str, usize> = HashMap::new();
    let mut unread = 0;
    for (at, heading) in header.iter().map(str::trim).enumerate() {
        let reason = if columns.contains_key(heading) {
            "is there twice; the first is read"
        } else if heading.is_empty() || HEADER.contains(&heading) || EXTRA.contains(&heading) {
            columns.insert(heading, at);
            continue;
        } else {
            "is not part of the sheet"
        };
        if heading.is_empty() {
            continue;
        }
        unread += 1;
        if unread <= UNREAD {
            let reason = format!("the column {heading:?} {reason}");
            rows.find(1, "", Outcome::Dropped, reason);
        }
    }
    if unread > UNREAD {
        let reason = format!("{} more columns are not read", unread - UNREAD);
        rows.find(1, "", Outcome::Dropped, reason);
    }
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
    let mut any = false;
    let mut lines = Lines::default();
    for row in reader.records() {
        any = true;
        let row = match row {
            Ok(row) => row,
            Err(e) => {
                rows.skip(lines.at(text, e.position()), "", e.to_string());
                continue;
            }
        };
        let line = lines.at(text, row.position());
        let get = |name: &str| columns.get(name).and_then(|&i| row.get(i)).unwrap_or("");
        let short = get("Short name").trim();
        let shown = get("KH?") == "Y";
        rows.kept += u64::from(shown);
        // Before the mark, which too many cells push out of its column.
        if row.len() > header.len() {
            let reason = format!(
                "{} cells under {} headings; a comma inside a cell needs quotes",
                row.len(),
                header.len()
            );
            rows.skip(line, short, reason);
            continue;
        }
        if !shown {
            let reason = format!(
                "KH? is {:?}; only rows with exactly \"Y\" are shown",
                get("KH?")
            );
            rows.find(line, short, Outcome::Hidden, reason);
            continue;
        }
        let licence = licences.get(&short.to_lowercase());
        let mut silent = Vec::new();
        if !columns.contains_key("License") && licences.is_empty() {
            silent.extend(["ldt:licence", "dct:license"]);
        }
        if !columns.contains_key("Country") {
            silent.push("dct:spatial");
        }
        rows.take(line, &[], &silent, |name| match get(name).trim() {
            "" if name == "License" => licence.map_or("", String::as_str),
            cell => cell,
        });
    }
    if !any {
        return Err(Error::bad_input(
            "an empty sheet: a header and no row below it",
        ));
    }
    Ok(rows.parsed)
}

/// Reads the JSON list that the existing page falls back to: an array of objects, or an object
/// with one under `resources`. `scope` and `mims` may be a string or a list.
///
/// # Errors
/// It is no JSON, or holds no list of objects.
pub fn read_json(bytes: &[u8]) -> Result<Parsed> {
    let text = utf8(bytes)?;
    let document: Value = serde_json::from_str(text).map_err(|e| {
        let found = if text.trim_start().starts_with('<') {
            "HTML or XML where JSON was expected"
        } else {
            "not JSON"
        };
        Error::bad_input(format!("{found}: {e}"))
    })?;
    let list = document.as_array().or_else(|| {
        document
            .as_object()
            .and_then(|o| o.values().find_map(Value::as_array))
    });
    let list = list
        .filter(|l| !l.is_empty())
        .ok_or_else(|| Error::bad_input("no list of entries: an array of objects is wanted"))?;
    let mut rows = Rows::default();
    let mut at = 0;
    for entry in list {
        // The line of the entry's identifier, where the text shows it.
        let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
        let quoted = format!("{id:?}");
        let line = match text[at..].find(&quoted).filter(|_| !id.is_empty()) {
            Some(found) => {
                at += found + quoted.len();
                text[..at].lines().count() as u64
            }
            None => 0,
        };
        let Some(object) = entry.as_object() else {
            rows.skip(line, "", "an entry that is no object".into());
            continue;
        };
        rows.kept += 1;
        let scalar = |value: &Value| match value {
            Value::String(text) => Some(text.trim().to_owned()),
            Value::Number(n) => Some(n.to_string()),
            _ => None,
        };
        let cell = |key: &str| match object.get(key) {
            Some(Value::Array(items)) => {
                let items: Vec<String> = items.iter().filter_map(scalar).collect();
                items.join(", ")
            }
            Some(value) => scalar(value).unwrap_or_default(),
            None => String::new(),
        };
        let link = |key| (!cell(key).is_empty(), cell(key));
        let (docs, git) = (link("docs"), link("git"));
        let label = |present: bool, label: &str| if present { label } else { "" }.to_owned();
        let columns: HashMap<&str, String> = HashMap::from([
            ("Index", cell("id")),
            ("Short name", cell("short_name")),
            ("Long name", cell("long_name")),
            ("Maintainer", cell("maintainer")),
            ("Version", cell("version")),
            ("Category", cell("category")),
            ("Layer", cell("thematic_area")),
            ("Scope", cell("scope")),
            ("Origin", cell("origin")),
            ("MIMs", cell("mims")),
            ("Description", cell("description")),
            ("License", cell("license")),
            ("Country", cell("country")),
            ("A Resource", label(docs.0, "Documentation")),
            ("A Link", docs.1),
            ("B Resource", label(git.0, "Git")),
            ("B Link", git.1),
        ]);
        let tags = cell("tags");
        let tags: Vec<&str> = list_of(&tags).collect();
        let mut silent = Vec::new();
        if !object.contains_key("license") {
            silent.extend(["ldt:licence", "dct:license"]);
        }
        if !object.contains_key("country") {
            silent.push("dct:spatial");
        }
        rows.take(line, &tags, &silent, |name| {
            columns.get(name).map_or("", String::as_str)
        });
        let known = [
            "id",
            "short_name",
            "long_name",
            "thematic_area",
            "category",
            "scope",
            "type",
            "tags",
            "mims",
            "maintainer",
            "version",
            "docs",
            "git",
            "description",
            "origin",
            "license",
            "country",
        ];
        for (key, value) in object {
            let items = value.as_array().map_or(std::slice::from_ref(value), |a| a);
            let reason = if !known.contains(&key.as_str()) {
                "is not part of this form"
            } else if items.iter().any(|v| scalar(v).is_none() && !v.is_null()) {
                "holds more than text, numbers or a list of them"
            } else {
                continue;
            };
            rows.parsed.findings.push(Finding {
                line,
                entry: cell("short_name"),
                outcome: Outcome::Dropped,
                reason: format!("the key {key:?} {reason}"),
            });
        }
    }
    Ok(rows.parsed)
}

/// Columns without a meaning that are named one by one.
const UNREAD: usize = 50;

fn utf8(bytes: &[u8]) -> Result<&str> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Error::bad_input(
            "UTF-16, as spreadsheets write \"Unicode text\"; save the file as CSV in UTF-8",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        Error::bad_input(format!(
            "not UTF-8: byte {} cannot be read; save the file as UTF-8",
            e.valid_up_to()
        ))
    })?;
    Ok(text.trim_start_matches('\u{feff}'))
}

/// Counts lines on the way through a sheet. The reader's own count is that of the line before where
/// lines end in CRLF or are empty.
struct Lines {
    byte: usize,
    line: u64,
}

impl Default for Lines {
    fn default() -> Self {
        Self { byte: 0, line: 1 }
    }
}

impl Lines {
    fn at(&mut self, text: &str, position: Option<&csv::Position>) -> u64 {
        let Some(begin) = position.and_then(|p| usize::try_from(p.byte()).ok()) else {
            return 0;
        };
        let blank = |c: &u8| matches!(c, b'\r' | b'\n');
        let bytes = text.as_bytes();
        let begin = begin + bytes[begin..].iter().take_while(|c| blank(c)).count();
        let ends = bytes[self.byte..begin].iter().filter(|c| **c == b'\n');
        self.line += ends.count() as u64;
        self.byte = begin;
        self.line
    }
}

/// Rows read so far.
#[derive(Default)]
struct Rows {
    parsed: Parsed,
    /// Rows that are shown, named or not: a missing Index counts them.
    kept: u64,
    keys: HashSet<String>,
}

impl Rows {
    fn skip(&mut self, line: u64, entry: &str, reason: String) {
        self.find(line, entry, Outcome::Skipped, reason);
    }

    fn find(&mut self, line: u64, entry: &str, outcome: Outcome, reason: String) {
        self.parsed.findings.push(Finding {
            line,
            entry: entry.to_owned(),
            outcome,
            reason,
        });
    }

    /// Makes a draft of a row. `silent` are properties for which this source has no column.
    fn take<'r>(
        &mut self,
        line: u64,
        tags: &[&str],
        silent: &[&str],
        get: impl Fn(&str) -> &'r str,
    ) {
        let short = get("Short name").trim();
        if short.is_empty() {
            return self.skip(line, "", "no Short name".into());
        }
        let index = get("Index").trim();
        // A generated Index shifts when rows move, so identity rests on the name then.
        let (shown, key) = if index.is_empty() {
            let shown = format!("r{:03}", self.kept);
            (shown, format!("name:{}", short.to_lowercase()))
        } else {
            (index.to_owned(), format!("index:{index}"))
        };
        if !self.keys.insert(key.clone()) {
            let reason = format!("{shown} is there twice; the first row is kept");
            return self.skip(line, short, reason);
        }
        let name = slug(short);
        let mut entry = Entry {
            subject: NamedNode::new_unchecked(format!("{BASE}resource/{name}")),
            graph: Vec::new(),
            findings: &mut self.parsed.findings,
            line,
            short,
        };
        entry.fill(&get, tags);
        let draft = Draft {
            key,
            iri: entry.subject.into_string(),
            slug: name,
            content: canonical(&entry.graph),
            line: Some(line).filter(|l| *l > 0),
            says: Says::Only(
                SPOKEN
                    .iter()
                    .filter(|p| !silent.contains(p))
                    .map(|p| (*p).to_owned())
                    .collect(),
            ),
        };
        self.parsed.drafts.push(draft);
    }
}

struct Entry<'a> {
    subject: NamedNode,
    graph: Vec<Triple>,
    findings: &'a mut Vec<Finding>,
    line: u64,
    short: &'a str,
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
            self.add(predicate, english(text));
        }
    }

    /// A node below the entry, named by what identifies it.
    fn below(&self, role: &str, what: &str) -> NamedNode {
        let subject = self.subject.as_str();
        NamedNode::new_unchecked(format!("{subject}#{role}-{}", &hash(what)[..12]))
    }

    fn drop_value(&mut self, reason: String) {
        self.findings.push(Finding {
            line: self.line,
            entry: self.short.to_owned(),
            outcome: Outcome::Dropped,
            reason,
        });
    }

    fn fill<'r>(&mut self, get: &impl Fn(&str) -> &'r str, tags: &[&str]) {
        for class in ["dcat:Dataset", "dcat:Resource", "adms:Asset"] {
            self.add("rdf:type", expand(class));
        }
        let short = self.short;
        let long = get("Long name").trim();
        self.english("dct:title", if long.is_empty() { short } else { long });
        self.english("skos:altLabel", short);
        self.english("dct:description", get("Description").trim());
        for (column, property) in [("Version", "dcat:version"), ("Index", "ldt:index")] {
            let value = get(column).trim();
            if !value.is_empty() {
                self.add(property, Literal::new_simple_literal(value));
            }
        }
        let category = get("Category").trim();
        match KINDS.iter().find(|(label, ..)| *label == category) {
            Some((_, kind, classes)) => {
                self.add("dct:type", ldt(kind));
                for class in *classes {
                    self.add("rdf:type", expand(class));
                }
            }
            None if category.is_empty() => {}
            None => self.drop_value(format!(
                "Category {category:?} is none of {:?}",
                KINDS.map(|k| k.0)
            )),
        }
        self.facet("Layer", "layer", get("Layer"), &LAYERS);
        for scope in list_of(get("Scope")) {
            self.facet("Scope", "scope", scope, &SCOPES);
        }
        for origin in list_of(get("Origin")) {
            self.facet("Origin", "origin", origin, &ORIGINS);
        }
        for mim in list_of(get("MIMs")) {
            match mim.strip_prefix("MIM").map(str::as_bytes) {
                Some([digit @ b'0'..=b'8']) => {
                    self.add("ldt:mim", ldt(&format!("mim-{}", *digit as char)));
                }
                _ => self.drop_value(format!("MIM {mim:?} is none of MIM0 to MIM8")),
            }
        }
        for tag in tags {
            self.keyword(tag);
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
        let mut website = None;
        for letter in ["A", "B", "C", "D", "E"] {
            let (label, url) = (
                get(&format!("{letter} Resource")).trim(),
                get(&format!("{letter} Link")).trim(),
            );
            match (label.is_empty(), url.is_empty()) {
                (true, true) => {}
                (false, false) => {
                    let target = self.link(label, url, licence.as_ref());
                    website = website.or(target.filter(|_| label == "Website"));
                }
                _ => self.drop_value(format!(
                    "link {letter} has {label:?} and {url:?}; it needs a label and an address"
                )),
            }
        }
        self.maintainer(get("Maintainer").trim(), website);
    }

    /// The maintainer as publisher and, where there is a website, as the one to turn to.
    fn maintainer(&mut self, name: &str, website: Option<NamedNode>) {
        if name.is_empty() {
            return;
        }
        let agent = NamedNode::new_unchecked(format!("{BASE}agent/{}", slug(name)));
        self.add("dct:publisher", agent.clone());
        self.say(&agent, "rdf:type", expand("foaf:Agent"));
        self.say(&agent, "foaf:name", Literal::new_simple_literal(name));
        if let Some(website) = website {
            let contact = self.below("contact", website.as_str());
            self.add("dcat:contactPoint", contact.clone());
            self.say(&contact, "rdf:type", expand("vcard:Kind"));
            self.say(&contact, "vcard:fn", Literal::new_simple_literal(name));
            self.say(&contact, "vcard:hasURL", website);
        }
    }

    /// A free keyword in the characters that portals take: others refuse the whole entry for it.
    fn keyword(&mut self, tag: &str) {
        let clean: String = tag
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || " -_.".contains(c) {
                    c
                } else {
                    '-'
                }
            })
            .take(100)
            .collect();
        if clean.chars().count() < 2 {
            return self.drop_value(format!("the tag {tag:?} is shorter than two characters"));
        }
        self.add("dcat:keyword", english(&clean));
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
        let is_name = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
        match &found {
            // The licence of the thing; those of its distributions repeat it.
            Some(licence) => self.add("ldt:licence", licence.clone()),
            None if spdx.chars().all(is_name) => {
                let licence = format!("http://spdx.org/licenses/{spdx}");
                self.add("ldt:licence", NamedNode::new_unchecked(licence));
                self.findings.push(Finding {
                    line: self.line,
                    entry: self.short.to_owned(),
                    outcome: Outcome::Noted,
                    reason: format!(
                        "License {spdx:?} is not in the EU licence list: it is shown, and distributions carry none"
                    ),
                });
            }
            None => self.drop_value(format!(
                "License {spdx:?} is no single SPDX identifier such as {:?}",
                LICENCES[0].0
            )),
        }
        found
    }

    fn link(&mut self, label: &str, url: &str, licence: Option<&NamedNode>) -> Option<NamedNode> {
        let target = match NamedNode::new(url) {
            Ok(n) if url.starts_with("http://") || url.starts_with("https://") => n,
            _ => {
                self.drop_value(format!(
                    "link {label:?}: {url:?} is no http or https address"
                ));
                return None;
            }
        };
        let known = LINKS.iter().find(|(l, _)| *l == label);
        match known.map(|k| k.1) {
            Some(property @ ("dcat:landingPage" | "foaf:page")) => {
                self.add(property, target.clone());
                self.say(&target, "rdf:type", expand("foaf:Document"));
                if LINKS.iter().find(|(_, p)| *p == property) != known {
                    self.say(&target, "dct:title", english(label));
                }
                return Some(target);
            }
            Some(_) => self.service(label, &target),
            None => {}
        }
        if label == "Git" {
            self.add("schema:codeRepository", target.clone());
        }
        let node = self.below("distribution", url);
        self.add("dcat:distribution", node.clone());
        self.say(&node, "rdf:type", expand("dcat:Distribution"));
        self.say(&node, "rdf:type", expand("adms:AssetDistribution"));
        self.say(&node, "dct:title", english(label));
        self.say(&node, "dcat:accessURL", target.clone());
        if known.is_some() {
            let service = self.below("service", url);
            self.say(&node, "dcat:accessService", service);
        }
        if let Some(licence) = licence {
            self.say(&node, "dct:license", licence.clone());
        }
        let path = url.split(['?', '#']).next().unwrap_or(url);
        let format = FORMATS.iter().find(|(ending, ..)| path.ends_with(ending));
        if let Some((_, code, media)) = format {
            self.say(&node, "dct:format", eu("file-type", code));
            let types = "https://www.iana.org/assignments/media-types/";
            let media = NamedNode::new_unchecked(format!("{types}{media}"));
            self.say(&node, "dcat:mediaType", media);
        }
        Some(target)
    }

    /// A live endpoint is a node of its own, so that clients of services find it.
    fn service(&mut self, label: &str, target: &NamedNode) {
        let node = self.below("service", target.as_str());
        let title = format!("{}: {label}", self.short);
        self.say(&node, "rdf:type", expand("dcat:DataService"));
        self.say(&node, "rdf:type", expand("dcat:Resource"));
        self.say(&node, "dct:title", english(&title));
        let identifier = Literal::new_simple_literal(node.as_str());
        self.say(&node, "dct:identifier", identifier);
        self.say(&node, "dcat:endpointURL", target.clone());
        let entry = self.subject.clone();
        self.say(&node, "dcat:servesDataset", entry);
    }
}

/// File endings with their EU file type and IANA media type.
const FORMATS: [(&str, &str, &str); 9] = [
    (".pdf", "PDF", "application/pdf"),
    (".jsonld", "JSON_LD", "application/ld+json"),
    (".json", "JSON", "application/json"),
    (".ttl", "RDF_TURTLE", "text/turtle"),
    (".xml", "XML", "application/xml"),
    (".csv", "CSV", "text/csv"),
    (".zip", "ZIP", "application/zip"),
    (".html", "HTML", "text/html"),
    (".md", "TXT", "text/markdown"),
];

fn english(text: &str) -> Literal {
    Literal::new_language_tagged_literal_unchecked(text, "en")
}

fn list_of(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(',').map(str::trim).filter(|s| !s.is_empty())
}

/// The 22 columns back from a record's content; the inverse of [`read`] but for dropped values. An
/// entry that came without an Index has its `slug` there, by which it is known again.
pub fn row(slug: &str, subject: &str, content: &str) -> Vec<String> {
    let one = |p: &str| text(content, subject, p).unwrap_or_default().into_owned();
    let facet = |p: &str, prefix: &str, labels: &[&str]| {
        let found: HashSet<&str> = links(content, subject, p).collect();
        labels
            .iter()
            .filter(|l| found.contains(concept(prefix, l).as_str()))
            .copied()
            .collect::<Vec<_>>()
            .join(", ")
    };
    let category = links(content, subject, "dct:type")
        .find_map(|n| KINDS.iter().find(|k| ldt(k.1).as_str() == n))
        .map_or("", |k| k.0);
    let mut mims: Vec<String> = links(content, subject, "ldt:mim")
        .filter_map(|n| n.strip_prefix(ldt("mim-").as_str()))
        .map(|digit| format!("MIM{digit}"))
        .collect();
    mims.sort();
    let maintainer = links(content, subject, "dct:publisher")
        .find_map(|a| text(content, a, "foaf:name"))
        .unwrap_or_default()
        .into_owned();
    let mut row = vec![
        one("ldt:index"),
        one("skos:altLabel"),
        one("dct:title"),
        maintainer,
        one("dcat:version"),
        category.to_owned(),
        facet("ldt:layer", "layer", &LAYERS),
        facet("ldt:scope", "scope", &SCOPES),
        facet("ldt:origin", "origin", &ORIGINS),
        mims.join(", "),
        one("dct:description"),
    ];
    if row[0].is_empty() {
        row[0] = slug.to_owned();
    }
    if row[1].is_empty() {
        // An entry from elsewhere has no short name, and the page shows none without.
        row[1] = row[2].clone();
    }
    let mut links = labelled_links(subject, content);
    links.resize(5, (String::new(), String::new()));
    row.extend(links.into_iter().flat_map(|(label, url)| [label, url]));
    row.push("Y".into());
    row
}

/// The cells of the columns `License` and `Country`; empty where there is nothing, or nothing that the
/// sheet can say.
pub fn licence_and_country(subject: &str, content: &str) -> (String, String) {
    let licence = links(content, subject, "ldt:licence").find_map(|iri| {
        let known = LICENCES
            .iter()
            .find(|(_, code)| eu("licence", code).as_str() == iri);
        let spdx = known.map(|(id, _)| *id);
        spdx.or_else(|| iri.strip_prefix("http://spdx.org/licenses/"))
    });
    let countries = format!("{}country/", crate::record::vocab::EU);
    let country = links(content, subject, "dct:spatial").find_map(|p| p.strip_prefix(&countries));
    let owned = |cell: Option<&str>| cell.unwrap_or_default().to_owned();
    (owned(licence), owned(country))
}

/// The links of an entry with their labels, those that readers want first in front.
pub fn labelled_links(subject: &str, content: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (property, label) in [
        ("dcat:landingPage", "Website"),
        ("foaf:page", "Documentation"),
    ] {
        for page in links(content, subject, property) {
            let label = text(content, page, "dct:title").unwrap_or(label.into());
            found.push((label.into_owned(), page.to_owned()));
        }
    }
    for node in links(content, subject, "dcat:distribution") {
        let label = text(content, node, "dct:title").unwrap_or("Link".into());
        for address in links(content, node, "dcat:accessURL") {
            found.push((label.to_string(), address.to_owned()));
        }
    }
    let rank = |label: &str| {
        ["Website", "Documentation", "Specification", "Git"]
            .iter()
            .position(|l| *l == label)
            .unwrap_or(4)
    };
    found.sort_by(|a, b| (rank(&a.0), a).cmp(&(rank(&b.0), b)));
    found
}
