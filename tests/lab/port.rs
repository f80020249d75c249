//! Ports: one for both protocols, closed ones, black holes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

/// Any free port of loopback.
pub(crate) const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A connect over loopback is over at once, or was not answered.
const AT_ONCE: Duration = Duration::from_millis(100);

/// More connections than any queue of length one takes.
const MOST: usize = 64;

/// A port that is held so that nobody else gets it, and that refuses.
#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
pub(crate) enum Closed {
    /// Bound, not listening: a SYN is answered by RST.
    Tcp(TcpSocket),
    /// The same and a UDP socket that takes nothing.
    Both(TcpSocket, UdpSocket),
}

/// How often a port that is free for TCP but not for UDP is passed over.
const TRIES: usize = 32;

/// A socket of TCP with an address.
fn bound(at: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if at.port() != 0 {
        // Whoever had this very port before may have left connections behind.
        socket.set_reuseaddr(true)?;
    }
    socket.bind(at)?;
    Ok(socket)
}

/// Listens here or, if it is taken and on loopback, at another port.
pub(crate) async fn bind(at: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(at).await {
        Err(_) if at.port() != 0 && at.ip().is_loopback() => TcpListener::bind((at.ip(), 0)).await,
        bound => bound,
    }
}

/// One port of both kinds.
pub(crate) async fn pair(at: SocketAddr) -> io::Result<(TcpSocket, UdpSocket)> {
    let mut tries = 0;
    loop {
        tries += 1;
        let socket = bound(at)?;
        match UdpSocket::bind(socket.local_addr()?).await {
            Ok(datagrams) => return Ok((socket, datagrams)),
            Err(why) if tries == TRIES => return Err(why),
            Err(_) => {}
        }
    }
}

/// A port that refuses TCP.
pub(crate) fn refuse(at: SocketAddr) -> io::Result<(SocketAddr, Closed)> {
    let socket = bound(at)?;
    Ok((socket.local_addr()?, Closed::Tcp(socket)))
}

/// A port that does not answer a SYN, as long as this is kept.
#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
pub(crate) struct BlackHole {
    listener: TcpListener,
    waiting: Vec<TcpStream>,
}

/// A listener that accepts nobody and whose queue is full: the system drops further SYNs.
pub(crate) async fn black_hole(at: SocketAddr) -> io::Result<(SocketAddr, BlackHole)> {
    let socket = bound(at)?;
    let listener = socket.listen(1)?;
    let address = listener.local_addr()?;
    let mut waiting = Vec::new();
    while waiting.len() < MOST {
        #[expect(
            clippy::disallowed_methods,
            reason = "the rule is for the tool, this is its world"
        )]
        let connecting = TcpStream::connect(address);
        match timeout(AT_ONCE, connecting).await {
            Ok(stream) => waiting.push(stream?),
            Err(_) => return Ok((address, BlackHole { listener, waiting })),
        }
    }
    Err(io::Error::other("this system accepts for a listener that does not"))
}
