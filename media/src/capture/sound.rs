//! What microphones, desktop sound and the output have in common: finding a device and naming its troubles.

use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{BufferSize, StreamConfig, SupportedBufferSize, SupportedStreamConfig};

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

/// What a driver is asked to call us with: long enough that a busy machine keeps up (two of them are all that a driver
/// holds for us), short beside any viewer's delay.
const PERIOD: Duration = Duration::from_millis(40);

/// Opens a stream with periods of about [`PERIOD`], or else of the device's own length.
///
/// A device can refuse a size that it listed: a card that another program has open keeps that one's.
pub(crate) fn with_buffer_sizes<S, E>(
    supported: &SupportedStreamConfig,
    open: impl Fn(StreamConfig) -> Result<S, E>,
) -> Result<S, E> {
    let config = supported.config();
    let buffer_size = buffer_size(*supported.buffer_size(), config.sample_rate);
    open(StreamConfig { buffer_size, ..config })
        .or_else(|_| open(StreamConfig { buffer_size: BufferSize::Default, ..config }))
}

/// About [`PERIOD`], within what the device allows.
fn buffer_size(supported: SupportedBufferSize, rate: u32) -> BufferSize {
    match supported {
        SupportedBufferSize::Range { min, max } if min <= max && max > 0 => {
            let wanted = (f64::from(rate) * PERIOD.as_secs_f64()) as u32;
            BufferSize::Fixed(wanted.clamp(min.max(1), max))
        }
        _ => BufferSize::Default,
    }
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

/// The devices of a direction that a person would choose from, each once, no two with the same name.
pub(crate) fn choices(direction: Direction) -> Result<Vec<Named>, cpal::Error> {
    let mut devices = list(direction)?;
    let pipewire = std::env::var_os("XDG_RUNTIME_DIR")
        .is_some_and(|folder| std::path::Path::new(&folder).join("pipewire-0").exists());
    let ids: Vec<(&str, &str)> = devices.iter().map(|device| (device.id.as_str(), device.name.as_str())).collect();
    let mut chosen = distinct(&ids, pipewire);
    devices.retain_mut(|device| match chosen.next() {
        Some(Some(name)) => {
            device.name = name;
            true
        }
        _ => false,
    });
    Ok(devices)
}

/// For each device (id, name) the name to show, or nothing if it is left out.
///
/// ALSA lists one socket of a card under many ids; two alike cards, or two sockets of one, share a name and are numbered.
fn distinct(devices: &[(&str, &str)], pipewire: bool) -> std::vec::IntoIter<Option<String>> {
    let mut sockets = std::collections::HashSet::new();
    let mut names = std::collections::HashMap::new();
    let shown = devices.iter().map(|(id, name)| {
        let alsa = id.contains("CARD=");
        let socket = if alsa { alsa_device_number(id) } else { id };
        if is_pseudo(id, pipewire) || !sockets.insert((alsa.then_some(*name), socket)) {
            return None;
        }
        let alike = names.entry(*name).and_modify(|alike| *alike += 1).or_insert(1_u32);
        Some(if *alike == 1 { (*name).to_owned() } else { format!("{name} ({alike})") })
    });
    shown.collect::<Vec<_>>().into_iter()
}

/// `2` of `plughw:CARD=PCH,DEV=2`; an id without a number means the card's first.
fn alsa_device_number(id: &str) -> &str {
    id.split(',').find_map(|part| part.strip_prefix("DEV=")).unwrap_or("0")
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
    let failed = |error: cpal::Error| problem(wanted, &error, false);
    let mut others = 0;
    // What people choose from comes first: its names are unlike each other. An id may also be one of ALSA's many others.
    for among in [choices, list] {
        let mut devices = among(direction).map_err(failed)?;
        let names: Vec<(&str, &str)> =
            devices.iter().map(|device| (device.id.as_str(), device.name.as_str())).collect();
        if let Some(index) = choose(&names, wanted) {
            let chosen = devices.swap_remove(index);
            return Ok((chosen.device, chosen.name));
        }
        others = devices.len();
    }
    Err(CaptureProblem::new(ProblemKind::Missing, wanted, format!("{others} other devices are there")))
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
    fn the_buffer_is_short_but_legal() {
        let size = |min, max, rate| buffer_size(SupportedBufferSize::Range { min, max }, rate);
        assert_eq!(size(32, 8192, 48_000), BufferSize::Fixed(1920));
        assert_eq!(size(4096, 8192, 48_000), BufferSize::Fixed(4096));
        assert_eq!(size(1, 256, 44_100), BufferSize::Fixed(256));
        assert_eq!(size(0, 0, 48_000), BufferSize::Default);
        assert_eq!(buffer_size(SupportedBufferSize::Unknown, 48_000), BufferSize::Default);
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
    fn a_socket_is_shown_once_and_two_alike_are_told_apart() {
        let devices = [
            ("default", "Default Audio Device"),
            ("hw:CARD=Loopback,DEV=0", "Loopback, Loopback PCM"),
            ("plughw:CARD=Loopback,DEV=0", "Loopback, Loopback PCM"),
            ("plughw:CARD=Loopback,DEV=1", "Loopback, Loopback PCM"),
            ("sysdefault:CARD=Loopback", "Loopback, Loopback PCM"),
            ("plughw:CARD=0,DEV=1", "Loopback, Loopback PCM"),
            ("alsa_input.usb-one", "Headset"),
            ("alsa_input.usb-two", "Headset"),
        ];
        let shown: Vec<_> = distinct(&devices, false).collect();
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(
            shown,
            [
                some("Default Audio Device"),
                None,
                some("Loopback, Loopback PCM"),
                some("Loopback, Loopback PCM (2)"),
                None,
                None,
                some("Headset"),
                some("Headset (2)"),
            ]
        );
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
}
