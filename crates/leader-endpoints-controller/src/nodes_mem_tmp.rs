#[test]
fn mem() {
    let rss = || { let s = std::fs::read_to_string("/proc/self/statm").unwrap(); s.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096 };
    let before = rss();
    let mut all = Vec::new();
    for i in 0..20000 {
        let text = format!(r#"{{"metadata":{{"name":"node-{i}","uid":"0f1e2d3c-4b5a-6978-8796-{i:012}","resourceVersion":"7","labels":{{"apps.openyurt.io/nodepool":"pool-{p}","kubernetes.io/hostname":"node-{i}","kubernetes.io/os":"linux","kubernetes.io/arch":"amd64","beta.kubernetes.io/os":"linux"}},"annotations":{{"kwok.x-k8s.io/node":"fake","node.alpha.kubernetes.io/ttl":"0"}}}},"spec":{{}},"status":{{"conditions":[{{"type":"Ready","status":"True"}}],"addresses":[{{"type":"InternalIP","address":"10.0.0.1"}}]}}}}"#, p = i / 5);
        let node: crate::nodes::Node = serde_json::from_str(&text).unwrap();
        all.push(std::sync::Arc::new(node));
    }
    println!("PER NODE {} of {}", (rss() - before) / all.len(), std::mem::size_of::<crate::nodes::Node>());
}
