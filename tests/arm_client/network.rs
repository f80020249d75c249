//! What lies between: names, addresses, TLS, proxies. A connection that fails is explained in the
//! words of the data path.

use std::{
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, Mutex},
};

use checks::kit::{
    Cx, World,
    azure::arm::ArmError,
    net::{Fault, Stage},
    world::Proxies,
};
use hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{RData, Record, RecordType, rdata},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream, UdpSocket},
};

use super::{
    asking::{Asked, ask_in, signed_in},
    server::{Reply, Server, says},
};

const MANAGEMENT: &str = "management.azure.com";
/// Another address than that of Entra ID.
const ELSEWHERE: [u8; 4] = [10, 0, 0, 5];
/// The address of a name server and of a proxy.
const HELPER: [u8; 4] = [10, 0, 0, 6];

type Got = Result<Value, ArmError>;

async fn get(cx: &Cx) -> Got {
    let arm = signed_in(cx).await.unwrap();
    arm.get(cx, "/subscriptions/s", "x").await
}

fn good(_: usize, _: &str, _: &str) -> Reply {
    says("200 OK", &json!({}))
}

/// Asks with Azure Resource Manager at that address, while Entra ID answers as ever.
async fn get_at(address: SocketAddr) -> Asked<Got> {
    let change = move |world: &mut World| {
        world.hosts.insert(MANAGEMENT.into(), vec![ELSEWHERE.into()]);
        world.routes.insert((ELSEWHERE, 443).into(), address);
    };
    ask_in(true, good, change, get).await
}

fn unreachable(asked: &Asked<Got>) -> (Stage, Fault) {
    match &asked.got {
        Err(ArmError::Unreachable(error)) => (error.stage, error.fault.clone()),
        got => panic!("{got:?} {}", asked.said),
    }
}

/// Serves these bytes to whoever connects.
async fn serve(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(bytes).await;
            let _ = stream.read(&mut [0; 4096]).await;
        }
    });
    address
}

#[tokio::test]
async fn nothing_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(unreachable(&get_at(address).await), (Stage::Tcp, Fault::Refused));
}

#[tokio::test]
async fn what_listens_speaks_no_tls() {
    let address = serve(b"SSH-2.0-OpenSSH_9.6\r\n").await;
    assert_eq!(unreachable(&get_at(address).await), (Stage::Tls, Fault::NotTls));
    // The alert `protocol_version`, as a server without TLS 1.2 and 1.3 sends it.
    let address = serve(&[21, 3, 3, 0, 2, 2, 70]).await;
    let alert = Fault::Alert("protocol_version".into());
    assert_eq!(unreachable(&get_at(address).await), (Stage::Tls, alert));
}

#[tokio::test]
async fn another_authority_issued_its_certificate() {
    let asking = async {
        let other = Server::start(Rc::new(good), true).await;
        (get_at(other.address).await, other)
    };
    // The other server runs as long as the question is asked.
    let (asked, other) = Box::pin(tokio::task::LocalSet::new().run_until(asking)).await;
    assert_eq!(unreachable(&asked), (Stage::Tls, Fault::Certificate));
    assert!(other.requests.lock().unwrap().is_empty(), "no token on an untrusted connection");
}

/// Serves a zone that has one address of one name; every other name does not exist.
async fn name_server(has: &'static str, asked: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let mut message = Message::from_vec(&buffer[..length]).unwrap();
            let query = message.queries[0].clone();
            let name = query.name().to_string().to_lowercase();
            asked.lock().unwrap().push(name.clone());
            message.metadata.message_type = MessageType::Response;
            message.additionals.clear();
            message.edns = None;
            if name != format!("{has}.") {
                message.metadata.response_code = ResponseCode::NXDomain;
            } else if query.query_type() == RecordType::A {
                let data = RData::A(rdata::A(ELSEWHERE.into()));
                message.add_answer(Record::from_rdata(query.name().clone(), 60, data));
            }
            socket.send_to(&message.to_vec().unwrap(), from).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn its_name_is_asked_of_the_worlds_name_servers() {
    for (has, wanted) in
        [(MANAGEMENT, None), ("other.example", Some((Stage::Dns, Fault::NoAddress)))]
    {
        let names: Arc<Mutex<Vec<String>>> = Arc::default();
        let server = name_server(has, names.clone()).await;
        let change = move |world: &mut World| {
            world.hosts.remove(MANAGEMENT);
            world.name_servers = vec![(HELPER, 53).into()];
            world.routes.insert((HELPER, 53).into(), server);
            let entra = world.routes[&([10, 0, 0, 4], 443).into()];
            world.routes.insert((ELSEWHERE, 443).into(), entra);
            (world.search, world.ndots) = (vec!["corp.example".into()], 5);
        };
        let asked = ask_in(true, good, change, get).await;
        let names = names.lock().unwrap();
        assert_eq!(names[0], format!("{MANAGEMENT}.corp.example."), "the search list comes first");
        let event = format!("10.0.0.6:53: A, AAAA {MANAGEMENT} -> ");
        let line = asked.exchanges.iter().find(|line| line.starts_with(&event)).unwrap();
        match wanted {
            None => {
                assert!(asked.got.is_ok() && line.ends_with("NOERROR"), "{}", asked.said);
                assert!(asked.said.contains(r#""addresses":["10.0.0.5"]"#), "{}", asked.said);
            }
            Some(wanted) => assert_eq!(unreachable(&asked), wanted),
        }
    }
}

/// Serves as a proxy that opens a tunnel to that address, whatever is asked for; without one it
/// refuses.
async fn proxy(listener: TcpListener, to: Option<SocketAddr>, asked: Arc<Mutex<Vec<String>>>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let asked = asked.clone();
        tokio::spawn(async move {
            let mut head = vec![];
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            asked.lock().unwrap().push(String::from_utf8(head).unwrap());
            let Some(to) = to else {
                let _ = stream.write_all(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n").await;
                return;
            };
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            #[expect(clippy::disallowed_methods, reason = "a server of a test")]
            let mut other = TcpStream::connect(to).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut other).await;
        });
    }
}

/// Asks through a proxy with this URL, and returns what the proxy was asked. Entra ID is exempted.
async fn get_through(url: &'static str, refuses: bool) -> (Asked<Got>, Vec<String>) {
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = heard.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let change = move |world: &mut World| {
        world.hosts.insert("proxy.example".into(), vec![HELPER.into()]);
        world.routes.insert((HELPER, 3128).into(), listener.local_addr().unwrap());
        world.proxies = Proxies::read(|name| match name {
            "HTTPS_PROXY" => Some(url.to_owned()),
            "NO_PROXY" => Some("login.microsoftonline.com".to_owned()),
            _ => None,
        });
        let server = world.routes[&([10, 0, 0, 4], 443).into()];
        tokio::spawn(proxy(listener, (!refuses).then_some(server), kept));
    };
    let asked = ask_in(true, good, change, get).await;
    let heard = heard.lock().unwrap().clone();
    (asked, heard)
}

#[tokio::test]
async fn through_the_proxy_that_is_set_for_it() {
    for url in ["http://me:canary-proxy@proxy.example:3128", "http://me:canary-proxy@10.0.0.6:3128"]
    {
        let (asked, heard) = get_through(url, false).await;
        assert!(asked.got.is_ok(), "{}", asked.said);
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert!(heard[0].starts_with("CONNECT management.azure.com:443 HTTP/1.1\r\n"), "{heard:?}");
        // me:canary-proxy
        let credentials = "proxy-authorization: basic bwu6y2fuyxj5lxbyb3h5";
        assert!(heard[0].to_lowercase().contains(credentials), "{heard:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_with_its_answer() {
    let (asked, _) = get_through("http://proxy.example:3128", true).await;
    assert_eq!(unreachable(&asked), (Stage::Proxy, Fault::Other("proxy 407".into())));
    let line = "http://proxy.example:3128: CONNECT management.azure.com:443 -> 407".to_owned();
    assert!(asked.exchanges.contains(&line), "{:?}", asked.exchanges);
}
