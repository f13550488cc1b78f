//! Takes keys out of a table one by one and remembers everything that is wrong.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::{Table, Value};

use super::ConfigProblem;

/// Reads one section; what is left in it at the end was unknown.
pub(super) struct Section<'a> {
    path: String,
    table: Table,
    known: Vec<&'static str>,
    problems: &'a mut Vec<ConfigProblem>,
}

impl<'a> Section<'a> {
    pub(super) fn root(table: &Table, problems: &'a mut Vec<ConfigProblem>) -> Self {
        Self { path: String::new(), table: table.clone(), known: Vec::new(), problems }
    }

    fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn problem(&mut self, name: &str, message: String) {
        let key = self.key(name);
        self.problems.push(ConfigProblem { key, message });
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.table.remove(name)
    }

    /// Reads a section inside this one; `None` if it is not there.
    pub(super) fn section<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Section<'_>) -> T) -> Option<T> {
        let table = match self.take(name)? {
            Value::Table(table) => table,
            other => {
                self.problem(name, format!("{other} is not a section ([{}])", self.key(name)));
                return None;
            }
        };
        let mut section = Section { path: self.key(name), table, known: Vec::new(), problems: &mut *self.problems };
        let value = read(&mut section);
        section.finish();
        Some(value)
    }

    /// Reads a section that has only defaults if it is not there.
    pub(super) fn or_empty<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        self.table.entry(name).or_insert_with(|| Value::Table(Table::new()));
        if !self.table[name].is_table() {
            let other = self.table.remove(name).expect("the entry was made above");
            self.problem(name, format!("{other} is not a section ([{}])", self.key(name)));
            self.table.insert(name.to_owned(), Value::Table(Table::new()));
        }
        self.section(name, read).expect("it is a table")
    }

    pub(super) fn whole(&mut self, name: &'static str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let Some(value) = self.take(name) else { return default };
        let Value::Integer(number) = value else {
            self.problem(name, format!("{value} is not a whole number of {}..={}", range.start(), range.end()));
            return default;
        };
        match u64::try_from(number) {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.problem(name, format!("{number} is outside {}..={}", range.start(), range.end()));
                default
            }
        }
    }

    pub(super) fn flag(&mut self, name: &'static str, default: bool) -> bool {
        match self.take(name) {
            None => default,
            Some(Value::Boolean(flag)) => flag,
            Some(other) => {
                self.problem(name, format!("{other} is not true or false"));
                default
            }
        }
    }

    pub(super) fn text(&mut self, name: &'static str, default: &str, max_chars: usize) -> String {
        match self.take(name) {
            None => default.to_owned(),
            Some(Value::String(text)) if text.chars().count() <= max_chars => text,
            Some(Value::String(text)) => {
                let count = text.chars().count();
                self.problem(name, format!("{count} characters are more than {max_chars}"));
                default.to_owned()
            }
            Some(other) => {
                self.problem(name, format!("{other} is not a text (in quotes)"));
                default.to_owned()
            }
        }
    }

    pub(super) fn parsed<T: FromStr>(&mut self, name: &'static str, form: &str) -> Option<T>
    where
        T::Err: Display,
    {
        match self.take(name)? {
            Value::String(text) => match text.parse() {
                Ok(value) => Some(value),
                Err(error) => {
                    self.problem(name, format!("{text:?} is not {form}: {error}"));
                    None
                }
            },
            other => {
                self.problem(name, format!("{other} is not {form} in quotes"));
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, name: &'static str, what: &str) -> String {
        if !self.table.contains_key(name) {
            self.known.push(name);
            self.problem(name, format!("missing: {what}"));
            return String::new();
        }
        self.text(name, "", 4096)
    }

    pub(super) fn list<T: FromStr>(&mut self, name: &'static str, form: &str, max: usize) -> Vec<T>
    where
        T::Err: Display,
    {
        let items = match self.take(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.problem(name, format!("{other} is not a list ([...])"));
                return Vec::new();
            }
        };
        if items.len() > max {
            self.problem(name, format!("{} entries are more than {max}", items.len()));
            return Vec::new();
        }
        let mut list = Vec::new();
        for item in items {
            match item.as_str().map(T::from_str) {
                Some(Ok(value)) => list.push(value),
                Some(Err(error)) => self.problem(name, format!("{item} is not {form}: {error}")),
                None => self.problem(name, format!("{item} is not {form} in quotes")),
            }
        }
        list
    }

    /// Reports what nobody asked for.
    pub(super) fn finish(mut self) {
        let unknown: Vec<String> = self.table.keys().cloned().collect();
        let known = self.known.join(", ");
        for name in unknown {
            self.problem(&name, format!("unknown key; known here: {known}"));
        }
    }
}
