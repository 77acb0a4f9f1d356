# --- readers: each changed file is checked by the program that it is for

# Checks each changed file of the script.
wb_check_steps() {
  local number=1
  while [ $number -le $wb_steps ]; do
    wb_step_load $number
    case $step_kind in put | include) wb_check_step ;; esac
    number=$((number + 1))
  done
}

# Checks the file of the step in hand: what a reader prints, or its failure, refuses it.
wb_check_step() {
  local reader='' message='' command=''
  wb_plan "$step_real" "$step_path"
  wb_planned $wb_file
  [ "$file_sha" != "$file_new_sha" ] || return 0
  [ "$step_kind" != include ] || step_check=include
  if [ -n "$step_check_with" ]; then
    while :; do
      case $step_check_with in *'{}'*) ;; *) break ;; esac
      command="$command${step_check_with%%'{}'*}\"\$1\"" step_check_with=${step_check_with#*'{}'}
    done
    message=$(timeout 60 sh -c "$command$step_check_with" check "$file_source" </dev/null 2>&1 9>&-) || wb_refuse
  fi
  case $step_check in -) return 0 ;; *[!a-z-]*) wb_die 65 "$step_path: reader '$step_check'" "use a-z and -" ;; esac
  reader=check_$(printf '%s' "$step_check" | tr - _)
  command -v "$reader" >/dev/null || wb_die 65 "$step_path: reader $step_check is unknown" "define $reader"
  message=$($reader "$file_source" 2>&1 9>&-) || wb_refuse
}

# Ends because a reader refused a file: with its message.
wb_refuse() {
  printf '%s\n' "$message" | head -n 15 | sed "s|^|warmbox: ${step_path##*/}: \\| |" >&2
  wb_die 65 "$step_path is refused by its own reader; nothing was changed" "correct the setting behind the line above"
}

# The program that reads a file, into tool: the one that the script names, else the PATH's, else one that warmbox
# uploaded. Fails where there is none.
wb_find_tool() {
  tool=${step_reader:-}
  [ ! -x "$tool" ] || return 0
  tool=$(command -v "$1") && return 0
  for tool in "$path_share/tools/$1"/*/"$1" "$HOME/.cargo/bin/$1"; do
    [ ! -x "$tool" ] || return 0
  done
  return 1
}

# Shell scripts.
check_sh() { sh -n "$1"; }

# Units: systemd-analyze prints what is wrong on stderr and exits with 0, so its output about this unit counts. A
# program that this very script brings is not missing.
check_unit() {
  local unit="${step_path##*/}" manager=--system output="$wb_stage/unit.output" number=1
  command -v systemd-analyze >/dev/null || return 0
  mkdir -p "$wb_stage/unit" && cp "$1" "$wb_stage/unit/$unit" || return 1
  case $step_path in */systemd/user/*) manager=--user ;; esac
  XDG_RUNTIME_DIR=$wb_stage timeout 60 systemd-analyze "$manager" --man=no verify "$wb_stage/unit/$unit" \
    </dev/null 2>&1 | grep -F "$unit" >"$output"
  while [ $number -le $wb_steps ]; do
    wb_step_load $number
    [ -z "$step_path" ] || {
      grep -vF "Command $step_path is not executable" "$output" >"$output.rest"
      mv -f "$output.rest" "$output"
    }
    number=$((number + 1))
  done
  cat "$output"
  [ ! -s "$output" ]
}

# Cargo reads a configuration before it misses the manifest that it is pointed to.
check_cargo() {
  local output=''
  wb_ask_cargo "$1" || return 0
  case $output in
    *'failed to load'* | *'could not parse'*) printf '%s\n' "$output" && return 1 ;;
  esac
}

# What cargo prints about the configuration $1, into output. Fails where there is no cargo.
wb_ask_cargo() {
  local tool='' rustup="${RUSTUP_HOME:-$HOME/.rustup}"
  wb_find_tool cargo || return 1
  cp "$1" "$wb_stage/cargo.toml" || return 1
  # Neither rustup nor cargo may leave anything in a HOME that has no directory of theirs.
  [ -d "$rustup" ] || rustup=$wb_stage/rustup
  output=$(cd / && RUSTUP_HOME=$rustup CARGO_HOME=$wb_stage/cargo timeout 60 "$tool" --config "$wb_stage/cargo.toml" \
    locate-project --manifest-path "$wb_stage/none/Cargo.toml" </dev/null 2>&1) || true
}

# The user's cargo file with warmbox's line: refused only if cargo could read it without.
check_include() {
  local output='' message=''
  wb_ask_cargo "$1" || return 0
  case $output in *'could not parse'*) ;; *) return 0 ;; esac
  message=$output
  [ ! -f "$step_real" ] || wb_ask_cargo "$step_real"
  case $output in "$message") ;; *'could not parse'*) return 0 ;; esac
  printf '%s\n' "$message"
  return 1
}

# Every sccache command reads the file first; asking for statistics starts no server.
check_sccache() {
  local tool=''
  wb_find_tool sccache || return 0
  timeout "$WB_ASK_SECONDS" env -i HOME="$wb_stage" PATH="$PATH" SCCACHE_CONF="$1" SCCACHE_SERVER_PORT=1 \
    "$tool" --show-stats </dev/null 2>&1 >/dev/null | grep -i -A 5 'error' && return 1
  return 0
}

# bazel-remote has no checking mode: it is started on a copy, with its own directory and sockets, until it has logged
# that it serves, or has ended; bounded also where this shell is killed.
check_bazel_remote() {
  local tool='' stage="$wb_stage/bazel-remote" child='' tries=0
  wb_find_tool bazel-remote || return 0
  mkdir -p "$stage" || return 1
  sed -e "s|^dir:.*|dir: $stage|" -e "s|^http_address:.*|http_address: unix://$stage.http|" \
    -e "s|^grpc_address:.*|grpc_address: unix://$stage.grpc|" -e '/^profile_address:/d' "$1" >"$stage.yaml"
  timeout -s KILL "$WB_ASK_SECONDS" env -i HOME="$wb_stage" PATH="$PATH" "$tool" --config_file "$stage.yaml" \
    </dev/null >"$stage.log" 2>&1 &
  child=$!
  while kill -0 $child 2>/dev/null && [ $tries -lt 30 ] && ! grep -q 'Starting HTTP server' "$stage.log"; do
    tries=$((tries + 1))
    wb_pause
  done
  if kill -TERM $child 2>/dev/null; then
    wait $child 2>/dev/null
    return 0
  fi
  head -n 2 "$stage.log" # the rest is its help
  return 1
}
