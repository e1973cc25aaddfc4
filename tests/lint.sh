#!/bin/sh
# Checks of form: tests/lint.sh [--fast | BUILD_DIRECTORY]. --fast leaves out clang-tidy, which takes minutes
# and needs the compile commands of a build directory (build/release by default). The last line is
# `lint: N passed, N failed`.
set -u
cd "$(dirname "$0")/.." || exit 1

fast=no
build=build/release
case ${1:-} in
  --fast) fast=yes ;;
  ?*) build=$1 ;;
esac
passed=0
failed=0

# check NAME COMMAND...: one check; what it prints is shown when it fails.
check() {
  name=$1
  shift
  if output=$("$@" 2>&1); then
    echo "ok    lint: $name"
    passed=$((passed + 1))
  else
    echo "FAIL  lint: $name"
    echo "$output" | head -n 60 | sed 's/^/        /'
    failed=$((failed + 1))
  fi
}

sources() {
  find gateway signing inspectors connectors tests examples \( -name '*.cpp' -o -name '*.hpp' \) \
    -not -path '*/node_modules/*' | sort
}

short_files() {
  long=$(sources | xargs wc -l | awk '$2 != "total" && $1 > 500 { print $2 ": " $1 " lines, at most 500" }')
  [ -z "$long" ] || { echo "$long"; return 1; }
}

formatted() {
  sources | xargs clang-format-19 --dry-run --Werror
}

no_workplace_words() {
  found=$(sources | xargs grep -nE 'asio::detached|\bTODO\b|\bFIXME\b|\bXXX\b' /dev/null)
  [ -z "$found" ] || { echo "$found"; return 1; }
}

shell_scripts() {
  for script in tests/*.sh examples/*.sh .ci/run; do
    sh -n "$script" || return 1
  done
}

tidy() {
  [ -f "$build/compile_commands.json" ] || { echo "$build has no compile_commands.json"; return 1; }
  sources | grep '\.cpp$' | grep -vE '^(tests/fuzz|gateway/core/boost)/' |
    xargs -P "$(nproc)" -n 4 clang-tidy-19 --quiet -p "$build"
}

check "includes point one way" tests/includes.sh
check "no file has more than 500 lines" short_files
check "no detached coroutine, nothing left to do" no_workplace_words
check "shell scripts parse" shell_scripts
if command -v clang-format-19 >/dev/null; then check "clang-format" formatted; fi
if [ "$fast" = no ]; then check "clang-tidy" tidy; fi

echo "lint: $passed passed, $failed failed"
[ "$failed" = 0 ]
