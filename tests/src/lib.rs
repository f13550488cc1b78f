//! Fixtures for whole-system tests: our binaries as real processes, and the tools that check them from outside.

pub mod bench;
pub mod browser;
pub mod demo;
pub mod device_lab;
pub mod display;
pub mod process;
pub mod tools;
