# --- what a script may say: each word of it, refused or kept as a numbered step

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
  [ "$wb_log" != - ] || [ "$wb_kind" != process ] || wb_log=$path_state/log/$wb_name.log
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
