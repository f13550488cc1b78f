#!/bin/sh
# Plays the whole table of docs/SWARM.md. What is there already is not played again: delete a report to have it anew.
# The first argument is the folder for the reports; SEEDS says how many seeds the scenarios with few viewers are played with.
set -u

out=${1:-target/sim}
seeds=${SEEDS:-5}
sim=${CARGO_TARGET_DIR:-target}/release/swarm-sim
mkdir -p "$out"
failed=0

# play SCENARIO SEED POLICY
play() {
    report="$out/$1-$2-$3.json"
    [ -s "$report" ] && return
    echo "== $1, seed $2, $3"
    "$sim" --scenario "$1" --seed "$2" --policy "$3" --report "$report.part" --plot "$out/plots/$1-$3" >"$out/$1-$2-$3.txt" 2>&1
    status=$?
    grep -v '^$' "$out/$1-$2-$3.txt"
    # A failed check ends with 1 and is a result; anything else is none.
    [ "$status" -le 1 ] && mv "$report.part" "$report"
    # The references are there for comparison: the checks are ours.
    [ "$status" -ne 0 ] && [ "$3" = runnel ] && failed=1
    return 0
}

for scenario in small-10 small-100 churn polluters origin-outage tight freeriders-30 freeriders-50 sybils slow-peers nat \
    broadcaster-moves clock-skew; do
    seed=1
    while [ "$seed" -le "$seeds" ]; do
        play "$scenario" "$seed" runnel
        seed=$((seed + 1))
    done
    play "$scenario" 1 pull-mesh
    play "$scenario" 1 segment-pull
done
for scenario in steady realtime flash-crowd; do
    play "$scenario" 1 runnel
    play "$scenario" 1 pull-mesh
    play "$scenario" 1 segment-pull
done
exit "$failed"
