# Thin: each line calls a script of scripts/ or cargo. `make help` says what there is.
.PHONY: help live test prove bench fuzz loom doc install clean
help:    ; @scripts/help.sh
live:    ; @scripts/live.sh $(PIECE)
test:    ; @scripts/test.sh
prove:   ; @scripts/prove.sh
bench:   ; @scripts/bench.sh
fuzz:    ; @scripts/fuzz.sh $${FOREBAY_FUZZ_SECONDS:-300}
loom:    ; @scripts/loom.sh
doc:     ; @cargo doc --workspace --no-deps
install: ; @cargo install --locked --path crates/forebay
clean:   ; @cargo clean
