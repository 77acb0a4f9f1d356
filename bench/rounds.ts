/**
 * The number of rounds that was asked for on the command line of a bench.
 * @param usual where none was named
 * @throws Error on what is no whole number above 0
 */
export function roundsAsked(usual: number, bench: string): number {
  const asked = process.argv[2];
  const rounds = Number(asked ?? usual);
  if (Number.isInteger(rounds) && rounds > 0) return rounds;
  throw new Error(
    `ROUNDS: ${asked} is no whole number above 0; next step: ./warmbox bench ${bench} ${usual}`,
  );
}
