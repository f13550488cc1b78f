//! What microphones, desktop sound and the output have in common: finding a device and naming its troubles.

use cpal::traits::{DeviceTrait, HostTrait};

use crate::capture::{CaptureProblem, ProblemKind};

/// A problem of a sound device, by cpal's own kinds.
pub(crate) fn problem(device: &str, error: &cpal::Error, worked: bool) -> CaptureProblem {
    use cpal::ErrorKind;
    let kind = match error.kind() {
        ErrorKind::DeviceBusy => ProblemKind::Busy,
        ErrorKind::PermissionDenied => ProblemKind::PermissionRefused,
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated if worked => {
            ProblemKind::Unplugged
        }
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => ProblemKind::Missing,
        ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput => ProblemKind::Format,
        ErrorKind::UnsupportedOperation => ProblemKind::Unsupported,
        _ => return CaptureProblem::from_words(device, error, worked),
    };
    CaptureProblem::new(kind, device, error)
}

/// Whether a stream goes on after this error.
pub(crate) fn is_harmless(error: &cpal::Error) -> bool {
    matches!(error.kind(), cpal::ErrorKind::Xrun | cpal::ErrorKind::RealtimeDenied | cpal::ErrorKind::DeviceChanged)
}

/// Which way sound goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Into the machine.
    Input,
    /// Out of it.
    Output,
}

/// A sound device with the names that people know it by.
pub(crate) struct Named {
    pub(crate) device: cpal::Device,
    pub(crate) id: String,
    pub(crate) name: String,
}

/// All devices of a direction, monitors of outputs among the inputs.
pub(crate) fn list(direction: Direction) -> Result<Vec<Named>, cpal::Error> {
    let host = cpal::default_host();
    let named = host.devices()?.filter_map(|device| {
        // Asking a device whether it can do something opens it on some systems; its description is cheap.
        let description = device.description().ok()?;
        let fits = match direction {
            Direction::Input => description.supports_input(),
            Direction::Output => description.supports_output(),
        };
        let id = device.id().map(|id| id.id().to_owned()).unwrap_or_default();
        fits.then(|| Named { id, name: description.name().to_owned(), device })
    });
    Ok(named.collect())
}

/// The device of a direction that `wanted` means, or the system's default.
pub(crate) fn find(direction: Direction, wanted: Option<&str>) -> Result<(cpal::Device, String), CaptureProblem> {
    let what = match direction {
        Direction::Input => "the microphone",
        Direction::Output => "the loudspeaker",
    };
    let Some(wanted) = wanted else {
        let host = cpal::default_host();
        let device = match direction {
            Direction::Input => host.default_input_device(),
            Direction::Output => host.default_output_device(),
        };
        let device = device
            .ok_or_else(|| CaptureProblem::new(ProblemKind::Missing, what, "the system has no default device"))?;
        let name = device.description().map_or_else(|_| what.to_owned(), |description| description.name().to_owned());
        return Ok((device, name));
    };
    let mut devices = list(direction).map_err(|error| problem(wanted, &error, false))?;
    let names: Vec<(&str, &str)> = devices.iter().map(|device| (device.id.as_str(), device.name.as_str())).collect();
    match choose(&names, wanted) {
        Some(index) => {
            let chosen = devices.swap_remove(index);
            Ok((chosen.device, chosen.name))
        }
        None => {
            Err(CaptureProblem::new(ProblemKind::Missing, wanted, format!("{} other devices are there", devices.len())))
        }
    }
}

/// The device whose id, else whose name, is `wanted`, else the first whose name has it as a part.
pub(crate) fn choose(devices: &[(&str, &str)], wanted: &str) -> Option<usize> {
    let part = wanted.to_lowercase();
    let by = |test: &dyn Fn(&(&str, &str)) -> bool| devices.iter().position(test);
    by(&|(id, _)| *id == wanted)
        .or_else(|| by(&|(_, name)| *name == wanted))
        .or_else(|| by(&|(_, name)| name.to_lowercase().contains(&part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_found_by_id_name_or_part_of_it() {
        let devices = [("hw:0", "HDA Intel"), ("hw:1", "USB Audio, front"), ("USB", "Other")];
        assert_eq!(choose(&devices, "hw:1"), Some(1));
        assert_eq!(choose(&devices, "USB"), Some(2), "an id goes before a part of a name");
        assert_eq!(choose(&devices, "usb audio"), Some(1));
        assert_eq!(choose(&devices, "bluetooth"), None);
    }

    #[test]
    fn every_kind_of_error_gets_a_kind_of_problem() {
        use cpal::ErrorKind;
        let kind = |error: ErrorKind, worked| problem("mic", &cpal::Error::new(error), worked).kind;
        assert_eq!(kind(ErrorKind::DeviceBusy, false), ProblemKind::Busy);
        assert_eq!(kind(ErrorKind::PermissionDenied, false), ProblemKind::PermissionRefused);
        assert_eq!(kind(ErrorKind::DeviceNotAvailable, false), ProblemKind::Missing);
        assert_eq!(kind(ErrorKind::DeviceNotAvailable, true), ProblemKind::Unplugged);
        assert_eq!(kind(ErrorKind::StreamInvalidated, true), ProblemKind::Unplugged);
        assert_eq!(kind(ErrorKind::UnsupportedConfig, false), ProblemKind::Format);
        let error =
            cpal::Error::with_message(ErrorKind::BackendError, "snd_pcm_open: No such file or directory (os error 2)");
        assert_eq!(problem("mic", &error, false).kind, ProblemKind::Missing);
    }
}
