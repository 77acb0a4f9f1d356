import { shellWord } from "../../stacks/shell.ts";

/** What the front of moon needs to know. */
export interface MoonWrapper {
  /** Absolute path of the real moon; where it is not there, the next `moon` on PATH. */
  readonly moonPath: string;
  /** Absolute path of our `http-get` (http-get.ts). */
  readonly httpGetPath: string;
  /** `host:port` of bazel-remote's HTTP side: what hangs there hangs on the gRPC side too, and no host has a gRPC client. */
  readonly httpAddress: string;
  /** Value of MOON_REMOTE_HOST that means this bazel-remote; with another one it is the real moon, by exec. */
  readonly remoteHost: string;
  /** S3 or GCS is behind bazel-remote: it asks there without a limit, so the question must go there too. */
  readonly store: boolean;
  /** Defaults {@link MOON_TICK_SECONDS}, and {@link STORE_ANSWER_SECONDS} or {@link MOON_ANSWER_SECONDS}. */
  readonly tickSeconds?: number;
  readonly answerSeconds?: number;
}

/** How often the server of a running moon is asked whether it lives. */
export const MOON_TICK_SECONDS = 10;
/** A question takes milliseconds; a server that needs longer hangs, or its index is being read. */
export const MOON_ANSWER_SECONDS = 3;
/** A miss that goes through to S3: milliseconds; 2.4 to 3.5 s measured where S3 refuses connections, which is no hang. */
export const STORE_ANSWER_SECONDS = 15;
/** So many questions in a row without an answer end moon: the server may be busy for one of them. */
export const MOON_STRIKES = 2;
/** Time that tasks get to end after TERM; moon itself ignores TERM while it waits for a server. */
const TERM_SECONDS = 2;
/** A key that no task has: bazel-remote looks for it on its disk and then in the store, every time. */
const NO_TASK = `/ac/${"0".repeat(64)}`;
/** Longer than any limit here, which is the one to count: http-get's own ends a question with an ordinary code. */
const ASK_SECONDS = 600;
/** What the watcher ends with when it ended moon. */
const ENDED_MOON = 75;

/**
 * The script `moon` that stands before the real one on PATH. moon 2.5 waits up to an hour for a server that takes
 * connections and never answers, and then ignores SIGTERM and SIGINT.
 *
 * - A cache mode that moon does not know is refused: moon takes it for `read-write` without a word.
 * - Before moon starts: a server that does not answer is left out (`MOON_REMOTE_HOST=`), said in one line.
 * - While moon runs: when the server stops to answer, moon is ended (its tasks by SIGTERM first) and runs once more
 *   without it. Honest long tasks are never cut, since there is no limit on time as such.
 * - Any answer will do, such as 401 or that this port wants TLS. Behind a password or TLS the question does not reach
 *   the store, so that a hang there is not seen.
 * - Ended by a signal that reaches it alone, it leaves no moon behind.
 * - Without MOON_REMOTE_HOST it is the real moon, by exec; a server that refuses connections is moon's own matter.
 */
export function moonWrapper(options: MoonWrapper): string {
  const { moonPath, httpGetPath, httpAddress, remoteHost, store } = options;
  const { tickSeconds = MOON_TICK_SECONDS } = options;
  const { answerSeconds = store ? STORE_ANSWER_SECONDS : MOON_ANSWER_SECONDS } = options;
  const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(httpAddress) ?? [];
  const path = store ? NO_TASK : "/status";
  const ask = `${shellWord(httpGetPath)} ${shellWord(host.replace(/^\[|\]$/g, ""))} ${port} ${path} ${ASK_SECONDS}`;
  const server = `bazel-remote (${httpAddress})${store ? ", or the store behind it," : ""}`;
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

# mode WHERE WORD: moon takes every word it does not know for read-write, and would upload.
mode() {
  case $2 in '' | off | read | read-write | write) return 0 ;; esac
  case $(printf '%s' "$2" | tr '[:upper:]' '[:lower:]') in
    off | read | read-write | write) return 0 ;;
    *only* | ro) next="write read" ;;
    *) next="write one of these" ;;
  esac
  echo "warmbox: moon: $1=$2: wanted off, read, read-write or write; next: $next" >&2
  exit 64
}
mode MOON_CACHE "\${MOON_CACHE-}"
before=
for word in "$@"; do
  case $before/$word in
    */--) break ;; # what follows is the task's own
    --cache/*) mode --cache "$word" ;;
    */--cache=*) mode --cache "\${word#--cache=}" ;;
  esac
  before=$word
done
[ "\${MOON_REMOTE_HOST-}" = ${shellWord(remoteHost)} ] || exec "$moon" "$@"

# hangs: the question was taken and left unanswered. These are timeout's codes for what it ended, and for nothing else;
# every other trouble is moon's to tell.
hangs() {
  timeout -k 1 ${answerSeconds} ${ask} >/dev/null 2>&1
  case $? in 124 | 137 | 143) return 0 ;; esac
  return 1
}

if hangs; then
  echo "warmbox: moon: ${server} does not answer; going on without the remote cache (next step: ./warmbox doctor)" >&2
  MOON_REMOTE_HOST= exec "$moon" "$@"
fi

# below PID: every process that PID started, itself left out, and this watcher's own too; "moon" where it is PID's child.
below() {
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v top="$1" -v watcher="$self" '
    { pid = $1; rest = $0; sub(/^.*\\) /, "", rest); split(rest, field, " "); parent[pid] = field[2] }
    END { for (pid in parent) {
        at = pid; depth = 0
        while (at in parent && at != top && at != watcher && at > 1 && depth++ < 100) at = parent[at]
        if (at == top && pid != top) print (parent[pid] == top ? "moon" : "task"), pid } }'
}
# end_moon: moon gets no signal before its tasks are gone, or it would start them again; it may be a script of npm's that
# waits for the real one, which is a task here.
end_moon() {
  trap '' TERM
  all=$(below "$front")
  for pid in $(of moon); do kill -STOP "$pid"; done
  for pid in $(of task); do kill -TERM "$pid"; done
  sleep ${TERM_SECONDS}
  all="$all
$(below "$front")"
  for pid in $(of task) $(of moon); do kill -KILL "$pid"; done
  exit ${ENDED_MOON}
}
of() { printf '%s\\n' "$all" | sed -n "s/^$1 //p"; }
watch() {
  read -r self rest </proc/self/stat
  strikes=0 second=0 moon_pid=
  while sleep 1; do
    if [ ! -d "/proc/$front" ]; then
      # A signal ended the front alone: moon goes as it would have gone by that signal itself.
      kill -TERM $moon_pid && sleep ${TERM_SECONDS} && kill -KILL $moon_pid
      exit
    fi
    [ "$moon_pid" ] || { all=$(below "$front") && moon_pid=$(of moon); }
    second=$((second + 1))
    [ $((second % ${tickSeconds})) -eq 0 ] || continue
    if hangs; then strikes=$((strikes + 1)); else strikes=0; fi
    [ "$strikes" -lt ${MOON_STRIKES} ] || end_moon
  done
}
front=$$
(exec </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; watch) &
watcher=$!
"$moon" "$@"
code=$?
kill "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
if [ $? -eq ${ENDED_MOON} ]; then
  echo "warmbox: moon: ${server} stopped answering; once more without the remote cache (next step: ./warmbox doctor)" >&2
  MOON_REMOTE_HOST= exec "$moon" "$@"
fi
exit "$code"
`;
}
