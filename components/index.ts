/**
 * warmbox as a package: `import { BuildHost } from "warmbox"` in a Pulumi program. A bucket on AWS is
 * `import { S3Bucket } from "warmbox/s3-bucket"`, which needs `@pulumi/aws`.
 */
export { BuildHost } from "./build-host.ts";
export type { BuildHostArgs, DescribedHostArgs, SshReachArgs } from "./build-host-args.ts";
export type { HostDescription, SharedS3 } from "./description.ts";
export type { BazelRemoteOutputs, HostPlan, HostSummary, SccacheOutputs } from "./host-outputs.ts";
export type { S3KeyInputs } from "./s3-keys.ts";
