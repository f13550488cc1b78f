//! What the broadcast shows and plays: the choice, and its preview.

use std::path::PathBuf;

use super::air::level;
use super::preview::Preview;
use super::{News, Studio};
use crate::engine::Core;
use crate::state::{Event, Level, Problem, SettingChange, SoundChoice, SourceChoice};

impl Studio {
    /// Whether anyone looks at the meter, and there is something to measure.
    pub(in crate::engine) fn is_metered(&self) -> bool {
        self.wants_preview && (self.preview.is_some() || self.live.is_some())
    }
}

impl Core {
    pub(in crate::engine) fn open_preview(&mut self) {
        self.studio.wants_preview = true;
        if self.studio.preview.is_none() && self.studio.live.is_none() && self.studio.starting.is_none() {
            self.begin_preview();
        }
    }

    pub(in crate::engine) fn close_preview(&mut self) {
        self.studio.wants_preview = false;
        if self.studio.live.is_none() {
            self.drop_preview();
        }
    }

    pub(super) fn drop_preview(&mut self) {
        self.studio.attempt += 1;
        self.device(None);
        if self.studio.preview.take().is_some() {
            self.outlet.emit(Event::StudioPreview(None));
            self.outlet.emit(Event::StudioLevel(Level::default()));
        }
    }

    pub(super) fn resume_preview(&mut self) {
        if self.studio.wants_preview {
            self.begin_preview();
        }
    }

    fn begin_preview(&mut self) {
        self.drop_preview();
        let silent = matches!(self.studio.sound, SoundChoice::Source | SoundChoice::Silence);
        if self.studio.source == SourceChoice::Nothing && silent {
            return;
        }
        let (attempt, tell) = (self.studio.attempt, self.tell.clone());
        let (source, sound) = (self.studio.source_spec(), self.studio.audio_spec());
        let config = self.studio.capture_config(&self.paths);
        tokio::spawn(async move {
            let device = tell.clone();
            let opened =
                tokio::task::spawn_blocking(move || Preview::open(&source, &sound, config, attempt, device)).await;
            let outcome = opened.unwrap_or(Err(Problem::Unexpected));
            let _ = tell.send(crate::engine::News::Studio(News::Preview { attempt, outcome })).await;
        });
    }

    /// Says what is wrong with the source or the sound, where the preview is.
    pub(super) fn device(&mut self, problem: Option<Problem>) {
        if self.studio.device != problem {
            self.studio.device.clone_from(&problem);
            self.outlet.emit(Event::StudioDevice(problem));
        }
    }

    pub(in crate::engine) fn set_source(&mut self, source: SourceChoice, sound: SoundChoice) {
        let mut view = self.settings.get().view();
        view.remember(&source, &sound);
        let remembered = self.settings.get().with_view(&view);
        self.put(remembered);
        self.learn_names();
        self.studio.settings = self.settings.get().clone();
        self.take_source(source, sound);
    }

    /// Takes pictures and sound from elsewhere, also while live.
    fn take_source(&mut self, source: SourceChoice, sound: SoundChoice) {
        (self.studio.source, self.studio.sound) = (source.clone(), sound.clone());
        self.outlet.emit(Event::StudioSource { source, sound });
        if self.studio.live.is_some() {
            let (source, sound) = (self.studio.source_spec(), self.studio.audio_spec());
            self.studio.with_broadcast(|broadcast| {
                if let Some(Err(error)) = broadcast.with_publisher(|publisher| publisher.set_source(source, sound)) {
                    tracing::warn!(%error, "the source could not be changed");
                }
            });
        } else {
            self.resume_preview();
        }
    }

    /// What a changed setting means for the studio.
    pub(in crate::engine) fn studio_settings_changed(&mut self, change: &SettingChange) {
        self.studio.settings = self.settings.get().clone();
        let (source, sound) = (self.studio.source.clone(), self.studio.sound.clone());
        match change {
            SettingChange::Source(source) => self.take_source(source.clone(), sound),
            SettingChange::Sound(sound) => self.take_source(source, sound.clone()),
            SettingChange::Denoise(denoise) => self.studio.with_broadcast(|broadcast| {
                broadcast.with_publisher(|publisher| publisher.set_denoise(*denoise));
            }),
            SettingChange::Pointer(_) if source.is_screen() => self.take_source(source, sound),
            _ => {}
        }
    }

    pub(in crate::engine) fn set_gain(&mut self, decibels: f32) {
        self.studio.gain_db = decibels;
        self.studio.with_broadcast(|broadcast| {
            broadcast.with_publisher(|publisher| publisher.set_gain(decibels));
        });
        let mut settings = self.settings.get().clone();
        settings.studio.gain_db = decibels;
        self.put(settings);
    }

    /// How loud it is now, for the meter.
    pub(in crate::engine) fn tell_level(&mut self) {
        let on_air = self.studio.live.as_ref().and_then(|live| live.broadcast.as_ref());
        let measured = match (&self.studio.preview, on_air) {
            (Some(preview), _) => Some(preview.level()),
            (None, Some(broadcast)) => broadcast.with_publisher(|publisher| publisher.level()),
            (None, None) => None,
        };
        if let Some(measured) = measured {
            self.outlet.measure(Event::StudioLevel(level(measured)));
        }
    }

    /// Takes pictures and sound from a file.
    pub(in crate::engine) fn show_file(&mut self, path: PathBuf) {
        self.set_source(SourceChoice::File(path), SoundChoice::Source);
        self.outlet.emit(Event::Settings(Box::new(self.settings.get().view())));
    }
}
