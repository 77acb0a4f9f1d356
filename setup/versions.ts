/** The one place that pins what the engine consists of. */

/** Pulumi CLI that warmbox builds or downloads; also the oldest on PATH that is used as it is. */
export const PULUMI_VERSION = "3.259.0";
/** Resource plugin `command`; the version that @pulumi/command 1.2.1 asks the engine for. */
export const COMMAND_PLUGIN_VERSION = "1.2.1";
/** Oldest Go that builds Pulumi and the tools: what the `go` line of setup/go/pulumi/go.mod demands. */
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
