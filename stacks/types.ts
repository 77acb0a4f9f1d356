export type { StackConfig } from "./config.ts";
export type { BazelRemoteConfig } from "./schema/bazel-remote.ts";
export type { CargoConfig } from "./schema/cargo.ts";
export type { DeclaredFacts } from "./schema/facts.ts";
export type { HostConfig } from "./schema/host.ts";
export type { MoonConfig } from "./schema/moon.ts";
export type { SccacheConfig } from "./schema/sccache.ts";
export type { GcsConfig, S3Config } from "./schema/store.ts";
export type { ToolSource } from "./schema/tools.ts";
