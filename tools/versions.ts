/** Oldest Go that builds the tools and Pulumi: what the `go` lines below tools/go and setup/pulumi/go demand. */
export const GO_VERSION = "1.25.11";

/** Compares the numbers of two versions; what is no version counts as older than all. */
export function olderThan(version: string, bound: string): boolean {
  const numbers = (text: string): number[] =>
    text.replace(/^v/, "").split("-", 1)[0]?.split(".").map(Number) ?? [];
  const [left, right] = [numbers(version), numbers(bound)];
  if (left.length < 3 || left.some(Number.isNaN)) return true;
  const index = left.findIndex((part, position) => part !== right[position]);
  return index >= 0 && (left[index] ?? 0) < (right[index] ?? 0);
}
