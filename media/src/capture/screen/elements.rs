//! Which GStreamer elements capture the screen of which system.

use crate::capture::ScreenTarget;

/// A window system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    /// X11: Linux and other Unixes without Wayland.
    X11,
    /// Wayland, through the desktop's portal and PipeWire.
    Wayland,
    /// Windows 8 and later.
    Windows,
    /// macOS.
    MacOs,
}

/// What tells the systems apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// As in [`std::env::consts::OS`].
    pub(crate) os: String,
    /// `DISPLAY`.
    pub(crate) x11: Option<String>,
    /// `WAYLAND_DISPLAY`.
    pub(crate) wayland: Option<String>,
    /// `XDG_SESSION_TYPE`.
    pub(crate) session: Option<String>,
}

impl Environment {
    /// The environment of this process.
    pub(crate) fn here() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            os: std::env::consts::OS.into(),
            x11: variable("DISPLAY"),
            wayland: variable("WAYLAND_DISPLAY"),
            session: variable("XDG_SESSION_TYPE"),
        }
    }
}

/// The window system of an environment, if it has one.
pub(crate) fn system(environment: &Environment) -> Option<System> {
    match environment.os.as_str() {
        "windows" => return Some(System::Windows),
        "macos" => return Some(System::MacOs),
        _ => {}
    }
    // Under Wayland X11 shows only the windows of old programs; but a nested X server in a terminal session is meant.
    let wayland = environment.wayland.is_some() && environment.session.as_deref() != Some("x11");
    if wayland { Some(System::Wayland) } else { environment.x11.as_ref().map(|_| System::X11) }
}

/// What is to be captured.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The X display, where that is the system.
    pub(crate) display: Option<String>,
    pub(crate) target: ScreenTarget,
    pub(crate) pointer: bool,
    pub(crate) fps: u32,
}

/// What the portal gave: PipeWire's file descriptor and the number of the node in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) fd: i32,
    pub(crate) id: u32,
}

/// The pipeline in GStreamer's words, ending in an appsink called `sink`; nothing where a system cannot do what is wanted.
pub(crate) fn description(system: System, wanted: &Wanted, node: Option<Node>) -> Option<String> {
    let Wanted { target, pointer, fps, .. } = *wanted;
    let source = match (system, target) {
        (System::X11, target) => {
            let display = wanted
                .display
                .as_deref()
                .filter(|name| is_display(name))
                .map_or_else(String::new, |name| format!(" display-name={name}"));
            let window = if let ScreenTarget::Window(id) = target { format!(" xid={id}") } else { String::new() };
            format!(
                "ximagesrc use-damage=false show-pointer={pointer}{display}{window} ! video/x-raw,framerate={fps}/1"
            )
        }
        // What is captured, and whether with the pointer, was settled with the portal. Pictures come only when something moves.
        (System::Wayland, _) => {
            let Node { fd, id } = node?;
            format!("pipewiresrc fd={fd} path={id} do-timestamp=true always-copy=true keepalive-time=500")
        }
        (System::Windows, ScreenTarget::Whole) => {
            format!("d3d11screencapturesrc show-cursor={pointer} ! video/x-raw,format=BGRA,framerate={fps}/1")
        }
        (System::Windows, ScreenTarget::Window(id)) => {
            format!(
                "d3d11screencapturesrc capture-api=wgc window-handle={id} show-cursor={pointer} ! video/x-raw,format=BGRA,framerate={fps}/1"
            )
        }
        (System::MacOs, ScreenTarget::Whole) => {
            format!("avfvideosrc capture-screen=true capture-screen-cursor={pointer} ! video/x-raw,framerate={fps}/1")
        }
        (System::MacOs, ScreenTarget::Window(_)) => return None,
    };
    // Nothing is converted where the source has one of these formats already.
    let sink = "videoconvert ! video/x-raw,format=(string){ BGRx, BGRA, RGBx, RGBA } \
        ! appsink name=sink sync=false max-buffers=2 drop=true enable-last-sample=false";
    Some(format!("{source} ! {sink}"))
}

/// Whether a display's name can stand in a pipeline's description as it is.
fn is_display(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || ":.-_/".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(os: &str, x11: Option<&str>, wayland: Option<&str>, session: Option<&str>) -> Environment {
        let text = |value: Option<&str>| value.map(str::to_owned);
        Environment { os: os.into(), x11: text(x11), wayland: text(wayland), session: text(session) }
    }

    #[test]
    fn the_system_follows_from_the_environment() {
        let cases = [
            (environment("windows", None, None, None), Some(System::Windows)),
            (environment("macos", Some(":0"), None, None), Some(System::MacOs)),
            (environment("linux", Some(":0"), None, None), Some(System::X11)),
            (environment("linux", Some(":0"), Some("wayland-0"), Some("wayland")), Some(System::Wayland)),
            (environment("linux", None, Some("wayland-0"), None), Some(System::Wayland)),
            (environment("linux", Some(":1"), Some("wayland-0"), Some("x11")), Some(System::X11)),
            (environment("freebsd", Some(":0"), None, None), Some(System::X11)),
            (environment("linux", None, None, Some("tty")), None),
        ];
        for (environment, expected) in cases {
            assert_eq!(system(&environment), expected, "{environment:?}");
        }
    }

    #[test]
    fn every_system_has_its_words() {
        let words = |system, target, pointer| {
            description(
                system,
                &Wanted { display: Some(":3.1".into()), target, pointer, fps: 30 },
                Some(Node { fd: 7, id: 42 }),
            )
        };
        let whole = ScreenTarget::Whole;
        let window = ScreenTarget::Window(0x3a_0000b);
        let cases = [
            (
                words(System::X11, whole, true),
                "ximagesrc use-damage=false show-pointer=true display-name=:3.1 ! video/x-raw,framerate=30/1",
            ),
            (words(System::X11, window, false), "show-pointer=false display-name=:3.1 xid=60817419 !"),
            (words(System::Wayland, window, true), "pipewiresrc fd=7 path=42 "),
            (words(System::Windows, whole, false), "d3d11screencapturesrc show-cursor=false !"),
            (words(System::Windows, window, true), "window-handle=60817419"),
            (words(System::MacOs, whole, true), "avfvideosrc capture-screen=true capture-screen-cursor=true !"),
        ];
        for (description, part) in cases {
            let description = description.expect("it can");
            assert!(description.contains(part), "{description}");
            assert!(description.contains("! appsink name=sink"), "{description}");
        }
        assert_eq!(words(System::MacOs, window, true), None);
        assert_eq!(
            description(System::Wayland, &Wanted { display: None, target: whole, pointer: true, fps: 30 }, None),
            None,
            "without the portal's node"
        );
    }

    #[test]
    fn gstreamer_understands_the_words_of_this_system() {
        crate::capture::gst::init().expect("GStreamer");
        let wanted =
            Wanted { display: Some(":0 ! filesink".into()), target: ScreenTarget::Window(5), pointer: true, fps: 25 };
        for (element, system) in [("ximagesrc", System::X11), ("pipewiresrc", System::Wayland)] {
            if gstreamer::ElementFactory::find(element).is_none() {
                eprintln!("skipped: no {element} on this machine");
                continue;
            }
            let description = description(system, &wanted, Some(Node { fd: -1, id: 1 })).expect("it can");
            assert!(gstreamer::parse::launch(&description).is_ok(), "{description}");
        }
    }
}
