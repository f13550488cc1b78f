//! Pictures of every screen, compared with those in `snapshots/`.
//!
//! They are drawn by Mesa's software Vulkan only, since no two renderers agree on every pixel. `UPDATE_SNAPSHOTS=true`
//! takes new ones; look at all of them before committing. `RUNNEL_PICTURES=FOLDER` writes every screen in both sizes,
//! themes and languages there, for looking only.

#[path = "../examples/window/sample.rs"]
mod sample;

use std::path::PathBuf;

use egui_kittest::kittest::Queryable;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};
use egui_kittest::{Harness, SnapshotOptions, SnapshotResults};
use runnel::state::{AppState, FileWish, TextScale, ThemeChoice};
use runnel::ui::{Clock, Page, Shell};
use runnel::widget::Screen;
use sample::Scene;

/// The window's contents without an engine.
struct Window {
    shell: Shell,
    state: AppState,
    clock: Clock,
}

#[derive(Clone, Copy)]
struct Look {
    scene: Scene,
    small: bool,
    light: bool,
    chinese: bool,
    scale: u16,
}

const fn usual(scene: Scene) -> Look {
    Look { scene, small: false, light: false, chinese: false, scale: 100 }
}

impl Look {
    const fn small(self) -> Self {
        Self { small: true, ..self }
    }

    const fn light(self) -> Self {
        Self { light: true, ..self }
    }

    const fn chinese(self) -> Self {
        Self { chinese: true, ..self }
    }

    const fn large_text(self) -> Self {
        Self { scale: 200, ..self }
    }

    fn name(self) -> String {
        let (size, theme) = (if self.small { "960" } else { "1280" }, if self.light { "light" } else { "dark" });
        let scale = if self.scale == 100 { String::new() } else { format!("-{}", self.scale) };
        format!("{:?}-{size}-{theme}-{}{scale}", self.scene, if self.chinese { "zh" } else { "en" })
    }

    fn harness(self) -> Harness<'static, Window> {
        let clock = sample::clock();
        let mut state = self.scene.state(clock, self.chinese);
        state.settings.theme = if self.light { ThemeChoice::Light } else { ThemeChoice::Dark };
        state.settings.text_scale = TextScale::clamped(self.scale);
        let gpu = create_render_state(default_wgpu_setup(), eframe::egui_wgpu::RendererOptions::PREDICTABLE);
        let screen = Screen::new(Some(gpu.target_format));
        let mut shell = Shell::new(&state.settings, screen, None);
        shell.open(self.scene.page());
        let factor = state.settings.text_scale.factor();
        let size = if self.small { [960.0, 600.0] } else { [1280.0, 800.0] };
        let draw = |ui: &mut egui::Ui, window: &mut Window| {
            window.shell.dress(ui.ctx(), &window.state.settings);
            // The harness leaves a margin that the real window does not have.
            let whole = ui.ctx().content_rect();
            let mut root = ui.new_child(egui::UiBuilder::new().max_rect(whole));
            root.set_clip_rect(whole);
            window.shell.show(&mut root, &window.state, window.clock);
        };
        let mut harness = Harness::builder()
            .with_size(size)
            .with_theme(if self.light { egui::Theme::Light } else { egui::Theme::Dark })
            .with_render_cursor(false)
            .renderer(WgpuTestRenderer::from_render_state(gpu))
            .with_context_setup(move |ctx| {
                runnel::theme::install_fonts(ctx);
                runnel::theme::dress(ctx, factor, false);
            })
            .build_ui_state(draw, Window { shell, state, clock });
        harness.run_steps(3);
        if self.scene.page() == Page::Watch {
            // New messages fly; the pointer rests on the picture, so that the controls are seen.
            comments(&mut harness, self.chinese);
            harness.hover_at(egui::pos2(300.0, 200.0));
            harness.step();
            harness.hover_at(egui::pos2(310.0, 210.0));
            harness.run_steps(2);
        }
        if self.scene == Scene::SettingsDevices {
            search(&mut harness, self.chinese, if self.chinese { "听" } else { "hear" });
        }
        let cards = match self.scene {
            Scene::WelcomeSharing => 2,
            Scene::WelcomeDevices => 3,
            _ => 0,
        };
        for _ in 0..cards {
            harness.get_by_label(if self.chinese { "跳过" } else { "Skip" }).click();
            harness.run_steps(3);
            harness.remove_cursor();
        }
        match self.scene {
            Scene::SettingsSharing => search(&mut harness, self.chinese, if self.chinese { "互传" } else { "sharing" }),
            Scene::SettingsKeys => search(&mut harness, self.chinese, if self.chinese { "密钥" } else { "key" }),
            Scene::ImportKeys => {
                search(&mut harness, self.chinese, if self.chinese { "密钥" } else { "key" });
                harness.get_by_label(if self.chinese { "导入…" } else { "Import…" }).click();
                harness.run_steps(4);
                harness.remove_cursor();
            }
            Scene::PathWanted => {
                harness.state_mut().shell.ask_for_path(FileWish::Source);
                harness.run_steps(4);
            }
            _ => {}
        }
        if matches!(self.scene, Scene::WatchSwarm | Scene::WatchAlone) {
            harness.key_press_modifiers(egui::Modifiers::SHIFT, egui::Key::I);
            harness.run_steps(2);
        }
        harness
    }
}

/// Shows only the settings that a word finds.
fn search(harness: &mut Harness<'static, Window>, chinese: bool, word: &str) {
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::K);
    harness.run_steps(2);
    harness.get_by_label(if chinese { "搜索设置" } else { "Search settings" }).type_text(word);
    harness.run_steps(3);
}

/// Lets a few messages come while the clock goes on.
fn comments(harness: &mut Harness<'static, Window>, chinese: bool) {
    use runnel::state::{ChatEvent, ChatMessage};
    let lines = if chinese {
        ["太美了！", "早上好", "是白鹭吗"]
    } else {
        ["wow!", "good morning", "is that an egret?"]
    };
    for (n, text) in lines.into_iter().cycle().take(6).enumerate() {
        if let Some(watch) = &mut harness.state_mut().state.watch {
            let (id, text, own) = (format!("fly{n}"), format!("{text}{}", "!".repeat(n / 3)), n == 1);
            let message = ChatMessage { id, author: "mika".into(), text, at: Default::default(), own };
            watch.chat.apply(ChatEvent::Message(message));
        }
        for _ in 0..4 {
            harness.state_mut().clock.now += std::time::Duration::from_millis(200);
            harness.step();
        }
    }
    harness.step();
}

/// Whether pictures can be compared here; says so loudly where not.
fn comparable() -> bool {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = futures::executor::block_on(instance.enumerate_adapters(wgpu::Backends::VULKAN));
    let found = adapters.iter().any(|adapter| adapter.get_info().name.contains("llvmpipe"));
    if !found {
        eprintln!("SKIPPED: pictures are compared on llvmpipe only, and it is not here (Debian: mesa-vulkan-drivers)");
    }
    found
}

/// Things that open over a screen: which screen, their name, and the button (by its English name) or key that opens them.
const OPENED: &[(Scene, &str, Opener)] = &[
    (Scene::HomeUsual, "connect", Opener::Press("Connect to a community")),
    (Scene::HomeUsual, "keys", Opener::Key(egui::Key::F1)),
    (Scene::HomeUsual, "wide-rail", Opener::Press("Show names")),
    (Scene::StudioLive, "details", Opener::Press("Details")),
    (Scene::StudioIdle, "windows", Opener::Press("Window…")),
    (Scene::StudioIdle, "margins", Opener::Press("Show safe margins")),
    (Scene::Settings, "select", Opener::Press("Text size")),
    (Scene::Settings, "sign-in", Opener::Press("Sign in")),
    (Scene::Welcome, "role", Opener::Press("Next")),
    (Scene::Settings, "focus", Opener::Key(egui::Key::Tab)),
];

#[derive(Clone, Copy)]
enum Opener {
    Press(&'static str),
    Key(egui::Key),
}

impl Opener {
    fn open(self, harness: &mut Harness<'static, Window>) {
        match self {
            Self::Press(label) => harness.get_all_by_label(label).last().expect("the button is there").click(),
            Self::Key(key) => (0..9).for_each(|_| harness.key_press(key)),
        }
        harness.run_steps(5);
        harness.remove_cursor();
    }
}

const KEPT: &[Look] = &[
    usual(Scene::HomeNew),
    usual(Scene::HomeEmpty).small().light().chinese(),
    usual(Scene::HomeLoading).small(),
    usual(Scene::HomeUsual),
    usual(Scene::HomeUsual).small().light().chinese(),
    usual(Scene::HomeCrowded).light(),
    usual(Scene::HomeCrowded).small().chinese(),
    usual(Scene::HomeOffline),
    usual(Scene::HomeOffline).small().light().chinese(),
    usual(Scene::HomeTrouble).light(),
    usual(Scene::HomeTrouble).small().chinese(),
    usual(Scene::WatchUsual),
    usual(Scene::WatchUsual).light().chinese(),
    usual(Scene::WatchUsual).small(),
    usual(Scene::WatchSwarm).light(),
    usual(Scene::WatchSwarm).small().chinese(),
    usual(Scene::WatchAlone),
    usual(Scene::WatchAlone).light().chinese(),
    usual(Scene::WatchStalled).small().chinese(),
    usual(Scene::WatchEnded),
    usual(Scene::WatchCrowded).light(),
    usual(Scene::StudioIdle),
    usual(Scene::StudioIdle).small().light().chinese(),
    usual(Scene::StudioLive),
    usual(Scene::StudioLive).light().chinese(),
    usual(Scene::StudioTrouble),
    usual(Scene::StudioTrouble).small(),
    usual(Scene::StudioTrouble).small().light().chinese(),
    usual(Scene::StudioEnded).light(),
    usual(Scene::Settings),
    usual(Scene::Settings).small().light().chinese(),
    usual(Scene::SettingsDevices).light().chinese(),
    usual(Scene::SettingsDevices).small(),
    usual(Scene::SettingsSharing),
    usual(Scene::SettingsSharing).light().chinese(),
    usual(Scene::SettingsKeys),
    usual(Scene::SettingsKeys).small().light().chinese(),
    usual(Scene::ImportKeys).small(),
    usual(Scene::ImportKeys).light().chinese(),
    usual(Scene::PathWanted),
    usual(Scene::PathWanted).small().light().chinese(),
    usual(Scene::SettingsDamaged).light(),
    usual(Scene::SettingsDamaged).small().chinese(),
    usual(Scene::Welcome).chinese(),
    usual(Scene::Welcome).small().light(),
    usual(Scene::WelcomeSharing),
    usual(Scene::WelcomeSharing).small().light().chinese(),
    usual(Scene::WelcomeDevices),
    usual(Scene::WelcomeDevices).small().light().chinese(),
    usual(Scene::HomeUsual).large_text(),
    usual(Scene::StudioLive).large_text(),
    usual(Scene::Settings).large_text().chinese(),
];

#[test]
fn screens_look_as_they_were_accepted() {
    if !comparable() {
        return;
    }
    let mut results = SnapshotResults::new();
    for look in KEPT {
        // Mesa versions differ by a step of rounding here and there.
        let options = SnapshotOptions::new().threshold(1.0).max_failed_pixels(200);
        results.add(look.harness().try_snapshot_options(look.name(), &options));
    }
}

#[test]
fn all_screens_are_drawn_for_looking() {
    let Some(folder) = std::env::var_os("RUNNEL_PICTURES").map(PathBuf::from) else { return };
    let only = std::env::var("RUNNEL_SCENE").unwrap_or_default();
    std::fs::create_dir_all(&folder).unwrap();
    for (scene, name, opener) in OPENED {
        for light in [false, true] {
            let mut harness = Look { light, ..usual(*scene) }.harness();
            opener.open(&mut harness);
            let name = format!("over-{name}-{}.png", if light { "light" } else { "dark" });
            harness.render().unwrap().save(folder.join(name)).unwrap();
        }
    }
    for scene in Scene::ALL {
        for (small, light, chinese) in (0..8).map(|n| (n & 1 != 0, n & 2 != 0, n & 4 != 0)) {
            let look = Look { scene, small, light, chinese, scale: 100 };
            if look.name().contains(&only) {
                look.harness().render().unwrap().save(folder.join(format!("{}.png", look.name()))).unwrap();
            }
        }
    }
}
