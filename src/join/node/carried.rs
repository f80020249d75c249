//! What carries the agent to the nodes: ConfigMaps for each kind of processor.

use std::{collections::BTreeMap, path::PathBuf, rc::Rc, sync::Arc};

use checks::kit::{
    World,
    kube::{CarryFault, ChosenNode, JobProblem},
};
use serde_json::{Value, json};
use tokio::{sync::OnceCell, task::spawn_blocking};

use super::manifest::{JobSettings, OURS, RUN, Start};
use crate::carry::{self, Architecture, COMMAND, MOUNT, NotCarried, Package};

/// The longest program that is carried.
const MAX_PROGRAM_BYTES: u64 = 64 * 1024 * 1024;

type Packed = Result<Arc<Package>, JobProblem>;

/// The programs that can be carried.
#[derive(Clone)]
pub(crate) struct Programs {
    /// Returns this program.
    pub(crate) own: fn(Architecture) -> Result<Vec<u8>, NotCarried>,
    /// `--agent`: one for other nodes.
    pub(crate) other: Option<PathBuf>,
}

/// The programs, packed when they are first needed.
pub(super) struct Packages {
    programs: Programs,
    world: Rc<World>,
    cells: [OnceCell<Packed>; 2],
}

impl Packages {
    pub(super) fn new(programs: Programs, world: Rc<World>) -> Self {
        Self { programs, world, cells: [OnceCell::new(), OnceCell::new()] }
    }

    /// Returns what is carried to nodes of that architecture.
    pub(super) async fn of(&self, architecture: &str) -> Packed {
        let unfit = |why: &NotCarried| problem(architecture, why);
        let named = Architecture::named(architecture).map_err(|why| unfit(&why))?;
        let cell = &self.cells[usize::from(named == Architecture::Arm64)];
        let packed = async { self.pack(named).await.map(Arc::new).map_err(|why| unfit(&why)) };
        cell.get_or_init(|| packed).await.clone()
    }

    async fn pack(&self, architecture: Architecture) -> Result<Package, NotCarried> {
        if let Some(file) = &self.programs.other {
            let read = self.world.read_up_to(file, MAX_PROGRAM_BYTES).await;
            let program =
                read.map_err(|error| NotCarried::Unreadable { why: error.to_string() })?;
            match in_background(move || carry::pack(&program, architecture)).await {
                // It is for other nodes than these.
                Err(NotCarried::OtherArchitecture { .. }) => {}
                packed => return packed,
            }
        }
        let own = self.programs.own;
        in_background(move || carry::pack(&own(architecture)?, architecture)).await
    }
}

/// Packing takes a moment of one processor, which must not keep the only thread.
async fn in_background(
    pack: impl FnOnce() -> Result<Package, NotCarried> + Send + 'static,
) -> Result<Package, NotCarried> {
    let packed = spawn_blocking(pack).await;
    packed.unwrap_or_else(|error| Err(NotCarried::NotPacked { why: error.to_string() }))
}

fn problem(architecture: &str, why: &NotCarried) -> JobProblem {
    let (why, said) = match why {
        NotCarried::NoLoader { .. } => (CarryFault::NoLoader, None),
        NotCarried::Unreadable { why } | NotCarried::NotPacked { why } => {
            (CarryFault::Unreadable, Some(why.clone()))
        }
        NotCarried::NotForLinux {} => (CarryFault::NotForLinux, None),
        NotCarried::OtherArchitecture { .. } => (CarryFault::OtherArchitecture, None),
        NotCarried::NotStatic { linker } => (CarryFault::NotStatic, Some(linker.clone())),
        NotCarried::TooLong { bytes } => (CarryFault::TooLarge, Some(format!("{bytes} bytes"))),
    };
    JobProblem::NotCarried { architecture: architecture.to_owned(), why, said }
}

/// Returns the name of one of the ConfigMaps for that kind of processor.
fn map_name(settings: &JobSettings, architecture: &str, map: usize) -> String {
    format!("check-acr-{}-{architecture}-{map}", settings.run)
}

/// Returns what the container of a node starts from: the loader, which so many ConfigMaps hold with the
/// program, in an image that the node has.
pub(super) fn start(
    settings: &JobSettings,
    node: &ChosenNode,
    maps: usize,
) -> Result<Start, JobProblem> {
    let image = node.image.clone().ok_or(JobProblem::NoImage {})?;
    let sources = (0..maps)
        .map(|map| json!({ "configMap": { "name": map_name(settings, &node.architecture, map) } }));
    let volume = json!({
        "name": "check-acr",
        "projected": { "defaultMode": 0o555, "sources": sources.collect::<Vec<_>>() },
    });
    let mount = json!({ "name": "check-acr", "mountPath": MOUNT, "readOnly": true });
    Ok(Start {
        image,
        command: Some(vec![COMMAND.to_owned()]),
        may_pull: false,
        volumes: vec![(volume, mount)],
    })
}

/// Returns the ConfigMaps for that kind of processor.
pub(super) fn maps(settings: &JobSettings, architecture: &str, package: &Package) -> Vec<Value> {
    let map = |(number, files): (usize, &BTreeMap<String, String>)| {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": map_name(settings, architecture, number),
                "namespace": settings.namespace,
                "labels": { OURS.0: OURS.1, RUN: settings.run },
            },
            "immutable": true,
            "binaryData": files,
        })
    };
    package.maps.iter().enumerate().map(map).collect()
}
