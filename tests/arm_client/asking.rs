//! Asks a test's server, in a world that is made for it, and keeps all that is said.

use std::{cell::RefCell, collections::BTreeSet, net::SocketAddr, rc::Rc, time::Duration};

use checks::kit::rules::ResolverOptions;
use checks::kit::{
    Cloud, Cx, Plan, RegistryOrImage, Secret, Step, Target, World,
    azure::arm::{Arm, SignInError},
    engine::{EventKind, Vantage},
    rules::Platform,
    target::{ControlPlane, SignIn},
    world::Proxies,
};
use tokio::task::LocalSet;

use super::server::{NAMES, Reply, Script, Server};

/// The address that every name has in these worlds.
const ADDRESS: [u8; 4] = [10, 0, 0, 4];

/// A question, what came of it, and all that was said and sent meanwhile.
pub struct Asked<T> {
    pub got: T,
    /// The events, as lines, and the debug form of the world and the answer.
    pub said: String,
    /// The exchanges: to whom, what, what came.
    pub exchanges: Vec<String>,
    /// The requests that the server got, whole.
    pub requests: Vec<String>,
    /// The requests for a token that it granted, whole.
    pub granted: Vec<String>,
}

/// Returns a world with a service principal in its environment, whose names lead to the server.
pub fn world(server: &Server) -> World {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(server.authority.clone()).unwrap();
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let route = (SocketAddr::from((ADDRESS, 443)), server.address);
    World {
        name_servers: vec![],
        search: vec![],
        ndots: 1,
        resolver: ResolverOptions::default(),
        hosts: NAMES.iter().map(|name| ((*name).to_owned(), vec![ADDRESS.into()])).collect(),
        routes: [route].into(),
        roots: roots.into(),
        clock_ahead: jiff::SignedDuration::ZERO,
        in_pod: false,
        on_node: false,
        node_root: "/".into(),
        variables: [set("AZURE_CLIENT_ID", "client"), set("AZURE_TENANT_ID", "tenant")].into(),
        client_secret: Some(Secret::new("canary-client-secret")),
        azure_cli: false,
        proxies: Proxies::default(),
        containerd: std::cell::OnceCell::new(),
        containerd_proxies: std::cell::OnceCell::new(),
        containerd_trust: std::cell::OnceCell::new(),
        provider: std::cell::OnceCell::new(),
        units: checks::kit::world::Units::default(),
        namesakes: checks::kit::world::Namesakes::default(),
        docker_configs: vec![],
        files: std::collections::HashMap::new(),
        fake_disk: None,
        paths: std::collections::HashMap::new(),
    }
}

/// Runs a question in that world as a step of a plan.
pub async fn run<T: std::fmt::Debug + 'static>(
    world: World,
    ask: impl AsyncFn(&Cx) -> T + 'static,
) -> (T, String, Vec<String>) {
    let target = Target {
        text: "contoso".into(),
        asked: RegistryOrImage::read("contoso", Cloud::Public, false),
        is_platform_assumed: false,
        platform: Platform::here(),
        containerd: None,
        full: false,
        response_wait: None,
        sign_in: SignIn::default(),
        control_plane: ControlPlane::default(),
        flags: vec![],
        own_flags: vec![],
        named_at: vec![],
        uses: checks::kit::target::ManifestUses::default(),
    };
    let shown = format!("{world:?}");
    let (said, exchanges) = (Rc::new(RefCell::new(shown)), Rc::new(RefCell::new(vec![])));
    let (tell, exchanged) = (said.clone(), exchanges.clone());
    let listener = Rc::new(move |event: checks::kit::engine::Event| {
        *tell.borrow_mut() += &format!("\n{}", serde_json::to_string(&event).unwrap());
        if let EventKind::Exchanged { to, request, response, .. } = event.kind {
            exchanged.borrow_mut().push(format!("{to}: {request} -> {response}"));
        }
    });
    let mut plan = Plan::new(target, Vantage::Here, world, BTreeSet::new(), listener);
    let got = Rc::new(RefCell::new(None));
    let keep = got.clone();
    let step = Step { name: "arm", budget: Duration::from_secs(600) };
    plan.step(step, (), async move |cx: &Cx| {
        let answer = ask(cx).await;
        *keep.borrow_mut() = Some(answer);
        Ok(())
    });
    plan.run(|_| true).await;
    let got = got.take().expect("the question ended");
    let said = format!("{}\n{got:?}", said.borrow());
    (got, said, exchanges.take())
}

/// Asks a server with this script, in a world that `change` makes, and checks that no secret is
/// said.
pub async fn ask_in<T: std::fmt::Debug + 'static>(
    is_secure: bool,
    script: impl Fn(usize, &str, &str) -> Reply + 'static,
    change: impl FnOnce(&mut World),
    ask: impl AsyncFn(&Cx) -> T + 'static,
) -> Asked<T> {
    let script: Script = Rc::new(script);
    let asking = async {
        let server = Server::start(script, is_secure).await;
        let mut world = world(&server);
        change(&mut world);
        let (got, said, exchanges) = run(world, ask).await;
        assert!(!said.contains("canary") && !said.contains('\u{1b}'), "{said}");
        let requests = server.requests.lock().unwrap().clone();
        let granted = server.granted.lock().unwrap().clone();
        Asked { got, said, exchanges, requests, granted }
    };
    LocalSet::new().run_until(asking).await
}

/// Signs in and asks Azure Resource Manager; the server answers by this script.
pub async fn ask<T: std::fmt::Debug + 'static>(
    script: impl Fn(usize, &str, &str) -> Reply + 'static,
    ask: impl AsyncFn(&Cx, &Arm) -> T + 'static,
) -> Asked<T> {
    let asking = async move |cx: &Cx| {
        let arm = signed_in(cx).await.unwrap();
        ask(cx, &arm).await
    };
    ask_in(true, script, |_| (), asking).await
}

/// Signs in to the public cloud.
pub async fn signed_in(cx: &Cx) -> Result<Arm, SignInError> {
    Arm::sign_in(cx, Cloud::Public).await
}
