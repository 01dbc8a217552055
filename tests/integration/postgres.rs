//! The ledger in PostgreSQL: a real server on a free port, in a directory of its own. Listed as not
//! run where none is installed.
use crate::hub::{SETTINGS, Subscriber, subscribe, subscribers};
use crate::support::{PUBLIC, Server, directory, launch, run};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The newest installation that Debian's layout shows, or the one on the path.
pub fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path().join("bin"))
        .filter(|p| p.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

/// A command, as the user `postgres` where this one is root: PostgreSQL refuses to run as root.
fn command(program: &Path) -> Command {
    let root = std::fs::metadata("/proc/self").is_ok_and(|m| {
        use std::os::unix::fs::MetadataExt;
        m.uid() == 0
    });
    if !root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
        .arg(program);
    command
}

pub struct Cluster {
    programs: PathBuf,
    dir: PathBuf,
    pub port: u16,
}

impl Cluster {
    pub fn start(programs: PathBuf, name: &str) -> Self {
        let dir = directory(name);
        std::fs::create_dir_all(&dir).expect("a directory");
        // The server's own user makes what is inside.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(&dir, open).expect("permissions");
        let data = dir.join("data");
        let made = command(&programs.join("initdb"))
            .args([
                "--auth=trust",
                "--username=ldt",
                "--encoding=UTF8",
                "--pgdata",
            ])
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("initdb starts");
        assert!(made.success(), "initdb");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a free port")
            .port();
        let cluster = Self {
            programs,
            dir,
            port,
        };
        let options =
            format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''");
        assert!(cluster.control(&["start", "-o", &options]), "pg_ctl start");
        cluster
    }

    fn control(&self, arguments: &[&str]) -> bool {
        command(&self.programs.join("pg_ctl"))
            .args(["--wait", "--silent", "--pgdata"])
            .arg(self.dir.join("data"))
            .arg("--log")
            .arg(self.dir.join("log"))
            .args(arguments)
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.control(&["stop", "--mode=immediate"]);
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn ready(server: &Server) {
    let began = Instant::now();
    while !server.get("/readyz", "*/*").contains(" 200 OK") {
        assert!(began.elapsed() < Duration::from_secs(60), "never ready");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What is read of the ledger in ways of its own, and has to be the same from either database.
const READ: [&str; 9] = [
    "/catalog.csv",
    "/feed.nq",
    "/feed/index-1.nq",
    "/feed/page-1.nq",
    "/feed/page-3.nq",
    "/oai?verb=ListRecords&metadataPrefix=oai_dc&set=kind-tool&from=2026-01-01",
    "/oai?verb=ListIdentifiers&metadataPrefix=dcat_ap",
    "/sitemap.xml",
    "/sitemap-1.xml",
];

/// What the service says, without the moment at which it says it.
fn read(server: &Server, path: &str) -> String {
    let text = server.body(path);
    assert!(text.len() > 200, "{path}: {text}");
    let lines = text.lines().filter(|l| !l.contains("<responseDate>"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_ledger_may_be_a_postgresql_database_and_moves_to_a_file_and_on() {
    let Some(programs) = programs() else {
        println!("not run: PostgreSQL is not installed");
        return;
    };
    let cluster = Cluster::start(programs, "postgres");
    let dir = directory("postgres-catalogue");
    std::fs::create_dir_all(&dir).expect("a directory");
    let config = dir.join("catalogue.toml");
    let url = format!("postgres://ldt@127.0.0.1:{}/postgres", cluster.port);
    let settings = format!("[ledger]\nurl = \"{url}\"\n{SETTINGS}");
    std::fs::write(&config, settings).expect("writes");
    let config = config.to_string_lossy().into_owned();
    let server = launch(&dir, &["--config", &config, "--public-url", PUBLIC]);
    ready(&server);
    let before = server.body("/catalog.csv");
    let subscriber = Subscriber::start();
    subscribe(&server, &subscriber.callback("/told"), "feed.json", &[]);
    subscribers(&server, 1);
    let (status, said) = run(
        &dir,
        &["--config", &config, "decide", "orion-ld", "withdraw"],
    );
    assert!(
        status == 0 && said.contains("orion-ld is withdrawn"),
        "{said}"
    );
    assert!(server.get("/resource/orion-ld", "*/*").contains(" 410 "));
    let told = subscriber.hears("POST", "/told", 1);
    assert!(String::from_utf8_lossy(&told.body).contains("_deleted"));
    let (status, said) = run(
        &dir,
        &["--config", &config, "decide", "orion-ld", "restore"],
    );
    assert!(status == 0, "{said}");
    assert_eq!(before, server.body("/catalog.csv"));
    let (status, said) = run(&dir, &["--config", &config, "purge", "stellio"]);
    assert_eq!(status, 0, "{said}");
    let before: Vec<String> = READ.iter().map(|path| read(&server, path)).collect();
    // A backup is a SQLite file, whatever the ledger is in: the way from one to the other.
    let backup = dir.join("all.backup").to_string_lossy().into_owned();
    let (status, said) = run(&dir, &["--config", &config, "backup", &backup]);
    assert_eq!(status, 0, "{said}");
    drop(server);
    let other = directory("postgres-moved");
    let (status, said) = run(&other, &["restore", &backup]);
    assert_eq!(status, 0, "{said}");
    let server = launch(&other, &["--public-url", PUBLIC]);
    ready(&server);
    for (path, before) in READ.iter().zip(before) {
        assert_eq!(before, read(&server, path), "{path}");
    }
}
