//! What a manifest names for a platform: a config and layers, each of which a container runtime can
//! store.

use std::collections::HashMap;

use super::{
    blob::{Blob, Layer},
    descriptor::Descriptor,
    document::{Document, Manifest},
    kind,
    problem::Problem,
    words::Flaw,
};
use crate::kit::{
    NoFact, StepResult,
    rules::{Platform, Puller, is_storable},
};

/// The parts of a manifest.
pub(super) struct Parts<'a> {
    pub(super) config: &'a Descriptor,
    pub(super) layers: Vec<&'a Descriptor>,
}

impl<'a> Parts<'a> {
    /// Returns the parts for a platform. A container runtime leaves out what names another one, and
    /// cannot do without the config.
    pub(super) fn of(
        manifest: &'a Manifest,
        wanted: &Platform,
        containerd: Puller,
        tell: impl Fn(Problem),
    ) -> StepResult<Self> {
        let broken = |flaw: Flaw| kind::broken(&manifest.media_type, flaw);
        let image = match &manifest.document {
            Document::Image(Ok(image)) => image,
            Document::Image(Err(error)) => return Err(kind::broken(&manifest.media_type, error)),
            Document::Index(_) | Document::Schema1(_) => return Err(broken(Flaw::WrongType)),
        };
        let is_for = |descriptor: &Descriptor| {
            let platform = descriptor.platform();
            platform.is_none_or(|own| wanted.rank(&own).is_some_and(|fit| !fit.lesser))
        };
        if !is_for(&image.config) {
            return Err(broken(Flaw::ForAnotherPlatform));
        }
        let layers: Vec<_> = image.layers.iter().filter(|layer| is_for(layer)).collect();
        if is_ambiguous(&image.config, &layers) {
            let (media_type, said) =
                (manifest.media_type.clone(), Flaw::NamedInTwoWays.to_string());
            return Err(NoFact::could_not_tell(Problem::NotAManifest { media_type, said }));
        }
        let mut newer = None;
        for descriptor in layers.iter().copied().chain([&image.config]) {
            let is_stored = is_storable(&descriptor.digest, containerd);
            if is_stored.is_none() {
                newer.get_or_insert(&descriptor.digest);
            }
            // A container runtime refuses a blob without a size, and a blob with a wrong size.
            return Err(broken(match descriptor {
                Descriptor { size: ..=0, .. } => Flaw::NoSize,
                _ if is_stored == Some(false) => Flaw::DigestNotSha256,
                one if !one.fits_header() => Flaw::WrongType,
                _ => continue,
            }));
        }
        if let Some(digest) = newer.cloned() {
            tell(Problem::DigestBySha512 { digest });
        }
        // Nothing describes the layers then.
        let config_type = &image.config.media_type;
        if kind::is_layer(config_type) || kind::of(config_type).is_some() {
            return Err(broken(Flaw::WrongType));
        }
        Ok(Self { config: &image.config, layers })
    }
}

/// Returns whether the same blob has two sizes, or is the config and in the place of a layer. Then it depends
/// on which of the two containerd fetches first.
fn is_ambiguous(config: &Descriptor, layers: &[&Descriptor]) -> bool {
    let mut sizes = HashMap::from([(&config.digest, config.size)]);
    layers.iter().any(|layer| {
        let first = *sizes.entry(&layer.digest).or_insert(layer.size);
        let is_config = layer.digest == config.digest && kind::is_config(&layer.media_type);
        is_config || first != layer.size
    })
}

/// Returns layers, each with its place.
pub(super) fn in_order(layers: &[&Descriptor]) -> Vec<Blob> {
    let layers = layers
        .iter()
        .enumerate()
        .map(|(place, layer)| Blob { layer: Some(Layer { place }), ..layer.blob() });
    layers.collect()
}
