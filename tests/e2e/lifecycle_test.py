"""Start, health, disconnects, draining and end of the process."""

import contextlib
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

from server import MODEL_NAME, START_LIMIT_S, Server, chat_body, need, wait_until

LONG = {"max_tokens": 400, "ignore_eos": True, "stream": True}


def open_stream(server, **fields):
    """A raw connection whose stream has begun: (socket, bytes so far)."""
    body = json.dumps(chat_body("Tell me a story.", **(LONG | fields))).encode()
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    connection.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
        + f"content-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    begun = b""
    while b"data: " not in begun:
        piece = connection.recv(65536)
        if not piece:
            raise AssertionError(f"the stream ended early: {begun!r}")
        begun += piece
    return connection, begun


def reset(connection):
    """Closes with a reset, as a client that dies does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Start(unittest.TestCase):
    def run_binary(self, *arguments):
        return subprocess.run(
            [need("PENSTOCK_BINARY"), *arguments], capture_output=True, text=True, timeout=60
        )

    def test_says_its_version(self):
        done = self.run_binary("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^penstock \d+\.\d+\.\d+")

    def test_without_a_model_says_how_to_get_one(self):
        done = self.run_binary("serve")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--model", done.stderr + done.stdout)
        self.assertIn("./run serve", done.stderr + done.stdout)

    def test_an_unknown_flag_ends_the_start_with_status_2(self):
        done = self.run_binary("serve", "--model", "x.gguf", "--speculative", "4")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--speculative", done.stderr)

    def test_a_file_that_is_no_model_is_one_clear_error(self):
        done = self.run_binary("serve", "--model", __file__, "--http-port", "0")
        self.assertNotEqual(done.returncode, 0)
        self.assertGreater(done.returncode, 0, "an exit status, not a signal")
        self.assertIn("lifecycle_test.py", done.stderr + done.stdout)

    def test_print_config_shows_each_setting_and_where_it_comes_from(self):
        done = self.run_binary(
            "serve", "--model", need("PENSTOCK_TEST_MODEL"), "--threads", "3", "--print-config"
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        line = next(x for x in done.stdout.splitlines() if x.startswith("threads"))
        self.assertIn("3", line)
        self.assertIn("flag", line)
        self.assertRegex(done.stdout, r"(?m)^http-port\b.*8000.*default")

    def test_prints_a_line_per_phase_and_then_that_it_is_ready(self):
        with Server() as server:
            lines = server.text().splitlines()
        phases = [line for line in lines if " start: " in line]
        self.assertGreaterEqual(len(phases), 3, lines)
        for line in phases:
            self.assertRegex(line, r"[0-9.]+ ms")


class Health(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__, None, None, None)

    def test_live_ready_and_health_are_well(self):
        self.assertEqual(self.server.get("/live")[0], 200)
        self.assertEqual(self.server.get("/ready")[0], 200)
        self.assertEqual(self.server.get(f"/ready?model={MODEL_NAME}")[0], 200)
        status, body = self.server.get("/health")
        self.assertEqual(status, 200)
        health = json.loads(body)
        self.assertEqual(health["status"], "healthy")
        self.assertIn(MODEL_NAME, health["models"])

    def test_unknown_paths_and_wrong_methods_are_told_apart(self):
        status, body = self.server.get("/v1/none")
        self.assertEqual((status, json.loads(body)["error"]["code"]), (404, "unknown_url"))
        status, body = self.server.get("/v1/chat/completions")
        self.assertEqual((status, json.loads(body)["error"]["code"]), (405, "method_not_allowed"))

    def test_every_answer_carries_a_request_id(self):
        for body in (chat_body("Hi", max_tokens=1), b"{not json"):
            status, headers, _ = self.server.post(
                "/v1/chat/completions", body, {"x-request-id": "mine-1"}
            )
            self.assertEqual(headers["x-request-id"], "mine-1", status)
            self.assertTrue(headers["x-penstock-request-id"])

    def test_a_client_that_resets_its_stream_gives_everything_back(self):
        connection, _ = open_stream(self.server)
        self.assertEqual(self.server.metric("penstock_frontend_active_requests"), 1)
        reset(connection)
        wait_until(
            lambda: self.server.metric("penstock_frontend_active_requests") == 0, 10,
            "the cancelled request is gone",
        )
        answer = self.server.client().chat.completions.create(**chat_body("Hi"))
        self.assertTrue(answer.choices[0].message.content)

    def test_metrics_are_prometheus_text(self):
        status, text = self.server.get("/metrics")
        self.assertEqual(status, 200)
        for line in text.splitlines():
            self.assertRegex(line, r"^(# (HELP|TYPE) \S+ .*|[a-zA-Z_:][\w:]*(\{.*\})? \S+)$")
        self.assertIn("penstock_frontend_time_to_first_token_seconds_bucket", text)


class Draining(unittest.TestCase):
    def test_sigterm_lets_a_stream_finish_and_exits_with_0(self):
        with Server("--http-grace-secs", "1") as server:
            connection, begun = open_stream(server, max_tokens=80)
            received = [begun]

            def read_on():
                with contextlib.suppress(TimeoutError):
                    while piece := connection.recv(65536):
                        received.append(piece)

            reader = threading.Thread(target=read_on)
            reader.start()
            server.process.send_signal(signal.SIGTERM)
            status = server.process.wait(120)
            reader.join(60)
            connection.close()
        self.assertEqual(status, 0, "after a drain")
        self.assertIn(b"data: [DONE]", b"".join(received))

    def test_sigterm_breaks_none_of_a_hundred_streams(self):
        paced = ("--engine", "mock", "--mock-step-us", "10000", "--mock-token-us", "0")
        with Server(*paced, "--http-grace-secs", "0") as server:
            streams = [open_stream(server, max_tokens=500) for _ in range(100)]
            server.process.send_signal(signal.SIGTERM)
            for connection, received in streams:
                while piece := connection.recv(65536):
                    received += piece
                connection.close()
                self.assertEqual(received.count(b'"content":"'), 501, "the role's, and a token's each")
                self.assertTrue(received.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"))
            with self.assertRaises(ConnectionError):
                socket.create_connection(("127.0.0.1", server.port), timeout=10)
            self.assertEqual(server.process.wait(60), 0)
            self.assertNotIn("still held", server.text())

    def test_while_draining_it_is_not_ready_and_refuses_new_requests(self):
        with Server("--http-grace-secs", "30") as server:
            connection, _ = open_stream(server, max_tokens=2000)
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: server.get("/ready")[0] == 503, 10, "not ready")
            self.assertEqual(server.get("/live")[0], 200)
            status, headers, body = server.post("/v1/chat/completions", chat_body("Hi"))
            self.assertEqual((status, json.loads(body)["error"]["code"]), (503, "draining"))
            self.assertEqual(headers["connection"].lower(), "close")
            reset(connection)

    def test_what_outlives_the_drain_timeout_gets_an_error_event(self):
        with Server("--http-grace-secs", "0", "--drain-timeout-ms", "300") as server:
            connection, begun = open_stream(server, max_tokens=4000)
            server.process.send_signal(signal.SIGTERM)
            rest = begun
            with contextlib.suppress(TimeoutError):
                while piece := connection.recv(65536):
                    rest += piece
            self.assertEqual(server.process.wait(60), 0)
            connection.close()
        self.assertIn(b"event: error", rest)
        self.assertIn(b"draining", rest)
        self.assertNotIn(b"[DONE]", rest)

    def test_an_idle_server_ends_at_once(self):
        with Server("--http-grace-secs", "0") as server:
            begin = time.monotonic()
            self.assertEqual(server.terminate(), 0)
            self.assertLess(time.monotonic() - begin, 5)


class Terminal(unittest.TestCase):
    def test_a_server_ends_with_the_terminal_it_was_started_from(self):
        server = Server("--http-grace-secs", "0")
        child, terminal = pty.fork()
        if child == 0:
            os.dup2(server.log.fileno(), 1)
            os.dup2(server.log.fileno(), 2)
            os.execv(server.command[0], server.command)
        try:
            wait_until(lambda: "penstock ready" in server.text(), START_LIMIT_S, "the ready line")
            os.close(terminal)
            wait_until(lambda: os.waitpid(child, os.WNOHANG)[0] == child, 60, "the end")
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            raise
        finally:
            server.log.close()


if __name__ == "__main__":
    unittest.main()
