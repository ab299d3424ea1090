#!/usr/bin/env bash
# Model-checks the lock-free parts: every interleaving within a bound on preemptions.
#   scripts/loom.sh [BOUND]    2 in `make test`, 3 in `make prove`
. "$(dirname "$0")/lib.sh"
export LOOM_MAX_PREEMPTIONS=${1:-2}
# Only our own crates are compiled anew for it: the rest is shared with other release builds. Searches want --release.
export RUSTC_WORKSPACE_WRAPPER=$PWD/scripts/rustc-loom.sh
note "the ring, at most $LOOM_MAX_PREEMPTIONS preemptions"
cargo test --quiet --release -p forebay-ring --test loom
note "the seat, at most $LOOM_MAX_PREEMPTIONS preemptions"
cargo test --quiet --release -p forebay-device --lib models
