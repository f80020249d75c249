//! A world in the making: a healthy image on a healthy registry, which a kind of fault changes before
//! it is written out as the answers of servers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::blobs::Layer;
use super::hops::{Hop, Takes, led};
use super::parts::{self, Doc, Edit, written};
use super::rng::Rng;
use super::world::{Answer, OTHER_ZONE, Route, World, ZONE};

pub const REPOSITORY: &str = "team/app";
pub const USER: &str = "reader";
pub const PASSWORD: &str = "open-sesame";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Auth {
    Open,
    Basic,
    Bearer,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    Single,
    Index,
    /// An index in an index.
    Nested,
}

/// An answer of the registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// HEAD of the manifest that the image names.
    Head,
    /// GET of it by its tag.
    ByTag,
    /// GET of it by its digest.
    ByDigest,
    /// The manifest between the index and that of the platform.
    Between,
    /// The manifest of the platform, if an index leads to it.
    Child,
    Config,
    Layer(usize),
    /// HEAD of a layer, which containerd never asks.
    HeadLayer(usize),
}

pub type Change = Box<dyn FnOnce(&mut Answer)>;

pub struct Draft {
    pub name: String,
    pub story: Vec<String>,
    pub login: Option<(String, String)>,
    pub auth: Auth,
    pub http2: bool,
    pub chain: String,
    pub is_docker: bool,
    pub by_digest: bool,
    pub full: bool,
    pub shape: Shape,
    pub challenge: Vec<String>,
    /// The host and the path of the token server.
    pub realm: (String, String),
    pub got: Answer,
    pub posted: Answer,
    pub layers: Vec<Layer>,
    /// Entries of the index: those before and those behind the one of this platform.
    pub before: Vec<Value>,
    pub behind: Vec<Value>,
    pub edits: Vec<(Doc, Edit)>,
    pub changes: Vec<(Target, Change)>,
    pub hops: Vec<(Target, Vec<Hop>, Takes)>,
    /// Refusals that end after some requests.
    pub refused: Vec<(Target, Answer, usize)>,
    pub first: Vec<Route>,
}

impl Draft {
    pub fn new(name: &str, rng: &mut Rng) -> Draft {
        let host = format!("{name}.{ZONE}");
        let login = rng.chance(50).then(|| (USER.to_owned(), PASSWORD.to_owned()));
        let auth = match rng.below(10) {
            0 => Auth::Open,
            1 if login.is_some() => Auth::Basic,
            _ => Auth::Bearer,
        };
        let realm = if rng.chance(50) { host.clone() } else { format!("auth-{host}") };
        let realm = (realm, "/token".to_owned());
        let token = format!("t-{name}");
        let challenge = match auth {
            Auth::Open => vec![],
            Auth::Basic => vec![format!("Basic realm=\"{host}\"")],
            Auth::Bearer => vec![format!(
                "Bearer realm=\"https://{}{}\",service=\"{host}\",scope=\"repository:{REPOSITORY}:pull\"",
                realm.0, realm.1
            )],
        };
        let got = json!({ "token": token, "expires_in": 300, "issued_at": "2026-11-01T08:00:00Z" });
        let posted = json!({ "access_token": token, "expires_in": 300, "scope": "" });
        let layers = 1 + rng.below(3);
        let layers = (0..layers).map(|at| Layer::healthy(name, at, rng)).collect();
        Draft {
            name: name.to_owned(),
            story: vec![],
            login,
            auth,
            http2: rng.chance(30),
            chain: String::new(),
            is_docker: rng.chance(30),
            by_digest: rng.chance(20),
            full: rng.chance(15),
            shape: rng.pick(&[Shape::Single, Shape::Index, Shape::Index, Shape::Nested]),
            challenge,
            realm,
            got: Answer::json(200, &got.to_string()),
            posted: Answer::json(200, &posted.to_string()),
            layers,
            before: vec![],
            behind: vec![],
            edits: vec![],
            changes: vec![],
            hops: vec![],
            refused: vec![],
            first: vec![],
        }
    }

    pub fn host(&self) -> String {
        format!("{}.{ZONE}", self.name)
    }

    pub fn other_host(&self) -> String {
        format!("{}.{OTHER_ZONE}", self.name)
    }

    pub fn token(&self) -> String {
        format!("t-{}", self.name)
    }

    pub fn tell(&mut self, story: impl Into<String>) {
        self.story.push(story.into());
    }

    pub fn change(&mut self, target: Target, change: impl FnOnce(&mut Answer) + 'static) {
        self.changes.push((target, Box::new(change)));
    }

    pub fn edit(&mut self, doc: Doc, edit: Edit) {
        self.edits.push((doc, edit));
    }

    /// The headers with which the registry lets a client in.
    pub fn lets_in(&self) -> Option<Vec<String>> {
        match self.auth {
            Auth::Open => None,
            Auth::Basic => Some(vec![self.basic()]),
            Auth::Bearer => Some(vec![format!("Bearer {}", self.token())]),
        }
    }

    fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")))
    }

    fn types(&self) -> [&'static str; 3] {
        match self.is_docker {
            true => [
                "application/vnd.docker.distribution.manifest.list.v2+json",
                "application/vnd.docker.distribution.manifest.v2+json",
                "application/vnd.docker.container.image.v1+json",
            ],
            false => [
                "application/vnd.oci.image.index.v1+json",
                "application/vnd.oci.image.manifest.v1+json",
                "application/vnd.oci.image.config.v1+json",
            ],
        }
    }

    fn edits_of(&self, doc: Doc) -> Vec<Edit> {
        self.edits.iter().filter(|(of, _)| *of == doc).map(|(_, edit)| edit.clone()).collect()
    }

    /// The targets that every client asks, in this shape.
    pub fn targets(&self) -> Vec<Target> {
        let mut targets = vec![Target::Head, Target::ByDigest, Target::Config];
        if self.shape != Shape::Single {
            targets.push(Target::Child);
        }
        if self.shape == Shape::Nested {
            targets.push(Target::Between);
        }
        targets.extend((0..self.layers.len()).map(Target::Layer));
        targets
    }

    /// Writes the world out.
    pub fn build(mut self, kind: &str) -> World {
        let [index_type, manifest_type, config_type] = self.types();
        let digest = |layer: &Layer| match layer.is_sha512 {
            true => parts::sha512(&layer.blob),
            false => parts::sha256(&layer.blob),
        };
        let config = written(&self.config(), &self.edits_of(Doc::Config));
        let layers = self.layers.iter().map(|layer| {
            json!({ "mediaType": layer.media_type, "digest": digest(layer), "size": layer.blob.len() })
        });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": manifest_type,
            "config": { "mediaType": config_type, "digest": parts::sha256(&config), "size": config.len() },
            "layers": layers.collect::<Vec<_>>(),
        });
        let manifest = written(&manifest, &self.edits_of(Doc::Manifest));
        let mut chain = vec![(manifest, manifest_type)];
        if self.shape == Shape::Nested {
            chain.insert(0, (self.index(&chain[0], vec![], vec![]), index_type));
        }
        if self.shape != Shape::Single {
            let (before, behind) =
                (std::mem::take(&mut self.before), std::mem::take(&mut self.behind));
            let index = self.index(&chain[0], before, behind);
            let index = written(&index_of(&index), &self.edits_of(Doc::Index));
            chain.insert(0, (index, index_type));
        }
        let host = self.host();
        let top = parts::sha256(&chain[0].0);
        let reference = if self.by_digest { top.clone() } else { "v1".to_owned() };
        let at = |what: &str, reference: &str| format!("/v2/{REPOSITORY}/{what}/{reference}");
        let described = |(bytes, media_type): &(Vec<u8>, &'static str)| {
            Answer::new(200, media_type, bytes).with("Docker-Content-Digest", &parts::sha256(bytes))
        };
        let mut answers =
            vec![(Target::Head, "HEAD", at("manifests", &reference), described(&chain[0]))];
        if !self.by_digest {
            answers.push((Target::ByTag, "GET", at("manifests", "v1"), described(&chain[0])));
        }
        answers.push((Target::ByDigest, "GET", at("manifests", &top), described(&chain[0])));
        let below: &[Target] = match chain.len() {
            1 => &[],
            2 => &[Target::Child],
            _ => &[Target::Between, Target::Child],
        };
        for (target, content) in below.iter().zip(&chain[1..]) {
            answers.push((
                *target,
                "GET",
                at("manifests", &parts::sha256(&content.0)),
                described(content),
            ));
        }
        let octets = "application/octet-stream";
        let blob = |bytes: &[u8]| Answer::new(200, octets, bytes);
        answers.push((Target::Config, "GET", at("blobs", &parts::sha256(&config)), blob(&config)));
        for (number, layer) in self.layers.iter().enumerate() {
            let path = at("blobs", &digest(layer));
            answers.push((Target::Layer(number), "GET", path.clone(), blob(&layer.blob)));
            answers.push((Target::HeadLayer(number), "HEAD", path, blob(&layer.blob)));
        }
        let mut routes = std::mem::take(&mut self.first);
        for (target, change) in std::mem::take(&mut self.changes) {
            let first = answers.iter_mut().find(|(of, ..)| *of == target);
            if let Some((_, _, _, answer)) = first {
                change(answer);
            }
        }
        let inside = self.lets_in();
        for (target, method, path, answer) in answers {
            for (_, refusal, times) in self.refused.iter().filter(|(of, ..)| *of == target) {
                let mut route =
                    Route::new(&host, method, &path, refusal.clone()).given(inside.clone());
                route.times = *times;
                routes.push(route);
            }
            let hops = self.hops.iter().position(|(of, ..)| *of == target);
            let Some((_, hops, takes)) = hops.map(|at| self.hops.swap_remove(at)) else {
                routes.push(Route::new(&host, method, &path, answer).given(inside.clone()));
                continue;
            };
            routes.extend(led(&host, method, &path, answer, &hops, takes, &inside));
        }
        routes.extend(self.doors());
        let digest = if self.by_digest { format!("@{top}") } else { ":v1".to_owned() };
        World {
            image: format!("{host}/{REPOSITORY}{digest}"),
            name: self.name,
            kind: kind.to_owned(),
            story: self.story,
            login: self.login,
            full: self.full,
            http2: self.http2,
            chain: self.chain,
            routes,
            containerd: None,
        }
    }

    fn config(&self) -> Value {
        let ids: Vec<_> = self.layers.iter().map(|layer| layer.diff_id.clone()).collect();
        let history: Vec<_> = ids.iter().map(|_| json!({ "created_by": "ADD file /" })).collect();
        json!({
            "architecture": crate::image::here(), "os": "linux", "created": "2024-01-01T00:00:00Z",
            "config": { "Cmd": ["/hello"], "Env": ["PATH=/bin"], "Labels": { "world": self.name } },
            "history": history, "rootfs": { "type": "layers", "diff_ids": ids },
        })
    }

    fn index(
        &self,
        (bytes, media_type): &(Vec<u8>, &'static str),
        before: Vec<Value>,
        behind: Vec<Value>,
    ) -> Vec<u8> {
        let ours = json!({
            "mediaType": media_type, "digest": parts::sha256(bytes), "size": bytes.len(),
            "platform": { "os": "linux", "architecture": crate::image::here() },
        });
        let manifests: Vec<_> = before.into_iter().chain([ours]).chain(behind).collect();
        let index =
            json!({ "schemaVersion": 2, "mediaType": self.types()[0], "manifests": manifests });
        index.to_string().into_bytes()
    }

    /// What is answered to those who are not let in, and the token server.
    fn doors(&self) -> Vec<Route> {
        let host = self.host();
        let mut routes = vec![];
        if self.auth == Auth::Bearer {
            let (realm, path) = &self.realm;
            let own = match self.login {
                Some(_) => vec![self.basic()],
                None => vec![String::new()],
            };
            routes.push(Route::new(realm, "GET", path, self.got.clone()).given(Some(own)));
            let mut posted = Route::new(realm, "POST", path, self.posted.clone());
            posted.has = format!("password={PASSWORD}");
            routes.push(posted);
            let refused = r#"{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}"#;
            routes.push(Route::new(realm, "", path, Answer::json(401, refused)));
        }
        if self.auth != Auth::Open {
            let refused =
                r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
            let mut answer = Answer::json(401, refused);
            for line in &self.challenge {
                answer = answer.with("WWW-Authenticate", line);
            }
            routes.push(Route::new(&host, "", "/v2/*", answer));
        }
        routes
    }
}

fn index_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}
