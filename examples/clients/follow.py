"""Reads the pools once a second with the key in a file: follow.py URL KEY_FILE [TIMES]"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

ANOTHER_KEY = {"key_ended", "key_revoked", "key_expired", "key_unknown"}


class KeyFile:
    """The key in a file, read again when the file has changed."""

    def __init__(self, path):
        self.path = path
        self.stamp = None
        self.key = None

    def current(self):
        facts = os.stat(self.path)
        stamp = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
        if stamp != self.stamp:
            self.read()
            self.stamp = stamp
        return self.key

    def read(self):
        with open(self.path, encoding="ascii") as file:
            self.key = file.readline().strip()
        return self.key


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to wherever it points."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def ask(url, key):
    """The status, the headers and the JSON of one call."""
    request = urllib.request.Request(url + "/v1/pools", headers={"X-API-Key": key})
    try:
        with OPENER.open(request, timeout=30) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, json.loads(refusal.read() or b"{}")


def ask_with_current_key(url, keys):
    """As `ask`, and once more when the key was at its end and the file has another."""
    key = keys.current()
    answer = ask(url, key)
    status, _, body = answer
    if status == 401 and body.get("code") in ANOTHER_KEY:
        other = keys.read()
        if other != key:
            return ask(url, other)
    return answer


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: follow.py URL KEY_FILE [TIMES]")
    url, keys = sys.argv[1], KeyFile(sys.argv[2])
    times = int(sys.argv[3]) if len(sys.argv) > 3 else None
    pause_seconds = int(os.environ.get("PAUSE_MS", "1000")) / 1000
    rounds = 0
    while rounds != times:
        if rounds:
            time.sleep(pause_seconds)
        rounds += 1
        status, headers, body = ask_with_current_key(url, keys)
        if status != 200:
            sys.exit(f"{status}: {body.get('code')}: {body.get('detail')}")
        if headers.get("Accrual-Key-State") == "ending":
            ends = headers.get("Accrual-Key-Ends")
            print(f"this key ends at {ends}: put the next one into {keys.path}", file=sys.stderr)
        print(rounds, status, len(body["data"]), "pools", flush=True)


if __name__ == "__main__":
    main()
