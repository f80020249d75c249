//! Runs that begin from the pods of the lab's cluster: how they are grouped, and what is asked for.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod journeys;

use check_acr::{
    Exit, FixForm, Group, Outcome, Presentation, Run, TargetPage, TextOptions, json as document_of,
    text,
};
use checks::{
    kit::{
        engine::{Event, EventKind, Severity, Vantage},
        messages::Lang,
    },
    untrusted::{NamedImages, images_of},
};
use journeys::run_changed as run;
use lab::Lab;
use proptest::prelude::*;
use serde_json::json;

fn page(events: &[Event]) -> Presentation {
    Presentation::of(&Run::of(events), checks::messages(), Lang::En, false)
}

fn shown(page: &Presentation, verbose: u8) -> String {
    let options =
        TextOptions { verbose, quiet: false, fix_as: FixForm::Az, color: false, width: 100 };
    text(page, checks::messages(), options)
}

fn groups(page: &Presentation) -> &[Group] {
    &page.groups.as_ref().unwrap().groups
}

/// Returns how many times the cluster's API was asked for such a path.
fn requests(events: &[Event], path: &str) -> usize {
    let first = &events[0].target;
    let is_one = |event: &&Event| match &event.kind {
        EventKind::Exchanged { request, .. } => request.contains(path),
        _ => false,
    };
    let of_cluster = events.iter().filter(|it| it.from == Vantage::Kubernetes);
    of_cluster.filter(|event| event.target == *first).filter(is_one).count()
}

/// Returns how many Jobs were created.
fn jobs(lab: &Lab) -> usize {
    let objects = lab.created_in_cluster().into_iter();
    let objects = objects.map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
    // The owner of the ConfigMaps is a Job that starts nothing.
    let starts = |job: &serde_json::Value| job["spec"]["parallelism"] != 0;
    objects.filter(|object| object["kind"] == "Job" && starts(object)).count()
}

proptest! {
    /// What a list holds is counted once, and safe to print.
    #[test]
    fn any_list_of_pods_is_read(
        pods in prop::collection::vec(
            (any::<String>(), "(ErrImagePull|ImagePullBackOff|x)", "\\PC{0,40}", any::<String>(), 0..3usize),
            0..6,
        ),
        events in prop::collection::vec((0..6usize, "(Pulling|Pulled|Failed)", any::<String>()), 0..6),
    ) {
        let items = pods.iter().enumerate().map(|(number, (name, reason, image, message, place))| {
            let state = json!({ "waiting": { "reason": reason, "message": message } });
            let status = json!([{ "name": "app", "state": state }]);
            let list = ["containers", "initContainers", "ephemeralContainers"][*place];
            let statuses = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
            json!({
                "metadata": { "name": name, "namespace": name, "uid": number.to_string() },
                "spec": { "nodeName": "n", list: [{ "name": "app", "image": image }] },
                "status": { statuses[*place]: status },
            })
        });
        let list = json!({ "items": items.collect::<Vec<_>>() }).to_string();
        let said = events.iter().map(|(of, reason, message)| json!({
            "involvedObject": { "uid": of.to_string() }, "reason": reason, "message": message,
        }));
        let said = json!({ "items": said.collect::<Vec<_>>() }).to_string();
        let now = "2026-11-29T00:00:00Z".parse().unwrap();
        let images = images_of(list.as_bytes(), said.as_bytes(), now).unwrap();
        let fail = pods.iter().filter(|(_, reason, ..)| reason != "x").count();
        prop_assert_eq!(images.iter().map(|image| image.count).sum::<usize>(), fail);
        for workload in images.iter().flat_map(|image| &image.workloads) {
            for text in [&workload.namespace, &workload.workload, &workload.said, &workload.reason] {
                prop_assert!(!text.contains(char::is_control), "{}", text.escape_debug());
            }
            prop_assert!(workload.suspects.len() <= 4);
        }
        prop_assert!(images_of(message_of(&pods).as_bytes(), b"", now).is_none());
    }
}

proptest! {
    #[test]
    fn any_text_is_read_as_manifests(lines in prop::collection::vec(prop_oneof![
        Just("kind: Pod".to_owned()), Just("spec:".to_owned()), Just("  containers:".to_owned()),
        Just("  - image: c.io/a:1".to_owned()), Just("---".to_owned()), "\\PC{0,20}", any::<String>(),
    ], 0..12)) {
        let text = lines.join("\n");
        let Ok(found) = NamedImages::read(text.as_bytes()) else { return Ok(()) };
        let lines = 1..=u64::try_from(text.lines().count()).unwrap();
        prop_assert!(found.uses.iter().all(|it| !it.image.trim().is_empty()));
        let mut all = found.uses.iter().map(|it| &it.line).chain(&found.others);
        prop_assert!(all.all(|line| lines.contains(line)));
    }
}

/// Returns a text that is no list.
fn message_of(pods: &[(String, String, String, String, usize)]) -> String {
    pods.first().map_or_else(String::new, |pod| format!("x{}", pod.3))
}

#[test]
fn pods_are_grouped_by_cause() {
    let (events, lab) = run("pod-two-causes", |_| {});
    let page = page(&events);
    let groups = groups(&page);
    let codes: Vec<(&str, usize)> =
        groups.iter().map(|group| (group.told.code.as_str(), group.pods)).collect();
    // The other node reaches the address for one of the images: that is so for both.
    let wanted = [("nodes/reached-from-others", 4), ("manifest/image-tag-not-found", 4)];
    assert_eq!(codes, wanted);
    assert_eq!((page.exit, page.groups.as_ref().unwrap().waiting), (Exit::Cannot, 8));
    // One image fails for both: each node sees its own cause.
    let images: Vec<usize> = groups.iter().map(|group| group.images.len()).collect();
    assert_eq!(images, [2, 1]);
    assert_eq!(groups[1].seen_from, [Vantage::Node("aks-blue-1".to_owned())]);
    // The tag that is missing would fail what verifies the first fix: the other image does not.
    let verify = groups[0].told.fixes.iter().find_map(|fix| fix.verify.as_deref()).unwrap();
    assert!(verify.ends_with(" contoso.azurecr.io/team/app:v1"), "{verify}");
    assert_eq!((&groups[0].besides[..], &groups[1].besides[..]), (&[][..], &[0][..]));
    // One Job for each node, whatever the number of images.
    assert_eq!(jobs(&lab), 2);
    assert_eq!(lab.left_in_cluster(), Vec::<String>::new());
}

#[test]
fn every_format_holds_the_groups_and_no_secret() {
    let schema = serde_json::from_str(include_str!("../docs/report.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let (events, lab) = run("pod-two-causes", |_| {});
    let page = page(&events);
    let document = document_of(&page);
    if let Err(error) = schema.validate(&document) {
        panic!("{error} at {}", error.instance_path());
    }
    assert_eq!(document["pods"]["groups"].as_array().unwrap().len(), 2);
    let text = shown(&page, 0);
    assert!(text.contains("pods that wait for an image: 8; causes: 2 (pods -n shop)"), "{text}");
    let lines = events.iter().map(|event| serde_json::to_string(event).unwrap());
    let all = [text, shown(&page, 2), document.to_string()].into_iter().chain(lines);
    for shown in all {
        let leak = lab.secrets.iter().find(|secret| shown.contains(secret.as_str()));
        assert!(leak.is_none(), "a secret in {shown}");
    }
}

#[test]
fn a_recording_has_the_same_groups() {
    let (events, _) = run("pod-two-causes", |_| {});
    let lines = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n");
    let mut read = vec![];
    check_acr::read_recording("memory", lines.collect::<String>().as_bytes(), true, |event| {
        read.push(event);
        Ok(())
    })
    .unwrap();
    assert_eq!(shown(&page(&read), 1), shown(&page(&events), 1));
}

/// Whatever the kubelet says, what the node sees decides.
#[test]
fn the_words_alone_never_decide() {
    for said in ["401 Unauthorized", "no such host", "zonk", ""] {
        let (events, _) = run("pod-registry-unreachable", |scenario| {
            for pod in scenario.kubernetes.pods.values_mut() {
                if !pod.said.is_empty() {
                    pod.said = format!("Failed to pull image \"IMAGE\": {said}");
                }
            }
        });
        let page = page(&events);
        assert_eq!(groups(&page)[0].told.code, "tcp/private-address-unreachable", "{said}");
    }
    let (events, _) = run("pod-jobs-denied", |_| {});
    let page = page(&events);
    let group = &groups(&page)[0];
    assert_eq!((group.severity, page.exit), (Severity::CouldNotTell, Exit::CouldNotTell));
    assert_eq!(group.suspects[0], "tcp-private-endpoint-timeout");
}

/// One registry that never answers must not keep what is known of the others: it is waited for less
/// long than containerd waits, which would prove nothing either.
#[test]
fn a_registry_that_never_answers_does_not_make_the_wait() {
    let (events, lab) = run("pod-registry-never-answers", |_| {});
    let page = page(&events);
    let codes: Vec<(Severity, &str)> =
        groups(&page).iter().map(|group| (group.severity, group.told.code.as_str())).collect();
    let wanted = [
        (Severity::Error, "nodes/reached-from-others"),
        (Severity::Error, "manifest/image-tag-not-found"),
        (Severity::CouldNotTell, "registry/silent"),
    ];
    assert_eq!(codes, wanted);
    let open = &groups(&page)[2];
    assert_eq!((&*open.images[0], open.pods), ("fabrikam.example/team/app:v1", 1));
    assert_eq!(open.told.evidence["seconds"], 8);
    // Each agent is told so, and with --timeout it waits as containerd does.
    let is_told = |lab: &Lab| lab.created_in_cluster().join("\n").contains("--response-wait");
    assert!(is_told(&lab));
    let (_, lab) = run("pod-two-causes", |scenario| {
        scenario.ask.args = ["--timeout", "40s"].map(str::to_owned).into();
    });
    assert!(jobs(&lab) == 2 && !is_told(&lab));
}

/// What of the images of running pods could not be pulled today, each from one node that has it.
#[test]
fn running_images_are_tried_where_they_run() {
    let (events, lab) = run("pod-running-images", |_| {});
    let page = page(&events);
    let groups = groups(&page);
    let codes: Vec<(Severity, &str, usize)> =
        groups.iter().map(|it| (it.severity, it.told.code.as_str(), it.pods)).collect();
    assert_eq!(codes, [(Severity::Error, "manifest/image-tag-not-found", 3)]);
    assert_eq!(groups[0].images, ["contoso.azurecr.io/team/app:v9"]);
    let running = page.groups.as_ref().unwrap().running.unwrap();
    assert_eq!((running.images, running.can, page.exit), (2, 1, Exit::Cannot));
    let text = shown(&page, 0);
    assert!(text.contains("images of running pods: 2; can be pulled today: 1;"), "{text}");
    // Both run on one of the nodes, which is enough; the pods are listed once and no events.
    assert_eq!(jobs(&lab), 1);
    assert_eq!(requests(&events, "/shop/pods?&limit=500"), 1);
    assert_eq!(requests(&events, "/events?"), 0);
    let schema = serde_json::from_str(include_str!("../docs/report.schema.json")).unwrap();
    let document = document_of(&page);
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&document), "{document}");
    let (events, lab) = run("pod-running-images", |scenario| {
        scenario.ask.args.push("--here".to_owned());
        scenario.ask.sign_in = lab::SignIn::Password;
    });
    let page = self::page(&events);
    assert_eq!(lab.created_in_cluster(), Vec::<String>::new());
    let can = page.targets.iter().filter(|target| target.can == Outcome::Pull).count();
    assert_eq!(can, 1, "{}", shown(&page, 0));
}

/// What the nodes see comes after what it is about, however long the credentials take.
#[test]
fn an_image_is_announced_before_anything_is_told_of_it() {
    let (events, _) = run("pod-pullsecret-stale", |_| {});
    let first = |wanted: fn(&Event) -> bool| events.iter().position(wanted).unwrap();
    let is_announced = first(|it| {
        it.from == Vantage::Kubernetes && matches!(it.kind, EventKind::RunStarted { .. })
    });
    assert!(is_announced < first(|it| it.from.pulls()));
}

#[test]
fn nodes_beyond_the_limit_are_told_as_not_looked_at() {
    let (events, lab) = run("pod-two-causes", |scenario| {
        scenario.ask.args = ["--max-nodes", "1"].map(str::to_owned).into();
    });
    let page = page(&events);
    let open: Vec<&Group> =
        groups(&page).iter().filter(|it| it.severity == Severity::CouldNotTell).collect();
    assert_eq!((open.len(), open[0].pods), (1, 4));
    assert_eq!(page.exit, Exit::Cannot, "what one node saw is certain");
    assert_eq!(jobs(&lab), 1);
}

#[test]
fn images_beyond_the_limit_are_told_as_not_looked_at() {
    for here in [false, true] {
        let (events, _) = run("pod-cause-gone", |scenario| {
            scenario.ask.args.extend(here.then(|| "--here".to_owned()));
            let pods = &mut scenario.kubernetes.pods;
            let pod = pods.values().find(|pod| pod.waits.is_some()).unwrap().clone();
            for number in 0..45 {
                let mut pod = pod.clone();
                pod.copies = 1;
                pod.image = format!("contoso.azurecr.io/team/app:x{number}");
                pods.insert(format!("more-{number}"), pod);
            }
        });
        let page = page(&events);
        assert_eq!(page.targets.len(), 46, "every image has an answer");
        let looked = |target: &&TargetPage| target.views.iter().any(|view| view.from.pulls());
        assert_eq!(page.targets.iter().filter(looked).count(), 40);
        let not_looked = page.targets.iter().filter(|target| !looked(target));
        for target in not_looked {
            assert_eq!(target.exit, Exit::CouldNotTell);
            assert_eq!(target.could_not_tell[0].told.code, "pod/not-looked");
        }
    }
}

#[test]
fn from_here_nothing_is_created() {
    let (events, lab) = run("pod-registry-unreachable", |scenario| {
        scenario.ask.args = vec!["--here".to_owned()];
    });
    assert_eq!(lab.created_in_cluster(), Vec::<String>::new());
    let page = page(&events);
    // This machine can pull: that says nothing of the node.
    assert!(page.targets[0].views.iter().any(|it| it.from == Vantage::Here));
    assert_eq!(page.targets[0].can, Outcome::CouldNotTell);
    assert!(groups(&page).iter().all(|group| group.severity == Severity::CouldNotTell));
    // A node may ask a mirror that has the tag.
    let (events, _) = run("pod-tag-missing", |scenario| {
        scenario.ask.args = vec!["--here".to_owned()];
        scenario.ask.sign_in = lab::SignIn::Password;
    });
    let page = self::page(&events);
    assert_eq!(groups(&page)[0].told.code, "manifest/image-tag-not-found");
    assert_eq!(
        (groups(&page)[0].severity, page.exit),
        (Severity::CouldNotTell, Exit::CouldNotTell)
    );
}

#[test]
fn a_large_cluster_takes_one_list_of_pods_and_one_of_events() {
    let (events, _) = run("pod-large-cluster", |_| {});
    let page = page(&events);
    assert_eq!(page.groups.as_ref().unwrap().waiting, 41);
    assert_eq!(groups(&page).iter().map(|group| group.pods).collect::<Vec<_>>(), [21, 20]);
    // 5,000 pods in pages of 500; one page holds the events.
    assert_eq!(requests(&events, "GET /api/v1/pods?"), 10);
    assert_eq!(requests(&events, "GET /api/v1/events?"), 1);
    let took = events.iter().find_map(|event| match &event.kind {
        EventKind::Finished { step, took_ms, .. } if step == "pod" => Some(*took_ms),
        _ => None,
    });
    assert!(took.unwrap() < 10_000, "{took:?} ms");
    // The template of each maker whose pods wait, once.
    assert_eq!(requests(&events, "/replicasets"), 3);
    let text = shown(&page, 0);
    assert!(text.contains("pods that wait for an image: 41; causes: 2 (pods -A)"), "{text}");
}
