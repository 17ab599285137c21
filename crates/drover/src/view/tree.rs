//! Waves and their pools.

use api::fleet_rollout::WaveState;

use super::Extent;
use super::bars::{Layout, legend};
use crate::progress::{Pool, Progress, Wave};
use crate::text::{Line, Tone, fit, hang};

/// The columns in which a branch is drawn.
const BRANCH: usize = 3;
/// A hold of a pool is told in at most so many lines.
const HOLD_LINES: usize = 3;

/// Said of a wave without units: a misspelt canary is no canary.
const EMPTY: &str = "no pool with nodes of the target matches: the run passes it by";

/// The tree, with all units above and the legend below. A run of one wave needs no row for it.
pub(super) fn lines(run: &Progress, extent: Extent) -> Vec<Line> {
    let alone = run.waves.len() == 1;
    let longest = run.waves.iter().flat_map(|wave| {
        let depth = if alone { BRANCH } else { 2 * BRANCH };
        let pools = shown(wave, run).map(move |pool| depth + title(pool).chars().count());
        pools.chain([BRANCH + 2 + wave.name.chars().count()])
    });
    let layout = Layout::new(longest.max().unwrap_or(0), extent.width);
    let mut lines = vec![layout.heading(), layout.row(&Line::of(Tone::Strong, "all"), Tone::Strong, &run.units)];
    let mut room = extent.pools.unwrap_or(usize::MAX);
    for (at, wave) in run.waves.iter().enumerate() {
        let last = at + 1 == run.waves.len();
        let trunk = match (alone, last) {
            (true, _) => "",
            (false, true) => "   ",
            (false, false) => "│  ",
        };
        if !alone || wave.units.is_none() && run.unseen.is_some() {
            lines.push(wave_row(wave, last, layout));
            if wave.units.is_some_and(|units| units.desired == 0) {
                let margin = Line::of(Tone::Faint, trunk).pad_to(BRANCH + 2);
                lines.extend(hang(Tone::Call, &margin, &margin, EMPTY, extent.width));
            }
        }
        lines.extend(pools(wave, run, trunk, layout, extent.width, &mut room));
    }
    if let Some(why) = &run.unseen {
        let margin = Line::of(Tone::Plain, "   ");
        lines.extend(hang(Tone::Faint, &margin, &margin, &format!("pools are not shown: {why}"), extent.width));
    }
    lines.extend(apart(run, extent.width));
    lines.push(legend());
    lines
}

fn wave_row(wave: &Wave, last: bool, layout: Layout) -> Line {
    let (tone, glyph) = match wave.state {
        WaveState::Waiting => (Tone::Faint, "○"),
        WaveState::Open => (Tone::Busy, "●"),
        WaveState::Succeeded => (Tone::Good, "✔"),
    };
    let branch = if last { "└─ " } else { "├─ " };
    let room = layout.name.saturating_sub(BRANCH + 2);
    let name = Line::of(Tone::Faint, branch).and(tone, format!("{glyph} ")).and(Tone::Plain, fit(&wave.name, room));
    match &wave.units {
        Some(units) => layout.row(&name, Tone::Plain, units),
        None => layout.counted(&name, wave.updated, wave.failed),
    }
}

/// The pools of a wave that tell something: of one that has succeeded, those with units that wait or failed; of one that
/// waits, none (they all wait for the same).
fn shown<'a>(wave: &'a Wave, run: &Progress) -> impl Iterator<Item = &'a Pool> {
    let alone = run.waves.len() == 1;
    wave.pools.iter().filter(move |pool| match wave.state {
        WaveState::Open => true,
        WaveState::Waiting => pool.units.updated > 0 || pool.units.failed > 0,
        WaveState::Succeeded => alone || pool.units.settled < pool.units.desired,
    })
}

fn pools(wave: &Wave, run: &Progress, trunk: &str, layout: Layout, width: usize, room: &mut usize) -> Vec<Line> {
    let mut pools: Vec<&Pool> = shown(wave, run).collect();
    let all = pools.len();
    // Those that somebody must look at, then those under way, then those to do; done ones last.
    pools.sort_by_key(|pool| rank(pool));
    pools.truncate((*room).max(1));
    *room = room.saturating_sub(pools.len());
    let left_out = all - pools.len();
    pools.sort_by(|a, b| natural(&a.name).cmp(&natural(&b.name)));
    let depth = trunk.chars().count() + BRANCH;
    let mut lines = Vec::new();
    let mut said: Option<&str> = None;
    for (at, pool) in pools.iter().enumerate() {
        let end = at + 1 == pools.len() && left_out == 0;
        let branch = Line::of(Tone::Faint, format!("{trunk}{}", if end { "└─ " } else { "├─ " }));
        let name = branch.and(Tone::Plain, fit(&title(pool), layout.name.saturating_sub(depth)));
        lines.push(match &pool.unit {
            Some(unit) => layout.pool(&name, unit),
            None => layout.row(&name, Tone::Plain, &pool.units),
        });
        let margin = Line::of(Tone::Faint, format!("{trunk}{}", if end { "   " } else { "│  " })).pad_to(depth + 2);
        lines.extend(trouble(pool, &margin, width));
        let hold = pool.holds.iter().max_by_key(|held| (telling(&held.kind), held.units));
        // What many pools wait for in the same words is said once.
        if let Some(hold) = hold.filter(|hold| said != Some(&hold.sentence)) {
            said = Some(&hold.sentence);
            let text = match &pool.unit {
                Some(_) => hold.sentence.clone(),
                None => format!("{}: {}", waiting(hold.units), hold.sentence),
            };
            let tone = if pool.needs_attention && telling(&hold.kind) { Tone::Call } else { Tone::Faint };
            lines.extend(hang(tone, &margin, &margin, &text, width).into_iter().take(HOLD_LINES));
        }
    }
    if left_out > 0 {
        let text = format!("{trunk}└─ and {left_out} more {}", if left_out == 1 { "pool" } else { "pools" });
        lines.push(Line::of(Tone::Faint, text));
    }
    lines
}

/// What Kubernetes says of a workload that does not get on.
fn trouble(pool: &Pool, margin: &Line, width: usize) -> Vec<Line> {
    let pods = pool.unit.as_ref().and_then(|unit| unit.workload.as_ref());
    let Some((pods, why)) = pods.and_then(|pods| Some((pods, pods.trouble.as_ref()?))) else { return Vec::new() };
    let text = format!("{} {}: {why}", pods.kind, pods.name);
    hang(Tone::Bad, margin, margin, &text, width).into_iter().take(HOLD_LINES).collect()
}

/// Pools that are no units of the run, each with its reason.
fn apart(run: &Progress, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for pool in &run.apart {
        let first = Line::of(Tone::Plain, format!("   {} ", title(pool))).and(Tone::Faint, "is left out: ");
        let why = pool.holds.iter().map(|held| held.sentence.as_str()).collect::<Vec<_>>().join("; ");
        let tone = if pool.needs_attention { Tone::Call } else { Tone::Faint };
        let rest = Line::of(Tone::Plain, "     ");
        // Who has a long name has its reason below.
        if first.width() > width / 2 {
            lines.push(first);
            lines.extend(hang(tone, &rest, &rest, &why, width).into_iter().take(HOLD_LINES));
        } else {
            lines.extend(
                hang(tone, &first, &Line::new().pad_to(first.width()), &why, width).into_iter().take(HOLD_LINES),
            );
        }
    }
    lines
}

/// Whether a hold says more than the column of offline units does.
fn telling(kind: &str) -> bool {
    kind != "Offline"
}

fn waiting(units: u32) -> String {
    format!("{units} {}", if units == 1 { "waits" } else { "wait" })
}

fn rank(pool: &Pool) -> (bool, bool, bool) {
    let units = &pool.units;
    let calls = pool.needs_attention && pool.holds.iter().any(|hold| telling(&hold.kind)) || units.failed > 0;
    (!calls, units.down.unwrap_or(0) == 0, units.settled == units.desired)
}

fn title(pool: &Pool) -> String {
    if pool.name.is_empty() { "(no pool)".to_owned() } else { pool.name.clone() }
}

/// Names with numbers in the order of the numbers: pool-2 before pool-10.
fn natural(name: &str) -> Vec<(bool, u64, &str)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digit = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != digit).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push((!digit, part.parse().unwrap_or(0), part));
        rest = after;
    }
    parts
}
