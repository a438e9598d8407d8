#!/usr/bin/env python3
"""The first minutes: the built-in demo provider, and the commands that start, show and stop a server."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from fake_provider import FakeProvider
from house import CHAT, Directories, House, HouseCase, SERVER_KEY, binary, clean_environment, provider_entry, wait_until


class Demo(unittest.TestCase):
    def test_the_demo_answers_without_any_configuration(self):
        with House() as house:
            self.assertEqual(house.models(), ["demo/echo"])
            reply = house.chat("echo these words", model="demo/echo")
            self.assertEqual(reply.status, 200, reply.body)
            content = reply.json["choices"][0]["message"]["content"]
            self.assertIn("echo these words", content)
            self.assertIn("demo", reply.body.decode().lower())
            self.assertGreater(reply.json["usage"]["prompt_tokens"], 0)
            self.assertEqual(reply.json["usage"]["total_tokens"],
                             reply.json["usage"]["prompt_tokens"] + reply.json["usage"]["completion_tokens"])

    def test_the_demo_streams_with_usage(self):
        with House() as house:
            reply = house.chat("echo these words", model="demo/echo", stream=True, stream_options={"include_usage": True})
            chunks = [json.loads(d) for d in reply.data[:-1]]
            text = "".join((c["choices"][0]["delta"].get("content") or "") for c in chunks if c["choices"])
            self.assertIn("echo these words", text)
            self.assertEqual(chunks[-1]["choices"], [])
            self.assertGreater(chunks[-1]["usage"]["completion_tokens"], 0)
            self.assertTrue(all(c["usage"] is None for c in chunks[:-1]))
            self.assertEqual(reply.data[-1], "[DONE]")
            plain = house.chat("x", model="demo/echo", stream=True, stream_options={})
            self.assertNotIn(b'"usage"', plain.body)
            self.assertGreater(len(chunks), 3)

    def test_the_demo_calls_a_tool_when_it_is_asked_to(self):
        tools = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
        with House() as house:
            for stream in (False, True):
                reply = house.chat("Call the tool get_weather", model="demo/echo", tools=tools, stream=stream)
                self.assertEqual(reply.status, 200, reply.body)
                self.assertIn(b"get_weather", reply.body)
                self.assertIn(b"tool_calls", reply.body)
            plain = house.chat("nothing to call here", model="demo/echo", tools=tools)
            self.assertEqual(plain.json["choices"][0]["finish_reason"], "stop")

    def test_the_demo_still_needs_the_key(self):
        with House() as house:
            reply = house.post(CHAT, {"model": "demo/echo", "messages": []}, {"Authorization": None})
            self.assertEqual(reply.status, 401)

    def test_the_demo_disappears_when_a_provider_exists_and_comes_back_without(self):
        with FakeProvider() as fake, House() as house:
            house.directories.providers({"fake": provider_entry(fake.url)})
            house.wait_for_model("demo/echo", present=False)
            self.assertEqual(house.models(), ["fake/fake-model"])
            self.assertEqual(house.chat(model="demo/echo").status, 404)
            house.directories.providers({})
            house.wait_for_model("demo/echo")

    def test_the_demo_is_switched_on_and_off(self):
        with FakeProvider() as fake:
            with House({"fake": provider_entry(fake.url)}, arguments=("--demo", "on")) as house:
                house.wait_for_model("demo/echo")
                self.assertIn("fake/fake-model", house.models())
            with House(arguments=("--demo", "off")) as house:
                self.assertEqual(house.models(), [])

    def test_the_demo_is_off_where_others_can_connect(self):
        with House(arguments=("--host", "0.0.0.0")) as house:
            self.assertEqual(house.models(), [])


class Commands(HouseCase):
    def command(self, *arguments, environment=None):
        return subprocess.run([binary("router-maestro"), *arguments], env=self.house.environment | (environment or {}),
                              capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)

    def test_status_shows_the_server(self):
        for name in ("status", "info"):
            done = self.command("server", name, "--runtime-dir", str(self.house.directories.runtime))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(str(self.house.port), done.stdout)
        done = self.command("server", "status", "--json", "--runtime-dir", str(self.house.directories.runtime))
        self.assertTrue(json.loads(done.stdout)["services"])
        self.assertNotIn(SERVER_KEY, done.stdout)

    def test_show_key(self):
        done = self.command("server", "show-key", "--raw")
        self.assertEqual((done.returncode, done.stdout), (0, SERVER_KEY + "\n"))
        said = self.command("server", "show-key")
        self.assertEqual(said.returncode, 0)
        self.assertIn(SERVER_KEY, said.stdout)

    def test_a_port_in_use_is_refused_with_a_clear_line(self):
        other = Directories()
        self.addCleanup(other.remove)
        environment = clean_environment(other.environment()) | {"ROUTER_MAESTRO_API_KEY": SERVER_KEY}
        with socket.create_server(("127.0.0.1", 0)) as taken:
            for port in (self.house.port, taken.getsockname()[1]):
                done = subprocess.run([binary("router-maestro"), "server", "start", "--port", str(port)], env=environment,
                                      capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
                self.assertEqual(done.returncode, 1)
                self.assertIn(str(port), done.stderr)
                self.assertIn("in use", done.stderr)
        self.assertEqual(self.house.chat().status, 200)

    def test_help_of_every_program(self):
        for name in ("router-maestro", "maestro-gateway", "maestro-auth", "maestro-registry"):
            with self.subTest(name):
                done = subprocess.run([binary(name), "--help"], capture_output=True, text=True, timeout=20)
                self.assertEqual(done.returncode, 0)
                self.assertIn("--help", done.stdout)
                self.assertEqual(done.stderr, "")
                self.assertRegex(subprocess.run([binary(name), "--version"], capture_output=True, text=True, timeout=20).stdout,
                                 r"\d+\.\d+\.\d+")
                bad = subprocess.run([binary(name), "--no-such-flag"], capture_output=True, text=True, timeout=20)
                self.assertEqual(bad.returncode, 2, bad.stderr)

    def test_the_help_of_the_services_names_a_variable_for_every_setting(self):
        for name in ("maestro-gateway", "maestro-auth", "maestro-registry"):
            text = subprocess.run([binary(name), "--help"], capture_output=True, text=True, timeout=20).stdout
            for entry in re.split(r"^  (?=-)", text, flags=re.M)[1:]:
                flag = re.search(r"--([a-z-]+)", entry)[1]
                if flag not in ("help", "version", "health") and not flag.endswith("-fd"):  # those are no settings
                    with self.subTest(f"{name} --{flag}"):
                        self.assertIn("ROUTER_MAESTRO_", entry)

    def test_files_and_folders_are_private(self):
        self.house.chat()
        roots = [self.house.directories.runtime, self.house.directories.data, self.house.directories.config]
        for root in roots:
            for path in root.rglob("*"):
                with self.subTest(str(path)):
                    mode = path.lstat().st_mode & 0o777
                    self.assertEqual(mode & 0o077, 0, oct(mode))

    def test_no_key_is_in_an_environment_or_command_line_that_does_not_need_it(self):
        for name, pid in self.house.children().items():
            with self.subTest(name):
                self.assertNotIn(SERVER_KEY.encode(), pathlib.Path(f"/proc/{pid}/cmdline").read_bytes())
                try:
                    environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
                except PermissionError:
                    continue
                if name != "maestro-auth":
                    self.assertNotIn(SERVER_KEY.encode(), environment)

    def test_stop_ends_the_server(self):
        with FakeProvider() as fake:
            house = House({"fake": provider_entry(fake.url)})
            self.addCleanup(house.directories.remove)
            house.start()
            done = subprocess.run([binary("router-maestro"), "server", "stop", "--runtime-dir", str(house.directories.runtime)],
                                  env=house.environment, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(house.process.wait(10), 0)
            self.assertFalse(os.path.exists(f"/proc/{house.process.pid}"))
            gone = subprocess.run([binary("router-maestro"), "server", "stop", "--runtime-dir", str(house.directories.runtime)],
                                  env=house.environment, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
            self.assertNotEqual(gone.returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
