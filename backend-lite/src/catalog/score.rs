//! Which broadcast comes first.

use crate::api::BroadcastState;
use crate::store::BroadcastRow;

/// Whether all words occur in title, channel name or category, and the category is the wanted one.
pub(super) fn matches(row: &BroadcastRow, words: &[String], category: Option<&str>) -> bool {
    if category.is_some_and(|wanted| !wanted.is_empty() && wanted.to_lowercase() != row.category.to_lowercase()) {
        return false;
    }
    let text = format!("{}\n{}\n{}", row.title, row.channel_name, row.category).to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}

/// How good a recommendation it is: viewers count by their magnitude, a fresh start gives newcomers a chance,
/// one's own language weighs as much as four times the viewers, and a stopped broadcast goes to the end.
pub(super) fn score(row: &BroadcastRow, viewers: u32, language: Option<&str>, now: i64) -> f64 {
    let popular = f64::from(viewers + 1).log2();
    let minutes = now.saturating_sub(row.started).max(0) as f64 / 60.0;
    let fresh = 2.0 * (-minutes / 15.0).exp();
    let same = |wanted: &str| {
        let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_lowercase();
        !wanted.is_empty() && primary(wanted) == primary(&row.language)
    };
    let language = if language.is_some_and(same) { 2.0 } else { 0.0 };
    let stopped = if row.state == BroadcastState::Stopped { -100.0 } else { 0.0 };
    popular + fresh + language + stopped
}

#[cfg(test)]
mod tests {
    use runnel_p2p::wire::{BroadcastId, ChannelId};

    use super::*;
    use crate::api::{AccountId, Visibility};

    fn row(language: &str, started: i64) -> BroadcastRow {
        BroadcastRow {
            id: BroadcastId([0; 16]),
            channel: ChannelId([0; 16]),
            channel_name: "River".to_owned(),
            owner: AccountId(1),
            title: "Fishing at night".to_owned(),
            category: "Outdoor".to_owned(),
            language: language.to_owned(),
            visibility: Visibility::Public,
            mature: false,
            allow_replay: false,
            allow_clips: false,
            state: BroadcastState::Live,
            started,
            ended: None,
        }
    }

    #[test]
    fn words_are_found_anywhere_and_all_are_needed() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(matches(&row("en", 0), &words("night river out"), None));
        assert!(!matches(&row("en", 0), &words("night chess"), None));
        assert!(matches(&row("en", 0), &[], Some("outdoor")));
        assert!(!matches(&row("en", 0), &[], Some("gaming")));
    }

    #[test]
    fn viewers_freshness_and_language_count() {
        let now = 100_000;
        let at = |viewers, started, language| score(&row(language, started), viewers, Some("zh-CN"), now);
        assert!(at(100, 0, "en") > at(10, 0, "en"));
        assert!(at(0, now, "en") > at(2, 0, "en"));
        assert!(at(30, 0, "zh-TW") > at(100, 0, "en"));
        let stopped = BroadcastRow { state: BroadcastState::Stopped, ..row("en", now) };
        assert!(score(&stopped, 10_000, None, now) < at(0, 0, "en"));
    }
}
