import type * as pulumi from "@pulumi/pulumi";
import type { ServiceKind } from "../plan/service-kind.ts";
import type { ToolChoice } from "../plan/tools.ts";
import { sessionVariables } from "../render/moon/moon-env.ts";
import { bazelRemoteGiB, formatBytes } from "../stacks/bytes.ts";
import { endpoints } from "./bazel-remote.ts";
import type { HostDescription, SharedS3 } from "./description.ts";

/** The plan of a host in short: a preview shows it if the machine or the stack changes it. */
export type HostPlan = {
  /** `user` or `system`. */
  readonly scope: string;
  /** What keeps the daemons running. */
  readonly service: ServiceKind;
  /** Name of bazel-remote's container, with `service: docker`. */
  readonly container?: string;
  /** RAM that is divided, e.g. `126GiB`. */
  readonly memory: string;
  readonly cores: number;
  readonly agents: { readonly total: number; readonly active: number };
  /** cargo's `build.jobs`. */
  readonly jobs: number;
  /** MOON_CONCURRENCY. */
  readonly maxTasks: number;
};

/** What a host has, in the words of the tools. */
export type HostSummary = HostPlan & {
  /** False with `service: process`; else not set. */
  readonly survivesReboot?: false;
  readonly sccache?: { readonly max_size: string; readonly port: number };
  readonly "bazel-remote"?: { readonly max_size: string; readonly grpc_address: string };
  readonly s3?: { readonly bucket: string; readonly url: string; readonly policyArn?: string };
  readonly cargoHome: string;
  /** Path of an installed tool, or version of an uploaded one, by name. */
  readonly tools: Readonly<Record<string, string>>;
};

/** The same before the values of resources are known. */
type SummaryInputs = Omit<HostSummary, "s3"> & { readonly s3?: Record<string, pulumi.Input<string>> };

/** Inputs of the component. */
export function planOf({ input }: HostDescription): HostPlan {
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

/** What the component registers, and a stack exports. */
export function summaryOf(description: HostDescription, shared: SharedS3 | undefined): SummaryInputs {
  const { input, tools } = description;
  const { plan, host } = input;
  return {
    ...planOf(description),
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
    ...(input.store.kind === "s3" ? { s3: storeSummary(input.store, shared) } : {}),
    cargoHome: input.paths.cargoHome,
    tools: Object.fromEntries(Object.entries(tools).map(([tool, choice]) => [tool, toolSummary(choice)])),
  };
}

function storeSummary(store: { bucket: string; url?: string }, shared: SharedS3 | undefined) {
  const { bucket = store.bucket, policyArn } = shared ?? {};
  return { bucket, url: store.url ?? "AWS", ...(policyArn === undefined ? {} : { policyArn }) };
}

function toolSummary(choice: ToolChoice): string {
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

/** Tier 1 of a host. */
export type SccacheOutputs = {
  /** TCP port on 127.0.0.1. */
  readonly port: pulumi.Output<number>;
  /** Cap of the local cache, e.g. `30GiB`. */
  readonly maxSize: pulumi.Output<string>;
  /** Directory of the local cache. */
  readonly dir: pulumi.Output<string>;
};

/** Tier 2 of a host. */
export type BazelRemoteOutputs = {
  /** Address for moon, e.g. `127.0.0.1:9092`. */
  readonly grpcAddress: pulumi.Output<string>;
  /** Address of `/status` and `/metrics`, e.g. `127.0.0.1:9090`. */
  readonly httpAddress: pulumi.Output<string>;
  /** Cap of the local cache in whole GiB, e.g. `46GiB`. */
  readonly maxSize: pulumi.Output<string>;
};

/** Selects a part of the description, as an output. */
export type Part = <T>(select: (description: HostDescription) => T) => pulumi.Output<T>;

/** Outputs of tier 1. */
export function sccacheOutputs(part: Part): SccacheOutputs {
  return {
    port: part(({ input }) => input.plan.sccache.port),
    maxSize: part(({ input }) => formatBytes(input.plan.sccache.max_size)),
    dir: part(({ input }) => input.plan.sccache.dir),
  };
}

/** Outputs of tier 2. */
export function bazelRemoteOutputs(part: Part): BazelRemoteOutputs {
  return {
    grpcAddress: part((description) => endpoints(description).grpcAddress),
    httpAddress: part((description) => endpoints(description).httpAddress),
    maxSize: part((description) => endpoints(description).maxSize),
  };
}

/** The variables that every session of the host gets. */
export function environmentOutput(part: Part): pulumi.Output<Record<string, string>> {
  return part(({ input }) => sessionVariables(input));
}
