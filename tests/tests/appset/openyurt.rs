//! A cluster of OpenYurt's: its definition of YurtAppSet, with v1alpha1 beside v1beta1 and a conversion that nobody answers any
//! more; workloads as its yurt-manager made them; and a yurt-manager that lives until Drover has been seen to wait for it.
//! The service there has its first calls fail, and holds only the pools that are refused.

mod adoption;
mod definition;
mod legacy;
mod odd;

use anyhow::{Context as _, Result, ensure};
use api::names;
use tests::fixture::{APPSET_CONTROLLER, Estate, Pace, Service, ServiceSpec, Testbed, YurtManager};
use tokio::sync::OnceCell;

use legacy::Legacy;

/// Everything that yurt-manager leaves, and the service that found it.
struct Inheritance {
    web: Legacy,
    db: Legacy,
    unpatched: Legacy,
    orphaned: Legacy,
    service: Service,
}

/// Conflicts that pass (item 15 of contract 4.1: OpenYurt tries again five times at once, against the same old object), and
/// lists that cannot be had.
const FAULTS: &str = "status-409:1-3:patch/deployments;status-503:1-2:list/nodepools";

/// The cluster, with yurt-manager gone after it was waited for.
async fn inherited() -> Result<(&'static Testbed, &'static Inheritance)> {
    static BED: OnceCell<Testbed> = OnceCell::const_new();
    static INHERITANCE: OnceCell<Inheritance> = OnceCell::const_new();
    let kinds = definition::kinds()?;
    let bed = BED.get_or_try_init(|| Testbed::for_app_sets_of(Pace::calm(), &kinds)).await?;
    Ok((bed, INHERITANCE.get_or_try_init(|| Box::pin(inherit(bed))).await?))
}

async fn inherit(bed: &'static Testbed) -> Result<Inheritance> {
    let yurt_manager = YurtManager::start(bed.cluster.client()?).await?;
    let (web, db, unpatched, orphaned, waiting, ()) = tokio::try_join!(
        adoption::web(bed),
        adoption::db(bed),
        adoption::unpatched(bed),
        adoption::orphaned(bed),
        bed.estate("waiting", 1),
        odd::make(bed),
    )?;
    waiting.apply(&waiting.app_set("web")).await?;
    let service = ServiceSpec::new(APPSET_CONTROLLER).env("DROVER_FAULTS", FAULTS);
    let service = bed.appset_controller(service.env("DROVER_REFUSALS__HOLD", "refused")).await?;
    held(&[&web.place(bed)?, &waiting]).await?;
    drop(yurt_manager);
    waiting.await_settled("web", 1).await.context("after yurt-manager is gone")?;
    for legacy in [&web, &db, &unpatched, &orphaned] {
        legacy.place(bed)?.await_settled(&legacy.set, legacy.children.len()).await?;
    }
    Ok(Inheritance { web, db, unpatched, orphaned, service })
}

/// The service says that it waits, and changes nothing.
async fn held(places: &[&Estate<'_>]) -> Result<()> {
    for place in places {
        place.await_event("web", names::reason::HELD, "yurt-manager").await?;
        let written = place.writes()?.into_iter().filter(|call| call.resource != "events");
        // The status is yurt-manager's too.
        let written: Vec<_> = written.collect();
        ensure!(written.is_empty(), "written beside a live yurt-manager: {written:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_live_yurt_manager_is_waited_for_and_then_the_work_is_taken_over() -> Result<()> {
    inherited().await.map(drop)
}

/// There an update that meets a conflict is tried five times at once with the same old object.
#[tokio::test]
async fn item_15_conflicts_and_lists_that_fail_pass() -> Result<()> {
    let (_, inheritance) = inherited().await?;
    let output = inheritance.service.process.output();
    for (fault, times) in [("Status(409)", 3), ("Status(503)", 2)] {
        let struck = output.lines().filter(|line| line.contains("injecting a fault") && line.contains(fault)).count();
        ensure!(struck == times, "{struck} times {fault} until all was taken over");
    }
    Ok(())
}
