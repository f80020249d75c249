//! Memory: large pieces are pages of their own and are given back, small ones are kept until the end.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr,
};

use crate::system::{map, unmap};

/// Pieces from this length on are pages of their own.
const LARGE: usize = 64 * 1024;
/// How much memory for small pieces is asked for at a time.
const BLOCK: usize = 1024 * 1024;

/// Hands out memory.
struct Memory {
    /// The rest of the block for small pieces: its first free byte, and its end.
    rest: UnsafeCell<(usize, usize)>,
}

// SAFETY: the loader has a single thread.
unsafe impl Sync for Memory {}

#[global_allocator]
static MEMORY: Memory = Memory { rest: UnsafeCell::new((0, 0)) };

// SAFETY: each piece is of the asked length and alignment and is handed out once. Pages are aligned
// to more than anything here asks for.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= LARGE {
            return map(layout.size());
        }
        // SAFETY: the loader has a single thread, and no reference outlives this call.
        let (free, end) = unsafe { &mut *self.rest.get() };
        let mut place = free.next_multiple_of(layout.align());
        if place + layout.size() > *end {
            place = map(BLOCK) as usize;
            if place == 0 {
                return ptr::null_mut();
            }
            *end = place + BLOCK;
        }
        *free = place + layout.size();
        place as *mut u8
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        if layout.size() >= LARGE {
            // SAFETY: it was mapped for this length, and the caller gives it up.
            unsafe { unmap(place, layout.size()) };
        }
    }
}
