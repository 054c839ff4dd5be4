// What the Node drivers share; harness.py says what comes in and what goes out.
// It runs in the client's own folder, so that it imports nothing of the project's.

import { readFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

export const MODEL = "gpt-5.1";
export const KEY = "none";
const folder = process.env.RESPONSES_TAP_CLIENT;
const { resolve } = createRequire(join(folder, "package.json"));

for (const name of ["log", "info", "debug", "warn"]) console[name] = console.error; // what a library prints isn't an answer

/** A package of the client's folder, as an ES module if it has one. */
export async function load(name) {
  const manifest = manifestOf(name.split("/").slice(0, name.startsWith("@") ? 2 : 1).join("/"));
  const entry = manifest.exports?.["."] ?? manifest.exports;
  const path = entry?.import?.default ?? entry?.import ?? manifest.module;
  return import(typeof path === "string" ? pathToFileURL(join(manifest.folder, path)) : pathToFileURL(resolve(name)));
}

function manifestOf(name) {
  const place = join(folder, "node_modules", ...name.split("/"));
  return { ...JSON.parse(readFileSync(join(place, "package.json"), "utf8")), folder: place };
}

/** What a client has delivered so far. */
export class DriverAnswer {
  text = "";
  reasoning = "";
  tool_calls = [];
  usage = null;

  call(id, name, args) {
    this.tool_calls.push({ id: id ?? null, name: name ?? null, arguments: args ?? null });
  }

  used(input_tokens, output_tokens) {
    this.usage = { input_tokens, output_tokens };
  }

  item(item) {
    if (item.type === "message") {
      for (const part of item.content) if (part.type === "output_text") this.text += part.text;
    } else if (item.type === "reasoning") {
      for (const part of [...(item.summary ?? []), ...(item.content ?? [])]) this.reasoning += part.text;
    } else if (item.type === "function_call") this.call(item.call_id, item.name, item.arguments);
    else if (item.type === "custom_tool_call") this.call(item.call_id, item.name, item.input);
  }
}

/** Answer each request by run(answer, base_url, tools). */
export async function serve(client, name, run) {
  let unhandled = null;
  process.on("unhandledRejection", (error) => (unhandled ??= error));
  process.on("uncaughtException", (error) => (unhandled ??= error));
  const named = { client, version: manifestOf(name).version };
  print(named);
  for await (const line of createInterface({ input: process.stdin })) {
    const { base_url, tools } = JSON.parse(line);
    const answer = new DriverAnswer();
    let outcome = "ok";
    let error = null;
    unhandled = null;
    try {
      await run(answer, base_url, tools);
      await new Promise((done) => setImmediate(done));
      if (unhandled) throw unhandled;
    } catch (raised) {
      outcome = "raised";
      error = raised instanceof Error ? `${nameOf(raised)}: ${raised.message}` : JSON.stringify(raised);
    }
    print({ ...named, outcome, error, ...answer });
  }
  process.exit(0);
}

function print(value) {
  const bytes = Buffer.from(JSON.stringify(value) + "\n");
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

function nameOf(error) {
  return error.name === "Error" ? error.constructor.name : error.name;
}
