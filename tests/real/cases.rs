//! The table: what is asked, what is broken, and what has to come out. One line a case.

use crate::case::Harm::{Altered, Cut, Deleted, Gone, Orphaned, Stalled};
use crate::case::Refer::{Digest, OtherDigest, OtherTag};
use crate::case::{Case, can, cannot};
use crate::image::Shape::{Attestation, Chart, Foreign, Nothing, Schema1, Single};
use crate::lanes::{
    ALL_CLOSED, ALL_FAILING, ALL_SILENT, EXEMPT, FIRST_DEAD, FIRST_EMPTY, FIRST_FAILING, INSPECTED,
    INTERCEPTED, MUTE_PROXY, NAMELESS_PROXY, ONLY_PROXY_RESOLVES, PLAIN_ONLY, PROXIED,
    REFUSED_BY_PROXY, SECOND_EMPTY, SIGNED_IN_AT_PROXY, SILENT_PROXY, UNKNOWN_AT_PROXY,
};
use crate::realm::{GUEST, READER, STALE};

#[rustfmt::skip] // a table: one line a case
pub const CASES: &[Case] = &[
    // Healthy: nothing may be found.
    can("anonymous, index by tag", "fabrikam"),
    can("anonymous, single manifest", "fabrikam").shape(Single),
    can("anonymous, index by digest", "fabrikam").by(Digest),
    can("single manifest by digest", "fabrikam").shape(Single).by(Digest),
    can("basic sign-in", "northwind").login(READER),
    can("token, CNAME chain, data host", "wingtip").login(READER),
    can("token by digest", "wingtip").login(READER).by(Digest),
    can("anonymous token, public repository", "wingtip").team("public"),
    can("first of two name servers dead", "wingtip").login(READER).lane(FIRST_DEAD).warns(&["dns/server-silent"]),
    can("first of two name servers fails", "wingtip").login(READER).lane(FIRST_FAILING).warns(&["dns/server-silent"]),
    can("second name server knows no names", "wingtip").login(READER).lane(SECOND_EMPTY),
    can("first of two addresses refuses", "twofold").warns(&["network/address-unreachable"]),
    can("one of two addresses is dropped", "halfway").warns(&["network/address-unreachable"]),
    can("IPv6 address is dead, IPv4 works", "sixless").ipv6().warns(&["network/address-unreachable"]),
    can("IPv6 only", "sixonly").ipv6(),
    can("privatelink name over the public path", "tailwind.azurecr.io"),
    can("private endpoint, and the name in NO_PROXY", "contoso.azurecr.io").lane(EXEMPT),
    can("clock of the registry four minutes late", "slow"),
    can("clock of the registry four minutes early", "fast"),
    can("Docker Hub by default", "").team("library"),
    can("Docker schema 1", "fabrikam").shape(Schema1).warns(&["manifest/manifest-schema1"])
        .peer_differs("it takes the digest over the signatures as well, which the format leaves out"),
    // Healthy, through a proxy or past it.
    can("proxy, anonymous", "fabrikam").lane(PROXIED),
    can("proxy, token, data host", "wingtip").login(READER).lane(PROXIED),
    can("proxy, and the direct way is closed", "remote").lane(PROXIED),
    can("proxy that wants a sign-in and gets it", "wingtip").login(READER).lane(SIGNED_IN_AT_PROXY),
    can("proxy that alone can look the name up", "fabrikam").lane(ONLY_PROXY_RESOLVES),
    can("proxy that intercepts, its authority trusted", "wingtip").login(READER).lane(INSPECTED),
    can("proxy for plain HTTP only, direct way open", "fabrikam").lane(PLAIN_ONLY),
    can("NO_PROXY names host and port", "northwind").login(READER).lane(EXEMPT)
        .peer_differs("it knows no ports in NO_PROXY; Go does"),
    can("NO_PROXY names the network of an address", "10.77.0.10").lane(EXEMPT),
    // Names.
    cannot("registry name does not exist", "absent", "no such host", &["dns/nxdomain-registry"]),
    cannot("registry name has no address", "nodata", "no such host", &["dns/nxdomain-registry"]),
    cannot("name server refuses", "fabrikam", "connection refused", &["dns/server-unreachable"]).lane(ALL_CLOSED),
    cannot("name server is silent", "fabrikam", "i/o timeout", &["dns/server-unreachable"]).lane(ALL_SILENT),
    cannot("name server fails", "fabrikam", "server misbehaving", &["dns/server-unreachable"]).lane(ALL_FAILING),
    cannot("name servers disagree", "fabrikam", "no such host", &["dns/servers-disagree"]).lane(FIRST_EMPTY),
    cannot("data host has no record", "dataless", "lookup dataless.eastus.data.test", &["dns/data-endpoint-record-missing"]).login(READER),
    cannot("private zone has no record", "adatum.azurecr.io", "no such host", &["dns/private-zone-record-missing"]),
    cannot("private zone's record has no address", "litware.azurecr.io", "no such host", &["dns/private-zone-record-missing"]),
    cannot("regional endpoint has no record", "proseware.eastus.geo.azurecr.io", "no such host", &["dns/regional-endpoint-record-missing"]),
    // Connections.
    cannot("registry 443 dropped", "dropped", "10.77.0.20:443: i/o timeout", &["network/tcp-egress-blocked"]),
    cannot("registry 443 rejected by a firewall", "rejected", "connection refused", &["network/tcp-egress-blocked"]),
    cannot("registry 443 closed", "closed", "connection refused", &["network/tcp-egress-blocked"]),
    cannot("data host 443 dropped", "fardata", "10.77.1.14:443: i/o timeout", &["network/blob-endpoint-blocked"]).login(READER),
    cannot("IPv6 address only, no way there", "unrouted", "network is unreachable", &["network/ipv6-unusable"]).ipv6(),
    // Proxies.
    cannot("proxy refuses connections", "fabrikam", "proxyconnect tcp: dial tcp 10.77.2.1:3128: connect: connection refused", &["proxy/unreachable"]).lane(REFUSED_BY_PROXY),
    cannot("proxy is silent", "fabrikam", "proxyconnect tcp: dial tcp 10.77.2.2:3128: i/o timeout", &["proxy/unreachable"]).lane(SILENT_PROXY),
    cannot("proxy takes connections and never answers", "fabrikam", "no answer from containerd in 45 s", &["proxy/no-answer"]).lane(MUTE_PROXY),
    cannot("proxy's name does not exist", "fabrikam", "proxyconnect tcp: dial tcp: lookup nowhere.edge.test", &["proxy/unreachable"]).lane(NAMELESS_PROXY),
    cannot("proxy denies the registry", "denied", ": Forbidden", &["proxy/denies-host"]).lane(PROXIED),
    cannot("proxy denies the data host", "forbidden", ": Forbidden", &["proxy/denies-host"]).login(READER).lane(PROXIED),
    cannot("proxy asks for a sign-in", "fabrikam", ": Proxy Authentication Required", &["proxy/asks-for-sign-in"]).lane(UNKNOWN_AT_PROXY),
    cannot("proxy finds the registry's 443 closed", "closed", ": Service Unavailable", &["proxy/cannot-reach-host"]).lane(PROXIED),
    cannot("proxy gets no answer from the registry", "dropped", ": Service Unavailable", &["proxy/cannot-reach-host"]).lane(PROXIED),
    cannot("proxy cannot look the registry up", "absent", ": Internal Server Error", &["proxy/cannot-reach-host"]).lane(PROXIED),
    cannot("proxy cannot look the data host up", "dataless", ": Internal Server Error", &["proxy/cannot-reach-host"]).login(READER).lane(PROXIED),
    cannot("proxy intercepts, unknown authority", "fabrikam", "unknown authority", &["tls/unknown-ca"]).lane(INTERCEPTED),
    cannot("proxy needed, set for plain HTTP only", "remote", "10.77.0.60:443: i/o timeout", &["network/proxy-required"]).lane(PLAIN_ONLY),
    cannot("private registry sent to the proxy", "contoso.azurecr.io", "403 Forbidden", &["proxy/intercepts-private"]).lane(PROXIED),
    cannot("NO_PROXY has a network, the registry a name", "fabrikam", "proxyconnect", &["proxy/unreachable"]).lane(EXEMPT),
    // Certificates.
    cannot("unknown authority", "stranger", "unknown authority", &["tls/unknown-ca"]),
    cannot("certificate for another name", "misnamed", "certificate is valid for", &["tls/hostname-mismatch"]),
    cannot("certificate expired", "expired", "expired", &["tls/certificate-expired"]),
    cannot("greeting answered with a reset", "cut", "connection reset", &["tls/reset"]),
    cannot("data host, unknown authority", "strangedata", "unknown authority", &["tls/unknown-ca"]).login(READER),
    // Sign-in.
    cannot("wrong password, basic", "northwind", "401", &["token/credentials-refused"]).login(STALE),
    cannot("wrong password, realm", "wingtip", "oauth token", &["token/credentials-refused"]).login(STALE),
    cannot("nobody signed in, realm", "wingtip", "anonymous token", &["token/anonymous-pull-disabled"]),
    cannot("nobody signed in, basic", "northwind", "401", &["token/anonymous-pull-disabled"]),
    cannot("signed in, no right to the repository", "wingtip", "insufficient_scope", &["token/scope-not-granted"]).login(GUEST),
    cannot("wrong password where none is needed", "wingtip", "oauth token", &["token/anonymous-blocked-by-bad-creds"]).team("public").login(STALE),
    // Images.
    cannot("tag missing", "fabrikam", ":v2: not found", &["manifest/image-tag-not-found"]).by(OtherTag),
    cannot("tag missing, token", "wingtip", ":v2: not found", &["manifest/image-tag-not-found"]).by(OtherTag).login(READER),
    cannot("digest missing", "fabrikam", "not found", &["manifest/image-digest-gone"]).by(OtherDigest),
    cannot("repository missing", "fabrikam", ":v1: not found", &["manifest/repository-not-found", "manifest/image-tag-not-found"]).shape(Nothing),
    cannot("other platform only", "fabrikam", "no match for platform", &["manifest/platform-no-match"]).shape(Foreign),
    cannot("manifest of the index deleted", "fabrikam", "not found", &["manifest/child-manifest-gone"]).harm(Orphaned),
    cannot("nothing but an attestation", "fabrikam", "no match for platform", &["manifest/not-an-image"]).shape(Attestation),
    cannot("Helm chart", "fabrikam", "mismatched image rootfs and manifest layers", &["manifest/not-an-image"]).shape(Chart)
        .peer_differs("it fetches anything, and unpacks nothing"),
    // Registries that refuse.
    cannot("503", "down", "503", &["registry/outage"]),
    cannot("429", "busy", "429", &["registry/throttled"]),
    cannot("429 of Docker Hub", "docker.io", "429", &["registry/throttled"]),
    cannot("429 to the layer", "rationed", "429", &["registry/throttled"]),
    cannot("locked for reading", "locked", "405", &["registry/image-read-disabled"]),
    cannot("401 without a challenge", "mute", "401", &["registry/challenge-invalid"]),
    cannot("firewall refusal", "walled", "403", &["registry/network-rules"]),
    // Layers.
    cannot("layer deleted from the registry", "fabrikam", "not found", &["manifest/blob-unknown"]).harm(Deleted),
    cannot("layer missing at the data host", "wingtip", "not found", &["layer/blob-missing"]).harm(Gone).login(READER),
    cannot("layer cut in the middle", "wingtip", "unexpected EOF", &["layer/blob-unexpected-eof"]).harm(Cut).login(READER),
    cannot("layer stops in the middle", "wingtip", "no answer from containerd in 45 s", &["layer/pull-progress-timeout"]).harm(Stalled).login(READER),
    cannot("layer has other bytes", "wingtip", "digest", &["layer/blob-digest-mismatch"]).harm(Altered).login(READER),
    cannot("layer has other bytes, no redirect", "fabrikam", "digest", &["layer/blob-digest-mismatch"]).harm(Altered),
    cannot("storage firewall refuses", "tolled", "403", &["layer/blob-service-endpoint-policy"]).login(READER),
    cannot("storage rejects the signature", "mistrusted", "403", &["layer/blob-sas-rejected"]).login(READER),
];
