//! What the machine plays, recorded through cpal.
//!
//! Linux has a monitor source for each output (PulseAudio, and PipeWire's stand-in for it); on Windows and macOS an output
//! device can be opened as an input.

use crate::capture::microphone::start_input;
use crate::capture::session::Session;
use crate::capture::sound::{self, Direction};
use crate::capture::{CaptureError, CaptureProblem, ProblemKind};

const NAME: &str = "the desktop's sound";

/// Starts capturing what the machine plays.
pub(crate) fn start(session: &mut Session) -> Result<(), CaptureError> {
    start_input(session, "runnel-desktop-audio", Box::new(find))
}

fn find() -> Result<(cpal::Device, String), CaptureProblem> {
    if cfg!(any(target_os = "windows", target_os = "macos")) {
        return sound::find(Direction::Output, None);
    }
    let inputs = sound::list(Direction::Input).map_err(|error| sound::problem(NAME, &error, false))?;
    let output = sound::find(Direction::Output, None).ok().map(|(device, name)| (id(&device), name));
    let names: Vec<(&str, &str)> = inputs.iter().map(|input| (input.id.as_str(), input.name.as_str())).collect();
    let chosen = monitor(&names, output.as_ref().map(|(id, name)| (id.as_str(), name.as_str())));
    match chosen {
        Some(index) => {
            let mut inputs = inputs;
            let chosen = inputs.swap_remove(index);
            Ok((chosen.device, chosen.name))
        }
        None => Err(CaptureProblem::new(
            ProblemKind::Unsupported,
            NAME,
            "no monitor source: it needs PipeWire or PulseAudio",
        )),
    }
}

fn id(device: &cpal::Device) -> String {
    use cpal::traits::DeviceTrait;
    device.id().map(|id| id.id().to_owned()).unwrap_or_default()
}

/// The input that monitors the given output, else the first that monitors any.
fn monitor(inputs: &[(&str, &str)], output: Option<(&str, &str)>) -> Option<usize> {
    let is_monitor = |(id, name): &(&str, &str)| id.ends_with(".monitor") || name.starts_with("Monitor of ");
    let of_output = output.and_then(|(output_id, output_name)| {
        inputs.iter().position(|input| {
            is_monitor(input)
                && (input.0.strip_suffix(".monitor") == Some(output_id)
                    || input.1.strip_prefix("Monitor of ") == Some(output_name))
        })
    });
    of_output.or_else(|| inputs.iter().position(is_monitor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monitor_of_the_default_output_is_chosen() {
        let inputs = [
            ("alsa_input.usb", "USB Microphone"),
            ("alsa_output.hdmi.monitor", "Monitor of HDMI"),
            ("alsa_output.pci.monitor", "Monitor of Built-in Audio"),
        ];
        assert_eq!(monitor(&inputs, Some(("alsa_output.pci", "Built-in Audio"))), Some(2));
        assert_eq!(monitor(&inputs, Some(("7", "Built-in Audio"))), Some(2));
        assert_eq!(monitor(&inputs, Some(("bluez", "Headset"))), Some(1), "better another monitor than none");
        assert_eq!(monitor(&inputs, None), Some(1));
        assert_eq!(monitor(&inputs[..1], None), None);
    }
}
