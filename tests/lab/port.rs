//! Ports: one for both protocols, closed ones, black holes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

/// Any free port of loopback.
pub(crate) const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A connection over loopback that takes longer than this gets no response.
const AT_ONCE: Duration = Duration::from_millis(100);

/// More connections than any queue of length one holds.
const MOST: usize = 64;

/// A reserved port that refuses connections.
#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
pub(crate) enum Closed {
    /// Bound, not listening: the system responds to a SYN with RST.
    Tcp(TcpSocket),
    /// The same, and a UDP socket that accepts nothing.
    Both(TcpSocket, UdpSocket),
}

/// How often a port that is free for TCP but not for UDP is skipped.
const TRIES: usize = 32;

/// Returns a bound TCP socket.
fn bound(at: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if at.port() != 0 {
        // Connections of the port's previous owner may still be closing.
        socket.set_reuseaddr(true)?;
    }
    socket.bind(at)?;
    Ok(socket)
}

/// Listens at this address; if it is taken and on loopback, at another port.
pub(crate) async fn bind(at: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(at).await {
        Err(_) if at.port() != 0 && at.ip().is_loopback() => TcpListener::bind((at.ip(), 0)).await,
        bound => bound,
    }
}

/// Binds one port for both TCP and UDP.
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

/// Reserves a port that refuses TCP connections.
pub(crate) fn refuse(at: SocketAddr) -> io::Result<(SocketAddr, Closed)> {
    let socket = bound(at)?;
    Ok((socket.local_addr()?, Closed::Tcp(socket)))
}

/// A port that does not respond to a SYN as long as this value exists.
#[derive(Debug)]
#[expect(dead_code, reason = "held, not read")]
pub(crate) struct BlackHole {
    listener: TcpListener,
    waiting: Vec<TcpStream>,
}

/// Returns a listener that accepts no connection and whose queue is full: the system drops further
/// SYNs.
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
