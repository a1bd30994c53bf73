"""The providers of machines: a module or package of this folder each, and a line here."""

PROVIDERS = ("lxc",)
