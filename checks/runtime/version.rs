//! The version of containerd on this node, from what Go recorded in its program.

use std::fmt;

use crate::kit::{
    Cx,
    rules::GoBuild,
    world::{Process, Seen, Variables},
};

/// The program on AKS nodes (Azure/AgentBaker).
const PROGRAM: &str = "/usr/bin/containerd";
/// The repository of containerd. From version 2 on the paths of its packages name the number.
const REPOSITORY: &str = "github.com/containerd/containerd";
/// The most reads of the program, and a look at its time.
pub(super) const MAX_READS: usize = 2;

/// A version, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    major: u64,
    /// The second and third number; `None` where the program was built without them.
    minor: Option<(u64, u64)>,
}

impl Version {
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
    pub(super) fn read(text: &str) -> Option<Self> {
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

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor {
            Some((minor, patch)) => write!(f, "{}.{minor}.{patch}", self.major),
            None => write!(f, "{}.x", self.major),
        }
    }
}

/// Returns whether containerd is that version or a later one; `None` where that is not known.
pub(super) fn is_at_least(version: Option<Version>, wanted: (u64, u64, u64)) -> Option<bool> {
    version?.is_at_least(wanted)
}

/// Reads the version of the running containerd, or of the one that would be started.
pub(super) async fn read(cx: &Cx, process: Option<&Process>) -> Option<Version> {
    let program = match process {
        None => PROGRAM,
        // Started by a bare name, it may be any of the PATH.
        Some(process) => {
            let named = process.program.as_ref().or(process.args.first())?;
            Some(named.as_str()).filter(|path| path.starts_with('/'))?
        }
    };
    let program = cx.world.of_node(program);
    let found = cx.world.program(&program, &[], |_| true).await.ok()?;
    let version = Version::of(&found.build?)?;
    let Some(process) = process else { return Some(version) };
    // A program that was replaced since is not the one that runs.
    let changed = cx.world.changed(&program).await.ok()?;
    Some(version).filter(|_| process.started_after(changed) != Some(false))
}

/// Returns whether containerd can pull images of schema 1: containerd 1 can, 2.0 only where a variable
/// says so, later ones cannot. `None` where that is not known.
pub(super) fn takes_schema1(version: Option<Version>, known: &Variables) -> Option<bool> {
    const VARIABLE: &str = "CONTAINERD_ENABLE_DEPRECATED_PULL_SCHEMA_1_IMAGE";
    let version = version?;
    if version.is_first() {
        return Some(true);
    }
    match is_at_least(Some(version), (2, 1, 0))? {
        true => Some(false),
        false if known.seen == Seen::InEffect && known.value(VARIABLE).is_none() => Some(false),
        false => None,
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
            Version::of(&GoBuild::of(&lines)).map(|version| version.to_string())
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
        let version = |text: &str| Version::read(text).unwrap();
        assert_eq!(version("2.2.4").is_at_least((2, 2, 0)), Some(true));
        assert_eq!(version("2.1.6").is_at_least((2, 2, 0)), Some(false));
        assert_eq!(version("1.7.34").is_at_least((2, 2, 0)), Some(false));
        let second = Version { major: 2, minor: None };
        assert_eq!(second.is_at_least((2, 2, 0)), None);
        assert_eq!(second.is_at_least((1, 7, 0)), Some(true));
        assert_eq!(is_at_least(None, (1, 0, 0)), None);
        assert_eq!(Version::read("2.2"), None);
        assert_eq!(Version::read(""), None);
    }
}
