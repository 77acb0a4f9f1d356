import { planHost } from "../../plan/sizing.ts";
import { shellWord } from "../../stacks/shell.ts";
import { type Cause, lastLines } from "./cause.ts";
import type { Evidence } from "./evidence.ts";
import { changeStack, httpPort, onHost, restart, up } from "./fix.ts";
import { ownsPort } from "./sccache.ts";

const symptom = "bazel-remote";
const explains = ["bazel-remote"];

const service = ({ host, status }: Evidence) =>
  host["bazel-remote"].enabled ? status.services["bazel-remote"] : undefined;

const suspended: Cause = {
  id: "bazel-remote-suspended",
  symptom,
  explains,
  cause:
    "a signal stopped bazel-remote: it accepts connections and never answers, and moon waits for an hour",
  fix: "continues the process",
  find: (evidence) => {
    const { state, pid } = service(evidence) ?? {};
    if (state !== "suspended") return [];
    return [{ evidence: [`process ${pid} is in state T`], fix: onHost(evidence, `kill -CONT ${pid}`) }];
  },
};

/** bazel-remote reads its whole index before it listens. */
function isLoading({ logs }: Evidence): boolean {
  const lines = logs["bazel-remote"]?.lines ?? [];
  const start = lines.findLastIndex((line) => line.includes("Loading existing files"));
  return start >= 0 && !lines.slice(start).some((line) => line.includes("Starting gRPC server"));
}

const loading: Cause = {
  id: "bazel-remote-loading",
  symptom,
  explains,
  cause: "bazel-remote reads its index and does not listen until that is complete",
  fix: "waits until it listens",
  find: (evidence) => {
    const { state, runningSeconds } = service(evidence) ?? {};
    if (state !== "running" || evidence.status["bazel-remote"] !== null || !isLoading(evidence)) return [];
    return [
      {
        evidence: [`running for ${runningSeconds} s`, ...lastLines(evidence, "bazel-remote", 1)],
        fix: onHost(evidence, untilItListens(evidence)),
      },
    ];
  },
};

/**
 * Only time helps, so the command waits. It looks for the port, since bazel-remote with a password or TLS refuses a
 * plain request; it ends with the process.
 */
function untilItListens(evidence: Evidence): string {
  const hex = Number(httpPort(evidence)).toString(16).toUpperCase().padStart(4, "0");
  const listens = `grep -q ':${hex} 0*:0000 0A ' /proc/net/tcp*`;
  return `while [ -d /proc/${service(evidence)?.pid} ] && ! ${listens}; do sleep 1; done`;
}

const hung: Cause = {
  id: "bazel-remote-hung",
  symptom,
  explains,
  cause: "bazel-remote runs and does not answer",
  fix: "restarts the service",
  find: (evidence) =>
    service(evidence)?.state === "running" &&
    evidence.status["bazel-remote"] === "no answer" &&
    foreignPorts(evidence).length === 0
      ? [
          {
            evidence: [
              `no answer to http://${evidence.host["bazel-remote"].http_address}/status`,
              ...lastLines(evidence, symptom),
            ],
            fix: restart(evidence, "bazel-remote"),
          },
        ]
      : [],
};

const strayFile: Cause = {
  id: "bazel-remote-stray-file",
  symptom,
  explains,
  cause: "bazel-remote's directory contains a file that it did not write, which prevents its next start",
  fix: "moves the file to the home directory, and starts the service if it is down",
  // files below its three folders prevent a start too, but only its log names them
  find: (evidence) =>
    evidence.host["bazel-remote"].enabled
      ? evidence.dirs["bazel-remote"].strays.map((name) => {
          const path = `${evidence.dirs["bazel-remote"].path}/${name}`;
          const lines = (evidence.logs[symptom]?.lines ?? []).filter((line) => line.includes(name));
          return {
            evidence: [path, ...lines.slice(-1)],
            fix:
              onHost(evidence, `mv -b ${shellWord(path)} ~/`) +
              (isDown(evidence) ? ` && ${up(evidence)}` : ""),
          };
        })
      : [],
};

const isDown = (evidence: Evidence): boolean =>
  !["running", "suspended"].includes(service(evidence)?.state ?? "running");

const foreignPorts = (evidence: Evidence) =>
  evidence.ports.filter(
    ({ name, port, holder }) =>
      name !== "sccache" &&
      holder !== null &&
      service(evidence) !== undefined &&
      !ownsPort(evidence, "bazel-remote", port),
  );

const portTaken: Cause = {
  id: "bazel-remote-port",
  symptom,
  explains,
  cause: "another program has one of bazel-remote's ports",
  fix: "moves bazel-remote to a free port near it",
  find: (evidence) =>
    foreignPorts(evidence).map(({ name, port, holder, free }) => ({
      cause: `another program has port ${port}`,
      evidence: [`port ${port}: ${holder}`, ...lastLines(evidence, "bazel-remote", 1)],
      fix: moveToPort(evidence, name, free),
    })),
};

/** It is unknown whether the other program may be ended, so bazel-remote moves. */
function moveToPort(evidence: Evidence, name: string, free: number | null): string {
  const key = name === "http" ? "http_address" : "grpc_address";
  const [, host] = /^(.*):\d+$/.exec(evidence.host["bazel-remote"][key]) ?? [];
  return free === null ? up(evidence) : changeStack(evidence, ["bazel-remote", key], `${host}:${free}`);
}

const down: Cause = {
  id: "bazel-remote-down",
  symptom,
  explains,
  cause: "the bazel-remote service does not run",
  fix: "starts the service",
  find: (evidence) =>
    isDown(evidence) && strayFile.find(evidence).length === 0 && foreignPorts(evidence).length === 0
      ? [
          {
            evidence: [
              `service bazel-remote: ${service(evidence)?.state}`,
              ...lastLines(evidence, "bazel-remote"),
            ],
            fix: up(evidence),
          },
        ]
      : [],
};

const openFiles: Cause = {
  id: "bazel-remote-open-files",
  symptom,
  cause: "bazel-remote may open fewer files than the plan gives it: lookups fail with unexpected 404s",
  fix: "restarts the service with its limit",
  find: (evidence) => {
    const { pid, openFiles, openFilesLimit: limit = null } = service(evidence) ?? {};
    const need = openFilesNeeded(evidence);
    if (limit === null || limit >= need) return [];
    return [
      {
        cause: `bazel-remote may open ${limit} files, and the plan gives it ${need}: lookups fail with unexpected 404s`,
        evidence: [`process ${pid}: Max open files ${limit}, ${openFiles} open now`],
        fix: restart(evidence, "bazel-remote"),
      },
    ];
  },
};

/** The plan's number, at most what the host allows the user. */
function openFilesNeeded({ facts, host, name }: Evidence): number {
  try {
    const { LimitNOFILE } = planHost(facts, host, name).bazelRemote;
    return Math.min(LimitNOFILE, facts.openFiles ?? Number.POSITIVE_INFINITY);
  } catch {
    return 0; // `./warmbox plan` and `up` report a stack that no longer adds up
  }
}

/** Causes around bazel-remote's process. */
export const bazelRemoteCauses: readonly Cause[] = [
  ...[suspended, loading, hung, strayFile, portTaken, down, openFiles],
];
