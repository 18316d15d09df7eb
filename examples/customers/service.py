"""Plays the service for a try: knows one customer by number. `python3 examples/customers/service.py`"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

CUSTOMERS = {"+4915112345678": {"name": "Ada of Acme", "agent": "vera"}, "+4930999": {"barred": True}}


class Customers(BaseHTTPRequestHandler):
    """GET /customers?number=+49..."""

    def do_GET(self) -> None:
        numbers = parse_qs(urlsplit(self.path).query).get("number", [""])
        body = json.dumps(CUSTOMERS.get(numbers[0], {})).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 8090), Customers).serve_forever()
