//! A decoded picture to pixels: three planes to the GPU as they are, one shader pass.
//!
//! [`Renderer`] draws into any wgpu render pass, so the window and the off-screen renderer share every line.
//! Nothing here knows egui.

use wgpu::util::DeviceExt as _;

use crate::format::Size;
use crate::frame::VideoFrame;

pub mod offscreen;
pub mod reference;

mod color;
mod layout;
mod planes;
#[cfg(test)]
mod tests;

pub use layout::{Area, Fit, letterbox};

use planes::Planes;

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// There is no GPU and no software renderer either.
    #[error("no graphics adapter was found: {0}")]
    NoAdapter(String),
    /// The adapter gave no device.
    #[error("the graphics device could not be opened: {0}")]
    NoDevice(String),
    /// The picture's planes are not what its size says.
    #[error("plane {plane} holds {bytes} bytes with {stride} a row (expected at least {expected})")]
    Plane {
        /// Which plane: 0 is luma.
        plane: usize,
        /// What it holds.
        bytes: usize,
        /// Bytes from one row to the next.
        stride: usize,
        /// What it needs.
        expected: usize,
    },
    /// The depth is none that AV1's main profile has.
    #[error("a picture of {0} bits a sample (expected 8 or 10)")]
    Depth(u8),
    /// The GPU has no textures of that size.
    #[error("a picture of {size} is too large for this graphics device (at most {most} pixels a side)")]
    TooLarge {
        /// The size.
        size: Size,
        /// The device's bound.
        most: u32,
    },
    /// The result could not be read back.
    #[error("the drawn picture could not be read back: {0}")]
    ReadBack(String),
}

/// What the shader is told; the layout is `Settings` in `render/picture.wgsl`.
type Settings = [f32; 24];

/// Draws the last picture it was given.
///
/// In a window: [`Renderer::upload`] when a new frame came, [`Renderer::place`] before each pass,
/// [`Renderer::paint`] inside it.
#[derive(Debug)]
pub struct Renderer {
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipeline: wgpu::RenderPipeline,
    bindings: wgpu::BindGroupLayout,
    sampler: wgpu::Sampler,
    uniforms: wgpu::Buffer,
    written: Option<Settings>,
    srgb_target: bool,
    planes: Option<Planes>,
    color: color::Conversion,
    placed: Placed,
}

#[derive(Clone, Copy, Debug, Default)]
struct Placed {
    picture: Option<Area>,
    target: [u32; 2],
}

impl Renderer {
    /// A renderer for passes into textures of the format `target`.
    ///
    /// Colors are written gamma-encoded; where the target is an sRGB format, they are made linear first, as it expects.
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, target: wgpu::TextureFormat) -> Self {
        let shader = device.create_shader_module(wgpu::include_wgsl!("render/picture.wgsl"));
        let texture = |binding| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty: wgpu::BindingType::Texture {
                sample_type: wgpu::TextureSampleType::Float { filterable: true },
                view_dimension: wgpu::TextureViewDimension::D2,
                multisampled: false,
            },
            count: None,
        };
        let uniform = wgpu::BindGroupLayoutEntry {
            binding: 0,
            visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Uniform,
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let sampling = wgpu::BindGroupLayoutEntry {
            binding: 1,
            visibility: wgpu::ShaderStages::FRAGMENT,
            ty: wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
            count: None,
        };
        let bindings = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("runnel picture"),
            entries: &[uniform, sampling, texture(2), texture(3), texture(4)],
        });
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("runnel picture"),
            bind_group_layouts: &[Some(&bindings)],
            immediate_size: 0,
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("runnel picture"),
            layout: Some(&layout),
            vertex: wgpu::VertexState {
                module: &shader,
                entry_point: Some("corner"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            primitive: wgpu::PrimitiveState {
                topology: wgpu::PrimitiveTopology::TriangleStrip,
                ..wgpu::PrimitiveState::default()
            },
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &shader,
                entry_point: Some("pixel"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(wgpu::ColorTargetState {
                    format: target,
                    blend: None,
                    write_mask: wgpu::ColorWrites::ALL,
                })],
            }),
            multiview_mask: None,
            cache: None,
        });
        let sampler = device.create_sampler(&wgpu::SamplerDescriptor {
            label: Some("runnel picture"),
            mag_filter: wgpu::FilterMode::Linear,
            min_filter: wgpu::FilterMode::Linear,
            ..wgpu::SamplerDescriptor::default()
        });
        let uniforms = device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: Some("runnel picture"),
            contents: &[0; size_of::<Settings>()],
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        });
        Self {
            device: device.clone(),
            queue: queue.clone(),
            pipeline,
            bindings,
            sampler,
            uniforms,
            written: None,
            srgb_target: target.is_srgb(),
            planes: None,
            color: color::Conversion::default(),
            placed: Placed::default(),
        }
    }

    /// Sends a picture to the GPU; textures are made anew only when its size or depth differ from the last one's.
    ///
    /// # Errors
    /// [`RenderError`] for planes that do not fit their size, a strange depth, or more than the GPU takes.
    pub fn upload(&mut self, frame: &VideoFrame) -> Result<(), RenderError> {
        planes::check(frame)?;
        let planes = match self.planes.take() {
            Some(planes) if planes.fits(frame) => planes,
            _ => Planes::new(&self.device, &self.bindings, &self.uniforms, &self.sampler, frame)?,
        };
        planes.write(&self.queue, frame);
        self.planes = Some(planes);
        self.color = color::Conversion::new(frame.color, frame.depth);
        self.write_settings();
        Ok(())
    }

    /// Says where the picture goes: within `area` of a target of `target` pixels.
    ///
    /// The area may lie partly outside of the target; what is outside is cut, not squeezed.
    pub fn place(&mut self, area: Area, target: [u32; 2], fit: Fit) {
        self.placed = Placed { picture: self.size().map(|size| letterbox(size, area, fit)), target };
        self.write_settings();
    }

    /// Draws the picture; nothing before the first [`Renderer::upload`] and [`Renderer::place`].
    ///
    /// Sets the viewport to the whole target. The scissor rectangle is left as it is.
    pub fn paint(&self, pass: &mut wgpu::RenderPass<'_>) {
        let (Some(planes), Some(_), [width, height]) = (&self.planes, self.placed.picture, self.placed.target) else {
            return;
        };
        if width == 0 || height == 0 {
            return;
        }
        pass.set_viewport(0.0, 0.0, width as f32, height as f32, 0.0, 1.0);
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, planes.bindings(), &[]);
        pass.draw(0..4, 0..1);
    }

    /// Size of the last picture.
    pub fn size(&self) -> Option<Size> {
        self.planes.as_ref().map(Planes::size)
    }

    /// Where the picture was placed, without the bars around it.
    pub fn picture(&self) -> Option<Area> {
        self.placed.picture
    }

    /// Forgets the picture and frees its textures.
    pub fn clear(&mut self) {
        self.planes = None;
        self.placed = Placed::default();
    }

    fn write_settings(&mut self) {
        let (Some(planes), Some(picture), [width, height]) = (&self.planes, self.placed.picture, self.placed.target)
        else {
            return;
        };
        let (width, height) = (width.max(1) as f32, height.max(1) as f32);
        let corners = [
            picture.x / width * 2.0 - 1.0,
            1.0 - picture.y / height * 2.0,
            (picture.x + picture.width) / width * 2.0 - 1.0,
            1.0 - (picture.y + picture.height) / height * 2.0,
        ];
        let [red, green, blue] = self.color.rows;
        let [low, high] = planes.weights(self.color.full_scale);
        let mut settings = [0.0; 24];
        settings[0..4].copy_from_slice(&corners);
        settings[4..8].copy_from_slice(&red);
        settings[8..12].copy_from_slice(&green);
        settings[12..16].copy_from_slice(&blue);
        settings[16..20].copy_from_slice(&[low, high, f32::from(u8::from(self.srgb_target)), 0.0]);
        if self.written != Some(settings) {
            let bytes: Vec<u8> = settings.iter().flat_map(|value| value.to_ne_bytes()).collect();
            self.queue.write_buffer(&self.uniforms, 0, &bytes);
            self.written = Some(settings);
        }
    }
}
