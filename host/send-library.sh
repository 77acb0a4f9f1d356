#!/bin/sh
# Runs the script on standard input on a host, with the library's own texts beside it:
#   sh host/send-library.sh PREFIX... apply|remove
# PREFIX... leads to a shell on the host. There the texts are files below "$wb_sent", which goes at the end. Pulumi knows
# them by their sha256 alone: it would carry 120 KB of each host through every preview several times, and keep them twice.
# No script ends in the middle of its way to the host: the texts are only read, and the script's last line does the rest.
set -eu
here=${0%/*}
script=$(mktemp)
trap 'rm -f "$script"' EXIT
{
  echo 'wb_sent=$(mktemp -d) || exit 73'
  echo "trap 'rm -rf \"\$wb_sent\"' EXIT"
  for text in prove.sh supervise.sh warmbox.sh; do
    printf "cat >\"\$wb_sent/%s\" <<'WARMBOX-END'\n" "$text"
    cat "$here/$text"
    echo WARMBOX-END
  done
  cat
} >"$script"
exec <"$script"
rm -f "$script"
exec "$@"
