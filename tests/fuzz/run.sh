#!/bin/bash
# Builds the fuzz targets with clang and runs each for FUZZ_SECONDS (60) on a copy of its corpus.
# What is found is written to the build directory and named; the corpus in the tree is not touched.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${FUZZ_SECONDS:-60}
build=build-fuzz
[ -e $build/build.ninja ] || CC=clang meson setup $build -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true -Dui=disabled >/dev/null
ninja -C $build --quiet
failed=0
passed=0
for target in "$build"/tests/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=$(basename "$target")
    corpus=$(mktemp -d)
    source=tests/fuzz/corpus/${name#fuzz_}
    [ -d "$source" ] && cp "$source"/* "$corpus"/
    if "$target" -max_total_time="$seconds" -max_len=65536 -print_final_stats=1 -artifact_prefix="$build/$name-" "$corpus" \
        >"$build/$name.log" 2>&1; then
        echo "ok      $name  $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log") runs"
        passed=$((passed + 1))
    else
        echo "FAILED  $name: see $build/$name.log"
        tail -n 30 "$build/$name.log"
        failed=$((failed + 1))
    fi
    rm -rf "$corpus"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
