//! A strategy that names no waves goes on as it did before there were waves: the same steps at the same times for the same
//! reasons. The numbers are those of the planner of 2026-11-21, before waves; a rule that changes on purpose changes them.
#![expect(clippy::unwrap_used, reason = "test code outside #[test] functions")]

mod model;

use model::{Release, Rng, World};
use planner::rollout::{DesiredState, Plan};
use planner::strategy::{Amount, CatchUp, SlowStart, Strategy};

/// Everything that a plan says, in words.
fn words(plan: &Plan) -> String {
    let report = &plan.report;
    let steps: Vec<_> = plan.steps.iter().map(|step| (&step.node, step.pod_uid, step.was_down)).collect();
    let holds: Vec<_> = report.units.iter().map(|(node, hold)| format!("{node} {hold} {:?}", hold.ending())).collect();
    let pools: Vec<_> = report.pools.iter().map(|pool| (pool.to_string(), pool.needs_attention)).collect();
    // What was not counted then says nothing of what was.
    let counts = format!("{:?}", report.counts).replace(&format!(", undone: {}", report.counts.undone), "");
    let (phase, sentence, news) = (report.phase, &report.sentence, &report.news);
    let (hold, revisit, halt) = (report.hold.as_ref().map(ToString::to_string), plan.revisit, plan.run.halt());
    format!("{steps:?} {holds:?} {pools:?} {phase:?} {sentence} {counts} {news:?} {hold:?} {revisit:?} {halt:?}")
}

/// A random story of one run after another, folded into a number.
fn digest(seed: u64) -> u64 {
    let mut rng = Rng(seed);
    let nodes = 3 + usize::try_from(rng.below(50)).unwrap();
    let mut strategy = Strategy::implied(Amount::Percent(1 + u32::try_from(rng.below(60)).unwrap()));
    strategy.max_unavailable_per_pool = rng.chance(0.3).then_some(Amount::Percent(30));
    strategy.slow_start = if rng.chance(0.3) { SlowStart::None } else { SlowStart::Doubling };
    strategy.catch_up = if rng.chance(0.2) { CatchUp::Never } else { CatchUp::Always };
    let mut world = World::new(seed, nodes, 4, strategy);
    world.flap(0.2, 400);
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for change in 0..4 {
        let killer = Release::Killer(2);
        let release = [Release::Good, Release::Good, Release::Broken, killer][usize::try_from(rng.below(4)).unwrap()];
        world.release(&format!("r{}", 2 + change % 3), release);
        for _ in 0..rng.below(700) {
            let i = usize::try_from(rng.below(nodes as u64)).unwrap();
            match rng.below(200) {
                0..10 => world.nodes[i].cordoned ^= true,
                10..20 => world.pods[i].clear(),
                20 => world.restart(),
                21 => world.control.desired = DesiredState::Paused,
                22..40 => world.control.desired = DesiredState::Running,
                40 => world.control.resume_token = world.run.halt().map(|h| h.token.clone()).unwrap_or_default(),
                _ => {}
            }
            let plan = world.tick(400);
            hash =
                words(&plan).bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        }
    }
    hash
}

#[test]
fn without_waves_every_plan_says_what_it_said_before() {
    let found: Vec<u64> = (0..40).map(digest).collect();
    assert_eq!(found, BEFORE, "{found:#x?}");
}

/// By seed.
const BEFORE: [u64; 40] = [
    0xc67f_25e9_20bf_c5e4,
    0xcaa6_f91a_935c_be4a,
    0xd107_c8ae_bd5c_1a57,
    0x47b1_7b90_20a9_2015,
    0xe2e8_8f85_55c7_9be5,
    0xff9e_a9b0_8696_ff49,
    0x0cd4_ab1c_d760_8c11,
    0xa099_9a4c_7029_8548,
    0xd235_f14f_5724_f975,
    0x9bed_0b82_a993_3d2b,
    0xfa9c_246d_c145_11fc,
    0xd031_af80_1183_427a,
    0xf10e_157c_d5e6_c6ab,
    0x6442_142e_531a_ab68,
    0xde2e_7f77_598a_f24c,
    0xc840_2e58_52ed_e144,
    0xbe9c_677c_781e_a402,
    0xea68_ad76_e439_7216,
    0x5b0c_86d5_37e5_d06f,
    0x2d60_7bd3_b68f_405a,
    0x18be_9f28_1d35_473f,
    0x44e5_ffbd_7297_4c32,
    0x61fc_9aa7_73e8_f106,
    0xd937_3f84_367c_8d9a,
    0x5d4a_b5da_86f2_a559,
    0x361a_99ae_1768_3f4b,
    0x468d_3ad8_3278_147a,
    0x44f9_9828_e1da_f54a,
    0x482a_a164_622b_d588,
    0x6806_de78_ac15_f82e,
    0x324d_c446_d26a_c520,
    0x8f8c_7b4b_d407_b39f,
    0x27d8_8841_18fc_62c4,
    0xbd7e_984f_7327_7e9c,
    0x9906_5c89_cf50_ff2c,
    0x8277_375b_27db_dd03,
    0x1a17_92a8_7048_70f2,
    0xeee3_7e14_6969_1bd4,
    0x9cad_ce4c_ece0_a166,
    0x3e1e_8d96_bc41_1526,
];
