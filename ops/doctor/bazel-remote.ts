import { planHost } from "../../plan/sizing.ts";
import { shellWord } from "../../stacks/shell.ts";
import type { Evidence } from "./evidence.ts";
import { type Cause, lastLines } from "./finding.ts";
import { changeStack, httpPort, onHost, restart, up } from "./mend.ts";
import { ownsPort } from "./sccache.ts";

const symptom = "bazel-remote";
const explains = ["bazel-remote"];

const service = (e: Evidence) =>
  e.host["bazel-remote"].enabled ? e.status.services["bazel-remote"] : undefined;

const suspended: Cause = (e) =>
  service(e)?.state === "suspended"
    ? [
        {
          ...{ id: "bazel-remote-suspended", symptom, explains },
          cause:
            "bazel-remote was stopped by a signal: it takes connections and never answers, and moon waits for an hour",
          evidence: [`process ${service(e)?.pid} is in state T`],
          mend: onHost(e, `kill -CONT ${service(e)?.pid}`),
        },
      ]
    : [];

/** A start reads its whole index before it listens. */
const isLoading = (e: Evidence): boolean => {
  const lines = e.logs["bazel-remote"]?.lines ?? [];
  const began = lines.findLastIndex((line) => line.includes("Loading existing files"));
  return began >= 0 && !lines.slice(began).some((line) => line.includes("Starting gRPC server"));
};

const loading: Cause = (e) =>
  service(e)?.state === "running" && e.status["bazel-remote"] === null && isLoading(e)
    ? [
        {
          ...{ id: "bazel-remote-loading", symptom, explains },
          cause:
            "bazel-remote reads its index, and does not listen until it is done: the command waits for that",
          evidence: [`running for ${service(e)?.runningSeconds} s`, ...lastLines(e, "bazel-remote", 1)],
          mend: onHost(e, untilItListens(e)),
        },
      ]
    : [];

/**
 * It needs nothing but time; a command that waits for it tells when. Its port is looked for, since behind a password or TLS
 * it answers nobody; a process that is gone reads no more.
 */
const untilItListens = (e: Evidence): string => {
  const hex = Number(httpPort(e)).toString(16).toUpperCase().padStart(4, "0");
  const listens = `grep -q ':${hex} 0*:0000 0A ' /proc/net/tcp*`;
  return `while [ -d /proc/${service(e)?.pid} ] && ! ${listens}; do sleep 1; done`;
};

const hung: Cause = (e) =>
  service(e)?.state === "running" && e.status["bazel-remote"] === "silent" && taken(e).length === 0
    ? [
        {
          ...{ id: "bazel-remote-hung", symptom, explains },
          cause: "bazel-remote runs and does not answer",
          evidence: [
            `no answer to http://${e.host["bazel-remote"].http_address}/status`,
            ...lastLines(e, symptom),
          ],
          mend: restart(e, "bazel-remote"),
        },
      ]
    : [];

/** Anything but its own three folders stops the next start; what is deeper, only its log tells. */
const stray: Cause = (e) =>
  e.host["bazel-remote"].enabled
    ? e.dirs["bazel-remote"].strays.map((name) => ({
        ...({ id: "bazel-remote-stray-file", symptom, explains } as const),
        cause: "a file that is not its own lies in bazel-remote's directory, and stops its next start",
        evidence: [
          `${e.dirs["bazel-remote"].path}/${name}`,
          ...(e.logs[symptom]?.lines ?? []).filter((line) => line.includes(name)).slice(-1),
        ],
        mend:
          onHost(e, `mv -b ${shellWord(`${e.dirs["bazel-remote"].path}/${name}`)} ~/`) +
          (isDown(e) ? ` && ${up(e)}` : ""),
      }))
    : [];

const isDown = (e: Evidence): boolean => !["running", "suspended"].includes(service(e)?.state ?? "running");

const taken = (e: Evidence) =>
  e.ports.filter(
    ({ name, port, holder }) =>
      name !== "sccache" && holder !== null && service(e) !== undefined && !ownsPort(e, "bazel-remote", port),
  );

const portTaken: Cause = (e) =>
  taken(e).map(({ name, port, holder, free }) => ({
    ...{ id: "bazel-remote-port", symptom, explains },
    cause: `port ${port} is taken by another program`,
    evidence: [`port ${port}: ${holder}`, ...lastLines(e, "bazel-remote", 1)],
    mend: otherAddress(e, name, free),
  }));

/** Whose that program is, nobody but its user knows: ours goes to another port. */
function otherAddress(e: Evidence, name: string, free: number | null): string {
  const key = name === "http" ? "http_address" : "grpc_address";
  const [, host] = /^(.*):\d+$/.exec(e.host["bazel-remote"][key]) ?? [];
  return free === null ? up(e) : changeStack(e, ["bazel-remote", key], `${host}:${free}`);
}

const down: Cause = (e) =>
  isDown(e) && stray(e).length === 0 && taken(e).length === 0
    ? [
        {
          ...{ id: "bazel-remote-down", symptom, explains },
          cause: "the bazel-remote service does not run",
          evidence: [`service bazel-remote: ${service(e)?.state}`, ...lastLines(e, "bazel-remote")],
          mend: up(e),
        },
      ]
    : [];

const openFiles: Cause = (e) => {
  const limit = service(e)?.openFilesLimit ?? null;
  const needed = openFilesNeeded(e);
  if (limit === null || limit >= needed) return [];
  return [
    {
      ...({ id: "bazel-remote-open-files", symptom } as const),
      cause: `bazel-remote may open ${limit} files, and the plan gives it ${needed}: lookups fail with odd 404s`,
      evidence: [`process ${service(e)?.pid}: Max open files ${limit}, ${service(e)?.openFiles} open now`],
      mend: restart(e, "bazel-remote"),
    },
  ];
};

/** What the plan gives it, as far as the host lets its user have it. */
function openFilesNeeded(e: Evidence): number {
  try {
    return Math.min(
      planHost(e.facts, e.host, e.name).bazelRemote.LimitNOFILE,
      e.facts.openFiles ?? Number.POSITIVE_INFINITY,
    );
  } catch {
    return 0; // a stack that does not add up any more: `./warmbox plan` and `up` say so
  }
}

/** Causes around bazel-remote's process. */
export const bazelRemoteCauses: readonly Cause[] = [
  ...[suspended, loading, hung, stray, portTaken, down, openFiles],
];
