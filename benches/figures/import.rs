//! Rows per second of the command `import` into an empty catalogue, from its start to its end.
use crate::room::{Figure, Room, last_lines, median};
use crate::{SEED, service, sheet};

const ROWS: usize = 10_000;
const GOAL: f64 = 400.0;
const RUNS: usize = 3;

pub fn measure(room: &mut Room) -> std::io::Result<()> {
    let rows = ROWS.min(room.size);
    let path = room.home.join("import.csv");
    std::fs::write(&path, sheet::generate(rows, SEED))?;
    let (mut rates, mut cores) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let dir = room.empty("import")?;
        let import = service::import(&dir, &path)?;
        let findings = import.count("findings");
        if !import.output.status.success()
            || import.count("added") != Some(rows)
            || findings.is_some_and(|n| n > 0)
        {
            room.wrong(format!(
                "the import of {rows} rows said: {}",
                last_lines(&import.text())
            ));
        }
        rates.push(rows as f64 / import.took.as_secs_f64());
        cores.push(import.busy.as_secs_f64() / import.took.as_secs_f64());
    }
    let rate = median(rates.clone());
    room.figure(Figure {
        name: format!("import, {rows} rows"),
        goal: format!("≥ {GOAL} rows/s"),
        measured: format!("{rate:.0} rows/s"),
        met: Some(rate >= GOAL),
        runs: RUNS,
        notes: format!(
            "slowest {:.0} rows/s; {:.2} cores busy; whole command, start included",
            rates.iter().copied().fold(f64::INFINITY, f64::min),
            median(cores)
        ),
    });
    Ok(())
}
