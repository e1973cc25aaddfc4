# shellcheck shell=sh
# Sourced by the scripts that need node: puts one that is new enough on the PATH (see tests/install.sh).
if [ "$(node -p 'process.versions.node.split(".")[0] >= 20')" != true ]; then
  PATH="${XDG_CACHE_HOME:-$HOME/.cache}/toolgate-tests/node/node_modules/node-linux-$(node -p process.arch)/bin:$PATH"
  export PATH
fi

# Installs a folder's npm packages as its lockfile says, without running their scripts. Does nothing when
# that lockfile is installed already.
install_npm_packages() {
  wanted=$(sha256sum <"$1/package-lock.json")
  stamp="$1/node_modules/.toolgate-lockfile"
  [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
  echo "install: npm packages of $(basename "$1") (a minute the first time)" >&2
  npm ci --prefix "$1" --ignore-scripts --no-fund --no-audit --loglevel=error &&
    echo "$wanted" >"$stamp"
}
