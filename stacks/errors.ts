/**
 * Why a run cannot go on, for a program that reads it; the message is for people.
 * - `usage`: a wrong command, flag or argument; the process exits with 2
 * - `config`: the stack's file or its state
 * - `unreachable`: a host or an address does not answer
 * - `missing`: a program, package or tool that this machine lacks
 * - `failed`: a program that warmbox runs ended with an error
 */
export type ErrorCode = "usage" | "config" | "unreachable" | "missing" | "failed";

/**
 * An error that the user can fix: its message names what is wrong, what is expected and the next step, and is shown
 * without a stack trace. Every other error is a bug of warmbox.
 */
export class UserError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UserError";
    this.code = code;
  }
}

/**
 * Whether an error is the user's to fix, optionally with one code. The name counts and not the class, because
 * setup/node/bootstrap.mjs throws such errors before it can load this file.
 */
export function isUserError(error: unknown, code?: ErrorCode): error is UserError {
  const isFamily = error instanceof UserError || (error instanceof Error && error.name === "UserError");
  return isFamily && (code === undefined || (error as UserError).code === code);
}

/** The exit code of a process that ends with this error. */
export function exitCodeOf(error: unknown): 1 | 2 {
  return isUserError(error, "usage") ? 2 : 1;
}
