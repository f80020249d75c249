//! A forward proxy: it resolves names itself, and opens or refuses tunnels as squid and similar
//! proxies do.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::settings::ProxyAnswer;

/// The longest request head that is read.
const LONGEST: usize = 64 << 10;

/// How a proxy responds, and the real address of each destination.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) answer: ProxyAnswer,
    /// Each requested `HOST:PORT` with the address at which it listens; other names do not resolve.
    pub(crate) leads: HashMap<String, SocketAddr>,
    /// The `USER:PASSWORD` that the proxy accepts if it requires sign-in.
    pub(crate) user: String,
}

impl Proxy {
    /// Reads one request and, if it opens a tunnel, copies bytes until one side ends.
    pub(crate) async fn serve(
        &self,
        mut client: impl AsyncRead + AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let head = read_head(&mut client).await?;
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let authority = match target.strip_prefix("http://") {
            Some(rest) => with_port(rest.split('/').next().unwrap_or_default()),
            None => target.to_owned(),
        };
        match self.answer {
            ProxyAnswer::Deny => {
                return refuse(client, "403 Forbidden", "X-Squid-Error: ERR_ACCESS_DENIED 0").await;
            }
            ProxyAnswer::SignIn if !self.knows(&head) => {
                let wants = "Proxy-Authenticate: Basic realm=\"corp\"";
                return refuse(client, "407 Proxy Authentication Required", wants).await;
            }
            ProxyAnswer::Mute => return listen_only(client).await,
            ProxyAnswer::HangUp => return client.shutdown().await,
            ProxyAnswer::Garbage => return client.write_all(b"220 mail.example ESMTP\r\n").await,
            ProxyAnswer::Tunnel | ProxyAnswer::SignIn => {}
        }
        let Some(there) = self.leads.get(&authority) else {
            return refuse(client, "503 Service Unavailable", "X-Squid-Error: ERR_DNS_FAIL 0")
                .await;
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the rule is for the tool, this is its world"
        )]
        let connecting = TcpStream::connect(there);
        let Ok(mut server) = connecting.await else {
            return refuse(
                client,
                "503 Service Unavailable",
                "X-Squid-Error: ERR_CONNECT_FAIL 111",
            )
            .await;
        };
        server.set_nodelay(true)?;
        if method == "CONNECT" {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        } else {
            // Servers accept an absolute URL as the request target, too.
            server.write_all(head.as_bytes()).await?;
        }
        copy_bidirectional(&mut client, &mut server).await.map(drop)
    }

    fn knows(&self, head: &str) -> bool {
        let shown = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let value = value.trim().strip_prefix("Basic ")?;
            name.eq_ignore_ascii_case("proxy-authorization").then_some(value)
        });
        shown == Some(&STANDARD.encode(&self.user))
    }
}

fn with_port(authority: &str) -> String {
    if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") }
}

async fn read_head(client: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > LONGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.push(client.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

async fn refuse(mut client: impl AsyncWrite + Unpin, status: &str, why: &str) -> io::Result<()> {
    let page = format!("<html><body><h1>{status}</h1></body></html>\n");
    let head = format!(
        "HTTP/1.1 {status}\r\nServer: squid/5.7\r\nMime-Version: 1.0\r\nContent-Type: text/html;charset=utf-8\r\n\
         Content-Length: {}\r\n{why}\r\nVia: 1.1 proxy (squid/5.7)\r\nConnection: keep-alive\r\n\r\n",
        page.len(),
    );
    client.write_all((head + &page).as_bytes()).await?;
    client.shutdown().await
}

async fn listen_only(mut client: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut buffer = [0; 1024];
    while client.read(&mut buffer).await? > 0 {}
    Ok(())
}
