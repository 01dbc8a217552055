//! The figures the README promises, measured on the real program over real HTTP.
//!
//! `cargo bench --bench figures -- [--size N] [--seconds N] [import|dcat|search|ngsi|notify|publish|dump|feeds|sparql|start|cold]…`
//! measures and prints one Markdown table; `-- generate N` writes a sheet of N rows instead.
//! How each figure is taken is in `benches/README.md`.
mod client;
mod cold;
mod dcat;
mod dump;
mod feeds;
mod import;
mod load;
mod ngsi;
mod notify;
mod publish;
mod random;
mod room;
mod service;
mod sheet;
mod sparql;
mod start;

use room::Room;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// Seed of every generated sheet.
pub const SEED: u64 = 20_260;

type Section = fn(&mut Room) -> std::io::Result<()>;

const SECTIONS: [(&str, Section); 11] = [
    ("import", import::measure),
    ("dcat", dcat::measure),
    ("search", dcat::search),
    ("ngsi", ngsi::measure),
    ("notify", notify::measure),
    ("publish", publish::measure),
    ("dump", dump::measure),
    ("feeds", feeds::measure),
    ("sparql", sparql::measure),
    ("start", start::measure),
    ("cold", cold::measure),
];

const USAGE: &str = "figures [--size ROWS] [--seconds SECONDS] [import] [dcat] [search] [ngsi] [notify] [publish] [dump] [feeds] [sparql] [start] [cold]\n\
                     figures generate ROWS [ROUND]\n\
                     LDT_BENCH_DIR=DIR keeps the imported catalogue there and uses it again";

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` runs this program too, without the flag, and means no measuring.
    let Some(flag) = words.iter().position(|w| w == "--bench") else {
        return ExitCode::SUCCESS;
    };
    words.remove(flag);
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("{e}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Whether every answer was right.
fn run(words: &[String]) -> Result<bool, String> {
    let number = |word: Option<&String>| -> Result<usize, String> {
        word.and_then(|w| w.parse().ok())
            .ok_or_else(|| format!("a number was expected, not {word:?}"))
    };
    if words.first().is_some_and(|w| w == "generate") {
        let rows = number(words.get(1))?;
        let round = words.get(2).map_or(Ok(0), |w| number(Some(w)))?;
        std::io::stdout()
            .write_all(&sheet::changed(rows, SEED, round as u64))
            .map_err(|e| e.to_string())?;
        return Ok(true);
    }
    if let [name, address, file] = words
        && name == "receive"
    {
        return notify::receiver(address, file)
            .map(|()| true)
            .map_err(|e| e.to_string());
    }
    let (mut size, mut seconds, mut chosen) = (100_000, 20, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--size" => size = number(words.next())?.max(100),
            "--seconds" => seconds = number(words.next())?.max(1),
            name => chosen.push(
                *SECTIONS
                    .iter()
                    .find(|s| s.0 == name)
                    .ok_or_else(|| format!("no section is called {name:?}"))?,
            ),
        }
    }
    if chosen.is_empty() {
        // A build from nothing belongs to the full run only.
        chosen.extend(SECTIONS.iter().filter(|s| s.0 != "cold" || size >= 100_000));
    }
    let mut room =
        Room::open(size, Duration::from_secs(seconds as u64)).map_err(|e| e.to_string())?;
    for (name, measure) in chosen {
        eprintln!("== {name}");
        if let Err(e) = measure(&mut room) {
            room.wrong(format!("{name} could not be measured to its end: {e}"));
        }
    }
    print!("{}", room.table());
    Ok(room.all_right())
}
