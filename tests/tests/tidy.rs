//! The house's rules that a machine can check: file lengths, module files, links, and pages that name code.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use runnel_tests::process::{project_root, sources};

const CRATES: &[&str] = &["app", "backend-lite", "media", "p2p", "tests"];

fn all_sources() -> Result<Vec<(PathBuf, String)>> {
    let mut all = Vec::new();
    for name in CRATES {
        for part in ["src", "tests", "examples", "benches"] {
            let folder = project_root().join(name).join(part);
            if folder.is_dir() {
                all.extend(sources(&folder)?);
            }
        }
    }
    Ok(all)
}

/// Lines before the tests that stand beside the code.
fn lines_of_code(text: &str) -> usize {
    text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count()
}

fn show(path: &Path) -> String {
    path.strip_prefix(project_root()).unwrap_or(path).display().to_string()
}

#[test]
fn files_stay_readable() -> Result<()> {
    const MOST: usize = 700;
    let long: Vec<String> = all_sources()?
        .iter()
        .filter(|(_, text)| lines_of_code(text) > MOST)
        .map(|(path, text)| {
            format!("{} has {} lines before its tests (at most {MOST})", show(path), lines_of_code(text))
        })
        .collect();
    assert!(long.is_empty(), "split by nouns:\n{}", long.join("\n"));
    Ok(())
}

#[test]
fn modules_are_files_beside_their_folder() -> Result<()> {
    let old: Vec<String> =
        all_sources()?.iter().filter(|(path, _)| path.ends_with("mod.rs")).map(|(path, _)| show(path)).collect();
    assert!(old.is_empty(), "use foo.rs beside foo/: {old:?}");
    Ok(())
}

#[test]
fn every_file_says_what_it_is() -> Result<()> {
    let silent: Vec<String> =
        all_sources()?.iter().filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| show(path)).collect();
    assert!(silent.is_empty(), "a file starts with a //! line that says what it is for: {silent:?}");
    Ok(())
}

#[test]
fn tests_wait_for_events_not_for_time() -> Result<()> {
    let sleeping: Vec<String> = all_sources()?
        .iter()
        .filter(|(path, _)| path.components().any(|part| part.as_os_str() == "tests"))
        // This file names the words.
        .filter(|(path, _)| !path.ends_with("tidy.rs"))
        .filter(|(_, text)| ["thread::sleep", "time::sleep", "park_timeout"].iter().any(|sleep| text.contains(sleep)))
        .map(|(path, _)| show(path))
        .collect();
    assert!(sleeping.is_empty(), "wait for the event or use the virtual clock: {sleeping:?}");
    Ok(())
}

#[test]
fn links_between_pages_lead_somewhere() -> Result<()> {
    let mut pages: Vec<PathBuf> = vec![project_root().join("README.md"), project_root().join("CHANGELOG.md")];
    for entry in std::fs::read_dir(project_root().join("docs"))? {
        pages.push(entry?.path());
    }
    let mut broken = Vec::new();
    for page in pages.iter().filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(page).with_context(|| page.display().to_string())?;
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap_or("");
            let outside = target.is_empty() || target.contains("://");
            if !outside && !page.parent().context("a page lies in a folder")?.join(target).exists() {
                broken.push(format!("{}: {target}", show(page)));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:?}");
    Ok(())
}

/// Every path in backquotes in the architecture page's code map must exist.
#[test]
fn the_architecture_page_names_what_is_there() -> Result<()> {
    let text = std::fs::read_to_string(project_root().join("docs/ARCHITECTURE.md"))?;
    let named: Vec<&str> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| CRATES.iter().any(|name| word.starts_with(&format!("{name}/"))))
        .collect();
    assert!(named.len() >= 20, "the code map names the modules; found only {named:?}");
    let missing: Vec<&&str> = named.iter().filter(|path| !project_root().join(path).exists()).collect();
    assert!(missing.is_empty(), "the page names what is gone: {missing:?}");
    Ok(())
}
