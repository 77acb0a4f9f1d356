import { INDEX_ENTRY } from "../../plan/constants.ts";
import { readableBytes } from "../words.ts";
import { type Cause, place } from "./finding.ts";

const symptom = "grows";

const accessLog: Cause = (e) => {
  const file = e.paths.bazelRemoteConfig;
  const lines = e.settings.filter((line) => line.file === file);
  const level = lines.find(({ text }) => text.startsWith("access_log_level:"));
  if (!e.host["bazel-remote"].enabled || lines.length === 0 || /:\s*none$/.test(level?.text ?? "")) return [];
  const { bytes = 0, file: log = "its journal" } = e.logs["bazel-remote"] ?? {};
  return [
    {
      ...({ id: "access-log", symptom, explains: ["bazel-remote"] } as const),
      cause: "bazel-remote writes a log line for every request: gigabytes a day",
      evidence: [
        level === undefined ? `${file} has no access_log_level, whose default is all` : place(level),
        `${log}: ${readableBytes(bytes)}`,
      ],
      mend: "npm run up # without access_log_level below bazel-remote.settings of the stack",
    },
  ];
};

/** A volume this full stops both caches: sccache's index breaks, bazel-remote refuses writes. */
const LEAST_FREE_PART = 0.02;
const LEAST_FREE_BYTES = 256 * 1024 ** 2;

const diskFull: Cause = (e) => {
  const full = Object.entries(e.status.disks).filter(
    ([, { freeBytes, totalBytes }]) => freeBytes < Math.max(LEAST_FREE_BYTES, totalBytes * LEAST_FREE_PART),
  );
  return [...Map.groupBy(full, ([, { mount }]) => mount)].map(([mount, caches]) => ({
    ...({ id: "disk-full", symptom } as const),
    cause:
      "the volume of the caches is full: sccache stores nothing and may hang, bazel-remote refuses what moon sends",
    evidence: [
      `${mount}: ${readableBytes(caches[0]?.[1].freeBytes ?? 0)} of ${readableBytes(caches[0]?.[1].totalBytes ?? 0)} free`,
      ...caches.map(([name, { path }]) => `${name}: ${path}`),
    ],
    mend: `du -xk ${mount} | sort -n | tail # free what fills it; a smaller max_size in the stack, then npm run up`,
  }));
};

/** Too few files say nothing of their mean size. */
const ENOUGH_FILES = 1000;

const index: Cause = (e) => {
  const remote = e.status["bazel-remote"];
  if (
    remote === null ||
    remote === "silent" ||
    remote.index.budgetBytes === null ||
    remote.files < ENOUGH_FILES
  )
    return [];
  const mean = remote.sizeBytes / remote.files;
  const whenFull = (remote.maxSizeBytes / mean) * INDEX_ENTRY.value;
  if (whenFull <= remote.index.budgetBytes) return [];
  return [
    {
      ...({ id: "index-over-memory", symptom } as const),
      cause:
        "bazel-remote is sized by disk beyond what its index may take of the RAM: filled with files of this size it swaps",
      evidence: [
        `${remote.files} files of ${readableBytes(mean)} on the mean`,
        `${readableBytes(remote.maxSizeBytes)} of them need ${readableBytes(whenFull)} of RAM, the plan gives ${readableBytes(remote.index.budgetBytes)}`,
      ],
      mend: `npm run up # with bazel-remote.mean_blob_size: ${Math.max(1, Math.floor(mean / 1024))}KiB in the stack, or a smaller max_size`,
    },
  ];
};

const linger: Cause = (e) => {
  const users = Object.entries(e.status.services).filter(
    ([, s]) => s.kind === "systemd-user" && !s.survivesReboot,
  );
  if (users.length === 0 || e.facts.systemd.linger) return [];
  return [
    {
      ...({ id: "no-linger", symptom: "reboot" } as const),
      cause:
        "the services belong to a user who does not linger: they end with the last session and do not start at boot",
      evidence: [
        `/var/lib/systemd/linger/${e.facts.user.name} does not exist`,
        ...users.map(([name]) => `${name}: systemd user unit`),
      ],
      mend: `sudo loginctl enable-linger ${e.facts.user.name}`,
    },
  ];
};

/** Causes of what grows, and of what goes. */
export const growthCauses: readonly Cause[] = [accessLog, diskFull, index, linger];
