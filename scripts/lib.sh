# Parts that the scripts share. Source it from the top of the tree: . scripts/lib.sh
# shellcheck shell=bash

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
fail() { printf '\n!! %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Whether somebody sits there who can be asked for a password. Seen now: later commands are redirected.
asks=$([ -t 0 ] && echo yes || echo no)

# as_root COMMAND..: with sudo only when that is needed (it asks on the terminal, whatever is redirected); false where
# there is no way.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo && { [ "$asks" = yes ] || sudo -n true 2>/dev/null; }; then sudo "$@"
  else return 1
  fi
}

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# apt_packages WHY PACKAGE..: installs those that are missing, saying which and why.
# Returns 1 where a package can't be had, after naming the command that would do it.
apt_packages() {
  local why=$1 missing=() package; shift
  have dpkg-query || { note "no apt here: install the equivalents of: $*"; return 0; }
  for package in "$@"; do is_installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} = 0 ] && return 0
  say "Installing system packages, $why: ${missing[*]}"
  apt_install "${missing[@]}" && return 0
  note "That did not work. By hand: sudo apt-get install --no-install-recommends ${missing[*]}"
  return 1
}

apt_install() {
  # The machine's package lists may be old or missing: fetch them only if the first try fails.
  quiet_apt install "$@" || { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update && quiet_apt install "$@"; }
}

quiet_apt() {
  local verb=$1; shift
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$verb" --no-install-recommends "$@" \
    </dev/null >target/apt.log 2>&1 || { tail -n 3 target/apt.log | sed 's/^/   /'; return 1; }
}

build_packages() {
  apt_packages "needed to build (C linker, ALSA headers)" gcc libc6-dev pkg-config libasound2-dev \
    || fail "Without these nothing can be built."
}

need_cargo() {
  have cargo || [ ! -x "$HOME/.cargo/bin/cargo" ] || PATH="$HOME/.cargo/bin:$PATH"
  have cargo || fail "Rust is missing. Install it from https://rustup.rs, open a new shell, and try again."
}

# node_is_enough: Node 18 or newer.
node_is_enough() { have node && [ "$(node -p 'parseInt(process.versions.node)' 2>/dev/null || echo 0)" -ge 18 ]; }

# use_local_bun: puts a Bun from an earlier setup on the PATH.
use_local_bun() {
  local bin=$PWD/target/runtime/node_modules/.bin
  if [ -x "$bin/bun" ]; then PATH="$bin:$PATH"; export PATH; fi
}

# fetch_bun: Bun through npm into target/runtime; nothing global. False where that fails.
fetch_bun() {
  use_local_bun
  have bun && return 0
  have npm || apt_packages "to fetch Bun, the JavaScript runtime" npm || return 1
  say "Fetching Bun through npm into target/runtime (nothing global)"
  npm install --prefix target/runtime --no-save --no-audit --no-fund --loglevel=error bun </dev/null || return 1
  use_local_bun
  have bun && bun --version >/dev/null
}

mkdir -p target
need_cargo
