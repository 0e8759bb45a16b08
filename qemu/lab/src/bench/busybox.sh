#!/busybox sh
# What the shim does of the mounts, as a script: devices, carbon copy, homes, and a root for each home with an init.
/busybox mount -t devtmpfs dev /dev
/busybox mount -t proc proc /proc
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do /busybox sleep 0.1; done
/busybox mount -t erofs -o ro,nodev,nosuid /dev/vda /carbon
/busybox mount -t ext4 -o nodev,nosuid /dev/vdb /tmp
/busybox mkdir -p /tmp/.overlay
# what every user's /dev has, made once
/busybox mount -t tmpfs -o nosuid,mode=755 devices /devices
/busybox mkdir /devices/pts /devices/shm
/busybox cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /devices
/busybox cp /busybox /devices/busybox
for home in /tmp/*; do
  [ -x "$home/init" ] || continue
  /busybox unshare -m -p -i -u -f /busybox sh /user.sh "$home" &
done
# PID 1 waits, and buries who is left
while :; do wait; /busybox sleep 1; done
