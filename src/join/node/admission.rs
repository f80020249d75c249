//! Does the cluster take the Jobs? Asked by dry runs, before anything is created.

use checks::kit::{
    Cx, NoFact, StepResult,
    kube::{Access, Api, JobProblem, KubeError, Loses, Nodes, Refusal, WorkloadKind},
};
use futures::future::join;
use serde::Serialize;
use serde_json::Value;

use super::{carried::start, manifest::JobSettings, rewritten::changes, starts::pulled};

/// What the cluster said to a Job like those that will be created.
#[derive(Debug, Default, Serialize)]
pub(super) struct Admitted {
    /// The fields that it changes, and which leave the view as it is.
    #[serde(skip)]
    pub(super) changed: Vec<String>,
}

/// Tries to create the Job of the first node, and a pod like that of the Job.
pub(super) async fn try_out(
    cx: &Cx,
    settings: &JobSettings,
    (api, access): (&Api, &Access),
    nodes: &Nodes,
) -> StepResult<Admitted> {
    let Some(node) = nodes.chosen.first() else { return Ok(Admitted::default()) };
    // Packing goes on meanwhile: how many ConfigMaps there will be makes no difference here. A node that
    // nothing can be started on says so itself.
    let start = match &settings.request.image {
        Some(image) => Ok(pulled(image)),
        None => start(settings, node, 1),
    };
    let Ok(start) = start else { return Ok(Admitted::default()) };
    let (job, pod) = (settings.job(0, node, &start), settings.pod(0, node, &start));
    let [jobs, pods] =
        [WorkloadKind::Job, WorkloadKind::Pod].map(|kind| kind.path(&settings.namespace));
    let kube = &api.kube;
    let may_try_pods = access.has(Loses::EarlyRefusals);
    let of_pod = async {
        if may_try_pods { kube.dry_run(cx, &pods, &pod).await.map(Some) } else { Ok(None) }
    };
    let (of_job, of_pod) = join(kube.dry_run(cx, &jobs, &job), of_pod).await;
    let of_job = answer(of_job.map(Some), settings)?;
    let of_pod = answer(of_pod, settings)?;
    let specs = [
        of_job.map(|job| job["spec"]["template"]["spec"].clone()),
        of_pod.map(|pod| pod["spec"].clone()),
    ];
    let ours = &pod["spec"];
    let mut changed: Vec<String> = vec![];
    for theirs in specs.iter().flatten() {
        let others = changes(ours, theirs).map_err(NoFact::could_not_tell)?;
        for field in others {
            if !changed.contains(&field) {
                changed.push(field);
            }
        }
    }
    if !changed.is_empty() {
        cx.add_finding(JobProblem::Rewritten { fields: changed.clone() });
    }
    Ok(Admitted { changed })
}

/// Returns the object as admission leaves it; `None` where a dry run tells neither yes nor no.
fn answer(
    got: Result<Option<Value>, KubeError>,
    settings: &JobSettings,
) -> StepResult<Option<Value>> {
    match got {
        Ok(object) => Ok(object),
        // A webhook that takes no dry runs may take the Job.
        Err(error) if matches!(Refusal::of(&error), Some(Refusal::NoDryRun { .. })) => Ok(None),
        Err(error) => Err(NoFact::could_not_tell(JobProblem::refused(&error, &settings.namespace))),
    }
}
