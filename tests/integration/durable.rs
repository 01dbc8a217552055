//! What was acknowledged is kept: killed at any moment, on a full disk, through a backup.
use crate::support::{PUBLIC, Server, directory, import, launch, ready, run, start};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const HEADER: &str = "Index,Short name,Long name,Maintainer,Version,Category,Layer,Scope,Origin,MIMs,Description,\
                      A Resource,A Link,B Resource,B Link,C Resource,C Link,D Resource,D Link,E Resource,E Link,KH?";

/// A sheet of valid rows; `round` goes into every title.
fn sheet(path: &Path, rows: usize, round: usize) -> PathBuf {
    let mut text = format!("{HEADER}\n");
    for n in 1..=rows {
        text += &format!(
            "x{n},Tool {n},Tool {n} of round {round},Maker {},1.{round},Tool/Implementation,Analytics,Interoperability,,MIM1,\
             Entry {n} is made up so that a great many rows can be brought in and compared.,Website,https://tool.example/{n},,,,,,,,,Y\n",
            n % 7
        );
    }
    std::fs::write(path, text).expect("writes");
    path.to_owned()
}

/// Title by slug as four faces show it: the sheet, the pages for harvesters, the dump, and SPARQL.
fn titles(server: &Server) -> [BTreeMap<String, String>; 4] {
    let mut sheet = BTreeMap::new();
    let text = server.body("/catalog.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for row in reader.records() {
        let row = row.expect("a row");
        let slug = row[1].to_lowercase().replace(' ', "-");
        sheet.insert(slug, row[2].to_owned());
    }
    let title = |line: &str| -> Option<(String, String)> {
        let (subject, rest) = line.split_once(" <http://purl.org/dc/terms/title> \"")?;
        let slug = subject
            .strip_prefix(&format!("<{PUBLIC}/resource/"))?
            .strip_suffix('>')?;
        let (title, _) = rest.split_once('"')?;
        (!slug.contains('#')).then(|| (slug.to_owned(), title.to_owned()))
    };
    let (mut pages, mut number) = (BTreeMap::new(), 1);
    loop {
        let page = server.body(&format!("/catalog.nt?page={number}"));
        for (slug, title) in page.lines().filter_map(title) {
            assert!(pages.insert(slug, title).is_none(), "an entry on two pages");
        }
        let next = format!("catalog.nt?page={}>", number + 1);
        if !page.contains(&next) {
            break;
        }
        number += 1;
    }
    let query = "SELECT ?e ?t { ?e a <http://www.w3.org/ns/dcat#Dataset> ; <http://purl.org/dc/terms/title> ?t }";
    let answer = server.ask(
        "POST",
        "/sparql",
        &[
            ("Content-Type", "application/sparql-query"),
            ("Accept", "text/csv"),
        ],
        query.as_bytes(),
    );
    let graph = answer
        .text()
        .lines()
        .skip(1)
        .filter_map(|l| l.split_once(','))
        .map(|(e, t)| {
            let slug = e.trim_start_matches(&format!("{PUBLIC}/resource/"));
            (slug.to_owned(), t.trim_matches('"').to_owned())
        })
        .collect();
    let dump = server.body("/catalog/dump.nt");
    let dump = dump.lines().filter_map(title).collect();
    [sheet, pages, dump, graph]
}

/// All that three faces say of the bundled library.
fn everything(server: &Server) -> [String; 3] {
    let mut lines: Vec<String> = server
        .body("/catalog/dump.nt")
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    let query = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }";
    let answer = server.ask(
        "POST",
        "/sparql",
        &[
            ("Content-Type", "application/sparql-query"),
            ("Accept", "application/n-triples"),
        ],
        query.as_bytes(),
    );
    let text = answer.text();
    let mut graph: Vec<&str> = text.lines().collect();
    graph.sort_unstable();
    assert!(graph.len() > 10_000, "{text:.300}");
    [
        lines.join("\n"),
        graph.join("\n"),
        server.body("/catalog.csv"),
    ]
}

/// The ledger read with another program's eyes: numbers without gap, hashes that are right, and
/// each record at its last version.
fn check_ledger(dir: &Path) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        use sqlx::Row;
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{}?mode=ro", dir.join("ledger.db").display());
        let pool = sqlx::AnyPool::connect(&url).await.expect("opens");
        let changes = sqlx::query("SELECT seq, record, content, hash, at FROM change ORDER BY seq")
            .fetch_all(&pool)
            .await
            .expect("changes");
        let (mut last, mut before) = (BTreeMap::new(), 0);
        for (n, row) in changes.iter().enumerate() {
            let (seq, at): (i64, i64) = (row.get(0), row.get(4));
            assert_eq!(seq, n as i64 + 1, "a gap in the numbers");
            assert!(at > before, "time runs backwards at {seq}");
            before = at;
            let (content, hash): (String, String) = (row.get(2), row.get(3));
            assert_eq!(ldt_catalogue::record::hash(&content), hash, "change {seq}");
            last.insert(row.get::<i64, _>(1), seq);
        }
        let records = sqlx::query("SELECT id, seq FROM record")
            .fetch_all(&pool)
            .await
            .expect("records");
        let kept: BTreeMap<i64, i64> = records.iter().map(|r| (r.get(0), r.get(1))).collect();
        assert_eq!(kept, last, "a record is not at its last version");
        pool.close().await;
        changes.len()
    })
}

/// Numbers that look random and are the same each time.
fn random(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn killed_fifty_times_in_the_middle_of_imports_it_loses_nothing_acknowledged() {
    const ROWS: usize = 600;
    let dir = directory("kill");
    let sheets: Vec<PathBuf> = {
        std::fs::create_dir_all(&dir).expect("a directory");
        (0..3)
            .map(|round| sheet(&dir.join(format!("{round}.csv")), ROWS, round))
            .collect()
    };
    let (mut seed, mut changes, mut unfinished) = (20_261_123_u64, 0, 0);
    for kill in 0..50 {
        let mut server = launch(&dir, &["--public-url", PUBLIC, "--no-seed"]);
        // Every few kills the rows change, so that updates are cut as well as first versions.
        let round = kill / 10 % 3;
        let mut importer = Command::new(env!("CARGO_BIN_EXE_ldt-catalogue"))
            .args(["import", "--source-name", "made-up", "--data-dir"])
            .arg(&dir)
            .arg(&sheets[round])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let kept = Arc::new(AtomicUsize::new(0));
        let (heard, hear) = mpsc::channel();
        let reader = std::thread::spawn({
            let (kept, pipe) = (kept.clone(), importer.stderr.take().expect("piped"));
            move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    if let Some(n) = line.split(' ').next().and_then(|n| n.parse().ok()) {
                        kept.store(n, Ordering::SeqCst);
                        let _ = heard.send(());
                    }
                }
            }
        });
        // The moment is random: after so many acknowledgements, and a little later.
        for _ in 0..random(&mut seed) % 4 {
            if hear.recv_timeout(Duration::from_secs(20)).is_err() {
                break;
            }
        }
        std::thread::sleep(Duration::from_micros(random(&mut seed) % 60_000));
        server.process.kill().expect("kills");
        server.process.wait().expect("ends");
        let done = importer.wait().expect("ends");
        reader.join().expect("read");
        unfinished += usize::from(!done.success());
        drop(server);

        let server = launch(&dir, &["--public-url", PUBLIC, "--no-seed"]);
        ready(&server);
        let [sheet, pages, dump, graph] = titles(&server);
        assert_eq!(sheet, pages, "kill {kill}: the sheet and the pages differ");
        assert_eq!(sheet, dump, "kill {kill}: the sheet and the dump differ");
        assert_eq!(sheet, graph, "kill {kill}: the pages and the graph differ");
        let said = kept.load(Ordering::SeqCst);
        for n in 1..=said {
            let title = sheet.get(&format!("tool-{n}")).map(String::as_str);
            let wanted = format!("Tool {n} of round {round}");
            assert_eq!(
                title,
                Some(wanted.as_str()),
                "kill {kill}: {said} were acknowledged"
            );
        }
        drop(server);
        let now = check_ledger(&dir);
        assert!(now >= changes, "kill {kill}: changes are gone");
        changes = now;
    }
    assert!(
        unfinished > 20,
        "only {unfinished} of the imports were cut: too few to show anything"
    );
    let last = &sheets[2];
    let (ok, said) = import(&dir, last, &["--source-name", "made-up"]);
    assert!(ok, "{said}");
    let (ok, said) = import(&dir, last, &["--source-name", "made-up"]);
    assert!(
        ok && said.contains("0 added, 0 changed, 600 unchanged"),
        "{said}"
    );
}

#[test]
fn a_full_disk_fails_the_import_and_harms_nothing() {
    let dir = directory("full");
    std::fs::create_dir_all(&dir).expect("a directory");
    let sheet = sheet(&dir.join("sheet.csv"), 2_000, 0);
    // No file may grow beyond 2 MiB: what a full disk does to the ledger's log.
    let process = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_ldt-catalogue"))
        .args([
            "serve",
            "--no-seed",
            "--listen",
            "127.0.0.1:0",
            "--public-url",
            PUBLIC,
            "--data-dir",
        ])
        .arg(&dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let server = Server::adopt(process);
    ready(&server);
    let (ok, said) = import(&dir, &sheet, &[]);
    assert!(!ok, "there was no room, and yet: {said}");
    let acknowledged = said
        .lines()
        .filter_map(|l| l.split_once(" of 2000 entries")?.0.parse::<usize>().ok())
        .max()
        .unwrap_or(0);
    let [shown, pages, _, graph] = titles(&server);
    assert!(shown.len() >= acknowledged && acknowledged > 0, "{said}");
    assert_eq!(shown, pages);
    assert_eq!(shown, graph);
    drop(server);
    check_ledger(&dir);
    let (ok, said) = import(&dir, &sheet, &[]);
    assert!(ok && said.contains("0 changed"), "with room again: {said}");
}

#[test]
fn a_backup_of_a_running_catalogue_is_restored_and_a_damaged_one_is_refused() {
    let dir = directory("backup");
    let server = start(&dir);
    let file = dir.join("all.backup");
    let backup = file.to_string_lossy().into_owned();
    let (status, said) = run(&dir, &["backup", &backup]);
    assert!(
        status == 0 && said.contains("204 published records, digest "),
        "{said}"
    );
    let (status, said) = run(&dir, &["backup", &backup]);
    assert!(status == 1 && said.contains("replaces nothing"), "{said}");
    let (status, said) = run(&dir, &["restore", &backup]);
    assert!(status == 1 && said.contains("held"), "{said}");
    let before = everything(&server);
    drop(server);
    let (status, said) = run(&dir, &["restore", &backup]);
    assert!(status == 1 && said.contains("--replace"), "{said}");

    let other = directory("restored");
    let (status, said) = run(&other, &["restore", &backup]);
    assert!(
        status == 0 && said.contains("204 published records"),
        "{said}"
    );
    let server = start(&other);
    assert_eq!(before, everything(&server));
    drop(server);
    let (status, said) = run(&other, &["decide", "orion-ld", "withdraw"]);
    assert_eq!(status, 0, "{said}");
    let (status, said) = run(&other, &["restore", &backup, "--replace"]);
    assert_eq!(status, 0, "{said}");
    let server = start(&other);
    assert_eq!(before, everything(&server));
    drop(server);

    // One byte in the middle of some entry.
    let mut bytes = std::fs::read(&file).expect("reads");
    let at = bytes
        .windows(14)
        .position(|w| w == b"context broker")
        .expect("some entry has these words");
    bytes[at] = b'C';
    let damaged = dir.join("damaged.backup");
    std::fs::write(&damaged, bytes).expect("writes");
    let (status, said) = run(
        &other,
        &["restore", &damaged.to_string_lossy(), "--replace"],
    );
    assert!(status == 1 && said.contains("damaged"), "{said}");
    std::fs::write(&damaged, b"no backup at all").expect("writes");
    let (status, said) = run(
        &other,
        &["restore", &damaged.to_string_lossy(), "--replace"],
    );
    assert!(status == 1 && said.contains("no backup"), "{said}");
    // A database of something else.
    let foreign = dir.join("foreign.db").to_string_lossy().into_owned();
    runtime().block_on(async {
        let url = format!("sqlite://{foreign}?mode=rwc");
        let ledger = ldt_catalogue::store::ledger::Ledger::at(&url).await;
        ledger.expect("made").close().await.expect("closed");
    });
    let (status, said) = run(&other, &["restore", &foreign, "--replace"]);
    assert!(status == 1 && said.contains("no backup"), "{said}");
    let left: Vec<_> = std::fs::read_dir(&other)
        .expect("a directory")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|n| n.starts_with("restore"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let (status, said) = run(&other, &["restore", &backup, "--replace"]);
    assert_eq!(status, 0, "{said}");
    // Who wrote what, and what waits, is nobody else's business.
    use std::os::unix::fs::PermissionsExt;
    let data = directory("private").join("data");
    drop(launch(&data, &[]));
    for (path, mode) in [
        (data.clone(), 0o700),
        (data.join("ledger.db"), 0o600),
        (file.clone(), 0o600),
    ] {
        let found = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(found & 0o777, mode, "{}", path.display());
    }
    let server = start(&other);
    assert_eq!(
        before,
        everything(&server),
        "a refused restore changed something"
    );
}

#[test]
fn a_restored_copy_can_be_an_instance_of_its_own() {
    let dir = directory("instance");
    let (status, said) = run(&dir, &["export", "--format", "sheet"]);
    assert_eq!(status, 0, "{said}");
    let backup = dir.join("b").to_string_lossy().into_owned();
    assert_eq!(run(&dir, &["backup", &backup]).0, 0);
    let instance = |dir: &Path| -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let ledger = ldt_catalogue::store::ledger::Ledger::open(dir, "").await;
            let ledger = ledger.expect("opens");
            ledger
                .meta("instance")
                .await
                .expect("reads")
                .expect("is there")
        })
    };
    let ids: BTreeSet<String> = [("same", vec![]), ("new", vec!["--as-new"])]
        .into_iter()
        .map(|(name, more)| {
            let other = directory(&format!("instance-{name}"));
            let arguments: Vec<&str> = ["restore", backup.as_str()]
                .into_iter()
                .chain(more)
                .collect();
            let (status, said) = run(&other, &arguments);
            assert_eq!(status, 0, "{said}");
            instance(&other)
        })
        .collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&instance(&dir)));
}

#[test]
fn a_ledger_that_cannot_be_used_is_refused_with_the_reason() {
    let dir = directory("garbage");
    std::fs::create_dir_all(&dir).expect("a directory");
    std::fs::write(dir.join("ledger.db"), vec![b'x'; 8192]).expect("writes");
    let (status, said) = run(&dir, &["queue"]);
    assert!(
        status == 1 && said.contains("ledger") && said.contains("not a database"),
        "{said}"
    );
    let dir = directory("newer");
    assert_eq!(run(&dir, &["queue"]).0, 0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let ledger = ldt_catalogue::store::ledger::Ledger::open(&dir, "")
            .await
            .expect("opens");
        ledger.set_meta("schema", "999").await.expect("writes");
    });
    let (status, said) = run(&dir, &["queue"]);
    assert!(
        status == 1 && said.contains("999") && said.contains("newer"),
        "{said}"
    );
}

#[test]
fn one_service_holds_a_directory_and_what_a_dead_one_left_does_not_matter() {
    let dir = directory("held");
    let mut server = start(&dir);
    let (status, said) = run(&dir, &["serve", "--listen", "127.0.0.1:0"]);
    assert!(status == 1 && said.contains("held"), "{said}");
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(dir.join("socket"))
        .expect("a socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    server.process.kill().expect("kills");
    server.process.wait().expect("ends");
    assert!(
        dir.join("socket").exists(),
        "a killed service leaves its socket"
    );
    let (status, said) = run(&dir, &["queue"]);
    assert!(status == 0 && said.contains("0 waiting"), "{said}");
}

#[test]
fn a_terminated_service_ends_well() {
    let dir = directory("terminate");
    let mut server = start(&dir);
    let id = server.process.id().to_string();
    let sent = Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .expect("kill");
    assert!(sent.success());
    let ended = server.process.wait().expect("ends");
    assert_eq!(ended.code(), Some(0));
    assert!(!dir.join("socket").exists());
}

#[test]
fn rebuild_makes_the_same_graph_again() {
    let dir = directory("rebuild");
    let server = start(&dir);
    let before = everything(&server);
    let (status, said) = run(&dir, &["rebuild"]);
    assert!(
        status == 0 && said.contains("triples of 204 records"),
        "{said}"
    );
    assert_eq!(before, everything(&server));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn a_ledger_that_was_cut_short_is_refused_with_the_reason() {
    let dir = directory("cut");
    drop(start(&dir));
    // What the log still holds goes into the file.
    assert_eq!(run(&dir, &["queue"]).0, 0);
    let file = dir.join("ledger.db");
    let bytes = std::fs::read(&file).expect("reads");
    for part in [bytes.len() / 2, 4096, 1000] {
        for tail in ["ledger.db-wal", "ledger.db-shm"] {
            let _ = std::fs::remove_file(dir.join(tail));
        }
        std::fs::write(&file, &bytes[..part]).expect("writes");
        let (status, said) = run(&dir, &["serve", "--listen", "127.0.0.1:0"]);
        let why = said.contains("malformed") || said.contains("not a database");
        assert!(
            status == 1 && said.contains("ledger.db cannot be used") && why,
            "{part}: {said}"
        );
    }
}

#[test]
fn a_terminated_service_answers_what_it_was_asked_before() {
    use std::io::{Read, Write};
    let dir = directory("drain");
    let mut server = start(&dir);
    let body = "<http://a.example/x> <http://a.example/p> <http://a.example/y> .\n".repeat(200);
    let mut slow = std::net::TcpStream::connect(&server.address).expect("connects");
    let (half, rest) = body.split_at(body.len() / 2);
    write!(
        slow,
        "POST /validate HTTP/1.1\r\nHost: catalogue\r\nAccept: application/json\r\n\
         Content-Type: application/n-triples\r\nContent-Length: {}\r\n\r\n{half}",
        body.len()
    )
    .expect("writes");
    // It is being read when the signal comes: the service has counted nothing else.
    std::thread::sleep(Duration::from_millis(300));
    let id = server.process.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.expect("kill").success());
    while std::net::TcpStream::connect(&server.address).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    slow.write_all(rest.as_bytes()).expect("writes");
    let mut answer = String::new();
    let _ = slow.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:.300}");
    assert_eq!(server.process.wait().expect("ends").code(), Some(0));
}

#[test]
fn a_catalogue_is_backed_up_while_an_import_runs() {
    let dir = directory("busy");
    let server = launch(&dir, &["--public-url", PUBLIC, "--no-seed"]);
    ready(&server);
    let file = sheet(&dir.join("sheet.csv"), 600, 0);
    let importing = std::thread::spawn({
        let dir = dir.clone();
        move || import(&dir, &file, &["--source-name", "made-up"])
    });
    let mut sizes = Vec::new();
    for n in 0.. {
        let last = importing.is_finished();
        let backup = dir.join(format!("{n}.backup"));
        let (status, said) = run(&dir, &["backup", &backup.to_string_lossy()]);
        assert_eq!(status, 0, "{said}");
        let copy = directory("busy-copy");
        let (status, said) = run(&copy, &["restore", &backup.to_string_lossy()]);
        assert_eq!(status, 0, "{said}");
        // Whole batches, each entry with its version.
        let changes = check_ledger(&copy);
        assert_eq!(changes % 100, 0, "half a batch");
        sizes.push(changes);
        if last {
            let other = launch(&copy, &["--public-url", PUBLIC, "--no-seed"]);
            ready(&other);
            assert_eq!(titles(&server), titles(&other));
            break;
        }
    }
    let (ok, said) = importing.join().expect("ends");
    assert!(ok, "{said}");
    assert_eq!(sizes.last(), Some(&600));
    assert!(sizes.is_sorted(), "{sizes:?}");
    let left = std::fs::read_dir(&dir).expect("a directory").flatten();
    let left = left.filter(|e| e.file_name().to_string_lossy().ends_with(".tmp"));
    assert_eq!(left.count(), 0, "a copy was left behind");
}

#[test]
fn no_flipped_byte_of_a_backup_comes_back_as_something_else() {
    let dir = directory("flip");
    std::fs::create_dir_all(&dir).expect("a directory");
    let (ok, said) = import(&dir, &sheet(&dir.join("sheet.csv"), 100, 0), &[]);
    assert!(ok, "{said}");
    let backup = dir.join("good.backup");
    let (_, said) = run(&dir, &["backup", &backup.to_string_lossy()]);
    let digest = said.trim().rsplit(' ').next().expect("a digest").to_owned();
    let bytes = std::fs::read(&backup).expect("reads");
    // Half of them anywhere, half in what a version says.
    let mark = b"<http://purl.org/dc/terms/title> \"";
    let titles: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(mark))
        .collect();
    assert!(titles.len() >= 100, "{} titles", titles.len());
    let (mut seed, mut refused) = (7, 0);
    for round in 0..40 {
        let somewhere = usize::try_from(random(&mut seed)).expect("small");
        let at = match round % 2 {
            0 => somewhere % bytes.len(),
            _ => titles[somewhere % titles.len()] + mark.len(),
        };
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (random(&mut seed) % 8);
        let damaged = dir.join("damaged.backup");
        std::fs::write(&damaged, flipped).expect("writes");
        let other = directory("flipped");
        let (status, said) = run(&other, &["restore", &damaged.to_string_lossy()]);
        if status == 0 {
            // Only where the file holds nothing that is read.
            assert!(said.contains(&digest), "byte {at} came back: {said}");
            assert_eq!(check_ledger(&other), 100, "byte {at}");
        } else {
            refused += 1;
            assert!(!other.join("ledger.db").exists(), "byte {at}: {said}");
        }
    }
    assert!(refused > 20, "only {refused} of 40 were refused");
}

#[test]
fn a_tag_does_not_survive_the_history_it_belongs_to() {
    let dir = directory("history");
    let backup = dir.join("b.backup");
    drop(start(&dir));
    assert_eq!(run(&dir, &["backup", &backup.to_string_lossy()]).0, 0);
    let tags = ["orion-ld", "stellio"].map(|slug| {
        let (status, said) = run(&dir, &["restore", &backup.to_string_lossy(), "--replace"]);
        assert_eq!(status, 0, "{said}");
        assert_eq!(run(&dir, &["decide", slug, "withdraw"]).0, 0);
        let server = start(&dir);
        [
            "/catalog.ttl",
            "/catalog/dump.nt",
            "/agent/fiware-foundation",
        ]
        .map(|path| {
            let answer = server.ask("GET", path, &[], b"");
            assert_eq!(answer.status, 200, "{path}");
            answer.header("etag").to_owned()
        })
    });
    for (a, b) in tags[0].iter().zip(&tags[1]) {
        assert_ne!(a, b, "one tag for two versions with the same number");
    }
}

#[test]
fn a_clock_that_steps_back_reorders_nothing() {
    use ldt_catalogue::record::State;
    use ldt_catalogue::store::ledger::{Change, Ledger, Origin, append};
    let dir = directory("clock");
    std::fs::create_dir_all(&dir).expect("a directory");
    runtime().block_on(async {
        let ledger = Ledger::open(&dir, "").await.expect("opens");
        let mut connection = ledger.pool.acquire().await.expect("connects");
        let mut times = Vec::new();
        for (n, now) in [5_000_000, 1_000_000, 0, -7, 4_999_999, 5_000_002, 9_000_000]
            .into_iter()
            .enumerate()
        {
            let (slug, iri) = (format!("e{n}"), format!("http://a.example/{n}"));
            let origin = Origin {
                slug: &slug,
                iri: &iri,
                source: "s",
                key: &iri,
            };
            let change = Change {
                state: State::Published,
                content: format!("<{iri}> <http://a.example/p> \"{n}\" .\n"),
                author: "a",
                reason: "r",
                audience: None,
                merged_into: None,
            };
            let record = append(&mut connection, None, Some(&origin), change, now)
                .await
                .expect("appends");
            assert_eq!(
                (record.seq, record.publication),
                (n as i64 + 1, Some(n as i64 + 1))
            );
            assert_eq!(record.issued, record.modified);
            times.push(record.modified);
        }
        assert_eq!(
            times,
            [
                5_000_000, 5_000_001, 5_000_002, 5_000_003, 5_000_004, 5_000_005, 9_000_000
            ]
        );
        let since = ledger.shown_since(5_000_002, 0, 10).await.expect("reads");
        assert_eq!(since.len(), 5);
    });
}

/// The graph as SPARQL gives it, one statement a line.
fn graph(server: &Server) -> BTreeSet<String> {
    let headers = [
        ("Content-Type", "application/sparql-query"),
        ("Accept", "application/n-triples"),
    ];
    let query = b"CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }";
    let answer = server.ask("POST", "/sparql", &headers, query);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().lines().map(str::to_owned).collect()
}

/// Checks that the graph is what the ledger makes of it, and that the dump says the same.
fn agrees(dir: &Path, server: &Server, when: &str) {
    let before = graph(server);
    let (status, said) = run(dir, &["rebuild"]);
    assert_eq!(status, 0, "{said}");
    let after = graph(server);
    let more: Vec<_> = before.difference(&after).take(5).collect();
    let less: Vec<_> = after.difference(&before).take(5).collect();
    assert!(
        more.is_empty() && less.is_empty(),
        "{when}: the graph held {more:#?} and lacked {less:#?}"
    );
    // The store writes typed literals its own way; dates change by the second write of the dump.
    let plain = |l: &&String| !l.contains("\"^^<");
    let dump: BTreeSet<String> = server
        .body("/catalog/dump.nt")
        .lines()
        .map(str::to_owned)
        .collect();
    let ours = format!("<{PUBLIC}/");
    let unsaid: Vec<_> = after
        .iter()
        .filter(plain)
        .filter(|l| l.starts_with(&ours) && !dump.contains(*l))
        // Points stand in documents of their own.
        .filter(|l| !l.contains("#quality-descriptionScore"))
        .take(5)
        .collect();
    assert!(unsaid.is_empty(), "{when}: only the graph says {unsaid:#?}");
    // A document calls what it only names a standard or a resource, and names the profile.
    let named = |l: &&String| {
        l.contains("#type> <http://purl.org/dc/terms/Standard>")
            || l.contains("#type> <http://www.w3.org/ns/dcat#Resource>")
            || l.starts_with("<https://semiceu.github.io/DCAT-AP/")
    };
    let lost: Vec<_> = dump
        .iter()
        .filter(plain)
        .filter(|l| !named(l) && !after.contains(*l))
        .take(5)
        .collect();
    assert!(lost.is_empty(), "{when}: only the dump says {lost:#?}");
}

#[test]
fn the_graph_is_what_the_ledger_says_after_every_kind_of_change() {
    let dir = directory("graph");
    std::fs::create_dir_all(&dir).expect("a directory");
    let server = launch(&dir, &["--public-url", PUBLIC, "--no-seed"]);
    ready(&server);
    agrees(&dir, &server, "at the start");
    let bring = |name: &str, text: &str| {
        let file = dir.join(name);
        std::fs::write(&file, text).expect("writes");
        let (ok, said) = import(&dir, &file, &["--source-name", name]);
        assert!(ok && said.contains("1 added"), "{said}");
    };
    let rows = |round: usize| {
        let (ok, said) = import(
            &dir,
            &sheet(&dir.join("rows.csv"), 30, round),
            &["--source-name", "rows"],
        );
        assert!(ok, "{said}");
    };
    rows(0);
    agrees(&dir, &server, "after an import");
    rows(1);
    agrees(&dir, &server, "after an update");
    let prefixes = "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> . \
                    @prefix foaf: <http://xmlns.com/foaf/0.1/> . @prefix ldt: <https://w3id.org/ldt-catalogue/ns#> .";
    let entry = |name: &str, title: &str, more: &str| {
        format!(
            "<http://a.example/{name}> a dcat:Dataset ; dct:title \"{title}\"@en ; \
             dct:description \"An entry that others speak about as well, which is told in these words.\"@en ; \
             dct:publisher <http://a.example/maker> {more} . <http://a.example/maker> a foaf:Agent ; foaf:name \"Maker\"@en ."
        )
    };
    // Two sources, one maker; the second says of the first one's entry what that one says itself.
    bring(
        "one.ttl",
        &format!("{prefixes} {}", entry("one", "One", "")),
    );
    let second = entry("two", "Two", "; dct:relation <http://a.example/one>");
    bring(
        "two.ttl",
        &format!("{prefixes} {second} <http://a.example/one> dct:title \"One\"@en ."),
    );
    // A page that is spoken about first and is an entry later.
    let third = entry("three", "Three", "; dct:conformsTo <http://a.example/four>");
    bring(
        "three.ttl",
        &format!(
            "{prefixes} {third} <http://a.example/four> a dct:Standard ; dct:title \"Four\"@en ."
        ),
    );
    bring(
        "four.ttl",
        &format!("{prefixes} {}", entry("four", "Four", "; a dct:Standard")),
    );
    // The catalogue's own publisher, repeated.
    bring(
        "team.ttl",
        &format!(
            "{prefixes} {} <{PUBLIC}/agent/catalogue-team> a foaf:Agent ; foaf:name \"Catalogue team\"@en .",
            entry(
                "six",
                "Six",
                &format!("; dct:creator <{PUBLIC}/agent/catalogue-team>")
            )
        ),
    );
    agrees(&dir, &server, "after RDF");
    let listed = run(&dir, &["export", "--format", "sheet"]).1;
    assert!(listed.contains("Three"), "{listed}");
    let command = |arguments: &[&str]| {
        let (status, said) = run(&dir, arguments);
        assert_eq!(status, 0, "{arguments:?}: {said}");
    };
    let slugs: Vec<String> = ["one", "two", "three", "four", "six"]
        .iter()
        .map(|n| {
            let page = server.body("/catalog/dump.nt");
            let subject = format!("/primaryTopic> <http://a.example/{n}> .");
            let line = page
                .lines()
                .find(|l| l.contains(&subject))
                .expect("an entry");
            let slug = line
                .split("/resource/")
                .nth(1)
                .and_then(|l| l.split('#').next());
            slug.expect("a slug").to_owned()
        })
        .collect();
    for slug in &slugs[1..] {
        command(&["decide", slug, "withdraw"]);
        agrees(&dir, &server, &format!("without {slug}"));
    }
    command(&["decide", &slugs[1], "restore"]);
    command(&["decide", &slugs[2], "restore"]);
    agrees(&dir, &server, "after some came back");
    command(&["decide", &slugs[0], "withdraw"]);
    agrees(&dir, &server, "without the first");
    for n in [3, 4, 5] {
        command(&["decide", &format!("tool-{n}"), "withdraw"]);
    }
    command(&["decide", "tool-3", "restore"]);
    command(&["restrict", "tool-6", "city"]);
    command(&["restrict", "tool-7", "city"]);
    command(&["restrict", "tool-7", "public"]);
    command(&["decide", "tool-8", "withdraw", "--into", "tool-9"]);
    agrees(&dir, &server, "after the life cycle");
    command(&["purge", "tool-9"]);
    command(&["purge", "tool-4"]);
    command(&["purge", &slugs[2]]);
    agrees(&dir, &server, "after purges");
    rows(2);
    agrees(&dir, &server, "after another update");
    assert!(!graph(&server).iter().any(|l| l.contains("Tool 9 of")));
    drop(server);
    let server = launch(&dir, &["--public-url", PUBLIC, "--no-seed"]);
    ready(&server);
    agrees(&dir, &server, "after a start");
}

#[test]
fn a_worn_graph_is_replaced_while_writes_go_on() {
    use ldt_catalogue::catalogue::{Catalogue, Options};
    use ldt_catalogue::record::State;
    use ldt_catalogue::store::ledger::Ledger;
    let dir = directory("worn");
    std::fs::create_dir_all(&dir).expect("a directory");
    let about = ldt_catalogue::config::Config::read(None, [])
        .expect("settings")
        .catalogue;
    runtime().block_on(async {
        let ledger = Ledger::open(&dir, "").await.expect("opens");
        let mut catalogue = Catalogue::open(ledger, dir.clone(), format!("{PUBLIC}/"), about)
            .await
            .expect("opens");
        catalogue.worn_from = 100;
        let catalogue = Arc::new(catalogue);
        let tending = tokio::spawn({
            let catalogue = catalogue.clone();
            async move { catalogue.tend().await }
        });
        // Dead statements grow in number until a fresh graph takes the place of the worn one.
        let (mut dead, mut replaced) = (0, false);
        for round in 0..12 {
            let bytes = std::fs::read(sheet(&dir.join("rows.csv"), 60, round)).expect("reads");
            let drafts = ldt_catalogue::mapping::sheet::read(&bytes, &Default::default())
                .expect("a sheet")
                .drafts;
            let mut import = catalogue.import(Options {
                source: "rows".into(),
                author: "a".into(),
                reason: String::new(),
                state: State::Published,
                dry_run: false,
                prune: false,
                force: false,
            });
            import.take(drafts).await.expect("keeps");
            import.finish().await.expect("ends");
            let graph = catalogue.graph.read().await;
            let now = graph.as_ref().map_or(dead, |g| g.dead);
            drop(graph);
            replaced |= now < dead;
            dead = now;
            // A purge while a graph may be under construction.
            let slug = format!("tool-{}", 60 - round);
            catalogue.purge(&slug, "operator").await.expect("purges");
        }
        // The last graph may be under construction still.
        let held = loop {
            let graph = catalogue.graph.read().await;
            if let Some(graph) = graph.as_ref().filter(|g| !g.is_worn(100)) {
                assert_eq!(graph.cursor, catalogue.extent().seq);
                let texts: BTreeSet<String> = graph
                    .store
                    .iter()
                    .map(|q| q.expect("a statement").to_string())
                    .collect();
                replaced |= graph.dead < dead;
                break texts;
            }
            drop(graph);
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert!(
            replaced,
            "no graph took the place of another: {dead} are dead"
        );
        tending.abort();
        for n in 49..=60 {
            assert!(
                !held
                    .iter()
                    .any(|l| l.contains(&format!("/resource/tool-{n}>"))),
                "tool {n} was purged"
            );
        }
        catalogue.rebuild().await.expect("builds");
        let graph = catalogue.graph.read().await;
        let fresh: BTreeSet<String> = graph
            .as_ref()
            .expect("is there")
            .store
            .iter()
            .map(|q| q.expect("a statement").to_string())
            .collect();
        assert!(held == fresh);
    });
}
