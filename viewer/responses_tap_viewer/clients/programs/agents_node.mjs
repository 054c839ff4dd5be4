// The OpenAI Agents SDK for JavaScript: run with { stream: true }, with the tools that the stream calls.

import { KEY, MODEL, load, serve } from "./harness.mjs";

const { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } = await load("@openai/agents");
setTracingDisabled(true);

const declared = (name) =>
  tool({
    name,
    description: "A tool.",
    parameters: { type: "object", properties: {}, required: [], additionalProperties: true },
    strict: false,
    execute: async () => "done",
  });

await serve("openai-agents-js", "@openai/agents", async (answer, baseURL, tools) => {
  const modelProvider = new OpenAIProvider({ baseURL, apiKey: KEY, useResponses: true });
  const runner = new Runner({ modelProvider, tracingDisabled: true });
  const agent = new Agent({
    name: "Agent",
    model: MODEL,
    tools: tools.map(declared),
    toolUseBehavior: "stop_on_first_tool",
  });
  const result = await runner.run(agent, "Hi", { stream: true, maxTurns: 1 });
  for await (const _event of result);
  await result.completed;
  if (result.error) throw result.error;
  for (const response of result.rawResponses) {
    for (const item of response.output) {
      if (item.type === "message") for (const part of item.content) answer.text += part.text ?? "";
      else if (item.type === "reasoning")
        for (const part of [...(item.content ?? []), ...(item.rawContent ?? [])]) answer.reasoning += part.text;
      else if (item.type === "function_call") answer.call(item.callId, item.name, item.arguments);
    }
    if (response.usage.requests) answer.used(response.usage.inputTokens, response.usage.outputTokens);
  }
});
