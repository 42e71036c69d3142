#!/bin/bash
# Runs inside the minimal Debian: the README's commands as a stranger types them.
set -uo pipefail
cd /root/streamspace
passed=0
failed=0
check() { # what, command…
    local what=$1
    shift
    if "$@"; then
        echo "ok      $what"
        passed=$((passed + 1))
    else
        echo "FAILED  $what"
        failed=$((failed + 1))
    fi
}
await() { # seconds, command…: waits for a condition
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        read -r -t 0.2 <> <(:) || true
    done
}
ends() { ! kill -0 "$1" 2>/dev/null; }
export ADMIN_PASSWORD='correct horse battery'
listen=127.0.0.1:18473

start() { # log: `make run` in the background, until its URL is printed
    make run ARGS="--listen=$listen" >"$1" 2>&1 &
    make_pid=$!
    await "$2" grep -q 'Open  *http' "$1"
}
stop() {
    pkill -TERM -P "$make_pid" 2>/dev/null # the shell under make; it is alone in this process namespace
    kill -TERM "$make_pid" 2>/dev/null
    await 30 ends "$make_pid"
}

echo "== make run, for the first time"
first=$SECONDS
check "make run prints a URL" start /root/first.log 1500
[ $failed -eq 0 ] || { tail -n 60 /root/first.log; echo "$passed passed, $failed failed"; exit 1; }
echo "        after $((SECONDS - first)) s"
grep -A9 'StreamSpace is running' /root/first.log
program=build/streamspace
check "/health answers" python3 -c "
import json, urllib.request
assert json.load(urllib.request.urlopen('http://$listen/health'))['status'] == 'healthy'"
check "streamspace login" bash -c "printf '%s\n' '$ADMIN_PASSWORD' | $program login http://$listen --password-stdin"
check "a terminal session runs" bash -c "$program session create terminal | tee /root/session"
name=$(head -n 1 /root/session)
check "it is listed" bash -c "$program session list | grep -q '$name .*running'"
check "it ends" "$program" session stop "$name"
check "Ctrl-C ends everything" stop

echo "== make run, for the second time"
before=$(date +%s%N)
check "make run prints a URL again" start /root/second.log 30
took=$((($(date +%s%N) - before) / 1000000))
echo "        after $took ms"
check "in less than 3 s" test "$took" -lt 3000
check "stops again" stop

echo "== make, without the network"
check "make needs no network when all is there" unshare --net make

if [ -n "${FRESH_TESTS:-}" ]; then
    echo "== make test"
    make test >/root/test.log 2>&1
    tail -n 5 /root/test.log
    check "make test passes" grep -qE '^[0-9]+ passed, 0 failed' /root/test.log
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
