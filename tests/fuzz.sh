#!/bin/sh
# fuzz.sh [SECONDS]: builds every fuzz target and runs each for so long (60). Needs a nightly compiler and cargo-fuzz.
#
# What is found lies in CRATE/fuzz/artifacts; what covers new code is kept in target/fuzz-corpus for the next run.
# Built without a sanitizer: the parsers are safe Rust, and the dev profile checks arithmetic and assertions.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    echo "fuzz.sh: needs 'rustup toolchain install nightly' and 'cargo install cargo-fuzz'" >&2
    exit 1
fi
for crate in p2p media; do
    # The versions that the product is built with.
    cp Cargo.lock "$crate/fuzz/Cargo.lock"
    for source in "$crate"/fuzz/fuzz_targets/*.rs; do
        target=$(basename "$source" .rs)
        corpus=$PWD/target/fuzz-corpus/$crate/$target
        seeds=$PWD/$crate/fuzz/seeds/$target
        mkdir -p "$corpus"
        [ -d "$seeds" ] || seeds=
        echo "fuzz.sh: $crate/$target for $seconds s"
        (cd "$crate" && cargo +nightly fuzz run --dev --sanitizer none "$target" "$corpus" ${seeds:+"$seeds"} -- \
            -max_total_time="$seconds" -print_final_stats=1 -timeout=10 -rss_limit_mb=1024)
    done
done
