"""The three services as three programs, without a supervisor: as containers run them. Each may be killed for good."""

import os
import pathlib
import signal

from house import Directories, House, Process, SERVER_KEY, binary, clean_environment, wait_until


def listening_port(pid: int) -> int:
    """The TCP port that a process listens on, or 0."""
    inodes = set()
    try:
        for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(entry)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        return 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            return int(fields[1].rsplit(":", 1)[1], 16)
    return 0


class Apart(House):
    """Talks like a House. `processes` has the running ones by name: auth, registry, gateway."""

    def __init__(self, providers=None, key=SERVER_KEY, environment=None, credentials=None):
        super().__init__(providers, key, environment, (), credentials)
        self.processes = {}
        self.ended = []

    @property
    def unix(self) -> dict:
        return {name: f"unix:{self.directories.runtime}/{name}.sock" for name in ("auth", "registry")}

    def start(self, ready=True):
        self.start_one("auth", "--listen", self.unix["auth"])
        self.start_one("registry", "--listen", self.unix["registry"], "--auth", self.unix["auth"])
        self.start_gateway(ready)
        return self

    def start_one(self, name: str, *arguments):
        places = ["--data-dir", str(self.directories.data)]
        if name != "gateway":
            places += ["--config-dir", str(self.directories.config)]
        self.processes[name] = Process([binary(f"maestro-{name}"), *arguments, *places], self.environment,
                                       str(self.directories.root))

    def start_gateway(self, ready=True):
        self.start_one("gateway", "--host", "127.0.0.1", "--port", "0", "--auth", self.unix["auth"], "--registry",
                       self.unix["registry"])
        gateway = self.processes["gateway"]
        try:
            self.port = wait_until(lambda: listening_port(gateway.pid) or (not gateway.running and -1), "the gateway listens")
            if ready:
                self.wait_ready()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log[-6000:]}") from None

    def kill(self, name: str, number=signal.SIGKILL):
        process = self.processes.pop(name)
        process.signal(number)
        process.wait()
        self.ended.append(process)

    def stop(self) -> int:
        codes = [self.processes[name].stop() for name in ("gateway", "registry", "auth") if name in self.processes]
        return max(codes, default=0)

    def children(self) -> dict:
        return {f"maestro-{name}": process.pid for name, process in self.processes.items()}

    @property
    def log(self) -> str:
        return "".join(p.output for p in [*self.ended, *self.processes.values()])
