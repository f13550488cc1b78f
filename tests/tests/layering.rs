//! Who may know whom: the directions between our crates, and what each crate must never link.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Our crates and the ones of ours that each may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("runnel-media", &[]),
    ("runnel-p2p", &[]),
    ("backend-lite", &["runnel-p2p"]),
    ("runnel", &["runnel-media", "runnel-p2p", "backend-lite"]),
    ("runnel-tests", &["runnel", "runnel-media", "runnel-p2p", "backend-lite"]),
];

/// Packages that a crate must not name as its own dependency, and why.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (
        "runnel-media",
        &["libp2p", "reqwest", "axum", "egui", "eframe", "sqlx"],
        "media knows no network and no interface",
    ),
    (
        "runnel-p2p",
        &["reqwest", "axum", "gstreamer", "rav1e", "dav1d", "mp4-atom", "egui", "eframe", "sqlx"],
        "the swarm knows no codec and no HTTP",
    ),
    ("backend-lite", &["gstreamer", "rav1e", "dav1d", "egui", "eframe", "mp4-atom"], "the server parses no media"),
];

/// The packages that the project's owner asked for, and the crate where each does its work.
const PRESCRIBED: &[(&str, &str)] = &[
    ("runnel", "egui"),
    ("runnel", "eframe"),
    ("runnel", "reqwest"),
    ("runnel-media", "nokhwa"),
    ("runnel-media", "cpal"),
    ("runnel-media", "gstreamer"),
    ("runnel-media", "rav1e"),
    ("runnel-media", "dav1d"),
    ("runnel-media", "wgpu"),
    ("runnel-p2p", "libp2p"),
];

fn members() -> Result<BTreeMap<String, Package>> {
    let metadata = MetadataCommand::new()
        .manifest_path(runnel_tests::process::project_root().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--offline".to_owned(), "--locked".to_owned()])
        .exec()
        .context("cargo metadata")?;
    Ok(metadata.packages.into_iter().map(|package| (package.name.to_string(), package)).collect())
}

#[test]
fn our_crates_know_only_those_below_them() -> Result<()> {
    let members = members()?;
    let names: Vec<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(members.len(), names.len(), "a new crate belongs into the table of this test: {:?}", members.keys());
    for (name, allowed) in ALLOWED {
        let package = members.get(*name).with_context(|| format!("{name} is a member"))?;
        for dependency in &package.dependencies {
            let ours = names.contains(&dependency.name.as_str());
            assert!(!ours || allowed.contains(&dependency.name.as_str()), "{name} must not know {}", dependency.name);
        }
    }
    Ok(())
}

#[test]
fn crates_keep_out_of_each_others_fields() -> Result<()> {
    let members = members()?;
    for (name, forbidden, why) in FORBIDDEN {
        let package = members.get(*name).with_context(|| format!("{name} is a member"))?;
        let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        for dependency in normal {
            assert!(!forbidden.contains(&dependency.name.as_str()), "{name} must not use {}: {why}", dependency.name);
        }
    }
    Ok(())
}

#[test]
fn prescribed_packages_are_in_use() -> Result<()> {
    let members = members()?;
    for (name, wanted) in PRESCRIBED {
        let package = members.get(*name).with_context(|| format!("{name} is a member"))?;
        assert!(package.dependencies.iter().any(|dependency| dependency.name == *wanted), "{name} uses {wanted}");
        let module = wanted.replace('-', "_");
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?.join("src");
        let used = runnel_tests::process::sources(folder.as_std_path())?
            .iter()
            .any(|(_, text)| text.contains(&format!("{module}::")));
        assert!(used, "{name} names {wanted} in its manifest but not in its code");
    }
    Ok(())
}
