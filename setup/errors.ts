/** A mistake or a lack on the user's side: its message is shown as it is, without a stack. */
export class UserError extends Error {
  override readonly name = "UserError";
}
