import * as pulumi from "@pulumi/pulumi";
import { hasEnvironment } from "../render/moon/moon-env.ts";
import type { HostConfig } from "../stacks/types.ts";
import { BazelRemote } from "./bazel-remote.ts";
import {
  type BuildHostArgs,
  checkArgs,
  type DescribedHostArgs,
  isDescribed,
  s3Of,
} from "./build-host-args.ts";
import { CargoRegistry } from "./cargo-registry.ts";
import type { HostDescription, SharedS3 } from "./description.ts";
import {
  type BazelRemoteOutputs,
  bazelRemoteOutputs,
  environmentOutput,
  type HostPlan,
  type HostSummary,
  type Part,
  planOf,
  type SccacheOutputs,
  sccacheOutputs,
  summaryOf,
} from "./host-outputs.ts";
import { unchanged } from "./host-resource.ts";
import { HostTools } from "./host-tools.ts";
import { type HostView, viewHost } from "./host-view.ts";
import { MoonWorkspace } from "./moon-workspace.ts";
import { Proof } from "./proof.ts";
import { S3Backend } from "./s3-backend.ts";
import { Sccache } from "./sccache.ts";

/**
 * One machine as a warm Rust build box: warmbox's library and tools, then the tiers that are enabled.
 *
 * ```ts
 * const vm = new hcloud.Server("forge", { ... });
 * const box = new BuildHost(
 *   "forge",
 *   { reach: { kind: "ssh", host: vm.ipv4Address }, agents: { total: 40, active: 10 } },
 *   { dependsOn: vm },
 * );
 * export const cache = box.bazelRemote.maxSize;
 * ```
 *
 * Each run probes the machine before it declares what is on it, so a preview shows the changed lines of the host's
 * files. If the address is unknown in a preview, the `up` probes the machine after it exists.
 */
export class BuildHost extends pulumi.ComponentResource {
  /** Everything that the host has, in the words of the tools. */
  public readonly summary: pulumi.Output<HostSummary>;
  /** Sizes that follow from the machine. */
  public readonly plan: pulumi.Output<HostPlan>;
  /** The one CARGO_HOME of all builds. */
  public readonly cargoHome: pulumi.Output<string>;
  /** The variables that every session of the host gets. */
  public readonly environment: pulumi.Output<Record<string, string>>;
  readonly #host: HostConfig;
  readonly #part: Part;

  /**
   * @param name name of the host; its resources are called `NAME-sccache`, `NAME-bazel-remote` and so on
   * @throws RunError with every mistake in `args`, by key path
   */
  constructor(
    name: string,
    args: BuildHostArgs | DescribedHostArgs,
    opts: pulumi.ComponentResourceOptions = {},
  ) {
    const { host, view, shared } = sourceOf(name, args, opts);
    const part: Part = (select) => partOf(view, select);
    super("warmbox:index:BuildHost", name, planInputs(host, part), opts);
    this.#host = host;
    this.#part = part;
    this.summary = part((description) => summaryOf(description, shared)) as pulumi.Output<HostSummary>;
    this.plan = part(planOf);
    this.cargoHome = part(({ input }) => input.paths.cargoHome);
    this.environment = environmentOutput(part);
    this.registerOutputs(declare(this, view, shared));
  }

  /** Tier 1. @throws RunError if it is disabled */
  public get sccache(): SccacheOutputs {
    this.#requireTier("sccache");
    return sccacheOutputs(this.#part);
  }

  /** Tier 2, the server. @throws RunError if it is disabled */
  public get bazelRemote(): BazelRemoteOutputs {
    this.#requireTier("bazel-remote");
    return bazelRemoteOutputs(this.#part);
  }

  #requireTier(tier: "sccache" | "bazel-remote"): void {
    if (!this.#host[tier].enabled)
      throw new pulumi.RunError(
        `${tier}.enabled: false, expected true because the program reads its outputs; next: enable it or do not read them`,
      );
  }
}

/** Where a host's description comes from. */
type Source = {
  readonly host: HostConfig;
  readonly view: Promise<HostView>;
  readonly shared: SharedS3 | undefined;
};

function sourceOf(
  name: string,
  args: BuildHostArgs | DescribedHostArgs,
  { dependsOn }: pulumi.ComponentResourceOptions,
): Source {
  if (isDescribed(args)) {
    const { description, s3 } = args;
    const view = Promise.resolve({ description, scripts: "complete" } as const);
    return { host: description.input.host, view, shared: s3 };
  }
  const checked = checkArgs(name, args);
  const shared = s3Of(args, checked);
  return { host: checked.host, view: viewHost({ name, args, checked, dependsOn }), shared };
}

/** Part of a description, unknown as long as the host is. */
function partOf<T>(view: Promise<HostView>, select: (description: HostDescription) => T): pulumi.Output<T> {
  const value = view.then(({ description, scripts }) =>
    scripts === "complete" ? select(description) : (pulumi.unknown as T),
  );
  return pulumi.output(value) as pulumi.Output<T>;
}

/** The component's inputs; which keys there are does not depend on the machine. */
function planInputs(host: HostConfig, part: Part): pulumi.Inputs {
  const hasContainer = host.service === "docker" && host["bazel-remote"].enabled;
  const keys = [
    ...(["scope", "service", "memory", "cores", "agents", "jobs", "maxTasks"] as const),
    ...(hasContainer ? (["container"] as const) : []),
  ];
  return Object.fromEntries(keys.map((key) => [key, part((description) => planOf(description)[key])]));
}

/** Declares a host's resources, once it has been looked at. @returns what the component registers */
async function declare(
  parent: BuildHost,
  viewing: Promise<HostView>,
  shared: SharedS3 | undefined,
): Promise<pulumi.Inputs> {
  const { description, scripts, warning } = await viewing;
  for (const text of [...(warning ? [warning] : []), ...description.warnings]) pulumi.log.warn(text, parent);
  const placeholder = { scripts: pulumi.output(pulumi.unknown) };
  const host = { ...description.host, ...(scripts === "unknown" ? placeholder : {}) };
  await declareTiers({ ...description, host }, shared, {
    parent,
    ...(scripts === "unchanged" ? { transformations: [unchanged] } : {}),
  });
  return scripts === "complete" ? summaryOf(description, shared) : {};
}

/** Tools first, then the daemons, then what makes cargo and moon use them, then the proof. */
async function declareTiers(
  description: HostDescription,
  shared: SharedS3 | undefined,
  opts: pulumi.ComponentResourceOptions,
): Promise<void> {
  const { host, input } = description;
  const tools = new HostTools(`${host.name}-tools`, description, opts);
  const after = (...dependsOn: pulumi.Resource[]) => ({ ...opts, dependsOn });
  const s3 = storeBehind(description, shared, after(tools)); // its scripts source the library
  const tier = { host, input, store: s3?.store };
  const ready = s3 ? after(tools, s3) : after(tools); // the daemons read their keys at their start
  const sccache = input.host.sccache.enabled ? new Sccache(`${host.name}-sccache`, tier, ready) : undefined;
  const Remote = await bazelRemoteClass(description);
  const remote = input.host["bazel-remote"].enabled
    ? new Remote(`${host.name}-bazel-remote`, tier, ready)
    : undefined;
  // cargo is configured to use sccache only once it runs, and before it is removed; the same for moon and bazel-remote
  const clients = [
    ...(input.host.cargo.enabled
      ? [new CargoRegistry(`${host.name}-cargo`, tier, after(sccache ?? tools))]
      : []),
    ...(hasEnvironment(input) ? [new MoonWorkspace(`${host.name}-moon`, tier, after(remote ?? tools))] : []),
  ];
  const prover = { ...tier, prove: description.library["prove.sh"] };
  if (description.proof) new Proof(`${host.name}-proof`, prover, after(tools, ...clients));
}

/** `@pulumi/docker` is loaded only here, and only for a host that needs it. */
async function bazelRemoteClass({ input }: HostDescription) {
  if (input.container === undefined) return BazelRemote;
  return (await import("./bazel-remote-container.ts")).BazelRemoteContainer;
}

function storeBehind(
  { host, input, server }: HostDescription,
  shared: SharedS3 | undefined,
  opts: pulumi.ComponentResourceOptions,
): S3Backend | undefined {
  if (input.store.kind !== "s3" || shared === undefined) return undefined;
  return new S3Backend(`${host.name}-s3`, { host, input, shared, ...(server ? { server } : {}) }, opts);
}
