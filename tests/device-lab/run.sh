#!/bin/sh
# run.sh [camera] [sound] [network]: boots the device lab and runs these checks, or all; builds its image first if there is none.
set -eu
cd "$(dirname "$0")/../.."
lab=tests/device-lab
target=${CARGO_TARGET_DIR:-target}
for tool in qemu-system-x86_64 mmdebstrap mke2fs modprobe python3; do
  command -v $tool >/dev/null 2>&1 || { echo "device lab: $tool is not installed (packaging/install-deps.sh --test)" >&2; exit 1; }
done

# What our programs need of the guest's system beyond glibc.
libraries=libgstreamer1.0-0,libgstreamer-plugins-base1.0-0,libgstreamer-plugins-bad1.0-0,libpipewire-0.3-0,libudev1
image=$target/device-lab/image
wanted=$(cat $lab/build-image.sh | cksum | cut -d' ' -f1)-$libraries
if [ "$(cat "$image/made-from" 2>/dev/null)" != "$wanted" ]; then
  echo "device lab: building the image (once)"
  GUEST_LIBRARIES=$libraries sh $lab/build-image.sh "$image"
  printf '%s' "$wanted" >"$image/made-from"
fi

${CARGO:-cargo} build --locked -p runnel-tests --bin device-lab
shared=$target/device-lab/shared
mkdir -p "$shared"
cp "$target/debug/device-lab" "$lab/inside.sh" "$shared/"
"$target/debug/device-lab" record "$shared/broadcast.bin"
sh $lab/boot.sh "$image" "$shared" "sh inside.sh ${*:-camera sound network}" 300
