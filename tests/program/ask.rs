//! Runs the program against a small misbehaving server.

use super::{
    Said, run,
    server::{Script, serve},
};

/// Runs an anonymous check. It must end in bounded time, and its output must contain no terminal
/// control sequence.
pub fn ask(script: Script) -> Said {
    let asked = format!("{}/team/app:v1", serve(script));
    let began = std::time::Instant::now();
    let said =
        run(&[&asked, "--plain-http", "--timeout", "30s", "-o", "json", "--identity", "anonymous"]);
    assert!(began.elapsed().as_secs() < 40, "it hangs");
    assert!(!said.out.contains('\u{1b}') && said.out.len() < 200_000, "{}", said.out);
    // Each step's line, and no message of the program's own.
    assert!(!said.err.contains("check-acr:") && !said.err.contains('\u{1b}'), "{}", said.err);
    said
}

/// Checks that the pull fails for that one cause.
#[track_caller]
pub fn cannot(script: Script, code: &str) {
    let said = ask(script);
    assert_eq!((said.code, said.causes()), (Some(1), vec![code.to_owned()]), "{}", said.out);
}

/// Signs in with that docker config entry.
pub fn ask_as(entry: &str, script: Script) -> Said {
    let address = serve(script);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    std::fs::write(&config, format!(r#"{{"auths":{{"{address}":{entry}}}}}"#)).unwrap();
    let config = config.to_str().unwrap();
    let asked = format!("{address}/team/app:v1");
    let args =
        [&asked, "--plain-http", "--identity", "docker", "--auth-file", config, "-o", "json"];
    let said = run(&args);
    assert!(!said.out.contains("canary"), "{}", said.out);
    said
}
