#!/usr/bin/env bash
# What takes longer than a test may: the same code as `make test` with larger counts. Some hours on two cores.
#   scripts/prove.sh            all
#   scripts/prove.sh PROOF..    only these: loom tsan fuzz counts
# FOREBAY_PROVE_FACTOR (default 100) multiplies the counts of the tests; FOREBAY_PROVE is set for those
# that take their full time (real JACK under load, which wants root or rtprio).
. "$(dirname "$0")/lib.sh"

proofs=("$@")
[ ${#proofs[@]} -gt 0 ] || proofs=(loom tsan fuzz counts)
scripts/test.sh setup

for proof in "${proofs[@]}"; do
  say "prove $proof"
  case $proof in
    loom) scripts/loom.sh 3 ;;
    tsan) scripts/tsan.sh 20 ;;
    fuzz) scripts/fuzz.sh 3600 ;;
    counts)
      ulimit -r unlimited 2>/dev/null || note "no real-time priority here: the proofs that need it say SKIPPED"
      FOREBAY_PROVE=1 FOREBAY_PROVE_FACTOR=${FOREBAY_PROVE_FACTOR:-100} \
        cargo test --release --workspace --no-fail-fast -- --nocapture --test-threads=1 ;;
    *) fail "there is no proof '$proof'" ;;
  esac
done
say "All proved: ${proofs[*]}"
