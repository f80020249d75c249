//! The names of Docker Hub: what people write, what docker stores credentials under, and the host
//! that serves its images (distribution/reference and docker/cli).

/// The registry of an image that names none.
pub const NAME: &str = "docker.io";
/// The registry's older name.
pub const INDEX: &str = "index.docker.io";
/// The host that serves its images.
pub const SERVER: &str = "registry-1.docker.io";
/// The key under which docker stores its credentials.
pub const CONFIG_KEY: &str = "https://index.docker.io/v1/";
/// Every host that stands for it where somebody wrote a key of credentials.
pub const NAMES: [&str; 4] = [INDEX, NAME, SERVER, "hub.docker.com"];
