import * as pulumi from "@pulumi/pulumi";

/** One registration as the engine would have got it. */
export interface Recorded {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

/**
 * Runs a program against Pulumi's mocks and returns every registration in order. A type that is not expected is a
 * failure: it is recorded and thrown after the program has settled, since a throwing mock would only be an unhandled
 * rejection.
 *
 * @param computed outputs that a provider adds to the inputs of a resource of that type
 *
 * What it does not prove: what the real engine and plugins make of these inputs; test/e2e does.
 */
export async function record(
  expectedTypes: readonly RegExp[],
  program: () => void | Promise<void>,
  computed: (type: string) => Record<string, unknown> = () => ({}),
): Promise<Recorded[]> {
  const seen: Recorded[] = [];
  const unexpected: string[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        if (!expectedTypes.some((expected) => expected.test(type)))
          unexpected.push(`resource ${type} ${name}`);
        seen.push({ type, name, inputs });
        return { id: `${name}-id`, state: { ...inputs, ...computed(type) } };
      },
      call: ({ token }) => {
        unexpected.push(`call ${token}`);
        return {};
      },
    },
    "warmbox",
    "local",
    false,
  );
  await program();
  await pulumi.runtime.disconnect();
  if (unexpected.length > 0) throw new Error(`unexpected: ${unexpected.join(", ")}`);
  return seen;
}
