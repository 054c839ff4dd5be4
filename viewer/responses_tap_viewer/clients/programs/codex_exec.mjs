// Codex: `codex exec --json`, in an empty folder, with its sandbox read-only.

import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { KEY, serve } from "./harness.mjs";

const program = join(process.env.RESPONSES_TAP_CLIENT, "node_modules", "@openai", "codex", "bin", "codex.js");
const settings = (base_url) => [
  'model_provider="tap"',
  'model_providers.tap.name="tap"',
  `model_providers.tap.base_url="${base_url}"`,
  'model_providers.tap.wire_api="responses"',
  'model_providers.tap.env_key="TAP_KEY"',
  "model_providers.tap.stream_max_retries=0",
  "model_providers.tap.request_max_retries=0",
  "analytics.enabled=false",
  "check_for_update_on_startup=false",
  'web_search="disabled"',
  "features.shell_tool=false",
  "features.apps=false",
  "features.plugins=false",
];

function events(base_url) {
  const cwd = mkdtempSync(join(tmpdir(), "codex-"));
  const options = ["exec", "--json", "--skip-git-repo-check", "--sandbox", "read-only"];
  const flags = settings(base_url).flatMap((setting) => ["-c", setting]);
  const env = { ...process.env, TAP_KEY: KEY };
  const codex = spawn(process.execPath, [program, ...options, ...flags, "Hi"], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  codex.stdout.on("data", (data) => (out += data));
  codex.stderr.on("data", (data) => (err += data));
  return new Promise((done) => codex.on("close", (code) => done({ out, err, code })));
}

await serve("codex", "@openai/codex", async (answer, base_url) => {
  const { out, err, code } = await events(base_url);
  let error = null;
  for (const line of out.split("\n")) {
    if (!line.startsWith("{")) continue;
    const event = JSON.parse(line);
    if (event.type === "item.completed" && event.item.type === "agent_message") answer.text += event.item.text;
    else if (event.type === "item.completed" && event.item.type === "reasoning") answer.reasoning += event.item.text;
    else if (event.type === "turn.completed" && event.usage)
      answer.used(event.usage.input_tokens, event.usage.output_tokens);
    else if (event.type === "turn.failed") error = event.error.message;
    else if (event.type === "error") error ??= event.message;
  }
  if (error === null && code !== 0) error = err.trim().split("\n").at(-1);
  if (code !== 0) throw new Error(error);
});
