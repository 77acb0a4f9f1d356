# Evidence of what can be wrong on a host, raw, in one run: the causes are judged by ops/doctor/. Nothing is changed.
# Run as: sh -s, with warmbox.sh, probe.sh, status.sh (for their functions and sections) and this text on
# stdin, and at its end
#   doctor sccache=DIR bazel-remote=DIR cargo=DIR port=4226 http=127.0.0.1:9090 grpc=127.0.0.1:9092 workspace=DIR </dev/null
# Follows: warmbox.sh probe.sh status.sh
# Output is framed as the probe's. Values of variables and settings that are keys or tokens stay here.

DO_SESSION_SECONDS=10 # a shell that starts takes milliseconds
DO_LOG_LINES=40       # the end of a log that is looked at
DO_LEAST_KIB=262144   # a volume with less free than this, or than this part of it, is full
DO_LEAST_PERCENT=2
DO_EMPTY_SHA256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 # of a request without a body

doctor() {
  probe "$@"
  wb_paths
  st_slow &
  do_pid=$!
  do_rest=$(
    st_machine
    st_services
    do_words "$@"
    do_sessions
    do_daemons
    do_ports
    do_configs
    do_sccache_config
    do_dirs
    do_fillers
    do_store
    do_logs
    do_moon_programs
    for do_word; do
      case $do_word in workspace=*) do_workspace "$(absolute_path "${do_word#*=}")" ;; esac
    done
  )
  wait "$do_pid"
  printf '%s\n@@warmbox end\n' "$do_rest"
}

do_words() {
  do_grpc=127.0.0.1:9092 do_targets=
  do_as= # what reads the builder's own files runs as the builder, never as root
  [ -z "$pr_builder" ] || [ "$(id -u)" != 0 ] || do_as="sudo -n -u $pr_builder"
  for do_word; do
    case $do_word in
      grpc=*) do_grpc=${do_word#*=} ;;
      workspace=*) do_targets="$do_targets$pr_newline$(absolute_path "${do_word#*=}")/target" ;;
    esac
  done
}

# --- sessions: what a new shell of this user has in its environment ------------------------------------------------

do_sessions() {
  do_shell=$(awk -F: -v user="$pr_user" '$1 == user { print $7 }' /etc/passwd 2>/dev/null)
  case $do_shell in */bash | */zsh | */dash | */sh | */ksh) [ -x "$do_shell" ] || do_shell=/bin/sh ;; *) do_shell=/bin/sh ;; esac
  do_moons=
  do_session login "$do_shell" -l
  case $do_shell in */bash | */zsh) do_session interactive "$do_shell" -i ;; esac
}

# do_session NAME SHELL OPTION: in a separate session, since an interactive shell would take the terminal.
do_session() {
  print_section "session $1 ${2##*/} $3"
  do_pam=
  [ "${WARMBOX_SCOPE:-user}" = user ] || do_pam=$(grep -h '^[A-Z_]*=[^ ]*$' /etc/environment 2>/dev/null)
  # shellcheck disable=SC2016,SC2086 # for the new shell to expand; one word a line
  do_env=$($do_as env -i $do_pam HOME="$HOME" USER="$pr_user" LOGNAME="$pr_user" SHELL="$2" TERM=dumb PATH=/usr/local/bin:/usr/bin:/bin \
    timeout -k 1 "$DO_SESSION_SECONDS" setsid "$2" "$3" -c 'printf "\n@@environment\n"; env; printf "moon %s\n" "$(command -v moon)"' \
    2>/dev/null </dev/null | sed '1,/^@@environment$/d' | do_variables)
  [ -z "$do_env" ] || printf '%s\n' "$do_env"
  case $do_env in *'|moon '*) do_moons="$do_moons$pr_newline${do_env##*|moon }" ;; esac
}

# Lines NAME=VALUE that the tools read, as facts; what could be a secret without its value.
do_variables() {
  awk '
		/^moon / { if ($2 != "") print "|" $0; next }
		/^(MOON|SCCACHE|CARGO)_[A-Z0-9_]*=|^(RUSTFLAGS|RUSTDOCFLAGS|RUSTC_WRAPPER|CI)=/ {
			name = $0; sub(/=.*/, "", name)
			if (name ~ /TOKEN|SECRET|PASSWORD|CREDENTIAL|_KEY$|_KEY_ID$/) print "|" name "=(hidden)"; else print "|" $0
		}'
}

# --- daemons and ports ---------------------------------------------------------------------------------------------

do_daemons() {
  for do_dir in /proc/[0-9]*; do
    pr_line=''
    pr_first_line "$do_dir/comm" 2>/dev/null || continue
    case $pr_line in sccache | bazel-remote*) do_daemon "${do_dir#/proc/}" "$pr_line" ;; esac
  done
}

do_daemon() {
  do_listens=$(do_listening "$1")
  [ "$2" != sccache ] || [ -n "$do_listens" ] || return 0 # a client
  print_section "daemon $1 $2"
  print_fact "exe $(readlink "/proc/$1/exe" 2>/dev/null)"
  [ -z "$do_listens" ] || printf '%s\n' "$do_listens" | sed 's/^/|listens /'
  awk '$1 == "Uid:" { print "|uid " $2 } $1 == "State:" { print "|state " $2 }' "/proc/$1/status" 2>/dev/null
  tr '\0' '\n' <"/proc/$1/environ" 2>/dev/null | grep -E '^(HOME|SCCACHE_(CONF|DIR|CACHE_SIZE))=' | sed 's/^/|env /'
}

# Ports that process $1 listens on.
do_listening() {
  # shellcheck disable=SC2012 # the links' targets are wanted
  { ls -l "/proc/$1/fd" 2>/dev/null | sed -n 's/.*socket:\[\([0-9]*\)\]$/\1/p' && port_listeners; } |
    awk 'NF == 1 { inodes[$1] } NF == 2 && ($2 in inodes) { print $1 }' |
    while read -r do_hex; do echo $((0x$do_hex)); done
}

do_ports() {
  do_port sccache "$pr_port"
  do_port http "${pr_http##*:}"
  do_port grpc "${do_grpc##*:}"
}

do_port() {
  print_section "port $1 $2"
  if wb_listen "$2"; then
    print_fact "held $(wb_port_holder)"
    do_free=$2
    while [ "$do_free" -lt 65535 ]; do
      do_free=$((do_free + 1))
      case " $pr_port ${pr_http##*:} ${do_grpc##*:} " in *" $do_free "*) continue ;; esac
      wb_listen "$do_free" || break
    done
    print_fact "free $do_free"
  fi
}

# --- settings as the files have them -------------------------------------------------------------------------------

do_configs() {
  for do_file in "$pr_cargo/config.toml" "$pr_cargo/config" "$pr_cargo/warmbox.toml" "$path_sccache_config" "$path_bazel_remote_config"; do
    do_config "$do_file"
  done
  for do_file in "$HOME/.profile" "$HOME/.bash_profile" "$HOME/.bash_login" "$HOME/.bashrc" "$HOME/.zshenv" "$HOME/.zprofile" "$HOME/.zshrc" \
    "$HOME"/.config/environment.d/*.conf /etc/environment /etc/profile /etc/bash.bashrc /etc/profile.d/*.sh; do
    do_shell_file "$do_file"
  done
  print_section wrapper
  if [ -x "$path_share/bin/rustc-wrapper" ]; then print_fact "path $path_share/bin/rustc-wrapper"; fi
}

# Lines of a TOML or YAML file that decide something about the caches: number, table, text.
do_config() {
  [ -r "$1" ] || return 0
  print_section "config $1"
  awk '
		{ sub(/\r$/, "") }
		/^[ \t]*\[/ { table = $0; sub(/^[ \t]*\[+[ \t]*/, "", table); sub(/[ \t]*\]+.*/, "", table) }
		/^[ \t]*#/ { next }
		/rustc-wrapper|incremental|target-dir|trim-paths|remap-path-prefix|rw_mode|access_log_level|unstable_remote|host:|max_size|^size|^dir/ {
			print "|" FNR "\t" table "\t" $0
		}' "$1"
}

# Lines of a file that sessions read; what warmbox wrote itself is not the user's.
do_shell_file() {
  case $1 in */60-warmbox.conf | */profile.d/warmbox.sh) return 0 ;; esac
  [ -r "$1" ] || return 0
  print_section "config $1"
  awk '
		/^# >>> warmbox / { in_block = 1 }
		/^# <<< warmbox / { in_block = 0 }
		in_block || /^[ \t]*#/ { next }
		/(MOON|SCCACHE|CARGO)_[A-Z0-9_]*=|(RUSTFLAGS|RUSTC_WRAPPER)=/ {
			if ($0 ~ /TOKEN|SECRET|PASSWORD|CREDENTIAL|_KEY=|_KEY_ID=/) sub(/=.*/, "=(hidden)")
			print "|" FNR "\t\t" $0
		}' "$1"
}

# Whether sccache reads its file at all: one that it cannot read fails every compile. No server is asked or started.
do_sccache_config() {
  print_section sccache-config
  IFS=$pr_newline
  for do_path in $(uploaded_tools sccache) $(pr_candidates sccache); do
    print_fact "path $do_path"
    do_said=$(env -i HOME="$HOME" SCCACHE_CONF="$path_sccache_config" SCCACHE_SERVER_PORT=1 timeout -k 1 "$PR_ANSWER_SECONDS" "$do_path" --show-stats 2>&1 >/dev/null)
    print_fact "code $?"
    printf '%s\n' "$do_said" | sed 's/^/|said /'
    break
  done
  unset IFS
}

# --- directories and logs --------------------------------------------------------------------------------------------

do_dirs() {
  for do_word in "sccache $pr_sccache" "bazel-remote $pr_bazel"; do
    print_section "dir $do_word"
    do_at=${do_word#* }
    [ -d "$do_at" ] || continue
    print_fact exists
    if [ -w "$do_at" ]; then print_fact writable; fi
  done
  # The last one is bazel-remote's: anything but its own three folders stops its next start.
  for do_entry in "$do_at"/* "$do_at"/.[!.]*; do
    case ${do_entry##*/} in ac.v2 | cas.v2 | raw.v2 | lost+found | .DS_Store) continue ;; esac
    if [ -e "$do_entry" ] || [ -h "$do_entry" ]; then print_fact "stray ${do_entry##*/}"; fi
  done
}

# What may be deleted from a full volume: other programs' caches (XDG calls them non-essential) and what the workspaces'
# builds left, but no cache of warmbox's. Counted only where a volume is full, and only within the time limit.
do_fillers() {
  do_full=$(df -P -k "$pr_sccache" "$pr_bazel" "$pr_cargo" 2>/dev/null | awk -v kib=$DO_LEAST_KIB -v part=$DO_LEAST_PERCENT '
		NR > 1 && ($4 < kib || $4 < $2 / 100 * part) { print $6 }' | sort -u)
  [ -n "$do_full" ] || return 0
  print_section fillers
  IFS=$pr_newline
  for do_at in "$HOME"/.cache/* $do_targets; do
    case $do_at in "$pr_sccache" | "$pr_bazel" | "$HOME/.cache/warmbox" | *'*') continue ;; esac
    do_mount=$(df -P -k "$do_at" 2>/dev/null | awk 'NR == 2 { print $6 }')
    case "$pr_newline$do_full$pr_newline" in *"$pr_newline$do_mount$pr_newline"*) ;; *) continue ;; esac
    do_kib=$(run_bounded "$PR_ANSWER_SECONDS" du -xsk "$do_at" 2>/dev/null | cut -f 1)
    print_fact "filler ${do_kib:-0}	$do_mount	$do_at"
  done
  unset IFS
}

# Whether the S3 server answers, and whether it accepts the keys: they go through a pipe, never on a command line. curl
# signs all that S3 requires since 7.87; an older one only shows that there is no answer.
do_store() {
  do_endpoint=$(do_key endpoint)
  [ -n "$do_endpoint" ] || return 0
  print_section store
  print_fact "endpoint $do_endpoint"
  has_program curl || return 0
  do_keys=$path_config/s3-credentials
  do_code=$({ [ ! -r "$do_keys" ] || sed -n 's/^aws_access_key_id *= *//p; s/^aws_secret_access_key *= *//p' "$do_keys" | paste -s -d : - | sed 's/.*/user = "&"/'; } |
    run_bounded "$PR_ANSWER_SECONDS" curl -sS -K - -o /dev/null -w '%{http_code}' -H "x-amz-content-sha256: $DO_EMPTY_SHA256" \
      --aws-sigv4 "aws:amz:$(do_key region):s3" "$do_endpoint/$(do_key bucket)/?max-keys=1" 2>/dev/null)
  do_signs=$(curl --version 2>/dev/null | awk 'NR == 1 { split($2, v, "."); print (v[1] * 100 + v[2] >= 787) }')
  if [ "$do_signs" = 1 ] || [ "$do_code" = 000 ]; then print_fact "code ${do_code:-000}"; fi
}

# A value of sccache's file, which only one of its tables has.
do_key() { sed -n "s/^$1 *= *\"\(.*\)\"\$/\1/p" "$path_sccache_config" 2>/dev/null | sed -n 1p; }

do_logs() {
  for do_name in sccache bazel-remote; do
    do_file=$path_log/$do_name.log
    if [ -r "$do_file" ]; then
      print_section "log $do_name $(($(wc -c <"$do_file"))) $do_file"
      tail -n "$DO_LOG_LINES" "$do_file" | sed 's/^/|/'
    elif has_program journalctl && [ -d /run/systemd/system ]; then
      print_section "log $do_name 0 journal"
      do_unit='--unit'
      [ "${WARMBOX_SCOPE:-user}" = system ] || do_unit='--user-unit'
      run_bounded "$PR_ANSWER_SECONDS" journalctl "$do_unit" "$do_name" -o cat -n "$DO_LOG_LINES" --no-pager 2>/dev/null | sed 's/^/|/'
    fi
  done
}

# Every moon that a session would run, and warmbox's.
do_moon_programs() {
  IFS=$pr_newline
  for do_path in $(printf '%s\n' "$(uploaded_tools moon)" "$do_moons" | sort -u); do do_moon "$do_path"; done
  unset IFS
}

do_moon() {
  print_section "moon-program $1"
  print_fact "version $(run_bounded "$PR_ANSWER_SECONDS" "$1" --version 2>/dev/null | sed -n '1s/^moon //p')"
}

# --- workspaces ------------------------------------------------------------------------------------------------------

do_workspace() {
  print_section "workspace $1"
  [ -d "$1" ] || { print_fact missing && return; }
  if has_program git && $do_as git -C "$1" rev-parse --is-inside-work-tree >/dev/null 2>&1; then print_fact git; fi
  for do_file in "$1"/.moon/*; do
    case $do_file in
      *.yml | *.yaml | *.jsonc | *.json | *.pkl | *.hcl | *.toml)
        do_state=$($do_as git -C "$1" status --porcelain --ignored -- "$do_file" 2>/dev/null | cut -c 1-2)
        print_fact "hashed ${do_state:-==} ${do_file#"$1"/}"
        ;;
    esac
  done
  for do_file in "$1/Cargo.toml" "$1/.cargo/config.toml" "$1/.cargo/config" "$1"/.moon/workspace.*; do do_config "$do_file"; done
}
