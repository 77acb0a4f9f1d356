import { readFile } from "node:fs/promises";
import type { HostFacts, Probe } from "../host/facts.ts";
import { probeHost } from "../host/probe.ts";
import { reachPrefix } from "../host/reach.ts";
import { planHost } from "../plan/sizing.ts";
import { chooseTools, HOST_TOOLS, pushedS3Server, type ToolChoice } from "../plan/tools.ts";
import type { HostTool } from "../plan/versions.ts";
import { below, hostPaths } from "../render/paths.ts";
import type { ResourceInput } from "../render/resource.ts";
import type { ServiceKind } from "../render/script.ts";
import { embeddedHost, storeOfHost } from "../render/store.ts";
import type { HostConfig, StackConfig } from "../stacks/types.ts";
import type { BuildHostArgs } from "./build-host.ts";

/**
 * Probes every host of a stack at once and makes each one's plan: all that a program must know before it declares its
 * first resource. One spawned process per host; nothing is changed.
 * @throws Error with every host that cannot be reached or does not add up, one after the other
 */
export async function inspectHosts(stack: StackConfig, owner: string): Promise<BuildHostArgs[]> {
  const library = await libraryTexts();
  const found = await Promise.allSettled(
    Object.entries(stack.hosts).map(async ([name, host]) => inspectHost(name, host, stack, owner, library)),
  );
  const faults = found.flatMap((one) => (one.status === "rejected" ? [messageOf(one.reason)] : []));
  if (faults.length > 0) throw new Error(faults.join("\n"));
  return found.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}

async function inspectHost(
  name: string,
  host: HostConfig,
  stack: StackConfig,
  owner: string,
  library: BuildHostArgs["library"],
): Promise<BuildHostArgs> {
  return describeHost({ name, host, stack, owner, library, probe: await probeHost(name, host) });
}

/** Everything that one host's declaration depends on. */
export interface HostDescription {
  readonly name: string;
  readonly host: HostConfig;
  readonly stack: StackConfig;
  readonly owner: string;
  readonly library: BuildHostArgs["library"];
  readonly probe: Probe;
}

/**
 * From a probe to the arguments of {@link BuildHost}: plan, tools, service kind, warnings. Asks nobody anything.
 * @throws Error where the host lacks what the stack wants of it
 */
export function describeHost(known: HostDescription): BuildHostArgs {
  const { name, host, stack, owner, library } = known;
  const { facts, observed } = known.probe;
  const choices = enabledTools(host, chooseTools(facts, host, { s3: stack.s3 !== undefined }));
  refuseMissing(name, choices);
  const server = embeddedServer(name, host, stack);
  const nowSeconds = Math.floor(Date.now() / 1000);
  return {
    host: { name, owner, prefix: reachPrefix(host), observed, nowSeconds },
    library,
    tools: { ...choices, ...(server ? { versitygw: server.choice } : {}) },
    arch: facts.arch,
    input: resourceInput(host, facts, name, choices, stack),
    ...(server
      ? { server: { config: server.config, toolPath: below(facts.user.home, server.choice.path) } }
      : {}),
    warnings: [...cargoConflicts(name, facts), ...withoutStore(name, stack)],
  };
}

function resourceInput(
  host: HostConfig,
  facts: HostFacts,
  name: string,
  choices: BuildHostArgs["tools"],
  stack: StackConfig,
): Omit<ResourceInput, "owner" | "generation"> {
  const paths = hostPaths(host, facts.user.home, facts.cargoHome);
  const path = (tool: HostTool): string => {
    const choice = choices[tool];
    return choice && choice.kind !== "refuse" ? below(paths.home, choice.path) : "";
  };
  return {
    host,
    plan: planHost(facts, host, name),
    paths,
    kind: serviceKind(name, host, facts),
    tools: { sccache: path("sccache"), "bazel-remote": path("bazel-remote") },
    store: storeOfHost(stack, name),
    user: facts.user.name,
  };
}

/**
 * Settles `service: auto`: systemd where it is process 1, else a supervised process.
 * @throws Error where the stack names a kind that the host cannot have
 */
export function serviceKind(
  name: string,
  host: Pick<HostConfig, "service" | "scope">,
  facts: Pick<HostFacts, "systemd">,
): ServiceKind {
  const systemd = host.scope === "system" ? "systemd-system" : "systemd-user";
  switch (host.service) {
    case "process":
      return "process";
    case "auto":
      return facts.systemd.pid1 ? systemd : "process";
    case "systemd":
    case "docker": // bazel-remote alone runs in a container; sccache compiles, so it stays on the host
      if (host.service === "systemd" && !facts.systemd.pid1) {
        throw new Error(
          `hosts.${name}.service: systemd, wanted a host whose process 1 is systemd; next: write service: process, or leave the key out`,
        );
      }
      return facts.systemd.pid1 ? systemd : "process";
    default:
      return host.service satisfies never;
  }
}

function enabledTools(
  host: HostConfig,
  choices: Record<HostTool, ToolChoice>,
): Partial<Record<HostTool, ToolChoice>> {
  return Object.fromEntries(
    HOST_TOOLS.filter((tool) => host[tool].enabled).map((tool) => [tool, choices[tool]]),
  );
}

function refuseMissing(name: string, choices: Partial<Record<HostTool, ToolChoice>>): void {
  const refused = Object.values(choices).filter((choice) => choice.kind === "refuse");
  if (refused.length > 0) throw new Error(refused.map(({ reason }) => `${name}: ${reason}`).join("\n"));
}

/** The embedded S3 server, if this host runs it. */
function embeddedServer(name: string, host: HostConfig, stack: StackConfig) {
  if (stack.s3?.kind !== "embedded" || embeddedHost(stack) !== name) return undefined;
  return { config: stack.s3, choice: pushedS3Server(host.scope) };
}

function withoutStore(name: string, stack: StackConfig): string[] {
  const server = embeddedHost(stack);
  if (server === undefined || server === name) return [];
  return [
    `${name}: no S3 behind its caches: the embedded server listens on ${server} alone; next: for a store that hosts share write s3: {kind: endpoint, …}`,
  ];
}

function cargoConflicts(name: string, facts: HostFacts): string[] {
  return facts.cargoConfig.conflicts.map(
    ({ key, line }) =>
      `${name}: ${facts.cargoConfig.path}:${line} sets ${key}, which wins over warmbox's value; next: delete that line, or leave it and know that this tier does not work as planned`,
  );
}

async function libraryTexts(): Promise<BuildHostArgs["library"]> {
  const read = async (name: string): Promise<string> =>
    await readFile(new URL(`../host/${name}`, import.meta.url), "utf8");
  return { warmbox: await read("warmbox.sh"), supervise: await read("supervise.sh") };
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
