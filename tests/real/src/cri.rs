//! The judge: a containerd for every lane, asked through the kubelet's own door, CRI `PullImage`.

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

/// What stands for its words when it has none.
pub const SILENCE: &str = "no answer from containerd in 45 s";

pub struct Runtime {
    /// Held, so that it lives as long as this.
    _daemon: Daemon,
    channel: Channel,
}

impl Runtime {
    pub async fn start(folder: &Path, lane: Lane) -> Fallible<Runtime> {
        let home = folder.join(format!("containerd-{}", lane.name));
        std::fs::create_dir_all(home.join("certs.d"))?;
        let at = home.display();
        // `native` copies where overlayfs would stack: it also works where the temporary folder is itself an overlay.
        let config = format!(
            "version = 2\nroot = \"{at}/root\"\nstate = \"{at}/state\"\n[grpc]\naddress = \"{at}/cri.sock\"\n\
             [plugins.\"io.containerd.grpc.v1.cri\".containerd]\nsnapshotter = \"native\"\n\
             [plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"{at}/certs.d\"\n"
        );
        std::fs::write(home.join("config.toml"), config)?;
        let mut command: Command = lane.command(folder, Path::new("containerd"));
        command.arg("--config").arg(home.join("config.toml"));
        let daemon = Daemon::start(&format!("containerd-{}", lane.name), folder, command)?;
        let channel = connect(home.join("cri.sock"));
        let mut client = RuntimeServiceClient::new(channel.clone());
        until(&daemon.name, Duration::from_secs(60), async || {
            client.version(VersionRequest { version: "v1".into() }).await.is_ok()
        })
        .await
        .map_err(|e| format!("{e}\n{}", daemon.tail(10)))?;
        Ok(Runtime { _daemon: daemon, channel })
    }

    /// What containerd calls itself.
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
        // It waits 30 s for a connection, and for ever once it has one; a kubelet gives up at some point, and so do we.
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
