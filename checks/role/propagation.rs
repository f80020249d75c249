//! Whether waiting helps: the age of an assignment against the caches that are documented.
//!
//! | what changed | takes effect within | source (Microsoft Learn) |
//! | --- | --- | --- |
//! | an assignment | 10 min | "Troubleshoot Azure RBAC", role assignment changes are not being detected |
//! | one for an identity of an AKS cluster | 60 min | "Use a managed identity in AKS" |
//! | one with data actions at a management group | 12 h | "Authorize access to blobs using Microsoft Entra ID" |
//! | a managed identity's membership in a group | 24 h | "Troubleshoot Azure RBAC": a cache per resource URI |
//!
//! The kubelet repeats a failed pull at least every 5 minutes (Kubernetes, "Images",
//! `ImagePullBackOff`) and does not keep a failed sign-in, so it needs no restart.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{action::Mode, evaluate::Judged, scope::Level};

/// Within this time an assignment normally takes effect.
pub const ASSIGNMENT: SignedDuration = SignedDuration::from_mins(10);

/// Within this time an assignment for an identity of an AKS cluster takes effect at the latest.
pub const CLUSTER_IDENTITY: SignedDuration = SignedDuration::from_hours(1);

/// Within this time data actions at a management group take effect at the latest.
pub const MANAGEMENT_GROUP_DATA: SignedDuration = SignedDuration::from_hours(12);

/// Within this time a managed identity's membership in a group takes effect.
pub const GROUP_MEMBERSHIP: SignedDuration = SignedDuration::from_hours(24);

/// What an assignment may still be waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When it was created or changed.
    pub at: Timestamp,
    /// Whether the identity has it as the member of a group.
    pub via_group: bool,
    /// The level that it is at.
    pub level: Level,
    /// The registry's mode: in ABAC mode data actions decide.
    pub mode: Mode,
}

impl Change {
    /// Returns what an assignment of an evaluation may be waiting for; `None` when its time or its
    /// scope is not known.
    pub fn of(judged: &Judged, mode: Mode) -> Option<Self> {
        let (at, level) = (judged.assignment.changed()?, judged.level?);
        Some(Self { at, via_group: judged.via_group, level, mode })
    }
}

/// Whether waiting helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "advice")]
pub enum Advice {
    /// Wait.
    Wait {
        /// When it is worth looking again.
        until: Timestamp,
        /// When it should be in effect at the latest.
        at_latest: Timestamp,
    },
    /// Every documented delay is over: something else is wrong.
    DoesNotHelp {
        /// When the last of them was over.
        since: Timestamp,
    },
    /// The assignment to the group is old enough, but Azure Resource Manager does not tell when the
    /// identity joined the group. Waiting helps only if it joined after this time.
    OnlyIfJoinedSince {
        /// A membership from before has taken effect.
        time: Timestamp,
    },
    /// The time of the change lies in the future by more than clocks differ.
    Unknown,
}

/// Returns whether waiting for a change helps.
pub fn advise(change: &Change, now: Timestamp) -> Advice {
    if change.at.duration_since(now) > ASSIGNMENT {
        return Advice::Unknown;
    }
    let latest = match change {
        Change { via_group: true, .. } => GROUP_MEMBERSHIP,
        Change { level: Level::ManagementGroup | Level::Root, mode: Mode::Abac, .. } => {
            MANAGEMENT_GROUP_DATA
        }
        _ => CLUSTER_IDENTITY,
    };
    let (Ok(normally), Ok(hour), Ok(at_latest)) = (
        change.at.checked_add(ASSIGNMENT),
        change.at.checked_add(CLUSTER_IDENTITY),
        change.at.checked_add(latest),
    ) else {
        return Advice::Unknown;
    };
    match [normally, hour, at_latest].into_iter().find(|until| *until > now) {
        Some(until) => Advice::Wait { until, at_latest },
        None if change.via_group => match now.checked_sub(GROUP_MEMBERSHIP) {
            Ok(time) => Advice::OnlyIfJoinedSince { time },
            Err(_) => Advice::Unknown,
        },
        None => Advice::DoesNotHelp { since: at_latest },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

    use jiff::Timestamp;

    use super::{Advice, Change, Level, Mode, advise};

    const DIRECT: Change = Change {
        at: Timestamp::UNIX_EPOCH,
        via_group: false,
        level: Level::Resource,
        mode: Mode::Legacy,
    };

    fn advice(change: Change, minutes: i64) -> Advice {
        advise(&change, time(minutes))
    }

    fn time(minutes: i64) -> Timestamp {
        Timestamp::from_second(minutes * 60).unwrap()
    }

    fn wait(until: i64, at_latest: i64) -> Advice {
        Advice::Wait { until: time(until), at_latest: time(at_latest) }
    }

    #[test]
    fn a_direct_assignment_is_in_effect_within_an_hour() {
        assert_eq!(advice(DIRECT, 2), wait(10, 60));
        assert_eq!(advice(DIRECT, 10), wait(60, 60));
        assert_eq!(advice(DIRECT, 60), Advice::DoesNotHelp { since: time(60) });
        assert_eq!(
            advice(Change { mode: Mode::Abac, ..DIRECT }, 90),
            Advice::DoesNotHelp { since: time(60) }
        );
    }

    #[test]
    fn data_actions_at_a_management_group_may_take_hours() {
        let group = Change { level: Level::ManagementGroup, mode: Mode::Abac, ..DIRECT };
        assert_eq!(advice(group, 61), wait(12 * 60, 12 * 60));
        assert_eq!(advice(group, 12 * 60), Advice::DoesNotHelp { since: time(12 * 60) });
        assert_eq!(
            advice(Change { mode: Mode::Legacy, ..group }, 61),
            Advice::DoesNotHelp { since: time(60) }
        );
    }

    #[test]
    fn when_an_identity_joined_a_group_does_not_show() {
        let member = Change { via_group: true, ..DIRECT };
        assert_eq!(advice(member, 2), wait(10, 24 * 60));
        assert_eq!(advice(member, 90), wait(24 * 60, 24 * 60));
        assert_eq!(advice(member, 48 * 60), Advice::OnlyIfJoinedSince { time: time(24 * 60) });
    }

    #[test]
    fn a_clock_that_is_wrong_is_no_reason_to_wait_forever() {
        assert_eq!(advice(DIRECT, -9), wait(10, 60));
        assert_eq!(advice(DIRECT, -11), Advice::Unknown);
        assert_eq!(
            advise(&Change { at: Timestamp::MAX, ..DIRECT }, Timestamp::MAX),
            Advice::Unknown
        );
        assert_eq!(
            advise(&Change { at: Timestamp::MIN, ..DIRECT }, Timestamp::MIN),
            wait_from(Timestamp::MIN)
        );
        let member = Change { at: Timestamp::MIN, via_group: true, ..DIRECT };
        assert!(matches!(advise(&member, Timestamp::MAX), Advice::OnlyIfJoinedSince { .. }));
    }

    fn wait_from(at: Timestamp) -> Advice {
        Advice::Wait { until: at + super::ASSIGNMENT, at_latest: at + super::CLUSTER_IDENTITY }
    }
}
