//! Queries over HTTP beside the bare oxigraph crate in this process: same data, same queries, same
//! result format.
use crate::client::Connection;
use crate::dump;
use crate::room::{Figure, Room, median};
use crate::service::Service;
use oxigraph::io::{RdfFormat, RdfParser, RdfSerializer};
use oxigraph::sparql::results::{QueryResultsFormat, QueryResultsSerializer};
use oxigraph::sparql::{QueryResults, SparqlEvaluator};
use oxigraph::store::Store;
use std::io::{Error, Result};
use std::path::Path;
use std::time::{Duration, Instant};

const GOAL: f64 = 1.1;
/// Each query is asked in turn on both sides for this long, within the bounds below.
const TIME: Duration = Duration::from_secs(4);
const FEWEST: usize = 5;
const MOST: usize = 201;
/// Says whether both sides hold as much.
const COUNT: &str = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }";
/// What each side writes: JSON for solutions and booleans, N-Triples for graphs.
const ACCEPT: &str = "application/sparql-results+json, application/n-triples;q=0.9";

struct Timing {
    name: String,
    /// Milliseconds.
    service: f64,
    bare: f64,
    runs: usize,
}

pub fn measure(room: &mut Room) -> Result<()> {
    let queries = queries()?;
    let dir = room.large()?;
    let service = Service::start(&dir, &["--no-seed"])?;
    service.ready()?;
    let store = bare(room, &service)?;
    let mut connection = Connection::open(&service.address)?;
    let held = triples(&ask_service(&mut connection, COUNT)?);
    let loaded = triples(&ask_bare(&store, COUNT)?);
    let (mut timings, mut differing) = (Vec::new(), Vec::new());
    for (name, text) in &queries {
        let service = match ask_service(&mut connection, text) {
            Ok(body) => rows(&body),
            Err(e) => {
                room.wrong(format!("query {name}: {e}"));
                continue;
            }
        };
        if let Some(difference) = difference(text, &service, &rows(&ask_bare(&store, text)?)) {
            eprintln!("   {name}: {difference}");
            // Over different data an answer may differ without being wrong.
            if held == loaded {
                room.wrong(format!("query {name}: {difference}"));
            }
            differing.push(name.as_str());
        }
        let timing = timed(&mut connection, &store, name, text)?;
        eprintln!(
            "   {name}: {:.2} ms, bare {:.2} ms, {:.2}, {} runs",
            timing.service,
            timing.bare,
            timing.service / timing.bare,
            timing.runs
        );
        timings.push(timing);
    }
    let name = format!(
        "SPARQL over HTTP / bare oxigraph, {} queries, {} records",
        timings.len(),
        room.size
    );
    let ratio = |t: &Timing| t.service / t.bare;
    let Some(worst) = timings.iter().max_by(|a, b| ratio(a).total_cmp(&ratio(b))) else {
        return Err(Error::other("no query gave what the bare crate gives"));
    };
    let mean = (timings.iter().map(|t| ratio(t).ln()).sum::<f64>() / timings.len() as f64).exp();
    let sum = |side: fn(&Timing) -> f64| timings.iter().map(side).sum::<f64>();
    let over = timings.iter().filter(|t| ratio(t) > GOAL).count();
    let data = if held == loaded {
        format!("{held} triples on both sides")
    } else {
        format!("{held} triples beside {loaded}, answers of {differing:?} differ")
    };
    let fewest = timings.iter().map(|t| t.runs).min().unwrap_or(0);
    room.figure(Figure {
        name,
        goal: format!("≤ {GOAL}×"),
        measured: format!("{mean:.2}× geometric mean"),
        met: Some(mean <= GOAL),
        runs: fewest,
        notes: format!(
            "sum of medians {:.0} / {:.0} ms = {:.2}×; worst {:.2}× ({}, {:.2} ms beside {:.2} ms); {over} of {} over the goal; {data}",
            sum(|t| t.service),
            sum(|t| t.bare),
            sum(|t| t.service) / sum(|t| t.bare),
            ratio(worst),
            worst.name,
            worst.service,
            worst.bare,
            timings.len()
        ),
    });
    Ok(())
}

/// The files of `benches/queries`, by name.
fn queries() -> Result<Vec<(String, String)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/queries");
    let mut queries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "rq") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            queries.push((name.into_owned(), std::fs::read_to_string(&path)?));
        }
    }
    queries.sort();
    Ok(queries)
}

/// The store of the bare crate with what the service publishes: its dump and its vocabulary.
fn bare(room: &mut Room, service: &Service) -> Result<Store> {
    let file = room.home.join("bare.nt");
    dump::fetch(service, &file)?;
    let vocabulary = Connection::open(&service.address)?.get("/ns", "application/n-triples")?;
    let store = Store::new().map_err(Error::other)?;
    let load = |bytes: &mut dyn std::io::Read| -> Result<()> {
        let mut loader = store.bulk_loader();
        let parser = RdfParser::from_format(RdfFormat::NTriples);
        loader
            .load_from_reader(parser, bytes)
            .map_err(Error::other)?;
        loader.commit().map_err(Error::other)
    };
    load(&mut std::io::BufReader::with_capacity(
        1 << 20,
        std::fs::File::open(&file)?,
    ))?;
    load(&mut vocabulary.body.as_slice())?;
    std::fs::remove_file(file)?;
    Ok(store)
}

/// Parses, evaluates and writes.
fn ask_bare(store: &Store, text: &str) -> Result<Vec<u8>> {
    let mut evaluator = SparqlEvaluator::new();
    if text.contains("geosparql") {
        for (name, function) in spargeo::GEOSPARQL_EXTENSION_FUNCTIONS {
            evaluator = evaluator.with_custom_function(name.into_owned(), function);
        }
    }
    let results = evaluator
        .parse_query(text)
        .map_err(Error::other)?
        .on_store(store)
        .execute()
        .map_err(Error::other)?;
    let serializer = QueryResultsSerializer::from_format(QueryResultsFormat::Json);
    match results {
        QueryResults::Boolean(value) => serializer.serialize_boolean_to_writer(Vec::new(), value),
        QueryResults::Solutions(solutions) => {
            let mut writer = serializer
                .serialize_solutions_to_writer(Vec::new(), solutions.variables().to_vec())?;
            for solution in solutions {
                writer.serialize(&solution.map_err(Error::other)?)?;
            }
            writer.finish()
        }
        QueryResults::Graph(triples) => {
            let mut writer = RdfSerializer::from_format(RdfFormat::NTriples).for_writer(Vec::new());
            for triple in triples {
                writer.serialize_triple(&triple.map_err(Error::other)?)?;
            }
            writer.finish()
        }
    }
}

fn ask_service(connection: &mut Connection, text: &str) -> Result<Vec<u8>> {
    let content = ("application/sparql-query", text.as_bytes());
    let answer = connection.ask("/sparql", ACCEPT, Some(content))?;
    if answer.status != 200 || answer.body.is_empty() {
        return Err(Error::other(format!(
            "status {}: {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        )));
    }
    Ok(answer.body)
}

/// How the answers differ, if they do. The order of rows is nobody's promise.
fn difference(text: &str, service: &[String], bare: &[String]) -> Option<String> {
    // Which rows a bare LIMIT leaves is open too.
    let open = ["LIMIT", "OFFSET", "SAMPLE", "GROUP_CONCAT"];
    let upper = text.to_ascii_uppercase();
    let equal = if open.iter().any(|word| upper.contains(word)) {
        bare.len() == service.len()
    } else {
        bare == service
    };
    if equal {
        return None;
    }
    let only = |a: &[String], b: &[String]| {
        let found = a.iter().find(|row| b.binary_search(row).is_err());
        found.map_or("nothing".to_owned(), |row| row.chars().take(300).collect())
    };
    Some(format!(
        "{} rows, the bare crate gives {}; only here {}; only there {}",
        service.len(),
        bare.len(),
        only(service, bare),
        only(bare, service)
    ))
}

fn triples(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let number = value["results"]["bindings"][0]["n"]["value"].as_str();
    number.unwrap_or("unknown").to_owned()
}

/// One text per row, sorted.
fn rows(body: &[u8]) -> Vec<String> {
    let mut rows: Vec<String> = match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(value) => match value["results"]["bindings"].as_array() {
            Some(bindings) => bindings.iter().map(ToString::to_string).collect(),
            None => vec![value["boolean"].to_string()],
        },
        Err(_) => String::from_utf8_lossy(body)
            .lines()
            .map(str::to_owned)
            .collect(),
    };
    rows.sort_unstable();
    rows
}

fn timed(connection: &mut Connection, store: &Store, name: &str, text: &str) -> Result<Timing> {
    let (mut service, mut bare) = (Vec::new(), Vec::new());
    let began = Instant::now();
    while service.len() < FEWEST || (began.elapsed() < TIME && service.len() < MOST) {
        let start = Instant::now();
        ask_service(connection, text)?;
        let between = Instant::now();
        ask_bare(store, text)?;
        bare.push(between.elapsed().as_secs_f64() * 1e3);
        service.push((between - start).as_secs_f64() * 1e3);
    }
    Ok(Timing {
        name: name.to_owned(),
        runs: service.len(),
        service: median(service),
        bare: median(bare),
    })
}
