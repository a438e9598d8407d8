// The official `openai` SDK against the gateway and a scripted provider. conformance_test.py starts both and sets
// MAESTRO_URL, MAESTRO_KEY and FAKE_URL.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const { MAESTRO_URL, MAESTRO_KEY, FAKE_URL } = process.env;
const model = "fake/fake-model";
const client = new OpenAI({ baseURL: `${MAESTRO_URL}/v1`, apiKey: MAESTRO_KEY, maxRetries: 0, timeout: 20_000 });
const user = (content) => [{ role: "user", content }];
const fake = (script) => ({ headers: { "x-fake": script } });
const expectedText = "Hello from the fake provider. Grüße, 世界 👋 — one, two, three.";

const weather = {
  type: "function",
  function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } },
};
const time = { type: "function", function: { name: "get_time", parameters: { type: "object", properties: {} } } };

async function provider() {
  return (await fetch(`${FAKE_URL}/__requests`)).json();
}

async function until(condition, what, milliseconds = 5000) {
  const end = Date.now() + milliseconds;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) assert.fail(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function collect(stream) {
  const seen = { text: "", finish: null, usage: undefined, chunks: 0, calls: [] };
  for await (const chunk of stream) {
    seen.chunks += 1;
    const choice = chunk.choices[0];
    seen.text += choice?.delta?.content ?? "";
    seen.finish = choice?.finish_reason ?? seen.finish;
    seen.usage = chunk.usage ?? seen.usage;
    for (const part of choice?.delta?.tool_calls ?? []) {
      const call = (seen.calls[part.index] ??= { id: "", name: "", arguments: "" });
      call.id = part.id ?? call.id;
      call.name += part.function?.name ?? "";
      call.arguments += part.function?.arguments ?? "";
    }
  }
  return seen;
}

test("a whole chat", async () => {
  const reply = await client.chat.completions.create({ model, messages: user("Say hello") });
  assert.equal(reply.object, "chat.completion");
  assert.equal(reply.choices[0].message.content, expectedText);
  assert.equal(reply.choices[0].finish_reason, "stop");
  assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
  assert.match(reply._request_id, /^[0-9a-f]{32}$/);
});

test("the request id of the caller is kept", async () => {
  const { data, response, request_id } = await client.chat.completions
    .create({ model, messages: user("hi") }, { headers: { "X-Request-ID": "from-the-caller" } })
    .withResponse();
  assert.equal(request_id, "from-the-caller");
  assert.equal(data._request_id, "from-the-caller");
  assert.equal(response.headers.get("x-request-id"), "from-the-caller");
});

test("a stream as an async iterator", async () => {
  const stream = await client.chat.completions.create({ model, messages: user("Say hello"), stream: true });
  const seen = await collect(stream);
  assert.equal(seen.text, expectedText);
  assert.equal(seen.finish, "stop");
  assert.equal(seen.usage, undefined);
  assert.ok(seen.chunks > 5);
});

test("a stream in single bytes", async () => {
  const stream = await client.chat.completions.create({ model, messages: user("x"), stream: true }, fake("chunk=1"));
  assert.equal((await collect(stream)).text, expectedText);
});

test("the stream helper folds a stream", async () => {
  const stream = client.chat.completions.stream({ model, messages: user("Say hello"), stream_options: { include_usage: true } });
  const deltas = [];
  stream.on("content", (delta) => deltas.push(delta));
  const final = await stream.finalChatCompletion();
  assert.equal(final.choices[0].message.content, expectedText);
  assert.equal(deltas.join(""), expectedText);
  assert.equal((await stream.totalUsage()).prompt_tokens, 2);
});

test("include_usage brings one last chunk with usage", async () => {
  const stream = await client.chat.completions.create({
    model, messages: user("one two three"), stream: true, stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.equal(chunks.at(-1).usage.prompt_tokens, 3);
  assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null));
});

test("tools in two turns, whole", async () => {
  const messages = user('Please call get_weather({"city":"Köln"})');
  const first = await client.chat.completions.create({ model, messages, tools: [weather] });
  assert.equal(first.choices[0].finish_reason, "tool_calls");
  const [call] = first.choices[0].message.tool_calls;
  assert.deepEqual(JSON.parse(call.function.arguments), { city: "Köln" });
  messages.push(first.choices[0].message, { role: "tool", tool_call_id: call.id, content: "rain, 7 degrees" });
  const second = await client.chat.completions.create({ model, messages, tools: [weather] });
  assert.match(second.choices[0].message.content, /rain, 7 degrees/);
  assert.equal(second.choices[0].finish_reason, "stop");
});

test("tools in two turns, streamed", async () => {
  const messages = user('Please call get_weather({"city":"Köln"})');
  const first = await collect(await client.chat.completions.create({ model, messages, tools: [weather], stream: true }));
  assert.equal(first.finish, "tool_calls");
  assert.equal(first.calls.length, 1);
  assert.deepEqual(JSON.parse(first.calls[0].arguments), { city: "Köln" });
  const { id, name, arguments: args } = first.calls[0];
  messages.push({ role: "assistant", content: null, tool_calls: [{ id, type: "function", function: { name, arguments: args } }] });
  messages.push({ role: "tool", tool_call_id: id, content: "rain, 7 degrees" });
  const second = await collect(await client.chat.completions.create({ model, messages, tools: [weather], stream: true }));
  assert.match(second.text, /rain, 7 degrees/);
});

test("parallel tool calls keep their order and their arguments", async () => {
  const messages = user('call get_weather({"city":"Rome"}) and call get_time({}) and call get_weather({"city":"Oslo"})');
  const expected = [["get_weather", { city: "Rome" }], ["get_time", {}], ["get_weather", { city: "Oslo" }]];
  const whole = await client.chat.completions.create({ model, messages, tools: [weather, time], parallel_tool_calls: true });
  const calls = whole.choices[0].message.tool_calls;
  assert.deepEqual(calls.map((c) => [c.function.name, JSON.parse(c.function.arguments)]), expected);
  assert.equal(new Set(calls.map((c) => c.id)).size, 3);
  const streamed = await collect(await client.chat.completions.create({ model, messages, tools: [weather, time], stream: true }));
  assert.deepEqual(streamed.calls.map((c) => [c.name, JSON.parse(c.arguments)]), expected);
});

test("the tool runner finishes a run by itself", async () => {
  const asked = [];
  const runner = client.chat.completions.runTools({
    model,
    messages: user('call get_weather({"city":"Lima"})'),
    tools: [{
      type: "function",
      function: { ...weather.function, parse: JSON.parse, function: ({ city }) => (asked.push(city), `sun over ${city}`) },
    }],
  });
  assert.match(await runner.finalContent(), /sun over Lima/);
  assert.deepEqual(asked, ["Lima"]);
});

const byStatus = [
  [400, OpenAI.BadRequestError, 400],
  [401, OpenAI.InternalServerError, 502],
  [403, OpenAI.InternalServerError, 502],
  [404, OpenAI.NotFoundError, 404],
  [409, OpenAI.ConflictError, 409],
  [422, OpenAI.UnprocessableEntityError, 422],
  [429, OpenAI.RateLimitError, 429],
  [500, OpenAI.InternalServerError, 500],
  [502, OpenAI.InternalServerError, 502],
  [503, OpenAI.InternalServerError, 503],
  [529, OpenAI.InternalServerError, 529],
];
for (const [status, kind, expected] of byStatus) {
  for (const stream of [false, true]) {
    test(`status ${status} of the provider is a ${kind.name}${stream ? " of a stream" : ""}`, async () => {
      const script = `status=${status};message=words of the provider;retry-after=7`;
      const call = client.chat.completions.create({ model, messages: user("hi"), stream }, fake(script));
      const error = await call.then(() => assert.fail("no error"), (thrown) => thrown);
      assert.ok(error instanceof kind, `${error}`);
      assert.equal(error.constructor, kind);
      assert.equal(error.status, expected);
      if (expected >= 500) assert.match(error.message, /fake/);
      assert.equal(typeof error.type, "string");
      assert.match(error.requestID, /^[0-9a-f]{32}$/);
      if (status === 429) assert.equal(error.headers.get("retry-after"), "7");
      if (expected === status) assert.match(error.message, /words of the provider/);
    });
  }
}

test("a wrong key is an AuthenticationError", async () => {
  const stranger = new OpenAI({ baseURL: `${MAESTRO_URL}/v1`, apiKey: "wrong", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), (error) => {
    assert.ok(error instanceof OpenAI.AuthenticationError);
    assert.equal(error.headers.get("www-authenticate"), "Bearer");
    return true;
  });
});

test("an unknown model is a NotFoundError that names a near one", async () => {
  const call = client.chat.completions.create({ model: "fake/fake-modle", messages: user("hi") });
  await assert.rejects(call, (error) => error instanceof OpenAI.NotFoundError && /fake\/fake-model/.test(error.message));
});

test("a wrong type is a BadRequestError with its place", async () => {
  const call = client.chat.completions.create({ model, messages: "not a list" });
  await assert.rejects(call, (error) => error instanceof OpenAI.BadRequestError && error.param === "messages");
});

test("the SDK's own retries get through", async () => {
  const patient = new OpenAI({ baseURL: `${MAESTRO_URL}/v1`, apiKey: MAESTRO_KEY, maxRetries: 2 });
  await fetch(`${FAKE_URL}/__script`, { method: "POST", body: JSON.stringify({ queue: ["status=429;retry-after=1", "status=503;retry-after=1"] }) });
  const reply = await patient.chat.completions.create({ model, messages: user("hi") });
  assert.equal(reply.choices[0].message.content, expectedText);
});

for (const script of ["error-event-mid", "events=20;cut=1500", "events=20;reset=1500", "malformed;slow=30", "no-finish"]) {
  test(`a stream that fails in the middle throws (${script})`, async () => {
    const stream = await client.chat.completions.create({ model, messages: user("hi"), stream: true }, fake(script));
    let chunks = 0;
    await assert.rejects(
      async () => { for await (const _ of stream) chunks += 1; },
      (error) => error instanceof OpenAI.APIError,
    );
    assert.ok(chunks > 0);
  });
}

test("abort ends the provider's call", async () => {
  const stream = await client.chat.completions.create(
    { model, messages: user("hi"), stream: true }, { headers: { "x-fake": "events=2000;slow=20", "X-Request-ID": "to-be-aborted" } },
  );
  let chunks = 0;
  for await (const _ of stream) if (++chunks === 3) stream.controller.abort();
  await until(async () => {
    const all = (await provider()).requests;
    return all.some((r) => r.fake.slow === "20" && r.closed_early);
  }, "the provider saw the close");
});

test("abort by a signal before the reply", async () => {
  const controller = new AbortController();
  const call = client.chat.completions.create({ model, messages: user("hi") }, { ...fake("stall-head=15"), signal: controller.signal });
  await until(async () => (await provider()).requests.some((r) => r.fake["stall-head"] === "15"), "the provider was asked");
  controller.abort();
  await assert.rejects(call, OpenAI.APIUserAbortError);
  await until(async () => (await provider()).requests.some((r) => r.fake["stall-head"] === "15" && r.closed_early), "the provider saw the close");
});

test("models.list", async () => {
  const ids = [];
  for await (const entry of client.models.list()) ids.push(entry.id);
  assert.deepEqual(ids.sort(), ["fake/fake-model", "fake/second"]);
});

test("models.retrieve", async () => {
  const found = await client.models.retrieve(model);
  assert.equal(found.id, model);
  assert.equal(found.object, "model");
  assert.equal(found.owned_by, "fake");
  await assert.rejects(client.models.retrieve("fake/none"), OpenAI.NotFoundError);
});

test("unknown parameters reach the provider as they are", async () => {
  await client.chat.completions.create({ model, messages: user("hi"), a_future_field: { deep: [1, 2, { x: null }] }, seed: 7, n: 1 });
  const last = (await provider()).requests.filter((r) => r.target === "/v1/chat/completions").at(-1);
  const body = JSON.parse(last.body);
  assert.deepEqual(body.a_future_field, { deep: [1, 2, { x: null }] });
  assert.equal(body.model, "fake-model");
});

test("the other path serves the same", async () => {
  const other = new OpenAI({ baseURL: `${MAESTRO_URL}/api/openai/v1`, apiKey: MAESTRO_KEY, maxRetries: 0 });
  const reply = await other.chat.completions.create({ model, messages: user("hi") });
  assert.equal(reply.choices[0].message.content, expectedText);
  assert.ok((await other.models.list()).data.length > 0);
});
