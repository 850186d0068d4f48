"""A proxy before the object storage that fails on demand: `faulty_storage.py STORAGE MODE-FILE`. Prints its URL.

The file has one of:
  ok                nothing fails
  403, 500, 503     each request is answered so; 503 as SlowDown
  silent            no request is answered
  cut-upload N      the next N uploads break off in the middle of their body, then nothing fails
  slow-upload       an upload is taken at 1 MB/s
  cut-download      a body breaks off in its middle
  aged TIME         objects that changed before that time have changed ten days earlier than they have
"""

import email.utils
import http.client
import re
import sys
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

AGE = timedelta(days=10)
CODES = {'403': 'AccessDenied', '500': 'InternalError', '503': 'SlowDown'}


def mode():
    with open(sys.argv[2]) as file:
        return file.read().split()


def set_mode(text):
    with open(sys.argv[2], 'w') as file:
        file.write(text)


class Proxy(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def break_off(self):
        self.close_connection = True

    def take(self, limit, pace=0.0):
        """Reads that many bytes of the body."""
        blocks, left = [], limit
        while left > 0:
            block = self.rfile.read(min(left, 65536))
            if not block:
                break
            blocks.append(block)
            left -= len(block)
            time.sleep(len(block) * pace)
        return b''.join(blocks)

    def answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def handle_request(self):
        now, length = mode(), int(self.headers.get('Content-Length', 0))
        if now[0] == 'silent':
            time.sleep(300)
            return self.break_off()
        if now[0] in CODES:
            self.take(length)
            body = f'<Error><Code>{CODES[now[0]]}</Code></Error>'.encode()
            return self.answer(int(now[0]), [('Content-Length', len(body))], b'' if self.command == 'HEAD' else body)
        if now[0] == 'cut-upload' and self.command == 'PUT':
            self.take(length // 2)
            left = int(now[1]) - 1
            set_mode(f'cut-upload {left}' if left else 'ok')
            return self.break_off()
        body = self.take(length, 1e-6 if now[0] == 'slow-upload' else 0.0)
        if len(body) < length:
            return self.break_off()
        storage = http.client.HTTPConnection(urlsplit(sys.argv[1]).netloc, timeout=60)
        # The host is signed.
        storage.request(self.command, self.path, body, dict(self.headers))
        found = storage.getresponse()
        headers, body = found.getheaders(), found.read()
        storage.close()
        if now[0] == 'aged':
            headers, body = aged(headers, body, datetime.fromtimestamp(float(now[1]), timezone.utc))
        names = {name.lower() for name, _ in headers}
        headers = [(name, value) for name, value in headers if name.lower() not in ('transfer-encoding', 'connection')]
        if 'content-length' not in names:
            headers.append(('Content-Length', len(body)))
        if now[0] == 'cut-download' and self.command == 'GET':
            self.break_off()
            body = body[:len(body) // 2]
        self.answer(found.status, headers, body)

    do_GET = do_HEAD = do_PUT = do_DELETE = handle_request


def aged(headers, body, limit):
    """The headers and a listing with other times."""

    def header(name, value):
        changed = email.utils.parsedate_to_datetime(value) if name.lower() == 'last-modified' else limit
        return (name, email.utils.format_datetime(changed - AGE, usegmt=True) if changed < limit else value)

    def element(found):
        changed = datetime.fromisoformat(found[1].decode().replace('Z', '+00:00'))
        changed -= AGE if changed < limit else timedelta()
        return f'<LastModified>{changed:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>'.encode()

    changed = re.sub(rb'<LastModified>([^<]*)</LastModified>', element, body)
    headers = [header(name, value) for name, value in headers]
    if changed != body:
        headers = [(name, value) for name, value in headers if name.lower() != 'content-length']
    return headers, changed


server = ThreadingHTTPServer(('127.0.0.1', 0), Proxy)
server.daemon_threads = True
print(f'http://127.0.0.1:{server.server_address[1]}', flush=True)
server.serve_forever()
