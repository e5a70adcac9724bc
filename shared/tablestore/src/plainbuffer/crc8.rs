//! CRC-8 with polynomial 0x07, initial value 0, no reflection, no final xor (CRC-8/SMBUS).

/// Bytes that are looked up side by side.
const LANES: usize = 8;

/// `TABLES[n][byte]` is the checksum of `byte` and `n` zero bytes after it. The checksum of several
/// bytes is the xor of their own, so that none of the look-ups waits for another.
static TABLES: [[u8; 256]; LANES] = tables();

const fn tables() -> [[u8; 256]; LANES] {
    let mut tables = [[0; 256]; LANES];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u8;
        let mut lane = 0;
        while lane < LANES {
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 0x80 != 0 { (crc << 1) ^ 0x07 } else { crc << 1 };
                bit += 1;
            }
            tables[lane][i] = crc;
            lane += 1;
        }
        i += 1;
    }
    tables
}

fn look_up(zeros_after: usize, byte: u8) -> u8 {
    TABLES[zeros_after][usize::from(byte)]
}

/// Continues the checksum `crc` over `bytes`; start with 0.
#[inline]
pub fn crc8(mut crc: u8, bytes: &[u8]) -> u8 {
    let (chunks, rest) = bytes.as_chunks::<LANES>();
    for chunk in chunks {
        let low = look_up(7, crc ^ chunk[0]) ^ look_up(6, chunk[1]) ^ look_up(5, chunk[2]) ^ look_up(4, chunk[3]);
        crc = low ^ look_up(3, chunk[4]) ^ look_up(2, chunk[5]) ^ look_up(1, chunk[6]) ^ look_up(0, chunk[7]);
    }
    let Some((first, others)) = rest.split_first() else { return crc };
    let mut tables = TABLES[..rest.len()].iter().rev();
    let mut sum = tables.next().map_or(0, |table| table[usize::from(crc ^ first)]);
    for (table, byte) in tables.zip(others) {
        sum ^= table[usize::from(*byte)];
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_check_value_of_the_algorithm() {
        assert_eq!(crc8(0, b"123456789"), 0xF4);
    }

    #[test]
    fn the_values_of_the_java_sdk() {
        let mut crc = 0;
        let seen: Vec<u8> = [1, 3, 7, 255, 128, 0]
            .into_iter()
            .map(|byte| {
                crc = crc8(crc, &[byte]);
                crc
            })
            .collect();
        assert_eq!(seen, [0x07, 0x1c, 0x41, 0x33, 0x10, 0x70]);
    }

    #[test]
    fn the_table_of_the_python_sdk() {
        let table = crate::plainbuffer::tests::vectors()["primitives"]["crc8_table_hex"].clone();
        assert_eq!(crate::plainbuffer::tests::unhex(table.as_str().unwrap()), TABLES[0]);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(start: u8, bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let one_by_one = bytes.iter().fold(start, |crc, byte| TABLES[0][usize::from(crc ^ byte)]);
            prop_assert_eq!(crc8(start, &bytes), one_by_one);
        }
    }
}
