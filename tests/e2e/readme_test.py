"""What the README tells a newcomer to type works."""

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

from server import Server

README = Path(__file__).resolve().parents[2] / "README.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.M | re.S)


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def run_block(self, command, text):
        text = text.replace("http://127.0.0.1:8000", self.server.url)
        environment = os.environ | {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            [*command, text], capture_output=True, text=True, timeout=240, env=environment
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_the_curl_line_gets_an_answer(self):
        (line,) = [b for b in blocks("sh") if b.startswith("curl")]
        self.assertIn('"finish_reason"', self.run_block(["bash", "-c"], line))

    def test_the_python_example_prints_an_answer(self):
        (program,) = blocks("python")
        self.assertGreater(len(self.run_block([sys.executable, "-c"], program)), 10)


if __name__ == "__main__":
    unittest.main()
