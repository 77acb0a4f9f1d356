#!/bin/sh
# Runs the script on standard input on a host, with the library's own texts beside it:
#   sh host/send-library.sh PREFIX... apply|remove
# PREFIX... leads to a shell on the host. There the texts are files below "$wb_sent", which goes at the end. Pulumi knows
# them by their sha256 alone: it would carry 120 KB of each host through every preview several times, and keep them twice.
# A text that is too long for one file is a folder of parts, joined in the order of their names as host/texts.ts joins them.
# Its path does not move: the state of each applied stack names it, and `destroy` runs what the state names.
# A script that is cut on its way changes nothing: before its last line everything is only read.
set -eu
here=${0%/*}/scripts
script=$(mktemp)
trap 'rm -f "$script"' EXIT
{
  # where the library makes its own drafts, and named like them: it clears away those of runs that were killed
  cat <<'LEAD'
for wb_tmp in "${TMPDIR:-}" /dev/shm /tmp; do [ -z "$wb_tmp" ] || [ ! -w "$wb_tmp" ] || break; done
wb_sent=$(mktemp -d "$wb_tmp/warmbox-$$-XXXXXX") || exit 73
trap 'rm -rf "$wb_sent"' EXIT
LEAD
  for text in prove supervise warmbox; do
    printf "cat >\"\$wb_sent/%s.sh\" <<'WARMBOX-END'\n" "$text"
    if [ -d "$here/$text" ]; then cat "$here/$text"/*.sh; else cat "$here/$text.sh"; fi
    echo WARMBOX-END
  done
  cat
} >"$script"
exec <"$script"
rm -f "$script"
exec "$@"
