//! The edges of the service: clients that are slow, too many or ambiguous.
use crate::support::{Server, directory, start_with};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a test waits for what has to come in the end.
const LONG: Duration = Duration::from_secs(60);

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(&server.address).expect("connects");
    stream.set_read_timeout(Some(LONG)).expect("sets");
    stream
}

/// All that is answered until the service ends the connection.
fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => panic!("the connection stays open"),
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
}

#[test]
fn who_is_slow_is_not_waited_for_and_harms_nobody() {
    let settings = "[server]\npatience_seconds = 1\nconnections_per_client = 2\n";
    let server = start_with(&directory("slow"), settings);
    // A head that never ends, a body that never comes, and a connection on which nothing is asked.
    for sent in [
        "GET / HTTP/1.1\r\nHost: catalogue\r\nX-Slow",
        "POST /sparql HTTP/1.1\r\nHost: catalogue\r\nContent-Type: application/sparql-query\r\nContent-Length: 100\r\n\r\nASK",
        "",
        "GET /healthz HTTP/1.1\r\nHost: catalogue\r\n\r\n",
    ] {
        let mut stream = connect(&server);
        stream.write_all(sent.as_bytes()).expect("writes");
        let answer = rest(stream);
        assert!(!answer.starts_with("HTTP/1.1 5"), "{sent}: {answer}");
        assert_eq!(
            answer.contains(" 200 OK"),
            sent.contains("healthz"),
            "{sent}: {answer}"
        );
    }
    // Two that ask for much and read nothing take all places of this client; their places come free again.
    let ask = "GET /catalog/dump.nt HTTP/1.1\r\nHost: catalogue\r\n\r\n".repeat(40);
    let stuck: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = connect(&server);
            stream.write_all(ask.as_bytes()).expect("writes");
            let mut some = [0; 9];
            stream.read_exact(&mut some).expect("an answer begins");
            stream
        })
        .collect();
    let began = Instant::now();
    loop {
        let mut stream = connect(&server);
        let _ = stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: catalogue\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        if answer.contains(" 200 OK") {
            break;
        }
        assert!(answer.is_empty(), "{answer}");
        assert!(
            began.elapsed() < LONG,
            "the places of who reads nothing are never free"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(stuck);
}

#[test]
fn a_client_that_asks_too_often_is_told_when_to_come_back_and_no_other() {
    let settings = "[server]\nrequests_per_minute = 5\ntrusted_proxies = \"127.0.0.1\"\n";
    let server = start_with(&directory("rates"), settings);
    let from = |client: &str, path: &str| {
        let way = format!("203.0.113.9, {client}");
        server.ask("GET", path, &[("X-Forwarded-For", &way)], b"")
    };
    for _ in 0..5 {
        assert_eq!(from("198.51.100.7", "/about").status, 200);
    }
    let refused = from("198.51.100.7", "/about");
    assert_eq!(refused.status, 429);
    let wait: u32 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=13).contains(&wait), "{wait}");
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert!(
        refused
            .text()
            .contains("too many requests from your address")
    );
    let connector = from("198.51.100.7", "/dsp/2025-1/catalog/datasets/x");
    assert_eq!(connector.status, 429);
    let error: serde_json::Value = serde_json::from_slice(&connector.body).expect("JSON");
    assert_eq!(
        (&error["@type"], &error["code"]),
        (&"CatalogError".into(), &"429".into())
    );
    assert_eq!(from("198.51.100.8", "/about").status, 200, "another client");
    // What a client writes into the header itself is no way around it.
    let way = "198.51.100.99, 198.51.100.7";
    assert_eq!(
        server
            .ask("GET", "/about", &[("X-Forwarded-For", way)], b"")
            .status,
        429
    );
    for _ in 0..20 {
        assert_eq!(
            server.ask("GET", "/about", &[], b"").status,
            200,
            "this machine itself"
        );
    }
}

#[test]
fn no_request_hides_in_another() {
    let server = start_with(&directory("smuggling"), "[server]\npatience_seconds = 1\n");
    let hidden = "GET /healthz HTTP/1.1\r\nHost: hidden\r\n\r\n";
    let head =
        "POST /sparql HTTP/1.1\r\nHost: catalogue\r\nContent-Type: application/sparql-query\r\n";
    for ambiguous in [
        // RFC 9112, section 6.3: lengths that differ, and codings that are not understood.
        format!(
            "{head}Content-Length: 3\r\nContent-Length: {}\r\n\r\nASK{hidden}",
            3 + hidden.len()
        ),
        format!("{head}Content-Length: +3\r\n\r\nASK{hidden}"),
        format!("{head}Content-Length: 3, 3\r\n\r\nASK{hidden}"),
        format!("{head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{head}Transfer-Encoding: identity\r\n\r\n{hidden}"),
        format!("{head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n3;\nASK\r\n0\r\n\r\n{hidden}"),
        format!(
            "{head}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nASK\r\n0\r\n\r\n{hidden}"
        ),
        // Section 5: lines that go on, names with spaces, characters that some take for an end of line.
        format!("{head}X-Long: a\r\n Content-Length: 3\r\n\r\n{hidden}"),
        format!("{head}X Y: a\r\n\r\n{hidden}"),
        format!("{head}X-Null: a\0b\r\n\r\n{hidden}"),
        format!(
            "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{hidden}",
            hidden.len()
        ),
    ] {
        let mut stream = connect(&server);
        stream.write_all(ambiguous.as_bytes()).expect("writes");
        let answer = rest(stream);
        let answers = answer.matches("HTTP/1.1 ").count();
        assert_eq!(answers, 1, "{ambiguous:?}: {answer}");
        let plain = ambiguous.starts_with("GET");
        assert_eq!(
            answer.starts_with("HTTP/1.1 200"),
            plain,
            "{ambiguous:?}: {answer}"
        );
    }
    // With both, the coding counts (section 6.1), and what follows it is a request of its own in plain sight.
    let mut stream = connect(&server);
    let both = format!(
        "{head}Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nASK\r\n0\r\n\r\n"
    );
    stream.write_all(both.as_bytes()).expect("writes");
    assert_eq!(rest(stream).matches("HTTP/1.1 ").count(), 1);
}
