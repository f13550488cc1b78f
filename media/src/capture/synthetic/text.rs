//! Digits for the clock of the test picture: no font file needed, and readable at any size.

use crate::capture::synthetic::landscape::Canvas;

/// Columns and rows of a glyph.
const COLUMNS: usize = 5;
const ROWS: usize = 7;

/// Rows of a glyph from the top, the leftmost of five columns in the highest bit.
fn glyph(character: char) -> [u8; ROWS] {
    match character {
        '0' => [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
        '1' => [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        '2' => [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
        '3' => [0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110],
        '4' => [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
        '5' => [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
        '6' => [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
        '7' => [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
        '8' => [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
        '9' => [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
        ':' => [0, 0b00100, 0b00100, 0, 0b00100, 0b00100, 0],
        '.' => [0, 0, 0, 0, 0, 0b00100, 0b00100],
        _ => [0; ROWS],
    }
}

/// Writes `text` (digits, colons, dots) in white on a dark ground, each dot of a glyph `dot` pixels wide and high.
pub(super) fn draw(canvas: &mut Canvas, left: usize, top: usize, dot: usize, text: &str) {
    let advance = (COLUMNS + 1) * dot;
    let width = text.chars().count() * advance + dot;
    canvas.fill(left..left + width, top..top + (ROWS + 2) * dot, 28);
    canvas.neutral(left..left + width, top..top + (ROWS + 2) * dot);
    for (index, character) in text.chars().enumerate() {
        let x = left + dot + index * advance;
        for (row, bits) in glyph(character).into_iter().enumerate() {
            for column in (0..COLUMNS).filter(|column| bits >> (COLUMNS - 1 - column) & 1 == 1) {
                canvas.fill(
                    x + column * dot..x + (column + 1) * dot,
                    top + (row + 1) * dot..top + (row + 2) * dot,
                    226,
                );
            }
        }
    }
}
