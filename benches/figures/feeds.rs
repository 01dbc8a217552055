//! How whoever follows the whole catalogue reads it: the event stream, and the Dataspace Protocol.
use crate::client::{Answer, Connection, below};
use crate::dump;
use crate::room::{Figure, Room, median};
use crate::service::Service;
use std::collections::HashSet;
use std::io::{Error, Result};
use std::time::Instant;

/// Reads at least, and times that a tenth of the pages shall have been read: of few, one would be their p99.
const RUNS: usize = 5;
const ENOUGH: usize = 50;

/// The last tenth of the pages may take so many times as long as the first, and memory grow so much.
const FLAT: f64 = 1.5;

/// What a reader went through.
#[derive(Default)]
struct Walk {
    /// Seconds that each page took, in the order of reading.
    pages: Vec<f64>,
    bytes: usize,
    found: HashSet<String>,
}

impl Walk {
    fn read(&mut self, answer: &Answer, took: f64) -> Result<()> {
        if answer.status != 200 {
            return Err(Error::other(format!("a page gave {}", answer.status)));
        }
        self.pages.push(took);
        self.bytes += answer.body.len();
        Ok(())
    }

    /// Keeps the name of a record; it is wrong to meet one twice.
    fn find(&mut self, name: String) -> Result<()> {
        match self.found.replace(name) {
            Some(twice) => Err(Error::other(format!("{twice} came twice"))),
            None => Ok(()),
        }
    }

    fn seconds(&self) -> f64 {
        self.pages.iter().sum()
    }
}

type Reader = fn(&str) -> Result<Walk>;

pub fn measure(room: &mut Room) -> Result<()> {
    let dir = room.large()?;
    let readers: [(&str, Reader); 2] = [
        ("`/feed`, all of it", events),
        ("`/dsp/2025-1/catalog/request`, all by 100", offers),
    ];
    for (name, reader) in readers {
        let service = Service::start(&dir, &["--no-seed"])?;
        service.ready()?;
        let file = room.home.join("dump.nt");
        let size = dump::fetch(&service, &file)?;
        // What is made once, when it is first asked for, is not memory that grows with reading.
        let mut walks = vec![reader(&service.address)?];
        let before = service.memory().resident;
        let mut dumps = Vec::new();
        let runs = RUNS.max(ENOUGH.div_ceil(tenth(&walks[0])));
        for _ in 0..runs {
            dumps.push(dump::timed(&service.address, size)?);
            walks.push(reader(&service.address)?);
        }
        let memory = service.memory().resident / before;
        for walk in &walks {
            if walk.found.len() != room.size {
                let found = walk.found.len();
                room.wrong(format!("{name} led to {found} of {} records", room.size));
            }
        }
        figures(room, name, &walks[1..], median(dumps), memory);
    }
    Ok(())
}

/// How many pages are a tenth of all.
fn tenth(walk: &Walk) -> usize {
    walk.pages.len().div_ceil(10)
}

fn figures(room: &mut Room, name: &str, walks: &[Walk], dump: f64, memory: f64) {
    let (pages, tenth) = (walks[0].pages.len(), tenth(&walks[0]));
    let of = |range: std::ops::Range<usize>| {
        let mut all: Vec<f64> = walks
            .iter()
            .flat_map(|w| w.pages[range.clone()].iter().copied())
            .collect();
        all.sort_by(f64::total_cmp);
        1e3 * all[(all.len() * 99).div_ceil(100) - 1]
    };
    let (first, last) = (of(0..tenth), of(pages - tenth..pages));
    let rate = median(walks.iter().map(|w| pages as f64 / w.seconds()).collect());
    let moved = |w: &Walk| w.bytes as f64 / 1e6 / w.seconds();
    let moved = median(walks.iter().map(moved).collect());
    let name = format!("{name}, {} records", room.size);
    room.figure(Figure {
        name: format!("{name}: p99 of the last tenth of its pages beside the first"),
        goal: format!("≤ {FLAT}"),
        measured: format!("{:.2}", last / first),
        met: Some(last / first <= FLAT),
        runs: walks.len(),
        notes: format!(
            "{pages} pages, {rate:.0} a second; p99 {first:.1} and {last:.1} ms, of all {:.1} ms",
            of(0..pages)
        ),
    });
    room.figure(Figure {
        name: format!("{name}: memory after {} reads more", walks.len()),
        goal: format!("≤ {FLAT}"),
        measured: format!("{memory:.2}"),
        met: Some(memory <= FLAT),
        runs: 1,
        notes: "resident, beside that after the first".into(),
    });
    room.figure(Figure {
        name: format!("{name}: bytes a second beside `/catalog/dump.nt`"),
        goal: "none".into(),
        measured: format!("{:.3}", moved / dump),
        met: None,
        runs: walks.len(),
        notes: format!(
            "{moved:.0} MB/s beside {dump:.0} MB/s: pages are rendered, the dump is a file"
        ),
    });
}

/// Reads the event stream from its root by what each node leads to. Pages alone count: what leads to them is small.
fn events(address: &str) -> Result<Walk> {
    let (mut walk, mut waiting) = (Walk::default(), vec!["/feed.nq".to_owned()]);
    let mut connection = Connection::open(address)?;
    while let Some(path) = waiting.pop() {
        let began = Instant::now();
        let answer = connection.get(&path, "*/*")?;
        let took = began.elapsed().as_secs_f64();
        let text = String::from_utf8_lossy(&answer.body);
        if path.contains("/page-") {
            for object in objects(&text, "https://www.w3.org/ns/activitystreams#object") {
                walk.find(object.to_owned())?;
            }
            walk.read(&answer, took)?;
        } else if answer.status != 200 {
            return Err(Error::other(format!("{path} gave {}", answer.status)));
        }
        // Each child is named by both its bounds; the next to be read lies on top.
        let mut children: Vec<&str> = objects(&text, "https://w3id.org/tree#node").collect();
        children.sort_by_key(|c| (c.len(), *c));
        children.dedup();
        waiting.extend(children.iter().rev().map(|c| below(c).to_owned()));
    }
    Ok(walk)
}

/// The IRIs that a property leads to in N-Quads.
fn objects<'a>(text: &'a str, property: &str) -> impl Iterator<Item = &'a str> {
    let property = format!("<{property}>");
    text.lines().filter_map(move |line| {
        let mut words = line.split(' ').skip(1);
        if words.next()? != property {
            return None;
        }
        words.next()?.strip_prefix('<')?.strip_suffix('>')
    })
}

/// Reads the list of offers as connectors do that follow its links.
fn offers(address: &str) -> Result<Walk> {
    const WISH: &[u8] = br#"{"@context":["https://w3id.org/dspace/2025/1/context.jsonld"],"@type":"CatalogRequestMessage","filter":[{"@type":"QuerySpec","limit":100}]}"#;
    let mut walk = Walk::default();
    let mut connection = Connection::open(address)?;
    let mut next = Some("/dsp/2025-1/catalog/request".to_owned());
    while let Some(path) = next {
        let began = Instant::now();
        let answer = connection.ask(&path, "application/json", Some(("application/json", WISH)))?;
        walk.read(&answer, began.elapsed().as_secs_f64())?;
        let page: serde_json::Value = serde_json::from_slice(&answer.body)?;
        for set in page["dataset"].as_array().into_iter().flatten() {
            walk.find(set["@id"].to_string())?;
        }
        next = answer.next;
    }
    Ok(walk)
}
