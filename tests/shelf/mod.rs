//! A small image, and how a registry serves it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "each test file uses its own part; a test that panics has failed; its servers may block"
)]

use std::{
    collections::HashMap,
    io::{Result, Write},
    net::TcpStream,
};

use checks::kit::rules::digest;

use crate::program::{Said, run, server::serve_heads};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A layer: its media type, its bytes and its diff id, if that is not the digest of the bytes.
pub type Layer<'a> = (&'a str, &'a [u8], Option<&'a str>);

/// Returns an archive without files, and a text behind its end, which nobody reads.
pub fn archive(text: &[u8]) -> Vec<u8> {
    [&[0; 1024], text].concat()
}

/// The content of a registry: one image under the tag `v1`.
#[derive(Clone)]
pub struct Shelf {
    content: HashMap<String, (String, Vec<u8>)>,
    /// The digest of what the tag names.
    top: String,
    /// The digests of the layers.
    pub layers: Vec<String>,
}

impl Shelf {
    /// Returns an image with layers that are not compressed: archives with these texts.
    pub fn of(texts: &[&[u8]]) -> Self {
        let archives: Vec<Vec<u8>> = texts.iter().map(|text| archive(text)).collect();
        let layers: Vec<Layer<'_>> =
            archives.iter().map(|bytes| (LAYER, &bytes[..], None)).collect();
        Self::with(&layers, "")
    }

    /// Returns an image with these layers, and with more fields of the config.
    pub fn with(layers: &[Layer<'_>], more: &str) -> Self {
        let mut content = HashMap::new();
        let mut put = |kind: &str, bytes: &[u8]| {
            let name = digest("sha256:", bytes);
            content.insert(name.clone(), (kind.to_owned(), bytes.to_vec()));
            format!(r#"{{"mediaType":"{kind}","digest":"{name}","size":{}}}"#, bytes.len())
        };
        let names: Vec<_> = layers.iter().map(|(_, bytes, _)| digest("sha256:", bytes)).collect();
        let ids = layers.iter().zip(&names).map(|((_, _, id), name)| id.unwrap_or(name));
        let ids = ids.map(|id| format!("{id:?}")).collect::<Vec<_>>().join(",");
        let own = r#""architecture":"amd64","os":"linux","#;
        let config = format!(r#"{{{own}{more}"rootfs":{{"type":"layers","diff_ids":[{ids}]}}}}"#);
        let config = put("application/vnd.oci.image.config.v1+json", config.as_bytes());
        let layers: Vec<_> = layers.iter().map(|(kind, bytes, _)| put(kind, bytes)).collect();
        let manifest =
            format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{}]}}"#, layers.join(","));
        put(MANIFEST, manifest.as_bytes());
        Self { top: digest("sha256:", manifest.as_bytes()), content, layers: names }
    }

    /// Returns an image without layers, whose manifest is of this media type and written around its
    /// field `config`.
    pub fn written(kind: &str, manifest: impl Fn(&str) -> String) -> Self {
        let mut shelf = Self::of(&[]);
        let config = shelf.content.iter().find(|(_, (kind, _))| kind.contains("config"));
        let (name, (config_kind, bytes)) = config.unwrap();
        let size = bytes.len();
        let config =
            format!(r#""config":{{"mediaType":"{config_kind}","digest":"{name}","size":{size}}}"#);
        let manifest = manifest(&config).into_bytes();
        shelf.top = digest("sha256:", &manifest);
        shelf.content.insert(shelf.top.clone(), (kind.to_owned(), manifest));
        shelf
    }

    /// Returns the image with another text in the place of one in what the tag names.
    pub fn rewritten(mut self, old: &str, new: &str) -> Self {
        let (kind, bytes) = self.content[&self.top].clone();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(old), "{text}");
        let text = text.replacen(old, new, 1).into_bytes();
        self.top = digest("sha256:", &text);
        self.content.insert(self.top.clone(), (kind, text));
        self
    }

    /// Returns the image with content under another name as well.
    pub fn also_named(mut self, name: &str, content: &str) -> Self {
        self.content.insert(name.to_owned(), self.content[content].clone());
        self
    }

    /// Returns the image without what an index names.
    pub fn without_children(&self) -> Self {
        let mut shelf = self.clone();
        shelf.content.retain(|name, (kind, _)| *name == self.top || kind != MANIFEST);
        shelf
    }

    /// Returns the image with servers at which its first layer is as well.
    pub fn elsewhere(mut self, urls: &[String]) -> Self {
        let manifest = String::from_utf8(self.content[&self.top].1.clone()).unwrap();
        let digest = format!(r#""digest":"{}","#, self.layers[0]);
        let manifest = manifest.replace(&digest, &format!(r#"{digest}"urls":{urls:?},"#));
        self.top = checks::kit::rules::digest("sha256:", manifest.as_bytes());
        self.content.insert(self.top.clone(), (MANIFEST.to_owned(), manifest.into_bytes()));
        self
    }

    /// Returns the digest of what the tag names.
    pub fn top(&self) -> &str {
        &self.top
    }

    /// Returns its size in bytes.
    pub fn size_of_top(&self) -> usize {
        self.bytes_of_top().len()
    }

    /// Returns what the tag names.
    pub fn bytes_of_top(&self) -> &[u8] {
        &self.content[&self.top].1
    }

    /// Puts the image into an index, without naming a platform.
    pub fn indexed(mut self) -> Self {
        let (kind, bytes) = &self.content[&self.top];
        let entry =
            format!(r#"{{"mediaType":"{kind}","digest":"{}","size":{}}}"#, self.top, bytes.len());
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#).into_bytes();
        self.top = digest("sha256:", &index);
        self.content.insert(self.top.clone(), (INDEX.to_owned(), index));
        self
    }

    /// Returns an index of both images, each for linux/amd64.
    pub fn beside(mut self, other: Self) -> Self {
        let entry = |shelf: &Self| {
            let (name, size) = (&shelf.top, shelf.size_of_top());
            let platform = r#""platform":{"os":"linux","architecture":"amd64"}"#;
            format!(r#"{{"mediaType":"{MANIFEST}","digest":"{name}","size":{size},{platform}}}"#)
        };
        let entries = [entry(&self), entry(&other)].join(",");
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{entries}]}}"#).into_bytes();
        self.content.extend(other.content);
        self.top = digest("sha256:", &index);
        self.content.insert(self.top.clone(), (INDEX.to_owned(), index));
        self
    }

    /// Answers a request for a manifest or a blob.
    pub fn serve(&self, head: &str, stream: &mut TcpStream) -> Result<()> {
        let name = path(head).split('?').next().unwrap().rsplit('/').next().unwrap();
        let name = if name == "v1" { &self.top } else { name };
        let Some((kind, bytes)) = self.content.get(name) else {
            let said = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}"#;
            let is_head = head.starts_with("HEAD");
            let body = if is_head { "" } else { said };
            let length = said.len();
            return write!(
                stream,
                "HTTP/1.1 404 No\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            );
        };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nDocker-Content-Digest: {name}\r\n\
             Content-Length: {}\r\n\r\n",
            bytes.len()
        )?;
        if head.starts_with("HEAD") { Ok(()) } else { stream.write_all(bytes) }
    }
}

/// Returns the path and query of a request.
pub fn path(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

/// Returns whether a request has that header.
pub fn has_header(head: &str, name: &str) -> bool {
    head.lines().any(|line| line.to_lowercase().starts_with(&format!("{name}:")))
}

/// Runs an anonymous check of the image at that address.
pub fn ask(
    script: impl Fn(&str, &mut TcpStream) -> Result<()> + Clone + Send + 'static,
    more: &[&str],
) -> Said {
    let asked = format!("{}/team/app:v1", serve_heads(script));
    let platform = ["--platform", "linux/amd64"];
    let args = [&asked, "--plain-http", "--identity", "anonymous", "-o", "json"];
    let args = [&args[..], &platform].concat();
    run(&[&args, more].concat())
}

/// Runs a check that signs in as `u` with the password `canary-password`.
pub fn ask_as_user(
    script: impl Fn(&str, &mut TcpStream) -> Result<()> + Clone + Send + 'static,
) -> Said {
    let address = serve_heads(script);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    let entry = r#"{"auth":"dTpjYW5hcnktcGFzc3dvcmQ="}"#;
    std::fs::write(&config, format!(r#"{{"auths":{{"{address}":{entry}}}}}"#)).unwrap();
    let asked = format!("{address}/team/app:v1");
    let config = config.to_str().unwrap();
    let said =
        run(&[&asked, "--plain-http", "--identity", "docker", "--auth-file", config, "-o", "json"]);
    assert!(!said.out.contains("canary-password"), "{}", said.out);
    said
}

/// Asserts that the image can be pulled.
pub fn pulls(said: &Said) {
    assert_eq!(said.code, Some(0), "{}", said.out);
}

/// Asserts that it cannot, for this cause alone.
pub fn fails(said: &Said, code: &str) {
    assert_eq!((said.code, said.causes()), (Some(1), vec![code.to_owned()]), "{}", said.out);
}
