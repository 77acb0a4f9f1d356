import * as pulumi from "@pulumi/pulumi";
import type { HostFacts } from "../host/facts.ts";
import type { EmbeddedServer, HostSettings } from "../plan/host-decisions.ts";
import type { Store } from "../plan/store.ts";
import type { ToolChoice } from "../plan/tools.ts";
import type { LibrarySums } from "../render/lib/library-resource.ts";
import { hasEnvironment } from "../render/moon/moon-env.ts";
import { bazelRemoteGiB, formatBytes } from "../stacks/bytes.ts";
import type { ToolName } from "../stacks/versions.ts";
import { BazelRemote } from "./bazel-remote.ts";
import type { BazelRemoteContainer } from "./bazel-remote-container.ts";
import { CargoRegistry } from "./cargo-registry.ts";
import type { HostConnection } from "./host-resource.ts";
import { HostTools } from "./host-tools.ts";
import { MoonWorkspace } from "./moon-workspace.ts";
import { Proof } from "./proof.ts";
import { S3Backend } from "./s3-backend.ts";
import type { S3KeyInputs } from "./s3-keys.ts";
import { Sccache } from "./sccache.ts";

/** Everything known of one host before its first resource is declared. */
export interface BuildHostArgs {
  readonly host: HostConnection;
  /** sha256 of each text of ours that is on the host. */
  readonly library: LibrarySums;
  /** For each tool that the stack enables: the installed one, or which to push. */
  readonly tools: Partial<Record<ToolName, ToolChoice>>;
  /** What every resource script is rendered from. */
  readonly input: HostSettings;
  /** The host's processor, as the kernel names it. */
  readonly arch: HostFacts["arch"];
  /** The embedded S3 server, where this host runs it. */
  readonly server?: EmbeddedServer;
  /** What declares bazel-remote where it runs in a container: loaded only then. */
  readonly BazelRemoteContainer?: typeof BazelRemoteContainer;
  /** End the `up` with a proof that every tier hits. */
  readonly proof: boolean;
  /** What a person should know of the host as a whole. */
  readonly warnings: readonly string[];
}

/** What the hosts of a stack share of S3. */
export interface HostS3 {
  /** Keys of the store; none with a role, nor where the embedded server's host makes its own. */
  readonly keys?: S3KeyInputs | undefined;
  /** Name of the bucket, where a resource makes it. */
  readonly bucket?: pulumi.Input<string>;
  /** The policy to attach to the hosts' role, where a resource makes it. */
  readonly policyArn?: pulumi.Input<string> | undefined;
  /** What must be there before a daemon asks the store. */
  readonly dependsOn: pulumi.Resource[];
}

/** What a component of a host's tier is made from. */
export interface TierArgs {
  readonly host: HostConnection;
  readonly input: BuildHostArgs["input"];
  /** The store behind the caches, where parts of it come from resources; default the input's. */
  readonly store?: pulumi.Input<Store> | undefined;
}

/**
 * One machine as a warm Rust build box: its library and tools, then the tiers that the stack enables.
 *
 * ```ts
 * const { boxes: [box] } = await inspectFleet(stack, pulumi.getStack());
 * new BuildHost(box);
 * ```
 */
export class BuildHost extends pulumi.ComponentResource {
  /** What the host got, in the words of the tools; exported by the stack. */
  public readonly summary: Record<string, unknown>;

  constructor(args: BuildHostArgs, shared?: HostS3, opts?: pulumi.ComponentResourceOptions) {
    const { host, input } = args;
    super("warmbox:index:BuildHost", host.name, inputsOf(args), opts);
    for (const warning of args.warnings) pulumi.log.warn(warning, this);
    const tools = new HostTools(`${host.name}-tools`, args, { parent: this });
    const started = { parent: this, dependsOn: [tools] }; // scripts source the library and start the tools it brings
    const s3 = storeBehind(args, shared, started);
    const tier = { host, input, store: s3?.store };
    const ready = s3 ? { parent: this, dependsOn: [tools, s3] } : started; // the daemons read their keys at their start
    const sccache = input.host.sccache.enabled ? new Sccache(`${host.name}-sccache`, tier, ready) : undefined;
    const Remote = args.BazelRemoteContainer ?? BazelRemote;
    const remote = input.host["bazel-remote"].enabled
      ? new Remote(`${host.name}-bazel-remote`, tier, ready)
      : undefined;
    // cargo is told of sccache only once it runs, and forgets it first; moon likewise of bazel-remote
    const told = [
      ...(input.host.cargo.enabled
        ? [new CargoRegistry(`${host.name}-cargo`, tier, { parent: this, dependsOn: [sccache ?? tools] })]
        : []),
      ...(hasEnvironment(input)
        ? [new MoonWorkspace(`${host.name}-moon`, tier, { parent: this, dependsOn: [remote ?? tools] })]
        : []),
    ];
    const proved = { ...tier, prove: args.library["prove.sh"] };
    if (args.proof) new Proof(`${host.name}-proof`, proved, { parent: this, dependsOn: [tools, ...told] });
    this.summary = summaryOf(args, shared);
    this.registerOutputs(this.summary);
  }
}

function storeBehind(
  args: BuildHostArgs,
  shared: HostS3 | undefined,
  opts: pulumi.ComponentResourceOptions,
): S3Backend | undefined {
  const { host, input, server } = args;
  if (input.store.kind !== "s3" || shared === undefined) return undefined;
  return new S3Backend(`${host.name}-s3`, { host, input, shared, ...(server ? { server } : {}) }, opts);
}

/** The plan in short: shown in a preview where a change of machine or stack changes it. */
function inputsOf({ input }: BuildHostArgs): Record<string, unknown> {
  const { plan } = input;
  return {
    scope: input.host.scope,
    service: input.kind,
    ...(input.container ? { container: input.container.name } : {}),
    memory: formatBytes(plan.memory),
    cores: plan.cores,
    agents: plan.agents,
    jobs: plan.builders.jobs,
    maxTasks: plan.builders.maxTasks,
  };
}

function summaryOf({ input, tools }: BuildHostArgs, shared: HostS3 | undefined): Record<string, unknown> {
  const { plan, host } = input;
  return {
    ...inputsOf({ input } as BuildHostArgs),
    ...(input.kind === "process" ? { survivesReboot: false } : {}),
    ...(host.sccache.enabled
      ? { sccache: { max_size: formatBytes(plan.sccache.max_size), port: plan.sccache.port } }
      : {}),
    ...(host["bazel-remote"].enabled
      ? {
          "bazel-remote": {
            max_size: `${bazelRemoteGiB(plan.bazelRemote.max_size, "floor")}GiB`,
            grpc_address: host["bazel-remote"].grpc_address,
          },
        }
      : {}),
    ...(input.store.kind === "s3" ? { s3: storeWords(input.store, shared) } : {}),
    cargoHome: input.paths.cargoHome,
    tools: Object.fromEntries(Object.entries(tools).map(([tool, choice]) => [tool, toolWords(choice)])),
  };
}

function storeWords(store: Extract<Store, { kind: "s3" }>, shared: HostS3 | undefined): object {
  const { bucket = store.bucket, policyArn } = shared ?? {};
  return { bucket, url: store.url ?? "AWS", ...(policyArn === undefined ? {} : { policyArn }) };
}

function toolWords(choice: ToolChoice): string {
  switch (choice.kind) {
    case "use":
      return choice.path;
    case "push":
      return `${choice.pushed.version} (pushed by warmbox)`;
    case "refuse":
      return choice.reason;
    default:
      return choice satisfies never;
  }
}
