//! Replicas: a region that does not have the image yet, that is left out, or that failed.

use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use tokio::time::timeout;

use super::{ReplicaState, Replicas, Search, symptom::Symptom};
use crate::{
    acr::{API, Problem, asked_registry::AskedRegistry},
    kit::{
        Host, HostPurpose, StepResult,
        azure::resource::{property, text},
        target::{AcrHostKind, AcrHostName},
    },
};

/// The version of the API that shows regional endpoints: a preview.
const REGIONS_API: &str = "2026-01-01-preview";
/// The most regional endpoints that are asked.
const MAX_REGIONS: usize = 8;
/// How long one of them may take.
const REGION_WAIT: Duration = Duration::from_secs(30);

impl Search<'_> {
    /// Looks at the regions of a registry that has several.
    pub(super) async fn replicas(&self) -> StepResult<()> {
        let matters =
            self.symptom.is_missing() || matches!(self.symptom, Symptom::Failing | Symptom::None);
        if !matters || !self.registry.resource.is("sku.name", "Premium") {
            return Ok(());
        }
        let path = format!("{}/replications", self.registry.id());
        let replicas = self.control_plane.list(self.cx, &path, API, None).await?;
        if replicas.len() < 2 {
            return Ok(());
        }
        let here = self.cluster.and_then(|cluster| cluster.resource.text("location"));
        for replica in &replicas {
            let region = text(replica, "location");
            let is_near = here.zip(region).is_some_and(|(here, region)| is_same(here, region));
            let is_left_out = property(replica, "properties.regionEndpointEnabled")
                .and_then(Value::as_bool)
                == Some(false);
            if is_left_out && is_near {
                self.report(replica, Problem::ReplicaExcluded);
            }
            let state = text(replica, "properties.provisioningState").unwrap_or_default();
            // Only the region that most likely answers here can be the reason.
            if is_near && ["Failed", "Canceled"].contains(&state) {
                self.report(replica, Problem::ReplicaUnhealthy);
            }
        }
        if self.symptom.is_missing() { self.compare(&replicas).await } else { Ok(()) }
    }

    /// Reports what is wrong with a replica. It is a reason only where a symptom is there.
    fn report(&self, replica: &Value, problem: fn(ReplicaState) -> Problem) {
        let owned = |path: &str| text(replica, path).map(str::to_owned);
        let status = ["properties.status.message", "properties.status.displayStatus"];
        if let (Some(name), Some(region)) = (owned("name"), owned("location")) {
            let subscription = self.registry.id().subscription().to_owned();
            let state = owned("properties.provisioningState");
            let said = status.iter().find_map(|path| owned(path));
            let replica = ReplicaState { subscription, replica: name, region, state, said };
            self.cx.add_finding(problem(replica));
        }
    }

    /// Asks the regional endpoints, where they are enabled, which of them has the image.
    async fn compare(&self, replicas: &[Value]) -> StepResult<()> {
        let listed = replicas.iter().filter_map(|replica| text(replica, "location"));
        let regions: Vec<String> = listed.map(str::to_owned).collect();
        let found = self.control_plane.get(self.cx, self.registry.id(), REGIONS_API).await?;
        let names = found
            .as_ref()
            .map_or(&[][..], |registry| registry.list("properties.regionalEndpointHostNames"));
        let hosts = names.iter().filter_map(Value::as_str).filter_map(|name| self.endpoint(name));
        let hosts: Vec<(String, Host)> = hosts.take(MAX_REGIONS).collect();
        let asking = hosts.iter().map(|(_, host)| async {
            match &*self.pull.session {
                Ok(session) => {
                    let answer = timeout(REGION_WAIT, session.has_manifest_at(self.cx, host)).await;
                    answer.ok().flatten()
                }
                Err(_) => None,
            }
        });
        let answers = join_all(asking).await;
        let those = |wanted: bool| -> Vec<String> {
            let regions = hosts.iter().zip(&answers);
            let those = regions.filter(|(_, answer)| **answer == Some(wanted));
            those.map(|((region, _), _)| region.clone()).collect()
        };
        let (present, absent) = (those(true), those(false));
        let is_complete = absent.len() == hosts.len() && hosts.len() >= regions.len();
        let asked = AskedRegistry::of(self.cx, self.registry);
        let is_elsewhere = !present.is_empty();
        let replicas = Replicas { asked, present, absent, regions };
        if is_elsewhere {
            self.explain(Problem::GeoReplicaLag(replicas));
        } else if !is_complete {
            self.cx.add_finding(Problem::GeoReplicasNotCompared(replicas));
        }
        Ok(())
    }

    /// Returns the region and the host of a regional endpoint: only a host of this registry is sent
    /// its credentials.
    fn endpoint(&self, name: &str) -> Option<(String, Host)> {
        let name = name.to_ascii_lowercase();
        let read = AcrHostName::read(&name)?;
        let is_ours = read.kind == AcrHostKind::RegionalEndpoint
            && read.login_server().eq_ignore_ascii_case(self.registry.login_server());
        let region = read.region.filter(|_| is_ours)?.to_owned();
        let purpose = HostPurpose::Registry;
        Some((region, Host::secure(name, 443, purpose)))
    }
}

/// Returns whether two names are of one region: `East US` is `eastus`.
fn is_same(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.replace(' ', "").to_ascii_lowercase();
    plain(one) == plain(other)
}
