# --- small tools and the start: what every part uses, and the first line of a script

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

# Gives a new file or directory $1 ($3 = -R: with all that is in it) to the owner of the directory $2; only root must.
wb_own() {
  local owner=''
  [ "$wb_user" = 0 ] || return 0
  # shellcheck disable=SC2086 # no word where $3 is missing
  owner=$(stat -c '%u:%g' "$2") && { [ "$owner" = 0:0 ] || chown -h ${3:-} "$owner" "$1"; }
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
  host_paths
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
