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
    name="$out/$1-$2-$3"
    if [ ! -s "$name.json" ]; then
        "$sim" --scenario "$1" --seed "$2" --policy "$3" --report "$name.part" --plot "$out/plots/$1-$3" >"$name.txt" 2>&1
        # A failed check ends with 1 and is a result; anything else is none.
        if [ "$?" -gt 1 ]; then
            cat "$name.txt"
            failed=1
            return
        fi
        mv "$name.part" "$name.json"
    fi
    echo "== $1, seed $2, $3"
    cat "$name.txt"
    # The references are there for comparison: the checks are ours.
    if [ "$3" = runnel ] && grep -q '^FAILED' "$name.txt"; then
        failed=1
    fi
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
