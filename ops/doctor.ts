import { parseProbe } from "../host/facts.ts";
import { cacheDirs } from "../host/probe.ts";
import { reachPrefix, runScript } from "../host/reach.ts";
import type { HostConfig, StackConfig } from "../stacks/types.ts";
import { parseEvidence } from "./doctor/evidence.ts";
import { type Finding, SYMPTOMS } from "./doctor/finding.ts";
import { findingsOf, notesOf } from "./doctor/judge.ts";
import { measured } from "./doctor/measured.ts";
import { hostScript } from "./host-script.ts";
import {
  type HostResult,
  type Out,
  onEveryHost,
  patiently,
  readFlags,
  runOp,
  stackHosts,
} from "./stack-hosts.ts";

const HELP = `Finds what keeps the caches of a host from working: symptom, cause, evidence, and the command that mends it.

./warmbox doctor                                  every host of the selected stack
./warmbox doctor --host NAME --stack NAME      one host, another stack

  --workspace PATH   look at this moon workspace on the host, too (the stack's moon.workspaces always are)
  --json             the same as data
  --help             this text

The exit code is 1 where something is wrong or a host does not answer.
`;

/** Shells, programs and daemons are asked one after the other, each with a limit of its own, seconds. */
const LIMIT_SECONDS = 120;

/** What is wrong with one host. */
export type Diagnosis = {
  findings: Finding[];
  notes: string[];
  /** What is measured now of the symptoms, in words. */
  measured: Partial<Record<Finding["symptom"], string>>;
};

/** What a host is examined for: more workspaces than the stack's, the stack where it was named, what it says of S3. */
export type Asked = { workspaces?: readonly string[]; stack?: string | null; s3?: StackConfig["s3"] };

/** Examines one host: one process, one round trip, nothing changed. @throws Error with ssh's own words */
export async function examine(
  name: string,
  host: HostConfig,
  { workspaces = [], stack = null, s3 }: Asked,
): Promise<Diagnosis> {
  const words = [
    `grpc=${host["bazel-remote"].grpc_address}`,
    ...[...host.moon.workspaces.map(({ path }) => path), ...workspaces].map((path) => `workspace=${path}`),
  ];
  const script = hostScript(host, ["warmbox.sh", "probe.sh", "status.sh", "doctor.sh"], "doctor", words);
  const answer = await runScript(reachPrefix(host), [], script, { timeoutSeconds: LIMIT_SECONDS });
  if (answer.timedOut) throw new Error(`did not answer within ${LIMIT_SECONDS} s`);
  if (answer.code !== 0)
    throw new Error(`cannot be asked: ${answer.stderr.trim().split("\n").at(-1) || `status ${answer.code}`}`);
  const probe = parseProbe(answer.stdout, { name, facts: host.facts, dirs: cacheDirs(host) });
  const own = host.reach.kind === "local" ? ownEnvironment(process.env) : null;
  const evidence = parseEvidence(answer.stdout, { name, host, probe, own, stack, s3 });
  return { findings: findingsOf(evidence), notes: notesOf(evidence), measured: measured(evidence) };
}

const LOOKED_AT = /^(MOON|SCCACHE|CARGO)_|^(RUSTFLAGS|RUSTC_WRAPPER|CI)$/;
const HIDDEN = /TOKEN|SECRET|PASSWORD|CREDENTIAL|_KEY$|_KEY_ID$/;

/** What the caller's own shell says to the tools; secrets without their values. */
function ownEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || !LOOKED_AT.test(name) ? [] : [[name, HIDDEN.test(name) ? "(hidden)" : value]],
    ),
  );
}

/** Examines a stack's hosts. Resolves with 1 where something is wrong. */
export async function main(args: string[], out: Out): Promise<number> {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const flags = readFlags("doctor", args, {
    host: text,
    stack: text,
    workspace: text,
    json: flag,
    help: flag,
  });
  if (flags.help) {
    out.write(HELP);
    return 0;
  }
  const { stack, config, hosts } = await stackHosts(flags);
  const workspaces = flags.workspace === undefined ? [] : [flags.workspace];
  const asked = { workspaces, stack: flags.stack ?? null, s3: config.s3 };
  const found = await patiently(
    hosts,
    out,
    onEveryHost(hosts, (name, host) => examine(name, host, asked)),
  );
  out.write(flags.json ? jsonText(stack, found) : doctorReport(found));
  return found.every((one) => "value" in one && one.value.findings.length === 0) ? 0 : 1;
}

function jsonText(stack: string, found: readonly HostResult<Diagnosis>[]): string {
  const hosts = Object.fromEntries(
    found.map((one) => [one.name, "fault" in one ? { fault: one.fault } : one.value]),
  );
  return `${JSON.stringify({ stack, hosts }, null, 2)}\n`;
}

/** The report for people: per host each symptom once, its causes below it. */
export function doctorReport(found: readonly HostResult<Diagnosis>[]): string {
  return `${found.map((one) => hostLines(one).join("\n")).join("\n\n")}\n`;
}

function hostLines(one: HostResult<Diagnosis>): string[] {
  if ("fault" in one) return [`${one.name}: ${one.fault}`];
  const { findings, notes, measured } = one.value;
  const hints = notes.map((note) => `  note: ${note}`);
  if (findings.length === 0) return [`${one.name}: nothing found`, ...hints];
  const symptoms = [...Map.groupBy(findings, ({ symptom }) => symptom)];
  return [
    `${one.name}: ${findings.length} found`,
    ...symptoms.flatMap(([symptom, causes]) => [
      "",
      `  ${SYMPTOMS[symptom]}${nowWords(measured[symptom])}`,
      ...causes.flatMap(causeLines),
    ]),
    ...(hints.length > 0 ? ["", ...hints] : []),
  ];
}

const nowWords = (words: string | undefined): string => (words === undefined ? "" : ` (now: ${words})`);

function causeLines({ id, cause, evidence, mend }: Finding): string[] {
  return [`  - ${cause} [${id}]`, ...evidence.map((line) => `      ${line}`), `    mend: ${mend}`];
}

if (process.argv[1] === import.meta.filename) await runOp("doctor", main);
