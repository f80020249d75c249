//! Which authorities does containerd trust: those of the system, or those that its environment names?
//!
//! Go reads them once, at the first use of TLS: what a file had before containerd started is certainly
//! among them.

use std::sync::Arc;

use rustls::RootCertStore;

use super::problem::{NotFollowed, Problem};
use crate::kit::{
    Cx,
    world::{Process, TrustChange, TrustFile, TrustPlaces, TrustRead, TrustStore, Variables},
};

/// The most looks at files: all of a store in one go.
pub(super) const MAX_READS: usize = 2;

/// Follows the trust store of containerd: the pull is judged by it from now on. Nothing is followed
/// where the node has none at all.
pub(super) async fn follow(cx: &Cx, process: Option<&Process>, known: &Variables) {
    let named = TrustPlaces::of(|name| known.value(name));
    let written = TrustPlaces::written(|name| known.value(name));
    let file = known.file.clone();
    if named.as_ref().is_some_and(|named| !named.are_absolute()) {
        let (what, written) = (NotFollowed::Environment, written.join(" "));
        cx.add_finding(Problem::NotReplayed { file, what, written });
        return;
    }
    let is_system = named.is_none();
    let places = named.unwrap_or_else(TrustPlaces::system);
    let read = cx.world.trust(&places).await;
    if is_system && !read.is_there() {
        return;
    }
    for (file, error) in &read.unread {
        let (file, said) = (file.clone(), error.to_string());
        cx.add_finding(Problem::TrustFileUnreadable { file, said });
    }
    let delivered = cx.world.trust(&TrustPlaces::delivered()).await;
    let may_be_installed = !delivered.files.is_empty() && places.have_system_folders();
    let all = || read.files.iter().chain(&delivered.files);
    let store = TrustStore {
        now: cx.world.store_of(read.files.iter()),
        delivered: may_be_installed.then(|| cx.world.store_of(all())),
        before: before(cx, is_system, process, &read),
        is_complete: read.unread.is_empty(),
        unknown: unknown(process, &read),
        places,
    };
    let _ = cx.world.containerd_trust.set(store);
    if !is_system {
        cx.add_finding(Problem::TrustStoreReplaced { file, written, seen: known.seen });
    }
}

/// Returns the authorities that containerd certainly has.
fn before(
    cx: &Cx,
    is_system: bool,
    process: Option<&Process>,
    read: &TrustRead,
) -> Arc<RootCertStore> {
    if process.is_none_or(|process| process.started.is_none()) {
        return cx.world.roots.public();
    }
    let is_older =
        |file: &&TrustFile| process.and_then(|it| it.started_after(file.changed)) == Some(true);
    let before = cx.world.store_of(read.files.iter().filter(is_older));
    if !is_system {
        return before;
    }
    // A bundle that was made again had the public ones before.
    let mut before = RootCertStore::clone(&before);
    before.extend(cx.world.roots.public().roots.iter().cloned());
    Arc::new(before)
}

/// Returns the newest change that containerd may not know of.
fn unknown(process: Option<&Process>, read: &TrustRead) -> Option<TrustChange> {
    let (file, changed) = read.newest()?;
    if process.and_then(|process| process.started_after(changed)) == Some(true) {
        return None;
    }
    let started = process.and_then(|process| process.started);
    Some(TrustChange { file: file.to_owned(), changed, started })
}
