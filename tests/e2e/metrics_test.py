"""The names, types and labels of /metrics, read by Prometheus's own parser and by Prometheus."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import unittest
import urllib.parse
import urllib.request
from pathlib import Path

from server import MODEL_NAME, Server, chat_body, wait_until

PREFIX = "dynamo_frontend"
OF_WORKER = {"worker_id", "dp_rank", "worker_type"}
# name (without prefix): type, labels. Counters as the parser names them, without _total.
FAMILIES = {
    "requests_started": ("counter", {"model", "endpoint", "request_type"}),
    "requests": ("counter", {"model", "endpoint", "request_type", "status", "error_type"}),
    "active_requests": ("gauge", {"model"}),
    "inflight_requests": ("gauge", {"model"}),
    "queued_requests": ("gauge", {"model"}),
    "disconnected_clients": ("gauge", set()),
    "connections": ("gauge", set()),
    "request_duration_seconds": ("histogram", {"model"}),
    "time_to_first_token_seconds": ("histogram", {"model"}),
    "inter_token_latency_seconds": ("histogram", {"model"}),
    "input_sequence_tokens": ("histogram", {"model"}),
    "output_sequence_tokens": ("histogram", {"model"}),
    "cached_tokens": ("histogram", {"model"}),
    "output_tokens": ("counter", {"model"}),
    "tokenizer_cache_hits": ("counter", {"model"}),
    "tokenizer_cache_misses": ("counter", {"model"}),
    "tokenizer_cache_cached_tokens": ("counter", {"model"}),
    "tokenizer_cache_uncached_tokens": ("counter", {"model"}),
    "stage_duration_seconds": ("histogram", {"stage"}),
    "tokenizer_latency_ms": ("histogram", {"operation"}),
    "model_ready": ("gauge", {"model"}),
    "model_workers": ("gauge", {"model", "role"}),
    "model_worker_sets": ("gauge", {"model"}),
    "model_context_length": ("gauge", {"model"}),
    "model_kv_cache_block_size": ("gauge", {"model"}),
    "model_total_kv_blocks": ("gauge", {"model"}),
    "model_max_num_seqs": ("gauge", {"model"}),
    "model_max_num_batched_tokens": ("gauge", {"model"}),
    "worker_active_decode_blocks": ("gauge", OF_WORKER),
    "worker_active_prefill_tokens": ("gauge", OF_WORKER),
    "worker_last_time_to_first_token_seconds": ("gauge", OF_WORKER),
    "worker_last_inter_token_latency_seconds": ("gauge", OF_WORKER),
    "event_loop_delay_seconds": ("histogram", {"thread"}),
}
# name: least bound above 0, largest finite bound, how many of them.
BOUNDS = {
    "request_duration_seconds": (1, 510, 10),
    "time_to_first_token_seconds": (0.001, 480, 18),
    "inter_token_latency_seconds": (0.001, 2, 13),
    "input_sequence_tokens": (50, 130000, 12),
    "output_sequence_tokens": (50, 32000, 10),
    "stage_duration_seconds": (0.00001, 60, 20),
    "event_loop_delay_seconds": (0.0001, 10, 16),
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--engine", "mock", "--mock-speedup", "0", "--metrics-prefix", PREFIX)
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__, None, None, None)
        for stream in (True, False):
            body = chat_body("Hi", max_tokens=8, stream=stream)
            assert cls.server.post("/v1/chat/completions", body)[0] == 200
        assert cls.server.post("/v1/chat/completions", {"model": "nobody"})[0] in (400, 404)

    def families(self):
        from prometheus_client.parser import text_string_to_metric_families

        return {family.name: family
                for family in text_string_to_metric_families(self.server.get("/metrics")[1])}

    def test_every_name_has_its_type_and_its_labels(self):
        families = self.families()
        for name, (kind, labels) in FAMILIES.items():
            with self.subTest(name):
                family = families[f"{PREFIX}_{name}"]
                self.assertEqual(family.type, kind)
                self.assertTrue(family.documentation)
                self.assertTrue(family.samples, "no series")
                for sample in family.samples:
                    self.assertEqual(set(sample.labels) - {"le"}, labels)

    def test_no_model_label_is_the_clients_text(self):
        for family in self.families().values():
            for sample in family.samples:
                self.assertIn(sample.labels.get("model", MODEL_NAME), (MODEL_NAME, "unknown"))

    def test_buckets_are_zero_then_log_spaced_bounds_then_infinity(self):
        families = self.families()
        for name, (least, most, count) in BOUNDS.items():
            with self.subTest(name):
                family = families[f"{PREFIX}_{name}"]
                one = {k: v for k, v in family.samples[0].labels.items() if k != "le"}
                bounds = [float(sample.labels["le"]) for sample in family.samples
                          if sample.name.endswith("_bucket")
                          and {k: v for k, v in sample.labels.items() if k != "le"} == one]
                self.assertEqual(bounds, sorted(bounds))
                self.assertEqual(bounds[0], 0)
                self.assertEqual(bounds[-1], float("inf"))
                self.assertEqual(len(bounds), count + 2)
                self.assertEqual((bounds[1], bounds[-2]), (least, most))

    def test_promtool_finds_nothing_that_is_not_a_matter_of_taste(self):
        tool = shutil.which("promtool")
        if not tool:
            self.skipTest("promtool is not installed; ./run test installs it")
        done = subprocess.run([tool, "check", "metrics"], input=self.server.get("/metrics")[1],
                              capture_output=True, text=True, timeout=60)
        # Names are those of existing dashboards: a unit in ms, a total that is a gauge.
        complaints = [line for line in done.stderr.splitlines()
                      if "use base unit" not in line and "abbreviated units" not in line]
        self.assertEqual(complaints, [])

    def test_a_real_prometheus_scrapes_and_answers(self):
        binary = shutil.which("prometheus")
        if not binary:
            self.skipTest("prometheus is not installed; ./run test installs it")
        folder = tempfile.TemporaryDirectory(prefix="penstock-prometheus-")
        self.addCleanup(folder.cleanup)
        config = Path(folder.name) / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{
                "job_name": "penstock",
                "static_configs": [{"targets": [f"127.0.0.1:{self.server.port}"]}],
            }],
        }))
        port = free_port()
        process = subprocess.Popen(
            [binary, f"--config.file={config}", f"--storage.tsdb.path={folder.name}/data",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"GOMAXPROCS": "1"},
        )
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.kill)

        def value(query):
            url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
            try:
                with urllib.request.urlopen(url, timeout=10) as answer:
                    result = json.load(answer)["data"]["result"]
            except OSError:
                return None
            return float(result[0]["value"][1]) if result else None

        wait_until(lambda: value('up{job="penstock"}') == 1, 90, "Prometheus has scraped")
        self.assertEqual(
            value(f'sum({PREFIX}_requests_total{{status="success",model="{MODEL_NAME}"}})'), 2)
        self.assertEqual(value(f"{PREFIX}_output_tokens_total"), 16)
        self.assertEqual(value(f"sum({PREFIX}_time_to_first_token_seconds_count)"), 2)


if __name__ == "__main__":
    unittest.main()
