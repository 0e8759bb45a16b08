#!/bin/sh
# What Debian's minimal system gets beside its packages: user ana, her program as a service, what a first boot leaves behind, and
# an initramfs as initramfs-tools makes it, for a kernel without modules. Its argument is the system's root.
set -eu
root=$1
echo 'ana:x:1000:1000::/home/ana:/bin/sh' >> "$root/etc/passwd"
echo 'ana:x:1000:' >> "$root/etc/group"
echo nodeos > "$root/etc/hostname"
echo 'LABEL=nodeos-users /home ext4 nodev,nosuid 0 0' > "$root/etc/fstab"
cat > "$root/etc/systemd/system/app.service" <<END
[Unit]
RequiresMountsFor=/home/ana
[Service]
User=ana
ExecStart=/home/ana/init
StandardOutput=tty
TTYPath=/dev/console
[Install]
WantedBy=multi-user.target
END
chroot "$root" systemctl enable app.service
chroot "$root" systemd-machine-id-setup
chroot "$root" dpkg-query -W -f '${Package} ${Version}\n' nodejs systemd > "$root/versions"
ln -s sbin/init "$root/init" # what the meter becomes
mkdir -p "$root/lib/modules/6.12.0"
touch "$root/lib/modules/6.12.0/modules.order" "$root/lib/modules/6.12.0/modules.builtin"
echo CONFIG_RD_ZSTD=y > "$root/boot/config-6.12.0"
chroot "$root" mkinitramfs -o /boot/initrd 6.12.0
