//! What the state of a pod says of its agent.

use checks::kit::{
    kube::{JobProblem, Pod},
    redact::foreign_words,
    sanitize_text,
};

use super::manifest::CONTAINER;

/// How far the agent in a pod is.
#[derive(Debug)]
pub(super) enum Progress {
    /// It has not started.
    Waits,
    /// It runs.
    Runs,
    /// It will not start.
    Fails(JobProblem),
    /// It has ended.
    Ended(Ended),
}

/// What an agent left that ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The termination message.
    pub(super) message: String,
    /// Why, in Kubernetes' words.
    pub(super) reason: String,
    /// Its exit code.
    pub(super) exit_code: i32,
}

/// Reads the state of a pod. `may_pull` says whether its image may be pulled.
pub(super) fn read_pod(pod: &Pod, may_pull: bool) -> Progress {
    let status = &pod.status;
    let container = status.container_statuses.iter().find(|status| status.name == CONTAINER);
    if let Some(ended) = container.and_then(|container| container.state.terminated.as_ref()) {
        // containerd's words on a program that cannot be started stand where its message would.
        if ["StartError", "ContainerCannotRun"].contains(&ended.reason.as_str()) {
            let (reason, said) = (sanitize_text(&ended.reason), foreign_words(&ended.message));
            return Progress::Fails(JobProblem::NotStarted { reason, said });
        }
        // An eviction and a deadline are told of the pod, and its container ended by a signal.
        let reason = if status.reason.is_empty() { &ended.reason } else { &status.reason };
        let reason = sanitize_text(reason);
        let (message, exit_code) = (ended.message.clone(), ended.exit_code);
        return Progress::Ended(Ended { message, reason, exit_code });
    }
    if let Some(waiting) = container.and_then(|container| container.state.waiting.as_ref()) {
        let (reason, said) = (sanitize_text(&waiting.reason), foreign_words(&waiting.message));
        let image = image_in(&waiting.message);
        // The reasons of the kubelet: kubernetes, pkg/kubelet/images/types.go and
        // pkg/kubelet/kuberuntime/kuberuntime_container.go.
        return match waiting.reason.as_str() {
            "ErrImageNeverPull" => Progress::Fails(JobProblem::ImageNotThere { image }),
            "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" if may_pull => {
                Progress::Fails(JobProblem::AgentImageNotPulled { image, said })
            }
            "ImageInspectError"
            | "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError" => Progress::Fails(JobProblem::NotStarted { reason, said }),
            _ => Progress::Waits,
        };
    }
    if status.phase == "Failed" {
        // The kubelet did not take the pod, or evicted it.
        let (reason, said) = (sanitize_text(&status.reason), foreign_words(&status.message));
        return Progress::Fails(JobProblem::NotStarted { reason, said });
    }
    if status.phase == "Running" { Progress::Runs } else { Progress::Waits }
}

/// Returns the image that the kubelet's words quote.
fn image_in(message: &str) -> String {
    sanitize_text(message.split('"').nth(1).unwrap_or("?"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(status: &Value) -> Progress {
        let pod = json!({ "metadata": { "name": "p" }, "status": status });
        read_pod(&serde_json::from_value(pod).unwrap(), true)
    }

    fn waits(reason: &str, message: &str) -> Progress {
        read(&json!({ "phase": "Pending", "containerStatuses": [
            { "name": "check-acr", "state": { "waiting": { "reason": reason, "message": message } } },
        ] }))
    }

    #[test]
    fn what_the_kubelet_says() {
        let never = "Container image \"mcr.microsoft.com/pause:1\" is not present with pull policy of Never";
        let Progress::Fails(JobProblem::ImageNotThere { image }) =
            waits("ErrImageNeverPull", never)
        else {
            panic!()
        };
        assert_eq!(image, "mcr.microsoft.com/pause:1");
        let back = "Back-off pulling image \"contoso.azurecr.io/check-acr:1\"";
        let read_back = waits("ImagePullBackOff", back);
        assert!(matches!(read_back, Progress::Fails(JobProblem::AgentImageNotPulled { .. })));
        assert!(matches!(waits("ContainerCreating", ""), Progress::Waits));
        let out = read(&json!({ "phase": "Failed", "reason": "OutOfcpu", "message": "no" }));
        assert!(matches!(out, Progress::Fails(JobProblem::NotStarted { .. })));
        assert!(matches!(read(&json!({ "phase": "Running" })), Progress::Runs));
        assert!(matches!(read(&json!({})), Progress::Waits));
    }
}
