import * as pulumi from "@pulumi/pulumi";
import { s3Directory, s3ServerScript } from "../render/s3/s3-server.ts";
import type { S3Config } from "../stacks/types.ts";
import type { TierArgs } from "./description.ts";
import { hostResource, type Ownership, overStore } from "./host-resource.ts";

/** What the embedded S3 server of one host is made from. */
export interface S3ServerArgs extends TierArgs {
  readonly server: Extract<S3Config, { kind: "embedded" }>;
  /** Absolute path of versitygw on the host. */
  readonly toolPath: string;
}

/**
 * A real S3 server as a service of the host, on loopback: S3 behind both caches with no account anywhere.
 * @see https://github.com/versity/versitygw
 */
export class S3Server extends pulumi.ComponentResource {
  constructor(name: string, args: S3ServerArgs, opts: pulumi.ComponentResourceOptions) {
    const { host, server, toolPath, input } = args;
    const outputs = {
      url: `http://127.0.0.1:${server.port}`,
      bucket: server.bucket,
      dir: s3Directory({ ...input, server }),
    };
    super("warmbox:index:S3Server", name, outputs, opts);
    const script = (ownership: Ownership) =>
      overStore(args, (store) => s3ServerScript({ ...input, store, server, toolPath, ...ownership }));
    hostResource({ host, resource: "s3", script }, { parent: this });
    this.registerOutputs(outputs);
  }
}
