//! Selects the manifest of an index that fits this platform best.

use super::{
    descriptor::Descriptor,
    document::{Document, Manifest},
    fetch::{Known, get},
    kind,
    problem::{Build, Problem},
    words::{ArtifactKind, Flaw},
};
use crate::{
    kit::{
        Cx, Image, NoFact, StepResult,
        rules::{Fit, Platform, is_storable, is_storable_by_newer},
    },
    token::{Answer, Session},
};

/// The entry of an index that fits a platform best.
#[derive(Debug)]
pub struct Entry {
    digest: String,
    media_type: String,
    size: i64,
    platform: String,
    is_unnamed: bool,
    /// How to rebuild the image for all platforms of the index.
    build: Build,
    /// The others that fit as well: containerd's transfer service fetches them all.
    also: Vec<Also>,
}

/// Another entry for the same platform.
#[derive(Debug)]
struct Also {
    digest: String,
    media_type: String,
    size: i64,
}

/// The manifest that an index has for a platform.
pub(super) struct Child {
    pub(super) manifest: Manifest,
    pub(super) platform: String,
    /// Whether the index does not say for which platform it is.
    pub(super) is_unnamed: bool,
    /// The other manifests for the platform.
    pub(super) also: Vec<Manifest>,
}

/// How deep indexes are followed into indexes. containerd sets no limit.
const MAX_DEPTH: usize = 8;

/// Selects an entry of an index, and fetches its manifest. An entry may be an index again, which
/// containerd follows in the same way (core/images/handlers.go, `LimitManifests`).
pub(super) async fn child(cx: &Cx, session: &Session, index: &Manifest) -> StepResult<Child> {
    let Some(image) = session.image() else {
        return Err(NoFact::skipped(Problem::NoImageAsked {}));
    };
    let (mut inner, mut named, mut others) = (None, String::new(), vec![]);
    for _ in 0..MAX_DEPTH {
        let tell = |problem| cx.add_finding(problem);
        let index = inner.as_ref().unwrap_or(index);
        let Entry { digest, media_type, size, platform, is_unnamed, build, also } =
            entry(index, &cx.target.platform, tell)?;
        let fetch = async |digest: &str, media_type: &str, size: i64| {
            let size = usize::try_from(size).unwrap_or(0);
            let known = Known { media_type: Some(media_type), size: Some(size) };
            match get(cx, session, image, digest, known).await? {
                Answer::Found(manifest) if size != manifest.size => {
                    Err(kind::broken(&manifest.media_type, Flaw::SizeMismatch))
                }
                Answer::Found(manifest) => Ok(Some(manifest)),
                Answer::Missing(_) => Ok(None),
            }
        };
        for Also { digest, media_type, size } in also {
            let Some(manifest) = fetch(&digest, &media_type, size).await? else {
                return Err(gone(image, digest, platform, build));
            };
            others.push(manifest);
        }
        let Some(manifest) = fetch(&digest, &media_type, size).await? else {
            return Err(gone(image, digest, platform, build));
        };
        match manifest.document {
            Document::Image(_) => {
                return Ok(Child { manifest, platform, is_unnamed, also: others });
            }
            Document::Index(_) => (inner, named) = (Some(manifest), platform),
            Document::Schema1(_) => {
                return Err(kind::broken(&manifest.media_type, Flaw::WrongType));
            }
        }
    }
    Err(NoFact::could_not_tell(Problem::IndexInIndex { platform: named }))
}

fn gone(image: &Image, digest: String, platform: String, build: Build) -> NoFact {
    let repository = image.repository.clone();
    Problem::ChildManifestGone { repository, digest, platform, build }.into()
}

/// Selects the entry that fits best, and reports what some container runtimes would not accept.
/// Public so that it can be fuzzed.
pub fn entry(index: &Manifest, wanted: &Platform, tell: impl Fn(Problem)) -> StepResult<Entry> {
    let entries = match &index.document {
        Document::Index(Ok(index)) => &index.manifests,
        Document::Index(Err(error)) => return Err(kind::broken(&index.media_type, error)),
        _ => return Err(kind::broken(&index.media_type, Flaw::WrongType)),
    };
    let needs_features = |entry: &&Descriptor| {
        let is_fit = |own: Platform| wanted.rank(&own).is_some_and(|fit| !fit.lesser);
        entry.has_features() && entry.platform().is_some_and(is_fit)
    };
    // Windows images name features that no version looks at.
    if wanted.os != "windows"
        && let Some(entry) = entries.iter().find(needs_features)
    {
        let digest = entry.digest.clone();
        return Err(NoFact::could_not_tell(Problem::OsFeatures { digest }));
    }
    let best = choose(wanted, entries, tell)?.ok_or_else(|| nothing(wanted, index, entries))?;
    if kind::of(&best.media_type).is_none() {
        return Err(kind::broken(&best.media_type, Flaw::WrongType));
    }
    if is_storable_by_newer(&best.digest) {
        let digest = best.digest.clone();
        return Err(NoFact::could_not_tell(Problem::DigestBySha512 { digest }));
    }
    if !is_storable(&best.digest) {
        return Err(kind::broken(&index.media_type, Flaw::DigestNotSha256));
    }
    // The CRI of containerd takes the size of the image from the first manifest whose platform is
    // named (core/images/usage), which it did not fetch.
    if best.platform().is_none() && entries.iter().any(|entry| entry.platform().is_some()) {
        return Err(kind::broken(&index.media_type, Flaw::PlatformUnnamed));
    }
    let is_equal = |entry: &&Descriptor| {
        let platform = entry.platform();
        let fits = platform.is_none_or(|own| wanted.rank(&own).is_some_and(|fit| !fit.lesser));
        fits && !std::ptr::eq(*entry, best) && entry.digest != best.digest
    };
    // Of Windows images it takes the one for the right build.
    let also = entries.iter().filter(is_equal).filter(|_| wanted.os != "windows");
    let also = also.map(|entry| Also {
        digest: entry.digest.clone(),
        media_type: entry.media_type.clone(),
        size: entry.size,
    });
    Ok(Entry {
        also: also.collect(),
        digest: best.digest.clone(),
        media_type: best.media_type.clone(),
        size: best.size,
        is_unnamed: best.platform().is_none(),
        platform: best.platform().map_or_else(|| wanted.to_string(), |found| found.to_string()),
        build: Build::of(offered(entries)),
    })
}

fn choose<'a>(
    wanted: &Platform,
    entries: &'a [Descriptor],
    tell: impl Fn(Problem),
) -> StepResult<Option<&'a Descriptor>> {
    // An entry that names no platform fits worst.
    let fits = entries.iter().filter_map(|entry| match entry.platform() {
        Some(platform) => Some(((false, Some(wanted.rank(&platform)?)), entry)),
        None => Some(((true, None::<Fit>), entry)),
    });
    let Some(((_, fit), best)) = fits.min_by_key(|(order, _)| *order) else { return Ok(None) };
    let chosen = best.platform();
    if let (Some(Fit { lesser: true, .. }), Some(chosen)) = (fit, &chosen) {
        let is_processor = wanted.os != "windows";
        let (wanted, chosen) = (wanted.to_string(), chosen.to_string());
        let build = Build::of([vec![wanted.clone()], offered(entries)].concat());
        let lesser = Problem::LesserPlatform { wanted, chosen, build };
        // containerd's transfer service, which a kubelet's pulls use since 2.1, takes no other
        // processor; versions before do.
        if is_processor {
            return Err(NoFact::could_not_tell(lesser));
        }
        tell(lesser);
    }
    let builds = builds(wanted, entries);
    if let (None, Some(chosen), false) = (&wanted.build, chosen, builds.is_empty()) {
        tell(Problem::WindowsBuildNotAsked { builds, chosen: chosen.to_string() });
    }
    Ok(Some(best))
}

/// Returns the problem of an index that has no manifest for this platform.
fn nothing(wanted: &Platform, index: &Manifest, entries: &[Descriptor]) -> NoFact {
    let offered = offered(entries);
    // Tools put entries that are not meant to run beside images. This index has no image.
    if offered.is_empty() && !entries.is_empty() {
        let attests = entries.iter().any(Descriptor::attests);
        let what = if attests { ArtifactKind::Attestation } else { ArtifactKind::Artifact };
        let media_type = format!("{}: unknown/unknown", index.media_type);
        return Problem::NotAnImage { what, media_type }.into();
    }
    let builds = builds(wanted, entries);
    let wanted_name = wanted.to_string();
    if wanted.build.is_some() && !builds.is_empty() {
        return Problem::PlatformWindowsBuild { wanted: wanted_name, builds }.into();
    }
    let build = Build::of([offered.clone(), vec![wanted_name.clone()]].concat());
    Problem::PlatformNoMatch { wanted: wanted_name, offered, build }.into()
}

/// Returns the Windows builds that the index has for the processor that is needed.
fn builds(wanted: &Platform, entries: &[Descriptor]) -> Vec<String> {
    let any_build = Platform { build: None, ..wanted.clone() };
    let windows = entries.iter().filter_map(Descriptor::platform);
    let windows = windows.filter(|found| any_build.rank(found).is_some_and(|fit| !fit.lesser));
    windows.filter_map(|found| found.build).collect()
}

/// Returns all platforms of an index.
fn offered(entries: &[Descriptor]) -> Vec<String> {
    let platforms = entries.iter().filter_map(Descriptor::platform);
    platforms.filter(|found| found.os != "unknown").map(|found| found.to_string()).collect()
}
