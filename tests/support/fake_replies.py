"""What the fake provider answers: OpenAI Chat replies, whole and as events, from a decoded request.

A prompt asks for tools in one of two ways, and only tools that were offered are called:
  * `call NAME({"json": "arguments"})`, any number of times: one call each, in that order (parallel calls);
  * a command between back-ticks when a shell tool is offered: the LAST pair of back-ticks is the command.
When the newest message that is no system message is a tool result, the answer is text that holds every tool result of
that turn. A request whose `tool_choice` is "required" or names a function gets that function called with `{}`.
"""

import json
import re
from dataclasses import dataclass, field

SHELL_TOOLS = {
    "Bash": lambda command: {"command": command, "description": "Runs the command"},
    "bash": lambda command: {"command": command, "description": "Runs the command"},
    "exec_command": lambda command: {"cmd": command},
    "run_shell_command": lambda command: {"command": command},
}
CALL = re.compile(r"\bcall ([A-Za-z0-9_-]+)\((\{.*?\})\)", re.S)
BACKTICKS = re.compile(r"`([^`]+)`")
DEFAULT_TEXT = "Hello from the fake provider. Grüße, 世界 👋 — one, two, three."


@dataclass
class Answer:
    """One decided answer, before it is written as a whole reply or as events."""

    text: str = ""
    calls: list = field(default_factory=list)  # (id, name, arguments as JSON text)
    prompt_tokens: int = 0

    @property
    def finish_reason(self) -> str:
        return "tool_calls" if self.calls else "stop"

    def usage(self) -> dict:
        written = len(self.text.split()) + sum(len(arguments) for _, _, arguments in self.calls)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": written,
            "total_tokens": self.prompt_tokens + written,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }


def text_of(message: dict) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def decide(request: dict, options: dict, number: int) -> Answer:
    messages = [m for m in request.get("messages", []) if isinstance(m, dict)]
    answer = Answer(prompt_tokens=sum(len(text_of(m).split()) for m in messages))
    talk = [m for m in messages if m.get("role") not in ("system", "developer")]
    newest = talk[-1] if talk else {}
    if newest.get("role") == "tool":
        results = []
        for message in reversed(talk):
            if message.get("role") != "tool":
                break
            results.insert(0, text_of(message))
        answer.text = "The tool said: " + "; ".join(results)
        return answer
    offered = [t.get("function", {}).get("name") for t in request.get("tools") or [] if isinstance(t, dict)]
    answer.calls = wanted_calls(text_of(newest), offered, request.get("tool_choice"), number)
    if answer.calls:
        return answer
    answer.text = options.get("text", DEFAULT_TEXT)
    if "bytes" in options:
        answer.text = ("word " * (int(options["bytes"]) // 5 + 1))[: int(options["bytes"])]
    if "events" in options:
        answer.text = "".join(f"w{i} " for i in range(int(options["events"])))
    return answer


def wanted_calls(prompt: str, offered: list, choice, number: int) -> list:
    calls = [(name, arguments) for name, arguments in CALL.findall(prompt) if name in offered]
    commands = BACKTICKS.findall(prompt)
    shell = next((name for name in offered if name in SHELL_TOOLS), None)
    if not calls and commands and shell:
        calls = [(shell, json.dumps(SHELL_TOOLS[shell](commands[-1])))]
    if not calls and offered and choice == "required":
        calls = [(offered[0], "{}")]
    if not calls and isinstance(choice, dict):
        name = choice.get("function", {}).get("name")
        calls = [(name, "{}")] if name in offered else []
    return [(f"call_{number}_{i}", name, arguments) for i, (name, arguments) in enumerate(calls)]


def whole(request: dict, answer: Answer, number: int, odd: bool) -> bytes:
    message = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if answer.calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for call_id, name, arguments in answer.calls
        ]
    reply = {
        "id": f"chatcmpl-fake{number}",
        "object": "chat.completion",
        "created": 1_700_000_000 + number,
        "model": request.get("model"),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}],
        "usage": answer.usage(),
        "system_fingerprint": "fp_fake",
    }
    if not odd:
        return json.dumps(reply, ensure_ascii=False).encode()
    reply["x_unknown"] = {"z": 1, "a": [1.50, "\u2028", "\\/"], "big": 123456789012345678901234567890}
    return ("\r\n\t " + json.dumps(reply, indent=3).replace("/", "\\/") + "  \n").encode()


def events(request: dict, answer: Answer, number: int, odd: bool) -> list:
    """The stream as a list of complete events, in bytes, the terminator included."""
    wants_usage = bool((request.get("stream_options") or {}).get("include_usage"))

    def frame(choices: list, usage=None) -> bytes:
        chunk = {
            "id": f"chatcmpl-fake{number}",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000 + number,
            "model": request.get("model"),
            "choices": choices,
        }
        if wants_usage:
            chunk["usage"] = usage
        if odd:
            chunk["x_unknown"] = {"z": 1.50, "a": "\u2028"}
            return ("id: 7\r\nretry: 10\r\ndata:" + json.dumps(chunk, separators=(" , ", " : ")) + "\r\n\r\n").encode()
        return ("data: " + json.dumps(chunk, ensure_ascii=False) + "\n\n").encode()

    def delta(fields: dict, finish=None) -> bytes:
        return frame([{"index": 0, "delta": fields, "logprobs": None, "finish_reason": finish}])

    out = [b": a comment of the provider\r\n\r\n"] if odd else []
    out.append(delta({"role": "assistant", "content": None if answer.calls else ""}))
    out += [delta({"content": word}) for word in re.findall(r"\S+\s*|\s+", answer.text)]
    for index, (call_id, name, arguments) in enumerate(answer.calls):
        start = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
        out.append(delta({"tool_calls": [start]}))
        middle = len(arguments) // 2
        for part in (arguments[:middle], arguments[middle:]):
            out.append(delta({"tool_calls": [{"index": index, "function": {"arguments": part}}]}))
    out.append(delta({}, answer.finish_reason))
    if wants_usage:
        out.append(frame([], answer.usage()))
    out.append(b"data: [DONE]\r\n\r\n" if odd else b"data: [DONE]\n\n")
    return out


def error_body(status: int, message: str) -> bytes:
    kinds = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
    error = {"message": message, "type": kinds.get(status, "server_error"), "param": None, "code": f"fake_{status}"}
    return json.dumps({"error": error}).encode()


def model_list(models: list) -> bytes:
    rows = [{"id": m, "object": "model", "created": 1_700_000_000, "owned_by": "fake"} for m in models]
    return json.dumps({"object": "list", "data": rows}).encode()
