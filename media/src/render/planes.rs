//! The textures of one picture.

use super::RenderError;
use crate::format::Size;
use crate::frame::VideoFrame;

/// How a sample lies in a texel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sampling {
    /// One byte.
    Byte,
    /// One 16-bit word.
    Word,
    /// A 16-bit word as two bytes, low and high, where the GPU has no 16-bit normalized textures.
    Pair,
}

impl Sampling {
    fn of(depth: u8, features: wgpu::Features) -> Self {
        match depth {
            8 => Self::Byte,
            _ if features.contains(wgpu::Features::TEXTURE_FORMAT_16BIT_NORM) => Self::Word,
            _ => Self::Pair,
        }
    }

    fn format(self) -> wgpu::TextureFormat {
        match self {
            Self::Byte => wgpu::TextureFormat::R8Unorm,
            Self::Word => wgpu::TextureFormat::R16Unorm,
            Self::Pair => wgpu::TextureFormat::Rg8Unorm,
        }
    }

    fn bytes(self) -> usize {
        if self == Self::Byte { 1 } else { 2 }
    }
}

/// Three textures and how the shader finds them.
#[derive(Debug)]
pub(super) struct Planes {
    size: Size,
    depth: u8,
    sampling: Sampling,
    textures: [wgpu::Texture; 3],
    bindings: wgpu::BindGroup,
}

impl Planes {
    pub(super) fn new(
        device: &wgpu::Device,
        layout: &wgpu::BindGroupLayout,
        uniforms: &wgpu::Buffer,
        sampler: &wgpu::Sampler,
        frame: &VideoFrame,
    ) -> Result<Self, RenderError> {
        let most = device.limits().max_texture_dimension_2d;
        if frame.size.width().max(frame.size.height()) > most {
            return Err(RenderError::TooLarge { size: frame.size, most });
        }
        let sampling = Sampling::of(frame.depth, device.features());
        let texture = |plane| {
            let (width, height) = plane_size(frame.size, plane);
            device.create_texture(&wgpu::TextureDescriptor {
                label: Some(["runnel Y", "runnel Cb", "runnel Cr"][plane]),
                size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: sampling.format(),
                usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
                view_formats: &[],
            })
        };
        let textures = [texture(0), texture(1), texture(2)];
        let views = textures.each_ref().map(|texture| texture.create_view(&wgpu::TextureViewDescriptor::default()));
        let entry = |binding, resource| wgpu::BindGroupEntry { binding, resource };
        let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("runnel picture"),
            layout,
            entries: &[
                entry(0, uniforms.as_entire_binding()),
                entry(1, wgpu::BindingResource::Sampler(sampler)),
                entry(2, wgpu::BindingResource::TextureView(&views[0])),
                entry(3, wgpu::BindingResource::TextureView(&views[1])),
                entry(4, wgpu::BindingResource::TextureView(&views[2])),
            ],
        });
        Ok(Self { size: frame.size, depth: frame.depth, sampling, textures, bindings })
    }

    pub(super) fn fits(&self, frame: &VideoFrame) -> bool {
        self.size == frame.size && self.depth == frame.depth
    }

    /// Sends the planes as they lie in memory, padding of the rows included in the stride only.
    pub(super) fn write(&self, queue: &wgpu::Queue, frame: &VideoFrame) {
        for (index, (texture, plane)) in self.textures.iter().zip(&frame.planes).enumerate() {
            let (width, height) = plane_size(frame.size, index);
            let row = width as usize * self.sampling.bytes();
            let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
            let send = |data: &[u8], stride: usize| {
                let layout = wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: u32::try_from(stride).ok(),
                    rows_per_image: Some(height),
                };
                queue.write_texture(texture.as_image_copy(), data, layout, size);
            };
            if plane.stride.is_multiple_of(self.sampling.bytes()) {
                send(&plane.data, plane.stride);
            } else {
                // Only a foreign source could have rows that begin within a sample.
                let rows = plane.data.chunks(plane.stride).take(height as usize);
                send(&rows.flat_map(|line| line[..row].iter().copied()).collect::<Vec<_>>(), row);
            }
        }
    }

    pub(super) fn bindings(&self) -> &wgpu::BindGroup {
        &self.bindings
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// Factors of a texel's first and second channel that give the sample as a share of the largest code.
    pub(super) fn weights(&self, full_scale: f32) -> [f32; 2] {
        match self.sampling {
            Sampling::Byte => [1.0, 0.0],
            Sampling::Word => [65535.0 / full_scale, 0.0],
            Sampling::Pair => [255.0 / full_scale, 255.0 * 256.0 / full_scale],
        }
    }
}

/// Width and height of a plane in samples.
pub(super) fn plane_size(size: Size, plane: usize) -> (u32, u32) {
    if plane == 0 { (size.width(), size.height()) } else { (size.width() / 2, size.height() / 2) }
}

/// Whether the planes hold what the frame's size and depth say.
pub(super) fn check(frame: &VideoFrame) -> Result<(), RenderError> {
    if frame.depth != 8 && frame.depth != 10 {
        return Err(RenderError::Depth(frame.depth));
    }
    for (index, plane) in frame.planes.iter().enumerate() {
        let (width, height) = plane_size(frame.size, index);
        let row = width as usize * if frame.depth > 8 { 2 } else { 1 };
        let expected = plane.stride.saturating_mul(height as usize - 1).saturating_add(row);
        let (bytes, stride) = (plane.data.len(), plane.stride);
        if stride < row || stride > u32::MAX as usize || bytes < expected {
            return Err(RenderError::Plane { plane: index, bytes, stride, expected: expected.max(row) });
        }
    }
    Ok(())
}
