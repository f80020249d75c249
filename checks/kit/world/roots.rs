//! The trust store: read when TLS first needs it, with a timeout.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{RootCertStore, pki_types::CertificateDer};
use tokio::{sync::OnceCell, task::spawn_blocking, time::timeout};

use super::FILE_WAIT;
use crate::kit::target::{Host, HostPurpose};

/// The certificate authorities that are trusted here.
#[derive(Clone)]
pub struct Roots(Arc<Inner>);

struct Inner {
    read: Box<dyn Fn() -> RootCertStore + Send + Sync>,
    /// The result of the only attempt to read it; `None` inside when it failed.
    store: OnceCell<Option<Arc<RootCertStore>>>,
    /// The authorities that are trusted for some hosts only.
    more: Mutex<HashMap<Whose, Vec<CertificateDer<'static>>>>,
    /// The mirrors whose certificates containerd does not verify.
    unverified: Mutex<HashSet<Whose>>,
}

/// The hosts that an authority is trusted for.
#[derive(PartialEq, Eq, Hash)]
enum Whose {
    /// The registry and the hosts that it redirects to: containerd has one client for them.
    Registry,
    /// A mirror and the hosts that it redirects to.
    Mirror(u8),
    /// One host.
    Host(String),
}

impl Whose {
    fn of(host: &Host) -> Self {
        match host.purpose {
            HostPurpose::Registry | HostPurpose::Data => Whose::Registry,
            HostPurpose::Mirror(number) => Whose::Mirror(number),
            HostPurpose::Other => Whose::Host(host.endpoint()),
        }
    }
}

impl Roots {
    /// Returns a trust store that `read` fills when it is first needed. `read` may block.
    pub fn read_later(read: impl Fn() -> RootCertStore + Send + Sync + 'static) -> Self {
        let (store, more, unverified) = (OnceCell::new(), Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { read: Box::new(read), store, more, unverified }))
    }

    /// Trusts more authorities for that host, in addition to the trust store.
    pub fn trust_for(&self, host: &Host, more: Vec<CertificateDer<'static>>) {
        let mut trusted = self.0.more.lock().unwrap_or_else(PoisonError::into_inner);
        trusted.entry(Whose::of(host)).or_default().extend(more);
    }

    /// Accepts any certificate of a mirror from now on, as containerd does with `skip_verify`. No
    /// other host can be excepted: only mirrors get no credentials.
    pub fn accept_any_for(&self, host: &Host) {
        if matches!(host.purpose, HostPurpose::Mirror(_)) {
            let mut unverified = self.0.unverified.lock().unwrap_or_else(PoisonError::into_inner);
            unverified.insert(Whose::of(host));
        }
    }

    /// Returns whether the certificate of that host must be valid.
    pub fn must_verify(&self, host: &Host) -> bool {
        let unverified = self.0.unverified.lock().unwrap_or_else(PoisonError::into_inner);
        !unverified.contains(&Whose::of(host))
    }

    /// Returns the authorities that are trusted for that host.
    pub async fn store_for(&self, host: &Host) -> Option<Arc<RootCertStore>> {
        let store = self.store().await?;
        let trusted = self.0.more.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(more) = trusted.get(&Whose::of(host)) else { return Some(store) };
        let mut store = RootCertStore::clone(&store);
        store.add_parsable_certificates(more.iter().cloned());
        Some(Arc::new(store))
    }

    /// Returns the trust store; `None` when reading it takes too long. That is final: no other
    /// step waits for it again.
    pub async fn store(&self) -> Option<Arc<RootCertStore>> {
        let read = || async {
            let roots = self.clone();
            // Its files may be on a file system that hangs, which must not block the only thread.
            let reading = spawn_blocking(move || (roots.0.read)());
            timeout(FILE_WAIT, reading).await.ok()?.ok().map(Arc::new)
        };
        self.0.store.get_or_init(read).await.clone()
    }
}

impl From<RootCertStore> for Roots {
    fn from(store: RootCertStore) -> Self {
        Self::read_later(move || store.clone())
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roots")
    }
}
