//! A registry to talk to: its lines, where its redirects lead, and what no request should get.

use std::{cell::Cell, net::IpAddr, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{
    Problem, Refusal,
    problem::{Elsewhere, NoChallenge},
};
use crate::{
    kit::{
        Cx, Host, HostPurpose, NoFact, StepResult,
        net::{
            BODY_WAIT, Connected, Connection, ErrorBody, FOLLOW_WAIT, Fault, HTTP_WAIT, Reply,
            Request, SETTLE_WAIT, Stage,
            pool::{self, ConnectionPool},
            redirect,
        },
        target::is_private,
    },
    tls::Secured,
};

/// How many redirects are followed: as many as Go's client follows.
const MAX_REDIRECTS: usize = 10;
/// How often a request that meets an outage or a limit is asked again.
const RETRIES: usize = 2;
/// How many connections tell whether network rules refuse every one, and how far they are apart:
/// less was seen to be answered by one front end alone.
const SAMPLES: usize = 3;
const SAMPLE_PAUSE: Duration = Duration::from_secs(2);

/// A registry and the hosts that it sends us to.
pub struct RegistryClient {
    /// The registry.
    pub host: Host,
    connections: ConnectionPool,
    /// Its public address, where the name led to that by way of a private endpoint's name.
    past_private_endpoint: Option<IpAddr>,
    /// Whether its network rules have both refused us and let us in.
    pub(super) settling: Cell<bool>,
}

impl RegistryClient {
    /// The registry at the end of a door.
    pub(crate) async fn over(
        cx: &Cx,
        connected: &Connected,
        secured: Option<&Secured>,
    ) -> StepResult<Self> {
        let connections = ConnectionPool::default();
        let connection = join(cx, connected, secured).await?;
        let host = connections.keep(connection).host.clone();
        let address = connected.route.address().map(|address| address.ip());
        let public = address.filter(|address| connected.private_link && !is_private(*address));
        Ok(Self { host, connections, past_private_endpoint: public, settling: Cell::new(false) })
    }

    /// Asks the registry. Redirects are followed; throttling, outages and the network's refusals
    /// are graded here, all else is for the caller to read.
    pub(crate) async fn ask(&self, cx: &Cx, request: &Request) -> StepResult<Reply> {
        let ask = async || self.follow(cx, &self.host, request, HostPurpose::Other).await;
        let reply = self.with_retries(cx, ask).await?;
        // The answer to HEAD has no body: the caller asks again with GET.
        let refusal = passes(reply.status) || reply.status == 403;
        if !refusal || request.method == hyper::Method::HEAD {
            return Ok(reply);
        }
        self.recheck_firewall(cx, request, reply).await
    }

    /// Whether it may be asked several things at once.
    pub(crate) fn is_http2(&self) -> bool {
        self.connections.is_http2(&self.host)
    }

    /// Asks, and again where the answer is one that may pass by itself. That is no reason to say
    /// "cannot": containerd asks again at once where it is throttled, the kubelet after a while
    /// where a server fails.
    pub(crate) async fn with_retries(
        &self,
        cx: &Cx,
        ask: impl AsyncFn() -> StepResult<Reply>,
    ) -> StepResult<Reply> {
        let (mut seen, began) = (vec![], Instant::now());
        loop {
            let reply = ask().await?;
            if !passes(reply.status) {
                remark(cx, &reply.host, seen, &reply);
                return Ok(reply);
            }
            if seen.len() == RETRIES || began.elapsed() >= HTTP_WAIT {
                return Ok(reply);
            }
            seen.push(reply.status.to_string());
        }
    }

    /// Returns the answer, unless network rules refuse the request with a 403.
    pub(crate) async fn past_firewall(
        &self,
        cx: &Cx,
        request: &Request,
        reply: Reply,
    ) -> StepResult<Reply> {
        match reply.status {
            403 => self.recheck_firewall(cx, request, reply).await,
            _ => Ok(reply),
        }
    }

    /// Reads a refusal. Where it is the network rules', two more connections tell whether they
    /// refuse every one: a rule that was just changed reaches the registry's front ends one by one.
    /// Gives the answer to the first that is allowed.
    async fn recheck_firewall(
        &self,
        cx: &Cx,
        request: &Request,
        reply: Reply,
    ) -> StepResult<Reply> {
        let asked = format!("{} {}", request.method, path(&request.target));
        let mut refusal = Refusal::read(reply).await;
        if refusal.rules().is_none() || refusal.host != self.host {
            return Err(self.diagnose(&asked, refusal));
        }
        let refused = Cell::new(1);
        let sampling = timeout(SETTLE_WAIT, self.admitted(cx, request, &refused)).await;
        let (host, refused) = (self.host.to_string(), refused.get());
        match sampling.ok().flatten() {
            Some(reply) => {
                self.settling.set(true);
                cx.add_finding(Problem::AcrFirewallPropagating { host, refused });
                Ok(reply)
            }
            // An earlier request was allowed: undetermined while the rules settle.
            None if self.settling.get() => {
                Err(NoFact::could_not_tell(Problem::AcrFirewallPropagating { host, refused }))
            }
            None => {
                refusal.connections = refused;
                Err(self.diagnose(&asked, refusal))
            }
        }
    }

    /// The first answer on a fresh connection that is not such a refusal; counts those that are.
    async fn admitted(&self, cx: &Cx, request: &Request, refused: &Cell<usize>) -> Option<Reply> {
        let connection = self.connections.to(cx, &self.host).await.ok()?;
        for _ in 1..SAMPLES {
            sleep(SAMPLE_PAUSE).await;
            let fresh = connection.reconnect(cx).await.ok()?;
            let reply = fresh.ask(cx, request).await.ok()?;
            match reply.status {
                403 => refused.set(refused.get() + 1),
                status if passes(status) => {}
                _ => {
                    self.connections.keep(fresh);
                    return Some(reply);
                }
            }
        }
        None
    }

    /// Asks a host, and goes where it sends us: as Go's client does, but the credentials stay with
    /// the host that they are for.
    pub(crate) async fn follow(
        &self,
        cx: &Cx,
        host: &Host,
        request: &Request,
        purpose: HostPurpose,
    ) -> StepResult<Reply> {
        let asked = format!("{} {}", request.method, path(&request.target));
        let following = timeout(FOLLOW_WAIT, self.hop(cx, host, request, purpose, &asked)).await;
        following.map_err(|_| silent(host, &asked, FOLLOW_WAIT))?
    }

    /// Says that what answered is no registry.
    pub(crate) fn not_a_registry(asked: &str, reply: &Reply) -> NoFact {
        let header = reply.header("www-authenticate").map(|h| format!("WWW-Authenticate: {h}"));
        let kind = || reply.header("content-type").map(|kind| format!("Content-Type: {kind}"));
        Problem::ChallengeInvalid {
            host: reply.host.to_string(),
            request: asked.to_owned(),
            status: reply.status,
            said: header.or_else(kind).unwrap_or_else(|| NoChallenge::NoChallenge.to_string()),
        }
        .into()
    }

    /// Reads a 404: what the registry says that it lacks, or what else the answer means.
    pub(crate) async fn missing(asked: &str, reply: Reply) -> StepResult<ErrorBody> {
        let is_registrys = reply.is_registrys();
        let not_a_registry = Self::not_a_registry(asked, &reply);
        let refusal = Refusal::read_unexplained(asked, reply).await?;
        if refusal.body.code.is_empty() && !is_registrys {
            return Err(not_a_registry);
        }
        Ok(refusal.body)
    }

    async fn hop(
        &self,
        cx: &Cx,
        first: &Host,
        request: &Request,
        purpose: HostPurpose,
        asked: &str,
    ) -> StepResult<Reply> {
        let (mut host, mut request) = (first.clone(), request.clone());
        for _ in 0..=MAX_REDIRECTS {
            let reply = self.send(cx, &host, &request).await?;
            let Some((next, target)) = redirect(&host, &request, &reply, purpose) else {
                return Ok(reply);
            };
            if next != host {
                request.authorization = None;
            }
            (host, request.target) = (next, target);
        }
        let (host, request) = (first.to_string(), asked.to_owned());
        Err(Problem::RedirectLoop { host, request, hops: MAX_REDIRECTS }.into())
    }

    /// Asks a host, and again where it ends the connection instead of answering: the newest
    /// containerd does so at once, the kubelet after a while.
    pub(crate) async fn send(&self, cx: &Cx, host: &Host, request: &Request) -> StepResult<Reply> {
        let asked = format!("{} {}", request.method, path(&request.target));
        let sending = timeout(FOLLOW_WAIT, self.send_on(cx, host, request)).await;
        sending.map_err(|_| silent(host, &asked, FOLLOW_WAIT))?
    }

    async fn send_on(&self, cx: &Cx, host: &Host, request: &Request) -> StepResult<Reply> {
        let connection = self.connections.to(cx, host).await.map_err(|error| -> NoFact {
            let elsewhere = Elsewhere { host: host.to_string(), fault: error.fault };
            if !error.certain {
                return NoFact::could_not_tell(Problem::OtherHostUndecided(elsewhere));
            }
            match error.stage {
                Stage::Dns => Problem::OtherHostUnresolved(elsewhere).into(),
                Stage::Tcp | Stage::Proxy => Problem::OtherHostUnreachable(elsewhere).into(),
                Stage::Tls => Problem::OtherHostUntrusted(elsewhere).into(),
            }
        })?;
        let asked = format!("{} {}", request.method, path(&request.target));
        let mut failed = vec![];
        loop {
            match connection.ask(cx, request).await {
                Ok(reply) => {
                    remark(cx, host, failed, &reply);
                    return decoded(reply);
                }
                Err(fault @ (Fault::ClosedByPeer | Fault::Reset)) if failed.len() < RETRIES => {
                    failed.push(fault.to_string());
                }
                Err(Fault::TimedOut) => return Err(silent(host, &asked, HTTP_WAIT)),
                Err(fault) => return Err(no_answer(host, &asked, fault)),
            }
        }
    }

    /// Takes the door to another of its hosts into use.
    pub(crate) async fn join(
        &self,
        cx: &Cx,
        connected: &Connected,
        secured: Option<&Secured>,
    ) -> StepResult<()> {
        self.connections.keep(join(cx, connected, secured).await?);
        Ok(())
    }

    /// Says what a refusal means that has nothing to do with what was asked for.
    pub(crate) async fn refuse(&self, asked: &str, reply: Reply) -> NoFact {
        self.diagnose(asked, Refusal::read(reply).await)
    }

    fn diagnose(&self, asked: &str, refusal: Refusal) -> NoFact {
        match (refusal.rules(), self.past_private_endpoint) {
            (Some(rules), Some(address)) => {
                let zone = refusal.host.azure().map(|name| format!("privatelink.{}", name.suffix));
                Problem::PrivateEndpointBypassed { rules, address, zone }.into()
            }
            _ => refusal.grade(asked),
        }
    }

    /// Says that a host does not come to the end of its answer.
    pub(crate) fn unfinished(host: &Host, asked: &str) -> NoFact {
        silent(host, asked, BODY_WAIT)
    }
}

/// Returns a connection over what the steps of a host have opened.
async fn join(cx: &Cx, connected: &Connected, secured: Option<&Secured>) -> StepResult<Connection> {
    let opened = pool::opened(cx, connected, secured.and_then(Secured::take)).await;
    opened.map_err(|fault| no_answer(&connected.host, "HTTP", fault))
}

fn no_answer(host: &Host, asked: &str, fault: Fault) -> NoFact {
    let (name, request) = (host.to_string(), asked.to_owned());
    if let Fault::Alert(alert) = fault {
        return Problem::EndedByAlert { host: name, alert }.into();
    }
    match host.purpose {
        HostPurpose::Data => Problem::DataHostNoAnswer { host: name, fault }.into(),
        _ => Problem::NoAnswer { host: name, request, fault }.into(),
    }
}

/// An answer as a container runtime takes it: each status of success is one. What is compressed on
/// the way it unpacks, which is not done here.
fn decoded(mut reply: Reply) -> StepResult<Reply> {
    if matches!(reply.status, 201..=205 | 207..=299) {
        reply.status = 200;
    }
    let packed = reply.header("content-encoding").filter(|packed| *packed != "identity");
    match packed.filter(|_| matches!(reply.status, 200 | 206)) {
        Some(packed) => {
            let (host, encoding) = (reply.host.to_string(), packed.to_owned());
            Err(NoFact::could_not_tell(Problem::Encoded { host, encoding }))
        }
        None => Ok(reply),
    }
}

/// Says that a host answered only when it was asked again.
fn remark(cx: &Cx, host: &Host, failed: Vec<String>, reply: &Reply) {
    if !failed.is_empty() {
        let (host, then) = (host.to_string(), reply.status);
        cx.add_finding(Problem::Unsteady { host, failed, then });
    }
}

/// Our patience ends before a runtime's: that is no proof that it will wait in vain.
fn silent(host: &Host, asked: &str, waited: Duration) -> NoFact {
    let (name, request, seconds) = (host.to_string(), asked.to_owned(), waited.as_secs());
    NoFact::could_not_tell(match host.purpose {
        HostPurpose::Data => Problem::DataHostSilent { host: name, seconds },
        _ => Problem::Silent { host: name, request, seconds },
    })
}

/// Whether a runtime asks again when it is answered so.
fn passes(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..)
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}
