// openai for Node: responses.create({ stream: true }), the events as they come.

import { KEY, MODEL, load, serve } from "./harness.mjs";

const { OpenAI } = await load("openai");

await serve("openai-node create", "openai", async (answer, baseURL) => {
  const client = new OpenAI({ baseURL, apiKey: KEY, maxRetries: 0 });
  for await (const event of await client.responses.create({ model: MODEL, input: "Hi", stream: true })) {
    if (event.type === "response.output_text.delta") answer.text += event.delta;
    else if (event.type === "response.reasoning_summary_text.delta") answer.reasoning += event.delta;
    else if (event.type === "response.reasoning_text.delta") answer.reasoning += event.delta;
    else if (event.type === "response.output_item.done" && /_call$/.test(event.item.type)) answer.item(event.item);
    else if (/^response\.(completed|incomplete|failed)$/.test(event.type) && event.response.usage)
      answer.used(event.response.usage.input_tokens, event.response.usage.output_tokens);
  }
});
