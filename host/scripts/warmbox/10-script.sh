# --- what a script may say: each word of it, refused or kept as a numbered step

# Opens the record of the next line of the script; its kind is $1.
wb_step() {
  wb_steps=$((wb_steps + 1))
  wb_keep kind "$1"
}

# Keeps value $2 as field $1 of the step that is open.
wb_keep() { wb_set "step_$1" $wb_steps "$2"; }

# Opens a step of kind $1 with the path $2; path and real are its paths.
wb_step_path() {
  wb_step "$1"
  wb_resolve "$2"
  wb_keep path "$path"
  wb_keep real "$real"
}

# Takes step $1 into step_kind, step_path …: the fields that the words below keep; the rest is empty.
wb_step_load() {
  local field=''
  for field in kind path real mode flag name source sha check reader check_with absent owner service answer command; do
    eval "step_$field=\${wb_step_${field}_$1:-}"
  done
}

# Keeps the mode $1; refuses what is not three or four octal digits. The ledger has three where the first is 0.
wb_step_mode() {
  case $1 in
    0[0-7][0-7][0-7]) wb_keep mode "${1#0}" ;;
    [0-7][0-7][0-7] | [1-7][0-7][0-7][0-7]) wb_keep mode "$1" ;;
    *) wb_die 65 "$path: mode '$1'" "use four octal digits such as 0644" ;;
  esac
}

# Refuses a value that a line of the ledger cannot hold.
wb_plain() {
  case $2 in *"$wb_tab"* | *"$wb_newline"*) wb_die 65 "$1 holds a tab or a line end" "put it on one line" ;; esac
}

# directory PATH MODE [words]
directory() {
  local path='' real='' word=''
  wb_step_path directory "$1"
  wb_step_mode "$2"
  shift 2
  wb_keep flag -
  for word; do
    case $word in
      purge) wb_keep flag purge ;;
      owner=[0-9]*:[0-9]*) wb_keep owner "${word#*=}" ;;
      *) wb_die 65 "directory $path: unknown word '$word'" "use purge or owner=UID:GID" ;;
    esac
  done
}

# put PATH MODE [words] <<'WARMBOX-END'
put() {
  local path='' real='' word='' from='' expected='' sha=''
  wb_step_path put "$1"
  wb_step_mode "$2"
  shift 2
  wb_keep flag -
  wb_keep check -
  for word; do
    case $word in
      check=?*) wb_keep check "${word#*=}" ;;
      reader=?*) wb_keep reader "${word#*=}" ;;
      check_with=?*) wb_keep check_with "${word#*=}" ;;
      from=?*) from=${word#*=} ;;
      sha256=?*) expected=${word#*=} && wb_keep flag whole ;;
      secret) wb_keep flag secret ;;
      *) wb_die 65 "put $path: unknown word '$word'" "use check=, reader=, check_with=, secret, from= or sha256=" ;;
    esac
  done
  if [ -n "$from" ]; then wb_put_from; else wb_put_text; fi
  wb_keep sha "$sha"
}

# The bytes of a put come from the script itself.
wb_put_text() {
  wb_keep source "$wb_stage/s$wb_steps"
  cat >"$wb_stage/s$wb_steps" || wb_die_write "$wb_stage"
  wb_hash "$wb_stage/s$wb_steps"
}

# The bytes of a put come from a file on the host; one that is missing matters only if its bytes are needed.
wb_put_from() {
  wb_keep source "$from"
  sha=$expected
  if [ -f "$from" ]; then
    wb_hash "$from"
    [ "$sha" = "${expected:-$sha}" ] || wb_die 65 "$from has sha256 $sha, not $expected" "bring the right file"
  elif [ -z "$expected" ]; then
    wb_die 65 "put $path: $from is not there" "bring the file first"
  fi
}

# include PATH NAME
include() {
  local path='' real=''
  wb_step_path include "$1"
  case $2 in '' | *[!A-Za-z0-9._/-]*) wb_die 65 "include $1: name '$2'" "use a plain file name" ;; esac
  wb_keep name "$2"
}

# block PATH MARK [absent='REGEX'] <<'WARMBOX-END'
block() {
  local path='' real='' sha=''
  wb_step_path block "$1"
  case $2 in '' | *[!A-Za-z0-9._-]*) wb_die 65 "block $1: mark '$2'" "use a plain word" ;; esac
  wb_keep name "$2"
  case ${3:-} in
    '') ;;
    absent=*) wb_keep absent "${3#*=}" ;;
    *) wb_die 65 "block $1: unknown word '$3'" "use absent= or nothing" ;;
  esac
  wb_keep source "$wb_stage/s$wb_steps"
  { printf '# >>> warmbox %s\n' "$2" && cat && printf '# <<< warmbox %s\n' "$2"; } >"$wb_stage/s$wb_steps" ||
    wb_die_write "$wb_stage"
  wb_hash "$wb_stage/s$wb_steps"
  wb_keep sha "$sha"
}

# service NAME kind=KIND file=PATH [words]
service() {
  local name="$1" kind='' file='' ready=- ready_timeout="$WB_READY_SECONDS" stop=- stop_timeout="$WB_STOP_SECONDS" log=-
  local path='' real='' word=''
  wb_step service
  case $1 in '' | *[!A-Za-z0-9._@-]*) wb_die 65 "service name '$1'" "use a plain word" ;; esac
  shift
  for word; do
    wb_plain "service $name: ${word%%=*}" "$word"
    case $word in
      kind=process | kind=systemd-user | kind=systemd-system | kind=container) kind=${word#*=} ;;
      file=?*) wb_resolve "${word#*=}" && file=$path ;;
      ready='tcp '?*:[0-9]* | ready='http '?*:[0-9]* | ready='grpc '?*:[0-9]*) ready=${word#*=} ;;
      ready_timeout=[0-9]*) ready_timeout=${word#*=} ;;
      stop=?*) stop=${word#*=} ;;
      stop_timeout=[0-9]*) stop_timeout=${word#*=} ;;
      log=?*) wb_resolve "${word#*=}" && log=$path ;;
      *) wb_die 65 "service $name: unknown word '$word'" "see the head of warmbox.sh" ;;
    esac
  done
  [ -n "$kind" ] && [ -n "$file" ] || wb_die 65 "service $name: kind or file missing" "name both"
  [ "$log" != - ] || [ "$kind" != process ] || log=$path_state/log/$name.log
  wb_keep name "$name"
  wb_join "$name" "$kind" "$file" "$ready" "$ready_timeout" "$stop" "$stop_timeout" "$log"
  wb_keep service "$wb_joined"
}

# live NAME 'LINE'|of=PATH 'AWK' 'COMMAND'
live() {
  local name="$1" answer="$2"
  wb_step live
  case $2 in of=?*) wb_live_of "${2#of=}" "$3" && shift ;; esac
  wb_plain "live $name: line" "$answer"
  wb_plain "live $name: command" "$3"
  wb_keep name "$name"
  wb_keep answer "$answer"
  wb_keep command "$3"
}

# What the awk program $2 makes of the file that this script puts at $1, into answer.
wb_live_of() {
  local path='' real='' number=1
  wb_resolve "$1"
  while [ $number -lt $wb_steps ]; do
    wb_step_load $number
    if [ "$step_kind:$step_path" = "put:$path" ]; then
      answer=$(awk "$2" "$step_source")
      return 0
    fi
    number=$((number + 1))
  done
  wb_die 65 "live $name: $1 is not put by a line before it" "put it first"
}
