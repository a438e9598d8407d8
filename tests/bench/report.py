"""Tables and the lines that hold a result against its design target. Missing one is said, never an error."""

import statistics

BASELINE = "nginx"
TARGETS = {
    "1k": ("1 KB requests per CPU-second, x nginx", 1.1),
    "66k": ("66 KB requests per CPU-second, x nginx (stock malloc)", 1.5),
    "stream": ("chunks per CPU-second at {} streams, x nginx", 1.0),
    "latency": ("added p99 at one connection, us", 100),
    "stream_memory": ("memory of an open stream, KiB", 24),
    "idle_memory": ("gateway + auth + registry when idle, MB together (PSS)", 60),
}


def cpu(rounds: list[dict], part: str = "proxy") -> list[float]:
    return [round_["cpu_us"][part] for round_ in rounds]


def ratios(scenario: dict[str, list[dict]], name: str, baseline: str = BASELINE) -> dict[str, float] | None:
    """Above 1: cheaper than the baseline. By the best rounds, and by the median of the rounds as pairs."""
    if name not in scenario or baseline not in scenario:
        return None
    ours, theirs = cpu(scenario[name]), cpu(scenario[baseline])
    return {
        "by_minimum": min(theirs) / min(ours),
        "paired_median": statistics.median(their / our for our, their in zip(ours, theirs)),
    }


def latency(rounds: list[dict], quantile: str) -> list[float]:
    return [round_["latency_us"][quantile] for round_ in rounds]


def added_latency(scenario: dict[str, list[dict]], name: str, quantile: str) -> float:
    pairs = zip(latency(scenario[name], quantile), latency(scenario["direct"], quantile))
    return statistics.median(with_proxy - without for with_proxy, without in pairs)


def failures(rounds: list[dict]) -> int:
    return sum(round_.get("errors", 0) + round_.get("non_2xx", 0) + round_.get("failed", 0) for round_ in rounds)


def number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def cost_table(scenario: dict[str, list[dict]], unit: str, count: str) -> tuple[list[str], list[list[str]]]:
    """CPU of a request or a chunk, the ratio to nginx, and what the rest of the house spent meanwhile."""
    heads = ["proxy", f"CPU us/{unit} min", "median", "x nginx min", "x nginx paired", f"{unit}s/CPU-s", f"{unit}s/s"]
    heads += ["p50 us", "p99 us", "use of core", "auth+registry us", "supervisor us", "failed"]
    rows = []
    for name, rounds in scenario.items():
        direct = name == "direct"
        cost = cpu(rounds)
        ratio = None if direct else ratios(scenario, name)
        parts = rounds[0]["cpu_us"]
        rest = [sum(r["cpu_us"].get(part, 0) for part in ("auth", "registry")) for r in rounds]
        rows.append(
            [
                name,
                "-" if direct else number(min(cost)),
                "-" if direct else number(statistics.median(cost)),
                number(ratio and ratio["by_minimum"]),
                number(ratio and ratio["paired_median"]),
                "-" if direct else number(1e6 / min(cost), 0),
                number(statistics.median(r[count] / r["seconds"] for r in rounds), 0),
                number(statistics.median(latency(rounds, "p50")), 0),
                number(statistics.median(latency(rounds, "p99")), 0),
                "-" if direct else number(statistics.median(r["proxy_utilisation"] for r in rounds)),
                number(statistics.median(rest)) if "auth" in parts else "-",
                number(statistics.median(cpu(rounds, "supervisor"))) if "supervisor" in parts else "-",
                str(failures(rounds)),
            ]
        )
    return heads, rows


def latency_table(scenario: dict[str, list[dict]]) -> tuple[list[str], list[list[str]]]:
    heads = ["proxy", "p50 us", "p99 us", "p999 us", "added p50 us", "added p99 us", "failed"]
    rows = []
    for name, rounds in scenario.items():
        added = ["-", "-"]
        if name != "direct":
            added = [number(added_latency(scenario, name, quantile), 1) for quantile in ("p50", "p99")]
        rows.append(
            [name, *(number(statistics.median(latency(rounds, q)), 1) for q in ("p50", "p99", "p999")), *added]
            + [str(failures(rounds))]
        )
    return heads, rows


def held(rounds: list[dict], what: str) -> float:
    return statistics.median(round_[what]["kib_each"] for round_ in rounds)


def connection_memory_table(scenario: dict[str, list[dict]]) -> tuple[list[str], list[list[str]]]:
    first = next(iter(scenario.values()))[0]
    heads = ["proxy", f"KiB a stream ({first['stream']['count']} open)"]
    heads += [f"KiB an idle connection ({first['idle_connection']['count']} open)", "failed"]
    rows = [
        [name, number(held(rounds, "stream")), number(held(rounds, "idle_connection"))]
        + [str(failures([r[what]["load"] for r in rounds for what in ("stream", "idle_connection")]))]
        for name, rounds in scenario.items()
    ]
    return heads, rows


def idle_mb(rounds: list[dict], part: str, kind: str) -> float | None:
    sizes = [round_["idle_kib"][part][kind] for round_ in rounds]
    return None if None in sizes else statistics.median(sizes) * 1024 / 1e6


def idle_memory_table(scenario: dict[str, list[dict]]) -> tuple[list[str], list[list[str]]]:
    rows = []
    for name, rounds in scenario.items():
        for part in rounds[0]["idle_kib"]:
            label = name if part == "proxy" else part
            rows.append([label] + [number(idle_mb(rounds, part, kind), 1) for kind in ("rss", "pss")])
    return ["idle process", "RSS MB", "PSS MB"], rows


def targets(scenarios: dict[str, dict]) -> list[dict]:
    lines = []

    def hold(target: str, value: float | None, *, most: bool, detail: str = "") -> None:
        text, bound = TARGETS[target]
        reached = None if value is None else (value <= bound if most else value >= bound)
        lines.append({"target": text.format(detail), "bound": bound, "most": most, "value": value, "reached": reached})

    def ratio(name: str) -> float | None:
        found = ratios(scenarios.get(name, {}), "gateway")
        return found and found["by_minimum"]

    hold("1k", ratio("1k"), most=False)
    hold("66k", ratio("66k"), most=False)
    for name in [name for name in scenarios if name.startswith("stream-")] or ["stream-"]:
        hold("stream", ratio(name), most=False, detail=name.removeprefix("stream-") or "many")
    measured = scenarios.get("latency", {})
    hold("latency", added_latency(measured, "gateway", "p99") if "gateway" in measured else None, most=True)
    rounds = scenarios.get("memory", {}).get("gateway")
    hold("stream_memory", rounds and held(rounds, "stream"), most=True)
    parts = ("proxy", "auth", "registry")
    # The three share their libraries: PSS counts a shared page once.
    idle = rounds and sum(idle_mb(rounds, part, "pss") for part in parts if part in rounds[0]["idle_kib"])
    hold("idle_memory", idle, most=True)
    return lines


def target_table(lines: list[dict]) -> tuple[list[str], list[list[str]]]:
    words = {None: "not measured", True: "reached", False: "not reached"}
    rows = [
        [
            line["target"],
            ("at most " if line["most"] else "at least ") + f"{line['bound']:g}",
            number(line["value"]),
            words[line["reached"]],
        ]
        for line in lines
    ]
    return ["design target", "bound", "measured", ""], rows


def draw(heads: list[str], rows: list[list[str]], markdown: bool) -> str:
    if markdown:
        lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
    widths = [max(len(row[at]) for row in [heads, *rows]) for at in range(len(heads))]
    lines = []
    for row in [heads, ["-" * width for width in widths], *rows]:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def render(results: dict, markdown: bool) -> str:
    scenarios = results["scenarios"]
    parts = []

    def section(title: str, table: tuple[list[str], list[list[str]]]) -> None:
        parts.append((f"### {title}\n\n" if markdown else f"{title}\n") + draw(*table, markdown))

    machine = results["machine"]
    facts = "{cpu}, {cores} cores, Linux {kernel}; {nginx}; {compiler}; revision {revision}; {date}; steal {steal}"
    parts.append(facts.format(**machine))
    for name, title in (("1k", "Requests of 1 KB, 64 connections"), ("66k", "Requests of 66 KB, 32 connections")):
        if name in scenarios:
            section(title, cost_table(scenarios[name], "request", "replies"))
    for name in scenarios:
        if name.startswith("stream-"):
            section(f"{name.removeprefix('stream-')} streams at once", cost_table(scenarios[name], "chunk", "events"))
    if "latency" in scenarios:
        section("Latency at one connection", latency_table(scenarios["latency"]))
    if "memory" in scenarios:
        section("Memory of what is open", connection_memory_table(scenarios["memory"]))
        section("Memory when idle", idle_memory_table(scenarios["memory"]))
    section("Design targets", target_table(results["targets"]))
    if results.get("dropped_log_lines") is not None:
        parts.append(f"Log lines dropped by the gateway in the whole run: {results['dropped_log_lines']}")
    return "\n\n".join(parts)
