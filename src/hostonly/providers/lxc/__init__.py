"""Machines as LXC's containers: all that hostonly knows of LXC."""

from hostonly.providers.lxc.provider import Lxc as PROVIDER

__all__ = ["PROVIDER"]
