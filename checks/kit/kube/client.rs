//! Sends requests to the Kubernetes API over reqwest: every wait and every body bounded, every
//! exchange recorded, what fails for a moment asked again.
//!
//! reqwest hides why a connection fails. Where one does, `kit::net` connects once more and says at
//! which stage.

use std::{cell::Cell, rc::Rc, time::Duration};

use hyper::http;
use reqwest::{Response, header};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use serde::{Serialize, Serializer, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep, timeout},
};

use super::{KubeRequest, PostParams, error::KubeError, options::Impersonate, watch::Watch};
use crate::kit::{
    engine::{Cx, Exchange},
    net::{
        ConnectError, Fault, OPEN_WAIT, Stage,
        client::{CONNECT_WAIT, NoResponse, WorldClient},
        pool, tls,
    },
    redact::{Secret, sanitize_text},
    target::Host,
    world::{Proxy, ProxyDecision},
};

/// How long a request may take until its response begins, unless `--request-timeout` says: an
/// admission webhook may take 30 s.
pub const KUBE_WAIT: Duration = Duration::from_secs(35);
/// How long a body may send nothing.
const PIECE_WAIT: Duration = Duration::from_secs(20);
/// The longest body that is read: a page of nodes has each one's images.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// How often a request is repeated that fails for a moment, and the pause before.
const RETRIES: u32 = 3;
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that a server can ask for.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// A cluster and who asks it, as a kubeconfig says.
#[derive(Clone)]
pub struct Cluster {
    /// The API server.
    pub server: Server,
    /// The context; empty in a pod of the cluster.
    pub context: String,
    /// The namespace that is used where none is named.
    pub namespace: String,
    /// The name of the user in the kubeconfig.
    pub user: String,
    /// The value of `Authorization`.
    pub authorization: Option<Secret>,
    /// The client certificate and its key.
    pub certificate: Option<Rc<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>>,
    /// Who the requests are made as.
    pub impersonate: Impersonate,
    /// How long a request may take until its response begins, and how long its body may.
    pub request_timeout: Duration,
}

/// An API server, and how it is reached.
#[derive(Clone)]
pub struct Server {
    /// The host.
    pub host: Host,
    /// The path before that of each resource; empty or with a leading slash.
    pub path: String,
    /// The name that its certificate must have, if that is not the host's.
    pub certificate_name: Option<String>,
    /// The certificate authorities; the system's if there are none.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Whether its certificate is verified.
    pub verifies: bool,
    /// The proxy that the kubeconfig sets: for every host, this machine included.
    pub proxy: Option<Rc<Proxy>>,
}

/// The connections to one API server.
#[derive(Clone)]
pub struct Kube(Rc<Inner>);

struct Inner {
    client: WorldClient,
    cluster: Cluster,
    /// The beginning of every URL.
    base: String,
    requests: Cell<usize>,
    /// By which name the cluster knows us, once it was asked.
    user: OnceCell<String>,
}

impl Kube {
    /// Returns a client for that cluster. It connects when it is first used.
    pub async fn new(cx: &Cx, cluster: Cluster) -> Result<Self, KubeError> {
        let at =
            |stage, fault| KubeError::Unreachable(ConnectError { stage, fault, certain: false });
        let server = &cluster.server;
        let roots = if server.authorities.is_empty() {
            let roots = cx.world.roots.store().await;
            roots.ok_or_else(|| at(Stage::Tls, Fault::NoTrustStore))?
        } else {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(server.authorities.iter().cloned());
            // Where the connection fails, `kit::net` looks why, with the same authorities.
            cx.world.roots.trust_for(&server.host, server.authorities.clone());
            roots.into()
        };
        let certificate =
            cluster.certificate.as_deref().map(|(chain, key)| (chain.clone(), key.clone_key()));
        let tls = tls::client_config_as(roots, cx.now(), certificate, server.verifies);
        let tls = tls.map_err(|error| at(Stage::Tls, Fault::Other(error.to_string())))?;
        let route = match &server.proxy {
            Some(proxy) => ProxyDecision::Through(proxy.clone()),
            None => cx.world.proxies.route(&server.host),
        };
        let name = server.certificate_name.as_deref().unwrap_or(&server.host.name);
        let client = WorldClient::new(&cx.world, (&server.host, name), route, tls);
        let client = client.map_err(KubeError::Unreachable)?;
        let scheme = if server.host.plain { "http" } else { "https" };
        let as_named = Host { name: name.to_owned(), ..server.host.clone() };
        let base = format!("{scheme}://{}{}", as_named.endpoint(), server.path);
        Ok(Self(Rc::new(Inner {
            client,
            cluster,
            base,
            requests: Cell::new(0),
            user: OnceCell::new(),
        })))
    }

    /// Returns the cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.0.cluster
    }

    /// Returns how many requests were sent.
    pub fn requests(&self) -> usize {
        self.0.requests.get()
    }

    /// Sends a request and reads the object in its response.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        cx: &Cx,
        request: http::Request<Vec<u8>>,
    ) -> Result<T, KubeError> {
        let body = self.bytes(cx, &request).await?;
        serde_json::from_slice(&body).map_err(|_| KubeError::Unreadable)
    }

    /// Sends a request and reads the text in its response: a log.
    pub async fn text(
        &self,
        cx: &Cx,
        request: http::Request<Vec<u8>>,
    ) -> Result<String, KubeError> {
        let body = self.bytes(cx, &request).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Begins a watch.
    pub async fn watch<T: DeserializeOwned>(
        &self,
        cx: &Cx,
        request: http::Request<Vec<u8>>,
    ) -> Result<Watch<T>, KubeError> {
        let began = Instant::now();
        let opened = self.open(cx, &request).await;
        let opened = match opened {
            Ok(response) if response.status().as_u16() == 200 => Ok(response),
            Ok(response) => {
                let status = response.status().as_u16();
                let body = self.whole(response).await.unwrap_or_default();
                Err(KubeError::read(status, &body))
            }
            Err(error) => Err(error),
        };
        self.record(cx, &request, opened.as_ref().map(|_| 200), began);
        Ok(Watch::new(opened?))
    }

    /// Sends a request, repeats it where it fails for a moment, and reads its response to the end.
    async fn bytes(&self, cx: &Cx, request: &http::Request<Vec<u8>>) -> Result<Vec<u8>, KubeError> {
        let mut tries = 0;
        loop {
            let began = Instant::now();
            let mut pause = RETRY_PAUSE * 2_u32.pow(tries);
            let got = match self.open(cx, request).await {
                Ok(response) => {
                    let status = response.status().as_u16();
                    pause = asked_pause(&response).unwrap_or(pause).min(MAX_PAUSE);
                    match self.whole(response).await {
                        Ok(body) if (200..300).contains(&status) => Ok((status, body)),
                        Ok(body) => Err(KubeError::read(status, &body)),
                        Err(fault) => Err(KubeError::Broken(fault)),
                    }
                }
                Err(error) => Err(error),
            };
            self.record(cx, request, got.as_ref().map(|(status, _)| *status), began);
            match got {
                Ok((_, body)) => return Ok(body),
                Err(error) if error.is_passing() && tries < RETRIES => {
                    tries += 1;
                    sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a request and returns the beginning of its response.
    async fn open(&self, cx: &Cx, request: &http::Request<Vec<u8>>) -> Result<Response, KubeError> {
        let host = &self.0.cluster.server.host;
        match self.head(request).await {
            Ok(response) => Ok(response),
            // What connects once more goes by the environment.
            Err(error) if error.is_connect && self.0.cluster.server.proxy.is_none() => {
                let opening = Box::pin(pool::once(cx, host));
                match timeout(OPEN_WAIT, opening).await {
                    Ok(Err(error)) => Err(KubeError::Unreachable(error)),
                    // It can be reached after all.
                    Ok(Ok(_)) => self.head(request).await.map_err(|error| self.failure(error)),
                    Err(_) => Err(self.failure(error)),
                }
            }
            // A server may close a connection just as it is used again; then nothing was done.
            Err(NoResponse { fault: Fault::ClosedByPeer | Fault::Reset, .. })
                if request.method() == http::Method::GET =>
            {
                self.head(request).await.map_err(|error| self.failure(error))
            }
            Err(error) => Err(self.failure(error)),
        }
    }

    /// Returns the name by which the cluster knows us, or impersonates us: RBAC binds that one. Kubernetes
    /// tells it since 1.28; else it is the name in the kubeconfig, which need not be the same.
    pub async fn user(&self, cx: &Cx) -> String {
        self.0.user.get_or_init(|| self.reviewed_user(cx)).await.clone()
    }

    async fn reviewed_user(&self, cx: &Cx) -> String {
        let path = KubeRequest::new("/apis/authentication.k8s.io/v1/selfsubjectreviews");
        let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
        let request = path.create(&PostParams::default(), body.to_string().into_bytes());
        let review: Option<Value> = match request {
            Ok(request) => self.ask(cx, request).await.ok(),
            Err(_) => None,
        };
        let name =
            review.as_ref().and_then(|review| review["status"]["userInfo"]["username"].as_str());
        let name = name.map(sanitize_text).filter(|name| !name.is_empty());
        name.unwrap_or_else(|| self.cluster().user.clone())
    }

    /// Reads a body to its end. It may take as long as its response may: what drips would never end.
    async fn whole(&self, response: Response) -> Result<Vec<u8>, Fault> {
        let read = timeout(self.0.cluster.request_timeout, whole(response)).await;
        read.unwrap_or(Err(Fault::TimedOut))
    }

    fn failure(&self, NoResponse { fault, is_connect }: NoResponse) -> KubeError {
        if !is_connect {
            return KubeError::Broken(fault);
        }
        let stage = if self.0.client.proxy.is_some() { Stage::Proxy } else { Stage::Tls };
        KubeError::Unreachable(ConnectError { stage, fault, certain: false })
    }

    async fn head(&self, request: &http::Request<Vec<u8>>) -> Result<Response, NoResponse> {
        let Inner { client, cluster, base, requests, .. } = &*self.0;
        let url = format!("{base}{}", request.uri());
        let mut sent = client
            .http
            .request(request.method().clone(), url)
            .headers(request.headers().clone())
            .header(header::ACCEPT, "application/json");
        if let Some(authorization) = &cluster.authorization {
            let value = header::HeaderValue::from_str(authorization.expose());
            let mut value = value.map_err(|_| NoResponse {
                fault: Fault::Other("the credentials do not fit a header".into()),
                is_connect: false,
            })?;
            value.set_sensitive(true);
            sent = sent.header(header::AUTHORIZATION, value);
        }
        let Impersonate { user, groups, uid, extra } = &cluster.impersonate;
        sent = user.iter().fold(sent, |sent, user| sent.header("Impersonate-User", user));
        sent = groups.iter().fold(sent, |sent, group| sent.header("Impersonate-Group", group));
        sent = uid.iter().fold(sent, |sent, uid| sent.header("Impersonate-Uid", uid));
        sent = extra.iter().fold(sent, |sent, (key, value)| {
            sent.header(format!("Impersonate-Extra-{}", header_key(key)), value)
        });
        if !request.body().is_empty() {
            sent = sent.body(request.body().clone());
        }
        requests.set(requests.get() + 1);
        let wait = CONNECT_WAIT + cluster.request_timeout;
        match timeout(wait, Box::pin(sent.send())).await {
            Ok(response) => response.map_err(|error| NoResponse::of(&error)),
            Err(_) => Err(NoResponse { fault: Fault::TimedOut, is_connect: false }),
        }
    }

    fn record(
        &self,
        cx: &Cx,
        request: &http::Request<Vec<u8>>,
        got: Result<u16, &KubeError>,
        began: Instant,
    ) {
        self.0.client.record_lookups(cx);
        let response = match got {
            Ok(status) => status.to_string(),
            Err(error) => error.status().map_or_else(|| error.said(), |status| status.to_string()),
        };
        cx.exchanged(Exchange {
            to: &self.0.cluster.server.host.to_string(),
            // The crate writes the beginning of a query even where there is none.
            request: format!("{} {}", request.method(), request.uri()).trim_end_matches('?'),
            response: &response,
            details: Map::new(),
            took: began.elapsed(),
        });
    }
}

/// Returns a key as the name of a header: what may not stand there is escaped as in a URL (client-go,
/// `headerKeyEscape`).
fn header_key(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte);
    let escaped = |byte: u8| match byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    key.bytes().map(escaped).collect()
}

/// Returns the pause that the server asks for, in seconds.
fn asked_pause(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Reads a body to its end.
async fn whole(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = vec![];
    loop {
        let piece = timeout(PIECE_WAIT, response.chunk()).await.map_err(|_| Fault::TimedOut)?;
        let Some(piece) = piece.map_err(|error| Fault::of(&error))? else { return Ok(body) };
        if body.len() + piece.len() > MAX_BODY_BYTES {
            return Err(Fault::TooLong);
        }
        body.extend_from_slice(&piece);
    }
}

impl Serialize for Cluster {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("server", &self.server.host)?;
        map.serialize_entry("user", &self.user)?;
        if !self.context.is_empty() {
            map.serialize_entry("context", &self.context)?;
        }
        map.serialize_entry("namespace", &self.namespace)?;
        map.end()
    }
}

impl std::fmt::Debug for Kube {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kube").field("server", &self.0.cluster.server.host).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_becomes_the_name_of_a_header() {
        assert_eq!(header_key("scopes"), "scopes");
        assert_eq!(header_key("acme.com/a%b c"), "acme.com%2Fa%25b%20c");
    }
}
