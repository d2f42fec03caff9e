"""API keys, tenants and quotas of a real server; docs/access.md is what it tells about."""

import contextlib
import hashlib
import json
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from server import Server, chat_body, need, wait_until

CHAT = "/v1/chat/completions"
# Longer than a few KV blocks, so that a hit shows.
LONG = "Tell me about the following words: " + " ".join(f"word{i}" for i in range(60))


def sha256(key):
    return hashlib.sha256(key.encode()).hexdigest()


def key_entry(key, tenant, more=""):
    return f'[[key]]\nid = "{key}"\nsha256 = "{sha256(key)}"\ntenant = "{tenant}"\n{more}\n'


def keys_text(acme=""):
    return (
        'salt_key = "an-e2e-secret"\n'
        f'[[tenant]]\nname = "acme"\n{acme}\n'
        '[[tenant]]\nname = "rival"\n'
        + key_entry("acme-1", "acme") + key_entry("acme-2", "acme") + key_entry("rival-1", "rival")
    )


def bearer(key):
    return {"authorization": "Bearer " + key}


class KeysFile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="penstock-keys-")
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "keys.toml"

    def serve(self, text, *flags):
        self.path.write_text(text)
        return Server("--api-keys-file", str(self.path), *flags)

    def reload(self, server, text):
        self.path.write_text(text)
        before = server.text().count("SIGHUP: ")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.text().count("SIGHUP: ") > before, 20, "the reload")

    def chat(self, server, key, text="Hi", **fields):
        """(status, JSON or error code)."""
        body = chat_body(text, **({"max_tokens": 2} | fields))
        status, headers, answer = server.post(CHAT, body, bearer(key) if key else {})
        return status, json.loads(answer), headers


class Keys(KeysFile):
    def test_a_key_is_needed_and_never_logged(self):
        with self.serve(keys_text(), "--log-level", "trace") as server:
            self.assertEqual(self.chat(server, "acme-1")[0], 200)
            status, body, headers = self.chat(server, "sk-not-known")
            self.assertEqual((status, body["error"]["code"]), (401, "invalid_api_key"))
            self.assertEqual(headers["www-authenticate"], "Bearer")
            self.assertEqual(self.chat(server, "")[0], 401)
            self.assertEqual(server.get("/ready")[0], 200)
            self.assertNotIn("sk-not-known", server.text())
            self.assertNotIn(sha256("acme-1"), server.text())

    def test_the_official_client_sends_its_key(self):
        from openai import AuthenticationError, OpenAI

        with self.serve(keys_text()) as server:
            client = OpenAI(base_url=server.url + "/v1", api_key="acme-2", max_retries=0)
            self.assertEqual(len(client.models.list().data), 1)
            with self.assertRaises(AuthenticationError):
                client.with_options(api_key="nobody").models.list()

    def test_without_a_key_no_body_is_asked_for(self):
        with self.serve(keys_text()) as server, contextlib.closing(server.connection()) as raw:
            raw.connect()
            raw.sock.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 60000000\r\n"
                b"expect: 100-continue\r\n\r\n"
            )
            answer = b""
            while b"\r\n\r\n" not in answer:
                piece = raw.sock.recv(65536)
                self.assertTrue(piece, answer)
                answer += piece
            self.assertTrue(answer.startswith(b"HTTP/1.1 401 "), answer)
            self.assertIn(b"connection: close", answer.lower())

    def test_a_reload_takes_keys_away_and_a_bad_file_changes_nothing(self):
        with self.serve(keys_text()) as server:
            self.reload(server, "salt_key = 7\n")
            self.assertIn("SIGHUP: --api-keys-file", server.text())
            self.assertIn("line 1: salt_key is an integer", server.text())
            self.assertEqual(self.chat(server, "acme-1")[0], 200)
            self.reload(server, keys_text().replace(sha256("acme-1"), sha256("newer")))
            self.assertEqual(self.chat(server, "acme-1")[0], 401)
            self.assertEqual(self.chat(server, "newer")[0], 200)

    def test_a_file_that_was_never_good_ends_the_start(self):
        self.path.write_text('[[key]]\nid = "a"\nsha256 = "the key itself"\ntenant = "t"\n')
        done = subprocess.run(
            [need("PENSTOCK_BINARY"), "serve", "--model", need("PENSTOCK_TEST_MODEL"),
             "--http-port", "0", "--api-keys-file", str(self.path)],
            capture_output=True, text=True, timeout=60,
        )
        self.assertEqual(done.returncode, 4)
        self.assertIn("line 3: [[key]] 'a': sha256 has 14 characters", done.stderr)
        self.assertNotIn("the key itself", done.stderr)


class Isolation(KeysFile):
    def cached(self, server, key, **fields):
        status, body, _ = self.chat(server, key, LONG, **fields)
        self.assertEqual(status, 200, body)
        return body["usage"]["prompt_tokens_details"]["cached_tokens"]

    def test_a_prompt_is_no_hit_for_another_tenant_and_one_for_another_key(self):
        with self.serve(keys_text()) as server:
            self.assertEqual(self.cached(server, "acme-1"), 0)
            self.assertGreater(self.cached(server, "acme-2"), 0, "two keys of one tenant share")
            for salt in ({}, {"cache_salt": "acme"}, {"cache_salt": "an-e2e-secret"}):
                self.assertEqual(self.cached(server, "rival-1", **salt), 0, salt)
            self.assertEqual(self.cached(server, "acme-1", cache_salt="own"), 0)
            self.assertGreater(self.cached(server, "acme-2", cache_salt="own"), 0)


class Quotas(KeysFile):
    def test_limits_answer_429_with_a_wait_and_a_reload_keeps_the_count(self):
        with self.serve(keys_text("requests_per_minute = 2")) as server:
            self.assertEqual(self.chat(server, "acme-1")[0], 200)
            self.assertEqual(self.chat(server, "acme-2")[0], 200)
            status, body, headers = self.chat(server, "acme-1")
            self.assertEqual((status, body["error"]["type"]), (429, "rate_limit_error"))
            self.assertIn(int(headers["retry-after"]), range(1, 31))
            self.assertEqual(self.chat(server, "rival-1")[0], 200)
            self.reload(server, keys_text("requests_per_minute = 2\nweight = 3"))
            self.assertEqual(self.chat(server, "acme-1")[0], 429)
            self.reload(server, keys_text())
            self.assertEqual(self.chat(server, "acme-1")[0], 200)

    def test_a_client_that_leaves_frees_its_place(self):
        with self.serve(keys_text("max_concurrent = 1")) as server:
            connection = server.connection()

            body = chat_body("Count up.", max_tokens=2000, stream=True, ignore_eos=True)
            connection.request("POST", CHAT, json.dumps(body),
                               {"content-type": "application/json"} | bearer("acme-1"))
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200)
            self.assertEqual(self.chat(server, "acme-2")[0], 429)
            answer.close()
            connection.close()
            wait_until(lambda: self.chat(server, "acme-2")[0] == 200, 30, "the free place")


class WebPages(unittest.TestCase):
    def test_a_page_of_a_listed_origin_may_call(self):
        page = {"origin": "https://chat.example"}
        with Server("--cors-origin", "https://chat.example", "--http-path", "chat=/x/chat") as server:
            with contextlib.closing(server.connection()) as connection:
                connection.request("OPTIONS", "/x/chat",
                                   headers=page | {"access-control-request-method": "POST"})
                answer = connection.getresponse()
                self.assertEqual(answer.status, 204)
                self.assertEqual(answer.headers["access-control-allow-methods"], "POST")
                answer.read()
            body = chat_body("Hi", max_tokens=2, stream=True)
            status, headers, _ = server.post("/x/chat", body, page)
            self.assertEqual(status, 200)
            self.assertEqual(headers["access-control-allow-origin"], "https://chat.example")
            self.assertEqual(headers["vary"], "Origin")
            self.assertEqual(server.post(CHAT, body, page)[0], 404, "the old path is gone")

    def test_flags_that_make_no_sense_end_the_start(self):
        for flag, value in (("--cors-origin", "chat.example"), ("--http-path", "chat=nowhere")):
            done = subprocess.run(
                [need("PENSTOCK_BINARY"), "serve", "--model", need("PENSTOCK_TEST_MODEL"),
                 "--http-port", "0", flag, value],
                capture_output=True, text=True, timeout=60,
            )
            self.assertEqual(done.returncode, 4)
            self.assertIn(f"{flag} '{value}'", done.stderr)


if __name__ == "__main__":
    unittest.main()
