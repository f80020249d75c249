//! The sockets of a name server: one port for UDP and TCP, and the faults at that level.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::{Records, denial, reply};
use crate::azure::ControlPlane;
use crate::held::Held;
use crate::port::{Closed, pair};
use crate::settings::{DnsFault, Family};

/// The fault of a name server, and the only query type that triggers it.
#[derive(Clone, Copy)]
pub(crate) struct Faulty {
    pub(crate) fault: DnsFault,
    pub(crate) only: Option<Family>,
}

impl Faulty {
    /// Returns the fault of the response to this query.
    fn of(self, question: &Message) -> DnsFault {
        let asked = question.queries.first().map(|query| query.query_type);
        let shows = match self.only {
            None => true,
            Some(Family::A) => asked == Some(RecordType::A),
            Some(Family::Aaaa) => asked == Some(RecordType::AAAA),
        };
        if shows { self.fault } else { DnsFault::None }
    }
}

/// Where a name server has its answers from.
#[derive(Debug)]
pub(crate) struct Source {
    /// The records of the scenario.
    pub(crate) records: Records,
    /// The control plane, whose private DNS zones take precedence; none for a server that does not
    /// resolve them.
    pub(crate) azure: Option<Arc<ControlPlane>>,
}

impl Source {
    /// Returns the records as they are now.
    pub(crate) fn now(&self) -> Cow<'_, Records> {
        let zones = self.azure.as_ref().map(|azure| azure.zones()).unwrap_or_default();
        match &zones[..] {
            [] => Cow::Borrowed(&self.records),
            _ => Cow::Owned(self.records.with_zones(&zones)),
        }
    }
}

/// Starts a name server at that address, or at a free port if the port is 0, and returns its
/// address.
pub(crate) async fn listen(
    source: Source,
    Faulty { fault, only }: Faulty,
    at: SocketAddr,
    held: &mut Held,
) -> io::Result<SocketAddr> {
    let (socket, datagrams) = pair(at).await?;
    let address = socket.local_addr()?;
    if fault == DnsFault::Closed {
        // A connected UDP socket accepts nothing from other addresses: the system reports the port
        // as closed, and no other process can bind it meanwhile.
        datagrams.connect((address.ip(), 1)).await?;
        held.closed.push(Closed::Both(socket, datagrams));
        return Ok(address);
    }
    let source = Arc::new(source);
    let listener = socket.listen(64)?;
    let faulty = Faulty { fault, only };
    held.tasks.spawn(serve_udp(datagrams, Arc::clone(&source), faulty));
    held.tasks.spawn(serve_tcp(listener, source, faulty));
    Ok(address)
}

/// Returns the response to some bytes, if any.
fn respond(asked: &[u8], source: &Source, faulty: Faulty, udp: bool) -> Option<Vec<u8>> {
    let records = source.now();
    let question = Message::from_vec(asked).ok()?;
    let answer = match faulty.of(&question) {
        DnsFault::NoTcp | DnsFault::Long if !udp => return None,
        DnsFault::Long if question.edns.is_some() => records.answer(&question),
        DnsFault::None | DnsFault::NoTcp => records.answer(&question),
        DnsFault::Silent | DnsFault::Closed => return None,
        DnsFault::Servfail => reply(&question, ResponseCode::ServFail),
        DnsFault::Refused => reply(&question, ResponseCode::Refused),
        DnsFault::Nxdomain => denial(&question),
        DnsFault::Garbage => return Some(b"this is no message".to_vec()),
        DnsFault::Truncate | DnsFault::Long => {
            let mut answer = records.answer(&question);
            if udp {
                answer.answers.clear();
                answer.authorities.clear();
                answer.metadata.truncation = true;
            }
            answer
        }
        DnsFault::EdnsFormerr | DnsFault::EdnsEmpty | DnsFault::EdnsGarbled
            if question.edns.is_none() =>
        {
            records.answer(&question)
        }
        DnsFault::EdnsFormerr => reply(&question, ResponseCode::FormErr),
        // As forwarders do that send what they do not understand back as a response.
        DnsFault::EdnsEmpty => reply(&question, ResponseCode::NoError),
        DnsFault::EdnsGarbled => {
            let mut bytes = reply(&question, ResponseCode::NoError).to_vec().ok()?;
            // One answer more than there is: the OPT record cut off is read as one.
            bytes[7] = 1;
            bytes.truncate(bytes.len() - 4);
            return Some(bytes);
        }
        DnsFault::WrongId => {
            let mut answer = records.answer(&question);
            answer.metadata.id ^= 0x5a5a;
            answer
        }
    };
    answer.to_vec().ok()
}

async fn serve_udp(socket: UdpSocket, source: Arc<Source>, faulty: Faulty) {
    let mut buffer = vec![0; 4096];
    loop {
        // An error here is an ICMP message about an earlier response: that client has gone.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = respond(&buffer[..length], &source, faulty, true) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

async fn serve_tcp(listener: TcpListener, source: Arc<Source>, faulty: Faulty) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                let source = Arc::clone(&source);
                connections.spawn(async move {
                    let _ = converse(stream, &source, faulty).await;
                });
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(mut stream: TcpStream, source: &Source, faulty: Faulty) -> io::Result<()> {
    loop {
        let mut asked = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut asked).await?;
        if matches!(faulty.fault, DnsFault::NoTcp | DnsFault::Long) {
            return Ok(());
        }
        if let Some(answer) = respond(&asked, source, faulty, false) {
            let length = u16::try_from(answer.len()).unwrap_or(u16::MAX);
            let mut framed = length.to_be_bytes().to_vec();
            framed.extend_from_slice(&answer[..usize::from(length)]);
            stream.write_all(&framed).await?;
        }
    }
}
