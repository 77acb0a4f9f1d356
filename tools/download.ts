/** Downloads over HTTP(S), with a short limit on reaching the host: without internet that is quick to learn. */
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { EnvHttpProxyAgent, Response } from "undici";
import { UserError } from "../stacks/errors.ts";

/** Time until a host answers, in milliseconds: more than any working link needs, little to lose without one. */
const ANSWER_MS = 5_000;
/** Longest silence in the middle of a download, in milliseconds. */
const IDLE_MS = 30_000;
/** Redirects followed: a release page needs one or two. */
const MAX_REDIRECTS = 5;
/** Largest file, in bytes: several times the largest release that warmbox uses. */
const MAX_FILE_BYTES = 1024 ** 3;
/** Largest text, in bytes: a file of checksums has a few kilobytes. */
const MAX_TEXT_BYTES = 1024 ** 2;

/** Receives the bytes so far, and of the whole (0: unknown). */
export type OnBytes = (received: number, total: number) => void;

/**
 * Downloads `url` into the file `to`.
 * @throws UserError "unreachable" if the host does not answer or WARMBOX_OFFLINE is set, "failed" for any other answer
 */
export async function downloadFile(
  url: string,
  to: string,
  onBytes: OnBytes = () => {},
  maxBytes: number = MAX_FILE_BYTES,
): Promise<void> {
  await request(url, "GET", async (response) => {
    await pipeline(limited(response, url, maxBytes, onBytes), createWriteStream(to));
  });
}

/** Downloads a small text, such as a checksum file. Throws as {@link downloadFile} does. */
export async function downloadText(url: string): Promise<string> {
  return await request(url, "GET", async (response) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of limited(response, url, MAX_TEXT_BYTES)) pieces.push(piece);
    return Buffer.concat(pieces).toString("utf8");
  });
}

/** True if a host answers at all, with whatever status. */
export async function answers(url: string): Promise<boolean> {
  return await request(url, "HEAD", async () => true).catch(
    (error: UserError) => error.code !== "unreachable",
  );
}

/** Sends the request through the user's proxy, as npm, go and cargo do, and hands the answer to `use`. */
async function request<T>(
  url: string,
  method: "GET" | "HEAD",
  use: (response: Response) => Promise<T>,
): Promise<T> {
  const { host } = new URL(url);
  if (process.env.WARMBOX_OFFLINE)
    throw new UserError("unreachable", `${host}: not contacted, WARMBOX_OFFLINE is set`);
  const { EnvHttpProxyAgent } = await import("undici"); // loaded late: most runs download nothing
  // proxyTunnel: a proxy forwards http itself, as for npm and curl; https is always a tunnel.
  const agent = new EnvHttpProxyAgent({ bodyTimeout: IDLE_MS, headersTimeout: 0, proxyTunnel: false });
  try {
    return await use(await follow(url, method, agent));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError("unreachable", `${host}: ${causeOf(error)}`, { cause: error });
  } finally {
    await agent.destroy();
  }
}

async function follow(url: string, method: "GET" | "HEAD", agent: EnvHttpProxyAgent): Promise<Response> {
  let place = new URL(url);
  for (let redirects = 0; ; redirects++) {
    const response = await answerOf(place, method, agent);
    if (response.status === 200) return response;
    const target = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || !target || redirects === MAX_REDIRECTS)
      throw new UserError("failed", `${place.href} answered ${response.status}`);
    await response.body?.cancel();
    const next = new URL(target, place);
    // An unencrypted address is left as it was asked for, and nothing leads from an encrypted one to such.
    if (next.protocol !== "https:" && next.origin !== place.origin)
      throw new UserError("failed", `${place.href} redirects to ${next.href}, which is not https`);
    place = next;
  }
}

async function answerOf(url: URL, method: "GET" | "HEAD", dispatcher: EnvHttpProxyAgent): Promise<Response> {
  const { fetch } = await import("undici");
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
  try {
    return await fetch(url, { method, dispatcher, redirect: "manual", signal: late.signal });
  } finally {
    clearTimeout(timer);
  }
}

/** The answer's bytes; fails once there are more than `maxBytes`. */
function limited(response: Response, url: string, maxBytes: number, onBytes: OnBytes = () => {}): Readable {
  const total = Number(response.headers.get("content-length") ?? 0);
  const check = (bytes: number): void => {
    if (bytes > maxBytes) throw new UserError("failed", `${url} has more than ${maxBytes} bytes`);
  };
  async function* pieces() {
    check(total);
    let bytes = 0;
    for await (const piece of response.body ?? []) {
      bytes += piece.length;
      check(bytes);
      onBytes(bytes, total);
      yield piece;
    }
  }
  return Readable.from(pieces());
}

/** fetch reports only "fetch failed"; the reason is in the causes. */
function causeOf(error: unknown): string {
  let cause = error as Error & { code?: string };
  while (cause.cause instanceof Error) cause = cause.cause;
  return cause.message || cause.code || "error";
}
