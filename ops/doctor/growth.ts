import { INDEX_ENTRY } from "../../plan/constants.ts";
import { shellWord } from "../../stacks/shell.ts";
import { readableBytes } from "../words.ts";
import type { Evidence } from "./evidence.ts";
import { type Cause, place } from "./finding.ts";
import { changeStack, onHost, up } from "./mend.ts";

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
      mend:
        "access_log_level" in e.host["bazel-remote"].settings
          ? changeStack(e, ["bazel-remote", "settings", "access_log_level"], null)
          : up(e),
    },
  ];
};

/** A volume this full stops both caches: sccache's index breaks, bazel-remote refuses writes. */
const LEAST_FREE_PART = 0.02;
const LEAST_FREE_BYTES = 256 * 1024 ** 2;

const leastFree = (totalBytes: number): number => Math.max(LEAST_FREE_BYTES, totalBytes * LEAST_FREE_PART);

const diskFull: Cause = (e) => {
  const full = Object.entries(e.status.disks).filter(
    ([, { freeBytes, totalBytes }]) => freeBytes < leastFree(totalBytes),
  );
  return [...Map.groupBy(full, ([, { mount }]) => mount)].map(([mount, caches]) => ({
    ...({ id: "disk-full", symptom } as const),
    cause:
      "the volume of the caches is full: sccache stores nothing and may hang, bazel-remote refuses what moon sends",
    evidence: [
      `${mount}: ${readableBytes(caches[0]?.[1].freeBytes ?? 0)} of ${readableBytes(caches[0]?.[1].totalBytes ?? 0)} free`,
      ...caches.map(([name, { path }]) => `${name}: ${path}`),
      ...fillersOn(e, mount).map(({ path, bytes }) => `${readableBytes(bytes)} in ${path}`),
    ],
    mend: freed(e, mount),
  }));
};

/** Deleting less than this frees nothing worth a word, bytes. */
const LEAST_FILLER = 1024 ** 2;

/** The largest of them, as many as free enough. */
function fillersOn(e: Evidence, mount: string): Evidence["fillers"] {
  const disk = Object.values(e.status.disks).find((one) => one.mount === mount);
  let missing = disk === undefined ? 0 : leastFree(disk.totalBytes) - disk.freeBytes;
  return e.fillers.filter((one) => {
    const wanted = one.mount === mount && one.bytes >= LEAST_FILLER && missing > 0;
    if (wanted) missing -= one.bytes;
    return wanted;
  });
}

/** Other programs' caches go, which they make again; where there are none, ours are fitted to the volume. */
function freed(e: Evidence, mount: string): string {
  const paths = fillersOn(e, mount).map(({ path }) => shellWord(path));
  if (paths.length > 0) return onHost(e, `rm -rf -- ${paths.join(" ")}`);
  const fixed = (["bazel-remote", "sccache"] as const).find((tier) => e.host[tier].max_size !== undefined);
  return fixed === undefined ? up(e) : changeStack(e, [fixed, "max_size"], null);
}

/** Too few files say nothing of their mean size. */
const ENOUGH_FILES = 1000;

const index: Cause = (e) => {
  const remote = e.status["bazel-remote"];
  if (
    typeof remote !== "object" ||
    remote === null ||
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
      mend: changeStack(e, ["bazel-remote", "mean_blob_size"], `${Math.max(1, Math.floor(mean / 1024))}KiB`),
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
      mend: onHost(e, `sudo loginctl enable-linger ${shellWord(e.facts.user.name)}`),
    },
  ];
};

/** Causes of what grows, and of what goes. */
export const growthCauses: readonly Cause[] = [accessLog, diskFull, index, linger];
