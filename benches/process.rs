//! Child processes that do not outlive what started them.

use std::io::Read as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

pub struct Running(Child);

impl Running {
    /// Starts it, with its standard output to be read here.
    pub fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        child.map(Self).with_context(|| format!("starting {}", command.get_program().display()))
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Megabytes of memory that it has now, and the most it ever had.
    pub fn resident_mb(&self) -> anyhow::Result<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let figure = |label: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(label)?.split_whitespace().next());
            let kilobytes = line.and_then(|text| text.parse::<f64>().ok());
            kilobytes.map(|kilobytes| kilobytes * 1_024.0 / 1e6).with_context(|| format!("/proc tells no {label}"))
        };
        Ok((figure("VmRSS:")?, figure("VmHWM:")?))
    }

    pub fn stdout(&mut self) -> anyhow::Result<ChildStdout> {
        self.0.stdout.take().context("its output is being read already")
    }

    /// Waits for its end, and what it said. Looking now and then, instead of blocking a thread, lets
    /// an interrupted benchmark end it.
    pub async fn output(mut self) -> anyhow::Result<String> {
        let mut stdout = self.stdout()?;
        let reader = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).map(|_| text)
        });
        let status = loop {
            match self.0.try_wait()? {
                Some(status) => break status,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        ensure!(status.success(), "a child process ended with {status}");
        Ok(reader.await??)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended by itself
        let _ = self.0.wait();
    }
}
