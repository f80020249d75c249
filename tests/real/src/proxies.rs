//! Proxies: Debian's squid, which uses its own view of the names and denies some hosts; Debian's
//! tinyproxy, which requires sign-in; and small ones of this program that intercept TLS or never
//! respond.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::Fallible;
use crate::daemon::Daemon;
use crate::pki::Leaves;
use crate::places::{
    DNS_PUBLIC, INTERCEPTOR_STRANGER, INTERCEPTOR_TRUSTED, PORTAL, PROXY_NEVER_ANSWERS, PROXY_USER,
    SQUID, TINYPROXY,
};

const PORTAL_SAYS: &str = "HTTP/1.1 302 Found\r\nLocation: http://portal.edge.test/welcome\r\nContent-Length: 0\r\n\
                           Connection: close\r\n\r\n";

pub async fn start(folder: &Path, leaves: &Leaves) -> Fallible<Vec<Daemon>> {
    let mut roots = RootCertStore::empty();
    roots.add(leaves.root.clone())?;
    let onward = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let onward = TlsConnector::from(Arc::new(onward));
    // One presents a certificate from the trusted authority, the other one from an authority of its
    // own.
    for (address, leaf) in
        [(INTERCEPTOR_TRUSTED, &leaves.good), (INTERCEPTOR_STRANGER, &leaves.stranger)]
    {
        let (acceptor, onward) = (TlsAcceptor::from(leaf.tls.clone()), onward.clone());
        listen(address, move |client| intercept(client, acceptor.clone(), onward.clone())).await?;
    }
    listen(PROXY_NEVER_ANSWERS, |mut client| async move {
        let mut asked = [0; 4096];
        while client.read(&mut asked).await? > 0 {}
        Ok(())
    })
    .await?;
    listen(PORTAL, |mut client| async move {
        head(&mut client).await?;
        client.write_all(PORTAL_SAYS.as_bytes()).await
    })
    .await?;
    Ok(vec![squid(folder)?, tinyproxy(folder)?])
}

fn squid(folder: &Path) -> Fallible<Daemon> {
    let config = folder.join("squid.conf");
    // squid gives up a connection without a response long before any client gives up on squid.
    let text = format!(
        "http_port {SQUID}:3128\nvisible_hostname proxy.edge.test\ntcp_outgoing_address {SQUID}\n\
         dns_nameservers {DNS_PUBLIC}\nhosts_file none\nconnect_timeout 3 seconds\n\
         acl denied dstdomain denied.registry.test forbidden.eastus.data.test\n\
         http_access deny denied\nhttp_access allow CONNECT\nhttp_access deny all\n\
         acl CONNECT method CONNECT\ncache deny all\npinger_enable off\n\
         pid_filename none\naccess_log none\ncache_log /dev/null\nshutdown_lifetime 0 seconds\n"
    );
    std::fs::write(&config, text)?;
    let mut command = Command::new("squid");
    // Runs in the foreground and logs important messages to stderr.
    command.args(["-N", "-d", "1", "-f"]).arg(&config);
    Ok(Daemon::start("squid", folder, command)?.at(format!("{SQUID}:3128")))
}

fn tinyproxy(folder: &Path) -> Fallible<Daemon> {
    let config = folder.join("tinyproxy.conf");
    let (user, password) = PROXY_USER;
    let text = format!(
        "Port 3128\nListen {TINYPROXY}\nTimeout 30\nMaxClients 50\nLogLevel Info\nConnectPort 443\n\
         BasicAuth {user} {password}\n"
    );
    std::fs::write(&config, text)?;
    let mut command = Command::new("tinyproxy");
    command.args(["-d", "-c"]).arg(&config);
    Ok(Daemon::start("tinyproxy", folder, command)?.at(format!("{TINYPROXY}:3128")))
}

async fn listen<F, T>(address: &str, converse: F) -> Fallible<()>
where
    F: Fn(TcpStream) -> T + Send + 'static,
    T: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener =
        TcpListener::bind((address, 3128)).await.map_err(|e| format!("{address}:3128: {e}"))?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            // A client that rejects the certificate closes the connection: that is a case, not a
            // fault of this program.
            tokio::spawn(converse(client));
        }
    });
    Ok(())
}

/// Accepts `CONNECT`, presents a certificate of its own, and relays the decrypted bytes.
async fn intercept(
    mut client: TcpStream,
    acceptor: TlsAcceptor,
    onward: TlsConnector,
) -> io::Result<()> {
    let asked = head(&mut client).await?;
    let target = asked.split(' ').nth(1).unwrap_or_default();
    let host = target.rsplit_once(':').map_or(target, |(host, _)| host).to_owned();
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    let mut client = acceptor.accept(client).await?;
    let server = TcpStream::connect(target).await?;
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let mut server = onward.connect(name, server).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// Reads the request up to its empty line.
async fn head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 4096 {
        head.push(client.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
