import { type Finding, findingsOfCause } from "./cause.ts";
import { SPECIFIC_CAUSES } from "./causes.ts";
import type { Evidence } from "./evidence.ts";
import { notAsApplied, notSetUp } from "./settings.ts";

/** Everything that is wrong with a host; empty on a healthy one. A difference that a cause explains is not repeated. */
export function findingsOf(evidence: Evidence): Finding[] {
  const { status } = evidence;
  if (!status.installed) return findingsOfCause(notSetUp, evidence);
  const findings = SPECIFIC_CAUSES.flatMap((cause) => findingsOfCause(cause, evidence));
  const explained = new Set(findings.flatMap(({ explains = [] }) => explains));
  const drift = Object.fromEntries(Object.entries(status.drift).filter(([name]) => !explained.has(name)));
  const rest = { ...evidence, status: { ...status, drift } };
  return merged([...findings, ...findingsOfCause(notAsApplied, rest)]);
}

/** The same cause in several sessions is one finding. */
function merged(findings: Finding[]): Finding[] {
  const groups = Map.groupBy(findings, ({ id, cause, fix }) => [id, cause, fix].join("\n"));
  return [...groups.values()].flatMap(([first, ...rest]) =>
    first === undefined
      ? []
      : [{ ...first, evidence: [...new Set([first, ...rest].flatMap(({ evidence }) => evidence))] }],
  );
}

const NO_FIGURES =
  "bazel-remote answers, but requires a password or certificate for its figures: hits, size and index are unknown";

/** Facts worth knowing that are no fault of the host. */
export function notesOf(evidence: Evidence): string[] {
  const caller = evidence.sessions.find(({ isCaller }) => isCaller);
  const { moon, "bazel-remote": remote } = evidence.host;
  const isBare = caller !== undefined && caller.env.MOON_REMOTE_HOST === undefined;
  return [
    ...(isBare && moon.enabled && remote.enabled
      ? [`this shell itself has no MOON_REMOTE_HOST; for moon in it: . ${evidence.paths.config}/env`]
      : []),
    ...(evidence.status["bazel-remote"] === "authentication required" ? [NO_FIGURES] : []),
  ];
}
