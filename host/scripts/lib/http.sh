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
