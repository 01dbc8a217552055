//! Queries meant to take the service down, each against a small budget. The proof that the work
//! stopped is that the only place gets free and the counted memory comes back; nothing is timed.
use super::engine::{Budget, Engine, Limits};
use super::results::Written;
use super::{admit, evaluate};
use crate::error::{Kind, Result};
use oxigraph::model::{GraphName, Literal, NamedNode, Quad};
use oxigraph::store::Store;
use std::sync::Arc;
use std::time::Duration;

const TIME: Duration = Duration::from_millis(300);

fn limits() -> Limits {
    Limits {
        time: TIME,
        memory_bytes: 48 << 20,
        result_bytes: 1 << 20,
        concurrent: 1,
        wait: Duration::from_secs(600),
        ..Limits::default()
    }
}

/// A ring of 2,000 nodes with titles and one hub that all belong to.
fn store() -> Store {
    let store = Store::new().expect("a store in memory");
    let node = |i: usize| NamedNode::new_unchecked(format!("http://a/n{}", i % 2_000));
    let mut writer = store.start_transaction().expect("a transaction");
    for i in 0..2_000 {
        for (p, o) in [
            ("next", node(i + 1).into()),
            ("far", node(i * 7 + 3).into()),
            ("in", NamedNode::new_unchecked("http://a/hub").into()),
            (
                "title",
                Literal::new_simple_literal(format!("The title of number {i}")).into(),
            ),
            (
                "group",
                Literal::from(i64::try_from(i % 10).expect("small")).into(),
            ),
        ] {
            let p = NamedNode::new_unchecked(format!("http://a/{p}"));
            let o: oxigraph::model::Term = o;
            writer.insert(Quad::new(node(i), p, o, GraphName::DefaultGraph).as_ref());
            if i == 0 {
                let hub = NamedNode::new_unchecked("http://a/hub");
                for j in 0..2_000 {
                    let p = NamedNode::new_unchecked("http://a/has");
                    writer.insert(
                        Quad::new(hub.clone(), p, node(j), GraphName::DefaultGraph).as_ref(),
                    );
                }
            }
        }
    }
    writer.commit().expect("committed");
    store
}

async fn ask(engine: &Engine, store: &Store, query: &str) -> Result<String> {
    let place = engine.place().await?;
    let (store, text) = (store.clone(), format!("PREFIX : <http://a/> {query}"));
    engine
        .run(place, move |budget: &Arc<Budget>| {
            let admitted = admit::admit(&text, budget.limits.query_bytes)?;
            evaluate(admitted, "*/*", &store, budget)
        })
        .await
        .map(|(_, answer)| match answer {
            Written::Body(body) => String::from_utf8(body).expect("UTF-8"),
            Written::Page(_) => unreachable!("programs get no page"),
        })
}

/// Each must be stopped by its budget, end for good, and leave a service that answers.
async fn stopped(attacks: &[(&str, String)]) {
    let engine = Engine::new(limits());
    let store = store();
    for (name, query) in attacks {
        let answer = ask(&engine, &store, query).await;
        let error = answer
            .err()
            .unwrap_or_else(|| panic!("{name}: was answered"));
        assert_eq!(error.kind, Kind::Busy, "{name}: {error}");
        engine.idle().await;
        assert!(engine.held() < 1 << 20, "{name}: memory is still held");
        let after = ask(&engine, &store, "SELECT ?t { :n7 :title ?t }").await;
        assert!(
            after.expect(name).contains("The title of number 7"),
            "{name}: no usual answer afterwards"
        );
    }
}

fn values(name: &str, count: usize) -> String {
    format!("VALUES ?{name} {{ {} }} ", "1 ".repeat(count))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn products_stop() {
    let hub = |n: usize| {
        (0..n)
            .map(|i| format!(":hub :has ?x{i} . "))
            .collect::<String>()
    };
    stopped(&[
        ("cross join", "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }".into()),
        ("cross join that finds nothing", "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(STR(?a) = ?i && STR(?d) = ?i && ?c != ?f) }".into()),
        ("cross join with a late condition", "SELECT * { ?a :title ?c . ?d :title ?f . ?g :title ?i FILTER(CONCAT(?c, ?f, ?i) = 'x') }".into()),
        ("product that looks small", format!("SELECT (COUNT(*) AS ?n) {{ {} ?x ?y ?z }}", hub(5))),
        ("product below ASK", "ASK { ?a :title ?c . ?d :title ?f . ?g :title ?i . ?j :title ?k FILTER(?c = 'x' || ?i = 'y' && ?f = ?k) }".into()),
        ("values", format!("SELECT * {{ {} {} {} {} ?s ?p ?o FILTER(?a != ?b) }}", values("a", 7000), values("b", 7000), values("c", 7000), values("d", 7000))),
        ("values counted", format!("SELECT (COUNT(*) AS ?n) {{ {} {} {} }}", values("a", 9000), values("b", 9000), values("c", 9000))),
        ("empty groups", format!("SELECT (COUNT(*) AS ?n) {{ {} }}", format!("{{ {{}} {} }} ", "UNION {}".repeat(80)).repeat(6))),
        ("values in groups", format!("SELECT (COUNT(*) AS ?n) {{ {{ {} {{ {} {} }} }} {{ {} {} }} }}", values("a", 5000), values("b", 5000), values("c", 5000), values("d", 5000), values("e", 5000))),
        ("subselects", "SELECT (COUNT(*) AS ?n) { { SELECT ?a { ?a :title ?x } ORDER BY ?x } { SELECT ?b { ?b :title ?x } ORDER BY ?x } { SELECT ?c { ?c :title ?x } ORDER BY ?x } { SELECT ?d { ?d :title ?x } GROUP BY ?d } }".into()),
        ("optional", "SELECT (COUNT(*) AS ?n) { ?a :title ?x OPTIONAL { ?b :title ?y } OPTIONAL { ?c :title ?z } OPTIONAL { ?d :title ?w } }".into()),
        ("optional that never holds", "SELECT (COUNT(*) AS ?n) { ?a :title ?x OPTIONAL { ?b :title ?y . ?c :title ?z . ?d :title ?u FILTER(?x = ?u && ?y = ?z && ?u = ?y) } }".into()),
        ("minus", "SELECT (COUNT(*) AS ?n) { ?a :title ?x . ?b :title ?y MINUS { ?c :group ?g . ?d :title ?x2 . ?a :none ?b } MINUS { ?d :group ?g . ?e :group ?h . ?f :group ?i . ?a :x ?z } }".into()),
        ("exists", "SELECT (COUNT(*) AS ?n) { ?a :title ?x . ?b :title ?y FILTER EXISTS { ?c :title ?z . ?d :group ?g . ?e :group ?g FILTER(?z = ?x && ?y = ?z) } }".into()),
        ("offset", "SELECT * { ?a ?b ?c . ?d ?e ?f } OFFSET 1000000000000 LIMIT 1".into()),
        ("lateral", format!("SELECT (COUNT(*) AS ?n) {{ {} LATERAL {{ {} LATERAL {{ {} }} }} }}", values("a", 5000), values("b", 5000), values("c", 5000))),
        ("union of products", "SELECT DISTINCT ?g { { ?a ?b ?c . ?d ?e ?f } UNION { ?a ?b ?c . ?d ?e ?f } UNION { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } }".into()),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sorts_and_groups_stop() {
    stopped(&[
        ("sort of a product", "SELECT * { ?a ?b ?c . ?d ?e ?f } ORDER BY ?c ?f".into()),
        ("sort by an expression", "SELECT ?a { ?a :title ?c . ?d :group 1 } ORDER BY REPLACE(REPLACE(?c, '[a-z]+', 'x'), '[0-9]+', 'y')".into()),
        ("sort by existence", "SELECT ?a { ?a :title ?c . ?d :group 1 } ORDER BY (EXISTS { ?a :next+ ?d })".into()),
        ("distinct", "SELECT DISTINCT ?a ?d ?f { ?a ?b ?c . ?d ?e ?f }".into()),
        ("group by everything", "SELECT ?a ?d (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f } GROUP BY ?a ?d ?c ?f".into()),
        ("group_concat", "SELECT (GROUP_CONCAT(?c; SEPARATOR='-----------------------------------------------------------------------------------') AS ?n) { ?a ?b ?c . ?d ?e ?f }".into()),
        ("group_concat of long texts", "SELECT ?a (GROUP_CONCAT(?t) AS ?n) { ?a :title ?x . ?d :title ?t } GROUP BY ?a".into()),
        ("count distinct", "SELECT (COUNT(DISTINCT *) AS ?n) { ?a ?b ?c . ?d ?e ?f }".into()),
        ("count distinct values", "SELECT (COUNT(DISTINCT CONCAT(?c, ?f)) AS ?n) { ?a :title ?c . ?d :title ?f . ?g :title ?h }".into()),
        ("having", "SELECT ?a { ?a ?b ?c . ?d ?e ?f } GROUP BY ?a ?d HAVING(COUNT(*) > 100000)".into()),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_stop() {
    stopped(&[
        ("open path", "SELECT (COUNT(*) AS ?n) { ?a (:next|:far|!:in)* ?b }".into()),
        ("nested path", "SELECT (COUNT(*) AS ?n) { ?a ((:next/:far)*/(^:next|:far)*)* ?b }".into()),
        ("paths that return", "SELECT (COUNT(*) AS ?n) { ?a (!:x)+ ?b . ?b (!:y)+ ?c . ?c (^:next)* ?a }".into()),
        ("path in a condition", "SELECT (COUNT(*) AS ?n) { ?a :group ?g . ?b :group ?g FILTER NOT EXISTS { ?a (:next|:far)* ?c . ?c :none ?b } }".into()),
        ("describe all", "DESCRIBE ?a ?d { ?a (!:x)+ ?b . ?d ?e ?f }".into()),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_stop() {
    let doubling = |times: usize, step: &str| {
        (0..times)
            .map(|i| {
                format!(
                    "BIND({} AS ?t{}) ",
                    step.replace("@", &format!("?t{i}")),
                    i + 1
                )
            })
            .collect::<String>()
    };
    let long = doubling(14, "CONCAT(@, @)");
    stopped(&[
        ("doubling by CONCAT", format!("SELECT (STRLEN(?t40) AS ?n) {{ BIND('x' AS ?t0) {} }}", doubling(40, "CONCAT(@, @)"))),
        ("doubling by REPLACE", format!("SELECT (STRLEN(?t40) AS ?n) {{ BIND('x' AS ?t0) {} }}", doubling(40, "REPLACE(@, 'x', 'xx')"))),
        ("one long CONCAT", format!("SELECT (STRLEN(CONCAT(?t10{})) AS ?n) {{ BIND('0123456789012345678901234567890123456789' AS ?t0) {} }}", ",?t10".repeat(3000), doubling(10, "CONCAT(@, @)"))),
        ("a long replacement", format!("SELECT (REPLACE(?t14, '(.)', '{}') AS ?n) {{ BIND('x' AS ?t0) {long} }}", "$1".repeat(500))),
        ("a text for each row", "SELECT ?t { ?a :title ?x . ?b :title ?y . BIND(CONCAT(?x, ?y, ?x, ?y, ?x, ?y) AS ?t) }".into()),
        ("many texts in a row", format!("SELECT * {{ BIND('0123456789abcdef0123456789abcdef0123456789abcdef' AS ?t0) {long} {} }}", (0..75).map(|i| format!("BIND(CONCAT(STR({i}), ?t14) AS ?u{i}) ")).collect::<String>())),
        ("regex on every pair", "SELECT (COUNT(*) AS ?n) { ?a :title ?x . ?b :title ?y FILTER REGEX(?x, CONCAT('^(([a-z])+.)+', ?y, '([a-z]+)*$'), 'i') }".into()),
        ("a regex that counts", format!("SELECT * {{ BIND('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' AS ?t0) {} FILTER REGEX(?t11, '(a|aa?){{1,900}}(a?){{900}}b$') ?a ?b ?c . ?d ?e ?f }}", doubling(11, "CONCAT(@, @)"))),
        ("a regex for each row", format!("SELECT (COUNT(*) AS ?n) {{ BIND('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' AS ?t0) {} ?a :title ?y FILTER REGEX(?t11, CONCAT('(x+x+)+', ?y, '|(a|aa?){{1,400}}(a?){{400}}b$')) }}", doubling(11, "CONCAT(@, @)"))),
        ("hashes", "SELECT (COUNT(*) AS ?n) { ?a :title ?x . ?b :title ?y . ?c :title ?z FILTER(SHA512(CONCAT(?x, ?y, ?z)) = 'x') }".into()),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn geometries_stop() {
    let star = |points: usize| {
        let corner = |i: usize| {
            let turn = (i * (points / 2)) as f64 / points as f64 * std::f64::consts::TAU;
            format!("{:.1} {:.1}", 50.0 * turn.cos(), 50.0 * turn.sin())
        };
        let corners: Vec<String> = (0..=points).map(corner).collect();
        format!("'POLYGON(({}))'^^geo:wktLiteral", corners.join(","))
    };
    let prefixes = "PREFIX geo: <http://www.opengis.net/ont/geosparql#> PREFIX geof: <http://www.opengis.net/def/function/geosparql/>";
    stopped(&[
        ("two stars combined", format!("{prefixes} SELECT (geof:union({0}, {0}) AS ?x) {{}}", star(801))),
        ("two stars compared", format!("{prefixes} SELECT (geof:sfOverlaps({0}, {0}) AS ?x) {{}}", star(2001))),
        ("stars combined for each pair", format!("{prefixes} SELECT (COUNT(?x) AS ?n) {{ ?a :title ?t . ?b :title ?u BIND(geof:union({0}, {0}) AS ?x) }}", star(31))),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_and_memory_stop() {
    stopped(&[
        ("a long result", "SELECT * { ?a ?b ?c . ?d :group 1 }".into()),
        ("a long graph", "CONSTRUCT { ?a :x ?d } { ?a ?b ?c . ?d ?e ?f }".into()),
        ("a wide template", format!("CONSTRUCT {{ {} }} {{ ?a ?b ?c . ?d ?e ?f }}", (0..300).map(|i| format!("?a :x{i} _:b{i} . _:b{i} :y ?d . ")).collect::<String>())),
        ("a memory bomb", "SELECT * { { SELECT ?a ?d { ?a ?b ?c . ?d ?e ?f } } { SELECT ?a ?d { ?a ?b ?c . ?d ?e ?f } } }".into()),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_ends_its_query() {
    let engine = Arc::new(Engine::new(Limits {
        time: Duration::from_secs(3600),
        memory_bytes: usize::MAX,
        ..limits()
    }));
    let store = store();
    let query = format!(
        "SELECT (COUNT(*) AS ?n) {{ {} {} {} }}",
        values("a", 9000),
        values("b", 9000),
        values("c", 9000)
    );
    let running = tokio::spawn({
        let (engine, store) = (engine.clone(), store.clone());
        async move { ask(&engine, &store, &query).await }
    });
    while engine.free() > 0 {
        tokio::task::yield_now().await;
    }
    running.abort();
    engine.idle().await;
    assert!(ask(&engine, &store, "ASK {}").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_free_place_a_query_is_turned_away() {
    let engine = Engine::new(Limits {
        wait: Duration::from_millis(10),
        ..limits()
    });
    let held = engine.place().await.expect("the first place");
    let turned = engine.place().await.expect_err("there is one place only");
    assert_eq!(turned.kind, Kind::Busy);
    drop(held);
    assert!(engine.place().await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_costs_one_answer_and_no_place() {
    let engine = Engine::new(limits());
    let place = engine.place().await.expect("a place");
    let answer: Result<()> = engine.run(place, |_| panic!("meant to happen")).await;
    assert_eq!(answer.expect_err("no answer").kind, Kind::Internal);
    engine.idle().await;
}
