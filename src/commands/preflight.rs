//! `check-acr why -f FILE`: can the cluster pull every image that these manifests name?

use std::{
    collections::{BTreeSet, HashMap},
    env, fs,
    path::Path,
};

#[cfg(feature = "lab")]
use checks::kit::engine::Event;
use checks::{
    ImageUse, NamedImages, PodTemplate,
    kit::{
        Target, World,
        rules::Platform,
        sanitize_text,
        target::{ManifestUses, NamedBy, image_of_pod},
    },
    pod_templates,
};

use super::{
    check, inputs,
    named_in::{Images, listed},
    node::{self, Cluster},
};
#[cfg(feature = "lab")]
use crate::run::run as run_plans;
use crate::{Exit, args::WhyArgs, carry, join::preview::Described, wait::no_longer_than};

/// The most that is read of all files.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The most files of a folder.
const MAX_FILES: usize = 500;
/// The most images.
const MAX_IMAGES: usize = 100;

/// What manifests ask for.
pub(super) struct Preflight {
    targets: Vec<Target>,
    described: Described,
}

/// Checks the images of the files from one node of each pool, or from here.
pub(super) async fn run(world: World, args: &WhyArgs) -> Result<Exit, String> {
    let wait = args.options.file_timeout();
    let (mut left, mut read_so_far) = (MAX_BYTES, vec![]);
    for name in &args.files {
        for (file, text) in texts(name, wait).await? {
            left = left
                .checked_sub(text.len() as u64)
                .ok_or_else(|| format!("the manifests are longer than {MAX_BYTES} bytes"))?;
            read_so_far.push((file, text));
        }
    }
    let asked = read(&read_so_far, args)?;
    let kube = args.kube.options(|name| env::var_os(name));
    in_world(asked, world, (kube, |_| carry::this_program()), args).await
}

/// Checks what manifests ask for in this world.
pub(super) async fn in_world(
    asked: Preflight,
    world: World,
    cluster: Cluster,
    args: &WhyArgs,
) -> Result<Exit, String> {
    if args.here {
        return check::in_world(asked.targets, world, &args.options).await;
    }
    let node_args = args.of_nodes(vec![]);
    Box::pin(node::in_world(asked.targets, world, cluster, &node_args, asked.described)).await
}

/// Looks at what manifests ask for.
#[cfg(feature = "lab")]
pub(super) async fn look(
    asked: Preflight,
    world: World,
    cluster: Cluster,
    args: &WhyArgs,
    tell: impl Fn(Event) + 'static,
) {
    if args.here {
        let tell = move |event: &Event| tell(event.clone());
        run_plans(asked.targets, world, &args.options.wanted(), tell).await;
        return;
    }
    let node_args = args.of_nodes(vec![]);
    node::look_with(asked.described, asked.targets, world, cluster, &node_args, tell).await;
}

/// Reads manifests, each with the name of its file.
pub(super) fn read(texts: &[(String, String)], args: &WhyArgs) -> Result<Preflight, String> {
    let (mut images, mut described, mut others) = (Images::default(), Described::default(), vec![]);
    for (file, text) in texts {
        let named = NamedImages::read(text.as_bytes());
        let named = named.map_err(|error| format!("{file}: {error}"))?;
        let of_file = pod_templates(text.as_bytes()).into_iter();
        let lines = lines(&named.uses);
        described
            .pods
            .extend(of_file.map(|pod| PodTemplate { at: places(file, &lines, &pod), ..pod }));
        described.declared.add(text.as_bytes());
        others.extend(named.others.iter().map(|line| format!("{file}:{line}")));
        named.uses.into_iter().for_each(|one| images.add(file, one));
    }
    let others = listed(&others);
    if images.is_empty() {
        let but =
            others.map(|others| format!("; what stands behind `image` is no reference: {others}"));
        return Err(format!("these manifests name no image{}", but.unwrap_or_default()));
    }
    if images.len() > MAX_IMAGES {
        return Err(format!(
            "these manifests name more than {MAX_IMAGES} images; give fewer files"
        ));
    }
    Ok(Preflight { targets: targets(images, others, args), described })
}

/// The lines of a file that name each of its images.
fn lines(named: &[ImageUse]) -> HashMap<&str, BTreeSet<u64>> {
    let mut lines = HashMap::<&str, BTreeSet<u64>>::new();
    for one in named {
        lines.entry(&one.image).or_default().insert(one.line);
    }
    lines
}

/// Returns the lines that name the images of a pod.
fn places(file: &str, lines: &HashMap<&str, BTreeSet<u64>>, pod: &PodTemplate) -> String {
    let its = pod.images.iter().filter_map(|(_, image)| lines.get(image.as_str()));
    let its: BTreeSet<&u64> = its.flatten().collect();
    let its: Vec<String> = its.iter().map(|line| format!("{file}:{line}")).collect();
    listed(&its).unwrap_or_else(|| sanitize_text(file))
}

/// Returns the platform of the nodes that the pods ask for, where they all ask for the same.
fn platform(uses: &ManifestUses) -> Option<Platform> {
    let of = |label| {
        let mut values = uses.nodes.iter().map(|rules| rules.only_value(label));
        let first = values.next()??;
        values.all(|other| other == Some(first)).then_some(first)
    };
    let (os, arch) = (of("kubernetes.io/os"), of("kubernetes.io/arch"));
    let here = Platform::here();
    os.or(arch)?;
    Some(Platform::normal(os.unwrap_or(&here.os), arch.unwrap_or(&here.arch), None, None))
}

/// Returns a target for each image. What is no image is told beside the first of them.
fn targets(images: Images, others: Option<String>, args: &WhyArgs) -> Vec<Target> {
    let is_kept = args.files.iter().all(|file| file.as_os_str() != "-");
    let again = if is_kept { args.flags() } else { vec![] };
    let of_nodes = if args.here { vec![] } else { args.of_nodes(vec![]).flags() };
    let target = |(image, named_at, mut uses): (String, Vec<String>, ManifestUses)| {
        uses.again.clone_from(&again);
        let target = check::target(&args.options, image_of_pod(&image), None);
        let flags = of_nodes.iter().cloned().chain(target.flags).collect();
        let asked = platform(&uses).filter(|_| target.is_platform_assumed);
        let is_platform_assumed = target.is_platform_assumed && asked.is_none();
        let platform = asked.unwrap_or(target.platform);
        Target { named_at, uses, flags, platform, is_platform_assumed, ..target }
    };
    let mut targets: Vec<Target> = images.into_iter().map(target).collect();
    if let Some(first) = targets.first_mut() {
        first.uses.others = others.map(|at| NamedBy { at, ..NamedBy::default() });
    }
    targets
}

/// Returns the texts of a file, of the files of a folder, or of standard input, by their names.
async fn texts(name: &Path, wait: std::time::Duration) -> Result<Vec<(String, String)>, String> {
    if name.as_os_str() == "-" {
        let text = inputs::manifests(wait, MAX_BYTES).await?;
        return Ok(vec![("-".to_owned(), text)]);
    }
    let (what, name) = (name.display().to_string(), name.to_owned());
    no_longer_than(wait, &what, move || {
        if !name.is_dir() {
            return Ok(vec![(sanitize_text(&name.display().to_string()), text_of(&name)?)]);
        }
        let failed = |error: std::io::Error| format!("{}: {error}", name.display());
        let mut files = vec![];
        for entry in fs::read_dir(&name).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
            if ["yaml", "yml", "json"].contains(&kind) {
                files.push(file);
            }
            if files.len() > MAX_FILES {
                return Err(format!("{}: more than {MAX_FILES} manifests", name.display()));
            }
        }
        files.sort_unstable();
        files
            .iter()
            .map(|file| Ok((sanitize_text(&file.display().to_string()), text_of(file)?)))
            .collect()
    })
    .await
}

fn text_of(file: &Path) -> Result<String, String> {
    use std::io::Read;
    let failed = |error: std::io::Error| format!("{}: {error}", file.display());
    let mut bytes = vec![];
    let opened = fs::File::open(file).map_err(failed)?;
    opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| format!("{}: this is not text (UTF-8)", file.display()))
}
