"""Starts the real processes on throwaway directories and talks to them.

Every wait is for a condition with an end; nothing sleeps for a fixed time. Where the programs lie is told by the
environment variable MAESTRO_BIN_DIR, else build/release/bin or build/dev/bin of this tree.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from fake_provider import FakeProvider
from wire_client import Reply, Wire, request_bytes

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER_KEY = "sk-rm-test-0123456789abcdefghijklmnopqrstuvwxyz"
PROVIDER_KEY = "sk-provider-secret-9876543210"
CHAT = "/v1/chat/completions"
READY_TIME = 20.0  # generous: sanitizer builds on a busy machine


def binary(name: str) -> str:
    named = os.environ.get("MAESTRO_BIN_DIR")
    for folder in [pathlib.Path(named)] if named else [ROOT / "build/release/bin", ROOT / "build/dev/bin"]:
        if (folder / name).exists():
            return str(folder / name)
    raise FileNotFoundError(f"{name}: build it first, or set MAESTRO_BIN_DIR")


def wait_until(condition, what: str, timeout=READY_TIME, interval=0.005):
    """Waits until condition() is true and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s in vain until {what}")
        time.sleep(interval)


def clean_environment(extra=None) -> dict:
    """What the processes see: nothing of ours, no proxy, no key."""
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")}
    return keep | {k: str(v) for k, v in (extra or {}).items()}


class Process:
    """A program of the house with its output collected. It is ended by its id."""

    def __init__(self, arguments: list, environment: dict, cwd=None):
        self.arguments = arguments
        self.lines = []
        self.process = subprocess.Popen(arguments, env=environment, cwd=cwd, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode("utf-8", "replace"))

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return "".join(self.lines)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def signal(self, number=signal.SIGTERM):
        if self.running:
            self.process.send_signal(number)

    def wait(self, timeout=READY_TIME) -> int:
        code = self.process.wait(timeout)
        self.reader.join(5)
        if not self.reader.is_alive():
            self.process.stdout.close()
        return code

    def stop(self, timeout=READY_TIME) -> int:
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.wait(5)
            raise AssertionError(f"{self.arguments[0]} did not end on SIGTERM in {timeout} s:\n{self.output[-4000:]}")


def children_of(pid: int) -> dict:
    """The direct children of a process: name -> id."""
    out = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
            command = (entry / "cmdline").read_bytes().split(b"\0")[0].decode()
        except OSError:
            continue
        if int(stat.rsplit(")", 1)[1].split()[1]) == pid and command:
            out[pathlib.Path(command).name] = int(entry.name)
    return out


def provider_entry(url: str, models=("fake-model",), **options) -> dict:
    return {"type": "openai-compatible", "baseURL": url, "models": {m: {"name": m} for m in models},
            "options": options or {"allow_unauthenticated": True}}


class Directories:
    """Throwaway configuration, data and runtime directories."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="rm-"))  # short: socket paths end at 107 bytes
        self.config = self.root / "c" / "router-maestro"
        self.data = self.root / "d" / "router-maestro"
        self.runtime = self.root / "r"
        for path in (self.config, self.data, self.runtime):
            path.mkdir(parents=True, mode=0o700)

    def environment(self) -> dict:
        return {"HOME": str(self.root), "XDG_CONFIG_HOME": str(self.root / "c"), "XDG_DATA_HOME": str(self.root / "d"),
                "XDG_RUNTIME_DIR": str(self.runtime)}

    def write(self, path: pathlib.Path, content):
        """As an editor that is careful does it: a temporary file, then a rename. Returns when the rename was made."""
        text = content if isinstance(content, str) else json.dumps(content, indent=2)
        temporary = path.with_name(f".{path.name}.edit")
        temporary.write_text(text, "utf-8")
        temporary.chmod(0o600)
        temporary.rename(path)
        return time.monotonic()

    def providers(self, providers: dict):
        return self.write(self.config / "providers.json", {"providers": providers})

    def credentials(self, keys: dict):
        """auth.json with static keys: provider -> key."""
        return self.write(self.data / "auth.json", {name: {"type": "api", "key": key} for name, key in keys.items()})

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)


class House:
    """`router-maestro server start` on throwaway directories."""

    def __init__(self, providers=None, key=SERVER_KEY, environment=None, arguments=(), credentials=None, raw_providers=None):
        self.directories = Directories()
        self.key = key
        self.arguments = list(arguments)
        self.environment = clean_environment(self.directories.environment())
        if key:
            self.environment["ROUTER_MAESTRO_API_KEY"] = key
        self.environment |= {k: str(v) for k, v in (environment or {}).items()}
        if raw_providers is not None:
            self.directories.write(self.directories.config / "providers.json", raw_providers)
        elif providers is not None:
            self.directories.providers(providers)
        if credentials:
            self.directories.credentials(credentials)
        self.leased = self.with_lease(providers or {}, credentials or {})
        self.process = None
        self.port = 0

    def with_lease(self, providers: dict, credentials: dict) -> list:
        """One model of each provider that will get a lease of auth (one that needs no key gets an empty one)."""
        out = []
        for name, entry in providers.items():
            options = entry.get("options", {})
            variable = options.get("api_key_env") or re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper() + "_API_KEY"
            value = self.environment.get(variable, "")
            own = value == self.key or value.startswith("sk-rm-")
            if entry.get("models") and (options.get("allow_unauthenticated") or name in credentials or (value and not own)):
                out.append(f"{name}/{next(iter(entry['models']))}")
        return out

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        self.directories.remove()

    def start(self, ready=True):
        started = time.monotonic()
        command = [binary("router-maestro"), "server", "start", "--port", "0", "--runtime-dir",
                   str(self.directories.runtime), *self.arguments]
        self.process = Process(command, self.environment, str(self.directories.root))
        try:
            wait_until(lambda: self.server_file() or not self.process.running, "server.json is written")
            if not self.process.running:
                raise AssertionError(f"server start ended with {self.process.wait()}")
            self.port = int(self.server_file()["port"])
            if ready:
                self.wait_ready()
        except AssertionError as error:
            self.process.signal(signal.SIGKILL)
            raise AssertionError(f"{error}\n{self.process.output[-6000:]}") from None
        self.ready_after = time.monotonic() - started
        return self

    def server_file(self):
        for path in [self.directories.runtime / "server.json", *self.directories.runtime.glob("*/server.json")]:
            try:
                content = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            if content.get("pid") == self.process.pid and content.get("port"):
                return content
        return None

    def stop(self) -> int:
        return self.process.stop() if self.process else 0

    # What runs.

    def children(self) -> dict:
        return children_of(self.process.pid)

    def kill(self, name: str, number=signal.SIGKILL) -> int:
        pid = self.children()[name]
        os.kill(pid, number)
        return pid

    @property
    def log(self) -> str:
        out = self.process.output if self.process else ""
        for path in sorted((self.directories.data / "logs").glob("*.log")):
            out += path.read_text("utf-8", "replace")
        return out

    def wait_ready(self):
        """Ready is: a catalog and keys. Leases of providers come by themselves: they are waited for."""
        wait_until(lambda: self.status_of("/ready") == 200, "/ready says yes")
        for model in self.leased if self.key else ():
            wait_until(lambda: self.chat(model=model, timeout=20).status != 503, f"the gateway has the lease of {model}", 5)

    def status_of(self, path: str) -> int:
        try:
            return self.get(path, timeout=2).status
        except OSError:
            return 0

    # Talking.

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wire(self, timeout=10.0) -> Wire:
        return Wire(self.port, timeout=timeout)

    def headers(self, extra=None) -> dict:
        out = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"} | (extra or {})
        return {name: value for name, value in out.items() if value is not None}

    def request(self, method: str, path: str, body: bytes = None, headers=None, timeout=10.0) -> Reply:
        with self.wire(timeout) as wire:
            wire.send(request_bytes(method, path, self.headers(headers), body))
            return wire.read_reply(method)

    def get(self, path: str, headers=None, timeout=10.0) -> Reply:
        return self.request("GET", path, None, headers, timeout)

    def post(self, path: str, body, headers=None, timeout=10.0) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return self.request("POST", path, data, headers, timeout)

    def chat(self, prompt="hi", stream=False, fake=None, headers=None, timeout=10.0, model="fake/fake-model", **more) -> Reply:
        body = {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": stream} | more
        return self.post(CHAT, body, (headers or {}) | ({"x-fake": fake} if fake else {}), timeout)

    def models(self) -> list:
        reply = self.get("/v1/models")
        assert reply.status == 200, (reply.status, reply.body)
        return [row["id"] for row in reply.json["data"]]

    def wait_for_model(self, model: str, present=True, timeout=5.0):
        wait_until(lambda: (model in self.models()) == present, f"{model} is {'' if present else 'not '}listed", timeout, 0.001)

    def wait_for_models(self, models: list, timeout=5.0):
        try:
            wait_until(lambda: sorted(self.models()) == sorted(models), f"the models are {models}", timeout, 0.001)
        except AssertionError as error:
            raise AssertionError(f"{error}; they are {self.models()}") from None

    def metric(self, name: str, **labels) -> float:
        """The sum of all series of this name that carry these labels."""
        total = 0.0
        for line in self.get("/metrics").body.decode().splitlines():
            match = re.fullmatch(r"([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)", line)
            if match and match[1] == name:
                have = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
                if labels.items() <= have.items():
                    total += float(match[3])
        return total


class HouseCase(unittest.TestCase):
    """A house with one fake provider, shared by the tests of a class. Its log is printed when a test fails."""

    environment = {}
    arguments = ()
    credentials = None
    secrets = (SERVER_KEY, PROVIDER_KEY)

    @classmethod
    def setUpClass(cls):
        cls.fake = FakeProvider().start()
        cls.addClassCleanup(cls.fake.stop)
        cls.house = House(cls.providers(), environment=cls.environment, arguments=cls.arguments, credentials=cls.credentials)
        cls.addClassCleanup(cls.house.directories.remove)
        cls.house.start()
        cls.addClassCleanup(cls.house.stop)

    @classmethod
    def providers(cls) -> dict:
        return {"fake": provider_entry(cls.fake.url)}

    @classmethod
    def tearDownClass(cls):
        for secret in cls.secrets:
            assert secret not in cls.house.log, "a secret is in the log"

    def setUp(self):
        self.fake.clear()

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        outcome = super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(f"--- log of the house in {self.id()} ---\n{self.house.log[-6000:]}\n---", file=sys.stderr)
        return outcome

    def assert_error(self, reply: Reply, status: int, says=(), kind=None, param=None):
        """An OpenAI error envelope with this status whose message holds all of `says`, and no secret."""
        self.assertEqual(reply.status, status, reply.body[:600])
        self.assertEqual((reply.header("content-type") or "").split(";")[0], "application/json")
        envelope = reply.json
        self.assertEqual(set(envelope), {"error"})
        error = envelope["error"]
        self.assertLessEqual({"message", "type", "param", "code"}, set(error))
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text.lower(), error["message"].lower())
        if kind:
            self.assertEqual(error["type"], kind)
        if param:
            self.assertEqual(error["param"], param)
        for secret in self.secrets:
            self.assertNotIn(secret.encode(), reply.raw_head + reply.body)
        self.assertEqual(len(reply.all("x-request-id")), 1)
        return error
