//! Selects the manifest of an index that fits this platform best.

use std::collections::VecDeque;

use super::{
    blob::elsewhere,
    descriptor::Descriptor,
    document::{Document, Manifest},
    fetch::{self, Known, get, of_bytes},
    kind,
    problem::{Build, Problem},
    words::{ArtifactKind, Flaw},
};
use crate::{
    kit::{
        Cx, Image, NoFact, StepResult,
        engine::Finding,
        rules::{Fit, Platform, Puller, is_storable, since},
    },
    token::{Answer, Session, WantedBlob},
};

/// The entry of an index that fits a platform best.
#[derive(Debug)]
pub struct Entry {
    content: Content,
    platform: String,
    is_unnamed: bool,
    /// How to rebuild the image for all platforms of the index.
    build: Build,
    /// The others that fit as well: containerd's transfer service fetches them all.
    also: Vec<Content>,
}

/// The manifest of an entry.
#[derive(Debug)]
struct Content {
    digest: String,
    media_type: String,
    size: i64,
    /// Where it is also served.
    urls: Vec<String>,
    data: Option<Vec<u8>>,
}

impl Content {
    fn of(entry: &Descriptor) -> Self {
        Self {
            digest: entry.digest.clone(),
            media_type: entry.media_type.clone(),
            size: entry.size,
            urls: entry.urls.clone().unwrap_or_default(),
            data: entry.data(),
        }
    }

    /// Fetches it from where containerd gets it; `None` where it is not there.
    async fn fetch(
        &self,
        cx: &Cx,
        session: &Session,
        image: &Image,
    ) -> StepResult<Option<Manifest>> {
        let Self { digest, media_type, size, urls, data } = self;
        if let Some(bytes) = data {
            return of_bytes(digest, media_type, bytes).map(Some);
        }
        let size = usize::try_from(*size).unwrap_or(0);
        let known = Known { media_type: Some(media_type), size: Some(size), is_typed: false };
        let wanted = WantedBlob { digest, media_type, from: 0 };
        let manifest = match elsewhere(cx, session, urls, wanted).await? {
            Some(reply) => fetch::read(cx, session, digest, reply, known).await?,
            None => match get(cx, session, image, digest, known).await? {
                Answer::Found(manifest) => manifest,
                Answer::Missing(_) => return Ok(None),
            },
        };
        if size != manifest.size {
            return Err(kind::broken(&manifest.media_type, Flaw::SizeMismatch));
        }
        Ok(Some(manifest))
    }
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
/// How many other manifests for the platform are fetched. containerd sets no limit.
const MAX_ALSO: usize = 16;

/// Selects an entry of an index, and fetches its manifest. An entry may be an index again, which
/// containerd follows in the same way (core/images/handlers.go, `LimitManifests`).
pub(super) async fn child(cx: &Cx, session: &Session, index: &Manifest) -> StepResult<Child> {
    let Some(image) = session.image() else {
        return Err(NoFact::skipped(Problem::NoImageAsked {}));
    };
    let (mut inner, mut named, mut others, mut asked) = (None, String::new(), vec![], 0);
    for _ in 0..MAX_DEPTH {
        let tell = |problem| cx.add_finding(problem);
        let index = inner.as_ref().unwrap_or(index);
        let Entry { content, platform, is_unnamed, build, also } =
            entry(index, &cx.target.platform, cx.containerd(), tell)?;
        let fetch = async |content: &Content| {
            let fetched = content.fetch(cx, session, image).await?;
            let digest = content.digest.clone();
            fetched.ok_or_else(|| gone(image, digest, platform.clone(), build.clone()))
        };
        let mut also = VecDeque::from(also);
        while let Some(other) = also.pop_front() {
            if asked == MAX_ALSO {
                go_on_without(cx, kind::too_much(&index.media_type))?;
                break;
            }
            asked += 1;
            match fetch(&other).await {
                Ok(manifest) => match &manifest.document {
                    // Of a further index containerd fetches what it has for the platform, if anything.
                    Document::Index(Ok(_)) => {
                        match found(&manifest, &cx.target.platform, cx.containerd(), |_| {}) {
                            Ok(Some(inner)) => {
                                also.extend(inner.also.into_iter().chain([inner.content]));
                            }
                            Ok(None) => {}
                            // containerd fetches entries of any type.
                            Err(no_fact) => leave_open(cx, no_fact)?,
                        }
                    }
                    _ => others.push(manifest),
                },
                // Which of two that name the same content is fetched first is not known.
                Err(no_fact) if other.digest == content.digest => leave_open(cx, no_fact)?,
                Err(no_fact) => go_on_without(cx, no_fact)?,
            }
        }
        let manifest = fetch(&content).await?;
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

/// Goes on without another manifest for the platform, which containerd may not need.
fn leave_open(cx: &Cx, no_fact: NoFact) -> StepResult<()> {
    match no_fact {
        NoFact::Failed(Finding { code: found, .. }) => {
            cx.add_finding(Problem::SecondManifest { found });
            Ok(())
        }
        no_fact => go_on_without(cx, no_fact),
    }
}

/// Goes on without another manifest for the platform where it is not known what that means.
pub(super) fn go_on_without(cx: &Cx, no_fact: NoFact) -> StepResult<()> {
    match of_second(cx, no_fact) {
        NoFact::CouldNotTell(why) => {
            cx.add_finding(why);
            Ok(())
        }
        no_fact => Err(no_fact),
    }
}

/// Returns what it means that another manifest for the platform, or a blob of it, is not there: nothing
/// certain, unless it is known that containerd fetches it.
pub(super) fn of_second(cx: &Cx, no_fact: NoFact) -> NoFact {
    match no_fact {
        NoFact::Failed(finding) if cx.containerd().transfers().is_none() => {
            NoFact::could_not_tell(Problem::SecondManifest { found: finding.code })
        }
        no_fact => no_fact,
    }
}

fn gone(image: &Image, digest: String, platform: String, build: Build) -> NoFact {
    let repository = image.repository.clone();
    Problem::ChildManifestGone { repository, digest, platform, build }.into()
}

/// Selects the entry that fits best, and reports what some container runtimes would not accept.
/// Public so that it can be fuzzed.
pub fn entry(
    index: &Manifest,
    wanted: &Platform,
    containerd: Puller,
    tell: impl Fn(Problem),
) -> StepResult<Entry> {
    let found = found(index, wanted, containerd, tell)?;
    found.map_or_else(|| Err(nothing(wanted, index, containerd)), Ok)
}

/// Selects the entry that fits best; `None` where none fits.
fn found(
    index: &Manifest,
    wanted: &Platform,
    containerd: Puller,
    tell: impl Fn(Problem),
) -> StepResult<Option<Entry>> {
    let all = entries(index)?;
    let mut without = all.clone();
    // Windows images name features that no version looks at.
    without.retain(|entry| wanted.os == "windows" || !entry.has_features());
    let asking = Asking { index, wanted, containerd, tell: &tell };
    let compares = match containerd.is_at_least(since::COMPARES_FEATURES) {
        _ if all.len() == without.len() => false,
        Some(compares) => compares,
        None => return asking.of_either(&all, &without),
    };
    asking.select(if compares { &without } else { &all })
}

fn entries(index: &Manifest) -> StepResult<Vec<&Descriptor>> {
    match &index.document {
        Document::Index(Ok(index)) => Ok(index.manifests.iter().collect()),
        Document::Index(Err(error)) => Err(kind::broken(&index.media_type, error)),
        _ => Err(kind::broken(&index.media_type, Flaw::WrongType)),
    }
}

/// The question which entry of an index that containerd fetches.
struct Asking<'a> {
    index: &'a Manifest,
    wanted: &'a Platform,
    containerd: Puller,
    tell: &'a dyn Fn(Problem),
}

impl Asking<'_> {
    /// Selects what older versions take from all entries, and newer ones from those without
    /// features, if that is the same.
    fn of_either(&self, all: &[&Descriptor], without: &[&Descriptor]) -> StepResult<Option<Entry>> {
        let features = all.iter().find(|entry| entry.has_features());
        let digest = features.map(|entry| entry.digest.clone()).unwrap_or_default();
        let differs = Problem::OsFeatures { digest };
        match (self.select(all), self.select(without)) {
            (Ok(Some(older)), Ok(Some(newer))) if older.is_same(&newer) => Ok(Some(older)),
            (Ok(Some(_)), Ok(Some(_))) => Err(NoFact::could_not_tell(differs)),
            // Some versions fail here. If the pull fails for the others as well, that is certain.
            (Ok(Some(entry)), Ok(None) | Err(NoFact::Failed(_)))
            | (Ok(None) | Err(NoFact::Failed(_)), Ok(Some(entry))) => {
                (self.tell)(differs);
                Ok(Some(entry))
            }
            (Ok(None), Ok(None)) => Ok(None),
            (Ok(_) | Err(NoFact::Failed(_)), Err(no_fact)) | (Err(no_fact), _) => Err(no_fact),
        }
    }

    fn select(&self, entries: &[&Descriptor]) -> StepResult<Option<Entry>> {
        let Asking { index, wanted, containerd, tell } = *self;
        let Some(best) = self.choose(entries)? else { return Ok(None) };
        if kind::of(&best.media_type).is_none() {
            return Err(kind::broken(&best.media_type, Flaw::WrongType));
        }
        match is_storable(&best.digest, containerd) {
            Some(true) => {}
            Some(false) => return Err(kind::broken(&index.media_type, Flaw::DigestNotSha256)),
            None => tell(Problem::DigestBySha512 { digest: best.digest.clone() }),
        }
        // The CRI of containerd takes the size of the image from the first manifest whose platform is
        // named (core/images/usage), which it did not fetch.
        let is_named =
            |entry: &&Descriptor| entry.platform().is_some() && entry.digest != best.digest;
        if best.platform().is_none() && entries.iter().any(is_named) {
            return Err(kind::broken(&index.media_type, Flaw::PlatformUnnamed));
        }
        let is_equal = |entry: &&&Descriptor| {
            let platform = entry.platform();
            let fits = platform.is_none_or(|own| wanted.rank(&own).is_some_and(|fit| !fit.lesser));
            fits && !entry.is_same_content(best)
        };
        // Of Windows images it takes the one for the right build.
        let is_one = wanted.os == "windows" || containerd.transfers() == Some(false);
        let mut also: Vec<&Descriptor> = vec![];
        for entry in entries.iter().filter(is_equal).filter(|_| !is_one) {
            // Beyond what is fetched it does not matter which they are.
            if also.len() <= MAX_ALSO && !also.iter().any(|known| known.is_same_content(entry)) {
                also.push(entry);
            }
        }
        Ok(Some(Entry {
            also: also.into_iter().map(Content::of).collect(),
            content: Content::of(best),
            is_unnamed: best.platform().is_none(),
            platform: best.platform().map_or_else(|| wanted.to_string(), |found| found.to_string()),
            build: Build::of(offered(entries)),
        }))
    }

    fn choose<'a>(&self, entries: &[&'a Descriptor]) -> StepResult<Option<&'a Descriptor>> {
        let Asking { wanted, containerd, tell, .. } = *self;
        let is_processor = wanted.os != "windows";
        let is_exact = containerd.transfers().filter(|_| is_processor);
        // An entry that names no platform fits worst.
        let fits = entries.iter().filter_map(|entry| match entry.platform() {
            Some(platform) => Some(((false, Some(wanted.rank(&platform)?)), *entry)),
            None => Some(((true, None::<Fit>), *entry)),
        });
        let is_taken =
            |fit: &Option<Fit>| !fit.is_some_and(|fit| fit.lesser) || is_exact != Some(true);
        let fits = fits.filter(|((_, fit), _)| is_taken(fit));
        let Some(((_, fit), best)) = fits.min_by_key(|(order, _)| *order) else { return Ok(None) };
        let chosen = best.platform();
        if let (Some(Fit { lesser: true, .. }), Some(chosen)) = (fit, &chosen) {
            let (asked, chosen) = (wanted.to_string(), chosen.to_string());
            let build = Build::of([vec![asked.clone()], offered(entries)].concat());
            let lesser = Problem::LesserPlatform { wanted: asked, chosen, build };
            if is_processor && is_exact.is_none() {
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
}

impl Entry {
    /// Returns whether the same is fetched.
    fn is_same(&self, other: &Self) -> bool {
        let also = |entry: &Self| -> Vec<String> {
            entry.also.iter().map(|also| also.digest.clone()).collect()
        };
        self.content.digest == other.content.digest && also(self) == also(other)
    }
}

/// Returns the problem of an index that has no manifest for this platform.
fn nothing(wanted: &Platform, index: &Manifest, containerd: Puller) -> NoFact {
    let mut entries = entries(index).unwrap_or_default();
    if wanted.os != "windows" && containerd.is_at_least(since::COMPARES_FEATURES) == Some(true) {
        entries.retain(|entry| !entry.has_features());
    }
    let entries = &entries;
    let offered = offered(entries);
    // Tools put entries that are not meant to run beside images. This index has no image.
    if offered.is_empty() && !entries.is_empty() {
        let attests = entries.iter().any(|entry| entry.attests());
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
fn builds(wanted: &Platform, entries: &[&Descriptor]) -> Vec<String> {
    let any_build = Platform { build: None, ..wanted.clone() };
    let windows = entries.iter().filter_map(|entry| entry.platform());
    let windows = windows.filter(|found| any_build.rank(found).is_some_and(|fit| !fit.lesser));
    windows.filter_map(|found| found.build).collect()
}

/// Returns all platforms of an index.
fn offered(entries: &[&Descriptor]) -> Vec<String> {
    let platforms = entries.iter().filter_map(|entry| entry.platform());
    platforms.filter(|found| found.os != "unknown").map(|found| found.to_string()).collect()
}
