//! Which image the template of a pod's maker names: admission may have put another one into the pod.

use std::collections::HashMap;

use futures::{StreamExt, stream};
use serde::Deserialize;

use super::objects::{Container, Meta, Pod, PodSpec};
use crate::kit::{
    Cx,
    kube::{AT_ONCE, Api, ImagePlace, Reference, WorkloadKind},
    sanitize_text,
};

/// The most makers that are read.
const MAX_READ: usize = 20;

/// What is read of a maker.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Maker {
    metadata: Meta,
    spec: MakerSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MakerSpec {
    template: Template,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    spec: PodSpec,
}

/// The templates of what made pods, by the ids of the makers.
#[derive(Debug, Default)]
pub(super) struct Templates(HashMap<String, PodSpec>);

impl Templates {
    /// Reads the templates of those that made these pods, as far as they may be read.
    pub(super) async fn read(cx: &Cx, api: &Api, pods: &[Pod]) -> Self {
        let mut makers: Vec<(&Reference, String)> = vec![];
        for pod in pods {
            let Some((owner, kind)) = maker(pod) else { continue };
            if makers.len() < MAX_READ && makers.iter().all(|(known, _)| known.uid != owner.uid) {
                makers.push((owner, kind.path(&pod.metadata.namespace)));
            }
        }
        let reading = stream::iter(makers).map(async |(owner, path)| {
            let read = api.kube.named::<Maker>(cx, &path, &owner.name).await.ok();
            // A maker of the same name that came later has not made this pod.
            read.filter(|read| read.metadata.uid == owner.uid)
        });
        let read: Vec<Option<Maker>> = reading.buffered(AT_ONCE).collect().await;
        let read = read.into_iter().flatten();
        Self(read.map(|it| (it.metadata.uid, it.spec.template.spec)).collect())
    }

    /// Returns the image that the template names for a container or volume, where the pod has another.
    pub(super) fn asked(&self, pod: &Pod, place: ImagePlace, name: &str) -> Option<String> {
        let template = self.0.get(&maker(pod)?.0.uid)?;
        let asked = image(template, place, name).filter(|asked| !asked.is_empty())?;
        let admitted = image(&pod.spec, place, name)?;
        (asked != admitted).then(|| sanitize_text(asked))
    }
}

/// Returns what made a pod, where its template is not changed in place: a rollout makes a new
/// `ReplicaSet`, and the template of a Job stays as it is.
fn maker(pod: &Pod) -> Option<(&Reference, WorkloadKind)> {
    let owner = pod.metadata.owner()?;
    let kind = WorkloadKind::read(&owner.kind)?;
    let stays = matches!(kind, WorkloadKind::ReplicaSet | WorkloadKind::Job);
    (stays && !owner.uid.is_empty()).then_some((owner, kind))
}

fn image<'s>(spec: &'s PodSpec, place: ImagePlace, name: &str) -> Option<&'s str> {
    let of = |containers: &'s [Container]| {
        containers.iter().find(|it| it.name == name).map(|it| it.image.as_str())
    };
    match place {
        ImagePlace::Container => of(&spec.containers),
        ImagePlace::InitContainer => of(&spec.init_containers),
        // A template has none.
        ImagePlace::EphemeralContainer | ImagePlace::Sandbox => None,
        ImagePlace::ImageVolume => {
            let volume = spec.volumes.iter().find(|volume| volume.name == name)?;
            volume.image.as_ref().map(|image| image.reference.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_another_image_than_that_of_the_template_is_told() {
        let pod = |image: &str, kind: &str| -> Pod {
            let owner = json!({ "kind": kind, "name": "web", "uid": "u1", "controller": true });
            let pod = json!({
                "metadata": { "name": "a", "ownerReferences": [owner] },
                "spec": { "containers": [
                    { "name": "app", "image": image }, { "name": "sidecar", "image": "c.io/s:1" },
                ] },
            });
            serde_json::from_value(pod).unwrap()
        };
        let template =
            json!({ "containers": [{ "name": "app", "image": "docker.io/team/app:1" }] });
        let template: PodSpec = serde_json::from_value(template).unwrap();
        let templates = Templates(HashMap::from([("u1".to_owned(), template)]));
        let asked = |pod: &Pod, name: &str| templates.asked(pod, ImagePlace::Container, name);
        let admitted = pod("contoso.azurecr.io/team/app:1", "ReplicaSet");
        assert_eq!(asked(&admitted, "app").as_deref(), Some("docker.io/team/app:1"));
        assert_eq!(asked(&admitted, "sidecar"), None, "a container that admission added");
        assert_eq!(asked(&pod("docker.io/team/app:1", "ReplicaSet"), "app"), None);
        // The template of a StatefulSet may be newer than the pod.
        assert_eq!(asked(&pod("contoso.azurecr.io/team/app:1", "StatefulSet"), "app"), None);
    }
}
