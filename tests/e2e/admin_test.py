"""The admin port of a real server; docs/admin.md is what it tells about."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from server import Server, chat_body, need, wait_until

CHAT = "/v1/chat/completions"
LONG = "Tell me about the following words: " + " ".join(f"word{i}" for i in range(60))


class Admin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--no-http-metrics")
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def get(self, path):
        status, body = self.server.admin("GET", path)
        self.assertEqual(status, 200, body)
        return body

    def cached(self):
        answer = self.server.post(CHAT, chat_body(LONG, max_tokens=1))[2]
        return json.loads(answer)["usage"]["prompt_tokens_details"]["cached_tokens"]

    def test_workers_show_what_runs_and_with_which_digests(self):
        (worker,) = self.get("/workers")["workers"]
        self.assertEqual((worker["worker_id"], worker["state"]), (1, "ready"))
        self.assertTrue(worker["digests"]["model"].startswith("sha256:"))
        self.assertEqual(self.get("/workers/1")["model"], worker["model"])

    def test_a_cleared_cache_computes_the_prompt_again(self):
        self.cached()
        self.assertGreater(self.cached(), 0)
        status, body = self.server.admin("POST", "/clear_kv_blocks", {"worker_id": 1})
        self.assertEqual((status, body["failed"]), (200, []))
        self.assertGreater(body["cleared"][0]["freed_blocks"], 0)
        self.assertEqual(self.cached(), 0)
        self.assertIn("POST /clear_kv_blocks", self.server.text(), "the audit line")

    def test_a_drained_worker_refuses_until_it_is_resumed(self):
        self.assertEqual(self.server.admin("POST", "/workers/1/drain")[0], 202)
        self.assertEqual(self.get("/workers/1")["state"], "draining")
        self.assertEqual(self.server.post(CHAT, chat_body("Hi"))[0], 503)
        self.assertEqual(self.server.get("/ready")[0], 503)
        self.assertEqual(self.server.admin("POST", "/workers/1/resume")[0], 202)
        self.assertEqual(self.server.post(CHAT, chat_body("Hi", max_tokens=1))[0], 200)
        self.assertEqual(self.server.get("/ready")[0], 200)

    def test_every_request_is_explained_with_its_phases(self):
        headers = {"x-request-id": "explain-me"}
        self.assertEqual(self.server.post(CHAT, chat_body(LONG, max_tokens=8), headers)[0], 200)
        record = self.get("/explain/explain-me")
        self.assertEqual((record["finish"], record["tokens"]["completion"]), ("length", 8))
        phases = record["phases_us"]
        for phase in ("parse", "template", "tokenize", "first_output", "decode", "total"):
            self.assertGreater(phases[phase], 0, phase)
        self.assertLessEqual(phases["first_output"] + phases["decode"], phases["total"] + 1)
        self.assertLessEqual(phases["queue"] + phases["prefill"], phases["first_output"])
        self.server.post(CHAT, b"{", {"x-request-id": "broken"})
        self.assertEqual(self.get("/explain/broken")["error"]["code"], "invalid_json")
        self.assertEqual(self.get("/explain?last=1")["records"][0]["correlation_id"], "broken")

    def test_an_idle_server_holds_nothing(self):
        self.server.post(CHAT, chat_body("Hi", max_tokens=1))
        wait_until(lambda: self.get("/ledger?nonzero=1") == {}, 10, "an empty ledger")
        self.assertEqual(self.get("/ledger")["workers"][0]["held"]["blocks"], 0)

    def test_settings_and_use_are_shown(self):
        settings = self.get("/config")["settings"]
        self.assertEqual(settings["http-port"], {"value": 0, "origin": "flag"})
        self.assertEqual(settings["max-n"]["origin"], "default")
        before = self.get("/tenants")["tenants"][0]["usage"]["requests"]
        self.server.post(CHAT, chat_body("Hi", max_tokens=1))
        self.assertEqual(self.get("/tenants")["tenants"][0]["usage"]["requests"], before + 1)

    def test_metrics_are_here_alone(self):
        self.assertEqual(self.server.get("/metrics")[0], 404)
        self.assertEqual(self.server.admin("GET", "/health")[1]["status"], "healthy")

    def test_no_client_route_is_here(self):
        self.assertEqual(self.server.admin("GET", "/v1/models")[0], 404)
        self.assertEqual(self.server.get("/workers")[0], 404)


class Token(unittest.TestCase):
    def test_a_token_is_demanded_where_one_is_set(self):
        with tempfile.TemporaryDirectory(prefix="penstock-token-") as folder:
            path = Path(folder) / "token"
            path.write_text("an-operator-token\n")
            with Server("--admin-token-file", str(path), "--admin-host", "0.0.0.0") as server:
                self.assertEqual(server.admin("GET", "/workers")[0], 401)
                bearer = {"authorization": "Bearer an-operator-token"}
                self.assertEqual(server.admin("GET", "/workers", headers=bearer)[0], 200)
                self.assertNotIn("an-operator-token", server.text())

    def test_a_port_for_other_machines_without_a_token_ends_the_start(self):
        done = subprocess.run(
            [need("PENSTOCK_BINARY"), "serve", "--model", need("PENSTOCK_TEST_MODEL"),
             "--http-port", "0", "--admin-host", "0.0.0.0"],
            capture_output=True, text=True, timeout=60,
        )
        self.assertEqual(done.returncode, 4)
        self.assertIn("--admin-token-file", done.stderr)

    def test_it_can_be_switched_off(self):
        with Server("--admin-port", "-1") as server:
            self.assertIsNone(server.admin_port)


if __name__ == "__main__":
    unittest.main()
