//! A real sound server: what we play is what we hear as desktop sound.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;
use runnel_tests::process::{Process, binary, run};
use runnel_tests::tools;

const PATIENCE: Duration = Duration::from_secs(90);

/// PulseAudio with one output that plays to nobody, in a folder of its own.
fn sound_server(home: &tempfile::TempDir, pulseaudio: &std::path::Path) -> Result<Process> {
    let socket = home.path().join("socket");
    let server = Process::start_reading_stderr(
        Command::new(pulseaudio)
            .args([
                "-n",
                "--daemonize=no",
                "--use-pid-file=no",
                "--exit-idle-time=-1",
                "-v",
                "-L",
                "module-null-sink",
                "-L",
            ])
            .arg(format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display()))
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .env("LANG", "C"),
    )?;
    while !server.line(PATIENCE)?.contains("startup complete") {}
    Ok(server)
}

#[test]
fn what_is_played_is_heard_as_desktop_sound() -> Result<()> {
    let Some(pulseaudio) = tools::find("pulseaudio") else {
        tools::skip("desktop sound", "PulseAudio is not installed");
        return Ok(());
    };
    let home = tempfile::tempdir()?;
    let _server = sound_server(&home, &pulseaudio)?;
    let (status, said, errors) = run(
        Command::new(binary("device-lab")?)
            .arg("desktop-sound")
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .env("PULSE_SERVER", format!("unix:{}", home.path().join("socket").display()))
            .stdin(Stdio::null()),
        PATIENCE,
    )?;
    assert!(status.success(), "{said}{errors}");
    Ok(())
}
