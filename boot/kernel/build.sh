#!/bin/sh
# Builds Linux for NodeOS. boot/src/parts/kernel.rs drives it, a person may:
#   build.sh unpack TARBALL SOURCE
#   build.sh patch     SOURCE PATCH
#   build.sh configure SOURCE OUT ARCH CROSS WANTED      fragments -> OUT/.config
#   build.sh compile   SOURCE OUT ARCH CROSS TARGET JOBS
# OUT lies right below SOURCE: kbuild then names every file relatively ("..", top Makefile), so that neither the
# kernel's bytes nor ccache's keys depend on where the cache is.
set -eu

# nothing of the caller's reaches the build
unset MAKEFLAGS MFLAGS MAKELEVEL KCFLAGS KCPPFLAGS KAFLAGS KCONFIG_CONFIG KBUILD_OUTPUT LLVM || true
export LC_ALL=C
# reproducible: Documentation/kbuild/reproducible-builds.rst
export KBUILD_BUILD_TIMESTAMP='@0' KBUILD_BUILD_USER=nodeos KBUILD_BUILD_HOST=nodeos KBUILD_BUILD_VERSION=1
# set, if empty: no "+" for a cache that happens to lie in a git tree (scripts/setlocalversion)
export LOCALVERSION=

kbuild() { # SOURCE OUT ARCH CROSS words
    source=$1 out=$2 arch=$3 cross=$4
    shift 4
    cc=${cross}gcc
    ! command -v ccache >/dev/null || cc="ccache $cc"
    make -C "$source" O="$out" ARCH="$arch" CROSS_COMPILE="$cross" CC="$cc" "$@"
}

step=$1
shift
case $step in
unpack)
    mkdir -p "$2"
    tar -xJf "$1" -C "$2" --strip-components=1
    ;;
patch)
    patch --directory="$1" --strip=1 --forward --batch --fuzz=0 --no-backup-if-mismatch <"$2"
    ;;
configure)
    mkdir -p "$2"
    # everything off, then tinyconfig's own choices, then ours: the last word on a symbol wins
    cat "$1/kernel/configs/tiny-base.config" "$1/kernel/configs/tiny.config" "$5" >"$2/wanted.config"
    KCONFIG_ALLCONFIG="$2/wanted.config" kbuild "$1" "$2" "$3" "$4" -s allnoconfig
    ;;
compile)
    kbuild "$1" "$2" "$3" "$4" -j "$6" "$5"
    ;;
*)
    echo "build.sh: unknown step $step" >&2
    exit 2
    ;;
esac
