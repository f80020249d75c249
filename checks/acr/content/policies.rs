//! Policies of the registry that hide images: quarantine, and the deletion of untagged manifests.

use super::{Held, Search, Untagged, symptom::Symptom};
use crate::acr::{Problem, asked_registry::AskedRegistry};

impl Search<'_> {
    /// Looks at the policies that may hide what is missing, if nothing else is known to.
    pub(super) fn policies(&self) {
        if self.explained.get() {
            return;
        }
        let resource = &self.registry.resource;
        let is_on =
            |policy: &str| resource.is(&format!("properties.policies.{policy}.status"), "enabled");
        let asked = || AskedRegistry::of(self.cx, self.registry);
        let holds = is_on("quarantinePolicy");
        match self.symptom {
            Symptom::TagMissing(found) if holds => {
                let evidence = |name: &str| found.evidence.get(name).cloned();
                let (nearest, repaired) = (evidence("nearest"), evidence("repaired"));
                let held = Held { asked: asked(), nearest, repaired };
                self.cx.add_finding(Problem::ImageQuarantined(held));
            }
            // The tag of an image that is held is not found; its digest is disallowed (Azure/acr,
            // docs/preview/quarantine).
            Symptom::ReadDisabled if holds && self.image.is_digest() => {
                let held = Held { asked: asked(), nearest: None, repaired: None };
                self.cx.add_finding(Problem::DigestQuarantined(held));
            }
            Symptom::DigestMissing(_) if is_on("retentionPolicy") => {
                let days = resource.get("properties.policies.retentionPolicy.days");
                let days = days.and_then(serde_json::Value::as_u64);
                self.cx.add_finding(Problem::UntaggedAreDeleted(Untagged { asked: asked(), days }));
            }
            _ => {}
        }
    }
}
