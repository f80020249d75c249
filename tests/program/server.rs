//! Small servers on loopback that say what a test wants them to.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// What a server does with a request: it gets the first line and writes what it likes.
pub type Script = fn(&str, &mut TcpStream) -> std::io::Result<()>;

/// Serves on loopback for as long as the test runs.
pub fn serve(script: Script) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Another host on the same port, for redirects.
    if let Ok(other) = TcpListener::bind(("127.0.0.2", address.port())) {
        listen(other, script);
    }
    listen(listener, script);
    address
}

fn listen(listener: TcpListener, script: Script) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let (mut request, mut buffer) = (vec![], [0; 4096]);
                // The client hangs up when it has had enough: that ends the conversation.
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    request.extend_from_slice(&buffer[..read]);
                    if let Some(end) = request.windows(4).position(|end| end == b"\r\n\r\n") {
                        let head = String::from_utf8_lossy(&request[..end]).into_owned();
                        request.clear();
                        if script(head.lines().next().unwrap_or_default(), &mut stream).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
}

/// Answers with a head and a body of its length; to HEAD for a manifest, whose length is that of another
/// answer, with none.
pub fn answer(stream: &mut TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    if body.is_empty() && head.contains("Content-Type: application/vnd.") {
        return write!(stream, "HTTP/1.1 {head}\r\n\r\n");
    }
    write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)
}

/// Answers with this manifest; to HEAD without it.
pub fn manifest(stream: &mut TcpStream, line: &str, body: &[u8]) -> std::io::Result<()> {
    answer(stream, MANIFEST, if line.starts_with("HEAD") { b"" } else { body })
}

/// A 404 that a registry makes.
pub const REGISTRYS: &str = "404 No\r\nDocker-Distribution-Api-Version: registry/2.0";
/// The beginning of an answer that holds a manifest.
pub const MANIFEST: &str = "200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json";
