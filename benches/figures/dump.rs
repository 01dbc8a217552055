//! Bytes per second of the whole catalogue, beside nginx with the same file.
use crate::client::Connection;
use crate::room::{Figure, Room, median};
use crate::service::Service;
use std::io::{Error, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATH: &str = "/catalog/dump.nt";
const GOAL: f64 = 0.7;
const RUNS: usize = 5;

pub fn measure(room: &mut Room) -> Result<()> {
    let dir = room.large()?;
    let service = Service::start(&dir, &["--no-seed"])?;
    service.ready()?;
    let site = room.empty("site")?;
    std::fs::create_dir_all(site.join("catalog"))?;
    let file = site.join("catalog/dump.nt");
    let size = fetch(&service, &file)?;
    let Some(nginx) = Nginx::start(&site)? else {
        let rate = median(
            (0..RUNS)
                .map(|_| timed(&service.address, size))
                .collect::<Result<_>>()?,
        );
        room.figure(Figure {
            name: format!("`{PATH}`, {} records, beside nginx", room.size),
            goal: format!("≥ {GOAL}"),
            measured: format!("{rate:.0} MB/s; no nginx here"),
            met: None,
            runs: RUNS,
            notes: "`make bench-tools` installs nginx".into(),
        });
        return Ok(());
    };
    for (who, address) in [("the service", &service.address), ("nginx", &nginx.address)] {
        if !same(address, &file)? {
            room.wrong(format!(
                "{PATH} from {who} differs from what the service gave first"
            ));
        }
    }
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let a = timed(&service.address, size)?;
        let b = timed(&nginx.address, size)?;
        ours.push(a);
        theirs.push(b);
        ratios.push(a / b);
    }
    let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let ratio = median(ratios);
    room.figure(Figure {
        name: format!("`{PATH}`, {} records, beside nginx", room.size),
        goal: format!("≥ {GOAL}"),
        measured: format!("{ratio:.2}"),
        met: Some(ratio >= GOAL),
        runs: RUNS,
        notes: format!(
            "{:.0} MB; {:.0} MB/s beside {:.0} MB/s of {}; lowest ratio {lowest:.2}",
            size as f64 / 1e6,
            median(ours),
            median(theirs),
            nginx.version
        ),
    });
    Ok(())
}

/// Keeps the dump of `service` in `file` and gives its length.
pub fn fetch(service: &Service, file: &Path) -> Result<u64> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    let status =
        Connection::open(&service.address)?.read(PATH, "*/*", None, |part| out.write_all(part))?;
    out.flush()?;
    let size = std::fs::metadata(file)?.len();
    if status != 200 || size == 0 {
        return Err(Error::other(format!(
            "{PATH} gave {status} and {size} bytes"
        )));
    }
    Ok(size)
}

/// Whether `address` gives exactly the bytes of `file`.
fn same(address: &str, file: &Path) -> Result<bool> {
    let mut expected = std::io::BufReader::new(std::fs::File::open(file)?);
    let (mut beside, mut equal) = (Vec::new(), true);
    Connection::open(address)?.read(PATH, "*/*", None, |part| {
        beside.resize(part.len(), 0);
        equal &= expected.read_exact(&mut beside).is_ok() && beside == part;
        Ok(())
    })?;
    Ok(equal && expected.read(&mut [0])? == 0)
}

/// Megabytes per second from the request to the last byte, over a fresh connection.
pub fn timed(address: &str, size: u64) -> Result<f64> {
    let mut connection = Connection::open(address)?;
    let mut received = 0;
    let began = Instant::now();
    let status = connection.read(PATH, "*/*", None, |part| {
        received += part.len() as u64;
        Ok(())
    })?;
    let took = began.elapsed();
    if status != 200 || received != size {
        return Err(Error::other(format!(
            "{PATH} at {address} gave {status} and {received} bytes instead of {size}"
        )));
    }
    Ok(size as f64 / 1e6 / took.as_secs_f64())
}

struct Nginx {
    process: Child,
    address: String,
    version: String,
}

impl Nginx {
    /// Serves `site`; `None` where nginx is not installed.
    fn start(site: &Path) -> Result<Option<Self>> {
        let Some(program) = ["nginx", "/usr/sbin/nginx"].into_iter().find(|p| {
            Command::new(p)
                .arg("-v")
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|s| s.success())
        }) else {
            return Ok(None);
        };
        let version = Command::new(program).arg("-v").output()?;
        let version = String::from_utf8_lossy(&version.stderr);
        let version = version
            .rsplit(' ')
            .next()
            .unwrap_or("nginx")
            .trim()
            .to_owned();
        let site: PathBuf = site.canonicalize()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let config = site.join("nginx.conf");
        std::fs::write(&config, config_of(&site, &address))?;
        let process = Command::new(program)
            .arg("-p")
            .arg(&site)
            .arg("-c")
            .arg(&config)
            .args(["-e", "stderr"])
            .spawn()?;
        let nginx = Self {
            process,
            address,
            version,
        };
        let began = Instant::now();
        while TcpStream::connect(&nginx.address).is_err() {
            if began.elapsed() > Duration::from_secs(10) {
                return Err(Error::other("nginx does not listen"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(nginx))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers when asked, not when killed.
        let _ = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        let _ = self.process.wait();
    }
}

/// What Debian's own nginx.conf sets that matters here, in the foreground and below `site`.
fn config_of(site: &Path, address: &str) -> String {
    let root = std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|s| s.lines().any(|l| l.starts_with("Uid:\t0\t")));
    // As root the workers would change to a user who may not read the site.
    let user = if root { "user root;\n" } else { "" };
    let site = site.display();
    format!(
        "{user}daemon off;\nworker_processes auto;\npid {site}/nginx.pid;\n\
         events {{ worker_connections 768; }}\n\
         http {{\n  sendfile on;\n  tcp_nopush on;\n  types_hash_max_size 2048;\n  access_log off;\n  gzip on;\n\
         \x20 default_type application/n-triples;\n\
         \x20 client_body_temp_path {site}/t1; proxy_temp_path {site}/t2; fastcgi_temp_path {site}/t3;\n\
         \x20 uwsgi_temp_path {site}/t4; scgi_temp_path {site}/t5;\n\
         \x20 server {{ listen {address}; root {site}; }}\n}}\n"
    )
}
