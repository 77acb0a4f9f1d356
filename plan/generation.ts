/** The two facts of a ledger that decide a script's `generation` line. */
export interface LedgerState {
  /** Name of the stack whose `up` wrote the ledger last. */
  readonly owner: string;
  /** The number that stack wrote. */
  readonly generation: number;
  /** Unified diff between the applied content and the content on the host now; empty = no difference. */
  readonly drift: string;
}

/**
 * The `generation` line of a resource script. It changes exactly when the host is not as this stack left it, so that
 * a plain `pulumi preview`, which never reads the host, shows one update for it and none after the repair.
 *
 * @param ledger what the host says of this resource, or undefined when it has no ledger
 * @param owner name of the stack that is being previewed or applied
 * @param nowSeconds epoch seconds: a number that no earlier state can hold, used when there is no ledger
 */
export function generationFor(ledger: LedgerState | undefined, owner: string, nowSeconds: number): number {
  if (ledger === undefined) return nowSeconds;
  return ledger.owner === owner && ledger.drift === "" ? ledger.generation : ledger.generation + 1;
}
