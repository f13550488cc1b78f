//! Numbers and times as a language writes them.

use std::time::Duration;

use super::Locale;

/// Writes numbers in one language.
#[derive(Clone, Copy, Debug)]
pub struct Numbers(Locale);

impl Numbers {
    pub(super) fn new(locale: Locale) -> Self {
        Self(locale)
    }

    /// A whole number in full, in groups of three.
    pub fn full(self, number: u64) -> String {
        let digits = number.to_string();
        let mut text = String::with_capacity(digits.len() * 4 / 3);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    }

    /// A number short enough for a card: 12,300 is `12.3K`, in Chinese `1.2万`.
    ///
    /// Never rounded up over what it is: 9,999 viewers are not `10K`.
    pub fn short(self, number: u64) -> String {
        let (steps, from): (&[(u64, &str)], u64) = match self.0 {
            Locale::English => (&[(1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K")], 10_000),
            Locale::Chinese => (&[(100_000_000, "亿"), (10_000, "万")], 10_000),
        };
        if number < from {
            return self.full(number);
        }
        for (step, unit) in steps {
            if number >= *step {
                let (whole, tenth) = (number / step, number % step / (step / 10));
                let text = self.full(whole);
                return if whole >= 100 || tenth == 0 {
                    format!("{text}{unit}")
                } else {
                    format!("{text}.{tenth}{unit}")
                };
            }
        }
        self.full(number)
    }

    /// A whole number with a true minus sign, so that it is as wide as the digits.
    pub fn signed(self, number: f32) -> String {
        let text = format!("{number:.0}");
        if text == "-0" { "0".to_owned() } else { text.replace('-', "−") }
    }

    /// A length of time as a clock shows it: `4:05`, `1:04:05`.
    pub fn clock(self, time: Duration) -> String {
        let seconds = time.as_secs();
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_language_does() {
        let (en, zh) = (Numbers(Locale::English), Numbers(Locale::Chinese));
        let shorts = [0, 999, 1000, 9_999, 10_000, 12_345, 123_456, 1_000_000, 1_250_000, 2_000_000_000];
        assert_eq!(
            shorts.map(|n| en.short(n)),
            ["0", "999", "1,000", "9,999", "10K", "12.3K", "123K", "1M", "1.2M", "2B"]
        );
        assert_eq!(
            shorts.map(|n| zh.short(n)),
            ["0", "999", "1,000", "9,999", "1万", "1.2万", "12.3万", "100万", "125万", "20亿"]
        );
        assert_eq!(en.short(u64::MAX), "18,446,744,073B");
        assert_eq!(en.full(1_234_567), "1,234,567");
    }

    #[test]
    fn times_are_written_as_a_clock_does() {
        let clock = |seconds| Numbers(Locale::English).clock(Duration::from_secs(seconds));
        assert_eq!([0, 65, 3_600, 360_005].map(clock), ["0:00", "1:05", "1:00:00", "100:00:05"]);
    }
}
