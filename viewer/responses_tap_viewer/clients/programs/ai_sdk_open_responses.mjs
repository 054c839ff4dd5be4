// The AI SDK with its provider for any server that speaks Open Responses.

import { stream } from "./ai_sdk.mjs";
import { KEY, MODEL, load, serve } from "./harness.mjs";

const { createOpenResponses } = await load("@ai-sdk/open-responses");

await serve("ai-sdk-open-responses", "@ai-sdk/open-responses", async (answer, baseURL, tools) =>
  stream(answer, createOpenResponses({ name: "stream", url: `${baseURL}/responses`, apiKey: KEY })(MODEL), tools),
);
