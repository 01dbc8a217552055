//! The system's allocator, counting what a thread under measurement holds.
//!
//! A query may sort or join for seconds without reading anything, so the memory it takes can only
//! be seen where memory is taken. Threads that nobody measures pay one read of a thread-local.
//! This is the only module with `unsafe`: the allocator trait demands it.
#![expect(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering};

/// Bytes that one thread holds. Other threads may read it at any time.
pub type Counter = AtomicIsize;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    // `const` and without a destructor: reading it never allocates, also while a thread ends.
    static COUNTER: Cell<Option<&'static Counter>> = const { Cell::new(None) };
}

/// Gives memory that is free back to the system. The allocator keeps what other threads freed, which
/// after a graph was replaced is more than the new one needs.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `malloc_trim` takes no pointer and may be called by any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Keeps memory in three heaps, instead of eight for each processor: what
/// a thread frees in one heap is of no use to the others, and a graph that is replaced again and
/// again would come to lie in all of them. To be called before threads start.
pub fn few_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `mallopt` takes two numbers, and no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 3);
    }
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

// SAFETY: every call goes to `System` with the arguments it came with, and what `System` answers
// is given back unchanged; `System` keeps the contract of `GlobalAlloc`. Beside that, `count` only
// touches a thread-local without destructor and an atomic: it neither allocates nor unwinds.
// Sizes fit `isize` because `Layout` guarantees it.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(place, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed().wrapping_sub(layout.size().cast_signed()));
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(place, layout, size) }
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
