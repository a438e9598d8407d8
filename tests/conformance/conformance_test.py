#!/usr/bin/env python3
"""Starts the house and the fake provider, then lets the official SDK (pinned in package-lock.json) run against them."""

import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from fake_provider import FakeProvider
from house import House, provider_entry


def install():
    """npm ci, when what is installed is not what the lock file says."""
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", "ci"], cwd=HERE, check=True)
        installed.touch()


class OpenAiSdk(unittest.TestCase):
    def test_the_sdk(self):
        install()
        with FakeProvider() as fake, House({"fake": provider_entry(fake.url, ("fake-model", "second"))}) as house:
            environment = os.environ | {"MAESTRO_URL": house.url, "MAESTRO_KEY": house.key, "FAKE_URL": fake.url.removesuffix("/v1")}
            environment.pop("NODE_OPTIONS", None)
            done = subprocess.run(["node", "--test", "--test-force-exit", "--test-reporter=spec", "openai.test.mjs"], cwd=HERE, env=environment, timeout=240)
            if done.returncode:
                print(f"--- log of the house ---\n{house.log[-4000:]}", file=sys.stderr)
            self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
