import { bazelRemoteCauses } from "./bazel-remote.ts";
import { cargoCauses } from "./cargo.ts";
import type { Cause } from "./cause.ts";
import { growthCauses } from "./growth.ts";
import { moonCauses } from "./moon.ts";
import { sccacheCauses } from "./sccache.ts";
import { notAsApplied, notSetUp } from "./settings.ts";
import { storeCauses } from "./store.ts";

/** Causes that doctor looks for one by one, in the order of the report. */
export const SPECIFIC_CAUSES: readonly Cause[] = [
  ...sccacheCauses,
  ...cargoCauses,
  ...moonCauses,
  ...bazelRemoteCauses,
  ...growthCauses,
  ...storeCauses,
];

/** Every cause that doctor knows. */
export const CAUSES: readonly Cause[] = [...SPECIFIC_CAUSES, notSetUp, notAsApplied];
