"""Keeps the arrows between the rooms and the bans of the style. Runs its own cases first.

Usage: tidy.py ROOT

A finding is one line: where, which rule, what to use instead. The lists below say who may do what nobody else may, and
why; a pattern is matched against the path from the root.
"""

import fnmatch
import pathlib
import re
import sys

# ---- who may, and why -----------------------------------------------------------------------------------------------

# Tests and measurements may wait, print and run threads of their own.
TESTS = ("tests/*", "*_bench.cpp", "*_test.cpp", "*_test_*.h", "*_test_*.cpp", "*_fuzz.cpp")

THREADS = {  # std::thread, std::mutex and their kin
    "libs/log/*": "one thread a process writes the lines out",
    "libs/rpc/*": "gRPC calls back on threads of its own, and its servers run beside the loop",
    "services/gateway/worker.*": "a worker is a thread",
    "services/gateway/main.cpp": "starts and joins the workers",
    "services/gateway/control/*": "may block, so it has a thread",
}
CATCHES = {  # borders where an exception becomes a value or an end
    "cli/app.cpp": "CLI11 reports usage errors by exceptions",
    "cli/journal.cpp": "spdlog reports a log file that cannot be opened by an exception",
    "*/main.cpp": "the last border: exit code",
    "services/*/app.cpp": "the last border: exit code",
    "services/*/settings.cpp": "CLI11 reports usage errors by exceptions",
    "services/*/options.cpp": "CLI11 reports usage errors by exceptions",
    "services/auth/json_document.cpp": "nlohmann tells the place of a syntax error by exceptions only",
    "libs/net/listener.cpp": "says which exception escaped a session",
    "services/gateway/session.cpp": "serve_guarded: nothing escapes a request",
    "services/*/*_service.cpp": "a gRPC method: gRPC would swallow it",
    "libs/rpc/*": "gRPC swallows exceptions in silence",
    "libs/log/log.cpp": "logging never throws",
}
SPAWNS = {  # co_spawn
    "libs/net/listener.cpp": "a session for each connection",
    "libs/rpc/*": "a call or a watch on the server's loop",
    "services/*/main.cpp": "starts what runs as long as the process",
    "services/*/app.cpp": "starts what runs as long as the process",
    "services/gateway/worker.cpp": "starts the acceptor of its loop",
    "services/gateway/health_check.cpp": "one question on a loop of its own",
    "services/registry/auth_link.cpp": "watches that live as long as the link",
    "services/registry/model_lists.cpp": "a keeper for each provider, cancelled by its slot",
}
OPERATORS: dict[str, str] = {}  # nobody: a client that leaves is noticed by a watch (docs/adr/0004)
PRINTS = {
    "cli/*": "speaks to people",
    "services/*/main.cpp": "--help, --version and usage errors",
    "services/*/health_check.cpp": "answers the person or container that asks by --health",
}
GENERATED = {  # *.pb.h
    "libs/rpc/*": "speaks gRPC", "services/gateway/control/*": "reads the snapshots",
    "services/*_service.*": "is a gRPC service", "services/auth/*": "is a gRPC server",
    "services/registry/*": "is a gRPC server", "cli/*": "is a gRPC client",
}
TIMES = {"libs/base/limits.h": "every limit has its name here"}
PURE = {"json", "sse", "http", "chat", "dialect", "route", "tokens"}
PURE_HEADERS = re.compile(r"simdjson\.h|simdjson/.*|boost/json(\.hpp|/.*)|boost/system/result\.hpp")
PURE_STANDARD_BANNED = {"thread", "mutex", "future", "iostream", "condition_variable", "shared_mutex"}
NOT_OURS = ("tests/tidy/tidy.py",)  # this file names what it bans
LINES_MAX = 500
FUNCTION_LINES_MAX = 70

# ---- bans: rule, pattern in code without comments and strings, who may, what instead ---------------------------------

BANS = [
    ("thread", r"std::(jthread|thread(?!::hardware_conc)|(recursive_|shared_|timed_)?mutex|condition_variable\w*)\b",
     [*THREADS, *TESTS], "post a value to the loop that owns the object"),
    ("shared pointer", r"std::atomic<\s*std::shared_ptr", [], "post the snapshot to each worker"),
    ("strand", r"\b(make_strand|strand|thread_pool)\b", [], "one thread, one io_context"),
    ("detached", r"\bdetached\b", [], "a completion handler that reports what escaped"),
    ("ownership", r"\b(enable_)?shared_from_this\b", [], "one owner; give the object to the coroutine's frame"),
    ("sleep", r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|::sleep\(", [],
     "wait for a condition, or a timer of the loop"),
    ("print", r"std::(cout|cerr|clog)\b|\b(f?printf|puts|putchar)\s*\(", [*PRINTS, *TESTS], "log::info and its like"),
    ("spdlog", r"\bspdlog\b", ["cli/*"], "log/log.h"),
    ("httplib", r"\bhttplib\b", ["cli/*", *TESTS], "libs/net"),
    ("time", r"(?<![\w.'])\d[\d']*(\.\d+)?(ns|us|ms|s|min|h)\b", [*TIMES, *TESTS], "a name in base/limits.h"),
    ("time", r"\bchrono::(nanoseconds|microseconds|milliseconds|seconds|minutes|hours)[({]\s*[1-9][\d']*\s*[)}]",
     [*TIMES, *TESTS], "a name in base/limits.h"),
    ("catch", r"\bcatch\s*\(", [*CATCHES, *TESTS], "a Result; exceptions end at the borders"),
    ("spawn", r"\bco_spawn\b", [*SPAWNS, *TESTS], "co_await; or ask the listener or the app to own it"),
    ("operators", r"\bawaitable_operators\b", [*OPERATORS, *TESTS], "a Deadline, or ServerStream::watch_peer"),
    ("capture", r"\[\s*=\s*[,\]]", [], "name what is captured"),
    ("loop hint", r"\bBOOST_ASIO_CONCURRENCY_HINT_UNSAFE\b", [], "BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO"),
    ("name", r"\b(class|struct|enum class|concept)\s+\w*(Manager|Helper|Utils?|Impl|Data|Info)\b(?!\s*::)", [],
     "a noun that says what it is"),
]
INCLUDE_BANS = [
    ("generated", r".*\.pb\.h", [*GENERATED, *TESTS], "types of our own; convert in control/ or a service file"),
    ("beast", r"boost/beast.*", ["libs/net/*.cpp", *TESTS], "libs/net, where Beast stays inside the .cpp files"),
    ("spdlog", r"spdlog/.*", ["cli/*.cpp"], "log/log.h"),
    ("httplib", r"httplib\.h", ["cli/*.cpp", *TESTS], "libs/net"),
    ("operators", r".*awaitable_operators\.hpp", [*OPERATORS, *TESTS], "a Deadline"),
]
TEXT_BANS = [
    ("unfinished", r"\b(TODO|FIXME|XXX)\b", "an issue; the text says what is"),
    # maestro is the user of the image, u that of the tests.
    ("machine path", r"(?<![\w.~}])/((work|root|Users)/\w|home/(?!(maestro|u)\b)\w)", "a path from the root, or ~"),
]
DRAWERS = re.compile(r"^(utils?|helpers?|common|misc)(_.*)?$|_(utils?|helpers?|common|misc)$")

SOURCES = {".h", ".cpp"}
TEXTS = SOURCES | {".py", ".mjs", ".js", ".md", ".txt", ".cmake", ".json", ".proto", ".yaml", ".yml", ".sh", ""}
FOLDERS = ("cli", "cmake", "deploy", "docs", "libs", "proto", "scripts", "services", "tests", ".ci")


# Prose may end in a semicolon too; code has an assignment, a call or a keyword, and three spaces mark an example.
DEAD_CODE = re.compile(
    r"//\s{0,2}(?!\s)((return|break|continue|delete|using|throw|#include)\b.*;"
    r"|[\w:<>*&.,\[\] ]{0,60}(=|\w\(|->).*;|.*\)\s*\{)$")


def allowed(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


# ---- C++ text -------------------------------------------------------------------------------------------------------

TOKEN = re.compile(
    r'(?P<line>//[^\n]*)|(?P<block>/\*.*?\*/)|(?P<raw>R"(?P<delimiter>[^(\s]*)\(.*?\)(?P=delimiter)")'
    r'|(?P<text>"(?:\\.|[^"\\\n])*")|(?P<number>\b\d[\w.\']*)|(?P<char>\'(?:\\.|[^\'\\\n])+\')', re.DOTALL)


def split_code(source):
    """The code with comments and literals blanked, line by line as before, and the // comments with their lines."""
    comments = []

    def blank(match):
        if match["number"]:
            return match[0]
        if match["line"]:
            comments.append((source.count("\n", 0, match.start()) + 1, match[0]))
        quote = '""' if match["text"] or match["raw"] else ""
        return quote + "\n" * match[0].count("\n")

    includes = []
    for number, line in enumerate(source.splitlines(), 1):
        if found := re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line):
            includes.append((number, found[1], found[2]))
    code = re.sub(r"^[ \t]*#\s*include\b[^\n]*", "", TOKEN.sub(blank, source), flags=re.MULTILINE)
    return code, comments, includes


def long_functions(code):
    """Line and length of each function that is too long; nested ones belong to the outermost."""
    found, depth, inside, header_at, header = [], 0, None, 1, ""
    line = 1
    for character in code:
        if character == "\n":
            line += 1
        if character == "{":
            container = re.search(r"\b(namespace|class|struct|union|enum|extern)\b[^()]*$", header)
            if inside is None and not container and ")" in header and not header.lstrip().startswith("#"):
                inside = (depth, header_at)
            depth += 1
            header = ""
        elif character == "}":
            depth -= 1
            if inside and inside[0] == depth:
                length = line - inside[1] + 1
                if length > FUNCTION_LINES_MAX:
                    found.append((inside[1], length))
                inside = None
            header = ""
        elif character == ";" and inside is None and header.count("(") == header.count(")"):
            header = ""
        else:
            if not header.strip():
                header, header_at = "", line
            header += character
    return found


# ---- checks of one file ---------------------------------------------------------------------------------------------


def check_text(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        for rule, pattern, instead in TEXT_BANS:
            if re.search(pattern, line):
                yield number, rule, f"'{re.search(pattern, line)[0]}'. Use {instead}"
    lines = text.count("\n")
    if lines > LINES_MAX and pathlib.PurePath(path).suffix in SOURCES | {".py"}:
        yield 1, "length", f"{lines} lines; at most {LINES_MAX}. Split it by subject"


def check_source(path, text):
    code, comments, includes = split_code(text)
    for rule, pattern, who, instead in BANS:
        for match in re.finditer(pattern, code):
            if not allowed(path, who):
                yield code.count("\n", 0, match.start()) + 1, rule, f"'{match[0]}'. Use {instead}"
    for number, _, header in includes:
        for rule, pattern, who, instead in INCLUDE_BANS:
            if re.fullmatch(pattern, header) and not allowed(path, who):
                yield number, rule, f"<{header}>. Use {instead}"
    for number, comment in comments:
        if DEAD_CODE.match(comment):
            yield number, "dead code", f"'{comment}'. Remove it; an example is indented by three spaces"
    for number, length in long_functions(code):
        yield number, "function", f"{length} lines; at most {FUNCTION_LINES_MAX}. Split it"
    if path.endswith(".h"):
        if "#pragma once" not in text:
            yield 1, "header", "no '#pragma once'"
        if not text.startswith("//"):
            yield 1, "header", "begins without a comment that says what it is about"


def room_of(path, rooms):
    parts = pathlib.PurePath(path).parts
    if parts[0] in ("libs", "services") and len(parts) > 2:
        return parts[1]
    return "cli" if parts[0] == "cli" and "cli" in rooms else None


def check_arrows(path, text, rooms):
    own = room_of(path, rooms)
    if own not in rooms:
        return
    is_test = allowed(path, TESTS)
    for number, kind, header in split_code(text)[2]:
        room = header.split("/")[0]
        if kind == '"' and room in rooms and room != own:
            if rooms[room] >= rooms[own]:
                yield number, "arrow", f"{own} ({rooms[own]}) includes {room} ({rooms[room]}): arrows go down"
            elif own in PURE and room not in PURE | {"base"}:
                yield number, "pure wing", f"{own} includes {room}, which is not pure"
        if kind == "<" and own in PURE and not is_test:
            standard = re.fullmatch(r"[a-z_0-9]+", header) and header not in PURE_STANDARD_BANNED
            if not standard and not PURE_HEADERS.fullmatch(header):
                yield number, "pure wing", f"<{header}>. Use the standard library, simdjson, Boost.JSON or Result"
    if own in PURE and not is_test:
        code = split_code(text)[0]
        for match in re.finditer(r"_clock::now\b|\bClock::now\b", code):
            yield code.count("\n", 0, match.start()) + 1, "pure wing", f"'{match[0]}'. Take the time as an argument"


def check_name(path):
    for part in pathlib.PurePath(path).parts:
        if DRAWERS.search(part.split(".")[0]):
            yield 1, "drawer", f"'{part}'. A thing lives with the noun that it serves"


def check_file(path, text, rooms):
    yield from check_name(path)
    if path in NOT_OURS:
        return
    yield from check_text(path, text)
    if pathlib.PurePath(path).suffix in SOURCES:
        yield from check_source(path, text)
        yield from check_arrows(path, text, rooms)


# ---- the tree -------------------------------------------------------------------------------------------------------


def rooms_of(text):
    declared = re.findall(r"^\s*maestro_room\(\s*(\w+)\s+(?:FOLDER\s+\S+\s+)?LAYER\s+(\d+)", text, re.MULTILINE)
    return {name: int(layer) for name, layer in declared}


def files_of(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not {"node_modules", "__pycache__", "golden", "corpus"} & set(path.parts):
                yield path
    yield from sorted(path for path in root.iterdir() if path.is_file())


def check_tree(root):
    rooms = {}
    for path in root.glob("*/**/CMakeLists.txt"):
        if path.relative_to(root).parts[0] in FOLDERS:
            rooms |= rooms_of(path.read_text())
    findings = 0
    for path in files_of(root):
        if path.suffix not in TEXTS or path.name == "package-lock.json":
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        name = path.relative_to(root).as_posix()
        for number, rule, message in check_file(name, text, rooms):
            print(f"{name}:{number}: {rule}: {message}.")
            findings += 1
    return findings


# ---- its own cases: path, text, the rules that must speak ------------------------------------------------------------

ROOMS = {"base": 0, "log": 1, "json": 1, "chat": 1, "net": 2, "gateway": 4, "auth": 4, "cli": 5}
LONG = "int f(int a,\n      int b) {\n" + "  g();\n" * 70 + "}\n"
CASES = [
    ("libs/net/a.cpp", "std::mutex m;", ["thread"]),
    ("libs/net/a.cpp", "std::jthread t;", ["thread"]),
    ("libs/net/a_test.cpp", "std::mutex m;", []),
    ("libs/log/log.cpp", "std::thread t;", []),
    ("libs/net/a.cpp", "// std::mutex is not used here", []),
    ("libs/net/a.cpp", 'auto s = "std::mutex // x"; int n = 1\'000; char c = \'"\'; std::mutex m;', ["thread"]),
    ("libs/net/a.cpp", 'auto s = R"(std::mutex " )";', []),
    ("libs/net/a.cpp", "asio::co_spawn(e, f(), asio::detached);", ["detached", "spawn"]),
    ("libs/net/listener.cpp", "asio::co_spawn(e, f(), report);", []),
    ("libs/net/a.h", "// A.\n#pragma once\nclass A : std::enable_shared_from_this<A> {};", ["ownership"]),
    ("libs/net/a_test.cpp", "std::this_thread::sleep_for(x);", ["sleep"]),
    ("libs/net/a.cpp", "std::cout << 1;", ["print"]),
    ("libs/net/a.cpp", "printf(x); snprintf(a, b, c);", ["print"]),
    ("cli/a.cpp", "printf(x);", []),
    ("libs/net/a.cpp", "#include <spdlog/spdlog.h>\n", ["spdlog"]),
    ("libs/net/a.cpp", "#include <httplib.h>\n", ["httplib"]),
    ("tests/support/a.cpp", "#include <httplib.h>\n", []),
    ("libs/net/a.cpp", "wait(10s); wait(1.5h); int x10s = 0x10; f(0.5);", ["time", "time"]),
    ("libs/net/a.cpp", "std::chrono::seconds(5); std::chrono::seconds(n); std::chrono::seconds{0};", ["time"]),
    ("libs/base/limits.h", "// L.\n#pragma once\ninline constexpr auto a = 10s;", []),
    ("libs/net/a.cpp", "try { f(); } catch (const E& e) { }", ["catch"]),
    ("services/auth/main.cpp", "try { f(); } catch (const E& e) { }", []),
    ("libs/net/a.cpp", "auto f = [=] { };", ["capture"]),
    ("libs/net/a.cpp", "auto f = [&] { }; bool operator==(A, B); a[i] = b;", []),
    ("libs/net/a.cpp", "io_context c{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};", ["loop hint"]),
    ("libs/net/a.cpp", "io_context c{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};", []),
    ("libs/net/a.cpp", "class PoolManager {}; struct Info {};", ["name", "name"]),
    ("libs/net/a.cpp", "// x = f();\n", ["dead code"]),
    ("libs/net/a.cpp", "// return;\n// if (a) {\n// a->b();\n", ["dead code"] * 3),
    ("libs/net/a.cpp", "//   auto x = f();\n", []),
    ("libs/net/a.cpp", "// Refused (by the law): a list in it;\n// then in all.h;\n", []),
    ("libs/net/a.cpp", "auto n = std::thread::hardware_concurrency();", []),
    ("libs/net/a.cpp", "// It ends; then it does not.\n", []),
    ("libs/net/a.cpp", "// TO" + "DO: later\n", ["unfinished"]),
    ("scripts/a", "x=$(mktemp /tmp/a-XXXXXX)\n", []),
    ("README.md", "cd /home/alice/project\n", ["machine path"]),
    ("README.md", "~/.config, /home/maestro/x, https://a.b/home/x, $D/work/y\n", []),
    ("libs/net/a.cpp", LONG, ["function"]),
    ("libs/net/a.cpp", "namespace a {\n" + "int f(int a) {\n  g();\n}\n" * 60 + "}\n", []),
    ("libs/net/a.cpp", "struct A {\n" + "  int a = f(1);\n" * 80 + "};\n", []),
    ("libs/net/a.cpp", "int a;\n" * 501, ["length"]),
    ("libs/net/a.h", "#pragma once\n", ["header"]),
    ("libs/net/a.h", "// About.\nint a;\n", ["header"]),
    ("libs/net/string_utils.h", "// About.\n#pragma once\n", ["drawer"]),
    ("libs/common/a.cpp", "", ["drawer"]),
    ("libs/chat/commonly.cpp", "", []),
    ("libs/json/a.cpp", '#include "net/a.h"\n', ["arrow"]),
    ("libs/json/a.cpp", '#include "chat/a.h"\n', ["arrow"]),
    ("libs/net/a.cpp", '#include "chat/a.h"\n#include "net/b.h"\n#include "base/error.h"\n', []),
    ("services/gateway/a.cpp", '#include "auth/a.h"\n', ["arrow"]),
    ("cli/a.cpp", '#include "cli/b.h"\n#include "net/a.h"\n', []),
    ("libs/json/a.cpp", "#include <boost/asio.hpp>\n", ["pure wing"]),
    ("libs/json/a.cpp", "#include <vector>\n#include <simdjson.h>\n#include <boost/json/value.hpp>\n", []),
    ("libs/json/a.cpp", "#include <thread>\n", ["pure wing"]),
    ("libs/chat/a.cpp", "auto t = std::chrono::steady_clock::now();", ["pure wing"]),
    ("libs/net/a.cpp", "#include <boost/beast/http.hpp>\n", []),
    ("libs/net/a.h", "// A.\n#pragma once\n#include <boost/beast/http.hpp>\n", ["beast"]),
    ("libs/net/a.cpp", '#include "maestro/auth/v1/auth.pb.h"\n', ["generated"]),
    ("services/gateway/control/keys.cpp", '#include "maestro/auth/v1/auth.pb.h"\n', []),
]


def check_itself():
    wrong = 0
    for path, text, want in CASES:
        got = sorted(rule for _, rule, _ in check_file(path, text, ROOMS))
        if got != sorted(want):
            print(f"tidy.py itself: {path}: {text[:60]!r} gives {got}, should give {sorted(want)}")
            wrong += 1
    declared = rooms_of("maestro_room(json LAYER 1 DEPS base)\nmaestro_room(\n  net LAYER 2\n SOURCES a.cpp)")
    if declared != {"json": 1, "net": 2}:
        print(f"tidy.py itself: rooms_of gives {declared}")
        wrong += 1
    return wrong


if __name__ == "__main__":
    if check_itself():
        sys.exit(2)
    count = check_tree(pathlib.Path(sys.argv[1]).resolve())
    if count:
        print(f"{count} findings. The lists at the top of tests/tidy/tidy.py say who may do what, and why.")
    sys.exit(1 if count else 0)
