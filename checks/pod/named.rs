//! The images that manifests name, and what is said beside each: who pulls it, how, and on which nodes.

use super::manifests::ACCOUNT;
use crate::kit::{
    rules::{NodeRules, is_object_name, read_reference},
    sanitize_text,
    world::{Lined, Unread, lined_documents},
};

/// The lists of a pod whose members name images.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];
/// The list of a pod whose members may be image volumes.
const VOLUMES: &str = "volumes";

/// One place that names an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageUse {
    /// The image.
    pub image: String,
    /// The line, from 1.
    pub line: u64,
    /// The object, such as `deployment/web`; empty where the document does not say what it is.
    pub object: String,
    /// Its namespace, where the manifest names one.
    pub namespace: Option<String>,
    /// The container or the volume.
    pub container: Option<String>,
    /// Whether it is an image for sure: a pod names it, or it is written with its registry and a tag.
    pub is_certain: bool,
    /// Whether its pull policy is `Never`.
    pub is_never_pulled: bool,
    /// The service account of the pod, where the manifest names one.
    pub account: Option<String>,
    /// Whether it stands where a pod has its images.
    pub is_of_pod: bool,
    /// The pull secrets of the pod.
    pub secrets: Vec<String>,
    /// Whether its list of pull secrets has an entry, if only one without a name.
    pub names_secrets: bool,
    /// Which nodes the pod can be scheduled to.
    pub nodes: NodeRules,
}

/// The images of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamedImages {
    /// Every place that names one.
    pub uses: Vec<ImageUse>,
    /// The lines where a key `image` has a value that is none: a part of one, a placeholder, nothing.
    pub others: Vec<u64>,
}

impl NamedImages {
    /// Finds the images of all documents of a text: the text behind each key `image`, wherever it stands.
    ///
    /// # Errors
    /// Returns why the text cannot be read, without quoting it.
    pub fn read(bytes: &[u8]) -> Result<Self, Unread> {
        let mut found = Self::default();
        for document in lined_documents(bytes)? {
            found.walk(&document, None, &Around::default());
        }
        Ok(found)
    }

    /// Walks a value behind that key; a list stands behind the key of its items.
    fn walk(&mut self, value: &Lined, key: Option<&str>, around: &Around) {
        value.items().iter().for_each(|item| self.walk(item, key, around));
        if value.fields().is_empty() {
            return;
        }
        let within = around.within(value, key);
        let around = within.as_ref().unwrap_or(around);
        for (name, inner) in value.fields() {
            if name == "image" {
                self.image((value, key.unwrap_or_default()), inner, around);
            }
            self.walk(inner, Some(name), around);
        }
    }

    /// Takes what stands behind a key `image` of a holder, which itself stands behind that key.
    fn image(&mut self, (holder, key): (&Lined, &str), value: &Lined, around: &Around) {
        let is_never = |of: &Lined, key: &str| of.text_of(key) == Some("Never");
        // An image volume; others write an image like that, too.
        let reference = value.field("reference");
        let (text, is_of_pod, is_never_pulled) = match reference {
            Some(reference) => (reference, key == VOLUMES, is_never(value, "pullPolicy")),
            // The schema of a field that is named so.
            None if around.is_definition && !value.fields().is_empty() => return,
            None => (value, CONTAINERS.contains(&key), is_never(holder, "imagePullPolicy")),
        };
        let image = text.text().unwrap_or_default();
        if image.trim().is_empty() || !(is_of_pod || read_reference(image).is_ok()) {
            self.others.push(value.line);
            return;
        }
        self.uses.push(ImageUse {
            image: image.to_owned(),
            line: text.line,
            object: around.object.clone(),
            namespace: around.namespace.clone(),
            container: holder.text_of("name").map(sanitize_text),
            is_certain: is_of_pod || is_written_out(image),
            is_never_pulled,
            account: around.account.clone(),
            is_of_pod,
            secrets: around.secrets.clone(),
            names_secrets: around.names_secrets,
            nodes: if is_of_pod { around.nodes.clone().of_pod() } else { around.nodes.clone() },
        });
    }
}

/// Returns whether an image is written with its registry and with a tag or a digest, as hardly anything else
/// is.
fn is_written_out(image: &str) -> bool {
    let Some((host, path)) = image.split_once('/') else { return false };
    (host.contains(['.', ':']) || host == "localhost") && path.contains([':', '@'])
}

/// What is known of the place of a value.
#[derive(Clone, Debug, Default)]
struct Around {
    object: String,
    namespace: Option<String>,
    /// Whether the object defines a kind of objects.
    is_definition: bool,
    account: Option<String>,
    secrets: Vec<String>,
    names_secrets: bool,
    nodes: NodeRules,
}

impl Around {
    /// Returns what is known within fields that stand behind that key, where they say more: an object says
    /// its name, and the spec of a pod its service account, its pull secrets and its nodes.
    fn within(&self, fields: &Lined, key: Option<&str>) -> Option<Self> {
        let metadata = fields.field("metadata");
        let may_be_object = metadata.is_some() || key.is_none_or(|key| key == "items");
        let kind = fields.text_of("kind").filter(|_| may_be_object);
        let account = ACCOUNT.iter();
        let account = account.filter_map(|name| fields.text_of(name)).find(|it| is_object_name(it));
        let secrets = fields.field("imagePullSecrets");
        let nodes = NodeRules::read(|name| fields.field(name).map(Lined::value));
        let says_nodes = nodes != NodeRules::default();
        if kind.is_none() && account.is_none() && secrets.is_none() && !says_nodes {
            return None;
        }
        let mut within = self.clone();
        if let Some(kind) = kind {
            let text = |name: &str| metadata.and_then(|metadata| metadata.text_of(name));
            let name = text("name").unwrap_or_default();
            within.object = sanitize_text(&format!("{}/{name}", kind.to_lowercase()));
            let namespace = text("namespace").filter(|name| is_object_name(name));
            within.namespace = namespace.map(str::to_owned);
            within.is_definition = kind == "CustomResourceDefinition";
        }
        if let Some(account) = account {
            within.account = Some(account.to_owned());
        }
        if let Some(secrets) = secrets {
            let names = secrets.items().iter().filter_map(|it| it.text_of("name").or(it.text()));
            within.names_secrets = !secrets.items().is_empty();
            within.secrets = names.filter(|name| is_object_name(name)).map(str::to_owned).collect();
        }
        if says_nodes {
            within.nodes = nodes;
        }
        Some(within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> NamedImages {
        NamedImages::read(text.as_bytes()).unwrap()
    }

    /// Returns each image with its lines and objects, by name.
    fn shown(found: &NamedImages) -> Vec<(&str, u64, &str)> {
        found.uses.iter().map(|it| (&*it.image, it.line, &*it.object)).collect()
    }

    #[test]
    fn every_image_is_found_with_its_line() {
        let found = read(
            "\
# image: c.io/comment:1
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  template:
    spec:
      initContainers:
        - name: init
          image: 'c.io/init:1'
      containers:
        - image: c.io/app:1  # the app
          name: app
        - { name: log, image: \"c.io/app:10\" }
      volumes:
        - name: model
          image:
            reference: c.io/model:2
---
kind: List
items:
  - kind: CronJob
    metadata: { name: nightly }
    spec: { jobTemplate: { spec: { template: { spec: { containers: [{ image: c.io/app:1 }] } } } } }
---
image: c.io/values:1
",
        );
        let wanted = [
            ("c.io/init:1", 10, "deployment/web"),
            ("c.io/app:1", 12, "deployment/web"),
            ("c.io/app:10", 14, "deployment/web"),
            ("c.io/model:2", 18, "deployment/web"),
            ("c.io/app:1", 24, "cronjob/nightly"),
            ("c.io/values:1", 26, ""),
        ];
        assert_eq!(shown(&found), wanted);
        assert!(found.uses.iter().all(|it| it.is_certain));
        assert_eq!(found.others, [0; 0]);
        let json = r#"{"kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"image":"c.io/a:1"}]}}"#;
        assert_eq!(shown(&read(json)), [("c.io/a:1", 1, "pod/a")]);
    }

    #[test]
    fn an_image_is_found_wherever_it_stands() {
        let deep =
            format!("kind: X\na: {}{{image: c.io/a:1}}{}", "{b: ".repeat(50), "}".repeat(50));
        for text in [
            "kind: Task\nspec: { steps: [{ name: s, image: c.io/a:1 }] }",
            "kind: Workflow\nspec: { templates: [{ container: { image: c.io/a:1 } }] }",
            "kind: Prometheus\nspec: { image: c.io/a:1 }",
            "services: { web: { image: c.io/a:1 } }",
            "spec: { containers: [{ name: a, image: c.io/a:1 }] }",
            "kind: Pod\nspec: { containers: { name: a, image: c.io/a:1 } }",
            "kind: Deployment\nitems: []\nspec: { containers: [{ image: c.io/a:1 }] }",
            "kind: X\nspec: { image: { reference: c.io/a:1 } }",
            "- [{ image: c.io/a:1 }]",
            "a: &a { image: c.io/a:1 }",
            &deep,
        ] {
            let found = read(text);
            assert_eq!(found.uses.len(), 1, "{text}");
            assert!(found.uses[0].is_certain, "{text}");
        }
    }

    #[test]
    fn what_may_be_no_image_is_not_taken_for_one() {
        let found = read(
            "a: { image: ubuntu-2204 }\nb: { image: c.io/team/app }\nc: { image: team/app:1 }",
        );
        assert!(found.uses.iter().all(|it| !it.is_certain), "{found:?}");
        // The same in a pod is one.
        let found = read("containers: [{ image: ubuntu-2204 }, { image: Not An Image }]");
        assert!(found.uses.iter().all(|it| it.is_certain), "{found:?}");
        assert_eq!(found.uses.len(), 2);
    }

    #[test]
    fn a_value_that_is_no_image_is_told() {
        for value in [
            "{ repository: c.io/a, tag: '1' }",
            "https://example.com/logo.png",
            "'{{ .Values.image }}'",
            "1.5",
            "true",
            "[a, b]",
            "",
            "' '",
        ] {
            let found = read(&format!("kind: X\nspec:\n  image: {value}\n"));
            assert_eq!((found.uses.len(), &*found.others), (0, &[3][..]), "{value}");
        }
        let block = read("kind: X\nspec:\n  image:\n    repository: c.io/a\n    tag: 1\n");
        assert_eq!(block.others, [3]);
        let pod =
            read("kind: Pod\nspec: { containers: [{ image: 1.5 }, { name: b }, { image: }] }");
        assert_eq!((pod.uses.len(), &*pod.others), (0, &[2, 2][..]));
        // A definition of a kind has fields of that name.
        let kind =
            "kind: CustomResourceDefinition\nspec: { properties: { image: { type: string } } }";
        assert_eq!(read(kind), NamedImages::default());
    }

    #[test]
    fn the_pod_around_an_image_says_how_it_is_pulled() {
        let found = read(
            "\
kind: Rollout
metadata: { name: web, namespace: shop }
spec:
  template:
    spec:
      imagePullSecrets: [{ name: one }, { name: two }]
      serviceAccountName: puller
      nodeSelector: { kubernetes.io/arch: arm64 }
      containers:
        - { name: app, image: c.io/a:1, imagePullPolicy: Never }
        - { name: log, image: c.io/b:1 }
      volumes: [{ name: model, image: { reference: c.io/m:1, pullPolicy: Never } }]
---
kind: Pod
metadata: { name: plain, namespace: ../x }
spec: { containers: [{ name: app, image: c.io/a:1, imagePullPolicy: Always }] }
",
        );
        let [app, log, model, plain] = &found.uses[..] else { panic!("{found:?}") };
        assert_eq!(
            (app.is_never_pulled, log.is_never_pulled, model.is_never_pulled),
            (true, false, true)
        );
        assert_eq!(
            (&*app.secrets, app.namespace.as_deref()),
            (&["one".into(), "two".into()][..], Some("shop"))
        );
        assert_eq!((app.account.as_deref(), plain.account.as_deref()), (Some("puller"), None));
        assert_eq!(app.nodes.to_string(), "kubernetes.io/arch=arm64, tolerations: -");
        assert_eq!((model.container.as_deref(), &model.nodes), (Some("model"), &app.nodes));
        assert!(
            plain.secrets.is_empty()
                && plain.nodes == NodeRules::default().of_pod()
                && !plain.is_never_pulled
        );
        assert_eq!(plain.namespace, None, "that is no namespace");
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        assert!(NamedImages::read(b"a: [").is_err());
        assert_eq!(read(""), NamedImages::default());
    }
}
