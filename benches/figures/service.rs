//! The real program: imported into, started, watched through `/proc`, stopped.
use crate::client;
use std::io::{BufRead, BufReader, Result};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ldt-catalogue");

pub struct Service {
    process: Child,
    pub address: String,
    pub began: Instant,
    /// From the start of the process to its ready line.
    pub listening: Duration,
}

/// Memory of a process in megabytes (10^6 bytes).
#[derive(Clone, Copy, Default)]
pub struct Memory {
    pub resident: f64,
    pub peak: f64,
}

impl Service {
    /// Serves `dir` on a free port. The log goes to a file beside the directory, as a real one would
    /// go somewhere.
    pub fn start(dir: &Path, more: &[&str]) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let log = std::fs::File::create(dir.with_extension("log"))?;
        let began = Instant::now();
        let mut process = Command::new(PROGRAM)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("piped")).read_line(&mut line)?;
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .map(str::to_owned);
        let mut service = Self {
            process,
            address: address.clone().unwrap_or_default(),
            began,
            listening: began.elapsed(),
        };
        if address.is_none() {
            let status = service.process.wait()?;
            return Err(std::io::Error::other(format!(
                "the service did not start ({status}); see {}",
                dir.with_extension("log").display()
            )));
        }
        Ok(service)
    }

    /// Waits for 200 from `path`; gives the time since the start and what was said before, each
    /// answer once.
    pub fn await_ok(&self, path: &str, limit: Duration) -> Result<(Duration, Vec<String>)> {
        let mut said = Vec::new();
        loop {
            let answer = client::get(&self.address, path, "*/*")?;
            if answer.status == 200 {
                return Ok((self.began.elapsed(), said));
            }
            let text = format!(
                "{} {}",
                answer.status,
                String::from_utf8_lossy(&answer.body).trim()
            );
            if said.last() != Some(&text) {
                said.push(text);
            }
            if self.began.elapsed() > limit {
                return Err(std::io::Error::other(format!(
                    "{path} does not answer 200 after {} s: {said:?}",
                    limit.as_secs()
                )));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn ready(&self) -> Result<Duration> {
        Ok(self.await_ok("/readyz", Duration::from_secs(1800))?.0)
    }

    pub fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))
            .unwrap_or_default();
        let field = |name: &str| {
            status
                .lines()
                .find_map(|l| l.strip_prefix(name))
                .and_then(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok())
                .map_or(0.0, |kib| kib * 1024.0 / 1e6)
        };
        Memory {
            resident: field("VmRSS"),
            peak: field("VmHWM"),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Asked first, so that the next start does not measure a recovery.
        let _ = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(10) {
            if let Ok(Some(_)) = self.process.try_wait() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What an import said and took.
pub struct Import {
    pub output: Output,
    pub took: Duration,
    /// Processor time of the importing process, user and system.
    pub busy: Duration,
}

impl Import {
    pub fn text(&self) -> String {
        format!(
            "{}{}",
            String::from_utf8_lossy(&self.output.stdout),
            String::from_utf8_lossy(&self.output.stderr)
        )
    }

    /// The number before `word` in the summary, such as `10000 added`.
    pub fn count(&self, word: &str) -> Option<usize> {
        let text = String::from_utf8_lossy(&self.output.stdout).into_owned();
        text.lines().rev().find_map(|line| {
            line.split(',').find_map(|part| {
                let mut words = part.split_whitespace().rev();
                (words.next()? == word).then(|| words.next()?.parse().ok())?
            })
        })
    }
}

/// Imports a sheet through the command line; where `dir` is served, through the service.
pub fn import(dir: &Path, sheet: &Path) -> Result<Import> {
    let said = dir.with_extension("import");
    let failed = dir.with_extension("import-errors");
    let began = Instant::now();
    let mut process = Command::new(PROGRAM)
        .args(["import", "--data-dir"])
        .arg(dir)
        .arg(sheet)
        .stdout(std::fs::File::create(&said)?)
        .stderr(std::fs::File::create(&failed)?)
        .spawn()?;
    let mut busy = Duration::ZERO;
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        busy = processor_time(process.id()).unwrap_or(busy);
        std::thread::sleep(Duration::from_millis(20));
    };
    Ok(Import {
        took: began.elapsed(),
        busy,
        output: Output {
            status,
            stdout: std::fs::read(said)?,
            stderr: std::fs::read(failed)?,
        },
    })
}

/// From `/proc/PID/stat`, fields 14 and 15, in ticks of 10 ms.
fn processor_time(id: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// Runs a command on `dir`; where that is served, it goes to the service.
pub fn command(dir: &Path, arguments: &[&str]) -> Result<Output> {
    let dir = dir.to_string_lossy();
    Command::new(PROGRAM)
        .args(["--data-dir", &dir])
        .args(arguments)
        .output()
}
