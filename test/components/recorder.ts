import * as pulumi from "@pulumi/pulumi";

/** One registration as the engine would have got it. */
export interface Recorded {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
  /** `TYPE NAME` of the resource of its parent; none at the top. */
  readonly parent: string | undefined;
  /** `TYPE NAME` of what must be there before it, sorted; of a component, what is declared in it. */
  readonly dependsOn: readonly string[];
  /** What a component registered as its outputs. */
  readonly outputs: Record<string, unknown> | undefined;
}

/**
 * Runs a program against Pulumi's mocks and returns every registration in order. A type that is not expected is a
 * failure: it is recorded and thrown after the program has settled, since a throwing mock would only be an unhandled
 * rejection.
 *
 * @param preview the program sees a preview, in which values may be unknown
 * @param computed outputs that a provider adds to the inputs of a resource of that type
 *
 * What it does not prove: what the real engine and plugins make of these inputs; test/e2e does.
 */
export async function record(
  expectedTypes: readonly RegExp[],
  program: () => void | Promise<void>,
  computed: (type: string) => Record<string, unknown> = () => ({}),
  { preview = false } = {},
): Promise<Recorded[]> {
  const seen: Omit<Recorded, "outputs" | "parent" | "dependsOn">[] = [];
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
    preview,
  );
  const places = listen();
  await program();
  await pulumi.runtime.disconnect();
  if (unexpected.length > 0) throw new Error(`unexpected: ${unexpected.join(", ")}`);
  return seen.map((one) => ({ ...one, ...places(one) }));
}

/** The value of an output; an unknown one is a failure, for nothing here may depend on what is not known. */
export async function resolve<T>(output: pulumi.Output<T>): Promise<T> {
  const { isKnown, promise } = output as unknown as { isKnown: Promise<boolean>; promise(): Promise<T> };
  if (!(await isKnown)) throw new Error("an output is unknown");
  return await promise();
}

/** What the mocks do not hand on: the requests themselves, as Pulumi's own monitor got them. */
type Monitor = {
  registerResource(request: Request, done: unknown): unknown;
  registerResourceOutputs(request: Outputs, done: unknown): unknown;
};
type Request = { getType(): string; getName(): string; getParent(): string; getDependenciesList(): string[] };
type Outputs = { getUrn(): string; getOutputs(): { toJavaScript(): Record<string, unknown> } | undefined };

function listen(): (one: {
  type: string;
  name: string;
}) => Pick<Recorded, "parent" | "dependsOn" | "outputs"> {
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const { registerResource, registerResourceOutputs } = monitor;
  const requests = new Map<string, Request>();
  const outputs = new Map<string, Record<string, unknown>>();
  monitor.registerResource = (request, done) => {
    requests.set(`${request.getType()} ${request.getName()}`, request);
    return registerResource.call(monitor, request, done);
  };
  monitor.registerResourceOutputs = (request, done) => {
    outputs.set(named(request.getUrn()), request.getOutputs()?.toJavaScript() ?? {});
    return registerResourceOutputs.call(monitor, request, done);
  };
  return ({ type, name }) => {
    const request = requests.get(`${type} ${name}`);
    if (request === undefined) throw new Error(`${type} ${name} was not registered`);
    return {
      parent: request.getParent() === "" ? undefined : named(request.getParent()),
      dependsOn: request.getDependenciesList().map(named).sort(),
      outputs: outputs.get(`${type} ${name}`),
    };
  };
}

/** `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME` as `TYPE NAME`. */
function named(urn: string): string {
  const [, , types = "", name = ""] = urn.split("::");
  return `${types.split("$").at(-1)} ${name}`;
}
