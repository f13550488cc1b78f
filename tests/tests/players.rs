//! What our server serves plays in programs that are not ours: ffmpeg, mpv, and Chromium with hls.js.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use runnel_tests::demo::Demo;
use runnel_tests::process::{alone, run};
use runnel_tests::{browser, tools};

const LIMIT: Duration = Duration::from_secs(90);

/// A demo that lasts longer than the player needs.
fn demo() -> Result<Demo> {
    Demo::start(&["--viewers", "1", "--seconds", "60", "--size", "640x360", "--bitrate", "800"])
}

#[test]
fn ffmpeg_plays_the_servers_stream() -> Result<()> {
    let Some(ffmpeg) = tools::find("ffmpeg") else {
        tools::skip("ffmpeg", "it is not installed");
        return Ok(());
    };
    let _alone = alone();
    let demo = demo()?;
    let (status, _, log) = run(
        Command::new(ffmpeg)
            .args(["-hide_banner", "-v", "info", "-live_start_index", "-1", "-i", demo.playlist()])
            .args(["-t", "4", "-f", "null", "-"]),
        LIMIT,
    )?;
    assert!(status.success(), "{log}");
    assert!(log.contains("Video: av1") && log.contains("Audio: opus"), "both tracks are there:\n{log}");
    let frames: u32 = log
        .rsplit("frame=")
        .next()
        .and_then(|rest| rest.split_whitespace().next())
        .context("ffmpeg counts frames")?
        .parse()?;
    assert!(frames >= 90, "4 s at 30 frames a second, got {frames}:\n{log}");
    Ok(())
}

#[test]
fn mpv_plays_the_servers_stream() -> Result<()> {
    let Some(mpv) = tools::find("mpv") else {
        tools::skip("mpv", "it is not installed");
        return Ok(());
    };
    let _alone = alone();
    let demo = demo()?;
    let (status, out, log) = run(
        Command::new(mpv)
            .args(["--no-config", "--vo=null", "--ao=null", "--untimed=no", "--length=4", "--msg-level=all=info"])
            .arg(demo.playlist()),
        LIMIT,
    )?;
    let said = format!("{out}{log}");
    assert!(status.success(), "{said}");
    assert!(said.contains("av1") && said.contains("opus"), "both tracks are there:\n{said}");
    assert!(said.contains("End of file") || said.contains("Exiting"), "it played to its end:\n{said}");
    Ok(())
}

#[test]
fn chromium_plays_the_servers_stream_with_low_delay() -> Result<()> {
    let Some(chromium) = tools::find("chromium") else {
        tools::skip("Chromium", "it is not installed");
        return Ok(());
    };
    let _alone = alone();
    let demo = demo()?;
    let report = browser::play(&chromium, demo.playlist(), 5, LIMIT)?;
    assert!(report.errors.is_empty(), "{report:?}");
    assert!(report.played_seconds >= 5.0, "{report:?}");
    assert!(report.frames >= 100 && report.audio_bytes > 0, "{report:?}");
    assert_eq!((report.width, report.height), (640, 360), "{report:?}");
    Ok(())
}
