#!/usr/bin/env python3
"""Writes files as a C table of struct http_asset (src/http/static.h).

usage: embed.py --name TABLE --out OUT.c [--depfile FILE] SOURCE …

A SOURCE is a folder (every file in it, by its path from there) or /served/path=file. Files are gzip-compressed where that
pays; names below /assets/ carry a hash (Vite makes them) and are immutable.
"""
import argparse
import gzip
import hashlib
import os
import sys

TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml", ".json": "application/json", ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2", ".png": "image/png", ".ico": "image/x-icon", ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm", ".map": "application/json",
}


def files_of(source):
    """[(served path, file)] of one source."""
    if "=" in source:
        served, path = source.split("=", 1)
        return [(served, path)]
    if not os.path.exists(os.path.join(source, "index.html")):
        sys.exit(f"{source}/index.html is missing: build the page with `make`, or configure with -Dui=disabled")
    paths = sorted(os.path.join(base, name) for base, _, names in os.walk(source) for name in names)
    return [("/" + os.path.relpath(path, source).replace(os.sep, "/"), path) for path in paths]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--depfile")
    parser.add_argument("sources", nargs="+")
    options = parser.parse_args()
    files = [pair for source in options.sources for pair in files_of(source)]
    arrays, rows = [], []
    for number, (served, path) in enumerate(files):
        with open(path, "rb") as file:
            data = file.read()
        etag = hashlib.sha256(data).hexdigest()[:32]
        packed = gzip.compress(data, 9, mtime=0)
        smaller = len(packed) < len(data) * 0.95
        stored = packed if smaller else data
        kind = TYPES.get(os.path.splitext(served)[1], "application/octet-stream")
        arrays.append(f"static const unsigned char asset_{number}[] = {{{','.join(map(str, stored))}}};")
        rows.append(f'    {{"{served}", "{kind}", asset_{number}, sizeof asset_{number}, {str(smaller).lower()}, '
                    f'"\\"{etag}\\"", {str(served.startswith("/assets/")).lower()}}},')
    with open(options.out, "w", encoding="utf-8") as file:
        file.write('#include "http/static.h"\n\n' + "\n".join(arrays) +
                   f"\n\nextern const struct http_asset {options.name}[];\nextern const size_t {options.name}_count;\n"
                   f"const struct http_asset {options.name}[] = {{\n" + "\n".join(rows) +
                   f"\n}};\nconst size_t {options.name}_count = {len(rows)};\n")
    if options.depfile:
        with open(options.depfile, "w", encoding="utf-8") as file:
            file.write(options.out + ": " + " ".join(path.replace(" ", "\\ ") for _, path in files) + "\n")


main()
