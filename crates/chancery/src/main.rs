//! The `chancery` command.

use std::process::ExitCode;

/// glibc's allocator locks when memory is freed by another thread than the one that took it, which every message does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    chancery::run(std::env::args_os())
}
