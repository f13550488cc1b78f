//! What there is to capture from and to play to.

use serde::{Deserialize, Serialize};

use crate::capture::camera;
use crate::capture::sound::{self, Direction};

/// A device that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// What to write in a [`SourceSpec`](crate::capture::SourceSpec) or [`AudioSpec`](crate::capture::AudioSpec): a camera's
    /// number, a sound device's id.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// All devices that can be chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceList {
    /// Cameras, by number.
    pub cameras: Vec<Device>,
    /// Microphones and other sound inputs, monitors of outputs among them.
    pub microphones: Vec<Device>,
    /// Loudspeakers and other sound outputs.
    pub audio_outputs: Vec<Device>,
    /// Screens that can be captured.
    pub screens: Vec<Device>,
    /// Windows that can be captured, as `screen:window=ID`; empty where the system itself asks which is meant.
    #[serde(default)]
    pub windows: Vec<Device>,
}

/// Looks for devices.
///
/// This asks drivers and servers and may take a second: not something for a thread that draws.
pub fn devices() -> DeviceList {
    let sound = |direction| {
        let devices = sound::choices(direction).unwrap_or_else(|error| {
            tracing::debug!(%error, ?direction, "no sound devices");
            Vec::new()
        });
        devices.into_iter().map(|device| Device { id: device.id, name: device.name }).collect()
    };
    DeviceList {
        cameras: camera::list(),
        microphones: sound(Direction::Input),
        audio_outputs: sound(Direction::Output),
        screens: crate::capture::screen::list(),
        windows: crate::capture::screen::windows(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_devices_gives_a_list_all_the_same() {
        let list = devices();
        assert!(list.cameras.iter().all(|camera| camera.id.parse::<u32>().is_ok()));
    }
}
