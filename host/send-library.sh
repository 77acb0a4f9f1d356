#!/bin/sh
# Runs the script on standard input on a host, with the library's programs beside it:
#   sh host/send-library.sh PREFIX... apply|remove
# PREFIX... leads to a shell on the host. There the programs are files below "$wb_sent", which is removed at the end.
# Pulumi has only their sha256: it would carry 120 KB of each host through every preview several times, and keep them twice.
# A program is joined from its files as host/scripts.ts joins it.
# The path of this file is fixed: the state of each applied stack names it, and `destroy` runs what the state names.
# A script that is cut on its way changes nothing: before its last line it only reads.
set -eu
here=${0%/*}/scripts
script=$(mktemp)
trap 'rm -f "$script"' EXIT

# Prints the program $1: the files that it needs, then its own.
program() {
  if [ -d "$here/$1" ]; then set -- "$here/$1"/*.sh; else set -- "$here/$1.sh"; fi
  for need in $(sed -n 's/^# Needs: //p' "$1"); do cat "$here/$need"; done
  cat "$@"
}

{
  # the directory where the library makes its drafts, and named like them: it removes those of killed runs
  cat <<'LEAD'
for wb_tmp in "${TMPDIR:-}" /dev/shm /tmp; do [ -z "$wb_tmp" ] || [ ! -w "$wb_tmp" ] || break; done
wb_sent=$(mktemp -d "$wb_tmp/warmbox-$$-XXXXXX") || exit 73
trap 'rm -rf "$wb_sent"' EXIT
LEAD
  for name in prove supervise warmbox; do
    printf "cat >\"\$wb_sent/%s.sh\" <<'WARMBOX-END'\n" "$name"
    program "$name"
    echo WARMBOX-END
  done
  cat
} >"$script"
exec <"$script"
rm -f "$script"
exec "$@"
