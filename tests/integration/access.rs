//! Who may do what: tokens, sessions, and forms that only their own pages can send.
use crate::support::{Answer, PUBLIC, Server, directory, run, start, start_with};
use ldt_catalogue::record::Role;
use ldt_catalogue::store::ledger::Ledger;
use std::path::Path;
use std::process::Command;

/// Makes a token and gives it with all that was said.
fn token(dir: &Path, more: &[&str]) -> (String, String) {
    let arguments = [&["token", "add"], more].concat();
    let (status, text) = run(dir, &arguments);
    assert_eq!(status, 0, "{text}");
    let token = text.lines().next().expect("a line").to_owned();
    assert!(token.starts_with("ldt_") && token.len() == 68, "{text}");
    (token, text)
}

fn sign_in(server: &Server, token: &str, more: &[(&str, &str)]) -> Answer {
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let headers = [&[form], more].concat();
    server.ask(
        "POST",
        "/sign-in",
        &headers,
        format!("token={token}&to=about").as_bytes(),
    )
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie");
    set.split(';').next().unwrap_or_default().to_owned()
}

/// The page at `/sign-in` as the holder of a cookie sees it.
fn page(server: &Server, cookie: &str) -> Answer {
    let headers = [("Cookie", cookie), ("Accept", "text/html")];
    server.ask("GET", "/sign-in", &headers, b"")
}

fn is_signed_in(server: &Server, cookie: &str) -> bool {
    page(server, cookie).text().contains("name=\"csrf\"")
}

fn shows(server: &Server, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    let answer = server.ask("GET", "/", &[("Authorization", &bearer)], b"");
    if answer.status == 401 {
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    answer.status
}

#[test]
fn a_token_is_shown_once_used_listed_and_revoked_with_its_sessions() {
    let dir = directory("tokens");
    let server = start(&dir);
    let (moderator, said) = token(&dir, &["--role", "moderator", "--name", "Ada Rossi"]);
    assert!(said.contains("token 1, Ada Rossi, moderator"), "{said}");
    let (ended, _) = token(&dir, &["--role", "reader", "--days", "0"]);
    assert_eq!(shows(&server, &moderator), 200);
    assert_eq!(shows(&server, &ended), 401);
    assert_eq!(shows(&server, &format!("{moderator}0")), 401);
    assert_eq!(shows(&server, ""), 401);

    let (_, list) = run(&dir, &["token", "list"]);
    assert!(
        list.contains("Ada Rossi") && list.contains("2 tokens"),
        "{list}"
    );
    assert!(
        list.contains("without end") && list.contains("ended "),
        "{list}"
    );
    assert!(!list.contains("ldt_"), "{list}");

    let session = cookie(&sign_in(&server, &moderator, &[]));
    assert!(is_signed_in(&server, &session));
    let (status, text) = run(&dir, &["token", "revoke", "1"]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(shows(&server, &moderator), 401);
    assert!(!is_signed_in(&server, &session));
    assert_eq!(sign_in(&server, &moderator, &[]).status, 401);
    let (status, text) = run(&dir, &["token", "revoke", "1"]);
    assert!(status != 0 && text.contains("number 1"), "{text}");
    let (status, text) = run(&dir, &["token", "add", "--role", "king"]);
    assert!(status != 0 && text.contains("administrator"), "{text}");
}

#[test]
fn a_session_outlives_a_restart_and_ends_with_its_own_form_alone() {
    let dir = directory("sessions");
    let server = start(&dir);
    let (moderator, _) = token(&dir, &["--role", "moderator"]);
    let began = sign_in(&server, &moderator, &[]);
    assert_eq!((began.status, began.header("location")), (303, "/about"));
    let set = began.header("set-cookie");
    assert!(set.contains("; HttpOnly; SameSite=Lax"), "{set}");
    let first = cookie(&began);
    // Signing in again gives another session and ends the one before.
    let session = cookie(&sign_in(&server, &moderator, &[("Cookie", &first)]));
    assert_ne!(first, session);
    assert!(!is_signed_in(&server, &first));
    drop(server);

    let server = start(&dir);
    let shown = page(&server, &session);
    assert_eq!(shown.header("cache-control"), "private, no-store");
    let text = shown.text();
    let csrf = text.split_once("name=\"csrf\" value=\"").expect("a form").1;
    let csrf = csrf.split('"').next().unwrap_or_default();
    // What a proxy in front asks for does not sign anyone out.
    let headers = [
        ("Cookie", session.as_str()),
        ("Authorization", "Basic eDp5"),
    ];
    let behind = server.ask("GET", "/sign-in", &headers, b"").text();
    assert!(behind.contains(csrf));

    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let headers = [form, ("Cookie", session.as_str())];
    for forged in ["", "csrf=", "csrf=0"] {
        let refused = server.ask("POST", "/sign-out", &headers, forged.as_bytes());
        assert_eq!(refused.status, 403, "{forged}: {}", refused.text());
        assert!(is_signed_in(&server, &session));
    }
    let own = format!("csrf={csrf}");
    let ended = server.ask("POST", "/sign-out", &headers, own.as_bytes());
    assert_eq!(ended.status, 303);
    assert!(!is_signed_in(&server, &session));
}

#[test]
fn no_other_site_signs_a_visitor_in_or_sends_them_elsewhere() {
    let dir = directory("sign-in");
    let server = start(&dir);
    let (reader, _) = token(&dir, &["--role", "reader"]);
    for site in ["cross-site", "same-site"] {
        let refused = sign_in(&server, &reader, &[("Sec-Fetch-Site", site)]);
        assert_eq!((refused.status, cookie(&refused).as_str()), (403, ""));
    }
    let own = sign_in(&server, &reader, &[("Sec-Fetch-Site", "same-origin")]);
    assert_eq!(own.status, 303);
    for to in [
        "//evil.example",
        "/%5Cevil.example",
        "https://evil.example",
        "",
    ] {
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let body = format!("token={reader}&to={to}");
        let answer = server.ask("POST", "/sign-in", &[form], body.as_bytes());
        let to = answer.header("location");
        assert_eq!(to, "/admin");
    }
}

#[test]
fn neither_tokens_nor_sessions_are_in_a_backup() {
    let dir = directory("secrets");
    let server = start(&dir);
    let (moderator, _) = token(&dir, &["--role", "moderator", "--name", "Nobody Elses"]);
    let session = cookie(&sign_in(&server, &moderator, &[]));
    let key = session.split_once('=').expect("a value").1;
    let copy = dir.with_extension("backup");
    let (status, text) = run(&dir, &["backup", &copy.to_string_lossy()]);
    assert_eq!(status, 0, "{text}");
    let other = directory("secrets-restored");
    let (status, text) = run(&other, &["restore", &copy.to_string_lossy()]);
    assert_eq!(status, 0, "{text}");
    let (_, list) = run(&other, &["token", "list"]);
    assert!(list.trim_end().ends_with("0 tokens"), "{list}");
    // Nor is what a cookie or a header holds anywhere in the directory.
    for file in std::fs::read_dir(&dir).expect("reads").flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        for secret in [moderator.as_bytes(), key.as_bytes()] {
            let found = bytes.windows(secret.len()).any(|w| w == secret);
            assert!(!found, "{:?}", file.path());
        }
    }
}

#[test]
fn a_city_can_embed_the_pages_and_nothing_else_of_the_policy_is_open() {
    let of = |server: &Server| {
        let answer = server.ask("GET", "/", &[], b"");
        answer.header("content-security-policy").to_owned()
    };
    let plain = of(&start(&directory("policy")));
    assert!(plain.ends_with("frame-ancestors 'none'"), "{plain}");
    assert!(!plain.contains("unsafe"), "{plain}");
    let settings = "[server]\nframe_ancestors = \"'self' https://city.example\"";
    let open = of(&start_with(&directory("policy-open"), settings));
    let wanted = plain.replace(
        "frame-ancestors 'none'",
        "frame-ancestors 'self' https://city.example",
    );
    assert_eq!(open, wanted);
    for wrong in [
        "",
        "*; script-src *",
        "https://a.example, https://b.example",
    ] {
        let dir = directory("policy-wrong");
        let output = Command::new(env!("CARGO_BIN_EXE_ldt-catalogue"))
            .args(["serve", "--listen", "127.0.0.1:0", "--public-url", PUBLIC])
            .arg("--data-dir")
            .arg(&dir)
            .env("LDT_CATALOGUE_SERVER_FRAME_ANCESTORS", wrong)
            .output()
            .expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{wrong}");
        assert!(said.contains("frame_ancestors is"), "{said}");
    }
}

#[test]
fn a_session_ends_when_unused_at_last_and_with_its_token() {
    const HOUR: i64 = 3_600_000_000;
    let dir = directory("session-ends");
    std::fs::create_dir_all(&dir).expect("makes");
    let runtime = tokio::runtime::Runtime::new().expect("starts");
    runtime.block_on(async {
        let ledger = Ledger::open(&dir, "").await.expect("opens");
        let begin = async |expires| {
            let (_, secret) = ledger.add_token("Ada", Role::Moderator, expires, 0).await?;
            let token = ledger.token(&secret, 0).await?.expect("is in use");
            ledger
                .begin_session(&token.name, token.role, Some(&token), 0)
                .await
        };
        let open = async |key: &str, now| {
            let found = ledger.session(key, now).await.expect("reads");
            found.is_some()
        };
        let unused = begin(None).await.expect("begins");
        assert!(open(&unused, HOUR / 60).await);
        assert!(!open(&unused, 2 * HOUR).await);
        let used = begin(None).await.expect("begins");
        for hour in 1..12 {
            assert!(open(&used, hour * HOUR).await, "{hour}");
        }
        assert!(!open(&used, 12 * HOUR).await);
        let short = begin(Some(HOUR)).await.expect("begins");
        assert!(open(&short, HOUR - 1).await);
        assert!(!open(&short, HOUR).await);
    });
}

#[test]
fn a_provider_that_does_not_answer_signs_nobody_in_and_says_so() {
    let none = crate::support::library();
    assert!(none.get("/sign-in/provider", "*/*").contains(" 404 "));
    assert!(
        !none
            .get("/sign-in", "text/html")
            .contains("sign-in/provider")
    );
    assert_eq!(shows(&none, "a.b.c"), 401);
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    let issuer = format!("http://{}", port.expect("binds"));
    let dir = directory("no-provider");
    std::fs::create_dir_all(&dir).expect("makes");
    let server = start_with(&dir, &format!("[sign_in]\nissuer = \"{issuer}\"\n"));
    assert!(
        server
            .get("/sign-in", "text/html")
            .contains("sign-in/provider")
    );
    let refused = server.get("/sign-in/provider", "text/html");
    assert!(
        refused.contains(" 502 ") && refused.contains("role=\"alert\""),
        "{refused}"
    );
    assert_eq!(shows(&server, "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"), 502);
    // Our own tokens need no provider.
    let (own, _) = token(&dir, &["--role", "moderator"]);
    assert_eq!(shows(&server, &own), 200);
    for (settings, named) in [
        ("issuer = \"city.example\"", "sign_in.issuer"),
        (
            "issuer = \"https://a.example\"\nsigned_with = \"rsa\"",
            "sign_in.signed_with",
        ),
        (
            "issuer = \"https://a.example\"\nsigned_with = \"secret\"",
            "sign_in.client_secret",
        ),
    ] {
        let file = dir.with_extension("wrong.toml");
        std::fs::write(&file, format!("[sign_in]\n{settings}\n")).expect("writes");
        let file = file.to_str().expect("UTF-8");
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--config", file];
        let (status, text) = run(&directory("wrong-provider"), &arguments);
        assert!(status != 0 && text.contains(named), "{settings}: {text}");
    }
}

/// A provider that signs with the client's secret and names roles as objects, as Keyrock does: what it says
/// of itself, from a socket of this test.
pub fn keyrock() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let issuer = format!("http://{}", listener.local_addr().expect("an address"));
    let told = serde_json::json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth2/authorize"),
        "token_endpoint": format!("{issuer}/oauth2/token"),
        "jwks_uri": format!("{issuer}/certs"),
    });
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            use std::io::{BufRead, BufReader, Write};
            let Ok(mut stream) = stream else { continue };
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.take_while(|l| !l.is_empty()).for_each(drop);
            let body = match first.contains("openid-configuration") {
                true => told.to_string(),
                false => "{\"keys\":[]}".to_owned(),
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    issuer
}

#[test]
fn a_provider_may_sign_with_the_clients_secret_and_then_nothing_else_counts() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    let issuer = keyrock();
    let secret = "a secret of sixteen and more";
    let dir = directory("by-secret");
    std::fs::create_dir_all(&dir).expect("makes");
    let settings = format!(
        "[sign_in]\nissuer = \"{issuer}\"\nclient_secret = \"{secret}\"\nsigned_with = \"secret\"\n\
         moderator = \"Curator, Editor\"\naudience = \"catalogue\"\n"
    );
    let server = start_with(&dir, &settings);
    let sign = |key: &str, algorithm, role: &str| {
        let claims = serde_json::json!({
            "iss": issuer, "aud": "catalogue", "exp": jsonwebtoken::get_current_timestamp() + 60,
            "sub": "ada", "roles": [{ "id": "1", "name": role }],
        });
        let key = EncodingKey::from_secret(key.as_bytes());
        encode(&Header::new(algorithm), &claims, &key).expect("signs")
    };
    let desk = |token: &str| {
        let bearer = format!("Bearer {token}");
        server
            .ask("GET", "/admin", &[("Authorization", &bearer)], b"")
            .status
    };
    assert_eq!(desk(&sign(secret, Algorithm::HS256, "Editor")), 200);
    assert_eq!(desk(&sign(secret, Algorithm::HS256, "Visitor")), 403);
    assert_eq!(
        desk(&sign("another secret, as long", Algorithm::HS256, "Editor")),
        401
    );
    // The header says which kind it is, and so does the first part of this one.
    let keyed = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.e30.AAAA";
    assert_eq!(desk(keyed), 401);
}
