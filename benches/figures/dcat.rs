//! Latency of records and catalogue pages at constant rates.
use crate::load::{Load, Outcome};
use crate::random::Random;
use crate::room::{Figure, Room, median};
use crate::service::Service;
use crate::{SEED, sheet};
use std::time::Duration;

const RUNS: usize = 3;

/// A kind of request and what is promised for it.
pub struct Promise {
    pub name: &'static str,
    pub rate: f64,
    /// Of the 99th percentile, milliseconds.
    pub goal: f64,
    pub connections: usize,
}

const RECORD: Promise = Promise {
    name: "`/resource/{slug}`, any",
    rate: 1000.0,
    goal: 5.0,
    connections: 64,
};

const fn pages(name: &'static str) -> Promise {
    Promise {
        name,
        rate: 50.0,
        goal: 25.0,
        connections: 32,
    }
}

pub fn measure(room: &mut Room) -> std::io::Result<()> {
    let dir = room.large()?;
    let service = Service::start(&dir, &["--no-seed"])?;
    service.ready()?;
    let size = room.size;
    let last = size.div_ceil(100);
    promised(
        room,
        &service,
        &RECORD,
        |random| format!("/resource/{}", sheet::slug(1 + random.below(size), SEED)),
        |path, body| contains(body, path),
    );
    let page = |n: usize| format!("/catalog?page={n}");
    // A page is RDF/XML, ends as one and names its number of entries.
    let total = format!(">{size}</hydra:totalItems>");
    let right = |_: &str, body: &[u8]| {
        body.trim_ascii_end().ends_with(b"</rdf:RDF>") && contains(body, &total)
    };
    promised(
        room,
        &service,
        &pages("`/catalog?page=n`, any page"),
        |random| page(1 + random.below(last)),
        right,
    );
    promised(
        room,
        &service,
        &pages("`/catalog?page=1`"),
        |_| page(1),
        right,
    );
    promised(
        room,
        &service,
        &pages("`/catalog?page=n`, the last page"),
        |_| page(last),
        right,
    );
    Ok(())
}

/// Searches with words, facets, both and neither, as the page for people and as JSON.
pub fn search(room: &mut Room) -> std::io::Result<()> {
    const WORDS: [&str; 8] = [
        "broker", "data", "sensor", "twin", "traffic", "open", "model", "stor",
    ];
    const FACETS: [&str; 6] = [
        "layer=data-management",
        "layer=analytics&layer=connectivity",
        "kind=tool",
        "mim=1&mim=2",
        "scope=interoperability&open=1",
        "mim=none&sort=newest",
    ];
    let dir = room.large()?;
    let service = Service::start(&dir, &["--no-seed"])?;
    service.ready()?;
    let query = |random: &mut Random| {
        let words = format!("q={}", random.pick(&WORDS));
        let facets = random.pick(&FACETS).to_owned();
        match random.below(4) {
            0 => words,
            1 => facets,
            2 => format!("{words}&{facets}"),
            _ => format!("page={}", 1 + random.below(40)),
        }
    };
    let promise = |name| Promise {
        name,
        rate: 100.0,
        goal: 30.0,
        connections: 32,
    };
    promised(
        room,
        &service,
        &promise("search with facets, as JSON"),
        |random| format!("/search.json?{}", query(random)),
        |_, body| contains(body, "\"facets\"") && body.ends_with(b"}"),
    );
    promised(
        room,
        &service,
        &promise("search with facets, as a page"),
        |random| format!("/?{}", query(random)),
        |_, body| contains(body, " entries") && body.trim_ascii_end().ends_with(b"</html>"),
    );
    Ok(())
}

pub fn promised(
    room: &mut Room,
    service: &Service,
    promise: &Promise,
    path: impl Fn(&mut Random) -> String + Sync,
    right: impl Fn(&str, &[u8]) -> bool + Sync,
) {
    let load = Load {
        address: &service.address,
        rate: promise.rate,
        warm: Duration::from_secs(3).min(room.measured),
        measured: room.measured,
        connections: promise.connections,
    };
    let outcomes: Vec<Outcome> = (0..RUNS).map(|_| load.run(&path, &right)).collect();
    for what in outcomes.iter().flat_map(|o| &o.wrong).take(3) {
        room.wrong(what.clone());
    }
    let of = |pick: fn(&Outcome) -> f64| outcomes.iter().map(pick).collect::<Vec<_>>();
    let most = |pick| of(pick).into_iter().fold(0.0, f64::max);
    let p99 = median(of(|o| o.latency.p99));
    let rate = median(of(|o| o.rate));
    room.figure(Figure {
        name: format!("{}, {} records, {}/s", promise.name, room.size, promise.rate),
        goal: format!("p99 ≤ {} ms", promise.goal),
        measured: format!("p99 {p99:.1} ms"),
        met: Some(p99 <= promise.goal && rate >= 0.99 * promise.rate),
        runs: RUNS,
        notes: format!(
            "p50 {:.1}, worst p99 {:.1}, max {:.0} ms; {rate:.0}/s reached; generator late by p99 {:.1} ms, included",
            median(of(|o| o.latency.median)),
            most(|o| o.latency.p99),
            most(|o| o.latency.max),
            median(of(|o| o.lag.p99)),
        ),
    });
}

fn contains(body: &[u8], what: &str) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| text.contains(what))
}
