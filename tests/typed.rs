//! What people type, and what the options make of it: wrong use, several images, documents.
#![cfg(feature = "lab")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod program;

use program::{file, program, run, run_with};

#[test]
fn what_cannot_be_a_file_or_a_folder_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let zero = file(folder.path(), "zero.json", b"");
    let folder = folder.path().to_str().unwrap();
    for (option, path, word) in [
        ("--auth-file", "/no/such/file", "there is no such file"),
        ("--auth-file", folder, "this is a folder"),
        ("--auth-file", &zero, "is empty (0 bytes)"),
        ("--node-root", "/no/such/folder", "there is no such folder"),
        ("--node-root", &zero, "this is not a folder"),
    ] {
        let said = run(&["127.0.0.1:1/a:b", option, path]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{option} {path}: {}", said.err);
        assert!(said.err.contains(word) && said.err.contains(path), "{}", said.err);
    }
}

#[test]
fn the_reason_of_a_kubelet_is_no_code() {
    let said = run(&["explain", "ImagePullBackOff"]);
    assert_eq!(said.code, Some(2), "{}", said.out);
    assert!(said.err.contains("check-acr why -n NAMESPACE"), "{}", said.err);
}

/// Nothing listens at the registries that are named here: the step `image` alone is run.
#[test]
fn what_was_typed_is_understood() {
    let message = r#"Failed to pull image "127.0.0.1:1/team/app:v1": rpc error: code = Unknown"#;
    for (typed, asked) in [
        (message, "127.0.0.1:1/team/app:v1"),
        ("/subscriptions/0/resourceGroups/g/providers/x/registries/contoso", "contoso"),
    ] {
        let said = run(&[typed, "--only", "image", "-o", "json"]);
        assert_eq!(said.json()["targets"][0]["target"]["asked"], asked, "{}", said.err);
        assert!(said.err.contains(asked), "{}", said.err);
    }
    for (typed, word) in [
        ("contoso.azurecr.io/", "contoso.azurecr.io"),
        ("contoso.azurecr.io/team/app:v1/", "contoso.azurecr.io/team/app:v1"),
        ("\"contoso.azurecr.io/team/app:v1\"", "contoso.azurecr.io/team/app:v1"),
        ("image: contoso.azurecr.io/team/app:v1", "contoso.azurecr.io/team/app:v1"),
        ("oci://contoso.azurecr.io/team/app:v1", "contoso.azurecr.io/team/app:v1"),
        ("contoso.azurecr.io/team/app:$(TAG)", "placeholder"),
        ("contoso.azurecr.io/{{ .Values.image }}", "placeholder"),
        ("contoso.azurecr.io/team/app@sha256:abc", "digest"),
        ("contoso.azurecr.io/team/app:", "nothing follows the colon"),
        (&format!("contoso.azurecr.io/team/app:{}", "x".repeat(200)), "128 characters"),
    ] {
        let said = run(&[typed, "--only", "image"]);
        assert_eq!(said.code, Some(1), "{typed}: {}", said.out);
        let words = |text: &str| text.split_whitespace().collect::<String>();
        assert!(words(&said.out).contains(&words(word)), "{typed}: {}", said.out);
    }
    let untagged = run(&["127.0.0.1:1/team/app", "--only", "image"]);
    assert!(untagged.out.contains("latest is assumed"), "{}", untagged.out);
    let ignored = run(&["--cloud", "china", "127.0.0.1:1/a:b", "--only", "image"]);
    assert!(ignored.err.contains("--cloud china is ignored"), "{}", ignored.err);
    let alone = run(&["-", "-"]);
    assert!(alone.code == Some(2) && alone.err.contains("stands alone"), "{}", alone.err);
    for port in ["99999", "0"] {
        let said = run(&[&format!("127.0.0.1:{port}/x:v1"), "-o", "json"]);
        assert_eq!(said.causes(), ["image/ref-invalid"], "{port}");
    }
    for (near, command) in [("lsit", "list"), ("completion", "completions"), ("mann", "man")] {
        let said = run(&[near, "--only", "image"]);
        let hint = format!("did you mean the command `{command}`");
        assert!(said.err.contains(&hint), "{}", said.err);
    }
    let pulled = run(&["docker", "pull", "contoso.azurecr.io/a:b"]);
    assert!(pulled.code == Some(2) && pulled.err.contains("`check-acr contoso.azurecr.io/a:b`"));
}

#[test]
fn several_images_come_as_arguments_or_as_lines() {
    let lines = b"127.0.0.1:1/a:b\n\n# a comment\n  127.0.0.1:1/c:d  \n";
    let said = run_with(&["-", "--only", "image", "-o", "json"], lines);
    let asked = |said: &program::Said| {
        let targets = said.json()["targets"].as_array().unwrap().clone();
        let asked =
            |target: &serde_json::Value| target["target"]["asked"].as_str().unwrap().to_owned();
        targets.iter().map(asked).collect::<Vec<_>>()
    };
    assert_eq!(asked(&said), ["127.0.0.1:1/a:b", "127.0.0.1:1/c:d"]);
    let messages = br#"127.0.0.1:1/a:b
Back-off pulling image "127.0.0.1:1/c:d"
Failed to pull image "127.0.0.1:1/e:f": failed to pull and unpack image "127.0.0.1:1/e:f": x
"#;
    let said = run_with(&["-", "--only", "image", "-o", "json"], messages);
    assert_eq!(asked(&said), ["127.0.0.1:1/a:b", "127.0.0.1:1/c:d", "127.0.0.1:1/e:f"]);
    let both = String::from_utf8(messages.to_vec()).unwrap();
    let said = run(&[both.split_once('\n').unwrap().1, "--only", "image", "-o", "json"]);
    assert_eq!(asked(&said), ["127.0.0.1:1/c:d", "127.0.0.1:1/e:f"]);
    for (lines, word) in [(&b"\n#\n"[..], "names no image"), (b"\xff", "not text")] {
        let said = run_with(&["-"], lines);
        assert!(said.code == Some(2) && said.err.contains(word), "{}", said.err);
    }
}

#[test]
fn a_recording_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let recording = path.to_str().unwrap();
    run(&["lab", "-o", &format!("events={recording}")]);
    let before = std::fs::read(&path).unwrap();
    let said = run(&["show", recording, "-o", &format!("json={recording}")]);
    assert!(said.code == Some(2) && said.err.contains("the recording itself"), "{}", said.err);
    // Nor is a report, where the recording is not there.
    let said = run(&["show", "/no/such/file", "-o", &format!("json={recording}")]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(!before.is_empty() && std::fs::read(&path).unwrap() == before);
}

#[test]
fn quiet_says_the_verdict_and_the_first_fix() {
    let said = run(&["lab", "tag-missing", "-q"]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.starts_with("cannot pull") && said.out.lines().count() < 12, "{}", said.out);
    assert_eq!(run(&["lab", "-q"]).out.lines().count(), 2);
}

#[test]
fn colour_and_signs_are_what_the_terminal_takes() {
    assert!(run(&["lab", "--color", "always"]).out.contains('\u{1b}'));
    assert!(!run(&["lab", "--no-color"]).out.contains('\u{1b}'));
    let plain = program(&["lab", "tag-missing"]).env("LC_ALL", "C").output().unwrap();
    assert!(plain.stdout.is_ascii(), "{}", String::from_utf8_lossy(&plain.stdout));
}

#[test]
fn the_lab_takes_the_options_of_a_check() {
    let said =
        run(&["lab", "tag-missing", "--skip", "layer", "--platform", "linux/arm64", "-o", "json"]);
    assert_eq!(said.json()["targets"][0]["target"]["platform"], "linux/arm64", "{}", said.err);
    let only = run(&["lab", "tag-missing", "--only", "dns"]);
    assert!(only.code == Some(3) && !only.out.contains("token"), "{}", only.out);
    let anonymous = run(&["lab", "--identity", "anonymous", "-o", "json"]);
    assert_eq!(anonymous.causes(), ["token/anonymous-pull-disabled"]);
    for option in ["--auth-file", "--node-root", "--ca-file"] {
        let said = run(&["lab", option, "/etc/hosts"]);
        assert!(said.code == Some(2) && said.err.contains(option), "{}", said.err);
    }
}

#[test]
fn documents_are_made_from_the_options() {
    assert!(run(&["completions", "bash"]).out.contains("--auth-file"));
    assert!(run(&["man"]).out.contains("auth\\-file"));
    let version = run(&["--version"]).out;
    assert!(version.contains(env!("CARGO_PKG_VERSION")) && version.contains('('), "{version}");
    let help = run(&["--help"]).out;
    assert!(help.contains("Examples:") && help.contains("Who signs in:"), "{help}");
}

#[test]
fn a_prefix_and_a_bare_name_are_looked_up() {
    assert!(run(&["explain", "dns"]).out.contains("dns/nxdomain-registry"));
    let bare = run(&["explain", "nxdomain-registry"]);
    assert!(bare.code == Some(0) && bare.out.contains("dns/nxdomain-registry"), "{}", bare.err);
}

#[test]
fn what_no_node_could_look_at_is_refused_before_a_cluster_is_asked() {
    // There is no such kubeconfig, which would be could-not-tell.
    let nowhere = ["--kubeconfig", "/no/such/kubeconfig"];
    for (args, word) in [
        (
            &["node", "contoso.azurecr.io/Team/App:v1"][..],
            "did you mean contoso.azurecr.io/team/app:v1?",
        ),
        (&["node", "contoso.azurecr.io/team/app:"], "invalid image reference"),
        (&["node", "--lang", "ko", "contoso.azurecr.io/team/app:"], "잘못된 이미지 참조"),
        (
            &["node", "contoso.eastus.data.azurecr.io/team/app:v1"],
            "did you mean contoso.azurecr.io",
        ),
    ] {
        let said = run(&[args, &nowhere].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{args:?}: {}", said.err);
        assert!(said.err.contains(word), "{args:?}: {}", said.err);
    }
    let said = run(&["aks", "-g", "a", "-n", "b", "--acr", "contoso.azurecr.io/team/app:"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{}", said.err);
    let said = run(&[&["node", "contoso.azurecr.io/team/app:v1"][..], &nowhere].concat());
    assert_eq!(said.code, Some(3), "{}", said.err);
}

#[test]
fn permissions_that_mean_nothing_are_refused() {
    for (args, word) in [
        (&["rbac", "--for", ""][..], "it needs a name"),
        (&["rbac", "--for", " "], "it needs a name"),
        (&["rbac", "why", "--for-group", ""], "it needs a name"),
        (&["rbac", "-A"], "check-acr rbac why -A"),
        (&["rbac", "node", "--secrets"], "check-acr rbac why --secrets"),
        (&["rbac", "--here"], "check-acr rbac why --here"),
        (&["rbac", "--manifests"], "check-acr rbac why --manifests"),
    ] {
        let said = run(args);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{args:?}: {}", said.err);
        assert!(said.err.contains(word), "{args:?}: {}", said.err);
    }
    assert_eq!(run(&["rbac", "why", "-A", "--secrets", "--for", "me@contoso.com"]).code, Some(0));
}

#[test]
fn cleanup_speaks_the_language_that_was_chosen() {
    for (lang, word) in [("en", "cannot be read"), ("ko", "읽을 수 없음")] {
        let said = run(&["cleanup", "--kubeconfig", "/no/such/kubeconfig", "--lang", lang]);
        assert_eq!(said.code, Some(3), "{}", said.err);
        assert!(said.err.contains(word), "{}", said.err);
    }
    let cleanup = ["cleanup", "--kubeconfig", "/no/such/kubeconfig"];
    let korean = program(&cleanup).env("LANG", "ko_KR.UTF-8").output().unwrap();
    assert!(String::from_utf8_lossy(&korean.stderr).contains("읽을 수 없음"));
}
