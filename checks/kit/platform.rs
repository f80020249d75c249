//! A platform: for which operating system and processor an image is built.

use std::{fmt, str::FromStr};

/// `linux/amd64`, `linux/arm64/v8`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `linux`, `windows`
    pub os: String,
    /// Go's name of the processor.
    pub arch: String,
    /// `v7`, where the processor has variants.
    pub variant: Option<String>,
}

impl Platform {
    /// Linux on this machine's processor: what a node like this one would ask for.
    pub fn here() -> Self {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        Platform { os: "linux".into(), arch: arch.into(), variant: None }
    }

    /// How well an image built for `offered` runs here: 0 is best, `None` not at all.
    ///
    /// containerd's order: the same processor, then older variants of 32-bit ARM.
    pub fn rank(&self, offered: &Platform) -> Option<u8> {
        if self.os != offered.os || self.arch != offered.arch {
            return None;
        }
        if self.variant == offered.variant {
            return Some(0);
        }
        match (self.version(), offered.version()) {
            (Some(ours), Some(theirs)) => ours.checked_sub(theirs),
            (_, None) if offered.variant.is_none() => Some(0),
            _ => None,
        }
    }

    /// A platform as others spell it, in Go's words: containerd takes these for the same.
    pub fn normal(os: &str, arch: &str, variant: Option<&str>) -> Self {
        let (os, arch) = (os.to_lowercase(), arch.to_lowercase());
        let os = match os.as_str() {
            "" => "linux",
            "macos" => "darwin",
            os => os,
        };
        let (arch, implied) = match arch.as_str() {
            "x86_64" | "x86-64" => ("amd64", None),
            "aarch64" => ("arm64", None),
            "i386" => ("386", None),
            "armhf" => ("arm", Some("v7")),
            "armel" => ("arm", Some("v6")),
            arch => (arch, None),
        };
        let variant = variant.filter(|variant| !variant.is_empty()).or(implied);
        Platform { os: os.into(), arch: arch.into(), variant: variant.map(str::to_lowercase) }
    }

    /// The variant as a number, with what its absence means for this processor.
    fn version(&self) -> Option<u8> {
        if let Some(variant) = &self.variant {
            return variant.trim_start_matches('v').parse().ok();
        }
        match self.arch.as_str() {
            "arm" => Some(7),
            "arm64" => Some(8),
            "amd64" => Some(1),
            _ => None,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.split('/').collect();
        let word = |s: &&str| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric());
        match parts.as_slice() {
            [os, arch, rest @ ..] if rest.len() <= 1 && parts.iter().all(word) => Ok(Platform {
                os: (*os).into(),
                arch: (*arch).into(),
                variant: rest.first().map(|v| (*v).into()),
            }),
            _ => Err("a platform is OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(ours: &str, theirs: &str) -> Option<u8> {
        ours.parse::<Platform>().unwrap().rank(&theirs.parse().unwrap())
    }

    #[test]
    fn as_containerd_ranks() {
        assert_eq!(rank("linux/amd64", "linux/amd64"), Some(0));
        assert_eq!(rank("linux/arm64", "linux/arm64/v8"), Some(0));
        assert_eq!(rank("linux/arm/v7", "linux/arm/v6"), Some(1));
        assert_eq!(rank("linux/arm/v6", "linux/arm/v7"), None);
        assert_eq!(rank("linux/amd64", "linux/arm64"), None);
        assert_eq!(rank("linux/amd64", "windows/amd64"), None);
        assert_eq!(rank("linux/amd64", "linux/amd64/nonsense"), None);
        assert_eq!(rank("linux/amd64", "linux/amd64/v2"), None);
    }

    #[test]
    fn the_same_spelled_otherwise() {
        assert_eq!(Platform::normal("Linux", "x86_64", None).to_string(), "linux/amd64");
        assert_eq!(Platform::normal("", "aarch64", Some("")).to_string(), "linux/arm64");
        assert_eq!(Platform::normal("linux", "armhf", None).to_string(), "linux/arm/v7");
    }

    #[test]
    fn garbage_is_refused() {
        for text in ["", "linux", "linux/", "a/b/c/d", "linux/ar m"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }
}
