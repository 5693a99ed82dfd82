"""Under load and under attack: the queue, deadlines, clients that go away, draining, keys and doors."""

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from r1v.core import ConfigError, SamplingParams
from r1v.llm import LLM
from r1v.server import ServerConfig
from r1v.server.connections import Connection, Connections
from r1v.server.middleware import access_log

from .conftest import Served, serving

ENDLESS = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 20_000,
           "chat_template_kwargs": {"enable_thinking": False}}  # fmt: skip
URL = "/v1/chat/completions"


@pytest.fixture(scope="module")
def endless(endless_llm: LLM) -> Iterator[Served]:
    """Two run, two may wait."""
    with serving(endless_llm, max_queue=2, keep_alive_s=0.2, deadline_s=60) as served:
        yield served


@pytest.fixture
def client(endless: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=endless.url, timeout=60) as client:
        yield client
    endless.wait_until(lambda: endless.idle)


def test_a_client_that_hangs_up_stops_its_work(endless: Served, client: httpx.Client) -> None:
    for streamed in (True, False):
        with httpx.Client(base_url=endless.url, timeout=60) as going:
            sent = going.build_request("POST", URL, json={**ENDLESS, "stream": streamed})
            if streamed:
                response = going.send(sent, stream=True)
                next(response.iter_raw())
                response.close()
            else:
                with pytest.raises(httpx.ReadTimeout):
                    going.post(URL, json=ENDLESS, timeout=httpx.Timeout(5, read=0.3))
        endless.wait_until(lambda: endless.idle)
    found = client.get("/metrics").text
    assert 'r1v_finished_total{detail="disconnect",reason="cancelled"} 2.0' in found


def test_the_queue_is_bounded(endless: Served, client: httpx.Client) -> None:
    streams = []
    try:
        for _ in range(4):
            response = client.send(
                client.build_request("POST", URL, json={**ENDLESS, "stream": True}), stream=True
            )
            assert response.status_code == 200
            streams.append(response)
        refused = client.post(URL, json=ENDLESS)
        assert refused.status_code == 429 and 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.json()["error"]["code"] == "queue_full"
        assert client.get("/ready").status_code == 200
        # those that wait hear something all the same
        lines = streams[3].iter_lines()
        assert any(line == ": keep-alive" for line, _ in zip(lines, range(40), strict=False))
    finally:
        for response in streams:
            response.close()


def test_more_than_the_queue_can_ever_hold(client: httpx.Client) -> None:
    refused = client.post(URL, json={**ENDLESS, "n": 5})
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "n"


def test_the_deadline_gives_what_there_is(endless: Served, client: httpx.Client) -> None:
    body = {**ENDLESS, "deadline_s": 0.5}
    start = time.monotonic()
    (choice,) = client.post(URL, json=body).json()["choices"]
    assert time.monotonic() - start > 0.4
    assert (choice["finish_reason"], choice["finish_detail"]) == ("length", "deadline")
    assert choice["message"]["content"]
    with client.stream("POST", URL, json={**body, "stream": True}) as response:
        lines = [line for line in response.iter_lines() if line.startswith("data: {")]
    last = json.loads(lines[-1].removeprefix("data: "))["choices"][0]
    assert (last["finish_reason"], last["finish_detail"]) == ("length", "deadline")


def test_a_deadline_before_the_first_token(endless: Served, client: httpx.Client) -> None:
    running = [
        client.send(client.build_request("POST", URL, json={**ENDLESS, "stream": True}), stream=True)
        for _ in range(2)
    ]
    try:
        late = client.post(URL, json={**ENDLESS, "deadline_s": 0.3})
        assert late.status_code == 504 and late.json()["error"]["code"] == "deadline_exceeded"
    finally:
        for response in running:
            response.close()
    too_long = client.post(URL, json={**ENDLESS, "deadline_s": 1000})
    assert too_long.status_code == 400 and too_long.json()["error"]["param"] == "deadline_s"


def test_draining_loses_nothing_silently(endless_llm: LLM) -> None:
    """One request ends in time, one stream and one whole answer are ended and told so, new ones get 503."""
    with serving(endless_llm, max_queue=10, drain_s=6.0) as served:
        found: dict[str, httpx.Response] = {}

        def post(name: str, body: dict) -> None:
            found[name] = httpx.post(served.url + URL, json=body, timeout=60)

        bodies = {
            "short": {**ENDLESS, "max_tokens": 40},
            "stream": {**ENDLESS, "stream": True},
            "whole": ENDLESS,
        }
        threads = [threading.Thread(target=post, args=item) for item in bodies.items()]
        threads[0].start()  # the short one runs first, as only two run at a time
        served.wait_until(lambda: served.service.num_active == 1 or "short" in found)
        for thread in threads[1:]:
            thread.start()
        served.wait_until(lambda: served.service.num_active == 3 - ("short" in found))
        served.server.handle_exit(15, None)
        served.wait_until(lambda: served.service.draining)
        refused = httpx.post(served.url + URL, json=ENDLESS)
        assert refused.status_code == 503 and refused.headers["retry-after"]
        assert httpx.get(served.url + "/ready").status_code == 503
        assert httpx.get(served.url + "/health").status_code == 200
        for thread in threads:
            thread.join(20)
        served.wait_until(lambda: served.server.should_exit)
    assert found["short"].json()["choices"][0]["finish_reason"] == "length"
    assert found["whole"].status_code == 503
    assert found["whole"].json()["error"]["code"] == "shutting_down"
    last = found["stream"].text.rstrip().splitlines()[-1]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "shutting_down"


def test_bodies_are_bounded(http: httpx.Client) -> None:
    assert http.post(URL, content=b"x" * (4 << 20) + b"y").status_code == 413

    def endless_body() -> Iterator[bytes]:
        for _ in range(10):
            yield b" " * (1 << 20)

    assert http.post(URL, content=endless_body()).status_code == 413


@pytest.mark.parametrize("unit", [b"{}", b"[]", b"1", b'{"type":"text"}'])
def test_small_bodies_that_would_take_gigabytes(http: httpx.Client, unit: bytes) -> None:
    """A list of a million empty objects is 3 MB to send, and was a minute's work to refuse."""
    for many in (60_000, 1_000_000 // len(unit)):
        listed = b",".join([unit] * many)
        body = b'{"model":"tiny","messages":[{"role":"user","content":[' + listed + b"]}]}"
        start = time.process_time()  # of this process, which the server runs in: others cannot lengthen it
        refused = http.post(URL, content=body, headers={"Content-Type": "application/json"})
        assert refused.status_code in (400, 413) and time.process_time() - start < 20


def test_a_body_that_does_not_come(tiny_llm: LLM) -> None:
    with serving(tiny_llm, body_timeout_s=0.3) as served:

        def slow() -> Iterator[bytes]:
            yield b"{"
            time.sleep(1.0)
            yield b"}"

        assert httpx.post(served.url + URL, content=slow()).status_code == 408


def test_keys_open_the_server(tiny_llm: LLM) -> None:
    with serving(tiny_llm, api_keys=("correct-horse", "battery-staple")) as served:
        for path in ("/v1/models", "/metrics", "/openapi.json", "/"):
            refused = httpx.get(served.url + path)
            assert refused.status_code == 401 and refused.json()["error"]["code"] == "invalid_api_key"
        for key in ("correct-horse", "battery-staple"):
            bearer = {"Authorization": f"Bearer {key}"}
            assert httpx.get(served.url + "/v1/models", headers=bearer).status_code == 200
        for wrong in ("Bearer", "Bearer correct-horse2", "Basic !!", "Basic Zm9v", "Bearer é"):
            headers = {"Authorization": wrong.encode()}
            assert httpx.get(served.url + "/v1/models", headers=headers).status_code == 401
        assert httpx.get(served.url + "/health").status_code == 200
    assert "correct-horse" not in repr(ServerConfig(api_keys=("correct-horse",)))
    with pytest.raises(ConfigError, match="8"):
        ServerConfig(api_keys=("short",))


def test_other_names_of_this_machine_are_refused(http: httpx.Client) -> None:
    """Else any web page could reach the server by pointing a name of its own at 127.0.0.1."""
    assert http.get("/v1/models", headers={"Host": "evil.example"}).status_code == 403


def test_other_origins(tiny_llm: LLM, http: httpx.Client) -> None:
    origin = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in http.options(URL, headers=origin).headers
    plain = http.post(URL, content=json.dumps(ENDLESS), headers={"Content-Type": "text/plain"})
    assert plain.status_code == 400  # what a page may send without asking first
    with serving(tiny_llm, cors_origins=("https://a.example",), api_keys=("correct-horse",)) as served:
        allowed = httpx.options(served.url + URL, headers=origin)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://a.example"
        other = httpx.options(served.url + URL, headers={**origin, "Origin": "https://b.example"})
        assert "access-control-allow-origin" not in other.headers


def test_what_pages_of_other_sites_send(tiny_llm: LLM, http: httpx.Client) -> None:
    """Browsers say where a request comes from; forms and uploads would come through without CORS."""
    good = {"model": "tiny", "prompt": "x"}
    for site in ("same-origin", "none"):
        assert http.post("/tokenize", json=good, headers={"Sec-Fetch-Site": site}).status_code == 200
    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site, "Origin": "https://a.example"}
        refused = http.post("/tokenize", json=good, headers=headers)
        assert refused.status_code == 403 and refused.json()["error"]["code"] == "cross_site"
        assert http.get("/v1/models", headers=headers).status_code == 200
    with serving(tiny_llm, cors_origins=("https://a.example",)) as served:
        assert httpx.post(served.url + "/tokenize", json=good, headers=headers).status_code == 200


def test_the_log_has_no_contents(http: httpx.Client) -> None:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    access_log.addHandler(handler)
    access_log.setLevel(logging.INFO)
    try:
        body = {"model": "tiny", "messages": [{"role": "user", "content": "secret words"}], "max_tokens": 3}
        response = http.post(URL + "?token=secret", json=body)
        http.post(URL, json={**body, "temperature": "secret"})
        end = time.monotonic() + 20  # a line is written once its answer is on its way
        while len(lines) < 2 and time.monotonic() < end:
            time.sleep(0.01)
    finally:
        access_log.removeHandler(handler)
    first, second = map(json.loads, lines)
    assert "secret" not in "".join(lines)
    assert first["id"] == response.headers["x-request-id"] and first["status"] == 200
    assert first["completion_tokens"] == 3 and first["finish"] == ["length"] and first["first_token_s"] > 0
    assert second["status"] == 400


def test_health_tells_of_a_dead_engine(tiny_checkpoint) -> None:
    llm = LLM(tiny_checkpoint)
    with serving(llm) as served:
        assert httpx.get(served.url + "/health").status_code == 200
        llm.chat("Hi", SamplingParams.greedy(max_tokens=2))
        llm.close()
        assert httpx.get(served.url + "/health").status_code == 503
        assert "engine" in httpx.get(served.url + "/ready").json()["status"]
        assert httpx.post(served.url + URL, json=ENDLESS | {"max_tokens": 5}).status_code == 503


def test_ready_tells_of_an_engine_that_hangs(tiny_checkpoint, monkeypatch) -> None:
    with LLM(tiny_checkpoint) as llm, serving(llm, stall_s=0.3) as served:
        free = threading.Event()
        step = llm._backend._engine.step
        monkeypatch.setattr(llm._backend._engine, "step", lambda: free.wait(20) and step())
        body = ENDLESS | {"max_tokens": 5}
        asked = threading.Thread(target=httpx.post, args=(served.url + URL,), kwargs={"json": body})
        asked.start()
        served.wait_until(lambda: httpx.get(served.url + "/ready").status_code == 503)
        assert httpx.get(served.url + "/health").status_code == 200
        free.set()
        asked.join(20)
        assert httpx.get(served.url + "/ready").status_code == 200


def test_settings_are_checked() -> None:
    for wrong in ({"port": 70000}, {"deadline_s": 0}, {"max_queue": -1}, {"image_networks": ("x",)},
                  {"cors_origins": ("a.example",)}):  # fmt: skip
        with pytest.raises(ConfigError):
            ServerConfig(**wrong)


def test_pieces_of_an_answer_are_sent_at_once(
    endless: Served, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nagle's algorithm is off: with it each piece waits up to 40 ms for the other side's acknowledgement."""
    found: list[int] = []
    touch = Connections.touch

    def note(connections: Connections, connection: Connection) -> None:
        connected = connection.transport.get_extra_info("socket")
        found.append(connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        touch(connections, connection)

    monkeypatch.setattr(Connections, "touch", note)
    assert client.get("/health").status_code == 200
    assert found and all(found)
