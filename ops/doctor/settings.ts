import type { Cause } from "./cause.ts";
import { up } from "./fix.ts";

const symptom = "settings";

/** Explains everything else on such a host, so it is the only finding there. */
export const notSetUp: Cause = {
  id: "not-set-up",
  symptom,
  cause: "warmbox has set nothing up on this host",
  fix: "sets it up",
  find: (evidence) =>
    evidence.status.installed
      ? []
      : [{ evidence: [`no ledger below ${evidence.paths.state}`], fix: up(evidence) }],
};

/** The least specific cause: doctor gives it only the resources that no other cause explains. */
export const notAsApplied: Cause = {
  id: "not-as-applied",
  symptom,
  cause: "a file or service differs from what was applied",
  fix: "applies the stack again",
  find: (evidence) =>
    Object.entries(evidence.status.drift).map(([name, diff]) => ({
      cause: `${name} differs from what was applied`,
      evidence: diff.split("\n"),
      fix: up(evidence),
    })),
};
