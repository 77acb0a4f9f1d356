import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { declaredProbe, type HostFacts } from "../host/facts.ts";
import { probeHost } from "../host/probe.ts";
import { type Bytes, bytes, formatBytes, gib, parseBytes } from "../stacks/bytes.ts";
import { parseStackConfig } from "../stacks/config.ts";
import { exitCodeOf } from "../stacks/errors.ts";
import { MAX_CPUS, MIN_RAM } from "../stacks/schema/facts.ts";
import { MAX_AGENTS } from "../stacks/schema/host.ts";
import type { HostConfig } from "../stacks/types.ts";
import { planData, planReport } from "./plan-report.ts";
import { stackHosts, UsageError } from "./stack-hosts.ts";

export { planData, planReport } from "./plan-report.ts";

const HELP = `Prints every number warmbox would set on a machine, and why.

./warmbox plan                                          the stack's one host, else this machine as it has it
./warmbox plan --host NAME [--stack STACK]           another host of a stack (default: the selected one), probed
./warmbox plan --ram 126GiB --cpus 32                a machine that is not there, in no stack

  --agents N     builds that share the machine (default: the stack's; with --ram 1)
  --active N     how many of them build at once (default: the stack's; with --ram 1)
  --ram SIZE     RAM, such as 126GiB; needs --cpus
  --cpus N       cores
  --disk SIZE    free on the caches' volume (default with --ram: 1TiB)
  --json         the same as data; sizes in bytes
  --help         this text
`;

/** Free disk of a machine that is only thought of. */
const DISK_DEFAULT: Bytes = gib(1024);

/** What the flags say, checked. */
export type PlanFlags = {
  help: boolean;
  json: boolean;
  host: string | null;
  stack: string | null;
  machine: { ram: Bytes; cpus: number } | null;
  disk: Bytes | null;
  agents: { total: number | null; active: number | null };
};

/** @throws UsageError naming the flag, its value and what to write. */
export function readFlags(argv: string[]): PlanFlags {
  const values = parsed(argv);
  const ram = sizeFlag("ram", values.ram, MIN_RAM);
  const cpus = countFlag("cpus", values.cpus, MAX_CPUS);
  const total = countFlag("agents", values.agents, MAX_AGENTS);
  const active = countFlag("active", values.active, MAX_AGENTS);
  if (values.host !== undefined && (ram !== null || cpus !== null)) {
    throw new UsageError("--host probes a machine, --ram and --cpus describe one: leave out one of the two");
  }
  if ((ram === null) !== (cpus === null)) {
    throw new UsageError(
      `--${ram === null ? "cpus" : "ram"} alone does not describe a machine: add --${ram === null ? "ram, such as 64GiB" : "cpus, such as 16"}`,
    );
  }
  if (total !== null && active !== null && active > total) {
    throw new UsageError(`--active ${active}: at most --agents, which is ${total}: raise --agents`);
  }
  return {
    help: values.help ?? false,
    json: values.json ?? false,
    host: values.host ?? null,
    stack: values.stack ?? null,
    machine: ram !== null && cpus !== null ? { ram, cpus } : null,
    disk: sizeFlag("disk", values.disk, bytes(0)),
    agents: { total, active },
  };
}

function parsed(argv: string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      args: argv,
      options: {
        ram: text,
        cpus: text,
        agents: text,
        active: text,
        disk: text,
        host: text,
        stack: text,
        json: flag,
        help: flag,
      },
    }).values;
  } catch (error) {
    throw new UsageError(
      `${(error as Error).message.split(". ")[0]}: \`./warmbox plan --help\` lists the flags`,
    );
  }
}

function countFlag(name: string, text: string | undefined, most: number): number | null {
  if (text === undefined) return null;
  if (!/^[1-9]\d*$/.test(text) || Number(text) > most)
    throw new UsageError(`--${name} ${text}: write a whole number from 1 to ${most}, such as 10`);
  return Number(text);
}

function sizeFlag(name: string, text: string | undefined, least: Bytes): Bytes | null {
  if (text === undefined) return null;
  const size = readSize(name, text);
  if (size < least) throw new UsageError(`--${name} ${text}: write ${formatBytes(least)} or more`);
  return size;
}

function readSize(name: string, text: string): Bytes {
  try {
    return parseBytes(text);
  } catch (error) {
    throw new UsageError(`--${name} ${(error as Error).message}`);
  }
}

/** Machine and host of the flags: described, or a stack's and probed. */
async function subject(flags: PlanFlags): Promise<{ facts: HostFacts; host: HostConfig; name: string }> {
  const { name, host: declared } = flags.machine
    ? { name: "this", host: bareHost() }
    : await stackHost(flags);
  const host = withAgents(declared, flags);
  const facts = flags.machine ? described(flags.machine) : (await probeHost(name, host)).facts;
  return { facts: flags.disk === null ? facts : withDisk(facts, flags.disk), host, name };
}

function described({ ram, cpus }: { ram: Bytes; cpus: number }): HostFacts {
  const disk = { total: DISK_DEFAULT, free: DISK_DEFAULT, device: "the disk", mount: "/" };
  const disks = { sccache: disk, "bazel-remote": disk };
  const facts = { memTotal: ram, cpus, arch: "x86_64" as const, user: { home: "/home/ci" }, disks };
  return declaredProbe({ name: "this", facts }).facts;
}

function withDisk(facts: HostFacts, free: Bytes): HostFacts {
  const { sccache, "bazel-remote": remote } = facts.disks;
  return {
    ...facts,
    disks: { sccache: { ...sccache, free }, "bazel-remote": { ...remote, free } },
  };
}

function withAgents(host: HostConfig, { agents }: PlanFlags): HostConfig {
  const active = agents.active ?? Math.min(host.agents.active, agents.total ?? Number.POSITIVE_INFINITY);
  const total = agents.total ?? Math.max(host.agents.total, active);
  return { ...host, agents: { total, active } };
}

function bareHost(): HostConfig {
  const host = parseStackConfig({ hosts: { this: {} } }).hosts.this;
  if (host === undefined) throw new Error("a stack with one host has none");
  return host;
}

/** The host that is named; else the only one of the stack, else the one that is this machine. */
async function stackHost(flags: PlanFlags): Promise<{ name: string; host: HostConfig }> {
  const { stack, hosts } = await stackHosts({
    ...(flags.stack === null ? {} : { stack: flags.stack }),
    ...(flags.host === null ? {} : { host: flags.host }),
  });
  const found = hosts.length === 1 ? hosts[0] : hosts.find(({ host }) => host.reach.kind === "local");
  if (found !== undefined) return found;
  const names = hosts.map(({ name }) => name).join(", ");
  throw new UsageError(`the stack ${stack} has ${names}; next: name one of them with --host`);
}

/** Runs the command; returns its exit code: 0 done, 1 a plan that does not add up, 2 wrong flags. */
export async function main(
  argv: string[],
  write: (text: string) => void,
  complain: (text: string) => void,
): Promise<number> {
  try {
    const flags = readFlags(argv);
    if (flags.help) {
      write(HELP);
      return 0;
    }
    const { facts, host, name } = await subject(flags);
    write(
      flags.json
        ? `${JSON.stringify(planData(facts, host, name), null, 2)}\n`
        : planReport(facts, host, name),
    );
    return 0;
  } catch (error) {
    complain(`plan: ${(error as Error).message}\n`);
    return exitCodeOf(error);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(
    process.argv.slice(2),
    (text) => process.stdout.write(text),
    (text) => process.stderr.write(text),
  );
}
