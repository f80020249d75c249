//! Serves a scenario to real clients: `cargo run -p lab --example serve -- NAME FOLDER` writes the authority and a docker
//! config into the folder, and serves until it is stopped.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let name = args.next().ok_or("which scenario?")?;
    let folder = PathBuf::from(args.next().ok_or("which folder?")?);
    let scenario = match lab::Scenario::named(&name) {
        Some(scenario) => scenario?,
        None => lab::Scenario::parse(&fs::read_to_string(&name)?)?,
    };
    let lab = lab::serve(&scenario).await?;
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("ca.crt"), &lab.ca_pem)?;
    if let Some(config) = &lab.docker_config {
        fs::write(folder.join("config.json"), config)?;
    }
    fs::write(folder.join("registry"), lab.registry.to_string())?;
    std::future::pending().await
}
