#!/usr/bin/env python3
"""A real model server behind the house, and clients in front of it. Prints a transcript; scripts/test-live starts it.

Everything runs on loopback, in throwaway directories, and is ended before this program ends.
"""

import argparse
import json
import pathlib
import re
import shlex
import socket
import subprocess
import sys
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "conformance")]
from conformance_test import install
from house import House, Process, clean_environment, provider_entry, wait_until

QUESTION = "What is gravity?"
MODEL = "smollm2-135m-instruct"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class ModelServer:
    """llama.cpp's server with one model."""

    def __init__(self, program: str, model: str):
        self.port = free_port()
        self.process = Process([program, "--model", model, "--alias", MODEL, "--host", "127.0.0.1", "--port", str(self.port),
                                "--ctx-size", "2048", "--threads", "2", "--parallel", "1"], clean_environment())

    def __enter__(self):
        try:
            wait_until(self.healthy, "the model server is healthy", 120, 0.1)
        except AssertionError:
            self.process.stop()
            print(self.process.output[-4000:], file=sys.stderr)
            raise
        return self

    def __exit__(self, *_):
        self.process.stop()

    def healthy(self) -> bool:
        if not self.process.running:
            raise AssertionError(f"the model server ended with {self.process.wait()}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as reply:
                return reply.status == 200
        except OSError:
            return False

    def ask(self, body: dict) -> dict:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/chat/completions", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as reply:
            return json.load(reply)


class Transcript:
    """Runs commands as a person would type them and shows what they print."""

    def __init__(self, house: House):
        self.environment = clean_environment({"ROUTER_MAESTRO_API_KEY": house.key, "MAESTRO_URL": house.url,
                                              "MAESTRO_MODEL": f"smollm2/{MODEL}", "HOME": str(house.directories.root)})

    def run(self, command: str, cwd=None, show=None) -> str:
        print(f"$ {command}", flush=True)
        done = subprocess.run(["bash", "-c", command], env=self.environment, cwd=cwd, capture_output=True, text=True, timeout=180)
        if done.returncode:
            raise SystemExit(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        print((show or str)(done.stdout).rstrip() + "\n", flush=True)
        return done.stdout


def curl(path: str, body=None, options="-s") -> str:
    command = f'curl {options} $MAESTRO_URL{path} -H "Authorization: Bearer $ROUTER_MAESTRO_API_KEY"'
    if body:
        command += " -H 'Content-Type: application/json' -d " + shlex.quote(json.dumps(body))
    return command


def shortened(stream: str) -> str:
    """The first two and the last three events of a stream."""
    events = [event for event in stream.split("\n\n") if event]
    return "\n".join([*events[:2], f"... {len(events) - 5} more events ...", *events[-3:]])


def check(condition, what):
    if not condition:
        raise SystemExit(f"test-live: {what}")


def converse(transcript: Transcript, server: ModelServer):
    ids = [row["id"] for row in json.loads(transcript.run(curl("/v1/models")))["data"]]
    check(ids == [f"smollm2/{MODEL}"], f"the model list is {ids}")

    body = {"model": f"smollm2/{MODEL}", "messages": [{"role": "user", "content": QUESTION}], "temperature": 0, "max_tokens": 48}
    whole = json.loads(transcript.run(curl("/v1/chat/completions", body)))
    text = whole["choices"][0]["message"]["content"]
    check(len(re.findall(r"[A-Za-z]{2,}", text)) > 10, f"this is no answer of a model: {text!r}")
    check("gravity" in text.lower(), f"this does not answer the question: {text!r}")
    usage = whole["usage"]
    check(usage["completion_tokens"] == 48 and usage["prompt_tokens"] > 5, f"the usage is {usage}")
    direct = server.ask(body | {"model": MODEL})["choices"][0]["message"]["content"]
    check(direct == text, f"asked without the house the model says something else: {direct!r}")

    streamed = transcript.run(curl("/v1/chat/completions", body | {"stream": True, "stream_options": {"include_usage": True}}, "-sN"), show=shortened)
    datas = [event.removeprefix("data: ") for event in streamed.split("\n\n") if event.startswith("data: ")]
    check(datas[-1] == "[DONE]", "the stream has no end")
    chunks = [json.loads(data) for data in datas[:-1]]
    said = "".join((c["choices"][0]["delta"].get("content") or "") for c in chunks if c["choices"])
    check(said == text, f"streamed it says something else: {said!r}")
    check(chunks[-1]["usage"]["completion_tokens"] == 48, f"the usage of the stream is {chunks[-1].get('usage')}")

    unknown = json.loads(transcript.run(curl("/v1/chat/completions", body | {"model": "smollm2/smollm2-135m"})))
    check(MODEL in unknown["error"]["message"], f"no near name in {unknown}")

    output = transcript.run("node live.mjs", cwd=HERE.parent / "conformance")
    lines = dict(line.split(": ", 1) for line in output.strip().splitlines())
    check(lines["model"] == f"smollm2/{MODEL}", output)
    answers = [re.match(r'(".*") \|', lines[name])[1] for name in ("whole", "streamed")]
    check(answers[0] == answers[1] and len(answers[0]) > 10, output)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="the program llama-server")
    parser.add_argument("--model", required=True, help="a model in GGUF")
    options = parser.parse_args()
    install()
    version = subprocess.run([options.server, "--version"], capture_output=True, text=True).stderr.splitlines()[0]
    with ModelServer(options.server, options.model) as server:
        print(f"llama-server ({version}) with {pathlib.Path(options.model).name} answers on port {server.port}.")
        entry = provider_entry(f"http://127.0.0.1:{server.port}/v1", ())
        print(f"providers.json: {json.dumps({'providers': {'smollm2': entry}})}\n")
        with House({"smollm2": entry}) as house:
            house.wait_for_model(f"smollm2/{MODEL}", timeout=15)
            converse(Transcript(house), server)
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
