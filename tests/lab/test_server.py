"""The server: one page for whoever may see it, refusals for everything else, and no error under load."""

from __future__ import annotations

import gzip
import http.client
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab_running import Running

from nukarumi._errors import BadInput
from nukarumi.lab.page import page, policy
from nukarumi.lab.server import LONGEST_HEADERS, LONGEST_PATH, listen


def ask(running, path="/", method="GET", body=None, **headers):
    """One request on a connection of its own; the answer with its whole body."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.text = answer.read()
        return answer
    finally:
        connection.close()


def raw(running, request: bytes) -> bytes:
    """Send bytes and read until the server has nothing more to say."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def test_page_is_served_with_its_policy(lab):
    answer = ask(lab)
    text = page("lab")
    assert answer.status == 200
    assert answer.text.decode() == text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == f"{policy(text)}; frame-ancestors 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Server" not in answer.headers
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_policy_lets_nothing_out_and_only_own_scripts_run(lab):
    parts = dict(part.split(" ", 1) for part in ask(lab).headers["Content-Security-Policy"].split("; "))
    assert parts["default-src"] == "'none'"
    assert re.fullmatch(r"('sha256-[\w+/]{43}=' ?)+", parts["script-src"])
    assert re.fullmatch(r"('sha256-[\w+/]{43}=' ?)+", parts["style-src"])
    assert {"connect-src", "worker-src", "frame-src"}.isdisjoint(parts), "default-src forbids them"
    for name, value in parts.items():
        assert not re.search(r"https?:|\*|'self'|unsafe-eval", value), name


def test_head_answers_like_get_without_the_page(lab):
    head, get = ask(lab, method="HEAD"), ask(lab)
    assert head.status == 200
    assert head.text == b""
    assert head.headers["Content-Length"] == str(len(get.text))
    assert head.headers["ETag"] == get.headers["ETag"]


def test_page_is_packed_when_the_browser_can_unpack_it(lab):
    plain, packed = ask(lab, Accept_Encoding="identity"), ask(lab, Accept_Encoding="br, gzip;q=0.8")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.text) == plain.text
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert packed.headers["Vary"] == "Accept-Encoding"


def test_a_page_that_is_known_is_not_sent_again(lab):
    tag = ask(lab).headers["ETag"]
    again = ask(lab, If_None_Match=f'"other", {tag}')
    assert again.status == 304
    assert again.text == b""
    assert again.headers["ETag"] == tag
    assert again.headers["Cache-Control"] == "no-cache"
    assert ask(lab, If_None_Match='"other"').status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"])
def test_only_looking_is_allowed(lab, method):
    answer = ask(lab, method=method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


OUTSIDE = """
/index.html /lab.html /static/lab.html /races /docs /openapi.json /.git/config /etc/passwd //etc/passwd
/../pyproject.toml /..%2f..%2fetc/passwd /%2e%2e/%2e%2e/etc/passwd /..\\..\\x /%00 /%ff%fe
"""


@pytest.mark.parametrize("path", OUTSIDE.split())
def test_there_is_nothing_else(lab, path):
    answer = ask(lab, path)
    assert answer.status == 404
    assert b"root:" not in answer.text
    assert len(answer.text) < 100


@pytest.mark.parametrize("query", ["", "?", "?lang=ja", "?x=../../etc/passwd"])
def test_a_query_changes_nothing(lab, query):
    assert ask(lab, f"/{query}").text == ask(lab).text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "script"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
    ],
)
def test_other_sites_get_nothing(lab, headers):
    answer = ask(lab, **headers)
    assert answer.status == 403
    assert b"<html" not in answer.text


def test_a_link_from_elsewhere_may_be_followed(lab):
    assert ask(lab, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document").status == 200
    assert ask(lab, Origin=lab.url.rstrip("/"), Sec_Fetch_Site="same-origin").status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "127.0.0.1@evil", "[::1", ""]
)
def test_a_foreign_name_is_refused(lab, host):
    """DNS rebinding: a page of evil.example whose name suddenly means this machine."""
    assert ask(lab, Host=host).status == 421


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:{port}", "LOCALHOST", "[::1]:{port}"])
def test_own_names_are_known(lab, host):
    assert ask(lab, Host=host.format(port=lab.port)).status == 200


def test_two_host_names_are_refused(lab):
    answer = raw(lab, b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert answer.split()[1] in (b"400", b"421")


def test_what_is_too_large_is_refused(lab):
    assert ask(lab, "/?" + "x" * LONGEST_PATH).status == 414
    assert ask(lab, X_Long="x" * LONGEST_HEADERS).status == 431
    assert ask(lab, body=b"x").status == 413
    assert ask(lab, body=b"x" * 50_000).status == 413
    assert raw(lab, b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n").split()[1] == b"413"
    huge = raw(lab, b"GET /" + b"x" * 4 * LONGEST_HEADERS + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert huge.split()[1] in (b"400", b"414"), "by the guard, or by the parser before it"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
    ],
)
def test_malformed_requests_are_refused(lab, request_bytes):
    status = raw(lab, request_bytes).split(b" ", 2)[1]
    assert status.startswith(b"4")
    assert ask(lab).status == 200


def test_three_hundred_pages_for_fifty_clients_at_once(lab):
    wanted = page("lab").encode()

    def client(number: int) -> list[bool]:
        connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=60)
        good = []
        for turn in range(6):
            connection.request("GET", "/", headers={"Accept-Encoding": ("gzip", "identity")[number % 2]})
            answer = connection.getresponse()
            text = answer.read()
            good.append(answer.status == 200 and (gzip.decompress(text) if number % 2 == 0 else text) == wanted)
            if turn % 2:
                connection.close()  # half of the pages come over a fresh connection
        connection.close()
        return good

    with ThreadPoolExecutor(50) as pool:
        pages = [page for of_one in pool.map(client, range(50)) for page in of_one]
    assert len(pages) == 300
    assert all(pages)


def test_a_busy_port_gives_way_to_the_next(lab):
    other = Running("--port", str(lab.port))
    assert other.port > lab.port
    assert other.lines[0] == f"Port {lab.port} is in use; the lab takes {other.port}.\n"
    assert ask(other).status == 200
    other.close()


def test_ctrl_c_does_not_wait_for_a_browser_that_keeps_its_connection():
    running = Running("--port", "0")
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    connection.request("GET", "/")
    connection.getresponse().read()
    began = time.monotonic()
    assert running.close() == "The lab is closed.\n"
    assert time.monotonic() - began < 15
    assert running.process.returncode == 0
    connection.close()


def test_the_lab_answers_this_machine_alone_unless_told_otherwise(lab):
    assert lab.url.startswith("http://127.0.0.1:")
    assert lab.lines == [f"The lab is at {lab.url}   (Ctrl-C ends it)\n"]
    everywhere = Running("--port", "0", "--host", "0.0.0.0")
    assert everywhere.process.stdout.readline().startswith("Every machine that reaches this address")
    assert ask(everywhere).status == 200
    assert ask(everywhere, Host=f"{socket.gethostname()}:{everywhere.port}").status == 200
    assert ask(everywhere, Host="evil.example").status == 421
    everywhere.close()


def test_a_race_is_shown_in_place_of_the_lab(finished):
    running = Running("--port", "0", "--race", str(finished.folder), "--lang", "ja")
    text = ask(running).text.decode()
    assert '"mode":"report"' in text
    assert '"lang":"ja"' in text
    assert str(finished.folder) not in text
    running.close()


@pytest.mark.parametrize(
    ("host", "port", "says"),
    [
        ("127.0.0.1", -1, "port must be"),
        ("127.0.0.1", 65536, "port must be"),
        ("no such host", 0, "host must be"),
        ("", 70000, "port must be"),
        ("198.51.100.7", 0, "host must be"),  # an address for documentation, which no machine has
        ("x" * 300, 0, "host must be"),
    ],
)
def test_bad_addresses_are_refused(host, port, says):
    with pytest.raises(BadInput, match=says):
        listen(host, port)


def test_every_port_in_use_is_said(monkeypatch):
    monkeypatch.setattr("nukarumi.lab.server.TRIES", 0)
    with listen("127.0.0.1", 0) as busy, pytest.raises(BadInput, match="all are in use"):
        listen("127.0.0.1", busy.getsockname()[1])
