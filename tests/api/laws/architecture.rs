//! Who may import whom, what may stand where, and how large anything may grow (design, sections 2 and 3).

use super::source::{self, Source, words};

/// Left to right: a room calls only rooms to its left.
const ROOMS: &[&str] = &[
    "data_keys",
    "shops",
    "outbox",
    "idempotency",
    "keys",
    "accounts",
    "files",
    "products",
    "customers",
    "serials",
    "licenses",
    "ledger",
    "resellers",
    "payments",
    "dynamic",
    "orders",
    "fulfillments",
    "payouts",
];

const SURFACES: &[&str] = &["v1", "dev", "reseller", "checkout", "portal"];

/// Which layers each layer may use, besides itself. `domain` is every room.
const MAY_USE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("kit", &["error"]),
    ("config", &[]),
    ("telemetry", &["config"]),
    ("domain", &["kit", "error"]), // and rooms to the left
    ("outbound", &["kit", "error"]),
    ("mailer", &["config", "kit", "error"]),
    ("app", &["config", "domain", "outbound", "mailer", "kit", "error"]),
    (
        "http::door",
        &[
            "app",
            "domain::shops",
            "domain::keys",
            "domain::idempotency",
            "domain::accounts",
            "domain::ledger",
            "domain::resellers",
            "domain::fulfillments",
            "kit",
            "error",
        ],
    ),
    ("http::surface", &["http::door", "app", "domain", "kit", "error"]),
    ("http::pages", &["http::openapi", "http::door", "app", "domain", "kit", "error"]),
    ("http", &["http::surface", "http::pages", "http::door", "app", "kit", "error"]),
    ("worker", &["app", "domain", "outbound", "mailer", "kit", "error"]),
    // It opens and commits transactions of its own (shop create, keys mint), so it calls rooms.
    ("cli", &["config", "telemetry", "app", "http", "http::door", "worker", "mailer", "domain", "kit", "error"]),
];

const WORDS_OF_HTTP: &[&str] = &["axum", "hyper", "hyper_util", "reqwest", "tower", "tower_http", "http_body_util"];

const SQL_STANDS_IN: &[&str] =
    &["http/door/write.rs", "kit/lane/", "kit/postgres/", "cli/", "cli.rs", "worker/", "http/health.rs"];
const TRANSACTIONS_STAND_IN: &[&str] = &["http/door/write.rs", "kit/lane/", "cli/", "cli.rs", "worker/"];

const NO_NAMES: &[&str] =
    &["helper", "helpers", "util", "utils", "common", "manager", "managers", "service", "services", "misc"];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const MEDIAN_LINES_MAX: usize = 120;
const P90_LINES_MAX: usize = 300;

#[test]
fn layers_import_only_what_they_may() {
    let mut broken = Vec::new();
    for file in source::all() {
        let from = file.module();
        if from.is_empty() {
            continue; // main and lib: the first calls the command line, the second names everything
        }
        for target in file.imports() {
            if !may_use(&from, &target) {
                broken.push(format!("{} uses {}", file.path, target.join("::")));
            }
        }
    }
    broken.dedup();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_binary_calls_the_command_line_and_nothing_else() {
    let main = source::read("main.rs");
    let used: Vec<&str> = words(&main.code, "keyhouse").map(|at| &main.code[at..]).collect();
    assert!(used.iter().all(|rest| rest.starts_with("keyhouse::cli::")), "src/main.rs");
}

#[test]
fn every_room_has_its_place_in_the_row() {
    let domain = source::read("domain/mod.rs");
    let mut named: Vec<&str> =
        words(&domain.code, "mod").map(|at| domain.code[at + 4..].split(';').next().unwrap()).collect();
    let mut rooms = ROOMS.to_vec();
    named.sort_unstable();
    rooms.sort_unstable();
    assert_eq!(named, rooms, "domain/mod.rs against the row in this law");
    let row = ROOMS.join(" · ");
    assert!(domain.text.contains(&row), "domain/mod.rs does not show the row: {row}");
}

#[test]
fn rooms_know_nothing_of_http() {
    let in_domain = |file: &Source| file.path.starts_with("domain/");
    let speaks_http = |code: &str| {
        let named = WORDS_OF_HTTP.iter().any(|name| words(code, name).next().is_some());
        named || words(code, "http").any(|at| code[at..].starts_with("http::"))
    };
    none(|file| if in_domain(file) && speaks_http(&file.code) { vec![1] } else { Vec::new() });
}

#[test]
fn sql_stands_in_the_sql_of_a_room() {
    none(|file| {
        let of_a_room = file.path.starts_with("domain/") && file.path.ends_with("/sql.rs");
        if of_a_room || stands_in(file, SQL_STANDS_IN) {
            return Vec::new();
        }
        [lines(file, "sqlx::query"), lines(file, "raw_sql"), lines(file, "query!("), lines(file, "query_as")].concat()
    });
}

#[test]
fn transactions_begin_and_end_at_the_write_door() {
    none(|file| {
        if stands_in(file, TRANSACTIONS_STAND_IN) {
            return Vec::new();
        }
        [lines(file, ".begin("), lines(file, ".begin_with("), lines(file, ".commit(")].concat()
    });
}

#[test]
fn the_sql_of_a_room_is_its_own() {
    for room in ROOMS {
        let module = source::all().into_iter().find(|file| file.path == format!("domain/{room}/mod.rs"));
        let module = module.unwrap_or_else(|| panic!("domain/{room}/mod.rs is not there"));
        let declared: Vec<&str> = module.code.lines().filter(|line| line.contains("mod sql")).collect();
        assert!(declared.iter().all(|line| line.trim() == "mod sql;"), "{}: {declared:?}", module.path);
        let public = module.code.lines().any(|line| line.trim_start().starts_with("pub") && line.contains("sql::"));
        assert!(!public, "{} shows its SQL", module.path);
    }
}

#[test]
fn files_and_functions_are_small() {
    let files = source::all();
    let mut broken = Vec::new();
    let mut sizes = Vec::new();
    for file in &files {
        let lines = file.text.lines().count();
        sizes.push(lines);
        if lines > FILE_LINES_MAX {
            broken.push(format!("{} has {lines} lines, {FILE_LINES_MAX} at most", file.path));
        }
        for function in file.functions().iter().filter(|function| function.lines > FUNCTION_LINES_MAX) {
            broken.push(format!(
                "{}: {} has {} lines, {FUNCTION_LINES_MAX} at most",
                file.path, function.name, function.lines
            ));
        }
    }
    sizes.sort_unstable();
    let (median, p90) = (sizes[sizes.len() / 2], sizes[sizes.len() * 9 / 10]);
    println!("{} files: median {median} lines, p90 {p90}, largest {}", sizes.len(), sizes[sizes.len() - 1]);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(median <= MEDIAN_LINES_MAX, "the median file has {median} lines, {MEDIAN_LINES_MAX} at most");
    assert!(p90 <= P90_LINES_MAX, "a tenth of the files has {p90} lines and more, {P90_LINES_MAX} at most");
}

#[test]
fn nothing_is_called_what_says_nothing() {
    let says_nothing = |name: &String| NO_NAMES.contains(&name.as_str());
    none(|file| if file.module().iter().any(says_nothing) { vec![1] } else { Vec::new() });
    none(|file| {
        let named = |at: usize| file.code[at + 3..].trim_start().split([' ', ';']).next().unwrap_or("").to_owned();
        if words(&file.code, "mod").map(named).any(|name| says_nothing(&name)) { vec![1] } else { Vec::new() }
    });
}

#[test]
fn time_is_an_argument_and_nothing_is_left_to_do_or_to_panic() {
    none(|file| if file.path == "kit/clock.rs" { Vec::new() } else { lines(file, "Utc::now") });
    for word in ["todo!", "unimplemented!", ".unwrap()", ".expect("] {
        none(|file| lines(file, word));
    }
}

/// Fails with every file and line that `find` finds.
fn none(find: impl Fn(&Source) -> Vec<usize>) {
    let found = source::all().into_iter().flat_map(|file| {
        find(&file).into_iter().map(move |line| format!("src/{}:{line}", file.path)).collect::<Vec<_>>()
    });
    let found: Vec<String> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn lines(file: &Source, what: &str) -> Vec<usize> {
    file.lines_with(what)
}

fn stands_in(file: &Source, places: &[&str]) -> bool {
    places.iter().any(|place| file.path == *place || (place.ends_with('/') && file.path.starts_with(place)))
}

/// `domain::orders`, `http::surface`, `kit`: the layer of a path, and its room or surface.
fn layer(path: &[String]) -> (&'static str, String) {
    let second = path.get(1).map_or("", String::as_str);
    match path[0].as_str() {
        "domain" => ("domain", second.to_owned()),
        "http" if second == "door" => ("http::door", String::new()),
        "http" if SURFACES.contains(&second) => ("http::surface", second.to_owned()),
        "http" if second == "pages" => ("http::pages", String::new()),
        "http" => ("http", second.to_owned()),
        "Error" | "Result" | "error" => ("error", String::new()),
        first => {
            let known = MAY_USE.iter().map(|(layer, _)| *layer).find(|layer| *layer == first);
            (known.unwrap_or_else(|| panic!("{first} has no place among the layers of this law")), String::new())
        }
    }
}

fn may_use(from: &[String], target: &[String]) -> bool {
    if target.is_empty() || from == ["domain"] || target == ["domain"] {
        return true; // the list of the rooms; and `pub(in crate::domain)`
    }
    let ((from, inner), (to, part)) = (layer(from), layer(target));
    if from == to {
        return match from {
            "domain" => {
                let place = |room: &str| ROOMS.iter().position(|one| *one == room);
                place(&part).is_some_and(|there| place(&inner).is_some_and(|here| there <= here))
            }
            "http::surface" => inner == part,
            _ => true,
        };
    }
    let allowed = MAY_USE.iter().find(|(layer, _)| *layer == from).map_or(&[][..], |(_, allowed)| *allowed);
    allowed.contains(&to) || allowed.contains(&format!("{to}::{part}").as_str())
}
