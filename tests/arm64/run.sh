#!/usr/bin/env bash
# Builds pickup-decode and its tests for arm64 and runs them under qemu-user: the same pictures must
# give the same texts as on this machine.
#
#   run.sh BUILD_FOLDER     the native build, which has the generator and the decoder to compare with
#
# Ends with 0 when all is equal, 1 when not, 77 when something that it needs is missing (and says
# what). The arm64 libraries are unpacked once into a cache; nothing is installed into the system.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
native=$(cd "${1:?run.sh BUILD_FOLDER}" && pwd)
cache=${PICKUP_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/pickupd}
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
sysroot=$cache/sysroot-arm64-$release
build=$top/build-arm64
packages=libc6-dev,libgcc-12-dev,libzbar-dev,libturbojpeg0-dev,libqrencode-dev,libsystemd-dev,libsodium-dev,libinih-dev,libjansson-dev,libcmocka-dev,libsqlite3-dev,libmosquitto-dev,libssl-dev,libpango1.0-dev,libcsv-dev,libpng-dev,libgpiod-dev,linux-libc-dev

missing() {
    echo "skipped: arm64 - $1"
    exit 77
}

[ "$(uname -m)" = x86_64 ] || missing "this machine is no x86-64"
for program in mmdebstrap aarch64-linux-gnu-gcc qemu-aarch64-static; do
    command -v "$program" >/dev/null || missing "no $program: apt-get install mmdebstrap \
gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
done

# Only unpacked: no package's script runs, so no emulation is needed.
if [ ! -d "$sysroot" ]; then
    mkdir -p "$cache"
    rm -rf "$sysroot.new"
    mmdebstrap --quiet --variant=extract --architectures=arm64 --include="$packages" "$release" \
        "$sysroot.new" || missing "the arm64 packages cannot be fetched"
    rm -rf "$sysroot.new/usr/share/doc" "$sysroot.new/usr/share/locale" "$sysroot.new/usr/share/man"
    # Links to absolute paths would lead out of it.
    find "$sysroot.new" -type l -lname '/*' | while read -r link; do
        ln -snf "$(realpath -m --relative-to="$(dirname "$link")" \
            "$sysroot.new$(readlink "$link")")" "$link"
    done
    mv "$sysroot.new" "$sysroot"
fi

mkdir -p "$build"
cat >"$build.ini" <<END
[binaries]
c = ['aarch64-linux-gnu-gcc', '--sysroot=$sysroot']
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
pkg-config = 'pkg-config'
exe_wrapper = ['qemu-aarch64-static', '-L', '$sysroot']

[properties]
sys_root = '$sysroot'
pkg_config_libdir = ['$sysroot/usr/lib/aarch64-linux-gnu/pkgconfig', '$sysroot/usr/share/pkgconfig', '$sysroot/usr/lib/pkgconfig']

[built-in options]
c_args = ['-isystem', '$sysroot/usr/include/aarch64-linux-gnu']
c_link_args = ['-Wl,-rpath-link,$sysroot/usr/lib/aarch64-linux-gnu', '-L$sysroot/usr/lib/aarch64-linux-gnu']

[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'cortex-a53'
endian = 'little'
END
if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" --cross-file="$build.ini" --werror >"$build.log" 2>&1 ||
        { tail -20 "$build.log"; exit 1; }
fi
targets=(kiosk/pickup-decode tests/tools/frames-bench
    tests/unit/kiosk/test-kiosk-{decode,eye,hint,scan-filter,frame-box,camera-stats})
ninja -C "$build" "${targets[@]}" >"$build.log" 2>&1 || { grep -E -A5 "error|FAILED" "$build.log"; exit 1; }

emulate() {
    qemu-aarch64-static -L "$sysroot" "$@"
}
failed=0
for name in decode eye hint scan-filter frame-box camera-stats; do
    if emulate "$build/tests/unit/kiosk/test-kiosk-$name" >"$build.log" 2>&1; then
        echo "arm64: test-kiosk-$name passed"
    else
        echo "FAILED: arm64: test-kiosk-$name"
        grep -vE '^\[ +(OK|RUN)' "$build.log"
        failed=1
    fi
done

# Every text and the number of the picture it was read in, of some sequences of each condition.
for condition in plain small large tilted blurred glare moire dimmed dark cracked shake rolling mjpeg mixed; do
    words=(sequences "$condition" 1 2 1280 720)
    if diff <("$native/tests/tools/frames-bench" "${words[@]}") \
        <(emulate "$build/tests/tools/frames-bench" "${words[@]}"); then
        echo "arm64: $condition the same"
    else
        echo "FAILED: arm64: $condition differs"
        failed=1
    fi
done

# Photographs, where there are any.
if [ -d "$top/../shared/qr-images" ]; then
    mapfile -t pictures < <(find "$top/../shared/qr-images" -name '*.jpg' | sort | awk 'NR % 12 == 0')
    if diff <("$native/kiosk/pickup-decode" "${pictures[@]}" 2>/dev/null | sort) \
        <(emulate "$build/kiosk/pickup-decode" "${pictures[@]}" 2>/dev/null | sort); then
        echo "arm64: ${#pictures[@]} photographs the same"
    else
        echo "FAILED: arm64: photographs differ"
        failed=1
    fi
else
    echo "skipped: photographs under arm64 - no ../shared"
fi
exit $failed
