mod dynamic;
mod mails;
