# What this machine is, in one run and few forks: every fact raw, judged by host/facts.ts.
# Output: a line `@@warmbox SECTION [WORDS]`, then that section's lines, each after a `|`.
# Run as: sh -s, with warmbox.sh (host/scripts/warmbox/) and this text on stdin, and at its end one call such as
#   probe sccache=DIR bazel-remote=DIR cargo=DIR port=4226 http=127.0.0.1:9090 [docker=yes] </dev/null
# Follows: warmbox.sh
# Needs: lib/frame.sh lib/http.sh lib/paths.sh lib/ports.sh lib/tools.sh
# An empty DIR means the tool's default below HOME; docker is asked only where the stack wants it. Nothing is written, nothing is downloaded.

pr_tab='	'
pr_newline='
'
PR_COUNT_SECONDS=2  # a cache is counted this long at most; the rest is estimated from its evenly filled folders
PR_ANSWER_SECONDS=5 # a program asked for its version, or a daemon for its figures, has this long

probe() {
  case $- in *e*) pr_strict=e ;; *) pr_strict= ;; esac
  set +e +u # the library may run strictly; here an unavailable fact is left out
  LC_ALL=C
  export LC_ALL
  RUSTUP_AUTO_INSTALL=0 # a rustup proxy must not start a download
  export RUSTUP_AUTO_INSTALL
  pr_as_builder
  cd "${HOME:-/}" 2>/dev/null || cd /
  host_paths
  pr_words "$@"
  pr_host
  pr_machine | pr_then pr_slow | pr_then pr_drift # all three at once
  echo '@@warmbox end'
}

# Runs $1 while its input is still arriving, and prints its output after that input.
pr_then() {
  pr_out=$("$1" </dev/null)
  cat
  [ -z "$pr_out" ] || printf '%s\n' "$pr_out"
}

pr_machine() {
  pr_files
  pr_cgroups
  pr_systemd
  pr_cargo
  pr_processes
  pr_ledgers
  pr_disks
}

# What differs from the ledgers, as the library reports it.
pr_drift() {
  if ! has_program observe; then return; fi
  (
    [ -z "$pr_strict" ] || set -e
    observe
  )
  pr_status=$?
  [ "$pr_status" = 0 ] || print_section failed "$pr_status"
}

pr_first_line() { IFS= read -r pr_line <"$1" || :; }

pr_words() {
  pr_sccache='' pr_bazel='' pr_cargo='' pr_port=4226 pr_http='' pr_asked=''
  for pr_word; do
    pr_value=${pr_word#*=}
    case $pr_word in
      sccache=*) pr_sccache=$pr_value ;;
      bazel-remote=*) pr_bazel=$pr_value ;;
      cargo=*) pr_cargo=$pr_value ;;
      port=*) pr_port=$pr_value ;;
      http=*) pr_http=$pr_value ;;
      docker=yes) pr_asked=docker ;;
    esac
  done
  pr_sccache=$(absolute_path "${pr_sccache:-.cache/sccache}")
  pr_bazel=$(absolute_path "${pr_bazel:-.cache/bazel-remote}")
  pr_cargo=$(absolute_path "${pr_cargo:-${CARGO_HOME:-.cargo}}")
}

# In system scope root works for the user who builds: the one who called sudo, or the one whom the stack names. The host's
# home, registry and user are that user's.
pr_as_builder() {
  pr_builder=''
  if [ "${WARMBOX_SCOPE:-user}" != system ]; then return; fi
  pr_builder=${WARMBOX_BUILDER:-${SUDO_USER:-}}
  case $pr_builder in
    '' | *[!A-Za-z0-9._@+-]*) pr_builder='' && return ;;
  esac
  eval "HOME=~$pr_builder" # every sh knows homes by name; stays as it is where there is no such user
  case $HOME in /*) ;; *) HOME='' ;; esac
}

pr_host() {
  print_section host
  print_fact "uname $(uname -s -m)"
  # shellcheck disable=SC2086 # no word at all where it is empty
  pr_id=$(id $pr_builder)
  print_fact "$pr_id"
  pr_uid=${pr_id#uid=} pr_uid=${pr_uid%%[!0-9]*}
  pr_user=${pr_id#*\(} pr_user=${pr_user%%\)*}
  print_fact "home ${HOME:-}"
  # shellcheck disable=SC3045 # dash, bash and busybox have -H
  print_fact "openfiles $(ulimit -H -n 2>/dev/null)"
  for pr_file in /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.* /lib/*-linux-gnu/libc.so.6 /lib/ld-musl-*; do
    if [ -e "$pr_file" ]; then print_fact "libc $pr_file"; fi
  done
}

# Kernel files as they are, in one fork; of the sockets only those that listen.
pr_files() {
  set --
  for pr_file in /proc/meminfo /proc/self/mounts /proc/self/status /proc/self/cgroup /proc/net/tcp /proc/net/tcp6; do
    if [ -r "$pr_file" ]; then set -- "$@" "$pr_file"; fi
  done
  awk '
		FNR == 1 { print "@@warmbox file " FILENAME }
		FILENAME ~ /\/tcp6?$/ { if ($4 == "0A") print "|" $2, $8, $10; next }
		FILENAME ~ /status$/ { if ($1 == "Cpus_allowed_list:") print "|" $0; next }
		FILENAME ~ /meminfo$/ { if ($1 ~ /^MemTotal:$/) print "|" $0; next }
		{ print "|" $0 }
	' "$@"
}

# Limits from this process's cgroup up to the visible root. In a container the path of /proc/self/cgroup may be one
# of the machine outside, which does not exist here: then the walk begins at the first folder above it that does.
pr_cgroups() {
  print_section cgroup
  while IFS=: read -r pr_id pr_kinds pr_path; do
    case $pr_id:$pr_kinds in
      0:) for pr_root in /sys/fs/cgroup /sys/fs/cgroup/unified; do pr_climb "$pr_root" "$pr_path" memory.max memory.high cpu.max; done ;;
      *)
        case ,$pr_kinds, in
          *,memory,*) pr_climb /sys/fs/cgroup/memory "$pr_path" memory.limit_in_bytes ;;
        esac
        case ,$pr_kinds, in
          *,cpu,*)
            pr_climb /sys/fs/cgroup/cpu "$pr_path" cpu.cfs_quota_us cpu.cfs_period_us
            if [ ! -d /sys/fs/cgroup/cpu ]; then pr_climb "/sys/fs/cgroup/$pr_kinds" "$pr_path" cpu.cfs_quota_us cpu.cfs_period_us; fi
            ;;
        esac
        ;;
    esac
  done </proc/self/cgroup
}

# pr_climb ROOT PATH FILE...
pr_climb() {
  pr_root=$1 pr_at=${2%/}
  shift 2
  if [ ! -d "$pr_root" ]; then return; fi
  while :; do
    for pr_name; do
      if [ -r "$pr_root$pr_at/$pr_name" ]; then
        pr_line=''
        pr_first_line "$pr_root$pr_at/$pr_name" 2>/dev/null
        print_fact "$pr_root$pr_at/$pr_name $pr_line"
      fi
    done
    if [ -z "$pr_at" ]; then return; fi
    pr_at=${pr_at%/*}
  done
}

pr_systemd() {
  print_section systemd
  pr_line=''
  if [ -r /proc/1/comm ]; then pr_first_line /proc/1/comm; fi
  print_fact "pid1 $pr_line"
  if [ -e "/var/lib/systemd/linger/$pr_user" ]; then print_fact "linger $pr_user"; fi
}

# Names of the settings in the user's cargo configuration, with line numbers; their values may be secrets and stay here,
# except those of `include` and of tables written on one line, whose quoted parts are emptied. warmbox's block is not
# the user's; its tables are named, because lines below the block belong to the last of them.
pr_cargo() {
  print_section cargo
  print_fact "home $pr_cargo"
  pr_file=$pr_cargo/config.toml
  if [ -e "$pr_cargo/config" ]; then pr_file=$pr_cargo/config; fi # cargo prefers the old name
  print_fact "config $pr_file"
  if [ ! -r "$pr_file" ]; then return; fi
  print_fact exists
  awk '
		{ sub(/\r$/, "") }
		$0 == "# >>> warmbox cargo" { in_block = 1 }
		$0 == "# <<< warmbox cargo" { in_block = 0 }
		open { print "|" FNR " include " $0; if ($0 ~ /\]/) open = 0; next }
		/^[ \t]*\[/ { line = $0; sub(/[ \t]*(#.*)?$/, "", line); sub(/^[ \t]*/, "", line); print "|" FNR " table " line; inside = 1; next }
		!inside && /^[ \t]*"?include"?[ \t]*=/ { print "|" FNR " include " $0; if ($0 !~ /\]/ && $0 ~ /\[/) open = 1; next }
		in_block { next }
		/^[ \t]*[A-Za-z0-9_"'\''.-][^=]*=[ \t]*\{/ { line = $0; gsub(/"[^"]*"/, "\"\"", line); gsub(/'\''[^'\'']*'\''/, "\"\"", line); print "|" FNR " inline " line; next }
		/^[ \t]*[A-Za-z0-9_"'\''.-][^=]*=/ { line = $0; sub(/[ \t]*=.*/, "", line); sub(/^[ \t]*/, "", line); print "|" FNR " key " line }
	' "$pr_file"
}

# warmbox's daemons and their sockets, so that their ports do not count as foreign.
pr_processes() {
  print_section processes
  pr_state=${XDG_STATE_HOME:-$HOME/.local/state}/warmbox
  pr_daemons=' '
  for pr_file in "$pr_state"/run/*.pid "$path_state"/run/*.pid /run/warmbox/*.pid; do
    if [ ! -r "$pr_file" ]; then continue; fi
    pr_line=''
    pr_first_line "$pr_file"
    pr_line=${pr_line#supervisor }
    pr_pid=${pr_line%% *}
    case $pr_pid in '' | *[!0-9]*) continue ;; esac
    print_fact "daemon $pr_pid $pr_file"
    pr_daemons="$pr_daemons$pr_pid "
    pr_line=''
    if [ -r "/proc/$pr_pid/task/$pr_pid/children" ]; then pr_first_line "/proc/$pr_pid/task/$pr_pid/children"; fi
    for pr_child in $pr_line; do
      print_fact "daemon $pr_child child of $pr_pid"
      pr_daemons="$pr_daemons$pr_child "
    done
  done
  set --
  for pr_dir in /proc/[0-9]*; do
    pr_line=''
    pr_first_line "$pr_dir/comm" 2>/dev/null || continue
    case $pr_daemons in *" ${pr_dir#/proc/} "*) pr_line=daemon ;; esac
    case $pr_line in
      daemon | sccache | bazel-remote* | versitygw)
        pr_process "${pr_dir#/proc/}"
        set -- "$@" "$pr_dir/fd"
        ;;
    esac
  done
  if [ $# = 0 ]; then return; fi
  # One ls for all: readlink of each would be a fork of each. It names the folders only where there are several.
  ls -l "$@" /proc/self/task 2>/dev/null | awk '
		/^\/proc\// { split($0, part, "/") }
		match($0, /socket:\[[0-9]+\]/) { print "|socket " part[3] " " substr($0, RSTART + 8, RLENGTH - 9) }'
}

pr_process() {
  pr_unit=''
  while IFS= read -r pr_line; do
    case $pr_line in *.service) pr_unit=${pr_line##*/} ;; esac
  done 2>/dev/null <"/proc/$1/cgroup"
  print_fact "process $1 $pr_unit"
}

# The sizes that were applied last, from the copies that the ledgers keep.
pr_ledgers() {
  print_section applied
  pr_applied sccache 'size *= *'
  pr_applied bazel-remote 'max_size: *'
}

# pr_applied RESOURCE KEY: prints the number behind KEY, a regular expression, in a file that the resource's ledger says
# was put.
pr_applied() {
  if [ ! -r "$path_state/$1/ledger" ]; then return; fi
  while IFS=$pr_tab read -r pr_kind pr_path pr_path _ pr_sha _; do
    if [ "$pr_kind" != put ] || [ ! -r "$path_state/$1/objects/$pr_sha" ]; then continue; fi
    pr_value=$(sed -n "/^$2/{s///;s/[^0-9].*//;p;q;}" "$path_state/$1/objects/$pr_sha")
    if [ -n "$pr_value" ]; then print_fact "$1 $pr_value" && return; fi
  done <"$path_state/$1/ledger"
}

pr_disks() {
  print_section disks
  print_fact "sccache $pr_sccache"
  print_fact "bazel-remote $pr_bazel"
  pr_nearest "$pr_sccache" && set -- "$pr_at"
  pr_nearest "$pr_bazel" && set -- "$1" "$pr_at"
  run_bounded "$PR_ANSWER_SECONDS" df -P -k "$@" 2>/dev/null | sed -n '2,$s/^/|df /p'
}

# The nearest folder above $1 that is there, into pr_at.
pr_nearest() {
  pr_at=$1
  while [ ! -e "$pr_at" ] && [ -n "$pr_at" ]; do pr_at=${pr_at%/*}; done
  pr_at=${pr_at:-/}
}

# Everything that waits for other programs, all at once. Each prints whole lines that name what they are of, after one
# single section line: lines of one write never mix.
pr_slow() {
  print_section slow
  for pr_tool in sccache bazel-remote moon cargo; do pr_tool "$pr_tool" & done
  pr_held sccache "$pr_sccache" &
  pr_held bazel-remote "$pr_bazel" &
  pr_docker &
  wait
}

pr_tool() {
  IFS=$pr_newline # a path may hold spaces
  for pr_path in $(pr_candidates "$1"); do
    pr_version=''
    case $1:$pr_path in
      bazel-remote:* | *:*/warmbox/tools/*) ;; # it has no --version, and would start; warmbox's have it in their path
      *) pr_version=$(run_bounded "$PR_ANSWER_SECONDS" "$pr_path" --version 2>/dev/null | sed -n 1p) ;;
    esac
    print_fact "tool $1$pr_tab$pr_path$pr_tab$pr_version"
  done
}

# The first on PATH or where installers put it, then warmbox's.
pr_candidates() {
  pr_first=$(command -v "$1" 2>/dev/null)
  case $pr_first in */share/warmbox/* | */lib/warmbox/*) pr_first='' ;; esac
  for pr_path in "$pr_first" "$pr_cargo/bin/$1" "$HOME/.cargo/bin/$1" "$HOME/.local/bin/$1" "/usr/local/bin/$1"; do
    case $pr_path in /*) if [ -x "$pr_path" ]; then printf '%s\n' "$pr_path" && break; fi ;; esac
  done
  uploaded_tools "$1"
}

# pr_held NAME DIR: the daemon's own figure where it answers, and a bounded count of the folders.
pr_held() {
  case $1 in
    sccache) pr_json=$(pr_sccache_stats) ;;
    *) pr_json=$(pr_get /status) ;;
  esac
  if [ -n "$pr_json" ]; then
    print_fact "live $1 $(printf '%s' "$pr_json" | tr -d '\n\r')"
    case $pr_json in *'"cache_size":null'* | *'"cache_size": null'*) ;; *) return ;; esac
  fi
  cd "$2" 2>/dev/null || return
  # Folders are named by hash and fill evenly: what is not counted in time is as full as what is.
  set -- "$1" */*
  if [ -e "$2" ]; then print_fact "count $1 $(($# - 1)) $(pr_count)"; fi
}

# Number and KiB of the folders below here that could be counted in time.
pr_count() {
  # shellcheck disable=SC2016 # expands in the inner shell
  run_bounded "$PR_COUNT_SECONDS" sh -c 'printf "%s\n" */* | xargs -n 64 du -sk' 2>/dev/null |
    awk '{ kib += $1; n++ } END { print n + 0, kib + 0 }'
}

pr_sccache_stats() {
  port_is_open "$pr_port" || return
  IFS=$pr_newline
  for pr_path in $(pr_candidates sccache); do
    SCCACHE_SERVER_PORT=$pr_port run_bounded "$PR_ANSWER_SECONDS" "$pr_path" --show-stats --stats-format=json 2>/dev/null && return
  done
}

# pr_get /PATH: what bazel-remote answers.
pr_get() {
  port_is_open "${pr_http##*:}" && (http_get "${pr_http%:*}" "${pr_http##*:}" "$1" "$PR_ANSWER_SECONDS") 2>/dev/null
}

# Asked as who Pulumi's docker plugin logs in as: it knows no sudo.
pr_docker() {
  if [ "$pr_asked" != docker ] || ! has_program docker; then return; fi
  set -- docker
  [ -z "${WARMBOX_LOGIN:-}" ] || set -- sudo -n -u "${SUDO_USER:-root}" docker
  pr_version=$(run_bounded "$PR_ANSWER_SECONDS" "$@" version --format '{{.Server.Version}}' 2>/dev/null) || return 0
  print_fact "docker $pr_version"
  pr_endpoint=$(run_bounded "$PR_ANSWER_SECONDS" "$@" context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)
  print_fact "docker_endpoint $pr_endpoint"
  pr_options=$(run_bounded "$PR_ANSWER_SECONDS" "$@" info --format '{{.SecurityOptions}}' 2>/dev/null)
  case $pr_options in *name=rootless*) print_fact "docker_rootless yes" ;; esac
}
