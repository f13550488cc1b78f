//! Settings: in force at once, on disk when the person has let go of the slider.

use std::time::{Duration, Instant};

use super::Core;
use crate::session::clock;
use crate::settings::Settings;
use crate::state::{Event, Notice, Problem, SettingChange};

/// Changes that follow each other faster are written together.
const PAUSE: Duration = Duration::from_millis(400);
/// However long a slider is moved, what was set is written so often.
const LONGEST: Duration = Duration::from_secs(3);

/// When something that changes again and again is to be written: pure.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    /// The first and the last change that are not written.
    changes: Option<(Instant, Instant)>,
}

impl Unsaved {
    /// Something changed.
    fn note(&mut self, now: Instant) {
        let first = self.changes.map_or(now, |(first, _)| first);
        self.changes = Some((first, now));
    }

    /// When it is to be written, if there is anything.
    pub(super) fn due(&self) -> Option<Instant> {
        self.changes.map(|(first, last)| (last + PAUSE).min(first + LONGEST))
    }

    /// It is about to be written: whether there was anything.
    fn take(&mut self) -> bool {
        self.changes.take().is_some()
    }
}

impl Core {
    /// Puts a new value of a setting in force; it is saved soon.
    pub(super) fn change(&mut self, change: SettingChange) {
        let mut view = self.settings.get().view();
        view.change(change.clone());
        let changed = self.settings.get().with_view(&view);
        let corrected = changed.view() != view;
        self.put(changed);
        if corrected {
            self.outlet.emit(Event::Settings(Box::new(self.settings.get().view())));
        }
        self.viewing.settings_changed(self.settings.get(), &change);
        self.studio_settings_changed(&change);
        if is_about_sharing(&change) {
            self.tick_sharing(true);
        }
        if matches!(change, SettingChange::Sound(_) | SettingChange::Output(_)) {
            self.learn_names();
        }
    }

    /// Puts settings in force; they are saved soon.
    pub(super) fn put(&mut self, settings: Settings) {
        match self.settings.put(settings) {
            Ok(()) => self.unsaved.note(clock::now()),
            Err(error) => self.not_saved(&error),
        }
    }

    /// Puts settings in force and on disk.
    pub(super) fn save(&mut self, settings: Settings) {
        self.put(settings);
        self.write_settings();
    }

    /// Writes what is not written yet.
    pub(super) fn write_settings(&mut self) {
        if self.unsaved.take()
            && let Err(error) = self.settings.save()
        {
            self.not_saved(&error);
        }
    }

    fn not_saved(&mut self, error: &std::io::Error) {
        tracing::warn!(%error, "the settings could not be saved");
        let full = error.kind() == std::io::ErrorKind::StorageFull;
        let problem = if full { Problem::DiskFull } else { Problem::SettingsNotSaved };
        self.outlet.emit(Event::Notice(Notice::Problem(problem)));
    }
}

fn is_about_sharing(change: &SettingChange) -> bool {
    use SettingChange::{CrowdAbove, DataCap, Metered, Schedule, Sharing, UploadCap};
    matches!(change, Sharing(_) | CrowdAbove(_) | UploadCap(_) | DataCap(_) | Schedule(_) | Metered(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slider_is_written_when_it_rests_and_now_and_then_while_it_moves() {
        let start = clock::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut unsaved = Unsaved::default();
        assert_eq!((unsaved.due(), unsaved.take()), (None, false));
        // Two hundred changes in ten seconds, as a slider makes them.
        let mut written = Vec::new();
        for millis in (0..10_000).step_by(50) {
            if unsaved.due().is_some_and(|due| due <= at(millis)) {
                assert!(unsaved.take());
                written.push(millis);
            }
            unsaved.note(at(millis));
        }
        assert_eq!(written, [3000, 6000, 9000]);
        assert_eq!(unsaved.due(), Some(at(9950) + PAUSE));
        assert!(unsaved.take());
        assert_eq!(unsaved.due(), None);
    }
}
