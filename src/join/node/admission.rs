//! Does the cluster take the Jobs? Asked by dry runs, before anything is created.

use checks::kit::{
    Cx, NoFact, StepResult,
    kube::{
        Access, Api, JobProblem, Kube, KubeError, KubeRequest, Loses, Nodes, PostParams, Refusal,
    },
};
use futures::future::join;
use serde::Serialize;
use serde_json::Value;

use super::{
    carried::start,
    manifest::{JobSettings, rewritten},
    starts::pulled,
};

/// What decides where a pod looks from, and for what: where it is changed, nothing is told of the node.
const OF_VIEW: [&str; 6] = ["nodeName", "hostNetwork", "dnsPolicy", "dnsConfig", "command", "args"];

/// What the cluster said to a Job like those that will be created.
#[derive(Debug, Serialize)]
pub(super) struct Admitted {}

/// Tries to create the Job of the first node, and a pod like that of the Job.
pub(super) async fn try_out(
    cx: &Cx,
    settings: &JobSettings,
    (api, access): (&Api, &Access),
    nodes: &Nodes,
) -> StepResult<Admitted> {
    let Some(node) = nodes.chosen.first() else { return Ok(Admitted {}) };
    // Packing goes on meanwhile: how many ConfigMaps there will be makes no difference here. A node that
    // nothing can be started on says so itself.
    let start = match &settings.request.image {
        Some(image) => Ok(pulled(image)),
        None => start(settings, node, 1),
    };
    let Ok(start) = start else { return Ok(Admitted {}) };
    let (job, pod) = (settings.job(0, node, &start), settings.pod(0, node, &start));
    let jobs = format!("/apis/batch/v1/namespaces/{}/jobs", settings.namespace);
    let pods = format!("/api/v1/namespaces/{}/pods", settings.namespace);
    let may_try_pods = access.has(Loses::EarlyRefusals);
    let of_pod = async {
        if may_try_pods { dry_run(cx, &api.kube, &pods, &pod).await.map(Some) } else { Ok(None) }
    };
    let (of_job, of_pod) = join(dry_run(cx, &api.kube, &jobs, &job), of_pod).await;
    let of_job = answer(of_job.map(Some), settings)?;
    let of_pod = answer(of_pod, settings)?;
    let specs = [
        of_job.map(|job| job["spec"]["template"]["spec"].clone()),
        of_pod.map(|pod| pod["spec"].clone()),
    ];
    let ours = &pod["spec"];
    let changed = specs.iter().flatten().flat_map(|theirs| rewritten(ours, theirs));
    let mut fields: Vec<String> = vec![];
    for field in changed {
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    let (view, others): (Vec<String>, Vec<String>) =
        fields.into_iter().partition(|field| OF_VIEW.contains(&field.as_str()));
    if !view.is_empty() {
        return Err(NoFact::could_not_tell(JobProblem::ViewRewritten { fields: view }));
    }
    if !others.is_empty() {
        cx.add_finding(JobProblem::Rewritten { fields: others });
    }
    Ok(Admitted {})
}

async fn dry_run(cx: &Cx, kube: &Kube, path: &str, object: &Value) -> Result<Value, KubeError> {
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let request = KubeRequest::new(path).create(&params, object.to_string().into_bytes())?;
    kube.ask(cx, request).await
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
