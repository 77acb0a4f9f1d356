import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { reachPrefix, sshTarget } from "../host/reach.ts";
import { generationFor } from "../plan/generation.ts";
import {
  bazelRemoteContainer,
  bazelRemoteContainerScript,
  bazelRemoteFilesScript,
  type ContainerInput,
  type ContainerSpec,
} from "../render/bazel-remote/bazel-remote-container.ts";
import type { HostConfig } from "../stacks/types.ts";
import { endpoints } from "./bazel-remote.ts";
import type { TierArgs } from "./description.ts";
import { hostResource, type Ownership, overStore } from "./host-resource.ts";

/**
 * Tier 2, the server, in a container: its directory and configuration on the host, the image by digest, the container,
 * and a check from outside that it serves with the configured cap. Loaded only by a stack with `service: docker`.
 * @see https://www.pulumi.com/registry/packages/docker/api-docs/container/
 */
export class BazelRemoteContainer extends pulumi.ComponentResource {
  /** Where moon reaches it, e.g. `127.0.0.1:9092`. */
  public readonly grpcAddress: pulumi.Output<string>;
  /** Where `/status` and `/metrics` are, e.g. `127.0.0.1:9090`. */
  public readonly httpAddress: pulumi.Output<string>;
  /** Cap of the local cache, whole GiB. */
  public readonly maxSize: pulumi.Output<string>;

  constructor(name: string, args: TierArgs, opts: pulumi.ComponentResourceOptions) {
    const outputs = endpoints(args);
    super("warmbox:index:BazelRemoteContainer", name, outputs, opts);
    const files = hostResource(resource(args, "bazel-remote", bazelRemoteFilesScript), { parent: this });
    const provider = new docker.Provider(`${name}-docker`, providerArgs(args), { parent: this });
    const image = new docker.RemoteImage(
      `${name}-image`,
      { name: choiceOf(args).image, keepLocally: true },
      { parent: this, provider },
    );
    const container = new docker.Container(
      name,
      { ...specOf(args), image: image.imageId },
      { parent: this, provider, dependsOn: [files] }, // its mounts are paths of those files
    );
    const running = resource(args, "bazel-remote-container", bazelRemoteContainerScript);
    hostResource(running, { parent: this, dependsOn: [container] }); // it asks the container
    this.grpcAddress = pulumi.output(outputs.grpcAddress);
    this.httpAddress = pulumi.output(outputs.httpAddress);
    this.maxSize = pulumi.output(outputs.maxSize);
    this.registerOutputs(outputs);
  }
}

function choiceOf({ input }: TierArgs): ContainerInput["container"] {
  if (input.container === undefined)
    throw new Error("a host without a container has no BazelRemoteContainer");
  return input.container;
}

function resource(args: TierArgs, name: string, render: (input: ContainerInput) => string) {
  const container = choiceOf(args);
  const script = (ownership: Ownership) =>
    overStore(args, (store) => render({ ...args.input, store, container, ...ownership }));
  return { host: args.host, resource: name, script };
}

/** Unknown as long as the host's address is. */
function providerArgs(args: TierArgs): docker.ProviderArgs {
  const reach = dockerReach(args.input.host, choiceOf(args));
  const { prefix } = args.host;
  return pulumi.Output.isInstance(prefix) && reach.host !== undefined
    ? { ...reach, host: prefix.apply(() => reach.host as string) }
    : reach;
}

/** Only the parts that depend on the store's keys may be unknown before the keys exist. */
function specOf(args: TierArgs) {
  const { host, input } = args;
  const generation = generationFor(host.observed.ledgers["bazel-remote"], host.owner, host.nowSeconds);
  const base = { ...input, container: choiceOf(args), owner: host.owner, generation };
  const part = <K extends keyof ContainerSpec>(key: K) =>
    overStore(args, (store) => bazelRemoteContainer({ ...base, store })[key]) as pulumi.Input<
      ContainerSpec[K]
    >;
  return { ...bazelRemoteContainer(base), envs: part("envs"), labels: part("labels") };
}

/**
 * The docker daemon of a host: this machine's where its client finds it (DOCKER_HOST, else its context), or over ssh by
 * the host's own options. The user that ssh logs in as must be allowed to talk to it; `reach.sudo` does not help here.
 * The daemon is not asked before there is something to do, so that a preview goes on without it.
 * @throws RunError where the operator's DOCKER_CONTEXT would send the container elsewhere
 * @see https://www.pulumi.com/registry/packages/docker/#remote-hosts
 */
export function dockerReach(
  { reach }: Pick<HostConfig, "reach">,
  { endpoint }: Pick<ContainerInput["container"], "endpoint"> = {},
): docker.ProviderArgs {
  switch (reach.kind) {
    case "local":
      return { disableDockerDaemonCheck: true, ...(endpoint === undefined ? {} : { host: endpoint }) };
    case "ssh": {
      const context = process.env.DOCKER_CONTEXT;
      if (context)
        throw new pulumi.RunError(
          `DOCKER_CONTEXT=${context} in your environment sends every container there, that of ${reach.host} too; next: unset DOCKER_CONTEXT`,
        );
      const [target, prefix] = [sshTarget(reach), reachPrefix({ reach })];
      const sshOpts = prefix.slice(1, prefix.indexOf(target));
      return { host: dockerUrl(reach), sshOpts, disableDockerDaemonCheck: true };
    }
    default:
      return reach satisfies never;
  }
}

/** As a URL has it: the colons of an IPv6 address would be a port's. */
function dockerUrl({ host, user }: Extract<HostConfig["reach"], { kind: "ssh" }>): string {
  const login = user === undefined ? "" : `${user}@`;
  return `ssh://${login}${host.includes(":") ? `[${host}]` : host}`;
}
