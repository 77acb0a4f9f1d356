import { parseProbe } from "../host/facts.ts";
import { cacheDirs, hostScript } from "../host/host-script.ts";
import { reachPrefix, runScript } from "../host/reach.ts";
import { isHiddenName } from "../stacks/secrets.ts";
import type { HostConfig, StackConfig } from "../stacks/types.ts";
import { DOCTOR } from "./definitions.ts";
import { type Finding, SYMPTOMS } from "./doctor/cause.ts";
import { parseEvidence } from "./doctor/evidence.ts";
import { findingsOf, notesOf } from "./doctor/judge.ts";
import { measured } from "./doctor/measured.ts";
import { hostsCommand, runMain } from "./frame.ts";
import { type Layout, PLAIN, styled } from "./layout.ts";
import type { HostResult } from "./stack-hosts.ts";

/** Limit of the whole script, in seconds. It asks shells, programs and daemons one after the other, each with its own limit. */
const LIMIT_SECONDS = 120;

/** What is wrong with one host. */
export type Diagnosis = {
  findings: Finding[];
  notes: string[];
  /** What is measured now of the symptoms, in words. */
  measured: Partial<Record<Finding["symptom"], string>>;
};

/** What doctor examines beside the host: further workspaces, the stack if --stack names it, its S3. */
export type Scope = { workspaces?: readonly string[]; stack?: string | null; s3?: StackConfig["s3"] };

/** Examines one host: one process, one round trip, nothing changed. @throws Error with ssh's own words */
export async function examine(
  name: string,
  host: HostConfig,
  { workspaces = [], stack = null, s3 }: Scope,
): Promise<Diagnosis> {
  const scriptArgs = [
    `grpc=${host["bazel-remote"].grpc_address}`,
    ...[...host.moon.workspaces.map(({ path }) => path), ...workspaces].map((path) => `workspace=${path}`),
  ];
  const script = hostScript(host, ["warmbox.sh", "probe.sh", "status.sh", "doctor.sh"], "doctor", scriptArgs);
  const answer = await runScript(reachPrefix(host), [], script, { timeoutSeconds: LIMIT_SECONDS });
  if (answer.timedOut) throw new Error(`did not answer within ${LIMIT_SECONDS} s`);
  if (answer.code !== 0)
    throw new Error(`cannot be asked: ${answer.stderr.trim().split("\n").at(-1) || `status ${answer.code}`}`);
  const probe = parseProbe(answer.stdout, { name, facts: host.facts, dirs: cacheDirs(host) });
  const callerEnvironment = host.reach.kind === "local" ? ownEnvironment(process.env) : null;
  const evidence = parseEvidence(answer.stdout, { name, host, probe, callerEnvironment, stack, s3 });
  return { findings: findingsOf(evidence), notes: notesOf(evidence), measured: measured(evidence) };
}

const LOOKED_AT = /^(MOON|SCCACHE|CARGO)_|^(RUSTFLAGS|RUSTC_WRAPPER|CI)$/;

/** What the caller's own shell says to the tools; secrets without their values. */
function ownEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || !LOOKED_AT.test(name) ? [] : [[name, isHiddenName(name) ? "(hidden)" : value]],
    ),
  );
}

/** The command; exit code 1 if something is wrong. */
export const main = hostsCommand(DOCTOR, {
  run: (name, host, { flags, config }) => {
    const workspaces = flags.workspace === undefined ? [] : [flags.workspace];
    return examine(name, host, { workspaces, stack: flags.stack ?? null, s3: config.s3 });
  },
  text: doctorReport,
  isGood: ({ findings }) => findings.length === 0,
});

/** The report for people: per host each symptom once, its causes below it. */
export function doctorReport(results: readonly HostResult<Diagnosis>[], layout = PLAIN): string {
  return `${results.map((result) => hostLines(result, layout).join("\n")).join("\n\n")}\n`;
}

function hostLines(result: HostResult<Diagnosis>, layout: Layout): string[] {
  const title = (text: string) => styled(layout, "bold", `${result.name}: ${text}`);
  if ("error" in result) return [title(result.error)];
  const { findings, notes, measured } = result.value;
  const hints = notes.map((note) => `  note: ${note}`);
  if (findings.length === 0) return [title("nothing found"), ...hints];
  const symptoms = [...Map.groupBy(findings, ({ symptom }) => symptom)];
  return [
    title(`${findings.length} found`),
    ...symptoms.flatMap(([symptom, causes]) => [
      "",
      `  ${SYMPTOMS[symptom]}${measured[symptom] === undefined ? "" : ` (now: ${measured[symptom]})`}`,
      ...causes.flatMap((finding) => causeLines(finding, layout)),
    ]),
    ...(hints.length > 0 ? ["", ...hints] : []),
  ];
}

/** The command is never wrapped: people copy it. */
function causeLines({ id, cause, evidence, fix }: Finding, layout: Layout): string[] {
  return [
    `  - ${styled(layout, "red", cause)} [${id}]`,
    ...evidence.map((line) => `      ${line}`),
    `    fix: ${styled(layout, "bold", fix)}`,
  ];
}

if (process.argv[1] === import.meta.filename) await runMain("doctor", main);
