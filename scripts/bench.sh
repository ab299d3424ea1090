#!/usr/bin/env bash
# Prints the figures, ours and a peer's side by side from one run. Arguments go to the benches.
. "$(dirname "$0")/lib.sh"
build_packages
cargo bench --workspace --bench '*' -- "$@"
use_local_bun
if node_is_enough; then node crates/live/js/bench/main.js; fi
if have bun; then bun crates/live/js/bench/main.js; fi
