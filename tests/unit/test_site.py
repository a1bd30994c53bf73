"""What the sandboxes' eth0 is known by: in Python and in the Vagrantfile the same."""

from __future__ import annotations

import json
import subprocess
from ipaddress import IPv4Address

import pytest

from hostonly.host.ends import ETH1, End, mac, nat_ends
from hostonly.site import Site
from tests.unit.vagrantfile import FILE, MODULE

RUBY = f"""{MODULE}
ends = ARGV[2..].each_with_index.map {{ |address, index|
  [Hostonly.mac(address, 0), Hostonly.nat_address(ARGV[1], index), Hostonly.mac(address, 1)]
}}
puts JSON.generate(ends)
"""


def test_each_has_the_mac_of_its_address_and_the_next_one_of_nat(site: Site) -> None:
    assert nat_ends(site) == (
        End("0e:00:ac:10:00:02", IPv4Address("10.203.16.2")),
        End("0e:00:ac:10:00:03", IPv4Address("10.203.16.3")),
    )
    assert mac(IPv4Address("10.9.255.16"), ETH1) == "0e:01:0a:09:ff:10"


@pytest.mark.needs("ruby")
def test_the_vagrantfile_gives_them_the_same(site: Site) -> None:
    net = site.network
    command = ["ruby", "-rjson", "-ripaddr", "-rsocket", "-e", RUBY, str(FILE)]
    addresses = [str(net.nat.ip), str(net.sandbox), str(net.sandbox2)]
    done = subprocess.run([*command, *addresses], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [
        [end.mac, str(end.address), mac(address, ETH1)]
        for end, address in zip(nat_ends(site), (net.sandbox, net.sandbox2), strict=True)
    ]
