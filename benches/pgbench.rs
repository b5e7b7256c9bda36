//! The reference: the same statements, prepared, with no server in between.

use std::process::Command;

use anyhow::Context as _;
use keyhouse::kit::postgres;

use crate::process::Running;

/// Stands for null, because pgbench has no variable that is none.
const NULL: &str = "-";

/// What a parameter is bound to. Every one is a variable, as it is for the server: a constant in its
/// place could be planned better.
pub enum Param {
    Is(String),
    /// Null of a type.
    Null(&'static str),
}

/// Statements that one client runs one after the other, again and again.
#[derive(Default)]
pub struct Script {
    text: String,
    variables: Vec<String>,
}

/// What pgbench told.
pub struct Told {
    pub per_second: f64,
    pub transactions: u64,
}

impl Script {
    pub fn statement(mut self, sql: &str, params: &[Param]) -> Self {
        let mut sql = sql.to_owned();
        // From the last one down, so that $1 is not taken for the beginning of $12.
        for (i, param) in params.iter().enumerate().rev() {
            let variable = format!("v{}", self.variables.len());
            let (value, place) = match param {
                Param::Is(value) => (value.as_str(), format!(":{variable}")),
                Param::Null(r#type) => (NULL, format!("nullif(:{variable}, '{NULL}')::{type}")),
            };
            self.variables.push(format!("{variable}={value}"));
            sql = sql.replace(&format!("${}", i + 1), &place);
        }
        self.text += &sql;
        self.text += ";\n";
        self
    }

    pub async fn run(&self, url: &str, clients: usize, seconds: f64) -> anyhow::Result<Told> {
        let file = std::env::temp_dir().join(format!("keyhouse-bench-{}.sql", std::process::id()));
        std::fs::write(&file, &self.text)?;
        let mut command = Command::new(postgres::installed()?.bin.join("pgbench"));
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=2"]).arg("--file").arg(&file);
        command.arg(format!("--client={clients}")).arg(format!("--time={}", seconds.ceil().max(1.0)));
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
