//! Words in the reader's language, from the Fluent files in `assets/i18n`; numbers and times as that language writes them.

use std::time::Duration;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};
use unic_langid::{LanguageIdentifier, langid};

use crate::state::Language;

pub use self::number::Numbers;

mod number;

/// A language we have words in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Locale {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Locale {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// Its name in itself: whoever cannot read the current language must still find their own.
    pub fn own_name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Chinese => "简体中文",
        }
    }

    /// What a setting means on a system of that locale tag (such as `zh-CN` or `en_GB.UTF-8`).
    pub fn choose(language: Language, system: Option<&str>) -> Self {
        match language {
            Language::English => Self::English,
            Language::Chinese => Self::Chinese,
            Language::System => match system {
                Some(tag) if tag.to_ascii_lowercase().starts_with("zh") => Self::Chinese,
                _ => Self::English,
            },
        }
    }

    fn id(self) -> LanguageIdentifier {
        match self {
            Self::English => langid!("en"),
            Self::Chinese => langid!("zh-CN"),
        }
    }

    fn sources(self) -> [&'static str; 2] {
        match self {
            Self::English => {
                [include_str!("../../assets/i18n/en/app.ftl"), include_str!("../../assets/i18n/en/problem.ftl")]
            }
            Self::Chinese => {
                [include_str!("../../assets/i18n/zh-CN/app.ftl"), include_str!("../../assets/i18n/zh-CN/problem.ftl")]
            }
        }
    }
}

/// The words of one language.
pub struct Words {
    locale: Locale,
    bundle: FluentBundle<FluentResource>,
}

/// What a sentence is filled in with.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A name, an address, a formatted number.
    Text(&'a str),
    /// A number that decides between singular and plural.
    Count(u64),
}

impl Words {
    /// The words of a language.
    pub fn new(locale: Locale) -> Self {
        let mut bundle = FluentBundle::new(vec![locale.id()]);
        // egui draws the isolation marks as boxes.
        bundle.set_use_isolating(false);
        for source in locale.sources() {
            // A file with a fault in one message still has the others; a test refuses such files.
            let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(resource, _)| resource);
            bundle.add_resource_overriding(resource);
        }
        Self { locale, bundle }
    }

    /// Which language.
    pub fn locale(&self) -> Locale {
        self.locale
    }

    /// Numbers and times as this language writes them.
    pub fn numbers(&self) -> Numbers {
        Numbers::new(self.locale)
    }

    /// A sentence without anything to fill in.
    pub fn text(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// A sentence filled in.
    ///
    /// A key that does not exist gives itself: a test finds those before a person does.
    pub fn with(&self, key: &str, values: &[(&str, Value<'_>)]) -> String {
        let Some(pattern) = self.bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let mut args = FluentArgs::with_capacity(values.len());
        for (name, value) in values {
            match value {
                Value::Text(text) => args.set(*name, FluentValue::from(*text)),
                Value::Count(count) => args.set(*name, FluentValue::from(*count)),
            }
        }
        // What could not be filled in stays visible as `{$name}`; a test of all sentences finds it.
        self.bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
    }

    /// A sentence with one text filled in.
    pub fn fill(&self, key: &str, name: &str, text: &str) -> String {
        self.with(key, &[(name, Value::Text(text))])
    }

    /// A sentence that counts something: `$count` decides the plural, `$text` is the number as written.
    pub fn count(&self, key: &str, count: u64) -> String {
        let text = self.numbers().short(count);
        self.with(key, &[("count", Value::Count(count)), ("text", Value::Text(&text))])
    }

    /// A number with its unit, where the sentence is `{ $text } unit`.
    pub fn unit(&self, key: &str, number: &str) -> String {
        self.fill(key, "text", number)
    }

    /// A share of 0 to 1 as percent.
    pub fn percent(&self, share: f64) -> String {
        self.unit("percent", &format!("{:.0}", (share * 100.0).clamp(0.0, 100.0)))
    }

    /// A time as seconds with one decimal.
    pub fn seconds(&self, time: Duration) -> String {
        self.unit("seconds", &format!("{:.1}", time.as_secs_f64()))
    }

    /// A data rate.
    pub fn rate(&self, kbps: u32) -> String {
        if kbps < 1000 {
            self.unit("kilobits", &kbps.to_string())
        } else {
            self.unit("megabits", &format!("{:.1}", f64::from(kbps) / 1000.0))
        }
    }

    /// An amount of data that somebody chose, which is a round one.
    pub fn amount(&self, bytes: u64) -> String {
        let megabytes = bytes / 1_000_000;
        match (megabytes < 1000, megabytes % 1000) {
            (true, _) => self.unit("megabytes", &megabytes.to_string()),
            (false, 0) => self.unit("gigabytes", &self.numbers().full(megabytes / 1000)),
            (false, _) => self.unit("gigabytes", &format!("{:.1}", megabytes as f64 / 1000.0)),
        }
    }

    /// An amount of data.
    pub fn bytes(&self, bytes: u64) -> String {
        let megabytes = bytes as f64 / 1e6;
        if megabytes < 1000.0 {
            self.unit("megabytes", &format!("{megabytes:.1}"))
        } else {
            self.unit("gigabytes", &format!("{:.2}", megabytes / 1000.0))
        }
    }
}

#[cfg(test)]
mod tests;
