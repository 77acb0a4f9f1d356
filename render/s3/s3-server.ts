import { below, scriptPath } from "../../plan/paths.ts";
import { credentialsPath, marked, pathsSeenBy, unitCredentials } from "../../plan/store.ts";
import { shellWord } from "../../stacks/shell.ts";
import type { S3Config } from "../../stacks/types.ts";
import { cleanEnv } from "../lib/clean-env.ts";
import { head, type ResourceInput } from "../lib/resource.ts";
import { resourceScript, type Step } from "../lib/script.ts";
import { STOP_SECONDS, s3ServerUnit } from "./s3-server-unit.ts";

/** Name of the unit in both scopes, without `.service`. */
export const S3_UNIT = "warmbox-s3";
/** Seconds until it must answer: it reads nothing at its start. */
const READY_SECONDS = 30;
/** What Go's runtime keeps at most: the server streams, and holds some requests' buffers at a time. */
const GOMEMLIMIT = "256MiB";

/** An S3 server as a service of one host. */
export type S3ServerInput = Pick<
  ResourceInput,
  "owner" | "generation" | "host" | "paths" | "kind" | "store"
> & {
  server: Extract<S3Config, { kind: "embedded" }>;
  /** Absolute path of versitygw on the host. */
  toolPath: string;
  /** How often its objects are counted, and how old one must be to be deleted. Defaults {@link PRUNE}. */
  prune?: { everySeconds: number; restSeconds: number };
};

/**
 * Between two looks the objects may grow beyond their cap by what builds write in five minutes. An object that was
 * written a minute ago may belong to a build that goes on.
 */
const PRUNE = { everySeconds: 300, restSeconds: 60 };
/** How long the small process may outlive a server that was killed alone. */
const PRUNE_TICK_SECONDS = 5;
/** A look that deletes leaves so much of the cap, so that not every look has to. */
const PRUNED_PART = 0.9;

/** Directory of the embedded server's objects, absolute: below /var/cache where systemd keeps it for the server's own user. */
export function s3Directory(input: Pick<S3ServerInput, "server" | "paths" | "host">): string {
  const { server, paths, host } = input;
  if (server.dir !== undefined) return below(paths.home, server.dir);
  return host.scope === "system" ? "/var/cache/warmbox-s3" : `${paths.share}/s3`;
}

/**
 * Script of the `s3` resource: directories, and versitygw on loopback. A bucket is a directory.
 * @see https://github.com/versity/versitygw/wiki/Posix-Backend
 */
export function s3ServerScript(input: S3ServerInput): string {
  const { paths, kind, server } = input;
  const file = scriptPath(paths, `${paths.run}/s3`);
  const common = {
    do: "service",
    name: "s3",
    kind,
    ready: `http 127.0.0.1:${server.port}/`,
    readySeconds: READY_SECONDS,
    stopSeconds: STOP_SECONDS,
  } as const;
  return resourceScript(head(input, "s3"), [
    ...(kind === "systemd-system" ? [] : directories(input)), // such a unit makes its own, for its own user
    { do: "put", path: file, mode: "0755", check: "sh", text: s3ServerRun(input) },
    ...(kind === "process"
      ? [{ ...common, file, log: scriptPath(paths, `${paths.log}/s3.log`) }]
      : unitSteps(input, common)),
  ]);
}

function directories(input: S3ServerInput): Step[] {
  const dir = scriptPath(input.paths, s3Directory(input));
  return [
    { do: "directory", path: dir, mode: "0700", purge: input.host.purge },
    { do: "directory", path: `${dir}/${input.server.bucket}`, mode: "0700" },
  ];
}

function unitSteps(
  input: S3ServerInput,
  common: Omit<Extract<Step, { do: "service" }>, "file" | "log">,
): Step[] {
  const { paths, kind, store, host } = input;
  const file = scriptPath(paths, `${paths.units}/${S3_UNIT}.service`);
  const text = s3ServerUnit({
    runPath: `${paths.run}/s3`,
    dir: s3Directory(input),
    scope: host.scope,
    credentials: unitCredentials(store, kind, paths),
  });
  return [
    { do: "put", path: file, mode: "0644", check: "unit", text },
    { ...common, file },
  ];
}

/**
 * Script that runs the server in the foreground. Its keys come out of the file into its environment, and never into the
 * words of a command: those every user of the machine can list.
 */
export function s3ServerRun(input: S3ServerInput): string {
  const { paths, kind, server, store, toolPath } = input;
  const dir = s3Directory(input);
  const credentials = shellWord(credentialsPath(pathsSeenBy(S3_UNIT, kind, paths)));
  return `#!/bin/sh
# Written by warmbox: versitygw in the foreground, an S3 server for this host alone.
[ "\${1-}" = clean ] || exec ${cleanEnv(paths.home, { GOMEMLIMIT, ...marked(store) })} \\
  /bin/sh "$0" clean
umask 077
mkdir -p ${shellWord(`${dir}/${server.bucket}`)} || exit 73
key() { sed -n "s/^$1 = //p" ${credentials}; }
ROOT_ACCESS_KEY=$(key aws_access_key_id) ROOT_SECRET_KEY=$(key aws_secret_access_key)
[ "$ROOT_ACCESS_KEY" ] && [ "$ROOT_SECRET_KEY" ] || {
  echo "warmbox: s3: no keys in "${credentials}"; next: run pulumi up, which puts them back" >&2
  exit 78
}
${pruneLines(input, dir)}
export ROOT_ACCESS_KEY ROOT_SECRET_KEY
exec ${shellWord(toolPath)} --port 127.0.0.1:${server.port} --region ${server.region} --quiet posix ${shellWord(dir)}
`;
}

/**
 * The server deletes nothing by itself, and neither do its two clients. A small process beside it, which ends with it,
 * deletes the objects written longest ago. An upload has no name, or one in `.sgwtmp`, until it is whole, and is left
 * alone; both clients take an object that is gone for a miss.
 */
function pruneLines({ server, prune = PRUNE }: S3ServerInput, dir: string): string {
  const bucket = shellWord(`${dir}/${server.bucket}`);
  const cap = server.max_size;
  const tick = Math.min(PRUNE_TICK_SECONDS, prune.everySeconds);
  return `objects() { nice -n 19 find ${bucket} -name .sgwtmp -prune -o -type f -exec stat -c '%Y %b %n' {} +; }
prune() {
  used=$(objects | awk '{ sum += $2 * 512 } END { printf "%.0f", sum / 1024 }')
  [ "$used" -gt ${Math.floor(cap / 1024)} ] || return 0
  objects | sort -rn -k 1,1 | awk -v now="$(date +%s)" '
    { sum += $2 * 512; written = $1; sub(/^[0-9]+ [0-9]+ /, "") }
    sum > ${Math.floor(cap * PRUNED_PART)} && now - written >= ${prune.restSeconds} { print }' | tr '\\n' '\\0' | xargs -0 -n 500 rm -f --
  echo "warmbox: s3: its objects took $used KiB of ${cap / 1024}: the ones written longest ago are deleted"
}
(
  unset ROOT_ACCESS_KEY ROOT_SECRET_KEY
  left=${prune.everySeconds}
  while sleep ${tick} && [ -d "/proc/$$" ]; do # the server's number
    left=$((left - ${tick}))
    [ "$left" -gt 0 ] || { prune; left=${prune.everySeconds}; }
  done
) &`;
}
