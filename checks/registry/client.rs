//! The client of one registry: its connections, its redirects, and the problems that any request
//! can meet.

use std::{cell::Cell, net::IpAddr, rc::Rc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{
    Before, Problem, Refusal,
    mirror::MirrorPath,
    problem::{Elsewhere, NoChallenge},
    response::{decoded, no_answer, redirected, silent, unanswered},
    retries::{is_transient, max_retries, note_retries, retried},
};
use crate::{
    kit::{
        Cx, Host, HostPurpose, NoFact, StepResult,
        net::{
            BODY_WAIT, Connected, Connection, ErrorBody, Fault, MAX_REDIRECTS, Reply, Request,
            SETTLE_WAIT, Stage,
            pool::{self, ConnectionPool},
        },
        target::is_private,
    },
    tls::Secured,
};

/// How many connections show whether network rules refuse every one, and the pause before each.
/// With fewer connections or shorter pauses, a single front end was seen to answer all of them.
const SAMPLES: usize = 3;
const SAMPLE_PAUSE: Duration = Duration::from_secs(2);

/// A registry, and the connections to the hosts that it redirects to.
pub struct RegistryClient {
    /// The registry's host.
    pub host: Host,
    pub(super) connections: ConnectionPool,
    /// The registry's public address, if the CNAME chain goes through the private endpoint's name
    /// but leads to that address.
    past_private_endpoint: Option<IpAddr>,
    /// How it is asked, if it is a mirror of the registry.
    mirror: Option<MirrorPath>,
    /// Whether the network rules have both refused and allowed requests from here.
    pub(super) settling: Cell<bool>,
    /// Whether it is asked under the name of containerd, once a refusal raised the question.
    pub(super) as_containerd: Cell<Option<bool>>,
}

impl RegistryClient {
    /// Returns a client over the connection that the earlier steps opened to the registry.
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
        let mut client = Self::at(host);
        (client.connections, client.past_private_endpoint) = (connections, public);
        Ok(client)
    }

    /// Returns a client for another endpoint of the registry, which connects when it is first used.
    pub(crate) fn at(host: Host) -> Self {
        Self {
            host,
            connections: ConnectionPool::default(),
            past_private_endpoint: None,
            mirror: None,
            settling: Cell::new(false),
            as_containerd: Cell::new(None),
        }
    }

    /// Returns a client of the same registry over another connection.
    pub(crate) fn on(&self, connection: Connection) -> Self {
        let client = Self {
            past_private_endpoint: self.past_private_endpoint,
            ..Self::at(connection.host.clone())
        };
        client.connections.keep(connection);
        client
    }

    /// Returns a client for a mirror of the registry, over a connection that is open already, if
    /// there is one.
    pub(crate) fn of_mirror(host: Host, path: MirrorPath, open: Option<Connection>) -> Self {
        let client = Self { mirror: Some(path), ..Self::at(host) };
        if let Some(connection) = open {
            client.connections.keep(connection);
        }
        client
    }

    /// Returns a request as this host is asked: a mirror may have its API at another path, and is
    /// told which registry is meant.
    pub(crate) fn own(&self, request: Request) -> Request {
        match &self.mirror {
            Some(mirror) => mirror.own(request),
            None => request,
        }
    }

    /// Sends a request to the registry and follows redirects. Rate limits, outages and refusals by
    /// the network rules are diagnosed here; the caller reads every other response.
    pub(crate) async fn ask(&self, cx: &Cx, request: &Request) -> StepResult<Reply> {
        self.ask_after(cx, request, Before::default()).await
    }

    /// Sends a request in the same way, of whose attempts containerd has spent some already.
    pub(crate) async fn ask_after(
        &self,
        cx: &Cx,
        request: &Request,
        before: Before,
    ) -> StepResult<Reply> {
        let ask = async || self.follow(cx, &self.host, request, HostPurpose::Other).await;
        let is_head = request.method == hyper::Method::HEAD;
        let reply = retried(cx, before, self.is_last(), ask).await?;
        // The response to HEAD has no body, so the caller repeats the request with GET.
        let refusal = is_transient(reply.status) || reply.status == 403;
        if !refusal || is_head {
            return Ok(reply);
        }
        self.grade_refusal(cx, request, reply).await
    }

    /// Returns whether the connection to the registry can carry several requests at once.
    pub(crate) fn is_http2(&self) -> bool {
        self.connections.is_http2(&self.host)
    }

    /// Returns whether containerd asks no other host after this one.
    pub(super) fn is_last(&self) -> bool {
        self.mirror.is_none()
    }

    /// Returns the response, unless network rules refuse the request with a 403.
    pub(crate) async fn past_firewall(
        &self,
        cx: &Cx,
        request: &Request,
        reply: Reply,
    ) -> StepResult<Reply> {
        match reply.status {
            403 => self.grade_refusal(cx, request, reply).await,
            _ => Ok(reply),
        }
    }

    /// Diagnoses a refusal. If it comes from the network rules, two more connections show whether
    /// the rules refuse every one: a rule that was just changed reaches the registry's front ends
    /// one by one. Returns the response on the first connection that the rules allow.
    async fn grade_refusal(&self, cx: &Cx, request: &Request, reply: Reply) -> StepResult<Reply> {
        let mut refusal = Refusal::read(reply).await;
        if refusal.rules().is_none() || refusal.host != self.host {
            return Err(self.diagnose(refusal));
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
            // An earlier request was allowed, so the result is undetermined while the rules settle.
            None if self.settling.get() => {
                Err(NoFact::could_not_tell(Problem::AcrFirewallPropagating { host, refused }))
            }
            None => {
                refusal.connections = refused;
                Err(self.diagnose(refusal))
            }
        }
    }

    /// Returns the first response on a new connection that is not a 403 or a temporary failure.
    /// Counts the 403s in `refused`.
    async fn admitted(&self, cx: &Cx, request: &Request, refused: &Cell<usize>) -> Option<Reply> {
        let connection = self.connections.to(cx, &self.host).await.ok()?;
        for _ in 1..SAMPLES {
            sleep(SAMPLE_PAUSE).await;
            let fresh = connection.reconnect(cx).await.ok()?;
            let reply = fresh.ask(cx, request).await.ok()?;
            match reply.status {
                403 => refused.set(refused.get() + 1),
                status if is_transient(status) => {}
                _ => {
                    self.connections.keep(fresh);
                    return Some(reply);
                }
            }
        }
        None
    }

    /// Sends a request to a host and follows redirects as Go's client does.
    pub(crate) async fn follow(
        &self,
        cx: &Cx,
        first: &Host,
        request: &Request,
        purpose: HostPurpose,
    ) -> StepResult<Reply> {
        let asked = request.said_to(first);
        let (mut host, mut request) = (first.clone(), request.clone());
        for _ in request.redirects..=MAX_REDIRECTS {
            let mut reply = self.send(cx, &host, &request).await?;
            let Some(next) = redirected(&host, &request, &reply, purpose)? else {
                reply.request = asked;
                return Ok(reply);
            };
            (host, request) = next;
            Box::pin(self.unexposed(cx, first, &host, &request)).await?;
        }
        Err(Self::redirect_loop(first, asked))
    }

    /// Returns where a response redirects to; `None` where it is no redirect.
    pub(crate) fn redirected(
        from: &Host,
        request: &Request,
        reply: &Reply,
        purpose: HostPurpose,
    ) -> StepResult<Option<(Host, Request)>> {
        redirected(from, request, reply, purpose)
    }

    /// Returns that the response does not come from a registry.
    pub(crate) fn not_a_registry(reply: &Reply) -> NoFact {
        let header = reply.header("www-authenticate").map(|h| format!("WWW-Authenticate: {h}"));
        let kind = || reply.header("content-type").map(|kind| format!("Content-Type: {kind}"));
        Problem::ChallengeInvalid {
            host: reply.host.to_string(),
            request: reply.request.clone(),
            status: reply.status,
            said: header.or_else(kind).unwrap_or_else(|| NoChallenge::NoChallenge.to_string()),
        }
        .into()
    }

    /// Reads a 404. Returns what the registry says is missing, or the problem that the response
    /// shows instead.
    pub(crate) async fn missing(reply: Reply) -> StepResult<ErrorBody> {
        let is_registrys = reply.is_registrys();
        let not_a_registry = Self::not_a_registry(&reply);
        let refusal = Refusal::read_unexplained(reply).await?;
        if refusal.body.code.is_empty() && !is_registrys {
            return Err(not_a_registry);
        }
        Ok(refusal.body)
    }

    /// Sends a request to a host, and retries when the host closes the connection instead of
    /// responding. The newest containerd retries at once, the kubelet after a while.
    pub(crate) async fn send(&self, cx: &Cx, host: &Host, request: &Request) -> StepResult<Reply> {
        let connection = self.reach(cx, host).await?;
        let mut failed = vec![];
        let as_containerd = self.as_containerd.get() == Some(true);
        let request = &Request { as_containerd, ..request.clone() };
        loop {
            let began = Instant::now();
            match connection.ask(cx, request).await {
                Ok(reply) => {
                    let is_refused = reply.status == 403 && *host == self.host;
                    let reply = if is_refused && !reply.is_registrys() {
                        self.past_agent_rules(cx, &connection, request, reply).await
                    } else {
                        reply
                    };
                    note_retries(cx, host, failed, &reply);
                    return decoded(reply, request);
                }
                Err(fault @ (Fault::ClosedByPeer | Fault::Reset))
                    if failed.len() < max_retries(cx) && self.is_last() =>
                {
                    failed.push(fault.to_string());
                }
                Err(Fault::TimedOut) => {
                    return Err(unanswered(cx, host, request, began.elapsed()));
                }
                Err(fault) => return Err(no_answer(host, request.said_to(host), fault)),
            }
        }
    }

    /// Connects to a host that the registry names, or says why a runtime would not.
    pub(crate) async fn reach(&self, cx: &Cx, host: &Host) -> StepResult<Rc<Connection>> {
        self.connections.to(cx, host).await.map_err(|error| -> NoFact {
            let elsewhere = Elsewhere { host: host.to_string(), fault: error.fault };
            if !error.certain {
                return NoFact::could_not_tell(Problem::OtherHostUndecided(elsewhere));
            }
            match error.stage {
                Stage::Dns => Problem::OtherHostUnresolved(elsewhere).into(),
                Stage::Tcp | Stage::Proxy => Problem::OtherHostUnreachable(elsewhere).into(),
                Stage::Tls => Problem::OtherHostUntrusted(elsewhere).into(),
            }
        })
    }

    /// Keeps the connection that the earlier steps opened to another host of the registry.
    pub(crate) async fn join(
        &self,
        cx: &Cx,
        connected: &Connected,
        secured: Option<&Secured>,
    ) -> StepResult<()> {
        self.connections.keep(join(cx, connected, secured).await?);
        Ok(())
    }

    /// Returns what a refusal means when its reason does not depend on the request.
    pub(crate) async fn refuse(&self, reply: Reply) -> NoFact {
        self.diagnose(Refusal::read(reply).await)
    }

    fn diagnose(&self, refusal: Refusal) -> NoFact {
        match (refusal.rules(), self.past_private_endpoint) {
            (Some(rules), Some(address)) if refusal.host == self.host => {
                let zone = refusal.host.azure().map(|name| format!("privatelink.{}", name.suffix));
                Problem::PrivateEndpointBypassed { rules, address, zone }.into()
            }
            _ => refusal.grade(),
        }
    }

    /// Refuses a redirect that would send credentials without TLS, as containerd sends them.
    pub(crate) async fn unexposed(
        &self,
        cx: &Cx,
        first: &Host,
        next: &Host,
        request: &Request,
    ) -> StepResult<()> {
        if !request.is_exposed {
            return Ok(());
        }
        self.can_be_asked(cx, next).await?;
        let (host, elsewhere) = (first.to_string(), format!("http://{next}"));
        Err(NoFact::could_not_tell(Problem::RedirectNotSafe { host, elsewhere }))
    }

    /// Fails where a host cannot be reached, or where one that is asked without TLS answers with
    /// something else than HTTP, such as TLS: then it does not matter what would be sent to it.
    pub(crate) async fn can_be_asked(&self, cx: &Cx, host: &Host) -> StepResult<()> {
        let connection = self.reach(cx, host).await?;
        let request = Request::new(hyper::Method::HEAD, "/");
        if !host.plain {
            return Ok(());
        }
        match connection.ask(cx, &request).await {
            Err(fault @ Fault::NotHttp) => Err(no_answer(host, request.said_to(host), fault)),
            _ => Ok(()),
        }
    }

    /// Returns that another host than the registry asks for a sign-in.
    pub(crate) fn sign_in_elsewhere(&self, elsewhere: &Host) -> NoFact {
        let (host, elsewhere) = (self.host.to_string(), elsewhere.to_string());
        NoFact::could_not_tell(Problem::SignInElsewhere { host, elsewhere })
    }

    /// Returns that a host redirects again and again.
    pub(crate) fn redirect_loop(host: &Host, request: String) -> NoFact {
        Problem::RedirectLoop { host: host.to_string(), request, hops: MAX_REDIRECTS }.into()
    }

    /// Returns that a response is beyond what this program handles.
    pub(crate) fn not_replayed(host: &Host, request: &str, fault: Fault) -> NoFact {
        no_answer(host, request.to_owned(), fault)
    }

    /// Returns that a host did not finish its response in time.
    pub(crate) fn unfinished(host: &Host, request: &str) -> NoFact {
        silent(host, request.to_owned(), BODY_WAIT)
    }
}

/// Returns an HTTP connection over what the earlier steps opened to a host.
async fn join(cx: &Cx, connected: &Connected, secured: Option<&Secured>) -> StepResult<Connection> {
    let opened = pool::opened(cx, connected, secured.and_then(Secured::take)).await;
    opened.map_err(|fault| no_answer(&connected.host, "HTTP".to_owned(), fault))
}
