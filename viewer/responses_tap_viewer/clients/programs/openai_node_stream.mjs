// openai for Node: the helper responses.stream(), and its final response.

import { KEY, MODEL, load, serve } from "./harness.mjs";

const { OpenAI } = await load("openai");

await serve("openai-node stream()", "openai", async (answer, baseURL) => {
  const client = new OpenAI({ baseURL, apiKey: KEY, maxRetries: 0 });
  const response = await client.responses.stream({ model: MODEL, input: "Hi" }).finalResponse();
  for (const item of response.output) answer.item(item);
  if (response.usage) answer.used(response.usage.input_tokens, response.usage.output_tokens);
});
