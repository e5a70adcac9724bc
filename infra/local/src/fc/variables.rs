//! `${…}` in s.yaml, as Serverless Devs resolves it.

use serde_yaml_ng::Value;

/// Where the variables' values come from.
pub(super) struct Variables<'a> {
    /// The file's own `vars`, already resolved.
    pub(super) vars: &'a Value,
    /// `config('AccountID')`
    pub(super) account_id: &'a str,
    /// Environment variables.
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

impl Variables<'_> {
    /// `value` with every `${…}` in it replaced. A text that is one variable takes on its type.
    ///
    /// # Errors
    ///
    /// Says which variable is unknown, unset or not understood.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) => self.text(text),
            Value::Sequence(items) => {
                Ok(Value::Sequence(items.iter().map(|v| self.resolve(v)).collect::<Result<_, _>>()?))
            }
            Value::Mapping(entries) => {
                let resolved =
                    entries.iter().map(|(k, v)| Ok((k.clone(), self.resolve(v)?))).collect::<Result<_, String>>()?;
                Ok(Value::Mapping(resolved))
            }
            other => Ok(other.clone()),
        }
    }

    fn text(&self, text: &str) -> Result<Value, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let end = rest[start..].find('}').ok_or_else(|| format!("`{text}`: `${{` without `}}`"))? + start;
            let value = self.variable(rest[start + 2..end].trim())?;
            if start == 0 && end + 1 == rest.len() && out.is_empty() {
                return Ok(value);
            }
            out.push_str(&rest[..start]);
            out.push_str(&scalar(&value).ok_or_else(|| format!("`{text}`: a list or map within a text"))?);
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        Ok(Value::String(out))
    }

    /// `vars.a.b`, `env('X')`, `env('X', 'default')` or `config('AccountID')`.
    fn variable(&self, name: &str) -> Result<Value, String> {
        if let Some(path) = name.strip_prefix("vars.") {
            let found = path.split('.').try_fold(self.vars, |value, key| value.get(key));
            return found.cloned().ok_or_else(|| format!("`${{{name}}}` is not in vars"));
        }
        if let Some(arguments) = arguments_of(name, "env") {
            return match arguments.as_slice() {
                [var] => (self.env)(var)
                    .map(Value::String)
                    .ok_or_else(|| format!("`${{{name}}}`: the environment variable {var} is not set")),
                [var, default] => Ok(Value::String((self.env)(var).unwrap_or_else(|| default.to_string()))),
                _ => Err(format!("`${{{name}}}`: env takes a name and a default")),
            };
        }
        if arguments_of(name, "config").is_some_and(|arguments| arguments == ["AccountID"]) {
            return Ok(Value::String(self.account_id.to_owned()));
        }
        Err(format!(
            "`${{{name}}}` is not understood here: only vars.x, env('X'), env('X', 'default') and config('AccountID') are"
        ))
    }
}

/// The quoted arguments of `function('a', 'b')`; a comma cannot be part of one.
fn arguments_of<'a>(call: &'a str, function: &str) -> Option<Vec<&'a str>> {
    let inside = call.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')?;
    inside
        .split(',')
        .map(str::trim)
        .map(|a| {
            a.strip_prefix('\'')
                .and_then(|a| a.strip_suffix('\''))
                .or_else(|| a.strip_prefix('"').and_then(|a| a.strip_suffix('"')))
        })
        .collect()
}

/// A scalar as text; None for lists and maps.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<Value, String> {
        let vars = serde_yaml_ng::from_str("{ n: 7, deep: { er: x }, list: [1] }").unwrap();
        let env = |name: &str| (name == "HOME").then(|| "/h".to_owned());
        Variables { vars: &vars, account_id: "123", env: &env }.resolve(&Value::String(text.into()))
    }

    #[test]
    fn variables_are_replaced_and_keep_their_type_when_alone() {
        for (text, value) in [
            ("${vars.n}", Value::from(7)),
            ("a${vars.n}b${ vars.deep.er }", Value::from("a7bx")),
            ("${env('HOME')}/x", Value::from("/h/x")),
            ("${env('NO', 'none')}", Value::from("none")),
            ("${env(\"HOME\",\"none\")}", Value::from("/h")),
            ("acs:${config('AccountID')}:x", Value::from("acs:123:x")),
            ("$plain {}", Value::from("$plain {}")),
        ] {
            assert_eq!(resolve(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_an_error_that_names_it() {
        for (text, part) in [
            ("${vars.no}", "`${vars.no}` is not in vars"),
            ("${env('NO')}", "the environment variable NO is not set"),
            ("${path('x')}", "is not understood here"),
            ("${vars.n", "without `}`"),
            ("x${vars.list}", "a list or map within a text"),
        ] {
            let error = resolve(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
