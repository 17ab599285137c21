//! What must hold of every election, as named functions: used by tests, and by debug builds after every election.
//!
//! They recompute from the input, by other means than the election, who could lead. Each name is among the members once.

use std::collections::BTreeMap;

use super::{Change, Election, Leader, Member, Settings, Strategy, ZONE};

/// A rule and how it was broken.
pub type Broken = String;

/// All of them, in one call; `Err` names the first that is broken.
pub fn check(
    settings: &Settings,
    members: &[Member<'_>],
    current: &[Leader],
    election: &Election,
) -> Result<(), Broken> {
    leaders_are_ready_current_and_in_the_pool(settings, members, &election.leaders)?;
    as_many_lead_as_are_asked_for_and_can(settings, members, &election.leaders)?;
    who_leads_well_stays(settings, members, current, &election.leaders)?;
    new_leaders_are_where_fewest_are(settings, members, election)?;
    changes_lead_from_the_old_leaders_to_the_new(current, election)
}

/// Every leader is a node of the pool that is Ready, bears its mark and has this address now.
pub fn leaders_are_ready_current_and_in_the_pool(
    settings: &Settings,
    members: &[Member<'_>],
    leaders: &[Leader],
) -> Result<(), Broken> {
    let bad = leaders.iter().find(|leader| !members.iter().any(|member| is_well(settings, member, leader)));
    bad.map_or(Ok(()), |leader| Err(format!("{} ({}) leads and must not", leader.name, leader.address)))
}

/// Never more leaders than asked for, each once, and fewer only where no other node can lead.
pub fn as_many_lead_as_are_asked_for_and_can(
    settings: &Settings,
    members: &[Member<'_>],
    leaders: &[Leader],
) -> Result<(), Broken> {
    let (wanted, can) = (wanted(settings), able(settings, members).len());
    if leaders.len() != wanted.min(can) {
        return Err(format!("{} lead, {wanted} are asked for and {can} can", leaders.len()));
    }
    match leaders.windows(2).find(|pair| pair[0].name >= pair[1].name) {
        Some(pair) => Err(format!("{} comes before {}", pair[0].name, pair[1].name)),
        None => Ok(()),
    }
}

/// Leaders that could go on leading do, as far as there is room.
pub fn who_leads_well_stays(
    settings: &Settings,
    members: &[Member<'_>],
    current: &[Leader],
    leaders: &[Leader],
) -> Result<(), Broken> {
    let able = able(settings, members);
    let well = able.keys().filter(|name| {
        let well = |leader: &&Leader| leader.name == **name && members.iter().any(|of| is_well(settings, of, leader));
        current.iter().find(well).is_some()
    });
    let expected = well.count().min(wanted(settings));
    let stayed = leaders.iter().filter(|leader| current.contains(leader)).count();
    if stayed == expected { Ok(()) } else { Err(format!("{stayed} leaders stay, {expected} could")) }
}

/// No new leader is in a zone that has two leaders more than another one in which somebody could still lead.
pub fn new_leaders_are_where_fewest_are(
    settings: &Settings,
    members: &[Member<'_>],
    election: &Election,
) -> Result<(), Broken> {
    let able = able(settings, members);
    let mut zones: BTreeMap<Option<&str>, (usize, usize)> = BTreeMap::new();
    for (name, zone) in &able {
        let (led, room) = zones.entry(*zone).or_default();
        *room += 1;
        *led += usize::from(election.leaders.iter().any(|leader| leader.name == *name));
    }
    for change in &election.changes {
        let Change::Elected(leader) = change else { continue };
        let Some(zone) = able.get(leader.name.as_str()) else { continue };
        let own = zones.get(zone).map_or(0, |(led, _)| *led);
        if let Some((other, (few, _))) = zones.iter().find(|(_, (led, room))| led + 1 < own && led < room) {
            return Err(format!("{} leads in {zone:?} with {own} leaders, while {other:?} has {few}", leader.name));
        }
    }
    Ok(())
}

/// The changes are all that is different.
pub fn changes_lead_from_the_old_leaders_to_the_new(current: &[Leader], election: &Election) -> Result<(), Broken> {
    let mut leaders: Vec<&Leader> = current.iter().collect();
    for change in &election.changes {
        match change {
            Change::Elected(leader) => leaders.push(leader),
            Change::Lost { leader, .. } => leaders.retain(|at| *at != leader),
        }
    }
    leaders.sort_unstable();
    leaders.dedup();
    if leaders.iter().copied().eq(&election.leaders) {
        return Ok(());
    }
    Err(format!("the changes lead to {leaders:?}, not to {:?}", election.leaders))
}

/// The names of the nodes that can lead, with their zones.
fn able<'a>(settings: &Settings, members: &[Member<'a>]) -> BTreeMap<&'a str, Option<&'a str>> {
    let able = members.iter().filter(|member| may_lead(settings, member) && member.address.is_some());
    able.map(|member| (member.name, member.labels.get(ZONE).map(String::as_str))).collect()
}

fn is_well(settings: &Settings, member: &Member<'_>, leader: &Leader) -> bool {
    member.name == leader.name && member.address == Some(leader.address) && may_lead(settings, member)
}

fn may_lead(settings: &Settings, member: &Member<'_>) -> bool {
    let marked = match settings {
        Settings::Disabled | Settings::Invalid(_) => false,
        Settings::Enabled { strategy: Strategy::Random, .. } => true,
        Settings::Enabled { strategy: Strategy::Mark(mark), .. } => {
            !mark.is_empty() && mark.iter().all(|label| member.labels.iter().any(|other| other == label))
        }
    };
    marked && member.ready
}

fn wanted(settings: &Settings) -> usize {
    match settings {
        Settings::Enabled { replicas, .. } => usize::try_from(*replicas).unwrap_or(usize::MAX),
        Settings::Disabled | Settings::Invalid(_) => 0,
    }
}
