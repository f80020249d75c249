//! What a response, or none, means whatever was asked.

use std::time::Duration;

use super::Problem;
use crate::kit::{
    Host, HostPurpose, NoFact, StepResult,
    net::{Fault, OddEncoding, Reply, Request},
};

/// Returns that a host sent no response.
pub(super) fn no_answer(host: &Host, request: String, fault: Fault) -> NoFact {
    let name = host.to_string();
    if let Fault::Alert(alert) = fault {
        return Problem::EndedByAlert { host: name, alert }.into();
    }
    match host.purpose {
        HostPurpose::Data => Problem::DataHostNoAnswer { host: name, fault }.into(),
        _ => Problem::NoAnswer { host: name, request, fault }.into(),
    }
}

/// Returns a response as a container runtime treats it: every success status counts as 200, unless it
/// is the rest of something. A runtime fails to read an encoding that it does not know.
pub(super) fn decoded(mut reply: Reply, request: &Request) -> StepResult<Reply> {
    let is_whole = request.from == 0;
    if matches!(reply.status, 201..=205 | 207..=299) || (reply.status == 206 && is_whole) {
        reply.status = 200;
    }
    let host = reply.host.to_string();
    match reply.odd_encoding.take().filter(|_| matches!(reply.status, 200 | 206)) {
        Some(OddEncoding::Unknown(encoding)) => Err(Problem::Encoded { host, encoding }.into()),
        Some(OddEncoding::ByVersion(encoding)) => {
            Err(NoFact::could_not_tell(Problem::EncodedForNewer { host, encoding }))
        }
        None => Ok(reply),
    }
}

/// Returns that a response timed out. A container runtime waits longer than this client, so the
/// timeout does not prove that a pull fails.
pub(super) fn silent(host: &Host, request: String, waited: Duration) -> NoFact {
    let (name, seconds) = (host.to_string(), waited.as_secs());
    NoFact::could_not_tell(match host.purpose {
        HostPurpose::Data => Problem::DataHostSilent { host: name, seconds },
        _ => Problem::Silent { host: name, request, seconds },
    })
}
