# --- small tools and the start: what every part uses, and the first line of a script
# Variables: wb_NAME is of the whole run; line_NAME, step_NAME, file_NAME and service_NAME are the fields of the record
# in hand; any other is local. A comment "into NAME" names a result: a variable of the caller's.

# Keeps value $3 as number $2 of the list $1: sh has no arrays.
wb_set() { eval "wb_$1_$2=\$3"; }

# Number $2 of the list $1, into wb_value.
wb_get() { eval "wb_value=\$wb_$1_$2"; }

# A short pause; older sleeps take whole seconds only.
wb_pause() { sleep 0.1 2>/dev/null || sleep 1; }

# sha256 of a file's bytes, into sha.
wb_hash() {
  sha=$(sha256sum <"$1") || wb_die 73 "cannot read $1" "make it readable for this user"
  sha=${sha%% *}
}

# The file at a path: sha (or absent), mode, uid, gid, ident.
# $2 and $3: a large file whose identity is $2 has the sha256 $3, and is not read again.
wb_look() {
  local stat=''
  sha=absent mode=- uid=- gid=- ident=-
  [ -e "$1" ] || return 0
  [ -f "$1" ] || wb_die 73 "$1 is not a plain file" "move it away"
  wb_cached_stat "$1" || stat=$(stat -L -c '%a %u %g %s:%Y:%i' "$1") ||
    wb_die 73 "cannot read $1" "make it readable for this user"
  mode=${stat%% *} stat=${stat#* }
  uid=${stat%% *} stat=${stat#* }
  gid=${stat%% *} ident=${stat#* }
  if [ "${2:--}" != - ] && [ "$ident" = "$2" ]; then sha=$3; elif [ "$sha" = absent ]; then wb_hash "$1"; fi
}

# The absolute path of a path in a script, into path; the path of its bytes, with links followed, into real.
wb_resolve() {
  case $1 in
    *"$wb_tab"* | *"$wb_newline"* | '' | */ | */../*) wb_die 65 "path '$1' cannot be used" "name a plain path" ;;
    /*) path=$1 ;;
    *) path=$HOME/$1 ;;
  esac
  real=$path
  [ ! -L "$path" ] || real=$(readlink -f "$path") ||
    wb_die 73 "$path is a link to a directory that is missing" "remove the link, or make the directory it points into"
}

# The present path of the bytes at the absolute path $1, into real: a file that was applied may have become a link
# since, or a link may have another target. A link whose target cannot be resolved is taken as it is.
wb_follow() {
  real=$1
  [ ! -L "$1" ] || real=$(readlink -f "$1") || real=$1
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

# Makes a private directory for drafts, in memory where the host has such a place; removes those of killed runs.
wb_stage_make() {
  local parent='' draft='' pid=''
  for parent in "${TMPDIR:-}" /dev/shm /tmp; do
    [ -z "$parent" ] || [ ! -w "$parent" ] || break
  done
  for draft in "$parent"/warmbox-*-??????; do
    pid=${draft##*/warmbox-} pid=${pid%-??????}
    case $pid in '' | *[!0-9]*) continue ;; esac # not a draft of warmbox's: another program's directory
    [ -d "/proc/$pid" ] || [ ! -O "$draft" ] || rm -rf "$draft"
  done
  wb_stage=$(mktemp -d "$parent/warmbox-$$-XXXXXX") || wb_die_write "$parent"
}

# resource NAME owner=STACK generation=N: the first line of every script.
resource() {
  local word=''
  wb_resource=${1:-} wb_owner='' wb_generation=''
  wb_steps=0 wb_files=0 wb_lines=0 wb_objects=0 wb_drafts=0 wb_open='' wb_stage='' wb_directories=''
  wb_restored_why=''
  wb_paths
  umask 077
  case $wb_resource in '' | *[!a-z0-9-]*) wb_die 65 "resource name '$wb_resource'" "use a-z, 0-9 and -" ;; esac
  shift
  for word; do
    case $word in
      owner=?*) wb_owner=${word#*=} ;;
      generation=?*) wb_generation=${word#*=} ;;
      *) wb_die 65 "resource: unknown word '$word'" "say: resource NAME owner=STACK generation=N" ;;
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
