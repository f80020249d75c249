//! The requests of the API, and their answers.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::admission;
use super::reviews::{permission, review};
use super::selector::{fields_match, labels_match};
use super::settings::{ApiAnswer, KubernetesNode};
use super::{Cluster, TOKEN};
use crate::body::Body;
use crate::form::{pairs, value};
use crate::jwt::{Issuer, verify};
use crate::registry::date;

/// The longest object that is accepted: etcd takes 1.5 MiB, and JSON is longer.
const MAX_OBJECT: usize = 3 << 20;
/// How long after an object what it owns is deleted.
const GARBAGE_WAIT: Duration = Duration::from_millis(20);
/// The permission to ask for one's permissions.
const MAY_ASK: &str = "create selfsubjectaccessreviews.authorization.k8s.io";
/// By which name the cluster knows whoever asks.
const USER: &str = "dev@contoso.com";

/// A resource in a path.
struct Place {
    group: String,
    resource: String,
    namespace: String,
    name: String,
    part: String,
}

impl Place {
    /// Reads `/api/v1/…` and `/apis/GROUP/VERSION/…`.
    fn read(path: &str) -> Option<Self> {
        let mut parts = path.trim_matches('/').split('/');
        let group = match parts.next()? {
            "api" => String::new(),
            "apis" => parts.next()?.to_owned(),
            _ => return None,
        };
        parts.next()?;
        let mut rest: Vec<String> = parts.map(str::to_owned).collect();
        let namespace = if rest.len() > 2 && rest[0] == "namespaces" {
            rest.remove(0);
            rest.remove(0)
        } else {
            String::new()
        };
        let mut rest = rest.into_iter();
        let resource = rest.next()?;
        let (name, part) = (rest.next().unwrap_or_default(), rest.next().unwrap_or_default());
        Some(Self { group, resource, namespace, name, part })
    }
}

/// What a request says beside its path.
struct Asked {
    method: Method,
    query: Vec<(String, String)>,
    body: Value,
}

impl Asked {
    fn field(&self, name: &str) -> &str {
        value(&self.query, name).unwrap_or_default()
    }

    /// Returns how many objects a page has, and how many come before it.
    fn page(&self) -> (usize, usize) {
        let limit = self.field("limit").parse().ok().filter(|limit| *limit > 0);
        (limit.unwrap_or(usize::MAX), self.field("continue").parse().unwrap_or(0))
    }
}

impl Cluster {
    /// Responds to a request.
    pub(crate) async fn ask(self: &Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        match self.settings.answer {
            ApiAnswer::Normal | ApiAnswer::Forbidden => {}
            ApiAnswer::Outage => {
                return failure(500, "InternalError", "etcdserver: request timed out");
            }
            ApiAnswer::Html => return crate::host::portal(),
        }
        let bearer = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        if token != TOKEN && !is_entras(token) {
            return failure(401, "Unauthorized", "Unauthorized");
        }
        if self.settings.answer == ApiAnswer::Forbidden {
            let said = format!("forbidden: User \"{USER}\" cannot get path \"/version\"");
            return failure(403, "Forbidden", &said);
        }
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.map(http_body_util::Collected::to_bytes);
        let bytes = bytes.unwrap_or_default();
        if bytes.len() > MAX_OBJECT {
            return failure(
                413,
                "RequestEntityTooLarge",
                "Request entity too large: limit is 3145728",
            );
        }
        let asked = Asked {
            method: parts.method,
            query: pairs(parts.uri.query().unwrap_or("")),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        };
        let path = parts.uri.path();
        if path == "/version" {
            let version = json!({ "major": "1", "minor": "34", "gitVersion": "v1.34.4" });
            return success(200, &version);
        }
        match Place::read(path) {
            Some(place)
                if place.resource == "selfsubjectaccessreviews"
                    && !self.settings.denied.contains(&MAY_ASK.to_owned()) =>
            {
                success(201, &review(&self.settings, asked.body))
            }
            Some(place) if place.resource == "selfsubjectreviews" => {
                let mut review = asked.body;
                review["status"] = json!({ "userInfo": { "username": USER } });
                success(201, &review)
            }
            Some(place) => self.resource(&place, asked),
            None => failure(404, "NotFound", "the server could not find the requested resource"),
        }
    }

    fn resource(self: &Arc<Self>, place: &Place, asked: Asked) -> Response<Body> {
        let is_watch = ["1", "true"].contains(&asked.field("watch"));
        let verb = match asked.method {
            Method::GET if is_watch => "watch",
            Method::GET if place.name.is_empty() => "list",
            Method::GET => "get",
            Method::POST => "create",
            Method::DELETE => "delete",
            _ => return failure(405, "MethodNotAllowed", "the server does not allow this method"),
        };
        let Place { group, resource, namespace, name, part } = place;
        self.store().collect_garbage();
        if self.settings.denied.contains(&permission(verb, resource, part, group)) {
            let group = if group.is_empty() { "" } else { group };
            let said = format!(
                "{resource} is forbidden: User \"{USER}\" cannot {verb} resource \
                 \"{resource}\" in API group \"{group}\" in the namespace \"{namespace}\""
            );
            return failure(403, "Forbidden", &said);
        }
        let failing = self.settings.fails.get(&permission(verb, resource, part, group));
        if let Some(status) = failing.copied() {
            let (reason, said) = match status {
                400 => (
                    "BadRequest",
                    "unable to parse requirement: found ',', expected: identifier after ','",
                ),
                401 => ("Unauthorized", "Unauthorized"),
                429 => ("TooManyRequests", "Too many requests, please try again later."),
                _ => ("InternalError", "etcdserver: request timed out"),
            };
            return failure(status, reason, said);
        }
        match (verb, resource.as_str()) {
            ("list" | "get", "nodes") => self.nodes(name, &asked),
            ("create", "jobs" | "pods" | "configmaps" | "deployments" | "cronjobs") => {
                self.create(place, asked)
            }
            ("watch", _) => {
                let after = asked.field("resourceVersion").parse().unwrap_or_default();
                let selector = asked.field("labelSelector");
                let feed = self.store().watch(resource, namespace, selector, after);
                respond(200, Body::feed(feed))
            }
            ("list", _) => {
                let fields = asked.field("fieldSelector");
                let fits = |object: &Value| fields_match(object, fields);
                let (limit, begin) = asked.page();
                let labels = asked.field("labelSelector");
                let (items, next) =
                    self.store().page(resource, namespace, labels, fits, (begin, limit));
                let version = self.store().version();
                success(
                    200,
                    &json!({
                        "kind": "List",
                        "metadata": { "resourceVersion": version, "continue": next },
                        "items": items,
                    }),
                )
            }
            ("get", _) if part == "log" => match self.store().log(resource, namespace, name) {
                Some(_)
                    if asked.field("container").is_empty()
                        && self.store().has_several(namespace, name) =>
                {
                    let said = format!("a container name must be specified for pod {name}");
                    failure(400, "BadRequest", &said)
                }
                Some(log) => respond(200, Body::whole(log)),
                None => missing(resource, name),
            },
            ("get", _) => match self.store().get(resource, namespace, name) {
                Some(object) => success(200, object),
                None => missing(resource, name),
            },
            ("delete", _) if !self.settings.deletes => {
                failure(500, "InternalError", "etcdserver: request timed out")
            }
            ("delete", _) => match self.delete(resource, namespace, name) {
                Some(object) => success(200, &object),
                None => missing(resource, name),
            },
            _ => failure(404, "NotFound", "the server could not find the requested resource"),
        }
    }

    /// Deletes an object at once, and what it owns before the next request: a watch is told a moment later.
    fn delete(self: &Arc<Self>, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let own = Arc::clone(self);
        tokio::spawn(async move {
            sleep(GARBAGE_WAIT).await;
            own.store().collect_garbage();
        });
        self.store().remove(kind, namespace, name)
    }

    fn create(self: &Arc<Self>, place: &Place, asked: Asked) -> Response<Body> {
        let Place { resource, namespace, .. } = place;
        let place_of = (resource.as_str(), namespace.as_str());
        let is_dry = asked.field("dryRun") == "All";
        let mut object = asked.body;
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if !self.settings.namespaces.contains(namespace) {
            return missing("namespaces", namespace);
        }
        if is_dry && self.settings.no_dry_runs {
            let said = "admission webhook \"mutate.contoso.com\" does not support dry run";
            return failure(400, "BadRequest", said);
        }
        if let Some(refused) = self.settings.refuses.get(resource).filter(|refused| {
            !refused.late && (refused.image.is_empty() || names(&object, &refused.image))
        }) {
            let reason = if refused.status == 403 { "Forbidden" } else { "" };
            return failure(refused.status, reason, &refused.message.replace("NAME", &name));
        }
        object["metadata"]["namespace"] = namespace.as_str().into();
        if let Err(said) = admission::admit(&self.settings, &self.store(), place_of, &mut object) {
            return failure(403, "Forbidden", &said);
        }
        if is_dry {
            return success(201, &object);
        }
        let mut store = self.store();
        if store.get(resource, namespace, &name).is_some() {
            let said = format!("{resource} \"{name}\" already exists");
            return failure(409, "AlreadyExists", &said);
        }
        let object = store.put(resource, object);
        drop(store);
        if resource == "jobs" {
            self.start(&object);
        }
        success(201, &object)
    }

    /// Returns a node's settings.
    pub(super) fn node(&self, name: &str) -> Option<&KubernetesNode> {
        let nodes = &self.settings.nodes;
        nodes.get(name).or_else(|| {
            let (base, _) = name.rsplit_once('-')?;
            nodes.get(base).filter(|node| node.copies > 1)
        })
    }

    fn nodes(&self, name: &str, asked: &Asked) -> Response<Body> {
        if !name.is_empty() {
            return match self.node(name) {
                Some(node) => success(200, &node_object(name, node)),
                None => missing("nodes", name),
            };
        }
        let named = self.settings.nodes.iter().flat_map(|(name, node)| {
            let copy = move |number| (format!("{name}-{number}"), node);
            let copies = (node.copies > 1).then(|| (0..node.copies).map(copy));
            let single = (node.copies == 1).then(|| (name.clone(), node));
            copies.into_iter().flatten().chain(single)
        });
        let selector = asked.field("labelSelector");
        // Of thousands of nodes only those of the page are made.
        let fits = |(name, node): &(String, &KubernetesNode)| {
            selector.is_empty() || labels_match(&node_object(name, node), selector)
        };
        let (limit, begin) = asked.page();
        let mut named = named.filter(fits).skip(begin);
        let page = named.by_ref().take(limit);
        let items: Vec<Value> = page.map(|(name, node)| node_object(&name, node)).collect();
        let next = named.next().map_or_else(String::new, |_| (begin + items.len()).to_string());
        success(
            200,
            &json!({
                "kind": "NodeList", "apiVersion": "v1",
                "metadata": { "resourceVersion": "1", "continue": next },
                "items": items,
            }),
        )
    }
}

/// Returns whether Entra ID issued a token for the application of every AKS API server.
fn is_entras(token: &str) -> bool {
    let claims = verify(Issuer::Entra, token).unwrap_or_default();
    claims["aud"].as_str() == Some("6dae42f8-4368-4678-94ff-3960e28e3630")
}

fn node_object(name: &str, node: &KubernetesNode) -> Value {
    let ready = if node.ready { "True" } else { "Unknown" };
    let images = node.images.iter().enumerate();
    let images: Vec<Value> = images
        .map(|(place, name)| json!({ "names": [name], "sizeBytes": 700_000 * (place + 1) }))
        .collect();
    let os_image =
        if node.os == "windows" { "Windows Server 2022 Datacenter" } else { "Ubuntu 24.04.3 LTS" };
    json!({
        "kind": "Node", "apiVersion": "v1",
        "metadata": { "name": name, "labels": node.labels },
        "spec": node.spec(),
        "status": {
            "conditions": [{ "type": "Ready", "status": ready }],
            "nodeInfo": {
                "architecture": node.architecture, "operatingSystem": node.os,
                "osImage": os_image, "kubeletVersion": node.version,
                "containerRuntimeVersion": "containerd://2.2.4",
            },
            "images": images,
        },
    })
}

fn success(status: u16, object: &Value) -> Response<Body> {
    respond(status, Body::whole(serde_json::to_string(object).unwrap_or_default()))
}

fn missing(resource: &str, name: &str) -> Response<Body> {
    failure(404, "NotFound", &format!("{resource} \"{name}\" not found"))
}

fn failure(status: u16, reason: &str, message: &str) -> Response<Body> {
    let said = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": status,
    });
    respond(status, Body::whole(said.to_string()))
}

fn respond(status: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    if let Ok(date) = hyper::header::HeaderValue::from_str(&date(0)) {
        headers.insert(DATE, date);
    }
    response
}

/// Returns whether a container or a volume of an object names an image.
fn names(object: &Value, image: &str) -> bool {
    object.to_string().contains(&format!("\"image\":\"{image}\""))
}
