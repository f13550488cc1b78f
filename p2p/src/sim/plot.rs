//! Drawing an outcome as SVG.

use super::report::Outcome;

/// Size of a drawing and of the frame within it.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 40.0;

/// The drawings of an outcome: file name and contents.
pub fn draw(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let report = &outcome.report;
    let about = format!("{}, {}, {} viewers, seed {}", report.scenario, report.policy, report.peers, report.seed);
    let offload: Vec<(f64, f64)> =
        outcome.seconds.iter().enumerate().map(|(second, it)| (second as f64 + 1.0, it.offload())).collect();
    let total = outcome.depths.iter().sum::<u64>().max(1) as f64;
    let depths: Vec<(f64, f64)> =
        outcome.depths.iter().enumerate().map(|(depth, count)| (depth as f64, *count as f64 / total)).collect();
    vec![
        ("lag.svg", line(&format!("Lag: {about}"), "ms from signing to the last piece", &outcome.lag_curve)),
        ("offload.svg", line(&format!("From viewers: {about}"), "seconds", &offload)),
        ("depth.svg", bars(&format!("Hops from the source: {about}"), "hops", &depths)),
    ]
}

/// A curve of shares.
fn line(title: &str, unit: &str, points: &[(f64, f64)]) -> String {
    let most = points.iter().map(|point| point.0).fold(1.0, f64::max);
    let place = |&(x, y): &(f64, f64)| format!("{:.1},{:.1}", across(x / most), down(y));
    let path: Vec<String> = points.iter().map(place).collect();
    let curve =
        format!("<polyline fill=\"none\" stroke=\"#2563eb\" stroke-width=\"2\" points=\"{}\"/>", path.join(" "));
    frame(title, unit, most, &curve)
}

/// A bar for each share.
fn bars(title: &str, unit: &str, shares: &[(f64, f64)]) -> String {
    let most = shares.iter().filter(|share| share.1 > 0.0).map(|share| share.0).fold(1.0, f64::max) + 1.0;
    let width = (across(1.0 / most) - across(0.0)) * 0.8;
    let bar = |&(x, y): &(f64, f64)| {
        let (left, top) = (across(x / most), down(y));
        format!(
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"#2563eb\"/>",
            down(0.0) - top
        )
    };
    let drawn: Vec<String> = shares.iter().filter(|share| share.1 > 0.0).map(bar).collect();
    frame(title, unit, most, &drawn.join("\n"))
}

fn across(share: f64) -> f64 {
    LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn down(share: f64) -> f64 {
    HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
}

/// Axes and titles around what is drawn; the upright axis is always a share.
fn frame(title: &str, unit: &str, most: f64, drawn: &str) -> String {
    let mut marks = String::new();
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let (x, y) = (across(share), down(share));
        marks += &format!(
            "<path stroke=\"#ddd\" d=\"M{LEFT} {y:.1}H{:.1}\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0} %</text>\n\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.0}</text>\n",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            share * 100.0,
            HEIGHT - BOTTOM + 16.0,
            share * most,
        );
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"18\" font-size=\"13\">{}</text>\n{marks}\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n{drawn}\n</svg>\n",
        escape(title),
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 8.0,
        escape(unit),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_from_corner_to_corner() {
        let drawn = line("a < b", "ms", &[(0.0, 0.0), (100.0, 1.0)]);
        assert!(drawn.contains("points=\"52.0,220.0 548.0,30.0\""), "{drawn}");
        assert!(drawn.contains("a &lt; b") && drawn.ends_with("</svg>\n"));
    }

    #[test]
    fn a_bar_is_as_high_as_its_share() {
        let drawn = bars("depth", "hops", &[(0.0, 0.0), (1.0, 0.5)]);
        assert!(drawn.contains("height=\"95.0\" fill"), "{drawn}");
    }
}
