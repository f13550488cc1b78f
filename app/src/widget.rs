//! Our own widgets: each looks by the tokens, can be used by keyboard, and tells AccessKit what it is.

pub use self::button::{Button, Kind};
pub use self::field::Field;
pub use self::hold::{Hold, HoldOutcome};
pub use self::stills::Stills;
pub use self::video::{Screen, Surface};

pub mod badge;
mod button;
pub mod choice;
mod field;
mod hold;
pub mod icon;
pub mod meter;
pub mod skeleton;
pub mod slider;
mod stills;
pub mod text;
pub mod toggle;
mod video;
