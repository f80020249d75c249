//! The registry's storage limit: what does not fit cannot be pushed.

use super::{FullStorage, Search, symptom::Symptom};
use crate::{
    acr::{API, Problem, asked_registry::AskedRegistry},
    kit::{
        StepResult,
        azure::resource::{property, text},
    },
};

/// The storage limit of each tier in GiB (documentation of the service tiers, "Storage limit"). The
/// `limit` that the API shows for the size is what the price includes, beyond which pushes go on.
const LIMIT: u64 = 40 * 1024;
const PREMIUM_LIMIT: u64 = 100 * 1024;
/// How full the storage is when a push is likely to fail, in percent.
const FULL: u64 = 99;

impl Search<'_> {
    /// Looks whether the registry is full, so that a missing image could not be pushed.
    pub(super) async fn storage(&self) -> StepResult<()> {
        let (Symptom::TagMissing(_), Some(tier)) =
            (self.symptom, self.registry.resource.text("sku.name"))
        else {
            return Ok(());
        };
        let limit = if tier.eq_ignore_ascii_case("Premium") { PREMIUM_LIMIT } else { LIMIT };
        let path = format!("{}/listUsages", self.registry.id());
        let usages = self.control_plane.list(self.cx, &path, API, None).await?;
        let size = usages.iter().find(|usage| text(usage, "name") == Some("Size"));
        let bytes = size.and_then(|size| property(size, "currentValue")?.as_u64());
        let used = bytes.unwrap_or_default() >> 30;
        if used >= limit / 100 * FULL {
            let (asked, tier) = (AskedRegistry::of(self.cx, self.registry), tier.to_owned());
            self.explain(Problem::StorageFull(FullStorage { asked, used, limit, tier }));
        }
        Ok(())
    }
}
