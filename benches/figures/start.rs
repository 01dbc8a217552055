//! Time until each face answers, and memory: after a start, after many updates.
use crate::client::{self, Connection};
use crate::random::Random;
use crate::room::{Figure, Room, last_lines, median};
use crate::service::{self, Memory, Service};
use crate::{SEED, sheet};
use std::io::{Error, Result};
use std::path::Path;
use std::time::Duration;

const RUNS: usize = 5;
const LARGE_RUNS: usize = 3;
const UPDATED: usize = 5_000;
const ROUNDS: u64 = 20;
const LIMIT: Duration = Duration::from_secs(1800);

/// One start, in seconds since the process began.
struct Start {
    listening: f64,
    record: f64,
    catalogue: f64,
    ready: f64,
    /// What `/readyz` answered before 200.
    said: Vec<String>,
    memory: Memory,
}

pub fn measure(room: &mut Room) -> Result<()> {
    bundled(room)?;
    large(room)?;
    updates(room)
}

fn start(dir: &Path, more: &[&str], slug: &str) -> Result<(Service, Start)> {
    let service = Service::start(dir, more)?;
    let record = service.await_ok(&format!("/resource/{slug}"), LIMIT)?.0;
    let catalogue = service.await_ok("/catalog", LIMIT)?.0;
    let (ready, said) = service.await_ok("/readyz", LIMIT)?;
    let memory = service.memory();
    let start = Start {
        listening: service.listening.as_secs_f64(),
        record: record.as_secs_f64(),
        catalogue: catalogue.as_secs_f64(),
        ready: ready.as_secs_f64(),
        said,
        memory,
    };
    Ok((service, start))
}

fn middle(starts: &[Start], of: fn(&Start) -> f64) -> f64 {
    median(starts.iter().map(of).collect())
}

fn most(starts: &[Start], of: fn(&Start) -> f64) -> f64 {
    starts.iter().map(of).fold(0.0, f64::max)
}

fn bundled(room: &mut Room) -> Result<()> {
    let (mut first, mut second, mut used) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let dir = room.empty("bundled")?;
        let (service, fresh) = start(&dir, &[], "ngsi-ld")?;
        first.push(fresh);
        drop(service);
        let (service, again) = start(&dir, &[], "ngsi-ld")?;
        second.push(again);
        touch(&service)?;
        used.push(service.memory());
    }
    for (name, starts) in [
        ("the first, which imports it", &first),
        ("a later one", &second),
    ] {
        let ready = middle(starts, |s| s.ready);
        room.figure(Figure {
            name: format!("start with the bundled library, {name}, to `/readyz`"),
            goal: "≤ 1 s".into(),
            measured: format!("{ready:.2} s"),
            met: Some(ready <= 1.0),
            runs: RUNS,
            notes: format!(
                "slowest {:.2} s; listening after {:.2}, a record after {:.2} s",
                most(starts, |s| s.ready),
                middle(starts, |s| s.listening),
                middle(starts, |s| s.record)
            ),
        });
    }
    let resident = used.iter().map(|m| m.resident).fold(0.0, f64::max);
    room.figure(Figure {
        name: "resident memory with the bundled library".into(),
        goal: "≤ 80 MB".into(),
        measured: format!("{resident:.0} MB"),
        met: Some(resident <= 80.0),
        runs: RUNS,
        notes: format!(
            "largest of the runs, after 200 requests to all faces; {:.0} MB when a first start is ready, {:.0} MB for a later one; peak {:.0} MB",
            middle(&first, |s| s.memory.resident),
            middle(&second, |s| s.memory.resident),
            used.iter().map(|m| m.peak).fold(most(&first, |s| s.memory.peak), f64::max)
        ),
    });
    Ok(())
}

/// Uses each face a little, since an untouched service is smaller than a used one.
fn touch(service: &Service) -> Result<()> {
    let mut connection = Connection::open(&service.address)?;
    let query = "/sparql?query=SELECT%20(COUNT(*)%20AS%20%3Fn)%20%7B%3Fs%20%3Fp%20%3Fo%7D";
    for (path, accept) in [
        ("/", "text/html"),
        ("/resource/ngsi-ld", "*/*"),
        ("/resource/ngsi-ld", "text/html"),
        ("/resource/ngsi-ld", "application/ld+json"),
        ("/catalog", "*/*"),
        ("/catalog?page=2", "text/turtle"),
        ("/catalog/dump.nt", "*/*"),
        (query, "*/*"),
    ]
    .iter()
    .cycle()
    .take(200)
    {
        let answer = connection.get(path, accept)?;
        if answer.status != 200 || answer.body.is_empty() {
            return Err(Error::other(format!(
                "{path} as {accept}: {}",
                answer.status
            )));
        }
    }
    Ok(())
}

fn large(room: &mut Room) -> Result<()> {
    let dir = room.large()?;
    let mut starts = Vec::new();
    for run in 0..LARGE_RUNS {
        let slug = sheet::slug(1 + Random::of([run as u64, 0, 1]).below(room.size), SEED);
        let (service, start) = start(&dir, &["--no-seed"], &slug)?;
        let found = datasets(&service)?;
        if found < room.size {
            room.wrong(format!(
                "the graph is said to be ready and has {found} datasets of {}",
                room.size
            ));
        }
        if start
            .said
            .iter()
            .any(|s| !s.starts_with("503 ") || s.len() < 10)
        {
            room.wrong(format!(
                "/readyz does not say what is loading: {:?}",
                start.said
            ));
        }
        starts.push(start);
    }
    let n = room.size;
    let entries = middle(&starts, |s| s.record.max(s.catalogue));
    room.figure(Figure {
        name: format!("start with {n} records, until `/resource` and `/catalog` answer"),
        goal: "≤ 2 s".into(),
        measured: format!("{entries:.2} s"),
        met: Some(entries <= 2.0),
        runs: LARGE_RUNS,
        notes: format!(
            "slowest {:.2} s; files in the page cache",
            most(&starts, |s| s.record.max(s.catalogue))
        ),
    });
    let ready = middle(&starts, |s| s.ready);
    let said = starts
        .first()
        .map(|s| s.said.join("; "))
        .unwrap_or_default();
    room.figure(Figure {
        name: format!("start with {n} records, until the graph is complete"),
        goal: "≤ 60 s".into(),
        measured: format!("{ready:.1} s"),
        met: Some(ready <= 60.0),
        runs: LARGE_RUNS,
        notes: format!(
            "slowest {:.1} s; meanwhile `/readyz` said {:?}",
            most(&starts, |s| s.ready),
            said.replace('\n', " ")
                .chars()
                .take(160)
                .collect::<String>()
        ),
    });
    let peak = most(&starts, |s| s.memory.peak);
    room.figure(Figure {
        name: format!("memory with {n} records, peak until the graph is complete"),
        goal: "≤ 3500 MB".into(),
        measured: format!("{peak:.0} MB"),
        met: Some(peak <= 3500.0),
        runs: LARGE_RUNS,
        notes: format!(
            "resident then {:.0} MB",
            middle(&starts, |s| s.memory.resident)
        ),
    });
    Ok(())
}

/// How many datasets the graph holds.
fn datasets(service: &Service) -> Result<usize> {
    let query = "/sparql?query=SELECT%20(COUNT(DISTINCT%20%3Fs)%20AS%20%3Fn)%20%7B%3Fs%20a%20%3Chttp%3A%2F%2Fwww.w3.org%2Fns%2Fdcat%23Dataset%3E%7D";
    let answer = client::get(&service.address, query, "text/csv")?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    text.lines()
        .nth(1)
        .and_then(|l| l.trim().parse().ok())
        .ok_or_else(|| Error::other(format!("the count gave {} {text}", answer.status)))
}

/// Imports changed sheets into a served catalogue and looks at its memory.
fn updates(room: &mut Room) -> Result<()> {
    let rows = UPDATED.min(room.size);
    let dir = room.empty("updates")?;
    let path = room.home.join("updates.csv");
    std::fs::write(&path, sheet::generate(rows, SEED))?;
    service::import(&dir, &path)?;
    let name = format!("memory after updating {rows} records {ROUNDS} times");
    let service = Service::start(&dir, &["--no-seed"])?;
    service.ready()?;
    let before = service.memory();
    let mut trail = Vec::new();
    for round in 1..=ROUNDS {
        // The same path, since an import is known by its source.
        std::fs::write(&path, sheet::changed(rows, SEED, round))?;
        let import = service::import(&dir, &path)?;
        let text = import.text();
        if import.count("changed") != Some(rows) {
            if round == 1 && !import.output.status.success() {
                room.figure(Figure {
                    name,
                    goal: "≤ 1.5×".into(),
                    measured: "not measured".into(),
                    met: None,
                    runs: 0,
                    notes: format!(
                        "an import while serving said: {}",
                        last_lines(&text).replace(&dir.display().to_string(), "the data directory")
                    ),
                });
                return Ok(());
            }
            room.wrong(format!(
                "update {round} of {rows} rows said: {}",
                last_lines(&text)
            ));
        }
        trail.push(service.memory().resident);
        eprintln!("   update {round}: {:.0} MB", service.memory().resident);
    }
    let found = datasets(&service)?;
    if found != rows {
        room.wrong(format!(
            "after the updates the graph has {found} datasets instead of {rows}"
        ));
    }
    let slug = sheet::slug(1, SEED);
    let answer = client::get(
        &service.address,
        &format!("/resource/{slug}"),
        "text/turtle",
    )?;
    if !String::from_utf8_lossy(&answer.body).contains(&format!("\"{}.", 1 + ROUNDS)) {
        room.wrong(format!("{slug} does not show its last version"));
    }
    // Work put off until after the answer, such as a swap of the graph, gets a moment.
    std::thread::sleep(Duration::from_secs(5));
    let after = service.memory();
    let ratio = after.resident / before.resident;
    room.figure(Figure {
        name,
        goal: "≤ 1.5×".into(),
        measured: format!("{ratio:.2}×"),
        met: Some(ratio <= 1.5),
        runs: 1,
        notes: format!(
            "{:.0} → {:.0} MB; largest between updates {:.0}, peak {:.0} MB",
            before.resident,
            after.resident,
            trail.iter().copied().fold(0.0, f64::max),
            after.peak
        ),
    });
    Ok(())
}
