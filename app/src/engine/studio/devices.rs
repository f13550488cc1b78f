//! The devices of this machine.

use runnel_media::encode;

use crate::engine::{Core, News};
use crate::state::{DeviceChoice, Devices, Event};

impl Core {
    pub(in crate::engine) fn find_devices(&mut self) {
        let tell = self.tell.clone();
        tokio::spawn(async move {
            // Opening devices to learn their names takes a second or more.
            if let Ok(devices) = tokio::task::spawn_blocking(devices).await {
                let _ = tell.send(News::Studio(super::News::Devices(Box::new(devices)))).await;
            }
        });
    }

    /// The devices were looked for.
    pub(super) fn found_devices(&mut self, devices: Devices) {
        self.studio.devices = devices.clone();
        self.outlet.emit(Event::Devices(devices));
        self.learn_names();
    }

    /// Notes what the chosen devices are called, for the day on which they are not there.
    pub(in crate::engine) fn learn_names(&mut self) {
        let mut settings = self.settings.get().clone();
        settings.learn_names(&self.studio.devices);
        if settings != *self.settings.get() {
            self.put(settings);
            self.outlet.emit(Event::Settings(Box::new(self.settings.get().view())));
        }
    }

    pub(in crate::engine) fn find_windows(&mut self) {
        let tell = self.tell.clone();
        tokio::spawn(async move {
            if let Ok(windows) = tokio::task::spawn_blocking(runnel_media::capture::windows).await {
                let _ = tell.send(News::Pass(Event::Windows(choices(&windows)))).await;
            }
        });
    }
}

fn devices() -> Devices {
    let found = runnel_media::capture::devices();
    let encoders = encode::names().into_iter().map(|name| DeviceChoice { id: name.to_owned(), name: name.to_owned() });
    Devices {
        known: true,
        cameras: choices(&found.cameras),
        microphones: choices(&found.microphones),
        outputs: choices(&found.audio_outputs),
        screen: !found.screens.is_empty(),
        screen_asks: runnel_media::capture::screen_asks(),
        windows: choices(&found.windows),
        desktop_sound: cfg!(target_os = "linux") || cfg!(target_os = "windows"),
        encoders: encoders.collect(),
    }
}

fn choices(devices: &[runnel_media::capture::Device]) -> Vec<DeviceChoice> {
    devices.iter().map(|device| DeviceChoice { id: device.id.clone(), name: device.name.clone() }).collect()
}
