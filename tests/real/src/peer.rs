//! A second opinion: the client in the crate `oci-distribution` pulls the same image.
//!
//! It runs as a process of its own (`real peer …`), so that it sees the resolv.conf of the case's
//! lane.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use oci_distribution::client::{Certificate, CertificateEncoding, ClientConfig};
use oci_distribution::manifest::ImageIndexEntry;
use oci_distribution::secrets::RegistryAuth;
use oci_distribution::{Client, Reference, RegistryOperation};

use crate::image::here;
use crate::lanes::Lane;
use crate::{Answered, Fallible, Login};

pub async fn ask(folder: &Path, lane: Lane, image: &str, login: Option<Login<'_>>) -> Answered {
    let this = std::env::current_exe().unwrap_or_default();
    let mut command = lane.command(folder, &this);
    command
        .arg("peer")
        .arg(image)
        .arg(folder.join("ca.pem"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Some((user, password)) = login {
        command.env("PEER_USER", user).env("PEER_PASSWORD", password);
    }
    match tokio::time::timeout(Duration::from_secs(120), command.output()).await {
        Ok(Ok(out)) => {
            let words = if out.status.success() { out.stdout } else { out.stderr };
            Answered {
                can: out.status.success(),
                words: String::from_utf8_lossy(&words).trim().to_owned(),
            }
        }
        Ok(Err(e)) => Answered { can: false, words: format!("does not start: {e}") },
        Err(_) => Answered { can: false, words: "no answer in 120 s".to_owned() },
    }
}

/// Runs in that process: pulls the manifest, the config and every layer, or reports why it cannot.
pub async fn pull(image: &str, ca: &Path) -> Fallible<()> {
    let config = ClientConfig {
        connect_timeout: Some(Duration::from_secs(5)),
        read_timeout: Some(Duration::from_secs(10)),
        extra_root_certificates: vec![Certificate {
            encoding: CertificateEncoding::Pem,
            data: std::fs::read(ca)?,
        }],
        platform_resolver: Some(Box::new(this_platform)),
        ..ClientConfig::default()
    };
    let client = Client::try_from(config)?;
    let image: Reference = image.parse()?;
    let auth = match (std::env::var("PEER_USER"), std::env::var("PEER_PASSWORD")) {
        (Ok(user), Ok(password)) => RegistryAuth::Basic(user, password),
        _ => RegistryAuth::Anonymous,
    };
    // Authenticates separately, because the pull below does not report why a token request failed.
    client.auth(&image, &auth, RegistryOperation::Pull).await?;
    let (manifest, _) = client.pull_image_manifest(&image, &auth).await?;
    for blob in manifest.layers.iter().chain([&manifest.config]) {
        client.pull_blob(&image, blob, &mut Vec::new()).await?;
    }
    Ok(())
}

fn this_platform(entries: &[ImageIndexEntry]) -> Option<String> {
    let fits = |entry: &&ImageIndexEntry| {
        entry
            .platform
            .as_ref()
            .is_some_and(|p| p.os.to_string() == "linux" && p.architecture.to_string() == here())
    };
    entries.iter().find(fits).map(|entry| entry.digest.clone())
}
