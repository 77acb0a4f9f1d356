import { setTimeout as sleep } from "node:timers/promises";
import { hostScript } from "../host/host-script.ts";
import { reachPrefix, runScript, sshTarget } from "../host/reach.ts";
import { UserError } from "../stacks/errors.ts";
import type { HostConfig } from "../stacks/types.ts";
import type { ProgressStream } from "../tools/progress.ts";
import { STATUS } from "./definitions.ts";
import { command, envelope, runMain, SILENT, withProgress } from "./frame.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { type HostResult, onEveryHost, type StackHosts, stackHosts } from "./stack-hosts.ts";
import { deltaOf, snapshotOf } from "./status/delta.ts";
import { type HostStatus, parseStatus } from "./status/parse.ts";
import { prometheusText } from "./status/prometheus.ts";
import { type Reported, statusReport } from "./status/report.ts";
import { readSnapshots, type Snapshots, writeSnapshots } from "./status/snapshots.ts";

/** A look takes about a second; a host that has not answered by then does not answer, seconds. */
const LIMIT_SECONDS = 60;

/** Asks one host: one process, one round trip, nothing changed. @throws Error with ssh's own words */
export async function hostStatus(host: HostConfig): Promise<HostStatus> {
  const script = hostScript(host, ["warmbox.sh", "probe.sh", "status.sh"], "status");
  const answer = await runScript(reachPrefix(host), [], script, { timeoutSeconds: LIMIT_SECONDS });
  if (answer.timedOut) throw new Error(`did not answer within ${LIMIT_SECONDS} s`);
  if (answer.code !== 0)
    throw new Error(`cannot be asked: ${lastLine(answer.stderr) || `status ${answer.code}`}`);
  return parseStatus(answer.stdout, host);
}

/** ssh says what is wrong in its last line. */
const lastLine = (text: string): string => text.trim().split("\n").at(-1)?.trim() ?? "";

function reported(result: HostResult<HostStatus>, stack: string, former: Snapshots): Reported {
  const head = { name: result.name, where: doorOf(result.host) };
  if ("error" in result) return { ...head, error: result.error };
  const before = former[snapshotKey(result.name, result.host, stack)];
  const delta = before === undefined ? null : deltaOf(snapshotOf(result.value), before);
  return { ...head, status: result.value, delta };
}

function doorOf({ reach }: HostConfig): string {
  return reach.kind === "local" ? "this machine" : sshTarget(reach);
}

const snapshotKey = (name: string, host: HostConfig, stack: string): string =>
  [stack, name, doorOf(host), host.sccache.port].join(" ");

/** The command; exit code 1 if a host or a service is down. */
export const main = command(STATUS, async (flags, out) => {
  const { json = false, prometheus = false, watch } = flags;
  if (json && prometheus) throw new UserError("usage", "--json and --prometheus: leave out one of the two");
  const pause = watch === undefined ? null : watchSeconds(watch);
  const selection = await stackHosts(flags);
  let former = readSnapshots();
  for (;;) {
    const results = await look(selection, json || prometheus ? SILENT : out.stderr);
    const hosts = results.map((result) => reported(result, selection.stack, former));
    if (json) out.stdout.write(jsonText(selection.stack, hosts, pause === null));
    else if (prometheus) out.stdout.write(prometheusText(hosts));
    else out.stdout.write(reportOf(hosts, pause !== null, layoutOf(out.stdout)));
    former = { ...former, ...snapshots(results, selection.stack) };
    if (pause === null) {
      if (!prometheus) writeSnapshots(former); // a scraper's call is no reference for a person's
      return hosts.every(isUp) ? 0 : 1;
    }
    await sleep(pause * 1000);
  }
});

const look = ({ hosts }: StackHosts, progress: ProgressStream): Promise<HostResult<HostStatus>[]> =>
  withProgress(
    hosts,
    progress,
    onEveryHost(hosts, (_, host) => hostStatus(host)),
  );

const reportOf = (hosts: readonly Reported[], isTimed: boolean, layout: Layout): string =>
  isTimed ? `${new Date().toISOString()}\n${statusReport(hosts, layout)}\n` : statusReport(hosts, layout);

function watchSeconds(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1) return Number(text);
  throw new UserError(
    "usage",
    `--watch ${text}: write whole seconds from 1 on, such as ${STATUS.flags.watch.implied}`,
  );
}

function snapshots(results: readonly HostResult<HostStatus>[], stack: string): Snapshots {
  return Object.fromEntries(
    results.flatMap((result) =>
      "error" in result ? [] : [[snapshotKey(result.name, result.host, stack), snapshotOf(result.value)]],
    ),
  );
}

function jsonText(stack: string, hosts: readonly Reported[], isIndented: boolean): string {
  const results = hosts.map((host) =>
    "error" in host ? host : { name: host.name, value: { up: true, ...host.status, since: host.delta } },
  );
  return envelope(STATUS.name, stack, results, isIndented ? 2 : 0);
}

/** A host that answers, is set up, and whose services all run. */
function isUp(host: Reported): boolean {
  if ("error" in host || !host.status.installed) return false;
  return Object.values(host.status.services).every(({ state }) => state === "running");
}

if (process.argv[1] === import.meta.filename) await runMain("status", main);
