// What scripts/test-live runs: the official SDK talks to a real model through the gateway.
// Its output is part of the transcript.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.env.MAESTRO_URL}/v1`, apiKey: process.env.ROUTER_MAESTRO_API_KEY });
const model = process.env.MAESTRO_MODEL;
const messages = [{ role: "user", content: "Say hello." }];

for await (const entry of client.models.list()) console.log("model:", entry.id);

const reply = await client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 32 });
console.log("whole:", JSON.stringify(reply.choices[0].message.content), "|", reply.usage.total_tokens, "tokens");

const stream = client.chat.completions.stream({ model, messages, temperature: 0, max_tokens: 32, stream_options: { include_usage: true } });
let pieces = 0;
stream.on("content", () => (pieces += 1));
const final = await stream.finalChatCompletion();
const usage = await stream.totalUsage();
console.log("streamed:", JSON.stringify(final.choices[0].message.content), "|", pieces, "pieces,", usage.total_tokens, "tokens");
