//! The troubles that any request can meet.

use std::net::IpAddr;

use super::{Refused, Rules, Trouble};
use crate::kit::{Halt, net::Reply};

/// Says what a refusal means that has nothing to do with what was asked for, and whether it is the network
/// rules'.
pub(super) async fn grade(
    asked: &str,
    reply: Reply,
    past_private_endpoint: Option<IpAddr>,
) -> (Halt, bool) {
    let (host, status) = (reply.host.clone(), reply.status);
    let header = |name| reply.header(name).map(str::to_owned);
    let (retry_after, correlation) =
        (header("retry-after"), header("x-ms-correlation-request-id"));
    let body = reply.error().await;
    if status == 403 && body.message.contains("aka.ms/acr/firewall") {
        let client_ip = client_ip(&body.message);
        let rules = Rules { host: host.to_string(), client_ip, correlation };
        let trouble = match past_private_endpoint {
            Some(address) => Trouble::PrivateEndpointBypassed { rules, address },
            None => Trouble::NetworkRules(rules),
        };
        return (trouble.into(), true);
    }
    let said = body.words();
    let (host_name, request) = (host.to_string(), asked.to_owned());
    let refused = Refused { host: host_name, request, status, said, retry_after, correlation };
    let halt = match status {
        429 if host.acr().is_some() => Trouble::AcrThrottled429(refused).into(),
        429 => Trouble::Throttled(refused).into(),
        401 | 403 => Trouble::Forbidden(refused).into(),
        500.. => Trouble::Outage(refused).into(),
        _ => Trouble::Unexpected(refused).into(),
    };
    (halt, false)
}

/// The address in `client with IP '203.0.113.9' is not allowed access`.
fn client_ip(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("client with IP '")?;
    let (ip, _) = rest.split_once('\'')?;
    ip.parse::<std::net::IpAddr>().ok().map(|ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_the_registry_saw() {
        let said = "client with IP '203.0.113.9' is not allowed access. Refer https://x to y.";
        assert_eq!(client_ip(said).as_deref(), Some("203.0.113.9"));
        assert_eq!(client_ip("client with IP '$(reboot)' is not"), None);
        assert_eq!(client_ip("nothing of the kind"), None);
    }
}
