//! Money is whole minor units of a currency, never a float. Everything that multiplies or adds
//! amounts does it here, checked.

use iso_currency::Currency as Iso;
use serde::{Serialize, Serializer};

/// The largest amount a JSON number carries exactly into any client: 2^53 - 1.
pub const MAX_CENTS: i64 = 9_007_199_254_740_991;

/// An amount in minor units (cents of a dollar, yen, fils), up to [`MAX_CENTS`] either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(i64);

impl Cents {
    pub const ZERO: Self = Self(0);

    /// `None` beyond [`MAX_CENTS`].
    #[must_use]
    pub fn new(cents: i64) -> Option<Self> {
        (-MAX_CENTS..=MAX_CENTS).contains(&cents).then_some(Self(cents))
    }

    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// `None` where the product is no longer an amount.
    #[must_use]
    pub fn times(self, quantity: i64) -> Option<Self> {
        self.0.checked_mul(quantity).and_then(Self::new)
    }

    #[must_use]
    pub const fn negated(self) -> Self {
        Self(-self.0)
    }

    /// `None` where the sum is no longer an amount.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::new)
    }
}

impl Serialize for Cents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

/// A share of 0 to 100 percent, exact to four digits behind the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(i32);

impl Percent {
    const DIGITS: usize = 4;
    const WHOLE: i32 = 1_000_000;

    /// Of ten-thousandths of a percent, as it is kept; `None` beyond 0 to 100 percent.
    #[must_use]
    pub fn new(ten_thousandths: i32) -> Option<Self> {
        (0..=Self::WHOLE).contains(&ten_thousandths).then_some(Self(ten_thousandths))
    }

    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// `12.5`; `None` beyond 0 to 100, or with more than four digits behind the point.
    #[must_use]
    pub fn parse(decimal: &str) -> Option<Self> {
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
        let fraction = fraction.trim_end_matches('0');
        let plain = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || fraction.len() > Self::DIGITS || !plain(whole) || !plain(fraction) {
            return None;
        }
        Self::new(format!("{whole}{fraction:0<width$}", width = Self::DIGITS).parse().ok()?)
    }

    /// This share of an amount, rounded half away from zero: the one place where a percentage is applied.
    #[must_use]
    pub fn of(self, amount: Cents) -> Cents {
        let whole = i128::from(Self::WHOLE);
        let exact = i128::from(amount.0) * i128::from(self.0);
        let rounded = (exact.abs() + whole / 2) / whole;
        Cents(i64::try_from(rounded * exact.signum()).unwrap_or(amount.0))
    }

    /// As a JSON number: `12.5`.
    #[must_use]
    pub fn number(self) -> serde_json::Number {
        let (whole, fraction) = (self.0 / 10_000, self.0 % 10_000);
        let text = format!("{whole}.{fraction:04}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        text.parse().unwrap_or_else(|_| whole.into())
    }
}

/// A currency that money is kept in: ISO 4217, upper case, with a known exponent (so no gold, no
/// test codes, no `XXX`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency(Iso);

impl Currency {
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let upper = code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
        let iso = if upper { Iso::from_code(code) } else { None }?;
        iso.exponent().map(|_| Self(iso))
    }

    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many of an amount's digits stand behind the point: 2 for USD, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn exponent(self) -> u16 {
        self.0.exponent().unwrap_or(2)
    }

    /// `49.00 USD`: for people to read.
    #[must_use]
    pub fn display(self, amount: Cents) -> String {
        format!("{} {}", self.decimal(amount), self.code())
    }

    /// Major units as a JSON number: `49.0`. Up to fifteen digits a client that reads numbers as binary
    /// fractions gets back the very amount that was meant.
    #[must_use]
    pub fn major(self, amount: Cents) -> serde_json::Number {
        self.decimal(amount).parse().unwrap_or_else(|_| amount.0.into())
    }

    /// Minor units of a decimal such as `49.9`; `None` where it has more digits than the currency, or is no amount.
    #[must_use]
    pub fn minor(self, decimal: &str) -> Option<Cents> {
        let (sign, digits) = decimal.strip_prefix('-').map_or((1, decimal), |digits| (-1, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = fraction.trim_end_matches('0');
        let exponent = usize::from(self.exponent());
        let plain = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || fraction.len() > exponent || !plain(whole) || !plain(fraction) {
            return None;
        }
        let cents: i64 = format!("{whole}{fraction:0<exponent$}").parse().ok()?;
        Cents::new(sign * cents)
    }

    /// `49.00`.
    #[must_use]
    pub fn decimal(self, amount: Cents) -> String {
        let exponent = usize::from(self.exponent());
        let sign = if amount.0 < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", amount.0.unsigned_abs(), width = exponent + 1);
        let (whole, fraction) = digits.split_at(digits.len() - exponent);
        let point = if exponent == 0 { "" } else { "." };
        format!("{sign}{whole}{point}{fraction}")
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_currencies_that_hold_money_are_read() {
        for code in ["usd", "USDD", "XXX", "XAU", "XTS", "", "U$D"] {
            assert_eq!(Currency::parse(code), None, "{code}");
        }
        let exponents = ["USD", "JPY", "KWD"].map(|c| Currency::parse(c).map(Currency::exponent));
        assert_eq!(exponents, [Some(2), Some(0), Some(3)]);
    }

    #[test]
    fn a_percentage_is_read_and_shown_as_it_is_written() {
        for text in ["0", "12.5", "33.3333", "100"] {
            assert_eq!(Percent::parse(text).unwrap().number().to_string(), text);
        }
        for bad in ["", "-1", "100.0001", "33.33333", "1e1", "NaN", ".5"] {
            assert_eq!(Percent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_share_is_rounded_half_away_from_zero() {
        let share = |percent: &str, cents| Percent::parse(percent).unwrap().of(Cents(cents)).get();
        assert_eq!([share("50", 1), share("50", -1), share("33.3333", 300), share("12.5", 100)], [1, -1, 100, 13]);
        assert_eq!(share("100", MAX_CENTS), MAX_CENTS);
    }

    #[test]
    fn amounts_read_like_money() {
        let display = |code: &str, cents| Currency::parse(code).unwrap().display(Cents(cents));
        assert_eq!(display("USD", 4_905), "49.05 USD");
        assert_eq!(display("USD", -5), "-0.05 USD");
        assert_eq!(display("JPY", 1_200), "1200 JPY");
        assert_eq!(display("KWD", 1), "0.001 KWD");
    }

    /// Fifteen digits: what every double carries (IEEE 754).
    const EXACT_MINOR: i64 = 999_999_999_999_999;

    proptest! {
        #[test]
        fn a_decimal_is_read_as_it_is_written(cents in -MAX_CENTS..=MAX_CENTS, code in prop::sample::select(vec!["USD", "JPY", "KWD"])) {
            let currency = Currency::parse(code).unwrap();
            prop_assert_eq!(currency.minor(&currency.decimal(Cents(cents))), Some(Cents(cents)));
        }

        #[test]
        fn a_number_survives_binary_fractions(cents in -EXACT_MINOR..=EXACT_MINOR, code in prop::sample::select(vec!["USD", "JPY", "KWD"])) {
            let currency = Currency::parse(code).unwrap();
            let sent = serde_json::to_string(&currency.major(Cents(cents))).unwrap();
            let read: f64 = sent.parse().unwrap();
            prop_assert_eq!(currency.minor(&format!("{read}")), Some(Cents(cents)));
        }

        #[test]
        fn arithmetic_is_exact_or_refused(a in -MAX_CENTS..=MAX_CENTS, n in 0_i64..100_000) {
            let exact = i128::from(a) * i128::from(n);
            let product = Cents(a).times(n).map(|c| i128::from(c.get()));
            prop_assert_eq!(product, (exact.abs() <= i128::from(MAX_CENTS)).then_some(exact));
        }
    }
}
