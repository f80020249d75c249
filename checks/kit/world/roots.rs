//! The trust store: read when TLS first needs it, with a timeout.

use std::{fmt, sync::Arc};

use rustls::RootCertStore;
use tokio::{sync::OnceCell, task::spawn_blocking, time::timeout};

use super::FILE_WAIT;

/// The certificate authorities that are trusted here.
#[derive(Clone)]
pub struct Roots(Arc<Inner>);

struct Inner {
    read: Box<dyn Fn() -> RootCertStore + Send + Sync>,
    /// The result of the only attempt to read it; `None` inside when it failed.
    store: OnceCell<Option<Arc<RootCertStore>>>,
}

impl Roots {
    /// Returns a trust store that `read` fills when it is first needed. `read` may block.
    pub fn read_later(read: impl Fn() -> RootCertStore + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { read: Box::new(read), store: OnceCell::new() }))
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
