//! Both languages say the same things.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fluent_bundle::FluentResource;

use super::*;

/// The keys of a language and, for each, the names it is filled in with.
fn messages(locale: Locale) -> BTreeMap<String, BTreeSet<String>> {
    let mut messages = BTreeMap::new();
    for source in locale.sources() {
        FluentResource::try_new(source.to_owned()).unwrap_or_else(|(_, errors)| panic!("{locale:?}: {errors:?}"));
        let mut current = String::new();
        for line in source.lines().filter(|line| !line.starts_with('#')) {
            if let Some((key, _)) = line.split_once(" =").filter(|_| !line.starts_with(' ')) {
                current = key.to_owned();
                assert!(messages.insert(current.clone(), BTreeSet::new()).is_none(), "{locale:?}: {key} twice");
            }
            for part in line.split('$').skip(1) {
                let name: String = part.chars().take_while(char::is_ascii_alphanumeric).collect();
                messages.get_mut(&current).expect("a message began").insert(name);
            }
        }
    }
    messages
}

/// Every string literal in the sources of the app.
fn literals() -> BTreeSet<String> {
    fn walk(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("i18n/tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.extend(text.split('"').map(str::to_owned));
            }
        }
    }
    let (mut found, sources) = (BTreeSet::new(), Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for part in ["ui", "widget", "i18n", "state"] {
        walk(&sources.join(part), &mut found);
        let text = std::fs::read_to_string(sources.join(part).with_extension("rs")).unwrap();
        found.extend(text.split('"').map(str::to_owned));
    }
    found
}

/// Literals that look like keys: lower-case words with dashes, the first of which begins some key.
fn asked_for(messages: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let heads: BTreeSet<_> = messages.keys().filter_map(|key| key.split_once('-').map(|(head, _)| head)).collect();
    let like_a_key = |text: &String| {
        text.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            && text.split_once('-').is_some_and(|(head, rest)| heads.contains(head) && !rest.is_empty())
    };
    literals().into_iter().filter(like_a_key).collect()
}

#[test]
fn both_languages_say_the_same_things() {
    let (english, chinese) = (messages(Locale::English), messages(Locale::Chinese));
    for (key, names) in &english {
        let other = chinese.get(key).unwrap_or_else(|| panic!("{key} has no Chinese"));
        assert_eq!(names, other, "{key} is filled in differently");
    }
    let more: Vec<_> = chinese.keys().filter(|key| !english.contains_key(*key)).collect();
    assert!(more.is_empty(), "only in Chinese: {more:?}");
}

#[test]
fn every_key_is_used_and_every_used_key_exists() {
    let (messages, literals) = (messages(Locale::English), literals());
    let unused: Vec<_> = messages.keys().filter(|key| !literals.contains(*key)).collect();
    assert!(unused.is_empty(), "nobody says {unused:?}");
    let missing: Vec<_> = asked_for(&messages).into_iter().filter(|key| !messages.contains_key(key)).collect();
    assert!(missing.is_empty(), "no words for {missing:?}");
}

#[test]
fn nothing_stays_unfilled() {
    for locale in Locale::ALL {
        let words = Words::new(locale);
        for (key, names) in messages(locale) {
            let values: Vec<_> = names
                .iter()
                .map(|name| match name.as_str() {
                    "count" => (name.as_str(), Value::Count(2)),
                    _ => (name.as_str(), Value::Text("x")),
                })
                .collect();
            let text = words.with(&key, &values);
            assert!(!text.contains(['{', '}', '$', '\u{2068}']) && !text.is_empty(), "{locale:?} {key}: {text}");
        }
    }
}

#[test]
fn plurals_follow_the_language() {
    let (en, zh) = (Words::new(Locale::English), Words::new(Locale::Chinese));
    assert_eq!(en.count("viewers", 1), "1 viewer");
    assert_eq!(en.count("viewers", 0), "0 viewers");
    assert_eq!(en.count("viewers", 1_000_000), "1M viewers");
    assert_eq!(zh.count("viewers", 1_000_000), "100万人观看");
    assert_eq!(en.count("end-text", 0), "Nobody is watching right now.");
}

#[test]
fn the_system_decides_only_when_asked() {
    assert_eq!(Locale::choose(Language::System, Some("zh_CN.UTF-8")), Locale::Chinese);
    assert_eq!(Locale::choose(Language::System, Some("de-DE")), Locale::English);
    assert_eq!(Locale::choose(Language::System, None), Locale::English);
    assert_eq!(Locale::choose(Language::English, Some("zh-CN")), Locale::English);
}

#[test]
fn units_are_said_in_the_language() {
    let words = Words::new(Locale::English);
    assert_eq!([words.rate(950), words.rate(2500)], ["950 kb/s", "2.5 Mb/s"]);
    assert_eq!([words.bytes(12_345_678), words.bytes(4_200_000_000)], ["12.3 MB", "4.20 GB"]);
    let amounts = [500_000_000, 2_000_000_000, 2_500_000_000, 1_000_000_000_000].map(|bytes| words.amount(bytes));
    assert_eq!(amounts, ["500 MB", "2 GB", "2.5 GB", "1,000 GB"]);
    assert_eq!([words.percent(0.934), words.seconds(Duration::from_millis(840))], ["93 %", "0.8 s"]);
}

#[test]
fn the_bundled_fonts_have_every_character() {
    let mut fonts = egui::epaint::text::Fonts::new(Default::default(), crate::theme::definitions());
    let font = egui::FontId::proportional(14.0);
    let strong = egui::FontId::new(14.0, egui::FontFamily::Name(crate::theme::STRONG.into()));
    for text in Locale::ALL.into_iter().flat_map(Locale::sources).chain(Locale::ALL.map(Locale::own_name)) {
        for character in text.chars().filter(|character| !character.is_control()) {
            for font in [&font, &strong] {
                assert!(fonts.has_glyph(font, character), "{character:?} is missing: see assets/fonts/README.md");
            }
        }
    }
}
