//! A platform: the operating system and the processor that an image is built for.

use std::{fmt, str::FromStr};

/// `linux/amd64`, `linux/arm64/v8`, `windows(10.0.20348)/amd64`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `linux`, `windows`
    pub os: String,
    /// The Windows build, as precisely as it is known: `10.0.20348`, `10.0.20348.2700`
    pub build: Option<String>,
    /// The processor, by Go's name.
    pub arch: String,
    /// The variant of the processor, such as `v7`.
    pub variant: Option<String>,
}

/// How well an image fits a platform; the smallest value is the best fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fit {
    /// The image is built for another platform: some versions of a runtime accept it, others do
    /// not.
    pub lesser: bool,
    order: u64,
}

/// Windows Server 2022. Since this build, Windows runs images of older builds, down to this one.
const FIRST_THAT_RUNS_OLDER: u64 = 20348;

impl Platform {
    /// Returns Linux on this machine's processor: what a node like this one would pull.
    pub fn here() -> Self {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        Platform { os: "linux".into(), build: None, arch: arch.into(), variant: None }
    }

    /// Returns how well an image built for `offered` fits; `None` when no runtime accepts it.
    ///
    /// These are containerd's rules: `Only`, and the stricter `Ordered` of its transfer service;
    /// for Windows, those of its releases before and after 1.7.
    pub fn rank(&self, offered: &Platform) -> Option<Fit> {
        if self.os != offered.os {
            return None;
        }
        let (lesser, order) = match self.below(offered)? {
            0 => self.by_build(offered)?,
            steps => (true, u64::MAX - 1000 + steps),
        };
        Some(Fit { lesser, order })
    }

    /// Returns how far the other processor is below this one; zero when they are equal.
    fn below(&self, offered: &Platform) -> Option<u64> {
        match (self.arch.as_str(), offered.arch.as_str()) {
            (ours, theirs) if ours == theirs => {
                if self.variant == offered.variant {
                    return Some(0);
                }
                match (self.version(), offered.version()) {
                    // Each 9.N is an 8.(N + 5) as well.
                    (Some((9, minor)), Some((8, theirs))) if ours == "arm64" => {
                        Some(minor + 1 + (minor + 5).min(9).checked_sub(theirs)?)
                    }
                    (Some((ours, minor)), Some((theirs, other))) if ours == theirs => {
                        minor.checked_sub(other)
                    }
                    (Some((ours, 0)), Some((theirs, 0))) => ours.checked_sub(theirs),
                    (_, None) if offered.variant.is_none() => Some(0),
                    _ => None,
                }
            }
            ("amd64", "386") if offered.variant.is_none() => Some(100),
            ("arm64", "arm") => Some(100 + 8_u64.checked_sub(offered.version()?.0)?),
            _ => None,
        }
    }

    /// Ranks Windows builds: the newest revision of the same build first, then older builds that
    /// this Windows runs, the newest first. An image that names no build fits all.
    fn by_build(&self, offered: &Platform) -> Option<(bool, u64)> {
        let Some(theirs) = offered.build.as_deref() else { return Some((false, u64::MAX / 2)) };
        let theirs = numbers(theirs)?;
        let newest_first = |[_, _, build, revision]: [u64; 4]| {
            (u64::MAX / 4).saturating_sub(build.saturating_mul(1 << 32).saturating_add(revision))
        };
        let Some(ours) = self.build.as_deref() else { return Some((false, newest_first(theirs))) };
        let (ours, order) = (numbers(ours)?, newest_first(theirs));
        let runs_older = FIRST_THAT_RUNS_OLDER..ours[2];
        if ours[..3] == theirs[..3] {
            Some((false, order))
        } else if ours[..2] == theirs[..2] && runs_older.contains(&theirs[2]) {
            Some((true, order))
        } else {
            None
        }
    }

    /// Returns a platform in Go's spelling, from any spelling that containerd treats as equal.
    pub fn normal(os: &str, arch: &str, variant: Option<&str>, build: Option<&str>) -> Self {
        let (os, arch) = (os.to_lowercase(), arch.to_lowercase());
        let os = match os.as_str() {
            "" => "linux",
            "macos" => "darwin",
            os => os,
        };
        let variant = variant.filter(|variant| !variant.is_empty());
        let (arch, variant) = match arch.as_str() {
            "x86_64" | "x86-64" => ("amd64", variant),
            "aarch64" => ("arm64", variant),
            "i386" => ("386", None),
            "armhf" => ("arm", Some("v7")),
            "armel" => ("arm", Some("v6")),
            arch => (arch, variant),
        };
        let variant = variant.map(str::to_lowercase);
        let build = build.filter(|build| os == "windows" && !build.is_empty());
        Platform { os: os.into(), build: build.map(str::to_owned), arch: arch.into(), variant }
    }

    /// Returns the variant as numbers, or the default of the processor when it has none. containerd
    /// compares texts, and knows no other spelling of a variant than these (containerd/platforms,
    /// `normalizeArch` and `platformVector`).
    fn version(&self) -> Option<(u64, u64)> {
        let variant = self.variant.as_deref();
        let number = |text: &str| text.parse().ok().filter(|n: &u64| n.to_string() == text);
        let of = |variant: &str| number(variant.strip_prefix('v')?);
        match (self.arch.as_str(), variant) {
            ("amd64", None) => Some((1, 0)),
            ("amd64", Some(variant)) => Some((of(variant).filter(|n| *n >= 1)?, 0)),
            ("arm", None) => Some((7, 0)),
            ("arm", Some(bare @ ("5" | "6" | "7" | "8"))) => Some((number(bare)?, 0)),
            ("arm", Some(variant)) => Some((of(variant).filter(|n| *n >= 5)?, 0)),
            ("arm64", None | Some("8" | "v8" | "v8.0")) => Some((8, 0)),
            ("arm64", Some("9" | "9.0" | "v9" | "v9.0")) => Some((9, 0)),
            ("arm64", Some(variant)) => {
                let (major, minor) = variant.strip_prefix('v')?.split_once('.')?;
                let (major, minor) = (number(major)?, number(minor)?);
                matches!((major, minor), (8, 1..=9) | (9, 1..=7)).then_some((major, minor))
            }
            _ => None,
        }
    }
}

/// Parses major, minor, build and revision; the revision may be missing.
fn numbers(build: &str) -> Option<[u64; 4]> {
    let mut numbers = [0; 4];
    let parts: Vec<_> = build.split('.').collect();
    for (number, part) in numbers.iter_mut().zip(&parts) {
        *number = part.parse::<u32>().ok()?.into();
    }
    (3..=4).contains(&parts.len()).then_some(numbers)
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.os)?;
        self.build.iter().try_for_each(|build| write!(f, "({build})"))?;
        write!(f, "/{}", self.arch)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// The systems and processors that images are built for (Go, internal/syslist and `go tool dist list`).
const SYSTEMS: [&str; 4] = ["linux", "windows", "freebsd", "darwin"];
const PROCESSORS: [&str; 14] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
    "ppc64le", "riscv64", "s390x", "wasm",
];

/// Reads what a person typed, in any spelling that containerd treats as equal.
impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split('/').collect();
        let word = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric());
        let (os, build) = match parts[0].strip_suffix(')').and_then(|os| os.split_once('(')) {
            Some((os, build)) => (os, Some(build)),
            None => (parts[0], None),
        };
        let is_build = |build: &str| os.eq_ignore_ascii_case("windows") && numbers(build).is_some();
        match &parts[1..] {
            [arch, rest @ ..]
                if rest.len() <= 1
                    && !os.is_empty()
                    && !arch.is_empty()
                    && rest.iter().all(|variant| word(variant))
                    && build.is_none_or(is_build) =>
            {
                let platform = Platform::normal(os, arch, rest.first().copied(), build);
                let is_known = |known: &[&str], word: &String| known.contains(&word.as_str());
                if !is_known(&SYSTEMS, &platform.os) {
                    return Err(format!("there is no system {os}; one of {}", SYSTEMS.join(" ")));
                }
                if !is_known(&PROCESSORS, &platform.arch) {
                    let known = PROCESSORS.join(" ");
                    return Err(format!("there is no processor {arch}; one of {known}"));
                }
                Ok(platform)
            }
            _ => Err("a platform is OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64, \
                      or with a build windows(10.0.20348)/amd64"
                .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(ours: &str, theirs: &str) -> Option<Fit> {
        ours.parse::<Platform>().unwrap().rank(&theirs.parse().unwrap())
    }

    /// Returns whether all runtimes accept it or only some; `None` when none does.
    fn all(ours: &str, theirs: &str) -> Option<bool> {
        rank(ours, theirs).map(|fit| !fit.lesser)
    }

    #[test]
    fn as_containerd_ranks() {
        assert_eq!(all("linux/amd64", "linux/amd64"), Some(true));
        assert_eq!(all("linux/arm64", "linux/arm64/v8"), Some(true));
        assert_eq!(all("linux/arm/v7", "linux/arm/v6"), Some(false));
        assert_eq!(all("linux/amd64", "linux/386"), Some(false));
        assert_eq!(all("linux/arm64", "linux/arm/v7"), Some(false));
        assert!(rank("linux/arm64", "linux/arm/v7") < rank("linux/arm64", "linux/arm/v6"));
        assert_eq!(all("linux/386", "linux/amd64"), None);
        assert_eq!(all("linux/arm/v6", "linux/arm/v7"), None);
        assert_eq!(all("linux/amd64", "linux/arm64"), None);
        assert_eq!(all("linux/amd64", "windows/amd64"), None);
        assert_eq!(all("linux/amd64", "linux/amd64/nonsense"), None);
        assert_eq!(all("linux/amd64", "linux/amd64/v2"), None);
    }

    #[test]
    fn a_variant_is_spelled_in_one_way() {
        let all = |ours: &str, arch: &str, variant: &str| {
            let offered = Platform::normal("linux", arch, Some(variant), None);
            ours.parse::<Platform>().unwrap().rank(&offered).map(|fit| !fit.lesser)
        };
        for variant in ["1", "vv1", "v01", "v+1", "v1.0", "v0", "0", "v"] {
            assert_eq!(all("linux/amd64", "amd64", variant), None, "{variant}");
        }
        assert_eq!(all("linux/amd64", "amd64", "V1"), Some(true));
        assert_eq!(all("linux/amd64/v3", "amd64", "v2"), Some(false));
        assert_eq!(all("linux/amd64", "i386", "x"), Some(false));
        assert_eq!(all("linux/amd64", "386", "x"), None);
        for variant in ["8", "v8", "v8.0"] {
            assert_eq!(all("linux/arm64", "arm64", variant), Some(true), "{variant}");
        }
        for variant in ["8.0", "vv8", "v08", "v8.1", "v7", "v9"] {
            assert_eq!(all("linux/arm64", "arm64", variant), None, "{variant}");
        }
        assert_eq!(all("linux/arm64/v9", "arm64", "v8.5"), Some(false));
        assert_eq!(all("linux/arm64/v9", "arm64", "v8.6"), None);
        assert_eq!(all("linux/arm64", "arm", "8"), Some(false));
        assert_eq!(all("linux/arm/v7", "arm", "7"), Some(true));
        assert_eq!(all("linux/arm/v7", "armhf", "v6"), Some(true));
        for variant in ["v4", "v07", "vv7", "07"] {
            assert_eq!(all("linux/arm/v7", "arm", variant), None, "{variant}");
        }
    }

    #[test]
    fn what_is_typed_is_a_platform_that_there_is() {
        let shown = |text: &str| text.parse::<Platform>().map(|platform| platform.to_string());
        assert_eq!(shown("linux/x86_64").as_deref(), Ok("linux/amd64"));
        assert_eq!(shown("Linux/aarch64").as_deref(), Ok("linux/arm64"));
        assert_eq!(shown("linux/armhf").as_deref(), Ok("linux/arm/v7"));
        let windows = "windows(10.0.20348)/amd64";
        assert_eq!(shown(windows).as_deref(), Ok(windows));
        for bad in ["linux/amd65", "linus/amd64", "linux", "linux/", "linux(10.0.20348)/amd64"] {
            assert!(shown(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn builds_of_windows() {
        let (ws2019, ws2022) = ("windows(10.0.17763)/amd64", "windows(10.0.20348)/amd64");
        let ws2025 = "windows(10.0.26100)/amd64";
        assert_eq!(all(ws2022, "windows(10.0.20348.2700)/amd64"), Some(true));
        assert_eq!(all(ws2022, "windows/amd64"), Some(true));
        assert_eq!(all("windows/amd64", ws2022), Some(true));
        assert_eq!(all(ws2022, ws2019), None);
        assert_eq!(all(ws2019, ws2022), None);
        assert_eq!(all(ws2025, ws2022), Some(false));
        assert_eq!(all(ws2022, ws2025), None);
        assert_eq!(all(ws2025, ws2019), None);
        let newer = rank(ws2022, "windows(10.0.20348.2700)/amd64");
        assert!(newer < rank(ws2022, "windows(10.0.20348.2600)/amd64"));
        assert!(newer < rank(ws2022, "windows/amd64"));
        assert!(rank(ws2025, "windows/amd64") < rank(ws2025, ws2022));
    }

    #[test]
    fn the_same_spelled_otherwise() {
        let normal = |os, arch, variant| Platform::normal(os, arch, variant, Some("10.0.1"));
        assert_eq!(normal("Linux", "x86_64", None).to_string(), "linux/amd64");
        assert_eq!(normal("", "aarch64", Some("")).to_string(), "linux/arm64");
        assert_eq!(normal("linux", "armhf", None).to_string(), "linux/arm/v7");
        assert_eq!(normal("windows", "amd64", None).to_string(), "windows(10.0.1)/amd64");
    }

    #[test]
    fn garbage_is_refused() {
        for text in [
            "",
            "linux",
            "linux/",
            "a/b/c/d",
            "linux/ar m",
            "linux(5.10.0)/amd64",
            "windows()/amd64",
            "windows(10)/amd64",
            "windows(10.0.x)/amd64",
            "windows(10.0.20348/amd64",
        ] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }
}
