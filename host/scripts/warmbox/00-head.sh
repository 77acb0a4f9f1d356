# --- warmbox.sh: the one program that changes a host. POSIX sh and `local`; tried with dash, bash and busybox.
# On a host it is one file; this tree has its parts in host/scripts/warmbox/, joined in the order of their names.
# Needs: lib/paths.sh lib/ports.sh
#
# A resource is a script that sources this file, declares its files and services, and ends with "$@" (apply or remove):
#
#   resource NAME owner=STACK generation=N
#   directory PATH MODE [purge] [owner=UID:GID]
#   put PATH MODE [check=READER] [reader=PROGRAM] [check_with='COMMAND {}'] [secret] [from=FILE] [sha256=HEX]
#           <<'WARMBOX-END'
#   include PATH NAME                                  one line for cargo: include = [{ path = "NAME", … }] # warmbox
#   block PATH MARK [absent='REGEX'] <<'WARMBOX-END'   a marked block in a user's file
#   service NAME kind=process|systemd-user|systemd-system|container file=PATH [ready='tcp|http|grpc ADDRESS [ADDRESS]…']
#           [ready_timeout=SECONDS] [stop='COMMAND'] [stop_timeout=SECONDS] [log=PATH]
#   live NAME 'LINE' 'COMMAND'                         what COMMAND must print while the service runs
#   live NAME of=PATH 'AWK' 'COMMAND'                  the same, LINE being what the awk program makes of the file PATH
#
# ready: the service must listen on every ADDRESS itself, and answer HTTP on the first where it says http.
# kind=container: file is the name of a container that is already there; docker keeps it running, this starts and stops
# it. READER is sh, unit, cargo, sccache or bazel-remote: the function check_READER (hyphens as _) gets the staged file
# and prints what is wrong with it; a script may define more. reader=PROGRAM is the one that will read the file: the
# host may have others of its name. check_with runs COMMAND, in which {} is the staged file. secret: no copy is kept,
# and a drift is reported without a diff. from=FILE takes the bytes from FILE instead of a here-document; sha256=HEX
# says what they must be: then FILE may be missing where PATH has them already, and no copy is kept. A directory
# "$wb_sent" of such files is removed at the end. Paths are absolute or below HOME. PATH may be a symbolic link: the
# link stays, its target changes.
#
# apply   lock, finish or undo an interrupted change, plan, check, journal, prepare beside the target, rename, restart
#         what changed, wait until ready, compare live lines, write the ledger. Any failure puts everything back.
# remove  untouched: the original or nothing; edited: the edit stays and is reported. Not the owner: left alone.
# observe prints every ledger and what differs from it (see there).
# restore brings a resource back to what it had when a proof passed last (see there).
#
# On disk, below ~/.local/state/warmbox (WARMBOX_SCOPE=system: /var/lib/warmbox), readable by its owner only:
#   lock        held (flock) while anything changes          made       directories that warmbox removes when empty
#   run/ log/   services of kind process                     NAME/      one resource:
#     ledger    what was applied, one line each              objects/   the bytes it names, as files named by sha256
#     journal   a change under way: undone by the next run   done       a change complete but for the cleaning up
#     proved    the ledger of what a proof has passed last
#
# Exit codes: 0 done; 65 bad script, or content refused by its reader; 69 the library (the script prints that) or flock
# is missing; 70 a defect of this library; 73 cannot write; 75 lock busy; 78 a service did not become ready. After any
# of them but 0 the previous files and services are in place.

# How long to wait for another apply on this host, seconds: a service with a big cache may take minutes to be ready.
WB_LOCK_SECONDS=600
# How long one question to a program (a live line, a reader) may take, seconds.
WB_ASK_SECONDS=10
# Seconds until ready, and until stopped, where the script has none.
WB_READY_SECONDS=60
WB_STOP_SECONDS=30

# ---------------------------------------------------------------- exits

# Prints a message for the operator.
wb_say() {
  printf 'warmbox: %s-%s: %s\n' "${wb_host:-host}" "${wb_resource:-warmbox}" "$1" >&2
}

# Ends with code $1: the failure ($2), the next step ($3).
wb_die() {
  wb_say "$2. Next: $3."
  exit "$1"
}

# Ends because the host cannot be written.
wb_die_write() {
  wb_die 73 "cannot write $1${2:+ ($2)}" "free some space or make it writable, then run the same command again"
}

# Runs at every exit that can be caught: undoes a change that is not complete. A signal may come while IFS is a tab.
wb_exit() {
  wb_status=$?
  trap - EXIT
  trap : HUP INT TERM PIPE
  set +f
  IFS=" $wb_tab$wb_newline"
  if [ -n "${wb_open:-}" ]; then
    wb_roll_back "$wb_open"
    wb_say "the previous state is back"
  fi
  [ -z "${wb_stage:-}" ] || rm -rf "$wb_stage"
  [ -z "${wb_sent:-}" ] || rm -rf "$wb_sent"
  case $wb_status in
    0 | 65 | 69 | 7[0358] | 129 | 130 | 143) ;;
    *)
      wb_say "stopped by a defect of this library (status $wb_status). Next: report it with the lines above."
      wb_status=70
      ;;
  esac
  exit "$wb_status"
}

# A signal is a failure like any other.
wb_signal() {
  wb_say "interrupted by SIG$1. Next: run the same command again."
  exit "$2"
}
