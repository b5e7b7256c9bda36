mod dynamic;
mod mails;
mod money;
mod webhooks;
