# Brings tool binaries to a host. Sent by push-tools.ts through the host's argv prefix, after lines that set
#   host  owner  generation  scope  root  library  state  keys (TOOL/VERSION ...)
# and before one call. POSIX sh: dash, bash, busybox. Everything is put in place, remembered and taken away
# by the library (warmbox.sh); here is only how the bytes get to the host and whether they have to.
#
# A binary arrives on the standard input that this script came from. That works in every shell because the
# sender waits for `@@send` before its first byte: whatever a shell reads ahead, there is nothing to read yet.
# For the same reason the call is the script's last line, and ends in `exit`.
# Set by the caller: host owner generation scope root library state keys

LC_ALL=C
export LC_ALL

fail() { # CODE TEXT
  code=$1
  shift
  printf 'warmbox: %s-tools: %s\n' "$host" "$*" >&2
  exit "$code"
}

sum() { sha256sum <"$1" | cut -c1-64; }

tool_path() { printf '%s/%s/%s\n' "$root" "$1" "${1%%/*}"; }

# The tools of the ledger, one `SHA256 KEY` a line.
recorded() {
  [ ! -f "$state/tools/ledger" ] || awk -F '\t' '
    $1 == "put" && $5 ~ /^[0-9a-f]+$/ {
      count = split($3, part, "/")
      if (part[count - 3] == "tools") print $5, part[count - 2] "/" part[count - 1]
    }' "$state/tools/ledger"
}

recorded_sum() { recorded | awk -v key="$1" '$2 == key { print $1 }'; } # KEY

intact() { # KEY SHA256
  [ -n "$2" ] && [ -x "$(tool_path "$1")" ] && [ "$(sum "$(tool_path "$1")")" = "$2" ]
}

# Says what is here. Where nothing is missing it goes on to the end, so that takes one round trip.
check() {
  [ -f "$library" ] || fail 69 "$library is missing. Run up for the whole stack, which puts it there first"
  missing=
  for key in $keys; do
    if intact "$key" "$(recorded_sum "$key")"; then echo "@@have $key"; else
      missing=1
      echo "@@lack $key"
    fi
  done
  if command -v gzip >/dev/null 2>&1; then echo '@@gzip'; fi
  [ -z "$missing" ] || exit 0
  finish
}

# Makes a directory to receive in: below the library's, for the tools have to start there (a /tmp may forbid it).
begin() {
  share=${library%/*}
  for left in "$share"/push-*-??????; do
    pid=${left##*/push-}
    [ -d "/proc/${pid%%-*}" ] || rm -rf "$left"
  done
  stage=$(mktemp -d "$share/push-$$-XXXXXX") ||
    fail 73 "cannot write $share. Make room or set its permissions, then run up again"
  trap 'rm -rf "$stage"' EXIT
  trap 'exit 130' HUP INT TERM
}

receive() { # KEY SHA256 BYTES raw|gzip|copy [SOURCE]
  tool=${1%%/*}
  mkdir -p "$stage/$1"
  new=$stage/$1/$tool
  case $4 in
    copy) cp -- "$5" "$new" ;;
    raw) echo "@@send $1" && head -c "$3" >"$new" ;;
    gzip) echo "@@send $1" && head -c "$3" | gzip -dc >"$new" ;;
  esac || fail 73 "$tool could not be written to $stage. Make room there (df $share), then run up again"
  [ "$(sum "$new")" = "$2" ] || fail 73 "$tool did not arrive whole. Make room on the host (df $share), then run up again"
  chmod 755 "$new"
  runs "$new"
  echo "$2 $1" >>"$stage/received"
}

# A binary for another libc or processor must not take the place of one that works.
runs() { # PATH
  said=$(env -i HOME="$HOME" PATH="$PATH" timeout 20 "$1" --help 2>&1 </dev/null >/dev/null) && return 0
  fail 70 "${1##*/} does not start on this host: $(printf '%s' "$said" | head -n 1). Set tools.${1##*/} in the stack file to a binary made for it: {kind: file, path: PATH, sha256: SHA256}"
}

finish() {
  ledger apply || exit
  echo '@@done'
  exit 0
}

remove() {
  [ -f "$library" ] || fail 69 "$library is missing. Run up for the whole stack, which puts it there first"
  ledger remove
  exit
}

# Passes everything to the library. In a subshell with positional parameters: its names never meet this script's.
ledger() ( # apply|remove
  put_lines=$([ "$1" = remove ] || {
    current
    previous
  })
  # shellcheck disable=SC2034 # the library reads it
  [ "$scope" != system ] || WARMBOX_SCOPE=system
  set -- "$1" "owner=$owner" "generation=$generation" "$root" "${stage:-/nonexistent}" "$put_lines"
  unset -f remove
  # shellcheck source=/dev/null
  . "$library" || exit 69
  resource tools "$2" "$3"
  while IFS=' ' read -r push_sum push_key push_old; do
    [ -n "$push_key" ] || continue
    put "$4/$push_key/${push_key%%/*}" 0755 "from=$5/$push_key/${push_key%%/*}" "sha256=$push_sum"
    push_kept="${push_kept:-}${push_old:+$push_key
}"
  done <<PUT
$6
PUT
  if [ -n "${push_kept:-}" ]; then
    put "$4/previous" 0644 <<PREVIOUS
# Versions that the stack no longer names. They go with the next change of the tools.
$push_kept
PREVIOUS
  fi
  "$1"
) >&2

# `SHA256 KEY` of each tool that is wanted: as just received, else as it is here.
current() {
  for key in $keys; do
    got=$([ ! -f "${stage:-}/received" ] || awk -v key="$key" '$2 == key { print $1 }' "$stage/received")
    printf '%s %s\n' "${got:-$(recorded_sum "$key")}" "$key"
  done
}

# The same, with `old` behind, of tools that were wanted until now. They stay for one more change: services still
# run from them, and a change of a service that fails goes back to them.
previous() {
  recorded | while read -r was key; do
    case " $keys " in *" $key "*) continue ;; esac
    if grep -qxF "$key" "$root/previous" 2>/dev/null; then continue; fi
    if intact "$key" "$was"; then printf '%s %s old\n' "$was" "$key"; fi
  done
}
