#!/bin/sh
# warmbox.sh: the one program that changes a host. POSIX sh; tried with dash, bash and busybox.
#
# A resource is a script that sources this file, says what it wants and ends with "$@" (apply or remove):
#
#   resource NAME owner=STACK generation=N
#   directory PATH MODE [purge] [owner=UID:GID]
#   put PATH MODE [check=READER] [reader=PROGRAM] [check_with='COMMAND {}'] [secret] [from=FILE] [sha256=HEX] <<'WARMBOX-END'
#   include PATH NAME                                  one line for cargo: include = [{ path = "NAME", … }] # warmbox
#   block PATH MARK [absent='REGEX'] <<'WARMBOX-END'   a marked block in a file of the user's
#   service NAME kind=process|systemd-user|systemd-system|container file=PATH [ready='tcp|http|grpc ADDRESS [ADDRESS]…']
#           [ready_timeout=SECONDS] [stop='COMMAND'] [stop_timeout=SECONDS] [log=PATH]
#   live NAME 'LINE' 'COMMAND'                         what COMMAND must print while the service runs
#   live NAME of=PATH 'AWK' 'COMMAND'                  the same, LINE being what the awk program makes of the file PATH
#
# ready: the service must listen on every ADDRESS itself, and answer HTTP on the first where it says http.
# kind=container: file is the name of a container that is already there; docker keeps it running, we start and stop it.
# READER is sh, unit, cargo, sccache or bazel-remote: the function check_READER (hyphens as _) gets the staged file and
# prints what is wrong with it; a script may define more. reader=PROGRAM is the one that will read the file: the host may
# have others of its name. check_with runs COMMAND with {} standing for the staged file.
# secret: no copy is kept, and a drift is told without a diff.
# from=FILE takes the bytes from FILE instead of a here-document; sha256=HEX says what they must be: then FILE may be
# missing where PATH has them already, and no copy is kept. A directory "$wb_sent" of such files is removed at the end.
# Paths are absolute or below HOME. PATH may be a symbolic link: the link stays, its target changes.
#
# apply   lock, finish or undo what was interrupted, plan, check, journal, prepare beside the target, rename, restart
#         what changed, wait until ready, compare live lines, write the ledger. Any failure puts everything back.
# remove  untouched: the original or nothing; edited: the edit stays and is reported. Not the owner: left alone.
# observe prints every ledger and what differs from it (see there).
# restore brings a resource back to what it had when a proof passed last (see there).
#
# On disk, below ~/.local/state/warmbox (WARMBOX_SCOPE=system: /var/lib/warmbox), readable by its owner only:
#   lock        held (flock) while anything changes          made       directories that are ours to remove when empty
#   run/ log/   services of kind process                     NAME/      one resource:
#     ledger    what was applied, one line each              objects/   the bytes it speaks of, named by sha256
#     journal   a change under way: undone if found          done       a change complete but for the cleaning up
#     proved    the ledger of what a proof has passed last
#
# Exit codes: 0 done; 65 bad script, or content refused by its reader; 69 the library (the script says so) or flock is missing;
# 70 fault of this library; 73 cannot write; 75 lock busy; 78 a service did not become ready. After any of them but 0
# the previous files and services stand as before.

# How long to wait for another apply on this host, seconds: a service with a big cache may take minutes to be ready.
WB_LOCK_SECONDS=600
# How long one question to a program (a live line, a stop of a stranger, a reader) may take, seconds.
WB_ASK_SECONDS=10
# Seconds until ready, and until stopped, where the script names none.
WB_READY_SECONDS=60
WB_STOP_SECONDS=30

# ---------------------------------------------------------------- ways out

# Tells the operator something.
wb_say() {
  printf 'warmbox: %s-%s: %s\n' "${wb_host:-host}" "${wb_resource:-warmbox}" "$1" >&2
}

# Ends with code $1: what happened ($2), what to do next ($3).
wb_die() {
  wb_say "$2. Next: $3."
  exit "$1"
}

# Ends because the host cannot be written.
wb_die_write() {
  wb_die 73 "cannot write $1${2:+ ($2)}" "free some space or make it writable, then run the same command again"
}

# Runs at every exit that can be caught: puts back what is half done.
wb_exit() {
  wb_status=$?
  trap - EXIT
  trap : HUP INT TERM PIPE
  if [ -n "${wb_open:-}" ]; then
    wb_roll_back "$wb_open"
    wb_say "the previous state is back"
  fi
  [ -z "${wb_stage:-}" ] || rm -rf "$wb_stage"
  [ -z "${wb_sent:-}" ] || rm -rf "$wb_sent"
  case $wb_status in
    0 | 65 | 69 | 7[0358] | 129 | 130 | 143) ;;
    *) wb_say "stopped by a fault of its own (status $wb_status). Next: report it with the lines above." && wb_status=70 ;;
  esac
  exit "$wb_status"
}

# A signal is a failure like any other.
wb_signal() {
  wb_say "interrupted by SIG$1. Next: run the same command again."
  exit "$2"
}

# ---------------------------------------------------------------- small tools

# Keeps VALUE as wb_NAME_INDEX: sh has no arrays.
wb_set() { eval "wb_$1_$2=\$3"; }

# Reads wb_NAME_INDEX into wb_got.
wb_get() { eval "wb_got=\$wb_$1_$2"; }

# A short rest; older sleeps know whole seconds only.
wb_pause() { sleep 0.1 2>/dev/null || sleep 1; }

# sha256 of a file's bytes, into wb_sha.
wb_hash() {
  wb_sha=$(sha256sum <"$1") || wb_die 73 "cannot read $1" "make it readable for this user"
  wb_sha=${wb_sha%% *}
}

# What stands at a path: wb_sha (or absent), wb_mode, wb_uid, wb_gid, wb_ident.
# $2 and $3: a large file whose identity is $2 has the sha256 $3, and is not read again.
wb_look() {
  wb_sha=absent wb_mode=- wb_uid=- wb_gid=- wb_ident=-
  [ -e "$1" ] || return 0
  [ -f "$1" ] || wb_die 73 "$1 is not a plain file" "move it away"
  wb_glanced "$1" || wb_seen=$(stat -L -c '%a %u %g %s:%Y:%i' "$1") ||
    wb_die 73 "cannot read $1" "make it readable for this user"
  wb_mode=${wb_seen%% *} wb_seen=${wb_seen#* }
  wb_uid=${wb_seen%% *} wb_seen=${wb_seen#* }
  wb_gid=${wb_seen%% *} wb_ident=${wb_seen#* }
  if [ "${2:--}" != - ] && [ "$wb_ident" = "$2" ]; then wb_sha=$3; elif [ "$wb_sha" = absent ]; then wb_hash "$1"; fi
}

# The absolute path of a path in a script, into wb_path; where its bytes really are, into wb_real.
wb_resolve() {
  case $1 in
    *"$wb_tab"* | *"$wb_newline"* | '' | */ | */../*) wb_die 65 "path '$1' cannot be used" "name a plain path" ;;
    /*) wb_path=$1 ;;
    *) wb_path=$HOME/$1 ;;
  esac
  wb_real=$wb_path
  [ ! -L "$wb_path" ] || wb_real=$(readlink -f "$wb_path") ||
    wb_die 73 "$wb_path is a link that leads nowhere" "remove the link, or make the directory it points into"
}

# Where the absolute path $1 leads now, into wb_real: a file that was applied may have become a link since, or a link
# may lead elsewhere. A link that leads nowhere is taken as it is.
wb_lead() {
  wb_real=$1
  [ ! -L "$1" ] || wb_real=$(readlink -f "$1") || wb_real=$1
}

# Makes files durable; older programs can only sync everything.
wb_sync() { sync "$@" 2>/dev/null || sync 2>/dev/null || true; }

# Gives a new file or directory $1 to the owner of the directory $2; only root can and must.
wb_own() {
  [ "$wb_user" = 0 ] || return 0
  wb_owned=$(stat -c '%u:%g' "$2") && { [ "$wb_owned" = 0:0 ] || chown -h "$wb_owned" "$1"; }
}

# Splits a line of a ledger or journal at its tabs into wb_1 … wb_12; "-" stands for nothing.
wb_split() {
  IFS=$wb_tab read -r wb_1 wb_2 wb_3 wb_4 wb_5 wb_6 wb_7 wb_8 wb_9 wb_10 wb_11 wb_12
}

# ---------------------------------------------------------------- start

# Paths and settings that everything below uses.
wb_paths() {
  LC_ALL=C
  export LC_ALL
  wb_tab='	'
  wb_newline='
'
  case ${HOME:-} in
    /*) HOME=${HOME%/} ;;
    *) wb_die 65 "HOME is '${HOME:-}', not an absolute path" "set HOME" ;;
  esac
  if [ "${WARMBOX_SCOPE:-user}" = system ]; then
    wb_share=/usr/local/share/warmbox wb_state=/var/lib/warmbox
  else
    wb_share=$HOME/.local/share/warmbox wb_state=$HOME/.local/state/warmbox
  fi
  read -r wb_host </proc/sys/kernel/hostname || wb_host=host
  wb_user=$(id -u)
  wb_umask=$(umask)
}

# A private directory for drafts, in memory where the host has such a place; those of killed runs go.
wb_stage_make() {
  for wb_tmp in "${TMPDIR:-}" /dev/shm /tmp; do
    [ -z "$wb_tmp" ] || [ ! -w "$wb_tmp" ] || break
  done
  for wb_stale in "$wb_tmp"/warmbox-*-??????; do
    wb_pid=${wb_stale##*/warmbox-} wb_pid=${wb_pid%-??????}
    case $wb_pid in '' | *[!0-9]*) continue ;; esac # not a draft of ours: somebody else's folder
    [ -d "/proc/$wb_pid" ] || [ ! -O "$wb_stale" ] || rm -rf "$wb_stale"
  done
  wb_stage=$(mktemp -d "$wb_tmp/warmbox-$$-XXXXXX") || wb_die_write "$wb_tmp"
}

# resource NAME owner=STACK generation=N: the first line of every script.
resource() {
  wb_resource=${1:-} wb_owner='' wb_generation=''
  wb_steps=0 wb_files=0 wb_lines=0 wb_services=0 wb_objects=0 wb_open='' wb_stage='' wb_directories=''
  wb_restored_why=''
  wb_paths
  umask 077
  case $wb_resource in '' | *[!a-z0-9-]*) wb_die 65 "resource name '$wb_resource'" "use a-z, 0-9 and -" ;; esac
  shift
  for wb_word; do
    case $wb_word in
      owner=?*) wb_owner=${wb_word#*=} ;;
      generation=?*) wb_generation=${wb_word#*=} ;;
      *) wb_die 65 "resource: unknown word '$wb_word'" "say: resource NAME owner=STACK generation=N" ;;
    esac
  done
  case $wb_owner in '' | *[!A-Za-z0-9._/-]*) wb_die 65 "owner '$wb_owner'" "name the stack: owner=STACK" ;; esac
  case $wb_generation in '' | *[!0-9]*) wb_die 65 "generation '$wb_generation'" "use an integer: generation=N" ;; esac
  trap wb_exit EXIT
  trap 'wb_signal HUP 129' HUP
  trap 'wb_signal INT 130' INT
  trap 'wb_signal TERM 143' TERM
  trap : PIPE
  wb_stage_make
}

# ---------------------------------------------------------------- what a script may say

# Opens the record of the next line of the script.
wb_step() {
  wb_steps=$((wb_steps + 1))
  wb_set s_kind $wb_steps "$1"
}

# The same for a line that names a path.
wb_step_path() {
  wb_step "$1"
  wb_resolve "$2"
  wb_set s_path $wb_steps "$wb_path"
  wb_set s_real $wb_steps "$wb_real"
}

# Refuses a mode that is not three or four octal digits; the ledger knows three.
wb_step_mode() {
  case $1 in
    0[0-7][0-7][0-7]) wb_set s_mode $wb_steps "${1#0}" ;;
    [0-7][0-7][0-7] | [1-7][0-7][0-7][0-7]) wb_set s_mode $wb_steps "$1" ;;
    *) wb_die 65 "$wb_path: mode '$1'" "use four octal digits such as 0644" ;;
  esac
}

# Refuses a value that a line of the ledger cannot hold.
wb_plain() {
  case $2 in *"$wb_tab"* | *"$wb_newline"*) wb_die 65 "$1 holds a tab or a line end" "put it on one line" ;; esac
}

# directory PATH MODE [words]
directory() {
  wb_step_path directory "$1"
  wb_step_mode "$2"
  shift 2
  wb_set s_flag $wb_steps -
  for wb_word; do
    case $wb_word in
      purge) wb_set s_flag $wb_steps purge ;;
      owner=[0-9]*:[0-9]*) wb_set s_with $wb_steps "${wb_word#*=}" ;;
      *) wb_die 65 "directory $wb_path: unknown word '$wb_word'" "use purge or owner=UID:GID" ;;
    esac
  done
}

# put PATH MODE [words] <<'WARMBOX-END'
put() {
  wb_step_path put "$1"
  wb_step_mode "$2"
  shift 2
  wb_from='' wb_want='' wb_check=- wb_program='' wb_with='' wb_flag=-
  for wb_word; do
    case $wb_word in
      check=?*) wb_check=${wb_word#*=} ;;
      reader=?*) wb_program=${wb_word#*=} ;;
      check_with=?*) wb_with=${wb_word#*=} ;;
      from=?*) wb_from=${wb_word#*=} ;;
      sha256=?*) wb_want=${wb_word#*=} wb_flag=whole ;;
      secret) wb_flag=secret ;;
      *) wb_die 65 "put $wb_path: unknown word '$wb_word'" "use check=, reader=, check_with=, secret, from= or sha256=" ;;
    esac
  done
  wb_set s_flag $wb_steps "$wb_flag"
  wb_set s_check $wb_steps "$wb_check"
  wb_set s_program $wb_steps "$wb_program"
  wb_set s_with $wb_steps "$wb_with"
  if [ -n "$wb_from" ]; then wb_put_from; else wb_put_text; fi
  wb_set s_sha $wb_steps "$wb_sha"
}

# The bytes of a put come from the script itself.
wb_put_text() {
  wb_set s_file $wb_steps "$wb_stage/s$wb_steps"
  cat >"$wb_stage/s$wb_steps" || wb_die_write "$wb_stage"
  wb_hash "$wb_stage/s$wb_steps"
}

# The bytes of a put come from a file on the host; one that is missing matters only if its bytes are needed.
wb_put_from() {
  wb_set s_file $wb_steps "$wb_from"
  wb_sha=$wb_want
  if [ -f "$wb_from" ]; then
    wb_hash "$wb_from"
    [ "$wb_sha" = "${wb_want:-$wb_sha}" ] ||
      wb_die 65 "$wb_from has sha256 $wb_sha, not $wb_want" "bring the right file"
  elif [ -z "$wb_want" ]; then
    wb_die 65 "put $wb_path: $wb_from is not there" "bring the file first"
  fi
}

# include PATH NAME
include() {
  wb_step_path include "$1"
  case $2 in '' | *[!A-Za-z0-9._/-]*) wb_die 65 "include $1: name '$2'" "use a plain file name" ;; esac
  wb_set s_name $wb_steps "$2"
}

# block PATH MARK [absent='REGEX'] <<'WARMBOX-END'
block() {
  wb_step_path block "$1"
  case $2 in '' | *[!A-Za-z0-9._-]*) wb_die 65 "block $1: mark '$2'" "use a plain word" ;; esac
  wb_set s_name $wb_steps "$2"
  case ${3:-} in
    '') wb_set s_with $wb_steps '' ;;
    absent=*) wb_set s_with $wb_steps "${3#*=}" ;;
    *) wb_die 65 "block $1: unknown word '$3'" "only absent= is known" ;;
  esac
  wb_set s_file $wb_steps "$wb_stage/s$wb_steps"
  { printf '# >>> warmbox %s\n' "$2" && cat && printf '# <<< warmbox %s\n' "$2"; } >"$wb_stage/s$wb_steps" ||
    wb_die_write "$wb_stage"
  wb_hash "$wb_stage/s$wb_steps"
  wb_set s_sha $wb_steps "$wb_sha"
}

# service NAME kind=KIND file=PATH [words]
service() {
  wb_step service
  wb_name=$1 wb_kind='' wb_file='' wb_ready=- wb_ready_timeout=$WB_READY_SECONDS
  wb_stop=- wb_stop_timeout=$WB_STOP_SECONDS wb_log=-
  case $1 in '' | *[!A-Za-z0-9._@-]*) wb_die 65 "service name '$1'" "use a plain word" ;; esac
  shift
  for wb_word; do
    wb_plain "service $wb_name: ${wb_word%%=*}" "$wb_word"
    case $wb_word in
      kind=process | kind=systemd-user | kind=systemd-system | kind=container) wb_kind=${wb_word#*=} ;;
      file=?*) wb_resolve "${wb_word#*=}" && wb_file=$wb_path ;;
      ready='tcp '?*:[0-9]* | ready='http '?*:[0-9]* | ready='grpc '?*:[0-9]*) wb_ready=${wb_word#*=} ;;
      ready_timeout=[0-9]*) wb_ready_timeout=${wb_word#*=} ;;
      stop=?*) wb_stop=${wb_word#*=} ;;
      stop_timeout=[0-9]*) wb_stop_timeout=${wb_word#*=} ;;
      log=?*) wb_resolve "${wb_word#*=}" && wb_log=$wb_path ;;
      *) wb_die 65 "service $wb_name: unknown word '$wb_word'" "see the head of warmbox.sh" ;;
    esac
  done
  [ -n "$wb_kind" ] && [ -n "$wb_file" ] || wb_die 65 "service $wb_name: kind or file missing" "name both"
  [ "$wb_log" != - ] || [ "$wb_kind" != process ] || wb_log=$wb_state/log/$wb_name.log
  wb_set s_name $wb_steps "$wb_name"
  wb_set s_with $wb_steps "$wb_name$wb_tab$wb_kind$wb_tab$wb_file$wb_tab$wb_ready$wb_tab$wb_ready_timeout$wb_tab$wb_stop$wb_tab$wb_stop_timeout$wb_tab$wb_log"
}

# live NAME 'LINE'|of=PATH 'AWK' 'COMMAND'
live() {
  wb_step live
  wb_name=$1 wb_line=$2
  case $2 in of=?*) wb_live_of "${2#of=}" "$3" && shift ;; esac
  wb_plain "live $wb_name: line" "$wb_line"
  wb_plain "live $wb_name: command" "$3"
  wb_set s_name $wb_steps "$wb_name"
  wb_set s_file $wb_steps "$wb_line"
  wb_set s_with $wb_steps "$3"
}

# What the awk program $2 makes of the file that this script puts at $1, into wb_line.
wb_live_of() {
  wb_resolve "$1"
  wb_at=1
  while [ $wb_at -lt $wb_steps ]; do
    eval "wb_here=\$wb_s_kind_$wb_at:\${wb_s_path_$wb_at:-} wb_draft=\${wb_s_file_$wb_at:-}"
    if [ "$wb_here" = "put:$wb_path" ]; then
      wb_line=$(awk "$2" "$wb_draft")
      return 0
    fi
    wb_at=$((wb_at + 1))
  done
  wb_die 65 "live $wb_name: $1 is not put by a line before it" "put it first"
}

# ---------------------------------------------------------------- one at a time

# Makes the state directory and what is missing above it in one rename, so that the list of what was made is never lost.
wb_state_make() {
  wb_top='' wb_made='' wb_at=$wb_state
  while [ ! -d "$wb_at" ]; do
    wb_top=$wb_at wb_made=$wb_at$wb_newline$wb_made
    wb_at=${wb_at%/*}
    [ -n "$wb_at" ] || wb_at=/
  done
  [ -n "$wb_top" ] || return 0
  wb_draft=$wb_top.warmbox-new
  rm -rf "$wb_draft.$$"
  (umask "$wb_umask" && mkdir -p "$wb_draft.$$${wb_state#"$wb_top"}") &&
    printf '%s' "$wb_made" >"$wb_draft.$$${wb_state#"$wb_top"}/made" &&
    mkdir "$wb_draft.$$${wb_state#"$wb_top"}/run" "$wb_draft.$$${wb_state#"$wb_top"}/log" &&
    chmod 700 "$wb_draft.$$${wb_state#"$wb_top"}" && wb_own_all "$wb_draft.$$" "$wb_at" &&
    mv -T "$wb_draft.$$" "$wb_top" 2>/dev/null || rm -rf "$wb_draft.$$"
  [ -d "$wb_state" ] || wb_die_write "$wb_state"
}

# The same as wb_own for a whole tree.
wb_own_all() {
  [ "$wb_user" = 0 ] || return 0
  wb_owned=$(stat -c '%u:%g' "$2") && { [ "$wb_owned" = 0:0 ] || chown -hR "$wb_owned" "$1"; }
}

# Takes the host's lock, waiting a bounded time. Descriptor 8 waits, 9 holds: so a holder can be told from who waits.
wb_lock() {
  command -v flock >/dev/null || wb_die 69 "this host has no flock" "install the package util-linux"
  wb_waited=0
  while :; do
    wb_state_make
    true >>"$wb_state/lock" 2>/dev/null || wb_die_write "$wb_state/lock"
    exec 8<>"$wb_state/lock"
    while ! flock -n 8; do
      [ $wb_waited -lt "$((${WARMBOX_LOCK_SECONDS:-$WB_LOCK_SECONDS} * 5))" ] || wb_die 75 \
        "the host is busy: process $(wb_lock_holder) is changing it" "wait for it, or end it if it hangs, then run again"
      [ $wb_waited -ne 25 ] || wb_say "waiting for process $(wb_lock_holder), which is changing this host"
      wb_waited=$((wb_waited + 1))
      sleep 0.2 2>/dev/null || sleep 1
    done
    exec 9<&8 8<&-
    [ ! "$wb_state/lock" -ef /proc/self/fd/9 ] || break
    exec 9<&-
  done
  wb_state_sweep
}

# Drops what runs killed in the middle of making or removing the state directory left beside it.
wb_state_sweep() {
  for wb_at in "$HOME/.local" "$HOME/.local/state" "$wb_state"; do
    rm -rf "$wb_at.warmbox-old" "$wb_at".warmbox-new.*
  done
}

# Who holds the lock: the oldest process with the lock as its descriptor 9.
wb_lock_holder() {
  wb_holder=unknown
  for wb_process in /proc/[0-9]*; do
    [ "$wb_process/fd/9" -ef "$wb_state/lock" ] || continue
    wb_process=${wb_process#/proc/}
    [ "$wb_holder" != unknown ] && [ "$wb_holder" -lt "$wb_process" ] || wb_holder=$wb_process
  done
  printf '%s' "$wb_holder"
}

# Ends what a killed run left: a complete change is cleaned up after, any other is undone.
wb_recover() {
  for wb_found in "$wb_state"/*/; do
    wb_found=${wb_found%/}
    case ${wb_found##*/} in run | log | '*') continue ;; esac
    if [ -e "$wb_found/journal" ]; then
      wb_say "undoing the interrupted change of ${wb_found##*/}"
      wb_roll_back "$wb_found"
    elif [ -e "$wb_found/done" ]; then
      wb_finish "$wb_found"
    fi
    [ -e "$wb_found/ledger" ] || rm -rf "$wb_found"
  done
}

# ---------------------------------------------------------------- ledger

# Reads the ledger of directory $1 into wb_l_*_1 … wb_l_*_N; wb_was_owner is empty where there is none. wb_was_restored
# says why the resource was put back to what was proved, if it was.
# Lines: put|include|block REAL PATH MODE SHA ORIGINAL MODE UID GID NAME|FLAG EXTRA BLOCK; directory REAL PATH MODE PURGE;
# service BEFORE NAME KIND …; live NAME LINE COMMAND.
wb_read_ledger() {
  wb_lines=0 wb_was_owner='' wb_was_generation='' wb_was_restored=''
  [ -f "$1/ledger" ] || return 0
  while wb_split; do
    case $wb_1 in
      owner) wb_was_owner=$wb_2 ;;
      generation) wb_was_generation=$wb_2 ;;
      '# restored: '*) wb_was_restored=${wb_1#"# restored: "} ;;
      '#'*) ;;
      *) wb_keep_line ;;
    esac
  done <"$1/ledger"
}

# Keeps the line just split as record wb_lines. A file or directory that was moved away and became a link is followed.
wb_keep_line() {
  case $wb_1 in put | include | block | directory) wb_lead "$wb_2" && wb_2=$wb_real ;; esac
  wb_lines=$((wb_lines + 1))
  for wb_field in 1 2 3 4 5 6 7 8 9 10 11 12; do
    eval "wb_l${wb_field}_$wb_lines=\$wb_$wb_field"
  done
}

# Takes record $1 of the ledger into wb_1 … wb_12.
wb_line() {
  for wb_field in 1 2 3 4 5 6 7 8 9 10 11 12; do
    eval "wb_$wb_field=\$wb_l${wb_field}_$1"
  done
}

# Finds a line: kind $1, second field $2, and for a block or include the name $3. Fails where there is none.
wb_find_line() {
  wb_at=1
  while [ $wb_at -le $wb_lines ]; do
    wb_line $wb_at
    case $1 in
      service) [ "$wb_1" = service ] && [ "$wb_3" = "$2" ] && return 0 ;;
      any) case $wb_1 in put | include | block) [ "$wb_2" = "$2" ] && return 0 ;; esac ;;
      *) [ "$wb_1" = "$1" ] && [ "$wb_2" = "$2" ] && [ "${3:-$wb_10}" = "$wb_10" ] && return 0 ;;
    esac
    wb_at=$((wb_at + 1))
  done
  return 1
}

# Adds a line to the ledger to be; fields are joined by tabs.
wb_write_line() {
  wb_joined=$1
  shift
  for wb_word; do wb_joined=$wb_joined$wb_tab$wb_word; done
  printf '%s\n' "$wb_joined" >>"$wb_stage/ledger" || wb_die_write "$wb_stage"
}

# Remembers that the ledger to be speaks of these bytes: sha $1, now in file $2.
wb_object() {
  [ "$1" != absent ] || return 0
  wb_objects=$((wb_objects + 1))
  wb_set o_sha $wb_objects "$1"
  wb_set o_file $wb_objects "$2"
}

# Where the bytes of sha256 $1 are kept for this resource, into wb_kept.
wb_kept() { wb_kept=$wb_state/$wb_resource/objects/$1; }

# ---------------------------------------------------------------- planned files

# Finds the plan for the file $1 (shown as $2), or opens one that changes nothing; its index is wb_f.
wb_plan() {
  wb_f=1
  while [ $wb_f -le $wb_files ]; do
    wb_get f_real $wb_f
    [ "$wb_got" != "$1" ] || return 0
    wb_f=$((wb_f + 1))
  done
  wb_files=$wb_f
  wb_plan_real=$1 wb_plan_path=$2
  if wb_find_line any "$1"; then wb_look "$1" "$wb_11" "$wb_5"; else wb_look "$1"; fi
  wb_set f_real $wb_f "$wb_plan_real"
  wb_set f_path $wb_f "$wb_plan_path"
  for wb_field in sha mode uid gid; do
    eval "wb_f_${wb_field}_$wb_f=\$wb_$wb_field wb_f_n${wb_field}_$wb_f=\$wb_$wb_field"
  done
  wb_set f_ident $wb_f "$wb_ident"
  wb_set f_file $wb_f "$1"
  wb_set f_shared $wb_f ''
}

# Plans new bytes for wb_f: sha256 $1, in file $2.
wb_plan_bytes() {
  wb_set f_nsha $wb_f "$1"
  wb_set f_file $wb_f "$2"
}

# Plans mode $1 and owner $2:$3 for wb_f; "-" lets what is there stand.
wb_plan_mode() {
  [ "$1" = - ] || wb_set f_nmode $wb_f "$1"
  [ "$2" = - ] || wb_set f_nuid $wb_f "$2"
  [ "$3" = - ] || wb_set f_ngid $wb_f "$3"
}

# Takes the plan $1 into wb_real, wb_path, wb_sha wb_mode wb_uid wb_gid (now), wb_nsha … wb_ngid (then), wb_draft.
wb_planned() {
  for wb_field in real path sha mode uid gid nsha nmode nuid ngid; do
    eval "wb_$wb_field=\$wb_f_${wb_field}_$1"
  done
  eval "wb_draft=\$wb_f_file_$1"
}

# Does the plan $1 change anything? Takes it, too.
wb_plan_differs() {
  wb_planned "$1"
  [ "$wb_sha" = "$wb_nsha" ] || return 0
  [ "$wb_nsha" = absent ] && return 1
  [ "$wb_mode:$wb_uid:$wb_gid" != "$wb_nmode:$wb_nuid:$wb_ngid" ]
}

# The planned bytes of wb_f as a file that can be read, into wb_draft; a name for the next draft, into wb_next.
wb_edit() {
  wb_planned $wb_f
  [ "$wb_nsha" != absent ] || wb_draft=/dev/null
  wb_drafts=$((${wb_drafts:-0} + 1))
  wb_next=$wb_stage/d$wb_drafts
}

# Plans the draft wb_next for wb_f, made by one of the edits below.
wb_edited() {
  wb_hash "$wb_next"
  wb_plan_bytes "$wb_sha" "$wb_next"
}

# ---------------------------------------------------------------- edits of the user's files
# All bytes but ours pass through head, tail or cat untouched; line ends are the file's own.

# Does the file use CRLF? Its first line tells.
wb_is_crlf() {
  IFS= read -r wb_first <"$1" || true
  case $wb_first in *"$(printf '\r')") return 0 ;; *) return 1 ;; esac
}

# Where the include stands in cargo's file $1 (entry for $2): prints "ours|array|string|tables|none LINE".
# Reads the top level only; a value may span lines and hold comments.
wb_include_scan() {
  awk -v name="$2" '
    function scan(s,   i, c, q, out) {        # drops comments, counts brackets outside strings
      out = ""; q = ""
      for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (q != "") { if (c == q) q = "" }
        else if (c == "#") break
        else if (c == "\"" || c == sq) q = c
        else if (c == "[" || c == "{") depth++
        else if (c == "]" || c == "}") depth--
        out = out c
      }
      return out
    }
    BEGIN { sq = sprintf("%c", 39); depth = 0; at = 0; state = "none"
      dotted = name; gsub(/\./, "[.]", dotted)
      entry = "path[ \t]*=[ \t]*[\"" sq "](\\./)?" dotted "[\"" sq "]|^[ \t]*include[ \t]*=.*[[,][ \t]*[\"" sq "]" dotted "[\"" sq "]" }
    { sub(/\r$/, "") }
    depth == 0 && /^[ \t]*\[\[[ \t]*include[ \t]*\]\]/ { state = "tables"; at = NR; exit }
    depth == 0 && /^[ \t]*\[/ { table = 1 }
    table { next }
    depth == 0 && /^[ \t]*("include"|include)[ \t]*=/ { state = "array"; at = NR
      if ($0 !~ /=[ \t]*\[/) state = "string"
      inside = 1 }
    { text = scan($0)
      if (inside && text ~ entry) { state = "ours"; at = NR; exit }
      if (depth <= 0) { depth = 0; inside = 0 } }
    END { print state, at }
  ' "$1"
}

# Writes file $1 with the include of $2 into $3. Fails where the include is of a kind that cannot be extended.
wb_include_add() {
  wb_entry="{ path = \"$2\", optional = true }"
  wb_scan=$(wb_include_scan "$1" "$2")
  wb_at=${wb_scan#* }
  case $wb_scan in
    ours*) cat "$1" >"$3" ;;
    none*) wb_include_first "$1" "include = [$wb_entry] # warmbox" >"$3" ;;
    array*) sed "${wb_at}s|\\[|[$wb_entry, |" "$1" >"$3" ;;
    string*)
      sed -e "${wb_at}s|=[ 	]*\\(\"[^\"]*\"\\)|= [$wb_entry, \\1]|" -e "${wb_at}s|=[ 	]*\\('[^']*'\\)|= [$wb_entry, \\1]|" "$1" >"$3"
      ;;
    *) return 1 ;;
  esac
}

# Prints file $1 with the line $2 in front: after a byte order mark, which must stay first.
wb_include_first() {
  if [ "$(head -c 3 "$1")" = "$(printf '\357\273\277')" ]; then
    head -c 3 "$1"
    wb_from_byte=4
  else
    wb_from_byte=1
  fi
  printf '%s' "$2"
  ! wb_is_crlf "$1" || printf '\r'
  printf '\n'
  tail -c +$wb_from_byte "$1"
}

# The entry for $1 as a basic regular expression, however it is spaced, into wb_entry.
wb_include_entry() {
  wb_entry="{[ 	]*path[ 	]*=[ 	]*[\"']$(printf '%s' "$1" | sed 's/[.]/[.]/g')[\"'][ 	]*,[ 	]*optional[ 	]*=[ 	]*true[ 	]*}"
}

# Writes file $1 without the include of $2 into $3: our own line whole, our entry out of a longer one.
wb_include_cut() {
  wb_scan=$(wb_include_scan "$1" "$2")
  wb_at=${wb_scan#* }
  wb_include_entry "$2"
  wb_bom=$(printf '\357\273\277')
  case $wb_scan in
    ours*) sed -n "${wb_at}p" "$1" >"$3.line" ;;
    *) cat "$1" >"$3" && return 0 ;;
  esac
  if grep -q "^\\($wb_bom\\)\\{0,1\\}include = \\[$wb_entry\\] # warmbox[[:space:]]*\$" "$3.line"; then
    {
      ! grep -q "^$wb_bom" "$3.line" || printf '%s' "$wb_bom"
      sed "${wb_at}d" "$1"
    } >"$3"
  else
    sed -e "${wb_at}s|$wb_entry,[ 	]*||" -e "${wb_at}s|,[ 	]*$wb_entry||" -e "${wb_at}s|$wb_entry||" \
      -e "${wb_at}s|\\] # warmbox\$|]|" "$1" >"$3"
  fi
}

# First and last line of the block $2 in file $1: "FIRST LAST", "0 0" where there is none, "FIRST 0" where it has no end.
wb_block_scan() {
  awk -v name="$2" '
    { sub(/\r$/, "") }
    !first && $0 == "# >>> warmbox " name { first = NR }
    first && $0 == "# <<< warmbox " name { last = NR; exit }
    END { print first + 0, last + 0 }' "$1"
}

# Prints the block in file $2 with the line ends of file $1.
wb_block_text() {
  if wb_is_crlf "$1"; then awk '{ printf "%s\r\n", $0 }' "$2"; else cat "$2"; fi
}

# Writes file $1 with the block $2 (text in file $3) into $4: in its place, else at the end.
# wb_grown tells whether a last line without end got one first.
wb_block_add() {
  wb_scan=$(wb_block_scan "$1" "$2")
  wb_grown=-
  case $wb_scan in
    '0 0')
      [ -z "$(tail -c 1 "$1")" ] || wb_grown=grown
      {
        cat "$1"
        [ $wb_grown = - ] || { ! wb_is_crlf "$1" || printf '\r'; printf '\n'; }
        wb_block_text "$1" "$3"
      } >"$4"
      ;;
    *' 0') return 1 ;;
    *)
      {
        head -n $((${wb_scan% *} - 1)) "$1"
        wb_block_text "$1" "$3"
        tail -n +$((${wb_scan#* } + 1)) "$1"
      } >"$4"
      ;;
  esac
}

# Writes file $1 without the block $2 into $4; $3 = grown: the line before it had no end, and gets none back if it is the last.
wb_block_cut() {
  wb_scan=$(wb_block_scan "$1" "$2")
  case $wb_scan in
    '0 0' | *' 0') cat "$1" >"$4" ;;
    *)
      head -n $((${wb_scan% *} - 1)) "$1" >"$4"
      tail -n +$((${wb_scan#* } + 1)) "$1" >"$4.rest"
      if [ "$3" = grown ] && [ ! -s "$4.rest" ] && [ -s "$4" ]; then
        wb_size=$(($(wc -c <"$4") - 1))
        ! wb_is_crlf "$4" || wb_size=$((wb_size - 1))
        head -c $wb_size "$4" >"$4.cut" && mv -f "$4.cut" "$4"
      fi
      cat "$4.rest" >>"$4"
      ;;
  esac
}

# ---------------------------------------------------------------- plan: apply

# Plans every line of the script that is about a file, in order; counts the changes seen so far in wb_dirty.
wb_plan_step() {
  for wb_field in kind path real mode flag name with file sha; do
    eval "wb_s_$wb_field=\${wb_s_${wb_field}_$1:-}"
  done
  case $wb_s_kind in
    put) wb_plan_put ;;
    include) wb_plan_edit ;;
    block) wb_plan_edit ;;
    directory)
      wb_directories=$wb_directories$wb_s_real$wb_newline
      wb_write_line directory "$wb_s_real" "$wb_s_path" "$wb_s_mode" "$wb_s_flag"
      ;;
    service) wb_plan_service ;;
    live) wb_write_line live "$wb_s_name" "$wb_s_file" "$wb_s_with" ;;
  esac
}

# A whole file of ours.
wb_plan_put() {
  wb_plan "$wb_s_real" "$wb_s_path"
  if [ "$wb_sha" != "$wb_s_sha" ] && [ ! -f "$wb_s_file" ]; then
    wb_die 65 "put $wb_s_path: neither it nor $wb_s_file has sha256 $wb_s_sha" "bring the file first"
  fi
  wb_plan_bytes "$wb_s_sha" "$wb_s_file"
  wb_plan_mode "$wb_s_mode" - -
  wb_big=-
  if [ "$wb_s_flag" = secret ]; then
    : # its bytes stand in the file itself and nowhere else
  elif [ "$wb_s_flag" != whole ]; then
    wb_object "$wb_s_sha" "$wb_s_file"
  elif wb_plan_differs $wb_f; then
    wb_big=IDENT$wb_f # known once it is prepared
  else
    wb_get f_ident $wb_f && wb_big=$wb_got
  fi
  wb_original "$wb_s_real"
  wb_mark_dirty
  wb_write_line put "$wb_s_real" "$wb_s_path" "$wb_s_mode" "$wb_s_sha" "$wb_o" "$wb_s_flag" "$wb_big" -
}

# A line or block of ours in a file of the user's.
wb_plan_edit() {
  wb_plan "$wb_s_real" "$wb_s_path"
  wb_edit
  wb_before=$wb_nsha
  wb_grown=-
  if [ "$wb_s_kind" = include ]; then
    wb_include_add "$wb_draft" "$wb_s_name" "$wb_next" || wb_die 65 \
      "$wb_s_path:${wb_scan#* }: [[include]] tables cannot be extended" "write it as include = [ … ], or choose cargo.config: inline"
    wb_s_sha=-
  else
    wb_block_refuse
    wb_block_add "$wb_draft" "$wb_s_name" "$wb_s_file" "$wb_next" || wb_die 65 \
      "$wb_s_path:${wb_scan% *}: the block warmbox $wb_s_name has no end line" "delete the rest of it"
    wb_object "$wb_s_sha" "$wb_s_file"
  fi
  wb_edited
  [ "$wb_before" != absent ] || wb_plan_mode 644 - -
  if wb_find_line "$wb_s_kind" "$wb_s_real" "$wb_s_name" && [ "$wb_grown" != grown ]; then wb_grown=$wb_11; fi
  wb_set f_shared $wb_f 1
  wb_mark_dirty
  wb_write_line "$wb_s_kind" "$wb_s_real" "$wb_s_path" - "FILE$wb_f" "$wb_s_name" "$wb_grown" "$wb_s_sha"
}

# Fills in what all lines of one file of the user's share: its bytes with every piece of ours, and without.
# Where this apply leaves the file alone, that stays as it was written, for the rest of the file is the user's.
wb_plan_shared() {
  wb_fill=''
  wb_each_file=1
  while [ $wb_each_file -le $wb_files ]; do
    wb_f=$wb_each_file
    wb_planned $wb_f
    eval "wb_is_shared=\$wb_f_shared_$wb_f"
    if [ -z "$wb_is_shared" ]; then
      : # a file of ours has a line of its own
    elif wb_find_line any "$wb_real" && [ "$wb_sha" = "$wb_nsha" ]; then
      wb_o=$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9
    else
      wb_object "$wb_nsha" "$wb_draft"
      wb_shared=$wb_nsha
      wb_original "$wb_real" shared
      wb_o=$wb_shared$wb_tab$wb_o
    fi
    [ -z "$wb_is_shared" ] || wb_fill="$wb_fill;s|${wb_tab}FILE$wb_f$wb_tab|$wb_tab$wb_o$wb_tab|"
    wb_each_file=$((wb_each_file + 1))
  done
  ! grep -q "${wb_tab}FILE[0-9]" "$wb_stage/ledger" || {
    sed "${wb_fill#;}" "$wb_stage/ledger" >"$wb_stage/ledger.full" && mv -f "$wb_stage/ledger.full" "$wb_stage/ledger"
  } || wb_die_write "$wb_stage"
}

# Refuses a block where a line of the user's own says the same already.
wb_block_refuse() {
  [ -n "$wb_s_with" ] || return 0
  wb_hit=$(WB_REGEX=$wb_s_with awk -v name="$wb_s_name" '
    { sub(/\r$/, "") }
    $0 == "# >>> warmbox " name { skip = 1 }
    !skip && $0 ~ ENVIRON["WB_REGEX"] { print NR ": " $0; exit }
    $0 == "# <<< warmbox " name { skip = 0 }' "$wb_draft")
  [ -z "$wb_hit" ] || wb_die 65 "$wb_s_path:$wb_hit is there already, outside warmbox's block" "remove it, or leave this file to yourself"
}

# What stood at $1 before warmbox, into wb_o (sha mode uid gid): from the ledger, else what is there now.
# A file of the user's that was edited since has, as its original, itself without what is ours.
wb_original() {
  wb_planned $wb_f
  wb_o=$wb_sha$wb_tab$wb_mode$wb_tab$wb_uid$wb_tab$wb_gid
  if wb_find_line any "$1"; then
    wb_o=$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9
    if [ "$wb_1" != put ] && [ "$wb_5" != "$wb_sha" ]; then
      wb_cut_all "$1"
      return 0
    fi
    wb_kept "$wb_6"
    wb_object "$wb_6" "$wb_kept"
  elif [ "${2:-}" = shared ] && [ "$wb_sha" != absent ]; then
    wb_cut_strays "$1"
  else
    wb_object "$wb_sha" "$1"
  fi
}

# A file without a ledger may still hold what a killed apply left in it, if it was edited since: that is no original.
wb_cut_strays() {
  wb_bare=$wb_stage/bare
  cat "$1" >"$wb_bare" || wb_die_write "$wb_stage"
  wb_at=1
  while [ $wb_at -le $wb_steps ]; do
    eval "wb_here=\$wb_s_kind_$wb_at:\${wb_s_real_$wb_at:-} wb_name=\${wb_s_name_$wb_at:-}"
    case $wb_here in
      "block:$1") wb_block_cut "$wb_bare" "$wb_name" - "$wb_bare.next" ;;
      "include:$1") wb_cut_marked ;;
      *) cat "$wb_bare" >"$wb_bare.next" ;;
    esac
    mv -f "$wb_bare.next" "$wb_bare"
    wb_at=$((wb_at + 1))
  done
  wb_keep_bare
}

# Cuts our include out of wb_bare if it is the whole line that only we write.
wb_cut_marked() {
  wb_step_at=$wb_at
  if grep -q '^include = .* # warmbox[[:space:]]*$' "$wb_bare"; then
    wb_include_cut "$wb_bare" "$wb_name" "$wb_bare.next"
  else
    cat "$wb_bare" >"$wb_bare.next"
  fi
  wb_at=$wb_step_at
}

# The file wb_bare is the original of wb_f, with the mode and owner that the file has now.
wb_keep_bare() {
  wb_hash "$wb_bare"
  mv -f "$wb_bare" "$wb_stage/o$wb_sha"
  wb_object "$wb_sha" "$wb_stage/o$wb_sha"
  eval "wb_o=\$wb_sha\$wb_tab\$wb_f_mode_$wb_f\$wb_tab\$wb_f_uid_$wb_f\$wb_tab\$wb_f_gid_$wb_f"
}

# The present file $1 without any piece of ours becomes the original.
wb_cut_all() {
  wb_bare=$wb_stage/bare
  cat "$1" >"$wb_bare" 2>/dev/null || true
  wb_each=1
  while [ $wb_each -le $wb_lines ]; do
    wb_line $wb_each
    if [ "$wb_2" = "$1" ]; then
      wb_cut "$wb_bare" "$wb_bare.next" && mv -f "$wb_bare.next" "$wb_bare"
    fi
    wb_each=$((wb_each + 1))
  done
  if [ -s "$wb_bare" ] || [ "${wb_o%%"$wb_tab"*}" != absent ]; then wb_keep_bare; fi
}

# Cuts the piece that the line just taken speaks of: from file $1 into $2.
wb_cut() {
  case $wb_1 in
    include) wb_include_cut "$1" "$wb_10" "$2" ;;
    block) wb_block_cut "$1" "$wb_10" "$wb_11" "$2" ;;
    *) cat "$1" >"$2" ;;
  esac
}

# Notes that services further down the script see changed files.
wb_mark_dirty() {
  ! wb_plan_differs $wb_f || wb_dirty=1
}

# ---------------------------------------------------------------- plan: remove

# Plans the end of ledger line $1. $2 = shared: other lines of the same file stay.
wb_plan_undo() {
  wb_line "$1"
  case $wb_1 in put | include | block) ;; *) return 0 ;; esac
  wb_undo_1=$wb_1 wb_undo_path=$wb_3 wb_undo_sha=$wb_5 wb_undo_old=$wb_6 wb_undo_index=$1
  wb_plan "$wb_2" "$wb_3"
  wb_planned $wb_f
  wb_line "$1"
  if [ "$wb_nsha" != "$wb_sha" ] && [ "$wb_nsha" = "$wb_undo_old" ]; then
    return 0 # an earlier line of the same file brought the original back
  elif [ "$wb_sha" = "$wb_nsha" ] && [ "$wb_sha" = "$wb_undo_sha" ] && [ "${2:-}" != shared ]; then
    wb_plan_original
  elif [ "$wb_1" = put ]; then
    wb_plan_leave
  elif [ "$wb_nsha" != absent ]; then
    wb_plan_cut
  fi
}

# Untouched: the original comes back, with its mode if the file was ours.
wb_plan_original() {
  wb_kept "$wb_6"
  wb_plan_bytes "$wb_6" "$wb_kept"
  [ "$wb_1" != put ] || wb_plan_mode "$wb_7" "$wb_8" "$wb_9"
}

# A file of ours that was edited stays; one that was deleted gives way to the original; the original is never dropped.
wb_plan_leave() {
  if [ "$wb_nsha" = absent ]; then
    wb_plan_original
  else
    wb_say "$wb_3 was edited since it was applied: the edit stays"
    [ "$wb_6" != absent ] || return 0
    wb_undo_to=$wb_2.before-warmbox
    wb_plan "$wb_undo_to" "$wb_3.before-warmbox"
    wb_line "$wb_undo_index"
    wb_plan_original
    wb_say "what stood there before warmbox is now in $wb_3.before-warmbox"
  fi
}

# A file of the user's that was edited: only our piece goes.
wb_plan_cut() {
  wb_edit
  wb_line "$wb_undo_index"
  wb_cut "$wb_draft" "$wb_next"
  if [ -s "$wb_next" ] || [ "$wb_6" != absent ]; then
    wb_edited
    [ "${wb_undo_quiet:-}" ] || wb_say "$wb_3 was edited since it was applied: only warmbox's part goes, the edit stays"
  else
    wb_plan_bytes absent -
  fi
}

# Where the path of ledger line $1 led elsewhere when it was applied, what stands there now may be a copy with our piece.
wb_plan_copy() {
  wb_line "$1"
  case $wb_1 in include | block) wb_lead "$wb_3" ;; *) return 0 ;; esac
  [ "$wb_real" != "$wb_2" ] && [ -f "$wb_real" ] || return 0
  wb_plan "$wb_real" "$wb_3"
  wb_edit
  wb_line "$1"
  wb_cut "$wb_draft" "$wb_next"
  wb_edited
}

# Is the file of ledger line $1 spoken of by a line of the script? Fails with wb_same empty if not.
wb_step_for() {
  wb_at=1 wb_same=''
  while [ $wb_at -le $wb_steps ]; do
    eval "wb_here=\${wb_s_kind_$wb_at}:\${wb_s_real_$wb_at:-}:\${wb_s_name_$wb_at:-} wb_here_real=\${wb_s_real_$wb_at:-}"
    case $wb_1 in
      put) [ "${wb_here%:*}" = "put:$wb_2" ] && return 0 ;;
      include | block) [ "$wb_here" = "$wb_1:$wb_2:$wb_10" ] && return 0 ;;
      service) [ "$wb_here" = "service::$wb_3" ] && return 0 ;;
      directory) [ "${wb_here%:*}" = "directory:$wb_2" ] && return 0 ;;
    esac
    [ "$wb_here_real" != "$wb_2" ] || wb_same=shared
    wb_at=$((wb_at + 1))
  done
  return 1
}

# Plans the end of every ledger line that the script does not have any more.
wb_plan_drops() {
  wb_drop=1 wb_undo_quiet=1
  while [ $wb_drop -le $wb_lines ]; do
    wb_line $wb_drop
    if ! wb_step_for; then
      case $wb_1 in
        service) wb_journal_drop ;;
        *) wb_plan_undo $wb_drop "$wb_same" ;;
      esac
    fi
    wb_drop=$((wb_drop + 1))
  done
  wb_undo_quiet=''
}

# ---------------------------------------------------------------- processes and ports

# Takes a service's eight fields apart; wb_ports are those of its addresses.
wb_use() {
  wb_use_ifs=$IFS
  IFS=$wb_tab
  set -f
  # shellcheck disable=SC2086 # to be split at tabs
  set -- $1
  IFS=$wb_use_ifs
  wb_ports=''
  for wb_word in ${4#* }; do
    wb_word=${wb_word%%/*}
    [ "$4" = - ] || wb_ports="$wb_ports ${wb_word##*:}"
  done
  set +f
  wb_name=$1 wb_kind=$2 wb_file=$3 wb_ready=$4 wb_ready_timeout=$5 wb_stop=$6 wb_stop_timeout=$7 wb_log=$8
  wb_unit=${wb_file##*/}
}

# Is process $1 the one that started at tick $2 of boot $3? A number that was given out again is another process.
wb_alive() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
  read -r wb_boot </proc/sys/kernel/random/boot_id && [ "$3" = "$wb_boot" ] || return 1
  { read -r wb_stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  wb_started=$2
  # shellcheck disable=SC2086 # fields; the name of the program may hold spaces and is cut off
  set -- ${wb_stat##*) }
  [ "$1" != Z ] && [ "${20}" = "$wb_started" ]
}

# Reads the pid file of a process service: wb_supervisor and wb_daemon (0 = not alive), wb_exits, wb_code.
wb_process_look() {
  wb_supervisor=0 wb_daemon=0 wb_exits=0 wb_code=0
  [ -f "$wb_state/run/$wb_name.pid" ] || return 0
  while read -r wb_word wb_pid wb_tick wb_booted; do
    case $wb_word in
      supervisor) ! wb_alive "$wb_pid" "$wb_tick" "$wb_booted" || wb_supervisor=$wb_pid ;;
      daemon) ! wb_alive "$wb_pid" "$wb_tick" "$wb_booted" || wb_daemon=$wb_pid ;;
      exits) wb_exits=$wb_pid wb_code=$wb_tick ;;
    esac
  done <"$wb_state/run/$wb_name.pid"
}

# docker, bounded, without our descriptors.
wb_docker() {
  timeout $((wb_stop_timeout + WB_ASK_SECONDS)) docker "$@" </dev/null 9>&-
}

# systemctl for this service's manager, bounded, without our descriptors.
wb_systemctl() {
  [ "$wb_kind" = systemd-system ] || {
    : "${XDG_RUNTIME_DIR:=/run/user/$wb_user}"
    export XDG_RUNTIME_DIR
    set -- --user "$@"
  }
  timeout $((wb_stop_timeout + wb_ready_timeout + 30)) systemctl "$@" </dev/null 9>&-
}

# What systemd says of the unit in use, into wb_active, wb_sub, wb_exits, wb_enabled, wb_stale, wb_dropins, wb_group, wb_daemon.
wb_unit_look() {
  wb_active='' wb_sub='' wb_enabled='' wb_stale='' wb_dropins='' wb_group='' wb_daemon=0
  wb_said=$(wb_systemctl show -p ActiveState,SubState,NRestarts,UnitFileState,NeedDaemonReload,DropInPaths,ControlGroup,MainPID "$wb_unit" 2>/dev/null) || true
  while IFS='=' read -r wb_word wb_got; do
    case $wb_word in
      ActiveState) wb_active=$wb_got ;;
      SubState) wb_sub=$wb_got ;;
      NRestarts) wb_exits=${wb_got:-0} ;;
      UnitFileState) wb_enabled=$wb_got ;;
      NeedDaemonReload) wb_stale=$wb_got ;;
      DropInPaths) wb_dropins=$wb_got ;;
      ControlGroup) wb_group=$wb_got ;;
      MainPID) wb_daemon=${wb_got:-0} ;;
    esac
  done <<WARMBOX-PROPERTIES
$wb_said
WARMBOX-PROPERTIES
}

# The state of the service in use, into wb_state_now: running, starting, stopped, failing …, unsupervised.
wb_service_look() {
  wb_exits=0 wb_daemon=0
  case $wb_kind in
    process)
      wb_process_look
      case $wb_supervisor:$wb_daemon in
        0:0) wb_state_now=stopped ;;
        0:*) wb_state_now=unsupervised ;;
        *:0) [ "$wb_exits" -gt 0 ] && wb_state_now="failing (ended $wb_exits times, last with $wb_code)" || wb_state_now=starting ;;
        *) wb_state_now=running ;;
      esac
      ;;
    container)
      wb_state_now=$(wb_docker inspect --type container --format '{{.State.Status}} {{.State.ExitCode}}' "$wb_unit" 2>/dev/null) || true
      case $wb_state_now in
        'running '*) wb_state_now=running ;;
        'restarting '*) wb_state_now="failing (ended with ${wb_state_now#* }, started again and again)" ;;
        'created '* | 'exited '*) wb_state_now=stopped ;;
        '') wb_state_now='stopped: no such container' ;;
        *) wb_state_now=${wb_state_now%% *} ;;
      esac
      ;;
    *)
      wb_unit_look
      case $wb_active:$wb_sub in
        active:*) wb_state_now=running ;;
        activating:auto-restart) wb_state_now="failing (ended $((wb_exits + 1)) times)" ;;
        activating:*) wb_state_now=starting ;;
        failed:*) wb_state_now=failing ;;
        *) wb_state_now=stopped ;;
      esac
      if [ "$wb_state_now" = running ] && [ "$wb_enabled" != enabled ]; then
        wb_state_now='running but not enabled'
      elif [ "$wb_state_now" = running ] && [ "$wb_stale" = yes ]; then
        wb_state_now='running, but as a unit that has changed since systemd read it'
      fi
      ;;
  esac
}

# Inodes of the sockets that listen on TCP port $1, into wb_sockets.
wb_listen() {
  wb_hex=$(printf '%04X' "$1") wb_sockets=''
  while read -r wb_listener wb_socket; do
    [ "$wb_listener" != "$wb_hex" ] || wb_sockets="$wb_sockets $wb_socket"
  done <<WARMBOX-LISTENERS
${wb_listening:-$(wb_listeners)}
WARMBOX-LISTENERS
  [ -n "$wb_sockets" ]
}

# Every TCP port that somebody listens on, hexadecimal, with the inode of its socket, a line each.
wb_listeners() {
  awk '$4 == "0A" { print substr($2, length($2) - 3), $10 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# Is one of the processes "$@" seen to hold one of wb_sockets?
wb_holds() {
  for wb_pid; do
    [ -r "/proc/$wb_pid/fd" ] || continue
    # shellcheck disable=SC2012 # the link's target is wanted
    [ "${wb_fds_of-none}" = "$wb_pid" ] || wb_fds=$(ls -l "/proc/$wb_pid/fd" 2>/dev/null)
    [ -z "${wb_fds_of+set}" ] || wb_fds_of=$wb_pid # observe sees one moment: what it listed stays true
    for wb_socket in $wb_sockets; do
      case $wb_fds in *"socket:[$wb_socket]"*) return 0 ;; esac
    done
  done
  return 1
}

# Is one of the processes "$@" alive and not to be looked into? Then nobody can say that it does not hold a port.
wb_hidden() {
  for wb_pid; do
    [ ! -d "/proc/$wb_pid" ] || [ -r "/proc/$wb_pid/fd" ] || return 0
  done
  return 1
}

# Is it the service in use that listens, with wb_sockets? A container's port may be docker's own to hold.
wb_is_own() {
  [ "$wb_kind" != container ] || return 0
  ! wb_holds "$wb_daemon" || return 0
  wb_service_pids
  # shellcheck disable=SC2086
  wb_holds $wb_pids || wb_hidden $wb_pids
}

# The processes of the service in use, into wb_pids: the daemon first, then the rest of its session or control group.
wb_service_pids() {
  wb_pids=''
  if [ "$wb_kind" = process ]; then
    [ "$wb_daemon" = 0 ] || wb_pids=$wb_daemon
    for wb_process in /proc/[0-9]*; do
      { read -r wb_stat <"$wb_process/stat"; } 2>/dev/null || continue
      # shellcheck disable=SC2086
      set -- ${wb_stat##*) }
      [ "$4" != "$wb_daemon" ] || [ "$4" = 0 ] || wb_pids="$wb_pids ${wb_process#/proc/}"
    done
  else
    [ -z "$wb_group" ] || wb_pids=$(cat "/sys/fs/cgroup$wb_group/cgroup.procs" "/sys/fs/cgroup/systemd$wb_group/cgroup.procs" 2>/dev/null)
  fi
}

# Who listens on port $1, in words.
wb_port_holder() {
  for wb_process in /proc/[0-9]*; do
    wb_holds "${wb_process#/proc/}" || continue
    printf 'process %s (%s)' "${wb_process#/proc/}" "$(tr '\0\n\t' '   ' <"$wb_process/cmdline" | cut -c 1-120)"
    return 0
  done
  printf 'a process of another user'
}

# Is the service in use ready? Nothing of ours listens before it can answer, so LISTEN on each port, held by the service
# itself, is the answer everywhere; where the host has curl or bash, http is asked, too, and any HTTP answer will do.
wb_is_ready() {
  case $wb_state_now in running*) ;; *) return 1 ;; esac
  for wb_port in $wb_ports; do
    wb_listen "$wb_port" && wb_is_own || return 1
  done
  case $wb_ready in http*) wb_http "${wb_ready#http }" ;; esac
}

# Is a port of the service in use held by somebody else? Then wb_why says by whom.
wb_is_taken() {
  for wb_port in $wb_ports; do
    if wb_listen "$wb_port" && ! wb_is_own; then
      wb_why="port $wb_port is held by $(wb_port_holder)"
      return 0
    fi
  done
  return 1
}

# Does ADDRESS[/PATH], the first word of $1, answer HTTP at all?
wb_http() {
  set -- "${1%% *}"
  wb_address=${1%%/*}
  wb_port=${wb_address##*:}
  case $1 in */*) wb_http_path=/${1#*/} ;; *) wb_http_path=/ ;; esac
  case $wb_address in 0.0.0.0:* | :*) wb_address=127.0.0.1:$wb_port ;; '[::]':*) wb_address="[::1]:$wb_port" ;; esac
  if command -v curl >/dev/null 2>&1; then
    curl -s -o /dev/null --noproxy '*' --max-time 5 "http://$wb_address$wb_http_path" </dev/null 9>&-
  elif command -v bash >/dev/null 2>&1; then
    # shellcheck disable=SC2016 # for bash to expand
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\r\n\r\n" "$3" >&3 && read -r line <&3 &&
      [[ $line == HTTP/* ]]' bash "${wb_address%:*}" "$wb_port" "$wb_http_path" </dev/null 2>/dev/null 9>&-
  fi
}

# Waits until the service in use is ready; wb_why says why not. A daemon that ends twice meanwhile is not waited for;
# $1 = how often it had ended before.
wb_await_ready() {
  wb_since=$(date +%s) wb_exits_before=${1:-0}
  while :; do
    wb_service_look
    ! wb_is_ready || break
    wb_now=$(($(date +%s) - wb_since))
    if [ $((wb_exits - wb_exits_before)) -ge 2 ] || [ "$wb_state_now" = failing ] || [ "$wb_kind:${wb_state_now%% *}" = container:failing ]; then
      case $wb_state_now in running | starting) wb_state_now="failing (ended $wb_exits times)" ;; esac
      wb_why="it keeps ending: $wb_state_now"
      return 1
    elif [ $wb_now -ge "$wb_ready_timeout" ]; then
      wb_why="it is $wb_state_now but not ready ($wb_ready) after $wb_ready_timeout s"
      return 1
    fi
    wb_pause
  done
}

# Makes sure that the ports of the service in use are free: a stranger is asked to stop where the script says how.
wb_free_ports() {
  for wb_port in $wb_ports; do
    wb_free_port || return 1
  done
}

# One of them.
wb_free_port() {
  wb_listen "$wb_port" || return 0
  if wb_stop_containers && ! wb_listen "$wb_port"; then return 0; fi
  wb_stranger=$(wb_port_holder)
  if [ "$wb_stop" != - ]; then
    wb_say "port $wb_port of $wb_name is held by $wb_stranger: asking it to stop"
    timeout "$wb_stop_timeout" sh -c "$wb_stop" </dev/null >/dev/null 2>&1 9>&- || true
    wb_tries=0
    while wb_listen "$wb_port" && [ $wb_tries -lt 50 ]; do
      wb_tries=$((wb_tries + 1))
      wb_pause
    done
    [ -n "$wb_sockets" ] || return 0
  fi
  wb_why="port $wb_port is held by $wb_stranger"
  return 1
}

# Containers of ours that serve this port are a service of this host under another kind: they stop. Fails if there are none.
wb_stop_containers() {
  command -v docker >/dev/null 2>&1 || return 1
  wb_containers=$(wb_docker ps --quiet --filter "label=warmbox.port=$wb_port" 2>/dev/null)
  [ -n "$wb_containers" ] || return 1
  wb_say "port $wb_port of $wb_name is held by a container of warmbox: stopping it"
  # shellcheck disable=SC2086 # one word each
  wb_docker stop --time "$wb_stop_timeout" $wb_containers >/dev/null 2>&1
}

# Starts the service in use; wb_why says what went wrong.
wb_service_start() {
  wb_why=''
  case $wb_kind in
    process) wb_free_ports && wb_process_start ;;
    container) wb_why=$(wb_docker start "$wb_unit" 2>&1) || return 1 ;;
    *)
      wb_manager_ready && wb_free_ports || return 1
      wb_systemctl daemon-reload >/dev/null 2>&1 || { wb_why='systemctl daemon-reload failed' && return 1; }
      wb_systemctl reset-failed "$wb_unit" >/dev/null 2>&1 || true
      wb_why=$(wb_systemctl enable "$wb_unit" 2>&1) || return 1
      wb_why=$(wb_systemctl restart "$wb_unit" 2>&1) || return 1
      ;;
  esac
}

# Starts a supervisor that has nothing of ours: no terminal, no pipe, no lock, and a clean environment.
wb_process_start() {
  mkdir -p "$wb_state/run" "${wb_log%/*}" && rm -f "$wb_state/run/$wb_name.pid" || { wb_why='cannot write' && return 1; }
  (
    umask "$wb_umask"
    cd "$HOME" || cd /
    exec env -i HOME="$HOME" PATH="$PATH" USER="${USER:-}" LOGNAME="${LOGNAME:-}" SHELL=/bin/sh \
      setsid sh "$wb_share/supervise.sh" "$wb_name" "$wb_file" "$wb_log" "$wb_state/run/$wb_name" "$wb_stop_timeout" "$wb_stop" \
      </dev/null >>"$wb_log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
  ) &
  wb_tries=0
  while [ ! -f "$wb_state/run/$wb_name.pid" ]; do
    wb_tries=$((wb_tries + 1))
    [ $wb_tries -le 100 ] || { wb_why="its supervisor did not start" && return 1; }
    wb_pause
  done
}

# systemd's manager for this user needs to run without a login.
wb_manager_ready() {
  [ "$wb_kind" = systemd-user ] || return 0
  : "${XDG_RUNTIME_DIR:=/run/user/$wb_user}"
  wb_login=$(id -un)
  if [ ! -e "/var/lib/systemd/linger/$wb_login" ] && command -v loginctl >/dev/null 2>&1; then
    ! timeout "$WB_ASK_SECONDS" loginctl --no-ask-password enable-linger "$wb_login" </dev/null >/dev/null 2>&1 9>&- ||
      printf '%s\n' "$wb_login" >"$wb_state/linger"
  fi
  wb_tries=0
  while [ ! -S "$XDG_RUNTIME_DIR/systemd/private" ] && [ ! -S "$XDG_RUNTIME_DIR/bus" ] && [ $wb_tries -lt 50 ]; do
    wb_tries=$((wb_tries + 1))
    wb_pause
  done
  [ $wb_tries -lt 50 ] && [ -e "/var/lib/systemd/linger/$wb_login" ] ||
    { wb_why="user $wb_login has no systemd manager of its own without a login; let an administrator run: loginctl enable-linger $wb_login" && return 1; }
}

# Stops the service in use. $1 = drop: it is not to come back at the next boot either.
wb_service_stop() {
  case $wb_kind in
    process) wb_process_stop ;;
    container) wb_docker stop --time "$wb_stop_timeout" "$wb_unit" >/dev/null 2>&1 || true ;;
    *)
      if [ "$1" = drop ]; then
        wb_systemctl disable --now "$wb_unit" >/dev/null 2>&1 || true
      else
        wb_systemctl stop "$wb_unit" >/dev/null 2>&1 || true
      fi
      ;;
  esac
}

# Ends the supervisor (which ends the daemon), then whatever of the daemon is left.
wb_process_stop() {
  wb_process_look
  wb_tries=0
  # A supervisor that has just been started holds its lock before it has written its pid file.
  while [ "$wb_supervisor" = 0 ] && [ $wb_tries -lt 50 ] && ! flock -n "$wb_state/run/$wb_name.lock" true 2>/dev/null 9>&-; do
    wb_tries=$((wb_tries + 1))
    wb_pause
    wb_process_look
  done
  wb_end "$wb_supervisor" "$wb_supervisor" $((wb_stop_timeout * 2 + 5)) supervisor
  wb_process_look # its pid file is still there if it was killed
  wb_end "$wb_daemon" "-$wb_daemon" "$wb_stop_timeout" daemon
  rm -f "$wb_state/run/$wb_name.pid" "$wb_state/run/$wb_name.lock"
}

# Ends process $1 (0 = none): TERM, $3 seconds, then KILL to $2, its group. $4 is its word in the pid file.
wb_end() {
  [ "$1" != 0 ] || return 0
  kill -TERM "$1" 2>/dev/null || return 0
  wb_since=$(date +%s)
  while eval "[ \"\$wb_$4\" = $1 ]" && [ $(($(date +%s) - wb_since)) -lt "$3" ]; do
    wb_pause
    wb_process_look
  done
  ! eval "[ \"\$wb_$4\" = $1 ]" || kill -KILL "$2" 2>/dev/null || true
}

# The last lines of a service's log, for a message.
wb_service_log() {
  if [ "$wb_log" != - ]; then
    tail -n 15 "$wb_log" 2>/dev/null
  elif [ "$wb_kind" = container ]; then
    wb_docker logs --tail 200 "$wb_unit" 2>&1 >/dev/null | tail -n 15 # its stdout is for help and requests
  elif [ "$wb_kind" = systemd-user ]; then
    timeout "$WB_ASK_SECONDS" journalctl --user -q -n 15 --no-pager -u "$wb_unit" 2>/dev/null
  else
    timeout "$WB_ASK_SECONDS" journalctl -q -n 15 --no-pager -u "$wb_unit" 2>/dev/null
  fi
}

# A service that failed: its last words on stderr, then the end, which puts the previous state back.
wb_service_die() {
  wb_service_log | sed "s/^/warmbox: $wb_name: | /" >&2
  wb_die 78 "service $wb_name did not start: $wb_why" "mend the cause${1:-}, then run the same command again"
}

# What a live command says now: its first line, into wb_live.
wb_ask_live() {
  wb_live=$(timeout "$WB_ASK_SECONDS" sh -c "$1" </dev/null 2>/dev/null 9>&-) || true
  wb_live=${wb_live%%"$wb_newline"*}
}

# ---------------------------------------------------------------- plan: services

# Decides whether the service of the present line is to be (re)started, and notes in the journal what that takes.
wb_plan_service() {
  wb_found_line=- wb_before=-
  if wb_find_line service "$wb_s_name"; then
    wb_before=$wb_2
    wb_found_line=$wb_3$wb_tab$wb_4$wb_tab$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9$wb_tab${wb_10}
  fi
  wb_use "$wb_s_with"
  wb_service_look
  if [ "$wb_found_line" = - ] && [ "$wb_kind" != process ] && [ "$wb_kind" != container ]; then
    case $wb_state_now in running*) wb_before=running ;; esac
  fi
  wb_write_line service "$wb_before" "$wb_s_with"
  wb_reason=''
  if [ "$wb_dirty" = 1 ]; then
    wb_reason='its files changed'
  elif [ "$wb_found_line" != - ] && [ "$wb_found_line" != "$wb_s_with" ]; then
    wb_reason='its settings changed'
  elif [ "$wb_state_now" = starting ] || [ "$wb_state_now" = running ]; then
    if ! wb_is_taken && wb_await_ready "$wb_exits"; then wb_plan_live; else wb_reason=$wb_why; fi
  else
    wb_reason="it was $wb_state_now"
  fi
  [ -z "$wb_reason" ] || wb_plan_restart
}

# A live line that is not as it should be is a reason to restart its service.
wb_plan_live() {
  wb_at=1
  while [ $wb_at -le $wb_steps ]; do
    eval "wb_here=\${wb_s_kind_$wb_at}:\${wb_s_name_$wb_at:-} wb_line=\${wb_s_file_$wb_at:-} wb_command=\${wb_s_with_$wb_at:-}"
    if [ "$wb_here" = "live:$wb_name" ]; then
      wb_ask_live "$wb_command"
      [ "$wb_live" = "$wb_line" ] || wb_reason="it says '$wb_live', not '$wb_line'"
    fi
    wb_at=$((wb_at + 1))
  done
}

# Notes a restart: what to stop (the service as the ledger knows it), what to start.
wb_plan_restart() {
  wb_restarts=$((wb_restarts + 1))
  wb_was=running
  [ "$wb_state_now" != stopped ] || wb_was=stopped
  [ "$wb_found_line:$wb_kind" != -:container ] || wb_was=stopped # one that was just made and fails is not put back
  [ "$wb_found_line" != - ] || wb_found_line=$wb_s_with
  wb_new_kind=$wb_kind wb_new_file=$wb_file wb_disposal=stop
  wb_use "$wb_found_line"
  [ "$wb_kind:$wb_file" = "$wb_new_kind:$wb_new_file" ] || {
    wb_disposal=drop
    wb_service_look
    case $wb_state_now in stopped) wb_was=stopped ;; *) wb_was=running ;; esac
  }
  wb_journal old "$wb_was" "$wb_disposal" "$wb_found_line"
  wb_journal new "$wb_s_with"
}

# Notes the end of the service of the ledger line just taken.
wb_journal_drop() {
  wb_restarts=$((wb_restarts + 1))
  wb_found_line=$wb_3$wb_tab$wb_4$wb_tab$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9$wb_tab${wb_10}
  wb_before=$wb_2
  wb_use "$wb_found_line"
  wb_service_look
  wb_was=running
  [ "$wb_state_now" != stopped ] || wb_was=stopped
  wb_journal old "$wb_was" drop "$wb_found_line"
  [ "$wb_before" != running ] || wb_journal revive "$wb_found_line"
}

# Adds a line to the journal to be.
wb_journal() {
  wb_joined=$1
  shift
  for wb_word; do wb_joined=$wb_joined$wb_tab$wb_word; done
  printf '%s\n' "$wb_joined" >>"$wb_stage/journal" || wb_die_write "$wb_stage"
}

# ---------------------------------------------------------------- readers

# Lets each changed file be read by the program it is for.
wb_check_steps() {
  wb_at=1
  while [ $wb_at -le $wb_steps ]; do
    eval "wb_s_kind=\${wb_s_kind_$wb_at} wb_s_real=\${wb_s_real_$wb_at:-} wb_s_path=\${wb_s_path_$wb_at:-} wb_s_sha=\${wb_s_sha_$wb_at:-}"
    eval "wb_s_file=\${wb_s_file_$wb_at:-} wb_s_check=\${wb_s_check_$wb_at:-} wb_s_with=\${wb_s_with_$wb_at:-}"
    eval "wb_s_program=\${wb_s_program_$wb_at:-}"
    wb_check_at=$wb_at
    case $wb_s_kind in put | include) wb_check_step ;; esac
    wb_at=$((wb_check_at + 1))
  done
}

# One file: what a reader prints or its failure refuses it.
wb_check_step() {
  wb_plan "$wb_s_real" "$wb_s_path"
  wb_planned $wb_f
  [ "$wb_sha" != "$wb_nsha" ] || return 0
  [ "$wb_s_kind" != include ] || wb_s_check=include wb_s_with=''
  if [ -n "$wb_s_with" ]; then
    wb_ask=''
    while :; do
      case $wb_s_with in *'{}'*) wb_ask="$wb_ask${wb_s_with%%'{}'*}\"\$1\"" wb_s_with=${wb_s_with#*'{}'} ;; *) break ;; esac
    done
    wb_said=$(timeout 60 sh -c "$wb_ask$wb_s_with" check "$wb_draft" </dev/null 2>&1 9>&-) || wb_refuse
  fi
  case $wb_s_check in -) return 0 ;; *[!a-z-]*) wb_die 65 "$wb_s_path: reader '$wb_s_check'" "use a-z and -" ;; esac
  wb_reader=check_$(printf '%s' "$wb_s_check" | tr - _)
  command -v "$wb_reader" >/dev/null || wb_die 65 "$wb_s_path: reader $wb_s_check is unknown" "define $wb_reader"
  wb_said=$($wb_reader "$wb_draft" 2>&1 9>&-) || wb_refuse
}

# Ends because a reader refused a file: in its own words.
wb_refuse() {
  printf '%s\n' "$wb_said" | head -n 15 | sed "s|^|warmbox: ${wb_s_path##*/}: \\| |" >&2
  wb_die 65 "$wb_s_path is refused by its own reader; nothing was changed" "correct the setting behind the line above"
}

# The program that reads a file, into wb_tool: the one that the script names, else the PATH's, else one that warmbox
# brought. Fails where there is none.
wb_find_tool() {
  wb_tool=${wb_s_program:-}
  [ ! -x "$wb_tool" ] || return 0
  wb_tool=$(command -v "$1") && return 0
  for wb_tool in "$wb_share/tools/$1"/*/"$1" "$HOME/.cargo/bin/$1"; do
    [ ! -x "$wb_tool" ] || return 0
  done
  return 1
}

# Shell scripts.
check_sh() { sh -n "$1"; }

# Units: systemd-analyze says what is wrong on stderr and ends with 0, so what it says about this unit counts. A program
# that this very script brings is not missed.
check_unit() {
  command -v systemd-analyze >/dev/null || return 0
  wb_unit_name=${wb_s_path##*/}
  mkdir -p "$wb_stage/unit" && cp "$1" "$wb_stage/unit/$wb_unit_name" || return 1
  wb_manager=--system
  case $wb_s_path in */systemd/user/*) wb_manager=--user ;; esac
  XDG_RUNTIME_DIR=$wb_stage timeout 60 systemd-analyze "$wb_manager" --man=no verify "$wb_stage/unit/$wb_unit_name" </dev/null 2>&1 |
    grep -F "$wb_unit_name" >"$wb_stage/unit.said"
  wb_at=1
  while [ $wb_at -le $wb_steps ]; do
    eval "wb_here=\${wb_s_path_$wb_at:-}"
    [ -z "$wb_here" ] || { grep -vF "Command $wb_here is not executable" "$wb_stage/unit.said" >"$wb_stage/unit.left"; mv -f "$wb_stage/unit.left" "$wb_stage/unit.said"; }
    wb_at=$((wb_at + 1))
  done
  cat "$wb_stage/unit.said"
  [ ! -s "$wb_stage/unit.said" ]
}

# Cargo reads a configuration before it misses the manifest that it is pointed to.
check_cargo() {
  wb_cargo_ask "$1" || return 0
  case $wb_cargo_says in
    *'failed to load'* | *'could not parse'*) printf '%s\n' "$wb_cargo_says" && return 1 ;;
  esac
}

# What cargo says about the configuration $1, into wb_cargo_says. Fails where there is no cargo.
wb_cargo_ask() {
  wb_find_tool cargo || return 1
  cp "$1" "$wb_stage/cargo.toml" || return 1
  # Neither rustup nor cargo may leave anything in a HOME that has none of theirs.
  wb_rustup=${RUSTUP_HOME:-$HOME/.rustup}
  [ -d "$wb_rustup" ] || wb_rustup=$wb_stage/rustup
  wb_cargo_says=$(cd / && RUSTUP_HOME=$wb_rustup CARGO_HOME=$wb_stage/cargo timeout 60 "$wb_tool" --config "$wb_stage/cargo.toml" locate-project --manifest-path "$wb_stage/none/Cargo.toml" \
    </dev/null 2>&1) || true
}

# The user's cargo file with our line: refused only if it was readable without.
check_include() {
  wb_cargo_ask "$1" || return 0
  case $wb_cargo_says in *'could not parse'*) ;; *) return 0 ;; esac
  wb_cargo_after=$wb_cargo_says
  [ ! -f "$wb_s_real" ] || wb_cargo_ask "$wb_s_real"
  case $wb_cargo_says in "$wb_cargo_after") ;; *'could not parse'*) return 0 ;; esac
  printf '%s\n' "$wb_cargo_after"
  return 1
}

# Every sccache command reads the file first; asking for statistics starts no server.
check_sccache() {
  wb_find_tool sccache || return 0
  timeout "$WB_ASK_SECONDS" env -i HOME="$wb_stage" PATH="$PATH" SCCACHE_CONF="$1" SCCACHE_SERVER_PORT=1 \
    "$wb_tool" --show-stats </dev/null 2>&1 >/dev/null | grep -i -A 5 'error' && return 1
  return 0
}

# bazel-remote has no checking mode: it is started on a copy with a directory and sockets of its own, until it has logged
# that it serves, or has ended; bounded also where this shell is killed.
check_bazel_remote() {
  wb_find_tool bazel-remote || return 0
  mkdir -p "$wb_stage/bazel-remote" || return 1
  sed -e "s|^dir:.*|dir: $wb_stage/bazel-remote|" -e "s|^http_address:.*|http_address: unix://$wb_stage/bazel-remote.http|" \
    -e "s|^grpc_address:.*|grpc_address: unix://$wb_stage/bazel-remote.grpc|" -e '/^profile_address:/d' \
    "$1" >"$wb_stage/bazel-remote.yaml"
  timeout -s KILL "$WB_ASK_SECONDS" env -i HOME="$wb_stage" PATH="$PATH" "$wb_tool" --config_file "$wb_stage/bazel-remote.yaml" \
    </dev/null >"$wb_stage/bazel-remote.log" 2>&1 &
  wb_child=$!
  wb_tries=0
  while kill -0 $wb_child 2>/dev/null && [ $wb_tries -lt 30 ] && ! grep -q 'Starting HTTP server' "$wb_stage/bazel-remote.log"; do
    wb_tries=$((wb_tries + 1))
    wb_pause
  done
  if kill -TERM $wb_child 2>/dev/null; then
    wait $wb_child 2>/dev/null
    return 0
  fi
  head -n 2 "$wb_stage/bazel-remote.log" # the rest is its help
  return 1
}

# ---------------------------------------------------------------- commit

# Carries out what is planned, as $1 (apply or remove). From the journal on, any end but success puts everything back.
wb_commit() {
  wb_box=$wb_state/$wb_resource
  { mkdir -p "$wb_box/objects" && wb_own "$wb_box" "$wb_state"; } 2>/dev/null || wb_die_write "$wb_box"
  wb_store_objects
  wb_journal_files "$1"
  cp "$wb_stage/journal" "$wb_box/journal.new" 2>/dev/null || wb_die_write "$wb_box/journal" "nothing was changed"
  wb_sync "$wb_box/journal.new" "$wb_box/objects"/*
  wb_open=$wb_box
  mv -f "$wb_box/journal.new" "$wb_box/journal" || wb_die_write "$wb_box/journal"
  wb_sync "$wb_box"
  wb_make_directories
  wb_prepare_files
  [ "$1" = remove ] || { cp "$wb_stage/ledger" "$wb_box/ledger.new" 2>/dev/null && wb_sync "$wb_box/ledger.new"; } ||
    wb_die_write "$wb_box/ledger"
  if [ $wb_restarts -gt 0 ]; then
    true >"$wb_box/touched" || wb_die_write "$wb_box"
  fi
  wb_each_service old wb_commit_stop
  wb_give_directories
  wb_rename_files
  wb_each_service new wb_commit_start
  wb_commit_live "$1"
  wb_swap_ledger "$1" || wb_die_write "$wb_box/ledger"
  mv -f "$wb_box/journal" "$wb_box/done" || wb_die_write "$wb_box"
  wb_open=''
  wb_sync "$wb_box"
  wb_finish "$wb_box"
}

# Stores the bytes that the ledger to be speaks of, each whole under its name or not at all.
wb_store_objects() {
  wb_at=1
  while [ $wb_at -le $wb_objects ]; do
    eval "wb_sha=\$wb_o_sha_$wb_at wb_draft=\$wb_o_file_$wb_at"
    [ -e "$wb_box/objects/$wb_sha" ] ||
      { cat "$wb_draft" >"$wb_box/objects/new" && mv -f "$wb_box/objects/new" "$wb_box/objects/$wb_sha"; } 2>/dev/null ||
      wb_die_write "$wb_box/objects" "nothing was changed"
    wb_at=$((wb_at + 1))
  done
}

# Completes the journal: its kind, the files it changes, the directories it makes.
wb_journal_files() {
  wb_fresh=old
  [ -e "$wb_box/ledger" ] || wb_fresh=fresh
  wb_journal transaction "$1" "$wb_fresh"
  wb_missing=''
  wb_at_file=1
  while [ $wb_at_file -le $wb_files ]; do
    if wb_plan_differs $wb_at_file; then
      wb_journal file "$wb_real" "$wb_path" "$wb_sha" "$wb_nsha"
      [ "$wb_nsha" = absent ] || wb_miss "${wb_real%/*}"
    fi
    wb_at_file=$((wb_at_file + 1))
  done
  while read -r wb_real; do
    [ -z "$wb_real" ] || wb_miss "$wb_real"
  done <<WARMBOX-DIRECTORIES
$wb_directories
WARMBOX-DIRECTORIES
  wb_journal_drops "$1"
}

# Notes the directory $1 and what is missing above it, top first, each once.
wb_miss() {
  [ ! -d "$1" ] || return 0
  case $wb_newline$wb_missing in *"$wb_newline$1$wb_newline"*) return 0 ;; esac
  [ ! -e "$1" ] || wb_die 73 "$1 is not a directory" "move it away"
  case $1 in /*/*) wb_miss "${1%/*}" ;; esac
  wb_missing=$wb_missing$1$wb_newline
  wb_journal made "$1"
}

# Notes the directories whose contents go with them: those of the ledger that nothing speaks of any more, if they are ours.
wb_journal_drops() {
  wb_each=1
  while [ $wb_each -le $wb_lines ]; do
    wb_line $wb_each
    if [ "$wb_1" = directory ] && { [ "$1" = remove ] || ! wb_step_for; }; then
      if [ "$wb_5" != purge ]; then
        wb_journal emptied "$wb_2"
      elif grep -qxF -e "$wb_2" "$wb_state/made"; then
        wb_journal purge "$wb_2"
      elif [ -d "$wb_2" ]; then
        wb_say "$wb_3 was there before warmbox: its contents stay. To drop them: rm -r '$wb_2'"
      fi
    fi
    wb_each=$((wb_each + 1))
  done
}

# Makes the missing directories, after they are on the list of those that are ours to remove.
wb_make_directories() {
  if [ -n "$wb_missing" ]; then
    { cat "$wb_state/made" && printf '%s' "$wb_missing"; } >"$wb_state/made.new" 2>/dev/null &&
      mv -f "$wb_state/made.new" "$wb_state/made" || wb_die_write "$wb_state/made"
    while read -r wb_real; do
      [ -z "$wb_real" ] || wb_make_directory
    done <<WARMBOX-DIRECTORIES
$wb_missing
WARMBOX-DIRECTORIES
  fi
  wb_at=1
  while [ $wb_at -le $wb_steps ]; do
    eval "wb_here=\$wb_s_kind_$wb_at wb_real=\${wb_s_real_$wb_at:-} wb_mode=\${wb_s_mode_$wb_at:-}"
    [ "$wb_here" != directory ] || ! grep -qxF -e "$wb_real" "$wb_state/made" || [ "$(stat -c %a "$wb_real")" = "$wb_mode" ] ||
      chmod "$wb_mode" "$wb_real" || wb_die_write "$wb_real"
    wb_at=$((wb_at + 1))
  done
}

# Gives directories, with all that is in them, to the owners that their steps name.
wb_give_directories() {
  wb_at=1
  while [ $wb_at -le $wb_steps ]; do
    eval "wb_here=\$wb_s_kind_$wb_at wb_real=\${wb_s_real_$wb_at:-} wb_owned=\${wb_s_with_$wb_at:-}"
    [ "$wb_here:${wb_owned:+owned}" != directory:owned ] ||
      find "$wb_real/" ! -user "${wb_owned%:*}" -exec chown -h "$wb_owned" {} + || wb_die_write "$wb_real" "only root can give it to $wb_owned"
    wb_at=$((wb_at + 1))
  done
}

# Makes wb_real, with the operator's own umask and the owner of the directory above.
wb_make_directory() {
  umask "$wb_umask"
  mkdir "$wb_real" 2>/dev/null || [ -d "$wb_real" ] || wb_die_write "$wb_real"
  umask 077
  wb_own "$wb_real" "${wb_real%/*}/" || wb_die_write "$wb_real"
}

# Puts every new file beside its target and a second name on every old one: all that needs space is done before any target changes.
wb_prepare_files() {
  set --
  wb_at_file=1
  while [ $wb_at_file -le $wb_files ]; do
    if wb_plan_differs $wb_at_file; then
      wb_prepare_file 2>"$wb_stage/why" || wb_die_write "$wb_real" "$(cat "$wb_stage/why")"
      [ "$wb_nsha" = absent ] || set -- "$@" "$wb_real.warmbox-new"
    fi
    wb_at_file=$((wb_at_file + 1))
  done
  [ $# = 0 ] || wb_sync "$@"
}

# One of them: the plan just taken.
wb_prepare_file() {
  rm -f "$wb_real.warmbox-old" "$wb_real.warmbox-new" || return 1
  if [ "$wb_sha" != absent ]; then
    [ "$wb_user" = 0 ] || [ -O "$wb_real" ] || { echo "it belongs to another user" >&2 && return 1; }
    ln "$wb_real" "$wb_real.warmbox-old" 2>/dev/null || cp -p "$wb_real" "$wb_real.warmbox-old" || return 1
  fi
  [ "$wb_nsha" != absent ] || return 0
  if [ "$wb_sha" != absent ]; then
    cp -p "$wb_real" "$wb_real.warmbox-new" && chmod 600 "$wb_real.warmbox-new" || return 1
  fi
  cat "$wb_draft" >"$wb_real.warmbox-new" || return 1
  if [ "$wb_sha" = absent ]; then wb_own "$wb_real.warmbox-new" "${wb_real%/*}/" || return 1; fi
  if [ "$wb_user" = 0 ] && [ "$wb_uid:$wb_gid" != "$wb_nuid:$wb_ngid" ]; then
    chown -h "$wb_nuid:$wb_ngid" "$wb_real.warmbox-new" || return 1
  fi
  chmod "$wb_nmode" "$wb_real.warmbox-new" || return 1
  wb_prepare_ident
}

# The ledger names a large file by its identity, which it has from now on.
wb_prepare_ident() {
  grep -q "IDENT$wb_at_file$wb_tab" "$wb_stage/ledger" 2>/dev/null || return 0
  wb_ident=$(stat -c '%s:%Y:%i' "$wb_real.warmbox-new") &&
    sed "s|IDENT$wb_at_file$wb_tab|$wb_ident$wb_tab|" "$wb_stage/ledger" >"$wb_stage/ledger.ident" &&
    mv -f "$wb_stage/ledger.ident" "$wb_stage/ledger"
}

# The change itself: each target is whole at any moment, old or new.
wb_rename_files() {
  set --
  wb_at_file=1
  while [ $wb_at_file -le $wb_files ]; do
    if wb_plan_differs $wb_at_file; then
      if [ "$wb_nsha" = absent ]; then
        rm -f "$wb_real" || wb_die_write "$wb_real"
      else
        mv -f "$wb_real.warmbox-new" "$wb_real" || wb_die_write "$wb_real"
      fi
      set -- "$@" "${wb_real%/*}/"
    fi
    wb_at_file=$((wb_at_file + 1))
  done
  [ $# = 0 ] || wb_sync "$@"
}

# Runs $2 for each service line of kind $1 in the journal to be.
wb_each_service() {
  [ $wb_restarts -gt 0 ] || return 0
  while wb_split; do
    [ "$wb_1" != "$1" ] || $2
  done <"$wb_stage/journal"
}

# Stops a service under its old definition.
wb_commit_stop() {
  wb_journal_use 4
  [ "$wb_2" = stopped ] && [ "$wb_3" = stop ] || wb_service_stop "$wb_3"
}

# Starts a service under its new definition and waits for it.
wb_commit_start() {
  wb_journal_use 2
  wb_service_start || wb_service_die
  wb_await_ready || wb_service_die
}

# Takes the service of a journal line into use: its eight fields begin at number $1.
wb_journal_use() {
  case $1 in
    2) wb_use "$wb_2$wb_tab$wb_3$wb_tab$wb_4$wb_tab$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9" ;;
    4) wb_use "$wb_4$wb_tab$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9$wb_tab${wb_10}$wb_tab${wb_11}" ;;
  esac
}

# Demands that what runs says what was asked for; a daemon may need a moment after it listens.
wb_commit_live() {
  [ "$1" = apply ] || return 0
  wb_at=1
  while [ $wb_at -le $wb_steps ]; do
    if eval "[ \"\$wb_s_kind_$wb_at\" = live ]"; then
      eval "wb_name=\$wb_s_name_$wb_at wb_line=\$wb_s_file_$wb_at wb_command=\$wb_s_with_$wb_at"
      wb_tries=0
      while wb_ask_live "$wb_command" && [ "$wb_live" != "$wb_line" ]; do
        wb_tries=$((wb_tries + 1))
        [ $wb_tries -lt 20 ] || wb_die 78 "$wb_name says '$wb_live', not '$wb_line'" "find out what overrides it, then run the same command again"
        wb_pause
      done
    fi
    wb_at=$((wb_at + 1))
  done
}

# The new ledger takes the old one's place, which is kept until the change is complete.
wb_swap_ledger() {
  rm -f "$wb_box/ledger.old" || return 1
  if [ -e "$wb_box/ledger" ]; then
    ln "$wb_box/ledger" "$wb_box/ledger.old" 2>/dev/null ||
      { cp "$wb_box/ledger" "$wb_box/ledger.tmp" && mv -f "$wb_box/ledger.tmp" "$wb_box/ledger.old"; } || return 1
  fi
  if [ "$1" = remove ]; then rm -f "$wb_box/ledger"; else mv -f "$wb_box/ledger.new" "$wb_box/ledger"; fi
}

# ---------------------------------------------------------------- back, or finish

# Undoes the change whose journal is in $1: services, files, directories, ledger, services again. May be repeated.
wb_roll_back() {
  wb_back=$1
  wb_open=''
  wb_restored=''
  [ -e "$wb_back/journal" ] || { rm -f "$wb_back"/*.new && return 0; }
  if [ -e "$wb_back/touched" ]; then wb_back_services new wb_back_stop; fi
  while wb_split; do
    case $wb_1 in
      file) wb_back_file ;;
      made) wb_restored=$wb_2$wb_newline$wb_restored ;;
      transaction) wb_fresh=$wb_3 ;;
    esac
  done <"$wb_back/journal"
  wb_unmake
  if [ -e "$wb_back/ledger.old" ]; then
    mv -f "$wb_back/ledger.old" "$wb_back/ledger"
  elif [ "$wb_fresh" = fresh ]; then
    rm -f "$wb_back/ledger"
  fi
  if [ -e "$wb_back/touched" ]; then wb_back_services old wb_back_start; fi
  rm -f "$wb_back/ledger.new" "$wb_back/ledger.old" "$wb_back/touched" "$wb_back/journal"
}

# Takes the directories in wb_restored back. They come off the list of ours first: one that the user makes there, or has
# put something into, is not ours to remove later.
wb_unmake() {
  [ -n "$wb_restored" ] || return 0
  printf '%s' "$wb_restored" >"$wb_stage/unmade" && {
    grep -vxF -f "$wb_stage/unmade" "$wb_state/made" >"$wb_state/made.new" || [ $? = 1 ]
  } && mv -f "$wb_state/made.new" "$wb_state/made" || wb_say "cannot write $wb_state/made"
  while read -r wb_real; do
    rmdir "$wb_real" 2>/dev/null || true
  done <"$wb_stage/unmade"
}

# Runs $2 for each service line of kind $1 in the journal.
wb_back_services() {
  while wb_split; do
    [ "$wb_1" != "$1" ] || $2
  done <"$wb_back/journal"
}

# What the change has started does not go on.
wb_back_stop() {
  wb_journal_use 2
  wb_service_stop drop
}

# What ran before runs again.
wb_back_start() {
  wb_journal_use 4
  if [ "$wb_2" = running ]; then
    if wb_service_start && wb_await_ready; then return 0; fi
    wb_say "$wb_name could not be started as it was before: $wb_why"
  fi
}

# One file back: from its second name if it has our bytes; an edit made since the interruption stays.
wb_back_file() {
  wb_second=$wb_2.warmbox-old wb_was_sha=$wb_4 wb_new_sha=$wb_5 wb_back_path=$wb_3
  rm -f "$wb_2.warmbox-new"
  wb_lead "$wb_2"
  if [ -e "$wb_second" ] && [ "$wb_real" -ef "$wb_second" ]; then
    rm -f "$wb_second"
    return 0
  fi
  wb_look "$wb_real"
  if [ "$wb_sha" = "$wb_new_sha" ] && [ -e "$wb_second" ]; then
    mv -f "$wb_second" "$wb_real"
  elif [ "$wb_sha" = "$wb_new_sha" ] && [ "$wb_was_sha" = absent ]; then
    rm -f "$wb_real"
  else
    [ "$wb_sha" = "$wb_was_sha" ] || wb_say "$wb_back_path was edited meanwhile: the edit stays"
    rm -f "$wb_second"
  fi
}

# Cleans up after the complete change in $1. May be repeated.
wb_finish() {
  wb_back=$1 wb_ended=apply wb_emptied=''
  while wb_split; do
    case $wb_1 in
      transaction) wb_ended=$wb_2 ;;
      file)
        rm -f "$wb_2.warmbox-old"
        [ "$wb_5" != absent ] || wb_emptied=1
        ;;
      purge) rm -rf "$wb_2" && wb_emptied=1 ;;
      emptied) wb_emptied=1 ;;
      old) wb_finish_service ;;
      revive) wb_journal_use 2 && { wb_service_start || wb_say "$wb_name could not be started as it was before warmbox: $wb_why"; } ;;
    esac
  done <"$wb_back/done"
  if [ $wb_ended = remove ]; then
    rm -rf "$wb_back/ledger" "$wb_back/objects"
  else
    wb_drop_objects
  fi
  [ $wb_ended = apply ] && [ -z "$wb_emptied" ] || wb_drop_directories
  rm -f "$wb_back/ledger.old" "$wb_back/touched" "$wb_back/done"
  [ $wb_ended = apply ] || rm -rf "$wb_back"
}

# A service that is gone leaves no log of ours, and a manager that has forgotten it.
wb_finish_service() {
  wb_journal_use 4
  if [ "$wb_3" != drop ]; then
    return 0
  elif [ "$wb_kind" = container ]; then
    return 0
  elif [ "$wb_kind" != process ]; then
    wb_systemctl daemon-reload >/dev/null 2>&1 || true
  else
    rm -f "$wb_state/run/$wb_name".* "$wb_state/log/$wb_name".log*
  fi
}

# Drops stored bytes that neither the ledger nor the proved one speaks of any more.
wb_drop_objects() {
  set --
  for wb_kept in "$wb_back/objects"/*; do
    grep -qsF -e "${wb_kept##*/}" "$wb_back/ledger" "$wb_back/proved" || set -- "$@" "$wb_kept"
  done
  [ $# = 0 ] || rm -f "$@"
}

# Removes directories that we made, are empty, and no ledger asks for; deepest first.
wb_drop_directories() {
  wb_turned='' wb_left=''
  while read -r wb_real; do
    wb_turned=$wb_real$wb_newline$wb_turned
  done <"$wb_state/made"
  while read -r wb_real; do
    case $wb_real in
      '') ;;
      *)
        grep -qsF -e "directory$wb_tab$wb_real$wb_tab" "$wb_state"/*/ledger || rmdir "$wb_real" 2>/dev/null || true
        [ ! -d "$wb_real" ] || wb_left=$wb_real$wb_newline$wb_left
        ;;
    esac
  done <<WARMBOX-DIRECTORIES
$wb_turned
WARMBOX-DIRECTORIES
  printf '%s' "$wb_left" >"$wb_state/made.new" && mv -f "$wb_state/made.new" "$wb_state/made"
}

# ---------------------------------------------------------------- apply, remove

# Brings the host to what the script says.
apply() {
  wb_dirty=0 wb_restarts=0
  wb_lock
  wb_recover
  wb_box=$wb_state/$wb_resource
  wb_read_ledger "$wb_box"
  {
    printf '# warmbox ledger of %s\n' "$wb_resource"
    [ -z "$wb_restored_why" ] || printf '# restored: %s\n' "$wb_restored_why"
    printf 'owner\t%s\ngeneration\t%s\n' "$wb_owner" "$wb_generation"
  } >"$wb_stage/ledger" || wb_die_write "$wb_stage"
  true >"$wb_stage/journal"
  wb_plan_drops
  wb_steps_at=1
  while [ $wb_steps_at -le $wb_steps ]; do
    wb_plan_step $wb_steps_at
    wb_steps_at=$((wb_steps_at + 1))
  done
  wb_plan_shared
  wb_check_steps
  [ -z "$wb_was_owner" ] || [ "$wb_was_owner" = "$wb_owner" ] || wb_say "taking over from stack $wb_was_owner"
  if wb_nothing_to_do; then
    wb_commit_live apply
  else
    wb_commit apply
  fi
}

# Is the host as the script wants it, to the last directory?
wb_nothing_to_do() {
  [ $wb_restarts = 0 ] && cmp -s "$wb_stage/ledger" "$wb_box/ledger" || return 1
  wb_at_file=1
  while [ $wb_at_file -le $wb_files ]; do
    ! wb_plan_differs $wb_at_file || return 1
    wb_at_file=$((wb_at_file + 1))
  done
  while read -r wb_real; do
    [ -z "$wb_real" ] || [ -d "$wb_real" ] || return 1
  done <<WARMBOX-DIRECTORIES
$wb_directories
WARMBOX-DIRECTORIES
}

# Brings the host back to what it was before the script's first apply.
remove() {
  wb_restarts=0
  [ -d "$wb_state" ] || { wb_state_sweep && return 0; }
  wb_lock
  wb_recover
  wb_read_ledger "$wb_state/$wb_resource"
  if [ -n "$wb_was_owner" ] && [ "$wb_was_owner" != "$wb_owner" ]; then
    wb_say "it belongs to stack $wb_was_owner now: left alone"
    return 0
  fi
  [ "$wb_resource" != library ] || wb_library_free || return 0
  if [ -n "$wb_was_owner" ]; then wb_remove_plan; fi
  [ "$wb_resource" != library ] || wb_state_remove
}

# Plans and carries out the end of every line of the ledger, last first.
wb_remove_plan() {
  true >"$wb_stage/journal"
  wb_drop=$wb_lines
  while [ $wb_drop -gt 0 ]; do
    wb_line $wb_drop
    case $wb_1 in
      service) wb_journal_drop ;;
      *) wb_plan_undo $wb_drop && wb_plan_copy $wb_drop ;;
    esac
    wb_drop=$((wb_drop - 1))
  done
  wb_commit remove
}

# May the library go? Not while another resource's ledger needs it: then it passes to that one's owner.
wb_library_free() {
  wb_users='' wb_heir=''
  for wb_found in "$wb_state"/*/ledger; do
    case $wb_found in */library/ledger | *'*'*) continue ;; esac
    wb_heir=$(sed -n 's/^owner	//p' "$wb_found")
    wb_found=${wb_found%/ledger}
    wb_users="$wb_users ${wb_found##*/}"
  done
  [ -n "$wb_users" ] || return 0
  wb_say "still needed by$wb_users (stack $wb_heir): left in place"
  if [ -n "$wb_was_owner" ] && [ "$wb_heir" != "$wb_owner" ]; then
    wb_box=$wb_state/library
    sed "s/^owner	.*/owner	$wb_heir/" "$wb_box/ledger" >"$wb_box/ledger.new" && mv -f "$wb_box/ledger.new" "$wb_box/ledger"
  fi
  return 1
}

# The state directory goes, with those directories above it that we made and that hold nothing else: moved aside in one
# rename, so that a kill leaves nothing that looks like state.
wb_state_remove() {
  if [ -f "$wb_state/linger" ]; then
    timeout "$WB_ASK_SECONDS" loginctl disable-linger "$(cat "$wb_state/linger")" </dev/null >/dev/null 2>&1 9>&- || true
  fi
  wb_top=$wb_state
  while grep -qxF -e "${wb_top%/*}" "$wb_state/made" && [ "$(ls -A "${wb_top%/*}")" = "${wb_top##*/}" ]; do
    wb_top=${wb_top%/*}
  done
  mv -T "$wb_top" "$wb_top.warmbox-old" && rm -rf "$wb_top.warmbox-old" || wb_die_write "$wb_top"
}

# ---------------------------------------------------------------- proved, restore

# proved NAME…: remembers what these resources have now as what `restore` goes back to.
proved() (
  wb_paths
  umask 077
  wb_resource=proof
  wb_lock
  for wb_name; do
    wb_box=$wb_state/$wb_name
    [ ! -f "$wb_box/ledger" ] ||
      { cp "$wb_box/ledger" "$wb_box/proved.new" && mv -f "$wb_box/proved.new" "$wb_box/proved"; } ||
      wb_die_write "$wb_box/proved"
  done
)

# unproved STACK: forgets what was remembered of its resources; what only that speaks of goes with their next change.
unproved() (
  wb_paths
  wb_resource=proof
  [ -d "$wb_state" ] || exit 0
  wb_lock
  for wb_found in "$wb_state"/*/proved; do
    ! grep -qsx "owner$wb_tab$1" "$wb_found" || rm -f "$wb_found"
  done
)

# restore NAME 'WHY': brings a resource back to what it had when a proof passed last, by an ordinary apply, under the next
# generation: so the stack's next preview shows that its script is not what stands here. Prints what came of it.
# Its owner stays. A secret file has no copy to come from, so a resource with one is left in place.
restore() (
  wb_paths
  wb_box=$wb_state/$1
  if [ ! -f "$wb_box/ledger" ] || [ ! -f "$wb_box/proved" ]; then
    echo "$1: no earlier configuration was ever proved here: the new one stays in place"
    exit 0
  elif [ "$(wb_ledger_body "$wb_box/ledger")" = "$(wb_ledger_body "$wb_box/proved")" ]; then
    echo "$1: its configuration is the one that was proved last: nothing to put back"
    exit 0
  fi
  wb_read_ledger "$wb_box"
  resource "$1" owner="$wb_was_owner" generation=$((wb_was_generation + 1))
  mkdir "$wb_stage/proved" && cp "$wb_box/proved" "$wb_stage/proved/ledger" || wb_die_write "$wb_stage"
  wb_read_ledger "$wb_stage/proved"
  wb_old_line=1
  while [ $wb_old_line -le $wb_lines ]; do
    wb_line $wb_old_line
    wb_restore_step
    wb_old_line=$((wb_old_line + 1))
  done
  wb_restored_why=$(printf '%s' "$2" | tr '\n\t' '  ')
  apply
  echo "$1: put back to what was proved last"
)

# A ledger without its head, which differs between two applies of the same.
wb_ledger_body() { sed -e '/^#/d' -e "/^owner$wb_tab/d" -e "/^generation$wb_tab/d" "$1"; }

# The line just taken of an old ledger as the line of a script that it was written from. What was read by its reader then
# is not read again.
wb_restore_step() {
  case $wb_1:$wb_10 in
    put:secret) wb_die 65 "$wb_3 is secret, and no copy of it is kept" "set the secret it had before, and run up" ;;
    put:* | include:* | block:*)
      wb_old_kind=$wb_1
      wb_step_path "$wb_1" "$wb_3"
      wb_set s_check $wb_steps -
      wb_set s_with $wb_steps ''
      case $wb_old_kind in
        put) wb_set s_mode $wb_steps "$wb_4" && wb_set s_flag $wb_steps "$wb_10" && wb_restore_bytes "$wb_5" ;;
        include) wb_set s_name $wb_steps "$wb_10" ;;
        block) wb_set s_name $wb_steps "$wb_10" && wb_restore_bytes "$wb_12" ;;
      esac
      ;;
    directory:*)
      wb_step_path directory "$wb_3"
      wb_set s_mode $wb_steps "$wb_4"
      wb_set s_flag $wb_steps "$wb_5"
      ;;
    service:*)
      wb_step service
      wb_set s_name $wb_steps "$wb_3"
      wb_set s_with $wb_steps "$wb_3$wb_tab$wb_4$wb_tab$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9$wb_tab${wb_10}"
      ;;
    live:*)
      wb_step live
      wb_set s_name $wb_steps "$wb_2"
      wb_set s_file $wb_steps "$wb_3"
      wb_set s_with $wb_steps "$wb_4"
      ;;
  esac
}

# The step's bytes are those that were kept under sha256 $1.
wb_restore_bytes() {
  wb_set s_sha $wb_steps "$1"
  wb_set s_file $wb_steps "$wb_box/objects/$1"
}

# ---------------------------------------------------------------- observe

# Prints every ledger, and what differs from it as unified diffs (nothing = intact):
#   @@warmbox library            then |SHA256 of the installed library
#   @@warmbox ledger NAME owner=OWNER generation=N   then the diff, each line behind a |
#   @@warmbox note NAME                              then what a person should know that is no drift, behind a |
# One pass, bounded, starts nothing, writes nothing. Nothing installed: prints nothing.
observe() (
  wb_resource=observe wb_steps=0 wb_files=0 wb_objects=0 wb_stage=''
  wb_paths
  umask 077
  [ -d "$wb_state" ] || exit 0
  wb_stage_make
  trap 'rm -rf "$wb_stage"' EXIT
  wb_glance
  wb_listening=$(wb_listeners) wb_fds_of=''
  if [ -f "$wb_share/warmbox.sh" ]; then
    wb_look "$wb_share/warmbox.sh"
    printf '@@warmbox library\n|%s\n' "$wb_sha"
  fi
  for wb_found in "$wb_state"/*/ledger; do
    [ -f "$wb_found" ] || continue
    wb_box=${wb_found%/ledger}
    wb_resource=${wb_box##*/}
    wb_read_ledger "$wb_box"
    printf '@@warmbox ledger %s owner=%s generation=%s\n' "$wb_resource" "$wb_was_owner" "$wb_was_generation"
    true >"$wb_stage/notes"
    (wb_observe_ledger) >"$wb_stage/drift"
    [ -z "$wb_was_restored" ] ||
      wb_note "$wb_resource was put back to its last proved configuration, after $wb_was_restored; up tries the stack's own again."
    [ ! -s "$wb_stage/drift" ] || sed 's/^/|/' "$wb_stage/drift"
    [ ! -s "$wb_stage/notes" ] || { printf '@@warmbox note %s\n' "$wb_resource" && sed 's/^/|/' "$wb_stage/notes"; }
  done
)

# Looks at all files that ledgers speak of by one stat and one sha256sum, for wb_look; one by one would be most of a
# preview's time on the host. wb_g_path_N, wb_g_seen_N: what stat says, wb_g_sha_N: of the small ones. A file that cannot
# be read is not among them.
wb_glance() {
  wb_glances=0
  wb_ours=$(awk -F "$wb_tab" '
    $1 != "put" || $2 ~ /\\/ { next }
    $11 == "-" { small = small "\n" $2; next }
    { print $2 }
    END { print "/" small }' "$wb_state"/*/ledger 2>/dev/null)
  wb_use_ifs=$IFS
  IFS=$wb_newline
  set -f
  # shellcheck disable=SC2086 # one path a line: the large ones, a slash, the small ones
  set -- $wb_ours
  set +f
  IFS=$wb_use_ifs
  wb_ours=$({
    stat -L -c "%n$wb_tab%a %u %g %s:%Y:%i" "$@"
    while [ "${1:-/}" != / ]; do shift; done
    [ $# -lt 2 ] || { shift && sha256sum "$@"; }
  } 2>/dev/null | awk -F "$wb_tab" '
    NF == 2 { seen[$1] = $2; next }
    { sum[substr($0, 67)] = substr($0, 1, 64) }
    END { for (path in seen) print path "\t" seen[path] "\t" (path in sum ? sum[path] : "absent") }')
  while IFS=$wb_tab read -r wb_1 wb_2 wb_3; do
    wb_glances=$((wb_glances + 1))
    wb_set g_path $wb_glances "$wb_1"
    wb_set g_seen $wb_glances "$wb_2"
    wb_set g_sha $wb_glances "$wb_3"
  done <<WARMBOX-SEEN
$wb_ours
WARMBOX-SEEN
}

# Was the file $1 looked at by wb_glance? Then what was seen is in wb_seen and wb_sha.
wb_glanced() {
  wb_each_glance=${wb_glances:-0}
  while [ "$wb_each_glance" -gt 0 ]; do
    wb_get g_path "$wb_each_glance"
    if [ "$wb_got" = "$1" ]; then
      eval "wb_seen=\$wb_g_seen_$wb_each_glance wb_sha=\$wb_g_sha_$wb_each_glance"
      return 0
    fi
    wb_each_glance=$((wb_each_glance - 1))
  done
  return 1
}

# The drift of the ledger that was read.
wb_observe_ledger() {
  if [ -e "$wb_box/journal" ] && flock -n "$wb_state/lock" true 2>/dev/null; then
    wb_differs "resource $wb_resource" complete interrupted
  fi
  wb_at_line=1
  while [ $wb_at_line -le $wb_lines ]; do
    wb_line $wb_at_line
    wb_shown=$wb_3
    case $wb_3 in "$HOME"/*) wb_shown=${wb_3#"$HOME"/} ;; esac
    case $wb_1 in
      put) wb_observe_put ;;
      include | block) wb_observe_edit ;;
      directory) [ -d "$wb_2" ] || wb_differs "$wb_shown" directory missing ;;
      service) wb_observe_service ;;
    esac
    wb_at_line=$((wb_at_line + 1))
  done
}

# Keeps a line that is no drift.
wb_note() { printf '%s\n' "$1" >>"$wb_stage/notes"; }

# Prints the difference of two lines as a diff of the pseudo file $1: $2 as applied, $3 as it is now.
wb_differs() {
  printf -- '--- %s (applied)\n+++ %s (now)\n@@ -1 +1 @@\n-%s\n+%s\n' "$1" "$1" "$2" "$3"
}

# Prints the difference of the files $1 (applied) and $2 (now).
wb_diff() {
  command -v diff >/dev/null || { wb_differs "$wb_shown" 'as applied' 'differs (this host has no diff to show it)' && return 0; }
  diff -a -U 3 -L "$wb_shown (applied)" -L "$wb_shown (now)" "$1" "$2" || true
}

# A whole file of ours: bytes and mode.
wb_observe_put() {
  wb_lead "$wb_3"
  wb_look "$wb_real" "$wb_11" "$wb_5"
  if [ "$wb_sha" = absent ]; then
    if [ "$wb_10" = - ]; then wb_diff "$wb_box/objects/$wb_5" /dev/null; else wb_differs "$wb_shown" present missing; fi
  elif [ "$wb_sha" != "$wb_5" ]; then
    if [ "$wb_10" = - ]; then wb_diff "$wb_box/objects/$wb_5" "$wb_real"; else wb_differs "$wb_shown" 'as applied' differs; fi
  fi
  [ "$wb_mode" = - ] || [ "$wb_mode" = "$wb_4" ] || wb_differs "$wb_shown" "mode 0$wb_4" "mode 0$wb_mode"
}

# A piece of ours in a file of the user's: what putting it back would change.
wb_observe_edit() {
  wb_lead "$wb_3"
  wb_old=$wb_real
  [ -f "$wb_old" ] || wb_old=/dev/null
  wb_next=$wb_stage/observed
  wb_kind_now=$wb_1 wb_block_now=$wb_box/objects/$wb_12 wb_name_now=$wb_10
  if wb_stands; then return 0; fi
  if [ "$wb_kind_now" = include ]; then
    wb_include_add "$wb_old" "$wb_name_now" "$wb_next" || return 0
  else
    wb_block_add "$wb_old" "$wb_name_now" "$wb_block_now" "$wb_next" ||
      { wb_differs "$wb_shown" "block $wb_name_now" 'block without end' && return 0; }
  fi
  cmp -s "$wb_next" "$wb_old" || wb_diff "$wb_next" "$wb_old"
}

# Is the piece seen at a glance to stand as it was applied? Whatever else is the case is judged by what an apply would do.
wb_stands() {
  if [ "$wb_kind_now" = include ]; then
    case $(wb_include_scan "$wb_old" "$wb_name_now") in ours*) return 0 ;; *) return 1 ;; esac
  fi
  awk -v name="$wb_name_now" '
    BEGIN { RS = "\001" } # each file is one record, its last line end too
    NR == FNR { block = "\n" $0; next }
    FNR == 1 { text = "\n" $0; at = index(text, block); same = at > 0 && at == index(text, "\n# >>> warmbox " name "\n") }
    END { exit !same }' "$wb_block_now" "$wb_old" 2>/dev/null
}

# A service: whether it runs and is ready, and what its live lines say. One that is still starting is no drift: after a
# reboot bazel-remote reads its whole index before it listens.
wb_observe_service() {
  wb_use "$wb_3$wb_tab$wb_4$wb_tab$wb_5$wb_tab$wb_6$wb_tab$wb_7$wb_tab$wb_8$wb_tab$wb_9$wb_tab${wb_10}"
  wb_bound=$wb_ready_timeout wb_ready_timeout=0 wb_stop_timeout=0
  wb_service_look
  ! wb_is_taken || wb_state_now="$wb_state_now, $wb_why"
  wb_observe_unit
  if wb_is_closed; then
    wb_is_young && wb_note "$wb_name is starting: its port $wb_port is not open yet" && return 0
    wb_state_now="$wb_state_now, but port $wb_port is closed"
  fi
  wb_minus='' wb_plus=''
  [ "$wb_state_now" = running ] || wb_minus="-state running$wb_newline" wb_plus="+state $wb_state_now$wb_newline"
  wb_each=1
  while [ $wb_each -le $wb_lines ]; do
    wb_line $wb_each
    if [ "$wb_1:$wb_2" = "live:$wb_name" ]; then
      wb_ask_live "$wb_4"
      [ "$wb_live" = "$wb_3" ] || wb_minus="$wb_minus-$wb_3$wb_newline" wb_plus="$wb_plus+$wb_live$wb_newline"
    fi
    wb_each=$((wb_each + 1))
  done
  [ -z "$wb_minus" ] ||
    printf -- '--- service %s (applied)\n+++ service %s (now)\n@@ @@\n%s%s' "$wb_name" "$wb_name" "$wb_minus" "$wb_plus"
}

# Does the service in use run or start, with a port, wb_port, that is not open?
wb_is_closed() {
  case $wb_state_now in running | starting) ;; *) return 1 ;; esac
  for wb_port in $wb_ports; do
    wb_listen "$wb_port" || return 0
  done
  return 1
}

# Has the daemon of the service in use run for less than wb_bound seconds? The kernel counts a hundred ticks a second for
# everybody. One that cannot be found is taken for young.
wb_is_young() {
  { read -r wb_stat <"/proc/${wb_daemon:-0}/stat" && read -r wb_up _ </proc/uptime; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # fields, after the name of the program
  set -- ${wb_stat##*) }
  [ $((${wb_up%.*} - ${20} / 100)) -lt "$wb_bound" ]
}

# A drop-in of the user's changes the unit in use without touching its file.
wb_observe_unit() {
  case $wb_kind in systemd-*) ;; *) return 0 ;; esac
  wb_manager=''
  [ "$wb_kind" = systemd-system ] || wb_manager=' --user'
  for wb_word in $wb_dropins; do
    case $wb_word in
      */"$wb_unit".d/*) wb_note "$wb_word changes $wb_unit; next: keep it, or drop it with systemctl$wb_manager revert $wb_unit" ;;
    esac
  done
}
