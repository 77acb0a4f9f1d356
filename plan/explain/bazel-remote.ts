import { type Bytes, bazelRemoteGiB, bytes, formatBytes, goMemLimit } from "../../stacks/bytes.ts";
import type { BazelRemotePlan } from "../bazel-remote.ts";
import type { CachePlan } from "../cache-plan.ts";
import * as c from "../constants.ts";
import type { Sizing } from "../sizing-context.ts";
import { because, sizeTerm, type Term, term } from "./term.ts";

/** Every number of bazel-remote with its reason. */
export function bazelRemoteTerms(plan: CachePlan, sizing: Sizing): Term[] {
  return [...cacheTerms(plan, sizing), ...memoryTerms(plan.bazelRemote), ...fileTerms(plan)];
}

function cacheTerms({ bazelRemote: b, memory }: CachePlan, { host, rooms, shares }: Sizing): Term[] {
  const room = rooms.bazelRemote;
  const mean = formatBytes(b.mean_blob_size);
  const quarter = `a quarter of ${formatBytes(memory)}`;
  const byRam =
    b.max_size < room.share ? `RAM: ${quarter} / ${formatBytes(c.INDEX_ENTRY.value)} × ${mean}` : null;
  const { max_size, mean_blob_size } = host["bazel-remote"];
  return [
    memoryTerm(b, shares.bazelRemote, quarter),
    sizeTerm("bazel-remote.max_size", b.max_size, {
      declared: max_size,
      room,
      part: c.BAZEL_REMOTE_DISK_PART,
      ram: byRam,
    }),
    mean_blob_size === undefined
      ? because("bazel-remote.mean_blob_size", mean, c.MEAN_BLOB)
      : term("bazel-remote.mean_blob_size", mean, "set by the stack"),
    term(
      "bazel-remote.entries",
      String(b.entries),
      `files of ${mean} on the average that fit into ${bazelRemoteGiB(b.max_size, "exact")}GiB; each is held in the index`,
    ),
  ];
}

function memoryTerm(b: BazelRemotePlan, share: Bytes, quarter: string): Term {
  const [name, value] = ["bazel-remote.memory", formatBytes(b.memory)];
  const sum = `${b.entries} entries × ${formatBytes(c.INDEX_ENTRY.value)}`;
  const needed = b.entries * c.INDEX_ENTRY.value;
  if (needed < c.BAZEL_REMOTE_LEAST.value)
    return because(
      name,
      value,
      c.BAZEL_REMOTE_LEAST,
      `${sum}, at least ${formatBytes(c.BAZEL_REMOTE_LEAST.value)}`,
    );
  if (needed > share) return because(name, value, c.BAZEL_REMOTE_SHARE, `${sum}, at most ${quarter}`);
  return because(name, value, c.INDEX_ENTRY, `${sum}, within ${quarter}`);
}

function memoryTerms(b: BazelRemotePlan): Term[] {
  const inodes = formatBytes(bytes(b.entries * c.SLAB_PER_FILE.value));
  return [
    term(
      "GOMEMLIMIT",
      goMemLimit(b.GOMEMLIMIT),
      "bazel-remote's part of the budget; soft, and live data is about a third of it",
      "https://pkg.go.dev/runtime#hdr-Environment_Variables",
    ),
    because("GOGC", String(b.GOGC), c.GOGC),
    term(
      "MemoryHigh",
      formatBytes(b.MemoryHigh),
      `GOMEMLIMIT + ${inodes} + ${formatBytes(c.BEYOND_HEAP.value)}, the latter two outside the sum: ` +
        `${b.entries} × ${c.SLAB_PER_FILE.value} bytes are ${c.SLAB_PER_FILE.reason}, and go first when builders need RAM; ` +
        `${formatBytes(c.BEYOND_HEAP.value)} are ${c.BEYOND_HEAP.reason}`,
    ),
  ];
}

function fileTerms({ bazelRemote: b, agents, builders, cores }: CachePlan): Term[] {
  const tasks = agents.total * builders.maxTasks;
  const need = c.FILES_BASE.value + tasks * c.FILES_PER_MOON.value + c.UPLOAD_QUEUE.value;
  const hard = b.LimitNOFILE < need ? `, and ${b.LimitNOFILE} are the user's hard limit` : "";
  const uploads = "with s3 or gcs only";
  const perCore = `${c.UPLOADERS_PER_CORE.value} × ${cores} cores`;
  const limit = c.UPLOADERS_MOST;
  return [
    term(
      "LimitNOFILE",
      String(b.LimitNOFILE),
      `${c.FILES_BASE.value} + ${c.UPLOAD_QUEUE.value} of the upload queue + ${c.FILES_PER_MOON.value} × ${tasks} moon tasks = ${need}${hard}: ` +
        `${c.FILES_BASE.reason}; ${c.FILES_PER_MOON.reason}`,
    ),
    because(
      "max_queued_uploads",
      String(b.max_queued_uploads),
      c.UPLOAD_QUEUE,
      b.max_queued_uploads < c.UPLOAD_QUEUE.value ? `${uploads}, at most what LimitNOFILE leaves` : uploads,
    ),
    c.UPLOADERS_PER_CORE.value * cores > limit.value
      ? because(
          "num_uploaders",
          String(b.num_uploaders),
          limit,
          `${uploads}, ${perCore}, at most ${limit.value}`,
        )
      : because("num_uploaders", String(b.num_uploaders), c.UPLOADERS_PER_CORE, `${uploads}, ${perCore}`),
  ];
}
