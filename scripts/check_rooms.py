#!/usr/bin/env python3
"""Checks the shape of the source tree: scripts/check_rooms.py [ROOT]

Every #include of a room's header against cmake/rooms.txt, every third-party header against
cmake/third_party.txt, what pure rooms and CUDA sources must not reach, and the few rules about
files that a compiler does not see (lengths, names, READMEs, sources that no target builds).

Prints one line per finding, `path:line: text`, and exits 1 if there is any. Warnings do not count.
"""

import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
SOURCE_SUFFIXES = {".cc", ".h", ".cu", ".cuh"}
OPEN_ROOMS = {"base", "metrics"}

# Pure rooms get time, randomness and threads from nowhere: their decisions are values.
IMPURE = re.compile(
    r"^(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token"
    r"|atomic|ctime|random|fstream|iostream|filesystem"
    r"|pthread\.h|unistd\.h|poll\.h|fcntl\.h|sys/.*|netinet/.*|arpa/.*"
    r"|base/(thread|mutex|bounded_queue)\.h)$"
)
# Durations and calendars are values; asking what time it is, or for entropy, is not.
IMPURE_CALL = re.compile(r"\b\w+_clock\b|\bstd::(time|rand)\(|\brandom_device\b")
# The C++ and C library, and the system: no owner needed.
STANDARD = re.compile(
    r"^([a-z_0-9]+|[a-z_]+intrin\.h|(pthread|unistd|fcntl|poll|sched|signal|dlfcn|errno|netdb"
    r"|stdlib|string|stdint|stddef|math|time|termios|cuda[a-z_0-9]*|mma|cooperative_groups)\.h"
    r"|(sys|netinet|arpa|linux)/.*)$"
)
BANNED_NAMES = {"utils", "util", "common", "manager", "helpers", "helper", "misc"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|HACK)\b")
WARN_LINES, MAX_LINES, MAX_README_LINES = 500, 800, 40


def read_edges(path):
    """`name: word word` lines of rooms.txt and third_party.txt as a dict, in file order."""
    edges = {}
    for line in path.read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            name, _, words = line.partition(":")
            edges[name.strip()] = words.split()
    return edges


class Checker:
    def __init__(self, root):
        self.root = root
        self.rooms = read_edges(root / "cmake/rooms.txt")
        self.pure = set(self.rooms.pop("pure", []))
        self.third_party = read_edges(root / "cmake/third_party.txt")
        self.errors = []
        self.warnings = []
        self.files = sorted(
            path
            for folder in ("src", "apps", "tests", "bench", "fuzz")
            for path in (root / folder).rglob("*")
            if path.suffix in SOURCE_SUFFIXES
        )
        self.includes = {path: self.read_includes(path) for path in self.files}

    def error(self, path, line, text):
        self.errors.append(f"{path.relative_to(self.root)}:{line}: {text}")

    @staticmethod
    def read_includes(path):
        found = []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if match := INCLUDE.match(line):
                found.append((number, match[1], match[2]))
        return found

    def place(self, path):
        """(folder, room): ("src", "kv"), ("tests", "kv"), ("apps", None)."""
        parts = path.relative_to(self.root).parts
        room = parts[1] if parts[0] != "apps" and len(parts) > 2 else None
        return parts[0], room

    def check_rooms_file(self):
        path = self.root / "cmake/rooms.txt"
        seen = set(OPEN_ROOMS)
        for room, allowed in self.rooms.items():
            for name in allowed:
                if name not in self.rooms:
                    self.error(path, 1, f"{room} may include {name}, which is no room")
                elif name not in seen:
                    self.error(path, 1, f"{room} stands before {name}, which it may include")
            seen.add(room)
        for name in self.pure - set(self.rooms):
            self.error(path, 1, f"pure room {name} is no room")

    def check_includes(self, path):
        folder, room = self.place(path)
        for line, kind, target in self.includes[path]:
            if folder == "src" and room in self.pure and IMPURE.match(target):
                self.error(path, line, f"pure room {room} includes {target}")
            first = target.split("/")[0]
            if first in self.rooms and "/" in target:
                if not (self.root / "src" / target).exists():
                    self.error(path, line, f"{target} does not exist")
                elif folder == "src":
                    self.check_edge(path, line, room, first)
            elif kind == "<" and not STANDARD.match(target):
                self.check_third_party(path, line, folder, room, target)

    def check_edge(self, path, line, room, target_room):
        if room not in self.rooms:
            self.error(path, line, f"{room} is not in cmake/rooms.txt")
        elif target_room not in OPEN_ROOMS | {room} | set(self.rooms[room]):
            allowed = " ".join(self.rooms[room]) or "nothing"
            self.error(path, line, f"{room} may not include {target_room} (allowed: {allowed})")
        elif room in OPEN_ROOMS and target_room not in {"base", room}:
            self.error(path, line, f"{room} is open to all and may include base only")

    def check_third_party(self, path, line, folder, room, target):
        prefixes = [prefix for prefix in self.third_party if target.startswith(prefix)]
        if not prefixes:
            self.error(path, line, f"<{target}> has no owner in cmake/third_party.txt")
            return
        owners = self.third_party[max(prefixes, key=len)]
        if not {folder, room} & set(owners):
            self.error(path, line, f"<{target}> belongs to {', '.join(owners)}")

    def check_own_header_first(self, path):
        header = path.with_suffix(".h")
        if self.place(path)[0] != "src" or path.suffix != ".cc" or header not in self.includes:
            return
        own = str(header.relative_to(self.root / "src"))
        first = self.includes[path][0][2] if self.includes[path] else None
        if first != own:
            self.error(path, 1, f'the first include must be "{own}"')

    def check_cuda(self, path):
        """CUDA sources are C++20, without std::expected, and live in cuda/ folders."""
        if path.suffix not in {".cu", ".cuh"}:
            return
        if "cuda" not in path.relative_to(self.root).parts:
            self.error(path, 1, "CUDA sources live in a folder named cuda")
        for name in sorted(self.reachable(path) & {"expected", "base/result.h"}):
            self.error(path, 1, f"reaches {name}, which is C++23; CUDA sources are C++20")

    def reachable(self, path):
        names, queue = set(), [path]
        while queue:
            for _, _, target in self.includes.get(queue.pop(), []):
                if target not in names:
                    names.add(target)
                    queue.append(self.root / "src" / target)
        return names

    def check_text(self, path):
        lines = path.read_text().splitlines()
        if len(lines) > MAX_LINES:
            self.error(path, 1, f"{len(lines)} lines; split it (limit {MAX_LINES})")
        elif len(lines) > WARN_LINES:
            self.warnings.append(f"{path.relative_to(self.root)}: {len(lines)} lines")
        if path.suffix in {".h", ".cuh"} and "#pragma once" not in lines:
            self.error(path, 1, "a header needs #pragma once")
        if path.stem in BANNED_NAMES:
            self.error(path, 1, f"'{path.name}' says nothing about its subject")
        folder, room = self.place(path)
        is_pure = folder == "src" and room in self.pure
        for number, line in enumerate(lines, 1):
            if is_pure and (match := IMPURE_CALL.search(line)):
                self.error(path, number, f"pure room {room} uses {match[0]}")
            if match := UNFINISHED.search(line):
                self.error(path, number, f"{match[1]}: finish it or write it down in docs/")

    def check_built(self, path):
        """A source that no CMakeLists.txt above it names is dead."""
        if path.suffix not in {".cc", ".cu"}:
            return
        for folder in path.parents:
            lists = folder / "CMakeLists.txt"
            if lists.exists():
                words = re.split(r"[\s()]+", lists.read_text())
                if str(path.relative_to(folder)) in words:
                    return
            if folder == self.root:
                break
        self.error(path, 1, "no CMakeLists.txt builds this file")

    def check_readmes(self):
        for room in self.rooms:
            folder = self.root / "src" / room
            if not (folder / "CMakeLists.txt").exists():
                continue
            readme = folder / "README.md"
            if not readme.exists():
                self.error(folder, 0, "the room has no README.md")
            elif (count := len(readme.read_text().splitlines())) > MAX_README_LINES:
                self.error(readme, 1, f"{count} lines; a room's README has {MAX_README_LINES}")

    def run(self):
        self.check_rooms_file()
        for path in self.files:
            self.check_includes(path)
            self.check_own_header_first(path)
            self.check_cuda(path)
            self.check_text(path)
            self.check_built(path)
        self.check_readmes()


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    checker = Checker(root)
    checker.run()
    for text in checker.warnings:
        print(f"warning: {text}")
    for text in checker.errors:
        print(text)
    print(f"{len(checker.files)} files, {len(checker.errors)} findings")
    return 1 if checker.errors else 0


if __name__ == "__main__":
    sys.exit(main())
