//! The real program: started on a free port, asked over HTTP, killed and started again.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Server {
    process: Child,
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

/// Serves `dir` and waits until everything is loaded.
pub fn start(dir: &Path) -> Server {
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

/// Runs `import` and gives whether it succeeded with all it said.
pub fn import(dir: &Path, source: &Path, more: &[&str]) -> (bool, String) {
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
