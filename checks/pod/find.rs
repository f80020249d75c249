//! Lists pods and events once each, and finds what waits for an image.

use std::collections::{BTreeSet, HashSet};

use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{
    credentials::{self, Declared, Known},
    fold::Folded,
    objects::{Pod, Workload},
    on_node,
    problem::Problem,
    said::Events,
    symptom,
    template::Templates,
    unheard::is_unheard,
    without_pods::still_refused,
};
use crate::kit::{
    Cx, NoFact, StepResult,
    kube::{
        Api, Attempt, ImagePods, KubeError, KubeEvent, ListParams, MAX_NAMED, PodScope, Reference,
        WaitingPods, WorkloadKind,
    },
    rules::is_object_name,
    sanitize_text,
};
use crate::steps::POD;

/// How many objects a page has.
const PAGE: u32 = 500;
/// The label that Kubernetes puts on the pods of a Job (batch/v1).
const OF_JOBS: &str = "batch.kubernetes.io/job-name";
/// What the events that are listed are not about: the rest of a cluster's daily life.
const OTHER_EVENTS: [&str; 11] = [
    "Scheduled",
    "Created",
    "Started",
    "Killing",
    "Unhealthy",
    "SuccessfulCreate",
    "SuccessfulDelete",
    "ScalingReplicaSet",
    "Completed",
    "FailedScheduling",
    "BackOff",
];

/// Finds the containers and volumes that wait for an image, and the workloads without a pod.
pub async fn find(cx: &Cx, api: &Api, scope: &PodScope) -> StepResult<WaitingPods> {
    let lists = selections(cx, api, scope).await?;
    if scope.running {
        return running(cx, api, scope, &lists).await;
    }
    let now = cx.now();
    let (mut waiting, mut owners) = (vec![], HashSet::new());
    let count = each_pod(cx, api, scope, &lists, |pod| {
        owners.extend(pod.metadata.owner().map(|owner| owner.uid.clone()));
        if symptom::waits(&pod) {
            waiting.push(pod);
        }
    })
    .await?;
    let of_pods: HashSet<&str> = waiting.iter().map(|pod| &*pod.metadata.uid).collect();
    let (mut events, mut refused): (Events, Vec<KubeEvent>) = (Events::default(), vec![]);
    let others: Vec<String> =
        OTHER_EVENTS.iter().map(|reason| format!("reason!={reason}")).collect();
    let fields = others.join(",");
    let wanted = ListOf { path: path(api, scope, "events"), labels: "", fields: &fields };
    let listed = list(cx, api, &wanted, |event: KubeEvent| {
        if event.reason == "FailedCreate" {
            refused.push(event);
        } else if of_pods.contains(&*event.involved_object.uid) {
            events.take(&event);
        }
    });
    let unread = listed.await.err().map(|error| error.said());
    let templates = Templates::read(cx, api, &waiting).await;
    let mut folded = Folded::of(templates);
    let (mut failing, mut unheard) = (0, vec![]);
    for pod in &waiting {
        let symptoms = symptom::of(pod, &events, now);
        failing += usize::from(!symptoms.is_empty());
        if symptoms.is_empty() && is_unheard(pod, &events, now) {
            unheard.push(&pod.metadata);
        }
        folded.take(pod, &symptoms);
    }
    if let Some(said) = unread {
        if let (0, count @ 1..) = (failing, waiting.len()) {
            return Err(NoFact::could_not_tell(Problem::WaitUnknown { count, said }));
        }
        cx.add_finding(Problem::EventsNotRead { said });
    }
    let is_ours =
        |event: &KubeEvent| lists.iter().any(|list| list.made(&event.involved_object.name));
    refused.retain(|event| !owners.contains(&event.involved_object.uid) && is_ours(event));
    let not_created = still_refused(cx, api, refused).await;
    if count == 0 && not_created.is_empty() {
        return Err(nothing_there(api, scope));
    }
    if let Some(first) = unheard.first() {
        let count = unheard.len();
        if failing == 0 && not_created.is_empty() {
            let (pod, namespace) = (sanitize_text(&first.name), sanitize_text(&first.namespace));
            return Err(NoFact::could_not_tell(Problem::WaitUnheard { count, pod, namespace }));
        }
        cx.add_finding(Problem::OthersUnheard { count });
    }
    let mut images = folded.images();
    let node_group = on_node::examine(cx, api, &mut images).await;
    let attempts = own_credentials(cx, api, &mut images).await;
    let waiting = Some(failing);
    let running = None;
    Ok(WaitingPods { pods: count, waiting, running, images, not_created, attempts, node_group })
}

/// Finds out what the pods present, each read as long as the API takes.
async fn own_credentials(cx: &Cx, api: &Api, images: &mut [ImagePods]) -> Vec<Attempt> {
    let (nothing, no_end) = (Declared::default(), Instant::now() + POD.budget);
    credentials::examine(&mut Known::new(cx, api, &nothing, no_end), images).await
}

/// Finds the images of the pods that run.
async fn running(
    cx: &Cx,
    api: &Api,
    scope: &PodScope,
    lists: &[Selection],
) -> StepResult<WaitingPods> {
    let (mut folded, mut running) = (Folded::default(), 0);
    let pods = each_pod(cx, api, scope, lists, |pod| {
        let images = symptom::running(&pod);
        running += usize::from(!images.is_empty());
        folded.take(&pod, &images);
    })
    .await?;
    if pods == 0 {
        return Err(nothing_there(api, scope));
    }
    let mut images = folded.images();
    let node_group = on_node::group(cx, api, &images).await;
    let attempts = own_credentials(cx, api, &mut images).await;
    let running = Some(running);
    Ok(WaitingPods { pods, running, images, attempts, node_group, ..WaitingPods::default() })
}

/// Hands on each pod of the lists once, page by page, and returns how many there are.
async fn each_pod(
    cx: &Cx,
    api: &Api,
    scope: &PodScope,
    lists: &[Selection],
    mut take: impl FnMut(Pod),
) -> StepResult<usize> {
    let (mut count, mut seen) = (0, HashSet::new());
    for selection in lists {
        let Selection { labels, fields, .. } = selection;
        let before = count;
        let wanted = ListOf { path: path(api, scope, "pods"), labels, fields };
        let listed = list(cx, api, &wanted, |pod: Pod| {
            let is_known = !seen.insert(pod.metadata.uid.clone()) && !pod.metadata.uid.is_empty();
            if !is_known && selection.has(&pod) {
                count += 1;
                take(pod);
            }
        })
        .await;
        if let Err(error) = listed {
            return Err(not_listed(cx, api, scope, "pods", &error).await);
        }
        if selection.is_pod() && count == before {
            return Err(no_pod(api, scope, format!("pod/{}", selection.maker)));
        }
    }
    Ok(count)
}

/// Says that there is no pod of what was named: nothing was looked at.
fn nothing_there(api: &Api, scope: &PodScope) -> NoFact {
    let named = scope.named.iter().map(|(kind, name)| format!("{kind}/{}", sanitize_text(name)));
    let named: Vec<String> = named.collect();
    let what = match &scope.selector {
        Some(selector) => format!("pod -l {selector}"),
        None if named.is_empty() => {
            let namespace = (!scope.everywhere).then(|| api.kube.cluster().namespace.clone());
            return NoFact::could_not_tell(Problem::NonePresent { namespace });
        }
        None => format!("pod of {}", named.join(", ")),
    };
    no_pod(api, scope, what)
}

fn no_pod(api: &Api, scope: &PodScope, workload: String) -> NoFact {
    let namespace = (!scope.everywhere).then(|| api.kube.cluster().namespace.clone());
    NoFact::could_not_tell(Problem::NotThere { workload, namespace })
}

/// What is listed: everything, or what belongs to one workload.
#[derive(Default)]
struct Selection {
    labels: String,
    fields: String,
    /// What made the pods; empty for everything.
    maker: String,
    /// The Jobs of a `CronJob` that have names of their own: `kubectl create job --from` gives one.
    jobs: HashSet<String>,
}

impl Selection {
    /// Returns whether an object of that name makes pods of this selection: the workload itself, or what
    /// it makes, which has one more word behind a hyphen (a Deployment's hash, a `CronJob`'s time).
    fn made(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.maker).and_then(|rest| rest.strip_prefix('-'));
        self.maker.is_empty()
            || name == self.maker
            || rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('-'))
    }

    /// Returns whether a single pod was named.
    fn is_pod(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Returns whether a pod that was listed belongs to it: its labels may fit the pods of others, too.
    fn has(&self, pod: &Pod) -> bool {
        let is_any = self.maker.is_empty() || self.is_pod();
        let is_its = |owner: &Reference| self.made(&owner.name) || self.jobs.contains(&owner.name);
        is_any || pod.metadata.owner().is_some_and(is_its)
    }
}

/// Returns what to list.
async fn selections(cx: &Cx, api: &Api, scope: &PodScope) -> StepResult<Vec<Selection>> {
    let labels = scope.selector.clone().unwrap_or_default();
    if scope.named.is_empty() {
        return Ok(vec![Selection { labels, ..Selection::default() }]);
    }
    let mut lists = vec![];
    for (kind, name) in scope.named.iter().take(MAX_NAMED) {
        if *kind == WorkloadKind::Pod {
            let fields = format!("metadata.name={name}");
            lists.push(Selection { fields, maker: name.clone(), ..Selection::default() });
            continue;
        }
        let path = kind.path(&api.kube.cluster().namespace);
        let workload = api.kube.named::<Workload>(cx, &path, name).await;
        let workload = workload.map_err(|error| not_found(api, *kind, name, &error))?;
        let labels = match (kind, workload.spec.selector) {
            (_, Some(selector)) => selector.text(),
            // The pods of every Job: those of the CronJob's are chosen by their owner.
            (WorkloadKind::CronJob, None) => OF_JOBS.to_owned(),
            (_, None) => String::new(),
        };
        let mut selection = Selection { labels, maker: name.clone(), ..Selection::default() };
        if *kind == WorkloadKind::CronJob {
            selection.jobs = jobs_of(cx, api, scope, (&selection, &workload.metadata.uid)).await;
        }
        lists.push(selection);
    }
    Ok(lists)
}

/// Returns the Jobs of a `CronJob` that its name does not tell: each of the Jobs that have pods is asked.
async fn jobs_of(
    cx: &Cx,
    api: &Api,
    scope: &PodScope,
    (selection, uid): (&Selection, &str),
) -> HashSet<String> {
    let mut others: BTreeSet<String> = BTreeSet::new();
    let wanted = ListOf { path: path(api, scope, "pods"), labels: OF_JOBS, fields: "" };
    // A list that fails is told where the pods are listed.
    let _ = list(cx, api, &wanted, |pod: Pod| {
        let owner = pod.metadata.owner().filter(|owner| owner.kind == "Job");
        others.extend(owner.map(|it| it.name.clone()).filter(|name| !selection.made(name)));
    })
    .await;
    let mut jobs = HashSet::new();
    let path = WorkloadKind::Job.path(&api.kube.cluster().namespace);
    for name in others.into_iter().filter(|name| is_object_name(name)).take(MAX_NAMED) {
        let job = api.kube.named::<Workload>(cx, &path, &name).await;
        let owner = job.ok().and_then(|job| Some(job.metadata.owner()?.uid == uid));
        jobs.extend(owner.filter(|is_its| *is_its).map(|_| name));
    }
    jobs
}

fn path(api: &Api, scope: &PodScope, resource: &str) -> String {
    if scope.everywhere {
        return format!("/api/v1/{resource}");
    }
    format!("/api/v1/namespaces/{}/{resource}", api.kube.cluster().namespace)
}

/// What is listed.
struct ListOf<'a> {
    path: String,
    labels: &'a str,
    fields: &'a str,
}

/// Reads a list.
async fn list<T: DeserializeOwned>(
    cx: &Cx,
    api: &Api,
    wanted: &ListOf<'_>,
    take: impl FnMut(T),
) -> Result<(), KubeError> {
    let mut params = ListParams::default().limit(PAGE);
    if !wanted.labels.is_empty() {
        params = params.labels(wanted.labels);
    }
    if !wanted.fields.is_empty() {
        params = params.fields(wanted.fields);
    }
    api.kube.each(cx, &wanted.path, params, take).await
}

async fn not_listed(
    cx: &Cx,
    api: &Api,
    scope: &PodScope,
    what: &'static str,
    error: &KubeError,
) -> NoFact {
    let namespace = (!scope.everywhere).then(|| api.kube.cluster().namespace.clone());
    // Only the API server speaks of permissions: a proxy may answer 403, too.
    if matches!(error, KubeError::Refused(said) if said.code == 403) {
        let (user, what) = (api.kube.user(cx).await, what.to_owned());
        return NoFact::could_not_tell(Problem::MayNotList { user, what, namespace });
    }
    NoFact::could_not_tell(Problem::NotListed { what: what.to_owned(), said: error.said() })
}

fn not_found(api: &Api, kind: WorkloadKind, name: &str, error: &KubeError) -> NoFact {
    let cluster = api.kube.cluster();
    let (workload, namespace) =
        (format!("{kind}/{}", sanitize_text(name)), Some(cluster.namespace.clone()));
    match error.status() {
        Some(404) => NoFact::could_not_tell(Problem::NotThere { workload, namespace }),
        _ => NoFact::could_not_tell(Problem::NotListed { what: workload, said: error.said() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_makes_what_is_named_after_it_and_one_word() {
        let web = Selection { maker: "web".into(), ..Selection::default() };
        for (name, is_made) in [
            ("web", true),
            ("web-5f6d8c7b9", true),
            ("web-29401440", true),
            ("web-front-5f6d8c7b9", false),
            ("web-", false),
            ("webs", false),
            ("api-5f6d8c7b9", false),
        ] {
            assert_eq!(web.made(name), is_made, "{name}");
        }
        assert!(Selection::default().made("anything"));
    }

    #[test]
    fn the_pods_of_a_cron_job_are_those_of_its_jobs() {
        let nightly = Selection { maker: "nightly".into(), ..Selection::default() };
        let has = |job: &str| {
            let owner = serde_json::json!({ "kind": "Job", "name": job, "controller": true });
            let pod = serde_json::json!({ "metadata": { "ownerReferences": [owner] } });
            nightly.has(&serde_json::from_value(pod).unwrap())
        };
        assert!(has("nightly-29401440") && !has("weekly-29401440") && !has("nightly-x-29401440"));
        assert!(!nightly.has(&Pod::default()));
    }
}
