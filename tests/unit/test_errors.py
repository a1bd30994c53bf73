"""What an error says of a program's output."""

from __future__ import annotations

from hostonly.errors import ToolFailed

# vagrant up, vagrant-lxc 1.4.3, in a project whose path has a letter outside ASCII; and the JVM.
RUBY = """\
==> default: Starting container...
/gems/vagrant-lxc/driver.rb:269:in `write_customizations': incompatible character encodings (CompatibilityError)
\tfrom /gems/vagrant-lxc/driver.rb:111:in `start'
\tfrom /gems/vagrant/lib/vagrant/action/builtin/synced_folders.rb:87:in 'block (2 levels) in call'
"""
JAVA = """\
Exception in thread "main" java.lang.IllegalStateException: no port
\tat hello.HelloSocket.main(HelloSocket.java:12)
\tat java.base/jdk.internal.reflect.DirectMethodHandleAccessor.invoke(Unknown Source)
"""


def test_the_reason_is_there_however_many_callers_a_trace_has() -> None:
    callers = "".join(f"\tfrom /gems/some thing.rb:{line}:in `call'\n" for line in range(99))
    ruby = ToolFailed("vagrant failed", output=RUBY + callers).output.splitlines()
    assert len(ruby) == 2 and "incompatible character encodings" in ruby[-1]
    assert ToolFailed("java failed", output=JAVA).output == JAVA.splitlines()[0]


def test_the_last_lines_are_given_and_no_blank_ones() -> None:
    said = "".join(f"line {number}\n" for number in range(40)) + "\n\n"
    lines = ToolFailed("it failed", output=said).output.splitlines()
    assert (len(lines), lines[-1]) == (15, "line 39")
    assert ToolFailed("it failed", output="Pull from here:\n  at 5 o'clock\n").output.count("\n")
