"""The supervisor against small fake services: starts, restarts, refuses a taken port, stops, and leaves nobody behind.

Usage: supervisor_test.py PATH/TO/router-maestro
"""

import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ""

FAKE = r'''#!/usr/bin/env python3
import http.server, json, os, pathlib, signal, sys
name = os.path.basename(sys.argv[0]).removeprefix("maestro-")
words = sys.argv[1:]
value = lambda flag: words[words.index(flag) + 1] if flag in words else None
folder = pathlib.Path(sys.argv[0]).parent
ends = folder / (name + ".exits")
if ends.exists():
    print("fake trouble of " + name, flush=True)
    sys.exit(int(ends.read_text()))
key = os.read(int(value("--api-key-fd")), 4096).decode() if value("--api-key-fd") else None
(folder / (name + ".seen")).write_text(json.dumps(
    {"arguments": words, "environment": dict(os.environ), "key": key, "group": os.getpgid(0) == os.getpid(),
     "descriptors": sorted(int(n) for n in os.listdir("/proc/self/fd"))}))
ready = {"service": name, "address": "fake"}
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"version": "9.9"}')
    def log_message(self, *ignored):
        pass
if name == "auth":
    ready["server_key"] = "flag" if key else "generated"
    config = pathlib.Path(value("--config-dir"))
    (config / "contexts.json").write_text(json.dumps({"current": "local", "contexts": {"local": {
        "endpoint": "http://localhost:8080", "api_key": key or "sk-rm-generated-key-0123456789"}}}))
if name == "gateway":
    server = http.server.HTTPServer((value("--host"), int(value("--port"))), Answers)
    ready["address"] = "127.0.0.1:%d" % server.server_port
def end(*ignored):
    print(json.dumps({"level": "info", "event": "drained", "of": name}), flush=True)
    os._exit(0)
if not (folder / (name + ".stubborn")).exists():
    signal.signal(signal.SIGTERM, end)
else:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if (folder / (name + ".noisy")).exists():
    for number in range(20000):
        print(json.dumps({"level": "info", "event": "noise", "number": number, "text": "x" * 100}))
    sys.stdout.flush()
os.write(int(value("--ready-fd")), (json.dumps(ready) + "\n").encode())
if name == "gateway":
    server.serve_forever()
while True:
    signal.pause()
'''


def wait_until(condition, what, time_max=10.0):
    deadline = time.monotonic() + time_max
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.01)
    raise AssertionError("waited in vain until " + what)


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in "ZX"


class SupervisorTest(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory(prefix="maestro-", dir="/tmp")
        self.addCleanup(self.home.cleanup)
        self.root = pathlib.Path(self.home.name)
        self.programs = self.root / "programs"
        self.programs.mkdir()
        for name in ("auth", "registry", "gateway"):
            program = self.programs / f"maestro-{name}"
            program.write_text(FAKE)
            program.chmod(0o755)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.root), "XDG_RUNTIME_DIR": str(self.root / "run"),
            "MAESTRO_PROGRAM_DIR": str(self.programs), "OLLAMA_API_KEY": "of-a-provider", "HTTPS_PROXY": "http://p:1",
        }
        (self.root / "run").mkdir(mode=0o700)

    def start(self, *words, environment=None):
        self.output = self.root / "stderr"
        with open(self.output, "wb") as stderr:
            server = subprocess.Popen([PROGRAM, "server", "start", *words], stderr=stderr,
                                      env=self.environment | (environment or {}))
        self.addCleanup(lambda: (server.kill(), server.wait()))
        return server

    def start_ready(self, *words, **more):
        server = self.start("--port", "0", *words, **more)
        wait_until(lambda: "ready on http://" in self.output.read_text() or server.poll() is not None, "it is ready")
        self.assertIsNone(server.poll(), self.output.read_text())
        return server

    def run_command(self, *words):
        return subprocess.run([PROGRAM, *words], env=self.environment, capture_output=True, text=True, timeout=30)

    def server_file(self):
        found = list((self.root / "run/router-maestro").glob("*/server.json"))
        return json.loads(found[0].read_text()) if found else None

    def pids(self):
        return {name: service["pid"] for name, service in self.server_file()["services"].items()}

    def seen(self, name):
        return json.loads((self.programs / f"{name}.seen").read_text())

    def test_it_starts_three_children_and_sigterm_ends_all_with_exit_code_0(self):
        began = time.monotonic()
        server = self.start_ready()
        self.assertLess(time.monotonic() - began, 3)
        pids = self.pids()
        self.assertTrue(all(alive(pid) for pid in pids.values()))
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(10), 0)
        self.assertFalse(any(alive(pid) for pid in pids.values()))
        self.assertIsNone(self.server_file())
        self.assertEqual(os.listdir(self.root / "run/router-maestro"), [])
        text = self.output.read_text()
        self.assertLess(text.index('"of": "gateway"'), text.index('"of": "registry"'))

    def test_the_runtime_folder_and_every_file_are_private(self):
        self.start_ready()
        for path in (self.root / "run/router-maestro").rglob("*"):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)
        log = self.root / ".local/share/router-maestro/logs/router-maestro.log"
        self.assertEqual(stat.S_IMODE(log.stat().st_mode), 0o600)
        self.assertIn('"child_ready"', log.read_text())

    def test_keys_go_to_auth_alone_and_never_into_arguments(self):
        self.start_ready(environment={"ROUTER_MAESTRO_API_KEY": "sk-rm-secret-secret-secret"})
        self.assertEqual(self.seen("auth")["key"], "sk-rm-secret-secret-secret")
        self.assertEqual(self.seen("auth")["environment"]["OLLAMA_API_KEY"], "of-a-provider")
        for name in ("auth", "registry", "gateway"):
            self.assertNotIn("sk-rm-secret", json.dumps(self.seen(name)["arguments"]))
            self.assertNotIn("sk-rm-secret", json.dumps(self.seen(name)["environment"]))
        for name in ("registry", "gateway"):
            self.assertNotIn("of-a-provider", json.dumps(self.seen(name)["environment"]))
            self.assertEqual(self.seen(name)["environment"]["HTTPS_PROXY"], "http://p:1")
        self.assertNotIn("sk-rm-secret", self.output.read_text())

    def test_a_key_file_gives_its_first_line_to_auth(self):
        key = self.root / "key"
        key.write_text("sk-rm-of-the-file-123\nsecond line\n")
        self.start_ready("--api-key-file", str(key))
        self.assertEqual(self.seen("auth")["key"], "sk-rm-of-the-file-123")

    def test_a_child_has_its_own_process_group_and_no_stray_descriptors(self):
        self.start_ready("--api-key", "sk-rm-given-by-flag-1")
        for name, highest in (("auth", 4), ("registry", 3), ("gateway", 3)):
            self.assertTrue(self.seen(name)["group"])
            # One more is open while the folder of descriptors itself is listed.
            self.assertLessEqual(len([n for n in self.seen(name)["descriptors"] if n > highest]), 1)

    def test_a_killed_child_is_started_again_and_the_log_says_so(self):
        server = self.start_ready()
        for name in ("auth", "registry", "gateway"):
            before = self.pids()[name]
            os.kill(before, signal.SIGKILL)
            wait_until(lambda: self.pids()[name] not in (0, before), f"{name} runs again")
        wait_until(lambda: self.run_command("server", "status").returncode == 0, "the new gateway answers")
        self.assertIn("signal 9", self.output.read_text())
        self.assertIn('"child_died"', self.output.read_text())
        self.assertIsNone(server.poll())

    def test_a_restarted_gateway_keeps_the_port_that_was_found(self):
        self.start_ready()
        port = self.server_file()["port"]
        self.assertGreater(port, 0)
        before = self.pids()["gateway"]
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: self.pids()["gateway"] not in (0, before), "the gateway runs again")
        wait_until(lambda: self.server_file()["services"]["gateway"]["ready"], "it is ready")
        self.assertEqual(self.server_file()["port"], port)

    def test_a_port_in_use_is_refused_in_one_line_that_says_what_to_do(self):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            done = self.run_command("server", "start", "--port", port)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("\n"), 1)
        for part in (f"Port {port}", "--port", f"server stop --port {port}"):
            self.assertIn(part, done.stderr)

    def test_a_child_that_never_starts_ends_the_server_and_is_named(self):
        (self.programs / "registry.exits").write_text("1")
        server = self.start("--port", "0")
        self.assertEqual(server.wait(15), 1)
        self.assertIn("registry does not start (exit code 1)", self.output.read_text())
        self.assertIn("fake trouble of registry", self.output.read_text())

    def test_a_usage_error_of_a_child_ends_the_server_at_once(self):
        (self.programs / "auth.exits").write_text("2")
        self.assertEqual(self.start("--port", "0").wait(5), 1)

    def test_kill_9_of_the_supervisor_leaves_no_child(self):
        server = self.start_ready()
        pids = self.pids()
        server.kill()
        server.wait()
        wait_until(lambda: not any(alive(pid) for pid in pids.values()), "every child is gone", 2.0)
        self.assertEqual(self.run_command("server", "stop").returncode, 3)

    def test_a_second_interrupt_ends_a_stubborn_gateway_at_once(self):
        (self.programs / "gateway.stubborn").touch()
        server = self.start_ready()
        server.send_signal(signal.SIGINT)
        wait_until(lambda: '"stopping"' in self.output.read_text(), "it is stopping")
        self.assertIsNone(server.poll())
        server.send_signal(signal.SIGINT)
        self.assertEqual(server.wait(3), 0)

    def test_a_stubborn_gateway_is_killed_after_the_drain_time(self):
        (self.programs / "gateway.stubborn").touch()
        server = self.start_ready("--drain-time", "0")
        began = time.monotonic()
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(15), 0)
        self.assertGreater(time.monotonic() - began, 4)

    def test_a_reader_that_does_not_read_holds_nobody_up(self):
        (self.programs / "registry.noisy").touch()
        read, write = os.pipe()
        server = subprocess.Popen([PROGRAM, "server", "start", "--port", "0"], stderr=write, env=self.environment)
        os.close(write)
        self.addCleanup(lambda: (server.kill(), server.wait(), os.close(read)))
        wait_until(lambda: self.server_file() and all(s["ready"] for s in self.server_file()["services"].values()),
                   "all are ready although nobody reads")
        log = self.root / ".local/share/router-maestro/logs/router-maestro.log"
        self.assertIn('"number": 19999', log.read_text())

    def test_stop_status_and_show_key_find_the_server(self):
        server = self.start_ready()
        status = self.run_command("server", "info", "--json")
        self.assertEqual(status.returncode, 0, status.stderr)
        told = json.loads(status.stdout)
        self.assertEqual(told["state"], "ready")
        self.assertEqual(told["services"]["auth"]["pid"], self.pids()["auth"])
        self.assertGreater(told["services"]["gateway"]["memory_bytes"], 0)
        self.assertIn("gateway", self.run_command("server", "status").stdout)
        self.assertEqual(self.run_command("server", "show-key", "--raw").stdout, "sk-rm-generated-key-0123456789\n")
        self.assertEqual(self.run_command("server", "stop", "--port", "1").returncode, 3)
        self.assertEqual(self.run_command("server", "stop").returncode, 0)
        self.assertEqual(server.wait(5), 0)
        self.assertEqual(self.run_command("server", "stop").returncode, 3)
        self.assertEqual(self.run_command("server", "status", "--port", "9").returncode, 3)

    def test_a_second_server_on_the_same_port_is_refused(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        self.start("--port", port)
        wait_until(lambda: "ready on" in self.output.read_text(), "it is ready")
        self.assertEqual(self.run_command("server", "start", "--port", port).returncode, 1)

    def test_a_runtime_directory_of_others_is_refused(self):
        (self.root / "run/router-maestro").mkdir(mode=0o755)
        (self.root / "run/router-maestro").chmod(0o755)
        done = self.run_command("server", "start", "--port", "0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("chmod 700", done.stderr)

    def test_demo_is_off_beyond_loopback(self):
        self.start_ready("--host", "0.0.0.0")
        words = self.seen("registry")["arguments"]
        self.assertEqual(words[words.index("--demo") + 1], "off")


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
