"""What the documents point at exists: links, files, verbs of ./run, presets, names of checks."""

import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def pages():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()
    return [ROOT / name for name in listed if (ROOT / name).exists()]


class Documents(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for page in pages():
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
                if "://" not in target:
                    with self.subTest(page=page.relative_to(ROOT), link=target):
                        self.assertTrue((page.parent / target).exists())

    def test_commands_of_run_exist(self):
        verbs = set(re.findall(r"^  ([a-z-]+)\)", (ROOT / "run").read_text(), re.M)) | {"help"}
        parts = {
            "check": (ROOT / "scripts/check.sh").read_text(),
            "prove": (ROOT / "scripts/prove.sh").read_text(),
        }
        for page in pages():
            for verb, word in re.findall(r"\./run ([a-z-]+)(?: ([a-z]+))?", page.read_text()):
                with self.subTest(page=page.relative_to(ROOT), command=f"./run {verb} {word}"):
                    self.assertIn(verb, verbs)
                    if verb in parts and word:
                        self.assertRegex(parts[verb], rf"(?m)^{word}\(\)")

    def test_scripts_and_sources_named_in_code_marks_exist(self):
        pattern = r"`((?:scripts|cmake|apps|tests/oracles|\.ci)/[\w./-]+\.\w+|\.ci/run)`"
        for page in pages():
            for name in re.findall(pattern, page.read_text()):
                with self.subTest(page=page.relative_to(ROOT), file=name):
                    self.assertTrue((ROOT / name).exists())

    def test_every_page_under_docs_is_in_its_index(self):
        index = (ROOT / "docs/README.md").read_text()
        for page in (ROOT / "docs").glob("*.md"):
            if page.name != "README.md":
                with self.subTest(page.name):
                    self.assertIn(f"({page.name})", index)

    def test_every_script_says_at_its_top_what_it_does(self):
        for script in [ROOT / "run", ROOT / ".ci/run", *(ROOT / "scripts").glob("*.*")]:
            if script.suffix in ("", ".sh", ".py"):
                with self.subTest(script.name):
                    self.assertRegex(script.read_text(), r'\A#!.*\n(# [A-Z./]|""")')


if __name__ == "__main__":
    unittest.main()
