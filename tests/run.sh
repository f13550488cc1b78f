#!/bin/sh
# Runs every test of the workspace and says how many ran; the binaries must have been built before.
set -eu
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT

status=0
{ ${CARGO:-cargo} test --locked --workspace --no-fail-fast 2>&1 || echo "cargo test failed" >>"$log.failed"; } | tee "$log"
if [ -e "$log.failed" ]; then rm -f "$log.failed"; status=1; fi

if command -v qemu-system-x86_64 >/dev/null 2>&1 && [ -x tests/device-lab/run.sh ]; then
  sh tests/device-lab/run.sh || status=1
else
  echo "SKIPPED the device lab: QEMU is not installed (make test-devices installs it)"
fi

awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
  END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored }' "$log"
exit $status
