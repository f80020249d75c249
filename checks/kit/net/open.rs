//! Lines to hosts that no step of its own leads to: a token server, a mirror, a second data host.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    rc::Rc,
};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::timeout;

use super::{Fault, Line, OPEN_WAIT, Reached, Stream, Way, dns, http::Transport, proxy, tcp, tls};
use crate::kit::{Cx, Host, Route};

/// The stages of the way to a host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// Its name.
    Dns,
    /// A connection.
    Tcp,
    /// A certificate.
    Tls,
    /// A way through the proxy.
    Proxy,
}

impl Stage {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Dns => "dns",
            Stage::Tcp => "tcp",
            Stage::Tls => "tls",
            Stage::Proxy => "proxy",
        }
    }
}

/// Where the way to a host ended, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Unopened {
    /// At this stage.
    pub stage: Stage,
    /// How.
    pub fault: Fault,
}

/// The open lines of a run, one a host.
#[derive(Default)]
pub struct Lines(RefCell<HashMap<Host, Rc<Line>>>);

impl Lines {
    /// Keeps a line that a step has opened.
    pub fn keep(&self, line: Line) -> Rc<Line> {
        let line = Rc::new(line);
        self.0.borrow_mut().insert(line.host.clone(), line.clone());
        line
    }

    /// The line to that host, opened now when there is none.
    pub async fn to(&self, cx: &Cx, host: &Host) -> Result<Rc<Line>, Unopened> {
        let kept = self.0.borrow().get(host).cloned();
        match kept {
            Some(line) => Ok(line),
            None => {
                let unopened = Unopened { stage: Stage::Tcp, fault: Fault::NoAnswer };
                let line = timeout(OPEN_WAIT, open(cx, host)).await.unwrap_or(Err(unopened))?;
                Ok(self.keep(line))
            }
        }
    }
}

async fn open(cx: &Cx, host: &Host) -> Result<Line, Unopened> {
    let at = |stage| move |fault| Unopened { stage, fault };
    let (way, stream) = match cx.world.proxies.route(host) {
        Route::Through(proxy) => {
            let tunnel = proxy::open(cx, &proxy, host).await;
            let stream = tunnel.map_err(|none| at(Stage::Proxy)(none.into()))?;
            (Way::through(proxy, host), stream)
        }
        Route::Nowhere(variable) => {
            return Err(at(Stage::Proxy)(Fault::Other(variable.to_owned())));
        }
        Route::Direct | Route::Exempt(_) => {
            let (address, stream) = reach(cx, &host.name, host.port).await?;
            (Way::to(address), stream)
        }
    };
    let transport = if host.plain {
        Transport::Plain(stream)
    } else {
        let secured = tls::handshake(cx, host, stream).await;
        let secured = secured.map_err(|refusal| at(Stage::Tls)(refusal.into()))?;
        Transport::Secure(Box::new(secured.0))
    };
    Line::over(host.clone(), way, transport).await.map_err(at(Stage::Tls))
}

/// The first address of a name that accepts a connection, as its addresses become known.
pub async fn reach(cx: &Cx, name: &str, port: u16) -> Result<(SocketAddr, Stream), Unopened> {
    if let Some(known) = dns::known(&cx.world, name) {
        return first_to_accept(cx, name, port, Some(known)).await;
    }
    let mut unopened = Unopened { stage: Stage::Dns, fault: Fault::NoAddress };
    for name in dns::spellings(&cx.world, name) {
        match first_to_accept(cx, &name, port, None).await {
            Err(why) if why.stage == Stage::Dns => unopened = why,
            done => return done,
        }
    }
    Err(unopened)
}

/// Every address is tried as soon as it is known, beside the others: a dead one holds nobody up.
async fn first_to_accept(
    cx: &Cx,
    name: &str,
    port: u16,
    known: Option<Vec<IpAddr>>,
) -> Result<(SocketAddr, Stream), Unopened> {
    let mut unopened = Unopened { stage: Stage::Dns, fault: Fault::NoAddress };
    let mut asks: FuturesUnordered<_> = match &known {
        Some(_) => FuturesUnordered::new(),
        None => dns::every(&cx.world).map(|(s, f)| dns::ask(cx, s, name, f)).collect(),
    };
    let attempt = |address| async move {
        let address = SocketAddr::new(address, port);
        (address, tcp::connect(cx, address).await)
    };
    let (mut attempts, mut tried) = (FuturesUnordered::new(), vec![]);
    let mut fresh = known.unwrap_or_default();
    loop {
        // Every server gives the same addresses: each is tried once.
        fresh.retain(|address| !tried.contains(address));
        tried.extend(&fresh);
        attempts.extend(std::mem::take(&mut fresh).into_iter().map(attempt));
        tokio::select! {
            Some((address, got)) = attempts.next() => match got {
                Ok(stream) => return Ok((address, Box::new(stream))),
                Err(fault) => unopened = Unopened { stage: Stage::Tcp, fault },
            },
            Some(answer) = asks.next() => match answer.heard {
                Ok(reply) => fresh = reply.addresses,
                Err(fault) if unopened.fault == Fault::NoAddress => unopened.fault = fault,
                Err(_) => {}
            },
            else => return Err(unopened),
        }
    }
}

/// Reads the date of a host whose certificate we do not accept: no credentials, nothing trusted.
pub async fn date_unverified(cx: &Cx, reached: &Reached) -> Option<jiff::Timestamp> {
    let Reached { host, way, .. } = reached;
    let stream = way.open(cx, host).await.ok()?;
    let stream = tls::unverified(cx, host, stream).await?;
    let transport = Transport::Secure(Box::new(stream));
    let line = Line::over(host.clone(), way.clone(), transport).await.ok()?;
    let request = super::Request::new(hyper::Method::GET, "/v2/");
    let reply = line.ask(cx, &request).await.ok()?;
    super::http::date(&reply)
}
