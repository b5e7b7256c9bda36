//! The one table at the end.

use serde::{Serialize, Serializer};

#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// Of the ratio.
    AtLeast(f64),
    /// Of the ratio.
    AtMost(f64),
    /// Of our own figure, where there is no reference.
    Within(f64),
    /// Shown to explain another row.
    None,
}

#[derive(Debug, Serialize)]
pub struct Row {
    pub id: &'static str,
    pub what: String,
    /// Of `ours` and `reference`.
    pub unit: &'static str,
    pub ours: f64,
    pub reference: Option<f64>,
    pub ratio: Option<f64>,
    #[serde(serialize_with = "in_words")]
    pub goal: Goal,
    pub met: bool,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub server_cpu_ms: Option<f64>,
    pub postgres_cpu_ms: Option<f64>,
    pub reference_postgres_cpu_ms: Option<f64>,
    /// Answers that were not the expected one: one is enough to fail the row.
    pub wrong: u64,
    pub note: String,
}

impl Row {
    pub fn new(
        id: &'static str,
        what: String,
        unit: &'static str,
        ours: f64,
        reference: Option<f64>,
        goal: Goal,
    ) -> Self {
        let ratio = reference.map(|reference| ours / reference);
        let mut row = Self {
            id,
            what,
            unit,
            ours,
            reference,
            ratio,
            goal,
            met: false,
            p50_ms: None,
            p99_ms: None,
            server_cpu_ms: None,
            postgres_cpu_ms: None,
            reference_postgres_cpu_ms: None,
            wrong: 0,
            note: String::new(),
        };
        row.judge();
        row
    }

    /// Counts wrong answers in.
    pub fn wrong(mut self, wrong: u64) -> Self {
        self.wrong = wrong;
        self.judge();
        self
    }

    pub fn note(&mut self, text: &str) {
        if !self.note.is_empty() {
            self.note += "; ";
        }
        self.note += text;
    }

    fn judge(&mut self) {
        let fits = match (self.goal, self.ratio) {
            (Goal::AtLeast(goal), Some(ratio)) => ratio >= goal,
            (Goal::AtMost(goal), Some(ratio)) => ratio <= goal,
            (Goal::Within(goal), _) => self.ours <= goal,
            (Goal::None, _) => true,
            (_, None) => false,
        };
        self.met = fits && self.wrong == 0;
    }

    fn cells(&self) -> Vec<String> {
        let figure = |value: f64| match self.unit {
            "/s" => format!("{value:.0}/s"),
            "ms" => format!("{value:.2} ms"),
            unit => format!("{value:.0} {unit}"),
        };
        let plain = |value: Option<f64>, decimals: usize| {
            value.filter(|value| value.is_finite()).map_or("–".into(), |value| format!("{value:.decimals$}"))
        };
        let met = match (self.goal, self.wrong, self.met) {
            (_, 1.., _) => format!("{} WRONG", self.wrong),
            (Goal::None, ..) => "–".into(),
            (.., true) => "yes".into(),
            (.., false) => "NO".into(),
        };
        vec![
            self.id.into(),
            self.what.clone(),
            figure(self.ours),
            self.reference.map_or("–".into(), figure),
            self.ratio.map_or("–".into(), |ratio| format!("{ratio:.2}x")),
            words(self.goal, self.unit),
            met,
            plain(self.p50_ms, 2),
            plain(self.p99_ms, 2),
            plain(self.server_cpu_ms, 3),
            plain(self.postgres_cpu_ms, 3),
            plain(self.reference_postgres_cpu_ms, 3),
            self.note.clone(),
        ]
    }
}

fn words(goal: Goal, unit: &str) -> String {
    match goal {
        Goal::AtLeast(ratio) => format!("≥ {ratio}x"),
        Goal::AtMost(ratio) => format!("≤ {ratio}x"),
        Goal::Within(value) => format!("≤ {value} {unit}"),
        Goal::None => "–".into(),
    }
}

fn in_words<S: Serializer>(goal: &Goal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&words(*goal, ""))
}

const HEAD: [&str; 13] = [
    "id",
    "what",
    "ours",
    "reference",
    "ratio",
    "goal",
    "met",
    "p50 ms",
    "p99 ms",
    "server CPU",
    "Postgres CPU",
    "reference's",
    "note",
];

pub fn print(rows: &[Row]) {
    let mut lines = vec![HEAD.map(String::from).to_vec()];
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    println!(
        "\nCPU is in milliseconds for each request. Percentiles are open loop at 70 % of the peak where a row says /s."
    );
}

pub fn print_json(rows: &[Row]) -> anyhow::Result<()> {
    for row in rows {
        println!("{}", serde_json::to_string(row)?);
    }
    Ok(())
}
