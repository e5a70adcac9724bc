//! A look inside an initramfs: would this kernel find its disk? (Linux kernel documentation, "initramfs buffer
//! format".)

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The driver of every disk of an ECS instance.
pub(super) const DRIVER: &str = "virtio_blk";

/// What the kernel would make of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Initramfs {
    /// It has the driver, or is packed in a way that is not looked into.
    Fine,
    /// It can be unpacked, and the driver is not in it.
    WithoutDriver,
    /// It cannot be unpacked.
    Damaged,
}

/// Looks at the files that are loaded one after the other.
pub(super) fn look(files: &[impl AsRef<Path>]) -> io::Result<Initramfs> {
    let mut found = Initramfs::Damaged;
    for file in files {
        match look_at(BufReader::new(File::open(file)?)) {
            Initramfs::Fine => return Ok(Initramfs::Fine),
            Initramfs::WithoutDriver => found = Initramfs::WithoutDriver,
            Initramfs::Damaged => {}
        }
    }
    Ok(found)
}

/// One file: archives one after the other, of which the last may be compressed.
fn look_at(mut file: impl BufRead) -> Initramfs {
    let mut archives = 0;
    loop {
        let start = match skip_padding(&mut file) {
            Ok(start) => start,
            Err(_) => return Initramfs::Damaged,
        };
        let found = match start.as_slice() {
            [] => return if archives > 0 { Initramfs::WithoutDriver } else { Initramfs::Damaged },
            [b'0', b'7', ..] => archive_has_driver(&mut file),
            [0x1f, 0x8b, ..] => {
                return last(archive_has_driver(&mut flate2::bufread::MultiGzDecoder::new(file)));
            }
            [0x28, 0xb5, ..] => {
                return last(
                    zstd::Decoder::with_buffer(file).and_then(|mut unpacked| archive_has_driver(&mut unpacked)),
                );
            }
            // xz, lzma, lz4, lzo, bzip2.
            [0xfd, b'7', ..] | [0x5d, 0x00, ..] | [0x02, 0x21, ..] | [0x89, b'L', ..] | [b'B', b'Z', ..] => {
                return Initramfs::Fine;
            }
            _ => return Initramfs::Damaged,
        };
        match found {
            Ok(false) => archives += 1,
            other => return last(other),
        }
    }
}

fn last(found: io::Result<bool>) -> Initramfs {
    match found {
        Ok(true) => Initramfs::Fine,
        Ok(false) => Initramfs::WithoutDriver,
        Err(_) => Initramfs::Damaged,
    }
}

/// Skips the zeroes between archives; answers the first bytes of the next, none at the end.
fn skip_padding(file: &mut impl BufRead) -> io::Result<Vec<u8>> {
    loop {
        let buffer = file.fill_buf()?;
        let zeroes = buffer.iter().take_while(|byte| **byte == 0).count();
        if zeroes == 0 {
            return Ok(buffer.iter().take(2).copied().collect());
        }
        file.consume(zeroes);
    }
}

/// Length of a header of the "new" portable format of cpio(5).
const HEADER: usize = 110;
/// Last name of an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// Reads an archive until the driver is found, or to its end: a module's file, or a line in the list of what the
/// kernel has built in.
fn archive_has_driver(archive: &mut impl Read) -> io::Result<bool> {
    loop {
        let mut header = [0; HEADER];
        archive.read_exact(&mut header)?;
        if !header.starts_with(b"07070") {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let number = |at: usize| -> io::Result<u64> {
            let digits = str::from_utf8(&header[at..at + 8]).map_err(io::Error::other)?;
            u64::from_str_radix(digits, 16).map_err(io::Error::other)
        };
        let (size, name_size) = (number(54)?, number(94)?);
        let name = take(archive, name_size, HEADER as u64)?;
        let name = name.strip_suffix(b"\0").unwrap_or(&name);
        if name == TRAILER {
            return Ok(false);
        }
        if contains(name, DRIVER.as_bytes()) {
            return Ok(true);
        }
        if name.ends_with(b"modules.builtin") {
            if contains(&take(archive, size, 0)?, DRIVER.as_bytes()) {
                return Ok(true);
            }
        } else {
            io::copy(&mut archive.take(padded(size)), &mut io::sink())?;
        }
    }
}

/// Reads `size` bytes that follow `before` others, and the padding up to a multiple of four.
fn take(archive: &mut impl Read, size: u64, before: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let whole = padded(before + size) - before;
    archive.take(whole).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < whole {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(size as usize);
    Ok(bytes)
}

fn padded(size: u64) -> u64 {
    size.next_multiple_of(4)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, text) in files.iter().chain(&[("TRAILER!!!", "")]) {
            let numbers = [1, 0o100_644, 0, 0, 1, 0, text.len(), 0, 0, 0, 0, name.len() + 1, 0];
            let header: String = numbers.iter().map(|number| format!("{number:08x}")).collect();
            write!(bytes, "070701{header}{name}\0").unwrap();
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend(text.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn the_driver_is_found_as_a_module_or_built_in() {
        let module = archive(&[("init", "#!/bin/sh"), ("lib/modules/5/kernel/drivers/block/virtio_blk.ko.xz", "x")]);
        let builtin = archive(&[("./etc/modules.builtin", "kernel/drivers/block/virtio_blk.ko\n")]);
        let without = archive(&[("init", "mentions virtio_blk"), ("etc/modules.builtin", "kernel/fs/ext4/ext4.ko\n")]);
        let microcode = [archive(&[("kernel/x86/microcode/GenuineIntel.bin", "code")]), vec![0; 700]].concat();
        for (archive, expected) in
            [(module, Initramfs::Fine), (builtin, Initramfs::Fine), (without, Initramfs::WithoutDriver)]
        {
            assert_eq!(look_at(&archive[..]), expected);
            assert_eq!(look_at(&gzip(&archive)[..]), expected);
            assert_eq!(look_at(&zstd::encode_all(&archive[..], 1).unwrap()[..]), expected);
            assert_eq!(look_at(&[microcode.clone(), gzip(&archive)].concat()[..]), expected, "behind the microcode");
        }
        assert_eq!(look_at(&microcode[..]), Initramfs::WithoutDriver);
    }

    #[test]
    fn what_is_cut_off_or_no_archive_is_damaged() {
        let whole = gzip(&archive(&[("init", &"x".repeat(9000)), ("lib/virtio_blk.ko", "x")]));
        assert_eq!(look_at(&whole[..whole.len() / 2]), Initramfs::Damaged);
        assert_eq!(look_at(&b"no archive"[..]), Initramfs::Damaged);
        assert_eq!(look_at(&b""[..]), Initramfs::Damaged);
        assert_eq!(look_at(&b"\xfd7zXZ\0..."[..]), Initramfs::Fine, "not looked into");
    }
}
