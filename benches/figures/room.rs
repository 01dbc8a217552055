//! What the sections share: the place for data, the large catalogue, the table.
use crate::{SEED, service, sheet};
use std::fmt::Write;
use std::io::Result;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub struct Room {
    pub size: usize,
    /// Measured time of each constant-rate run.
    pub measured: Duration,
    pub home: PathBuf,
    keep: bool,
    /// Load average before anything was measured: what else the machine was doing.
    before: String,
    figures: Vec<Figure>,
    wrong: Vec<String>,
}

pub struct Figure {
    pub name: String,
    pub goal: String,
    pub measured: String,
    /// `None` where there is no goal or nothing was measured.
    pub met: Option<bool>,
    pub runs: usize,
    pub notes: String,
}

impl Room {
    pub fn open(size: usize, measured: Duration) -> Result<Self> {
        let kept = std::env::var_os("LDT_BENCH_DIR").map(PathBuf::from);
        let keep = kept.is_some();
        let home = kept.unwrap_or_else(|| {
            // Below the target directory: a temporary one may be in memory, where syncing is free.
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("figures-{}", std::process::id()))
        });
        std::fs::create_dir_all(&home)?;
        Ok(Self {
            size,
            measured,
            home,
            keep,
            before: load_average(),
            figures: Vec::new(),
            wrong: Vec::new(),
        })
    }

    /// Measurement is named `name`; a comment on the way goes to standard error.
    pub fn figure(&mut self, figure: Figure) {
        eprintln!(
            "   {}: {} (goal {}) {}",
            figure.name, figure.measured, figure.goal, figure.notes
        );
        self.figures.push(figure);
    }

    pub fn wrong(&mut self, what: String) {
        eprintln!("   WRONG: {what}");
        self.wrong.push(what);
    }

    pub fn all_right(&self) -> bool {
        self.wrong.is_empty()
    }

    /// A directory that nothing is in.
    pub fn empty(&self, name: &str) -> Result<PathBuf> {
        let path = self.home.join(name);
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        Ok(path)
    }

    /// The data directory with `size` records; imported once, through the command line.
    pub fn large(&mut self) -> Result<PathBuf> {
        let name = format!("catalogue-{}", self.size);
        let (dir, done) = (
            self.home.join(&name),
            self.home.join(format!("{name}.done")),
        );
        if done.exists() {
            return Ok(dir);
        }
        self.empty(&name)?;
        let rows = self.home.join(format!("{name}.csv"));
        std::fs::write(&rows, sheet::generate(self.size, SEED))?;
        eprintln!("   importing {} rows", self.size);
        let import = service::import(&dir, &rows)?;
        if import.count("added") != Some(self.size) {
            return Err(std::io::Error::other(format!(
                "the import of {} rows said: {}",
                self.size,
                last_lines(&import.text())
            )));
        }
        std::fs::write(done, "")?;
        let rate = self.size as f64 / import.took.as_secs_f64();
        self.figure(Figure {
            name: format!("import of the {} records that follow", self.size),
            goal: "none".into(),
            measured: format!("{rate:.0} rows/s"),
            met: None,
            runs: 1,
            notes: format!("{:.0} s", import.took.as_secs_f64()),
        });
        Ok(dir)
    }

    pub fn table(&self) -> String {
        let mut text = format!("{}\n\n", machine(&self.home, &self.before));
        text += "| figure | goal | measured | met? | runs | limit, notes |\n|---|---|---|---|---|---|\n";
        for f in &self.figures {
            let met = match f.met {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "–",
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {met} | {} | {} |",
                f.name, f.goal, f.measured, f.runs, f.notes
            );
        }
        if !self.wrong.is_empty() {
            text += "\nWrong answers:\n";
        }
        for what in &self.wrong {
            let _ = writeln!(text, "- {what}");
        }
        text
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_dir_all(&self.home);
        }
    }
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

pub fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}

/// What was measured on, since a figure means nothing without it.
fn machine(home: &Path, before: &str) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = read("/proc/cpuinfo");
    let model = model
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split_once(':'))
        .map_or("processor unknown", |(_, m)| m.trim());
    let memory = read("/proc/meminfo");
    let memory: f64 = memory
        .lines()
        .find_map(|l| {
            l.strip_prefix("MemTotal:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0.0);
    let mounts = read("/proc/mounts");
    let home = home.canonicalize().unwrap_or_default();
    let files = mounts
        .lines()
        .filter_map(|l| {
            let mut words = l.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(at, _)| home.starts_with(at))
        .max_by_key(|(at, _)| at.len())
        .map_or("unknown", |(_, kind)| kind);
    let syncs = median((0..9).map(|_| sync_time(&home)).collect());
    format!(
        "{cores} cores ({model}), {:.0} GB memory, data on {files} (a sync of 4 KiB takes {syncs:.1} ms), \
         load average {before} at the start and {} at the end; the load generator shares the cores",
        memory * 1024.0 / 1e9,
        load_average()
    )
}

/// Of the last minute.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Milliseconds until 4 KiB are on the disk.
fn sync_time(home: &Path) -> f64 {
    let path = home.join("sync");
    let began = Instant::now();
    let done = std::fs::File::create(&path).and_then(|mut file| {
        std::io::Write::write_all(&mut file, &[1; 4096])?;
        file.sync_all()
    });
    let took = began.elapsed();
    let _ = std::fs::remove_file(path);
    done.map_or(f64::NAN, |()| took.as_secs_f64() * 1e3)
}
