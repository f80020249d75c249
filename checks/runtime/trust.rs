//! Which authorities does containerd trust, where its environment names them?
//!
//! Go reads them once, at the first use of TLS: what a file had before containerd started is certainly
//! among them.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::RootCertStore;

use super::{
    problem::{NotFollowed, Problem},
    proxies::Known,
};
use crate::kit::{
    Cx,
    world::{Process, TrustFile, TrustPlaces, TrustStore},
};

/// The most looks at files: all of them in one go.
pub(super) const MAX_READS: usize = 1;

/// The file of a trust store that was changed last.
pub(super) struct Newest {
    pub(super) file: String,
    pub(super) changed: Timestamp,
}

/// Follows the trust store that containerd's environment names: the pull is judged by it from now on.
/// Returns its newest file, if there is any.
pub(super) async fn follow(cx: &Cx, process: Option<&Process>, known: &Known) -> Option<Newest> {
    let places = TrustPlaces::of(|name| known.value(name))?;
    let set = TrustPlaces::VARIABLES.into_iter().filter_map(|name| {
        let value = known.value(name).filter(|value| !value.is_empty())?;
        Some(format!("{name}={value}"))
    });
    let written: Vec<String> = set.collect();
    let file = known.file.clone();
    if !places.are_absolute() {
        let (what, written) = (NotFollowed::Environment, written.join(" "));
        cx.add_finding(Problem::NotReplayed { file, what, written });
        return None;
    }
    let read = cx.world.trust(&places).await;
    let is_complete = read.unread.is_empty();
    for (file, error) in read.unread {
        cx.add_finding(Problem::TrustFileUnreadable { file, said: error.to_string() });
    }
    let is_older =
        |file: &&TrustFile| process.and_then(|it| it.started_after(file.changed)) == Some(true);
    let is_start_known = process.is_some_and(|process| process.started.is_some());
    let before = if is_start_known {
        store(cx, &mut read.files.iter().filter(is_older))
    } else {
        cx.world.roots.public()
    };
    let now = store(cx, &mut read.files.iter());
    let _ = cx.world.containerd_trust.set(TrustStore { now, before, is_complete });
    cx.add_finding(Problem::TrustStoreReplaced { file, written, seen: known.seen });
    let newest = read.files.into_iter().max_by_key(|file| file.changed)?;
    Some(Newest { file: newest.file, changed: newest.changed })
}

/// Returns the authorities of these files, and those that the user named.
fn store(cx: &Cx, files: &mut dyn Iterator<Item = &TrustFile>) -> Arc<RootCertStore> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(files.flat_map(|file| file.certificates.iter().cloned()));
    store.add_parsable_certificates(cx.world.roots.given().iter().cloned());
    Arc::new(store)
}
