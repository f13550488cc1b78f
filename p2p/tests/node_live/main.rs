//! Real nodes on loopback: honest swarms, hostile peers, and what is left when they end.

mod fixture;
mod honest;
mod hostile;
mod news;
mod reach;
mod stranger;
