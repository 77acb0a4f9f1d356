import { z } from "zod";
import { boolean, directory, doc, environment, integer, object, oneOf, text } from "./fields.ts";

const LINK = "https://moonrepo.dev/docs/config/workspace#remote";

const READ = "write read: moon takes any word it does not know for read-write, so read-only would upload";

/** Words of other tools and guides, with moon's own. */
const MODES = {
  "read-only": READ,
  readonly: READ,
  "write-only": "write write",
  readwrite: "write read-write",
  on: "write read-write",
};

const ENV: [RegExp, string][] = [
  [/^MOON_REMOTE_HOST$/, "write bazel-remote.grpc_address"],
  [/^MOON_CONCURRENCY$/, "write moon.concurrency"],
  [/^MOON_CACHE$/, "write moon.cache"],
  [/^MOON_REMOTE_CACHE_COMPRESSION$/, "write moon.compression"],
  [/^MOON_REMOTE_API$/, "remove it: grpc is what is tested; http has no batching"],
  [
    /^CARGO_/,
    "write it below cargo.settings: every CARGO_* variable is in sccache's key, so this would part the cache",
  ],
];

/** Variables of moon and proto; anything else would be every account's in system scope, whatever it does there. */
const NAME = /^(MOON|PROTO)_/;

function refusedVariable(name: string): string | undefined {
  const advice = ENV.find(([pattern]) => pattern.test(name))?.[1];
  return advice ?? (NAME.test(name) ? undefined : "write names that begin with MOON_ or PROTO_ only");
}

/** moon counts its concurrency in a byte in one of its two places. */
const MAX_CONCURRENCY = 255;

const workspace = object({
  path: doc(directory(), {
    description: "A moon workspace on the host; `warm` fills the caches from it.",
    unit: "directory",
  }),
  warm: doc(
    z
      .array(text("one command line"), { error: "a list of command lines\nwrite `- cargo build --release`" })
      .exactOptional(),
    {
      description:
        "What `./warmbox warm` runs in a throw-away worktree of it, one after the other, each by `sh -c`.",
      computed:
        "`cargo fetch`, `cargo build` and `cargo test --no-run` of the whole workspace; then `moon run :build :test` where `.moon` is",
    },
  ),
  remote_block: doc(boolean().default(false), {
    description:
      "Also write a marked `remote:` block into its `.moon/workspace.yml`. Changes every task's hash once; the environment does without.",
    link: LINK,
  }),
});

/** The client of tier 2: what may be said about moon. */
export const moonSchema = object({
  enabled: doc(boolean().default(true), { description: "Point every moon on the host to its bazel-remote." }),
  workspaces: doc(
    z.array(workspace, { error: "a list of workspaces\nwrite `- path: DIRECTORY`" }).default([]),
    {
      description: "moon workspaces on the host.",
    },
  ),
  cache: doc(oneOf(["off", "read", "read-write", "write"], MODES).default("read-write"), {
    description:
      "`MOON_CACHE` of every session: `read` takes hits and writes nothing, `write` runs all and overwrites.",
    link: "https://moonrepo.dev/docs/commands/run",
  }),
  compression: doc(
    oneOf(["none", "zstd"], { gzip: "write zstd", zst: "write zstd", off: "write none" }).default("none"),
    {
      description:
        "Compression on the wire. Over loopback zstd only costs CPU; bazel-remote compresses what it stores by itself.",
      link: LINK,
    },
  ),
  concurrency: doc(integer("actions", 1, MAX_CONCURRENCY).exactOptional(), {
    description: "Actions that one moon runs at once (`MOON_CONCURRENCY`).",
    unit: "actions",
    computed: "the plan's maxTasks",
  }),
  env: doc(environment(refusedVariable).prefault({}), {
    description:
      "More variables (`MOON_…`, `PROTO_…`) for every moon, such as `MOON_REMOTE_CACHE_INSTANCE_NAME`.",
    link: "https://moonrepo.dev/docs/guides/remote-cache",
  }),
});

/** @see moonSchema */
export type MoonConfig = z.output<typeof moonSchema>;
