#!/bin/sh
# Installs the native packages that building, testing and running Runnel needs, where they are missing.
#
#   install-deps.sh            what building and running needs
#   install-deps.sh --test     also what `make test` uses: real players, a virtual display, QEMU
#   install-deps.sh --check    installs nothing; says what is missing and exits 1 if anything is
#
# Knows apt (Debian, Ubuntu), dnf (Fedora), pacman (Arch) and brew (macOS). Uses sudo only when not root.
set -eu

mode=install
want_test=
for argument in "$@"; do
  case $argument in
    --test) want_test=1 ;;
    --check) mode=check ;;
    *) sed -n '2,9p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2 ;;
  esac
done

rust_wanted=1.95
say() { printf 'install-deps: %s\n' "$*"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# True when the cargo on the path is new enough.
rust_is_new_enough() {
  command -v cargo >/dev/null 2>&1 && command -v rustc >/dev/null 2>&1 || return 1
  have=$(rustc --version 2>/dev/null | sed -n 's/^rustc \([0-9]*\.[0-9]*\).*/\1/p')
  [ -n "$have" ] && [ "$(printf '%s\n%s\n' "$rust_wanted" "$have" | sort -V | head -n 1)" = "$rust_wanted" ]
}

# finish PACKAGES... : nothing to do, or report, or install with the command in $installer.
finish() {
  if [ $# -eq 0 ]; then say "nothing to install"; return 0; fi
  if [ "$mode" = check ]; then say "missing: $*"; return 1; fi
  say "installing: $*"
  $refresh
  # shellcheck disable=SC2086 # the installer is a command line of ours
  as_root $installer "$@"
}

with_apt() {
  packages="build-essential clang cmake libclang-dev meson nasm ninja-build pkg-config
    libasound2-dev libgstreamer-plugins-bad1.0-dev libgstreamer-plugins-base1.0-dev libgstreamer1.0-dev
    libudev-dev libwayland-dev libx11-xcb1 libxkbcommon-dev libxkbcommon-x11-0
    gstreamer1.0-libav gstreamer1.0-pipewire gstreamer1.0-plugins-bad gstreamer1.0-plugins-base
    gstreamer1.0-plugins-good gstreamer1.0-x libgl1 libegl1 mesa-vulkan-drivers"
  [ -z "$want_test" ] || packages="$packages chromium ffmpeg fonts-noto-cjk mpv nodejs pulseaudio sox x11-apps xauth xvfb
    e2fsprogs iproute2 kmod mmdebstrap nftables python3 qemu-system-x86"
  rust_is_new_enough || packages="$packages cargo-web rustc-web rustfmt-web"
  missing=
  for package in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
  done
  refresh="as_root apt-get update -qq"
  installer="env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends"
  # shellcheck disable=SC2086 # a list of package names
  finish $missing
}

with_dnf() {
  packages="clang clang-devel cmake gcc gcc-c++ make meson nasm ninja-build pkgconf-pkg-config
    alsa-lib-devel gstreamer1-devel gstreamer1-plugins-base-devel gstreamer1-plugins-bad-free-devel
    opus-devel systemd-devel wayland-devel libxkbcommon-devel libxkbcommon-x11
    gstreamer1-plugins-bad-free gstreamer1-plugins-base gstreamer1-plugins-good pipewire-gstreamer mesa-vulkan-drivers"
  [ -z "$want_test" ] || packages="$packages chromium ffmpeg-free google-noto-sans-cjk-fonts iproute mpv nftables nodejs pulseaudio sox xclock xorg-x11-server-Xvfb"
  rust_is_new_enough || packages="$packages cargo clippy rust rustfmt"
  missing=
  for package in $packages; do rpm -q --whatprovides "$package" >/dev/null 2>&1 || missing="$missing $package"; done
  refresh=true
  installer="dnf install -y --setopt=install_weak_deps=False"
  # shellcheck disable=SC2086
  finish $missing
}

with_pacman() {
  packages="base-devel clang cmake meson nasm ninja pkgconf alsa-lib gstreamer gst-plugins-base gst-plugins-good
    gst-plugins-bad gst-plugin-pipewire opus systemd-libs wayland libxkbcommon libxkbcommon-x11 vulkan-swrast"
  [ -z "$want_test" ] || packages="$packages chromium ffmpeg iproute2 mpv nftables nodejs noto-fonts-cjk pulseaudio sox xorg-server-xvfb xorg-xclock"
  rust_is_new_enough || packages="$packages rust"
  missing=
  for package in $packages; do pacman -Qi "$package" >/dev/null 2>&1 || pacman -Qg "$package" >/dev/null 2>&1 || missing="$missing $package"; done
  refresh=true
  installer="pacman -S --noconfirm --needed"
  # shellcheck disable=SC2086
  finish $missing
}

with_brew() {
  packages="cmake meson nasm ninja pkgconf gstreamer opus"
  [ -z "$want_test" ] || packages="$packages ffmpeg mpv node sox"
  rust_is_new_enough || packages="$packages rust"
  missing=
  for package in $packages; do brew list --versions "$package" >/dev/null 2>&1 || missing="$missing $package"; done
  refresh=true
  as_root() { "$@"; } # Homebrew refuses to run as root.
  installer="brew install"
  # shellcheck disable=SC2086
  finish $missing
}

if command -v apt-get >/dev/null 2>&1; then with_apt
elif command -v dnf >/dev/null 2>&1; then with_dnf
elif command -v pacman >/dev/null 2>&1; then with_pacman
elif command -v brew >/dev/null 2>&1; then with_brew
else
  say "no package manager that I know (apt, dnf, pacman, brew). docs/PACKAGING.md lists what to install by hand."
  exit 1
fi

if ! rust_is_new_enough && [ "$mode" = install ]; then
  say "Rust $rust_wanted or newer is needed and this system's packages have none. Install it from https://rustup.rs, then run this again."
  exit 1
fi
