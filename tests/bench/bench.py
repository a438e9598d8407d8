#!/usr/bin/env python3
"""The benchmark: the gateway against nginx and against no proxy, with the same mock provider, in one run.

The proxy has a core of its own, the load generator and the provider have another. Rounds are interleaved, because
a noisy neighbour moves everybody; compare ratios within a run, never numbers of two runs. CPU time is the kernel's
(schedstat), of all threads of the proxy.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile

import agent_request
import process
import proxies
import report
import scenarios
from process import BenchFailure

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCENARIOS = ("1k", "66k", "stream", "latency", "memory")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (default 7; streams: two fewer)")
    parser.add_argument("--seconds", type=float, default=2, help="length of a request round (default 2)")
    parser.add_argument("--quick", action="store_true", help="few short rounds: shows that it runs, not what it costs")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="this scenario alone; may be repeated")
    parser.add_argument("--json", type=pathlib.Path, default=ROOT / "build/bench/results.json", help="all raw rounds")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--without-gateway", action="store_true", help="measure nginx and no proxy only")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin", help="where the programs are")
    return parser.parse_args()


def settings_from(given: argparse.Namespace, folder: pathlib.Path) -> scenarios.Settings:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchFailure("the benchmark needs two cores: one for the proxy, one for its load")
    rounds = min(given.rounds, 3) if given.quick else given.rounds
    return scenarios.Settings(
        binaries=given.bin,
        folder=folder,
        bodies=agent_request.write_all(folder),
        load_core=cores[0],
        proxy_core=cores[1],
        rounds=rounds,
        seconds=min(given.seconds, 0.5) if given.quick else given.seconds,
        stream_rounds=1 if given.quick else max(1, rounds - 2),
        memory_rounds=1 if given.quick else min(3, rounds),
        chunks=40 if given.quick else 200,
        streams=((200, 50), (1000, 50)) if given.quick else ((1000, 50), (5000, 110)),
        memory_streams=1000 if given.quick else 5000,
        idle_connections=1000 if given.quick else 4000,
    )


def first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    except FileNotFoundError:
        return "unknown"
    return (done.stdout + done.stderr).strip().split("\n", 1)[0] or "unknown"


def machine_facts() -> dict:
    models = [
        line.partition(":")[2].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "nginx": first_line(proxies.nginx_program(), "-v").removeprefix("nginx version: "),
        "compiler": first_line("clang++-19", "--version"),
        "revision": first_line("git", "rev-parse", "--short", "HEAD"),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "load_average_at_start": os.getloadavg()[0],
    }


def measure_running(settings, wanted, upstream, tuned, stock, gateway, say) -> dict:
    """The scenarios over proxies that run all the time."""
    found = {}
    for body, connections in (("1k", 64), ("66k", 32)):
        if body in wanted:
            say(body)
            compared = [upstream, stock, tuned, *gateway]
            found[body] = scenarios.requests(settings, compared, upstream, body, connections, say)
    if "latency" in wanted:
        say("latency")
        # With a proxy the client always talks to another core; without one it must too, or what is called added would
        # be the price of waking a core.
        apart = proxies.Upstream(settings.binaries, settings.folder, settings.proxy_core)
        try:
            found["latency"] = scenarios.requests(settings, [apart, stock, *gateway], upstream, "1k", 1, say)
        finally:
            apart.stop()
    if "stream" in wanted:
        for count, gap_ms in settings.streams:
            say(f"{count} streams")
            compared = [upstream, stock, *gateway]
            found[f"stream-{count}"] = scenarios.streams(settings, compared, upstream, count, gap_ms, say)
    return found


def measure(given: argparse.Namespace, settings: scenarios.Settings, say) -> dict:
    wanted = given.only or SCENARIOS
    cores = (settings.proxy_core, settings.load_core)
    results = {"machine": machine_facts(), "quick": given.quick, "scenarios": {}, "dropped_log_lines": None}
    steal, total = process.steal_and_total()
    with contextlib.ExitStack() as stack:

        def running(proxy):
            stack.callback(proxy.stop)
            return proxy

        def nginx(name: str, malloc: dict[str, str]):
            return proxies.Nginx(name, settings.folder, settings.proxy_core, upstream.port, malloc)

        def gateway():
            return proxies.Gateway(given.bin, settings.folder, cores, upstream.port)

        upstream = running(proxies.Upstream(given.bin, settings.folder, settings.load_core))
        if set(wanted) - {"memory"}:
            with contextlib.ExitStack() as inner:
                stock, tuned = nginx("nginx", {}), nginx("nginx-tuned", proxies.TUNED_MALLOC)
                inner.callback(stock.stop)
                inner.callback(tuned.stop)
                ours = [] if given.without_gateway else [gateway()]
                for proxy in ours:
                    inner.callback(proxy.stop)
                results["scenarios"] |= measure_running(settings, wanted, upstream, tuned, stock, ours, say)
                for proxy in ours:
                    results["dropped_log_lines"] = proxy.dropped_log_lines()
        if "memory" in wanted:
            say("memory")
            starters = {"nginx": lambda: nginx("nginx", {})}
            if not given.without_gateway:
                starters["gateway"] = gateway
            results["scenarios"]["memory"] = scenarios.memory(settings, starters, say)
    steal_after, total_after = process.steal_and_total()
    results["machine"]["steal"] = f"{(steal_after - steal) * 100 / max(1, total_after - total):.1f} %"
    results["targets"] = report.targets(results["scenarios"])
    return results


def main() -> int:
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything started is stopped
    process.raise_descriptor_limit()

    def say(text: str) -> None:
        print(f"bench: {text}", file=sys.stderr, flush=True)

    folder = pathlib.Path(tempfile.mkdtemp(prefix="maestro-bench-"))
    keeps_folder = False
    try:
        results = measure(given, settings_from(given, folder), say)
    except BenchFailure as failure:
        keeps_folder = True
        say(f"{failure}\nThe logs of this run are in {folder}")
        return 1
    finally:
        if not keeps_folder:
            shutil.rmtree(folder, ignore_errors=True)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(report.render(results, given.markdown))
    say(f"raw rounds in {given.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
