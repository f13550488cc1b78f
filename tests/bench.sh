#!/bin/sh
# bench.sh [MEASUREMENT...]: builds for speed and measures; without names, everything. See tests/src/bench.rs; `forward` is
# p2p/examples/forward.
set -eu
cd "$(dirname "$0")/.."
build="${CARGO:-cargo} build --locked --release"

# What a node forwards, in a process that does nothing else.
if [ $# -eq 0 ] || [ "$*" = forward ]; then
    $build -p runnel-p2p --example forward
    target/release/examples/forward
    [ $# -eq 0 ] || exit 0
fi

$build -p runnel -p backend-lite -p runnel-tests --bin runnel --bin backend-lite --bin bench
exec target/release/bench "$@"
