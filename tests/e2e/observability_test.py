"""What a server shows of itself: the trace of its steps and the worker's metrics."""

import json
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from server import Server, chat_body, need


class Trace(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="penstock-trace-")
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "steps.json"

    def serve_two_choices(self, server):
        body = chat_body("Hi", max_tokens=8, n=2, temperature=1, ignore_eos=True)
        self.assertEqual(server.post("/v1/chat/completions", body)[0], 200)

    def test_a_stopped_server_leaves_a_whole_file(self):
        with Server("--trace", str(self.path), "--http-grace-secs", "0") as server:
            self.serve_two_choices(server)
            self.assertEqual(server.terminate(), 0)
            self.assertNotIn("still held", server.text())
        events = json.loads(self.path.read_text())
        steps = [event["args"] for event in events if event["name"] == "step"]
        self.assertGreaterEqual(len(steps), 9, "the canary's and eight of the request")
        self.assertEqual([step["step"] for step in steps], list(range(1, len(steps) + 1)))
        self.assertEqual(max(step["decodes"] for step in steps), 2)
        begun = [event["id"] for event in events if event["ph"] == "b"]
        ended = [event["id"] for event in events if event["ph"] == "e"]
        self.assertEqual(len(set(begun)), 3)
        self.assertEqual(sorted(begun), sorted(ended), "every span has its end")
        self.assertEqual(events[-1]["args"], {"dropped_events": 0})

    def test_a_killed_server_leaves_a_file_that_lacks_only_its_end(self):
        with Server("--trace", str(self.path)) as server:
            self.serve_two_choices(server)
            server.process.send_signal(signal.SIGKILL)
            server.process.wait(30)
        self.assertTrue(json.loads(self.path.read_text() + "]"))

    def test_a_path_that_cannot_be_written_ends_the_start(self):
        done = subprocess.run(
            [need("PENSTOCK_BINARY"), "serve", "--model", need("PENSTOCK_TEST_MODEL"),
             "--http-port", "0", "--trace", "/nowhere/steps.json"],
            capture_output=True, text=True, timeout=60,
        )
        self.assertEqual(done.returncode, 4)
        self.assertIn("--trace /nowhere/steps.json", done.stderr)


class Metrics(unittest.TestCase):
    def test_the_worker_counts_requests_and_the_tokens_of_its_steps(self):
        with Server() as server:
            before = server.metric("penstock_worker_requests_total")
            server.client().chat.completions.create(**chat_body("Hi", max_tokens=4, n=2, seed=1))
            self.assertEqual(server.metric("penstock_worker_requests_total"), before + 1)
            self.assertEqual(server.metric("penstock_worker_errors_total"), 0)
            self.assertGreater(server.metric("penstock_worker_step_tokens_sum"), 6)
            self.assertGreater(server.metric("penstock_worker_start_phase_seconds"), 0)
            self.assertEqual(server.metric("penstock_worker_progress_age_seconds"), 0)
            self.assertEqual(server.get("/live")[0], 200)


if __name__ == "__main__":
    unittest.main()
