# --- ledger: what a resource was applied with, a line each, and the bytes it speaks of

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
wb_kept() { wb_kept=$path_state/$wb_resource/objects/$1; }
