//! `keyhouse files put`: the file that a product sells, streamed into the file store. Its object is
//! written first and named by a row last, so whatever fails in between, the product sells what it sold.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use super::database::Session;
use super::shop::explain;
use super::source::{find_product, progress};
use crate::app::App;
use crate::config::Config;
use crate::domain::files::{self, FileId};
use crate::domain::products::{self, Product, ProductId, ProductPatch, Status, Type};
use crate::domain::shops::Tenant;
use crate::kit::env::Env;
use crate::kit::file_store::Stored;
use crate::kit::patch::Patch;
use crate::kit::vault::hex;

#[derive(Debug)]
pub struct Wanted {
    pub shop: String,
    pub product: String,
    pub file: PathBuf,
    pub json: bool,
}

/// Stores the file and makes it what the product sells.
pub async fn put(config: &Config, wanted: Wanted) -> anyhow::Result<ExitCode> {
    let source = open(&wanted.file)?;
    let name = wanted.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let store = App::file_store(config).map_err(explain)?;
    let mut session = Session::open(config).await?;
    let (shop, product) = find_product(&mut session.db, &wanted.shop, &wanted.product).await?;
    if product.r#type != Type::FileDownload {
        // Before anything is sent: an upload takes its time.
        bail!("{} is of type {}; only a file_download product sells a file", product.id, product.r#type.word());
    }

    let id: FileId = session.env.id();
    let bar = progress(&wanted.file);
    let stored = store.put(files::key(shop, id), bar.wrap_read(source), config.files.bytes_max).await;
    bar.finish_and_clear();
    let stored = stored.map_err(explain)?;
    // Where this fails the object stays: nobody finds it, and were the answer to the commit alone lost,
    // the product would need it.
    let (file, product) = record(&mut session.db, shop, &session.env, product.id, id, &name, stored).await?;
    print(&file, &product, wanted.json);
    session.close().await?;
    Ok(ExitCode::SUCCESS)
}

fn open(file: &Path) -> anyhow::Result<File> {
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    if !opened.metadata()?.is_file() {
        bail!("{} is not a file", file.display());
    }
    Ok(opened)
}

/// Row and product in one transaction.
async fn record(
    db: &mut PgConnection,
    shop: Tenant,
    env: &Env,
    product: ProductId,
    id: FileId,
    name: &str,
    stored: Stored,
) -> anyhow::Result<(files::File, Product)> {
    let mut transaction = db.begin().await?;
    let file = files::put(&mut transaction, shop, env, id, name, stored).await.map_err(explain)?;
    let patch = ProductPatch { file: Patch::Value(id), ..ProductPatch::default() };
    let written = products::update(&mut transaction, shop, env, product, patch).await.map_err(explain)?;
    transaction.commit().await?;
    Ok((file, written.product))
}

fn print(file: &files::File, product: &Product, json: bool) {
    let sha256 = hex(&file.sha256);
    if json {
        let all = json!({
            "id": file.id.to_string(), "name": file.name, "size_bytes": file.size_bytes, "sha256": sha256,
            "content_type": file.content_type,
            "product": { "id": product.id.to_string(), "status": product.status.word() },
        });
        println!("{all}");
        return;
    }
    println!("{}  {} ({} bytes)\nsha256 {sha256}", file.id, file.name, file.size_bytes);
    println!("{} sells it from now on.", product.name);
    if product.status != Status::Active {
        let (status, id) = (product.status.word(), product.id);
        println!("The product is {status}: PATCH /v1/products/{id} {{\"status\":\"active\"}} puts it on sale.");
    }
}
