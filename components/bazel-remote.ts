import * as pulumi from "@pulumi/pulumi";
import { bazelRemoteScript } from "../render/bazel-remote/bazel-remote-resource.ts";
import { bazelRemoteGiB } from "../stacks/bytes.ts";
import type { TierArgs } from "./description.ts";
import { hostResource, type Ownership, overStore } from "./host-resource.ts";

/**
 * Tier 2, the server: bazel-remote, its configuration, and its cap as it is in force.
 * @see https://github.com/buchgr/bazel-remote
 */
export class BazelRemote extends pulumi.ComponentResource {
  /** Where moon reaches it, e.g. `127.0.0.1:9092`. */
  public readonly grpcAddress: pulumi.Output<string>;
  /** Where `/status` and `/metrics` are, e.g. `127.0.0.1:9090`. */
  public readonly httpAddress: pulumi.Output<string>;
  /** Cap of the local cache, whole GiB. */
  public readonly maxSize: pulumi.Output<string>;

  constructor(name: string, args: TierArgs, opts: pulumi.ComponentResourceOptions) {
    const outputs = endpoints(args);
    super("warmbox:index:BazelRemote", name, outputs, opts);
    const script = (ownership: Ownership) =>
      overStore(args, (store) => bazelRemoteScript({ ...args.input, store, ...ownership }));
    hostResource({ host: args.host, resource: "bazel-remote", script }, { parent: this });
    this.grpcAddress = pulumi.output(outputs.grpcAddress);
    this.httpAddress = pulumi.output(outputs.httpAddress);
    this.maxSize = pulumi.output(outputs.maxSize);
    this.registerOutputs(outputs);
  }
}

/** What both kinds of it show: addresses, and the cap in whole GiB. */
export function endpoints({ input }: Pick<TierArgs, "input">) {
  const { grpc_address, http_address } = input.host["bazel-remote"];
  const maxSize = `${bazelRemoteGiB(input.plan.bazelRemote.max_size, "floor")}GiB`;
  return { grpcAddress: grpc_address, httpAddress: http_address, maxSize };
}
