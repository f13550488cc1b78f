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

/// The system's sound.
///
/// ALSA writes a page of complaints to standard error each time a device is looked for on a machine that has none, and we
/// look again and again; so it is asked only where there is something to find.
fn host() -> Result<cpal::Host, cpal::Error> {
    quieten();
    let host = cpal::default_host();
    if cfg!(target_os = "linux") && host.id().to_string().eq_ignore_ascii_case("alsa") && !alsa_has_anything() {
        return Err(cpal::Error::with_message(cpal::ErrorKind::DeviceNotAvailable, "no sound card"));
    }
    Ok(host)
}

/// Keeps alsa-lib from writing to standard error in this thread; what it had to say goes to the log with the next call.
pub(crate) fn quieten() {
    #[cfg(target_os = "linux")]
    {
        thread_local! {
            static SAID: std::cell::RefCell<Option<std::rc::Rc<std::cell::RefCell<alsa::Output>>>> = const { std::cell::RefCell::new(None) };
        }
        // Without a handler it complains as it always did; that is no reason to do without sound.
        let fresh = alsa::Output::local_error_handler().ok();
        let said = SAID.with(|said| said.replace(fresh));
        if let Some(said) = said.map(|said| said.borrow().to_string()).filter(|said| !said.is_empty()) {
            tracing::debug!(said, "alsa-lib");
        }
    }
}

/// Whether there is a card, or a configuration that may make devices out of something else.
fn alsa_has_anything() -> bool {
    let cards = std::fs::read_to_string("/proc/asound/cards").is_ok_and(|cards| has_card(&cards));
    let home = std::env::home_dir().map(|home| home.join(".asoundrc"));
    let configured = home.is_some_and(|file| file.exists()) || std::path::Path::new("/etc/asound.conf").exists();
    cards || configured || std::env::var_os("ALSA_CONFIG_PATH").is_some()
}

fn has_card(cards: &str) -> bool {
    cards.lines().any(|line| line.trim_start().starts_with(|first: char| first.is_ascii_digit()))
}

/// All devices of a direction, monitors of outputs among the inputs.
pub(crate) fn list(direction: Direction) -> Result<Vec<Named>, cpal::Error> {
    let named = host()?.devices()?.filter_map(|device| {
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

/// The devices of a direction that a person would choose from, each once.
pub(crate) fn choices(direction: Direction) -> Result<Vec<Named>, cpal::Error> {
    let mut devices = list(direction)?;
    let mut names = std::collections::HashSet::new();
    let pipewire = std::env::var_os("XDG_RUNTIME_DIR")
        .is_some_and(|folder| std::path::Path::new(&folder).join("pipewire-0").exists());
    devices.retain(|device| !is_pseudo(&device.id, pipewire) && names.insert(device.name.clone()));
    Ok(devices)
}

/// Whether an id is that of one of ALSA's plugins, with no device behind it or with one that is in the list already.
fn is_pseudo(id: &str, pipewire: bool) -> bool {
    const PLUGINS: [&str; 14] = [
        "null",
        "lavrate",
        "samplerate",
        "speexrate",
        "speex",
        "jack",
        "oss",
        "upmix",
        "vdownmix",
        "pulse",
        "usbstream",
        "modem",
        "phoneline",
        "hw",
    ];
    const LAYOUTS: [&str; 9] = ["front", "rear", "center_lfe", "side", "surround", "iec958", "dmix", "dsnoop", "dsp"];
    let kind = id.split(':').next().unwrap_or(id);
    PLUGINS.contains(&kind)
        || LAYOUTS.iter().any(|layout| kind.starts_with(layout))
        || (kind == "pipewire" && !pipewire)
}

/// The device of a direction that `wanted` means, or the system's default.
pub(crate) fn find(direction: Direction, wanted: Option<&str>) -> Result<(cpal::Device, String), CaptureProblem> {
    let what = match direction {
        Direction::Input => "the microphone",
        Direction::Output => "the loudspeaker",
    };
    let Some(wanted) = wanted else {
        let host = host().map_err(|error| problem(what, &error, false))?;
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
    fn plugins_are_no_choice() {
        for id in [
            "null",
            "lavrate",
            "jack",
            "pulse",
            "hw:CARD=PCH,DEV=0",
            "front:CARD=PCH,DEV=0",
            "surround51:CARD=PCH,DEV=0",
            "pipewire",
        ] {
            assert!(is_pseudo(id, false), "{id}");
        }
        for id in [
            "default",
            "sysdefault:CARD=PCH",
            "plughw:CARD=0,DEV=0",
            "hdmi:CARD=HDMI,DEV=0",
            "alsa_output.pci-0000.monitor",
            "{0.0.1}.{guid}",
        ] {
            assert!(!is_pseudo(id, false), "{id}");
        }
        assert!(!is_pseudo("pipewire", true));
    }

    #[test]
    fn cards_are_counted_as_alsa_lists_them() {
        assert!(!has_card(""));
        assert!(!has_card("--- no soundcards ---\n"));
        assert!(has_card(" 0 [Loopback       ]: Loopback - Loopback\n                      Loopback 1\n"));
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
    /// What is played is heard: through a sound server whose default output has a monitor, such as PulseAudio with its null
    /// sink, started by whoever runs this and named by `PULSE_SERVER`.
    #[test]
    #[ignore = "needs a sound server with a monitor source"]
    fn what_is_played_is_recorded() {
        use crate::capture::output::{AudioOutput, AudioOutputSpec, OutputState, OutputTiming};
        use crate::capture::{AudioSpec, CaptureClock, CaptureConfig, SourceSpec, open};
        use crate::format::Timestamp;
        use crate::testing::{BeepDetector, TestSound};

        let clock = CaptureClock::start();
        let config = CaptureConfig { size: crate::format::Size::new(64, 64).expect("legal"), fps: 10, clock };
        let spec = std::env::var("RUNNEL_TEST_MICROPHONE")
            .map_or(AudioSpec::DesktopAudio, |name| AudioSpec::Microphone { name: Some(name) });
        let capture = open(&SourceSpec::None, &spec, config).expect("threads");
        let (sender, played) = crate::capture::queue::queue(1000);
        let (mut block, mut detector) = (0, BeepDetector::new());
        let pull = move |samples: &mut [f32], timing: OutputTiming| {
            samples.copy_from_slice(&TestSound::samples(block));
            block += 1;
            if let Some(onset) = detector.push(samples, clock.timestamp(timing.plays_at)) {
                let _gone = sender.send(onset);
            }
        };
        let output = AudioOutput::open(AudioOutputSpec::Default, Box::new(pull)).expect("a thread");
        let mut heard = Vec::new();
        let mut detector = BeepDetector::new();
        while clock.now() < Timestamp::from_micros(12_000_000) {
            if let Ok(Some(block)) = capture.audio.recv_timeout(std::time::Duration::from_millis(50)) {
                heard.extend(detector.push(&block.samples, block.timestamp));
            }
        }
        let told: Vec<_> = std::iter::from_fn(|| capture.events.try_recv()).collect();
        let output_told: Vec<_> = std::iter::from_fn(|| output.try_event()).collect();
        println!("captured: {told:?}, {} jumps", capture.handle.stats().sound_jumps());
        println!("output: {:?}, {output_told:?}", output.state());
        let played: Vec<_> = std::iter::from_fn(|| played.try_recv()).collect();
        println!("played {played:?}\nheard  {heard:?}");
        assert!(matches!(output.state(), OutputState::Device { .. }));
        assert!(heard.len() >= 8, "{} beeps", heard.len());
        for onset in heard.iter().rev().take(6) {
            let nearest =
                played.iter().map(|played| onset.as_micros() - played.as_micros()).min_by_key(|apart| apart.abs());
            println!("heard {:?} us after it was played", nearest);
            assert!(nearest.is_some_and(|apart| apart.abs() < 150_000));
        }
        let steady = heard.windows(2).skip(2).map(|pair| pair[1].saturating_since(pair[0]).as_micros());
        assert!(steady.clone().all(|apart| (990_000..=1_010_000).contains(&apart)), "{:?}", steady.collect::<Vec<_>>());
    }
}
