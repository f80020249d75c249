//! Which containers and image volumes of a pod wait for their image, from its status and its events.

use jiff::Timestamp;

use super::{
    objects::{Container, Pod},
    on_node::is_same,
    said::{Events, Said, quoted},
};
use crate::kit::kube::{ContainerStatus, ImagePlace, RUNNING, Waiting};

/// Why a container waits for its image, in the kubelet's words (kubernetes, pkg/kubelet/images/types.go
/// and k8s.io/cri-api, pkg/errors).
const REASONS: [&str; 7] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];
/// What a container is said to wait for while its image is pulled, and long before.
pub(super) const BEFORE: [&str; 3] = ["ContainerCreating", "PodInitializing", ""];
/// What a container is said to wait for where the kubelet gives the words of an error as the reason: it
/// cannot decode a pull secret (kubernetes 1.34, pkg/kubelet/images, `EnsureImageExists`).
const UNTYPED: &str = "Failed";
/// The word for a pull that has begun and not ended.
pub(super) const PULLING: &str = "Pulling";

/// One image that one pod waits for.
#[derive(Debug, PartialEq)]
pub(super) struct Symptom<'a> {
    pub(super) pod: &'a str,
    pub(super) place: ImagePlace,
    pub(super) container: &'a str,
    pub(super) image: &'a str,
    pub(super) policy: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: String,
    /// In how many seconds at most the kubelet tries again, where an event tells when it last failed.
    pub(super) retried_in: Option<i64>,
    /// For how many seconds it has been pulled.
    pub(super) pulling_for: Option<i64>,
    /// Whether only one of several images fails, and nothing tells which.
    pub(super) one_of_several: bool,
}

/// Returns whether events may say more of a pod: it waits for something.
pub(super) fn waits(pod: &Pod) -> bool {
    let status = &pod.status;
    let gone = pod.metadata.deletion_timestamp.is_some()
        || ["Succeeded", "Failed"].contains(&status.phase.as_str());
    let lists = [
        &status.container_statuses,
        &status.init_container_statuses,
        &status.ephemeral_container_statuses,
    ];
    !gone
        && !pod.spec.node_name.is_empty()
        && lists.into_iter().flatten().any(|status| {
            let waiting = status.state.waiting.as_ref();
            waiting.is_some_and(|it| {
                let reason = it.reason.as_str();
                REASONS.contains(&reason) || BEFORE.contains(&reason) || is_untyped(reason)
            })
        })
}

/// Returns the images of a pod that runs: what it would need on another node.
pub(super) fn running(pod: &Pod) -> Vec<Symptom<'_>> {
    let spec = &pod.spec;
    let is_one = pod.status.phase == RUNNING && pod.metadata.deletion_timestamp.is_none();
    if !is_one || spec.node_name.is_empty() {
        return vec![];
    }
    let symptom = |place, container, image, policy| Symptom {
        pod: &pod.metadata.name,
        place,
        container,
        image,
        policy,
        reason: RUNNING,
        message: String::new(),
        retried_in: None,
        pulling_for: None,
        one_of_several: false,
    };
    let lists = [
        (ImagePlace::Container, &spec.containers),
        (ImagePlace::InitContainer, &spec.init_containers),
    ];
    let of_containers = lists.into_iter().flat_map(|(place, list)| {
        list.iter().map(move |it| symptom(place, &it.name, &it.image, &it.image_pull_policy))
    });
    let of_volumes = spec.volumes.iter().filter_map(|volume| {
        let source = volume.image.as_ref()?;
        let (image, policy) = (&source.reference, &source.pull_policy);
        Some(symptom(ImagePlace::ImageVolume, &volume.name, image, policy))
    });
    of_containers.chain(of_volumes).filter(|it| !it.image.is_empty()).collect()
}

/// Returns the images that a pod waits for.
pub(super) fn of<'a>(pod: &'a Pod, events: &'a Events, now: Timestamp) -> Vec<Symptom<'a>> {
    use ImagePlace::{Container as C, EphemeralContainer, InitContainer};
    let (spec, status) = (&pod.spec, &pod.status);
    let lists = [
        (C, &spec.containers, &status.container_statuses),
        (InitContainer, &spec.init_containers, &status.init_container_statuses),
        (EphemeralContainer, &spec.ephemeral_containers, &status.ephemeral_container_statuses),
    ];
    let mut found: Vec<Symptom<'a>> = vec![];
    for (place, containers, statuses) in lists {
        for container in containers {
            let waiting = waiting(statuses, &container.name);
            let Some(waiting) = waiting else { continue };
            found.extend(of_container(pod, (place, container), waiting, (events, now)));
        }
    }
    if found.is_empty() {
        found.extend(of_sandbox(pod, events, now));
    }
    // A volume holds up every container that mounts it.
    let mut seen: Vec<(ImagePlace, &str)> = vec![];
    found.retain(|one| {
        let is_new = !seen.contains(&(one.place, one.container));
        seen.push((one.place, one.container));
        is_new
    });
    found
}

/// Returns the image that a pod's sandbox waits for: none of its containers has come so far.
fn of_sandbox<'a>(pod: &'a Pod, events: &'a Events, now: Timestamp) -> Option<Symptom<'a>> {
    let (image, said) = events.of_sandbox(pod)?;
    Some(Symptom {
        pod: &pod.metadata.name,
        place: ImagePlace::Sandbox,
        container: "",
        image,
        policy: "",
        reason: REASONS[0],
        message: said.failed.as_ref().map(|(_, message)| message.clone()).unwrap_or_default(),
        retried_in: said.retried_in(now),
        pulling_for: None,
        one_of_several: false,
    })
}

/// Returns whether a reason is no word of the kubelet's but the text of an error.
fn is_untyped(reason: &str) -> bool {
    reason.contains(' ')
}

fn waiting<'a>(statuses: &'a [ContainerStatus], name: &str) -> Option<&'a Waiting> {
    statuses.iter().find(|status| status.name == name)?.state.waiting.as_ref()
}

fn of_container<'a>(
    pod: &'a Pod,
    (place, container): (ImagePlace, &'a Container),
    waiting: &'a Waiting,
    (events, now): (&Events, Timestamp),
) -> Vec<Symptom<'a>> {
    let of_container = Symptom {
        pod: &pod.metadata.name,
        place,
        container: &container.name,
        image: &container.image,
        policy: &container.image_pull_policy,
        reason: &waiting.reason,
        message: waiting.message.clone(),
        retried_in: None,
        pulling_for: None,
        one_of_several: false,
    };
    let volumes =
        pod.spec.volumes.iter().filter_map(|volume| Some((volume, volume.image.as_ref()?)));
    let of_volume = volumes.map(|(volume, source)| Symptom {
        pod: &pod.metadata.name,
        place: ImagePlace::ImageVolume,
        container: &volume.name,
        image: &source.reference,
        policy: &source.pull_policy,
        reason: &waiting.reason,
        message: waiting.message.clone(),
        retried_in: None,
        pulling_for: None,
        one_of_several: false,
    });
    let is_untyped = is_untyped(&waiting.reason);
    if REASONS.contains(&waiting.reason.as_str()) || is_untyped {
        // The kubelet puts the failure of a volume's image into the status of each container that
        // mounts it (kubernetes, pkg/kubelet/kuberuntime, toKubeContainerImageVolumes).
        // The runtime's own words have the whole name of an image.
        let chosen = match quoted(&waiting.message) {
            Some(named) if is_same(named, &container.image) => vec![of_container],
            Some(named) => {
                let volume = of_volume.into_iter().find(|one| is_same(one.image, named));
                vec![volume.unwrap_or(of_container)]
            }
            // Other runtimes name no image in their words. An event does; where there is none, it may be
            // any of them.
            None => {
                let all: Vec<Symptom<'a>> = [of_container].into_iter().chain(of_volume).collect();
                let failed = |one: &Symptom<'_>| {
                    events.of(pod, one.image).is_some_and(|said| said.failed.is_some())
                };
                let any = all.iter().any(failed);
                all.into_iter().filter(|one| !any || failed(one)).collect()
            }
        };
        let one_of_several = chosen.len() > 1;
        let told = chosen.into_iter().map(|symptom| {
            let said = events.of(pod, symptom.image);
            Symptom {
                one_of_several,
                reason: if is_untyped { UNTYPED } else { symptom.reason },
                message: fuller(symptom.message, said),
                retried_in: said.and_then(|said| said.retried_in(now)),
                ..symptom
            }
        });
        return told.collect();
    }
    if !BEFORE.contains(&waiting.reason.as_str()) {
        return vec![];
    }
    let hanging = [of_container].into_iter().chain(of_volume).filter_map(|one| {
        let pulling_for = Some(events.of(pod, one.image)?.hangs(now)?);
        Some(Symptom { reason: PULLING, message: String::new(), pulling_for, ..one })
    });
    hanging.collect()
}

/// Returns the message that says more: that of the status has the error behind the back-off on recent
/// kubelets only; older ones say it in an event, which expires after an hour.
fn fuller(status: String, said: Option<&Said>) -> String {
    let is_bare = status.is_empty()
        || (status.starts_with("Back-off pulling image") && !status.contains("\": "));
    let failed = said.and_then(|said| said.failed.as_ref());
    match failed {
        Some((_, message)) if is_bare => message.clone(),
        // That it waits is known already.
        _ if is_bare => String::new(),
        _ => status,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-11-29T01:00:00Z";

    fn pod(spec: &Value, status: &Value) -> Pod {
        let pod = json!({
            "metadata": { "name": "web-1", "namespace": "shop", "uid": "u1" },
            "spec": spec, "status": status,
        });
        serde_json::from_value(pod).unwrap()
    }

    fn events(list: &[(&str, &str, &str)]) -> Events {
        let mut events = Events::default();
        for (reason, message, at) in list {
            let event = json!({
                "involvedObject": { "kind": "Pod", "uid": "u1" }, "reason": reason,
                "message": message, "lastTimestamp": at,
            });
            events.take(&serde_json::from_value(event).unwrap());
        }
        events
    }

    fn waits_for(reason: &str, message: &str) -> Value {
        json!({ "phase": "Pending", "containerStatuses": [
            { "name": "app", "state": { "waiting": { "reason": reason, "message": message } } },
        ] })
    }

    fn spec() -> Value {
        json!({
            "nodeName": "n1", "containers": [{ "name": "app", "image": "c.io/a:1" }],
            "volumes": [{ "name": "model", "image": { "reference": "c.io/model:2" } }, { "name": "tmp" }],
        })
    }

    #[test]
    fn a_status_without_the_error_takes_it_from_the_event() {
        let pod =
            pod(&spec(), &waits_for("ImagePullBackOff", "Back-off pulling image \"c.io/a:1\""));
        let failed = "Failed to pull image \"c.io/a:1\": not found";
        let told = events(&[("Failed", failed, NOW), ("Failed", "Error: ErrImagePull", NOW)]);
        let now = NOW.parse().unwrap();
        assert_eq!(of(&pod, &told, now)[0].message, failed);
        let none = Events::default();
        assert_eq!(of(&pod, &none, now)[0].message, "");
    }

    #[test]
    fn a_status_with_the_error_keeps_it() {
        let said = "Back-off pulling image \"c.io/a:1\": ErrImagePull: new";
        let pod = pod(&spec(), &waits_for("ImagePullBackOff", said));
        let told = events(&[("Failed", "Failed to pull image \"c.io/a:1\": old", NOW)]);
        assert_eq!(of(&pod, &told, NOW.parse().unwrap())[0].message, said);
    }

    #[test]
    fn the_text_of_an_error_is_no_reason_and_still_one_to_look() {
        let text = "unable to parse auth field, must be formatted as base64(username:password)";
        let pod = pod(&spec(), &waits_for(text, text));
        assert!(waits(&pod));
        let none = Events::default();
        let found = of(&pod, &none, NOW.parse().unwrap());
        assert_eq!((found[0].reason, &*found[0].message), (UNTYPED, text));
        assert!(!waits(&self::pod(&spec(), &waits_for("CrashLoopBackOff", "back-off 5m0s"))));
    }

    #[test]
    fn a_volume_is_told_from_the_container_that_mounts_it() {
        let said = "Back-off pulling image \"c.io/model:2\": ErrImagePull: no";
        let pod = pod(&spec(), &waits_for("ImagePullBackOff", said));
        let none = Events::default();
        let found = of(&pod, &none, NOW.parse().unwrap());
        assert_eq!((found[0].place, found[0].container), (ImagePlace::ImageVolume, "model"));
        assert_eq!(found[0].image, "c.io/model:2");
    }

    #[test]
    fn a_volume_is_known_by_its_image_s_whole_name() {
        let mut spec = spec();
        spec["volumes"][0]["image"]["reference"] = "model".into();
        for (named, place) in [("model", ImagePlace::ImageVolume), ("app", ImagePlace::Container)] {
            spec["containers"][0]["image"] = "app".into();
            let said = format!(
                "failed to pull and unpack image \"docker.io/library/{named}:latest\": not found"
            );
            let pod = pod(&spec, &waits_for("ErrImagePull", &said));
            let none = Events::default();
            let found = of(&pod, &none, NOW.parse().unwrap());
            assert_eq!((found[0].place, found[0].image), (place, named));
        }
    }

    #[test]
    fn a_pull_that_has_not_ended_hangs_after_a_while() {
        let pod = pod(&spec(), &waits_for("ContainerCreating", ""));
        let pulling = "Pulling image \"c.io/a:1\"";
        let count = |list: &[(&str, &str, &str)]| {
            let events = events(list);
            of(&pod, &events, NOW.parse().unwrap()).iter().filter(|s| s.reason == PULLING).count()
        };
        assert_eq!(count(&[("Pulling", pulling, "2026-11-29T00:50:00Z")]), 1);
        assert_eq!(count(&[("Pulling", pulling, "2026-11-29T00:59:30Z")]), 0);
        let pulled = ("Pulled", "Successfully pulled image \"c.io/a:1\" in 1s", NOW);
        assert_eq!(count(&[("Pulling", pulling, "2026-11-29T00:50:00Z"), pulled]), 0);
    }

    #[test]
    fn the_image_of_a_sandbox_is_waited_for_until_a_container_s_is() {
        let pod = pod(&spec(), &waits_for("ContainerCreating", ""));
        let sandbox = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox image \"m.io/pause:3.6\": failed to pull image \"m.io/pause:3.6\": i/o timeout";
        let failed = ("FailedCreatePodSandBox", sandbox, "2026-11-29T00:59:00Z");
        let list = events(&[failed]);
        let found = of(&pod, &list, NOW.parse().unwrap());
        assert_eq!((found[0].place, found[0].image), (ImagePlace::Sandbox, "m.io/pause:3.6"));
        let list = events(&[failed, ("Pulling", "Pulling image \"c.io/a:1\"", NOW)]);
        assert_eq!(of(&pod, &list, NOW.parse().unwrap()), []);
        let network = "Failed to create pod sandbox: failed to setup network for sandbox \"a\"";
        let list = events(&[("FailedCreatePodSandBox", network, NOW)]);
        assert_eq!(of(&pod, &list, NOW.parse().unwrap()), []);
    }

    #[test]
    fn pods_that_end_or_run_wait_for_nothing() {
        let mut pod = pod(&spec(), &waits_for("ImagePullBackOff", ""));
        assert!(waits(&pod));
        for (phase, is_waiting) in [("Succeeded", false), ("Failed", false), ("Running", true)] {
            pod.status.phase = phase.into();
            assert_eq!(waits(&pod), is_waiting, "{phase}");
        }
        pod.metadata.deletion_timestamp = Some(NOW.into());
        assert!(!waits(&pod));
    }
}
