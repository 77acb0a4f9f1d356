import { userInfo } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheDirs, hostScript } from "../host/host-script.ts";
import { reachPrefix } from "../host/reach.ts";
import { storeOfHost } from "../plan/store.ts";
import type { HostConfig, StackConfig } from "../stacks/types.ts";
import { type ProgressStream, startProgress } from "../tools/progress.ts";
import { WARM } from "./definitions.ts";
import { hostsCommand, runMain } from "./frame.ts";
import type { HostResult } from "./stack-hosts.ts";
import type { HostStatus } from "./status/parse.ts";
import { hostStatus } from "./status.ts";
import { Gathered, type Warmed, warmEvent } from "./warm/events.ts";
import { showEvent } from "./warm/progress.ts";
import { streamScript } from "./warm/stream.ts";
import { counted, readableBytes } from "./words.ts";

/** What a host came to, and what its caches hold more than before; null where nothing ran. */
export type HostWarmed = { workspaces: Warmed[]; gained: Gained | null };

/** What the caches of a host gained. Null: unknown. */
export type Gained = { sccacheBytes: number | null; bazelRemoteFiles: number | null; crates: number };

/** `force` fills also what is filled already; `store` is the store to fill, `none` or its location. */
export type WarmOptions = { force: boolean; store: string };

type Workspace = HostConfig["moon"]["workspaces"][number];

/** Fills one host's caches. @throws Error where its services do not run or it does not answer */
export async function warmHost(
  name: string,
  host: HostConfig,
  options: WarmOptions,
  stream: ProgressStream,
): Promise<HostWarmed> {
  const before = await settled(host);
  demandServices(before);
  const workspaces = await inTurns(host.moon.workspaces, host.agents.active, (workspace) =>
    warmWorkspace(`${name} ${workspace.path}`, host, workspace, options, stream),
  );
  const ran = workspaces.some(({ steps }) => steps.length > 0);
  return { workspaces, gained: ran ? gained(before, await hostStatus(host)) : null };
}

/** A service that was just ended restarts soon: number of status checks, and milliseconds between them. */
const SETTLE_TRIES = 5;
const SETTLE_MS = 1_000;

async function settled(host: HostConfig): Promise<HostStatus> {
  let status = await hostStatus(host);
  const starts = () =>
    Object.values(status.services).some(({ state }) => state === "failing" || state === "activating");
  for (let tries = 0; tries < SETTLE_TRIES && starts(); tries++) {
    await sleep(SETTLE_MS);
    status = await hostStatus(host);
  }
  return status;
}

function demandServices({ installed, services }: HostStatus): void {
  if (!installed) throw new Error("nothing of warmbox is set up here; next: ./warmbox up");
  const down = Object.entries(services).filter(([, { state }]) => state !== "running");
  if (down.length === 0) return;
  const states = down.map(([service, { state }]) => `${service} is ${state}`);
  throw new Error(`${states.join(", ")}: a build now would fill nothing; next: ./warmbox doctor`);
}

async function warmWorkspace(
  label: string,
  host: HostConfig,
  workspace: Workspace,
  options: WarmOptions,
  stream: ProgressStream,
): Promise<Warmed> {
  const gathered = new Gathered(workspace.path);
  const progress = startProgress(label, stream);
  const script = hostScript(host, ["warm.sh"], "warm", warmWords(host, workspace, options));
  const end = await streamScript(builderPrefix(host), script, (line) => {
    const event = warmEvent(line);
    if (event === null) return;
    gathered.take(event);
    showEvent(progress, event, gathered);
  });
  const { warmed } = gathered;
  if (end.code !== 0) Object.assign(warmed, { result: "failed", why: end.stderr.trim() || warmed.why });
  progress.end(resultWords(warmed));
  return warmed;
}

/** A build is its user's, even where root set the host up: the one whom the stack names, else whoever logs in. */
export function builderPrefix({ reach, scope, facts }: HostConfig): string[] {
  const prefix = reachPrefix({ reach: reach.kind === "ssh" ? { ...reach, sudo: false } : reach });
  const builder = scope === "system" ? facts?.user?.name : undefined;
  const login = reach.kind === "ssh" ? reach.user : userInfo().username;
  if (builder === undefined || builder === login) return prefix;
  return [...prefix.slice(0, -SHELL_WORDS), "sudo", "-n", "-H", "-u", builder, ...prefix.slice(-SHELL_WORDS)];
}

/** `sh -s --`, the end of every prefix. */
const SHELL_WORDS = 3;

/** Beside the words that every script gets: directories whose contents are filled, and what is to be run. */
function warmWords(
  host: HostConfig,
  { path, warm = [] }: Workspace,
  { force, store }: WarmOptions,
): string[] {
  const dirs = { sccache: ".cache/sccache", "bazel-remote": ".cache/bazel-remote", ...cacheDirs(host) };
  const places = (["sccache", "bazel-remote"] as const).filter(
    (tier) => host[tier].enabled && !cacheDirs(host)[tier],
  );
  return [
    `workspace=${path}`,
    ...places.map((tier) => `${tier}=${dirs[tier]}`),
    `store=${store}`,
    `force=${force ? 1 : 0}`,
    ...warm.map((line) => `step=${line}`),
  ];
}

const WITHOUT_REMOTE =
  ", bazel-remote not: moon could not connect to it, or has no password or certificate for it";

function resultWords({ result, why, steps, withoutRemote }: Warmed): string {
  const commit = why.slice(0, 12);
  switch (result) {
    case "warm":
      return `warm already at ${commit}: nothing done`;
    case "filled":
      return `filled from ${commit} in ${steps.reduce((sum, { seconds }) => sum + seconds, 0)} s${withoutRemote ? WITHOUT_REMOTE : ""}`;
    case "busy":
      return `left alone: ${why}`;
    case "failed":
      return `FAILED: ${why}`;
    default:
      return result satisfies never;
  }
}

/** At most `most` at once, in the order given. */
async function inTurns<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      results[next[0]] = await work(next[1]);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}

function gained(before: HostStatus, after: HostStatus): Gained {
  const size = ({ sccache }: HostStatus) =>
    typeof sccache === "object" ? (sccache?.sizeBytes ?? null) : null;
  const files = ({ "bazel-remote": remote }: HostStatus) =>
    typeof remote === "object" && remote !== null ? remote.files : null;
  const increase = (current: number | null, former: number | null) =>
    current === null ? null : current - (former ?? 0);
  return {
    sccacheBytes: increase(size(after), size(before)),
    bazelRemoteFiles: increase(files(after), files(before)),
    crates: after.cargo.crates - before.cargo.crates,
  };
}

/** The command; exit code 1 if a host or a workspace failed. */
export const main = hostsCommand(WARM, {
  run: (name, host, { flags, config, progress }) =>
    warmHost(name, host, { force: flags.force ?? false, store: storeWord(config, name) }, progress),
  text: (results) => results.map(hostLine).join(""),
  isGood: ({ workspaces }) => workspaces.every(({ result }) => result !== "failed"),
  hasProgress: true,
});

/** The place of a host's store, for a note of what was filled; no secret is in it. */
function storeWord(config: StackConfig, host: string): string {
  const store = storeOfHost(config, host);
  switch (store.kind) {
    case "none":
      return "none";
    case "s3":
      return ["s3", store.url ?? store.region, store.bucket, store.prefix].join(" ");
    case "gcs":
      return ["gcs", store.bucket, store.prefix].join(" ");
    default:
      return store satisfies never;
  }
}

function hostLine(result: HostResult<HostWarmed>): string {
  const { name, host } = result;
  if ("error" in result) return `${name}: ${result.error}\n`;
  const { workspaces, gained } = result.value;
  const remote = host["bazel-remote"].enabled;
  if (workspaces.length === 0)
    return `${name}: no workspaces; next: list them below hosts.${name}.moon.workspaces of the stack\n`;
  const count = (outcome: Warmed["result"]) => workspaces.filter(({ result }) => result === outcome).length;
  const counts = (["filled", "warm", "busy", "failed"] as const)
    .filter((outcome) => count(outcome) > 0)
    .map((outcome) => `${count(outcome)} ${outcome === "warm" ? "warm already" : outcome}`);
  return `${name}: ${counts.join(", ")}${gained === null ? "" : `; ${gainedWords(gained, remote)}`}\n`;
}

function gainedWords({ sccacheBytes, bazelRemoteFiles, crates }: Gained, remote: boolean): string {
  const files = bazelRemoteFiles === null ? "unknown" : `+${counted(bazelRemoteFiles, "file")}`;
  return [
    ...(sccacheBytes === null ? [] : [`sccache +${readableBytes(Math.max(0, sccacheBytes))}`]),
    ...(remote ? [`bazel-remote ${files}`] : []),
    `registry +${counted(crates, "crate")}`,
  ].join(", ");
}

if (process.argv[1] === import.meta.filename) await runMain("warm", main);
