// The AI SDK: streamText with a provider, the parts of its full stream.

import { load } from "./harness.mjs";

const { streamText, tool, jsonSchema } = await load("ai");

/** Put what streamText delivers into the answer; tools are declared and not run. */
export async function stream(answer, model, tools) {
  const declared = tools.map((name) => [
    name,
    tool({ description: "A tool.", inputSchema: jsonSchema({ type: "object", additionalProperties: true }) }),
  ]);
  const result = streamText({
    model,
    prompt: "Hi",
    tools: Object.fromEntries(declared),
    maxRetries: 0,
    onError() {},
  });
  let error = null;
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") answer.text += part.text;
    else if (part.type === "reasoning-delta") answer.reasoning += part.text;
    else if (part.type === "tool-call" && !part.providerExecuted) answer.call(part.toolCallId, part.toolName, part.input);
    else if (part.type === "error") error ??= part.error;
    else if (part.type === "finish" && part.totalUsage.inputTokens != null)
      answer.used(part.totalUsage.inputTokens, part.totalUsage.outputTokens ?? null);
  }
  if (error) throw error;
}
