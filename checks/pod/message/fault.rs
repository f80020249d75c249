//! What may go wrong in a pull, as messages tell it, and who writes such words.

use serde::Serialize;
use strum::{Display, VariantNames};

use Fault::{
    AddressUnreachable, Admission, BadAnswer, BadCertificate, BadJson, BadReference, Canceled,
    CannotLookUp, CertificateTime, CredentialExpired, Cut, Damaged, Denied, DiskBroken, DiskFull,
    Forbidden, HandshakeSilent, HostsFile, MalformedSecret, NeverPull, NoPlatform, NoSuchHost,
    NotAllowed, NotAnImage, NotFound, OddStatus, Outage, PlainHttp, PortsUsed, ProxyDenies,
    ProxyDown, PullQps, Refused, Rejected, Reset, Schema1, SecretMissing, ShortName, Signature,
    SignatureOfUrl, Snapshotter, StorageDenies, StoreIncomplete, Throttled, TimedOut,
    TokenUnreadable, Unauthorized, UnknownAuthority, WrongName,
};

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    AddressUnreachable,
    Admission,
    BadAnswer,
    BadCertificate,
    BadJson,
    BadReference,
    Canceled,
    CannotLookUp,
    CertificateTime,
    CredentialExpired,
    Cut,
    Damaged,
    Denied,
    DiskBroken,
    DiskFull,
    Forbidden,
    HandshakeSilent,
    HostsFile,
    MalformedSecret,
    NeverPull,
    NoPlatform,
    NoSuchHost,
    NotAllowed,
    NotAnImage,
    NotFound,
    OddStatus,
    Outage,
    PlainHttp,
    PortsUsed,
    ProxyDenies,
    ProxyDown,
    PullQps,
    Refused,
    Rejected,
    Reset,
    Schema1,
    SecretMissing,
    ShortName,
    Signature,
    SignatureOfUrl,
    Snapshotter,
    StorageDenies,
    StoreIncomplete,
    Throttled,
    TimedOut,
    TokenUnreadable,
    Unauthorized,
    UnknownAuthority,
    WrongName,
}

impl Fault {
    /// Returns whether the kubelet or the API server refused before anything was asked.
    pub(super) fn is_local(self) -> bool {
        matches!(self, BadReference | NeverPull | PullQps | MalformedSecret | Admission)
    }

    /// Returns who writes the words of this fault.
    pub(super) fn writer(self) -> Writer {
        match self {
            BadReference | NeverPull | PullQps | SecretMissing | MalformedSecret => {
                Writer::TheKubelet
            }
            Admission => Writer::TheApiServer,
            BadJson | BadAnswer | Canceled | Damaged | HostsFile | NoPlatform | NotAnImage
            | Schema1 | ShortName | Signature | Snapshotter | StoreIncomplete | TokenUnreadable => {
                Writer::TheRuntime
            }
            NoSuchHost | CannotLookUp => Writer::TheResolver,
            Cut | HandshakeSilent | PlainHttp | ProxyDenies | ProxyDown | Refused | Rejected
            | Reset | TimedOut => Writer::TheNetwork,
            BadCertificate | CertificateTime | UnknownAuthority | WrongName => Writer::TheTls,
            AddressUnreachable | DiskBroken | DiskFull | PortsUsed => Writer::TheKernel,
            CredentialExpired | Denied | Forbidden | NotAllowed | NotFound | OddStatus | Outage
            | Throttled | Unauthorized => Writer::TheRegistry,
            SignatureOfUrl | StorageDenies => Writer::TheStorage,
        }
    }
}

/// Who writes such words.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Writer {
    /// The kubelet, before it asks the runtime.
    TheKubelet,
    /// The API server, for its admission.
    TheApiServer,
    /// The runtime, of what it read or has.
    TheRuntime,
    /// The resolver that the runtime was built with: Go's.
    TheResolver,
    /// The network code that the runtime was built with: Go's.
    TheNetwork,
    /// The TLS code that the runtime was built with: Go's.
    TheTls,
    /// The node's kernel.
    TheKernel,
    /// The registry, by a status or its own words.
    TheRegistry,
    /// The storage behind the registry.
    TheStorage,
}

/// The words that decide, and who writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cited {
    /// The words, in small letters.
    pub words: &'static str,
    /// Who writes them.
    pub writer: Writer,
}
