//! What a case can be: the host says which fault is meant (see `places` and the files that serve them), the lane says who asks, and
//! the rest is in the image or the credentials.

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

/// What happens to the image, most often to its layer, after it was pushed.
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
    /// The data host stops in the middle of it and says nothing more.
    Stalled,
    /// It stays, and so does the index; the manifest between them is deleted.
    Orphaned,
}

#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    pub lane: Lane,
    pub host: &'static str,
    /// The folder of the repository: `team` is private in the realm's eyes, `public` is not, and `library` is Docker Hub's own.
    pub team: &'static str,
    pub shape: Shape,
    pub refer: Refer,
    pub harm: Harm,
    pub login: Option<Login<'static>>,
    /// The other possible end: nobody knows, as long as nothing comes and nothing ends. `check-acr` has to say so.
    pub undecided: bool,
    /// What containerd's words have to contain, so that it fails for this reason and no other.
    pub says: &'static str,
    /// Nothing: the pull works. Otherwise the code of its one cause; more than one where the wire cannot tell them apart.
    pub codes: &'static [&'static str],
    /// What is warned of although the pull works, or beside what hinders it.
    pub warns: &'static [&'static str],
    /// Why the second peer may see it otherwise, where it does.
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

/// containerd waits, and so could anybody: `check-acr` may say what it saw, and that it could not tell.
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

    /// The name as a repository, a folder or an image can carry it.
    pub fn slug(&self) -> String {
        let words = self.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
        words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
    }

    pub fn repository(&self) -> String {
        format!("{}/{}", self.team, self.slug())
    }

    pub fn image(&self, digest: &str) -> String {
        let path = match self.host {
            // Docker Hub's official images are called without a host and without a team.
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
