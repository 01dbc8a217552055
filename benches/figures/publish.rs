//! How fast a broker that answers at once is fed.
use crate::room::{Figure, Room, last_lines};
use crate::service::{self, Service};
use crate::{SEED, sheet};
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use std::io::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Rows that are enough to see a rate.
const ROWS: usize = 20_000;
const RUNS: usize = 3;

/// A broker that takes everything and holds nothing; it counts what it took.
fn broker(runtime: &tokio::runtime::Runtime) -> Result<(String, Arc<AtomicUsize>)> {
    let taken = Arc::new(AtomicUsize::new(0));
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?.to_string();
    let count = taken.clone();
    let answer = move |method: Method, body: axum::body::Bytes| {
        let count = count.clone();
        async move {
            if method == Method::GET {
                return ([("content-type", "application/json")], "[]").into_response();
            }
            let all: Vec<serde_json::Value> = serde_json::from_slice(&body).unwrap_or_default();
            count.fetch_add(all.len(), Ordering::Relaxed);
            StatusCode::NO_CONTENT.into_response()
        }
    };
    let router = axum::Router::new()
        .fallback(answer)
        .layer(axum::extract::DefaultBodyLimit::disable());
    runtime.spawn(async move { axum::serve(listener, router).await });
    Ok((address, taken))
}

pub fn measure(room: &mut Room) -> Result<()> {
    let rows = ROWS.min(room.size);
    let dir = room.empty("publish")?;
    let (file, config) = (dir.with_extension("csv"), dir.with_extension("toml"));
    std::fs::write(&file, sheet::generate(rows, SEED))?;
    eprintln!("   importing {rows} rows");
    service::import(&dir, &file)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (address, taken) = broker(&runtime)?;
    std::fs::write(
        &config,
        format!(
            "[publish]\nfollow = false\n[[publish.targets]]\nname = \"b\"\nkind = \"generic\"\nurl = \"http://{address}\"\n"
        ),
    )?;
    let config = config.to_string_lossy().into_owned();
    let service = Service::start(&dir, &["--no-seed", "--config", &config])?;
    service.ready()?;
    let mut rates = Vec::new();
    for _ in 0..RUNS {
        taken.store(0, Ordering::Relaxed);
        let began = Instant::now();
        let output = service::command(&dir, &["--config", &config, "publish", "--reconcile"])?;
        let took = began.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let count = taken.load(Ordering::Relaxed);
        if !output.status.success() || !said.contains(&format!("{count} sent")) || count < rows {
            room.wrong(format!("{count} entities came: {}", last_lines(&said)));
            return Err(Error::other("publishing failed"));
        }
        rates.push(count as f64 / took);
    }
    rates.sort_by(f64::total_cmp);
    let rate = rates[RUNS / 2];
    room.figure(Figure {
        name: format!("entities published to a broker that answers at once, {rows} records"),
        goal: "≥ 2,000/s".into(),
        measured: format!("{rate:.0}/s"),
        met: Some(rate >= 2_000.0),
        runs: RUNS,
        notes: format!(
            "slowest {:.0}/s; {} entities by batches of 100, compared with what is there first; broker and catalogue share the cores",
            rates[0],
            taken.load(Ordering::Relaxed)
        ),
    });
    Ok(())
}
