//! Looking at what was opened.

use std::os::fd::AsFd;

use rustix::{
    fs::{FileType, OFlags, fstat, fstatfs},
    io::Errno,
};

/// Places whose files are doors into the kernel; each needs a grant of its own (safeclaw spec 5.3).
const SPECIAL: [&str; 3] = ["/proc", "/dev", "/sys"];

/// Kinds of file systems that are such doors, wherever they are mounted, by the number that `statfs` tells
/// (`linux/magic.h`): proc, sysfs, devpts, debugfs, tracefs, securityfs, bpf, cgroup 1 and 2, efivarfs, configfs, mqueue.
const KERNEL_FILE_SYSTEMS: [u64; 12] = [
    0x9fa0,
    0x6265_6572,
    0x1cd1,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0xcafe_4a11,
    0x0027_e0eb,
    0x6367_7270,
    0xde5e_81e4,
    0x6265_6570,
    0x1980_0202,
];

/// Whether a granted path is itself for one of the special places.
pub(super) fn is_special(path: &str) -> bool {
    SPECIAL.iter().any(|root| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether an open file is one that an ordinary grant gives: a regular file or, where one was asked for or nothing but
/// the name was, a directory, on no file system of the kernel's own.
pub(super) fn examine(fd: impl AsFd, root_device: u64, special: bool, flags: OFlags) -> Result<bool, Errno> {
    if special {
        return Ok(true);
    }
    let found = fstat(&fd)?;
    let ordinary = match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => true,
        FileType::Directory => flags.intersects(OFlags::DIRECTORY | OFlags::PATH),
        _ => false,
    };
    if !ordinary {
        return Ok(false);
    }
    // the granted directory's own file system was looked at by whoever granted it
    if found.st_dev == root_device {
        return Ok(true);
    }
    let kind = u64::try_from(fstatfs(&fd)?.f_type).unwrap_or_default();
    Ok(!KERNEL_FILE_SYSTEMS.contains(&(kind & 0xffff_ffff)))
}
