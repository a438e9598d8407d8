"""What the kernel says of a process: CPU time, memory, children; and where it may run."""

import contextlib
import os
import pathlib
import resource
import signal
import subprocess

STOP_SECONDS_MAX = 15


class BenchFailure(Exception):
    """A run that cannot be measured; the message says why and what to do."""


def cpu_ns(pid: int) -> int:
    """CPU time of all threads. schedstat counts nanoseconds; /proc/PID/stat only hundredths of a second."""
    total = 0
    for file in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended meanwhile
            total += int(file.read_text().split()[0])
    return total


def memory_kib(pid: int) -> dict[str, int | None]:
    """RSS, and PSS, which counts a page that several processes share only in part.

    A process that guards secrets shows its PSS to root alone: then it is None.
    """
    try:
        text, names = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), {"Rss": "rss", "Pss": "pss"}
    except PermissionError:
        text, names = pathlib.Path(f"/proc/{pid}/status").read_text(), {"VmRSS": "rss"}
    sizes: dict[str, int | None] = {"rss": None, "pss": None}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name in names:
            sizes[names[name]] = int(rest.split()[0])
    return sizes


def stat_fields(pid: int) -> list[str]:
    """Of /proc/PID/stat, after the name: state, parent, ..."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def children(pid: int) -> dict[str, int]:
    """Program name -> pid, of the direct children."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(stat_fields(int(folder.name))[1]) == pid:
                command = (folder / "cmdline").read_bytes().split(b"\0", 1)[0].decode(errors="replace")
                found[pathlib.Path(command).name] = int(folder.name)
    return found


def lives(pid: int) -> bool:
    try:
        return stat_fields(pid)[0] != "Z"
    except OSError:
        return False


def pin(pid: int, core: int) -> None:
    """All threads of the process; those it starts later inherit the core."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), {core})


def start(command: list, core: int, log: pathlib.Path, environment: dict | None = None, **more) -> subprocess.Popen:
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                [str(part) for part in command],
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
                stdin=subprocess.DEVNULL,
                stdout=more.pop("stdout", output),
                stderr=output,
                env=environment,
                **more,
            )
        except FileNotFoundError:
            raise BenchFailure(f"{command[0]} is missing: ./scripts/build makes it") from None


def stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()


def raise_descriptor_limit() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def steal_and_total() -> tuple[int, int]:
    """Ticks that the hypervisor gave to others, and all ticks: the size of the noise."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return fields[7], sum(fields)
