//! The port of a host as networks decide it: open while packets arrive at its address, a black hole
//! while none do.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use crate::port::{BlackHole, black_hole};

/// A port that accepts connections, or drops every packet.
pub(crate) enum Port {
    Open(TcpListener),
    Shut(SocketAddr, BlackHole),
}

impl Port {
    /// Returns a port at this address that drops every packet.
    pub(crate) async fn shut(at: SocketAddr) -> io::Result<(SocketAddr, Self)> {
        let (at, hole) = black_hole(at).await?;
        Ok((at, Self::Shut(at, hole)))
    }

    /// Waits for a connection: forever while the port drops packets.
    pub(crate) async fn accept(&self) -> io::Result<TcpStream> {
        match self {
            Self::Open(listener) => listener.accept().await.map(|(stream, _)| stream),
            Self::Shut(..) => std::future::pending().await,
        }
    }

    /// Opens or shuts the port.
    pub(crate) async fn turn(self, open: bool) -> io::Result<Self> {
        match (self, open) {
            (Self::Open(listener), false) => {
                let at = listener.local_addr()?;
                drop(listener);
                Ok(Self::shut(at).await?.1)
            }
            (Self::Shut(at, hole), true) => {
                drop(hole);
                TcpListener::bind(at).await.map(Self::Open)
            }
            (same, _) => Ok(same),
        }
    }
}

/// The hosts whose ports open and shut as resources change.
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<Vec<mpsc::UnboundedSender<oneshot::Sender<()>>>>);

impl Gates {
    /// Adds a host. It looks again for each message that it receives, and replies when it has.
    pub(crate) fn add(&self) -> mpsc::UnboundedReceiver<oneshot::Sender<()>> {
        let (ask, asked) = mpsc::unbounded_channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(ask);
        asked
    }

    /// Lets every host look again, and waits until each has.
    pub(crate) async fn look_again(&self) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for gate in all {
            let (done, wait) = oneshot::channel();
            if gate.send(done).is_ok() {
                // A host whose task has ended does not reply.
                let _ = wait.await;
            }
        }
    }
}
