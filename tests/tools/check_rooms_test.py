"""scripts/check_rooms.py finds each kind of fault in a small tree, and none in a good one."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/check_rooms.py"

GOOD_TREE = {
    "cmake/rooms.txt": "pure: kv\nbase:\nmetrics:\nnet:\nkv:\nsched: kv\n",
    "cmake/third_party.txt": "boost/: net\ngtest/: tests\n",
    "src/base/CMakeLists.txt": "penstock_room(base SOURCES)",
    "src/base/README.md": "# base\n",
    "src/base/result.h": "#pragma once\n#include <expected>\n",
    "src/kv/CMakeLists.txt": "penstock_room(kv SOURCES pool.cc)",
    "src/kv/README.md": "# kv\n",
    "src/kv/pool.h": '#pragma once\n#include <vector>\n#include "base/result.h"\n',
    "src/kv/pool.cc": '#include "kv/pool.h"\n',
    "src/net/CMakeLists.txt": "penstock_room(net SOURCES\n  server.cc)",
    "src/net/README.md": "# net\n",
    "src/net/server.cc": "#include <sys/socket.h>\n#include <boost/asio.hpp>\n",
    "tests/kv/CMakeLists.txt": "penstock_test(kv_test SOURCES pool_test.cc)",
    "tests/kv/pool_test.cc": '#include <gtest/gtest.h>\n#include "kv/pool.h"\n',
}


def findings(changes):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (GOOD_TREE | changes).items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run(
            [sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False
        )
        lines = done.stdout.splitlines()[:-1]
        assert (done.returncode != 0) == any("warning" not in line for line in lines), done
        return "\n".join(lines)


class CheckRooms(unittest.TestCase):
    def assert_found(self, changes, text):
        self.assertIn(text, findings(changes))

    def test_a_good_tree_has_no_finding(self):
        self.assertEqual(findings({}), "")

    def test_finds_an_edge_that_is_not_allowed(self):
        self.assert_found(
            {"src/kv/pool.cc": '#include "kv/pool.h"\n#include "net/x.h"\n', "src/net/x.h": ""},
            "src/kv/pool.cc:2: kv may not include net (allowed: nothing)",
        )

    def test_finds_an_open_room_that_includes_another(self):
        self.assert_found(
            {"src/base/result.h": '#pragma once\n#include "kv/pool.h"\n'},
            "src/base/result.h:2: base",
        )

    def test_finds_a_header_that_does_not_exist(self):
        self.assert_found(
            {"tests/kv/pool_test.cc": '#include "kv/gone.h"\n'}, "kv/gone.h does not exist"
        )

    def test_finds_clocks_and_threads_in_a_pure_room(self):
        for header in ("<thread>", "<mutex>", "<sys/socket.h>", '"base/thread.h"'):
            changes = {"src/kv/pool.h": f"#pragma once\n#include {header}\n"}
            changes["src/base/thread.h"] = "#pragma once\n"
            self.assert_found(changes, f"pure room kv includes {header[1:-1]}")

        clock = {"src/kv/pool.cc": '#include "kv/pool.h"\nauto t = steady_clock::now();\n'}
        self.assert_found(clock, "src/kv/pool.cc:2: pure room kv uses steady_clock")

    def test_finds_a_library_outside_the_rooms_that_own_it(self):
        header = {"src/kv/pool.h": "#pragma once\n#include <boost/asio.hpp>\n"}
        self.assert_found(header, "<boost/asio.hpp> belongs to net")
        unknown = {"src/net/server.cc": "#include <zstd.h>\n"}
        self.assert_found(unknown, "<zstd.h> has no owner")

    def test_finds_an_own_header_that_is_not_first(self):
        self.assert_found(
            {"src/kv/pool.cc": '#include <vector>\n#include "kv/pool.h"\n'},
            'the first include must be "kv/pool.h"',
        )

    def test_finds_a_cuda_source_that_reaches_std_expected(self):
        changes = {
            "src/kv/CMakeLists.txt": "penstock_room(kv SOURCES pool.cc cuda/k.cu)",
            "src/kv/cuda/k.cu": '#include "kv/pool.h"\n',
        }
        self.assert_found(changes, "src/kv/cuda/k.cu:1: reaches base/result.h")

    def test_finds_a_source_that_nothing_builds(self):
        self.assert_found({"src/kv/lost.cc": ""}, "src/kv/lost.cc:1: no CMakeLists.txt builds")

    def test_limits_the_length_of_files(self):
        self.assert_found({"src/kv/pool.cc": '#include "kv/pool.h"\n' * 801}, "split it")
        self.assert_found({"src/kv/pool.cc": '#include "kv/pool.h"\n' * 501}, "501 lines")
        self.assert_found({"src/kv/README.md": "x\n" * 41}, "a room's README has 40")

    def test_finds_unfinished_work_and_empty_names(self):
        self.assert_found(
            {"src/kv/pool.cc": '#include "kv/pool.h"\n// ' + "TO" + "DO later\n"}, "pool.cc:2: TO"
        )
        self.assert_found({"src/kv/utils.h": "#pragma once\n"}, "says nothing about its subject")

    def test_finds_a_room_without_a_readme(self):
        self.assert_found({"src/sched/CMakeLists.txt": ""}, "the room has no README.md")

    def test_finds_a_cycle_in_the_rooms_file(self):
        self.assert_found(
            {"cmake/rooms.txt": "pure: kv\nbase:\nmetrics:\nnet:\nkv: sched\nsched: kv\n"},
            "kv stands before sched",
        )


if __name__ == "__main__":
    unittest.main()
