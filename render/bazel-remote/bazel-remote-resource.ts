import { BAZEL_REMOTE_SHARE, INDEX_ENTRY } from "../../plan/constants.ts";
import { scriptPath } from "../../plan/paths.ts";
import { hasOpenStatus } from "../../plan/status-access.ts";
import { pathsSeenBy, storeSeenBy, unitCredentials } from "../../plan/store.ts";
import { bytes, gib } from "../../stacks/bytes.ts";
import { shellWord } from "../../stacks/shell.ts";
import { program } from "../lib/program.ts";
import { head, type ResourceInput } from "../lib/resource.ts";
import { resourceScript, type Step } from "../lib/script.ts";
import { bazelRemoteConfig } from "./bazel-remote-config.ts";
import { type BazelRemoteRunInput, bazelRemoteEnvironment, bazelRemoteRun } from "./bazel-remote-run.ts";
import { bazelRemoteUnit, STOP_SECONDS } from "./bazel-remote-unit.ts";

/** Seconds until it must answer with an empty cache; with a full one, so many whole times that. */
const READY_SECONDS = 60;
/**
 * Files a second that a start gets through at worst: it indexes all of them, and deletes those beyond a smaller cap,
 * before it listens. Seen: 60,000 a second indexed, 8,600 deleted.
 */
const FILES_A_SECOND = 5_000;
/** The line that `/status` must show for the `max_size` of a configuration, whole GiB. */
const MAX_SIZE_LINE = `$1 == "max_size:" { printf "MaxSize %.0f\\n", $2 * ${gib(1)} }`;

/** Script of the `bazel-remote` resource: cache directory, configuration, the service, and its cap as it is in force. */
export function bazelRemoteScript(input: ResourceInput): string {
  const { host, plan, paths, store } = input;
  const remote = host["bazel-remote"];
  return resourceScript(head(input, "bazel-remote"), [
    ...(input.kind === "systemd-system" ? [] : [cacheDirectory(input)]), // such a unit makes its own, for its own user
    {
      do: "put",
      path: scriptPath(paths, paths.bazelRemoteConfig),
      mode: "0644",
      check: "bazel-remote",
      reader: input.tools["bazel-remote"],
      text: bazelRemoteConfig(
        plan,
        remote,
        storeSeenBy("bazel-remote", input.kind, store),
        pathsSeenBy("bazel-remote", input.kind, paths),
      ),
    },
    ...serviceSteps(input),
    ...liveSteps(input, scriptPath(paths, paths.bazelRemoteConfig)),
  ]);
}

/** The cache's directory; where its service has another user than the host, `owner` gets it. */
export function cacheDirectory({ host, plan, paths }: ResourceInput): Extract<Step, { do: "directory" }> {
  return { do: "directory", path: scriptPath(paths, plan.bazelRemote.dir), mode: "0700", purge: host.purge };
}

/** Where and how long to ask whether it serves. */
export function readiness(input: ResourceInput): { ready: string; readySeconds: number } {
  const { http_address, grpc_address } = input.host["bazel-remote"];
  return {
    ready: hasOpenStatus(input.host)
      ? `http ${http_address}/status ${grpc_address}`
      : `tcp ${grpc_address} ${http_address}`,
    readySeconds: READY_SECONDS * Math.ceil(1 + scanSeconds(input) / READY_SECONDS),
  };
}

/**
 * Longest index scan of a start: of as many files as this machine's RAM could index, and not of those that fit below
 * `max_size`, for a start below a smaller cap still reads what lies there.
 */
function scanSeconds({ plan }: ResourceInput): number {
  const limit = Math.max(
    (plan.memory * BAZEL_REMOTE_SHARE.value) / INDEX_ENTRY.value,
    plan.bazelRemote.entries,
  );
  return limit / FILES_A_SECOND;
}

/**
 * How moon's front checks that the server runs, and the cap that the server reports, unless that requires a password.
 * @param from path of the configuration, where the same script puts it: then its `max_size` is what is expected
 */
export function liveSteps(input: ResourceInput, from?: string): Step[] {
  const { host, plan, paths } = input;
  const address = host["bazel-remote"].http_address;
  const size = bytes(Math.floor(plan.bazelRemote.max_size / gib(1)) * gib(1));
  const colon = address.lastIndexOf(":");
  const [name, port] = [address.slice(0, colon).replace(/[[\]]/g, ""), address.slice(colon + 1)];
  const ask = `${paths.bin}/http-get`;
  const client: Step = {
    do: "put",
    path: scriptPath(paths, ask),
    mode: "0755",
    check: "sh",
    text: program("http-get"),
  };
  if (!hasOpenStatus(input.host)) return [client];
  return [
    client,
    {
      do: "live",
      name: "bazel-remote",
      ...(from === undefined ? { line: `MaxSize ${size}` } : { of: from, awk: MAX_SIZE_LINE }),
      command: `${shellWord(ask)} ${name} ${port} /status | sed -n 's/.*"MaxSize": *\\([0-9][0-9]*\\).*/MaxSize \\1/p'`,
    },
  ];
}

function serviceSteps(input: ResourceInput): Step[] {
  const { kind, paths, plan, host } = input;
  const remote = host["bazel-remote"];
  const common = {
    do: "service",
    name: "bazel-remote",
    kind,
    ...readiness(input),
    stopSeconds: STOP_SECONDS,
  } as const;
  const run: BazelRemoteRunInput = {
    plan,
    remote,
    store: input.store,
    paths,
    toolPath: input.tools["bazel-remote"],
  };
  if (kind === "process") {
    const file = scriptPath(paths, `${paths.run}/bazel-remote`);
    const log = scriptPath(paths, `${paths.log}/bazel-remote.log`);
    return [
      { do: "put", path: file, mode: "0755", check: "sh", text: bazelRemoteRun(run) },
      { ...common, file, log },
    ];
  }
  const file = scriptPath(paths, `${paths.units}/bazel-remote.service`);
  const text = bazelRemoteUnit(plan, {
    toolPath: run.toolPath,
    configPath: paths.bazelRemoteConfig,
    scope: host.scope,
    environment: bazelRemoteEnvironment(run),
    credentials: unitCredentials(input.store, kind, paths),
  });
  return [
    { do: "put", path: file, mode: "0644", check: "unit", text },
    { ...common, file },
  ];
}
