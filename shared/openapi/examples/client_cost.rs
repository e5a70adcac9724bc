//! What building the HTTP client costs, in microseconds: the first, then the median of 25 more.

use std::time::Instant;

fn main() {
    let build = || {
        let begin = Instant::now();
        std::hint::black_box(openapi::http::build());
        begin.elapsed().as_secs_f64() * 1e6
    };
    let first = build();
    let mut more: Vec<f64> = (0..25).map(|_| build()).collect();
    more.sort_by(f64::total_cmp);
    println!("{first:.1} {:.1}", more[more.len() / 2]);
}
