# LXC's part of the Vagrantfile. What it sets is said by provider.py beside it.

# The sandbox as Vagrant's guests go: a Debian, but for two things that LXC does better from outside.
class HostonlyGuest < Vagrant.plugin("2", :guest)
  # Never guessed: `configure` says which guest it is.
  def detect?(_machine)
    false
  end

  module Halt
    # The clean shutdown that `systemctl poweroff` would be, without asking by ssh and then once a second
    # whether it is over: LXC tells when it is. What does not end by itself is left to Vagrant's force.
    def self.halt(machine)
      seconds = machine.config.vm.graceful_halt_timeout
      root = Process.uid.zero? ? [] : ["sudo"]
      system(*root, "lxc-stop", "--nokill", "--timeout", seconds.to_s, "--name", machine.id)
    end
  end

  module Fstab
    # No folder is shared with a sandbox, so that there is nothing to write and nothing to clear.
    def self.persist_mount_shared_folder(_machine, _folders)
    end
  end
end

# vagrant-lxc (action/boot.rb) has each container get the host's /sys/fs/pstore and /sys/fs/selinux mounted.
module HostonlyOwnMounts
  def customize(key, value)
    super unless key == "mount.entry"
  end
end

class HostonlyLxcPlugin < Vagrant.plugin("2")
  name "hostonly_lxc"
  guest(:hostonly_lxc, :debian) { HostonlyGuest }
  guest_capability(:hostonly_lxc, :halt) { HostonlyGuest::Halt }
  guest_capability(:hostonly_lxc, :persist_mount_shared_folder) { HostonlyGuest::Fstab }
end

module HostonlyLxc
  # Whether the container of Vagrant's `id` is gone.
  def self.gone?(id)
    !File.directory?(File.join("/var/lib/lxc", id))
  end

  # `machine` is the Vagrantfile's, `told` what `inv` says of it.
  def self.configure(machine, told)
    machine.vm.provider :lxc do |lxc, override|
      override.vm.guest = :hostonly_lxc
      lxc.class.prepend(HostonlyOwnMounts)
      lxc.container_name = told.fetch("instance")
      lxc.backingstore = "none"
      lxc.privileged = told.fetch("provides").fetch("privileged")
      lxc.ssh_ip_addr = told.fetch("address")
      lxc.tmpfs_mount_size = nil
      told.fetch("provides").fetch("customize").each { |key, value| lxc.customize key, value }
    end
  end
end
