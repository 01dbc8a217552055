//! The allocator, counting what a thread under measurement holds.
//!
//! A query may sort or join for seconds without reading anything, so the memory it takes can only
//! be seen where memory is taken. Threads that nobody measures pay one read of a thread-local.
//! This is the only module with `unsafe`: the allocator trait demands it.
#![expect(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};
use tikv_jemallocator::Jemalloc;

/// How jemalloc works: memory that a graph gave up goes back to the system within a tenth of a second,
/// by a thread of its own, and lies in few heaps, whatever the number of processors.
const SETTINGS: &str = "narenas:4,dirty_decay_ms:100,muzzy_decay_ms:0,background_thread:true\0";

/// jemalloc reads an address under this name when the process starts.
// SAFETY: jemalloc alone gives this name a meaning: the address of a text that ends in zero.
#[unsafe(export_name = "_rjem_malloc_conf")]
pub static CONF: &u8 = &SETTINGS.as_bytes()[0];

/// Bytes that one thread holds. Other threads may read it at any time.
pub type Counter = AtomicIsize;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    // `const` and without a destructor: reading it never allocates, also while a thread ends.
    static COUNTER: Cell<Option<&'static Counter>> = const { Cell::new(None) };
}

/// Counts this thread's memory into `counter`, from zero, until the guard is dropped.
pub fn measure(counter: &'static Counter) -> Measured {
    counter.store(0, Ordering::Relaxed);
    COUNTER.set(Some(counter));
    Measured
}

/// Ends the measurement when dropped.
pub struct Measured;

impl Drop for Measured {
    fn drop(&mut self) {
        COUNTER.set(None);
    }
}

/// Only the measured thread writes its counter, so a load and a store are enough.
#[inline]
fn count(change: isize) {
    if let Ok(Some(counter)) = COUNTER.try_with(Cell::get) {
        counter.store(
            counter.load(Ordering::Relaxed).wrapping_add(change),
            Ordering::Relaxed,
        );
    }
}

// SAFETY: every call goes to jemalloc with the arguments it came with, and what it answers
// is given back unchanged; it keeps the contract of `GlobalAlloc`. Beside that, `count` only
// touches a thread-local without destructor and an atomic: it neither allocates nor unwinds.
// Sizes fit `isize` because `Layout` guarantees it.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { Jemalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { Jemalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { Jemalloc.dealloc(place, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed().wrapping_sub(layout.size().cast_signed()));
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { Jemalloc.realloc(place, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_thread_is_counted_and_others_are_not() {
        static COUNT: Counter = Counter::new(0);
        let unmeasured = vec![0_u8; 1 << 20];
        let measured = measure(&COUNT);
        let mut held = vec![0_u8; 1 << 20];
        std::thread::spawn(|| drop(vec![0_u8; 1 << 22]))
            .join()
            .expect("the other thread ends");
        let taken = COUNT.load(Ordering::Relaxed);
        assert!((1 << 20..1 << 21).contains(&taken), "{taken}");
        held.extend_from_slice(&unmeasured);
        let grown = COUNT.load(Ordering::Relaxed);
        assert!(grown >= 2 << 20, "{grown}");
        drop(held);
        assert!(COUNT.load(Ordering::Relaxed) < 1 << 16);
        drop(measured);
        drop(vec![0_u8; 1 << 20]);
        assert!(COUNT.load(Ordering::Relaxed) < 1 << 16);
    }
}
