"""Receives one callback, verifies its signature, prints it, and stops: `pip install standardwebhooks`.

SIGNING_SECRET=$(ai-server keys signing KEY) python receive_callback.py 8090
"""

# ruff: noqa: T201
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook

verifier = Webhook(os.environ["SIGNING_SECRET"])


class Receiver(BaseHTTPRequestHandler):
    received = False

    def do_GET(self) -> None:
        self.answer(200)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            verifier.verify(body, {name.lower(): value for name, value in self.headers.items()})
        except Exception as error:  # not signed, wrongly signed, or too old: somebody else sent it
            print("refused:", error)
            self.answer(401)
            return
        event = json.loads(body)
        print(self.headers["webhook-id"], event["type"], event["data"].get("result") or event["data"].get("error"))
        self.answer(204)
        Receiver.received = True

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
while not Receiver.received:
    server.handle_request()
