# --- ledger: what a resource was applied with, a line each, and the bytes that it names

# Reads the ledger of directory $1 into records 1 to wb_lines, each a line; wb_was_owner is empty where there is none.
# wb_was_restored is the reason why the resource was put back to its proved configuration, if it was.
# Lines: put|include|block REAL PATH MODE SHA ORIGINAL MODE UID GID NAME|FLAG EXTRA BLOCK; directory REAL PATH MODE
# PURGE; service BEFORE NAME KIND …; live NAME LINE COMMAND.
wb_read_ledger() {
  local kind='' real='' rest=''
  wb_lines=0 wb_was_owner='' wb_was_generation='' wb_was_restored=''
  [ -f "$1/ledger" ] || return 0
  while IFS=$wb_tab read -r kind real rest; do
    case $kind in
      owner) wb_was_owner=$real ;;
      generation) wb_was_generation=$real ;;
      '# restored: '*) wb_was_restored=${kind#"# restored: "} ;;
      '#'*) ;;
      *) wb_keep_line ;;
    esac
  done <"$1/ledger"
}

# Keeps the line just read as record wb_lines. Where a file or directory was moved away and is a link now, it names the
# link's target.
wb_keep_line() {
  case $kind in put | include | block | directory) wb_follow "$real" ;; esac
  wb_lines=$((wb_lines + 1))
  wb_set ledger $wb_lines "$kind$wb_tab$real$wb_tab$rest"
}

# Takes record $1 of the ledger into the fields of its kind:
#   line_kind  line_real  line_path  line_mode  line_sha  of all that has a path; line_flag of directory and put
#   line_original_sha  _mode  _uid  _gid        the file before warmbox; line_original is all four
#   line_name  line_grown  line_block           of include and block; line_ident of put
#   line_name  line_before  line_service        of service: its eight fields
#   line_name  line_answer  line_command        of live
wb_line() {
  local IFS="$wb_tab" record=''
  wb_get ledger "$1" && record=$wb_value
  set -f
  # shellcheck disable=SC2086 # to be split at tabs
  set -- $record
  set +f
  line_kind=$1 line_real='' line_path='' line_name=''
  case $1 in
    service)
      line_before=$2 line_name=$3
      line_service=${record#*"$wb_tab"*"$wb_tab"}
      ;;
    live) line_name=$2 line_answer=$3 line_command=$4 ;;
    directory) line_real=$2 line_path=$3 line_mode=$4 line_flag=$5 ;;
    *)
      line_real=$2 line_path=$3 line_mode=$4 line_sha=$5
      line_original_sha=$6 line_original_mode=$7 line_original_uid=$8 line_original_gid=$9
      line_original=$6$wb_tab$7$wb_tab$8$wb_tab$9
      shift 9
      line_name=$1 line_flag=$1 line_grown=$2 line_ident=$2 line_block=$3
      ;;
  esac
}

# Field $1 of the record $2, counted from 1, into wb_value.
wb_field() {
  local IFS="$wb_tab" position="$1"
  set -f
  # shellcheck disable=SC2086 # to be split at tabs
  set -- $2
  set +f
  shift $((position - 1))
  wb_value=${1:-}
}

# Finds the record of kind $1 (any: of a file) with the path or service name $2, and for a block or include the name $3:
# its number into wb_found_at. Fails where there is none. The record in hand stays.
wb_find_line() {
  local record='' key=''
  wb_found_at=1
  while [ $wb_found_at -le $wb_lines ]; do
    wb_get ledger $wb_found_at
    record=$wb_value key=${wb_value#*"$wb_tab"}
    case $1:${record%%"$wb_tab"*} in
      service:service) key=${key#*"$wb_tab"} ;;
      any:put | any:include | any:block | "$1:$1") ;;
      *) key='' ;;
    esac
    case $key in
      "$2$wb_tab"*)
        [ -n "${3:-}" ] || return 0
        wb_field 10 "$record"
        [ "$wb_value" != "$3" ] || return 0
        ;;
    esac
    wb_found_at=$((wb_found_at + 1))
  done
  return 1
}

# Joins "$@" by tabs, into wb_joined.
wb_join() {
  local IFS="$wb_tab"
  wb_joined="$*"
}

# Adds a line to the ledger to be; fields are joined by tabs.
wb_write_line() {
  wb_join "$@"
  printf '%s\n' "$wb_joined" >>"$wb_stage/ledger" || wb_die_write "$wb_stage"
}

# Adds a line to the journal to be.
wb_journal() {
  wb_join "$@"
  printf '%s\n' "$wb_joined" >>"$wb_stage/journal" || wb_die_write "$wb_stage"
}

# Remembers that the ledger to be names these bytes: sha256 $1, now in file $2.
wb_object() {
  [ "$1" != absent ] || return 0
  wb_objects=$((wb_objects + 1))
  wb_set object_sha $wb_objects "$1"
  wb_set object_file $wb_objects "$2"
}

# The file with the bytes of sha256 $1 that are kept for this resource, into wb_kept.
wb_kept() { wb_kept=$path_state/$wb_resource/objects/$1; }
