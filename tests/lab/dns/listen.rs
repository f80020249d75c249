//! The sockets of a name server: one port for UDP and TCP, and the faults that show there.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hickory_proto::op::{Message, ResponseCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::{Records, denial, reply};
use crate::port::{Closed, pair};
use crate::settings::DnsFault;

/// Starts a name server and says where it listens.
pub(crate) async fn listen(
    records: Records,
    fault: DnsFault,
    tasks: &mut JoinSet<()>,
    closed: &mut Vec<Closed>,
) -> io::Result<SocketAddr> {
    let (socket, datagrams) = pair().await?;
    let address = socket.local_addr()?;
    if fault == DnsFault::Closed {
        // A socket that is connected elsewhere takes nothing from anyone else: the system answers that the port
        // is closed, and nobody can open it meanwhile.
        datagrams.connect((Ipv4Addr::LOCALHOST, 1)).await?;
        closed.push(Closed::Both(socket, datagrams));
        return Ok(address);
    }
    let records = Arc::new(records);
    let listener = socket.listen(64)?;
    tasks.spawn(serve_udp(datagrams, Arc::clone(&records), fault));
    tasks.spawn(serve_tcp(listener, records, fault));
    Ok(address)
}

/// What goes back for some bytes, if anything.
fn respond(asked: &[u8], records: &Records, fault: DnsFault, udp: bool) -> Option<Vec<u8>> {
    let question = Message::from_vec(asked).ok()?;
    let answer = match fault {
        DnsFault::None => records.answer(&question),
        DnsFault::Silent | DnsFault::Closed => return None,
        DnsFault::Servfail => reply(&question, ResponseCode::ServFail),
        DnsFault::Refused => reply(&question, ResponseCode::Refused),
        DnsFault::Nxdomain => denial(&question),
        DnsFault::Garbage => return Some(b"this is no message".to_vec()),
        DnsFault::Truncate => {
            let mut answer = records.answer(&question);
            if udp {
                answer.answers.clear();
                answer.authorities.clear();
                answer.metadata.truncation = true;
            }
            answer
        }
        DnsFault::WrongId => {
            let mut answer = records.answer(&question);
            answer.metadata.id ^= 0x5a5a;
            answer
        }
    };
    answer.to_vec().ok()
}

async fn serve_udp(socket: UdpSocket, records: Arc<Records>, fault: DnsFault) {
    let mut buffer = vec![0; 4096];
    loop {
        // An error here is an ICMP complaint about an earlier answer: whoever asked has gone.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = respond(&buffer[..length], &records, fault, true) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

async fn serve_tcp(listener: TcpListener, records: Arc<Records>, fault: DnsFault) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                let records = Arc::clone(&records);
                connections.spawn(async move {
                    let _ = converse(stream, &records, fault).await;
                });
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(mut stream: TcpStream, records: &Records, fault: DnsFault) -> io::Result<()> {
    loop {
        let mut asked = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut asked).await?;
        if let Some(answer) = respond(&asked, records, fault, false) {
            let length = u16::try_from(answer.len()).unwrap_or(u16::MAX);
            let mut framed = length.to_be_bytes().to_vec();
            framed.extend_from_slice(&answer[..usize::from(length)]);
            stream.write_all(&framed).await?;
        }
    }
}
