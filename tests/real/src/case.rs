//! A case: the host selects the fault (see `places` and the files that serve them), the lane
//! selects the client host, and the rest is in the image or the credentials.

use crate::Login;
use crate::cri::SILENCE;
use crate::image::Shape::{self, Index};
use crate::lanes::{self, Lane};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refer {
    Tag,
    Digest,
    /// A tag that the repository does not have.
    OtherTag,
    /// A digest that the repository does not have.
    OtherDigest,
}

/// What happens to the image after the push, most often to its layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Harm {
    None,
    /// The registry's storage no longer has the file.
    Deleted,
    /// The file has other bytes of the same length.
    Altered,
    /// The data host no longer has the layer.
    Gone,
    /// The data host closes the connection in the middle of the layer.
    Cut,
    /// The data host stalls in the middle of the layer.
    Stalled,
    /// The layer and the index stay; the manifest between them is deleted.
    Orphaned,
}

#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    pub lane: Lane,
    pub host: &'static str,
    /// The folder of the repository: for the realm `team` is private and `public` is not; `library`
    /// is that of Docker Hub.
    pub team: &'static str,
    pub shape: Shape,
    pub refer: Refer,
    pub harm: Harm,
    pub login: Option<Login<'static>>,
    /// Whether the outcome stays open because containerd only waits; then `check-acr` must report
    /// that it could not tell.
    pub undecided: bool,
    /// The text that containerd's error must contain, so that it fails for this reason and no
    /// other.
    pub says: &'static str,
    /// Empty: the pull works. Otherwise the code of its single cause, or several codes if the wire
    /// does not distinguish them.
    pub codes: &'static [&'static str],
    /// The expected warnings, whether the pull works or fails.
    pub warns: &'static [&'static str],
    /// The reason why the second client may disagree, if it may.
    pub peer_differs: Option<&'static str>,
    pub needs_ipv6: bool,
}

pub const fn can(name: &'static str, host: &'static str) -> Case {
    cannot(name, host, "pulled", &[])
}

pub const fn cannot(
    name: &'static str,
    host: &'static str,
    says: &'static str,
    codes: &'static [&'static str],
) -> Case {
    Case {
        name,
        lane: lanes::GOOD,
        host,
        team: "team",
        shape: Index,
        refer: Refer::Tag,
        harm: Harm::None,
        login: None,
        undecided: false,
        says,
        codes,
        warns: &[],
        peer_differs: None,
        needs_ipv6: false,
    }
}

/// Returns a case in which containerd waits forever: `check-acr` may report what it saw and that it
/// could not tell.
pub const fn nobody_can_tell(
    name: &'static str,
    host: &'static str,
    codes: &'static [&'static str],
) -> Case {
    let mut case = cannot(name, host, SILENCE, codes);
    case.undecided = true;
    case
}

impl Case {
    pub const fn lane(mut self, lane: Lane) -> Case {
        self.lane = lane;
        self
    }
    pub const fn shape(mut self, shape: Shape) -> Case {
        self.shape = shape;
        self
    }
    pub const fn by(mut self, refer: Refer) -> Case {
        self.refer = refer;
        self
    }
    pub const fn harm(mut self, harm: Harm) -> Case {
        self.harm = harm;
        self
    }
    pub const fn login(mut self, login: Login<'static>) -> Case {
        self.login = Some(login);
        self
    }
    pub const fn team(mut self, team: &'static str) -> Case {
        self.team = team;
        self
    }
    pub const fn warns(mut self, codes: &'static [&'static str]) -> Case {
        self.warns = codes;
        self
    }
    pub const fn peer_differs(mut self, why: &'static str) -> Case {
        self.peer_differs = Some(why);
        self
    }
    pub const fn ipv6(mut self) -> Case {
        self.needs_ipv6 = true;
        self
    }

    /// Returns the name in the form that a repository, a folder or an image tag can contain.
    pub fn slug(&self) -> String {
        let words = self.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
        words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
    }

    pub fn repository(&self) -> String {
        format!("{}/{}", self.team, self.slug())
    }

    pub fn image(&self, digest: &str) -> String {
        let path = match self.host {
            // Docker Hub's official images are named without a host and a namespace.
            "" => self.slug(),
            host if host.contains('.') => format!("{host}/{}", self.repository()),
            host => format!("{host}.registry.test/{}", self.repository()),
        };
        match self.refer {
            Refer::Tag => format!("{path}:v1"),
            Refer::Digest => format!("{path}@{digest}"),
            Refer::OtherTag => format!("{path}:v2"),
            Refer::OtherDigest => format!("{path}@sha256:{}", "5eed".repeat(16)),
        }
    }
}
