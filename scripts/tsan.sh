#!/usr/bin/env bash
# Runs the tests that share memory between threads under ThreadSanitizer, over and over: one run can miss a race.
#   scripts/tsan.sh [TIMES]
. "$(dirname "$0")/lib.sh"
host=$(rustc -vV | sed -n 's/^host: //p')
# The sanitizer is unstable: RUSTC_BOOTSTRAP lets the stable compiler take the flag.
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/tsan"
export RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer"
# The standard library is not instrumented: what its channels order is not seen in the test runner's own threads.
export TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/scripts/tsan.supp"
for round in $(seq "${1:-20}"); do
  note "round $round"
  cargo test --quiet --release --target "$host" -p forebay-ring --test threads
done
