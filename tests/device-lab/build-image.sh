#!/bin/sh
# build-image.sh FOLDER: makes FOLDER/{vmlinux,initrd.img,root.img} from Debian 12's own packages.
# The kernel package is unpacked, never installed. Needs apt, mmdebstrap, e2fsprogs, kmod and python3.
set -eu
[ $# -eq 1 ] || { echo "usage: build-image.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
packages="alsa-utils,busybox-static,iproute2,iputils-ping,kmod,libasound2,libgcc-s1,mount,procps,v4l-utils,${GUEST_LIBRARIES:-}"
boot_modules="virtio_pci virtio_blk ext4"
modules="$boot_modules 9p 9pnet_virtio vivid snd-aloop sch_netem veth"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/device-lab.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

# 1. The kernel.
kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
[ -n "$kernel" ] || { echo "build-image: apt knows no linux-image-amd64; run apt-get update" >&2; exit 1; }
(cd "$tmp" && apt-get -q download "$kernel" >/dev/null)
dpkg-deb -x "$tmp"/linux-image-*.deb "$tmp/kernel"
version=$(ls "$tmp/kernel/lib/modules")
depmod -b "$tmp/kernel" "$version"

# 2. A plain ELF, which QEMU enters directly.
python3 - "$tmp/kernel/boot/vmlinuz-$version" "$out/vmlinux" <<'PYTHON'
import lzma, sys
image = open(sys.argv[1], "rb").read()
start = image.find(b"\xfd7zXZ\0")
if start < 0:
    sys.exit("build-image: this kernel is not packed with xz")
elf = lzma.LZMADecompressor().decompress(image[start:])
assert elf[:4] == b"\x7fELF"
open(sys.argv[2], "wb").write(elf)
PYTHON

# 3. Only the modules that are wanted, with what they depend on.
with_dependencies() {
  for module in "$@"; do modprobe -d "$tmp/kernel" -S "$version" --show-depends "$module"; done |
    sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++'
}
# shellcheck disable=SC2086 # lists of module names
with_dependencies $modules >"$tmp/all"
# shellcheck disable=SC2086
with_dependencies $boot_modules >"$tmp/boot"
tree="$tmp/modules/lib/modules/$version"
mkdir -p "$tree"
while read -r file; do
  relative=${file##*/lib/modules/"$version"/}
  mkdir -p "$tree/${relative%/*}"
  cp "$file" "$tree/$relative"
done <"$tmp/all"
cp "$tmp/kernel/lib/modules/$version"/modules.builtin* "$tmp/kernel/lib/modules/$version/modules.order" "$tree"
depmod -b "$tmp/modules" "$version"

# 4. What the guest runs as its first process.
cat >"$tmp/init" <<'INIT'
#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/pts /dev/shm /control
mount -t devpts devpts /dev/pts
for folder in /dev/shm /run /tmp; do mount -t tmpfs tmpfs $folder; done
ln -sf /proc/self/fd /dev/fd
mkdir -p /run/netns
ip link set lo up
modprobe 9pnet_virtio
options=trans=virtio,version=9p2000.L,msize=512000,cache=mmap
mount -t 9p -o $options control /control || { echo "init: no control share" >/dev/console; busybox poweroff -f; }
. /control/environment
mkdir -p "$SHARED" && mount -t 9p -o $options shared "$SHARED" && cd "$SHARED"
sh /control/command </dev/null >/control/stdout 2>/control/stderr
status=$?
dmesg >/control/dmesg 2>/dev/null
cd /
sync
echo $status >/control/status
umount "$SHARED" /control 2>/dev/null
busybox poweroff -f
INIT
chmod 755 "$tmp/init"

# 5. The root file system, straight into an ext4 image.
mode=auto
[ "$(id -u)" = 0 ] || mode=unshare
cat >"$tmp/hook" <<HOOK
set -eu
cp -a "$tmp/modules/lib/modules" "\$1/lib/"
chown -R 0:0 "\$1/lib/modules"
install -m755 "$tmp/init" "\$1/sbin/device-lab-init"
printf '127.0.0.1 localhost\n::1 localhost\n' >"\$1/etc/hosts"
cat "\$1/bin/busybox" >"$tmp/busybox"
rm -rf "\$1"/var/cache/apt/* "\$1"/var/lib/apt/lists/*
HOOK
chmod 755 "$tmp/hook" "$tmp/modules"
: >"$tmp/busybox"
chmod 666 "$tmp/busybox"
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
  awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')}
mmdebstrap --quiet --mode=$mode --variant=essential --include="${packages%,}" \
  --aptopt='APT::Install-Recommends "false"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --customize-hook="sh $tmp/hook \"\$1\"" \
  --format=tar bookworm "$tmp/root.tar" "$mirror"
make_image='set -e; mkdir -p "$1/root"
  tar -C "$1/root" --numeric-owner --exclude="./dev/*" -xf "$1/root.tar"
  size=$(($(du -sm "$1/root" | cut -f1) * 12 / 10 + 256)); rm -f "$2"
  mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=0,root_owner=0:0 -m 0 -d "$1/root" "$2" ${size}M
  rm -rf "$1/root"'
if [ "$(id -u)" = 0 ]; then sh -c "$make_image" sh "$tmp" "$out/root.img"
else unshare --map-root-user --map-auto sh -c "$make_image" sh "$tmp" "$out/root.img"; fi

# 6. The initrd: a static busybox, the modules for the disk, and one script.
initrd="$tmp/initrd"
mkdir -p "$initrd/bin" "$initrd/modules" "$initrd/dev" "$initrd/proc" "$initrd/new"
cp "$tmp/busybox" "$initrd/bin/busybox"
chmod 755 "$initrd/bin/busybox"
{
  echo '#!/bin/busybox sh'
  echo '/bin/busybox mount -t devtmpfs dev /dev'
  while read -r file; do
    cp "$file" "$initrd/modules/"
    echo "/bin/busybox insmod /modules/${file##*/}"
  done <"$tmp/boot"
  cat <<'SCRIPT'
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 100 ]; do /bin/busybox sleep 0.05; tries=$((tries + 1)); done
/bin/busybox mount -t ext4 -o noatime /dev/vda /new && /bin/busybox mount -o move /dev /new/dev &&
  exec /bin/busybox switch_root /new /sbin/device-lab-init
echo "initrd: cannot reach the root disk"
/bin/busybox poweroff -f
SCRIPT
} >"$initrd/init"
chmod 755 "$initrd/init"
python3 - "$initrd" "$out/initrd.img" <<'PYTHON'
import os, stat, sys

root, target = sys.argv[1:]
archive = open(target, "wb")
inode = 0

def put(name, mode, data=b"", device=(0, 0)):
    global inode
    inode += 1
    name = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)
    archive.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
    archive.write(b"\0" * (-archive.tell() % 4))
    archive.write(data)
    archive.write(b"\0" * (-archive.tell() % 4))

for folder, _, files in os.walk(root):
    relative = os.path.relpath(folder, root)
    if relative != ".":
        put(relative, 0o40755)
    for file in files:
        path = os.path.join(folder, file)
        put(os.path.relpath(path, root), stat.S_IFREG | (os.stat(path).st_mode & 0o777), open(path, "rb").read())
put("dev/console", 0o20600, device=(5, 1))
put("TRAILER!!!", 0)
PYTHON
echo "$version" >"$out/kernel-version"
