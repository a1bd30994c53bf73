# For Packer 1.7 and later, which no longer bring the docker plugin with them. A file of its own,
# because Packer 1.6 does not know this block.

packer {
  required_plugins {
    docker = {
      source  = "github.com/hashicorp/docker"
      version = ">= 1.0.8"
    }
  }
}
