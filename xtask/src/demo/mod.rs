//! A fleet of real guests, migrated on this machine.

mod fleet;
mod show;

use std::path::Path;
use std::time::{Duration, Instant};

use migration::{Outcome, Record, State};
use rig::{Error, Manifest, Options, Rig, differences};
use serde_json::json;

use crate::build::{binaries, image_dir, images, tools};
use fleet::{ALL_PATHS, FLEET, Story};
use show::{Board, durations};

/// The whole must be over by then: a Debian upgrade takes a minute or two on an idle machine.
const LIMIT: Duration = Duration::from_secs(900);
/// A guest's services are up by then.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);
/// Waits for silent guests are cut to this: every guest here is up within seconds.
const SETTINGS: [&str; 4] =
    ["DARK_SECONDS=60", "RHEL_GRANTED=1", "DRILL_VSWITCH=vsw-drill", "DRILL_SECURITY_GROUP=sg-drill"];
/// Installation media for each Windows of the fleet: version, language, image.
const MEDIA: [(&str, &str, &str); 2] =
    [("2019", "en-us", "m-local-media-win2019-en-us"), ("2012R2", "zh-cn", "m-local-media-win2012r2-zh-cn")];

/// Runs the demo; an error when anything is not as told.
pub fn run(keep: bool, all_paths: bool) -> Result<(), Error> {
    let fleet: &'static [Story] = if all_paths { &ALL_PATHS } else { &FLEET };
    let mut clock = Clock::default();
    tools()?;
    clock.lap("installing tools");
    binaries()?;
    clock.lap("building");
    println!("building images that are not there yet");
    let mut ids: Vec<&str> = fleet.iter().map(|story| story.image).collect();
    ids.sort_unstable();
    ids.dedup();
    images(&ids)?;
    clock.lap("images");
    let image_dir = image_dir()?;
    let state_dir = image_dir.with_file_name("demo");
    // One that was killed has left its instances; a cloud that still runs there keeps them.
    clean(&state_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = demo(fleet, &state_dir, &image_dir, &mut clock) => outcome,
            told = tokio::signal::ctrl_c() => {
                told?;
                Err("interrupted; everything was stopped".into())
            }
        }
    });
    if !keep && !outcome.as_ref().is_err_and(|error| error.to_string().contains("another local cloud")) {
        clean(&state_dir)?;
    }
    clock.tell();
    outcome
}

/// Deletes the state directory. Its disks belong to the guests' ids, so the local cloud deletes them.
fn clean(state_dir: &Path) -> Result<(), Error> {
    if state_dir.exists() {
        let program = rig::target_dir()?.join("local-cloud");
        let status = std::process::Command::new(program).arg("forget").arg("--state-dir").arg(state_dir).status()?;
        if !status.success() {
            return Err(format!("the disks in {} were not deleted", state_dir.display()).into());
        }
    }
    match std::fs::remove_dir_all(state_dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{} could not be deleted: {error}", state_dir.display()).into())
        }
        _ => Ok(()),
    }
}

async fn demo(fleet: &'static [Story], state_dir: &Path, image_dir: &Path, clock: &mut Clock) -> Result<(), Error> {
    println!("starting the local cloud ({})", state_dir.display());
    let options =
        Options { state_dir: state_dir.to_owned(), image_dir: image_dir.to_owned(), bin_dir: None, extra: Vec::new() };
    let mut rig = Rig::start(options).await?;
    if fleet.iter().any(is_windows) {
        let mut media = json!({});
        for (version, language, image) in MEDIA {
            media[version][language] = json!(rig.create_media(image).await?);
        }
        let windows = format!("WINDOWS_MEDIA={media}");
        let settings = SETTINGS.iter().map(|setting| (*setting).to_owned()).chain([windows]);
        rig.restart(&settings.flat_map(|setting| ["--env".to_owned(), setting]).collect::<Vec<_>>()).await?;
    }
    let outcome = migrate(fleet, &mut rig, clock).await;
    clock.lap("checking");
    rig.stop()?;
    clock.lap("stopping");
    outcome?;
    match rig.refusals()?.as_slice() {
        [] => Ok(()),
        refused => Err(format!("policies in infra/ram are too narrow:\n  {}", refused.join("\n  ")).into()),
    }
}

/// One instance on its way.
struct Traveller {
    story: &'static Story,
    instance_id: String,
    before: Manifest,
    /// What the story's own question was answered.
    same: String,
}

/// No shell scripts run there.
fn is_windows(story: &Story) -> bool {
    story.os_after.starts_with("Windows")
}

async fn migrate(fleet: &'static [Story], rig: &mut Rig, clock: &mut Clock) -> Result<(), Error> {
    let mut travellers = Vec::new();
    for story in fleet {
        println!("{:10} {}", story.name, story.about);
        let instance_id = rig.create_instance(story.name, story.image, story.data_disks).await?;
        if story.data_disks > 0 {
            rig.run_in_guest(&instance_id, "head -c 1000000 /dev/urandom > /data/orders.db; sync").await?;
        }
        let same = match story.same {
            Some(question) => settled(rig, &instance_id, question).await?,
            None => String::new(),
        };
        travellers.push(Traveller { story, before: rig.manifest(&instance_id).await?, instance_id, same });
    }
    clock.lap("booting the fleet");
    break_on_purpose(rig, &travellers).await?;
    for traveller in &travellers {
        rig.tag(&traveller.instance_id, traveller.story.tags).await?;
    }
    let scan = rig.detect().await?;
    if scan["problems"].as_array().is_some_and(|problems| !problems.is_empty()) {
        return Err(format!("detection did not open every migration: {}", scan["problems"]).into());
    }
    let records = watch(rig, &travellers).await?;
    clock.lap("migrating");
    let mut wrong = Vec::new();
    println!("\n{:10} {:11} {:35} {:19} {:>6}  seconds per stage", "instance", "outcome", "before", "after", "all");
    for (traveller, record) in travellers.iter().zip(&records) {
        tell(rig, traveller, record).await?;
        wrong.extend(
            check(rig, traveller, record).await?.into_iter().map(|what| format!("{}: {what}", traveller.story.name)),
        );
    }
    if wrong.is_empty() {
        println!("\neverything is as told");
        return Ok(());
    }
    Err(format!("not as told:\n  {}", wrong.join("\n  ")).into())
}

/// The answer to a question, once whatever the guest starts at boot can answer it.
async fn settled(rig: &Rig, instance_id: &str, question: &str) -> Result<String, Error> {
    let until = Instant::now() + SETTLE_LIMIT;
    loop {
        match rig.run_in_guest(instance_id, question).await {
            Err(error) if Instant::now() > until => return Err(format!("{question}: {error}").into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            Ok(answer) => return Ok(answer),
        }
    }
}

/// Orders what is to be killed; a cloud that is started again has forgotten it.
async fn break_on_purpose(rig: &Rig, travellers: &[Traveller]) -> Result<(), Error> {
    for traveller in travellers {
        if let Some((needle, exists)) = traveller.story.kill {
            let order = json!({ "instanceId": traveller.instance_id, "needle": needle, "exists": exists });
            rig.operator.command("kill-when", &order).await?;
        }
    }
    Ok(())
}

/// Shows the migrations until all are over; a cloud that died is started again.
async fn watch(rig: &mut Rig, travellers: &[Traveller]) -> Result<Vec<Record>, Error> {
    let mut board = Board::new(travellers.iter().map(|traveller| traveller.story.name));
    let until = Instant::now() + LIMIT;
    loop {
        if rig.revive().await? {
            println!("the local cloud had died; it was started again");
            break_on_purpose(rig, travellers).await?;
        }
        // A cloud that is just dying answers nothing.
        let records = rig.records().await.unwrap_or_default();
        let of = |traveller: &Traveller| records.iter().find(|record| record.instance_id == traveller.instance_id);
        let mine: Vec<&Record> = travellers.iter().filter_map(of).collect();
        for (index, traveller) in travellers.iter().enumerate() {
            if let Some(record) = of(traveller) {
                board.show(index, record);
            }
        }
        if mine.len() == travellers.len() && mine.iter().all(|record| record.stage().is_none()) {
            return Ok(mine.into_iter().cloned().collect());
        }
        if Instant::now() > until {
            return Err(format!("not over after {} s", LIMIT.as_secs()).into());
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// One line of the table, and below it why when it did not succeed.
async fn tell(rig: &Rig, traveller: &Traveller, record: &Record) -> Result<(), Error> {
    let State::Ended(outcome) = record.state else { return Ok(()) };
    let stages = durations(&rig.history(&record.id).await?);
    let total: f64 = stages.iter().map(|(_, seconds)| seconds).sum();
    let each: Vec<String> = stages.iter().map(|(name, seconds)| format!("{name} {seconds:.1}")).collect();
    let before = record.hops.first().map(|hop| format!("{} ({})", hop.from, hop.engine.name())).unwrap_or_default();
    let after = system(rig, traveller, record).await?;
    let outcome_text = format!("{outcome:?}");
    println!("{:10} {outcome_text:11} {before:35} {after:19} {total:>6.1}  {}", traveller.story.name, each.join(", "));
    if let Some(cause) = &record.cause {
        let text: Vec<&str> = cause.text.split_whitespace().collect();
        println!("{:10} {} {}", "", cause.code, shortened(&text.join(" "), 150));
    }
    if outcome == Outcome::Refused {
        for finding in record.findings.iter().filter(|finding| finding.blocks()) {
            println!("{:10}   {}: {}\n{:10}     remedy: {}", "", finding.id, finding.found, "", finding.remedy);
        }
    }
    Ok(())
}

/// The beginning and the end of a long text.
fn shortened(text: &str, limit: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= limit {
        return text.to_owned();
    }
    let half = limit / 2;
    let (begin, end): (String, String) =
        (letters[..half].iter().collect(), letters[letters.len() - half..].iter().collect());
    format!("{begin} ... {end}")
}

/// What the guest itself says it runs.
async fn system(rig: &Rig, traveller: &Traveller, record: &Record) -> Result<String, Error> {
    match is_windows(traveller.story) {
        true => Ok(record.os_after.clone().unwrap_or_default()),
        false => rig.os(&traveller.instance_id).await,
    }
}

/// What is not as told.
async fn check(rig: &Rig, traveller: &Traveller, record: &Record) -> Result<Vec<String>, Error> {
    let story = traveller.story;
    let mut wrong = Vec::new();
    if record.state != State::Ended(story.outcome) {
        wrong.push(format!("ended as {:?}, not {:?}", record.state, story.outcome));
    }
    let runs = system(rig, traveller, record).await?;
    if runs != story.os_after {
        wrong.push(format!("runs {runs}, not {}", story.os_after));
    }
    let reason = record.cause.as_ref().map(|cause| cause.text.clone()).unwrap_or_default();
    for word in story.because {
        if !reason.contains(word) {
            wrong.push(format!("the reason does not speak of {word}: {reason}"));
        }
    }
    let ours = rig.snapshots_of(record).await?.len();
    let disks = traveller.before.len();
    let expected = match story.outcome {
        // A drill's are released with its clone.
        Outcome::Refused | Outcome::DrillPassed => 0,
        // One of each disk and hop.
        _ => disks * record.hops.len(),
    };
    if ours != expected {
        wrong.push(format!("{ours} snapshots are left, not {expected}"));
    }
    if let Some(question) = story.same {
        let now = settled(rig, &traveller.instance_id, question).await?;
        if now != traveller.same {
            wrong.push(format!("{question}: {} before, {} now", traveller.same.trim(), now.trim()));
        }
    }
    if story.outcome != Outcome::Succeeded {
        let after = rig.manifest(&traveller.instance_id).await?;
        let mut different = differences(&traveller.before, &after, &[]);
        // Where something was taken back, a note stays that it is over, should a command come late.
        different.retain(|line| !line.contains(" /var/lib/osferry"));
        println!(
            "{:10} manifest: {} paths on {} disk(s), {} different from before",
            "",
            after.values().map(Vec::len).sum::<usize>(),
            after.len(),
            different.len()
        );
        wrong.extend(different.into_iter().take(5));
    }
    Ok(wrong)
}

/// Where the time goes.
struct Clock {
    laps: Vec<(&'static str, f64)>,
    last: Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self { laps: Vec::new(), last: Instant::now() }
    }
}

impl Clock {
    fn lap(&mut self, what: &'static str) {
        self.laps.push((what, self.last.elapsed().as_secs_f64()));
        self.last = Instant::now();
    }

    fn tell(&self) {
        let laps: Vec<String> = self.laps.iter().map(|(what, seconds)| format!("{what} {seconds:.1} s")).collect();
        println!("\ntime: {}", laps.join(", "));
    }
}
