//! What a query may be, decided before anything runs: its length, how deeply it nests, how much it
//! joins, and that it asks nobody else.
//!
//! Parsing and planning cannot be interrupted, so their cost is bounded by the shape of the query.
use crate::error::{Error, Kind, Result};
use oxigraph::model::NamedNode;
use spargebra::algebra::{
    AggregateExpression, AggregateFunction, Expression, Function, GraphPattern, OrderExpression,
    PropertyPathExpression,
};
use spargebra::{Query, SparqlParser};
use std::collections::{BTreeSet, HashMap};

/// Brackets open at once: the parser recurses at each.
const BRACKETS: usize = 100;
/// Group patterns inside one another; each OPTIONAL and BIND of a group counts as one.
const PATTERN_DEPTH: usize = 100;
const EXPRESSION_DEPTH: usize = 1_000;
/// Calls inside calls: each may hold a long text while the next is made.
const CALL_DEPTH: usize = 32;
/// Triple patterns of one query; choosing their order takes time in the cube of it.
const TRIPLE_PATTERNS: usize = 100;
/// What planning one property path may cost; a sequence below a repetition doubles it.
const PATH_WEIGHT: usize = 4_096;
/// How often a step of a repeated path may read the same statement.
const PATH_READINGS: usize = 4;
/// Operators and operands of one query.
const NODES: usize = 20_000;

/// A query that may run.
pub struct Admitted {
    pub query: Query,
    /// It can make texts longer than those it reads.
    pub grows: bool,
    /// The functions it calls by IRI.
    pub functions: BTreeSet<NamedNode>,
    /// The separators of its GROUP_CONCATs.
    pub separators: BTreeSet<String>,
}

/// Reads a query and refuses what this service does not run.
///
/// # Errors
/// [`Kind::TooLarge`] for length and shape, [`Kind::BadInput`] for syntax, SERVICE and updates.
pub fn admit(text: &str, length: usize) -> Result<Admitted> {
    if text.len() > length {
        return Err(large(format!(
            "the query has {} bytes; at most {length} are taken",
            text.len()
        )));
    }
    if nesting(text) > BRACKETS {
        return Err(large(format!(
            "the query opens more than {BRACKETS} brackets inside one another"
        )));
    }
    let query = SparqlParser::new().parse_query(text).map_err(|e| {
        // Only a text that is no query is tried as an update: the common path parses once.
        // Nothing at all is an update too, of no operations.
        let update = SparqlParser::new().parse_update(text);
        if update.is_ok_and(|u| !u.operations.is_empty()) {
            Error::bad_input(super::NO_UPDATES)
        } else {
            Error::bad_input(format!("the query cannot be read: {e}"))
        }
    })?;
    let mut admitted = Admitted {
        grows: false,
        functions: BTreeSet::new(),
        separators: BTreeSet::new(),
        query,
    };
    survey(&mut admitted)?;
    Ok(admitted)
}

fn large(message: String) -> Error {
    Error::new(Kind::TooLarge, message)
}

/// The most brackets that are open at once, outside texts, IRIs and comments.
fn nesting(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut open, mut most) = (0, 0_usize, 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'(' | b'[' | b'{' => {
                open += 1;
                most = most.max(open);
            }
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            b'#' => {
                at += bytes[at..]
                    .iter()
                    .position(|b| matches!(b, b'\n' | b'\r'))
                    .unwrap_or(bytes.len() - at);
            }
            b'<' => {
                // An IRI ends before anything that an IRI cannot hold; else this is "less than".
                let end = bytes[at..]
                    .iter()
                    .position(|b| *b <= b' ' || b"<>\"{}|^`\\".contains(b));
                if let Some(end) = end.filter(|e| bytes[at + e] == b'>') {
                    at += end + 1;
                }
            }
            b'"' | b'\'' => {
                let long = bytes[at..].starts_with(&[byte, byte]);
                let closing = if long { vec![byte; 3] } else { vec![byte] };
                at += if long { 2 } else { 0 };
                while at < bytes.len() && !bytes[at..].starts_with(&closing) {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += closing.len();
            }
            _ => {}
        }
    }
    most
}

enum Node<'a> {
    Pattern(&'a GraphPattern),
    Expression(&'a Expression),
}

/// How deep a node lies, and how often the planner copies it.
#[derive(Clone, Copy)]
struct Depth {
    times: usize,
    patterns: usize,
    expressions: usize,
    calls: usize,
}

/// Looks at every node, without recursion: the query may be deeper than the stack.
fn survey(admitted: &mut Admitted) -> Result<()> {
    let (Query::Select { pattern, .. }
    | Query::Construct { pattern, .. }
    | Query::Describe { pattern, .. }
    | Query::Ask { pattern, .. }) = &admitted.query;
    let mut stack = vec![(
        Node::Pattern(pattern),
        Depth {
            times: 1,
            patterns: 0,
            expressions: 0,
            calls: 0,
        },
    )];
    let (mut nodes, mut triples) = (0_usize, 0);
    let mut grows = false;
    while let Some((node, mut depth)) = stack.pop() {
        nodes = nodes.saturating_add(depth.times);
        let mut below = Vec::new();
        match node {
            Node::Pattern(pattern) => {
                depth.patterns += 1;
                match pattern {
                    GraphPattern::Bgp { patterns } => triples += patterns.len(),
                    GraphPattern::Path { path, .. } => {
                        triples += 1;
                        if weight(path) > PATH_WEIGHT || readings(path) > PATH_READINGS {
                            return Err(large(
                                "a property path of the query has too many parts".into(),
                            ));
                        }
                    }
                    GraphPattern::Service { .. } => {
                        return Err(Error::bad_input(
                            "SERVICE is refused, also SERVICE SILENT: this endpoint asks no other",
                        ));
                    }
                    GraphPattern::Group { aggregates, .. } => {
                        for (_, aggregate) in aggregates {
                            if let AggregateExpression::FunctionCall {
                                name: AggregateFunction::GroupConcat { separator },
                                ..
                            } = aggregate
                            {
                                grows = true;
                                admitted
                                    .separators
                                    .insert(separator.clone().unwrap_or_else(|| " ".into()));
                            }
                        }
                    }
                    _ => {}
                }
                below_pattern(pattern, &mut below);
            }
            Node::Expression(expression) => {
                depth.expressions += 1;
                if let Expression::FunctionCall(function, _) = expression {
                    depth.calls += 1;
                    match function {
                        Function::Concat | Function::Replace | Function::EncodeForUri => {
                            grows = true;
                        }
                        Function::Custom(name) => {
                            admitted.functions.insert(name.clone());
                        }
                        _ => {}
                    }
                }
                if let Expression::In(a, list) = expression {
                    // It becomes one comparison for each member, each with its own left side.
                    let times = depth.times.saturating_mul(list.len().max(1));
                    stack.push((Node::Expression(a), Depth { times, ..depth }));
                }
                below_expression(expression, &mut below);
            }
        }
        for (passed, limit, what) in [
            (nodes, NODES, "operators and operands"),
            (triples, TRIPLE_PATTERNS, "triple patterns"),
            (depth.patterns, PATTERN_DEPTH, "patterns inside one another"),
            (
                depth.expressions,
                EXPRESSION_DEPTH,
                "expressions inside one another",
            ),
            (depth.calls, CALL_DEPTH, "calls inside one another"),
        ] {
            if passed > limit {
                return Err(large(format!("the query has more than {limit} {what}")));
            }
        }
        stack.extend(below.into_iter().map(|node| (node, depth)));
    }
    admitted.grows = grows;
    Ok(())
}

/// How often the planner looks at the parts of a path: it tries both directions of a sequence.
fn weight(path: &PropertyPathExpression) -> usize {
    match path {
        PropertyPathExpression::NamedNode(_) => 1,
        PropertyPathExpression::NegatedPropertySet(list) => list.len(),
        PropertyPathExpression::Reverse(a)
        | PropertyPathExpression::ZeroOrMore(a)
        | PropertyPathExpression::OneOrMore(a)
        | PropertyPathExpression::ZeroOrOne(a) => weight(a).saturating_add(1),
        PropertyPathExpression::Alternative(a, b) => weight(a).saturating_add(weight(b)),
        PropertyPathExpression::Sequence(a, b) => {
            weight(a).saturating_add(weight(b)).saturating_mul(2)
        }
    }
}

/// The most often that one statement fits into the parts of a path which repeats.
fn readings(path: &PropertyPathExpression) -> usize {
    let (mut named, mut negated, mut repeated) = (HashMap::new(), 0, false);
    let mut stack = vec![path];
    while let Some(path) = stack.pop() {
        match path {
            PropertyPathExpression::NamedNode(name) => *named.entry(name).or_insert(0) += 1,
            PropertyPathExpression::NegatedPropertySet(_) => negated += 1,
            PropertyPathExpression::ZeroOrMore(a) | PropertyPathExpression::OneOrMore(a) => {
                repeated = true;
                stack.push(a);
            }
            PropertyPathExpression::Reverse(a) | PropertyPathExpression::ZeroOrOne(a) => {
                stack.push(a);
            }
            PropertyPathExpression::Alternative(a, b) | PropertyPathExpression::Sequence(a, b) => {
                stack.extend([&**a, &**b]);
            }
        }
    }
    if repeated {
        negated + named.into_values().max().unwrap_or(0)
    } else {
        0
    }
}

fn below_pattern<'a>(pattern: &'a GraphPattern, out: &mut Vec<Node<'a>>) {
    match pattern {
        GraphPattern::Bgp { .. } | GraphPattern::Path { .. } | GraphPattern::Values { .. } => {}
        GraphPattern::Join { left, right }
        | GraphPattern::Lateral { left, right }
        | GraphPattern::Union { left, right }
        | GraphPattern::Minus { left, right } => {
            out.extend([Node::Pattern(left), Node::Pattern(right)]);
        }
        GraphPattern::LeftJoin {
            left,
            right,
            expression,
        } => {
            out.extend([Node::Pattern(left), Node::Pattern(right)]);
            out.extend(expression.iter().map(Node::Expression));
        }
        GraphPattern::Filter { expr, inner } => {
            out.extend([Node::Expression(expr), Node::Pattern(inner)]);
        }
        GraphPattern::Extend {
            inner, expression, ..
        } => out.extend([Node::Expression(expression), Node::Pattern(inner)]),
        GraphPattern::OrderBy { inner, expression } => {
            out.push(Node::Pattern(inner));
            out.extend(expression.iter().map(|by| match by {
                OrderExpression::Asc(e) | OrderExpression::Desc(e) => Node::Expression(e),
            }));
        }
        GraphPattern::Group {
            inner, aggregates, ..
        } => {
            out.push(Node::Pattern(inner));
            out.extend(aggregates.iter().filter_map(|(_, a)| match a {
                AggregateExpression::CountSolutions { .. } => None,
                AggregateExpression::FunctionCall { expr, .. } => Some(Node::Expression(expr)),
            }));
        }
        GraphPattern::Graph { inner, .. }
        | GraphPattern::Project { inner, .. }
        | GraphPattern::Distinct { inner }
        | GraphPattern::Reduced { inner }
        | GraphPattern::Slice { inner, .. }
        | GraphPattern::Service { inner, .. } => out.push(Node::Pattern(inner)),
    }
}

fn below_expression<'a>(expression: &'a Expression, out: &mut Vec<Node<'a>>) {
    match expression {
        Expression::NamedNode(_)
        | Expression::Literal(_)
        | Expression::Variable(_)
        | Expression::Bound(_) => {}
        Expression::Or(a, b)
        | Expression::And(a, b)
        | Expression::Equal(a, b)
        | Expression::SameTerm(a, b)
        | Expression::Greater(a, b)
        | Expression::GreaterOrEqual(a, b)
        | Expression::Less(a, b)
        | Expression::LessOrEqual(a, b)
        | Expression::Add(a, b)
        | Expression::Subtract(a, b)
        | Expression::Multiply(a, b)
        | Expression::Divide(a, b) => out.extend([Node::Expression(a), Node::Expression(b)]),
        Expression::UnaryPlus(a) | Expression::UnaryMinus(a) | Expression::Not(a) => {
            out.push(Node::Expression(a));
        }
        Expression::Exists(pattern) => out.push(Node::Pattern(pattern)),
        Expression::If(a, b, c) => out.extend([a, b, c].map(|e| Node::Expression(e))),
        // Its left side is looked at by the caller.
        Expression::In(_, list)
        | Expression::Coalesce(list)
        | Expression::FunctionCall(_, list) => {
            out.extend(list.iter().map(Node::Expression));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(query: &str) -> Option<Kind> {
        // Debug builds recurse with large frames; queries run on a thread with this stack too.
        let query = query.to_owned();
        std::thread::Builder::new()
            .stack_size(crate::http::sparql::engine::STACK)
            .spawn(move || admit(&query, 64 << 10).err().map(|e| e.kind))
            .expect("a thread starts")
            .join()
            .expect("no query overflows the stack")
    }

    #[test]
    fn brackets_in_texts_iris_and_comments_do_not_count() {
        assert_eq!(nesting("{ ( [ ] ) } ( )"), 3);
        assert_eq!(nesting("{ \"((((\" '((' # ((((\n <http://a/((> }"), 1);
        assert_eq!(nesting("{ \"\"\"(\"( \\\"\"\"\" ?x < (1) }"), 2);
        assert_eq!(nesting("\"open"), 0);
    }

    #[test]
    fn service_is_refused_wherever_it_hides() {
        for query in [
            "SELECT * { SERVICE <http://a/> { ?s ?p ?o } }",
            "SELECT * { SERVICE SILENT ?e { ?s ?p ?o } }",
            "SELECT * { ?s ?p ?o OPTIONAL { SERVICE <http://a/> { ?s ?p ?o } } }",
            "SELECT * { ?s ?p ?o MINUS { SERVICE <http://a/> { ?s ?p ?o } } }",
            "SELECT * { { SELECT * { SERVICE <http://a/> { ?s ?p ?o } } } }",
            "SELECT * { ?s ?p ?o FILTER(1 = 2 || !EXISTS { SERVICE <http://a/> { ?s ?p ?o } }) }",
            "SELECT (COUNT(?s) AS ?n) { ?s ?p ?o } HAVING(EXISTS { SERVICE <http://a/> {} })",
            "SELECT * { ?s ?p ?o } ORDER BY IF(EXISTS { SERVICE <http://a/> {} }, 1, 2)",
            "SELECT (EXISTS { SERVICE <http://a/> {} } AS ?x) {}",
            "SELECT * { {} UNION { GRAPH ?g { SERVICE <http://a/> { ?s ?p ?o } } } }",
            "ASK { SERVICE <http://a/> { ?s ?p ?o } }",
            "CONSTRUCT WHERE { ?s ?p ?o } VALUES ?x { 1 } INSERT",
            "DESCRIBE ?s { SERVICE <http://a/> { ?s ?p ?o } }",
        ] {
            assert_eq!(refusal(query), Some(Kind::BadInput), "{query}");
        }
    }

    #[test]
    fn the_word_service_is_welcome() {
        for query in [
            "SELECT ?service { ?service a <http://a/SERVICE> ; <http://a/b> \"SERVICE <x> {}\" }",
            "# SERVICE <http://a/> {}\nSELECT * { ?s ?p ?o }",
        ] {
            assert_eq!(refusal(query), None, "{query}");
        }
    }

    #[test]
    fn long_paths_and_unions_of_usual_size_are_welcome() {
        for query in [
            format!("SELECT * {{ ?s {}<a:a> ?o }}", "<a:a>/".repeat(30)),
            format!(
                "SELECT * {{ ?s ({}<a:a>)* ?o }}",
                (0..100).map(|i| format!("<a:a{i}>|")).collect::<String>()
            ),
            "SELECT * { ?s (<a:a>/^<a:b>/<a:a>/<a:c>?)+ ?o }".to_owned(),
            format!(
                "SELECT * {{ ?s ?p ?o {} }}",
                "OPTIONAL{?s <a:a> ?x}".repeat(60)
            ),
            format!("SELECT * {{ FILTER(?x IN (1{})) }}", ",1".repeat(9_000)),
            format!("SELECT * {{ VALUES ?x {{ {} }} }}", "1 ".repeat(30_000)),
        ] {
            assert_eq!(refusal(&query), None, "{}", &query[..60]);
        }
    }

    #[test]
    fn a_query_too_deep_or_too_wide_is_refused_and_overflows_nothing() {
        let many = |piece: &str, times: usize| piece.repeat(times);
        for query in [
            format!(
                "SELECT * {{ FILTER({}1{}) }}",
                many("(", 30_000),
                many(")", 30_000)
            ),
            format!("SELECT * {}{}", many("{", 30_000), many("}", 30_000)),
            format!("SELECT * {{ FILTER(1{}) }}", many("||1", 20_000)),
            format!("SELECT * {{ FILTER(1{}) }}", many("-1", 30_000)),
            format!("SELECT * {{ {{}}{} }}", many("UNION{}", 9_000)),
            format!("SELECT * {{ {} }}", many("OPTIONAL{?s ?p ?o}", 3_000)),
            format!("SELECT * {{ {} }}", many("{?s ?p ?o}", 6_000)),
            format!("SELECT * {{ {} }}", many("?s ?p ?o.", 7_000)),
            format!("SELECT * {{ ?s {}<a:a> ?o }}", many("<a:a>/", 9_000)),
            format!(
                "SELECT * {{ ?s {}<a:a>{} ?o }}",
                many("(", 9_000),
                many(")*", 9_000)
            ),
            format!(
                "SELECT * {{ ?s ?p {}?o{} }}",
                many("[<a:a> ", 9_000),
                many("]", 9_000)
            ),
            format!(
                "SELECT * {{ FILTER({}?x{}) }}",
                many("STR(", 40),
                many(")", 40)
            ),
            format!("SELECT * {{ FILTER({}1) }}", many("!", 60_000)),
            format!("SELECT * {{ ?s ?p ?o {} }}", many("FILTER(1)", 7_000)),
            format!("SELECT * {{ ?s ({}<a:a>)* ?o }}", many("<a:a>/", 40)),
            format!(
                "SELECT * {{ FILTER((1{}) IN (1{})) }}",
                many("+1", 500),
                many(",1", 500)
            ),
            "x".repeat((64 << 10) + 1),
        ] {
            assert!(refusal(&query).is_some(), "{}", &query[..60]);
        }
    }
}
