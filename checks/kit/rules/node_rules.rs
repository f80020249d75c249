//! Which nodes a pod can be scheduled to, as the scheduler reads its `nodeName`, its `nodeSelector`, its
//! required node affinity and its tolerations (k8s.io/component-helpers, `scheduling/corev1`). What other pods
//! do is not read.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use super::taint::{Taint, Toleration};

/// What a pod asks of its node. The default asks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRules {
    name: Option<String>,
    labels: BTreeMap<String, String>,
    /// One of these must hold, where there are any.
    terms: Option<Vec<Term>>,
    tolerations: Vec<Toleration>,
    /// Whether the tolerations are all that the pod has, so that other taints keep it away.
    minds_taints: bool,
}

/// Requirements that must all hold; nothing fits a term without any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Term {
    labels: Vec<Requirement>,
    fields: Vec<Requirement>,
}

/// What is asked of a label, or of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: String,
    values: Vec<String>,
}

impl NodeRules {
    /// Reads the fields `nodeName`, `nodeSelector`, `affinity` and `tolerations` of the spec of a pod, or of what
    /// a pod is made after.
    pub fn read(field: impl Fn(&str) -> Option<Value>) -> Self {
        let selector = field("nodeSelector").unwrap_or_default();
        let labels = selector.as_object().into_iter().flatten();
        let labels = labels.map(|(key, value)| (key.clone(), written(value)));
        let affinity = field("affinity").unwrap_or_default();
        let required = &affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        let terms = required["nodeSelectorTerms"].as_array();
        let tolerations = field("tolerations").unwrap_or_default();
        let tolerations = tolerations.as_array().into_iter().flatten().map(Toleration::read);
        let name = field("nodeName").and_then(|name| name.as_str().map(str::to_owned));
        Self {
            name: name.filter(|name| !name.is_empty()),
            labels: labels.collect(),
            terms: terms.map(|terms| terms.iter().map(Term::read).collect()),
            tolerations: tolerations.collect(),
            minds_taints: false,
        }
    }

    /// Returns the rules of a pod, which has no more tolerations than these.
    #[must_use]
    pub fn of_pod(self) -> Self {
        Self { minds_taints: true, ..self }
    }

    /// Returns whether every node fits.
    pub fn is_empty(&self) -> bool {
        let asks = self.name.is_some() || !self.labels.is_empty() || self.terms.is_some();
        !asks && !self.minds_taints
    }

    /// Returns the value of a label that every node has which fits, where there is only one.
    pub fn only_value(&self, label: &str) -> Option<&str> {
        let of_terms = || {
            let mut terms = self.terms.iter().flatten().map(|term| term.only_value(label));
            let first = terms.next()??;
            terms.all(|other| other == Some(first)).then_some(first)
        };
        self.labels.get(label).map(String::as_str).or_else(of_terms)
    }

    /// Returns whether a node of that name, with these labels and taints, fits. Who names a node passes the
    /// scheduler by, and with it the taints.
    pub fn fits(&self, name: &str, labels: &BTreeMap<String, String>, taints: &[Taint]) -> bool {
        let repels = |taint: &&Taint| {
            taint.keeps_away() && !self.tolerations.iter().any(|it| it.tolerates(taint))
        };
        if self.minds_taints && self.name.is_none() && taints.iter().any(|taint| repels(&taint)) {
            return false;
        }
        self.name.as_deref().is_none_or(|wanted| wanted == name)
            && self.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.terms.as_ref().is_none_or(|terms| terms.iter().any(|it| it.fits(name, labels)))
    }
}

impl Term {
    fn read(term: &Value) -> Self {
        let all = |list: &str| -> Vec<Requirement> {
            term[list].as_array().into_iter().flatten().map(Requirement::read).collect()
        };
        Self { labels: all("matchExpressions"), fields: all("matchFields") }
    }

    fn only_value(&self, label: &str) -> Option<&str> {
        let is_in = |it: &&Requirement| it.key == label && it.operator == "In";
        let values = &self.labels.iter().find(is_in)?.values;
        if let [value] = &values[..] { Some(value) } else { None }
    }

    fn fits(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        let field = |key: &str| (key == "metadata.name").then_some(name);
        let is_empty = self.labels.is_empty() && self.fields.is_empty();
        !is_empty
            && self.labels.iter().all(|it| it.fits(labels.get(&it.key).map(String::as_str)))
            && self.fields.iter().all(|it| it.fits(field(&it.key)))
    }
}

impl Requirement {
    fn read(requirement: &Value) -> Self {
        let text = |name: &str| requirement[name].as_str().unwrap_or_default().to_owned();
        let values = requirement["values"].as_array().into_iter().flatten();
        Self { key: text("key"), operator: text("operator"), values: values.map(written).collect() }
    }

    /// Returns whether a value fits, or that there is none. Nothing fits an operator that does not exist.
    fn fits(&self, value: Option<&str>) -> bool {
        let is_listed = value.is_some_and(|value| self.values.iter().any(|it| it == value));
        let compared = || {
            let limit = self.values.first()?.parse::<i64>().ok()?;
            Some(value?.parse::<i64>().ok()?.cmp(&limit))
        };
        match self.operator.as_str() {
            "In" => is_listed,
            "NotIn" => !is_listed,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            "Gt" => compared().is_some_and(std::cmp::Ordering::is_gt),
            "Lt" => compared().is_some_and(std::cmp::Ordering::is_lt),
            _ => false,
        }
    }
}

/// Returns a value as a label has it: a manifest may have a number there, which the API refuses.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl fmt::Display for NodeRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.iter().map(|name| format!("nodeName {name}"));
        let labels = self.labels.iter().map(|(key, value)| format!("{key}={value}"));
        let terms = self.terms.iter().map(|terms| {
            let terms: Vec<String> = terms.iter().map(Term::to_string).collect();
            terms.join(" or ")
        });
        let tolerations: Vec<String> = self.tolerations.iter().map(Toleration::to_string).collect();
        let some = (!tolerations.is_empty()).then(|| tolerations.join(", "));
        let tolerations = format!("tolerations: {}", some.as_deref().unwrap_or("-"));
        let tolerations = self.minds_taints.then_some(tolerations);
        let all = name.chain(labels).chain(terms).chain(tolerations);
        f.write_str(&all.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.labels.iter().chain(&self.fields).map(Requirement::to_string);
        f.write_str(&all.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.operator)?;
        if self.values.is_empty() { Ok(()) } else { write!(f, " ({})", self.values.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(spec: &Value, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        NodeRules::read(|name| spec.get(name).cloned()).fits("n1", &labels.collect(), &[])
    }

    fn with_terms(terms: &Value) -> Value {
        json!({ "affinity": { "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms },
        } } })
    }

    #[test]
    fn every_label_of_a_selector_must_be_there() {
        let arm = json!({ "nodeSelector": { "kubernetes.io/arch": "arm64", "pool": "a" } });
        assert!(fits(&arm, &[("kubernetes.io/arch", "arm64"), ("pool", "a"), ("x", "y")]));
        assert!(!fits(&arm, &[("kubernetes.io/arch", "arm64")]));
        assert!(!fits(&arm, &[("kubernetes.io/arch", "amd64"), ("pool", "a")]));
        assert!(fits(&json!({}), &[]));
        assert!(fits(&json!({ "nodeName": "n1" }), &[]));
        assert!(!fits(&json!({ "nodeName": "n2" }), &[]));
    }

    #[test]
    fn one_term_of_a_required_affinity_must_hold_whole() {
        let one = |operator: &str, values: &[&str]| {
            let needs = json!({ "key": "zone", "operator": operator, "values": values });
            with_terms(&json!([{ "matchExpressions": [needs] }]))
        };
        for (operator, values, of_a, without) in [
            ("In", &["a", "b"][..], true, false),
            ("NotIn", &["a"], false, true),
            ("Exists", &[], true, false),
            ("DoesNotExist", &[], false, true),
            ("Like", &["a"], false, false),
        ] {
            let spec = one(operator, values);
            assert_eq!(fits(&spec, &[("zone", "a")]), of_a, "{operator}");
            assert_eq!(fits(&spec, &[]), without, "{operator}");
        }
        assert!(fits(&one("Gt", &["3"]), &[("zone", "10")]));
        assert!(!fits(&one("Lt", &["3"]), &[("zone", "10")]));
        let arm = json!({ "key": "arch", "operator": "In", "values": ["arm64"] });
        let ssd = json!({ "key": "disk", "operator": "Exists" });
        let both = with_terms(&json!([{ "matchExpressions": [arm, ssd] }]));
        let either =
            with_terms(&json!([{ "matchExpressions": [arm] }, { "matchExpressions": [ssd] }]));
        assert_eq!(
            (fits(&both, &[("arch", "arm64")]), fits(&either, &[("arch", "arm64")])),
            (false, true)
        );
        // Nothing fits a term without requirements, nor a list without terms.
        assert!(!fits(&with_terms(&json!([{}])), &[]));
        assert!(!fits(&with_terms(&json!([])), &[]));
        let field = json!({ "key": "metadata.name", "operator": "In", "values": ["n1"] });
        assert!(fits(&with_terms(&json!([{ "matchFields": [field] }])), &[]));
    }

    #[test]
    fn a_taint_keeps_pods_away_that_do_not_tolerate_it() {
        let spot = Taint { key: "spot".into(), value: "yes".into(), effect: "NoSchedule".into() };
        let fits = |spec: Value, taint: &Taint| {
            let rules = NodeRules::read(|name| spec.get(name).cloned());
            let on =
                |rules: &NodeRules| rules.fits("n1", &BTreeMap::new(), std::slice::from_ref(taint));
            assert!(on(&rules), "of what is no pod it is not known");
            on(&rules.of_pod())
        };
        let tolerates = |toleration: Value| fits(json!({ "tolerations": [toleration] }), &spot);
        assert!(!fits(json!({}), &spot));
        assert!(fits(json!({ "nodeName": "n1" }), &spot));
        assert!(tolerates(json!({ "operator": "Exists" })));
        assert!(tolerates(json!({ "key": "spot", "operator": "Exists", "effect": "NoSchedule" })));
        assert!(tolerates(json!({ "key": "spot", "value": "yes" })));
        assert!(!tolerates(json!({ "key": "spot", "value": "no" })));
        assert!(!tolerates(json!({ "key": "gpu", "operator": "Exists" })));
        assert!(!tolerates(json!({ "key": "spot", "value": "yes", "effect": "NoExecute" })));
        // A preference is none, and what the node's conditions bring passes.
        let soft = Taint { effect: "PreferNoSchedule".into(), ..spot.clone() };
        let passing = Taint { key: "node.kubernetes.io/unschedulable".into(), ..spot.clone() };
        assert!(fits(json!({}), &soft) && fits(json!({}), &passing));
        assert!(NodeRules::default().is_empty() && !NodeRules::default().of_pod().is_empty());
    }

    #[test]
    fn a_label_that_is_fixed_is_known() {
        let of = |spec: &Value| {
            let rules = NodeRules::read(|name| spec.get(name).cloned());
            rules.only_value("arch").map(str::to_owned)
        };
        let term = |values: &[&str]| json!({ "matchExpressions": [{ "key": "arch", "operator": "In", "values": values }] });
        assert_eq!(of(&json!({ "nodeSelector": { "arch": "arm64" } })).as_deref(), Some("arm64"));
        assert_eq!(of(&with_terms(&json!([term(&["a"]), term(&["a"])]))).as_deref(), Some("a"));
        for terms in [json!([term(&["a"]), term(&["b"])]), json!([term(&["a", "b"])]), json!([{}])]
        {
            assert_eq!(of(&with_terms(&terms)), None, "{terms}");
        }
        assert_eq!(of(&json!({})), None);
    }

    #[test]
    fn what_is_preferred_is_not_required() {
        let preferred = json!({ "affinity": { "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{ "weight": 1, "preference": {} }],
        } } });
        assert!(fits(&preferred, &[]));
    }
}
