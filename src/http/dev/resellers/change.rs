//! What a relationship is changed with.

use sqlx::PgConnection;
use utoipa::ToSchema;

use super::terms::{EntryBody, Terms};
use crate::domain::resellers::ResellerPatch;
use crate::domain::shops::Tenant;
use crate::error::Result;
use crate::kit::json::{Form, Wire, truth};
use crate::kit::patch::Patch;
use crate::kit::values::{email, name};

#[derive(Clone, Debug)]
pub struct Change {
    terms: Terms,
    verified: Option<bool>,
    by_mail: Option<bool>,
    display_name: Patch<String>,
    reply_to: Patch<String>,
}

impl Wire for Change {
    fn read(form: &mut Form) -> Option<Self> {
        form.in_snake_case();
        let verified = form.optional("verified", truth);
        let by_mail = form.optional("deliver_by_mail", truth);
        let display_name = form.patch("display_name", name);
        let reply_to = form.patch("reply_to", |value| email(value).map(|email| email.as_str().to_owned()));
        let terms = Terms::read(form);
        Some(Self {
            terms: terms?,
            verified: verified?,
            by_mail: by_mail?,
            display_name: display_name?,
            reply_to: reply_to?,
        })
    }
}

impl Change {
    /// # Errors
    /// [`crate::error::Error::Invalid`] for products and prices that are none of this shop's.
    pub(super) async fn patch(&self, db: &mut PgConnection, shop: Tenant) -> Result<ResellerPatch> {
        Ok(ResellerPatch {
            mode: self.terms.mode,
            commission: self.terms.commission,
            wholesale_discount: self.terms.wholesale_discount,
            limit_daily: self.terms.limit_daily,
            limit_monthly: self.terms.limit_monthly,
            access: self.terms.access(db, shop).await?,
            verified: self.verified,
            by_mail: self.by_mail,
            display_name: self.display_name.clone(),
            reply_to: self.reply_to.clone(),
        })
    }
}

/// What changes of a reseller's terms and access; absent fields stay.
#[derive(ToSchema)]
#[schema(as = ResellerPatch)]
#[expect(dead_code, reason = "documents the body that is read field by field")]
pub struct ChangeBody {
    /// `AFFILIATE`, `STOCK` or `BOTH`; `WHOLESALE` is STOCK, `HYBRID` is BOTH.
    mode: Option<String>,
    /// Null: the program's.
    #[schema(minimum = 0, maximum = 100)]
    custom_commission_percent: Option<f64>,
    /// Null: the program's.
    #[schema(minimum = 0, maximum = 100)]
    custom_wholesale_discount_percent: Option<f64>,
    /// Null: as many as one likes.
    #[schema(minimum = 0)]
    purchase_limit_daily: Option<i32>,
    #[schema(minimum = 0)]
    purchase_limit_monthly: Option<i32>,
    #[schema(max_items = 1_000)]
    product_ids: Option<Vec<String>>,
    #[schema(max_items = 1_000)]
    product_access: Option<Vec<EntryBody>>,
    /// Whether the shop knows who this is.
    verified: Option<bool>,
    /// Whether buyers are sent what the API delivers.
    deliver_by_mail: Option<bool>,
    /// In whose name that mail comes.
    #[schema(max_length = 200)]
    display_name: Option<String>,
    /// Where its answers go.
    reply_to: Option<String>,
}
