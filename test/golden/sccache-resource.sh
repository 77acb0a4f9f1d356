library="$HOME/.local/share/warmbox/warmbox.sh"
[ -r "$library" ] || { echo "warmbox: $library is missing; next: run pulumi up, which puts it back" >&2; exit 69; }
. "$library"
resource sccache owner=local generation=3
directory .cache/sccache 0700
put .config/sccache/config 0644 check=sccache reader=/home/ci/.local/share/warmbox/tools/sccache/1.0.0/sccache <<'WARMBOX-END'
# Written by warmbox; `pulumi up` writes it again. More keys: sccache.settings of the stack.
server_startup_timeout_ms = 20000

[cache.disk]
dir = "/home/ci/.cache/sccache"
# 30 GiB in bytes: this key takes no fractions and no GiB
size = 32212254720
WARMBOX-END
put .local/share/warmbox/run/sccache 0755 check=sh <<'WARMBOX-END'
#!/bin/sh
# Written by warmbox: the sccache server in the foreground.
umask 022 # the server writes the outputs of builds: with the mode that rustc would give them
ulimit -n "$(ulimit -H -n)" # every compile in flight holds all its sources open
env -i HOME=/home/ci SCCACHE_CONF=/home/ci/.config/sccache/config SCCACHE_SERVER_PORT=4226 timeout 12 /home/ci/.local/share/warmbox/tools/sccache/1.0.0/sccache --stop-server >/dev/null 2>&1
exec env -i \
  HOME=/home/ci \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  SCCACHE_CONF=/home/ci/.config/sccache/config \
  SCCACHE_SERVER_PORT=4226 \
  SCCACHE_IDLE_TIMEOUT=0 \
  SCCACHE_START_SERVER=1 \
  SCCACHE_NO_DAEMON=1 \
  /home/ci/.local/share/warmbox/tools/sccache/1.0.0/sccache
WARMBOX-END
service sccache kind=process file=.local/share/warmbox/run/sccache ready='tcp 127.0.0.1:4226' ready_timeout=30 stop='env -i HOME=/home/ci SCCACHE_CONF=/home/ci/.config/sccache/config SCCACHE_SERVER_PORT=4226 timeout 15 /home/ci/.local/share/warmbox/tools/sccache/1.0.0/sccache --stop-server' stop_timeout=20 log=.local/state/warmbox/log/sccache.log
live sccache of=.config/sccache/config '$1 == "[cache.disk]" { disk = 1 } disk && $1 == "size" { print "max_cache_size " $3; exit }' 'env -i HOME=/home/ci SCCACHE_CONF=/dev/null SCCACHE_DIR=/dev/null SCCACHE_CACHE_SIZE=1 SCCACHE_SERVER_PORT=4226 timeout 10 /home/ci/.local/share/warmbox/tools/sccache/1.0.0/sccache --show-stats --stats-format=json | sed -n '\''s/.*"max_cache_size":\([0-9][0-9]*\).*/max_cache_size \1/p'\'''
"$@"
