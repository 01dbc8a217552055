//! Makes a query stoppable: its algebra is rewritten so that every operator which can work long
//! without reading the graph calls a guard, and the guard unwinds once the budget is used up.
//!
//! The evaluator looks at its cancellation token whenever it reads a statement, and nowhere else.
//! So patterns that read are left as they are, the planner keeps its freedom to order them, and
//! the guard stands where rows are produced, combined or dropped without reading: on top of each
//! (sub)select's pattern, on the parts of a join that have nothing in common, on inline values,
//! subselects and unions that are joined, in sort keys, and around expensive expressions. The
//! guard yields no value, so no solution changes.
use super::admit::Admitted;
use super::engine::{Budget, Stop};
use oxigraph::model::{Literal, NamedNode, Term};
use oxigraph::sparql::{AggregateFunctionAccumulator, SparqlEvaluator};
use spargebra::Query;
use spargebra::algebra::{
    AggregateExpression, AggregateFunction, Expression, Function, GraphPattern, OrderExpression,
    PropertyPathExpression,
};
use spargebra::term::{NamedNodePattern, TermPattern, TriplePattern, Variable};
use std::collections::HashSet;
use std::sync::Arc;

/// The longest text that a query may make, bytes.
pub const MADE: usize = 1 << 20;
/// The longest text that a pattern is matched against where the query makes texts, bytes.
const MATCHED: usize = 64 << 10;
/// The longest replacement in REPLACE, bytes.
const REPLACEMENT: usize = 1 << 10;
/// The longest geometries of one call together, bytes.
pub const GEOMETRY: usize = 32 << 10;
/// The same for calls that combine shapes. Their time grows with the crossings of all edges, in a
/// star faster than the third power: 4 KiB took 2.4 s, 8 KiB more than a minute.
pub const COMBINED: usize = 4 << 10;
const COMBINING: [&str; 4] = ["union", "intersection", "difference", "symDifference"];
/// Lists and conditions longer than this are guarded as a whole.
const LONG: usize = 64;

// Names that no query can write: a space is not allowed in an IRI.
const GUARD: &str = "guard here";
const CONCAT: &str = "guard concat";

/// The query with its guards, and an evaluator that knows them.
pub fn guarded(admitted: Admitted, budget: &Arc<Budget>) -> (SparqlEvaluator, Query) {
    let Admitted {
        mut query,
        grows,
        functions,
        separators,
    } = admitted;
    let mut rewriter = Rewriter {
        grows,
        fresh: 0,
        bound: HashSet::new(),
    };
    let (Query::Select { pattern, .. }
    | Query::Construct { pattern, .. }
    | Query::Describe { pattern, .. }
    | Query::Ask { pattern, .. }) = &mut query;
    let inner = std::mem::replace(
        pattern,
        GraphPattern::Bgp {
            patterns: Vec::new(),
        },
    );
    *pattern = rewriter.top(inner);

    let guard = budget.clone();
    let mut evaluator = SparqlEvaluator::new()
        .with_cancellation_token(budget.token.clone())
        .with_custom_function(name(GUARD), move |_| {
            guard.check();
            None
        });
    if grows {
        let guard = budget.clone();
        evaluator = evaluator.with_custom_function(name(CONCAT), move |texts| {
            guard.check();
            concatenated(&guard, texts)
        });
    }
    for most in [REPLACEMENT, MATCHED, MADE] {
        let guard = budget.clone();
        evaluator = evaluator.with_custom_function(bounded_name(most), move |arguments| {
            guard.check();
            let text = arguments.first()?;
            if let Term::Literal(literal) = text {
                guard.text(literal.value().len(), most);
            }
            Some(text.clone())
        });
    }
    for (iri, function) in spargeo::GEOSPARQL_EXTENSION_FUNCTIONS {
        if !functions.iter().any(|f| f.as_ref() == iri) {
            continue;
        }
        let guard = budget.clone();
        let local = iri.as_str().rsplit('/').next().unwrap_or_default();
        let most = if COMBINING.contains(&local) {
            COMBINED
        } else {
            GEOMETRY
        };
        evaluator = evaluator.with_custom_function(iri.into_owned(), move |arguments| {
            guard.check();
            let length = arguments
                .iter()
                .map(|a| match a {
                    Term::Literal(literal) => literal.value().len(),
                    _ => 0,
                })
                .sum();
            guard.text(length, most);
            let made = function(arguments)?;
            if let Term::Literal(literal) = &made {
                guard.text(literal.value().len(), MADE);
            }
            Some(made)
        });
    }
    for separator in separators {
        let guard = budget.clone();
        evaluator = evaluator.with_custom_aggregate_function(joined_name(&separator), move || {
            Box::new(Joined {
                budget: guard.clone(),
                separator: separator.clone(),
                text: Some(String::new()),
                language: None,
            })
        });
    }
    (evaluator, query)
}

fn name(text: impl Into<String>) -> NamedNode {
    NamedNode::new_unchecked(text)
}

fn bounded_name(most: usize) -> NamedNode {
    name(format!("guard at most {most}"))
}

fn joined_name(separator: &str) -> NamedNode {
    name(format!("guard joined by {separator}"))
}

fn call(function: NamedNode, arguments: Vec<Expression>) -> Expression {
    Expression::FunctionCall(Function::Custom(function), arguments)
}

/// The guard yields no value, so this is what `expression` is.
fn checked(expression: Expression) -> Expression {
    Expression::Coalesce(vec![call(name(GUARD), Vec::new()), expression])
}

fn at_most(most: usize, expression: Expression) -> Expression {
    match expression {
        Expression::Literal(text) if text.value().len() <= most => Expression::Literal(text),
        other => call(bounded_name(most), vec![other]),
    }
}

struct Rewriter {
    grows: bool,
    fresh: usize,
    /// Variables that have a value before the pattern at hand is evaluated, as in EXISTS.
    bound: HashSet<String>,
}

impl Rewriter {
    /// Each row of `pattern` passes the guard. The variable stays unbound.
    fn guard(&mut self, pattern: GraphPattern) -> GraphPattern {
        self.fresh += 1;
        GraphPattern::Extend {
            inner: Box::new(pattern),
            variable: Variable::new_unchecked(format!("guard {}", self.fresh)),
            expression: call(name(GUARD), Vec::new()),
        }
    }

    /// The pattern of a (sub)select: always guarded, below what the select computes.
    fn top(&mut self, pattern: GraphPattern) -> GraphPattern {
        match pattern {
            GraphPattern::Extend {
                inner,
                variable,
                expression,
            } => GraphPattern::Extend {
                inner: Box::new(self.top(*inner)),
                variable,
                expression: self.whole(expression),
            },
            GraphPattern::Filter { expr, inner } => GraphPattern::Filter {
                expr: self.within(certain(&inner), |this| this.whole(expr)),
                inner: Box::new(self.top(*inner)),
            },
            GraphPattern::Project { .. }
            | GraphPattern::Distinct { .. }
            | GraphPattern::Reduced { .. }
            | GraphPattern::Slice { .. }
            | GraphPattern::OrderBy { .. }
            | GraphPattern::Group { .. } => self.pattern(pattern),
            other => {
                let inner = self.pattern(other);
                self.guard(inner)
            }
        }
    }

    /// Rewrites with more variables known to have values.
    fn within<T>(&mut self, more: HashSet<String>, rewrite: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.bound.clone();
        self.bound.extend(more);
        let out = rewrite(self);
        self.bound = before;
        out
    }

    /// A part that is collected before the rest runs, or whose rows may be dropped.
    fn part(&mut self, pattern: GraphPattern) -> GraphPattern {
        let pattern = self.pattern(pattern);
        if reads(&pattern) {
            pattern
        } else {
            self.guard(pattern)
        }
    }

    /// Guards what is inside; the rows of the result may still be unguarded.
    fn pattern(&mut self, pattern: GraphPattern) -> GraphPattern {
        match pattern {
            GraphPattern::Bgp { .. } | GraphPattern::Path { .. } | GraphPattern::Join { .. } => {
                self.join(pattern)
            }
            GraphPattern::Values { .. } => pattern,
            GraphPattern::LeftJoin {
                left,
                right,
                expression,
            } => {
                let mut bound = certain(&left);
                // What the planner evaluates anew for each row of the left side.
                let follows = matches!(
                    *right,
                    GraphPattern::Bgp { .. }
                        | GraphPattern::Path { .. }
                        | GraphPattern::Join { .. }
                );
                let left = self.pattern(*left);
                let known = if follows {
                    bound.clone()
                } else {
                    HashSet::new()
                };
                let right = self.within(known, |this| this.part(*right));
                bound.extend(certain(&right));
                GraphPattern::LeftJoin {
                    left: Box::new(left),
                    right: Box::new(right),
                    expression: expression.map(|e| self.within(bound, |this| this.whole(e))),
                }
            }
            GraphPattern::Lateral { left, right } => {
                let bound = certain(&left);
                GraphPattern::Lateral {
                    left: Box::new(self.part(*left)),
                    right: Box::new(self.within(bound, |this| this.part(*right))),
                }
            }
            GraphPattern::Minus { left, right } => GraphPattern::Minus {
                left: Box::new(self.part(*left)),
                right: Box::new(self.part(*right)),
            },
            GraphPattern::Union { left, right } => GraphPattern::Union {
                left: Box::new(self.pattern(*left)),
                right: Box::new(self.pattern(*right)),
            },
            GraphPattern::Filter { expr, inner } => GraphPattern::Filter {
                expr: self.within(certain(&inner), |this| this.whole(expr)),
                inner: Box::new(self.part(*inner)),
            },
            GraphPattern::Extend {
                inner,
                variable,
                expression,
            } => GraphPattern::Extend {
                inner: Box::new(self.pattern(*inner)),
                variable,
                expression: self.whole(expression),
            },
            GraphPattern::Graph { name, inner } => GraphPattern::Graph {
                name,
                inner: Box::new(self.pattern(*inner)),
            },
            GraphPattern::Project { inner, variables } => GraphPattern::Project {
                inner: Box::new(self.top(*inner)),
                variables,
            },
            GraphPattern::Distinct { inner } => GraphPattern::Distinct {
                inner: Box::new(self.top(*inner)),
            },
            GraphPattern::Reduced { inner } => GraphPattern::Reduced {
                inner: Box::new(self.top(*inner)),
            },
            GraphPattern::Slice {
                inner,
                start,
                length,
            } => GraphPattern::Slice {
                inner: Box::new(self.top(*inner)),
                start,
                length,
            },
            GraphPattern::OrderBy { inner, expression } => GraphPattern::OrderBy {
                inner: Box::new(self.top(*inner)),
                // Sorting calls its keys and nothing else, the first of them always.
                expression: expression
                    .into_iter()
                    .enumerate()
                    .map(|(at, by)| {
                        let mut key = |e| match at {
                            0 => checked(self.inside(e)),
                            _ => self.whole(e),
                        };
                        match by {
                            OrderExpression::Asc(e) => OrderExpression::Asc(key(e)),
                            OrderExpression::Desc(e) => OrderExpression::Desc(key(e)),
                        }
                    })
                    .collect(),
            },
            GraphPattern::Group {
                inner,
                variables,
                aggregates,
            } => GraphPattern::Group {
                inner: Box::new(self.top(*inner)),
                variables,
                aggregates: aggregates
                    .into_iter()
                    .map(|(variable, a)| (variable, self.aggregate(a)))
                    .collect(),
            },
            GraphPattern::Service { .. } => unreachable!("refused on admission"),
        }
    }

    /// Joins what has a variable in common as it stands, and guards each product of what has not.
    fn join(&mut self, pattern: GraphPattern) -> GraphPattern {
        let mut members = Vec::new();
        flatten(pattern, &mut members);
        let mut groups: Vec<(HashSet<String>, Vec<GraphPattern>)> = Vec::new();
        for member in members {
            let member = match member {
                GraphPattern::Bgp { .. } | GraphPattern::Path { .. } => member,
                other => self.part(other),
            };
            let names = certain(&member);
            let (joined, apart): (Vec<_>, Vec<_>) = groups
                .into_iter()
                .partition(|(known, _)| !known.is_disjoint(&names));
            groups = apart;
            let mut group = (names, Vec::new());
            for (names, members) in joined {
                group.0.extend(names);
                group.1.extend(members);
            }
            group.1.push(member);
            groups.push(group);
        }
        let mut out: Option<GraphPattern> = None;
        for (_, members) in groups {
            let next = if members.iter().any(|m| self.open(m)) && !members.iter().any(small) {
                self.stepwise(members)
            } else {
                connect(members)
            };
            out = Some(match out {
                None => next,
                Some(left) => self.guard(GraphPattern::Join {
                    left: Box::new(left),
                    right: Box::new(next),
                }),
            });
        }
        out.unwrap_or_else(|| GraphPattern::Bgp {
            patterns: Vec::new(),
        })
    }

    /// Whether `member` is a repeated path of which neither end is known.
    fn open(&self, member: &GraphPattern) -> bool {
        let GraphPattern::Path {
            subject,
            path,
            object,
        } = member
        else {
            return false;
        };
        repeats(path)
            && [subject, object].iter().all(|end| match end {
                TermPattern::Variable(v) => !self.bound.contains(v.as_str()),
                _ => false,
            })
    }

    /// Joins so that no repeated path is evaluated from all nodes at once: that would collect all
    /// pairs of nodes without passing a guard, and go on over each of them after its end. From one
    /// node after the other it passes the guard at each.
    fn stepwise(&mut self, mut members: Vec<GraphPattern>) -> GraphPattern {
        let mut out: Option<(GraphPattern, HashSet<String>)> = None;
        while !members.is_empty() {
            let near = |m: &GraphPattern| {
                out.as_ref()
                    .is_none_or(|(_, known)| !known.is_disjoint(&certain(m)))
            };
            let at = members
                .iter()
                .position(|m| near(m) && !self.open(m))
                .or_else(|| members.iter().position(near))
                .unwrap_or(0);
            let member = members.remove(at);
            let mut names = certain(&member);
            let next = match (out.take(), self.open(&member)) {
                (None, false) => member,
                (None, true) => {
                    let starts = self.starts(&member);
                    self.follow(starts, member)
                }
                (Some((left, known)), opened) => {
                    names.extend(known);
                    if opened {
                        self.follow(left, member)
                    } else {
                        connect(vec![left, member])
                    }
                }
            };
            out = Some((next, names));
        }
        out.expect("a group has a member").0
    }

    fn follow(&mut self, left: GraphPattern, path: GraphPattern) -> GraphPattern {
        GraphPattern::Lateral {
            left: Box::new(self.guard(left)),
            right: Box::new(path),
        }
    }

    /// Each node at which an open path may start, once.
    fn starts(&mut self, path: &GraphPattern) -> GraphPattern {
        let GraphPattern::Path { subject, path, .. } = path else {
            unreachable!("only paths are open");
        };
        let mut fresh = || {
            self.fresh += 1;
            Variable::new_unchecked(format!("guard {}", self.fresh))
        };
        let TermPattern::Variable(start) = subject else {
            unreachable!("both ends of an open path are variables");
        };
        let inner = match path {
            PropertyPathExpression::OneOrMore(step) if !repeats(step) => GraphPattern::Path {
                subject: start.clone().into(),
                path: (**step).clone(),
                object: fresh().into(),
            },
            _ => {
                let triple = |subject: Variable, predicate: Variable, object: Variable| {
                    Box::new(GraphPattern::Bgp {
                        patterns: vec![TriplePattern {
                            subject: subject.into(),
                            predicate: predicate.into(),
                            object: object.into(),
                        }],
                    })
                };
                GraphPattern::Union {
                    left: triple(start.clone(), fresh(), fresh()),
                    right: triple(fresh(), fresh(), start.clone()),
                }
            }
        };
        GraphPattern::Distinct {
            inner: Box::new(GraphPattern::Project {
                inner: Box::new(inner),
                variables: vec![start.clone()],
            }),
        }
    }

    fn aggregate(&mut self, aggregate: AggregateExpression) -> AggregateExpression {
        match aggregate {
            AggregateExpression::FunctionCall {
                name,
                expr,
                distinct,
            } => AggregateExpression::FunctionCall {
                name: match name {
                    AggregateFunction::GroupConcat { separator } => {
                        AggregateFunction::Custom(joined_name(separator.as_deref().unwrap_or(" ")))
                    }
                    other => other,
                },
                expr: self.whole(expr),
                distinct,
            },
            count @ AggregateExpression::CountSolutions { .. } => count,
        }
    }

    /// An expression that is evaluated once for each row.
    fn whole(&mut self, expression: Expression) -> Expression {
        let long = longer(&expression, LONG);
        let expression = self.inside(expression);
        if long {
            checked(expression)
        } else {
            expression
        }
    }

    fn inside(&mut self, expression: Expression) -> Expression {
        let both = |this: &mut Self, a: Box<Expression>, b: Box<Expression>| {
            (Box::new(this.inside(*a)), Box::new(this.inside(*b)))
        };
        macro_rules! binary {
            ($kind:ident, $a:ident, $b:ident) => {{
                let (a, b) = both(self, $a, $b);
                Expression::$kind(a, b)
            }};
        }
        match expression {
            leaf @ (Expression::NamedNode(_)
            | Expression::Literal(_)
            | Expression::Variable(_)
            | Expression::Bound(_)) => leaf,
            Expression::Or(a, b) => binary!(Or, a, b),
            Expression::And(a, b) => binary!(And, a, b),
            Expression::Equal(a, b) => binary!(Equal, a, b),
            Expression::SameTerm(a, b) => binary!(SameTerm, a, b),
            Expression::Greater(a, b) => binary!(Greater, a, b),
            Expression::GreaterOrEqual(a, b) => binary!(GreaterOrEqual, a, b),
            Expression::Less(a, b) => binary!(Less, a, b),
            Expression::LessOrEqual(a, b) => binary!(LessOrEqual, a, b),
            Expression::Add(a, b) => binary!(Add, a, b),
            Expression::Subtract(a, b) => binary!(Subtract, a, b),
            Expression::Multiply(a, b) => binary!(Multiply, a, b),
            Expression::Divide(a, b) => binary!(Divide, a, b),
            Expression::In(a, list) => Expression::In(Box::new(self.inside(*a)), self.each(list)),
            Expression::UnaryPlus(a) => Expression::UnaryPlus(Box::new(self.inside(*a))),
            Expression::UnaryMinus(a) => Expression::UnaryMinus(Box::new(self.inside(*a))),
            Expression::Not(a) => Expression::Not(Box::new(self.inside(*a))),
            Expression::Exists(pattern) => Expression::Exists(Box::new(self.part(*pattern))),
            Expression::If(a, b, c) => Expression::If(
                Box::new(self.inside(*a)),
                Box::new(self.inside(*b)),
                Box::new(self.inside(*c)),
            ),
            Expression::Coalesce(list) => Expression::Coalesce(self.each(list)),
            Expression::FunctionCall(function, arguments) => {
                let arguments = self.each(arguments);
                self.function(function, arguments)
            }
        }
    }

    fn each(&mut self, list: Vec<Expression>) -> Vec<Expression> {
        list.into_iter().map(|e| self.inside(e)).collect()
    }

    /// Texts that a query makes are bounded where they are made; calls that take long for a long
    /// text are guarded.
    fn function(&mut self, function: Function, mut arguments: Vec<Expression>) -> Expression {
        let bound = |arguments: &mut Vec<Expression>, at: usize, most: usize| {
            if let Some(argument) = arguments.get_mut(at) {
                let taken = std::mem::replace(argument, Expression::Coalesce(Vec::new()));
                *argument = at_most(most, taken);
            }
        };
        match function {
            Function::Concat if arguments.len() > 1 => concat(arguments),
            Function::Replace => {
                bound(&mut arguments, 0, MATCHED);
                bound(&mut arguments, 2, REPLACEMENT);
                at_most(MADE, Expression::FunctionCall(function, arguments))
            }
            Function::Regex => {
                if self.grows {
                    bound(&mut arguments, 0, MATCHED);
                }
                checked(Expression::FunctionCall(function, arguments))
            }
            Function::EncodeForUri => at_most(MADE, Expression::FunctionCall(function, arguments)),
            Function::SubStr
            | Function::StrLen
            | Function::UCase
            | Function::LCase
            | Function::Contains
            | Function::StrStarts
            | Function::StrEnds
            | Function::StrBefore
            | Function::StrAfter
            | Function::Iri
            | Function::StrDt
            | Function::StrLang
            | Function::Md5
            | Function::Sha1
            | Function::Sha256
            | Function::Sha384
            | Function::Sha512
                if self.grows =>
            {
                checked(Expression::FunctionCall(function, arguments))
            }
            other => Expression::FunctionCall(other, arguments),
        }
    }
}

/// A balanced tree of pairs, so that few parts are held at the same time.
fn concat(mut arguments: Vec<Expression>) -> Expression {
    if arguments.len() > 2 {
        let right = arguments.split_off(arguments.len() / 2);
        arguments = vec![concat(arguments), concat(right)];
    }
    match arguments.len() {
        1 => arguments.remove(0),
        _ => call(name(CONCAT), arguments),
    }
}

/// The members of a join; blank nodes become the variables that they are.
fn flatten(pattern: GraphPattern, out: &mut Vec<GraphPattern>) {
    fn variable(term: TermPattern) -> TermPattern {
        match term {
            TermPattern::BlankNode(node) => Variable::new_unchecked(format!("guard {node}")).into(),
            TermPattern::Triple(triple) => TermPattern::Triple(Box::new(within(*triple))),
            other => other,
        }
    }
    fn within(triple: TriplePattern) -> TriplePattern {
        TriplePattern {
            subject: variable(triple.subject),
            predicate: triple.predicate,
            object: variable(triple.object),
        }
    }
    match pattern {
        GraphPattern::Join { left, right } => {
            flatten(*left, out);
            flatten(*right, out);
        }
        GraphPattern::Bgp { patterns } => {
            out.extend(patterns.into_iter().map(|triple| GraphPattern::Bgp {
                patterns: vec![within(triple)],
            }));
        }
        GraphPattern::Path {
            subject,
            path,
            object,
        } => out.push(GraphPattern::Path {
            subject: variable(subject),
            path,
            object: variable(object),
        }),
        other => out.push(other),
    }
}

/// Left-deep, with the triple patterns that stand first in one basic pattern.
fn connect(members: Vec<GraphPattern>) -> GraphPattern {
    let mut members = members.into_iter();
    let mut out = members.next().expect("a group has a member");
    for member in members {
        out = match (out, member) {
            (GraphPattern::Bgp { mut patterns }, GraphPattern::Bgp { patterns: more }) => {
                patterns.extend(more);
                GraphPattern::Bgp { patterns }
            }
            (left, right) => GraphPattern::Join {
                left: Box::new(left),
                right: Box::new(right),
            },
        };
    }
    out
}

fn repeats(path: &PropertyPathExpression) -> bool {
    match path {
        PropertyPathExpression::NamedNode(_) | PropertyPathExpression::NegatedPropertySet(_) => {
            false
        }
        PropertyPathExpression::ZeroOrMore(_) | PropertyPathExpression::OneOrMore(_) => true,
        PropertyPathExpression::Reverse(a) | PropertyPathExpression::ZeroOrOne(a) => repeats(a),
        PropertyPathExpression::Sequence(a, b) | PropertyPathExpression::Alternative(a, b) => {
            repeats(a) || repeats(b)
        }
    }
}

/// Whether the planner starts with this rather than with an open path.
fn small(member: &GraphPattern) -> bool {
    let known =
        |end: &TermPattern| matches!(end, TermPattern::NamedNode(_) | TermPattern::Literal(_));
    match member {
        GraphPattern::Bgp { patterns } => patterns.iter().any(|t| {
            known(&t.subject)
                || known(&t.object)
                || matches!(t.predicate, NamedNodePattern::NamedNode(_))
        }),
        GraphPattern::Path {
            subject,
            path,
            object,
        } => match path {
            PropertyPathExpression::ZeroOrMore(step) | PropertyPathExpression::OneOrMore(step) => {
                !repeats(step) && (known(subject) || known(object))
            }
            PropertyPathExpression::ZeroOrOne(_) => false,
            path => !repeats(path),
        },
        GraphPattern::Extend {
            inner, expression, ..
        } if is_guard(expression) => matches!(**inner, GraphPattern::Values { .. }),
        _ => false,
    }
}

/// Whether each row costs at least one reading of the graph, so that the token stops it. Asked of
/// rewritten patterns, whose joins have variables in common or are guarded.
fn reads(pattern: &GraphPattern) -> bool {
    match pattern {
        GraphPattern::Bgp { patterns } => !patterns.is_empty(),
        GraphPattern::Path { .. } => true,
        GraphPattern::Join { left, right } => reads(left) && reads(right),
        GraphPattern::Union { left, right } => reads(left) && reads(right),
        GraphPattern::Filter { inner, .. } | GraphPattern::Graph { inner, .. } => reads(inner),
        // Both sides of a lateral join are parts.
        GraphPattern::Lateral { .. } => true,
        GraphPattern::Extend {
            inner, expression, ..
        } => reads(inner) || is_guard(expression),
        _ => false,
    }
}

fn is_guard(expression: &Expression) -> bool {
    matches!(expression, Expression::FunctionCall(Function::Custom(f), _) if f.as_str() == GUARD)
}

/// The variables that every row binds, as far as the planner can know too.
fn certain(pattern: &GraphPattern) -> HashSet<String> {
    fn term(term: &TermPattern, out: &mut HashSet<String>) {
        match term {
            TermPattern::Variable(v) => {
                out.insert(v.as_str().to_owned());
            }
            // As `flatten` names it.
            TermPattern::BlankNode(node) => {
                out.insert(format!("guard {node}"));
            }
            TermPattern::Triple(inner) => triple(inner, out),
            TermPattern::NamedNode(_) | TermPattern::Literal(_) => {}
        }
    }
    fn triple(triple: &TriplePattern, out: &mut HashSet<String>) {
        term(&triple.subject, out);
        term(&triple.object, out);
        if let NamedNodePattern::Variable(v) = &triple.predicate {
            out.insert(v.as_str().to_owned());
        }
    }
    let mut out = HashSet::new();
    match pattern {
        GraphPattern::Bgp { patterns } => {
            for pattern in patterns {
                triple(pattern, &mut out);
            }
        }
        GraphPattern::Path {
            subject, object, ..
        } => {
            term(subject, &mut out);
            term(object, &mut out);
        }
        GraphPattern::Values {
            variables,
            bindings,
        } => {
            out.extend(
                variables
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| bindings.iter().all(|row| row[*at].is_some()))
                    .map(|(_, v)| v.as_str().to_owned()),
            );
        }
        GraphPattern::Join { left, right } | GraphPattern::Lateral { left, right } => {
            out = certain(left);
            out.extend(certain(right));
        }
        GraphPattern::Union { left, right } => {
            let right = certain(right);
            out = certain(left);
            out.retain(|v| right.contains(v));
        }
        GraphPattern::LeftJoin { left: inner, .. }
        | GraphPattern::Minus { left: inner, .. }
        | GraphPattern::Filter { inner, .. }
        | GraphPattern::OrderBy { inner, .. }
        | GraphPattern::Distinct { inner }
        | GraphPattern::Reduced { inner }
        | GraphPattern::Slice { inner, .. } => out = certain(inner),
        GraphPattern::Graph { name, inner } => {
            out = certain(inner);
            if let NamedNodePattern::Variable(v) = name {
                out.insert(v.as_str().to_owned());
            }
        }
        GraphPattern::Extend {
            inner,
            variable,
            expression,
        } => {
            out = certain(inner);
            let bound = match expression {
                Expression::NamedNode(_) | Expression::Literal(_) => true,
                Expression::Variable(v) => out.contains(v.as_str()),
                _ => false,
            };
            if bound {
                out.insert(variable.as_str().to_owned());
            }
        }
        GraphPattern::Project { inner, variables } => {
            out = certain(inner);
            out.retain(|name| variables.iter().any(|v| v.as_str() == name));
        }
        GraphPattern::Group {
            inner, variables, ..
        } => {
            out = certain(inner);
            out.retain(|name| variables.iter().any(|v| v.as_str() == name));
        }
        GraphPattern::Service { .. } => {}
    }
    out
}

/// Whether an expression has more than `most` parts, patterns apart.
fn longer(expression: &Expression, most: usize) -> bool {
    let mut stack = vec![expression];
    let mut parts = 0;
    while let Some(expression) = stack.pop() {
        parts += 1;
        if parts > most {
            return true;
        }
        match expression {
            Expression::NamedNode(_)
            | Expression::Literal(_)
            | Expression::Variable(_)
            | Expression::Bound(_)
            | Expression::Exists(_) => {}
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
            | Expression::Divide(a, b) => stack.extend([&**a, &**b]),
            Expression::UnaryPlus(a) | Expression::UnaryMinus(a) | Expression::Not(a) => {
                stack.push(a);
            }
            Expression::If(a, b, c) => stack.extend([&**a, &**b, &**c]),
            Expression::In(a, list) => {
                stack.push(a);
                stack.extend(list);
            }
            Expression::Coalesce(list) | Expression::FunctionCall(_, list) => stack.extend(list),
        }
    }
    false
}

/// A plain text and its language; `None` for other terms.
fn plain(term: &Term) -> Option<(&str, Option<&str>)> {
    let Term::Literal(literal) = term else {
        return None;
    };
    match literal.language() {
        Some(language) => Some((literal.value(), Some(language))),
        None => (literal.datatype() == oxigraph::model::vocab::xsd::STRING)
            .then(|| (literal.value(), None)),
    }
}

fn text(value: String, language: Option<&str>) -> Term {
    match language {
        Some(language) => Literal::new_language_tagged_literal_unchecked(value, language),
        None => Literal::new_simple_literal(value),
    }
    .into()
}

/// CONCAT of two (SPARQL 1.1 section 17.4.3.12).
fn concatenated(budget: &Budget, texts: &[Term]) -> Option<Term> {
    let [left, right] = texts else { return None };
    let ((left, a), (right, b)) = (plain(left)?, plain(right)?);
    budget.text(left.len() + right.len(), MADE);
    Some(text([left, right].concat(), a.filter(|_| a == b)))
}

/// GROUP_CONCAT (SPARQL 1.1 section 18.5.1.7).
struct Joined {
    budget: Arc<Budget>,
    separator: String,
    /// `None` once a term was no text: then the group has no value.
    text: Option<String>,
    language: Option<Option<String>>,
}

impl AggregateFunctionAccumulator for Joined {
    fn accumulate(&mut self, element: Term) {
        self.budget.check();
        let Some(joined) = self.text.as_mut() else {
            return;
        };
        let Some((value, language)) = plain(&element) else {
            self.text = None;
            return;
        };
        match &self.language {
            Some(known) => {
                if known.as_deref() != language {
                    self.language = Some(None);
                }
                joined.push_str(&self.separator);
            }
            None => self.language = Some(language.map(str::to_owned)),
        }
        joined.push_str(value);
        self.budget.text(joined.len(), MADE);
    }

    fn finish(&mut self) -> Option<Term> {
        let language = self.language.take().flatten();
        self.text
            .take()
            .map(|joined| text(joined, language.as_deref()))
    }
}

impl Budget {
    /// Unwinds if a text is longer than allowed.
    fn text(&self, length: usize, most: usize) {
        if length > most {
            self.unwind(Stop::Text(most));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::{Engine, Limits};
    use super::super::{admit, results};
    use super::*;
    use oxigraph::io::RdfFormat;
    use oxigraph::sparql::QueryResults;
    use oxigraph::store::Store;

    const DATA: &str = "
        @prefix : <http://a/> . @prefix geo: <http://www.opengis.net/ont/geosparql#> .
        :a :next :b ; :name \"A\", \"Ah\"@fr ; :size 1 ; :at \"POINT(4.35 50.85)\"^^geo:wktLiteral .
        :b :next :c ; :name \"B\", \"Beh\"@fr ; :size 2 ; :far :d ; :at \"POINT(2.35 48.85)\"^^geo:wktLiteral .
        :c :next :a ; :name \"C\"@en ; :size 2.5 ; :knows [ :name \"nobody\" ] .
        :d :next :d ; :size \"big\" ; :far :e . :e :name 'E' ; :knows [ :name \"somebody\" ; :knows :a ] .
    ";

    /// Each with all forms that the rewriting touches; the guard must not change one solution.
    const QUERIES: &[&str] = &[
        "SELECT * { ?s ?p ?o }",
        "SELECT * { ?s :next ?t . ?t :name ?n OPTIONAL { ?s :far ?f . ?f :name ?m } }",
        "SELECT * { ?s :name ?n OPTIONAL { ?t :size ?z FILTER(STRLEN(?n) = ?z) } }",
        "SELECT * { ?s :name ?n OPTIONAL { ?s :next+ ?z } }",
        "SELECT * { ?s :size ?z . ?t :name ?n }",
        "SELECT * { ?s :size ?z . ?t :name ?n FILTER(?s = ?t && ?z > 1) }",
        "SELECT * { VALUES ?s { :a :b UNDEF } ?s :next ?t VALUES ?t { :b :c } }",
        "SELECT * { VALUES (?a ?b) { (1 2) (UNDEF 3) } VALUES (?b ?c) { (2 4) (UNDEF 5) } {} }",
        "SELECT * { { ?s :next ?t } UNION { ?s :far ?t } UNION { BIND(:x AS ?s) } . ?s ?p ?x }",
        "SELECT * { ?s :next ?t MINUS { ?t :far ?x } }",
        "SELECT * { ?s :next ?t MINUS { ?x :far ?y } }",
        "SELECT * { ?s :size ?z MINUS { ?t :size ?z . ?u :far ?v } }",
        "SELECT * { ?s :next ?t FILTER EXISTS { ?t :far/:name? ?n . ?x :size ?y } }",
        "SELECT * { ?s :next ?t FILTER NOT EXISTS { ?t :next+ ?s . ?t :far ?f } }",
        "SELECT * { ?s :next ?t FILTER EXISTS { ?x (:next|:far)* ?y . ?y :knows ?s } }",
        "SELECT * { ?s :next ?t BIND(EXISTS { ?t :far ?x } AS ?e) BIND(?t AS ?u) ?u :next ?v }",
        "SELECT * { ?s :next* ?t }",
        "SELECT * { ?s :next+ ?t }",
        "SELECT * { ?s (:next|:far)+ ?s }",
        "SELECT * { ?s (:next/:far?)* ?t . ?t (^:next)* ?u }",
        "SELECT * { ?s (:none|:far*)+ ?t }",
        "SELECT * { _:x :next* ?t . ?t :size ?z }",
        "SELECT * { [] :far+ [] }",
        "SELECT * { _:x :far+ _:y . ?z :next* ?w }",
        "SELECT * { ?s (!(:next|:name))* ?t . ?t ?p ?o }",
        "SELECT * { ?s :next* ?t . ?a ?b ?s }",
        "SELECT * { { SELECT ?s { ?s :size ?z } ORDER BY DESC(?z) LIMIT 2 } ?s :next* ?t }",
        "SELECT * { { SELECT ?s { ?s :size ?z } ORDER BY DESC(?z) LIMIT 2 } { SELECT ?t { ?t :far ?x } } }",
        "SELECT * { ?s :knows [ :name ?n ] }",
        "SELECT * { ?s :knows _:k . _:k :name ?n OPTIONAL { _:k2 :knows ?s } }",
        "SELECT ?s (GROUP_CONCAT(?n) AS ?all) { ?s :name ?n } GROUP BY ?s",
        "SELECT (GROUP_CONCAT(DISTINCT ?n; SEPARATOR=', ') AS ?all) { ?s :name ?n } ORDER BY ?n",
        "SELECT (GROUP_CONCAT(LANG(?n); SEPARATOR='') AS ?all) (GROUP_CONCAT(?n; SEPARATOR='|') AS ?x) { ?s :name ?n }",
        "SELECT (GROUP_CONCAT(?n) AS ?all) { ?s :name ?n FILTER(LANG(?n) = 'fr') }",
        "SELECT (GROUP_CONCAT(?s) AS ?all) { ?s :name ?n }",
        "SELECT (GROUP_CONCAT(?n) AS ?all) { ?s :none ?n }",
        "SELECT (COUNT(DISTINCT *) AS ?n) (COUNT(*) AS ?m) { ?s :next ?t OPTIONAL { :a :far :b } OPTIONAL { ?t :far ?u . ?v :size ?w } }",
        "SELECT (COUNT(DISTINCT ?s) AS ?n) (SUM(?z) AS ?sum) (AVG(?z) AS ?avg) (MIN(?z) AS ?min) { ?s :size ?z }",
        "SELECT ?z (COUNT(?s) AS ?n) { ?s :size ?z } GROUP BY ?z HAVING(COUNT(?s) > 0) ORDER BY DESC(?n) ?z",
        "SELECT (CONCAT('a', 'b', STR(?s), 'c', 'd') AS ?x) { ?s :next ?t }",
        "SELECT (CONCAT('a'@en, 'b'@en) AS ?x) (CONCAT('a'@en, 'b'@fr, 'c'@en) AS ?y) (CONCAT('a', 1) AS ?z) (CONCAT() AS ?e) (CONCAT('a'@en) AS ?f) (CONCAT('a'@en, 'b'@en, 'c'@en) AS ?g) {}",
        "SELECT (REPLACE(?n, '([A-Z])', '<$1>') AS ?x) (REPLACE('aXbx', 'x', '-', 'i') AS ?y) (REPLACE(?n, '(', '') AS ?z) { ?s :name ?n }",
        "SELECT * { ?s :name ?n FILTER REGEX(?n, '^b', 'i') }",
        "SELECT * { ?s :name ?n FILTER REGEX(?n, CONCAT('^', 'B')) }",
        "SELECT (ENCODE_FOR_URI(?n) AS ?x) (LCASE(?n) AS ?l) (STRLEN(CONCAT(?n, ?n)) AS ?len) (SUBSTR(?n, 1, 1) AS ?sub) { ?s :name ?n }",
        "SELECT * { ?s :size ?z FILTER(?z IN (1, 2, ?z)) FILTER(?z NOT IN ('big')) }",
        "SELECT * { ?s :size ?z } ORDER BY DESC(?z) ?s",
        "SELECT * { ?s :size ?z } ORDER BY (?z + 1) DESC(STR(?s)) LIMIT 3 OFFSET 1",
        "SELECT DISTINCT ?t { ?s :next*/:far? ?t }",
        "SELECT REDUCED ?p { ?s ?p ?o }",
        "SELECT * { ?s :next ?t LATERAL { SELECT * { ?t :name ?n } ORDER BY ?n LIMIT 1 } }",
        "SELECT * { GRAPH ?g { ?s ?p ?o } }",
        "SELECT * { ?s :at ?p . BIND(<http://www.opengis.net/def/function/geosparql/distance>(?p, ?p, <http://www.opengis.net/def/uom/OGC/1.0/metre>) AS ?d) }",
        "SELECT (<http://a/unknown>(1) AS ?x) { ?s :next ?t }",
        "SELECT * { ?s :next ?t . BIND(<<( ?s :next ?t )>> AS ?x) BIND(OBJECT(?x) AS ?y) }",
        "SELECT (IF(?z > 1, 'more', 'less') AS ?x) (COALESCE(?none, ?z, 1) AS ?y) { ?s :size ?z }",
        "ASK { ?s :next+ ?s . ?t :far ?u }",
        "ASK { ?s :none ?t }",
        "CONSTRUCT { ?s :back ?t . ?t :x _:b } { ?t :next ?s . ?u :far ?v }",
        "CONSTRUCT { ?s ?p ?o } { ?s ?p ?o FILTER(isIRI(?o)) }",
        "DESCRIBE :a ?s { ?s :far ?t . ?u :size 1 }",
    ];

    /// Blank nodes made by the query have new names each time, so they are named alike.
    fn lines(
        found: Result<QueryResults<'_>, oxigraph::sparql::QueryEvaluationError>,
        ordered: bool,
    ) -> Vec<String> {
        let mut out = match found {
            Err(e) => vec![e.to_string()],
            Ok(QueryResults::Boolean(truth)) => vec![truth.to_string()],
            Ok(QueryResults::Solutions(rows)) => rows
                .map(|row| {
                    let row = row.expect("a row");
                    let mut cells: Vec<_> = row.iter().map(|(v, t)| format!("{v} {t}")).collect();
                    cells.sort();
                    cells.join(" ")
                })
                .collect(),
            Ok(QueryResults::Graph(triples)) => triples
                .map(|t| {
                    let t = t.expect("a triple");
                    let end = if t.object.is_blank_node() {
                        "_:b".into()
                    } else {
                        t.object.to_string()
                    };
                    format!("{} {} {end}", t.subject, t.predicate)
                })
                .collect(),
        };
        if !ordered {
            out.sort();
        }
        out
    }

    #[tokio::test]
    async fn the_guard_changes_no_solution() {
        let store = Store::new().expect("a store");
        store
            .load_from_slice(RdfFormat::Turtle, DATA)
            .expect("the data is Turtle");
        let engine = Engine::new(Limits::default());
        for query in QUERIES {
            let text = format!("PREFIX : <http://a/> {query}");
            let ordered = query.contains("ORDER BY DESC(?z)");
            let mut plain = SparqlEvaluator::new();
            for (iri, function) in spargeo::GEOSPARQL_EXTENSION_FUNCTIONS {
                plain = plain.with_custom_function(iri.into_owned(), function);
            }
            let bare = lines(
                plain
                    .parse_query(&text)
                    .expect(query)
                    .on_store(&store)
                    .execute(),
                ordered,
            );
            let place = engine.place().await.expect("a place");
            let with = engine
                .run(place, {
                    let (store, text) = (store.clone(), text.clone());
                    move |budget| {
                        let admitted = admit::admit(&text, 64 << 10)?;
                        results::choose(&admitted.query, "*/*")?;
                        let (evaluator, query) = guarded(admitted, budget);
                        Ok(lines(
                            evaluator.for_query(query).on_store(&store).execute(),
                            ordered,
                        ))
                    }
                })
                .await
                .expect(query);
            assert_eq!(with, bare, "{query}");
        }
    }
}
