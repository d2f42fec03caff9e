"""What docs/sampling.md says of each field holds for a real model, through the official client."""

import unittest

import openai
from server import MODEL_NAME, Server, chat_body

PROMPT = "The capital of France is"
QUESTION = "What is the capital of France?"
EXTENSIONS = {
    "allowed_token_ids", "bad_words", "prompt_logprobs", "min_tokens", "ignore_eos",
    "repetition_penalty", "return_token_ids",
}


def setUpModule():
    global server
    server = Server()
    server.__enter__()
    unittest.addModuleCleanup(server.__exit__, None, None, None)


def with_extensions(fields):
    """The client takes fields that are not OpenAI's in `extra_body`."""
    own = {name: value for name, value in fields.items() if name not in EXTENSIONS}
    extra = {name: value for name, value in fields.items() if name in EXTENSIONS}
    return own | {"extra_body": {"return_token_ids": True} | extra}


def chat(text=QUESTION, **fields):
    return server.client().chat.completions.create(**with_extensions(chat_body(text) | fields))


def complete(prompt=PROMPT, **fields):
    body = {"model": MODEL_NAME, "prompt": prompt, "temperature": 0, "max_tokens": 8} | fields
    return server.client().completions.create(**with_extensions(body))


def ids_of(choice):
    return choice.model_extra["token_ids"]


def tokenize(text):
    answer = complete(text, max_tokens=1)
    return answer.choices[0].model_extra["prompt_token_ids"]


def occurs(sequence, token_ids):
    size = len(sequence)
    return any(token_ids[i : i + size] == sequence for i in range(len(token_ids) - size + 1))


class Refusals(unittest.TestCase):
    def assert_refused(self, param, call):
        with self.assertRaises(openai.BadRequestError) as caught:
            call()
        self.assertEqual(caught.exception.code, "invalid_value", caught.exception)
        self.assertEqual(caught.exception.param, param, caught.exception)
        return caught.exception.message

    def test_name_the_value_and_its_limit(self):
        self.assert_refused("allowed_token_ids[1]", lambda: chat(allowed_token_ids=[1, 10**6]))
        self.assert_refused("allowed_token_ids", lambda: chat(allowed_token_ids=[1] * 1025))
        self.assert_refused("bad_words", lambda: chat(bad_words=["a"] * 129))
        self.assert_refused("bad_words[0]", lambda: chat(bad_words=["a" * 257]))
        self.assert_refused("prompt_logprobs", lambda: chat(prompt_logprobs=21))
        self.assert_refused("prompt_logprobs", lambda: chat(prompt_logprobs=1, stream=True))

    def test_settings_that_leave_no_token_say_what_conflicts(self):
        (token,) = tokenize("a")
        message = self.assert_refused(
            None, lambda: chat(allowed_token_ids=[token], bad_words=["a"])
        )
        self.assertIn("allowed_token_ids", message)
        self.assertIn("bad_words", message)

    def test_settings_that_leave_no_token_later_end_the_request_with_the_reason(self):
        allowed = tokenize(" red") + tokenize(" blue")
        with self.assertRaises(openai.BadRequestError) as caught:
            complete(allowed_token_ids=allowed, bad_words=["red", "blue blue"], max_tokens=4)
        self.assertIn("position 1", caught.exception.message)


class AllowedTokenIds(unittest.TestCase):
    def test_no_other_token_comes(self):
        allowed = tokenize(" yes no maybe")
        for fields in ({"temperature": 0}, {"temperature": 1.5, "seed": 3}):
            with self.subTest(**fields):
                answer = chat(allowed_token_ids=allowed, max_tokens=12, **fields)
                self.assertLessEqual(set(ids_of(answer.choices[0])), set(allowed))
                self.assertEqual(answer.choices[0].finish_reason, "length", "EOS is not allowed")

    def test_holds_for_each_choice_and_for_streams(self):
        allowed = tokenize(" yes no maybe")
        fields = {"allowed_token_ids": allowed, "max_tokens": 6, "temperature": 1.0, "seed": 5}
        whole = chat(n=3, **fields)
        for choice in whole.choices:
            self.assertLessEqual(set(ids_of(choice)), set(allowed))
        streamed = [c.choices[0].delta.content or "" for c in chat(stream=True, **fields)]
        self.assertEqual("".join(streamed), whole.choices[0].message.content)


class BadWords(unittest.TestCase):
    def test_neither_form_of_a_word_comes(self):
        free = complete(max_tokens=12)
        forms = [tokenize("Paris"), tokenize(" Paris")]
        self.assertTrue(any(occurs(form, ids_of(free.choices[0])) for form in forms))
        for fields in ({}, {"temperature": 1.0, "seed": 4, "n": 2}):
            with self.subTest(**fields):
                answer = complete(bad_words=["Paris"], max_tokens=24, **fields)
                for choice in answer.choices:
                    self.assertFalse(any(occurs(form, ids_of(choice)) for form in forms))

    def test_only_the_whole_sequence_is_forbidden(self):
        free = complete(max_tokens=16).choices[0]
        ids = ids_of(free)
        pieces = complete(max_tokens=16, logprobs=0).choices[0].logprobs.tokens
        # Two neighbours whose text is tokenized into just them.
        at = next(
            i for i in range(len(ids) - 1)
            if pieces[i].startswith(" ") and tokenize(pieces[i] + pieces[i + 1]) == ids[i : i + 2]
        )
        word = pieces[at] + pieces[at + 1]
        answer = complete(bad_words=[word], max_tokens=16).choices[0]
        self.assertFalse(occurs(ids[at : at + 2], ids_of(answer)), word)
        self.assertEqual(ids_of(answer)[: at + 1], ids[: at + 1], "all before it stays")

    def test_a_word_that_would_not_come_changes_nothing(self):
        self.assertEqual(
            chat(bad_words=["xylophone", "quartz"]).choices[0].message.content,
            chat().choices[0].message.content,
        )


class PromptLogprobs(unittest.TestCase):
    def check_list(self, entries, prompt_ids, num_top):
        self.assertEqual(len(entries), len(prompt_ids))
        self.assertIsNone(entries[0])
        for token, entry in zip(prompt_ids[1:], entries[1:]):
            own = entry[str(token)]
            self.assertLessEqual(own["logprob"], 0)
            self.assertGreaterEqual(own["rank"], 1)
            self.assertEqual(next(iter(entry)), str(token), "the prompt's token comes first")
            self.assertIn(len(entry), (num_top, num_top + 1))
            if own["rank"] == 1:
                self.assertEqual(own["logprob"], max(e["logprob"] for e in entry.values()))

    def test_stand_at_the_top_of_a_chat_answer(self):
        answer = chat(prompt_logprobs=3, n=2, temperature=1.0, seed=1)
        prompt_ids = answer.model_extra["prompt_token_ids"]
        self.check_list(answer.model_extra["prompt_logprobs"], prompt_ids, 3)
        self.assertNotIn("prompt_logprobs", chat().model_extra)

    def test_stand_in_each_completion(self):
        answer = complete([PROMPT, "One, two,"], prompt_logprobs=0, n=2, max_tokens=2)
        lists = [choice.model_extra["prompt_logprobs"] for choice in answer.choices]
        for number, prompt in enumerate([PROMPT, "One, two,"]):
            self.check_list(lists[2 * number], tokenize(prompt), 1)
            self.assertEqual(lists[2 * number], lists[2 * number + 1])

    def test_read_as_the_prompt_s_text(self):
        (choice,) = complete(prompt_logprobs=0).choices
        entries = choice.model_extra["prompt_logprobs"][1:]
        texts = [next(iter(entry.values()))["decoded_token"] for entry in entries]
        self.assertTrue(PROMPT.endswith("".join(texts)))

    def test_are_those_of_the_same_tokens_when_they_were_generated(self):
        (made,) = complete(max_tokens=12, logprobs=2).choices
        prompt = made.model_extra["prompt_token_ids"] + ids_of(made)
        (read,) = complete(prompt, prompt_logprobs=2, max_tokens=1).choices
        entries = read.model_extra["prompt_logprobs"][-12:]
        again = [entry[str(token)]["logprob"] for token, entry in zip(ids_of(made), entries)]
        self.assertEqual(again, made.logprobs.token_logprobs)

    def test_compute_the_whole_prompt_though_it_is_cached(self):
        text = "Repeat after me: " + "river stone light paper engine green " * 20
        free = [complete(text, max_tokens=1).usage for _ in range(2)]
        answers = [complete(text, max_tokens=1, prompt_logprobs=1) for _ in range(2)]
        for answer in answers:
            self.assertEqual(answer.usage.prompt_tokens, free[0].prompt_tokens)
            self.assertEqual(answer.usage.prompt_tokens_details.cached_tokens, 0)
        lists = [answer.choices[0].model_extra["prompt_logprobs"] for answer in answers]
        self.assertEqual(lists[0], lists[1])


class OtherFields(unittest.TestCase):
    def test_a_bias_forces_and_forbids_tokens(self):
        (token,) = tokenize("x")
        forced = complete(logit_bias={str(token): 100}, max_tokens=4)
        self.assertEqual(ids_of(forced.choices[0]), [token] * 4)
        first = ids_of(complete().choices[0])[0]
        self.assertNotIn(first, ids_of(complete(logit_bias={str(first): -100}).choices[0]))

    def test_min_tokens_hold_back_eos_and_stop_strings(self):
        free = chat(max_tokens=64)
        self.assertEqual(free.choices[0].finish_reason, "stop")
        wanted = free.usage.completion_tokens + 5
        longer = chat(max_tokens=wanted + 8, min_tokens=wanted)
        self.assertGreaterEqual(longer.usage.completion_tokens, wanted)
        first_word = free.choices[0].message.content.split()[0]
        slept = chat(max_tokens=64, min_tokens=6, stop=[first_word])
        self.assertTrue(slept.choices[0].message.content.startswith(first_word))

    def test_ignore_eos_goes_on_to_max_tokens(self):
        answer = chat(max_tokens=40, ignore_eos=True)
        self.assertEqual(answer.usage.completion_tokens, 40)
        self.assertEqual(answer.choices[0].finish_reason, "length")

    def test_penalties_make_repetition_rarer(self):
        def num_distinct(**fields):
            answer = complete("la la la la la la", max_tokens=24, ignore_eos=True, **fields)
            return len(set(ids_of(answer.choices[0])))

        plain = num_distinct()
        for field, value in (
            ("frequency_penalty", 2), ("presence_penalty", 2), ("repetition_penalty", 1.9)
        ):
            with self.subTest(field):
                self.assertGreater(num_distinct(**{field: value}), plain)

    def test_every_field_together_repeats_with_its_seed(self):
        fields = {
            "temperature": 1.2, "top_p": 0.95, "seed": 11, "n": 2, "max_tokens": 12,
            "frequency_penalty": 0.5, "presence_penalty": 0.5, "repetition_penalty": 1.1,
            "bad_words": ["Paris"], "min_tokens": 4, "logprobs": True, "top_logprobs": 2,
        }
        first, second = chat(**fields), chat(**fields)
        for a, b in zip(first.choices, second.choices):
            self.assertEqual(ids_of(a), ids_of(b))
            self.assertEqual(a.logprobs, b.logprobs)


if __name__ == "__main__":
    unittest.main()
