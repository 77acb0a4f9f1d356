import { createHash } from "node:crypto";
import type { HostFacts, Probe } from "../host/facts.ts";
import { declaredFacts, probeHost, UnreachableError } from "../host/probe.ts";
import { reachPlace, reachPrefix } from "../host/reach.ts";
import { hostText } from "../host/texts.ts";
import { hostFaults, localFaults } from "../plan/host-faults.ts";
import { below, hostPaths } from "../plan/paths.ts";
import { STAND_IN } from "../plan/placeholder-facts.ts";
import { serviceKind } from "../plan/service-kind.ts";
import { planHost } from "../plan/sizing.ts";
import { chooseTools, HOST_TOOLS, pushedS3Server, type ToolChoice } from "../plan/tools.ts";
import { LIBRARY_TEXTS, type LibraryTexts } from "../render/lib/library-resource.ts";
import type { ResourceInput } from "../render/lib/resource.ts";
import { embeddedHost, storeOfHost } from "../render/store.ts";
import { ConfigError, keyPath } from "../stacks/fault.ts";
import type { HostConfig, StackConfig } from "../stacks/types.ts";
import { BAZEL_REMOTE_IMAGE, type HostTool } from "../stacks/versions.ts";
import type { BuildHostArgs } from "./build-host.ts";
import { hostWarnings } from "./host-warnings.ts";
import type { UnreachableHost } from "./unreachable.ts";

/** What a stack's hosts answered. */
export interface Fleet {
  readonly boxes: BuildHostArgs[];
  readonly unreachable: UnreachableHost[];
}

/**
 * Probes every host of a stack at once and makes each one's plan: all that a program must know before it declares its
 * first resource. One spawned process per host; nothing is changed.
 * @throws Error with every host that answered and does not add up, one after the other; or where none can be spoken of
 */
export async function inspectFleet(stack: StackConfig, owner: string): Promise<Fleet> {
  const library = librarySums();
  const found = await Promise.allSettled(
    Object.entries(stack.hosts).map(async ([name, host]) =>
      inspectHost({ name, host, stack, owner, library }),
    ),
  );
  const faults = found.flatMap((one) => (one.status === "rejected" ? [messageOf(one.reason)] : []));
  const answers = found.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const boxes = answers.flatMap((one) => ("box" in one ? [] : [one]));
  const unreachable = answers.flatMap((one) => ("box" in one ? [one] : []));
  const nobody = boxes.length === 0 && !unreachable.some((one) => one.declared);
  if (nobody || faults.length > 0) faults.push(...unreachable.map(({ message }) => message));
  if (faults.length > 0) throw new Error(faults.join("\n"));
  return { boxes, unreachable };
}

/** One host of a stack, for what looks at each by itself. @throws Error where it does not answer or add up */
export async function inspectOne(stack: StackConfig, name: string, host: HostConfig): Promise<BuildHostArgs> {
  const found = await inspectHost({ name, host, stack, owner: "nobody", library: librarySums() });
  if ("box" in found) throw new Error(found.message);
  return found;
}

async function inspectHost(known: Omit<HostDescription, "probe">): Promise<BuildHostArgs | UnreachableHost> {
  const { name, host } = known;
  const faults = localFaults(name, host, process.getuid?.());
  if (faults.length > 0) throw new ConfigError(faults);
  try {
    const box = describeHost({ ...known, probe: await probeHost(name, host) });
    return { ...box, ...(await containerComponent(box)) };
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    const { box, ...rest } = describeUnreachable(known, error.message);
    return { ...rest, box: { ...box, ...(await containerComponent(box)) } };
  }
}

/** `@pulumi/docker` is loaded only here, and only for a host that wants it. */
async function containerComponent({ input }: BuildHostArgs): Promise<Partial<BuildHostArgs>> {
  if (input.container === undefined) return {};
  const { BazelRemoteContainer } = await import("./bazel-remote-container.ts");
  return { BazelRemoteContainer };
}

/** A host that did not answer, from what its stack declares of it; where that is not enough, from stand-in facts. */
function describeUnreachable(known: Omit<HostDescription, "probe">, message: string): UnreachableHost {
  const { name, host } = known;
  try {
    const probe = declaredFacts(name, host);
    return { message, declared: true, box: describeHost({ ...known, probe }) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const probe = declaredFacts(name, { ...host, facts: STAND_IN });
    return { message, declared: false, box: describeHost({ ...known, probe }) };
  }
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
 * @throws ConfigError where the host is not what the stack wants of it
 * @throws Error where a tool cannot be had for it
 */
export function describeHost(known: HostDescription): BuildHostArgs {
  const { name, host, stack, owner, library } = known;
  const { facts, observed } = known.probe;
  const choices = enabledTools(host, chooseTools(facts, host, { s3: stack.s3 !== undefined }));
  refuseMissing(name, choices);
  const input = resourceInput(host, facts, name, choices, stack);
  const faults = hostFaults({ name, host, facts, paths: input.paths, kind: input.kind });
  if (faults.length > 0) throw new ConfigError(faults);
  const server = embeddedServer(name, host, stack);
  const nowSeconds = Math.floor(Date.now() / 1000);
  return {
    host: { name, owner, prefix: reachPrefix(host), place: reachPlace(host), observed, nowSeconds },
    library,
    tools: { ...choices, ...(server ? { versitygw: server.choice } : {}) },
    arch: facts.arch,
    proof: stack.proof,
    input: { ...input, ...containerOf(known) },
    ...(server
      ? { server: { config: server.config, toolPath: below(facts.user.home, server.choice.path) } }
      : {}),
    warnings: hostWarnings({ name, host, stack, facts, tools: choices }),
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
    tools: { sccache: path("sccache"), "bazel-remote": path("bazel-remote"), moon: path("moon") },
    store: storeOfHost(stack, name),
    user: facts.user.name,
  };
}

/**
 * User and group of bazel-remote's image, who have no rights on a host. Where the host's user is an ordinary one, the
 * container has that one instead: the cache's files are then the user's own under every kind of service, and a switch
 * between them moves nothing.
 */
const IMAGE_USER = 65532;

/**
 * The container of a host with `service: docker`. It runs as the host's own user, to whom the cache belongs under every
 * kind of service; only root's is given to the image's user.
 * @throws ConfigError where no docker server answers the host's user, or one that remaps every uid
 */
function containerOf({ name, host, owner, probe }: HostDescription): Pick<ResourceInput, "container"> {
  if (host.service !== "docker" || !host["bazel-remote"].enabled) return {};
  const { user, docker, dockerEndpoint, dockerRootless } = probe.facts;
  if (dockerRootless === true) {
    const fault = {
      path: keyPath(["hosts", name, "service"]),
      got: "docker",
      wanted: `a docker server that runs as root: the rootless one there gives the cache's files to other uids than ${user.uid}`,
      next: "write service: process, or leave the key out",
    };
    throw new ConfigError([fault]);
  }
  if (docker === null) {
    const fault = {
      path: keyPath(["hosts", name, "service"]),
      got: "docker",
      wanted: `a docker server that answers ${user.name} there`,
      next: `start it and put ${user.name} into the group docker, or write service: process, or leave the key out`,
    };
    throw new ConfigError([fault]);
  }
  const given = user.uid === 0 || host.scope === "system";
  return {
    container: {
      name: `warmbox-${owner}-${name}-bazel-remote`.replace(/[^\w.-]/g, "_"),
      image: host["bazel-remote"].image ?? BAZEL_REMOTE_IMAGE,
      user: given ? `${IMAGE_USER}:${IMAGE_USER}` : `${user.uid}:${user.gid}`,
      ...(host.reach.kind === "local" && dockerEndpoint !== undefined ? { endpoint: dockerEndpoint } : {}),
      given,
    },
  };
}

/** A container brings its own bazel-remote. */
function enabledTools(
  host: HostConfig,
  choices: Record<HostTool, ToolChoice>,
): Partial<Record<HostTool, ToolChoice>> {
  const wanted = (tool: HostTool) =>
    host[tool].enabled && !(tool === "bazel-remote" && host.service === "docker");
  return Object.fromEntries(HOST_TOOLS.filter(wanted).map((tool) => [tool, choices[tool]]));
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

/** Sums of the texts as they lie in this checkout. */
export function librarySums(): LibraryTexts {
  const sum = (name: string) => createHash("sha256").update(hostText(name)).digest("hex");
  return Object.fromEntries(LIBRARY_TEXTS.map((name) => [name, sum(name)])) as LibraryTexts;
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
