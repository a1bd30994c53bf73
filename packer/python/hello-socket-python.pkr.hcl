# The same build as ../hello-socket-python.json, in Packer's current language. Current Packer reads
# the whole folder, with plugins.pkr.hcl; the Java image's template is in the folder above:
#
#   packer init packer/python && packer build -var base=IMAGE packer/python
#
# Packer 1.6 brings the docker plugin with it, and takes either file by its name.

variable "base" {
  type        = string
  description = "The image to build on: an id or a reference that the engine has."
}

variable "server" {
  type    = string
  default = "src/hostonly/hello/server.py"
}

variable "repository" {
  type    = string
  default = "hello-socket"
}

variable "tag" {
  type    = string
  default = "python"
}

variable "version" {
  type    = string
  default = ""
}

variable "revision" {
  type    = string
  default = ""
}

variable "created" {
  type    = string
  default = ""
}

variable "container" {
  type        = string
  default     = "hostonly-packer"
  description = "The name of the container built in: what to remove when Packer was killed."
}

source "docker" "python" {
  image  = var.base
  pull   = false
  commit = true
  # Packer mounts a folder of its own into the container. Over /tmp it leaves no trace in the image.
  container_dir    = "/tmp"
  fix_upload_owner = false
  run_command = [
    "-d",
    "-i",
    "--hostname=hello-socket",
    "--network=none",
    "--user=0:0",
    "--name=${var.container}",
    "--entrypoint=/bin/sh",
    "--",
    "{{.Image}}",
  ]
  changes = [
    "USER 10001:10001",
    "WORKDIR /",
    "EXPOSE 8080",
    "ENTRYPOINT [\"python3\", \"-I\", \"-S\", \"/opt/hello_socket.py\"]",
    "CMD []",
    "LABEL org.opencontainers.image.title=\"hello-socket\"",
    "LABEL org.opencontainers.image.version=\"${var.version}\"",
    "LABEL org.opencontainers.image.revision=\"${var.revision}\"",
    "LABEL org.opencontainers.image.created=\"${var.created}\"",
  ]
}

build {
  sources = ["source.docker.python"]

  provisioner "file" {
    source      = var.server
    destination = "/opt/hello_socket.py"
  }

  # What the layer holds must not depend on who built it, nor when.
  provisioner "shell" {
    inline = [
      "chown 0:0 /opt/hello_socket.py",
      "chmod 644 /opt/hello_socket.py",
      "touch -d @1704067200 /opt/hello_socket.py /opt",
    ]
  }

  post-processor "docker-tag" {
    repository = var.repository
    tags       = [var.tag]
  }
}
