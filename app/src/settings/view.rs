//! Settings as the screens see them, and back.

use std::time::Duration;

use runnel_media::format::Size;

use super::{P2pMode, Settings};
use crate::state::{DataCap, RenderSize, Schedule, SettingsView, Sharing, SoundChoice, SourceChoice, TextScale};

impl Settings {
    /// What the screens show.
    pub fn view(&self) -> SettingsView {
        let sharing = match (self.sharing.consented, self.sharing.mode) {
            (false, _) => Sharing::NotAsked,
            (true, P2pMode::Off) => Sharing::Off,
            (true, P2pMode::Assist | P2pMode::Only) if self.sharing.lan_only => Sharing::Lan,
            (true, P2pMode::Assist | P2pMode::Only) if self.sharing.crowd_only => Sharing::Crowd,
            (true, P2pMode::Assist | P2pMode::Only) => Sharing::On,
        };
        SettingsView {
            welcomed: self.welcomed,
            language: self.language,
            theme: self.appearance.theme,
            text_scale: TextScale::clamped(self.appearance.text_scale),
            reduced_motion: self.appearance.reduced_motion,
            role: self.role,
            sharing,
            crowd_above: self.sharing.crowd_above,
            upload_cap: Some(self.sharing.upload_cap_kbps).filter(|cap| *cap > 0),
            data_cap: (self.sharing.data_cap_mb > 0)
                .then_some(DataCap { megabytes: self.sharing.data_cap_mb, monthly: self.sharing.data_cap_monthly }),
            schedule: (self.sharing.from_hour != self.sharing.to_hour).then_some(Schedule {
                from: self.sharing.from_hour,
                to: self.sharing.to_hour,
                outside_kbps: self.sharing.outside_kbps,
            }),
            metered: self.sharing.metered,
            target_delay: Duration::from_millis(self.playback.delay_ms.into()),
            volume: self.playback.volume,
            muted: self.playback.muted,
            output: named(&self.playback.output),
            source: SourceChoice::from_spec(&self.studio.source),
            pointer: self.studio.pointer,
            sound: SoundChoice::from_spec(&self.studio.audio),
            denoise: self.studio.denoise,
            size: RenderSize { width: self.studio.size.width(), height: self.studio.size.height() },
            fps: self.studio.fps,
            bitrate_kbps: self.studio.bitrate_kbps,
            device_names: self.devices.names.clone(),
            encoder: named(&self.studio.encoder).filter(|name| name != "auto"),
            title: self.studio.title.clone(),
            barrage: self.barrage.on,
            barrage_opacity: self.barrage.opacity,
            barrage_area: self.barrage.area,
            barrage_size: self.barrage.size,
            barrage_speed: self.barrage.speed,
        }
    }

    /// Takes over what was chosen on the screens; what they do not show stays.
    #[must_use]
    pub fn with_view(&self, view: &SettingsView) -> Self {
        let mut settings = self.clone();
        settings.welcomed = view.welcomed;
        settings.language = view.language;
        settings.appearance.theme = view.theme;
        settings.appearance.text_scale = view.text_scale.percent();
        settings.appearance.reduced_motion = view.reduced_motion;
        settings.role = view.role;
        settings.sharing.consented = view.sharing != Sharing::NotAsked;
        settings.sharing.mode = match (view.sharing, self.sharing.mode) {
            (Sharing::Off | Sharing::NotAsked, _) => P2pMode::Off,
            // Peers only is chosen in the file or on the command line; the screens do not know it.
            (Sharing::Lan | Sharing::Crowd | Sharing::On, P2pMode::Only) => P2pMode::Only,
            (Sharing::Lan | Sharing::Crowd | Sharing::On, _) => P2pMode::Assist,
        };
        if view.sharing.allowed() {
            settings.sharing.lan_only = view.sharing == Sharing::Lan;
            settings.sharing.crowd_only = view.sharing == Sharing::Crowd;
        }
        settings.sharing.crowd_above = view.crowd_above;
        settings.sharing.upload_cap_kbps = view.upload_cap.unwrap_or(0);
        settings.sharing.data_cap_mb = view.data_cap.map_or(0, |cap| cap.megabytes);
        if let Some(cap) = view.data_cap {
            settings.sharing.data_cap_monthly = cap.monthly;
        }
        let Schedule { from, to, outside_kbps } = view.schedule.unwrap_or(Schedule { from: 0, to: 0, outside_kbps: 0 });
        (settings.sharing.from_hour, settings.sharing.to_hour) = (from, to);
        settings.sharing.outside_kbps = outside_kbps;
        settings.sharing.metered = view.metered;
        settings.playback.delay_ms = u32::try_from(view.target_delay.as_millis()).unwrap_or(u32::MAX);
        settings.playback.volume = view.volume;
        settings.playback.muted = view.muted;
        settings.playback.output = view.output.clone().unwrap_or_default();
        settings.studio.source = view.source.to_string();
        settings.studio.pointer = view.pointer;
        settings.studio.audio = view.sound.to_string();
        settings.studio.denoise = view.denoise;
        if let Ok(size) = Size::new(view.size.width, view.size.height) {
            settings.studio.size = size;
        }
        settings.studio.fps = view.fps;
        settings.studio.bitrate_kbps = view.bitrate_kbps;
        settings.studio.encoder = view.encoder.clone().unwrap_or_else(|| "auto".to_owned());
        settings.studio.title.clone_from(&view.title);
        settings.barrage.on = view.barrage;
        settings.barrage.opacity = view.barrage_opacity;
        settings.barrage.area = view.barrage_area;
        settings.barrage.size = view.barrage_size;
        settings.barrage.speed = view.barrage_speed;
        super::file::Document::confine(&mut settings);
        settings
    }
}

fn named(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{DeviceChoice, Devices, MeteredChoice};

    #[test]
    fn what_the_screens_choose_comes_back() {
        let mut view = Settings::default().view();
        assert_eq!(view, SettingsView { sharing: Sharing::NotAsked, ..SettingsView::default() });
        view.sharing = Sharing::On;
        view.upload_cap = None;
        view.sound = SoundChoice::NamedMicrophone("USB".to_owned());
        view.encoder = Some("rav1e".to_owned());
        view.size = RenderSize { width: 640, height: 360 };
        view.source = SourceChoice::Camera(2);
        view.data_cap = Some(DataCap { megabytes: 5_000, monthly: false });
        view.schedule = Some(Schedule { from: 22, to: 7, outside_kbps: 500 });
        view.metered = MeteredChoice::Metered;
        view.crowd_above = 50;
        view.pointer = false;
        assert_eq!(Settings::default().with_view(&view).view(), view);
        for sharing in [Sharing::Off, Sharing::Lan, Sharing::Crowd, Sharing::On] {
            view.sharing = sharing;
            assert_eq!(Settings::default().with_view(&view).view(), view);
        }
    }

    #[test]
    fn a_window_is_not_remembered() {
        let mut view = SettingsView { source: SourceChoice::Test, ..Settings::default().view() };
        view.remember(&SourceChoice::Window("0x3a00007".to_owned()), &SoundChoice::Desktop);
        assert_eq!((&view.source, &view.sound), (&SourceChoice::Test, &SoundChoice::Desktop));
        view.remember(&SourceChoice::File("/films/a b?c.mkv".into()), &SoundChoice::Source);
        assert_eq!(Settings::default().with_view(&view).view(), view);
    }

    #[test]
    fn a_device_that_is_gone_keeps_its_name() {
        let device = |id: &str, name: &str| DeviceChoice { id: id.to_owned(), name: name.to_owned() };
        let there = Devices {
            microphones: vec![device("alsa_input.usb-1", "Blue Yeti")],
            outputs: vec![device("alsa_output.pci-2", "Speakers")],
            ..Devices::default()
        };
        let mut settings = Settings::default();
        settings.studio.audio = "mic:alsa_input.usb-1".to_owned();
        settings.playback.output = "alsa_output.pci-2".to_owned();
        settings.learn_names(&there);
        settings.learn_names(&Devices::default());
        let names = settings.view().device_names;
        assert_eq!(names["alsa_input.usb-1"], "Blue Yeti");
        assert_eq!(names["alsa_output.pci-2"], "Speakers");
        // A part of a name, as it is written on the command line.
        settings.studio.audio = "mic:yeti".to_owned();
        settings.learn_names(&there);
        assert_eq!(settings.view().device_names["yeti"], "Blue Yeti");
        for number in 0..100 {
            settings.studio.audio = format!("mic:{number}");
            settings.learn_names(&Devices { microphones: vec![device(&number.to_string(), "x")], ..there.clone() });
        }
        assert_eq!(settings.devices.names.len(), 32);
        assert_eq!(settings.devices.names["99"], "x");
    }

    #[test]
    fn nonsense_from_a_screen_stays_out() {
        let settings = Settings::default();
        let view =
            SettingsView { size: RenderSize { width: 3, height: 0 }, volume: f32::NAN, fps: 0, ..settings.view() };
        let changed = settings.with_view(&view);
        assert_eq!((changed.studio.size, changed.playback.volume, changed.studio.fps), (settings.studio.size, 0.8, 1));
    }

    #[test]
    fn without_consent_nothing_is_shared() {
        let settings = Settings::default();
        assert_eq!(settings.with_view(&settings.view()).sharing.mode, P2pMode::Off);
    }
}
