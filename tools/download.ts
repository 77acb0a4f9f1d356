/** Downloads over HTTP(S), with a short bound on reaching the host: where there is no internet, that is quick to learn. */
import { createWriteStream } from "node:fs";
import http from "node:http";
import https from "node:https";
import { pipeline } from "node:stream/promises";

/** Time until a host answers, in milliseconds: more than any working link needs, little to lose where there is none. */
export const ANSWER_MS = 5_000;
/** Longest silence in the middle of a download, in milliseconds. */
const IDLE_MS = 30_000;
/** Redirects followed: a release page needs one or two. */
const MAX_REDIRECTS = 5;

/** The host could not be reached (as opposed to: it answered, and said no). */
export class Unreachable extends Error {}

/** Told of bytes as they come: so far, and in all (0: not known). */
export type OnBytes = (done: number, total: number) => void;

/** Downloads `url` into the file `to`. Throws Unreachable, or an Error with the answer's status. */
export async function downloadFile(url: string, to: string, onBytes: OnBytes = () => {}): Promise<void> {
  const response = await request(new URL(url), MAX_REDIRECTS);
  const total = Number(response.headers["content-length"] ?? 0);
  let done = 0;
  response.on("data", (piece: Buffer) => {
    done += piece.length;
    onBytes(done, total);
  });
  try {
    await pipeline(response, createWriteStream(to));
  } catch (error) {
    throw new Unreachable(`${url} stopped after ${done} bytes: ${(error as Error).message}`);
  }
}

/** Downloads a small text, such as a checksum file. */
export async function downloadText(url: string): Promise<string> {
  let text = "";
  for await (const piece of (await request(new URL(url), MAX_REDIRECTS)).setEncoding("utf8")) text += piece;
  return text;
}

/** True when a host answers at all, whatever it says. */
export async function answers(url: string): Promise<boolean> {
  return await request(new URL(url), 0, "HEAD").then(
    (response) => {
      response.resume();
      return true;
    },
    (error) => !(error instanceof Unreachable),
  );
}

function request(url: URL, redirects: number, method = "GET"): Promise<http.IncomingMessage> {
  const library = url.protocol === "https:" ? https : http;
  return new Promise((done, fail) => {
    const unreachable = (why: string) => fail(new Unreachable(`${url.host}: ${why}`));
    // proxyEnv: a company's HTTPS_PROXY and NO_PROXY count here as they do for npm, go and cargo.
    const agent = new library.Agent({ proxyEnv: process.env, timeout: IDLE_MS });
    const asked = library.request(url, { agent, method }).end();
    const bound = setTimeout(() => asked.destroy(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
    asked.on("timeout", () => asked.destroy(new Error(`silent for ${IDLE_MS} ms`)));
    asked.on("error", (error) =>
      unreachable(error.message || (error as NodeJS.ErrnoException).code || "error"),
    );
    asked.on("close", () => clearTimeout(bound));
    asked.on("response", (response) => {
      clearTimeout(bound);
      const { statusCode = 0, headers } = response;
      if (statusCode === 200) return done(response);
      response.resume();
      if (statusCode >= 300 && statusCode < 400 && headers.location && redirects > 0) {
        return done(request(new URL(headers.location, url), redirects - 1));
      }
      fail(new Error(`${url.href} answered ${statusCode}`));
    });
  });
}
