//! What kubectl shows of strategies, runs and approvals.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{cluster, create, request, run, strategy};

#[tokio::test]
async fn kubectl_get_shows_what_matters() -> Result<()> {
    let cluster = cluster().await?;
    let waves = json!([{"name": "canary", "pools": ["lab"]}, {"name": "third", "pools": ["a"]}]);
    let spec = json!({"maxUnavailable": "10%", "waves": waves, "unit": {"maxUnavailablePerPool": 2}});
    create(cluster, &strategy("shown", &spec)).await?;
    create(cluster, &run("shown", &json!({"strategy": spec}))).await?;
    create(cluster, &request("default", "shown", &json!({}))).await?;
    for (kind, header, row) in [
        ("rst", "NAME FIRSTWAVE MAXUNAVAILABLE PERPOOL ONFAILURE AGE", "shown canary 10% 2 Pause"),
        ("ar", "NAME ROLLOUT WAVE POINT DECISION APPROVER AGE", "shown agent-1 canary BeforeWave"),
        ("fr", "NAME TARGET REVISION PHASE WAVE UPDATED SETTLED OFFLINE FAILED AGE", "shown agent 1"),
    ] {
        let table = cluster.kubectl(&["get", kind, "shown"]).await?;
        let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        assert_eq!(lines.next().context("no header")?, header);
        let shown = lines.next().context("no row")?;
        assert!(shown.starts_with(row), "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn all_kinds_are_in_one_category() -> Result<()> {
    let cluster = cluster().await?;
    create(cluster, &strategy("listed", &json!({}))).await?;
    create(cluster, &run("listed", &json!({}))).await?;
    create(cluster, &request("default", "listed", &json!({}))).await?;
    let listed = cluster.kubectl(&["get", "drover", "--output=name"]).await?;
    for kind in ["approvalrequest", "fleetrollout", "rolloutstrategy"] {
        assert!(listed.contains(&format!("{kind}.drover.dev/listed")), "{kind} is not in {listed}");
    }
    Ok(())
}

#[tokio::test]
async fn kubectl_explain_tells_meaning_allowed_values_and_default() -> Result<()> {
    let cluster = cluster().await?;
    for (field, words) in [
        ("rolloutstrategies", ["annotation drover.dev/strategy", "an edit is for the next run"]),
        ("rolloutstrategies.spec.maxUnavailable", ["an integer or a percentage", "Left out"]),
        ("rolloutstrategies.spec.waves", ["one wave after the other", "at most 99"]),
        ("rolloutstrategies.spec.waves.minUpdated", ["settled", "Left out"]),
        ("rolloutstrategies.spec.waves.approval", ["`BeforeWave`", "Default: `None`"]),
        ("rolloutstrategies.spec.waves.poolSelector.matchExpressions.operator", ["`In`", "`Exists`"]),
        ("rolloutstrategies.spec.windows.start", ["\"HH:MM\"", "clocks"]),
        ("rolloutstrategies.spec.dependsOn.scope", ["`SamePool`", "Default: `SamePool`"]),
        ("fleetrollouts.spec.strategy", ["snapshot", "cannot be changed"]),
        ("fleetrollouts.spec.rollbackOf", ["skips soak and windows", "never rolled back"]),
        ("fleetrollouts.status.waves", ["order", "state"]),
        ("approvalrequests", ["the RBAC verb approve", "once, and never again"]),
        ("approvalrequests.spec.decision", ["`Approved`", "Can be set once"]),
    ] {
        let text = cluster.kubectl(&["explain", field]).await?;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(text.contains(word), "{word:?} is not in what explains {field}: {text}");
        }
        assert!(!text.contains("<no description>") && !text.contains("kubebuilder"), "{field}: {text}");
    }
    Ok(())
}
