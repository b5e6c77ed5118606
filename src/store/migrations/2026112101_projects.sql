-- What cgo made or took over. The name is how people and hosts call a project, so it is unique.
create table project (
    id text primary key not null,
    name text not null unique,
    title text not null,
    description text not null,
    folder text not null,
    -- JSON: a list of module names
    modules text not null,
    status text not null,
    created_at bigint not null,
    updated_at bigint not null
);
