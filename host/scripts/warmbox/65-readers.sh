# --- readers: each changed file is tried by the program that it is for

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
  for wb_tool in "$path_share/tools/$1"/*/"$1" "$HOME/.cargo/bin/$1"; do
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
    [ -z "$wb_here" ] || {
      grep -vF "Command $wb_here is not executable" "$wb_stage/unit.said" >"$wb_stage/unit.left"
      mv -f "$wb_stage/unit.left" "$wb_stage/unit.said"
    }
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
