//! A list that may still grow: readers use the items so far and wait for more.

use std::cell::{Cell, RefCell};

use tokio::sync::Notify;

/// A list that one step fills while the next step already reads it.
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
    /// Returns a list that is complete from the start.
    pub fn complete(items: Vec<T>) -> Self {
        Self { items: RefCell::new(items), closed: Cell::new(true), changed: Notify::new() }
    }

    /// Adds an item, unless the list contains it already.
    pub fn add(&self, item: T) {
        if !self.items.borrow().contains(&item) {
            self.items.borrow_mut().push(item);
            self.changed.notify_waiters();
        }
    }

    /// Marks the list as complete.
    pub fn close(&self) {
        self.closed.set(true);
        self.changed.notify_waiters();
    }

    /// Waits for the item at this position; returns `None` when the list ends before it.
    pub async fn get(&self, place: usize) -> Option<T> {
        loop {
            // There is only one thread, so nothing changes between this look and the wait.
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
