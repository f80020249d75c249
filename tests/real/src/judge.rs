//! Runs every client on every case and reports who disagrees.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use tokio::sync::Semaphore;

use crate::case::Case;
use crate::tool::{Told, Tool};
use crate::world::World;
use crate::{Answered, Fallible, peer};

/// The results of all clients for one case.
pub struct Row {
    pub case: Case,
    pub image: String,
    pub runtime: Answered,
    pub runtime_took: Duration,
    pub peer: Answered,
    pub tool: Option<Told>,
    pub complaints: Vec<String>,
}

pub async fn all(world: &World, tool: Option<&Tool>, cases: &[Case]) -> Fallible<Vec<Row>> {
    // Pulls mostly wait, some for half a minute. The two clients wait less, and use a processor
    // when they do not wait.
    let (pulls, clients) = (Semaphore::new(12), Semaphore::new(5));
    let rows = stream::iter(cases.iter().map(|case| one(world, tool, *case, &pulls, &clients)));
    let rows: Vec<Fallible<Row>> = rows.buffered(cases.len().max(1)).collect().await;
    rows.into_iter().collect()
}

async fn one(
    world: &World,
    tool: Option<&Tool>,
    case: Case,
    pulls: &Semaphore,
    clients: &Semaphore,
) -> Fallible<Row> {
    let image = case.image(&world.made[&case.slug()].top);
    let runtime = world.runtime(case.lane)?;
    let containerd = async {
        let _turn = pulls.acquire().await;
        let start = Instant::now();
        (runtime.pull(&image, case.login).await, start.elapsed())
    };
    let peer = async {
        let _turn = clients.acquire().await;
        peer::ask(&world.folder, case.lane, &image, case.login).await
    };
    let told = async {
        let tool = tool?;
        let _turn = clients.acquire().await;
        Some(tool.ask(&case.slug(), case.lane, &image, case.login).await)
    };
    let ((runtime, runtime_took), peer, tool) = futures::join!(containerd, peer, told);
    let complaints = complaints(&case, &runtime, &peer, tool.as_ref());
    Ok(Row { case, image, runtime, runtime_took, peer, tool, complaints })
}

/// Returns every way in which the results differ from the table.
pub fn complaints(
    case: &Case,
    runtime: &Answered,
    peer: &Answered,
    tool: Option<&Told>,
) -> Vec<String> {
    let expected = case.codes.is_empty();
    let mut wrong = Vec::new();
    if runtime.can != expected {
        wrong.push(format!("containerd {}, the table says it {}", can(runtime.can), can(expected)));
    }
    if !runtime.words.contains(case.says) {
        wrong.push(format!(
            "containerd's words do not contain {:?}: it fails for another reason",
            case.says
        ));
    }
    match (peer.can == runtime.can, case.peer_differs) {
        (false, None) => {
            wrong.push(format!("the peer {}, containerd {}", can(peer.can), can(runtime.can)))
        }
        (true, Some(_)) => wrong.push("the peer was said to differ and does not".to_owned()),
        _ => {}
    }
    let Some(told) = tool else { return wrong };
    let (verdict, exit) = match (case.undecided, runtime.can) {
        (true, _) => ("could-not-tell", 3),
        (false, true) => ("pull", 0),
        (false, false) => ("no", 1),
    };
    if told.can != verdict {
        wrong.push(format!("check-acr says {:?}, it should be {verdict:?}", told.can));
    }
    if told.exit != Some(exit) {
        wrong.push(format!("check-acr exits with {:?}, not {exit}", told.exit));
    }
    let (named, other) = match case.undecided {
        true => (&told.could_not_tell, &told.codes),
        false => (&told.codes, &told.could_not_tell),
    };
    let right = match named.as_slice() {
        [] => case.codes.is_empty(),
        [one] => case.codes.contains(&one.as_str()),
        _ => false,
    };
    if !right || !other.is_empty() {
        wrong.push(format!(
            "check-acr's causes are {:?}, and it could not tell {:?}; it should be {:?}",
            told.codes, told.could_not_tell, case.codes
        ));
    }
    if told.warnings != case.warns {
        wrong
            .push(format!("check-acr warns of {:?}, it should be {:?}", told.warnings, case.warns));
    }
    if told.leaks {
        wrong.push("check-acr shows a password or a token".to_owned());
    }
    wrong
}

pub fn can(yes: bool) -> &'static str {
    if yes { "can" } else { "cannot" }
}
