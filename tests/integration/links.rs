//! Asking addresses whether they answer: politely, within limits, and never where it is not allowed.
use crate::support::{PUBLIC, Server, directory, import, launch, ready, run};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A server of the web, on this machine.
struct Web {
    address: String,
    /// Method, path and entity tag of each request.
    asked: Arc<Mutex<Vec<(String, String, String)>>>,
    /// Most requests that were open at the same time.
    most: Arc<AtomicUsize>,
}

impl Web {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let web = Self {
            address,
            asked: asked.clone(),
            most: most.clone(),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (asked, open, most) = (asked.clone(), open.clone(), most.clone());
                std::thread::spawn(move || {
                    most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    answer(stream, &asked, || {
                        open.fetch_sub(1, Ordering::SeqCst);
                    });
                });
            }
        });
        web
    }

    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self, path: &str) -> Vec<(String, String)> {
        let asked = self.asked.lock().expect("no one panics");
        let here = asked.iter().filter(|a| a.1 == path);
        here.map(|a| (a.0.clone(), a.2.clone())).collect()
    }
}

/// Answers a request; `done` is told before the other side can know it.
fn answer(
    mut stream: TcpStream,
    asked: &Mutex<Vec<(String, String, String)>>,
    done: impl FnOnce(),
) {
    let mut lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    let mut headers = BTreeMap::new();
    for line in lines.map_while(Result::ok).take_while(|l| !l.is_empty()) {
        if let Some((name, value)) = line.split_once(": ") {
            headers.insert(name.to_lowercase(), value.to_owned());
        }
    }
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or_default().to_owned();
    let tag = headers.remove("if-none-match").unwrap_or_default();
    let before = {
        let mut asked = asked.lock().expect("no one panics");
        asked.push((method.clone(), path.clone(), tag.clone()));
        asked.iter().filter(|a| a.1 == path).count()
    };
    let first_byte = headers.get("range").is_some_and(|r| r == "bytes=0-0");
    let head = match path.as_str() {
        "/sound" if tag == "\"one\"" => "304 Not Modified",
        "/sound" => "200 OK\r\nETag: \"one\"",
        "/moved" => "301 Moved Permanently\r\nLocation: /sound",
        "/round" => "302 Found\r\nLocation: /round",
        "/no-head" if method == "HEAD" => "405 Method Not Allowed",
        "/no-head" if first_byte => "206 Partial Content",
        "/moment" if before == 1 => "503 Service Unavailable",
        "/moment" | "/no-head" => "200 OK",
        "/never" => {
            done();
            // Until the other side gives up.
            let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
            let _ = std::io::Read::read(&mut stream, &mut [0]);
            return;
        }
        _ => "404 Not Found",
    };
    done();
    let _ = write!(
        stream,
        "HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
}

/// An entry with these access addresses, a download and a page.
fn describe(dir: &Path, access: &[String], download: &str, page: &str) -> PathBuf {
    let mut text = format!(
        "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> . @prefix foaf: <http://xmlns.com/foaf/0.1/> .
        <https://a.example/x> a dcat:Dataset ; dct:title \"X\"@en ; dct:description \"What the trees of the city are.\"@en ;
            dcat:landingPage <{page}> ; dcat:distribution <https://a.example/x#0> .
        <{page}> a foaf:Document . <https://a.example/x#0> dcat:downloadURL <{download}> .\n"
    );
    for (n, address) in access.iter().enumerate() {
        text.push_str(&format!(
            "<https://a.example/x> dcat:distribution <https://a.example/x#{n}> . <https://a.example/x#{n}> a dcat:Distribution ; dcat:accessURL <{address}> .\n"
        ));
    }
    let file = dir.with_extension("ttl");
    std::fs::write(&file, text).expect("writes");
    file
}

fn settings(dir: &Path, private: bool) -> String {
    let file = dir.with_extension("links.toml");
    let text = format!("[links]\nprivate = {private}\nseconds = 1\ndelay_milliseconds = 1\n");
    std::fs::write(&file, text).expect("writes");
    file.to_str().expect("UTF-8").to_owned()
}

/// Runs `check-links` and gives what is broken, with what was found there, and the last line.
fn check(dir: &Path, config: &str, limit: &str) -> (BTreeMap<String, String>, String) {
    let (status, said) = run(dir, &["--config", config, "check-links", "--limit", limit]);
    assert_eq!(status, 0, "{said}");
    let mut broken = BTreeMap::new();
    let mut last = String::new();
    for line in said.lines() {
        let mut words = line.split_whitespace().skip(1);
        match (words.next(), words.next()) {
            (Some("x"), Some(address)) => {
                let found = line
                    .split_once(&format!("{address}  "))
                    .expect("a reason")
                    .1;
                broken.insert(address.to_owned(), found.to_owned());
            }
            _ => line.clone_into(&mut last),
        }
    }
    (broken, last)
}

fn metric(server: &Server, state: &str) -> u64 {
    let text = server.body("/metrics");
    let line = format!("ldt_catalogue_links{{state=\"{state}\"}} ");
    let value = text
        .lines()
        .find_map(|l| l.strip_prefix(&line))
        .expect("a figure");
    value.parse().expect("a number")
}

#[test]
fn what_addresses_answer_is_kept_beside_the_record_and_forgotten_with_them() {
    let dir = directory("links-answers");
    let web = Web::start();
    // Nobody listens there.
    let closed = "http://127.0.0.1:1/".to_owned();
    let mut access = [
        "/sound", "/moved", "/no-head", "/moment", "/missing", "/never", "/round",
    ]
    .map(|path| web.at(path))
    .to_vec();
    access.push(closed.clone());
    access.push(web.at("/sound#part"));
    let file = describe(&dir, &access, &web.at("/missing"), &web.at("/page"));
    let server = launch_alone(&dir);
    let (done, said) = import(&dir, &file, &["--source-name", "web"]);
    assert!(done && said.contains("1 added"), "{said}");
    let before = server.ask("GET", "/resource/x.ttl", &[], b"");
    let unasked = server.body("/resource/x/quality");
    assert!(!unasked.contains("accessUrlStatusCode"), "{unasked}");
    let config = settings(&dir, true);
    let (broken, last) = check(&dir, &config, "100");
    assert_eq!(
        last,
        "10 addresses asked, 5 answered, 5 broken links are listed"
    );
    let found = |path: &str| broken.get(&web.at(path)).map(String::as_str);
    assert_eq!(found("/missing"), Some("404"));
    assert_eq!(found("/page"), Some("404"));
    assert_eq!(found("/never"), Some("no answer in time"));
    assert_eq!(found("/round"), Some("more than 5 redirects"));
    assert!(broken[&closed].contains("refused"), "{broken:?}");
    assert_eq!(
        web.asked("/sound").len(),
        3,
        "itself, its part and by the redirect"
    );
    let methods =
        |path: &str| -> Vec<String> { web.asked(path).into_iter().map(|a| a.0).collect() };
    assert_eq!(methods("/no-head"), ["HEAD", "GET"]);
    assert_eq!(
        methods("/missing"),
        ["HEAD", "GET"],
        "one address is asked once"
    );
    assert!(methods("/moment").len() > 1);
    assert_eq!(
        web.most.load(Ordering::SeqCst),
        1,
        "one at a time on a host"
    );

    // Five of nine for access, none of one for download, in the quality and nowhere in the record.
    let quality = server.body("/resource/x/quality.nt");
    let share = |metric: &str| {
        let line =
            format!("<{PUBLIC}/resource/x#quality-{metric}> <http://www.w3.org/ns/dqv#value> \"");
        let value = quality
            .lines()
            .find_map(|l| l.strip_prefix(&line))
            .expect(metric);
        value.split('"').next().expect("a value").to_owned()
    };
    assert_eq!(share("accessUrlStatusCode"), "0.5556");
    assert_eq!(share("downloadUrlStatusCode"), "0.0");
    let whole = server.body("/quality.nt");
    assert!(whole.contains("0.5556") && whole.contains("downloadUrlStatusCode"));
    assert_eq!(metric(&server, "broken"), 5);
    assert_eq!(metric(&server, "answers"), 5);
    assert_eq!(metric(&server, "unchecked"), 0);
    let after = server.ask("GET", "/resource/x.ttl", &[], b"");
    assert_eq!(before.header("etag"), after.header("etag"));
    // Moderators see what is broken beside what waits, with the way to mend it.
    let (_, said) = run(&dir, &["token", "add", "--role", "moderator"]);
    let bearer = format!("Bearer {}", said.lines().next().expect("a token"));
    let headers = [("Accept", "text/html"), ("Authorization", bearer.as_str())];
    let desk = server.ask("GET", "/admin", &headers, b"").text();
    for (address, found) in &broken {
        assert!(
            desk.contains(address.as_str()) && desk.contains(found),
            "{address}"
        );
    }
    assert!(desk.contains("href=\"/admin/resource/x\""), "{desk}");

    // It survives the service, and the next round says what it knows.
    drop(server);
    let (again, last) = check(&dir, &config, "0");
    assert_eq!(again, broken);
    assert!(last.starts_with("0 addresses asked"), "{last}");
    check(&dir, &config, "100");
    let tags: Vec<String> = web.asked("/sound").into_iter().map(|a| a.1).collect();
    assert!(tags[3..].contains(&"\"one\"".to_owned()), "{tags:?}");

    // An address that the record no longer names is forgotten; the others are known as before.
    access.retain(|a| !a.contains("/never") && !a.contains("/round"));
    let file = describe(&dir, &access, &web.at("/other"), &web.at("/page"));
    let (done, said) = import(&dir, &file, &["--source-name", "web"]);
    assert!(done && said.contains("1 changed"), "{said}");
    let (broken, _) = check(&dir, &config, "0");
    let known: Vec<&String> = broken.keys().collect();
    assert_eq!(known.len(), 3, "{known:?}");
    assert!(!broken.contains_key(&web.at("/never")), "{broken:?}");
    let (broken, _) = check(&dir, &config, "1");
    assert_eq!(broken[&web.at("/other")], "404", "the new one comes first");

    // What is purged leaves no address behind.
    let (status, said) = run(&dir, &["purge", "x"]);
    assert_eq!(status, 0, "{said}");
    let (broken, _) = check(&dir, &config, "0");
    assert!(broken.is_empty(), "{broken:?}");
    let bytes = std::fs::read(dir.join("ledger.db")).expect("a ledger");
    let trace = web.address.as_bytes();
    assert!(!bytes.windows(trace.len()).any(|w| w == trace));
}

/// Serves `dir` without the bundled library.
fn launch_alone(dir: &Path) -> Server {
    let server = launch(dir, &["--no-seed", "--public-url", PUBLIC]);
    ready(&server);
    server
}

#[test]
fn no_address_leads_into_a_private_network() {
    let dir = directory("links-private");
    let web = Web::start();
    let port = web.address.rsplit(':').next().expect("a port");
    let access = vec![
        web.at("/sound"),
        format!("http://localhost:{port}/sound"),
        format!("http://[::1]:{port}/sound"),
        format!("http://2130706433:{port}/sound"),
        "http://169.254.169.254/latest".to_owned(),
    ];
    let file = describe(&dir, &access, &web.at("/sound"), &web.at("/moved"));
    let server = launch_alone(&dir);
    let (done, said) = import(&dir, &file, &[]);
    assert!(done && said.contains("1 added"), "{said}");
    let (broken, last) = check(&dir, &settings(&dir, false), "100");
    assert_eq!(
        last,
        "6 addresses asked, 0 answered, 6 broken links are listed"
    );
    for (address, found) in &broken {
        assert_eq!(found, "it is in a private network", "{address}");
    }
    assert_eq!(web.most.load(Ordering::SeqCst), 0, "nothing was asked");
    drop(server);
}

#[test]
fn a_service_that_is_told_to_asks_by_itself() {
    let dir = directory("links-tended");
    let web = Web::start();
    let file = describe(
        &dir,
        &[web.at("/sound")],
        &web.at("/missing"),
        &web.at("/moved"),
    );
    let server = launch_alone(&dir);
    let (done, said) = import(&dir, &file, &[]);
    assert!(done && said.contains("1 added"), "{said}");
    assert_eq!(metric(&server, "answers"), 0);
    drop(server);
    let settings = dir.with_extension("toml");
    std::fs::write(
        &settings,
        "[links]\ncheck = true\nprivate = true\ndelay_milliseconds = 1\n",
    )
    .expect("writes");
    let settings = settings.to_str().expect("UTF-8");
    let server = launch(
        &dir,
        &["--no-seed", "--public-url", PUBLIC, "--config", settings],
    );
    let began = Instant::now();
    while metric(&server, "answers") < 2 || metric(&server, "broken") < 1 {
        assert!(began.elapsed() < Duration::from_secs(60), "never asked");
        std::thread::sleep(Duration::from_millis(20));
    }
}
