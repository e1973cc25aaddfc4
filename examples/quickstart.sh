#!/bin/bash
# toolgate in one command: builds it, puts three published MCP servers behind it, approves some of their
# tools, uses them over stdio and over HTTP, and shows a call that is refused and the record that says why.
# Then a new version of one of them arrives: it is held, shown beside what was approved, and approved again.
# Everything happens in a temporary home; run it as often as you like, as root or as a user with sudo.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }
show() { printf '   $ toolgate %s\n' "$*"; }

step "1. Installing what is missing, and building (minutes the first time)"
tests/install.sh
. tests/node.sh
cmake --preset release >/dev/null
cmake --build --preset release --target toolgate | grep -E '^\[|error' | awk 'NR % 20 == 0' || true
[ -x build/release/toolgate ] || { echo "the build failed: cmake --build --preset release says why"; exit 1; }
install_npm_packages examples
toolgate=$PWD/build/release/toolgate
packages=$PWD/examples/node_modules/@modelcontextprotocol

folder=$(mktemp -d "${TMPDIR:-/tmp}/toolgate-quickstart.XXXXXX")
TOOLGATE_HOME=$folder/home
QUICKSTART_FOLDER=$folder/workspace
export TOOLGATE_HOME QUICKSTART_FOLDER
gateway=
cleanup() {
  [ -z "$gateway" ] || { kill "$gateway" 2>/dev/null; wait "$gateway" 2>/dev/null; }
  chmod -R u+w "$folder"  # frozen packages are read-only
  rm -rf "$folder"
}
trap cleanup EXIT
mkdir "$QUICKSTART_FOLDER"
echo "The note in the workspace." >"$QUICKSTART_FOLDER/note.txt"

step "2. A home: configuration, keys, an empty log"
show "init"
"$toolgate" init

step "3. Three servers from npm. Two are added by hand, one stands in a project's .mcp.json, which is data:
   nothing of them runs, is contacted or is resolved. Each will run in a sandbox of its own; one of them is told
   that it may use all of the machine, and is granted one folder"
add() {
  local name=$1 options=$2
  shift 2
  show "server add $name${options:+ $options} -- node ${1##*/node_modules/} ${2:-}"
  # shellcheck disable=SC2086
  "$toolgate" server add "$name" $options -- "$(command -v node)" "$@"
}
add files "--rw $QUICKSTART_FOLDER" "$packages/server-filesystem/dist/index.js" /
add everything "" "$packages/server-everything/dist/index.js"
server_memory=@modelcontextprotocol/server-memory
cat >"$folder/.mcp.json" <<END
{ "mcpServers": { "memory": { "command": "npx", "args": ["-y", "$server_memory@2026.1.26"] } } }
END
show "import .mcp.json"
"$toolgate" import "$folder/.mcp.json"

step "4. Freeze the npm package: from now on what npm delivered runs, and nothing else. Then review: first what
   would run and what it may reach, then what it offers. Without a terminal --yes says that it may run"
show "freeze memory"
"$toolgate" freeze memory
show "review --yes"
"$toolgate" review --yes >"$folder/review.txt"
head -n 15 "$folder/review.txt"
echo "   ... $(wc -l <"$folder/review.txt") lines"

step "5. Approve: all of two servers, but only two tools that read from the third"
for server in memory everything "files read_text_file list_directory"; do
  show "approve $server"
  # shellcheck disable=SC2086
  "$toolgate" approve $server
done

step "6. A client (the official SDK's) over stdio"
node examples/client.mjs stdio "$toolgate" stdio

step "7. The same over HTTP"
show "serve --listen 127.0.0.1:0"
"$toolgate" serve --listen 127.0.0.1:0 2>"$folder/serve.log" &
gateway=$!
url=
for _ in $(seq 100); do
  url=$(sed -nE 's/.*serve\.listening.*url="?(http[^" ]+).*/\1/p' "$folder/serve.log")
  [ -z "$url" ] || break
  kill -0 "$gateway" || { cat "$folder/serve.log"; exit 1; }
  sleep 0.1
done
node examples/client.mjs http "$url"

step "8. Why was files__write_file refused? The log says it"
show "audit query --json"
"$toolgate" audit query --json | grep write_file | tail -n 1

step "9. A change arrives: the next version of the memory server. It is another package, so nothing that was
   approved holds for it; review shows what became different"
sed -i "s|$server_memory@2026.1.26|$server_memory@2026.7.4|" "$TOOLGATE_HOME/toolgate.json"
show "freeze memory"
"$toolgate" freeze memory | head -n 1
show "review memory --yes"
"$toolgate" review memory --yes >"$folder/review.txt"
head -n 28 "$folder/review.txt"
echo "   ... $(wc -l <"$folder/review.txt") lines"

step "10. Approve again, and use it"
show "approve memory"
"$toolgate" approve memory | tail -n 2
node examples/client.mjs http "$url" | grep memory

cat <<'END'

== Done. What next
   Put your own servers behind it:   toolgate init; toolgate server add NAME -- COMMAND ARGS...
   Point your harness at it:         "command": "toolgate", "args": ["stdio"]
   Read on:                          README.md
END
