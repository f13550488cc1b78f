#!/bin/sh
# bench.sh [MEASUREMENT...]: builds for speed and measures; without names, everything. See tests/src/bench.rs.
set -eu
cd "$(dirname "$0")/.."
${CARGO:-cargo} build --locked --release -p runnel -p backend-lite -p runnel-tests --bin runnel --bin backend-lite --bin bench
exec target/release/bench "$@"
