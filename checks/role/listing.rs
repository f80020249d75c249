//! A list that Azure Resource Manager returned, and whether all of it was read.

use serde_json::Value;

/// The largest number of entries that is read from one list. A subscription holds at most 4000 role
/// assignments (Microsoft Learn, "Azure RBAC limits").
const MAX_ENTRIES: usize = 20_000;

/// Entries of a list.
///
/// An empty list that is complete says only that nothing was *shown*: without permission to read,
/// Azure Resource Manager answers with an empty list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// The entries that were read.
    pub entries: Vec<T>,
    /// Whether every entry of every page was read. If not, what is missing may be among the rest.
    pub complete: bool,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { entries: vec![], complete: true }
    }
}

impl<T> Listing<T> {
    /// Reads one page: `{"value": [..], "nextLink": ..}`. A page that is not a list, and an entry
    /// that cannot be read, leave the listing incomplete. The caller follows `nextLink`.
    pub fn read(page: &Value, entry: impl Fn(&Value) -> Option<T>) -> Self {
        let Some(listed) = page.get("value").and_then(Value::as_array) else {
            return Self { entries: vec![], complete: false };
        };
        let entries: Vec<T> = listed.iter().take(MAX_ENTRIES).filter_map(entry).collect();
        let complete = entries.len() == listed.len();
        Self { entries, complete }
    }

    /// Adds another page, or another list of the same kind.
    pub fn add(&mut self, page: Self) {
        self.entries.extend(page.entries);
        self.complete &= page.complete;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Listing;

    #[test]
    fn what_cannot_be_read_leaves_the_list_incomplete() {
        let read = |page: Value| Listing::read(&page, Value::as_u64);
        assert_eq!(
            read(json!({ "value": [1, 2] })),
            Listing { entries: vec![1, 2], complete: true }
        );
        assert_eq!(
            read(json!({ "value": [1, {}] })),
            Listing { entries: vec![1], complete: false }
        );
        for page in [json!({}), json!([1]), json!({ "value": null }), json!(null)] {
            assert_eq!(read(page), Listing { entries: vec![], complete: false });
        }
        let mut all = read(json!({ "value": [1] }));
        all.add(read(json!({ "value": [2, ""] })));
        assert_eq!(all, Listing { entries: vec![1, 2], complete: false });
    }
}
