"""Every way in which calls may deviate is seen, and named by its own word."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hostonly.errors import UsageError
from hostonly.hello.call import Calls, judge
from hostonly.hello.exchange import MOST_BYTES, Exchange, Exchanges, StreamEnd
from hostonly.results.hello_call import Called


def calls(*answers: bytes | StreamEnd, step: float = 1.0) -> list[Exchange]:
    """Exchanges one after the other, each with what came, or with how it ended."""
    made = []
    for number, answer in enumerate(answers):
        exchange = Exchange(number * step)
        exchange.ended = exchange.begun + 0.5
        if isinstance(answer, StreamEnd):
            exchange.ending = answer
            exchange.connected = exchange.begun if answer is StreamEnd.RESET else None
        else:
            exchange.ending, exchange.data = StreamEnd.ENDED, answer
            exchange.connected = exchange.begun
        made.append(exchange)
    return made


def line(count: int, name: str = "x") -> bytes:
    return f"Hello {name}! ({count})\n".encode()


def kinds(called: Called) -> list[tuple[str, tuple[int, ...]]]:
    return [(deviation.kind, deviation.calls) for deviation in called.deviations]


def test_what_is_right_deviates_in_nothing() -> None:
    called = judge(calls(line(7), line(8), line(9)), "x")
    assert called.deviations == ()
    assert (called.made, called.answered, called.counts) == (3, 3, (7, 9))
    assert called.seconds == (0.5, 0.5, 0.5)


def test_the_first_name_counts_where_none_is_given() -> None:
    assert kinds(judge(calls(line(1, "a"), line(2, "b")))) == [("WRONG NAME", (2,))]


def test_a_count_that_leaps_far_is_told_and_not_counted_out() -> None:
    (deviation,) = judge(calls(line(1), line(3), line(10**19 - 1))).deviations
    assert deviation.kind == "MISSING"
    assert deviation.sentence.startswith(f"n = 2, 4, 5, 6, 7, 8, 9, 10, … ({10**19 - 4}) ")


@pytest.mark.parametrize("digits", ["9" * 20, "9" * 5000, "\u0661"])
def test_what_no_counter_can_have_reached_is_no_greeting(digits: str) -> None:
    answer = f"Hello x! ({digits})\n".encode()
    assert kinds(judge(calls(answer))) == [("STRANGER", (1,))]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "EMPTY"),
        (b"Hel", "TRUNCATED"),
        (b"Hello x! (1", "TRUNCATED"),
        (b"Hello x! (1)", "TRUNCATED"),
        (b"Hello x! (1)\nHello x! (2)\n", "MORE"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "STRANGER"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "STRANGER"),
        (b"Hello x! (01)\n", "STRANGER"),
        (b"Hello x! (1)\r\n", "STRANGER"),
        (b"Hello \xff! (1)\n", "STRANGER"),
        (line(1, "y"), "WRONG NAME"),
        (StreamEnd.REFUSED, "REFUSED"),
        (StreamEnd.NO_ROUTE, "NO ROUTE"),
        (StreamEnd.CONNECT_TIMEOUT, "TIMED OUT"),
        (StreamEnd.SILENT, "TIMED OUT"),
        (StreamEnd.RESET, "RESET"),
        (StreamEnd.ENDLESS, "STRANGER"),
        (StreamEnd.FAILED, "NOT MADE"),
    ],
)
def test_each_answer_that_is_none_has_its_word(answer: bytes | StreamEnd, kind: str) -> None:
    made = calls(line(5), answer)
    if answer is StreamEnd.ENDLESS:
        made[1].data = b"y" * MOST_BYTES
    found = kinds(judge(made, "x"))
    assert found[0] == (kind, (2,))


def test_a_line_without_an_end_of_stream() -> None:
    (made,) = calls(StreamEnd.SILENT)
    made.data = line(1)
    assert kinds(judge([made])) == [("NOT ENDED", (1,))]


def test_numbers_that_went_to_somebody_else() -> None:
    called = judge(calls(line(1), line(2), line(5)))
    ((kind, numbers),) = kinds(called)
    assert (kind, numbers) == ("MISSING", ())
    assert "n = 3, 4 (2)" in called.deviations[0].sentence
    assert "somebody else" in called.deviations[0].sentence


def test_a_number_that_a_reset_connection_of_ours_used_up() -> None:
    called = judge(calls(line(1), StreamEnd.RESET, line(3)))
    assert kinds(called) == [("RESET", (2,)), ("MISSING", (2,))]
    assert "connections of ours" in called.deviations[1].sentence


def test_a_number_given_twice() -> None:
    assert ("TWICE", (2, 3)) in kinds(judge(calls(line(1), line(2), line(2), step=0.1)))


def test_a_count_that_went_back_is_told_once() -> None:
    called = judge(calls(line(17), line(18), line(1), line(2)))
    assert kinds(called) == [("BACKWARDS", (2, 3))]
    assert "after n = 18 came n = 1" in called.deviations[0].sentence


def test_at_the_same_time_any_order_will_do() -> None:
    assert judge(calls(line(2), line(1), line(3), step=0.1)).deviations == ()


def test_percentiles() -> None:
    made = calls(*(line(number) for number in range(1, 101)))
    for number, exchange in enumerate(made, 1):
        exchange.ended = exchange.begun + number / 1000
    called = judge(made)
    assert [called.percentile(p) for p in (1, 50, 99, 100)] == pytest.approx(
        [0.001, 0.05, 0.099, 0.1]
    )
    assert judge([]).percentile(50) is None


@pytest.mark.parametrize("wrong", [(0, 1, 1.0), (10_001, 1, 1.0), (1, 257, 1.0), (1, 1, 61.0)])
def test_calls_are_bounded(wrong: tuple[int, int, float]) -> None:
    with pytest.raises(UsageError):
        Calls(*wrong)


@contextmanager
def server(answer: bytes, *, reset: bool = False, stay: bool = False) -> Iterator[int]:
    """Somebody on loopback who says ``answer`` to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stays: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                client.sendall(answer)
                if reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                stays.append(client)
                if not stay:
                    client.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for client in stays:
                client.close()


def test_a_real_answer() -> None:
    with server(line(3)) as port:
        made = Exchanges("127.0.0.1", port, 5, parallel=2).run()
    assert [exchange.data for exchange in made] == [line(3)] * 5
    for exchange in made:
        assert exchange.connected is not None
        assert exchange.begun <= exchange.connected <= exchange.ended
        assert exchange.ending is StreamEnd.ENDED


def test_real_endings() -> None:
    with server(b"", reset=True) as port:
        (made,) = Exchanges("127.0.0.1", port, 1).run()
        assert made.ending is StreamEnd.RESET
    (made,) = Exchanges("127.0.0.1", port, 1).run()
    assert (made.ending, made.connected) == (StreamEnd.REFUSED, None)
    with server(b"Hello ", stay=True) as port:
        (made,) = Exchanges("127.0.0.1", port, 1, limit=0.1).run()
        assert (made.ending, made.data) == (StreamEnd.SILENT, b"Hello ")
    with server(b"x" * (MOST_BYTES + 1), stay=True) as port:
        (made,) = Exchanges("127.0.0.1", port, 1).run()
        assert made.ending is StreamEnd.ENDLESS


def test_a_kernel_without_a_descriptor_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", none_left)
    made = Exchanges("127.0.0.1", 9, 2, parallel=2).run()
    assert [exchange.ending for exchange in made] == [StreamEnd.FAILED] * 2
