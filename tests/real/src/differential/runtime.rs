//! The judge: one containerd in its default configuration, and the name server of its node.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use k8s_cri::v1::image_service_client::ImageServiceClient;
use k8s_cri::v1::runtime_service_client::RuntimeServiceClient;
use k8s_cri::v1::{AuthConfig, ImageSpec, PullImageRequest, RemoveImageRequest, VersionRequest};
use tokio::net::{UnixStream, lookup_host};
use tokio::process::Command;
use tonic::transport::{Channel, Endpoint, Uri};

use super::server::ADDRESS;
use super::world::{OTHER_ZONE, ZONE};
use crate::Fallible;
use crate::daemon::{Daemon, run, until};
use crate::namespace::bind;
use crate::places::DNS_GOOD;

/// How long containerd may take; then the world is undecided.
const PATIENCE: Duration = Duration::from_secs(40);

pub struct Runtime {
    _daemon: Daemon,
    /// `ctr`, which belongs to it, and its socket.
    ctr: PathBuf,
    socket: PathBuf,
    channel: Channel,
}

/// What containerd made of an image.
#[derive(Clone, Debug)]
pub enum Pulled {
    Yes,
    No(String),
    /// It was still at it.
    Undecided,
}

impl Runtime {
    /// Starts it with a root on a file system in memory, on which overlayfs works.
    pub async fn start(folder: &Path, program: &Path) -> Fallible<Runtime> {
        let home = folder.join("containerd");
        std::fs::create_dir_all(&home)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "tmpfs"]).arg(&home);
        run(mount).await?;
        let at = home.display();
        let mut asked = Command::new(program);
        asked.arg("--version");
        // The format of its file; the names of these plugins are the same.
        let format = if run(asked).await?.contains(" v1.") { 2 } else { 3 };
        let config = format!(
            "version = {format}\nroot = \"{at}/root\"\nstate = \"{at}/state\"\n[grpc]\naddress = \"{at}/cri.sock\"\n[ttrpc]\naddress = \"{at}/ttrpc.sock\"\n\
             [plugins.\"io.containerd.internal.v1.opt\"]\npath = \"{at}/opt\"\n[plugins.\"io.containerd.nri.v1.nri\"]\ndisable = true\n"
        );
        std::fs::write(home.join("config.toml"), config)?;
        let mut command = Command::new(program);
        command.arg("--config").arg(home.join("config.toml"));
        let daemon = Daemon::start("containerd-2", folder, command)?;
        let channel = connect(home.join("cri.sock"));
        let mut client = RuntimeServiceClient::new(channel.clone());
        until(&daemon.name, Duration::from_secs(60), async || {
            client.version(VersionRequest { version: "v1".into() }).await.is_ok()
        })
        .await
        .map_err(|e| format!("{e}\n{}", daemon.tail(10)))?;
        let (ctr, socket) = (program.with_file_name("ctr"), home.join("cri.sock"));
        Ok(Runtime { _daemon: daemon, ctr, socket, channel })
    }

    /// Returns containerd's name and version.
    pub async fn version(&self) -> String {
        let mut client = RuntimeServiceClient::new(self.channel.clone());
        match client.version(VersionRequest { version: "v1".into() }).await {
            Ok(v) => format!("{} {}", v.get_ref().runtime_name, v.get_ref().runtime_version),
            Err(e) => e.message().to_owned(),
        }
    }

    pub async fn pull(&self, image: &str, login: Option<&(String, String)>) -> Pulled {
        let auth = login.map(|(user, password)| AuthConfig {
            username: user.clone(),
            password: password.clone(),
            ..Default::default()
        });
        let image = ImageSpec { image: image.to_owned(), ..Default::default() };
        let request = PullImageRequest { image: Some(image), auth, sandbox_config: None };
        let mut client = ImageServiceClient::new(self.channel.clone());
        match tokio::time::timeout(PATIENCE, client.pull_image(request)).await {
            Ok(Ok(_)) => Pulled::Yes,
            Ok(Err(status)) => Pulled::No(status.message().to_owned()),
            Err(_) => Pulled::Undecided,
        }
    }

    /// Returns whether an image that was pulled is unpacked. `PullImage` also succeeds for what it
    /// takes for no image, and no container can be made of that.
    pub async fn is_unpacked(&self, image: &str) -> Fallible<bool> {
        let mut command = Command::new(&self.ctr);
        command.arg("-a").arg(&self.socket).args(["-n", "k8s.io", "images", "check", "-q"]);
        command.arg(format!("name=={image}"));
        match run(command).await {
            Ok(said) => Ok(said.contains(image)),
            // It has a layer that is named by no digest.
            Err(error) if error.to_string().contains("unable to check") => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub async fn remove(&self, image: &str) {
        let image = Some(ImageSpec { image: image.to_owned(), ..Default::default() });
        let mut client = ImageServiceClient::new(self.channel.clone());
        let _ = client.remove_image(RemoveImageRequest { image }).await;
    }
}

fn connect(socket: PathBuf) -> Channel {
    let connector = tower::service_fn(move |_: Uri| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://cri.local").connect_with_connector_lazy(connector)
}

/// Starts bind9: every name in the two zones is the server's, and no other name exists.
pub async fn names(folder: &Path) -> Fallible<Daemon> {
    let home = folder.join("dns");
    std::fs::create_dir_all(&home)?;
    let top = "$TTL 60\n@ IN SOA ns.dns.test. root.dns.test. 1 60 60 60 60\n@ IN NS ns.dns.test.\n";
    std::fs::write(home.join("all"), format!("{top}@ IN A {ADDRESS}\n* IN A {ADDRESS}\n"))?;
    std::fs::write(home.join("none"), top)?;
    let zone =
        |name: &str, file: &str| format!("zone \"{name}\" {{ type master; file \"{file}\"; }};\n");
    let config = format!(
        "options {{ directory \"{at}\"; pid-file \"{at}/pid\"; session-keyfile \"{at}/session.key\";\n\
         listen-on port 53 {{ {DNS_GOOD}; }}; listen-on-v6 {{ none; }}; recursion yes; dnssec-validation no; }};\n\
         controls {{ }};\n{}{}{}",
        zone(ZONE, "all"),
        zone(OTHER_ZONE, "all"),
        zone(".", "none"),
        at = home.display(),
    );
    std::fs::write(home.join("named.conf"), config)?;
    let mut command = Command::new("named");
    command.args(["-g", "-n", "1", "-c"]).arg(home.join("named.conf"));
    let daemon = Daemon::start("named", folder, command)?;
    let file = folder.join("resolv.conf");
    std::fs::write(&file, format!("nameserver {DNS_GOOD}\n"))?;
    bind(&file, Path::new("/etc/resolv.conf")).await?;
    let name = format!("ready.{ZONE}:443");
    until("the name server", Duration::from_secs(30), async || lookup_host(&name).await.is_ok())
        .await
        .map_err(|e| format!("{e}\n{}", daemon.tail(10)))?;
    Ok(daemon)
}
