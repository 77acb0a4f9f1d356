import type { HostFacts } from "../host/types.ts";
import { ConfigError } from "../stacks/issue.ts";
import type { HostConfig, S3Config, StackConfig } from "../stacks/types.ts";
import type { HostTool, ToolName } from "../stacks/versions.ts";
import type { CachePlan } from "./cache-plan.ts";
import { type ContainerChoice, containerOf } from "./container.ts";
import { hostIssues } from "./host-issues.ts";
import { hostWarnings } from "./host-warnings.ts";
import { below, type HostPaths, hostPaths } from "./paths.ts";
import { type ServiceKind, serviceKind } from "./service-kind.ts";
import { planHost } from "./sizing.ts";
import { embeddedHost, type Store, storeOfHost } from "./store.ts";
import { chooseTools, HOST_TOOLS, pushedS3Server, type ToolChoice } from "./tools.ts";

/** One host of a stack, and its facts. */
export type HostContext = {
  readonly name: string;
  readonly host: HostConfig;
  readonly stack: StackConfig;
  /** The stack that owns what it applies. */
  readonly owner: string;
  readonly facts: HostFacts;
};

/** What the resource scripts of a host are rendered from, without their owner and generation. */
export type HostSettings = {
  host: HostConfig;
  plan: CachePlan;
  paths: HostPaths;
  /** What keeps the daemons running. */
  kind: ServiceKind;
  /** Absolute paths of the programs on the host. */
  tools: { sccache: string; "bazel-remote": string; moon: string };
  store: Store;
  /** User that system units of sccache run as: the one that builds. */
  user: string;
  /** How bazel-remote runs in a container, with `service: docker`; sccache compiles, so it runs on the host. */
  container?: ContainerChoice;
};

/** The embedded S3 server of a host. */
export type EmbeddedServer = {
  readonly config: Extract<S3Config, { kind: "embedded" }>;
  /** Absolute path of versitygw on the host. */
  readonly toolPath: string;
};

/** Everything that is decided about a host before its first resource is declared. */
export type HostDecisions = {
  readonly settings: HostSettings;
  /** For each tool that the stack enables: the installed one, or the one to upload. */
  readonly tools: Partial<Record<ToolName, ToolChoice>>;
  /** The embedded S3 server, if this host runs it. */
  readonly server?: EmbeddedServer;
  /** What a person should know about the host as a whole. */
  readonly warnings: readonly string[];
};

/**
 * Decides everything about one host: tools, service kind, sizes, paths, store, container.
 * @throws ConfigError if the host cannot be what the stack declares
 * @throws Error if there is no usable binary of a tool
 */
export function decideHost(context: HostContext): HostDecisions {
  const { name, host, stack, facts } = context;
  const choices = enabledTools(host, chooseTools(facts, host, { s3: stack.s3 !== undefined }));
  refuseMissing(name, choices);
  const settings = hostSettings(context, choices);
  const issues = hostIssues({ name, host, facts, paths: settings.paths, kind: settings.kind });
  if (issues.length > 0) throw new ConfigError(issues);
  const container = containerOf(context);
  return {
    settings: { ...settings, ...(container ? { container } : {}) },
    ...withServer(context, choices),
    warnings: hostWarnings({ name, host, stack, facts, tools: choices }),
  };
}

function hostSettings(
  { name, host, stack, facts }: HostContext,
  choices: Partial<Record<HostTool, ToolChoice>>,
): HostSettings {
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
    tools: { sccache: path("sccache"), "bazel-remote": path("bazel-remote"), moon: path("moon") },
    store: storeOfHost(stack, name),
    user: facts.user.name,
  };
}

/** A container includes its own bazel-remote. */
function enabledTools(
  host: HostConfig,
  choices: Record<HostTool, ToolChoice>,
): Partial<Record<HostTool, ToolChoice>> {
  const isEnabled = (tool: HostTool) =>
    host[tool].enabled && !(tool === "bazel-remote" && host.service === "docker");
  return Object.fromEntries(HOST_TOOLS.filter(isEnabled).map((tool) => [tool, choices[tool]]));
}

function refuseMissing(name: string, choices: Partial<Record<HostTool, ToolChoice>>): void {
  const refusals = Object.values(choices).filter((choice) => choice.kind === "refuse");
  if (refusals.length > 0) throw new Error(refusals.map(({ reason }) => `${name}: ${reason}`).join("\n"));
}

function withServer(
  { name, host, stack, facts }: HostContext,
  tools: HostDecisions["tools"],
): Pick<HostDecisions, "tools" | "server"> {
  if (stack.s3?.kind !== "embedded" || embeddedHost(stack) !== name) return { tools };
  const versitygw = pushedS3Server(host.scope);
  const toolPath = below(facts.user.home, versitygw.path);
  return { tools: { ...tools, versitygw }, server: { config: stack.s3, toolPath } };
}
