//! What a response, or none, means whatever was asked.

use std::time::Duration;

use hyper::Method;

use super::Problem;
use crate::kit::{
    Host, HostPurpose, NoFact, StepResult,
    net::{Fault, OddEncoding, RESPONSE_WAIT, Reply, Request},
    rules::{Puller, since},
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

/// How often the newest containerd asks in all (core/remotes/docker/resolver.go, `maxAttempts`).
const MAX_ATTEMPTS: usize = 5;

/// Returns how often containerd waits for this response to begin before it gives up; `None` where it has
/// no limit, or is not known to have one.
pub(super) fn waits(containerd: Puller, request: &Request, is_last: bool) -> Option<usize> {
    let does = |since| containerd.is_at_least(since) == Some(true);
    if request.is_ours || !does(since::LIMITS_RESPONSES) {
        return None;
    }
    // The 401 that asked for the sign-in was the response to an attempt.
    let spent = usize::from(request.method == Method::HEAD && request.authorization.is_some());
    let repeats = does(since::REPEATS_SILENCE) && is_last;
    Some(if repeats { MAX_ATTEMPTS - spent } else { 1 })
}

/// How long a host did not begin its response.
pub(super) struct Silence {
    pub(super) waited: Duration,
    /// How often it was asked.
    pub(super) times: usize,
}

impl Silence {
    /// Returns whether each response was waited for as long as containerd does that has a limit.
    fn is_whole(&self) -> bool {
        let times = u32::try_from(self.times).unwrap_or(u32::MAX);
        self.waited >= RESPONSE_WAIT.saturating_mul(times)
    }

    /// Returns whether containerd, which waits that often, asks once more.
    pub(super) fn is_borne(&self, most: Option<usize>) -> bool {
        self.is_whole() && most.is_some_and(|most| self.times < most)
    }

    /// Returns that a pull fails where containerd has given up by now. Else it would wait longer than we
    /// did, and nothing is proven.
    pub(super) fn graded(&self, host: &Host, request: String, most: Option<usize>) -> NoFact {
        if most.is_none() || !self.is_whole() {
            return silent(host, request, self.waited);
        }
        let (name, times) = (host.to_string(), self.times);
        match host.purpose {
            HostPurpose::Data => Problem::DataHostTooSlow { host: name, times }.into(),
            _ => Problem::TooSlow { host: name, request, times }.into(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn puller(version: &str) -> Puller {
        Puller { version: version.parse().ok(), is_of_node: false }
    }

    #[test]
    fn how_often_containerd_waits() {
        let get = Request::new(Method::GET, "/v2/");
        let head = Request::new(Method::HEAD, "/v2/");
        let signed = Request { authorization: Some(crate::kit::Secret::new("x")), ..head };
        let ours = Request { is_ours: true, ..get.clone() };
        for (version, request, is_last, most) in [
            ("", &get, true, None),
            ("2.2.9", &get, true, None),
            ("2.3.0", &get, true, Some(1)),
            ("2.3.1", &get, true, Some(1)),
            ("2.3.2", &get, true, Some(5)),
            ("2.3.2", &get, false, Some(1)),
            ("2.3.2", &signed, true, Some(4)),
            ("2.3.2", &ours, true, None),
        ] {
            assert_eq!(waits(puller(version), request, is_last), most, "{version} {is_last}");
        }
    }

    #[test]
    fn only_whole_waits_count() {
        let silence = |waited, times| Silence { waited: Duration::from_secs(waited), times };
        assert!(silence(30, 1).is_borne(Some(5)));
        assert!(silence(120, 4).is_borne(Some(5)));
        assert!(!silence(150, 5).is_borne(Some(5)));
        assert!(!silence(29, 1).is_borne(Some(5)));
        assert!(!silence(31, 2).is_borne(Some(5)));
        assert!(!silence(300, 1).is_borne(None));
    }
}
