//! Moving pictures inside egui: planes go to the GPU as they are and are drawn in egui's own pass.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, ScreenDescriptor};
use egui::{PaintCallbackInfo, Rect, Ui, pos2, vec2};
use runnel_media::frame::VideoFrame;
use runnel_media::render::{Area, Fit, Renderer, letterbox};

use crate::state::Feed;

/// How often a feed is looked into that does not wake us.
const LOOK: Duration = Duration::from_millis(25);
/// Pictures that are kept on the GPU at one time: what is watched, the preview, and one that just went.
const MAX_RENDERERS: usize = 3;

/// What the window's surface is made of; `None` where there is no GPU (tests without pictures).
#[derive(Clone, Copy, Debug)]
pub struct Screen(Option<wgpu::TextureFormat>);

impl Screen {
    /// A surface of a format.
    pub fn new(format: Option<wgpu::TextureFormat>) -> Self {
        Self(format)
    }
}

static NEXT_SURFACE: AtomicU64 = AtomicU64::new(0);

/// The newest picture of a feed.
pub struct Surface {
    id: u64,
    frame: Option<VideoFrame>,
    serial: u64,
}

impl Default for Surface {
    fn default() -> Self {
        Self { id: NEXT_SURFACE.fetch_add(1, Ordering::Relaxed), frame: None, serial: 0 }
    }
}

impl Surface {
    /// Takes the newest picture; the last one stays until there is another, so nothing ever flashes black.
    pub fn update(&mut self, ui: &Ui, feed: Option<&Feed>) {
        let Some(feed) = feed else { return };
        if let Some(frame) = feed.frames().try_recv() {
            self.frame = Some(frame);
            self.serial += 1;
        }
        if !feed.wakes() {
            ui.ctx().request_repaint_after(LOOK);
        }
    }

    /// Forgets the picture.
    pub fn clear(&mut self) {
        self.frame = None;
    }

    /// Whether there is a picture to show.
    pub fn has_picture(&self) -> bool {
        self.frame.is_some()
    }

    /// Where the picture lies inside a rectangle, with bars left out.
    pub fn picture_rect(&self, rect: Rect) -> Rect {
        let Some(frame) = &self.frame else { return rect };
        let area = Area { x: rect.left(), y: rect.top(), width: rect.width(), height: rect.height() };
        let inner = letterbox(frame.size, area, Fit::Contain);
        Rect::from_min_size(pos2(inner.x, inner.y), vec2(inner.width, inner.height))
    }

    /// Draws the newest picture into a rectangle, bars where its shape differs.
    pub fn paint(&self, ui: &Ui, screen: Screen, rect: Rect) {
        let (Some(frame), Some(format)) = (&self.frame, screen.0) else { return };
        let scale = ui.ctx().pixels_per_point();
        let area = Area {
            x: rect.left() * scale,
            y: rect.top() * scale,
            width: rect.width() * scale,
            height: rect.height() * scale,
        };
        let paint = Paint { id: self.id, format, frame: frame.clone(), serial: self.serial, area };
        ui.painter().add(Callback::new_paint_callback(rect, paint));
    }
}

struct Paint {
    id: u64,
    format: wgpu::TextureFormat,
    frame: VideoFrame,
    serial: u64,
    area: Area,
}

#[derive(Default)]
struct Renderers {
    by_surface: HashMap<u64, Entry>,
    uses: u64,
}

struct Entry {
    renderer: Renderer,
    serial: Option<u64>,
    used: u64,
}

impl CallbackTrait for Paint {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let renderers: &mut Renderers = resources.entry().or_insert_with(Renderers::default);
        renderers.uses += 1;
        let used = renderers.uses;
        let entry = renderers.by_surface.entry(self.id).or_insert_with(|| Entry {
            renderer: Renderer::new(device, queue, self.format),
            serial: None,
            used,
        });
        entry.used = used;
        if entry.serial != Some(self.serial) {
            if let Err(error) = entry.renderer.upload(&self.frame) {
                tracing::warn!(%error, "a picture could not be shown");
            }
            entry.serial = Some(self.serial);
        }
        entry.renderer.place(self.area, screen.size_in_pixels, Fit::Contain);
        while renderers.by_surface.len() > MAX_RENDERERS {
            let oldest = renderers.by_surface.iter().min_by_key(|(_, entry)| entry.used).map(|(id, _)| *id);
            oldest.map(|id| renderers.by_surface.remove(&id));
        }
        Vec::new()
    }

    fn paint(&self, _info: PaintCallbackInfo, pass: &mut wgpu::RenderPass<'static>, resources: &CallbackResources) {
        if let Some(entry) = resources.get::<Renderers>().and_then(|renderers| renderers.by_surface.get(&self.id)) {
            entry.renderer.paint(pass);
        }
    }
}
