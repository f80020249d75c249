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

/// The files in which Go looks for the authorities of a Linux system (`crypto/x509/root_linux.go`).
/// It reads the first of them that is there.
pub const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// The directories of which it reads every file as well.
pub const CERTIFICATE_FOLDERS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

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
    /// The authorities that systems trust when they are installed.
    public: Arc<RootCertStore>,
    /// The authorities of `--ca-file`, which are part of the store already.
    given: Vec<CertificateDer<'static>>,
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
            HostPurpose::Other | HostPurpose::SignIn => Whose::Host(host.endpoint()),
        }
    }
}

impl Roots {
    /// Returns a trust store that `read` fills when it is first needed. `read` may block.
    /// `public` are the authorities that systems trust when they are installed, `given` those that the
    /// user named.
    pub fn read_later(
        read: impl Fn() -> RootCertStore + Send + Sync + 'static,
        public: RootCertStore,
        given: Vec<CertificateDer<'static>>,
    ) -> Self {
        let (store, more, unverified) = (OnceCell::new(), Mutex::default(), Mutex::default());
        let public = Arc::new(public);
        Self(Arc::new(Inner { read: Box::new(read), store, more, unverified, public, given }))
    }

    /// Returns the authorities that systems trust when they are installed.
    pub fn public(&self) -> Arc<RootCertStore> {
        self.0.public.clone()
    }

    /// Returns the authorities that the user named.
    pub fn given(&self) -> &[CertificateDer<'static>] {
        &self.0.given
    }

    /// Trusts more authorities for that host, in addition to the trust store.
    pub fn trust_for(&self, host: &Host, more: Vec<CertificateDer<'static>>) {
        let mut trusted = self.0.more.lock().unwrap_or_else(PoisonError::into_inner);
        trusted.entry(Whose::of(host)).or_default().extend(more);
    }

    /// Returns whether more authorities are trusted for that host than the trust store has.
    pub fn has_more_for(&self, host: &Host) -> bool {
        let trusted = self.0.more.lock().unwrap_or_else(PoisonError::into_inner);
        trusted.contains_key(&Whose::of(host))
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

    /// Returns that trust store with the authorities that are trusted for that host only.
    pub fn with_those_of(&self, host: &Host, store: Arc<RootCertStore>) -> Arc<RootCertStore> {
        let trusted = self.0.more.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(more) = trusted.get(&Whose::of(host)) else { return store };
        let mut store = RootCertStore::clone(&store);
        store.add_parsable_certificates(more.iter().cloned());
        Arc::new(store)
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
        let public = store.clone();
        Self::read_later(move || store.clone(), public, vec![])
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roots")
    }
}
