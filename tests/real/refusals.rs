//! Registries that never get as far as an image: overloaded, down, walled off, or not speaking the protocol.

use crate::Fallible;
use crate::pki::Leaf;
use crate::places::{BUSY, CUT, DOWN, MUTE, PUBLIC_WALLED, WALLED};
use crate::serve::{answer, json, serve, serve_resets};

const WALL: &str = r#"{"errors":[{"code":"DENIED","message":"client with IP '203.0.113.9' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}"#;
const THROTTLE: &str = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"Too many requests."}]}"#;
const UNSIGNED: &str =
    r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;

pub async fn start(good: &Leaf) -> Fallible<()> {
    serve(DOWN, good.tls.clone(), |_| {
        answer(503, &[("content-type", "text/html")], "<h1>Service Unavailable</h1>")
    })
    .await?;
    serve(BUSY, good.tls.clone(), |_| {
        let headers = [("content-type", "application/json"), ("retry-after", "30")];
        answer(429, &headers, THROTTLE)
    })
    .await?;
    serve(MUTE, good.tls.clone(), |_| json(401, UNSIGNED)).await?;
    for address in [WALLED, PUBLIC_WALLED] {
        serve(address, good.tls.clone(), |_| json(403, WALL)).await?;
    }
    serve_resets(CUT).await
}
