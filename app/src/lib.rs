//! Runnel's app: the window, the command line, and the sessions in which pictures meet the swarm.

pub mod app;
pub mod barrage;
pub mod cli;
pub mod command;
pub mod embedded;
pub mod engine;
pub mod i18n;
pub mod keys;
pub mod paths;
pub mod report;
pub mod session;
pub mod settings;
pub mod state;
pub mod theme;
pub mod ui;
pub mod usage;
pub mod widget;
