import { shellWord } from "./rustc-wrapper.ts";

/** What the front of moon needs to know. */
export interface MoonWrapper {
  /** Absolute path of the real moon; where it is not there, the next `moon` on PATH. */
  readonly moonPath: string;
  /** Absolute path of our `http-get` (http-get.ts). */
  readonly httpGetPath: string;
  /** `host:port` of bazel-remote's HTTP side: what hangs there hangs on the gRPC side too, and no host has a gRPC client. */
  readonly httpAddress: string;
}

/** How often the server of a running moon is asked whether it lives. */
export const MOON_TICK_SECONDS = 10;
/** A question takes milliseconds; a server that needs longer hangs, or its index is being read. */
export const MOON_ANSWER_SECONDS = 3;
/** So many questions in a row without an answer end moon: the server may be busy for one of them. */
export const MOON_STRIKES = 2;

/**
 * The script `moon` that {@link warmboxRun} puts before the real one on PATH. moon 2.5 waits up to an hour for a server
 * that takes connections and never answers, and then ignores SIGTERM and SIGINT.
 *
 * - Before moon starts: a server that does not answer is left out (`MOON_REMOTE_HOST=`), said in one line.
 * - While moon runs: when the server stops to answer, moon is ended (SIGKILL, its tasks by SIGTERM) and runs once more
 *   without it. Honest long tasks are never cut, since there is no limit on time as such.
 * - Without MOON_REMOTE_HOST, or with a server that refuses connections (moon copes), it is the real moon, by exec.
 */
export function moonWrapper({ moonPath, httpGetPath, httpAddress }: MoonWrapper): string {
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(httpAddress) ?? [];
  const ask = `${shellWord(httpGetPath)} ${shellWord(host.replace(/^\[|\]$/g, ""))} ${port} /status`;
  return `#!/bin/sh
# Written by warmbox: moon, and moon without its remote cache when that hangs.
moon=${shellWord(moonPath)}
if [ ! -x "$moon" ]; then
  # The next one on PATH that is not this script.
  moon=
  IFS=:
  for dir in $PATH; do
    if [ -x "$dir/moon" ] && ! [ "$dir/moon" -ef "$0" ]; then moon=$dir/moon && break; fi
  done
  unset IFS
  [ -n "$moon" ] || { echo "warmbox: moon: there is no moon on PATH" >&2; exit 127; }
fi
[ -n "\${MOON_REMOTE_HOST-}" ] || exec "$moon" "$@"

# hangs: true where the server takes the question and leaves it unanswered; every other trouble is moon's to tell.
hangs() {
  timeout -k 1 ${MOON_ANSWER_SECONDS} ${ask} >/dev/null 2>&1
  [ $? -ge 124 ]
}

if hangs; then
  echo "warmbox: moon: bazel-remote (${httpAddress}) does not answer; going on without the remote cache (next step: npm run doctor)" >&2
  MOON_REMOTE_HOST= exec "$moon" "$@"
fi

# below PID: every process that PID started, itself left out, and this watcher's own too.
below() {
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v top="$1" -v watcher="$2" '
    { pid = $1; rest = $0; sub(/^.*\\) /, "", rest); split(rest, field, " "); parent[pid] = field[2] }
    END { for (pid in parent) {
        at = pid; depth = 0
        while (at in parent && at != top && at != watcher && at > 1 && depth++ < 100) at = parent[at]
        if (at == top && pid != top) print (parent[pid] == top ? "moon" : "task"), pid } }'
}
watch() {
  read -r self rest </proc/self/stat
  strikes=0
  while sleep ${MOON_TICK_SECONDS} && [ -d "/proc/$$" ]; do
    if hangs; then strikes=$((strikes + 1)); else strikes=0; fi
    [ "$strikes" -ge ${MOON_STRIKES} ] || continue
    below "$$" "$self" | while read -r kind pid; do
      case $kind in moon) kill -STOP "$pid" ;; task) kill -TERM "$pid" ;; esac
    done
    below "$$" "$self" | while read -r kind pid; do
      case $kind in moon) kill -KILL "$pid" ;; esac
    done
    break
  done
}
(exec </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; watch) &
watcher=$!
"$moon" "$@"
code=$?
if [ "$code" -eq 137 ] && hangs; then
  echo "warmbox: moon: bazel-remote (${httpAddress}) stopped answering; once more without the remote cache (next step: npm run doctor)" >&2
  MOON_REMOTE_HOST= exec "$moon" "$@"
fi
kill "$watcher" 2>/dev/null
exit "$code"
`;
}
