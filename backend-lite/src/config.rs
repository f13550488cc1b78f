//! Settings: from a TOML file to values that cannot be wrong.
//!
//! [`RawSettings`] is what was written; [`RawSettings::check`] turns it into [`Settings`] or lists every bad key at once.

mod check;
mod example;
mod reader;
mod settings;

use std::path::{Path, PathBuf};

pub use example::EXAMPLE;
pub use settings::*;

/// One thing wrong with a config file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The key, with its section: `server.listen`.
    pub key: String,
    /// What is wrong, with the value and what is legal.
    pub message: String,
}

impl std::fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the config file {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("the config is not valid TOML: {0}")]
    Syntax(#[from] toml::de::Error),
    /// Some keys are bad; all of them are listed.
    #[error("{} bad key(s) in the config:{}", .0.len(), list(.0))]
    Bad(Vec<ConfigProblem>),
}

fn list(problems: &[ConfigProblem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

/// A config as written, not looked at yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawSettings(toml::Table);

impl RawSettings {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Reads TOML.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Ok(Self(toml::from_str(text)?))
    }

    /// Turns what was written into settings, or lists all that is wrong with it.
    pub fn check(&self) -> Result<Settings, ConfigError> {
        check::check(&self.0).map_err(ConfigError::Bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        match RawSettings::parse(text).unwrap().check() {
            Ok(_) => Vec::new(),
            Err(ConfigError::Bad(problems)) => problems.iter().map(ToString::to_string).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn no_config_is_a_good_config() {
        let settings = RawSettings::default().check().unwrap();
        assert!(settings.server.listen.ip().is_loopback());
        assert!(settings.server.tls.is_none());
    }

    #[test]
    fn the_example_says_what_the_defaults_are() {
        let example = RawSettings::parse(EXAMPLE).unwrap().check().unwrap();
        assert_eq!(example, RawSettings::default().check().unwrap());
        // And with every commented key switched on it still holds.
        let all: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.contains(" = ") || rest.starts_with('[') => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        RawSettings::parse(&all).unwrap().check().unwrap();
    }

    #[test]
    fn every_bad_key_is_reported_at_once_with_value_and_range() {
        let text = r#"
            surprise = 1
            [server]
            listen = "nowhere"
            shutdown_seconds = 4000
            lisen = "127.0.0.1:1"
            trusted_proxies = ["10.0.0.0/8", "x"]
            [server.tls]
            certificate = "c.pem"
            [ingest]
            grace_seconds = "long"
            [chat]
            max_chars = 0
            guests = 3
        "#;
        let problems = problems(text);
        for expected in [
            "surprise: unknown key",
            "server.lisen: unknown key",
            "server.listen: \"nowhere\" is not",
            "server.shutdown_seconds: 4000 is outside 1..=300",
            "server.trusted_proxies: \"x\" is not",
            "server.tls.key: missing",
            "ingest.grace_seconds: \"long\" is not a whole number",
            "chat.max_chars: 0 is outside 1..=2000",
            "chat.guests: 3 is not true or false",
        ] {
            assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected:?} not in {problems:#?}");
        }
        assert_eq!(problems.len(), 9, "{problems:#?}");
    }

    #[test]
    fn hostile_configs_are_refused_without_a_panic() {
        for text in ["=", "[a]\na=1\na=2", "server = 5", "[server]\nlisten = [1]", "[[server]]", "\u{0}"] {
            let result = RawSettings::parse(text).and_then(|raw| raw.check());
            assert!(result.is_err(), "{text:?}");
        }
    }
}
