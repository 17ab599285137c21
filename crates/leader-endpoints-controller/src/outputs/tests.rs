use serde_json::json;

use super::*;

/// A pool of this spec.
pub(crate) fn pool(name: &str, spec: &Value) -> Pool {
    serde_json::from_value(json!({
        "metadata": {"name": name, "uid": "11111111-2222-3333-4444-555555555555", "resourceVersion": "5"},
        "spec": spec,
    }))
    .unwrap()
}

fn leader(name: &str, address: &str) -> Leader {
    Leader { name: name.to_owned(), address: address.parse().unwrap() }
}

fn shop() -> Pool {
    let metadata = json!([
        {"group": "discovery.k8s.io", "version": "v1", "resource": "endpointslices"},
        {"group": "", "version": "v1", "resource": "services"},
    ]);
    pool("shop", &json!({"enableLeaderElection": true, "interConnectivity": true, "poolScopeMetadata": metadata}))
}

/// What the API server makes of a body.
fn stored(wanted: &Wanted) -> Value {
    let mut object = wanted.body();
    object["metadata"]["uid"] = "99999999-2222-3333-4444-555555555555".into();
    object["metadata"]["resourceVersion"] = "12".into();
    object
}

fn seen(object: Value) -> Seen {
    serde_json::from_value(object).unwrap()
}

#[test]
fn a_config_map_is_to_the_byte_what_a_yurt_hub_reads() {
    let (pool, leaders) = (shop(), [leader("b", "10.0.0.2"), leader("a-2", "fd00::1")]);
    let wanted = Output::ConfigMap.wanted(Publication { pool: &pool, leaders: &leaders }).unwrap();
    assert_eq!(
        wanted.body(),
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": "leader-hub-shop",
                "labels": {"openyurt.io/configmap-name": "leader-hub-shop"},
                "annotations": {},
                "ownerReferences": [{
                    "apiVersion": "apps.openyurt.io/v1beta2",
                    "kind": "NodePool",
                    "name": "shop",
                    "uid": "11111111-2222-3333-4444-555555555555",
                }],
            },
            "data": {
                "leaders": "a-2/fd00::1,b/10.0.0.2",
                "pool-scoped-metadata": "/v1/services,discovery.k8s.io/v1/endpointslices",
                "interconnectivity": "true",
                "enable-leader-election": "true",
            },
        })
    );
}

#[test]
fn endpoints_have_an_address_per_leader_and_survive_the_controller_manager() {
    let (pool, leaders) = (shop(), [leader("a", "10.0.0.1"), leader("b", "10.0.0.2")]);
    let body = Output::Endpoints.wanted(Publication { pool: &pool, leaders: &leaders }).unwrap().body();
    assert_eq!(
        body["subsets"],
        json!([{
            "addresses": [{"ip": "10.0.0.1", "nodeName": "a"}, {"ip": "10.0.0.2", "nodeName": "b"}],
            "ports": [{"name": "multiplexer", "port": 10269, "protocol": "TCP"}],
        }])
    );
    assert_eq!(body["metadata"]["labels"], json!({"endpointslice.kubernetes.io/skip-mirror": "true"}));
    let annotations = &body["metadata"]["annotations"];
    assert!(annotations["control-plane.alpha.kubernetes.io/leader"].is_string(), "{annotations}");
    assert_eq!(annotations["apps.openyurt.io/interconnectivity"], "true");
    assert_eq!(annotations["apps.openyurt.io/pool-scoped-metadata"], "/v1/services,discovery.k8s.io/v1/endpointslices");
}

#[test]
fn slices_hold_one_family_each() {
    let (pool, leaders) = (shop(), [leader("a", "10.0.0.1"), leader("b", "fd00::2")]);
    for (output, family, address, node) in
        [(Output::SliceIpv4, "IPv4", "10.0.0.1", "a"), (Output::SliceIpv6, "IPv6", "fd00::2", "b")]
    {
        let body = output.wanted(Publication { pool: &pool, leaders: &leaders }).unwrap().body();
        assert_eq!(body["addressType"], family);
        let endpoint = json!({"addresses": [address], "nodeName": node, "conditions": {"ready": true}});
        assert_eq!(body["endpoints"], json!([endpoint]));
        assert_eq!(body["metadata"]["name"], format!("leader-hub-shop-{}", family.to_lowercase()));
        assert_eq!(
            seen(stored(&output.wanted(Publication { pool: &pool, leaders: &leaders }).unwrap())).pool.as_deref(),
            Some("shop")
        );
    }
}

#[test]
fn nobody_leads_is_said_in_every_output() {
    let pool = shop();
    let publication = Publication { pool: &pool, leaders: &[] };
    assert_eq!(Output::ConfigMap.wanted(publication).unwrap().body()["data"]["leaders"], "");
    assert_eq!(Output::Endpoints.wanted(publication).unwrap().body()["subsets"], json!([]));
    assert_eq!(Output::SliceIpv6.wanted(publication).unwrap().body()["endpoints"], json!([]));
}

#[test]
fn what_others_added_is_no_difference_and_what_they_changed_is() {
    let (pool, leaders) = (shop(), [leader("a", "10.0.0.1"), leader("b", "10.0.0.2")]);
    for output in Output::ALL {
        let wanted = output.wanted(Publication { pool: &pool, leaders: &leaders }).unwrap();
        let mut object = stored(&wanted);
        assert!(wanted.is_met_by(&seen(object.clone())), "{output:?}");
        object["metadata"]["labels"]["team"] = "edge".into();
        object["metadata"]["annotations"]["seen"] = "yes".into();
        if let Some(addresses) = object.pointer_mut("/subsets/0/addresses").and_then(Value::as_array_mut) {
            addresses.reverse();
        }
        assert!(wanted.is_met_by(&seen(object.clone())), "{output:?}");
        for key in ["labels", "ownerReferences"] {
            let mut edited = object.clone();
            edited["metadata"][key] = Value::Null;
            assert!(!wanted.is_met_by(&seen(edited)), "{output:?} without {key}");
        }
        for part in ["data", "subsets", "endpoints"] {
            let mut edited = object.clone();
            if !edited[part].is_null() && edited[part] != json!([]) {
                edited[part] = Value::Null;
                assert!(!wanted.is_met_by(&seen(edited)), "{output:?} without {part}");
            }
        }
    }
}

#[test]
fn who_wrote_an_object_is_known_by_its_managed_fields() {
    let (pool, mut object) = (shop(), Value::Null);
    for (manager, ours) in [("yurt-manager", false), ("drover-leader-endpoints-controller", true)] {
        object = stored(&Output::ConfigMap.wanted(Publication { pool: &pool, leaders: &[] }).unwrap());
        object["metadata"]["managedFields"] = json!([{"manager": manager, "fieldsV1": {}}]);
        assert_eq!(seen(object.clone()).ours, ours);
    }
    assert_eq!(seen(object).pool.as_deref(), Some("shop"));
}

#[test]
fn a_name_that_is_too_long_is_refused_with_the_longest_that_fits() {
    let long = |length| pool(&"p".repeat(length), &json!({}));
    let wanted = |output: Output, length| output.wanted(Publication { pool: &long(length), leaders: &[] });
    assert!(wanted(Output::ConfigMap, 52).is_ok());
    let refusal = wanted(Output::ConfigMap, 53).unwrap_err().to_string();
    for word in ["ConfigMap leader-hub-ppp", "openyurt.io/configmap-name", "63", "64", "at most 52"] {
        assert!(refusal.contains(word), "{refusal} names {word}");
    }
    assert!(wanted(Output::SliceIpv4, 52).is_ok() && wanted(Output::SliceIpv4, 53).is_err());
    assert!(wanted(Output::Endpoints, 242).is_ok() && wanted(Output::Endpoints, 243).is_err());
}
