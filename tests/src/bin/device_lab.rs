//! The checks that run inside the device lab's guest, one a call: real capture, playout and swarm code on a real
//! V4L2 camera, a real ALSA card and a bad network. `tests/device-lab/inside.sh` calls them, and `tests/tests/sound.rs` the
//! one that needs a sound server.

use std::process::ExitCode;

use anyhow::{Result, bail};
use runnel_tests::device_lab::{camera, network, sound};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match check(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(said) => {
            println!("ok   {}: {said}", arguments.join(" "));
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("FAIL {}: {error:#}", arguments.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn check(arguments: &[&str]) -> Result<String> {
    match arguments {
        ["camera"] => camera::captures(),
        ["camera-unplugged"] => camera::survives_unplugging(),
        ["speaker", rate] => sound::plays(rate.parse()?),
        ["microphone", rate] => sound::records(rate.parse()?),
        ["desktop-sound"] => sound::returns(),
        ["record", file] => network::record(file.as_ref()),
        ["publish", file, address, start] => network::publish(file.as_ref(), address, start.parse()?),
        ["watch", file, address, start] => network::watch(file.as_ref(), address, start.parse()?),
        _ => bail!(
            "usage: camera | camera-unplugged | speaker RATE | microphone RATE | desktop-sound | record FILE | publish FILE ADDRESS START | watch FILE ADDRESS START"
        ),
    }
}
