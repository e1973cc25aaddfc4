#!/bin/bash
# Builds toolgate and runs all its tests; ends with one line `N passed, N failed`.
#
#   tests/run.sh                  everything: unit tests, checks of form, end-to-end tests
#   tests/run.sh --asan | --tsan  the unit tests under a sanitizer
#   tests/run.sh --fuzz SECONDS   each fuzz target for that long
#   tests/run.sh --bench          the benchmarks, and the load test in full size
#
# Needs nothing but Debian 12 and root or sudo for missing packages. What it writes is build/ and the
# node_modules of tests/e2e and tests/e2e/harnesses (ignored by git); the rest goes to a temporary folder
# that it removes. TOOLGATE_HARNESSES=no leaves out the real harnesses (Claude Code, Codex, Gemini CLI),
# whose npm packages take 0.9 GB.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

mode=${1:-all}
work=$(mktemp -d "${TMPDIR:-/tmp}/toolgate-tests.XXXXXX")
export TMPDIR=$work
passed=0
failed=0
started=$SECONDS

# Ends what descends from a process, and nothing else.
end_children() {
  local child
  for child in $(pgrep -P "$1"); do
    end_children "$child"
    kill "$child" 2>/dev/null
  done
}

finish() {
  end_children $$
  wait
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { echo "--- $* ($((SECONDS - started)) s)"; }

end() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
  exit
}

give_up() {
  echo "FAIL  $1"
  failed=$((failed + 1))
  end
}

# Adds the counts of a log whose last matching line is "NAME: N passed, N failed".
count() {
  local counts
  counts=$(grep -E "^$2: [0-9]+ passed, [0-9]+ failed$" "$1" | tail -n 1 |
    sed -E 's/.*: ([0-9]+) passed, ([0-9]+) failed/\1 \2/')
  if [ -z "$counts" ]; then
    echo "FAIL  $2 did not run to its end"
    failed=$((failed + 1))
    return
  fi
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
}

build() {
  say "building ($1)"
  cmake --preset "$1" >"$work/configure.log" 2>&1 ||
    { tail -n 30 "$work/configure.log"; give_up "cmake --preset $1"; }
  cmake --build --preset "$1" >"$work/build.log" 2>&1 ||
    { grep -E 'error|FAILED' "$work/build.log" | head -n 60; give_up "the build"; }
}

# Runs one doctest program; its log ends in a line that count() understands.
unit_test() {
  local name cases
  name=$(basename "$1")
  timeout 900 "$1" >"$work/$name.log" 2>&1
  local status=$?
  cases=$(grep -E '^\[doctest\] test cases:' "$work/$name.log" |
    sed -E 's/.*\| *([0-9]+) passed \| *([0-9]+) failed.*/\1 \2/')
  if [ -z "$cases" ] || { [ "$status" != 0 ] && [ "${cases#* }" = 0 ]; }; then
    echo "the program ended with status $status" >>"$work/$name.log"
    cases="0 1"
  fi
  echo "$name: ${cases% *} passed, ${cases#* } failed" >>"$work/$name.log"
  if [ "${cases#* }" = 0 ]; then
    echo "ok    $name: ${cases% *} test cases"
  else
    echo "FAIL  $name"
    tail -n 80 "$work/$name.log" | sed 's/^/        /'
  fi
}
export -f unit_test
export work

unit_tests() {
  say "unit tests"
  local programs
  programs=$(ls "build/$1/tests/"*_tests 2>/dev/null)
  [ -n "$programs" ] || give_up "there are no test programs in build/$1/tests"
  echo "$programs" | xargs -P "$(nproc)" -I{} bash -c 'unit_test {}'
  local program
  for program in $programs; do
    count "$work/$(basename "$program").log" "$(basename "$program")"
  done
}

# end_to_end LOG SUITE...
end_to_end() {
  local log=$1
  shift
  timeout 1100 node tests/e2e/run.js "$@" >"$work/$log" 2>&1
}

show() {
  grep -vE '^e2e: ' "$work/$1"
  count "$work/$1" e2e
}

everything() {
  # The npm packages come while the compiler runs.
  install_npm_packages tests/e2e >"$work/npm.log" 2>&1 &
  local packages=$!
  install_harnesses >"$work/harnesses.log" 2>&1 &
  local harnesses=$!
  build release
  unit_tests release
  tests/lint.sh --fast | tee "$work/lint.log" | grep -v '^lint: '
  count "$work/lint.log" lint
  wait "$packages" || { cat "$work/npm.log"; give_up "npm ci in tests/e2e"; }
  wait "$harnesses" || { echo "npm ci in tests/e2e/harnesses failed:"; tail -n 20 "$work/harnesses.log"; }
  say "end-to-end tests"
  end_to_end e2e-1.log conformance servers verbatim hostile matrix round-robin freeze frozen &
  local first=$!
  end_to_end e2e-2.log fixture conformance-client features http config paths misbehaving harnesses probe stateless skills \
    signatures approvals-bind sightings mutation pretrust keys
  wait "$first"
  show e2e-1.log
  show e2e-2.log
  end_to_end e2e-3.log staged custody loss escape
  show e2e-3.log
  end_to_end e2e-4.log load
  show e2e-4.log
  nothing_left
}

# Without them their suite says that they are skipped, and why.
install_harnesses() {
  [ "${TOOLGATE_HARNESSES:-yes}" = no ] || install_npm_packages tests/e2e/harnesses
}

# Whatever the tests started knows their temporary folder, by its arguments or by its environment.
nothing_left() {
  local left="" file pid
  for file in $(grep -laz "$work" /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null); do
    pid=${file#/proc/}
    pid=${pid%/*}
    if [ "$pid" != $$ ] && [ -r "/proc/$pid/cmdline" ]; then
      left="$left $pid ($(tr '\0' ' ' <"/proc/$pid/cmdline"))"
    fi
  done
  if [ -z "$left" ]; then
    echo "ok    no process is left"
    passed=$((passed + 1))
  else
    echo "FAIL  processes are left:$left"
    failed=$((failed + 1))
  fi
}

fuzz() {
  build fuzz
  local target name
  for target in build/fuzz/tests/fuzz_*; do
    [ -x "$target" ] || continue
    name=$(basename "$target")
    say "$name for $1 s"
    mkdir -p "$work/corpus/$name"
    local seeds="tests/fuzz/found/${name#fuzz_}"
    [ -d "$seeds" ] || seeds=
    # shellcheck disable=SC2086
    if "$target" -max_total_time="$1" -rss_limit_mb=3000 -print_final_stats=1 \
        -artifact_prefix="$work/" "$work/corpus/$name" $seeds >"$work/$name.log" 2>&1; then
      echo "ok    $name: $(sed -nE 's/^stat::number_of_executed_units: *//p' "$work/$name.log") inputs"
      passed=$((passed + 1))
    else
      echo "FAIL  $name"
      tail -n 60 "$work/$name.log"
      failed=$((failed + 1))
    fi
  done
}

bench() {
  build release
  install_npm_packages tests/e2e || give_up "npm ci in tests/e2e"
  say "calls through the gateway against direct ones (tests/bench/README.md tells how to read it)"
  if build/release/tests/bench; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  say "the pins of 1,000 tools"
  if build/release/tests/bench_pins; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  say "load in full size"
  end_to_end load.log load --full
  show load.log
}

tests/install.sh || give_up "tests/install.sh"
# shellcheck source=tests/node.sh
. tests/node.sh
export CCACHE_DIR=${CCACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ccache}

case $mode in
  all) everything ;;
  --asan | --tsan) build "${mode#--}"; unit_tests "${mode#--}" ;;
  --fuzz) fuzz "${2:-60}" ;;
  --bench) bench ;;
  *) sed -n '2,12p' "$0" >&2; exit 2 ;;
esac
end
