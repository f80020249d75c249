//! A static table that is looked up by name.

use std::{iter::Map, slice};

/// Values by name, sorted, so that a look-up is a binary search.
#[derive(Clone, Copy, Debug)]
pub struct Table<T: 'static>(pub(crate) &'static [Row<T>]);

/// A name and its value.
type Row<T> = (&'static str, T);

/// Every name and its value, in the order of the names.
type Iter<T> = Map<slice::Iter<'static, Row<T>>, fn(&'static Row<T>) -> Row<&'static T>>;

impl<T> Table<T> {
    /// Returns the value of that name.
    pub fn get(&self, name: &str) -> Option<&'static T> {
        self.row(name).map(|(_, value)| value)
    }

    /// Returns that name and its value.
    pub fn row(&self, name: &str) -> Option<(&'static str, &'static T)> {
        let place = self.0.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        self.0.get(place).map(|(name, value)| (*name, value))
    }

    /// Returns every name and its value, in the order of the names.
    pub fn iter(&self) -> Iter<T> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Returns every name.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &'static str> + use<T> {
        self.iter().map(|(name, _)| name)
    }

    /// Returns every value.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &'static T> + use<T> {
        self.iter().map(|(_, value)| value)
    }
}

impl<T> IntoIterator for &Table<T> {
    type Item = Row<&'static T>;
    type IntoIter = Iter<T>;

    fn into_iter(self) -> Iter<T> {
        self.iter()
    }
}
