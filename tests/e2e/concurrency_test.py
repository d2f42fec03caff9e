"""Requests that run together give exactly the texts they give alone."""

import concurrent.futures
import random
import unittest

from server import Server, chat_body

WORDS = "river stone light paper engine green seven music window cloud iron letter".split()


def setUpModule():
    global server
    server = Server()
    server.__enter__()
    unittest.addModuleCleanup(server.__exit__, None, None, None)


def requests():
    """16 of mixed lengths: 4 to 600 prompt words, 4 to 40 tokens, greedy and seeded."""
    source = random.Random(2026)
    made = []
    for i in range(16):
        words = " ".join(source.choices(WORDS, k=source.choice([4, 20, 90, 300, 600])))
        sampling = {"temperature": 0} if i % 2 == 0 else {"temperature": 0.9, "seed": i}
        body = chat_body(f"Continue: {words}", max_tokens=source.randint(4, 40)) | sampling
        made.append(body)
    return made


def text_of(body):
    answer = server.client().chat.completions.create(**body)
    return answer.choices[0].message.content, answer.choices[0].finish_reason


class Batching(unittest.TestCase):
    def test_sixteen_at_once_equal_each_alone(self):
        bodies = requests()
        with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
            together = list(pool.map(text_of, bodies))
        for number, (body, seen) in enumerate(zip(bodies, together)):
            with self.subTest(request=number):
                self.assertEqual(text_of(body), seen)
        self.assertEqual(server.metric("penstock_frontend_active_requests"), 0)
        self.assertEqual(server.metric("penstock_frontend_requests_total"), 2 * len(bodies))


if __name__ == "__main__":
    unittest.main()
