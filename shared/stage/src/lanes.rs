//! Many things side by side, but not more at a time than ECS and Tablestore like.

/// So many at a time.
const LANES: usize = 8;

/// Does `one` for each number below `count`; the answers are in their order.
pub async fn side_by_side<T>(count: usize, one: impl AsyncFn(usize) -> T) -> Vec<T> {
    let one = &one;
    let lane = async |number: usize| {
        let mut lane = Vec::new();
        for index in (number..count).step_by(LANES) {
            lane.push((index, one(index).await));
        }
        lane
    };
    let (a, b, c, d, e, f, g, h) = tokio::join!(lane(0), lane(1), lane(2), lane(3), lane(4), lane(5), lane(6), lane(7));
    let mut all: Vec<_> = [a, b, c, d, e, f, g, h].into_iter().flatten().collect();
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, answer)| answer).collect()
}
