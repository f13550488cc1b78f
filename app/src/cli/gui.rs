//! `runnel gui`: the window, or the demo where there is no display.

use super::options::Target;
use super::{Failure, demo};
use crate::engine::Engine;
use crate::paths::Paths;
use crate::settings::Settings;

/// A channel to open at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// What was typed.
    pub target: Target,
    /// The server that was named beside it.
    pub server: Option<String>,
}

/// Opens the window.
///
/// # Errors
/// When neither a window nor the demo can be shown.
pub fn run(paths: &Paths, open: Option<Open>) -> Result<(), Failure> {
    if !has_display(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        if open.is_some() {
            return Err(Failure::new("there is no display here").next("--headless watches without a window"));
        }
        eprintln!("There is no display here, so the demo runs in the terminal instead (`runnel demo`).");
        return demo::run(&demo::DemoArgs::default());
    }
    let loaded = Settings::load(paths);
    for problem in &loaded.problems {
        tracing::warn!(%problem, "settings");
    }
    let view = loaded.file.get().view();
    let paths = paths.clone();
    let shown = crate::app::run(view, move |context| Engine::start(paths, loaded, open, context));
    shown.map_err(|error| Failure::new(format!("no window could be opened: {error}")).next("`runnel demo` needs none"))
}

/// Whether a window could be shown; on Linux it needs a compositor or an X server.
fn has_display(is_set: impl Fn(&str) -> bool) -> bool {
    if cfg!(any(target_os = "windows", target_os = "macos")) {
        return true;
    }
    is_set("WAYLAND_DISPLAY") || is_set("WAYLAND_SOCKET") || is_set("DISPLAY")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_display_is_a_compositor_or_an_x_server() {
        assert!(has_display(|name| name == "DISPLAY"));
        assert!(has_display(|name| name == "WAYLAND_DISPLAY"));
        assert!(!has_display(|_| false));
    }
}
