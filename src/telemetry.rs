//! Logs to standard error, figures for Prometheus, and a name for every request in both.
use crate::config::Log;
use crate::error::{Error, Result};
use crate::store::targets::Progress;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::OnceLock;
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;

/// Sends logs to standard error; standard output belongs to the command.
///
/// # Errors
/// The level or format is unknown.
pub fn log(settings: &Log) -> Result<()> {
    let level: LevelFilter = settings.level.parse().map_err(|_| {
        Error::bad_input(format!(
            "log level is {:?}; error, warn, info, debug or trace is wanted",
            settings.level
        ))
    })?;
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(level);
    let set = match settings.format.as_str() {
        "json" => builder.json().flatten_event(true).try_init(),
        "text" => builder.try_init(),
        other => {
            return Err(Error::bad_input(format!(
                "log format is {other:?}; json or text is wanted"
            )));
        }
    };
    set.map_err(Error::internal)
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InState {
    state: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    target: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LinkIn {
    state: &'static str,
}

/// What is told of each context broker that is fed.
const TARGETS: [(&str, &str); 6] = [
    ("target_cursor", "Last change that a target holds"),
    ("target_lag", "Changes that a target does not hold yet"),
    ("target_entities_sent", "Entities written to a target"),
    ("target_entities_deleted", "Entities deleted at a target"),
    ("target_undelivered", "Entities that a target did not take"),
    ("target_failing", "1 while a target does not follow"),
];

struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<Route, Histogram>,
    records: Family<InState, Gauge>,
    links: Family<LinkIn, Gauge>,
    targets: [Family<Of, Gauge>; 6],
    subscribers: Gauge,
    wishes: Gauge,
    ledger: Gauge,
    cursor: Gauge,
    live: Gauge,
    dead: Gauge,
}

fn metrics() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(|| {
        let mut registry = Registry::with_prefix("ldt_catalogue");
        let requests = Family::default();
        let durations: Family<Route, Histogram> = Family::new_with_constructor(|| {
            Histogram::new([
                0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0,
            ])
        });
        let (records, ledger, cursor, live, dead) = (
            Family::default(),
            Gauge::default(),
            Gauge::default(),
            Gauge::default(),
            Gauge::default(),
        );
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time until the answer begins",
            Unit::Seconds,
            durations.clone(),
        );
        let links = Family::default();
        registry.register(
            "links",
            "Links of shown records by what became of them",
            links.clone(),
        );
        let targets = TARGETS.map(|(name, help)| {
            let family: Family<Of, Gauge> = Family::default();
            registry.register(name, help, family.clone());
            family
        });
        let (subscribers, wishes) = (Gauge::default(), Gauge::default());
        registry.register(
            "hub_subscribers",
            "Subscribers of feeds",
            subscribers.clone(),
        );
        registry.register(
            "hub_unverified",
            "Subscribers to be, whose callbacks have not confirmed it yet",
            wishes.clone(),
        );
        registry.register("records", "Records in each state", records.clone());
        registry.register(
            "ledger_changes",
            "Number of the last change",
            ledger.clone(),
        );
        registry.register(
            "graph_cursor",
            "Last change that the graph holds; below ledger_changes while it catches up",
            cursor.clone(),
        );
        registry.register("graph_triples_live", "Triples in the graph", live.clone());
        registry.register(
            "graph_triples_dead",
            "Removed triples whose memory the graph still holds",
            dead.clone(),
        );
        Metrics {
            registry,
            requests,
            durations,
            records,
            links,
            targets,
            subscribers,
            wishes,
            ledger,
            cursor,
            live,
            dead,
        }
    })
}

/// Counts an answered request under its route's pattern, so that labels stay few.
pub fn answered(method: &str, route: &str, status: u16, time: Duration) {
    let metrics = metrics();
    metrics
        .requests
        .get_or_create(&Answered {
            method: method.to_owned(),
            route: route.to_owned(),
            status,
        })
        .inc();
    metrics
        .durations
        .get_or_create(&Route {
            route: route.to_owned(),
        })
        .observe(time.as_secs_f64());
}

/// What the catalogue holds at this moment.
#[derive(Default)]
pub struct Holdings {
    pub states: Vec<(String, i64)>,
    /// Links of shown records, by what became of them.
    pub links: [(&'static str, i64); 3],
    /// Context brokers that are fed: where each stands, and how much it did not take.
    pub targets: Vec<(String, Progress, i64)>,
    /// Who is told of changes of feeds, and who wishes to be and is not verified.
    pub listeners: [i64; 2],
    pub seq: i64,
    pub cursor: i64,
    pub live: usize,
    pub dead: usize,
}

/// All figures in the Prometheus text form (OpenMetrics 1.0).
///
/// # Errors
/// None is expected.
pub fn exposition(holdings: &Holdings) -> Result<String> {
    let metrics = metrics();
    for (state, count) in &holdings.states {
        let label = InState {
            state: state.clone(),
        };
        metrics.records.get_or_create(&label).set(*count);
    }
    for (state, count) in holdings.links {
        metrics.links.get_or_create(&LinkIn { state }).set(count);
    }
    for (name, p, undelivered) in &holdings.targets {
        let lag = holdings.seq - p.cursor;
        let failing = i64::from(!p.error.is_empty());
        let values = [p.cursor, lag, p.sent, p.deleted, *undelivered, failing];
        let label = Of {
            target: name.clone(),
        };
        for (family, value) in metrics.targets.iter().zip(values) {
            family.get_or_create(&label).set(value);
        }
    }
    let [subscribers, wishes] = holdings.listeners;
    metrics.subscribers.set(subscribers);
    metrics.wishes.set(wishes);
    metrics.ledger.set(holdings.seq);
    metrics.cursor.set(holdings.cursor);
    metrics
        .live
        .set(i64::try_from(holdings.live).unwrap_or(i64::MAX));
    metrics
        .dead
        .set(i64::try_from(holdings.dead).unwrap_or(i64::MAX));
    let mut text = String::new();
    encode(&mut text, &metrics.registry).map_err(Error::internal)?;
    Ok(text)
}
