//! Suggestions of visitors: the form, what is kept of it and where, and what it refuses.
use crate::support::{Answer, PUBLIC, Server, directory, run, start, start_with};
use std::path::Path;
use std::time::Duration;

/// What a person sends who fills in the form.
pub const SOUND: [(&str, &str); 6] = [
    ("short", "City Pump Model"),
    ("long", "Data model of city pumps"),
    (
        "description",
        "It describes the pumps of a city so that twins can show which of them run.",
    ),
    ("kind", "Data model"),
    ("layer", "Data management"),
    ("mim", "MIM2"),
];

pub fn encoded(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.join("&")
}

pub fn post(
    server: &Server,
    path: &str,
    fields: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> Answer {
    let mut all = vec![
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Accept", "text/html"),
    ];
    all.extend(headers);
    server.ask("POST", path, &all, encoded(fields).as_bytes())
}

/// The sign of a form that was opened a while ago.
pub fn opened(server: &Server) -> String {
    let page = server.get("/suggest", "text/html");
    let sign = page.split("name=\"sign\" value=\"").nth(1).expect("a sign");
    let sign = sign.split('"').next().expect("its end").to_owned();
    // The time that a person takes at least.
    std::thread::sleep(Duration::from_millis(2_100));
    sign
}

pub fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = SOUND
        .iter()
        .filter(|(name, _)| !more.iter().any(|m| m.0 == *name));
    own.copied().chain(more.iter().copied()).collect()
}

fn library(name: &str) -> (std::path::PathBuf, Server) {
    let dir = directory(name);
    let server = start(&dir);
    (dir, server)
}

#[test]
fn a_suggestion_is_kept_for_a_moderator_and_its_contact_nowhere_else() {
    let (dir, server) = library("suggest-kept");
    let sign = opened(&server);
    let fields = with(&[
        ("sign", sign.as_str()),
        ("contact", "someone@contact.example"),
        ("note", "seen at a fair"),
        ("A-label", "Website"),
        ("A-link", "https://pumps.example/"),
    ]);
    let answer = post(&server, "/suggest", &fields, &[]);
    assert_eq!(answer.status, 303, "{}", answer.text());
    let place = answer.header("location").to_owned();
    assert!(place.starts_with("/suggest/status/") && place.len() > 16 + 30);
    let page = server.ask("GET", &place, &[("Accept", "text/html")], b"");
    assert!(page.text().contains("It waits for a moderator."));
    assert!(page.text().contains(&format!("{PUBLIC}{place}")));
    assert_eq!(page.header("cache-control"), "no-store");
    // Nothing of it is public, and the contact is in no copy and no log.
    assert_eq!(
        server
            .ask("GET", "/resource/city-pump-model", &[], b"")
            .status,
        404
    );
    let found = server.get("/search.json?q=pumps", "*/*");
    assert!(
        found.contains("\"total\":0") || !found.contains("city-pump"),
        "{found}"
    );
    let copy = dir.with_extension("copy.db");
    let (code, said) = run(&dir, &["backup", &copy.to_string_lossy()]);
    assert_eq!(code, 0, "{said}");
    let holds = |path: &Path, text: &str| {
        let bytes = std::fs::read(path).expect("a file");
        bytes.windows(text.len()).any(|w| w == text.as_bytes())
    };
    assert!(holds(&copy, "City Pump Model") && holds(&copy, "seen at a fair"));
    assert!(!holds(&copy, "contact.example"));
    let token = place.rsplit('/').next().expect("a token");
    assert!(!holds(&copy, token), "the token itself is not kept");
    // The same form is taken once.
    assert_eq!(post(&server, "/suggest", &fields, &[]).status, 409);
    let other = format!("/suggest/status/{}", "0".repeat(32));
    assert_eq!(server.ask("GET", &other, &[], b"").status, 404);
}

#[test]
fn what_is_wrong_stands_at_its_field_and_nothing_is_lost() {
    let (_, server) = library("suggest-wrong");
    let sign = opened(&server);
    let wrong = with(&[
        ("sign", sign.as_str()),
        ("short", "<b>Pump</b> \"&"),
        ("country", "Italy"),
        ("layer", ""),
        ("B-label", "Website"),
        ("B-link", "javascript:alert(1)"),
        ("contact", "no address"),
    ]);
    let answer = post(&server, "/suggest", &wrong, &[]);
    assert_eq!(answer.status, 422);
    let page = answer.text();
    let at = |id: &str| {
        let place = page.find(&format!("id=\"{id}-wrong-1\">"));
        let rest = &page[place.unwrap_or_else(|| panic!("nothing at {id}: {page}"))..];
        rest[..rest.find("</p>").expect("its end")].to_owned()
    };
    assert!(at("country").contains("three-letter code"));
    assert!(at("layer").contains("This is needed."));
    assert!(at("B").contains("no http or https address"));
    assert!(at("contact").contains("no mail address"));
    assert!(
        page.contains("value=\"&#60;b&#62;Pump&#60;/b&#62; &#34;&#38;\""),
        "{page}"
    );
    assert!(page.contains("value=\"javascript:alert(1)\"") && !page.contains("href=\"javascript"));
    // A German reader is told in German.
    let answer = post(&server, "/suggest", &wrong, &[("Accept-Language", "de")]);
    assert!(answer.text().contains("Das wird gebraucht."));
    // Put right, it is taken with the sign that the page has now.
    let preview = post(&server, "/suggest", &with(&[("preview", "1")]), &[]);
    assert_eq!(preview.status, 200);
    assert!(preview.text().contains("id=\"preview\""));
    assert!(preview.text().contains("Data model of city pumps (en)"));
}

#[test]
fn a_correction_is_shown_as_a_difference_and_an_empty_one_refused() {
    let (_, server) = library("suggest-correction");
    let page = server.get("/suggest?entry=orion-ld", "text/html");
    assert!(page.contains("name=\"entry\" value=\"orion-ld\""));
    assert!(page.contains("value=\"Orion-LD\"") && page.contains("uses MongoDB"));
    let old = [
        ("entry", "orion-ld"),
        ("preview", "1"),
        ("short", "Orion-LD"),
        ("long", "Orion-LD Context Broker"),
        ("kind", "Tool/Implementation"),
        ("layer", "Data management"),
    ];
    let mut fields = old.to_vec();
    fields.push((
        "description",
        "A context broker, told anew so that cities see what changed in it.",
    ));
    let answer = post(&server, "/suggest", &fields, &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = answer.text();
    assert!(page.contains("<ins>A context broker, told anew"), "{page}");
    assert!(page.contains("<del>Grown out of the earlier Orion broker"));
    assert_eq!(
        server.ask("GET", "/suggest?entry=nothing", &[], b"").status,
        404
    );
    // As it is, nothing is to be sent.
    let page = server.get("/suggest?entry=orion-ld", "text/html");
    let value = |name: &str| -> String {
        let rest = page
            .split(&format!("name=\"{name}\""))
            .nth(1)
            .unwrap_or_default();
        let value = rest.split("value=\"").nth(1).unwrap_or_default();
        value
            .split('"')
            .next()
            .unwrap_or_default()
            .replace("&#38;", "&")
    };
    let text = page.split("name=\"description\"").nth(1).expect("a field");
    let text = text
        .split('>')
        .nth(1)
        .expect("text")
        .split("</textarea")
        .next()
        .expect("its end");
    let mut same: Vec<(&str, String)> = vec![("entry", "orion-ld".into()), ("preview", "1".into())];
    for name in [
        "short",
        "long",
        "maintainer",
        "version",
        "A-label",
        "A-link",
        "B-label",
        "B-link",
        "C-label",
        "C-link",
    ] {
        same.push((name, value(name)));
    }
    same.push(("description", text.replace("&#39;", "'")));
    for choice in page.split("value=\"").skip(1) {
        let (label, rest) = choice.split_once('"').expect("a value");
        if rest.starts_with(" checked") || rest.starts_with(" selected") {
            let before = page
                .split(&format!("value=\"{label}\""))
                .next()
                .expect("before");
            let name = before.rsplit("name=\"").next().expect("a name");
            let name = ["kind", "layer", "mim", "scope", "origin"]
                .iter()
                .find(|n| name.starts_with(**n));
            same.extend(name.map(|n| (*n, label.to_owned())));
        }
    }
    let same: Vec<(&str, &str)> = same.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let answer = post(&server, "/suggest", &same, &[]);
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert!(
        answer.text().contains("Nothing is changed."),
        "{}",
        answer.text()
    );
}

#[test]
fn what_may_be_meant_already_is_told_by_name_address_and_title() {
    let (_, server) = library("suggest-alike");
    let ask = |query: &str| server.get(&format!("/suggest/duplicates?{query}"), "*/*");
    assert!(ask("short=orion-ld").contains("Same name:"));
    let address = "A-link=https%3A%2F%2Fgithub.com%2FFIWARE%2Fcontext.Orion-LD";
    assert!(ask(address).contains("\"Same address:\",\"title\":\"Orion-LD Context Broker\""));
    assert!(ask("long=scorpo+broker").contains("Scorpio Broker"));
    assert!(!ask("short=orion-ld&entry=orion-ld").contains("resource/orion-ld\""));
    assert!(ask("short=zzzzqqqq").ends_with("\r\n\r\n[]"));
}

#[test]
fn programs_that_fill_in_everything_and_clients_that_send_too_much_are_stopped() {
    let dir = directory("suggest-limits");
    let settings = "[suggestions]\nper_hour = 2\n[server]\ntrusted_proxies = \"127.0.0.1\"\n";
    let server = start_with(&dir, settings);
    let early = server.get("/suggest", "text/html");
    let early = early
        .split("name=\"sign\" value=\"")
        .nth(1)
        .expect("a sign");
    let early = early.split('"').next().expect("its end");
    for sign in [early, "", "1-2-3", "ffffffffffffffff-00-00"] {
        let answer = post(&server, "/suggest", &with(&[("sign", sign)]), &[]);
        assert_eq!(answer.status, 422, "{sign}");
        assert!(answer.text().contains("please send it again"));
    }
    // Who fills in what people do not see is told the same as others, and nothing is kept.
    let sign = opened(&server);
    let trapped = with(&[("sign", &sign), ("homepage", "https://spam.example/")]);
    let answer = post(&server, "/suggest", &trapped, &[]);
    assert_eq!(answer.status, 303);
    assert_eq!(
        server
            .ask("GET", answer.header("location"), &[], b"")
            .status,
        404
    );
    let signs: Vec<String> = (0..4)
        .map(|_| {
            let page = server.get("/suggest", "text/html");
            let sign = page.split("name=\"sign\" value=\"").nth(1).expect("a sign");
            sign.split('"').next().expect("its end").to_owned()
        })
        .collect();
    std::thread::sleep(Duration::from_millis(2_100));
    let send = |sign: &str, from: &str| {
        let answer = post(
            &server,
            "/suggest",
            &with(&[("sign", sign)]),
            &[("X-Forwarded-For", from)],
        );
        (answer.status, answer.header("retry-after").to_owned())
    };
    assert_eq!(send(&signs[0], "198.51.100.1").0, 303);
    assert_eq!(send(&signs[1], "203.0.113.9, 198.51.100.1").0, 303);
    let (status, later) = send(&signs[2], "198.51.100.1");
    assert_eq!(status, 429);
    assert!(!later.is_empty(), "says when to come back");
    assert_eq!(
        send(&signs[2], "198.51.100.2").0,
        303,
        "another client is not stopped"
    );
}

#[test]
fn a_form_is_bounded_and_no_input_is_an_error_of_ours() {
    let (_, server) = library("suggest-bounds");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let huge = format!("short={}", "x".repeat(1 << 20));
    assert_eq!(
        server
            .ask("POST", "/suggest", &form, huge.as_bytes())
            .status,
        413
    );
    let long = format!("short=a&description={}", "x".repeat(5_000));
    let answer = server.ask("POST", "/suggest", &form, long.as_bytes());
    assert_eq!(answer.status, 422);
    assert!(answer.text().contains("5000 characters; at most 4000"));
    for body in [
        &b"short=%ff%fe%00&layer=%zz"[..],
        b"\xff\xfe\x00",
        b"&&&=&=",
        b"mim=MIM2&mim=MIM99&scope=%00",
    ] {
        let status = server.ask("POST", "/suggest", &form, body).status;
        assert!((400..500).contains(&status), "{status} {body:?}");
    }
    assert_eq!(
        server
            .ask("POST", "/suggest", &[("Content-Type", "text/plain")], b"x")
            .status,
        415
    );
}

#[test]
fn the_address_of_a_suggestion_is_in_no_log() {
    let dir = directory("suggest-log");
    let log = dir.with_extension("log");
    let file = std::fs::File::create(&log).expect("a file");
    let process = std::process::Command::new(env!("CARGO_BIN_EXE_ldt-catalogue"))
        .args([
            "serve",
            "--no-seed",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
        ])
        .arg(&dir)
        .stdout(std::process::Stdio::piped())
        .stderr(file)
        .spawn()
        .expect("the program starts");
    let server = Server::adopt(process);
    let token = "0123456789abcdef0123456789abcdef";
    let status = format!("/suggest/status/{token}");
    assert_eq!(server.ask("GET", &status, &[], b"").status, 404);
    assert_eq!(server.ask("GET", "/healthz", &[], b"").status, 200);
    drop(server);
    let log = std::fs::read_to_string(&log).expect("a log");
    assert!(
        log.contains("/suggest/status/{token}") && log.contains("/healthz"),
        "{log}"
    );
    assert!(!log.contains(token), "{log}");
}
