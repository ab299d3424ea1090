#!/bin/sh
# rustc with `--cfg loom`, for the workspace's own crates only (RUSTC_WORKSPACE_WRAPPER): some dependencies know the
# same cfg and do not build with it.
exec "$@" --cfg loom
