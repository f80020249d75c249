//! Looks from the nodes of a cluster: a Job on each of them runs the agent, whose events become
//! those of this run.

mod admission;
mod carried;
mod cleanup;
mod create;
mod events;
mod graft;
mod jobs;
pub(crate) mod manifest;
mod pods;
mod reading;
mod results;
mod rewritten;
mod starts;
pub(crate) mod told;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use checks::{
    data_path::FromNodes,
    kit::{
        Cx, Fact, Plan, Target, World,
        engine::{Event, EventKind, Finding, RunProblem, Vantage},
        kube::{Access, Api, ChosenNode, JobProblem, KubeOptions, NodeRequest, Nodes},
    },
    steps,
};
use serde::Serialize;
use serde_json::Value;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{of_cluster, run_started};
use crate::{run::ends, wait::interrupted};
use admission::Admitted;
use carried::Packages;
pub(crate) use carried::Programs;
pub(crate) use cleanup::cleanup;
use graft::Grafter;
use jobs::{Jobs, Tell};
use manifest::JobSettings;
use starts::Starts;
use told::Told;

/// How long pods may take to start, besides what the agent may take.
const START_WAIT: Duration = Duration::from_secs(60);
/// How long a run that was interrupted may take to delete what it created.
const STOP_WAIT: Duration = Duration::from_secs(25);

/// A run from the nodes of a cluster.
pub(crate) struct NodeRun {
    pub(crate) targets: Vec<Target>,
    pub(crate) world: World,
    /// Which cluster.
    pub(crate) kube: KubeOptions,
    /// The API of the cluster, where it was reached before: then the targets are announced already.
    pub(crate) api: Option<Rc<Api>>,
    /// The Jobs. Their namespace is that of the cluster where none was named.
    pub(crate) settings: JobSettings,
    /// What is carried to the nodes, where no image is named.
    pub(crate) programs: Programs,
    /// Whether the Jobs stay.
    pub(crate) keep: bool,
    /// How long it may take until the Jobs are created.
    pub(crate) reach_timeout: Duration,
    /// How long the agent may take.
    pub(crate) timeout: Duration,
}

/// What a run did in the cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Footprint {
    /// How many Jobs were created.
    pub(crate) created: usize,
    /// How many of them were deleted.
    pub(crate) deleted: usize,
    /// Where.
    pub(crate) namespace: String,
    /// In which cluster: the host of its API.
    pub(crate) cluster: String,
    /// How many requests the API was sent.
    pub(crate) requests: usize,
}

/// What the step of the Jobs passes on.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "they are the names in the step's text")]
struct Reported {
    created: usize,
    reported: usize,
    requests: usize,
    /// What the nodes told.
    #[serde(skip)]
    told: FromNodes,
}

/// Runs the Jobs, and tells each event as it happens.
pub(crate) async fn look(run: NodeRun, tell: impl Fn(Event) + 'static) -> Footprint {
    let NodeRun {
        targets,
        world,
        kube,
        api,
        settings,
        programs,
        keep,
        reach_timeout,
        timeout: agent_timeout,
    } = run;
    let packages = Rc::new(Packages::new(programs, Rc::new(world.clone())));
    let Some(first) = targets.first().cloned() else { return Footprint::default() };
    let tell: Tell = Rc::new(tell);
    let asked = settings.asked.clone();
    let grafter = Rc::new(Grafter::new(&targets, asked, settings.request.pod_network));
    let ids: Vec<String> = targets.iter().map(Target::id).collect();
    if api.is_none() {
        announce(&grafter, &tell);
    }
    // What is found of the cluster concerns every target.
    let (told, last, kept) = (tell.clone(), tell.clone(), Rc::<RefCell<Vec<Event>>>::default());
    let (all, remembered) = (ids.clone(), kept.clone());
    let listener = Rc::new(move |event: Event| {
        all.iter().for_each(|id| told(Event { target: id.clone(), ..event.clone() }));
        if !matches!(event.kind, EventKind::Exchanged { .. }) {
            remembered.borrow_mut().push(event);
        }
    });
    let footprint = Rc::<RefCell<Footprint>>::default();
    let (stop, is_creating) = (Rc::new(Notify::new()), Rc::new(Cell::new(false)));
    let from_nodes = Told::of(&first);
    let hearing = Told::listening(&from_nodes, tell.clone());
    let mut plan =
        Plan::new(first, Vantage::Kubernetes, world, std::collections::BTreeSet::new(), listener);
    let (api, access, nodes, aks) = reach(&mut plan, api, kube, settings.request.clone());
    let tried = settings.clone();
    let admitted = plan.step(
        steps::ADMISSION,
        (&api, &access, &nodes),
        async move |cx: &Cx, api: &Api, access: &Access, nodes: &Nodes| {
            let settings = JobSettings { namespace: access.namespace.clone(), ..tried.clone() };
            admission::try_out(cx, &settings, (api, access), nodes).await
        },
    );
    let (left, stopped, creating) = (footprint.clone(), stop.clone(), is_creating.clone());
    let (on_pod_network, packed) = (settings.request.pod_network, packages.clone());
    let is_carried = settings.request.image.is_none();
    let reported = plan.step(
        steps::JOBS,
        (&api, &access, &nodes, &admitted),
        async move |cx: &Cx, api: &Api, access: &Access, nodes: &Nodes, admitted: &Admitted| {
            creating.set(true);
            if on_pod_network {
                cx.add_finding(JobProblem::PodsOnly {});
            }
            let namespace = access.namespace.clone();
            let mut settings = JobSettings { namespace: namespace.clone(), ..settings.clone() };
            grafter.ask_as_chosen(nodes, &mut settings.asked, &*hearing);
            let (jobs, unread) = Jobs::new(
                (cx, &api.kube),
                &settings,
                &nodes.chosen,
                &grafter,
                &packed,
                &admitted.changed,
                hearing.clone(),
            );
            let outcome = jobs.run(unread, agent_timeout + START_WAIT, &stopped, keep).await;
            let (created, reported) = (outcome.created, outcome.reported);
            let (deleted, requests) = (outcome.deleted, api.kube.requests());
            let cluster = api.host.clone();
            *left.borrow_mut() = Footprint { created, deleted, namespace, cluster, requests };
            let told = from_nodes.borrow().of_nodes(nodes.chosen.len());
            Ok(Reported { created, reported, requests, told })
        },
    );
    if let Some(aks) = aks {
        let told = reported.part(|reported| Ok(reported.told.clone()));
        checks::explain_nodes(&mut plan, &aks, &told);
    }
    let running = Box::pin(run_and_pack(plan, is_carried.then_some(&*packages)));
    if let Some(why) = cut_short(running, reach_timeout, &is_creating, &stop).await {
        for kind in cut_ends(&kept.borrow(), ids.first(), why) {
            ids.iter().for_each(|id| last(of_cluster(id, kind.clone())));
        }
    }
    footprint.take()
}

/// Runs a plan. Packing is begun at once: it takes a while, and so do the steps before the Jobs.
async fn run_and_pack(plan: Plan, packages: Option<&Packages>) {
    let packing = async {
        if let Some(packages) = packages {
            let _ = packages.of(THIS_PROCESSOR).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = plan.run(|_| true) => {}
        () = packing => {}
    }
}

/// Runs a plan to its end, and returns why not, where it is cut short. Until its Jobs are created it may take
/// that long; they have a limit of their own, and what was created is deleted before the end.
async fn cut_short(
    mut running: impl Future<Output = ()> + Unpin,
    reach_timeout: Duration,
    is_creating: &Cell<bool>,
    stop: &Notify,
) -> Option<RunProblem> {
    let takes_too_long = async {
        sleep(reach_timeout).await;
        if is_creating.get() {
            std::future::pending::<()>().await;
        }
    };
    let why = tokio::select! {
        () = &mut running => return None,
        () = takes_too_long => RunProblem::TimeUp { seconds: reach_timeout.as_secs() },
        _ = interrupted() => RunProblem::Interrupted {},
    };
    if is_creating.get() {
        stop.notify_one();
        let _ = timeout(STOP_WAIT, &mut running).await;
    }
    Some(why)
}

/// What a plan knows of a cluster: its API, what we may do there, which nodes look, and what Azure knows
/// of it where Azure says how it is reached.
type Reached = (Fact<Api>, Fact<Access>, Fact<Nodes>, Option<checks::AksFacts>);

/// Plans to reach the cluster; an API that an earlier plan reached is given.
fn reach(
    plan: &mut Plan,
    given: Option<Rc<Api>>,
    kube: KubeOptions,
    request: NodeRequest,
) -> Reached {
    if given.is_none() && kube.in_azure {
        let (api, access, nodes, aks) = checks::aks_nodes(plan, kube, request);
        return (api, access, nodes, Some(aks));
    }
    let api = match given {
        Some(api) => Fact::known(steps::API.name, api),
        None => checks::cluster_api(plan, kube),
    };
    let (access, nodes) = checks::cluster_nodes(plan, &api, request);
    (api, access, nodes, None)
}

/// Tells of each target that the cluster is asked about it.
fn announce(grafter: &Grafter, tell: &Tell) {
    for (id, understood) in &grafter.targets {
        let kind = run_started(understood.clone(), BTreeMap::default());
        tell(of_cluster(id, kind));
    }
}

/// Returns the events that say of a run why it was cut short.
fn cut_ends(events: &[Event], target: Option<&String>, why: RunProblem) -> Vec<EventKind> {
    let why = Finding::from(why);
    let target = target.map(String::as_str).unwrap_or_default();
    let open = ends(events, target, &Vantage::Kubernetes, |_| true, &why);
    if !open.is_empty() {
        return open;
    }
    vec![EventKind::Found { step: steps::JOBS.name.to_owned(), finding: why }]
}

/// Returns what a run would create for these nodes: their Jobs, the ConfigMaps that carry the agent, and
/// the Job that owns them all, whose id it gets when it is created.
///
/// # Errors
/// Returns why the agent cannot be carried.
pub(crate) async fn manifests_of(
    settings: &JobSettings,
    nodes: &[ChosenNode],
    programs: Programs,
    world: World,
) -> Result<Vec<Value>, Finding> {
    let starts = Starts::of(settings, nodes, &Packages::new(programs, Rc::new(world))).await;
    if let Some((_, why)) = starts.unable.first() {
        return Err(why.clone().into());
    }
    let owned = |object: Value| settings.owned(object, "");
    let owner = starts.owner(settings, nodes);
    let maps = starts.maps(settings).into_iter().map(owned);
    let jobs = starts.able.iter();
    let jobs = jobs.map(|(number, start)| owned(settings.job(*number, &nodes[*number], start)));
    Ok(owner.into_iter().chain(maps).chain(jobs).collect())
}

/// Kubernetes' name of the processor that this program is built for.
const THIS_PROCESSOR: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
