//! Do the other hosts that containerd asks serve the image?
//!
//! Each is asked for the manifest without credentials, over the same proxies. containerd goes on to
//! the next host after a failed connection and after each status from 400, but for a 401, which it
//! answers with the credentials of the registry. Source: containerd, core/remotes/docker:
//! `resolver.go`, `fetcher.go`.

use futures::future::join_all;
use hyper::Method;
use tokio::time::timeout;
use url::form_urlencoded;

use super::{
    certificates,
    hosts_file::HostEntry,
    problem::{NotFollowed, Problem},
};
use crate::{
    image::ImageTarget,
    kit::{
        Cx, Host, HostPurpose, Image,
        net::{ConnectError, Fault, OPEN_WAIT, Request, pool, reach},
        world::ProxyDecision,
    },
};

/// The hosts besides the registry, and the file that names them.
pub(super) struct List {
    pub(super) file: String,
    pub(super) others: Vec<HostEntry>,
    /// Whether containerd asks the registry as well.
    pub(super) asks_registry: bool,
}

/// What a host said.
enum Said {
    /// containerd goes on to the next host.
    GoesOn { said: String, how: Miss },
    /// It serves the image to anyone.
    Serves,
    /// It wants to know who asks.
    WantsCredentials,
    /// It cannot be told.
    Unclear(String),
    /// It would have to be asked in a way that is not replayed.
    NotAsked(NotFollowed),
    /// Its entry cannot be used, which was said already.
    Unusable,
}

/// How a host does not serve the image.
#[derive(Clone, Copy, PartialEq)]
enum Miss {
    /// It does not have it.
    Missing,
    /// It fails.
    Fails,
    /// It fails now. Where it is the last host, containerd asks it again.
    MayRecover,
}

/// Tests the hosts, all at once and beside the next steps.
pub(super) fn test(cx: &Cx, image_target: &ImageTarget, list: List) {
    let (test, asked) = (cx.clone(), image_target.asked.clone());
    cx.in_background(async move {
        let cx = test;
        let (Some(image), registry) = (&asked.image, &asked.registry) else { return };
        let asking = list.others.iter().map(|entry| ask(&cx, &list.file, entry, image, registry));
        let heard = join_all(asking).await;
        let mut tried = vec![];
        for (mirror, said) in heard {
            let file = list.file.clone();
            match said {
                // That a mirror lacks an image is as usual as that it has it.
                Said::GoesOn { how: Miss::Missing, .. } if list.asks_registry => {}
                Said::GoesOn { said, .. } if list.asks_registry => {
                    cx.add_finding(Problem::MirrorFails { file, mirror, said });
                }
                Said::GoesOn { said, how: Miss::MayRecover } | Said::Unclear(said) => {
                    cx.add_finding(Problem::MirrorUnclear { file, mirror, said });
                }
                Said::GoesOn { said, .. } => tried.push(format!("{mirror}: {said}")),
                Said::Serves => cx.add_finding(Problem::MirrorServes { file, mirror }),
                Said::WantsCredentials => {
                    let registry = registry.clone();
                    cx.add_finding(Problem::MirrorWantsCredentials { file, mirror, registry });
                }
                Said::NotAsked(what) => {
                    cx.add_finding(Problem::NotReplayed { file, what, written: mirror });
                }
                Said::Unusable => {}
            }
        }
        if !list.asks_registry && tried.len() == list.others.len() {
            let (file, registry) = (list.file, registry.clone());
            cx.add_finding(Problem::RegistryNotAsked { file, registry, tried });
        }
    });
}

/// Asks one host for the manifest.
async fn ask(
    cx: &Cx,
    file: &str,
    entry: &HostEntry,
    image: &Image,
    registry: &str,
) -> (String, Said) {
    let Some(host) = entry.url.as_ref().and_then(|url| Host::of(url, HostPurpose::Other)) else {
        let written = entry.url.as_ref().map(ToString::to_string).unwrap_or_default();
        return (written, Said::NotAsked(NotFollowed::OddUrl));
    };
    let mirror = host.to_string();
    if !certificates::trust(cx, file, entry, &host).await {
        return (mirror, Said::Unusable);
    }
    let said = match not_replayed(&host, entry) {
        Some(what) => open(cx, &host, what).await,
        None => manifest(cx, &host, entry, image, registry).await,
    };
    (mirror, said)
}

/// Returns why a host is not asked as containerd asks it.
fn not_replayed(host: &Host, entry: &HostEntry) -> Option<NotFollowed> {
    // With any setting of TLS, containerd tries TLS on a plain host first.
    if host.plain && host.port != 80 && entry.sets_tls() {
        Some(NotFollowed::TlsBeforePlain)
    } else if entry.skip_verify == Some(true) {
        Some(NotFollowed::SkipVerify)
    } else if !entry.client.is_empty() {
        Some(NotFollowed::ClientCertificate)
    } else if !entry.headers.is_empty() {
        Some(NotFollowed::ExtraHeaders)
    } else {
        None
    }
}

/// Only connects to a host that would have to be asked in a way that is not replayed.
async fn open(cx: &Cx, host: &Host, what: NotFollowed) -> Said {
    if !matches!(cx.world.proxies.route(host), ProxyDecision::Direct | ProxyDecision::Exempt(_)) {
        return Said::NotAsked(what);
    }
    match timeout(OPEN_WAIT, reach(cx, &host.name, host.port)).await {
        Ok(Err(error)) => failed(&error),
        Ok(Ok(_)) | Err(_) => Said::NotAsked(what),
    }
}

async fn manifest(cx: &Cx, host: &Host, entry: &HostEntry, image: &Image, registry: &str) -> Said {
    let connection = match timeout(OPEN_WAIT, pool::once(cx, host)).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return failed(&error),
        Err(_) => return Said::Unclear(Fault::TimedOut.to_string()),
    };
    let namespace: String = form_urlencoded::byte_serialize(registry.as_bytes()).collect();
    let mut request = Request::manifest(Method::HEAD, &image.repository, &image.reference);
    let path = request.target.trim_start_matches("/v2");
    request.target = format!("{}{path}?ns={namespace}", entry.path);
    let mut reply = connection.ask(cx, &request).await;
    if reply.as_ref().is_ok_and(|reply| reply.status == 405) {
        request.method = Method::GET;
        reply = connection.ask(cx, &request).await;
    }
    match reply {
        Err(fault) => Said::GoesOn { said: fault.to_string(), how: Miss::MayRecover },
        Ok(reply) => match reply.status {
            200..300 => Said::Serves,
            401 => Said::WantsCredentials,
            404 => Said::GoesOn { said: "HTTP 404".into(), how: Miss::Missing },
            status @ (408 | 429 | 500..) => {
                Said::GoesOn { said: format!("HTTP {status}"), how: Miss::MayRecover }
            }
            status @ 400.. => Said::GoesOn { said: format!("HTTP {status}"), how: Miss::Fails },
            status => Said::Unclear(format!("HTTP {status}")),
        },
    }
}

fn failed(error: &ConnectError) -> Said {
    let said = error.fault.to_string();
    if error.certain { Said::GoesOn { said, how: Miss::Fails } } else { Said::Unclear(said) }
}
