//! Firewalls that go by `User-Agent`: some let containerd through and refuse other clients.

use hyper::Method;

use super::{Problem, RegistryClient};
use crate::kit::{
    Cx,
    net::{Connection, Reply, Request},
};

impl RegistryClient {
    /// Returns the response to containerd's `User-Agent`, if the registry, or a firewall before it,
    /// refuses ours alone. A refusal that does not repeat itself proves nothing.
    pub(super) async fn past_agent_rules(
        &self,
        cx: &Cx,
        connection: &Connection,
        request: &Request,
        refused: Reply,
    ) -> Reply {
        let repeats = matches!(request.method, Method::GET | Method::HEAD);
        if !repeats || self.as_containerd.get().is_some() {
            return refused;
        }
        self.as_containerd.set(Some(false));
        // The body of the refusal is still on the connection.
        let ask = async |as_containerd| {
            let fresh = connection.reconnect(cx).await.ok()?;
            let request = Request { as_containerd, ..request.clone() };
            let reply = fresh.ask(cx, &request).await.ok()?;
            Some((fresh, reply))
        };
        let Some((fresh, served)) = ask(true).await.filter(|(_, reply)| reply.status != 403) else {
            return refused;
        };
        if ask(false).await.is_none_or(|(_, reply)| reply.status != 403) {
            return refused;
        }
        self.as_containerd.set(Some(true));
        self.connections.keep(fresh);
        let (host, agent) = (self.host.to_string(), cx.containerd().user_agent());
        cx.add_finding(Problem::UserAgentRefused { host, agent });
        served
    }
}
