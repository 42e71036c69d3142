#!/usr/bin/env python3
"""Writes the migrations as a C table: embed.py OUT.c 0001_name.sql 0002_name.sql …

The numbers must rise by one from 1: a gap or a repetition is a mistake in a merge.
"""
import os
import re
import sys


def literal(text):
    lines = text.splitlines()
    return "\n".join('        "%s\\n"' % line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)


def main():
    out, files = sys.argv[1], sorted(sys.argv[2:], key=os.path.basename)
    rows = []
    for number, path in enumerate(files, 1):
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", os.path.basename(path))
        if not match or int(match.group(1)) != number:
            sys.exit("%s: expected %04d_name.sql" % (path, number))
        with open(path, encoding="utf-8") as source:
            text = source.read()
        # Comments and empty lines are for readers of the file.
        text = "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("--"))
        rows.append('    {%d, "%s",\n%s},' % (number, match.group(2), literal(text)))
    with open(out, "w", encoding="utf-8") as target:
        target.write('#include "db/engine.h"\n\nconst struct db_migration db_migrations[] = {\n')
        target.write("\n".join(rows))
        target.write("\n};\nconst unsigned db_migration_count = sizeof db_migrations / sizeof *db_migrations;\n")


main()
