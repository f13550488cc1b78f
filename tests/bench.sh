#!/bin/sh
# bench.sh [MEASUREMENT...]: builds for speed and measures; without names, everything. See tests/src/bench.rs.
set -eu
cd "$(dirname "$0")/.."
${CARGO:-cargo} build --locked --release --bins -p runnel -p backend-lite -p runnel-tests
exec target/release/bench "$@"
