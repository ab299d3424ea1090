#!/usr/bin/env bash
# Sets up a fresh Debian 12 or Ubuntu 24.04 machine (Rust given) and plays an example. Arguments go to `forebay live`.
. "$(dirname "$0")/lib.sh"

build_packages
# Bun or Node runs the code where one is there; else what is inside forebay does.
use_local_bun

say "Building forebay (the first time takes some minutes)"
cargo build --release -p forebay

piece=${1:-examples/js/first.js}
[ $# -gt 0 ] && shift
say "Playing $piece: open it in an editor, change a number, save. Ctrl-C ends."
exec "${CARGO_TARGET_DIR:-target}/release/forebay" live "$piece" "$@"
