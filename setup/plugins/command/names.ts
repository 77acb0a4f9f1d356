/** What names a resource of the `command` provider. https://www.pulumi.com/docs/iac/concepts/resources/names/#urns */

/** The one resource type that the fallback plugin serves. */
export const COMMAND_TYPE = "command:local:Command";

/** The name part of a resource's URN. */
export function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

/** The type part of a resource's URN, without its parents. */
export function typeOf(urn: string): string {
  return urn.split("::")[2]?.split("$").at(-1) ?? "";
}
