#!/bin/sh
# Written by warmbox: http-get HOST PORT /PATH [SECONDS] prints what a service of this host answers.
# HOST may be an IPv6 address, in brackets or not: curl and wget need them, bash's sockets refuse them.
# No HTTP client is on every host: curl, else wget (busybox has one), else bash's own sockets.
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
seconds=${4:-5}
name=${1#\[} name=${name%\]}
case $name in *:*) host="[$name]" ;; *) host=$name ;; esac
if command -v curl >/dev/null; then
  exec curl -fsS --max-time "$seconds" "http://$host:$2$3"
elif command -v wget >/dev/null; then
  exec wget -q -T "$seconds" -O - "http://$host:$2$3"
elif command -v bash >/dev/null; then
  # shellcheck disable=SC2016 # bash expands them
  exec timeout "$seconds" bash --norc -c '
    exec 3<>"/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$3" "$1" >&3 &&
      IFS=" " read -r version code rest <&3 && [ "$code" = 200 ] && sed "1,/^.\{0,1\}$/d" <&3' bash "$name" "$2" "$3"
fi
echo "warmbox: http-get: this host has neither curl, wget nor bash; next: install one of them" >&2
exit 69
