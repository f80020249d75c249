//! Removes the Jobs that runs left in a cluster.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use checks::{
    kit::{
        Cloud, Cx, Plan, RegistryOrImage, Target, World,
        engine::{Event, Finding, Vantage},
        kube::{
            Api, DeleteParams, Job, KubeError, KubeOptions, KubeRequest, ListParams, Meta,
            WorkloadKind,
        },
        messages::Lang,
        rules::{Platform, is_object_name},
        target::{ControlPlane, SignIn},
    },
    steps,
};
use futures::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::phrases::Phrase;

use super::manifest::{NODES, OURS, OWNER, RUN};

/// How many Jobs a page has.
const PAGE: u32 = 500;

/// How many Jobs are deleted at once.
const AT_ONCE: usize = 16;

/// What was removed, and what could not be.
pub(crate) type Removed = (Vec<String>, Vec<String>);

/// Deletes the Jobs of runs that are over. Those of others are left to their run.
///
/// # Errors
/// Returns a sentence when the cluster does not answer.
pub(crate) async fn cleanup(
    world: World,
    kube: KubeOptions,
    everywhere: bool,
    dry_run: bool,
    lang: Lang,
) -> Result<Removed, String> {
    let found = Rc::<RefCell<Vec<Finding>>>::default();
    let kept = found.clone();
    let listener = Rc::new(move |event: Event| {
        kept.borrow_mut().extend(event.kind.finding().cloned());
    });
    let removed = Rc::<RefCell<Option<Result<Removed, String>>>>::default();
    let into = removed.clone();
    let mut plan = Plan::new(cluster(), Vantage::Kubernetes, world, BTreeSet::new(), listener);
    let api = checks::cluster_api(&mut plan, kube);
    plan.step(steps::JOBS, (&api,), async move |cx: &Cx, api: &Api| {
        let done = remove(cx, api, everywhere, dry_run, lang)
            .await
            .map_err(|error| Phrase::JobsNotListed.say(lang, &[("said", &words(&error, lang))]));
        *into.borrow_mut() = Some(done);
        Ok(Nothing {})
    });
    plan.run(|_| true).await;
    let removed = removed.take();
    removed.unwrap_or_else(|| {
        let found = found.borrow();
        let told = found.first().map(|finding| {
            let (title, nothing) = (checks::messages(), Map::new());
            let saw = title.saw(finding, &nothing, lang).map(|saw| format!(" ({saw})"));
            title.title(finding, &nothing, lang) + &saw.unwrap_or_default()
        });
        Err(told.unwrap_or_else(|| Phrase::ClusterNotAsked.text(lang).to_owned()))
    })
}

#[derive(Serialize)]
struct Nothing {}

/// Returns the target of a plan that checks no registry.
fn cluster() -> Target {
    let text = "cluster".to_owned();
    Target {
        asked: RegistryOrImage::read(&text, Cloud::default(), false),
        text,
        platform: Platform::here(),
        is_platform_assumed: true,
        containerd: None,
        full: false,
        response_wait: None,
        flags: vec![],
        own_flags: vec![],
        named_at: vec![],
        uses: checks::kit::target::ManifestUses::default(),
        sign_in: SignIn::default(),
        control_plane: ControlPlane::default(),
    }
}

/// Returns what a cluster says of a request, or why it says nothing.
fn words(error: &KubeError, lang: Lang) -> String {
    checks::messages().word(&error.said(), lang).to_owned()
}

async fn remove(
    cx: &Cx,
    api: &Api,
    everywhere: bool,
    dry_run: bool,
    lang: Lang,
) -> Result<Removed, KubeError> {
    let namespace = &api.kube.cluster().namespace;
    let path = if everywhere {
        "/apis/batch/v1/jobs".to_owned()
    } else {
        WorkloadKind::Job.path(namespace)
    };
    // A chart called check-acr gives its objects the first label too.
    let of_runs = format!("{}={},{RUN}", OURS.0, OURS.1);
    let params = ListParams::default().labels(&of_runs).limit(PAGE);
    let mut runs: BTreeMap<(String, String), BTreeMap<String, Job>> = BTreeMap::new();
    let taking = api.kube.each(cx, &path, params, |job: Job| {
        if is_ours(&job.metadata) {
            let run = job.metadata.labels.get(RUN).cloned().unwrap_or_default();
            let jobs = runs.entry((job.metadata.namespace.clone(), run)).or_default();
            jobs.insert(job.metadata.name.clone(), job);
        }
    });
    taking.await?;
    let (mut removed, mut failed) = (vec![], vec![]);
    for ((namespace, _), jobs) in &runs {
        let named =
            jobs.values().map(|job| (format!("job {namespace}/{}", job.metadata.name), job));
        if !is_over(jobs) {
            let goes_on = |(name, _): (String, _)| Phrase::JobGoesOn.say(lang, &[("job", &name)]);
            failed.extend(named.map(goes_on));
            continue;
        }
        let deleting = stream::iter(named).map(async |(name, job)| {
            (name, if dry_run { Ok(()) } else { delete(cx, api, job).await })
        });
        let done: Vec<_> = deleting.buffered(AT_ONCE).collect().await;
        for (name, done) in done {
            match done {
                Ok(()) => removed.push(name),
                Err(error) => failed.push(format!("{name}: {}", words(&error, lang))),
            }
        }
    }
    Ok((removed, failed))
}

/// Returns whether a run is over: the one that owns its Jobs has ended, or those of all its nodes have. Of a
/// run that is creating them not all are there yet.
fn is_over(jobs: &BTreeMap<String, Job>) -> bool {
    let has_ended = |job: &Job| {
        job.status.conditions.iter().any(|condition| {
            ["Complete", "Failed"].contains(&condition.r#type.as_str())
                && condition.status == "True"
        })
    };
    let (owners, of_nodes): (Vec<&Job>, Vec<&Job>) =
        jobs.values().partition(|job| job.metadata.name.ends_with(OWNER));
    let [owner] = owners[..] else { return of_nodes.into_iter().all(has_ended) };
    let nodes = owner.metadata.annotations.get(NODES).and_then(|count| count.parse::<usize>().ok());
    let has_all = nodes.is_some_and(|nodes| of_nodes.len() >= nodes.max(1));
    has_ended(owner) || (has_all && of_nodes.into_iter().all(has_ended))
}

/// Returns whether a run created it, as its labels and its name say. What has no name of a domain
/// would change the path of a request.
fn is_ours(of: &Meta) -> bool {
    let run = of.labels.get(RUN).map(String::as_str).unwrap_or_default();
    let has_our_label = of.labels.get(OURS.0).is_some_and(|value| value == OURS.1);
    has_our_label
        && is_object_name(run)
        && of.name.starts_with(&format!("check-acr-{run}-"))
        && is_object_name(&of.name)
        && is_object_name(&of.namespace)
}

async fn delete(cx: &Cx, api: &Api, job: &Job) -> Result<(), KubeError> {
    let path = WorkloadKind::Job.path(&job.metadata.namespace);
    let request = KubeRequest::new(path).delete(&job.metadata.name, &DeleteParams::background())?;
    match api.kube.ask::<Value>(cx, request).await {
        Ok(_) => Ok(()),
        Err(error) if error.status() == Some(404) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use checks::kit::kube::Condition;

    use super::*;

    #[test]
    fn a_run_is_over_when_the_jobs_of_its_nodes_have_ended() {
        let is_over = |jobs: &[(&str, &str)]| {
            let job = |(name, condition): &(&str, &str)| {
                let (name, r#type) = ((*name).to_owned(), (*condition).to_owned());
                let mut job = Job::default();
                job.metadata.name.clone_from(&name);
                let condition = Condition { r#type, status: "True".into(), ..Condition::default() };
                job.status.conditions.push(condition);
                job.metadata.annotations.insert(NODES.to_owned(), "2".to_owned());
                (name, job)
            };
            is_over(&jobs.iter().map(job).collect())
        };
        let (owner, one, other) = ("check-acr-0a-owner", "check-acr-0a-0", "check-acr-0a-1");
        assert!(is_over(&[(owner, ""), (one, "Complete"), (other, "Failed")]));
        assert!(!is_over(&[(owner, ""), (one, "Complete"), (other, "")]));
        // The others are not created yet.
        assert!(!is_over(&[(owner, ""), (one, "Complete")]));
        assert!(!is_over(&[(owner, "")]));
        assert!(is_over(&[(owner, "Failed")]) && is_over(&[(owner, "Failed"), (one, "")]));
        assert!(is_over(&[(one, "Failed")]) && !is_over(&[(one, "")]));
    }

    #[test]
    fn nothing_of_others_is_deleted() {
        let meta = |name: &str, namespace: &str, labels: &[(&str, &str)]| Meta {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            labels: labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
            ..Meta::default()
        };
        let ours = [OURS, (RUN, "0a1b2c3d")];
        assert!(is_ours(&meta("check-acr-0a1b2c3d-0", "shop", &ours)));
        assert!(is_ours(&meta("check-acr-0a1b2c3d-amd64", "shop", &ours)));
        for (name, namespace, labels) in [
            // The chart of somebody who calls it check-acr.
            ("check-acr-migrate", "shop", &ours[..1]),
            ("nightly-backup", "shop", &ours[..]),
            ("check-acr-ffffffff-0", "shop", &ours[..]),
            ("check-acr-0a1b2c3d-0", "shop", &ours[1..]),
            ("check-acr--0", "shop", &[OURS, (RUN, "")][..]),
            ("check-acr-0a1b2c3d-/../../../namespaces/shop", "shop", &ours[..]),
            ("check-acr-0a1b2c3d-0?x=%2e", "shop", &ours[..]),
            ("check-acr-0a1b2c3d-0", "shop/../kube-system", &ours[..]),
        ] {
            assert!(!is_ours(&meta(name, namespace, labels)), "{namespace}/{name}");
        }
    }
}
