//! Pages for people: their language, an entry with its neighbours and its versions, what they load.
use crate::import::{csv, row};
use crate::support::{PUBLIC, Server, directory, import, launch, library};
use serde_json::Value;

fn html(server: &Server, path: &str, headers: &[(&str, &str)]) -> String {
    let mut all = vec![("Accept", "text/html")];
    all.extend(headers);
    let answer = server.ask("GET", path, &all, b"");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

const PAGES: [&str; 16] = [
    "/",
    "/?view=table&q=broker",
    "/catalog?page=1",
    "/resource/orion-ld",
    "/sparql",
    "/validate",
    "/ns",
    "/layer/connectivity",
    "/mim/1",
    "/twins",
    "/about",
    "/about/architecture",
    "/about/privacy",
    "/stats",
    "/quality",
    "/resource/orion-ld/quality",
];

#[test]
fn a_page_is_in_the_language_that_is_asked_for() {
    let server = library();
    for (headers, path, tag) in [
        (vec![], "/", "en"),
        (vec![("Accept-Language", "fr-BE, en;q=0.5")], "/", "fr"),
        (vec![("Accept-Language", "pt, ro")], "/", "en"),
        (
            vec![("Accept-Language", "fr"), ("Cookie", "a=b; lang=de")],
            "/",
            "de",
        ),
        (
            vec![("Accept-Language", "fr"), ("Cookie", "lang=de")],
            "/?lang=it",
            "it",
        ),
        (vec![("Cookie", "lang=xx")], "/?lang=yy", "en"),
    ] {
        let mut all = vec![("Accept", "text/html")];
        all.extend(headers);
        let answer = server.ask("GET", path, &all, b"");
        assert_eq!(answer.header("content-language"), tag, "{all:?}");
        assert!(answer.text().contains(&format!("<html lang=\"{tag}\">")));
        let kept = answer.header("set-cookie");
        assert_eq!(!kept.is_empty(), path == "/?lang=it", "{kept}");
    }
    for path in PAGES {
        let mut told = std::collections::BTreeSet::new();
        for tag in ["en", "fr", "de", "it", "es"] {
            let page = html(&server, path, &[("Accept-Language", tag)]);
            let start = page.find("<nav").expect("a way to the others");
            told.insert(page[start..].lines().next().map(str::to_owned));
            let other = if tag == "en" { "fr" } else { "en" };
            assert!(
                page.contains(&format!("lang={other}\" hreflang=\"{other}\"")),
                "{path}"
            );
        }
        assert_eq!(told.len(), 5, "{path}");
    }
}

#[test]
fn what_a_filter_asks_for_stays_when_the_language_is_changed() {
    let page = html(&library(), "/?layer=connectivity&lang=fr&q=data", &[]);
    assert!(
        page.contains("href=\"/?q=data&#38;layer=connectivity&#38;lang=de\""),
        "{page}"
    );
    assert!(page.contains("Connectivité"));
}

#[test]
fn a_text_that_the_reader_has_no_version_of_says_its_language() {
    let server = library();
    let page = html(&server, "/resource/orion-ld", &[("Accept-Language", "de")]);
    assert!(page.contains("<h1 lang=\"en\">Orion-LD Context Broker</h1>"));
    assert!(page.contains("auf Englisch"), "{page}");
    let page = html(&server, "/resource/orion-ld", &[]);
    assert!(!page.contains("There is none in your language"));
    assert!(!page.contains("is in English"));
}

#[test]
fn pages_hold_no_script_and_no_style_and_load_one_stylesheet_for_good() {
    let server = library();
    for path in PAGES {
        let answer = server.ask("GET", path, &[("Accept", "text/html")], b"");
        let policy = answer.header("content-security-policy").to_owned();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        let page = answer.text();
        for part in ["<style", " style=", " onclick=", " onload=", "javascript:"] {
            assert!(!page.contains(part), "{part} in {path}");
        }
        for script in page.split("<script").skip(1) {
            // Where it was built, the editor of queries is a file of ours.
            let editor = path == "/sparql" && script.starts_with(" src=\"/assets/editor-");
            assert!(
                editor || script.starts_with(" type=\"application/ld+json\">"),
                "{path}"
            );
        }
        let style = page
            .split("rel=\"stylesheet\" href=\"")
            .nth(1)
            .expect("a stylesheet");
        let style = style.split('"').next().expect("an address");
        let answer = server.ask("GET", style, &[], b"");
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").starts_with("text/css"));
        assert!(answer.header("cache-control").contains("immutable"));
    }
    let answer = server.ask("GET", "/assets/style-0000000000000000.css", &[], b"");
    assert_eq!(answer.status, 404);
}

#[test]
fn an_entry_is_drawn_among_its_neighbours_cited_and_told_to_search_engines() {
    let page = html(&library(), "/resource/orion-ld", &[]);
    let picture = page
        .split("<svg class=\"relations\"")
        .nth(1)
        .expect("a picture");
    let picture = picture.split("</svg>").next().expect("its end");
    for neighbour in ["/resource/ngsi-ld", "/resource/twin-perugia"] {
        assert!(
            picture.contains(&format!("href=\"{neighbour}")),
            "{neighbour}: {picture}"
        );
    }
    assert!(picture.contains("Used by") && picture.contains("Implements"));
    assert!(page.contains(
        "FIWARE Foundation (2026). Orion-LD Context Broker. Local Digital Twin resources"
    ));
    assert!(page.contains("@misc{orion-ld,"));
    let data = page
        .split("<script type=\"application/ld+json\">")
        .nth(1)
        .expect("data");
    let data: Value =
        serde_json::from_str(data.split("</script>").next().expect("its end")).expect("JSON");
    assert_eq!(
        data["@type"],
        serde_json::json!(["Dataset", "SoftwareApplication"])
    );
    assert_eq!(data["name"], "Orion-LD Context Broker");
    assert_eq!(data["url"], format!("{PUBLIC}/resource/orion-ld"));
    assert!(page.contains(&format!(
        "<link rel=\"canonical\" href=\"{PUBLIC}/resource/orion-ld\">"
    )));
    // What no entry of the sheet has, a portal will miss.
    let preview = page.split("dct:temporal").nth(1).expect("a row");
    assert!(preview.starts_with("</dt><dd><em>missing</em>"));
}

#[test]
fn a_title_that_would_end_the_data_or_the_page_ends_neither() {
    let dir = directory("hostile-title");
    let path = dir.join("sheet.csv");
    let title = "</script><img src=x onerror=alert(1)>{{7*7}}";
    let rows = [row(&[("Long name", title), ("Short name", "Hostile")])];
    let server = launch(&dir, &["--no-seed"]);
    std::fs::write(&path, csv(&rows)).expect("writes");
    let (done, said) = import(&dir, &path, &[]);
    assert!(done, "{said}");
    let page = html(&server, "/resource/hostile", &[]);
    assert!(
        !page.contains("<img") && !page.contains("</script><"),
        "{page}"
    );
    let data = page
        .split("<script type=\"application/ld+json\">")
        .nth(1)
        .expect("data");
    let data: Value =
        serde_json::from_str(data.split("</script>").next().expect("its end")).expect("JSON");
    assert_eq!(data["name"], title);
}

#[test]
fn every_version_that_was_public_can_be_read_with_what_changed() {
    let dir = directory("versions");
    let path = dir.join("sheet.csv");
    let server = launch(&dir, &["--no-seed"]);
    for description in [
        "It was so at first: a standard that cities used to describe their sensors.",
        "It is so now: a standard that cities use to describe their sensors and pumps.",
        "It is so at last: a standard that cities may use to describe all they have.",
    ] {
        let rows = [row(&[
            ("Long name", "Changing thing"),
            ("Short name", "Thing"),
            ("Description", description),
        ])];
        std::fs::write(&path, csv(&rows)).expect("writes");
        let (done, said) = import(&dir, &path, &[]);
        assert!(done, "{said}");
    }
    let list = html(&server, "/resource/thing/versions", &[]);
    assert_eq!(list.matches("/versions/").count(), 3, "{list}");
    assert!(
        list.contains("<del>It was so at first: a standard that cities used to describe their sensors. (en)</del>"),
        "{list}"
    );
    assert!(list.contains("<ins>It is so at last: a standard that cities may use to describe all they have. (en)</ins>"));
    let turtle = |n: &str| {
        server.ask(
            "GET",
            &format!("/resource/thing/versions/{n}"),
            &[("Accept", "text/turtle")],
            b"",
        )
    };
    assert!(
        turtle("1")
            .text()
            .contains("It was so at first: a standard that cities used to describe their sensors.")
    );
    assert!(
        turtle("3.ttl").text().contains(
            "It is so at last: a standard that cities may use to describe all they have."
        )
    );
    assert!(
        turtle("1")
            .header("link")
            .contains("rel=\"latest-version\"")
    );
    for none in ["0", "4", "x", "-1", "99999999999999999999"] {
        assert_eq!(turtle(none).status, 404, "{none}");
    }
    let old = html(&server, "/resource/thing/versions/2", &[]);
    assert!(old.contains("This is not the latest version."));
    // What is withdrawn has no versions for the public.
    let (code, said) =
        crate::support::run(&dir, &["decide", "thing", "withdraw", "--reason", "test"]);
    assert_eq!(code, 0, "{said}");
    for gone in ["/resource/thing/versions", "/resource/thing/versions/1"] {
        assert_eq!(server.ask("GET", gone, &[], b"").status, 404, "{gone}");
    }
}

#[test]
fn a_layer_and_a_mechanism_have_pages_that_lead_to_their_entries_and_neighbours() {
    let server = library();
    let page = html(&server, "/layer/connectivity", &[]);
    assert!(page.contains("Moving data between devices"), "{page}");
    for link in [
        "/?layer=connectivity",
        "/layer/data-acquisition",
        "/layer/data-management",
    ] {
        assert!(page.contains(&format!("href=\"{link}\"")), "{link}");
    }
    let json = server.body("/search.json?layer=connectivity&limit=1");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert!(page.contains(&format!("<h2>{} entries</h2>", json["total"])));
    assert!(page.matches("<ol class=\"entries\">").count() == 1 && page.contains("/resource/"));
    let last = html(&server, "/layer/visualisation", &[]);
    assert!(last.contains("The layer below") && !last.contains("The layer above"));
    let mim = html(&server, "/mim/8", &[]);
    assert!(mim.contains("MIM8 Local Digital Twins") && mim.contains("href=\"/?mim=8\""));
    for none in ["/layer/cellar", "/mim/9", "/mim/..%2f", "/about/nothing"] {
        let answer = server.ask("GET", none, &[], b"");
        assert_eq!(answer.status, 404, "{none}");
        assert!(answer.text().contains("there are"), "{}", answer.text());
    }
}

#[test]
fn the_map_shows_the_twins_where_they_are_and_leads_to_the_search_of_an_area() {
    let server = library();
    let page = html(&server, "/twins", &[]);
    let picture = page.split("<svg class=\"map\"").nth(1).expect("a map");
    let (picture, list) = picture.split_once("</svg>").expect("its end");
    for twin in ["twin-perugia", "twin-zurich"] {
        assert!(picture.contains(&format!("href=\"/resource/{twin}\"")));
        assert!(list.contains(&format!("href=\"/resource/{twin}\"")));
    }
    // 12.3908 east as wide as at 50 degrees north, 43.1107 north.
    assert!(picture.contains("cx=\"7.97\" cy=\"-43.11\""), "{picture}");
    assert!(
        list.contains("href=\"/resource/orion-ld\""),
        "what Perugia uses"
    );
    let field = picture
        .split("href=\"/?bbox=10,40,20,50\"")
        .nth(1)
        .expect("a field");
    let json = server.body("/search.json?bbox=10,40,20,50");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let told = format!(" aria-label=\"{} entr", json["total"]);
    assert!(field.starts_with(&told), "{told}: {field}");
    let near = html(&server, "/twins?bbox=5,40,15,50", &[]);
    assert!(near.contains("viewBox=\"3.22 -50 6.43 10\""), "{near}");
    for wrong in ["1,2,3", "a,b,c,d", "10,0,5,5", "0,0,0,0", "NaN,0,1,1"] {
        let path = format!("/twins?bbox={wrong}");
        assert_eq!(server.ask("GET", &path, &[], b"").status, 400, "{wrong}");
    }
}

#[test]
fn a_text_of_the_installation_stands_in_the_place_of_the_bundled_one() {
    let dir = directory("texts");
    let server = launch(&dir, &["--no-seed"]);
    let bundled = html(&server, "/about", &[("Accept-Language", "en")]);
    assert!(bundled.contains("<h1>About this library</h1>"), "{bundled}");
    assert!(bundled.contains("href=\"/about/privacy\""));
    std::fs::create_dir_all(dir.join("texts")).expect("makes");
    let own = "# Bei uns\n\n<script>alert(1)</script>\n\n[Suche](/?q=x) [x](javascript:y)";
    std::fs::write(dir.join("texts/about.de.md"), own).expect("writes");
    let page = html(&server, "/about", &[("Accept-Language", "de")]);
    assert!(
        page.contains("<article lang=\"de\">\n<h1>Bei uns</h1>"),
        "{page}"
    );
    assert!(page.contains("href=\"/?q=x\"") && !page.contains("<script"));
    assert!(!page.contains("javascript:"));
    assert!(html(&server, "/about", &[]).contains("About this library"));
    let layers = html(&server, "/about/architecture", &[("Accept-Language", "fr")]);
    assert!(
        layers.contains("href=\"/layer/connectivity\"><rect") && layers.contains("Connectivité")
    );
}
