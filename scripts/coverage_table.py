#!/usr/bin/env python3
"""Prints line coverage of the pure rooms: scripts/coverage_table.py BUILD_DIR MINIMUM_PERCENT

Exits 1 if one has less than the minimum, and then names its least covered files.
"""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def pure_rooms():
    text = (ROOT / "cmake/rooms.txt").read_text()
    return set(re.search(r"^pure:(.*)$", text, re.M)[1].split())


def covered_lines(build):
    """{path: (covered, total)} of the sources under src/."""
    summary = subprocess.run(
        ["gcovr", "--root", ROOT, "--object-directory", build, "--filter", f"{ROOT}/src/",
         "--gcov-ignore-parse-errors", "--json-summary", "-j", str(os.cpu_count()), build],
        capture_output=True, text=True, check=True,
    ).stdout
    rooms = pure_rooms()
    return {
        entry["filename"]: (entry["line_covered"], entry["line_total"])
        for entry in json.loads(summary)["files"]
        if entry["filename"].split("/")[1] in rooms
    }


def percent(covered, total):
    return 100.0 * covered / total if total else 100.0


def main():
    build, minimum = Path(sys.argv[1]).resolve(), float(sys.argv[2])
    files = covered_lines(build)
    rooms = defaultdict(lambda: [0, 0])
    for path, (covered, total) in files.items():
        room = rooms[path.split("/")[1]]
        room[0] += covered
        room[1] += total

    low = []
    print(f"{'room':<16} {'lines':>7} {'covered':>8}      %")
    for room, (covered, total) in sorted(rooms.items()):
        share = percent(covered, total)
        print(f"{room:<16} {total:>7} {covered:>8}  {share:5.1f}")
        if share < minimum:
            low.append(room)
    for room in low:
        print(f"\n{room} is below {minimum:g} %; least covered first:")
        mine = {p: c for p, c in files.items() if p.split("/")[1] == room}
        for path, (covered, total) in sorted(mine.items(), key=lambda f: f[1][0] - f[1][1])[:8]:
            print(f"  {percent(covered, total):5.1f} %  {total - covered:>4} missed  {path}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
