//! Runs queries within their budget: a few at a time, each on a thread of its own whose memory is
//! counted, and each really ended before its place is free again.
//!
//! The place belongs to the work, not to the request: a client that goes away cancels its query,
//! and the next query starts once the thread has ended.
use crate::allocator::{self, Counter};
use crate::error::{Error, Kind, Result};
use oxigraph::sparql::CancellationToken;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// What one query, and all of them together, may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Of one query, from its start to its written result.
    pub time: Duration,
    /// That the evaluation of one query holds, bytes.
    pub memory_bytes: usize,
    /// Of one result as it is sent, bytes. More is refused whole, never cut.
    pub result_bytes: usize,
    /// Of the query's text, bytes.
    pub query_bytes: usize,
    /// Queries that run at the same time.
    pub concurrent: usize,
    /// How long a query waits for its turn.
    pub wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            memory_bytes: 256 << 20,
            result_bytes: 64 << 20,
            query_bytes: 64 << 10,
            concurrent: 4,
            wait: Duration::from_secs(2),
        }
    }
}

impl From<&crate::config::Sparql> for Limits {
    fn from(settings: &crate::config::Sparql) -> Self {
        Self {
            time: Duration::from_secs(settings.time_seconds),
            memory_bytes: settings.memory_megabytes << 20,
            result_bytes: settings.result_megabytes << 20,
            query_bytes: settings.query_kilobytes << 10,
            concurrent: settings.concurrent.max(1),
            ..Self::default()
        }
    }
}

/// Address space, not memory: the shape of an admitted query bounds what is touched.
pub const STACK: usize = 64 << 20;
/// How often the budget is looked at from outside, for work that only reads.
const PACE: Duration = Duration::from_millis(10);
/// After this a request is answered even if its query is in a call that cannot be interrupted.
const GRACE: Duration = Duration::from_secs(1);

/// Why a query was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Time,
    Memory,
    /// The client went away.
    Gone,
    /// A text or geometry was longer than this.
    Text(usize),
}

/// What is left of one query's time and memory. Shared between the query's thread, which asks, and
/// the request, which ends it.
pub struct Budget {
    pub token: CancellationToken,
    pub limits: Limits,
    deadline: Instant,
    used: &'static Counter,
    /// 0 while the query may go on; else [`Budget::reason`].
    stop: AtomicU8,
    text: AtomicUsize,
    calls: AtomicU32,
}

impl Budget {
    /// Unwinds once the query must end. Called for every row, so the clock is read now and then.
    #[inline]
    pub fn check(&self) {
        let calls = self.calls.load(Ordering::Relaxed).wrapping_add(1);
        self.calls.store(calls, Ordering::Relaxed);
        if calls.is_multiple_of(256) {
            self.look();
        }
        if self.stop.load(Ordering::Relaxed) != 0 || self.bytes() > self.limits.memory_bytes {
            self.look();
            resume_unwind(Box::new(Stopped));
        }
    }

    /// Ends the query here and now.
    pub fn unwind(&self, why: Stop) -> ! {
        self.end(why);
        resume_unwind(Box::new(Stopped));
    }

    fn bytes(&self) -> usize {
        usize::try_from(self.used.load(Ordering::Relaxed)).unwrap_or(0)
    }

    fn look(&self) {
        if self.bytes() > self.limits.memory_bytes {
            self.end(Stop::Memory);
        } else if Instant::now() >= self.deadline {
            self.end(Stop::Time);
        }
    }

    /// The first reason stands.
    fn end(&self, why: Stop) {
        let code = match why {
            Stop::Time => 1,
            Stop::Memory => 2,
            Stop::Gone => 3,
            Stop::Text(most) => {
                self.text.store(most, Ordering::Relaxed);
                4
            }
        };
        let _ = self
            .stop
            .compare_exchange(0, code, Ordering::Relaxed, Ordering::Relaxed);
        self.token.cancel();
    }

    /// Why the query was ended, if it was.
    fn reason(&self) -> Option<Error> {
        let limits = &self.limits;
        let busy = |message| Some(Error::new(Kind::Busy, message));
        match self.stop.load(Ordering::Relaxed) {
            0 => None,
            1 => busy(format!(
                "the query ran longer than {} and was stopped; ask for less",
                seconds(limits.time)
            )),
            2 => busy(format!(
                "the query held more than {} of memory and was stopped; ask for less",
                size(limits.memory_bytes)
            )),
            3 => busy("the client went away".into()),
            _ => busy(format!(
                "the query made or used a text longer than {} in a function and was stopped",
                size(self.text.load(Ordering::Relaxed))
            )),
        }
    }
}

/// The payload of the unwinding that ends a query.
struct Stopped;

/// `10 s`, `250 ms`.
pub fn seconds(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

/// `64 MiB`, `64 KiB`, `100 bytes`.
pub fn size(bytes: usize) -> String {
    match bytes {
        b if b >= 1 << 20 && b.is_multiple_of(1 << 20) => format!("{} MiB", b >> 20),
        b if b >= 1 << 10 && b.is_multiple_of(1 << 10) => format!("{} KiB", b >> 10),
        b => format!("{b} bytes"),
    }
}

/// The places in which queries run.
pub struct Engine {
    pub limits: Limits,
    places: Arc<Semaphore>,
    /// One for each place, used again and again.
    counters: Arc<Mutex<Vec<&'static Counter>>>,
}

impl Engine {
    pub fn new(limits: Limits) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.concurrent)),
            counters: Arc::default(),
            limits,
        }
    }

    /// Waits for a place, not for ever.
    ///
    /// # Errors
    /// [`Kind::Busy`] if none gets free in time.
    pub async fn place(&self) -> Result<OwnedSemaphorePermit> {
        tokio::time::timeout(self.limits.wait, self.places.clone().acquire_owned())
            .await
            .map_err(|_| {
                Error::new(
                    Kind::Busy,
                    format!(
                        "{} queries run now, as many as may; ask again in a few seconds",
                        self.limits.concurrent
                    ),
                )
            })?
            .map_err(Error::internal)
    }

    /// Runs `work` on a thread of its own. Dropping the future ends the work; the place is free
    /// once the thread has ended.
    ///
    /// # Errors
    /// [`Kind::Busy`] if the budget is used up; else what `work` says.
    pub async fn run<T: Send + 'static>(
        &self,
        place: OwnedSemaphorePermit,
        work: impl FnOnce(&Arc<Budget>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let counters = self.counters.clone();
        let used: &'static Counter = lock(&counters)
            .pop()
            .unwrap_or_else(|| Box::leak(Box::default()));
        let budget = Arc::new(Budget {
            token: CancellationToken::new(),
            deadline: Instant::now() + self.limits.time,
            limits: self.limits.clone(),
            used,
            stop: AtomicU8::new(0),
            text: AtomicUsize::new(0),
            calls: AtomicU32::new(0),
        });
        let (sender, mut receiver) = oneshot::channel();
        let ends = EndsWhenDropped(budget.clone());
        std::thread::Builder::new()
            .name("sparql".into())
            .stack_size(STACK)
            .spawn({
                let budget = budget.clone();
                move || {
                    let answer = {
                        let _measured = allocator::measure(used);
                        bounded(&budget, work)
                    };
                    lock(&counters).push(used);
                    drop(place);
                    let _ = sender.send(answer);
                }
            })
            .map_err(Error::internal)?;
        let deadline = budget.deadline;
        let mut pace = tokio::time::interval_at(tokio::time::Instant::now() + PACE, PACE);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let answer = loop {
            tokio::select! {
                answer = &mut receiver => break answer.map_err(Error::internal)?,
                _ = pace.tick() => {
                    budget.look();
                    if Instant::now() > deadline + GRACE
                        && let Some(reason) = budget.reason()
                    {
                        break Err(reason);
                    }
                }
            }
        };
        drop(ends);
        answer
    }

    /// Returns when no query runs.
    #[cfg(test)]
    pub async fn idle(&self) {
        let all = u32::try_from(self.limits.concurrent).expect("a small number");
        drop(self.places.acquire_many(all).await.expect("never closed"));
    }

    /// Free places.
    #[cfg(test)]
    pub fn free(&self) -> usize {
        self.places.available_permits()
    }

    /// What the last queries have not given back, bytes.
    #[cfg(test)]
    pub fn held(&self) -> isize {
        lock(&self.counters)
            .iter()
            .map(|c| c.load(Ordering::Relaxed))
            .sum()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` and tells its end by the budget from every other end.
fn bounded<T>(budget: &Arc<Budget>, work: impl FnOnce(&Arc<Budget>) -> Result<T>) -> Result<T> {
    // Nothing that the work borrowed outlives it, so nothing broken can be seen after it.
    match catch_unwind(AssertUnwindSafe(|| work(budget))) {
        // A cancelled evaluation may end in an error of its own, or swallow it in MINUS or EXISTS
        // and come to a wrong result: the reason stands before both.
        Ok(answer) => match budget.reason() {
            Some(reason) => Err(reason),
            None => answer,
        },
        Err(payload) => Err(match budget.reason() {
            Some(reason) if payload.is::<Stopped>() => reason,
            _ => Error::internal("a query panicked"),
        }),
    }
}

struct EndsWhenDropped(Arc<Budget>);

impl Drop for EndsWhenDropped {
    fn drop(&mut self) {
        self.0.end(Stop::Gone);
    }
}
