//! Randomness from the operating system, for ids, keys and seeds.

use rand::TryRng;
use rand::rngs::SysRng;

/// `N` bytes nobody can guess.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness no key and no token is safe, so there is nothing to go on with.
    SysRng.try_fill_bytes(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// A number below 2^53, so that JavaScript can hold it.
pub(crate) fn id() -> u64 {
    u64::from_le_bytes(bytes()) >> 11
}
