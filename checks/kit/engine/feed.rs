//! A list that may still grow: readers take what is there at once and wait for the rest.

use std::cell::{Cell, RefCell};

use tokio::sync::Notify;

/// Filled by the step that finds things, read by the step that uses them meanwhile.
#[derive(Debug)]
pub struct Feed<T> {
    items: RefCell<Vec<T>>,
    closed: Cell<bool>,
    changed: Notify,
}

impl<T> Default for Feed<T> {
    fn default() -> Self {
        Self { items: RefCell::default(), closed: Cell::new(false), changed: Notify::new() }
    }
}

impl<T: Clone + PartialEq> Feed<T> {
    /// A list that is complete from the start.
    pub fn complete(items: Vec<T>) -> Self {
        Self { items: RefCell::new(items), closed: Cell::new(true), changed: Notify::new() }
    }

    /// Adds an item, unless it is there already.
    pub fn add(&self, item: T) {
        if !self.items.borrow().contains(&item) {
            self.items.borrow_mut().push(item);
            self.changed.notify_waiters();
        }
    }

    /// Says that nothing more will come.
    pub fn close(&self) {
        self.closed.set(true);
        self.changed.notify_waiters();
    }

    /// The item at that place, once it is there; `None` once it is sure that it never will be.
    pub async fn get(&self, place: usize) -> Option<T> {
        loop {
            // One thread: nothing can change between this look and the wait.
            let changed = self.changed.notified();
            if let Some(item) = self.items.borrow().get(place) {
                return Some(item.clone());
            }
            if self.closed.get() {
                return None;
            }
            changed.await;
        }
    }
}
