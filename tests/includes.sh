#!/bin/sh
# Includes point one way: core <- signing <- {inspectors, connectors} <- gateway. They are written from the
# root of the repository, and no header includes all of Asio, Beast or Boost.JSON. And no two headers define a
# type of the same name: where none includes the other, no compiler would say so, and the linker would mix them.
set -u
cd "$(dirname "$0")/.." || exit 1

sources=$(find gateway signing inspectors connectors tests examples \( -name '*.cpp' -o -name '*.hpp' \) \
  -not -path '*/node_modules/*' | sort)
headers=$(echo "$sources" | grep '\.hpp$')
# shellcheck disable=SC2086 # the lists are split on purpose
problems=$(
  grep -nE '^ *# *include *"' $sources /dev/null | sed -E 's/^([^:]*):([0-9]+):[^"]*"([^"]*)".*/\1 \2 \3/' |
  while read -r file line included; do
    case $file in
      gateway/core/*)  allowed='gateway/core' ;;
      signing/*)       allowed='gateway/core signing' ;;
      inspectors/*)    allowed='gateway/core signing inspectors' ;;
      connectors/*)    allowed='gateway/core signing connectors' ;;
      gateway/*)       allowed='gateway signing inspectors connectors' ;;
      *)               allowed='gateway signing inspectors connectors tests examples' ;;
    esac
    fine=no
    for folder in $allowed; do
      case $included in "$folder"/*) fine=yes ;; esac
    done
    [ "$fine" = yes ] || echo "$file:$line: \"$included\" may not be included here (allowed: $allowed)"
  done
  grep -nE '^ *# *include *<boost/(asio|beast|json)\.hpp>' $headers /dev/null
  awk '
    /^namespace .*\{$/ { space = $2 }
    /^(struct|class|union|enum class) [A-Za-z]+( final)?( :.*)? *(\{.*)?$/ && !/^[^{]*;$/ {
      name = space "::" ($1 == "enum" ? $3 : $2)
      if (name in seen && seen[name] != FILENAME) print FILENAME ":" FNR ": " name " is defined in " seen[name] ", too"
      seen[name] = FILENAME
    }' $headers
)
[ -z "$problems" ] && exit 0
echo "$problems"
exit 1
