//! Compiles the program that the kernel runs (`kernel/relay.bpf.c`) and lays it where the crate includes it. Without
//! clang the crate is built all the same, and every packet goes by the sockets.

use std::path::Path;
use std::process::Command;

const SOURCE: &str = "kernel/relay.bpf.c";
/// Debian's name, and those of versions that stand alone there.
const COMPILERS: [&str; 6] = ["clang", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15"];

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=build.rs");
    let to = Path::new(&std::env::var_os("OUT_DIR").expect("cargo names it")).join("relay.bpf.o");
    if !COMPILERS.iter().any(|compiler| compile(compiler, &to)) {
        println!("cargo::warning=no clang that compiles for the kernel: media will pass by the sockets alone");
        std::fs::write(&to, b"").expect("a file in cargo's own folder");
    }
}

fn compile(compiler: &str, to: &Path) -> bool {
    let machine = std::env::var("CARGO_CFG_TARGET_ARCH").expect("cargo names it");
    let headers = format!("/usr/include/{machine}-linux-gnu");
    let arguments =
        ["-O2", "-g", "-target", "bpf", "-Wall", "-Wextra", "-Werror", "-idirafter", &headers, "-c", SOURCE];
    let done = Command::new(compiler).args(arguments).arg("-o").arg(to).status();
    done.is_ok_and(|status| status.success())
}
