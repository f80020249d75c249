//! How long a throttled or failing request is retried: a fixed number of times and seconds, then
//! the caller is told.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

/// How long all pauses of one request may take together.
const MAX_PAUSES: Duration = Duration::from_secs(10);
/// How often a throttled request is repeated.
const MAX_THROTTLED_RETRIES: u32 = 2;
/// The pause where the server names none.
const PAUSE: Duration = Duration::from_secs(1);
/// No server means a longer wait than a day.
const MAX_RETRY_AFTER: u64 = 86_400;

/// The retries that a request has left.
pub(super) struct Patience {
    left: Duration,
    throttled: u32,
    failed: bool,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { left: MAX_PAUSES, throttled: 0, failed: false }
    }

    /// Returns the pause before the request is sent again; `None` when this response stands.
    pub(super) fn after(&mut self, status: u16, retry_after: Option<Duration>) -> Option<Duration> {
        let pause = match status {
            429 if self.throttled < MAX_THROTTLED_RETRIES => {
                self.throttled += 1;
                retry_after.unwrap_or(PAUSE * self.throttled)
            }
            500..=599 if !self.failed => {
                self.failed = true;
                retry_after.unwrap_or(PAUSE)
            }
            _ => return None,
        };
        // A wait that does not fit is reported instead of begun.
        self.left = self.left.checked_sub(pause)?;
        Some(pause)
    }
}

/// Parses the value of `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let seconds = value.parse::<u64>().ok().or_else(|| {
        let then = DateTimeParser::new().parse_timestamp(value).ok()?;
        Some(u64::try_from(then.as_second().saturating_sub(now.as_second())).unwrap_or(0))
    })?;
    Some(Duration::from_secs(seconds.min(MAX_RETRY_AFTER)))
}

/// Parses the value of `x-ms-user-quota-resets-after`, which Resource Graph sends: `00:00:05`
/// (learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests).
pub fn quota_resets_after(value: &str) -> Option<Duration> {
    let mut parts = value.trim().splitn(3, ':').map(|part| part.parse::<u32>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let whole = u64::from(hours) * 3600 + u64::from(minutes) * 60 + u64::from(seconds);
    Some(Duration::from_secs(whole.min(MAX_RETRY_AFTER)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn throttling_is_waited_for_twice_and_ten_seconds_at_most() {
        let mut patience = Patience::new();
        assert_eq!(patience.after(429, Some(S(4))), Some(S(4)));
        assert_eq!(patience.after(429, Some(S(6))), Some(S(6)));
        assert_eq!(patience.after(429, Some(S(0))), None, "twice");
        let mut patience = Patience::new();
        assert_eq!(patience.after(429, Some(S(11))), None, "too long to wait for");
        let mut patience = Patience::new();
        assert_eq!(patience.after(429, Some(S(8))), Some(S(8)));
        assert_eq!(patience.after(429, Some(S(8))), None, "too long together");
        let mut patience = Patience::new();
        assert_eq!(
            [patience.after(429, None), patience.after(429, None)],
            [Some(S(1)), Some(S(2))]
        );
    }

    #[test]
    fn a_failing_server_is_asked_once_more() {
        let mut patience = Patience::new();
        assert_eq!(patience.after(503, None), Some(S(1)));
        assert_eq!(patience.after(500, None), None);
        assert_eq!(patience.after(404, Some(S(1))), None);
    }

    #[test]
    fn every_form_of_a_wait() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        for (value, wanted) in [
            ("10", Some(S(10))),
            (" 0 ", Some(S(0))),
            ("Fri, 15 Jan 2027 08:00:05 GMT", Some(S(5))),
            ("Fri, 15 Jan 2021 08:00:05 GMT", Some(S(0))),
            ("99999999999", Some(S(MAX_RETRY_AFTER))),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(value, now), wanted, "{value}");
        }
        assert_eq!(quota_resets_after("00:00:05"), Some(S(5)));
        assert_eq!(quota_resets_after("99999999:00:00"), Some(S(MAX_RETRY_AFTER)));
        for value in ["", "5", "1:2", "a:b:c", "1:2:3:4", "-1:0:0"] {
            assert_eq!(quota_resets_after(value), None, "{value}");
        }
    }
}
