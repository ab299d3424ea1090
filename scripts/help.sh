#!/usr/bin/env bash
# Says what `make` can do.
cat <<'T'
make live      set up this machine if needed, build, and play an example (PIECE=file.js for another)
make test      set up this machine if needed, and test everything: 10 minutes warm, 40 with all installs
make prove     what takes longer: full loom bounds, ThreadSanitizer, an hour of fuzzing, soak, real JACK under load
make bench     the figures, side by side
make fuzz      fuzz for FOREBAY_FUZZ_SECONDS (300) each target
make loom      model-check with small bounds
make doc       the pages of all crates, in target/doc
make install   put forebay into ~/.cargo/bin
make clean     remove target/
T
