//! A registry to talk to: its lines, where its redirects lead, and what no request should get.

use std::time::Duration;

use tokio::time::timeout;

use super::{Trouble, refusal};
use crate::{
    kit::{
        Cx, Got, Halt, Host, Role,
        net::{Fault, Line, Reply, Request, http::Transport, open::Lines},
    },
    network::Reached,
    tls::Secured,
};

/// How often one request may be sent on.
const HOPS: usize = 5;
/// How long one request may take, all redirects included.
const WHOLE: Duration = Duration::from_secs(25);

/// A registry and the hosts that it sends us to.
pub struct Site {
    /// The registry.
    pub host: Host,
    lines: Lines,
}

impl Site {
    /// The registry at the end of a door.
    pub(crate) async fn over(cx: &Cx, reached: &Reached, secured: Option<&Secured>) -> Got<Self> {
        let lines = Lines::default();
        let line = join(cx, reached, secured).await?;
        Ok(Self { host: lines.keep(line).host.clone(), lines })
    }

    /// Asks the registry. Redirects are followed, without credentials to other hosts; throttling,
    /// outages and the network's refusals are graded here, all else is for the caller to read.
    pub(crate) async fn ask(&self, cx: &Cx, request: &Request) -> Got<Reply> {
        let asked = format!("{} {}", request.method, path(&request.target));
        let following = timeout(WHOLE, self.follow(cx, request, &asked)).await;
        let reply = following.map_err(|_| no_answer(&self.host, &asked, Fault::NoAnswer))??;
        match reply.status {
            403 if request.method == hyper::Method::HEAD => Ok(reply),
            403 | 429 | 500.. => Err(self.refuse(&asked, reply).await),
            _ => Ok(reply),
        }
    }

    /// Asks once, without following: for blobs, whose redirect is an answer.
    pub(crate) async fn ask_once(&self, cx: &Cx, request: &Request) -> Got<Reply> {
        self.send(cx, &self.host, request).await
    }

    /// Asks a host that the registry named.
    pub(crate) async fn send(&self, cx: &Cx, host: &Host, request: &Request) -> Got<Reply> {
        let line = self.lines.to(cx, host).await.map_err(|unopened| -> Halt {
            let (stage, fault) = (unopened.stage, unopened.fault);
            Trouble::HostUnreachable { host: host.to_string(), stage, fault }.into()
        })?;
        let asked = format!("{} {}", request.method, path(&request.target));
        line.ask(cx, request).await.map_err(|fault| no_answer(host, &asked, fault))
    }

    /// Says what a refusal means that has nothing to do with what was asked for.
    pub(crate) async fn refuse(&self, asked: &str, reply: Reply) -> Halt {
        refusal::grade(&self.host, asked, reply).await
    }

    async fn follow(&self, cx: &Cx, request: &Request, asked: &str) -> Got<Reply> {
        let mut request = request.clone();
        let mut host = self.host.clone();
        for _ in 0..=HOPS {
            let reply = self.send(cx, &host, &request).await?;
            let Some((next, target)) = redirect(&host, &request, &reply, Role::Other) else {
                return Ok(reply);
            };
            if next != host {
                request.authorization = None;
            }
            (host, request.target) = (next, target);
        }
        let host = self.host.to_string();
        Err(Trouble::RedirectLoop { host, request: asked.to_owned(), hops: HOPS }.into())
    }
}

/// A line over what the steps of a door have opened.
pub async fn join(cx: &Cx, reached: &Reached, secured: Option<&Secured>) -> Got<Line> {
    let mut host = reached.host.clone();
    let failed = |fault| no_answer(&reached.host, "HTTP", fault);
    let transport = match secured {
        Some(secured) => secured.take().map(|stream| Transport::Secure(Box::new(stream))),
        // Only here may anything go unencrypted: where it was asked for, or on this machine.
        None if host.may_be_plain() => {
            host.plain = true;
            Some(Transport::Plain(reached.stream(cx).await.map_err(failed)?))
        }
        None => None,
    };
    let transport = transport.ok_or_else(|| failed(Fault::Closed))?;
    Line::over(host, reached.address, transport).await.map_err(failed)
}

/// Where an answer sends us: the host, and what to ask there.
pub fn redirect(
    from: &Host,
    request: &Request,
    reply: &Reply,
    role: Role,
) -> Option<(Host, String)> {
    if !matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let scheme = if from.plain { "http" } else { "https" };
    let base = url::Url::parse(&format!("{scheme}://{from}{}", request.target)).ok()?;
    let url = base.join(reply.header("location")?).ok()?;
    let mut host = Host::of(&url, role)?;
    // A registry that is reached over TLS cannot send anybody to a place without.
    if host.plain && !from.may_be_plain() {
        return None;
    }
    if (&host.name, host.port) == (&from.name, from.port) {
        host = from.clone();
    }
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some((host, format!("{}{query}", url.path())))
}

fn no_answer(host: &Host, asked: &str, fault: Fault) -> Halt {
    Trouble::NoAnswer { host: host.to_string(), request: asked.to_owned(), fault }.into()
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}
