//! Second step: one snapshot of a pool from the mirrors.

use crate::context::Context;
use crate::outputs::Output;
use crate::plan::Observed;
use crate::pools::Pool;
use planner::fleet::Name;
use std::sync::Arc;

/// Looks at a pool.
pub(crate) fn observe(context: &Context, pool: Arc<Pool>) -> Observed {
    let name: Name = pool.name().clone();
    let mut nodes = context.nodes.of(&*name);
    nodes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let seen = Output::ALL.into_iter().filter_map(|output| {
        let wanted = output.name(&name);
        let there = context.outputs.of(output).of(&*name);
        there.into_iter().find(|seen| seen.name == wanted).map(|seen| (output, seen))
    });
    Observed { seen: seen.collect(), nodes, pool }
}
