//! Which GStreamer elements we know how to use, and how.
//!
//! The one place that differs by system and by GStreamer version: everything is looked up by name at run time.

/// How one element is set up for live AV1.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// Our name for it.
    pub(crate) name: &'static str,
    /// The element.
    pub(crate) element: &'static str,
    /// The property that holds the rate in kbit/s.
    pub(crate) bitrate: &'static str,
    /// Whether a new value of that property counts while the element runs.
    pub(crate) live_bitrate: bool,
    /// Whether it makes a keyframe when told to; otherwise it is started anew for that.
    pub(crate) forces_keyframes: bool,
    /// The property with the least quantiser (2..=63) that also counts while the element runs, for elements that keep no
    /// pictures and whose keyframes come out several times the mean otherwise.
    pub(crate) floor: Option<&'static str>,
    /// Properties and their values; a name that starts with `?` may be missing.
    ///
    /// `{keyframes}` stands for the keyframe interval in frames, `{threads}` for the threads,
    /// `{tiles}` for the binary logarithm of the tile columns.
    pub(crate) properties: &'static [(&'static str, &'static str)],
    /// Whether `av1parse` must bring the output into whole temporal units.
    pub(crate) parse: bool,
}

/// libaom for real time: constant rate, no look-ahead, a small buffer so that keyframes stay small.
///
/// GStreamer's default for `max-quantizer` is 0, that is: no rate control at all.
macro_rules! av1enc {
    ($name:literal, $speed:literal) => {
        Recipe {
            name: $name,
            element: "av1enc",
            bitrate: "target-bitrate",
            live_bitrate: true,
            // 1.22 takes the event and forgets it.
            forces_keyframes: false,
            floor: Some("min-quantizer"),
            properties: &[
                ("usage-profile", "realtime"),
                ("end-usage", "cbr"),
                ("cpu-used", $speed),
                ("lag-in-frames", "0"),
                ("row-mt", "true"),
                ("threads", "{threads}"),
                ("tile-columns", "{tiles}"),
                ("keyframe-max-dist", "{keyframes}"),
                ("min-quantizer", "2"),
                ("max-quantizer", "62"),
                ("buf-sz", "1000"),
                ("buf-initial-sz", "400"),
                ("buf-optimal-sz", "500"),
                ("undershoot-pct", "50"),
                ("overshoot-pct", "50"),
                ("drop-frame", "0"),
                ("?qos", "false"),
            ],
            parse: false,
        }
    };
}

/// SVT-AV1: low delay, constant rate.
macro_rules! svtav1enc {
    ($name:literal, $preset:literal) => {
        Recipe {
            name: $name,
            element: "svtav1enc",
            bitrate: "target-bitrate",
            live_bitrate: false,
            forces_keyframes: true,
            floor: None,
            properties: &[
                ("preset", $preset),
                ("?intra-period-length", "{keyframes}"),
                ("?logical-processors", "{threads}"),
                ("?parameters-string", "pred-struct=1:rc=2:tile-columns={tiles}:scd=0:lookahead=0"),
            ],
            parse: true,
        }
    };
}

/// All recipes; hardware first, then by falling quality.
pub(crate) const RECIPES: &[Recipe] = &[
    Recipe {
        name: "nvav1enc",
        element: "nvav1enc",
        bitrate: "bitrate",
        live_bitrate: true,
        forces_keyframes: true,
        floor: None,
        properties: &[
            ("?rate-control", "cbr"),
            ("?rc-mode", "cbr"),
            ("?preset", "p4"),
            ("?tune", "ultra-low-latency"),
            ("?zero-reorder-delay", "true"),
            ("?b-frames", "0"),
            ("?gop-size", "{keyframes}"),
        ],
        parse: true,
    },
    Recipe {
        name: "qsvav1enc",
        element: "qsvav1enc",
        bitrate: "bitrate",
        live_bitrate: true,
        forces_keyframes: true,
        floor: None,
        properties: &[
            ("?rate-control", "cbr"),
            ("?low-latency", "true"),
            ("?target-usage", "4"),
            ("?gop-size", "{keyframes}"),
            ("?ref-frames", "1"),
        ],
        parse: true,
    },
    Recipe {
        name: "vaav1enc",
        element: "vaav1enc",
        bitrate: "bitrate",
        live_bitrate: true,
        forces_keyframes: true,
        floor: None,
        properties: &[
            ("?rate-control", "cbr"),
            ("?key-int-max", "{keyframes}"),
            ("?gf-group-size", "1"),
            ("?ref-frames", "1"),
            ("?target-usage", "4"),
        ],
        parse: true,
    },
    Recipe {
        name: "amfav1enc",
        element: "amfav1enc",
        bitrate: "bitrate",
        live_bitrate: true,
        forces_keyframes: true,
        floor: None,
        properties: &[
            ("?rate-control", "cbr"),
            ("?usage", "low-latency"),
            ("?preset", "balanced"),
            ("?gop-size", "{keyframes}"),
        ],
        parse: true,
    },
    av1enc!("av1enc:7", "7"),
    av1enc!("av1enc:8", "8"),
    av1enc!("av1enc:9", "9"),
    av1enc!("av1enc:10", "10"),
    svtav1enc!("svtav1enc:10", "10"),
    svtav1enc!("svtav1enc:12", "12"),
];

/// The value with its placeholders filled in.
pub(crate) fn fill(value: &str, keyframes: u32, threads: usize) -> String {
    // Two tile columns at least, so that viewers can decode in parallel too; at most 64.
    let tiles = threads.clamp(2, 64).next_power_of_two().ilog2();
    value
        .replace("{keyframes}", &keyframes.to_string())
        .replace("{threads}", &threads.to_string())
        .replace("{tiles}", &tiles.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_carry_their_element() {
        let names: BTreeSet<_> = RECIPES.iter().map(|recipe| recipe.name).collect();
        assert_eq!(names.len(), RECIPES.len());
        for recipe in RECIPES {
            assert_eq!(recipe.name.split(':').next(), Some(recipe.element));
        }
    }

    #[test]
    fn placeholders_are_filled() {
        assert_eq!(fill("{keyframes}", 60, 2), "60");
        assert_eq!(fill("a={tiles}:b={threads}", 60, 6), "a=3:b=6");
        assert_eq!(fill("{tiles}", 60, 1), "1");
    }
}
