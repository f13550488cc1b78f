//! Distributions made of additions and multiplications only, so that they are the same on every machine.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A value around 0 with standard deviation 1: the sum of twelve even ones, close enough to a Gaussian.
pub(super) fn gauss(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

/// A value around 0 with standard deviation 1 from one number: the sum of its four parts, for what is drawn very often.
pub(super) fn bell(bits: u64) -> f64 {
    let parts: u64 = (0..4).map(|part| bits >> (16 * part) & 0xffff).sum();
    (parts as f64 / 65_536.0 - 2.0) * 1.732_050_8
}

/// A value whose logarithm is Gaussian.
pub(super) fn lognormal(rng: &mut ChaCha8Rng, median: f64, sigma: f64) -> f64 {
    median * exp(sigma * gauss(rng))
}

/// A waiting time with this mean.
pub(super) fn exponential(rng: &mut ChaCha8Rng, mean: f64) -> f64 {
    -mean * ln(1.0 - rng.random::<f64>())
}

/// `e^x`, by (1 + x/2^20)^(2^20); good to five digits where it is used.
fn exp(x: f64) -> f64 {
    let mut power = 1.0 + x.clamp(-20.0, 20.0) / f64::from(1 << 20);
    for _ in 0..20 {
        power *= power;
    }
    power
}

/// The natural logarithm of a value above 0 and at most 1.
fn ln(x: f64) -> f64 {
    let mut mantissa = x.max(1e-12);
    let mut halvings = 0.0;
    while mantissa < 0.75 {
        mantissa *= 2.0;
        halvings += 1.0;
    }
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let series: f64 = (0..12).rev().fold(0.0, |sum, term| sum * square + 1.0 / f64::from(2 * term + 1));
    2.0 * ratio * series - halvings * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn agrees_with_the_usual_functions() {
        for x in [-3.0, -0.5, 0.0, 0.3, 2.0f64] {
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-4, "{x}");
        }
        for x in [1e-6, 0.1, 0.5, 0.9, 1.0f64] {
            assert!((ln(x) - x.ln()).abs() < 1e-9, "{x}");
        }
    }

    #[test]
    fn the_means_are_right() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        let waits = mean((0..20_000).map(|_| exponential(&mut rng, 5.0)).collect());
        assert!((waits - 5.0).abs() < 0.15, "{waits}");
        let around = mean((0..20_000).map(|_| gauss(&mut rng)).collect());
        assert!(around.abs() < 0.03, "{around}");
        let squares = mean((0..20_000).map(|_| bell(rng.random()).powi(2)).collect());
        assert!((squares - 1.0).abs() < 0.03, "{squares}");
    }
}
