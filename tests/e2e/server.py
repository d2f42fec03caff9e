"""A real `penstock serve` process on a free port, for tests.

    with Server("--max-num-seqs", "4") as server:
        server.client().chat.completions.create(...)

The binary is PENSTOCK_BINARY and the model PENSTOCK_TEST_MODEL, as scripts/ctest.sh sets them; a
test module without them is skipped, and says so. Every wait has a deadline.
"""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest

MODEL_NAME = "SmolLM2-135M-Instruct"
START_LIMIT_S = float(os.environ.get("PENSTOCK_E2E_START_LIMIT_S", "120"))
REQUEST_LIMIT_S = float(os.environ.get("PENSTOCK_E2E_REQUEST_LIMIT_S", "240"))


def need(variable):
    value = os.environ.get(variable)
    if not value or not os.path.exists(value):
        raise unittest.SkipTest(f"{variable} is not set to a file; ./run test sets it")
    return value


def wait_until(condition, limit_s, what):
    """Polls until `condition()` is true; its value."""
    end = time.monotonic() + limit_s
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit_s} s: {what}")
        time.sleep(0.01)
    return value


class Server:
    def __init__(self, *flags):
        self.command = [
            need("PENSTOCK_BINARY"), "serve", "--model", need("PENSTOCK_TEST_MODEL"),
            "--served-model-name", MODEL_NAME, "--http-port", "0", *flags,
        ]
        if "--admin-port" not in flags:
            self.command += ["--admin-port", "0"]
        self.log = tempfile.NamedTemporaryFile("w+", prefix="penstock-e2e-", suffix=".log")
        self.process = None
        self.port = None
        self.admin_port = None  # None: off

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT
        )
        try:
            line = wait_until(self._ready_line, START_LIMIT_S, "the ready line")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.port = int(re.search(r"http=\S+:(\d+)", line)[1])
        admin = re.search(r"admin=\S+:(\d+)", line)
        self.admin_port = int(admin[1]) if admin else None
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
        self.log.close()

    def _ready_line(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.text()}")
        return next((x for x in self.text().splitlines() if x.startswith("penstock ready")), None)

    def text(self):
        """What the server has printed so far."""
        with open(self.log.name, encoding="utf-8", errors="replace") as log:
            return log.read()

    def terminate(self, limit_s=60):
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(limit_s)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def client(self):
        from openai import OpenAI

        return OpenAI(
            base_url=self.url + "/v1", api_key="none", timeout=REQUEST_LIMIT_S, max_retries=0
        )

    def async_client(self):
        from openai import AsyncOpenAI

        return AsyncOpenAI(
            base_url=self.url + "/v1", api_key="none", timeout=REQUEST_LIMIT_S, max_retries=0
        )

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_LIMIT_S)

    def get(self, path):
        """(status, body text)."""
        with contextlib.closing(self.connection()) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def post(self, path, body, headers=None):
        """(status, headers, body bytes); `body` is bytes, or a value sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        with contextlib.closing(self.connection()) as connection:
            connection.request(
                "POST", path, data, {"content-type": "application/json"} | (headers or {})
            )
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def admin(self, method, path, body=None, headers=None):
        """(status, JSON) of the admin port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=30)
        with contextlib.closing(connection):
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def metric(self, name):
        """Sum over the series of one metric; 0 while there is none."""
        text = self.get("/metrics")[1]
        values = re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text, re.M)
        return sum(float(value) for value in values)


def chat_body(text, **fields):
    return {
        "model": MODEL_NAME,
        "messages": [{"role": "user", "content": text}],
        "temperature": 0,
        "max_tokens": 16,
    } | fields
