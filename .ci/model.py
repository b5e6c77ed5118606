"""A model for `.ci/release`: it calls the first tool it is offered, hears the result, and is done. Prints its address."""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def filled(schema: dict) -> object:
    """The least that a schema takes."""
    if "enum" in schema:
        return schema["enum"][0]
    properties = schema.get("properties", {})
    return {
        "object": lambda: {name: filled(properties[name]) for name in schema.get("required", [])},
        "array": list,
        "integer": lambda: 1,
        "number": lambda: 1,
        "boolean": lambda: True,
    }.get(schema.get("type"), lambda: "stub")()


def message(asked: dict) -> dict:
    last = asked["messages"][-1]
    if asked.get("tools") and last["role"] != "tool":
        tool = asked["tools"][0]["function"]
        call = {"name": tool["name"], "arguments": json.dumps(filled(tool["parameters"]))}
        return {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": call}]}
    said = [each["content"] for each in asked["messages"] if each["role"] == "user"]
    reply = re.search(r"\[\[reply:(.*?)\]\]", said[-1])
    return {"role": "assistant", "content": reply[1] if reply else "done"}


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = message(asked)
        reason = "tool_calls" if "tool_calls" in said else "stop"
        usage = {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940}
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": asked["model"], "usage": usage}
        answer["choices"] = [{"index": 0, "message": said, "finish_reason": reason}]
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def log_message(self, *_: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
print(f"127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
