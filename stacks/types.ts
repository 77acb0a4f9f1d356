import type { z } from "zod";
import type { stackSchema } from "./config.ts";

/** A stack's configuration after checking, every default filled in. */
export type StackConfig = z.output<typeof stackSchema>;

export type { BazelRemoteConfig } from "./schema/bazel-remote.ts";
export type { CargoConfig } from "./schema/cargo.ts";
export type { DeclaredFacts } from "./schema/facts.ts";
export type { HostConfig } from "./schema/host.ts";
export type { MoonConfig } from "./schema/moon.ts";
export type { SccacheConfig } from "./schema/sccache.ts";
export type { GcsConfig, S3Config } from "./schema/store.ts";
export type { ToolSource } from "./schema/tools.ts";
