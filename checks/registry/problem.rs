//! What the area `registry` can find wrong.

use crate::kit::net::Fault;
use serde::Serialize;
use std::net::IpAddr;

/// What can be wrong with a registry's response to any request.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// The server does not send a challenge as a registry does.
    ChallengeInvalid {
        /// The host that responded.
        host: String,
        /// The request's method and path.
        request: String,
        /// The HTTP status of the response.
        status: u16,
        /// What the response contains instead of a challenge.
        said: String,
    },
    /// The server offers two challenges on one line, of which containerd reads the first.
    ChallengesOnOneLine {
        /// The host that responded.
        host: String,
        /// The header.
        said: String,
    },
    /// A redirect leads to plain HTTP, and containerd sends the credentials there: could not tell.
    RedirectNotSafe {
        /// The host that was asked first.
        host: String,
        /// The URL of the host that it redirects to.
        elsewhere: String,
    },
    /// The registry redirects to a host that requires a sign-in of its own: could not tell.
    SignInElsewhere {
        /// The registry.
        host: String,
        /// The host that it redirects to.
        elsewhere: String,
    },
    /// The registry's network rules refuse the network address of this client.
    NetworkRules(Rules),
    /// The network rules refuse this client at the public address of a registry that has a private
    /// endpoint.
    PrivateEndpointBypassed {
        /// The refusal.
        #[serde(flatten)]
        rules: Rules,
        /// The registry's public address.
        address: IpAddr,
        /// The private DNS zone that should hold the private endpoint's record.
        #[serde(skip_serializing_if = "Option::is_none")]
        zone: Option<String>,
    },
    /// The registry's network rules refuse some connections and allow others.
    AcrFirewallPropagating {
        /// The registry.
        host: String,
        /// How many connections were refused, one after the other.
        refused: usize,
    },
    /// The registry denies access to the image, or says that there is none.
    Denied(Refused),
    /// A policy of the registry forbids that the image is pulled.
    PolicyForbids(Refused),
    /// The registry says that the password has expired.
    PasswordExpired(Refused),
    /// The registry refuses the request. It neither asks for a sign-in nor names its network rules.
    Forbidden(Refused),
    /// The registry says that the identity with which it opens its encryption key is inactive.
    KeyIdentityInactive(Refused),
    /// The registry itself fails.
    Outage(Refused),
    /// An Azure registry reports that its rate limit was exceeded.
    #[serde(rename = "acr-throttled-429")]
    #[strum(serialize = "acr-throttled-429")]
    AcrThrottled429(Refused),
    /// Microsoft's public registry or Docker Hub reports that its rate limit was exceeded.
    #[serde(rename = "mcr-or-dockerhub-429")]
    #[strum(serialize = "mcr-or-dockerhub-429")]
    McrOrDockerhub429 {
        /// The registry to sign in to, if it is Docker Hub.
        #[serde(skip_serializing_if = "Option::is_none")]
        hub: Option<String>,
        /// The refusal.
        #[serde(flatten)]
        refused: Refused,
    },
    /// Another registry reports that its rate limit was exceeded.
    Throttled(Refused),
    /// An Azure registry reports that the upstream of one of its cache rules refuses or limits its
    /// requests.
    ArtifactCacheUpstream {
        /// The cache rule.
        rule: String,
        /// The refusal.
        #[serde(flatten)]
        refused: Refused,
    },
    /// The registry forbids the operation itself: most likely the image is locked for reading.
    ImageReadDisabled(Refused),
    /// The HTTP status has no meaning in the registry protocol.
    Unexpected(Refused),
    /// The host failed first, and responded to a retry a moment later.
    Unsteady {
        /// The host that failed.
        host: String,
        /// How it failed each time.
        failed: Vec<String>,
        /// The HTTP status of the response to the retry.
        then: u16,
    },
    /// It failed before it asked for a sign-in, which containerd may not do then: its attempts are spent, or
    /// the challenge names an error and is not the first response. Could not tell.
    UnsteadyBeforeSignIn {
        /// The host that failed.
        host: String,
        /// How it failed each time.
        failed: Vec<String>,
    },
    /// The response timed out. A container runtime waits longer: could not tell.
    Silent {
        /// The host that was asked.
        host: String,
        /// The request's method and path.
        request: String,
        /// How many seconds the response was awaited.
        seconds: u64,
    },
    /// No response began in the time that the containerd in use waits.
    TooSlow {
        /// The host that was asked.
        host: String,
        /// The request's method and path.
        request: String,
        /// How many seconds containerd waits for it.
        seconds: u64,
    },
    /// The host that serves layers began no response in the time that the containerd in use waits.
    DataHostTooSlow {
        /// The host that serves layers.
        host: String,
        /// How many seconds containerd waits for it.
        seconds: u64,
    },
    /// The response of the host that serves layers timed out. A container runtime waits longer:
    /// could not tell.
    DataHostSilent {
        /// The host that serves layers.
        host: String,
        /// How many seconds the response was awaited.
        seconds: u64,
    },
    /// The TLS handshake succeeded, but then the host ended the connection with an alert. Usually
    /// it requires a client certificate.
    EndedByAlert {
        /// The host that sent the alert.
        host: String,
        /// The name of the alert.
        alert: String,
    },
    /// The connection ended, or the response is not HTTP.
    NoAnswer {
        /// The host that was asked.
        host: String,
        /// The request's method and path.
        request: String,
        /// How the request failed.
        fault: Fault,
    },
    /// The connection to the host that serves layers ended, or the response is not HTTP.
    DataHostNoAnswer {
        /// The host that serves layers.
        host: String,
        /// How the request failed.
        fault: Fault,
    },
    /// The registry refuses this program by its name, and serves containerd.
    UserAgentRefused {
        /// The registry.
        host: String,
        /// The name under which it serves.
        agent: String,
    },
    /// A request or its response is beyond what this program handles: could not tell.
    NotReplayed {
        /// The host that was asked.
        host: String,
        /// The request's method and path.
        request: String,
        /// What it does not handle.
        fault: Fault,
    },
    /// The content has an encoding that container runtimes do not decompress.
    Encoded {
        /// The host that sent the response.
        host: String,
        /// The encoding of the response.
        encoding: String,
    },
    /// The content has an encoding that containerd decompresses since 2.0: could not tell.
    EncodedForNewer {
        /// The host that sent the response.
        host: String,
        /// The encoding of the response.
        encoding: String,
    },
    /// The redirects do not end.
    RedirectLoop {
        /// The host that was asked first.
        host: String,
        /// The request's method and path.
        request: String,
        /// How many redirects were followed.
        hops: usize,
    },
    /// The redirect leads to no URL that a client can request.
    RedirectUnusable {
        /// The host that redirects.
        host: String,
        /// The request's method and path.
        request: String,
        /// The HTTP status of the redirect.
        status: u16,
        /// Where it leads to.
        location: String,
    },
    /// The registry names another host, and it is undetermined whether a container runtime would
    /// reach that host.
    OtherHostUndecided(Elsewhere),
    /// The registry names another host, and its name does not resolve.
    OtherHostUnresolved(Elsewhere),
    /// The registry names another host, and none of its addresses accepts a connection.
    OtherHostUnreachable(Elsewhere),
    /// The registry names another host, and TLS with it fails.
    OtherHostUntrusted(Elsewhere),
}

/// A refusal by a registry's network rules.
#[derive(Serialize)]
pub struct Rules {
    /// The registry.
    pub(super) host: String,
    /// The client's address, as the registry saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_ip: Option<String>,
    /// The correlation id, for a support request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation: Option<String>,
    /// How many separate connections were refused.
    pub(super) connections: usize,
}

/// A response that refuses a request.
#[derive(Serialize)]
pub struct Refused {
    pub(super) host: String,
    pub(super) request: String,
    pub(super) status: u16,
    /// The registry's message.
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

/// The text in place of a challenge when the registry sent none: a word of evidence.
#[derive(Clone, Copy, Debug, strum::Display, PartialEq, Eq, Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NoChallenge {
    /// The response contains no challenge.
    NoChallenge,
}
