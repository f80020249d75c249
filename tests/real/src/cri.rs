//! The judge: one containerd per lane, used through the kubelet's own interface, CRI `PullImage`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use k8s_cri::v1::image_service_client::ImageServiceClient;
use k8s_cri::v1::runtime_service_client::RuntimeServiceClient;
use k8s_cri::v1::{AuthConfig, ImageSpec, PullImageRequest, VersionRequest};
use tokio::net::UnixStream;
use tokio::process::Command;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::daemon::{Daemon, until};
use crate::lanes::Lane;
use crate::{Answered, Fallible, Login};

/// The result when containerd never responds.
pub const SILENCE: &str = "no answer from containerd in 45 s";

pub struct Runtime {
    /// Keeps the daemon running as long as this value exists.
    _daemon: Daemon,
    channel: Channel,
}

impl Runtime {
    pub async fn start(folder: &Path, lane: Lane) -> Fallible<Runtime> {
        let home = folder.join(format!("containerd-{}", lane.name));
        std::fs::create_dir_all(home.join("certs.d"))?;
        let at = home.display();
        // `native` copies instead of stacking as overlayfs does: it also works if the temporary
        // folder is itself an overlay.
        let config = format!(
            "version = 2\nroot = \"{at}/root\"\nstate = \"{at}/state\"\n[grpc]\naddress = \"{at}/cri.sock\"\n\
             [plugins.\"io.containerd.grpc.v1.cri\".containerd]\nsnapshotter = \"native\"\n\
             [plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"{at}/certs.d\"\n"
        );
        std::fs::write(home.join("config.toml"), config)?;
        let mut command: Command = lane.command(folder, Path::new("containerd"));
        command.arg("--config").arg(home.join("config.toml"));
        let name = format!("containerd-{}", lane.name);
        Runtime::by(&name, folder, command, home.join("cri.sock")).await
    }

    /// Starts a containerd by that command, and waits for it at its socket.
    pub async fn by(
        name: &str,
        folder: &Path,
        command: Command,
        socket: PathBuf,
    ) -> Fallible<Runtime> {
        let daemon = Daemon::start(name, folder, command)?;
        let channel = connect(socket);
        let mut client = RuntimeServiceClient::new(channel.clone());
        until(&daemon.name, Duration::from_secs(60), async || {
            client.version(VersionRequest { version: "v1".into() }).await.is_ok()
        })
        .await
        .map_err(|e| format!("{e}\n{}", daemon.tail(10)))?;
        Ok(Runtime { _daemon: daemon, channel })
    }

    /// Returns containerd's name and version.
    pub async fn version(&self) -> String {
        let mut client = RuntimeServiceClient::new(self.channel.clone());
        match client.version(VersionRequest { version: "v1".into() }).await {
            Ok(v) => format!("{} {}", v.get_ref().runtime_name, v.get_ref().runtime_version),
            Err(e) => e.message().to_owned(),
        }
    }

    pub async fn pull(&self, image: &str, login: Option<Login<'_>>) -> Answered {
        let auth = login.map(|(user, password)| AuthConfig {
            username: user.to_owned(),
            password: password.to_owned(),
            ..Default::default()
        });
        let request = PullImageRequest {
            image: Some(ImageSpec { image: image.to_owned(), ..Default::default() }),
            auth,
            sandbox_config: None,
        };
        let mut client = ImageServiceClient::new(self.channel.clone());
        // containerd waits 30 s for a connection, and forever once it has one. A kubelet gives up
        // at some point, and so does this.
        match tokio::time::timeout(Duration::from_secs(45), client.pull_image(request)).await {
            Ok(Ok(_)) => Answered { can: true, words: "pulled".to_owned() },
            Ok(Err(status)) => Answered { can: false, words: status.message().to_owned() },
            Err(_) => Answered { can: false, words: SILENCE.to_owned() },
        }
    }
}

fn connect(socket: PathBuf) -> Channel {
    let connector = tower::service_fn(move |_: Uri| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://cri.local").connect_with_connector_lazy(connector)
}
