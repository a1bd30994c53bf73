"""The Vagrantfile's own module, for Ruby without Vagrant."""

from __future__ import annotations

from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "Vagrantfile"

# The first argument is the Vagrantfile; it is taken to be where HERE says. As in Vagrant, an error
# has its text by its class.
MODULE = """
module Vagrant
  module Errors
    class VagrantError < StandardError
      def initialize(*)
        super(error_message)
      end
    end
  end
end
here = ENV["HERE"] || ARGV[0]
eval(File.read(ARGV[0])[/^module Hostonly$.*?^end$/m], TOPLEVEL_BINDING, here)
"""
