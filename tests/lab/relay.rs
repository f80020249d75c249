//! A path with latency: what goes in at one end comes out at the other half a round trip later,
//! over TCP and UDP alike.
//!
//! Only a kernel can delay the response to a SYN, and this one accepts at once. So the first bytes
//! of a connection are sent a whole round trip after it was accepted, as if the handshake had taken
//! that time.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};

use crate::port::{ANYWHERE, pair};

/// A path to one address.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    /// The destination.
    to: SocketAddr,
    round_trip: Duration,
    /// The number of connections through this path.
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Relay {
    pub(crate) fn new(to: SocketAddr, round_trip: Duration) -> Self {
        Self { to, round_trip, connections: Arc::default() }
    }

    /// Opens the path and returns the address of its near end.
    pub(crate) async fn open(&self, tasks: &mut JoinSet<()>) -> io::Result<SocketAddr> {
        let (socket, datagrams) = pair(ANYWHERE).await?;
        let from = socket.local_addr()?;
        tasks.spawn(self.clone().carry_streams(socket.listen(64)?));
        tasks.spawn(self.clone().carry_datagrams(Arc::new(datagrams)));
        Ok(from)
    }

    async fn carry_streams(self, listener: TcpListener) {
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    self.connections.fetch_add(1, Ordering::Relaxed);
                    open.spawn(quietly(self.clone().carry(stream)));
                },
                Some(_) = open.join_next() => {}
            }
        }
    }

    async fn carry(self, mut near: TcpStream) -> io::Result<()> {
        let half = self.round_trip / 2;
        let (begun, there) = (Instant::now() + self.round_trip, Instant::now() + half);
        #[expect(
            clippy::disallowed_methods,
            reason = "the rule is for the tool, this is its world"
        )]
        let mut far = TcpStream::connect(self.to).await?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let ((from_near, to_near), (from_far, to_far)) = (near.split(), far.split());
        tokio::try_join!(
            flow(from_near, to_far, half, begun),
            flow(from_far, to_near, half, there)
        )?;
        Ok(())
    }

    async fn carry_datagrams(self, near: Arc<UdpSocket>) {
        let mut open = JoinSet::new();
        let mut buffer = vec![0; 4096];
        loop {
            tokio::select! {
                // An error here is an ICMP message about an earlier response: that client has gone.
                received = near.recv_from(&mut buffer) => if let Ok((length, from)) = received {
                    let asked = buffer[..length].to_vec();
                    open.spawn(quietly(self.clone().carry_datagram(near.clone(), from, asked)));
                },
                Some(_) = open.join_next() => {}
            }
        }
    }

    /// Relays one query and its response.
    async fn carry_datagram(
        self,
        near: Arc<UdpSocket>,
        from: SocketAddr,
        asked: Vec<u8>,
    ) -> io::Result<()> {
        let half = self.round_trip / 2;
        let begun = Instant::now();
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        far.connect(self.to).await?;
        exactly(begun + half).await;
        far.send(&asked).await?;
        let mut buffer = vec![0; 4096];
        let length = far.recv(&mut buffer).await?;
        exactly(Instant::now() + half).await;
        near.send_to(&buffer[..length], from).await?;
        Ok(())
    }
}

/// Relays one direction of a connection. Nothing is sent before `begun`; bytes that arrived
/// together are sent together.
async fn flow(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    half: Duration,
    begun: Instant,
) -> io::Result<()> {
    let (queue, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    let taking = async move {
        loop {
            let mut bytes = vec![0; 16 * 1024];
            let length = from.read(&mut bytes).await?;
            bytes.truncate(length);
            let leaves = Instant::now().max(begun) + half;
            // The end of the stream is delayed too, and nothing follows it.
            if queue.send((leaves, bytes)).await.is_err() || length == 0 {
                return Ok(());
            }
        }
    };
    let giving = async move {
        while let Some((leaves, bytes)) = due.recv().await {
            exactly(leaves).await;
            if bytes.is_empty() {
                return to.shutdown().await;
            }
            to.write_all(&bytes).await?;
        }
        Ok(())
    };
    tokio::try_join!(taking, giving)?;
    Ok(())
}

/// Waits until that time. The timer counts whole milliseconds, and two too many would matter in a
/// round trip of twenty.
async fn exactly(then: Instant) {
    sleep_until(then - Duration::from_millis(2)).await;
    while Instant::now() < then {
        yield_now().await;
    }
}

/// Errors of client connections do not matter.
async fn quietly(carrying: impl Future<Output = io::Result<()>>) {
    let _ = carrying.await;
}
