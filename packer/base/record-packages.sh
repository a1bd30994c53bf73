# Run by mmdebstrap with the root file system as $1, once the packages are unpacked: keeps each
# package's control data where scanners of images that have no dpkg look for it.
set -e
umask 022
mkdir -p "$1/var/lib/dpkg/status.d"
for deb in "$1"/var/cache/apt/archives/*.deb; do
    dpkg-deb --field "$deb" > "$1/var/lib/dpkg/status.d/$(dpkg-deb --field "$deb" Package)"
done
