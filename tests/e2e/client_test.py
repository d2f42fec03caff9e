"""The official OpenAI client, sync and async, streaming and not, without special settings."""

import asyncio
import unittest

import openai
from server import MODEL_NAME, Server, chat_body

PROMPT = "The capital of France is"
QUESTION = "What is the capital of France?"


def setUpModule():
    global server
    server = Server()
    server.__enter__()
    unittest.addModuleCleanup(server.__exit__, None, None, None)


def chat(text=QUESTION, **fields):
    return server.client().chat.completions.create(**chat_body(text, **fields))


def chat_stream_text(text=QUESTION, **fields):
    """The streamed text of choice 0, and the chunks."""
    chunks = list(chat(text, stream=True, **fields))
    deltas = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    return "".join(deltas), chunks


def complete(prompt=PROMPT, **fields):
    body = {"model": MODEL_NAME, "prompt": prompt, "temperature": 0, "max_tokens": 8} | fields
    return server.client().completions.create(**body)


class Chat(unittest.TestCase):
    def test_answers_a_question(self):
        answer = chat()
        self.assertEqual(answer.object, "chat.completion")
        self.assertTrue(answer.id.startswith("chatcmpl-"))
        self.assertEqual(answer.model, MODEL_NAME)
        message = answer.choices[0].message
        self.assertEqual(message.role, "assistant")
        self.assertIn("Paris", message.content)
        usage = answer.usage
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
        self.assertGreater(usage.prompt_tokens, 10)

    def test_streams_the_same_text_as_the_whole_answer(self):
        whole = chat(max_tokens=24)
        text, chunks = chat_stream_text(max_tokens=24)
        self.assertEqual(text, whole.choices[0].message.content)
        finishes = [c.choices[0].finish_reason for c in chunks if c.choices]
        self.assertEqual(finishes[-1], whole.choices[0].finish_reason)
        self.assertTrue(all(finish is None for finish in finishes[:-1]))
        self.assertEqual(len({(c.id, c.created, c.model) for c in chunks}), 1)
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")

    def test_ends_a_stream_with_its_usage_when_asked(self):
        _, chunks = chat_stream_text(stream_options={"include_usage": True})
        self.assertEqual(chunks[-1].choices, [])
        self.assertEqual(chunks[-1].usage.completion_tokens, chat().usage.completion_tokens)
        self.assertTrue(all(c.usage is None for c in chunks[:-1]))

    def test_reads_the_whole_conversation(self):
        def answer(*earlier):
            turns = [*earlier, {"role": "user", "content": "Repeat the secret word."}]
            return server.client().chat.completions.create(
                model=MODEL_NAME, messages=turns, temperature=0, max_tokens=16
            )

        known = answer(
            {"role": "system", "content": "You repeat words exactly."},
            {"role": "user", "content": "The secret word is lighthouse."},
            {"role": "assistant", "content": "The secret word is lighthouse."},
        )
        self.assertIn("lighthouse", known.choices[0].message.content.lower())
        self.assertNotIn("lighthouse", answer().choices[0].message.content.lower())

    def test_stops_at_max_tokens_and_says_so(self):
        answer = chat("Tell me a long story.", max_tokens=5)
        self.assertEqual(answer.choices[0].finish_reason, "length")
        self.assertEqual(answer.usage.completion_tokens, 5)

    def test_a_seed_repeats_its_text_and_another_gives_another(self):
        def text(seed):
            answer = chat("Invent a word.", temperature=1.0, seed=seed, max_tokens=12)
            return answer.choices[0].message.content

        self.assertEqual(text(7), text(7))
        self.assertGreater(len({text(seed) for seed in range(4)}), 1)

    def test_gives_n_choices_and_counts_the_prompt_once(self):
        one = chat("Invent a word.", temperature=1.0, seed=3, max_tokens=6)
        three = chat("Invent a word.", temperature=1.0, seed=3, max_tokens=6, n=3)
        self.assertEqual([c.index for c in three.choices], [0, 1, 2])
        self.assertEqual(
            three.choices[0].message.content, one.choices[0].message.content, "choice 0 is the one"
        )
        self.assertEqual(three.usage.prompt_tokens, one.usage.prompt_tokens)
        self.assertGreater(len({c.message.content for c in three.choices}), 1)

    def test_gives_log_probabilities(self):
        answer = chat(logprobs=True, top_logprobs=3, max_tokens=4)
        entries = answer.choices[0].logprobs.content
        self.assertEqual(len(entries), 4)
        for entry in entries:
            self.assertLessEqual(entry.logprob, 0)
            self.assertEqual(len(entry.top_logprobs), 3)
            self.assertEqual(entry.token, entry.top_logprobs[0].token, "greedy takes the likeliest")
        text = answer.choices[0].message.content
        self.assertEqual("".join(entry.token for entry in entries), text)


class StopStrings(unittest.TestCase):
    def test_no_byte_of_the_stop_string_is_shown(self):
        whole = chat(max_tokens=24).choices[0].message.content
        stop = whole[len(whole) // 2 : len(whole) // 2 + 4]
        expected = whole[: whole.index(stop)]
        answer = chat(max_tokens=24, stop=[stop, "never seen"])
        self.assertEqual(answer.choices[0].message.content, expected)
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        streamed, _ = chat_stream_text(max_tokens=24, stop=stop)
        self.assertEqual(streamed, expected)

    def test_text_held_back_for_a_stop_that_does_not_come_is_shown(self):
        whole = chat(max_tokens=8).choices[0].message.content
        streamed, _ = chat_stream_text(max_tokens=8, stop=whole[-3:] + "\x00")
        self.assertEqual(streamed, whole)


class Completions(unittest.TestCase):
    def test_goes_on_with_a_prompt(self):
        answer = complete()
        self.assertEqual(answer.object, "text_completion")
        self.assertTrue(answer.id.startswith("cmpl-"))
        self.assertIn("Paris", answer.choices[0].text)

    def test_streams_the_same_text(self):
        streamed = "".join(c.choices[0].text for c in complete(stream=True) if c.choices)
        self.assertEqual(streamed, complete().choices[0].text)

    def test_takes_token_ids_and_gives_them_back(self):
        first = complete(extra_body={"return_token_ids": True})
        prompt_ids = first.model_extra.get("prompt_token_ids") or first.choices[
            0
        ].model_extra.get("prompt_token_ids")
        again = complete(prompt=prompt_ids, extra_body={"return_token_ids": True})
        self.assertEqual(again.choices[0].text, first.choices[0].text)
        ids = again.choices[0].model_extra["token_ids"]
        self.assertEqual(len(ids), again.usage.completion_tokens)
        self.assertEqual(ids, first.choices[0].model_extra["token_ids"])

    def test_numbers_the_choices_of_several_prompts(self):
        answer = complete(prompt=[PROMPT, "One, two, three,"])
        self.assertEqual([c.index for c in answer.choices], [0, 1])
        self.assertEqual(answer.choices[0].text, complete().choices[0].text)
        self.assertEqual(answer.choices[1].text, complete("One, two, three,").choices[0].text)

    def test_repeats_the_prompt_when_asked_to_echo(self):
        self.assertEqual(complete(echo=True).choices[0].text, PROMPT + complete().choices[0].text)


class Async(unittest.IsolatedAsyncioTestCase):
    async def test_answers_and_streams(self):
        async with server.async_client() as client:
            whole = await client.chat.completions.create(**chat_body(QUESTION))
            stream = await client.chat.completions.create(**chat_body(QUESTION), stream=True)
            deltas = [c.choices[0].delta.content or "" async for c in stream if c.choices]
        self.assertIn("Paris", whole.choices[0].message.content)
        self.assertEqual("".join(deltas), whole.choices[0].message.content)

    async def test_streams_side_by_side(self):
        async def stream_text(client, number):
            body = chat_body(f"Count from {number}.", max_tokens=12)
            stream = await client.chat.completions.create(**body, stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

        async with server.async_client() as client:
            together = await asyncio.gather(*(stream_text(client, i) for i in range(4)))
            alone = [await stream_text(client, i) for i in range(4)]
        self.assertEqual(together, alone)


class Models(unittest.TestCase):
    def test_lists_the_model_and_its_context(self):
        models = server.client().models.list().data
        self.assertEqual([m.id for m in models], [MODEL_NAME])
        self.assertEqual(models[0].owned_by, "penstock")
        self.assertGreater(models[0].model_extra["max_model_len"], 0)
        self.assertEqual(server.client().models.retrieve(MODEL_NAME).id, MODEL_NAME)


class Errors(unittest.TestCase):
    def assert_refused(self, kind, code, param, call):
        with self.assertRaises(kind) as caught:
            call()
        self.assertEqual(caught.exception.code, code, caught.exception)
        self.assertEqual(caught.exception.param, param, caught.exception)
        return caught.exception

    def test_an_unknown_model_is_not_found(self):
        error = self.assert_refused(
            openai.NotFoundError, "model_not_found", "model", lambda: chat(model="gpt-none")
        )
        self.assertIn("gpt-none", error.message)

    def test_values_out_of_range_are_refused_by_name(self):
        for field, value in (
            ("temperature", 2.5), ("top_p", 0), ("max_tokens", 0), ("n", 0), ("stop", ["x"] * 17)
        ):
            with self.subTest(field):
                self.assert_refused(
                    openai.BadRequestError, "invalid_value", field,
                    lambda f=field, v=value: chat(**{f: v}),
                )

    def test_what_is_not_built_is_refused_not_ignored(self):
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
        for field, value in (("tools", [tool]), ("response_format", {"type": "json_object"})):
            with self.subTest(field), self.assertRaises(openai.BadRequestError) as caught:
                chat(**{field: value})
            self.assertIn("not built", caught.exception.message)

    def test_a_prompt_over_the_context_names_both_numbers(self):
        error = self.assert_refused(
            openai.BadRequestError, "context_length_exceeded", "messages",
            lambda: chat("word " * 10_000),
        )
        self.assertRegex(error.message, r"\d{4,}.*\d{4,}")

    def test_an_error_before_the_first_token_has_its_status_though_a_stream_was_asked(self):
        with self.assertRaises(openai.BadRequestError):
            chat(stream=True, temperature=9)


if __name__ == "__main__":
    unittest.main()
