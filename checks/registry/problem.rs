//! What the area `registry` can find wrong.

use crate::kit::net::Fault;
use serde::Serialize;
use std::net::IpAddr;

/// What can be wrong with what a registry answers, whatever was asked.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// What answers does not ask for a sign-in as a registry does.
    ChallengeInvalid {
        /// Who answered.
        host: String,
        /// What was asked.
        request: String,
        /// Its status.
        status: u16,
        /// What it sent where a challenge was due.
        said: String,
    },
    /// The registry sends us on to a host that wants a sign-in of its own: could not tell.
    SignInElsewhere {
        /// The registry.
        host: String,
        /// That host.
        elsewhere: String,
    },
    /// The registry refuses this network address.
    NetworkRules(Rules),
    /// The same, at the public address of a registry that has a private endpoint.
    PrivateEndpointBypassed {
        /// The refusal.
        #[serde(flatten)]
        rules: Rules,
        /// That address.
        address: IpAddr,
        /// The private DNS zone that would hold the endpoint's record.
        #[serde(skip_serializing_if = "Option::is_none")]
        zone: Option<String>,
    },
    /// The network rules refuse some connections and let others in.
    AcrFirewallPropagating {
        /// The registry.
        host: String,
        /// How many were refused, one after the other.
        refused: usize,
    },
    /// A refusal that is neither a sign-in nor the network rules.
    Forbidden(Refused),
    /// The registry says that the identity with which it opens its encryption key is inactive.
    KeyIdentityInactive(Refused),
    /// The registry itself fails.
    Outage(Refused),
    /// Azure's registry says that it was asked too much.
    #[serde(rename = "acr-throttled-429")]
    #[strum(serialize = "acr-throttled-429")]
    AcrThrottled429(Refused),
    /// Microsoft's public registry or Docker Hub says so.
    #[serde(rename = "mcr-or-dockerhub-429")]
    #[strum(serialize = "mcr-or-dockerhub-429")]
    McrOrDockerhub429 {
        /// Where to sign in, when it is Docker Hub.
        #[serde(skip_serializing_if = "Option::is_none")]
        hub: Option<String>,
        /// How it is put.
        #[serde(flatten)]
        refused: Refused,
    },
    /// Another registry says so.
    Throttled(Refused),
    /// The registry that a cache rule of this one fetches from says so.
    ArtifactCacheUpstream {
        /// The rule.
        rule: String,
        /// How the registry puts it.
        #[serde(flatten)]
        refused: Refused,
    },
    /// The registry forbids the operation itself: most likely the image is locked for reading.
    ImageReadDisabled(Refused),
    /// A status that has no meaning in this protocol.
    Unexpected(Refused),
    /// Fails, and does not a moment later.
    Unsteady {
        /// The registry.
        host: String,
        /// How it failed.
        failed: Vec<String>,
        /// What it then answered.
        then: u16,
    },
    /// No answer as long as we waited, which a runtime does for longer: could not tell.
    Silent {
        /// Who was asked.
        host: String,
        /// What.
        request: String,
        /// How long we waited.
        seconds: u64,
    },
    /// As above, for the host that serves the layers.
    DataHostSilent {
        /// Who was asked.
        host: String,
        /// How long we waited.
        seconds: u64,
    },
    /// TLS was up, and the host ended it in TLS's own words: as a rule it wants a certificate of
    /// its clients.
    EndedByAlert {
        /// The host.
        host: String,
        /// The alert.
        alert: String,
    },
    /// The connection ends, or what comes is no HTTP.
    NoAnswer {
        /// Who was asked.
        host: String,
        /// What.
        request: String,
        /// How it failed.
        fault: Fault,
    },
    /// As above, for the host that serves the layers.
    DataHostNoAnswer {
        /// Who was asked.
        host: String,
        /// How it failed.
        fault: Fault,
    },
    /// The answer is compressed in a way that was not asked for: could not tell.
    Encoded {
        /// Who sent it.
        host: String,
        /// The encoding.
        encoding: String,
    },
    /// Sent in circles.
    RedirectLoop {
        /// Where it began.
        host: String,
        /// What was asked.
        request: String,
        /// How many redirects were followed.
        hops: usize,
    },
    /// The registry names another host, and whether a container runtime would reach it cannot be
    /// told.
    OtherHostUndecided(Elsewhere),
    /// The registry names another host, and its name does not resolve.
    OtherHostUnresolved(Elsewhere),
    /// The same, and no address of it accepts a connection.
    OtherHostUnreachable(Elsewhere),
    /// The same, and TLS with it fails.
    OtherHostUntrusted(Elsewhere),
}

/// A refusal by the network rules.
#[derive(Serialize)]
pub struct Rules {
    /// The registry.
    pub(super) host: String,
    /// The address that it saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_ip: Option<String>,
    /// For support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation: Option<String>,
    /// On how many connections, each of its own, we were refused.
    pub(super) connections: usize,
}

/// An answer that is a refusal.
#[derive(Serialize)]
pub struct Refused {
    pub(super) host: String,
    pub(super) request: String,
    pub(super) status: u16,
    /// The registry's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) said: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation: Option<String>,
}

/// Another host that the registry named.
#[derive(Serialize)]
pub struct Elsewhere {
    pub(super) host: String,
    pub(super) fault: Fault,
}

/// What stands for a challenge where the registry sent none: a word of evidence.
#[derive(Clone, Copy, Debug, strum::Display, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NoChallenge {
    /// It sent none.
    NoChallenge,
}
