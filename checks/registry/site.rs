//! A registry to talk to: its lines, where its redirects lead, and what no request should get.

use std::{cell::Cell, net::IpAddr, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{Elsewhere, Trouble, refusal};
use crate::{
    kit::{
        Cx, Got, Halt, Host, Role, is_private,
        net::{FOLLOW_WAIT, Fault, HTTP_WAIT, Line, Reached, Reply, Request, SETTLE_WAIT, http::Transport, Stage, open::Lines, redirect},
    },
    tls::Secured,
};

/// How often one request may be sent on: as often as Go's client goes along.
const HOPS: usize = 10;
/// How often a request that meets an outage or a limit is asked again.
const AGAIN: usize = 2;
/// How many connections tell whether network rules refuse every one, and how far they are apart: less
/// was seen to be answered by one front end alone.
const SAMPLES: usize = 3;
const SAMPLE_PAUSE: Duration = Duration::from_secs(2);

/// A registry and the hosts that it sends us to.
pub struct Site {
    /// The registry.
    pub host: Host,
    lines: Lines,
    /// Its public address, where the name led to that by way of a private endpoint's name.
    past_private_endpoint: Option<IpAddr>,
    /// Whether its network rules have both refused us and let us in.
    pub(super) settling: Cell<bool>,
}

impl Site {
    /// The registry at the end of a door.
    pub(crate) async fn over(cx: &Cx, reached: &Reached, secured: Option<&Secured>) -> Got<Self> {
        let lines = Lines::default();
        let line = join(cx, reached, secured).await?;
        let host = lines.keep(line).host.clone();
        let address = reached.way.address().map(|address| address.ip());
        let public = address.filter(|address| reached.private_link && !is_private(*address));
        Ok(Self { host, lines, past_private_endpoint: public, settling: Cell::new(false) })
    }

    /// Asks the registry. Redirects are followed; throttling, outages and the network's refusals are
    /// graded here, all else is for the caller to read.
    pub(crate) async fn ask(&self, cx: &Cx, request: &Request) -> Got<Reply> {
        let (mut seen, began) = (vec![], Instant::now());
        loop {
            let reply = self.follow(cx, &self.host, request, Role::Other).await?;
            let passing = matches!(reply.status, 408 | 429 | 500..);
            if !passing && !seen.is_empty() {
                let host = self.host.to_string();
                cx.tell(Trouble::Unsteady { host, statuses: seen.clone(), then: reply.status });
            }
            // What passes by itself is no reason to say "cannot": containerd asks again at once where it
            // is throttled, the kubelet after a while where the registry fails.
            if passing && seen.len() < AGAIN && began.elapsed() < HTTP_WAIT {
                seen.push(reply.status);
                continue;
            }
            // The answer to HEAD has no words: whoever asked so asks again with GET.
            let refusal = passing || reply.status == 403;
            if !refusal || request.method == hyper::Method::HEAD {
                return Ok(reply);
            }
            return self.unless_settling(cx, request, reply).await;
        }
    }

    /// Reads a refusal. Where it is the network rules', two more connections tell whether they refuse every
    /// one: a rule that was just changed reaches the registry's front ends one by one. Gives the answer to
    /// the first that is let in.
    pub(crate) async fn unless_settling(
        &self,
        cx: &Cx,
        request: &Request,
        reply: Reply,
    ) -> Got<Reply> {
        let asked = format!("{} {}", request.method, path(&request.target));
        let (host, registrys) = (reply.host.clone(), reply.host == self.host);
        let (halt, is_rules) = refusal::grade(&asked, reply, self.past_private_endpoint).await;
        if !is_rules || !registrys {
            return Err(halt);
        }
        let host = host.to_string();
        let admitted = timeout(SETTLE_WAIT, self.admitted(cx, request)).await.ok().flatten();
        match admitted {
            Some((reply, refused)) => {
                self.settling.set(true);
                cx.tell(Trouble::AcrFirewallPropagating { host, refused });
                Ok(reply)
            }
            // It was let in before: neither yes nor no, as long as that goes on.
            None if self.settling.get() => {
                Err(Halt::broke(Trouble::AcrFirewallPropagating { host, refused: SAMPLES }))
            }
            None => Err(halt),
        }
    }

    /// The first answer on a fresh connection that is not a refusal, and how many were before it.
    async fn admitted(&self, cx: &Cx, request: &Request) -> Option<(Reply, usize)> {
        let line = self.lines.to(cx, &self.host).await.ok()?;
        for refused in 1..SAMPLES {
            sleep(SAMPLE_PAUSE).await;
            let fresh = line.afresh(cx).await.ok()?;
            let reply = fresh.ask(cx, request).await.ok()?;
            if matches!(reply.status, 200 | 401 | 404) {
                self.lines.keep(fresh);
                return Some((reply, refused));
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
        role: Role,
    ) -> Got<Reply> {
        let asked = format!("{} {}", request.method, path(&request.target));
        let following = timeout(FOLLOW_WAIT, self.hop(cx, host, request, role, &asked)).await;
        following.map_err(|_| no_answer(host, &asked, Fault::NoAnswer))?
    }

    /// Says that what answered is no registry.
    pub(crate) fn stranger(asked: &str, reply: &Reply) -> Halt {
        let header = reply.header("www-authenticate").map(|h| format!("WWW-Authenticate: {h}"));
        let kind = || reply.header("content-type").map(|kind| format!("Content-Type: {kind}"));
        Trouble::ChallengeInvalid {
            host: reply.host.to_string(),
            request: asked.to_owned(),
            status: reply.status,
            said: header.or_else(kind).unwrap_or_else(|| "no-challenge".to_owned()),
        }
        .into()
    }

    async fn hop(
        &self,
        cx: &Cx,
        first: &Host,
        request: &Request,
        role: Role,
        asked: &str,
    ) -> Got<Reply> {
        let (mut host, mut request) = (first.clone(), request.clone());
        for _ in 0..=HOPS {
            let reply = self.send(cx, &host, &request).await?;
            let Some((next, target)) = redirect(&host, &request, &reply, role) else {
                return Ok(reply);
            };
            if next != host {
                request.authorization = None;
            }
            (host, request.target) = (next, target);
        }
        let (host, request) = (first.to_string(), asked.to_owned());
        Err(Trouble::RedirectLoop { host, request, hops: HOPS }.into())
    }

    /// Asks a host once.
    pub(crate) async fn send(&self, cx: &Cx, host: &Host, request: &Request) -> Got<Reply> {
        let line = self.lines.to(cx, host).await.map_err(|unopened| -> Halt {
            let elsewhere = Elsewhere { host: host.to_string(), fault: unopened.fault };
            match unopened.stage {
                Stage::Dns => Trouble::OtherHostUnresolved(elsewhere).into(),
                Stage::Tcp | Stage::Proxy => Trouble::OtherHostUnreachable(elsewhere).into(),
                Stage::Tls => Trouble::OtherHostUntrusted(elsewhere).into(),
            }
        })?;
        let asked = format!("{} {}", request.method, path(&request.target));
        line.ask(cx, request).await.map_err(|fault| no_answer(host, &asked, fault))
    }

    /// Takes the door to another of its hosts into use.
    pub(crate) async fn join(
        &self,
        cx: &Cx,
        reached: &Reached,
        secured: Option<&Secured>,
    ) -> Got<()> {
        self.lines.keep(join(cx, reached, secured).await?);
        Ok(())
    }

    /// Says what a refusal means that has nothing to do with what was asked for.
    pub(crate) async fn refuse(&self, asked: &str, reply: Reply) -> Halt {
        refusal::grade(asked, reply, self.past_private_endpoint).await.0
    }
}

/// A line over what the steps of a door have opened.
async fn join(cx: &Cx, reached: &Reached, secured: Option<&Secured>) -> Got<Line> {
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
    Line::over(host, reached.way.clone(), transport).await.map_err(failed)
}

fn no_answer(host: &Host, asked: &str, fault: Fault) -> Halt {
    let (name, request) = (host.to_string(), asked.to_owned());
    match host.role {
        Role::Data => Trouble::DataHostNoAnswer { host: name, fault }.into(),
        _ => Trouble::NoAnswer { host: name, request, fault }.into(),
    }
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}
