//! Tests how hosts handle connections below HTTP.

use std::io::ErrorKind;
use std::time::Duration;

use crate::client::tls;
use lab::{Lab, Scenario};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything on loopback takes.
const LONG: Duration = Duration::from_millis(300);

async fn world(setting: &str, value: &str) -> Lab {
    let text = format!("hosts.\"10.1.0.5\".{setting} = \"{value}\"");
    lab::start(&Scenario::parse(&text).unwrap()).await.unwrap()
}

#[tokio::test]
async fn some_ports_do_not_let_anyone_in() {
    let lab = world("fault", "refuse").await;
    let why = TcpStream::connect(lab.registry).await.unwrap_err();
    assert_eq!(why.kind(), ErrorKind::ConnectionRefused);

    let lab = world("fault", "blackhole").await;
    assert_eq!(lab.routes[&"10.1.0.5:443".parse().unwrap()], lab.registry);
    for _ in 0..3 {
        assert!(timeout(LONG, TcpStream::connect(lab.registry)).await.is_err());
    }
}

#[tokio::test]
async fn some_let_one_in_and_say_nothing() {
    let mut one = [0];
    let lab = world("fault", "reset").await;
    let mut stream = TcpStream::connect(lab.registry).await.unwrap();
    assert_eq!(stream.read(&mut one).await.unwrap_err().kind(), ErrorKind::ConnectionReset);

    let lab = world("fault", "close").await;
    let mut stream = TcpStream::connect(lab.registry).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    assert_eq!(stream.read(&mut one).await.unwrap(), 0);

    let lab = world("fault", "mute").await;
    let mut stream = TcpStream::connect(lab.registry).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    assert!(timeout(LONG, stream.read(&mut one)).await.is_err());

    let lab = world("fault", "alert").await;
    let why = tls(&lab, lab.registry, "contoso.azurecr.io").await.unwrap_err();
    assert!(format!("{why:?}").contains("UnrecognisedName"), "{why:?}");

    let get = b"GET /v2/ HTTP/1.1\r\nHost: contoso.azurecr.io\r\n\r\n";
    for fault in ["mute-http", "drip"] {
        let lab = world("fault", fault).await;
        let mut stream = tls(&lab, lab.registry, "contoso.azurecr.io").await.unwrap();
        stream.write_all(get).await.unwrap();
        assert!(timeout(LONG, stream.read(&mut one)).await.is_err(), "{fault}");
    }

    let lab = world("fault", "plain").await;
    let mut stream = TcpStream::connect(lab.registry).await.unwrap();
    stream.write_all(get).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 401");
    drop(lab);
    // Nothing of a world outlives it.
    assert!(timeout(LONG, stream.read_to_end(&mut Vec::new())).await.is_ok());
}

#[tokio::test]
async fn certificates_are_good_or_bad_in_one_way() {
    let name = "contoso.azurecr.io";
    let lab = world("certificate", "good").await;
    assert!(tls(&lab, lab.registry, name).await.is_ok());
    assert!(tls(&lab, lab.registry, "127.0.0.1").await.is_ok());
    for (certificate, why) in [
        ("other-name", "NotValidForName"),
        ("intercepted", "UnknownIssuer"),
        ("self-signed", "UnknownIssuer"),
        ("expired", "Expired"),
        ("not-yet", "NotValidYet"),
        ("client-only", "InvalidPurpose"),
    ] {
        let lab = world("certificate", certificate).await;
        let said = tls(&lab, lab.registry, name).await.unwrap_err();
        assert!(format!("{said:?}").contains(why), "{certificate}: {said:?}");
    }
    let lab = world("certificate", "other-name").await;
    assert!(tls(&lab, lab.registry, "fabrikam.example").await.is_ok());
}
