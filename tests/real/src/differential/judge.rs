//! Puts a world to both clients and compares what they say.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::process::Command;

use super::runtime::{Pulled, Runtime};
use super::server::Worlds;
use super::world::World;
use crate::Fallible;
use crate::tool::{Told, told};

pub struct Judge<'a> {
    pub folder: &'a Path,
    pub runtime: &'a Runtime,
    pub tool: &'a Path,
    /// The version of containerd that check-acr is told.
    pub told: Option<&'a str>,
    pub worlds: &'a Worlds,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Agreement {
    Can,
    Cannot,
    CouldNotTell,
    /// check-acr says that the image can be pulled; containerd cannot.
    FalseGreen,
    /// check-acr says that it cannot; containerd can.
    FalseAlarm,
    /// containerd was still waiting when this program gave up.
    Undecided,
    /// check-acr gave no verdict, or one that its exit code contradicts; or containerd does something else
    /// than when the world was kept.
    Broken,
}

impl Agreement {
    pub fn is_right(self) -> bool {
        matches!(
            self,
            Agreement::Can | Agreement::Cannot | Agreement::CouldNotTell | Agreement::Undecided
        )
    }
}

pub struct Verdict {
    pub world: World,
    pub pulled: Pulled,
    pub told: Told,
    pub agreement: Agreement,
    pub log: Vec<String>,
    /// How long containerd took.
    pub took: Duration,
}

impl Judge<'_> {
    pub async fn ask(&self, world: World) -> Fallible<Verdict> {
        let served = self.worlds.open(world.clone());
        let command = self.command(&world)?;
        let start = Instant::now();
        let pulling = async {
            (self.runtime.pull(&world.image, world.login.as_ref()).await, start.elapsed())
        };
        let ((mut pulled, took), told) = futures::join!(pulling, told(command));
        if matches!(pulled, Pulled::Yes) {
            if told.can == "no" && !self.runtime.is_unpacked(&world.image).await? {
                pulled = Pulled::No("pulled, and not unpacked: it is no image".to_owned());
            }
            self.runtime.remove(&world.image).await;
        }
        self.worlds.close(&world.name);
        let is_pulled = matches!(pulled, Pulled::Yes);
        let is_as_kept = world.containerd.as_ref().is_none_or(|was| (was == "pulled") == is_pulled);
        let agreement = match (&pulled, told.can.as_str(), told.exit) {
            (Pulled::Undecided, ..) => Agreement::Undecided,
            _ if !is_as_kept => Agreement::Broken,
            (_, "could-not-tell", Some(3)) => Agreement::CouldNotTell,
            (Pulled::Yes, "pull", Some(0)) => Agreement::Can,
            (Pulled::No(_), "no", Some(1)) => Agreement::Cannot,
            (Pulled::No(_), "pull", Some(0)) => Agreement::FalseGreen,
            (Pulled::Yes, "no", Some(1)) => Agreement::FalseAlarm,
            _ => Agreement::Broken,
        };
        let log = served.log.lock().map(|log| log.clone()).unwrap_or_default();
        Ok(Verdict { world, pulled, told, agreement, log, took })
    }

    fn command(&self, world: &World) -> Fallible<Command> {
        let mut command = self.bare(world)?;
        command.args(["-o", "json"]);
        Ok(command)
    }

    fn bare(&self, world: &World) -> Fallible<Command> {
        let home = self.folder.join(format!("docker-{}", world.name));
        std::fs::create_dir_all(&home)?;
        let host = world.image.split('/').next().unwrap_or_default();
        let auths = match &world.login {
            Some((user, password)) => {
                json!({ host: { "auth": STANDARD.encode(format!("{user}:{password}")) } })
            }
            None => json!({}),
        };
        std::fs::write(home.join("config.json"), json!({ "auths": auths }).to_string())?;
        let mut command = Command::new(self.tool);
        command.arg(&world.image).args(["--timeout", "40s"]).env("DOCKER_CONFIG", home);
        if world.full {
            command.arg("--full");
        }
        if let Some(version) = self.told {
            command.args(["--containerd", version]);
        }
        Ok(command)
    }
}

impl Verdict {
    /// Prints one block: the world, what each client says.
    pub fn print(&self) {
        let World { name, kind, story, full, .. } = &self.world;
        let (own, theirs) = (self.told.took.as_secs_f32(), self.took.as_secs_f32());
        let full = if *full { " --full" } else { "" };
        println!(
            "{:?}  {name} ({kind}){full}, containerd {theirs:.1} s, check-acr {own:.1} s",
            self.agreement
        );
        for line in story {
            println!("    {}", line.chars().take(600).collect::<String>());
        }
        println!("    containerd: {}", self.containerd());
        println!("    check-acr:  {} ({})", self.told.can, self.told.found());
    }

    fn containerd(&self) -> String {
        match &self.pulled {
            Pulled::Yes => "pulled".to_owned(),
            Pulled::No(words) => words.clone(),
            Pulled::Undecided => "no answer".to_owned(),
        }
    }

    /// Returns the world as a file that can be kept and put to both again.
    pub fn kept(&self) -> Fallible<String> {
        let world = World { containerd: Some(self.containerd()), ..self.world.clone() };
        Ok(serde_json::to_string_pretty(&world)? + "\n")
    }

    /// Prints every request, and check-acr's page.
    pub async fn explain(&self, judge: &Judge<'_>) -> Fallible<()> {
        println!("{}", self.kept()?);
        self.log.iter().for_each(|line| println!("{line}"));
        judge.worlds.open(self.world.clone());
        let mut command = judge.bare(&self.world)?;
        command.args(["-v"]);
        let page = command.output().await?;
        println!(
            "{}{}",
            String::from_utf8_lossy(&page.stdout),
            String::from_utf8_lossy(&page.stderr)
        );
        judge.worlds.close(&self.world.name);
        Ok(())
    }
}
