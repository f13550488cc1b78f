//! The command line as a person or a script meets it: the real program, its output and its exit codes.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers and all")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn runnel(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runnel"));
    command.arg("--home").arg(home).stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    runnel(home.path()).args(arguments).output().unwrap()
}

#[test]
fn help_and_version_succeed_on_standard_output() {
    let help = run(&["--help"]);
    assert!(help.status.success());
    for command in ["doctor", "publish", "watch", "demo", "man", "completions"] {
        assert!(text(&help.stdout).contains(command), "{command} is missing from the help");
    }
    assert!(!text(&help.stdout).contains("serve-embedded"), "what is for ourselves is hidden");
    let version = run(&["--version"]);
    assert_eq!(text(&version.stdout).trim(), concat!("runnel ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_code_2_and_says_what_is_legal() {
    let output = run(&["demo", "--size", "641x361"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("expected even WIDTHxHEIGHT"), "{}", text(&output.stderr));
}

#[test]
fn failures_are_one_line_with_a_next_step() {
    let output = run(&["watch", "a b", "--headless"]);
    assert_eq!(output.status.code(), Some(1));
    let words = text(&output.stderr);
    assert_eq!(words.lines().count(), 1, "{words}");
    assert!(words.starts_with("runnel: ") && words.contains("expected"), "{words}");
    let output = run(&["publish", "--server", "not an address", "--channel", "ann", "--source", "test"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("is not an address"), "{}", text(&output.stderr));
}

#[test]
fn completions_and_pages_are_made() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success() && text(&output.stdout).contains("runnel"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(run(&["man", &folder.path().to_string_lossy()]).status.success());
    assert!(folder.path().join("runnel-demo.1").exists());
}

/// Processes whose command line names this folder.
#[cfg(target_os = "linux")]
fn processes_about(folder: &Path) -> Vec<String> {
    let needle = folder.to_string_lossy().into_owned();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let line = |entry: std::fs::DirEntry| {
        let line = text(&std::fs::read(entry.path().join("cmdline")).ok()?).replace('\0', " ");
        line.contains(&needle).then_some(line)
    };
    entries.filter_map(line).collect()
}

/// The demo's first lines come at once; and when it dies without a word, none of its processes stays.
#[cfg(target_os = "linux")]
#[test]
fn a_demo_that_is_killed_leaves_nothing_running() {
    use std::io::{BufRead, BufReader, Read};
    use std::time::Duration;

    let (home, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut demo = runnel(home.path())
        .env("TMPDIR", temporary.path())
        .args(["demo", "--viewers", "1", "--seconds", "60", "--size", "320x180", "--fps", "15", "--bitrate", "200"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // All its processes share this end of a pipe, which closes when the last of them is gone.
    let mut shared = demo.stderr.take().unwrap();
    let (gone, all_gone) = std::sync::mpsc::sync_channel(1);
    let reader = std::thread::Builder::new().name("stderr".into()).spawn(move || {
        let mut said = Vec::new();
        let closed = shared.read_to_end(&mut said);
        // The test may have failed meanwhile.
        let _ = gone.send(closed.map(|_| said));
    });
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let server = lines.next().unwrap().unwrap();
    let playlist = lines.next().unwrap().unwrap();
    let url = server.strip_prefix("server: ").unwrap();
    assert_eq!(playlist, format!("playlist: {url}/live/demo/index.m3u8"));
    assert!(!processes_about(temporary.path()).is_empty());
    demo.kill().unwrap();
    demo.wait().unwrap();
    let said = all_gone.recv_timeout(Duration::from_secs(20));
    assert!(said.is_ok(), "still running: {:?}", processes_about(temporary.path()));
    assert_eq!(processes_about(temporary.path()), Vec::<String>::new(), "{}", text(&said.unwrap().unwrap()));
    reader.unwrap().join().unwrap();
}
