#!/usr/bin/env python3
"""Runs the tests in groups, prints every failure, and ends with "N passed, N failed, N skipped".

usage: tests/run.py [GROUP …] [--list] [-k NAME]      without groups: all but the long ones

-k runs only the Python or C tests of the groups whose name holds NAME, e.g. `tests/run.py api-postgres -k test_login`.
"""
import json
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.chdir(ROOT)
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"halt_on_error=0:exitcode=66:second_deadlock_stack=1:suppressions={ROOT}/tests/tsan.supp",
}


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def add(self, passed, failed, skipped, names=()):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        self.failures += names


def run(command, **extra):
    return subprocess.run(command, stdin=subprocess.DEVNULL, **extra)


def meson_build(directory, options, env=None):
    """Configures (once) and compiles a build directory; True when that worked."""
    environ = dict(os.environ, **(env or {}))
    if not os.path.exists(f"{directory}/build.ninja"):
        setup = run(["meson", "setup", directory] + options, env=environ, text=True, capture_output=True)
        if setup.returncode:
            print(setup.stdout[-6000:], setup.stderr[-3000:])
            return False
    build = run(["ninja", "-C", directory, "--quiet"], env=environ, text=True, capture_output=True)
    if build.returncode:
        print(build.stdout[-12000:], build.stderr[-3000:])
    return build.returncode == 0


def meson_tests(tally, label, directory, arguments, env=None):
    if ONLY:
        listed = run(["meson", "test", "-C", directory, "--no-rebuild", "--list"], text=True, capture_output=True).stdout
        arguments = arguments + [line.rpartition(" / ")[2] for line in listed.splitlines() if " / " in line and ONLY in line]
    environ = dict(os.environ, **(env or {}))
    log = f"{directory}/meson-logs/testlog.json"
    if os.path.exists(log):
        os.unlink(log)
    result = run(["meson", "test", "-C", directory, "--no-rebuild", "--print-errorlogs"] + arguments, env=environ,
                 text=True, capture_output=True)
    counts = {"pass": 0, "fail": 0, "skip": 0}
    names = []
    if os.path.exists(log):
        for line in open(log, encoding="utf-8"):
            entry = json.loads(line)
            kind = {"OK": "pass", "EXPECTEDFAIL": "pass", "SKIP": "skip"}.get(entry["result"], "fail")
            counts[kind] += 1
            if kind == "fail":
                names.append(f"{label}: {entry['name']} ({entry['result']})")
    if not sum(counts.values()):
        counts["fail"] += 1
        names.append(f"{label}: no test ran")
    if counts["fail"]:
        print(result.stdout[-20000:], result.stderr[-2000:])
    tally.add(counts["pass"], counts["fail"], counts["skip"], names)


def built(tally, label, directory, options, env=None):
    if meson_build(directory, options, env):
        return True
    tally.add(0, 1, 0, [f"{label}: did not build"])
    return False


def python_tests(tally, label, directory, pattern="test_*.py", env=None, only=None):
    """unittest below `directory`; counted from its own closing lines, its output is passed on."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-W", "ignore::ResourceWarning", "-m", "unittest", "discover", "-v", "-s", directory, "-t", directory, "-p", pattern, *(["-k", only or ONLY] if only or ONLY else [])],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        env=dict(os.environ, PYTHONPATH=f"{ROOT}/tests/lib", PYTHONDONTWRITEBYTECODE="1", **(env or {})))
    output = []
    for line in process.stdout:
        output.append(line)
        sys.stdout.write("  " + line)
        sys.stdout.flush()
    process.wait()
    text = "".join(output)
    ran = re.search(r"^Ran (\d+) tests?", text, re.M)
    count = int(ran.group(1)) if ran else 0
    closing = text[ran.end():] if ran else ""
    number = lambda word: int((re.search(word + r"=(\d+)", closing) or [0, 0])[1])
    failed = number("failures") + number("errors")
    skipped = number("skipped")
    names = re.findall(r"^(?:FAIL|ERROR): (.*)$", text, re.M)
    if not count or (process.returncode and not failed):
        failed += 1
        names.append("the test process itself failed")
    tally.add(max(0, count - failed - skipped), failed, skipped, [f"{label}: {name}" for name in names])


def npm_installed(tally, directory):
    """The packages of a directory are there and as its lock file says."""
    stamp = f"{directory}/node_modules/.package-lock.json"
    if os.path.exists(stamp) and os.path.getmtime(stamp) >= os.path.getmtime(f"{directory}/package-lock.json"):
        return True
    if run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], cwd=directory).returncode:
        tally.add(0, 1, 0, [f"npm install failed in {directory}"])
        return False
    os.utime(stamp)
    return True


def openapi_lint(tally):
    """api/openapi.yaml by the standard, with tests/openapi/redocly.yaml."""
    if not npm_installed(tally, "tests/openapi"):
        return
    environ = dict(os.environ, REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true")
    result = run(["npx", "--no-install", "redocly", "lint", "--config", "redocly.yaml", "../../api/openapi.yaml"],
                 cwd="tests/openapi", text=True, capture_output=True, env=environ)
    if result.returncode:
        print(result.stdout[-8000:], result.stderr[-4000:])
    print(f"  api/openapi.yaml by redocly lint: {'FAILED' if result.returncode else 'ok'}", flush=True)
    tally.add(int(not result.returncode), int(bool(result.returncode)), 0, ["lint: api/openapi.yaml"] if result.returncode else [])


def group_lint(tally):
    python_tests(tally, "lint", "tests/lint")
    openapi_lint(tally)


def group_unit(tally):
    if built(tally, "unit", "build", []):
        meson_tests(tally, "unit", "build", ["--no-suite", "sandbox", "--no-suite", "display"])


def group_clang(tally):
    """clang sees other mistakes than gcc: the whole tree has to compile with it."""
    if built(tally, "clang", "build-clang", [], {"CC": "clang"}):
        tally.add(1, 0, 0)


# The domain's tests once more on PostgreSQL: the same C code but for db/postgres*.c, whose own tests stay.
WITHOUT_TWINS = ["--no-suite", "postgres"]


def group_asan(tally):
    options = ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dui=disabled"]
    if built(tally, "asan", "build-asan", options):
        meson_tests(tally, "asan", "build-asan", [*WITHOUT_TWINS, "--timeout-multiplier", "5"], SANITIZER_ENV)


def group_tsan(tally):
    options = ["-Db_sanitize=thread", "-Db_lundef=false", "-Dui=disabled"]
    if built(tally, "tsan", "build-tsan", options):
        # Sandboxes and displays are processes of their own: the address sanitizer's run covers them.
        meson_tests(tally, "tsan", "build-tsan",
                    [*WITHOUT_TWINS, "--no-suite", "sandbox", "--no-suite", "display", "--timeout-multiplier", "8"],
                    SANITIZER_ENV)


def group_sandbox(tally):
    if built(tally, "sandbox", "build", []):
        meson_tests(tally, "sandbox", "build", ["--suite", "sandbox", "--suite", "display", "--num-processes", "1"])


def group_ui(tally):
    for label, command in (("lint", ["npm", "run", "--silent", "lint"]),):
        result = run(command, cwd="ui", text=True, capture_output=True)
        if result.returncode:
            print(result.stdout[-8000:], result.stderr[-4000:])
        tally.add(int(not result.returncode), int(bool(result.returncode)), 0,
                  [f"ui: {label}"] if result.returncode else [])
    report = os.path.join(ROOT, "build", "ui-tests.json")
    if os.path.exists(report):
        os.unlink(report)
    result = run(["npx", "--no-install", "vitest", "run", "--reporter=json", f"--outputFile={report}"], cwd="ui",
                 text=True, capture_output=True)
    try:
        outcome = json.load(open(report, encoding="utf-8"))
    except (OSError, ValueError):
        print(result.stdout[-8000:], result.stderr[-4000:])
        tally.add(0, 1, 0, ["ui: vitest did not report"])
        return
    if outcome["numFailedTests"] or outcome["numFailedTestSuites"]:
        print(result.stdout[-12000:], result.stderr[-4000:], json.dumps(outcome)[-8000:])
    names = [f"ui: {test['fullName']}" for suite in outcome["testResults"] for test in suite["assertionResults"]
             if test["status"] == "failed"]
    failed = max(outcome["numFailedTests"], int(outcome["numFailedTestSuites"] > 0))
    tally.add(outcome["numPassedTests"], failed, outcome["numPendingTests"], names or ["ui: a suite failed"] * failed)


def group_api(tally):
    python_tests(tally, "api", "tests/api", env={"STREAMSPACE_TEST_ENGINE": "sqlite"})


def group_api_postgres(tally):
    """The same once more, with every server's data in a PostgreSQL that is started for them."""
    python_tests(tally, "api-postgres", "tests/api", env={"STREAMSPACE_TEST_ENGINE": "postgres"})


def group_fault(tally):
    """What the server stands on fails under load."""
    python_tests(tally, "fault", "tests/fault")


def group_e2e(tally):
    """A real browser: node's own test runner, counted from its closing lines."""
    if not all(npm_installed(tally, directory) for directory in ("tests/e2e", "tests/oidc")):
        return
    files = sorted(name for name in os.listdir("tests/e2e") if name.endswith(".test.mjs"))
    for name in files:
        result = run(["node", "--test", name], cwd="tests/e2e", text=True, capture_output=True)
        figures = dict(re.findall(r"^. (tests|pass|fail|skipped) (\d+)$", result.stdout, re.M))
        passed, failed, skipped = (int(figures.get(key, 0)) for key in ("pass", "fail", "skipped"))
        if result.returncode and not failed or not figures.get("tests"):
            failed += 1
        if failed:
            print(result.stdout[-20000:], result.stderr[-6000:])
        print(f"  {name}: {passed} passed, {failed} failed", flush=True)
        tally.add(passed, failed, skipped, [f"e2e: {name}"] * failed)


def group_scenarios(tally):
    python_tests(tally, "scenarios", "tests/scenarios")


def group_soak(tally):
    """The long forms of runs that the other groups hold in short."""
    os.environ["STREAMSPACE_TEST_LONG"] = "1"
    python_tests(tally, "soak", "tests/scenarios", "test_soak*.py")
    python_tests(tally, "soak", "tests/scenarios", only="test_1_1")  # with a hold of five minutes


GROUPS = {
    "lint": group_lint, "unit": group_unit, "clang": group_clang, "ui": group_ui, "asan": group_asan,
    "tsan": group_tsan, "sandbox": group_sandbox, "api": group_api, "api-postgres": group_api_postgres, "fault": group_fault,
    "e2e": group_e2e,
    "scenarios": group_scenarios, "soak": group_soak,
}
LONG = {"soak"}
ONLY = None


def main():
    global ONLY
    arguments = sys.argv[1:]
    if "-k" in arguments:
        at = arguments.index("-k")
        ONLY = "".join(arguments[at + 1:at + 2]) or None
        del arguments[at:at + 2]
    names = [argument for argument in arguments if not argument.startswith("-")]
    if "--list" in sys.argv:
        print("\n".join(GROUPS))
        return 0
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        print(f"unknown group {unknown[0]}; there are: {' '.join(GROUPS)}", file=sys.stderr)
        return 2
    tally = Tally()
    for name in names or [name for name in GROUPS if name not in LONG]:
        before = (tally.passed, tally.failed, tally.skipped)
        started = time.monotonic()
        print(f"== {name}", flush=True)
        GROUPS[name](tally)
        print(f"== {name}: {tally.passed - before[0]} passed, {tally.failed - before[1]} failed, "
              f"{tally.skipped - before[2]} skipped in {time.monotonic() - started:.0f} s", flush=True)
    for failure in tally.failures:
        print("FAILED", failure)
    print(f"{tally.passed} passed, {tally.failed} failed" + (f", {tally.skipped} skipped" if tally.skipped else ""))
    return 1 if tally.failed or not tally.passed else 0


sys.exit(main())
