import type { HostFacts } from "../host/types.ts";
import { portsOf } from "../stacks/config.ts";
import type { HostConfig, StackConfig } from "../stacks/types.ts";
import type { HostTool } from "../stacks/versions.ts";
import { hasOpenStatus } from "./status-access.ts";
import { embeddedHost } from "./store.ts";
import type { ToolChoice } from "./tools.ts";

/** One host of a stack, its facts and its tools. */
export type WarnedHost = {
  readonly name: string;
  readonly host: HostConfig;
  readonly stack: StackConfig;
  readonly facts: HostFacts;
  readonly tools: Partial<Record<HostTool, ToolChoice>>;
};

/** Warnings about a host that do not stop the run. */
export function hostWarnings(warned: WarnedHost): string[] {
  return [
    ...badTools(warned),
    ...cargoConflicts(warned),
    ...strangers(warned),
    ...withoutLinger(warned),
    ...unseenSize(warned),
    ...withoutStore(warned),
  ];
}

/** Installed tools that are known to be bad: builds outside of warmbox's environment would still find them. */
function badTools({ name, tools }: WarnedHost): string[] {
  return Object.values(tools).flatMap((choice) =>
    choice.kind === "push" && choice.passedOver !== undefined
      ? [
          `${name}: ${choice.passedOver}; warmbox brings ${choice.pushed.version}. Next: remove or update yours, so that no other build uses it`,
        ]
      : [],
  );
}

/** Settings of warmbox that only matter with sccache in front of rustc. */
const SCCACHES = /^build\.rustc-wrapper$|\.incremental$/;

function cargoConflicts({ name, host, facts }: WarnedHost): string[] {
  if (!host.cargo.enabled) return [];
  const conflicts = facts.cargoConfig.conflicts.filter(
    ({ key }) => host.sccache.enabled || !SCCACHES.test(key),
  );
  return conflicts.map(
    ({ key, line }) =>
      `${name}: ${facts.cargoConfig.path}:${line} sets ${key}, which wins over warmbox's value; next: delete that line, or leave it and know that this tier does not work as planned`,
  );
}

/** Ports that a foreign process holds. A container's processes are not the user's, so its ports cannot be checked. */
function strangers({ name, host, stack, facts }: WarnedHost): string[] {
  const s3 = stack.s3?.kind === "embedded" && embeddedHost(stack) === name ? stack.s3.port : undefined;
  const ports: [key: string, port: number][] = [
    ...portsOf(host)
      .filter(([key]) => host.service !== "docker" || !key.startsWith("bazel-remote."))
      .map(([key, port]): [string, number] => [`hosts.${name}.${key}`, port]),
    ...(s3 === undefined ? [] : [["s3.port", s3] as [string, number]]),
  ];
  return ports
    .filter(([, port]) => facts.ports.includes(port))
    .map(
      ([key, port]) =>
        `${name}: something that is not warmbox's listens on TCP port ${port}, and up would fail at it; next: write another port in ${key}, or end that process (\`ss -ltnp 'sport = :${port}'\` names it)`,
    );
}

/** Units of a user's own end with their last session, unless they linger. `up` asks for it, and may be refused. */
function withoutLinger({ name, host, facts }: WarnedHost): string[] {
  const { pid1, linger } = facts.systemd;
  const units = host.scope === "user" && host.service !== "process" && pid1;
  const daemons = host.sccache.enabled || (host["bazel-remote"].enabled && host.service !== "docker");
  if (!units || linger || !daemons) return [];
  return [
    `${name}: ${facts.user.name} has no systemd manager without a login, which the daemons need; up asks for one; next: if it is refused, let an administrator run loginctl enable-linger ${facts.user.name}`,
  ];
}

/** With a password or TLS, bazel-remote refuses the library's requests. */
function unseenSize({ name, host }: WarnedHost): string[] {
  if (!host["bazel-remote"].enabled || hasOpenStatus(host)) return [];
  return [
    `${name}: bazel-remote requires a password or TLS, so up sees that it listens but not which max_size is in force; next: look at its /status with your own credentials after an up that changed it`,
  ];
}

function withoutStore({ name, stack }: WarnedHost): string[] {
  const server = embeddedHost(stack);
  if (server === undefined || server === name) return [];
  return [
    `${name}: no S3 behind its caches: the embedded server listens on ${server} alone; next: for a store that hosts share write s3: {kind: endpoint, …}`,
  ];
}
