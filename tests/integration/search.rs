//! Finding entries: words, facets, orders, areas, and each form of the answer.
use crate::import::{csv, row};
use crate::support::{PUBLIC, Server, directory, import, launch, library};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

fn ask(server: &Server, query: &str) -> Value {
    let answer = server.ask("GET", &format!("/search.json?{query}"), &[], b"");
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    serde_json::from_slice(&answer.body).expect("JSON")
}

fn total(found: &Value) -> u64 {
    found["total"].as_u64().expect("a number")
}

fn pages(found: &Value) -> Vec<String> {
    let entries = found["entries"].as_array().expect("a list");
    entries
        .iter()
        .map(|e| e["page"].as_str().expect("an address").replace(PUBLIC, ""))
        .collect()
}

/// All addresses that a search gives, page by page.
fn walk(server: &Server, query: &str) -> Vec<String> {
    let mut out = Vec::new();
    for page in 1..100 {
        let found = ask(server, &format!("{query}&page={page}"));
        out.extend(pages(&found));
        if found["next"].is_null() {
            assert_eq!(out.len() as u64, total(&found), "{query}");
            return out;
        }
    }
    panic!("{query} does not end");
}

#[test]
fn every_count_of_a_facet_is_what_choosing_the_value_gives() {
    let server = library();
    for query in [
        "",
        "layer=data-management",
        "layer=data-management&layer=connectivity&mim=1",
        "q=broker",
        "q=data&kind=tool&open=1",
        "mim=none",
    ] {
        let found = ask(&server, query);
        let mut seen = 0;
        for (facet, values) in found["facets"].as_object().expect("facets") {
            for value in values.as_array().expect("a list") {
                let key = value["value"].as_str().expect("text");
                if value["chosen"] == true {
                    continue;
                }
                // Beside others of the same facet a value adds; alone it gives its count.
                let alone: Vec<&str> = query
                    .split('&')
                    .filter(|p| !p.is_empty() && !p.starts_with(&format!("{facet}=")))
                    .collect();
                let narrowed = ask(&server, &format!("{}&{facet}={key}", alone.join("&")));
                assert_eq!(value["count"], narrowed["total"], "{query} {facet}={key}");
                seen += 1;
                if seen % 12 == 0 {
                    break;
                }
            }
        }
        assert!(seen > 10, "{query}");
    }
}

#[test]
fn values_of_a_facet_widen_and_facets_narrow() {
    let server = library();
    let all = total(&ask(&server, ""));
    assert_eq!(all, 204);
    let one: BTreeSet<_> = walk(&server, "layer=connectivity").into_iter().collect();
    let two: BTreeSet<_> = walk(&server, "layer=analytics").into_iter().collect();
    let both: BTreeSet<_> = walk(&server, "layer=analytics&layer=connectivity")
        .into_iter()
        .collect();
    assert!(!one.is_empty() && !two.is_empty());
    assert_eq!(&one | &two, both);
    let tools: BTreeSet<_> = walk(&server, "kind=tool").into_iter().collect();
    let narrowed: BTreeSet<_> = walk(&server, "layer=analytics&kind=tool")
        .into_iter()
        .collect();
    assert_eq!(&two & &tools, narrowed);
    assert_eq!(total(&ask(&server, "layer=no-such-layer")), 0);
    let canonical = [
        "data-sources",
        "data-acquisition",
        "connectivity",
        "data-management",
        "analytics",
        "decision-making",
        "visualisation",
    ];
    let found = ask(&server, "");
    let shown: Vec<&str> = found["facets"]["layer"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|v| v["value"].as_str().expect("text"))
        .collect();
    assert!(shown.starts_with(&canonical), "{shown:?}");
}

#[test]
fn words_are_found_by_stem_beginning_and_slip_and_the_name_comes_first() {
    let server = library();
    let first = |query: &str| {
        pages(&ask(&server, query))
            .first()
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(first("q=orion-ld"), "/resource/orion-ld");
    assert_eq!(
        first("q=Scorpio"),
        "/resource/scorpio",
        "a name beats a mention"
    );
    for (query, wanted) in [
        ("q=stelli", "/resource/stellio"),
        ("q=brokers", "/resource/orion-ld"),
        ("q=ngsi%20brok", "/resource/orion-ld"),
    ] {
        assert!(walk(&server, query).contains(&wanted.to_owned()), "{query}");
    }
    let slip = ask(&server, "q=keyrokc");
    assert_eq!(slip["spelledAlike"], true);
    assert!(pages(&slip).contains(&"/resource/keyrock".to_owned()));
    assert_eq!(ask(&server, "q=keyrock")["spelledAlike"], false);
    // All words are wanted.
    let wide = total(&ask(&server, "q=broker"));
    let narrow = total(&ask(&server, "q=broker%20scorpio"));
    assert!(narrow > 0 && narrow < wide);
    assert_eq!(total(&ask(&server, "q=xyzzyplugh")), 0);
}

#[test]
fn each_language_is_searched_by_its_own_stems() {
    let dir = directory("languages");
    std::fs::create_dir_all(&dir).expect("a directory");
    let file = dir.join("languages.ttl");
    let text = r#"@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
        <https://a.example/de> a dcat:Dataset ; dct:title "Verkehrszählungen der Brücken"@de ; dct:description "Zählt jede Stunde, wie viele Fahrzeuge über die Brücken der Stadt fahren."@de .
        <https://a.example/fr> a dcat:Dataset ; dct:title "Capteurs des forêts"@fr ; dct:description "Mesure chaque heure ce que les capteurs voient dans les forêts de la ville."@fr ; dct:spatial <https://a.example/fr#place> .
        <https://a.example/fr#place> a dct:Location ; dcat:centroid "POINT(7.12 43.58)"^^<http://www.opengis.net/ont/geosparql#wktLiteral> .
    "#;
    std::fs::write(&file, text).expect("writes");
    let (ok, said) = import(&dir, &file, &[]);
    assert!(ok, "{said}");
    let server = launch(&dir, &["--no-seed", "--public-url", PUBLIC]);
    crate::support::ready(&server);
    for (query, wanted) in [
        ("q=Br%C3%BCcke", 1),
        ("q=brucken", 1),
        ("q=capteur", 1),
        ("q=foret", 1),
        ("q=for%C3%AAts", 1),
        ("bbox=5,43,8,44", 1),
        ("bbox=-5,50,8,60", 0),
        // Across the date line lies nothing of ours.
        ("bbox=170,-50,-170,60", 0),
        ("from=2020-01-01", 2),
        ("to=2020-01-01", 0),
    ] {
        assert_eq!(total(&ask(&server, query)), wanted, "{query}");
    }
}

#[test]
fn orders_are_those_that_people_expect() {
    let server = library();
    let titles = |query: &str| -> Vec<Value> {
        let found = ask(&server, query);
        found["entries"].as_array().expect("a list").clone()
    };
    let by_title = titles("sort=title");
    let lower: Vec<String> = by_title
        .iter()
        .map(|e| e["title"]["en"].as_str().expect("text").to_lowercase())
        .collect();
    assert!(lower.is_sorted(), "{lower:?}");
    let lowest: Vec<usize> = titles("sort=mim")
        .iter()
        .map(|e| {
            let mims = e["mim"].as_array().expect("a list").iter();
            let number = |m: &Value| {
                m.as_str()
                    .and_then(|m| m.chars().find(char::is_ascii_digit))
                    .and_then(|c| c.to_digit(10))
                    .map_or(99, |n| n as usize)
            };
            mims.map(number).min().unwrap_or(99)
        })
        .collect();
    assert!(lowest.is_sorted() && lowest[0] == 0, "{lowest:?}");
    for sort in ["title", "mim", "layer", "newest", "relevance"] {
        let all: BTreeSet<_> = walk(&server, &format!("sort={sort}")).into_iter().collect();
        assert_eq!(all.len(), 204, "{sort}: pages overlap");
    }
    let all: BTreeSet<_> = walk(&server, "q=data").into_iter().collect();
    assert_eq!(all.len() as u64, total(&ask(&server, "q=data")));
}

#[test]
fn every_form_holds_the_same_entries() {
    let server = library();
    let query = "layer=connectivity&open=1";
    let wanted = walk(&server, query);
    assert!(wanted.len() > 2 && wanted.len() < 24);
    for (extension, media) in [
        ("html", "text/html"),
        ("csv", "text/csv"),
        ("ttl", "text/turtle"),
        ("nt", "application/n-triples"),
        ("rdf", "application/rdf+xml"),
        ("jsonld", "application/ld+json"),
        ("trig", "application/trig"),
        ("atom", "application/atom+xml"),
    ] {
        let answer = server.ask("GET", &format!("/search.{extension}?{query}"), &[], b"");
        assert_eq!(answer.status, 200, "{extension}");
        assert!(
            answer.header("content-type").starts_with(media),
            "{extension}"
        );
        let negotiated = server.ask(
            "GET",
            &format!("/search?{query}"),
            &[("Accept", media)],
            b"",
        );
        assert_eq!(negotiated.body, answer.body, "{media}");
        let text = answer.text();
        for page in &wanted {
            let shown = page.rsplit('/').next().expect("a slug");
            // The sheet has names for them, the others addresses.
            let found = extension == "csv" || text.contains(&format!("resource/{shown}"));
            assert!(found, "{extension}: {page}");
        }
        if extension == "csv" {
            let rows = csv::Reader::from_reader(text.as_bytes()).records().count();
            assert_eq!(rows, wanted.len());
        }
    }
    // The query of the same question gives the same entries.
    for query in [
        query,
        "q=broker&kind=tool",
        "mim=none&layer=analytics",
        "mim=none&mim=2",
        "from=2020-01-01&q=twin",
    ] {
        let sparql = server.body(&format!("/search.rq?{query}"));
        let answer = server.ask(
            "POST",
            "/sparql",
            &[
                ("Content-Type", "application/sparql-query"),
                ("Accept", "text/csv"),
            ],
            sparql.as_bytes(),
        );
        assert_eq!(answer.status, 200, "{sparql}: {}", answer.text());
        let rows: BTreeSet<String> = csv::Reader::from_reader(&answer.body[..])
            .records()
            .map(|r| {
                r.expect("a row")[0]
                    .rsplit('/')
                    .next()
                    .expect("a slug")
                    .to_owned()
            })
            .collect();
        let wanted: BTreeSet<String> = walk(&server, query)
            .iter()
            .map(|p| p.rsplit('/').next().expect("a slug").to_owned())
            .collect();
        assert_eq!(rows, wanted, "{query}");
    }
}

#[test]
fn the_page_says_all_of_it_in_its_address_and_what_to_loosen() {
    let server = library();
    let page = server.body("/?q=broker&layer=data-management&view=table&sort=title");
    assert!(page.contains("<table>") && page.contains("<mark>"));
    assert!(page.contains("name=\"layer\" value=\"data-management\" checked"));
    assert!(page.contains("<option value=\"title\" selected>"));
    // Each filter can be taken away alone.
    assert!(
        page.contains("href=\"/?layer=data%2Dmanagement&#38;sort=title&#38;view=table\""),
        "{page}"
    );
    let page = server.body("/?q=xyzzyplugh&layer=analytics");
    assert!(page.contains("Nothing fits all of this") && page.contains("Without “xyzzyplugh”"));
    let page = server.body("/?q=%3Cscript%3Ealert(1)%3C/script%3E&layer=%22%3E%3Cimg%3E");
    assert!(!page.contains("<script") && !page.contains("<img"));
    for (query, wanted) in [
        ("sort=size", "sort is \"size\"; it is one of relevance"),
        ("bbox=1,2,3", "west,south,east,north"),
        ("bbox=1,2,3,nan", "west,south,east,north"),
        ("from=yesterday", "a date such as"),
        ("page=0", "a whole number from 1"),
    ] {
        let answer = server.ask("GET", &format!("/search.json?{query}"), &[], b"");
        assert_eq!(answer.status, 400, "{query}");
        assert!(
            answer.text().contains(&wanted.replace('"', "\\\"")),
            "{}",
            answer.text()
        );
    }
}

#[test]
fn what_changes_is_found_within_a_second_and_what_goes_is_not() {
    let dir = directory("searched");
    let file = dir.with_extension("csv");
    let write = |names: &[&str]| {
        let rows: Vec<_> = names.iter().map(|n| row(&[("Short name", n)])).collect();
        std::fs::write(&file, csv(&rows)).expect("writes");
        let (ok, said) = import(&dir, &file, &["--prune", "--force"]);
        assert!(ok, "{said}");
    };
    let server = launch(&dir, &["--no-seed", "--public-url", PUBLIC]);
    crate::support::ready(&server);
    let soon = |query: &str, wanted: u64| {
        let began = Instant::now();
        while total(&ask(&server, query)) != wanted {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{query} never gives {wanted}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    write(&["Zebra", "Giraffe"]);
    soon("q=zebra", 1);
    soon("", 2);
    write(&["Giraffe"]);
    soon("q=zebra", 0);
    soon("layer=data-management", 1);
    let (code, said) = crate::support::run(&dir, &["restrict", "giraffe", "partners"]);
    assert_eq!(code, 0, "{said}");
    soon("", 0);
    assert!(
        ask(&server, "")["facets"]["maintainer"]
            .as_array()
            .expect("a list")
            .is_empty()
    );
}

#[test]
fn entries_are_found_by_their_source_and_what_is_private_of_it_is_not_told() {
    let dir = directory("sources");
    let server = launch(&dir, &["--no-seed", "--public-url", PUBLIC]);
    let folder = dir.with_extension("private-folder");
    std::fs::create_dir_all(&folder).expect("makes");
    for (file, name, more) in [
        ("city.csv", "Apple", &[][..]),
        (
            "b.csv",
            "Pear",
            &[
                "--source-name",
                "https://ada:secret@portal.example/catalogue/?key=1",
            ],
        ),
        ("c.csv", "Plum", &["--source-name", "Regional portal"]),
    ] {
        let path = folder.join(file);
        std::fs::write(&path, csv(&[row(&[("Short name", name)])])).expect("writes");
        let (good, said) = import(&dir, &path, more);
        assert!(good, "{said}");
    }
    crate::support::ready(&server);
    let began = Instant::now();
    while total(&ask(&server, "")) < 3 {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    let found = ask(&server, "");
    let sources = found["facets"]["source"].as_array().expect("values");
    let told: BTreeSet<&str> = sources.iter().filter_map(|v| v["label"].as_str()).collect();
    let wanted = ["city.csv", "portal.example/catalogue", "Regional portal"];
    assert_eq!(told, BTreeSet::from(wanted));
    for value in sources {
        let key = value["value"].as_str().expect("text");
        assert_eq!(total(&ask(&server, &format!("source={key}"))), 1, "{key}");
        // The same question as SPARQL gives the same entry.
        let query = server.body(&format!("/search.rq?source={key}"));
        let media = "application/sparql-query";
        let rows = server.post("/sparql", "text/csv", media, query.as_bytes());
        let (_, rows) = rows.split_once("\r\n\r\n").expect("an answer");
        assert_eq!(rows.trim().lines().count(), 2, "{query}\n{rows}");
    }
    let all = server.body("/catalog/dump.nt");
    for private in ["private-folder", "secret", "key=1"] {
        assert!(!all.contains(private), "{private}");
    }
}
