//! Everything that runs inside the namespaces: the images, the servers that hold them, and the
//! judges.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::try_join_all;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::process::Command;

use crate::Fallible;
use crate::case::{Case, Harm};
use crate::cri::Runtime;
use crate::daemon::{Daemon, run, tail, until};
use crate::image::{Layout, Made, Shape, stored_at};
use crate::lanes::{GOOD, Lane};
use crate::namespace::furnish;
use crate::pki::Leaves;
use crate::places::WRITER;
use crate::storage::Loss;
use crate::{dns, proxies, realm, refusals, registry, shelf, storage};

pub struct World {
    pub folder: PathBuf,
    pub ipv6: bool,
    pub made: BTreeMap<String, Made>,
    pub runtimes: Vec<(&'static str, Runtime)>,
    servers: Vec<Daemon>,
}

impl World {
    pub async fn build(folder: &Path, cases: &[Case]) -> Fallible<World> {
        let leaves = Leaves::new(folder)?;
        let lanes: BTreeMap<&'static str, Lane> =
            cases.iter().map(|c| (c.lane.name, c.lane)).collect();
        for lane in lanes.values().chain([&GOOD]) {
            lane.write(folder)?;
        }
        let ipv6 = furnish(folder).await?;
        mount_own_resolv_conf(folder).await?;

        let mut layout = Layout::new(folder.join("layout"))?;
        let mut made = BTreeMap::new();
        for case in cases {
            made.insert(case.slug(), layout.add(&case.slug(), case.shape)?);
        }
        let layout = layout.close()?;

        let mut servers = vec![dns::start(folder)?];
        servers.extend(registry::start(folder, &leaves, ipv6)?);
        storage::start(registry::root(folder), losses(cases, &made), &leaves).await?;
        realm::start(&leaves).await?;
        refusals::start(&leaves).await?;
        shelf::start(&registry::root(folder), &leaves).await?;
        servers.extend(proxies::start(folder, &leaves).await?);

        let runtimes = try_join_all(lanes.into_iter().map(async |(name, lane)| {
            Ok::<_, crate::Failed>((name, Runtime::start(folder, lane).await?))
        }));
        let pushed = async {
            until(WRITER, Duration::from_secs(30), async || {
                TcpStream::connect(WRITER).await.is_ok()
            })
            .await?;
            push(&layout, cases).await
        };
        let (runtimes, ()) = futures::try_join!(runtimes, pushed)?;
        harm(folder, cases, &made)?;

        let mut world = World { folder: folder.to_owned(), ipv6, made, runtimes, servers };
        world.ready().await?;
        Ok(world)
    }

    /// Checks that every server accepts connections, the name server answers, and none of them has
    /// exited.
    async fn ready(&mut self) -> Fallible<()> {
        let bound = Duration::from_secs(30);
        for server in &self.servers {
            let Some(address) = &server.address else { continue };
            until(address, bound, async || TcpStream::connect(address).await.is_ok())
                .await
                .map_err(|e| format!("{e}\n{}", server.tail(10)))?;
        }
        until("the name server", bound, async || {
            lookup_host("wingtip.registry.test:443").await.is_ok()
        })
        .await
        .map_err(|e| format!("{e}\n{}", self.servers[0].tail(10)))?;
        for server in &mut self.servers {
            if let Some(status) = server.ended() {
                return Err(
                    format!("{} ended ({status}):\n{}", server.name, server.tail(10)).into()
                );
            }
        }
        Ok(())
    }

    pub fn runtime(&self, lane: Lane) -> Fallible<&Runtime> {
        let found =
            self.runtimes.iter().find(|(name, _)| *name == lane.name).map(|(_, runtime)| runtime);
        found.ok_or_else(|| format!("no containerd for {}", lane.name).into())
    }

    /// Returns the last log lines about a host or a repository.
    pub fn log_about(&self, name: &str, about: &str, lines: usize) -> String {
        let text = tail(&self.folder.join(format!("{name}.log")), usize::MAX);
        let found: Vec<&str> = text.lines().filter(|line| line.contains(about)).collect();
        found[found.len().saturating_sub(lines)..].join("\n")
    }
}

/// This process resolves names as well, to know when the name server is ready.
async fn mount_own_resolv_conf(folder: &Path) -> Fallible<()> {
    let mut command = Command::new("mount");
    command.arg("--bind").arg(folder.join("resolv-good.conf")).arg("/etc/resolv.conf");
    run(command).await.map(drop)
}

fn losses(cases: &[Case], made: &BTreeMap<String, Made>) -> BTreeMap<String, Loss> {
    let loss = |case: &Case| match case.harm {
        Harm::Gone => Some(Loss::Gone),
        Harm::Cut => Some(Loss::Cut),
        Harm::Stalled => Some(Loss::Stalled),
        Harm::None | Harm::Deleted | Harm::Altered | Harm::Orphaned => None,
    };
    cases.iter().filter_map(|case| Some((made[&case.slug()].layer.clone(), loss(case)?))).collect()
}

async fn push(layout: &Path, cases: &[Case]) -> Fallible<()> {
    let copies = cases.iter().filter(|case| case.shape != Shape::Nothing).map(|case| {
        let mut command = Command::new("skopeo");
        command.args(["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"]);
        match case.shape {
            Shape::Schema1 => command.args(["--format", "v2s1"]),
            Shape::Docker => command.args(["--format", "v2s2"]),
            Shape::Zstd => command.args(["--dest-compress-format", "zstd"]),
            _ => command.args(["--all", "--preserve-digests"]),
        };
        command.arg(format!("oci:{}:{}", layout.display(), case.slug()));
        command.arg(format!("docker://{WRITER}/{}:v1", case.repository()));
        async { run(command).await.map(drop) }
    });
    stream::iter(copies).buffer_unordered(4).try_collect().await
}

/// Changes images once they are in the registry's storage.
fn harm(folder: &Path, cases: &[Case], made: &BTreeMap<String, Made>) -> Fallible<()> {
    for case in cases {
        let file = || stored_at(&registry::root(folder), &made[&case.slug()].layer);
        match case.harm {
            Harm::Deleted => std::fs::remove_file(file())?,
            Harm::Altered => {
                let mut bytes = std::fs::read(file())?;
                // Changes the content of its one file, so that it is still a tar and only the
                // digest differs.
                bytes[4096] ^= 0xff;
                std::fs::write(file(), bytes)?;
            }
            Harm::Orphaned => {
                let hex = made[&case.slug()].child.trim_start_matches("sha256:").to_owned();
                let revisions = format!(
                    "docker/registry/v2/repositories/{}/_manifests/revisions",
                    case.repository()
                );
                std::fs::remove_dir_all(
                    registry::root(folder).join(revisions).join("sha256").join(hex),
                )?;
            }
            Harm::None | Harm::Gone | Harm::Cut | Harm::Stalled => {}
        }
    }
    Ok(())
}
