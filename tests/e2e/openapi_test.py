"""/openapi.json: valid by the standard's own schema, and true of what the server takes and says."""

import json
import unittest

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from server import MODEL_NAME, Server

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"


def setUpModule():
    global server, description
    server = Server()
    server.__enter__()
    unittest.addModuleCleanup(server.__exit__, None, None, None)
    status, text = server.get("/openapi.json")
    assert status == 200, text
    description = json.loads(text)


def errors_of(value, schema):
    """What is wrong with a value that should be a `schema` of the description."""
    root = {"$ref": f"#/components/schemas/{schema}", "components": description["components"]}
    return [f"{e.json_path}: {e.message}" for e in Draft202012Validator(root).iter_errors(value)]


def least(schema):
    """What a schema requires, in its plainest form."""
    if "$ref" in schema:
        return least(description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    for name in ("examples", "enum"):
        if name in schema:
            return schema[name][0]
    if schema["type"] == "object":
        return {name: least(schema["properties"][name]) for name in schema.get("required", [])}
    return {"string": "x", "integer": 1, "boolean": False, "array": []}[schema["type"]]


def request_for(path):
    body = description["paths"][path]["post"]["requestBody"]
    made = least(body["content"]["application/json"]["schema"])
    return made | {"model": MODEL_NAME}


class Description(unittest.TestCase):
    def test_validates(self):
        OpenAPIV31SpecValidator(description).validate()

    def test_a_request_made_from_it_is_accepted_by_each_route(self):
        for path, methods in description["paths"].items():
            if "post" in methods:
                body = request_for(path) | {"max_tokens": 4}
                self.assertEqual(errors_of(body, self.request_schema(path)), [])
                status, _, answer = server.post(path, body)
                self.assertEqual(status, 200, answer)
            else:
                status, answer = server.get(path.replace("{model}", MODEL_NAME))
                self.assertEqual(status, 200, answer)

    def request_schema(self, path):
        body = description["paths"][path]["post"]["requestBody"]
        return body["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]

    def test_it_refuses_what_the_server_refuses(self):
        for more in ({"temperature": 3}, {"n": 0}, {"stop": ["a"] * 17}, {"user": 1},
                     {"penstock": {"made_up": 1}}, {"metadata": {"a": 1}}, {"logit_bias": {"x": 1}}):
            body = request_for(CHAT) | more
            self.assertNotEqual(errors_of(body, "ChatCompletionRequest"), [], more)
            self.assertEqual(server.post(CHAT, body)[0], 400, more)


class Answers(unittest.TestCase):
    def whole(self, path, schema, **fields):
        status, _, answer = server.post(path, request_for(path) | {"max_tokens": 4} | fields)
        self.assertEqual(status, 200, answer)
        self.assertEqual(errors_of(json.loads(answer), schema), [])

    def chunks(self, path, schema, **fields):
        body = request_for(path) | {"max_tokens": 4, "stream": True} | fields
        status, _, answer = server.post(path, body)
        self.assertEqual(status, 200, answer)
        data = [line[6:] for line in answer.decode().splitlines() if line.startswith("data: ")]
        self.assertEqual(data[-1], "[DONE]")
        for chunk in data[:-1]:
            self.assertEqual(errors_of(json.loads(chunk), schema), [])

    ALL = {"return_token_ids": True, "n": 2, "service_tier": "auto", "store": True,
           "penstock": {"extra_fields": ["stop_reason"]}}

    def test_whole_answers_are_as_described(self):
        for more in ({}, self.ALL | {"prompt_logprobs": 2}):
            self.whole(CHAT, "ChatCompletion", **more)
            self.whole(COMPLETIONS, "Completion", **more)
        self.whole(CHAT, "ChatCompletion", logprobs=True, top_logprobs=2)
        self.whole(COMPLETIONS, "Completion", logprobs=2)

    def test_chunks_are_as_described(self):
        for more in ({}, self.ALL | {"stream_options": {"include_usage": True}}):
            self.chunks(CHAT, "ChatCompletionChunk", **more)
            self.chunks(COMPLETIONS, "Completion", **more)
        self.chunks(CHAT, "ChatCompletionChunk", logprobs=True, top_logprobs=2)
        self.chunks(COMPLETIONS, "Completion", logprobs=2, echo=True)

    def test_errors_are_as_described(self):
        for path, body in ((CHAT, {}), (CHAT, b"{"), (COMPLETIONS, {"model": "nope", "prompt": "a"})):
            status, _, answer = server.post(path, body)
            self.assertGreaterEqual(status, 400)
            self.assertEqual(errors_of(json.loads(answer), "Error"), [])

    def test_services_are_as_described(self):
        for path, schema in (("/v1/models", "ModelList"), (f"/v1/models/{MODEL_NAME}", "Model"),
                             ("/health", "Health"), ("/live", "Status"), ("/ready", "Status")):
            self.assertEqual(errors_of(json.loads(server.get(path)[1]), schema), [], path)


if __name__ == "__main__":
    unittest.main()
