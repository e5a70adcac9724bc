//! The bodies of requests to the local Tablestore, with the rows, keys and filters in them. The first byte chooses
//! the operation.

use bytes::Bytes;
use local_cloud::tablestore::parse;

use crate::vectors;

/// Reads the rest of `data` as the body of the request that its first byte names.
pub fn run(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let operation = OPERATIONS[usize::from(*choice) % OPERATIONS.len()];
    if let Ok(request) = parse(operation, Bytes::copy_from_slice(body)) {
        // Whether its rows can be read is the sender's affair.
        let _ = request.inspect();
    }
}

const OPERATIONS: [&str; 20] = [
    "CreateTable",
    "DeleteTable",
    "DescribeTable",
    "UpdateTable",
    "ListTable",
    "AddDefinedColumn",
    "DeleteDefinedColumn",
    "CreateIndex",
    "DropIndex",
    "ListSearchIndex",
    "StartLocalTransaction",
    "CommitTransaction",
    "AbortTransaction",
    "PutRow",
    "UpdateRow",
    "DeleteRow",
    "BatchWriteRow",
    "GetRow",
    "BatchGetRow",
    "GetRange",
];

/// The official SDK's requests.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (operation, body) in vectors::requests() {
        if let Some(choice) = OPERATIONS.iter().position(|known| *known == operation) {
            seeds.push([&[choice as u8], body.as_slice()].concat());
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_read_to_its_end() {
        let seeds = seeds();
        assert!(seeds.len() >= 40, "{}", seeds.len());
        for seed in seeds {
            let operation = OPERATIONS[usize::from(seed[0])];
            let request = parse(operation, Bytes::copy_from_slice(&seed[1..])).expect(operation);
            request.inspect().expect(operation);
        }
    }
}
