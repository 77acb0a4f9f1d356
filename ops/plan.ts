import { declaredProbe } from "../host/facts.ts";
import { probeHost } from "../host/probe.ts";
import type { HostFacts } from "../host/types.ts";
import { type Bytes, bytes, formatBytes, gib, parseBytes } from "../stacks/bytes.ts";
import type { FlagValues } from "../stacks/command.ts";
import { parseStackConfig } from "../stacks/config.ts";
import { UserError } from "../stacks/errors.ts";
import { MAX_CPUS, MIN_RAM } from "../stacks/schema/facts.ts";
import { MAX_AGENTS } from "../stacks/schema/host.ts";
import type { HostConfig } from "../stacks/types.ts";
import { PLAN } from "./definitions.ts";
import { command, envelope, runMain } from "./frame.ts";
import { layoutOf } from "./layout.ts";
import { planData, planReport } from "./plan-report.ts";
import { stackHosts } from "./stack-hosts.ts";

export { planData, planReport } from "./plan-report.ts";

/** Free disk of a machine that is only thought of. */
const DISK_DEFAULT: Bytes = gib(1024);

/** What the flags say, checked. */
export type PlanFlags = {
  host: string | null;
  stack: string | null;
  machine: { ram: Bytes; cpus: number } | null;
  disk: Bytes | null;
  agents: { total: number | null; active: number | null };
};

/** @throws UserError naming the flag, its value and what to write. */
export function planFlags(values: FlagValues<typeof PLAN.flags>): PlanFlags {
  const ram = sizeFlag("ram", values.ram, MIN_RAM);
  const cpus = countFlag("cpus", values.cpus, MAX_CPUS);
  const total = countFlag("agents", values.agents, MAX_AGENTS);
  const active = countFlag("active", values.active, MAX_AGENTS);
  if (values.host !== undefined && (ram !== null || cpus !== null)) {
    throw new UserError(
      "usage",
      "--host probes a machine, --ram and --cpus describe one: leave out one of the two",
    );
  }
  if ((ram === null) !== (cpus === null)) {
    throw new UserError(
      "usage",
      `--${ram === null ? "cpus" : "ram"} alone does not describe a machine: add --${ram === null ? "ram, such as 64GiB" : "cpus, such as 16"}`,
    );
  }
  if (total !== null && active !== null && active > total) {
    throw new UserError("usage", `--active ${active}: at most --agents, which is ${total}: raise --agents`);
  }
  return {
    host: values.host ?? null,
    stack: values.stack ?? null,
    machine: ram !== null && cpus !== null ? { ram, cpus } : null,
    disk: sizeFlag("disk", values.disk, bytes(0)),
    agents: { total, active },
  };
}

function countFlag(name: string, text: string | undefined, limit: number): number | null {
  if (text === undefined) return null;
  if (!/^[1-9]\d*$/.test(text) || Number(text) > limit)
    throw new UserError("usage", `--${name} ${text}: write a whole number from 1 to ${limit}, such as 10`);
  return Number(text);
}

function sizeFlag(name: string, text: string | undefined, least: Bytes): Bytes | null {
  if (text === undefined) return null;
  const size = readSize(name, text);
  if (size < least) throw new UserError("usage", `--${name} ${text}: write ${formatBytes(least)} or more`);
  return size;
}

function readSize(name: string, text: string): Bytes {
  try {
    return parseBytes(text);
  } catch (error) {
    throw new UserError("usage", `--${name} ${(error as Error).message}`);
  }
}

/** What is planned: a machine, a host on it, and the stack that the host is in. */
type Subject = { facts: HostFacts; host: HostConfig; name: string; stack: string | null };

/** Machine and host of the flags: described, or a stack's and probed. */
async function subject(flags: PlanFlags): Promise<Subject> {
  const target = flags.machine ? { name: "this", host: bareHost(), stack: null } : await stackHost(flags);
  const host = withAgents(target.host, flags);
  const facts = flags.machine ? described(flags.machine) : (await probeHost(target.name, host)).facts;
  return { ...target, host, facts: flags.disk === null ? facts : withDisk(facts, flags.disk) };
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
async function stackHost(flags: PlanFlags): Promise<{ name: string; host: HostConfig; stack: string }> {
  const { stack, hosts } = await stackHosts({
    ...(flags.stack === null ? {} : { stack: flags.stack }),
    ...(flags.host === null ? {} : { host: flags.host }),
  });
  const target = hosts.length === 1 ? hosts[0] : hosts.find(({ host }) => host.reach.kind === "local");
  if (target !== undefined) return { ...target, stack };
  const names = hosts.map(({ name }) => name).join(", ");
  throw new UserError("usage", `the stack ${stack} has ${names}; next: name one of them with --host`);
}

/** The command; exit code 1 if the plan does not add up. */
export const main = command(PLAN, async (values, out) => {
  const { facts, host, name, stack } = await subject(planFlags(values));
  if (values.json) {
    const value = planData(facts, host, name);
    out.stdout.write(envelope(PLAN.name, stack, [{ name, value }]));
  } else out.stdout.write(planReport(facts, host, name, layoutOf(out.stdout)));
  return 0;
});

if (process.argv[1] === import.meta.filename) await runMain("plan", main);
