//! Empty stand-in for a crate that is only ever used on wasm.
