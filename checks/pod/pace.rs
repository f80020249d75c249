//! How long the bytes that a node is missing take at the rate that it measured: whether that explains a
//! pull that has not ended.

use serde::Serialize;

/// A sample that took less time, in milliseconds, tells only how fast bytes come at least: a connection
/// begins slowly.
const SLOW: u64 = 5_000;
/// How many layers containerd downloads at once (`max_concurrent_downloads`), each at that rate at most.
const AT_ONCE: u64 = 3;

/// How long the bytes that a node is missing take at the rate that it measured.
#[derive(Clone, Debug, Serialize)]
pub struct Pace {
    /// The bytes that are missing.
    pub bytes: u64,
    /// How long they take at most.
    pub longest: String,
    /// The bytes by which the rate was measured.
    pub got: u64,
    /// In how many seconds these came.
    pub seconds: u64,
    /// How long ago the pull began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ago: Option<String>,
    /// After how long without a byte the node's containerd ends a pull.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The version of a containerd that never ends one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlimited: Option<String>,
}

/// Pods that wait for a pull by a node to which bytes come slowly.
#[derive(Serialize)]
pub struct SlowPull {
    /// The nodes.
    pub nodes: String,
    /// One of them.
    pub node: String,
    /// How many pods wait there.
    pub count: usize,
    /// What its rate makes of the bytes that it is missing.
    #[serde(flatten)]
    pub pace: Pace,
    /// How long they take at least.
    pub shortest: String,
    /// What the kubelet last said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// What a look from a node measured.
pub struct Measured {
    /// The bytes that the node is missing.
    pub missing: u64,
    /// The bytes of the sample.
    pub sample: u64,
    /// The milliseconds that it took.
    pub took: u64,
    /// For how many seconds the kubelet has been pulling.
    pub pulling_for: Option<u64>,
    /// After how many seconds without a byte containerd ends a pull.
    pub limit: Option<u64>,
    /// Its version.
    pub version: Option<String>,
}

impl Measured {
    /// Returns how long the missing bytes take, and how long at least, where the rate is slow and they
    /// take longer than the pull has so far.
    pub fn slow(&self) -> Option<(Pace, String)> {
        let longest = self.longest();
        let explains = self.pulling_for.is_none_or(|so_far| so_far < longest);
        (self.took >= SLOW && explains).then(|| (self.pace(longest), spelled(longest / AT_ONCE)))
    }

    /// Returns how long the missing bytes take, where they should be there by now.
    pub fn overdue(&self) -> Option<Pace> {
        let longest = self.longest();
        self.pulling_for.is_some_and(|so_far| so_far > longest).then(|| self.pace(longest))
    }

    /// Returns how many seconds the missing bytes take at most, in whole minutes.
    fn longest(&self) -> u64 {
        let all = u128::from(self.missing) * u128::from(self.took);
        let seconds = all.div_ceil(u128::from(self.sample) * 1000);
        u64::try_from(seconds.div_ceil(60) * 60).unwrap_or(u64::MAX)
    }

    fn pace(&self, longest: u64) -> Pace {
        Pace {
            bytes: self.missing,
            longest: spelled(longest),
            got: self.sample,
            seconds: self.took.div_ceil(1000),
            // In whole minutes, as the events are old by the time that they are read.
            ago: self.pulling_for.map(|so_far| spelled(so_far / 60 * 60)),
            limit: self.limit.filter(|limit| *limit > 0).map(spelled),
            unlimited: self.version.clone().filter(|_| self.limit == Some(0)),
        }
    }
}

/// Returns a number of seconds as Go writes a duration, without seconds from an hour on.
pub fn spelled(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn measured(missing: u64, took: u64, pulling_for: Option<u64>) -> Measured {
        let (sample, limit, version) = (MIB, Some(300), None);
        Measured { missing, sample, took, pulling_for, limit, version }
    }

    #[test]
    fn a_slow_rate_explains_a_pull_that_has_not_taken_longer() {
        let slow = measured(600 * MIB, 10_000, Some(900)).slow();
        let (pace, shortest) = slow.unwrap();
        assert_eq!((&*pace.longest, &*shortest), ("1h40m", "33m20s"));
        assert_eq!((pace.ago.as_deref(), pace.limit.as_deref()), (Some("15m00s"), Some("5m00s")));
        assert!(measured(600 * MIB, 10_000, None).slow().is_some());
        // It should have ended, or the sample does not tell that the rate is slow.
        assert!(measured(600 * MIB, 10_000, Some(7_000)).slow().is_none());
        assert!(measured(600 * MIB, 4_999, Some(900)).slow().is_none());
    }

    #[test]
    fn a_pull_is_overdue_where_even_the_slowest_rate_does_not_explain_it() {
        let overdue = |took, so_far| measured(600 * MIB, took, so_far).overdue();
        assert_eq!(overdue(100, Some(600)).unwrap().longest, "1m00s");
        assert!(overdue(10_000, Some(600)).is_none());
        assert!(overdue(100, None).is_none());
        assert_eq!(overdue(10_000, Some(7_000)).unwrap().longest, "1h40m");
    }

    #[test]
    fn numbers_of_a_server_overflow_nothing() {
        let huge = measured(u64::MAX, u64::MAX, Some(0));
        assert!(huge.slow().is_some());
    }
}
