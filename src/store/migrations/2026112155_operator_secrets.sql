-- Secrets of cgo itself, such as the token of its bot; those of projects have a table of their own and go with them.
create table operator_secret (
    name text primary key not null,
    key_id text not null,
    sealed text not null,
    created_at bigint not null,
    updated_at bigint not null
);
