//! `GET /docs/errors`: every code of every surface; `doc_url` leads here. A law holds the list against
//! what the doors say: a new error without its row fails by name.

use axum::response::Response;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

use super::template;
use crate::error::{LicenseRefusal, Result};

/// One kind of refusal, in both vocabularies.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Entry {
    pub status: u16,
    /// `type` on `/v1` and `/checkout/v1`.
    pub slug: &'static str,
    /// `code` beside that `type`, where one type has several.
    pub detail: Option<&'static str>,
    /// `error.code` on `/dev/v1` and `/reseller/v1`.
    pub code: &'static str,
    pub title: &'static str,
    pub meaning: &'static str,
    /// What a client does about it.
    pub next: &'static str,
    /// Whether the same request may simply be sent again.
    pub again: bool,
}

const fn entry(
    status: u16,
    slug: &'static str,
    code: &'static str,
    [title, meaning, next]: [&'static str; 3],
) -> Entry {
    Entry { status, slug, detail: None, code, title, meaning, next, again: false }
}

const fn conflict(detail: &'static str, code: &'static str, words: [&'static str; 3]) -> Entry {
    Entry { detail: Some(detail), ..entry(409, "conflict", code, words) }
}

const fn passing(entry: Entry) -> Entry {
    Entry { again: true, ..entry }
}

/// Of a license: the code is the same on every surface.
const fn license(refusal: LicenseRefusal, meaning: &'static str, next: &'static str) -> Entry {
    let (status, slug) = match refusal {
        LicenseRefusal::NotFound => (404, "not_found"),
        _ => (400, "invalid_request"),
    };
    let code = refusal.code();
    Entry { detail: Some(code), ..entry(status, slug, code, [refusal.text(), meaning, next]) }
}

/// Of a reseller's wish: the code is the same on every surface.
const fn reseller(status: u16, slug: &'static str, code: &'static str, words: [&'static str; 3]) -> Entry {
    Entry { detail: Some(code), ..entry(status, slug, code, words) }
}

/// Every kind, by status.
pub const ENTRIES: &[Entry] = &[
    entry(
        400,
        "invalid_request",
        "INVALID_REQUEST",
        [
            "The request cannot be read",
            "The body is not JSON, a parameter is given twice, or a cursor was changed. On `/v1` and `/checkout/v1` also: a required field is missing, and `errors` names it.",
            "Mend the request; `detail` says what is wrong with it. The same request will be refused again.",
        ],
    ),
    license(
        LicenseRefusal::Revoked,
        "The shop took the license back, or its purchase was refunded.",
        "Tell the customer to ask the shop; validating again will not help.",
    ),
    license(
        LicenseRefusal::Suspended,
        "The shop has put the license on hold.",
        "Tell the customer to ask the shop; once it is active again the same key works.",
    ),
    license(
        LicenseRefusal::Expired,
        "The license's date has passed.",
        "Extend it with `POST /dev/v1/licenses/{id}/extend`, or sell the next one.",
    ),
    license(
        LicenseRefusal::IpBlocked,
        "The license names addresses from which it may be used, and this call came from another.",
        "Change `allowed_ips`, or send the machine's own address as `ip` where your server asks for it.",
    ),
    license(
        LicenseRefusal::HwidMismatch,
        "The license is bound to a machine, and `hardware_id` is another's or was left out.",
        "After a change of machines reset the license: the next machine is bound.",
    ),
    license(
        LicenseRefusal::MaxUsesReached,
        "`uses` has reached `max_uses`; this attempt was not counted.",
        "Raise `max_uses`.",
    ),
    entry(
        401,
        "unauthenticated",
        "UNAUTHORIZED",
        [
            "Missing or invalid credential",
            "There is no key, it is unknown, revoked or expired, or it is a key of another surface. Keys in the address are never taken.",
            "Send `Authorization: Bearer …` with a key of this surface. If it worked until now, it was revoked: get a new one.",
        ],
    ),
    entry(
        402,
        "payment_required",
        "INSUFFICIENT_BALANCE",
        [
            "The balance is too low",
            "A prepaid balance does not cover the price. Nothing was done, and nothing was debited.",
            "Top up, then send the same request again, under the same `Idempotency-Key`: only successes are kept under it.",
        ],
    ),
    entry(
        403,
        "forbidden_scope",
        "FORBIDDEN",
        [
            "Not allowed",
            "The key is valid and lacks the ability or scope that the message names, or may not do this at all: a test key makes test keys only.",
            "Use a key that holds it. Keys are never widened; mint a new one.",
        ],
    ),
    reseller(
        403,
        "forbidden_scope",
        "MODE_NOT_ALLOWED",
        [
            "The reseller's mode does not allow it",
            "A reseller of mode AFFILIATE works for a commission: it buys no stock, and its keys sell none.",
            "The shop changes the mode with `PATCH /dev/v1/resellers/{id}`.",
        ],
    ),
    reseller(
        403,
        "forbidden_scope",
        "PRODUCT_NOT_ALLOWED",
        [
            "The reseller may not sell this product",
            "The product is not in the reseller's `product_access`; a reseller for which no list was ever sent buys nothing.",
            "Take a product that `GET /reseller/v1/products` names, or have the shop add it.",
        ],
    ),
    entry(
        404,
        "not_found",
        "NOT_FOUND",
        [
            "Not found",
            "There is nothing by that id here, or it belongs to another shop or to the other mode. The two are never told apart.",
            "Check the id, and whether the key is live where the thing is of the sandbox, or the other way round.",
        ],
    ),
    license(
        LicenseRefusal::NotFound,
        "Nobody has this key in this shop, or it is another product's. Live and test keys see their own licenses alone.",
        "Check the key as it was delivered, the product's id, and which API key is used.",
    ),
    entry(
        405,
        "method_not_allowed",
        "METHOD_NOT_ALLOWED",
        [
            "Method not allowed",
            "The address exists and does not take this method.",
            "Take one that the `Allow` header names.",
        ],
    ),
    passing(entry(
        408,
        "request_timeout",
        "REQUEST_TIMEOUT",
        [
            "The request took too long to arrive",
            "Headers or body did not arrive in time. Nothing was done.",
            "Send it again on a new connection.",
        ],
    )),
    conflict(
        "idempotency_payload_mismatch",
        "IDEMPOTENCY_CONFLICT",
        [
            "The Idempotency-Key names another request",
            "The same key was used within 72 hours for a request with another method, address or body.",
            "A new request needs a new key. If this was meant as a retry, send the first body unchanged.",
        ],
    ),
    passing(conflict(
        "idempotency_in_progress",
        "IDEMPOTENCY_IN_PROGRESS",
        [
            "The first request is still at work",
            "A request with this `Idempotency-Key` is being carried out at this moment.",
            "Wait as long as `Retry-After` says, and send it again: the answer will be the first one's.",
        ],
    )),
    conflict(
        "out_of_stock",
        "STOCK_UNAVAILABLE",
        [
            "There is not enough stock",
            "Fewer are free than were asked for. Nothing was taken, nothing was charged.",
            "Ask for fewer, or import codes first. Stock that was set aside comes back when its checkout expires.",
        ],
    ),
    conflict(
        "wrong_state",
        "WRONG_STATE",
        [
            "The state does not allow it",
            "What the request wants cannot be done to a thing in this state: an expired checkout is not paid. (Money that is not there is no matter of state: it is 422 with `amount_cents`.)",
            "Read the thing again and decide anew; the message says which state it is in.",
        ],
    ),
    reseller(
        409,
        "conflict",
        "RESELLER_PROGRAM_DISABLED",
        [
            "The reseller program is off",
            "The shop's program is off: nobody is invited, joins or buys. What was bought stays.",
            "The shop turns it on with `PATCH /dev/v1/reseller-program`.",
        ],
    ),
    reseller(
        409,
        "conflict",
        "PURCHASE_LIMIT_REACHED",
        [
            "The reseller has bought as much as it may",
            "The shop limits how many items the reseller buys a day or a month (UTC), by stock purchases and the API together. Nothing was bought.",
            "Wait for the next day or month, whichever the message names, or have the shop raise the limit.",
        ],
    ),
    reseller(
        409,
        "conflict",
        "PRICE_CHANGED",
        [
            "The price is higher than the request allows",
            "An item costs more than `max_unit_cost`. Nothing was bought.",
            "Read the price again and decide anew.",
        ],
    ),
    entry(
        413,
        "payload_too_large",
        "PAYLOAD_TOO_LARGE",
        [
            "The body is too large",
            "A body has at most 1 MiB, an import of codes 8 MiB.",
            "Split it. `keyhouse import` loads files of any length.",
        ],
    ),
    entry(
        414,
        "uri_too_long",
        "URI_TOO_LONG",
        ["The address is too long", "Path and query have at most 8 KiB together.", "Shorten the query."],
    ),
    entry(
        415,
        "unsupported_media_type",
        "UNSUPPORTED_MEDIA_TYPE",
        [
            "Unsupported media type",
            "A body is sent as something else than JSON, or compressed.",
            "Send `Content-Type: application/json`, and no `Content-Encoding`.",
        ],
    ),
    entry(
        422,
        "unprocessable",
        "VALIDATION_ERROR",
        [
            "Validation failed",
            "The request can be read, and fields are wrong. All of them are named at once: in `errors` by field, or in `details`. On `/dev/v1` and `/reseller/v1` a missing field is one of these too.",
            "Mend every field that is named. Nothing was done.",
        ],
    ),
    reseller(
        422,
        "unprocessable",
        "PRODUCT_NOT_ELIGIBLE",
        [
            "The product is not sold from stock",
            "The reseller may sell the product, but it holds no codes, or is not on sale now.",
            "Take one that holds codes and is active.",
        ],
    ),
    reseller(
        422,
        "unprocessable",
        "QUANTITY_OUT_OF_RANGE",
        [
            "The quantity is out of range",
            "The shop sets how many items of the product one purchase has; the message names the bounds.",
            "Send a quantity within them.",
        ],
    ),
    passing(entry(
        429,
        "rate_limited",
        "RATE_LIMITED",
        [
            "Too many requests",
            "The key, or without one the client's address, has used up its requests of the last 60 seconds. Or an order's delivery mail was sent again five times within the hour.",
            "Wait as long as `Retry-After` says. `RateLimit-Remaining` tells beforehand how many are left.",
        ],
    )),
    entry(
        431,
        "headers_too_large",
        "HEADERS_TOO_LARGE",
        [
            "The headers are too large",
            "There are more than 100 headers, or they have more than 32 KiB.",
            "Send fewer or smaller ones.",
        ],
    ),
    entry(
        500,
        "server_error",
        "INTERNAL_ERROR",
        [
            "Something broke on our side",
            "A fault of ours. Nothing was done: a change is saved whole or not at all.",
            "Quote the request id to whoever runs this server; it stands in the log beside the cause. Repeating it is safe, and will rarely help.",
        ],
    ),
    passing(entry(
        503,
        "unavailable",
        "UNAVAILABLE",
        [
            "Temporarily unavailable",
            "The server is overloaded, or its database is away for a moment.",
            "Wait as long as `Retry-After` says, and send it again, under the same `Idempotency-Key`: nothing is done twice.",
        ],
    )),
];

pub async fn page() -> Result<Response> {
    template::page("errors.html", context! { here => "/docs/errors", entries => Serde(ENTRIES) })
}
