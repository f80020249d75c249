//! Tests the name servers with DNS messages built here.

use std::net::SocketAddr;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use lab::{Lab, Scenario};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

async fn world(text: &str) -> Lab {
    lab::start(&Scenario::parse(text).unwrap()).await.unwrap()
}

fn server(lab: &Lab, address: &str) -> SocketAddr {
    lab.routes[&address.parse().unwrap()]
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(4711, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

async fn udp(server: SocketAddr, asked: &Message) -> std::io::Result<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(server).await?;
    socket.send(&asked.to_vec().unwrap()).await?;
    let mut buffer = vec![0; 4096];
    let length = socket.recv(&mut buffer).await?;
    buffer.truncate(length);
    Ok(buffer)
}

async fn tcp(server: SocketAddr, asked: &Message) -> Message {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let bytes = asked.to_vec().unwrap();
    stream.write_u16(u16::try_from(bytes.len()).unwrap()).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut answer).await.unwrap();
    Message::from_vec(&answer).unwrap()
}

/// Returns the addresses of a name, as the first name server tells them.
pub(crate) async fn addresses(lab: &Lab, name: &str) -> Vec<String> {
    let asked = question(&format!("{name}."), RecordType::A);
    let answer = udp(lab.routes[&lab.name_servers[0]], &asked).await.unwrap();
    let answer = Message::from_vec(&answer).unwrap();
    let found = answer.answers.iter().filter_map(|record| record.data.ip_addr());
    found.map(|address| address.to_string()).collect()
}

fn data(answer: &Message) -> Vec<String> {
    answer.answers.iter().map(|record| record.data.to_string()).collect()
}

#[tokio::test]
async fn the_chain_comes_whole_over_udp_and_tcp() {
    let lab = world("").await;
    let asked = question("Contoso.azurecr.io.", RecordType::A);
    for address in ["10.0.0.4:53", "10.0.0.5:53"] {
        let real = server(&lab, address);
        let answer = Message::from_vec(&udp(real, &asked).await.unwrap()).unwrap();
        assert_eq!(data(&answer), ["contoso.privatelink.azurecr.io.", "10.1.0.5"]);
        assert!(answer.metadata.recursion_available);
        assert_eq!(answer.answers, tcp(real, &asked).await.answers);
    }
    let asked = question("contoso.azurecr.io.", RecordType::AAAA);
    let answer = tcp(server(&lab, "10.0.0.4:53"), &asked).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
    assert_eq!(data(&answer), ["contoso.privatelink.azurecr.io."]);
    assert_eq!(answer.authorities[0].name.to_ascii(), "privatelink.azurecr.io.");
}

#[tokio::test]
async fn a_chain_can_end_in_nothing_or_in_itself() {
    let lab = world(
        r#"
        [dns.servers."10.0.0.4".records]
        "contoso.eastus.data.privatelink.azurecr.io" = []
        [dns.servers."10.0.0.5".records]
        "a.example" = ["5 CNAME b.example"]
        "b.example" = ["5 CNAME a.example"]
        "#,
    )
    .await;
    let asked = question("contoso.eastus.data.azurecr.io.", RecordType::A);
    let answer = tcp(server(&lab, "10.0.0.4:53"), &asked).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(data(&answer), ["contoso.eastus.data.privatelink.azurecr.io."]);
    assert_eq!(answer.authorities[0].record_type(), RecordType::SOA);
    let answer = tcp(server(&lab, "10.0.0.5:53"), &asked).await;
    assert_eq!(data(&answer)[1], "10.1.0.4");

    let asked = question("a.example.", RecordType::A);
    let answer = tcp(server(&lab, "10.0.0.5:53"), &asked).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
    assert_eq!(data(&answer), ["b.example.", "a.example."]);
}

#[tokio::test]
async fn servers_fail_in_their_own_ways() {
    let asked = question("contoso.azurecr.io.", RecordType::A);
    for (fault, code) in [
        ("servfail", ResponseCode::ServFail),
        ("refused", ResponseCode::Refused),
        ("nxdomain", ResponseCode::NXDomain),
    ] {
        let lab = world(&format!("dns.servers.\"10.0.0.4\".fault = \"{fault}\"")).await;
        let answer = udp(server(&lab, "10.0.0.4:53"), &asked).await.unwrap();
        let answer = Message::from_vec(&answer).unwrap();
        assert_eq!((answer.metadata.response_code, answer.answers.len()), (code, 0), "{fault}");
    }

    let lab = world("dns.servers.\"10.0.0.4\".fault = \"truncate\"").await;
    let answer = udp(server(&lab, "10.0.0.4:53"), &asked).await.unwrap();
    assert!(Message::from_vec(&answer).unwrap().metadata.truncation);
    let answer = tcp(server(&lab, "10.0.0.4:53"), &asked).await;
    assert_eq!((answer.metadata.truncation, answer.answers.len()), (false, 2));

    let lab = world("dns.servers.\"10.0.0.4\".fault = \"closed\"").await;
    let real = server(&lab, "10.0.0.4:53");
    let refused = std::io::ErrorKind::ConnectionRefused;
    assert_eq!(udp(real, &asked).await.unwrap_err().kind(), refused);
    assert_eq!(TcpStream::connect(real).await.unwrap_err().kind(), refused);

    let lab = world("dns.servers.\"10.0.0.4\".fault = \"garbage\"").await;
    let answer = udp(server(&lab, "10.0.0.4:53"), &asked).await.unwrap();
    assert!(Message::from_vec(&answer).is_err());

    let lab = world("dns.servers.\"10.0.0.4\".fault = \"wrong-id\"").await;
    let answer = udp(server(&lab, "10.0.0.4:53"), &asked).await.unwrap();
    assert_ne!(Message::from_vec(&answer).unwrap().metadata.id, asked.metadata.id);
}

#[tokio::test]
async fn every_address_that_is_given_out_stays_here() {
    let lab = world(
        r#"
        ask.image = "contoso.azurecr.io:8443/team/app:v1"
        dns.records."contoso.azurecr.io" = ["60 A 20.30.40.50", "60 AAAA 2001:db8::5"]
        dns.order = ["10.0.0.5", "10.0.0.4"]
        "#,
    )
    .await;
    assert_eq!(lab.name_servers[0], "10.0.0.5:53".parse().unwrap());
    for address in ["20.30.40.50:443", "20.30.40.50:8443", "[2001:db8::5]:443", "10.1.0.4:80"] {
        let real = server(&lab, address);
        assert!(real.ip().is_loopback());
        assert!(TcpStream::connect(real).await.is_err(), "{address}");
    }
}
