//! The table: what is asked, what is broken, and what has to come out. One line a case.
//!
//! The host says which fault is meant (see `places` and the files that serve them); the rest is in the image or the credentials.

use crate::Login;
use crate::image::Shape::{self, Foreign, Index, Nothing, Single};
use crate::namespace::Lane;
use crate::realm::{GUEST, READER, STALE};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refer {
    Tag,
    Digest,
    /// A tag that the repository does not have.
    OtherTag,
    /// A digest that the repository does not have.
    OtherDigest,
}

/// What happens to the image's layer after it was pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Harm {
    None,
    /// Its file is deleted from the registry's own storage.
    Deleted,
    /// Its file gets other bytes, as many as before.
    Altered,
    /// The data host has lost it.
    Gone,
    /// The data host hangs up in the middle of it.
    Cut,
}

#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    pub lane: Lane,
    pub host: &'static str,
    /// The folder of the repository: `team` is private in the realm's eyes, `public` is not.
    pub team: &'static str,
    pub shape: Shape,
    pub refer: Refer,
    pub harm: Harm,
    pub login: Option<Login<'static>>,
    /// What containerd's words have to contain, so that it fails for this reason and no other.
    pub says: &'static str,
    /// Nothing: the pull works. Otherwise the code of its one cause; more than one where the wire cannot tell them apart.
    pub codes: &'static [&'static str],
    /// Why the second peer may see it otherwise, where it does.
    pub peer_differs: Option<&'static str>,
    pub needs_ipv6: bool,
}

const fn can(name: &'static str, host: &'static str) -> Case {
    cannot(name, host, "pulled", &[])
}

const fn cannot(
    name: &'static str,
    host: &'static str,
    says: &'static str,
    codes: &'static [&'static str],
) -> Case {
    Case {
        name,
        lane: Lane::Good,
        host,
        team: "team",
        shape: Index,
        refer: Refer::Tag,
        harm: Harm::None,
        login: None,
        says,
        codes,
        peer_differs: None,
        needs_ipv6: false,
    }
}

impl Case {
    const fn lane(mut self, lane: Lane) -> Case {
        self.lane = lane;
        self
    }
    const fn shape(mut self, shape: Shape) -> Case {
        self.shape = shape;
        self
    }
    const fn by(mut self, refer: Refer) -> Case {
        self.refer = refer;
        self
    }
    const fn harm(mut self, harm: Harm) -> Case {
        self.harm = harm;
        self
    }
    const fn login(mut self, login: Login<'static>) -> Case {
        self.login = Some(login);
        self
    }
    const fn public(mut self) -> Case {
        self.team = "public";
        self
    }
    const fn ipv6(mut self) -> Case {
        self.needs_ipv6 = true;
        self
    }

    /// The name as a repository, a folder or an image can carry it.
    pub fn slug(&self) -> String {
        let words = self.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
        words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
    }

    pub fn repository(&self) -> String {
        format!("{}/{}", self.team, self.slug())
    }

    pub fn image(&self, digest: &str) -> String {
        let path = format!("{}.registry.test/{}", self.host, self.repository());
        match self.refer {
            Refer::Tag => format!("{path}:v1"),
            Refer::Digest => format!("{path}@{digest}"),
            Refer::OtherTag => format!("{path}:v2"),
            Refer::OtherDigest => format!("{path}@sha256:{}", "5eed".repeat(16)),
        }
    }
}

#[rustfmt::skip] // a table: one line a case
pub const CASES: &[Case] = &[
    // Healthy: nothing may be found.
    can("anonymous, index by tag", "fabrikam"),
    can("anonymous, single manifest", "fabrikam").shape(Single),
    can("anonymous, index by digest", "fabrikam").by(Refer::Digest),
    can("single manifest by digest", "fabrikam").shape(Single).by(Refer::Digest),
    can("basic sign-in", "northwind").login(READER),
    can("token, CNAME chain, data host", "wingtip").login(READER),
    can("token by digest", "wingtip").login(READER).by(Refer::Digest),
    can("anonymous token, public repository", "wingtip").public(),
    can("first of two name servers dead", "wingtip").login(READER).lane(Lane::FirstDead),
    can("first of two name servers fails", "wingtip").login(READER).lane(Lane::FirstFailing),
    can("second name server knows no names", "wingtip").login(READER).lane(Lane::SecondEmpty),
    can("first of two addresses refuses", "twofold"),
    can("one of two addresses is dropped", "halfway"),
    can("IPv6 address is dead, IPv4 works", "sixless").ipv6(),
    // Names.
    cannot("registry name does not exist", "absent", "no such host", &["dns/nxdomain-registry"]),
    cannot("registry name has no address", "nodata", "no such host", &["dns/nxdomain-registry"]),
    cannot("name server refuses", "fabrikam", "connection refused", &["dns/server-unreachable"]).lane(Lane::AllClosed),
    cannot("name server is silent", "fabrikam", "i/o timeout", &["dns/server-unreachable"]).lane(Lane::AllSilent),
    cannot("name server fails", "fabrikam", "server misbehaving", &["dns/server-unreachable"]).lane(Lane::AllFailing),
    cannot("name servers disagree", "fabrikam", "no such host", &["dns/servers-disagree"]).lane(Lane::FirstEmpty),
    cannot("data host has no record", "dataless", "lookup dataless.eastus.data.test", &["dns/data-endpoint-record-missing"]).login(READER),
    // Connections.
    cannot("registry 443 dropped", "dropped", "10.77.0.20:443: i/o timeout", &["network/tcp-egress-blocked"]),
    cannot("registry 443 rejected by a firewall", "rejected", "connection refused", &["network/tcp-egress-blocked"]),
    cannot("registry 443 closed", "closed", "connection refused", &["network/tcp-egress-blocked"]),
    cannot("data host 443 dropped", "fardata", "10.77.1.14:443: i/o timeout", &["network/blob-endpoint-blocked"]).login(READER),
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
    // Images.
    cannot("tag missing", "fabrikam", ":v2: not found", &["manifest/image-tag-not-found"]).by(Refer::OtherTag),
    cannot("tag missing, token", "wingtip", ":v2: not found", &["manifest/image-tag-not-found"]).by(Refer::OtherTag).login(READER),
    cannot("digest missing", "fabrikam", "not found", &["manifest/image-digest-gone"]).by(Refer::OtherDigest),
    cannot("repository missing", "fabrikam", ":v1: not found", &["manifest/repository-not-found", "manifest/image-tag-not-found"]).shape(Nothing),
    cannot("other platform only", "fabrikam", "no match for platform", &["manifest/platform-no-match"]).shape(Foreign),
    // Registries that refuse.
    cannot("503", "down", "503", &["registry/outage"]),
    cannot("429", "busy", "429", &["registry/throttled"]),
    cannot("401 without a challenge", "mute", "401", &["registry/challenge-invalid"]),
    cannot("firewall refusal", "walled", "403", &["registry/network-rules"]),
    // Layers.
    cannot("layer deleted from the registry", "fabrikam", "not found", &["manifest/blob-unknown"]).harm(Harm::Deleted),
    cannot("layer missing at the data host", "wingtip", "not found", &["layer/blob-missing"]).harm(Harm::Gone).login(READER),
    cannot("layer cut in the middle", "wingtip", "unexpected EOF", &["layer/blob-unexpected-eof"]).harm(Harm::Cut).login(READER),
    cannot("layer has other bytes", "wingtip", "digest", &["layer/blob-digest-mismatch"]).harm(Harm::Altered).login(READER),
    cannot("layer has other bytes, no redirect", "fabrikam", "digest", &["layer/blob-digest-mismatch"]).harm(Harm::Altered),
    cannot("storage firewall refuses", "tolled", "403", &["layer/blob-refused"]).login(READER),
];
