//! Lines to hosts that no step of its own leads to: a token server, a mirror, a second data host.

use std::{cell::RefCell, collections::HashMap, net::SocketAddr, rc::Rc};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::timeout;

use super::{Fault, Line, OPEN_WAIT, dns, http::Transport, tcp, tls};
use crate::kit::{Cx, Host};

/// The stages of the way to a host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// Its name.
    Dns,
    /// A connection.
    Tcp,
    /// A certificate.
    Tls,
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
    let (address, stream) = reach(cx, host).await?;
    let failed = |fault| Unopened { stage: Stage::Tls, fault };
    let transport = if host.plain {
        Transport::Plain(stream)
    } else {
        let secured = tls::handshake(cx, host, stream).await;
        let secured = secured.map_err(|refusal| failed(refusal.into()))?;
        Transport::Secure(Box::new(secured.0))
    };
    Line::over(host.clone(), address, transport).await.map_err(failed)
}

/// The first address of a host that accepts a connection, as its addresses become known.
async fn reach(cx: &Cx, host: &Host) -> Result<(SocketAddr, tokio::net::TcpStream), Unopened> {
    let mut fault = Unopened { stage: Stage::Dns, fault: Fault::NoAddress };
    let known = dns::known(&cx.world, &host.name);
    let mut asks: FuturesUnordered<_> = match &known {
        Some(_) => FuturesUnordered::new(),
        None => dns::every(&cx.world).map(|(s, f)| dns::ask(cx, s, &host.name, f)).collect(),
    };
    let mut batch = known.unwrap_or_default();
    let mut tried = vec![];
    loop {
        // Every server gives the same addresses: each is tried once.
        batch.retain(|address| !tried.contains(address));
        tried.extend(&batch);
        for address in std::mem::take(&mut batch) {
            let address = SocketAddr::new(address, host.port);
            match tcp::connect(cx, address).await {
                Ok(stream) => return Ok((address, stream)),
                Err(why) => fault = Unopened { stage: Stage::Tcp, fault: why },
            }
        }
        match asks.next().await {
            Some(dns::Answer { heard: Ok(reply), .. }) => batch = reply.addresses,
            Some(dns::Answer { heard: Err(why), .. }) if fault.stage == Stage::Dns => {
                if fault.fault == Fault::NoAddress {
                    fault.fault = why;
                }
            }
            Some(_) => {}
            None => return Err(fault),
        }
    }
}

/// Reads the date of a host whose certificate we do not accept: no credentials, nothing trusted.
pub async fn date_unverified(cx: &Cx, host: &Host, address: SocketAddr) -> Option<jiff::Timestamp> {
    let stream = tcp::connect(cx, address).await.ok()?;
    let stream = tls::unverified(cx, host, stream).await?;
    let line = Line::over(host.clone(), address, Transport::Secure(Box::new(stream))).await.ok()?;
    let request = super::Request::new(hyper::Method::GET, "/v2/");
    let reply = line.ask(cx, &request).await.ok()?;
    super::http::date(&reply)
}
