//! The real program, started on a free port, asked over HTTP, killed and started again.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Server {
    process: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ldt-catalogue-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn start(dir: &Path) -> Server {
    let mut process = Command::new(env!("CARGO_BIN_EXE_ldt-catalogue"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    BufReader::new(process.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("a ready line");
    let address = line
        .trim()
        .strip_prefix("listening on http://")
        .expect("the ready line")
        .to_owned();
    let server = Server { process, address };
    let began = Instant::now();
    while !server.get("/readyz", "*/*").contains(" 200 OK") {
        assert!(began.elapsed() < Duration::from_secs(60), "never ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}

impl Server {
    /// The whole answer, head and body.
    fn get(&self, path: &str, accept: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("connects");
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: catalogue\r\nAccept: {accept}\r\n\r\n"
        )
        .expect("writes");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("reads");
        answer
    }

    fn body(&self, path: &str) -> String {
        self.get(path, "*/*")
            .split_once("\r\n\r\n")
            .expect("a body")
            .1
            .to_owned()
    }
}

fn import(dir: &Path, source: &Path, more: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ldt-catalogue"))
        .args(["import", "--data-dir"])
        .arg(dir)
        .arg(source)
        .args(more)
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

#[test]
fn the_bundled_library_is_served_in_every_syntax_and_survives_a_kill() {
    let dir = directory("serve");
    let server = start(&dir);
    for (path, media, holds) in [
        ("/resource/ngsi-ld", "text/turtle", "dcat:Dataset"),
        (
            "/resource/ngsi-ld.rdf",
            "application/rdf+xml",
            "<dcat:Dataset rdf:about=",
        ),
        (
            "/resource/ngsi-ld.jsonld",
            "application/ld+json",
            "\"@context\"",
        ),
        (
            "/resource/ngsi-ld.nt",
            "application/n-triples",
            "<http://www.w3.org/ns/dcat#Dataset>",
        ),
        ("/catalog", "application/rdf+xml", "hydra:nextPage"),
        (
            "/catalog.ttl?page=2",
            "text/turtle",
            "hydra:PartialCollectionView",
        ),
        ("/catalog.csv", "text/csv", "Short name"),
    ] {
        let answer = server.get(path, "*/*");
        assert!(
            answer.contains(" 200 OK") || answer.starts_with("HTTP/1.0 200"),
            "{path}: {answer:.200}"
        );
        assert!(
            answer.contains(media) && answer.contains(holds),
            "{path} lacks {media} or {holds}"
        );
    }
    assert!(
        server
            .get("/resource/ngsi-ld", "text/html")
            .contains("<h1>")
    );
    assert!(server.get("/resource/nothing", "*/*").contains(" 404 "));
    assert!(server.get("/catalog", "image/png").contains(" 406 "));
    let before = server.body("/catalog/dump.nt");
    drop(server);
    let server = start(&dir);
    assert_eq!(
        before,
        server.body("/catalog/dump.nt"),
        "a killed server comes back with the same catalogue"
    );
}

#[test]
fn importing_the_same_sheet_twice_changes_nothing_and_a_bad_one_is_refused() {
    let dir = directory("import");
    let sheet = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/resources.csv");
    let (ok, text) = import(&dir, &sheet, &[]);
    assert!(
        ok && text.contains("added, 0 changed, 0 unchanged"),
        "{text}"
    );
    let (ok, text) = import(&dir, &sheet, &[]);
    assert!(ok && text.contains("0 added, 0 changed"), "{text}");
    let html = dir.join("page.csv");
    std::fs::write(&html, "<!doctype html><p>Sign in</p>").expect("writes");
    let (ok, text) = import(&dir, &html, &[]);
    assert!(!ok && text.contains("HTML"), "{text}");
}
