library="$HOME/.local/share/warmbox/warmbox.sh"
[ -r "$library" ] || { echo "warmbox: $library is missing; next: run pulumi up, which puts it back" >&2; exit 69; }
. "$library"
resource bazel-remote owner=local generation=3
directory .cache/bazel-remote 0700
put .config/bazel-remote/config.yaml 0644 check=bazel-remote reader=/home/ci/.local/share/warmbox/tools/bazel-remote/1.0.0/bazel-remote <<'WARMBOX-END'
# Written by warmbox; `pulumi up` writes it again. More keys: bazel-remote.settings of the stack.

dir: /home/ci/.cache/bazel-remote
# GiB, whole ones. Bounded by the RAM of the index before the disk.
max_size: 50
storage_mode: zstd
# Both addresses always: one that is left out listens on a random port on every interface.
http_address: 127.0.0.1:9090
grpc_address: 127.0.0.1:9092
# The default logs every request: gigabytes a day.
access_log_level: none
# Hits and evictions, for `npm run status`.
enable_endpoint_metrics: true
WARMBOX-END
put .local/share/warmbox/run/bazel-remote 0755 check=sh <<'WARMBOX-END'
#!/bin/sh
# Written by warmbox: bazel-remote in the foreground.
umask 027 # other users cannot read what builds put out
ulimit -n 40300 2>/dev/null || ulimit -n "$(ulimit -H -n)"
exec 9</home/ci/.cache/bazel-remote && flock -n 9 || { # two of them on one directory start happily and spoil each other's accounting
  echo "warmbox: bazel-remote: another process has "/home/ci/.cache/bazel-remote >&2
  exit 75
}
exec env -i \
  HOME=/home/ci \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  GOMEMLIMIT=4096MiB \
  GOGC=50 \
  /home/ci/.local/share/warmbox/tools/bazel-remote/1.0.0/bazel-remote --config_file /home/ci/.config/bazel-remote/config.yaml
WARMBOX-END
service bazel-remote kind=process file=.local/share/warmbox/run/bazel-remote ready='http 127.0.0.1:9090/status 127.0.0.1:9092' ready_timeout=780 stop_timeout=120 log=.local/state/warmbox/log/bazel-remote.log
put .local/share/warmbox/bin/http-get 0755 check=sh <<'WARMBOX-END'
#!/bin/sh
# --- http: a client for services of this host. No client is on every host: curl, else wget (busybox has one), else bash

# http_get HOST PORT /PATH SECONDS: prints the body of an answer with status 200. It replaces the shell: call it in a
# subshell. HOST may be an IPv6 address, in brackets or not: curl and wget need them, bash's sockets refuse them.
http_get() {
  unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
  set -- "${1#\[}" "$2" "$3" "$4"
  set -- "${1%\]}" "$2" "$3" "$4"
  local host="$1"
  case $1 in *:*) host="[$1]" ;; esac
  if command -v curl >/dev/null 2>&1; then
    exec curl -fsS --max-time "$4" "http://$host:$2$3"
  elif command -v wget >/dev/null 2>&1; then # without -T, under which a static busybox crashes
    exec timeout "$4" wget -q -O - "http://$host:$2$3"
  elif command -v bash >/dev/null 2>&1; then
    # shellcheck disable=SC2016 # bash expands them
    exec timeout "$4" bash --norc -c '
      exec 3<>"/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$3" "$1" >&3 &&
        IFS=" " read -r version code rest <&3 && [ "$code" = 200 ] && sed "1,/^.\{0,1\}$/d" <&3' bash "$1" "$2" "$3"
  fi
  echo "warmbox: http-get: this host has neither curl, wget nor bash; next: install one of them" >&2
  exit 69
}
# Written by warmbox: http-get HOST PORT /PATH [SECONDS] prints what a service of this host answers.
# Needs: lib/http.sh

http_get "$1" "$2" "$3" "${4:-5}"
WARMBOX-END
live bazel-remote of=.config/bazel-remote/config.yaml '$1 == "max_size:" { printf "MaxSize %.0f\n", $2 * 1073741824 }' '/home/ci/.local/share/warmbox/bin/http-get 127.0.0.1 9090 /status | sed -n '\''s/.*"MaxSize": *\([0-9][0-9]*\).*/MaxSize \1/p'\'''
"$@"
