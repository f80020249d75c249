//! Small servers on loopback that respond as a test wants.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// Handles a request: gets its first line and writes any response.
pub type Script = fn(&str, &mut TcpStream) -> std::io::Result<()>;

/// Serves on loopback for as long as the test runs.
pub fn serve(script: Script) -> SocketAddr {
    serve_heads(move |head, stream| script(head.lines().next().unwrap_or_default(), stream))
}

/// Serves on loopback with a script that gets the whole head of a request.
pub fn serve_heads(
    script: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Another host on the same port, for redirects.
    if let Ok(other) = TcpListener::bind(("127.0.0.2", address.port())) {
        listen(other, script.clone());
    }
    listen(listener, script);
    address
}

fn listen(
    listener: TcpListener,
    script: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Clone + Send + 'static,
) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let script = script.clone();
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let (mut request, mut buffer) = (vec![], [0; 4096]);
                // The client hangs up when it has read enough; that ends the conversation.
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    request.extend_from_slice(&buffer[..read]);
                    if let Some(end) = request.windows(4).position(|end| end == b"\r\n\r\n") {
                        let head = String::from_utf8_lossy(&request[..end]).into_owned();
                        request.clear();
                        if script(&head, &mut stream).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
}

/// Writes a head and a body with its length. Without a body, a manifest head gets no length: a HEAD
/// response would need the length of the GET response.
pub fn answer(stream: &mut TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    if body.is_empty() && head.contains("Content-Type: application/vnd.") {
        return write!(stream, "HTTP/1.1 {head}\r\n\r\n");
    }
    write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)
}

/// Responds with this manifest; to HEAD without a body.
pub fn manifest(stream: &mut TcpStream, line: &str, body: &[u8]) -> std::io::Result<()> {
    answer(stream, MANIFEST, if line.starts_with("HEAD") { b"" } else { body })
}

/// The head of a 404 from a registry.
pub const REGISTRYS: &str = "404 No\r\nDocker-Distribution-Api-Version: registry/2.0";
/// The head of a response with a manifest.
pub const MANIFEST: &str = "200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json";
