//! Templates, embedded, and what they all can ask for. Whatever is put into one is escaped.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value};
use serde::Serialize;

use super::{assets, reference};
use crate::error::{Error, Result};

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        const TEMPLATES: &[(&str, &str)] = &[$(($name, include_str!(concat!("templates/", $name)))),*];
    };
}

// A template that does not parse shows when it is rendered; a test renders each.
templates![
    "base.html",
    "checkout.html",
    "checkout_base.html",
    "checkout_locked.html",
    "checkout_refused.html",
    "errors.html",
    "overview.html",
    "portal_base.html",
    "portal_closed.html",
    "portal_home.html",
    "portal_invitation.html",
    "portal_password.html",
    "portal_sign_in.html",
    "reference.html",
    "start.html",
    "verify.html",
    "webhooks.html",
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    for (name, text) in TEMPLATES {
        let _ = environment.add_template(name, text);
    }
    environment.add_function("asset", |name: &str| Value::from_safe_string(assets::path(name)));
    environment.add_filter("prose", prose);
    environment.add_filter("json", json);
    environment.add_global("nav", Serde(navigation()));
    environment.add_global("version", env!("CARGO_PKG_VERSION"));
    environment
});

/// A link of the bar at the top.
#[derive(Debug, Serialize)]
struct Link {
    href: String,
    label: &'static str,
}

fn navigation() -> Vec<Link> {
    let surfaces = reference::all().iter().map(|one| Link { href: format!("/docs/{}", one.name), label: one.label });
    let first = Link { href: "/docs".into(), label: "Overview" };
    let last = [("/docs/webhooks", "Events"), ("/docs/verify", "Verify"), ("/docs/errors", "Errors")];
    let last = last.map(|(href, label)| Link { href: href.into(), label });
    std::iter::once(first).chain(surfaces).chain(last).collect()
}

/// Renders a page.
///
/// # Errors
/// [`Error::Internal`] where the template asks for something impossible.
pub fn page(name: &str, context: Value) -> Result<Response> {
    let mut response = Response::new(Body::from(html(name, context)?));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Ok(response)
}

/// The page's text alone, for an answer that has its headers already.
pub fn html(name: &str, context: Value) -> Result<String> {
    let html = ENVIRONMENT.get_template(name).and_then(|template| template.render(context));
    html.map_err(|e| Error::Internal(format!("{name}: {e:#}")))
}

/// Text out of a doc comment, escaped: what stands between backticks becomes code.
fn prose(text: &str) -> Value {
    let mut html = String::new();
    for (at, part) in text.split('`').enumerate() {
        let part = escape(part);
        let (open, close) = if at % 2 == 1 { ("<code>", "</code>") } else { ("", "") };
        html.extend([open, part.as_str(), close]);
    }
    Value::from_safe_string(html)
}

/// JSON, escaped and coloured: names, texts, and the rest.
fn json(text: &str) -> Value {
    let mut html = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('"') {
        html += &escape(&rest[..open]);
        let inner = &rest[open + 1..];
        let close =
            inner.match_indices('"').find(|(at, _)| !inner[..*at].ends_with('\\')).map_or(inner.len(), |(at, _)| at);
        let end = (open + close + 2).min(rest.len());
        let class = if rest[end..].starts_with(':') { "name" } else { "text" };
        let coloured = escape(&rest[open..end]);
        html.extend(["<span class=\"", class, "\">", coloured.as_str(), "</span>"]);
        rest = &rest[end..];
    }
    Value::from_safe_string(html + &escape(rest))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_escaped_inside_code_and_outside() {
        assert_eq!(prose("a < b, `<i>` & 'c'").to_string(), "a &lt; b, <code>&lt;i&gt;</code> &amp; &#39;c&#39;");
    }

    #[test]
    fn every_template_parses() {
        for (name, text) in TEMPLATES {
            assert!(Environment::new().add_template(name, text).is_ok(), "{name}");
        }
    }
}
