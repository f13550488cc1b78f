//! What one has: the devices of this machine and the keys of one's channel.

use runnel_media::encode;

use super::prepare;
use crate::command::Secret;
use crate::engine::{Core, News};
use crate::state::{CommunityId, DeviceChoice, Devices, Event, Problem};

impl Core {
    pub(in crate::engine) fn find_devices(&mut self) {
        let tell = self.tell.clone();
        tokio::spawn(async move {
            // Opening devices to learn their names takes a second or more.
            if let Ok(devices) = tokio::task::spawn_blocking(devices).await {
                let _ = tell.send(News::Pass(Event::Devices(devices))).await;
            }
        });
    }

    pub(in crate::engine) fn find_windows(&mut self) {
        let tell = self.tell.clone();
        tokio::spawn(async move {
            if let Ok(windows) = tokio::task::spawn_blocking(runnel_media::capture::windows).await {
                let _ = tell.send(News::Pass(Event::Windows(choices(&windows)))).await;
            }
        });
    }

    pub(in crate::engine) fn export_keys(&mut self, passphrase: Secret) {
        let Some((community, channel)) = self.own_channel() else { return self.problem(Problem::NotAllowed) };
        let (paths, keys, tell) = (self.paths.clone(), self.keys.clone(), self.tell.clone());
        tokio::spawn(async move {
            let notice = prepare::export(&paths, keys, &community, &channel, passphrase).await;
            if let Some(notice) = notice {
                let _ = tell.send(News::Pass(Event::Notice(notice))).await;
            }
        });
    }

    pub(in crate::engine) fn revoke_key(&mut self) {
        let Some((community, channel)) = self.own_channel() else { return self.problem(Problem::NotAllowed) };
        let Some(member) = self.communities.get(&CommunityId(community.clone())) else { return };
        let (Ok(client), address) = (member.client(), member.address.clone()) else { return };
        let (paths, keys, tell) = (self.paths.clone(), self.keys.clone(), self.tell.clone());
        tokio::spawn(async move {
            let notice = prepare::revoke(&paths, keys, client, &address, &community, &channel).await;
            let _ = tell.send(News::Pass(Event::Notice(notice))).await;
        });
    }

    /// The community and channel on which one goes live.
    fn own_channel(&self) -> Option<(String, String)> {
        let id = self.current()?;
        let channel = self.communities.get(&id)?.person.as_ref()?.channel.clone()?;
        Some((id.0, channel.0))
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
