//! What admission changed in a pod: seen in a dry run, and in the pod itself, as webhooks may see only that.

use checks::kit::kube::JobProblem;
use serde_json::Value;

use super::manifest::CONTAINER;

/// What decides where a pod looks from, and for what: where it is changed, nothing is told of the node.
const OF_VIEW: [&str; 10] = [
    "nodeName",
    "hostNetwork",
    "dnsPolicy",
    "dnsConfig",
    "hostAliases",
    // Its sandbox has a network of its own.
    "runtimeClassName",
    "command",
    "args",
    "volumes",
    "volumeMounts",
];

/// Returns the fields that admission changed in the spec of a pod, and which leave its view as it is.
///
/// # Errors
/// Returns what it changed of the view.
pub(super) fn changes(ours: &Value, theirs: &Value) -> Result<Vec<String>, JobProblem> {
    let (view, others): (Vec<String>, Vec<String>) =
        rewritten(ours, theirs).into_iter().partition(|field| OF_VIEW.contains(&field.as_str()));
    if view.is_empty() { Ok(others) } else { Err(JobProblem::ViewRewritten { fields: view }) }
}

/// Returns the fields of a pod's spec that admission changed, of those that matter: what the pod
/// sees, and as which user.
fn rewritten(ours: &Value, theirs: &Value) -> Vec<String> {
    const OF_POD: [&str; 6] =
        ["nodeName", "hostNetwork", "dnsPolicy", "dnsConfig", "hostAliases", "runtimeClassName"];
    const OF_CONTAINER: [&str; 6] =
        ["image", "command", "args", "env", "envFrom", "securityContext"];
    let differs = |field: &str, ours: &Value, theirs: &Value| {
        let is_default = |value: &Value| value.is_null() || *value == Value::Bool(false);
        let (one, other) = (&ours[field], &theirs[field]);
        let same = match (one, other) {
            (Value::Object(one), Value::Object(other)) => {
                one.iter().all(|(name, value)| other.get(name).unwrap_or(&Value::Null) == value)
            }
            _ => one == other,
        };
        !(same || (is_default(one) && is_default(other)))
    };
    let lacks_volumes = |ours: &Value, theirs: &Value| {
        let mut of_ours = items(ours, "volumes");
        !of_ours.all(|item| items(theirs, "volumes").any(|other| holds(other, item)))
    };
    // API servers drop what they do not know, such as `recursiveReadOnly` before 1.30.
    let unmounted = |ours: &Value, theirs: &Value| {
        let is_at = |one: &Value, other: &Value| {
            ["name", "mountPath", "subPath"].iter().all(|field| one[field] == other[field])
        };
        let mut of_ours = items(ours, "volumeMounts");
        !of_ours.all(|item| items(theirs, "volumeMounts").any(|other| is_at(other, item)))
    };
    // What is mounted into what we mounted hides files of the node.
    let hidden = |ours: &Value, theirs: &Value| {
        let is_below = |one: &Value, other: &Value| {
            let paths = (one["mountPath"].as_str(), other["mountPath"].as_str());
            let below = paths.0.zip(paths.1).and_then(|(one, other)| one.strip_prefix(other));
            below.is_some_and(|below| below.starts_with('/'))
        };
        let mut of_theirs = items(theirs, "volumeMounts");
        of_theirs.any(|mount| items(ours, "volumeMounts").any(|own| is_below(mount, own)))
    };
    let mut changed = vec![];
    let mut add = |field: &str, is_changed: bool| {
        changed.extend(is_changed.then(|| field.to_owned()));
    };
    OF_POD.iter().for_each(|field| add(field, differs(field, ours, theirs)));
    add("volumes", lacks_volumes(ours, theirs));
    for list in ["containers", "initContainers"] {
        let is_known = |name: &Value| items(ours, list).any(|known| known["name"] == *name);
        let names = items(theirs, list).map(|item| &item["name"]);
        names.filter(|name| !is_known(name)).for_each(|name| {
            add(&format!("{list}: {}", name.as_str().unwrap_or_default()), true);
        });
    }
    let container = |of| items(of, "containers").find(|item| item["name"] == CONTAINER);
    let nothing = Value::Null;
    let (ours, theirs) =
        (container(ours).unwrap_or(&nothing), container(theirs).unwrap_or(&nothing));
    OF_CONTAINER.iter().for_each(|field| add(field, differs(field, ours, theirs)));
    add("volumeMounts", unmounted(ours, theirs) || hidden(ours, theirs));
    changed
}

fn items<'a>(of: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    of[list].as_array().into_iter().flatten()
}

/// Returns whether a value says what ours says. Defaults are added where we said nothing; what we said must
/// stay.
fn holds(theirs: &Value, ours: &Value) -> bool {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => ours
            .iter()
            .all(|(name, value)| theirs.get(name).is_some_and(|other| holds(other, value))),
        (Value::Array(theirs), Value::Array(ours)) => {
            theirs.len() == ours.len()
                && theirs.iter().zip(ours).all(|(other, value)| holds(other, value))
        }
        _ => theirs == ours,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec() -> Value {
        json!({
            "nodeName": "aks-blue-1", "hostNetwork": true, "dnsPolicy": "Default",
            "hostAliases": null, "runtimeClassName": null,
            "containers": [{
                "name": "check-acr", "image": "contoso.azurecr.io/check-acr:1", "args": ["agent"],
                "securityContext": { "runAsUser": 0 },
                "volumeMounts": [{ "name": "host", "mountPath": "/host", "recursiveReadOnly": "IfPossible" }],
            }],
            "volumes": [{ "name": "host", "hostPath": { "path": "/" } }],
        })
    }

    #[test]
    fn what_admission_changes_is_named() {
        let ours = spec();
        assert_eq!(rewritten(&ours, &ours), Vec::<String>::new());
        let mut theirs = ours.clone();
        theirs["serviceAccountName"] = "default".into();
        theirs["volumes"][0]["hostPath"]["type"] = "".into();
        let mount = &mut theirs["containers"][0]["volumeMounts"][0];
        mount.as_object_mut().unwrap().remove("recursiveReadOnly");
        theirs["volumes"].as_array_mut().unwrap().insert(0, json!({ "name": "ca" }));
        theirs["containers"][0]["securityContext"]["procMount"] = "Default".into();
        assert_eq!(rewritten(&ours, &theirs), Vec::<String>::new(), "defaults are no changes");
        theirs["hostNetwork"] = false.into();
        theirs["volumes"][1]["hostPath"]["path"] = "/srv".into();
        theirs["containers"][0]["image"] = "mirror.contoso.com/check-acr:1".into();
        theirs["containers"].as_array_mut().unwrap().push(json!({ "name": "istio-proxy" }));
        let wanted = ["hostNetwork", "volumes", "containers: istio-proxy", "image"];
        assert_eq!(rewritten(&ours, &theirs), wanted);
    }

    #[test]
    fn another_view_is_told_apart_from_another_image() {
        let changed = |pointer: &str, value: Value| {
            let mut theirs = spec();
            *theirs.pointer_mut(pointer).unwrap() = value;
            changes(&spec(), &theirs).map_err(|why| format!("{why:?}"))
        };
        let mounted = |path: &str| json!({ "name": "host", "mountPath": path });
        assert_eq!(changed("/containers/0/image", "mirror/x".into()), Ok(vec!["image".into()]));
        for beside in ["/hostile", "/var/run"] {
            let mounts = json!([mounted("/host"), mounted(beside)]);
            assert_eq!(changed("/containers/0/volumeMounts", mounts), Ok(vec![]), "{beside}");
        }
        for (pointer, value) in [
            ("/hostNetwork", json!(false)),
            ("/dnsPolicy", json!("None")),
            ("/nodeName", json!("aks-blue-2")),
            ("/nodeName", json!(null)),
            ("/containers/0/args", json!(["agent", "--anything"])),
            ("/containers/0/volumeMounts", json!([])),
            ("/containers/0/volumeMounts", json!([mounted("/host"), mounted("/host/etc")])),
            ("/hostAliases", json!([{ "ip": "203.0.113.9", "hostnames": ["contoso.azurecr.io"] }])),
            ("/runtimeClassName", json!("kata")),
            ("/containers", json!([])),
        ] {
            assert!(changed(pointer, value).unwrap_err().contains("ViewRewritten"), "{pointer}");
        }
    }
}
