//! The gateway: the one public listener, with authentication, limits and routing.
//!
//! Here, and only here, the services meet: each is asked through its own small interface.

mod extract;
mod failure;
mod layers;
mod lifecycle;
mod limits;
pub(crate) mod listener;
mod range;
mod routes;
mod state;
pub(crate) mod tls;

pub(crate) use routes::{metrics_page, router};
pub(crate) use state::Services;
