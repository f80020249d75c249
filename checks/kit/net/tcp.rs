//! One TCP connection to one address.

use std::net::SocketAddr;

use serde_json::Map;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{Fault, TCP_WAIT};
use crate::kit::engine::{Cx, Exchange};

/// A byte stream to a host: a TCP connection, or a tunnel through a proxy.
pub type Stream = Box<dyn Io>;

/// A stream that can be read and written.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Connects to an address and records the attempt.
pub async fn connect(cx: &Cx, address: SocketAddr) -> Result<TcpStream, Fault> {
    let began = Instant::now();
    let got = dial(cx.world.route(address)).await;
    cx.exchanged(Exchange {
        to: &address.to_string(),
        request: "connect",
        response: got.as_ref().map_or_else(Fault::word, |_| "connected"),
        details: Map::new(),
        took: began.elapsed(),
    });
    got
}

/// Connects, with a timeout.
pub(super) async fn dial(address: SocketAddr) -> Result<TcpStream, Fault> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that connects")]
    let connecting = TcpStream::connect(address);
    match timeout(TCP_WAIT, connecting).await {
        Ok(Ok(stream)) => {
            // Requests and responses are small: waiting to fill a packet (Nagle) only costs round
            // trips.
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Ok(Err(error)) => Err(Fault::from(&error)),
        Err(_) => Err(Fault::TimedOut),
    }
}
