//! A real browser before the real server: Debian's Chromium, driven over its DevTools protocol.
//!
//! ```ignore
//! let mut page = app.browse().await;           // the app is served over a socket from now on
//! page.open("/docs").await;
//! page.click("#send").await;
//! assert_eq!(page.text("#status").await, "200");
//! page.is_clean();                             // no request left the host, nothing was complained of
//! ```
//!
//! One browser serves all tests of a process; each page has a context of its own (cookies, storage),
//! which ends with it. Selectors are CSS; every act waits for its element, and fails with its name.

mod chromium;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::TestApp;

/// Longer than anything here takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at the page.
const BREATH: Duration = Duration::from_millis(20);

/// A page of its own in the shared browser.
pub struct Page {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    context: Value,
    calls: u64,
    loaded: bool,
    requests: Vec<String>,
    complaints: Vec<String>,
    /// `http://127.0.0.1:…`, where the app is served.
    pub base: String,
}

impl TestApp {
    /// Serves the app over a socket and opens an empty page.
    pub async fn browse(&self) -> Page {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(keyhouse::http::serve(Arc::clone(&self.app), listener, self.router(), std::future::pending()));
        Page::new(base).await
    }
}

impl Page {
    /// An empty page; `base` is what paths are put behind.
    pub async fn new(base: String) -> Self {
        let (socket, _) = connect_async(chromium::endpoint()).await.expect("the browser takes connections");
        let (requests, complaints) = (Vec::new(), Vec::new());
        let mut page = Self {
            socket,
            session: String::new(),
            context: Value::Null,
            calls: 0,
            loaded: false,
            requests,
            complaints,
            base,
        };
        let context = page.call("Target.createBrowserContext", json!({ "disposeOnDetach": true })).await;
        let target = json!({ "url": "about:blank", "browserContextId": context["browserContextId"] });
        let target = page.call("Target.createTarget", target).await;
        let attached = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = page.call("Target.attachToTarget", attached).await;
        page.context = context["browserContextId"].clone();
        page.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Network", "Runtime", "Log"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page.viewport(1280, 900).await;
        page
    }

    /// Goes to a path, or to a whole address, and waits until it is loaded.
    pub async fn open(&mut self, path: &str) {
        let url = if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() };
        self.loaded = false;
        let answer = self.call("Page.navigate", json!({ "url": url })).await;
        assert!(answer.get("errorText").is_none(), "{url}: {answer}");
        let within_the_page = answer.get("loaderId").is_none(); // only the part behind `#` changed
        while !self.loaded && !within_the_page {
            self.hear().await;
        }
    }

    /// Waits until an element is there and shown.
    pub async fn wait_for(&mut self, selector: &str) {
        let shown = format!("(e => !!e && e.getClientRects().length > 0)(document.querySelector({}))", json!(selector));
        self.wait_until(&shown, &format!("{selector} is not shown")).await;
    }

    /// Waits until a JavaScript expression is true.
    pub async fn wait_until(&mut self, expression: &str, or_say: &str) {
        let deadline = Instant::now() + PATIENCE;
        // While a page goes away there is nothing to ask; that is no failure.
        while self.try_eval(expression).await != Ok(Value::Bool(true)) {
            assert!(Instant::now() < deadline, "{or_say}, at {:?}", self.try_eval("location.href").await);
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Clicks in the middle of an element, as a mouse does.
    pub async fn click(&mut self, selector: &str) {
        self.wait_for(selector).await;
        let middle = format!(
            "(e => {{ e.scrollIntoView({{ block: 'center', behavior: 'instant' }}); const r = e.getBoundingClientRect(); \
             return [r.x + r.width / 2, r.y + r.height / 2] }})(document.querySelector({}))",
            json!(selector)
        );
        // A large page may still be moving: what is clicked must be what lies there.
        let lies_there = format!(
            "(([x, y]) => {{ const hit = document.elementFromPoint(x, y); \
             return !!hit && document.querySelector({}).contains(hit) }})({middle})",
            json!(selector)
        );
        self.wait_until(&lies_there, &format!("{selector} does not come to rest")).await;
        let at = self.eval(&middle).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Replaces what a field holds, as a keyboard does.
    pub async fn fill(&mut self, selector: &str, text: &str) {
        self.wait_for(selector).await;
        let select = format!("(e => {{ e.focus(); e.select() }})(document.querySelector({}))", json!(selector));
        self.eval(&select).await;
        if text.is_empty() {
            self.press("Delete").await;
        } else {
            self.call("Input.insertText", json!({ "text": text })).await;
        }
    }

    /// Presses a key by its name: `Enter`, `Tab`, `Delete`.
    pub async fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            "Delete" => (46, ""),
            other => panic!("{other} has no code here yet"),
        };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// What was copied last.
    pub async fn clipboard(&mut self) -> String {
        let session = std::mem::take(&mut self.session);
        let granted =
            json!({ "origin": self.base, "permissions": ["clipboardReadWrite"], "browserContextId": self.context });
        self.call("Browser.grantPermissions", granted).await;
        self.session = session;
        self.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true })).await;
        self.eval_text("navigator.clipboard.readText()").await
    }

    /// What an element shows.
    pub async fn text(&mut self, selector: &str) -> String {
        self.wait_for(selector).await;
        self.eval_text(&format!("document.querySelector({}).innerText", json!(selector))).await
    }

    /// What a field holds.
    pub async fn value(&mut self, selector: &str) -> String {
        self.wait_for(selector).await;
        self.eval_text(&format!("document.querySelector({}).value", json!(selector))).await
    }

    /// What a JavaScript expression yields, awaited if it is a promise.
    pub async fn eval(&mut self, expression: &str) -> Value {
        self.try_eval(expression).await.unwrap_or_else(|e| panic!("{expression}: {e}"))
    }

    async fn eval_text(&mut self, expression: &str) -> String {
        self.eval(expression).await.as_str().unwrap_or_else(|| panic!("{expression} is no text")).to_owned()
    }

    async fn try_eval(&mut self, expression: &str) -> Result<Value, String> {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.try_call("Runtime.evaluate", asked).await?;
        match answer.get("exceptionDetails") {
            Some(thrown) => Err(thrown.to_string()),
            None => Ok(answer["result"].get("value").cloned().unwrap_or(Value::Null)),
        }
    }

    /// From the next page on, scripts do not run. Everything here still works.
    pub async fn without_javascript(&mut self) {
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// The size of the window: 320 x 700 is a small phone.
    pub async fn viewport(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// As for somebody who prefers dark pages.
    pub async fn dark(&mut self) {
        let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        self.call("Emulation.setEmulatedMedia", dark).await;
    }

    /// Writes what the window shows as a PNG: to be looked at, never compared.
    pub async fn screenshot(&mut self, file: impl AsRef<Path>) {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" })).await;
        let bytes = base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    /// Asserts that nothing is wider than the window.
    pub async fn fits(&mut self) {
        let widths = self.eval("[document.scrollingElement.scrollWidth, innerWidth]").await;
        assert!(widths[0].as_u64() <= widths[1].as_u64(), "the page scrolls sideways: {widths}");
    }

    /// Every address that was asked for so far, in order.
    pub async fn requests(&mut self) -> Vec<String> {
        self.eval("1").await; // what came before has been heard when this is answered
        self.requests.clone()
    }

    /// Asserts that no request left the host, and that the browser complained of nothing: no error in its
    /// console, no exception, nothing refused by the page's own policy.
    pub async fn is_clean(&mut self) {
        let requests = self.requests().await;
        let at_home = |url: &&String| url.starts_with(&self.base) || url.starts_with("data:");
        let abroad: Vec<&String> = requests.iter().filter(|url| !at_home(url)).collect();
        assert!(abroad.is_empty(), "requests left the host: {abroad:?}");
        assert!(self.complaints.is_empty(), "{}", self.complaints.join("\n"));
    }

    /// Takes back complaints that name this, such as a refusal that the test provokes: `status of 422`.
    pub async fn forgive(&mut self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        // A complaint may come later than the answer that it is about.
        while !self.complaints.iter().any(|complaint| complaint.contains(words)) {
            assert!(Instant::now() < deadline, "nothing complained of {words}: {:?}", self.complaints);
            tokio::time::sleep(BREATH).await;
            self.requests().await;
        }
        self.complaints.retain(|complaint| !complaint.contains(words));
    }

    async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.try_call(method, parameters).await.unwrap_or_else(|e| panic!("{method}: {e}"))
    }

    async fn try_call(&mut self, method: &str, parameters: Value) -> Result<Value, String> {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.socket.send(Message::text(message.to_string())).await.expect("the browser listens");
        loop {
            let mut heard = self.hear().await;
            if heard["id"] == id {
                return match heard.get("error") {
                    Some(error) => Err(error["message"].as_str().unwrap_or_default().to_owned()),
                    None => Ok(heard["result"].take()),
                };
            }
        }
    }

    /// The next message; what it tells of the page is written down.
    async fn hear(&mut self) -> Value {
        let message = timeout(PATIENCE, self.socket.next()).await.expect("the browser answers in time");
        let message = message.expect("the browser is there").expect("the browser speaks");
        let heard: Value = serde_json::from_str(message.to_text().unwrap_or("null")).unwrap_or_default();
        let told = &heard["params"];
        match heard["method"].as_str().unwrap_or("") {
            "Page.loadEventFired" => self.loaded = true,
            "Network.requestWillBeSent" => self.requests.extend(told["request"]["url"].as_str().map(str::to_owned)),
            "Network.webSocketCreated" => self.requests.extend(told["url"].as_str().map(str::to_owned)),
            "Runtime.exceptionThrown" => self.complaints.push(told["exceptionDetails"].to_string()),
            "Log.entryAdded" if told["entry"]["level"] == "error" => self.complaints.push(told["entry"].to_string()),
            "Runtime.consoleAPICalled" if told["type"] == "error" => self.complaints.push(told["args"].to_string()),
            _ => {}
        }
        heard
    }
}
