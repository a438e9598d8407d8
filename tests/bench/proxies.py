"""The things compared: no proxy, nginx with stock and with tuned malloc, the gateway with everything switched on."""

import http.client
import json
import os
import pathlib
import re
import secrets
import socket
import subprocess
import time

import process
from process import BenchFailure

START_SECONDS_MAX = 20

NGINX_CONFIG = """
worker_processes 1; daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
worker_rlimit_nofile {descriptors};
events {{ worker_connections {connections}; use epoll; }}
http {{
  access_log off; server_tokens off; keepalive_requests 1000000000; keepalive_timeout 300s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 64m; client_header_buffer_size 4k; client_body_buffer_size 128k;
  proxy_buffer_size 8k; proxy_buffers 8 8k; proxy_read_timeout 300s;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Authorization "Bearer bench-provider-key";
  proxy_set_header X-Request-Id 0123456789abcdef0123456789abcdef;
  upstream provider {{
    server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000000; keepalive_timeout 300s;
  }}
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://provider; }} }}
  server {{ listen 127.0.0.1:{stream_port} backlog=4096;
    location / {{ proxy_pass http://provider; proxy_buffering off; }} }}
}}
"""

# glibc gives the top of the heap back after each large body and faults it in again for the next one.
TUNED_MALLOC = {
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_TOP_PAD_": "67108864",
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, process_: subprocess.Popen, log: pathlib.Path, what: str):
    """The condition's first true value; the end of the process's log if it dies or is not ready in time."""
    ends = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < ends and process_.poll() is None:
        if value := condition():
            return value
        time.sleep(0.02)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    state = "did not become ready" if process_.poll() is None else f"ended with {process_.returncode}"
    process.stop(process_)
    raise BenchFailure(f"{what} {state}. The end of its output:\n{tail}")


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
        return True
    except OSError:
        return False


class Upstream:
    """The mock provider. As a proxy it is the comparison with no proxy at all."""

    name = "direct"
    key = ""

    def __init__(self, binaries: pathlib.Path, folder: pathlib.Path, core: int):
        self.process = process.start(
            [binaries / "bench-upstream"], core, folder / "upstream.log", stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        if not line.strip().isdigit():
            process.stop(self.process)
            raise BenchFailure(f"bench-upstream printed no port: {(folder / 'upstream.log').read_text()}")
        self.port = self.stream_port = int(line)
        self.pid = self.process.pid

    def others(self) -> dict[str, int]:
        return {}

    def stop(self) -> None:
        process.stop(self.process)


class Nginx:
    key = ""

    def __init__(self, name: str, folder: pathlib.Path, core: int, upstream_port: int, malloc: dict[str, str]):
        self.name = name
        home = folder / name
        home.mkdir(exist_ok=True)
        self.port, self.stream_port = free_port(), free_port()
        descriptors = process.raise_descriptor_limit()
        config = home / "nginx.conf"
        config.write_text(
            NGINX_CONFIG.format(
                folder=home,
                descriptors=descriptors,
                connections=min(18000, descriptors - 500),
                upstream=upstream_port,
                port=self.port,
                stream_port=self.stream_port,
            )
        )
        log = home / "output.log"
        self.process = process.start(
            [nginx_program(), "-p", home, "-c", config, "-e", home / "error.log"], core, log, {**os.environ, **malloc}
        )
        wait_until(lambda: accepts(self.port) and accepts(self.stream_port), self.process, log, name)
        self.pid = self.process.pid

    def others(self) -> dict[str, int]:
        return {}

    def stop(self) -> None:
        process.stop(self.process)


class Gateway:
    """The three processes and their supervisor, as a user starts them, in a home of their own."""

    name = "gateway"

    def __init__(self, binaries: pathlib.Path, folder: pathlib.Path, cores: tuple[int, int], upstream_port: int):
        proxy_core, load_core = cores
        home = folder / "home"
        self.runtime = home / "run"
        config = home / "config" / "router-maestro"
        for part in (config, home / "data", self.runtime):
            part.mkdir(parents=True, exist_ok=True, mode=0o700)
        for stale in self.runtime.rglob("server.json"):
            stale.unlink()
        self.write_providers(config, upstream_port)
        self.key = secrets.token_urlsafe(32)
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        environment |= {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "ROUTER_MAESTRO_API_KEY": self.key,
            "BENCH_API_KEY": "bench-provider-key-0123456789abcdef",
        }
        command = [binaries / "router-maestro", "server", "start", "--host", "127.0.0.1", "--port", "0"]
        command += ["--workers", "1", "--runtime-dir", self.runtime]
        log = folder / "gateway.log"
        self.process = process.start(command, load_core, log, environment)
        self.port = self.stream_port = wait_until(self.find_port, self.process, log, "router-maestro server start")
        wait_until(lambda: self.get("/ready")[0] == 200, self.process, log, "the gateway")
        members = process.children(self.process.pid)
        if "maestro-gateway" not in members:
            self.stop()
            raise BenchFailure(f"router-maestro has no child maestro-gateway; its children are {sorted(members)}")
        self.pid = members.pop("maestro-gateway")
        self.rest = {"supervisor": self.process.pid} | {
            name.removeprefix("maestro-"): pid for name, pid in members.items()
        }
        process.pin(self.pid, proxy_core)

    @staticmethod
    def write_providers(config: pathlib.Path, upstream_port: int) -> None:
        provider = {
            "type": "openai-compatible",
            "baseURL": f"http://127.0.0.1:{upstream_port}/v1",
            "models": {"bench-model": {"name": "bench"}},
            "options": {"api_key_env": "BENCH_API_KEY", "allow_unauthenticated": False},
        }
        (config / "providers.json").write_text(json.dumps({"providers": {"bench": provider}}, indent=2))

    def find_port(self) -> int | None:
        for file in self.runtime.rglob("server.json"):
            try:
                return int(json.loads(file.read_text())["port"]) or None
            except (ValueError, KeyError):  # half written
                return None
        return None

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
            reply = connection.getresponse()
            return reply.status, reply.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def dropped_log_lines(self) -> int | None:
        """None when the metrics do not say."""
        status, text = self.get("/metrics")
        found = re.findall(r"^router_maestro_log_dropped_total(?:\{[^}]*\})? ([0-9.e+]+)", text, re.MULTILINE)
        return int(sum(map(float, found))) if status == 200 and found else None

    def others(self) -> dict[str, int]:
        return self.rest

    def stop(self) -> None:
        process.stop(self.process)


def nginx_program() -> str:
    for candidate in ("/usr/sbin/nginx", "/usr/local/sbin/nginx"):
        if os.access(candidate, os.X_OK):
            return candidate
    raise BenchFailure("nginx is not installed: ./scripts/setup bench")
