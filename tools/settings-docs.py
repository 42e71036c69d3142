#!/usr/bin/env python3
"""Writes what the table of settings says into docs/settings.md and docs/man/streamspace.1, between their marks.

    tools/settings-docs.py build/streamspace            writes
    tools/settings-docs.py --check build/streamspace    1 and a word about it when they are out of step
"""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PARTS = (
    ("docs/settings.md", "markdown", "<!-- settings: made by tools/settings-docs.py -->\n", "<!-- settings end -->\n"),
    ("docs/man/streamspace.1", "man", '.\\" settings: made by tools/settings-docs.py\n', '.\\" settings end\n'),
)


def main():
    check = "--check" in sys.argv
    program = os.path.abspath(sys.argv[-1])
    stale = []
    for name, form, begin, end in PARTS:
        path = os.path.join(ROOT, name)
        made = subprocess.run([program, "server", f"--help={form}"], check=True, capture_output=True, text=True).stdout
        with open(path, encoding="utf-8") as file:
            text = file.read()
        head, rest = text.split(begin, 1)
        _, tail = rest.split(end, 1)
        fresh = head + begin + made + end + tail
        if fresh == text:
            continue
        if check:
            stale.append(name)
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(fresh)
    if stale:
        print(f"{' and '.join(stale)}: not what the table of settings says; run tools/settings-docs.py build/streamspace")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
