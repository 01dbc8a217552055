//! The hub, as those who subscribe see it (W3C WebSub): found from a feed, asked whether they wish it, told once
//! for all that changed, signed, and told again when they were away.
use crate::feeds::entries;
use crate::suggest::encoded;
use crate::support::{Answer, PUBLIC, Server, directory, run, start_with};
use reqwest::Url;
use ring::hmac;
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Subscribers of these tests are on this machine, and told at once.
pub const SETTINGS: &str = "[feeds]\nprivate = true\npause_seconds = 0\n";

/// What a subscriber was asked or sent.
#[derive(Clone, Debug)]
pub struct Heard {
    method: String,
    path: String,
    /// What stands after the question mark.
    said: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// How it answers: a status for each content that it is sent, then 204; and whether it wishes what it is asked.
#[derive(Default)]
struct Manner {
    statuses: VecDeque<u16>,
    says: Option<&'static str>,
}

/// A subscriber on this machine.
#[derive(Clone)]
pub struct Subscriber {
    address: String,
    manner: Arc<Mutex<Manner>>,
    heard: Arc<(Mutex<Vec<Heard>>, Condvar)>,
}

impl Subscriber {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let subscriber = Self {
            address: listener.local_addr().expect("an address").to_string(),
            manner: Arc::default(),
            heard: Arc::default(),
        };
        let inside = subscriber.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let inside = inside.clone();
                std::thread::spawn(move || inside.answer(stream));
            }
        });
        subscriber
    }

    fn answer(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
        let mut lines = reader.by_ref().lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        let headers: BTreeMap<String, String> = lines
            .map_while(Result::ok)
            .take_while(|l| !l.is_empty())
            .filter_map(|l| {
                Some(l.split_once(": ")?).map(|(n, v)| (n.to_lowercase(), v.to_owned()))
            })
            .collect();
        let length = headers
            .get("content-length")
            .map_or(0, |l| l.parse().expect("a length"));
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = self.callback(words.next().unwrap_or_default());
        let target: Url = target.parse().expect("a target");
        let said: BTreeMap<String, String> = target.query_pairs().into_owned().collect();
        let answer = {
            let mut manner = self.manner.lock().expect("no one panics");
            match (method.as_str(), manner.says) {
                ("GET", Some(says)) => (200, says.to_owned()),
                ("GET", None) => (200, said.get("hub.challenge").cloned().unwrap_or_default()),
                _ => (manner.statuses.pop_front().unwrap_or(204), String::new()),
            }
        };
        let heard = Heard {
            method,
            path: target.path().to_owned(),
            said,
            headers,
            body,
        };
        self.heard.0.lock().expect("no one panics").push(heard);
        self.heard.1.notify_all();
        let (status, text) = answer;
        let _ = write!(
            stream,
            "HTTP/1.1 {status} As Said\r\nLocation: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            self.callback("/elsewhere"),
            text.len()
        );
    }

    pub fn callback(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it heard by a method at a path so far.
    fn all(&self, method: &str, path: &str) -> Vec<Heard> {
        let heard = self.heard.0.lock().expect("no one panics");
        let of = |h: &&Heard| h.method == method && h.path == path;
        heard.iter().filter(of).cloned().collect()
    }

    /// The `n`th of these (from 1), as soon as it is there.
    pub fn hears(&self, method: &str, path: &str, n: usize) -> Heard {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(found) = self.all(method, path).into_iter().nth(n - 1) {
                return found;
            }
            assert!(Instant::now() < deadline, "never heard {method} {path} {n}");
            let heard = self.heard.0.lock().expect("no one panics");
            let some = Duration::from_millis(100);
            drop(
                self.heard
                    .1
                    .wait_timeout(heard, some)
                    .expect("no one panics"),
            );
        }
    }
}

fn wish(server: &Server, fields: &[(&str, &str)]) -> Answer {
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    server.ask("POST", "/hub", &headers, encoded(fields).as_bytes())
}

/// Subscribes a callback to a topic below the public URL.
pub fn subscribe(server: &Server, callback: &str, topic: &str, more: &[(&str, &str)]) {
    let topic = format!("{PUBLIC}/{topic}");
    let fields = [
        ("hub.mode", "subscribe"),
        ("hub.callback", callback),
        ("hub.topic", &topic),
    ];
    let answer = wish(server, &[fields.as_slice(), more].concat());
    assert_eq!(answer.status, 202, "{}", answer.text());
}

/// Waits until so many are told of changes, and nobody is to be asked.
pub fn subscribers(server: &Server, n: usize) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let figures = [
        format!("ldt_catalogue_hub_subscribers {n}\n"),
        "ldt_catalogue_hub_unverified 0\n".to_owned(),
    ];
    loop {
        let said = server.body("/metrics");
        if figures.iter().all(|f| said.contains(f)) {
            return;
        }
        assert!(Instant::now() < deadline, "never {n} subscribers: {said}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn serve(name: &str, settings: &str) -> (std::path::PathBuf, Server) {
    let dir = directory(name);
    entries(&dir, 1..=3, 0);
    let server = start_with(&dir, settings);
    (dir, server)
}

fn must(dir: &Path, arguments: &[&str]) {
    let (status, text) = run(dir, arguments);
    assert_eq!(status, 0, "{arguments:?}: {text}");
}

#[test]
fn who_subscribes_is_asked_first_then_told_what_the_feed_is_and_who_says_so() {
    let (dir, server) = serve("hub-told", SETTINGS);
    // The hub is found in the answer itself, and in what feeds say.
    for topic in ["feed", "feed.jsonld", "feed.atom", "feed.json?q=entry"] {
        let answer = server.ask("GET", &format!("/{topic}"), &[], b"");
        let links: Vec<&str> = answer
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case("link"))
            .map(|(_, v)| v.as_str())
            .collect();
        let hub = format!("<{PUBLIC}/hub>; rel=\"hub\"");
        let own = format!("<{PUBLIC}/{topic}>; rel=\"self\"");
        assert!(links.contains(&hub.as_str()), "{topic}: {links:?}");
        assert!(links.contains(&own.as_str()), "{topic}: {links:?}");
    }
    assert!(
        server
            .body("/feed.atom")
            .contains(&format!("<link rel=\"hub\" href=\"{PUBLIC}/hub\"/>"))
    );
    assert!(
        server
            .body("/feed.json")
            .contains(&format!("{{\"type\":\"WebSub\",\"url\":\"{PUBLIC}/hub\"}}"))
    );

    let subscriber = Subscriber::start();
    // A question in the callback is kept.
    let callback = subscriber.callback("/feed?for=me%26you");
    let secret = "between the two of us";
    let more = [("hub.secret", secret), ("hub.lease_seconds", "86400")];
    subscribe(&server, &callback, "feed.jsonld", &more);
    let asked = subscriber.hears("GET", "/feed", 1).said;
    let of = |name: &str| asked.get(name).map(String::as_str);
    assert_eq!(of("for"), Some("me&you"));
    assert_eq!(of("hub.mode"), Some("subscribe"));
    assert_eq!(
        of("hub.topic"),
        Some(format!("{PUBLIC}/feed.jsonld").as_str())
    );
    assert_eq!(of("hub.lease_seconds"), Some("86400"));
    assert!(of("hub.challenge").is_some_and(|c| c.len() >= 16));
    let plain = subscriber.callback("/plain");
    subscribe(&server, &plain, "feed.atom", &[]);
    let lease = subscriber
        .hears("GET", "/plain", 1)
        .said
        .remove("hub.lease_seconds");
    assert_eq!(
        lease.as_deref(),
        Some("864000"),
        "ten days, where nothing is said"
    );
    subscribers(&server, 2);

    entries(&dir, 4..=4, 0);
    let told = subscriber.hears("POST", "/feed", 1);
    assert_eq!(told.said.get("for").map(String::as_str), Some("me&you"));
    assert_eq!(told.headers["content-type"], "application/ld+json");
    let link = &told.headers["link"];
    assert!(
        link.contains(&format!("<{PUBLIC}/hub>; rel=\"hub\"")),
        "{link}"
    );
    assert!(
        link.contains(&format!("<{PUBLIC}/feed.jsonld>; rel=\"self\"")),
        "{link}"
    );
    let signature = told.headers["x-hub-signature"]
        .strip_prefix("sha256=")
        .expect("SHA-256");
    let signature = hex(signature);
    let check = |secret: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hmac::verify(&key, &told.body, &signature).is_ok()
    };
    assert!(check(secret) && !check("of another"));
    let told = subscriber.hears("POST", "/plain", 1);
    assert!(
        !told.headers.contains_key("x-hub-signature"),
        "no secret was agreed on"
    );
    assert_eq!(told.headers["content-type"], "application/atom+xml");
    assert_eq!(
        String::from_utf8_lossy(&told.body),
        server.body("/feed.atom")
    );
    assert!(String::from_utf8_lossy(&told.body).contains("Entry 4 of round 0"));

    // Whoever wishes no more is asked too, and told nothing afterwards.
    let topic = format!("{PUBLIC}/feed.atom");
    let fields = [
        ("hub.mode", "unsubscribe"),
        ("hub.callback", plain.as_str()),
        ("hub.topic", &topic),
    ];
    assert_eq!(wish(&server, &fields).status, 202);
    let asked = subscriber.hears("GET", "/plain", 2).said;
    assert_eq!(
        asked.get("hub.mode").map(String::as_str),
        Some("unsubscribe")
    );
    assert!(!asked.contains_key("hub.lease_seconds"));
    subscribers(&server, 1);
    entries(&dir, 5..=5, 0);
    let told = subscriber.hears("POST", "/feed", 2);
    assert_eq!(told.body, server.ask("GET", "/feed.jsonld", &[], b"").body);
    assert_eq!(subscriber.all("POST", "/plain").len(), 1);
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(byte).collect()
}

#[test]
fn who_does_not_confirm_is_not_told_and_none_can_end_what_another_wishes() {
    let (dir, server) = serve("hub-intent", SETTINGS);
    let (willing, other) = (Subscriber::start(), Subscriber::start());
    subscribe(&server, &willing.callback("/x"), "feed", &[]);
    subscribers(&server, 1);
    // Another answer than the challenge, more than a challenge, and nobody there at all.
    let long: &'static str = "x".repeat(5_000).leak();
    for says in ["yes", "", long] {
        other.manner.lock().expect("no one panics").says = Some(says);
        subscribe(&server, &other.callback("/x"), "feed", &[]);
        subscribers(&server, 1);
    }
    assert_eq!(other.all("GET", "/x").len(), 3);
    let nobody = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port");
    subscribe(&server, &format!("http://{nobody}/x"), "feed", &[]);
    subscribers(&server, 1);
    // Someone else says that the first wishes no more; he himself does not.
    willing.manner.lock().expect("no one panics").says = Some("no");
    let (callback, topic) = (willing.callback("/x"), format!("{PUBLIC}/feed"));
    let fields = [
        ("hub.mode", "unsubscribe"),
        ("hub.callback", callback.as_str()),
        ("hub.topic", &topic),
    ];
    assert_eq!(wish(&server, &fields).status, 202);
    willing.hears("GET", "/x", 2);
    subscribers(&server, 1);
    entries(&dir, 4..=4, 0);
    willing.hears("POST", "/x", 1);
    assert!(other.all("POST", "/x").is_empty());
    // A topic that answers with an error is denied, with the reason.
    other.manner.lock().expect("no one panics").says = None;
    subscribe(
        &server,
        &other.callback("/denied"),
        "feed.atom?page=none",
        &[],
    );
    let denied = other.hears("GET", "/denied", 1).said;
    assert_eq!(denied.get("hub.mode").map(String::as_str), Some("denied"));
    assert!(denied["hub.reason"].contains("400"), "{denied:?}");
    subscribers(&server, 1);
}

#[test]
fn what_is_not_taken_is_sent_again_also_by_a_service_that_was_started_anew() {
    let (dir, server) = serve("hub-again", SETTINGS);
    let subscriber = Subscriber::start();
    subscribe(&server, &subscriber.callback("/away"), "feed.json", &[]);
    subscribe(&server, &subscriber.callback("/gone"), "feed.json", &[]);
    subscribers(&server, 2);
    let answers = |statuses: &[u16]| {
        subscriber.manner.lock().expect("no one panics").statuses =
            statuses.iter().copied().collect();
    };
    // A redirect is not followed: who moved subscribes anew.
    answers(&[503, 302]);
    entries(&dir, 4..=4, 0);
    subscriber.hears("POST", "/away", 1);
    subscriber.hears("POST", "/gone", 1);
    // Both are told the same again, and the one who says so (410) is told no more.
    let first = subscriber.all("POST", "/away").remove(0);
    let again = subscriber.hears("POST", "/away", 2);
    assert_eq!(again.body, first.body);
    subscriber.hears("POST", "/gone", 2);
    for method in ["GET", "POST"] {
        assert!(subscriber.all(method, "/elsewhere").is_empty());
    }
    answers(&[410, 410]);
    must(&dir, &["decide", "entry-1", "withdraw"]);
    subscriber.hears("POST", "/away", 3);
    subscriber.hears("POST", "/gone", 3);
    subscribers(&server, 0);
    answers(&[]);

    // A service that dies before it could tell someone does so when it is back, once and as things are by then.
    subscribe(&server, &subscriber.callback("/later"), "feed.json", &[]);
    subscribers(&server, 1);
    answers(&[500; 100]);
    entries(&dir, 5..=5, 0);
    subscriber.hears("POST", "/later", 1);
    drop(server);
    entries(&dir, 6..=6, 0);
    answers(&[]);
    let before = subscriber.all("POST", "/later").len();
    let server = start_with(&dir, SETTINGS);
    let told = subscriber.hears("POST", "/later", before + 1);
    let text = String::from_utf8_lossy(&told.body).into_owned();
    assert!(
        text.contains("Entry 5 of round 0") && text.contains("Entry 6 of round 0"),
        "{text}"
    );
    subscribers(&server, 1);
}

#[test]
fn a_search_is_followed_by_itself_and_who_subscribes_again_misses_nothing() {
    let (dir, server) = serve("hub-search", SETTINGS);
    let subscriber = Subscriber::start();
    subscribe(
        &server,
        &subscriber.callback("/some"),
        "feed.atom?q=seventh",
        &[],
    );
    subscribe(&server, &subscriber.callback("/all"), "feed.atom", &[]);
    subscribers(&server, 2);
    entries(&dir, 4..=4, 0);
    subscriber.hears("POST", "/all", 1);
    // Subscribing again changes the secret and nothing else: what is being told stays so.
    subscribe(
        &server,
        &subscriber.callback("/all"),
        "feed.atom",
        &[("hub.secret", "new")],
    );
    subscribers(&server, 2);
    let rows = crate::import::csv(&[crate::import::row(&[
        ("Index", "seven"),
        ("Short name", "The seventh"),
        ("Long name", "The seventh of all"),
    ])]);
    let done = crate::import::bring(&dir, &[("other.csv", &rows)], &[]);
    assert!(done.ok, "{}", done.text);
    let told = subscriber.hears("POST", "/some", 1);
    let text = String::from_utf8_lossy(&told.body).into_owned();
    assert!(
        text.contains("The seventh of all") && !text.contains("Entry 4"),
        "{text}"
    );
    let told = subscriber.hears("POST", "/all", 2);
    assert!(told.headers.contains_key("x-hub-signature"));
    assert_eq!(subscriber.all("POST", "/some").len(), 1);
}

#[test]
fn the_hub_takes_no_nonsense_and_speaks_to_nobody_inside() {
    let (_, server) = serve("hub-refuses", "[feeds]\nsubscribers = 2\n");
    let subscriber = Subscriber::start();
    let (public, inside) = ("https://subscriber.invalid/x", subscriber.callback("/x"));
    let by_name = format!(
        "http://localhost:{}/x",
        subscriber.address.rsplit(':').next().expect("a port")
    );
    let (long, much) = (
        format!("https://a.invalid/{}", "x".repeat(2_000)),
        "s".repeat(200),
    );
    let feed = format!("{PUBLIC}/feed");
    let good = [
        ("hub.mode", "subscribe"),
        ("hub.callback", public),
        ("hub.topic", feed.as_str()),
    ];
    for (name, value, why) in [
        ("hub.mode", "publish", "subscribe or unsubscribe"),
        ("hub.mode", "", "subscribe or unsubscribe"),
        ("hub.callback", "no address", "hub.callback"),
        ("hub.callback", &long, "2000 bytes"),
        ("hub.callback", "ftp://a.invalid/", "http or https"),
        ("hub.callback", &inside, "private network"),
        ("hub.callback", "http://[::1]/", "private network"),
        ("hub.topic", "http://elsewhere.invalid/feed", "hub.topic"),
        ("hub.topic", "http://library.example/catalog", "feed.atom"),
        (
            "hub.topic",
            "http://library.example/feed?page=1",
            "hub.topic",
        ),
        ("hub.lease_seconds", "long", "whole number"),
        ("hub.secret", &much, "200"),
    ] {
        let mut fields: Vec<(&str, &str)> = good.to_vec();
        fields.retain(|f| f.0 != name);
        fields.push((name, value));
        let answer = wish(&server, &fields);
        assert_eq!(answer.status, 400, "{name}={value}");
        assert!(
            answer.text().contains(why),
            "{name}={value}: {}",
            answer.text()
        );
    }
    assert_eq!(server.ask("GET", "/hub", &[], b"").status, 405);
    // A name is looked at when it is asked, and leads nowhere inside.
    let mut fields = good;
    fields[1].1 = &by_name;
    assert_eq!(wish(&server, &fields).status, 202);
    subscribers(&server, 0);
    assert!(subscriber.heard.0.lock().expect("no one panics").is_empty());
    drop(server);

    // As many as it serves, and not one more.
    let (_, server) = serve("hub-full", &format!("{SETTINGS}subscribers = 2\n"));
    for n in 1..=2 {
        subscribe(&server, &subscriber.callback(&format!("/{n}")), "feed", &[]);
    }
    subscribers(&server, 2);
    let callback = subscriber.callback("/3");
    let third = [
        ("hub.mode", "subscribe"),
        ("hub.callback", callback.as_str()),
        ("hub.topic", &feed),
    ];
    let answer = wish(&server, &third);
    assert_eq!(answer.status, 503, "{}", answer.text());
    drop(server);

    // One address may wish so much in an hour, and once more for each minute that this takes.
    let (_, server) = serve("hub-often", SETTINGS);
    let statuses: Vec<u16> = (0..100).map(|_| wish(&server, &third).status).collect();
    let taken = statuses.iter().filter(|s| **s == 202).count();
    assert!((60..100).contains(&taken), "{statuses:?}");
    assert!(statuses.iter().all(|s| [202, 429].contains(s)));
    drop(server);

    // Where there is no hub, nothing says that there is one.
    let (_, server) = serve("hub-none", "[feeds]\nsubscribers = 0\n");
    assert_eq!(wish(&server, &good).status, 405);
    let answer = server.ask("GET", "/feed.atom", &[], b"");
    assert!(!answer.header("link").contains("hub") && !answer.text().contains("rel=\"hub\""));
}
