pub mod web_address;
