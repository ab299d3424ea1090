#!/usr/bin/env bash
# Prints the figures, ours and a peer's side by side from one run. Arguments go to the benches.
. "$(dirname "$0")/lib.sh"
build_packages
cargo bench --workspace --bench '*' -- "$@"
