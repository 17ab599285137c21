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
    0xe62a_f48d_3aca_57a6,
    0xe2e8_8f85_55c7_9be5,
    0xe49a_5c1d_d3be_ab8a,
    0x4b31_7060_8fdd_67b3,
    0xd717_824e_3268_a4f7,
    0x619e_8fb4_b64d_c594,
    0x9bed_0b82_a993_3d2b,
    0xfa9c_246d_c145_11fc,
    0xd031_af80_1183_427a,
    0xf10e_157c_d5e6_c6ab,
    0x589a_41b8_a397_9956,
    0xfabe_be32_c817_ea5e,
    0x3bc4_82f6_eac2_f78c,
    0x5de5_ec3e_f9c3_e634,
    0x625e_3595_3072_4829,
    0x5b0c_86d5_37e5_d06f,
    0x2ed6_c171_c819_38a8,
    0x3b33_abed_91d4_3578,
    0xcbb1_6c45_eba0_23c8,
    0x4287_4dd4_47ef_de85,
    0xba87_1465_6096_536d,
    0x5d4a_b5da_86f2_a559,
    0x0299_4f60_7e07_5df3,
    0x468d_3ad8_3278_147a,
    0xc725_b8c0_4954_899f,
    0x482a_a164_622b_d588,
    0x6806_de78_ac15_f82e,
    0x2dc9_c122_47c1_4c99,
    0x8f8c_7b4b_d407_b39f,
    0x27d8_8841_18fc_62c4,
    0xbd7e_984f_7327_7e9c,
    0x9906_5c89_cf50_ff2c,
    0x7147_623b_b1c5_863e,
    0x47f9_acce_b60c_2990,
    0xeee3_7e14_6969_1bd4,
    0x8330_488f_1d43_fa04,
    0x22ea_65ef_8735_c119,
];
