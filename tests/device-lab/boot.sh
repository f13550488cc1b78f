#!/bin/sh
# boot.sh IMAGE_FOLDER SHARED_FOLDER COMMAND [SECONDS]
# Boots the device lab's image, runs COMMAND (a shell line, as root of the guest) with SHARED_FOLDER mounted at its own
# path, prints its output and exits with its status: 124 when SECONDS (default 300) were not enough, 125 without a result.
set -eu
[ $# -ge 3 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
image=$1
shared=$(cd "$2" && pwd -P)
limit=${4:-300}
control=$(mktemp -d "${TMPDIR:-/tmp}/device-lab.XXXXXX")
emulator=
trap '[ -z "$emulator" ] || kill "$emulator" 2>/dev/null || :; rm -rf "$control"' EXIT
trap 'exit 130' INT TERM HUP

printf '%s\n' "$3" >"$control/command"
: >"$control/stdout"
: >"$control/stderr"
printf "SHARED='%s'\n" "$(printf %s "$shared" | sed "s/'/'\\\\''/g")" >"$control/environment"
comma() { printf %s "$1" | sed 's/,/,,/g'; } # QEMU's option values double a comma.

timeout -k 5 "$limit" qemu-system-x86_64 -machine q35,usb=off,smm=off -accel tcg,thread=multi,tb-size=256 -cpu max \
  -m 768 -smp 2 -nodefaults -no-user-config -display none -no-reboot -serial "file:$control/console" \
  -kernel "$image/vmlinux" -initrd "$image/initrd.img" \
  -append "console=ttyS0 quiet loglevel=4 panic=-1 tsc=reliable no_timer_check mitigations=off nokaslr random.trust_cpu=on" \
  -drive "if=none,id=disk,format=raw,snapshot=on,file=$(comma "$image/root.img")" -device virtio-blk-pci,drive=disk \
  -fsdev "local,id=control,security_model=none,multidevs=remap,path=$(comma "$control")" \
  -device virtio-9p-pci,fsdev=control,mount_tag=control \
  -fsdev "local,id=shared,security_model=none,multidevs=remap,path=$(comma "$shared")" \
  -device virtio-9p-pci,fsdev=shared,mount_tag=shared \
  </dev/null >"$control/qemu.log" 2>&1 &
emulator=$!
status=0
wait "$emulator" || status=$?
emulator=
cat "$control/stdout"
cat "$control/stderr" >&2
if [ -s "$control/status" ]; then exit "$(cat "$control/status")"; fi
echo "device lab: no result from the guest (QEMU ended with $status)" >&2
cat "$control/qemu.log" >&2
tail -n 20 "$control/console" >&2 2>/dev/null || :
if [ "$status" = 124 ] || [ "$status" = 137 ]; then exit 124; fi
exit 125
