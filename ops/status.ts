import { setTimeout as sleep } from "node:timers/promises";
import { reachPrefix, runScript, sshTarget } from "../host/reach.ts";
import type { HostConfig } from "../stacks/types.ts";
import { hostScript } from "./host-script.ts";
import {
  type HostResult,
  type Out,
  onEveryHost,
  patiently,
  readFlags,
  runOp,
  stackHosts,
  UsageError,
} from "./stack-hosts.ts";
import { deltaOf, type Memory, memoryFile, readMemory, snapshotOf, writeMemory } from "./status/delta.ts";
import { type HostStatus, parseStatus } from "./status/parse.ts";
import { prometheusText } from "./status/prometheus.ts";
import { type Reported, statusReport } from "./status/report.ts";

const HELP = `What the caches of every host hold and do now.

./warmbox status                              every host of the selected stack
./warmbox status --host NAME --stack NAME  one host, another stack

  --watch [SECONDS]  again and again, with what happened in between (default: every 5 s; end it with Ctrl-C)
  --json             the same as data: sizes in bytes, times in seconds; with --watch one document a line
  --prometheus       the same as metrics, for node_exporter's textfile collector
  --help             this text

The exit code is 1 where a host does not answer or a service of it does not run.
`;

/** A look takes about a second; a host that has not answered by then does not answer, seconds. */
const LIMIT_SECONDS = 60;

const WATCH_SECONDS = 5;

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

function reported(found: HostResult<HostStatus>, stack: string, memory: Memory): Reported {
  const head = { name: found.name, where: doorOf(found.host) };
  if ("fault" in found) return { ...head, fault: found.fault };
  const before = memory[memoryKey(found.name, found.host, stack)];
  return {
    ...head,
    status: found.value,
    delta: before === undefined ? null : deltaOf(snapshotOf(found.value), before),
  };
}

function doorOf({ reach }: HostConfig): string {
  return reach.kind === "local" ? "this machine" : sshTarget(reach);
}

const memoryKey = (name: string, host: HostConfig, stack: string): string =>
  [stack, name, doorOf(host), host.sccache.port].join(" ");

/** Prints the status of a stack's hosts. Resolves with 1 where one is down. */
export async function main(args: string[], out: Out): Promise<number> {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const flags = readFlags("status", withWatch(args), {
    ...{ host: text, stack: text, watch: text },
    ...{ json: flag, prometheus: flag, help: flag },
  });
  if (flags.help) {
    out.write(HELP);
    return 0;
  }
  if (flags.json && flags.prometheus)
    throw new UsageError("--json and --prometheus: leave out one of the two");
  const pause = flags.watch === undefined ? null : watchSeconds(flags.watch);
  const { stack, hosts } = await stackHosts(flags);
  const file = memoryFile();
  let memory = await readMemory(file);
  for (;;) {
    const found = await patiently(
      hosts,
      out,
      onEveryHost(hosts, (_, host) => hostStatus(host)),
    );
    const all = found.map((one) => reported(one, stack, memory));
    if (flags.json) out.write(jsonText(stack, all, pause === null));
    else if (flags.prometheus) out.write(prometheusText(all));
    else
      out.write(pause === null ? statusReport(all) : `${new Date().toISOString()}\n${statusReport(all)}\n`);
    memory = { ...memory, ...snapshots(found, stack) };
    if (pause === null) {
      if (!flags.prometheus) await writeMemory(file, memory); // a scraper must not eat a person's delta
      return all.every(isUp) ? 0 : 1;
    }
    await sleep(pause * 1000);
  }
}

/** `--watch` may stand without its number; parseArgs knows no such flag. */
function withWatch(args: string[]): string[] {
  return args.flatMap((arg, at) =>
    arg === "--watch" && !/^\d/.test(args[at + 1] ?? "") ? [`--watch=${WATCH_SECONDS}`] : [arg],
  );
}

function watchSeconds(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1) return Number(text);
  throw new UsageError(`--watch ${text}: write whole seconds from 1 on, such as ${WATCH_SECONDS}`);
}

function snapshots(found: readonly HostResult<HostStatus>[], stack: string): Memory {
  return Object.fromEntries(
    found.flatMap((one) =>
      "fault" in one ? [] : [[memoryKey(one.name, one.host, stack), snapshotOf(one.value)]],
    ),
  );
}

function jsonText(stack: string, all: readonly Reported[], indented: boolean): string {
  const hosts = Object.fromEntries(
    all.map((host) => [
      host.name,
      "fault" in host ? { up: false, fault: host.fault } : { up: true, ...host.status, since: host.delta },
    ]),
  );
  return `${JSON.stringify({ stack, hosts }, null, indented ? 2 : undefined)}\n`;
}

/** A host that answers, is set up, and whose services all run. */
function isUp(host: Reported): boolean {
  if ("fault" in host || !host.status.installed) return false;
  return Object.values(host.status.services).every(({ state }) => state === "running");
}

if (process.argv[1] === import.meta.filename) await runOp("status", main);
