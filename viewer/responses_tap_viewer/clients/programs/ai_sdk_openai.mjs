// The AI SDK with its OpenAI provider.

import { stream } from "./ai_sdk.mjs";
import { KEY, MODEL, load, serve } from "./harness.mjs";

const { createOpenAI } = await load("@ai-sdk/openai");

await serve("ai-sdk", "@ai-sdk/openai", async (answer, baseURL, tools) =>
  stream(answer, createOpenAI({ baseURL, apiKey: KEY }).responses(MODEL), tools),
);
