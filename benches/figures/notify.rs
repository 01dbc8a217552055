//! Subscriptions: from a change to its notifications, and what a receiver that is killed comes to hold.
use crate::client::Connection;
use crate::load::Spread;
use crate::random::Random;
use crate::room::{Figure, Room, last_lines, median};
use crate::service::{self, Service};
use crate::{SEED, ngsi};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Error, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

const ROOT: &str = "/ngsi-ld/v1";
const SETTINGS: &str =
    "[ngsi]\nid_prefix = \"b\"\nprivate_endpoints = true\nopen_subscriptions = true\n";

/// Changes a second, and how many kinds of subscriptions there are of each.
const RATE: f64 = 10.0;
const WATCHED: usize = 1_000;
const BY_ID: usize = 400;
const BY_WORD: usize = 300;
const BY_PLACE: usize = 199;
const BY_OTHERS: usize = 100;
const WORDS: usize = 100;
const ENDPOINTS: usize = 50;
const RUNS: usize = 3;

/// Subscriptions to everything, over half as many addresses, and deaths of who receives.
const SUBSCRIPTIONS: usize = 10;
const DEATHS: usize = 5;

pub fn measure(room: &mut Room) -> Result<()> {
    latency(room)?;
    deaths(room)
}

/// What a receiver of notifications took.
struct Taken {
    at: SystemTime,
    body: Vec<u8>,
}

/// Answers 200 to each request on a thread for each connection, once `take` has its path and body.
fn receive(
    listener: TcpListener,
    take: impl Fn(&str, Vec<u8>) -> Result<()> + Clone + Send + 'static,
) {
    for stream in listener.incoming().flatten() {
        let take = take.clone();
        std::thread::spawn(move || {
            let _ = stream.set_nodelay(true);
            let _ = answer(&stream, take);
        });
    }
}

fn answer(mut stream: &TcpStream, take: impl Fn(&str, Vec<u8>) -> Result<()>) -> Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        while line.trim() != "" {
            line.clear();
            reader.read_line(&mut line)?;
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(Error::other)?;
            }
        }
        let mut body = vec![0; length];
        std::io::Read::read_exact(&mut reader, &mut body)?;
        take(&path, body)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}

fn post(connection: &mut Connection, path: &str, body: &Value) -> Result<()> {
    let body = body.to_string();
    let content = Some(("application/ld+json", body.as_bytes()));
    let answer = connection.ask(&format!("{ROOT}/{path}"), "*/*", content)?;
    match answer.status {
        200 | 201 | 204 => Ok(()),
        status => Err(Error::other(format!(
            "{path}: {status} {}",
            String::from_utf8_lossy(&answer.body)
        ))),
    }
}

fn subscription(context: &str, uri: &str, more: Value) -> Value {
    let mut all = json!({
        "@context": context, "type": "Subscription", "entities": [{ "type": "Dataset" }],
        "notificationTrigger": ["entityCreated", "entityUpdated"],
        "notification": { "format": "simplified", "sysAttrs": true, "endpoint": { "uri": uri, "accept": "application/json", "cooldown": 100 } },
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
        all.extend(more);
    }
    all
}

/// Where the short names of our terms are said.
fn context(connection: &mut Connection) -> Result<String> {
    let list = connection.get(&format!("{ROOT}/jsonldContexts?kind=Hosted"), "*/*")?;
    let list: Vec<String> = serde_json::from_slice(&list.body)?;
    list.into_iter().next().ok_or(Error::other("no @context"))
}

/// A place for each dataset that is changed, on a grid of 40 by 25 degrees.
fn place(n: usize) -> (f64, f64) {
    (-10.0 + (n % 40) as f64, 35.0 + (n / 40) as f64)
}

/// A dataset as it is after so many changes of it.
fn dataset(context: &str, n: usize, change: usize) -> Value {
    let (x, y) = place(n);
    json!({
        "@context": context, "id": format!("urn:ngsi-ld:Dataset:b.watched-{n}"), "type": "Dataset",
        "title": [format!("Watched {n}, change {change}")],
        "description": [format!("Readings of a station that changes while others listen to it, the one with the number {n}.")],
        "keyword": [format!("word{}", n % WORDS)],
        "publisher": "City of Ghent",
        "theme": ["http://publications.europa.eu/resource/authority/data-theme/ENVI"],
        "ldtLayer": "data-sources",
        "location": { "type": "GeoProperty", "value": { "type": "Point", "coordinates": [x, y] } },
    })
}

/// A thousand subscriptions and, of each, which datasets it hears of.
fn listeners(context: &str, address: &str) -> Vec<(Value, HashSet<usize>)> {
    let mut random = Random::of([SEED, 5, 5]);
    let all: HashSet<usize> = (0..WATCHED).collect();
    let mut out = Vec::new();
    let mut add = |more: Value, hears: HashSet<usize>| {
        let uri = format!("http://{address}/{}", out.len() % ENDPOINTS);
        out.push((subscription(context, &uri, more), hears));
    };
    for _ in 0..BY_ID {
        let n = random.below(WATCHED);
        let id = format!("urn:ngsi-ld:Dataset:b.watched-{n}");
        add(
            json!({ "entities": [{ "type": "Dataset", "id": id }] }),
            HashSet::from([n]),
        );
    }
    for at in 0..BY_WORD {
        let word = at % WORDS;
        let hears = all.iter().filter(|n| *n % WORDS == word);
        add(
            json!({ "q": format!("keyword==\"word{word}\"") }),
            hears.copied().collect(),
        );
    }
    for _ in 0..BY_PLACE {
        let (x, y) = place(random.below(WATCHED));
        let (w, e, s, n) = (x - 0.5, x + 1.5, y - 0.5, y + 0.5);
        let hears = all.iter().filter(|of| {
            let (x, y) = place(**of);
            w < x && x < e && s < y && y < n
        });
        let ring = json!([[[w, s], [e, s], [e, n], [w, n], [w, s]]]);
        add(
            json!({ "geoQ": { "georel": "within", "geometry": "Polygon", "coordinates": ring } }),
            hears.copied().collect(),
        );
    }
    for _ in 0..BY_OTHERS {
        add(json!({ "watchedAttributes": ["location"] }), HashSet::new());
    }
    add(json!({}), all.clone());
    out
}

fn latency(room: &mut Room) -> Result<()> {
    let datasets = room.size / 3;
    let (dir, config) = ngsi::catalogue(room, "notify", datasets, SETTINGS)?;
    let service = Service::start(&dir, &["--no-seed", "--config", &config])?;
    service.ready()?;
    let made = service::command(
        &dir,
        &["token", "add", "--role", "moderator", "--name", "bench"],
    )?;
    let token = String::from_utf8_lossy(&made.stdout);
    let token = token.split_whitespace().find(|w| w.len() > 30);
    let mut connection = Connection::open(&service.address)?;
    connection.token = token.map(str::to_owned);
    let context = context(&mut connection)?;
    let some: Vec<usize> = (0..WATCHED).collect();
    for some in some.chunks(100) {
        let batch: Value = some.iter().map(|n| dataset(&context, *n, 0)).collect();
        post(&mut connection, "entityOperations/upsert", &batch)?;
    }
    let (heard, notified): (Sender<Taken>, Receiver<Taken>) = channel();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    std::thread::spawn(move || {
        receive(listener, move |_, body| {
            let at = SystemTime::now();
            heard.send(Taken { at, body }).map_err(Error::other)
        });
    });
    let listeners = listeners(&context, &address);
    for (subscription, _) in &listeners {
        post(&mut connection, "subscriptions", subscription)?;
    }
    let (mut p99s, mut medians, mut worst, mut count) = (Vec::new(), Vec::new(), 0.0, 0);
    let mut change = 0;
    for _ in 0..RUNS {
        let total = (room.measured.as_secs_f64() * RATE) as usize;
        let start = Instant::now() + Duration::from_millis(50);
        let (mut changes, mut wanted): (HashSet<String>, usize) = Default::default();
        for at in 0..total {
            let n = Random::of([SEED, at as u64, change as u64]).below(WATCHED);
            change += 1;
            let changed = dataset(&context, n, change);
            let due = start + Duration::from_secs_f64(at as f64 / RATE);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            changes.insert(format!("Watched {n}, change {change}"));
            post(
                &mut connection,
                "entityOperations/upsert",
                &json!([changed]),
            )?;
            wanted += listeners.iter().filter(|(_, h)| h.contains(&n)).count();
        }
        let mut times = Vec::new();
        while times.len() < wanted {
            let Ok(taken) = notified.recv_timeout(Duration::from_secs(20)) else {
                room.wrong(format!("{} of {wanted} notifications came", times.len()));
                break;
            };
            let said: Value = serde_json::from_slice(&taken.body)?;
            let title = said["data"][0]["title"][0].as_str().unwrap_or_default();
            // When the ledger says that it was changed, by the same clock.
            let changed = said["data"][0]["modifiedAt"].as_str().unwrap_or_default();
            match changed.parse::<jiff::Timestamp>() {
                Ok(changed) if changes.contains(title) => {
                    let took = taken.at.duration_since(changed.into());
                    times.push(took.unwrap_or_default());
                }
                _ => room.wrong(format!("a notification of nothing: {said}")),
            }
        }
        if let Ok(more) = notified.recv_timeout(Duration::from_secs(1)) {
            room.wrong(format!(
                "more than {wanted} notifications came: {}",
                String::from_utf8_lossy(&more.body)
            ));
        }
        let spread = Spread::of(times);
        p99s.push(spread.p99);
        medians.push(spread.median);
        worst = f64::max(worst, spread.max);
        count += wanted;
    }
    let p99 = median(p99s);
    room.figure(Figure {
        name: format!(
            "change to notification, {} active subscriptions, {} entities, {RATE} changes/s",
            listeners.len(),
            room.size
        ),
        goal: "p99 ≤ 50 ms".into(),
        measured: format!("p99 {p99:.1} ms"),
        met: Some(p99 <= 50.0),
        runs: RUNS,
        notes: format!(
            "p50 {:.1}, max {worst:.0} ms, from when the ledger dates the change, before it is on the disk; {count} notifications to {ENDPOINTS} endpoints",
            median(medians)
        ),
    });
    Ok(())
}

/// A process that receives notifications, appends who is told of what, and when that changed, to a file, and then answers.
pub fn receiver(address: &str, file: &str) -> Result<()> {
    let listener = TcpListener::bind(address)?;
    let file = OpenOptions::new().append(true).create(true).open(file)?;
    let file = std::sync::Arc::new(file);
    receive(listener, move |_, body| {
        let said: Value = serde_json::from_slice(&body)?;
        let mut lines = String::new();
        for entity in said["data"].as_array().into_iter().flatten() {
            let text = |v: &Value| v.as_str().unwrap_or("?").to_owned();
            let (of, id) = (text(&said["subscriptionId"]), text(&said["id"]));
            lines += &format!("{of} {id} {}\n", text(&entity["modifiedAt"]));
        }
        (&*file).write_all(lines.as_bytes())
    });
    Ok(())
}

/// Such a process, which is killed when it is let go of.
struct Killed(Child);

impl Killed {
    fn start(address: &str, file: &Path) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        command.args(["--bench", "receive", address]).arg(file);
        Ok(Self(command.spawn()?))
    }

    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.kill();
    }
}

fn lines(file: &Path) -> usize {
    File::open(file).map_or(0, |f| BufReader::new(f).lines().count())
}

fn deaths(room: &mut Room) -> Result<()> {
    let changes = (room.size / SUBSCRIPTIONS).max(100);
    let total = changes * SUBSCRIPTIONS;
    let dir = room.empty("notified")?;
    let (file, config): (PathBuf, PathBuf) =
        (dir.with_extension("ttl"), dir.with_extension("toml"));
    let taken = dir.with_extension("taken");
    let _ = std::fs::remove_file(&taken);
    std::fs::write(&file, ngsi::turtle(changes))?;
    std::fs::write(&config, SETTINGS)?;
    let config = config.to_string_lossy().into_owned();
    let service = Service::start(&dir, &["--no-seed", "--config", &config])?;
    service.ready()?;
    let mut connection = Connection::open(&service.address)?;
    let context = context(&mut connection)?;
    // The address is free when it is let go of, and none else asks for it.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    for at in 0..SUBSCRIPTIONS {
        let uri = format!("http://{address}/{}", at % (SUBSCRIPTIONS / 2));
        post(
            &mut connection,
            "subscriptions",
            &subscription(&context, &uri, json!({})),
        )?;
    }
    let mut receiver = Killed::start(&address, &taken)?;
    let began = Instant::now();
    let import = {
        let (dir, file) = (dir.clone(), file.clone());
        std::thread::spawn(move || service::import(&dir, &file))
    };
    let (mut died, mut last, mut moved) = (0, 0, Instant::now());
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let now = lines(&taken);
        if now > last {
            (last, moved) = (now, Instant::now());
        }
        if died < DEATHS && now > total * (died + 1) / (DEATHS + 1) {
            receiver.kill();
            std::thread::sleep(Duration::from_secs(1));
            receiver = Killed::start(&address, &taken)?;
            (died, moved) = (died + 1, Instant::now());
        }
        if (now >= total && moved.elapsed() > Duration::from_secs(3))
            || moved.elapsed() > Duration::from_secs(60)
        {
            break;
        }
    }
    drop(receiver);
    let import = import.join().map_err(|_| Error::other("no panic"))??;
    if !import.text().contains(&format!("{changes} added")) {
        room.wrong(last_lines(&import.text()));
    }
    // When what each subscription was told of had changed, in the order in which that came first.
    let mut got: HashMap<String, Vec<String>> = HashMap::new();
    let (mut seen, mut again) = (HashSet::new(), 0);
    let text = std::fs::read_to_string(&taken)?;
    for line in text.lines() {
        let mut words = line.split(' ');
        let (of, notification, at) = (words.next(), words.next(), words.next());
        match seen.insert(notification.unwrap_or_default()) {
            true => {
                let list = got.entry(of.unwrap_or_default().to_owned()).or_default();
                // A fraction has no more digits than it needs; this is as long as any.
                let at = at.unwrap_or_default().trim_end_matches('Z');
                let (second, fraction) = at.split_once('.').unwrap_or((at, ""));
                list.push(format!("{second}.{fraction:0<6}"));
            }
            false => again += 1,
        }
    }
    let came: usize = got.values().map(Vec::len).sum();
    // Each change has a later time than the one before.
    let in_order = |list: &&Vec<String>| list.len() == changes && list.is_sorted_by(|a, b| a < b);
    let astray = SUBSCRIPTIONS - got.values().filter(in_order).count();
    let met = came == total && astray == 0 && died == DEATHS;
    if !met {
        room.wrong(format!(
            "{came} of {total} notifications came, {astray} subscriptions got some twice, not or in another order, \
             the receiver died {died} times"
        ));
    }
    let took = (moved - began).as_secs_f64();
    room.figure(Figure {
        name: format!("{total} notifications to a receiver that is killed {died} times"),
        goal: "none lost, in order".into(),
        measured: format!("{} lost, {astray} of {SUBSCRIPTIONS} subscriptions out of order", total.saturating_sub(came)),
        met: Some(met),
        runs: 1,
        notes: format!(
            "{again} came twice; {:.0}/s while {changes} records were imported, from the first change to the last notification",
            came as f64 / took
        ),
    });
    Ok(())
}
