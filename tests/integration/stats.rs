//! What the library holds, as pictures with tables: each number is what its link finds.
use crate::support::{Server, directory, import, library, ready, start};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

fn page(server: &Server, tag: &str) -> String {
    let headers = [("Accept", "text/html"), ("Accept-Language", tag)];
    let answer = server.ask("GET", "/stats", &headers, b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// The texts of a picture, after it was read to its end as XML; it has to have a title and words.
fn texts(svg: &str) -> Vec<String> {
    let mut reader = Reader::from_str(svg);
    reader.config_mut().check_end_names = true;
    let (mut out, mut open) = (Vec::<String>::new(), Vec::new());
    let mut names = Vec::new();
    let is_text = |open: &[String]| open.last().is_some_and(|n| n == "text");
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(e) => {
                open.push(e.name().as_ref().to_owned());
                if is_text(&open) {
                    out.push(String::new());
                }
                for a in e.attributes() {
                    let a = a.expect("an attribute");
                    if matches!(a.key.as_ref(), "id" | "aria-labelledby") {
                        names.push(a.value.to_string());
                    }
                    assert_ne!(a.key.as_ref(), "style");
                }
            }
            Event::End(_) => drop(open.pop()),
            Event::Text(t) if is_text(&open) => out.last_mut().expect("a text").push_str(&t),
            Event::GeneralRef(r) if is_text(&open) => {
                let reference = format!("&{};", &*r);
                out.last_mut().expect("a text").push_str(&reference);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
    assert!(svg.contains("role=\"img\""));
    // The picture is named by its own title and words.
    assert_eq!(names[0], names[1..].join(" "), "{svg}");
    out
}

fn pictures(page: &str) -> Vec<&str> {
    let starts = page.match_indices("<svg").map(|(at, _)| &page[at..]);
    starts
        .map(|rest| &rest[..rest.find("</svg>").expect("an end") + 6])
        .collect()
}

#[test]
fn each_number_is_what_its_link_finds_and_what_the_picture_shows() {
    let server = library();
    let text = page(&server, "en");
    let pictures = pictures(&text);
    assert_eq!(pictures.len(), 7);
    let tables: Vec<&str> = text.split("<tbody>").skip(1).collect();
    assert_eq!(tables.len(), 7);
    for (picture, table) in pictures.into_iter().zip(tables) {
        let table = table.split("</tbody>").next().expect("an end");
        let mut counts = Vec::new();
        for link in table.split("<a href=\"/?").skip(1) {
            let (query, rest) = link.split_once('"').expect("an address");
            let count = rest[1..].split('<').next().expect("a number").to_owned();
            let query = query.replace("&#38;", "&");
            let found = server.body(&format!("/search.json?limit=1&{query}"));
            let found: Value = serde_json::from_str(&found).expect("JSON");
            assert_eq!(found["total"].to_string(), count, "{query}");
            counts.push(count);
        }
        assert!(!counts.is_empty(), "{table}");
        let drawn = texts(picture);
        let numbers: Vec<&String> = drawn
            .iter()
            .filter(|t| t.bytes().all(|b| b.is_ascii_digit()))
            .collect();
        assert_eq!(numbers, counts.iter().collect::<Vec<_>>());
    }
    // What no entry has is drawn as a gap.
    assert!(text.contains("class=\"shade-0\"") && text.contains("class=\"shade-5\""));
    assert!(page(&server, "es").contains("Entradas por capa"));
}

#[test]
fn names_from_elsewhere_are_text_in_pictures_and_tables() {
    let dir = directory("stats-hostile");
    let server = start(&dir);
    let file = dir.with_extension("ttl");
    let hostile = "</text><script>alert(1)</script>&\\\" onload=\\\"x";
    std::fs::write(
        &file,
        format!(
            "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> . @prefix ldt: <https://w3id.org/ldt-catalogue/ns#> .
            <https://a.example/x> a dcat:Dataset ; dct:title \"X\"@en ; dct:description \"What the trees of the city are.\"@en ; ldt:licence \"{hostile}\" ; ldt:layer ldt:layer-analytics ."
        ),
    )
    .expect("writes");
    let (done, said) = import(&dir, &file, &[]);
    assert!(done && said.contains("1 added"), "{said}");
    drop(server);
    let server = start(&dir);
    ready(&server);
    let text = page(&server, "en");
    assert!(
        !text.contains("<script>alert") && !text.contains("onload=\""),
        "{text}"
    );
    let found = pictures(&text);
    assert!(
        found
            .iter()
            .any(|p| texts(p).iter().any(|t| t.starts_with("&#60;/text")))
    );
}
