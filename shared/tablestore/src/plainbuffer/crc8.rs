//! CRC-8 with polynomial 0x07, initial value 0, no reflection, no final xor (CRC-8/SMBUS).

const TABLE: [u8; 256] = table();

const fn table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x80 != 0 { (crc << 1) ^ 0x07 } else { crc << 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}

/// Continues the checksum `crc` over `bytes`; start with 0.
pub fn crc8(crc: u8, bytes: &[u8]) -> u8 {
    bytes.iter().fold(crc, |crc, byte| TABLE[usize::from(crc ^ byte)])
}

#[cfg(test)]
mod tests {
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
        assert_eq!(crate::plainbuffer::tests::unhex(table.as_str().unwrap()), TABLE);
    }
}
