//! A file of the guest, whole: packed and in parts, since the answer of a command is cut at 24 KB.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;

use crate::answer::{Answer, OutputError};

/// Bytes in every part of a file but the last: 20,000 characters of Base64, so that an answer fits into the
/// 24 KB of RunCommand.
pub const CHUNK: usize = 15_000;

/// A larger packed file is not fetched, bytes: it would take more commands than a stage has time for.
pub const LARGEST_PACKED: usize = 1024 * 1024;

/// A file that unpacks to more than this is refused, bytes.
pub const LARGEST_UNPACKED: u64 = 8 * 1024 * 1024;

/// How a file's parts are encoded, before Base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is: the guest has nothing to pack it with.
    Plain,
    /// All parts together are one gzip stream.
    Gzip,
}

/// One part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// How the parts are encoded.
    pub encoding: Encoding,
    /// Bytes of all parts together.
    pub size: usize,
    /// The bytes of this part.
    pub data: Vec<u8>,
}

impl Chunk {
    /// How many parts the whole has, at least one.
    pub fn parts(&self) -> usize {
        self.size.div_ceil(CHUNK).max(1)
    }
}

/// Parts that are not a file.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// The parts are of different files, or not all of them.
    #[error("the parts do not belong together: {have} bytes of {sizes:?}")]
    Torn {
        /// Bytes there are.
        have: usize,
        /// Bytes there should be, by each part.
        sizes: Vec<usize>,
    },
    /// It is too large.
    #[error("the file is larger than {limit} bytes")]
    TooLarge {
        /// The limit, bytes.
        limit: u64,
    },
    /// It cannot be unpacked.
    #[error("the file cannot be unpacked: {0}")]
    Packed(#[from] std::io::Error),
}

/// Paths of the reports that a check names in its answer, to be read with the script `file`.
pub fn read_reports(output: &str) -> Result<Vec<String>, OutputError> {
    Ok(Answer::read(output)?.all("report"))
}

/// The answer of the script `file`: one part of the file; None when there is no such file.
pub fn read_chunk(output: &str) -> Result<Option<Chunk>, OutputError> {
    let answer = Answer::read(output)?;
    if !answer.text("missing").is_empty() {
        return Ok(None);
    }
    let encoding = match answer.text("encoding").as_str() {
        "gzip" => Encoding::Gzip,
        "plain" => Encoding::Plain,
        other => return Err(OutputError::BadValue { key: "encoding", value: other.to_owned() }),
    };
    let size = answer.number("size")?;
    let size = usize::try_from(size).map_err(|_| OutputError::BadValue { key: "size", value: size.to_string() })?;
    let text = answer.text("chunk");
    match STANDARD.decode(&text) {
        Ok(data) if data.len() <= CHUNK => Ok(Some(Chunk { encoding, size, data })),
        _ => Err(OutputError::BadValue { key: "chunk", value: text.chars().take(80).collect() }),
    }
}

/// The file, from all of its parts in order.
pub fn assemble(chunks: &[Chunk]) -> Result<Vec<u8>, ChunkError> {
    let Some(first) = chunks.first() else { return Err(ChunkError::Torn { have: 0, sizes: Vec::new() }) };
    let packed: Vec<u8> = chunks.iter().flat_map(|chunk| &chunk.data).copied().collect();
    if packed.len() > LARGEST_PACKED {
        return Err(ChunkError::TooLarge { limit: LARGEST_PACKED as u64 });
    }
    if chunks.iter().any(|chunk| chunk.size != packed.len() || chunk.encoding != first.encoding) {
        return Err(ChunkError::Torn { have: packed.len(), sizes: chunks.iter().map(|chunk| chunk.size).collect() });
    }
    if first.encoding == Encoding::Plain {
        return Ok(packed);
    }
    let mut file = Vec::new();
    GzDecoder::new(packed.as_slice()).take(LARGEST_UNPACKED + 1).read_to_end(&mut file)?;
    match u64::try_from(file.len()) {
        Ok(size) if size <= LARGEST_UNPACKED => Ok(file),
        _ => Err(ChunkError::TooLarge { limit: LARGEST_UNPACKED }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::process::Command;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn packed(file: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(file).unwrap();
        encoder.finish().unwrap()
    }

    fn cut(packed: &[u8]) -> Vec<Chunk> {
        let chunk = |data: &[u8]| Chunk { encoding: Encoding::Gzip, size: packed.len(), data: data.to_vec() };
        packed.chunks(CHUNK).map(chunk).collect()
    }

    /// Bytes that hardly pack.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        };
        std::iter::repeat_with(&mut next).take(length).collect()
    }

    /// Part `part` of the file at `path`, as the script in a guest's shell answers.
    fn fetch(path: &Path, part: usize, have: bool) -> Option<Chunk> {
        let script = format!(
            "have() {{ {have}; }}\nsay() {{ printf 'osf\\t%s\\t%s\\n' \"$1\" \"$2\"; }}\nR= FILE={} PART={part}\n{}",
            crate::shell::quote(path.to_str().unwrap()),
            include_str!("scripts/file.sh")
        );
        let output = Command::new("sh").args(["-u", "-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.len() < 24 * 1024, "the answer would be cut");
        read_chunk(&text).unwrap()
    }

    #[test]
    fn a_file_comes_through_whole_by_the_script() {
        let folder = tempfile::tempdir().unwrap();
        for (length, gzip) in [(0, true), (1, true), (40_000, true), (0, false), (40_000, false)] {
            let path = folder.path().join(format!("it's {length}"));
            std::fs::write(&path, noise(length)).unwrap();
            let first = fetch(&path, 0, gzip).unwrap();
            let mut chunks = vec![first.clone()];
            chunks.extend((1..first.parts()).map(|part| fetch(&path, part, gzip).unwrap()));
            assert_eq!(chunks.len(), if length == 40_000 { 3 } else { 1 });
            assert_eq!(assemble(&chunks).unwrap(), noise(length));
        }
        assert_eq!(fetch(&folder.path().join("nowhere"), 0, true), None);
        assert_eq!(fetch(folder.path(), 0, true), None, "a directory is no file");
    }

    #[test]
    fn parts_that_are_not_a_file_are_refused() {
        let whole = cut(&packed(&noise(40_000)));
        assert!(matches!(assemble(&whole[..2]), Err(ChunkError::Torn { .. })), "a part is missing");
        let mut other = whole.clone();
        other[1].size += 1;
        assert!(matches!(assemble(&other), Err(ChunkError::Torn { .. })), "the file has changed in between");
        let mut broken = whole.clone();
        broken[0].data[20] ^= 0x55;
        assert!(matches!(assemble(&broken), Err(ChunkError::Packed(_))));
        assert!(matches!(assemble(&[]), Err(ChunkError::Torn { .. })));
        let mut mixed = whole.clone();
        mixed[1].encoding = Encoding::Plain;
        assert!(matches!(assemble(&mixed), Err(ChunkError::Torn { .. })));
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let bomb = cut(&packed(&vec![0; usize::try_from(LARGEST_UNPACKED).unwrap() + 1]));
        assert!(matches!(assemble(&bomb), Err(ChunkError::TooLarge { .. })));
        let fits = cut(&packed(&vec![0; usize::try_from(LARGEST_UNPACKED).unwrap()]));
        assert_eq!(assemble(&fits).unwrap().len() as u64, LARGEST_UNPACKED);
        let long = cut(&noise(LARGEST_PACKED + 1));
        assert!(matches!(assemble(&long), Err(ChunkError::TooLarge { .. })));
    }

    #[test]
    fn bad_answers_are_errors() {
        let chunk = |size: &str, text: &str| {
            read_chunk(&format!("osf\tencoding\tplain\nosf\tsize\t{size}\nosf\tchunk\t{text}\nosf\tdone\tyes\n"))
        };
        assert_eq!(
            chunk("3", "YWJj").unwrap(),
            Some(Chunk { encoding: Encoding::Plain, size: 3, data: b"abc".to_vec() })
        );
        assert!(matches!(chunk("x", "YWJj"), Err(OutputError::BadValue { key: "size", .. })));
        assert!(matches!(chunk("3", "YWJ"), Err(OutputError::BadValue { key: "chunk", .. })));
        let long = STANDARD.encode(vec![0; CHUNK + 1]);
        assert!(matches!(chunk("3", &long), Err(OutputError::BadValue { key: "chunk", .. })));
        let packed = read_chunk("osf\tencoding\tlzma\nosf\tsize\t3\nosf\tdone\tyes\n");
        assert!(matches!(packed, Err(OutputError::BadValue { key: "encoding", .. })));
        assert!(matches!(read_chunk("osf\tsize\t3\n"), Err(OutputError::Incomplete { .. })));
    }

    proptest! {
        #[test]
        fn any_file_comes_back(file in proptest::collection::vec(any::<u8>(), 0..70_000)) {
            prop_assert_eq!(assemble(&cut(&packed(&file))).unwrap(), file);
        }
    }
}
