//! What a response, or none, means whatever was asked.

use std::time::Duration;

use super::Problem;
use crate::kit::{
    Cx, Host, HostPurpose, NoFact, StepResult,
    net::{BadLocation, Fault, OddEncoding, RESPONSE_WAIT, Reply, Request, has_limit, redirect},
};

/// Returns that a host sent no response.
pub(super) fn no_answer(host: &Host, request: String, fault: Fault) -> NoFact {
    let name = host.to_string();
    if fault.is_ours() {
        return NoFact::could_not_tell(Problem::NotReplayed { host: name, request, fault });
    }
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

/// Returns where a response redirects to; `None` where it is no redirect.
pub(super) fn redirected(
    from: &Host,
    request: &Request,
    reply: &Reply,
    purpose: HostPurpose,
) -> StepResult<Option<(Host, Request)>> {
    redirect(from, request, reply, purpose).map_err(|BadLocation { location, is_certain }| {
        let (host, request) = (from.to_string(), request.said_to(from));
        if !is_certain {
            let fault = Fault::Unsendable;
            return NoFact::could_not_tell(Problem::NotReplayed { host, request, fault });
        }
        let status = reply.status;
        Problem::RedirectUnusable { host, request, status, location }.into()
    })
}

/// Returns that a host began no response. A pull fails where containerd has given up by now; it does not
/// ask again, because Go counts the error as a deadline (core/remotes/docker/resolver.go,
/// `isTransientTransportErr`).
pub(super) fn unanswered(cx: &Cx, host: &Host, request: &Request, waited: Duration) -> NoFact {
    let said = request.said_to(host);
    if !has_limit(cx, request) || waited < RESPONSE_WAIT {
        return silent(host, said, waited);
    }
    let (name, seconds) = (host.to_string(), RESPONSE_WAIT.as_secs());
    match host.purpose {
        HostPurpose::Data => Problem::DataHostTooSlow { host: name, seconds }.into(),
        _ => Problem::TooSlow { host: name, request: said, seconds }.into(),
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
