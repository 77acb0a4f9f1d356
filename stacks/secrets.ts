/** What is a secret, by its name or its shape: one rule for refusals, reports and what a host may answer. */

/** Parts of names whose values no report shows. Broad: a value that is hidden needlessly does no harm. */
const HIDDEN_NAME = /secret|token|passw|credential|(access|shared|account)[-_]?key|(^|_)key(_id)?$/i;

/** Names of settings that a stack file may not contain. Narrow: a refusal stops the user. */
const REFUSED_NAME = /(^|[_-])(secret|token|password|passwd|(access|secret|shared|account)[_-]?key)$/i;

/** An address with a user and a password in it. */
const USERINFO = /(^|:\/\/)[^/\s@:]+:[^/\s@]+@/;

/** Whether a report hides the value of a key or variable with this name. */
export const isHiddenName = (name: string): boolean => HIDDEN_NAME.test(name);

/** Whether a text is an address with a password in it. */
export const hasPassword = (text: string): boolean => USERINFO.test(text);

/** Whether a setting is refused, by one of the names in its path or by its value. */
export const isRefusedSecret = (path: readonly string[], value: string): boolean =>
  path.some((name) => REFUSED_NAME.test(name)) || hasPassword(value);
