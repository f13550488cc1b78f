//! The live table: rows and a bar on a terminal, a line now and then elsewhere. All of it on standard error.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::stage::Collect;

/// How many ticks pass between two plain lines.
const PLAIN_EVERY: u32 = 4;

/// See the module.
pub(super) struct Board {
    seconds: Duration,
    form: Form,
}

enum Form {
    Rows { all: MultiProgress, bar: ProgressBar, rows: Vec<ProgressBar> },
    Plain { ticks: u32 },
}

impl Board {
    /// So many rows, and a bar for so many seconds.
    pub(super) fn new(rows: usize, seconds: Duration) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { seconds, form: Form::Plain { ticks: 0 } };
        }
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let style =
            |template: &str| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let row = |_| all.add(ProgressBar::new(1).with_style(style("{msg}")));
        let rows: Vec<_> = (0..rows).map(row).collect();
        let bar = all.add(ProgressBar::new(u64::try_from(seconds.as_millis()).unwrap_or(u64::MAX)));
        bar.set_style(style("{bar:40} {msg}"));
        Self { seconds, form: Form::Rows { all, bar, rows } }
    }

    /// Draws once more.
    pub(super) fn draw(&mut self, collector: &impl Collect, live_for: Option<Duration>) {
        let at = live_for.unwrap_or_default().min(self.seconds);
        let clock = format!("{:.0}/{:.0} s", at.as_secs_f64(), self.seconds.as_secs_f64());
        match &mut self.form {
            Form::Rows { bar, rows, .. } => {
                for (row, text) in rows.iter().zip(collector.rows()) {
                    row.set_message(text);
                    row.tick();
                }
                bar.set_position(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
                bar.set_message(clock);
            }
            Form::Plain { ticks } => {
                if *ticks % PLAIN_EVERY == 0 {
                    eprintln!("{clock}  {}", collector.plain());
                }
                *ticks += 1;
            }
        }
    }

    /// Takes the table away; the summary follows.
    pub(super) fn finish(&mut self) {
        if let Form::Rows { all, bar, rows } = &self.form {
            for row in rows {
                row.finish();
            }
            bar.finish_and_clear();
            // A terminal that is gone cannot be cleared.
            let _ = all.clear();
        }
    }
}
