"""Holds the sources to the rules of docs/architecture.md: who may include whom, where SQL and HTTP may stand."""
import os
import re
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# A room and the rooms whose headers it may include (its own always).
MAY_INCLUDE = {
    "base": [],
    "json": ["base"],
    "db": ["base"],
    "http": ["base"],
    "ws": ["base"],
    "proto": ["base", "json"],
    "relay": ["base"],
    "control": ["base", "json", "db", "proto"],
    "auth": ["base", "json", "http"],
    "hub": ["base", "json", "db", "ws", "proto", "relay", "control"],
    "api": ["base", "json", "db", "http", "ws", "proto", "relay", "control", "auth", "hub"],
    "agent": ["base", "json", "proto", "http", "ws", "relay"],
    "display": ["base", "json", "http", "relay"],
    "cli": ["base", "json", "http"],
    "main": ["base", "json", "db", "http", "ws", "proto", "relay", "control", "hub", "api", "agent", "display", "cli"],
}
# The reasons for what differs from design: docs/decisions.
FILE_LINES_MAX = 800
SQL = re.compile(r'"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|WITH)\b')


def sources():
    """C files that git knows or would add: (path from the root, text)."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "src"], cwd=ROOT, check=True, text=True,
                           capture_output=True).stdout.split()
    for name in names:
        if name.endswith((".c", ".h")) and os.path.exists(os.path.join(ROOT, name)):
            yield name, open(os.path.join(ROOT, name), encoding="utf-8").read()


class Rooms(unittest.TestCase):
    def test_every_room_is_in_the_table(self):
        rooms = {name.split("/")[1] for name, _ in sources()}
        self.assertEqual(rooms - set(MAY_INCLUDE), set())

    def test_includes_go_one_way(self):
        wrong = []
        for name, text in sources():
            room = name.split("/")[1]
            for target in re.findall(r'^#include "([^"]+)"', text, re.M):
                other = target.split("/")[0]
                if other in MAY_INCLUDE and other != room and other not in MAY_INCLUDE[room]:
                    wrong.append(f"{name} includes {target}")
        self.assertEqual(wrong, [])

    def test_includes_are_written_from_the_source_root(self):
        wrong = [f"{name}: {target}" for name, text in sources()
                 for target in re.findall(r'^#include "([^"]+)"', text, re.M)
                 if target.startswith(".") or ("/" not in target and not target.startswith("config"))]
        self.assertEqual(wrong, [])

    def test_sql_stands_in_stores_only(self):
        wrong = [f"{name}:{number}" for name, text in sources()
                 if not name.endswith("_store.c") and not name.startswith("src/db/")
                 for number, line in enumerate(text.split("\n"), 1) if SQL.search(line)]
        self.assertEqual(wrong, [])

    def test_http_server_types_stand_in_api_only(self):
        allowed = ("src/http/", "src/api/", "src/display/", "src/main/")
        wrong = [name for name, text in sources() if '"http/server.h"' in text and not name.startswith(allowed)]
        self.assertEqual(wrong, [])

    def test_the_relay_knows_no_users_and_sessions(self):
        wrong = [f"{name}: {word}" for name, text in sources() if name.startswith("src/relay/")
                 for word in ("session_id", "username", "user_id") if word in text]
        self.assertEqual(wrong, [])

    def test_no_file_becomes_an_attic(self):
        wrong = [f"{name}: {text.count(chr(10))} lines" for name, text in sources()
                 if text.count("\n") > FILE_LINES_MAX]
        self.assertEqual(wrong, [])

    def test_sources_are_formatted(self):
        names = [name for name, _ in sources()]
        result = subprocess.run(["clang-format", "--dry-run", "-Werror"] + names, cwd=ROOT, text=True,
                                capture_output=True)
        self.assertEqual(result.returncode, 0, result.stderr[:3000])


if __name__ == "__main__":
    unittest.main()
