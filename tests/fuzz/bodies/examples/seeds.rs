//! Writes the seeds of every body: `seeds <directory>` makes `<directory>/<name>/<number>`.

use fuzz_bodies::BODIES;

fn main() -> std::io::Result<()> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "corpus".into());
    for body in BODIES {
        let place = std::path::Path::new(&directory).join(body.name);
        std::fs::create_dir_all(&place)?;
        for (number, seed) in (body.seeds)().iter().enumerate() {
            std::fs::write(place.join(number.to_string()), seed)?;
        }
    }
    Ok(())
}
