//! The reference: the same statements, prepared, with no server in between.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, ensure};
use keyhouse::kit::postgres;

use crate::process::Running;

/// Stands for null, because pgbench has no variable that is none.
const NULL: &str = "-";

/// What a parameter is bound to. Every one is a variable, as it is for the server: a constant in its
/// place could be planned better.
#[derive(Clone)]
pub enum Param {
    Is(String),
    /// Null of a type.
    Null(&'static str),
    /// An expression, written out: over `:k`, which counts a client's transactions and never comes twice,
    /// `:client_id`, and what [`Script::keep`] kept.
    As(String),
}

/// Statements that one client runs one after the other, again and again.
#[derive(Default)]
pub struct Script {
    text: String,
    variables: Vec<String>,
}

/// Between the first `:k` of two runs: more transactions than one has.
const TRANSACTIONS_MAX: u64 = 1_000_000_000;

/// What pgbench told.
pub struct Told {
    pub per_second: f64,
    pub transactions: u64,
}

impl Script {
    /// # Errors
    /// Where the statement has come to take more or fewer parameters: then they would mean other things.
    pub fn statement(mut self, sql: &str, params: &[Param]) -> anyhow::Result<Self> {
        let takes = (1..100).take_while(|n| sql.contains(&format!("${n}"))).count();
        ensure!(takes == params.len(), "{takes} parameters, and {} are given: {sql}", params.len());
        let mut sql = sql.to_owned();
        // From the last one down, so that $1 is not taken for the beginning of $12.
        for (i, param) in params.iter().enumerate().rev() {
            let variable = format!("v{}", self.variables.len());
            let (value, place) = match param {
                Param::Is(value) => (Some(value.as_str()), format!(":{variable}")),
                Param::Null(r#type) => (Some(NULL), format!("nullif(:{variable}, '{NULL}')::{type}")),
                Param::As(expression) => (None, expression.clone()),
            };
            self.variables.extend(value.map(|value| format!("{variable}={value}")));
            sql = sql.replace(&format!("${}", i + 1), &place);
        }
        self.text += &sql;
        self.text += ";\n";
        Ok(self)
    }

    /// Keeps the last statement's one row: column `pos` is `:kept_pos` from now on, and 0 before.
    pub fn keep(mut self, column: &str) -> Self {
        self.text.truncate(self.text.trim_end_matches(";\n").len());
        self.text += "\n\\gset kept_\n";
        self.variables.push(format!("kept_{column}=0"));
        self
    }

    /// Another column of the row that was just kept.
    pub fn keep_too(mut self, column: &str) -> Self {
        self.variables.push(format!("kept_{column}=0"));
        self
    }

    /// All of it as one transaction.
    pub fn in_one_transaction(mut self) -> Self {
        self.text = format!("begin;\n{}commit;\n", self.text);
        self
    }

    /// Before its statements, `:name` is set to a number of this range, anew each time.
    pub fn random(mut self, name: &str, from: i64, until: i64) -> Self {
        self.text += "\\set ";
        self.text += name;
        self.text += " random(";
        self.text += &from.to_string();
        self.text += ", ";
        self.text += &until.to_string();
        self.text += ")\n";
        self
    }

    pub async fn run(&self, url: &str, clients: usize, seconds: f64) -> anyhow::Result<Told> {
        static RUNS: AtomicU64 = AtomicU64::new(1);
        let first = RUNS.fetch_add(1, Ordering::Relaxed) * TRANSACTIONS_MAX;
        let file = std::env::temp_dir().join(format!("keyhouse-bench-{}.sql", std::process::id()));
        std::fs::write(&file, format!("\\set k :k + 1\n{}", self.text))?;
        let mut command = Command::new(postgres::installed()?.bin.join("pgbench"));
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=2"]).arg("--file").arg(&file);
        command.arg(format!("--client={clients}")).arg(format!("--time={}", seconds.ceil().max(1.0)));
        command.arg("--define").arg(format!("k={first}"));
        for variable in &self.variables {
            command.arg("--define").arg(variable);
        }
        let told = Running::spawn(command.arg(url))?.output().await.context("pgbench")?;
        std::fs::remove_file(&file)?;
        let figure = |label: &str| {
            let line = told.lines().find_map(|line| line.strip_prefix(label)?.split_whitespace().next());
            line.and_then(|text| text.parse::<f64>().ok()).with_context(|| format!("pgbench told no {label}"))
        };
        Ok(Told {
            per_second: figure("tps = ")?,
            transactions: figure("number of transactions actually processed: ")? as u64,
        })
    }
}
