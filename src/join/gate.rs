//! Holds back what is seen of images until they were announced, with the credentials of their pods.

use std::cell::{Cell, RefCell};

use checks::kit::engine::Event;

use crate::report::is_interruption;

/// The events of images, which wait for their announcement.
pub(crate) struct Gate<T> {
    tell: T,
    held: RefCell<Option<Vec<Event>>>,
    told_of_stop: Cell<bool>,
}

impl<T: Fn(Event)> Gate<T> {
    /// Begins closed.
    pub(crate) const fn new(tell: T) -> Self {
        Self { tell, held: RefCell::new(Some(vec![])), told_of_stop: Cell::new(false) }
    }

    /// Tells an event at once.
    pub(crate) fn tell(&self, event: Event) {
        (self.tell)(event);
    }

    /// Tells an event once the images were announced.
    pub(crate) fn pass(&self, event: Event) {
        if is_interruption(&event.kind) {
            self.told_of_stop.set(true);
        }
        if let Some(held) = self.held.borrow_mut().as_mut() {
            held.push(event);
            return;
        }
        self.tell(event);
    }

    /// Tells what was held back.
    pub(crate) fn open(&self) {
        self.held.take().into_iter().flatten().for_each(&self.tell);
    }

    /// Returns whether one of those who look said that the user ended the run.
    pub(crate) const fn was_told_of_stop(&self) -> bool {
        self.told_of_stop.get()
    }
}
