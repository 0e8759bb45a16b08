# One user's root: the home over a runtime layer over the carbon copy; then the user's init.
name=${1##*/}
owner=$(/busybox stat -c %u:%g "$1")
/busybox mount -t tmpfs -o mode=755,nodev,nosuid runtime /runtime
/busybox mkdir -p /runtime/etc /tmp/.overlay/"$name"
echo "$name:x:${owner%:*}:${owner#*:}::/:/bin/node" > /runtime/etc/passwd
/busybox hostname nodeos
/busybox mount -t overlay -o nodev,nosuid,lowerdir=/runtime:/carbon,upperdir="$1",workdir=/tmp/.overlay/"$name" root /root
/busybox mount -t proc -o ro,nodev,nosuid,noexec proc /root/proc
/busybox mount -t tmpfs -o nodev,nosuid,size=16m,mode=1777 tmp /root/tmp
/busybox mount --bind /devices /root/dev
/busybox mount -t devpts -o nosuid,noexec,newinstance,ptmxmode=0666 pts /root/dev/pts
/busybox mount -t tmpfs -o nodev,nosuid,noexec,size=16m,mode=1777 shm /root/dev/shm
/busybox umount /tmp
/busybox umount -l /carbon
exec /busybox chroot /root /dev/busybox start-stop-daemon -S -q -c "$owner" -x /init
