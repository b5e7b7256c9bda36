-- Files that products sell. A row says that its object lies whole in the file store, under shop and id:
-- the object is written first, so a row never names what is not there.
create table files (
    shop_id      uuid        not null,
    id           uuid        not null,
    -- As the buyer's disk will call it: one plain segment.
    name         text        not null check (name <> '' and octet_length(name) <= 255 and name !~ '[/\\]'),
    size_bytes   bigint      not null check (size_bytes > 0),
    sha256       bytea       not null check (octet_length(sha256) = 32),
    content_type text        not null,
    created_at   timestamptz not null,
    primary key (shop_id, id)
);
alter table products add constraint products_file_of_shop foreign key (shop_id, file_id) references files (shop_id, id);
