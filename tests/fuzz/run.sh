#!/bin/sh
# Runs every fuzz target for FUZZ_SECONDS (60) each, from its committed corpus. New inputs go to build-fuzz/corpus;
# a crash is left in build-fuzz/ and ends the run.
set -eu
cd "$(dirname "$0")/../.."
build=${FUZZ_BUILD:-build-fuzz}
[ -f "$build/build.ninja" ] || CC=clang meson setup "$build" -Db_sanitize=address,undefined -Db_lundef=false -Dui=disabled \
        -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
for source in tests/fuzz/*_fuzz.c; do
    name=$(basename "$source" _fuzz.c)
    ninja -C "$build" --quiet "tests/fuzz/${name}_fuzz"
    mkdir -p "$build/corpus/$name"
    echo "$name: ${FUZZ_SECONDS:-60} s"
    "$build/tests/fuzz/${name}_fuzz" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=0 -verbosity=0 -artifact_prefix="$build/crash-$name-" \
        "$build/corpus/$name" "tests/fuzz/corpus/$name"
done
echo "no crash"
