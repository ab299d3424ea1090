#!/usr/bin/env bash
# Fuzzes every target of fuzz/ on the stable toolchain, side by side, from the corpus that is kept in the tree.
#   scripts/fuzz.sh SECONDS [TARGET..]
# What libFuzzer finds new goes to target/fuzz/corpus; what breaks goes to target/fuzz/artifacts and fails the step.
. "$(dirname "$0")/lib.sh"

seconds=${1:?how many seconds for each target}
shift
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
  mapfile -t targets < <(sed -n '/^\[\[bin\]\]/,/^$/ s/^name = "\(.*\)"/\1/p' fuzz/Cargo.toml)
fi
[ ${#targets[@]} -gt 0 ] || fail "fuzz/Cargo.toml names no targets"

apt_packages "libFuzzer is built from source" g++ || fail "The fuzz targets need a C++ compiler."

# Coverage by the compiler's own pass: what cargo-fuzz does, without a nightly toolchain.
host=$(rustc -vV | sed -n 's/^host: //p')
out=$PWD/target/fuzz
export CARGO_TARGET_DIR=$out
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1 \
-Cdebug-assertions -Coverflow-checks" \
  cargo build --quiet --release --manifest-path fuzz/Cargo.toml --target "$host"

pids=()
for target in "${targets[@]}"; do
  mkdir -p "$out/corpus/$target" "$out/artifacts/$target" "fuzz/corpus/$target"
  note "$target: $seconds s from $(find "fuzz/corpus/$target" -type f | wc -l) kept inputs"
  "$out/$host/release/$target" "$out/corpus/$target" "fuzz/corpus/$target" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 \
    -artifact_prefix="$out/artifacts/$target/" >"$out/$target.log" 2>&1 &
  pids+=($!)
done

broken=()
for i in "${!targets[@]}"; do
  if wait "${pids[$i]}"; then
    note "${targets[$i]}: clean, $(sed -n 's/^stat::number_of_executed_units: *//p' "$out/${targets[$i]}.log") inputs"
  else
    tail -n 40 "$out/${targets[$i]}.log"
    broken+=("${targets[$i]}")
  fi
done
[ ${#broken[@]} = 0 ] || fail "found a failure in: ${broken[*]} (inputs in target/fuzz/artifacts)"
