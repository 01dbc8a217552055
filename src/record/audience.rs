//! Who may read a record that is not for everyone: what has to be claimed, and by a provider that is trusted.
use serde_json::Value;

/// Most conditions of an audience.
const MOST: usize = 16;

/// Says what is wrong with an audience: one is `public`, or conditions apart by commas that have all to hold, each
/// the name of a claim (`member`) or a name with a value (`groups=city-data`). Dots lead into claims that hold
/// others (`organisation.country=LU`).
///
/// # Errors
/// What was found, and what is wanted.
pub fn check(audience: &str) -> Result<(), String> {
    let conditions: Vec<&str> = audience.split(',').map(str::trim).collect();
    let wrong = |c: &&&str| c.is_empty() || c.starts_with('=') || c.ends_with('=');
    match conditions.iter().find(wrong) {
        Some(found) => Err(format!(
            "audience has the condition {found:?}; \"public\", the name of a claim or name=value is wanted, several apart by commas"
        )),
        None if conditions.len() > MOST => Err(format!("audience has more than {MOST} conditions")),
        None => Ok(()),
    }
}

/// Whether all conditions of an audience hold for the claims of a token.
pub fn admits(audience: &str, claims: &Value) -> bool {
    audience.split(',').all(|condition| {
        let (name, wanted) = match condition.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (condition.trim(), None),
        };
        let found = name.split('.').try_fold(claims, |at, part| at.get(part));
        // A name with dots of its own, as providers' own claims often have, is there as it stands.
        found
            .or_else(|| claims.get(name))
            .is_some_and(|value| match wanted {
                None => !matches!(value, Value::Null | Value::Bool(false)),
                Some(wanted) => holds(value, wanted),
            })
    })
}

fn holds(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Array(all) => all.iter().any(|v| holds(v, wanted)),
        Value::Bool(is) => wanted.parse() == Ok(*is),
        Value::Number(number) => number.to_string() == wanted,
        Value::Null | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_conditions_have_to_hold() {
        let claims = json!({
            "groups": ["city-data", "twins"], "member": true, "level": 3, "guest": false,
            "organisation": {"country": "LU"}, "https://city.example/role": "reader",
        });
        for (audience, yes) in [
            ("member", true),
            ("guest", false),
            ("nobody", false),
            ("groups=city-data", true),
            ("groups=city", false),
            ("groups=city-data, organisation.country=LU", true),
            ("groups=city-data,organisation.country=FR", false),
            ("level=3", true),
            ("organisation=LU", false),
            ("https://city.example/role=reader", true),
            ("", false),
        ] {
            assert_eq!(admits(audience, &claims), yes, "{audience}");
        }
        assert!(!admits("member", &Value::Null));
    }

    #[test]
    fn a_condition_has_a_name_and_may_have_a_value() {
        for good in ["public", "member", "a=b", "a=b, c"] {
            assert_eq!(check(good), Ok(()));
        }
        for bad in ["", "a,", "=b", "a="] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
