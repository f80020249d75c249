//! Registries that fail before any image is involved: overloaded, down, behind a firewall, or not
//! speaking the protocol.

use crate::Fallible;
use crate::pki::Leaves;
use crate::places::{ASTRAY, BUSY, CUT, DOWN, HUSHED, MUTE, PUBLIC_WALLED, WALLED};
use crate::serve::{answer, json, serve, serve_resets, serve_silence};

const WALL: &str = r#"{"errors":[{"code":"DENIED","message":"client with IP '203.0.113.9' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}"#;
const THROTTLE: &str = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"Too many requests."}]}"#;
const UNSIGNED: &str =
    r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;

pub async fn start(leaves: &Leaves) -> Fallible<()> {
    let tls = || leaves.good.tls.clone();
    serve(DOWN, tls(), |_| {
        answer(503, &[("content-type", "text/html")], "<h1>Service Unavailable</h1>")
    })
    .await?;
    serve(BUSY, tls(), |_| {
        let headers = [("content-type", "application/json"), ("retry-after", "30")];
        answer(429, &headers, THROTTLE)
    })
    .await?;
    serve(MUTE, tls(), |_| json(401, UNSIGNED)).await?;
    for address in [WALLED, PUBLIC_WALLED] {
        serve(address, tls(), |_| json(403, WALL)).await?;
    }
    for (name, address, realm) in ASTRAY {
        let challenge = format!("Bearer realm=\"{realm}\",service=\"{name}.registry.test\"");
        let sends_on = move |_| {
            let kind = ("content-type", "application/json");
            answer(401, &[kind, ("www-authenticate", &challenge)], UNSIGNED)
        };
        serve(address, tls(), sends_on).await?;
    }
    serve_silence(HUSHED, tls()).await?;
    serve_resets(CUT).await
}
