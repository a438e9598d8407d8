"""What is measured. Each function runs interleaved rounds over the proxies and returns the raw rounds by proxy name."""

import contextlib
import dataclasses
import json
import pathlib
import subprocess
import time

import process
from process import BenchFailure

MEMORY_SETTLE_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Settings:
    binaries: pathlib.Path
    folder: pathlib.Path
    bodies: dict[str, pathlib.Path]
    load_core: int
    proxy_core: int
    rounds: int
    seconds: float
    stream_rounds: int
    memory_rounds: int
    chunks: int
    streams: tuple[tuple[int, int], ...]  # how many at once, gap in ms
    memory_streams: int
    idle_connections: int


@contextlib.contextmanager
def load(settings: Settings, proxy, mode: str, body: str, **options):
    """The load generator, running; reading its lines is the caller's."""
    port = proxy.stream_port if mode == "streams" else proxy.port
    command = [settings.binaries / "bench-load", mode, "--port", port, "--body", settings.bodies[body]]
    if proxy.key:
        command += ["--key", proxy.key]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", value]
    log = settings.folder / "load.log"
    running = process.start(command, settings.load_core, log, stdout=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        process.stop(running)


def last_line(settings: Settings, running: subprocess.Popen, proxy) -> dict:
    lines = running.stdout.read().splitlines()
    if running.wait() != 0 or not lines:
        log = (settings.folder / "load.log").read_text(errors="replace").splitlines()[-5:]
        raise BenchFailure(f"bench-load against {proxy.name} failed: " + " ".join(log))
    return json.loads(lines[-1])


def run(settings: Settings, proxy, mode: str, body: str, **options) -> dict:
    with load(settings, proxy, mode, body, **options) as running:
        return last_line(settings, running, proxy)


def measured(settings: Settings, proxy, upstream, unit: str, mode: str, body: str, **options) -> dict:
    """One run with the CPU time of every process by `unit` (the count that the load generator reports)."""
    if proxy is not upstream:
        process.pin(proxy.pid, settings.proxy_core)
    watched = {"proxy": proxy.pid, "upstream": upstream.pid, **proxy.others()}
    before = {name: process.cpu_ns(pid) for name, pid in watched.items()}
    report = run(settings, proxy, mode, body, **options)
    for name, pid in watched.items():
        if not process.lives(pid):
            raise BenchFailure(f"{name} of {proxy.name} died during a run; its log has the reason")
    count = report[unit]
    if count == 0:
        raise BenchFailure(f"{proxy.name} answered nothing: {json.dumps(report)}")
    cpu = {name: (process.cpu_ns(pid) - before[name]) / 1000 / count for name, pid in watched.items()}
    report["cpu_us"] = cpu
    report["proxy_utilisation"] = cpu["proxy"] * count / 1e6 / report["seconds"]
    return report


def interleaved(proxies, rounds: int, measure, say) -> dict[str, list[dict]]:
    results = {proxy.name: [] for proxy in proxies}
    for number in range(rounds):
        for proxy in proxies:
            results[proxy.name].append(measure(proxy))
        say(f"round {number + 1} of {rounds}")
    return results


def requests(settings: Settings, proxies, upstream, body: str, connections: int, say) -> dict[str, list[dict]]:
    for proxy in proxies:
        run(settings, proxy, "requests", body, connections=connections, seconds=0.5)  # warms pools and heaps

    def measure(proxy):
        options = {"connections": connections, "seconds": settings.seconds}
        return measured(settings, proxy, upstream, "replies", "requests", body, **options)

    return interleaved(proxies, settings.rounds, measure, say)


def streams(settings: Settings, proxies, upstream, count: int, gap_ms: int, say) -> dict[str, list[dict]]:
    def measure(proxy):
        options = {"connections": count, "chunks": settings.chunks, "gap_ms": gap_ms, "ramp_ms": max(500, count // 2)}
        return measured(settings, proxy, upstream, "events", "streams", "stream", **options)

    for proxy in proxies:
        run(settings, proxy, "streams", "stream", connections=20, chunks=5, gap_ms=10, ramp_ms=10)
    once = {proxy.name: [measure(proxy)] for proxy in proxies if proxy is upstream}  # nothing is compared with it
    others = [proxy for proxy in proxies if proxy is not upstream]
    return once | interleaved(others, settings.stream_rounds, measure, say)


def memory_while_open(settings: Settings, proxy, before: dict, mode: str, body: str, count: int, **options) -> dict:
    with load(settings, proxy, mode, body, connections=count, **options) as running:
        line = running.stdout.readline()
        opened = json.loads(line).get("open", 0) if line else 0
        if opened != count:
            raise BenchFailure(f"only {opened} of {count} connections to {proxy.name} opened ({line.strip()})")
        time.sleep(MEMORY_SETTLE_SECONDS)
        during = process.memory_kib(proxy.pid)
        report = last_line(settings, running, proxy)
    return {
        "count": count,
        "before_kib": before,
        "during_kib": during,
        "kib_each": (during["rss"] - before["rss"]) / count,
        "load": report,
    }


def memory(settings: Settings, starters: dict, say) -> dict[str, list[dict]]:
    """Each figure comes from a process of its own, because heaps do not shrink."""
    results = {name: [] for name in starters}
    for number in range(settings.memory_rounds):
        for name, starter in starters.items():
            round_ = {}
            with contextlib.closing(Stoppable(starter())) as holder:
                proxy = holder.proxy
                time.sleep(MEMORY_SETTLE_SECONDS)
                processes = {"proxy": proxy.pid, **proxy.others()}
                round_["idle_kib"] = {part: process.memory_kib(pid) for part, pid in processes.items()}
                before = warmed(settings, proxy)
                round_["stream"] = memory_while_open(
                    settings, proxy, before, "streams", "stream", settings.memory_streams,
                    chunks=8, gap_ms=1000, ramp_ms=3000,
                )  # fmt: skip
            with contextlib.closing(Stoppable(starter())) as holder:
                before = warmed(settings, holder.proxy)
                round_["idle_connection"] = memory_while_open(
                    settings, holder.proxy, before, "idle", "1k", settings.idle_connections,
                    seconds=MEMORY_SETTLE_SECONDS + 1,
                )  # fmt: skip
            results[name].append(round_)
        say(f"round {number + 1} of {settings.memory_rounds}")
    return results


class Stoppable:
    def __init__(self, proxy):
        self.proxy = proxy

    def close(self) -> None:
        self.proxy.stop()


def warmed(settings: Settings, proxy) -> dict[str, int]:
    """Memory after the first few requests, so that what is made once does not count as a connection's."""
    run(settings, proxy, "streams", "stream", connections=10, chunks=2, gap_ms=10, ramp_ms=10)
    run(settings, proxy, "requests", "1k", connections=1, requests=10, seconds=1)
    return process.memory_kib(proxy.pid)
