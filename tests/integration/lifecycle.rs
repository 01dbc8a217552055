//! What a record says once it is published, aspect by aspect, and its life from suggestion to tombstone.
use crate::import::{DESCRIPTION, bring, csv, dump, row, serve};
use crate::support::{PUBLIC, directory, run, start};
use ldt_catalogue::record::lifecycle::{Role, State, Step};
use ldt_catalogue::record::statement::{is_a, links, literal, objects, text};
use ldt_catalogue::record::vocab;
use oxigraph::io::{RdfFormat, RdfParser};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

fn must(dir: &Path, arguments: &[&str]) -> String {
    let (status, text) = run(dir, arguments);
    assert_eq!(status, 0, "{arguments:?}: {text}");
    text
}

const EU: &str = "http://publications.europa.eu/resource/authority/";
const LDT: &str = vocab::LDT;

/// What an entry and its parts say, asked of a published document in canonical N-Triples.
struct Said(String);

impl Said {
    fn links(&self, subject: &str, property: &str) -> BTreeSet<String> {
        links(&self.0, subject, property)
            .map(str::to_owned)
            .collect()
    }

    /// The one IRI that a subject points at.
    fn one(&self, subject: &str, property: &str) -> String {
        let all = self.links(subject, property);
        assert_eq!(all.len(), 1, "{subject} {property}: {all:?}");
        all.into_iter().next().expect("one")
    }

    fn is(&self, subject: &str, classes: &[&str]) {
        for class in classes {
            assert!(
                is_a(&self.0, subject, class),
                "{subject} is no {class}: {}",
                self.0
            );
        }
    }

    fn text(&self, subject: &str, property: &str) -> String {
        text(&self.0, subject, property)
            .unwrap_or_default()
            .into_owned()
    }

    fn keywords(&self, subject: &str) -> BTreeSet<String> {
        let all = objects(&self.0, subject, "dcat:keyword").filter_map(literal);
        all.map(|l| l.value().into_owned()).collect()
    }
}

/// One entry of each kind with all that a row can say.
fn library(dir: &Path) {
    let kinds = [
        "Standard",
        "Protocol",
        "Framework",
        "Tool/Implementation",
        "Data model",
        "Guide",
        "Initiative",
        "Example twin",
        "Service",
    ];
    let mut rows: Vec<_> = kinds
        .iter()
        .map(|kind| row(&[("Short name", &format!("A {kind}")), ("Category", kind)]))
        .collect();
    rows.push(row(&[
        ("Index", "r77"),
        ("Short name", "Full"),
        ("Long name", "An entry with everything"),
        ("Maintainer", "Maker"),
        ("Version", "2.1"),
        ("Category", "Tool/Implementation"),
        ("Layer", "Data management"),
        ("Scope", "Interoperability, Data Spaces"),
        ("Origin", "Interoperability & MIMs"),
        ("MIMs", "MIM1, MIM2"),
        ("A Resource", "Website"),
        ("A Link", "https://full.example/"),
        ("B Resource", "Documentation"),
        ("B Link", "https://docs.example/"),
        ("C Resource", "Git"),
        ("C Link", "https://git.example/full"),
        ("D Resource", "Specification"),
        ("D Link", "https://full.example/spec.pdf"),
        ("E Resource", "API"),
        ("E Link", "https://api.full.example/v1"),
    ]));
    let text = csv(&rows);
    let licensed: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(n, line)| match n {
            0 => format!("{line},License,Country"),
            10 => format!("{line},Apache-2.0,ITA"),
            _ => format!("{line},,"),
        })
        .collect();
    let relations = "@prefix ldt: <https://w3id.org/ldt-catalogue/ns#> . @prefix dct: <http://purl.org/dc/terms/> .
<resource/full> ldt:implements <resource/a-standard> ; ldt:profiles <resource/a-data-model> ; ldt:uses <resource/a-protocol> ;
  ldt:tests <resource/a-framework> ; dct:requires <resource/a-service> .
<agent/maker> dct:type <http://purl.org/adms/publishertype/Company> .";
    let done = bring(
        dir,
        &[
            ("sheet.csv", &licensed.join("\n")),
            ("relations.ttl", relations),
        ],
        &[],
    );
    assert_eq!(done.counts(), [10, 0, 0, 0, 0, 0], "{}", done.text);
}

#[test]
fn every_entry_is_a_data_set_first_and_its_kind_says_what_more() {
    let dir = directory("kinds");
    library(&dir);
    let said = Said(dump(&dir).into_iter().map(|l| l + "\n").collect());
    let catalogue = format!("{PUBLIC}/catalog");
    for (name, kind, classes) in [
        ("a-standard", "standard", &["dct:Standard"][..]),
        ("a-protocol", "protocol", &["dct:Standard"]),
        ("a-framework", "framework", &["dct:Standard"]),
        (
            "a-tool-implementation",
            "tool",
            &["schema:SoftwareApplication"],
        ),
        (
            "a-data-model",
            "data-model",
            &["prof:Profile", "dct:Standard"],
        ),
        ("a-guide", "guide", &["foaf:Document"]),
        ("a-initiative", "initiative", &[]),
        ("a-example-twin", "twin", &[]),
        ("a-service", "service", &[]),
    ] {
        let entry = format!("{PUBLIC}/resource/{name}");
        said.is(&entry, &["dcat:Dataset", "dcat:Resource", "adms:Asset"]);
        said.is(&entry, classes);
        assert!(!is_a(&said.0, &entry, "dcat:DataService"), "{name}");
        let concept = format!("{LDT}kind-{kind}");
        assert_eq!(said.one(&entry, "dct:type"), concept);
        said.is(&concept, &["skos:Concept"]);
        assert_eq!(
            said.one(&concept, "skos:inScheme"),
            format!("{LDT}scheme-kind")
        );
        assert!(
            said.keywords(&entry)
                .contains(&said.text(&concept, "skos:prefLabel")),
            "{name}"
        );
        assert!(said.links(&catalogue, "dcat:dataset").contains(&entry));
        for word in said.keywords(&entry) {
            let plain = |c: char| c.is_alphanumeric() || " -_.".contains(c);
            assert!(
                word.chars().all(plain) && (2..=100).contains(&word.len()),
                "{word:?}"
            );
        }
    }
}

#[test]
fn a_full_row_says_each_aspect_of_the_mapping() {
    let dir = directory("full");
    library(&dir);
    let said = Said(dump(&dir).into_iter().map(|l| l + "\n").collect());
    let entry = format!("{PUBLIC}/resource/full");
    // Facets in their own properties, as subjects, and as keywords.
    let mut subjects = BTreeSet::new();
    for (property, values) in [
        ("ldt:layer", &["layer-data-management"][..]),
        ("ldt:mim", &["mim-1", "mim-2"]),
        (
            "ldt:scope",
            &["scope-interoperability", "scope-data-spaces"],
        ),
        ("ldt:origin", &["origin-interoperability-mims"]),
    ] {
        let wanted: BTreeSet<String> = values.iter().map(|v| format!("{LDT}{v}")).collect();
        assert_eq!(said.links(&entry, property), wanted);
        for concept in &wanted {
            said.is(concept, &["skos:Concept"]);
            let label = said.text(concept, "skos:prefLabel");
            assert!(
                !label.is_empty() && said.keywords(&entry).contains(&label),
                "{concept} {label}"
            );
            assert!(
                !said
                    .text(&said.one(concept, "skos:inScheme"), "dct:title")
                    .is_empty()
            );
        }
        subjects.extend(wanted);
    }
    assert_eq!(said.links(&entry, "dct:subject"), subjects);
    assert!(
        said.keywords(&entry).contains("Interoperability and MIMs"),
        "no ampersand: {:?}",
        said.keywords(&entry)
    );
    assert_eq!(
        said.one(&entry, "dcat:theme"),
        format!("{EU}data-theme/TECH")
    );
    // Identity, names, version.
    assert_eq!(said.text(&entry, "dct:identifier"), entry);
    assert_eq!(said.text(&entry, "dct:title"), "An entry with everything");
    assert_eq!(said.text(&entry, "skos:altLabel"), "Full");
    assert_eq!(said.text(&entry, "dct:description"), DESCRIPTION);
    assert_eq!(said.text(&entry, "dcat:version"), "2.1");
    for property in [
        "dct:title",
        "skos:altLabel",
        "dct:description",
        "dcat:keyword",
    ] {
        let all = objects(&said.0, &entry, property).filter_map(literal);
        assert!(
            all.into_iter().all(|l| l.language == Some("en")),
            "{property}"
        );
    }
    assert_eq!(
        said.one(&entry, "dct:accessRights"),
        format!("{EU}access-right/PUBLIC")
    );
    assert_eq!(said.one(&entry, "dct:spatial"), format!("{EU}country/ITA"));
    for property in ["dct:issued", "dct:modified"] {
        assert!(said.text(&entry, property).ends_with('Z'), "{property}");
    }
    // Pages.
    for (property, page) in [
        ("dcat:landingPage", "https://full.example/"),
        ("foaf:page", "https://docs.example/"),
    ] {
        assert_eq!(said.one(&entry, property), page);
        said.is(page, &["foaf:Document"]);
    }
    assert_eq!(
        said.one(&entry, "schema:codeRepository"),
        "https://git.example/full"
    );
    // Files, each with the licence where it has one, and two generated descriptions.
    let licence = format!("{EU}licence/APACHE_2_0");
    assert_eq!(said.one(&entry, "ldt:licence"), licence);
    let distributions = said.links(&entry, "dcat:distribution");
    assert_eq!(distributions.len(), 5, "{distributions:?}");
    for node in &distributions {
        said.is(node, &["dcat:Distribution"]);
        assert!(node.starts_with(&format!("{entry}#")) && !said.text(node, "dct:title").is_empty());
        if node.contains("#metadata-") {
            assert_eq!(said.one(node, "dcat:accessURL"), entry);
            let extension = node.rsplit('-').next().expect("one");
            assert_eq!(
                said.one(node, "dcat:downloadURL"),
                format!("{entry}.{extension}")
            );
            assert_eq!(
                said.one(node, "dct:license"),
                format!("{EU}licence/CC_BY_4_0")
            );
            assert_eq!(
                said.one(node, "dcatap:availability"),
                format!("{EU}planned-availability/STABLE")
            );
        } else {
            said.is(node, &["adms:AssetDistribution"]);
            assert_eq!(said.one(node, "dct:license"), licence);
        }
    }
    let at = |address: &str| {
        let found = distributions
            .iter()
            .find(|d| said.one(d, "dcat:accessURL") == address);
        found.unwrap_or_else(|| panic!("{address}")).clone()
    };
    let pdf = at("https://full.example/spec.pdf");
    assert_eq!(said.one(&pdf, "dct:format"), format!("{EU}file-type/PDF"));
    assert_eq!(
        said.one(&pdf, "dcat:mediaType"),
        "https://www.iana.org/assignments/media-types/application/pdf"
    );
    assert!(
        said.links(&at("https://git.example/full"), "dct:format")
            .is_empty(),
        "a repository has no format"
    );
    // The live endpoint.
    let service = said.one(&at("https://api.full.example/v1"), "dcat:accessService");
    said.is(&service, &["dcat:DataService", "dcat:Resource"]);
    assert_eq!(
        said.one(&service, "dcat:endpointURL"),
        "https://api.full.example/v1"
    );
    assert_eq!(said.one(&service, "dcat:servesDataset"), entry);
    assert_eq!(said.text(&service, "dct:identifier"), service);
    assert!(!said.text(&service, "dct:title").is_empty());
    assert_eq!(
        said.one(&format!("{PUBLIC}/catalog"), "dcat:service"),
        service
    );
    // Agents.
    let agent = said.one(&entry, "dct:publisher");
    assert_eq!(agent, format!("{PUBLIC}/agent/maker"));
    said.is(&agent, &["foaf:Agent"]);
    assert_eq!(said.text(&agent, "foaf:name"), "Maker");
    assert_eq!(
        said.one(&agent, "dct:type"),
        "http://purl.org/adms/publishertype/Company"
    );
    let contact = said.one(&entry, "dcat:contactPoint");
    said.is(&contact, &["vcard:Kind"]);
    assert_eq!(said.one(&contact, "vcard:hasURL"), "https://full.example/");
    // Links between entries.
    let to = |name: &str| format!("{PUBLIC}/resource/{name}");
    for (property, role, name) in [
        ("ldt:implements", "implements", "a-standard"),
        ("ldt:profiles", "profiles", "a-data-model"),
        ("ldt:uses", "uses", "a-protocol"),
        ("ldt:tests", "tests", "a-framework"),
    ] {
        assert_eq!(said.one(&entry, property), to(name));
        let nodes = said.links(&entry, "dcat:qualifiedRelation");
        let node = nodes
            .iter()
            .find(|n| said.one(n, "dct:relation") == to(name))
            .expect("one");
        said.is(node, &["dcat:Relationship"]);
        let concept = said.one(node, "dcat:hadRole");
        assert_eq!(concept, format!("{LDT}role-{role}"));
        said.is(&concept, &["dcat:Role", "skos:Concept"]);
    }
    assert_eq!(
        said.links(&entry, "dct:conformsTo"),
        BTreeSet::from([to("a-standard"), to("a-data-model")])
    );
    assert_eq!(said.one(&entry, "dct:requires"), to("a-service"));
    // Its record.
    let record = format!("{entry}#record");
    said.is(&record, &["dcat:CatalogRecord"]);
    assert_eq!(said.one(&record, "foaf:primaryTopic"), entry);
    let profile = said.one(&record, "dct:conformsTo");
    said.is(&profile, &["dct:Standard"]);
    assert_eq!(
        said.one(&record, "adms:status"),
        "http://purl.org/adms/changetype/created"
    );
    for property in ["dct:issued", "dct:modified"] {
        assert!(!said.text(&record, property).is_empty(), "{property}");
    }
    assert!(
        said.links(&record, "dct:source").is_empty(),
        "a row is no record"
    );
}

#[test]
fn the_catalogue_says_who_what_where_and_by_which_themes() {
    let dir = directory("about");
    library(&dir);
    let said = Said(dump(&dir).into_iter().map(|l| l + "\n").collect());
    let node = format!("{PUBLIC}/catalog");
    said.is(&node, &["dcat:Catalog"]);
    for property in ["dct:title", "dct:description"] {
        let all: Vec<_> = objects(&said.0, &node, property)
            .filter_map(literal)
            .collect();
        assert!(
            !all.is_empty() && all.iter().all(|l| l.language.is_some()),
            "{property}"
        );
    }
    let publisher = said.one(&node, "dct:publisher");
    said.is(&publisher, &["foaf:Agent"]);
    assert!(!said.text(&publisher, "foaf:name").is_empty());
    assert_eq!(said.links(&publisher, "dct:type").len(), 1);
    said.is(&said.one(&node, "foaf:homepage"), &["foaf:Document"]);
    said.is(&said.one(&node, "dct:license"), &["dct:LicenseDocument"]);
    said.is(&said.one(&node, "dct:spatial"), &["dct:Location"]);
    assert_eq!(said.one(&node, "dct:language"), format!("{EU}language/ENG"));
    let mut schemes: BTreeSet<String> = ["layer", "mim", "scope", "origin", "kind"]
        .map(|s| format!("{LDT}scheme-{s}"))
        .into();
    schemes.insert(format!("{EU}data-theme"));
    assert_eq!(said.links(&node, "dcat:themeTaxonomy"), schemes);
    for scheme in &schemes {
        said.is(scheme, &["skos:ConceptScheme"]);
        assert!(!said.text(scheme, "dct:title").is_empty(), "{scheme}");
    }
    assert_eq!(said.links(&node, "dcat:record").len(), 10);
    assert!(!said.0.contains("_:"), "no blank node is published");
    // Every concept of our own schemes is labelled, ordered and defined.
    let own = vocab::own();
    for scheme in ["layer", "mim", "scope", "origin", "kind"] {
        let scheme = format!("{LDT}scheme-{scheme}");
        let concepts: Vec<&str> = links(own, &scheme, "skos:hasTopConcept").collect();
        assert!(concepts.len() >= 4, "{scheme}");
        for concept in concepts {
            for property in ["skos:prefLabel", "skos:definition"] {
                assert!(
                    text(own, concept, property).is_some_and(|t| !t.is_empty()),
                    "{concept} {property}"
                );
            }
            assert_eq!(
                links(own, concept, "skos:inScheme").collect::<Vec<_>>(),
                [scheme.as_str()]
            );
            assert!(
                objects(own, concept, "skos:notation").count()
                    + objects(own, concept, "ldt:order").count()
                    > 0,
                "{concept} has no place in an order"
            );
        }
    }
}

#[test]
fn every_step_is_allowed_or_refused_by_state_and_role() {
    use State::{Accepted, Published, Rejected, Suggested, Withdrawn};
    let states = [Suggested, Accepted, Published, Withdrawn, Rejected];
    let steps = [
        Step::Accept,
        Step::Reject,
        Step::Publish,
        Step::Withdraw,
        Step::Restore,
    ];
    let allowed = [
        (Suggested, Step::Accept, Accepted),
        (Suggested, Step::Reject, Rejected),
        (Suggested, Step::Publish, Published),
        (Accepted, Step::Reject, Rejected),
        (Accepted, Step::Publish, Published),
        (Published, Step::Withdraw, Withdrawn),
        (Withdrawn, Step::Restore, Published),
    ];
    for state in states {
        assert_eq!(State::parse(&state.to_string()), Some(state));
        for step in steps {
            let to = allowed
                .iter()
                .find(|(s, t, _)| (*s, *t) == (state, step))
                .map(|a| a.2);
            for by in [Role::Moderator, Role::Administrator] {
                let after = state.after(step, by);
                assert_eq!(after.clone().ok(), to, "{state} {step:?}");
                if let Err(reason) = after {
                    assert!(reason.contains(&state.to_string()), "{reason}");
                }
            }
            for by in [Role::Reader, Role::Contributor] {
                let reason = state.after(step, by).expect_err("no right");
                assert!(reason.contains("moderator"), "{reason}");
            }
        }
    }
}

/// A catalogue of some named entries.
fn entries(dir: &Path, names: &[&str], more: &[&str]) {
    let rows: Vec<_> = names
        .iter()
        .map(|n| row(&[("Short name", n), ("Maintainer", &format!("{n} maker"))]))
        .collect();
    let done = bring(dir, &[("sheet.csv", &csv(&rows))], more);
    assert!(done.ok, "{}", done.text);
}

#[test]
fn a_record_goes_through_its_states_by_the_steps_of_a_moderator() {
    let dir = directory("steps");
    entries(&dir, &["One", "Two", "Three"], &["--as", "suggested"]);
    let server = serve(&dir);
    let status = |slug: &str| {
        server
            .ask("GET", &format!("/resource/{slug}"), &[], b"")
            .status
    };
    assert_eq!(status("one"), 404);
    assert!(must(&dir, &["decide", "one", "accept"]).contains("one is accepted"));
    assert_eq!(status("one"), 404, "accepted is not yet public");
    assert!(must(&dir, &["queue"]).contains("accepted"));
    must(&dir, &["decide", "one", "publish", "--reason", "checked"]);
    assert_eq!(status("one"), 200);
    must(&dir, &["decide", "two", "reject"]);
    must(&dir, &["decide", "three", "accept"]);
    must(&dir, &["decide", "three", "reject"]);
    for (slug, step, wanted) in [
        ("one", "publish", "a published record"),
        ("one", "restore", "a published record"),
        ("two", "publish", "a rejected record"),
        ("two", "restore", "a rejected record"),
        ("nobody", "publish", "nobody"),
    ] {
        let (code, text) = run(&dir, &["decide", slug, step]);
        assert!(code == 1 && text.contains(wanted), "{text}");
    }
    let (code, _) = run(&dir, &["decide", "one", "vanish"]);
    assert_eq!(code, 2, "no such step");
    must(&dir, &["decide", "one", "withdraw"]);
    assert_eq!(status("one"), 410);
    must(&dir, &["decide", "one", "restore"]);
    assert_eq!(status("one"), 200);
    // What was rejected never comes back by import, changed or not, in no way.
    for more in [&[][..], &["--as", "suggested"], &["--prune", "--force"]] {
        entries(&dir, &["One", "Two", "Three"], more);
        let rows = [row(&[("Short name", "Two"), ("Long name", "Two, better")])];
        let done = bring(&dir, &[("two.csv", &csv(&rows))], more);
        assert!(done.reasons().contains("two was rejected"), "{}", done.text);
        assert_eq!((status("two"), status("three")), (404, 404));
    }
    assert!(must(&dir, &["queue"]).contains("0 waiting"));
}

#[test]
fn a_withdrawn_record_answers_410_with_a_tombstone() {
    let dir = directory("tombstone");
    entries(&dir, &["One", "Two"], &[]);
    let server = serve(&dir);
    must(
        &dir,
        &["decide", "one", "withdraw", "--reason", "a private reason"],
    );
    for (accept, media, wanted) in [
        ("text/html", "text/html", "withdrawn"),
        (
            "text/turtle",
            "text/turtle",
            "adms:status <http://purl.org/adms/status/Withdrawn>",
        ),
        (
            "application/ld+json",
            "application/ld+json",
            "http://purl.org/adms/status/Withdrawn",
        ),
        (
            "application/rdf+xml",
            "application/rdf+xml",
            "http://purl.org/adms/status/Withdrawn",
        ),
    ] {
        let answer = server.ask("GET", "/resource/one", &[("Accept", accept)], b"");
        assert_eq!(answer.status, 410, "{accept}");
        assert!(
            answer.header("content-type").starts_with(media),
            "{}",
            answer.header("content-type")
        );
        let text = answer.text();
        assert!(text.contains(wanted), "{accept}: {text}");
        assert!(
            !text.contains(DESCRIPTION)
                && !text.contains("private reason")
                && !text.contains("isReplacedBy"),
            "{text}"
        );
        let head = server.ask("HEAD", "/resource/one", &[("Accept", accept)], b"");
        assert!(head.status == 410 && head.body.is_empty(), "{accept}");
    }
    let turtle = server.ask("GET", "/resource/one.ttl", &[], b"").text();
    assert!(
        turtle.contains(&format!("<{PUBLIC}/resource/one>")) && turtle.contains("dct:modified"),
        "{turtle}"
    );
    for path in [
        "/catalog.nt",
        "/catalog/dump.nt",
        "/catalog.csv",
        "/catalog",
    ] {
        assert!(!server.body(path).contains("/resource/one"), "{path}");
    }
    assert!(server.body("/catalog.nt").contains("totalItems> \"1\""));
}

#[test]
fn a_merged_record_names_what_stands_for_it_now() {
    let dir = directory("merged");
    entries(&dir, &["One", "Two", "Three"], &[]);
    let server = serve(&dir);
    for (into, wanted) in [("one", "itself"), ("nobody", "nobody")] {
        let (code, text) = run(&dir, &["decide", "one", "withdraw", "--into", into]);
        assert!(code == 1 && text.contains(wanted), "{text}");
    }
    let (code, text) = run(&dir, &["decide", "one", "restore", "--into", "two"]);
    assert_eq!(code, 1, "{text}");
    must(&dir, &["decide", "one", "withdraw", "--into", "two"]);
    let other = format!("{PUBLIC}/resource/two");
    for (accept, wanted) in [
        ("text/turtle", format!("dct:isReplacedBy <{other}>")),
        (
            "application/ld+json",
            format!("\"dct:isReplacedBy\":{{\"@id\":\"{other}\"}}"),
        ),
        ("text/html", format!("href=\"{other}\"")),
    ] {
        let answer = server.ask("GET", "/resource/one", &[("Accept", accept)], b"");
        assert_eq!(answer.status, 410);
        assert!(
            answer.text().contains(&wanted),
            "{wanted}: {}",
            answer.text()
        );
        assert_eq!(
            answer.header("link"),
            format!("<{other}>; rel=\"successor-version\"")
        );
    }
    // What stands for it is itself merged on: the name follows.
    must(&dir, &["decide", "two", "withdraw", "--into", "three"]);
    let answer = server.ask("GET", "/resource/one.ttl", &[], b"");
    assert!(
        answer
            .text()
            .contains(&format!("dct:isReplacedBy <{PUBLIC}/resource/three>")),
        "{}",
        answer.text()
    );
    must(&dir, &["decide", "one", "restore"]);
    assert_eq!(server.ask("GET", "/resource/one", &[], b"").status, 200);
}

#[test]
fn a_restricted_record_is_invisible_everywhere() {
    let dir = directory("restricted");
    entries(&dir, &["One", "Two"], &[]);
    let relation = "@prefix ldt: <https://w3id.org/ldt-catalogue/ns#> . <resource/two> ldt:uses <resource/one> .";
    assert!(bring(&dir, &[("relations.ttl", relation)], &[]).ok);
    let server = serve(&dir);
    must(&dir, &["restrict", "one", "partners"]);
    for path in [
        "/",
        "/catalog",
        "/catalog.ttl",
        "/catalog.nt",
        "/catalog.rdf",
        "/catalog.jsonld",
        "/catalog.csv",
        "/catalog/dump.nt",
        "/catalog/dump.ttl",
        "/catalog?modified_since=2020-01-01",
        "/resource/two",
        "/resource/two.nt",
        "/sitemap.xml",
        "/search.json",
        "/search.json?q=one",
        "/metrics",
        "/sparql?query=SELECT%20*%20%7B%3Fs%20%3Fp%20%3Fo%7D",
    ] {
        let text = server.body(path);
        for word in ["One maker", "\"One\"", ">One<"] {
            assert!(!text.contains(word), "{path}: {word}");
        }
    }
    for path in [
        "/resource/one",
        "/resource/one.ttl",
        "/resource/one.html",
        "/agent/one-maker",
    ] {
        assert_eq!(server.ask("GET", path, &[], b"").status, 404, "{path}");
    }
    assert!(server.body("/catalog.nt").contains("totalItems> \"1\""));
    must(&dir, &["decide", "one", "withdraw"]);
    assert_eq!(
        server.ask("GET", "/resource/one", &[], b"").status,
        404,
        "not even a tombstone"
    );
    must(&dir, &["decide", "one", "restore"]);
    let (code, text) = run(&dir, &["restrict", "one", " "]);
    assert!(
        code == 1 && text.contains("audience has the condition \"\""),
        "{text}"
    );
    must(&dir, &["restrict", "one", "Public "]);
    assert_eq!(server.ask("GET", "/resource/one", &[], b"").status, 200);
    assert!(server.body("/catalog/dump.nt").contains("One maker"));
}

#[test]
fn purge_erases_the_content_and_keeps_number_and_tombstone() {
    let dir = directory("purge");
    let marker = "Zebra-4711-crossing";
    let sheet = |n: usize| {
        let long = format!("{marker} version {n}");
        csv(&[
            row(&[("Index", "r1"), ("Short name", "One"), ("Long name", &long)]),
            row(&[("Short name", "Two")]),
        ])
    };
    let server = serve(&dir);
    for n in 0..5 {
        assert!(bring(&dir, &[("sheet.csv", &sheet(n))], &[]).ok);
    }
    // A version that another source proposed goes as well.
    assert!(
        bring(
            &dir,
            &[("other.csv", &sheet(9))],
            &["--source-name", "other"]
        )
        .ok
    );
    for path in ["/catalog/dump.nt", "/catalog/dump.ttl.gz", "/catalog.csv"] {
        assert_eq!(server.ask("GET", path, &[], b"").status, 200);
    }
    let holds = || {
        let mut found = Vec::new();
        let mut places = vec![dir.clone()];
        while let Some(place) = places.pop() {
            for entry in std::fs::read_dir(&place).expect("a directory").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    places.push(path);
                } else if std::fs::read(&path)
                    .is_ok_and(|bytes| bytes.windows(marker.len()).any(|w| w == marker.as_bytes()))
                {
                    found.push(path);
                }
            }
        }
        found
    };
    assert!(!holds().is_empty(), "it is there before");
    assert!(must(&dir, &["purge", "one"]).contains("one is erased"));
    assert_eq!(holds(), Vec::<std::path::PathBuf>::new());
    let answer = server.ask("GET", "/resource/one", &[("Accept", "text/turtle")], b"");
    assert_eq!(answer.status, 410);
    assert!(answer.text().contains("Withdrawn"), "{}", answer.text());
    for path in [
        "/catalog",
        "/catalog/dump.nt",
        "/sparql?query=SELECT%20*%20%7B%3Fs%20%3Fp%20%3Fo%7D",
    ] {
        assert!(!server.body(path).contains(marker), "{path}");
    }
    assert!(must(&dir, &["queue"]).contains("0 waiting"));
    let (code, text) = run(&dir, &["decide", "one", "restore"]);
    assert!(code == 1 && text.contains("purged"), "{text}");
    // Nor does another source bring it back, or a hand.
    let said = bring(
        &dir,
        &[("other.csv", &sheet(9))],
        &["--source-name", "other"],
    )
    .text;
    assert!(said.contains("one was purged"), "{said}");
    let by_hand = dir.with_extension("purged.ttl");
    let text = "<resource/one> a <http://www.w3.org/ns/dcat#Dataset> .";
    std::fs::write(&by_hand, text).expect("writes");
    let (code, text) = run(&dir, &["edit", &by_hand.to_string_lossy()]);
    assert!(code == 1 && text.contains("purged"), "{text}");
    assert!(must(&dir, &["queue"]).contains("0 waiting"));
    assert_eq!(holds(), Vec::<std::path::PathBuf>::new());
    // Its name is never given to another, and the source does not bring it back.
    let done = bring(&dir, &[("sheet.csv", &sheet(0))], &[]);
    assert_eq!(done.counts()[..2], [0, 0], "{}", done.text);
    assert_eq!(holds(), Vec::<std::path::PathBuf>::new());
    let three = csv(&[row(&[("Short name", "Three")])]);
    assert!(bring(&dir, &[("three.csv", &three)], &["--source-name", "third"]).ok);
    // The second and third publication: the first number stays with what was erased.
    let after = server.body("/catalog.nt?modified_since=2020-01-01&after=2");
    assert!(after.contains("/resource/three") && !after.contains("/resource/two"));
    drop(server);
    let server = serve(&dir);
    assert_eq!(server.ask("GET", "/resource/one", &[], b"").status, 410);
    assert_eq!(server.ask("GET", "/resource/three", &[], b"").status, 200);
}

#[test]
fn a_record_that_breaks_a_mandatory_rule_waits_and_an_update_that_does_leaves_the_published_version()
 {
    let dir = directory("door");
    let dataset = |description: &str| {
        format!(
            "<https://a.example/x> a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> \"Streets\"@en {description} .\n"
        )
    };
    let sound = dataset(&format!(
        "; <http://purl.org/dc/terms/description> \"{DESCRIPTION}\"@en"
    ));
    let done = bring(&dir, &[("x.ttl", &dataset(""))], &[]);
    assert_eq!(done.counts(), [0, 0, 0, 1, 0, 0], "{}", done.text);
    assert!(
        done.reasons().contains("not published:") && done.reasons().contains("description"),
        "{}",
        done.text
    );
    let server = serve(&dir);
    assert_eq!(server.ask("GET", "/resource/streets", &[], b"").status, 404);
    let (code, text) = run(&dir, &["decide", "streets", "publish"]);
    assert!(
        code == 1 && text.contains("cannot be published") && text.contains("description"),
        "{text}"
    );
    let waiting = must(&dir, &["queue"]);
    assert!(
        waiting.contains("suggested") && waiting.contains("description"),
        "the queue says why: {waiting}"
    );
    // Mended at the source, it is published.
    let done = bring(&dir, &[("x.ttl", &sound)], &[]);
    assert_eq!(done.counts(), [1, 0, 0, 0, 0, 0], "{}", done.text);
    let before = server.ask("GET", "/resource/streets.nt", &[], b"").text();
    assert!(before.contains(DESCRIPTION));
    let done = bring(&dir, &[("x.ttl", &dataset(""))], &[]);
    assert_eq!(done.counts(), [0, 0, 0, 1, 0, 0], "{}", done.text);
    assert_eq!(
        before,
        server.ask("GET", "/resource/streets.nt", &[], b"").text()
    );
    let waiting = must(&dir, &["queue"]);
    assert!(
        waiting.contains("change") && waiting.contains("description"),
        "{waiting}"
    );
    let number = waiting
        .split_whitespace()
        .next()
        .expect("a number")
        .to_owned();
    let (code, text) = run(&dir, &["settle", &number, "accept"]);
    assert!(code == 1 && text.contains("description"), "{text}");
    let file = dir.with_extension("edit.ttl");
    std::fs::write(&file, dataset("")).expect("writes");
    let (code, text) = run(&dir, &["edit", &file.to_string_lossy()]);
    assert!(code == 1 && text.contains("description"), "{text}");
    assert_eq!(
        before,
        server.ask("GET", "/resource/streets.nt", &[], b"").text()
    );
}

#[test]
fn a_page_that_was_saved_and_changed_is_taken_as_an_edit() {
    let dir = directory("saved");
    entries(&dir, &["One", "Two"], &[]);
    let server = serve(&dir);
    for (n, extension) in ["ttl", "nt", "rdf", "jsonld"].into_iter().enumerate() {
        let saved = server.body(&format!("/resource/one.{extension}"));
        let file = dir.with_extension(extension);
        std::fs::write(&file, &saved).expect("writes");
        let text = must(&dir, &["edit", &file.to_string_lossy()]);
        assert_eq!(
            server.body(&format!("/resource/one.{extension}")),
            saved,
            "{text}"
        );
        let (from, to) = (DESCRIPTION, format!("{DESCRIPTION} Edited {n}."));
        std::fs::write(&file, saved.replace(from, &to)).expect("writes");
        must(&dir, &["edit", &file.to_string_lossy()]);
        let now = server.body("/resource/one.nt");
        assert!(now.contains(&format!("Edited {n}.")), "{extension}: {now}");
        std::fs::write(&file, saved).expect("writes");
        must(&dir, &["edit", &file.to_string_lossy()]);
    }
}

#[test]
fn agents_whose_kind_is_certain_have_a_type() {
    let dir = directory("agents");
    let server = start(&dir);
    let dump = server.body("/catalog/dump.ttl");
    let typed = include_str!("../../data/agents.ttl");
    let typed: BTreeSet<&str> = typed
        .lines()
        .filter_map(|l| l.strip_prefix('<')?.split_once('>'))
        .map(|l| l.0)
        .collect();
    assert!(typed.len() > 50);
    let profile = "/validate?profile=recommended";
    let report = server.ask(
        "POST",
        profile,
        &[
            ("Accept", "application/json"),
            ("Content-Type", "text/turtle"),
        ],
        dump.as_bytes(),
    );
    let report: Value = serde_json::from_slice(&report.body).expect("JSON");
    let results = report["results"].as_array().expect("a list");
    let untyped: BTreeSet<&str> = results
        .iter()
        .filter(|r| r["message"] == "An agent should have a type.")
        .filter_map(|r| r["focusNode"].as_str()?.strip_prefix(&format!("{PUBLIC}/")))
        .collect();
    assert!(
        !untyped.is_empty() && untyped.is_disjoint(&typed),
        "{untyped:?}"
    );
    let parser = RdfParser::from_format(RdfFormat::Turtle);
    let agents: BTreeSet<String> = parser
        .for_slice(dump.as_bytes())
        .map(|q| q.expect("reads").subject.to_string())
        .filter(|s| s.starts_with(&format!("<{PUBLIC}/agent/")))
        .collect();
    for agent in typed {
        assert!(
            agents.contains(&format!("<{PUBLIC}/{agent}>")),
            "nobody names {agent}"
        );
    }
}
