//! Policies of the registry that hide images: quarantine, and the deletion of untagged manifests.

use super::{Held, Search, Untagged, symptom::Symptom};
use crate::acr::{Problem, place::Place};

impl Search<'_> {
    /// Looks at the policies that hide what is missing.
    pub(super) fn policies(&self) {
        let resource = &self.registry.resource;
        let is_on =
            |policy: &str| resource.is(&format!("properties.policies.{policy}.status"), "enabled");
        let place = || Place::of(self.registry);
        if is_on("quarantinePolicy") {
            match self.symptom {
                Symptom::TagMissing(found) => {
                    let evidence = |name: &str| found.evidence.get(name).cloned();
                    let (nearest, repaired) = (evidence("nearest"), evidence("repaired"));
                    self.explain(Problem::ImageQuarantined(Held {
                        place: place(),
                        nearest,
                        repaired,
                    }));
                }
                // A tag of a held image is not found; reading it by digest is disallowed
                // (Azure/acr, docs/preview/quarantine).
                Symptom::ReadDisabled if self.image.is_digest() => {
                    let (nearest, repaired) = (None, None);
                    self.explain(Problem::DigestQuarantined(Held {
                        place: place(),
                        nearest,
                        repaired,
                    }));
                }
                _ => {}
            }
        }
        if is_on("retentionPolicy") && matches!(self.symptom, Symptom::DigestMissing(_)) {
            let days = resource.get("properties.policies.retentionPolicy.days");
            let days = days.and_then(serde_json::Value::as_u64);
            self.cx.add_finding(Problem::UntaggedAreDeleted(Untagged { place: place(), days }));
        }
    }
}
