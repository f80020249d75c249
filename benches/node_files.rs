//! Measures the step that reads a node's files against one plain read of each of them:
//! `cargo bench --bench node_files`.
//!
//! Both are measured in turn in one process, so that other work on the machine slows down both. The
//! benchmark fails when the files add more to the step than so many plain reads of them, or when the step
//! takes more than so much in all.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_macros,
    missing_docs,
    reason = "it is for people to read, and what panics has failed"
)]

use std::{
    fs, hint,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use check_acr::{Wanted, prepare_scenario, run};
use checks::kit::{Target, World, engine::StepEnd};
use lab::Scenario;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

/// How many authorities the system trusts, each in a file of its own and in the bundle.
const AUTHORITIES: usize = 146;
/// How many processes run.
const PROCESSES: u32 = 400;
const RUNS: usize = 41;
/// The most that the files may add to the step, in plain reads of them: one read of each, and the
/// parsing of certificates and settings.
const MOST_READS: f64 = 3.0;
/// The most that the step may take in all.
const MOST: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    println!("node                   files    reads     step   added/reads");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // What a run costs by itself: two processes and no settings.
    let (files, least_read, least_step) = measure(&runtime, 2, 0, vec![]);
    println!("{:21} {files:6} {least_read:8.1?} {least_step:8.1?}", "two processes");
    let mut is_good = true;
    let other_processes = ("400 processes", 0, vec![]);
    for (name, authorities, all) in [other_processes, ("and all settings", AUTHORITIES, settings())]
    {
        let (files, read, step) = measure(&runtime, PROCESSES, authorities, all);
        let added = step.saturating_sub(least_step).as_secs_f64();
        let ratio = added / read.saturating_sub(least_read).as_secs_f64();
        println!("{name:21} {files:6} {read:8.1?} {step:8.1?}   {ratio:11.2}");
        is_good &= ratio <= MOST_READS && step <= MOST;
    }
    println!("\nat most {MOST_READS} plain reads are added, and {MOST:?} in all: {is_good}");
    ExitCode::from(u8::from(!is_good))
}

/// Returns how many files such a node has, and the quickest plain read and the quickest step over
/// them. Both are measured in turn.
fn measure(
    runtime: &tokio::runtime::Runtime,
    processes: u32,
    authorities: usize,
    settings: Vec<(&str, String)>,
) -> (usize, Duration, Duration) {
    let root = tempfile::tempdir().unwrap();
    let files = lay(root.path(), processes, authorities, settings);
    let (target, world) = runtime.block_on(prepared(root.path()));
    let once = |_| {
        let began = Instant::now();
        hint::black_box(files.iter().map(|file| fs::read(file).unwrap()).collect::<Vec<_>>());
        let read = began.elapsed();
        let began = Instant::now();
        runtime.block_on(step(target.clone(), world.clone()));
        (read, began.elapsed())
    };
    let (reads, steps): (Vec<_>, Vec<_>) = (0..RUNS).map(once).unzip();
    (files.len(), reads.into_iter().min().unwrap(), steps.into_iter().min().unwrap())
}

/// Returns an image, and the real world below that root.
async fn prepared(root: &Path) -> (Target, World) {
    let scenario = Scenario::named("node-healthy").unwrap().unwrap();
    let lab = lab::start(&scenario).await.unwrap();
    let (_, mut targets, world) = prepare_scenario(&scenario, &lab, |options| options).unwrap();
    let world = World {
        node_root: root.to_owned(),
        files: [].into(),
        paths: [].into(),
        fake_disk: None,
        name_servers: vec!["10.0.0.4:53".parse().unwrap()],
        ..world
    };
    (targets.remove(0), world)
}

async fn step(target: Target, world: World) {
    let wanted = Wanted {
        only: ["runtime".to_owned()].into(),
        skip: [].into(),
        timeout: Duration::from_secs(60),
        vantage: checks::kit::engine::Vantage::Here,
        labels: [].into(),
    };
    let events = run(vec![target], world, &wanted, |_| {}).await;
    let ended = events.iter().find_map(|event| match &event.kind {
        checks::kit::engine::EventKind::Finished { step, end, .. } if step == "runtime" => {
            Some(end)
        }
        _ => None,
    });
    assert!(matches!(ended, Some(StepEnd::Passed { .. })), "{events:#?}");
    let found = events
        .iter()
        .find(|event| matches!(event.kind, checks::kit::engine::EventKind::Found { .. }));
    assert!(found.is_none(), "{found:#?}");
}

/// Returns the files of a node on which nothing is wrong.
fn settings() -> Vec<(&'static str, String)> {
    let unit = |name: &str| format!("[Service]\nExecStart=/usr/bin/{name}\nRestart=always\n");
    let hosts = "server = 'https://contoso.azurecr.io'\nca = 'ca.crt'\n".to_owned();
    vec![
        ("etc/containerd/config.toml", "version = 2\nimports = ['/etc/containerd/more.toml']\n\
            [plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/etc/containerd/certs.d'\n".to_owned()),
        ("etc/containerd/more.toml", "version = 2\n".to_owned()),
        ("etc/containerd/certs.d/contoso.azurecr.io/hosts.toml", hosts),
        ("etc/containerd/certs.d/contoso.azurecr.io/ca.crt", authority(0)),
        ("etc/systemd/system.conf", "[Manager]\n".to_owned()),
        ("etc/systemd/system.conf.d/proxy.conf", "[Manager]\n".to_owned()),
        ("etc/systemd/system/containerd.service", unit("containerd")),
        ("etc/systemd/system/containerd.service.d/limits.conf", "[Service]\nTasksMax=infinity\n".to_owned()),
        ("etc/systemd/system/kubelet.service", unit("kubelet")),
        ("etc/systemd/system/kubelet.service.d/10.conf", "[Service]\nEnvironmentFile=/etc/environment\n".to_owned()),
        ("etc/environment", "PATH=/usr/bin\n".to_owned()),
    ]
}

/// Writes the files of a node and returns them.
fn lay(
    root: &Path,
    processes: u32,
    authorities: usize,
    settings: Vec<(&str, String)>,
) -> Vec<PathBuf> {
    let mut files: Vec<(String, String)> = vec![
        ("etc/kubernetes/azure.json".into(), "{}".into()),
        ("etc/resolv.conf".into(), "nameserver 10.0.0.4\n".into()),
        ("proc/1/comm".into(), "systemd\n".into()),
        ("proc/stat".into(), "btime 4000000000\n".into()),
    ];
    files.extend(settings.into_iter().map(|(file, text)| (file.to_owned(), text)));
    let programs = [(812, "containerd"), (1399, "kubelet")];
    for (pid, name) in programs {
        let stat = format!("{pid} ({name}) S 1 {}9000 0 0\n", "0 ".repeat(17));
        files.push((format!("proc/{pid}/stat"), stat));
        files.push((format!("proc/{pid}/cmdline"), format!("/usr/bin/{name}\0")));
        files.push((format!("proc/{pid}/cgroup"), format!("0::/system.slice/{name}.service\n")));
        files.push((format!("proc/{pid}/environ"), "PATH=/usr/bin\0".into()));
        files.push((format!("proc/{pid}/comm"), format!("{name}\n")));
    }
    files.extend((2..processes).map(|pid| (format!("proc/{pid}/comm"), "other\n".to_owned())));
    let mut bundle = String::new();
    for number in 0..authorities {
        let pem = authority(number);
        bundle.push_str(&pem);
        files.push((format!("etc/ssl/certs/{number}.pem"), pem));
    }
    if !bundle.is_empty() {
        files.push(("etc/ssl/certs/ca-certificates.crt".into(), bundle));
    }
    let laid = files.into_iter().map(|(file, text)| {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    });
    let laid: Vec<PathBuf> = laid.collect();
    // The step `kubelet` reads this one.
    laid.into_iter().filter(|file| !file.ends_with("azure.json")).collect()
}

fn authority(number: usize) -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, format!("Contoso Root {number}"));
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().pem()
}
