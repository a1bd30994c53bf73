"""Limits, as Linux 6.18 and grep 3.8 showed them."""

from __future__ import annotations

import pytest

from hostonly.facts import Observed, Unreadable, observe
from hostonly.facts.limits import limits, parse_key_users, parse_limits
from hostonly.vantages import Host

KEY_USERS = """\
    0:    16 15/15 10/1000000 222/25000000
1000000:    22 22/22 22/200 259/20000
"""
LIMITS = """\
/proc/sys/user/max_inotify_instances:128
/proc/sys/net/ipv4/neigh/default/gc_thresh3:1024
"""


def test_keys_are_counted_by_uid() -> None:
    assert parse_key_users(KEY_USERS) == {0: "10/1000000", 1_000_000: "22/200"}


def test_limits_have_their_names_below_proc_sys() -> None:
    assert parse_limits(LIMITS) == {
        "user/max_inotify_instances": 128,
        "net/ipv4/neigh/default/gc_thresh3": 1024,
    }


@pytest.mark.parametrize("text", ["", "0: 1\n", KEY_USERS.replace("/", " ")])
def test_no_key_users(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_key_users(text)


@pytest.mark.parametrize("text", ["", "user/max:1\n", "/proc/sys/user/max:x\n", "/proc/sys/user\n"])
def test_no_limits(text: str) -> None:
    with pytest.raises(Unreadable):
        parse_limits(text)


def test_a_kernel_need_not_have_all_of_them() -> None:
    fact = observe(Host(), limits("kernel/pid_max", "no/such_*"))
    assert isinstance(fact, Observed) and list(fact.value) == ["kernel/pid_max"]
