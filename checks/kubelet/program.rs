//! The credential provider's program, and whether the kubelet can run it.

use super::provider::ProviderFault;
use crate::kit::Cx;

/// The directory of AKS's credential providers. Which directory the kubelet uses is one of its
/// flags.
const FOLDER: &str = "/var/lib/kubelet/credential-provider";

/// How many bytes of a program reveal the machine that it is built for.
const HEADER: u64 = 20;

/// The program, and why it cannot run. Nothing is said where there is no such folder.
pub(super) async fn cannot_run(cx: &Cx, name: &str) -> Option<(String, ProviderFault)> {
    let world = &cx.world;
    let file = world.of_node(FOLDER).join(name);
    let because = |fault| Some((format!("{FOLDER}/{name}"), fault));
    if !world.has_file(&file).await {
        return if world.has_folder(&world.of_node(FOLDER)).await {
            because(ProviderFault::NoSuchFile)
        } else {
            None
        };
    }
    let header = world.read_up_to(&file, HEADER).await.ok()?;
    match machine(&header) {
        Some(machine) if ours().is_some_and(|ours| machine != ours) => {
            because(ProviderFault::OtherMachine)
        }
        _ => None,
    }
}

/// Returns the machine that an ELF file is built for (`e_machine`), in the file's own byte order.
fn machine(header: &[u8]) -> Option<u16> {
    let bytes = [*header.get(18)?, *header.get(19)?];
    match (header.starts_with(b"\x7fELF"), header.get(5)?) {
        (true, 1) => Some(u16::from_le_bytes(bytes)),
        (true, 2) => Some(u16::from_be_bytes(bytes)),
        _ => None,
    }
}

/// Returns the number of this machine. The files are those of this same node.
fn ours() -> Option<u16> {
    match std::env::consts::ARCH {
        "x86_64" => Some(62),
        "aarch64" => Some(183),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_in_a_header() {
        let header = |order: u8, machine: [u8; 2]| {
            let mut header = b"\x7fELF\x02".to_vec();
            header.push(order);
            header.resize(18, 0);
            header.extend(machine);
            header
        };
        assert_eq!(machine(&header(1, [62, 0])), Some(62));
        assert_eq!(machine(&header(2, [0, 62])), Some(62));
        assert_eq!(machine(b"#!/bin/sh\necho hello, world\n"), None);
        assert_eq!(machine(b"\x7fELF"), None);
    }
}
