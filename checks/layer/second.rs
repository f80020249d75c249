//! Reads what else containerd fetches for the platform: the index's other manifests for it.

use super::{Blobs, compare};
use crate::{
    kit::StepResult,
    manifest::{Blob, PlatformImage, Second},
};

impl Blobs<'_> {
    /// Reads the configs of the other manifests, and with `--full` their layers.
    pub(super) async fn seconds(&self, content: &PlatformImage) -> StepResult<()> {
        for second in &content.also {
            let read = Box::pin(self.second(content, second)).await;
            read.map_err(|no_fact| PlatformImage::of_second(self.cx, no_fact))?;
        }
        Ok(())
    }

    async fn second(&self, content: &PlatformImage, second: &Second) -> StepResult<()> {
        let config = self.config(&second.config, None).await?;
        let mut diff_ids = second.diff_ids(&config, &self.cx.target.platform)?;
        // Along one config the layers of one manifest are unpacked.
        if content.config.as_ref().is_some_and(|first| first.digest == second.config.digest) {
            diff_ids.clear();
        }
        let is_read = |layer: &&Blob| {
            diff_ids.is_empty() && content.blobs.iter().any(|b| b.digest == layer.digest)
        };
        let layers = second.layers.iter().filter(|_| self.cx.target.full);
        for (place, layer) in layers.enumerate().filter(|(_, layer)| !is_read(layer)) {
            let taken = self.take(layer, None, u64::MAX, false).await?;
            if let Some(wanted) = diff_ids.get(place).filter(|_| taken.whole) {
                compare(self.cx, layer, wanted, taken.unpacked)?;
            }
        }
        Ok(())
    }
}
