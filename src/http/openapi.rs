//! One OpenAPI 3.1 document a surface, generated from the code: handlers say what is their own, and
//! what all routes of a surface share is added here.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, ResponseBuilder, Schema, Type,
};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;

use super::door::{Surface, envelope, problem};
use crate::error::Error;

/// The security scheme of a payment provider's own calls.
const SIGNATURE: &str = "signature";
/// Bodies that hold one member or another, which their schemas cannot say.
const ONE_OR_ANOTHER: &[&str] = &["LicenseExtension"];

pub const SURFACES: [Surface; 5] = [Surface::V1, Surface::Dev, Surface::Reseller, Surface::Checkout, Surface::Portal];

impl Surface {
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::V1 => "/v1",
            Self::Dev => "/dev/v1",
            Self::Reseller => "/reseller/v1",
            Self::Checkout => "/checkout/v1",
            Self::Portal => "/portal/v1",
        }
    }

    /// As `keyhouse openapi` and `/openapi/{name}.json` call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::Dev => "dev",
            Self::Reseller => "reseller",
            Self::Checkout => "checkout",
            Self::Portal => "portal",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::V1 => "Keyhouse merchant API",
            Self::Dev => "Keyhouse developer API",
            Self::Reseller => "Keyhouse reseller API",
            Self::Checkout => "Keyhouse public checkout",
            Self::Portal => "Keyhouse reseller portal",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        SURFACES.into_iter().find(|surface| surface.name() == name)
    }

    const fn speaks_problem(self) -> bool {
        matches!(self, Self::V1 | Self::Checkout)
    }
}

/// `GET /openapi/{surface}.json`.
pub async fn document(Path(document): Path<String>) -> Response {
    match document.strip_suffix(".json").and_then(Surface::named) {
        Some(surface) => Json(describe(surface)).into_response(),
        None => Error::NotFound("document").into_response(),
    }
}

/// The document of a surface.
#[must_use]
pub fn describe(surface: Surface) -> OpenApi {
    let info = InfoBuilder::new().title(surface.title()).version(env!("CARGO_PKG_VERSION")).build();
    let base = OpenApiBuilder::new().info(info).build();
    let nested = OpenApiRouter::with_openapi(base).nest(surface.prefix(), super::routes(surface));
    let mut document = nested.into_openapi();
    add_components(&mut document, surface);
    let no_schemas = BTreeMap::new();
    let schemas = document.components.as_ref().map_or(&no_schemas, |components| &components.schemas);
    for item in document.paths.paths.values_mut() {
        let methods = [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Patch, &mut item.patch),
            (HttpMethod::Delete, &mut item.delete),
        ];
        for (method, operation) in methods {
            if let Some(operation) = operation {
                complete(operation, &method, surface);
                if let Some(RefOr::T(body)) = &mut operation.request_body {
                    relax(body, schemas);
                }
            }
        }
    }
    document
}

fn add_components(document: &mut OpenApi, surface: Surface) {
    let components = document.components.get_or_insert_default();
    let bearer = |description: &str| {
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description)).build())
    };
    let (name, scheme) = match surface {
        Surface::V1 => ("key", bearer("A merchant API key: sx_live_… or sx_test_…")),
        Surface::Dev => ("key", bearer("A developer API key: shx_…")),
        Surface::Reseller => ("key", bearer("A reseller API key: shr_…")),
        Surface::Checkout => ("token", bearer("The session's own token: cs_…")),
        Surface::Portal => ("session", bearer("What signing in answers: ses_…; in a browser its cookie does as well")),
    };
    components.security_schemes.insert(name.into(), RefOr::T(scheme));
    if surface == Surface::Checkout {
        let signature = ApiKeyValue::with_description(
            "X-Sandbox-Signature",
            "The provider's own, over the body; the sandbox's is t=<unix seconds>,v1=<hex HMAC-SHA256 of \"<t>.<body>\">",
        );
        let scheme = SecurityScheme::ApiKey(ApiKey::Header(signature));
        components.security_schemes.insert(SIGNATURE.into(), RefOr::T(scheme));
    }
    if surface.speaks_problem() {
        components.schemas.insert("Problem".into(), problem::Problem::schema());
    } else {
        let mut referenced = Vec::new();
        envelope::Envelope::schemas(&mut referenced);
        components.schemas.extend(referenced);
        components.schemas.insert("Envelope".into(), envelope::Envelope::schema());
    }
}

/// Adds what every operation of a surface shares: its refusals, and the idempotency key of its writes.
fn complete(operation: &mut Operation, method: &HttpMethod, surface: Surface) {
    // Handlers of different rooms are called alike; with its tag an operation's name is its own.
    if let (Some(tags), Some(name)) = (&operation.tags, &operation.operation_id) {
        operation.operation_id = Some(format!("{}_{name}", tags.join("_").replace(' ', "_")));
    }
    let signed = operation.security.as_ref().is_some_and(|all| all.iter().any(is_signature));
    let write = *method != HttpMethod::Get && !signed;
    let in_path = operation.parameters.as_ref().is_some_and(|all| all.iter().any(is_in_path));
    let secured = operation.security.is_some();
    let forbidden = if surface == Surface::Reseller {
        "The key's `allowed_ips` do not hold the address that calls"
    } else {
        "The key lacks the scope"
    };
    let refusals: &[(u16, &str, bool)] = &[
        (400, "The request cannot be read, or a required field is missing", true),
        (401, "Missing or invalid credential", secured),
        (403, forbidden, secured && !matches!(surface, Surface::Checkout | Surface::Portal)),
        (404, "Not found, or not yours", in_path),
        (409, "The idempotency key names another request, or the state does not allow it", write),
        (413, "The body is too large", write),
        (415, "The body is not application/json", write),
        (422, "Validation failed", true),
        (429, "Too many requests; see Retry-After", true),
        (500, "A fault of ours", true),
        (503, "Temporarily unavailable; see Retry-After", true),
    ];
    let (schema, media_type) =
        if surface.speaks_problem() { ("Problem", problem::CONTENT_TYPE) } else { ("Envelope", "application/json") };
    for (status, text, applies) in refusals {
        if *applies {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
            let response = ResponseBuilder::new().description(*text).content(media_type, content).build();
            operation.responses.responses.entry(status.to_string()).or_insert(RefOr::T(response));
        }
    }
    if write {
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255)).build();
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("Names this request: sent again within 72 h it has one effect and one answer."))
            .schema(Some(text))
            .build();
        operation.parameters.get_or_insert_default().push(RefOr::T(key));
    }
}

/// A body that needs no member need not be sent: it is read as an object without any.
fn relax(body: &mut RequestBody, schemas: &BTreeMap<String, RefOr<Schema>>) {
    let needs_nothing = |content: &RefOr<Content>| {
        let RefOr::T(Content { schema: Some(RefOr::Ref(reference)), .. }) = content else { return false };
        let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
        let schema = schemas.get(name).filter(|_| !ONE_OR_ANOTHER.contains(&name));
        matches!(schema, Some(RefOr::T(Schema::Object(object))) if object.required.is_empty())
    };
    if body.content.values().all(needs_nothing) {
        body.required = Some(Required::False);
    }
}

fn is_signature(requirement: &SecurityRequirement) -> bool {
    *requirement == SecurityRequirement::new::<_, [&str; 0], &str>(SIGNATURE, [])
}

fn is_in_path(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path)
}
