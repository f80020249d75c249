//! Is this machine's clock close to the registry's clock?
//!
//! The registry dates every response, so the response that carried the challenge is all that is
//! needed. Where the two differ, a third clock says which one is wrong.

mod problem;

use std::time::Duration;

use hyper::Method;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    kit::{
        Cx, Host, HostPurpose, NoFact, StepResult,
        azure::imds,
        engine::skew,
        net::{ConnectError, Connection, Request, pool, reply},
    },
    registry::RegistryChallenge,
};
use problem::Apart as Clocks;
pub use problem::Problem;

/// How long a third clock may take to answer.
pub(crate) const THIRD_WAIT: Duration = Duration::from_secs(5);
/// How many are asked.
pub(crate) const THIRDS: u64 = 2;
/// A registry that serves everybody, with the clock of a large provider.
const PUBLIC: &str = "mcr.microsoft.com";

/// The difference between the two clocks.
#[derive(Debug, Serialize)]
pub struct Apart {
    seconds: i64,
}

/// Compares this machine's clock with the registry's clock.
pub async fn compare(cx: &Cx, challenge: &RegistryChallenge) -> StepResult<Apart> {
    let there = challenge.dated.ok_or_else(|| NoFact::skipped(Problem::NoDate {}))?;
    let here = cx.now();
    if let Some(skew) = cx.skew(there) {
        let third = third(cx, &challenge.client.host).await;
        let (by, time) = third.clone().unzip();
        let clocks = Clocks { here, there, skew, third: by, time };
        cx.add_finding(match third {
            Some((_, time)) if agree(here, time) => Problem::RegistryClockWrong(clocks),
            Some((_, time)) if agree(there, time) => Problem::OwnClockWrong(clocks),
            _ => Problem::Skewed(clocks),
        });
    }
    Ok(Apart { seconds: here.duration_since(there).as_secs().abs() })
}

fn agree(one: Timestamp, other: Timestamp) -> bool {
    skew(one, other).is_none()
}

/// Returns the time on a clock that is neither this machine's nor the registry's: that of the host of
/// this virtual machine, or of a public registry. A token server or a data host may be the same machine
/// as the registry.
async fn third(cx: &Cx, registry: &Host) -> Option<(String, Timestamp)> {
    let public = Host::secure(PUBLIC.to_owned(), 443, HostPurpose::Other);
    if cx.world.on_node {
        let imds = imds::host();
        if let Some(time) = time(cx, Box::pin(pool::straight(cx, &imds))).await {
            return Some((imds.name, time));
        }
    }
    if registry.name == PUBLIC {
        return None;
    }
    let time = time(cx, Box::pin(pool::as_containerd(cx, &public))).await?;
    Some((PUBLIC.to_owned(), time))
}

async fn time(
    cx: &Cx,
    connecting: impl Future<Output = Result<Connection, ConnectError>>,
) -> Option<Timestamp> {
    let asking = async {
        let connection = connecting.await.ok()?;
        let reply = connection.ask(cx, &Request::new(Method::HEAD, "/")).await.ok()?;
        reply::date(&reply)
    };
    timeout(THIRD_WAIT, Box::pin(asking)).await.ok().flatten()
}
