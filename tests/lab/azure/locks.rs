//! Management locks, which refuse changes whatever the caller's roles.

use hyper::StatusCode;

use super::reply::Reply;
use super::store::{Store, id_of, text, within};

pub(crate) const LOCK: &str = "Microsoft.Authorization/locks";

/// Returns the refusal of a change at a path where a lock is in force, in the form of the page "Lock
/// your Azure resources to protect your infrastructure" and of public reports.
pub(crate) fn locked(store: &Store, path: &str, deletes: bool) -> Option<Reply> {
    let lock = store.of_type(LOCK).find(|lock| {
        let level = text(lock, "/properties/level");
        within(path, scope_of(id_of(lock)))
            && (level == "ReadOnly" || deletes && level == "CanNotDelete")
    })?;
    let operation = if deletes { "delete" } else { "write" };
    let scope = scope_of(id_of(lock));
    let message = format!(
        "The scope '{path}' cannot perform {operation} operation because following scope(s) are locked: '{scope}'. \
         Please remove the lock and try again."
    );
    Some(Reply::error(StatusCode::CONFLICT, "ScopeLocked", &message))
}

/// Returns the scope of an extension resource, which is in its id.
pub(crate) fn scope_of(id: &str) -> &str {
    id.split("/providers/Microsoft.Authorization/").next().unwrap_or_default()
}
