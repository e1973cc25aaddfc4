#!/bin/sh
# Installs what building and testing toolgate needs on Debian 12, as root or through sudo. When all is there
# already it does nothing and needs no network. tests/run.sh and examples/quickstart.sh call it.
set -eu

packages="clang-19 libclang-rt-19-dev lld-19 clang-format-19 clang-tidy-19 libstdc++-12-dev ccache cmake
ninja-build pkg-config libboost1.81-dev libssl-dev libsodium-dev libre2-dev libsqlite3-dev
libseccomp-dev bubblewrap libtomlplusplus-dev doctest-dev git ca-certificates"

say() { echo "install: $*" >&2; }

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

node_is_new_enough() {
  command -v node >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0] >= 20')" = true ]
}

if ! command -v dpkg-query >/dev/null; then
  say "this script knows Debian 12 (apt) only. The packages to install by hand, under Debian's names:"
  say "$(echo $packages nodejs npm)"
  exit 1
fi

missing=""
for package in $packages; do
  installed "$package" || missing="$missing $package"
done
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"

if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ]; then
    as_root=""
  elif command -v sudo >/dev/null; then
    as_root="sudo"
  else
    say "these packages are missing, and neither root nor sudo is there to install them:$missing"
    say "run as root: apt-get install --no-install-recommends$missing"
    exit 1
  fi
  say "installing:$missing"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  if ! { $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
         $as_root env DEBIAN_FRONTEND=noninteractive \
           apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    say "apt-get failed (above); on a system other than Debian 12 the names may differ"
    exit 1
  fi
  say "installed"
fi

# Debian 12's own node is 18, and the published MCP servers want 20. A newer one comes from npm then, for
# this user only; tests/node.sh puts it on the PATH.
if ! node_is_new_enough; then
  folder="${XDG_CACHE_HOME:-$HOME/.cache}/toolgate-tests/node"
  architecture=$(node -p process.arch)
  if [ ! -x "$folder/node_modules/node-linux-$architecture/bin/node" ]; then
    say "installing node 24 from npm into $folder"
    mkdir -p "$folder"
    npm install --silent --no-fund --no-audit --no-save --ignore-scripts --prefix "$folder" \
      "node-linux-$architecture@24.21.0"
  fi
fi
