# Puts tool binaries on a host. Sent by push-tools.ts through the host's argv prefix, after lines that set
#   root  owner  generation  library  scope  keys (TOOL/VERSION ...)
# and before one call. POSIX sh: dash, bash, busybox.
#
# A binary arrives on the standard input that this script came from. That works in every shell because the
# sender waits for `@@send` before its first byte: whatever a shell reads ahead, there is nothing to read yet.
# For the same reason the call is the script's last line, and ends in `exit`.
#
# $root/.pushed is what we put here: `owner NAME`, `made DIRECTORY` and `file SHA256 KEY current|old`. A line
# is written before its file is renamed into place: killed in between, the file counts as missing.

LC_ALL=C
export LC_ALL
umask 022

fail() { # CODE TEXT
  code=$1
  shift
  printf 'warmbox: %s-tools: %s\n' "$host" "$*" >&2
  exit "$code"
}

sum() { sha256sum <"$1" | cut -c1-64; }

tool_file() { printf '%s/%s/%s\n' "$root" "$1" "${1%%/*}"; }

recorded() { # KEY: the sha256 recorded for it, or nothing
  [ ! -f "$root/.pushed" ] || awk -v key="$1" '$1 == "file" && $3 == key { print $2 }' "$root/.pushed"
}

intact() { # KEY
  was=$(recorded "$1")
  f=$(tool_file "$1")
  [ -n "$was" ] && [ -f "$f" ] && [ -x "$f" ] && [ "$(sum "$f")" = "$was" ]
}

# A directory gets the owner of the one it goes into, and is remembered, so that it can go again.
make_directory() { # PATH
  [ ! -d "$1" ] || return 0
  make_directory "$(dirname "$1")"
  mkdir "$1" || fail 73 "cannot make $1. Make room or set its permissions, then run up again"
  owned_like_parent "$1"
  made="$made$1
"
}

owned_like_parent() { # PATH
  [ "$(id -u)" != 0 ] || chown "$(stat -c %u:%g "$(dirname "$1")")" "$1"
}

# Rewrites .pushed by an awk program; what was made since goes in too.
rewrite() { # AWK-PROGRAM [-v NAME=VALUE ...]
  program=$1
  shift
  [ -f "$root/.pushed" ] || : >"$root/.pushed"
  { awk "$@" "$program" "$root/.pushed" && printf '%s' "$made" | sed 's/^/made /'; } >"$root/.pushed.new" &&
    mv -f "$root/.pushed.new" "$root/.pushed" ||
    fail 73 "cannot write $root/.pushed. Make room or set its permissions, then run up again"
  made=
}

begin() {
  made=
  make_directory "$root"
  exec 9>>"$root/.lock" || fail 73 "cannot write $root/.lock. Set its permissions, then run up again"
  flock -w 60 9 || fail 75 "another warmbox has been changing $root for 60 s. Wait for it, then run up again"
  rm -rf "$root"/*/*/.new
  rewrite '{ print }'
}

# Says what is here. Where nothing is missing it goes on to the end, so that takes one round trip.
check() {
  begin
  missing=
  for key in $keys; do
    if intact "$key"; then echo "@@have $key $(recorded "$key")"; else
      missing=1
      if [ -e "$(tool_file "$key")" ]; then echo "@@lack $key changed"; else echo "@@lack $key absent"; fi
    fi
  done
  if command -v gzip >/dev/null 2>&1; then echo '@@gzip'; fi
  [ -z "$missing" ] || exit 0
  finish
}

receive() { # KEY SHA256 BYTES raw|gzip|copy [SOURCE]
  key=$1
  tool=${1%%/*}
  make_directory "$root/$key"
  new=$root/$key/.new
  mkdir "$new" || fail 73 "cannot make $new. Make room or set its permissions, then run up again"
  trap 'rm -rf "$new"' EXIT
  trap 'exit 130' HUP INT TERM
  case $4 in
    copy) cp -- "$5" "$new/$tool" ;;
    raw) echo "@@send $key" && head -c "$3" >"$new/$tool" ;;
    gzip) echo "@@send $key" && head -c "$3" | gzip -dc >"$new/$tool" ;;
  esac || fail 73 "$tool could not be written to $root. Make room there (df $root), then run up again"
  [ "$(sum "$new/$tool")" = "$2" ] || fail 73 "$tool did not arrive whole (sha256 differs). Make room in $root (df), then run up again"
  chmod 755 "$new/$tool"
  owned_like_parent "$new"
  owned_like_parent "$new/$tool"
  runs "$new/$tool"
  rewrite '$1 != "file" || $3 != key { print } END { print "file", sum, key, "current" }' -v key="$key" -v sum="$2"
  mv -f "$new/$tool" "$(tool_file "$key")" || fail 73 "cannot put $(tool_file "$key"). Set its permissions, then run up again"
  rm -rf "$new"
  trap - EXIT HUP INT TERM
}

# A binary for another libc or processor must not take the place of one that works.
runs() { # PATH
  said=$(env -i HOME="$HOME" PATH="$PATH" timeout 20 "$1" --help 2>&1 </dev/null >/dev/null) && return 0
  fail 70 "${1##*/} does not start on this host: $(printf '%s' "$said" | head -n 1). Set tools.${1##*/} in the stack file to a binary made for it: {kind: file, path: PATH, sha256: SHA256}"
}

# A version that the stack no longer names stays for one more apply: services still run from it now, and
# a change of theirs that fails goes back to it.
finish() {
  for old in $(awk '$1 == "file" && $4 == "old" { print $2 ":" $3 }' "$root/.pushed"); do
    case " $keys " in *" ${old#*:} "*) ;; *) discard "${old#*:}" "${old%%:*}" ;; esac
  done
  rewrite '
    $1 == "owner" { next }
    $1 == "file" && index(keys, " " $3 " ") { print $1, $2, $3, "current"; next }
    $1 == "file" && $4 == "old" { next }
    $1 == "file" { print $1, $2, $3, "old"; next }
    { print }
    END { print "owner", owner }' -v keys=" $keys " -v owner="$owner"
  ledger apply || exit
  echo '@@done'
  exit 0
}

discard() { # KEY SHA256
  f=$(tool_file "$1")
  [ -e "$f" ] || return 0
  if [ "$(sum "$f")" = "$2" ]; then rm -f "$f"; else
    echo "warmbox: $host-tools: $f was changed since it was put there; it stays" >&2
  fi
  rmdir "$root/$1" "$root/${1%%/*}" 2>/dev/null || :
}

remove() {
  [ -f "$root/.pushed" ] || { ledger remove; exit; }
  made=
  exec 9>>"$root/.lock"
  flock -w 60 9 || fail 75 "another warmbox has been changing $root for 60 s. Wait for it, then run destroy again"
  holder=$(awk '$1 == "owner" { print $2 }' "$root/.pushed")
  if [ -n "$holder" ] && [ "$holder" != "$owner" ]; then
    echo "warmbox: $host-tools: the tools belong to stack $holder now; they stay" >&2
    exit 0
  fi
  ledger remove || exit
  for entry in $(awk '$1 == "file" { print $2 ":" $3 }' "$root/.pushed"); do
    discard "${entry#*:}" "${entry%%:*}"
  done
  rm -rf "$root"/*/*/.new
  directories=$(sed -n 's/^made //p' "$root/.pushed" | sort -r)
  rm -f "$root/.pushed" "$root/.pushed.new" "$root/.lock"
  printf '%s\n' "$directories" | while IFS= read -r directory; do
    rmdir "$directory" 2>/dev/null || :
  done
  exit 0
}

# The library's ledger makes a tool that was changed or deleted by hand show as drift in a preview. Size and
# time say so without reading 100 MB in every preview; apply itself compares sha256.
# It runs in a subshell: the library's names and ours never meet, and what we know of goes in by position.
ledger() ( # apply|remove
  if [ ! -f "$library" ]; then
    [ "$1" = apply ] || exit 0
    fail 69 "$library is missing. Run up for the whole stack, which puts it there first"
  fi
  if [ "$scope" = system ]; then WARMBOX_SCOPE=system; fi
  set -- "$1" "owner=$owner" "generation=$generation"
  for key in $keys; do
    set -- "$@" "$key" "$(state "$key")" "stat -c '%s bytes, modified %Y' '$(tool_file "$key")'"
  done
  # shellcheck source=/dev/null
  . "$library" || exit 69
  resource tools "$2" "$3"
  wanted_action=$1
  shift 3
  while [ $# -gt 0 ]; do
    live "$1" "$2" "$3"
    shift 3
  done
  "$wanted_action"
) </dev/null >&2

state() { # KEY: what `live` is to show for it
  stat -c '%s bytes, modified %Y' "$(tool_file "$1")" 2>/dev/null || :
}
