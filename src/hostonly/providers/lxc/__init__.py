"""Machines as LXC's containers: the only package that knows LXC."""

from hostonly.providers.lxc.provider import Lxc as PROVIDER

__all__ = ["PROVIDER"]
