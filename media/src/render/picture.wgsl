// Three planes to R'G'B' in one pass.

struct Settings {
    // Left, top, right, bottom of the picture in clip space.
    corners: vec4<f32>,
    // Rows of the conversion: factors of Y, Cb, Cr, and a constant.
    red: vec4<f32>,
    green: vec4<f32>,
    blue: vec4<f32>,
    // x, y: weights of a texel's two channels; z: 1 where the target encodes sRGB itself.
    sample_weights: vec4<f32>,
    unused: vec4<f32>,
}

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var linear_clamped: sampler;
@group(0) @binding(2) var luma: texture_2d<f32>;
@group(0) @binding(3) var blue_difference: texture_2d<f32>;
@group(0) @binding(4) var red_difference: texture_2d<f32>;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) at: vec2<f32>,
}

@vertex
fn corner(@builtin(vertex_index) index: u32) -> Corner {
    let at = vec2<f32>(f32(index & 1u), f32(index >> 1u));
    let place = mix(settings.corners.xy, settings.corners.zw, at);
    return Corner(vec4<f32>(place, 0.0, 1.0), at);
}

fn sample_value(texel: vec4<f32>) -> f32 {
    return dot(texel.xy, settings.sample_weights.xy);
}

// Bilinear by hand: where a sample lies in two bytes, a sampler's rounding of the high one would be visible.
fn pair_value(plane: texture_2d<f32>, at: vec2<f32>) -> f32 {
    let size = vec2<i32>(textureDimensions(plane));
    let place = at * vec2<f32>(size) - 0.5;
    let corner = vec2<i32>(floor(place));
    let share = place - floor(place);
    let low = clamp(corner, vec2<i32>(0), size - 1);
    let high = clamp(corner + 1, vec2<i32>(0), size - 1);
    let upper = mix(
        sample_value(textureLoad(plane, low, 0)),
        sample_value(textureLoad(plane, vec2<i32>(high.x, low.y), 0)),
        share.x,
    );
    let lower = mix(
        sample_value(textureLoad(plane, vec2<i32>(low.x, high.y), 0)),
        sample_value(textureLoad(plane, high, 0)),
        share.x,
    );
    return mix(upper, lower, share.y);
}

fn plane_value(plane: texture_2d<f32>, at: vec2<f32>) -> f32 {
    if settings.sample_weights.y > 0.0 {
        return pair_value(plane, at);
    }
    return sample_value(textureSampleLevel(plane, linear_clamped, at, 0.0));
}

fn linear_of(encoded: vec3<f32>) -> vec3<f32> {
    let low = encoded / 12.92;
    let high = pow((encoded + 0.055) / 1.055, vec3<f32>(2.4));
    return select(high, low, encoded <= vec3<f32>(0.04045));
}

@fragment
fn pixel(corner: Corner) -> @location(0) vec4<f32> {
    let yuv1 = vec4<f32>(
        plane_value(luma, corner.at),
        plane_value(blue_difference, corner.at),
        plane_value(red_difference, corner.at),
        1.0,
    );
    let rgb = clamp(
        vec3<f32>(dot(settings.red, yuv1), dot(settings.green, yuv1), dot(settings.blue, yuv1)),
        vec3<f32>(0.0),
        vec3<f32>(1.0),
    );
    if settings.sample_weights.z > 0.5 {
        return vec4<f32>(linear_of(rgb), 1.0);
    }
    return vec4<f32>(rgb, 1.0);
}
