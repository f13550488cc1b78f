//! Pictures without a window: screenshots and tests, by the same shader.

use std::time::Duration;

use image::RgbaImage;

use super::{Area, Fit, RenderError, Renderer};
use crate::format::Size;
use crate::frame::VideoFrame;

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// A renderer with a device of its own.
#[derive(Debug)]
pub struct Offscreen {
    adapter: wgpu::AdapterInfo,
    device: wgpu::Device,
    queue: wgpu::Queue,
    renderer: Renderer,
}

impl Offscreen {
    /// Opens the best adapter there is; a software renderer will do.
    ///
    /// # Errors
    /// [`RenderError::NoAdapter`] or [`RenderError::NoDevice`].
    pub fn new() -> Result<Self, RenderError> {
        Self::with(wgpu::Features::TEXTURE_FORMAT_16BIT_NORM)
    }

    /// As [`Offscreen::new`], using only those of `features` that the adapter has.
    ///
    /// # Errors
    /// [`RenderError::NoAdapter`] or [`RenderError::NoDevice`].
    pub fn with(features: wgpu::Features) -> Result<Self, RenderError> {
        pollster::block_on(async {
            let instance = wgpu::Instance::default();
            let options = wgpu::RequestAdapterOptions::default();
            let adapter =
                instance.request_adapter(&options).await.map_err(|error| RenderError::NoAdapter(error.to_string()))?;
            let limits = wgpu::Limits::downlevel_defaults().using_resolution(adapter.limits());
            let descriptor = wgpu::DeviceDescriptor {
                label: Some("runnel off-screen"),
                required_features: features & adapter.features(),
                required_limits: limits,
                ..wgpu::DeviceDescriptor::default()
            };
            let (device, queue) =
                adapter.request_device(&descriptor).await.map_err(|error| RenderError::NoDevice(error.to_string()))?;
            let renderer = Renderer::new(&device, &queue, FORMAT);
            Ok(Self { adapter: adapter.get_info(), device, queue, renderer })
        })
    }

    /// Which adapter draws, for people to read.
    pub fn adapter(&self) -> String {
        format!("{} ({:?})", self.adapter.name, self.adapter.backend)
    }

    /// Draws a picture into an image of `size`, with black bars where the shapes differ.
    ///
    /// # Errors
    /// [`RenderError`] for a picture that cannot be uploaded or an image that cannot be read back.
    pub fn render(&mut self, frame: &VideoFrame, size: Size) -> Result<RgbaImage, RenderError> {
        let (width, height) = (size.width(), size.height());
        let most = self.device.limits().max_texture_dimension_2d;
        if width.max(height) > most {
            return Err(RenderError::TooLarge { size, most });
        }
        self.renderer.upload(frame)?;
        let area = Area { x: 0.0, y: 0.0, width: width as f32, height: height as f32 };
        self.renderer.place(area, [width, height], Fit::Contain);

        let extent = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
        let target = self.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("runnel off-screen"),
            size: extent,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let stride = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("runnel off-screen"),
            size: u64::from(stride) * u64::from(height),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        self.draw(&mut encoder, &target);
        let layout =
            wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(stride), rows_per_image: Some(height) };
        let copy = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
        encoder.copy_texture_to_buffer(target.as_image_copy(), copy, extent);
        self.queue.submit([encoder.finish()]);
        self.read(&buffer, stride as usize, width, height)
    }

    fn draw(&self, encoder: &mut wgpu::CommandEncoder, target: &wgpu::Texture) {
        let view = target.create_view(&wgpu::TextureViewDescriptor::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("runnel off-screen"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Clear(wgpu::Color::BLACK), store: wgpu::StoreOp::Store },
            })],
            ..wgpu::RenderPassDescriptor::default()
        });
        self.renderer.paint(&mut pass);
    }

    fn read(&self, buffer: &wgpu::Buffer, stride: usize, width: u32, height: u32) -> Result<RgbaImage, RenderError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        buffer.slice(..).map_async(wgpu::MapMode::Read, move |result| {
            // The receiver is gone only after an error was returned.
            let _ = sender.send(result);
        });
        let failed = |error: &dyn std::fmt::Display| RenderError::ReadBack(error.to_string());
        let wait = wgpu::PollType::Wait { submission_index: None, timeout: Some(Duration::from_secs(20)) };
        self.device.poll(wait).map_err(|error| failed(&error))?;
        receiver
            .recv_timeout(Duration::from_secs(1))
            .map_err(|error| failed(&error))?
            .map_err(|error| failed(&error))?;
        let mapped = buffer.slice(..).get_mapped_range().map_err(|error| failed(&error))?;
        let row = width as usize * 4;
        let pixels: Vec<u8> = mapped.chunks(stride).flat_map(|line| line[..row].iter().copied()).collect();
        drop(mapped);
        buffer.unmap();
        RgbaImage::from_raw(width, height, pixels).ok_or_else(|| failed(&"the image is too short"))
    }
}
