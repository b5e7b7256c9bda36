mod web_address;
