//! Who may do what, and what moderators do: tokens, sessions, forms that no other site can send, and
//! decisions with who and why.
use crate::suggest::{opened, post, with};
use crate::support::{Answer, Server, directory, run, start, start_with};
use std::path::{Path, PathBuf};

fn token(dir: &Path, more: &[&str]) -> String {
    let (code, said) = run(dir, &[&["token", "add"], more].concat());
    assert_eq!(code, 0, "{said}");
    let token = said.lines().find(|l| l.starts_with("ldt_"));
    token
        .unwrap_or_else(|| panic!("no token: {said}"))
        .to_owned()
}

/// A moderator who signed in: the cookie, and what their forms carry.
pub struct Desk {
    pub server: Server,
    pub dir: PathBuf,
    pub cookie: String,
    pub csrf: String,
}

impl Desk {
    pub fn open(name: &str) -> Self {
        Self::with(name, "")
    }

    pub fn with(name: &str, settings: &str) -> Self {
        let dir = directory(name);
        let server = start_with(&dir, settings);
        Self::at(server, dir, "moderator")
    }

    /// At a service that runs, for someone with a role.
    pub fn at(server: Server, dir: PathBuf, role: &str) -> Self {
        let token = token(&dir, &["--role", role, "--name", "Ada"]);
        let answer = post(&server, "/sign-in", &[("token", &token)], &[]);
        assert_eq!(answer.status, 303, "{}", answer.text());
        let cookie = answer.header("set-cookie");
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
            "{cookie}"
        );
        let cookie = cookie.split(';').next().expect("a cookie").to_owned();
        let mut desk = Self {
            server,
            dir,
            cookie,
            csrf: String::new(),
        };
        let page = desk.get("/admin").text();
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).expect("a form");
        desk.csrf = csrf.split('"').next().expect("its end").to_owned();
        desk
    }

    pub fn get(&self, path: &str) -> Answer {
        let headers = [("Accept", "text/html"), ("Cookie", self.cookie.as_str())];
        self.server.ask("GET", path, &headers, b"")
    }

    pub fn send(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let all = [&[("csrf", self.csrf.as_str())], fields].concat();
        post(&self.server, path, &all, &[("Cookie", &self.cookie)])
    }

    /// Where the sender of a suggestion sees what became of it.
    fn suggest(&self, more: &[(&str, &str)]) -> String {
        let sign = opened(&self.server);
        let fields = with(&[&[("sign", sign.as_str())], more].concat());
        let answer = post(&self.server, "/suggest", &fields, &[]);
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("location").to_owned()
    }

    fn page(&self, path: &str) -> String {
        self.server
            .ask("GET", path, &[("Accept", "text/html")], b"")
            .text()
    }
}

#[test]
fn a_token_is_shown_once_and_ends_when_it_is_revoked_or_its_day_comes() {
    let dir = directory("tokens");
    let server = start(&dir);
    let ada = token(&dir, &["--role", "moderator", "--name", "Ada"]);
    let past = token(
        &dir,
        &["--role", "administrator", "--name", "Past", "--days", "0"],
    );
    let reader = token(&dir, &["--role", "reader"]);
    let (_, list) = run(&dir, &["token", "list"]);
    assert!(
        list.contains("Ada") && list.contains("ended") && list.contains("3 tokens"),
        "{list}"
    );
    let ledger = std::fs::read(dir.join("ledger.db")).expect("a ledger");
    let log = std::fs::read(dir.join("ledger.db-wal")).unwrap_or_default();
    for secret in [&ada, &past, &reader] {
        assert!(!list.contains(secret.as_str()));
        let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!holds(&ledger) && !holds(&log), "only a hash is kept");
    }
    let ask = |token: &str| {
        let bearer = format!("Bearer {token}");
        let answer = server.ask("GET", "/admin", &[("Authorization", &bearer)], b"");
        (answer.status, answer.header("www-authenticate").to_owned())
    };
    assert_eq!(ask(&ada).0, 200);
    assert_eq!(ask(&past), (401, "Bearer".into()));
    assert_eq!(ask(&reader).0, 403);
    assert_eq!(ask("ldt_0").0, 401);
    assert_eq!(ask(&ada[..ada.len() - 1]).0, 401);
    let (code, said) = run(&dir, &["token", "revoke", "1"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(ask(&ada).0, 401, "at once");
    assert_ne!(run(&dir, &["token", "revoke", "1"]).0, 0);
    assert_ne!(run(&dir, &["token", "revoke", "77"]).0, 0);
    assert_ne!(run(&dir, &["token", "add", "--role", "king"]).0, 0);
    // No copy takes them along.
    let copy = dir.with_extension("copy.db");
    assert_eq!(run(&dir, &["backup", &copy.to_string_lossy()]).0, 0);
    let bytes = std::fs::read(&copy).expect("a copy");
    assert!(!bytes.windows(3).any(|w| w == b"Ada"));
}

#[test]
fn who_is_not_known_is_shown_the_way_to_sign_in_and_who_may_not_is_told_why() {
    let dir = directory("sign-in");
    let server = start(&dir);
    let ask = |headers: &[(&str, &str)]| server.ask("GET", "/admin", headers, b"");
    let browser = ask(&[("Accept", "text/html")]);
    assert_eq!(
        (browser.status, browser.header("location")),
        (303, "/sign-in?to=admin")
    );
    assert_eq!(ask(&[]).status, 401);
    assert_eq!(ask(&[("Cookie", "session=0123")]).status, 401);
    let contributor = token(&dir, &["--role", "contributor", "--name", "Con"]);
    let answer = post(
        &server,
        "/sign-in",
        &[("token", &contributor), ("to", "?q=x")],
        &[],
    );
    assert_eq!(answer.header("location"), "/?q=x");
    let cookie = answer
        .header("set-cookie")
        .split(';')
        .next()
        .expect("one")
        .to_owned();
    let answer = ask(&[("Cookie", &cookie)]);
    assert_eq!(answer.status, 403);
    assert!(
        answer
            .text()
            .contains("this takes the role moderator; yours is contributor")
    );
    // Nobody is led elsewhere.
    for to in [
        "//evil.example",
        "/evil",
        "https://evil.example",
        "\\evil",
        "x\r\nSet-Cookie: a=b",
    ] {
        let answer = post(
            &server,
            "/sign-in",
            &[("token", &contributor), ("to", to)],
            &[],
        );
        assert_eq!(answer.header("location"), "/admin", "{to:?}");
    }
    let elsewhere = [("Sec-Fetch-Site", "cross-site")];
    assert_eq!(
        post(&server, "/sign-in", &[("token", &contributor)], &elsewhere).status,
        403
    );
    let wrong = post(&server, "/sign-in", &[("token", "nonsense")], &[]);
    assert_eq!(wrong.status, 401);
    assert!(wrong.text().contains("not known") && !wrong.text().contains("nonsense"));
}

#[test]
fn a_session_ends_with_its_token_and_by_signing_out_and_its_pages_are_its_own() {
    let desk = Desk::open("session");
    let page = desk.get("/");
    assert_eq!(page.header("cache-control"), "private, no-store");
    assert!(page.header("etag").is_empty() && page.text().contains("Sign out"));
    assert!(!desk.page("/").contains("Ada"));
    // A sign-out that no page of the session sent is refused.
    let forged = post(&desk.server, "/sign-out", &[], &[("Cookie", &desk.cookie)]);
    assert_eq!(forged.status, 403);
    assert_eq!(desk.get("/admin").status, 200);
    assert_eq!(desk.send("/sign-out", &[]).status, 303);
    assert_eq!(desk.get("/admin").status, 303, "to the sign-in page");
    let other = Desk::open("session-revoked");
    assert_eq!(run(&other.dir, &["token", "revoke", "1"]).0, 0);
    assert_eq!(other.get("/admin").status, 303);
}

#[test]
fn no_other_site_can_decide_in_a_moderators_name() {
    let desk = Desk::open("csrf");
    let life = "/admin/resource/orion-ld";
    let withdraw = [("action", "withdraw"), ("reason", "x")];
    let cookie = [("Cookie", desk.cookie.as_str())];
    for csrf in ["", "0", &"0".repeat(64)] {
        let forged = [&[("csrf", csrf)], &withdraw[..]].concat();
        assert_eq!(post(&desk.server, life, &forged, &cookie).status, 403);
    }
    assert_eq!(post(&desk.server, life, &withdraw, &[]).status, 401);
    assert_eq!(
        desk.server
            .ask("GET", "/resource/orion-ld", &[], b"")
            .status,
        200
    );
    assert_eq!(desk.send(life, &withdraw).status, 303);
    assert_eq!(
        desk.server
            .ask("GET", "/resource/orion-ld", &[], b"")
            .status,
        410
    );
}

#[test]
fn suggestions_are_decided_together_each_for_itself_with_who_and_why() {
    let desk = Desk::with("decide", "[suggestions]\ncontact_days = 0\n");
    let pump = desk.suggest(&[("contact", "someone@contact.example")]);
    let twice = desk.suggest(&[("note", "the same once more")]);
    let better = desk.suggest(&[
        ("entry", "orion-ld"),
        ("short", "Orion-LD"),
        ("long", "Orion-LD, better told"),
        ("kind", "Tool/Implementation"),
    ]);
    let page = desk.get("/admin").text();
    assert!(
        page.contains("Suggestions of visitors: 3") && page.contains("someone@contact.example")
    );
    assert!(
        page.contains("<ins>Orion-LD, better told (en)</ins>"),
        "{page}"
    );
    // To reject takes a reason.
    let answer = desk.send("/admin", &[("suggestion", "2"), ("decision", "reject")]);
    assert!(answer.text().contains("a reason is needed"));
    let all = [
        ("suggestion", "1"),
        ("suggestion", "2"),
        ("suggestion", "3"),
        ("suggestion", "9"),
        ("suggestion", "x"),
        ("decision", "accept"),
        ("reason", "checked by hand"),
    ];
    let answer = desk.send("/admin", &all);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    for (what, done) in [
        ("1", true),
        ("2", false),
        ("3", true),
        ("9", false),
        ("x", false),
    ] {
        let said = format!(
            "{} suggestion {what}",
            if done { "Done:" } else { "Not done:</strong>" }
        );
        assert!(text.contains(&said), "{said} in {text}");
    }
    assert!(text.contains("is there already"));
    let entry = desk.page("/resource/city-pump-model");
    assert!(entry.contains("Data model of city pumps") && !entry.contains("Ada"));
    assert!(
        desk.page("/resource/orion-ld")
            .contains("Orion-LD, better told")
    );
    assert!(
        desk.page(&pump).contains("It was accepted")
            && desk.page(&pump).contains("checked by hand")
    );
    assert!(desk.page(&better).contains("It was accepted"));
    assert!(desk.page(&twice).contains("It waits"));
    let life = desk.get("/admin/resource/city-pump-model").text();
    assert!(
        life.contains("<td>Ada</td><td>suggestion 1: checked by hand</td>"),
        "{life}"
    );
    desk.send(
        "/admin",
        &[
            ("suggestion", "2"),
            ("decision", "reject"),
            ("reason", "there already"),
        ],
    );
    assert!(
        desk.page(&twice).contains("It was not taken up.")
            && desk.page(&twice).contains("there already")
    );
    // What is decided is decided.
    let again = desk.send(
        "/admin",
        &[("suggestion", "2"), ("decision", "accept"), ("reason", "x")],
    );
    assert!(
        again
            .text()
            .contains("no suggestion waits under the number 2")
    );
}

#[test]
fn a_contact_is_erased_when_its_time_has_come() {
    let dir;
    {
        let desk = Desk::with("erased", "[suggestions]\ncontact_days = 0\n");
        desk.suggest(&[("contact", "someone@contact.example")]);
        desk.send(
            "/admin",
            &[
                ("suggestion", "1"),
                ("decision", "reject"),
                ("reason", "no"),
            ],
        );
        dir = desk.dir.clone();
    }
    let server = start(&dir);
    let holds = || {
        ["ledger.db", "ledger.db-wal"].iter().any(|name| {
            let bytes = std::fs::read(dir.join(name)).unwrap_or_default();
            bytes.windows(15).any(|w| w == b"contact.example")
        })
    };
    let began = std::time::Instant::now();
    // Erasing goes to the log first; a checkpoint brings it to the file.
    while holds() {
        assert!(began.elapsed().as_secs() < 30, "the contact is still there");
        assert_eq!(run(&dir, &["token", "list"]).0, 0);
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    drop(server);
}

#[test]
fn an_edit_of_what_another_changed_meanwhile_is_shown_and_not_made() {
    let desk = Desk::open("conflict");
    let life = "/admin/resource/city-pump-model";
    desk.suggest(&[]);
    desk.send("/admin", &[("suggestion", "1"), ("decision", "accept")]);
    let version = |page: &str| -> String {
        let rest = page
            .split("name=\"base\" value=\"")
            .nth(1)
            .expect("a version");
        rest.split('"').next().expect("its end").to_owned()
    };
    let opened = version(&desk.get(life).text());
    let edit = |version: &str, long: &str| {
        let fields = with(&[
            ("long", long),
            ("base", version),
            ("action", "edit"),
            ("reason", "better"),
        ]);
        desk.send(life, &fields)
    };
    assert_eq!(edit(&opened, "Pumps of a city, first").status, 303);
    let late = edit(&opened, "Pumps of a city, second");
    assert_eq!(late.status, 409);
    let page = late.text();
    assert!(
        page.contains("<del>Pumps of a city, first (en)</del>"),
        "{page}"
    );
    assert!(page.contains("<ins>Pumps of a city, second (en)</ins>"));
    assert!(
        desk.page("/resource/city-pump-model")
            .contains("Pumps of a city, first")
    );
    // Sent again from that page, it is made.
    assert_eq!(edit(&version(&page), "Pumps of a city, second").status, 303);
    assert!(
        desk.page("/resource/city-pump-model")
            .contains("Pumps of a city, second")
    );
    // A form without a reason or with a broken value changes nothing.
    let latest = version(&desk.get(life).text());
    let none = with(&[("long", "x"), ("base", &latest), ("action", "edit")]);
    assert_eq!(desk.send(life, &none).status, 422);
    // An older version comes back as a new one.
    let back = [
        ("action", "version"),
        ("number", "1"),
        ("reason", "it was right"),
    ];
    assert_eq!(desk.send(life, &back).status, 303);
    assert!(
        desk.page("/resource/city-pump-model")
            .contains("Data model of city pumps")
    );
    assert_eq!(
        desk.page("/resource/city-pump-model/versions")
            .matches("/versions/")
            .count(),
        4
    );
    for number in ["0", "9", "x", ""] {
        let wrong = [("action", "version"), ("number", number), ("reason", "x")];
        assert_eq!(desk.send(life, &wrong).status, 400, "{number}");
    }
}

#[test]
fn duplicates_are_merged_into_one_and_what_was_withdrawn_comes_back() {
    let desk = Desk::open("merge");
    let life = "/admin/resource/scorpio";
    let gone = [
        ("action", "withdraw"),
        ("into", "stellio"),
        ("reason", "the same"),
    ];
    assert_eq!(desk.send(life, &gone).status, 303);
    let tombstone = desk
        .server
        .ask("GET", "/resource/scorpio", &[("Accept", "text/html")], b"");
    assert_eq!(tombstone.status, 410);
    assert!(tombstone.text().contains("/resource/stellio"));
    assert_eq!(
        desk.send(life, &[("action", "restore"), ("reason", "they differ")])
            .status,
        303
    );
    assert_eq!(
        desk.server.ask("GET", "/resource/scorpio", &[], b"").status,
        200
    );
    let past = desk.get(life).text();
    assert!(past.contains("they differ") && past.contains("the same"));
    for (field, value, status) in [("into", "nothing-like-it", 404), ("into", "scorpio", 400)] {
        let wrong = [("action", "withdraw"), ("reason", "x"), (field, value)];
        assert_eq!(desk.send(life, &wrong).status, status, "{value}");
    }
    assert_eq!(
        desk.send(life, &[("action", "dance"), ("reason", "x")])
            .status,
        400
    );
    assert_eq!(desk.send("/admin/resource/nothing", &gone).status, 404);
}

#[test]
fn an_administrator_changes_a_text_and_of_two_at_once_the_second_is_told() {
    let moderator = Desk::open("texts-moderator");
    assert_eq!(moderator.get("/admin/texts").status, 403);
    assert!(!moderator.get("/admin").text().contains("admin/texts"));
    let path = "/admin/texts/privacy/de";
    let refused = moderator.send(path, &[("action", "save"), ("text", "# x")]);
    assert_eq!(refused.status, 403);
    let Desk { server, dir, .. } = moderator;
    let desk = Desk::at(server, dir, "administrator");
    assert!(desk.get("/admin").text().contains("admin/texts"));
    assert!(
        desk.get("/admin/texts")
            .text()
            .contains(&format!("\"{path}\""))
    );
    let was = |page: &str| {
        let from = page.split("name=\"was\" value=\"").nth(1).expect("a hash");
        from.split('"').next().expect("its end").to_owned()
    };
    let form = desk.get(path).text();
    assert!(form.contains("Datenschutz"), "{form}");
    let first = was(&form);
    let own = "# Bei uns\r\n\r\n<script>alert(1)</script> [a](javascript:b)";
    let seen = desk.send(
        path,
        &[("action", "preview"), ("was", &first), ("text", own)],
    );
    let seen = seen.text();
    assert!(
        seen.contains("<h1>Bei uns</h1>") && !seen.contains("<script>alert"),
        "{seen}"
    );
    let german = "/about/privacy?lang=de";
    assert!(
        !desk.page(german).contains("Bei uns"),
        "a preview keeps nothing"
    );
    let saved = desk.send(path, &[("action", "save"), ("was", &first), ("text", own)]);
    assert_eq!(saved.status, 200, "{}", saved.text());
    assert!(desk.page(german).contains("<h1>Bei uns</h1>"));
    assert!(!desk.page("/about/privacy?lang=fr").contains("Bei uns"));
    // The second has the form of before.
    let late = desk.send(
        path,
        &[("action", "save"), ("was", &first), ("text", "# Anders")],
    );
    assert_eq!(late.status, 409);
    let late = late.text();
    assert!(
        late.contains("# Anders") && late.contains("# Bei uns"),
        "{late}"
    );
    assert!(desk.page(german).contains("<h1>Bei uns</h1>"));
    let again = [
        ("action", "save"),
        ("was", &was(&late)),
        ("text", "# Anders"),
    ];
    assert_eq!(desk.send(path, &again).status, 200);
    assert!(desk.page(german).contains("<h1>Anders</h1>"));
    let now = was(&desk.get(path).text());
    desk.send(path, &[("action", "bundled"), ("was", &now)]);
    assert!(desk.page(german).contains("Datenschutz") && !desk.page(german).contains("Anders"));
    let long = "x".repeat(300 << 10);
    let long = desk.send(
        path,
        &[("action", "save"), ("was", &first), ("text", &long)],
    );
    assert_eq!(long.status, 413);
    for wrong in [
        "/admin/texts/privacy/xx",
        "/admin/texts/ledger/en",
        "/admin/texts/..%2Fx/en",
    ] {
        assert_eq!(desk.get(wrong).status, 404, "{wrong}");
    }
}
