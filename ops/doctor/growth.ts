import { INDEX_ENTRY } from "../../plan/constants.ts";
import { shellWord } from "../../stacks/shell.ts";
import { readableBytes } from "../words.ts";
import { type Cause, place } from "./cause.ts";
import type { Evidence } from "./evidence.ts";
import { changeStack, onHost, up } from "./fix.ts";

const symptom = "grows";

const accessLog: Cause = {
  id: "access-log",
  symptom,
  explains: ["bazel-remote"],
  cause: "bazel-remote writes a log line for every request: gigabytes a day",
  fix: "switches that log off",
  find: (evidence) => {
    const { host, paths, settings, logs } = evidence;
    const remote = host["bazel-remote"];
    const lines = settings.filter(({ file }) => file === paths.bazelRemoteConfig);
    const level = lines.find(({ text }) => text.startsWith("access_log_level:"));
    if (!remote.enabled || lines.length === 0 || /:\s*none$/.test(level?.text ?? "")) return [];
    const { bytes = 0, file: log = "its journal" } = logs["bazel-remote"] ?? {};
    const noLevel = `${paths.bazelRemoteConfig} has no access_log_level, whose default is all`;
    return [
      {
        evidence: [level === undefined ? noLevel : place(level), `${log}: ${readableBytes(bytes)}`],
        fix:
          "access_log_level" in remote.settings
            ? changeStack(evidence, ["bazel-remote", "settings", "access_log_level"], null)
            : up(evidence),
      },
    ];
  },
};

/** A volume this full stops both caches: sccache's index breaks, bazel-remote refuses writes. */
const LEAST_FREE_PART = 0.02;
const LEAST_FREE_BYTES = 256 * 1024 ** 2;

const leastFree = (totalBytes: number): number => Math.max(LEAST_FREE_BYTES, totalBytes * LEAST_FREE_PART);

const diskFull: Cause = {
  id: "disk-full",
  symptom,
  cause:
    "the volume of the caches is full: sccache stores nothing and may hang, bazel-remote refuses moon's uploads",
  fix: "deletes other programs' caches on that volume; if there are none, lets warmbox compute the sizes again",
  find: (evidence) => {
    const full = Object.entries(evidence.status.disks).filter(
      ([, { freeBytes, totalBytes }]) => freeBytes < leastFree(totalBytes),
    );
    return [...Map.groupBy(full, ([, { mount }]) => mount)].map(([mount, caches]) => {
      const { freeBytes = 0, totalBytes = 0 } = caches[0]?.[1] ?? {};
      return {
        evidence: [
          `${mount}: ${readableBytes(freeBytes)} of ${readableBytes(totalBytes)} free`,
          ...caches.map(([name, { path }]) => `${name}: ${path}`),
          ...fillersOn(evidence, mount).map(({ path, bytes }) => `${readableBytes(bytes)} in ${path}`),
        ],
        fix: freeSpace(evidence, mount),
      };
    });
  },
};

/** Deleting less than this does not help, bytes. */
const LEAST_FILLER = 1024 ** 2;

/** The largest of them, as many as free enough. */
function fillersOn({ status, fillers }: Evidence, mount: string): Evidence["fillers"] {
  const disk = Object.values(status.disks).find((volume) => volume.mount === mount);
  let missing = disk === undefined ? 0 : leastFree(disk.totalBytes) - disk.freeBytes;
  return fillers.filter((filler) => {
    const isNeeded = filler.mount === mount && filler.bytes >= LEAST_FILLER && missing > 0;
    if (isNeeded) missing -= filler.bytes;
    return isNeeded;
  });
}

/** Other programs can make their caches again; without any, warmbox's own are fitted to the volume. */
function freeSpace(evidence: Evidence, mount: string): string {
  const paths = fillersOn(evidence, mount).map(({ path }) => shellWord(path));
  if (paths.length > 0) return onHost(evidence, `rm -rf -- ${paths.join(" ")}`);
  const tier = (["bazel-remote", "sccache"] as const).find(
    (name) => evidence.host[name].max_size !== undefined,
  );
  return tier === undefined ? up(evidence) : changeStack(evidence, [tier, "max_size"], null);
}

/** Fewer files have no meaningful mean size. */
const ENOUGH_FILES = 1000;

const indexOverMemory: Cause = {
  id: "index-over-memory",
  symptom,
  cause:
    "bazel-remote's max_size allows more files than its index has RAM for: filled with files of this size, the host swaps",
  fix: "writes the mean size of its files into the stack, from which warmbox computes max_size",
  find: (evidence) => {
    const remote = evidence.status["bazel-remote"];
    if (typeof remote !== "object" || remote === null) return [];
    const { budgetBytes } = remote.index;
    if (budgetBytes === null || remote.files < ENOUGH_FILES) return [];
    const mean = remote.sizeBytes / remote.files;
    const fullBytes = (remote.maxSizeBytes / mean) * INDEX_ENTRY.value;
    if (fullBytes <= budgetBytes) return [];
    return [
      {
        evidence: [
          `${remote.files} files with a mean size of ${readableBytes(mean)}`,
          `${readableBytes(remote.maxSizeBytes)} of them need ${readableBytes(fullBytes)} of RAM, the plan gives ${readableBytes(budgetBytes)}`,
        ],
        fix: changeStack(
          evidence,
          ["bazel-remote", "mean_blob_size"],
          `${Math.max(1, Math.floor(mean / 1024))}KiB`,
        ),
      },
    ];
  },
};

const noLinger: Cause = {
  id: "no-linger",
  symptom: "reboot",
  cause:
    "the services belong to a user who does not linger: they end with the last session and do not start at boot",
  fix: "lets the user linger",
  find: (evidence) => {
    const { user, systemd } = evidence.facts;
    const units = Object.entries(evidence.status.services).filter(
      ([, { kind, survivesReboot }]) => kind === "systemd-user" && !survivesReboot,
    );
    if (units.length === 0 || systemd.linger) return [];
    return [
      {
        evidence: [
          `/var/lib/systemd/linger/${user.name} does not exist`,
          ...units.map(([name]) => `${name}: systemd user unit`),
        ],
        fix: onHost(evidence, `sudo loginctl enable-linger ${shellWord(user.name)}`),
      },
    ];
  },
};

/** Causes of growth, and of loss at a reboot. */
export const growthCauses: readonly Cause[] = [accessLog, diskFull, indexOverMemory, noLinger];
