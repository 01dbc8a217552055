//! `make serve` from a fresh clone with nothing built, until the library answers.
use crate::client;
use crate::room::{Figure, Room};
use std::io::{Error, Result};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where `make serve` listens.
const ADDRESS: &str = "127.0.0.1:8080";
const GOAL: f64 = 10.0;

/// A process and all it started.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .args(["--", &format!("-{}", self.0.id())])
            .status();
        let _ = self.0.wait();
    }
}

pub fn measure(room: &mut Room) -> Result<()> {
    let mut figure = Figure {
        name: "cold `make serve` from a fresh clone".into(),
        goal: format!("≤ {GOAL} min"),
        measured: "not measured".into(),
        met: None,
        runs: 0,
        notes: String::new(),
    };
    if client::get(ADDRESS, "/", "*/*").is_ok() {
        figure.notes = format!("{ADDRESS} is taken");
        room.figure(figure);
        return Ok(());
    }
    let clone = room.empty("clone")?;
    let target = room.empty("clone-target")?;
    let cloned = Command::new("git")
        .args(["clone", "--quiet", "--no-hardlinks"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")))
        .arg(&clone)
        .status()?;
    if !cloned.success() {
        figure.notes = "no clone can be made of this copy".into();
        room.figure(figure);
        return Ok(());
    }
    let log = room.home.join("cold.log");
    let began = Instant::now();
    let mut make = Group(
        Command::new("make")
            .arg("serve")
            .current_dir(&clone)
            .env("CARGO_TARGET_DIR", &target)
            // Flags of the `make` and `cargo` above would reach the ones below.
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .process_group(0)
            .spawn()?,
    );
    while !client::get(ADDRESS, "/resource/ngsi-ld", "*/*").is_ok_and(|a| a.status == 200) {
        if let Some(status) = make.0.try_wait()? {
            return Err(Error::other(format!(
                "make serve ended with {status}; see {}",
                log.display()
            )));
        }
        if began.elapsed() > Duration::from_secs(3600) {
            return Err(Error::other("make serve takes more than an hour"));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    drop(make);
    figure.measured = format!("{minutes:.1} min");
    figure.met = Some(minutes <= GOAL);
    figure.runs = 1;
    figure.notes = "last commit; crates already downloaded".into();
    room.figure(figure);
    for path in [clone, target] {
        std::fs::remove_dir_all(path)?;
    }
    Ok(())
}
