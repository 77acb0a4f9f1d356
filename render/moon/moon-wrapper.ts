import { program } from "../lib/program.ts";

/** Values of moon's wrapper. */
export interface MoonWrapper {
  /** Absolute path of the real moon; where it is missing, the next `moon` on PATH is used. */
  readonly moonPath: string;
  /** Absolute path of `http-get` (host/scripts/bin/http-get.sh). */
  readonly httpGetPath: string;
  /** `host:port` of bazel-remote's HTTP side: what hangs there hangs on the gRPC side too, and no host has a gRPC client. */
  readonly httpAddress: string;
  /** Value of MOON_REMOTE_HOST that means this bazel-remote; with another value the wrapper is the real moon, by exec. */
  readonly remoteHost: string;
  /** S3 or GCS is behind bazel-remote: it queries that without a limit, so the check must reach it too. */
  readonly store: boolean;
  /** Defaults {@link MOON_TICK_SECONDS}, and {@link STORE_ANSWER_SECONDS} or {@link MOON_ANSWER_SECONDS}. */
  readonly tickSeconds?: number;
  readonly answerSeconds?: number;
}

/** Interval at which the server of a running moon is checked. */
export const MOON_TICK_SECONDS = 10;
/** A query takes milliseconds; a server that needs longer hangs, or its index is being read. */
export const MOON_ANSWER_SECONDS = 3;
/** A miss that goes through to S3: milliseconds; 2.4 to 3.5 s measured where S3 refuses connections, which is no hang. */
export const STORE_ANSWER_SECONDS = 15;
/** So many queries in a row without an answer end moon: the server may be busy for one of them. */
export const MOON_STRIKES = 2;
/** A key that no task has: bazel-remote looks for it on its disk and then in the store, every time. */
const NO_TASK = `/ac/${"0".repeat(64)}`;

/**
 * The script `moon` that PATH has before the real one. moon 2.5 waits up to an hour for a server that takes
 * connections and never answers, and then ignores SIGTERM and SIGINT.
 *
 * - A cache mode that moon does not know is refused: moon silently takes it for `read-write`.
 * - Before moon starts: a server that does not answer is left out (`MOON_REMOTE_HOST=`), with one line on stderr.
 * - While moon runs: when the server stops answering, moon is ended (its tasks by SIGTERM first) and runs once more
 *   without it. Long tasks are never ended: there is no limit on time.
 * - Any answer will do, such as 401 or that this port wants TLS. Behind a password or TLS the query does not reach
 *   the store, so a hang there is not noticed.
 * - Ended by a signal that reaches it alone, it leaves no moon behind.
 * - Without MOON_REMOTE_HOST it is the real moon, by exec; a server that refuses connections is left to moon.
 */
export function moonWrapper(options: MoonWrapper): string {
  const { httpAddress, store } = options;
  const [, host = "", port = ""] = /^\[?(.*?)\]?:(\d+)$/.exec(httpAddress) ?? [];
  return program("moon", {
    moon: options.moonPath,
    http_get: options.httpGetPath,
    server_host: host,
    server_port: port,
    server_path: store ? NO_TASK : "/status",
    server_name: `bazel-remote (${httpAddress})${store ? ", or the store behind it," : ""}`,
    remote_host: options.remoteHost,
    answer_seconds: options.answerSeconds ?? (store ? STORE_ANSWER_SECONDS : MOON_ANSWER_SECONDS),
    tick_seconds: options.tickSeconds ?? MOON_TICK_SECONDS,
    strikes_allowed: MOON_STRIKES,
  });
}
