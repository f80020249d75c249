//! The version of containerd: from what Go recorded in its program, or as a cluster shows it.

use std::{fmt, str::FromStr};

use super::GoBuild;

/// The repository of containerd. From version 2 on the paths of its packages name the number.
const REPOSITORY: &str = "github.com/containerd/containerd";

/// What containerd reads or does differently, with the first version that does so. Each was measured
/// with 1.7.35, 2.2.9 and 2.3.7 (docs/proof-differential.md); what is between is read in its source.
pub mod since {
    /// It pulls no images of schema 1; 2.0 does where a variable in its environment says so.
    pub const REFUSES_SCHEMA1: (u64, u64, u64) = (2, 0, 0);
    /// It decompresses what a server compresses for the transfer (core/remotes/docker/fetcher.go). Before,
    /// Go's transport does, which knows gzip alone.
    pub const DECOMPRESSES: (u64, u64, u64) = (2, 0, 0);
    /// A kubelet's pulls go through the transfer service (core/transfer/local/pull.go): it fetches every
    /// manifest of an index for the platform, and takes no other processor. Before, one is fetched.
    pub const TRANSFERS: (u64, u64, u64) = (2, 1, 0);
    /// It repeats a request to a server that fails (core/remotes/docker/resolver.go, `retryRequest`).
    pub const REPEATS: (u64, u64, u64) = (2, 1, 0);
    /// It takes any 206 for the rest that it asked for (core/remotes/docker/resolver.go, `withOffsetCheck`).
    pub const TAKES_ANY_RANGE: (u64, u64, u64) = (2, 1, 0);
    /// It sends a request five times at most, also where connections are closed
    /// (core/remotes/docker/resolver.go, `maxAttempts`); before, six times.
    pub const ATTEMPTS_FIVE_TIMES: (u64, u64, u64) = (2, 3, 2);
    /// It waits 30 s for a response to begin (core/remotes/docker/registry.go, `ResponseHeaderTimeout`);
    /// before, without end.
    pub const LIMITS_RESPONSES: (u64, u64, u64) = (2, 3, 0);
    /// It compares the `os.features` of an index's entries.
    pub const COMPARES_FEATURES: (u64, u64, u64) = (2, 3, 0);
    /// Its content store takes SHA-512 digests.
    pub const STORES_SHA512: (u64, u64, u64) = (2, 3, 0);
}

/// A version, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerdVersion {
    major: u64,
    /// The second and third number; `None` where the program was built without them.
    minor: Option<(u64, u64)>,
}

impl ContainerdVersion {
    /// Reads the version out of the build information of containerd.
    pub fn of(build: &GoBuild) -> Option<Self> {
        let inside = build.package()?.strip_prefix(REPOSITORY)?;
        let (major, module) = if inside.starts_with("/v2/") {
            (2, format!("{REPOSITORY}/v2"))
        } else {
            (1, REPOSITORY.to_owned())
        };
        let linked = build.linked(&format!("{module}/version.Version"));
        let known = [linked, build.version_of(&module)];
        let known = known.into_iter().flatten().filter_map(Self::read);
        let mut known = known.filter(|version| version.major == major);
        known.next().or(Some(Self { major, minor: None }))
    }

    /// Reads `v2.2.4` and what distributions make of it. A version that was never released, such as
    /// that of a revision between two, says nothing.
    fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        if text.starts_with("0.0.0") || text.contains("-0.") {
            return None;
        }
        let end = |c: char| !c.is_ascii_digit() && c != '.';
        let mut numbers = text.split(end).next()?.split('.').map(str::parse);
        let mut number = || numbers.next()?.ok();
        Some(Self { major: number()?, minor: Some((number()?, number()?)) })
    }

    /// Returns whether this is that version or a later one; `None` where it is not known so exactly.
    pub fn is_at_least(self, (major, minor, patch): (u64, u64, u64)) -> Option<bool> {
        match self.minor {
            _ if self.major != major => Some(self.major > major),
            Some(numbers) => Some(numbers >= (minor, patch)),
            None => None,
        }
    }

    /// Returns whether this is version 1 or an earlier one.
    pub fn is_first(self) -> bool {
        self.major < 2
    }
}

/// A recent version, where none is known.
const RECENT: &str = "2.2.9";

/// The containerd that pulls, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Puller {
    /// Its version.
    pub version: Option<ContainerdVersion>,
    /// Whether it is that of a node, whose configuration may not be the default one.
    pub is_of_node: bool,
}

impl Puller {
    /// Returns whether it has that version or a later one; `None` where that is not known.
    pub fn is_at_least(self, wanted: (u64, u64, u64)) -> Option<bool> {
        is_at_least(self.version, wanted)
    }

    /// Returns what it calls itself in requests (core/remotes/docker/resolver.go).
    pub fn user_agent(self) -> String {
        let exact = self.version.filter(|version| version.minor.is_some());
        let version = exact.map_or_else(|| RECENT.to_owned(), |version| version.to_string());
        format!("containerd/v{version}")
    }

    /// Returns whether it pulls through the transfer service. Some settings turn that off
    /// (internal/cri/config, `CheckLocalImagePullConfigs`), and a node may have them.
    pub fn transfers(self) -> Option<bool> {
        self.is_at_least(since::TRANSFERS).filter(|transfers| !(*transfers && self.is_of_node))
    }
}

/// Returns whether containerd is that version or a later one; `None` where that is not known.
pub fn is_at_least(version: Option<ContainerdVersion>, wanted: (u64, u64, u64)) -> Option<bool> {
    version?.is_at_least(wanted)
}

/// Reads what a person typed: `2.2.4`, or what a cluster shows, `containerd://1.7.34-1`.
impl FromStr for ContainerdVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text.strip_prefix("containerd://").unwrap_or(text))
            .ok_or("a version is such as 2.2.4: `kubectl get nodes -o wide` shows it")
    }
}

impl fmt::Display for ContainerdVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor {
            Some((minor, patch)) => write!(f, "{}.{minor}.{patch}", self.major),
            None => write!(f, "{}.x", self.major),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_build() {
        let shown = |module: &str, version: &str, linked: &str| {
            let flags = match linked {
                "" => String::new(),
                _ => format!("build\t-ldflags=\"-X {module}/version.Version={linked} -s\"\n"),
            };
            let lines =
                format!("path\t{module}/cmd/containerd\nmod\t{module}\t{version}\t\n{flags}");
            ContainerdVersion::of(&GoBuild::of(&lines)).map(|version| version.to_string())
        };
        let (v1, v2) = (REPOSITORY, "github.com/containerd/containerd/v2");
        assert_eq!(shown(v2, "(devel)", "v2.2.4").as_deref(), Some("2.2.4"));
        assert_eq!(shown(v1, "", "1.7.34+azure-ubuntu22.04u1").as_deref(), Some("1.7.34"));
        assert_eq!(shown(v2, "v2.1.0-rc.0", "").as_deref(), Some("2.1.0"));
        // Debian's build has no more than the path.
        assert_eq!(shown(v1, "", "").as_deref(), Some("1.x"));
        assert_eq!(shown(v2, "v2.0.0", "d0f1c").as_deref(), Some("2.0.0"));
        assert_eq!(shown(v2, "v2.1.1-0.20250101000000-abcdefabcdef", "").as_deref(), Some("2.x"));
        assert_eq!(shown("github.com/k3s-io/k3s", "", "v1.30.1"), None);
    }

    #[test]
    fn what_is_not_known_decides_nothing() {
        let version = |text: &str| ContainerdVersion::read(text).unwrap();
        assert_eq!(version("2.2.4").is_at_least((2, 2, 0)), Some(true));
        assert_eq!(version("2.1.6").is_at_least((2, 2, 0)), Some(false));
        assert_eq!(version("1.7.34").is_at_least((2, 2, 0)), Some(false));
        let second = ContainerdVersion { major: 2, minor: None };
        assert_eq!(second.is_at_least((2, 2, 0)), None);
        assert_eq!(second.is_at_least((1, 7, 0)), Some(true));
        assert_eq!(is_at_least(None, (1, 0, 0)), None);
    }

    #[test]
    fn what_a_cluster_shows() {
        let shown = |text: &str| text.parse::<ContainerdVersion>().map(|it| it.to_string());
        for text in ["containerd://1.7.34-1", "v1.7.34", "1.7.34", "1.7.34~ds1"] {
            assert_eq!(shown(text).as_deref(), Ok("1.7.34"), "{text}");
        }
        for text in ["", "2.2", "cri-o://1.33.1", "containerd", "0.0.0", "-1.7.3", "unknown"] {
            assert!(shown(text).is_err(), "{text}");
        }
    }
}
