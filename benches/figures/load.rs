//! Constant-rate load. Request i is due at start + i / rate whether or not earlier ones are
//! answered, and its latency counts from then: a stalled server is charged for all who waited.
use crate::client::Connection;
use crate::random::Random;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub struct Load<'a> {
    pub address: &'a str,
    pub rate: f64,
    pub warm: Duration,
    pub measured: Duration,
    pub connections: usize,
}

pub struct Outcome {
    /// Answers per second in the measured time.
    pub rate: f64,
    pub latency: Spread,
    /// How late requests left because the generator itself or its connections were busy.
    pub lag: Spread,
    /// Answers that were not what they should be, an example of each.
    pub wrong: Vec<String>,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub median: f64,
    pub p99: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(mut values: Vec<Duration>) -> Self {
        values.sort_unstable();
        let at = |part: f64| {
            let rank = (values.len() as f64 * part).ceil() as usize;
            values
                .get(rank.saturating_sub(1).min(values.len().saturating_sub(1)))
                .map_or(f64::NAN, |d| d.as_secs_f64() * 1e3)
        };
        Self {
            median: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

/// One thread's part: due, sent, answered.
type Samples = Vec<(Instant, Instant, Instant)>;

impl Load<'_> {
    /// Asks for `path(random)` at the rate; `right` says whether a 200 with this body will do.
    pub fn run(
        &self,
        path: impl Fn(&mut Random) -> String + Sync,
        right: impl Fn(&str, &[u8]) -> bool + Sync,
    ) -> Outcome {
        let next = AtomicU64::new(0);
        let start = Instant::now() + Duration::from_millis(50);
        let total = ((self.warm + self.measured).as_secs_f64() * self.rate) as u64;
        let results: Vec<(Samples, Vec<String>)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections)
                .map(|_| scope.spawn(|| self.connection(&next, start, total, &path, &right)))
                .collect();
            threads
                .into_iter()
                .map(|t| t.join().expect("no panic in the generator"))
                .collect()
        });
        let from = start + self.warm;
        let (mut latency, mut lag, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        let mut last = from;
        for (samples, errors) in results {
            for (due, sent, answered) in samples {
                last = last.max(answered);
                if due >= from {
                    latency.push(answered - due);
                    lag.push(sent - due);
                }
            }
            wrong.extend(errors);
        }
        wrong.sort();
        wrong.dedup();
        wrong.truncate(5);
        Outcome {
            rate: latency.len() as f64 / (last - from).max(self.measured).as_secs_f64(),
            latency: Spread::of(latency),
            lag: Spread::of(lag),
            wrong,
        }
    }

    fn connection(
        &self,
        next: &AtomicU64,
        start: Instant,
        total: u64,
        path: &(impl Fn(&mut Random) -> String + Sync),
        right: &(impl Fn(&str, &[u8]) -> bool + Sync),
    ) -> (Samples, Vec<String>) {
        let (mut samples, mut wrong) = (Vec::new(), Vec::new());
        let mut connection = None;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= total {
                return (samples, wrong);
            }
            let path = path(&mut Random::of([number, 7, 7]));
            let due = start + Duration::from_secs_f64(number as f64 / self.rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let sent = Instant::now();
            let answer = match &mut connection {
                Some(open) => Ok(open),
                None => Connection::open(self.address).map(|c| connection.insert(c)),
            }
            .and_then(|c| c.get(&path, "*/*"));
            samples.push((due, sent.max(due), Instant::now()));
            match answer {
                Ok(a) if a.status == 200 && !a.body.is_empty() && right(&path, &a.body) => {}
                Ok(a) => wrong.push(format!("{path}: {} with {} bytes", a.status, a.body.len())),
                Err(e) => {
                    wrong.push(format!("{path}: {e}"));
                    connection = None;
                }
            }
        }
    }
}
