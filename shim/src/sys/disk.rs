//! Growing a partition and its filesystem.
#![allow(unsafe_code)]

use core::ptr;

use linux_raw_sys::general as raw;
use rustix::{
    fd::{AsRawFd, BorrowedFd},
    io::{Errno, Result},
};

use super::call;

/// Makes the call.
///
/// # Safety
/// The request must read at most a `T`, and must be allowed at any time.
unsafe fn ioctl<T>(file: BorrowedFd<'_>, request: usize, argument: &T) -> Result<()> {
    let file = file.as_raw_fd().cast_unsigned() as usize;
    // SAFETY: the caller guarantees this for the request.
    unsafe { call(raw::__NR_ioctl, [file, request, ptr::from_ref(argument) as usize, 0, 0, 0]) }.map(drop)
}

/// Tells the kernel that a partition of this disk is longer now. The partition may be mounted.
pub fn resize_partition(disk: BorrowedFd<'_>, number: u32, start: u64, length: u64) -> Result<()> {
    // include/uapi/linux/blkpg.h
    const BLKPG: usize = 0x1269;
    const BLKPG_RESIZE_PARTITION: i32 = 3;
    #[repr(C)]
    struct Partition {
        start: i64,
        length: i64,
        number: i32,
        names: [u8; 128],
    }
    #[repr(C)]
    struct Request {
        what: i32,
        flags: i32,
        size: i32,
        partition: *const Partition,
    }
    let signed = |number: u64| i64::try_from(number).map_err(|_| Errno::OVERFLOW);
    let number = i32::try_from(number).map_err(|_| Errno::OVERFLOW)?;
    let partition = Partition { start: signed(start)?, length: signed(length)?, number, names: [0; 128] };
    let size = i32::try_from(size_of::<Partition>()).map_err(|_| Errno::OVERFLOW)?;
    let request = Request { what: BLKPG_RESIZE_PARTITION, flags: 0, size, partition: &raw const partition };
    // SAFETY: reads a `struct blkpg_ioctl_arg` and the `struct blkpg_partition` that it points to.
    unsafe { ioctl(disk, BLKPG, &request) }
}

/// Resizes the mounted ext4 filesystem to that many blocks.
pub fn resize_ext4(mounted: BorrowedFd<'_>, blocks: u64) -> Result<()> {
    const EXT4_IOC_RESIZE_FS: usize = 0x4008_6610; // _IOW('f', 16, __u64), include/uapi/linux/ext4.h
    // SAFETY: reads a number of 64 bits.
    unsafe { ioctl(mounted, EXT4_IOC_RESIZE_FS, &blocks) }
}
