# One user's root: the home over a runtime layer over the carbon copy; then the user's init.
name=${1##*/}
owner=$(/busybox stat -c %u:%g "$1")
/busybox mount -t tmpfs -o mode=755,nodev,nosuid runtime /runtime
/busybox mkdir -p /runtime/etc /tmp/.overlay/"$name"
echo "$name:x:${owner%:*}:${owner#*:}::/:/bin/node" > /runtime/etc/passwd
/busybox hostname nodeos
/busybox mount -t overlay -o nodev,nosuid,lowerdir=/runtime:/carbon,upperdir="$1",workdir=/tmp/.overlay/"$name" root /root
/busybox mount -t proc -o nodev,nosuid,noexec proc /root/proc
/busybox mount -t tmpfs -o nodev,nosuid,size=16m,mode=1777 tmp /root/tmp
/busybox mount -t tmpfs -o noexec,nosuid,mode=755 dev /root/dev
for node in null zero full random urandom tty; do
  /busybox touch /root/dev/$node
  /busybox mount --bind /dev/$node /root/dev/$node
done
/busybox touch /root/dev/busybox
/busybox mount --bind /busybox /root/dev/busybox
/busybox umount /tmp
/busybox umount -l /carbon
exec /busybox chroot /root /dev/busybox start-stop-daemon -S -q -c "$owner" -x /init
