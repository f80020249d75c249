//! `check-acr why`: why do pods wait for their images? Those of a cluster, or what a message of the
//! kubelet says, for which no network is used, so that nothing is proven.

use std::{cell::RefCell, env, rc::Rc};

use checks::{
    Message,
    kit::{Target, World, engine::Event, kube::ImagePods},
};

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
        self, credentials,
        node::Footprint,
        pods::{self, Chosen, Found, Limits},
    },
    present::message::MessagePage,
    run::run as run_plans,
    show::{self, Outputs, Progress, message, reference},
    world,
};

/// The most images that are checked.
const MAX_IMAGES: usize = 40;

/// Explains why pods wait, or reads a message.
pub(super) async fn run(args: WhyArgs) -> Result<Exit, String> {
    if let Some(text) = &args.message {
        return read(text, &args).await;
    }
    if !args.files.is_empty() {
        return preflight::run(&args).await;
    }
    let kube = args.kube.options(|name| env::var_os(name));
    let world = world::real(world::roots(vec![], None), None);
    Box::pin(in_world(world, (kube, |_| carry::this_program()), &args)).await
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
    progress: impl Fn(&Event) + Clone + 'static,
    tell: impl Fn(Event) + 'static,
) -> Result<Footprint, String> {
    let tell = Rc::new(tell);
    let cluster = check::target(&args.options, "cluster".to_owned(), None);
    let shown = progress.clone();
    let found = pods::find(cluster, world.clone(), kube.clone(), args.scope()?, move |event| {
        shown(event);
    })
    .await;
    let mut chosen = choose(&found, args);
    if let Some(waiting) = &found.waiting {
        credentials::try_each(waiting, &chosen.targets, &mut chosen.pods, &world).await;
    }
    found.announce(&chosen, &args.flags(), |event| tell(event));
    let here = if args.here {
        chosen.targets.iter().take(MAX_IMAGES).cloned().collect()
    } else {
        chosen.unreadable()
    };
    if !here.is_empty() {
        let told = tell.clone();
        let mut wanted = args.options.wanted();
        if !args.here {
            wanted.only.insert("image".to_owned());
        }
        run_plans(here, world.clone(), &wanted, move |event| told(event.clone())).await;
    }
    let Some(api) = found.api.clone().filter(|_| !args.here && !chosen.nodes.is_empty()) else {
        return Ok(Footprint::default());
    };
    let node_args = args.of_nodes(chosen.nodes.clone());
    let mut run = node::prepare(chosen.targets, world, (kube, own), &node_args);
    run.api = Some(api);
    run.settings.asked = chosen.asked;
    run.settings.request.choice = checks::kit::kube::NodeChoice::OfPods(chosen.nodes);
    let told = tell.clone();
    Ok(join::node::look(run, move |event| told(event)).await)
}

/// Chooses the images and the nodes. A command that repeats the check of an image names its nodes.
fn choose(found: &Found, args: &WhyArgs) -> Chosen {
    /// How many nodes such a command names.
    const MAX_NAMED: usize = 3;
    let limits = Limits { images: MAX_IMAGES, nodes: args.max_nodes.into() };
    found.choose(limits, |image, pods: &ImagePods| {
        let target = check::target(&args.options, image.to_owned(), None);
        if args.here {
            return target;
        }
        let nodes = pods.nodes.keys().take(MAX_NAMED).cloned().collect();
        let flags = args.of_nodes(nodes).flags().into_iter().chain(target.flags).collect();
        Target { flags, ..target }
    })
}
