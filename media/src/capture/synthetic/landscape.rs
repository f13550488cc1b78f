//! A landscape with the texture of a photograph, gliding by.
//!
//! Its textures are drawn once; a frame is then little more than a copy of each row at that row's own offset: far rows
//! move slowly and near rows fast, as from a train.

use std::ops::Range;

use crate::format::Size;

/// A picture being drawn: three tightly packed planes.
pub(crate) struct Canvas {
    pub(crate) luma: Vec<u8>,
    pub(crate) u: Vec<u8>,
    pub(crate) v: Vec<u8>,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Canvas {
    /// Fills a rectangle of the luma plane, cut at the edges of the picture.
    pub(crate) fn fill(&mut self, x: Range<usize>, y: Range<usize>, luma: u8) {
        let x = x.start.min(self.width)..x.end.min(self.width);
        for row in y.start.min(self.height)..y.end.min(self.height) {
            self.luma[row * self.width..][x.clone()].fill(luma);
        }
    }

    /// Takes the color out of a rectangle.
    pub(crate) fn neutral(&mut self, x: Range<usize>, y: Range<usize>) {
        let (width, height) = (self.width / 2, self.height / 2);
        let x = (x.start / 2).min(width)..x.end.div_ceil(2).min(width);
        for row in (y.start / 2).min(height)..y.end.div_ceil(2).min(height) {
            self.u[row * width..][x.clone()].fill(128);
            self.v[row * width..][x.clone()].fill(128);
        }
    }
}

/// The landscape's textures, as wide as the picture and repeating.
pub(crate) struct Landscape {
    size: Size,
    luma: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
    /// For each row, how fast it moves: pixels a second in 1/256.
    speed: Vec<i64>,
    /// The zone plate: for each of its pixels the phase of its wave, and for each of its rows where that row begins and ends.
    plate: Vec<u8>,
    wave: [u8; 256],
}

/// Part of the height at which the ground begins.
const HORIZON: f64 = 0.55;

impl Landscape {
    /// Draws the textures for pictures of `size`.
    pub(crate) fn new(size: Size) -> Self {
        let (width, height) = (size.width() as usize, size.height() as usize);
        let mut land = Self {
            size,
            luma: Vec::with_capacity(width * height),
            u: Vec::with_capacity(width * height / 4),
            v: Vec::with_capacity(width * height / 4),
            speed: Vec::with_capacity(height),
            plate: plate(plate_side(size)),
            wave: std::array::from_fn(|phase| {
                (126.0 + 90.0 * (std::f64::consts::TAU * phase as f64 / 256.0).sin()) as u8
            }),
        };
        // Each octave is finer than the one before by two and weaker by 0.6, as in nature.
        let octaves: Vec<Noise> =
            (0..6).map(|octave| Noise::new(octave, width, height as f64 / f64::from(3u32 << octave))).collect();
        let mut row = vec![0.0; width];
        let mut ridge = vec![0.0; width];
        octaves[0].add_row(0.0, 0.35, &mut ridge);
        octaves[2].add_row(7.0, 0.12, &mut ridge);
        for y in 0..height {
            let depth = y as f64 / height as f64;
            let below = ((depth - HORIZON) / (1.0 - HORIZON)).max(0.0);
            let pixels_a_second = width as f64 * (0.05 + 0.45 * below);
            land.speed.push((pixels_a_second * 256.0) as i64);
            row.fill(0.0);
            for (octave, noise) in octaves.iter().enumerate() {
                // Perspective: texture is flatter near the horizon.
                let line =
                    if depth < HORIZON { y as f64 } else { height as f64 * (1.0 + (1.0 + 12.0 * below).ln() * 0.4) };
                noise.add_row(line, 0.6f64.powi(octave as i32), &mut row);
            }
            for (x, noise) in row.iter().enumerate() {
                let (luma, u, v) = shade(depth, *noise, HORIZON - 0.12 - 0.25 * ridge[x]);
                land.luma.push(luma);
                if y % 2 == 0 && x % 2 == 0 {
                    land.u.push(u);
                    land.v.push(v);
                }
            }
        }
        land
    }

    /// The picture at media time `micros`.
    pub(crate) fn draw(&self, micros: i64) -> Canvas {
        let (width, height) = (self.size.width() as usize, self.size.height() as usize);
        let mut canvas = Canvas {
            luma: Vec::with_capacity(width * height),
            u: Vec::with_capacity(width * height / 4),
            v: Vec::with_capacity(width * height / 4),
            width,
            height,
        };
        let millis = micros.max(0) / 1000;
        for y in 0..height {
            // Even, so that luma and chroma move together.
            let offset = ((self.speed[y] * millis / 256_000) as usize % width) & !1;
            wrapped(&self.luma[y * width..][..width], offset, &mut canvas.luma);
            if y % 2 == 0 {
                wrapped(&self.u[y / 2 * (width / 2)..][..width / 2], offset / 2, &mut canvas.u);
                wrapped(&self.v[y / 2 * (width / 2)..][..width / 2], offset / 2, &mut canvas.v);
            }
        }
        self.draw_plate(&mut canvas, millis);
        for ball in 0..3 {
            draw_ball(&mut canvas, millis, ball);
        }
        canvas
    }

    fn draw_plate(&self, canvas: &mut Canvas, millis: i64) {
        let side = plate_side(self.size);
        let (left, top) = ((canvas.width * 5 / 8) & !1, (canvas.height / 4) & !1);
        let phase = (millis * 256 / 1600) as u8;
        for y in 0..side.min(canvas.height - top) {
            let (from, to) = chord(side, y);
            let (from, to) = (from.min(canvas.width - left), to.min(canvas.width - left));
            let row = &mut canvas.luma[(top + y) * canvas.width + left..][from..to];
            for (sample, distance) in row.iter_mut().zip(&self.plate[y * side + from..]) {
                *sample = self.wave[usize::from(distance.wrapping_sub(phase))];
            }
            if y % 2 == 0 && top + y < canvas.height {
                let row = (top + y) / 2 * (canvas.width / 2) + left / 2;
                canvas.u[row..][from / 2..to / 2].fill(128);
                canvas.v[row..][from / 2..to / 2].fill(128);
            }
        }
    }
}

/// Side of the square around the zone plate.
fn plate_side(size: Size) -> usize {
    (size.height().min(size.width()) as usize / 3) & !1
}

/// The phases of a zone plate: rings that get finer outwards, up to a period of about five pixels.
fn plate(side: usize) -> Vec<u8> {
    let middle = side as f64 / 2.0;
    let scale = 256.0 / (5.0 * side as f64);
    let phase = |x: usize, y: usize| (((x as f64 - middle).powi(2) + (y as f64 - middle).powi(2)) * scale) as i64 as u8;
    (0..side * side).map(|index| phase(index % side, index / side)).collect()
}

/// Where row `y` of a disc of diameter `side` begins and ends.
fn chord(side: usize, y: usize) -> (usize, usize) {
    let radius = side as f64 / 2.0;
    let half = (radius * radius - (y as f64 + 0.5 - radius).powi(2)).max(0.0).sqrt();
    let even = |x: f64| (x as usize) & !1;
    (even(radius - half), even(radius + half).min(side))
}

/// A shaded ball that bounces, each with its own color, size and pace.
fn draw_ball(canvas: &mut Canvas, millis: i64, ball: usize) {
    const COLORS: [(u8, u8); 3] = [(90, 200), (190, 90), (60, 150)];
    let side = (canvas.height.min(canvas.width) / (6 + 2 * ball)) & !1;
    if side < 4 {
        return;
    }
    let bounce = |pace: i64, room: usize| -> usize {
        let room = room.max(1) as i64;
        let way = millis * room / pace % (2 * room);
        ((if way < room { way } else { 2 * room - way }) as usize) & !1
    };
    let left = bounce(2300 + 700 * ball as i64, canvas.width.saturating_sub(side));
    let top = bounce(1700 + 500 * ball as i64, (canvas.height * 9 / 10).saturating_sub(side));
    let radius = side as i64 / 2;
    for y in 0..side {
        let (from, to) = chord(side, y);
        let row = (top + y) * canvas.width + left;
        for x in from..to {
            // Lit from the upper left.
            let (across, down) = (x as i64 - radius * 2 / 3, y as i64 - radius * 2 / 3);
            let shade = 225 - 150 * (across * across + down * down) / (radius * radius * 2).max(1);
            canvas.luma[row + x] = shade.clamp(30, 235) as u8;
        }
        if y % 2 == 0 {
            let row = (top + y) / 2 * (canvas.width / 2) + left / 2;
            canvas.u[row..][from / 2..to / 2].fill(COLORS[ball].0);
            canvas.v[row..][from / 2..to / 2].fill(COLORS[ball].1);
        }
    }
}

fn wrapped(row: &[u8], offset: usize, into: &mut Vec<u8>) {
    into.extend_from_slice(&row[offset..]);
    into.extend_from_slice(&row[..offset]);
}

/// Color of a point: sky with clouds above the ridge, dark hills below it, then meadows.
fn shade(depth: f64, noise: f64, ridge: f64) -> (u8, u8, u8) {
    let level = |value: f64| value.clamp(20.0, 232.0) as u8;
    if depth < ridge {
        let cloud = (noise * 1.6).clamp(0.0, 1.0);
        (
            level(150.0 + 30.0 * depth + 60.0 * cloud + 14.0 * noise),
            (146.0 - 16.0 * cloud) as u8,
            (112.0 + 14.0 * cloud) as u8,
        )
    } else if depth < HORIZON {
        (level(86.0 + 74.0 * noise), 124, 122)
    } else {
        (level(112.0 + 96.0 * noise), (112.0 + 8.0 * noise) as u8, (120.0 + 16.0 * noise) as u8)
    }
}

/// Value noise of one scale, repeating over the width.
struct Noise {
    seed: u32,
    cells: usize,
    cell_height: f64,
    columns: Vec<(usize, f64)>,
}

impl Noise {
    /// Noise with cells of about `cell` pixels.
    fn new(seed: u32, width: usize, cell: f64) -> Self {
        let cell = cell.max(1.0);
        let cells = ((width as f64 / cell).round() as usize).max(1);
        let smooth = |t: f64| t * t * (3.0 - 2.0 * t);
        let column = |x: usize| {
            let at = x as f64 * cells as f64 / width as f64;
            (at as usize % cells, smooth(at.fract()))
        };
        Self { seed, cells, cell_height: cell, columns: (0..width).map(column).collect() }
    }

    /// Adds `weight` times the row at height `y`, within about -1..=1, to `row`.
    fn add_row(&self, y: f64, weight: f64, row: &mut [f64]) {
        let at = y / self.cell_height;
        let (line, within) = (at as u32, at.fract());
        let within = within * within * (3.0 - 2.0 * within);
        let knots: Vec<f64> = (0..self.cells)
            .map(|cell| {
                let above = hash(cell as u32, line, self.seed);
                above + (hash(cell as u32, line + 1, self.seed) - above) * within
            })
            .collect();
        for (value, (cell, part)) in row.iter_mut().zip(&self.columns) {
            let (left, right) = (knots[*cell], knots[(*cell + 1) % self.cells]);
            *value += weight * (left + (right - left) * part);
        }
    }
}

/// A number within -1..1 that depends on its arguments like chance.
fn hash(x: u32, y: u32, seed: u32) -> f64 {
    let mut h = x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77) ^ seed.wrapping_mul(0xc2b2_ae3d);
    h = (h ^ h >> 15).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ h >> 12).wrapping_mul(0x297a_2d39);
    f64::from((h ^ h >> 15) >> 8) / 8_388_608.0 - 1.0
}
