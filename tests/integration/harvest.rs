//! The catalogue as harvesters read it: what a page must hold, and imitations of the clients that
//! are known to come, each with its own way from page to page.
use crate::support::{Answer, PUBLIC, Server, directory, import, launch, library, ready, run};
use oxigraph::io::{JsonLdProfileSet, RdfFormat, RdfParser};
use oxigraph::model::{NamedOrBlankNode, Term};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
const DCAT: &str = "http://www.w3.org/ns/dcat#";
const DCT: &str = "http://purl.org/dc/terms/";
const HYDRA: &str = "http://www.w3.org/ns/hydra/core#";

const JSON_LD: RdfFormat = RdfFormat::JsonLd {
    profile: JsonLdProfileSet::empty(),
};

/// Extensions with the syntax behind each.
const SYNTAXES: [(&str, RdfFormat); 7] = [
    ("ttl", RdfFormat::Turtle),
    ("nt", RdfFormat::NTriples),
    ("rdf", RdfFormat::RdfXml),
    ("xml", RdfFormat::RdfXml),
    ("jsonld", JSON_LD),
    ("json", JSON_LD),
    ("trig", RdfFormat::TriG),
];

/// Statements as N-Triples lines; a blank node or a named graph is an error.
pub fn graph(bytes: &[u8], format: RdfFormat) -> BTreeSet<String> {
    RdfParser::from_format(format)
        .for_slice(bytes)
        .map(|quad| {
            let quad = quad.expect("parses");
            assert!(
                quad.graph_name.is_default_graph(),
                "{quad} is in a graph of its own"
            );
            let blank = matches!(quad.subject, NamedOrBlankNode::BlankNode(_))
                || matches!(quad.object, Term::BlankNode(_));
            assert!(!blank, "{quad} has a blank node");
            format!("{} {} {}", quad.subject, quad.predicate, quad.object)
        })
        .collect()
}

/// Subject, predicate and object without their angle brackets.
type Triple = (String, String, String);

fn triples(graph: &BTreeSet<String>) -> Vec<Triple> {
    let bare = |term: &str| {
        term.strip_prefix('<')
            .and_then(|t| t.strip_suffix('>'))
            .unwrap_or(term)
            .to_owned()
    };
    graph
        .iter()
        .map(|line| {
            let mut terms = line.splitn(3, ' ').map(bare);
            let mut next = || terms.next().expect("a term");
            (next(), next(), next())
        })
        .collect()
}

/// Objects of a subject's property, or of everyone's.
fn objects<'a>(all: &'a [Triple], subject: Option<&str>, property: &str) -> BTreeSet<&'a str> {
    all.iter()
        .filter(|t| subject.is_none_or(|s| t.0 == s) && t.1 == property)
        .map(|t| t.2.as_str())
        .collect()
}

/// Subjects of a class.
fn instances<'a>(all: &'a [Triple], class: &str) -> BTreeSet<&'a str> {
    all.iter()
        .filter(|t| t.1 == TYPE && t.2 == class)
        .map(|t| t.0.as_str())
        .collect()
}

fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    server.ask("GET", path, headers, b"")
}

/// The path that a link of ours leads to; it must lead below the public address.
fn path(link: &str) -> String {
    link.strip_prefix(PUBLIC)
        .unwrap_or_else(|| panic!("{link} leads elsewhere"))
        .to_owned()
}

/// Checks that a page stands alone, and gives its entries.
fn stands_alone(name: &str, all: &[Triple]) -> BTreeSet<String> {
    let catalogue = format!("{PUBLIC}/catalog");
    assert_eq!(
        instances(all, &format!("{DCAT}Catalog")),
        BTreeSet::from([catalogue.as_str()]),
        "{name}"
    );
    for property in [
        "title",
        "description",
        "publisher",
        "license",
        "language",
        "spatial",
    ] {
        assert!(
            !objects(all, Some(&catalogue), &format!("{DCT}{property}")).is_empty(),
            "{name}: no {property}"
        );
    }
    let listed = objects(all, Some(&catalogue), &format!("{DCAT}dataset"));
    // A data set that is not listed is taken for an entry, or aborts a run for want of a title.
    assert_eq!(instances(all, &format!("{DCAT}Dataset")), listed, "{name}");
    for class in ["Dataset", "DataService", "DatasetSeries", "Catalog"] {
        for node in instances(all, &format!("{DCAT}{class}")) {
            assert!(
                !objects(all, Some(node), &format!("{DCT}title")).is_empty(),
                "{name}: {node} has no title"
            );
        }
    }
    let described: BTreeSet<&str> = all.iter().map(|t| t.0.as_str()).collect();
    for entry in &listed {
        for property in ["description", "identifier"] {
            assert!(
                !objects(all, Some(entry), &format!("{DCT}{property}")).is_empty(),
                "{name}: {entry} has no {property}"
            );
        }
    }
    let identifiers = objects(all, None, &format!("{DCT}identifier"));
    assert!(
        identifiers.len() >= listed.len(),
        "{name}: an identifier stands twice"
    );
    // What is named is described on the same page.
    for property in [
        "http://purl.org/dc/terms/publisher",
        "http://purl.org/dc/terms/creator",
        "http://purl.org/dc/terms/subject",
        "http://purl.org/dc/terms/type",
        "http://purl.org/dc/terms/license",
        "http://purl.org/dc/terms/language",
        "http://purl.org/dc/terms/format",
        "http://purl.org/dc/terms/accessRights",
        "http://purl.org/dc/terms/conformsTo",
        "http://purl.org/dc/terms/relation",
        "http://purl.org/dc/terms/spatial",
        "http://www.w3.org/ns/dcat#theme",
        "http://www.w3.org/ns/dcat#themeTaxonomy",
        "http://www.w3.org/ns/dcat#mediaType",
        "http://www.w3.org/ns/dcat#distribution",
        "http://www.w3.org/ns/dcat#accessService",
        "http://www.w3.org/ns/dcat#service",
        "http://www.w3.org/ns/dcat#record",
        "http://www.w3.org/ns/dcat#contactPoint",
        "http://www.w3.org/ns/dcat#qualifiedRelation",
        "http://www.w3.org/ns/dcat#hadRole",
        "http://www.w3.org/ns/dcat#landingPage",
        "http://xmlns.com/foaf/0.1/page",
        "http://www.w3.org/2004/02/skos/core#inScheme",
        "http://www.w3.org/ns/adms#status",
        "http://data.europa.eu/r5r/availability",
    ] {
        for object in objects(all, None, property) {
            assert!(
                described.contains(object),
                "{name}: {property} leads to {object}, of which nothing is said"
            );
        }
    }
    for distribution in objects(all, None, &format!("{DCAT}distribution")) {
        let access = objects(all, Some(distribution), &format!("{DCAT}accessURL"));
        assert!(
            access.iter().all(|a| a.starts_with("http")) && !access.is_empty(),
            "{name}: {distribution}"
        );
    }
    // Themes that are not the European ones make data vanish from portals.
    for theme in objects(all, None, &format!("{DCAT}theme")) {
        assert!(
            theme.starts_with("http://publications.europa.eu/resource/authority/data-theme/"),
            "{name}: {theme}"
        );
    }
    let records = instances(all, &format!("{DCAT}CatalogRecord"));
    assert_eq!(
        records,
        objects(all, Some(&catalogue), &format!("{DCAT}record")),
        "{name}"
    );
    let topics: BTreeSet<&str> = records
        .iter()
        .flat_map(|r| objects(all, Some(r), "http://xmlns.com/foaf/0.1/primaryTopic"))
        .collect();
    assert!(
        topics.is_superset(&listed),
        "{name}: an entry has no record"
    );
    for keyword in objects(all, None, &format!("{DCAT}keyword")) {
        let text = keyword
            .trim_start_matches('"')
            .split('"')
            .next()
            .expect("text");
        let plain = text
            .chars()
            .all(|c| c.is_alphanumeric() || " -_.".contains(c))
            && (2..=100).contains(&text.chars().count());
        assert!(plain, "{name}: CKAN refuses the keyword {keyword}");
    }
    listed.into_iter().map(str::to_owned).collect()
}

/// Checks that there is one page node, which every family of clients reads, and gives the link to
/// the next page.
fn next_page(name: &str, here: &str, all: &[Triple], total: usize) -> Option<String> {
    let collections = instances(all, &format!("{HYDRA}PagedCollection"));
    let views = instances(all, &format!("{HYDRA}PartialCollectionView"));
    assert_eq!(collections, BTreeSet::from([here]), "{name}");
    assert_eq!(views, collections, "{name}");
    let said = |property: &str| objects(all, Some(here), &format!("{HYDRA}{property}"));
    let number = |n: usize| format!("\"{n}\"^^<http://www.w3.org/2001/XMLSchema#integer>");
    assert_eq!(
        said("totalItems"),
        BTreeSet::from([number(total).as_str()]),
        "{name}"
    );
    assert_eq!(
        said("itemsPerPage"),
        BTreeSet::from([number(100).as_str()]),
        "{name}"
    );
    assert_eq!(said("next"), said("nextPage"), "{name}");
    assert!(said("next").len() < 2, "{name}");
    said("next").first().map(|n| (*n).to_owned())
}

#[test]
fn every_page_stands_alone_and_says_the_same_in_every_syntax() {
    let server = library();
    let mut union = BTreeSet::new();
    let mut entries = BTreeSet::new();
    for page in 1..=3 {
        let mut first: Option<BTreeSet<String>> = None;
        for (extension, format) in SYNTAXES {
            let address = format!("{PUBLIC}/catalog.{extension}?page={page}");
            let answer = get(&server, &path(&address), &[]);
            assert_eq!(answer.status, 200, "{address}");
            let whole = graph(&answer.body, format);
            let all = triples(&whole);
            let listed = stands_alone(&address, &all);
            let next = next_page(&address, &address, &all, 204);
            let wanted =
                (page < 3).then(|| format!("{PUBLIC}/catalog.{extension}?page={}", page + 1));
            assert_eq!(next, wanted, "the next page is in the same syntax");
            assert_eq!(listed.len(), if page < 3 { 100 } else { 4 }, "{address}");
            // But for the page's own node, every syntax says the same.
            let node = format!("<{PUBLIC}/catalog.{extension}");
            let same: BTreeSet<String> = whole
                .into_iter()
                .filter(|l| !l.starts_with(&node))
                .collect();
            if let Some(first) = &first {
                assert_eq!(*first, same, "{address}");
                continue;
            }
            for entry in listed {
                assert!(entries.insert(entry.clone()), "{entry} is on two pages");
            }
            union.extend(same.iter().cloned());
            first = Some(same);
        }
        // The same under negotiation, with links that leave the choice to the next request.
        let address = format!("{PUBLIC}/catalog?page={page}");
        for (accept, format) in [
            ("text/turtle", RdfFormat::Turtle),
            ("*/*", RdfFormat::RdfXml),
            ("application/ld+json", JSON_LD),
        ] {
            let answer = get(&server, &path(&address), &[("Accept", accept)]);
            let all = triples(&graph(&answer.body, format));
            let wanted = (page < 3).then(|| format!("{PUBLIC}/catalog?page={}", page + 1));
            assert_eq!(next_page(&address, &address, &all, 204), wanted);
        }
    }
    assert_eq!(entries.len(), 204);
    // The dumps are what all pages say together.
    for (extension, format) in SYNTAXES {
        let address = format!("/catalog/dump.{extension}");
        let whole = graph(&get(&server, &address, &[]).body, format);
        assert_eq!(stands_alone(&address, &triples(&whole)).len(), 204);
        let lost: Vec<_> = union.difference(&whole).take(5).collect();
        let more: Vec<_> = whole.difference(&union).take(5).collect();
        // With all entries in one document, none is but named.
        let stub = |l: &&&String| {
            l.contains(&format!("<{TYPE}> <{DCAT}Resource>"))
                || l.contains(&format!("<{TYPE}> <{DCT}Standard>"))
        };
        assert!(lost.iter().all(|l| stub(&l)), "{address} lacks {lost:?}");
        assert!(more.is_empty(), "{address} alone says {more:?}");
    }
    // An entry's own document says no less than its page does of it.
    for entry in entries.iter().step_by(7) {
        let mut first = None;
        for (extension, format) in SYNTAXES {
            let answer = get(&server, &format!("{}.{extension}", path(entry)), &[]);
            let own = graph(&answer.body, format);
            let about = format!("<{entry}> ");
            assert!(
                union
                    .iter()
                    .filter(|l| l.starts_with(&about))
                    .all(|l| own.contains(l)),
                "{entry}.{extension}"
            );
            let all = triples(&own);
            assert_eq!(
                instances(&all, &format!("{DCAT}Dataset")),
                BTreeSet::from([entry.as_str()])
            );
            assert!(
                first.get_or_insert_with(|| own.clone()) == &own,
                "{entry}.{extension}"
            );
        }
    }
}

/// The way of ckanext-dcat: HEAD and then GET for each page, the media type of page 1 for all of
/// them, `hydra:next` of a node of either class; it ends at a page that equals page 1.
fn as_ckan(server: &Server) -> Vec<String> {
    let (mut link, mut found) = (format!("{PUBLIC}/catalog"), Vec::new());
    let mut format: Option<RdfFormat> = None;
    let mut first: Option<Vec<u8>> = None;
    loop {
        let head = server.ask("HEAD", &path(&link), &[("Accept", "*/*")], b"");
        assert!(
            matches!(head.status, 200 | 400 | 405),
            "HEAD {link} ends the run with {}",
            head.status
        );
        let size: usize = head.header("content-length").parse().expect("a length");
        assert!(size < 50 << 20);
        let answer = get(server, &path(&link), &[("Accept", "*/*")]);
        assert_eq!(answer.status, 200, "{link}");
        let format = *format.get_or_insert_with(|| {
            let media = answer
                .header("content-type")
                .split(';')
                .next()
                .expect("a type")
                .to_owned();
            RdfFormat::from_media_type(&media).expect("a known type")
        });
        if first.as_ref() == Some(&answer.body) {
            return found;
        }
        let all = triples(&graph(&answer.body, format));
        first.get_or_insert(answer.body);
        for entry in instances(&all, &format!("{DCAT}Dataset")) {
            assert!(
                !objects(&all, Some(entry), &format!("{DCT}title")).is_empty(),
                "{entry} aborts the run"
            );
            found.push(entry.to_owned());
        }
        let mut nodes = instances(&all, &format!("{HYDRA}PagedCollection"));
        nodes.extend(instances(&all, &format!("{HYDRA}PartialCollectionView")));
        let next = nodes.iter().find_map(|n| {
            let next = objects(&all, Some(n), &format!("{HYDRA}next"));
            let next = next
                .into_iter()
                .chain(objects(&all, Some(n), &format!("{HYDRA}nextPage")))
                .next();
            next.map(str::to_owned)
        });
        match next {
            Some(next) => link = next,
            None => return found,
        }
    }
}

/// The way of piveau: GET, RDF/XML unless it asks; `nextPage` of a PagedCollection alone, which
/// must have totalItems.
fn as_piveau(server: &Server, headers: &[(&str, &str)]) -> Vec<String> {
    let (mut link, mut found) = (format!("{PUBLIC}/catalog"), Vec::new());
    loop {
        let answer = get(server, &path(&link), headers);
        let media = answer
            .header("content-type")
            .split(';')
            .next()
            .expect("a type")
            .to_owned();
        let format = RdfFormat::from_media_type(&media).expect("a known type");
        let all = triples(&graph(&answer.body, format));
        let page = *instances(&all, &format!("{HYDRA}PagedCollection"))
            .first()
            .expect("a page node");
        let total = objects(&all, Some(page), &format!("{HYDRA}totalItems"));
        assert!(
            total.first().is_some_and(|t| t.contains("integer")),
            "piveau fails without totalItems"
        );
        found.extend(
            instances(&all, &format!("{DCAT}Dataset"))
                .into_iter()
                .map(str::to_owned),
        );
        match objects(&all, Some(page), &format!("{HYDRA}nextPage")).first() {
            Some(next) => link = (*next).to_owned(),
            None => return found,
        }
    }
}

/// The way of udata: the format by the extension, else by HEAD; no redirect is followed; `next` of
/// the one PartialCollectionView; every data set needs an identifier and a title.
fn as_udata(server: &Server, start: &str) -> Vec<String> {
    let (mut link, mut found) = (format!("{PUBLIC}{start}"), Vec::new());
    let extension = start.rsplit_once('.').map(|(_, e)| e);
    let format = SYNTAXES
        .iter()
        .find(|(e, _)| Some(*e) == extension)
        .map(|(_, f)| *f)
        .unwrap_or_else(|| {
            let head = server.ask("HEAD", start, &[("Accept", "*/*")], b"");
            assert_eq!(head.status, 200);
            let media = head
                .header("content-type")
                .split(';')
                .next()
                .expect("a type")
                .to_owned();
            RdfFormat::from_media_type(&media).expect("a known type")
        });
    let mut identifiers = BTreeSet::new();
    loop {
        let answer = get(server, &path(&link), &[("Accept", "*/*")]);
        assert_eq!(answer.status, 200, "{link}: anything but 200 is a failure");
        let all = triples(&graph(&answer.body, format));
        for entry in instances(&all, &format!("{DCAT}Dataset")) {
            let identifier = objects(&all, Some(entry), &format!("{DCT}identifier"));
            let identifier = (*identifier.first().expect("an identifier")).to_owned();
            assert!(
                identifiers.insert(identifier),
                "{entry}: its identifier came before"
            );
            found.push(entry.to_owned());
        }
        for service in instances(&all, &format!("{DCAT}DataService")) {
            assert!(
                !objects(&all, Some(service), &format!("{DCT}identifier")).is_empty(),
                "{service}"
            );
        }
        let views = instances(&all, &format!("{HYDRA}PartialCollectionView"));
        assert_eq!(views.len(), 1, "several views stop the run");
        let view = views.first().expect("a view");
        match objects(&all, Some(view), &format!("{HYDRA}next")).first() {
            Some(next) => link = (*next).to_owned(),
            None => return found,
        }
    }
}

/// The way of Idra: one GET of the dump, whose text is cut at the prefixed names.
fn as_idra(server: &Server) -> Vec<String> {
    let text = get(server, "/catalog/dump.rdf", &[]).text();
    assert!(text.contains("xmlns:dcat=\"http://www.w3.org/ns/dcat#\""));
    let mut found = Vec::new();
    for piece in text.split("<dcat:Dataset ").skip(1) {
        let (entry, rest) = piece.split_once("</dcat:Dataset>").expect("an end");
        assert!(
            !entry.contains("<dcat:Dataset "),
            "one entry inside another"
        );
        let subject = entry
            .strip_prefix("rdf:about=\"")
            .and_then(|e| e.split('"').next())
            .expect("a subject");
        assert!(entry.contains("<dct:title"), "{subject}");
        // Distributions stand inside their entry, so that they are counted with it.
        assert!(
            entry.contains("<dcat:distribution>") && entry.contains("<dcat:Distribution "),
            "{subject}"
        );
        assert!(
            !rest.trim_start().starts_with("<dcat:Distribution "),
            "{subject}"
        );
        found.push(subject.to_owned());
    }
    found
}

/// The way of the FAIR Data Point index: Turtle or nothing, and the links of the catalogue.
fn as_fair_data_point(server: &Server) -> Vec<String> {
    let (mut link, mut found) = (format!("{PUBLIC}/catalog"), Vec::new());
    loop {
        let answer = get(server, &path(&link), &[("Accept", "text/turtle")]);
        assert!(answer.header("content-type").starts_with("text/turtle"));
        let all = triples(&graph(&answer.body, RdfFormat::Turtle));
        for entry in objects(
            &all,
            Some(&format!("{PUBLIC}/catalog")),
            &format!("{DCAT}dataset"),
        ) {
            found.push(entry.to_owned());
        }
        let next = all.iter().find(|t| t.1 == format!("{HYDRA}next"));
        match next {
            Some((_, _, next)) => link = next.clone(),
            None => break,
        }
    }
    for entry in found.iter().step_by(20) {
        let answer = get(server, &path(entry), &[("Accept", "text/turtle")]);
        // It may be withdrawn since.
        assert!(matches!(answer.status, 200 | 410), "{entry}");
        let all = triples(&graph(&answer.body, RdfFormat::Turtle));
        let files = objects(&all, Some(entry), &format!("{DCAT}distribution"));
        assert_eq!(files.is_empty(), answer.status == 410, "{entry}");
    }
    found
}

/// A client and what it finds.
type Client = (&'static str, fn(&Server) -> Vec<String>);

const CLIENTS: [Client; 12] = [
    ("ckanext-dcat", as_ckan),
    ("piveau", |s| as_piveau(s, &[])),
    ("piveau that asks for JSON-LD", |s| {
        as_piveau(s, &[("Accept", "application/ld+json")])
    }),
    ("udata", |s| as_udata(s, "/catalog")),
    ("udata, Turtle", |s| as_udata(s, "/catalog.ttl")),
    ("udata, RDF/XML", |s| as_udata(s, "/catalog.xml")),
    ("udata, N-Triples", |s| as_udata(s, "/catalog.nt")),
    ("udata, JSON-LD", |s| as_udata(s, "/catalog.jsonld")),
    ("udata, JSON", |s| as_udata(s, "/catalog.json")),
    ("udata, TriG", |s| as_udata(s, "/catalog.trig")),
    ("Idra", as_idra),
    ("FAIR Data Point", as_fair_data_point),
];

#[test]
fn every_known_client_finds_every_entry_once() {
    let server = library();
    let listed: BTreeSet<String> = objects(
        &triples(&graph(
            &get(&server, "/catalog/dump.nt", &[]).body,
            RdfFormat::NTriples,
        )),
        Some(&format!("{PUBLIC}/catalog")),
        &format!("{DCAT}dataset"),
    )
    .into_iter()
    .map(str::to_owned)
    .collect();
    assert_eq!(listed.len(), 204);
    for (name, walk) in CLIENTS {
        let found = walk(&server);
        let once: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(found.len(), once.len(), "{name} finds an entry twice");
        assert_eq!(once, listed, "{name}");
    }
}

const HEADER: &str = "Index,Short name,Long name,Maintainer,Version,Category,Layer,Scope,Origin,MIMs,Description,\
                      A Resource,A Link,B Resource,B Link,C Resource,C Link,D Resource,D Link,E Resource,E Link,KH?";

/// A sheet with the rows of these numbers; `version` is in each.
pub fn sheet(path: &Path, rows: impl Iterator<Item = usize>, version: usize) -> PathBuf {
    let mut text = format!("{HEADER}\n");
    for n in rows {
        text += &format!(
            "x{n},Tool {n},Long name of tool {n},Maker {},{version},Tool/Implementation,Analytics,Interoperability,,MIM1,\
             Entry {n} is made up so that a great many rows can be walked from page to page.,Website,https://tool.example/{n},,,,,,,,,Y\n",
            n % 7
        );
    }
    std::fs::write(path, text).expect("writes");
    path.to_owned()
}

/// Ends the other thread also where this one fails.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn writes_and_withdrawals_move_no_entry_to_another_page() {
    let dir = directory("moving");
    std::fs::create_dir_all(&dir).expect("a directory");
    let server = launch(&dir, &["--no-seed", "--public-url", PUBLIC]);
    let bring = |rows: Vec<usize>, version: usize, source: &str| {
        let file = sheet(
            &dir.join(format!("{source}-{version}.csv")),
            rows.into_iter(),
            version,
        );
        let (ok, said) = import(&dir, &file, &["--source-name", source]);
        assert!(ok, "{said}");
    };
    bring((1..=450).collect(), 0, "steady");
    ready(&server);
    let slug = |n: usize| format!("tool-{n}");
    // A gap as wide as a page, which no reader is led into: entries 201 to 300.
    let rest = sheet(
        &dir.join("rest.csv"),
        (1..=450).filter(|n| !(201..=300).contains(n)),
        0,
    );
    let prune = ["--source-name", "steady", "--prune", "--force"];
    let (ok, said) = import(&dir, &rest, &prune);
    assert!(ok && said.contains("100 withdrawn"), "{said}");
    let second = get(&server, "/catalog.nt?page=2", &[]).text();
    assert!(second.contains("catalog.nt?page=4>") && !second.contains("catalog.nt?page=3>"));
    let gap = get(&server, "/catalog.nt?page=3", &[]);
    assert_eq!(gap.status, 200, "a reader who was on the way there");
    assert!(
        triples(&graph(&gap.body, RdfFormat::NTriples))
            .iter()
            .all(|t| t.1 != format!("{DCAT}dataset"))
    );

    let steady: BTreeSet<String> = (1..=450)
        .filter(|n| !(201..=300).contains(n))
        .map(|n| format!("{PUBLIC}/resource/{}", slug(n)))
        .collect();
    let passing: BTreeSet<String> = (1001..=1040)
        .map(|n| format!("{PUBLIC}/resource/{}", slug(n)))
        .collect();
    bring((1001..=1040).collect(), 0, "passing");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 1;
            while !stop.load(Ordering::Relaxed) {
                // Some change, some go, some come.
                bring(
                    (1..=200).filter(|n| n % 9 == round % 9).collect(),
                    round,
                    "steady",
                );
                let at = 1000 + (round - 1) % 40 + 1;
                run(&dir, &["decide", &slug(at), "withdraw"]);
                bring(
                    (2000 + round * 10..2000 + round * 10 + 10).collect(),
                    0,
                    "growing",
                );
                round += 1;
            }
        });
        let _end = Stop(&stop);
        for (name, walk) in CLIENTS {
            let found = walk(&server);
            let once: BTreeSet<String> = found.iter().cloned().collect();
            assert_eq!(found.len(), once.len(), "{name} finds an entry twice");
            let lost: Vec<_> = steady.difference(&once).collect();
            assert!(lost.is_empty(), "{name} does not find {lost:?}");
            let gone = (201..=300).map(|n| format!("{PUBLIC}/resource/{}", slug(n)));
            assert!(
                gone.into_iter().all(|g| !once.contains(&g)),
                "{name} finds what was withdrawn before"
            );
            let known = |e: &&String| {
                steady.contains(*e) || passing.contains(*e) || e.contains("/resource/tool-2")
            };
            assert_eq!(once.iter().filter(known).count(), once.len(), "{name}");
        }
    });
    // The last pages are withdrawn while a reader is on the way to them: empty, and no error.
    let last = get(&server, "/catalog.nt", &[]).text();
    assert!(last.contains("catalog.nt?page=2>"));
    let total = |server: &Server| -> usize {
        let text = get(server, "/catalog.nt", &[]).text();
        let line = text
            .lines()
            .find(|l| l.contains("totalItems"))
            .expect("a total");
        line.split('"')
            .nth(1)
            .and_then(|n| n.parse().ok())
            .expect("a number")
    };
    let before = total(&server);
    let rows = as_udata(&server, "/catalog.nt");
    assert_eq!(before, rows.len());
}

#[test]
fn readers_may_ask_for_what_changed_since_a_moment() {
    let dir = directory("since");
    std::fs::create_dir_all(&dir).expect("a directory");
    let server = launch(&dir, &["--no-seed", "--public-url", PUBLIC]);
    let first = sheet(&dir.join("first.csv"), 1..=230, 0);
    assert!(import(&dir, &first, &["--source-name", "rows"]).0);
    std::thread::sleep(std::time::Duration::from_millis(5));
    let middle = jiff::Timestamp::now();
    let second = sheet(&dir.join("second.csv"), (1..=230).filter(|n| n % 2 == 0), 1);
    assert!(import(&dir, &second, &["--source-name", "rows"]).0);
    assert_eq!(run(&dir, &["decide", "tool-4", "withdraw"]).0, 0);
    ready(&server);
    let walk = |start: &str, extension: &str| -> Vec<String> {
        let (mut link, mut found) = (format!("{PUBLIC}{start}"), Vec::new());
        loop {
            let answer = get(&server, &path(&link), &[]);
            assert_eq!(answer.status, 200, "{link}: {}", answer.text());
            let all = triples(&graph(&answer.body, RdfFormat::NTriples));
            stands_alone(&link, &all);
            found.extend(
                objects(
                    &all,
                    Some(&format!("{PUBLIC}/catalog")),
                    &format!("{DCAT}dataset"),
                )
                .into_iter()
                .map(str::to_owned),
            );
            let next = all.iter().find(|t| t.1 == format!("{HYDRA}next"));
            let Some((node, _, next)) = next else {
                return found;
            };
            assert!(
                node.starts_with(&format!("{PUBLIC}/catalog{extension}?modified_since=")),
                "{node}"
            );
            assert!(next.contains("after="), "{next}");
            link = next.clone();
        }
    };
    let changed: BTreeSet<String> = (1..=230)
        .filter(|n| n % 2 == 0 && *n != 4)
        .map(|n| format!("{PUBLIC}/resource/tool-{n}"))
        .collect();
    let utc = middle.to_string();
    let local = middle
        .to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(2)))
        .strftime("%Y-%m-%dT%H:%M:%S%.6f%:z")
        .to_string();
    // As it is, as a form encodes it, and with an offset whose plus sign a form would take for a space.
    for since in [
        utc.clone(),
        utc.replace(':', "%3A"),
        local.replace('+', "%2B"),
        local,
        utc.trim_end_matches('Z').to_owned(),
    ] {
        let found = walk(&format!("/catalog.nt?modified_since={since}"), ".nt");
        assert_eq!(found.len(), changed.len(), "{since}: an entry twice");
        assert_eq!(
            found.into_iter().collect::<BTreeSet<_>>(),
            changed,
            "{since}"
        );
    }
    assert_eq!(
        walk("/catalog.nt?modified_since=2001-01-01", ".nt").len(),
        229
    );
    assert_eq!(
        walk("/catalog.nt?modified_since=2999-01-01", ".nt").len(),
        0
    );
    let total = get(&server, &format!("/catalog.nt?modified_since={utc}"), &[]).text();
    assert!(total.contains("totalItems> \"114\""), "{total:.200}");
}

#[test]
fn packed_dumps_follow_every_change() {
    let dir = directory("packed");
    std::fs::create_dir_all(&dir).expect("a directory");
    let server = launch(&dir, &["--no-seed", "--public-url", PUBLIC]);
    let mut tags = BTreeMap::new();
    for round in 0..3 {
        let file = sheet(&dir.join("rows.csv"), 1..=20 + round, round);
        assert!(import(&dir, &file, &["--source-name", "rows"]).0);
        for (extension, _) in SYNTAXES {
            let plain = get(&server, &format!("/catalog/dump.{extension}"), &[]);
            let packed = get(&server, &format!("/catalog/dump.{extension}.gz"), &[]);
            let mut text = String::new();
            flate2::read::GzDecoder::new(packed.body.as_slice())
                .read_to_string(&mut text)
                .expect("gzip");
            assert_eq!(text, plain.text());
            assert_eq!(
                text.matches("Long name of tool").count(),
                20 + round,
                "{extension}"
            );
            assert!(
                text.contains(&format!("\"{round}\"")) || text.contains(&format!(">{round}<")),
                "{extension}"
            );
            for answer in [plain, packed] {
                assert_eq!(
                    tags.insert(answer.header("etag").to_owned(), (round, extension)),
                    None,
                    "a tag stands for two versions"
                );
            }
        }
        // Old versions do not pile up.
        let kept = std::fs::read_dir(dir.join("documents"))
            .expect("a directory")
            .count();
        assert!(kept <= 2 * SYNTAXES.len(), "{kept} files");
    }
}

#[test]
fn a_long_chain_of_parts_is_written_like_any_other_entry() {
    let dir = directory("chain");
    std::fs::create_dir_all(&dir).expect("a directory");
    let mut text = String::from(
        "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
        <http://a.example/deep> a dcat:Dataset ; dct:title \"Deep\"@en ; dct:spatial <http://a.example/p0> ;
        dct:description \"An entry with places inside one another, more of them than anyone would write.\"@en .\n",
    );
    for n in 0..4_000 {
        text += &format!(
            "<http://a.example/p{n}> a dct:Location ; dct:spatial <http://a.example/p{}> .\n",
            n + 1
        );
    }
    text += "<http://a.example/p4000> a dct:Location ; dct:spatial <http://a.example/p3990> .\n";
    let file = dir.join("deep.ttl");
    std::fs::write(&file, text).expect("writes");
    let (ok, said) = import(&dir, &file, &[]);
    assert!(ok && said.contains("1 added"), "{said}");
    let server = launch(&dir, &["--no-seed", "--public-url", PUBLIC]);
    for stem in ["/resource/deep", "/catalog/dump"] {
        let [first, ref others @ ..] = SYNTAXES.map(|(extension, format)| {
            graph(
                &get(&server, &format!("{stem}.{extension}"), &[]).body,
                format,
            )
        });
        assert!(first.len() > 8_000, "{stem}");
        assert!(others.iter().all(|o| *o == first), "{stem}");
    }
}
