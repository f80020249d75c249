//! `check-acr why`: why do pods wait for their images? Those of a cluster, or what a message of the
//! kubelet says, for which no network is used, so that nothing is proven.

use std::{cell::RefCell, env, rc::Rc, time::Duration};

use checks::{
    Message,
    kit::{
        Target, World,
        engine::Event,
        kube::{Api, ImagePods, NodeChoice},
    },
};
use futures::future::join3;

use super::{
    check, inputs,
    node::{self, Cluster},
    preflight,
};
use crate::{
    Exit, Run,
    args::{DEFAULT_TIMEOUT, Format, Output, WhyArgs, called},
    carry,
    join::{
        self,
        control_plane::OfImages,
        credentials,
        gate::Gate,
        node::Footprint,
        pods::{self, Chosen, Found, Limits},
    },
    present::message::MessagePage,
    run::run as run_plans,
    show::{self, Outputs, Progress, message, reference},
    wait::interrupted,
};

/// The most images that are checked.
const MAX_IMAGES: usize = 40;
/// The most images of running pods that are checked, each from one node.
const MAX_RUNNING: usize = 100;

/// Explains why pods wait, or reads a message.
pub(super) async fn run(args: WhyArgs) -> Result<Exit, String> {
    if let Some(text) = &args.message {
        return read(text, &args).await;
    }
    let world = world_of(&args).await?;
    if !args.files.is_empty() {
        return preflight::run(world, &args).await;
    }
    let kube = args.kube.options(|name| env::var_os(name));
    Box::pin(in_world(world, (kube, |_| carry::this_program()), &args)).await
}

/// Returns the world of a look at pods or at manifests: what is of here can be used where here looks.
async fn world_of(args: &WhyArgs) -> Result<World, String> {
    let options = &args.options;
    if !args.here {
        return node::world_of(options);
    }
    // Each of the registries would receive the password.
    let mut unused = vec![(options.username.is_some(), "--username")];
    if args.files.is_empty() {
        // The pods are looked at once, and the kubeconfig is this machine's.
        unused.extend([
            (options.wait.is_some(), "--wait"),
            (options.node_root.is_some(), "--node-root"),
        ]);
    }
    if let Some((_, option)) = unused.iter().find(|(is_given, _)| *is_given) {
        return Err(format!("why cannot use {option}; leave it out"));
    }
    check::world_of(options).await
}

/// Says what the words of a message are, and which failure modes they suspect.
async fn read(text: &str, args: &WhyArgs) -> Result<Exit, String> {
    let text = match text {
        "-" => inputs::message(DEFAULT_TIMEOUT).await?,
        text => text.to_owned(),
    };
    if text.trim().is_empty() {
        return Err("--message is empty; copy it from the events of kubectl describe pod".into());
    }
    let show = &args.options.show;
    let as_json = match &show.output[..] {
        [] | [Output { format: Format::Text, file: None }] => false,
        [Output { format: Format::Json, file: None }] => true,
        _ => return Err("--message prints to standard output, as text or json".into()),
    };
    let lang = show.lang.unwrap_or_else(show::locale);
    let page = MessagePage::of(&Message::read(&text), (checks::messages(), lang), called());
    reference::print_page(&page, as_json, |page| message::text(page, lang));
    // The words alone are never more than a suspicion.
    Ok(Exit::CouldNotTell)
}

/// Explains the pods of that cluster.
pub(super) async fn in_world(
    world: World,
    cluster: Cluster,
    args: &WhyArgs,
) -> Result<Exit, String> {
    let show = &args.options.show;
    args.scope()?;
    let outputs = Outputs::open(show, args.options.file_timeout()).await?;
    let progress = Rc::new(Progress::of(show, &outputs, false));
    let (lines, folded) = (outputs.clone(), Rc::new(RefCell::new(outputs.new_run())));
    let (into, board) = (folded.clone(), progress.clone());
    let looking = look(
        world,
        cluster,
        args,
        move |event| board.take(event),
        move |event: Event| {
            lines.event(&event);
            // What a cluster tells is bounded where it is read.
            into.borrow_mut().take(event).unwrap_or_default();
        },
    );
    let footprint = tokio::select! {
        footprint = looking => footprint?,
        () = progress.keep_drawn() => Footprint::default(),
    };
    drop(progress);
    let run: Run = folded.take();
    let exit = outputs.finish(&outputs.present(&run));
    node::note(&footprint, outputs.lang());
    Ok(exit)
}

/// Looks at the pods, and then at their images. `progress` is shown each event of the cluster once.
pub(super) async fn look(
    world: World,
    (kube, own): Cluster,
    args: &WhyArgs,
    progress: impl Fn(&Event) + 'static,
    tell: impl Fn(Event) + 'static,
) -> Result<Footprint, String> {
    let cluster = check::target(&args.options, "cluster".to_owned(), None);
    let (scope, limit) = (args.scope()?, args.options.file_timeout());
    let found = pods::find(cluster, world.clone(), kube.clone(), scope, limit, progress).await;
    let mut chosen = choose(&found, args);
    let gate = Rc::new(Gate::new(tell));
    let (from_here, from_nodes) = (gate.clone(), gate.clone());
    let told = Rc::new(RefCell::new(Some(OfImages::new(&chosen.targets))));
    let of_nodes = told.clone();
    let here = look_from_here(&chosen, &world, args, move |event| from_here.pass(event));
    let api = found.api.clone().filter(|_| !args.here);
    let nodes = look_from_nodes(api, &chosen, world.clone(), (kube, own), args, move |event| {
        if let Some(told) = of_nodes.borrow_mut().as_mut() {
            told.take(&event);
        }
        from_nodes.pass(event);
    });
    // The credentials are tried meanwhile, so that no host is waited for twice.
    let announce = async {
        let trying = async {
            if let Some(waiting) = &found.waiting {
                let attempts = &waiting.attempts;
                let within = (&world, args.options.timeout());
                credentials::try_each(attempts, &chosen.targets, &mut chosen.pods, within).await;
            }
        };
        let is_stopped = tokio::select! {
            () = trying => false,
            _ = interrupted() => true,
        };
        found.announce(&chosen, &args.flags(), |event| gate.tell(event));
        gate.open();
        is_stopped
    };
    let (footprint, (), is_stopped) = Box::pin(join3(nodes, here, announce)).await;
    if is_stopped && !gate.was_told_of_stop() {
        pods::stopped(&chosen, |event| gate.tell(event));
    }
    let group = found.waiting.as_ref().and_then(|waiting| waiting.node_group.clone());
    if let Some(told) = told.take() {
        let wait = args.options.timeout();
        let tell = move |event| gate.tell(event);
        Box::pin(told.explain(group.as_deref(), &chosen.pods, &world, wait, tell)).await;
    }
    Ok(footprint)
}

/// Checks images from here: all, or those whose names no runtime accepts.
fn look_from_here<T: Fn(Event) + 'static>(
    chosen: &Chosen,
    world: &World,
    args: &WhyArgs,
    tell: T,
) -> impl Future<Output = ()> + use<T> {
    let here = if args.here {
        chosen.targets.iter().take(max_images(args)).cloned().collect()
    } else {
        chosen.unreadable()
    };
    let (world, mut wanted) = (world.clone(), args.options.wanted());
    if !args.here {
        wanted.only.insert("image".to_owned());
    }
    async move {
        if !here.is_empty() {
            run_plans(here, world, &wanted, move |event| tell(event.clone())).await;
        }
    }
}

/// Checks images from the nodes that were chosen.
fn look_from_nodes<T: Fn(Event) + 'static>(
    api: Option<Rc<Api>>,
    chosen: &Chosen,
    world: World,
    cluster: Cluster,
    args: &WhyArgs,
    tell: T,
) -> impl Future<Output = Footprint> + use<T> {
    let node_args = args.of_nodes(chosen.nodes.clone());
    let mut run = node::prepare(chosen.targets.clone(), world, cluster, &node_args);
    run.settings.asked = chosen.asked.clone();
    run.settings.request.choice = NodeChoice::OfPods(chosen.nodes.clone());
    let wait = args.response_wait().map(|seconds| seconds.to_string());
    let wait = wait.into_iter().flat_map(|seconds| ["--response-wait".to_owned(), seconds]);
    run.settings.arguments.extend(wait);
    let is_needed = api.is_some() && !chosen.nodes.is_empty();
    run.api = api;
    async move { if is_needed { join::node::look(run, tell).await } else { Footprint::default() } }
}

const fn max_images(args: &WhyArgs) -> usize {
    if args.all_images { MAX_RUNNING } else { MAX_IMAGES }
}

/// Chooses the images and the nodes. A command that repeats the check of an image names its nodes.
fn choose(found: &Found, args: &WhyArgs) -> Chosen {
    /// How many nodes such a command names.
    const MAX_NAMED: usize = 3;
    let (images, nodes) = (max_images(args), args.max_nodes.into());
    let limits = Limits { images, nodes, once: args.all_images };
    found.choose(limits, |image, pods: &ImagePods| {
        let mut target = check::target(&args.options, image.to_owned(), None);
        target.response_wait = args.response_wait().map(Duration::from_secs);
        if args.here {
            return target;
        }
        let nodes = pods.nodes.keys().take(MAX_NAMED).cloned().collect();
        let flags = args.of_nodes(nodes).flags().into_iter().chain(target.flags).collect();
        Target { flags, ..target }
    })
}
