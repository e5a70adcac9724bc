//! Every body over its seeds and over a fixed, seeded set of mutations of them.

mod peak;

use fastrand::Rng;
use fuzz_bodies::{BODIES, Body};

/// Mutations of each seed, unless `MUTATIONS` says another number. All of them take some seconds without optimisation.
const ROUNDS: usize = 300;

/// A number from the environment.
fn setting(name: &str) -> Option<usize> {
    std::env::var(name).ok().map(|value| value.parse().expect(name))
}

#[test]
fn bodies_take_whatever_comes() {
    for body in BODIES {
        let seeds = (body.seeds)();
        assert!(!seeds.is_empty(), "{} has no seeds", body.name);
        run(body, &[]);
        for seed in &seeds {
            run(body, seed);
        }
        let mut rng = Rng::with_seed(setting("MUTATION_SEED").unwrap_or(7) as u64);
        let rounds = setting("MUTATIONS").unwrap_or(ROUNDS);
        for seed in &seeds {
            for _ in 0..rounds {
                let mut input = seed.clone();
                for _ in 0..rng.usize(1..4) {
                    mutate(&mut input, &seeds, &mut rng);
                }
                run(body, &input);
            }
        }
        // Every end that a broken connection could leave.
        for seed in &seeds {
            (0..seed.len()).for_each(|end| run(body, &seed[..end]));
        }
    }
}

/// Memory that a body may hold for each byte of input: the smallest element of a message takes two bytes and becomes a
/// struct of some hundred, in a vector that grows by doubling.
const PER_BYTE: usize = 512;

fn run(body: &Body, input: &[u8]) {
    let peak = peak::of(|| (body.run)(input));
    assert!(peak <= body.spare + PER_BYTE * input.len(), "{} held {peak} bytes for {input:x?}", body.name);
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut Rng) {
    if input.is_empty() {
        return;
    }
    let at = rng.usize(..input.len());
    match rng.u8(..6) {
        // A bit.
        0 => input[at] ^= 1 << rng.u8(..8),
        // A byte.
        1 => input[at] = rng.u8(..),
        // The end.
        2 => input.truncate(at),
        // A length that lies: large and small numbers in 1, 2, 4 and 8 bytes, in either order.
        3 => {
            let lie = [0_u64, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX >> 1, u64::MAX];
            let lie = lie[rng.usize(..lie.len())];
            let width = 1 << rng.u8(..4);
            let bytes = if rng.bool() { lie.to_le_bytes() } else { (lie << (64 - 8 * width)).to_be_bytes() };
            let end = input.len().min(at + width);
            input[at..end].copy_from_slice(&bytes[..end - at]);
        }
        // A piece of another seed in the place of the rest.
        4 => {
            let other = &seeds[rng.usize(..seeds.len())];
            input.truncate(at);
            input.extend_from_slice(&other[rng.usize(..other.len())..]);
        }
        // A piece twice.
        _ => {
            let end = rng.usize(at..input.len());
            let piece = input[at..end].to_vec();
            input.splice(at..at, piece);
        }
    }
}
