//! Recording onto a disk that runs full: the show goes on, what was recorded plays, and the person is told.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use runnel_tests::demo::isolate;
use runnel_tests::process::{Process, alone, binary, run};
use runnel_tests::tools;

const PATIENCE: Duration = Duration::from_secs(60);

/// Mounts a disk of half a megabyte over `$1` where nobody else sees it, publishes and records onto it, and at the end brings
/// out into `$2` what is there. The disk goes with the process.
const ON_A_SMALL_DISK: &str = r#"
mount -t tmpfs -o size=512k recordings "$1" || exit 77
disk=$1; kept=$2; shift 2
"$@" --record "$disk/show.mp4"
ended=$?
cp "$disk/show.mp4" "$kept"
exit $ended
"#;

/// Whether this machine lets us have a disk of our own.
fn can_mount(unshare: &Path) -> Result<bool> {
    let script = "mount -t tmpfs -o size=64k x /tmp";
    let (status, ..) =
        run(Command::new(unshare).args(["--user", "--map-root-user", "--mount", "sh", "-c", script]), PATIENCE)?;
    Ok(status.success())
}

#[test]
fn a_full_disk_costs_the_rest_of_the_recording_and_nothing_else() -> Result<()> {
    let (Some(unshare), Some(ffmpeg)) = (tools::find("unshare"), tools::find("ffmpeg")) else {
        tools::skip("recording onto a full disk", "unshare or ffmpeg is not installed");
        return Ok(());
    };
    if !can_mount(&unshare)? {
        tools::skip("recording onto a full disk", "this system mounts nothing for us");
        return Ok(());
    }
    let _alone = alone();
    let home = tempfile::tempdir()?;
    let (disk, kept) = (home.path().join("disk"), home.path().join("kept.mp4"));
    std::fs::create_dir(&disk)?;
    std::fs::write(home.path().join("passphrase"), "correct horse battery staple\n")?;
    let mut command = Command::new(unshare);
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", ON_A_SMALL_DISK, "sh"]).arg(&disk).arg(&kept);
    command.arg(binary("runnel")?).args(["publish", "--embedded", "--channel", "full", "--source", "test"]);
    // Twelve seconds at 800 kbit/s are more than twice what fits.
    command.args([
        "--size",
        "320x180",
        "--fps",
        "15",
        "--bitrate",
        "800",
        "--encoder",
        "rav1e:fast",
        "--seconds",
        "12",
    ]);
    command.arg("--passphrase-file").arg(home.path().join("passphrase"));
    isolate(&mut command, &home);
    command.env("RUNNEL_HOME", home.path().join("runnel"));
    let publisher = Process::start_reading_stderr(&mut command)?;
    let mut said = Vec::new();
    let told = loop {
        let line = publisher.line(PATIENCE).with_context(|| format!("after {said:?}"))?;
        if line.contains("the disk is full") {
            break line;
        }
        said.push(line);
    };
    assert!(told.contains("the show goes on") && told.contains("can be played"), "{told}");
    // To its planned end, and in good order.
    assert!(publisher.wait(PATIENCE)?.success(), "the show was cut off");
    let recorded = std::fs::metadata(&kept)?.len();
    ensure!((100_000..=512 * 1024).contains(&recorded), "{recorded} bytes");
    let decoded = run(Command::new(ffmpeg).args(["-v", "error", "-i"]).arg(&kept).args(["-f", "null", "-"]), PATIENCE)?;
    let (status, _, log) = decoded;
    assert!(status.success() && log.trim().is_empty(), "what was recorded does not play: {log}");
    Ok(())
}
