#!/usr/bin/env python3
"""Runs clang-tidy on what changed: scripts/tidy.py BUILD_DIR [--all] [PATH_PREFIX...]

Without prefixes it looks at src/, apps/ and bench/: GoogleTest's macros cost more there than the
checks find. A source counts as changed when it, a header of ours that it includes, its compile command or
.clang-tidy differs from the last time it was found clean; what was clean is remembered under
~/.cache/penstock/tidy (PENSTOCK_TIDY_CACHE names another folder). --all forgets that.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"
# Clang's thread-safety analysis (base/mutex.h) rides along. GCC 12's <expected> asks for a newer value of this macro than clang defines.
EXTRA = [
    "--extra-arg=-Wno-builtin-macro-redefined",
    "--extra-arg=-D__cpp_concepts=202002L",
    "--extra-arg=-Wthread-safety",
    "--extra-arg=-Wno-unknown-warning-option",
    # libstdc++'s own std::stable_sort uses what it calls deprecated.
    "--extra-arg=-Wno-deprecated-declarations",
    "--extra-arg=-Wno-unused-command-line-argument",
]


def own_headers(command):
    """The files of ours that a source is made of, itself included."""
    arguments = shlex.split(command["command"])
    if arguments[0].endswith("ccache"):
        arguments = arguments[1:]
    output = arguments.index("-o")
    del arguments[output : output + 2]
    arguments = [a for a in arguments if a not in ("-c", "-MD", "-Winvalid-pch")]
    listed = subprocess.run(
        [*arguments, "-MM"], cwd=command["directory"], capture_output=True, text=True, check=True
    ).stdout
    words = listed.replace("\\\n", " ").split()[1:]
    paths = {Path(command["directory"], word).resolve() for word in words}
    return sorted(path for path in paths if path.is_relative_to(ROOT))


def fingerprint(command):
    digest = hashlib.sha256()
    digest.update((ROOT / ".clang-tidy").read_bytes())
    digest.update(" ".join(EXTRA).encode())
    digest.update(command["command"].encode())
    for path in own_headers(command):
        digest.update(f"{path}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def check(build, cache, command):
    """(source, findings, seconds); seconds is None when it was clean before."""
    source = Path(command["file"])
    try:
        stamp = cache / fingerprint(command)
    except subprocess.CalledProcessError as failure:
        return source, failure.stderr, 0
    if stamp.exists():
        return source, "", None
    begin = time.monotonic()
    done = subprocess.run(
        [TIDY, "--quiet", f"-p={build}", *EXTRA, str(source)],
        capture_output=True, text=True, check=False,
    )
    if done.returncode == 0:
        stamp.touch()
        return source, "", time.monotonic() - begin
    text = re.sub(r"^\d+ warnings? .*\n?", "", done.stdout + done.stderr, flags=re.M)
    return source, text, time.monotonic() - begin


def sources_of(build, prefixes):
    commands = json.loads((build / "compile_commands.json").read_text())
    chosen = {}
    for command in commands:
        path = Path(command["file"])
        name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else ""
        if name.startswith(tuple(prefixes)):
            chosen[name] = command
    return list(chosen.values())


def main():
    arguments = [a for a in sys.argv[1:] if a != "--all"]
    build = Path(arguments[0]).resolve()
    default = Path(os.environ.get("HOME", "/tmp"), ".cache/penstock/tidy")
    cache = Path(os.environ.get("PENSTOCK_TIDY_CACHE", default))
    cache.mkdir(parents=True, exist_ok=True)
    if "--all" in sys.argv:
        for stamp in cache.iterdir():
            stamp.unlink()

    commands = sources_of(build, arguments[1:] or ["src/", "apps/", "bench/"])
    failed, looked_at = [], 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, findings, seconds in pool.map(lambda c: check(build, cache, c), commands):
            looked_at += seconds is not None
            if findings:
                failed.append(source)
                print(findings, flush=True)
            elif seconds is not None:
                print(f"clean in {seconds:4.1f} s: {source.relative_to(ROOT)}", flush=True)
    print(f"{len(commands)} sources, {looked_at} looked at, {len(failed)} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
