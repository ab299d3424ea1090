#!/usr/bin/env bash
# Sets up and tests everything. Each step goes on after a failed one; the last lines say what failed.
#   scripts/test.sh            all steps
#   scripts/test.sh STEP..     only these: setup format clippy tests docs loom javascript live fuzz licences
# FOREBAY_FUZZ_SECONDS (default 300) is how long each fuzz target runs; they run side by side.
. "$(dirname "$0")/lib.sh"

steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(setup format clippy tests docs loom javascript live fuzz licences)
failed=()
results=()
use_local_bun

step_setup() {
  build_packages
  apt_packages "the real servers and tools that the tests run against" \
    ffmpeg jackd2 jack-capture libjack-jackd2-dev pipewire pipewire-bin pipewire-jack pipewire-pulse wireplumber dbus-daemon pulseaudio-utils \
    || note "Tests that need what is missing will say so."
  fetch_bun || note "Bun could not be fetched: its tests are skipped."
  node_is_enough || note "Node 18 or newer is not here: its tests are skipped."
  cargo --version; rustc --version
  cargo fetch --quiet
}

step_format() { cargo fmt --all -- --check; }
step_clippy() { cargo clippy --workspace --all-targets --quiet -- -D warnings; }
step_tests() { cargo test --workspace --no-fail-fast; }
step_docs() { RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet; }
step_loom() { scripts/loom.sh; }
step_fuzz() { scripts/fuzz.sh "${FOREBAY_FUZZ_SECONDS:-300}"; }

# Those that ask for nothing of Node but what the embedded runtime and its examples/suite have.
tests_of_the_language() {
  grep -LE "node:(child_process|net|v8|vm|worker_threads)|testing/process\.js|/watch\.js" crates/live/js/test/*.test.js
}

step_javascript() {
  local folder ran=0
  # The binary of this tree, not a release of an earlier one.
  cargo build --quiet -p forebay
  export FOREBAY_BIN=${CARGO_TARGET_DIR:-$PWD/target}/debug/forebay
  for folder in sdk/js crates/live/js; do
    if node_is_enough; then (cd "$folder" && note "node $(node --version), $folder" && node --test) || return 1; ran=1; fi
    if have bun; then (cd "$folder" && note "bun $(bun --version), $folder" && bun test) || return 1; ran=1; fi
  done
  # What drives the live host as a process, with the embedded runtime as that process.
  if node_is_enough; then
    (cd crates/live/js && note "the embedded runtime, crates/live/js" \
      && FOREBAY_TEST_HOST=quickjs node --test $(grep -lE 'testing/(process|played)\.js' test/*.test.js)) || return 1
  fi
  [ $ran = 1 ] || { note "SKIPPED: no JavaScript runtime"; }
  note "the embedded runtime, by itself"
  cargo build --quiet -p forebay-quickjs --example suite
  # As many at once as there are cores: nothing in them goes by a clock.
  { printf '%s\n' sdk/js/test/{ring,voice}.test.js; tests_of_the_language; } \
    | xargs -P "$(nproc)" -n 5 "${CARGO_TARGET_DIR:-$PWD/target}/debug/examples/suite"
}

# The first command of the README, as a newcomer runs it, on the null backend: until it says that it is heard.
step_live() {
  cargo build --release --quiet -p forebay
  local home code=0 pid turns=0
  home=$(mktemp -d)
  XDG_RUNTIME_DIR=$home XDG_STATE_HOME=$home FOREBAY_BACKEND=null scripts/live.sh >"$home/said" 2>&1 &
  pid=$!
  while kill -0 $pid 2>/dev/null && [ $turns -lt 600 ] && ! grep -q "4 voices" "$home/said"; do
    turns=$((turns + 1)); sleep 0.1
  done
  kill -TERM $pid 2>/dev/null || true
  wait $pid || code=$?
  cat "$home/said"
  grep -q "null" "$home/said" && grep -q "4 voices" "$home/said" && { [ $code = 0 ] || [ $code = 143 ]; }
  code=$?
  XDG_RUNTIME_DIR=$home "${CARGO_TARGET_DIR:-target}/release/forebay" stop || code=$?
  rm -rf "$home"
  return $code
}

step_licences() {
  if have cargo-deny; then cargo deny --all-features check
  else note "SKIPPED: cargo-deny is not here (cargo install --locked cargo-deny; see deny.toml)"
  fi
}

run_step() {
  local name=$1 start=$SECONDS
  say "$name"
  # In a subshell with -e, so that any command that fails ends the step and nothing else.
  set +e
  (set -e; "step_$name") </dev/null
  local code=$?
  set -e
  local line
  line=$(printf '%-12s %4d s  %s' "$name" $((SECONDS - start)) "$([ $code = 0 ] && echo passed || echo FAILED)")
  results+=("$line")
  [ $code = 0 ] || failed+=("$name")
}

for step in "${steps[@]}"; do
  declare -F "step_$step" >/dev/null || fail "there is no step '$step'"
  run_step "$step"
  use_local_bun
done

say "Summary"
printf '   %s\n' "${results[@]}"
[ ${#failed[@]} = 0 ] || fail "failed: ${failed[*]} (again: scripts/test.sh ${failed[*]})"
