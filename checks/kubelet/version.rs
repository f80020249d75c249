//! The age of Azure's credential provider, and what it means for how it signs in.
//!
//! Source: the tags of kubernetes-sigs/cloud-provider-azure. A change is in a release branch since
//! some patch, and in every later branch.

use serde::Serialize;
use strum::VariantNames;

use super::provider::ProviderFault;
use crate::kit::{kube::CLIENT_ANNOTATION, rules::GoBuild, world::Program};

/// The module that the provider is part of, and the variable that its makefile writes the version to.
const MODULE: &str = "sigs.k8s.io/cloud-provider-azure";
const LINKED: [&str; 2] = [
    "sigs.k8s.io/cloud-provider-azure/pkg/version.gitVersion",
    "k8s.io/component-base/version.gitVersion",
];

/// A flag of the newer programs, by which they are known where their version is not.
const MIRROR: &str = "registry-mirror";
const BINDINGS: &str = "ib-sni-name";
/// The texts that are looked for in a program of unknown version: only programs that take the tokens of
/// service accounts name their annotation.
pub(super) const TEXTS: &[&str] = &[MIRROR, BINDINGS, CLIENT_ANNOTATION];

/// Since which patch of a branch a change is in, and since which branch it is in all.
struct Change {
    patches: &'static [(u32, u32)],
    branch: u32,
}

/// Host names are matched from their beginning to the end of the suffix (#8255).
const STRICT: Change = Change { patches: &[(29, 13), (30, 9), (31, 3), (32, 1)], branch: 33 };
/// The patches that match whole host names and do not know the suffix of their own cloud: their client
/// library reads it only from a file (`pkg/azclient/cloud.go`).
const WITHOUT_SUFFIX: [(u32, u32); 4] = [(30, 9), (31, 3), (32, 1), (32, 2)];
/// `--registry-mirror` (#7001).
const MIRRORS: Change = Change { patches: &[(30, 8), (31, 2)], branch: 32 };
/// The audience of registries (#8593).
const AUDIENCE: Change = Change { patches: &[(29, 14), (30, 11), (31, 5), (32, 4)], branch: 33 };
/// `--ib-sni-name` and its like (#9907).
const IDENTITY_BINDINGS: Change = Change { patches: &[(34, 7), (35, 2)], branch: 36 };
/// Tokens of service accounts.
const ACCOUNT_TOKENS: Change = Change { patches: &[(34, 7)], branch: 35 };
/// An answer is kept for an hour instead of five minutes (#9974).
const LONG: Change = Change { patches: &[(34, 7)], branch: 36 };

/// The audience of the token that a provider signs in with: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Audience {
    /// Registries only.
    RegistryAudience,
    /// Azure Resource Manager.
    ManagementAudience,
    /// It is not known which of them.
    UnknownAudience,
}

/// The version of the provider on a node, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) struct ProviderBuild {
    /// The program's path on the node.
    pub(crate) program: String,
    /// The version, as it stands in the program.
    pub(crate) version: Option<String>,
    number: Option<(u32, u32)>,
    /// The flags that are in a program of unknown version; `None` where that is not known either.
    flags: Option<Vec<&'static str>>,
}

impl ProviderBuild {
    /// Returns what is not known of a program.
    pub(super) fn unknown(program: String) -> Self {
        Self { program, version: None, number: None, flags: None }
    }

    /// Returns a program of that version.
    #[cfg(test)]
    pub(super) fn numbered(version: &str) -> Self {
        let number = number(version);
        Self { number, version: Some(version.to_owned()), ..Self::unknown(String::new()) }
    }

    /// Reads the version of a program.
    pub(super) fn of(program: String, read: &Program) -> Self {
        let version = read.build.as_ref().and_then(version);
        let number = version.as_deref().and_then(number);
        Self { program, version, number, flags: read.has.clone() }
    }

    /// Returns the audience of its tokens.
    pub(crate) fn audience(&self) -> Audience {
        match self.has(&AUDIENCE) {
            Some(true) => Audience::RegistryAudience,
            Some(false) => Audience::ManagementAudience,
            // Identity bindings came long after.
            None if self.has_flag(BINDINGS) == Some(true) => Audience::RegistryAudience,
            None => Audience::UnknownAudience,
        }
    }

    /// Returns for how many minutes the kubelet keeps its answer.
    pub(crate) fn kept_minutes(&self) -> Option<u64> {
        self.has(&LONG).map(|is_long| if is_long { 60 } else { 5 })
    }

    /// Returns whether it matches whole host names.
    pub(super) fn is_strict(&self) -> Option<bool> {
        // Identity bindings came long after.
        self.has(&STRICT).or(self.has_flag(BINDINGS).filter(|has| *has))
    }

    /// Returns whether it knows the suffix of the registries of its own cloud, if that is one of Azure's.
    pub(super) fn knows_its_suffix(&self) -> Option<bool> {
        let by_number = self.number.map(|number| !WITHOUT_SUFFIX.contains(&number));
        by_number.or(self.has_flag(BINDINGS).filter(|has| *has))
    }

    /// Returns whether it signs in with the token of a service account, where it is given one.
    pub(super) fn takes_account_tokens(&self) -> Option<bool> {
        self.has(&ACCOUNT_TOKENS).or(self.has_flag(CLIENT_ANNOTATION))
    }

    /// Returns whether it ends at once because it does not know a flag that it is called with; `None`
    /// where that is not known.
    pub(super) fn rejects(&self, flags: &[&str]) -> Option<bool> {
        let mut rejects = Some(false);
        for flag in flags {
            let known = match *flag {
                "--registry-mirror" | "-r" => self.has(&MIRRORS).or(self.has_flag(MIRROR)),
                flag if flag.starts_with("--ib-") => {
                    self.has(&IDENTITY_BINDINGS).or(self.has_flag(BINDINGS))
                }
                _ => Some(true),
            };
            rejects = match (rejects, known) {
                (Some(true), _) | (_, Some(false)) => Some(true),
                (None, _) | (_, None) => None,
                (Some(false), Some(true)) => Some(false),
            };
        }
        rejects
    }

    fn has(&self, change: &Change) -> Option<bool> {
        let (branch, patch) = self.number?;
        let since = change.patches.iter().find(|(with, _)| *with == branch);
        Some(branch >= change.branch || since.is_some_and(|(_, since)| patch >= *since))
    }

    fn has_flag(&self, flag: &str) -> Option<bool> {
        self.flags.as_ref().map(|flags| flags.contains(&flag))
    }
}

/// Returns whether build information has the version.
pub(super) fn is_told(build: &GoBuild) -> bool {
    version(build).as_deref().and_then(number).is_some()
}

/// Returns the version in a program's build information: the linker's, else that of its module.
fn version(build: &GoBuild) -> Option<String> {
    let linked = LINKED.iter().filter_map(|name| build.linked(name));
    let module = build.version_of(MODULE);
    linked.chain(module).find(|text| number(text).is_some()).map(str::to_owned)
}

/// Returns the branch and the patch of `v1.30.9` and of `v1.30.9-5-gabc` (five changes later), but of
/// no version before a release.
fn number(version: &str) -> Option<(u32, u32)> {
    let rest = version.strip_prefix("v1.")?;
    let (branch, rest) = rest.split_once('.')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (patch, rest) = rest.split_at(end);
    let is_release = match rest.strip_prefix('-') {
        Some(rest) => rest.starts_with(|c: char| c.is_ascii_digit()) && !rest.starts_with("0."),
        None => rest.is_empty() || rest.starts_with('+'),
    };
    Some((branch.parse().ok()?, patch.parse().ok()?)).filter(|_| is_release)
}

/// Returns why the kubelet cannot run a program on this machine.
pub(super) fn fault(program: &Program) -> Option<ProviderFault> {
    if !program.is_executable {
        return Some(ProviderFault::NotExecutable);
    }
    let is_other = program.machine.zip(ours()).is_some_and(|(machine, ours)| machine != ours);
    is_other.then_some(ProviderFault::OtherMachine)
}

/// Returns the number of this machine. The files are those of this same node.
fn ours() -> Option<u16> {
    match std::env::consts::ARCH {
        "x86_64" => Some(62),
        "aarch64" => Some(183),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(version: &str) -> ProviderBuild {
        ProviderBuild::numbered(version)
    }

    /// As read in the source of each tag.
    #[test]
    fn what_each_version_does() {
        use Audience::{ManagementAudience as Management, RegistryAudience as Registry};
        for (version, audience, minutes, strict, mirrors, bindings) in [
            ("v1.28.9", Management, 5, false, false, false),
            ("v1.29.13", Management, 5, true, false, false),
            ("v1.29.14", Registry, 5, true, false, false),
            ("v1.30.8", Management, 5, false, true, false),
            ("v1.30.9", Management, 5, true, true, false),
            ("v1.30.11", Registry, 5, true, true, false),
            ("v1.31.1", Management, 5, false, false, false),
            ("v1.31.4", Management, 5, true, true, false),
            ("v1.32.0", Management, 5, false, true, false),
            ("v1.32.4", Registry, 5, true, true, false),
            ("v1.33.0", Registry, 5, true, true, false),
            ("v1.34.6", Registry, 5, true, true, false),
            ("v1.34.13", Registry, 60, true, true, true),
            ("v1.35.1", Registry, 5, true, true, false),
            ("v1.35.8", Registry, 5, true, true, true),
            ("v1.36.0", Registry, 60, true, true, true),
            ("v1.37.0-5-gabcdef012", Registry, 60, true, true, true),
        ] {
            let build = build(version);
            assert_eq!(build.audience(), audience, "{version}");
            assert_eq!(build.kept_minutes(), Some(minutes), "{version}");
            assert_eq!(build.is_strict(), Some(strict), "{version}");
            assert_eq!(build.rejects(&["--v", "-r"]), Some(!mirrors), "{version}");
            assert_eq!(build.rejects(&["--ib-sni-name"]), Some(!bindings), "{version}");
        }
    }

    /// `tests/real/provider/record` reads the source of each tag.
    #[test]
    fn every_tag_does_what_its_source_says() {
        let recorded = include_str!("../../tests/real/provider/recorded.json");
        let recorded: serde_json::Value = serde_json::from_str(recorded).unwrap();
        let tags = recorded["tags"].as_object().unwrap();
        assert!(tags.len() > 120);
        for (tag, facts) in tags {
            let (build, is) = (build(tag), |name: &str| facts[name].as_bool().unwrap());
            let is_registrys = build.audience() == Audience::RegistryAudience;
            assert_eq!(is_registrys, is("registry_audience"), "{tag}");
            assert_eq!(build.is_strict(), Some(is("strict")), "{tag}");
            // Those that are not strict take any name with the suffix.
            let knows = !is("strict") || is("own_suffix");
            assert_eq!(build.knows_its_suffix(), Some(knows), "{tag}");
            assert_eq!(build.rejects(&["-r"]), Some(!is("mirrors")), "{tag}");
            assert_eq!(build.rejects(&["--ib-sni-name"]), Some(!is("bindings")), "{tag}");
            assert_eq!(build.kept_minutes(), facts["minutes"].as_u64(), "{tag}");
        }
        for (built, facts) in recorded["built"].as_object().unwrap() {
            let read = facts["version_read"].as_str();
            // With -trimpath, Go leaves the flags of the linker out.
            let is_trimmed = built.contains("-trimpath");
            assert_eq!(read, built.split(' ').next().filter(|_| !is_trimmed), "{built}");
        }
    }

    #[test]
    fn what_is_no_version_tells_nothing() {
        let odd = [
            "",
            "latest",
            "v2.0.0",
            "v1.36.0-rc.1",
            "v0.0.0-2025",
            "(devel)",
            "v1.x.1",
            "v1.3",
            "v1.36.1-0.20260101000000-abcdef012345",
        ];
        for version in odd {
            let build = build(version);
            assert_eq!(build.audience(), Audience::UnknownAudience, "{version}");
            assert_eq!(build.kept_minutes(), None, "{version}");
            assert_eq!(build.rejects(&["--registry-mirror"]), None, "{version}");
            assert_eq!(build.rejects(&["-v"]), Some(false), "{version}");
        }
    }

    #[test]
    fn flags_in_a_program_tell_where_its_version_does_not() {
        let with = |flags| ProviderBuild { flags, ..ProviderBuild::unknown(String::new()) };
        let new = with(Some(vec![MIRROR, BINDINGS]));
        assert_eq!(new.audience(), Audience::RegistryAudience);
        assert_eq!((new.is_strict(), new.rejects(&["-r"])), (Some(true), Some(false)));
        let old = with(Some(vec![]));
        assert_eq!(old.audience(), Audience::UnknownAudience);
        assert_eq!((old.is_strict(), old.rejects(&["-r"])), (None, Some(true)));
    }
}
