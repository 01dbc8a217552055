//! The real program: started on a free port, asked over HTTP, killed and started again.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

pub struct Server {
    pub process: Child,
    pub address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A fresh directory of this test run.
pub fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ldt-catalogue-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// The address that readers of the tested service use; nothing is sent there.
pub const PUBLIC: &str = "http://library.example";

/// Serves `dir` and waits until everything is loaded.
pub fn start(dir: &Path) -> Server {
    start_with(dir, "")
}

/// The same with settings of its own, in TOML.
pub fn start_with(dir: &Path, settings: &str) -> Server {
    let file = dir.with_extension("toml");
    std::fs::write(&file, settings).expect("writes");
    let file = file.to_str().expect("UTF-8");
    let server = launch(dir, &["--public-url", PUBLIC, "--config", file]);
    ready(&server);
    server
}

/// The bundled library, for all tests that only read. The service ends with the last test that holds
/// it, so each holds it from its beginning.
pub fn library() -> Arc<Server> {
    static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut held = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    held.upgrade().unwrap_or_else(|| {
        let server = Arc::new(start(&directory("library")));
        *held = Arc::downgrade(&server);
        server
    })
}

/// Waits until everything is loaded.
pub fn ready(server: &Server) {
    let began = Instant::now();
    while !server.get("/readyz", "*/*").contains(" 200 OK") {
        assert!(began.elapsed() < Duration::from_secs(60), "never ready");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Serves `dir` and returns as soon as it listens.
pub fn launch(dir: &Path, more: &[&str]) -> Server {
    launch_in(dir, more, &[])
}

/// The same with an environment of its own beside what is there.
pub fn launch_in(dir: &Path, more: &[&str], environment: &[(&str, &str)]) -> Server {
    let process = Command::new(env!("CARGO_BIN_EXE_ldt-catalogue"))
        .envs(environment.iter().copied())
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir)
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    Server::adopt(process)
}

/// An answer, taken apart.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map_or("", |(_, v)| v)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Asks with any method, headers and body, on a connection of its own.
pub fn ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream = TcpStream::connect(address).expect("connects");
    let headers: String = headers
        .iter()
        .map(|(n, v)| format!("{n}: {v}\r\n"))
        .collect();
    let length = match body.len() {
        0 => String::new(),
        n => format!("Content-Length: {n}\r\n"),
    };
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: catalogue\r\n{headers}{length}\r\n"
    )
    .expect("writes");
    // A body that is refused by its length alone is not read to its end.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let cut = answer
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8_lossy(&answer[..cut]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|l| l.split(' ').nth(1));
    Answer {
        status: status.and_then(|s| s.parse().ok()).expect("a status"),
        headers: lines
            .filter_map(|l| l.split_once(": "))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect(),
        body: answer[cut + 4..].to_vec(),
    }
}

impl Server {
    /// A service that was started with a pipe for its ready line.
    pub fn adopt(mut process: Child) -> Self {
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("a ready line");
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .expect("the ready line")
            .to_owned();
        Self { process, address }
    }

    /// Asks with any method, headers and body, on a connection of its own.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        ask(&self.address, method, path, headers, body)
    }

    /// The whole answer, head and body.
    pub fn get(&self, path: &str, accept: &str) -> String {
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

    /// The whole answer to a body that is sent.
    pub fn post(&self, path: &str, accept: &str, media: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("connects");
        write!(
            stream,
            "POST {path} HTTP/1.0\r\nHost: catalogue\r\nAccept: {accept}\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .expect("writes");
        // A body that is refused by its length alone is not read to its end.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The body alone.
    pub fn body(&self, path: &str) -> String {
        self.get(path, "*/*")
            .split_once("\r\n\r\n")
            .expect("a body")
            .1
            .to_owned()
    }
}

/// Runs a command on `dir` and gives its exit status with all it said.
pub fn run(dir: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ldt-catalogue"))
        .args(["--public-url", PUBLIC, "--data-dir"])
        .arg(dir)
        .args(arguments)
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text)
}

/// Runs `import` and gives whether it succeeded with all it said.
pub fn import(dir: &Path, source: &Path, more: &[&str]) -> (bool, String) {
    let source = source.to_string_lossy();
    let arguments: Vec<&str> = ["import", &source]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let (status, text) = run(dir, &arguments);
    (status == 0, text)
}
