import { shellWord } from "../../stacks/shell.ts";

/** What cargo's `rustc-wrapper` needs to know of the sccache it stands in front of. */
export interface RustcWrapper {
  /** Absolute path of the binary; its file name must be `sccache` (under another name it takes itself for a compiler). */
  readonly sccachePath: string;
  /** Absolute path of sccache's own configuration file; sizes and backends stand there and nowhere else. */
  readonly confPath: string;
  /** TCP port of the server on 127.0.0.1; sccache has no file key for it. */
  readonly port: number;
  /** A server that does not listen this long after a client asked for it is given up. Default {@link START_LIMIT_SECONDS}. */
  readonly startLimitSeconds?: number;
  /** A client that waited this long while the server compiled nothing is given up. Default {@link STORE_LIMIT_SECONDS}. */
  readonly storeLimitSeconds?: number;
}

/** Longer than sccache's own limit (10 s, `server_startup_timeout_ms`), which is the one that normally ends a hung start. */
export const START_LIMIT_SECONDS = 30;
/** How often a build's guard looks. Short enough to end with its build, long enough to cost nothing. */
export const GUARD_TICK_SECONDS = 3;
/** A server that leaves `--show-stats` unanswered this long hangs: on a loaded box the answer takes milliseconds. */
export const ANSWER_LIMIT_SECONDS = 10;
/**
 * A server that compiles nothing for so long and yet lets a client wait is waiting for its store: sccache 0.19 waits 60 s
 * for each read of an S3 that takes connections and never answers. An object of a slow store takes a few seconds.
 */
export const STORE_LIMIT_SECONDS = 30;
/** After sccache broke, this build goes on without it this long before it is tried again. */
export const BYPASS_SECONDS = 60;

/**
 * Variables that replace a whole table of the configuration file (sccache: the environment wins per table, not per
 * key), send the client to another server, or make it something else than a client.
 * Left to the caller: SCCACHE_RECACHE, SCCACHE_NO_CACHE, SCCACHE_CLIENT_SIDE, SCCACHE_LOG, SCCACHE_ERROR_LOG, credentials.
 */
export const OVERRIDING_ENVIRONMENT: readonly string[] = [
  ...["CACHE_SIZE", "DIR", "DIRECT", "LOCAL_RW_MODE", "BASEDIRS", "CACHED_CONF"],
  ...["SERVER_UDS", "START_SERVER", "STARTUP_NOTIFY", "NO_DAEMON"],
  ...["MULTILEVEL_CHAIN", "MULTILEVEL_WRITE_ERROR_POLICY"],
  ...["BUCKET", "ENDPOINT", "REGION", "S3_KEY_PREFIX", "S3_NO_CREDENTIALS", "S3_RW_MODE", "S3_USE_SSL"],
  ...["S3_ENABLE_VIRTUAL_HOST_STYLE", "S3_SERVER_SIDE_ENCRYPTION"],
  ...["S3_SERVER_SIDE_ENCRYPTION_AWS_KMS", "S3_SERVER_SIDE_ENCRYPTION_KMS_KEY_ID"],
  ...["GCS_BUCKET", "GCS_CREDENTIALS_URL", "GCS_KEY_PATH", "GCS_KEY_PREFIX", "GCS_OAUTH_URL", "GCS_RW_MODE"],
  ...["GCS_SERVICE_ACCOUNT", "GHA_ENABLED", "GHA_RW_MODE", "GHA_VERSION"],
  ...[
    "AZURE_BLOB_CONTAINER",
    "AZURE_CONNECTION_STRING",
    "AZURE_ENDPOINT",
    "AZURE_KEY_PREFIX",
    "AZURE_RW_MODE",
  ],
  ...["MEMCACHED", "MEMCACHED_ENDPOINT", "REDIS", "REDIS_ENDPOINT", "REDIS_CLUSTER_ENDPOINTS"],
  ...["WEBDAV_ENDPOINT", "OSS_BUCKET", "OSS_ENDPOINT", "COS_BUCKET", "COS_ENDPOINT"],
].map((name) => `SCCACHE_${name}`);

/**
 * The script that cargo runs as `build.rustc-wrapper`: sccache in front of rustc, and rustc alone when sccache itself
 * breaks, so that no build fails because of the cache. The good path forks nothing but sccache.
 *
 * - rustc's own exit codes, output and diagnostics pass through. sccache reports a rustc that died by a signal with the
 *   codes of its own faults (2, 254): such a rustc runs once more without it, and cargo then sees the signal itself.
 * - Hung servers: the first call of each build starts one small process, the build's guard, which ends with the build.
 *   When a client waits and the server does not answer, or answers and compiles nothing (its store hangs), the guard ends
 *   the client (SIGUSR2; sccache catches USR1) and rustc runs instead. A long compile is never cut: its server answers,
 *   and has a compiler below it. Bound: tick + limit, once per bypass window and build.
 * - The guard and the bypass live in one file per build (parent pid and its start time) in XDG_RUNTIME_DIR or /tmp;
 *   where neither can be written, a hung server is not bounded; everything else still holds.
 */
export function rustcWrapper(options: RustcWrapper): string {
  const { sccachePath, confPath, port } = options;
  const { startLimitSeconds = START_LIMIT_SECONDS, storeLimitSeconds = STORE_LIMIT_SECONDS } = options;
  return `#!/bin/sh
# Written by warmbox: cargo's rustc-wrapper. sccache in front of rustc; rustc alone when sccache itself breaks.
sccache=${shellWord(sccachePath)}
SCCACHE_CONF=${shellWord(confPath)}
SCCACHE_SERVER_PORT=${port}
SCCACHE_IDLE_TIMEOUT=0 # a server that a client has to start lives on, like the service
SCCACHE_SKIP_CACHE_CHECK=1 # and asks its store for nothing before it listens
export SCCACHE_CONF SCCACHE_SERVER_PORT SCCACHE_IDLE_TIMEOUT SCCACHE_SKIP_CACHE_CHECK
${wrapped("unset", OVERRIDING_ENVIRONMENT)}

# sccache refuses to run at all under these; whoever sets them wants an incremental build, not a cached one.
case \${CARGO_INCREMENTAL-}/\${CARGO_BUILD_INCREMENTAL-} in 1/* | */1) exec "$@" ;; esac

# start_time PID: when that process started; with its pid it names one process for ever.
start_time() {
  started=
  IFS= read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  start_time_field \${stat##*) }
}
start_time_field() { started=\${20-}; }

# The file of this build: empty = sccache in use; else the uptime (seconds) at which it broke, and why.
build=
if start_time "$PPID" 2>/dev/null; then
  room=\${XDG_RUNTIME_DIR-}
  [ -n "$room" ] && [ -d "$room" ] && [ -w "$room" ] || room=/tmp
  build=$room/warmbox-build.$PPID.$started
fi
ours() { [ -n "$build" ] && [ -f "$build" ] && [ ! -L "$build" ] && [ -O "$build" ]; }

# Questions that cargo asks before it compiles: it shows nobody what is said there.
probing() { case " $* " in *" -vV "* | *" --print"* | *" ___ "*) return 0 ;; esac; return 1; }

# broken WHY: this build goes on without sccache for a while; said once, where a person sees it.
broken() {
  IFS=' .' read -r now rest </proc/uptime
  told=told
  if [ "$quiet" ]; then told=untold; else tell "$1"; fi
  if ours; then echo "$now $told $1" >"$build"; fi
}
tell() { echo "warmbox: sccache: $1; compiling without the cache (next step: ./warmbox doctor)" >&2; }
quiet=
if probing "$@"; then quiet=1; fi

# Processes of this build that wait for the server: sccache clients with no compiler of their own below them. Last the
# word "compiling", where a server has a compiler below it.
waiting() {
  own= # a server of another user is not ours to wait for
  for each in /proc/[0-9]*; do [ ! -O "$each" ] || own="$own $each/stat"; done
  cat $own 2>/dev/null | awk -v build="$PPID" '
    { pid = $1; name = $0; sub(/^[^(]*\\(/, "", name); sub(/\\)[^)]*$/, "", name)
      rest = $0; sub(/^.*\\) /, "", rest); split(rest, field, " ")
      comm[pid] = name; parent[pid] = field[2]
      if (name != "sccache" && field[1] != "Z") busy[field[2]] = 1 } # a stopped server collects none of its dead
    END { for (pid in comm) if (comm[pid] == "sccache") {
        if (parent[parent[pid]] == build) { if (!(pid in busy)) print pid }
        else if (pid in busy && comm[parent[pid]] != "rustc-wrapper") compiling = "compiling" }
      print compiling }'
}
listening() { awk -v port="$(printf '%04X' "$SCCACHE_SERVER_PORT")" \\
  '$4 == "0A" && substr($2, length($2) - 3) == port { found = 1 } END { exit !found }' /proc/net/tcp; }

# hangs: the server leaves a question unanswered. These are timeout's codes for what it ended, and for nothing else.
hangs() {
  timeout -k 1 ${ANSWER_LIMIT_SECONDS} "$sccache" --show-stats
  case $? in 124 | 137 | 143) return 0 ;; esac
  return 1
}
give_up() { for client in "$@"; do kill -USR2 "$client"; done; }

guard() {
  born=$started absent=0 idle=0 stuck=
  while sleep ${GUARD_TICK_SECONDS}; do
    start_time "$PPID" && [ "$started" = "$born" ] || break
    waiting=$(waiting)
    clients=\${waiting%compiling}
    [ -n "$clients" ] || { absent=0 idle=0 stuck= && continue; }
    if ! listening; then
      absent=$((absent + ${GUARD_TICK_SECONDS}))
      if [ "$absent" -ge ${startLimitSeconds} ]; then absent=0 && give_up $clients; fi
      continue
    fi
    absent=0
    if hangs; then give_up $clients && continue; fi
    [ "$waiting" = "$clients" ] || continue
    # The clients that have waited at every idle tick since the first of them came.
    kept=
    for client in $clients; do
      case " $stuck " in *" $client "*) kept="$kept $client" ;; esac
    done
    if [ "$kept" ]; then stuck=$kept idle=$((idle + ${GUARD_TICK_SECONDS})); else stuck=$(echo $clients) idle=0; fi
    if [ "$idle" -ge ${storeLimitSeconds} ]; then idle=0 && give_up $stuck; fi
  done
  rm -f "$build"
}

if ours; then
  since=
  read -r since told why <"$build"
  IFS=' .' read -r now rest </proc/uptime
  if [ -n "$since" ] && [ $((now - since)) -lt ${BYPASS_SECONDS} ]; then
    if [ "$told$quiet" = untold ]; then
      tell "$why"
      echo "$since told $why" >"$build"
    fi
    exec "$@"
  fi
elif [ -n "$build" ]; then
  # Only the call that makes the file starts the guard; noclobber makes that one atomic step.
  set -C
  if { true >"$build"; } 2>/dev/null; then
    # exec, because a shell that redirects one command keeps the caller's pipes open beside it: cargo reads until they close.
    (exec </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; guard) &
  fi
  set +C
fi

if [ ! -f "$sccache" ] || [ ! -x "$sccache" ] || [ ! -s "$sccache" ]; then
  broken "$sccache is missing, empty or not executable"
  exec "$@"
elif [ ! -r "$SCCACHE_CONF" ]; then
  broken "$SCCACHE_CONF cannot be read" # sccache would go on without a word, with 10 GiB in another directory
  exec "$@"
fi

"$sccache" "$@"
code=$?
case $code in
  2 | 253 | 254) broken "it failed itself (exit code $code)" ;;
  126 | 127) broken "it cannot be run (exit code $code)" ;;
  140) broken "its server on port $SCCACHE_SERVER_PORT, or the store behind that, does not answer" ;;
  129 | 137 | 143) broken "it was ended (signal $((code - 128)))" ;; # it alone: a signal to the whole build ends this script
  132 | 134 | 135 | 136 | 138 | 139 | 159) broken "it crashed (signal $((code - 128)))" ;;
  *) exit "$code" ;;
esac
exec "$@"
`;
}

/** A command with many words, broken into lines a person can read. */
function wrapped(command: string, words: readonly string[]): string {
  const lines = [command];
  for (const word of words) {
    const last = lines[lines.length - 1] ?? "";
    if (last.length + word.length < 108) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines.join(" \\\n");
}
