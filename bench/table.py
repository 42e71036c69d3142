"""Tables, percentiles and process figures for benchmarks."""
import os

TICKS = os.sysconf("SC_CLK_TCK")


def table(headings, rows, out=print):
    """A Markdown table, aligned."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [headings] + rows) for column in range(len(headings))]
    for index, row in enumerate([headings] + rows):
        out("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if index == 0:
            out("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def percentile(values, share):
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(round(share / 100 * len(ordered) + 0.5)) - 1))]


def summary(values, scale=1.0, digits=1):
    """[runs, min, mean, p50, p95, p99, max] as texts."""
    show = lambda value: f"{value * scale:.{digits}f}"
    return [len(values), show(min(values)), show(sum(values) / len(values)), show(percentile(values, 50)),
            show(percentile(values, 95)), show(percentile(values, 99)), show(max(values))]


SUMMARY_HEADINGS = ["runs", "min", "mean", "p50", "p95", "p99", "max"]


def cpu_seconds(*pids):
    """User and system time of processes so far."""
    total = 0.0
    for pid in pids:
        try:
            stat = open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace").read()
        except FileNotFoundError:
            continue
        fields = stat[stat.rindex(")") + 2:].split()
        total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def memory_kib(*pids):
    """Proportional set size."""
    total = 0
    for pid in pids:
        try:
            for line in open(f"/proc/{pid}/smaps_rollup", encoding="utf-8"):
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total
