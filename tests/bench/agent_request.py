#!/usr/bin/env python3
"""The two requests of the benchmark, the same bytes each time: a 1 KB question and a 66 KB turn of a coding agent.

The agent's turn has 40 tools with schemas, a 9 KB system prompt and 31 messages with tool calls and their results. The
order of its fields is that of the official SDK, so `model` comes after the messages and the tools come last.
"""

import json
import pathlib
import random
import sys

MODEL = "bench/bench-model"
WORDS = (
    "open close search edit read write file path line string number value result error command output branch commit "
    "the a of to in and is for with on that it as be this are from or by not when must should only before after "
    "module function class argument return type default option limit buffer stream token request reply model"
).split()


def sentence(dice: random.Random, length: int) -> str:
    words: list[str] = []
    size = 0
    while size < length:
        words.append(dice.choice(WORDS))
        size += len(words[-1]) + 1
    return " ".join(words)[:length]


def tool(dice: random.Random, number: int) -> dict:
    properties = {}
    for position in range(3 + number % 4):
        kind = dice.choice(["string", "integer", "boolean", "array"])
        properties[f"parameter_{position}"] = {"type": kind, "description": sentence(dice, 82)}
        if kind == "array":
            properties[f"parameter_{position}"]["items"] = {"type": "string"}
    return {
        "type": "function",
        "function": {
            "name": f"tool_{number}",
            "description": sentence(dice, 220),
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": ["parameter_0", "parameter_1"],
                "additionalProperties": False,
            },
        },
    }


def turn(dice: random.Random, number: int) -> list[dict]:
    call = f"call_{number:024x}"
    arguments = json.dumps({"path": f"/src/module_{number}.cpp", "pattern": sentence(dice, 60)})
    listing = "\n".join(f"{line}:\t{sentence(dice, 52)}" for line in range(15))
    return [
        {"role": "user", "content": sentence(dice, 300) + '\n```cpp\nint main() { return "x"[0]; }\n```'},
        {
            "role": "assistant",
            "content": None if number % 2 else sentence(dice, 100),
            "tool_calls": [
                {"id": call, "type": "function", "function": {"name": "tool_1", "arguments": arguments}}
            ],
        },
        {"role": "tool", "tool_call_id": call, "content": listing},
    ]


def agent_request() -> dict:
    dice = random.Random(20)
    messages = [{"role": "system", "content": sentence(dice, 9000) + '\n\n# Rules\n- "quoted" \\ path\n'}]
    for number in range(10):
        messages += turn(dice, number)
    return {
        "messages": messages,
        "model": MODEL,
        "max_tokens": 4096,
        "parallel_tool_calls": True,
        "stream": False,
        "temperature": 0.2,
        "tool_choice": "auto",
        "tools": [tool(dice, number) for number in range(40)],
    }


def small_request() -> dict:
    return {"messages": [{"role": "user", "content": sentence(random.Random(1), 930)}], "model": MODEL}


def stream_request() -> dict:
    return small_request() | {"stream": True, "stream_options": {"include_usage": True}}


def write_all(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    files = {}
    for name, request in (("1k", small_request()), ("66k", agent_request()), ("stream", stream_request())):
        files[name] = folder / f"request-{name}.json"
        files[name].write_text(json.dumps(request, separators=(",", ":")), encoding="utf-8")
    return files


if __name__ == "__main__":
    for path in write_all(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")).values():
        print(path, path.stat().st_size)
