//! What each pool's workload is to be: of the newest revision, or of the one that it is of while it is held.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::names::app_set as names;

use super::known::{self, Found};
use super::{Body, Hold, Input, Known, OnRefusal, Released, Standing};
use crate::canonical::Hash;
use crate::children::{Child, Family};
use crate::pools::{Pool, Selection};
use crate::render::{Owner, PATH, RenderError, Rendered, Renderer};
use crate::revisions::{self, Current};
use crate::{adopt, pins};

/// What a pool's workload is to be.
pub(super) struct Aim {
    /// The workload; `None` if it cannot be made.
    pub(super) rendered: Option<Rendered>,
    /// The name of its revision.
    pub(super) revision: String,
    /// Why it may not be written.
    pub(super) hold: Option<Hold>,
    /// It is of an older revision on purpose, for this reason.
    pub(super) kept: Option<Hold>,
}

/// Why a revision cannot be made in a pool.
struct Refusal {
    why: String,
    /// It is the revision's fault, so that other pools may be held by it: not that of the pool, whose name is no label.
    revisions: bool,
}

/// What can be rendered.
pub(super) struct Targets<'a> {
    input: &'a Input<'a>,
    owner: Owner,
    current: Option<Current>,
    /// Pools that are to have an older revision than the newest, and why: they are pinned to it, or go back to it.
    kept: BTreeMap<String, Hold>,
    /// Pools that are known from the last plan, so that they need not be rendered.
    recalled: BTreeMap<String, (u64, Found)>,
    /// The newest revision in each other pool in which it can be made.
    newest: BTreeMap<String, Made>,
    /// Why it cannot be made in others.
    refused: BTreeMap<String, Refusal>,
    /// Older revisions by name; `None` if one cannot be rendered.
    older: HashMap<String, Option<Renderer>>,
    nothing_known: Known,
    /// In how many pools it is known that it can be made.
    made: usize,
}

/// The workload of a pool, while others are made: as text.
struct Made {
    body: Body,
    template: Hash,
    tweaks: Vec<usize>,
}

impl<'a> Targets<'a> {
    pub(super) fn new(input: &'a Input<'a>, selection: &Selection<'_>, family: &Family<'_>) -> Self {
        let owner = Owner::of(input.set);
        let workload = &input.set.spec.workload;
        let collisions = input.set.status.as_ref().and_then(|status| status.collision_count).unwrap_or(0);
        let read = workload.read(PATH).map(|read| {
            let current = revisions::current(&owner, &workload.0, collisions, input.history, input.floor);
            (Renderer::new(owner.clone(), read, &current.name), current)
        });
        let (renderer, current) = match read {
            Ok((renderer, current)) => (renderer.map_err(|error| error.to_string()), Some(current)),
            Err(unreadable) => (Err(RenderError::from(unreadable).to_string()), None),
        };
        let renderer = renderer.map(|renderer| renderer.bounded(input.max_unavailable));
        let renderer = renderer.and_then(|renderer| changed_kind(family).map_or(Ok(renderer), Err));
        let newest_name = current.as_ref().map_or("", |current| current.name.as_str());
        let kept = pins::pins(input.set).map(|mut pins| {
            pins.retain(|_, revision| revision != newest_name);
            let returned =
                input.returns.iter().map(|(pool, revision)| (pool.clone(), Hold::Returned(revision.clone())));
            let pinned = pins.into_iter().map(|(pool, revision)| (pool, Hold::Pinned(revision)));
            returned.chain(pinned).collect::<BTreeMap<_, _>>()
        });
        let (mut recalled, mut newest, mut refused) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let nothing_known = Known::of(input, current.as_ref());
        let recall = |pool: &Pool| {
            let member = family.members.get(pool.name.as_str()).filter(|member| !member.child.leaving)?;
            let state = known::state(pool, *member, input.stubborn.get(&member.child.uid));
            let found = nothing_known.recall(input.known, pool, state)?;
            let is_enough = match (&found, &input.released) {
                (Found::Done, _) => true,
                // What is still to be tried has to be made first, as has what may be written now.
                // One that has the newest revision by name waits only if its pods would restart, as a step of the plan shows.
                (Found::Waits(tweaks), Released::Unbound) => {
                    input.taken.contains(tweaks) && member.child.revision.as_deref() != Some(newest_name)
                }
                (Found::Waits(tweaks), Released::These { pools, .. }) => {
                    !pools.contains(&pool.name) && input.taken.contains(tweaks)
                }
                (Found::Waits(_), Released::All) => false,
                (Found::Writes(tweaks, _), released) => input.taken.contains(tweaks) && released.lets(&pool.name),
            };
            is_enough.then_some((state, found))
        };
        // Long names are cut and told apart by a hash, which may be the same in a very long time.
        let mut taken = HashMap::new();
        for (name, pool) in &selection.pools {
            let refused_as = |revisions: bool| move |why: String| Refusal { why, revisions };
            let rendered = match (&kept, &renderer, input.refused.get(*name)) {
                (Err(invalid), ..) => Err(refused_as(true)(invalid.to_string())),
                (Ok(kept), ..) if kept.contains_key(*name) => continue,
                (Ok(_), Err(why), _) | (Ok(_), Ok(_), Some(why)) => Err(refused_as(true)(why.clone())),
                (Ok(_), Ok(renderer), None) => {
                    if let Some(found) = recall(pool) {
                        taken.insert(names::workload(renderer.kind(), &owner.name, name), *name);
                        recalled.insert((*name).to_owned(), found);
                        continue;
                    }
                    renderer.render(pool).map_err(|error| refused_as(!error.is_pools())(error.to_string()))
                }
            };
            let rendered = rendered.and_then(|rendered| match taken.insert(rendered.name().to_owned(), *name) {
                Some(other) => {
                    let why = format!("the name of its workload, {}, is that of pool {other}", rendered.name());
                    Err(refused_as(false)(why))
                }
                None => Ok(rendered),
            });
            match rendered {
                Ok(rendered) => drop(newest.insert((*name).to_owned(), Made::of(rendered))),
                Err(refusal) => drop(refused.insert((*name).to_owned(), refusal)),
            }
        }
        let kept = kept.unwrap_or_default();
        let made = recalled.len() + newest.len();
        Self { input, owner, current, kept, recalled, newest, refused, older: HashMap::new(), nothing_known, made }
    }

    /// What is known of a revision of which no pool was looked at.
    pub(super) fn nothing_known(&self) -> Known {
        self.nothing_known.clone()
    }

    /// What is known of a pool from the last plan, and of which state of it.
    pub(super) fn recall(&mut self, pool: &Pool) -> Option<(u64, Found)> {
        self.recalled.remove(&pool.name)
    }

    /// Why a pool cannot get the newest revision.
    pub(super) fn refusal(&self, pool: &str) -> Option<Hold> {
        let refused = self.refused.get(pool).map(|refusal| Hold::Refused(refusal.why.clone()));
        refused.or_else(|| self.others_refused(pool))
    }

    /// What a pool's workload is to be.
    pub(super) fn aim(&mut self, pool: &Pool) -> Aim {
        if let Some((kept, revision)) =
            self.kept.get(&pool.name).and_then(|kept| Some((kept.clone(), kept.revision()?.to_owned())))
        {
            let rendered = self.older(&revision, pool);
            let hold = rendered.is_none().then(|| Hold::Refused(self.unmade(&pool.name, &kept)));
            return Aim { rendered, revision, hold, kept: Some(kept) };
        }
        Aim {
            rendered: self.newest.remove(&pool.name).map(|made| made.rendered(pool)),
            revision: self.current.as_ref().map(|current| current.name.clone()).unwrap_or_default(),
            hold: self.refusal(&pool.name),
            kept: None,
        }
    }

    /// The newest revision as it is to be recorded; `None` if no pool may get it.
    pub(super) fn recorded(self) -> Option<Current> {
        let refused = self.refused.values().any(|refusal| refusal.revisions);
        let held = self.input.on_refusal == OnRefusal::HoldAll && refused;
        let nowhere = self.made == 0 && !self.refused.is_empty();
        self.current.filter(|_| !held && !nowhere && self.input.standing == Standing::Acting)
    }

    /// The hold of a pool by the refusal of another one.
    fn others_refused(&self, pool: &str) -> Option<Hold> {
        let mut others = self.refused.iter().filter(|(other, refusal)| *other != pool && refusal.revisions);
        let (other, refusal) = others.next().filter(|_| self.input.on_refusal == OnRefusal::HoldAll)?;
        Some(Hold::OthersRefused { pool: other.clone(), why: refusal.why.clone() })
    }

    fn unmade(&self, pool: &str, kept: &Hold) -> String {
        let own = |known: &&revisions::Revision| known.controller.as_deref() == Some(self.owner.uid.as_str());
        let known: BTreeSet<_> = self.input.history.iter().filter(own).map(|known| known.name.as_str()).collect();
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        match kept {
            Hold::Pinned(revision) => format!(
                "metadata.annotations[{}][{pool}]: {revision:?} is not a revision that can be made there: {known}",
                names::PINNED
            ),
            other => format!("{other}; that cannot be made there any more: {known}"),
        }
    }

    /// The revision that a workload is of, as it would be made today, and its name; `None` if nobody can say.
    pub(super) fn own(&mut self, child: &Child, pool: &Pool) -> Option<(Rendered, String)> {
        let named = child.revision.as_deref();
        let named = named.and_then(|name| Some((self.older(name, pool)?, name.to_owned())));
        named.or_else(|| self.sealed(child, pool))
    }

    /// The revision of a workload whose label somebody changed: the one of which everything that was applied is, or else the
    /// newest one of which the pod template is.
    fn sealed(&mut self, child: &Child, pool: &Pool) -> Option<(Rendered, String)> {
        let says = |key: &str| child.annotations.get(key).map(String::as_str);
        let (seal, template) = (says(names::RENDERED)?, says(names::TEMPLATE)?);
        let mut history: Vec<_> = self.input.history.iter().collect();
        history.sort_unstable_by_key(|revision| Reverse(revision.number));
        let mut alike = None;
        for revision in history {
            let Some(rendered) = self.older(&revision.name, pool) else { continue };
            let body = adopt::body(&rendered, child, true).body;
            if body["metadata"]["annotations"][names::RENDERED] == seal {
                return Some((rendered, revision.name.clone()));
            }
            if alike.is_none() && rendered.is_of(template) {
                alike = Some((rendered, revision.name.clone()));
            }
        }
        alike
    }

    /// An older revision in a pool.
    pub(super) fn older(&mut self, name: &str, pool: &Pool) -> Option<Rendered> {
        let (owner, history, bound) = (&self.owner, self.input.history, self.input.max_unavailable);
        let renderer = self.older.entry(name.to_owned()).or_insert_with(|| {
            let own = |controller: &str| controller == owner.uid;
            let of_name = |revision: &&revisions::Revision| {
                revision.name == name && revision.controller.as_deref().is_some_and(own)
            };
            let revision = history.iter().find(of_name)?;
            let workload = revision.written().read(PATH).ok()?;
            Renderer::new(owner.clone(), workload, name).ok().map(|renderer| renderer.bounded(bound))
        });
        renderer.as_ref()?.render(pool).ok()
    }
}

impl Made {
    fn of(rendered: Rendered) -> Self {
        Self { body: Body::of(&rendered.body), template: rendered.template, tweaks: rendered.tweaks }
    }

    fn rendered(self, pool: &Pool) -> Rendered {
        let Self { body, template, tweaks } = self;
        Rendered { kind: body.kind(), pool: pool.name.clone(), body: body.value(), template, tweaks }
    }
}

/// A template of another kind, which OpenYurt's webhook refuses: it would make a second workload in each pool.
fn changed_kind(family: &Family<'_>) -> Option<String> {
    let Child { kind, name, .. } = family.former.first()?;
    let number = family.former.len();
    Some(format!(
        "{PATH}.workloadTemplate: the kind of workload template should not be changed: there are {number} of the former kind, such as \
         {} {name}",
        kind.as_str()
    ))
}
