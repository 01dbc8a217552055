//! The ledger in PostgreSQL: a real server on a free port, in a directory of its own. Listed as not
//! run where none is installed.
use crate::support::{Server, directory, launch, run};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The newest installation that Debian's layout shows, or the one on the path.
fn programs() -> Option<PathBuf> {
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

struct Cluster {
    programs: PathBuf,
    dir: PathBuf,
    port: u16,
}

impl Cluster {
    fn start(programs: PathBuf) -> Self {
        let dir = directory("postgres");
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

#[test]
fn the_ledger_may_be_a_postgresql_database_and_moves_to_a_file_and_on() {
    let Some(programs) = programs() else {
        println!("not run: PostgreSQL is not installed");
        return;
    };
    let cluster = Cluster::start(programs);
    let dir = directory("postgres-catalogue");
    std::fs::create_dir_all(&dir).expect("a directory");
    let config = dir.join("catalogue.toml");
    let url = format!("postgres://ldt@127.0.0.1:{}/postgres", cluster.port);
    std::fs::write(&config, format!("[ledger]\nurl = \"{url}\"\n")).expect("writes");
    let config = config.to_string_lossy().into_owned();
    let server = launch(&dir, &["--config", &config]);
    ready(&server);
    let before = server.body("/catalog.csv");
    let (status, said) = run(
        &dir,
        &["--config", &config, "decide", "orion-ld", "withdraw"],
    );
    assert!(
        status == 0 && said.contains("orion-ld is withdrawn"),
        "{said}"
    );
    assert!(server.get("/resource/orion-ld", "*/*").contains(" 410 "));
    let (status, said) = run(
        &dir,
        &["--config", &config, "decide", "orion-ld", "restore"],
    );
    assert!(status == 0, "{said}");
    assert_eq!(before, server.body("/catalog.csv"));
    // A backup is a SQLite file, whatever the ledger is in: the way from one to the other.
    let backup = dir.join("all.backup").to_string_lossy().into_owned();
    let (status, said) = run(&dir, &["--config", &config, "backup", &backup]);
    assert_eq!(status, 0, "{said}");
    drop(server);
    let other = directory("postgres-moved");
    let (status, said) = run(&other, &["restore", &backup]);
    assert_eq!(status, 0, "{said}");
    let server = launch(&other, &[]);
    ready(&server);
    assert_eq!(before, server.body("/catalog.csv"));
}
